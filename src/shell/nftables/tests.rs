use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use netlink_packet_core::NLM_F_ACK;

use super::*;

fn firewall() -> Firewall {
    Firewall {
        table: "keepalived".to_owned(),
        priority: -1,
        refused: BTreeSet::from([
            IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)),
            IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1)),
        ]),
        refused_on: BTreeSet::from([(Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1), 7)]),
        quiet: BTreeMap::from([(7, 2)]),
    }
}

/// Type and flags of each message; the lengths must lead from one to the next.
fn messages(bytes: &[u8]) -> Vec<(u16, u16)> {
    let mut rest = bytes;
    let mut found = Vec::new();
    while !rest.is_empty() {
        let message = NetlinkBuffer::new_checked(rest).unwrap();
        found.push((message.message_type(), message.flags()));
        rest = &rest[usize::try_from(message.length()).unwrap()..];
    }
    found
}

#[test]
fn a_transaction_has_a_begin_and_an_end_and_asks_for_one_answer() {
    let mut batch = Batch::new(41);
    assert!(rules::add(&mut batch, FAMILIES[0], &firewall(), Means::default()));
    let (bytes, first, last) = batch.finish();
    let messages = messages(&bytes);
    assert_eq!((first, messages.first().unwrap().0, messages.last().unwrap().0), (42, 0x10, 0x11));
    let asked: Vec<usize> = (0..messages.len()).filter(|at| messages[*at].1 & NLM_F_ACK != 0).collect();
    assert_eq!(asked, [messages.len() - 2]);
    assert_eq!(last, 42 + u32::try_from(asked[0]).unwrap());
}

#[test]
fn a_family_in_which_nothing_is_dropped_has_no_table() {
    let only = |refused: IpAddr| Firewall { refused: BTreeSet::from([refused]), ..Firewall::default() };
    let families =
        |firewall: &Firewall| FAMILIES.map(|family| rules::add(&mut Batch::new(0), family, firewall, Means::default()));
    assert_eq!(families(&only(IpAddr::V4(Ipv4Addr::LOCALHOST))), [true, false]);
    assert_eq!(families(&only(IpAddr::V6(Ipv6Addr::LOCALHOST))), [false, true]);
    assert_eq!(families(&Firewall { quiet: BTreeMap::from([(7, 2)]), ..Firewall::default() }), [true, true]);
    assert_eq!(families(&Firewall::default()), [false, false]);
}

#[test]
fn without_dup_reports_are_dropped_all_the_same() {
    let quiet = Firewall { quiet: BTreeMap::from([(7, 2)]), ..Firewall::default() };
    for family in FAMILIES {
        let bytes = |dup| {
            let mut batch = Batch::new(0);
            rules::add(&mut batch, family, &quiet, Means { dup, ..Means::default() });
            batch.finish().0
        };
        let says = |bytes: &[u8], word: &[u8]| bytes.windows(word.len()).any(|found| found == word);
        assert!(says(&bytes(true), b"dup\0") && !says(&bytes(false), b"dup\0"));
        assert!(says(&bytes(false), b"immediate\0"), "the verdict stays");
    }
}

#[test]
fn thousands_of_addresses_fit() {
    let refused = (0..10_000_u32).map(|number| IpAddr::V4(Ipv4Addr::from(0x0a00_0000 + number))).collect();
    let mut batch = Batch::new(0);
    rules::add(&mut batch, FAMILIES[0], &Firewall { refused, ..Firewall::default() }, Means::default());
    let (bytes, ..) = batch.finish();
    // Each is there once.
    assert!(bytes.len() > 10_000 * 16, "{}", bytes.len());
    assert_eq!(messages(&bytes).iter().filter(|(kind, _)| kind & 0xff == 12).count(), 20);
}

fn answer(sequence: u32, code: i32) -> Vec<u8> {
    let mut bytes = 36_u32.to_ne_bytes().to_vec();
    bytes.extend(NLMSG_ERROR.to_ne_bytes());
    bytes.extend(0_u16.to_ne_bytes());
    bytes.extend(sequence.to_ne_bytes());
    bytes.extend([0; 4]);
    bytes.extend(code.to_ne_bytes());
    bytes.resize(36, 0);
    bytes
}

#[test]
fn a_transaction_is_judged_by_its_own_answers() {
    let words = |bytes: &[u8]| verdict(bytes, 10, 20).map(|outcome| outcome.map_err(|error| error.to_string()));
    assert_eq!(words(&answer(20, 0)), Some(Ok(())));
    assert_eq!(words(&answer(9, -1)), None, "of an earlier one");
    assert_eq!(words(&answer(12, 0)), None);
    let missing = Some(Err("nftables says: No such file or directory".to_owned()));
    assert_eq!(words(&[answer(12, -2), answer(20, 0)].concat()), missing);
    let whole = answer(20, 0);
    for len in 0..whole.len() {
        assert_eq!(words(&whole[..len]), None);
    }
}
