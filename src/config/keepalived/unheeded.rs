//! Words of a block that comes to nothing: one that is not done yet, or whose server or service is left out.
//!
//! They have no effect, and yet a slip among them is one that keepalived reads today and that counts here tomorrow. So each
//! is held against its row in the table, and nothing is made of it.

use super::super::diagnostic::{Code, Diagnostic};
use super::super::page;
use super::keywords::{self, Keyword, Kind, Place, Takes};
use super::tree::{Statement, Value};
use super::values::Instead;
use super::walk::Walk;

/// Why nothing comes of the block that is being read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// Something does.
    Heeded,
    /// It is not done yet; keepalived reads it.
    NotDone,
    /// It belongs to what is left out, which keepalived steps over too.
    LeftOut,
    /// The word itself is not done yet.
    WordNotDone,
}

impl Fate {
    /// What becomes of a bad value where no value has an effect.
    const fn instead(self) -> Instead {
        Instead(match self {
            Self::Heeded | Self::NotDone | Self::LeftOut => {
                "of no consequence here, since the block around it has no effect"
            }
            Self::WordNotDone => "of no consequence here, since the word has no effect yet",
        })
    }
}

/// Whether a word stands alone that needs a value.
pub(super) fn lacks(keyword: &Keyword, statement: Statement<'_>) -> bool {
    let needed = match keyword.takes {
        Takes::One(_) | Takes::Several(_) | Takes::Named(_) => true,
        Takes::Either(_) => statement.block().is_none(),
        Takes::Nothing | Takes::Optional(_) | Takes::Any(_) | Takes::Block => false,
    };
    needed && statement.arity() == 0
}

/// Says that a word in a block that is stepped over lacks its value, if so: elsewhere keepalived exits at that.
pub(super) fn lacks_value(walk: &mut Walk<'_>, place: Place, keyword: &Keyword, statement: Statement<'_>) -> bool {
    let Some(span) = statement.span().filter(|_| lacks(keyword, statement)) else { return false };
    let expected = keyword.takes.kind().map(Kind::expected).unwrap_or_default();
    let help = match keywords::ends_keepalived(place, keyword) {
        true => "of no consequence while the block around it is left out; keepalived exits at it otherwise",
        false => "of no consequence, since the block around it is left out",
    };
    walk.say(
        Diagnostic::warning(Code::MissingValue, span, format!("`{}` lacks its value", statement.name()))
            .mark(format!("expected {expected} after this"))
            .help(help),
    );
    true
}

/// One word: its value against what the table says of it, and what its block holds.
pub(super) fn word(walk: &mut Walk<'_>, _: &mut (), statement: Statement<'_>) -> bool {
    let keyword = walk.keyword;
    if let (Some(kind), Some(first)) = (keyword.takes.kind(), statement.word(1)) {
        value(walk, kind, statement, first);
    }
    if let Some(place) = keyword.opens.filter(|place| place.is_block()) {
        walk.block(statement.children(), place, &mut (), word);
    }
    true
}

fn value(walk: &mut Walk<'_>, kind: Kind, statement: Statement<'_>, first: Value<'_>) {
    let idle = walk.fate.instead();
    match kind {
        Kind::Text { form, what } => text(walk, form, what, statement, first),
        Kind::Whole { what, least, most, .. } => {
            walk.number(first, least..=most, what, idle);
        }
        Kind::Seconds { what, least, most } => {
            walk.seconds(first, least..=most, what, idle);
        }
        Kind::Flag => {
            walk.flag(statement);
        }
        // Some of them are taken in either case of letters, of which the table knows nothing.
        Kind::Choice(words) if words.iter().any(|word| word.eq_ignore_ascii_case(first.text)) => {}
        Kind::Choice(words) => {
            let choices: Vec<_> = words.iter().map(|word| (*word, ())).collect();
            walk.choice(first, &choices, idle);
        }
    }
}

fn text(walk: &mut Walk<'_>, form: &str, what: &str, statement: Statement<'_>, first: Value<'_>) {
    let idle = walk.fate.instead();
    match form {
        "IP" => {
            walk.address(first, what, idle);
        }
        "INTERFACE" => {
            walk.interface(first, idle);
        }
        "IP [PORT]" => {
            super::service::endpoint(walk, statement, 1, what, idle);
        }
        "MD5" if page::digest(first.text).is_none() => {
            walk.bad(first, "an MD5 sum: 32 hexadecimal digits", idle);
        }
        "NUMBER[-NUMBER]" => {
            for range in statement.arguments().filter(|range| page::statuses(range.text).is_none()) {
                walk.bad(range, page::STATUSES, idle);
            }
        }
        _ => {}
    }
}
