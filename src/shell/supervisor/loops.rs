//! The two loops: started, restarted after a panic, asked and told.
//!
//! Neither is ever waited for without a bound, so that a loop in trouble costs the other nothing but a missing row in
//! `show`.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use crate::api::{
    BalancerView, InstanceView, KernelView, LoopView, Pending, PlanReply, PlannedStep, ServerReply, ServerRequest,
};
use crate::model::Config;
use crate::shell::balancer::{self, BalancerEvent, BalancerHandle, Busy, Door};
use crate::shell::outbox::Outbox;
use crate::shell::role_board::RoleBoard;
use crate::shell::router::{self, RouterEvent, RouterHandle};
use crate::shell::service_board::ServiceBoard;
use crate::vrrp::machine::Role;

/// How long an answer may take. Long for a person, short for a service manager's watchdog.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long an answer of a router may take that has not started yet: usually it does so in milliseconds.
const START_PATIENCE: Duration = Duration::from_secs(1);
/// How long a stop may take: a table of a hundred thousand entries goes in about a second.
const STOP_PATIENCE: Duration = Duration::from_secs(20);
/// The longest pause before a loop that keeps panicking is started again.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// How long it may still take once a second signal asks for it.
const HURRIED_PATIENCE: Duration = Duration::from_secs(1);
/// How often that is looked for.
const HURRY_LOOK: Duration = Duration::from_millis(50);
/// After this time a configuration that a loop could not take is given to it again.
const HAND_AGAIN: Duration = Duration::from_secs(1);
/// A loop that ran for so long was well: if it fails now, that is a new misfortune, and it is started again at once.
const WELL_AFTER: Duration = Duration::from_secs(60);

/// What both loops are started with.
#[derive(Debug)]
pub(super) struct Options {
    pub(super) state_dir: PathBuf,
    pub(super) router_events: Outbox<RouterEvent>,
    pub(super) balancer_events: Outbox<BalancerEvent>,
    pub(super) door: Door,
}

/// Both loops.
#[derive(Debug)]
pub(super) struct Loops {
    options: Options,
    router: Keep<RouterHandle>,
    balancer: Keep<BalancerHandle>,
    /// What the balancer tells the router, whichever of them is started again.
    services: Arc<ServiceBoard>,
    /// What the balancer is told of the routers.
    roles: Arc<RoleBoard>,
    /// The router reads its files for so long that the log says so.
    told_reading: bool,
    /// The balancer has told that the kernel has no IPVS, and not yet that it has.
    ipvs_missing: bool,
    /// The balancer did not take the configuration in force: when it is given to it again.
    hand_again_at: Option<Instant>,
}

/// How a configuration came into force.
#[derive(Debug, Default)]
pub(super) struct Configured {
    /// Steps that the table was given.
    pub(super) steps: Vec<PlannedStep>,
    /// What comes later.
    pub(super) pending: Vec<Pending>,
    /// What went wrong, as sentences.
    pub(super) problems: Vec<String>,
    /// It needs IPVS, and the kernel has none.
    pub(super) ipvs_missing: bool,
}

/// One loop's handle, and what happened to it.
#[derive(Debug)]
struct Keep<H> {
    handle: Option<H>,
    view: LoopView,
    settled: bool,
    started_at: Option<Instant>,
    /// Failures in a row, none of which came after a time of running well.
    failures: u32,
    revive_at: Option<Instant>,
}

impl<H> Keep<H> {
    fn new() -> Self {
        Self { handle: None, view: LoopView::default(), settled: false, started_at: None, failures: 0, revive_at: None }
    }

    fn started(&mut self, handle: std::io::Result<H>, name: &str, now: Instant) {
        match handle {
            Ok(handle) => {
                self.handle = Some(handle);
                self.view.running = true;
                self.started_at = Some(now);
                self.revive_at = None;
            }
            Err(error) => self.lost(format!("cannot be started: {error}"), name, now),
        }
    }

    /// The first restart is at once, the next ones after 1, 2, 4, ... seconds, until it has run well for a while.
    fn lost(&mut self, why: String, name: &str, now: Instant) {
        if self.started_at.take().is_some_and(|at| now.saturating_duration_since(at) >= WELL_AFTER) {
            self.failures = 0;
        }
        let pause = match self.failures {
            0 => Duration::ZERO,
            n => Duration::from_secs(1_u64 << (n - 1).min(5)).min(LONGEST_PAUSE),
        };
        self.failures = self.failures.saturating_add(1);
        tracing::error!("the {name} loop failed: {why}; it starts again in {} s", pause.as_secs());
        self.handle = None;
        self.view.running = false;
        self.view.restarts = self.view.restarts.saturating_add(1);
        self.view.last_panic = Some(why);
        self.revive_at = Some(now + pause);
    }

