//! Whom a change of state is told.

use super::super::RunAs;

/// A command to run: its words, quotes already taken off, and who runs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    /// Never empty.
    pub words: Vec<String>,
    /// Who runs it; the daemon-wide user if none.
    pub user: Option<RunAs>,
}

/// Scripts called at a change of state.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Notify {
    /// `notify_master`.
    pub master: Option<Command>,
    /// `notify_backup`.
    pub backup: Option<Command>,
    /// `notify_fault`.
    pub fault: Option<Command>,
    /// `notify_stop`.
    pub stop: Option<Command>,
    /// `notify_deleted`'s script: a reload took the router away.
    pub deleted: Option<Command>,
    /// `notify_deleted` is written, with a script or without: a router that a reload takes away is told as `DELETED`.
    /// Otherwise it is told as `FAULT`.
    pub tell_deleted: bool,
    /// `notify_master_rx_lower_pri`.
    pub lower_priority: Option<Command>,
    /// `notify`: called for every change with `INSTANCE|GROUP`, name, state, priority.
    pub any: Option<Command>,
    /// `notify_priority_changes`: the FIFOs are told of a changed effective priority too.
    pub priority_changes: bool,
}

/// A named pipe that is told every change, a line each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fifo {
    /// Its path; made if it is not there.
    pub path: String,
    /// Whose it is, when we make it.
    pub owner: Option<RunAs>,
    /// `notify_fifo_script`: started once, with the path as its last argument, to read it.
    pub script: Option<Command>,
}
