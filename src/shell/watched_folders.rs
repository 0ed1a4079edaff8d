//! Folders that inotify watches for names of interest: the ways to files, whatever is done to them.
//!
//! To watch a file itself is to watch what is replaced a moment later. So every folder that the way to it leads through is
//! watched, those of symbolic links on the way too, as far as they exist ([`Way`]). A file that is written in place, replaced
//! by another, moved away, or comes back with its folder is noticed, and so is a link that is turned round. After each change
//! whoever watches has the ways walked anew ([`WatchedFolders::follow`]), until two walks agree: what is done after that is
//! told, and what was done before is found by looking.

mod way;

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};
use std::os::fd::{AsFd, BorrowedFd};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify, WatchDescriptor};

use super::files;
pub(super) use way::Way;

/// Walks in a row, when the ways change while they are walked.
const WALKS: usize = 8;
/// Folders that a pattern may lead through.
const MOST_FOLDERS: usize = 1_000;

/// What is of interest in a folder.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Interest {
    /// This name.
    Name(OsString),
    /// Whatever fits this pattern.
    Fits(String),
}

impl Interest {
    fn in_name(&self, found: &OsStr) -> bool {
        match self {
            Self::Name(name) => name == found,
            Self::Fits(pattern) => found.to_str().is_some_and(|found| files::fits(pattern, found)),
        }
    }
}

/// What is of interest, folder by folder.
#[derive(Debug, Default)]
pub(super) struct Interests(BTreeMap<PathBuf, BTreeSet<Interest>>);

impl Interests {
    /// Everything on the way to a file.
    pub(super) fn add_way(&mut self, way: &Way) {
        for (folder, name) in &way.steps {
            self.0.entry(folder.clone()).or_default().insert(Interest::Name(name.clone()));
        }
    }

    /// Everything on the way to the files that match a glob pattern, which is absolute, and those that may come to match it.
    pub(super) fn add_pattern(&mut self, pattern: &str) {
        for pattern in files::braces(pattern) {
            let parts: Vec<&str> = pattern.split('/').filter(|part| !part.is_empty()).collect();
            self.add_parts(PathBuf::from("/"), &parts);
        }
    }

    fn add_parts(&mut self, mut folder: PathBuf, parts: &[&str]) {
        let wild = parts.iter().position(|part| files::is_wild(part)).unwrap_or(parts.len());
        let (plain, rest) = parts.split_at(wild);
        folder.extend(plain);
        let way = Way::walk(&folder);
        self.add_way(&way);
        let (Some(folder), Some((pattern, rest))) = (way.file, rest.split_first()) else { return };
        self.0.entry(folder.clone()).or_default().insert(Interest::Fits((*pattern).to_owned()));
        if !rest.is_empty() {
            for name in files::fitting(&folder, pattern) {
                if self.0.len() < MOST_FOLDERS {
                    self.add_parts(folder.join(name), rest);
                }
            }
        }
    }
}

/// Something that happened.
#[derive(Debug)]
pub(super) struct Seen {
    /// What it happened to; none: to a watched folder itself, or events were lost.
    pub(super) path: Option<PathBuf>,
    /// What it was.
    pub(super) mask: AddWatchFlags,
}

/// How a walk went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Followed {
    /// Everything is watched.
    All,
    /// Somebody moves folders about all the time: to be walked again soon.
    Restless,
    /// inotify was never to be had.
    Without,
    /// A folder cannot be watched, most often since there are too many watches (`ENOSPC`).
    Refused(Errno),
}

/// The folders; none are, until [`open`](Self::open).
#[derive(Debug, Default)]
pub(super) struct WatchedFolders {
    inotify: Option<Inotify>,
    folders: BTreeMap<WatchDescriptor, Folder>,
}

#[derive(Debug, PartialEq, Eq, Default)]
struct Folder {
    path: PathBuf,
    interests: BTreeSet<Interest>,
}

impl WatchedFolders {
    /// With an inotify of its own, and no folders yet.
    ///
    /// # Errors
    /// `EMFILE`: too many of them, see `fs.inotify.max_user_instances`.
    pub(super) fn open() -> Result<Self, Errno> {
        let inotify = Inotify::init(InitFlags::IN_CLOEXEC | InitFlags::IN_NONBLOCK)?;
        Ok(Self { inotify: Some(inotify), folders: BTreeMap::new() })
    }

