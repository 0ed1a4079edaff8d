//! A wire on which somebody sends what he likes: 100,000 packets a second that no router may believe.
//!
//! Nothing here has authentication, as hardly any network has: an advert that is right in every field is believed, whoever
//! sent it. Everything else must change no state, cost no advert, fill no log, and end no process.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::net::IpAddr;
use std::time::{Duration, Instant};

use integration::contender::processor_time_of;
use integration::inject::{Forged, Injector, ethernet};
use integration::subject::instances;
use integration::{Ipvsd, Node, Tap, Topology, native_test, wait_until};

const PATIENCE: Duration = Duration::from_secs(30);
const FLOOD: Duration = Duration::from_secs(5);
/// Packets a second.
const RATE: u32 = 100_000;
/// Less than this would be no flood: the largest socket holds some 1300. A slow and busy machine may take long to carry it.
const LEAST_PACKETS: u64 = 20_000;
/// How long it may take.
const LONGEST_FLOOD: Duration = Duration::from_secs(120);
/// Lines of a log, from the start of the program on. Each kind of complaint may come at its 1st, 10th, 100th ... time.
const MOST_LINES: usize = 150;

#[derive(Debug, Clone, Copy)]
enum Family {
    V4,
    V6,
}

impl Family {
    fn vip(self) -> IpAddr {
        match self {
            Family::V4 => "192.0.2.100",
            Family::V6 => "2001:db8::100",
        }
        .parse()
        .unwrap()
    }

    /// From where the enemy sends.
    fn enemy(self) -> IpAddr {
        match self {
            Family::V4 => "192.0.2.3",
            Family::V6 => "fe80::ff:fe00:3",
        }
        .parse()
        .unwrap()
    }

    fn conf(self, priority: u8, manner: &Manner) -> String {
        let prefix = match self {
            Family::V4 => 24,
            Family::V6 => 64,
        };
        format!(
            "vrrp_instance VI_1 {{\n  state BACKUP\n  interface eth0\n  virtual_router_id 51\n  priority {priority}\n  \
             {}\n  virtual_ipaddress {{\n    {}/{prefix}\n  }}\n}}\n{}",
            manner.words,
            self.vip(),
            manner.more
        )
    }

    /// An advert that would be believed, and would take the address.
    fn tempting(self) -> Forged {
        Forged::v3(self.enemy(), 51, 254, 20, &[self.vip()])
    }

    /// Bytes of a frame before the advert.
    fn headers(self) -> usize {
        match self {
            Family::V4 => 34,
            Family::V6 => 54,
        }
    }
}

/// How the routers are configured.
struct Manner {
    /// Words of the instance.
    words: &'static str,
    /// Blocks beside it.
    more: &'static str,
    interval: Duration,
}

/// A backup waits for 1.8 s: less than a flood lasts, and more than a busy machine keeps a program waiting.
const QUICK: Manner = Manner { words: "version 3\n  advert_int 0.5", more: "", interval: Duration::from_millis(500) };

/// A master, a backup and an enemy, on one segment.
struct Wire {
    _lab: Topology,
    family: Family,
    interval: Duration,
    nodes: [Node; 3],
    master: Ipvsd,
    backup: Ipvsd,
    /// What the master sends, and nobody else.
    tap: Tap,
}

impl Wire {
    fn new(name: &str, family: Family) -> Self {
        Self::with(name, family, &QUICK)
    }

    fn with(name: &str, family: Family, manner: &Manner) -> Self {
        let mut lab = Topology::new(name);
        let lan = lab.segment("lan");
        let nodes = [lab.node("master"), lab.node("backup"), lab.node("enemy")];
        for (node, number) in nodes.iter().zip(1..) {
            lan.attach(node, "eth0", &[]);
            node.sh(&format!(
                "ip link set eth0 address 02:00:00:00:00:0{number}; ip address add 192.0.2.{number}/24 dev eth0; \
                 ip address add 2001:db8::{number}/64 dev eth0 nodad"
            ));
        }
        let tap = Tap::start_from(&nodes[0], "eth0", [2, 0, 0, 0, 0, 1]);
        let master = Ipvsd::start(&nodes[0], &family.conf(150, manner));
        master.wait_state("VI_1", "MASTER");
        let backup = Ipvsd::start(&nodes[1], &family.conf(100, manner));
        backup.wait_show("an advert heard", |snapshot| instances(snapshot)[0]["adverts_received"].as_u64() > Some(0));
        Self { _lab: lab, family, interval: manner.interval, nodes, master, backup, tap }
    }

