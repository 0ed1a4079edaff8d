//! `notify*`: whom a change of state is told.

use super::super::tree::Statement;
use super::super::walk::Walk;
use crate::model::{Command, Notify};

/// One of the words that begin with `notify`.
pub(super) fn word(walk: &mut Walk<'_>, notify: &mut Notify, statement: Statement<'_>) -> bool {
    if statement.name() == "notify_deleted" {
        notify.tell_deleted = true;
    }
    let slot = match statement.name() {
        "notify_master" => &mut notify.master,
        "notify_backup" => &mut notify.backup,
        "notify_fault" => &mut notify.fault,
        "notify_stop" => &mut notify.stop,
        "notify_deleted" => &mut notify.deleted,
        "notify_master_rx_lower_pri" => &mut notify.lower_priority,
        "notify" => &mut notify.any,
        _ => return false,
    };
    let (words, user) = walk.command(statement);
    *slot = (!words.is_empty()).then_some(Command { words, user });
    true
}
