//! What trackers outside the engine report: processes, files, checks and services.
//!
//! Scripts are asked for by the engine ([`Output::RunScript`](super::Output::RunScript)) and links are told by the kernel;
//! all else that a router can watch is watched by threads of the shell, which report what they see and judge nothing. What
//! a report means for a router (delays, rise and fall, quorum, weights) is worked out here.

use std::time::Instant;

use super::Router;
use crate::model::{
    FileContent, ServiceCondition, ServiceKey, TrackCheck, TrackFile, TrackProcess, TrackService, Watched,
};
use crate::vrrp::track::{Lasting, Standing, Verdict};

/// Characters of a file's line that are shown.
const SHOWN: usize = 40;

/// A report of a tracker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fact {
    /// Processes that match a [`TrackProcess`]: whenever the number changes, and once at start.
    Processes {
        /// Name of the definition.
        name: String,
        /// How many run.
        running: u32,
    },
    /// What a [`TrackFile`] holds: whenever it changes, and once at start.
    File {
        /// Name of the definition.
        name: String,
        /// What it holds.
        content: FileContent,
    },
    /// A run of a [`TrackCheck`] is over. Rises and falls are counted here.
    Check {
        /// Name of the definition.
        name: String,
        /// The check succeeded.
        ok: bool,
        /// What happened, as a sentence.
        detail: String,
    },
    /// Servers of a service: whenever they change, and once at start.
    Service {
        /// Which service.
        key: ServiceKey,
        /// How its servers are. `None`: the balancer does not know the service.
        health: Option<ServiceHealth>,
    },
}

/// How the servers of a service are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ServiceHealth {
    /// Servers that are configured.
    pub servers: u32,
    /// Servers that are up.
    pub up: u32,
    /// Sum of the weights of those that are up.
    pub weight_up: u64,
    /// What that sum must reach.
    pub quorum: u32,
}

/// Processes that are counted.
#[derive(Debug)]
pub(super) struct Process {
    config: TrackProcess,
    running: Option<u32>,
    /// The last change was one that ended.
    fell: bool,
    verdict: Lasting,
}

impl Process {
    /// Brings the verdict up to date; what changes a verdict must last.
    fn look(&mut self, now: Instant) {
        let Some(running) = self.running else { return };
        let few = running < self.config.quorum;
        let many = self.config.quorum_max.is_some_and(|most| running > most);
        // As in keepalived, what counts is whether a process started or ended: one of too many may have ended.
        let ended = few || self.fell && !many;
        let delay = if ended { self.config.terminate_delay } else { self.config.fork_delay };
        self.verdict.see(!few && !many, delay, now);
    }

    fn standing(&self) -> Standing {
        let Some(running) = self.running else { return unanswered("was not counted yet") };
        let TrackProcess { quorum, quorum_max, .. } = &self.config;
        let wanted = match quorum_max {
            Some(most) if most == quorum => format!("exactly {quorum}"),
            Some(most) => format!("{quorum} to {most}"),
            None => format!("at least {quorum}"),
        };
        let verb = if running == 1 { "runs" } else { "run" };
        Standing { ok: self.verdict.ok(), value: None, detail: format!("{running} {verb}, {wanted} wanted") }
    }
}

/// A file whose number counts.
#[derive(Debug)]
pub(super) struct File {
    config: TrackFile,
    content: Option<FileContent>,
}

impl File {
    /// What is no number counts as 0, as in keepalived.
    fn standing(&self) -> Standing {
        match &self.content {
            None => unanswered("was not read yet"),
            Some(FileContent::Number(value)) => {
                Standing { ok: Some(true), value: Some(*value), detail: format!("holds {value}") }
            }
            Some(FileContent::Missing) => {
                Standing { ok: Some(true), value: Some(0), detail: "is not there; counts as 0".to_owned() }
            }
            Some(FileContent::Unreadable(why)) => {
                Standing { ok: Some(false), value: Some(0), detail: format!("cannot be read ({why}); counts as 0") }
            }
            Some(FileContent::NotANumber(text)) => {
                let shown: String = text.chars().take(SHOWN).collect();
                Standing { ok: Some(false), value: Some(0), detail: format!("has no number ({shown:?}); counts as 0") }
            }
        }
    }
}

