//! Runs of scripts: what an engine orders, and what came of it.

use std::fmt;
use std::time::Duration;

use super::{Command, RunAs};

/// A run of a script.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScriptRun {
    /// Number of the run.
    pub run: u64,
    /// Name of the script.
    pub name: String,
    /// Command words.
    pub command: Vec<String>,
    /// Who runs it; the daemon's own user if none.
    pub user: Option<RunAs>,
    /// How long it may take.
    pub timeout: Duration,
}

/// A script whose file is to be looked at before it is run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScriptLook {
    /// Name of the script.
    pub name: String,
    /// Command words.
    pub command: Vec<String>,
    /// Who runs it; the daemon's own user if none.
    pub user: Option<RunAs>,
}

/// Scripts to call because a state changed: in this order, and after those of earlier notices with the same subject.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// `INSTANCE name` or `GROUP name`.
    pub subject: String,
    /// Each script's command.
    pub commands: Vec<Command>,
    /// Who runs them.
    pub user: Option<RunAs>,
}

/// What came of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ScriptOutcome {
    /// It ended by itself.
    Exited(i32),
    /// A signal ended it.
    Killed(i32),
    /// It ran for too long, and is being ended.
    TimedOut,
    /// There is no such program, or it may not be run.
    NotRunnable(String),
    /// It could not be tried, for reasons of our own (no process to be had, the last run not over). This says nothing
    /// about what the script looks at, and counts as nothing.
    NotTried(String),
}

impl fmt::Display for ScriptOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exited(status) => write!(f, "it exited with status {status}"),
            Self::Killed(signal) => write!(f, "signal {signal} ended it"),
            Self::TimedOut => f.write_str("it ran longer than its timeout"),
            Self::NotRunnable(why) => write!(f, "it cannot be run: {why}"),
            Self::NotTried(why) => write!(f, "it could not be tried: {why}"),
        }
    }
}
