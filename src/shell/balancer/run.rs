//! The loop itself: inputs in, the engine's wishes done, asleep until something happens.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, TryRecvError};
use std::time::{Duration, Instant};

use mio::{Events, Poll, Token, Waker};
use nix::sys::resource::{Resource, getrlimit, setrlimit};

use super::journal::Journal;
use super::kernel::{Connections, Kernel, Rows};
use super::ledger_file::LedgerFile;
use super::view::LoopState;
use super::{BalancerEvent, ConfigureReply, Options, Request, view};
use crate::api::PlannedStep;
use crate::balance::{self, Balancer, Event, Gravity, Input, KernelState, Output, Plan, ProbeId, StepOutcome};
use crate::model::Config;
use crate::shell::outbox::Outbox;
use crate::shell::probe::{Prober, Progress};
use crate::shell::role_board::RoleBoard;
use crate::shell::service_board::ServiceBoard;

/// The token of the inbox; those of probes count up from 0.
pub(super) const WAKER: Token = Token(usize::MAX);

/// How often the kernel's table is looked at, as long as that is cheap.
const DRIFT_INTERVAL: Duration = Duration::from_secs(5);
/// Descriptors that are left to the rest of the process.
const SPARE_FILES: u64 = 256;
/// Probes that run at once at most, however many descriptors there are.
const MOST_PROBES: u64 = 16_384;
/// Socket events that are taken in one turn.
const EVENTS: usize = 1024;

/// The thread. Whatever happens, the supervisor hears of its end.
pub(super) fn run(options: Options, poll: Poll, requests: Receiver<Request>, waker: Arc<Waker>) -> io::Result<()> {
    let events = options.events.clone();
    let result = catch_unwind(AssertUnwindSafe(|| Loop::new(options, poll, requests)?.run()));
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
    prober: Prober<ProbeId>,
    ledger: LedgerFile,
    journal: Journal,
    /// Those who wait for the end of a `Configure`, and what there is to tell them.
    configuring: Vec<Sender<ConfigureReply>>,
    reply: ConfigureReply,
    /// Live connections as of the read that the waiting `Configure` caused.
    connections: Connections,
    stopping: Vec<Sender<()>>,
    stopped: bool,
    state: LoopState,
    services: Arc<ServiceBoard>,
    roles: Arc<RoleBoard>,
}

impl Loop {
    fn new(options: Options, poll: Poll, requests: Receiver<Request>) -> io::Result<Self> {
        let now = Instant::now();
        let mut journal = Journal::new(now);
        let file = LedgerFile::new(options.state_dir);
        let (ledger, problem) = file.read();
        if let Some(problem) = problem {
            journal.line(Gravity::Warning, problem, now);
        }
        let probes = usize::try_from(raise_file_limit()).unwrap_or(1);
        let engine = balance::Options { seed: options.seed, ledger, probes, drift_interval: DRIFT_INTERVAL };
        let mut balancer = Balancer::new(engine, now);
        balancer.handle(Input::Configure(options.config), now);
        for (router, active) in options.roles.read(true) {
            balancer.handle(Input::Role { router, active }, now);
        }
        Ok(Self {
            prober: Prober::new(poll.registry().try_clone()?),
            poll,
            requests,
            events: options.events,
            balancer,
            kernel: Kernel::default(),
            ledger: file,
            journal,
            configuring: Vec::new(),
            reply: ConfigureReply::default(),
            connections: Connections::new(),
            stopping: Vec::new(),
            stopped: false,
            state: LoopState::default(),
            services: options.services,
            roles: options.roles,
        })
    }

