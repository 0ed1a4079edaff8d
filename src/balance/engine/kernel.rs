//! The engine's conversation with the kernel: read, compare, apply, look again.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{Balancer, Life, Output, Unreadable};
use crate::balance::daemons::SyncDaemons;
use crate::balance::desired;
use crate::balance::event::Event;
use crate::balance::ledger::Ledger;
use crate::balance::paths;
use crate::balance::plan::{Plan, Planner, Step, StepOutcome};
use crate::balance::roster::Extent;
use crate::balance::table::{Service, Table};
use crate::balance::trouble::Subject;
use crate::model::{OnStop, ServerKey, ServerSettings, ServiceConfig, ServiceKey, Timeouts};

/// IPVS that is missing is asked for again this often: somebody may load the module.
const MISSING_INTERVAL: Duration = Duration::from_secs(3);
/// A table that could not be read is read again after this time.
const UNREAD_INTERVAL: Duration = Duration::from_secs(1);
/// A difference that a look has shown is looked at again after this time, before anything is done.
const SECOND_LOOK: Duration = Duration::from_millis(200);
/// Looking takes at most one part of this many of the time: a verdict that comes meanwhile waits, and of a hundred not one may.
const LOOK_SHARE: u32 = 200;
/// Looks in a row at once, when the table turns out not to be as thought.
const ROUNDS: u32 = 3;
/// Repairs in a row of the same entry before we stop to fight for it.
const REPAIRS: u32 = 3;
/// ... for this long.
const FIGHT_PAUSE: Duration = Duration::from_secs(60);

/// Why the table is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Look {
    /// It has to be known: what differs is put right at once.
    Fresh,
    /// Somebody may have changed it: what differs is put right when a second look shows the same.
    Drift,
}

/// Why steps are given to the kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// The configuration or a verdict wants them.
    Wish,
    /// Somebody else's changes are taken back.
    Repair,
    /// We are leaving.
    ClearOut,
}

#[derive(Debug, Clone)]
pub(super) enum Kernel {
    Unneeded,
    Reading { look: Look, asked_at: Instant },
    Away { missing: bool, reason: String, retry_at: Instant },
    Known,
    Applying { plan: Arc<Plan>, purpose: Purpose },
}

impl Balancer {
    pub(super) fn kernel_timeout(&self) -> Option<Instant> {
        let own = match self.kernel {
            Kernel::Unneeded | Kernel::Reading { .. } | Kernel::Applying { .. } => return None,
            Kernel::Away { retry_at, .. } => retry_at,
            Kernel::Known => self.look_at,
        };
        match self.life {
            Life::Stopped => None,
            Life::Running | Life::Stopping => Some(self.troubles.next().map_or(own, |trouble| trouble.min(own))),
        }
    }

    pub(super) fn ask(&mut self, look: Look) {
        self.walk = None;
        self.daemons.look_whole = false;
        self.kernel = Kernel::Reading { look, asked_at: self.now };
        self.outputs.push_back(Output::Read);
    }

    pub(super) fn wake_kernel(&mut self) {
        for subject in self.troubles.due(self.now) {
            match subject {
                Subject::Service(service) | Subject::Server(service, _) if self.roster.mark_key(service) => {}
                Subject::Daemon(_) => self.daemons.dirty = true,
                Subject::Service(_) | Subject::Server(..) | Subject::Timeouts => self.compare_all = true,
            }
        }
        match self.kernel {
            // What verdicts want, and what is tried again, comes first: a look in between would tell nothing.
            Kernel::Known if self.look_at <= self.now && !self.has_work() => self.look_around(),
            Kernel::Away { retry_at, .. } if retry_at <= self.now => self.ask(Look::Fresh),
            Kernel::Known
            | Kernel::Away { .. }
            | Kernel::Unneeded
            | Kernel::Reading { .. }
            | Kernel::Applying { .. } => {}
        }
    }

