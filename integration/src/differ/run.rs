//! One program with one file in a machine of its own: started, watched until it has settled, stopped.

use std::collections::BTreeMap;
use std::time::Duration;

use nix::sys::signal::Signal;
use serde_json::Value;

use super::dump::Dump;
use crate::contender::Program;
use crate::daemon::Daemon;
use crate::node::Node;
use crate::peers::KEEPALIVED_CONF;
use crate::programs::bin;
use crate::waiting::wait_for;

/// How long a program may take to end.
const FAREWELL: Duration = Duration::from_secs(60);

/// A program at work on a file.
#[derive(Debug)]
pub struct Run {
    program: Program,
    node: Node,
    daemon: Daemon,
    before: Dump,
}

/// What a test of a file said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// The exit status.
    pub status: i32,
    /// Everything it said.
    pub said: String,
}

impl Verdict {
    /// Whether the file was found to be in order.
    #[must_use]
    pub fn accepts(&self) -> bool {
        self.status == 0
    }
}

impl Run {
    /// Writes the file into a prepared node, takes note of the kernel's state, and starts the program.
    ///
    /// # Panics
    /// When it cannot be started.
    #[track_caller]
    #[must_use]
    pub fn start(program: Program, node: &Node, file: &[u8]) -> Self {
        node.write(KEEPALIVED_CONF, file);
        let before = Dump::of(node);
        let command = match program {
            Program::Ipvsd => node.command(bin("ipvsd")).args(["--config", KEEPALIVED_CONF]),
            Program::Keepalived => node.command("keepalived").args([
                "--dont-fork",
                "--log-console",
                "--log-detail",
                "--use-file",
                KEEPALIVED_CONF,
            ]),
        };
        let daemon = command.spawn(program.name());
        Self { program, node: node.clone(), daemon, before }
    }

    /// What the program's own test says of the file (`keepalived -t`, and `ipvsctl check --strict`, which is as strict), in the same machine.
    ///
    /// # Panics
    /// When it cannot be started.
    #[track_caller]
    #[must_use]
    pub fn verdict(program: Program, node: &Node, file: &[u8]) -> Verdict {
        node.write(KEEPALIVED_CONF, file);
        let command = match program {
            Program::Ipvsd => node.command(bin("ipvsctl")).args(["check", "--strict", KEEPALIVED_CONF]),
            Program::Keepalived => {
                node.command("keepalived").args(["--log-console", "--use-file", KEEPALIVED_CONF, "--config-test"])
            }
        };
        let output = command.output();
        Verdict { status: output.status.code().unwrap_or(-1), said: output.stderr + &output.stdout }
    }

    /// Why the program is no longer there, if it is not.
    #[must_use]
    pub fn refusal(&self) -> Option<String> {
        let status = self.daemon.ended()?;
        let log = self.daemon.log();
        let wrong =
            |line: &&str| ["error", "rror:", "nvalid", "nable", "ailed", "annot"].iter().any(|w| line.contains(w));
        let line = log.lines().find(wrong).or_else(|| log.lines().last()).unwrap_or("without a word");
        Some(format!("{} ended ({status}): {}", self.program.name(), line.trim()))
    }

    /// Whether the program has read its file and every virtual router has got where it will stay: nobody else is there,
    /// so that it is master, or something that it watches keeps it from that.
    #[must_use]
    pub fn has_arrived(&self) -> bool {
        let states = match self.program {
            Program::Ipvsd => {
                let output = self.node.command(bin("ipvsctl")).args(["show", "-o", "json"]).output();
                let Ok(snapshot) = serde_json::from_str::<Value>(&output.stdout) else { return false };
                if snapshot["balancer"]["ready"] != true {
                    return false;
                }
                let instances = snapshot["instances"].as_array().cloned().unwrap_or_default();
                instances.iter().map(|instance| instance["state"].as_str().unwrap_or_default().to_owned()).collect()
            }
            Program::Keepalived => {
                let log = self.daemon.log();
                if !log.contains("Startup complete") {
                    return false;
                }
                states(&log).into_values().collect::<Vec<_>>()
            }
        };
        states.iter().all(|state| state == "MASTER" || state == "FAULT")
    }

    /// What it has changed in the kernel so far.
    ///
    /// # Panics
    /// When the kernel cannot be read.
    #[track_caller]
    #[must_use]
    pub fn changes(&self) -> Dump {
        Dump::of(&self.node).since(&self.before)
    }

    /// Stops it as an administrator would; what it leaves changed.
    ///
    /// # Panics
    /// When it does not end.
    #[track_caller]
    #[must_use]
    pub fn stop(&self) -> Dump {
        self.daemon.signal(Signal::SIGTERM);
        wait_for(FAREWELL, "the end of a program", || self.daemon.ended().ok_or("still running"));
        self.changes()
    }

    /// Everything that it has said.
    #[must_use]
    pub fn log(&self) -> String {
        self.daemon.log()
    }
}

/// The last state of each instance that keepalived's log tells of: `(VI_1) Entering MASTER STATE`.
fn states(log: &str) -> BTreeMap<String, String> {
    let changes = log.lines().filter_map(|line| {
        let (name, state) = line.split_once(") Entering ")?;
        let (_, name) = name.split_once('(')?;
        Some((name.to_owned(), state.split_whitespace().next()?.to_owned()))
    });
    changes.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_state_counts() {
        let log =
            "x: (VI_1) Entering BACKUP STATE (init)\nx: (VI_2) Entering FAULT STATE\nx: (VI_1) Entering MASTER STATE\n";
        let states = states(log);
        assert_eq!(states["VI_1"], "MASTER");
        assert_eq!(states["VI_2"], "FAULT");
    }
}
