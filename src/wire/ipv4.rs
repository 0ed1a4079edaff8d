//! The IPv4 header (RFC 791) as VRRP needs it: 20 bytes out, any legal header in.

use std::fmt;
use std::net::Ipv4Addr;

use super::checksum::Sum;
use super::{Malformed, address, be16};

/// Bytes of a header without options.
pub const HEADER_LEN: usize = 20;
/// VRRP's time to live on the way out, and what a multicast advert must still have on the way in: it then cannot have
/// come through a router (RFC 9568 section 5.1.1.3).
pub const TTL: u8 = 255;
/// Precedence "internetwork control", which VRRP packets carry.
pub const TOS_INTERNET_CONTROL: u8 = 0xc0;
/// VRRP's protocol number (RFC 9568 sections 5.1.1.4 and 5.1.2.4).
pub const PROTOCOL_VRRP: u8 = 112;
/// The authentication header's protocol number (RFC 4302 section 2).
pub const PROTOCOL_AH: u8 = 51;

/// A received packet whose header is whole, and which is as long as it says. Bytes behind its end (Ethernet padding) are
/// not part of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Packet<'a> {
    bytes: &'a [u8],
    header_len: usize,
}

impl<'a> Packet<'a> {
    /// Looks at bytes that begin with an IPv4 header.
    ///
    /// # Errors
    /// Another version, a header length under 20, or a total length that is less than the header or more than the bytes.
    pub fn new_checked(bytes: &'a [u8]) -> Result<Self, Malformed> {
        let first = *bytes.first().ok_or(Malformed::Truncated)?;
        if first >> 4 != 4 {
            return Err(Malformed::Version(first >> 4));
        }
        let header_len = usize::from(first & 0x0f) * 4;
        if header_len < HEADER_LEN {
            return Err(Malformed::Length);
        }
        if bytes.len() < header_len {
            return Err(Malformed::Truncated);
        }
        let total = usize::from(be16(bytes, 2));
        if total < header_len {
            return Err(Malformed::Length);
        }
        let bytes = bytes.get(..total).ok_or(Malformed::Truncated)?;
        Ok(Self { bytes, header_len })
    }

    /// Sender.
    #[must_use]
    pub fn source(&self) -> Ipv4Addr {
        address(self.bytes, 12)
    }

    /// Receiver.
    #[must_use]
    pub fn destination(&self) -> Ipv4Addr {
        address(self.bytes, 16)
    }

    /// Time to live.
    #[must_use]
    pub fn ttl(&self) -> u8 {
        self.bytes.get(8).copied().unwrap_or(0)
    }

    /// Protocol of the payload.
    #[must_use]
    pub fn protocol(&self) -> u8 {
        self.bytes.get(9).copied().unwrap_or(0)
    }

    /// The header with its options, as it came.
    #[must_use]
    pub fn header(&self) -> &'a [u8] {
        self.bytes.get(..self.header_len).unwrap_or_default()
    }

    /// The header's checksum is right.
    #[must_use]
    pub fn checksum_is_right(&self) -> bool {
        self.bytes.get(..self.header_len).is_some_and(|header| Sum::default().bytes(header).finish() == 0)
    }

    /// What the header is in front of.
    #[must_use]
    pub fn payload(&self) -> &'a [u8] {
        self.bytes.get(self.header_len..).unwrap_or_default()
    }
}

/// A header as we send it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// Sender.
    pub source: Ipv4Addr,
    /// Receiver.
    pub destination: Ipv4Addr,
    /// Identification; the kernel puts in one of its own where it is 0.
    pub id: u16,
    /// Protocol of the payload.
    pub protocol: u8,
    /// Time to live: 255 but for what is sent to peers with `unicast_ttl`.
    pub ttl: u8,
}

impl Header {
    /// The header followed by its payload, with precedence "internetwork control".
    ///
    /// # Errors
    /// [`Malformed::Length`] for a payload that no IPv4 packet can hold.
    pub fn emit(&self, payload: &[u8]) -> Result<Vec<u8>, Malformed> {
        let total = u16::try_from(HEADER_LEN + payload.len()).map_err(|_| Malformed::Length)?;
        let mut packet = Vec::with_capacity(usize::from(total));
        packet.extend([0x45, TOS_INTERNET_CONTROL]);
        packet.extend(total.to_be_bytes());
        packet.extend(self.id.to_be_bytes());
        packet.extend([0, 0, self.ttl, self.protocol, 0, 0]);
        packet.extend(self.source.octets());
        packet.extend(self.destination.octets());
        let checksum = Sum::default().bytes(&packet).finish();
        for (slot, byte) in packet.iter_mut().skip(10).zip(checksum.to_be_bytes()) {
            *slot = byte;
        }
        packet.extend_from_slice(payload);
        Ok(packet)
    }
}

