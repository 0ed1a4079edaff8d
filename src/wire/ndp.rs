//! Unsolicited neighbour advertisements: what gratuitous ARP is to IPv4 (RFC 4861 sections 4.4 and 7.2.6, RFC 9568
//! section 8.2.2); and what neighbours say of addresses.
//!
//! The frame goes to all nodes of the link, from the address that it is about, with the hop limit that proves that no
//! router passed it on. "Override" makes neighbours replace what they know.

use std::fmt;
use std::net::Ipv6Addr;

use super::checksum::Sum;
use super::claim::{Claim, Mac};
use super::{Malformed, be16};

/// Bytes of an Ethernet header, an IPv6 header, an advertisement and its one option.
pub const FRAME_LEN: usize = 14 + IPV6_LEN + BODY_LEN;
/// Where it goes: all nodes of the link.
pub const ALL_NODES: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);

const IPV6_LEN: usize = 40;
const BODY_LEN: usize = 32;
/// Ethernet address of [`ALL_NODES`] (RFC 2464 section 7).
const ALL_NODES_MAC: [u8; 6] = [0x33, 0x33, 0, 0, 0, 1];
const NEXT_HEADER_ICMPV6: u8 = 58;
const HOP_LIMIT: u8 = 255;
const TYPE_SOLICITATION: u8 = 135;
const TYPE_ADVERTISEMENT: u8 = 136;
const FLAG_ROUTER: u8 = 0x80;
const FLAG_OVERRIDE: u8 = 0x20;
/// "Target link-layer address", one unit of eight bytes long.
const OPTION: [u8; 2] = [2, 1];
/// "Source link-layer address".
const OPTION_SOURCE: u8 = 1;
/// Bytes of a solicitation or an advertisement without options.
const FIXED_LEN: usize = 24;

/// "This address is at this hardware address now."
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unsolicited {
    /// Hardware address that answers for it.
    pub mac: [u8; 6],
    /// The address.
    pub address: Ipv6Addr,
    /// Its host forwards packets: neighbours that have it as a default router would drop it otherwise.
    pub router: bool,
}

impl Unsolicited {
    /// The whole Ethernet frame.
    #[must_use]
    pub fn emit(&self) -> Vec<u8> {
        let checksum = self.checksum();
        let mut frame = Vec::with_capacity(FRAME_LEN);
        frame.extend(ALL_NODES_MAC);
        frame.extend(self.mac);
        frame.extend([0x86, 0xdd]); // EtherType IPv6
        frame.extend([0x60, 0, 0, 0, 0, 32, NEXT_HEADER_ICMPV6, HOP_LIMIT]);
        frame.extend(self.address.octets());
        frame.extend(ALL_NODES.octets());
        frame.extend(self.body(checksum));
        frame
    }

    fn body(&self, checksum: u16) -> Vec<u8> {
        let flags = if self.router { FLAG_ROUTER | FLAG_OVERRIDE } else { FLAG_OVERRIDE };
        let mut body = Vec::with_capacity(BODY_LEN);
        body.extend([TYPE_ADVERTISEMENT, 0]);
        body.extend(checksum.to_be_bytes());
        body.extend([flags, 0, 0, 0]);
        body.extend(self.address.octets());
        body.extend(OPTION);
        body.extend(self.mac);
        body
    }

    /// Over the pseudo header (RFC 8200 section 8.1) and the body.
    fn checksum(&self) -> u16 {
        Sum::default()
            .bytes(&self.address.octets())
            .bytes(&ALL_NODES.octets())
            .bytes(&[0, 0, 0, 32, 0, 0, 0, NEXT_HEADER_ICMPV6])
            .bytes(&self.body(0))
            .finish()
    }

    /// Reads a frame such as [`emit`](Self::emit) makes.
    ///
    /// # Errors
    /// Anything that is not an unsolicited neighbour advertisement over Ethernet with its target's hardware address.
    pub fn parse(frame: &[u8]) -> Result<Self, Malformed> {
        let frame = frame.get(..FRAME_LEN).ok_or(Malformed::Truncated)?;
        if be16(frame, 12) != 0x86dd {
            return Err(Malformed::Field("EtherType"));
        }
        let body = frame.get(14 + IPV6_LEN..).ok_or(Malformed::Truncated)?;
        let target: [u8; 16] = body.get(8..24).and_then(|bytes| bytes.try_into().ok()).ok_or(Malformed::Truncated)?;
        let mac: [u8; 6] = body.get(26..32).and_then(|bytes| bytes.try_into().ok()).ok_or(Malformed::Truncated)?;
        let router = body.get(4).is_some_and(|flags| flags & FLAG_ROUTER != 0);
        let read = Self { mac, address: target.into(), router };
        // There is one way to write it.
        if read.emit() == frame { Ok(read) } else { Err(Malformed::Field("neighbour advertisement")) }
    }
}

