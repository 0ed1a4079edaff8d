//! The daemon under test, running in a node.

use std::path::PathBuf;
use std::time::Duration;

use nix::sys::signal::Signal;
use serde_json::Value;

use crate::command::Output;
use crate::daemon::Daemon;
use crate::node::Node;
use crate::programs::bin;
use crate::waiting::{wait_for, wait_until};

/// How long the daemon may take for anything that a test waits for.
const PATIENCE: Duration = Duration::from_secs(30);

/// `ipvsd` in a node, with its files at the paths that it has by default: each node has an `/etc`, `/run` and `/var/lib` of
/// its own.
#[derive(Debug)]
pub struct Ipvsd {
    node: Node,
    config: PathBuf,
    daemon: Daemon,
}

impl Ipvsd {
    /// Starts it with this keepalived.conf, and waits until it answers.
    ///
    /// # Panics
    /// When it does not come up.
    #[track_caller]
    #[must_use]
    pub fn start(node: &Node, keepalived_conf: &str) -> Self {
        Self::start_file(node, "/etc/keepalived/keepalived.conf", keepalived_conf)
    }

    /// Starts it with a configuration at a path whose ending tells the language, and waits until it answers.
    ///
    /// # Panics
    /// When it does not come up.
    #[track_caller]
    #[must_use]
    pub fn start_file(node: &Node, path: &str, text: &str) -> Self {
        let ipvsd = Self::spawn(node, path, text);
        ipvsd.wait_answering();
        ipvsd
    }

    /// Starts it and waits for nothing.
    ///
    /// # Panics
    /// When it cannot be started.
    #[track_caller]
    #[must_use]
    pub fn spawn(node: &Node, path: &str, text: &str) -> Self {
        node.write(path, text);
        let config = PathBuf::from(path);
        let daemon = node.command(bin("ipvsd")).arg("--config").arg(&config).spawn("ipvsd");
        Self { node: node.clone(), config, daemon }
    }

    /// One that was started in another way, with the configuration at this path.
    #[must_use]
    pub fn adopt(node: &Node, config: impl Into<PathBuf>, daemon: Daemon) -> Self {
        Self { node: node.clone(), config: config.into(), daemon }
    }

    /// Starts it again after its end, with the file as it lies there.
    ///
    /// # Panics
    /// When it cannot be started.
    #[track_caller]
    pub fn spawn_again(&mut self) {
        self.daemon = self.node.command(bin("ipvsd")).arg("--config").arg(&self.config).spawn("ipvsd");
    }

    /// The process.
    #[must_use]
    pub fn daemon(&self) -> &Daemon {
        &self.daemon
    }

    /// The node that it runs in.
    #[must_use]
    pub fn node(&self) -> &Node {
        &self.node
    }

    /// Runs `ipvsctl` with these words.
    ///
    /// # Panics
    /// When it cannot be started.
    #[track_caller]
    #[must_use]
    pub fn ctl(&self, words: &[&str]) -> Output {
        self.node.command(bin("ipvsctl")).args(words).output()
    }

    /// The snapshot, or why there is none.
    ///
    /// # Errors
    /// What `ipvsctl` said.
    pub fn try_show(&self) -> Result<Value, String> {
        let output = self.ctl(&["show", "-o", "json"]);
        if !output.success() {
            return Err(output.stderr);
        }
        serde_json::from_str(&output.stdout).map_err(|error| error.to_string())
    }

    /// The snapshot.
    ///
    /// # Panics
    /// When there is none.
    #[track_caller]
    #[must_use]
    pub fn show(&self) -> Value {
        self.try_show().expect("ipvsctl show")
    }

    /// Waits until it answers; the time that it took.
    ///
    /// # Panics
    /// When it does not in time, or ends.
    #[track_caller]
    pub fn wait_answering(&self) -> Duration {
        let started = std::time::Instant::now();
        wait_for(PATIENCE, "ipvsd to answer", || match self.try_show() {
            Ok(snapshot) if snapshot["balancer"]["ready"] == true => Ok(()),
            Ok(_) => Err("not ready".to_owned()),
            Err(error) => match self.daemon.ended() {
                Some(status) => panic!("ipvsd ended ({status}):\n{}", self.daemon.log()),
                None => Err(error),
            },
        });
        started.elapsed()
    }

    /// Waits until the snapshot is as wished.
    ///
    /// # Panics
    /// When it is not in time; the message has the last snapshot.
    #[track_caller]
    pub fn wait_show(&self, what: &str, wished: impl Fn(&Value) -> bool) -> Duration {
        let started = std::time::Instant::now();
        wait_for(PATIENCE, what, || match self.try_show() {
            Ok(snapshot) if wished(&snapshot) => Ok(()),
            Ok(snapshot) => Err(snapshot.to_string()),
            Err(error) => Err(error),
        });
        started.elapsed()
    }

    /// Waits until an instance is in a state (`MASTER`, `BACKUP`, `FAULT`).
    ///
    /// # Panics
    /// When it is not in time.
    #[track_caller]
    pub fn wait_state(&self, instance: &str, state: &str) -> Duration {
        self.wait_show(&format!("{instance} to be {state} on {}", self.node.name()), |snapshot| {
            instances(snapshot).iter().any(|found| found["name"] == instance && found["state"] == state)
        })
    }

    /// Waits until the kernel's table, as `ipvsadm -Ln` prints it, is as wished.
    ///
    /// # Panics
    /// When it is not in time.
    #[track_caller]
    pub fn wait_table(&self, what: &str, wished: impl Fn(&str) -> bool) -> Duration {
        wait_until(PATIENCE, what, || wished(&self.node.ipvs_table()))
    }

    /// Overwrites the file and reloads; what `ipvsctl reload` said.
    ///
    /// # Panics
    /// When `ipvsctl` cannot be started.
    #[track_caller]
    #[must_use]
    pub fn reload(&self, text: &str) -> Output {
        self.node.write(&self.config, text);
        self.ctl(&["reload"])
    }

    /// Ends it as a crash would.
    pub fn kill(&self) {
        self.daemon.kill();
    }

    /// Stops it cleanly.
    ///
    /// # Panics
    /// When it does not end, or with another exit status than 0.
    #[track_caller]
    pub fn stop(&self) {
        self.daemon.signal(Signal::SIGTERM);
        let status = self.daemon.wait(PATIENCE);
        assert!(status.success(), "a clean stop ended with {status}:\n{}", self.daemon.log());
    }
}

/// The instances of a snapshot.
#[must_use]
pub fn instances(snapshot: &Value) -> &[Value] {
    snapshot["instances"].as_array().map_or(&[], Vec::as_slice)
}

/// The servers of a snapshot's first service.
#[must_use]
pub fn servers(snapshot: &Value) -> &[Value] {
    snapshot["balancer"]["services"][0]["servers"].as_array().map_or(&[], Vec::as_slice)
}
