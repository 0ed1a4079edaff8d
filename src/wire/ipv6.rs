//! The IPv6 header (RFC 8200 section 3) as VRRP needs it: 40 bytes out. A raw socket gives no header of what came in; the
//! view is for what was captured, and for what we emit ourselves.

use std::fmt;
use std::net::Ipv6Addr;

use super::ipv4::TOS_INTERNET_CONTROL;
use super::{Malformed, be16};

/// Bytes of the header.
pub const HEADER_LEN: usize = 40;
/// VRRP's hop limit on the way out, and what a multicast advert must still have on the way in (RFC 9568 section 5.1.2.3).
pub const HOP_LIMIT: u8 = 255;

/// A packet whose header is whole, and which is as long as it says. Extension headers are not looked into: VRRP has none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Packet<'a> {
    bytes: &'a [u8],
}

impl<'a> Packet<'a> {
    /// Looks at bytes that begin with an IPv6 header.
    ///
    /// # Errors
    /// Another version, fewer than 40 bytes, or a payload that is shorter than it claims to be.
    pub fn new_checked(bytes: &'a [u8]) -> Result<Self, Malformed> {
        let first = *bytes.first().ok_or(Malformed::Truncated)?;
        if first >> 4 != 6 {
            return Err(Malformed::Version(first >> 4));
        }
        let bytes = bytes.get(..HEADER_LEN + usize::from(be16(bytes, 4))).ok_or(Malformed::Truncated)?;
        Ok(Self { bytes })
    }

    /// Sender.
    #[must_use]
    pub fn source(&self) -> Ipv6Addr {
        address(self.bytes, 8)
    }

    /// Receiver.
    #[must_use]
    pub fn destination(&self) -> Ipv6Addr {
        address(self.bytes, 24)
    }

    /// Hop limit.
    #[must_use]
    pub fn hop_limit(&self) -> u8 {
        self.bytes.get(7).copied().unwrap_or(0)
    }

    /// Protocol of the payload.
    #[must_use]
    pub fn next_header(&self) -> u8 {
        self.bytes.get(6).copied().unwrap_or(0)
    }

    /// What the header is in front of.
    #[must_use]
    pub fn payload(&self) -> &'a [u8] {
        self.bytes.get(HEADER_LEN..).unwrap_or_default()
    }
}

/// An IPv6 address at an offset, unspecified where the slice is too short.
pub(super) fn address(bytes: &[u8], at: usize) -> Ipv6Addr {
    let octets = bytes.get(at..).and_then(<[u8]>::first_chunk::<16>);
    octets.map_or(Ipv6Addr::UNSPECIFIED, |octets| Ipv6Addr::from(*octets))
}

/// A header as we send it. The flow label is 0, which says that there is no flow (RFC 6437 section 2); the kernel would
/// put in a hash where it writes the header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// Sender.
    pub source: Ipv6Addr,
    /// Receiver.
    pub destination: Ipv6Addr,
    /// Protocol of the payload.
    pub next_header: u8,
    /// Hop limit.
    pub hop_limit: u8,
}

impl Header {
    /// The header followed by its payload, with traffic class "internetwork control".
    ///
    /// # Errors
    /// [`Malformed::Length`] for a payload that no packet can hold.
    pub fn emit(&self, payload: &[u8]) -> Result<Vec<u8>, Malformed> {
        let length = u16::try_from(payload.len()).map_err(|_| Malformed::Length)?;
        let mut packet = Vec::with_capacity(HEADER_LEN + payload.len());
        packet.extend([0x60 | TOS_INTERNET_CONTROL >> 4, TOS_INTERNET_CONTROL << 4, 0, 0]);
        packet.extend(length.to_be_bytes());
        packet.extend([self.next_header, self.hop_limit]);
        packet.extend(self.source.octets());
        packet.extend(self.destination.octets());
        packet.extend_from_slice(payload);
        Ok(packet)
    }
}

impl fmt::Display for Packet<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "IP6 {} > {}: hlim {}, next-header {}, payload length {}",
            self.source(),
            self.destination(),
            self.hop_limit(),
            self.next_header(),
            self.payload().len()
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::ipv4::PROTOCOL_VRRP;
    use proptest::prelude::*;

    #[test]
    fn golden_header() {
        let header = Header {
            source: "fe80::ff:fe00:81".parse().unwrap(),
            destination: "ff02::12".parse().unwrap(),
            next_header: PROTOCOL_VRRP,
            hop_limit: HOP_LIMIT,
        };
        // As keepalived 2.2.7 sends it, captured with tcpdump, but for the kernel's flow label.
        let packet = header.emit(&[0; 40]).unwrap();
        assert_eq!(
            packet[..HEADER_LEN],
            [
                0x6c, 0x00, 0x00, 0x00, 0x00, 0x28, 0x70, 0xff, 0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0x00, 0xff, 0xfe,
                0, 0x00, 0x81, 0xff, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x00, 0x12
            ]
        );
        let view = Packet::new_checked(&packet).unwrap();
        assert_eq!(view.to_string(), "IP6 fe80::ff:fe00:81 > ff02::12: hlim 255, next-header 112, payload length 40");
    }

    #[test]
    fn lies_are_refused() {
        let localhost = Ipv6Addr::LOCALHOST;
        let header = Header { source: localhost, destination: localhost, next_header: 112, hop_limit: 1 };
        let mut packet = header.emit(&[1, 2, 3]).unwrap();
        packet.extend([0; 20]);
        assert_eq!(Packet::new_checked(&packet).unwrap().payload(), [1, 2, 3]);
        packet[5] = 200;
        assert_eq!(Packet::new_checked(&packet), Err(Malformed::Truncated));
        assert_eq!(Packet::new_checked(&packet[..39]), Err(Malformed::Truncated));
        packet[0] = 0x45;
        assert_eq!(Packet::new_checked(&packet), Err(Malformed::Version(4)));
        assert!(header.emit(&vec![0; 65_536]).is_err());
    }

    proptest! {
        #[test]
        fn round_trip(
            source in any::<[u8; 16]>(), destination in any::<[u8; 16]>(), next_header in any::<u8>(),
            hop_limit in any::<u8>(), payload in prop::collection::vec(any::<u8>(), 0..300),
        ) {
            let header = Header { source: source.into(), destination: destination.into(), next_header, hop_limit };
            let bytes = header.emit(&payload).unwrap();
            let view = Packet::new_checked(&bytes).unwrap();
            prop_assert_eq!(view.source(), header.source);
            prop_assert_eq!(view.destination(), header.destination);
            prop_assert_eq!((view.next_header(), view.hop_limit()), (next_header, hop_limit));
            prop_assert_eq!(view.payload(), &payload[..]);
            let (other, rest) = etherparse::Ipv6Header::from_slice(&bytes).unwrap();
            prop_assert_eq!(other.source, source);
            prop_assert_eq!(other.destination, destination);
            prop_assert_eq!(other.traffic_class, TOS_INTERNET_CONTROL);
            prop_assert_eq!((other.next_header.0, other.hop_limit), (next_header, hop_limit));
            prop_assert_eq!(rest, &payload[..]);
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..100)) {
            if let Ok(view) = Packet::new_checked(&bytes) {
                let _ = (view.payload().len(), view.hop_limit(), view.to_string());
            }
        }
    }
}
