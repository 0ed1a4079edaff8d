use super::*;
use crate::wire::ipv4;
use proptest::prelude::*;

const SOURCE: Ipv4Addr = Ipv4Addr::new(192, 168, 10, 81);
const VIP: Ipv4Addr = Ipv4Addr::new(192, 168, 10, 99);

fn auth(password: Option<&str>) -> Auth {
    password.map_or(Auth::None, |password| Auth::Password(Password::new(password)))
}

/// A look at an advert that came over IPv4.
fn look(bytes: &[u8]) -> Packet<'_> {
    Packet::new_checked(bytes, Family::V4).unwrap()
}

fn v2(priority: u8, password: Option<&str>) -> Advert {
    Advert {
        vrid: Vrid::new(51).unwrap(),
        priority,
        form: Form::V2 { interval_secs: 1, auth: auth(password) },
        addresses: vec![VIP.into()],
    }
}

fn v3(priority: u8) -> Advert {
    Advert { form: Form::V3 { interval_centiseconds: 100 }, ..v2(priority, None) }
}

// The golden adverts below are what keepalived 2.2.7 sent for the same settings, as captured with tcpdump.

#[test]
fn golden_version_2_with_password() {
    let bytes = v2(100, Some("1111")).emit(SOURCE, GROUP);
    assert_eq!(bytes, [0x21, 51, 100, 1, 1, 1, 0x4c, 0x5c, 192, 168, 10, 99, 0x31, 0x31, 0x31, 0x31, 0, 0, 0, 0]);
    assert_eq!(
        look(&bytes).to_string(),
        "VRRPv2, Advertisement, vrid 51, prio 100, authtype simple, intvl 1s, length 20, addrs: 192.168.10.99"
    );
}

#[test]
fn golden_version_2_without_password_keeps_the_eight_bytes() {
    let bytes = v2(0, None).emit(SOURCE, GROUP);
    assert_eq!(bytes, [0x21, 51, 0, 1, 0, 1, 0x13, 0xbf, 192, 168, 10, 99, 0, 0, 0, 0, 0, 0, 0, 0]);
}

#[test]
fn golden_version_3_sums_the_pseudo_header() {
    let bytes = v3(100).emit(SOURCE, GROUP);
    assert_eq!(bytes, [0x31, 51, 100, 1, 0, 100, 0xf3, 0xd2, 192, 168, 10, 99]);
    assert_eq!(
        look(&bytes).to_string(),
        "VRRPv3, Advertisement, vrid 51, prio 100, intvl 100cs, length 12, addrs: 192.168.10.99"
    );
}

#[test]
fn a_v3_checksum_depends_on_both_addresses_and_a_v2_one_on_neither() {
    let other = IpAddr::from([10, 0, 0, 1]);
    let bytes = v3(100).emit(SOURCE, GROUP);
    let view = look(&bytes);
    assert!(view.checksum_is_right(VrrpVersion::V3, SOURCE.into(), GROUP.into()));
    assert!(!view.checksum_is_right(VrrpVersion::V3, other, GROUP.into()));
    assert!(!view.checksum_is_right(VrrpVersion::V3, SOURCE.into(), other));
    let bytes = v2(100, None).emit(SOURCE, GROUP);
    assert!(look(&bytes).checksum_is_right(VrrpVersion::V2, other, other));
}

#[test]
fn more_addresses_than_the_count_can_number_do_not_travel() {
    let mut advert = v3(100);
    advert.addresses = (0..300_u32).map(|n| IpAddr::V4(Ipv4Addr::from(0x0a00_0000 + n))).collect();
    let bytes = advert.emit(SOURCE, GROUP);
    assert_eq!(bytes.len(), HEADER_LEN + 255 * 4);
    let view = look(&bytes);
    assert_eq!(view.count(), 255);
    assert!(view.checksum_is_right(VrrpVersion::V3, SOURCE.into(), GROUP.into()));
}

#[test]
fn an_advert_never_shows_its_password() {
    let advert = v2(100, Some("sesame"));
    assert!(!format!("{advert:?}").contains("sesame"));
    assert!(!look(&advert.emit(SOURCE, GROUP)).to_string().contains("sesame"));
}

fn adverts() -> impl Strategy<Value = Advert> {
    let form = prop_oneof![
        (1_u8.., any::<bool>(), "[ -~]{0,8}").prop_map(|(interval_secs, authenticated, word)| Form::V2 {
            interval_secs,
            auth: auth(authenticated.then_some(word.as_str())),
        }),
        (1_u8..).prop_map(|interval_secs| Form::V2 { interval_secs, auth: Auth::Header }),
        (1_u16..4096).prop_map(|interval_centiseconds| Form::V3 { interval_centiseconds }),
    ];
    (1_u8.., any::<u8>(), form, prop::collection::vec(any::<[u8; 4]>(), 0..255)).prop_map(
        |(vrid, priority, form, addresses)| Advert {
            vrid: Vrid::new(vrid).unwrap(),
            priority,
            form,
            addresses: addresses.into_iter().map(IpAddr::from).collect(),
        },
    )
}

