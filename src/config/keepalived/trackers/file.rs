//! `track_file`.

use std::str::FromStr;

use crate::config::draft::{Definition, Field, FileDraft, TrackKind};
use crate::config::keepalived::tree::Statement;
use crate::config::keepalived::values::{IGNORED, Instead, placeholder};
use crate::config::keepalived::walk::Walk;
use crate::config::source::Spanned;
use crate::model::FileStart;

/// One word of a `track_file`.
pub(in crate::config::keepalived) fn word(
    walk: &mut Walk<'_>,
    file: &mut Definition<FileDraft>,
    statement: Statement<'_>,
) -> bool {
    match statement.name() {
        "file" => {
            let Some(value) = statement.word(1) else { return true };
            let usable = value.text.starts_with('/') && placeholder(value.text).is_none();
            if !usable {
                walk.bad(value, "a file's whole path, from `/` on", Instead("nobody watches it"));
            }
            file.what.path =
                if usable { Field::Set(Spanned::new(value.text.to_owned(), value.span)) } else { Field::Bad };
        }
        "weight" => file.weight = super::weight(walk, statement, 1, TrackKind::File).unwrap_or_default(),
        "init_file" => {
            let mut start = FileStart { value: 0, overwrite: false };
            for word in statement.arguments() {
                match (word.text, i32::from_str(word.text)) {
                    ("overwrite", _) => start.overwrite = true,
                    (_, Ok(value)) => start.value = value,
                    (_, Err(_)) => walk.bad(word, "a whole number, or `overwrite`", IGNORED),
                }
            }
            file.what.start = Some(start);
        }
        _ => return false,
    }
    true
}
