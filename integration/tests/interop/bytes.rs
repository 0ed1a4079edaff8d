//! Byte for byte: what ours and keepalived send for the same file, from the same addresses.
//!
//! Each program is alone in a network of its own, on a node with the same Ethernet and IP addresses, from its start over
//! the announcements of its promotion and the second ones to its farewell. The identification of IPv4 headers and what is
//! computed from it (header checksum; sequence number and value of an authentication header) and the flow label of IPv6
//! headers are blanked, everything else must be equal. Then tshark, which shares no code with either, decodes both captures and verifies every checksum.

use std::net::IpAddr;
use std::thread;
use std::time::Duration;

use integration::sight::Sight;
use integration::tap::Frame;
use integration::{Contender, Node, Program, Tap, Topology, native_test, wait_for, wait_until};

use crate::mode::{Auth, Family, Link, Mode, Transport, Version};

const PATIENCE: Duration = Duration::from_secs(60);
/// A gap between announcements that makes them two bursts.
const BURST: Duration = Duration::from_secs(2);

/// What one program sent.
struct Capture {
    program: Program,
    frames: Vec<Frame>,
    bursts: Vec<Vec<Frame>>,
}

/// What is compared.
#[derive(Clone, Copy)]
struct Case {
    mode: Mode,
    /// Of the networks.
    name: &'static str,
    /// More lines for the instance.
    more: &'static str,
    /// The node is a router, which neighbour advertisements tell.
    forwarding: bool,
}

const fn case(mode: Mode, name: &'static str, more: &'static str) -> Case {
    Case { mode, name, more, forwarding: false }
}

/// Both programs, compared.
fn same_bytes(case: Case) {
    let Case { mode, name, .. } = case;
    let [ours, theirs] = thread::scope(|scope| {
        [Program::Ipvsd, Program::Keepalived]
            .map(|program| {
                thread::Builder::new()
                    .name(format!("{mode} {name} by {}", program.name()))
                    .spawn_scoped(scope, move || capture(program, case))
                    .unwrap()
            })
            .map(|run| run.join().unwrap())
    });
    let adverts = |capture: &Capture| -> Vec<Vec<u8>> {
        let all: Vec<_> = capture.frames.iter().filter(|frame| frame.advert().is_some()).map(blank).collect();
        // The first ones and the farewell. How many come between is a matter of when it was stopped.
        let mut chosen = all[..4].to_vec();
        chosen.push(all[all.len() - 1].clone());
        chosen
    };
    compare(&format!("{mode} {name}: adverts"), &adverts(&ours), &adverts(&theirs));
    assert!(ours.frames[0].advert().is_some(), "{mode} {name}: the advert goes first");
    assert!(theirs.frames[0].advert().is_some(), "{mode} {name}: the advert goes first");

    assert_eq!(ours.bursts.len(), theirs.bursts.len(), "{mode} {name}: bursts of announcements");
    for (number, (ours, theirs)) in ours.bursts.iter().zip(&theirs.bursts).enumerate() {
        let bytes = |burst: &[Frame]| burst.iter().map(blank).collect::<Vec<_>>();
        compare(&format!("{mode} {name}: announcements, burst {number}"), &bytes(ours), &bytes(theirs));
    }
    if mode.link != Link::Own {
        let mac = |frame: &Frame| frame.bytes[6..11] == [0, 0, 0x5e, 0, if mode.family == Family::V4 { 1 } else { 2 }];
        assert_eq!(mac(&ours.frames[0]), mode.link == Link::Vmac, "{mode} {name}: whence adverts come");
        assert!(mac(&ours.bursts[0][0]), "{mode} {name}: announcements come from the virtual MAC address");
    }
    for capture in [&ours, &theirs] {
        let pause = capture.bursts[1][0].at - capture.bursts[0][0].at;
        // Five seconds from the promotion; on a busy machine the first may follow it late.
        let fine = Duration::from_secs(4)..Duration::from_secs(6);
        assert!(fine.contains(&pause), "{mode} {name}: {} announced again after {pause:?}", capture.program.name());
    }
}

/// Frames as hexadecimal text, so that a difference can be read.
fn compare(what: &str, ours: &[Vec<u8>], theirs: &[Vec<u8>]) {
    let hex = |frames: &[Vec<u8>]| -> Vec<String> {
        frames.iter().map(|frame| frame.iter().map(|byte| format!("{byte:02x}")).collect()).collect()
    };
    let (ours, theirs) = (hex(ours), hex(theirs));
    assert!(ours == theirs, "{what}\nours:\n{}\nkeepalived's:\n{}", ours.join("\n"), theirs.join("\n"));
}

