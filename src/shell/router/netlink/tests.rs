use super::*;
use std::net::Ipv4Addr;

use crate::model::{Encapsulation, NextHop, Route, TunnelEnds};
use netlink_packet_core::Emitable;
use netlink_packet_route::link::{LinkAttribute, LinkFlags, LinkLayerType};

fn link_bytes(edit: impl FnOnce(&mut LinkMessage)) -> Vec<u8> {
    let mut message = LinkMessage::default();
    message.header.index = 7;
    message.header.link_layer_type = LinkLayerType::Ether;
    message.header.flags = LinkFlags::Up | LinkFlags::Running;
    message.attributes = vec![LinkAttribute::IfName("em1".to_owned()), LinkAttribute::Address(vec![2, 0, 0, 0, 0, 1])];
    edit(&mut message);
    let mut bytes = vec![0; message.buffer_len()];
    message.emit(&mut bytes);
    bytes
}

#[test]
fn a_link_is_read_whatever_else_is_in_its_message() {
    let expected = Link {
        index: 7,
        name: "em1".to_owned(),
        up: true,
        mac: Some([2, 0, 0, 0, 0, 1]),
        enabled: true,
        upon: None,
        marked: false,
        mtu: None,
        table: None,
    };
    let plain = link_bytes(|_| {});
    assert_eq!(link(&plain), Some(expected.clone()));
    let large = link_bytes(|message| message.attributes.push(LinkAttribute::Mtu(9000)));
    assert_eq!(link(&large).unwrap().mtu, Some(9000));
    // An MTU of two bytes, which the library refuses together with the whole link.
    let mut odd = plain;
    odd.extend([6, 0, 4, 0, 1, 2, 0, 0]);
    assert!(RouteNetlinkMessage::parse_with_param(&odd, RTM_NEWLINK).is_err());
    assert_eq!(link(&odd), Some(expected));
}

#[test]
fn what_a_link_is_not() {
    let down = link_bytes(|message| message.header.flags = LinkFlags::Up);
    assert!(!link(&down).unwrap().up);
    let silent = link_bytes(|message| message.header.flags |= LinkFlags::Noarp);
    assert_eq!(link(&silent).unwrap().mac, None);
    let tunnel = link_bytes(|message| message.header.link_layer_type = LinkLayerType::Ipgre);
    assert_eq!(link(&tunnel).unwrap().mac, None);
    // A port that leaves its bridge is not a link that is gone.
    let port = link_bytes(|message| message.header.interface_family = AddressFamily::Bridge);
    assert_eq!(change(RTM_DELLINK, &port), None);
    assert_eq!(change(RTM_DELLINK, &link_bytes(|_| {})), Some(Change::LinkGone { index: 7 }));
}

#[test]
fn bytes_that_are_cut_short_say_nothing_and_harm_nothing() {
    let whole = link_bytes(|_| {});
    for len in 0..whole.len() {
        let _ = change(RTM_NEWLINK, &whole[..len]);
        let _ = change(20, &whole[..len]);
        for_each_message(&whole[..len], |message| drop(acknowledgement(message)));
    }
}

#[test]
fn the_kernels_words_are_found() {
    // Error -22, the request's header echoed and cut off, one attribute with the words.
    let mut bytes = Vec::new();
    bytes.extend((-22_i32).to_ne_bytes());
    bytes.extend([0; 16]);
    bytes.extend([9, 0, 1, 0]);
    bytes.extend(b"oops\0\0\0\0");
    let mut message = vec![0; 16];
    message[..4].copy_from_slice(&u32::try_from(16 + bytes.len()).unwrap().to_ne_bytes());
    message[4..6].copy_from_slice(&NLMSG_ERROR.to_ne_bytes());
    message[6..8].copy_from_slice(&(NLM_F_ACK_TLVS | NLM_F_CAPPED).to_ne_bytes());
    message.extend(bytes);
    let mut told = Vec::new();
    for_each_message(&message, |message| told.push(acknowledgement(message).unwrap_err().to_string()));
    assert_eq!(told, ["the kernel says: oops (Invalid argument)"]);
}

