//! Files to a [`Tree`]: lines, conditions, definitions, includes, and the pairing of braces.
//!
//! keepalived mis-nests after an unknown block or a forgotten brace and then loses words that are perfectly good. Here
//! braces are paired first and understood afterwards: an unknown block is one statement that is skipped whole, and where a
//! brace is missing, indentation tells which.

use std::ops::Range;
use std::path::{Component, Path, PathBuf};

use super::super::diagnostic::{Code, Diagnostic};
use super::super::report::Report;
use super::super::source::{FileId, Sources, Span};
use super::super::{Context, decode};
use super::expand::{self, Variables};
use super::keywords::{self, Place};
use super::lexer::{self, Kind, Lexer};
use super::nesting::Open;
use super::tree::Tree;

/// Includes may include this deep.
const DEEPEST_INCLUDE: usize = 16;
/// Files that are read in all: two that include each other twice over would otherwise be read 65,536 times.
const MOST_FILES: usize = 2_000;
/// A text with this many unknown words outside all blocks is no keepalived.conf.
const MOST_STRANGERS: usize = 500;
/// Statements that are kept: a hundred times the largest file that is known to be in use.
const MOST_STATEMENTS: usize = 4_000_000;

/// Reads files into a tree.
pub(super) struct Reading<'w> {
    sources: &'w dyn Sources,
    context: &'w Context,
    pub(super) report: &'w mut Report,
    pub(super) tree: Tree,
    variables: Variables,
    pub(super) open: Vec<Open>,
    /// A statement that a `{` would belong to.
    pub(super) pending: Option<usize>,
    /// The statement that the next word of this line belongs to.
    pub(super) statement: Option<usize>,
    /// The first block whose closing brace stood under another column than its opening line.
    pub(super) suspect: Option<(Open, Span)>,
    files: Vec<PathBuf>,
    strangers: usize,
    pub(super) stopped: bool,
    mixed_blanks: Option<Span>,
}

/// Everything that a file and its includes say.
pub(super) fn read(path: &Path, id: FileId, sources: &dyn Sources, context: &Context, report: &mut Report) -> Tree {
    let mut reading = Reading {
        sources,
        context,
        report,
        tree: Tree::default(),
        variables: Variables::default(),
        open: Vec::new(),
        pending: None,
        statement: None,
        suspect: None,
        files: Vec::new(),
        strangers: 0,
        stopped: false,
        mixed_blanks: None,
    };
    reading.file(path, id);
    reading.finish();
    reading.tree
}