/// Without what may differ.
fn blank(frame: &Frame) -> Vec<u8> {
    let mut bytes = frame.bytes.clone();
    if bytes[12..14] == [0x08, 0x00] {
        bytes[18..20].fill(0);
        bytes[24..26].fill(0);
        if bytes[23] == 51 {
            // Behind its length, reserved bytes and SPI: sequence number and HMAC-MD5-96.
            let header = 14 + 4 * usize::from(bytes[14] & 0x0f);
            bytes[header + 8..header + 24].fill(0);
        }
    } else if bytes[12..14] == [0x86, 0xdd] {
        // The flow label, which the kernel makes of the socket and of a number that it draws at its start.
        bytes[15] &= 0xf0;
        bytes[16..18].fill(0);
    }
    bytes
}

/// Runs a program until it has announced twice, and then to its end.
fn capture(program: Program, case: Case) -> Capture {
    let Case { mode, name, more, forwarding } = case;
    let mut lab = Topology::new(&format!("bytes-{mode}-{name}-{}", program.name()));
    let lan = lab.segment("lan");
    let (node, peer) = (lab.node("one"), lab.node("two"));
    for (node, number) in [(&node, 1), (&peer, 2)] {
        lan.attach(node, "eth0", &[]);
        let [v4, v6] = mode.interface_addresses(number);
        // Down and up again, so that the link-local address is made from the Ethernet address that is the same in all runs.
        node.sh(&format!(
            "ip link set eth0 down; ip link set eth0 address 02:00:00:00:00:0{number}; ip link set eth0 up; \
             ip address add {v4} dev eth0; ip address add {v6} dev eth0 nodad"
        ));
    }
    wait_until(PATIENCE, "a link-local address", || {
        node.addresses().iter().any(|(_, ip)| matches!(ip, IpAddr::V6(v6) if v6.is_unicast_link_local()))
    });
    if forwarding {
        node.set_sysctl("net.ipv6.conf.all.forwarding", "1");
    }
    let tap = Tap::start(&node, "eth0");
    let contender = Contender::start(program, &node, &mode.conf(1, 2, 150, more));
    let sent = || -> Vec<Frame> {
        let ours = |frame: &Frame| frame.outgoing && frame.sight() != Sight::Other;
        tap.frames().into_iter().filter(ours).collect()
    };
    wait_for(PATIENCE, &format!("{mode} {name}: two bursts by {}", program.name()), || {
        let bursts = bursts(&sent());
        let sizes: Vec<_> = bursts.iter().map(Vec::len).collect();
        // As long as the second is shorter than the first, it may be under way.
        if sizes.len() >= 2 && sizes[1] >= sizes[0] { Ok(()) } else { Err(format!("bursts of {sizes:?} frames")) }
    });
    contender.stop();
    tap.wait_advert(PATIENCE, "a farewell", 0, |advert| advert.priority == 0);
    let frames = sent();
    decode(&node, program, &frames);
    Capture { program, bursts: bursts(&frames), frames }
}

/// Announcements that follow one another closely.
fn bursts(frames: &[Frame]) -> Vec<Vec<Frame>> {
    let mut bursts: Vec<Vec<Frame>> = Vec::new();
    for frame in frames.iter().filter(|frame| frame.announcement().is_some()) {
        match bursts.last_mut().filter(|burst| frame.at - burst[burst.len() - 1].at < BURST) {
            Some(burst) => burst.push(frame.clone()),
            None => bursts.push(vec![frame.clone()]),
        }
    }
    bursts
}

/// tshark understands every frame, and finds every checksum right.
fn decode(node: &Node, program: Program, frames: &[Frame]) {
    let file = node.folder().join("sent.pcap");
    std::fs::write(&file, Tap::pcap(frames)).unwrap();
    let fields = [
        "vrrp.checksum.status",
        "ip.checksum.status",
        "icmpv6.checksum.status",
        "_ws.malformed",
        "_ws.expert.message",
        "frame.protocols",
    ];
    let mut command = node.command("tshark").arg("-r").arg(&file).args(["-n", "-o", "ip.check_checksum:TRUE"]);
    command = command.args(["-T", "fields", "-E", "separator=;"]);
    for field in fields {
        command = command.args(["-e", field]);
    }
    let text = command.ok();
    assert_eq!(text.lines().count(), frames.len(), "{text}");
    let mut verified = 0;
    for (line, frame) in text.lines().zip(frames) {
        let words: Vec<_> = line.split(';').collect();
        let [vrrp, ip, icmp, malformed, complaint, protocols] = words[..] else { panic!("{line}") };
        let context = format!("{}: tshark of {frame:?}: {line}", program.name());
        assert!(malformed.is_empty() && complaint.is_empty(), "{context}");
        match frame.sight() {
            Sight::Advert(advert) => {
                assert_eq!(vrrp, "1", "{context}");
                assert_eq!(ip, if advert.source.is_ipv4() { "1" } else { "" }, "{context}");
                verified += 1;
            }
            Sight::Announcement(announcement) if announcement.address.is_ipv6() => assert_eq!(icmp, "1", "{context}"),
            Sight::Announcement(_) => assert!(protocols.ends_with("arp"), "{context}"),
            Sight::Other => panic!("{context}"),
        }
    }
    assert!(verified > 4, "{verified} adverts");
}

