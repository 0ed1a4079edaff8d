//! What the kernel refuses: remembered with the reason, left alone for a while, tried again.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::daemons::SyncRole;
use super::plan::Step;
use super::table::Table;
use crate::model::{ServerKey, ServiceKey};

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

#[derive(Debug, Clone)]
struct Trouble {
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
    pub(super) fn add(&mut self, subject: Subject, problem: String, now: Instant) -> (Duration, bool) {
        self.add_for(subject, problem, FIRST, now)
    }

    pub(super) fn add_for(
        &mut self,
        subject: Subject,
        problem: String,
        first: Duration,
        now: Instant,
    ) -> (Duration, bool) {
        let before = self.map.get(&subject);
        let backoff = before.map_or(first, |before| (before.backoff * 2).min(LONGEST).max(first));
        let new = before.is_none_or(|before| before.problem != problem);
        let retry_at = now + backoff;
        self.map.insert(subject, Trouble { problem, retry_at, backoff });
        self.next = Some(self.next.map_or(retry_at, |next| next.min(retry_at)));
        (backoff, new)
    }

    pub(super) fn solved(&mut self, subject: Subject) {
        if !self.map.is_empty() {
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

    /// The step is not to be tried now: it was refused a moment ago, or its service was and is not there.
    pub(super) fn blocks(&self, step: &Step, observed: &Table, now: Instant) -> bool {
        let blocked = |subject| self.map.get(&subject).is_some_and(|trouble| trouble.retry_at > now);
        !self.map.is_empty()
            && (blocked(Subject::of(step))
                || step.server().is_some()
                    && step.service().is_some_and(|service| {
                        !observed.services.contains_key(&service) && blocked(Subject::Service(service))
                    }))
    }

    pub(super) fn problem(&self, subject: Subject) -> Option<&str> {
        self.map.get(&subject).map(|trouble| trouble.problem.as_str())
    }
}
