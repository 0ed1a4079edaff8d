//! The language, as a table: which words there are, where they stand, what they take, what they mean, and what becomes of
//! them here.
//!
//! The walk through a file is driven by it, and so are ranges of values, all remarks about words (unknown, misplaced, not
//! yet done, without effect, dropped by keepalived), `ipvsctl explain`, completion, and the page of all words. A word is
//! added to the language by adding its row.

mod check;
mod foreign;
mod global;
mod instance;
mod kind;
mod line;
mod lone;
mod place;
mod root;
mod server;
mod service;
mod slip;
mod sync_group;
mod tracker;

use super::super::suggest;
pub(in crate::config) use kind::{Kind, Takes};
pub(in crate::config::keepalived) use lone::ends_keepalived;
pub(in crate::config) use place::Place;

/// What becomes of a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::config) enum Status {
    /// It does what it does in keepalived.
    Honoured,
    /// It is accepted and needs nothing done: why.
    WithoutEffect(&'static str),
    /// What it asks for is not run, and the daemon does not start without saying so: why.
    Refused(&'static str),
    /// It is not done yet: what that means.
    NotYet(&'static str),
    /// keepalived has dropped it, or never had it: what to do.
    Removed(&'static str),
}

/// What holds where a word is not written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::config) enum Absent {
    /// Nothing that needs saying.
    Nothing,
    /// The same as if this were written.
    Written(&'static str),
    /// In words.
    Described(&'static str),
}

/// One word of the language at one place.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in crate::config) struct Keyword {
    /// The word.
    pub(in crate::config) name: &'static str,
    /// Others that mean the same.
    pub(in crate::config) aliases: &'static [&'static str],
    /// Others that mean the same, which keepalived calls deprecated.
    pub(in crate::config) old_aliases: &'static [&'static str],
    /// What it takes.
    pub(in crate::config) takes: Takes,
    /// How that is written, where it is more than [`Takes`] tells.
    pub(in crate::config) form: Option<&'static str>,
    /// What holds where it is not written.
    pub(in crate::config) absent: Absent,
    /// What it means, in one sentence.
    pub(in crate::config) meaning: &'static str,
    /// Which words its block holds, or may follow it.
    pub(in crate::config) opens: Option<Place>,
    /// Since when or for what keepalived calls it deprecated.
    pub(in crate::config) deprecated: Option<&'static str>,
    /// The key of our own language that means the same.
    pub(in crate::config) toml: Option<&'static str>,
    /// keepalived does not know it: it is our own, or that of another program or version.
    pub(in crate::config) stranger: Option<&'static str>,
    /// Written again, it is ignored; of most words the last one counts.
    pub(in crate::config) first_counts: bool,
    /// Written again, it replaces what was written before, although it takes several values.
    pub(in crate::config) last_counts: bool,
    /// Without its name the block is stepped over with all that it holds.
    pub(in crate::config) nameless_skipped: bool,
    /// What becomes of it.
    pub(in crate::config) status: Status,
}

const fn row(name: &'static str, takes: Takes, status: Status) -> Keyword {
    Keyword {
        name,
        aliases: &[],
        old_aliases: &[],
        takes,
        form: None,
        absent: Absent::Nothing,
        meaning: "",
        opens: None,
        deprecated: None,
        toml: None,
        stranger: None,
        first_counts: false,
        last_counts: false,
        nameless_skipped: false,
        status,
    }
}

const fn yes(name: &'static str, takes: Takes) -> Keyword {
    row(name, takes, Status::Honoured)
}

/// Our own: keepalived says that it does not know the word, and goes on.
const fn ours(name: &'static str, takes: Takes) -> Keyword {
    let mut keyword = row(name, takes, Status::Honoured);
    keyword.stranger = Some("ipvsd");
    keyword
}

const fn idle(name: &'static str, takes: Takes, why: &'static str) -> Keyword {
    row(name, takes, Status::WithoutEffect(why))
}

const fn soon(name: &'static str, takes: Takes, means: &'static str) -> Keyword {
    row(name, takes, Status::NotYet(means))
}

const fn refused(name: &'static str, takes: Takes, why: &'static str) -> Keyword {
    row(name, takes, Status::Refused(why))
}

const fn gone(name: &'static str, takes: Takes, instead: &'static str) -> Keyword {
    row(name, takes, Status::Removed(instead))
}

impl Keyword {
    const fn means(mut self, sentence: &'static str) -> Self {
        self.meaning = sentence;
        self
    }

    /// Written again, it is ignored.
    const fn first_counts(mut self) -> Self {
        self.first_counts = true;
        self
    }

    /// Written again, it replaces what was written before.
    const fn last_counts(mut self) -> Self {
        self.last_counts = true;
        self
    }

    /// Without its name the block is stepped over.
    const fn nameless_skipped(mut self) -> Self {
        self.nameless_skipped = true;
        self
    }

    /// What may be written to the same effect as not writing the word.
    const fn default(mut self, value: &'static str) -> Self {
        self.absent = Absent::Written(value);
        self
    }

    const fn otherwise(mut self, words: &'static str) -> Self {
        self.absent = Absent::Described(words);
        self
    }

    const fn form(mut self, form: &'static str) -> Self {
        self.form = Some(form);
        self
    }

    const fn also(mut self, aliases: &'static [&'static str]) -> Self {
        self.aliases = aliases;
        self
    }

    const fn formerly(mut self, aliases: &'static [&'static str]) -> Self {
        self.old_aliases = aliases;
        self
    }

    const fn opens(mut self, place: Place) -> Self {
        self.opens = Some(place);
        self
    }

    const fn deprecated(mut self, why: &'static str) -> Self {
        self.deprecated = Some(why);
        self
    }

    const fn toml(mut self, key: &'static str) -> Self {
        self.toml = Some(key);
        self
    }

    /// Whether it goes by this name.
    pub(in crate::config) fn is(&self, name: &str) -> bool {
        self.name == name || self.aliases.contains(&name) || self.old_aliases.contains(&name)
    }

    /// All its names, the usual one first.
    pub(in crate::config) fn names(&self) -> impl Iterator<Item = &'static str> + use<> {
        std::iter::once(self.name).chain(self.aliases.iter().copied()).chain(self.old_aliases.iter().copied())
    }

    /// How it is written: the word with what follows it.
    pub(in crate::config) fn line(&self) -> String {
        let rest = self.form.map_or_else(|| self.takes.form(), str::to_owned);
        if rest.is_empty() { self.name.to_owned() } else { format!("{} {rest}", self.name) }
    }
}