    fn owners(&self) -> Vec<&str> {
        let vip = self.family.vip();
        self.nodes.iter().filter(|node| node.has_address("eth0", vip)).map(Node::name).collect()
    }

    /// Floods the wire, and asserts that nothing came of it; how many packets there were.
    fn withstands(&self, frames: Vec<Vec<u8>>) -> u64 {
        let mark = self.tap.mark();
        let before = [&self.master, &self.backup].map(Figures::of);
        let flood = Injector::open(&self.nodes[2], "eth0").flood(frames, RATE);
        let started = Instant::now();
        let quiet = || self.owners() == ["master"];
        integration::waiting::holds_for(FLOOD, "the address on the master alone", quiet);
        wait_until(LONGEST_FLOOD, "as many packets as make a flood", || {
            assert!(quiet(), "the address is not on the master alone");
            flood.sent() >= LEAST_PACKETS
        });
        #[expect(clippy::cast_precision_loss, reason = "a count that is small")]
        let rate = flood.sent() as f64 / started.elapsed().as_secs_f64();
        let (sent, worked, lasted) = (flood.sent(), flood.worked(), started.elapsed());
        let after = [&self.master, &self.backup].map(Figures::of);
        drop(flood);
        println!("{rate:.0} packets a second, for {:.0} % of a processor", share(worked, lasted));
        for ((router, before), after) in [&self.master, &self.backup].into_iter().zip(before).zip(after) {
            println!("{}: {}", router.node().name(), after.since(&before, lasted));
        }

        let adverts: Vec<_> = self.tap.adverts_from(mark).into_iter().filter(|(_, advert)| advert.vrid == 51).collect();
        let gaps = adverts.windows(2).map(|pair| pair[1].0 - pair[0].0);
        let longest = gaps.max().expect("adverts");
        println!("{} adverts of the master in {lasted:?}, {longest:?} between two at most", adverts.len());
        // Half of those that are due leave room for a busy machine; the backup tells whether any was missed for too long.
        let due = lasted.as_secs_f64() / self.interval.as_secs_f64();
        #[expect(clippy::cast_precision_loss, reason = "a count that is small")]
        let enough = adverts.len() as f64 >= due / 2.0;
        assert!(enough, "{} adverts in {lasted:?}", adverts.len());
        assert!(adverts.iter().all(|(_, advert)| advert.priority == 150), "the master said something else");
        for (router, state, became_master) in [(&self.master, "MASTER", 1), (&self.backup, "BACKUP", 0)] {
            assert!(router.daemon().is_running(), "{}", router.daemon().log());
            let snapshot = router.show();
            let instance = &instances(&snapshot)[0];
            assert_eq!(instance["state"], state, "{instance}");
            assert_eq!(instance["became_master"], became_master, "{instance}");
            let lines = router.daemon().log().lines().count();
            println!("{}: {lines} lines of log", router.node().name());
            assert!(lines <= MOST_LINES, "{lines} lines:\n{}", router.daemon().log());
        }
        sent
    }

    /// How many adverts a router has counted as dropped.
    fn dropped(router: &Ipvsd) -> u64 {
        let snapshot = router.show();
        let drops = instances(&snapshot)[0]["adverts_dropped"].as_array().cloned().unwrap_or_default();
        drops.iter().filter_map(|drop| drop[1].as_u64()).sum()
    }
}

/// What a flood cost a router, and what it made of it.
struct Figures {
    worked: Duration,
    lines: usize,
    received: u64,
    dropped: u64,
    unread: [u64; 2],
    lateness: serde_json::Value,
}

impl Figures {
    fn of(router: &Ipvsd) -> Self {
        let worked = processor_time_of(router.daemon().pid(), "router");
        let snapshot = router.show();
        let instance = &instances(&snapshot)[0];
        let unread = ["adverts", "rest"].map(|kind| instance["unread"][kind].as_u64().unwrap());
        let received = instance["adverts_received"].as_u64().unwrap();
        let lines = router.daemon().log().lines().count();
        let lateness = snapshot["daemon"]["router"]["lateness"].clone();
        Self { worked, lines, received, dropped: Wire::dropped(router), unread, lateness }
    }

