//! All that a configuration was read from: which files, which patterns, and what came of each.
//!
//! Reading is a function of this (and of what does not change while a process lives), so a configuration is worth reading again
//! exactly when something in it differs. Files that were asked for and not there belong to it as well, and files beside
//! the configuration, such as names of routing tables.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::config::{SourceError, Sources};
use crate::shell::files::HostFiles;
use crate::shell::watched_folders::{Interests, Way, absolute};

/// What was read.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(in crate::shell) struct Footprint {
    /// A digest of each file's bytes, or of the reason why there were none.
    files: BTreeMap<PathBuf, u64>,
    /// Which files were asked whether they may be executed, and the answer.
    executables: BTreeMap<PathBuf, bool>,
    /// What each pattern matched.
    patterns: BTreeMap<String, Vec<PathBuf>>,
}

/// How the files look from outside. Equal: most likely nobody was at them.
pub(super) type Looks = Vec<Option<(u64, u64, u64, (i64, i64), (i64, i64))>>;

impl Footprint {
    /// How many files were asked for.
    pub(super) fn len(&self) -> usize {
        self.paths().count()
    }

    /// What differs by now.
    pub(super) fn differences(&self) -> BTreeSet<PathBuf> {
        let files = self.files.iter().filter(|(path, before)| digest(&HostFiles.read(path)) != **before);
        let executables = self.executables.iter().filter(|(path, before)| HostFiles.is_executable(path) != **before);
        let mut differ: BTreeSet<PathBuf> =
            files.map(|(path, _)| path).chain(executables.map(|(path, _)| path)).cloned().collect();
        for (pattern, before) in &self.patterns {
            let found = HostFiles.glob(pattern);
            differ.extend(found.iter().filter(|path| !before.contains(path)).cloned());
            differ.extend(before.iter().filter(|path| !found.contains(path)).cloned());
        }
        differ
    }

    /// How its files look now.
    pub(super) fn looks(&self) -> Looks {
        let matched = self.patterns.keys().flat_map(|pattern| HostFiles.glob(pattern));
        let paths = self.paths().cloned().chain(matched);
        paths
            .map(|path| {
                let status = fs::metadata(path).ok()?;
                let modified = (status.mtime(), status.mtime_nsec());
                let changed = (status.ctime(), status.ctime_nsec());
                Some((status.dev(), status.ino(), status.size(), modified, changed))
            })
            .collect()
    }

    /// Every file that was asked for, be it only whether it may be executed.
    fn paths(&self) -> impl Iterator<Item = &PathBuf> {
        let asked = self.executables.keys().filter(|path| !self.files.contains_key(*path));
        self.files.keys().chain(asked)
    }

    /// Where a change would show.
    pub(super) fn interests(&self) -> Interests {
        let mut interests = Interests::default();
        for path in self.paths() {
            interests.add_way(&Way::walk(&absolute(path)));
        }
        for pattern in self.patterns.keys() {
            interests.add_pattern(&absolute(Path::new(pattern)).to_string_lossy());
        }
        interests
    }
}

/// The same bytes give the same number as long as the process lives.
fn digest(read: &Result<Vec<u8>, SourceError>) -> u64 {
    let mut hasher = DefaultHasher::new();
    match read {
        Ok(bytes) => bytes.hash(&mut hasher),
        Err(error) => error.to_string().hash(&mut hasher),
    }
    hasher.finish()
}

/// The files of the host, with a note of all that is asked for.
#[derive(Debug, Default)]
pub(in crate::shell) struct NotedFiles(RefCell<Footprint>);

impl NotedFiles {
    /// What was asked for.
    pub(in crate::shell) fn into_footprint(self) -> Footprint {
        self.0.into_inner()
    }
}

impl Sources for NotedFiles {
    fn read(&self, path: &Path) -> Result<Vec<u8>, SourceError> {
        let read = HostFiles.read(path);
        self.0.borrow_mut().files.insert(path.to_owned(), digest(&read));
        read
    }

    fn glob(&self, pattern: &str) -> Vec<PathBuf> {
        let found = HostFiles.glob(pattern);
        self.0.borrow_mut().patterns.insert(pattern.to_owned(), found.clone());
        found
    }

    fn is_executable(&self, path: &Path) -> bool {
        let executable = HostFiles.is_executable(path);
        self.0.borrow_mut().executables.insert(path.to_owned(), executable);
        executable
    }

    fn variable(&self, name: &str) -> Option<String> {
        HostFiles.variable(name)
    }

    fn seed(&self) -> u64 {
        HostFiles.seed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn what_differs_is_what_changed_in_content() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let pattern = format!("{}/*.conf", folder.path().display());
        fs::write(at("a.conf"), "1").unwrap();
        let look = || {
            let noted = NotedFiles::default();
            for path in noted.glob(&pattern) {
                if !noted.is_executable(&path) {
                    let _ = noted.read(&path);
                }
            }
            assert_eq!(noted.read(&at("none")), Err(SourceError::Missing));
            noted.into_footprint()
        };
        let differ = |footprint: &Footprint| footprint.differences().into_iter().collect::<Vec<_>>();
        let first = look();
        assert_eq!(differ(&first), [] as [PathBuf; 0]);
        fs::write(at("a.conf"), "1").unwrap();
        fs::write(at("b.txt"), "1").unwrap();
        assert_eq!(differ(&first), [] as [PathBuf; 0], "the same bytes, and a file that does not matter");
        fs::write(at("a.conf"), "2").unwrap();
        fs::write(at("none"), "").unwrap();
        fs::write(at("c.conf"), "").unwrap();
        assert_eq!(differ(&first), [at("a.conf"), at("c.conf"), at("none")]);
        fs::remove_file(at("none")).unwrap();
        let second = look();
        fs::set_permissions(at("a.conf"), fs::Permissions::from_mode(0o744)).unwrap();
        assert_eq!(differ(&second), [at("a.conf")], "what may be executed is not included");
        fs::set_permissions(at("a.conf"), fs::Permissions::from_mode(0o600)).unwrap();
        assert_eq!(differ(&second), [] as [PathBuf; 0], "other rights do not matter");
        fs::remove_file(at("a.conf")).unwrap();
        assert_eq!(differ(&second), [at("a.conf")]);
    }
}
