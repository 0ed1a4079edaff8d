//! Child processes: tracked scripts and notifications, on a thread of their own for each loop that has some.
//!
//! Everything slow about a child happens here and not in the loop: looking its user up, starting it, waiting for it,
//! ending it. What a dead disk may hold up for ever has a thread of its own for each child ([`starts`]). A child has a process group of its own, no input, and an output that goes nowhere, so that one that hangs or
//! floods harms nobody. One that runs for too long gets SIGTERM, and SIGKILL two seconds later, with its whole group. What is left
//! of the group of a tracked script once that has ended gets SIGKILL: one that leaves a process behind at each run would fill the
//! host. (What a notice script starts may stay, and so may what has made itself a session of its own, as daemons do.)
//!
//! That thread then waits for the child without reaping it (`WNOWAIT`). Only this one reaps, so the number that it sends signals to
//! cannot have become another process's.
//!
//! Of the scripts of checks only so many are alive at one time ([`room`]).
//!
//! Notices with the same subject run one after the other, in order. Nobody ends a notice script; but after
//! [`NOTICE_PATIENCE`] the next one waits for it no longer. Only so many run at one time; the others wait, and where that is
//! for one that nobody waits for any more, that one is ended after all.

pub(in crate::shell) mod child;
mod room;
mod starts;

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::process::Child;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use tracing::warn;

use self::child::Start;
use crate::model::{Notice, RunAs, ScriptLook, ScriptOutcome, ScriptRun};
use crate::shell::scheduling;

/// From SIGTERM to SIGKILL, as in keepalived.
const GRACE: Duration = Duration::from_secs(2);
/// How long the next notice script of a subject waits for the one before.
const NOTICE_PATIENCE: Duration = Duration::from_secs(60);
/// Notice scripts that may wait for one subject, unless the configuration has more to tell of; then the oldest is dropped, and said to be.
const MOST_WAITING: usize = 1024;
/// Notice scripts at one time.
const MOST_NOTICES: usize = 256;
/// After a notice script could not be started for want of memory or processes, the time until it is tried again.
const RETRY: Duration = Duration::from_secs(1);
/// How long the word of a child that has ended is waited for: its thread has only to send it.
const ENDED: Duration = Duration::from_millis(100);
/// How long a stop waits for notice scripts.
const STOP_PATIENCE: Duration = Duration::from_secs(2);
/// Who is alive so long after SIGKILL waits for something that no signal ends.
const DEATH: Duration = Duration::from_secs(5);
/// How long a stop waits for the last notice scripts to be started.
const START: Duration = Duration::from_secs(1);
/// From SIGTERM to SIGKILL for tracked scripts at a stop: afterwards nobody is left to send it.
const STOP_GRACE: Duration = Duration::from_millis(500);

/// What the thread is told.
enum Job {
    Run(ScriptRun),
    /// End a run; nobody wants to know what comes of it.
    Cancel(u64),
    Look(Vec<ScriptLook>),
    Notify(Notice),
    /// A configuration was read. Refuse scripts run as root that others could have written?
    Secure(bool),
    /// So many notices of one subject may come at once.
    Room(usize),
    /// A child was started, or was not.
    Started(u64, Result<Child, ScriptOutcome>),
    /// A child has ended and can be reaped.
    Ended(u64),
    /// Files were looked at, and which look it was.
    Seen(u64, Vec<(ScriptLook, Result<(), String>)>),
    Stop(Vec<Sender<()>>),
}

/// What the thread tells of tracked scripts.
pub(super) enum Told {
    /// A run is over.
    Done(u64, ScriptOutcome),
    /// Files were looked at: why those that could not be run could not.
    Seen(Vec<(ScriptLook, Result<(), String>)>),
}

/// The thread's entrance.
pub(super) struct Runner {
    jobs: Sender<Job>,
}

impl Runner {
    pub(super) fn run(&self, run: ScriptRun) {
        let _ = self.jobs.send(Job::Run(run));
    }

    /// Ends a run and its group, without a word of what came of it.
    pub(super) fn cancel(&self, run: u64) {
        let _ = self.jobs.send(Job::Cancel(run));
    }

    pub(super) fn look(&self, looks: Vec<ScriptLook>) {
        let _ = self.jobs.send(Job::Look(looks));
    }

    pub(super) fn notify(&self, notice: Notice) {
        let _ = self.jobs.send(Job::Notify(notice));
    }

