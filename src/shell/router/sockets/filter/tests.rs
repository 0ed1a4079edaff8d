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
    let run = |part| {
        passes(&program(part, family, header, &routers().into_iter().collect(), &[], MOST_WORDS), message, ip_header)
    };
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
    let nobody = program(Part::Adverts, Family::V4, false, &BTreeSet::new(), &[], MOST_WORDS);
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
        assert!(program(Part::Adverts, family, header, &all, &[], MOST_WORDS).len() < 1000);
        assert!(program(Part::Rest, family, header, &all, &[], FEWEST_WORDS).len() < 250);
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

mod senders {
    use super::*;
    use crate::model::Password;
    use crate::vrrp::engine::KnownMaster;

    fn known(vrid: u8, source: impl Into<IpAddr>, form: Form) -> KnownMaster {
        let source = source.into();
        let family = if source.is_ipv4() { Family::V4 } else { Family::V6 };
        KnownMaster { index: 2, family, header: form == HEADER, vrid, source, form }
    }

    const THIRD: Form = Form::V3 { interval_centiseconds: 100 };
    const HEADER: Form = Form::V2 { interval_secs: 1, auth: Auth::Header };

    fn second_with(password: &str) -> Form {
        Form::V2 { interval_secs: 1, auth: Auth::Password(Password::new(password)) }
    }

    fn senders(masters: &[KnownMaster]) -> Vec<Sender> {
        let mut senders = Vec::new();
        masters.iter().for_each(|master| Sender::add(&mut senders, master));
        senders
    }

    /// Which ear takes a packet; that it is one only is asserted.
    fn ear(senders: &[Sender], family: Family, header: bool, message: &[u8], ip_header: &[u8]) -> Part {
        let takes = |part: &Part| {
            let routers = routers().into_iter().collect();
            passes(&program(*part, family, header, &routers, senders, MOST_WORDS), message, ip_header)
        };
        let takers: Vec<Part> = [Part::Masters, Part::Adverts, Part::Rest].into_iter().filter(takes).collect();
        let [one] = takers.as_slice() else { panic!("{takers:?}: {message:02x?}") };
        *one
    }

    fn from(source: Ipv4Addr, payload: &[u8]) -> Vec<u8> {
        ipv4::Header { source, destination: GROUP, id: 9, protocol: PROTOCOL_VRRP, ttl: 255 }.emit(payload).unwrap()
    }

    #[test]
    fn a_master_is_known_by_address_number_and_version() {
        let of = senders(&[known(51, SOURCE, THIRD), known(255, SOURCE, THIRD), known(52, PEER, second_with("ours"))]);
        assert_eq!(of.len(), 2);
        let ear = |packet: &[u8]| ear(&of, Family::V4, false, packet, &[]);
        for count in [1, 20, 94, 255] {
            assert_eq!(ear(&from(SOURCE, &third(51, count).emit(SOURCE, GROUP))), Part::Masters, "{count}");
            assert_eq!(ear(&from(PEER, &third(51, count).emit(PEER, GROUP))), Part::Adverts, "{count}");
        }
        assert_eq!(ear(&from(SOURCE, &third(255, 1).emit(SOURCE, GROUP))), Part::Masters);
        // Its farewell, and its other intervals.
        let farewell = Advert { priority: 0, form: Form::V3 { interval_centiseconds: 7 }, ..third(51, 3) };
        assert_eq!(ear(&from(SOURCE, &farewell.emit(SOURCE, GROUP))), Part::Masters);
        assert_eq!(ear(&from(SOURCE, &second(52, 1).emit(SOURCE, GROUP))), Part::Adverts);
        assert_eq!(ear(&from(SOURCE, &second(1, 1).emit(SOURCE, GROUP))), Part::Adverts);
        assert_eq!(ear(&from(SOURCE, &third(77, 1).emit(SOURCE, GROUP))), Part::Rest);
        let mut wrong = third(51, 1).emit(SOURCE, GROUP);
        wrong[9] ^= 1;
        assert_eq!(ear(&from(SOURCE, &wrong)), Part::Rest);
    }

    #[test]
    fn in_its_name_only_with_its_password() {
        let of = senders(&[known(52, SOURCE, second_with("ours"))]);
        let advert = |form| from(SOURCE, &Advert { form, ..second(52, 3) }.emit(SOURCE, GROUP));
        let ear = |form| ear(&of, Family::V4, false, &advert(form), &[]);
        assert_eq!(ear(second_with("ours")), Part::Masters);
        for form in [
            second_with("theirs"),
            second_with("ours2345"),
            Form::V2 { interval_secs: 2, auth: Auth::Password(Password::new("ours")) },
            Form::V2 { interval_secs: 1, auth: Auth::None },
        ] {
            assert_eq!(ear(form), Part::Adverts, "{form:?}");
        }
    }

