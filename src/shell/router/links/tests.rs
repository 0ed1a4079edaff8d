use netlink_packet_core::Emitable;
use proptest::prelude::*;

use super::*;

/// What we would send, read as if the kernel had told it.
fn echoed(link: &NewLink) -> Option<Upon> {
    let message = new_link(link);
    let mut bytes = vec![0; message.buffer_len()];
    message.emit(&mut bytes);
    upon(&bytes[16..])
}

fn link(kind: LinkKind) -> NewLink {
    NewLink { name: "vrrp.51".to_owned(), base: 7, kind, mac: Some([0, 0, 0x5e, 0, 1, 51]) }
}

#[test]
fn what_is_made_is_known_again() {
    for kind in [
        LinkKind::Macvlan,
        LinkKind::Ipvlan(IpvlanFlag::Bridge),
        LinkKind::Ipvlan(IpvlanFlag::Private),
        LinkKind::Ipvlan(IpvlanFlag::Vepa),
    ] {
        assert_eq!(echoed(&link(kind)), Some(Upon { base: 7, kind }));
    }
}

#[test]
fn the_mark_is_known_again() {
    let mut message = LinkMessage::default();
    message.attributes.push(mark());
    let mut bytes = vec![0; message.buffer_len()];
    message.emit(&mut bytes);
    assert!(marked(&bytes[16..]));
    assert!(marked(&attribute(IFLA_IFALIAS, b"made by ipvsd\0")), "as the kernel tells it");
    for other in ["", "made by ipvsd too", "keepalived\0"] {
        assert!(!marked(&attribute(IFLA_IFALIAS, other.as_bytes())), "{other}");
    }
    assert!(!marked(&attribute(IFLA_LINK, b"made by ipvsd\0")));
}

fn attribute(kind: u16, value: &[u8]) -> Vec<u8> {
    let mut bytes = u16::try_from(4 + value.len()).unwrap().to_ne_bytes().to_vec();
    bytes.extend(kind.to_ne_bytes());
    bytes.extend(value);
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes
}

fn told(kind: &[u8], data: &[u8], more: &[u8]) -> Option<Upon> {
    let info = [attribute(IFLA_INFO_KIND, kind), attribute(IFLA_INFO_DATA | 0x8000, data)].concat();
    upon(&[attribute(IFLA_LINK, &7_u32.to_ne_bytes()), attribute(IFLA_LINKINFO, &info), more.to_vec()].concat())
}

#[test]
fn what_is_never_ours_is_not_told() {
    let mode = |mode: u32| attribute(IFLA_MACVLAN_MODE, &mode.to_ne_bytes());
    assert_eq!(told(b"macvlan\0", &mode(1), &[]), Some(Upon { base: 7, kind: LinkKind::Macvlan }));
    assert_eq!(told(b"macvlan\0", &mode(4), &[]), None, "bridge mode");
    assert_eq!(told(b"veth\0", &[], &[]), None, "its IFLA_LINK is its peer");
    assert_eq!(told(b"ipvlan\0", &attribute(IFLA_IPVLAN_MODE, &1_u16.to_ne_bytes()), &[]), None, "mode L3");
    // Its base is in another network namespace.
    assert_eq!(told(b"macvlan\0", &mode(1), &attribute(IFLA_LINK_NETNSID, &[0; 4])), None);
}

proptest! {
    #[test]
    fn bytes_from_anywhere_harm_nothing(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = (upon(&bytes), marked(&bytes));
    }
}
