//! Two virtual routers of one number, family and interface, beside a real keepalived that has both too.
//!
//! What keepalived accepts is what can be told apart: by group, by the address that an advert is sent to, or by the peer that it
//! comes from. In each case one router has its master here and the other there, and then a program is killed and comes back.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::net::IpAddr;
use std::time::Duration;

use integration::subject::instances;
use integration::{Contender, Ipvsd, Node, Program, Topology, native_test, wait_until};

const PATIENCE: Duration = Duration::from_secs(30);

/// A file with both routers: the words that tell each apart, and their priorities.
fn file(ways: [&str; 2], priorities: [u8; 2]) -> String {
    let router = |name: &str, vip: u8, way: &str, priority: u8| {
        format!(
            "vrrp_instance {name} {{\n  interface eth0\n  virtual_router_id 51\n  priority {priority}\n  {way}\n  \
             virtual_ipaddress {{\n    192.0.2.{vip}/24\n  }}\n}}\n"
        )
    };
    router("A", 101, ways[0], priorities[0]) + &router("B", 102, ways[1], priorities[1])
}

/// The words of a router that speaks to one peer.
fn unicast(own: u8, peer: u8) -> String {
    format!("unicast_src_ip 192.0.2.{own}\n  unicast_peer {{\n    192.0.2.{peer}\n  }}")
}

fn vip(last: u8) -> IpAddr {
    IpAddr::from([192, 0, 2, last])
}

/// Who has the addresses, as names of nodes.
fn owners(nodes: &[Node; 2]) -> [Vec<&str>; 2] {
    [101, 102].map(|last| nodes.iter().filter(|node| node.has_address("eth0", vip(last))).map(Node::name).collect())
}

fn state(ipvsd: &Ipvsd, at: usize) -> String {
    instances(&ipvsd.show())[at]["state"].to_string()
}

fn shares(name: &str, ours: [&str; 2], theirs: [&str; 2]) {
    let mut lab = Topology::new(name);
    let lan = lab.segment("lan");
    let nodes = [lab.node("ours"), lab.node("theirs")];
    lan.attach(&nodes[0], "eth0", &["192.0.2.1/24", "192.0.2.9/24"]);
    lan.attach(&nodes[1], "eth0", &["192.0.2.2/24", "192.0.2.3/24"]);
    let ipvsd = Ipvsd::start(&nodes[0], &file(ours, [150, 50]));
    let their_file = file(theirs, [100, 100]);
    let keepalived = Contender::start(Program::Keepalived, &nodes[1], &their_file);

    let each_its_own = || owners(&nodes) == [vec!["ours"], vec!["theirs"]];
    wait_until(PATIENCE, "each address where its master is", each_its_own);
    assert_eq!([state(&ipvsd, 0), state(&ipvsd, 1)], ["\"MASTER\"", "\"BACKUP\""]);
    let check = ipvsd.ctl(&["check"]);
    assert!(!check.stdout.contains("C501"), "{}", check.stdout);

    keepalived.kill();
    // A killed program leaves its address behind.
    nodes[1].sh("ip address flush dev eth0 to 192.0.2.102");
    wait_until(PATIENCE, "both addresses here", || owners(&nodes) == [vec!["ours"], vec!["ours"]]);
    let why = ipvsd.ctl(&["why", "B"]);
    assert!(why.stdout.contains("MASTER"), "{}", why.stdout);

    let keepalived = Contender::start(Program::Keepalived, &nodes[1], &their_file);
    wait_until(PATIENCE, "each address back where its master is", each_its_own);

    // An unchanged file changes nothing; one without B leaves A alone.
    assert!(ipvsd.reload(&file(ours, [150, 50])).success());
    let snapshot = ipvsd.show();
    assert_eq!(instances(&snapshot)[0]["became_master"], 1, "{snapshot}");
    assert_eq!(instances(&snapshot)[1]["became_master"], 1, "{snapshot}");
    assert!(each_its_own());

    ipvsd.stop();
    wait_until(PATIENCE, "both addresses there", || owners(&nodes) == [vec!["theirs"], vec!["theirs"]]);
    assert!(keepalived.daemon().is_running());
}

native_test! {
    fn by_the_group() {
        // keepalived does not mind two versions either.
        let ways = ["version 2", "mcast_dst_ip 224.0.0.77\n  version 3"];
        shares("share-group", ways, ways);
    }
}

native_test! {
    fn by_unicast_beside_multicast() {
        shares("share-mode", ["", &unicast(1, 2)], ["", &unicast(2, 1)]);
    }
}

native_test! {
    fn by_the_address_here_and_by_the_peer_there() {
        shares("share-source", [&unicast(1, 2), &unicast(9, 2)], [&unicast(2, 1), &unicast(2, 9)]);
    }
}

native_test! {
    fn by_the_peer_here_and_by_the_address_there() {
        shares("share-peer", [&unicast(1, 2), &unicast(1, 3)], [&unicast(2, 1), &unicast(3, 1)]);
    }
}
