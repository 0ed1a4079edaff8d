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
        /// Stood in quotes, or began with them.
        quoted: bool,
        /// How to read it.
        spelling: Spelling,
    },
    /// `{`
    Open,
    /// `}`
    Close,
    /// A quote that is not closed on its line; the range is the rest of the line, without the quote.
    Unquoted,
}

/// How the text of a word says what the word is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Spelling {
    /// As it stands; quotes around it are left out of the range.
    Plain,
    /// With `\#`, `\!` or quotes inside: see [`unescaped`].
    Escaped,
    /// A word of a command's statement with quotes or backslashes in it: see [`cut`].
    Command,
}

impl Spelling {
    /// What a word says that is not to be taken as it stands.
    pub(super) fn read(self, text: &str) -> Option<String> {
        match self {
            Self::Plain => None,
            Self::Escaped => Some(unescaped(text)),
            Self::Command => Some(cut(text)),
        }
    }
}

/// Whether the words after this one are a command and who runs it. They are cut by rules of their own: `'...'` holds together
/// as well as `"..."`, and backslashes escape.
fn takes_command(word: &str) -> bool {
    word == "script" || word == "regex" || (word.starts_with("notify") || word.ends_with("notify_fifo_script"))
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
    /// What the next word is part of.
    within: Within,
    /// The first no-break space or its like that was taken for a blank.
    pub(super) odd_blank: Option<usize>,
}

/// What a word is part of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Within {
    /// Nothing yet: it begins a statement.
    Nothing,
    /// A statement like any other.
    Statement,
    /// One that names a command.
    Command,
}

/// A byte-order mark; invisible, and no part of the first word.
pub(super) const MARK: char = '\u{feff}';

