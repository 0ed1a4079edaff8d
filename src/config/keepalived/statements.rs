//! Words and braces to statements, and when to stop.

use std::ops::Range;

use super::super::diagnostic::{Code, Diagnostic};
use super::super::source::Span;
use super::keywords::{self, Place};
use super::lexer::{Kind, Lexer};
use super::read::Reading;

/// A text with this many unknown words, or blocks that belong to nothing, outside all blocks is no keepalived.conf.
const MOST_STRANGERS: usize = 500;
/// Statements that are kept: a hundred times the largest file that is known to be in use.
const MOST_STATEMENTS: usize = 4_000_000;

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
        if let (Some(at), None) = (lexer.odd_blank, self.mixed_blanks) {
            let (span, _) =
                place(&(at..at + line.get(at..).and_then(|rest| rest.chars().next()).map_or(1, char::len_utf8)));
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
            self.missing_opener(span, text);
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
                self.missing_opening(span, indent);
                self.missing_inner_brace(span, text, indent);
            }
            let statement = self.tree.begin();
            self.statement = Some(statement);
            self.pending = Some((statement, indent));
        }
        self.tree.word(span, owned, quoted);
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
