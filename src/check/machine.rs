//! The machine of one check.

use std::time::{Duration, Instant};

use super::{Obstacle, Outcome, Random, Stage};
use crate::model::{Check, CheckKind};

/// After an obstacle of our own the next try comes this soon, or sooner where the check itself is more eager.
const OBSTACLE_INTERVAL: Duration = Duration::from_secs(1);

/// A deadline that was noticed this much after it, and by more than a quarter of the probe's time, says nothing.
const LATE: Duration = Duration::from_millis(250);
/// ... so many times in a row. A host that is late all the time must not keep dead servers for ever.
const LATE_PROBES: u8 = 2;
/// Without a route a server stays as it is for so many tries; then it counts as failed, since clients cannot reach it either.
const ROUTELESS_PROBES: u8 = 5;

/// A check that this host makes impossible has nothing to say after so many tries.
const PREVENTED_PROBES: u8 = 5;

/// Nothing was heard of a script for so long after its time was up: whoever runs it is stuck.
const BACKSTOP: Duration = Duration::from_secs(30);

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
            | Outcome::BodyTooLong
            | Outcome::Digest
            | Outcome::NoMatch
            | Outcome::Match
            | Outcome::Undecided
            | Outcome::Tls(_)
            | Outcome::Exited(1..)
            | Outcome::Killed(_)
            | Outcome::Overran
            | Outcome::Unusable(_)
            | Outcome::TakenOut
            | Outcome::PortUnreachable
            | Outcome::SmtpGreeting(_)
            | Outcome::SmtpHello(_)
            | Outcome::NotSmtp
            | Outcome::EndlessReply
            | Outcome::DnsError(_)
            | Outcome::BrokenDns
            | Outcome::OtherAnswer
            | Outcome::ReplyLength(_)
            | Outcome::ReplyDiffers(_)
            | Outcome::PathSilent(..)
            | Outcome::PathRefused(..)
    };
}