/// A check and its runs.
#[derive(Debug)]
pub(super) struct CheckRuns {
    config: TrackCheck,
    verdict: Verdict,
    last: Option<String>,
}

impl CheckRuns {
    fn standing(&self) -> Standing {
        match &self.last {
            None => unanswered("has not run yet"),
            Some(detail) => Standing { ok: self.verdict.ok(), value: None, detail: detail.clone() },
        }
    }
}

/// A service whose servers count.
#[derive(Debug)]
pub(super) struct Service {
    config: TrackService,
    health: Option<ServiceHealth>,
}

impl Service {
    fn standing(&self) -> Standing {
        let Some(ServiceHealth { servers, up, weight_up, quorum }) = self.health else {
            return unanswered("the balancer has not told of it");
        };
        let (ok, detail) = match self.config.condition {
            ServiceCondition::AnyUp => (up > 0, format!("{up} of {servers} servers up, at least 1 wanted")),
            ServiceCondition::Quorum => (
                weight_up >= u64::from(quorum),
                format!("{up} of {servers} servers up, of weight {weight_up}; quorum {quorum}"),
            ),
            ServiceCondition::Share(percent) => (
                servers > 0 && u64::from(up) * 100 >= u64::from(servers) * u64::from(percent),
                format!("{up} of {servers} servers up, {percent}% wanted"),
            ),
        };
        Standing { ok: Some(ok), value: None, detail }
    }
}

fn unanswered(detail: &str) -> Standing {
    Standing { ok: None, value: None, detail: detail.to_owned() }
}

/// Everything that reports, and its last report.
#[derive(Debug, Default)]
pub(super) struct Reports {
    processes: Vec<Process>,
    files: Vec<File>,
    checks: Vec<CheckRuns>,
    services: Vec<Service>,
}

impl Reports {
    /// How something stands; `None` if it is not defined, or not reported.
    pub(super) fn standing(&self, what: &Watched) -> Option<Standing> {
        match what {
            Watched::Process(name) => self.processes.iter().find(|at| at.config.name == *name).map(Process::standing),
            Watched::File(name) => self.files.iter().find(|at| at.config.name == *name).map(File::standing),
            Watched::Check(name) => self.checks.iter().find(|at| at.config.name == *name).map(CheckRuns::standing),
            Watched::Service(name) => self.services.iter().find(|at| at.config.name == *name).map(Service::standing),
            Watched::Interface(_) | Watched::Script(_) | Watched::Bfd(_) => None,
        }
    }

    /// When a verdict changes if nothing else does.
    pub(super) fn change_at(&self, what: &Watched) -> Option<Instant> {
        match what {
            Watched::Process(name) => self.processes.iter().find(|at| at.config.name == *name)?.verdict.change_at(),
            Watched::Interface(_)
            | Watched::Script(_)
            | Watched::File(_)
            | Watched::Service(_)
            | Watched::Check(_)
            | Watched::Bfd(_) => None,
        }
    }

    /// The next such moment.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.processes.iter().filter_map(|process| process.verdict.change_at()).min()
    }
}

impl Router {
    /// Takes a report. One of something that is not defined (any more) is nobody's business.
    pub(super) fn fact(&mut self, fact: Fact, now: Instant) {
        let Reports { processes, files, checks, services } = &mut self.reports;
        let mut about = Vec::new();
        match fact {
            Fact::Processes { name, running } => {
                for process in processes.iter_mut().filter(|process| process.config.name == name) {
                    let what = Watched::Process(name.clone());
                    about.push((what, process.standing()));
                    process.fell = process.running.is_some_and(|before| running < before);
                    process.running = Some(running);
                    process.look(now);
                }
            }
            Fact::File { name, content } => {
                for file in files.iter_mut().filter(|file| file.config.name == name) {
                    about.push((Watched::File(name.clone()), file.standing()));
                    file.content = Some(content.clone());
                }
            }
            Fact::Check { name, ok, detail } => {
                for check in checks.iter_mut().filter(|check| check.config.name == name) {
                    about.push((Watched::Check(name.clone()), check.standing()));
                    check.verdict.run(ok, check.config.rise, check.config.fall);
                    check.last = Some(detail.clone());
                }
            }
            Fact::Service { key, health } => {
                for service in services.iter_mut().filter(|service| service.config.service == key) {
                    about.push((Watched::Service(service.config.name.clone()), service.standing()));
                    service.health = health;
                }
            }
        }
        self.reported(about, now);
    }

