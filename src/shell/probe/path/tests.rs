use super::*;
use crate::model::{Forwarding, ServerKey, Tunnel, Way};
use crate::shell::router::program::passes;
use std::num::NonZeroU32;

const COOKIE: u16 = 0xbeef;
const NUMBER: u32 = 0xbeef_0007;

fn call(forwarding: Forwarding, v6: bool) -> Call {
    let (through, server, source) = match v6 {
        false => ("192.0.2.1:80", "10.0.0.2", "10.0.0.1:40000"),
        true => ("[2001:db8::1]:80", "fd00::2", "[fd00::1]:40000"),
    };
    let server = ServerKey { address: server.parse().unwrap(), port: 8080 };
    let mark = NonZeroU32::new(7).unwrap();
    let through = through.parse().unwrap();
    let probe = PathProbe { through, server, forwarding, mark, source_address: None };
    Call { probe, source: source.parse().unwrap(), number: NUMBER, asked_on: None }
}

/// A packet from one end to the other, that acknowledges this number.
fn answer(from: &str, to: &str, flags: u8, acknowledges: u32) -> Vec<u8> {
    let (from, to): (SocketAddr, SocketAddr) = (from.parse().unwrap(), to.parse().unwrap());
    let header = tcp::Header { source_port: from.port(), destination_port: to.port(), sequence: 9, flags };
    let mut segment = header.emit(from.ip(), to.ip());
    segment[8..12].copy_from_slice(&acknowledges.to_be_bytes());
    packet(from.ip(), to.ip(), &segment).unwrap()
}

/// What the filter and the comparison make of a packet.
fn heard(call: &Call, packet: &[u8]) -> Option<Outcome> {
    let family = Family::of(call.source.ip());
    let judged = Answer::read(family, packet).and_then(|answer| answer.judge(call));
    let passed = passes(&program(COOKIE, family), packet, packet);
    assert!(passed || judged.is_none(), "the filter holds back an answer");
    judged.filter(|_| passed)
}

#[test]
fn an_answer_is_from_whom_the_way_lets_answer() {
    let refused = |way| Some(Outcome::PathRefused(way, Directly::Untold));
    for (v6, server, vip, us) in [
        (false, "10.0.0.2:8080", "192.0.2.1:80", "10.0.0.1:40000"),
        (true, "[fd00::2]:8080", "[2001:db8::1]:80", "[fd00::1]:40000"),
    ] {
        for (forwarding, way, right, wrong) in [
            (Forwarding::Masquerade, Way::Nat, server, vip),
            (Forwarding::Direct, Way::Direct, vip, server),
            (Forwarding::Tunnel(Tunnel::Ipip), Way::Tunnel, vip, server),
        ] {
            let call = call(forwarding, v6);
            assert_eq!(heard(&call, &answer(right, us, SYN | ACK, NUMBER)), Some(Outcome::Ok), "{forwarding}");
            assert_eq!(heard(&call, &answer(right, us, RST | ACK, NUMBER)), refused(way), "{forwarding}");
            assert_eq!(heard(&call, &answer(wrong, us, SYN | ACK, NUMBER)), None, "{forwarding}");
            assert_eq!(heard(&call, &answer(right, us, ACK, NUMBER)), None, "a bare acknowledgement");
            assert_eq!(heard(&call, &answer(right, us, SYN, NUMBER)), None, "somebody else's call");
            for strange in [NUMBER - 1, NUMBER + 1, NUMBER ^ 0x8000_0000, 0] {
                assert_eq!(heard(&call, &answer(right, us, SYN | ACK, strange)), None, "{strange:#x}");
            }
            let other_port = us.replace("40000", "40001");
            assert_eq!(heard(&call, &answer(right, &other_port, SYN | ACK, NUMBER)), None);
        }
    }
}

#[test]
fn the_filter_looks_at_what_it_was_told_to() {
    let right = answer("192.0.2.1:80", "10.0.0.1:40000", SYN | ACK, NUMBER);
    let lets = |packet: &[u8]| passes(&program(COOKIE, Family::V4), packet, packet);
    assert!(lets(&right));
    let changed = |at: usize, byte: u8| {
        let mut packet = right.clone();
        packet[at] = byte;
        packet
    };
    assert!(!lets(&changed(9, 17)), "UDP");
    assert!(!lets(&changed(7, 1)), "a fragment");
    assert!(!lets(&changed(0, 0x46)), "options");
    for length in 0..34 {
        assert!(!lets(&right[..length]), "cut off at {length}");
    }
}

#[test]
fn no_packet_makes_it_panic() {
    let right = answer("[2001:db8::1]:80", "[fd00::1]:40000", SYN | ACK, NUMBER);
    for length in 0..right.len() {
        assert_eq!(Answer::read(Family::V4, &right[..length]), None);
        assert_eq!(Answer::read(Family::V6, &right[..length]), None);
    }
}

/// IPVS may remember where a port's last call went.
#[test]
fn a_port_rests_after_its_call() {
    let mut calls = Calls::new(None, &mut Random::new(3));
    let PathProbe { server, forwarding, mark, .. } = call(Forwarding::Direct, false).probe;
    let through = "127.0.0.1:80".parse().unwrap();
    let probe = PathProbe { through, server, forwarding, mark, source_address: Some(Ipv4Addr::LOCALHOST.into()) };
    let mut ports = HashSet::new();
    for _ in 0..200 {
        let (_socket, source) = calls.port(&probe).unwrap();
        assert!(ports.insert(source), "{source} again");
        calls.rests.insert((source, through));
        calls.resting.push_back((Instant::now() + REST, source, through));
    }
    for (until, ..) in &mut calls.resting {
        *until = Instant::now();
    }
    calls.port(&probe).unwrap();
    assert!(calls.resting.is_empty() && calls.rests.is_empty(), "what has rested is forgotten");
}
