//! Adverts of every kind through the engine: who hears what, and what leaves.

use std::net::Ipv6Addr;

use super::*;
use crate::model::{Authentication, Checksum, Election, RouterSettings, Secret};
use crate::vrrp::receive::Drop;
use crate::wire::vrrp::GROUP_V6;

const OWN_V6: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1);
const PEER_V6: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 2);
const GLOBAL_V6: Ipv6Addr = Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 1);

fn vip_v6(last: u16) -> Ipv6Addr {
    Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 1, last)
}

fn instance_v6(name: &str, vrid: u8) -> Instance {
    Instance {
        addresses: vec![VirtualAddress::new(vip_v6(u16::from(vrid)).into(), 128)],
        ..Instance::new(name, "eth0", Vrid::new(vrid).unwrap(), Family::V6)
    }
}

fn host_v6(index: u32, address: Ipv6Addr) -> HostAddress {
    HostAddress { index, address: address.into(), prefix_len: 64 }
}

/// A host with addresses of both families.
fn dual(instances: Vec<Instance>) -> Bench {
    let mut bench = Bench::bare();
    bench.input(Input::Links(vec![link(1, "lo", true), link(2, "eth0", true), link(3, "eth1", true)]));
    bench.input(Input::Addresses(vec![host(2, OWN, 24), host_v6(2, GLOBAL_V6), host_v6(2, OWN_V6)]));
    bench.configure(instances, Vec::new(), Vec::new());
    bench
}

fn hear_v6(bench: &mut Bench, index: u32, vrid: u8, priority: u8) -> Vec<String> {
    let advert = Advert {
        vrid: Vrid::new(vrid).unwrap(),
        priority,
        form: Form::V3 { interval_centiseconds: 100 },
        addresses: vec![vip_v6(u16::from(vrid)).into()],
    };
    let payload = advert.emit(PEER_V6, GROUP_V6);
    bench.input(Input::Packet { index, received: Received::ipv6(PEER_V6, GROUP_V6, 255, &payload) })
}

/// The packets that leave at the next deadline, whatever else happens then.
fn packets(bench: &mut Bench) -> Vec<(IpAddr, Vec<u8>)> {
    bench.now = bench.router.poll_timeout().unwrap();
    bench.router.handle(Input::Deadline, bench.now);
    let mut packets = Vec::new();
    while let Some(output) = bench.router.poll_output() {
        if let Output::Send { destination, packet, .. } = output {
            packets.push((destination, packet));
        }
    }
    packets
}

#[test]
fn an_ipv6_router_takes_over_gives_way_and_takes_over_again() {
    let mut bench = dual(vec![instance_v6("a", 51)]);
    let words = without_events(bench.pass(LONG));
    assert_eq!(words[..2], ["send 51 prio 100", "add fd00::1:33"]);
    let words = without_events(hear_v6(&mut bench, 2, 51, 150));
    assert_eq!(
        (words, bench.roles()),
        (vec!["send 51 prio 100".to_owned(), "remove fd00::1:33".to_owned()], vec![Role::Backup])
    );
    assert_eq!(bench.router.status(bench.now)[0].master, Some(PEER_V6.into()));
    hear_v6(&mut bench, 2, 51, 0);
    bench.pass(Duration::from_millis(700));
    assert_eq!(bench.roles(), [Role::Active]);
    let status = bench.router.status(bench.now).remove(0);
    assert_eq!((status.received, status.dropped), (2, vec![]));
    // Equal priorities: the higher address, which is theirs.
    hear_v6(&mut bench, 2, 51, 100);
    assert_eq!(bench.roles(), [Role::Backup]);
}

