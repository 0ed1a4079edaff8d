//! What a virtual router watches: verdicts that rise and fall, and what weights do to a priority.
//!
//! One arithmetic for every kind. A weight above 0 is added while the thing is well, one below 0 is added while it is not
//! (so it is subtracted), `reverse` flips the sign of what is added, and with weight 0 a failure is a fault (reversed: being
//! well is). A file's number is multiplied by the weight; at -254 and below that is a fault too. Whatever has not answered
//! yet adds nothing. The sum is clamped once, at the end, and an owner ignores it.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::model::{Priority, Tracked, Watched};

/// A file's number times its weight counts as a fault from here down (keepalived).
const FILE_FAULT: i64 = -254;
/// ... and adds no more than this.
const FILE_MOST: i64 = 253;

/// The verdict on a script or check, out of its runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verdict {
    /// `None`: has not run yet.
    ok: Option<bool>,
    /// Runs in a row that contradict the verdict.
    against: u32,
}

impl Verdict {
    /// Of something that has not run. With `init_fail` it counts as failing until it has succeeded `rise` times.
    #[must_use]
    pub const fn new(init_fail: bool) -> Self {
        Self { ok: if init_fail { Some(false) } else { None }, against: 0 }
    }

    /// The verdict.
    #[must_use]
    pub const fn ok(&self) -> Option<bool> {
        self.ok
    }

    /// Runs in a row that contradict the verdict.
    #[must_use]
    pub const fn against(&self) -> u32 {
        self.against
    }

    /// Counts a run; `true` if the verdict changed. The first run decides at once.
    pub const fn run(&mut self, success: bool, rise: u32, fall: u32) -> bool {
        let Some(ok) = self.ok else {
            *self = Self { ok: Some(success), against: 0 };
            return true;
        };
        if ok == success {
            self.against = 0;
            return false;
        }
        self.against = self.against.saturating_add(1);
        let needed = if success { rise } else { fall };
        if self.against < needed {
            return false;
        }
        *self = Self { ok: Some(success), against: 0 };
        true
    }
}

/// A verdict that changes only after the contrary has lasted for some time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Lasting {
    ok: Option<bool>,
    change_at: Option<Instant>,
}

impl Lasting {
    /// The verdict; `None` before the first look.
    #[must_use]
    pub const fn ok(&self) -> Option<bool> {
        self.ok
    }

    /// When the contrary counts, if it goes on.
    #[must_use]
    pub const fn change_at(&self) -> Option<Instant> {
        self.change_at
    }

    /// Takes what is seen now; `true` if the verdict changed. The first look decides at once; later, what contradicts the
    /// verdict must last for `delay`, counted from when it was first seen.
    pub fn see(&mut self, seen: bool, delay: Duration, now: Instant) -> bool {
        if self.ok == Some(seen) {
            self.change_at = None;
            return false;
        }
        if self.ok.is_some() {
            let at = *self.change_at.get_or_insert(now + delay);
            if now < at {
                return false;
            }
        }
        self.decide(seen);
        true
    }

    /// Decides, whatever was seen before.
    pub const fn decide(&mut self, ok: bool) {
        *self = Self { ok: Some(ok), change_at: None };
    }
}

/// How something that is watched stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// It is well. `None`: not known yet.
    pub ok: Option<bool>,
    /// The number in a file.
    pub value: Option<i64>,
    /// What was seen, as part of a sentence: `2 run`, `it exited with status 1`.
    pub detail: String,
}

/// What something that is watched does to a router now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// It has not answered yet.
    Unknown,
    /// It adds this to the priority.
    Adds(i32),
    /// The router cannot run.
    Fault,
}

impl Effect {
    /// What it adds to the priority.
    #[must_use]
    pub const fn adds(self) -> i32 {
        match self {
            Self::Adds(sum) => sum,
            Self::Unknown | Self::Fault => 0,
        }
    }
}

