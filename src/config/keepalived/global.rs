//! `global_defs`.

use std::net::IpAddr;
use std::num::NonZeroU32;

use super::super::diagnostic::{Code, Diagnostic};
use super::tree::Statement;
use super::values::{IGNORED, Instead};
use super::walk::Walk;
use super::{announce, surroundings};
use crate::model::{GroupMarks, OnStop, VrrpVersion};

/// The kernel keeps timeouts up to 31 days.
const LONGEST_TIMEOUT: i64 = 31 * 86_400;
const VERSIONS: [(&str, VrrpVersion); 2] = [("2", VrrpVersion::V2), ("3", VrrpVersion::V3)];

/// One word of `global_defs`.
pub(super) fn word(walk: &mut Walk<'_>, _: &mut (), statement: Statement<'_>) -> bool {
    let name = statement.name();
    let value = statement.word(1);
    match name {
        // Done while the file was read; here it is only looked at.
        "include_check" => include_check(walk, statement),
        "random_seed" => {
            let _: Option<u32> = value.and_then(|value| walk.whole(value, IGNORED));
        }
        "router_id" => walk.draft.global.router_id = value.map(|value| value.text.to_owned()),
        "script_user" => {
            let user = walk.run_as(statement);
            if let Some(span) = value.map(|value| value.span) {
                walk.report.note_program("", user.as_ref(), span);
            }
            walk.draft.global.script_user = user;
        }
        "enable_script_security" => walk.draft.global.script_security = true,
        "checker_log_all_failures" => {
            let global = &mut walk.draft.global;
            let before = global.tells_failures;
            walk.draft.global.tells_failures = walk.flag(statement).unwrap_or(before);
        }
        "rs_init_notifies" => walk.draft.global.tell_servers_at_start = true,
        "lvs_flush" => walk.draft.global.exclusive = true,
        "lvs_drain" => {
            let drain = value.and_then(|value| walk.time(value, IGNORED));
            walk.draft.global.drain = drain.or(walk.draft.global.drain);
        }
        "path_marks" => {
            let first: Option<u32> = value.and_then(|value| walk.whole(value, IGNORED));
            walk.draft.global.path_marks = first.and_then(NonZeroU32::new);
        }
        "lvs_flush_on_stop" | "lvs_flush_onstop" => {
            let flush = match value {
                None => true,
                Some(value) => walk.choice(value, &[("VS", false)], Instead("the table is emptied")).unwrap_or(true),
            };
            walk.draft.global.on_stop = if flush { OnStop::Flush } else { OnStop::Remove };
        }
        // It gives the other two their defaults back, as in keepalived.
        "nftables_ipvs" => {
            let table = value.and_then(|value| surroundings::table(walk, value, "taken as `keepalived_ipvs`"));
            let table = table.unwrap_or_else(|| GroupMarks::TABLE.to_owned());
            walk.draft.global.group_marks = Some(GroupMarks { table, ..GroupMarks::default() });
        }
        "nftables_ipvs_priority" | "nftables_ipvs_start_fwmark" => {
            let Some(value) = value else { return true };
            let (mut priority, mut first) = (None, None);
            if name == "nftables_ipvs_priority" {
                priority = walk.whole(value, IGNORED);
            } else {
                first = walk.whole(value, IGNORED).and_then(NonZeroU32::new);
            }
            match &mut walk.draft.global.group_marks {
                Some(marks) => {
                    marks.priority = priority.unwrap_or(marks.priority);
                    marks.first = first.unwrap_or(marks.first);
                }
                None => walk.say(
                    Diagnostic::warning(
                        Code::Idle,
                        value.span,
                        format!("`{name}` does nothing before `nftables_ipvs`"),
                    )
                    .help("ignored, as in keepalived; write `nftables_ipvs` first"),
                ),
            }
        }
        "lvs_timeouts" => timeouts(walk, statement),
        "vrrp_version" => {
            if let Some(version) = value.and_then(|value| walk.choice(value, &VERSIONS, IGNORED)) {
                walk.draft.defaults.version = version;
            }
        }
        "vrrp_mcast_group4" | "vrrp_mcast_group6" => {
            let Some(value) = value else { return true };
            match (walk.multicast(value), name) {
                (Some(IpAddr::V4(group)), "vrrp_mcast_group4") => walk.draft.defaults.group_v4 = Some(group),
                (Some(IpAddr::V6(group)), "vrrp_mcast_group6") => walk.draft.defaults.group_v6 = Some(group),
                (Some(_), _) => walk.bad(value, "a multicast address of this family", IGNORED),
                (None, _) => {}
            }
        }
        "vrrp_notify_priority_changes" => {
            walk.draft.defaults.priority_changes = walk.flag(statement).unwrap_or(false);
        }
        // One that is too long for the kernel once the number is behind it counts for nothing.
        "vmac_prefix" => {
            walk.draft.defaults.vmac_prefix = value.and_then(|value| walk.interface(value, Instead("taken as `vrrp`")));
        }
        "vmac_addr_prefix" => {
            walk.draft.defaults.vmac_address_prefix =
                value.and_then(|value| walk.interface(value, Instead("taken as `vmac_prefix`")));
        }
        "vrrp_strict" => walk.draft.defaults.strict = true,
        "vrrp_skip_check_adv_addr" => walk.draft.defaults.skip_address_check = true,
        "vrrp_check_unicast_src" => walk.draft.defaults.check_source = true,
        "v3_checksum_as_v2" => walk.draft.defaults.without_pseudo_header = walk.flag(statement).unwrap_or(false),
        _ => {
            if surroundings::word(walk, statement) {
                return true;
            }
            let mut announcements = walk.draft.defaults.announcements;
            let known = announce::word(walk, &mut announcements, statement);
            walk.draft.defaults.announcements = announcements;
            if known {
                return true;
            }
            let mut defaults = walk.draft.defaults.election;
            let known = super::instance::election(walk, &mut defaults, statement);
            walk.draft.defaults.election = defaults;
            return known;
        }
    }
    true
}

