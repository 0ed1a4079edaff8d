//! `vrrp_track_process`.

use crate::config::draft::{Definition, Field, Matching, ProcessDraft, TrackKind};
use crate::config::keepalived::tree::Statement;
use crate::config::keepalived::values::{IGNORED, Instead};
use crate::config::keepalived::walk::Walk;
use crate::config::source::Spanned;

/// One word of a `vrrp_track_process`.
pub(in crate::config::keepalived) fn word(
    walk: &mut Walk<'_>,
    process: &mut Definition<ProcessDraft>,
    statement: Statement<'_>,
) -> bool {
    let draft = &mut process.what;
    let Some(value) = statement.word(1) else {
        match statement.name() {
            // Without a value: the command has no further arguments.
            "param_match" => draft.matching = Some(Matching::Exact),
            "full_command" => draft.full_command = true,
            _ => return false,
        }
        return true;
    };
    match statement.name() {
        "process" => {
            let words: Vec<_> = statement.arguments().map(|word| word.text.to_owned()).collect();
            draft.command = if value.text.is_empty() {
                walk.bad(value, "a process's name", Instead("nobody watches it"));
                Field::Bad
            } else {
                Field::Set(Spanned::new(words, value.span))
            };
        }
        "param_match" => {
            // keepalived's words are the other way round than one would think.
            const CHOICES: [(&str, Matching); 2] = [("partial", Matching::Initial), ("initial", Matching::Partial)];
            draft.matching = walk.choice(value, &CHOICES, IGNORED).or(draft.matching);
        }
        "weight" => process.weight = super::weight(walk, statement, 1, TrackKind::Process).unwrap_or_default(),
        "quorum" => draft.quorum = walk.whole(value, IGNORED),
        "quorum_max" => {
            let most = walk.whole(value, IGNORED);
            draft.quorum_max = most.map(|most| Spanned::new(most, value.span));
        }
        "fork_delay" => draft.fork_delay = walk.time(value, IGNORED),
        "terminate_delay" => draft.terminate_delay = walk.time(value, IGNORED),
        "delay" => {
            let delay = walk.time(value, IGNORED);
            draft.fork_delay = delay;
            draft.terminate_delay = delay;
        }
        _ => return false,
    }
    true
}