/// What something that is watched does.
#[must_use]
pub fn effect(tracked: &Tracked, standing: &Standing) -> Effect {
    match &tracked.what {
        Watched::File(_) => standing.value.map_or(Effect::Unknown, |value| file_effect(tracked, value)),
        Watched::Interface(_)
        | Watched::Script(_)
        | Watched::Process(_)
        | Watched::Service(_)
        | Watched::Check(_)
        | Watched::Bfd(_) => standing.ok.map_or(Effect::Unknown, |ok| verdict_effect(tracked, ok)),
    }
}

fn verdict_effect(tracked: &Tracked, ok: bool) -> Effect {
    let counts = match tracked.weight {
        0 if ok == tracked.reverse => return Effect::Fault,
        0 => 0,
        weight if (weight > 0) == ok => i32::from(weight),
        _ => 0,
    };
    Effect::Adds(if tracked.reverse { -counts } else { counts })
}

/// Without a weight a number other than 0 is a fault; reversed, 0 is.
fn file_effect(tracked: &Tracked, value: i64) -> Effect {
    if tracked.weight == 0 {
        return if (value == 0) == tracked.reverse { Effect::Fault } else { Effect::Adds(0) };
    }
    let weight = i64::from(tracked.weight) * if tracked.reverse { -1 } else { 1 };
    let product = value.saturating_mul(weight);
    if product <= FILE_FAULT {
        return Effect::Fault;
    }
    Effect::Adds(i32::try_from(product.min(FILE_MOST)).unwrap_or_default())
}

/// A priority with all that is watched, added up first and clamped once.
#[must_use]
pub fn effective(base: Priority, contributions: impl IntoIterator<Item = i32>) -> Priority {
    base.weighted(contributions.into_iter().fold(0, i32::saturating_add))
}

/// What [`Pace`] tells late.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Released<T> {
    /// What there is to tell.
    pub what: T,
    /// What was told before it.
    pub before: Option<T>,
    /// How many between the two were left out.
    pub untold: u64,
}

/// Keeps the log readable while something flaps: so many lines in a while, and how many were left out. Where that would
/// leave the log with a last word that is not true any more, the word that is follows once there is room for it.
#[derive(Debug, Clone)]
pub struct Pace<T = ()> {
    told: VecDeque<Instant>,
    untold: u64,
    /// What was told last.
    last: Option<T>,
    /// What was left out last, where it is not what was told last.
    held: Option<T>,
}

impl<T> Default for Pace<T> {
    fn default() -> Self {
        Self { told: VecDeque::new(), untold: 0, last: None, held: None }
    }
}

impl<T: Clone + PartialEq> Pace<T> {
    /// Lines in one [`WHILE`](Self::WHILE).
    const MOST: usize = 10;
    /// The while.
    const WHILE: Duration = Duration::from_secs(60);

    /// Whether this may be told, with the number of those left out before it.
    pub fn tell(&mut self, what: T, now: Instant) -> Option<u64> {
        while self.told.front().is_some_and(|at| *at + Self::WHILE <= now) {
            self.told.pop_front();
        }
        if self.told.len() >= Self::MOST {
            self.untold = self.untold.saturating_add(1);
            self.held = (self.last.as_ref() != Some(&what)).then_some(what);
            return None;
        }
        self.told.push_back(now);
        self.last = Some(what);
        self.held = None;
        Some(std::mem::take(&mut self.untold))
    }

    /// Tells this whatever was told before, and takes no room for it; gives the number of those left out before it.
    pub fn insist(&mut self, what: T) -> u64 {
        self.last = Some(what);
        self.held = None;
        std::mem::take(&mut self.untold)
    }

    /// When there is room for what was left out last.
    #[must_use]
    pub fn held_until(&self) -> Option<Instant> {
        self.held.as_ref().and(self.told.front()).map(|at| *at + Self::WHILE)
    }

    /// What was left out last, once there is room for it; with what had been told before it, and how many were left out
    /// with it.
    pub fn release(&mut self, now: Instant) -> Option<Released<T>> {
        if self.held_until().is_none_or(|at| now < at) {
            return None;
        }
        let what = self.held.take()?;
        let before = self.last.clone();
        // It is one of those that were left out, and no longer is.
        let untold = self.tell(what.clone(), now)?.saturating_sub(1);
        Some(Released { what, before, untold })
    }
}

#[cfg(test)]
mod tests;