/// Where no word is being read.
pub(in crate::config) static NONE: Keyword = row("", Takes::Nothing, Status::Honoured);

/// The row of a word at a place.
pub(in crate::config) fn find(place: Place, word: &str) -> Option<&'static Keyword> {
    // A block that belongs to nothing has no name.
    if word.is_empty() {
        return None;
    }
    place.words().find(|keyword| keyword.is(word))
}

/// The row of a word of another version or program.
pub(in crate::config) fn foreign(word: &str) -> Option<&'static Keyword> {
    find(Place::Foreign, word)
}

/// What to do about a value that another version or program has.
pub(in crate::config) fn foreign_value(value: &str) -> Option<String> {
    foreign(value).and_then(|keyword| match (keyword.stranger, keyword.status) {
        (Some(from), Status::Removed(instead)) => Some(format!("it is of {from}: {instead}")),
        (None, _) | (_, Status::Honoured | Status::WithoutEffect(_) | Status::Refused(_) | Status::NotYet(_)) => None,
    })
}

/// Whether the word exists anywhere.
pub(in crate::config) fn is_known(word: &str) -> bool {
    let known = |place: &Place| place.is_block() || *place == Place::Foreign;
    Place::ALL.iter().filter(|place| known(place)).any(|place| find(*place, word).is_some())
}

/// Whether the word begins a block that can only stand outside all others.
pub(in crate::config) fn is_only_at_root(word: &str) -> bool {
    matches!(
        word,
        "global_defs"
            | "vrrp_sync_group"
            | "vrrp_instance"
            | "vrrp_script"
            | "virtual_server"
            | "virtual_server_group"
            | "bfd_instance"
            | "static_ipaddress"
            | "static_routes"
    )
}

/// The places where a word may stand: blocks, or lines if there is no such block.
pub(in crate::config) fn places(word: &str) -> Vec<Place> {
    let found = || Place::ALL.iter().copied().filter(|place| *place != Place::Foreign && find(*place, word).is_some());
    let blocks: Vec<_> = found().filter(|place| place.is_block()).collect();
    if blocks.is_empty() { found().collect() } else { blocks }
}

/// What may have been meant by an unknown word at a place.
pub(in crate::config) fn meant(place: Place, word: &str) -> Option<String> {
    let here = || place.words().flat_map(Keyword::names);
    if let Some(usual) = slip::usual(word).find(|usual| here().any(|name| name == *usual)) {
        return Some(usual.to_owned());
    }
    // Words of global_defs stand in blocks with the same name less `vrrp_`, and people mix them up.
    if let Some(short) = word.strip_prefix("vrrp_").and_then(|short| here().find(|name| *name == short)) {
        return Some(short.to_owned());
    }
    let long = format!("vrrp_{word}");
    if here().any(|name| name == long) {
        return Some(long);
    }
    // `lb_kind` is `lvs_method` where only the latter stands.
    let elsewhere = || Place::ALL.iter().flat_map(|place| place.words()).filter(|keyword| keyword.is(word));
    if let Some(main) = elsewhere().find(|keyword| here().any(|name| name == keyword.name)) {
        return Some(main.name.to_owned());
    }
    suggest::nearest(word, here()).map(str::to_owned)
}
