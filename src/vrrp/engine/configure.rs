//! A configuration, the first or a new one.
//!
//! Virtual routers are known by identity (interface and number), so one that stays keeps its state, timers and counters,
//! whatever else about it changes, its name included. Where some share an identity, one is followed by that which hears the
//! same adverts, and else by that of the same name. One that is gone leaves as at a stop.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Instant;

use super::instance::{Entry, Serial, Wanted};
use super::{HostAddress, Router};
use crate::model::{Config, Instance, VirtualRouterId};
use crate::vrrp::machine::Input;
use crate::vrrp::reason::Reason;

impl Router {
    pub(super) fn configure(&mut self, config: Arc<Config>, now: Instant) {
        let mut held: BTreeSet<HostAddress> =
            self.instances.iter().filter(|entry| entry.is_active()).flat_map(|entry| entry.added.clone()).collect();
        held.extend(self.instances.iter().filter(|entry| entry.inherits).flat_map(|entry| self.places(entry)));
        let others = self.forms();
        let followed = self.followed(&config);
        let last = Serial(self.serials);
        self.leave_those_gone(&config, &followed, now);
        self.config = Arc::clone(&config);
        if !self.configured {
            self.delay_start(now);
        }

        let mut before: Vec<Option<Entry>> = std::mem::take(&mut self.instances).into_iter().map(Some).collect();
        self.instances.reserve_exact(config.instances.len());
        for (wanted, followed) in Wanted::each(&config).zip(followed) {
            let mut entry = match followed.and_then(|at| before.get_mut(at)).and_then(Option::take) {
                Some(entry) => entry,
                None => {
                    self.serials += 1;
                    Entry { inherits: !self.configured, ..Entry::new(Serial(self.serials), &wanted, now) }
                }
            };
            entry.reconfigure(&wanted);
            self.instances.push(entry);
        }
        self.index_sharers();
        self.find_duplicates();
        self.join_groups();
        self.adopt_scripts(now);
        self.adopt_reports(now);
        self.forget_undefined();
        self.index_instances();
        self.update_listeners();
        // Scripts leave first: an instance that waits for one waits no longer than it must.
        self.start_scripts(now);
        self.configure_statics();
        self.configure_steering();
        self.reform(&others);
        if !self.configured {
            self.remove_left_links();
        }
        self.settle(now);
        self.discard_steering();
        self.remove_orphans(held);
        if self.configured {
            self.tell_splits(last, now);
            self.repeat_states();
        }
        if !self.configured {
            self.configured = true;
            self.tell_inheritance();
            self.remove_left();
        }
    }

    /// Which of the virtual routers there are each one of a new configuration follows, by their places.
    fn followed(&self, config: &Config) -> Vec<Option<usize>> {
        let mut there: BTreeMap<&VirtualRouterId, Vec<usize>> = BTreeMap::new();
        for (at, entry) in self.instances.iter().enumerate() {
            there.entry(&entry.config.id).or_default().push(at);
        }
        let mut followed = vec![None; config.instances.len()];
        // The closest first, so that none is taken from the one that it is closest to.
        for (same_way, same_name) in [(true, true), (true, false), (false, true), (false, false)] {
            for (wanted, followed) in config.instances.iter().zip(&mut followed).filter(|(_, known)| known.is_none()) {
                let Some(places) = there.get_mut(&wanted.id) else { continue };
                let fits = |at: &usize| {
                    self.instances.get(*at).is_some_and(|entry| {
                        let runs = entry.duplicate_of.is_none();
                        runs && (!same_way || !entry.config.transport.is_told_from(&wanted.transport))
                            && (!same_name || *entry.name == *wanted.name)
                    })
                };
                *followed = places.iter().position(fits).map(|at| places.remove(at));
            }
        }
        followed
    }

    /// Finds the routers that share an identity.
    fn index_sharers(&mut self) {
        let mut sharers: BTreeMap<&VirtualRouterId, Vec<usize>> = BTreeMap::new();
        for (at, entry) in self.instances.iter().enumerate() {
            sharers.entry(&entry.config.id).or_default().push(at);
        }
        self.sharers = sharers.into_values().filter(|places| places.len() > 1).collect();
    }

    /// Of routers that share an identity, and whose adverts nobody could tell apart, the first alone runs. The languages
    /// refuse most of it; whether an address that is not written is one that is, only the host's addresses say.
    pub(super) fn find_duplicates(&mut self) {
        for places in std::mem::take(&mut self.sharers) {
            let mut running: Vec<usize> = Vec::new();
            for at in &places {
                let first = self.instances.get(*at).and_then(|entry| {
                    let mut others = running.iter().filter_map(|other| self.instances.get(*other));
                    others.find(|other| !self.are_told_apart(entry, other)).map(|other| other.name.to_string())
                });
                if first.is_none() {
                    running.push(*at);
                }
                if let Some(entry) = self.instances.get_mut(*at) {
                    entry.duplicate_of = first;
                }
            }
            self.sharers.push(places);
        }
    }

    fn are_told_apart(&self, one: &Entry, two: &Entry) -> bool {
        let (Instance { transport: of_one, vrf: from, .. }, Instance { transport: of_two, vrf: to, .. }) =
            (&*one.config, &*two.config);
        let shares = of_one.shares_a_peer_with(of_two);
        from != to
            || of_one.is_told_from(of_two)
                && !(shares && self.source(one).is_some() && self.source(one) == self.source(two))
    }

    /// Leaves the virtual routers that the new configuration does not have.
    fn leave_those_gone(&mut self, config: &Config, followed: &[Option<usize>], now: Instant) {
        let new = config.instances.iter().zip(followed).filter(|(_, follows)| follows.is_none());
        let new: BTreeMap<&str, &VirtualRouterId> = new.map(|(new, _)| (new.name.as_str(), &new.id)).collect();
        let followed: BTreeSet<usize> = followed.iter().flatten().copied().collect();
        for at in 0..self.instances.len() {
            let Some(entry) = self.instances.get_mut(at) else { continue };
            if followed.contains(&at) || entry.duplicate_of.is_some() {
                continue;
            }
            let why = match new.get(&*entry.name) {
                Some(to) => Reason::Renumbered { from: entry.config.id.clone(), to: (*to).clone() },
                None => Reason::Removed,
            };
            entry.machine.handle(Input::Shutdown(why), now);
            self.drain_one(at, now);
            self.disinherit(at, now);
            self.notify_deleted(at);
        }
    }

    /// Removes addresses that were ours, and that no router wants on any more.
    fn remove_orphans(&mut self, held: BTreeSet<HostAddress>) {
        let none = self.instances.len();
        for place in held {
            if self.is_present(&place) && !self.is_wished(&place, none) {
                self.remove(place);
            }
            for at in 0..self.instances.len() {
                let Some(entry) = self.instances.get(at) else { continue };
                if !self.places(entry).contains(&place)
                    && let Some(entry) = self.instances.get_mut(at)
                {
                    entry.added.remove(&place);
                }
            }
        }
    }
}