    pub(super) fn read(&mut self, mut table: Table) {
        let Kernel::Reading { look, asked_at } = self.kernel else { return };
        if std::mem::take(&mut self.missing_told) {
            self.outputs.push_back(Output::Event(Event::KernelBack));
        }
        self.kernel = Kernel::Known;
        self.roster.forget_sums();
        let loads = std::mem::take(&mut table.loads);
        if self.life == Life::Running {
            // This look is the one before an end.
            let _ = self.count_loads(&table, &loads, look, &BTreeSet::new());
        }
        (self.watched.was_read, self.watched.is_observed) = (true, true);
        let took = self.now - asked_at;
        self.looked(took);
        self.watch_links(&mut table);
        match (self.life, look) {
            (Life::Running, Look::Drift) => self.drift(table, took),
            (Life::Running, Look::Fresh) => {
                self.observed = table;
                self.compare_all = true;
                self.loose_claims = true;
            }
            (Life::Stopping | Life::Stopped, Look::Fresh | Look::Drift) => {
                self.observed = table;
                self.clear_out();
            }
        }
    }

    /// The table was looked at, which took so long.
    pub(super) fn looked(&mut self, took: Duration) {
        self.look_pause = took * LOOK_SHARE;
        self.look_at = self.now + self.look_interval();
    }

    /// Something is to be compared with the table as it is known.
    pub(super) fn has_work(&self) -> bool {
        self.roster.has_dirty() || self.compare_all || self.daemons.dirty
    }

    fn drift(&mut self, table: Table, took: Duration) {
        if self.has_work() {
            // Our own work comes first; it would look like somebody else's.
            self.suspect = None;
            self.take_in_others(&table);
            return;
        }
        let plan = self.whole_plan(&table);
        if plan.is_empty() {
            self.suspect = None;
            self.fights.clear();
            self.accept(table);
        } else if self.suspect.as_ref() == Some(&plan) {
            self.suspect = None;
            self.accept(table);
            self.repair(plan);
        } else {
            // Where no two looks agree a large table would be read all the time. After the pause two looks follow each other again:
            // what was seen before it is compared with nothing.
            let again = self.suspect.is_some();
            self.suspect = (!again).then_some(plan);
            let wait = if again { took * LOOK_SHARE } else { Duration::ZERO };
            self.look_at = self.now + SECOND_LOOK.max(wait);
        }
    }

    /// What others have put into services that the file does not name is known before those are deleted: that would be deleted
    /// with them.
    fn take_in_others(&mut self, table: &Table) {
        for (key, known) in &mut self.observed.services {
            if self.roster.is_configured(*key) {
                continue;
            }
            let Some(found) = table.services.get(key) else { continue };
            for (server, settings) in found.servers() {
                if known.server(*server).is_none() && !self.ledger.has_server(*key, *server) {
                    known.take_in(*server, settings.clone());
                }
            }
        }
    }

    /// This is how the table is.
    fn accept(&mut self, table: Table) {
        let before = std::mem::replace(&mut self.observed, table);
        self.confirm_absence(&before);
    }

    /// Another look at the table was believed. What is not wished for, and neither of the two has seen, is gone.
    pub(super) fn confirm_absence(&mut self, before: &Table) {
        if !std::mem::take(&mut self.absent) {
            return;
        }
        if self.ledger.prune(&self.handovers.claims, &[before, &self.observed]) {
            self.outputs.push_back(Output::WriteLedger);
        }
        self.loose_claims = true;
    }

    /// Puts right what others have changed, but not for ever: what has to be put right at every look is left alone for a while.
    fn repair(&mut self, mut plan: Plan) {
        let before = std::mem::take(&mut self.fights);
        let mut steps = std::mem::take(&mut plan.steps);
        let now = self.now;
        steps.retain(|step| {
            let subject = Subject::of(step);
            let times = before.get(&subject).map_or(1, |times| times + 1);
            if times <= REPAIRS {
                self.fights.insert(subject, times);
                return true;
            }
            let problem = format!("does not last, though the kernel took it: {step}");
            let (retry_in, _) = self.troubles.add_for(step, problem, FIGHT_PAUSE, now);
            self.outputs.push_back(Output::Event(Event::Fight { step: step.to_string(), retry_in }));
            false
        });
        let plan = Plan { steps };
        if !plan.is_empty() {
            self.counts.repairs += 1;
            self.outputs.push_back(Output::Event(Event::Drift { summary: plan.summary() }));
            self.claim_daemons(&plan);
            self.apply(plan, Purpose::Repair);
        }
    }

