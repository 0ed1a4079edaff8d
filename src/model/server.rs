//! A real server: where a service's connections end up, and how packets get there.

use std::fmt;
use std::net::IpAddr;

/// What tells one server of a service from another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ServerKey {
    /// Its address.
    pub address: IpAddr,
    /// Its port; with direct routing and tunnels the same as the service's.
    pub port: u16,
}

impl fmt::Display for ServerKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.address {
            IpAddr::V4(address) => write!(f, "{address}:{}", self.port),
            IpAddr::V6(address) => write!(f, "[{address}]:{}", self.port),
        }
    }
}

/// Checksums inside GUE and GRE tunnels (`IP_VS_TUNNEL_ENCAP_FLAG_*`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum TunnelChecksum {
    /// None.
    #[default]
    None,
    /// `csum`.
    Checksum,
    /// `remcsum`: remote checksum offload (GUE only).
    Remote,
}

/// The kind of tunnel to a server (`IP_VS_CONN_F_TUNNEL_TYPE_*`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Tunnel {
    /// IP in IP.
    Ipip,
    /// Generic UDP encapsulation.
    Gue {
        /// UDP port of the server's end.
        port: u16,
        /// Checksums.
        checksum: TunnelChecksum,
    },
    /// GRE.
    Gre {
        /// Checksums; [`TunnelChecksum::Remote`] has no meaning here.
        checksum: TunnelChecksum,
    },
}

/// How packets reach a server (`IP_VS_CONN_F_FWD_MASK`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Forwarding {
    /// NAT: addresses and ports are rewritten both ways; replies must come back through this host.
    Masquerade,
    /// Direct routing: only the MAC address changes; the server has the virtual address itself.
    Direct,
    /// The packet travels inside another; the server unpacks it and has the virtual address itself.
    Tunnel(Tunnel),
    /// This host is the server.
    Local,
    /// Cache bypass: on to the packet's own destination. Only found in the kernel, never configured.
    Bypass,
}

impl fmt::Display for Forwarding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Masquerade => f.write_str("NAT"),
            Self::Direct => f.write_str("DR"),
            Self::Tunnel(Tunnel::Ipip) => f.write_str("TUN"),
            Self::Tunnel(Tunnel::Gue { port, .. }) => write!(f, "TUN gue:{port}"),
            Self::Tunnel(Tunnel::Gre { .. }) => f.write_str("TUN gre"),
            Self::Local => f.write_str("local"),
            Self::Bypass => f.write_str("bypass"),
        }
    }
}

/// Relative capacity of a server: 0 (no new connections) to 2^31 - 1, the kernel's own bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Weight(u32);

/// The weight is above 2^31 - 1; the kernel answers such a one with `ERANGE`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidWeight(pub u64);

impl fmt::Display for InvalidWeight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "weight {} is above {}, the most that the kernel takes", self.0, Weight::MAX.0)
    }
}

impl std::error::Error for InvalidWeight {}

impl Weight {
    /// No new connections.
    pub const ZERO: Self = Self(0);
    /// The default.
    pub const ONE: Self = Self(1);
    /// The most that the kernel takes.
    pub const MAX: Self = Self(i32::MAX as u32);

    /// A weight.
    ///
    /// # Errors
    /// [`InvalidWeight`] above [`Weight::MAX`].
    pub fn new(weight: u32) -> Result<Self, InvalidWeight> {
        if weight <= Self::MAX.0 { Ok(Self(weight)) } else { Err(InvalidWeight(u64::from(weight))) }
    }

    /// As a number.
    #[must_use]
    pub const fn value(self) -> u32 {
        self.0
    }
}

impl fmt::Display for Weight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// How a server of a service is to be.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ServerSettings {
    /// How packets reach it.
    pub forwarding: Forwarding,
    /// Its share.
    pub weight: Weight,
    /// New connections stop at this many; 0: never.
    pub upper_threshold: u32,
    /// ... and resume below this many.
    pub lower_threshold: u32,
}
