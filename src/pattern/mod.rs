//! Regular expressions as PCRE2 writes them, matched in linear time.
//!
//! keepalived hands `regex` to PCRE2, which tries one way after another: a page can be made so that this takes for ever,
//! and all checks stand still. Here an expression becomes an automaton (the `regex` crate), whose time grows with the page
//! and no faster. [`translate`] brings PCRE2's spelling into that crate's, so that what both can say means the same:
//!
//! - literals, `.`, `|`, groups `(...)`, `(?:...)`, `(?<name>...)`, flags `(?imsxU-imsxU)`;
//! - `*`, `+`, `?`, `{n}`, `{n,}`, `{n,m}`, lazy with another `?`; a brace that counts nothing is itself;
//! - classes with ranges, `[:alpha:]` and its like, `\d \D \s \S \w \W \h \H \N \R`, with `utf` also `\p{...}`;
//! - `^`, `$`, `\A`, `\z`, `\Z`, `\b`, `\B`, `\Q...\E`, `\xhh`, `\x{hhhh}`, `\a \e \f \n \r \t \v`.
//!
//! What looks back or aside cannot be done so, and is told with its place: references to groups (`\1`, `\k<name>`), looking
//! ahead and behind (`(?=`, `(?!`, `(?<=`, `(?<!`), atomic groups and possessive quantifiers (`(?>`, `a++`), recursion,
//! conditions, callouts and verbs (`(*...)`), comments `(?#...)`.

mod translate;

use std::ops::Range;

use regex::bytes::{Regex, RegexBuilder};

use crate::model::Expression;
use translate::Translated;

/// Bytes that the program of an expression may have.
const LARGEST: usize = 256 * 1024;
/// Bytes that are spent on making the matching of one expression fast.
const CACHE: usize = 512 * 1024;
/// Groups in groups.
const DEEPEST: u32 = 64;

/// What is wrong with an expression.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Where: bytes of the pattern.
    pub at: Range<usize>,
    /// What, as one says it after "it has".
    pub what: String,
}

/// An expression, ready to be held against pages.
#[derive(Debug, Clone)]
pub struct Pattern {
    regex: Regex,
    least: usize,
    most: Option<usize>,
    first_line: bool,
}

impl Pattern {
    /// Makes an expression ready.
    ///
    /// # Errors
    ///
    /// What cannot be done, and where in the pattern it stands.
    pub fn new(expression: &Expression) -> Result<Self, Problem> {
        let options = expression.options;
        let translated = Translated::new(&expression.pattern, options);
        translated.examine(options)?;
        let regex = RegexBuilder::new(translated.text())
            .unicode(options.utf)
            .case_insensitive(options.caseless)
            .multi_line(options.multiline)
            .dot_matches_new_line(options.dotall)
            .ignore_whitespace(options.extended)
            .swap_greed(options.ungreedy)
            .nest_limit(DEEPEST)
            .size_limit(LARGEST)
            .dfa_size_limit(CACHE)
            .build();
        match regex {
            Ok(regex) => Ok(Self {
                regex,
                least: usize::try_from(expression.least_offset).unwrap_or(usize::MAX),
                most: expression.most_offset.map(|most| usize::try_from(most).unwrap_or(usize::MAX)),
                first_line: options.firstline,
            }),
            // Everything else has been looked for.
            Err(_) => Err(Problem {
                at: 0..expression.pattern.len(),
                what: format!("too much in it: counted out, it takes more than {} KiB", LARGEST / 1024),
            }),
        }
    }

    /// Whether a page matches.
    #[must_use]
    pub fn is_in(&self, page: &[u8]) -> bool {
        if page.len() < self.least {
            return false;
        }
        if self.most.is_none() && !self.first_line {
            return self.regex.is_match_at(page, self.least);
        }
        // It is the leftmost one: if it begins too late, so does every other.
        self.regex.find_at(page, self.least).is_some_and(|found| {
            let before = page.get(self.least..found.start()).unwrap_or_default();
            self.most.is_none_or(|most| found.start() <= most) && !(self.first_line && before.contains(&b'\n'))
        })
    }
}

#[cfg(test)]
mod tests;
