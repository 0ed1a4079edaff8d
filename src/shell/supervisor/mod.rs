//! The main thread: reads the configuration, starts the two loops and the control socket, and then waits for whatever
//! comes: a signal, a request, news from a loop, or the next time to look around.
//!
//! What can take long happens here, where nothing waits for a deadline: reading the configuration, answering questions. The
//! loops are told what the outcome is. What waits until something is written to a disk happens elsewhere ([`settings`], and
//! the loops' own threads): a disk that does not answer is no reason for a service manager to end a router that is well. A loop that panics is started again with the configuration in force
//! ([`loops`]); the other one never notices.
//!
//! A reload validates first. A file that cannot be run changes nothing: the daemon goes on, and says so in the log and in
//! `show`.

mod arguments;
mod exit;
mod host;
mod loops;
mod preview;
mod service;
mod settings;
mod views;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread;
use std::time::{Duration, Instant};

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGUSR1};
use signal_hook::iterator::Signals;

use crate::api::{PlanReply, PlanRequest, ReloadReply, Snapshot};
use crate::config::{self, Severity};
use crate::model::{Config, IpvsMissing};
use crate::shell::balancer::BalancerEvent;
use crate::shell::control::server::{self as control, ControlError, ControlHandle, ControlRequest};
use crate::shell::files::{self, HostFiles};
use crate::shell::log;
use crate::shell::outbox::Outbox;
use crate::shell::router::RouterEvent;

pub use arguments::Arguments;
pub use exit::Exit;
use host::{Process, Refusal, StateDir};
use loops::Loops;
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
}

/// Runs the daemon until it is told to stop, or cannot go on.
#[must_use]
pub fn run(arguments: Arguments) -> Exit {
    if let Err(error) = log::start(arguments.log) {
        eprintln!("ipvsd: cannot start the log: {error}");
        return Exit::Failed;
    }
    let exit = match Supervisor::start(arguments) {
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
    inbox: mpsc::Receiver<Event>,
    _state_dir: StateDir,
}

impl Supervisor {
    fn start(arguments: Arguments) -> Result<Self, Refusal> {
        let now = Instant::now();
        let process = Process { started_at: now };
        let (config, report) = load(&arguments, &arguments.config);
        show_report(&report);
        let Some(config) = config else {
            return Err(Refusal {
                exit: Exit::Configuration,
                sentence: format!("{} cannot be run: {}", arguments.config.display(), report.summary()),
            });
        };
        let config = Arc::new(config);
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
            inbox,
            _state_dir: state_dir,
        })
    }

    fn run(mut self) -> Exit {
        loop {
            let now = Instant::now();
            let wake_at = [Some(self.inspect_at), self.service.poll_timeout(), self.loops.poll_timeout()]
                .into_iter()
                .flatten()
                .min()
                .unwrap_or(self.inspect_at);
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
            Event::Signal(SIGHUP) => {
                self.reload();
            }
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
            Event::Control(ControlRequest::Plan(request, reply)) => reply.answer(self.plan(&request)),
            Event::Control(ControlRequest::Reload(reply)) => {
                let outcome = self.reload();
                reply.answer(outcome);
            }
            Event::Router(event) => self.loops.router_event(event, Instant::now()),
            Event::Balancer(event) => {
                let missing = matches!(event, BalancerEvent::KernelMissing(_));
                let ready = matches!(event, BalancerEvent::Ready);
                self.loops.balancer_event(event, Instant::now());
                if missing && self.config.global.ipvs_missing == IpvsMissing::Fail {
                    tracing::error!("the configuration says to stop where the kernel has no IPVS");
                    return Some(Exit::NoIpvs);
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

    fn reload(&mut self) -> ReloadReply {
        self.service.reloading();
        let (config, report) = load(&self.arguments, &self.arguments.config);
        show_report(&report);
        let diagnostics = report.render(false);
        let Some(config) = config else {
            let why = report.summary();
            tracing::error!("reload refused, and nothing was changed: {why}");
            self.refused = Some(why);
            self.service.reloaded(&self.status());
            return ReloadReply { applied: false, steps: Vec::new(), problems: Vec::new(), diagnostics };
        };
        let config = Arc::new(config);
        let mut steps = preview::beside_the_table(&self.config, &config);
        let mut problems = Vec::from_iter(self.settings.apply(&config));
        let (of_the_table, of_the_loops) = self.loops.configure(&config);
        problems.extend(of_the_loops);
        steps.extend(of_the_table);
        self.config = config;
        self.loaded_at = Instant::now();
        self.warnings = warnings(&report);
        self.refused = None;
        tracing::info!("reloaded {}: {} steps", self.arguments.config.display(), steps.len());
        self.service.reloaded(&self.status());
        ReloadReply { applied: true, steps, problems, diagnostics }
    }

    fn plan(&self, request: &PlanRequest) -> Result<PlanReply, crate::api::ErrorReply> {
        let file = request.file.as_ref().map_or_else(|| self.arguments.config.clone(), Into::into);
        let (config, report) = load(&self.arguments, &file);
        let diagnostics = report.render(false);
        let Some(config) = config else {
            return Err(crate::api::ErrorReply {
                error: format!("{} cannot be run, so there is no plan for it\n{diagnostics}", file.display()),
            });
        };
        let config = Arc::new(config);
        let mut steps = preview::beside_the_table(&self.config, &config);
        steps.extend(self.loops.plan(&config).map_err(|error| crate::api::ErrorReply { error })?);
        Ok(PlanReply { steps, diagnostics })
    }

    fn snapshot(&self) -> Snapshot {
        views::snapshot(self)
    }

    fn status(&self) -> String {
        match &self.refused {
            Some(why) => format!("runs on with the earlier configuration; reload refused: {why}"),
            None => format!("{} virtual routers, {} services", self.config.instances.len(), self.config.services.len()),
        }
    }

    /// The order matters: peers take over on the priority 0 that the router sends, while our table still forwards.
    fn stop(mut self, exit: Exit) -> Exit {
        self.service.stopping();
        self.loops.stop(&self.config);
        self.settings.restore();
        self.control.stop();
        tracing::info!("stopped");
        exit
    }
}

/// The configuration, if the file can be run as it is, and all that is to be said of it.
fn load(arguments: &Arguments, file: &Path) -> (Option<Config>, config::Report) {
    let context = config::Context { config_id: files::short_host_name() };
    // The language that the command line forces is for the daemon's own file.
    let language = (file == arguments.config).then_some(arguments.language).flatten();
    let loaded = config::load(file, language, &HostFiles, &context);
    let runnable = loaded.is_runnable();
    (loaded.config.filter(|_| runnable), loaded.report)
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
