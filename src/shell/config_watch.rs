//! Watches the files that the configuration was read from, and tells when their content has changed.
//!
//! ```text
//!   inotify --.
//!              >-- Quiet: is the change over? --> Footprint: does a byte differ? --> Changed
//!   a look  --'
//! ```
//!
//! The thread tells and does not read configurations: what it tells of is read like any other reload, and what was asked for on
//! the way ([`Footprint`]) comes back here as what is to be watched from then on, of a file that was refused too. So it does
//! not matter how a change is made or whether it was seen: what counts is whether the files differ from what was read last.
//!
//! Now and then the files are looked at though nobody told of a change, for what inotify does not tell (other hosts of
//! a network file system, mounts). Where inotify is not to be had, that is all there is, and happens more often.

mod footprint;
mod quiet;

use std::fs;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::inotify::AddWatchFlags;

use super::mailbox::{self, Entrance, keep_running};
use super::watched_folders::{Followed, Seen, WatchedFolders};
use footprint::Looks;
pub(super) use footprint::{Footprint, NotedFiles};
use quiet::{Change, Quiet};

/// How often files are looked at though nobody has told of a change.
const LOOK_INTERVAL: Duration = Duration::from_secs(10);
/// ... where there is no inotify.
const POLL_INTERVAL: Duration = Duration::from_secs(2);
/// ... and a change is under way.
const CHANGING_INTERVAL: Duration = Duration::from_millis(200);

/// The folders are walked no more often than this while events come: a thousand files may be replaced one by one.
const WALK_INTERVAL: Duration = Duration::from_millis(100);

type Mail = mailbox::Mail<Footprint>;

/// What the thread tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum News {
    /// The content of these differs from what was read; never none.
    Changed(Vec<PathBuf>),
    /// Changes are told by the kernel (`true`), or the files are looked at every few seconds.
    Prompt(bool),
}

/// The thread. Dropping this ends it.
#[derive(Debug)]
pub(super) struct ConfigWatch {
    entrance: Entrance<Footprint>,
}

impl ConfigWatch {
    /// Starts it, with nothing to watch until [`follow`](Self::follow).
    ///
    /// # Errors
    /// Where a thread or an eventfd cannot be had.
    pub(super) fn start(tell: impl Fn(News) + Send + 'static) -> io::Result<Self> {
        Ok(Self { entrance: keep_running("config-watch", move |mail| run(mail, &tell))? })
    }

    /// This was read; whatever differs from it is a change.
    pub(super) fn follow(&self, footprint: &Arc<Footprint>) {
        self.entrance.send(footprint);
    }
}

fn run(mail: &mut Mail, tell: &dyn Fn(News)) {
    let mut watch = Watch::new();
    loop {
        let footprint = mail.read();
        if mail.ended {
            return;
        }
        let now = Instant::now();
        if let Some(footprint) = footprint {
            watch.configure(footprint, now, tell);
        }
        watch.catch_up(now, tell);
        mail.wait(watch.folders.fd(), watch.next());
    }
}

#[derive(Debug)]
struct Watch {
    footprint: Arc<Footprint>,
    folders: WatchedFolders,
    /// Whether the kernel tells of changes, and what was said of that last.
    prompt: Option<bool>,
    /// All folders are watched.
    watched: bool,
    looks: Looks,
    looked_at: Option<Instant>,
    walked_at: Option<Instant>,
    /// Something was seen since the folders were walked.
    stale: bool,
    quiet: Quiet,
}

impl Watch {
    fn new() -> Self {
        Self {
            footprint: Arc::default(),
            folders: WatchedFolders::default(),
            prompt: None,
            watched: false,
            looks: Looks::new(),
            looked_at: None,
            walked_at: None,
            stale: false,
            quiet: Quiet::default(),
        }
    }

    fn configure(&mut self, footprint: Arc<Footprint>, now: Instant, tell: &dyn Fn(News)) {
        tracing::debug!("watching what the configuration was read from: {} files", footprint.len());
        self.footprint = footprint;
        self.look(now, tell);
        // Somebody may have been at it since it was read, before it was watched.
        if !self.footprint.differences().is_empty() {
            self.quiet.handle(Change::Done, now);
        }
    }

    fn next(&self) -> Option<Instant> {
        self.look_at().into_iter().chain(self.quiet.poll_timeout()).chain(self.walk_at()).min()
    }

    fn walk_at(&self) -> Option<Instant> {
        self.walked_at.filter(|_| self.stale).map(|at| at + WALK_INTERVAL)
    }

    fn look_at(&self) -> Option<Instant> {
        let interval = match (self.watched, self.quiet.poll_timeout()) {
            (true, _) => LOOK_INTERVAL,
            (false, None) => POLL_INTERVAL,
            (false, Some(_)) => CHANGING_INTERVAL,
        };
        Some(self.looked_at? + interval)
    }