#[test]
fn an_ipv6_advert_leaves_whole_from_the_link_local_address() {
    let mut bench = dual(vec![instance_v6("a", 51)]);
    let (destination, packet) = packets(&mut bench).remove(0);
    let ip = ipv6::Packet::new_checked(&packet).unwrap();
    assert_eq!((destination, ip.destination(), ip.source()), (GROUP_V6.into(), GROUP_V6, OWN_V6));
    assert_eq!((ip.hop_limit(), ip.next_header()), (255, 112));
    let advert = sent_advert(&packet);
    assert!(advert.checksum_is_right(VrrpVersion::V3, OWN_V6.into(), GROUP_V6.into()));
    assert_eq!(advert.addresses().collect::<Vec<_>>(), [IpAddr::V6(vip_v6(51))]);
}

#[test]
fn the_same_number_in_both_families_and_on_two_links_is_four_routers() {
    let elsewhere = |mut instance: Instance| {
        instance.id.interface = Some("eth1".to_owned());
        instance.addresses.clear();
        instance
    };
    let named = |name: &str, instance: Instance| Instance { name: name.to_owned(), ..instance };
    let mut bench = dual(vec![
        instance("four", 51),
        instance_v6("six", 51),
        named("four-1", elsewhere(instance("", 51))),
        named("six-1", elsewhere(instance_v6("", 51))),
    ]);
    bench.input(Input::Address(host(3, Ipv4Addr::new(10, 1, 0, 1), 24)));
    bench.input(Input::Address(host_v6(3, Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 9))));
    hear_v6(&mut bench, 2, 51, 100);
    hear_v6(&mut bench, 3, 51, 100);
    hear_v6(&mut bench, 3, 51, 100);
    hear_v6(&mut bench, 1, 51, 100);
    bench.hear(51, 100);
    let received: Vec<u64> = bench.router.status(bench.now).iter().map(|status| status.received).collect();
    assert_eq!(received, [1, 1, 0, 2]);
    assert!(bench.router.status(bench.now).iter().all(|status| status.dropped.is_empty()));
}

#[test]
fn a_link_local_address_is_waited_for_and_a_global_source_refused() {
    let mut bench = dual(vec![instance_v6("a", 51)]);
    bench.input(Input::AddressGone(host_v6(2, OWN_V6)));
    assert_eq!(bench.reason(0), "interface eth0 has no link-local IPv6 address of its own to send adverts from");
    bench.input(Input::Address(host_v6(2, OWN_V6)));
    assert_eq!(bench.roles(), [Role::Backup]);
    let transport = Transport::Multicast { source: Some(GLOBAL_V6.into()), group: GROUP_V6.into() };
    bench.configure(vec![Instance { transport, ..instance_v6("a", 51) }], vec![], vec![]);
    assert_eq!(bench.reason(0), "IPv6 adverts are multicast from a link-local address, which fd00::1 is not");
    let transport = Transport::Unicast { source: None, peers: vec![], ttl: 255, check_source: false };
    bench.configure(vec![Instance { transport, ..instance_v6("a", 51) }], vec![], vec![]);
    assert_eq!(bench.reason(0), "it speaks to unicast peers, and has none");
}

#[test]
fn a_virtual_link_local_address_is_no_source_of_anybody() {
    let mut other = instance_v6("b", 52);
    other.addresses = vec![VirtualAddress::new(OWN_V6.into(), 64)];
    let bench = dual(vec![instance_v6("a", 51), other]);
    assert!(bench.reason(0).contains("no link-local"), "{}", bench.reason(0));
}

fn sealed(vrid: u8, sequence: u32, secret: &[u8]) -> Vec<u8> {
    let advert = Advert {
        vrid: Vrid::new(vrid).unwrap(),
        priority: 90,
        form: Form::V2 { interval_secs: 1, auth: Auth::Header },
        addresses: vec![Ipv4Addr::new(10, 0, 0, vrid).into()],
    };
    let header = ipv4::Header { source: PEER, destination: GROUP, id: 1, protocol: 51, ttl: 255 };
    ah::emit(&header, sequence, &Secret::new(secret.to_vec()), false, &advert.emit(PEER, GROUP)).unwrap()
}

