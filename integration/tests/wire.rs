//! Ways in which adverts travel that are no mode of the matrix in `interop`, most against Debian's keepalived as the other half
//! of the pair: limits of TTL and of senders, no interface, other checksums, no source.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver};
use std::time::Duration;

use integration::waiting::holds_for;
use integration::{Node, Segment, Topology, native_test, peers, wait_until};
use ipvsd::api::InstanceView;
use ipvsd::model::{
    Authentication, Checksum, Config, Family, Instance, Peer, Priority, Secret, Transport, VirtualAddress, Vrid,
    VrrpVersion,
};
use ipvsd::shell::router::{self, Options, RouterEvent, RouterHandle};

/// Generous: what takes this long on the slowest machine is broken.
const LONG: Duration = Duration::from_secs(60);

/// Our router in a node.
struct Ours {
    handle: RouterHandle,
    events: Receiver<RouterEvent>,
}

impl Ours {
    fn start(node: &Node, instance: Instance) -> Self {
        let (tell, events) = mpsc::channel();
        let config = Config { instances: vec![instance], ..Config::default() };
        let options = Options { config: Arc::new(config), events: tell.into(), services: Arc::default(), fresh: true };
        Self { handle: node.enter(|| router::spawn(options).unwrap()), events }
    }

    fn view(&self) -> InstanceView {
        self.handle.snapshot().recv_timeout(LONG).expect("an answer").remove(0)
    }

    fn wait(&self, state: &str) {
        wait_until(LONG, state, || self.view().state == state);
    }

    fn stop(self) {
        self.handle.stop().recv_timeout(LONG).expect("an answer");
        self.handle.join();
        assert_eq!(self.events.iter().last(), Some(RouterEvent::Stopped));
    }
}

/// Two nodes on a segment, with addresses of both families; their link-local addresses may be sent from at once.
fn pair(name: &str) -> (Topology, Segment, Node, Node) {
    let mut lab = Topology::new(name);
    let lan = lab.segment("lan");
    let (one, two) = (lab.node("one"), lab.node("two"));
    for (node, last) in [(&one, 81), (&two, 82)] {
        node.set_sysctl("net.ipv6.conf.default.accept_dad", "0");
        node.set_sysctl("net.ipv6.conf.all.accept_dad", "0");
        lan.attach(node, "em1", &[&format!("192.168.10.{last}/24"), &format!("fd00::{last}/64")]);
        wait_until(LONG, "addresses that may be sent from", || {
            let addresses = node.sh("ip -6 -o address show dev em1");
            addresses.contains("fe80::") && addresses.contains("fd00::") && !addresses.contains("tentative")
        });
    }
    (lab, lan, one, two)
}

/// How the two of a pair are to speak.
struct Manner {
    name: &'static str,
    vip: &'static str,
    /// Words of keepalived for its instance.
    theirs: &'static str,
    /// The same for ours.
    ours: fn(Instance) -> Instance,
    /// What tcpdump is to look for, and a word that each of our adverts has in its log.
    filter: &'static str,
    seen: &'static str,
}

fn instance(manner: &Manner, priority: u8) -> Instance {
    let vip: IpAddr = manner.vip.parse().unwrap();
    let (family, prefix_len) = if vip.is_ipv6() { (Family::V6, 128) } else { (Family::V4, 32) };
    let version = if vip.is_ipv6() { VrrpVersion::V3 } else { VrrpVersion::V2 };
    (manner.ours)(Instance {
        version,
        priority: Priority::new(priority).unwrap(),
        addresses: vec![VirtualAddress::new(vip, prefix_len)],
        ..Instance::new("VI_1", "em1", Vrid::new(51).unwrap(), family)
    })
}

fn to_peer(source: &str, peer: &str, ttl: u8, check_source: bool) -> Transport {
    let peers = vec![Peer::new(peer.parse().unwrap())];
    Transport::Unicast { source: Some(source.parse().unwrap()), peers, ttl, check_source }
}