/// As `ip route add ... encap ...` (iproute2 6.1) was seen to send them, but for the order of two addresses and with zeros for
/// padding. keepalived 2.2.7 was seen to send the same values without the flag of a nest, an `ip6` number cut to 32 bits, and
/// `flags` in the host's order of bytes, where the kernel expects the network's.
#[test]
fn encapsulations_to_the_byte() {
    let bytes = |encapsulation| {
        let mut writer = attributes::Writer::default();
        encapsulation::put(&mut writer, &encapsulation);
        writer.into_bytes()
    };
    #[rustfmt::skip]
    assert_eq!(bytes(Encapsulation::Mpls(vec![16, 1_048_575])), [
        16, 0, 22, 128, 12, 0, 1, 0, 0, 1, 0, 0, 0xff, 0xff, 0xf1, 0,
        6, 0, 21, 0, 1, 0, 0, 0,
    ]);
    let ends = TunnelEnds {
        id: Some(5),
        destination: Some(Ipv4Addr::new(192, 0, 2, 9)),
        source: Some(Ipv4Addr::new(192, 0, 2, 1)),
        tos: Some(16),
        ttl: Some(64),
        flags: Some(4),
    };
    #[rustfmt::skip]
    assert_eq!(bytes(Encapsulation::Ip(ends)), [
        56, 0, 22, 128, 12, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 5, 8, 0, 2, 0, 192, 0, 2, 9, 8, 0, 3, 0, 192, 0, 2, 1,
        5, 0, 5, 0, 16, 0, 0, 0, 5, 0, 4, 0, 64, 0, 0, 0, 6, 0, 6, 0, 0, 4, 0, 0,
        6, 0, 21, 0, 2, 0, 0, 0,
    ]);
    let ends = TunnelEnds { id: Some(1 << 40), ttl: Some(9), ..TunnelEnds::default() };
    #[rustfmt::skip]
    assert_eq!(bytes(Encapsulation::Ip6(ends)), [
        24, 0, 22, 128, 12, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 5, 0, 4, 0, 9, 0, 0, 0,
        6, 0, 21, 0, 4, 0, 0, 0,
    ]);
    #[rustfmt::skip]
    assert_eq!(bytes(Encapsulation::Ila(0x2001_0db8_0000_0001)), [
        16, 0, 22, 128, 12, 0, 1, 0, 0x20, 1, 0x0d, 0xb8, 0, 0, 0, 1,
        6, 0, 21, 0, 3, 0, 0, 0,
    ]);
}

#[test]
fn a_hop_has_an_encapsulation_of_its_own() {
    let hop = |last, label| NextHop {
        via: Some(Ipv4Addr::new(192, 0, 2, last).into()),
        encapsulation: Some(Encapsulation::Mpls(vec![label])),
        ..NextHop::default()
    };
    let route = Route { hops: vec![hop(1, 16), hop(2, 17)], ..Route::new((Ipv4Addr::new(10, 0, 0, 0).into(), 8)) };
    let body = route::body(&route, &[3, 4]);
    #[rustfmt::skip]
    let ways = [
        76, 0, 9, 0,
        36, 0, 0, 0, 3, 0, 0, 0, 8, 0, 5, 0, 192, 0, 2, 1, 12, 0, 22, 128, 8, 0, 1, 0, 0, 1, 1, 0, 6, 0, 21, 0, 1, 0, 0, 0,
    ];
    assert!(body.windows(ways.len()).any(|window| window == ways), "{body:?}");
}

#[test]
fn a_vrf_tells_its_table() {
    use netlink_packet_route::link::{InfoData, InfoKind, InfoVrf, LinkInfo};
    let info = |kind| vec![LinkInfo::Kind(kind), LinkInfo::Data(InfoData::Vrf(vec![InfoVrf::TableId(1001)]))];
    let vrf = link_bytes(|message| message.attributes.push(LinkAttribute::LinkInfo(info(InfoKind::Vrf))));
    assert_eq!(link(&vrf).unwrap().table, Some(1001));
    let other = link_bytes(|message| message.attributes.push(LinkAttribute::LinkInfo(info(InfoKind::Bond))));
    assert_eq!(link(&other).unwrap().table, None);
}
