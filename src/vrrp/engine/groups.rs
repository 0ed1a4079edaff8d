//! Sync groups: members are active together or not at all.
//!
//! A member's fault is every member's ([`health`](super::health)). A member whose down timer runs out waits until all
//! have; then all become active at once. A member that stops being active takes the others along, and so does one that
//! joined a group that is active, and finds a master of its own.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::instance::{Entry, Serial};
use super::{Event, Output, Router};
use crate::model::{Notify, SyncGroup};
use crate::vrrp::machine::{Input, Role, State};
use crate::vrrp::reason::Reason;
use crate::vrrp::track::Pace;

/// A sync group.
#[derive(Debug)]
pub(super) struct Group {
    pub(super) name: String,
    /// Places of its members in the list of virtual routers.
    pub(super) members: Vec<usize>,
    pub(super) notify: Notify,
    /// A member that has stopped being active, until the others have been told.
    pub(super) left: Option<String>,
    /// What was told last.
    pub(super) role: Role,
    /// Of changes that begin and end without the addresses.
    pub(super) pace: Pace<Role>,
}

/// A group of which a reload made some members anew while others are active: those listen first, and the group is not
/// together until they have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupSplit {
    /// Its name.
    pub group: String,
    /// Members that are new.
    pub new: Vec<Arc<str>>,
    /// Members that are active.
    pub active: Vec<Arc<str>>,
    /// How long the new ones listen, where that is known.
    pub listening: Option<Duration>,
}

impl fmt::Display for GroupSplit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (group, new, active) = (&self.group, self.new.join(", "), self.active.join(", "));
        write!(
            f,
            "sync group {group} is split: while {active} stays master, {new} is new with this configuration and listens for \
             a master first"
        )?;
        if let Some(listening) = self.listening {
            write!(f, ", for {:.2} s", listening.as_secs_f64())?;
        }
        f.write_str("; where none is heard the group is together again then, and else as soon as one is")
    }
}

/// What a group's members are to do.
enum Step {
    /// Nothing.
    None,
    /// Become active.
    Promote,
    /// Stop being active.
    Demote {
        /// The member that listens to another master.
        member: String,
    },
}

impl Group {
    pub(super) fn new(config: &SyncGroup, members: Vec<usize>, role: Role) -> Self {
        Self {
            name: config.name.clone(),
            members,
            notify: config.notify.clone(),
            left: None,
            role,
            pace: Pace::default(),
        }
    }
}

impl Router {
    /// Moves the members of each group together.
    pub(super) fn coordinate(&mut self, now: Instant) {
        for at in 0..self.groups.len() {
            self.move_together(at, now);
            self.tell_group(at, now);
        }
    }

    fn move_together(&mut self, at: usize, now: Instant) {
        let Some(group) = self.groups.get_mut(at) else { return };
        let name = group.name.clone();
        let left = group.left.take();
        let members = self.running_members(at);
        let input = if let Some(member) = left {
            Input::Demote(Reason::GroupLeft { group: name, member })
        } else {
            match self.next_step(&members) {
                Step::None => return,
                Step::Promote => Input::Promote(Reason::GroupActive(name)),
                Step::Demote { member } => Input::Demote(Reason::GroupFollows { group: name, member }),
            }
        };
        for member in members {
            let Some(entry) = self.instances.get_mut(member) else { continue };
            entry.machine.handle(input.clone(), now);
            self.drain_one(member, now);
        }
        // Those that were just taken along need not take anybody along.
        if let Some(group) = self.groups.get_mut(at) {
            group.left = None;
        }
    }

