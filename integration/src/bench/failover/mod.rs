//! How long an address is nobody's, and what may make that longer: virtual routers of ours and of keepalived, side by side.
//!
//! - [`duel`]: the master is killed, or stopped; how late is the backup beyond what the protocol makes it wait?
//! - [`calm`]: adverts every 10 ms while the balancer of the same daemon works as hard as it can.
//! - [`crowd`]: two hundred virtual routers on one interface; what do they cost?
//! - [`handover`]: both nodes live, and the address changes hands; what do clients lose?
//!
//! Nodes are namespaces of this machine's own kernel. Adverts and announcements are timed by the kernel (see [`crate::tap`]),
//! addresses by its notifications (see [`crate::watch`]). What tells whose fault a late failover is stands in [`witness`].

pub mod calm;
pub mod cells;
pub mod crowd;
pub mod duel;
pub mod handover;
pub mod witness;

use std::net::IpAddr;
use std::time::Duration;

use cells::Cells;

use crate::bench::Report;
use crate::{Node, Segment, Topology};

/// How long anything may take that must happen.
const PATIENCE: Duration = Duration::from_secs(60);
/// The address that is fought for.
const VIP: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 100));

/// How much is measured.
#[derive(Debug, Clone, Copy)]
pub struct Extent {
    /// Failovers of each pair at each interval.
    pub rounds: usize,
    /// Time of adverts under load.
    pub calm: Duration,
    /// Time of adverts without, for comparison.
    pub calm_idle: Duration,
    /// Time over which two hundred routers are watched.
    pub crowd: Duration,
    /// Handovers with both nodes alive.
    pub handovers: usize,
}

impl Extent {
    /// The whole of it.
    pub const FULL: Self = Self {
        rounds: 30,
        calm: Duration::from_secs(60),
        calm_idle: Duration::from_secs(20),
        crowd: Duration::from_secs(30),
        handovers: 10,
    };
    /// A look.
    pub const QUICK: Self = Self {
        rounds: 3,
        calm: Duration::from_secs(10),
        calm_idle: Duration::from_secs(5),
        crowd: Duration::from_secs(5),
        handovers: 2,
    };
}

/// Runs the parts of these names (`duel`, `calm`, `crowd`, `handover`), all of them if none is named, and hands over the report
/// of each as soon as it is there. Of the duels, only these cells.
pub fn run(extent: Extent, parts: &[String], cells: &Cells, mut done: impl FnMut(Report)) {
    let wanted = |name: &str| parts.is_empty() || parts.iter().any(|part| part == name);
    if wanted("calm") {
        done(calm::run(extent.calm, extent.calm_idle));
    }
    if wanted("crowd") {
        done(crowd::run(extent.crowd));
    }
    if wanted("handover") {
        done(handover::run(extent.handovers));
    }
    if wanted("duel") {
        done(duel::run(extent.rounds, cells));
    }
}

/// Two nodes on a segment, `eth0` 192.0.2.1/24 and 192.0.2.2/24.
struct Pair {
    /// What holds it all.
    _lab: Topology,
    segment: Segment,
    one: Node,
    two: Node,
}

impl Pair {
    fn new(name: &str) -> Self {
        let mut lab = Topology::new(name);
        let segment = lab.segment("lan");
        let (one, two) = (lab.node("one"), lab.node("two"));
        segment.attach(&one, "eth0", &["192.0.2.1/24"]);
        segment.attach(&two, "eth0", &["192.0.2.2/24"]);
        Self { _lab: lab, segment, one, two }
    }
}

/// A virtual router of version 3; the interval in the words of the file.
fn conf(priority: u8, interval: &str) -> String {
    format!(
        "vrrp_instance VI_1 {{\n  state BACKUP\n  interface eth0\n  virtual_router_id 51\n  priority {priority}\n  \
         version 3\n  advert_int {interval}\n  virtual_ipaddress {{\n    {VIP}/24\n  }}\n}}\n"
    )
}

/// RFC 9568 section 6.1: Skew_Time of a priority.
fn skew(priority: u8, interval: Duration) -> Duration {
    interval * (256 - u32::from(priority)) / 256
}

fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}
