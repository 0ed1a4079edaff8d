//! Routers that share number, family and interface, and how much fits an advert.

use super::*;
use crate::vrrp::receive::Drop;

const OTHER_GROUP: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 77);
const SECOND: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 9);
const OTHER_PEER: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 3);
const STRANGER: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 5);

fn multicast(name: &str, group: Ipv4Addr) -> Instance {
    let transport = Transport::Multicast { source: None, group: group.into() };
    Instance { transport, addresses: vec![vip(100)], ..instance(name, 51) }
}

fn unicast(name: &str, source: Option<Ipv4Addr>, peer: Ipv4Addr) -> Instance {
    let peers = vec![Peer::new(peer.into())];
    let transport = Transport::Unicast { source: source.map(IpAddr::V4), peers, ttl: 255, check_source: false };
    Instance { transport, ..instance(name, 51) }
}

fn bench(instances: Vec<Instance>) -> Bench {
    let mut bench = Bench::bare();
    bench.input(Input::Links(vec![link(2, "eth0", true)]));
    bench.input(Input::Addresses(vec![host(2, OWN, 24), host(2, SECOND, 24)]));
    bench.configure(instances, Vec::new(), Vec::new());
    bench
}

fn hear(bench: &mut Bench, source: Ipv4Addr, destination: Ipv4Addr, version: VrrpVersion) {
    let form = match version {
        VrrpVersion::V2 => Form::V2 { interval_secs: 1, auth: Auth::None },
        VrrpVersion::V3 => Form::V3 { interval_centiseconds: 100 },
    };
    let addresses = vec![Ipv4Addr::new(10, 0, 0, 51).into()];
    let advert = Advert { vrid: Vrid::new(51).unwrap(), priority: 200, form, addresses };
    let header = ipv4::Header { source, destination, id: 1, protocol: 112, ttl: 255 };
    let packet = header.emit(&advert.emit(source, destination)).unwrap();
    bench.input(Input::Packet { index: 2, received: Received::ipv4(&packet).unwrap() });
}

/// Adverts that each router has accepted, and those that it has dropped.
fn counts(bench: &Bench) -> Vec<(u64, Vec<(Drop, u64)>)> {
    bench.router.status(bench.now).into_iter().map(|status| (status.received, status.dropped)).collect()
}

#[test]
fn each_advert_reaches_the_router_that_it_is_for() {
    /// From where, to where.
    type Way = (Ipv4Addr, Ipv4Addr);
    let pairs: [(Vec<Instance>, [Way; 2]); 4] = [
        (vec![multicast("a", GROUP), multicast("b", OTHER_GROUP)], [(PEER, GROUP), (PEER, OTHER_GROUP)]),
        (vec![multicast("a", GROUP), unicast("b", None, PEER)], [(PEER, GROUP), (PEER, OWN)]),
        (vec![unicast("a", None, PEER), unicast("b", Some(SECOND), PEER)], [(PEER, OWN), (PEER, SECOND)]),
        (vec![unicast("a", None, PEER), unicast("b", None, OTHER_PEER)], [(PEER, OWN), (OTHER_PEER, OWN)]),
    ];
    for (pair, ways) in pairs {
        for (at, (source, destination)) in ways.into_iter().enumerate() {
            let mut bench = bench(pair.clone());
            bench.pass(LONG);
            assert_eq!(bench.roles(), [Role::Active, Role::Active], "{pair:?}");
            hear(&mut bench, source, destination, VrrpVersion::V2);
            let mut expected = [Role::Active; 2];
            expected[at] = Role::Backup;
            assert_eq!(bench.roles(), expected, "{source} to {destination}: {pair:?}");
            let mut heard = vec![(0, vec![]), (0, vec![])];
            heard[at].0 = 1;
            assert_eq!(counts(&bench), heard);
        }
    }
}