#[test]
fn a_sequence_goes_on_where_the_others_was_and_nothing_is_heard_twice() {
    let authentication = Authentication::Header(Secret::new(b"1111".to_vec()));
    let mut bench = Bench::new(vec![Instance { authentication, ..instance("a", 51) }]);
    let hear = |bench: &mut Bench, packet: &[u8]| {
        bench.input(Input::Packet { index: 2, received: Received::ipv4(packet).unwrap() })
    };
    hear(&mut bench, &sealed(51, 500, b"1111"));
    hear(&mut bench, &sealed(51, 500, b"1111"));
    hear(&mut bench, &sealed(51, 499, b"1111"));
    hear(&mut bench, &sealed(51, 9000, b"2222"));
    bench.hear(51, 250);
    let status = bench.router.status(bench.now).remove(0);
    assert_eq!(status.received, 1);
    assert_eq!(status.dropped, [(Drop::AuthType, 1), (Drop::Header, 1), (Drop::Replay, 2)]);
    // Nothing of that has kept it from taking over when the other's silence was long enough.
    let (_, packet) = packets(&mut bench).remove(0);
    let packet = ipv4::Packet::new_checked(&packet).unwrap();
    let header = ah::Packet::new_checked(packet.payload()).unwrap();
    assert_eq!((header.sequence(), header.spi()), (501, OWN));
    assert!(header.verify(packet.header(), &Secret::new(b"1111".to_vec()), false));
    assert_eq!(bench.roles(), [Role::Active]);
}

#[test]
fn one_that_wants_a_header_hears_those_without_too() {
    let authentication = Authentication::Header(Secret::new(b"1111".to_vec()));
    let mut bench = Bench::bare();
    bench.input(Input::Links(vec![link(2, "eth0", true)]));
    let sealed = Instance { authentication, receive_buffer: Some(1 << 20), ..instance("a", 51) };
    bench.router.handle(
        Input::Configure(Arc::new(Config {
            instances: vec![sealed, instance("b", 52), instance_v6("c", 51)],
            ..Config::default()
        })),
        bench.now,
    );
    let mut listeners = Vec::new();
    while let Some(output) = bench.router.poll_output() {
        if let Output::Listen(wanted) = output {
            listeners = wanted;
        }
    }
    let told: Vec<_> = listeners.iter().map(|one| (one.index, one.family, one.header, one.receive_buffer)).collect();
    let big = Some(1 << 20);
    assert_eq!(told, [(2, Family::V4, false, big), (2, Family::V4, true, big), (2, Family::V6, false, None)]);
    assert!(listeners[0].groups.contains(&IpAddr::V4(GROUP)) && listeners[2].groups.contains(&IpAddr::V6(GROUP_V6)));
}

/// Version 3 to one peer, from a configured source.
fn unicast_v3(interface: Option<&str>) -> Instance {
    let transport = Transport::Unicast {
        source: Some(OWN.into()),
        peers: vec![Peer::new(PEER.into())],
        ttl: 9,
        check_source: true,
    };
    let mut unicast = Instance { version: VrrpVersion::V3, transport, ..instance("a", 51) };
    unicast.id.interface = interface.map(ToString::to_string);
    unicast
}

fn heard_v3(index: u32, bench: &mut Bench, summed_to: Ipv4Addr) -> Vec<String> {
    let advert = Advert {
        vrid: Vrid::new(51).unwrap(),
        priority: 90,
        form: Form::V3 { interval_centiseconds: 100 },
        addresses: vec![Ipv4Addr::new(10, 0, 0, 51).into()],
    };
    let header = ipv4::Header { source: PEER, destination: OWN, id: 1, protocol: 112, ttl: 64 };
    let packet = header.emit(&advert.emit(PEER, summed_to)).unwrap();
    bench.input(Input::Packet { index, received: Received::ipv4(&packet).unwrap() })
}

