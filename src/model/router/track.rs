//! What a router watches, and what that does to it.

use std::time::Duration;

use super::super::{Check, RunAs, ServiceKey};

/// Something watched by a router or a sync group, and what its failure does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tracked {
    /// What.
    pub what: Watched,
    /// 0: a failure is a fault. Above: added while well. Below: subtracted while not. A file's number is multiplied by it.
    pub weight: i16,
    /// `reverse`: what is added is subtracted, and the other way round; with weight 0, being well is a fault.
    pub reverse: bool,
}

/// What can be watched. Names are those of the definitions in [`Config`](super::super::Config).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Watched {
    /// A network interface is up.
    Interface(String),
    /// A [`TrackScript`] succeeds.
    Script(String),
    /// As many processes run as a [`TrackProcess`] wants.
    Process(String),
    /// The number in a [`TrackFile`].
    File(String),
    /// A service has the servers that a [`TrackService`] wants.
    Service(String),
    /// A [`TrackCheck`] succeeds.
    Check(String),
    /// A BFD session is up.
    Bfd(String),
}

impl Watched {
    /// The name of what is watched.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Interface(name)
            | Self::Script(name)
            | Self::Process(name)
            | Self::File(name)
            | Self::Service(name)
            | Self::Check(name)
            | Self::Bfd(name) => name,
        }
    }

    /// What kind of thing it is, in a word or two.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Interface(_) => "interface",
            Self::Script(_) => "script",
            Self::Process(_) => "process",
            Self::File(_) => "file",
            Self::Service(_) => "service",
            Self::Check(_) => "check",
            Self::Bfd(_) => "BFD session",
        }
    }
}

impl std::fmt::Display for Watched {
    /// `interface eth0`, `script check_haproxy`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.kind(), self.name())
    }
}

/// `vrrp_script`: a command whose exit status says whether all is well.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrackScript {
    /// Its name.
    pub name: String,
    /// The command's words, quotes already taken off; never empty.
    pub command: Vec<String>,
    /// From the start of one run to the start of the next.
    pub interval: Duration,
    /// How long a run may take; then it counts as failed and is ended.
    pub timeout: Duration,
    /// Successes in a row that end a failure.
    pub rise: u32,
    /// Failures in a row that make one.
    pub fall: u32,
    /// Who runs it; the daemon-wide user if none.
    pub user: Option<RunAs>,
    /// Counts as failed until it has succeeded.
    pub init_fail: bool,
    /// What becomes of it where its file cannot be run when a configuration comes into force.
    pub on_missing: OnMissing,
}

/// What becomes of a script whose file is missing, may not be executed, or is refused by `enable_script_security`, or whose
/// user does not exist, when a configuration comes into force. What goes missing later is a failure either way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OnMissing {
    /// It counts for nothing until a reload finds the file: keepalived's rule, and so that of its language.
    Disable,
    /// Every run of it fails: TOML's rule.
    Fail,
}

/// `vrrp_track_process`: processes that must run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrackProcess {
    /// Its name.
    pub name: String,
    /// The program: its name as `/proc/PID/comm` or the last part of its first argument has it, or, with a `/`, its whole
    /// first argument.
    pub program: String,
    /// What its further arguments must be; `None`: anything.
    pub arguments: Option<ProcessArguments>,
    /// `full_command`: compare the command line, not the kernel's 15-byte name.
    pub full_command: bool,
    /// Least number of processes.
    pub quorum: u32,
    /// Greatest number of processes.
    pub quorum_max: Option<u32>,
    /// `fork_delay`: enough processes count only after this long.
    pub fork_delay: Duration,
    /// `terminate_delay`: too few count only after this long.
    pub terminate_delay: Duration,
}

/// How a process's further arguments are compared (`param_match`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProcessArguments {
    /// All of them, and no others.
    Exact(Vec<String>),
    /// They begin with these.
    Initial(Vec<String>),
    /// As with `Initial`, and the last of these may be the beginning of an argument.
    Partial(Vec<String>),
}

/// `track_file`: a file whose first line is a number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrackFile {
    /// Its name.
    pub name: String,
    /// Path.
    pub path: String,
    /// `init_file`: write it at start.
    pub start: Option<FileStart>,
}

/// What a tracked file holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FileContent {
    /// A number.
    Number(i64),
    /// There is no such file.
    Missing,
    /// It is there, and cannot be read for this reason.
    Unreadable(String),
    /// Its first line, which is no number.
    NotANumber(String),
}

/// What a tracked file holds at start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileStart {
    /// The number.
    pub value: i32,
    /// `overwrite`: even where there is one already.
    pub overwrite: bool,
}

/// A service of this host's whose servers a router watches, without a script.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrackService {
    /// Its name.
    pub name: String,
    /// Which service.
    pub service: ServiceKey,
    /// What it needs.
    pub condition: ServiceCondition,
}

/// What a watched service needs to count as well.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ServiceCondition {
    /// One server that is up.
    AnyUp,
    /// Its own quorum: the weights of the servers that are up add up to it.
    Quorum,
    /// This share of its servers, in percent.
    Share(u8),
}

/// A health check that a router watches in place of a script.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrackCheck {
    /// Its name.
    pub name: String,
    /// What is tried, and how often.
    pub check: Check,
    /// Successes in a row that end a failure.
    pub rise: u32,
    /// Failures in a row that make one.
    pub fall: u32,
}
