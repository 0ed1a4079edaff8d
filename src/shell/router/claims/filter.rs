//! Programs for the kernel's classic packet filter: only frames that claim one of certain addresses come through.
//!
//! An address is looked for by its last four bytes, which is all of an IPv4 address; the few IPv6 addresses that end like one of
//! ours and are not are found out by whoever reads them. A program has room for so many addresses; past those only the bits
//! that all of them share are looked at.

use std::collections::BTreeSet;

use crate::shell::router::program::{
    AND, IP_HEADER, Instruction, JUMP, LOAD_BYTE, LOAD_HALF, LOAD_WORD, RETURN, WHOLE, equal, plain,
};

/// Addresses that are looked for one by one: each frame is compared with all of them. The kernel takes 4,096 instructions
/// (`BPF_MAXINSNS`).
const MOST: usize = 500;

/// ARP packets of a sender with one of these addresses and without this Ethernet address; in frames from the Ethernet header
/// on.
pub(super) fn arp(words: &BTreeSet<u32>, own: [u8; 6]) -> Vec<Instruction> {
    let [a, b, c, d, e, f] = own;
    let mut program = vec![
        plain(LOAD_WORD, 22),
        equal(u32::from_be_bytes([a, b, c, d]), 0, 3),
        plain(LOAD_HALF, 26),
        equal(u32::from(u16::from_be_bytes([e, f])), 0, 1),
        plain(RETURN, 0),
        plain(LOAD_WORD, 28),
    ];
    one_of(words, &mut program);
    program
}

/// Neighbour advertisements of one of these addresses, and solicitations from one; in messages from the ICMPv6 header on, as a
/// raw socket has them.
pub(super) fn ndp(words: &BTreeSet<u32>) -> Vec<Instruction> {
    let mut program = vec![
        plain(LOAD_BYTE, 0),
        equal(135, 0, 2),
        plain(LOAD_WORD, IP_HEADER + 20),
        plain(JUMP, 3),
        equal(136, 1, 0),
        plain(RETURN, 0),
        plain(LOAD_WORD, 20),
    ];
    one_of(words, &mut program);
    program
}

/// Lets through what was loaded, if it is one of these.
fn one_of(words: &BTreeSet<u32>, program: &mut Vec<Instruction>) {
    if words.len() <= MOST {
        for word in words {
            program.extend([equal(*word, 0, 1), plain(RETURN, WHOLE)]);
        }
    } else if let Some(first) = words.first() {
        let shared = words.iter().fold(u32::MAX, |shared, word| shared & !(word ^ first));
        program.extend([plain(AND, shared), equal(first & shared, 0, 1), plain(RETURN, WHOLE)]);
    }
    program.push(plain(RETURN, 0));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shell::router::program::passes;
    use crate::wire::{arp as wire_arp, ndp as wire_ndp};
    use std::net::{Ipv4Addr, Ipv6Addr};

    const OWN: [u8; 6] = [2, 0, 0, 0, 0, 1];

    fn gratuitous(mac: [u8; 6], address: u32) -> Vec<u8> {
        wire_arp::Gratuitous { mac, address: Ipv4Addr::from(address) }.emit()
    }

    #[test]
    fn arp_of_others_for_these_addresses() {
        let words: BTreeSet<u32> = [0x0a00_0001, 0x0a00_0005].into();
        let program = arp(&words, OWN);
        for (mac, address, expected) in [
            ([2, 0, 0, 0, 0, 9], 0x0a00_0001, true),
            ([2, 0, 0, 0, 9, 1], 0x0a00_0005, true),
            ([9, 0, 0, 0, 0, 1], 0x0a00_0005, true),
            ([2, 0, 0, 0, 0, 9], 0x0a00_0002, false),
            (OWN, 0x0a00_0001, false),
        ] {
            assert_eq!(passes(&program, &gratuitous(mac, address), &[]), expected, "{mac:?} {address:x}");
        }
        assert!(!passes(&program, &gratuitous([2, 0, 0, 0, 0, 9], 0x0a00_0001)[..30], &[]));
        assert!(!passes(&arp(&BTreeSet::new(), OWN), &gratuitous([2, 0, 0, 0, 0, 9], 0), &[]));
    }

    #[test]
    fn very_many_addresses_are_looked_at_by_what_they_share() {
        let program = |count: u32| arp(&(0x0a00_0000..0x0a00_0000 + count).collect(), OWN);
        assert_eq!((program(500).len(), program(501).len()), (1007, 10));
        for (count, address, expected) in [
            (500, 0x0a00_01f3, true),
            (500, 0x0a00_01f4, false),
            (501, 0x0a00_01f4, true),
            (501, 0x0a00_01ff, true),
            (501, 0x0a00_0200, false),
        ] {
            let frame = gratuitous([2, 0, 0, 0, 0, 9], address);
            assert_eq!(passes(&program(count), &frame, &[]), expected, "{count} {address:x}");
        }
    }

    #[test]
    fn advertisements_of_these_addresses_and_solicitations_from_them() {
        let ours: Ipv6Addr = "2001:db8::51".parse().unwrap();
        let program = ndp(&[0x51].into());
        let frame = |address: &str| {
            let address = address.parse().unwrap();
            wire_ndp::Unsolicited { mac: [2, 0, 0, 0, 0, 9], address, router: false }.emit()
        };
        let mut header = [0; 40];
        header[8..24].copy_from_slice(&ours.octets());
        assert!(passes(&program, &frame("2001:db8::51")[54..], &[0; 40]));
        // The reader finds out.
        assert!(passes(&program, &frame("2001:db9::51")[54..], &[0; 40]));
        assert!(!passes(&program, &frame("2001:db8::52")[54..], &header));
        let mut solicitation = frame("2001:db8::52")[54..].to_vec();
        solicitation[0] = 135;
        assert!(passes(&program, &solicitation, &header));
        assert!(!passes(&program, &solicitation, &[0; 40]));
        for kind in [128, 133, 134, 137] {
            solicitation[0] = kind;
            assert!(!passes(&program, &solicitation, &header), "type {kind}");
        }
    }
}
