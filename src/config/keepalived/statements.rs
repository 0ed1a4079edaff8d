//! Words and braces to statements, and when to stop.

use std::ops::Range;

use super::super::diagnostic::{Code, Diagnostic};
use super::super::source::Span;
use super::keywords::{self, Place};
use super::lexer::{Kind, Lexer};
use super::read::Reading;

/// A text with this many unknown words, or blocks that belong to nothing, outside all blocks is no keepalived.conf.
const MOST_STRANGERS: usize = 500;
/// No more lines with odd blanks are told of one by one.
const MOST_ODD_BLANKS: usize = 10;
/// Statements that are kept: a hundred times the largest file that is known to be in use.
const MOST_STATEMENTS: usize = 4_000_000;

/// Lines with blanks that are not spaces.
#[derive(Debug, Default)]
pub(super) struct OddBlanks {
    told: usize,
    /// How many were only counted, and where the last one is.
    more: Option<(usize, Span)>,
}

impl Reading<'_> {
    /// The words and braces of one line. `place` tells of a stretch where it stands, and whether it says there what it says
    /// here.
    pub(super) fn tokens(&mut self, line: &str, indent: usize, place: &dyn Fn(&Range<usize>) -> (Span, bool)) {
        let mut lexer = Lexer::new(line);
        for token in lexer.by_ref() {
            let (span, verbatim) = place(&token.range);
            let text = || line.get(token.range.clone()).unwrap_or("");
            match token.kind {
                Kind::Word { quoted, spelling } => {
                    let owned = spelling.read(text()).or_else(|| (!verbatim).then(|| text().to_owned()));
                    self.word(span, owned, quoted, indent, text());
                }
                Kind::Unquoted => {
                    self.report.add(
                        Diagnostic::warning(Code::Quote, span, "this quote is never closed")
                            .mark("taken to the end of the line")
                            .help("put a `\"` where the value ends"),
                    );
                    self.word(span, (!verbatim).then(|| text().to_owned()), true, indent, text());
                }
                Kind::Open => self.open(span, indent),
                Kind::Close => self.close(span, indent),
            }
            if self.stopped {
                return;
            }
        }
        if let Some(at) = lexer.odd_blank {
            let (span, _) =
                place(&(at..at + line.get(at..).and_then(|rest| rest.chars().next()).map_or(1, char::len_utf8)));
            self.odd_blank(span);
        }
    }

    fn word(&mut self, span: Span, owned: Option<String>, quoted: bool, indent: usize, text: &str) {
        if self.statement.is_none() {
            self.unbraced_block(span, text, indent);
            if self.tree.len() >= MOST_STATEMENTS {
                self.give_up(span, "there are more statements than any configuration has");
                return;
            }
            if self.open.is_empty() && keywords::find(Place::Root, text).is_none() && self.is_one_too_strange(span) {
                return;
            }
            if !self.open.is_empty() && keywords::is_only_at_root(text) {
                self.missing_brace(span, text, indent);
            } else if !quoted {
                self.missing_inner_brace(span, text, indent);
            }
            let statement = self.tree.begin();
            self.statement = Some(statement);
            self.pending = Some((statement, indent));
        }
        self.tree.word(span, owned, quoted);
    }

    /// A line with a blank that is not a space: each changes what keepalived reads.
    fn odd_blank(&mut self, span: Span) {
        if self.odd_blanks.told < MOST_ODD_BLANKS {
            self.odd_blanks.told += 1;
            self.report.add(
                Diagnostic::warning(Code::Lookalike, span, "this blank is not a space")
                    .mark("a no-break space or its like, as web pages have")
                    .help("taken as a space here; keepalived takes it as part of the word. Replace it"),
            );
        } else {
            let (lines, _) = self.odd_blanks.more.unwrap_or((0, span));
            self.odd_blanks.more = Some((lines + 1, span));
        }
    }

    /// The lines with such blanks that were only counted.
    pub(super) fn more_odd_blanks(&mut self) {
        if let Some((lines, span)) = self.odd_blanks.more.take() {
            let message = match lines {
                1 => "one more line has a blank that is not a space".to_owned(),
                _ => format!("{lines} more lines have blanks that are not spaces"),
            };
            self.report.add(
                Diagnostic::warning(Code::Lookalike, span, message)
                    .mark("the last one")
                    .help("replace all of them: `grep -nP '[^\\x00-\\x7F]' FILE` shows the lines"),
            );
        }
    }

    /// Counts what begins outside all blocks and is not of this language; true: it was one too many.
    pub(super) fn is_one_too_strange(&mut self, span: Span) -> bool {
        self.strangers += 1;
        let too_many = self.strangers > MOST_STRANGERS;
        if too_many {
            self.give_up(span, "this is not a keepalived.conf");
        }
        too_many
    }

    /// Says why nothing more is read.
    pub(super) fn give_up(&mut self, span: Span, why: &str) {
        self.stopped = true;
        self.report.add(
            Diagnostic::error(Code::Hopeless, span, why)
                .mark("reading stops here")
                .help("check that the right file was named; a TOML file must end in `.toml`"),
        );
    }
}