    /// Looks at delays that have passed.
    pub(super) fn look_again(&mut self, now: Instant) {
        let mut about = Vec::new();
        for process in &mut self.reports.processes {
            if process.verdict.change_at().is_some_and(|at| at <= now) {
                about.push((Watched::Process(process.config.name.clone()), process.standing()));
                process.look(now);
            }
        }
        self.reported(about, now);
    }

    /// Goes on from what changed: tells it, and has everything worked out anew.
    fn reported(&mut self, before: Vec<(Watched, Standing)>, now: Instant) {
        let mut changed = false;
        for (what, before) in before {
            let after = self.standing(&what);
            self.note(&what, &after);
            if (before.ok, before.value) != (after.ok, after.value) {
                changed = true;
                self.tell_change(what, &after, now);
            }
        }
        if changed {
            self.settle(now);
        }
    }

    /// Takes the definitions of a configuration. What is defined as before keeps its last report and its verdict.
    pub(super) fn adopt_reports(&mut self, now: Instant) {
        let before = std::mem::take(&mut self.reports);
        let config = std::sync::Arc::clone(&self.config);
        self.reports = Reports {
            processes: merge(&config.processes, before.processes, |old, new| {
                let TrackProcess { name, program, arguments, full_command, .. } = &old.config;
                (name, program, arguments, full_command) == (&new.name, &new.program, &new.arguments, &new.full_command)
            }),
            files: merge(&config.files, before.files, |old, new| {
                (&old.config.name, &old.config.path) == (&new.name, &new.path)
            }),
            checks: merge(&config.checks, before.checks, |old, new| {
                (&old.config.name, &old.config.check) == (&new.name, &new.check)
            }),
            services: merge(&config.watched_services, before.services, |old, new| {
                (&old.config.name, &old.config.service) == (&new.name, &new.service)
            }),
        };
        for process in &mut self.reports.processes {
            process.look(now);
        }
    }
}

/// Something that reports, with a definition.
trait Reporter {
    type Definition: Clone;
    fn new(config: Self::Definition) -> Self;
    fn redefine(&mut self, config: Self::Definition);
}

/// One reporter for each definition: the old one where it is the same thing.
fn merge<R: Reporter>(
    wanted: &[R::Definition],
    mut before: Vec<R>,
    same: impl Fn(&R, &R::Definition) -> bool,
) -> Vec<R> {
    wanted
        .iter()
        .map(|config| match before.iter().position(|old| same(old, config)) {
            Some(at) => {
                let mut old = before.swap_remove(at);
                old.redefine(config.clone());
                old
            }
            None => R::new(config.clone()),
        })
        .collect()
}

impl Reporter for Process {
    type Definition = TrackProcess;
    fn new(config: TrackProcess) -> Self {
        Self { config, running: None, fell: false, verdict: Lasting::default() }
    }
    fn redefine(&mut self, config: TrackProcess) {
        self.config = config;
    }
}

impl Reporter for File {
    type Definition = TrackFile;
    fn new(config: TrackFile) -> Self {
        Self { config, content: None }
    }
    fn redefine(&mut self, config: TrackFile) {
        self.config = config;
    }
}

impl Reporter for CheckRuns {
    type Definition = TrackCheck;
    fn new(config: TrackCheck) -> Self {
        Self { config, verdict: Verdict::new(false), last: None }
    }
    fn redefine(&mut self, config: TrackCheck) {
        self.config = config;
    }
}

impl Reporter for Service {
    type Definition = TrackService;
    fn new(config: TrackService) -> Self {
        Self { config, health: None }
    }
    fn redefine(&mut self, config: TrackService) {
        self.config = config;
    }
}