#[test]
fn an_old_peer_is_answered_in_its_own_convention() {
    let mut bench = Bench::new(vec![unicast_v3(Some("eth0"))]);
    heard_v3(2, &mut bench, GROUP);
    let (destination, packet) = packets(&mut bench).remove(0);
    let advert = sent_advert(&packet);
    assert_eq!(destination, IpAddr::V4(PEER));
    assert_eq!(ipv4::Packet::new_checked(&packet).unwrap().ttl(), 9);
    assert!(advert.checksum_is_right(VrrpVersion::V3, OWN.into(), GROUP.into()));
    // It is replaced by a new one.
    heard_v3(2, &mut bench, OWN);
    bench.drain();
    let (_, packet) = packets(&mut bench).remove(0);
    assert!(sent_advert(&packet).checksum_is_right(VrrpVersion::V3, OWN.into(), PEER.into()));
}

#[test]
fn a_checksum_without_pseudo_header_is_sent_where_it_is_asked_for() {
    let checksum = Checksum { without_pseudo_header: true, never_old_unicast: false };
    let mut bench = Bench::new(vec![Instance { version: VrrpVersion::V3, checksum, ..instance("a", 51) }]);
    let (_, packet) = packets(&mut bench).remove(0);
    assert!(sent_advert(&packet).bare_checksum_is_right(VrrpVersion::V3));
}

#[test]
fn without_an_interface_it_stands_where_its_source_address_is() {
    let mut bench = Bench::bare();
    bench.input(Input::Links(vec![link(2, "eth0", true), link(3, "eth1", true), link(7, "red", true)]));
    bench.configure(vec![unicast_v3(None)], vec![], vec![]);
    assert_eq!(bench.reason(0), "no interface has its source address 10.0.0.1; waiting for it to appear");
    bench.input(Input::Address(host(3, OWN, 24)));
    assert_eq!(bench.roles(), [Role::Backup]);
    // A socket that is bound to an interface is not its own.
    heard_v3(3, &mut bench, OWN);
    heard_v3(0, &mut bench, OWN);
    assert_eq!(bench.router.status(bench.now)[0].received, 1);
    let words = without_events(bench.pass(LONG));
    assert_eq!(words[..2], ["send 51 prio 100", "add 10.0.0.51"]);
    assert!(bench.router.addresses[&3].contains(&(Ipv4Addr::new(10, 0, 0, 51).into(), 32)));
    bench.input(Input::Link(link(3, "eth1", false)));
    assert_eq!(bench.reason(0), "interface eth1 is down or has no carrier");

    // In a VRF the sockets are bound to it.
    bench.input(Input::Link(link(3, "eth1", true)));
    bench.configure(vec![Instance { vrf: Some("red".to_owned()), ..unicast_v3(None) }], vec![], vec![]);
    heard_v3(7, &mut bench, OWN);
    assert_eq!(bench.router.status(bench.now)[0].received, 2);
}

#[test]
fn an_owner_that_ignores_adverts_does() {
    let election = Election { owner_ignores_adverts: true, ..Election::default() };
    let owner = Instance { priority: Priority::OWNER, election, ..instance("a", 51) };
    let mut bench = Bench::new(vec![owner]);
    bench.hear(51, 255);
    let status = bench.router.status(bench.now).remove(0);
    assert_eq!((status.role, status.received, status.dropped), (Role::Active, 0, vec![(Drop::Owner, 1)]));
}

#[test]
fn numbers_that_are_not_ours_are_told_where_that_is_wanted() {
    let mut bench = Bench::new(vec![instance("a", 51)]);
    assert_eq!(bench.hear(60, 100), Vec::<String>::new());
    let router = RouterSettings { log_unknown_vrids: true, ..RouterSettings::default() };
    let config = Config { instances: vec![instance("a", 51)], router, ..Config::default() };
    bench.input(Input::Configure(Arc::new(config)));
    let told: Vec<String> = (0..100).flat_map(|_| bench.hear(60, 100)).collect();
    assert_eq!(told.len(), 3, "{told:?}");
    assert_eq!(
        told[0],
        "! eth0: an advert of virtual router 60, which is not configured here (10.0.0.2 > 224.0.0.18: VRRPv2, \
         Advertisement, vrid 60, prio 100, authtype none, intvl 1s, length 20, addrs: 10.0.0.60); 1 so far"
    );
    assert!(told[2].ends_with("100 so far"));
    assert_eq!(bench.hear(61, 100).len(), 1);
}

