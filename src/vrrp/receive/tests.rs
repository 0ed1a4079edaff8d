use std::net::{Ipv4Addr, Ipv6Addr};

use super::*;
use crate::model::{Peer, Vrid};
use crate::wire::vrrp::{Advert, Auth, Form, GROUP, GROUP_V6};
use crate::wire::{ah, ipv6};
use proptest::prelude::*;

const THEIRS: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 2);
const OURS: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
const VIP: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 99);
const ADDRESSES: &[IpAddr] = &[IpAddr::V4(VIP)];
const MULTICAST: Transport = Transport::Multicast { source: None, group: IpAddr::V4(GROUP) };

fn expected(version: VrrpVersion, authentication: &Authentication) -> Expectation<'_> {
    Expectation {
        version,
        interval: AdvertInterval::DEFAULT,
        authentication,
        sequence: 0,
        transport: &MULTICAST,
        only_peers: false,
        checksum: Checksum::default(),
        source: OURS.into(),
        addresses: ADDRESSES,
        trusted: None,
        deaf: false,
    }
}

fn unicast(peers: Vec<Peer>, check_source: bool) -> Transport {
    Transport::Unicast { source: None, peers, ttl: 255, check_source }
}

fn v2(auth: Auth, interval_secs: u8) -> Advert {
    Advert {
        vrid: Vrid::new(51).unwrap(),
        priority: 100,
        form: Form::V2 { interval_secs, auth },
        addresses: ADDRESSES.to_vec(),
    }
}

fn v3() -> Advert {
    Advert { form: Form::V3 { interval_centiseconds: 50 }, ..v2(Auth::None, 1) }
}

fn around(payload: &[u8], destination: Ipv4Addr) -> Vec<u8> {
    let header = ipv4::Header { source: THEIRS, destination, id: 1, protocol: ipv4::PROTOCOL_VRRP, ttl: 255 };
    header.emit(payload).unwrap()
}

fn packet(advert: &Advert, destination: Ipv4Addr) -> Vec<u8> {
    around(&advert.emit(THEIRS, destination), destination)
}

fn passed(bytes: &[u8], expected: &Expectation<'_>) -> Accepted {
    check(&Received::ipv4(bytes).unwrap(), expected).unwrap()
}

fn refusal(bytes: &[u8], expected: &Expectation<'_>) -> Drop {
    check(&Received::ipv4(bytes).unwrap(), expected).unwrap_err()
}

/// Version 3 wants an address in every advert; who has none to name cannot ask for one. Version 2 says nothing of it.
#[test]
fn adverts_without_addresses() {
    let authentication = Authentication::None;
    let bytes = packet(&Advert { addresses: Vec::new(), ..v3() }, GROUP);
    let third = expected(VrrpVersion::V3, &authentication);
    assert_eq!(refusal(&bytes, &third), Drop::Addressless);
    assert!(passed(&bytes, &Expectation { addresses: &[], ..third }).same_addresses);
    let second = packet(&Advert { addresses: Vec::new(), ..v2(Auth::None, 1) }, GROUP);
    assert!(!passed(&second, &expected(VrrpVersion::V2, &authentication)).same_addresses);
}

/// Sets the IPv4 total length, as a packet of that many bytes has it.
fn cut(bytes: &[u8], len: u8) -> Vec<u8> {
    let mut bytes = bytes[..usize::from(len)].to_vec();
    bytes[3] = len;
    bytes
}

#[test]
fn good_adverts_pass() {
    let password = Password::new("1111");
    let authentication = Authentication::Password(password);
    let bytes = packet(&v2(Auth::Password(password), 1), GROUP);
    let accepted = passed(&bytes, &expected(VrrpVersion::V2, &authentication));
    assert_eq!(accepted.heard, Heard { source: THEIRS.into(), priority: 100, interval: Duration::from_secs(1) });
    assert!(accepted.same_addresses && !accepted.old_checksum);
    let third = expected(VrrpVersion::V3, &Authentication::None);
    assert_eq!(passed(&packet(&v3(), GROUP), &third).heard.interval, Duration::from_millis(500));
    // Unicast: no look at the time to live, nor at the sender.
    let mut far = packet(&v3(), OURS);
    far[8] = 63;
    let transport = unicast(vec![Peer::new(Ipv4Addr::new(10, 0, 0, 7).into())], false);
    passed(&far, &Expectation { transport: &transport, ..third });
}

