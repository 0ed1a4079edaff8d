//! Kernel settings that the configuration needs or names, held while we run and put back when we stop.
//!
//! What was there before us is written to a file before the first change, so that a daemon that was killed and started
//! again still knows the true original and not its own earlier write. At a clean stop a value is put back only where it
//! still is what we wrote: somebody who changed it since had a reason.
//!
//! `/proc/sys/net` is per network namespace; the file is opened by this thread and so is this thread's namespace's.
//!
//! Holding a setting waits for the disk. The supervisor has it done by a thread of its own.

mod links;
mod needs;
mod originals;

use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::api::{SysctlState, SysctlView};
use crate::model::{Config, Sysctl};

pub use links::LinkSettings;
use needs::FORWARDING;
pub use needs::{forwards, needed};
use originals::Originals;

/// Kernel settings that are held now.
#[derive(Debug)]
pub struct Sysctls {
    root: PathBuf,
    held: Vec<Held>,
    originals: Originals,
}

/// One setting that is held.
#[derive(Debug)]
struct Held {
    wanted: Sysctl,
    state: SysctlState,
    problem: Option<String>,
    /// This kernel has no such setting, as yet.
    missing: bool,
}

/// What became of one setting, for the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// It was written.
    Set {
        /// Its name.
        name: String,
        /// Value before.
        from: String,
        /// Value now.
        to: String,
    },
    /// It has the wanted value, but could not have been written: worth a warning, since nothing holds it.
    RightButReadOnly {
        /// Its name.
        name: String,
        /// Its value.
        value: String,
    },
    /// It could not be set.
    Failed {
        /// Its name.
        name: String,
        /// What went wrong and what to do.
        problem: String,
    },
    /// Somebody changed it behind our back.
    Drifted {
        /// Its name.
        name: String,
        /// What it is to be.
        wanted: String,
        /// What it is.
        actual: String,
    },
    /// The original value was put back.
    Restored {
        /// Its name.
        name: String,
        /// The value.
        value: String,
    },
    /// It is not what we wrote, so it was left alone.
    LeftAlone {
        /// Its name.
        name: String,
        /// Its value.
        actual: String,
    },
    /// The originals could not be kept on disk, or the kept ones not read: after a crash they would not be known.
    NotKept {
        /// What went wrong and what to do.
        problem: String,
    },
}

impl Sysctls {
    /// Nothing held yet; reads the originals that an earlier run may have left in the state directory.
    #[must_use]
    pub fn new(state_dir: &Path) -> (Self, Vec<Change>) {
        Self::rooted(Path::new("/proc/sys"), state_dir, &super::here())
    }

    /// `here`: which boot and network namespace the settings belong to.
    fn rooted(root: &Path, state_dir: &Path, here: &str) -> (Self, Vec<Change>) {
        let (originals, problem) = Originals::read(&state_dir.join("sysctl.json"), here);
        let changes = problem.map(|problem| Change::NotKept { problem }).into_iter().collect();
        (Self { root: root.to_owned(), held: Vec::new(), originals }, changes)
    }

    /// Makes the settings what the configuration needs, and puts back those that it no longer does, but for those of `keep`:
    /// somebody who goes needs them yet.
    ///
    /// Forwarding stays on as long as there are services: connections that were opened while a server was reached by NAT go on
    /// after a reload has made another method of it, and would be cut off.
    pub fn apply(&mut self, config: &Config, keep: &[&str]) -> Vec<Change> {
        let mut wanted = needed(config);
        let serves = !config.global.keep_sysctls && !config.services.is_empty();
        for name in FORWARDING.into_iter().filter(|name| serves || keep.contains(name)) {
            if let Some(value) = self.originals.written(name)
                && !wanted.iter().any(|sysctl| sysctl.name == name)
            {
                wanted.push(Sysctl { name: name.to_owned(), value: value.to_owned() });
            }
        }
        let mut changes = Vec::new();
        let gone: Vec<_> =
            self.originals.names().filter(|name| !wanted.iter().any(|sysctl| sysctl.name == **name)).cloned().collect();
        for name in gone {
            changes.extend(self.restore(&name));
        }
        self.held.clear();
        for sysctl in wanted {
            let (held, change) = self.hold(sysctl);
            self.held.push(held);
            changes.extend(change);
        }
        changes.extend(self.keep());
        changes
    }

