//! Whatever happens to a virtual router's interface, its addresses, its neighbours or its process: it comes into the right
//! state by itself, and says in one clear line what happened.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod addresses;
mod interface;
mod ipv6;
mod neighbours;
mod rivals;
mod time;

use std::net::{IpAddr, Ipv4Addr};
use std::thread;
use std::time::{Duration, Instant};

use integration::inject::{Forged, Injector};
use integration::subject::instances;
use integration::waiting::holds_for;
use integration::{
    AddressWatch, Contender, Ipvsd, Node, Program, Segment, Tap, Topology, guest_test, native_test, wait_for,
    wait_until,
};
use nix::sys::signal::Signal;

const PATIENCE: Duration = Duration::from_secs(60);
const VIP: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 100);

/// A segment with so many nodes, `eth0` 192.0.2.1/24 and on, with Ethernet addresses that end like that.
struct Lan {
    segment: Segment,
    nodes: Vec<Node>,
    _lab: Topology,
}

impl Lan {
    fn new(name: &str, nodes: u8) -> Self {
        let mut lab = Topology::new(name);
        let segment = lab.segment("lan");
        let nodes = (1..=nodes).map(|number| lab.node(&format!("n{number}"))).collect();
        let lan = Self { segment, nodes, _lab: lab };
        (1..=nodes_of(&lan)).for_each(|number| lan.attach(number));
        lan
    }

    /// Gives a node its interface, for the first time or again.
    fn attach(&self, number: u8) {
        let node = &self.nodes[usize::from(number) - 1];
        self.segment.attach(node, "eth0", &[]);
        node.sh(&format!("ip link set eth0 address {}; ip address add 192.0.2.{number}/24 dev eth0", mac_text(number)));
    }

    fn owners(&self) -> Vec<&str> {
        self.nodes.iter().filter(|node| node.has_address("eth0", IpAddr::V4(VIP))).map(Node::name).collect()
    }

    #[track_caller]
    fn wait_owner(&self, owner: &str) {
        wait_until(PATIENCE, &format!("the address on {owner} alone"), || self.owners() == [owner]);
    }

    /// A master n1 of priority 150 and a backup n2 of 100, at rest.
    fn pair(&self) -> [Ipvsd; 2] {
        self.pair_with("")
    }

    /// The same with more lines in both files.
    fn pair_with(&self, lines: &str) -> [Ipvsd; 2] {
        let one = Ipvsd::start(&self.nodes[0], &conf(150, lines));
        one.wait_state("VI_1", "MASTER");
        let two = Ipvsd::start(&self.nodes[1], &conf(100, lines));
        two.wait_show("an advert heard", |snapshot| instances(snapshot)[0]["adverts_received"].as_u64() > Some(0));
        self.wait_owner("n1");
        [one, two]
    }
}

fn nodes_of(lan: &Lan) -> u8 {
    u8::try_from(lan.nodes.len()).unwrap()
}

fn mac_text(number: u8) -> String {
    format!("02:00:00:00:00:{number:02x}")
}

fn conf(priority: u8, lines: &str) -> String {
    format!(
        "vrrp_instance VI_1 {{\n  state BACKUP\n  interface eth0\n  virtual_router_id 51\n  priority {priority}\n  \
         version 3\n  advert_int 0.3\n  {lines}\n  virtual_ipaddress {{\n    {VIP}/24\n  }}\n}}\n"
    )
}

fn became_master(router: &Ipvsd) -> u64 {
    instances(&router.show())[0]["became_master"].as_u64().expect("a number")
}

/// What a router says from now on.
struct Hearing<'router> {
    router: &'router Ipvsd,
    from: usize,
}

impl<'router> Hearing<'router> {
    fn of(router: &'router Ipvsd) -> Self {
        Self { router, from: router.daemon().log().len() }
    }

    /// Everything about the virtual router, without times and levels.
    fn lines(&self) -> Vec<String> {
        let log = self.router.daemon().log();
        log[self.from..].lines().filter_map(|line| Some(line[line.find("VI_1: ")?..].to_owned())).collect()
    }

    /// Waits until these lines were said, in this order, and asserts that nothing else was. A line is given by its beginning.
    #[track_caller]
    fn exactly(&self, beginnings: &[&str]) {
        wait_for(PATIENCE, &format!("{} lines", beginnings.len()), || {
            let lines = self.lines();
            if lines.len() >= beginnings.len() { Ok(()) } else { Err(format!("{lines:#?}")) }
        });
        let lines = self.lines();
        let as_wished = lines.len() == beginnings.len()
            && lines.iter().zip(beginnings).all(|(line, beginning)| line.starts_with(beginning));
        assert!(as_wished, "expected {beginnings:#?}, and heard {lines:#?}");
    }
}

/// A gratuitous ARP for the virtual address by a node.
fn gratuitous_arp(number: u8) -> Vec<u8> {
    let mac = [2, 0, 0, 0, 0, number];
    let mut frame = vec![0xff; 6];
    frame.extend(mac);
    frame.extend([0x08, 0x06, 0, 1, 0x08, 0x00, 6, 4, 0, 1]);
    frame.extend(mac);
    frame.extend(VIP.octets());
    frame.extend([0xff; 6]);
    frame.extend(VIP.octets());
    frame
}

/// The Ethernet address that a node has learnt for the virtual address.
fn neighbour(node: &Node) -> String {
    let line = node.sh("ip neighbour show 192.0.2.100 dev eth0");
    let mut words = line.split_whitespace().skip_while(|word| *word != "lladdr");
    words.nth(1).unwrap_or_default().to_owned()
}
