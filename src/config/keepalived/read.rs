//! Files to a [`Tree`]: lines, conditions, definitions, includes, and the pairing of braces.
//!
//! keepalived mis-nests after an unknown block or a forgotten brace and then loses words that are perfectly good. Here
//! braces are paired first and understood afterwards: an unknown block is one statement that is skipped whole, and where a
//! brace is missing, indentation tells which.

use std::ops::Range;
use std::path::{Path, PathBuf};

use super::super::Context;
use super::super::diagnostic::{Code, Diagnostic};
use super::super::report::Report;
use super::super::source::{FileId, Sources, Span};
use super::expand::{self, DEEPEST, Endless, Variables};
use super::include::Strict;
use super::lexer;
use super::nesting::Open;
use super::sequence;
use super::statements::OddBlanks;
use super::traced::Traced;
use super::tree::Tree;

/// Bytes that variables and repetitions may make out of a file, each line counted as many more: a quarter of a million lines.
const MOST_MADE: usize = 64 << 20;
/// What a line costs beside its bytes.
const LINE_COST: usize = 256;

/// So many bytes of a line keepalived reads at once.
const LONGEST_LINE: usize = 1_023;

/// Reads files into a tree.
pub(super) struct Reading<'w> {
    pub(super) sources: &'w dyn Sources,
    context: &'w Context,
    pub(super) report: &'w mut Report,
    pub(super) tree: Tree,
    pub(super) variables: Variables,
    /// What plain `include` insists on.
    pub(super) strict: Strict,
    /// Bytes that variables and repetitions have made.
    made: usize,
    pub(super) open: Vec<Open>,
    /// A statement that a `{` would belong to, and the column of the first word of its line.
    pub(super) pending: Option<(usize, usize)>,
    /// The statement that the next word of this line belongs to.
    pub(super) statement: Option<usize>,
    /// The first block whose closing brace stood under another column than its opening line.
    pub(super) suspect: Option<(Open, Span)>,
    /// How often a missing brace was looked for.
    pub(super) guesses: u8,
    /// The files that are being read, each included by the one before it.
    pub(super) files: Vec<PathBuf>,
    /// The same by their numbers.
    pub(super) reading: Vec<FileId>,
    pub(super) strangers: usize,
    pub(super) stopped: bool,
    pub(super) odd_blanks: OddBlanks,
}

/// Everything that a file and its includes say.
pub(super) fn read(path: &Path, id: FileId, sources: &dyn Sources, context: &Context, report: &mut Report) -> Tree {
    let mut reading = Reading {
        sources,
        context,
        report,
        tree: Tree::default(),
        variables: Variables::new(&context.config_id),
        strict: Strict::default(),
        made: 0,
        open: Vec::new(),
        pending: None,
        statement: None,
        suspect: None,
        guesses: 0,
        files: Vec::new(),
        reading: Vec::new(),
        strangers: 0,
        stopped: false,
        odd_blanks: OddBlanks::default(),
    };
    reading.file(path, id);
    // Its last block may end with it.
    reading.reading.push(id);
    reading.finish();
    reading.tree
}

