//! What a route wraps packets in on their way.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};

/// `encap`: a light tunnel that is no interface (`RTA_ENCAP`; include/uapi/linux/lwtunnel.h). It reads as `ip route` takes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Encapsulation {
    /// `mpls`: labels (RFC 3032), 20 bits each, the outermost first.
    Mpls(Vec<u32>),
    /// `ip`: what a tunnel interface that takes its other end from the route sends to.
    Ip(TunnelEnds<Ipv4Addr>),
    /// `ip6`: the same over IPv6.
    Ip6(TunnelEnds<Ipv6Addr>),
    /// `ila`: the locator that takes the place of a destination's first 64 bits.
    Ila(u64),
}

/// One end of a tunnel, and the other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TunnelEnds<A> {
    /// `id`: number of the tunnel (a VXLAN's network, a GRE's key).
    pub id: Option<u64>,
    /// `dst`: the other end.
    pub destination: Option<A>,
    /// `src`: this end.
    pub source: Option<A>,
    /// `tos`, or `tc` over IPv6.
    pub tos: Option<u8>,
    /// `ttl`, or `hoplimit` over IPv6.
    pub ttl: Option<u8>,
    /// `flags`: 1 checksum, 4 key, 8 sequence numbers.
    pub flags: Option<u16>,
}

impl<A> Default for TunnelEnds<A> {
    fn default() -> Self {
        Self { id: None, destination: None, source: None, tos: None, ttl: None, flags: None }
    }
}

impl<A: fmt::Display> TunnelEnds<A> {
    fn write(&self, f: &mut fmt::Formatter<'_>, name: &str, tos: &str, ttl: &str) -> fmt::Result {
        f.write_str(name)?;
        if let Some(id) = self.id {
            write!(f, " id {id}")?;
        }
        if let Some(destination) = &self.destination {
            write!(f, " dst {destination}")?;
        }
        if let Some(source) = &self.source {
            write!(f, " src {source}")?;
        }
        if let Some(value) = self.tos {
            write!(f, " {tos} {value}")?;
        }
        if let Some(value) = self.ttl {
            write!(f, " {ttl} {value}")?;
        }
        if let Some(flags) = self.flags {
            write!(f, " flags {flags}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Encapsulation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Mpls(labels) => {
                let labels: Vec<String> = labels.iter().map(u32::to_string).collect();
                write!(f, "mpls {}", labels.join("/"))
            }
            Self::Ip(tunnel) => tunnel.write(f, "ip", "tos", "ttl"),
            Self::Ip6(tunnel) => tunnel.write(f, "ip6", "tc", "hoplimit"),
            Self::Ila(locator) => {
                let [a, b, c, d] = [48, 32, 16, 0].map(|shift| locator >> shift & 0xffff);
                write!(f, "ila {a:x}:{b:x}:{c:x}:{d:x}")
            }
        }
    }
}
