//! Words to values, with a remark where that fails: what was written, what was expected, and what happens instead.

use std::net::{IpAddr, Ipv4Addr};
use std::ops::RangeInclusive;
use std::str::FromStr;
use std::time::Duration;

use super::super::diagnostic::{Code, Diagnostic};
use super::super::interfaces::remark_on_slip;
use super::super::report::Report;
use super::super::source::Span;
use super::super::suggest;
use super::hint;
use super::keywords::{self, Kind};
use super::tree::{Statement, Value};
use super::walk::Walk;

/// What becomes of a bad value.
#[derive(Debug, Clone, Copy)]
pub(super) struct Instead(pub(super) &'static str);

/// The line is as if it were not there.
pub(super) const IGNORED: Instead = Instead("ignored, as in keepalived: the default holds");

/// A sign that a template was never filled in.
pub(in crate::config) fn placeholder(text: &str) -> Option<&'static str> {
    let bytes = text.as_bytes();
    if text.contains("${") || (bytes.first() == Some(&b'$') && bytes.get(1).is_some_and(u8::is_ascii_alphabetic)) {
        return Some("a variable that nobody defined");
    }
    if text.contains("{{") || (text.starts_with('<') && text.contains('>')) || text.starts_with("__") {
        return Some("a placeholder");
    }
    let segments = || text.split(['.', '/']);
    if text.contains('.') && segments().any(|s| matches!(s, "x" | "X" | "xx" | "XX" | "xxx" | "XXX")) {
        return Some("a placeholder");
    }
    // `eth\u{fc}` is a name with a slip in it, and no prose.
    let first = text.chars().find(|c| c.is_alphabetic());
    first.is_some_and(|c| !c.is_ascii()).then_some("a description where the value should be")
}

/// The name of the first variable that a text uses, or means to use.
fn variable(text: &str) -> Option<&str> {
    let (_, after) = text.split_once('$')?;
    let after = after.strip_prefix('{').unwrap_or(after);
    let end = after.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(after.len());
    after.get(..end).filter(|name| !name.is_empty())
}

/// What is wrong with the use of a variable that the file does define: where it is defined, what that means, and what to do.
pub(super) fn misused(report: &Report, text: &str, used: Span) -> Option<(Span, &'static str, String)> {
    let name = variable(text)?;
    let defined = report.definition(name)?;
    let later = defined.file.index() != used.file.index() || defined.start > used.start;
    Some(if later {
        let help = format!("a variable holds from its definition on: move `${name}=...` above its first use");
        (defined, "it is defined only here, after this use", help)
    } else {
        let help = format!("without braces a name goes up to a blank, `,` or `)`: write `${{{name}}}`");
        (defined, "defined here", help)
    })
}

/// Whether a text has a template's `{{ name }}` in it. Programs have templates of their own, as in `docker inspect -f
/// '{{.State.Running}}'`: what begins with a dot is of those.
pub(super) fn is_unfilled(text: &str) -> bool {
    let mut rest = text;
    while let Some((_, after)) = rest.split_once("{{") {
        let Some((inside, after)) = after.split_once("}}") else { return false };
        if !inside.split_whitespace().any(|part| part.starts_with('.')) {
            return true;
        }
        rest = after;
    }
    false
}

