//! Whether a virtual router may run, worked out from scratch each time a fact changes.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use super::instance::{Entry, settings};
use super::{Event, Listener, Output, Router};
use crate::model::{Transport, Watched};
use crate::vrrp::machine::{Input, Role};
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
            } else {
                Health::Ready
            };
            let priority = Self::effective_priority(entry, &effects);
            let source = self.source(entry).unwrap_or_else(|| entry.machine.settings().source);
            let settings = settings(&entry.config, priority, source, entry.group.is_some());
            let before = entry.machine.settings().priority;
            let because = if before == priority { String::new() } else { self.causes(&entry.effects, &effects) };
            let Some(entry) = self.instances.get_mut(at) else { continue };
            entry.effects = effects;
            if settings != *entry.machine.settings() {
                entry.machine.handle(Input::Configure(settings), now);
                if before != priority
                    && entry.machine.role() != Role::Initialize
                    && let Some(untold) = entry.priority_pace.tell(now)
                {
                    let instance = Arc::clone(&entry.name);
                    let (from, to) = (before.value(), priority.value());
                    let event = Event::PriorityChanged { instance, from, to, because, untold };
                    self.outputs.push_back(Output::Event(event));
                }
            }
            self.take_health(at, health, now);
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
            && let Some(untold) = entry.fault_pace.tell(now)
        {
            let instance = Arc::clone(&entry.name);
            self.outputs.push_back(Output::Event(Event::Faults { instance, faults, untold }));
        }
    }

    /// The address that adverts leave from: as configured, or the interface's first that is nobody's virtual address. An
    /// owner's virtual address is its own, and good enough.
    pub(super) fn source(&self, entry: &Entry) -> Option<IpAddr> {
        if let Some(source) = entry.configured_source() {
            return Some(source);
        }
        let index = self.base(entry)?.index;
        let mut own =
            self.addresses.get(&index)?.iter().filter_map(|(address, _)| address.is_ipv4().then_some(*address));
        let first = own.clone().find(|address| !self.is_virtual(*address));
        if entry.is_owner() { first.or_else(|| own.next()) } else { first }
    }

    fn is_virtual(&self, address: IpAddr) -> bool {
        self.instances.iter().any(|entry| entry.virtual_addresses().any(|virtual_one| virtual_one.address == address))
    }

    /// Works out which sockets are needed: one an interface, with the groups of all that speak on it.
    pub(super) fn update_listeners(&mut self) {
        let mut listeners: Vec<Listener> = Vec::new();
        for entry in &self.instances {
            let Some(link) = self.voice(entry) else { continue };
            let at = match listeners.iter().position(|listener| listener.index == link.index) {
                Some(at) => at,
                None => {
                    let groups = std::collections::BTreeSet::new();
                    listeners.push(Listener { index: link.index, interface: link.name.clone(), groups });
                    listeners.len() - 1
                }
            };
            if let (Some(listener), Transport::Multicast { group: IpAddr::V4(group), .. }) =
                (listeners.get_mut(at), &entry.config.transport)
            {
                listener.groups.insert(*group);
            }
        }
        if listeners != self.listeners {
            self.listeners.clone_from(&listeners);
            self.outputs.push_back(Output::Listen(listeners));
        }
    }
}