    #[test]
    fn behind_a_header_and_over_ipv6() {
        let header = ipv4::Header { source: SOURCE, destination: GROUP, id: 1, protocol: PROTOCOL_VRRP, ttl: 255 };
        let advert = Advert { form: HEADER, ..second(52, 2) };
        let secret = Secret::new(b"1111".to_vec());
        let whole = ah::emit(&header, 7, &secret, false, &advert.emit(SOURCE, GROUP)).unwrap();
        let ear_of = |source| ear(&senders(&[known(52, source, HEADER)]), Family::V4, true, &whole, &[]);
        assert_eq!((ear_of(SOURCE), ear_of(PEER)), (Part::Masters, Part::Adverts));

        let payload = third_v6(51, 2).emit(SOURCE_V6, GROUP_V6);
        for (last, expected) in [(1, Part::Masters), (2, Part::Adverts)] {
            let source = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, last);
            let of = senders(&[known(51, source, THIRD)]);
            assert_eq!(ear(&of, Family::V6, false, &payload, &header_v6(GROUP_V6, 255)), expected);
        }
    }

    #[test]
    fn some_have_room_and_the_kernel_takes_the_longest_program() {
        let masters: Vec<KnownMaster> = (1..=255)
            .flat_map(|vrid| (0..9).map(move |last| known(vrid, Ipv4Addr::new(192, 0, 2, last), second_with("ours"))))
            .collect();
        let of = senders(&masters);
        assert_eq!(of.len(), 8);
        assert!(Sender::any(&of, Ipv4Addr::new(192, 0, 2, 7).into(), 255));
        assert!(!Sender::any(&of, Ipv4Addr::new(192, 0, 2, 8).into(), 1));
        let others: Vec<KnownMaster> =
            masters.iter().map(|one| KnownMaster { source: Ipv4Addr::new(192, 0, 3, 1).into(), ..*one }).collect();
        let both = Sender::either(&of, &senders(&others));
        assert_eq!(both.len(), 9);
        let all: BTreeSet<(u8, VrrpVersion)> = (1..=255).map(|vrid| (vrid, VrrpVersion::V2)).collect();
        let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        for part in [Part::Masters, Part::Adverts, Part::Rest] {
            let program = program(part, Family::V4, false, &all, &both, MOST_WORDS);
            assert!(program.len() < 1500, "{}", program.len());
            let program: Vec<socket2::SockFilter> = program.into_iter().map(Into::into).collect();
            socket2::SockRef::from(&socket).attach_filter(&program).unwrap();
        }
    }

    proptest! {
        /// That exactly one ear takes it is asserted within.
        #[test]
        fn any_bytes_are_taken_by_one_ear(bytes in prop::collection::vec(any::<u8>(), 20..120), like in 0_u8..3) {
            let mut bytes = bytes;
            if like > 0 {
                bytes[0] = 0x45;
                bytes[12..16].copy_from_slice(&SOURCE.octets());
                for (at, byte) in [(20, 0x31), (21, 51), (44, 0x21), (45, 52)] {
                    if let Some(slot) = bytes.get_mut(at) {
                        *slot = byte;
                    }
                }
                // As long as it says, and right.
                if like == 2 && bytes.len() >= 28 {
                    let count = (bytes.len() - 28) / 4;
                    bytes.truncate(28 + 4 * count);
                    bytes[8] = 255;
                    bytes[16..20].copy_from_slice(&PEER.octets());
                    bytes[23] = u8::try_from(count).unwrap();
                    bytes[24] |= 1;
                    bytes[26..28].fill(0);
                    let sum: u32 = bytes[20..].chunks(2).map(|two| u32::from(two[0]) << 8 | u32::from(two[1])).sum();
                    let sum = (sum & 0xffff) + (sum >> 16);
                    let sum = !u16::try_from((sum & 0xffff) + (sum >> 16)).unwrap();
                    bytes[26..28].copy_from_slice(&sum.to_be_bytes());
                }
            }
            let of = senders(&[known(51, SOURCE, THIRD), known(52, SOURCE, second_with("ours"))]);
            let taken = ear(&of, Family::V4, false, &bytes, &[]);
            prop_assert_eq!(taken == Part::Masters, like == 2 && bytes.len() >= 28, "{:?}", taken);
            let _ = ear(&senders(&[known(52, SOURCE, HEADER)]), Family::V4, true, &bytes, &[]);
            let of = senders(&[known(51, SOURCE_V6, THIRD)]);
            let _ = ear(&of, Family::V6, false, &bytes[..bytes.len() - 20], &header_v6(GROUP_V6, 255));
        }
    }
}
