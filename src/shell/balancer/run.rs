//! The loop itself: inputs in, the engine's wishes done, asleep until something happens.

mod requests;

use std::collections::VecDeque;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, TryRecvError};
use std::time::{Duration, Instant};

use mio::{Events, Poll, Waker};
use nix::sys::resource::{Resource, getrlimit, setrlimit};

use super::addresses::Addresses;
use super::errands::{Errands, MOST_SCRIPTS};
use super::journal::Journal;
use super::kernel::{Connections, Kernel, Unread};
use super::ledger_file::{self, LedgerFile};
use super::marks::Marks;
use super::notices::Notices;
use super::showing::Showing;
use super::view::LoopState;
use super::wishes_file::WishesFile;
use super::{BalancerEvent, ConfigureReply, Options, Request};
use crate::api::{self, PlannedStep};
use crate::balance::{
    self, Awaits, Balancer, Event, Gravity, Input, KernelState, Outlook, Output, Pending, Plan, ProbeId, StepOutcome,
    Traffic,
};
use crate::check::{Obstacle, Outcome};
use crate::model::{CheckKind, Family, OnStop};
use crate::shell::outbox::Outbox;
use crate::shell::probe::{Prober, Progress};
use crate::shell::role_board::RoleBoard;
use crate::shell::rounds;
use crate::shell::service_board::ServiceBoard;

/// How often the kernel's table is looked at, as long as that is cheap.
const DRIFT_INTERVAL: Duration = Duration::from_secs(5);
/// Descriptors that are left to the rest of the process.
const SPARE_FILES: u64 = 256;
/// Probes that run at once at most, however many descriptors there are.
const MOST_PROBES: u64 = 16_384;
/// Less than this is not slept: what is due a moment later is done in the same turn, and a turn costs more than most checks.
const SHORTEST_SLEEP: Duration = Duration::from_millis(5);
/// So much of what takes next to no time, such as to begin a probe, is done before the clock is read again.
const GLANCE: u32 = 8;
/// So many probes that fail in one turn are a storm.
const STORM: usize = 16;
/// It is over when nothing happens for so long.
const LULL: Duration = Duration::from_millis(2);
/// What it has brought up to then gets to the kernel, whatever else may come.
const LONGEST_STORM: Duration = Duration::from_millis(30);
/// Socket events that are taken in one turn.
const EVENTS: usize = 1024;

/// The thread. Whatever happens, the supervisor hears of its end.
pub(super) fn run(options: Options, poll: Poll, requests: Receiver<Request>, waker: Arc<Waker>) -> io::Result<()> {
    let events = options.events.clone();
    let result = catch_unwind(AssertUnwindSafe(|| Loop::new(options, poll, requests, Arc::clone(&waker))?.run()));
    let (event, result) = match result {
        Ok(Ok(())) => (BalancerEvent::Stopped, Ok(())),
        Ok(Err(error)) => (BalancerEvent::Failed(error.to_string()), Err(error)),
        Err(payload) => {
            let text = payload.downcast_ref::<&str>().map(|text| (*text).to_owned());
            let text = text.or_else(|| payload.downcast_ref::<String>().cloned());
            (BalancerEvent::Panicked(text.unwrap_or_else(|| "no message".to_owned())), Ok(()))
        }
    };
    drop(waker);
    // Nobody listens any more: then nobody wants to know.
    events.send(event);
    result
}

struct Loop {
    poll: Poll,
    requests: Receiver<Request>,
    events: Outbox<BalancerEvent>,
    balancer: Balancer,
    kernel: Kernel,
    marks: Marks,
    /// The namespace whose table we work on, if it is not our own: the same for as long as we run, since what is in the one cannot
    /// be told from what is in the other.
    namespace: Option<String>,
    prober: Prober<ProbeId>,
    errands: Errands,
    ledger: LedgerFile,
    wishes: WishesFile,
    journal: Journal,
    /// Those who wait for the end of a `Configure`, and what there is to tell them.
    configuring: Vec<Sender<ConfigureReply>>,
    reply: ConfigureReply,
    /// Who waited for what before them.
    outlook: Outlook,
    /// Live connections as of the read that the waiting `Configure` caused.
    connections: Connections,
    /// Views that are being made, one after the other.
    showings: VecDeque<Showing>,
    stopping: Vec<Sender<()>>,
    stopped: bool,
    state: LoopState,
    services: Arc<ServiceBoard>,
    roles: Arc<RoleBoard>,
    /// Of which families servers leave, as it was told.
    leaving: Option<Vec<Family>>,
    /// A configuration is in force.
    settled_once: bool,
    addresses: Addresses,
    notices: Notices,
}

