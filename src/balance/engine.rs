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
//! A large table that is only looked at stays `Known` meanwhile: it is read piece by piece (`engine/walk.rs`).

mod checks;
mod daemons;
mod doubt;
mod kernel;
mod known;
mod outlook;
mod output;
mod rules;
mod succession;
mod walk;
mod watched;
mod wishes;

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::hold::Hold;
use super::ledger::Ledger;
use super::plan::{Plan, StepOutcome};
use super::roster::{Files, Roster};
use super::suspicion::{Suspicion, Traffic};
use super::table::Table;
use super::timeouts::Originals;
use super::timers::Timers;
use super::trouble::{Subject, Troubles};
use super::wishes::Kept;
use crate::check::{Outcome, Random, Stage};
use crate::model::{Check, CheckKind, Config, FileContent, OnStop, ScriptOutcome, ScriptRun, Timeouts};
use kernel::{Kernel, Look};
use walk::Walk;
use watched::Watched;

pub use outlook::{Awaits, Foresight, Outlook, Pending};
pub use output::Output;
pub use walk::{Piece, WalkEnd};
pub use watched::ServiceHealth;
pub use wishes::Asked;

/// What the engine needs to know at its birth.
#[derive(Debug, Clone)]
pub struct Options {
    /// What the dice of the first checks start from.
    pub seed: u64,
    /// What the last process of ours left behind.
    pub ledger: Ledger,
    /// What was wished while it ran, and who was leaving.
    pub kept: Kept,
    /// Probes that may run at once; those beyond wait for their turn.
    pub probes: usize,
    /// Scripts that may run at once; those beyond wait for their turn.
    pub scripts: usize,
    /// How often the kernel's table is looked at, as long as that is cheap.
    pub drift_interval: Duration,
}

/// One probe, from its start to its outcome. Never used twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProbeId(pub(super) u64);

impl ProbeId {
    /// Its number, which tells it apart from all others.
    #[must_use]
    pub const fn number(self) -> u64 {
        self.0
    }

    /// The probe of this number.
    #[must_use]
    pub const fn numbered(number: u64) -> Self {
        Self(number)
    }
}

/// Why the kernel's table could not be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unreadable {
    /// There is no IPVS, and so no table.
    NoIpvs,
    /// We may not use IPVS, or cannot get to where it is: there may be anything in its table.
    Barred,
    /// The dump failed, and the next one may not.
    Failed,
}

/// What the engine is told.
#[derive(Debug)]
pub enum Input {
    /// This configuration is in force from now on.
    Configure(Arc<Config>),
    /// [`Output::Read`]: the kernel's table.
    Read(Table),
    /// [`Output::ReadPiece`]: some of the kernel's table.
    Piece(Piece),
    /// After a [`Input::Read`] or the last [`Input::Piece`]: what the kernel has counted of servers that are reached by NAT and were used at all.
    Traffic(Vec<Traffic>),
    /// [`Output::Read`] or [`Output::ReadPiece`]: it could not be read.
    Unread {
        /// What keeps us from it.
        why: Unreadable,
        /// A sentence: why, and what to do.
        reason: String,
    },
    /// [`Output::Apply`]: what became of each step.
    Applied(Vec<StepOutcome>),
    /// A probe came to its end.
    Probed(ProbeId, Outcome),
    /// A probe has come so far.
    Reached(ProbeId, Stage),
    /// The run of a check's script is over.
    Scripted(ProbeId, ScriptOutcome),
    /// What a file holds that checks go by: whenever it changes, and once at first.
    File {
        /// Name of its definition.
        name: String,
        /// What it holds.
        content: FileContent,
    },
    /// A virtual router is active now, or is not.
    Role {
        /// Its name.
        router: String,
        /// It owns its addresses.
        active: bool,
    },
    /// An address is on this host now, or is not. What was never told is not.
    Address {
        /// Which.
        address: IpAddr,
        /// It is.
        here: bool,
    },
    /// All addresses of this host were told; before that none is taken to be elsewhere.
    AddressesKnown,
    /// [`Balancer::poll_timeout`] has passed.
    Wake,
    /// Come to a clean end.
    Stop,
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
#[derive(Debug, Clone)]
pub struct Balancer {
    now: Instant,
    life: Life,
    outputs: VecDeque<Output>,
    /// Probes that are to begin, and when they were due.
    starts: VecDeque<(ProbeId, Instant)>,
    /// How many there were since the last [`Input::Wake`].
    begun: usize,
    /// Some of those that were to begin in this turn have, and what they come to at once is weighed together.
    starting: bool,
    /// The first verdict that the kernel does not know of yet.
    verdict_at: Option<Instant>,
    random: Random,
    probes: usize,
    drift_interval: Duration,

