//! Somebody else has an address of ours, and says so to the neighbours.
//!
//! A rival that advertises is the machine's business. Here are those that do not: a host with a copy of the address in its own
//! configuration, a real server that answers ARP for the address that it has on its loopback interface, a master of another
//! number, and one of ours that told the neighbours of itself while it was cut off. What gives them away are the ARP packets and
//! neighbour advertisements from which neighbours learn a hardware address. Each of those is answered while we are master: the
//! address is announced again, as `defence` has it, until the other is silent.
//!
//! What is looked for follows from the configuration and the links, not from who is master: nothing has to be opened or
//! filtered anew at the moment of a takeover. A claim of an address that is not ours at that moment is nobody's business.
//!
//! Frames with a hardware address of this host are our own, on whatever way they came back. So a rival with the same virtual MAC
//! address is not found here; it sends clients nowhere else, and switches learn the way from each advert.
//!
//! A link that comes up again is one more reason to announce what is on it: nobody knows what its neighbours were told
//! meanwhile. Most of the time this is a new promotion, but a router may not look at its link (`dont_track_primary`), or a
//! short loss may not count (`interface_up_down_delays`).

mod defence;

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::instance::Entry;
use super::{Event, HostAddress, Link, Output, Router};
use crate::wire::claim::{Claim, Mac};

pub(super) use defence::{Defence, Step};

/// A rival that advertises is known; so many of its intervals after its last advert it is not any more.
const KNOWN_FOR: u32 = 4;

/// Addresses whose claims are to be told, on one link.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Watch {
    /// Interface.
    pub index: u32,
    /// Its name.
    pub interface: String,
    /// Its Ethernet address: frames that carry it are our own.
    pub mac: [u8; 6],
    /// The addresses.
    pub addresses: BTreeSet<IpAddr>,
}

/// Somebody else who claims an address, at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RivalStatus {
    /// The address.
    pub address: IpAddr,
    /// The hardware address that claimed it last.
    pub mac: Mac,
    /// Where.
    pub interface: String,
    /// Claims that were seen.
    pub claims: u64,
    /// How long ago the first came.
    pub since: Duration,
    /// How long ago the last came.
    pub ago: Duration,
}

impl Router {
    /// Works out whose claims are to be told.
    pub(super) fn update_watches(&mut self) {
        let mut wanted: BTreeMap<u32, Watch> = BTreeMap::new();
        let watching = self
            .instances
            .iter()
            .filter(|entry| entry.duplicate_of.is_none() && entry.config.announcements.watch_rivals);
        for place in watching.flat_map(|entry| self.places(entry)) {
            // Where there is no Ethernet, nobody learns an Ethernet address.
            let Some(link) = self.links.get(&place.index) else { continue };
            let Some(mac) = link.mac else { continue };
            let watch = wanted.entry(place.index).or_insert_with(|| Watch {
                index: place.index,
                interface: link.name.clone(),
                mac,
                addresses: BTreeSet::new(),
            });
            watch.addresses.insert(place.address);
        }
        let watches: Vec<Watch> = wanted.into_values().collect();
        if watches != self.watches {
            self.watches.clone_from(&watches);
            self.outputs.push_back(Output::WatchClaims(watches));
        }
    }

    /// Somebody says that it has an address.
    pub(super) fn claimed(&mut self, index: u32, claim: Claim, now: Instant) {
        if self.links.values().any(|link| link.mac == Some(claim.by.0)) {
            return;
        }
        let Some((at, place)) = self.holder(index, claim.address) else { return };
        let Some(entry) = self.instances.get_mut(at) else { return };
        entry.rival_claims = entry.rival_claims.saturating_add(1);
        entry
            .rivals
            .entry(place)
            .and_modify(|defence| defence.claim(claim.by, now))
            .or_insert_with(|| Defence::new(claim.by, now));
    }

    /// The router that is master and has this address on this link.
    fn holder(&self, index: u32, address: IpAddr) -> Option<(usize, HostAddress)> {
        let mut active = self.instances.iter().enumerate().filter(|(_, entry)| {
            entry.is_active() && entry.config.announcements.watch_rivals && entry.duplicate_of.is_none()
        });
        active.find_map(|(at, entry)| {
            let mut same = entry.virtual_addresses().filter(|virtual_one| virtual_one.address == address);
            let place = same.find_map(|same| self.place(entry, same).filter(|place| place.index == index))?;
            Some((at, place))
        })
    }

