//! Starting children, and looking at their files, aside.
//!
//! To look at a file, and to make a process of it, may take for ever where it lies on a disk that is dead or on a server that is gone,
//! and no signal ends that. So each start has a thread of its own, and so has each look. A child that is not there when its time is up
//! has overrun as one that hangs, and does not come any more; if it cannot be kept from coming, its end is sent to it once it is there.

use std::process::Child;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, killpg};
use nix::unistd::{Pid, getgid, getuid};

use super::child::Start;
use super::{Job, Purpose, Running, Scripts, Told, child};
use crate::model::{RunAs, ScriptLook, ScriptOutcome};

/// What is seen of files within this time is told together.
const LOOK: Duration = Duration::from_secs(1);
/// Enough to look at a path in.
const LOOK_STACK: usize = 128 * 1024;

impl Running {
    /// Whether it has ended, without reaping it.
    pub(super) fn has_ended(&self) -> bool {
        self.child.as_ref().is_some_and(child::has_ended)
    }

    /// The program's name as it was written.
    pub(super) fn name(&self) -> &str {
        self.command.first().map_or("", String::as_str)
    }

    /// It is not there, and is not to be started any more.
    pub(super) fn is_given_up(&self) -> bool {
        self.child.is_none() && self.start.is_forgone()
    }

    /// Asks it to end; and if it is not there yet, it is not to come.
    pub(super) fn end(&self) {
        self.start.forgo();
        self.signal(Signal::SIGTERM);
    }

    /// To the child's whole group. It has not been reaped, so the number is still its own.
    pub(super) fn signal(&self, signal: Signal) {
        let pid = self.child.as_ref().and_then(|child| i32::try_from(child.id()).ok());
        if let Some(pid) = pid {
            // It may have ended by itself meanwhile.
            let _ = killpg(Pid::from_raw(pid), signal);
        }
    }
}

impl Scripts {
    /// Begins to start a child. [`Self::started`] is told what came of it.
    pub(super) fn start(
        &mut self,
        command: Vec<String>,
        user: Option<RunAs>,
        purpose: Purpose,
        patience: Duration,
    ) -> Result<(), ScriptOutcome> {
        let identity = self.users.who(user.as_ref(), self.secure, (getuid(), getgid()))?;
        self.tickets += 1;
        let ticket = self.tickets;
        let (jobs, words) = (self.jobs.clone(), command.clone());
        let started = {
            let jobs = jobs.clone();
            move |child| drop(jobs.send(Job::Started(ticket, child)))
        };
        let ended = move || drop(jobs.send(Job::Ended(ticket)));
        let start = Arc::new(Start::default());
        child::start_aside(words, identity, self.secure, Arc::clone(&start), started, ended)?;
        let running = Running {
            child: None,
            start,
            command,
            user,
            purpose,
            patience,
            term_at: Some(Instant::now() + patience),
            kill_at: None,
            killed_at: None,
            late: false,
            ending: false,
        };
        self.children.insert(ticket, running);
        Ok(())
    }

    /// A child was started, or was not.
    pub(super) fn started(&mut self, ticket: u64, child: Result<Child, ScriptOutcome>) {
        let outcome = match child {
            Ok(child) => return self.is_there(ticket, child),
            Err(outcome) => outcome,
        };
        let Some(running) = self.children.remove(&ticket) else { return };
        match running.purpose {
            // One that took too long was told of already.
            Purpose::Track { run, .. } if running.term_at.is_some() => (self.tell)(Told::Done(run, outcome)),
            Purpose::Track { .. } => {}
            Purpose::Notice { subject } => {
                // One that is tried again is the next of all, and the host has had enough for now.
                if self.fails(&subject, running.command, running.user, &outcome) {
                    self.next_notice(&subject);
                    self.next_notices();
                }
            }
            Purpose::Overtaken => self.next_notices(),
        }
        self.next_runs();
    }

    fn is_there(&mut self, ticket: u64, mut child: Child) {
        let Some(running) = self.children.get_mut(&ticket) else {
            // Nobody waits for it; so that it is not left behind either.
            let _ = child.kill();
            return;
        };
        running.child = Some(child);
        if running.term_at.is_some() {
            running.term_at = Some(Instant::now() + running.patience);
        }
        // What it would have got meanwhile.
        if running.killed_at.is_some() {
            running.signal(Signal::SIGKILL);
        } else if running.kill_at.is_some() {
            running.signal(Signal::SIGTERM);
        }
        if !running.is_notice() {
            return;
        }
        self.hindered = false;
        if self.start_by.is_some()
            && let Purpose::Notice { subject } = std::mem::replace(&mut running.purpose, Purpose::Overtaken)
        {
            self.next_notice(&subject);
        }
    }

    /// Files were looked at. What an older look has seen is old.
    pub(super) fn seen(&self, look: u64, seen: Vec<(ScriptLook, Result<(), String>)>) {
        if look == self.looks {
            (self.tell)(Told::Seen(seen));
        }
    }

    /// Looks at files, each for itself. What is seen at once is told together, and the rest one by one.
    pub(super) fn look(&mut self, looks: Vec<ScriptLook>) {
        self.looks += 1;
        let number = self.looks;
        let daemon = (getuid(), getgid());
        let secure = self.secure;
        let looks: Vec<_> = looks
            .into_iter()
            .map(|look| {
                let identity = self.users.who(look.user.as_ref(), secure, daemon);
                (look, identity)
            })
            .collect();
        let jobs = self.jobs.clone();
        let all = move || {
            let (seen, sight) = mpsc::channel();
            let count = looks.len();
            for (place, (look, identity)) in looks.into_iter().enumerate() {
                let seen = seen.clone();
                let one = move || {
                    let usable = child::look_as(&look.command, identity, secure, daemon);
                    let _ = seen.send((place, (look, usable)));
                };
                aside(one);
            }
            drop(seen);
            let until = Instant::now() + LOOK;
            let mut together = Vec::new();
            while together.len() < count {
                match sight.recv_timeout(until.saturating_duration_since(Instant::now())) {
                    Ok(one) => together.push(one),
                    Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => break,
                }
            }
            together.sort_by_key(|(place, _)| *place);
            let _ = jobs.send(Job::Seen(number, together.into_iter().map(|(_, one)| one).collect()));
            for (_, one) in sight {
                let _ = jobs.send(Job::Seen(number, vec![one]));
            }
        };
        aside(all);
    }
}

/// On a thread of its own if there is one to be had, else here.
fn aside(work: impl FnOnce() + Send + 'static) {
    let work = Arc::new(Mutex::new(Some(work)));
    let of_thread = Arc::clone(&work);
    let take = |work: &Mutex<Option<_>>| work.lock().ok().and_then(|mut work| work.take());
    let thread = thread::Builder::new().name("script-look".to_owned()).stack_size(LOOK_STACK).spawn(move || {
        if let Some(work) = take(&of_thread) {
            work();
        }
    });
    if thread.is_err()
        && let Some(work) = take(&work)
    {
        work();
    }
}
