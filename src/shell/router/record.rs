//! The file that tells a successor which routes and rules are ours: text, so that a person can see what it claims.
//!
//! ```text
//! ipvsd steering 1
//! boot 6c0f2f1e-... netns 4026531840
//! route 3 inet unicast to 198.51.100.0/24 table 254 tos 0 protocol 18 prepend via inet 192.0.2.254 dev eth1
//! rule inet priority 1000 tos 0 table 100 from 192.0.2.10/32
//! end 2
//! ```
//!
//! Before a route's words come the numbers of its hops' links. The stamp names the boot and the network namespace, beyond
//! which neither routes nor such numbers mean anything. The count at the end shows a file that was cut short.
//!
//! What may become ours with this configuration is in it too. A thread of its own writes it, so that the loop never waits for
//! a disk. Only the last record waits for that thread: it says it all, and a disk that hangs lets nothing pile up.

use std::fmt::Write;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::Duration;

use tracing::{info, warn};

use crate::config::{read_route, read_rule, write_route, write_rule};
use crate::shell::scheduling;
use crate::shell::state_file::StateFile;
use crate::vrrp::engine::{Kept, Steering};

use crate::shell::slot::{Found, Slot};

const HEAD: &str = "ipvsd steering 1";
const NAME: &str = "steering";
/// What could not be written is tried again after this.
const RETRY: Duration = Duration::from_secs(1);
/// How long the end waits for the disk.
const PATIENCE: Duration = Duration::from_secs(1);

/// Which routes and rules are ours.
pub(super) struct Memory {
    /// Who writes it down; `None`: there is nowhere to write.
    pub(super) recorder: Option<Recorder>,
}

/// The writing thread's entrance.
pub(super) struct Recorder {
    file: StateFile,
    stamp: String,
    last: Slot<(u64, Vec<Kept>)>,
    ended: Receiver<()>,
}

impl Recorder {
    /// Starts the thread. `tell` is called with the number of what is written, or cannot be, which the log says; not for what
    /// another took the place of before it was.
    ///
    /// # Errors
    /// No thread could be had.
    pub(super) fn spawn(folder: &Path, tell: impl Fn(u64) + Send + 'static) -> io::Result<Self> {
        let stamp = crate::shell::here();
        let file = StateFile::new(folder.to_owned(), NAME);
        let last = Slot::new();
        let own = (file.clone(), stamp.clone());
        let jobs = last.clone();
        let (ending, ended) = mpsc::channel();
        thread::Builder::new().name("record".to_owned()).spawn(move || {
            scheduling::ordinary();
            work(&own.0, &own.1, &jobs, tell, |change| log(&own.0, change));
            let _ = ending.send(());
        })?;
        Ok(Self { file, stamp, last, ended })
    }

    /// Reads what a predecessor has left. To be called before anything is written, by who may wait for a disk.
    pub(super) fn left(&self) -> Vec<Kept> {
        let (left, problem) = read(&self.file, &self.stamp);
        if let Some(problem) = problem {
            warn!("{problem}");
        }
        left
    }

    /// Has it written that exactly these are ours, and no longer what was not written yet. Never waits for the disk.
    pub(super) fn write(&self, number: u64, entries: Vec<Kept>) {
        self.last.put((number, entries));
    }

    /// Waits until everything is written, but not long.
    pub(super) fn finish(&self) {
        self.last.close();
        let _ = self.ended.recv_timeout(PATIENCE);
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        self.last.close();
    }
}