impl Reading<'_> {
    pub(super) fn file(&mut self, path: &Path, id: FileId) {
        let text = self.report.files().shared(id);
        self.tree.add_text(text.clone());
        self.files.push(path.to_owned());
        self.reading.push(id);
        let outer = std::mem::replace(
            &mut self.variables.folder,
            path.parent().map_or_else(String::new, |folder| folder.display().to_string()),
        );
        self.foreign_ends(id, &text);
        let mut at = 0;
        while at < text.len() && !self.stopped && !self.report.is_full() {
            let end = line_end(&text, at);
            self.long_line(id, at..end);
            at = self.line(id, &text, at..end);
        }
        self.variables.folder = outer;
        self.files.pop();
        self.reading.pop();
    }

    /// What editors of other systems put before the first word and after each line, and what keepalived makes of it.
    fn foreign_ends(&mut self, file: FileId, text: &str) {
        if text.starts_with(lexer::MARK) {
            let span = Span::new(file, 0..lexer::MARK.len_utf8());
            self.report.add(
                Diagnostic::note(Code::Encoding, span, "the file begins with a byte-order mark (U+FEFF)")
                    .mark("stepped over")
                    .help("keepalived takes it for part of the first word, and loses the line or the block that begins so")
                    .help("save the file as UTF-8 without it: `sed -i '1s/^\\xEF\\xBB\\xBF//' FILE`"),
            );
        }
        // One at the very end parts nothing.
        let parting = text.trim_end().find('\r').filter(|_| !text.contains('\n'));
        if let Some(at) = parting {
            self.report.add(
                Diagnostic::warning(
                    Code::Encoding,
                    Span::new(file, at..at + 1),
                    "the lines of this file end in a carriage return (CR) alone",
                )
                .mark("the first of them; taken for a blank, as in keepalived")
                .help("so the whole file is one line: `tr '\\r' '\\n' < OLD > NEW` makes lines of it"),
            );
        }
    }

    /// keepalived reads lines into a buffer of its own, and takes what does not fit for another line.
    fn long_line(&mut self, file: FileId, line: Range<usize>) {
        let files = self.report.files();
        // Blanks at the end come to an empty line.
        if line.len() <= LONGEST_LINE
            || files.text(file).get(line.clone()).is_some_and(|it| it.trim_end().len() <= LONGEST_LINE)
        {
            return;
        }
        let cut = line.start + LONGEST_LINE;
        // In the midst of a character there is no place to show.
        let cut = files.text(file).floor_char_boundary(cut);
        self.report.add(
            Diagnostic::warning(Code::LongLine, Span::new(file, cut..cut), "this line is longer than keepalived reads")
                .mark("there it cuts the line, and takes the rest for the next one")
                .help(format!("read as one line here, of {} bytes; {LONGEST_LINE} are the most", line.len())),
        );
    }

    /// One line as it stands in a file; gives the start of the next.
    fn line(&mut self, file: FileId, text: &str, range: Range<usize>) -> usize {
        self.statement = None;
        let mut next = range.end + 1;
        let line = text.get(range.clone()).unwrap_or("");
        let body = line.trim_start_matches(|c: char| c.is_whitespace() || c == lexer::MARK);
        let indent = line.len() - body.len();
        let special = match body.bytes().next() {
            None | Some(b'#' | b'!') => return next,
            Some(b'@' | b'~' | b'$') => true,
            Some(b'i' | b'r') => {
                body.starts_with("include") || body.starts_with("random_seed") || self.variables.concern(line)
            }
            Some(_) => self.variables.concern(line),
        };
        if !special {
            self.tokens(line, indent, &|part| {
                (Span::new(file, range.start + part.start..range.start + part.end), true)
            });
            return next;
        }
        let written =
            |range: Range<usize>| Traced::written(text.get(range.clone()).unwrap_or(""), Span::new(file, range));
        let mut more = || {
            (next < text.len()).then(|| {
                let end = line_end(text, next);
                let line = written(next..end);
                next = end + 1;
                line
            })
        };
        if let Err(endless) = self.logical(written(range.start + indent..range.end), &mut more, indent, 0) {
            self.report.add(
                Diagnostic::error(Code::Expansion, endless.at, "this variable's expansion has no end")
                    .mark("it leads back to itself, or grows past all bounds")
                    .help("the line is left out; see what the definitions of the variables say"),
            );
        }
        next
    }

    /// One line, wherever it comes from; `more` gives the lines after it, where a definition goes on.
    fn logical(
        &mut self,
        mut line: Traced,
        more: &mut dyn FnMut() -> Option<Traced>,
        indent: usize,
        depth: usize,
    ) -> Result<(), Endless> {
        loop {
            self.statement = None;
            let text = line.text();
            let body = text.trim_start_matches(|c: char| c.is_whitespace() || c == lexer::MARK);
            let start = text.len() - body.len();
            let Some(first) = body.bytes().next() else { return Ok(()) };
            let width = body.chars().next().map_or(1, char::len_utf8);
            let Some(place) = line.place(&(start..start + width)) else { return Ok(()) };
            if depth > 0 {
                self.made += LINE_COST + body.len();
            }
            if depth > DEEPEST {
                return Err(Endless { at: place });
            }
            if self.made > MOST_MADE || self.variables.is_exhausted() {
                self.give_up(place, "variables and repetitions make more of this file than any configuration has");
            }
            if self.stopped || self.report.is_full() {
                return Ok(());
            }
            match first {
                b'#' | b'!' => {}
                b'@' => {
                    let (id, rest) = body.split_once(char::is_whitespace).unwrap_or((body, ""));
                    let id = id.strip_prefix('@').unwrap_or(id);
                    let kept = match id.strip_prefix('^') {
                        Some(other) => other != self.context.config_id,
                        None => id == self.context.config_id,
                    };
                    let rest = rest.trim_start();
                    let rest = text.len() - rest.len()..text.len();
                    if kept {
                        line = line.slice(rest);
                        continue;
                    }
                    // A definition that does not count is left out with all its lines.
                    if let Some((_, skip)) = expand::definition(text.get(rest.clone()).unwrap_or("")) {
                        definition(&line, rest.start + skip, more);
                    }
                }
                b'$' if let Some((name, skip)) = expand::definition(body) => {
                    if let Some(place) = line.place(&(start..start + skip)) {
                        self.report.note_definition(name, place);
                    }
                    let value = definition(&line, start + skip, more);
                    self.variables.define(name, value);
                }
                b'~' if let Some(head) = sequence::head(body) => return self.repeat(&line, start, head, indent, depth),
                b'i' if body.starts_with("include") && self.include(&line, start) => {}
                _ => {
                    self.setting(body);
                    return self.statements(&line, indent, depth);
                }
            }
            return Ok(());
        }
    }

    /// Two words of `global_defs` say how the rest of the file is read.
    fn setting(&mut self, body: &str) {
        let body = body.get(..lexer::uncommented(body)).unwrap_or(body);
        match body.split_once(char::is_whitespace).unwrap_or((body.trim_end(), "")) {
            ("include_check", words) => self.strict = self.strict.told(words),
            ("random_seed", seed) => {
                if let Ok(seed) = seed.trim().parse() {
                    self.variables.seed(seed);
                }
            }
            _ => {}
        }
    }

    fn statements(&mut self, line: &Traced, indent: usize, depth: usize) -> Result<(), Endless> {
        let sources = self.sources;
        let Some(expanded) = self.variables.expand(line, self.report.files_mut(), sources)? else {
            self.traced(line, indent);
            return Ok(());
        };
        let mut rest = expanded.rest.into_iter();
        if expanded.begins_anew {
            self.logical(expanded.line, &mut || rest.next(), indent, depth + 1)?;
        } else {
            self.made += expanded.line.text().len();
            self.traced(&expanded.line, indent);
        }
        while let Some(line) = rest.next() {
            self.logical(line, &mut || rest.next(), indent, depth + 1)?;
        }
        Ok(())
    }

    fn traced(&mut self, line: &Traced, indent: usize) {
        let Some(whole) = line.place(&(0..1)) else { return };
        self.tokens(line.text(), indent, &|part| (line.place(part).unwrap_or(whole), line.is_verbatim(part)));
    }

    /// The rest of a line, for each value of what `~SEQ` or `~LST` says.
    fn repeat(
        &mut self,
        line: &Traced,
        start: usize,
        head: Result<sequence::Head<'_>, &'static str>,
        indent: usize,
        depth: usize,
    ) -> Result<(), Endless> {
        let whole = start..line.text().trim_end().len();
        let turns = match head {
            Ok(head) => {
                let from = start + head.length;
                let place = line.place(&(start..from));
                let mut arguments = head.arguments.to_owned();
                // The elements of a list are filled in where they are used.
                if head.kind != sequence::Kind::List && self.variables.concern(&arguments) {
                    let sources = self.sources;
                    let written = line.slice(from - 1 - arguments.len()..from - 1);
                    if let Some(expanded) = self.variables.expand(&written, self.report.files_mut(), sources)? {
                        arguments = expanded.line.text().to_owned();
                    }
                }
                sequence::turns(head.kind, &arguments).map(|turns| (turns, from, place))
            }
            Err(why) => Err(why.to_owned()),
        };
        match turns {
            Ok(((names, turns), from, Some(place))) => {
                let rest = line.slice(from..line.text().len());
                for values in turns {
                    for (name, value) in names.iter().zip(values) {
                        self.variables.define(name, Traced::made(&value, place));
                    }
                    self.logical(rest.clone(), &mut || None, indent, depth + 1)?;
                    if self.stopped || self.report.is_full() {
                        break;
                    }
                }
            }
            Ok((_, _, None)) => {}
            Err(why) => {
                if let Some(span) = line.place(&whole) {
                    self.report.add(
                        Diagnostic::warning(Code::BadValue, span, format!("this repeats nothing: {why}"))
                            .mark("the line is left out, as in keepalived")
                            .help("`~SEQ(var, start, step, end) ...`, `~LST(var, a, b) ...`, `~LST({x, y}, {1, 2}, {3, 4}) ...`"),
                    );
                }
            }
        }
        Ok(())
    }
}