    pub(super) fn unread(&mut self, why: Unreadable, reason: String) {
        let Kernel::Reading { look, .. } = self.kernel else {
            // A piece: what there is to say of it is said when all of it cannot be read.
            match (self.walk.take(), &self.kernel, self.life) {
                (Some(_), Kernel::Known, Life::Running) => self.ask(Look::Drift),
                (Some(_) | None, _, Life::Running | Life::Stopping | Life::Stopped) => {}
            }
            return;
        };
        match self.life {
            Life::Running => {}
            Life::Stopping | Life::Stopped => {
                self.outputs.push_back(Output::Event(Event::Unread(reason)));
                return self.stopped();
            }
        }
        let missing = match why {
            Unreadable::NoIpvs | Unreadable::Barred => true,
            Unreadable::Failed => false,
        };
        let idle = self.roster.config.services.is_empty() && self.roster.config.global.sync_daemon.is_none();
        // Without IPVS nothing of ours can be left; where we are kept from it there may be.
        if missing && idle && (why == Unreadable::NoIpvs || self.ledger.is_empty()) {
            self.observed = Table::default();
            self.watched.is_observed = false;
            if !std::mem::take(&mut self.ledger).is_empty() {
                self.outputs.push_back(Output::WriteLedger);
            }
            self.kernel = Kernel::Unneeded;
            return self.conclude();
        }
        if missing {
            if !std::mem::replace(&mut self.missing_told, true) {
                self.outputs.push_back(Output::Event(Event::KernelMissing(reason.clone())));
            }
            self.suspect = None;
            self.observed = Table::default();
            self.watched.is_observed = false;
            self.kernel = Kernel::Away { missing, reason, retry_at: self.now + MISSING_INTERVAL };
        } else {
            self.outputs.push_back(Output::Event(Event::Unread(reason.clone())));
            self.look_at = self.now + UNREAD_INTERVAL;
            self.kernel = match look {
                Look::Fresh => Kernel::Away { missing, reason, retry_at: self.look_at },
                Look::Drift => Kernel::Known,
            };
        }
        if missing && idle {
            // What is left can wait: nothing is wished for.
            return self.conclude();
        }
        if std::mem::take(&mut self.configuring) {
            self.outputs.push_back(Output::Settled);
        }
    }

    /// Compares what has gathered and orders at most one batch.
    pub(super) fn settle(&mut self) {
        match self.kernel {
            Kernel::Known => {}
            Kernel::Reading { .. } | Kernel::Applying { .. } => return,
            Kernel::Unneeded | Kernel::Away { .. } => return self.verdict_at = None,
        }
        match self.life {
            Life::Running => {}
            Life::Stopping | Life::Stopped => return,
        }
        let plan = if std::mem::take(&mut self.compare_all) {
            self.roster.take_dirty();
            // Servers that nothing is known about count as the table has them, which is about to change.
            self.roster.forget_sums();
            self.daemons.dirty = false;
            self.whole_plan(&self.observed)
        } else if self.roster.has_dirty() || self.daemons.dirty {
            let dirty = self.roster.take_dirty();
            self.plan_of(&dirty)
        } else {
            Plan::default()
        };
        self.claim_daemons(&plan);
        if plan.is_empty() {
            self.verdict_at = None;
            self.conclude();
        } else {
            self.apply(plan, Purpose::Wish);
        }
    }

    fn apply(&mut self, plan: Plan, purpose: Purpose) {
        self.suspect = None;
        let plan = Arc::new(plan);
        self.outputs.push_back(Output::Apply(Arc::clone(&plan)));
        self.kernel = Kernel::Applying { plan, purpose };
    }