/// `say` is called where the disk ceases to take it, with why, and where it takes it again.
fn work(
    file: &StateFile,
    stamp: &str,
    last: &Slot<(u64, Vec<Kept>)>,
    tell: impl Fn(u64),
    say: impl Fn(Result<(), io::Error>),
) {
    let mut owed: Option<Vec<Kept>> = None;
    loop {
        let was_owed = owed.is_some();
        let (number, entries) = match (last.fetch(was_owed.then_some(RETRY)), owed.take()) {
            (Found::Thing((number, entries)), _) => (Some(number), entries),
            (Found::Nothing, Some(entries)) => (None, entries),
            (Found::Nothing, None) => continue,
            (Found::Closed, _) => return,
        };
        // Said once, however many are tried in vain.
        match write(file, stamp, &entries) {
            Ok(()) if was_owed => say(Ok(())),
            Ok(()) => {}
            Err(error) => {
                if !was_owed {
                    say(Err(error));
                }
                owed = Some(entries);
            }
        }
        if let Some(number) = number {
            tell(number);
        }
    }
}

fn log(file: &StateFile, change: Result<(), io::Error>) {
    match change {
        Ok(()) => info!("which routes and rules are ours is written down by now"),
        Err(error) => warn!(
            "{} cannot be written: {error}; routes and rules are set all the same, and it is tried again; until then, those \
             set now would stay if the daemon were killed and started with a configuration without them",
            file.path().display()
        ),
    }
}

fn write(file: &StateFile, stamp: &str, entries: &[Kept]) -> io::Result<()> {
    if entries.is_empty() { file.remove() } else { file.replace(&to_text(stamp, entries)) }
}

fn to_text(stamp: &str, entries: &[Kept]) -> String {
    let mut text = format!("{HEAD}\n{stamp}\n");
    for Kept { what, links } in entries {
        // Writing to a String cannot fail.
        let _ = match &**what {
            Steering::Route(route) => {
                let links: Vec<String> = links.iter().map(u32::to_string).collect();
                let links = if links.is_empty() { "-".to_owned() } else { links.join(",") };
                writeln!(text, "route {links} {}", write_route(route))
            }
            Steering::Rule(rule) => writeln!(text, "rule {}", write_rule(rule)),
        };
    }
    let _ = writeln!(text, "end {}", entries.len());
    text
}

/// What a predecessor has left, and what is amiss with the file.
fn read(file: &StateFile, stamp: &str) -> (Vec<Kept>, Option<String>) {
    let effect = "routes and rules that an earlier configuration set and this one does not name stay; remove them with `ip \
                  route` and `ip rule` if they are not wanted";
    let parse = |text: &str| {
        let (found, entries) = from_text(text).map_err(|line| format!("line {line} is not as it should be"))?;
        // Another boot's, or another namespace's, tells of other routes.
        Ok::<_, String>(if found == stamp { entries } else { Vec::new() })
    };
    let (left, problem) = file.read(parse, effect);
    (left.unwrap_or_default(), problem)
}

/// The stamp and what is ours; else the line that is not as it should be.
fn from_text(text: &str) -> Result<(&str, Vec<Kept>), usize> {
    let mut lines = text.lines();
    if lines.next() != Some(HEAD) {
        return Err(1);
    }
    let stamp = lines.next().ok_or(2_usize)?;
    let mut entries = Vec::new();
    let mut last = 2;
    for (number, line) in (3..).zip(lines) {
        last = number;
        let (word, rest) = line.split_once(' ').ok_or(number)?;
        let entry = match word {
            "route" => route(rest),
            "rule" => read_rule(rest).map(|rule| Kept { what: Arc::new(Steering::Rule(rule)), links: Vec::new() }),
            "end" if rest.parse() == Ok(entries.len()) => return Ok((stamp, entries)),
            _ => None,
        };
        entries.push(entry.ok_or(number)?);
    }
    Err(last)
}

fn route(text: &str) -> Option<Kept> {
    let (links, words) = text.split_once(' ')?;
    let links = match links {
        "-" => Vec::new(),
        _ => links.split(',').map(|link| link.parse().ok()).collect::<Option<Vec<u32>>>()?,
    };
    Some(Kept { what: Arc::new(Steering::Route(read_route(words)?)), links })
}

#[cfg(test)]
mod tests;