#[test]
fn other_addresses_are_accepted_and_told_unless_the_sender_is_trusted() {
    let third = expected(VrrpVersion::V3, &Authentication::None);
    let other = Expectation { addresses: &[IpAddr::V4(OURS)], ..third.clone() };
    assert!(!passed(&packet(&v3(), GROUP), &other).same_addresses);
    assert!(
        passed(&packet(&v3(), GROUP), &Expectation { trusted: Some(THEIRS.into()), ..other.clone() }).same_addresses
    );
    assert!(!passed(&packet(&v3(), GROUP), &Expectation { trusted: Some(OURS.into()), ..other }).same_addresses);
    let fewer = Expectation { addresses: &[], ..third };
    assert!(!passed(&packet(&v3(), GROUP), &fewer).same_addresses);
}

#[test]
fn each_check_in_its_order() {
    let password = Password::new("1111");
    let authentication = Authentication::Password(password);
    let with = expected(VrrpVersion::V2, &authentication);
    let without = expected(VrrpVersion::V2, &Authentication::None);
    let third = expected(VrrpVersion::V3, &Authentication::None);
    let good = packet(&v2(Auth::None, 1), GROUP);
    assert_eq!(refusal(&cut(&good, 24), &without), Drop::Length);
    assert_eq!(refusal(&cut(&good, 32), &without), Drop::Length);
    let mut far = good.clone();
    far[8] = 254;
    // Everything else is wrong too, and still it is the time to live that is told.
    far[26] ^= 0xff;
    assert_eq!(refusal(&far, &with), Drop::HopLimit);
    assert_eq!(refusal(&good, &third), Drop::Version);
    assert_eq!(refusal(&packet(&v3(), GROUP), &without), Drop::Version);
    assert_eq!(refusal(&good, &with), Drop::AuthType);
    assert_eq!(refusal(&packet(&v2(Auth::Password(password), 1), GROUP), &without), Drop::AuthType);
    let wrong = Auth::Password(Password::new("1112"));
    assert_eq!(refusal(&packet(&v2(wrong, 1), GROUP), &with), Drop::Password);
    assert_eq!(refusal(&packet(&v2(Auth::None, 2), GROUP), &without), Drop::Interval);
    let mut kind = good.clone();
    kind[20] = 0x22;
    assert_eq!(refusal(&kind, &without), Drop::Type);
    let mut count = good.clone();
    count[23] = 2;
    assert_eq!(refusal(&count, &without), Drop::Count);
    let mut sum = good.clone();
    sum[22] = 101;
    assert_eq!(refusal(&sum, &without), Drop::Checksum);
    assert_eq!(refusal(&packet(&v2(Auth::None, 1), OURS), &without), Drop::Transport);
    let peers = unicast(vec![Peer::new(THEIRS.into())], true);
    assert_eq!(refusal(&good, &Expectation { transport: &peers, ..without.clone() }), Drop::Transport);
    assert_eq!(refusal(&good, &Expectation { source: THEIRS.into(), ..without.clone() }), Drop::OwnAddress);
    assert_eq!(refusal(&good, &Expectation { deaf: true, ..without }), Drop::Owner);
    let hasty = Advert { form: Form::V3 { interval_centiseconds: 0 }, ..v3() };
    assert_eq!(refusal(&packet(&hasty, GROUP), &third), Drop::Interval);
    let empty = Advert { addresses: Vec::new(), ..v3() };
    assert_eq!(refusal(&packet(&empty, GROUP), &third), Drop::Addressless);
}

