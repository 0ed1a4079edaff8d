use super::*;
use crate::model::{Family, Secret, Vrid};
use crate::shell::router::program::passes;
use crate::wire::vrrp::{Advert, Auth, Form, GROUP_V6};
use crate::wire::{ah, ipv4};
use proptest::prelude::*;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

const SOURCE: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
const PEER: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 2);
const SOURCE_V6: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1);

fn routers() -> BTreeMap<u8, VrrpVersion> {
    [(1, VrrpVersion::V2), (51, VrrpVersion::V3), (52, VrrpVersion::V2), (255, VrrpVersion::V3)].into()
}

/// What the ear for adverts says; that for the rest says the opposite, whatever the packet is.
fn taken(family: Family, header: bool, message: &[u8], ip_header: &[u8]) -> bool {
    let run =
        |part| passes(&program(part, family, header, &routers().into_iter().collect(), MOST_WORDS), message, ip_header);
    let taken = run(Part::Adverts);
    assert_ne!(taken, run(Part::Rest), "{family:?} {message:02x?}");
    taken
}

fn third(vrid: u8, addresses: u32) -> Advert {
    let addresses = (0..addresses).map(|number| IpAddr::V4(Ipv4Addr::from(0x0a00_0000 + number))).collect();
    Advert { vrid: Vrid::new(vrid).unwrap(), priority: 254, form: Form::V3 { interval_centiseconds: 20 }, addresses }
}

fn second(vrid: u8, addresses: u32) -> Advert {
    Advert { form: Form::V2 { interval_secs: 1, auth: Auth::None }, ..third(vrid, addresses) }
}

fn third_v6(vrid: u8, addresses: u16) -> Advert {
    let addresses = (0..addresses).map(|number| IpAddr::V6(Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, number))).collect();
    Advert { addresses, ..third(vrid, 0) }
}

fn packet(destination: Ipv4Addr, ttl: u8, payload: &[u8]) -> Vec<u8> {
    ipv4::Header { source: SOURCE, destination, id: 1, protocol: PROTOCOL_VRRP, ttl }.emit(payload).unwrap()
}

fn multicast(payload: &[u8]) -> bool {
    taken(Family::V4, false, &packet(GROUP, 255, payload), &[])
}

fn header_v6(destination: Ipv6Addr, hop_limit: u8) -> Vec<u8> {
    let mut header = vec![0x60, 0, 0, 0, 0, 0, PROTOCOL_VRRP, hop_limit];
    header.extend(SOURCE_V6.octets());
    header.extend(destination.octets());
    header
}

#[test]
fn adverts_of_both_versions_and_any_length_are_taken() {
    for count in [0, 1, 2, 20, 88, 92, 93, 94, 95, 255] {
        assert!(multicast(&third(51, count).emit(SOURCE, GROUP)), "{count}");
        assert!(multicast(&second(52, count).emit(SOURCE, GROUP)), "{count}");
    }
    for count in [1, 2, 22, 23, 24, 90] {
        let payload = third_v6(255, count).emit(SOURCE_V6, GROUP_V6);
        assert!(taken(Family::V6, false, &payload, &header_v6(GROUP_V6, 255)), "{count}");
    }
}

#[test]
fn only_of_routers_that_listen_in_their_version() {
    for vrid in 1..=255 {
        let versions =
            (multicast(&third(vrid, 1).emit(SOURCE, GROUP)), multicast(&second(vrid, 1).emit(SOURCE, GROUP)));
        let expected = match routers().get(&vrid) {
            Some(VrrpVersion::V2) => (false, true),
            Some(VrrpVersion::V3) => (true, false),
            None => (false, false),
        };
        assert_eq!(versions, expected, "{vrid}");
    }
    let nobody = program(Part::Adverts, Family::V4, false, &BTreeSet::new(), MOST_WORDS);
    assert!(!passes(&nobody, &packet(GROUP, 255, &third(51, 1).emit(SOURCE, GROUP)), &[]));
}

