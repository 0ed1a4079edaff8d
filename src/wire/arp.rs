//! Gratuitous ARP: how a LAN learns that an address has moved (RFC 9568 section 8.1.2, RFC 826); the probe that asks who has
//! an address (RFC 5227); and what any ARP packet says of its sender.
//!
//! The frame of an announcement is a *request* for the address by itself: sender protocol address and target protocol address are both the
//! virtual one. keepalived fills the target hardware address with ones where others use zeros; receivers ignore it, and
//! we send what the rest of a mixed pair sends.

use std::fmt;
use std::net::Ipv4Addr;

use super::claim::{Claim, Mac};
use super::{Malformed, address, be16};

/// Bytes of an Ethernet header and an ARP body.
pub const FRAME_LEN: usize = 14 + 28;
/// Ethernet's broadcast address.
pub const BROADCAST: [u8; 6] = [0xff; 6];

/// "This address is at this hardware address now."
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gratuitous {
    /// Hardware address that answers for it.
    pub mac: [u8; 6],
    /// The address.
    pub address: Ipv4Addr,
}

impl Gratuitous {
    /// The whole Ethernet frame.
    #[must_use]
    pub fn emit(&self) -> Vec<u8> {
        request(self.mac, self.address, BROADCAST, self.address)
    }

    /// Reads a frame such as [`emit`](Self::emit) makes.
    ///
    /// # Errors
    /// Anything that is not a gratuitous ARP request over Ethernet.
    pub fn parse(frame: &[u8]) -> Result<Self, Malformed> {
        let body = frame.get(14..FRAME_LEN).ok_or(Malformed::Truncated)?;
        if be16(frame, 12) != 0x0806 {
            return Err(Malformed::Field("EtherType"));
        }
        if body.get(..8) != Some(&[0, 1, 0x08, 0, 6, 4, 0, 1]) {
            return Err(Malformed::Field("operation"));
        }
        if address(body, 14) != address(body, 24) {
            return Err(Malformed::Field("target address"));
        }
        let mut mac = [0; 6];
        for (slot, byte) in mac.iter_mut().zip(body.iter().skip(8)) {
            *slot = *byte;
        }
        Ok(Self { mac, address: address(body, 14) })
    }
}

/// "Who has this address?", asked by nobody (RFC 5227 section 2.1.1): the sender's protocol address is 0.0.0.0, so that no neighbour
/// learns anything from the question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Probe {
    /// The hardware address that the answers are for.
    pub mac: [u8; 6],
    /// The address that is asked for.
    pub address: Ipv4Addr,
}

impl Probe {
    /// The whole Ethernet frame.
    #[must_use]
    pub fn emit(&self) -> Vec<u8> {
        request(self.mac, Ipv4Addr::UNSPECIFIED, [0; 6], self.address)
    }
}

/// A request to everybody.
fn request(mac: [u8; 6], sender: Ipv4Addr, target_mac: [u8; 6], target: Ipv4Addr) -> Vec<u8> {
    let mut frame = Vec::with_capacity(FRAME_LEN);
    frame.extend(BROADCAST);
    frame.extend(mac);
    frame.extend([0x08, 0x06]); // EtherType ARP
    frame.extend([0, 1, 0x08, 0, 6, 4, 0, 1]); // Ethernet, IPv4, lengths, request
    frame.extend(mac);
    frame.extend(sender.octets());
    frame.extend(target_mac);
    frame.extend(target.octets());
    frame
}

/// What an Ethernet frame with a request or an answer says of its sender (RFC 5227 section 2.4 looks at no more). A probe,
/// whose sender has no address yet, claims nothing.
///
/// # Errors
/// Anything that is not ARP for IPv4 over Ethernet, and probes.
pub fn claim(frame: &[u8]) -> Result<Claim, Malformed> {
    let body = frame.get(14..FRAME_LEN).ok_or(Malformed::Truncated)?;
    if be16(frame, 12) != 0x0806 {
        return Err(Malformed::Field("EtherType"));
    }
    if !matches!(body.get(..8), Some(&[0, 1, 0x08, 0, 6, 4, 0, 1 | 2])) {
        return Err(Malformed::Field("operation"));
    }
    let sender = address(body, 14);
    if sender.is_unspecified() || sender.is_broadcast() || sender.is_multicast() {
        return Err(Malformed::Field("sender address"));
    }
    let mac = body.get(8..14).and_then(|bytes| bytes.try_into().ok()).ok_or(Malformed::Truncated)?;
    Ok(Claim { address: sender.into(), by: Mac(mac) })
}