    /// Is readable when something happened.
    pub(super) fn fd(&self) -> Option<BorrowedFd<'_>> {
        self.inotify.as_ref().map(AsFd::as_fd)
    }

    /// What happened that is of interest, in order.
    pub(super) fn events(&mut self) -> Vec<Seen> {
        let mut seen = Vec::new();
        let Some(inotify) = &self.inotify else { return seen };
        loop {
            let events = match inotify.read_events() {
                Ok(events) => events,
                Err(Errno::EINTR) => continue,
                // Nothing more; or an error, after which whoever watches looks now and then all the same.
                Err(_) => return seen,
            };
            for event in events {
                let mask = event.mask;
                let folder = self.folders.get(&event.wd);
                match (folder, event.name) {
                    (Some(folder), Some(name)) => {
                        if folder.interests.iter().any(|interest| interest.in_name(&name)) {
                            seen.push(Seen { path: Some(folder.path.join(name)), mask });
                        }
                    }
                    // About a folder itself.
                    (Some(_), None) => seen.push(Seen { path: None, mask }),
                    (None, _) if mask.contains(AddWatchFlags::IN_Q_OVERFLOW) => seen.push(Seen { path: None, mask }),
                    // Of a folder that is not watched any more.
                    (None, _) => {}
                }
            }
        }
    }

    /// Has the ways walked, and watches their folders, until nothing changes any more.
    pub(super) fn follow(&mut self, mut walk: impl FnMut() -> Interests) -> Followed {
        for _ in 0..WALKS {
            let Interests(interests) = walk();
            let Some(inotify) = &self.inotify else { return Followed::Without };
            let mut folders: BTreeMap<WatchDescriptor, Folder> = BTreeMap::new();
            let mut refused = None;
            for (path, interests) in interests {
                match inotify.add_watch(&path, flags()) {
                    Ok(watch) => {
                        let folder = folders.entry(watch).or_default();
                        folder.path = path;
                        folder.interests.extend(interests);
                    }
                    // It has gone meanwhile: the next walk sees it.
                    Err(Errno::ENOENT | Errno::ENOTDIR) => {}
                    Err(errno) => refused = Some(errno),
                }
            }
            if let Some(errno) = refused {
                return Followed::Refused(errno);
            }
            if folders == self.folders {
                return Followed::All;
            }
            for gone in self.folders.keys().filter(|watch| !folders.contains_key(watch)) {
                // The kernel may have dropped it already.
                let _ = inotify.rm_watch(*gone);
            }
            self.folders = folders;
        }
        Followed::Restless
    }
}

fn flags() -> AddWatchFlags {
    AddWatchFlags::IN_CREATE
        | AddWatchFlags::IN_DELETE
        | AddWatchFlags::IN_MOVE
        | AddWatchFlags::IN_CLOSE_WRITE
        | AddWatchFlags::IN_MODIFY
        | AddWatchFlags::IN_ATTRIB
        | AddWatchFlags::IN_DELETE_SELF
        | AddWatchFlags::IN_MOVE_SELF
        | AddWatchFlags::IN_ONLYDIR
}

/// A path as the kernel takes it, from the root on.
pub(super) fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn a_pattern_is_watched_as_far_as_there_are_folders_for_it() {
        let folder = tempfile::tempdir().unwrap();
        let root = fs::canonicalize(folder.path()).unwrap();
        let below = || {
            let mut interests = Interests::default();
            interests.add_pattern(&format!("{}/{{a,b}}/*/x?.conf", root.display()));
            let told = interests.0.into_iter().filter_map(|(folder, interests)| {
                let folder = folder.strip_prefix(&root).ok()?.to_str()?.to_owned();
                let names: Vec<_> = interests
                    .into_iter()
                    .map(|interest| match interest {
                        Interest::Name(name) => name.into_string().unwrap(),
                        Interest::Fits(pattern) => format!("~{pattern}"),
                    })
                    .collect();
                Some(format!("{folder}: {}", names.join(" ")))
            });
            told.collect::<Vec<_>>()
        };
        assert_eq!(below(), [": a b"]);
        fs::create_dir_all(root.join("b/one")).unwrap();
        assert_eq!(below(), [": a b", "b: one ~*", "b/one: ~x?.conf"]);
        std::os::unix::fs::symlink("b", root.join("a")).unwrap();
        assert_eq!(below(), [": a b", "b: one ~*", "b/one: ~x?.conf"]);
    }

    /// Makes more happen in a folder than the kernel keeps for who does not read.
    pub(in crate::shell) fn flood(folder: &Path) {
        let most = fs::read_to_string("/proc/sys/fs/inotify/max_queued_events").unwrap();
        let most: usize = most.trim().parse().unwrap();
        let (one, other) = (folder.join("flood-1"), folder.join("flood-2"));
        // The kernel keeps one of two events that are alike and follow each other; these never are.
        for _ in 0..=most / 2 {
            fs::write(&one, "").unwrap();
            fs::rename(&one, &other).unwrap();
        }
    }

    #[test]
    fn lost_events_are_something_that_happened() {
        let folder = tempfile::tempdir().unwrap();
        let root = fs::canonicalize(folder.path()).unwrap();
        let wanted = root.join("wanted");
        let mut watched = WatchedFolders::open().unwrap();
        let walk = || {
            let mut interests = Interests::default();
            interests.add_way(&Way::walk(&wanted));
            interests
        };
        assert_eq!(watched.follow(walk), Followed::All);
        assert!(watched.events().is_empty());
        flood(&root);
        // What happens after that is told by nothing else.
        fs::write(&wanted, "").unwrap();
        let seen = watched.events();
        assert!(!seen.iter().any(|seen| seen.path.is_some()), "{seen:?}");
        let lost = |seen: &Seen| seen.path.is_none() && seen.mask.contains(AddWatchFlags::IN_Q_OVERFLOW);
        assert_eq!(seen.iter().filter(|seen| lost(seen)).count(), 1, "{seen:?}");
        // And then all is as before.
        fs::write(&wanted, "again").unwrap();
        let seen = watched.events();
        assert!(seen.iter().any(|seen| seen.path.as_ref() == Some(&wanted)), "{seen:?}");
    }
}