impl Loop {
    fn new(options: Options, poll: Poll, requests: Receiver<Request>, waker: Arc<Waker>) -> io::Result<Self> {
        let now = Instant::now();
        let mut journal = Journal::new(now);
        let namespace = options.config.global.ipvs_namespace.clone();
        let file = LedgerFile::new(options.state_dir.clone(), namespace.as_deref());
        let (ledger, problem) = file.read();
        let wishes = WishesFile::new(options.state_dir.clone(), ledger_file::stamp(namespace.as_deref()));
        let (kept, other) = wishes.read();
        let (mut marks, third) = Marks::open(options.state_dir, namespace.clone());
        for problem in [problem, other, third].into_iter().flatten() {
            journal.line(Gravity::Warning, problem, now);
        }
        let probes = usize::try_from(raise_file_limit()).unwrap_or(1);
        let engine = balance::Options {
            seed: options.seed,
            ledger,
            kept,
            probes,
            scripts: MOST_SCRIPTS,
            drift_interval: DRIFT_INTERVAL,
        };
        let mut errands = Errands::new(waker);
        for problem in errands.configure(&options.config) {
            journal.line(Gravity::Error, problem, now);
        }
        let mut balancer = Balancer::new(engine, now);
        let mut addresses = Addresses::default();
        match addresses.configure(&options.config, poll.registry()) {
            Ok(told) => told.into_iter().for_each(|input| balancer.handle(input, now)),
            Err(problem) => journal.line(Gravity::Warning, problem, now),
        }
        let mut notices = Notices::default();
        notices.configure(&options.config);
        let (config, problems) = marks.configure(options.config, balancer.ledger(), poll.registry());
        for problem in problems {
            journal.line(Gravity::Warning, problem, now);
        }
        balancer.handle(Input::Configure(config), now);
        for (router, active) in options.roles.read(true) {
            balancer.handle(Input::Role { router, active }, now);
        }
        Ok(Self {
            prober: Prober::beside(namespace.clone(), poll.registry().try_clone()?, options.nonce_seed),
            errands,
            poll,
            requests,
            events: options.events,
            balancer,
            kernel: Kernel::behind(options.door, namespace.clone()),
            marks,
            namespace,
            ledger: file,
            wishes,
            journal,
            configuring: Vec::new(),
            reply: ConfigureReply::default(),
            outlook: Outlook::default(),
            connections: Connections::new(),
            showings: VecDeque::new(),
            stopping: Vec::new(),
            stopped: false,
            state: LoopState::default(),
            services: options.services,
            roles: options.roles,
            leaving: None,
            settled_once: false,
            addresses,
            notices,
        })
    }

