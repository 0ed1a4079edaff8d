//! A virtual router by either program, run the same way: what is compared is given the same file and the same treatment.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::daemon::Daemon;
use crate::node::Node;
use crate::peers::{self, KEEPALIVED_CONF};
use crate::programs::bin;

/// How long a program may take to end.
const PATIENCE: Duration = Duration::from_secs(30);

/// Whose program it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Program {
    /// Ours.
    Ipvsd,
    /// Debian's.
    Keepalived,
}

impl Program {
    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Program::Ipvsd => "ipvsd",
            Program::Keepalived => "keepalived",
        }
    }
}

/// One of the programs, running in a node with a `keepalived.conf`.
#[derive(Debug)]
pub struct Contender {
    program: Program,
    node: Node,
    daemon: Daemon,
}

impl Contender {
    /// Starts a program with this file, keepalived without its checkers, and waits for nothing.
    ///
    /// # Panics
    /// When it cannot be started.
    #[track_caller]
    #[must_use]
    pub fn start(program: Program, node: &Node, conf: &str) -> Self {
        let daemon = match program {
            Program::Ipvsd => {
                node.write(KEEPALIVED_CONF, conf);
                // What it records of its takeovers is told to those who debug.
                let command = node.command(bin("ipvsd")).args(["--config", KEEPALIVED_CONF]);
                command.env("IPVSD_LOG", "info,ipvsd::shell::router=debug").spawn("ipvsd")
            }
            Program::Keepalived => {
                // What a killed one left may name a process that lives by now.
                node.inside(|| {
                    for name in ["keepalived.pid", "vrrp.pid", "checkers.pid"] {
                        let _ = fs::remove_file(format!("/run/{name}"));
                        let _ = fs::remove_file(format!("/run/keepalived/{name}"));
                    }
                });
                // Its routers alone: its checkers end all of it where there is no IPVS.
                peers::keepalived_with(node, conf, &["--vrrp"])
            }
        };
        Self { program, node: node.clone(), daemon }
    }

    /// Whose it is.
    #[must_use]
    pub fn program(&self) -> Program {
        self.program
    }

    /// Where it runs.
    #[must_use]
    pub fn node(&self) -> &Node {
        &self.node
    }

    /// Its first process.
    #[must_use]
    pub fn daemon(&self) -> &Daemon {
        &self.daemon
    }

    /// All its processes, the first one first, with ids as seen from outside.
    #[must_use]
    pub fn processes(&self) -> Vec<Pid> {
        let mut found = vec![self.daemon.pid()];
        let mut next = 0;
        while let Some(pid) = found.get(next).copied() {
            found.extend(children(pid));
            next += 1;
        }
        found
    }

    /// The process that speaks VRRP: ours is one, keepalived's is a child.
    #[must_use]
    pub fn router_process(&self) -> Pid {
        match self.program {
            Program::Ipvsd => self.daemon.pid(),
            Program::Keepalived => children(self.daemon.pid())
                .into_iter()
                .find(|pid| {
                    let line = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
                    line.contains("vrrp") || line.starts_with("keepalived")
                })
                .unwrap_or_else(|| self.daemon.pid()),
        }
    }

    /// Sends a signal to all its processes at once.
    pub fn signal_all(&self, signal: Signal) {
        send(&self.processes(), signal);
    }

    /// Kills all of it between two instructions: nobody is left to say goodbye when his parent goes. Returns the moment.
    pub fn kill(&self) -> Instant {
        let processes = self.processes();
        let at = Instant::now();
        send(&processes, Signal::SIGSTOP);
        send(&processes, Signal::SIGKILL);
        let _ = self.daemon.wait(PATIENCE);
        at
    }

    /// Asks it to end, and returns the moment; it may be there for a while yet.
    pub fn ask_to_stop(&self) -> Instant {
        let at = Instant::now();
        self.daemon.signal(Signal::SIGTERM);
        at
    }

    /// Asks it to end, and waits until it has.
    ///
    /// # Panics
    /// When it does not.
    #[track_caller]
    pub fn stop(&self) {
        self.ask_to_stop();
        let _ = self.daemon.wait(PATIENCE);
    }

    /// Gives it another file by SIGHUP, and waits for nothing.
    ///
    /// # Panics
    /// When the file cannot be written.
    #[track_caller]
    pub fn reload(&self, conf: &str) {
        self.node.write(KEEPALIVED_CONF, conf);
        self.daemon.signal(Signal::SIGHUP);
    }

    /// Processor time of all its processes so far, by the scheduler's own books (the first word of schedstat).
    #[must_use]
    pub fn processor_time(&self) -> Duration {
        self.processes().into_iter().map(processor_time).sum()
    }
}

/// Processor time of all threads of a process so far; zero when it is gone.
#[must_use]
pub fn processor_time(pid: Pid) -> Duration {
    let Ok(threads) = fs::read_dir(format!("/proc/{pid}/task")) else { return Duration::ZERO };
    threads.filter_map(Result::ok).filter_map(|thread| running_time(&thread.path())).sum()
}

/// Processor time of one thread of a process so far, by its name; zero when there is none.
#[must_use]
pub fn processor_time_of(pid: Pid, thread: &str) -> Duration {
    let Ok(threads) = fs::read_dir(format!("/proc/{pid}/task")) else { return Duration::ZERO };
    threads
        .filter_map(Result::ok)
        .filter(|found| fs::read_to_string(found.path().join("comm")).is_ok_and(|name| name.trim_end() == thread))
        .filter_map(|found| running_time(&found.path()))
        .sum()
}

/// What a thread has run, by its folder in `/proc`.
fn running_time(thread: &Path) -> Option<Duration> {
    let line = fs::read_to_string(thread.join("schedstat")).ok()?;
    Some(Duration::from_nanos(line.split_whitespace().next()?.parse().ok()?))
}

/// Memory of a process in bytes, all its mappings together, by the line's name in proc(5) (`Rss`, `Pss`, `Anonymous`); zero
/// when it is gone.
#[must_use]
pub fn memory_rollup(pid: Pid, line: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap_or_default();
    let words = status.lines().find_map(|found| found.strip_prefix(line)?.strip_prefix(':'));
    words.and_then(|words| words.split_whitespace().next()?.parse::<u64>().ok()).map_or(0, |kilobytes| kilobytes * 1024)
}

fn send(processes: &[Pid], signal: Signal) {
    for pid in processes {
        match kill(*pid, signal) {
            Ok(()) | Err(Errno::ESRCH) => {}
            Err(errno) => panic!("process {pid} cannot be sent {signal}: {errno}"),
        }
    }
}

/// Children of a process, of whichever of its threads.
fn children(parent: Pid) -> Vec<Pid> {
    let Ok(threads) = fs::read_dir(format!("/proc/{parent}/task")) else { return Vec::new() };
    threads
        .filter_map(Result::ok)
        .filter_map(|thread| fs::read_to_string(thread.path().join("children")).ok())
        .flat_map(|line| line.split_whitespace().filter_map(|word| word.parse().ok()).collect::<Vec<_>>())
        .map(Pid::from_raw)
        .collect()
}