    fn run(mut self) -> io::Result<()> {
        let mut events = Events::with_capacity(EVENTS);
        self.perform();
        while !self.stopped {
            let timeout = self.balancer.poll_timeout().map(|at| at.saturating_duration_since(Instant::now()));
            match self.poll.poll(&mut events, timeout) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            }
            let now = self.answers(&mut events)?;
            for (router, active) in self.roles.read(false) {
                self.balancer.handle(Input::Role { router, active }, now);
            }
            self.balancer.handle(Input::Wake, now);
            self.perform();
            self.inbox();
        }
        self.journal.flush();
        for waiting in self.stopping {
            let _ = waiting.send(());
        }
        Ok(())
    }

    /// Takes every answer that is there. Only then may a deadline count: after a stall of ours, as when the whole process was
    /// stopped, thousands of answers may lie waiting beside deadlines that are over, and none of those is a server's fault.
    /// Gives the moment up to which all answers were taken.
    fn answers(&mut self, events: &mut Events) -> io::Result<Instant> {
        loop {
            let now = Instant::now();
            let mut taken = 0;
            for event in events.iter() {
                taken += 1;
                match self.prober.ready(event.token()) {
                    Some((probe, Progress::Done(outcome))) => self.balancer.handle(Input::Probed(probe, outcome), now),
                    Some((probe, Progress::Reached(stage))) => self.balancer.handle(Input::Reached(probe, stage), now),
                    None => {}
                }
            }
            if taken < EVENTS {
                return Ok(now);
            }
            match self.poll.poll(events, Some(Duration::ZERO)) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => return Ok(now),
                Err(error) => return Err(error),
            }
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

    fn request(&mut self, request: Request) {
        let now = Instant::now();
        // A receiver that is gone did not want to wait any longer.
        match request {
            Request::Configure(config, reply) => {
                self.configuring.push(reply);
                self.prober.reload();
                self.services.keep(&config.watched_services);
                self.balancer.handle(Input::Configure(config), now);
                self.perform();
            }
            Request::Plan(config, reply) => {
                let _ = reply.send(self.plan(&config));
            }
            Request::Snapshot(reply) => {
                let rows = match self.balancer.kernel_state() {
                    KernelState::Unneeded => None,
                    KernelState::Available | KernelState::Away(_) => Some(self.kernel.rows()),
                };
                let info = self.kernel.info;
                let _ =
                    reply.send(view::view(&self.balancer, self.state, rows.as_ref().map(Result::as_ref), info, now));
            }
            Request::Ping(reply) => {
                let _ = reply.send(());
            }
            Request::Stop(reply) => {
                self.stopping.push(reply);
                self.balancer.handle(Input::Stop, now);
                self.perform();
            }
        }
    }

    fn plan(&mut self, config: &Arc<Config>) -> Result<Vec<PlannedStep>, String> {
        let needed = !config.services.is_empty() || config.global.sync_daemon.is_some();
        let rows = if !needed && self.balancer.kernel_state() == KernelState::Unneeded {
            Rows::default()
        } else {
            self.kernel.rows().map_err(|unread| unread.reason)?
        };
        let plan = self.balancer.preview(config, &rows.table());
        Ok(planned(&plan, &rows.connections()))
    }

    /// Does what the engine wants until it wants nothing more.
    fn perform(&mut self) {
        while let Some(output) = self.balancer.poll_output() {
            let now = Instant::now();
            match output {
                Output::StartProbe(id) => {
                    if let Some(probe) = self.balancer.probe(id)
                        && let Some(outcome) = self.prober.start(id, probe)
                    {
                        self.balancer.handle(Input::Probed(id, outcome), Instant::now());
                    }
                }
                Output::CancelProbe(id) => self.prober.cancel(id),
                Output::Read => {
                    let input = self.read();
                    self.balancer.handle(input, Instant::now());
                    let traffic = std::mem::take(&mut self.kernel.traffic);
                    if !traffic.is_empty() {
                        self.balancer.handle(Input::Traffic(traffic), Instant::now());
                    }
                }
                Output::Apply(plan) => {
                    let outcomes = self.kernel.apply(&plan);
                    let took = now.elapsed();
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
                Output::Event(event) => self.event(&event, now),
                Output::Settled => self.settled(),
                Output::Ready => {
                    self.state.ready = true;
                    self.send(BalancerEvent::Ready);
                }
                Output::Stopped => self.stopped = true,
                Output::ServiceHealth(key, health) => self.services.post(key, health),
            }
        }
    }

    fn read(&mut self) -> Input {
        if self.ledger.catch_up(self.balancer.ledger()) {
            self.journal.line(Gravity::Info, "the ledger is written by now", Instant::now());
        }
        let read = if self.configuring.is_empty() {
            let (balancer, kernel) = (&self.balancer, &mut self.kernel);
            let exclusive = balancer.config().global.exclusive;
            // Everything that is configured is in the ledger too.
            kernel.table(|service| exclusive || balancer.ledger().has_service(service), balancer.needs_daemons())
        } else {
            self.kernel.rows().map(|rows| {
                self.connections = rows.connections();
                rows.table()
            })
        };
        match read {
            Ok(table) => Input::Read(table),
            Err(unread) => Input::Unread { missing: unread.missing, reason: unread.reason },
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
            | Event::NotTried { .. }
            | Event::Refused { .. }
            | Event::Drift { .. }
            | Event::Fight { .. }
            | Event::Unread(_)
            | Event::ForeignDaemon { .. }
            | Event::DaemonLost { .. }
            | Event::Stalled { .. }
            | Event::Held
            | Event::Mute { .. }
            | Event::FloorReached { .. }
            | Event::FloorLeft { .. }
            | Event::HoldOver { .. }
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

/// Each probe takes a descriptor: all that this process may have are made available. Returns how many probes may run.
fn raise_file_limit() -> u64 {
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap_or((1024, 1024));
    let wanted = hard.min(MOST_PROBES + SPARE_FILES);
    let files = if soft < wanted && setrlimit(Resource::RLIMIT_NOFILE, wanted, hard).is_ok() { wanted } else { soft };
    files.saturating_sub(SPARE_FILES).clamp(16, MOST_PROBES)
}
