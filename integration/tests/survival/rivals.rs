//! Others who tell the neighbours that they have the virtual address, and speak no VRRP: clients find their way back.

use std::net::{Ipv6Addr, UdpSocket};

use super::*;

const VIP6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0x100);
const MASTER: [u8; 6] = [2, 0, 0, 0, 0, 1];
const RIVAL: [u8; 6] = [2, 0, 0, 0, 0, 3];

/// A neighbour advertisement for the virtual address, unasked and overriding, by node 3.
fn advertisement() -> Vec<u8> {
    let all_nodes: Ipv6Addr = "ff02::1".parse().unwrap();
    let mut body = vec![136, 0, 0, 0, 0x20, 0, 0, 0];
    body.extend(VIP6.octets());
    body.extend([2, 1]);
    body.extend(RIVAL);
    let mut summed = [VIP6.octets(), all_nodes.octets()].concat();
    summed.extend([0, 0, 0, 32, 0, 0, 0, 58]);
    summed.extend(&body);
    let mut sum: u32 = summed.chunks(2).map(|pair| u32::from(u16::from_be_bytes([pair[0], pair[1]]))).sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    body[2..4].copy_from_slice(&(!u16::try_from(sum).unwrap()).to_be_bytes());
    let mut frame = vec![0x33, 0x33, 0, 0, 0, 1];
    frame.extend(RIVAL);
    frame.extend([0x86, 0xdd, 0x60, 0, 0, 0, 0, 32, 58, 255]);
    frame.extend(VIP6.octets());
    frame.extend(all_nodes.octets());
    frame.extend(body);
    frame
}

fn conf6(priority: u8) -> String {
    conf(priority, "").replace(&format!("{VIP}/24"), &format!("{VIP6}/64"))
}

fn neighbour6(node: &Node) -> String {
    let line = node.sh(&format!("ip -6 neighbour show {VIP6} dev eth0"));
    let mut words = line.split_whitespace().skip_while(|word| *word != "lladdr");
    words.nth(1).unwrap_or_default().to_owned()
}

/// Who announced the address since a mark, in order.
fn announcers(tap: &Tap, mark: usize, address: IpAddr) -> Vec<[u8; 6]> {
    tap.announcements_from(mark, address).into_iter().map(|(_, announcement)| announcement.mac).collect()
}

/// The address is claimed five times in two seconds, then no more.
fn a_copy_announces_itself(lan: &Lan, one: &Ipvsd, address: IpAddr, frame: &[u8], neighbour: fn(&Node) -> String) {
    let client = &lan.nodes[3];
    one.daemon().wait_log(PATIENCE, "BACKUP -> MASTER");
    assert!(client.reaches(address, PATIENCE));
    assert_eq!(neighbour(client), mac_text(1));
    let (tap, hearing) = (Tap::start(client, "eth0"), Hearing::of(one));
    let injector = Injector::open(&lan.nodes[2], "eth0");
    let start = tap.mark();
    for _ in 0..5 {
        let mark = tap.mark();
        injector.send(frame);
        tap.wait(PATIENCE, "the rival's word", mark, |frame| frame.announcement().filter(|it| it.mac == RIVAL));
        holds_for(Duration::from_millis(400), "the master", || lan.nodes[0].has_address("eth0", address));
    }
    wait_until(PATIENCE, "the last word", || announcers(&tap, start, address).last() == Some(&MASTER));
    wait_until(PATIENCE, "the client to come back", || neighbour(client) == mac_text(1));
    assert!(client.reaches(address, PATIENCE));
    // Ours came in between, and not for each of theirs.
    let all = announcers(&tap, start, address);
    let ours = all.iter().filter(|mac| **mac == MASTER).count();
    assert_eq!(all[..2], [RIVAL, MASTER], "the first is answered at once: {all:02x?}");
    assert!((2..=9).contains(&ours), "with the promotion's second burst: {all:02x?}");
    let beginning = format!("VI_1: 02:00:00:00:00:03 on eth0 says that it has {address}, which is ours as master");
    hearing.exactly(&[&beginning]);
    let rivals = instances(&one.show())[0]["rivals"].clone();
    assert_eq!((rivals[0]["mac"].as_str(), rivals[0]["claims"].as_u64()), (Some("02:00:00:00:00:03"), Some(5)));
    for verb in ["show", "why"] {
        let text = one.ctl(&[verb]).stdout.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(text.contains(&format!("! 02:00:00:00:00:03 on eth0 says that it has {address}")), "{verb}: {text}");
    }
    // And its end.
    let end = format!("VI_1: nobody else has claimed {address} for 20 s; 02:00:00:00:00:03 had done so 5 times");
    hearing.exactly(&[&beginning, &end]);
    assert_eq!(instances(&one.show())[0]["rivals"].as_array().map(Vec::len), Some(0));
    assert_eq!(neighbour(client), mac_text(1));
    assert_eq!(became_master(one), 1);
}

