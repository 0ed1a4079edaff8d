//! The machine of one check.

use std::time::{Duration, Instant};

use super::{Outcome, Stage};
use crate::model::Check;

/// After an obstacle of our own the next try comes this soon, or sooner where the check itself is more eager.
const OBSTACLE_INTERVAL: Duration = Duration::from_secs(1);

/// Outcomes that speak against the server; spelled out so that a new outcome has to be sorted in.
macro_rules! failure {
    () => {
        Outcome::Refused
            | Outcome::Timeout
            | Outcome::Reset
            | Outcome::HostUnreachable
            | Outcome::NetworkUnreachable
            | Outcome::ProtocolUnreachable
            | Outcome::Other(_)
            | Outcome::Status(_)
            | Outcome::NotHttp
            | Outcome::ClosedEarly
            | Outcome::Silent
            | Outcome::Slow
            | Outcome::HeadTooLong
            | Outcome::Tls(_)
    };
}
/// What a check says of its server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// It works.
    Up,
    /// It does not.
    Down,
}

/// What happens to a machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Input {
    /// [`Machine::poll_timeout`] has passed.
    Wake,
    /// The probe that was ordered came to this.
    Probed(Outcome),
    /// It has come so far: the better for telling why, should its time end.
    Reached(Stage),
}

/// What a machine wants done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// Begin a probe.
    Start,
    /// Its time is up: drop it, without a word to the machine.
    Cancel,
}

/// What came of a turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Turn {
    /// Something to do.
    pub order: Option<Order>,
    /// A verdict that differs from the one before.
    pub verdict: Option<Verdict>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Waiting { due_at: Instant },
    Probing { started_at: Instant, give_up_at: Instant, stage: Stage },
}

/// One check: when the next probe is due, and what the last ones said. The same [`Check`] must be lent at every turn, or a
/// new one after [`Machine::reconfigure`].
#[derive(Debug, Clone)]
pub struct Machine {
    phase: Phase,
    verdict: Option<Verdict>,
    last: Option<Outcome>,
    /// Failures in a row.
    streak: u32,
    last_micros: u32,
    runs: u64,
    failures: u64,
    not_tried: u64,
}

impl Machine {
    /// A machine whose first probe is due `first_in` from now.
    #[must_use]
    pub fn new(first_in: Duration, now: Instant) -> Self {
        Self {
            phase: Phase::Waiting { due_at: now + first_in },
            verdict: None,
            last: None,
            streak: 0,
            last_micros: 0,
            runs: 0,
            failures: 0,
            not_tried: 0,
        }
    }

    /// Takes a step.
    pub fn handle(&mut self, check: &Check, input: Input, now: Instant) -> Turn {
        match (self.phase, input) {
            (Phase::Waiting { due_at }, Input::Wake) if now < due_at => Turn::default(),
            (Phase::Waiting { .. }, Input::Wake) => {
                let give_up_at = now + check.timeout;
                self.phase = Phase::Probing { started_at: now, give_up_at, stage: Stage::Connecting };
                Turn { order: Some(Order::Start), verdict: None }
            }
            // The probe was dropped, and its outcome was on the way already.
            (Phase::Waiting { .. }, Input::Probed(_) | Input::Reached(_)) => Turn::default(),
            (Phase::Probing { started_at, give_up_at, .. }, Input::Reached(stage)) => {
                self.phase = Phase::Probing { started_at, give_up_at, stage };
                Turn::default()
            }
            (Phase::Probing { give_up_at, .. }, Input::Wake) if now < give_up_at => Turn::default(),
            (Phase::Probing { started_at, stage, .. }, Input::Wake) => {
                let verdict = self.conclude(check, stage.timeout(), started_at, now);
                Turn { order: Some(Order::Cancel), verdict }
            }
            (Phase::Probing { started_at, .. }, Input::Probed(outcome)) => {
                Turn { order: None, verdict: self.conclude(check, outcome, started_at, now) }
            }
        }
    }

    /// When [`Input::Wake`] is wanted.
    #[must_use]
    pub fn poll_timeout(&self) -> Instant {
        match self.phase {
            Phase::Waiting { due_at } => due_at,
            Phase::Probing { give_up_at, .. } => give_up_at,
        }
    }

    /// The schedule has changed, the probe has not ([`same_probe`]): what was found out stays, and a probe that would
    /// now be later than the new interval allows is brought forward.
    pub fn reconfigure(&mut self, check: &Check, now: Instant) {
        match &mut self.phase {
            Phase::Waiting { due_at } => *due_at = (*due_at).min(now + check.interval),
            Phase::Probing { give_up_at, .. } => *give_up_at = (*give_up_at).min(now + check.timeout),
        }
    }

    fn conclude(&mut self, check: &Check, outcome: Outcome, started_at: Instant, now: Instant) -> Option<Verdict> {
        self.last = Some(outcome);
        self.last_micros = u32::try_from((now - started_at).as_micros()).unwrap_or(u32::MAX);
        let (verdict, next) = match (outcome, self.verdict) {
            (Outcome::NotTried(_), verdict) => {
                self.not_tried += 1;
                (verdict, OBSTACLE_INTERVAL.min(check.retry_interval.max(Duration::from_millis(100))))
            }
            (Outcome::Ok, _) => {
                self.runs += 1;
                self.streak = 0;
                (Some(Verdict::Up), check.interval)
            }
            (failure!(), Some(Verdict::Up)) if self.streak < check.retry => {
                self.failed();
                (Some(Verdict::Up), check.retry_interval)
            }
            // The first failure of all is decisive: nothing has spoken for the server yet.
            (failure!(), Some(Verdict::Up | Verdict::Down) | None) => {
                self.failed();
                (Some(Verdict::Down), check.interval)
            }
        };
        self.phase = Phase::Waiting { due_at: now + next };
        let changed = verdict != self.verdict;
        self.verdict = verdict;
        verdict.filter(|_| changed)
    }

    fn failed(&mut self) {
        self.runs += 1;
        self.failures += 1;
        self.streak = self.streak.saturating_add(1);
    }

    /// What it says; `None` until the first probe was concluded.
    #[must_use]
    pub fn verdict(&self) -> Option<Verdict> {
        self.verdict
    }

    /// The last outcome.
    #[must_use]
    pub fn last(&self) -> Option<Outcome> {
        self.last
    }

    /// How long the last probe took.
    #[must_use]
    pub fn last_took(&self) -> Option<Duration> {
        self.last.map(|_| Duration::from_micros(u64::from(self.last_micros)))
    }

    /// A probe runs now.
    #[must_use]
    pub fn is_probing(&self) -> bool {
        match self.phase {
            Phase::Probing { .. } => true,
            Phase::Waiting { .. } => false,
        }
    }

    /// Probes concluded, those that failed among them, and those that could not be tried.
    #[must_use]
    pub fn counts(&self) -> (u64, u64, u64) {
        (self.runs, self.failures, self.not_tried)
    }
}

/// Two checks ask the same question, though perhaps at other times: what one has found out holds for the other.
#[must_use]
pub fn same_probe(one: &Check, other: &Check) -> bool {
    one.kind == other.kind
}

#[cfg(test)]
mod tests;
