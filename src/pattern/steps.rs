//! Expressions that look back or aside, tried one way after another.
//!
//! The time that this takes may double with every byte of a page, so it is bounded: by steps, and by the length of the page,
//! since one step may look through all of it. An expression of this kind that an operator writes (`^(?!.*maintenance)`)
//! takes few of them; a page that is made to take more is not well.

use fancy_regex::{BytesMode, Regex, RegexBuilder};

use super::translate::Translated;
use super::{CACHE, Found, LARGEST, Unbounded};
use crate::model::ExpressionOptions;

/// Steps that one page may take: so many times a way turned out to be wrong.
const MOST_STEPS: usize = 2 * LONGEST;
/// Bytes that a page may have.
pub(super) const LONGEST: usize = 16 * 1024;
/// Instructions of the program; one that calls parts of itself grows by being written out.
const LONGEST_PROGRAM: usize = 16 * 1024;

/// An expression of this kind.
#[derive(Debug, Clone)]
pub(super) struct Steps {
    regex: Regex,
    refers_back: bool,
}

impl Steps {
    /// Makes it ready; `None`: it has something that cannot be done so either, or would mean another thing than in PCRE2.
    pub(super) fn new(translated: &Translated<'_>, options: ExpressionOptions) -> Option<Self> {
        // What `(?R` is to PCRE2 is recursion.
        if options.ungreedy || translated.has_set_operation() || translated.text().contains("(?R") {
            return None;
        }
        let regex = RegexBuilder::new(translated.text())
            .bytes_mode(if options.utf { BytesMode::UnicodeBytes } else { BytesMode::Ascii })
            .case_insensitive(options.caseless)
            .multi_line(options.multiline)
            .dot_matches_new_line(options.dotall)
            .ignore_whitespace(options.extended)
            .backtrack_limit(MOST_STEPS)
            .delegate_size_limit(LARGEST)
            .delegate_dfa_size_limit(CACHE)
            .delegate_dfa_skip_cache_capacity_check(false)
            .max_prog_size(LONGEST_PROGRAM)
            .build()
            .ok()?;
        Some(Self { regex, refers_back: translated.refers_back() })
    }

    pub(super) fn refers_back(&self) -> bool {
        self.refers_back
    }

    pub(super) fn find_at(&self, page: &[u8], least: usize) -> Found {
        if page.len() > LONGEST {
            return Err(Unbounded);
        }
        let found = self.regex.find_from_pos(page, least).map_err(|_| Unbounded)?;
        Ok(found.map(|found| found.start()))
    }
}
