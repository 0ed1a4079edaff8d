//! Named pipes that are told every change (`notify_fifo`, `vrrp_notify_fifo`, `lvs_notify_fifo`), and the scripts that read
//! them.
//!
//! Each pipe has a thread of its own, so that a full one delays nobody. It is opened for reading and writing, as keepalived
//! does it: opening then never waits for a reader, and what is written before one comes is kept by the kernel. Lines that do
//! not fit are held back, up to [`MOST_LINES`]; past that the oldest are dropped, and said to be.
//!
//! A pipe whose settings change is handed over: its next thread begins once the one before has written what it held and ended its
//! script, also where that one was another loop's that has panicked. Only the last one removes it (`tenure.rs`). Another loop that only
//! writes into it looks before it writes whether it is still the same one, and keeps its lines while there is none.
//!
//! A pipe's script is started with the pipe and started again a second after it has ended by itself; one that ends again and
//! again is given more and more time, up to a minute.

mod tenure;

use std::collections::VecDeque;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt};
use std::process::Child;
use std::sync::mpsc::{self, Receiver, Sender, TryRecvError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{Signal, killpg};
use nix::sys::stat::Mode;
use nix::unistd::{Pid, chown, mkfifo};
use tracing::{error, warn};

use super::scripts::child;
use crate::model::{Command, Fifo, RunAs};
use crate::shell::scheduling;
use tenure::Tenure;

/// Lines that are held back for a pipe that is full.
const MOST_LINES: usize = 4096;
/// How long a stop waits for a full pipe, and then for its script.
const STOP_PATIENCE: Duration = Duration::from_millis(500);
/// How long a pipe's thread waits for the one before, which takes no longer than that to end.
const PREDECESSOR: Duration = Duration::from_secs(5);
const NO_PIPE: &str = "there is a file of this name that is not a named pipe; move it away";
/// How often a pipe is looked for that another loop makes.
const JOIN: Duration = Duration::from_millis(50);
/// How often a thread looks around while there is nothing to write.
const LOOK: u16 = 1000;
/// After a script has ended by itself, the time until it is started again; each time twice as long.
const RESTART: Duration = Duration::from_secs(1);
/// No longer than that. A script that has run for so long is taken to be well.
const LONGEST_RESTART: Duration = Duration::from_secs(60);

/// Whose a pipe is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Share {
    /// This loop makes it, runs its script, and removes it.
    Owner,
    /// Another loop does; this one only writes. A line is written whole, so that nothing mixes.
    Guest,
}

/// All pipes of a loop.
#[derive(Debug, Default)]
pub(super) struct Fifos {
    pipes: Vec<Pipe>,
}

#[derive(Debug)]
struct Pipe {
    fifo: Fifo,
    share: Share,
    lines: Sender<String>,
    thread: JoinHandle<()>,
}

impl Fifos {
    /// Makes the pipes be those that are configured. One that stays is not touched.
    pub(super) fn configure(&mut self, wanted: &[(&Fifo, Share)], user: Option<&RunAs>, secure: bool) {
        self.pipes.retain(|pipe| wanted.contains(&(&pipe.fifo, pipe.share)));
        for (fifo, share) in wanted {
            if self.pipes.iter().any(|pipe| (&pipe.fifo, pipe.share) == (*fifo, *share)) {
                continue;
            }
            match start((*fifo).clone(), *share, user.cloned(), secure) {
                Ok(pipe) => self.pipes.push(pipe),
                Err(error) => error!("nobody is told through {}: cannot start a thread: {error}", fifo.path),
            }
        }
    }

    /// Tells every pipe. Never waits.
    pub(super) fn tell(&self, line: &str) {
        for pipe in &self.pipes {
            let _ = pipe.lines.send(line.to_owned());
        }
    }

    /// Lets the pipes take what they can for a moment, and ends their scripts.
    pub(super) fn stop(&mut self) {
        let threads: Vec<_> = self.pipes.drain(..).map(|pipe| pipe.thread).collect();
        for thread in threads {
            // It does not panic; and if it did, there would be nothing to do about it now.
            let _ = thread.join();
        }
    }
}

/// Starts a pipe's thread, which does everything that may take long: opening it and looking its owner up too.
fn start(fifo: Fifo, share: Share, user: Option<RunAs>, secure: bool) -> io::Result<Pipe> {
    let (lines, inbox) = mpsc::channel();
    let own = fifo.clone();
    let mut tenure = (share == Share::Owner).then(|| Tenure::claim(&fifo.path));
    let thread = thread::Builder::new().name("fifo".to_owned()).stack_size(128 * 1024).spawn(move || {
        scheduling::ordinary();
        let mut writer = Writer::new(own.path.clone(), share, user, secure);
        if let Some(tenure) = &mut tenure {
            tenure.enter(PREDECESSOR);
            match open(&own, writer.user.as_ref(), tenure) {
                Ok(file) => writer.file = Some(file),
                Err(problem) => {
                    error!("nobody is told through {}: {problem}", own.path);
                    return;
                }
            }
            writer.start_at = own.script.is_some().then(Instant::now);
            writer.script = own.script;
        }
        writer.run(&inbox);
    })?;
    Ok(Pipe { fifo, share, lines, thread })
}

