//! `include`: other files in the middle of this one.
//!
//! keepalived reads regular files that nobody may execute, and steps over all else that an `include` finds: a script beside
//! the configuration, a folder, a device. What it steps over, a strict include does not bear.

use std::path::{Component, Path, PathBuf};

use super::super::decode;
use super::super::diagnostic::{Code, Diagnostic, Severity};
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
    /// That nothing of what is found is stepped over.
    readable: bool,
    /// A file that is named as it is.
    file: bool,
    /// At least one that fits a pattern.
    wildcard: bool,
    /// One for each choice in braces.
    brace: bool,
}

impl Strict {
    const NOTHING: Self = Self { readable: false, file: false, wildcard: false, brace: false };
    const ALL: Self = Self { readable: true, file: true, wildcard: true, brace: true };

    /// By the word that is written: plain `include` does as it was told before, the others ask for more.
    fn of(word: &str, plain: Self) -> Option<Self> {
        let readable = Self { readable: true, ..plain };
        Some(match word {
            "include" => plain,
            "includer" => readable,
            "includem" => Self { file: true, ..readable },
            "includew" => Self { file: true, wildcard: true, ..readable },
            "includeb" => Self { brace: true, ..readable },
            "includea" => Self::ALL,
            _ => return None,
        })
    }

    /// `include_check [+|-]WHAT...`; without words everything. The first word says all that holds, unless it has a sign, and
    /// what is no demand changes nothing.
    pub(super) fn told(mut self, words: &str) -> Self {
        let mut words = words.split_whitespace();
        let Some(first) = words.next() else { return Self::ALL };
        match first.strip_prefix(['+', '-']) {
            Some(demand) => drop(self.demand(demand, first.starts_with('+'))),
            None => {
                let mut anew = Self { readable: true, ..Self::NOTHING };
                if !anew.demand(first, true) {
                    return self.signed(words);
                }
                self = anew;
            }
        }
        self.signed(words)
    }

