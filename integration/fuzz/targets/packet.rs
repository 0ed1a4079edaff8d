//! Any bytes as a packet on the wire: what a router hears, and what claims its addresses.
//!
//! The first byte chooses the router that listens, so that one set of finds serves all of them.
#![no_main]

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipvsd::model::{AdvertInterval, Authentication, Checksum, Password, Peer, Secret, Transport, VrrpVersion};
use ipvsd::vrrp::receive::{Expectation, Received, check};
use ipvsd::wire::vrrp::{GROUP, GROUP_V6};
use ipvsd::wire::{arp, ipv4, ipv6, ndp};

const OURS: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
const VIP: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 99);
const THEIRS_V6: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 2);

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Some((choice, packet)) = bytes.split_first() else { return };
    let version = if choice & 1 == 0 { VrrpVersion::V2 } else { VrrpVersion::V3 };
    let authentication = match choice >> 1 & 3 {
        0 => Authentication::None,
        1 => Authentication::Password(Password::new("1111")),
        _ => Authentication::Header(Secret::new(b"1111".to_vec())),
    };
    let sixth = choice & 8 != 0;
    let group = if sixth { IpAddr::V6(GROUP_V6) } else { IpAddr::V4(GROUP) };
    let transport = if choice & 16 == 0 {
        Transport::Multicast { source: None, group }
    } else {
        Transport::Unicast { source: None, peers: Vec::<Peer>::new(), ttl: 255, check_source: choice & 32 != 0 }
    };
    let expected = Expectation {
        version,
        interval: AdvertInterval::DEFAULT,
        authentication: &authentication,
        sequence: 7,
        transport: &transport,
        only_peers: choice & 64 != 0,
        checksum: Checksum { without_pseudo_header: choice & 128 != 0, ..Checksum::default() },
        source: if sixth { Ipv6Addr::LOCALHOST.into() } else { OURS.into() },
        addresses: &[IpAddr::V4(VIP)],
        trusted: None,
        deaf: false,
    };
    if sixth {
        hear(&Received::ipv6(THEIRS_V6, GROUP_V6, 255, packet), &expected);
    } else if let Ok(received) = Received::ipv4(packet) {
        hear(&received, &expected);
    }
    // Who claims an address is told by name: what is shown has to be readable whatever it is.
    for claim in [arp::claim(packet), ndp::claim(THEIRS_V6, *choice, packet)].into_iter().flatten() {
        let _ = format!("{claim:?}");
    }
    let _ = arp::Gratuitous::parse(packet);
    let _ = ndp::Unsolicited::parse(packet);
    if let Ok(outer) = ipv4::Packet::new_checked(packet) {
        assert!(outer.payload().len() + outer.header().len() <= packet.len());
    }
    if let Ok(outer) = ipv6::Packet::new_checked(packet) {
        assert!(outer.payload().len() <= packet.len());
    }
});

/// A packet that passes is one that the protocol allows; all of it can be shown.
fn hear(received: &Received<'_>, expected: &Expectation<'_>) {
    let _ = format!("{received}");
    if let Ok(advert) = received.advert() {
        let _ = format!("{advert}");
    }
    match check(received, expected) {
        Ok(accepted) => {
            let advert = received.advert().expect("what passes has a header");
            assert_eq!(advert.priority(), accepted.heard.priority);
            assert_eq!(received.source(), accepted.heard.source);
            assert_ne!(accepted.heard.source, expected.source, "our own advert passed");
            assert_eq!(
                accepted.sequence.is_some(),
                matches!(expected.authentication, Authentication::Header(_)),
                "a header is looked at where it is asked for, and nowhere else"
            );
        }
        Err(drop) => assert!(!drop.to_string().is_empty()),
    }
}
