//! Lines of words: haproxy's quotes, escapes, comments and variables.
//!
//! A line is a statement; nothing goes over its end. Outside quotes a backslash takes the next character as it is, and `#`
//! begins a comment wherever it stands. Double quotes keep blanks and take variables, which stand nowhere else; single quotes
//! keep everything. Lines come one by one, so that a file of any size is never twice in memory.

use std::collections::{HashMap, HashSet};

use crate::config::diagnostic::{Code, Diagnostic};
use crate::config::report::Report;
use crate::config::source::{FileId, Sources, Span};

/// haproxy takes no more words on one line.
const MOST_WORDS: usize = 64;

/// One word, without its quotes.
#[derive(Debug, Clone)]
pub(super) struct Word {
    pub(super) text: String,
    pub(super) span: Span,
}

/// The environment as the file has changed it so far.
pub(super) struct Environment<'s> {
    sources: &'s dyn Sources,
    set: HashMap<String, Option<String>>,
    /// `resetenv`: of what was there before, only these are left.
    kept: Option<HashSet<String>>,
}

impl<'s> Environment<'s> {
    pub(super) fn new(sources: &'s dyn Sources) -> Self {
        Self { sources, set: HashMap::new(), kept: None }
    }

    fn get(&self, name: &str) -> Option<String> {
        if let Some(value) = self.set.get(name) {
            return value.clone();
        }
        let kept = self.kept.as_ref().is_none_or(|kept| kept.contains(name));
        kept.then(|| self.sources.variable(name)).flatten()
    }

    /// What `setenv` and its like do to the lines below them.
    pub(super) fn line(&mut self, words: &[Word]) {
        let Some((keyword, rest)) = words.split_first() else { return };
        match (keyword.text.as_str(), rest) {
            ("setenv", [name, value, ..]) => {
                self.set.insert(name.text.clone(), Some(value.text.clone()));
            }
            ("presetenv", [name, value, ..]) if self.get(&name.text).is_none() => {
                self.set.insert(name.text.clone(), Some(value.text.clone()));
            }
            ("unsetenv", names) => self.set.extend(names.iter().map(|name| (name.text.clone(), None))),
            ("resetenv", names) => {
                let kept: HashSet<String> = names.iter().map(|name| name.text.clone()).collect();
                self.set.retain(|name, _| kept.contains(name));
                self.kept = Some(kept);
            }
            _ => {}
        }
    }
}

/// The words of one line, which lies in the text at `range`; none if it makes no sense, which is said.
pub(super) fn words(
    file: FileId,
    text: &str,
    start: usize,
    environment: &Environment<'_>,
    report: &mut Report,
) -> Option<Vec<Word>> {
    let mut lexer = Lexer { file, text, start, at: 0, words: Vec::new(), word: None, environment, report };
    lexer.run().then_some(lexer.words)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Quoting {
    None,
    Single,
    Double,
}

struct Lexer<'l> {
    file: FileId,
    text: &'l str,
    /// Where the line begins in the file.
    start: usize,
    at: usize,
    words: Vec<Word>,
    /// The word that is being read, and where it began.
    word: Option<(usize, String)>,
    environment: &'l Environment<'l>,
    report: &'l mut Report,
}

