//! Act three: `004-master.conf` and its backup. Direct routing: servers have the virtual address too, say nothing about it,
//! and answer clients themselves. The file has more slips than any other here.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV4};
use std::time::{Duration, Instant};

use crate::daemon::Daemon;
use crate::node::Node;
use crate::peers;
use crate::segment::Segment;
use crate::topology::Topology;
use crate::web::WebServer;

use super::stage::seconds;
use super::stream::Stream;
use super::{Director, LONG, PAUSE, Stage, seed, show_logs, table};

const FILE: &str = "004-master.conf";
const DEVICE: &str = "eth1";
const VIP: Ipv4Addr = Ipv4Addr::new(172, 72, 4, 2);
const GATEWAY_VIP: Ipv4Addr = Ipv4Addr::new(172, 72, 4, 3);
const PORT: u16 = 8080;
/// Entries of the table that the file describes: a service and two servers.
const ENTRIES: usize = 3;
/// `delay_loop 6`, a retry, and time for slow machines.
const CHECKED: Duration = Duration::from_secs(22);
/// Requests that must be answered before a state counts as good.
const ENOUGH: usize = 40;

/// A director's machine.
struct Balancer {
    node: Node,
    director: Option<Daemon>,
}

struct Network {
    balancers: Vec<Balancer>,
    servers: Vec<(Ipv4Addr, Node, WebServer)>,
    client: Node,
    lan: Segment,
    _lab: Topology,
}

impl Network {
    fn build() -> Self {
        let mut lab = Topology::new("third");
        let lan = lab.segment("lan");
        let balancers = (1..=2)
            .map(|number| {
                let node = lab.node(&format!("kube-lb-{number}"));
                lan.attach(&node, DEVICE, &[&format!("172.72.4.1{number}/24")]);
                let _ = peers::haproxy(&node, include_str!("haproxy.cfg"));
                Balancer { node, director: None }
            })
            .collect();
        let servers = [100, 101]
            .map(|number| {
                let node = lab.node(&format!("server-{number}"));
                let address = Ipv4Addr::new(172, 72, 4, number);
                lan.attach(&node, DEVICE, &[&format!("{address}/24")]);
                for scope in ["all", DEVICE] {
                    node.set_sysctl(&format!("net.ipv4.conf.{scope}.arp_ignore"), "1");
                    node.set_sysctl(&format!("net.ipv4.conf.{scope}.arp_announce"), "2");
                }
                node.add_address("lo", &format!("{VIP}/32"));
                let server = WebServer::start(&node, format!("0.0.0.0:{PORT}"));
                (address, node, server)
            })
            .into();
        let client = lab.node("client");
        lan.attach(&client, DEVICE, &["172.72.4.200/24"]);
        Network { balancers, servers, client, lan, _lab: lab }
    }

    fn has(&self, at: usize, address: Ipv4Addr) -> bool {
        self.balancers[at].node.has_address(DEVICE, IpAddr::V4(address))
    }

    /// Who has the service's address, of those whose director runs.
    fn holder(&self) -> Result<usize, String> {
        let holders: Vec<_> = (0..2)
            .filter(|&at| self.balancers[at].director.as_ref().is_some_and(Daemon::is_running) && self.has(at, VIP))
            .collect();
        match holders.as_slice() {
            [holder] => Ok(*holder),
            [] => Err(format!("nobody has {VIP}")),
            _ => Err(format!("both have {VIP}")),
        }
    }
}

/// Plays the act.
pub fn play(stage: &mut Stage, director: Director) {
    stage.act(
        3,
        "examples/seeds/004-master.conf and its backup on two machines: direct routing",
        &[
            "kube-lb-1, kube-lb-2: eth1 with 172.72.4.11, .12; the backup's file is the master's with `state BACKUP` and",
            "`priority 97`, as the document says. Servers 172.72.4.100, .101 have 172.72.4.2 on lo and do not answer ARP for it.",
        ],
    );
    let since = Instant::now();
    let mut network = Network::build();
    stage.note(&format!("two directors, two servers, one client: up after {}", seconds(since.elapsed())));
    let failures = stage.failures();
    scenes(stage, director, &mut network);
    if stage.failures() > failures {
        for balancer in &network.balancers {
            show_logs(stage, director, &balancer.node);
        }
    }
}

