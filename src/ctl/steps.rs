//! Steps of a plan as lines, and what comes after them.

use std::fmt::Write;

use super::render::{clean, count};
use crate::api::{Awaits, Pending, PlannedStep};

/// One numbered line per step, with the live connections that it touches.
pub(super) fn lines(steps: &[PlannedStep]) -> String {
    let mut text = String::new();
    let width = steps.len().to_string().len();
    for (number, step) in (1..).zip(steps) {
        let touched = match (step.connections, step.cuts) {
            (0, _) => String::new(),
            (1, false) => "  (1 live connection goes on)".to_owned(),
            (1, true) => "  (cuts off 1 live connection)".to_owned(),
            (many, false) => format!("  ({many} live connections go on)"),
            (many, true) => format!("  (cuts off {many} live connections)"),
        };
        // Writing to a string does not fail.
        let _ = writeln!(text, "  {number:>width$}. {}{touched}", clean(&step.step));
    }
    text
}

/// `3 steps; 1 live connection is cut off`: at once, where others may be later.
pub(super) fn sum(steps: &[PlannedStep], pending: &[Pending]) -> String {
    let cut = match steps.iter().filter(|step| step.cuts).map(|step| step.connections).sum() {
        0 => "no live connection is cut off".to_owned(),
        1 => "1 live connection is cut off".to_owned(),
        many => format!("{many} live connections are cut off"),
    };
    let may_be_later = pending.iter().any(|pending| match pending.awaits {
        Awaits::Success | Awaits::End { within_secs: None, .. } => false,
        Awaits::Heirs { .. } | Awaits::End { within_secs: Some(_), .. } => true,
    });
    let when = if may_be_later { " at once" } else { "" };
    format!("{}; {cut}{when}", count(steps.len().try_into().unwrap_or(u64::MAX), "step"))
}

/// What comes later, one line per server under a title; empty: nothing.
pub(super) fn later(pending: &[Pending]) -> String {
    let mut text = String::new();
    if !pending.is_empty() {
        text.push_str("Later:\n");
    }
    for Pending { service, server, awaits } in pending {
        let what = match awaits {
            Awaits::Success => "gets new connections once its checks have succeeded".to_owned(),
            Awaits::Heirs { drain_secs } => format!(
                "serves on until those that are new have been checked; what it has {} s after that is cut off",
                tenths(*drain_secs)
            ),
            Awaits::End { left, within_secs: Some(secs) } => {
                format!("finishes what it has{}; what is left after {} s is cut off", having(*left), tenths(*secs))
            }
            Awaits::End { left, within_secs: None } => {
                format!("finishes what it has{}, however long that takes", having(*left))
            }
        };
        // Writing to a string does not fail.
        let _ = writeln!(text, "  server {} of {}: {what}", clean(server), clean(service));
    }
    text
}

fn having(left: u64) -> String {
    if left == 0 { String::new() } else { format!(" ({left} live)") }
}

/// Not more exact than anybody cares for.
fn tenths(secs: f64) -> f64 {
    (secs * 10.0).round() / 10.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pending(awaits: Awaits) -> Pending {
        Pending { service: "tcp 192.0.2.1:80".to_owned(), server: "10.0.0.1:80".to_owned(), awaits }
    }

    #[test]
    fn what_comes_later_is_told() {
        for (awaits, words) in [
            (Awaits::Success, "gets new connections once its checks have succeeded"),
            (
                Awaits::Heirs { drain_secs: 300.0 },
                "serves on until those that are new have been checked; what it has 300 s after that is cut off",
            ),
            (
                Awaits::End { left: 2, within_secs: Some(299.96) },
                "finishes what it has (2 live); what is left after 300 s is cut off",
            ),
            (
                Awaits::End { left: 0, within_secs: Some(0.5) },
                "finishes what it has; what is left after 0.5 s is cut off",
            ),
            (Awaits::End { left: 7, within_secs: None }, "finishes what it has (7 live), however long that takes"),
        ] {
            let line = format!("Later:\n  server 10.0.0.1:80 of tcp 192.0.2.1:80: {words}\n");
            assert_eq!(later(&[pending(awaits)]), line);
        }
        assert_eq!(later(&[]), "");
    }

    #[test]
    fn nobody_is_promised_more_than_is_kept() {
        let step = PlannedStep { step: "edit".to_owned(), connections: 2, cuts: false };
        let steps = [step];
        let end = |within_secs| [pending(Awaits::End { left: 2, within_secs })];
        assert_eq!(sum(&steps, &[]), "1 step; no live connection is cut off");
        assert_eq!(sum(&steps, &[pending(Awaits::Success)]), "1 step; no live connection is cut off");
        assert_eq!(sum(&steps, &end(None)), "1 step; no live connection is cut off");
        assert_eq!(sum(&steps, &end(Some(30.0))), "1 step; no live connection is cut off at once");
        let heirs = [pending(Awaits::Heirs { drain_secs: 30.0 })];
        assert_eq!(sum(&steps, &heirs), "1 step; no live connection is cut off at once");
    }
}