impl Lexer<'_> {
    fn span(&self, from: usize, to: usize) -> Span {
        Span::new(self.file, self.start + from..self.start + to)
    }

    fn rest(&self) -> &str {
        self.text.get(self.at..).unwrap_or("")
    }

    fn put(&mut self, from: usize, text: &str) {
        self.word.get_or_insert_with(|| (from, String::new())).1.push_str(text);
    }

    fn end_word(&mut self, at: usize) {
        if let Some((from, text)) = self.word.take() {
            let span = self.span(from, at);
            self.words.push(Word { text, span });
        }
    }

    fn run(&mut self) -> bool {
        let mut quoting = Quoting::None;
        let mut opened = 0;
        while let Some(c) = self.rest().chars().next() {
            let from = self.at;
            self.at += c.len_utf8();
            match (c, quoting) {
                ('\'', Quoting::None) => (quoting, opened) = (Quoting::Single, from),
                ('"', Quoting::None) => (quoting, opened) = (Quoting::Double, from),
                ('\'', Quoting::Single) | ('"', Quoting::Double) => quoting = Quoting::None,
                ('#', Quoting::None) => {
                    self.end_word(from);
                    return true;
                }
                (' ' | '\t' | '\r', Quoting::None) => {
                    self.end_word(from);
                    if self.words.len() >= MOST_WORDS {
                        let span = self.span(from, self.text.len());
                        let message = format!("more than {MOST_WORDS} words on one line");
                        self.report
                            .add(Diagnostic::error(Code::ExtraValue, span, message).help("the line is left out"));
                        return false;
                    }
                    continue;
                }
                ('\\', Quoting::None | Quoting::Double) => {
                    if !self.escape(from) {
                        return false;
                    }
                    continue;
                }
                ('$', Quoting::Double) => {
                    self.variable(from);
                    continue;
                }
                (c, Quoting::None | Quoting::Single | Quoting::Double) => {
                    self.put(from, c.encode_utf8(&mut [0; 4]));
                    continue;
                }
            }
            // A quote makes a word, even of nothing.
            self.put(from, "");
        }
        if quoting != Quoting::None {
            let span = self.span(opened, self.text.len());
            let unclosed = Diagnostic::error(Code::Quote, span, "this quote is not closed on its line");
            self.report.add(unclosed.help("close it; the line is left out"));
            return false;
        }
        self.end_word(self.text.len());
        true
    }

    /// What follows a backslash.
    fn escape(&mut self, from: usize) -> bool {
        let Some(c) = self.rest().chars().next() else {
            let span = self.span(from, self.at);
            let lone = Diagnostic::error(Code::Quote, span, "a backslash at the end of a line escapes nothing");
            self.report.add(lone.help("a statement cannot go on in the next line; the line is left out"));
            return false;
        };
        self.at += c.len_utf8();
        match c {
            'n' => self.put(from, "\n"),
            'r' => self.put(from, "\r"),
            't' => self.put(from, "\t"),
            'x' => {
                let code = self.rest().get(..2).and_then(|digits| u8::from_str_radix(digits, 16).ok());
                match code {
                    Some(code) => {
                        self.at += 2;
                        self.put(from, char::from(code).encode_utf8(&mut [0; 4]));
                    }
                    None => self.put(from, "\\x"),
                }
            }
            ' ' | '\t' | '#' | '\\' | '\'' | '"' | '$' => self.put(from, c.encode_utf8(&mut [0; 4])),
            c => {
                self.put(from, "\\");
                self.put(from, c.encode_utf8(&mut [0; 4]));
            }
        }
        true
    }

    /// `$NAME`, `${NAME}`, `${NAME-default}`, `${NAME[*]}`, inside double quotes.
    fn variable(&mut self, from: usize) {
        let braced = self.rest().starts_with('{');
        let inner = self.rest().get(usize::from(braced)..).unwrap_or("");
        let length =
            inner.bytes().take_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.')).count();
        let name = inner.get(..length).unwrap_or("").to_owned();
        let mut after = inner.get(length..).unwrap_or("");
        let (mut several, mut default) = (false, None);
        if braced {
            if let Some(rest) = after.strip_prefix("[*]") {
                (several, after) = (true, rest);
            }
            if let Some(rest) = after.strip_prefix('-') {
                let end = rest.find(['}', '"']).unwrap_or(rest.len());
                default = rest.get(..end).map(str::to_owned);
                after = rest.get(end..).unwrap_or("");
            }
        }
        let closed = !braced || after.starts_with('}');
        if name.is_empty() || !closed {
            let span = self.span(from, self.at);
            let odd = Diagnostic::error(Code::Expansion, span, "no variable can be read here");
            self.report.add(odd.help("write `$NAME` or `${NAME}`; a dollar sign as such is `\\$` in double quotes"));
            self.put(from, "$");
            return;
        }
        self.at = self.text.len() - after.len() + usize::from(braced);
        let value = self.environment.get(&name).or(default).unwrap_or_else(|| {
            let span = self.span(from, self.at);
            // Pseudo-variables, and those that haproxy sets for itself.
            let unset = Diagnostic::error(Code::UnknownName, span, format!("`{name}` is not set here"));
            self.report.add(unset.help(
                "it is a variable of haproxy's environment: give it to this command too, as in `NAME=value ipvsctl convert ...`",
            ));
            String::new()
        });
        if !several {
            self.put(from, &value);
            return;
        }
        for (index, part) in value.split_whitespace().enumerate() {
            if index > 0 {
                self.end_word(self.at);
            }
            self.put(from, part);
        }
    }
}
