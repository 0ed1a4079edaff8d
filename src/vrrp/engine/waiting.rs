//! What a router that does not run yet waits for, and that people are told of it: once, and only where the wait is long
//! enough to be noticed, for most checks answer within milliseconds.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::instance::Entry;
use super::{Event, Output, Router};
use crate::model::Watched;
use crate::vrrp::machine::{Role, State};

/// A wait that is shorter is nobody's concern.
const NOTICED: Duration = Duration::from_secs(1);
/// Checks that a line names.
const NAMED: usize = 5;

/// A wait, as people are told of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Waiting {
    /// All virtual routers start later.
    Delay {
        /// So much later.
        delay: Duration,
        /// It is counted from the host's start (`vrrp_delay_after_boot`), not from ours.
        after_boot: bool,
    },
    /// A virtual router does not start before these have answered.
    Answers {
        /// Its name.
        instance: Arc<str>,
        /// Which; empty: its own link is what is waited for.
        checks: Vec<Watched>,
    },
    /// A virtual router leaves a master of lower priority in place until these have succeeded once.
    Proof {
        /// Its name.
        instance: Arc<str>,
        /// Which.
        checks: Vec<Watched>,
    },
}

/// A wait without its particulars.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Answers,
    Proof,
}

/// What people know of a router's waiting.
#[derive(Debug, Default)]
pub(super) struct WaitNews {
    waits: Option<Kind>,
    told: Option<Kind>,
    due: Option<Instant>,
}

impl WaitNews {
    /// It waits for this now, or for nothing. What was told is told again only after it has had all that it waits for.
    fn change(&mut self, waits: Option<Kind>, now: Instant) {
        if self.waits != waits {
            self.waits = waits;
            self.due = waits.filter(|kind| self.told != Some(*kind)).map(|_| now + NOTICED);
        }
    }

    /// When it is looked at whether the wait lasts.
    pub(super) const fn due(&self) -> Option<Instant> {
        self.due
    }
}

impl Router {
    /// Takes note of what a router waits for.
    pub(super) fn note_wait(&mut self, at: usize, now: Instant) {
        let Some(entry) = self.instances.get(at) else { return };
        let unproven = entry.config.election.wait_for_checks && !self.has_proven_itself(entry);
        let waits = match entry.machine.role() {
            Role::Initialize => entry.awaited().map(|_| Kind::Answers),
            Role::Backup => unproven.then_some(Kind::Proof),
            Role::Active | Role::Fault => None,
        };
        let Some(entry) = self.instances.get_mut(at) else { return };
        if entry.machine.role() != Role::Fault && waits.is_none() && !unproven {
            entry.wait_news.told = None;
        }
        entry.wait_news.change(waits, now);
    }

    /// Tells of the waits that last.
    pub(super) fn tell_waits(&mut self, now: Instant) {
        for at in 0..self.instances.len() {
            let Some(entry) = self.instances.get(at) else { continue };
            if entry.wait_news.due.is_none_or(|due| due > now) {
                continue;
            }
            let instance = Arc::clone(&entry.name);
            let waiting = match (entry.wait_news.waits, entry.machine.state()) {
                (Some(Kind::Answers), State::Initialize { .. }) => {
                    entry.awaited().map(|checks| Waiting::Answers { instance, checks: checks.to_vec() })
                }
                (Some(Kind::Proof), State::Backup(backup)) => {
                    let ours = entry.machine.settings();
                    let holds_back = backup.master.is_some_and(|heard| {
                        heard.priority != 0 && heard.priority < ours.priority.value() && ours.election.preempt
                    });
                    let checks = if holds_back { self.unproven(entry) } else { Vec::new() };
                    (!checks.is_empty()).then_some(Waiting::Proof { instance, checks })
                }
                (Some(Kind::Answers | Kind::Proof) | None, _) => None,
            };
            let Some(entry) = self.instances.get_mut(at) else { continue };
            let news = &mut entry.wait_news;
            if let Some(waiting) = waiting {
                news.told = news.waits;
                news.due = None;
                self.outputs.push_back(Output::Event(Event::Waiting(waiting)));
            } else {
                // A master to be left in place may yet be heard.
                let still = news.waits == Some(Kind::Proof) && entry.machine.role() == Role::Backup;
                news.due = still.then(|| now + NOTICED);
            }
        }
    }
}

impl Entry {
    /// What must answer before it may start, if anything must.
    fn awaited(&self) -> Option<&[Watched]> {
        self.health.as_ref().and_then(super::health::Health::awaited)
    }
}

impl fmt::Display for Waiting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Delay { delay, after_boot } => {
                let (secs, after_boot) = (delay.as_secs_f64(), *after_boot);
                let word = if after_boot { "vrrp_delay_after_boot" } else { "vrrp_startup_delay" };
                write!(f, "no virtual router starts within the next {secs:.1} s ({word}); until then all stay in INIT")
            }
            Self::Answers { instance, checks } if checks.is_empty() => {
                write!(f, "{instance}: still INIT: waiting for its own interface to come up")
            }
            Self::Answers { instance, checks } => {
                write!(f, "{instance}: still INIT: waiting for ")?;
                named(f, checks)?;
                f.write_str(" to answer for the first time")
            }
            Self::Proof { instance, checks } => {
                write!(f, "{instance}: leaving a master of lower priority in place until ")?;
                named(f, checks)?;
                f.write_str(if checks.len() > 1 { " have" } else { " has" })?;
                f.write_str(" succeeded once (wait_for_checks)")
            }
        }
    }
}

fn named(f: &mut fmt::Formatter<'_>, checks: &[Watched]) -> fmt::Result {
    for (number, what) in checks.iter().take(NAMED).enumerate() {
        write!(f, "{}{what}", if number > 0 { ", " } else { "" })?;
    }
    match checks.len().saturating_sub(NAMED) {
        0 => Ok(()),
        more => write!(f, " and {more} more"),
    }
}