/// Opens a pipe, which is made if it is not there.
fn open(fifo: &Fifo, user: Option<&RunAs>, tenure: &Tenure) -> Result<File, String> {
    let path = fifo.path.as_str();
    match mkfifo(path, Mode::S_IRUSR | Mode::S_IWUSR) {
        Ok(()) => tenure.made(),
        Err(Errno::EEXIST) => {}
        Err(errno) => return Err(format!("cannot make the named pipe: {}", errno.desc())),
    }
    let kind = fs::symlink_metadata(path).map_err(|error| error.to_string())?.file_type();
    if !kind.is_fifo() {
        return Err(NO_PIPE.to_owned());
    }
    if tenure.is_made()
        && let Some(owner) = fifo.owner.as_ref().or(user)
    {
        let (uid, gid) = child::identify(owner).map_err(|outcome| outcome.to_string())?;
        chown(path, Some(uid), Some(gid)).map_err(|errno| format!("cannot give it to {}: {errno}", owner.user))?;
    }
    open_file(path).map_err(|error| format!("cannot open the named pipe: {error}"))
}

fn open_file(path: &str) -> io::Result<File> {
    let flags = libc::O_NONBLOCK | libc::O_NOFOLLOW | libc::O_CLOEXEC;
    OpenOptions::new().read(true).write(true).custom_flags(flags).open(path)
}

/// One pipe's thread.
struct Writer {
    path: String,
    /// `None`: another loop has not made it yet.
    file: Option<File>,
    share: Share,
    /// It is where it should be, as far as was seen.
    is_there: bool,
    /// Why not, if that is nothing that time mends; the log says so.
    problem: Option<String>,
    waiting: VecDeque<String>,
    /// Lines that were dropped since one could be written.
    dropped: u64,
    script: Option<Command>,
    user: Option<RunAs>,
    secure: bool,
    child: Option<Child>,
    /// When the script was started.
    started_at: Option<Instant>,
    /// When the script is to be started.
    start_at: Option<Instant>,
    restarts: Restarts,
}

/// How long a script that ends by itself is waited with.
#[derive(Debug, Default)]
struct Restarts {
    /// The last time.
    pause: Option<Duration>,
}

impl Restarts {
    /// It has ended after it ran so long: the time until it is started again, and whether that is news.
    fn ended(&mut self, ran: Duration) -> (Duration, bool) {
        let before = self.pause.filter(|_| ran < LONGEST_RESTART);
        let pause = before.map_or(RESTART, |before| LONGEST_RESTART.min(before * 2));
        self.pause = Some(pause);
        (pause, before != Some(pause))
    }
}

impl Writer {
    /// One that has no pipe yet, and no script.
    fn new(path: String, share: Share, user: Option<RunAs>, secure: bool) -> Self {
        Self {
            path,
            file: None,
            share,
            is_there: share == Share::Owner,
            problem: None,
            waiting: VecDeque::new(),
            dropped: 0,
            script: None,
            user,
            secure,
            child: None,
            started_at: None,
            start_at: None,
            restarts: Restarts::default(),
        }
    }

    fn run(&mut self, inbox: &Receiver<String>) {
        let mut open = true;
        while open {
            self.care_for_script();
            open = self.gather(inbox, Duration::from_millis(u64::from(LOOK)));
            self.write();
        }
        let until = Instant::now() + STOP_PATIENCE;
        while !self.waiting.is_empty() && Instant::now() < until {
            if !self.wait_for_room(50) {
                thread::sleep(JOIN);
            }
            self.write();
        }
        self.end_script();
    }

    /// Waits until the pipe takes something, for so many milliseconds at most; `false`: there is none.
    fn wait_for_room(&self, millis: u16) -> bool {
        let Some(file) = self.file.as_ref().filter(|_| self.is_there) else { return false };
        let mut fds = [PollFd::new(file.as_fd(), PollFlags::POLLOUT)];
        let _ = poll(&mut fds, PollTimeout::from(millis));
        true
    }