#[test]
fn every_convention_of_checksums_is_taken() {
    assert!(multicast(&third(51, 3).emit_bare()));
    for (payload, expected) in [
        (third(51, 3).emit(SOURCE, PEER), true),
        (third(51, 3).emit(SOURCE, GROUP), true),
        (third(51, 3).emit_bare(), true),
        (third(51, 3).emit(PEER, PEER), false),
    ] {
        assert_eq!(taken(Family::V4, false, &packet(PEER, 255, &payload), &[]), expected);
    }
    let payload = third_v6(51, 1).emit(SOURCE_V6, SOURCE_V6);
    assert!(taken(Family::V6, false, &payload, &header_v6(SOURCE_V6, 64)));
    assert!(!taken(Family::V6, false, &payload, &header_v6(GROUP_V6, 255)));
}

#[test]
fn the_time_to_live_counts_in_multicast_alone() {
    for (destination, ttl, expected) in [(GROUP, 254, false), (GROUP, 255, true), (PEER, 1, true), (PEER, 255, true)] {
        let payload = third(51, 1).emit(SOURCE, destination);
        assert_eq!(taken(Family::V4, false, &packet(destination, ttl, &payload), &[]), expected, "{destination} {ttl}");
    }
    let payload = third_v6(51, 1).emit(SOURCE_V6, GROUP_V6);
    assert!(!taken(Family::V6, false, &payload, &header_v6(GROUP_V6, 64)));
}

#[test]
fn an_authentication_header_is_looked_behind() {
    let header = ipv4::Header { source: SOURCE, destination: GROUP, id: 1, protocol: PROTOCOL_VRRP, ttl: 255 };
    let secret = Secret::new(b"1111".to_vec());
    let advert = Advert { form: Form::V2 { interval_secs: 1, auth: Auth::Header }, ..second(52, 2) };
    let whole = ah::emit(&header, 7, &secret, false, &advert.emit(SOURCE, GROUP)).unwrap();
    assert!(taken(Family::V4, true, &whole, &[]));
    for at in [20, 21, 45, 46, 47, 50, 55] {
        let mut wrong = whole.clone();
        wrong[at] ^= 4;
        assert!(!taken(Family::V4, true, &wrong, &[]), "byte {at}");
    }
    assert!(!taken(Family::V4, true, &whole[..50], &[]));
}

#[test]
fn no_program_is_too_long_for_the_kernel() {
    let all: BTreeSet<(u8, VrrpVersion)> = (1..=255).map(|vrid| (vrid, VrrpVersion::V3)).collect();
    for (family, header) in [(Family::V4, false), (Family::V4, true), (Family::V6, false)] {
        assert!(program(Part::Adverts, family, header, &all, MOST_WORDS).len() < 1000);
        assert!(program(Part::Rest, family, header, &all, FEWEST_WORDS).len() < 250);
    }
}

proptest! {
    #[test]
    fn one_flipped_bit_is_the_rest(count in 0_u32..40, at in any::<prop::sample::Index>(), bit in 0_u8..8) {
        for mut payload in [third(51, count).emit(SOURCE, GROUP), second(52, count).emit(SOURCE, GROUP)] {
            let at = at.index(payload.len());
            payload[at] ^= 1 << bit;
            prop_assert!(!multicast(&payload));
        }
    }

    #[test]
    fn cut_or_padded_is_the_rest(count in 0_u32..40, by in 1_usize..40, fill in any::<u8>()) {
        let mut payload = third(51, count).emit(SOURCE, GROUP);
        prop_assert!(!multicast(&payload[..payload.len().saturating_sub(by)]));
        payload.extend(vec![fill; by]);
        prop_assert!(!multicast(&payload));
    }

    /// One part takes it and the other does not: that is asserted within.
    #[test]
    fn any_bytes_are_taken_by_one_part(bytes in prop::collection::vec(any::<u8>(), 20..120), like in any::<bool>()) {
        let mut bytes = bytes;
        if like {
            bytes[0] = 0x45;
            for (at, byte) in [(20, 0x31), (21, 51), (44, 0x21), (45, 52)] {
                if let Some(slot) = bytes.get_mut(at) {
                    *slot = byte;
                }
            }
        }
        let _ = taken(Family::V4, false, &bytes, &[]);
        let _ = taken(Family::V4, true, &bytes, &[]);
        let _ = taken(Family::V6, false, &bytes[..bytes.len() - 20], &header_v6(GROUP_V6, 255));
    }
}
