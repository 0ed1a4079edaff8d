//! What is written down of routes and rules, so that a successor knows which are ours.
//!
//! The kernel keeps no owner with them. A protocol number is no mark: ours is keepalived's, and an administrator may have
//! written any. So all that the configuration names with our number is written down when it comes into force, before any of it
//! is put on, and no longer once it was found to be somebody else's. A promotion then has nothing to write, and waits for no
//! disk. A daemon that is killed as a backup has claimed what is not there, which does no harm: what is removed is named with
//! everything that the kernel compares. Of those that the configuration gives another number an equal may well be somebody
//! else's: they are written down while they are on, and are put on without waiting.
//!
//! At a start and a reload the disk is waited for, but not long: a master whose routes are missing is worse than one whose
//! routes may be left behind.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::held::{Claim, Held};
use super::{Output, Router, Steering};
use crate::model::{Route, Rule};
use crate::vrrp::engine::instance::Serial;

/// How long what a configuration names waits until that is written down.
const PATIENCE: Duration = Duration::from_millis(100);

/// A route or a rule that is ours, as it was put on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// What; with a VRF, in that one's table.
    pub what: Arc<Steering>,
    /// Numbers of its hops' links, 0 where the kernel chose.
    pub links: Vec<u32>,
}

/// What was handed out to be written.
#[derive(Debug, Default)]
pub(in super::super) struct Record {
    number: u64,
    entries: Vec<Kept>,
    /// What is ours may no longer be what was handed out.
    stale: bool,
    /// When what waits for the last one goes on without it.
    overdue_at: Option<Instant>,
    /// What a predecessor has left, until there is a configuration.
    left: Vec<Kept>,
}

impl Record {
    pub(super) const fn overdue_at(&self) -> Option<Instant> {
        self.overdue_at
    }

    pub(super) const fn changed(&mut self) {
        self.stale = true;
    }

    pub(super) fn wait_until(&mut self, now: Instant) {
        self.overdue_at.get_or_insert(now + PATIENCE);
    }
}

impl Steering {
    /// Whether this is what was written down as that. What only concerns us is not written.
    pub(super) fn is_kept_as(&self, kept: &Self) -> bool {
        match (self, kept) {
            (Self::Route(one), Self::Route(two)) => {
                let table = if one.vrf.is_some() { two.table } else { one.table };
                Route { table, track: two.track, track_group: two.track_group.clone(), ..one.clone() } == *two
            }
            (Self::Rule(one), Self::Rule(two)) => {
                Rule { track: two.track, track_group: two.track_group.clone(), ..one.clone() } == *two
            }
            (Self::Route(_), Self::Rule(_)) | (Self::Rule(_), Self::Route(_)) => false,
        }
    }
}

impl Held {
    /// What a predecessor left, as this configuration names it. It is on as it was put on: in the table that its VRF had.
    pub(super) fn taken_over(self, what: Steering, homed: Option<Serial>) -> Self {
        let placed = match (&what, &*self.what) {
            (Steering::Route(route), Steering::Route(left)) => {
                Arc::new(Steering::Route(Route { table: left.table, ..route.clone() }))
            }
            (Steering::Rule(_) | Steering::Route(_), Steering::Rule(_)) | (Steering::Rule(_), Steering::Route(_)) => {
                Arc::new(what.clone())
            }
        };
        Self { what: Arc::new(what), placed, homed, left: false, ..self }
    }
}

impl Router {
    /// Takes in what a predecessor has written down.
    pub(in super::super) fn steering_left(&mut self, left: Vec<Kept>) {
        self.record.entries.clone_from(&left);
        self.record.left = left;
    }

    /// Makes ours what a predecessor left: once, with the first configuration.
    pub(super) fn adopt_kept(&mut self) -> Vec<Held> {
        let left = std::mem::take(&mut self.record.left);
        let mut adopt = |Kept { what, links }| {
            self.steering_ids += 1;
            let new = Held::new(self.steering_ids, what, None);
            Held { links, claim: Claim::Made, ours: true, left: true, ..new }
        };
        left.into_iter().map(&mut adopt).collect()
    }

    /// What is to be written down now: what is ours, or will be, where that is not what was handed out last. Asked when there is
    /// nothing else to do, so that a thousand routes that come on are one record and not a thousand.
    pub(in super::super) fn due_record(&mut self) -> Option<Output> {
        let entries = self.unrecorded()?;
        self.record.stale = false;
        self.record.number += 1;
        self.record.entries.clone_from(&entries);
        Some(Output::RecordSteering { number: self.record.number, entries })
    }

    /// What is new waits for the record, and so must not wait behind what is on its way.
    pub(super) fn record_waits(&self) -> bool {
        !self.queue.is_empty() && self.record.overdue_at.is_some()
    }

    /// What is ours, or will be, where that is not what was handed out last.
    fn unrecorded(&mut self) -> Option<Vec<Kept>> {
        if !self.record.stale {
            return None;
        }
        let kept = |held: &Held| Kept { what: Arc::clone(&held.placed), links: held.links.clone() };
        let all = self.steering.iter().chain(&self.steering_gone);
        let entries: Vec<Kept> = all.filter(|held| held.claim != Claim::None && !self.leaving).map(kept).collect();
        self.record.stale = entries != self.record.entries;
        self.record.stale.then_some(entries)
    }

    /// What was handed out is written, or cannot be. The last one covers all before it, which may never be answered. What has
    /// changed since is not in it, and is waited for.
    pub(in super::super) fn steering_recorded(&mut self, number: u64, now: Instant) {
        if number == self.record.number && self.unrecorded().is_none() {
            self.go_on(now);
        }
    }

    /// Goes on without what was not written in time; whether it did.
    pub(super) fn overdue_record(&mut self, now: Instant) -> bool {
        let overdue = self.record.overdue_at.is_some_and(|at| at <= now);
        if overdue {
            self.record.overdue_at = None;
            self.claims_made();
        }
        overdue
    }

    fn claims_made(&mut self) {
        for held in self.steering.iter_mut().filter(|held| held.claim == Claim::Asked) {
            held.claim = Claim::Made;
        }
    }

    fn go_on(&mut self, now: Instant) {
        self.record.overdue_at = None;
        self.claims_made();
        self.steer(None, now);
        self.discard_steering();
    }
}