/// Whatever is for none of them moves none of them, and is counted once.
#[test]
fn an_advert_for_nobody_is_dropped() {
    let one_address = || vec![unicast("a", None, PEER), unicast("b", None, OTHER_PEER)];
    let groups = || vec![multicast("a", GROUP), multicast("b", OTHER_GROUP)];
    for (pair, source, destination, drop) in [
        (one_address(), STRANGER, OWN, Drop::NotAPeer),
        (one_address(), PEER, GROUP, Drop::Transport),
        (groups(), PEER, OWN, Drop::Transport),
        (groups(), PEER, Ipv4Addr::new(224, 0, 0, 78), Drop::Transport),
        (vec![multicast("a", GROUP)], PEER, OTHER_GROUP, Drop::Transport),
    ] {
        let mut bench = bench(pair);
        bench.pass(LONG);
        hear(&mut bench, source, destination, VrrpVersion::V2);
        assert!(bench.roles().iter().all(|role| *role == Role::Active), "{source} to {destination}");
        assert_eq!(counts(&bench)[0], (0, vec![(drop, 1)]), "{source} to {destination}");
    }
    // With an address of its own a router hears strangers too, as alone.
    let mut bench = bench(vec![unicast("a", None, PEER), unicast("b", Some(SECOND), PEER)]);
    bench.pass(LONG);
    hear(&mut bench, STRANGER, SECOND, VrrpVersion::V2);
    assert_eq!(bench.roles(), [Role::Active, Role::Backup]);
}

/// Sockets sort for all of them: each may have another version.
#[test]
fn routers_of_one_number_may_have_different_versions() {
    let third = Instance { version: VrrpVersion::V3, ..multicast("b", OTHER_GROUP) };
    let mut bench = Bench::bare();
    bench.input(Input::Links(vec![link(2, "eth0", true)]));
    bench.input(Input::Addresses(vec![host(2, OWN, 24)]));
    let instances = vec![multicast("a", GROUP), third];
    bench.router.handle(Input::Configure(Arc::new(Config { instances, ..Config::default() })), bench.now);
    let mut listeners = Vec::new();
    while let Some(output) = bench.router.poll_output() {
        if let Output::Listen(wanted) = output {
            listeners = wanted;
        }
    }
    let [listener] = listeners.as_slice() else { panic!("{listeners:?}") };
    assert_eq!(listener.routers, [(51, VrrpVersion::V2), (51, VrrpVersion::V3)].into());
    assert_eq!(listener.groups, [GROUP, OTHER_GROUP].map(IpAddr::V4).into());
    bench.pass(LONG);
    hear(&mut bench, PEER, OTHER_GROUP, VrrpVersion::V3);
    assert_eq!(bench.roles(), [Role::Active, Role::Backup]);
}

/// Only the host's addresses say that a source that is not written is one that is.
#[test]
fn one_that_turns_out_to_be_the_same_does_not_run() {
    let mut bench = bench(vec![unicast("a", None, PEER), unicast("b", Some(SECOND), PEER)]);
    bench.pass(LONG);
    assert_eq!(bench.roles(), [Role::Active, Role::Active]);
    bench.input(Input::AddressGone(host(2, OWN, 24)));
    assert_eq!(bench.roles()[1], Role::Fault);
    assert!(bench.reason(1).contains("a has the same virtual_router_id"), "{}", bench.reason(1));
    bench.input(Input::Addresses(vec![
        host(2, OWN, 24),
        host(2, SECOND, 24),
        host(2, Ipv4Addr::new(10, 0, 0, 51), 32),
    ]));
    bench.pass(LONG);
    assert_eq!(bench.roles(), [Role::Active, Role::Active]);
}

