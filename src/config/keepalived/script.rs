//! `vrrp_script`.

use super::super::draft::{Field, ScriptDraft};
use super::super::source::{Span, Spanned};
use super::tree::Statement;
use super::values::{IGNORED, Instead};
use super::walk::Walk;

/// A script may run every millisecond to every eleven days.
const LONGEST: f64 = 1_000_000.0;

/// One word of a `vrrp_script`.
pub(super) fn word(walk: &mut Walk<'_>, script: &mut ScriptDraft, statement: Statement<'_>) -> bool {
    let Some(value) = statement.word(1) else {
        if statement.name() == "init_fail" {
            script.init_fail = true;
            return true;
        }
        return false;
    };
    match statement.name() {
        "script" => {
            let (command, user) = walk.command(statement);
            script.command = if command.first().is_none_or(String::is_empty) {
                walk.bad(value, "a command", Instead("the script is left out"));
                Field::Bad
            } else {
                Field::Set(Spanned::new(command, value.span))
            };
            script.user = user.or(script.user.take());
        }
        "interval" => script.interval = walk.seconds(value, 0.001..=LONGEST, "an interval", IGNORED),
        "timeout" => script.timeout = walk.seconds(value, 0.001..=LONGEST, "a timeout", IGNORED),
        "weight" => {
            if let Some((weight, span)) = weight(walk, statement, 1) {
                script.weight = weight;
                script.weight_span = Some(span);
            }
        }
        "rise" => script.rise = walk.fits(value, 1..=i64::from(i32::MAX), "a count", IGNORED).unwrap_or(1),
        "fall" => script.fall = walk.fits(value, 1..=i64::from(i32::MAX), "a count", IGNORED).unwrap_or(1),
        "user" => script.user = walk.run_as(statement),
        _ => return false,
    }
    true
}

/// `N [reverse|noreverse]`, the number at an index among the words.
pub(super) fn weight(walk: &mut Walk<'_>, statement: Statement<'_>, at: usize) -> Option<(i16, Span)> {
    let value = statement.word(at)?;
    let weight: i16 = walk.fits(value, -253..=253, "a weight", Instead("taken as 0: a failure is a fault"))?;
    match statement.word(at + 1) {
        Some(reverse) if reverse.text == "reverse" => {
            walk.say(
                super::super::diagnostic::Diagnostic::warning(
                    super::super::diagnostic::Code::NotYet,
                    reverse.span,
                    "`reverse` is not done yet",
                )
                .help("the weight works the usual way round: success raises, failure lowers"),
            );
        }
        Some(plain) if plain.text == "noreverse" => {}
        Some(other) => {
            walk.bad(other, "`reverse` or `noreverse`", Instead("ignored"));
        }
        None => {}
    }
    Some((weight, value.span))
}
