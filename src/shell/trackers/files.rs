//! Files whose first line is a number: read when they change, whatever changes them.
//!
//! inotify watches every folder that the way to a file leads through, its last one and those of symbolic links on the way,
//! as far as they exist (see [`watched_folders`](crate::shell::watched_folders)). So a file that is written in place, replaced by another, moved away, or comes
//! back with its folder is noticed, and so is a link that is turned round. After each change the way is walked anew, until
//! two walks agree. All files are also read every ten seconds, for what inotify does not tell (other hosts of a
//! network file system, mounts); where there is no inotify, every second, and the log says so once.
//!
//! A file that is just being written is empty for a moment. An empty file or a line without an end counts when nothing
//! more has come for half a second; a line, as soon as its writer has closed the file.

use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::libc;
use nix::sys::inotify::AddWatchFlags;
use tracing::{error, warn};

use super::Mail;
use crate::model::{Config, FileContent, TrackFile};
use crate::shell::watched_folders::{Followed, Interests, WatchedFolders, Way};

/// How often files are read though nobody has told of a change.
const READ_INTERVAL: Duration = Duration::from_secs(10);
/// ... where there is no inotify.
const POLL_INTERVAL: Duration = Duration::from_secs(1);
/// How long an empty file or a line without an end must stay so before it counts: its writer may be at work. Even if one has
/// just closed it: the next empties it a while before the kernel tells of that, while a disk is slow.
const UNFINISHED: Duration = Duration::from_millis(500);
/// ... a line that is not empty, where its writer has closed the file.
const CLOSED: Duration = Duration::from_millis(20);
/// Bytes of a file that are read.
const LONGEST_LINE: u64 = 128;
/// Characters of a line that is no number that are told.
const SHOWN: usize = 40;

/// Which initial values have been written.
#[derive(Debug)]
pub(super) struct Start {
    /// The daemon starts: files are to be as at a start.
    fresh: bool,
    known: BTreeSet<(String, String)>,
}

impl Start {
    pub(super) fn new(fresh: bool) -> Self {
        Self { fresh, known: BTreeSet::new() }
    }

    /// Writes the initial values of files that were not watched before.
    fn write(&mut self, files: &[TrackFile]) {
        for file in files {
            let is_new = self.known.insert((file.name.clone(), file.path.clone()));
            if let Some(start) = file.start
                && is_new
                && self.fresh
                && let Err(error) = write_number(&file.path, start.value, start.overwrite)
            {
                error!("file {}: cannot write its initial value to {}: {error}", file.name, file.path);
            }
        }
        self.known.retain(|(name, path)| files.iter().any(|file| file.name == *name && file.path == *path));
        // What a reload adds is new in any case.
        self.fresh = true;
    }
}

fn write_number(path: &str, value: i32, overwrite: bool) -> io::Result<()> {
    let mut options = OpenOptions::new();
    // A pipe or a terminal in its place must not hold us up.
    options.write(true).mode(0o644).custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY);
    if overwrite {
        options.create(true).truncate(true);
    } else {
        options.create_new(true);
    }
    match options.open(path) {
        Ok(mut file) => file.write_all(format!("{value}\n").as_bytes()),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error),
    }
}

/// Who is told what a file holds, by its name.
pub(super) type Tell<'a> = &'a dyn Fn(String, FileContent);

/// Watches those files of a configuration that are `wanted`. Only who has a `start` writes initial values.
pub(super) fn run(
    mail: &mut Mail,
    tell: Tell<'_>,
    wanted: fn(&Config) -> Vec<TrackFile>,
    mut start: Option<&mut Start>,
) {
    let mut watch = Watch::default();
    loop {
        let config = mail.read();
        if mail.ended {
            return;
        }
        if let Some(config) = config {
            if let Some(start) = &mut start {
                start.write(&config.files);
            }
            watch.configure(wanted(&config));
        }
        watch.catch_up(Instant::now(), tell);
        mail.wait(watch.folders.fd(), watch.next());
    }
}

/// A watched file.
#[derive(Debug)]
struct Watched {
    config: TrackFile,
    way: Way,
    told: Option<FileContent>,
    /// A line that was found without an end, and when it counts as it is if nothing happens till then.
    unfinished: Option<(FileContent, Instant)>,
}

#[derive(Debug, Default)]
struct Watch {
    files: Vec<Watched>,
    folders: WatchedFolders,
    complained: bool,
    read_at: Option<Instant>,
}

/// What is known of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Writer {
    /// May be at work.
    Unknown,
    /// Has closed a file, or put a finished one in place.
    Done,
}

impl Watch {
    fn configure(&mut self, files: Vec<TrackFile>) {
        let file = |config| Watched { config, way: Way::default(), told: None, unfinished: None };
        self.files = files.into_iter().map(file).collect();
        self.folders = WatchedFolders::default();
        if self.files.is_empty() {
            self.read_at = None;
            return;
        }
        match WatchedFolders::open() {
            Ok(folders) => self.folders = folders,
            Err(errno) => self.complain(errno),
        }
        self.read_at = Some(Instant::now());
    }

