//! Virtual addresses: what is on the host, what is to be on it, and who must be told.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Instant;

use super::instance::Entry;
use super::{ADDRESS_RETRY, Event, HostAddress, Output, Router};
use crate::model::{Family, VirtualAddress};
use crate::vrrp::reason::Fault;

impl Router {
    pub(super) fn insert_address(&mut self, address: HostAddress) {
        let on_link = self.addresses.entry(address.index).or_default();
        let value = (address.address, address.prefix_len);
        if !on_link.contains(&value) {
            on_link.push(value);
        }
    }

    fn forget_address(&mut self, address: &HostAddress) {
        if let Some(on_link) = self.addresses.get_mut(&address.index) {
            on_link.retain(|value| *value != (address.address, address.prefix_len));
        }
    }

    pub(super) fn is_present(&self, address: &HostAddress) -> bool {
        self.addresses
            .get(&address.index)
            .is_some_and(|on_link| on_link.contains(&(address.address, address.prefix_len)))
    }

    /// Where a virtual address belongs; `None` while its interface does not exist.
    pub(super) fn place(&self, entry: &Entry, address: &VirtualAddress) -> Option<HostAddress> {
        let index = self.seat(entry, address)?.index;
        Some(HostAddress { index, address: address.address, prefix_len: address.prefix_len })
    }

    /// All places of a router's virtual addresses.
    pub(super) fn places(&self, entry: &Entry) -> Vec<HostAddress> {
        entry.virtual_addresses().filter_map(|address| self.place(entry, address)).collect()
    }

    /// Makes the host's addresses follow from the machines' states.
    pub(super) fn reconcile(&mut self, now: Instant) {
        self.reconcile_statics();
        for at in 0..self.instances.len() {
            if self.instances.get(at).is_some_and(Entry::is_active) {
                let added = self.add_missing(at, now);
                if !added.is_empty() {
                    let repeat =
                        self.instances.get(at).map_or(0, |entry| entry.machine.settings().announcements.master.repeat);
                    self.announce(at, repeat, Some(&added), now);
                }
            } else {
                self.remove_present(at);
            }
        }
    }

    /// Adds what an active router lacks, and says what that was.
    pub(super) fn add_missing(&mut self, at: usize, now: Instant) -> Vec<HostAddress> {
        if let Some(entry) = self.instances.get_mut(at).filter(|entry| entry.retry_at.is_none()) {
            entry.waiting.clear();
        }
        let Some(entry) = self.instances.get(at) else { return Vec::new() };
        let mut missing = Vec::new();
        let mut adopted = Vec::new();
        let mut problem = None;
        for address in entry.virtual_addresses() {
            match self.place(entry, address) {
                Some(place) if self.is_present(&place) => adopted.push(place),
                Some(place) if entry.waiting.contains(&place) => {}
                Some(place) => missing.push((place, without_detection(address))),
                // A link of our own is on its way.
                None if self.link_is_coming(entry, address) => {}
                None => {
                    let name = address.interface.as_deref().unwrap_or_else(|| entry.interface());
                    problem = Some(format!(
                        "cannot add {}/{}: interface {name} does not exist",
                        address.address, address.prefix_len
                    ));
                }
            }
        }
        let instance = Arc::clone(&entry.name);
        if let Some(entry) = self.instances.get_mut(at) {
            let owner = entry.is_owner();
            entry.added.extend(adopted.into_iter().filter(|place| !owner || self.left.contains(place)));
        }
        let mut added = Vec::new();
        for (place, address) in missing {
            self.insert_address(place);
            if let Some(entry) = self.instances.get_mut(at) {
                entry.added.insert(place);
            }
            added.push(place);
            let instance = Arc::clone(&instance);
            self.outputs.push_back(Output::AddAddress { instance, index: place.index, address });
        }
        if let Some(error) = problem {
            self.address_trouble(at, error, now);
        }
        added
    }

    /// Removes what a router that is not active has on the host, unless another one that is active wants it there.
    ///
    /// An owner's addresses may have been on the host before us; only those that we added are taken off.
    pub(super) fn remove_present(&mut self, at: usize) {
        let Some(entry) = self.instances.get(at) else { return };
        if entry.inherits {
            return;
        }
        // The last first: the kernel takes all addresses of a subnet along with the first of them.
        let places: Vec<HostAddress> = self
            .places(entry)
            .into_iter()
            .rev()
            .filter(|place| self.is_present(place))
            .filter(|place| !entry.is_owner() || entry.added.contains(place))
            .filter(|place| !self.is_wished(place, at))
            .collect();
        self.tell_only_address(at, &places);
        if let Some(entry) = self.instances.get_mut(at) {
            entry.added.clear();
        }
        for place in places {
            if self.is_present(&place) {
                self.remove(place);
            }
        }
    }

