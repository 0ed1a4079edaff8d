//! The IPsec authentication header (RFC 2402, RFC 4302) as VRRP version 2 has it (RFC 2338 section 5.3.6.3): in front of an
//! advert over IPv4, with HMAC-MD5-96 (RFC 2403).
//!
//! ```text
//! +---------------+---------------+-------------------------------+
//! |next header 112|   length 4    |               0               |
//! +---------------+---------------+-------------------------------+
//! |         security parameters index: the sender's address       |
//! +---------------------------------------------------------------+
//! |                        sequence number                        |
//! +---------------------------------------------------------------+
//! |             first twelve bytes of HMAC-MD5 (the ICV)          |
//! +---------------------------------------------------------------+
//! ```
//!
//! The hash covers the whole packet, with the fields zeroed that routers may change. This does as keepalived does: the
//! index is the sender's address, since nobody negotiates one; the key is the eight bytes of the password; and the time to
//! live counts as a field that changes only in unicast, for in multicast it must arrive as 255.

use std::fmt;
use std::net::Ipv4Addr;

use hmac::{Hmac, KeyInit, Mac};
use md5::Md5;

use super::ipv4::{self, PROTOCOL_AH, PROTOCOL_VRRP};
use super::{Malformed, address};
use crate::model::Secret;

/// Bytes of the header.
pub const HEADER_LEN: usize = 24;
/// Bytes of the hash that travel.
const ICV_LEN: usize = 12;
/// Where the hash is.
const ICV_AT: usize = 12;
/// The length field: 32-bit words less two (RFC 4302 section 2.2).
const LENGTH: u8 = 4;
/// Bytes of the secret that count.
const KEY_LEN: usize = 8;

/// A received header of the only shape that VRRP knows, with what follows it. Whether the hash is right is found out by
/// [`verify`](Self::verify).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Packet<'a> {
    bytes: &'a [u8],
}

impl<'a> Packet<'a> {
    /// Looks at the payload of an IPv4 packet of protocol 51.
    ///
    /// # Errors
    /// Fewer than 24 bytes, another protocol inside than VRRP, or a hash of another length.
    pub fn new_checked(bytes: &'a [u8]) -> Result<Self, Malformed> {
        if bytes.len() < HEADER_LEN {
            return Err(Malformed::Truncated);
        }
        match bytes {
            [PROTOCOL_VRRP, LENGTH, ..] => Ok(Self { bytes }),
            [PROTOCOL_VRRP, ..] => Err(Malformed::Length),
            _ => Err(Malformed::Field("next header")),
        }
    }

    /// Security parameters index, read as an address.
    #[must_use]
    pub fn spi(&self) -> Ipv4Addr {
        address(self.bytes, 4)
    }

    /// Sequence number.
    #[must_use]
    pub fn sequence(&self) -> u32 {
        self.bytes.get(8..).and_then(<[u8]>::first_chunk::<4>).map_or(0, |number| u32::from_be_bytes(*number))
    }

    /// What the header is in front of.
    #[must_use]
    pub fn payload(&self) -> &'a [u8] {
        self.bytes.get(HEADER_LEN..).unwrap_or_default()
    }

    /// The hash is right for this IPv4 header and this secret. Takes the same time whatever is wrong.
    #[must_use]
    pub fn verify(&self, header: &[u8], secret: &Secret, unicast: bool) -> bool {
        let icv = self.bytes.get(ICV_AT..HEADER_LEN).unwrap_or_default();
        mac(header, self.bytes, secret, unicast).is_some_and(|mac| mac.verify_truncated_left(icv).is_ok())
    }
}

/// An IPv4 packet with `payload` behind an authentication header. The protocol that `header` names is not looked at.
///
/// # Errors
/// [`Malformed::Length`] for a payload that no packet can hold.
pub fn emit(
    header: &ipv4::Header,
    sequence: u32,
    secret: &Secret,
    unicast: bool,
    payload: &[u8],
) -> Result<Vec<u8>, Malformed> {
    let mut inner = vec![PROTOCOL_VRRP, LENGTH, 0, 0];
    inner.extend(header.source.octets());
    inner.extend(sequence.to_be_bytes());
    inner.extend([0; ICV_LEN]);
    inner.extend_from_slice(payload);
    let header = ipv4::Header { protocol: PROTOCOL_AH, ..*header };
    let packet = header.emit(&inner)?;
    let bare = packet.get(..ipv4::HEADER_LEN).unwrap_or_default();
    let digest = mac(bare, &inner, secret, unicast).ok_or(Malformed::Length)?.finalize().into_bytes();
    for (slot, byte) in inner.iter_mut().skip(ICV_AT).zip(digest.iter().take(ICV_LEN)) {
        *slot = *byte;
    }
    header.emit(&inner)
}

