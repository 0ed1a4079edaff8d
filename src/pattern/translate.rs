//! PCRE2's spelling to that of the `regex` crate, piece by piece, each remembering where it came from.

use regex_syntax::ast::{self, AssertionKind, Ast, FlagsItemKind, Visitor};
use regex_syntax::hir::ErrorKind;
use regex_syntax::{Error, ParserBuilder};

use super::{DEEPEST, Problem};
use crate::model::ExpressionOptions;

/// A pattern in the other spelling.
#[derive(Debug)]
pub(super) struct Translated<'p> {
    pattern: &'p str,
    text: String,
    /// Where each piece begins: in the text, and in the pattern.
    pieces: Vec<(usize, usize)>,
    /// Two hyphens in a class: a range in PCRE2, and an operator on sets elsewhere.
    set_operation: bool,
    /// An escape that refers to a group: `\1`, `\g{1}`, `\k<name>`.
    reference: bool,
}

/// What is wrong with a pattern, and whether it is only that one must try step by step.
#[derive(Debug)]
pub(super) struct Fault {
    pub(super) problem: Problem,
    pub(super) needs_steps: bool,
}

impl From<Problem> for Fault {
    fn from(problem: Problem) -> Self {
        Self { problem, needs_steps: false }
    }
}

/// A set of characters, those in it and all others: outside classes, and within them. A blank is `\x20`, which counts with
/// `extended` too.
macro_rules! set {
    ($set:literal) => {
        (concat!("[", $set, "]"), $set)
    };
    (not $set:literal) => {
        (concat!("[^", $set, "]"), concat!("[^", $set, "]"))
    };
}

/// A class in PCRE2's terms, outside other classes and within them. Without `utf` a character is a byte.
const fn class(letter: char, utf: bool) -> Option<(&'static str, &'static str)> {
    Some(match (letter, utf) {
        ('h', false) => set!("\\t\\x20\\xa0"),
        ('h', true) => set!("\\t\\x20\\xa0\\x{1680}\\x{180e}\\x{2000}-\\x{200a}\\x{202f}\\x{205f}\\x{3000}"),
        ('H', false) => set!(not "\\t\\x20\\xa0"),
        ('H', true) => set!(not
            "\\t\\x20\\xa0\\x{1680}\\x{180e}\\x{2000}-\\x{200a}\\x{202f}\\x{205f}\\x{3000}"
        ),
        ('v', false) => set!("\\n-\\r\\x85"),
        ('v', true) => set!("\\n-\\r\\x85\\x{2028}\\x{2029}"),
        ('V', false) => set!(not "\\n-\\r\\x85"),
        ('V', true) => set!(not "\\n-\\r\\x85\\x{2028}\\x{2029}"),
        ('N', _) => set!(not "\\n"),
        ('R', false) => ("(?:\\r\\n|[\\n-\\r\\x85])", "R"),
        ('R', true) => ("(?:\\r\\n|[\\n-\\r\\x85\\x{2028}\\x{2029}])", "R"),
        ('Z', _) => ("(?:\\n?\\z)", "Z"),
        ('e', _) => ("\\x1b", "\\x1b"),
        // Outside classes they are the starts and ends of words elsewhere, and here themselves.
        ('<', _) => ("<", "<"),
        ('>', _) => (">", ">"),
        _ => return None,
    })
}

/// With `utf` alone these stay ASCII.
const fn ascii_class(letter: char) -> Option<(&'static str, &'static str)> {
    Some(match letter {
        'd' => set!("0-9"),
        'D' => set!(not "0-9"),
        's' => set!("\\t-\\r\\x20"),
        'S' => set!(not "\\t-\\r\\x20"),
        'w' => set!("0-9A-Za-z_"),
        'W' => set!(not "0-9A-Za-z_"),
        'b' => ("(?-u:\\b)", "\\x08"),
        _ => return None,
    })
}

impl<'p> Translated<'p> {
    pub(super) fn new(pattern: &'p str, options: ExpressionOptions) -> Self {
        let mut this = Self {
            pattern,
            text: String::with_capacity(pattern.len() + 16),
            pieces: Vec::new(),
            set_operation: false,
            reference: false,
        };
        this.translate(options);
        this
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }

