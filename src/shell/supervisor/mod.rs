//! The main thread: reads the configuration, starts the two loops and the control socket, and then waits for whatever
//! comes: a signal, a request, news from a loop, or the next time to look around.
//!
//! Questions are answered here, where nothing waits for a deadline. What waits for a disk happens elsewhere ([`reading`],
//! [`settings`], and the loops' own threads): a disk that does not answer is no reason for a service manager to end a router
//! that is well. A loop that panics is started again with the configuration in force ([`loops`]); the other one never
//! notices.
//!
//! A reload validates first. A file that cannot be run changes nothing: the daemon goes on, and says so in the log and in
//! `show`.

mod arguments;
mod exit;
mod host;
mod loops;
mod preview;
mod reading;
mod reloads;
mod service;
mod settings;
mod views;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread;
use std::time::{Duration, Instant};

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGUSR1};
use signal_hook::iterator::Signals;

use crate::api::{ErrorReply, PlanReply, PlanRequest, ReloadReply, Snapshot};
use crate::config::{self, Severity};
use crate::model::{Config, IpvsMissing};
use crate::shell::balancer::{BalancerEvent, BalancerHandle, Door};
use crate::shell::config_watch::{Footprint, News, NotedFiles};
use crate::shell::control::server::{self as control, ControlError, ControlHandle, ControlRequest, Reply};
use crate::shell::files;
use crate::shell::log;
use crate::shell::outbox::Outbox;
use crate::shell::probe::warn_of_unusable_tls;
use crate::shell::router::RouterEvent;

pub use arguments::Arguments;
pub use exit::Exit;
use host::{Process, Refusal, StateDir};
use loops::Loops;
use reading::{Ended, Late, Readings, Wish, hangs};
use reloads::{Cause, Reloads};
use service::ServiceManager;
use settings::Settings;

/// How often sysctls are looked at for drift.
const INSPECT_INTERVAL: Duration = Duration::from_secs(10);

/// Everything that can wake the supervisor.
#[derive(Debug)]
enum Event {
    Signal(i32),
    Control(ControlRequest),
    Router(RouterEvent),
    Balancer(BalancerEvent),
    /// A configuration was read, under this number.
    Read(u64, Box<Loaded>),
    /// The watch over the configuration's files has something to tell.
    Watch(News),
}

/// What was read, or why it could not even be looked at.
type Loaded = Result<Found, String>;

/// What was read.
#[derive(Debug)]
struct Found {
    /// The configuration, if the file can be run as it is.
    config: Option<Config>,
    /// All that is to be said of it.
    report: config::Report,
    /// The files that it was read from.
    footprint: Footprint,
}

type ReloadWaiter = Reply<ReloadReply>;
type PlanWaiter = Reply<Result<PlanReply, ErrorReply>>;

/// Runs the daemon until it is told to stop, or cannot go on.
#[must_use]
pub fn run(arguments: Arguments) -> Exit {
    run_behind(Door::default(), arguments)
}

/// The same with another way to IPVS: the whole daemon, for those who measure it without the kernel's tables.
#[must_use]
pub fn run_behind(door: Door, arguments: Arguments) -> Exit {
    if let Err(error) = log::start(arguments.log) {
        eprintln!("ipvsd: cannot start the log: {error}");
        return Exit::Failed;
    }
    let exit = match Supervisor::start(arguments, door) {
        Ok(supervisor) => supervisor.run(),
        Err(refusal) => {
            tracing::error!("{refusal}");
            refusal.exit
        }
    };
    log::flush();
    exit
}

/// The daemon while it runs.
struct Supervisor {
    arguments: Arguments,
    config: Arc<Config>,
    loaded_at: Instant,
    warnings: u32,
    refused: Option<String>,
    process: Process,
    settings: Settings,
    inspect_at: Instant,
    loops: Loops,
    control: ControlHandle,
    service: ServiceManager,
    signals: Pending,
    readings: Readings<ReloadWaiter, PlanWaiter>,
    reloads: Reloads,
    outbox: Sender<Event>,
    inbox: mpsc::Receiver<Event>,
    _state_dir: StateDir,
}