/// HMAC over the packet with its mutable fields and its hash zeroed. `None` never comes: an HMAC takes a key of any length.
fn mac(header: &[u8], inner: &[u8], secret: &Secret, unicast: bool) -> Option<Hmac<Md5>> {
    let key = secret.bytes();
    let mut mac = Hmac::<Md5>::new_from_slice(key.get(..KEY_LEN).unwrap_or(key)).ok()?;
    // RFC 4302 section 3.3.3.1.1.1: type of service, flags and offset, time to live, checksum.
    for (at, byte) in header.iter().enumerate() {
        let mutable = matches!(at, 1 | 6 | 7 | 10 | 11) || (at == 8 && unicast);
        mac.update(&[if mutable { 0 } else { *byte }]);
    }
    mac.update(inner.get(..ICV_AT).unwrap_or_default());
    mac.update(&[0; ICV_LEN]);
    mac.update(inner.get(HEADER_LEN..).unwrap_or_default());
    Some(mac)
}

impl fmt::Display for Packet<'_> {
    /// As tcpdump prints it, but for the hash.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AH(spi={:#010x},seq={:#x})", u32::from(self.spi()), self.sequence())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Family, Vrid};
    use crate::wire::vrrp::{self, Advert, Auth, Form, GROUP};
    use proptest::prelude::*;

    const SOURCE: Ipv4Addr = Ipv4Addr::new(192, 168, 10, 81);

    fn header(destination: Ipv4Addr, id: u16, ttl: u8) -> ipv4::Header {
        ipv4::Header { source: SOURCE, destination, id, protocol: PROTOCOL_AH, ttl }
    }

    fn advert(vrid: u8, addresses: &[&str]) -> Advert {
        Advert {
            vrid: Vrid::new(vrid).unwrap(),
            priority: 100,
            form: Form::V2 { interval_secs: 1, auth: Auth::Header },
            addresses: addresses.iter().map(|address| address.parse().unwrap()).collect(),
        }
    }

    fn secret(text: &str) -> Secret {
        Secret::new(text.as_bytes().to_vec())
    }

    // Both golden packets are what keepalived 2.2.7 sent for the same settings, as captured with tcpdump.

    #[test]
    fn golden_multicast() {
        let payload = advert(51, &["192.168.10.99", "192.168.10.98"]).emit(SOURCE, GROUP);
        let packet = emit(&header(GROUP, 1, 255), 1, &secret("1111"), false, &payload).unwrap();
        assert_eq!(
            packet,
            [
                0x45, 0xc0, 0x00, 0x44, 0x00, 0x01, 0x00, 0x00, 0xff, 0x33, 0x0f, 0xba, 0xc0, 0xa8, 0x0a, 0x51, 0xe0,
                0x00, 0x00, 0x12, 0x70, 0x04, 0x00, 0x00, 0xc0, 0xa8, 0x0a, 0x51, 0x00, 0x00, 0x00, 0x01, 0x9a, 0x59,
                0x4e, 0xf5, 0xba, 0x4c, 0xff, 0x89, 0x80, 0x46, 0x0d, 0x5a, 0x21, 0x33, 0x64, 0x02, 0x02, 0x01, 0xe2,
                0xb2, 0xc0, 0xa8, 0x0a, 0x63, 0xc0, 0xa8, 0x0a, 0x62, 0, 0, 0, 0, 0, 0, 0, 0
            ]
        );
        let view = ipv4::Packet::new_checked(&packet).unwrap();
        let inner = Packet::new_checked(view.payload()).unwrap();
        assert!(inner.verify(view.header(), &secret("1111"), false));
        assert!(!inner.verify(view.header(), &secret("1112"), false));
        assert_eq!((inner.spi(), inner.sequence(), inner.payload()), (SOURCE, 1, &payload[..]));
        assert_eq!(inner.to_string(), "AH(spi=0xc0a80a51,seq=0x1)");
        let advert = vrrp::Packet::new_checked(inner.payload(), Family::V4).unwrap();
        assert_eq!(
            advert.to_string(),
            "VRRPv2, Advertisement, vrid 51, prio 100, authtype ah, intvl 1s, length 24, \
             addrs: 192.168.10.99, 192.168.10.98"
        );
    }

    #[test]
    fn golden_unicast_with_a_secret_that_is_too_long() {
        let peer = Ipv4Addr::new(192, 168, 10, 82);
        let payload = advert(52, &["192.168.10.97"]).emit(SOURCE, peer);
        let packet = emit(&header(peer, 1, 64), 1, &secret("verylongpassword"), true, &payload).unwrap();
        assert_eq!(
            packet,
            [
                0x45, 0xc0, 0x00, 0x40, 0x00, 0x01, 0x00, 0x00, 0x40, 0x33, 0xe3, 0xd6, 0xc0, 0xa8, 0x0a, 0x51, 0xc0,
                0xa8, 0x0a, 0x52, 0x70, 0x04, 0x00, 0x00, 0xc0, 0xa8, 0x0a, 0x51, 0x00, 0x00, 0x00, 0x01, 0xb8, 0xf5,
                0xb9, 0x8c, 0xb7, 0x87, 0xc6, 0x93, 0x1f, 0xf1, 0x65, 0x8c, 0x21, 0x34, 0x64, 0x01, 0x02, 0x01, 0xad,
                0xbf, 0xc0, 0xa8, 0x0a, 0x61, 0, 0, 0, 0, 0, 0, 0, 0
            ]
        );
        // Routers on the way lower the time to live and may set the type of service.
        let mut late = packet.clone();
        (late[1], late[8], late[10], late[11]) = (0, 60, 1, 2);
        let view = ipv4::Packet::new_checked(&late).unwrap();
        assert!(Packet::new_checked(view.payload()).unwrap().verify(view.header(), &secret("verylong"), true));
    }

    proptest! {
        #[test]
        fn round_trip(
            sequence in any::<u32>(), id in 1_u16.., ttl in any::<u8>(), unicast in any::<bool>(),
            key in prop::collection::vec(any::<u8>(), 0..20), payload in prop::collection::vec(any::<u8>(), 0..100),
        ) {
            let secret = Secret::new(key);
            let bytes = emit(&header(GROUP, id, ttl), sequence, &secret, unicast, &payload).unwrap();
            let view = ipv4::Packet::new_checked(&bytes).unwrap();
            prop_assert!(view.checksum_is_right());
            let inner = Packet::new_checked(view.payload()).unwrap();
            prop_assert!(inner.verify(view.header(), &secret, unicast));
            prop_assert_eq!((inner.spi(), inner.sequence(), inner.payload()), (SOURCE, sequence, &payload[..]));
            let (other, rest) = etherparse::IpAuthHeader::from_slice(view.payload()).unwrap();
            prop_assert_eq!((other.next_header.0, other.spi), (PROTOCOL_VRRP, u32::from(SOURCE)));
            prop_assert_eq!((other.sequence_number, other.raw_icv().len()), (sequence, ICV_LEN));
            prop_assert_eq!(rest, &payload[..]);
        }

        #[test]
        fn one_flipped_bit_is_noticed(at in any::<prop::sample::Index>(), bit in 0_u8..8, unicast in any::<bool>()) {
            let payload = advert(51, &["192.168.10.99"]).emit(SOURCE, GROUP);
            let mut bytes = emit(&header(GROUP, 1, 255), 7, &secret("1111"), unicast, &payload).unwrap();
            let at = at.index(bytes.len());
            // What routers may change is not covered, and neither are the lengths that decide what is looked at.
            let covered = !matches!(at, 0..4 | 6 | 7 | 10 | 11) && (at != 8 || !unicast);
            prop_assume!(covered);
            bytes[at] ^= 1 << bit;
            let view = ipv4::Packet::new_checked(&bytes).unwrap();
            let noticed = Packet::new_checked(view.payload())
                .map_or(true, |inner| !inner.verify(view.header(), &secret("1111"), unicast));
            prop_assert!(noticed);
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
            if let Ok(view) = Packet::new_checked(&bytes) {
                let _ = (view.verify(&bytes, &secret("1111"), true), view.payload().len(), view.to_string());
            }
        }
    }
}
