//! Everything that keeps a router from running, looked for anew each time. All of it is found, not only the first: people
//! who repair one thing want to know of the next before they go home.

use super::Router;
use super::instance::Entry;
use crate::model::{Instance, Route, Rule, Tracked, Transport, VirtualAddress, Watched};
use crate::vrrp::reason::Fault;
use crate::vrrp::track::Effect;

/// A link that something of a router's stands on.
struct Footing {
    interface: String,
    what: String,
}

impl Router {
    /// Faults without regard to the group, the gravest first.
    pub(super) fn own_faults(&self, entry: &Entry, effects: &[(Tracked, Effect)]) -> Vec<Fault> {
        if let Some(other) = &entry.duplicate_of {
            return vec![Fault::Duplicate { other: other.clone() }];
        }
        let mut faults = Vec::new();
        self.interface_faults(entry, &mut faults);
        for (tracked, effect) in effects {
            if *effect == Effect::Fault {
                faults.push(self.tracked_fault(tracked));
            } else if !self.is_defined(&tracked.what) {
                faults.push(Fault::Undefined(tracked.what.clone()));
            }
        }
        for footing in self.footings(entry) {
            if let Some(fault) = self.footing_fault(entry, footing) {
                faults.push(fault);
            }
        }
        let mut once: Vec<Fault> = Vec::new();
        for fault in faults {
            if !once.contains(&fault) {
                once.push(fault);
            }
        }
        once
    }

    /// Its own interface and source address. With `dont_track_primary` an interface that is down is no fault, though
    /// nothing can be sent through it; one that is not there is.
    fn interface_faults(&self, entry: &Entry, faults: &mut Vec<Fault>) {
        let Some(link) = self.base(entry) else {
            faults.push(match &entry.config.id.interface {
                Some(interface) => Fault::InterfaceMissing(interface.clone()),
                None => Fault::SourceMissing(entry.configured_source()),
            });
            return;
        };
        let up = self.is_up(link);
        if !up && entry.config.track_primary {
            faults.push(Fault::InterfaceDown(link.name.clone()));
        }
        if let Some((name, why)) = self.link_problem(entry).filter(|_| up) {
            faults.push(Fault::VirtualLink { name, why });
        }
        match self.transport_fault(entry) {
            // The kernel takes IPv6 addresses off a link that is down: that is the link's fault, and counts when it does.
            Some(Fault::NoSourceAddress { .. }) if !link.up => {}
            fault => faults.extend(fault),
        }
        match entry.configured_source() {
            Some(source) if entry.config.track_source => {
                let unicast = matches!(entry.config.transport, Transport::Unicast { .. });
                let present = self.addresses.iter().any(|(index, on_link)| {
                    (unicast || *index == link.index) && on_link.iter().any(|(address, _)| *address == source)
                });
                if !present {
                    faults.push(Fault::SourceLost { source, interface: link.name.clone() });
                }
            }
            Some(_) => {}
            None => {}
        }
    }

    fn tracked_fault(&self, tracked: &Tracked) -> Fault {
        if tracked.reverse {
            return Fault::Reversed(tracked.what.clone());
        }
        match &tracked.what {
            Watched::Interface(name) if self.link(name).is_none() => Fault::TrackedInterfaceMissing(name.clone()),
            Watched::Interface(name) => Fault::TrackedInterfaceDown(name.clone()),
            Watched::Script(name) => Fault::Script(name.clone()),
            Watched::Process(_) | Watched::File(_) | Watched::Service(_) | Watched::Check(_) | Watched::Bfd(_) => {
                Fault::Watched(tracked.what.clone())
            }
        }
    }

    /// Links that its addresses, routes and rules need, and those of statics that it follows.
    fn footings(&self, entry: &Entry) -> Vec<Footing> {
        let mut footings = Vec::new();
        let Instance { routes, rules, .. } = &*entry.config;
        for address in entry.virtual_addresses().filter(|address| address.track) {
            footings.extend(of_address(address, "virtual"));
        }
        for route in routes.iter().filter(|route| route.track) {
            footings.extend(of_route(route, "virtual"));
        }
        for rule in rules.iter().filter(|rule| rule.track) {
            footings.extend(of_rule(rule, "virtual"));
        }
        let router = &self.config.router;
        let follows = |group: &Option<String>| {
            group.as_ref().is_some_and(|group| {
                router
                    .track_groups
                    .iter()
                    .any(|at| at.name == *group && at.members.iter().any(|member| **member == *entry.name))
            })
        };
        for address in router.statics.addresses.iter().filter(|it| it.track && follows(&it.track_group)) {
            footings.extend(of_address(address, "static"));
        }
        for route in router.statics.routes.iter().filter(|it| it.track && follows(&it.track_group)) {
            footings.extend(of_route(route, "static"));
        }
        for rule in router.statics.rules.iter().filter(|it| it.track && follows(&it.track_group)) {
            footings.extend(of_rule(rule, "static"));
        }
        footings
    }

    /// The router's own interface is looked at elsewhere.
    fn footing_fault(&self, entry: &Entry, footing: Footing) -> Option<Fault> {
        let Footing { interface, what } = footing;
        if interface == entry.interface() {
            return None;
        }
        match self.link(&interface) {
            Some(link) if self.is_up(link) => None,
            Some(_) => Some(Fault::FootingDown { interface, what }),
            None => Some(Fault::FootingMissing { interface, what }),
        }
    }

    /// The faults of other members. A member that can never run, because its number is taken, does not hold the others
    /// down for ever.
    pub(super) fn group_faults(&self, at: usize, own: &[Vec<Fault>]) -> Vec<Fault> {
        let Some(group) = self.instances.get(at).and_then(|entry| self.groups.get(entry.group?)) else {
            return Vec::new();
        };
        group
            .members
            .iter()
            .filter(|member| **member != at)
            .filter(|member| {
                own.get(**member).is_some_and(|faults| {
                    !faults.is_empty() && !faults.iter().any(|fault| matches!(fault, Fault::Duplicate { .. }))
                })
            })
            .filter_map(|member| self.instances.get(*member))
            .map(|entry| Fault::Group { group: group.name.clone(), member: entry.name.to_string() })
            .collect()
    }
}

fn of_address(address: &VirtualAddress, kind: &str) -> Option<Footing> {
    let interface = address.interface.clone()?;
    Some(Footing { interface, what: format!("{kind} address {}/{}", address.address, address.prefix_len) })
}

fn of_route(route: &Route, kind: &str) -> Vec<Footing> {
    let (to, prefix_len) = route.to;
    let what = format!("{kind} route to {to}/{prefix_len}");
    let named = |interface: &String| Footing { interface: interface.clone(), what: what.clone() };
    route.hops.iter().filter_map(|hop| hop.interface.as_ref()).map(named).collect()
}

fn of_rule(rule: &Rule, kind: &str) -> Vec<Footing> {
    let what = format!("{kind} rule of priority {}", rule.priority);
    let named = |interface: &String| Footing { interface: interface.clone(), what: what.clone() };
    rule.input.iter().chain(&rule.output).map(named).collect()
}