native_test! {
    /// A host with a copy of the address announces it by gratuitous ARP.
    fn a_copy_of_the_address_announces_itself() {
        let lan = Lan::new("copy", 4);
        let [one, two] = lan.pair();
        a_copy_announces_itself(&lan, &one, VIP.into(), &gratuitous_arp(3), neighbour);
        assert_eq!(became_master(&two), 0);
    }

    /// The same over IPv6.
    fn a_copy_of_the_ipv6_address_announces_itself() {
        let lan = Lan::new("copy-6", 4);
        lan.nodes[3].sh("ip address add 2001:db8::4/64 dev eth0 nodad");
        let one = Ipvsd::start(&lan.nodes[0], &conf6(150));
        one.wait_state("VI_1", "MASTER");
        wait_until(PATIENCE, "the address", || lan.nodes[0].has_address("eth0", VIP6.into()));
        a_copy_announces_itself(&lan, &one, VIP6.into(), &advertisement(), neighbour6);
    }

    /// A host with the address on its interface uses it, as any program of it may: its question for a neighbour is a claim too.
    fn a_copy_that_asks_for_a_neighbour() {
        let lan = Lan::new("copy-asks", 3);
        let [one, _two] = lan.pair();
        let hearing = Hearing::of(&one);
        lan.nodes[2].add_address("eth0", "192.0.2.100/32");
        // To nobody: its kernel asks for that address, in the name of the one that the packet is from.
        lan.nodes[2].enter(|| UdpSocket::bind((VIP, 0)).and_then(|socket| socket.send_to(b"?", "192.0.2.77:9"))).unwrap();
        hearing.exactly(&["VI_1: 02:00:00:00:00:03 on eth0 says that it has 192.0.2.100, which is ours as master"]);
        assert!(lan.nodes[0].has_address("eth0", VIP.into()));
    }

    /// Claims without end, of many hosts: one line, few answers, adverts on time, and hardly any work.
    fn a_flood_of_claims() {
        let lan = Lan::new("claims", 3);
        let [one, two] = lan.pair();
        let (tap, hearing) = (Tap::start_from(&lan.nodes[1], "eth0", MASTER), Hearing::of(&one));
        let frames: Vec<Vec<u8>> = (3..=250).map(gratuitous_arp).collect();
        let before = processor_time(&one);
        let flood = Injector::open(&lan.nodes[2], "eth0").flood(frames, 20_000);
        let started = Instant::now();
        holds_for(Duration::from_secs(6), "the master", || lan.nodes[0].has_address("eth0", VIP.into()));
        let (used, took) = (processor_time(&one) - before, started.elapsed());
        let sent = flood.sent();
        drop(flood);
        assert!(sent > 20_000, "no flood: {sent} frames");
        assert!(used < took / 4, "{used:?} of {took:?}");
        let ours = announcers(&tap, 0, VIP.into()).len();
        // With those of the promotion's second burst.
        assert!((2..=9).contains(&ours), "{ours} answers");
        let lines = hearing.lines();
        assert!(lines.len() == 1 && lines[0].contains("says that it has 192.0.2.100"), "{lines:#?}");
        assert_eq!((became_master(&one), became_master(&two)), (1, 0));
    }

    /// Switched off, nobody is answered and nothing is said.
    fn not_where_it_is_switched_off() {
        let lan = Lan::new("not-watched", 3);
        let one = Ipvsd::start(&lan.nodes[0], &conf(150, "watch_rivals off"));
        lan.wait_owner("n1");
        one.daemon().wait_log(PATIENCE, "BACKUP -> MASTER");
        let (tap, hearing) = (Tap::start(&lan.nodes[1], "eth0"), Hearing::of(&one));
        Injector::open(&lan.nodes[2], "eth0").send(&gratuitous_arp(3));
        tap.wait(PATIENCE, "the claim", 0, |frame| frame.announcement().filter(|it| it.mac == RIVAL));
        // Of our own there are the second announcements of the promotion, five seconds after it.
        holds_for(Duration::from_secs(1), "silence", || hearing.lines().is_empty());
    }

    /// A keepalived that was master on its side of a partition hears us first when it heals, and never speaks again: we learn
    /// nothing of it. Clients that know its hardware address find out by themselves, when the kernel asks for
    /// the neighbour that does not answer; or at the next refresh, where one is configured.
    fn a_loser_that_is_never_heard() {
        for refresh in [false, true] {
            let lan = Lan::new(if refresh { "mute-refresh" } else { "mute" }, 3);
            let words = if refresh { "\n  garp_master_refresh 1" } else { "" };
            let unicast = |own: u8, peer: u8| {
                format!("unicast_src_ip 192.0.2.{own}\n  unicast_peer {{\n    192.0.2.{peer}\n  }}")
            };
            let one = Ipvsd::start(&lan.nodes[0], &conf(150, &(unicast(1, 2) + words)));
            one.wait_state("VI_1", "MASTER");
            // What it says goes to a host that is not there.
            lan.nodes[1].sh("ip neighbour replace 192.0.2.1 lladdr 02:00:00:00:00:ee dev eth0 nud permanent");
            let loser = Contender::start(Program::Keepalived, &lan.nodes[1], &conf(100, &unicast(2, 1)));
            loser.daemon().wait_log(PATIENCE, "Entering BACKUP STATE");
            let client = &lan.nodes[2];
            client.sh("sysctl -qw net.ipv4.neigh.eth0.base_reachable_time_ms=1000 net.ipv4.neigh.eth0.delay_first_probe_time=1");
            assert!(client.reaches(VIP.into(), PATIENCE));
            // Past the second announcements of the promotion: whatever comes later has another cause.
            one.wait_show("rest", |snapshot| instances(snapshot)[0]["since_secs"].as_f64() > Some(6.0));
            let tap = Tap::start(client, "eth0");
            lan.segment.isolate(&lan.nodes[0]);
            wait_until(PATIENCE, "the client to learn of n2", || neighbour(client) == mac_text(2));
            let hearing = Hearing::of(&one);
            // The loser's second announcements come after five seconds. Later ones there are none, but we would hear them.
            wait_until(PATIENCE, "the loser's second announcements", || {
                let all = tap.announcements_from(0, VIP.into());
                all.iter().filter(|(at, _)| *at > all[0].0 + Duration::from_secs(3)).count() >= 5
            });
            let mark = tap.mark();
            lan.segment.rejoin(&lan.nodes[0]);
            lan.wait_owner("n1");
            if refresh {
                tap.wait(PATIENCE, "a refresh", mark, |frame| frame.announcement().filter(|it| it.mac == MASTER));
                wait_until(PATIENCE, "the client to learn of n1", || neighbour(client) == mac_text(1));
            } else {
                holds_for(Duration::from_secs(3), "nobody announces", || announcers(&tap, mark, VIP.into()).is_empty());
            }
            assert!(client.reaches(VIP.into(), PATIENCE));
            wait_until(PATIENCE, "the client to find n1", || neighbour(client) == mac_text(1));
            hearing.exactly(&[]);
            assert_eq!(instances(&one.show())[0]["adverts_received"].as_u64(), Some(0));
        }
    }
}

/// What a router's process has used of the processors.
fn processor_time(router: &Ipvsd) -> Duration {
    let text = std::fs::read_to_string(format!("/proc/{}/stat", router.daemon().pid())).unwrap();
    // Fields 14 and 15 of proc_pid_stat(5), in hundredths of a second; the first word after the name is field 3.
    let words: Vec<&str> = text.rsplit(')').next().unwrap().split_whitespace().collect();
    let ticks: u64 = words[11..13].iter().map(|word| word.parse::<u64>().unwrap()).sum();
    Duration::from_millis(ticks * 10)
}