/// Both directions of a takeover, by priority, by a clean stop and by a sudden death, with no complaint on either side.
fn hand_over_with_keepalived(manner: &Manner) {
    let (_lab, _lan, one, two) = pair(manner.name);
    let vip: IpAddr = manner.vip.parse().unwrap();
    let has = |node: &Node| node.has_address("em1", vip);
    let conf = format!(
        "vrrp_instance A {{\n interface em1\n virtual_router_id 51\n priority 100\n advert_int 1\n {}\n \
         virtual_ipaddress {{\n {}\n }}\n}}\n",
        manner.theirs, manner.vip
    );
    let seen = one.command("tcpdump").args(["-l", "-n", "-vv", "-i", "em1", manner.filter]).spawn("tcpdump");
    seen.wait_log(LONG, "listening on");
    let theirs = peers::keepalived(&two, &conf);
    wait_until(LONG, "keepalived alone is master", || has(&two));

    let router = Ours::start(&one, instance(manner, 150));
    router.wait("MASTER");
    wait_until(LONG, "keepalived gives way", || has(&one) && !has(&two));
    assert_eq!(router.view().adverts_dropped, []);
    router.stop();
    wait_until(LONG, "keepalived takes over after a clean stop", || has(&two) && !has(&one));

    let router = Ours::start(&one, instance(manner, 50));
    router.wait("BACKUP");
    wait_until(LONG, "an advert of keepalived", || router.view().adverts_received > 0);
    let master = router.view().master.unwrap();
    theirs.stop(LONG);
    router.wait("MASTER");
    assert_eq!(router.view().reason, format!("master {master} said that it leaves"));
    wait_until(LONG, "the address", || has(&one));
    let log = theirs.log();

    let theirs = peers::keepalived(&two, &conf);
    router.wait("BACKUP");
    wait_until(LONG, "ours gives way", || has(&two) && !has(&one));
    // All of it at once: its child would say goodbye when it notices that its parent is gone.
    two.sh("pkill -STOP keepalived; pkill -KILL keepalived");
    theirs.kill();
    router.wait("MASTER");
    assert!(router.view().reason.starts_with(&format!("master {master} has been silent")), "{}", router.view().reason);
    assert_eq!(router.view().adverts_dropped, []);
    router.stop();
    assert!(!has(&one));

    for log in [log, theirs.log()] {
        for complaint in ["nvalid", "mismatch", "wrong", "unexpected", "not present", "already processed", "Unknown"] {
            assert!(!log.contains(complaint), "keepalived complains: {log}");
        }
    }
    let log = seen.log();
    assert!(log.lines().any(|line| line.contains(manner.seen)), "{log}");
    assert!(!log.contains("bad") && !log.contains("incorrect"), "{log}");
}