/// The value of a definition, over more lines where each ends in a backslash.
fn definition(line: &Traced, start: usize, more: &mut dyn FnMut() -> Option<Traced>) -> Traced {
    let mut value = Traced::default();
    let Some(at) = line.place(&(0..1)) else { return value };
    let mut next = Some((line.clone(), start));
    while let Some((line, start)) = next.take() {
        let text = line.text().get(start..).unwrap_or("");
        let text = text.get(..lexer::uncommented(text)).unwrap_or(text).trim_end();
        let goes_on = text.strip_suffix('\\');
        let kept = goes_on.unwrap_or(text);
        let is_blank_head = value.text().is_empty() && kept.trim().is_empty();
        let ends_blank = goes_on.is_none() && kept.trim().is_empty();
        if !value.text().is_empty() && !ends_blank {
            value.push(&Traced::made("\n", at), 0..1, |span| span);
        }
        if !is_blank_head {
            value.push(&line, start..start + kept.len(), |span| span);
        }
        if goes_on.is_some() {
            next = more().map(|line| (line, 0));
        }
    }
    value
}

fn line_end(text: &str, from: usize) -> usize {
    text.as_bytes().get(from..).and_then(|rest| rest.iter().position(|b| *b == b'\n')).map_or(text.len(), |n| from + n)
}
