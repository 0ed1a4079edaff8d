//! Routes and rules as `ip route` and `ip rule` (iproute2) take them: one line of words each, in both languages.
//!
//! A line means something as a whole or not at all: the first [`Mistake`] ends it, and the front end says what is left out.

mod encapsulation;
mod names;
mod route;
mod rule;
mod text;
mod write;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::ops::RangeInclusive;
use std::str::FromStr;

use super::source::{Sources, Span};
use super::suggest::did_you_mean;
use crate::model::Family;

pub(super) use names::{Names, SCOPES};
pub(super) use route::route;
pub(super) use rule::rule;
pub(crate) use text::{read_route, read_rule, write_route, write_rule};
pub(super) use write::{route_text, rule_text};

/// One word of a line.
#[derive(Debug, Clone, Copy)]
pub(super) struct Word<'t> {
    pub(super) text: &'t str,
    pub(super) span: Span,
}

/// Why a line, or a word of it, means nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mistake {
    /// Where.
    pub(super) at: Span,
    /// The word, if one is to blame.
    pub(super) text: Option<String>,
    /// What was expected of the word, or what is wrong as a sentence.
    pub(super) what: String,
}

impl Mistake {
    fn bad(word: Word<'_>, expected: impl Into<String>) -> Self {
        Self { at: word.span, text: Some(word.text.to_owned()), what: expected.into() }
    }

    /// As `bad`; names the nearest of the words that there are.
    fn unknown(word: Word<'_>, expected: &str, words: &[&str]) -> Self {
        match did_you_mean(word.text, words.iter().copied()) {
            Some(guess) => Self::bad(word, format!("{expected}; {guess}")),
            None => Self::bad(word, expected),
        }
    }

    fn wrong(at: Span, what: impl Into<String>) -> Self {
        Self { at, text: None, what: what.into() }
    }
}

/// The words of a line, taken one by one.
pub(super) struct Line<'t, 's> {
    words: std::vec::IntoIter<Word<'t>>,
    names: Names<'s>,
    family: Option<Family>,
    whole: Span,
}

impl<'t, 's> Line<'t, 's> {
    /// A line; none if it has no words.
    pub(super) fn new(words: Vec<Word<'t>>, sources: &'s dyn Sources) -> Option<Self> {
        let whole = words.first()?.span.to(words.last()?.span);
        // After a gateway's word it is the family of the gateway alone.
        let gateway = |index: usize| {
            let before = index.checked_sub(1).and_then(|index| words.get(index));
            before.is_some_and(|word| matches!(word.text, "via" | "gw" | "or"))
        };
        let six = words.iter().enumerate().any(|(index, word)| word.text == "inet6" && !gateway(index));
        let family = six.then_some(Family::V6);
        Some(Self { words: words.into_iter(), names: Names::new(sources), family, whole })
    }

    /// The family that its addresses are of, or else IPv4, as with `ip`.
    fn family(&self) -> Family {
        self.family.unwrap_or(Family::V4)
    }

    fn peek(&self) -> Option<Word<'t>> {
        self.words.as_slice().first().copied()
    }

    fn take(&mut self) -> Option<Word<'t>> {
        self.words.next()
    }

    /// The value of a word.
    fn value(&mut self, of: Word<'_>) -> Result<Word<'t>, Mistake> {
        self.take().ok_or_else(|| Mistake::wrong(of.span, format!("`{}` lacks its value", of.text)))
    }

    fn number<T: TryFrom<i64>>(&mut self, of: Word<'_>, allowed: RangeInclusive<i64>) -> Result<T, Mistake> {
        let value = self.value(of)?;
        number(value.text)
            .filter(|number| allowed.contains(number))
            .and_then(|number| T::try_from(number).ok())
            .ok_or_else(|| Mistake::bad(value, format!("a whole number from {} to {}", allowed.start(), allowed.end())))
    }

    fn interface(&mut self, of: Word<'_>) -> Result<String, Mistake> {
        let value = self.value(of)?;
        let possible = !value.text.is_empty()
            && value.text.len() <= 15
            && !value.text.contains(['/', ' '])
            && !matches!(value.text, "." | "..");
        if possible {
            Ok(value.text.to_owned())
        } else {
            Err(Mistake::bad(value, "an interface's name: 1 to 15 bytes"))
        }
    }

    /// An address; all of a line are of one family, but for a gateway with its family before it.
    fn address(&mut self, value: Word<'_>) -> Result<IpAddr, Mistake> {
        let address = IpAddr::from_str(value.text).map_err(|_| Mistake::bad(value, "an IP address"))?;
        self.of_family(address, value)?;
        Ok(address)
    }

    /// `ADDRESS[/LENGTH]`, `default`, `any` or `all`.
    fn prefix(&mut self, value: Word<'_>) -> Result<(IpAddr, u8), Mistake> {
        const EXPECTED: &str = "an address with a prefix, or `default`";
        if matches!(value.text, "default" | "any" | "all") {
            // Its family shows at the end of the line.
            return Ok((IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0));
        }
        let (text, length) = match value.text.split_once('/') {
            Some((text, length)) => (text, Some(length)),
            None => (value.text, None),
        };
        let address = IpAddr::from_str(text).map_err(|_| Mistake::bad(value, EXPECTED))?;
        self.of_family(address, value)?;
        let longest = if address.is_ipv4() { 32 } else { 128 };
        match length.map(u8::from_str) {
            None => Ok((address, longest)),
            Some(Ok(length)) if length <= longest => Ok((address, length)),
            Some(_) => Err(Mistake::bad(value, format!("a prefix of 0 to {longest} bits"))),
        }
    }

    fn of_family(&mut self, address: IpAddr, value: Word<'_>) -> Result<(), Mistake> {
        let family = Family::of(address);
        match self.family {
            Some(other) if other != family => {
                Err(Mistake::wrong(value.span, format!("{} is not {other}, as the rest of the line is", value.text)))
            }
            Some(_) | None => {
                self.family = Some(family);
                Ok(())
            }
        }
    }

    /// `default` in the family of the line.
    fn settled(&self, (address, length): (IpAddr, u8)) -> (IpAddr, u8) {
        match (self.family(), length) {
            (Family::V6, 0) => (IpAddr::V6(Ipv6Addr::UNSPECIFIED), 0),
            (Family::V4 | Family::V6, _) => (address, length),
        }
    }
}

/// A number as `ip` reads it: decimal, or hexadecimal after `0x`.
fn number(text: &str) -> Option<i64> {
    match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some(digits) if digits.bytes().all(|digit| digit.is_ascii_hexdigit()) => i64::from_str_radix(digits, 16).ok(),
        Some(_) => None,
        None if text.bytes().all(|digit| digit.is_ascii_digit()) => text.parse().ok(),
        None => None,
    }
}