    /// Looks whether every setting still has its value. A setting that drifted is reported once, not written again:
    /// two programs that both insist would fight for ever.
    ///
    /// One that was not there and has come (those of IPVS come with its module) is set.
    pub fn inspect(&mut self) -> Vec<Change> {
        let mut changes = Vec::new();
        for at in 0..self.held.len() {
            let Some(wanted) = self.held.get(at).filter(|held| held.missing).map(|held| held.wanted.clone()) else {
                continue;
            };
            if read(&self.root, &wanted.name).is_ok() {
                let (held, change) = self.hold(wanted);
                changes.extend(change);
                if let Some(place) = self.held.get_mut(at) {
                    *place = held;
                }
            }
        }
        for held in &mut self.held {
            let Ok(actual) = read(&self.root, &held.wanted.name) else { continue };
            let right = same(&actual, &held.wanted.value);
            match held.state {
                SysctlState::AlreadyRight | SysctlState::Set if !right => {
                    held.state = SysctlState::Drifted;
                    held.problem = Some(format!(
                        "somebody set it to {actual}; a reload (or `sysctl -w {}={}`) sets it again",
                        held.wanted.name, held.wanted.value
                    ));
                    changes.push(Change::Drifted {
                        name: held.wanted.name.clone(),
                        wanted: held.wanted.value.clone(),
                        actual,
                    });
                }
                SysctlState::Drifted | SysctlState::Failed if right => {
                    held.state = SysctlState::AlreadyRight;
                    held.problem = None;
                }
                SysctlState::AlreadyRight | SysctlState::Set | SysctlState::Drifted | SysctlState::Failed => {}
            }
        }
        changes
    }

    /// Puts every original back.
    pub fn restore_all(&mut self) -> Vec<Change> {
        let names: Vec<_> = self.originals.names().cloned().collect();
        let mut changes: Vec<_> = names.iter().filter_map(|name| self.restore(name)).collect();
        self.held.clear();
        changes.extend(self.keep());
        changes
    }

    /// How each setting stands.
    #[must_use]
    pub fn views(&self) -> Vec<SysctlView> {
        self.held
            .iter()
            .map(|held| SysctlView {
                name: held.wanted.name.clone(),
                wanted: held.wanted.value.clone(),
                actual: read(&self.root, &held.wanted.name).ok(),
                original: self.originals.original(&held.wanted.name).map(str::to_owned),
                state: held.state,
                problem: held.problem.clone(),
            })
            .collect()
    }

    fn hold(&mut self, wanted: Sysctl) -> (Held, Option<Change>) {
        let missing = read(&self.root, &wanted.name).is_err();
        let (state, change) = self.set(&wanted);
        let problem = change.as_ref().and_then(Change::problem);
        (Held { wanted, state, problem, missing }, change)
    }

    fn set(&mut self, sysctl: &Sysctl) -> (SysctlState, Option<Change>) {
        let Sysctl { name, value } = sysctl;
        let actual = match read(&self.root, name) {
            Ok(actual) => actual,
            Err(error) => {
                return (
                    SysctlState::Failed,
                    Some(Change::Failed { name: name.clone(), problem: missing(name, &error) }),
                );
            }
        };
        if same(&actual, value) {
            let read_only = matches!(writable(&self.root, name), Err(error) if denied(&error));
            let change = read_only.then(|| Change::RightButReadOnly { name: name.clone(), value: value.clone() });
            let ours = self.originals.written(name).is_some_and(|written| same(written, value));
            return (if ours { SysctlState::Set } else { SysctlState::AlreadyRight }, change);
        }
        // The original goes to disk before the value goes to the kernel: killed in between, nothing is lost.
        let known = self.originals.original(name).is_some();
        self.originals.remember(name, &actual, value);
        let not_kept = self.keep();
        match write(&self.root, name, value) {
            Ok(()) => (
                SysctlState::Set,
                Some(Change::Set { name: name.clone(), from: actual, to: value.clone() }).or(not_kept),
            ),
            Err(error) => {
                if !known {
                    self.originals.forget(name);
                }
                let problem = refused(sysctl, &actual, &error);
                (SysctlState::Failed, Some(Change::Failed { name: name.clone(), problem }))
            }
        }
    }

