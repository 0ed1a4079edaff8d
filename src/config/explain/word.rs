//! One word of keepalived.conf at one place, as it is shown.

use serde::Serialize;

use crate::config::keepalived::keywords::{self, Absent, Keyword, Kind, Place, Status};

/// What ipvsd does with a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Treatment {
    /// It does what it does in keepalived.
    Honoured,
    /// It is accepted, and there is nothing for it to do.
    WithoutEffect,
    /// What asks for it is not run.
    Refused,
    /// It is not done yet.
    NotYet,
    /// It is of another version or program.
    Unknown,
}

impl Treatment {
    /// Every one.
    pub const ALL: [Self; 5] = [Self::Honoured, Self::WithoutEffect, Self::Refused, Self::NotYet, Self::Unknown];

    /// In a word or two.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Honoured => "honoured",
            Self::WithoutEffect => "without effect",
            Self::Refused => "refused",
            Self::NotYet => "not yet",
            Self::Unknown => "unknown",
        }
    }

    /// What that means.
    #[must_use]
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::Honoured => "it does what is said here",
            Self::WithoutEffect => "accepted; there is nothing for it to do",
            Self::Refused => "what asks for it is not run, and that is an error",
            Self::NotYet => "understood and not done; a warning says what that means",
            Self::Unknown => "of another version or program; a warning says what to do",
        }
    }
}

/// All that is to be said about one word at one place.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Word {
    /// The word.
    pub word: &'static str,
    /// Where it stands: "in `vrrp_instance`".
    pub place: &'static str,
    /// How it is written.
    pub form: String,
    /// What its first value is; none if it takes no value.
    pub expects: Option<String>,
    /// The range of a number.
    pub range: Option<String>,
    /// The unit of a number.
    pub unit: Option<&'static str>,
    /// What may be written to the same effect as not writing the word.
    pub default: Option<&'static str>,
    /// What holds without it, in words.
    pub without_it: Option<&'static str>,
    /// What it means.
    pub meaning: &'static str,
    /// What ipvsd does with it.
    pub status: Treatment,
    /// Why, or what happens instead.
    pub because: Option<&'static str>,
    /// The key of our own language that means the same.
    pub toml: Option<&'static str>,
    /// Others that mean the same.
    pub aliases: &'static [&'static str],
    /// Others that mean the same, and are deprecated.
    pub deprecated_aliases: &'static [&'static str],
    /// Why it is deprecated, if it is.
    pub deprecated: Option<&'static str>,
    /// Whose word it is, if not keepalived's.
    pub of: Option<&'static str>,
    /// What may stand in its block, or after it.
    pub holds: Vec<&'static str>,
}

impl Word {
    /// Every word at every place.
    pub fn all() -> impl Iterator<Item = Self> {
        Place::ALL.iter().flat_map(|place| place.words().map(|keyword| Self::of(*place, keyword)))
    }

    /// The word that goes by a name, at each of its places.
    pub fn named(name: &str) -> impl Iterator<Item = Self> {
        Place::ALL.iter().filter_map(move |place| Some(Self::of(*place, keywords::find(*place, name)?)))
    }

    pub(super) fn of(place: Place, keyword: &Keyword) -> Self {
        let (status, because) = match place.status(keyword) {
            Status::Honoured => (Treatment::Honoured, None),
            Status::WithoutEffect(why) => (Treatment::WithoutEffect, Some(why)),
            Status::Refused(why) => (Treatment::Refused, Some(why)),
            Status::NotYet(means) => (Treatment::NotYet, Some(means)),
            Status::Removed(instead) => (Treatment::Unknown, Some(instead)),
        };
        let kind = keyword.takes.kind();
        let (default, without_it) = match keyword.absent {
            Absent::Nothing => (None, None),
            Absent::Written(value) => (Some(value), None),
            Absent::Described(words) => (None, Some(words)),
        };
        Self {
            word: keyword.name,
            place: place.name(),
            form: keyword.line(),
            expects: kind.map(Kind::expected),
            range: kind.and_then(Kind::range),
            unit: kind.and_then(Kind::unit),
            default,
            without_it,
            meaning: keyword.meaning,
            status,
            because,
            // What is not done here is not done in either language.
            toml: keyword.toml.filter(|_| status == Treatment::Honoured),
            aliases: keyword.aliases,
            deprecated_aliases: keyword.old_aliases,
            deprecated: keyword.deprecated,
            of: keyword.stranger,
            holds: keyword.opens.map(|inner| inner.words().map(|word| word.name).collect()).unwrap_or_default(),
        }
    }

    /// All its names.
    pub fn names(&self) -> impl Iterator<Item = &'static str> + use<> {
        std::iter::once(self.word).chain(self.aliases.iter().copied()).chain(self.deprecated_aliases.iter().copied())
    }

    /// What ipvsd does with it, as a clause.
    #[must_use]
    pub fn treatment(&self) -> String {
        let because = self.because.unwrap_or_default();
        match self.status {
            Treatment::Honoured => "it does what is said here".to_owned(),
            Treatment::WithoutEffect => format!("it is accepted without effect: {because}"),
            Treatment::Refused => format!("it is refused: {because}"),
            Treatment::NotYet => format!("it is not done yet: {because}"),
            Treatment::Unknown => format!("nothing, and keepalived does not know it: {because}"),
        }
    }
}
