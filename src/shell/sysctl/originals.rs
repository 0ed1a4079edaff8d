//! What settings were before us, kept in a small file of the state directory.
//!
//! The file says of which boot and network namespace it tells. After a power cut the settings are whatever that boot made
//! them; to "put back" an older boot's values would undo what the host's own configuration says by now.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// Original values by name, and the file that keeps them.
#[derive(Debug, Clone)]
pub(super) struct Originals {
    file: PathBuf,
    kept: Kept,
    /// What the file is known to hold.
    on_disk: Option<Kept>,
}

/// The file's contents.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Kept {
    stamp: String,
    settings: BTreeMap<String, Original>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Original {
    original: String,
    written: String,
}

impl Originals {
    /// Reads the file; one that cannot be read is set aside and said so, since to guess would be worse. One of another boot or
    /// network namespace than `stamp` tells of other settings than these.
    pub(super) fn read(file: &Path, stamp: &str) -> (Self, Option<String>) {
        let (found, problem) = match fs::read(file) {
            Ok(bytes) => match serde_json::from_slice(&bytes) {
                Ok(kept) => (kept, None),
                Err(error) => (Kept::default(), Some(set_aside(file, &error))),
            },
            Err(error) if error.kind() == ErrorKind::NotFound => (Kept::default(), None),
            Err(error) => (
                Kept::default(),
                Some(format!("cannot read {}: {error}; earlier originals are not known", file.display())),
            ),
        };
        let settings = if found.stamp == stamp { found.settings } else { BTreeMap::new() };
        let kept = Kept { stamp: stamp.to_owned(), settings };
        (Self { file: file.to_owned(), kept, on_disk: None }, problem)
    }

    /// Originals that no file keeps.
    pub(super) fn nowhere(stamp: &str) -> Self {
        let kept = Kept { stamp: stamp.to_owned(), settings: BTreeMap::new() };
        Self { file: PathBuf::new(), kept, on_disk: None }
    }

    /// Writes the file whole or not at all; removes it where there is nothing to keep. Where it holds this already, the disk
    /// is left in peace: a reload that changes no setting does not wait for it.
    pub(super) fn write(&mut self) -> Result<(), String> {
        if self.on_disk.as_ref() == Some(&self.kept) {
            return Ok(());
        }
        let result = if self.kept.settings.is_empty() {
            match fs::remove_file(&self.file) {
                Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
                Ok(()) | Err(_) => Ok(()),
            }
        } else {
            self.replace()
        };
        self.on_disk = result.is_ok().then(|| self.kept.clone());
        result.map_err(|error| {
            format!(
                "cannot write {}: {error}; after a crash the original settings would not be known",
                self.file.display()
            )
        })
    }

    fn replace(&self) -> io::Result<()> {
        let text = serde_json::to_vec_pretty(&self.kept)?;
        let fresh = self.file.with_extension("json.new");
        fs::write(&fresh, text)?;
        fs::File::open(&fresh)?.sync_all()?;
        fs::rename(&fresh, &self.file)
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &String> {
        self.kept.settings.keys()
    }

    pub(super) fn original(&self, name: &str) -> Option<&str> {
        self.kept.settings.get(name).map(|kept| kept.original.as_str())
    }

    pub(super) fn written(&self, name: &str) -> Option<&str> {
        self.kept.settings.get(name).map(|kept| kept.written.as_str())
    }

    /// Remembers what was there before the first write; later writes change only what we wrote.
    pub(super) fn remember(&mut self, name: &str, original: &str, written: &str) {
        self.kept
            .settings
            .entry(name.to_owned())
            .and_modify(|kept| written.clone_into(&mut kept.written))
            .or_insert_with(|| Original { original: original.to_owned(), written: written.to_owned() });
    }

    /// Forgets one, and returns what was there before us and what we wrote.
    pub(super) fn forget(&mut self, name: &str) -> Option<(String, String)> {
        self.kept.settings.remove(name).map(|kept| (kept.original, kept.written))
    }
}

fn set_aside(file: &Path, error: &serde_json::Error) -> String {
    let aside = file.with_extension("json.bad");
    let moved = match fs::rename(file, &aside) {
        Ok(()) => format!("set aside as {}", aside.display()),
        Err(rename) => format!("left where it is ({rename})"),
    };
    format!(
        "{} is damaged ({error}), {moved}; the settings that an earlier run changed will not be put back",
        file.display()
    )
}
