//! `announce = { ... }`.

use std::time::Duration;

use super::super::read::{Entry, Reader};
use crate::config::draft::AnnouncementsDraft;
use crate::config::source::Spanned;

/// As long as keepalived takes: as many microseconds as a signed number of 32 bits holds.
pub(in crate::config::toml) const LONGEST_SPACING: Duration = Duration::from_micros(2_147_483_647);

const ANNOUNCE: [&str; 11] = [
    "repeat",
    "delay",
    "lower-priority-repeat",
    "lower-priority-delay",
    "refresh",
    "refresh-repeat",
    "arp-interval",
    "na-interval",
    "elsewhere",
    "elsewhere-all",
    "watch-rivals",
];
const DAY: Duration = Duration::from_secs(86_400);

pub(super) fn announce(reader: &mut Reader<'_>, entry: Entry<'_>) -> AnnouncementsDraft {
    let mut draft = AnnouncementsDraft::default();
    let Some(table) = reader.table(entry) else { return draft };
    let (mut extra, mut all) = (None, false);
    for entry in reader.entries(table, &ANNOUNCE, "in `announce`") {
        let day = Duration::ZERO..=DAY;
        let spacing = Duration::ZERO..=LONGEST_SPACING;
        match entry.key {
            "repeat" => draft.repeat = reader.number(entry, 1..=1_000, "a count"),
            "delay" => draft.delay = reader.duration(entry, day, "a time"),
            "lower-priority-repeat" => {
                let repeat = reader.number(entry, 0..=1_000, "a count");
                draft.lower_repeat = repeat.map(|repeat| Spanned::new(repeat, entry.span));
            }
            "lower-priority-delay" => {
                let delay = reader.duration(entry, day, "a time");
                draft.lower_delay = delay.map(|delay| Spanned::new(delay, entry.span));
            }
            "refresh" => draft.refresh = reader.duration(entry, day, "a time"),
            "refresh-repeat" => draft.refresh_repeat = reader.number(entry, 1..=1_000, "a count"),
            "arp-interval" => draft.arp_interval = reader.duration(entry, spacing, "a time"),
            "na-interval" => draft.na_interval = reader.duration(entry, spacing, "a time"),
            "elsewhere" => extra = reader.duration(entry, day, "a time"),
            "watch-rivals" => draft.watch_rivals = reader.flag(entry),
            _ => all = reader.flag(entry).unwrap_or(false),
        }
    }
    draft.extra = extra.map(|time| (time, all));
    draft
}