    /// Tells people of somebody who is answered, once, and not at all while an advert has told them of the same rival.
    fn tell_rival(&mut self, at: usize, place: &HostAddress, now: Instant) {
        let Some(interface) = self.links.get(&place.index).map(|link| link.name.clone()) else { return };
        let Some(entry) = self.instances.get_mut(at) else { return };
        let advertises = entry.last_heard.is_some_and(|(heard, when)| {
            heard.priority != 0 && when >= entry.machine.since() && now < when + heard.interval * KNOWN_FOR
        });
        let new = entry.rivals.get_mut(place).filter(|defence| defence.told.is_none() && !advertises);
        let Some(defence) = new else { return };
        let paced = entry.rival_pace.tell((), now);
        defence.told = Some(paced.is_some());
        if let Some(untold) = paced {
            let (instance, address, mac) = (Arc::clone(&entry.name), place.address, defence.by);
            let event = Event::RivalClaims { instance, address, mac, interface, untold };
            self.outputs.push_back(Output::Event(event));
        }
    }

    /// Answers claims whose answer is due.
    pub(super) fn defend(&mut self, now: Instant) {
        for at in 0..self.instances.len() {
            self.defend_one(at, now);
        }
    }

    fn defend_one(&mut self, at: usize, now: Instant) {
        let Some(entry) = self.instances.get_mut(at) else { return };
        let steps: Vec<(HostAddress, Step)> =
            entry.rivals.iter_mut().filter_map(|(place, defence)| Some((*place, defence.turn(now)?))).collect();
        let mut answers = Vec::new();
        for (place, step) in steps {
            match step {
                Step::Answer => answers.push(place),
                Step::Over => {
                    let Some(defence) = entry.rivals.remove(&place).filter(|defence| defence.told == Some(true)) else {
                        continue;
                    };
                    let event = Event::RivalSilent {
                        instance: Arc::clone(&entry.name),
                        address: place.address,
                        mac: defence.by,
                        claims: defence.claims,
                        lasted: defence.heard_at.saturating_duration_since(defence.began_at),
                        silent: now.saturating_duration_since(defence.heard_at),
                    };
                    self.outputs.push_back(Output::Event(event));
                }
            }
        }
        for place in &answers {
            self.tell_rival(at, place, now);
        }
        if !answers.is_empty() {
            self.announce(at, 1, Some(&answers), now);
        }
    }

    /// When [`defend`](Self::defend) has something to do.
    pub(super) fn next_defence(&self) -> Option<Instant> {
        self.instances.iter().flat_map(|entry| entry.rivals.values()).map(Defence::poll_timeout).min()
    }

    /// Announces what was on these links before they came up.
    pub(super) fn announce_on(&mut self, links: &[(u32, BTreeSet<IpAddr>)], now: Instant) {
        for at in 0..self.instances.len() {
            let Some(entry) = self.instances.get(at).filter(|entry| entry.is_active()) else { continue };
            let mut places = self.places(entry);
            places.retain(|place| {
                links.iter().any(|(index, before)| *index == place.index && before.contains(&place.address))
            });
            let repeat = entry.machine.settings().announcements.master.repeat;
            if !places.is_empty() {
                self.announce(at, repeat, Some(&places), now);
            }
        }
    }

    /// A link that we knew as down comes up.
    pub(super) fn rises(&self, link: &Link) -> bool {
        link.up && self.links.get(&link.index).is_some_and(|before| !before.up)
    }

    /// Addresses that are on a link that has been down.
    pub(super) fn before_it_came_up(&self, index: u32) -> (u32, BTreeSet<IpAddr>) {
        let on_link = self.addresses.get(&index).into_iter().flatten();
        (index, on_link.map(|(address, _)| *address).collect())
    }

    /// Others that claim a router's addresses.
    pub(super) fn rival_status(&self, entry: &Entry, now: Instant) -> Vec<RivalStatus> {
        let all = entry.rivals.iter();
        all.map(|(place, defence)| RivalStatus {
            address: place.address,
            mac: defence.by,
            interface: self.links.get(&place.index).map(|link| link.name.clone()).unwrap_or_default(),
            claims: defence.claims,
            since: now.saturating_duration_since(defence.began_at),
            ago: now.saturating_duration_since(defence.heard_at),
        })
        .collect()
    }
}