    fn since(&self, before: &Self, lasted: Duration) -> String {
        let share = share(self.worked.saturating_sub(before.worked), lasted);
        let late = |what: &str| self.lateness[what].as_f64().unwrap_or_default() * 1000.0;
        format!(
            "{share:.1} % of a processor; {} accepted, {} dropped, {} adverts and {} others not read; {} lines of log; \
             late {:.1} ms at worst, {} times over {:.0} ms",
            self.received - before.received,
            self.dropped - before.dropped,
            self.unread[0] - before.unread[0],
            self.unread[1] - before.unread[1],
            self.lines - before.lines,
            late("worst_secs"),
            self.lateness["late"],
            late("bound_secs"),
        )
    }
}

fn share(part: Duration, whole: Duration) -> f64 {
    part.as_secs_f64() / whole.as_secs_f64() * 100.0
}

/// A generator (xorshift32): the same packets in every run.
struct Dice(u32);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 17;
        self.0 ^= self.0 << 5;
        usize::try_from(self.0).unwrap() % sides
    }

    fn byte(&mut self) -> u8 {
        u8::try_from(self.roll(256)).unwrap()
    }
}

/// Each has one thing wrong: any of them, if believed, would end the master's reign.
fn one_thing_wrong(family: Family) {
    let wire = Wire::new("wrong", family);
    let tempting = || family.tempting();
    let mut frames = Vec::new();
    let mut add = |forged: Forged| frames.push(forged.frame());
    for cut in 0..12 {
        add(Forged { cut: Some(cut), ..tempting() });
    }
    for count in [0, 2, 20, 255] {
        add(Forged { count, ..tempting() });
    }
    for checksum_error in [1, 0x00ff, 0x0100, 0x8000] {
        add(Forged { checksum_error, ..tempting() });
    }
    for vrid in [0, 50, 52, 255] {
        add(Forged { vrid, ..tempting() });
    }
    for version in [0, 1, 2, 4, 15] {
        add(Forged { version, ..tempting() });
    }
    for kind in [0, 2, 15] {
        add(Forged { kind, ..tempting() });
    }
    for ttl in [1, 64, 254] {
        add(Forged { ttl, ..tempting() });
    }
    let _ = wire.withstands(frames);
    assert!(Wire::dropped(&wire.master) > 1000, "what is dropped is counted");
    assert!(Wire::dropped(&wire.backup) > 1000, "what is dropped is counted");
}

/// Bytes at random, of any length, and adverts with bits turned over.
fn fuzzed(family: Family) {
    let wire = Wire::new("fuzz", family);
    let mut dice = Dice(2_463_534_242);
    let frames = (0..4096)
        .map(|number| {
            if number % 2 == 0 {
                let length = dice.roll(120);
                let mut packet: Vec<u8> = (0..length).map(|_| dice.byte()).collect();
                // Half of them begin as an advert to this router does.
                for (byte, wished) in packet.iter_mut().zip([0x31, 51]).take(2 * (number / 2 % 2)) {
                    *byte = wished;
                }
                ethernet(family.tempting().mac, family.enemy(), 255, &packet)
            } else {
                // One bit turned over behind the IP header: the checksum tells.
                let mut frame = family.tempting().frame();
                let at = family.headers() + dice.roll(frame.len() - family.headers());
                frame[at] ^= 1 << dice.roll(8);
                frame
            }
        })
        .collect();
    let _ = wire.withstands(frames);
}