/// Runs comparisons at the same time: most of it is waiting.
fn all(cases: &[Case]) {
    thread::scope(|scope| {
        for case in cases {
            thread::Builder::new()
                .name(format!("{} {}", case.mode, case.name))
                .spawn_scoped(scope, move || same_bytes(*case))
                .unwrap();
        }
    });
}

const fn mode(version: Version, family: Family, transport: Transport, auth: Auth) -> Mode {
    Mode { version, family, transport, auth, link: Link::Own }
}

const EXCLUDED_V4: &str = "  virtual_ipaddress_excluded {\n    192.0.2.110/24\n    192.0.2.111/24\n  }\n";
const EXCLUDED_V6: &str = "  virtual_ipaddress_excluded {\n    2001:db8::110/64\n    2001:db8::111/64\n  }\n";
/// A mode from either link of a virtual MAC address.
fn vmac(mode: Mode) -> [Case; 2] {
    [Link::Vmac, Link::VmacFromBase].map(|link| case(Mode { link, ..mode }, "plain", ""))
}

native_test! {
    fn ipv4_frames_are_those_of_keepalived() {
        all(&[
            case(mode(Version::V2, Family::V4, Transport::Multicast, Auth::None), "plain", ""),
            case(mode(Version::V2, Family::V4, Transport::Multicast, Auth::Pass), "plain", ""),
            case(mode(Version::V2, Family::V4, Transport::Unicast, Auth::None), "plain", ""),
            case(mode(Version::V2, Family::V4, Transport::Unicast, Auth::Pass), "plain", ""),
            case(mode(Version::V3, Family::V4, Transport::Multicast, Auth::None), "plain", ""),
            case(mode(Version::V3, Family::V4, Transport::Unicast, Auth::None), "plain", ""),
        ]);
    }

    fn ipv4_frames_with_excluded_addresses_and_counts_are_those_of_keepalived() {
        let two = mode(Version::V2, Family::V4, Transport::Multicast, Auth::None);
        let three = mode(Version::V3, Family::V4, Transport::Multicast, Auth::None);
        all(&[
            case(two, "excluded", EXCLUDED_V4),
            case(three, "excluded", EXCLUDED_V4),
            case(three, "repeat", "  garp_master_repeat 2\n"),
        ]);
    }

    fn frames_with_an_authentication_header_are_those_of_keepalived() {
        all(&[
            case(mode(Version::V2, Family::V4, Transport::Multicast, Auth::Ah), "plain", ""),
            case(mode(Version::V2, Family::V4, Transport::Unicast, Auth::Ah), "plain", ""),
        ]);
    }

    fn ipv6_frames_are_those_of_keepalived() {
        let multicast = mode(Version::V3, Family::V6, Transport::Multicast, Auth::None);
        all(&[
            case(multicast, "plain", ""),
            case(multicast, "excluded", EXCLUDED_V6),
            Case { forwarding: true, ..case(multicast, "router", "") },
            // Without the option keepalived 2.2.7 leaves the kernel's 64 there, and we send what it says it would: 255.
            case(mode(Version::V3, Family::V6, Transport::Unicast, Auth::None), "plain", "  unicast_ttl 255\n"),
        ]);
    }

    fn ipv4_frames_from_a_virtual_mac_are_those_of_keepalived() {
        let two = mode(Version::V2, Family::V4, Transport::Multicast, Auth::None);
        let three = mode(Version::V3, Family::V4, Transport::Multicast, Auth::None);
        all(&[vmac(two), vmac(three)].concat());
    }

    fn ipv6_frames_from_a_virtual_mac_are_those_of_keepalived() {
        all(&vmac(mode(Version::V3, Family::V6, Transport::Multicast, Auth::None)));
    }
}