fn scenes(stage: &mut Stage, director: Director, network: &mut Network) -> Option<()> {
    read_the_file(stage, director, network);
    start(stage, director, network)?;
    let client = [IpAddr::V4(Ipv4Addr::new(172, 72, 4, 200)); 4];
    let to = SocketAddr::V4(SocketAddrV4::new(VIP, PORT));
    let stream = Stream::start(&network.client, &client, to, PAUSE);
    balance(stage, director, network, &stream)?;
    lose_a_server(stage, network, &stream)?;
    lose_a_machine(stage, director, network, &stream)?;
    stream.finish();
    Some(())
}

fn read_the_file(stage: &mut Stage, director: Director, network: &Network) {
    stage.step("What is there to say about the file?");
    let (command, said) = director.check(&network.balancers[0].node, &format!("examples/seeds/{FILE}"));
    stage.show(&command, &said);
    if director == Director::Ipvsd {
        for (slip, word) in [
            ("that `loadbalance` is no scheduler", "`loadbalance` is no scheduler"),
            ("that nat_mask is no word any more", "`nat_mask` is no word"),
            ("that a persistence of 0 seconds cannot be", "persistence of 0 seconds"),
            ("that the password is too long", "8 travel"),
            ("that two instances are the same virtual router", "are the same virtual router"),
            ("that vrrp_garp_* do not belong into an instance", "`vrrp_garp_master_repeat` has no meaning"),
        ] {
            stage.check(said.contains(word), &format!("it says {slip}"), None);
        }
    }
}

fn start(stage: &mut Stage, director: Director, network: &mut Network) -> Option<()> {
    stage.step(&format!("Start {} on both", director.name()));
    let master = seed(FILE);
    let backup = master.replace("state MASTER", "state BACKUP").replace("priority 100", "priority 97");
    let since = Instant::now();
    for (balancer, configuration) in network.balancers.iter_mut().zip([&master, &backup]) {
        balancer.director = Some(director.start(&balancer.node, configuration));
    }
    let all = || {
        let counts: Vec<_> = network.balancers.iter().map(|balancer| table::entries(&balancer.node)).collect();
        if counts.iter().all(|&count| count == ENTRIES) { Ok(()) } else { Err(format!("entries: {counts:?}")) }
    };
    stage.wait("the tables", since, LONG, all, |()| {
        let services = table::services(&network.balancers[0].node);
        let scheduler = services.first().map(|service| service.scheduler.clone()).unwrap_or_default();
        format!("IPVS tables programmed on both: {ENTRIES} entries each, scheduler {scheduler}")
    })?;
    let preferred = || match network.holder()? {
        0 => Ok(0),
        _ => Err("kube-lb-2 has it".to_owned()),
    };
    let (holder, _) = stage.wait("a master", since, LONG, preferred, |_| {
        format!("kube-lb-1, with priority 100 against 97, is MASTER and has {VIP}")
    })?;
    let labels = network.balancers[holder].node.addresses();
    let labelled = labels.iter().any(|(label, address)| label == "eth1:vip" && *address == IpAddr::V4(VIP));
    stage.check(labelled, &format!("{VIP} has the label eth1:vip"), None);
    let owners: Vec<_> =
        (0..2).filter(|&at| network.has(at, GATEWAY_VIP)).map(|at| network.balancers[at].node.name()).collect();
    let owners = if owners.is_empty() { "nobody".to_owned() } else { owners.join(" and ") };
    stage.note(&format!("{GATEWAY_VIP}, of the second instance with the same virtual_router_id: {owners}"));
    Some(())
}

