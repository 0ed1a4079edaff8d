//! Others who claim an address of ours.

use super::*;
use crate::model::{VirtualLink, Vmac};
use crate::wire::claim::{Claim, Mac};

const RIVAL: [u8; 6] = [2, 0, 0, 0, 0, 9];

fn millis(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn plain() -> Instance {
    let mut plain = instance("a", 51);
    plain.announcements.master.delay = None;
    plain
}

fn master(instances: Vec<Instance>) -> Bench {
    let mut bench = Bench::new(instances);
    bench.pass(LONG);
    bench
}

/// What comes of a claim in the blink before its answer, and then.
fn claim_on(bench: &mut Bench, index: u32, mac: [u8; 6], address: &str) -> Vec<String> {
    let claim = Claim { address: address.parse().unwrap(), by: Mac(mac) };
    assert_eq!(bench.input(Input::Claim { index, claim }), Vec::<String>::new());
    let mut words = bench.pass(millis(50));
    words.retain(|word| !word.starts_with("send"));
    words
}

fn claim(bench: &mut Bench) -> Vec<String> {
    claim_on(bench, 2, RIVAL, "10.0.0.51")
}

const TOLD: &str = "! a: 02:00:00:00:00:09 on eth0 says that it has 10.0.0.51, which is ours as master; announcing it again \
                    until that host is silent; find it: has it a copy of the address, is it a master that does not hear us, \
                    or a real server without arp_ignore and arp_announce?";

#[test]
fn a_claim_is_answered_at_once_told_once_and_its_end_too() {
    let mut bench = master(vec![plain()]);
    assert_eq!(claim(&mut bench), [TOLD, "arp 10.0.0.51"]);
    let status = bench.router.status(bench.now).remove(0);
    assert_eq!((status.rivals.len(), status.rival_claims, status.rivals[0].claims), (1, 1, 1));
    assert_eq!((status.rivals[0].mac, status.rivals[0].interface.as_str()), (Mac(RIVAL), "eth0"));
    // Ten seconds of claims, ten in each of them.
    let mut words = Vec::new();
    for _ in 0..100 {
        let new = bench.pass(millis(50));
        words.extend(new.into_iter().filter(|word| !word.starts_with("send")));
        words.extend(claim(&mut bench));
    }
    assert_eq!(words, ["arp 10.0.0.51", "arp 10.0.0.51", "arp 10.0.0.51"], "after 1, 3 and 7 seconds");
    let words: Vec<_> = bench.pass(millis(30_000)).into_iter().filter(|word| !word.starts_with("send")).collect();
    let end = "! a: nobody else has claimed 10.0.0.51 for 20 s; 02:00:00:00:00:09 had done so 101 times in 10 s";
    assert_eq!(words, ["arp 10.0.0.51", "arp 10.0.0.51", end]);
    let status = bench.router.status(bench.now).remove(0);
    assert_eq!((status.rivals.len(), status.rival_claims), (0, 101));
    assert_eq!(bench.roles(), [Role::Active]);
}

#[test]
fn both_families_are_answered_each_for_the_address_that_was_claimed() {
    let mut both = plain();
    both.excluded_addresses = vec![VirtualAddress::new("fd00::51".parse().unwrap(), 64), vip(52)];
    let mut bench = master(vec![both]);
    let words = claim_on(&mut bench, 2, RIVAL, "fd00::51");
    assert_eq!(without_events(words), ["na fd00::51"]);
    let words = claim_on(&mut bench, 2, RIVAL, "10.0.0.52");
    assert_eq!(without_events(words), ["arp 10.0.0.52"]);
    assert_eq!(bench.watches.len(), 1);
    let watch = &bench.watches[0];
    assert_eq!((watch.index, watch.interface.as_str(), watch.mac), (2, "eth0", [2, 0, 0, 0, 0, 1]));
    assert_eq!(watch.addresses.len(), 3);
}

#[test]
fn what_is_not_ours_or_is_our_own_is_not_answered() {
    let mut bench = Bench::new(vec![plain()]);
    let nothing: Vec<String> = Vec::new();
    // A backup hears its master announce.
    bench.hear(51, 200);
    assert_eq!(claim(&mut bench), nothing);
    bench.pass(LONG + LONG);
    assert_eq!(bench.roles(), [Role::Active]);
    // Our own frames, this interface's or another's; another address; another interface.
    let mut other = link(3, "eth1", true);
    other.mac = Some([2, 0, 0, 0, 0, 3]);
    bench.input(Input::Link(other));
    for own in [[2, 0, 0, 0, 0, 1], [2, 0, 0, 0, 0, 3]] {
        assert_eq!(claim_on(&mut bench, 2, own, "10.0.0.51"), nothing);
    }
    assert_eq!(claim_on(&mut bench, 2, RIVAL, "10.0.0.52"), nothing);
    assert_eq!(claim_on(&mut bench, 3, RIVAL, "10.0.0.51"), nothing);
    assert_eq!(bench.router.status(bench.now)[0].rival_claims, 0);
    // Somebody who takes over has the address by right: nothing is owed any more.
    claim(&mut bench);
    bench.hear(51, 200);
    assert_eq!(bench.roles(), [Role::Backup]);
    assert!(bench.router.status(bench.now)[0].rivals.is_empty());
    assert!(!bench.pass(millis(2000)).iter().any(|word| word.starts_with("arp")));
}

#[test]
fn who_takes_over_by_right_is_not_answered() {
    // Its announcement on one link is heard before its advert on another.
    let mut bench = master(vec![plain()]);
    let claim = Claim { address: "10.0.0.51".parse().unwrap(), by: Mac(RIVAL) };
    assert_eq!(bench.input(Input::Claim { index: 2, claim }), Vec::<String>::new());
    bench.pass(millis(49));
    let words = bench.hear(51, 200);
    assert_eq!(without_events(words), ["send 51 prio 100", "remove 10.0.0.51"]);
    assert_eq!(bench.pass(millis(2000)), Vec::<String>::new());
}

#[test]
fn it_can_be_switched_off() {
    let mut deaf = plain();
    deaf.announcements.watch_rivals = false;
    let mut bench = master(vec![deaf]);
    assert!(bench.watches.is_empty());
    assert_eq!(claim(&mut bench), Vec::<String>::new());
    // And on again by a reload, and off while somebody claims.
    bench.configure(vec![plain()], Vec::new(), Vec::new());
    assert_eq!(bench.watches.len(), 1);
    assert_eq!(claim(&mut bench).len(), 2);
    let mut deaf = plain();
    deaf.announcements.watch_rivals = false;
    bench.configure(vec![deaf], Vec::new(), Vec::new());
    assert!(bench.router.status(bench.now)[0].rivals.is_empty());
    assert!(bench.router.next_defence().is_none());
}

#[test]
fn a_rival_that_advertises_was_told_already() {
    let mut bench = master(vec![plain()]);
    let words = bench.hear(51, 50);
    assert!(words.iter().any(|word| word.starts_with("! a: 10.0.0.2 advertises priority 50")), "{words:?}");
    bench.pass(millis(100));
    assert_eq!(claim(&mut bench), ["arp 10.0.0.51"]);
    // It no longer advertises, and claims all the same.
    bench.pass(millis(5000));
    assert_eq!(claim(&mut bench)[0], TOLD);
}

#[test]
fn many_that_come_and_go_do_not_fill_the_log() {
    let mut many = plain();
    many.addresses = (51..151).map(vip).collect();
    let mut bench = master(vec![many]);
    let mut lines = 0;
    for last in 51..151 {
        let words = claim_on(&mut bench, 2, [2, 0, 0, 0, 9, last], &format!("10.0.0.{last}"));
        assert!(words.contains(&format!("arp 10.0.0.{last}")), "{words:?}");
        lines += words.iter().filter(|word| word.starts_with('!')).count();
    }
    assert_eq!(lines, 10);
    let words = bench.pass(millis(30_000));
    let ends = words.iter().filter(|word| word.contains("nobody else")).count();
    assert_eq!(ends, 10, "only what was told ends");
    assert!(bench.router.next_defence().is_none());
}

#[test]
fn the_addresses_of_a_virtual_link_are_watched_on_it() {
    let mut with = plain();
    with.virtual_link = Some(VirtualLink::Vmac(Vmac::default()));
    let mut bench = Bench::new(vec![with]);
    bench.pass(LONG + LONG);
    assert_eq!(bench.roles(), [Role::Active]);
    let [watch] = bench.watches.as_slice() else { panic!("{:?}", bench.watches) };
    assert_eq!((watch.interface.as_str(), watch.mac), ("vrrp.51", [0, 0, 0x5e, 0, 1, 51]));
    let index = watch.index;
    // The same virtual address from elsewhere, or our own frame on its way back: nobody can tell.
    assert_eq!(claim_on(&mut bench, index, [0, 0, 0x5e, 0, 1, 51], "10.0.0.51"), Vec::<String>::new());
    assert_eq!(without_events(claim_on(&mut bench, index, RIVAL, "10.0.0.51")), ["arp 10.0.0.51"]);
}

#[test]
fn a_link_that_comes_up_again_under_a_master_is_announced_on() {
    let mut steady = plain();
    steady.track_primary = false;
    steady.excluded_addresses = vec![VirtualAddress { interface: Some("eth1".to_owned()), track: false, ..vip(61) }];
    let mut bench = Bench::bare();
    bench.input(Input::Links(vec![link(2, "eth0", true), link(3, "eth1", true)]));
    bench.input(Input::Addresses(vec![host(2, OWN, 24)]));
    bench.configure(vec![steady], Vec::new(), Vec::new());
    bench.pass(LONG);
    assert_eq!(bench.roles(), [Role::Active]);
    for (index, name, address) in [(2, "eth0", 51), (3, "eth1", 61)] {
        assert!(without_events(bench.input(Input::Link(link(index, name, false)))).is_empty());
        let words = without_events(bench.input(Input::Link(link(index, name, true))));
        assert_eq!(words, vec![format!("arp 10.0.0.{address}"); 2]);
        assert_eq!(bench.roles(), [Role::Active]);
        // News without a change are none.
        assert!(bench.input(Input::Link(link(index, name, true))).is_empty());
    }
    // The same where it is found out by reading everything anew.
    bench.input(Input::Link(link(3, "eth1", false)));
    let words = bench.input(Input::Links(vec![link(2, "eth0", true), link(3, "eth1", true)]));
    assert_eq!(without_events(words), ["arp 10.0.0.61", "arp 10.0.0.61"]);
}
