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
    /// There is no such program, or it may not be run: in a word, and as part of a sentence.
    NotRunnable(ScriptFault, String),
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
            Self::NotRunnable(_, why) => write!(f, "it cannot be run: {why}"),
            Self::NotTried(why) => write!(f, "it could not be tried: {why}"),
        }
    }
}

/// Why a script cannot be run, whoever tries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ScriptFault {
    /// There is nothing to run.
    NoCommand,
    /// There is no such file.
    NoFile,
    /// There is no such program in `PATH`.
    NotInPath,
    /// It is a folder or something else that is no file.
    NotAFile,
    /// Its user may not execute it.
    NotExecutable,
    /// The interpreter that its first line names does not exist.
    NoInterpreter,
    /// It is neither a program nor does its first line name an interpreter.
    NotAProgram,
    /// `enable_script_security`: others than root could have written what root is to run.
    Insecure,
    /// The user or the group that is to run it does not exist.
    NoUser,
    /// The kernel refused it for another reason.
    Refused,
}

impl ScriptFault {
    /// It is seen by looking at the file and at who is to run it, as keepalived does when it reads its configuration; the others
    /// show when the script is started.
    #[must_use]
    pub const fn is_absence(self) -> bool {
        match self {
            Self::NoCommand
            | Self::NoFile
            | Self::NotInPath
            | Self::NotAFile
            | Self::NotExecutable
            | Self::Insecure
            | Self::NoUser => true,
            Self::NoInterpreter | Self::NotAProgram | Self::Refused => false,
        }
    }
}

impl fmt::Display for ScriptFault {
    /// A sentence without its subject.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoCommand => "has no command",
            Self::NoFile => "is not there",
            Self::NotInPath => "is not in PATH",
            Self::NotAFile => "is not a file",
            Self::NotExecutable => "may not be executed by its user (chmod +x)",
            Self::NoInterpreter => "names an interpreter in its first line that does not exist",
            Self::NotAProgram => "is no program, and its first line names no interpreter",
            Self::Insecure => "would be run by root, and others than root can write it (script security)",
            Self::NoUser => "is to be run by a user or a group that does not exist",
            Self::Refused => "cannot be run",
        })
    }
}
