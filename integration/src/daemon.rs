//! Programs that run in a node for long.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::node::Node;
use crate::waiting::wait_for;

/// How long a killed process may take to be gone.
const BURIAL: Duration = Duration::from_secs(10);

/// A program running in a node. Dropping the handle leaves it running: it ends with
/// the [`crate::Topology`], or when it is told to.
#[derive(Debug, Clone)]
pub struct Daemon {
    name: String,
    pid: Pid,
    log: PathBuf,
    child: Arc<Mutex<Child>>,
}

impl Daemon {
    /// Starts a command in a node with its output in a log of its own.
    pub(crate) fn start(node: &Node, name: &str, mut command: Command) -> io::Result<Self> {
        let (log, file) = new_log(&node.folder(), name)?;
        command.stdin(Stdio::null()).stdout(file.try_clone()?).stderr(file);
        let child = node.start(command)?;
        let daemon = Daemon {
            name: name.to_owned(),
            pid: Pid::from_raw(i32::try_from(child.id()).expect("process ids are small")),
            log,
            child: Arc::new(Mutex::new(child)),
        };
        node.remember(daemon.clone());
        Ok(daemon)
    }

    /// The name that it was started under.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its process id as seen from outside the node.
    #[must_use]
    pub fn pid(&self) -> Pid {
        self.pid
    }

    /// The file that has its standard output and error.
    #[must_use]
    pub fn log_file(&self) -> &Path {
        &self.log
    }

    /// Everything that it has said so far.
    #[must_use]
    pub fn log(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.log).unwrap_or_default()).into_owned()
    }

    /// How it ended, if it has.
    #[must_use]
    pub fn ended(&self) -> Option<ExitStatus> {
        self.child.lock().expect("no thread panics with a child in hand").try_wait().expect("a child can be waited for")
    }

    /// Whether it is still there.
    #[must_use]
    pub fn is_running(&self) -> bool {
        self.ended().is_none()
    }

    /// Sends a signal, unless it has ended.
    pub fn signal(&self, signal: Signal) {
        // Under the lock nobody can wait for it, so that the id cannot be another's.
        let mut child = self.child.lock().expect("no thread panics with a child in hand");
        if let Ok(None) = child.try_wait() {
            kill(self.pid, signal).expect("a running child can be signalled");
        }
    }

    /// Ends it as a crash would (SIGKILL), and waits until it is gone.
    pub fn kill(&self) {
        self.signal(Signal::SIGKILL);
        let _ = self.wait(BURIAL);
    }

    /// Asks it to end (SIGTERM), and waits until it has.
    ///
    /// # Panics
    ///
    /// When it is still there after `limit`.
    #[track_caller]
    pub fn stop(&self, limit: Duration) -> ExitStatus {
        self.signal(Signal::SIGTERM);
        self.wait(limit)
    }

    /// Waits until it ends by itself.
    ///
    /// # Panics
    ///
    /// When it is still there after `limit`.
    #[track_caller]
    pub fn wait(&self, limit: Duration) -> ExitStatus {
        wait_for(limit, &format!("the end of {}", self.name), || self.ended().ok_or("still running"))
    }

    /// Waits until its log contains `text`.
    ///
    /// # Panics
    ///
    /// When the daemon ends first, or `limit` passes; with the log in the message.
    #[track_caller]
    pub fn wait_log(&self, limit: Duration, text: &str) {
        wait_for(limit, &format!("`{text}` in the log of {}", self.name), || {
            let ended = self.ended();
            let log = self.log();
            match ended {
                _ if log.contains(text) => Ok(()),
                Some(status) => {
                    panic!("{} ended ({status}) without `{text}`:\n{log}", self.name)
                }
                None => Err(log),
            }
        });
    }

    /// Resident memory in bytes, of this process alone; zero when it has ended.
    #[must_use]
    pub fn resident_bytes(&self) -> u64 {
        fs::read_to_string(format!("/proc/{}/status", self.pid))
            .ok()
            .and_then(|status| {
                let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
                line.split_whitespace().next()?.parse::<u64>().ok()
            })
            .map_or(0, |kilobytes| kilobytes * 1024)
    }
}

/// A new log in a node's folder: `NAME.log`, `NAME-2.log`, ...
fn new_log(folder: &Path, name: &str) -> io::Result<(PathBuf, File)> {
    let mut count = 1;
    loop {
        let path = match count {
            1 => folder.join(format!("{name}.log")),
            _ => folder.join(format!("{name}-{count}.log")),
        };
        match OpenOptions::new().append(true).create_new(true).open(&path) {
            Ok(file) => return Ok((path, file)),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => count += 1,
            Err(error) => return Err(error),
        }
    }
}