impl Supervisor {
    fn start(arguments: Arguments, door: Door) -> Result<Self, Refusal> {
        let now = Instant::now();
        let process = Process { started_at: now };
        let Found { config, report, footprint } = apart(|| load(&arguments, &arguments.config));
        show_report(&report);
        let Some(config) = config else {
            return Err(Refusal {
                exit: Exit::Configuration,
                sentence: format!("{} cannot be run: {}", arguments.config.display(), report.summary()),
            });
        };
        let config = compact(config);
        host::require_privileges()?;
        let state_dir = StateDir::claim(&arguments.state_dir)?;
        let (outbox, inbox) = mpsc::channel();
        let control = control::serve(control::Options {
            group: arguments.socket_group.clone(),
            ..control::Options::new(&arguments.socket, Outbox::to(&outbox, Event::Control))
        })
        .map_err(|error| Refusal {
            exit: if matches!(error, ControlError::InUse { .. }) { Exit::AlreadyRunning } else { Exit::Failed },
            sentence: error.to_string(),
        })?;
        let signals = Pending::default();
        listen_for_signals(&outbox, signals.clone())?;
        let mut settings = Settings::start(&arguments.state_dir)?;
        // That they are late is in the log.
        let _ = settings.apply(&config);
        let loops = Loops::start(
            loops::Options {
                state_dir: arguments.state_dir.clone(),
                router_events: Outbox::to(&outbox, Event::Router),
                balancer_events: Outbox::to(&outbox, Event::Balancer),
                door,
            },
            &config,
            now,
        );
        tracing::info!(
            "ipvsd {} runs {}: {} virtual routers, {} services, {} servers",
            env!("CARGO_PKG_VERSION"),
            arguments.config.display(),
            config.instances.len(),
            config.services.len(),
            config.services.iter().map(|service| service.servers.len()).sum::<usize>(),
        );
        let mut reloads = Reloads::default();
        reloads.watch(arguments.watch || config.global.watch, footprint, &outbox);
        Ok(Self {
            warnings: warnings(&report),
            arguments,
            config,
            loaded_at: now,
            refused: None,
            process,
            settings,
            inspect_at: now + INSPECT_INTERVAL,
            loops,
            control,
            service: ServiceManager::new(now),
            signals,
            readings: Readings::default(),
            reloads,
            outbox,
            inbox,
            _state_dir: state_dir,
        })
    }

    fn run(mut self) -> Exit {
        loop {
            let now = Instant::now();
            let due = [self.service.poll_timeout(), self.loops.poll_timeout(), self.readings.poll_timeout()];
            let wake_at = due.into_iter().flatten().fold(self.inspect_at, Instant::min);
            let event = match self.inbox.recv_timeout(wake_at.saturating_duration_since(now)) {
                Ok(event) => Some(event),
                Err(RecvTimeoutError::Timeout) => None,
                Err(RecvTimeoutError::Disconnected) => {
                    tracing::error!("every source of events is gone; stopping");
                    return self.stop(Exit::Failed);
                }
            };
            if let Some(exit) = event.and_then(|event| self.handle(event)) {
                return self.stop(exit);
            }
            self.look_around(Instant::now());
        }
    }

    /// Handles one event; an exit status ends the daemon.
    fn handle(&mut self, event: Event) -> Option<Exit> {
        if let Event::Signal(signal) = &event {
            self.signals.clear(*signal);
        }
        match event {
            Event::Signal(SIGHUP) => return self.ask_to_reload(Cause::Signal, None),
            Event::Signal(SIGUSR1) => match serde_json::to_string(&self.snapshot()) {
                Ok(text) => tracing::info!("snapshot {text}"),
                Err(error) => tracing::error!("the snapshot cannot be written: {error}"),
            },
            Event::Signal(signal) => {
                let name = if signal == SIGINT { "SIGINT" } else { "SIGTERM" };
                tracing::info!("{name}: stopping");
                return Some(Exit::Stopped);
            }
            Event::Control(ControlRequest::Snapshot(reply)) => reply.answer(self.snapshot()),
            Event::Control(ControlRequest::Brief(reply)) => reply.answer(views::snapshot(self, BalancerHandle::brief)),
            Event::Control(ControlRequest::Plan(request, reply)) => self.ask_to_plan(&request, reply),
            Event::Control(ControlRequest::Reload(reply)) => return self.ask_to_reload(Cause::Command, Some(reply)),
            Event::Control(ControlRequest::Server(request, reply)) => {
                reply.answer(self.loops.ask(request).map_err(|error| ErrorReply { error }));
            }
            Event::Watch(news) => {
                let cause = self.reloads.news(news)?;
                tracing::info!("reload: {cause}");
                return self.ask_to_reload(cause, None);
            }
            Event::Read(id, loaded) => return self.read(id, *loaded),
            Event::Router(event) => self.loops.router_event(event, Instant::now()),
            Event::Balancer(event) => {
                let missing = matches!(event, BalancerEvent::KernelMissing(_));
                let ready = matches!(event, BalancerEvent::Ready);
                if let BalancerEvent::Leaving(families) = &event {
                    self.settings.leaving(&self.config, families.clone());
                }
                self.loops.balancer_event(event, Instant::now());
                if missing && self.config.global.ipvs_missing == IpvsMissing::Fail {
                    return Some(without_ipvs());
                }
                if ready {
                    // Settings under net.ipv4.vs exist only once the module is there.
                    self.settings.apply_again(&self.config);
                }
            }
        }
        None
    }

