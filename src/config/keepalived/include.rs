//! `include`: other files in the middle of this one.

use std::path::{Component, Path, PathBuf};

use super::super::decode;
use super::super::diagnostic::{Code, Diagnostic};
use super::super::source::{SourceError, Span};
use super::lexer;
use super::read::Reading;
use super::traced::Traced;

/// Includes may include this deep.
const DEEPEST_INCLUDE: usize = 16;
/// Files that are read in all: two that include each other twice over would otherwise be read 65,536 times.
const MOST_FILES: usize = 2_000;
/// Choices of a pattern's braces that are looked at one by one.
const MOST_CHOICES: usize = 1_000;

/// What an include insists on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Strict {
    /// A file that is named as it is.
    file: bool,
    /// At least one that fits a pattern.
    wildcard: bool,
    /// One for each choice in braces.
    brace: bool,
}

impl Strict {
    /// By the word that is written; plain `include` does as it was told before.
    fn of(word: &str, plain: Self) -> Option<Self> {
        let nothing = Self::default();
        Some(match word {
            "include" => plain,
            // A file that cannot be read is an error whatever the word; one that is missing is not one that cannot be read.
            "includer" => nothing,
            "includem" => Self { file: true, ..nothing },
            "includew" => Self { file: true, wildcard: true, ..nothing },
            "includeb" => Self { file: true, brace: true, ..nothing },
            "includea" => Self { file: true, wildcard: true, brace: true },
            _ => return None,
        })
    }

    /// `include_check [+|-]WHAT...`; without words everything.
    pub(super) fn told(mut self, words: &str) -> Self {
        let all = Self { file: true, wildcard: true, brace: true };
        if words.split_whitespace().next().is_none() {
            return all;
        }
        if !words.trim_start().starts_with(['+', '-']) {
            self = Self::default();
        }
        for word in words.split_whitespace() {
            let wanted = !word.starts_with('-');
            match word.trim_start_matches(['+', '-']) {
                "match" => self.file = wanted,
                "wildcard_match" => self.wildcard = wanted,
                "brace_match" => self.brace = wanted,
                _ => {}
            }
        }
        self
    }
}

/// The choices of the first braces of a pattern, each as a pattern.
fn choices(pattern: &str) -> Option<impl Iterator<Item = String>> {
    let (before, rest) = pattern.split_once('{')?;
    let (inside, after) = rest.split_once('}')?;
    Some(inside.split(',').take(MOST_CHOICES).map(move |choice| format!("{before}{choice}{after}")))
}

impl Reading<'_> {
    /// Whether the line is an `include`.
    pub(super) fn include(&mut self, line: &Traced, start: usize) -> bool {
        let body = line.text().get(start..).unwrap_or("");
        let length = body.find(char::is_whitespace).unwrap_or(body.len());
        let word = body.get(..length).unwrap_or("").to_owned();
        let Some(strict) = Strict::of(&word, self.strict) else { return false };
        let Some(at) = line.place(&(start..start + length)) else { return false };
        let argument = line.slice(start + length..start + lexer::uncommented(body).max(length));
        let sources = self.sources;
        let argument = match self.variables.expand(&argument, self.report.files_mut(), sources) {
            Ok(Some(expanded)) if expanded.rest.is_empty() => expanded.line,
            Ok(_) | Err(_) => argument,
        };
        let text = argument.text();
        // What follows the word is one name, blanks and all.
        let name = text.trim();
        let before = text.len() - text.trim_start().len();
        let Some(span) = argument.place(&(before..before + name.len())).filter(|_| !name.is_empty()) else {
            self.report.add(Diagnostic::error(Code::MissingValue, at, format!("`{word}` lacks a file name")));
            return true;
        };
        let name = name.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(name);
        let folder = self.files.last().and_then(|path| path.parent()).unwrap_or(Path::new("")).to_owned();
        // One spelling for each file, so that a loop is seen at its first turn.
        let wanted: PathBuf = folder.join(name).components().filter(|part| *part != Component::CurDir).collect();
        let pattern = wanted.to_string_lossy().into_owned();
        let is_glob = name.contains(['*', '?', '[', '{']);
        let found = if is_glob { self.sources.glob(&pattern) } else { vec![wanted] };
        let lacking = match choices(&pattern) {
            Some(mut choices) if strict.brace => choices.find(|choice| self.sources.glob(choice).is_empty()),
            Some(_) | None => None,
        };
        if let Some(lacking) = lacking {
            self.report.add(
                Diagnostic::error(Code::IncludeMissing, span, format!("no file matches `{lacking}`"))
                    .help(format!("`{word}` insists on a file for each choice in the braces; `include` does not")),
            );
        } else if found.is_empty() {
            let message = format!("no file matches `{name}`");
            self.report.add(if strict.wildcard {
                Diagnostic::error(Code::IncludeMissing, span, message)
                    .help(format!("`{word}` insists on at least one; `include` does not"))
            } else {
                Diagnostic::note(Code::IncludeMissing, span, message).help("nothing is included, as in keepalived")
            });
        }
        for path in found {
            self.included(&path, span, strict);
        }
        true
    }

    fn included(&mut self, path: &Path, span: Span, strict: Strict) {
        let shown = path.display();
        if self.files.iter().any(|open| open == path) {
            self.report.add(
                Diagnostic::error(Code::IncludeLoop, span, format!("`{shown}` includes itself"))
                    .mark("leads back to a file that is being read")
                    .help("it is not read again; remove one of the includes"),
            );
            return;
        }
        if self.files.len() >= DEEPEST_INCLUDE {
            self.report.add(
                Diagnostic::error(Code::IncludeLoop, span, format!("files include each other {DEEPEST_INCLUDE} deep"))
                    .help("this one is not read; a chain so long is most likely a loop"),
            );
            return;
        }
        if self.report.files().len() >= MOST_FILES {
            self.give_up(span, "more files are included than any configuration has");
            return;
        }
        let bytes = match self.sources.read(path) {
            Ok(bytes) => bytes,
            Err(error) => {
                let missing = error == SourceError::Missing;
                let message = format!("cannot read `{shown}`: {error}");
                self.report.add(if missing && !strict.file {
                    Diagnostic::warning(Code::IncludeMissing, span, message)
                        .help("nothing is included, as in keepalived, which does not even say so")
                } else {
                    Diagnostic::error(Code::Unreadable, span, message).help(error.remedy())
                });
                return;
            }
        };
        match decode::text(bytes, path, self.report) {
            Ok(id) => {
                self.report.files_mut().set_included(id, span);
                self.file(path, id);
                self.statement = None;
            }
            Err(diagnostic) => self.report.add(diagnostic),
        }
    }
}