#[test]
fn the_same_masters_addresses_are_not_looked_at_twice_where_that_is_not_wanted() {
    let other = |skip_address_check| Instance { addresses: vec![vip(52)], skip_address_check, ..instance("a", 51) };
    let mut bench = Bench::new(vec![other(true)]);
    assert_eq!(bench.hear(51, 150).iter().filter(|word| word.contains("other addresses")).count(), 1);
    assert_eq!(bench.hear(51, 150).iter().filter(|word| word.contains("other addresses")).count(), 0);
    assert_eq!(bench.router.status(bench.now)[0].differing, 1);

    // Where it is wanted, each is counted, and each sender told once; but not more senders than make sense.
    let mut bench = Bench::new(vec![other(false)]);
    let mut told = 0;
    for round in 0..200_u8 {
        let from = Ipv4Addr::new(10, 0, 9, round % 100);
        let advert = Advert {
            vrid: Vrid::new(51).unwrap(),
            priority: 150,
            form: Form::V2 { interval_secs: 1, auth: Auth::None },
            addresses: vec![Ipv4Addr::new(10, 0, 0, 51).into()],
        };
        let header = ipv4::Header { source: from, destination: GROUP, id: 1, protocol: 112, ttl: 255 };
        let packet = header.emit(&advert.emit(from, GROUP)).unwrap();
        let words = bench.input(Input::Packet { index: 2, received: Received::ipv4(&packet).unwrap() });
        told += words.iter().filter(|word| word.contains("other addresses")).count();
    }
    assert_eq!((told, bench.router.status(bench.now)[0].differing), (16, 200));
}

proptest::proptest! {
    /// Whatever is sent by somebody who has not the secret: no state changes, nothing is sent, and little is logged.
    #[test]
    fn without_the_secret_nobody_moves_a_router(
        noise in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..60),
        at in proptest::prelude::any::<proptest::sample::Index>(),
        mask in 1_u8..,
        times in 1_usize..30,
    ) {
        let authentication = Authentication::Header(Secret::new(b"1111".to_vec()));
        let mut bench = Bench::new(vec![Instance { authentication, ..instance("a", 51) }]);
        // A real advert, of which something is changed that the hash covers.
        let mut forged = sealed(51, 700, b"1111");
        let at = 20 + at.index(forged.len() - 20);
        forged[at] ^= mask;
        let replayed = sealed(51, 600, b"1111");
        let header = |protocol| ipv4::Header { source: PEER, destination: GROUP, id: 1, protocol, ttl: 255 };
        let packets = [forged, replayed.clone(), header(51).emit(&noise).unwrap(), header(112).emit(&noise).unwrap()];
        let mut hear = |packet: &[u8]| match Received::ipv4(packet) {
            Ok(received) => bench.input(Input::Packet { index: 2, received }),
            Err(_) => Vec::new(),
        };
        hear(&replayed);
        let words: Vec<String> = (0..times).flat_map(|_| packets.each_ref()).flat_map(|packet| hear(packet)).collect();
        proptest::prop_assert!(words.iter().all(|word| word.starts_with("! a: dropped")), "{:?}", words);
        proptest::prop_assert!(words.len() <= 2 * Drop::ALL.len());
        let status = bench.router.status(bench.now).remove(0);
        proptest::prop_assert_eq!((status.role, status.received), (Role::Backup, 1));
    }
}

