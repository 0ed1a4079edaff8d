//! A walk through the tree, led by the keyword table: everything that can be said of a word without knowing its meaning is
//! said here; what it means is left to one function per block.

use super::super::diagnostic::{Code, Diagnostic, Severity};
use super::super::draft::Draft;
use super::super::report::Report;
use super::super::source::{Sources, Span};
use super::keywords::{self, Keyword, Kind, Place, Status, Takes};
use super::tree::{Children, Statement};
use super::unheeded::{self, Fate};
use super::values::{is_unfilled, misused};

/// So many unknown lines one after another are told in one remark.
const SHORTEST_PROSE: usize = 4;

/// What the walk writes to.
pub(super) struct Walk<'o> {
    pub(super) report: &'o mut Report,
    /// Where names of tables and protocols are looked up.
    pub(super) sources: &'o dyn Sources,
    pub(super) draft: Draft,
    /// The row of the word that is being read.
    pub(super) keyword: &'static Keyword,
    /// Words of a block share its fate: if nothing comes of it, only what is wrong with them is said.
    pub(super) fate: Fate,
}

/// What a block's words are handed to: gives false for a word that it does not know, which a test makes sure of.
pub(super) type Handler<T> = fn(&mut Walk<'_>, &mut T, Statement<'_>) -> bool;

impl<'o> Walk<'o> {
    pub(super) fn new(report: &'o mut Report, sources: &'o dyn Sources) -> Self {
        Self { report, sources, draft: Draft::default(), keyword: &keywords::NONE, fate: Fate::Heeded }
    }

    /// Says something.
    pub(super) fn say(&mut self, diagnostic: Diagnostic) {
        self.report.add(diagnostic);
    }