    /// What is due by the clock.
    fn look_around(&mut self, now: Instant) {
        self.loops.revive(&self.config, now);
        self.loops.catch_up(&self.config, now);
        self.tell_late(now);
        if self.loops.settled() {
            self.service.ready(&self.status());
        }
        if now >= self.inspect_at {
            self.inspect_at = now + INSPECT_INTERVAL;
            self.settings.inspect();
        }
        if self.service.ping_due(now) {
            if self.loops.answer() {
                self.service.ping();
            } else {
                tracing::error!("a loop does not answer; the service manager gets no sign of life");
            }
        }
    }

    /// The configuration is to be read again; for somebody who waits for the answer, or for nobody.
    fn ask_to_reload(&mut self, cause: Cause, who: Option<ReloadWaiter>) -> Option<Exit> {
        match self.readings.reload(&self.arguments.config, who, Instant::now()) {
            Wish::Read(id) => {
                self.reloads.begins(cause);
                return self.begin_reload(id);
            }
            Wish::Later => self.reloads.comes_later(cause),
            Wish::Hangs(who) => {
                self.reloads.comes_later(cause);
                if let Some(who) = who {
                    who.answer(self.late_reload());
                }
            }
        }
        None
    }

    fn begin_reload(&mut self, id: u64) -> Option<Exit> {
        self.service.reloading();
        self.read_aside(id, self.arguments.config.clone())
    }

    /// Has a file read by a thread of its own, which tells as an event what it found.
    fn read_aside(&mut self, id: u64, file: PathBuf) -> Option<Exit> {
        let (arguments, outbox) = (self.arguments.clone(), self.outbox.clone());
        let started = thread::Builder::new().name("reading".to_owned()).spawn(move || {
            // The log has the panic, and where.
            let loaded = catch_unwind(AssertUnwindSafe(|| load(&arguments, &file)))
                .map_err(|_| format!("{} made us fail, which is a mistake of ours: see the log", file.display()));
            // Nobody listens any more where the daemon stops.
            let _ = outbox.send(Event::Read(id, Box::new(loaded)));
        });
        let error = started.err()?;
        self.read(id, Err(format!("no thread could be had to read the configuration: {error}")))
    }

    /// A file was read.
    fn read(&mut self, id: u64, loaded: Loaded) -> Option<Exit> {
        let hung = self.readings.reload_hangs();
        match self.readings.ended(id)? {
            Ended::Plan(_, None) => {}
            Ended::Plan(file, Some(who)) => who.answer(self.plan(&file, loaded)),
            Ended::Reload(waiting) => {
                if hung {
                    tracing::info!("{} can be read again", self.arguments.config.display());
                }
                let (reply, exit) = self.reload(loaded);
                for who in waiting {
                    who.answer(reply.clone());
                }
                if exit.is_some() {
                    return exit;
                }
                if let Some(id) = self.readings.once_more(&self.arguments.config, Instant::now()) {
                    self.reloads.begins_again();
                    return self.begin_reload(id);
                }
            }
        }
        None
    }

    /// Answers those who wait for a file that does not come.
    fn tell_late(&mut self, now: Instant) {
        for late in self.readings.late(now) {
            match late {
                Late::Reload(waiting) => {
                    let reply = self.late_reload();
                    tracing::error!("reload: {}", reply.problems.join("; "));
                    self.refused = Some(hangs(&self.arguments.config));
                    self.reloads.ended(false, now);
                    // The service manager would wait for the end of the reload as long as for that of a start.
                    self.service.reloaded(&self.status());
                    for who in waiting {
                        who.answer(reply.clone());
                    }
                }
                Late::Plan(file, who) => {
                    if let Some(who) = who {
                        who.answer(Err(ErrorReply { error: hangs(&file) }));
                    }
                }
            }
        }
    }

