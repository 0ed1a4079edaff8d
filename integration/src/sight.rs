//! Frames as an onlooker reads them: adverts and announcements, decoded by code of its own.
//!
//! It shares nothing with the daemon's own codecs, so that a mistake made there is not made here a second time. It reads
//! what a test asks about and checks nothing: whether checksums are right is asked of tshark.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

/// What a frame is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sight {
    /// A VRRP advert, with an authentication header before it or without.
    Advert(Advert),
    /// Somebody says unasked that an address is his.
    Announcement(Announcement),
    /// Anything else.
    Other,
}

/// A VRRP advert (RFC 9568 section 5; RFC 2338 section 5 for version 2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Advert {
    /// Sender's Ethernet address.
    pub mac: [u8; 6],
    /// Sender.
    pub source: IpAddr,
    /// Group or peer.
    pub destination: IpAddr,
    /// TTL or hop limit.
    pub ttl: u8,
    /// Protocol version.
    pub version: u8,
    /// Virtual router.
    pub vrid: u8,
    /// Priority; 0: the sender leaves.
    pub priority: u8,
    /// Number of addresses.
    pub count: u8,
    /// Time between adverts.
    pub interval: Duration,
    /// It came behind an authentication header (protocol 51).
    pub header_authenticated: bool,
}

/// A gratuitous ARP, or an unsolicited neighbour advertisement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Announcement {
    /// Sender's Ethernet address.
    pub mac: [u8; 6],
    /// The address.
    pub address: IpAddr,
}

const VRRP: u8 = 112;
const AH: u8 = 51;
const ICMPV6: u8 = 58;

impl Sight {
    /// Reads a frame from its Ethernet header on.
    #[must_use]
    pub fn of(frame: &[u8]) -> Self {
        Self::read(frame).unwrap_or(Self::Other)
    }

    fn read(frame: &[u8]) -> Option<Self> {
        let mac = array(frame, 6)?;
        match array(frame, 12)? {
            [0x08, 0x06] => {
                let (sender, target) = (Ipv4Addr::from(array::<4>(frame, 28)?), Ipv4Addr::from(array::<4>(frame, 38)?));
                (sender == target).then_some(Self::Announcement(Announcement { mac, address: sender.into() }))
            }
            [0x08, 0x00] => {
                let header = 4 * usize::from(*frame.get(14)? & 0x0f);
                let length = usize::from(u16::from_be_bytes(array(frame, 16)?));
                let source = Ipv4Addr::from(array::<4>(frame, 26)?).into();
                let destination = Ipv4Addr::from(array::<4>(frame, 30)?).into();
                let ttl = *frame.get(22)?;
                let packet = frame.get(14 + header..14 + length)?;
                advert(mac, source, destination, ttl, *frame.get(23)?, packet).map(Self::Advert)
            }
            [0x86, 0xdd] => {
                let source = Ipv6Addr::from(array::<16>(frame, 22)?).into();
                let destination = Ipv6Addr::from(array::<16>(frame, 38)?).into();
                let (protocol, ttl, packet) = (*frame.get(20)?, *frame.get(21)?, frame.get(54..)?);
                // Neighbour advertisement (RFC 4861 section 4.4), without the solicited flag.
                if protocol == ICMPV6 && packet.first() == Some(&136) && packet.get(4)? & 0x40 == 0 {
                    let address = Ipv6Addr::from(array::<16>(packet, 8)?).into();
                    return Some(Self::Announcement(Announcement { mac, address }));
                }
                advert(mac, source, destination, ttl, protocol, packet).map(Self::Advert)
            }
            _ => None,
        }
    }
}

fn advert(mac: [u8; 6], source: IpAddr, destination: IpAddr, ttl: u8, protocol: u8, packet: &[u8]) -> Option<Advert> {
    let (header_authenticated, packet) = match protocol {
        VRRP => (false, packet),
        // The length counts words of four bytes, less two (RFC 4302 section 2.2).
        AH if packet.first() == Some(&VRRP) => (true, packet.get(4 * (usize::from(*packet.get(1)?) + 2)..)?),
        _ => return None,
    };
    let [kind, vrid, priority, count, high, low] = array(packet, 0)?;
    let version = kind >> 4;
    let interval = match version {
        2 => Duration::from_secs(low.into()),
        _ => Duration::from_millis(10 * u64::from(u16::from_be_bytes([high & 0x0f, low]))),
    };
    Some(Advert { mac, source, destination, ttl, version, vrid, priority, count, interval, header_authenticated })
}

fn array<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..at + N)?.try_into().ok()
}
