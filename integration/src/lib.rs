//! The lab: networks of namespaces in which ipvsd, its peers and its clients meet.
//!
//! A test describes a small network by the names and numbers that a configuration
//! file uses, starts real daemons in it, speaks to them as a client would, breaks
//! something, and waits until what should happen has happened:
//!
//! ```no_run
//! use std::time::Duration;
//! use integration::{Topology, peers, wait_until};
//!
//! let mut lab = Topology::new("failover");
//! let lan = lab.segment("lan");
//! let (one, two) = (lab.node("one"), lab.node("two"));
//! lan.attach(&one, "eth0", &["192.0.2.1/24"]);
//! lan.attach(&two, "eth0", &["192.0.2.2/24"]);
//! let master = peers::keepalived(&one, "vrrp_instance ...");
//! peers::keepalived(&two, "vrrp_instance ...");
//! let vip = "192.0.2.100".parse().unwrap();
//! wait_until(Duration::from_secs(10), "the VIP on one", || one.has_address("eth0", vip));
//! master.kill();
//! wait_until(Duration::from_secs(10), "the VIP on two", || two.has_address("eth0", vip));
//! ```
//!
//! What is where, in the order of a test's life:
//!
//! - [`kernel`] decides where a test runs: [`native_test!`] asks for namespaces,
//!   [`lab_test!`] for IPVS. Where this machine cannot, the test runs itself again
//!   through `scripts/lab`. Nothing is skipped in silence.
//! - [`programs`] finds, and builds, the binaries under test.
//! - [`topology`], [`node`] and [`segment`] are the network: a [`Topology`] owns
//!   everything and takes everything down with it; a [`Node`] is a machine (namespaces
//!   of its own for network, mounts, processes and host name); a [`Segment`] is
//!   a switch that nodes are plugged into.
//! - [`command`] and [`daemon`] run programs in nodes, for a moment or for long.
//! - [`peers`] starts Debian's keepalived and haproxy; [`web`] serves and asks;
//!   [`traffic`] keeps connections open and notices when one breaks.
//! - [`contender`] runs a virtual router by either program, for those that compare them;
//!   [`tap`] has what was on the wire and when, [`sight`] reads it, [`watch`] times
//!   addresses as they come and go, [`inject`] puts frames on the wire that nobody should send.
//! - [`differ`] runs keepalived and ipvsd on the same files, and compares what they make of the kernel.
//! - [`waiting`] is how a test waits: on a condition, never for a while.
//!
//! The network namespaces are entered by threads of the test itself, so that a socket
//! can be opened in any node without a helper process.

#![forbid(unsafe_code)]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::unreachable,
    reason = "this crate is a test harness: a broken lab is a failed test, and says so by panicking"
)]

pub mod bench;
pub mod command;
pub mod contender;
pub mod daemon;
pub mod demo;
pub mod differ;
pub mod hanging;
pub mod inject;
pub mod keeping;
pub mod kernel;
pub mod nat;
pub mod node;
pub mod peers;
pub mod probing;
pub mod programs;
pub mod segment;
pub mod sight;
pub mod subject;
pub mod tap;
pub mod topology;
pub mod traffic;
pub mod waiting;
pub mod watch;
pub mod web;

pub use command::{NodeCommand, Output};
pub use contender::{Contender, Program};
pub use daemon::Daemon;
pub use kernel::skip;
pub use node::Node;
pub use programs::bin;
pub use segment::Segment;
pub use subject::Ipvsd;
pub use tap::Tap;
pub use topology::Topology;
pub use waiting::{wait_for, wait_until};
pub use watch::AddressWatch;