/// What a message of neighbour discovery says of an address: an advertisement of its target (RFC 4861 section 4.4), a
/// solicitation of its source (section 4.3), each only where it names the hardware address. A solicitation without a source
/// (RFC 4862 section 5.4.2) is a question, which claims nothing and which the kernel answers.
///
/// `payload` is what is behind the IPv6 header, and its checksum was found to be right, as the kernel does before it hands
/// such a message to anybody.
///
/// # Errors
/// Anything else; a message that came through a router.
pub fn claim(source: Ipv6Addr, hop_limit: u8, payload: &[u8]) -> Result<Claim, Malformed> {
    if hop_limit != HOP_LIMIT {
        return Err(Malformed::Field("hop limit"));
    }
    let (fixed, options) = payload.split_at_checked(FIXED_LEN).ok_or(Malformed::Truncated)?;
    let (address, wanted) = match fixed {
        [TYPE_ADVERTISEMENT, 0, ..] => {
            let target: [u8; 16] = fixed.get(8..).and_then(|rest| rest.try_into().ok()).ok_or(Malformed::Truncated)?;
            (Ipv6Addr::from(target), OPTION[0])
        }
        [TYPE_SOLICITATION, 0, ..] => (source, OPTION_SOURCE),
        _ => return Err(Malformed::Field("type")),
    };
    if address.is_unspecified() || address.is_multicast() {
        return Err(Malformed::Field("address"));
    }
    let by = hardware_address(options, wanted)?;
    Ok(Claim { address: address.into(), by: Mac(by) })
}

/// The first option of a type, which has an Ethernet address in it.
fn hardware_address(mut options: &[u8], wanted: u8) -> Result<[u8; 6], Malformed> {
    while let [kind, units, ..] = *options {
        let len = usize::from(units) * 8;
        if len == 0 {
            return Err(Malformed::Length);
        }
        let (option, rest) = options.split_at_checked(len).ok_or(Malformed::Truncated)?;
        if kind == wanted && units == 1 {
            return option.get(2..).and_then(|bytes| bytes.try_into().ok()).ok_or(Malformed::Truncated);
        }
        options = rest;
    }
    Err(Malformed::Field("link-layer address"))
}

