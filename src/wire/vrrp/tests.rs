use super::*;
use crate::wire::ipv4;
use proptest::prelude::*;

const SOURCE: Ipv4Addr = Ipv4Addr::new(192, 168, 10, 81);
const VIP: Ipv4Addr = Ipv4Addr::new(192, 168, 10, 99);

fn v2(priority: u8, password: Option<&str>) -> Advert {
    Advert {
        vrid: Vrid::new(51).unwrap(),
        priority,
        form: Form::V2 { interval_secs: 1, password: password.map(Password::new) },
        addresses: vec![VIP],
    }
}

fn v3(priority: u8) -> Advert {
    Advert { form: Form::V3 { interval_centiseconds: 100 }, ..v2(priority, None) }
}

// The three golden adverts below are what keepalived 2.2.7 sent for the same settings, as captured with tcpdump.

#[test]
fn golden_version_2_with_password() {
    let bytes = v2(100, Some("1111")).emit(SOURCE, GROUP);
    assert_eq!(bytes, [0x21, 51, 100, 1, 1, 1, 0x4c, 0x5c, 192, 168, 10, 99, 0x31, 0x31, 0x31, 0x31, 0, 0, 0, 0]);
    assert_eq!(
        Packet::new_checked(&bytes).unwrap().to_string(),
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
        Packet::new_checked(&bytes).unwrap().to_string(),
        "VRRPv3, Advertisement, vrid 51, prio 100, intvl 100cs, length 12, addrs: 192.168.10.99"
    );
}

#[test]
fn a_v3_checksum_depends_on_both_addresses_and_a_v2_one_on_neither() {
    let other = Ipv4Addr::new(10, 0, 0, 1);
    let bytes = v3(100).emit(SOURCE, GROUP);
    let view = Packet::new_checked(&bytes).unwrap();
    assert!(view.checksum_is_right(VrrpVersion::V3, SOURCE, GROUP));
    assert!(!view.checksum_is_right(VrrpVersion::V3, other, GROUP));
    assert!(!view.checksum_is_right(VrrpVersion::V3, SOURCE, other));
    let bytes = v2(100, None).emit(SOURCE, GROUP);
    assert!(Packet::new_checked(&bytes).unwrap().checksum_is_right(VrrpVersion::V2, other, other));
}

#[test]
fn more_addresses_than_the_count_can_number_do_not_travel() {
    let mut advert = v3(100);
    advert.addresses = (0..300_u32).map(|n| Ipv4Addr::from(0x0a00_0000 + n)).collect();
    let bytes = advert.emit(SOURCE, GROUP);
    assert_eq!(bytes.len(), HEADER_LEN + 255 * 4);
    let view = Packet::new_checked(&bytes).unwrap();
    assert_eq!(view.count(), 255);
    assert!(view.checksum_is_right(VrrpVersion::V3, SOURCE, GROUP));
}

#[test]
fn an_advert_never_shows_its_password() {
    let advert = v2(100, Some("sesame"));
    assert!(!format!("{advert:?}").contains("sesame"));
    assert!(!Packet::new_checked(&advert.emit(SOURCE, GROUP)).unwrap().to_string().contains("sesame"));
}

fn adverts() -> impl Strategy<Value = Advert> {
    let form = prop_oneof![
        (1_u8.., any::<bool>(), "[ -~]{0,8}").prop_map(|(interval_secs, authenticated, word)| Form::V2 {
            interval_secs,
            password: authenticated.then(|| Password::new(&word)),
        }),
        (1_u16..4096).prop_map(|interval_centiseconds| Form::V3 { interval_centiseconds }),
    ];
    (1_u8.., any::<u8>(), form, prop::collection::vec(any::<[u8; 4]>(), 0..255)).prop_map(
        |(vrid, priority, form, addresses)| Advert {
            vrid: Vrid::new(vrid).unwrap(),
            priority,
            form,
            addresses: addresses.into_iter().map(Ipv4Addr::from).collect(),
        },
    )
}

proptest! {
    #[test]
    fn round_trip(advert in adverts(), source in any::<[u8; 4]>(), destination in any::<[u8; 4]>()) {
        let (source, destination) = (Ipv4Addr::from(source), Ipv4Addr::from(destination));
        let version = advert.version();
        let bytes = advert.emit(source, destination);
        let view = Packet::new_checked(&bytes).unwrap();
        prop_assert_eq!(view.version(), number(version));
        prop_assert_eq!(view.kind(), TYPE_ADVERT);
        prop_assert_eq!(view.vrid(), advert.vrid.value());
        prop_assert_eq!(view.priority(), advert.priority);
        prop_assert_eq!(view.claimed_len(version), bytes.len());
        prop_assert!(view.checksum_is_right(version, source, destination));
        prop_assert_eq!(view.addresses().collect::<Vec<_>>(), advert.addresses.clone());
        match advert.form {
            Form::V2 { interval_secs, password } => {
                prop_assert_eq!(view.interval_secs(), interval_secs);
                prop_assert_eq!(view.auth_type() == AUTH_PASS, password.is_some());
                prop_assert_eq!(view.auth_data(), Some(password.map_or([0; 8], |password| *password.bytes())));
            }
            Form::V3 { interval_centiseconds } => {
                prop_assert_eq!(view.interval_centiseconds(), interval_centiseconds);
            }
        }
    }

    #[test]
    fn a_second_reader_finds_the_same_payload(advert in adverts()) {
        let payload = advert.emit(SOURCE, GROUP);
        let header = ipv4::Header { source: SOURCE, destination: GROUP, id: 1, protocol: PROTOCOL_VRRP };
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
        let view = Packet::new_checked(&bytes).unwrap();
        prop_assert!(!view.checksum_is_right(advert.version(), SOURCE, GROUP));
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
        if let Ok(view) = Packet::new_checked(&bytes) {
            let _ = (view.addresses().count(), view.auth_data(), view.to_string());
            for version in [VrrpVersion::V2, VrrpVersion::V3] {
                let _ = view.checksum_is_right(version, SOURCE, GROUP);
            }
        }
    }
}
