//! The balancer's lines in the log, no more of them than a person can read.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use crate::balance::{Event, Gravity, Plan, Step, StepOutcome};

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
        if !self.has_room(now) {
            // Thousands come at a start, one by one: what is left out need not be written first.
            let left_out = outcomes.iter().filter(|outcome| !matches!(outcome, StepOutcome::Refused(_))).count();
            self.left_out += u32::try_from(left_out).unwrap_or(u32::MAX);
            return;
        }
        for (gravity, text) in lines(plan, outcomes) {
            self.line(gravity, text, now);
        }
    }

    /// Lines of this moment can be read.
    fn has_room(&self, now: Instant) -> bool {
        self.lines < LINES || now.saturating_duration_since(self.second) >= Duration::from_secs(1)
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

/// What is worth a line of each step.
fn lines(plan: &Plan, outcomes: &[StepOutcome]) -> Vec<(Gravity, String)> {
    let mut refused = BTreeSet::new();
    let mut lines = Vec::new();
    for (step, outcome) in plan.steps.iter().zip(outcomes) {
        match outcome {
            StepOutcome::Done => lines.push((Gravity::Info, format!("kernel: {step}"))),
            // It has no service to be in, and why is said of the service.
            StepOutcome::Stale(_)
                if step.server().is_some() && step.service().is_some_and(|service| refused.contains(&service)) => {}
            StepOutcome::Stale(problem) => lines.push((Gravity::Warning, format!("kernel: {step}: {problem}"))),
            StepOutcome::Unknown => {
                lines.push((Gravity::Warning, format!("kernel: {step}: no answer; reading the table again")));
            }
            // The engine tells of it, once.
            StepOutcome::Refused(_) => {
                if let Step::AddService { service, .. } = step {
                    refused.insert(*service);
                }
            }
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Forwarding, Protocol, ServerKey, ServerSettings, ServiceKey, Weight};

    #[test]
    fn servers_of_a_service_that_was_refused_are_not_told_of() {
        let key = |port| ServiceKey::Address { protocol: Protocol::Tcp, address: [192, 0, 2, 1].into(), port };
        let add = |port| {
            let server = ServerKey { address: [10, 0, 0, 1].into(), port: 80 };
            let settings = ServerSettings {
                forwarding: Forwarding::Masquerade,
                weight: Weight::ONE,
                upper_threshold: 0,
                lower_threshold: 0,
            };
            [
                Step::AddService { service: key(port), settings: Box::default() },
                Step::AddServer { service: key(port), server, settings },
            ]
        };
        let plan = Plan { steps: [add(80), add(81)].concat() };
        let no_service = || StepOutcome::Stale("no such service".to_owned());
        let outcomes =
            [StepOutcome::Refused("no such scheduler".to_owned()), no_service(), StepOutcome::Done, no_service()];
        let told = lines(&plan, &outcomes);
        assert_eq!(told.len(), 2, "{told:?}");
        assert!(told.iter().all(|(_, line)| line.contains("192.0.2.1:81")), "{told:?}");
        assert_eq!(told[1].0, Gravity::Warning);
    }
}
