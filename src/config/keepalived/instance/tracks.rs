//! `track_interface`, `track_script` and their like: what a router or a group watches.

use crate::config::diagnostic::{Code, Diagnostic};
use crate::config::draft::{TrackDraft, TrackKind, WeightDraft};
use crate::config::keepalived::trackers;
use crate::config::keepalived::tree::Statement;
use crate::config::keepalived::values::{Instead, placeholder};
use crate::config::keepalived::walk::Walk;
use crate::config::suggest;

/// The kind that a word watches.
fn kind(name: &str) -> Option<(TrackKind, &'static str)> {
    Some(match name {
        "track_interface" => (TrackKind::Interface, "an interface"),
        "track_script" => (TrackKind::Script, "a script"),
        "track_process" => (TrackKind::Process, "a process"),
        "track_file" => (TrackKind::File, "a file"),
        "track_service" => (TrackKind::Service, "a service"),
        "track_check" => (TrackKind::Check, "a check"),
        _ => return None,
    })
}

/// `track_*`, with a name and maybe `weight N [reverse]` on each line of its block, or, with our own words, after it.
pub(super) fn word(walk: &mut Walk<'_>, tracks: &mut Vec<TrackDraft>, statement: Statement<'_>) -> bool {
    let Some((kind, what)) = kind(statement.name()) else { return false };
    if statement.word(1).is_some() {
        tracks.extend(entry(walk, statement, 1, kind, what));
    }
    for line in statement.children() {
        tracks.extend(entry(walk, line, 0, kind, what));
    }
    true
}

/// `NAME [weight N [reverse]]`, the name at an index among the words.
fn entry(walk: &mut Walk<'_>, track: Statement<'_>, at: usize, kind: TrackKind, what: &str) -> Option<TrackDraft> {
    let name = track.word(at)?;
    if placeholder(name.text).is_some() {
        walk.bad(name, what, Instead("not watched"));
        return None;
    }
    let weight = match track.word(at + 1) {
        Some(word) if word.text == "weight" => {
            if track.word(at + 2).is_none() {
                walk.say(
                    Diagnostic::warning(Code::MissingValue, word.span, "`weight` lacks its number")
                        .help("taken as if it were not there"),
                );
            }
            trackers::weight(walk, track, at + 2, kind)
        }
        Some(other) if suggest::did_you_mean(other.text, std::iter::once("weight")).is_some() => {
            walk.bad(other, "`weight`", Instead("ignored with what follows it; did you mean `weight`?"));
            None
        }
        Some(other) => {
            walk.bad(other, "`weight`", Instead("ignored; put one name on each line"));
            None
        }
        None => None,
    };
    Some(TrackDraft { kind, name: name.to_owned(), weight: weight.unwrap_or_else(WeightDraft::default) })
}
