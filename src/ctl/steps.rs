//! Steps of a plan as lines.

use std::fmt::Write;

use super::render::{clean, count};
use crate::api::PlannedStep;

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

/// `3 steps; 1 live connection is cut off`.
pub(super) fn sum(steps: &[PlannedStep]) -> String {
    let cut = match steps.iter().filter(|step| step.cuts).map(|step| step.connections).sum() {
        0 => "no live connection is cut off".to_owned(),
        1 => "1 live connection is cut off".to_owned(),
        many => format!("{many} live connections are cut off"),
    };
    format!("{}; {cut}", count(steps.len().try_into().unwrap_or(u64::MAX), "step"))
}