    /// Looks whether the pipe of another loop is the one that is open, and opens the one that is there.
    fn follow(&mut self) {
        let same = |file: &File| {
            let (here, there) = (file.metadata().ok()?, fs::symlink_metadata(&self.path).ok()?);
            Some((here.dev(), here.ino()) == (there.dev(), there.ino()))
        };
        self.is_there = self.file.as_ref().and_then(same).unwrap_or(false);
        if self.is_there {
            return;
        }
        self.file = None;
        let problem = match open_file(&self.path) {
            Ok(file) if file.metadata().is_ok_and(|metadata| metadata.file_type().is_fifo()) => {
                self.file = Some(file);
                self.is_there = true;
                None
            }
            Ok(_) => Some(NO_PIPE.to_owned()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => Some(format!("cannot open the named pipe: {error}")),
        };
        if problem != self.problem {
            if let Some(problem) = &problem {
                error!("nobody is told through {}: {problem}", self.path);
            }
            self.problem = problem;
        }
    }

    /// Takes what came; waits for it only if nothing waits for the pipe. `false`: no more will come.
    fn gather(&mut self, inbox: &Receiver<String>, patience: Duration) -> bool {
        if self.waiting.is_empty() {
            match inbox.recv_timeout(patience) {
                Ok(line) => self.hold(line),
                Err(mpsc::RecvTimeoutError::Timeout) => {}
                Err(mpsc::RecvTimeoutError::Disconnected) => return false,
            }
        } else if !self.wait_for_room(LOOK / 10) {
            match inbox.recv_timeout(JOIN) {
                Ok(line) => self.hold(line),
                Err(mpsc::RecvTimeoutError::Timeout) => {}
                Err(mpsc::RecvTimeoutError::Disconnected) => return false,
            }
        }
        loop {
            match inbox.try_recv() {
                Ok(line) => self.hold(line),
                Err(TryRecvError::Empty) => return true,
                Err(TryRecvError::Disconnected) => return false,
            }
        }
    }

    fn hold(&mut self, line: String) {
        if self.waiting.len() >= MOST_LINES {
            self.waiting.pop_front();
            self.dropped += 1;
            if self.dropped == 1 {
                let why = if self.is_there { "nobody reads it, and it is full" } else { "it was not made yet" };
                warn!("{}: {why}: the oldest of {MOST_LINES} waiting lines are dropped", self.path);
            }
        }
        self.waiting.push_back(line);
    }

    fn write(&mut self) {
        match self.share {
            Share::Owner => {}
            Share::Guest if self.waiting.is_empty() => {}
            Share::Guest => self.follow(),
        }
        let Some(file) = self.file.as_mut().filter(|_| self.is_there) else { return };
        while let Some(line) = self.waiting.front() {
            // A line is shorter than PIPE_BUF: it is written whole or not at all (pipe(7)).
            match file.write(line.as_bytes()) {
                Ok(_) => {
                    self.waiting.pop_front();
                    if self.dropped > 0 {
                        warn!("{} is read again; {} lines were dropped", self.path, self.dropped);
                        self.dropped = 0;
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    error!("cannot write to {}: {error}", self.path);
                    self.waiting.clear();
                }
            }
        }
    }

    fn care_for_script(&mut self) {
        let Some(script) = &self.script else { return };
        if let Some(child) = &mut self.child
            && let Ok(Some(status)) = child.try_wait()
        {
            let now = Instant::now();
            let ran = self.started_at.map_or(Duration::ZERO, |at| now.saturating_duration_since(at));
            let (pause, new) = self.restarts.ended(ran);
            if new {
                let again = if pause < LONGEST_RESTART { "in" } else { "from now on each time after" };
                warn!(
                    "the script that reads {} has ended ({status}) after {} s; starting it again {again} {} s",
                    self.path,
                    ran.as_secs(),
                    pause.as_secs()
                );
            }
            self.child = None;
            self.start_at = Some(now + pause);
        }
        if self.start_at.is_some_and(|at| at <= Instant::now()) {
            let mut words = script.words.clone();
            words.push(self.path.clone());
            match child::start(
                &words,
                script.user.as_ref().or(self.user.as_ref()),
                self.secure,
                &mut child::Users::default(),
            ) {
                Ok(child) => {
                    self.child = Some(child);
                    self.started_at = Some(Instant::now());
                    self.start_at = None;
                }
                Err(outcome) => {
                    error!("the script that is to read {}: {outcome}", self.path);
                    // What cannot be run now cannot be run in a second; a reload tries again.
                    self.start_at = None;
                }
            }
        }
    }

    /// SIGTERM, a moment to read what is there, SIGKILL.
    fn end_script(&mut self) {
        let Some(mut child) = self.child.take() else { return };
        let Ok(pid) = i32::try_from(child.id()) else { return };
        let until = Instant::now() + STOP_PATIENCE;
        let _ = killpg(Pid::from_raw(pid), Signal::SIGTERM);
        while Instant::now() < until {
            match child.try_wait() {
                Ok(Some(_)) => return,
                Ok(None) | Err(_) => thread::sleep(Duration::from_millis(10)),
            }
        }
        let _ = killpg(Pid::from_raw(pid), Signal::SIGKILL);
        let _ = child.wait();
    }
}

#[cfg(test)]
mod tests;
