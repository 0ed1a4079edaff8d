//! What the kernel refuses: remembered with the reason, left alone for a while, tried again.
//!
//! What is left alone is what was refused, and nothing else of the same service or server: one whose forwarding this kernel does
//! not know, or somebody else sets again and again, can die, be emptied or get another weight meanwhile. Of a step that asks for both
//! the rest is done.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::daemons::SyncRole;
use super::plan::Step;
use super::table::Table;
use crate::model::{ServerKey, ServerSettings, ServiceKey};

const FIRST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(60);

/// What a step is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Subject {
    /// The connection timeouts.
    Timeouts,
    /// A service.
    Service(ServiceKey),
    /// A server of a service.
    Server(ServiceKey, ServerKey),
    /// The sync daemon of a role.
    Daemon(SyncRole),
}

impl Subject {
    /// What this step is about.
    #[must_use]
    pub fn of(step: &Step) -> Self {
        match (step.service(), step.server()) {
            (Some(service), Some(server)) => Self::Server(service, server),
            (Some(service), None) => Self::Service(service),
            (None, _) => step.daemon().map_or(Self::Timeouts, Self::Daemon),
        }
    }
}

/// What was refused of a subject.
#[derive(Debug, Clone)]
enum Refusal {
    /// Whatever is asked of timeouts or of a sync daemon, which is stopped only to be started otherwise.
    All,
    /// To come.
    Addition,
    /// To be another service in place.
    ServiceEdit,
    /// To be another server in place: how it was, if that has a name, and how it was to be.
    ServerEdit(Option<ServerSettings>, ServerSettings),
    /// To go.
    Deletion,
}

impl Refusal {
    fn of(step: &Step) -> Self {
        match step {
            Step::AddService { .. } | Step::AddServer { .. } => Self::Addition,
            Step::EditService { .. } => Self::ServiceEdit,
            Step::EditServer { from, to, .. } => Self::ServerEdit(from.clone(), to.clone()),
            Step::DeleteServer { .. } | Step::DeleteService { .. } => Self::Deletion,
            Step::SetTimeouts(_) | Step::StartDaemon { .. } | Step::StopDaemon { .. } => Self::All,
        }
    }

    /// What is left of a step about the same subject without what was refused; `None`: nothing.
    fn left_of(&self, step: Step) -> Option<Step> {
        let stays = match (self, &step) {
            (Self::All, _)
            | (Self::Addition, Step::AddService { .. } | Step::AddServer { .. })
            | (Self::ServiceEdit, Step::EditService { .. })
            | (Self::Deletion, Step::DeleteService { .. } | Step::DeleteServer { .. }) => false,
            (Self::ServerEdit(was, refused), Step::EditServer { service, server, from: Some(from), to }) => {
                let left = left_of_edit((was.as_ref(), refused), from, to)?;
                return Some(Step::EditServer {
                    service: *service,
                    server: *server,
                    from: Some(from.clone()),
                    to: left,
                });
            }
            (Self::ServerEdit(_, refused), Step::EditServer { from: None, to, .. }) => to != refused,
            (
                Self::Addition | Self::ServiceEdit | Self::ServerEdit(..) | Self::Deletion,
                Step::AddService { .. }
                | Step::EditService { .. }
                | Step::AddServer { .. }
                | Step::EditServer { .. }
                | Step::DeleteServer { .. }
                | Step::DeleteService { .. }
                | Step::SetTimeouts(_)
                | Step::StartDaemon { .. }
                | Step::StopDaemon { .. },
            ) => true,
        };
        stays.then_some(step)
    }

    /// A step about the same subject was done: what was refused is still wished for.
    fn outlives(&self, step: &Step) -> bool {
        match (self, step) {
            (Self::ServerEdit(was, refused), Step::EditServer { to, .. }) => {
                was.as_ref().is_none_or(|was| !same_but_for_weight(was, refused)) && !same_but_for_weight(refused, to)
            }
            (
                Self::All | Self::Addition | Self::ServiceEdit | Self::ServerEdit(..) | Self::Deletion,
                Step::AddService { .. }
                | Step::EditService { .. }
                | Step::AddServer { .. }
                | Step::EditServer { .. }
                | Step::DeleteServer { .. }
                | Step::DeleteService { .. }
                | Step::SetTimeouts(_)
                | Step::StartDaemon { .. }
                | Step::StopDaemon { .. },
            ) => false,
        }
    }
}

