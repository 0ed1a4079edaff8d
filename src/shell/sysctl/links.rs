//! Settings that the router loop holds: of interfaces, as they come and go.
//!
//! What was there before us is kept as for the daemon's other settings, in a file of its own. The loop must not wait for a
//! disk, so a thread writes the file. The kernel is written meanwhile: a daemon that is killed in that instant leaves the
//! value as it is.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::thread;

use super::originals::Originals;
use super::{Change, file, read, same, write};
use crate::shell::slot::{Found, Slot};

/// Interfaces for which `rp_filter` is not moved: they are none.
const NO_INTERFACE: [&str; 2] = ["all", "lo"];

/// Settings of interfaces that are held now.
#[derive(Debug)]
pub struct LinkSettings {
    root: PathBuf,
    originals: Originals,
    /// `rp_filter` settings that we moved.
    moved: Vec<String>,
    /// Kept in a file at all.
    kept: bool,
    /// From the first change on.
    keeper: Option<Keeper>,
}

/// A thread that writes originals: those that it was given last, so that a disk that hangs makes no queue grow.
#[derive(Debug)]
struct Keeper {
    slot: Slot<Originals>,
    thread: Option<thread::JoinHandle<()>>,
}

impl LinkSettings {
    /// Nothing held yet. Originals are kept in the state directory, if there is one, and those that an earlier run may have
    /// left there are known.
    ///
    #[must_use]
    pub fn new(state_dir: Option<&Path>) -> (Self, Vec<Change>) {
        Self::rooted(Path::new("/proc/sys"), state_dir, &crate::shell::here())
    }

    fn rooted(root: &Path, state_dir: Option<&Path>, here: &str) -> (Self, Vec<Change>) {
        let file = state_dir.map(|folder| folder.join("sysctl-links.json")).unwrap_or_default();
        let (originals, problem) = match state_dir {
            Some(_) => Originals::read(&file, here),
            None => (Originals::nowhere(here), None),
        };
        let moved = originals.names().filter(|name| is_reverse_path(name)).cloned().collect();
        let changes = problem.map(|problem| Change::NotKept { problem }).into_iter().collect();
        (Self { root: root.to_owned(), originals, moved, kept: state_dir.is_some(), keeper: None }, changes)
    }

    /// Writes a setting whose original is of no interest: it goes with its interface. Where the interface went first, there
    /// is nothing to write, and nothing to tell.
    pub fn write(&self, name: &str, value: &str) -> Option<Change> {
        match read(&self.root, name) {
            Ok(actual) if same(&actual, value) => None,
            // A host without IPv6 has no settings of it, and needs none.
            Err(_) if name.starts_with("net.ipv6.") => None,
            Ok(_) | Err(_) => write(&self.root, name, value)
                .err()
                .filter(|_| !self.lacks_interface(name))
                .map(|error| Change::Failed { name: name.to_owned(), problem: error.to_string() }),
        }
    }

    /// The setting is one of an interface that is not there.
    fn lacks_interface(&self, name: &str) -> bool {
        let file = file(&self.root, name);
        let mut folders = file.ancestors().skip(1).map(Path::is_dir);
        (folders.next(), folders.next()) == (Some(false), Some(true))
    }

    /// Holds a setting.
    pub fn hold(&mut self, name: &str, value: &str) -> Option<Change> {
        let actual = match read(&self.root, name) {
            Ok(actual) => actual,
            Err(_) if self.lacks_interface(name) => return None,
            Err(error) => return Some(Change::Failed { name: name.to_owned(), problem: error.to_string() }),
        };
        if same(&actual, value) {
            return None;
        }
        self.originals.remember(name, &actual, value);
        self.keep();
        Some(match write(&self.root, name, value) {
            Ok(()) => Change::Set { name: name.to_owned(), from: actual, to: value.to_owned() },
            Err(error) => {
                self.originals.forget(name);
                self.keep();
                Change::Failed { name: name.to_owned(), problem: format!("{error}; it stays {actual}") }
            }
        })
    }

