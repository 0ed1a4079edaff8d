//! A virtual service: what identifies it, what can be set on it, and what the kernel tells of it.
//!
//! The kernel knows a service by (family, protocol, address, port) or by (family, firewall mark), and by nothing
//! else: everything in [`ServiceSettings`] can be edited in place without touching a connection.

use crate::name::{PeName, SchedulerName};
use crate::statistics::Statistics;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::num::NonZeroU32;
use std::ops::{BitAnd, BitOr, Not};

/// IPv4 or IPv6.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Family {
    /// `AF_INET`.
    V4,
    /// `AF_INET6`.
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
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::V4 => "IPv4",
            Self::V6 => "IPv6",
        })
    }
}

/// The transport protocol of a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Protocol {
    /// Protocol 6.
    Tcp,
    /// Protocol 17.
    Udp,
    /// Protocol 132.
    Sctp,
    /// Any other number. The kernel stores such a service and never matches a packet to it; it is here so that a table in
    /// which somebody made one can still be read.
    Other(u16),
}

impl Protocol {
    /// The IP protocol number.
    #[must_use]
    pub fn number(self) -> u16 {
        match self {
            Self::Tcp => 6,
            Self::Udp => 17,
            Self::Sctp => 132,
            Self::Other(number) => number,
        }
    }

    /// The protocol of a number.
    #[must_use]
    pub fn from_number(number: u16) -> Self {
        match number {
            6 => Self::Tcp,
            17 => Self::Udp,
            132 => Self::Sctp,
            other => Self::Other(other),
        }
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp => f.pad("tcp"),
            Self::Udp => f.pad("udp"),
            Self::Sctp => f.pad("sctp"),
            Self::Other(number) => write!(f, "protocol-{number}"),
        }
    }
}

/// What identifies a virtual service in one network namespace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ServiceId {
    /// Packets to this address and port.
    Address {
        /// TCP, UDP or SCTP.
        protocol: Protocol,
        /// The virtual address.
        address: IpAddr,
        /// The virtual port; 0 means every port, which the kernel allows for persistent services.
        port: u16,
    },
    /// Packets that the firewall has marked.
    Fwmark {
        /// Packets of this family only.
        family: Family,
        /// The mark.
        mark: NonZeroU32,
    },
}

impl ServiceId {
    /// A TCP service.
    #[must_use]
    pub fn tcp(address: SocketAddr) -> Self {
        Self::Address { protocol: Protocol::Tcp, address: address.ip(), port: address.port() }
    }

    /// A UDP service.
    #[must_use]
    pub fn udp(address: SocketAddr) -> Self {
        Self::Address { protocol: Protocol::Udp, address: address.ip(), port: address.port() }
    }

    /// IPv4 or IPv6.
    #[must_use]
    pub fn family(&self) -> Family {
        match self {
            Self::Address { address, .. } => Family::of(*address),
            Self::Fwmark { family, .. } => *family,
        }
    }
}

/// `tcp 192.0.2.1:80`, `udp [2001:db8::1]:53`, `fwmark 7`, `fwmark 7 (IPv6)`.
impl fmt::Display for ServiceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address { protocol, address, port } => {
                write!(f, "{protocol} {}", SocketAddr::new(*address, *port))
            }
            Self::Fwmark { family: Family::V4, mark } => write!(f, "fwmark {mark}"),
            Self::Fwmark { family: Family::V6, mark } => write!(f, "fwmark {mark} (IPv6)"),
        }
    }
}

/// `IP_VS_SVC_F_*`: the bits that a service may carry.
///
/// The kernel's own bit, `HASHED` (0x2), shows up in every dump and must never be sent with a new service (the kernel then
/// believes that it is in the table already and leaves it out). It cannot be held in this type.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct ServiceFlags(u32);

impl ServiceFlags {
    const HASHED: u32 = 0x2;

    /// No flag.
    pub const NONE: Self = Self(0);
    /// Connections of one client go to one destination, for [`ServiceSettings::timeout_secs`].
    pub const PERSISTENT: Self = Self(0x1);
    /// UDP: every datagram is scheduled anew, and no connection entry is kept.
    pub const ONE_PACKET: Self = Self(0x4);
    /// First bit of the scheduler's own. [`Self::SH_FALLBACK`], [`Self::MH_FALLBACK`].
    pub const SCHED1: Self = Self(0x8);
    /// Second bit of the scheduler's own. [`Self::SH_PORT`], [`Self::MH_PORT`].
    pub const SCHED2: Self = Self(0x10);
    /// Third bit of the scheduler's own; no scheduler in Linux uses it.
    pub const SCHED3: Self = Self(0x20);
    /// `sh`: where the hashed destination is not available, take another.
    pub const SH_FALLBACK: Self = Self::SCHED1;
    /// `sh`: hash the source port too.
    pub const SH_PORT: Self = Self::SCHED2;
    /// `mh`: where the hashed destination is not available, take another.
    pub const MH_FALLBACK: Self = Self::SCHED1;
    /// `mh`: hash the source port too.
    pub const MH_PORT: Self = Self::SCHED2;
    /// Every bit, known today or not: the mask that makes a service's flags exactly those given.
    pub const ALL: Self = Self(!Self::HASHED);

