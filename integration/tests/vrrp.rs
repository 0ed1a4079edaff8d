//! The router in the lab: real sockets, real addresses, and Debian's keepalived as the other half of the pair.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver};
use std::time::{Duration, Instant};

use integration::waiting::holds_for;
use integration::{Node, Segment, Topology, native_test, peers, wait_until};
use ipvsd::api::InstanceView;
use ipvsd::model::{
    AdvertInterval, Config, Election, Family, Instance, Notify, OnMissing, Priority, SyncGroup, TrackScript, Tracked,
    VirtualAddress, Vrid, VrrpVersion, Watched,
};
use ipvsd::shell::router::{self, Options, RouterEvent, RouterHandle};

/// Generous: what takes this long on the slowest machine is broken.
const LONG: Duration = Duration::from_secs(60);
const VIP: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 168, 10, 99));

fn vip() -> VirtualAddress {
    VirtualAddress::new(VIP, 32)
}

fn instance(version: VrrpVersion, priority: u8) -> Instance {
    Instance {
        version,
        priority: Priority::new(priority).unwrap(),
        addresses: vec![vip()],
        ..Instance::new("VI_1", "em1", Vrid::new(51).unwrap(), Family::V4)
    }
}

/// Our router in a node.
struct Ours {
    handle: RouterHandle,
    events: Receiver<RouterEvent>,
}

impl Ours {
    fn start(node: &Node, instances: Vec<Instance>) -> Self {
        Self::start_with(node, Config { instances, ..Config::default() })
    }

    fn start_with(node: &Node, config: Config) -> Self {
        let (tell, events) = mpsc::channel();
        let options = Options { config: Arc::new(config), events: tell.into(), services: Arc::default(), fresh: true };
        Self { handle: node.enter(|| router::spawn(options).unwrap()), events }
    }

    fn view(&self) -> InstanceView {
        self.handle.snapshot().recv_timeout(LONG).expect("an answer").remove(0)
    }

    fn wait(&self, state: &str) -> Duration {
        wait_until(LONG, state, || self.view().state == state)
    }

    fn configure(&self, instances: Vec<Instance>) {
        self.handle
            .configure(Arc::new(Config { instances, ..Config::default() }))
            .recv_timeout(LONG)
            .expect("an answer")
            .unwrap();
    }

    fn stop(self) {
        self.handle.stop().recv_timeout(LONG).expect("an answer");
        self.handle.join();
        assert_eq!(self.events.iter().last(), Some(RouterEvent::Stopped));
    }
}

/// Two nodes on a segment, with the numbers of a small cluster.
fn pair(name: &str) -> (Topology, Segment, Node, Node) {
    let mut lab = Topology::new(name);
    let lan = lab.segment("lan");
    let (one, two) = (lab.node("one"), lab.node("two"));
    lan.attach(&one, "em1", &["192.168.10.81/24"]);
    lan.attach(&two, "em1", &["192.168.10.82/24"]);
    (lab, lan, one, two)
}

fn has(node: &Node) -> bool {
    node.has_address("em1", VIP)
}

/// keepalived on node two, priority 100.
const KEEPALIVED: &str = "\
    global_defs {\n vrrp_version 2\n}\n\
    vrrp_instance A {\n interface em1\n virtual_router_id 51\n priority 100\n advert_int 1\n \
    virtual_ipaddress {\n 192.168.10.99\n }\n}\n";