    fn late_reload(&self) -> ReloadReply {
        let problem = format!(
            "{}; the daemon runs on with the configuration that it has, and takes the new one once it can be read",
            hangs(&self.arguments.config)
        );
        ReloadReply { problems: vec![problem], ..ReloadReply::default() }
    }

    /// Takes a configuration that was read, or refuses it. An exit status: the daemon cannot go on with it.
    fn reload(&mut self, loaded: Loaded) -> (ReloadReply, Option<Exit>) {
        let (why, diagnostics) = match loaded {
            Ok(Found { config: Some(config), report, footprint }) => {
                show_report(&report);
                let taken = self.take(compact(config), &report);
                self.watch(footprint);
                return taken;
            }
            Ok(Found { config: None, report, footprint }) => {
                show_report(&report);
                // What is wrong may be mended in a file that was not read before.
                self.watch(footprint);
                let file = self.arguments.config.display();
                let why = format!("{} (`ipvsctl check {file}` shows where)", report.summary());
                (why, report.render(false))
            }
            Err(why) => (why.clone(), why),
        };
        tracing::error!("reload refused, and nothing was changed: {why}");
        self.reloads.ended(false, Instant::now());
        self.refused = Some(why);
        self.service.reloaded(&self.status());
        (ReloadReply { diagnostics, ..ReloadReply::default() }, None)
    }

    /// The configuration was read from these files.
    fn watch(&mut self, footprint: Footprint) {
        let wanted = self.arguments.watch || self.config.global.watch;
        self.reloads.watch(wanted, footprint, &self.outbox);
    }

    fn take(&mut self, config: Arc<Config>, report: &config::Report) -> (ReloadReply, Option<Exit>) {
        let mut steps = preview::beside_the_table(&self.config, &config);
        let mut problems = Vec::from_iter(self.settings.apply(&config));
        let configured = self.loops.configure(&config);
        problems.extend(configured.problems);
        steps.extend(configured.steps);
        self.config = config;
        self.loaded_at = Instant::now();
        self.warnings = warnings(report);
        self.refused = None;
        self.reloads.ended(true, self.loaded_at);
        tracing::info!("reloaded {}: {} steps", self.arguments.config.display(), steps.len());
        self.service.reloaded(&self.status());
        let exit = (configured.ipvs_missing && self.config.global.ipvs_missing == IpvsMissing::Fail).then(without_ipvs);
        if exit.is_some() {
            problems.push("the configuration says to stop where the kernel has no IPVS: the daemon stops".to_owned());
        }
        let diagnostics = report.render(false);
        (ReloadReply { applied: true, steps, pending: configured.pending, problems, diagnostics }, exit)
    }

    fn ask_to_plan(&mut self, request: &PlanRequest, who: PlanWaiter) {
        let file = request.file.as_ref().map_or_else(|| self.arguments.config.clone(), Into::into);
        match self.readings.plan(&file, who, Instant::now()) {
            Ok(id) => drop(self.read_aside(id, file)),
            Err(who) => who.answer(Err(ErrorReply {
                error: "several other plans wait for files that cannot be read; try again later".to_owned(),
            })),
        }
    }

    fn plan(&self, file: &Path, loaded: Loaded) -> Result<PlanReply, ErrorReply> {
        let Found { config, report, footprint: _ } = loaded.map_err(|error| ErrorReply { error })?;
        let diagnostics = report.render(false);
        let Some(config) = config else {
            return Err(ErrorReply {
                error: format!("{} cannot be run, so there is no plan for it\n{diagnostics}", file.display()),
            });
        };
        let config = Arc::new(config);
        let mut steps = preview::beside_the_table(&self.config, &config);
        let reply = self.loops.plan(&config).map_err(|error| ErrorReply { error })?;
        steps.extend(reply.steps);
        Ok(PlanReply { steps, pending: reply.pending, differs: config != self.config, diagnostics })
    }

    fn snapshot(&self) -> Snapshot {
        views::snapshot(self, BalancerHandle::snapshot)
    }

    fn status(&self) -> String {
        match &self.refused {
            Some(why) => format!("runs on with the earlier configuration; reload refused: {why}"),
            None if self.config.instances.is_empty() && self.config.services.is_empty() => {
                "nothing to do: neither a virtual router nor a service is left".to_owned()
            }
            None => format!("{} virtual routers, {} services", self.config.instances.len(), self.config.services.len()),
        }
    }

