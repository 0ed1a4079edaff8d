//! A line of text to words and braces.
//!
//! The language is simple and old: words parted by blanks, `"..."` around words with blanks in them, `{` and `}`, and `#`
//! or `!` to the end of the line. What makes it interesting is what people paste into it: Windows line ends, a byte-order
//! mark, no-break spaces from a web page, `${...}` of a template, braces glued to words. All of that is taken in the sense
//! in which it was meant, and remarked on where keepalived would take it otherwise.
//!
//! A statement never spans lines, so the lexer sees one line at a time. Any text whatever comes out as tokens whose ranges
//! lie inside it, in order, in linear time.

use std::ops::Range;

/// What a token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Part of a statement.
    Word {
        /// Stood in quotes, which the range leaves out.
        quoted: bool,
        /// Contains `\#`, `\!` or quotes inside: see [`unescaped`].
        escaped: bool,
    },
    /// `{`
    Open,
    /// `}`
    Close,
    /// A quote that is not closed on its line; the range is the rest of the line, without the quote.
    Unquoted,
}

/// A piece of the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Token {
    pub(super) kind: Kind,
    pub(super) range: Range<usize>,
}

/// A variable's braces are looked for no further than this, which keeps a line of a million `${` linear.
const LONGEST_VARIABLE: usize = 256;

/// Reads tokens off a line.
#[derive(Debug)]
pub(super) struct Lexer<'t> {
    text: &'t str,
    at: usize,
    /// The first no-break space or its like that was taken for a blank.
    pub(super) odd_blank: Option<usize>,
}

/// A byte-order mark; invisible, and no part of the first word.
pub(super) const MARK: char = '\u{feff}';

impl<'t> Lexer<'t> {
    /// From the start of a line.
    pub(super) fn new(text: &'t str) -> Self {
        Self { text, at: 0, odd_blank: None }
    }

    fn byte(&self, at: usize) -> Option<u8> {
        self.text.as_bytes().get(at).copied()
    }

    /// Length of the blank at an offset; 0: none there.
    fn blank(&mut self, at: usize) -> usize {
        match self.byte(at) {
            Some(b' ' | b'\t' | b'\r' | b'\n' | 0x0b | 0x0c) => 1,
            Some(0x80..) => match self.text.get(at..).and_then(|rest| rest.chars().next()) {
                Some(c) if c == MARK || c == '\u{200b}' || c.is_whitespace() => {
                    if at > 0 || c != MARK {
                        self.odd_blank.get_or_insert(at);
                    }
                    c.len_utf8()
                }
                Some(_) | None => 0,
            },
            Some(_) | None => 0,
        }
    }

    /// If `${` or `{{` stands at an offset, the end of the variable or the placeholder: past what closes it.
    fn variable(&self, at: usize) -> Option<usize> {
        match (self.byte(at)?, self.byte(at + 1)?) {
            (b'$', b'{') => {
                let mut depth = 0_usize;
                for (offset, byte) in self.text.as_bytes().get(at + 1..)?.iter().take(LONGEST_VARIABLE).enumerate() {
                    match byte {
                        b'{' => depth += 1,
                        b'}' if depth == 1 => return Some(at + 2 + offset),
                        b'}' => depth -= 1,
                        _ => {}
                    }
                }
                None
            }
            // No block begins with two braces; a template's placeholder does.
            (b'{', b'{') => {
                let rest = self.text.as_bytes().get(at + 2..)?;
                let length = rest.windows(2).take(LONGEST_VARIABLE).position(|pair| pair == b"}}")?;
                Some(at + length + 4)
            }
            _ => None,
        }
    }

    /// A word that begins at an offset and does not begin with a quote.
    fn bare(&mut self, start: usize) -> Token {
        let mut at = start;
        let mut escaped = false;
        while let Some(byte) = self.byte(at) {
            if let Some(end) = self.variable(at) {
                at = end;
                continue;
            }
            match byte {
                b'\\' if matches!(self.byte(at + 1), Some(b'#' | b'!')) => {
                    escaped = true;
                    at += 2;
                }
                b'{' | b'}' | b'#' | b'!' => break,
                // `key="a b"` is one word as far as blanks go.
                b'"' => {
                    escaped = true;
                    let rest = self.text.get(at + 1..).unwrap_or("");
                    at = rest.find('"').map_or(self.text.len(), |n| at + n + 2);
                }
                0x80.. => {
                    if self.blank(at) > 0 {
                        break;
                    }
                    at += self.text.get(at..).and_then(|rest| rest.chars().next()).map_or(1, char::len_utf8);
                }
                _ if self.blank(at) > 0 => break,
                _ => at += 1,
            }
        }
        self.at = at;
        Token { kind: Kind::Word { quoted: false, escaped }, range: start..at }
    }

    fn quoted(&mut self, start: usize) -> Token {
        let inside = self.text.get(start + 1..).unwrap_or("");
        match inside.find('"') {
            Some(length) => {
                self.at = start + length + 2;
                Token { kind: Kind::Word { quoted: true, escaped: false }, range: start + 1..start + 1 + length }
            }
            None => {
                self.at = self.text.len();
                Token { kind: Kind::Unquoted, range: start + 1..start + 1 + inside.trim_end().len() }
            }
        }
    }
}

impl Iterator for Lexer<'_> {
    type Item = Token;

    fn next(&mut self) -> Option<Token> {
        loop {
            let start = self.at;
            let byte = self.byte(start)?;
            let one = |kind| Token { kind, range: start..start + 1 };
            match byte {
                b'#' | b'!' => self.at = self.text.len(),
                b'{' if self.variable(start).is_none() => {
                    self.at += 1;
                    return Some(one(Kind::Open));
                }
                b'}' => {
                    self.at += 1;
                    return Some(one(Kind::Close));
                }
                b'"' => return Some(self.quoted(start)),
                _ => match self.blank(start) {
                    0 => return Some(self.bare(start)),
                    length => self.at += length,
                },
            }
        }
    }
}