    /// The flags of a number as the kernel writes them. Bits without a name are kept; `HASHED` is dropped.
    #[must_use]
    pub const fn from_bits(bits: u32) -> Self {
        Self(bits & !Self::HASHED)
    }

    /// The number.
    #[must_use]
    pub const fn bits(self) -> u32 {
        self.0
    }

    /// Whether every flag of `other` is set.
    #[must_use]
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// These flags, and those of `other`.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl BitOr for ServiceFlags {
    type Output = Self;
    fn bitor(self, other: Self) -> Self {
        self.union(other)
    }
}

impl BitAnd for ServiceFlags {
    type Output = Self;
    fn bitand(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }
}

impl Not for ServiceFlags {
    type Output = Self;
    fn not(self) -> Self {
        Self::from_bits(!self.0)
    }
}

/// `persistent,ops,0x8`; `none` when empty. The scheduler's bits stay numbers, since only the scheduler knows their meaning.
impl fmt::Display for ServiceFlags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self == Self::NONE {
            return f.write_str("none");
        }
        let mut separator = "";
        for (flag, name) in [(Self::PERSISTENT, "persistent"), (Self::ONE_PACKET, "ops")] {
            if self.contains(flag) {
                write!(f, "{separator}{name}")?;
                separator = ",";
            }
        }
        let rest = *self & !(Self::PERSISTENT | Self::ONE_PACKET);
        if rest != Self::NONE {
            write!(f, "{separator}{:#x}", rest.0)?;
        }
        Ok(())
    }
}

impl fmt::Debug for ServiceFlags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Which clients count as one for persistence (and for `sh`-like use of it).
///
/// The two families mean different things on the wire: an IPv4 service carries a mask, an IPv6 service a prefix length, and the
/// kernel refuses a length outside 1..=128 even for a service that is not persistent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Netmask {
    /// A mask, usually 255.255.255.255.
    V4(Ipv4Addr),
    /// A prefix length in bits, usually 128; 1..=128.
    V6(u8),
}

impl Netmask {
    /// Each client for itself: 255.255.255.255 or /128.
    #[must_use]
    pub fn host(family: Family) -> Self {
        match family {
            Family::V4 => Self::V4(Ipv4Addr::BROADCAST),
            Family::V6 => Self::V6(128),
        }
    }
}

/// `255.255.255.255` or `/128`.
impl fmt::Display for Netmask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::V4(mask) => write!(f, "{mask}"),
            Self::V6(length) => write!(f, "/{length}"),
        }
    }
}

/// Everything about a service that can be edited in place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceSettings {
    /// How a destination is chosen.
    pub scheduler: SchedulerName,
    /// Persistence, one-packet scheduling, the scheduler's own bits.
    pub flags: ServiceFlags,
    /// Seconds for which a client stays with its destination. It works only with [`ServiceFlags::PERSISTENT`].
    pub timeout_secs: u32,
    /// Which clients count as one for persistence. Its family must be that of the service.
    pub netmask: Netmask,
    /// Where persistence takes its key from. **Editing a service without naming its engine removes the engine**, so carry over what
    /// was there.
    pub persistence_engine: Option<PeName>,
}

impl ServiceSettings {
    /// A service of this family with this scheduler and nothing else: no persistence, no flag.
    #[must_use]
    pub fn new(family: Family, scheduler: SchedulerName) -> Self {
        Self {
            scheduler,
            flags: ServiceFlags::NONE,
            timeout_secs: 0,
            netmask: Netmask::host(family),
            persistence_engine: None,
        }
    }
}

/// One row of a service dump.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceEntry {
    /// Which service.
    pub id: ServiceId,
    /// How it is set now.
    pub settings: ServiceSettings,
    /// What it has seen.
    pub statistics: Statistics,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_own_bit_cannot_get_in() {
        assert_eq!(ServiceFlags::from_bits(0x2), ServiceFlags::NONE);
        assert_eq!(ServiceFlags::ALL.bits(), 0xffff_fffd);
        assert_eq!((!ServiceFlags::NONE).bits(), 0xffff_fffd);
        assert_eq!(ServiceFlags::from_bits(0x8000_0003).bits(), 0x8000_0001);
    }

    #[test]
    fn people_can_read_them() {
        let id = |text: &str| ServiceId::tcp(text.parse().unwrap()).to_string();
        assert_eq!(id("192.0.2.1:80"), "tcp 192.0.2.1:80");
        assert_eq!(id("[2001:db8::1]:80"), "tcp [2001:db8::1]:80");
        let mark = NonZeroU32::new(7).unwrap();
        assert_eq!(ServiceId::Fwmark { family: Family::V6, mark }.to_string(), "fwmark 7 (IPv6)");
        let flags = ServiceFlags::PERSISTENT | ServiceFlags::ONE_PACKET | ServiceFlags::SH_PORT;
        assert_eq!(flags.to_string(), "persistent,ops,0x10");
        assert_eq!(ServiceFlags::NONE.to_string(), "none");
    }

    #[test]
    fn protocol_numbers_go_both_ways() {
        for number in 0..=300 {
            assert_eq!(Protocol::from_number(number).number(), number);
        }
    }
}