fn adverts_v6() -> impl Strategy<Value = Advert> {
    (1_u8.., any::<u8>(), 1_u16..4096, prop::collection::vec(any::<[u8; 16]>(), 1..90)).prop_map(
        |(vrid, priority, interval_centiseconds, addresses)| Advert {
            vrid: Vrid::new(vrid).unwrap(),
            priority,
            form: Form::V3 { interval_centiseconds },
            addresses: addresses.into_iter().map(IpAddr::from).collect(),
        },
    )
}

#[test]
fn golden_version_3_over_ipv6() {
    let (source, destination): (Ipv6Addr, Ipv6Addr) = ("fe80::ff:fe00:81".parse().unwrap(), GROUP_V6);
    let addresses = vec!["fe80::99".parse().unwrap(), "fd00::99".parse().unwrap()];
    let advert = Advert { vrid: Vrid::new(53).unwrap(), addresses, ..v3(100) };
    let bytes = advert.emit(source, destination);
    let mut golden = vec![0x31, 53, 100, 2, 0, 100, 0x70, 0x01];
    golden.extend([0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x99]);
    golden.extend([0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x99]);
    assert_eq!(bytes, golden);
    let view = Packet::new_checked(&bytes, Family::V6).unwrap();
    assert!(view.checksum_is_right(VrrpVersion::V3, source.into(), destination.into()));
    assert_eq!(
        view.to_string(),
        "VRRPv3, Advertisement, vrid 53, prio 100, intvl 100cs, length 40, addrs: fe80::99, fd00::99"
    );

    let (source, destination): (Ipv6Addr, Ipv6Addr) = ("fd00::81".parse().unwrap(), "fd00::82".parse().unwrap());
    let advert = Advert { vrid: Vrid::new(54).unwrap(), addresses: vec!["fd00::98".parse().unwrap()], ..v3(100) };
    let mut golden = vec![0x31, 54, 100, 1, 0, 100, 0x71, 0x3e];
    golden.extend([0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x98]);
    assert_eq!(advert.emit(source, destination), golden);
}

#[test]
fn golden_version_3_to_a_peer() {
    let (source, destination) = (SOURCE, Ipv4Addr::new(192, 168, 10, 82));
    let advert = Advert { vrid: Vrid::new(56).unwrap(), addresses: vec!["192.168.10.95".parse().unwrap()], ..v3(100) };
    assert_eq!(advert.emit(source, destination), [0x31, 56, 100, 1, 0, 100, 0x08, 0xea, 192, 168, 10, 95]);
}

#[test]
fn a_bare_checksum_depends_on_no_address() {
    let bytes = v3(100).emit_bare();
    // As version 2 has it: 0x3133 + 0x6401 + 0x0064 + 0xc0a8 + 0x0a63 = 0x160a3, folded and turned over.
    assert_eq!(bytes, [0x31, 51, 100, 1, 0, 100, 0x9f, 0x5b, 192, 168, 10, 99]);
    let view = look(&bytes);
    assert!(view.bare_checksum_is_right(VrrpVersion::V3));
    assert!(!view.checksum_is_right(VrrpVersion::V3, SOURCE.into(), GROUP.into()));
    assert!(!look(&v3(100).emit(SOURCE, GROUP)).bare_checksum_is_right(VrrpVersion::V3));
}

/// The counts are those of keepalived 2.2.7 (`keepalived -t` on a link of this MTU).
#[test]
fn as_many_addresses_travel_as_the_link_has_room_for() {
    use VrrpVersion::{V2, V3};
    for (family, version, header, mtu, most) in [
        (Family::V4, V3, false, 1500, 255),
        (Family::V4, V3, false, 600, 139),
        (Family::V4, V3, false, 602, 140),
        (Family::V4, V2, false, 600, 137),
        (Family::V4, V2, false, 606, 139),
        (Family::V4, V2, true, 600, 131),
        (Family::V6, V3, false, 1500, 89),
        (Family::V6, V3, false, 600, 33),
        (Family::V6, V3, false, 9000, 255),
        (Family::V4, V3, false, 0, 1),
    ] {
        assert_eq!(most_addresses(family, version, header, mtu), most, "{family} {version:?} {header} {mtu}");
    }
    let addresses = |count| (0..count).map(|n| IpAddr::V6(Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, n))).collect();
    let bytes = Advert { addresses: addresses(89), ..v3(100) }.emit(Ipv6Addr::LOCALHOST, GROUP_V6);
    assert!(bytes.len() + ipv6::HEADER_LEN <= 1500);
    let bytes = Advert { addresses: addresses(300), ..v3(100) }.emit(Ipv6Addr::LOCALHOST, GROUP_V6);
    assert_eq!(Packet::new_checked(&bytes, Family::V6).unwrap().count(), 255);
}

