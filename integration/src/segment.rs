//! A switch that nodes are plugged into.
//!
//! Bridges lie in a network namespace of the topology, the *fabric*, which no node sees; each plug is
//! a pair of virtual interfaces: one in the node, under the name that a configuration
//! uses, one in the fabric, a port of the bridge. Two kinds of trouble can be made:
//! pulling the plug, which the node notices (no carrier), and isolating the port,
//! which it does not: frames are lost on their way.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::File;
use std::io::Write as _;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use crate::node::{Node, in_network};

/// The namespace that has the bridges of a topology.
#[derive(Debug)]
pub(crate) struct Fabric {
    pub(crate) network: File,
    /// Ports are numbered, so that their names stay short and distinct.
    pub(crate) next: AtomicU32,
}

impl Fabric {
    /// Runs a batch of `ip` commands in the fabric, in one process.
    #[track_caller]
    fn ip(&self, batch: &str) {
        in_network(&self.network, || run_ip(batch));
    }

    fn number(&self) -> u32 {
        self.next.fetch_add(1, Ordering::Relaxed)
    }
}

/// A switch. Clones are the same switch.
#[derive(Debug, Clone)]
pub struct Segment {
    name: String,
    bridge: String,
    fabric: Arc<Fabric>,
    /// By node and interface: the name of the port.
    ports: Arc<Mutex<BTreeMap<(String, String), String>>>,
}

impl Segment {
    pub(crate) fn new(name: &str, fabric: &Arc<Fabric>) -> Self {
        let bridge = format!("br{}", fabric.number());
        // No learning delay, no multicast snooping: frames flow as on a plain switch.
        fabric.ip(&format!(
            "link add name {bridge} type bridge forward_delay 0 stp_state 0 mcast_snooping 0\n\
             link set {bridge} up\n"
        ));
        Segment { name: name.to_owned(), bridge, fabric: Arc::clone(fabric), ports: Arc::default() }
    }

    /// The segment's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Plugs a node in: it gets an interface of this name with these addresses
    /// (`192.0.2.1/24`, `2001:db8::1/64`), up and usable at once.
    ///
    /// # Panics
    ///
    /// When the kernel refuses, as for a name that the node has already.
    #[track_caller]
    pub fn attach(&self, node: &Node, device: &str, addresses: &[&str]) {
        let port = format!("port{}", self.fabric.number());
        let (bridge, pid) = (&self.bridge, node.init_pid());
        self.fabric.ip(&format!(
            "link add name {port} type veth peer name {device} netns {pid}\n\
             link set {port} master {bridge} up\n"
        ));
        let mut batch = format!("link set dev {device} up\n");
        for address in addresses {
            let nodad = if address.contains(':') { " nodad" } else { "" };
            let _ = writeln!(batch, "address add {address} dev {device}{nodad}");
        }
        node.enter(|| run_ip(&batch));
        self.ports
            .lock()
            .expect("no thread panics with the ports in hand")
            .insert((node.name().to_owned(), device.to_owned()), port);
    }

    /// Cuts a node off without its noticing: its frames, and those to it, are lost.
    #[track_caller]
    pub fn isolate(&self, node: &Node) {
        self.each_port(node, "nomaster");
    }

    /// Ends what [`Segment::isolate`] began.
    #[track_caller]
    pub fn rejoin(&self, node: &Node) {
        let master = format!("master {}", self.bridge);
        self.each_port(node, &master);
    }

    /// Pulls the plug: the node's interface loses its carrier.
    #[track_caller]
    pub fn unplug(&self, node: &Node) {
        self.each_port(node, "down");
    }

    /// Puts the plug back.
    #[track_caller]
    pub fn plug(&self, node: &Node) {
        self.each_port(node, "up");
    }

    #[track_caller]
    fn each_port(&self, node: &Node, change: &str) {
        let ports = self.ports.lock().expect("no thread panics with the ports in hand");
        let mut batch = String::new();
        for ((owner, _), port) in ports.iter() {
            if owner == node.name() {
                let _ = writeln!(batch, "link set {port} {change}");
            }
        }
        assert!(!batch.is_empty(), "{} is not on segment {}", node.name(), self.name);
        self.fabric.ip(&batch);
    }
}

/// Runs `ip -batch` in the calling thread's network.
#[track_caller]
fn run_ip(batch: &str) {
    let mut child = Command::new("ip")
        .args(["-batch", "-"])
        .env("PATH", "/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("`ip` of iproute2 is installed");
    child.stdin.take().expect("a pipe was asked for").write_all(batch.as_bytes()).expect("`ip` reads its batch");
    let output = child.wait_with_output().expect("a child can be waited for");
    assert!(output.status.success(), "`ip -batch` failed on:\n{batch}{}", String::from_utf8_lossy(&output.stderr));
}
