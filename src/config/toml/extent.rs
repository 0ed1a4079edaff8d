//! How much a document holds and how deep, before anything is built of it.
//!
//! A document in memory takes some eighty times its text where it is dense, and garbage is. So its tokens are counted first,
//! one by one and without keeping any: what has more tables, values or levels than any configuration, or thousands of lines that
//! are not of this language, is refused at the price of looking through it once. Nothing else is judged here, and a document
//! that is merely wrong is read, so that all that is wrong with it can be told.

use toml_parser::Source;
use toml_parser::lexer::TokenKind;

use super::super::diagnostic::{Code, Diagnostic};
use super::super::source::{FileId, Span};
use super::top::TOP;

/// Lines outside all tables that are no known key, tables of unknown names, and lines that are neither a table nor a value.
const MOST_STRANGERS: usize = 10_000;
/// Tables in brackets: two for each of a hundred thousand servers, and some more.
const MOST_TABLES: usize = 250_000;
/// Names, values and the signs between them: forty for each of a hundred thousand servers.
const MOST_TOKENS: usize = 4_000_000;
/// The language is never deeper than six.
const DEEPEST: usize = 64;

/// What a line is, as far as it has been looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Line {
    /// Nothing stood on it so far.
    Blank,
    /// The name of a table, in brackets.
    Header { named: bool },
    /// A key.
    Key,
    /// What follows `=`.
    Value,
}

/// What was counted.
#[derive(Debug)]
struct Extent {
    line: Line,
    /// Whether a table has begun.
    inside: bool,
    /// Open brackets.
    depth: usize,
    /// Parts of the name at hand.
    parts: usize,
    tables: usize,
    tokens: usize,
    strangers: usize,
}

/// Why a document is not worth building, if it is not.
pub(super) fn refusal(text: &str, file: FileId) -> Option<Diagnostic> {
    let mut extent =
        Extent { line: Line::Blank, inside: false, depth: 0, parts: 0, tables: 0, tokens: 0, strangers: 0 };
    for token in Source::new(text).lex() {
        let range = token.span().start()..token.span().end();
        let said = text.get(range.clone()).unwrap_or("");
        if let Some((code, why)) = extent.add(token.kind(), said) {
            let help = "check that the right file was named; a keepalived.conf must not end in `.toml`";
            return Some(Diagnostic::error(code, Span::new(file, range), why).mark("reading stops here").help(help));
        }
    }
    None
}

impl Extent {
    fn add(&mut self, kind: TokenKind, said: &str) -> Option<(Code, String)> {
        match kind {
            TokenKind::Whitespace | TokenKind::Comment => return None,
            TokenKind::Newline | TokenKind::Eof => self.end_line(),
            TokenKind::Dot
            | TokenKind::Equals
            | TokenKind::Comma
            | TokenKind::LeftSquareBracket
            | TokenKind::RightSquareBracket
            | TokenKind::LeftCurlyBracket
            | TokenKind::RightCurlyBracket
            | TokenKind::LiteralString
            | TokenKind::BasicString
            | TokenKind::MlLiteralString
            | TokenKind::MlBasicString
            | TokenKind::Atom => {
                self.tokens += 1;
                self.level(kind);
                self.sign(kind, said);
            }
        }
        self.verdict()
    }

    /// How deep it is here.
    fn level(&mut self, kind: TokenKind) {
        match kind {
            TokenKind::Dot => self.parts += 1,
            TokenKind::LeftSquareBracket | TokenKind::LeftCurlyBracket => {
                self.depth += 1;
                self.parts = 0;
            }
            TokenKind::RightSquareBracket | TokenKind::RightCurlyBracket => {
                self.depth = self.depth.saturating_sub(1);
                self.parts = 0;
            }
            TokenKind::Equals | TokenKind::Comma => self.parts = 0,
            TokenKind::Whitespace
            | TokenKind::Comment
            | TokenKind::Newline
            | TokenKind::LiteralString
            | TokenKind::BasicString
            | TokenKind::MlLiteralString
            | TokenKind::MlBasicString
            | TokenKind::Atom
            | TokenKind::Eof => {}
        }
    }

    fn sign(&mut self, kind: TokenKind, said: &str) {
        let bracket = kind == TokenKind::LeftSquareBracket;
        self.line = match self.line {
            Line::Blank if bracket => {
                self.inside = true;
                self.tables += 1;
                Line::Header { named: false }
            }
            Line::Blank => {
                self.strangers += usize::from(!self.inside && !is_known(said));
                Line::Key
            }
            Line::Header { named: false } if !bracket => {
                self.strangers += usize::from(!is_known(said));
                Line::Header { named: true }
            }
            Line::Key if kind == TokenKind::Equals => Line::Value,
            line @ (Line::Header { .. } | Line::Key | Line::Value) => line,
        };
    }

    fn end_line(&mut self) {
        match self.line {
            // The brackets of a value may be closed on another line.
            Line::Value if self.depth > 0 => return,
            // Outside all tables it has been counted.
            Line::Key => self.strangers += usize::from(self.inside),
            Line::Blank | Line::Header { .. } | Line::Value => {}
        }
        self.line = Line::Blank;
        self.depth = 0;
        self.parts = 0;
    }

    fn verdict(&self) -> Option<(Code, String)> {
        if self.strangers > MOST_STRANGERS {
            return Some((Code::Hopeless, format!("more than {MOST_STRANGERS} lines are not of this language")));
        }
        if self.tables > MOST_TABLES {
            return Some((Code::Hopeless, format!("there are more than {MOST_TABLES} tables")));
        }
        if self.tokens > MOST_TOKENS {
            return Some((Code::Hopeless, "there are more values than any configuration has".to_owned()));
        }
        if self.depth > DEEPEST || self.parts > DEEPEST {
            return Some((Code::Nesting, format!("values lie {DEEPEST} deep inside each other")));
        }
        None
    }
}

/// Whether a table or a key may be called so outside all tables.
fn is_known(name: &str) -> bool {
    TOP.contains(&name.trim_matches(['"', '\'']))
}
