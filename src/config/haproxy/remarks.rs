//! What is said of a section: kept until it is known whether the section is converted at all.

use std::collections::BTreeMap;

use super::lexer::Word;
use super::words::{Fate, Idle};
use crate::config::diagnostic::{Code, Diagnostic, Severity};
use crate::config::report::Report;
use crate::config::source::{Files, Span};
use crate::config::suggest;

/// No more is kept of one section.
const MOST: usize = 1_000;
/// No more lines are named in one remark.
pub(super) const MOST_NAMED: usize = 60;

/// What is said of one section.
#[derive(Debug, Clone, Default)]
pub(super) struct Remarks {
    said: Vec<Diagnostic>,
    idle: BTreeMap<Idle, Vec<(String, Span)>>,
    idle_count: usize,
}

/// As much of a text as a sentence bears.
pub(super) fn shown(text: &str) -> String {
    text.chars().take(60).collect()
}

impl Remarks {
    pub(super) fn say(&mut self, diagnostic: Diagnostic) {
        if self.said.len() < MOST {
            self.said.push(diagnostic);
        }
    }

    /// What becomes of a word that no code reads.
    pub(super) fn fate(&mut self, fate: Fate, what: &str, span: Span) {
        let what = shown(what);
        match fate {
            Fate::Read => {}
            Fate::Idle(idle) if self.idle_count < MOST => {
                self.idle_count += 1;
                self.idle.entry(idle).or_default().push((what, span));
            }
            Fate::Idle(_) => {}
            Fate::Cannot(instead) => {
                self.say(Diagnostic::warning(Code::BeyondIpvs, span, format!("IPVS has no `{what}`")).help(instead));
            }
            Fate::Decide(instead) => self.decide(span, format!("IPVS has no `{what}`"), instead),
            Fate::NotYet(instead) => {
                self.say(Diagnostic::warning(Code::NotYet, span, format!("`{what}` is not done yet")).help(instead));
            }
        }
    }

    /// Something that a person has to decide.
    pub(super) fn decide(&mut self, span: Span, message: String, help: impl Into<String>) {
        self.say(Diagnostic::error(Code::Undecided, span, message).help(help));
    }

    /// Something that becomes another thing, which is near.
    pub(super) fn nearly(&mut self, span: Span, message: impl Into<String>, help: impl Into<String>) {
        self.say(Diagnostic::warning(Code::Approximate, span, message).help(help));
    }

    /// A word that nobody knows.
    pub(super) fn unknown(&mut self, word: &Word, place: &str, known: impl Iterator<Item = &'static str>) {
        if self.said.len() >= MOST {
            return;
        }
        let near = suggest::did_you_mean(&word.text, known);
        let message = format!("unknown word `{}` {place}", shown(&word.text));
        self.say(
            Diagnostic::error(Code::UnknownWord, word.span, message)
                .help_if(near)
                .help("haproxy 2.6 has no such word; what it asks for is left out"),
        );
    }

    /// A value that cannot be.
    pub(super) fn bad(&mut self, what: &str, value: &Word, expected: &str) {
        self.say(
            Diagnostic::error(Code::BadValue, value.span, format!("`{what}` cannot be `{}`", shown(&value.text)))
                .mark(format!("expected {expected}")),
        );
    }

    /// A word without what must follow it.
    pub(super) fn missing(&mut self, word: &Word, expected: &str) {
        let message = format!("`{}` has no value", shown(&word.text));
        self.say(Diagnostic::error(Code::MissingValue, word.span, message).mark(format!("expected {expected}")));
    }

    /// The lines that ask for what IPVS cannot do, HTTP above all, in the order of the text; for a section that is left to
    /// haproxy for that reason.
    pub(super) fn beyond(&self, files: &Files) -> Vec<(String, Span)> {
        let content =
            [Idle::Http, Idle::Content].into_iter().filter_map(|idle| self.idle.get(&idle)).flatten().cloned();
        let lost = |code| matches!(code, Code::BeyondIpvs | Code::Undecided | Code::NotYet);
        let said = self.said.iter().filter(|said| lost(said.code)).filter_map(|said| said.primary.as_ref());
        let mut lines: Vec<_> = content.chain(said.map(|label| (shown(files.slice(label.span)), label.span))).collect();
        lines.sort_by_key(|(_, span)| *span);
        lines
    }

    /// Says all of it.
    pub(super) fn tell(self, report: &mut Report) {
        for diagnostic in self.said {
            report.add(diagnostic);
        }
        for (idle, lines) in self.idle {
            let Some((_, first)) = lines.first() else { continue };
            let message = format!("without effect: {}", named(&lines, report.files()));
            let mut note = Diagnostic::new(Severity::Note, Code::WithoutEffect, *first, message).help(idle.reason());
            for (_, span) in lines.iter().skip(1).take(MOST_NAMED) {
                note = note.and(*span, "");
            }
            report.add(note);
        }
    }
}

/// `mode` (3), `bind` (4) and 12 more: words and the lines that they stand in.
pub(super) fn named(lines: &[(String, Span)], files: &Files) -> String {
    let told: Vec<String> = lines
        .iter()
        .take(MOST_NAMED)
        .map(|(what, span)| format!("`{what}` ({})", files.position(*span).line))
        .collect();
    match lines.len() - told.len() {
        0 => told.join(", "),
        more => format!("{} and {more} more", told.join(", ")),
    }
}
