//! Steps of a plan as lines.

use std::fmt::Write;

use super::render::clean;
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

/// `1 step`, `3 steps`.
pub(super) fn count(steps: &[PlannedStep]) -> String {
    match steps.len() {
        1 => "1 step".to_owned(),
        many => format!("{many} steps"),
    }
}

/// What the steps do to live connections, all told.
pub(super) fn sum(steps: &[PlannedStep]) -> String {
    let cut: u64 = steps.iter().filter(|step| step.cuts).map(|step| step.connections).sum();
    match cut {
        0 => "no live connection is cut off".to_owned(),
        1 => "1 live connection is cut off".to_owned(),
        many => format!("{many} live connections are cut off"),
    }
}
