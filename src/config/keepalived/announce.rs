//! `garp_*` and `watch_rivals`: when neighbours are told; of one router, or of all with `vrrp_` before the word.

use std::time::Duration;

use super::tree::{Statement, Value};
use super::values::{IGNORED, Instead};
use super::walk::Walk;
use crate::config::diagnostic::{Code, Diagnostic};
use crate::config::draft::AnnouncementsDraft;
use crate::config::source::Spanned;

/// One of the words.
pub(super) fn word(walk: &mut Walk<'_>, into: &mut AnnouncementsDraft, statement: Statement<'_>) -> bool {
    let name = statement.name();
    let name = name.strip_prefix("vrrp_").unwrap_or(name);
    if name == "min_garp" {
        into.least = walk.flag(statement).unwrap_or(false);
        return true;
    }
    if name == "watch_rivals" {
        into.watch_rivals = walk.flag(statement);
        return true;
    }
    let Some(value) = statement.word(1) else { return false };
    match name {
        "garp_master_delay" => into.delay = walk.time(value, IGNORED).or(into.delay),
        "garp_master_repeat" => {
            into.repeat = walk.whole(value, Instead("taken as 1, as in keepalived")).or(Some(1));
        }
        "garp_master_refresh" => into.refresh = walk.time(value, IGNORED).or(into.refresh),
        "garp_master_refresh_repeat" => {
            into.refresh_repeat = walk.whole(value, IGNORED).or(into.refresh_repeat);
        }
        "garp_lower_prio_delay" => {
            let delay = walk.time(value, IGNORED);
            into.lower_delay = delay.map(|delay| Spanned::new(delay, value.span)).or(into.lower_delay);
        }
        "garp_lower_prio_repeat" => {
            let repeat = walk.whole(value, IGNORED);
            into.lower_repeat = repeat.map(|repeat| Spanned::new(repeat, value.span)).or(into.lower_repeat);
        }
        "garp_interval" => into.arp_interval = interval(walk, statement),
        "gna_interval" => into.na_interval = interval(walk, statement),
        "garp_extra_if" | "vmac_garp_intvl" => {
            let all = value.text == "all";
            let time = if all { statement.word(2) } else { Some(value) };
            let Some(time) = time else {
                walk.say(
                    Diagnostic::warning(Code::MissingValue, value.span, "`all` lacks its seconds")
                        .help("ignored: announcements go out as usual"),
                );
                return true;
            };
            into.extra = walk.time(time, IGNORED).map(|time| (time, all)).or(into.extra);
        }
        _ => return false,
    }
    true
}

/// 0 bytes for a buffer: keepalived takes them, and asks the kernel for nothing.
pub(super) fn no_buffer(walk: &mut Walk<'_>, value: Value<'_>) {
    walk.say(
        Diagnostic::note(Code::WithoutEffect, value.span, "0 bytes ask for no buffer")
            .help("the buffer is as large as if the line were not there, as in keepalived"),
    );
}

/// The least time between two announcements.
pub(super) fn interval(walk: &mut Walk<'_>, statement: Statement<'_>) -> Option<Duration> {
    statement.word(1).and_then(|value| walk.time(value, IGNORED))
}