    fn catch_up(&mut self, now: Instant, tell: &dyn Fn(News)) {
        if self.looked_at.is_none() {
            // Nothing is to be watched yet.
            return;
        }
        let seen = self.folders.events();
        for seen in &seen {
            self.quiet.handle(change(seen), now);
        }
        self.stale |= !seen.is_empty();
        if self.walk_at().is_some_and(|at| at <= now) {
            self.walk(now, tell);
        }
        if self.look_at().is_some_and(|at| at <= now) {
            let before = self.looks.clone();
            self.look(now, tell);
            if self.looks != before {
                self.quiet.handle(Change::Done, now);
            }
        }
        if self.quiet.is_over(now) {
            self.looks = self.footprint.looks();
            let changed = Vec::from_iter(self.footprint.differences());
            if changed.is_empty() {
                tracing::debug!("files of the configuration were touched, and their content is what it was");
            } else {
                tell(News::Changed(changed));
            }
        }
    }

    fn look(&mut self, now: Instant, tell: &dyn Fn(News)) {
        self.walk(now, tell);
        self.looks = self.footprint.looks();
        self.looked_at = Some(now);
    }

    fn walk(&mut self, now: Instant, tell: &dyn Fn(News)) {
        self.watched = self.follow(tell);
        self.walked_at = Some(now);
        self.stale = false;
    }

    /// Watches the folders as they are now. `false` if not all can be watched.
    fn follow(&mut self, tell: &dyn Fn(News)) -> bool {
        if self.folders.fd().is_none() {
            match WatchedFolders::open() {
                Ok(folders) => self.folders = folders,
                Err(errno) => return self.is_prompt(Some(errno), tell),
            }
        }
        let footprint = &self.footprint;
        match self.folders.follow(|| footprint.interests()) {
            Followed::All => self.is_prompt(None, tell),
            Followed::Restless | Followed::Without => false,
            Followed::Refused(errno) => self.is_prompt(Some(errno), tell),
        }
    }

    fn is_prompt(&mut self, problem: Option<Errno>, tell: &dyn Fn(News)) -> bool {
        let prompt = problem.is_none();
        if self.prompt.replace(prompt) != Some(prompt) {
            tell(News::Prompt(prompt));
            match problem {
                Some(errno) => tracing::warn!(
                    "the configuration's files are looked at every {} s: inotify, which tells of changes at once, is not to be \
                     had ({errno}); raise fs.inotify.max_user_watches and fs.inotify.max_user_instances",
                    POLL_INTERVAL.as_secs()
                ),
                None => tracing::info!(
                    "watching the configuration: a change of content in one of its {} files reloads it",
                    self.footprint.len()
                ),
            }
        }
        prompt
    }
}

fn change(seen: &Seen) -> Change {
    let Some(path) = &seen.path else { return Change::Done };
    let is = |flags: AddWatchFlags| seen.mask.intersects(flags);
    // What is created with open(2) is empty, and closed by and by; a link is not.
    let begun = || fs::symlink_metadata(path).is_ok_and(|status| status.is_file() && status.len() == 0);
    if is(AddWatchFlags::IN_MODIFY) || (is(AddWatchFlags::IN_CREATE) && begun()) {
        Change::Writing(path.clone())
    } else if is(AddWatchFlags::IN_CLOSE_WRITE | AddWatchFlags::IN_MOVE | AddWatchFlags::IN_DELETE) {
        Change::Closed(path.clone())
    } else {
        Change::Done
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;
    use crate::config::Sources as _;
    use crate::shell::watched_folders::tests::flood;

    /// What was read of these files.
    fn read(paths: &[PathBuf]) -> Arc<Footprint> {
        let noted = NotedFiles::default();
        for path in paths {
            let _ = noted.read(path);
        }
        Arc::new(noted.into_footprint())
    }

    #[test]
    fn a_change_among_lost_events_is_found_without_waiting_for_the_next_look() {
        let folder = tempfile::tempdir().unwrap();
        let root = fs::canonicalize(folder.path()).unwrap();
        let (file, other) = (root.join("lb.conf"), root.join("other.conf"));
        fs::write(&file, "1").unwrap();
        fs::write(&other, "1").unwrap();
        let told = RefCell::new(Vec::new());
        let tell = |news| told.borrow_mut().push(news);
        let mut watch = Watch::new();
        let start = Instant::now();
        watch.configure(read(&[file.clone(), other]), start, &tell);
        assert_eq!(told.take(), [News::Prompt(true)]);
        watch.catch_up(start, &tell);
        assert_eq!(watch.quiet.poll_timeout(), None, "nobody was at it");

        flood(&root);
        fs::write(&file, "2").unwrap();
        // All of this happens long before the files would be looked at for no reason.
        let seen_at = start + Duration::from_millis(1);
        watch.catch_up(seen_at, &tell);
        let over_at = watch.quiet.poll_timeout().unwrap();
        assert!(over_at < start + LOOK_INTERVAL);
        assert_eq!(told.take(), []);
        watch.catch_up(over_at, &tell);
        assert_eq!(told.take(), [News::Changed(vec![file])]);

        // Lost events alone are no change.
        watch.configure(read(&[root.join("lb.conf")]), over_at, &tell);
        flood(&root);
        watch.catch_up(over_at, &tell);
        watch.catch_up(watch.quiet.poll_timeout().unwrap(), &tell);
        assert_eq!((told.take(), watch.quiet.poll_timeout()), (Vec::new(), None));
    }
}