    pub(super) fn applied(&mut self, outcomes: Vec<StepOutcome>) {
        let Kernel::Applying { plan, purpose } = &self.kernel else { return };
        let (plan, purpose) = (Arc::clone(plan), *purpose);
        self.kernel = Kernel::Known;
        self.verdict_at = None;
        self.handovers.heirs_stirred = true;
        let mut stale = outcomes.len() != plan.steps.len();
        let mut refused = BTreeSet::new();
        let mut forgotten = false;
        let mut deleted: BTreeMap<ServiceKey, BTreeSet<ServerKey>> = BTreeMap::new();
        for (step, outcome) in plan.steps.iter().zip(outcomes) {
            self.counts.steps += 1;
            match outcome {
                StepOutcome::Done => {
                    if let Step::SetTimeouts(set) = step {
                        self.originals.note(self.observed.timeouts, set);
                    }
                    step.apply_to(&mut self.observed);
                    match step {
                        Step::DeleteServer { service, server } => {
                            if !self.handovers.claims.has_server(*service, *server) {
                                deleted.entry(*service).or_default().insert(*server);
                            }
                        }
                        Step::DeleteService { service } => forgotten |= self.forget_service(*service),
                        Step::AddService { .. }
                        | Step::EditService { .. }
                        | Step::AddServer { .. }
                        | Step::EditServer { .. }
                        | Step::SetTimeouts(_)
                        | Step::StartDaemon { .. }
                        | Step::StopDaemon { .. } => {}
                    }
                    if let Some(role) = step.daemon() {
                        self.daemon_changed(role);
                    }
                    if purpose == Purpose::Wish {
                        self.troubles.done(step);
                    }
                }
                StepOutcome::Unknown => stale = true,
                // The service could not be added, so its servers could not either: one cause, one line.
                StepOutcome::Stale(_) | StepOutcome::Refused(_)
                    if step.server().is_some() && step.service().is_some_and(|key| refused.contains(&key)) => {}
                StepOutcome::Stale(problem) => {
                    stale = true;
                    if self.rounds >= ROUNDS {
                        self.refused(step, problem);
                    }
                }
                StepOutcome::Refused(problem) => {
                    if let Step::AddService { service, .. } = step {
                        refused.insert(*service);
                    }
                    self.refused(step, problem);
                }
            }
        }
        for (service, servers) in deleted {
            forgotten |= self.forget_servers(service, &servers);
        }
        if forgotten {
            self.loose_claims = true;
            self.outputs.push_back(Output::WriteLedger);
        }
        if std::mem::take(&mut self.look_again) {
            self.ask(Look::Fresh);
        } else if stale && self.rounds < ROUNDS {
            self.rounds += 1;
            self.ask(Look::Fresh);
        } else {
            self.rounds = 0;
            match (self.life, purpose) {
                (Life::Stopping, Purpose::ClearOut) => self.clear_out_done(),
                // The stop came while something else was on its way.
                (Life::Stopping, Purpose::Wish | Purpose::Repair) => self.ask(Look::Fresh),
                (Life::Running | Life::Stopped, Purpose::Wish | Purpose::Repair | Purpose::ClearOut) => {}
            }
        }
    }

    /// The kernel has deleted servers of a service for good: they are ours no more. Returns whether one was.
    fn forget_servers(&mut self, service: ServiceKey, servers: &BTreeSet<ServerKey>) -> bool {
        if !self.ledger.forget_servers(service, servers) {
            return false;
        }
        // One that only others still use is theirs from now on.
        let shared = self.observed.services.get(&service).is_some_and(|found| !found.servers().is_empty());
        if !self.handovers.claims.has_service(service) && shared {
            self.ledger.leave_service(service);
        }
        true
    }

    /// The same of a service.
    fn forget_service(&mut self, service: ServiceKey) -> bool {
        !self.handovers.claims.has_service(service) && self.ledger.forget_service(service)
    }

