//! `notify = { ... }`.

use super::super::read::{Entry, Reader};
use crate::model::{Command, Notify};

const NOTIFY: [&str; 5] = ["master", "backup", "fault", "stop", "any"];

/// `notify = { master = "...", ... }`.
pub(in crate::config::toml) fn notify(reader: &mut Reader<'_>, entry: Entry<'_>) -> Notify {
    let mut notify = Notify::default();
    let Some(table) = reader.table(entry) else { return notify };
    for entry in reader.entries(table, &NOTIFY, "in `notify`") {
        let command = reader.command(entry).filter(|words| !words.is_empty());
        let command = command.map(|words| Command { words, user: None });
        match entry.key {
            "master" => notify.master = command,
            "backup" => notify.backup = command,
            "fault" => notify.fault = command,
            "stop" => notify.stop = command,
            _ => notify.any = command,
        }
    }
    notify
}