    fn restore(&mut self, name: &str) -> Option<Change> {
        let (original, written) = self.originals.forget(name)?;
        let actual = read(&self.root, name).ok()?;
        if same(&actual, &original) {
            return None;
        }
        if !same(&actual, &written) {
            return Some(Change::LeftAlone { name: name.to_owned(), actual });
        }
        Some(match write(&self.root, name, &original) {
            Ok(()) => Change::Restored { name: name.to_owned(), value: original },
            Err(error) => Change::Failed {
                name: name.to_owned(),
                problem: format!("its original value {original} could not be put back: {error}"),
            },
        })
    }

    fn keep(&mut self) -> Option<Change> {
        self.originals.write().err().map(|problem| Change::NotKept { problem })
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Set { name, from, to } => write!(f, "set {name} to {to} (it was {from})"),
            Self::RightButReadOnly { name, value } => {
                write!(f, "{name} is {value} as it must be, but it is read-only here: nothing holds it there")
            }
            Self::Failed { name, problem } => write!(f, "cannot set {name}: {problem}"),
            Self::Drifted { name, wanted, actual } => {
                write!(f, "somebody set {name} to {actual}, and it must be {wanted}; a reload sets it again")
            }
            Self::Restored { name, value } => write!(f, "put {name} back to {value}"),
            Self::LeftAlone { name, actual } => write!(f, "left {name} at {actual}, which somebody else wrote"),
            Self::NotKept { problem } => f.write_str(problem),
        }
    }
}

impl Change {
    /// Writes it to the log, as loudly as it deserves.
    pub fn log(&self) {
        match self {
            Self::Set { .. } | Self::Restored { .. } => tracing::info!("{self}"),
            Self::RightButReadOnly { .. } | Self::Drifted { .. } | Self::LeftAlone { .. } | Self::NotKept { .. } => {
                tracing::warn!("{self}");
            }
            Self::Failed { .. } => tracing::error!("{self}"),
        }
    }

    fn problem(&self) -> Option<String> {
        match self {
            Self::Failed { problem, .. } => Some(problem.clone()),
            Self::RightButReadOnly { .. } => Some("right already, but read-only: nothing holds it there".to_owned()),
            Self::Set { .. }
            | Self::Drifted { .. }
            | Self::Restored { .. }
            | Self::LeftAlone { .. }
            | Self::NotKept { .. } => None,
        }
    }
}

/// The value of a setting now, in the network namespace of the calling thread; `None` where there is no such setting.
#[must_use]
pub fn actual(name: &str) -> Option<String> {
    read(Path::new("/proc/sys"), name).ok()
}

/// The file of a setting. In a sysctl's name a dot parts folders, and a slash stands for a dot inside a folder's name
/// (`net.ipv4.conf.eth0/100.rp_filter`), as sysctl(8) has it.
fn file(root: &Path, name: &str) -> PathBuf {
    let swapped: String = name
        .chars()
        .map(|letter| match letter {
            '.' => '/',
            '/' => '.',
            other => other,
        })
        .collect();
    root.join(swapped)
}

fn read(root: &Path, name: &str) -> io::Result<String> {
    Ok(fs::read_to_string(file(root, name))?.trim().to_owned())
}

fn write(root: &Path, name: &str, value: &str) -> io::Result<()> {
    fs::write(file(root, name), value)
}

fn writable(root: &Path, name: &str) -> io::Result<()> {
    fs::OpenOptions::new().write(true).open(file(root, name)).map(drop)
}

fn denied(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::PermissionDenied)
}

/// Values of several numbers are shown by the kernel with tabs between.
fn same(left: &str, right: &str) -> bool {
    left.split_whitespace().eq(right.split_whitespace())
}

fn missing(name: &str, error: &io::Error) -> String {
    let remedy = if name.starts_with("net.ipv4.vs.") {
        "; it comes with the IPVS module: `modprobe ip_vs`"
    } else {
        "; is the name spelt as `sysctl -a` has it?"
    };
    format!("the kernel has no setting {name} here ({error}){remedy}")
}

fn refused(sysctl: &Sysctl, actual: &str, error: &io::Error) -> String {
    let Sysctl { name, value } = sysctl;
    if denied(error) {
        format!(
            "{name} is {actual}, must be {value}, and cannot be written ({error}); set it on the host \
             (`sysctl -w {name}={value}`), or let the container write it (docker: `--sysctl {name}={value}`)"
        )
    } else {
        format!("the kernel refuses {name}={value} ({error}); it stays {actual}")
    }
}

#[cfg(test)]
mod tests;
