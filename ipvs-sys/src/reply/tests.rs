use super::*;
use crate::abi::ext_ack;
use crate::attribute::Attribute;
use crate::fake::{FAMILY, PORT, answer, bytes, done, message, verdict};
use netlink_packet_core::NLM_F_ACK_TLVS;
use proptest::prelude::*;

fn explanation() -> Vec<u8> {
    bytes(&[
        Attribute::text(99, "from a later kernel"),
        Attribute::text(ext_ack::MSG, "no such thing"),
        Attribute::u32(ext_ack::OFFS, 24),
    ])
}

fn only(datagram: &[u8]) -> Reply<'_> {
    let mut all = replies(datagram);
    let first = all.next().unwrap().unwrap();
    assert!(all.next().is_none());
    first
}

fn explained(errno: i32) -> Verdict {
    Verdict { errno, message: Some("no such thing".into()), offset: Some(24) }
}

/// The payload is what a Linux 6.1 answers to GET_SERVICE for a mark that is not there: uncapped, no explanation.
#[cfg(target_endian = "little")]
#[test]
fn a_refusal_as_a_kernel_writes_it() {
    let datagram = crate::message::tests::hex(
        "3c000000 0200 0000 07000000 92100000 # NLMSG_ERROR to sequence 7
         fdffffff                             # -ESRCH
         28000000 1c00 0100 07000000 00000000 # the request
         04 01 0000 1400 0180 0600 0100 02000000 0800 0500 63000000",
    );
    let plain = Verdict { errno: 3, message: None, offset: None };
    let wanted = Reply { sequence: 7, port: 0x1092, interrupted: false, body: Body::Verdict(plain) };
    assert_eq!(only(&datagram), wanted);
}

#[test]
fn an_explanation_follows_the_capped_header() {
    let mut payload = (-22_i32).to_ne_bytes().to_vec();
    payload.extend(message(FAMILY, 1, 5, 0, &[]));
    payload.extend(explanation());
    let datagram = message(NLMSG_ERROR, NLM_F_CAPPED | NLM_F_ACK_TLVS, 5, PORT, &payload);
    assert_eq!(only(&datagram).body, Body::Verdict(explained(22)));
}

#[test]
fn an_explanation_follows_the_whole_request_where_it_is_echoed() {
    let mut payload = (-22_i32).to_ne_bytes().to_vec();
    payload.extend(message(FAMILY, 1, 5, 0, &[7; 33]));
    payload.extend(explanation());
    let datagram = message(NLMSG_ERROR, NLM_F_ACK_TLVS, 5, PORT, &payload);
    assert_eq!(only(&datagram).body, Body::Verdict(explained(22)));
}

#[test]
fn an_explanation_follows_the_code_of_an_end() {
    let mut payload = (-1_i32).to_ne_bytes().to_vec();
    payload.extend(explanation());
    let datagram = message(NLMSG_DONE, 2 | NLM_F_ACK_TLVS, 5, PORT, &payload);
    assert_eq!(only(&datagram).body, Body::Done(explained(1)));
}

#[test]
fn without_the_flag_there_is_no_explanation() {
    let mut payload = (-22_i32).to_ne_bytes().to_vec();
    payload.extend(message(FAMILY, 1, 5, 0, &[]));
    payload.extend(explanation());
    let datagram = message(NLMSG_ERROR, NLM_F_CAPPED, 5, PORT, &payload);
    let plain = Verdict { errno: 22, message: None, offset: None };
    assert_eq!(only(&datagram).body, Body::Verdict(plain));
}

#[test]
fn an_explanation_that_cannot_be_read_leaves_the_code() {
    for rest in [vec![], vec![0xff; 3], vec![0xff; 64]] {
        let mut payload = (-22_i32).to_ne_bytes().to_vec();
        payload.extend(rest);
        let datagram = message(NLMSG_ERROR, NLM_F_ACK_TLVS, 5, PORT, &payload);
        let plain = Verdict { errno: 22, message: None, offset: None };
        assert_eq!(only(&datagram).body, Body::Verdict(plain));
    }
}

#[test]
fn messages_follow_each_other_aligned() {
    let mut datagram = answer(1, 2, 1, &[1, 2, 3]);
    assert_eq!(datagram.len() % 4, 0);
    datagram.extend(verdict(2, 17));
    datagram.extend(done(3, 0));
    let sequences: Vec<u32> = replies(&datagram).map(|reply| reply.unwrap().sequence).collect();
    assert_eq!(sequences, [1, 2, 3]);
}

#[test]
fn what_comes_before_a_broken_message_is_still_read() {
    let mut datagram = verdict(1, 17);
    datagram.extend([0xff; 20]);
    let all: Vec<_> = replies(&datagram).collect();
    assert_eq!(all.len(), 2);
    assert!(all[0].is_ok() && all[1].is_err());
}

#[test]
fn a_family_message_without_its_header_is_an_error() {
    assert!(replies(&message(FAMILY, 0, 1, PORT, &[1, 1])).next().unwrap().is_err());
}

proptest! {
    #[test]
    fn nothing_panics_and_everything_ends(datagram in proptest::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(replies(&datagram).count() <= 200 / 16 + 1);
    }

    #[test]
    fn damaged_messages_do_not_panic(
        errno in any::<i32>(), at in any::<proptest::sample::Index>(), byte in any::<u8>(),
        kind in 0_u16..6, flags in any::<u16>(),
    ) {
        let mut payload = errno.to_ne_bytes().to_vec();
        payload.extend(message(FAMILY, 1, 5, 0, &[]));
        payload.extend(explanation());
        let mut datagram = message(kind, flags, 5, PORT, &payload);
        let at = at.index(datagram.len());
        datagram[at] = byte;
        prop_assert!(replies(&datagram).count() <= datagram.len() / 16 + 1);
    }
}