    fn refused(&mut self, step: &Step, problem: String) {
        self.counts.refused += 1;
        let (retry_in, new) = self.troubles.add(step, problem.clone(), self.now);
        if new {
            self.outputs.push_back(Output::Event(Event::Refused { step: step.to_string(), problem, retry_in }));
        }
    }

    /// What was configured last is in force, as far as the kernel lets it be.
    pub(super) fn conclude(&mut self) {
        let told = !std::mem::take(&mut self.configuring);
        if told && self.ready && !self.loose_claims {
            return;
        }
        if std::mem::take(&mut self.loose_claims) {
            if self.ledger.prune_daemons(&self.observed) {
                self.outputs.push_back(Output::WriteLedger);
            }
            self.absent = self.ledger.clone().prune(&self.handovers.claims, &[&self.observed]);
            if self.absent {
                self.look_at = self.look_at.min(self.now + SECOND_LOOK);
            }
        }
        if !self.is_kernel_needed() {
            self.kernel = Kernel::Unneeded;
        }
        if !told {
            self.outputs.push_back(Output::Settled);
        }
        if !std::mem::replace(&mut self.ready, true) {
            self.outputs.push_back(Output::Ready);
        }
    }

    /// At a clean stop: what is ours goes, what is not stays, unless all of it is to go.
    fn clear_out(&mut self) {
        let flush = self.roster.config.global.on_stop == OnStop::Flush;
        let mut planner = Planner::new(&self.ledger, flush);
        for (key, service) in &self.observed.services {
            planner.leftover(*key, service);
        }
        planner.daemons(self.observed.daemons.as_ref(), Some(&SyncDaemons::default()));
        let back = self.originals.with(&Timeouts::default(), self.observed.timeouts);
        planner.timeouts(self.observed.timeouts, &back);
        let plan = planner.finish();
        let left = |(key, service): &(&ServiceKey, &Service)| {
            !flush
                && self.ledger.has_service(**key)
                && service.servers().iter().any(|(server, _)| !self.ledger.has_server(**key, *server))
        };
        let shared: Vec<_> = self.observed.services.iter().filter(left).map(|(key, _)| *key).collect();
        self.outputs.extend(shared.into_iter().map(|service| Output::Event(Event::Shared { service })));
        if plan.is_empty() { self.clear_out_done() } else { self.apply(plan, Purpose::ClearOut) }
    }

    fn clear_out_done(&mut self) {
        let gone = self.ledger.prune(&Ledger::default(), &[&self.observed]);
        if self.ledger.prune_daemons(&self.observed) || gone {
            self.outputs.push_back(Output::WriteLedger);
        }
        self.stopped();
    }

    fn plan_of(&mut self, dirty: &[(u32, Extent)]) -> Plan {
        let mut planner = Planner::new(&self.ledger, self.roster.config.global.exclusive);
        for (place, extent) in dirty {
            self.compare_changed(&mut planner, *place, extent);
        }
        debug_assert!(self.is_all(&planner, dirty), "more has changed than was compared");
        if std::mem::take(&mut self.daemons.dirty) {
            planner.daemons(self.observed.daemons.as_ref(), self.wished_daemons().as_ref());
        }
        self.without_troubles(planner.finish(), &self.observed)
    }

    /// Compares what has changed of a service with the table as it is known.
    fn compare_changed(&self, planner: &mut Planner<'_>, place: u32, extent: &Extent) {
        let servers = match extent {
            Extent::Whole => None,
            Extent::Servers(servers) => self.changed(place, servers),
        };
        match servers {
            Some((key, found, wishes)) => planner.servers(key, found, wishes),
            None => self.compare(planner, place, &self.observed),
        }
    }