#[test]
fn what_was_not_read_is_counted_for_the_interface_and_told_ten_times_as_seldom() {
    let mut bench = Bench::new(vec![instance("a", 51), instance("b", 52)]);
    let mut lose = |adverts, rest| {
        let unread = Unread { adverts, rest };
        bench.input(Input::Unread { index: 2, family: Family::V4, unread })
    };
    assert_eq!(
        lose(0, 3),
        [
            "! more packets that no virtual router here can believe come in on eth0 than are looked at: 3 were not read so \
          far; find out who sends them"
        ]
    );
    assert_eq!(lose(0, 6), [""; 0]);
    assert_eq!(lose(0, 1).len(), 1);
    assert_eq!(lose(0, 12_345).len(), 1);
    assert_eq!(
        lose(7, 0),
        [
            "! more adverts come in on eth0 than can be read: 7 are lost so far; find out who sends them, or give more room \
          (`receive-buffer` in TOML, `kernel_rx_buf_size` in keepalived.conf)"
        ]
    );
    let both = bench.router.status(bench.now).into_iter().map(|status| status.unread).collect::<Vec<_>>();
    assert_eq!(both, [Unread { adverts: 7, rest: 12_355 }; 2]);
    bench.input(Input::LinkGone { index: 2 });
    assert_eq!(bench.router.status(bench.now)[0].unread, Unread::default());
}

#[test]
fn the_last_advert_of_a_router_is_not_the_first_of_its_successor_in_name() {
    let mut bench = Bench::new(vec![instance("a", 51)]);
    bench.pass(LONG);
    let words = bench.configure(vec![instance("a", 52)], Vec::new(), Vec::new());
    assert!(words.contains(&"send 51 prio 0".to_owned()), "{words:?}");
    assert_eq!(bench.router.status(bench.now)[0].sent, 0);
    bench.pass(LONG);
    assert_eq!(bench.router.status(bench.now)[0].sent, 1);
}

/// Lines about other masters.
fn rivals(words: &[String]) -> Vec<&str> {
    words.iter().filter(|word| word.contains("while we are master")).map(String::as_str).collect()
}

#[test]
fn each_time_that_there_were_two_masters_is_told_once() {
    let line = "! a: 10.0.0.2 advertises priority 50 while we are master: two masters at once; asserting ourselves and \
                announcing again";
    let mut bench = Bench::new(vec![instance("a", 51)]);
    // A master that is outbid hears of it, and says its last.
    bench.hear(51, 50);
    let mut words = Vec::new();
    for _ in 0..4 {
        words.extend(bench.pass(Duration::from_secs(1)));
        words.extend(bench.hear(51, 50));
    }
    assert_eq!(bench.roles(), [Role::Active]);
    words.extend(bench.hear(51, 50));
    assert_eq!(rivals(&words), [""; 0]);
    for _ in 0..3 {
        // It is cut off for a while, is heard again, hears our answer, and says its last.
        bench.pass(Duration::from_secs(10));
        let mut words = bench.hear(51, 50);
        words.extend(bench.hear(51, 50));
        assert_eq!(rivals(&words), [line]);
        // Or it hears us first: its last is an answer to our advert.
        bench.pass(Duration::from_secs(10));
        let advert_at = bench.router.poll_timeout().unwrap();
        words = bench.pass(advert_at.saturating_duration_since(bench.now));
        assert!(words.contains(&"send 51 prio 100".to_owned()), "{words:?}");
        words.extend(bench.hear(51, 50));
        assert_eq!(rivals(&words), [line]);
    }
    // Stopped for a while, we find all that it said meanwhile.
    bench.pass(Duration::from_secs(10));
    bench.now += Duration::from_secs(30);
    let words: Vec<String> = (0..20).flat_map(|_| bench.hear(51, 50)).collect();
    assert_eq!(rivals(&words), [line]);
}

#[test]
fn adverts_that_cross_at_an_election_are_no_news() {
    let mut bench = Bench::new(vec![instance("a", 51)]);
    let first = bench.router.poll_timeout().unwrap();
    bench.pass(first.saturating_duration_since(bench.now));
    assert_eq!(bench.roles(), [Role::Active]);
    assert_eq!(rivals(&bench.hear(51, 50)), [""; 0]);
    // A rival that does not hear us is told at its first, its tenth, ... advert.
    let mut words = Vec::new();
    for _ in 0..30 {
        words.extend(bench.pass(Duration::from_millis(500)));
        words.extend(bench.hear(51, 50));
    }
    assert_eq!(rivals(&words).len(), 2, "{words:?}");
}
