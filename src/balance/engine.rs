//! The balancer's engine: verdicts, configurations and the kernel's answers in, probes and batches out.
//!
//! Two things go on side by side. The *checks* run by the clock, each on its own (`engine/checks.rs`). The *conversation with
//! the kernel* (`engine/kernel.rs`) is one question at a time:
//!
//! ```text
//!   Unneeded          no service is configured and nothing is left from before
//!   Reading  -------> Known ------> Applying ----> Known
//!      |  ^             |  a service is dirty        |
//!      v  |             v  time for a look           v  an outcome is unknown, or the table was not as we thought
//!    Away             Reading                      Reading
//! ```
//!
//! Whatever the cause, the way to the kernel leads through `settle`.

mod checks;
mod daemons;
mod doubt;
mod kernel;
mod watched;

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::event::Event;
use super::hold::Hold;
use super::ledger::Ledger;
use super::plan::{Plan, StepOutcome};
use super::roster::{Roster, ServerStatus};
use super::suspicion::{Suspicion, Traffic};
use super::table::Table;
use super::timeouts::Originals;
use super::timers::Timers;
use super::trouble::{Subject, Troubles};
use crate::check::{Outcome, Random, Stage};
use crate::model::{CheckKind, Config, OnStop, ServiceKey, Timeouts};
use kernel::{Kernel, Look};
use watched::Watched;

pub use watched::ServiceHealth;

/// What the engine needs to know at its birth.
#[derive(Debug, Clone)]
pub struct Options {
    /// What the dice of the first checks start from.
    pub seed: u64,
    /// What the last process of ours left behind.
    pub ledger: Ledger,
    /// Probes that may run at once; those beyond wait for their turn.
    pub probes: usize,
    /// How often the kernel's table is looked at, as long as that is cheap.
    pub drift_interval: Duration,
}

/// One probe, from its start to its outcome. Never used twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProbeId(pub(super) u64);

/// What the engine is told.
#[derive(Debug)]
pub enum Input {
    /// This configuration is in force from now on.
    Configure(Arc<Config>),
    /// [`Output::Read`]: the kernel's table.
    Read(Table),
    /// After a [`Input::Read`]: what the kernel has counted of servers that are reached by NAT and were used at all.
    Traffic(Vec<Traffic>),
    /// [`Output::Read`]: it could not be read.
    Unread {
        /// There is no IPVS, or we may not use it; else the dump failed.
        missing: bool,
        /// A sentence: why, and what to do.
        reason: String,
    },
    /// [`Output::Apply`]: what became of each step.
    Applied(Vec<StepOutcome>),
    /// A probe came to its end.
    Probed(ProbeId, Outcome),
    /// A probe has come so far.
    Reached(ProbeId, Stage),
    /// A virtual router is active now, or is not.
    Role {
        /// Its name.
        router: String,
        /// It owns its addresses.
        active: bool,
    },
    /// [`Balancer::poll_timeout`] has passed.
    Wake,
    /// Come to a clean end.
    Stop,
}

/// What the engine wants done, in this order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// Begin a probe, of [`Balancer::probe`].
    StartProbe(ProbeId),
    /// Drop a probe, without a word.
    CancelProbe(ProbeId),
    /// Read the kernel's table; [`Input::Read`] or [`Input::Unread`] is the answer.
    Read,
    /// Give these steps to the kernel; [`Input::Applied`] is the answer.
    Apply(Arc<Plan>),
    /// Write [`Balancer::ledger`] to its file, before anything that comes after this.
    WriteLedger,
    /// Tell people.
    Event(Event),
    /// The last [`Input::Configure`] has come to what could be done: its steps are applied, or the kernel is away.
    Settled,
    /// The table was programmed for the first time, or needs none.
    Ready,
    /// The end.
    Stopped,
    /// How a service stands that [`Config::watched_services`] names: at first, and whenever that changes. `None`: there is
    /// no such service.
    ServiceHealth(ServiceKey, Option<ServiceHealth>),
}

/// Counters since the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Steps that the kernel was given.
    pub steps: u64,
    /// ... that it refused.
    pub refused: u64,
    /// Times that entries of ours had to be put right.
    pub repairs: u64,
}

/// How we stand with the kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KernelState<'a> {
    /// Nothing is asked of it.
    Unneeded,
    /// Its table is known, or on its way.
    Available,
    /// It has no IPVS, or cannot be read, for this reason.
    Away(&'a str),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Life {
    Running,
    Stopping,
    Stopped,
}

