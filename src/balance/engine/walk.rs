//! Looking at a large table piece by piece.
//!
//! A table is looked at now and then, since nobody tells of what others do to it. To read a hundred thousand servers takes
//! hundreds of milliseconds, in which no check could begin and no verdict get anywhere. So a table that is large is walked:
//! some services in one turn, then a pause in which the loop does all else, then the next. Each piece is compared with what is
//! wished for at that very moment, so that what the checks find out in between is no difference.
//!
//! A walk finds nothing, nearly always, and then what it has seen is what is known. Where it does find a difference, or
//! cannot read on, the table is read whole, and what follows is as for a small one.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use super::kernel::{Kernel, Look};
use super::wishes::FIRST_COUNT;
use super::{Balancer, Life, Output};
use crate::balance::daemons::SyncDaemons;
use crate::balance::drain::Loads;
use crate::balance::leaving::Leaver;
use crate::balance::paths;
use crate::balance::plan::Planner;
use crate::balance::table::{Service, Table, TimeoutSeconds};
use crate::model::ServiceKey;

/// A table with fewer services and servers is read at once.
const LARGE: usize = 1000;
/// Of the time that a walk takes, one part of this many is spent with it.
const SHARE: u32 = 10;
/// The least pause between two pieces.
const PAUSE: Duration = Duration::from_millis(5);

/// Some services of the kernel's table, as it was read.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Piece {
    /// Services.
    pub services: Vec<(ServiceKey, Service)>,
    /// What their servers have to do, as in [`Table::loads`].
    pub loads: Loads,
    /// It is the last one: what else there is to know.
    pub end: Option<WalkEnd>,
}

/// What belongs to no service.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct WalkEnd {
    /// Timeouts.
    pub timeouts: Option<TimeoutSeconds>,
    /// Sync daemons, where they were read.
    pub daemons: Option<SyncDaemons>,
    /// As in [`Table::expires_quiescent`].
    pub expires_quiescent: bool,
}

/// A walk that is under way.
#[derive(Debug, Clone)]
pub(super) struct Walk {
    asked_at: Instant,
    /// Reading has taken so long until now.
    spent: Duration,
    seen: BTreeSet<ServiceKey>,
    loads: Loads,
    /// Who began to leave, or to be emptied, since it began: what they have to do was not counted in the pieces until then.
    late: BTreeSet<Leaver>,
}

impl Balancer {
    /// It is time to look: at all of a small table, at the next piece of a large one.
    pub(super) fn look_around(&mut self) {
        let begins = self.walk.is_none();
        // What was found once is looked at again whole, and soon: a walk takes its time, and any step of ours meanwhile would have it
        // all begin anew.
        if begins && (self.suspect.is_some() || self.daemons.look_whole || !self.is_table_large()) {
            return self.ask(Look::Drift);
        }
        let now = self.now;
        let walk = self.walk.get_or_insert_with(|| Walk {
            asked_at: now,
            spent: Duration::ZERO,
            seen: BTreeSet::new(),
            loads: Loads::default(),
            late: BTreeSet::new(),
        });
        walk.asked_at = now;
        self.outputs.push_back(Output::ReadPiece { begins });
    }

    /// Some begin to leave, or to be emptied: a walk that is under way says nothing of them.
    pub(super) fn leave_out(&mut self, late: impl IntoIterator<Item = Leaver>) {
        if let Some(walk) = &mut self.walk {
            walk.late.extend(late);
        }
    }

    pub(super) fn is_table_large(&self) -> bool {
        let services = &self.observed.services;
        services.values().map(|service| service.servers().len() + 1).sum::<usize>() >= LARGE
    }