    roster: Roster,
    timers: Timers,
    running: HashMap<u64, u32>,
    last_probe: u64,
    /// Checks that are due and wait for a probe to end.
    queue: VecDeque<u32>,
    /// First checks are spread as the file says, and it is not known yet of which of them clients wait.
    unhurried: bool,
    hold: Hold,
    suspicion: Suspicion,
    /// Checks that say "up" and of which silence would be news; `None`: to be counted anew.
    well: Option<usize>,
    /// Probes whose time passed while nobody looked, since people were told.
    cut_short: u32,
    /// When the time of the first of them passed, and when that was noticed.
    stalled_since: Option<(Instant, Instant)>,
    scripts: usize,
    /// Those of `running` that are scripts.
    running_scripts: HashSet<u64>,
    /// Checks that are due and wait for a script to end.
    script_queue: VecDeque<u32>,
    files: Files,

    kernel: Kernel,
    /// When the table is looked at again, if nothing comes in between.
    look_at: Instant,
    /// No sooner than after this time, for what the last look took.
    look_pause: Duration,
    /// A large table is being looked at.
    walk: Option<Walk>,
    observed: Table,
    ledger: Ledger,
    /// The difference that the last look showed; acted upon when the next one shows the same.
    suspect: Option<Plan>,
    /// How many looks in a row a subject had to be put right.
    fights: BTreeMap<Subject, u32>,
    troubles: Troubles,
    /// All is to be compared, not the dirty services alone.
    compare_all: bool,
    /// Another configuration came while steps were on their way: the table is read before anything is compared with it.
    look_again: bool,
    /// Fresh looks in a row because the table was not as thought.
    rounds: u32,
    /// The table was read afresh, or an entry is gone: it may be that some claims are on what is neither wished for nor there.
    loose_claims: bool,
    /// There are such claims. They are dropped when the next look does not show it either.
    absent: bool,
    /// A `Configure` waits for its `Settled`.
    configuring: bool,
    ready: bool,
    /// People know that IPVS is missing.
    missing_told: bool,
    counts: Counts,
    watched: Watched,
    daemons: daemons::Daemons,
    handovers: wishes::Handovers,
    addresses: rules::Addresses,
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
            starts: VecDeque::new(),
            begun: 0,
            starting: false,
            verdict_at: None,
            random: Random::new(options.seed),
            probes: options.probes.max(1),
            scripts: options.scripts.max(1),
            running_scripts: HashSet::new(),
            script_queue: VecDeque::new(),
            files: Files::new(),
            drift_interval: options.drift_interval,
            roster: Roster::empty(now),
            timers: Timers::default(),
            running: HashMap::new(),
            last_probe: 0,
            queue: VecDeque::new(),
            unhurried: false,
            hold: Hold::new(),
            suspicion: Suspicion::default(),
            well: None,
            cut_short: 0,
            stalled_since: None,
            kernel: Kernel::Unneeded,
            look_at: now,
            look_pause: Duration::ZERO,
            walk: None,
            observed: Table::default(),
            ledger: options.ledger,
            suspect: None,
            fights: BTreeMap::new(),
            troubles: Troubles::default(),
            compare_all: false,
            look_again: false,
            rounds: 0,
            loose_claims: false,
            absent: false,
            configuring: false,
            ready: false,
            missing_told: false,
            counts: Counts::default(),
            watched: Watched::default(),
            daemons: daemons::Daemons::default(),
            handovers: wishes::Handovers::of(options.kept),
            addresses: rules::Addresses::default(),
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
            (Life::Running | Life::Stopping, Input::Unread { why, reason }) => {
                self.unread(why, reason);
                self.stir();
            }
            (Life::Running | Life::Stopping, Input::Applied(outcomes)) => self.applied(outcomes),
            (Life::Running, Input::Probed(probe, outcome)) => self.probed(probe, outcome),
            (Life::Running, Input::Reached(probe, stage)) => self.reached(probe, stage),
            (Life::Running, Input::Piece(piece)) => self.piece(piece),
            (Life::Running, Input::Traffic(rows)) => self.suspect(&rows),
            (Life::Running, Input::Scripted(probe, outcome)) => self.scripted(probe, &outcome),
            (Life::Running, Input::File { name, content }) => self.file(name, content),
            (Life::Running, Input::Role { router, active }) => self.role(router, active),
            (Life::Running, Input::Address { address, here }) => self.address(address, here),
            (Life::Running, Input::AddressesKnown) => self.addresses_known(),
            (Life::Running, Input::Wake) => {
                self.wake_checks();
                self.wake_handovers();
                self.wake_kernel();
            }
            (Life::Stopping, Input::Wake) => self.wake_kernel(),
            (Life::Running, Input::Stop) => self.stop(),
            (
                Life::Stopping,
                Input::Configure(_)
                | Input::Piece(_)
                | Input::Traffic(_)
                | Input::Probed(..)
                | Input::Reached(..)
                | Input::Scripted(..)
                | Input::File { .. }
                | Input::Role { .. }
                | Input::Address { .. }
                | Input::AddressesKnown
                | Input::Stop,
            )
            | (
                Life::Stopped,
                Input::Configure(_)
                | Input::Piece(_)
                | Input::Traffic(_)
                | Input::Read(_)
                | Input::Unread { .. }
                | Input::Applied(_)
                | Input::Probed(..)
                | Input::Reached(..)
                | Input::Scripted(..)
                | Input::File { .. }
                | Input::Role { .. }
                | Input::Address { .. }
                | Input::AddressesKnown
                | Input::Wake
                | Input::Stop,
            ) => {}
        }
    }

    /// The next thing to do. When there is nothing more, what has gathered is compared and ordered.
    pub fn poll_output(&mut self) -> Option<Output> {
        loop {
            if self.outputs.is_empty() && !self.starting {
                self.rest();
                self.hasten();
                self.settle_floors();
                self.settle_quorums();
                self.settle_successions();
                self.tell_services();
                self.tell_daemons();
                self.settle();
            }
            if let Some(output) = self.outputs.pop_front() {
                return Some(output);
            }
            let start = self.starts.pop_front();
            let was_starting = std::mem::replace(&mut self.starting, start.is_some());
            match start {
                Some((probe, due_at)) => return Some(Output::StartProbe { probe, due_at }),
                None if was_starting => {}
                None => return None,
            }
        }
    }

    /// Since when the verdicts wait that the last [`Output::Apply`] brings to the kernel; `None`: no verdict is behind it.
    #[must_use]
    pub fn verdict_at(&self) -> Option<Instant> {
        self.verdict_at
    }

    /// When [`Input::Wake`] is wanted.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        let checks = match self.life {
            Life::Running if self.may_begin() => Some(self.now),
            Life::Running => {
                [self.timers.next(), self.hold_timeout(), self.handover_timeout()].into_iter().flatten().min()
            }
            Life::Stopping | Life::Stopped => None,
        };
        [checks, self.kernel_timeout()].into_iter().flatten().min()
    }

    fn configure(&mut self, config: Arc<Config>) {
        let claims = Ledger::of(&config);
        self.keep_files(&config);
        let mut roster = Roster::new(config, Some(&self.roster), &self.files, &mut self.random, self.now);
        self.tell_gone(&roster);
        self.configure_handovers(&mut roster, claims.clone());
        self.replace_roster(roster);
        self.tell_configured();
        self.addresses.stir();
        self.watch_services();
        self.forget_routers();
        self.troubles.clear();
        self.fights.clear();
        self.suspect = None;
        self.configuring = true;
        self.unhurried = true;
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
            // Whoever leaves now has to be counted, and what is on its way changes the table.
            Kernel::Applying { .. } => self.look_again = true,
        }
    }

    /// Something is wished for, or something of ours may be left.
    fn is_kernel_needed(&self) -> bool {
        let config = &self.roster.config;
        !config.services.is_empty()
            || !self.ledger.is_empty()
            || config.global.exclusive
            || config.global.on_stop == OnStop::Flush
            || config.global.timeouts != Timeouts::default()
            || !self.originals.is_empty()
            || config.global.sync_daemon.is_some()
    }

    fn stop(&mut self) {
        self.life = Life::Stopping;
        let running: Vec<_> = self.running.drain().map(|(probe, _)| probe).collect();
        self.outputs.extend(running.into_iter().map(|probe| Output::CancelProbe(ProbeId(probe))));
        self.queue.clear();
        self.starts.clear();
        self.script_queue.clear();
        self.running_scripts.clear();
        self.tell_stop();
        self.troubles.clear();
        self.rounds = 0;
        let keep = match self.roster.config.global.on_stop {
            OnStop::Keep => true,
            OnStop::Flush => false,
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

    /// What is to be run for a probe, while it runs, if that is a script.
    #[must_use]
    pub fn script(&self, probe: ProbeId) -> Option<ScriptRun> {
        let (service, server, check) = self.roster.check(*self.running.get(&probe.0)?)?;
        let script = check.kind.script()?;
        let user = script.user.clone().or_else(|| self.roster.config.global.script_user.clone());
        // Of the runs of one check only one is alive at a time; another check may run the same command. A reload moves checks while
        // their runs go on: what the name is made of moves with them.
        let is_alike = |other: &&Check| {
            let other = other.kind.script();
            other.is_some_and(|other| other.command == script.command && other.user == script.user)
        };
        let alike = server.checks.iter().take_while(|other| *other != check).filter(is_alike).count();
        Some(ScriptRun {
            run: probe.0,
            name: format!("{} {} {:?} {user:?} {alike}", service.key, server.key, script.command),
            command: script.command.clone(),
            user,
            timeout: check.timeout,
        })
    }
}

#[cfg(test)]
mod tests;