#[test]
fn who_may_send_unicast() {
    let third = expected(VrrpVersion::V3, &Authentication::None);
    let from = packet(&v3(), OURS);
    let theirs = Peer::new(THEIRS.into());
    let stranger = Peer::new(Ipv4Addr::new(10, 0, 0, 7).into());
    let outcome = |peers: Vec<Peer>, check_source: bool, ttl: u8| {
        let transport = unicast(peers, check_source);
        let mut bytes = from.clone();
        bytes[8] = ttl;
        check(&Received::ipv4(&bytes).unwrap(), &Expectation { transport: &transport, ..third.clone() }).err()
    };
    assert_eq!(outcome(vec![theirs, stranger], true, 255), None);
    assert_eq!(outcome(vec![stranger], true, 255), Some(Drop::NotAPeer));
    assert_eq!(outcome(vec![stranger], false, 1), None);
    // A limit turns the check of the sender on.
    assert_eq!(outcome(vec![Peer { min_ttl: Some(0), ..stranger }], false, 255), Some(Drop::NotAPeer));
    let near = Peer { min_ttl: Some(250), max_ttl: Some(254), ..theirs };
    assert_eq!(outcome(vec![near], false, 249), Some(Drop::PeerHopLimit));
    assert_eq!(outcome(vec![near], false, 250), None);
    assert_eq!(outcome(vec![near], false, 254), None);
    assert_eq!(outcome(vec![near], false, 255), Some(Drop::PeerHopLimit));
}

#[test]
fn the_conventions_of_version_3s_checksum() {
    let third = expected(VrrpVersion::V3, &Authentication::None);
    let bare = around(&v3().emit_bare(), GROUP);
    assert_eq!(refusal(&bare, &third), Drop::Checksum);
    let checksum = Checksum { without_pseudo_header: true, never_old_unicast: false };
    let either = Expectation { checksum, ..third.clone() };
    passed(&bare, &either);
    passed(&packet(&v3(), GROUP), &either);

    let peers = unicast(vec![Peer::new(THEIRS.into())], true);
    let old = around(&v3().emit(THEIRS, GROUP), OURS);
    let tolerant = Expectation { transport: &peers, ..third };
    assert!(passed(&old, &tolerant).old_checksum);
    assert!(!passed(&packet(&v3(), OURS), &tolerant).old_checksum);
    let checksum = Checksum { without_pseudo_header: false, never_old_unicast: true };
    assert_eq!(refusal(&old, &Expectation { checksum, ..tolerant }), Drop::Checksum);
}

fn secret(text: &str) -> Secret {
    Secret::new(text.as_bytes().to_vec())
}

fn sealed(sequence: u32, text: &str) -> Vec<u8> {
    let header = ipv4::Header { source: THEIRS, destination: GROUP, id: 1, protocol: ipv4::PROTOCOL_AH, ttl: 255 };
    ah::emit(&header, sequence, &secret(text), false, &v2(Auth::Header, 1).emit(THEIRS, GROUP)).unwrap()
}

#[test]
fn an_authentication_header_is_there_right_and_new() {
    let authentication = Authentication::Header(secret("1111"));
    let wants = expected(VrrpVersion::V2, &authentication);
    let accepted = passed(&sealed(5, "1111"), &Expectation { sequence: 4, ..wants.clone() });
    assert_eq!((accepted.sequence, accepted.same_addresses), (Some(5), true));
    assert_eq!(refusal(&sealed(5, "1111"), &Expectation { sequence: 5, ..wants.clone() }), Drop::Replay);
    assert_eq!(refusal(&sealed(5, "1111"), &Expectation { sequence: 600, ..wants.clone() }), Drop::Replay);
    assert_eq!(refusal(&sealed(5, "2222"), &wants), Drop::Header);
    // Where it is missing, or not wanted, that comes before everything else.
    let mut far = packet(&v2(Auth::None, 2), GROUP);
    far[8] = 1;
    assert_eq!(refusal(&far, &wants), Drop::AuthType);
    assert_eq!(refusal(&sealed(5, "1111"), &expected(VrrpVersion::V2, &Authentication::None)), Drop::AuthType);
    // A header in front of an advert that says that it has none.
    let header = ipv4::Header { source: THEIRS, destination: GROUP, id: 1, protocol: ipv4::PROTOCOL_AH, ttl: 255 };
    let plain = v2(Auth::None, 1).emit(THEIRS, GROUP);
    let bytes = ah::emit(&header, 5, &secret("1111"), false, &plain).unwrap();
    assert_eq!(refusal(&bytes, &wants), Drop::AuthType);
    // Another protocol behind the header is nobody's business here.
    let mut other = sealed(5, "1111");
    other[20] = 6;
    assert!(Received::ipv4(&other).is_err());
}

