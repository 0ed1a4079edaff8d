//! Work that the kernel takes its time over, on a thread of its own.
//!
//! Most of what the router loop asks of the kernel is done in microseconds. Some is not: to remove a link, to close a socket
//! that sends frames, to bind one that hears them or to take rules out of the packet filter, the kernel waits until no
//! processor can be using them any more, tens of milliseconds on a busy host; a setting may wait for a lock that somebody else holds; and a configuration of
//! ten thousand servers takes milliseconds to free. With an advert every 10 ms that is a failover. So the loop hands such work
//! over and goes on: what came of it comes back as a message, and what the kernel has to tell of it comes from rtnetlink as
//! always.
//!
//! Everything is done in the order in which it was handed over: a link's settings are there before the link is switched on,
//! and a name is free before it is taken again.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread::{self, JoinHandle};

use tracing::warn;

use super::claims::{self, Opened, Opening};
use super::netlink::{Refused, Requests};
use super::sockets::Retired;
use crate::model::Config;
use crate::shell::nftables::Filter;
use crate::shell::scheduling;
use crate::shell::sysctl::{Change, LinkSettings};
use crate::vrrp::engine::{Firewall, NewLink};

/// Something to do.
pub(super) enum Job {
    AddLink(NewLink),
    RaiseLink {
        index: u32,
        name: String,
        settings: Vec<(String, String)>,
        group: Option<u32>,
    },
    RemoveLink {
        index: u32,
        name: String,
    },
    Hold {
        name: String,
        value: String,
    },
    Restore {
        name: String,
    },
    ReversePathByLink(bool),
    Firewall(Firewall),
    /// Open sockets that hear claims.
    Hear(Vec<Opening>),
    Close(Vec<Retired>),
    Forget(Arc<Config>),
    /// Say so once everything before is done.
    Answer(Sender<Result<(), String>>),
    /// Put every setting back and end.
    Finish,
}

/// What came of it.
#[derive(Debug)]
pub(super) enum Done {
    /// The link of this name cannot be had: made on the one with this number, or raised if the number is its own.
    LinkFailed { name: String, at: u32, error: String },
    /// The packet filter is as it should be, or why not.
    Firewall(Result<(), String>),
    /// Sockets that hear claims were opened, or why not.
    Heard(Vec<Opened>),
}

/// The thread's entrance. Dropping it lets the thread do what it was told so far, and waits for that.
pub(super) struct Hands {
    jobs: Option<Sender<Job>>,
    thread: Option<JoinHandle<()>>,
}

impl Hands {
    /// Starts the thread, which begins with what an earlier run has left of settings in the state directory. `tell` is called
    /// with what came of each job of which the loop wants to know.
    ///
    /// # Errors
    /// No socket or no thread could be had.
    pub(super) fn spawn(state_dir: Option<&Path>, tell: impl Fn(Done) + Send + 'static) -> io::Result<Self> {
        let (jobs, inbox) = mpsc::channel();
        let (requests, state_dir) = (Requests::open()?, state_dir.map(Path::to_owned));
        let thread = thread::Builder::new().name("hands".to_owned()).spawn(move || {
            scheduling::ordinary();
            let (settings, changes) = LinkSettings::new(state_dir.as_deref());
            changes.into_iter().for_each(log);
            Work { requests, filter: Filter::default(), settings, tell: Box::new(tell) }.run(&inbox);
        })?;
        Ok(Self { jobs: Some(jobs), thread: Some(thread) })
    }

    /// Hands something over. Never waits.
    pub(super) fn give(&self, job: Job) {
        if let Some(jobs) = &self.jobs {
            // The thread ends with us, or by a panic, which has been told.
            let _ = jobs.send(job);
        }
    }

    /// Waits until everything so far is done: at the start, when there is no deadline to keep.
    pub(super) fn wait(&self) {
        let (reply, answer) = mpsc::channel();
        self.give(Job::Answer(reply));
        let _ = answer.recv();
    }

    /// Puts every setting back, and waits until that and everything before is done.
    pub(super) fn finish(&mut self) {
        self.give(Job::Finish);
        self.end();
    }

    fn end(&mut self) {
        self.jobs = None;
        if let Some(thread) = self.thread.take() {
            // A panic has been told.
            let _ = thread.join();
        }
    }
}

impl Drop for Hands {
    fn drop(&mut self) {
        self.end();
    }
}

struct Work {
    requests: Requests,
    filter: Filter,
    settings: LinkSettings,
    tell: Box<dyn Fn(Done) + Send>,
}

impl Work {
    fn run(&mut self, inbox: &Receiver<Job>) {
        for job in inbox {
            match job {
                Job::AddLink(link) => {
                    let outcome = self.requests.add_link(&link);
                    self.link_outcome(link.name, link.base, outcome);
                }
                Job::RaiseLink { index, name, settings, group } => {
                    settings.iter().filter_map(|(name, value)| self.settings.write(name, value)).for_each(log);
                    let outcome = self.requests.raise_link(index, group);
                    self.link_outcome(name, index, outcome);
                }
                Job::RemoveLink { index, name } => match self.requests.remove_link(index) {
                    Ok(()) | Err(Refused::Absent) => {}
                    Err(error) => warn!("cannot remove interface {name}: {error}"),
                },
                Job::Hold { name, value } => self.settings.hold(&name, &value).into_iter().for_each(log),
                Job::Restore { name } => self.settings.restore(&name).into_iter().for_each(log),
                Job::ReversePathByLink(true) => self.settings.split_reverse_path().into_iter().for_each(log),
                Job::ReversePathByLink(false) => self.settings.join_reverse_path().into_iter().for_each(log),
                Job::Firewall(firewall) => {
                    let outcome = self.filter.apply(&firewall).map_err(|error| error.to_string());
                    (self.tell)(Done::Firewall(outcome));
                }
                Job::Hear(batch) => (self.tell)(Done::Heard(claims::open(batch))),
                Job::Close(sockets) => drop(sockets),
                Job::Forget(config) => drop(config),
                Job::Answer(reply) => drop(reply.send(Ok(()))),
                Job::Finish => {
                    self.settings.close().into_iter().for_each(log);
                    return;
                }
            }
        }
    }

    fn link_outcome(&self, name: String, at: u32, outcome: Result<(), Refused>) {
        match outcome {
            // A link that has just gone is told.
            Ok(()) | Err(Refused::Absent) => {}
            Err(error) => (self.tell)(Done::LinkFailed { name, at, error: error.to_string() }),
        }
    }
}

#[allow(clippy::needless_pass_by_value, reason = "the end of a chain of iterators")]
fn log(change: Change) {
    change.log();
}