/// The balancer's engine. `handle`, then `poll_output` until it is empty, then sleep until `poll_timeout`.
#[derive(Debug)]
pub struct Balancer {
    now: Instant,
    life: Life,
    outputs: VecDeque<Output>,
    random: Random,
    probes: usize,
    drift_interval: Duration,

    roster: Roster,
    timers: Timers,
    running: HashMap<u64, u32>,
    last_probe: u64,
    /// Checks that are due and wait for a probe to end.
    queue: VecDeque<u32>,
    hold: Hold,
    suspicion: Suspicion,
    /// Checks that say "up".
    well: usize,
    /// Probes whose time passed while nobody looked, since people were told.
    cut_short: u32,

    kernel: Kernel,
    /// When the table is looked at again, if nothing comes in between.
    look_at: Instant,
    observed: Table,
    ledger: Ledger,
    /// The difference that the last look showed; acted upon when the next one shows the same.
    suspect: Option<Plan>,
    /// How many looks in a row a subject had to be put right.
    fights: BTreeMap<Subject, u32>,
    troubles: Troubles,
    /// All is to be compared, not the dirty services alone.
    compare_all: bool,
    /// Fresh looks in a row because the table was not as thought.
    rounds: u32,
    /// The table was read afresh: claims on what is neither wished for nor there can be dropped.
    loose_claims: bool,
    /// A `Configure` waits for its `Settled`.
    configuring: bool,
    ready: bool,
    /// People know that IPVS is missing.
    missing_told: bool,
    counts: Counts,
    watched: Watched,
    daemons: daemons::Daemons,
    /// Connection timeouts that we found.
    originals: Originals,
}

impl Balancer {
    /// An engine that has no configuration yet.
    #[must_use]
    pub fn new(options: Options, now: Instant) -> Self {
        Self {
            now,
            life: Life::Running,
            outputs: VecDeque::new(),
            random: Random::new(options.seed),
            probes: options.probes.max(1),
            drift_interval: options.drift_interval,
            roster: Roster::empty(now),
            timers: Timers::default(),
            running: HashMap::new(),
            last_probe: 0,
            queue: VecDeque::new(),
            hold: Hold::new(),
            suspicion: Suspicion::default(),
            well: 0,
            cut_short: 0,
            kernel: Kernel::Unneeded,
            look_at: now,
            observed: Table::default(),
            ledger: options.ledger,
            suspect: None,
            fights: BTreeMap::new(),
            troubles: Troubles::default(),
            compare_all: false,
            rounds: 0,
            loose_claims: false,
            configuring: false,
            ready: false,
            missing_told: false,
            counts: Counts::default(),
            watched: Watched::default(),
            daemons: daemons::Daemons::default(),
            originals: Originals::default(),
        }
    }

    /// Takes a step.
    pub fn handle(&mut self, input: Input, now: Instant) {
        self.now = now;
        match (self.life, input) {
            (Life::Running, Input::Configure(config)) => self.configure(config),
            (Life::Running | Life::Stopping, Input::Read(table)) => {
                self.read(table);
                self.stir();
            }
            (Life::Running | Life::Stopping, Input::Unread { missing, reason }) => {
                self.unread(missing, reason);
                self.stir();
            }
            (Life::Running | Life::Stopping, Input::Applied(outcomes)) => self.applied(outcomes),
            (Life::Running, Input::Probed(probe, outcome)) => self.probed(probe, outcome),
            (Life::Running, Input::Reached(probe, stage)) => self.reached(probe, stage),
            (Life::Running, Input::Traffic(rows)) => self.suspect(&rows),
            (Life::Running, Input::Role { router, active }) => self.role(router, active),
            (Life::Running, Input::Wake) => {
                self.wake_checks();
                self.wake_kernel();
            }
            (Life::Stopping, Input::Wake) => self.wake_kernel(),
            (Life::Running, Input::Stop) => self.stop(),
            (
                Life::Stopping,
                Input::Configure(_)
                | Input::Traffic(_)
                | Input::Probed(..)
                | Input::Reached(..)
                | Input::Role { .. }
                | Input::Stop,
            )
            | (
                Life::Stopped,
                Input::Configure(_)
                | Input::Traffic(_)
                | Input::Read(_)
                | Input::Unread { .. }
                | Input::Applied(_)
                | Input::Probed(..)
                | Input::Reached(..)
                | Input::Role { .. }
                | Input::Wake
                | Input::Stop,
            ) => {}
        }
    }

    /// The next thing to do. When there is nothing more, what has gathered is compared and ordered.
    pub fn poll_output(&mut self) -> Option<Output> {
        if self.outputs.is_empty() {
            self.settle_floors();
            self.tell_services();
            self.tell_daemons();
            self.settle();
        }
        self.outputs.pop_front()
    }

