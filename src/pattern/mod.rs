//! Regular expressions as PCRE2 writes them, matched in linear time.
//!
//! keepalived hands `regex` to PCRE2, which tries one way after another: a page can be made so that this takes for ever,
//! and all checks stand still. Here an expression becomes an automaton (the `regex` crate), whose time grows with the page
//! and no faster. [`translate`] brings PCRE2's spelling into that crate's, so that what both can say means the same:
//!
//! - literals, `.`, `|`, groups `(...)`, `(?:...)`, `(?<name>...)`, flags `(?imsxU-imsxU)`;
//! - `*`, `+`, `?`, `{n}`, `{n,}`, `{n,m}`, lazy with another `?`; a brace that counts nothing is itself;
//! - classes with ranges, `[:alpha:]` and its like, `\d \D \s \S \w \W \h \H \v \V \N \R`, with `utf` also `\p{...}`;
//! - `^`, `$`, `\A`, `\z`, `\Z`, `\b`, `\B`, `\Q...\E`, `\xhh`, `\x{hhhh}`, `\a \e \f \n \r \t`.
//!
//! One thing means a little more than there: with `multiline`, `^` is found behind a newline that ends the page, too.
//!
//! What looks back or aside cannot be done so: references to groups (`\1`), looking ahead and behind (`(?=`, `(?!`, `(?<=`,
//! `(?<!`), atomic groups and possessive quantifiers (`(?>`, `a++`). Such an expression is tried step by step ([`steps`]), with a
//! bound on the steps and on the page: past it the answer is that there is none, which is no success. What neither can do
//! (recursion, verbs `(*...)`, callouts) is told with its place.

mod steps;
mod translate;

use std::ops::Range;

use regex::bytes::{Regex, RegexBuilder};

use crate::model::Expression;
use steps::Steps;
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

/// Where the leftmost match of an expression begins, at or after a place; an error: it cannot be told in the time that there is.
type Found = Result<Option<usize>, Unbounded>;

/// An expression could not be decided within its bounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unbounded;

/// An expression, ready to be held against pages.
#[derive(Debug, Clone)]
pub struct Pattern {
    engine: Engine,
    least: usize,
    most: Option<usize>,
    first_line: bool,
}

#[derive(Debug, Clone)]
enum Engine {
    Linear(Regex),
    Steps(Steps),
}

impl Pattern {
    /// Makes an expression ready.
    ///
    /// # Errors
    ///
    /// What cannot be done, and where in the pattern it stands.
    pub fn new(expression: &Expression) -> Result<Self, Problem> {
        Ok(Self {
            engine: Engine::new(expression)?,
            least: usize::try_from(expression.least_offset).unwrap_or(usize::MAX),
            most: expression.most_offset.map(|most| usize::try_from(most).unwrap_or(usize::MAX)),
            first_line: expression.options.firstline,
        })
    }

    /// It is tried step by step, and so some pages are too long or too hard for it.
    #[must_use]
    pub fn is_bounded(&self) -> bool {
        match self.engine {
            Engine::Linear(_) => false,
            Engine::Steps(_) => true,
        }
    }

    /// It refers to a group, `\1`, and so what it matches depends on what that matched.
    #[must_use]
    pub fn refers_back(&self) -> bool {
        match &self.engine {
            Engine::Linear(_) => false,
            Engine::Steps(steps) => steps.refers_back(),
        }
    }

    /// Whether a page matches.
    ///
    /// # Errors
    ///
    /// An expression that is tried step by step has taken all that it may, or the page is longer than such a one may have.
    pub fn is_in(&self, page: &[u8]) -> Result<bool, Unbounded> {
        if page.len() < self.least {
            return Ok(false);
        }
        if let (Engine::Linear(regex), None, false) = (&self.engine, self.most, self.first_line) {
            return Ok(regex.is_match_at(page, self.least));
        }
        let found = match &self.engine {
            Engine::Linear(regex) => regex.find_at(page, self.least).map(|found| found.start()),
            Engine::Steps(steps) => steps.find_at(page, self.least)?,
        };
        // It is the leftmost one: if it begins too late, so does every other.
        Ok(found.is_some_and(|start| {
            let before = page.get(self.least..start).unwrap_or_default();
            self.most.is_none_or(|most| start <= most) && !(self.first_line && before.contains(&b'\n'))
        }))
    }
}

impl Engine {
    fn new(expression: &Expression) -> Result<Self, Problem> {
        let options = expression.options;
        let translated = Translated::new(&expression.pattern, options);
        if let Err(fault) = translated.examine(options) {
            let steps = fault.needs_steps.then(|| Steps::new(&translated, options)).flatten();
            return steps.map(Self::Steps).ok_or(fault.problem);
        }
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
        // Everything else has been looked for.
        regex.map(Self::Linear).map_err(|_| Problem {
            at: 0..expression.pattern.len(),
            what: format!("too much in it: counted out, it takes more than {} KiB", LARGEST / 1024),
        })
    }
}

#[cfg(test)]
mod tests;
