//! A virtual service: the address (or firewall mark) that clients reach, and how the kernel spreads them.

use std::fmt;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::str::FromStr;

/// Transport protocol of a virtual service. The kernel schedules these three and no others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Protocol {
    /// TCP, IP protocol 6.
    Tcp,
    /// UDP, IP protocol 17.
    Udp,
    /// SCTP, IP protocol 132.
    Sctp,
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
            Self::Sctp => "sctp",
        })
    }
}

/// Address family.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Family {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

impl Family {
    /// The family of an address.
    #[must_use]
    pub fn of(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(_) => Self::V4,
            IpAddr::V6(_) => Self::V6,
        }
    }

    /// How many bits an address has.
    #[must_use]
    pub const fn bits(self) -> u8 {
        match self {
            Self::V4 => 32,
            Self::V6 => 128,
        }
    }
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::V4 => "IPv4",
            Self::V6 => "IPv6",
        })
    }
}

/// What tells one virtual service from another: the key under which the kernel keeps it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ServiceKey {
    /// Packets to this address and port.
    Address {
        /// Transport protocol.
        protocol: Protocol,
        /// The virtual address.
        address: IpAddr,
        /// The port; 0 takes every port and needs persistence.
        port: u16,
    },
    /// Packets that the firewall marked.
    Fwmark {
        /// Family of the marked packets.
        family: Family,
        /// The mark.
        mark: NonZeroU32,
    },
}

impl ServiceKey {
    /// Family of the packets that this service takes.
    #[must_use]
    pub fn family(&self) -> Family {
        match self {
            Self::Address { address, .. } => Family::of(*address),
            Self::Fwmark { family, .. } => *family,
        }
    }

    /// The mark that its packets have, if it goes by that.
    #[must_use]
    pub fn mark(&self) -> Option<NonZeroU32> {
        match self {
            Self::Address { .. } => None,
            Self::Fwmark { mark, .. } => Some(*mark),
        }
    }

    /// The port that its packets go to; 0 if to any.
    #[must_use]
    pub fn port(&self) -> u16 {
        match self {
            Self::Address { port, .. } => *port,
            Self::Fwmark { .. } => 0,
        }
    }
}

impl fmt::Display for ServiceKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address { protocol, address: IpAddr::V4(address), port } => write!(f, "{protocol} {address}:{port}"),
            Self::Address { protocol, address: IpAddr::V6(address), port } => {
                write!(f, "{protocol} [{address}]:{port}")
            }
            Self::Fwmark { family: Family::V4, mark } => write!(f, "fwmark {mark}"),
            Self::Fwmark { family: Family::V6, mark } => write!(f, "fwmark {mark} IPv6"),
        }
    }
}

/// The kernel's schedulers, by their kernel names (`net/netfilter/ipvs/ip_vs_*.c`).
///
/// Whether a kernel was built with one is known only when it is asked for: see the error of the command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Scheduler {
    /// `rr`: round robin.
    RoundRobin,
    /// `wrr`: weighted round robin.
    WeightedRoundRobin,
    /// `lc`: least connections.
    LeastConnection,
    /// `wlc`: weighted least connections, the default of keepalived and of ipvsadm.
    #[default]
    WeightedLeastConnection,
    /// `lblc`: locality-based least connections.
    LocalityBased,
    /// `lblcr`: locality-based least connections with replication.
    LocalityBasedReplicated,
    /// `dh`: destination hashing.
    DestinationHash,
    /// `sh`: source hashing.
    SourceHash,
    /// `mh`: Maglev hashing (kernel 4.18).
    MaglevHash,
    /// `sed`: shortest expected delay.
    ShortestExpectedDelay,
    /// `nq`: never queue.
    NeverQueue,
    /// `fo`: weighted failover.
    Failover,
    /// `ovf`: weighted overflow.
    Overflow,
    /// `twos`: power of two choices (kernel 5.12; many distributions do not build it).
    PowerOfTwo,
}

impl Scheduler {
    /// Every scheduler.
    pub const ALL: [Self; 14] = [
        Self::RoundRobin,
        Self::WeightedRoundRobin,
        Self::LeastConnection,
        Self::WeightedLeastConnection,
        Self::LocalityBased,
        Self::LocalityBasedReplicated,
        Self::DestinationHash,
        Self::SourceHash,
        Self::MaglevHash,
        Self::ShortestExpectedDelay,
        Self::NeverQueue,
        Self::Failover,
        Self::Overflow,
        Self::PowerOfTwo,
    ];

