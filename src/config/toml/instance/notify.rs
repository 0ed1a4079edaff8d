//! `notify = { ... }`.

use ::toml::de::DeValue;

use super::super::read::{Entry, Reader};
use super::super::top;
use crate::model::{Command, Notify};

const NOTIFY: [&str; 8] = ["master", "backup", "fault", "stop", "deleted", "lower-priority", "any", "priority-changes"];

/// Whom a change of state is told; and whether changed priorities are told too.
pub(in crate::config::toml) fn notify(reader: &mut Reader<'_>, entry: Entry<'_>) -> (Notify, Option<bool>) {
    let mut notify = Notify::default();
    let mut changes = None;
    let Some(table) = reader.table(entry) else { return (notify, changes) };
    for entry in reader.entries(table, &NOTIFY, "in `notify`") {
        match entry.key {
            "master" => notify.master = command(reader, entry),
            "backup" => notify.backup = command(reader, entry),
            "fault" => notify.fault = command(reader, entry),
            "stop" => notify.stop = command(reader, entry),
            // Whoever listens is told, with a script of its own or without.
            "deleted" => {
                notify.tell_deleted = entry.value.as_bool() != Some(false);
                if entry.value.as_bool().is_none() {
                    notify.deleted = command(reader, entry);
                }
            }
            "lower-priority" => notify.lower_priority = command(reader, entry),
            "any" => notify.any = command(reader, entry),
            _ => changes = reader.flag(entry),
        }
    }
    (notify, changes)
}

/// A command, or a table with one and who runs it.
pub(in crate::config::toml) fn command(reader: &mut Reader<'_>, entry: Entry<'_>) -> Option<Command> {
    let DeValue::Table(table) = entry.value else {
        return reader.command(entry).map(|words| Command { words, user: None });
    };
    let (mut words, mut user) = (None, None);
    for entry in reader.entries(table, &["command", "user"], "of a command") {
        match entry.key {
            "command" => words = Some((reader.command(entry), entry.span)),
            _ => user = top::run_as(reader, entry),
        }
    }
    match words {
        Some((words, span)) => words.map(|words| {
            if let Some(program) = words.first() {
                reader.report.note_program(program, user.as_ref(), span);
            }
            Command { words, user }
        }),
        None => {
            reader.missing(entry.span, "this entry", "command");
            None
        }
    }
}