/// Outcomes that speak for it.
macro_rules! success {
    () => {
        Outcome::Ok | Outcome::Exited(0) | Outcome::Weighs(_) | Outcome::Adds(_) | Outcome::AnswersArp(_)
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
    Waiting {
        due_at: Instant,
    },
    Probing {
        started_at: Instant,
        give_up_at: Instant,
        stage: Stage,
        /// Microseconds that it began after it was due.
        late: u32,
    },
    /// It never asks: somebody tells it what there is to know.
    Told,
}

/// One check: when the next probe is due, and what the last ones said. The same [`Check`] must be lent at every turn, or a
/// new one after [`Machine::reconfigure`].
#[derive(Debug, Clone)]
pub struct Machine {
    phase: Phase,
    verdict: Option<Verdict>,
    last: Option<Outcome>,
    /// Outcomes in a row that speak against the verdict.
    streak: u32,
    /// Outcomes in a row that were held against this host and may yet be held against the server.
    doubtful: u8,
    /// Tries that this host made impossible, since anything was found out.
    prevented: u8,
    /// One of those tries was a mistake in what this host was told.
    mistaken: bool,
    last_micros: u32,
    /// It was not run since it was configured, by whichever file: what cannot be run may be forgiven its absence.
    fresh: bool,
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
            doubtful: 0,
            prevented: 0,
            mistaken: false,
            last_micros: 0,
            fresh: true,
            runs: 0,
            failures: 0,
            not_tried: 0,
        }
    }

    /// A machine that is told outcomes and orders no probes.
    #[must_use]
    pub fn told(now: Instant) -> Self {
        Self { phase: Phase::Told, ..Self::new(Duration::ZERO, now) }
    }

    /// Takes a step. Of the dice only checks with jitter take any.
    pub fn handle(&mut self, check: &Check, input: Input, random: &mut Random, now: Instant) -> Turn {
        match (self.phase, input) {
            (Phase::Waiting { due_at }, Input::Wake) if now < due_at => Turn::default(),
            (Phase::Waiting { due_at }, Input::Wake) => {
                let stage = first_stage(&check.kind);
                let late = u32::try_from((now - due_at).as_micros()).unwrap_or(u32::MAX);
                self.phase = Phase::Probing { started_at: now, give_up_at: now + patience(check), stage, late };
                Turn { order: Some(Order::Start), verdict: None }
            }
            (Phase::Told, Input::Wake | Input::Reached(_)) => Turn::default(),
            (Phase::Told, Input::Probed(outcome)) => {
                Turn { order: None, verdict: self.conclude(check, outcome, now, random, now) }
            }
            // The probe was dropped, and its outcome was on the way already.
            (Phase::Waiting { .. }, Input::Probed(_) | Input::Reached(_)) => Turn::default(),
            (Phase::Probing { started_at, give_up_at, late, .. }, Input::Reached(stage)) => {
                // Another connection, for another page: each has its time.
                let again = stage == Stage::Connecting;
                if !again && now >= give_up_at && self.doubtful < LATE_PROBES {
                    // It came before its time was up, or who knows, and was taken afterwards: of what follows nothing is known.
                    let outcome = Outcome::NotTried(Obstacle::Late);
                    let verdict = self.conclude(check, outcome, started_at, random, now);
                    return Turn { order: Some(Order::Cancel), verdict };
                }
                let give_up_at = if again { now + check.timeout } else { give_up_at };
                self.phase = Phase::Probing { started_at, give_up_at, stage, late };
                Turn::default()
            }
            (Phase::Probing { give_up_at, .. }, Input::Wake) if now < give_up_at => Turn::default(),
            (Phase::Probing { started_at, give_up_at, stage, .. }, Input::Wake) => {
                let late = now - give_up_at > LATE.max((give_up_at - started_at) / 4);
                let excused = late && self.doubtful < LATE_PROBES;
                let outcome = if excused { Outcome::NotTried(Obstacle::Late) } else { stage.timeout() };
                let verdict = self.conclude(check, outcome, started_at, random, now);
                Turn { order: Some(Order::Cancel), verdict }
            }
            (Phase::Probing { started_at, .. }, Input::Probed(outcome)) => {
                Turn { order: None, verdict: self.conclude(check, outcome, started_at, random, now) }
            }
        }
    }

    /// When [`Input::Wake`] is wanted, if ever.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        match self.phase {
            Phase::Waiting { due_at } => Some(due_at),
            Phase::Probing { give_up_at, .. } => Some(give_up_at),
            Phase::Told => None,
        }
    }

    /// The schedule has changed, the probe has not ([`same_probe`]): what was found out stays, and a probe that would
    /// now be later than the new interval allows is brought forward.
    pub fn reconfigure(&mut self, check: &Check, now: Instant) {
        match &mut self.phase {
            Phase::Waiting { due_at } => {
                let interval = match self.verdict {
                    Some(Verdict::Down) => check.down_interval(),
                    Some(Verdict::Up) | None => check.interval,
                };
                *due_at = (*due_at).min(now + interval);
            }
            Phase::Probing { give_up_at, .. } => *give_up_at = (*give_up_at).min(now + patience(check)),
            Phase::Told => {}
        }
    }

    /// A file has been read that has it: as keepalived looks then whether a script is there, one that was not is looked for at
    /// once, and is forgiven if it still is not.
    pub fn configured(&mut self, check: &Check, now: Instant) {
        self.fresh = true;
        if matches!(self.last, Some(Outcome::Unusable(fault)) if fault.is_absence())
            && check.kind.is_forgiven_its_absence()
        {
            self.hurry(now);
        }
    }

    /// The next probe is due `first_in` from now, whenever it was due before. One that runs is let run.
    pub fn resume(&mut self, first_in: Duration, now: Instant) {
        match &mut self.phase {
            Phase::Waiting { due_at } => *due_at = now + first_in,
            Phase::Probing { .. } | Phase::Told => {}
        }
    }

    /// Its last verdict does not count yet: it says what it said `before`, and the next probe is decisive.
    pub fn reprieve(&mut self, check: &Check, before: Option<Verdict>) {
        self.verdict = before;
        self.streak = check.retry;
    }

    /// Nobody has asked for as long as it liked: what silence it met before is old, and the next is the first again.
    pub fn awake(&mut self) {
        self.doubtful = 0;
        let says_nothing = |last: Outcome| last.is_silence() || !last.was_tried();
        if self.verdict != Some(Verdict::Down) && self.last.is_some_and(says_nothing) {
            self.last = None;
            self.streak = 0;
        }
    }

    /// It says "down" from now on: other checks have shown that its silence was to be believed.
    pub fn condemn(&mut self) {
        self.verdict = Some(Verdict::Down);
        self.streak = 0;
    }

    /// The next probe begins now, unless one runs.
    pub fn hurry(&mut self, now: Instant) {
        match &mut self.phase {
            Phase::Waiting { due_at } => *due_at = (*due_at).min(now),
            Phase::Probing { .. } | Phase::Told => {}
        }
    }

    /// The next probe begins so much sooner than it would, unless one runs.
    pub fn bring_forward(&mut self, by: Duration, now: Instant) {
        match &mut self.phase {
            Phase::Waiting { due_at } => *due_at = due_at.checked_sub(by).map_or(now, |sooner| sooner.max(now)),
            Phase::Probing { .. } | Phase::Told => {}
        }
    }

    /// The probe that runs is not to be waited for: another begins at once.
    pub fn recall(&mut self, now: Instant) {
        match self.phase {
            Phase::Waiting { .. } | Phase::Told => {}
            Phase::Probing { .. } => self.phase = Phase::Waiting { due_at: now },
        }
    }

    fn conclude(
        &mut self,
        check: &Check,
        outcome: Outcome,
        started_at: Instant,
        random: &mut Random,
        now: Instant,
    ) -> Option<Verdict> {
        let doubtful = matches!(outcome, Outcome::NotTried(Obstacle::NoRoute | Obstacle::Late));
        let routeless = outcome == Outcome::NotTried(Obstacle::NoRoute) && self.doubtful >= ROUTELESS_PROBES;
        let outcome = if routeless { Outcome::NetworkUnreachable } else { outcome };
        self.doubtful = if doubtful { self.doubtful.saturating_add(1) } else { 0 };
        self.prevented = match outcome {
            // Two of them end in a verdict, and the third was tried as far as there was room.
            Outcome::NotTried(Obstacle::NoRoute | Obstacle::Late | Obstacle::Room) => self.prevented,
            Outcome::NotTried(_) => self.prevented.saturating_add(1),
            success!() | failure!() => 0,
        };
        // What else kept it from being tried since says nothing of a mistake.
        self.mistaken = match outcome {
            Outcome::NotTried(obstacle) => self.mistaken || obstacle.is_mistake(),
            success!() | failure!() => false,
        };
        let is_first = self.last.is_none();
        self.last = Some(outcome);
        self.last_micros = u32::try_from((now - started_at).as_micros()).unwrap_or(u32::MAX);
        let runs = self.runs;
        let (verdict, next) = match (outcome, self.verdict) {
            (Outcome::NotTried(_), verdict) => {
                self.not_tried += 1;
                (verdict, OBSTACLE_INTERVAL.min(check.retry_interval.max(Duration::from_millis(100))))
            }
            // keepalived drops a check whose script is not there when it reads its file, and configurations count on that. One that
            // is there and does not start has been run.
            (Outcome::Unusable(fault), _)
                if self.fresh && fault.is_absence() && check.kind.is_forgiven_its_absence() =>
            {
                self.not_tried += 1;
                (Some(Verdict::Up), check.interval)
            }
            (success!(), Some(Verdict::Down)) if self.streak.saturating_add(1) < check.rise() => {
                self.runs += 1;
                self.streak = self.streak.saturating_add(1);
                (Some(Verdict::Down), check.retry_interval)
            }
            (success!(), Some(Verdict::Up | Verdict::Down) | None) => {
                self.runs += 1;
                self.streak = 0;
                (Some(Verdict::Up), check.interval)
            }
            (failure!(), Some(Verdict::Up)) if self.streak < check.retry => {
                self.failed();
                self.streak = self.streak.saturating_add(1);
                (Some(Verdict::Up), check.retry_interval)
            }
            // The first failure of all is decisive: nothing has spoken for the server yet.
            (failure!(), Some(Verdict::Up | Verdict::Down) | None) => {
                self.failed();
                self.streak = 0;
                (Some(Verdict::Down), check.down_interval())
            }
        };
        let late = match self.phase {
            // The first of all has no place yet that it could keep, and who waits for this host has left his.
            Phase::Probing { late, .. } if !is_first && outcome.was_tried() => Some(late),
            Phase::Probing { .. } | Phase::Waiting { .. } => Some(0),
            Phase::Told => None,
        };
        if let Some(late) = late {
            let next = random.about(next, check.jitter_percent());
            // Checks that a busy moment has brought together go back to where each was, or they would come together ever after.
            let late = Duration::from_micros(u64::from(late)).min(next / 2);
            self.phase = Phase::Waiting { due_at: now + next - late };
        }
        self.fresh &= self.runs == runs;
        let changed = verdict != self.verdict;
        self.verdict = verdict;
        verdict.filter(|_| changed)
    }

    fn failed(&mut self) {
        self.runs += 1;
        self.failures += 1;
    }

    /// What it says; `None` until the first probe was concluded.
    #[must_use]
    pub fn verdict(&self) -> Option<Verdict> {
        self.verdict
    }

    /// How many more failures it forgives.
    #[must_use]
    pub fn forgives(&self, check: &Check) -> u32 {
        match self.verdict {
            Some(Verdict::Up) => check.retry.saturating_sub(self.streak),
            Some(Verdict::Down) | None => 0,
        }
    }

    /// It has said nothing yet, and as far as can be told will not: time and again this host did not let it be tried.
    #[must_use]
    pub fn is_prevented(&self) -> bool {
        self.verdict.is_none() && self.prevented >= PREVENTED_PROBES
    }

    /// It has said nothing yet, and was kept from it by a mistake in what this host was told.
    #[must_use]
    pub fn is_mistaken(&self) -> bool {
        self.verdict.is_none() && self.mistaken
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
            Phase::Waiting { .. } | Phase::Told => false,
        }
    }

    /// Probes concluded, those that failed among them, and those that could not be tried.
    #[must_use]
    pub fn counts(&self) -> (u64, u64, u64) {
        (self.runs, self.failures, self.not_tried)
    }
}

fn first_stage(kind: &CheckKind) -> Stage {
    match kind {
        CheckKind::Script(_) => Stage::Running,
        CheckKind::Path(probe) => Stage::Forwarded(probe.way()),
        CheckKind::Tcp(_)
        | CheckKind::Http(_)
        | CheckKind::Smtp(_)
        | CheckKind::Dns(_)
        | CheckKind::Udp(_)
        | CheckKind::Ping(_)
        | CheckKind::File(_) => Stage::Connecting,
    }
}

/// How long a probe is waited for. Who runs a script counts its time from when it really began, and ends it.
fn patience(check: &Check) -> Duration {
    if check.kind.script().is_some() { check.timeout.saturating_add(BACKSTOP) } else { check.timeout }
}

/// Two checks ask the same question, though perhaps at other times: what one has found out holds for the other.
#[must_use]
pub fn same_probe(one: &Check, other: &Check) -> bool {
    one.kind == other.kind
}

#[cfg(test)]
mod tests;
