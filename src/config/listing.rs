//! A report for programs: editors that underline, pipelines that count.
//!
//! The shape is stable. A field is added now and then and never renamed or dropped; a code means for ever what it means
//! (`ipvsctl explain CODE`); messages and help are for people, and their wording may change. Every field is always there: `null`
//! or an empty list where there is nothing to say.

use serde::Serialize;

use super::Report;
use super::diagnostic::{Diagnostic, Label, Part, Severity};
use super::report::plain;

/// A stretch of a file. Lines and columns count from 1, columns in characters.
#[derive(Debug, Serialize)]
pub struct Place {
    /// The path, as it was asked for.
    file: String,
    /// Line of the first character.
    line: usize,
    /// Its column.
    column: usize,
    /// Line of what comes after the last character.
    end_line: usize,
    /// Its column.
    end_column: usize,
    /// What is said of this place; may be empty.
    text: String,
}

/// One place of the way that a text took, from where it is shown.
#[derive(Debug, Serialize)]
struct Step {
    /// `include` or `variable`.
    by: &'static str,
    #[serde(flatten)]
    place: Place,
}

/// One remark.
#[derive(Debug, Serialize)]
pub struct Listed {
    /// Stable: `ipvsctl explain` tells about it.
    code: &'static str,
    /// `error`, `warning` or `note`.
    severity: String,
    /// What a daemon does with what it is about: `refused` (it does not start, and at a reload keeps what it has), `otherwise`
    /// (it runs, and this does not take effect as written: `help` says what happens), or `as-written`.
    effect: &'static str,
    /// What is wrong, as a sentence.
    message: String,
    /// Where, if anywhere.
    place: Option<Place>,
    /// Other places that have to do with it.
    related: Vec<Place>,
    /// The way that the text came: through which variables, by which `include`.
    path: Vec<Step>,
    /// What will come of it, and what to write instead.
    help: Vec<String>,
}

/// All remarks, counted.
#[derive(Debug, Serialize)]
pub struct Listing {
    /// How many errors.
    errors: usize,
    /// How many warnings.
    warnings: usize,
    /// How many notes.
    notes: usize,
    /// Not 0: there was so much to say that the rest was given up.
    not_shown: usize,
    /// Each, in the order of the text.
    remarks: Vec<Listed>,
}

impl Listing {
    /// All that a report says.
    #[must_use]
    pub fn of(report: &Report) -> Self {
        Self {
            errors: report.count(Severity::Error),
            warnings: report.count(Severity::Warning),
            notes: report.count(Severity::Note),
            not_shown: report.dropped(),
            remarks: report.diagnostics().iter().map(|diagnostic| listed(report, diagnostic)).collect(),
        }
    }
}

fn listed(report: &Report, diagnostic: &Diagnostic) -> Listed {
    let place = |label: &Label| {
        let (start, end) = (report.files().position(label.span), report.files().end_position(label.span));
        Place {
            file: report.files().path(label.span.file).display().to_string(),
            line: start.line,
            column: start.column,
            end_line: end.line,
            end_column: end.column,
            text: plain(&label.text),
        }
    };
    let mut related = Vec::new();
    let mut path = Vec::new();
    for label in &diagnostic.secondary {
        match label.part {
            Part::Subject => related.push(place(label)),
            Part::Variable => path.push(Step { by: "variable", place: place(label) }),
            Part::Include => path.push(Step { by: "include", place: place(label) }),
        }
    }
    Listed {
        code: diagnostic.code.as_str(),
        severity: diagnostic.severity.to_string(),
        effect: diagnostic.severity.effect(),
        message: plain(&diagnostic.message),
        place: diagnostic.primary.as_ref().map(place),
        related,
        path,
        help: diagnostic.help.iter().map(|text| plain(text)).collect(),
    }
}