/// The version of VRRP.
pub(super) fn version(walk: &mut Walk<'_>, statement: Statement<'_>) -> Option<VrrpVersion> {
    statement.word(1).and_then(|value| walk.choice(value, &VERSIONS, Instead("the version of `global_defs` holds")))
}

/// The words of `include_check`, of which the reader of files has made what there is to be made.
fn include_check(walk: &mut Walk<'_>, statement: Statement<'_>) {
    for (at, word) in statement.arguments().enumerate() {
        let demand = word.text.trim_start_matches(['+', '-']);
        if at > 0 && demand == word.text {
            walk.say(
                Diagnostic::warning(Code::ExtraValue, word.span, format!("`{demand}` is not heard"))
                    .mark("ignored, as in keepalived")
                    .help(format!("after the first word only those with a sign are: `+{demand}`")),
            );
        } else if demand == "readable" {
            walk.say(
                Diagnostic::note(Code::Foreign, word.span, "keepalived 2.2.7 does not know `readable`")
                    .help("taken as its documentation has it: whatever an include finds must be a file to be read"),
            );
        } else if !["match", "wildcard_match", "brace_match"].contains(&demand) {
            walk.bad(word, "`readable`, `match`, `wildcard_match` or `brace_match`", IGNORED);
        }
    }
}

fn timeouts(walk: &mut Walk<'_>, statement: Statement<'_>) {
    let mut words = statement.arguments();
    while let Some(kind) = words.next() {
        let Some(value) = words.next() else {
            walk.say(
                Diagnostic::warning(Code::MissingValue, kind.span, format!("`{}` lacks its seconds", kind.text))
                    .help("the kernel's value stays"),
            );
            return;
        };
        let Some(which) =
            walk.choice(kind, &[("tcp", 0), ("tcpfin", 1), ("udp", 2)], Instead("the kernel's value stays"))
        else {
            continue;
        };
        let secs = walk
            .fits::<u32>(value, 1..=LONGEST_TIMEOUT, "a timeout", Instead("the kernel's value stays"))
            .and_then(NonZeroU32::new);
        let timeouts = &mut walk.draft.global.timeouts;
        match which {
            0 => timeouts.tcp_secs = secs,
            1 => timeouts.tcp_fin_secs = secs,
            _ => timeouts.udp_secs = secs,
        }
    }
}
