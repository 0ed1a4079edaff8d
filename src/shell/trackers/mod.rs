//! The eyes of the routers: processes, files and checks that a router watches, each kind on a thread of its own.
//!
//! ```text
//!   proc connector, /proc --> processes --.
//!   inotify, files ---------> files -------+--> Fact --> the router loop's inbox
//!   sockets, TLS -----------> checks -----'
//! ```
//!
//! Nothing here can hold the router loop up. It hands over a configuration and goes on; facts come back one by one, and where
//! it cannot take one, the thread that has it waits. What happens meanwhile is not lost: each thread looks anew at how things
//! are before it tells more.
//!
//! A thread that panics says so and starts again with the same configuration.

mod checks;
mod files;
mod processes;

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, Sender, TryRecvError};
use std::thread;
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::eventfd::{EfdFlags, EventFd};

use crate::model::Config;
use crate::vrrp::engine::Fact;

/// After a panic of a thread, the time until it starts again.
const PAUSE: Duration = Duration::from_secs(1);
/// Room for TLS; the rest needs less.
const STACK: usize = 1 << 20;

/// The threads. Dropping this ends them.
#[derive(Debug)]
pub struct Trackers {
    entrances: Vec<Entrance>,
}

impl Trackers {
    /// Starts the threads, which have nothing to do until [`Trackers::configure`]. `tell` is called with each fact, from any
    /// of them, and may wait. `fresh`: files with an initial value are written (`init_file`), as at a daemon's start; a
    /// router loop that is started again leaves them as they are.
    ///
    /// # Errors
    /// Where a thread or an eventfd cannot be had.
    pub fn spawn(tell: impl Fn(Fact) + Send + Clone + 'static, fresh: bool) -> io::Result<Self> {
        let of_files = tell.clone();
        let of_checks = tell.clone();
        Ok(Self {
            entrances: vec![
                keep_running("track-procs", move |mail| processes::run(mail, &tell))?,
                keep_running("track-files", {
                    let mut start = files::Start::new(fresh);
                    move |mail| files::run(mail, &of_files, &mut start)
                })?,
                keep_running("track-checks", move |mail| checks::run(mail, &of_checks))?,
            ],
        })
    }

    /// What is to be watched from now on. All that is known of it is told again, so that nobody who hears it for the first
    /// time has to wait for a change; runs of checks are told as they come.
    pub fn configure(&self, config: &Arc<Config>) {
        for entrance in &self.entrances {
            entrance.send(config);
        }
    }

    /// Ends the threads, without waiting for them.
    pub fn stop(self) {
        drop(self);
    }
}

/// The way into a thread.
#[derive(Debug)]
struct Entrance {
    configs: Option<Sender<Arc<Config>>>,
    knock: Arc<EventFd>,
}

impl Entrance {
    fn send(&self, config: &Arc<Config>) {
        if let Some(configs) = &self.configs
            && configs.send(Arc::clone(config)).is_ok()
        {
            let _ = self.knock.write(1);
        }
    }
}

impl Drop for Entrance {
    fn drop(&mut self) {
        // Closed first: the knock that follows finds it so.
        self.configs = None;
        let _ = self.knock.write(1);
    }
}

/// A thread's own end.
#[derive(Debug)]
struct Mail {
    configs: Receiver<Arc<Config>>,
    knock: Arc<EventFd>,
    /// The configuration in force.
    config: Arc<Config>,
    /// It is new to the thread.
    is_new: bool,
    ended: bool,
}

impl Mail {
    /// Reads what has come. Returns a configuration that is new.
    fn read(&mut self) -> Option<Arc<Config>> {
        let _ = self.knock.read();
        loop {
            match self.configs.try_recv() {
                Ok(config) => {
                    self.config = config;
                    self.is_new = true;
                }
                Err(TryRecvError::Empty) => break,
                Err(TryRecvError::Disconnected) => {
                    self.ended = true;
                    break;
                }
            }
        }
        std::mem::take(&mut self.is_new).then(|| Arc::clone(&self.config))
    }

    /// Waits for mail, for something to read from `other`, or until then. Rounded up, so that the moment has come.
    fn wait(&self, other: Option<BorrowedFd<'_>>, until: Option<Instant>) {
        let timeout = until.map_or(PollTimeout::NONE, |until| {
            let wait = until.saturating_duration_since(Instant::now()).as_micros().div_ceil(1000);
            PollTimeout::try_from(wait).unwrap_or(PollTimeout::MAX)
        });
        let mut ready = vec![PollFd::new(self.knock.as_fd(), PollFlags::POLLIN)];
        ready.extend(other.map(|other| PollFd::new(other, PollFlags::POLLIN)));
        // Interrupted, or out of memory: the caller looks at everything anyway.
        let _ = poll(&mut ready, timeout);
    }
}

/// Starts a thread that runs `body` until its mail has ended.
fn keep_running(name: &'static str, mut body: impl FnMut(&mut Mail) + Send + 'static) -> io::Result<Entrance> {
    let knock = Arc::new(EventFd::from_value_and_flags(0, EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK)?);
    let (configs, inbox) = mpsc::channel();
    let mut mail =
        Mail { configs: inbox, knock: Arc::clone(&knock), config: Arc::default(), is_new: false, ended: false };
    thread::Builder::new().name(name.to_owned()).stack_size(STACK).spawn(move || {
        crate::shell::scheduling::ordinary();
        while catch_unwind(AssertUnwindSafe(|| body(&mut mail))).is_err() && !mail.ended {
            tracing::error!("{name} failed; it starts again in {} s", PAUSE.as_secs());
            mail.is_new = true;
            thread::sleep(PAUSE);
        }
    })?;
    Ok(Entrance { configs: Some(configs), knock })
}
