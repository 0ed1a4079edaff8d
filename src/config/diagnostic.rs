//! One thing to say about a configuration: what, where, how bad, and what will come of it.

use std::fmt;

use super::source::Span;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Worth knowing; everything works as written.
    Note,
    /// Something does not take effect as written; the rest runs, as it does in keepalived.
    Warning,
    /// Something that was asked for cannot run. A daemon refuses to start with it, and at a reload keeps what it has.
    Error,
}

impl Severity {
    /// What a daemon does with what a remark of this severity is about: one of three words, for programs.
    #[must_use]
    pub const fn effect(self) -> &'static str {
        match self {
            Self::Note => "as-written",
            Self::Warning => "otherwise",
            Self::Error => "refused",
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Error => "error",
        })
    }
}

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $text:literal,)*) => {
        /// What kind of thing is said. Codes are stable: scripts and documentation may name them.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Code { $($(#[$doc])* $name,)* }

        impl Code {
            /// Every code.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// As it is shown.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }
        }
    };
}

codes! {
    /// The file cannot be read.
    Unreadable = "C101",
    /// There is nothing in it.
    Empty = "C102",
    /// It is not text.
    Binary = "C103",
    /// Some bytes are not UTF-8.
    Encoding = "C104",
    /// An `include` that leads back to itself, or too deep.
    IncludeLoop = "C105",
    /// An `include` that finds nothing.
    IncludeMissing = "C106",
    /// So much is wrong that it is not a configuration in this language.
    Hopeless = "C107",
    /// What keepalived does not read: a file that may be executed, a folder, a device.
    NotRead = "C108",
    /// TOML that is not TOML.
    TomlSyntax = "C201",
    /// A brace too few.
    Unclosed = "C202",
    /// A brace too many.
    Unopened = "C203",
    /// A quote without its partner, or a command without the quotes that it needs.
    Quote = "C204",
    /// A block where none belongs, or none where one does.
    Block = "C205",
    /// Characters that look like others: no-break spaces, typographic quotes.
    Lookalike = "C206",
    /// Blocks inside blocks without end.
    Nesting = "C207",
    /// A variable whose expansion has no end.
    Expansion = "C208",
    /// A line that keepalived cuts.
    LongLine = "C209",
    /// A word that the language does not have.
    UnknownWord = "C301",
    /// A word that is known, but not here.
    Misplaced = "C302",
    /// A word that is understood but not yet done.
    NotYet = "C303",
    /// A word that needs nothing done here.
    WithoutEffect = "C304",
    /// A word that keepalived has dropped.
    Removed = "C305",
    /// A word without its value.
    MissingValue = "C306",
    /// More values than the word takes.
    ExtraValue = "C307",
    /// Said twice.
    Repeated = "C308",
    /// A word that keepalived advises against.
    Deprecated = "C309",
    /// A word of another version, or of another program.
    Foreign = "C310",
    /// A value that cannot be.
    BadValue = "C401",
    /// A placeholder that nobody filled in.
    Placeholder = "C402",
    /// A password longer than the protocol carries.
    LongPassword = "C403",
    /// A required value is missing.
    Required = "C404",
    /// An expression that cannot be, or that cannot be done.
    Expression = "C405",
    /// Two things that must differ do not.
    Duplicate = "C501",
    /// A name that nothing bears.
    UnknownName = "C502",
    /// `nopreempt` that cannot hold.
    PreemptCancelled = "C503",
    /// Under `nopreempt` a weight moves nothing.
    WeightMovesNothing = "C504",
    /// Members of a sync group have no weights.
    WeightInGroup = "C505",
    /// Passwords exist in VRRP version 2 only.
    PasswordVersion = "C506",
    /// An interface that is watched anyway.
    OwnInterface = "C507",
    /// A default that the file should rather state.
    Defaulted = "C508",
    /// A server whose check is not made.
    Unchecked = "C509",
    /// A thing that has nothing to act on.
    Idle = "C510",
    /// With direct routing and tunnels a server's port is the service's.
    ServerPort = "C511",
    /// A combination that VRRP or IPVS does not have.
    Combination = "C512",
    /// What strict mode does not allow.
    Strict = "C513",
    /// A script that this host cannot run.
    UnusableScript = "C514",
    /// An address that two routers move, each by itself.
    SharedAddress = "C515",
    /// A service on an address that no router moves, while others' addresses are moved.
    UnownedAddress = "C516",
    /// A server that is its own service.
    OwnServer = "C517",
    /// A server that packets do not get to.
    OutOfReach = "C518",
    /// Times that do not go together.
    Timers = "C519",
    /// An interface that this host does not have.
    NoInterface = "C520",
    /// What a check over TLS needs, and this host has not.
    UnusableTls = "C521",
    /// What haproxy does with connections, and IPVS cannot.
    BeyondIpvs = "C601",
    /// What becomes another thing, which is near.
    Approximate = "C602",
    /// What a person has to decide before it can be converted.
    Undecided = "C603",
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What a place has to do with a remark.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// It is what the remark is about, or has to do with it.
    Subject,
    /// The text came through a variable: its definition, or its use.
    Variable,
    /// The text came by an `include`: this one.
    Include,
}

