//! `vrrp_script`.

use super::LONGEST;
use crate::config::draft::{Definition, Field, ScriptDraft, TrackKind};
use crate::config::keepalived::tree::Statement;
use crate::config::keepalived::values::{IGNORED, Instead};
use crate::config::keepalived::walk::Walk;
use crate::config::source::Spanned;

/// One word of a `vrrp_script`.
pub(in crate::config::keepalived) fn word(
    walk: &mut Walk<'_>,
    script: &mut Definition<ScriptDraft>,
    statement: Statement<'_>,
) -> bool {
    let draft = &mut script.what;
    let Some(value) = statement.word(1) else {
        if statement.name() == "init_fail" {
            draft.init_fail = true;
            return true;
        }
        return false;
    };
    match statement.name() {
        "script" => {
            let (command, user) = walk.command(statement);
            draft.command = if command.first().is_none_or(String::is_empty) {
                walk.bad(value, "a command", Instead("the script is left out"));
                Field::Bad
            } else {
                Field::Set(Spanned::new(command, value.span))
            };
            draft.user = user.or(draft.user.take());
        }
        "interval" => draft.interval = walk.seconds(value, 0.001..=LONGEST, "an interval", IGNORED),
        "timeout" => draft.timeout = walk.seconds(value, 0.001..=LONGEST, "a timeout", IGNORED),
        "weight" => script.weight = super::weight(walk, statement, 1, TrackKind::Script).unwrap_or_default(),
        "rise" => draft.rise = walk.fits(value, 1..=i64::from(i32::MAX), "a count", IGNORED),
        "fall" => draft.fall = walk.fits(value, 1..=i64::from(i32::MAX), "a count", IGNORED),
        "user" => draft.user = walk.run_as(statement),
        _ => return false,
    }
    true
}
