use super::*;
use crate::model::Vrid;
use crate::wire::vrrp::{Advert, Form, GROUP};
use proptest::prelude::*;

const THEIRS: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 2);
const OURS: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
const VIP: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 99);

fn expected(version: VrrpVersion, password: Option<&Password>) -> Expectation<'_> {
    Expectation {
        version,
        interval: AdvertInterval::DEFAULT,
        password,
        unicast: false,
        source: OURS,
        addresses: &[VIP],
    }
}

fn v2(password: Option<Password>, interval_secs: u8) -> Advert {
    Advert {
        vrid: Vrid::new(51).unwrap(),
        priority: 100,
        form: Form::V2 { interval_secs, password },
        addresses: vec![VIP],
    }
}

fn v3() -> Advert {
    Advert { form: Form::V3 { interval_centiseconds: 50 }, ..v2(None, 1) }
}

fn packet(advert: &Advert, destination: Ipv4Addr) -> Vec<u8> {
    let header = ipv4::Header { source: THEIRS, destination, id: 1, protocol: ipv4::PROTOCOL_VRRP };
    header.emit(&advert.emit(THEIRS, destination)).unwrap()
}

fn refusal(bytes: &[u8], expected: &Expectation<'_>) -> Drop {
    check(bytes, expected).unwrap_err()
}

#[test]
fn good_adverts_pass() {
    let password = Password::new("1111");
    let accepted = check(&packet(&v2(Some(password), 1), GROUP), &expected(VrrpVersion::V2, Some(&password))).unwrap();
    assert_eq!(accepted.heard, Heard { source: THEIRS.into(), priority: 100, interval: Duration::from_secs(1) });
    assert!(accepted.same_addresses);
    let accepted = check(&packet(&v3(), GROUP), &expected(VrrpVersion::V3, None)).unwrap();
    assert_eq!(accepted.heard.interval, Duration::from_millis(500));
    // Unicast: no look at the time to live.
    let mut unicast = packet(&v3(), OURS);
    unicast[8] = 63;
    assert!(check(&unicast, &Expectation { unicast: true, ..expected(VrrpVersion::V3, None) }).is_ok());
}

#[test]
fn other_addresses_are_accepted_and_told() {
    let expected = Expectation { addresses: &[OURS], ..expected(VrrpVersion::V3, None) };
    assert!(!check(&packet(&v3(), GROUP), &expected).unwrap().same_addresses);
}

#[test]
fn each_check_in_its_order() {
    let password = Password::new("1111");
    let with = expected(VrrpVersion::V2, Some(&password));
    let without = expected(VrrpVersion::V2, None);
    let third = expected(VrrpVersion::V3, None);
    let good = packet(&v2(None, 1), GROUP);
    assert_eq!(refusal(&good[..24], &without), Drop::Length);
    let mut far = good.clone();
    far[8] = 254;
    // Everything else is wrong too, and still it is the time to live that is told.
    far[26] ^= 0xff;
    assert_eq!(refusal(&far, &with), Drop::HopLimit);
    assert_eq!(refusal(&good, &third), Drop::Version);
    assert_eq!(refusal(&packet(&v3(), GROUP), &without), Drop::Version);
    assert_eq!(refusal(&good, &with), Drop::AuthType);
    assert_eq!(refusal(&packet(&v2(Some(password), 1), GROUP), &without), Drop::AuthType);
    assert_eq!(refusal(&packet(&v2(Some(Password::new("1112")), 1), GROUP), &with), Drop::Password);
    assert_eq!(refusal(&packet(&v2(None, 2), GROUP), &without), Drop::Interval);
    let mut kind = good.clone();
    kind[20] = 0x22;
    assert_eq!(refusal(&kind, &without), Drop::Type);
    let mut count = good.clone();
    count[23] = 2;
    assert_eq!(refusal(&count, &without), Drop::Count);
    let mut sum = good.clone();
    sum[22] = 101;
    assert_eq!(refusal(&sum, &without), Drop::Checksum);
    assert_eq!(refusal(&packet(&v2(None, 1), OURS), &without), Drop::Transport);
    assert_eq!(refusal(&good, &Expectation { unicast: true, ..without.clone() }), Drop::Transport);
    assert_eq!(refusal(&good, &Expectation { source: THEIRS, ..without }), Drop::OwnAddress);
    let hasty = Advert { form: Form::V3 { interval_centiseconds: 0 }, ..v3() };
    assert_eq!(refusal(&packet(&hasty, GROUP), &third), Drop::Interval);
}

#[test]
fn every_reason_has_a_sentence_of_its_own() {
    let sentences: std::collections::BTreeSet<_> = Drop::ALL.iter().map(ToString::to_string).collect();
    assert_eq!(sentences.len(), Drop::ALL.len());
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..120), header in any::<bool>()) {
        let bytes = if header {
            ipv4::Header { source: THEIRS, destination: GROUP, id: 1, protocol: 112 }.emit(&bytes).unwrap()
        } else {
            bytes
        };
        let password = Password::new("x");
        let _ = vrid(&bytes);
        for version in [VrrpVersion::V2, VrrpVersion::V3] {
            let _ = check(&bytes, &expected(version, None));
            let _ = check(&bytes, &expected(version, Some(&password)));
        }
    }
}
