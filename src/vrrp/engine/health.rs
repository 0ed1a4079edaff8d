//! Whether a virtual router may run, worked out from scratch each time a fact changes.

use std::sync::Arc;
use std::time::Instant;

use super::instance::settings;
use super::{Event, Output, Router};
use crate::model::Watched;
use crate::vrrp::machine::{Input, Role, Settings};
use crate::vrrp::reason::Fault;

/// Whether a virtual router may run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Health {
    /// It may.
    Ready,
    /// Something that decides has not answered yet.
    Wait(Vec<Watched>),
    /// It cannot, for all of these reasons.
    Fail(Vec<Fault>),
}

impl Health {
    /// What the machine makes of it: it needs one reason.
    fn input(&self) -> Input {
        match self {
            Self::Ready => Input::Ready,
            Self::Wait(_) => Input::Wait,
            Self::Fail(faults) => faults.first().map_or(Input::Ready, |fault| Input::Fail(fault.clone())),
        }
    }
}

impl Router {
    /// Tells the machines what has changed for them.
    pub(super) fn update_health(&mut self, now: Instant) {
        let effects: Vec<_> = self.instances.iter().map(|entry| self.effects(entry)).collect();
        let own: Vec<_> =
            self.instances.iter().zip(&effects).map(|(entry, effects)| self.own_faults(entry, effects)).collect();
        for (at, effects) in effects.into_iter().enumerate() {
            let Some(entry) = self.instances.get(at) else { continue };
            let mut faults = own.get(at).cloned().unwrap_or_default();
            faults.extend(self.group_faults(at, &own));
            let awaited = Self::awaited(&effects);
            let health = if !faults.is_empty() {
                Health::Fail(faults)
            } else if !awaited.is_empty() {
                Health::Wait(awaited)
            } else if self.holds_for_link(entry) {
                match entry.machine.role() {
                    Role::Fault => Health::Fail(vec![Fault::VirtualLinkMissing(entry.interface().to_owned())]),
                    Role::Initialize | Role::Backup | Role::Active => Health::Wait(Vec::new()),
                }
            } else {
                Health::Ready
            };
            let priority = Self::effective_priority(entry, &effects);
            let source = self.source(entry).unwrap_or_else(|| entry.machine.settings().source);
            let settings = Settings {
                ready_to_lead: self.is_ready_to_lead(entry),
                not_before: self.not_before,
                ..settings(&entry.config, priority, source, entry.group.is_some())
            };
            let before = entry.machine.settings().priority;
            let mut changed = false;
            let because = if before == priority { String::new() } else { self.causes(&entry.effects, &effects) };
            let Some(entry) = self.instances.get_mut(at) else { continue };
            entry.effects = effects;
            if settings != *entry.machine.settings() {
                entry.machine.handle(Input::Configure(settings), now);
                changed = before != priority && entry.machine.role() != Role::Initialize;
                if changed && let Some(untold) = entry.priority_pace.tell(priority.value(), now) {
                    let instance = Arc::clone(&entry.name);
                    let (from, to) = (before.value(), priority.value());
                    let event = Event::PriorityChanged { instance, from, to, because, untold };
                    self.outputs.push_back(Output::Event(event));
                }
            }
            self.take_health(at, health, now);
            if changed {
                self.notify_priority(at);
            }
        }
    }

    /// Hands the machine what is new to it. That there are other faults than those that were told is told, too.
    fn take_health(&mut self, at: usize, health: Health, now: Instant) {
        let Some(entry) = self.instances.get_mut(at) else { return };
        let before = entry.health.replace(health.clone());
        if before.as_ref() == Some(&health) {
            return;
        }
        let was_fault = entry.machine.role() == Role::Fault;
        entry.machine.handle(health.input(), now);
        let Health::Fail(faults) = health else { return };
        // One fault that is new is the reason of the change of state, and is told with it.
        if !was_fault && faults.len() < 2 {
            return;
        }
        // The change of state is told first.
        self.drain_one(at, now);
        if let Some(entry) = self.instances.get_mut(at)
            && let Some(untold) = entry.fault_pace.tell((), now)
        {
            let instance = Arc::clone(&entry.name);
            self.outputs.push_back(Output::Event(Event::Faults { instance, faults, untold }));
        }
    }
}