    pub(super) fn secure(&self, secure: bool) {
        let _ = self.jobs.send(Job::Secure(secure));
    }

    /// There may be so many notices of one subject at once, and none of them is to be dropped.
    pub(super) fn room(&self, notices: usize) {
        let _ = self.jobs.send(Job::Room(notices));
    }

    /// Ends tracked scripts, lets notices run for a moment, then answers everybody.
    pub(super) fn stop(&self, replies: Vec<Sender<()>>) {
        let _ = self.jobs.send(Job::Stop(replies));
    }
}

impl Drop for Runner {
    fn drop(&mut self) {
        // The thread holds an entrance of its own, so that it would not learn otherwise that nobody is left.
        self.stop(Vec::new());
    }
}

/// Starts the thread. `tell` is called with all that there is to tell of tracked scripts.
pub(super) fn spawn(tell: impl Fn(Told) + Send + 'static) -> io::Result<Runner> {
    spawn_with(tell, Limits::USUAL)
}

/// The same. Of tracked scripts so many are alive at one time, those that are being ended among them; the others wait, and the time
/// of each begins when it does.
pub(super) fn spawn_few(tracked: usize, tell: impl Fn(Told) + Send + 'static) -> io::Result<Runner> {
    spawn_with(tell, Limits { tracked, ..Limits::USUAL })
}

/// What scripts may take.
#[derive(Debug, Clone, Copy)]
struct Limits {
    /// So many tracked ones at one time.
    tracked: usize,
    /// So many of notices at one time.
    notices: usize,
    /// So many may wait for one subject at least.
    waiting: usize,
    /// The next of a subject waits so long.
    patience: Duration,
}

impl Limits {
    /// Of each tracked script there is only one, and the configuration has so many.
    const USUAL: Self =
        Self { tracked: usize::MAX, notices: MOST_NOTICES, waiting: MOST_WAITING, patience: NOTICE_PATIENCE };
}

fn spawn_with(tell: impl Fn(Told) + Send + 'static, limits: Limits) -> io::Result<Runner> {
    let (jobs, inbox) = mpsc::channel();
    let own = jobs.clone();
    thread::Builder::new().name("scripts".to_owned()).spawn(move || {
        scheduling::ordinary();
        Scripts::new(own, Box::new(tell), limits).run(&inbox);
    })?;
    Ok(Runner { jobs })
}

/// Whose child it is.
enum Purpose {
    Track {
        run: u64,
        name: String,
    },
    Notice {
        subject: String,
    },
    /// One that the next no longer waits for.
    Overtaken,
}

struct Running {
    /// None is there yet.
    child: Option<Child>,
    start: Arc<Start>,
    command: Vec<String>,
    user: Option<RunAs>,
    purpose: Purpose,
    /// How long it may run.
    patience: Duration,
    /// When it has run for too long, or it has taken as long to start it; `None` once SIGTERM was sent.
    term_at: Option<Instant>,
    /// When SIGKILL is due; `None` before SIGTERM, and after SIGKILL.
    kill_at: Option<Instant>,
    /// When it first got SIGKILL.
    killed_at: Option<Instant>,
    /// Its time was up before it was there, and it got a moment more.
    late: bool,
    /// A notice script that has to make room for others.
    ending: bool,
}

type Waiting = VecDeque<(Vec<String>, Option<RunAs>)>;

struct Scripts {
    /// For the threads that wait for children.
    jobs: Sender<Job>,
    limits: Limits,
    /// When a notice script that could not be started is tried again.
    retry_at: Option<Instant>,
    /// One could not be started, and the log says so.
    hindered: bool,
    tell: Box<dyn Fn(Told) + Send>,
    children: BTreeMap<u64, Running>,
    /// Runs that wait for room.
    queue: VecDeque<ScriptRun>,
    /// All that were in their way have outlived SIGKILL, and none has ended since.
    jammed: bool,
    waiting: BTreeMap<String, Waiting>,
    tickets: u64,
    /// Looks at files so far.
    looks: u64,
    secure: bool,
    users: child::Users,
    /// So many notices of one subject may come at once.
    room: usize,
    /// When a stop is answered, whatever still runs; `None` once it is.
    stop_at: Option<Instant>,
    /// Then, until when it waits for the last notice scripts to be started.
    start_by: Option<Instant>,
    /// Whoever waits for the stop.
    stopping: Option<Vec<Sender<()>>>,
}