proptest! {
    #[test]
    fn round_trip_of_ipv6(advert in adverts_v6(), source in any::<[u8; 16]>(), destination in any::<[u8; 16]>()) {
        let (source, destination) = (IpAddr::from(source), IpAddr::from(destination));
        let bytes = advert.emit(source, destination);
        let view = Packet::new_checked(&bytes, Family::V6).unwrap();
        prop_assert_eq!((view.version(), view.vrid(), view.priority()), (3, advert.vrid.value(), advert.priority));
        prop_assert_eq!(view.claimed_len(VrrpVersion::V3), bytes.len());
        prop_assert!(view.checksum_is_right(VrrpVersion::V3, source, destination));
        prop_assert_eq!(view.addresses().collect::<Vec<_>>(), advert.addresses.clone());
        // A second opinion of the sum: that of ICMPv6 is the same but for the protocol's number.
        let (IpAddr::V6(source), IpAddr::V6(destination)) = (source, destination) else { panic!("both are IPv6") };
        let length = u32::try_from(bytes.len()).unwrap();
        let other = etherparse::checksum::Sum16BitWords::new()
            .add_16bytes(source.octets())
            .add_16bytes(destination.octets())
            .add_4bytes(length.to_be_bytes())
            .add_2bytes([0, PROTOCOL_VRRP])
            .add_slice(&bytes);
        prop_assert_eq!(other.ones_complement(), 0);
    }

    #[test]
    fn round_trip(advert in adverts(), source in any::<[u8; 4]>(), destination in any::<[u8; 4]>()) {
        let (source, destination) = (IpAddr::from(source), IpAddr::from(destination));
        let version = advert.version();
        let bytes = advert.emit(source, destination);
        let view = look(&bytes);
        prop_assert_eq!(view.version(), number(version));
        prop_assert_eq!(view.kind(), TYPE_ADVERT);
        prop_assert_eq!(view.vrid(), advert.vrid.value());
        prop_assert_eq!(view.priority(), advert.priority);
        prop_assert_eq!(view.claimed_len(version), bytes.len());
        prop_assert!(view.checksum_is_right(version, source, destination));
        prop_assert_eq!(view.addresses().collect::<Vec<_>>(), advert.addresses.clone());
        match advert.form {
            Form::V2 { interval_secs, auth } => {
                prop_assert_eq!(view.interval_secs(), interval_secs);
                let (kind, data) = match auth {
                    Auth::None => (AUTH_NONE, [0; 8]),
                    Auth::Password(password) => (AUTH_PASS, *password.bytes()),
                    Auth::Header => (AUTH_HEADER, [0; 8]),
                };
                prop_assert_eq!((view.auth_type(), view.auth_data()), (kind, Some(data)));
            }
            Form::V3 { interval_centiseconds } => {
                prop_assert_eq!(view.interval_centiseconds(), interval_centiseconds);
            }
        }
    }

    #[test]
    fn a_second_reader_finds_the_same_payload(advert in adverts()) {
        let payload = advert.emit(SOURCE, GROUP);
        let header = ipv4::Header { source: SOURCE, destination: GROUP, id: 1, protocol: PROTOCOL_VRRP, ttl: 255 };
        let bytes = header.emit(&payload).unwrap();
        let sliced = etherparse::SlicedPacket::from_ip(&bytes).unwrap();
        let Some(etherparse::NetSlice::Ipv4(ip)) = sliced.net else { panic!("not IPv4: {sliced:?}") };
        prop_assert_eq!(ip.payload().ip_number.0, PROTOCOL_VRRP);
        prop_assert_eq!(ip.payload().payload, &payload[..]);
    }

    #[test]
    fn one_flipped_bit_is_noticed(advert in adverts(), at in any::<prop::sample::Index>(), bit in 0_u8..8) {
        let mut bytes = advert.emit(SOURCE, GROUP);
        let at = at.index(bytes.len());
        // The count decides which bytes are summed at all.
        prop_assume!(at != 3);
        bytes[at] ^= 1 << bit;
        let view = look(&bytes);
        prop_assert!(!view.checksum_is_right(advert.version(), SOURCE.into(), GROUP.into()));
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
        for family in [Family::V4, Family::V6] {
            let Ok(view) = Packet::new_checked(&bytes, family) else { continue };
            let _ = (view.addresses().count(), view.auth_data(), view.to_string());
            for version in [VrrpVersion::V2, VrrpVersion::V3] {
                let _ = view.checksum_is_right(version, SOURCE.into(), GROUP.into());
                let _ = view.bare_checksum_is_right(version);
            }
        }
    }
}
