//! What stands after a word: how many values, of which kind, in which range.

/// What one value is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in crate::config) enum Kind {
    /// Text.
    Text {
        /// How it is shown in a form: `NAME`.
        form: &'static str,
        /// What it is: "a name".
        what: &'static str,
    },
    /// A whole number.
    Whole {
        /// What it is.
        what: &'static str,
        /// The least that may be written.
        least: i64,
        /// The greatest.
        most: i64,
        /// Its unit; empty: it is a bare number.
        unit: &'static str,
    },
    /// Seconds, with decimals down to the microsecond.
    Seconds {
        /// What they are: "a timeout".
        what: &'static str,
        /// The least that may be written.
        least: f64,
        /// The greatest.
        most: f64,
    },
    /// `on`, `off`, `true`, `false`, `yes` or `no`.
    Flag,
    /// One of a few words.
    Choice(&'static [&'static str]),
}

/// What a word takes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in crate::config) enum Takes {
    /// Nothing.
    Nothing,
    /// One value.
    One(Kind),
    /// One value, or none.
    Optional(Kind),
    /// One or more values; of what kind the first is.
    Several(Kind),
    /// Any number of values; of what kind the first is.
    Any(Kind),
    /// A block.
    Block,
    /// A block, or values.
    Either(Kind),
    /// Values and a block.
    Named(Kind),
}

/// The most that a signed number of 32 bits holds.
pub(super) const I32: i64 = i32::MAX as i64;
/// The most that an unsigned number of 32 bits holds.
pub(super) const U32: i64 = u32::MAX as i64;

/// The greatest time in seconds between two announcements: as many microseconds as a signed number of 32 bits holds.
pub(super) const LONGEST_SPACING: f64 = 2_147.483_647;

pub(super) const NAME: Kind = text("NAME", "a name");
pub(super) const IP: Kind = text("IP", "an IP address");
pub(super) const INTERFACE: Kind = text("INTERFACE", "an interface");
pub(super) const COMMAND: Kind = text("COMMAND", "a command");
pub(super) const USER: Kind = text("USER [GROUP]", "a user, and maybe a group");
pub(super) const FILE: Kind = text("FILE", "a file");
pub(super) const FOLDER: Kind = text("FOLDER", "a folder");
pub(super) const MASK: Kind = text("MASK", "a mask");
pub(super) const HOST: Kind = text("HOST", "the name of a host");
pub(super) const ENDPOINT: Kind = text("IP [PORT]", "an address and port");
pub(super) const PORT: Kind = whole("a port", 1, 65_535);
pub(super) const COUNT: Kind = whole("a count", 0, U32);
pub(super) const BYTES: Kind = measured("a number of bytes", 1, I32, "bytes");
pub(super) const WEIGHT: Kind = whole("a weight", -253, 253);
/// Processes and files may weigh one more.
pub(super) const WIDER_WEIGHT: Kind = whole("a weight", -254, 254);

pub(super) const fn text(form: &'static str, what: &'static str) -> Kind {
    Kind::Text { form, what }
}

pub(super) const fn whole(what: &'static str, least: i64, most: i64) -> Kind {
    Kind::Whole { what, least, most, unit: "" }
}

pub(super) const fn measured(what: &'static str, least: i64, most: i64, unit: &'static str) -> Kind {
    Kind::Whole { what, least, most, unit }
}

pub(super) const fn seconds(what: &'static str, least: f64, most: f64) -> Kind {
    Kind::Seconds { what, least, most }
}

impl Kind {
    /// What was expected, as one says it after "expected".
    pub(in crate::config) fn expected(self) -> String {
        match self {
            Self::Text { what, .. } => what.to_owned(),
            Self::Whole { what, least, most, .. } => format!("{what}: a whole number from {least} to {most}"),
            Self::Seconds { what, least, most } => format!("{what}: seconds from {least} to {most}"),
            Self::Flag => "`on` or `off`".to_owned(),
            Self::Choice(words) => {
                let words: Vec<_> = words.iter().map(|word| format!("`{word}`")).collect();
                match words.split_last() {
                    Some((last, rest)) if !rest.is_empty() => format!("{} or {last}", rest.join(", ")),
                    Some(_) | None => words.concat(),
                }
            }
        }
    }

    /// How it is shown in a form.
    pub(in crate::config) fn form(self) -> String {
        match self {
            Self::Text { form, .. } => form.to_owned(),
            Self::Whole { unit: "", .. } => "NUMBER".to_owned(),
            Self::Whole { unit, .. } => unit.to_uppercase(),
            Self::Seconds { .. } => "SECONDS".to_owned(),
            Self::Flag => "on|off".to_owned(),
            Self::Choice(words) => words.join("|"),
        }
    }

    /// The range of a number; none for others.
    pub(in crate::config) fn range(self) -> Option<String> {
        match self {
            Self::Whole { least, most, .. } => Some(format!("{least} to {most}")),
            Self::Seconds { least, most, .. } => Some(format!("{least} to {most}")),
            Self::Text { .. } | Self::Flag | Self::Choice(_) => None,
        }
    }

    /// The unit of a number, if it has one.
    pub(in crate::config) fn unit(self) -> Option<&'static str> {
        match self {
            Self::Whole { unit: "", .. } | Self::Text { .. } | Self::Flag | Self::Choice(_) => None,
            Self::Whole { unit, .. } => Some(unit),
            Self::Seconds { .. } => Some("seconds"),
        }
    }
}

impl Takes {
    /// What its first value is.
    pub(in crate::config) const fn kind(self) -> Option<Kind> {
        match self {
            Self::Nothing | Self::Block => None,
            Self::One(kind)
            | Self::Optional(kind)
            | Self::Several(kind)
            | Self::Any(kind)
            | Self::Either(kind)
            | Self::Named(kind) => Some(kind),
        }
    }

    /// Whether a block has to follow the word and so many values.
    pub(in crate::config) const fn wants_block(self, values: usize) -> bool {
        match self {
            Self::Block => values == 0,
            Self::Named(_) => values > 0,
            Self::Nothing | Self::One(_) | Self::Optional(_) | Self::Several(_) | Self::Any(_) | Self::Either(_) => {
                false
            }
        }
    }

    /// How it is written after the word, unless the word's row says it better.
    pub(in crate::config) fn form(self) -> String {
        match self {
            Self::Nothing => String::new(),
            Self::One(kind) => kind.form(),
            Self::Optional(kind) => format!("[{}]", kind.form()),
            Self::Several(kind) => format!("{} ...", kind.form()).replace("] ...", "]"),
            Self::Any(kind) => format!("[{} ...]", kind.form()),
            Self::Block => "{ ... }".to_owned(),
            Self::Either(kind) => format!("{} | {{ ... }}", kind.form()),
            Self::Named(kind) => format!("{} {{ ... }}", kind.form()),
        }
    }
}
