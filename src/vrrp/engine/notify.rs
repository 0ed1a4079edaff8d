//! Whom a change is told beside the log: scripts and named pipes, in keepalived's words.
//!
//! A script for the state comes first, then the general one with four words more: kind, name, state, priority (a group has
//! none, and gets 0). A pipe gets one line for each change, in the order of the changes:
//! `INSTANCE "VI_1" MASTER 100`, `GROUP "VG_1" BACKUP 0`.

use super::{Output, Router};
use crate::model::{Command, Notice, Notify};
use crate::vrrp::machine::Role;

/// What is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Told {
    Master,
    Backup,
    Fault,
    Stop,
    Deleted,
    LowerPriority,
    MasterPriority,
    BackupPriority,
}

impl Told {
    const fn word(self) -> &'static str {
        match self {
            Self::Master => "MASTER",
            Self::Backup => "BACKUP",
            Self::Fault => "FAULT",
            Self::Stop => "STOP",
            Self::Deleted => "DELETED",
            Self::LowerPriority => "MASTER_RX_LOWER_PRI",
            Self::MasterPriority => "MASTER_PRIORITY",
            Self::BackupPriority => "BACKUP_PRIORITY",
        }
    }

    /// The script that is for this alone.
    const fn own(self, notify: &Notify) -> Option<&Command> {
        match self {
            Self::Master => notify.master.as_ref(),
            Self::Backup => notify.backup.as_ref(),
            Self::Fault => notify.fault.as_ref(),
            Self::Stop => notify.stop.as_ref(),
            Self::Deleted => notify.deleted.as_ref(),
            Self::LowerPriority => notify.lower_priority.as_ref(),
            Self::MasterPriority | Self::BackupPriority => None,
        }
    }

    /// Whether the general script is called.
    const fn is_state(self) -> bool {
        match self {
            Self::Master | Self::Backup | Self::Fault | Self::Stop | Self::Deleted => true,
            Self::LowerPriority | Self::MasterPriority | Self::BackupPriority => false,
        }
    }
}

const fn told(role: Role) -> Option<Told> {
    match role {
        Role::Initialize => None,
        Role::Backup => Some(Told::Backup),
        Role::Active => Some(Told::Master),
        Role::Fault => Some(Told::Fault),
    }
}

impl Router {
    /// A router has a new state.
    pub(super) fn notify_state(&mut self, at: usize, role: Role) {
        if let Some(told) = told(role) {
            self.tell_instance(at, told);
        }
    }

    /// A router ends with the daemon.
    pub(super) fn notify_stopped(&mut self, at: usize) {
        self.tell_instance(at, Told::Stop);
    }

    /// A router is gone from the configuration. As in keepalived, it is told as a fault unless `notify_deleted` is written.
    pub(super) fn notify_deleted(&mut self, at: usize) {
        let deleted = self.instances.get(at).is_some_and(|entry| entry.config.notify.tell_deleted);
        self.tell_instance(at, if deleted { Told::Deleted } else { Told::Fault });
    }

    /// While it is active, another one of lower priority advertises.
    pub(super) fn notify_lower_priority(&mut self, at: usize) {
        self.tell_instance(at, Told::LowerPriority);
    }

    /// Its effective priority has changed. Only pipes are told, and only if somebody asked for it.
    pub(super) fn notify_priority(&mut self, at: usize) {
        let Some(entry) = self.instances.get(at).filter(|entry| entry.config.notify.priority_changes) else { return };
        match entry.machine.role() {
            Role::Active => self.tell_instance(at, Told::MasterPriority),
            Role::Backup => self.tell_instance(at, Told::BackupPriority),
            Role::Initialize | Role::Fault => {}
        }
    }

    fn tell_instance(&mut self, at: usize, told: Told) {
        let Some(entry) = self.instances.get(at) else { return };
        let priority = entry.machine.settings().priority.value();
        let commands = commands(&entry.config.notify, told, "INSTANCE", &entry.name, priority);
        let name = entry.name.to_string();
        self.spread("INSTANCE", &name, told, priority, commands);
    }

    /// A group has a new state.
    pub(super) fn notify_group(&mut self, at: usize, role: Role) {
        if let Some(told) = told(role) {
            self.tell_a_group(at, told);
        }
    }

    /// All groups end with the daemon.
    pub(super) fn notify_groups_stopped(&mut self) {
        for at in 0..self.groups.len() {
            self.tell_a_group(at, Told::Stop);
        }
    }

    fn tell_a_group(&mut self, at: usize, told: Told) {
        let Some(group) = self.groups.get(at) else { return };
        let commands = commands(&group.notify, told, "GROUP", &group.name, 0);
        let name = group.name.clone();
        self.spread("GROUP", &name, told, 0, commands);
    }

    /// After a reload: pipes hear every state again, if somebody asked for it.
    pub(super) fn repeat_states(&mut self) {
        if !self.config.router.fifo_states_on_reload {
            return;
        }
        let mut lines = Vec::new();
        for group in &self.groups {
            lines.extend(told(group.role).map(|told| line("GROUP", &group.name, told, 0)));
        }
        for entry in &self.instances {
            let priority = entry.machine.settings().priority.value();
            lines.extend(told(entry.machine.role()).map(|told| line("INSTANCE", &entry.name, told, priority)));
        }
        self.outputs.extend(lines.into_iter().map(Output::Fifo));
    }

    fn spread(&mut self, kind: &str, name: &str, told: Told, priority: u8, commands: Vec<Command>) {
        if self.config.router.notify_fifo.is_some() || self.config.router.router_fifo.is_some() {
            self.outputs.push_back(Output::Fifo(line(kind, name, told, priority)));
        }
        if !commands.is_empty() {
            let user = self.config.global.script_user.clone();
            self.outputs.push_back(Output::Notify(Notice { subject: format!("{kind} {name}"), commands, user }));
        }
    }
}

fn line(kind: &str, name: &str, told: Told, priority: u8) -> String {
    format!("{kind} \"{name}\" {} {priority}\n", told.word())
}

fn commands(notify: &Notify, told: Told, kind: &str, name: &str, priority: u8) -> Vec<Command> {
    let mut commands: Vec<Command> = told.own(notify).cloned().into_iter().collect();
    if let Some(any) = notify.any.as_ref().filter(|_| told.is_state()) {
        let mut command = any.clone();
        command.words.extend([kind.to_owned(), name.to_owned(), told.word().to_owned(), priority.to_string()]);
        commands.push(command);
    }
    commands
}