    /// The kernel's name for it; the module is `ip_vs_<name>`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::RoundRobin => "rr",
            Self::WeightedRoundRobin => "wrr",
            Self::LeastConnection => "lc",
            Self::WeightedLeastConnection => "wlc",
            Self::LocalityBased => "lblc",
            Self::LocalityBasedReplicated => "lblcr",
            Self::DestinationHash => "dh",
            Self::SourceHash => "sh",
            Self::MaglevHash => "mh",
            Self::ShortestExpectedDelay => "sed",
            Self::NeverQueue => "nq",
            Self::Failover => "fo",
            Self::Overflow => "ovf",
            Self::PowerOfTwo => "twos",
        }
    }

    /// New connections are dealt out in proportion to weights, and another weight moves no client that has its server. Not so
    /// where weights are not asked (`rr`, `lc`, `dh`), where they are ranks (`fo`, `ovf`), or where clients are told apart by
    /// a table that another weight lays out anew (`sh`, `mh`).
    #[must_use]
    pub const fn shares_by_weight(self) -> bool {
        match self {
            Self::WeightedRoundRobin
            | Self::WeightedLeastConnection
            | Self::LocalityBased
            | Self::LocalityBasedReplicated
            | Self::ShortestExpectedDelay
            | Self::NeverQueue
            | Self::PowerOfTwo => true,
            Self::RoundRobin
            | Self::LeastConnection
            | Self::DestinationHash
            | Self::SourceHash
            | Self::MaglevHash
            | Self::Failover
            | Self::Overflow => false,
        }
    }

    /// What people call its own three bits (`IP_VS_SVC_F_SCHED1` to `3` of include/uapi/linux/ip_vs.h): they have names with
    /// `sh` and `mh`, as in ipvsadm, and numbers with the others.
    #[must_use]
    pub const fn flag_names(self) -> [&'static str; 3] {
        match self {
            Self::SourceHash => ["sh-fallback", "sh-port", "flag-3"],
            Self::MaglevHash => ["mh-fallback", "mh-port", "flag-3"],
            Self::RoundRobin
            | Self::WeightedRoundRobin
            | Self::LeastConnection
            | Self::WeightedLeastConnection
            | Self::LocalityBased
            | Self::LocalityBasedReplicated
            | Self::DestinationHash
            | Self::ShortestExpectedDelay
            | Self::NeverQueue
            | Self::Failover
            | Self::Overflow
            | Self::PowerOfTwo => ["flag-1", "flag-2", "flag-3"],
        }
    }
}

impl fmt::Display for Scheduler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The text names no scheduler that the kernel has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidScheduler;

impl fmt::Display for InvalidScheduler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a scheduler of the kernel")
    }
}

impl std::error::Error for InvalidScheduler {}

impl FromStr for Scheduler {
    type Err = InvalidScheduler;

    fn from_str(name: &str) -> Result<Self, InvalidScheduler> {
        Self::ALL.into_iter().find(|scheduler| scheduler.name() == name).ok_or(InvalidScheduler)
    }
}

/// Flags of a service beside persistence (`IP_VS_SVC_F_*`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct SchedulerFlags {
    /// `IP_VS_SVC_F_ONEPACKET`: each UDP datagram is scheduled by itself.
    pub one_packet: bool,
    /// `IP_VS_SVC_F_SCHED1`: `sh-fallback`, `mh-fallback`.
    pub flag_1: bool,
    /// `IP_VS_SVC_F_SCHED2`: `sh-port`, `mh-port`.
    pub flag_2: bool,
    /// `IP_VS_SVC_F_SCHED3`.
    pub flag_3: bool,
}

/// Clients that came once come back to the same server for a while.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Persistence {
    /// Seconds that a template lives after its last connection.
    pub timeout_secs: NonZeroU32,
    /// Clients are grouped by this many leading bits of their address (32 or 128: each by itself).
    pub prefix_len: u8,
    /// Persistence engine (`sip`), by its kernel name.
    pub engine: Option<String>,
}

/// How a service is to be. What it *is* (its key) stands in [`ServiceKey`].
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct ServiceSettings {
    /// Which scheduler chooses the server.
    pub scheduler: Scheduler,
    /// Scheduler flags and one-packet mode.
    pub flags: SchedulerFlags,
    /// Persistence, where wanted.
    pub persistence: Option<Persistence>,
}

impl ServiceSettings {
    /// A server at weight 0 gets no new clients, and its share of them goes to the others. Not so where a client has one
    /// place in a table that is laid out without a look at weight 0: `dh` gives every server its places, `sh` one at least, `mh` as
    /// many as the last weight that was not 0 had earned, and all three refuse a client whose place belongs to a server at weight 0.
    /// `sh-fallback` and `mh-fallback` have such a client look on.
    #[must_use]
    pub const fn passes_over_zero(&self) -> bool {
        match self.scheduler {
            Scheduler::DestinationHash => false,
            Scheduler::SourceHash | Scheduler::MaglevHash => self.flags.flag_1,
            Scheduler::RoundRobin
            | Scheduler::WeightedRoundRobin
            | Scheduler::LeastConnection
            | Scheduler::WeightedLeastConnection
            | Scheduler::LocalityBased
            | Scheduler::LocalityBasedReplicated
            | Scheduler::ShortestExpectedDelay
            | Scheduler::NeverQueue
            | Scheduler::Failover
            | Scheduler::Overflow
            | Scheduler::PowerOfTwo => true,
        }
    }
}
