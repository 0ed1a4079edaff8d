//! Announcements: spacing, families, and what must not be announced.

use super::*;
use crate::model::{GarpGroup, RouterSettings};

fn millis(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn spaced(name: &str, vrid: u8, addresses: &[u8], distance: Duration) -> Instance {
    let mut spaced = instance(name, vrid);
    spaced.addresses = addresses.iter().copied().map(vip).collect();
    spaced.announcements.master.delay = None;
    spaced.announcements.arp_interval = distance;
    spaced
}

/// Lets time pass, and tells when each announcement left.
fn timed(bench: &mut Bench, duration: Duration) -> Vec<(u128, String)> {
    let from = bench.now;
    let end = from + duration;
    let mut words = Vec::new();
    while let Some(at) = bench.router.poll_timeout().filter(|at| *at <= end) {
        bench.now = bench.now.max(at);
        let at = (bench.now - from).as_millis();
        let new = bench.input(Input::Deadline);
        words.extend(new.into_iter().filter(|word| word.starts_with("arp") || word.starts_with("na")).map(|w| (at, w)));
    }
    bench.now = end;
    words
}

#[test]
fn announcements_keep_their_distance_and_take_turns() {
    let mut bench = Bench::new(vec![spaced("a", 51, &[51, 52], millis(100))]);
    let words = timed(&mut bench, LONG);
    let expected: Vec<(u128, String)> =
        (0..4).map(|n| (3609 + n * 100, format!("arp 10.0.0.{}", 51 + n % 2))).collect();
    assert_eq!(words, expected);
    // Nothing is left over.
    assert_eq!(timed(&mut bench, LONG), []);
}

#[test]
fn a_group_of_interfaces_shares_one_distance() {
    let two = |groups| {
        let mut bench = Bench::bare();
        bench.input(Input::Links(vec![link(2, "eth0", true), link(3, "eth1", true)]));
        bench.input(Input::Addresses(vec![host(2, OWN, 24), host(3, Ipv4Addr::new(10, 0, 0, 3), 24)]));
        let mut other = spaced("b", 52, &[52], millis(10));
        other.id.interface = Some("eth1".to_owned());
        let router = RouterSettings { garp_groups: groups, ..RouterSettings::default() };
        let instances = vec![spaced("a", 51, &[51], millis(10)), other];
        bench.input(Input::Configure(Arc::new(Config { instances, router, ..Config::default() })));
        timed(&mut bench, LONG).into_iter().map(|(at, _)| at).collect::<Vec<_>>()
    };
    assert_eq!(two(Vec::new()), [3609, 3609, 3619, 3619]);
    let interfaces = vec!["eth0".to_owned(), "eth1".to_owned()];
    let group = GarpGroup { arp_interval: millis(20), na_interval: Duration::ZERO, interfaces };
    assert_eq!(two(vec![group]), [3609, 3629, 3649, 3669]);
}

#[test]
fn an_address_waits_once_however_often_it_is_to_be_announced() {
    let mut bench = Bench::new(vec![spaced("a", 51, &[51], millis(400))]);
    bench.pass(millis(3700));
    assert_eq!(bench.roles(), [Role::Active]);
    let mut arps = 0;
    for _ in 0..100 {
        bench.hear(51, 50);
        arps += timed(&mut bench, millis(100)).len();
    }
    // One each 400 ms in ten seconds, and two at most behind it.
    assert!((24..=26).contains(&arps), "{arps}");
    assert!(timed(&mut bench, LONG).len() <= 4);
}

#[test]
fn what_has_only_begun_to_wait_is_not_late() {
    let mut bench = Bench::new(vec![spaced("a", 51, &[51, 52], millis(100))]);
    bench.pass(millis(10_000));
    let before = bench.router.poll_timeout();
    bench.hear(51, 50);
    assert_eq!(bench.router.poll_timeout(), Some(bench.now), "{before:?} before");
}

#[test]
fn what_waits_is_dropped_with_the_mastership() {
    let mut bench = Bench::new(vec![spaced("a", 51, &[51, 52, 53], millis(100))]);
    assert_eq!(timed(&mut bench, millis(3650)).len(), 1);
    bench.hear(51, 200);
    assert_eq!(bench.roles(), [Role::Backup]);
    assert_eq!(timed(&mut bench, millis(2000)), []);
}

#[test]
fn an_address_that_could_not_be_added_is_not_announced() {
    for distance in [Duration::ZERO, millis(10)] {
        let mut bench = Bench::new(vec![spaced("a", 51, &[51, 52], distance)]);
        bench.refuses = true;
        let words = bench.pass(LONG);
        assert!(words.contains(&"add 10.0.0.51".to_owned()));
        assert_eq!(words.iter().filter(|word| word.starts_with("arp")).count(), 0, "{words:?}");
        bench.refuses = false;
        let words = bench.pass(millis(1100));
        assert_eq!(words.iter().filter(|word| word.starts_with("arp")).count(), 4, "{words:?}");
    }
}

#[test]
fn ipv6_addresses_are_announced_too_and_say_whether_the_host_is_a_router() {
    let mut both = spaced("a", 51, &[51], Duration::ZERO);
    both.excluded_addresses = vec![VirtualAddress::new("fd00::51".parse().unwrap(), 64), vip(52)];
    let mut bench = Bench::new(vec![both]);
    let words: Vec<_> = timed(&mut bench, LONG).into_iter().map(|(_, word)| word).collect();
    assert_eq!(words[..3], ["arp 10.0.0.51", "na fd00::51", "arp 10.0.0.52"]);
    assert_eq!(words.len(), 6);
    bench.input(Input::Forwarding { index: 2, on: true });
    bench.hear(51, 50);
    bench.pass(Duration::from_secs(1));
    let words = bench.hear(51, 50);
    assert!(words.contains(&"na fd00::51 router".to_owned()), "{words:?}");
    bench.input(Input::Forwarding { index: 2, on: false });
    bench.pass(Duration::from_secs(1));
    let words = bench.hear(51, 50);
    assert!(words.contains(&"na fd00::51".to_owned()), "{words:?}");
}

#[test]
fn very_many_leave_a_few_in_each_turn() {
    let addresses: Vec<u8> = (51..151).collect();
    let mut many = spaced("a", 51, &addresses, Duration::ZERO);
    many.announcements.master.repeat = 3;
    let mut bench = Bench::new(vec![many]);
    bench.now += Duration::from_micros(3_609_375);
    let mut turns = Vec::new();
    let mut frames = Vec::new();
    while bench.router.poll_timeout().is_some_and(|at| at <= bench.now) {
        let words = bench.input(Input::Deadline);
        let new: Vec<_> = words.into_iter().filter(|word| word.starts_with("arp")).collect();
        turns.push(new.len());
        frames.extend(new);
    }
    assert_eq!(turns, [64, 64, 64, 64, 44]);
    // In turn all the same.
    let expected: Vec<_> = (0..3).flat_map(|_| addresses.iter().map(|last| format!("arp 10.0.0.{last}"))).collect();
    assert_eq!(frames, expected);
}

#[test]
fn very_many_are_refreshed_a_few_in_each_turn() {
    let addresses: Vec<u8> = (51..251).collect();
    let mut many = spaced("a", 51, &addresses, Duration::ZERO);
    many.announcements.refresh = Some(Duration::from_secs(60));
    let mut bench = Bench::new(vec![many]);
    bench.pass(Duration::from_secs(50));
    let mut turns = Vec::new();
    for _ in 0..2_000 {
        bench.now = bench.now.max(bench.router.poll_timeout().unwrap());
        let words = bench.input(Input::Deadline);
        turns.push(words.iter().filter(|word| word.starts_with("arp")).count());
        if turns.iter().sum::<usize>() >= addresses.len() {
            break;
        }
    }
    turns.retain(|frames| *frames > 0);
    assert_eq!(turns, [64, 64, 64, 8]);
}

#[test]
fn other_interfaces_are_refreshed_if_told_to() {
    let elsewhere = |last| VirtualAddress { interface: Some("eth1".to_owned()), ..vip(last) };
    let refreshed = |all| {
        let mut told = spaced("a", 51, &[51], Duration::ZERO);
        told.addresses.extend([elsewhere(61), elsewhere(62)]);
        told.announcements.extra = Some(millis(1500));
        told.announcements.extra_all = all;
        let mut bench = Bench::bare();
        bench.input(Input::Links(vec![link(2, "eth0", true), link(3, "eth1", true)]));
        bench.input(Input::Addresses(vec![host(2, OWN, 24)]));
        bench.configure(vec![told], Vec::new(), Vec::new());
        bench.pass(millis(3700));
        timed(&mut bench, LONG).into_iter().map(|(_, word)| word).collect::<Vec<_>>()
    };
    assert_eq!(refreshed(true), ["arp 10.0.0.61", "arp 10.0.0.61"]);
    // There is no virtual link here.
    assert_eq!(refreshed(false), Vec::<String>::new());
}

#[test]
fn a_unicast_router_tells_its_own_address_after_a_fault() {
    let peers = vec![Peer::new(PEER.into())];
    let transport = Transport::Unicast { source: None, peers, ttl: 255, check_source: false };
    let mut bench = Bench::new(vec![Instance { transport, ..instance("a", 51) }]);
    bench.input(Input::Link(link(2, "eth0", false)));
    let words = without_events(bench.input(Input::Link(link(2, "eth0", true))));
    assert_eq!(words, ["arp 10.0.0.1"]);
    // One that multicasts does not.
    let mut bench = Bench::new(vec![instance("a", 51)]);
    bench.input(Input::Link(link(2, "eth0", false)));
    assert_eq!(without_events(bench.input(Input::Link(link(2, "eth0", true)))), Vec::<String>::new());
}

#[test]
fn after_a_partition_the_master_announces_until_the_rival_is_silent() {
    let mut bench = Bench::new(vec![spaced("a", 51, &[51], Duration::ZERO)]);
    bench.pass(LONG);
    let mut bursts = Vec::new();
    for tick in 0..100 {
        // The rival advertises each second, for five seconds.
        let mut words = bench.pass(millis(100));
        if tick < 50 && tick % 10 == 0 {
            words.extend(bench.hear(51, 50));
        }
        if words.iter().any(|word| word.starts_with("arp")) {
            bursts.push(tick);
        }
    }
    // Once for each of its adverts, and the second burst five seconds after the last of them.
    assert_eq!(bursts, [0, 10, 20, 30, 40, 90]);
}
