//! A destination (real server) of a service: what identifies it, what can be set on it, what the kernel tells of it.

use crate::statistics::Statistics;
use std::fmt;
use std::net::{IpAddr, SocketAddr};

/// What identifies a destination within its service.
///
/// The family may differ from the service's only with [`Forwarding::Tunnel`], and not while a sync daemon runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DestinationId {
    /// Where the server is.
    pub address: IpAddr,
    /// Its port. Only NAT can reach another port than the service's; the kernel takes any with the other methods and then ignores it.
    pub port: u16,
}

impl DestinationId {
    /// The destination at this address and port.
    #[must_use]
    pub fn new(address: IpAddr, port: u16) -> Self {
        Self { address, port }
    }
}

impl From<SocketAddr> for DestinationId {
    fn from(address: SocketAddr) -> Self {
        Self { address: address.ip(), port: address.port() }
    }
}

/// `10.0.0.7:80` or `[2001:db8::7]:80`.
impl fmt::Display for DestinationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&SocketAddr::new(self.address, self.port), f)
    }
}

/// How packets get to a destination: the low three bits of `IP_VS_CONN_F_*`, and the tunnel attributes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Forwarding {
    /// NAT: addresses and ports are rewritten; replies must come back through the director.
    Masquerade,
    /// The destination is this host. The kernel chooses it by itself when the address is local, and shows it as such.
    Local,
    /// The packet travels inside another; replies go straight to the client.
    Tunnel(Tunnel),
    /// Direct routing: only the link-layer address changes; replies go straight to the client.
    DirectRoute,
    /// Send the packet on as if there were no service (used for caches).
    Bypass,
    /// A method that this crate does not know. It can be read; sending it back sends the same number.
    Other(u8),
}

/// What a tunnelled packet is wrapped in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Tunnel {
    /// IP in IP. All kernels.
    Ipip,
    /// Generic UDP encapsulation. Linux 5.2 and later; **older kernels take it in silence and make it IP in IP**: read back what matters.
    Gue {
        /// The UDP port on the destination; the kernel refuses 0.
        port: u16,
        /// Checksums.
        flags: TunnelFlags,
    },
    /// GRE. Linux 5.3 and later; older kernels as for GUE.
    Gre {
        /// Checksums.
        flags: TunnelFlags,
    },
    /// An encapsulation that this crate does not know (the kernel stores any number it is given).
    Other {
        /// `TUN_TYPE`.
        kind: u8,
        /// `TUN_PORT`.
        port: u16,
        /// `TUN_FLAGS`.
        flags: TunnelFlags,
    },
}

/// `IP_VS_TUNNEL_ENCAP_FLAG_*`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct TunnelFlags(u16);

impl TunnelFlags {
    /// No checksum.
    pub const NONE: Self = Self(0);
    /// The outer header carries a checksum.
    pub const CHECKSUM: Self = Self(1);
    /// Remote checksum offload (GUE).
    pub const REMOTE_CHECKSUM: Self = Self(2);

    /// The flags of a number as the kernel writes them; bits without a name are kept.
    #[must_use]
    pub const fn from_bits(bits: u16) -> Self {
        Self(bits)
    }

    /// The number.
    #[must_use]
    pub const fn bits(self) -> u16 {
        self.0
    }

    /// Whether every flag of `other` is set.
    #[must_use]
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

impl fmt::Display for TunnelFlags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::NONE => f.write_str("nocsum"),
            Self::CHECKSUM => f.write_str("csum"),
            Self::REMOTE_CHECKSUM => f.write_str("remcsum"),
            Self(bits) => write!(f, "{bits:#x}"),
        }
    }
}

/// `nat`, `local`, `tun ipip`, `tun gue:6080 csum`, `tun gre nocsum`, `dr`, `bypass`.
impl fmt::Display for Forwarding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Masquerade => f.write_str("nat"),
            Self::Local => f.write_str("local"),
            Self::Tunnel(Tunnel::Ipip) => f.write_str("tun ipip"),
            Self::Tunnel(Tunnel::Gue { port, flags }) => write!(f, "tun gue:{port} {flags}"),
            Self::Tunnel(Tunnel::Gre { flags }) => write!(f, "tun gre {flags}"),
            Self::Tunnel(Tunnel::Other { kind, port, flags }) => {
                write!(f, "tun type-{kind}:{port} {flags}")
            }
            Self::DirectRoute => f.write_str("dr"),
            Self::Bypass => f.write_str("bypass"),
            Self::Other(method) => write!(f, "method-{method}"),
        }
    }
}

/// Everything about a destination that can be edited in place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DestinationSettings {
    /// How packets get there.
    pub forwarding: Forwarding,
    /// Its share; 0 means no new connections. At most `i32::MAX`, or the kernel answers ERANGE.
    pub weight: u32,
    /// Connections above which the destination gets no new ones; 0 means no limit.
    pub upper_threshold: u32,
    /// Connections below which an overloaded destination gets new ones again; not above the upper one.
    pub lower_threshold: u32,
}

impl DestinationSettings {
    /// This method and weight, and no thresholds.
    #[must_use]
    pub fn new(forwarding: Forwarding, weight: u32) -> Self {
        Self { forwarding, weight, upper_threshold: 0, lower_threshold: 0 }
    }
}

/// One row of a destination dump.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DestinationEntry {
    /// Which destination.
    pub id: DestinationId,
    /// How it is set now.
    pub settings: DestinationSettings,
    /// Connections that are established.
    pub active_connections: u32,
    /// Connections that are there, but neither established nor new: closing ones, and all of UDP.
    pub inactive_connections: u32,
    /// Clients bound to it by persistence.
    pub persistent_connections: u32,
    /// What it has seen.
    pub statistics: Statistics,
}