    pub(super) fn has_set_operation(&self) -> bool {
        self.set_operation
    }

    /// It may refer to a group; `(?P=` is how Python does.
    pub(super) fn refers_back(&self) -> bool {
        self.reference || self.text.contains("(?P=")
    }

    fn put(&mut self, at: usize, piece: &str) {
        self.pieces.push((self.text.len(), at));
        self.text.push_str(piece);
    }

    fn put_char(&mut self, at: usize, piece: char) {
        self.pieces.push((self.text.len(), at));
        self.text.push(piece);
    }

    fn translate(&mut self, options: ExpressionOptions) {
        let pattern = self.pattern;
        let mut at = 0;
        // Where the class begins whose end has not come; a `]` right at its beginning does not end it.
        let mut within = false;
        while let Some(c) = pattern.get(at..).and_then(|rest| rest.chars().next()) {
            let next = at + c.len_utf8();
            let rest = pattern.get(next..).unwrap_or("");
            match c {
                '\\' => at = self.escape(at, rest, within, options),
                ']' if within => {
                    within = false;
                    self.put(at, "]");
                    at = next;
                }
                '[' if within => {
                    // `[:alpha:]`, or a bracket.
                    let posix = rest.starts_with(':').then(|| rest.find(":]")).flatten();
                    match posix {
                        Some(end) => {
                            self.put(at, pattern.get(at..next + end + 2).unwrap_or(""));
                            at = next + end + 2;
                        }
                        None => {
                            self.put(at, "\\[");
                            at = next;
                        }
                    }
                }
                // Operators on sets, which PCRE2 does not have.
                '#' if options.extended && !within => {
                    let end = rest.find('\n').map_or(pattern.len(), |end| next + end + 1);
                    self.put(at, pattern.get(at..end).unwrap_or(""));
                    at = end;
                }
                '&' | '~' if within => {
                    self.put(at, if c == '&' { "\\&" } else { "\\~" });
                    at = next;
                }
                '[' => {
                    within = true;
                    let not = usize::from(rest.starts_with('^'));
                    let end = next + not + usize::from(rest.get(not..).is_some_and(|rest| rest.starts_with(']')));
                    self.put(at, pattern.get(at..next + not).unwrap_or(""));
                    if end > next + not {
                        self.put(next + not, "\\]");
                    }
                    at = end;
                }
                '{' if !within && !is_count(rest) => {
                    self.put(at, "\\{");
                    at = next;
                }
                // Before a newline that ends the page, too.
                '$' if !within && !options.dollar_endonly => {
                    self.put(at, "(?:$|\\n\\z)");
                    at = next;
                }
                // In a class they count with `extended` too, and the other spelling would leave them out.
                c if within && (c == '#' || c.is_ascii_whitespace() || c == '\u{b}') => {
                    self.put(at, &format!("\\x{:02x}", u32::from(c)));
                    at = next;
                }
                c => {
                    self.set_operation |= within && c == '-' && rest.starts_with('-');
                    self.put_char(at, c);
                    at = next;
                }
            }
        }
    }

    /// A backslash and what it belongs to; gives where to go on.
    fn escape(&mut self, at: usize, rest: &str, within: bool, options: ExpressionOptions) -> usize {
        let Some(letter) = rest.chars().next() else {
            self.put(at, "\\");
            return at + 1;
        };
        let next = at + 1 + letter.len_utf8();
        if letter == 'Q' {
            let quoted = rest.get(1..).unwrap_or("");
            let (quoted, length) = quoted.find("\\E").map_or((quoted, quoted.len()), |end| (&quoted[..end], end + 2));
            for (offset, c) in quoted.char_indices() {
                // What is quoted counts, blanks with `extended` too.
                let piece = match c.is_ascii_whitespace() || c == '\u{b}' {
                    true => format!("\\x{:02x}", u32::from(c)),
                    false => regex_syntax::escape(c.encode_utf8(&mut [0; 4])),
                };
                self.put(next + offset, &piece);
            }
            return next + length;
        }
        if letter == 'E' {
            return next;
        }
        self.reference |= !within && matches!(letter, '1'..='9' | 'g' | 'k');
        let known = match (class(letter, options.utf), options.utf && !options.ucp) {
            (None, true) => ascii_class(letter),
            (None, false) if letter == 'b' && within => Some(("\\b", "\\x08")),
            (known, _) => known,
        };
        match known {
            Some((outside, inside)) => self.put(at, if within { inside } else { outside }),
            None => self.put(at, self.pattern.get(at..next).unwrap_or("")),
        }
        // What counts how often, or names a character, is no brace of its own.
        if let ('x' | 'p' | 'P' | 'o' | 'g' | 'k', Some(end)) = (letter, rest.find('}'))
            && rest.get(1..).is_some_and(|rest| rest.starts_with('{'))
        {
            self.put(next, self.pattern.get(next..at + 1 + end + 1).unwrap_or(""));
            return at + 1 + end + 1;
        }
        next
    }

