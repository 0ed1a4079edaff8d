//! A walk through the tree, led by the keyword table: everything that can be said of a word without knowing its meaning is
//! said here; what it means is left to one function per block.

use super::super::diagnostic::{Code, Diagnostic};
use super::super::draft::Draft;
use super::super::report::Report;
use super::super::source::{Sources, Span};
use super::keywords::{self, Keyword, Place, Status, Takes};
use super::tree::{Children, Statement};

/// What the walk writes to.
pub(super) struct Walk<'o> {
    pub(super) report: &'o mut Report,
    /// Where names of tables and protocols are looked up.
    pub(super) sources: &'o dyn Sources,
    pub(super) draft: Draft,
}

/// What a block's words are handed to: gives false for a word that it does not know, which a test makes sure of.
pub(super) type Handler<T> = fn(&mut Walk<'_>, &mut T, Statement<'_>) -> bool;

impl Walk<'_> {
    /// Says something.
    pub(super) fn say(&mut self, diagnostic: Diagnostic) {
        self.report.add(diagnostic);
    }

    /// Hands the honoured words of a block to its function, and remarks on all others.
    pub(super) fn block<T>(&mut self, children: Children<'_>, place: Place, into: &mut T, handle: Handler<T>) {
        // Blocks are short and their words few, so a list does for "seen before".
        let mut seen: Vec<(&'static str, Span)> = Vec::new();
        // Blocks within unknown blocks are read in their place; a list, since garbage may nest without end.
        let mut open = vec![children];
        while let Some(rest) = open.last_mut() {
            if self.report.is_full() {
                return;
            }
            let Some(statement) = rest.next() else {
                open.pop();
                continue;
            };
            let Some(span) = statement.span() else { continue };
            let name = statement.name();
            let Some(keyword) = keywords::find(place, name) else {
                self.stranger(place, statement, span);
                if holds_blocks(place, statement) {
                    open.push(statement.children());
                }
                continue;
            };
            match keyword.status {
                Status::Honoured => {}
                Status::WithoutEffect(why) => {
                    self.say(
                        Diagnostic::note(Code::WithoutEffect, span, format!("`{name}` has nothing to do here"))
                            .help(why),
                    );
                    continue;
                }
                Status::NotYet(means) => {
                    self.say(Diagnostic::warning(Code::NotYet, span, format!("`{name}` is not done yet")).help(means));
                    continue;
                }
                Status::Removed(instead) => {
                    self.say(
                        Diagnostic::warning(Code::Removed, span, format!("`{name}` is no word of keepalived any more"))
                            .help(instead),
                    );
                    continue;
                }
            }
            if !self.shape(keyword, statement, span) {
                continue;
            }
            if matches!(keyword.takes, Takes::One(_) | Takes::Optional) {
                if let Some((_, before)) = seen.iter().find(|(word, _)| *word == keyword.name) {
                    self.say(
                        Diagnostic::warning(Code::Repeated, span, format!("`{name}` is said twice"))
                            .mark("this one counts")
                            .and(*before, "this one does not"),
                    );
                }
                seen.retain(|(word, _)| *word != keyword.name);
                seen.push((keyword.name, span));
            }
            let known = handle(self, into, statement);
            debug_assert!(known, "{place:?} {name} is honoured by the table and by nothing else");
        }
    }

    /// Whether a word has the values and the block that it needs.
    fn shape(&mut self, keyword: &Keyword, statement: Statement<'_>, span: Span) -> bool {
        let name = keyword.name;
        let (least, most, what, block) = match keyword.takes {
            // One of the two is there.
            Takes::Either(what) => {
                (usize::from(statement.block().is_none()), usize::MAX, what, statement.block().is_some())
            }
            Takes::Nothing => (0, 0, "", false),
            Takes::One(what) => (1, 1, what, false),
            Takes::Optional => (0, 1, "", false),
            Takes::Some(what) => (1, usize::MAX, what, false),
            Takes::Any => (0, usize::MAX, "", false),
            Takes::Block => (0, 0, "", true),
            Takes::Named(what) => (1, usize::MAX, what, true),
        };
        if statement.arity() < least {
            self.say(
                Diagnostic::error(Code::MissingValue, span, format!("`{name}` lacks its value"))
                    .mark(format!("expected {what} after this"))
                    .help("keepalived exits when it meets this, at start and at reload"),
            );
            return false;
        }
        match (block, statement.block()) {
            (true, None) => {
                self.say(
                    Diagnostic::warning(Code::Block, span, format!("`{name}` has no block"))
                        .mark("expected `{` after this")
                        .help("ignored"),
                );
                return false;
            }
            (false, Some(brace)) => self.say(
                Diagnostic::warning(Code::Block, brace, format!("`{name}` takes no block"))
                    .help("the block is ignored with all that it holds; the word itself counts"),
            ),
            (true, Some(_)) | (false, None) => {}
        }
        if let Some(extra) = statement.word(most.saturating_add(1)) {
            let last = statement.words().last().map_or(extra.span, |last| extra.span.to(last.span));
            self.say(
                Diagnostic::warning(Code::ExtraValue, last, format!("`{name}` takes {}", count(most)))
                    .mark("ignored")
                    .help("one statement stands on one line; a comment begins with `#` or `!`"),
            );
        }
        true
    }

    /// A word that does not belong here, with all that it holds.
    fn stranger(&mut self, place: Place, statement: Statement<'_>, span: Span) {
        let name = statement.name();
        if statement.word(0).is_none() {
            self.say(
                Diagnostic::warning(Code::Block, span, "a block that belongs to nothing")
                    .help("ignored with all that it holds"),
            );
            return;
        }
        let ignored = if holds_blocks(place, statement) {
            "the word is ignored, and what its block holds is read as if it stood outside, as in keepalived"
        } else if statement.block().is_some() {
            "the block is ignored with all that it holds; what follows is read as usual"
        } else {
            "the line is ignored, as in keepalived"
        };
        let meant = keywords::meant(place, name);
        let elsewhere: Vec<_> = keywords::places(name).map(Place::name).collect();
        let shown: String = name.chars().take(60).collect();
        let diagnostic = if elsewhere.is_empty() {
            Diagnostic::warning(Code::UnknownWord, span, format!("unknown word `{shown}`"))
                .mark(format!("no such word {}", place.name()))
        } else {
            Diagnostic::warning(Code::Misplaced, span, format!("`{shown}` has no meaning {}", place.name()))
                .mark(format!("belongs {}", elsewhere.join(" or ")))
        };
        self.say(diagnostic.help_if(meant.map(|meant| format!("did you mean `{meant}`?"))).help(ignored));
    }
}

/// Whether an unknown word's block holds words that belong outside all blocks. keepalived steps over a line that it does not
/// know and goes on with the next, so that they are at work there.
pub(super) fn holds_blocks(place: Place, statement: Statement<'_>) -> bool {
    place == Place::Root && statement.children().any(|child| keywords::find(Place::Root, child.name()).is_some())
}

fn count(most: usize) -> &'static str {
    match most {
        0 => "no value",
        _ => "one value",
    }
}