    /// Puts a setting back to what it was before us, if it still is what we wrote. The interface may be gone.
    pub fn restore(&mut self, name: &str) -> Option<Change> {
        let (original, written) = self.originals.forget(name)?;
        self.keep();
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

    /// Moves `conf.all.rp_filter`, of which the kernel takes the greater one for each interface, into each interface's own.
    /// Interfaces that come later have it from `conf.default`.
    pub fn split_reverse_path(&mut self) -> Vec<Change> {
        let all = setting("all");
        let Ok(least) = read(&self.root, &all) else { return Vec::new() };
        if least == "0" {
            return Vec::new();
        }
        let mut changes = Vec::new();
        for interface in self.interfaces() {
            let name = setting(&interface);
            let Ok(own) = read(&self.root, &name) else { continue };
            if own.parse::<u8>().unwrap_or(0) < least.parse::<u8>().unwrap_or(0) {
                changes.extend(self.hold(&name, &least));
                self.moved.push(name);
            }
        }
        changes.extend(self.hold(&all, "0"));
        self.moved.push(all);
        changes
    }

    /// Undoes that. `conf.all` comes first: no interface is without for a moment.
    pub fn join_reverse_path(&mut self) -> Vec<Change> {
        let mut moved = std::mem::take(&mut self.moved);
        moved.sort_by_key(|name| *name != setting("all"));
        moved.iter().filter_map(|name| self.restore(name)).collect()
    }

    /// Puts every original back, and waits until the file says so.
    pub fn close(&mut self) -> Vec<Change> {
        let mut changes = self.join_reverse_path();
        let names: Vec<_> = self.originals.names().cloned().collect();
        changes.extend(names.iter().filter_map(|name| self.restore(name)));
        if let Some(thread) = self.keeper.take().and_then(|mut keeper| keeper.thread.take()) {
            // It writes what it was given, and has no panic to tell of.
            let _ = thread.join();
        }
        changes
    }

    fn interfaces(&self) -> Vec<String> {
        let folder = file(&self.root, "net.ipv4.conf");
        let mut names: Vec<String> = fs::read_dir(folder)
            .into_iter()
            .flatten()
            .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
            .filter(|name| !NO_INTERFACE.contains(&name.as_str()))
            .collect();
        // The default first: an interface that comes meanwhile has it already.
        names.sort_by_key(|name| name != "default");
        names
    }

    fn keep(&mut self) {
        if !self.kept {
            return;
        }
        if self.keeper.is_none() {
            self.keeper = Keeper::spawn().ok();
        }
        match &self.keeper {
            Some(keeper) => keeper.slot.put(self.originals.clone()),
            // No thread can be had: then this one waits for the disk.
            None => keep_on_disk(&mut self.originals.clone()),
        }
    }
}

impl Keeper {
    fn spawn() -> io::Result<Self> {
        let slot = Slot::<Originals>::new();
        let given = slot.clone();
        let thread = thread::Builder::new().name("originals".to_owned()).spawn(move || {
            while let Found::Thing(mut originals) = given.fetch(None) {
                keep_on_disk(&mut originals);
            }
        })?;
        Ok(Self { slot, thread: Some(thread) })
    }
}

impl Drop for Keeper {
    /// The thread ends once it has written what it was given.
    fn drop(&mut self) {
        self.slot.close();
    }
}

fn keep_on_disk(originals: &mut Originals) {
    if let Err(problem) = originals.write() {
        Change::NotKept { problem }.log();
    }
}

fn setting(interface: &str) -> String {
    format!("net.ipv4.conf.{}.rp_filter", interface.replace('.', "/"))
}

fn is_reverse_path(name: &str) -> bool {
    name.starts_with("net.ipv4.conf.") && name.ends_with(".rp_filter")
}

#[cfg(test)]
mod tests;