    /// When [`Input::Wake`] is wanted.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        let checks = match self.life {
            Life::Running => [self.timers.next(), self.hold_timeout()].into_iter().flatten().min(),
            Life::Stopping | Life::Stopped => None,
        };
        [checks, self.kernel_timeout()].into_iter().flatten().min()
    }

    fn configure(&mut self, config: Arc<Config>) {
        let claims = Ledger::of(&config);
        let roster = Roster::new(config, Some(&self.roster), &mut self.random, self.now);
        self.replace_roster(roster);
        self.watch_services();
        self.forget_routers();
        self.troubles.clear();
        self.fights.clear();
        self.suspect = None;
        self.configuring = true;
        if self.ledger.absorb(&claims) {
            self.outputs.push_back(Output::WriteLedger);
        }
        self.look();
    }

    /// The kernel's table is read before the new configuration is compared with it, if it is needed at all.
    fn look(&mut self) {
        match self.kernel {
            Kernel::Unneeded if !self.is_kernel_needed() => self.conclude(),
            Kernel::Unneeded | Kernel::Known | Kernel::Away { .. } => self.ask(Look::Fresh),
            // The answer that is on its way will be compared with the new configuration.
            Kernel::Reading { ref mut look, .. } => *look = Look::Fresh,
            Kernel::Applying { .. } => self.compare_all = true,
        }
    }

    /// Something is wished for, or something of ours may be left.
    fn is_kernel_needed(&self) -> bool {
        let config = &self.roster.config;
        !config.services.is_empty()
            || !self.ledger.is_empty()
            || config.global.exclusive
            || config.global.timeouts != Timeouts::default()
            || !self.originals.is_empty()
            || config.global.sync_daemon.is_some()
    }

    fn stop(&mut self) {
        self.life = Life::Stopping;
        let running: Vec<_> = self.running.drain().map(|(probe, _)| probe).collect();
        self.outputs.extend(running.into_iter().map(|probe| Output::CancelProbe(ProbeId(probe))));
        self.queue.clear();
        self.troubles.clear();
        self.rounds = 0;
        let keep = match self.roster.config.global.on_stop {
            OnStop::Keep => true,
            OnStop::Remove => self.ledger.is_empty() && self.originals.is_empty(),
        };
        match self.kernel {
            Kernel::Unneeded | Kernel::Away { missing: true, .. } => self.stopped(),
            Kernel::Reading { .. } | Kernel::Known | Kernel::Applying { .. } | Kernel::Away { .. } if keep => {
                self.stopped();
            }
            Kernel::Known | Kernel::Away { .. } => self.ask(Look::Fresh),
            Kernel::Reading { ref mut look, .. } => *look = Look::Fresh,
            Kernel::Applying { .. } => {}
        }
    }

    fn stopped(&mut self) {
        self.life = Life::Stopped;
        self.outputs.push_back(Output::Stopped);
    }

    /// What a probe tries, while it runs.
    #[must_use]
    pub fn probe(&self, probe: ProbeId) -> Option<&CheckKind> {
        let (_, _, check) = self.roster.check(*self.running.get(&probe.0)?)?;
        Some(&check.kind)
    }

    /// The configuration in force.
    #[must_use]
    pub fn config(&self) -> &Arc<Config> {
        &self.roster.config
    }

    /// Which entries are ours.
    #[must_use]
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// The kernel's table as far as we know.
    #[must_use]
    pub fn observed(&self) -> &Table {
        &self.observed
    }

    /// Counters since the start.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// What the kernel refused about a service, a server, the timeouts or a sync daemon.
    #[must_use]
    pub fn problem(&self, subject: Subject) -> Option<&str> {
        self.troubles.problem(subject)
    }

    /// The servers of the service at this place of [`Config::services`].
    #[must_use]
    pub fn servers(&self, place: usize) -> Vec<ServerStatus<'_>> {
        u32::try_from(place).map(|place| self.roster.statuses(place)).unwrap_or_default()
    }

    /// How we stand with the kernel.
    #[must_use]
    pub fn kernel_state(&self) -> KernelState<'_> {
        match &self.kernel {
            Kernel::Unneeded => KernelState::Unneeded,
            Kernel::Reading { .. } | Kernel::Known | Kernel::Applying { .. } => KernelState::Available,
            Kernel::Away { reason, .. } => KernelState::Away(reason),
        }
    }
}

#[cfg(test)]
mod tests;
