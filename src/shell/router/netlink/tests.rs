use super::*;
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