    fn run(mut self) -> io::Result<()> {
        let mut events = Events::with_capacity(EVENTS);
        self.perform();
        while !self.stopped {
            let timeout = self.timeout();
            match self.poll.poll(&mut events, timeout) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            }
            let now = self.answers(&mut events)?;
            for (router, active) in self.roles.read(false) {
                self.balancer.handle(Input::Role { router, active }, now);
            }
            self.addresses(now);
            if let Some(told) = self.marks.look(now) {
                self.journal.line(Gravity::Warning, told, now);
            }
            self.balancer.handle(Input::Wake, now);
            self.perform();
            self.inbox();
            self.show();
            self.prober.close();
        }
        self.journal.flush();
        self.errands.stop();
        self.notices.stop(self.stopping);
        Ok(())
    }

    /// How long there is nothing to do.
    fn timeout(&self) -> Option<Duration> {
        let due_at = [self.balancer.poll_timeout(), self.marks.poll_timeout()].into_iter().flatten().min();
        let showing = self.showings.front();
        if due_at.is_none() && showing.is_none() {
            return None;
        }
        let now = Instant::now();
        let show_in = showing.map(|showing| showing.go_on_at(due_at, now).saturating_duration_since(now));
        [due_at.map(|at| sleep(at, now)), show_in].into_iter().flatten().min()
    }

    /// Goes on with the view that was asked for first.
    fn show(&mut self) {
        let Some(showing) = self.showings.pop_front() else { return };
        let now = Instant::now();
        if showing.go_on_at(self.balancer.poll_timeout(), now) > now {
            return self.showings.push_front(showing);
        }
        if let Some(showing) = showing.go_on(&self.balancer, &self.state, &mut self.kernel) {
            self.showings.push_front(showing);
        }
    }

    /// Takes what is new of this host's addresses.
    fn addresses(&mut self, now: Instant) {
        let (told, problem) = self.addresses.read(now);
        told.into_iter().for_each(|input| self.balancer.handle(input, now));
        if let Some(problem) = problem {
            self.journal.line(Gravity::Warning, problem, now);
        }
    }

    /// Takes every answer that is there, and only then may a deadline count. Gives the moment up to which all answers were taken.
    ///
    /// Where many probes fail together, more are about to: those that come within a moment of each other go to the kernel in one
    /// batch.
    fn answers(&mut self, events: &mut Events) -> io::Result<Instant> {
        let Self { poll, prober, balancer, .. } = self;
        let began_at = Instant::now();
        let (mut first, mut failed) = (began_at, 0);
        let now = loop {
            let some = !events.is_empty();
            let now = rounds::take(poll, events, first, prober.sockets(), |event, now| {
                let mut news = prober.ready(event.token());
                while let Some((probe, progress)) = news {
                    let input = match progress {
                        Progress::Done(outcome) => {
                            failed += usize::from(!outcome.is_ok());
                            Input::Probed(probe, outcome)
                        }
                        Progress::Reached(stage) => Input::Reached(probe, stage),
                    };
                    balancer.handle(input, now);
                    news = prober.more();
                }
            })?;
            let news = balancer.verdict_at().is_some();
            if failed < STORM || !news || !some || now.saturating_duration_since(began_at) >= LONGEST_STORM {
                break now;
            }
            match poll.poll(events, Some(LULL)) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => break now,
                Err(error) => return Err(error),
            }
            first = Instant::now();
        };
        self.errands(now);
        Ok(now)
    }

    /// What scripts came to, and what files hold.
    fn errands(&mut self, now: Instant) {
        while let Some((run, outcome)) = self.errands.next_ended() {
            self.balancer.handle(Input::Scripted(ProbeId::numbered(run), outcome), now);
        }
        for (name, content) in self.errands.contents() {
            self.balancer.handle(Input::File { name, content }, now);
        }
    }

    fn inbox(&mut self) {
        while !self.stopped {
            match self.requests.try_recv() {
                Ok(request) => self.request(request),
                Err(TryRecvError::Empty) => break,
                Err(TryRecvError::Disconnected) => {
                    // Whoever held the handle is gone. The table stays as it is.
                    self.stopped = true;
                }
            }
        }
    }

    /// Does what the engine wants until it wants nothing more.
    fn perform(&mut self) {
        // Reading the clock is a system call on some machines.
        let (mut read, mut done) = (None, 0_u32);
        while let Some(output) = self.balancer.poll_output() {
            let old = read.filter(|_| output.is_quick());
            let now = old.unwrap_or_else(Instant::now);
            done = done.wrapping_add(1);
            read = (output.is_quick() && done % GLANCE != 0).then_some(now);
            match output {
                Output::StartProbe { probe, due_at } => {
                    self.state.lateness.record(now.saturating_duration_since(due_at));
                    // Others may have files to read first.
                    read = read.filter(|_| matches!(self.balancer.probe(probe), Some(CheckKind::Tcp(_))));
                    self.start_probe(probe, now);
                }
                Output::CancelProbe(id) => {
                    self.prober.cancel(id);
                    self.errands.cancel(id);
                }
                Output::Read => {
                    let input = self.read();
                    self.balancer.handle(input, Instant::now());
                    let traffic = std::mem::take(&mut self.kernel.traffic);
                    if !traffic.is_empty() {
                        self.balancer.handle(Input::Traffic(traffic), Instant::now());
                    }
                }
                Output::ReadPiece { begins } => {
                    let (input, traffic) = self.read_piece(begins);
                    self.balancer.handle(input, Instant::now());
                    if !traffic.is_empty() {
                        self.balancer.handle(Input::Traffic(traffic), Instant::now());
                    }
                }
                Output::Apply(plan) => {
                    let outcomes = self.kernel.apply(&plan);
                    let took = now.elapsed();
                    if let Some(since) = self.balancer.verdict_at() {
                        self.state.verdict_to_kernel.record((now + took).saturating_duration_since(since));
                    }
                    let steps = u64::try_from(plan.steps.len()).unwrap_or(u64::MAX);
                    self.state.last_apply = Some((steps, took.as_secs_f64() * 1000.0));
                    self.journal.plan(&plan, &outcomes, now, took);
                    self.note(&plan, &outcomes);
                    self.balancer.handle(Input::Applied(outcomes), Instant::now());
                }
                Output::WriteLedger => {
                    if let Err(problem) = self.ledger.write(self.balancer.ledger()) {
                        self.journal.line(Gravity::Warning, problem, now);
                    }
                }
                Output::WriteWishes => {
                    if let Err(problem) = self.wishes.write(&self.balancer.kept()) {
                        self.journal.line(Gravity::Warning, problem, now);
                    }
                }
                Output::Event(event) => self.event(&event, now),
                Output::Settled => {
                    self.leaving = None;
                    self.settled_once = true;
                    if let Err(problem) = self.marks.settle(self.balancer.config()) {
                        self.journal.line(Gravity::Warning, problem, now);
                    }
                    self.settled();
                }
                Output::Ready => {
                    self.state.ready = true;
                    self.send(BalancerEvent::Ready);
                }
                Output::Stopped => {
                    self.stopped = true;
                    if self.balancer.config().global.on_stop != OnStop::Keep
                        && let Err(problem) = self.marks.clear()
                    {
                        self.journal.line(Gravity::Warning, problem, now);
                    }
                }
                Output::ServiceHealth(key, health) => self.services.post(key, health),
                Output::Notify(notice) => self.notices.notify(notice),
                Output::Fifo(line) => self.notices.line(&line),
            }
        }
        self.tell_leaving();
    }

    /// Tells of which families servers leave, after each configuration and when that changes.
    fn tell_leaving(&mut self) {
        let families: Vec<_> =
            [Family::V4, Family::V6].into_iter().filter(|family| self.balancer.has_leaving(*family)).collect();
        if self.settled_once && self.leaving.as_ref() != Some(&families) {
            self.leaving = Some(families.clone());
            self.send(BalancerEvent::Leaving(families));
        }
    }

    /// Begins a probe, which may be over at once.
    fn start_probe(&mut self, id: ProbeId, now: Instant) {
        let known = match self.balancer.probe(id) {
            None => None,
            Some(CheckKind::Script(_)) => {
                let run = self.balancer.script(id);
                run.and_then(|run| self.errands.run(run)).map(|outcome| Input::Scripted(id, outcome))
            }
            // Without it the packet would reach whichever server the scheduler likes.
            Some(CheckKind::Path(probe)) if !self.balancer.is_paved(probe) => {
                Some(Input::Probed(id, Outcome::NotTried(Obstacle::PathUnpaved)))
            }
            Some(kind) => self.prober.start(id, kind).map(|outcome| Input::Probed(id, outcome)),
        };
        if let Some(input) = known {
            self.balancer.handle(input, now);
        }
    }

    /// What is caught up with whenever the table is looked at.
    fn before_reading(&mut self) {
        self.prober.look();
        if self.ledger.catch_up(self.balancer.ledger()) {
            self.journal.line(Gravity::Info, "the ledger is written by now", Instant::now());
        }
        if self.wishes.catch_up(&self.balancer.kept()) {
            self.journal.line(Gravity::Info, "the file of wishes is written by now", Instant::now());
        }
        if self.marks.catch_up() {
            self.journal.line(Gravity::Info, "the file of marks is written by now", Instant::now());
        }
    }

    fn read(&mut self) -> Input {
        self.before_reading();
        let read = if self.configuring.is_empty() {
            let (balancer, kernel) = (&self.balancer, &mut self.kernel);
            let exclusive = balancer.config().global.exclusive;
            // Everything that is configured is in the ledger too.
            let wanted = |service| exclusive || balancer.ledger().has_service(service);
            kernel.table(wanted, |service, server| balancer.counts_load(service, server), balancer.needs_daemons())
        } else {
            self.kernel.rows().map(|rows| {
                self.connections = rows.connections();
                rows.table()
            })
        };
        match read {
            Ok(table) => Input::Read(table),
            Err(Unread { why, reason }) => Input::Unread { why, reason },
        }
    }

    /// The next piece, and with the last one the traffic of all.
    fn read_piece(&mut self, begins: bool) -> (Input, Vec<Traffic>) {
        if begins {
            self.before_reading();
        }
        let (balancer, kernel) = (&self.balancer, &mut self.kernel);
        let exclusive = balancer.config().global.exclusive;
        let wanted = |service| exclusive || balancer.ledger().has_service(service);
        let counted = |service, server| balancer.counts_load(service, server);
        match kernel.piece(begins, wanted, counted, balancer.needs_daemons()) {
            Ok(piece) => {
                let traffic = if piece.end.is_some() { std::mem::take(&mut kernel.traffic) } else { Vec::new() };
                (Input::Piece(piece), traffic)
            }
            Err(Unread { why, reason }) => (Input::Unread { why, reason }, Vec::new()),
        }
    }

    /// Keeps for the one who configures what is being done.
    fn note(&mut self, plan: &Plan, outcomes: &[StepOutcome]) {
        if self.configuring.is_empty() {
            return;
        }
        self.reply.steps.extend(planned(plan, &self.connections));
        for (step, outcome) in plan.steps.iter().zip(outcomes) {
            if let StepOutcome::Refused(problem) = outcome {
                self.reply.refused.push((step.to_string(), problem.clone()));
            }
        }
    }

    fn settled(&mut self) {
        self.connections.clear();
        let mut reply = std::mem::take(&mut self.reply);
        let before = std::mem::take(&mut self.outlook);
        if !self.configuring.is_empty() {
            reply.pending = pending(self.balancer.outlook().beyond(&before));
        }
        if let KernelState::Away(reason) = self.balancer.kernel_state() {
            reply.kernel_problem = Some(reason.to_owned());
        }
        for waiting in std::mem::take(&mut self.configuring) {
            let _ = waiting.send(reply.clone());
        }
    }

    fn event(&mut self, event: &Event, now: Instant) {
        self.journal.event(event, now);
        match event {
            Event::KernelMissing(reason) => {
                self.send(BalancerEvent::KernelMissing(reason.clone()));
            }
            Event::KernelBack => {
                self.send(BalancerEvent::KernelBack);
            }
            Event::ServerUp { .. }
            | Event::ServerDown { .. }
            | Event::QuorumWon { .. }
            | Event::QuorumLost { .. }
            | Event::Resting { .. }
            | Event::Resumed { .. }
            | Event::NotTried { .. }
            | Event::Prevented { .. }
            | Event::ServesOn { .. }
            | Event::Relieved { .. }
            | Event::Refused { .. }
            | Event::Drift { .. }
            | Event::Fight { .. }
            | Event::Unread(_)
            | Event::ForeignDaemon { .. }
            | Event::DaemonLost { .. }
            | Event::Stalled { .. }
            | Event::Held
            | Event::Mute { .. }
            | Event::AnswersArp { .. }
            | Event::ArpMended { .. }
            | Event::FloorReached { .. }
            | Event::FloorLeft { .. }
            | Event::HoldOver { .. }
            | Event::Weight { .. }
            | Event::Asked { .. }
            | Event::Leaves { .. }
            | Event::CheckFailed { .. }
            | Event::Drained { .. }
            | Event::Unusable { .. }
            | Event::Shared { .. } => {}
        }
    }

    fn send(&self, event: BalancerEvent) {
        self.events.send(event);
    }
}

