//! `announce = { ... }`.

use std::time::Duration;

use super::super::read::{Entry, Reader};
use crate::config::draft::AnnouncementsDraft;

const ANNOUNCE: [&str; 4] = ["repeat", "delay", "refresh", "refresh-repeat"];
const DAY: Duration = Duration::from_secs(86_400);

pub(super) fn announce(reader: &mut Reader<'_>, entry: Entry<'_>) -> AnnouncementsDraft {
    let mut draft = AnnouncementsDraft::default();
    let Some(table) = reader.table(entry) else { return draft };
    for entry in reader.entries(table, &ANNOUNCE, "in `announce`") {
        match entry.key {
            "repeat" => draft.repeat = reader.number(entry, 1..=1_000, "a count"),
            "delay" => draft.delay = reader.duration(entry, Duration::ZERO..=DAY, "a time"),
            "refresh" => draft.refresh = reader.duration(entry, Duration::ZERO..=DAY, "a time"),
            _ => draft.refresh_repeat = reader.number(entry, 1..=1_000, "a count"),
        }
    }
    draft
}