    /// The order matters: peers take over on the priority 0 that the router sends, while our table still forwards.
    fn stop(mut self, exit: Exit) -> Exit {
        self.service.stopping();
        // A signal that comes from now on is not handled any more, and so stays pending.
        let again = || self.signals.is_pending(SIGTERM) || self.signals.is_pending(SIGINT);
        self.loops.stop(&self.config, again);
        if again() {
            tracing::warn!("asked to stop a second time: what takes long is not waited for any more");
        }
        self.settings.restore();
        self.control.stop();
        tracing::info!("stopped");
        exit
    }
}

/// The configuration, if the file can be run as it is, and all that is to be said of it.
fn load(arguments: &Arguments, file: &Path) -> Found {
    let context = config::Context { config_id: files::short_host_name() };
    // The language that the command line forces is for the daemon's own file.
    let language = (file == arguments.config).then_some(arguments.language).flatten();
    let files = NotedFiles::default();
    let mut loaded = config::load(file, language, &files, &context);
    warn_of_unusable_tls(&mut loaded);
    let runnable = loaded.is_runnable();
    Found { config: loaded.config.filter(|_| runnable), report: loaded.report, footprint: files.into_footprint() }
}

/// Does something on a thread of its own, whose garbage lies apart from what stays.
fn apart<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    thread::scope(|scope| scope.spawn(work).join()).unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

/// A configuration without the room that reading it took: that was three times its own, in pieces between which it lies, and an
/// allocator gives back to the system only what is empty as a whole.
fn compact(config: Config) -> Arc<Config> {
    let compact = Arc::new(config.clone());
    drop(config);
    compact
}

/// The configuration insists on IPVS, and the kernel has none.
fn without_ipvs() -> Exit {
    tracing::error!("the configuration says to stop where the kernel has no IPVS");
    Exit::NoIpvs
}

fn show_report(report: &config::Report) {
    for diagnostic in report.diagnostics() {
        let line = report.line(diagnostic);
        match diagnostic.severity {
            Severity::Error => tracing::error!("{line}"),
            Severity::Warning => tracing::warn!("{line}"),
            Severity::Note => tracing::info!("{line}"),
        }
    }
}

fn warnings(report: &config::Report) -> u32 {
    u32::try_from(report.count(Severity::Warning)).unwrap_or(u32::MAX)
}

/// Signals that were heard and not handled yet: any number of one kind is one wish.
#[derive(Debug, Clone, Default)]
struct Pending(Arc<[AtomicBool; 4]>);

/// The signals that are listened to.
const SIGNALS: [i32; 4] = [SIGHUP, SIGTERM, SIGINT, SIGUSR1];

impl Pending {
    fn flag(&self, signal: i32) -> Option<&AtomicBool> {
        SIGNALS.iter().position(|known| *known == signal).and_then(|at| self.0.get(at))
    }

    /// `true` if it was not pending.
    fn raise(&self, signal: i32) -> bool {
        self.flag(signal).is_some_and(|flag| !flag.swap(true, Ordering::AcqRel))
    }

    fn is_pending(&self, signal: i32) -> bool {
        self.flag(signal).is_some_and(|flag| flag.load(Ordering::Acquire))
    }

    /// To be called before it is handled, so that one that comes meanwhile counts.
    fn clear(&self, signal: i32) {
        if let Some(flag) = self.flag(signal) {
            flag.store(false, Ordering::Release);
        }
    }
}

fn listen_for_signals(outbox: &Sender<Event>, pending: Pending) -> Result<(), Refusal> {
    let mut signals = Signals::new(SIGNALS)
        .map_err(|error| Refusal { exit: Exit::Failed, sentence: format!("cannot listen for signals: {error}") })?;
    let outbox = outbox.clone();
    small_thread("signals", move || {
        for signal in signals.forever() {
            if pending.raise(signal) && outbox.send(Event::Signal(signal)).is_err() {
                return;
            }
        }
    })
}

fn small_thread(name: &str, body: impl FnOnce() + Send + 'static) -> Result<(), Refusal> {
    thread::Builder::new()
        .name(name.to_owned())
        .stack_size(64 * 1024)
        .spawn(body)
        .map(drop)
        .map_err(|error| Refusal { exit: Exit::Failed, sentence: format!("cannot start a thread: {error}") })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_storm_of_signals_is_one_wish_of_each_kind() {
        let pending = Pending::default();
        assert!(pending.raise(SIGHUP));
        assert!((0..1000).all(|_| !pending.raise(SIGHUP)));
        assert!(pending.raise(SIGTERM), "another kind is another wish");
        pending.clear(SIGHUP);
        assert!(pending.raise(SIGHUP), "one that comes after the handling began counts");
    }
}