native_test! {
    fn two_of_ours_at_a_tenth_of_a_second() {
        let (_lab, lan, one, two) = pair("quick");
        let quick = |priority| {
            let advert_interval = AdvertInterval::from_centiseconds(10).unwrap();
            vec![Instance { advert_interval, ..instance(VrrpVersion::V3, priority) }]
        };
        let best = Ours::start(&one, quick(200));
        let other = Ours::start(&two, quick(100));
        best.wait("MASTER");
        other.wait("BACKUP");
        wait_until(LONG, "the address on one alone", || has(&one) && !has(&two));
        // A cut wire: one loses its carrier and says so; two hears nothing and takes over.
        let started = Instant::now();
        lan.unplug(&one);
        other.wait("MASTER");
        println!("took over {:?} after the wire was cut", started.elapsed());
        best.wait("FAULT");
        assert_eq!(best.view().reason, "interface em1 is down or has no carrier");
        wait_until(LONG, "the address on two alone", || !has(&one) && has(&two));
        lan.plug(&one);
        best.wait("MASTER");
        other.wait("BACKUP");
        wait_until(LONG, "the address back on one alone", || has(&one) && !has(&two));
        best.stop();
        wait_until(LONG, "the address on two", || has(&two) && !has(&one));
        other.stop();
        assert!(!has(&two));
    }

    fn an_address_removed_by_hand_comes_back_and_the_router_stays_master() {
        let (_lab, _lan, one, two) = pair("by-hand");
        let master = Ours::start(&one, vec![instance(VrrpVersion::V2, 150)]);
        let backup = Ours::start(&two, vec![instance(VrrpVersion::V2, 100)]);
        master.wait("MASTER");
        wait_until(LONG, "the address", || has(&one));
        let announced = peers::tcpdump(&two, "em1", "arp and arp[24:4] = 0xc0a80a63");
        one.remove_address("em1", "192.168.10.99/32");
        println!("back after {:?}", wait_until(LONG, "the address back", || has(&one)));
        announced.wait_log(LONG, "192.168.10.99");
        let view = master.view();
        assert_eq!((view.state.as_str(), view.became_master), ("MASTER", 1));
        assert_eq!(backup.view().became_master, 0);
        master.stop();
        backup.stop();
    }

    fn what_a_killed_predecessor_left_stays_until_another_master_is_heard() {
        let (_lab, _lan, one, two) = pair("leftover");
        one.add_address("em1", "192.168.10.99/32");
        let router = Ours::start(&one, vec![instance(VrrpVersion::V2, 100)]);
        // Traffic goes on: the address is never away on the way to master.
        holds_for(Duration::from_secs(5), "the address stays", || has(&one));
        router.wait("MASTER");
        router.stop();
        assert!(!has(&one));

        let theirs = Ours::start(&two, vec![instance(VrrpVersion::V2, 50)]);
        theirs.wait("MASTER");
        one.add_address("em1", "192.168.10.99/32");
        let router = Ours::start(&one, vec![Instance { election: Election { preempt: false, ..Election::default() }, ..instance(VrrpVersion::V2, 100) }]);
        wait_until(LONG, "the address gone", || !has(&one));
        assert_eq!(router.view().state, "BACKUP");
        assert!(has(&two));
        router.stop();
        theirs.stop();
    }

    fn addresses_have_device_label_prefix_broadcast_and_scope() {
        let (_lab, _lan, one, _two) = pair("dressed");
        let dressed = VirtualAddress {
            prefix_len: 24,
            label: Some("em1:vip".to_owned()),
            broadcast: Some(Ipv4Addr::new(192, 168, 10, 255)),
            ..vip()
        };
        let elsewhere = VirtualAddress {
            address: IpAddr::V4(Ipv4Addr::new(10, 1, 2, 3)),
            interface: Some("lo".to_owned()),
            scope: 254,
            ..vip()
        };
        let addresses = vec![dressed, elsewhere];
        let router = Ours::start(&one, vec![Instance { addresses, ..instance(VrrpVersion::V2, 100) }]);
        router.wait("MASTER");
        let em1 = one.sh("ip -o address show dev em1 to 192.168.10.99");
        assert!(em1.contains("192.168.10.99/24 brd 192.168.10.255 scope global secondary em1:vip"), "{em1}");
        let lo = one.sh("ip -o address show dev lo to 10.1.2.3");
        assert!(lo.contains("10.1.2.3/32 scope host lo"), "{lo}");
        assert!(router.view().addresses.iter().all(|address| address.present));
        // A reload that takes one away leaves the other, and the state.
        let addresses = vec![VirtualAddress { prefix_len: 24, label: Some("em1:vip".to_owned()), ..vip() }];
        router.configure(vec![Instance { addresses, ..instance(VrrpVersion::V2, 100) }]);
        wait_until(LONG, "the other gone", || !one.has_address("lo", "10.1.2.3".parse().unwrap()));
        assert!(has(&one));
        assert_eq!(router.view().became_master, 1);
        router.stop();
    }

    fn an_interface_may_be_missing_come_and_be_made_anew() {
        let mut lab = Topology::new("anew");
        let node = lab.node("one");
        let router = Ours::start(&node, vec![instance(VrrpVersion::V2, 100)]);
        router.wait("FAULT");
        assert_eq!(router.view().reason, "interface em1 does not exist; waiting for it to appear");
        for _ in 0..2 {
            node.sh("ip link add em1 type veth peer name far && ip link set far up && ip link set em1 up \
                     && ip address add 192.168.10.81/24 dev em1");
            router.wait("MASTER");
            wait_until(LONG, "the address", || has(&node));
            node.sh("ip link del em1");
            router.wait("FAULT");
        }
        assert_eq!(router.view().became_master, 2);
        router.stop();
    }

    fn an_unchanged_reload_changes_nothing() {
        let (_lab, _lan, one, two) = pair("reload");
        let router = Ours::start(&one, vec![instance(VrrpVersion::V2, 150)]);
        router.wait("MASTER");
        let seen = peers::tcpdump(&two, "em1", "arp or (ip proto 112 and ip[22] = 0)");
        for _ in 0..100 {
            router.configure(vec![instance(VrrpVersion::V2, 150)]);
        }
        holds_for(Duration::from_millis(500), "the address", || has(&one));
        assert_eq!(router.view().became_master, 1);
        assert!(!seen.log().contains("VRRP"), "{}", seen.log());
        router.stop();
    }

    fn nopreempt_leaves_the_address_where_it_is() {
        let (_lab, _lan, one, two) = pair("nopreempt");
        let theirs = peers::keepalived(&two, KEEPALIVED);
        wait_until(LONG, "keepalived alone is master", || has(&two));
        let router = Ours::start(&one, vec![Instance { election: Election { preempt: false, ..Election::default() }, ..instance(VrrpVersion::V2, 200) }]);
        // Longer than the 3.2 seconds after which it would have taken over.
        holds_for(Duration::from_secs(5), "keepalived stays master", || has(&two) && !has(&one));
        assert_eq!(router.view().state, "BACKUP");
        theirs.stop(LONG);
        router.wait("MASTER");
        router.stop();
    }

    fn a_failing_script_moves_the_address_and_others_hang_and_flood_in_vain() {
        let (_lab, _lan, one, two) = pair("scripts");
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("well");
        std::fs::write(&file, "").unwrap();
        let script = |name: &str, command: &[&str]| TrackScript {
            name: name.to_owned(),
            command: command.iter().map(ToString::to_string).collect(),
            interval: Duration::from_millis(200),
            timeout: Duration::from_millis(200),
            rise: 1,
            fall: 2,
            user: None,
            init_fail: false,
            on_missing: OnMissing::Fail,
        };
        let scripts = vec![
            script("well", &["test", "-f", file.to_str().unwrap()]),
            script("hang", &["/bin/sh", "-c", "trap '' TERM; while :; do sleep 1000; done"]),
            script("flood", &["/bin/sh", "-c", "yes; yes >&2"]),
            script("missing", &["no-such-program-at-all"]),
        ];
        let tracked =
            |name: &str, weight| Tracked { what: Watched::Script(name.to_owned()), weight, reverse: false };
        let mut watching = instance(VrrpVersion::V3, 150);
        watching.tracks =
            vec![tracked("well", -60), tracked("hang", -1), tracked("flood", -1), tracked("missing", -1)];
        let other = Ours::start(&two, vec![instance(VrrpVersion::V3, 100)]);
        let router = Ours::start_with(&one, Config { instances: vec![watching], scripts, ..Config::default() });
        router.wait("MASTER");
        wait_until(LONG, "all verdicts", || router.view().effective_priority == 147);
        let before = router.view().adverts_sent;
        wait_until(LONG, "more adverts", || router.view().adverts_sent >= before + 2);
        std::fs::remove_file(&file).unwrap();
        other.wait("MASTER");
        wait_until(LONG, "the address on two alone", || has(&two) && !has(&one));
        assert_eq!(router.view().effective_priority, 87);
        std::fs::write(&file, "").unwrap();
        router.wait("MASTER");
        wait_until(LONG, "the address on one alone", || has(&one) && !has(&two));
        router.stop();
        other.stop();
    }

    fn a_sync_group_moves_together_against_one_of_keepalived() {
        let (_lab, _lan, one, two) = pair("group");
        for node in [&one, &two] {
            node.sh("ip link add em2 type veth peer name far && ip link set far up && ip link set em2 up");
        }
        let theirs = |name: &str, vrid: u8, vip: &str, track: &str| {
            format!(
                "vrrp_instance {name} {{\n interface em1\n virtual_router_id {vrid}\n priority 100\n {track}\n \
                 virtual_ipaddress {{\n {vip}\n }}\n}}\n"
            )
        };
        let group = "vrrp_sync_group G {\n group {\n A\n B\n }\n}\n";
        let tracking = "track_interface {\n em2\n }";
        let conf = [
            group,
            &theirs("A", 51, "192.168.10.99", ""),
            &theirs("B", 52, "192.168.10.98", tracking),
        ];
        let other: IpAddr = "192.168.10.98".parse().unwrap();
        let both = |node: &Node| has(node) && node.has_address("em1", other);
        let neither = |node: &Node| !has(node) && !node.has_address("em1", other);
        let _theirs = peers::keepalived(&two, &conf.concat());
        wait_until(LONG, "keepalived alone has both", || both(&two));

        let mut second = Instance { name: "VI_2".to_owned(), ..instance(VrrpVersion::V2, 150) };
        second.id.vrid = Vrid::new(52).unwrap();
        second.addresses = vec![VirtualAddress { address: other, ..vip() }];
        second.tracks = vec![Tracked { what: Watched::Interface("em2".to_owned()), weight: 0, reverse: false }];
        let members = vec!["VI_1".to_owned(), "VI_2".to_owned()];
        let router = Ours::start_with(&one, Config {
            instances: vec![instance(VrrpVersion::V2, 150), second],
            sync_groups: vec![SyncGroup {
                name: "G".to_owned(),
                members,
                tracks: Vec::new(),
                weighted: false,
                notify: Notify::default(),
            }],
            ..Config::default()
        });
        wait_until(LONG, "ours has both", || both(&one) && neither(&two));
        one.set_link("em2", false);
        wait_until(LONG, "keepalived has both", || both(&two) && neither(&one));
        assert_eq!((router.view().state.as_str(), router.view().reason.as_str()), (
            "FAULT",
            "VI_2 of sync group G has a fault",
        ));
        one.set_link("em2", true);
        wait_until(LONG, "ours has both again", || both(&one) && neither(&two));
        router.stop();
        wait_until(LONG, "keepalived has both at the end", || both(&two) && neither(&one));
    }
}
