//! Whether a virtual router may run, worked out from scratch each time a fact changes.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use super::instance::{Entry, Kind, settings};
use super::{Event, Listener, Output, Router};
use crate::model::{Ipvlan, Priority, Transport, VirtualLink};
use crate::vrrp::machine::{Input, Role};
use crate::vrrp::reason::Fault;
use crate::vrrp::track;

/// Whether a virtual router may run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Health {
    /// It may.
    Ready,
    /// A script that decides has not answered yet.
    Wait,
    /// It cannot.
    Fail(Fault),
}

impl Router {
    /// Tells the machines what has changed for them.
    pub(super) fn update_health(&mut self, now: Instant) {
        let own: Vec<Health> = self.instances.iter().map(|entry| self.own_health(entry)).collect();
        for at in 0..self.instances.len() {
            let Some(entry) = self.instances.get(at) else { continue };
            let health = match own.get(at) {
                Some(Health::Fail(fault)) => Health::Fail(fault.clone()),
                Some(health) => self.group_fault(at, &own).map_or_else(|| health.clone(), Health::Fail),
                None => continue,
            };
            let priority = self.effective_priority(entry);
            let source = self.source(entry).unwrap_or_else(|| entry.machine.settings().source);
            let settings = settings(&entry.config, priority, source, entry.group.is_some());
            let before = entry.machine.settings().priority;
            let Some(entry) = self.instances.get_mut(at) else { continue };
            if settings != *entry.machine.settings() {
                entry.machine.handle(Input::Configure(settings), now);
                // A reload of the priority itself is not news; a weight is.
                if before != priority && entry.machine.role() != Role::Initialize {
                    let instance = Arc::clone(&entry.name);
                    let (from, to) = (before.value(), priority.value());
                    self.outputs.push_back(Output::Event(Event::PriorityChanged { instance, from, to }));
                }
            }
            if entry.health.as_ref() != Some(&health) {
                entry.health = Some(health.clone());
                entry.machine.handle(
                    match health {
                        Health::Ready => Input::Ready,
                        Health::Wait => Input::Wait,
                        Health::Fail(fault) => Input::Fail(fault),
                    },
                    now,
                );
            }
        }
    }

    /// Health without regard to the group.
    fn own_health(&self, entry: &Entry) -> Health {
        match self.own_fault(entry) {
            Some(fault) => Health::Fail(fault),
            None if self.awaits_script(entry) => Health::Wait,
            None if self.holds_for_link(entry) => match entry.machine.role() {
                Role::Fault => Health::Fail(Fault::VirtualLinkMissing(entry.interface().to_owned())),
                Role::Initialize | Role::Backup | Role::Active => Health::Wait,
            },
            None => Health::Ready,
        }
    }

    fn own_fault(&self, entry: &Entry) -> Option<Fault> {
        if let Some(other) = &entry.duplicate_of {
            return Some(Fault::Duplicate { other: other.clone() });
        }
        if entry.config.addresses.iter().any(|address| address.address.is_ipv6()) {
            return Some(Fault::Ipv6);
        }
        let interface = entry.interface();
        let Some(link) = self.base(entry) else {
            return Some(Fault::InterfaceMissing(interface.to_owned()));
        };
        if !link.up {
            return Some(Fault::InterfaceDown(interface.to_owned()));
        }
        if let Some((name, why)) = self.link_problem(entry) {
            return Some(Fault::VirtualLink { name, why });
        }
        if self.source(entry).is_none() {
            return Some(Fault::NoSourceAddress(interface.to_owned()));
        }
        for (name, _) in entry.tracks(Kind::Interface).filter(|(_, weight)| *weight == 0) {
            match self.link(name) {
                None => return Some(Fault::TrackedInterfaceMissing(name.to_owned())),
                Some(link) if !link.up => return Some(Fault::TrackedInterfaceDown(name.to_owned())),
                Some(_) => {}
            }
        }
        for (name, _) in entry.tracks(Kind::Script).filter(|(_, weight)| *weight == 0) {
            match self.script(name) {
                None => return Some(Fault::ScriptUnknown(name.to_owned())),
                Some(script) if script.verdict.ok() == Some(false) => {
                    return Some(Fault::Script(name.to_owned()));
                }
                Some(_) => {}
            }
        }
        None
    }

    fn awaits_script(&self, entry: &Entry) -> bool {
        entry
            .tracks(Kind::Script)
            .filter(|(_, weight)| *weight == 0)
            .any(|(name, _)| self.script(name).is_some_and(|script| script.verdict.ok().is_none()))
    }

    /// The fault of another member. A member that can never run, because its number is taken, does not hold the others
    /// down for ever.
    fn group_fault(&self, at: usize, own: &[Health]) -> Option<Fault> {
        let group = self.groups.get(self.instances.get(at)?.group?)?;
        let member = group.members.iter().filter(|member| **member != at).find(|member| match own.get(**member) {
            Some(Health::Fail(Fault::Duplicate { .. }) | Health::Ready | Health::Wait) | None => false,
            Some(Health::Fail(_)) => true,
        })?;
        let member = self.instances.get(*member)?.name.to_string();
        Some(Fault::Group { group: group.name.clone(), member })
    }

    /// Priority with weights. Members of a sync group have none: one member's priority must not fall alone.
    pub(super) fn effective_priority(&self, entry: &Entry) -> Priority {
        if entry.group.is_some() {
            return entry.config.priority;
        }
        let interfaces = entry
            .tracks(Kind::Interface)
            .map(|(name, weight)| track::contribution(weight, Some(self.link(name).is_some_and(|link| link.up))));
        let scripts = entry.tracks(Kind::Script).map(|(name, weight)| {
            track::contribution(weight, self.script(name).and_then(|script| script.verdict.ok()))
        });
        track::effective(entry.config.priority, interfaces.chain(scripts))
    }

    /// The address that adverts leave from: as configured, or the interface's first that is nobody's virtual address. An
    /// owner's virtual address is its own, and good enough.
    pub(super) fn source(&self, entry: &Entry) -> Option<IpAddr> {
        if let Some(source) = entry.configured_source() {
            return Some(source);
        }
        if let Some(VirtualLink::Ipvlan(Ipvlan { address: Some((address, _)), .. })) = &entry.config.virtual_link {
            return Some(*address);
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
        for (entry, link) in
            self.instances.iter().flat_map(|entry| self.spoken(entry).into_iter().map(move |link| (entry, link)))
        {
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
