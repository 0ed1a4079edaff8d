//! `track_interface`, `track_script`: what a router watches.

use super::super::script;
use super::super::tree::Statement;
use super::super::values::{Instead, placeholder};
use super::super::walk::Walk;
use crate::config::diagnostic::{Code, Diagnostic};
use crate::config::draft::TrackDraft;
use crate::config::source::Spanned;

/// `NAME [weight N [reverse]]`, one a line.
pub(super) fn list(walk: &mut Walk<'_>, statement: Statement<'_>, what: &str) -> Vec<TrackDraft> {
    let mut found = Vec::new();
    for track in statement.children() {
        let Some(name) = track.word(0) else { continue };
        if placeholder(name.text).is_some() {
            walk.bad(name, what, Instead("not watched"));
            continue;
        }
        let weight = match track.word(1) {
            Some(word) if word.text == "weight" => match script::weight(walk, track, 2) {
                Some((weight, span)) => Some(Spanned::new(weight, span)),
                None => {
                    if track.word(2).is_none() {
                        walk.say(
                            Diagnostic::warning(Code::MissingValue, word.span, "`weight` lacks its number")
                                .help("taken as if it were not there"),
                        );
                    }
                    None
                }
            },
            Some(other) => {
                walk.bad(other, "`weight`", Instead("ignored; put one name on each line"));
                None
            }
            None => None,
        };
        found.push(TrackDraft { name: name.to_owned(), weight });
    }
    found
}