/// How much of a line is no comment.
pub(super) fn uncommented(line: &str) -> usize {
    let mut quoted = false;
    let mut escaped = false;
    for (at, byte) in line.bytes().enumerate() {
        match byte {
            b'#' | b'!' if !quoted && !escaped => return at,
            b'"' => quoted = !quoted,
            _ => {}
        }
        escaped = byte == b'\\' && !escaped;
    }
    line.len()
}

/// A word without its backslashes before `#` and `!`, and without quotes inside.
pub(super) fn unescaped(word: &str) -> String {
    let mut out = String::with_capacity(word.len());
    let mut rest = word.chars().peekable();
    while let Some(c) = rest.next() {
        match (c, rest.peek()) {
            ('\\', Some('#' | '!')) => out.extend(rest.next()),
            ('"', _) => {}
            _ => out.push(c),
        }
    }
    out
}

/// The words of a command line as script keywords understand it: blanks part them, `'...'` and `"..."` hold them together,
/// a backslash takes the next character as it is or names a control character (`\n`, `\t`, `\x41`, `\101`).
pub(in crate::config) fn command(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote: Option<char> = None;
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (Some('\''), c) => word.get_or_insert_default().push(c),
            (_, '\\') => {
                // One at the very end stands for itself.
                let escaped = escape(&mut rest).unwrap_or('\\');
                word.get_or_insert_default().push(escaped);
            }
            (None, '\'' | '"') => {
                word.get_or_insert_default();
                quote = Some(c);
            }
            (None, c) if c.is_whitespace() => words.extend(word.take()),
            (_, c) => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    words
}

fn escape(rest: &mut std::iter::Peekable<std::str::Chars<'_>>) -> Option<char> {
    let first = rest.next()?;
    match first {
        'a' => Some('\u{7}'),
        'b' => Some('\u{8}'),
        'E' => Some('\u{1b}'),
        'f' => Some('\u{c}'),
        'n' => Some('\n'),
        'r' => Some('\r'),
        't' => Some('\t'),
        'v' => Some('\u{b}'),
        'x' => digits(rest, 16, 2, 0),
        '0'..='7' => digits(rest, 8, 2, first.to_digit(8)?),
        other => Some(other),
    }
}

fn digits(rest: &mut std::iter::Peekable<std::str::Chars<'_>>, radix: u32, most: usize, first: u32) -> Option<char> {
    let mut value = first;
    for _ in 0..most {
        let Some(digit) = rest.peek().and_then(|c| c.to_digit(radix)) else { break };
        rest.next();
        value = value * radix + digit;
    }
    char::from_u32(value)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{ProptestConfig, proptest};

    use super::{Kind, Lexer, command, unescaped};

    fn lexed(line: &str) -> String {
        let tokens = Lexer::new(line).map(|token| match token.kind {
            Kind::Word { quoted: true, .. } => format!("<{}>", &line[token.range]),
            Kind::Word { escaped: true, .. } => unescaped(&line[token.range]),
            Kind::Word { .. } => line[token.range].to_owned(),
            Kind::Open => "OPEN".to_owned(),
            Kind::Close => "CLOSE".to_owned(),
            Kind::Unquoted => format!("UNQUOTED<{}>", &line[token.range]),
        });
        tokens.collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn lines() {
        for (line, expected) in [
            ("state MASTER # comment", "state MASTER"),
            ("state MASTER! comment", "state MASTER"),
            ("a\\#b c\\!", "a#b c!"),
            ("script \"a # b\" # c", "script <a # b>"),
            ("script \"\"", "script <>"),
            ("script \"a b", "script UNQUOTED<a b>"),
            ("A{b}", "A OPEN b CLOSE"),
            ("A {b c} d", "A OPEN b c CLOSE d"),
            ("x ${A}b${C:-d e}", "x ${A}b${C:-d e}"),
            ("x {{ a }} {", "x {{ a }} OPEN"),
            ("x ${A", "x $ OPEN A"),
            ("\u{feff}a\u{a0}b\tc\r", "a b c"),
            ("a\"b c\"d", "ab cd"),
            ("漂移 ü", "漂移 ü"),
        ] {
            assert_eq!(lexed(line), expected, "{line:?}");
        }
    }

    #[test]
    fn command_lines() {
        for (line, expected) in [
            ("pidof haproxy", &["pidof", "haproxy"][..]),
            ("  a  ", &["a"]),
            ("a 'b c' \"d e\"f", &["a", "b c", "d ef"]),
            ("a '' b", &["a", "", "b"]),
            ("a\\ b \\x41\\101\\n", &["a b", "AA\n"]),
            ("'a\\n'", &["a\\n"]),
            ("\\", &["\\"]),
            ("", &[]),
        ] {
            assert_eq!(command(line), expected, "{line:?}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn tokens_lie_in_their_line_and_in_order(line in "[a-c {}\"'#!$\\\\\u{a0}\u{feff}漂]{0,80}|\\PC{0,80}") {
            let mut end = 0;
            for token in Lexer::new(&line) {
                assert!(token.range.start >= end, "{token:?} overlaps");
                assert!(line.get(token.range.clone()).is_some(), "{token:?} lies outside");
                end = token.range.end;
            }
            command(&line);
            unescaped(&line);
        }
    }
}