    /// Words with signs; the others are not heard after the first.
    fn signed<'w>(mut self, words: impl Iterator<Item = &'w str>) -> Self {
        for word in words {
            if let Some(demand) = word.strip_prefix(['+', '-']) {
                self.demand(demand, word.starts_with('+'));
            }
        }
        self
    }

    /// Sets what a word names; `false`: nothing.
    fn demand(&mut self, word: &str, wanted: bool) -> bool {
        match word {
            "readable" => self.readable = wanted,
            "match" => self.file = wanted,
            "wildcard_match" => self.wildcard = wanted,
            "brace_match" => self.brace = wanted,
            _ => return false,
        }
        true
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
            let message = format!("`{word}` lacks a file name");
            self.report.add(if word == "include" {
                Diagnostic::warning(Code::MissingValue, at, message).help("the line is ignored, as in keepalived")
            } else {
                Diagnostic::error(Code::MissingValue, at, message).help("an include of this kind insists on its files")
            });
            return true;
        };
        let name = name.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(name);
        let folder = self.files.last().and_then(|path| path.parent()).unwrap_or(Path::new("")).to_owned();
        // One spelling for each file, so that a loop is seen at its first turn.
        let wanted: PathBuf = folder.join(name).components().filter(|part| *part != Component::CurDir).collect();
        let pattern = wanted.to_string_lossy().into_owned();
        let is_wild = name.contains(['*', '?', '[']);
        let found = if is_wild || name.contains('{') { self.sources.glob(&pattern) } else { vec![wanted] };
        let lacking = match choices(&pattern) {
            // keepalived asks no more of a pattern in braces than that all of it finds something.
            Some(mut choices) if !is_wild => choices.find(|choice| self.sources.glob(choice).is_empty()),
            Some(_) | None => None,
        };
        if let Some(lacking) = lacking {
            let message = format!("no file matches `{lacking}`");
            self.report.add(if strict.brace {
                Diagnostic::error(Code::IncludeMissing, span, message)
                    .help(format!("`{word}` insists on a file for each choice in the braces{}", told(&word)))
            } else {
                Diagnostic::note(Code::IncludeMissing, span, message)
                    .help("what there is of the other choices is included, as in keepalived")
            });
        } else if found.is_empty() {
            let message = format!("no file matches `{name}`");
            self.report.add(if strict.wildcard {
                Diagnostic::error(Code::IncludeMissing, span, message)
                    .help(format!("`{word}` insists on at least one{}", told(&word)))
            } else {
                Diagnostic::note(Code::IncludeMissing, span, message).help("nothing is included, as in keepalived")
            });
        }
        let by = By { span, strict, folder: &folder, named: !is_wild };
        for path in found {
            self.included(&path, by);
        }
        true
    }

    fn included(&mut self, path: &Path, by: By<'_>) {
        let By { span, strict, folder, named: _ } = by;
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
        if self.sources.is_executable(path) {
            let remedy = "take the right to execute it away: `chmod a-x`";
            self.step_over(path, "it may be executed", remedy, Severity::Warning, by);
            return;
        }
        let bytes = match self.sources.read(path) {
            Ok(bytes) => bytes,
            Err(error @ SourceError::Folder) => {
                let remedy = "to include what is in it, name its files: `/*` at the end does";
                // Nobody means the folders that fit a pattern.
                let severity = if by.named { Severity::Warning } else { Severity::Note };
                self.step_over(path, &error.to_string(), remedy, severity, by);
                return;
            }
            Err(error @ SourceError::Special) => {
                self.step_over(path, &error.to_string(), error.remedy(), Severity::Warning, by);
                return;
            }
            Err(SourceError::Missing) => {
                let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
                let from =
                    format!("the path is taken from the including file's folder on, which is `{}`", folder.display());
                let message = format!("cannot read `{shown}`: {}", SourceError::Missing);
                self.report.add(if strict.file {
                    Diagnostic::error(Code::Unreadable, span, message).help(from)
                } else {
                    Diagnostic::warning(Code::IncludeMissing, span, message)
                        .help("nothing is included, as in keepalived, which goes on without it")
                        .help(from)
                });
                return;
            }
            Err(error) => {
                let message = format!("cannot read `{shown}`: {error}");
                self.report.add(
                    Diagnostic::error(Code::Unreadable, span, message)
                        .help(error.remedy())
                        .help("keepalived would go on without what stands in it"),
                );
                return;
            }
        };
        match decode::text(bytes, path, self.report) {
            Ok(id) => {
                self.report.files_mut().set_included(id, span);
                // What an included file makes of it holds there.
                let plain = self.strict;
                self.file(path, id);
                self.strict = plain;
                self.statement = None;
            }
            Err(diagnostic) => self.report.add(diagnostic),
        }
    }

    /// keepalived goes on without such a file, unless the include is strict.
    fn step_over(&mut self, path: &Path, why: &str, remedy: &str, severity: Severity, by: By<'_>) {
        let message = format!("`{}` is not included: {why}", path.display());
        let (severity, effect) = if by.strict.readable {
            (Severity::Error, "a strict include, or one after `include_check`, insists on reading all that it finds")
        } else {
            (severity, "stepped over, as in keepalived, which reads regular files that nobody may execute")
        };
        self.report.add(Diagnostic::new(severity, Code::NotRead, by.span, message).help(effect).help(remedy));
    }
}

/// The `include` that a file comes by.
#[derive(Debug, Clone, Copy)]
struct By<'i> {
    /// What it names.
    span: Span,
    strict: Strict,
    /// The including file's folder.
    folder: &'i Path,
    /// It names its file, without a pattern.
    named: bool,
}

/// Why a plain `include` insists on something.
fn told(word: &str) -> &'static str {
    if word == "include" { ", by `include_check`" } else { "; `include` does not" }
}