impl Walk<'_> {
    /// Says that a value cannot be.
    pub(super) fn bad(&mut self, value: Value<'_>, expected: &str, instead: Instead) {
        let shown: String = value.text.chars().take(60).collect();
        let template = placeholder(value.text);
        // A remark that hangs on a value: `100,the higher wins` in another script.
        let remark =
            template.is_some() && !value.text.is_ascii() && value.text.starts_with(|c: char| c.is_ascii_digit());
        if let Some((defined, here, help)) = misused(self.report, value.text, value.span) {
            let message = format!("`{shown}` is not filled in, though the file defines it");
            let said = Diagnostic::error(Code::Placeholder, value.span, message).mark(format!("expected {expected}"));
            return self.say(said.and(defined, here).help(help));
        }
        if let Some((meant, letter)) = hint::lookalike(value.text) {
            let number = u32::from(letter);
            let said = Diagnostic::warning(Code::BadValue, value.span, format!("`{shown}` is not {expected}"))
                .mark(format!("did you mean `{meant}`?"))
                .help(format!(
                    "`{letter}` (U+{number:04X}) is a letter of another script that looks like one of these"
                ));
            return self.say(said.help(instead.0));
        }
        self.say(match template.filter(|_| !remark) {
            Some(what) => {
                let severe = value.text.contains('$') || value.text.contains("{{");
                let build = if severe { Diagnostic::error } else { Diagnostic::warning };
                build(Code::Placeholder, value.span, format!("`{shown}` was never filled in"))
                    .mark(format!("{what}; expected {expected}"))
                    .help(if severe {
                        "fill in the template that this file comes from, or define it above: `$NAME=value`"
                    } else {
                        instead.0
                    })
            }
            None => {
                let quotes = value.text.contains(['\u{201c}', '\u{201d}', '\u{2018}', '\u{2019}']);
                Diagnostic::warning(Code::BadValue, value.span, format!("`{shown}` is not {expected}"))
                    .help_if(remark.then(|| "a remark needs a blank and `#` before it".to_owned()))
                    .help_if(hint::form(value.text))
                    .help_if(quotes.then(|| "it holds typographic quotes; plain ones are `\"`".to_owned()))
                    .help(instead.0)
            }
        });
    }

    /// A whole number.
    pub(super) fn number(
        &mut self,
        value: Value<'_>,
        allowed: RangeInclusive<i64>,
        what: &str,
        instead: Instead,
    ) -> Option<i64> {
        let text = value.text.strip_prefix('+').unwrap_or(value.text);
        match i64::from_str(text) {
            Ok(number) if allowed.contains(&number) => Some(number),
            Ok(_) | Err(_) => {
                let expected = format!("{what}: a whole number from {} to {}", allowed.start(), allowed.end());
                self.bad(value, &expected, instead);
                None
            }
        }
    }

    /// A whole number that fits a type.
    pub(super) fn fits<T: TryFrom<i64>>(
        &mut self,
        value: Value<'_>,
        allowed: RangeInclusive<i64>,
        what: &str,
        instead: Instead,
    ) -> Option<T> {
        self.number(value, allowed, what, instead).and_then(|number| T::try_from(number).ok())
    }

    /// Seconds with decimals, to the microsecond.
    pub(super) fn seconds(
        &mut self,
        value: Value<'_>,
        allowed: RangeInclusive<f64>,
        what: &str,
        instead: Instead,
    ) -> Option<Duration> {
        let plain = value.text.bytes().all(|b| b.is_ascii_digit() || b == b'.');
        let seconds = if plain { f64::from_str(value.text).ok() } else { None };
        match seconds.filter(|seconds| allowed.contains(seconds)).map(Duration::try_from_secs_f64) {
            Some(Ok(duration)) => Some(Duration::from_nanos_u128(duration.as_nanos().div_ceil(500) / 2 * 1_000)),
            Some(Err(_)) | None => {
                let expected = format!("{what}: seconds from {} to {}", allowed.start(), allowed.end());
                self.bad(value, &expected, instead);
                None
            }
        }
    }

    /// A whole number in the range that the word's row in the table has.
    pub(super) fn whole<T: TryFrom<i64>>(&mut self, value: Value<'_>, instead: Instead) -> Option<T> {
        match self.keyword.takes.kind() {
            Some(Kind::Whole { what, least, most, .. }) => self.fits(value, least..=most, what, instead),
            Some(Kind::Text { .. } | Kind::Seconds { .. } | Kind::Flag | Kind::Choice(_)) | None => {
                debug_assert!(false, "`{}` takes no whole number, says the table", self.keyword.name);
                None
            }
        }
    }

    /// Seconds in the range that the word's row in the table has.
    pub(super) fn time(&mut self, value: Value<'_>, instead: Instead) -> Option<Duration> {
        match self.keyword.takes.kind() {
            Some(Kind::Seconds { what, least, most }) => self.seconds(value, least..=most, what, instead),
            Some(Kind::Text { .. } | Kind::Whole { .. } | Kind::Flag | Kind::Choice(_)) | None => {
                debug_assert!(false, "`{}` takes no seconds, says the table", self.keyword.name);
                None
            }
        }
    }

    /// The range that the word's row in the table has.
    pub(super) fn range(&self) -> String {
        self.keyword.takes.kind().and_then(Kind::range).unwrap_or_default()
    }

    /// An address of either family.
    pub(super) fn address(&mut self, value: Value<'_>, what: &str, instead: Instead) -> Option<IpAddr> {
        let parsed = IpAddr::from_str(value.text).ok();
        if parsed.is_none() {
            self.bad(value, what, instead);
        }
        parsed
    }

    /// An address of one family.
    pub(super) fn address_v4(&mut self, value: Value<'_>, what: &str, instead: Instead) -> Option<Ipv4Addr> {
        let parsed = Ipv4Addr::from_str(value.text).ok();
        if parsed.is_none() {
            self.bad(value, what, instead);
        }
        parsed
    }

    /// A group that adverts go to.
    pub(super) fn multicast(&mut self, value: Value<'_>) -> Option<IpAddr> {
        const WHAT: &str = "a multicast address";
        let parsed = self.address(value, WHAT, IGNORED)?;
        if parsed.is_multicast() {
            return Some(parsed);
        }
        self.bad(value, WHAT, IGNORED);
        None
    }

    /// A port.
    pub(super) fn port(&mut self, value: Value<'_>, instead: Instead) -> Option<u16> {
        self.fits(value, 1..=65_535, "a port", instead)
    }

    /// One of a few words.
    pub(super) fn choice<T: Copy>(&mut self, value: Value<'_>, choices: &[(&str, T)], instead: Instead) -> Option<T> {
        if let Some((_, found)) = choices.iter().find(|(name, _)| *name == value.text) {
            return Some(*found);
        }
        let names: Vec<_> = choices.iter().map(|(name, _)| *name).collect();
        let mut unique = names.clone();
        unique.dedup();
        match (placeholder(value.text), suggest::nearest(value.text, names.iter().copied())) {
            (None, Some(near)) => self.say(
                Diagnostic::warning(Code::BadValue, value.span, format!("`{}` is not {}", value.text, listed(&unique)))
                    .help(keywords::foreign_value(value.text).unwrap_or_else(|| format!("did you mean `{near}`?")))
                    .help(instead.0),
            ),
            (Some(_), _) | (None, None) => self.bad(value, &listed(&unique), instead),
        }
        None
    }

    /// `[BOOL]`: bare means yes.
    pub(super) fn flag(&mut self, statement: Statement<'_>) -> Option<bool> {
        const CHOICES: [(&str, bool); 6] =
            [("on", true), ("off", false), ("true", true), ("false", false), ("yes", true), ("no", false)];
        match statement.word(1) {
            None => Some(true),
            Some(value) => self.choice(value, &CHOICES, IGNORED),
        }
    }

    /// An interface's name as the kernel takes it.
    pub(super) fn interface(&mut self, value: Value<'_>, instead: Instead) -> Option<String> {
        let text = value.text;
        let possible =
            !text.is_empty() && text.len() <= 15 && !text.contains(['/', ' ']) && text != "." && text != "..";
        if !possible || placeholder(text).is_some() {
            self.bad(value, "an interface's name: 1 to 15 bytes", instead);
            return None;
        }
        self.report.note_interface(text, value.span);
        self.report.add_if(remark_on_slip(text, value.span));
        Some(text.to_owned())
    }
}

/// `a`, `b` or `c`.
fn listed(names: &[&str]) -> String {
    let quoted: Vec<_> = names.iter().map(|name| format!("`{name}`")).collect();
    match quoted.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, rest)) => format!("{} or {last}", rest.join(", ")),
        None => String::new(),
    }
}