impl fmt::Display for Gratuitous {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.mac;
        write!(
            f,
            "ARP, Request who-has {} (ff:ff:ff:ff:ff:ff) tell {}, from {a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}, \
             length 28",
            self.address, self.address
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn golden_frame() {
        let announcement = Gratuitous { mac: [0x02, 0, 0, 0, 0, 0x51], address: Ipv4Addr::new(192, 168, 10, 99) };
        let frame = announcement.emit();
        assert_eq!(
            frame,
            [
                0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0, 0x51, 8, 6, 0, 1, 8, 0, 6, 4, 0, 1, 2, 0, 0, 0, 0,
                0x51, 192, 168, 10, 99, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 192, 168, 10, 99
            ]
        );
        assert_eq!(
            announcement.to_string(),
            "ARP, Request who-has 192.168.10.99 (ff:ff:ff:ff:ff:ff) tell 192.168.10.99, from 02:00:00:00:00:51, length 28"
        );
    }

    #[test]
    fn an_announcement_is_a_claim_and_a_probe_is_none() {
        let announcement = Gratuitous { mac: [2, 0, 0, 0, 0, 0x51], address: Ipv4Addr::new(192, 168, 10, 99) };
        let claimed = claim(&announcement.emit()).unwrap();
        assert_eq!(claimed.to_string(), "192.168.10.99 is at 02:00:00:00:00:51");
        let Gratuitous { mac, address } = announcement;
        assert_eq!(claim(&Probe { mac, address }.emit()), Err(Malformed::Field("sender address")));
        let mut other = announcement.emit();
        other[13] = 0;
        assert_eq!(claim(&other), Err(Malformed::Field("EtherType")));
    }

    #[test]
    fn golden_probe() {
        let probe = Probe { mac: [0x02, 0, 0, 0, 0, 0x51], address: Ipv4Addr::new(192, 168, 10, 99) };
        assert_eq!(
            probe.emit(),
            [
                0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0, 0x51, 8, 6, 0, 1, 8, 0, 6, 4, 0, 1, 2, 0, 0, 0, 0,
                0x51, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 192, 168, 10, 99
            ]
        );
    }

    proptest! {
        #[test]
        fn round_trip_and_second_reader(mac in any::<[u8; 6]>(), ip in any::<[u8; 4]>()) {
            let announcement = Gratuitous { mac, address: ip.into() };
            let frame = announcement.emit();
            prop_assert_eq!(Gratuitous::parse(&frame), Ok(announcement));
            let (ethernet, rest) = etherparse::Ethernet2Header::from_slice(&frame).unwrap();
            prop_assert_eq!(ethernet.destination, BROADCAST);
            prop_assert_eq!(ethernet.source, mac);
            let arp = etherparse::ArpPacketSlice::from_slice(rest).unwrap();
            prop_assert_eq!(arp.operation(), etherparse::ArpOperation::REQUEST);
            prop_assert_eq!(arp.sender_hw_addr(), &mac[..]);
            prop_assert_eq!(arp.sender_protocol_addr(), &ip[..]);
            prop_assert_eq!(arp.target_hw_addr(), &BROADCAST[..]);
            prop_assert_eq!(arp.target_protocol_addr(), &ip[..]);
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
            let _ = Gratuitous::parse(&bytes);
            let _ = claim(&bytes);
        }

        /// Requests and answers, of anybody for anything, padded to Ethernet's shortest frame or not: a second writer's bytes.
        #[test]
        fn any_arp_packet_claims_its_sender(
            mac in any::<[u8; 6]>(), sender in any::<[u8; 4]>(), target in any::<[u8; 4]>(),
            operation in 0_u16..5, padding in 0_usize..20,
        ) {
            let arp = etherparse::ArpPacket::new(
                etherparse::ArpHardwareId::ETHERNET,
                etherparse::EtherType::IPV4,
                etherparse::ArpOperation(operation),
                &mac, &sender, &[0; 6], &target,
            ).unwrap();
            let header = etherparse::Ethernet2Header {
                source: [2, 0, 0, 0, 0, 9], destination: BROADCAST, ether_type: etherparse::EtherType::ARP,
            };
            let mut frame = header.to_bytes().to_vec();
            frame.extend(&arp.to_bytes());
            frame.extend(vec![0; padding]);
            let address = Ipv4Addr::from(sender);
            let sensible = !address.is_unspecified() && !address.is_broadcast() && !address.is_multicast();
            let expected = if (1..=2).contains(&operation) && sensible {
                Ok(Claim { address: address.into(), by: Mac(mac) })
            } else if (1..=2).contains(&operation) {
                Err(Malformed::Field("sender address"))
            } else {
                Err(Malformed::Field("operation"))
            };
            prop_assert_eq!(claim(&frame), expected);
            for len in 0..FRAME_LEN {
                prop_assert_eq!(claim(&frame[..len]), Err(Malformed::Truncated));
            }
        }
    }
}