    fn due(&self, now: Instant) -> bool {
        self.revive_at.is_some_and(|at| now >= at)
    }
}

impl Loops {
    /// Starts both.
    pub(super) fn start(options: Options, config: &Arc<Config>, now: Instant) -> Self {
        let (services, roles) = (Arc::default(), Arc::default());
        let mut loops = Self::down(options, services, roles);
        loops.start_router(config, now);
        loops.start_balancer(config, now);
        loops
    }

    /// Both, not started.
    fn down(options: Options, services: Arc<ServiceBoard>, roles: Arc<RoleBoard>) -> Self {
        Self {
            options,
            router: Keep::new(),
            balancer: Keep::new(),
            services,
            roles,
            told_reading: false,
            ipvs_missing: false,
            hand_again_at: None,
        }
    }

    fn start_router(&mut self, config: &Arc<Config>, now: Instant) {
        let options = router::Options {
            config: Arc::clone(config),
            events: self.options.router_events.clone(),
            services: Arc::clone(&self.services),
            fresh: self.router.view.restarts == 0,
        };
        let state_dir = Some(self.options.state_dir.as_path()).filter(|folder| !folder.as_os_str().is_empty());
        self.router.started(router::spawn_keeping(options, state_dir), "router", now);
    }

    fn start_balancer(&mut self, config: &Arc<Config>, now: Instant) {
        let options = balancer::Options {
            config: Arc::clone(config),
            state_dir: self.options.state_dir.clone(),
            events: self.options.balancer_events.clone(),
            seed: seed(),
            nonce_seed: seed(),
            services: Arc::clone(&self.services),
            roles: Arc::clone(&self.roles),
            door: self.options.door.clone(),
        };
        self.balancer.started(balancer::spawn(options), "balancer", now);
        self.hand_again_at = None;
    }

    /// Starts again what is due.
    pub(super) fn revive(&mut self, config: &Arc<Config>, now: Instant) {
        if self.router.due(now) {
            self.start_router(config, now);
        }
        if self.balancer.due(now) {
            self.start_balancer(config, now);
        }
        self.tell_reading(now);
    }

    /// A disk that does not answer is told once.
    fn tell_reading(&mut self, now: Instant) {
        let starts = self.router_starts();
        let long = self.router.started_at.is_some_and(|at| now.saturating_duration_since(at) >= PATIENCE);
        let folder = self.options.state_dir.display();
        match (starts, self.told_reading) {
            (true, false) if long => tracing::error!(
                "the router loop has not started after {} s: it waits for its files in {folder}, so the disk does not answer; it \
                 goes on once it does",
                PATIENCE.as_secs()
            ),
            (false, true) => tracing::info!("the files in {folder} were read; the router loop goes on"),
            (true | false, true | false) => return,
        }
        self.told_reading = starts;
    }

