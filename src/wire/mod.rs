//! Packets, and nothing but packets: bytes on one side, values on the other.
//!
//! Each protocol has a *checked view* (a borrowed slice whose fixed part is known to be there) and a small owned value
//! that emits itself. Whatever the network sends, a view is made or refused; nothing here panics, allocates by a length
//! that a packet claims, or knows a socket. `Display` is one line as tcpdump would print it.
//!
//! - [`ipv4`]: the 20 bytes that we write ourselves (`IP_HDRINCL`), and the header in front of what a raw socket receives;
//! - [`ipv6`]: the 40 bytes that we write ourselves (`IPV6_HDRINCL`);
//! - [`ah`]: the authentication header between IPv4 and an advert of version 2;
//! - [`vrrp`]: adverts of versions 2 and 3;
//! - [`arp`]: gratuitous requests, and what any ARP packet claims;
//! - [`ndp`]: unsolicited neighbour advertisements, and what neighbours claim;
//! - [`tcp`]: a call that is hung up before it is answered;
//! - [`claim`]: who says that it has an address;
//! - [`checksum`]: the Internet checksum of the IPv4 header, of adverts and of neighbour advertisements.

pub mod ah;
pub mod arp;
pub mod checksum;
pub mod claim;
pub mod icmp;
pub mod ipv4;
pub mod ipv6;
pub mod ndp;
pub mod tcp;
pub mod vrrp;

use std::fmt;

/// Why bytes are not the packet that they were taken for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Malformed {
    /// Fewer bytes than the fixed part has, or than a length inside claims.
    Truncated,
    /// A version field that this protocol does not have.
    Version(u8),
    /// A length field that contradicts itself.
    Length,
    /// A field that must have one value has another.
    Field(&'static str),
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Truncated => f.write_str("the packet is cut short"),
            Self::Version(version) => write!(f, "version {version} is not known"),
            Self::Length => f.write_str("its length fields contradict each other"),
            Self::Field(name) => write!(f, "its {name} is not what it must be"),
        }
    }
}

impl std::error::Error for Malformed {}

/// Two bytes in network order, 0 where the slice is too short: views check the length once, when they are made.
fn be16(bytes: &[u8], at: usize) -> u16 {
    match bytes.get(at..at + 2) {
        Some(&[high, low]) => u16::from_be_bytes([high, low]),
        Some(_) | None => 0,
    }
}

/// An IPv4 address at an offset, unspecified where the slice is too short.
fn address(bytes: &[u8], at: usize) -> std::net::Ipv4Addr {
    match bytes.get(at..at + 4) {
        Some(&[a, b, c, d]) => std::net::Ipv4Addr::new(a, b, c, d),
        Some(_) | None => std::net::Ipv4Addr::UNSPECIFIED,
    }
}