    /// Hands the honoured words of a block to its function, and remarks on all others.
    pub(super) fn block<T>(&mut self, children: Children<'_>, place: Place, into: &mut T, handle: Handler<T>) {
        // Blocks are short and their words few, so a list does for "seen before".
        let mut seen: Vec<(&'static str, Span)> = Vec::new();
        // What does not belong here and stands one after another: unknown lines outside all blocks, words of other blocks.
        let mut run: Vec<Statement<'_>> = Vec::new();
        // Blocks within unknown blocks are read in their place; a list, since garbage may nest without end.
        let mut open = vec![children];
        while let Some(rest) = open.last_mut() {
            if self.report.is_full() {
                return;
            }
            let Some(statement) = rest.next() else {
                self.strangers(place, &mut run);
                open.pop();
                continue;
            };
            let Some(span) = statement.span() else { continue };
            let name = statement.name();
            let Some(keyword) = keywords::find(place, name) else {
                if self.report.is_crowded() {
                    self.report.count_only(Severity::Warning);
                    continue;
                }
                let prose = place == Place::Root && statement.block().is_none() && statement.word(0).is_some();
                let holds_blocks = holds_blocks(place, statement);
                if prose || (is_misplaced(name) && !holds_blocks) {
                    run.push(statement);
                } else {
                    self.strangers(place, &mut run);
                    self.stranger(place, statement, span);
                    if holds_blocks {
                        open.push(statement.children());
                    }
                }
                continue;
            };
            self.strangers(place, &mut run);
            match keyword.status {
                // What is refused is refused by whoever puts the whole together.
                Status::Honoured | Status::Refused(_) => {}
                Status::WithoutEffect(_) | Status::NotYet(_) if self.fate != Fate::Heeded => {}
                Status::WithoutEffect(_)
                    if keywords::ends_keepalived(place, keyword) && unheeded::lacks(keyword, statement) =>
                {
                    self.lone(place, keyword, statement, span);
                    continue;
                }
                Status::WithoutEffect(why) => {
                    self.say(
                        Diagnostic::note(Code::WithoutEffect, span, format!("`{name}` has nothing to do here"))
                            .help(why),
                    );
                    continue;
                }
                // One remark is enough, and some of these keepalived exits at.
                Status::NotYet(_) if statement.block().is_none() && unheeded::lacks(keyword, statement) => {
                    self.lone(place, keyword, statement, span);
                    continue;
                }
                Status::NotYet(means) => {
                    self.say(Diagnostic::warning(Code::NotYet, span, format!("`{name}` is not done yet")).help(means));
                    self.look_at(place, keyword, statement, span);
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
            if keyword.nameless_skipped && statement.arity() == 0 && statement.block().is_some() {
                self.say(
                    Diagnostic::warning(Code::MissingValue, span, format!("`{name}` lacks its name"))
                        .mark("expected a name after this")
                        .help("the block is left out with all that it holds, as in keepalived"),
                );
                if let Some(place) = keyword.opens.filter(|place| place.is_block()) {
                    self.unheeded(statement, place, Fate::LeftOut);
                }
                continue;
            }
            if self.fate == Fate::LeftOut && unheeded::lacks_value(self, place, keyword, statement) {
                continue;
            }
            if !self.shape(place, keyword, statement, span) {
                self.look_into(keyword, statement);
                continue;
            }
            if keyword.old_aliases.contains(&name) {
                self.say(
                    Diagnostic::note(Code::Deprecated, span, format!("`{name}` is an old name of `{}`", keyword.name))
                        .help("it works, and keepalived says that it will go"),
                );
            }
            if keyword.first_counts
                || keyword.last_counts
                || matches!(keyword.takes, Takes::One(_) | Takes::Optional(_))
            {
                if let Some((_, before)) = seen.iter().find(|(word, _)| *word == keyword.name) {
                    let twice = Diagnostic::warning(Code::Repeated, span, format!("`{name}` is said twice"));
                    if keyword.first_counts {
                        self.say(twice.mark("ignored, as in keepalived").and(*before, "this one counts"));
                        continue;
                    }
                    self.say(twice.mark("this one counts").and(*before, "this one does not"));
                }
                seen.retain(|(word, _)| *word != keyword.name);
                seen.push((keyword.name, span));
            }
            let outer = std::mem::replace(&mut self.keyword, keyword);
            // Whoever reads the word sees the values that the table grants it, and none that was just said to be ignored.
            let known = handle(self, into, statement.cut(values(keyword, name).1));
            self.keyword = outer;
            debug_assert!(known, "{place:?} {name} is honoured by the table and by nothing else");
            self.unfilled(statement);
        }
    }

    /// Tells of values that take any text and have got a template's placeholder.
    fn unfilled(&mut self, statement: Statement<'_>) {
        for value in statement.arguments().filter(|value| is_unfilled(value.text)) {
            let told = |said: &Diagnostic| said.primary.as_ref().is_some_and(|label| label.span == value.span);
            if self.fate != Fate::Heeded || self.report.is_crowded() || self.report.diagnostics().iter().any(told) {
                continue;
            }
            let shown: String = value.text.chars().take(60).collect();
            self.say(
                Diagnostic::note(Code::Placeholder, value.span, format!("`{shown}` was never filled in"))
                    .mark("a placeholder, taken as it stands")
                    .help("fill in the template that this file comes from"),
            );
        }
    }

    /// Says what is wrong with a word that is not done yet, as far as the table tells: what keepalived does not take today
    /// will not be taken here tomorrow.
    fn look_at(&mut self, place: Place, keyword: &'static Keyword, statement: Statement<'_>, span: Span) {
        let block = keyword.opens.is_some_and(Place::is_block);
        if block || matches!(keyword.takes, Takes::Block | Takes::Either(_) | Takes::Named(_)) {
            return self.look_into(keyword, statement);
        }
        if self.shape(place, keyword, statement, span) {
            let outer =
                (std::mem::replace(&mut self.keyword, keyword), std::mem::replace(&mut self.fate, Fate::WordNotDone));
            unheeded::word(self, &mut (), statement);
            (self.keyword, self.fate) = outer;
        }
    }

    /// Says what is wrong within a block that comes to nothing, as far as the table tells.
    fn look_into(&mut self, keyword: &Keyword, statement: Statement<'_>) {
        if let Some(place) = keyword.opens.filter(|place| place.is_block()) {
            let fate = if self.fate == Fate::Heeded { Fate::NotDone } else { self.fate };
            self.unheeded(statement, place, fate);
        }
    }

    /// Holds what a block without effect says against the table.
    pub(super) fn unheeded(&mut self, statement: Statement<'_>, place: Place, fate: Fate) {
        let outer = std::mem::replace(&mut self.fate, fate);
        self.block(statement.children(), place, &mut (), unheeded::word);
        self.fate = outer;
    }

    /// Says that a word lacks its value: an error where keepalived exits at that.
    fn lone(&mut self, place: Place, keyword: &Keyword, statement: Statement<'_>, span: Span) {
        let (severity, help) = if keywords::ends_keepalived(place, keyword) {
            (Severity::Error, "keepalived exits when it meets this, at start and at reload")
        } else {
            (Severity::Warning, "the word is left out, as in keepalived")
        };
        let expected = keyword.takes.kind().map(Kind::expected).unwrap_or_default();
        let message = format!("`{}` lacks its value", statement.name());
        let lone = Diagnostic::new(severity, Code::MissingValue, span, message);
        self.say(lone.mark(format!("expected {expected} after this")).help(help));
    }

    /// Whether a word has the values and the block that it needs.
    fn shape(&mut self, place: Place, keyword: &Keyword, statement: Statement<'_>, span: Span) -> bool {
        let name = statement.name();
        let (least, most) = values(keyword, name);
        let (least, block) = match keyword.takes {
            // One of the two is there.
            Takes::Either(_) => (usize::from(statement.block().is_none()), statement.block().is_some()),
            Takes::Block | Takes::Named(_) => (least, true),
            Takes::Nothing | Takes::One(_) | Takes::Optional(_) | Takes::Several(_) | Takes::Any(_) => (least, false),
        };
        if statement.arity() < least {
            self.lone(place, keyword, statement, span);
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
        let Some(extra) = statement.word(most.saturating_add(1)) else { return true };
        let last = statement.words().last().map_or(extra.span, |last| extra.span.to(last.span));
        let named = matches!(keyword.takes, Takes::Named(_));
        let lost = named && is_lost_with_more(name);
        let equals = statement.word(1).is_some_and(|first| first.text == "=");
        let opposite = match (name, extra.text) {
            ("preempt", "no" | "off" | "false" | "0") => Some("nopreempt"),
            ("accept", "no" | "off" | "false" | "0") => Some("no_accept"),
            (_, _) => None,
        };
        self.say(
            Diagnostic::warning(Code::ExtraValue, last, format!("`{name}` takes {}", count(most)))
                .mark(if lost { "one word too many" } else { "ignored" })
                .help_if(equals.then(|| "a value follows its word after a blank, without `=`".to_owned()))
                .help_if(opposite.map(|word| format!("the word itself counts, the opposite of what is meant: write `{word}`")))
                .help(match (named, lost) {
                    (true, true) => {
                        "the block is ignored with all that it holds, as in keepalived; quotes make one name of two words"
                    }
                    (true, false) => "the block counts without it, as in keepalived",
                    (false, _) => "one statement stands on one line; a comment begins with `#` or `!`",
                }),
        );
        !lost
    }

    /// Lines that do not belong here: of a few, what is to be said of each; of prose or another program's output, that it is.
    fn strangers(&mut self, place: Place, run: &mut Vec<Statement<'_>>) {
        let unknown = run.iter().filter(|statement| !keywords::is_known(statement.name())).count();
        let ends = run.first().and_then(|first| first.line()).zip(run.last().and_then(|last| last.line()));
        match ends {
            Some((first, last)) if run.len() >= SHORTEST_PROSE && unknown * 2 > run.len() => self.say(
                Diagnostic::warning(
                    Code::UnknownWord,
                    first,
                    format!("{} lines one after another are not of this language", run.len()),
                )
                .mark("from here")
                .and(last, "to here")
                .help("the lines are ignored, as in keepalived; put `#` before them if they are a comment"),
            ),
            Some((first, last)) if run.len() >= SHORTEST_PROSE && run.iter().all(|it| is_misplaced(it.name())) => {
                let name = run.first().map_or("", |first| first.name());
                let elsewhere: Vec<_> = keywords::places(name).into_iter().map(Place::name).collect();
                self.say(
                    Diagnostic::warning(
                        Code::Misplaced,
                        first,
                        format!("`{name}` and the {} statements after it have no meaning {}", run.len() - 1, place.name()),
                    )
                    .mark(format!("belongs {}", elsewhere.join(" or ")))
                    .and(last, "to here")
                    .help("they are ignored with all that their blocks hold; mostly a brace above is missing, or one too many"),
                );
            }
            Some(_) | None => {
                for statement in run.iter() {
                    if let Some(span) = statement.span() {
                        self.stranger(place, *statement, span);
                    }
                }
            }
        }
        run.clear();
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
        if let Some((defined, here, help)) = misused(self.report, name, span).filter(|_| name.starts_with('$')) {
            // A repetition gives it again and again.
            let at = self.report.files().position(span);
            let again = |said: &Diagnostic| {
                let place = said.primary.as_ref().map(|label| self.report.files().position(label.span));
                said.code == Code::Placeholder && place == Some(at)
            };
            if !self.report.diagnostics().iter().any(again) {
                let message = format!("`{name}` is not filled in, though the file defines it");
                let said = Diagnostic::error(Code::Placeholder, span, message);
                self.say(said.mark("the line is ignored, as in keepalived").and(defined, here).help(help));
            }
            return;
        }
        let ignored = if holds_blocks(place, statement) {
            "the word is ignored, and what its block holds is read as if it stood outside, as in keepalived"
        } else if statement.block().is_some() {
            "the block is ignored with all that it holds; what follows is read as usual"
        } else {
            "the line is ignored, as in keepalived"
        };
        let elsewhere: Vec<_> = keywords::places(name).into_iter().map(Place::name).collect();
        if let (Some(foreign), true) = (keywords::foreign(name), elsewhere.is_empty()) {
            self.foreigner(foreign, name, span, ignored);
            return;
        }
        let meant = if self.report.is_crowded() { None } else { keywords::meant(place, name) };
        let shown: String = name.chars().take(60).collect();
        let diagnostic = if elsewhere.is_empty() {
            Diagnostic::warning(Code::UnknownWord, span, format!("unknown word `{shown}`"))
                .mark(format!("no such word {}", place.name()))
        } else {
            Diagnostic::warning(Code::Misplaced, span, format!("`{shown}` has no meaning {}", place.name()))
                .mark(format!("belongs {}", elsewhere.join(" or ")))
        };
        let definition = name.starts_with('$') && statement.word(1).is_some_and(|next| next.text.starts_with('='));
        // As other languages have it: `priority=100;`.
        let assigned = name.split_once('=').filter(|(word, _)| keywords::find(place, word).is_some());
        let assigned = assigned.map(|(word, value)| {
            let value = value.trim_end_matches([';', ',']);
            format!("a value follows its word after a blank, without `=`: did you mean `{word} {value}`?")
                .replace(" `?", "`?")
        });
        let joined = definition.then(|| format!("a definition has no blank before its `=`: `{shown}=...`"));
        self.say(
            diagnostic
                .help_if(joined)
                .help_if(assigned)
                .help_if(meant.map(|meant| format!("did you mean `{meant}`?")))
                .help(ignored),
        );
    }

    /// A word of another version or program.
    fn foreigner(&mut self, keyword: &Keyword, name: &str, span: Span, ignored: &str) {
        let (from, instead) = match (keyword.stranger, keyword.status) {
            (Some(from), Status::Removed(instead)) => (from, instead),
            (None, _) | (_, Status::Honoured | Status::WithoutEffect(_) | Status::Refused(_) | Status::NotYet(_)) => {
                return;
            }
        };
        self.say(
            Diagnostic::warning(Code::Foreign, span, format!("`{name}` is a word of {from}"))
                .mark(keyword.meaning.trim_end_matches('.'))
                .help(instead)
                .help(ignored),
        );
    }
}

/// Whether an unknown word's block holds words that belong outside all blocks. keepalived steps over a line that it does not
/// know and goes on with the next, so that they are at work there.
pub(super) fn holds_blocks(place: Place, statement: Statement<'_>) -> bool {
    // Blocks lie no deeper than the reader of files bears.
    let holds =
        |child: Statement<'_>| keywords::find(Place::Root, child.name()).is_some() || holds_blocks(place, child);
    place == Place::Root && statement.children().any(holds)
}

/// Whether a word of this language stands where it does not belong.
fn is_misplaced(name: &str) -> bool {
    keywords::is_known(name) && keywords::foreign(name).is_none()
}

fn count(most: usize) -> &'static str {
    match most {
        0 => "no value",
        1 => "one value",
        _ => "two values",
    }
}

/// How many values a word has at least, and how many are read at most.
fn values(keyword: &Keyword, name: &str) -> (usize, usize) {
    match keyword.takes {
        Takes::Nothing | Takes::Block => (0, 0),
        Takes::One(_) => (1, 1),
        Takes::Optional(_) => (0, 1),
        Takes::Several(_) => (1, usize::MAX),
        Takes::Any(_) | Takes::Either(_) => (0, usize::MAX),
        Takes::Named(_) => (1, most_in_name(name)),
    }
}

/// So many words after one that begins a block say which it is: a name, or an address and a port.
fn most_in_name(word: &str) -> usize {
    if matches!(word, "virtual_server" | "real_server") { 2 } else { 1 }
}

/// Whether keepalived has no such block at all where more than its name stands after the word.
fn is_lost_with_more(word: &str) -> bool {
    matches!(word, "vrrp_instance" | "vrrp_sync_group" | "track_group" | "virtual_server_group")
}