    /// When the next restart is due.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        [self.router.revive_at, self.balancer.revive_at, self.hand_again_at].into_iter().flatten().min()
    }

    pub(super) fn router_event(&mut self, event: RouterEvent, now: Instant) {
        match event {
            RouterEvent::Ready => self.router.settled = true,
            // The loop has written it to the log.
            RouterEvent::StateChanged { instance, to, .. } => self.roles.post(&instance, to == Role::Active),
            // While we run nobody has asked it to stop: the log's last line says what it could not do without.
            RouterEvent::Stopped => self.router.lost("it ended by itself".to_owned(), "router", now),
            RouterEvent::Panicked(why) => self.router.lost(why, "router", now),
        }
    }

    pub(super) fn balancer_event(&mut self, event: BalancerEvent, now: Instant) {
        match event {
            BalancerEvent::Ready => self.balancer.settled = true,
            // The loop has written it to the log, and its end.
            BalancerEvent::KernelMissing(_) => {
                self.ipvs_missing = true;
                self.balancer.settled = true;
            }
            BalancerEvent::KernelBack => self.ipvs_missing = false,
            BalancerEvent::Leaving(_) => {}
            BalancerEvent::Stopped => self.balancer.lost("it ended by itself".to_owned(), "balancer", now),
            BalancerEvent::Failed(why) | BalancerEvent::Panicked(why) => self.balancer.lost(why, "balancer", now),
        }
    }

    /// Both have done what a start asks of them.
    pub(super) fn settled(&self) -> bool {
        self.router.settled && self.balancer.settled
    }

    /// The router has not started yet: it reads its files, which takes as long as the disk likes.
    fn router_starts(&self) -> bool {
        self.router.handle.as_ref().is_some_and(|handle| !handle.has_started())
    }

    /// How long an answer of the router is waited for.
    fn patience_with_router(&self) -> Duration {
        if self.router_starts() { START_PATIENCE } else { PATIENCE }
    }

    /// All loops that run answer. A router that waits for a disk at its start is not asked: the service manager would end the
    /// balancer with it, and what is started in its place would wait for the same disk. One that failed is known to be down, and is started again by us: to end the whole process
    /// for it would take the other one along.
    pub(super) fn answer(&self) -> bool {
        let by = Instant::now() + PATIENCE;
        let router = self.router.handle.as_ref().filter(|handle| handle.has_started()).map(RouterHandle::ping);
        let balancer = self.balancer.handle.as_ref().map(BalancerHandle::ping);
        [router, balancer].into_iter().flatten().all(|reply| answers(&reply, by))
    }

    /// Hands both a new configuration.
    pub(super) fn configure(&mut self, config: &Arc<Config>) -> Configured {
        let mut configured = Configured::default();
        let mut complain = |problem: String| {
            tracing::error!("{problem}");
            configured.problems.push(problem);
        };
        let router = self.router.handle.as_ref().map(|handle| handle.configure(Arc::clone(config)));
        let balancer = self.balancer.handle.as_ref().map(|handle| handle.configure(Arc::clone(config)));
        let by = Instant::now() + PATIENCE;
        match router.map(|reply| wait(&reply, Instant::now() + self.patience_with_router())) {
            Some(Some(Ok(()))) | None => {}
            Some(Some(Err(problem))) => complain(format!("the router loop: {problem}")),
            Some(None) if self.router_starts() => complain(format!(
                "the router loop waits for its files in {}; it takes the configuration once it has read them",
                self.options.state_dir.display()
            )),
            Some(None) => {
                complain("the router loop did not answer in time; it takes the configuration when it can".to_owned());
            }
        }
        self.hand_again_at = None;
        match balancer {
            Some(Ok(reply)) => match wait(&reply, by) {
                Some(reply) => {
                    configured.ipvs_missing = self.ipvs_missing && reply.kernel_problem.is_some();
                    // The balancer has logged these itself.
                    let unreached = reply.kernel_problem.map(|problem| format!("{problem}; services wait"));
                    configured.problems.extend(unreached);
                    let refused = |(step, problem)| format!("the kernel refused to {step}: {problem}");
                    configured.problems.extend(reply.refused.into_iter().map(refused));
                    configured.steps = reply.steps;
                    configured.pending = reply.pending;
                }
                None => complain(
                    "the balancer loop did not answer in time; it takes the configuration when it can".to_owned(),
                ),
            },
            Some(Err(Busy)) => {
                complain(
                    "the balancer loop has too much to do; it is given the configuration when it has not".to_owned(),
                );
                self.hand_again_at = Some(Instant::now() + HAND_AGAIN);
            }
            None => {
                let problem = "the balancer loop is being started again; it takes the configuration then";
                configured.problems.push(problem.to_owned());
            }
        }
        self.tell_roles(config, by);
        configured
    }

    /// Gives the balancer the configuration in force, where it could not take it before.
    pub(super) fn catch_up(&mut self, config: &Arc<Config>, now: Instant) {
        if self.hand_again_at.is_none_or(|at| now < at) {
            return;
        }
        // Nobody waits for the answer any more. A loop that is gone is started with the configuration in force.
        let taken = self.balancer.handle.as_ref().is_none_or(|handle| handle.configure(Arc::clone(config)).is_ok());
        self.hand_again_at = (!taken).then_some(now + HAND_AGAIN);
        if taken {
            tracing::info!("the balancer loop takes the configuration that it had no room for");
        }
    }

    /// A router that a reload gave another name has not changed its state, and so has not told of it.
    fn tell_roles(&self, config: &Config, by: Instant) {
        let by = by.min(Instant::now() + self.patience_with_router());
        if config.global.sync_daemon.is_some()
            && let Some(states) = self.router.handle.as_ref().and_then(|handle| wait(&handle.snapshot(), by))
        {
            // One that has not started yet will tell.
            for router in states.iter().filter(|router| router.state != "INIT") {
                self.roles.post(&router.name, router.state == "MASTER");
            }
        }
        self.roles.keep(config.instances.iter().map(|router| router.name.as_str()));
    }

    /// What a configuration would change in the kernel's table.
    pub(super) fn plan(&self, config: &Arc<Config>) -> Result<PlanReply, String> {
        let handle = self.balancer.handle.as_ref().ok_or("the balancer loop is not running")?;
        wait(&handle.plan(Arc::clone(config)), Instant::now() + PATIENCE)
            .ok_or("the balancer loop did not answer in time")?
    }

    /// What the operator wishes of a server.
    pub(super) fn ask(&self, request: ServerRequest) -> Result<ServerReply, String> {
        let handle = self.balancer.handle.as_ref().ok_or("the balancer loop is not running; try again in a moment")?;
        wait(&handle.ask(request), Instant::now() + PATIENCE)
            .ok_or("the balancer loop did not answer in time; see `ipvsctl show` for what became of it")?
    }

    /// What both know. Both are asked before either is waited for.
    pub(super) fn snapshots(
        &self,
        ask: fn(&BalancerHandle) -> Receiver<BalancerView>,
    ) -> (Vec<InstanceView>, BalancerView) {
        let by = Instant::now() + PATIENCE;
        let router = self.router.handle.as_ref().map(RouterHandle::snapshot);
        let balancer = self.balancer.handle.as_ref().map(ask);
        let instances = router
            .and_then(|reply| wait(&reply, by.min(Instant::now() + self.patience_with_router())))
            .unwrap_or_default();
        let balancer = balancer.and_then(|reply| wait(&reply, by)).unwrap_or_else(|| BalancerView {
            kernel: KernelView {
                problem: Some("the balancer loop does not answer".to_owned()),
                ..KernelView::default()
            },
            ..BalancerView::default()
        });
        (instances, balancer)
    }

    pub(super) fn views(&self) -> (LoopView, LoopView) {
        let lateness = self.router.handle.as_ref().map(RouterHandle::lateness);
        (LoopView { lateness, ..self.router.view.clone() }, self.balancer.view.clone())
    }

    /// Stops the router, then the balancer. Once somebody is in a hurry, what is left has a second.
    ///
    /// A router that failed and waits for its restart has left its addresses on: it is started once more, to take them off.
    pub(super) fn stop(&mut self, config: &Arc<Config>, hurried: impl Fn() -> bool) {
        if self.router.handle.is_none() {
            self.start_router(config, Instant::now());
        }
        for (name, stopped) in [
            ("router", self.router.handle.take().map(|handle| stops(&handle.stop(), &hurried))),
            ("balancer", self.balancer.handle.take().map(|handle| stops(&handle.stop(), &hurried))),
        ] {
            if let Some(Err(waited)) = stopped {
                tracing::error!("the {name} loop did not stop in {} s", waited.as_secs());
            }
        }
    }
}