/// A remark at a place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Label {
    /// The place.
    pub span: Span,
    /// The remark; may be empty.
    pub text: String,
    /// What the place has to do with it.
    pub part: Part,
}

impl Label {
    /// About a thing that the remark speaks of.
    fn subject(span: Span, text: impl Into<String>) -> Self {
        Self { span, text: text.into(), part: Part::Subject }
    }
}

/// One thing to say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// How bad it is.
    pub severity: Severity,
    /// What kind of thing it is.
    pub code: Code,
    /// What is wrong, as a sentence.
    pub message: String,
    /// Where, if anywhere.
    pub primary: Option<Label>,
    /// Other places that have to do with it.
    pub secondary: Vec<Label>,
    /// What will come of it, and what to write instead.
    pub help: Vec<String>,
}

impl Diagnostic {
    /// Something to say about a place.
    pub(super) fn new(severity: Severity, code: Code, span: Span, message: impl Into<String>) -> Self {
        let primary = Some(Label::subject(span, ""));
        Self { severity, code, message: message.into(), primary, secondary: Vec::new(), help: Vec::new() }
    }

    /// An error at a place.
    pub(super) fn error(code: Code, span: Span, message: impl Into<String>) -> Self {
        Self::new(Severity::Error, code, span, message)
    }

    /// A warning about a place.
    pub(super) fn warning(code: Code, span: Span, message: impl Into<String>) -> Self {
        Self::new(Severity::Warning, code, span, message)
    }

    /// A note about a place.
    pub(super) fn note(code: Code, span: Span, message: impl Into<String>) -> Self {
        Self::new(Severity::Note, code, span, message)
    }

    /// Something about no place in particular.
    pub(super) fn placeless(severity: Severity, code: Code, message: impl Into<String>) -> Self {
        Self { severity, code, message: message.into(), primary: None, secondary: Vec::new(), help: Vec::new() }
    }

    /// Puts a remark under the place itself.
    pub(super) fn mark(mut self, text: impl Into<String>) -> Self {
        if let Some(primary) = &mut self.primary {
            primary.text = text.into();
        }
        self
    }

    /// Shows another place with a remark.
    pub(super) fn and(mut self, span: Span, text: impl Into<String>) -> Self {
        self.secondary.push(Label::subject(span, text));
        self
    }

    /// Says what will come of it, or what to write instead.
    pub(super) fn help(mut self, text: impl Into<String>) -> Self {
        self.help.push(text.into());
        self
    }

    /// Says it if there is something to say.
    pub(super) fn help_if(self, text: Option<String>) -> Self {
        match text {
            Some(text) => self.help(text),
            None => self,
        }
    }
}
