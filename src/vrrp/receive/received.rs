//! A packet as it came in, of either family.
//!
//! A raw socket of IPv4 gives the whole packet. One of IPv6 gives what is behind the header, and tells of the header beside
//! it (RFC 3542 section 6): sender, receiver and hop limit. Here both are the same.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};

use crate::model::Family;
use crate::wire::ipv4::{PROTOCOL_AH, PROTOCOL_VRRP};
use crate::wire::{Malformed, ah, ipv4, vrrp};

/// A packet as it came in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Received<'a> {
    source: IpAddr,
    destination: IpAddr,
    hop_limit: u8,
    /// IPv4's header with its options; empty for IPv6.
    ip_header: &'a [u8],
    header: Option<ah::Packet<'a>>,
    payload: &'a [u8],
}

impl<'a> Received<'a> {
    /// A whole IPv4 packet, with an advert in it or with an authentication header before one.
    ///
    /// # Errors
    /// Where a header is not whole, or another protocol is inside: that is nobody's business here.
    pub fn ipv4(bytes: &'a [u8]) -> Result<Self, Malformed> {
        let packet = ipv4::Packet::new_checked(bytes)?;
        let header = match packet.protocol() {
            PROTOCOL_VRRP => None,
            PROTOCOL_AH => Some(ah::Packet::new_checked(packet.payload())?),
            _ => return Err(Malformed::Field("protocol")),
        };
        Ok(Self {
            source: IpAddr::V4(packet.source()),
            destination: IpAddr::V4(packet.destination()),
            hop_limit: packet.ttl(),
            ip_header: packet.header(),
            header,
            payload: header.map_or_else(|| packet.payload(), |header| header.payload()),
        })
    }

    /// What was behind an IPv6 header that said these three things.
    #[must_use]
    pub const fn ipv6(source: Ipv6Addr, destination: Ipv6Addr, hop_limit: u8, payload: &'a [u8]) -> Self {
        let (source, destination) = (IpAddr::V6(source), IpAddr::V6(destination));
        Self { source, destination, hop_limit, ip_header: &[], header: None, payload }
    }

    /// Sender.
    #[must_use]
    pub const fn source(&self) -> IpAddr {
        self.source
    }

    /// Receiver.
    #[must_use]
    pub const fn destination(&self) -> IpAddr {
        self.destination
    }

    /// Time to live, or hop limit.
    #[must_use]
    pub const fn hop_limit(&self) -> u8 {
        self.hop_limit
    }

    /// Family.
    #[must_use]
    pub const fn family(&self) -> Family {
        match self.source {
            IpAddr::V4(_) => Family::V4,
            IpAddr::V6(_) => Family::V6,
        }
    }

    /// IPv4's header with its options; empty for IPv6.
    #[must_use]
    pub const fn ip_header(&self) -> &'a [u8] {
        self.ip_header
    }

    /// An authentication header is in front of the advert.
    #[must_use]
    pub const fn has_header(&self) -> bool {
        self.header.is_some()
    }

    /// The authentication header.
    #[must_use]
    pub const fn header(&self) -> Option<&ah::Packet<'a>> {
        self.header.as_ref()
    }

    /// The advert.
    ///
    /// # Errors
    /// Below eight bytes.
    pub const fn advert(&self) -> Result<vrrp::Packet<'a>, Malformed> {
        vrrp::Packet::new_checked(self.payload, self.family())
    }

    /// The virtual router id that it claims, to find whom it concerns.
    #[must_use]
    pub fn vrid(&self) -> Option<u8> {
        self.advert().ok().map(|advert| advert.vrid())
    }
}

impl fmt::Display for Received<'_> {
    /// One line, as tcpdump would have it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} > {}: ", self.source, self.destination)?;
        if let Some(header) = self.header {
            write!(f, "{header}: ")?;
        }
        match self.advert() {
            Ok(advert) => advert.fmt(f),
            Err(_) => write!(f, "{} bytes", self.payload.len()),
        }
    }
}