    /// What members that are not all in one state are to do: they become active when those that are not active all want it,
    /// and stop being active when one listens to another master.
    fn next_step(&self, members: &[usize]) -> Step {
        let mut any_active = false;
        let mut any_expired = false;
        let mut any_reluctant = false;
        let mut follower = None;
        for entry in members.iter().filter_map(|member| self.instances.get(*member)) {
            match entry.machine.state() {
                State::Active(_) => any_active = true,
                State::Backup(backup) if backup.expired => any_expired = true,
                State::Backup(backup) => {
                    any_reluctant = true;
                    if backup.follows {
                        follower = Some(entry.name.to_string());
                    }
                }
                State::Initialize { .. } | State::Fault => any_reluctant = true,
            }
        }
        match follower {
            Some(member) if any_active => Step::Demote { member },
            Some(_) | None if any_expired && !any_reluctant => Step::Promote,
            Some(_) | None => Step::None,
        }
    }

    /// Members that could ever run.
    fn running_members(&self, at: usize) -> Vec<usize> {
        let members = self.groups.get(at).map(|group| group.members.as_slice()).unwrap_or_default();
        members
            .iter()
            .copied()
            .filter(|member| self.instances.get(*member).is_some_and(|entry| entry.duplicate_of.is_none()))
            .collect()
    }

    /// Tells a change of the group's state, once all members have it.
    fn tell_group(&mut self, at: usize, now: Instant) {
        let members = self.running_members(at);
        let mut roles =
            members.iter().filter_map(|member| self.instances.get(*member)).map(|entry| entry.machine.role());
        let Some(first) = roles.next() else { return };
        if roles.any(|role| role != first) {
            return;
        }
        let Some(group) = self.groups.get_mut(at) else { return };
        if group.role == first {
            return;
        }
        let told = if Role::Active == first || Role::Active == group.role {
            Some(group.pace.insist(first))
        } else {
            group.pace.tell(first, now)
        };
        group.role = first;
        let name = group.name.clone();
        if let Some(untold) = told {
            self.outputs.push_back(Output::Event(Event::GroupChanged { group: name, to: first, untold }));
        }
        self.notify_group(at, first);
    }

    /// Tells of groups in which members that are newer than this serial number listen while others are active.
    pub(super) fn tell_splits(&mut self, last: Serial, now: Instant) {
        for at in 0..self.groups.len() {
            let members = self.running_members(at);
            let members = || members.iter().filter_map(|member| self.instances.get(*member));
            let name = |entry: &Entry| Arc::clone(&entry.name);
            let new: Vec<&Entry> = members().filter(|entry| entry.serial > last && !entry.is_active()).collect();
            let active: Vec<Arc<str>> = members().filter(|entry| entry.is_active()).map(name).collect();
            let Some(group) = self.groups.get(at).filter(|_| !new.is_empty() && !active.is_empty()) else { continue };
            let listening = new.iter().map(|entry| match entry.machine.state() {
                State::Backup(backup) => Some(backup.down_at.saturating_duration_since(now)),
                State::Initialize { .. } | State::Active(_) | State::Fault => None,
            });
            let split = GroupSplit {
                group: group.name.clone(),
                active,
                listening: listening.collect::<Option<Vec<_>>>().and_then(|times| times.into_iter().max()),
                new: new.into_iter().map(name).collect(),
            };
            self.outputs.push_back(Output::Event(Event::GroupSplit(split)));
        }
    }

    /// Names of the groups' members, as places in the list.
    pub(super) fn join_groups(&mut self) {
        let before: Vec<(String, Role)> = self.groups.iter().map(|group| (group.name.clone(), group.role)).collect();
        let config = Arc::clone(&self.config);
        self.groups.clear();
        for (number, group) in config.sync_groups.iter().enumerate() {
            let mut members = Vec::new();
            for (at, entry) in self.instances.iter_mut().enumerate() {
                // One group for each router: the first that names it.
                if entry.group.is_none() && group.members.iter().any(|name| **name == *entry.name) {
                    entry.group = Some(number);
                    members.push(at);
                }
            }
            let role = before.iter().find(|(name, _)| *name == group.name).map_or(Role::Initialize, |(_, role)| *role);
            self.groups.push(Group::new(group, members, role));
        }
    }
}