    /// The place in the pattern that a place in the text came from.
    fn back(&self, text: usize) -> usize {
        let piece = self.pieces.partition_point(|(start, _)| *start <= text);
        let Some((start, at)) = piece.checked_sub(1).and_then(|piece| self.pieces.get(piece)) else { return 0 };
        let longest = self.pieces.get(piece).map_or(self.pattern.len(), |(_, next)| *next);
        (at + (text - start)).min(longest.max(*at))
    }

    fn problem(&self, span: &ast::Span, what: impl Into<String>) -> Problem {
        let start = self.pattern.floor_char_boundary(self.back(span.start.offset));
        let mut end = self.pattern.ceil_char_boundary(self.back(span.end.offset).min(self.pattern.len()));
        if end <= start {
            end = self.pattern.ceil_char_boundary((start + 1).min(self.pattern.len()));
        }
        Problem { at: start..end, what: what.into() }
    }

    /// Looks for what cannot be done, and for what would mean another thing than in PCRE2.
    pub(super) fn examine(&self, options: ExpressionOptions) -> Result<(), Fault> {
        let mut parser = ast::parse::ParserBuilder::new();
        parser.nest_limit(DEEPEST).ignore_whitespace(options.extended);
        let tree = parser.build().parse(&self.text).map_err(|error| self.syntax(error.span(), error.kind()))?;
        if let Err((span, what)) = ast::visit(&tree, Strangers) {
            return Err(Fault { problem: self.problem(&span, what), needs_steps: what == POSSESSIVE });
        }
        let whole = ParserBuilder::new()
            .nest_limit(DEEPEST)
            .utf8(false)
            .unicode(options.utf)
            .case_insensitive(options.caseless)
            .multi_line(options.multiline)
            .dot_matches_new_line(options.dotall)
            .ignore_whitespace(options.extended)
            .swap_greed(options.ungreedy)
            .build()
            .parse(&self.text);
        match whole {
            Ok(_) => Ok(()),
            Err(Error::Parse(error)) => Err(self.syntax(error.span(), error.kind())),
            Err(Error::Translate(error)) => {
                let beyond = [ErrorKind::UnicodeNotAllowed, ErrorKind::UnicodePropertyNotFound];
                let what = if !options.utf && beyond.contains(error.kind()) {
                    "a character beyond ASCII in a class, which takes the option `utf`".to_owned()
                } else {
                    format!("an error: {}", error.kind())
                };
                Err(self.problem(error.span(), what).into())
            }
            Err(other) => Err(Problem { at: 0..self.pattern.len(), what: format!("an error: {other}") }.into()),
        }
    }

    fn syntax(&self, span: &ast::Span, kind: &ast::ErrorKind) -> Fault {
        let problem = match SYNTAX.iter().find(|(known, _)| known == kind) {
            Some((_, what)) => self.problem(span, *what),
            None => self.problem(span, format!("an error: {kind}")),
        };
        // A reference by name is an escape that `regex_syntax` does not have.
        let by_name = *kind == ast::ErrorKind::EscapeUnrecognized
            && self.text.get(span.start.offset..span.end.offset) == Some("\\k");
        Fault { problem, needs_steps: by_name || STEPS.contains(kind) }
    }
}