/// How a server can be that is found `from` so, and is to be `to`, without what was refused; `None`: as it is.
fn left_of_edit(
    (was, refused): (Option<&ServerSettings>, &ServerSettings),
    from: &ServerSettings,
    to: &ServerSettings,
) -> Option<ServerSettings> {
    if was == Some(from) && refused == to {
        return None;
    }
    let rest_refused = was.is_none_or(|was| !same_but_for_weight(was, refused));
    let left = if rest_refused {
        if !same_but_for_weight(refused, to) {
            return Some(to.clone());
        }
        // Which of the two was at fault is not known; the weight alone may well be taken.
        ServerSettings { weight: to.weight, ..from.clone() }
    } else if refused.weight == to.weight {
        ServerSettings { weight: from.weight, ..to.clone() }
    } else {
        to.clone()
    };
    (left != *from).then_some(left)
}

fn same_but_for_weight(one: &ServerSettings, other: &ServerSettings) -> bool {
    *one == ServerSettings { weight: one.weight, ..other.clone() }
}

#[derive(Debug, Clone)]
struct Trouble {
    refusal: Refusal,
    problem: String,
    retry_at: Instant,
    backoff: Duration,
}

#[derive(Debug, Clone, Default)]
pub(super) struct Troubles {
    map: BTreeMap<Subject, Trouble>,
    /// No trouble is due before this moment.
    next: Option<Instant>,
}

impl Troubles {
    /// Remembers a refusal. Returns when it will be tried again, and whether the problem is new.
    pub(super) fn add(&mut self, step: &Step, problem: String, now: Instant) -> (Duration, bool) {
        self.add_for(step, problem, FIRST, now)
    }

    pub(super) fn add_for(&mut self, step: &Step, problem: String, first: Duration, now: Instant) -> (Duration, bool) {
        let subject = Subject::of(step);
        let before = self.map.get(&subject);
        let backoff = before.map_or(first, |before| (before.backoff * 2).min(LONGEST).max(first));
        let new = before.is_none_or(|before| before.problem != problem);
        let retry_at = now + backoff;
        self.map.insert(subject, Trouble { refusal: Refusal::of(step), problem, retry_at, backoff });
        self.next = Some(self.next.map_or(retry_at, |next| next.min(retry_at)));
        (backoff, new)
    }

    /// The kernel has done a step as it was wished for.
    pub(super) fn done(&mut self, step: &Step) {
        if self.map.is_empty() {
            return;
        }
        let subject = Subject::of(step);
        if self.map.get(&subject).is_some_and(|trouble| !trouble.refusal.outlives(step)) {
            self.map.remove(&subject);
        }
    }

    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    pub(super) fn next(&self) -> Option<Instant> {
        self.next
    }

    /// Subjects that are due now. Each is told once.
    pub(super) fn due(&mut self, now: Instant) -> Vec<Subject> {
        if self.next.is_none_or(|next| next > now) {
            return Vec::new();
        }
        self.next = self.map.values().map(|trouble| trouble.retry_at).filter(|at| *at > now).min();
        self.map.iter().filter(|(_, trouble)| trouble.retry_at <= now).map(|(subject, _)| *subject).collect()
    }

    /// What is to be tried of a step now: without what was refused a moment ago. `None`: nothing, or its service was refused and
    /// is not there.
    pub(super) fn left_of(&self, step: Step, observed: &Table, now: Instant) -> Option<Step> {
        if self.map.is_empty() {
            return Some(step);
        }
        let waiting = |subject| self.map.get(&subject).filter(|trouble| trouble.retry_at > now);
        // Where it may come, and only an edit of it waits, its servers come with it.
        let may_not_come = |trouble: &Trouble| matches!(trouble.refusal, Refusal::Addition);
        let homeless = |service| {
            !observed.services.contains_key(&service) && waiting(Subject::Service(service)).is_some_and(may_not_come)
        };
        if step.server().and(step.service()).is_some_and(homeless) {
            return None;
        }
        match waiting(Subject::of(&step)) {
            Some(trouble) => trouble.refusal.left_of(step),
            None => Some(step),
        }
    }

    /// Nothing of the step is to be tried now.
    pub(super) fn blocks(&self, step: &Step, observed: &Table, now: Instant) -> bool {
        !self.map.is_empty() && self.left_of(step.clone(), observed, now).is_none()
    }

    pub(super) fn problem(&self, subject: Subject) -> Option<&str> {
        self.map.get(&subject).map(|trouble| trouble.problem.as_str())
    }
}
