//! What a word, a key or a code means: the table of words, what the language has beside them, the reference of our own
//! language and the articles on codes, looked up by name.

mod construct;
mod key;
mod page;
mod word;

use std::collections::BTreeSet;

use serde::Serialize;

use super::article::{Article, Example};
use super::diagnostic::Code;
use super::keepalived::keywords::{Keyword, Kind, Place};
use super::suggest;
pub use construct::Construct;
pub use key::Key;
#[cfg(test)]
pub(super) use key::is_in_reference;
pub use page::page;
pub use word::{Treatment, Word};

/// All that is known about a name.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Explanation {
    /// The name that was asked for.
    pub name: String,
    /// Words of keepalived.conf that go by it, one for each place.
    pub words: Vec<Word>,
    /// What keepalived.conf has beside words: a variable, a repetition.
    pub construct: Option<Construct>,
    /// Keys of our own language that go by it.
    pub keys: Vec<Key>,
    /// The code of a remark.
    pub code: Option<CodeText>,
}

/// What there is to say about a code of a remark.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CodeText {
    /// The code.
    pub code: &'static str,
    /// What it means.
    pub meaning: &'static str,
    /// Why it matters.
    pub matters: &'static str,
    /// Lines that bring it about, or such a case in words.
    pub example: &'static str,
    /// What to do.
    pub remedy: &'static str,
}

impl From<Code> for CodeText {
    fn from(code: Code) -> Self {
        let Article { meaning, matters, example, remedy } = code.article();
        let (Example::Keepalived(example)
        | Example::Toml(example)
        | Example::Haproxy(example)
        | Example::Described(example)) = example;
        Self { code: code.as_str(), meaning, matters, example, remedy }
    }
}

/// Explains a name; none if nothing goes by it.
#[must_use]
pub fn explain(name: &str) -> Option<Explanation> {
    let words: Vec<_> = Word::named(name).collect();
    let keys: Vec<_> = Key::all().filter(|key| key.is(name)).collect();
    let code = Code::ALL.iter().copied().find(|code| code.as_str().eq_ignore_ascii_case(name)).map(CodeText::from);
    let construct = Construct::named(name);
    let found = construct.is_some() || !words.is_empty() || !keys.is_empty() || code.is_some();
    found.then(|| Explanation { name: name.to_owned(), words, construct, keys, code })
}

/// Everything that can be explained, each name once, in the order of the alphabet.
#[must_use]
pub fn names() -> BTreeSet<String> {
    let words = Word::all().flat_map(|word| word.names().map(str::to_owned).collect::<Vec<_>>());
    let keys = Key::all().map(|key| key.name);
    let codes = Code::ALL.iter().map(|code| code.as_str().to_owned());
    let constructs = Construct::all().map(|construct| construct.name.to_owned());
    words.chain(keys).chain(codes).chain(constructs).collect()
}

/// The codes of remarks, with what each means.
#[must_use]
pub fn codes() -> Vec<CodeText> {
    Code::ALL.iter().copied().map(CodeText::from).collect()
}

/// The words that take a name as their value.
#[must_use]
pub fn words_with_value(value: &str) -> BTreeSet<&'static str> {
    Place::ALL
        .iter()
        .flat_map(|place| place.words())
        .filter(|keyword: &&Keyword| match keyword.takes.kind() {
            Some(Kind::Choice(values)) => values.iter().any(|one| one.eq_ignore_ascii_case(value)),
            Some(Kind::Text { .. } | Kind::Whole { .. } | Kind::Seconds { .. } | Kind::Flag) | None => false,
        })
        .map(|keyword| keyword.name)
        .collect()
}

/// Names that may have been meant, the nearest first.
#[must_use]
pub fn meant(name: &str) -> Vec<String> {
    let mut left = names();
    let mut found = Vec::new();
    while let (Some(near), true) = (suggest::nearest(name, left.iter().map(String::as_str)), found.len() < 3) {
        let near = near.to_owned();
        left.remove(&near);
        found.push(near);
    }
    // A part of a word is as good as a slip of the pen.
    let part = name.to_ascii_lowercase();
    let within = left.iter().filter(|name| part.len() >= 4 && name.to_ascii_lowercase().contains(&part));
    found.extend(within.take(3_usize.saturating_sub(found.len())).cloned());
    found
}
