//! `vrrp_script`.

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
        "interval" => draft.interval = walk.time(value, IGNORED),
        "timeout" => draft.timeout = walk.time(value, IGNORED),
        "weight" => script.weight = super::weight(walk, statement, 1, TrackKind::Script).unwrap_or_default(),
        "rise" => draft.rise = walk.whole(value, IGNORED),
        "fall" => draft.fall = walk.whole(value, IGNORED),
        "user" => draft.user = walk.run_as(statement),
        _ => return false,
    }
    if let (Field::Set(command), "script" | "user") = (&draft.command, statement.name())
        && let Some(program) = command.value.first()
    {
        walk.report.note_program(program, draft.user.as_ref(), command.span);
    }
    true
}
