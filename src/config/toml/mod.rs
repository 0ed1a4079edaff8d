//! TOML, the native language.
//!
//! Stricter than `keepalived.conf`: an unknown key, a wrong type or a value out of range is an error, for nothing in the wild
//! depends on slips. The document is walked by hand, so that every mistake of a file is found in one run and shown at its
//! place; `examples/reference.toml` has every key with its meaning and default.

mod checks;
mod extent;
mod http;
mod instance;
mod read;
pub(super) mod reference;
mod routes;
pub(super) mod schema;
mod service;
mod surroundings;
mod top;
mod trackers;
pub(super) mod write;

use ::toml::de::DeTable;

use super::diagnostic::{Code, Diagnostic};
use super::draft::Draft;
use super::report::Report;
use super::source::{FileId, Sources, Span};
use read::Reader;

/// Everything that a document says.
pub(super) fn draft(file: FileId, sources: &dyn Sources, report: &mut Report) -> Draft {
    let text = report.files().shared(file);
    if let Some(why) = extent::refusal(&text, file) {
        report.stop(why);
        return Draft::default();
    }
    let (document, errors) = DeTable::parse_recoverable(&text);
    let mut reader = Reader { report, sources, file, draft: Draft::default() };
    if !errors.is_empty() {
        for error in errors {
            let span = error.span().unwrap_or(0..0);
            // An error at the end of the text has nothing to point at.
            let end = text.ceil_char_boundary(span.end.max(span.start + 1).min(text.len()));
            let start = text.floor_char_boundary(span.start.min(end.saturating_sub(1)));
            let span = Span::new(file, start..end.max(start));
            reader.say(Diagnostic::error(Code::TomlSyntax, span, format!("not TOML: {}", error.message())));
        }
        // What could be recovered is looked at too, but values of broken lines would be remarked on twice.
        return reader.draft;
    }
    top::document(&mut reader, document.get_ref());
    reader.draft
}