    /// Tells of a router that takes an interface's only address off for its own: it stands in its own way, and whoever
    /// reads that there is no address should know where it went.
    fn tell_only_address(&mut self, at: usize, places: &[HostAddress]) {
        let Some(entry) = self.instances.get(at) else { return };
        // One that has been master may have put it on itself.
        let lacks_source = entry.became_master == 0
            && entry.faults().iter().any(|fault| matches!(fault, Fault::NoSourceAddress { .. }));
        let Some(link) = self.base(entry).filter(|_| lacks_source) else { return };
        let (interface, family) = (link.name.clone(), entry.config.id.family);
        let of_link = |place: &&HostAddress| place.index == link.index && Family::of(place.address) == family;
        let Some(address) = places.iter().find(of_link).copied() else { return };
        let Some(entry) = self.instances.get_mut(at) else { return };
        if entry.told.insert(format!("the only address {}", address.address)) {
            self.tell(at, |instance| Event::OnlyAddress { instance, interface, address });
        }
    }

    /// Lets go of what a killed predecessor left: somebody else is master, or we leave.
    pub(super) fn disinherit(&mut self, at: usize, now: Instant) {
        if let Some(entry) = self.instances.get_mut(at)
            && entry.inherits
        {
            entry.inherits = false;
            self.steer(Some(at), now);
            self.remove_present(at);
        }
    }

    /// Tells what was found of a predecessor.
    pub(super) fn tell_inheritance(&mut self) {
        let mut found = Vec::new();
        for entry in self.instances.iter().filter(|entry| entry.inherits) {
            for address in self.places(entry).into_iter().filter(|place| self.is_present(place)) {
                let instance = Arc::clone(&entry.name);
                found.push(Output::Event(Event::AddressInherited { instance, address }));
            }
        }
        self.outputs.extend(found);
    }

    /// Takes off what a predecessor put on for a configuration that was another: nothing names the address any more,
    /// wherever and with whichever length.
    pub(super) fn remove_left(&mut self) {
        let statics = &self.config.router.statics.addresses;
        let wishes = self.wishes();
        let of_links = wishes.iter().flat_map(|wish| &wish.addresses);
        let others: BTreeSet<_> = of_links.chain(statics).map(|address| address.address).collect();
        let named = |place: &HostAddress| self.virtual_ones.contains(&place.address) || others.contains(&place.address);
        let gone: Vec<HostAddress> =
            self.left.iter().filter(|place| self.is_present(place) && !named(place)).copied().collect();
        for address in gone {
            self.outputs.push_back(Output::Event(Event::LeftRemoved { address }));
            self.remove(address);
        }
    }

    /// Whether a router other than the one given wants this address on (it is active, or inherits it), or the host does.
    pub(super) fn is_wished(&self, place: &HostAddress, but: usize) -> bool {
        self.is_static(place)
            || self.instances.iter().enumerate().any(|(at, entry)| {
                at != but && (entry.is_active() || entry.inherits) && self.places(entry).contains(place)
            })
    }

    /// What each address of ours on the host was put on with.
    pub(super) fn forms(&self) -> BTreeMap<HostAddress, VirtualAddress> {
        let mut forms = BTreeMap::new();
        for entry in self.instances.iter().filter(|entry| entry.is_active()) {
            for address in entry.virtual_addresses() {
                if let Some(place) = self.place(entry, address).filter(|place| entry.added.contains(place)) {
                    forms.insert(place, without_detection(address));
                }
            }
        }
        forms
    }

    /// Changes addresses that stay, but are to be another way than `before`. IPv6 does that in place, unless it is the
    /// prefix length: an address is on a link once. IPv4 has an address beside itself with another prefix length, but
    /// changes nothing in place, so it goes and comes back at once.
    pub(super) fn reform(&mut self, before: &BTreeMap<HostAddress, VirtualAddress>) {
        let mut gone = Vec::new();
        let mut updates = Vec::new();
        for entry in self.instances.iter().filter(|entry| entry.is_active()) {
            for address in entry.virtual_addresses() {
                let Some(place) = self.place(entry, address) else { continue };
                let address = without_detection(address);
                let v6 = address.address.is_ipv6();
                match before.get(&place) {
                    Some(old) if alike(old, &address) => {}
                    Some(_) if v6 => updates.push(Output::UpdateAddress { index: place.index, address }),
                    Some(_) => gone.push(place),
                    None if v6 => gone.extend(
                        before.keys().filter(|old| old.index == place.index && old.address == place.address).copied(),
                    ),
                    None => {}
                }
            }
        }
        self.outputs.extend(updates);
        for place in gone {
            if self.is_present(&place) {
                self.remove(place);
            }
        }
    }