#[test]
fn at_a_reload_each_follows_the_one_that_heard_the_same_adverts() {
    let pair = || vec![multicast("a", GROUP), multicast("b", OTHER_GROUP)];
    let mut bench = bench(pair());
    bench.pass(LONG);
    hear(&mut bench, PEER, OTHER_GROUP, VrrpVersion::V2);
    assert_eq!(bench.roles(), [Role::Active, Role::Backup]);
    let unchanged = bench.configure(pair(), vec![], vec![]);
    assert_eq!(without_events(unchanged), Vec::<String>::new());
    // Order and names say nothing where the group says it.
    bench.configure(vec![multicast("x", OTHER_GROUP), multicast("a", GROUP)], vec![], vec![]);
    assert_eq!(bench.roles(), [Role::Backup, Role::Active]);
    bench.configure(vec![multicast("a", OTHER_GROUP), multicast("x", GROUP)], vec![], vec![]);
    assert_eq!(bench.roles(), [Role::Backup, Role::Active]);
    // Where it does not, the name does.
    let new_group = Ipv4Addr::new(224, 0, 0, 79);
    bench.configure(vec![multicast("x", new_group), multicast("a", OTHER_GROUP)], vec![], vec![]);
    assert_eq!(bench.roles(), [Role::Active, Role::Backup]);
    // One that is gone leaves, and the other does not stir.
    let words = without_events(bench.configure(vec![multicast("a", OTHER_GROUP)], vec![], vec![]));
    assert_eq!(words, ["send 51 prio 0", "remove 10.0.0.100", "listen 1"]);
    assert_eq!(bench.roles(), [Role::Backup]);
}

fn crowd(count: u8) -> Vec<Instance> {
    vec![Instance { addresses: (0..count).map(|host| vip(101 + host)).collect(), ..instance("a", 51) }]
}

fn sized(mtu: u32) -> Link {
    Link { mtu: Some(mtu), ..link(2, "eth0", true) }
}

/// Addresses that the next advert names.
fn named(bench: &mut Bench) -> usize {
    loop {
        bench.now = bench.router.poll_timeout().unwrap();
        bench.router.handle(Input::Deadline, bench.now);
        while let Some(output) = bench.router.poll_output() {
            if let Output::Send { packet, .. } = output {
                return sent_advert(&packet).addresses().count();
            }
        }
    }
}

#[test]
fn adverts_name_as_many_addresses_as_the_link_carries() {
    let mut bench = Bench::bare();
    bench.input(Input::Links(vec![sized(300)]));
    bench.input(Input::Addresses(vec![host(2, OWN, 24)]));
    let told = "! a: with the MTU of 300 that eth0 has, adverts name 62 of 100 addresses";
    let tells = |words: &[String]| words.iter().filter(|word| word.starts_with(told)).count();
    let words = bench.configure(crowd(100), vec![], vec![]);
    assert_eq!(tells(&words), 1, "{words:?}");
    assert_eq!(named(&mut bench), 62);
    // All of them move.
    bench.pass(LONG);
    assert_eq!(bench.router.status(bench.now)[0].addresses.len(), 100);
    // More room than there was is used from the next reload on, less at once.
    bench.input(Input::Link(sized(1500)));
    assert_eq!(named(&mut bench), 62);
    assert_eq!(tells(&bench.configure(crowd(100), vec![], vec![])), 0);
    assert_eq!(named(&mut bench), 100);
    assert_eq!(tells(&bench.input(Input::Link(sized(300)))), 1);
    assert_eq!(named(&mut bench), 62);
    // A reload that changes nothing has nothing to tell.
    assert_eq!(tells(&bench.configure(crowd(100), vec![], vec![])), 0);
}

/// What the link lost for a while is named again once it is back: the other routers count on as many as ever.
#[test]
fn an_mtu_that_dips_and_comes_back_leaves_no_trace() {
    let mut bench = Bench::bare();
    bench.input(Input::Links(vec![sized(1500)]));
    bench.input(Input::Addresses(vec![host(2, OWN, 24)]));
    bench.configure(crowd(100), vec![], vec![]);
    assert_eq!(named(&mut bench), 100);
    for (mtu, most) in [(300, 62), (400, 87), (200, 37), (300, 62), (1500, 100), (300, 62), (9000, 100)] {
        bench.input(Input::Link(sized(mtu)));
        assert_eq!(named(&mut bench), most, "with an MTU of {mtu}");
    }
    // Not more than what there was room for when the configuration came into force, which is what a keepalived looks at.
    let mut bench = Bench::bare();
    bench.input(Input::Links(vec![sized(300)]));
    bench.input(Input::Addresses(vec![host(2, OWN, 24)]));
    bench.configure(crowd(100), vec![], vec![]);
    for (mtu, most) in [(300, 62), (200, 37), (1500, 62)] {
        bench.input(Input::Link(sized(mtu)));
        assert_eq!(named(&mut bench), most, "with an MTU of {mtu}");
    }
}