impl<'t> Lexer<'t> {
    /// From the start of a line.
    pub(super) fn new(text: &'t str) -> Self {
        Self { text, at: 0, within: Within::Nothing, odd_blank: None }
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

    /// A word that begins at an offset.
    fn word(&mut self, start: usize) -> Token {
        if self.within == Within::Command {
            return self.of_command(start);
        }
        let token = if self.byte(start) == Some(b'"') { self.quoted(start) } else { self.bare(start) };
        if self.within == Within::Nothing {
            let takes_command = self.text.get(token.range.clone()).is_some_and(takes_command);
            self.within = if takes_command { Within::Command } else { Within::Statement };
        }
        token
    }

    /// A word that begins at an offset and does not begin with a quote.
    fn bare(&mut self, start: usize) -> Token {
        let mut at = start;
        let mut spelling = Spelling::Plain;
        while let Some(byte) = self.byte(at) {
            if let Some(end) = self.variable(at) {
                at = end;
                continue;
            }
            match byte {
                b'\\' if matches!(self.byte(at + 1), Some(b'#' | b'!')) => {
                    spelling = Spelling::Escaped;
                    at += 2;
                }
                b'{' | b'}' | b'#' | b'!' => break,
                // `key="a b"` is one word as far as blanks go.
                b'"' => {
                    spelling = Spelling::Escaped;
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
        Token { kind: Kind::Word { quoted: false, spelling }, range: start..at }
    }

    /// A word of a command's statement: quotes of both kinds anywhere in it, and backslashes.
    fn of_command(&mut self, start: usize) -> Token {
        let mut at = start;
        let mut quote: Option<u8> = None;
        let mut spelling = Spelling::Plain;
        // How often a quote opened or closed.
        let mut quotes = 0_usize;
        while let Some(byte) = self.byte(at) {
            if let Some(end) = self.variable(at) {
                at = end;
                continue;
            }
            let length = self.text.get(at..).and_then(|rest| rest.chars().next()).map_or(1, char::len_utf8);
            match (quote, byte) {
                (_, b'\\') => {
                    spelling = Spelling::Command;
                    let next = self.text.get(at + 1..).and_then(|rest| rest.chars().next());
                    at += 1 + next.map_or(0, char::len_utf8);
                    continue;
                }
                (Some(open), _) if byte == open => {
                    quote = None;
                    quotes += 1;
                }
                (None, b'\'' | b'"') => {
                    quote = Some(byte);
                    quotes += 1;
                }
                (None, b'{' | b'}' | b'#' | b'!') => break,
                (None, _) if self.blank(at) > 0 => break,
                (Some(_) | None, _) => {}
            }
            at += length;
        }
        self.at = at;
        let quoted = matches!(self.byte(start), Some(b'\'' | b'"'));
        if quote.is_some() {
            let inside = self.text.get(start + usize::from(quoted)..).unwrap_or("");
            let from = start + usize::from(quoted);
            return Token { kind: Kind::Unquoted, range: from..from + inside.trim_end().len() };
        }
        // The common case, `"..."` and nothing else, stands in the text as it is.
        if quoted && quotes == 2 && spelling == Spelling::Plain && self.byte(at - 1) == self.byte(start) {
            return Token { kind: Kind::Word { quoted, spelling }, range: start + 1..at - 1 };
        }
        let spelling = if quotes > 0 { Spelling::Command } else { spelling };
        Token { kind: Kind::Word { quoted, spelling }, range: start..at }
    }

    fn quoted(&mut self, start: usize) -> Token {
        let inside = self.text.get(start + 1..).unwrap_or("");
        match self.closing_quote(start + 1).map(|at| at - start - 1) {
            Some(length) => {
                self.at = start + length + 2;
                Token {
                    kind: Kind::Word { quoted: true, spelling: Spelling::Plain },
                    range: start + 1..start + 1 + length,
                }
            }
            None => {
                self.at = self.text.len();
                Token { kind: Kind::Unquoted, range: start + 1..start + 1 + inside.trim_end().len() }
            }
        }
    }
}

impl Lexer<'_> {
    /// Where the quote is that closes one before an offset. Those within a template's placeholder do not: the engine that was
    /// to fill it in would have taken them away.
    fn closing_quote(&self, from: usize) -> Option<usize> {
        let next = |from: usize| Some(from + self.text.get(from..)?.find('"')?);
        let (mut at, mut quote) = (from, next(from)?);
        loop {
            let placeholder = self.text.get(at..quote).and_then(|before| before.find("{{"));
            let Some(end) = placeholder.and_then(|open| self.variable(at + open)) else { return Some(quote) };
            at = end;
            if quote < end {
                quote = next(end)?;
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
                    self.within = Within::Nothing;
                    return Some(one(Kind::Open));
                }
                b'}' => {
                    self.at += 1;
                    self.within = Within::Nothing;
                    return Some(one(Kind::Close));
                }
                _ => match self.blank(start) {
                    0 => return Some(self.word(start)),
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

/// A word of a command's statement without its quotes, and with what its backslashes stand for.
fn cut(word: &str) -> String {
    split(word, Tongue::Keepalived, |_| false).into_iter().next().unwrap_or_default()
}

/// Whose rules of quoting hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tongue {
    /// A backslash escapes everywhere.
    Keepalived,
    /// Nothing is escaped within `'...'`, as in a shell.
    Toml,
}

/// The words of a command line as our own language understands it: blanks part them, `'...'` and `"..."` hold them together,
/// a backslash takes the next character as it is or names a control character (`\n`, `\t`, `\x41`, `\101`, `\cA`).
pub(in crate::config) fn command(text: &str) -> Vec<String> {
    split(text, Tongue::Toml, char::is_whitespace)
}

/// The same as keepalived does it, to what is left of a command when it has been cut out of its statement: backslashes escape
/// within `'...'` too.
pub(super) fn command_again(text: &str) -> Vec<String> {
    split(text, Tongue::Keepalived, char::is_whitespace)
}

fn split(text: &str, tongue: Tongue, parts: fn(char) -> bool) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote: Option<char> = None;
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (Some('\''), c) if tongue == Tongue::Toml => word.get_or_insert_default().push(c),
            (_, '\\') => {
                // One at the very end stands for itself.
                let escaped = escape(&mut rest).unwrap_or('\\');
                word.get_or_insert_default().push(escaped);
            }
            (None, '\'' | '"') => {
                word.get_or_insert_default();
                quote = Some(c);
            }
            (None, c) if parts(c) => words.extend(word.take()),
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
        // A key with the control key held.
        'c' => {
            let key = rest.next_if(char::is_ascii).and_then(|key| u8::try_from(key).ok());
            Some(key.map_or('c', |key| char::from(key & 0x1f)))
        }
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
            Kind::Word { quoted, spelling } => {
                let text = &line[token.range];
                let said = spelling.read(text).unwrap_or_else(|| text.to_owned());
                if quoted { format!("<{said}>") } else { said }
            }
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
            ("x \"{{ a[\"b\"] }}\" c", "x <{{ a[\"b\"] }}> c"),
            ("x \"{{ a\" \"b\"", "x <{{ a> <b>"),
            ("x \"{{a}} {{b\"c\"}}d\" e", "x <{{a}} {{b\"c\"}}d> e"),
            ("x \"{{ a \" }}", "x UNQUOTED<{{ a \" }}>"),
            ("\u{feff}a\u{a0}b\tc\r", "a b c"),
            ("a\"b c\"d", "ab cd"),
            ("漂移 ü", "漂移 ü"),
            ("state '/a b'", "state '/a b'"),
            ("script '/a b' c", "script </a b> c"),
            ("script \"/a -c \\\"b && c\\\"\" d", "script </a -c \"b && c\"> d"),
            ("notify '/a x \"y z\"' nobody # c", "notify </a x \"y z\"> nobody"),
            ("notify \"/a b\"c d", "notify </a bc> d"),
            ("notify /a\"b c\" 'd'", "notify /ab c <d>"),
            ("notify /a\\ b c\\", "notify /a b c\\"),
            ("notify '/a \\'b' c", "notify </a 'b> c"),
            ("notify '/a {b} # ü' c", "notify </a {b} # ü> c"),
            ("notify ''", "notify <>"),
            ("notify 'a b ", "notify UNQUOTED<a b>"),
            ("notify a'b c", "notify UNQUOTED<a'b c>"),
            ("s { script '/a b' } notify 'c d'", "s OPEN script </a b> CLOSE notify <c d>"),
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
            ("a\\cA\\c[b \\c?\\cz", &["a\u{1}\u{1b}b", "\u{1f}\u{1a}"]),
            ("\\cü \\c", &["cü", "c"]),
            ("\\", &["\\"]),
            ("", &[]),
        ] {
            assert_eq!(command(line), expected, "{line:?}");
        }
    }

    #[test]
    fn keepalived_escapes_within_all_quotes() {
        assert_eq!(super::command_again("/a 'b\\x41' \"c\\ d\" e\\ f"), ["/a", "bA", "c d", "e f"]);
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn tokens_lie_in_their_line_and_in_order(line in "(script |notify )?[a-c {}\"'#!$\\\\\u{a0}\u{feff}漂]{0,80}|\\PC{0,80}") {
            let mut end = 0;
            for token in Lexer::new(&line) {
                assert!(token.range.start >= end, "{token:?} overlaps");
                assert!(line.get(token.range.clone()).is_some(), "{token:?} lies outside");
                end = token.range.end;
            }
            command(&line);
            unescaped(&line);
            super::cut(&line);
        }
    }
}
