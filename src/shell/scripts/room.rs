//! Room for tracked scripts: who waits for it, and what is said to whoever waits in vain.
//!
//! A script whose time is up may live on until SIGKILL, and one that waits for a dead disk outlives even that: each takes its room
//! until it is reaped, whatever was told of it, or those that hang would become as many as there are checks. Who finds no room
//! waits. Where all that is in the way has outlived SIGKILL, waiting is in vain: who would run the same as one of those has overrun as
//! they have, and of the others it is not known.

use std::time::Instant;

use super::{DEATH, Purpose, Running, Scripts, Told};
use crate::model::ScriptOutcome;

impl Running {
    pub(super) fn is_tracked(&self) -> bool {
        match self.purpose {
            Purpose::Track { .. } => true,
            Purpose::Notice { .. } | Purpose::Overtaken => false,
        }
    }

    /// It is a notice script that the next of its subject waits for.
    pub(super) fn is_notice(&self) -> bool {
        match self.purpose {
            Purpose::Notice { .. } => true,
            Purpose::Track { .. } | Purpose::Overtaken => false,
        }
    }

    /// It is a tracked script of this command.
    fn runs(&self, other: &[String]) -> bool {
        self.is_tracked() && self.command == other
    }
}

impl Scripts {
    /// Whether one more tracked script may run.
    pub(super) fn has_room(&self) -> bool {
        self.children.values().filter(|running| running.is_tracked()).count() < self.limits.tracked
    }

    /// One has ended: those that wait take its room.
    pub(super) fn next_runs(&mut self) {
        self.jammed = false;
        while self.has_room() {
            let Some(run) = self.queue.pop_front() else { return };
            self.track(run);
        }
    }

    /// When all that is in the way of those that wait will have outlived SIGKILL, if none of it ends before.
    pub(super) fn jammed_at(&self) -> Option<Instant> {
        if self.queue.is_empty() {
            return None;
        }
        let mut latest = None;
        for running in self.children.values().filter(|running| running.is_tracked()) {
            latest = latest.max(Some(running.killed_at? + DEATH));
        }
        latest
    }

    /// Tells those that wait in vain what comes of it.
    pub(super) fn turn_away(&mut self, now: Instant) {
        if self.jammed_at().is_none_or(|at| at > now) {
            return;
        }
        if !self.jammed {
            self.jammed = true;
            for running in self.children.values_mut().filter(|running| running.is_tracked()) {
                // After a stall of ours its end may be on its way.
                if running.has_ended() {
                    running.killed_at = Some(now);
                    self.jammed = false;
                }
            }
        }
        if !self.jammed {
            return;
        }
        for run in std::mem::take(&mut self.queue) {
            let outcome = if self.children.values().any(|running| running.runs(&run.command)) {
                ScriptOutcome::TimedOut
            } else {
                ScriptOutcome::NotTried(format!("{} others run, and no signal ends them", self.limits.tracked))
            };
            (self.tell)(Told::Done(run.run, outcome));
        }
    }
}