fn balance(stage: &mut Stage, director: Director, network: &Network, stream: &Stream) -> Option<()> {
    stage.step("Requests through the virtual address");
    let tally = stream.next(ENOUGH, LONG);
    let shared = tally.answered.len() == network.servers.len();
    stage.check(tally.is_clean() && shared, &tally.to_string(), None);
    let node = &network.balancers[network.holder().ok()?].node;
    let (command, said) = director.show(node);
    stage.show(&command, &said);
    Some(())
}

fn lose_a_server(stage: &mut Stage, network: &mut Network, stream: &Stream) -> Option<()> {
    stage.step("A real server dies, and comes back");
    let holder = network.holder().ok()?;
    let (address, name) = (network.servers[0].0, network.servers[0].1.name().to_owned());
    let servers = |network: &Network| table::servers(&network.balancers[holder].node);
    stage.did(&format!("the web server on {name} ends: its port is closed"));
    let since = Instant::now();
    network.servers[0].2.close();
    let gone = || match servers(network) {
        some if some.contains(&address) || some.is_empty() => Err(format!("the table has {some:?}")),
        _ => Ok(()),
    };
    stage.wait("the dead server out of the table", since, CHECKED, gone, |()| {
        format!("TCP_CHECK noticed: {address} is out of the table of {}", network.balancers[holder].node.name())
    })?;
    stage.note(&format!("until then: {}", stream.between(since, Instant::now())));
    let tally = stream.next(ENOUGH, LONG);
    stage.check(tally.is_clean(), &format!("from then on: {tally}"), None);

    stage.did(&format!("the web server on {name} starts again"));
    let since = Instant::now();
    network.servers[0].2.open();
    let back = || match servers(network) {
        some if some.contains(&address) => Ok(()),
        some => Err(format!("the table has {some:?}")),
    };
    stage.wait("the server back in the table", since, CHECKED, back, |()| format!("{address} is back in the table"))?;
    // Connections that died with the server still count for it, 256 each, until the kernel forgets them: wlc prefers the
    // other for a while.
    let returned = Instant::now();
    let reached = || {
        let tally = stream.between(returned, Instant::now());
        if tally.answered.contains_key(&name) { Ok(()) } else { Err(tally.to_string()) }
    };
    stage.wait("requests to it", since, LONG, reached, |()| format!("clients are sent to {name} again"));
    let tally = stream.between(returned, Instant::now());
    stage.check(tally.is_clean(), &format!("meanwhile: {tally}"), None);
    Some(())
}

fn lose_a_machine(stage: &mut Stage, director: Director, network: &Network, stream: &Stream) -> Option<()> {
    stage.step("The master's machine dies");
    let dead = network.holder().ok()?;
    let other = 1 - dead;
    let (name, heir) = (network.balancers[dead].node.name(), network.balancers[other].node.name());
    let both = network.has(dead, GATEWAY_VIP);
    stage.did(&format!("{name} falls silent: {} is killed, and no frame comes from or gets to it", director.name()));
    let since = Instant::now();
    network.lan.isolate(&network.balancers[dead].node);
    if let Some(daemon) = &network.balancers[dead].director {
        director.kill(&network.balancers[dead].node, daemon);
    }
    stage.wait("a new master", since, LONG, || network.holder(), |_| format!("{heir} is MASTER and has {VIP}"))?;
    if both {
        let has = || if network.has(other, GATEWAY_VIP) { Ok(()) } else { Err(format!("{heir} does not have it")) };
        stage.wait("the other address", since, LONG, has, |()| format!("{heir} has {GATEWAY_VIP} too"));
    }
    let reached = || {
        let lost = stream.next(1, LONG);
        if lost.is_clean() { Ok(()) } else { Err(lost.to_string()) }
    };
    stage.wait("requests through the new master", since, LONG, reached, |()| {
        "clients follow: answered again".to_owned()
    });
    stage.note(&format!("until then: {}", stream.between(since, Instant::now())));
    let tally = stream.next(ENOUGH, LONG);
    stage.check(tally.is_clean(), &format!("from then on: {tally}"), None);
    let (command, said) = director.show(&network.balancers[other].node);
    stage.show(&command, &said);
    Some(())
}
