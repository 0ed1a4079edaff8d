//! Processes that must run: counted at once when one starts, changes its program or ends.
//!
//! The kernel's process events connector tells of each (`include/uapi/linux/cn_proc.h`, in [`connector`]); who runs already
//! is read from `/proc`, after the connector is open, so that nobody is missed in between. When events are lost
//! because there were too many, `/proc` is read again. Where there is no connector (another network, process or user
//! namespace than the first, no right to it, a kernel without it), `/proc` is read every second instead, and the log says
//! so once.
//!
//! Whatever has come is worked through before a number is told: a program that starts and ends in one breath, or a
//! shell that turns into something else, is not worth a word.
//!
//! A process is its first thread; when that ends, it is gone as soon as its other threads are.

mod connector;
mod matching;
mod proc;

use std::collections::{BTreeMap, BTreeSet};
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use tracing::{info, warn};

use super::Mail;
use crate::model::{Config, TrackProcess};
use crate::vrrp::engine::Fact;
use connector::{Connector, Happened, Lost};

/// How often `/proc` is read where there is no connector.
const SCAN_INTERVAL: Duration = Duration::from_secs(1);
/// How often the rest of a process is looked at whose first thread has ended.
const LEAVING_INTERVAL: Duration = Duration::from_millis(100);
/// Events that are worked through before numbers are told all the same.
const MOST_EVENTS: usize = 100_000;

pub(super) fn run(mail: &mut Mail, tell: &dyn Fn(Fact)) {
    let mut watch = Watch::default();
    loop {
        let config = mail.read();
        if mail.ended {
            return;
        }
        if let Some(config) = config {
            watch.configure(&config);
        }
        watch.catch_up(Instant::now());
        watch.tell(tell);
        let fd = watch.connector.as_ref().map(AsFd::as_fd);
        mail.wait(fd, [watch.scan_at, watch.leaving_at].into_iter().flatten().min());
    }
}

#[derive(Debug, Default)]
struct Watch {
    wanted: Vec<TrackProcess>,
    connector: Option<Connector>,
    /// Why there is no connector, once that was said.
    without: Option<String>,
    /// Processes that match, and the places in `wanted` of what they match.
    found: BTreeMap<i32, Vec<usize>>,
    /// Those of `found` whose first thread has ended, and the threads that are left.
    leaving: BTreeMap<i32, BTreeSet<i32>>,
    leaving_at: Option<Instant>,
    scan_at: Option<Instant>,
    told: BTreeMap<String, u32>,
}

impl Watch {
    fn configure(&mut self, config: &Config) {
        self.wanted.clone_from(&config.processes);
        self.told.clear();
        if self.wanted.is_empty() {
            *self = Self { without: self.without.take(), ..Self::default() };
            return;
        }
        if self.connector.is_none() {
            match Connector::open() {
                Ok(connector) => {
                    self.connector = Some(connector);
                    if self.without.take().is_some() {
                        info!("the kernel tells of processes now");
                    }
                }
                Err(why) => {
                    if self.without.as_ref() != Some(&why) {
                        warn!("processes are looked for once a second: {why}");
                        self.without = Some(why);
                    }
                }
            }
        }
        self.scan();
    }

    /// Who runs now.
    fn scan(&mut self) {
        self.scan_at = self.connector.is_none().then(|| Instant::now() + SCAN_INTERVAL);
        self.leaving.clear();
        self.leaving_at = None;
        self.found.clear();
        for pid in proc::all() {
            self.look(pid);
        }
    }

    /// Looks at one process.
    fn look(&mut self, pid: i32) {
        self.leaving.remove(&pid);
        let matches = proc::read(pid).map(|process| {
            let wanted = self.wanted.iter().enumerate();
            wanted.filter(|(_, wanted)| matching::matches(wanted, &process)).map(|(place, _)| place).collect::<Vec<_>>()
        });
        match matches.filter(|places| !places.is_empty()) {
            Some(places) => drop(self.found.insert(pid, places)),
            None => drop(self.found.remove(&pid)),
        }
    }

    /// Works through all that has come.
    fn catch_up(&mut self, now: Instant) {
        if self.scan_at.is_some_and(|at| at <= now) {
            self.scan();
        }
        for _ in 0..MOST_EVENTS {
            let Some(connector) = &mut self.connector else { break };
            match connector.read() {
                Ok(Some(happened)) => self.happened(&happened),
                Ok(None) => break,
                Err(Lost::Events) => self.scan(),
                Err(Lost::Connector(error)) => {
                    warn!("the kernel tells of processes no more ({error}); they are looked for once a second");
                    self.connector = None;
                    self.scan();
                }
            }
        }
        if self.leaving_at.is_some_and(|at| at <= now) {
            let pids: Vec<_> = self.leaving.keys().copied().collect();
            for pid in pids {
                self.first_thread_ended(pid);
            }
        }
        self.leaving_at = (!self.leaving.is_empty())
            .then(|| self.leaving_at.filter(|at| *at > now).unwrap_or(now + LEAVING_INTERVAL));
    }

    fn happened(&mut self, happened: &Happened) {
        match *happened {
            // A new process is as its parent is, unless a thread with a name of its own made it.
            Happened::Forked { parent, by_first_thread, child } => {
                if !by_first_thread || self.found.contains_key(&parent) {
                    self.look(child);
                }
            }
            Happened::Changed { pid } => self.look(pid),
            Happened::Ended { pid, thread } if pid == thread => {
                if self.found.contains_key(&pid) {
                    self.first_thread_ended(pid);
                }
            }
            Happened::Ended { pid, thread } => {
                if let Some(threads) = self.leaving.get_mut(&pid) {
                    threads.remove(&thread);
                    if threads.is_empty() {
                        self.gone(pid);
                    }
                }
            }
        }
    }

    fn first_thread_ended(&mut self, pid: i32) {
        let threads = proc::other_threads(pid);
        if threads.is_empty() {
            self.gone(pid);
        } else {
            self.leaving.insert(pid, threads);
        }
    }

    fn gone(&mut self, pid: i32) {
        self.found.remove(&pid);
        self.leaving.remove(&pid);
    }

    fn tell(&mut self, tell: &dyn Fn(Fact)) {
        for (place, wanted) in self.wanted.iter().enumerate() {
            let running = self.found.values().filter(|places| places.contains(&place)).count();
            let running = u32::try_from(running).unwrap_or(u32::MAX);
            if self.told.get(&wanted.name) != Some(&running) {
                self.told.insert(wanted.name.clone(), running);
                tell(Fact::Processes { name: wanted.name.clone(), running });
            }
        }
    }
}