native_test! {
    fn ipv6_unicast() {
        hand_over_with_keepalived(&Manner {
            name: "v6-unicast",
            vip: "fd00::99",
            theirs: "unicast_src_ip fd00::82\n unicast_peer {\n fd00::81\n }",
            ours: |instance| Instance { transport: to_peer("fd00::81", "fd00::82", 255, true), ..instance },
            filter: "ip6 proto 112",
            seen: "fd00::81 > fd00::82: VRRPv3, Advertisement, vrid 51, prio 50, ",
        });
    }

    fn authentication_header_unicast() {
        hand_over_with_keepalived(&Manner {
            name: "ah-unicast",
            vip: "192.168.10.99",
            theirs: "unicast_src_ip 192.168.10.82\n unicast_ttl 64\n unicast_peer {\n 192.168.10.81\n }\n \
                     authentication {\n auth_type AH\n auth_pass 1111\n }",
            ours: |instance| Instance {
                transport: to_peer("192.168.10.81", "192.168.10.82", 63, true),
                authentication: Authentication::Header(Secret::new(b"1111".to_vec())),
                ..instance
            },
            filter: "ip proto 51",
            seen: "VRRPv2, Advertisement, (ttl 63), vrid 51, prio 50, authtype ah",
        });
    }

    fn unicast_without_an_interface() {
        hand_over_with_keepalived(&Manner {
            name: "bare-unicast",
            vip: "192.168.10.99",
            theirs: "unicast_src_ip 192.168.10.82\n unicast_peer {\n 192.168.10.81\n }",
            ours: |mut instance| {
                instance.id.interface = None;
                instance.transport = to_peer("192.168.10.81", "192.168.10.82", 255, true);
                instance.receive_buffer = Some(100_000);
                instance
            },
            filter: "ip proto 112",
            seen: "VRRPv2, Advertisement, vrid 51, prio 50, authtype none",
        });
    }

    fn either_checksum_is_heard_and_two_of_ours_agree_on_the_bare_one() {
        let (_lab, _lan, one, two) = pair("bare-sums");
        let bare = |priority| {
            let manner = Manner {
                name: "", vip: "192.168.10.99", theirs: "", filter: "", seen: "",
                ours: |instance| Instance {
                    version: VrrpVersion::V3,
                    checksum: Checksum { without_pseudo_header: true, never_old_unicast: false },
                    ..instance
                },
            };
            instance(&manner, priority)
        };
        // keepalived sums the pseudo header; with this option we hear it all the same.
        let theirs = peers::keepalived(&two, "global_defs {\n vrrp_version 3\n}\nvrrp_instance A {\n interface em1\n \
             virtual_router_id 51\n priority 100\n virtual_ipaddress {\n 192.168.10.99\n }\n}\n");
        let router = Ours::start(&one, bare(50));
        wait_until(LONG, "adverts of keepalived", || router.view().adverts_received > 1);
        assert_eq!((router.view().state.as_str(), router.view().adverts_dropped), ("BACKUP", vec![]));
        theirs.stop(LONG);
        router.wait("MASTER");

        let other = Ours::start(&two, bare(150));
        other.wait("MASTER");
        router.wait("BACKUP");
        holds_for(Duration::from_secs(2), "the other stays master", || router.view().state == "BACKUP");
        assert_eq!((router.view().adverts_dropped, other.view().adverts_dropped), (vec![], vec![]));
        router.stop();
        other.stop();
    }

    fn a_link_local_address_is_waited_for() {
        let (_lab, _lan, one, _two) = pair("no-source");
        one.sh("ip -6 address flush dev em1 scope link");
        let manner = Manner {
            name: "", vip: "fd00::99", theirs: "", ours: |instance| instance, filter: "", seen: "",
        };
        let router = Ours::start(&one, instance(&manner, 100));
        router.wait("FAULT");
        let reason = "interface em1 has no link-local IPv6 address of its own to send adverts from";
        assert_eq!(router.view().reason, reason);
        one.sh("ip address add fe80::5/64 dev em1 nodad");
        router.wait("MASTER");
        one.sh("ip address del fe80::5/64 dev em1");
        router.wait("FAULT");
        wait_until(LONG, "the address gone", || !one.has_address("em1", "fd00::99".parse().unwrap()));
        router.stop();
    }

    fn a_wrong_checksum_over_ipv6_is_counted() {
        let (_lab, _lan, one, two) = pair("v6-sums");
        let manner = Manner {
            name: "", vip: "fd00::99", theirs: "", ours: |instance| instance, filter: "", seen: "",
        };
        let router = Ours::start(&one, instance(&manner, 100));
        router.wait("MASTER");
        // A datagram of protocol 112 that says all the right things, but for its checksum.
        two.inside(|| {
            use socket2::{Domain, Protocol, Socket, Type};
            let socket = Socket::new(Domain::IPV6, Type::RAW, Some(Protocol::from(112))).unwrap();
            socket.set_multicast_hops_v6(255).unwrap();
            socket.bind_device(Some(b"em1")).unwrap();
            let mut advert = vec![0x31, 51, 255, 1, 0, 100, 0x12, 0x34];
            advert.extend("fd00::99".parse::<std::net::Ipv6Addr>().unwrap().octets());
            let to: std::net::SocketAddr = "[ff02::12]:0".parse().unwrap();
            socket.send_to(&advert, &to.into()).unwrap();
        });
        wait_until(LONG, "the packet counted", || !router.view().adverts_dropped.is_empty());
        assert_eq!(router.view().adverts_dropped, [("its checksum is wrong".to_owned(), 1)]);
        assert_eq!(router.view().state, "MASTER");
        router.stop();
    }
}