/// Waits for the end of a loop; an error: in vain, for so long.
fn stops(reply: &Receiver<()>, hurried: impl Fn() -> bool) -> Result<(), Duration> {
    let began_at = Instant::now();
    let mut patience = STOP_PATIENCE;
    loop {
        match reply.recv_timeout(HURRY_LOOK) {
            Ok(()) => return Ok(()),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return Err(began_at.elapsed()),
        }
        let waited = began_at.elapsed();
        if patience == STOP_PATIENCE && hurried() {
            patience = STOP_PATIENCE.min(waited + HURRIED_PATIENCE);
        }
        if waited >= patience {
            return Err(waited);
        }
    }
}

/// An answer, if it comes in time.
fn wait<T>(reply: &Receiver<T>, by: Instant) -> Option<T> {
    reply.recv_timeout(by.saturating_duration_since(Instant::now())).ok()
}

/// Whether an answer comes in time. A loop that ended without one is not hanging: its end is told as an event.
fn answers(reply: &Receiver<()>, by: Instant) -> bool {
    !matches!(reply.recv_timeout(by.saturating_duration_since(Instant::now())), Err(RecvTimeoutError::Timeout))
}

/// Differs from host to host, from start to start and from call to call, so that checks of a fleet do not fall together.
fn seed() -> u64 {
    use std::hash::{BuildHasher, RandomState};
    RandomState::new().hash_one(std::process::id())
}

#[cfg(test)]
mod tests;