/// Errors that people make, in words of their own; all others tell themselves.
const SYNTAX: [(ast::ErrorKind, &str); 12] = [
    (ast::ErrorKind::UnsupportedBackreference, "a reference to a group that is not understood"),
    (ast::ErrorKind::UnsupportedLookAround, "a look ahead or behind that is not understood"),
    (ast::ErrorKind::FlagUnrecognized, "a kind of group or a flag that is not understood"),
    (ast::ErrorKind::GroupUnclosed, "a group that is not closed"),
    (ast::ErrorKind::GroupUnopened, "a `)` that closes nothing"),
    (ast::ErrorKind::ClassUnclosed, "a class that is not closed"),
    (ast::ErrorKind::ClassRangeInvalid, "a range whose end comes before its beginning"),
    (ast::ErrorKind::RepetitionMissing, "a quantifier with nothing before it"),
    (ast::ErrorKind::RepetitionCountInvalid, "a quantifier whose most is less than its least"),
    (ast::ErrorKind::EscapeUnexpectedEof, "a backslash at its end"),
    (ast::ErrorKind::EscapeUnrecognized, "an escape that is not understood"),
    (ast::ErrorKind::NestLimitExceeded(DEEPEST), "groups in groups without end"),
];

/// Of them those at what an automaton cannot do, or `regex_syntax` does not read: groups of other kinds, which begin as flags do.
const STEPS: [ast::ErrorKind; 3] =
    [ast::ErrorKind::UnsupportedBackreference, ast::ErrorKind::UnsupportedLookAround, ast::ErrorKind::FlagUnrecognized];

const POSSESSIVE: &str = "a possessive quantifier that is not understood";

/// Whether what follows a `{` makes it a quantifier.
fn is_count(rest: &str) -> bool {
    let Some((count, _)) = rest.split_once('}') else { return false };
    let number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    match count.split_once(',') {
        Some((least, most)) => number(least) && (most.is_empty() || number(most)),
        None => number(count),
    }
}

/// Finds what both can read, and take for different things.
struct Strangers;

impl Visitor for Strangers {
    type Output = ();
    type Err = (ast::Span, &'static str);

    fn finish(self) -> Result<(), Self::Err> {
        Ok(())
    }

    fn visit_pre(&mut self, tree: &Ast) -> Result<(), Self::Err> {
        if let Ast::Repetition(outer) = tree
            && let Ast::Repetition(_) = *outer.ast
        {
            return Err((outer.op.span, POSSESSIVE));
        }
        if let Ast::Assertion(assertion) = tree {
            let ours = matches!(
                assertion.kind,
                AssertionKind::StartLine
                    | AssertionKind::EndLine
                    | AssertionKind::StartText
                    | AssertionKind::EndText
                    | AssertionKind::WordBoundary
                    | AssertionKind::NotWordBoundary
            );
            if !ours {
                return Err((assertion.span, "an escape that PCRE2 takes for another thing"));
            }
        }
        let flags = if let Ast::Flags(set) = tree {
            Some(&set.flags)
        } else if let Ast::Group(group) = tree {
            group.flags()
        } else {
            None
        };
        for item in flags.iter().flat_map(|flags| &flags.items) {
            if let FlagsItemKind::Flag(ast::Flag::CRLF) = item.kind {
                return Err((item.span, "recursion, which is not done here"));
            }
            // Our own translation says so of `\b`.
            if let FlagsItemKind::Flag(ast::Flag::Unicode) = item.kind
                && !matches!(tree, Ast::Group(group) if is_word_boundary(&group.ast))
            {
                return Err((item.span, "a flag that PCRE2 does not have"));
            }
        }
        Ok(())
    }

    fn visit_class_set_binary_op_pre(&mut self, operation: &ast::ClassSetBinaryOp) -> Result<(), Self::Err> {
        Err((operation.span, "`--` in a class, which PCRE2 takes for a range: write the hyphen as `\\-`"))
    }
}

fn is_word_boundary(tree: &Ast) -> bool {
    matches!(tree, Ast::Assertion(assertion) if assertion.kind == AssertionKind::WordBoundary)
}