    /// A piece of the table.
    pub(super) fn piece(&mut self, piece: Piece) {
        let (Kernel::Known, Life::Running) = (&self.kernel, self.life) else { return };
        let Some(mut walk) = self.walk.take() else { return };
        let took = self.now - walk.asked_at;
        walk.spent += took;
        if self.has_work() || !self.is_as_wished(&piece, &walk) || self.misses_somebody(&piece, &walk) {
            return self.ask(Look::Drift);
        }
        walk.seen.extend(piece.services.iter().map(|(key, _)| *key));
        walk.loads.extend(piece.loads);
        for (key, _) in &piece.services {
            self.roster.forget_sum(*key);
        }
        self.observed.services.extend(piece.services);
        let Some(WalkEnd { timeouts, daemons, expires_quiescent }) = piece.end else {
            self.look_at = self.now + PAUSE.max(took * (SHARE - 1));
            self.walk = Some(walk);
            return;
        };
        let mut rest = Table { timeouts, daemons, ..Table::default() };
        self.watch_links(&mut rest);
        if !self.is_rest_as_wished(&rest, &walk) {
            return self.ask(Look::Drift);
        }
        self.observed.services.retain(|key, _| walk.seen.contains(key));
        (self.observed.timeouts, self.observed.daemons) = (rest.timeouts, rest.daemons);
        self.observed.expires_quiescent = expires_quiescent;
        self.suspect = None;
        self.fights.clear();
        self.looked(walk.spent);
        if !walk.late.is_empty() {
            self.look_at = self.look_at.min(self.now + FIRST_COUNT);
        }
        // It is lent to itself for as long as it is only read.
        let table = std::mem::take(&mut self.observed);
        let ends_service = self.count_loads(&table, &walk.loads, Look::Drift, &walk.late);
        self.observed = table;
        self.confirm_absence(&Table::default());
        if ends_service {
            // Others may have put something into it since its piece was read.
            self.compare_all = true;
            self.ask(Look::Drift);
        }
    }

    /// Somebody who is being emptied, or serves on, was there and is not: that is no difference, and would end it.
    fn misses_somebody(&self, piece: &Piece, walk: &Walk) -> bool {
        let departing = self.departing();
        if departing.is_empty() {
            return false;
        }
        let found: BTreeMap<_, _> = piece.services.iter().map(|(key, service)| (*key, service)).collect();
        let is_missed = |(key, server): &Leaver| match (found.get(key), self.observed.services.get(key)) {
            (_, None) => false,
            (Some(found), Some(before)) => before.server(*server).is_some() && found.server(*server).is_none(),
            (None, Some(before)) => piece.end.is_some() && !walk.seen.contains(key) && before.server(*server).is_some(),
        };
        departing.iter().any(is_missed)
    }

    /// Nothing is to be done in the services of a piece.
    fn is_as_wished(&self, piece: &Piece, walk: &Walk) -> bool {
        let mut planner = Planner::new(&self.ledger, self.roster.config.global.exclusive);
        for (key, found) in &piece.services {
            self.compare_key(&mut planner, *key, Some(found));
        }
        // What leaves is known by its load, and begins to leave when the walk is over.
        let plan = planner.finish();
        let found = |key: ServiceKey| piece.services.iter().any(|(other, _)| *other == key) || walk.seen.contains(&key);
        plan.steps
            .iter()
            .all(|step| self.troubles.blocks(step, &self.observed, self.now) && step.service().is_some_and(found))
    }

    /// Nothing is to be done of what belongs to no service, and no service is missing.
    fn is_rest_as_wished(&self, rest: &Table, walk: &Walk) -> bool {
        let mut planner = Planner::new(&self.ledger, self.roster.config.global.exclusive);
        planner.timeouts(rest.timeouts, &self.originals.with(&self.roster.config.global.timeouts, rest.timeouts));
        let configured = self.roster.config.services.iter().flat_map(crate::model::ServiceConfig::keys);
        for key in configured.chain(self.roster.paths.keys().copied()).filter(|key| !walk.seen.contains(key)) {
            self.compare_key(&mut planner, key, None);
        }
        planner.daemons(rest.daemons.as_ref(), self.wished_daemons().as_ref());
        let missing = |step: &crate::balance::Step| {
            let service = step.service().filter(|_| step.server().is_some());
            service.is_some_and(|service| self.troubles.problem(crate::balance::Subject::Service(service)).is_some())
        };
        let plan = planner.finish();
        plan.steps.iter().all(|step| missing(step) || self.troubles.blocks(step, &self.observed, self.now))
    }

    /// Steps for one of the kernel's services, whoever it is of.
    fn compare_key(&self, planner: &mut Planner<'_>, key: ServiceKey, found: Option<&Service>) {
        let place = self.roster.place(key).filter(|_| self.roster.is_configured(key));
        if let Some(place) = place {
            self.compare_named(planner, (place, key), found);
        } else if let Some(leads) = self.roster.paths.get(&key) {
            planner.service(key, found, &paths::wish(*leads));
        } else if let Some(service) = found {
            self.compare_unnamed(planner, key, service);
        }
    }
}