native_test! {
    fn adverts_with_one_thing_wrong() {
        one_thing_wrong(Family::V4);
    }

    fn fuzz() {
        fuzzed(Family::V4);
    }

    fn ipv6_adverts_with_one_thing_wrong() {
        one_thing_wrong(Family::V6);
    }

    fn ipv6_fuzz() {
        fuzzed(Family::V6);
    }

    /// The master's own adverts come back at it, as from a loop in the network; and at the backup, which may believe them.
    fn replayed_adverts_of_the_master() {
        let wire = Wire::new("replay", Family::V4);
        wire.tap.wait_advert(PATIENCE, "an advert", 0, |advert| advert.priority == 150);
        let own = wire.tap.frames().into_iter().find(|frame| frame.advert().is_some()).unwrap().bytes;
        // From another port of the switch, which must not learn the master's address there: it would send the master's frames astray.
        let mut replayed = own;
        replayed[6..12].copy_from_slice(&[2, 0, 0, 0, 0xff, 1]);
        let _ = wire.withstands(vec![replayed]);
    }

    /// Adverts of a number that is nobody's here.
    fn a_flood_of_another_virtual_router() {
        let wire = Wire::new("other", Family::V4);
        let _ = wire.withstands(vec![Forged { vrid: 77, ..Family::V4.tempting() }.frame()]);
    }

    /// Right in all that the kernel can look at: each has to be read.
    fn a_flood_of_wrong_passwords() {
        let words = "version 2\n  advert_int 1\n  authentication {\n    auth_type PASS\n    auth_pass secret\n  }";
        let manner = Manner { words, more: "", interval: Duration::from_secs(1) };
        let wire = Wire::with("password", Family::V4, &manner);
        let _ = wire.withstands(vec![Forged { version: 2, interval: 0x0101, ..Family::V4.tempting() }.frame()]);
        assert!(Wire::dropped(&wire.master) > 1000, "what is dropped is counted");
    }

    /// Somebody who may have one virtual router has that one, and not its neighbour on the same interface.
    ///
    /// All of it has to be read, so where a processor is short of time some of the master's adverts are lost with the others.
    /// A backup that waits for six takes over after 3.3 s, which the flood outlasts.
    fn a_flood_for_another_virtual_router_of_ours() {
        let words = "version 3\n  advert_int 0.5\n  down_timer_adverts 6";
        let more = "vrrp_instance VI_2 {\n  state BACKUP\n  interface eth0\n  virtual_router_id 52\n  priority 90\n  \
                    version 3\n  advert_int 0.2\n  virtual_ipaddress {\n    192.0.2.200/24\n  }\n}\n";
        let wire = Wire::with("neighbour", Family::V4, &Manner { words, more, ..QUICK });
        let _ = wire.withstands(vec![Forged { vrid: 52, ..Family::V4.tempting() }.frame()]);
        for router in [&wire.master, &wire.backup] {
            let snapshot = router.show();
            let received = instances(&snapshot)[1]["adverts_received"].as_u64();
            assert!(received > Some(1000), "the flood is believed: {received:?}");
        }
    }

    /// Lower priorities are right and powerless: the master answers, and goes on.
    fn a_flood_of_lower_priorities() {
        let wire = Wire::new("lower", Family::V4);
        let lower = Forged { priority: 1, ..Family::V4.tempting() };
        let mark = wire.tap.mark();
        let sent = wire.withstands(vec![lower.frame()]);
        let (adverts, frames) = (wire.tap.adverts_from(mark).len(), wire.tap.mark() - mark);
        println!("{adverts} adverts and {} other frames in answer to {sent}", frames - adverts);
        // RFC 9568 section 6.4.3 has the master answer at once. More answers than questions would make it the flood's amplifier.
        assert!(u64::try_from(adverts).unwrap() <= sent, "{adverts} adverts in answer to {sent}");
        assert!(frames - adverts < 10_000, "{} announcements", frames - adverts);
    }

    /// A rival of higher priority takes the address, as it may; when it falls silent, the address comes back to the best of the rest.
    fn a_believable_rival_has_its_day() {
        let wire = Wire::new("rival", Family::V4);
        let injector = Injector::open(&wire.nodes[2], "eth0");
        let flood = injector.flood(vec![Family::V4.tempting().frame()], 1000);
        wire.master.wait_state("VI_1", "BACKUP");
        wait_until(PATIENCE, "nobody of ours has the address", || wire.owners().is_empty());
        drop(flood);
        wait_until(PATIENCE, "the address back on the master", || wire.owners() == ["master"]);
        wire.master.wait_state("VI_1", "MASTER");
        let lines = wire.master.daemon().log().lines().count();
        assert!(lines < 50, "{lines} lines:\n{}", wire.master.daemon().log());
    }
}