impl Reading<'_> {
    fn file(&mut self, path: &Path, id: FileId) {
        let text = self.report.files().shared(id);
        self.tree.add_text(text.clone());
        self.files.push(path.to_owned());
        let outer = std::mem::replace(
            &mut self.variables.folder,
            path.parent().map_or_else(String::new, |folder| folder.display().to_string()),
        );
        let mut at = 0;
        while at < text.len() && !self.stopped && !self.report.is_full() {
            let end = line_end(&text, at);
            at = self.line(id, &text, at..end);
        }
        self.variables.folder = outer;
        self.files.pop();
    }

    /// One line; gives the start of the next.
    fn line(&mut self, file: FileId, text: &str, range: Range<usize>) -> usize {
        self.statement = None;
        let next = range.end + 1;
        let line = text.get(range.clone()).unwrap_or("");
        let body = line.trim_start_matches(|c: char| c.is_whitespace() || c == lexer::MARK);
        let start = range.end - body.len();
        let indent = line.len() - body.len();
        match body.bytes().next() {
            None | Some(b'#' | b'!') => {}
            Some(b'@') => {
                let (id, rest) = body.split_once(char::is_whitespace).unwrap_or((body, ""));
                let id = id.strip_prefix('@').unwrap_or(id);
                let kept = match id.strip_prefix('^') {
                    Some(other) => other != self.context.config_id,
                    None => id == self.context.config_id,
                };
                if kept {
                    return self.line(file, text, range.end - rest.len()..range.end);
                }
            }
            Some(b'$') if expand::definition(body).is_some() => return self.definition(text, start),
            Some(b'~') => self.sequence(file, body, start),
            Some(b'i') if body.starts_with("include") && self.include(file, body, start) => {}
            Some(_) => self.statements(file, line, range.start, indent),
        }
        next
    }

    fn statements(&mut self, file: FileId, line: &str, at: usize, indent: usize) {
        let sources = self.sources;
        match self.variables.expand(line, &|name| sources.variable(name)) {
            Ok(None) => self.tokens(line, indent, &|range| Span::new(file, at + range.start..at + range.end), false),
            Ok(Some(expanded)) => {
                let place = |base: usize, range: Range<usize>| {
                    let from = expanded.origin(&(base + range.start..base + range.end));
                    Span::new(file, at + from.start..at + from.end)
                };
                let mut base = 0;
                for part in expanded.text.split('\n') {
                    self.statement = None;
                    self.tokens(part, indent, &|range| place(base, range), true);
                    base += part.len() + 1;
                }
            }
            Err(endless) => {
                let span = Span::new(file, at + endless.at.start..at + endless.at.end);
                self.report.add(
                    Diagnostic::error(Code::Expansion, span, "this variable's expansion has no end")
                        .mark("it leads back to itself, or grows past all bounds")
                        .help("the line is left out; see what the definitions of the variables say"),
                );
            }
        }
    }

    fn tokens(&mut self, line: &str, indent: usize, place: &dyn Fn(Range<usize>) -> Span, expanded: bool) {
        let mut lexer = Lexer::new(line);
        for token in lexer.by_ref() {
            let span = place(token.range.clone());
            let text = || line.get(token.range.clone()).unwrap_or("");
            match token.kind {
                Kind::Word { quoted, escaped } => {
                    let owned = match (escaped, expanded) {
                        (true, _) => Some(lexer::unescaped(text())),
                        (false, true) => Some(text().to_owned()),
                        (false, false) => None,
                    };
                    self.word(span, owned, quoted, indent, text());
                }
                Kind::Unquoted => {
                    self.report.add(
                        Diagnostic::warning(Code::Quote, span, "this quote is never closed")
                            .mark("taken to the end of the line")
                            .help("put a `\"` where the value ends"),
                    );
                    self.word(span, expanded.then(|| text().to_owned()), true, indent, text());
                }
                Kind::Open => self.open(span, indent),
                Kind::Close => self.close(span, indent),
            }
            if self.stopped {
                return;
            }
        }
        if let (Some(at), None) = (lexer.odd_blank, self.mixed_blanks) {
            let span = place(at..at + line.get(at..).and_then(|rest| rest.chars().next()).map_or(1, char::len_utf8));
            self.mixed_blanks = Some(span);
            self.report.add(
                Diagnostic::warning(Code::Lookalike, span, "this blank is not a space")
                    .mark("a no-break space or its like, as web pages have")
                    .help("taken as a space here; keepalived takes it as part of the word. Replace it, and any others"),
            );
        }
    }

    fn word(&mut self, span: Span, owned: Option<String>, quoted: bool, indent: usize, text: &str) {
        if self.statement.is_none() {
            if self.tree.len() >= MOST_STATEMENTS {
                self.give_up(span, "there are more statements than any configuration has");
                return;
            }
            if self.open.is_empty() && keywords::find(Place::Root, text).is_none() {
                self.strangers += 1;
                if self.strangers > MOST_STRANGERS {
                    self.give_up(span, "this is not a keepalived.conf");
                    return;
                }
            }
            if !self.open.is_empty() && keywords::is_only_at_root(text) {
                self.missing_brace(span, text, indent);
            }
            self.statement = Some(self.tree.begin());
            self.pending = self.statement;
        }
        self.tree.word(span, owned, quoted);
    }

    fn give_up(&mut self, span: Span, why: &str) {
        self.stopped = true;
        self.report.add(
            Diagnostic::error(Code::Hopeless, span, why)
                .mark("reading stops here")
                .help("check that the right file was named; a TOML file must end in `.toml`"),
        );
    }

    /// `$NAME=value`, over more lines where each ends in a backslash; gives the start of the next line.
    fn definition(&mut self, text: &str, start: usize) -> usize {
        let mut at = start;
        let mut value = String::new();
        let mut name = "";
        loop {
            let end = line_end(text, at);
            let mut line = text.get(at..end).unwrap_or("");
            if name.is_empty() {
                let (found, skip) = expand::definition(line).unwrap_or(("", 0));
                name = found;
                line = line.get(skip..).unwrap_or("");
            }
            let line = line.trim_end();
            match line.strip_suffix('\\') {
                Some(more) if end < text.len() => {
                    if !value.is_empty() || !more.trim().is_empty() {
                        value.push_str(more);
                        value.push('\n');
                    }
                    at = end + 1;
                }
                _ => {
                    value.push_str(line);
                    self.variables.define(name, value);
                    return end + 1;
                }
            }
        }
    }

    /// `~SEQ(...)` and `~LST(...)`: kept as one word, so that the table can speak of it.
    fn sequence(&mut self, file: FileId, body: &str, start: usize) {
        let end = start + body.trim_end().len();
        self.report.add(
            Diagnostic::warning(Code::NotYet, Span::new(file, start..end), "`~SEQ` and `~LST` are not done yet")
                .help("the line is left out; write out what it would repeat"),
        );
    }

    /// Whether the line is an `include`.
    fn include(&mut self, file: FileId, body: &str, start: usize) -> bool {
        let mut words = Lexer::new(body).filter(|token| matches!(token.kind, Kind::Word { .. } | Kind::Unquoted));
        let Some(keyword) = words.next() else { return false };
        let name = body.get(keyword.range.clone()).unwrap_or("");
        if !["include", "includer", "includem", "includew", "includeb", "includea"].contains(&name) {
            return false;
        }
        let Some(argument) = words.next() else {
            let span = Span::new(file, start..start + name.len());
            self.report.add(Diagnostic::error(Code::MissingValue, span, format!("`{name}` lacks a file name")));
            return true;
        };
        let span = Span::new(file, start + argument.range.start..start + argument.range.end);
        let pattern = body.get(argument.range).unwrap_or("");
        let folder = self.files.last().and_then(|path| path.parent()).unwrap_or(Path::new("")).to_owned();
        // One spelling for each file, so that a loop is seen at its first turn.
        let wanted: PathBuf = folder.join(pattern).components().filter(|part| *part != Component::CurDir).collect();
        let is_glob = pattern.contains(['*', '?', '[', '{']);
        let found = if is_glob { self.sources.glob(&wanted.to_string_lossy()) } else { vec![wanted] };
        if found.is_empty() {
            self.report.add(
                Diagnostic::note(Code::IncludeMissing, span, format!("no file matches `{pattern}`"))
                    .help("nothing is included, as in keepalived"),
            );
        }
        for path in found {
            self.included(&path, span, name == "include");
        }
        true
    }

    fn included(&mut self, path: &Path, span: Span, lenient: bool) {
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
                let missing = error == super::super::SourceError::Missing;
                let message = format!("cannot read `{shown}`: {error}");
                self.report.add(if lenient && missing {
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
                self.file(path, id);
                self.statement = None;
            }
            Err(diagnostic) => self.report.add(diagnostic),
        }
    }
}

fn line_end(text: &str, from: usize) -> usize {
    text.as_bytes().get(from..).and_then(|rest| rest.iter().position(|b| *b == b'\n')).map_or(text.len(), |n| from + n)
}