const THEIRS_V6: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 2);
const OURS_V6: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1);

#[test]
fn the_same_over_ipv6() {
    let addresses = [IpAddr::V6(Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 0x99))];
    let multicast = Transport::Multicast { source: None, group: GROUP_V6.into() };
    let wants = Expectation {
        transport: &multicast,
        source: OURS_V6.into(),
        addresses: &addresses,
        ..expected(VrrpVersion::V3, &Authentication::None)
    };
    let advert = Advert { addresses: addresses.to_vec(), ..v3() };
    let bytes = advert.emit(THEIRS_V6, GROUP_V6);
    let accepted = check(&Received::ipv6(THEIRS_V6, GROUP_V6, 255, &bytes), &wants).unwrap();
    assert_eq!((accepted.heard.source, accepted.same_addresses), (IpAddr::V6(THEIRS_V6), true));
    let refusal = |received: Received<'_>| check(&received, &wants).unwrap_err();
    assert_eq!(refusal(Received::ipv6(THEIRS_V6, GROUP_V6, 254, &bytes)), Drop::HopLimit);
    assert_eq!(refusal(Received::ipv6(THEIRS_V6, GROUP_V6, 255, &bytes[..7])), Drop::Length);
    assert_eq!(refusal(Received::ipv6(THEIRS_V6, GROUP_V6, 255, &bytes[..12])), Drop::Count);
    // The pseudo header has the addresses: a packet that came another way than it says is told.
    assert_eq!(refusal(Received::ipv6(OURS_V6, GROUP_V6, 255, &bytes)), Drop::Checksum);
    let own = advert.emit(OURS_V6, GROUP_V6);
    assert_eq!(refusal(Received::ipv6(OURS_V6, GROUP_V6, 255, &own)), Drop::OwnAddress);
    let single = advert.emit(THEIRS_V6, OURS_V6);
    assert_eq!(refusal(Received::ipv6(THEIRS_V6, OURS_V6, 255, &single)), Drop::Transport);
    // Leaving the pseudo header out is a thing of IPv4 alone.
    let checksum = Checksum { without_pseudo_header: true, never_old_unicast: false };
    let lenient = Expectation { checksum, ..wants.clone() };
    let bare = advert.emit_bare();
    assert_eq!(check(&Received::ipv6(THEIRS_V6, GROUP_V6, 255, &bare), &lenient), Err(Drop::Checksum));
    // What is emitted with a header is read as what was told beside it.
    let header = ipv6::Header { source: THEIRS_V6, destination: GROUP_V6, next_header: 112, hop_limit: 255 };
    let whole = header.emit(&bytes).unwrap();
    assert_eq!(ipv6::Packet::new_checked(&whole).unwrap().payload(), bytes);
}

#[test]
fn every_reason_has_a_sentence_of_its_own() {
    let sentences: std::collections::BTreeSet<_> = Drop::ALL.iter().map(ToString::to_string).collect();
    assert_eq!(sentences.len(), Drop::ALL.len());
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(
        bytes in prop::collection::vec(any::<u8>(), 0..120), protocol in prop::option::of(prop_oneof![Just(112), Just(51)]),
    ) {
        let whole = match protocol {
            Some(protocol) => {
                ipv4::Header { source: THEIRS, destination: GROUP, id: 1, protocol, ttl: 255 }.emit(&bytes).unwrap()
            }
            None => bytes.clone(),
        };
        let received = [Received::ipv4(&whole).ok(), Some(Received::ipv6(THEIRS_V6, GROUP_V6, 255, &bytes))];
        for received in received.into_iter().flatten() {
            let _ = (received.vrid(), received.to_string());
            for version in [VrrpVersion::V2, VrrpVersion::V3] {
                let proofs = [
                    Authentication::None,
                    Authentication::Password(Password::new("x")),
                    Authentication::Header(secret("x")),
                ];
                for authentication in proofs {
                    let _ = check(&received, &expected(version, &authentication));
                }
            }
        }
    }
}