impl fmt::Display for Unsolicited {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.mac;
        write!(
            f,
            "IP6 {} > {ALL_NODES}: ICMP6, neighbor advertisement, tgt is {}, Flags [{}override], \
             at {a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}, length 32",
            self.address,
            self.address,
            if self.router { "router, " } else { "" }
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use etherparse::{Icmpv6Type, NetSlice, SlicedPacket, TransportSlice};
    use proptest::prelude::*;

    fn bytes(hex: &str) -> Vec<u8> {
        hex.split_whitespace().map(|byte| u8::from_str_radix(byte, 16).unwrap()).collect()
    }

    const MAC: [u8; 6] = [2, 0, 0, 0, 0x0a, 1];

    /// As Debian's keepalived 2.2.7 sends them, with and without forwarding on the interface.
    #[test]
    fn golden_frames_of_keepalived() {
        let link_local = Unsolicited { mac: MAC, address: "fe80::61".parse().unwrap(), router: true };
        assert_eq!(
            link_local.emit(),
            bytes(
                "33 33 00 00 00 01 02 00 00 00 0a 01 86 dd 60 00 00 00 00 20 3a ff fe 80 00 00 00 00 00 00 00 00
                 00 00 00 00 00 61 ff 02 00 00 00 00 00 00 00 00 00 00 00 00 00 01 88 00 cc da a0 00 00 00 fe 80
                 00 00 00 00 00 00 00 00 00 00 00 00 00 61 02 01 02 00 00 00 0a 01"
            )
        );
        let global = Unsolicited { mac: MAC, address: "2001:db8:9::61".parse().unwrap(), router: false };
        assert_eq!(
            global.emit(),
            bytes(
                "33 33 00 00 00 01 02 00 00 00 0a 01 86 dd 60 00 00 00 00 20 3a ff 20 01 0d b8 00 09 00 00 00 00
                 00 00 00 00 00 61 ff 02 00 00 00 00 00 00 00 00 00 00 00 00 00 01 88 00 ee 58 20 00 00 00 20 01
                 0d b8 00 09 00 00 00 00 00 00 00 00 00 61 02 01 02 00 00 00 0a 01"
            )
        );
        assert_eq!(
            global.to_string(),
            "IP6 2001:db8:9::61 > ff02::1: ICMP6, neighbor advertisement, tgt is 2001:db8:9::61, Flags [override], \
             at 02:00:00:00:0a:01, length 32"
        );
    }

    const BEHIND: usize = 14 + IPV6_LEN;

    fn claimed(address: Ipv6Addr, mac: [u8; 6]) -> Result<Claim, Malformed> {
        Ok(Claim { address: address.into(), by: Mac(mac) })
    }

    #[test]
    fn an_announcement_is_a_claim() {
        let address = "2001:db8::51".parse().unwrap();
        let frame = Unsolicited { mac: MAC, address, router: true }.emit();
        assert_eq!(claim(address, 255, &frame[BEHIND..]), claimed(address, MAC));
        // Whoever sent it.
        assert_eq!(claim("fe80::1".parse().unwrap(), 255, &frame[BEHIND..]), claimed(address, MAC));
        // Through a router, it is nobody's neighbour's.
        assert_eq!(claim(address, 254, &frame[BEHIND..]), Err(Malformed::Field("hop limit")));
        // Without its option it does not say where.
        assert_eq!(claim(address, 255, &frame[BEHIND..FRAME_LEN - 8]), Err(Malformed::Field("link-layer address")));
    }

    #[test]
    fn a_solicitation_claims_its_source() {
        let mut solicitation = vec![TYPE_SOLICITATION, 0, 0, 0, 0, 0, 0, 0];
        solicitation.extend("2001:db8::7".parse::<Ipv6Addr>().unwrap().octets());
        solicitation.extend([14, 2]);
        solicitation.extend([0; 14]); // a nonce that is twice as long as others
        solicitation.extend([OPTION_SOURCE, 1]);
        solicitation.extend(MAC);
        let source = "2001:db8::51".parse().unwrap();
        assert_eq!(claim(source, 255, &solicitation), claimed(source, MAC));
        assert_eq!(claim(Ipv6Addr::UNSPECIFIED, 255, &solicitation), Err(Malformed::Field("address")));
        solicitation[25] = 0;
        assert_eq!(claim(source, 255, &solicitation), Err(Malformed::Length));
        solicitation[25] = 9;
        assert_eq!(claim(source, 255, &solicitation), Err(Malformed::Truncated));
        solicitation[0] = 133;
        assert_eq!(claim(source, 255, &solicitation), Err(Malformed::Field("type")));
    }

    proptest! {
        /// Options of any types and lengths before the one that counts change nothing.
        #[test]
        fn options_in_front_are_passed_over(
            mac in any::<[u8; 6]>(),
            ip in any::<[u8; 16]>(),
            others in prop::collection::vec((3_u8..255, 1_u8..4), 0..5),
        ) {
            let address = Ipv6Addr::from(ip);
            prop_assume!(!address.is_multicast() && !address.is_unspecified());
            let frame = Unsolicited { mac, address, router: false }.emit();
            let mut payload = frame[BEHIND..BEHIND + FIXED_LEN].to_vec();
            for (kind, units) in others {
                payload.extend([kind, units]);
                payload.extend(vec![0; usize::from(units) * 8 - 2]);
            }
            payload.extend(&frame[BEHIND + FIXED_LEN..]);
            prop_assert_eq!(claim(address, 255, &payload), claimed(address, mac));
        }

        #[test]
        fn no_payload_makes_a_claim_panic(kind in 133_u8..138, bytes in prop::collection::vec(any::<u8>(), 0..80)) {
            let mut payload = vec![kind, 0];
            payload.extend(bytes);
            let _ = claim(Ipv6Addr::LOCALHOST, 255, &payload);
        }

        #[test]
        fn round_trip_and_second_reader(mac in any::<[u8; 6]>(), ip in any::<[u8; 16]>(), router in any::<bool>()) {
            let announcement = Unsolicited { mac, address: ip.into(), router };
            let frame = announcement.emit();
            prop_assert_eq!(frame.len(), FRAME_LEN);
            prop_assert_eq!(Unsolicited::parse(&frame), Ok(announcement));
            let packet = SlicedPacket::from_ethernet(&frame).unwrap();
            let Some(NetSlice::Ipv6(ip6)) = &packet.net else { panic!("no IPv6") };
            prop_assert_eq!(ip6.header().hop_limit(), 255);
            prop_assert_eq!(ip6.header().source_addr(), Ipv6Addr::from(ip));
            prop_assert_eq!(ip6.header().destination_addr(), ALL_NODES);
            let Some(TransportSlice::Icmpv6(icmp)) = &packet.transport else { panic!("no ICMPv6") };
            prop_assert!(icmp.is_checksum_valid(ip, ALL_NODES.octets()));
            let Icmpv6Type::NeighborAdvertisement(head) = icmp.icmp_type() else { panic!("{:?}", icmp.icmp_type()) };
            prop_assert_eq!((head.router, head.solicited, head.r#override), (router, false, true));
            prop_assert_eq!(&icmp.payload()[..16], &ip);
            prop_assert_eq!(&icmp.payload()[16..], &[&OPTION[..], &mac].concat());
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..120)) {
            let _ = Unsolicited::parse(&bytes);
        }

        #[test]
        fn one_flipped_bit_is_noticed(mac in any::<[u8; 6]>(), ip in any::<[u8; 16]>(), bit in 0..FRAME_LEN * 8) {
            let announcement = Unsolicited { mac, address: ip.into(), router: true };
            let mut frame = announcement.emit();
            frame[bit / 8] ^= 1 << (bit % 8);
            prop_assert_ne!(Unsolicited::parse(&frame), Ok(announcement));
        }
    }
}