    pub(super) fn remove(&mut self, place: HostAddress) {
        self.forget_address(&place);
        *self.removing.entry(place).or_default() += 1;
        self.outputs.push_back(Output::RemoveAddress(place));
    }

    /// Takes note that a removal of ours has been told back, or has failed; `false` if there was none.
    pub(super) fn removal_echoed(&mut self, address: &HostAddress) -> bool {
        match self.removing.get_mut(address) {
            Some(pending) if *pending > 1 => {
                *pending -= 1;
                true
            }
            Some(_) => self.removing.remove(address).is_some(),
            None => false,
        }
    }

    pub(super) fn address_gone(&mut self, address: HostAddress, now: Instant) {
        if self.removal_echoed(&address) || !self.is_present(&address) {
            return;
        }
        self.forget_address(&address);
        self.steering_address_gone(address.address);
        let owners: Vec<usize> = (0..self.instances.len())
            .filter(|at| {
                self.instances.get(*at).is_some_and(|entry| entry.is_active() && self.places(entry).contains(&address))
            })
            .collect();
        // A link that goes takes its addresses along; that is a fault of its own, told and handled as such.
        let link_is_up = self.links.get(&address.index).is_some_and(|link| link.up);
        self.static_gone(&address, link_is_up, now);
        for at in owners {
            let Some(entry) = self.instances.get_mut(at) else { continue };
            if !link_is_up {
                continue;
            }
            // Two programs that undo each other must not do so at full speed.
            let before = entry.put_back.insert(address, now);
            let contested = before.is_some_and(|last| now < last + ADDRESS_RETRY);
            if contested {
                entry.waiting.insert(address);
                entry.retry_at = Some(now + ADDRESS_RETRY);
            } else {
                entry.coming_back.insert(address);
            }
        }
        self.settle(now);
    }

    /// The kernel has told an address back: what stood in its way no longer does. An address that goes along with the
    /// interface's own, or with the interface, comes back in vain; the fault that follows is the news then, not the address.
    pub(super) fn confirmed(&mut self, address: &HostAddress) {
        self.static_confirmed(address);
        for entry in &mut self.instances {
            if entry.coming_back.remove(address) {
                let (instance, address) = (Arc::clone(&entry.name), *address);
                self.outputs.push_back(Output::Event(Event::AddressPutBack { instance, address }));
            }
        }
        for entry in self.instances.iter_mut().filter(|entry| entry.retry_at.is_none()) {
            if entry.added.contains(address) {
                entry.address_problem = None;
                entry.told.clear();
            }
        }
    }

    pub(super) fn add_failed(&mut self, instance: &str, address: &HostAddress, error: String, now: Instant) {
        self.forget_address(address);
        self.static_failed(address, &error, now);
        self.silence(address);
        let Some(at) = self.instances.iter().position(|entry| *entry.name == *instance) else { return };
        if let Some(entry) = self.instances.get_mut(at) {
            entry.added.remove(address);
            entry.waiting.insert(*address);
        }
        let error = format!("cannot add {}/{}: {error}", address.address, address.prefix_len);
        self.address_trouble(at, error, now);
    }

    /// Remembers what is wrong, tells it once, and has it tried again.
    fn address_trouble(&mut self, at: usize, error: String, now: Instant) {
        let Some(entry) = self.instances.get_mut(at) else { return };
        entry.retry_at = Some(now + ADDRESS_RETRY);
        entry.address_problem = Some(error.clone());
        if entry.told.insert(error.clone()) {
            let instance = Arc::clone(&entry.name);
            self.outputs.push_back(Output::Event(Event::AddFailed { instance, error }));
        }
    }
}

/// An address as it goes on. A virtual one was somebody else's a moment ago, so the detection of duplicates would keep it
/// unusable for a second, or for good; keepalived does without it for all.
pub(super) fn without_detection(address: &VirtualAddress) -> VirtualAddress {
    let mut address = address.clone();
    address.options.no_dad |= address.address.is_ipv6();
    address
}

/// Nothing that the kernel keeps differs.
fn alike(one: &VirtualAddress, two: &VirtualAddress) -> bool {
    let kept = |address: &VirtualAddress| {
        let VirtualAddress { label, broadcast, scope, peer, preferred, options, .. } = address.clone();
        (label, broadcast, scope, peer, preferred, options)
    };
    kept(one) == kept(two)
}