/// Steps with the connections that they touch.
fn planned(plan: &Plan, connections: &Connections) -> Vec<PlannedStep> {
    let step = |step: &balance::Step| {
        let live = step.service().and_then(|service| connections.get(&(service, step.server())));
        PlannedStep { step: step.to_string(), connections: live.copied().unwrap_or(0), cuts: step.cuts() }
    };
    plan.steps.iter().map(step).collect()
}

/// Those whose place in the table changes later.
fn pending(pending: Vec<Pending>) -> Vec<api::Pending> {
    let told = |Pending { service, server, awaits }| {
        let awaits = match awaits {
            Awaits::Success => api::Awaits::Success,
            Awaits::Heirs(drain) => api::Awaits::Heirs { drain_secs: drain.as_secs_f64() },
            Awaits::End { left, within } => {
                let left = left.map_or(0, |left| left.connections().saturating_add(left.clients));
                api::Awaits::End { left, within_secs: within.map(|within| within.as_secs_f64()) }
            }
        };
        api::Pending { service, server: server.to_string(), awaits }
    };
    pending.into_iter().map(told).collect()
}

/// How long to sleep until then.
fn sleep(at: Instant, now: Instant) -> Duration {
    match at.saturating_duration_since(now) {
        Duration::ZERO => Duration::ZERO,
        left => left.max(SHORTEST_SLEEP),
    }
}

/// Each probe takes a descriptor: all that this process may have are made available. Returns how many probes may run.
fn raise_file_limit() -> u64 {
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap_or((1024, 1024));
    let wanted = hard.min(MOST_PROBES + SPARE_FILES);
    let files = if soft < wanted && setrlimit(Resource::RLIMIT_NOFILE, wanted, hard).is_ok() { wanted } else { soft };
    files.saturating_sub(SPARE_FILES).clamp(16, MOST_PROBES)
}