    /// How these servers of a service are to be, by the order of their entries; `None`: the service is not in the table as it
    /// is to be, so that there is more to compare.
    fn changed(&self, place: u32, servers: &[u32]) -> Option<(ServiceKey, &Service, Wishes)> {
        let key = self.roster.config.services.get(place as usize)?.key;
        let (service, standing) = self.roster.service(place, key.family())?;
        let (first, whole) = (self.roster.first_server(place), self.roster.standing(place));
        let found = self.observed.services.get(&key)?;
        if found.settings.as_ref() != Some(&service.settings_of(key)) {
            return None;
        }
        let wish = |server: &u32| {
            let nth = (*server - first) as usize;
            desired::server(service, key, service.servers.get(nth)?, standing(nth), whole, found)
        };
        let mut wishes: Vec<_> = servers.iter().filter_map(wish).collect();
        wishes.sort_unstable_by_key(|(entry, _)| *entry);
        Some((key, found, wishes))
    }

    /// Nothing but what was planned is to be done in these services. What the kernel has refused is left out: it has a time of
    /// its own.
    fn is_all(&self, planned: &Planner<'_>, dirty: &[(u32, Extent)]) -> bool {
        let mut planner = Planner::new(&self.ledger, self.roster.config.global.exclusive);
        for (place, _) in dirty {
            self.compare(&mut planner, *place, &self.observed);
        }
        let refused = |step: &&Step| {
            let of_service = step.service().map(Subject::Service);
            [Some(Subject::of(step)), of_service].into_iter().flatten().any(|it| self.troubles.problem(it).is_some())
        };
        let untroubled = |planner: &Planner<'_>| -> Vec<Step> {
            planner.steps().iter().filter(|step| !refused(step)).cloned().collect()
        };
        untroubled(planned) == untroubled(&planner)
    }

    fn whole_plan(&self, table: &Table) -> Plan {
        let global = &self.roster.config.global;
        let mut planner = Planner::new(&self.ledger, global.exclusive);
        planner.timeouts(table.timeouts, &self.originals.with(&global.timeouts, table.timeouts));
        for (place, _) in (0..).zip(&self.roster.config.services) {
            self.compare(&mut planner, place, table);
        }
        for (key, leads) in &self.roster.paths {
            planner.service(*key, table.services.get(key), &paths::wish(*leads));
        }
        for (key, service) in table.services.iter().filter(|(key, _)| !self.roster.is_configured(**key)) {
            self.compare_unnamed(&mut planner, *key, service);
        }
        planner.daemons(table.daemons.as_ref(), self.wished_daemons().as_ref());
        self.without_troubles(planner.finish(), table)
    }

    fn compare(&self, planner: &mut Planner<'_>, place: u32, table: &Table) {
        let service = self.roster.config.services.get(place as usize);
        for key in service.into_iter().flat_map(ServiceConfig::keys) {
            self.compare_named(planner, (place, key), table.services.get(&key));
        }
    }

    /// Steps for one of the keys of a service of the file.
    pub(super) fn compare_named(
        &self,
        planner: &mut Planner<'_>,
        (place, key): (u32, ServiceKey),
        found: Option<&Service>,
    ) {
        let Some((service, standing)) = self.roster.service(place, key.family()) else { return };
        let mut wish = desired::service(service, key, &standing, self.roster.standing(place), found);
        self.handovers.leaving.stay(key, found, &mut wish);
        planner.service(key, found, &wish);
    }

    /// Steps for a service of the kernel's that the file does not name.
    pub(super) fn compare_unnamed(&self, planner: &mut Planner<'_>, key: ServiceKey, found: &Service) {
        match self.handovers.leaving.rest_of(key, found) {
            Some(rest) => planner.service(key, Some(found), &rest),
            None => planner.leftover(key, found),
        }
    }

    fn without_troubles(&self, mut plan: Plan, table: &Table) -> Plan {
        let steps = std::mem::take(&mut plan.steps).into_iter();
        plan.steps = steps.filter_map(|step| self.troubles.left_of(step, table, self.now)).collect();
        plan
    }
}

/// Entries of servers, and how they are to be; `None`: not there.
type Wishes = Vec<(ServerKey, Option<ServerSettings>)>;