impl fmt::Display for Packet<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "IP {} > {}: ttl {}, proto {}, length {}",
            self.source(),
            self.destination(),
            self.ttl(),
            self.protocol(),
            self.bytes.len()
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn golden_header() {
        let header = Header {
            source: Ipv4Addr::new(192, 168, 10, 81),
            destination: Ipv4Addr::new(224, 0, 0, 18),
            id: 1,
            protocol: PROTOCOL_VRRP,
            ttl: TTL,
        };
        // As keepalived 2.2.7 sends it, captured with tcpdump.
        let packet = header.emit(&[0; 20]).unwrap();
        assert_eq!(
            packet[..HEADER_LEN],
            [
                0x45, 0xc0, 0x00, 0x28, 0x00, 0x01, 0x00, 0x00, 0xff, 0x70, 0x0f, 0x99, 0xc0, 0xa8, 0x0a, 0x51, 0xe0,
                0x00, 0x00, 0x12
            ]
        );
        let view = Packet::new_checked(&packet).unwrap();
        assert_eq!(view.to_string(), "IP 192.168.10.81 > 224.0.0.18: ttl 255, proto 112, length 40");
    }

    #[test]
    fn padding_is_not_payload_and_lies_are_refused() {
        let localhost = Ipv4Addr::LOCALHOST;
        let header = Header { source: localhost, destination: localhost, id: 7, protocol: PROTOCOL_VRRP, ttl: TTL };
        let mut packet = header.emit(&[1, 2, 3]).unwrap();
        packet.extend([0; 20]);
        assert_eq!(Packet::new_checked(&packet).unwrap().payload(), [1, 2, 3]);
        packet[3] = 200;
        assert_eq!(Packet::new_checked(&packet), Err(Malformed::Truncated));
        packet[3] = 19;
        assert_eq!(Packet::new_checked(&packet), Err(Malformed::Length));
        packet[0] = 0x44;
        assert_eq!(Packet::new_checked(&packet), Err(Malformed::Length));
        packet[0] = 0x65;
        assert_eq!(Packet::new_checked(&packet), Err(Malformed::Version(6)));
        assert!(header.emit(&vec![0; 65_530]).is_err());
    }

    proptest! {
        #[test]
        fn round_trip(
            source in any::<[u8; 4]>(), destination in any::<[u8; 4]>(), id in any::<u16>(), protocol in any::<u8>(),
            ttl in any::<u8>(), payload in prop::collection::vec(any::<u8>(), 0..300),
        ) {
            let header = Header { source: source.into(), destination: destination.into(), id, protocol, ttl };
            let bytes = header.emit(&payload).unwrap();
            let view = Packet::new_checked(&bytes).unwrap();
            prop_assert!(view.checksum_is_right());
            prop_assert_eq!(view.source(), header.source);
            prop_assert_eq!(view.destination(), header.destination);
            prop_assert_eq!(view.protocol(), protocol);
            prop_assert_eq!(view.ttl(), ttl);
            prop_assert_eq!(view.payload(), &payload[..]);
            prop_assert_eq!(view.header(), &bytes[..HEADER_LEN]);
            let (other, rest) = etherparse::Ipv4Header::from_slice(&bytes).unwrap();
            prop_assert_eq!(other.source, source);
            prop_assert_eq!(other.destination, destination);
            prop_assert_eq!(other.identification, id);
            prop_assert_eq!(other.time_to_live, ttl);
            prop_assert_eq!(other.protocol.0, protocol);
            prop_assert_eq!(other.header_checksum, other.calc_header_checksum());
            prop_assert_eq!(rest, &payload[..]);
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..100)) {
            if let Ok(view) = Packet::new_checked(&bytes) {
                let _ = (view.payload().len(), view.ttl(), view.checksum_is_right(), view.to_string());
            }
        }
    }
}