    fn complain(&mut self, errno: Errno) {
        if !std::mem::replace(&mut self.complained, true) {
            warn!("files are read once a second: inotify is not to be had ({errno}; see fs.inotify.max_user_watches)");
        }
    }

    fn next(&self) -> Option<Instant> {
        self.files.iter().filter_map(|file| Some(file.unfinished.as_ref()?.1)).chain(self.read_at).min()
    }

    fn catch_up(&mut self, now: Instant, tell: Tell<'_>) {
        let changed = self.changes();
        let due = self.read_at.is_some_and(|at| at <= now);
        if due || changed.is_some() {
            let watched = self.follow();
            let interval = if watched { READ_INTERVAL } else { POLL_INTERVAL };
            self.read_at = Some(now + interval);
        }
        for file in &mut self.files {
            let waited = file.unfinished.as_ref().is_some_and(|(_, until)| *until <= now);
            if due || waited || changed.is_some() {
                file.read(changed, now, tell);
            }
        }
    }

    /// Whether something happened to what is watched.
    fn changes(&mut self) -> Option<Writer> {
        let finished = AddWatchFlags::IN_CLOSE_WRITE | AddWatchFlags::IN_MOVED_TO;
        // The last word counts: after one writer, the next may have begun.
        let last = self.folders.events().pop()?;
        Some(if last.mask.intersects(finished) { Writer::Done } else { Writer::Unknown })
    }

    /// Walks all ways and watches their folders. `false` if not all can be watched.
    fn follow(&mut self) -> bool {
        let files = &mut self.files;
        let followed = self.folders.follow(|| {
            let mut interests = Interests::default();
            for file in &mut *files {
                file.way = Way::walk(Path::new(&file.config.path));
                interests.add_way(&file.way);
            }
            interests
        });
        match followed {
            Followed::All => true,
            Followed::Restless | Followed::Without => false,
            Followed::Refused(errno) => {
                self.complain(errno);
                false
            }
        }
    }
}

impl Watched {
    fn read(&mut self, changed: Option<Writer>, now: Instant, tell: Tell<'_>) {
        let (content, finished) = match &self.way.file {
            Some(path) => read(path),
            None => (FileContent::Missing, true),
        };
        let before = self.unfinished.take();
        if self.told.as_ref() == Some(&content) {
            return;
        }
        // The first look takes what it finds.
        if !finished && self.told.is_some() {
            let empty = content == FileContent::NotANumber(String::new());
            let patience = match changed {
                Some(Writer::Done) | None if !empty => CLOSED,
                Some(Writer::Unknown | Writer::Done) | None => UNFINISHED,
            };
            match before {
                Some((same, until)) if same == content && changed.is_none() => {
                    if now < until {
                        self.unfinished = Some((same, until));
                        return;
                    }
                }
                Some(_) | None => {
                    self.unfinished = Some((content, now + patience));
                    return;
                }
            }
        }
        self.told = Some(content.clone());
        tell(self.config.name.clone(), content);
    }
}

/// What is in a file, and whether its first line has an end.
fn read(path: &Path) -> (FileContent, bool) {
    match first_bytes(path) {
        Ok(bytes) => {
            let finished = bytes.contains(&b'\n') || bytes.len() as u64 == LONGEST_LINE;
            (content(&bytes), finished)
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => (FileContent::Missing, true),
        Err(error) => (FileContent::Unreadable(error.to_string()), true),
    }
}

fn first_bytes(path: &Path) -> io::Result<Vec<u8>> {
    // To open something else than a file can wait, or have effects.
    if !fs::metadata(path)?.is_file() {
        return Err(io::Error::other("it is not a file"));
    }
    let file: File = OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY).open(path)?;
    let mut bytes = Vec::new();
    file.take(LONGEST_LINE).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn content(bytes: &[u8]) -> FileContent {
    let line = bytes.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let line = String::from_utf8_lossy(line);
    match line.trim().parse() {
        Ok(number) => FileContent::Number(number),
        Err(_) => {
            let shown = line.trim().chars().map(|c| if c.is_control() { '\u{fffd}' } else { c });
            FileContent::NotANumber(shown.take(SHOWN).collect())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_is_a_number_or_it_is_not() {
        for (bytes, expected) in [
            ("5\n", FileContent::Number(5)),
            ("-12", FileContent::Number(-12)),
            ("+3\r\nrest", FileContent::Number(3)),
            ("  7 \n8\n", FileContent::Number(7)),
            ("9223372036854775807\n", FileContent::Number(i64::MAX)),
            ("9223372036854775808\n", FileContent::NotANumber("9223372036854775808".to_owned())),
            ("", FileContent::NotANumber(String::new())),
            ("\n5\n", FileContent::NotANumber(String::new())),
            ("five\n", FileContent::NotANumber("five".to_owned())),
            ("5 5\n", FileContent::NotANumber("5 5".to_owned())),
            ("a\x1b[2J\n", FileContent::NotANumber("a\u{fffd}[2J".to_owned())),
        ] {
            assert_eq!(content(bytes.as_bytes()), expected, "{bytes:?}");
        }
        let FileContent::NotANumber(text) = content(&[0xff; 128]) else { panic!() };
        assert_eq!(text.chars().count(), SHOWN);
    }
}
