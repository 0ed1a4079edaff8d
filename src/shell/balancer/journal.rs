//! The balancer's lines in the log, no more of them than a person can read.

use std::time::{Duration, Instant};

use crate::balance::{Event, Gravity, Plan, StepOutcome};

/// Lines in a second; what goes beyond is counted.
const LINES: u32 = 200;
/// Plans up to this length are logged step by step.
const STEPS: usize = 50;

#[derive(Debug)]
pub(super) struct Journal {
    second: Instant,
    lines: u32,
    left_out: u32,
}

impl Journal {
    pub(super) fn new(now: Instant) -> Self {
        Self { second: now, lines: 0, left_out: 0 }
    }

    pub(super) fn event(&mut self, event: &Event, now: Instant) {
        self.line(event.gravity(), event, now);
    }

    pub(super) fn plan(&mut self, plan: &Plan, outcomes: &[StepOutcome], now: Instant, took: Duration) {
        let done = outcomes.iter().filter(|outcome| **outcome == StepOutcome::Done).count();
        if plan.steps.len() > STEPS {
            let text = format!("kernel: {} ({done} of {} steps done in {took:.0?})", plan.summary(), plan.steps.len());
            return self.line(Gravity::Info, text, now);
        }
        for (step, outcome) in plan.steps.iter().zip(outcomes) {
            match outcome {
                StepOutcome::Done => self.line(Gravity::Info, format_args!("kernel: {step}"), now),
                StepOutcome::Stale(problem) => {
                    self.line(Gravity::Warning, format_args!("kernel: {step}: {problem}"), now);
                }
                StepOutcome::Unknown => {
                    self.line(
                        Gravity::Warning,
                        format_args!("kernel: {step}: no answer; reading the table again"),
                        now,
                    );
                }
                // The engine tells of it, once.
                StepOutcome::Refused(_) => {}
            }
        }
    }

    pub(super) fn line(&mut self, gravity: Gravity, text: impl std::fmt::Display, now: Instant) {
        if now.saturating_duration_since(self.second) >= Duration::from_secs(1) {
            self.flush();
            self.second = now;
            self.lines = 0;
        }
        self.lines += 1;
        if self.lines > LINES {
            self.left_out += 1;
            return;
        }
        match gravity {
            Gravity::Info => tracing::info!(target: "ipvsd::balancer", "{text}"),
            Gravity::Warning => tracing::warn!(target: "ipvsd::balancer", "{text}"),
            Gravity::Error => tracing::error!(target: "ipvsd::balancer", "{text}"),
        }
    }

    /// Says how much was left out, if anything was.
    pub(super) fn flush(&mut self) {
        let left_out = std::mem::take(&mut self.left_out);
        if left_out > 0 {
            tracing::warn!(target: "ipvsd::balancer", "{left_out} more lines within a second were left out");
        }
    }
}