impl Scripts {
    fn new(jobs: Sender<Job>, tell: Box<dyn Fn(Told) + Send>, limits: Limits) -> Self {
        Self {
            jobs,
            limits,
            retry_at: None,
            hindered: false,
            tell,
            children: BTreeMap::new(),
            queue: VecDeque::new(),
            jammed: false,
            waiting: BTreeMap::new(),
            tickets: 0,
            looks: 0,
            secure: false,
            users: child::Users::default(),
            room: 0,
            stop_at: None,
            start_by: None,
            stopping: None,
        }
    }

    fn run(mut self, inbox: &Receiver<Job>) {
        loop {
            let job = match self.next_deadline() {
                Some(at) => inbox.recv_timeout(at.saturating_duration_since(Instant::now())),
                None => inbox.recv().map_err(|_| RecvTimeoutError::Disconnected),
            };
            match job {
                Ok(Job::Run(run)) => self.track(run),
                Ok(Job::Cancel(run)) => self.cancel(run),
                Ok(Job::Look(looks)) => self.look(looks),
                Ok(Job::Notify(notice)) => self.enqueue(notice),
                Ok(Job::Secure(secure)) => {
                    self.secure = secure;
                    self.users.look_again();
                }
                Ok(Job::Room(notices)) => self.room = notices,
                Ok(Job::Started(ticket, child)) => self.started(ticket, child),
                Ok(Job::Ended(ticket)) => self.ended(ticket),
                Ok(Job::Seen(look, seen)) => self.seen(look, seen),
                Ok(Job::Stop(replies)) => self.stop(replies),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            self.keep_deadlines(Instant::now());
            if self.finished() {
                return;
            }
        }
    }

    fn next_deadline(&self) -> Option<Instant> {
        let children = self.children.values().flat_map(|running| [running.term_at, running.kill_at]).flatten();
        children.chain(self.stop_at).chain(self.start_by).chain(self.retry_at).chain(self.jammed_at()).min()
    }

    fn track(&mut self, run: ScriptRun) {
        let before = self.children.values().find(|running| match &running.purpose {
            Purpose::Track { name, .. } => *name == run.name,
            Purpose::Notice { .. } | Purpose::Overtaken => false,
        });
        if let Some(before) = before {
            // One that timed out may still be dying; the next run waits for it by being left out. One that outlives SIGKILL waits for
            // something that does not come, such as a dead disk, and so would this run.
            let outlives = before.killed_at.is_some_and(|at| at.elapsed() >= DEATH) && !before.has_ended();
            let outcome = if outlives {
                ScriptOutcome::TimedOut
            } else {
                ScriptOutcome::NotTried("its last run has not ended yet".to_owned())
            };
            return (self.tell)(Told::Done(run.run, outcome));
        }
        if !self.has_room() {
            self.queue.push_back(run);
            return;
        }
        let purpose = Purpose::Track { run: run.run, name: run.name };
        if let Err(outcome) = self.start(run.command, run.user, purpose, run.timeout) {
            (self.tell)(Told::Done(run.run, outcome));
        }
    }

    fn cancel(&mut self, cancelled: u64) {
        self.queue.retain(|run| run.run != cancelled);
        let running = self.children.values_mut().find(|running| match running.purpose {
            Purpose::Track { run, .. } => run == cancelled,
            Purpose::Notice { .. } | Purpose::Overtaken => false,
        });
        if let Some(running) = running.filter(|running| running.term_at.is_some()) {
            running.term_at = None;
            running.kill_at = Some(Instant::now() + GRACE);
            running.end();
        }
    }

    fn enqueue(&mut self, notice: Notice) {
        let most = self.limits.waiting.max(self.room);
        let waiting = self.waiting.entry(notice.subject.clone()).or_default();
        for command in notice.commands {
            if waiting.len() >= most
                && let Some((dropped, _)) = waiting.pop_front()
            {
                let command = dropped.first().map_or("", String::as_str);
                warn!("{}: {most} notice scripts are waiting; dropped {command}", notice.subject);
            }
            waiting.push_back((command.words, command.user.or_else(|| notice.user.clone())));
        }
        self.next_notice(&notice.subject);
    }

    /// Starts the next notice of a subject, if none runs and there is room for one.
    fn next_notice(&mut self, subject: &str) {
        while !self.is_noticing(subject) {
            let Some((command, user)) = self.waiting.get_mut(subject).and_then(VecDeque::pop_front) else {
                self.waiting.remove(subject);
                return;
            };
            if !self.make_room() {
                self.put_back(subject, command, user);
                return;
            }
            let purpose = Purpose::Notice { subject: subject.to_owned() };
            if let Err(outcome) = self.start(command.clone(), user.clone(), purpose, self.limits.patience)
                && !self.fails(subject, command, user, &outcome)
            {
                return;
            }
        }
    }

    /// A notice script was not started. Says whether the next one has its turn; else it is this one's again, in a while.
    fn fails(&mut self, subject: &str, command: Vec<String>, user: Option<RunAs>, outcome: &ScriptOutcome) -> bool {
        let name = command.first().map_or("", String::as_str);
        match outcome {
            // The end of a stop waits for nobody who has to be tried again.
            ScriptOutcome::NotTried(_) if self.stopping.is_none() || self.stop_at.is_some() => {
                if !std::mem::replace(&mut self.hindered, true) {
                    warn!("{subject}: notice script {name}: {outcome}; trying again until it works");
                }
                self.retry_at = Some(Instant::now() + RETRY);
                self.put_back(subject, command, user);
                false
            }
            ScriptOutcome::NotTried(_)
            | ScriptOutcome::Exited(_)
            | ScriptOutcome::Killed(_)
            | ScriptOutcome::TimedOut
            | ScriptOutcome::NotRunnable(..) => {
                warn!("{subject}: notice script {name}: {outcome}");
                true
            }
        }
    }

    /// It is the next again.
    fn put_back(&mut self, subject: &str, command: Vec<String>, user: Option<RunAs>) {
        self.waiting.entry(subject.to_owned()).or_default().push_front((command, user));
    }

    /// Starts what waits for room.
    fn next_notices(&mut self) {
        let subjects: Vec<String> = self.waiting.keys().cloned().collect();
        for subject in subjects {
            self.next_notice(&subject);
        }
    }

    /// Whether one more notice script may run. If not, the oldest that nobody waits for any more is ended.
    fn make_room(&mut self) -> bool {
        let mut notices: Vec<&mut Running> =
            self.children.values_mut().filter(|running| !running.is_tracked()).collect();
        let most = self.limits.notices;
        // Of those that could never be started there is no more than a thread, which nothing ends.
        let given_up = notices.iter().filter(|running| running.is_given_up()).count();
        if notices.len() - given_up.min(most) < most || self.start_by.is_some() {
            return true;
        }
        // One at a time.
        if notices.iter().any(|running| running.ending) {
            return false;
        }
        let oldest = notices.iter_mut().find(|running| match running.purpose {
            Purpose::Track { .. } | Purpose::Notice { .. } => false,
            Purpose::Overtaken => running.child.is_some(),
        });
        if let Some(oldest) = oldest {
            warn!("{most} notice scripts are running and others wait: ending the oldest of them");
            oldest.ending = true;
            oldest.kill_at = Some(Instant::now() + GRACE);
            oldest.signal(Signal::SIGTERM);
        }
        false
    }

    fn is_noticing(&self, subject: &str) -> bool {
        self.children.values().any(|running| match &running.purpose {
            Purpose::Track { .. } | Purpose::Overtaken => false,
            Purpose::Notice { subject: other } => other == subject,
        })
    }

    /// Reaps a child that has ended.
    fn ended(&mut self, ticket: u64) {
        let Some(mut running) = self.children.remove(&ticket) else { return };
        match running.purpose {
            // As long as it is not reaped its group's number is nobody else's.
            Purpose::Track { .. } => running.signal(Signal::SIGKILL),
            Purpose::Notice { .. } | Purpose::Overtaken => {}
        }
        // It was started before it ended.
        let Some(mut child) = running.child.take() else { return };
        let status = child.wait();
        match running.purpose {
            // One that was ended for its slowness has been told already.
            Purpose::Track { run, .. } if running.term_at.is_some() => {
                (self.tell)(Told::Done(run, child::outcome(status)))
            }
            Purpose::Track { .. } => {}
            Purpose::Notice { subject } => self.next_notice(&subject),
            Purpose::Overtaken => {}
        }
        self.next_runs();
        self.next_notices();
    }

    fn keep_deadlines(&mut self, now: Instant) {
        let mut overtaken = false;
        for running in self.children.values_mut() {
            if running.term_at.is_some_and(|at| at <= now) {
                // After a stall of ours its end may lie beside its deadline, and is not its fault.
                let comes =
                    running.child.is_none() && (running.start.is_over() || !std::mem::replace(&mut running.late, true));
                if running.has_ended() || comes {
                    running.term_at = Some(now + ENDED);
                    continue;
                }
                running.term_at = None;
                match std::mem::replace(&mut running.purpose, Purpose::Overtaken) {
                    Purpose::Track { run, name } => {
                        running.kill_at = Some(now + GRACE);
                        running.end();
                        (self.tell)(Told::Done(run, ScriptOutcome::TimedOut));
                        running.purpose = Purpose::Track { run, name };
                    }
                    Purpose::Notice { subject } => {
                        let (name, patience) = (running.name(), self.limits.patience.as_secs());
                        if running.child.is_some() {
                            warn!(
                                "{subject}: notice script {name} has been running for {patience} s; later ones wait for it no longer"
                            );
                        } else {
                            // Afterwards it would tell of what has changed since.
                            warn!(
                                "{subject}: notice script {name} could not be started for {patience} s, and is given up"
                            );
                            (running.kill_at, running.killed_at) = (None, Some(now));
                            running.end();
                        }
                        overtaken = true;
                    }
                    Purpose::Overtaken => {}
                }
            }
            if running.kill_at.is_some_and(|at| at <= now) {
                running.kill_at = None;
                running.killed_at.get_or_insert(now);
                running.signal(Signal::SIGKILL);
            }
        }
        self.turn_away(now);
        let again = self.retry_at.is_some_and(|at| at <= now);
        if again {
            self.retry_at = None;
        }
        if again || overtaken {
            self.next_notices();
        }
    }

    fn stop(&mut self, replies: Vec<Sender<()>>) {
        if let Some(stopping) = &mut self.stopping {
            // It is under way, and whoever has been asked to end has the time that he was given.
            stopping.extend(replies);
            return;
        }
        let now = Instant::now();
        self.queue.clear();
        for running in self.children.values_mut() {
            match (&running.purpose, running.term_at.take()) {
                (Purpose::Track { .. }, Some(_)) => {
                    running.kill_at = Some(now + STOP_GRACE);
                    running.end();
                }
                // It has had its SIGTERM.
                (Purpose::Track { .. }, None) => running.kill_at = running.kill_at.map(|_| now),
                (Purpose::Notice { .. } | Purpose::Overtaken, term_at) => running.term_at = term_at,
            }
        }
        self.stop_at = Some(now + STOP_PATIENCE);
        self.stopping = Some(replies);
    }

    /// Answers a stop once all children have ended or have had their time; `true` once nothing is left to do.
    fn finished(&mut self) -> bool {
        if self.stopping.is_none() {
            return false;
        }
        let now = Instant::now();
        if self.stop_at.is_some_and(|at| at <= now) {
            self.stop_at = None;
            self.start_by = Some(now + START);
            self.start_all_notices();
        }
        let is_starting = |running: &Running| running.is_notice() && running.child.is_none();
        let starts = !self.waiting.is_empty() || self.children.values().any(is_starting);
        if self.start_by.is_some_and(|at| at <= now || !starts) {
            self.start_by = None;
            for running in self.children.values_mut().filter(|running| is_starting(running)) {
                warn!("notice script {} was not started in time", running.name());
                (running.purpose, running.killed_at) = (Purpose::Overtaken, Some(now));
                running.end();
            }
            for (command, _) in std::mem::take(&mut self.waiting).into_values().flatten() {
                warn!("notice script {} was not started in time", command.first().map_or("", String::as_str));
            }
        }
        let is_over = self.stop_at.is_none() && self.start_by.is_none();
        if is_over || self.children.is_empty() && self.waiting.is_empty() {
            (self.stop_at, self.start_by) = (None, None);
            for reply in self.stopping.iter_mut().flat_map(|replies| replies.drain(..)) {
                let _ = reply.send(());
            }
        }
        // What still runs is reaped, or dies with the process.
        self.stop_at.is_none() && self.start_by.is_none() && self.children.is_empty()
    }

    /// The time is over: what still waits is started now, each of a subject once the one before was started.
    fn start_all_notices(&mut self) {
        for running in self.children.values_mut().filter(|running| running.child.is_some() && running.is_notice()) {
            running.purpose = Purpose::Overtaken;
        }
        self.next_notices();
    }
}

#[cfg(test)]
mod tests;
