//! Every way to a server carries traffic on a real kernel: NAT, direct routing, tunnels of each type, both families and from one
//! to the other, TCP, UDP packet by packet, SCTP, packets with a firewall mark; and the table of another network namespace.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{SocketAddr, UdpSocket};
use std::thread;
use std::time::Duration;

use integration::nat::NatLab;
use integration::node::Node;
use integration::web::{WebClient, WebServer};
use integration::{Ipvsd, lab_test, wait_for};
use socket2::{Domain, Protocol, Socket, Type};

const PATIENCE: Duration = Duration::from_secs(30);
const SCTP: i32 = 132;

/// One service, with a server for each way to it. `VIP4` and `VIP6` are on the loopback of servers that packets reach unchanged.
const CONF: &str = "virtual_server 198.51.100.50 80 {
  lb_algo rr
  lb_kind TUN
  protocol TCP
  real_server 10.0.0.11 80 { }
  real_server 10.0.0.12 80 { lvs_method TUN type gue port 6080 csum }
  real_server 10.0.0.13 80 { lvs_method TUN type gre }
  real_server 10.0.0.14 80 { lvs_method TUN type gre csum }
  real_server fd00:10::15 80 { lvs_method TUN }
  real_server 10.0.0.16 80 { lvs_method DR }
}
virtual_server 2001:db8::50 80 {
  lb_algo rr
  lb_kind TUN
  protocol TCP
  real_server 10.0.0.11 80 { }
  real_server fd00:10::15 80 { }
  real_server fd00:10::16 80 { lvs_method DR }
}
virtual_server 2001:db8::51 80 {
  lb_algo rr
  lb_kind NAT
  protocol TCP
  real_server fd00:10::11 8080 { }
  real_server fd00:10::12 8080 { }
}
virtual_server 198.51.100.50 53 {
  lb_algo rr
  lb_kind DR
  ops
  protocol UDP
  real_server 10.0.0.11 53 { }
  real_server 10.0.0.12 53 { }
  real_server 10.0.0.13 53 { }
}
virtual_server 198.51.100.1 53 {
  lb_algo rr
  lb_kind NAT
  protocol UDP
  real_server 10.0.0.11 53 { }
  real_server 10.0.0.12 53 { }
}
virtual_server 198.51.100.1 9 {
  lb_algo rr
  lb_kind NAT
  protocol SCTP
  real_server 10.0.0.11 9 { }
  real_server 10.0.0.12 9 { }
}
";

/// Answers each datagram with the node's name, until an empty one comes.
fn answer_datagrams(node: &Node, address: &str) -> thread::JoinHandle<()> {
    let (socket, name) = (node.enter(|| UdpSocket::bind(address).unwrap()), node.name().to_owned());
    thread::spawn(move || {
        let mut buffer = [0; 64];
        while let Ok((length, from)) = socket.recv_from(&mut buffer)
            && length > 0
        {
            let _ = socket.send_to(name.as_bytes(), from);
        }
    })
}

/// Who answers datagrams of one socket, one after the other.
fn ask_by_datagram(client: &Node, to: &str, count: usize) -> BTreeMap<String, usize> {
    let socket = client.enter(|| UdpSocket::bind("0.0.0.0:0").unwrap());
    socket.set_read_timeout(Some(Duration::from_secs(1))).unwrap();
    let mut tally = BTreeMap::new();
    let mut buffer = [0; 64];
    for _ in 0..count {
        let length = wait_for(PATIENCE, "an answer", || {
            socket.send_to(b"who?", to).map_err(|error| error.to_string())?;
            socket.recv(&mut buffer).map_err(|error| error.to_string())
        });
        *tally.entry(String::from_utf8_lossy(&buffer[..length]).into_owned()).or_default() += 1;
    }
    tally
}

fn sctp(node: &Node) -> Socket {
    node.enter(|| Socket::new(Domain::IPV4, Type::STREAM, Some(Protocol::from(SCTP))).unwrap())
}

/// Answers associations with the node's name, as many as are to be.
fn answer_associations(node: &Node, address: &str, count: usize) -> thread::JoinHandle<()> {
    let (socket, name) = (sctp(node), node.name().to_owned());
    let address: SocketAddr = address.parse().unwrap();
    socket.bind(&address.into()).unwrap();
    socket.listen(8).unwrap();
    thread::spawn(move || {
        for _ in 0..count {
            let Ok((mut stream, _)) = socket.accept() else { return };
            let _ = stream.write_all(name.as_bytes());
        }
    })
}

fn ask_by_association(client: &Node, to: &str) -> String {
    let to: SocketAddr = to.parse().unwrap();
    let mut socket = sctp(client);
    socket.connect_timeout(&to.into(), PATIENCE).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut buffer = [0; 64];
    let length = socket.read(&mut buffer).unwrap();
    String::from_utf8_lossy(&buffer[..length]).into_owned()
}

/// Addresses of both families on both sides, the way back to the client past the director, and an end for each tunnel.
fn prepare(net: &NatLab) {
    for module in ["ipip", "sit", "ip6_tunnel", "fou", "ip_gre", "sctp"] {
        net.director.command("modprobe").arg(module).ok();
    }
    net.director.sh("ip address add 198.51.100.50/32 dev lo && ip -6 address add 2001:db8::50/64 dev eth0 nodad && \
         ip -6 address add 2001:db8::51/64 dev eth0 nodad && ip -6 address add fd00:10::1/64 dev eth1 nodad");
    net.client.sh("ip -6 address add 2001:db8::10/64 dev eth0 nodad");
    for (number, node) in (11..).zip(&net.nodes) {
        net.front.attach(node, "eth1", &[&format!("198.18.0.{number}/24")]);
        for (name, value) in [("rp_filter", "0"), ("arp_ignore", "1"), ("arp_announce", "2")] {
            node.set_sysctl(&format!("net.ipv4.conf.all.{name}"), value);
        }
        node.sh(&format!(
            "for link in /proc/sys/net/ipv4/conf/*/rp_filter; do echo 0 > $link; done
             ip address add 198.51.100.50/32 dev lo && ip -6 address add 2001:db8::50/128 dev lo nodad
             ip -6 address add fd00:10::{number}/64 dev eth0 nodad && ip -6 route add default via fd00:10::1
             ip rule add from 198.51.100.50 table 100 && ip -6 rule add from 2001:db8::50 table 100
             ip route add default dev eth1 table 100 && ip -6 route add default dev eth1 table 100",
        ));
    }
}

lab_test! {
    fn every_way_to_a_server_carries_traffic() {
        let net = NatLab::new("kinds", 6);
        prepare(&net);
        let ends = [
            "ip link set tunl0 up; ip link set sit0 up",
            "ip fou add port 6080 gue; ip link set tunl0 up",
            "ip link add gre1 type gre local 10.0.0.13; ip link set gre1 up",
            "ip link add gre1 type gre local 10.0.0.14 icsum; ip link set gre1 up",
            "ip link add any type ip6tnl mode any local fd00:10::15; ip link set any up",
            "true",
        ];
        let mut webs = Vec::new();
        for (node, end) in net.nodes.iter().zip(ends) {
            node.sh(&format!("{end}; for link in /proc/sys/net/ipv4/conf/*/rp_filter; do echo 0 > $link; done"));
            webs.push(WebServer::start(node, "198.51.100.50:80"));
            webs.push(WebServer::start(node, "[2001:db8::50]:80"));
        }
        let back = ["[fd00:10::11]:8080", "[fd00:10::12]:8080"];
        webs.extend(net.nodes.iter().zip(back).map(|(node, address)| WebServer::start(node, address)));
        let ipvsd = Ipvsd::start(&net.director, CONF);
        ipvsd.wait_table("all of it", |table| table.matches("->").count() == 19);

        for (what, to, servers) in [
            ("IPv4: IPIP, GUE, GRE, GRE with a checksum, in IPv6, DR", "198.51.100.50:80", 6),
            ("IPv6: in IPv4, in IPv6, DR", "[2001:db8::50]:80", 3),
            ("IPv6: NAT", "[2001:db8::51]:80", 2),
        ] {
            let tally = net.asker().tally(to.parse().unwrap(), 2 * servers);
            println!("{what}: {tally:?}");
            assert_eq!(tally.values().copied().collect::<Vec<_>>(), vec![2; servers], "{what}: {tally:?}");
        }

        let web = |number: usize| format!("10.0.0.{}", 11 + number);
        let mut answering: Vec<_> =
            net.nodes[..3].iter().map(|node| answer_datagrams(node, "198.51.100.50:53")).collect();
        answering.extend((0..2).map(|at| answer_datagrams(&net.nodes[at], &format!("{}:53", web(at)))));
        let tally = ask_by_datagram(&net.client, "198.51.100.50:53", 6);
        assert_eq!(tally.values().copied().collect::<Vec<_>>(), [2, 2, 2], "packet by packet: {tally:?}");
        let tally = ask_by_datagram(&net.client, "198.51.100.1:53", 6);
        assert_eq!(tally.values().copied().collect::<Vec<_>>(), [6], "one socket, one server: {tally:?}");

        let associations: Vec<_> =
            (0..2).map(|at| answer_associations(&net.nodes[at], &format!("{}:9", web(at)), 2)).collect();
        let mut answers: Vec<_> = (0..4).map(|_| ask_by_association(&net.client, "198.51.100.1:9")).collect();
        answers.sort();
        assert_eq!(answers, ["s1", "s1", "s2", "s2"], "SCTP");

        ipvsd.stop();
        for (at, node) in net.nodes[..3].iter().enumerate() {
            node.enter(|| {
                let end = UdpSocket::bind("0.0.0.0:0").unwrap();
                let _ = end.send_to(&[], "198.51.100.50:53");
                let _ = end.send_to(&[], format!("{}:53", web(at)));
            });
        }
        answering.into_iter().chain(associations).for_each(|thread| thread.join().unwrap());
    }

    /// Whoever a packet is for: with its mark it goes to the servers of the service of that mark, with another or with none where
    /// it was sent. The marks are those of a program's own packets, of the director itself: a kernel that marks what comes through
    /// has to have nftables. Both families have marks of their own.
    fn packets_with_a_mark_reach_the_servers_of_its_service() {
        let mut net = NatLab::new("marked", 2);
        net.director.sh("ip -6 address add 2001:db8::1/64 dev eth0 nodad && ip -6 address add fd00:10::1/64 dev eth1 nodad");
        net.client.sh("ip -6 address add 2001:db8::10/64 dev eth0 nodad");
        for (number, node) in (11..).zip(&net.nodes) {
            node.sh(&format!("ip -6 address add fd00:10::{number}/64 dev eth0 nodad && ip -6 route add default via fd00:10::1"));
        }
        let elsewhere = ["198.51.100.10:80", "[2001:db8::10]:80"];
        let _asked = elsewhere.map(|address| WebServer::start(&net.client, address));
        let _also: Vec<_> =
            (11..).zip(&net.nodes).map(|(n, node)| WebServer::start(node, format!("[fd00:10::{n}]:80"))).collect();
        let service = |mark: u32, servers: [&str; 2]| {
            let servers = servers.map(|server| {
                format!("real_server {server} 80 {{\n TCP_CHECK {{ connect_timeout 5\n retry 0\n delay_loop 0.2 }}\n }}\n")
            });
            format!("virtual_server fwmark {mark} {{\n lb_algo rr\n lb_kind NAT\n {}}}\n", servers.concat())
        };
        let conf = service(7, ["10.0.0.11", "10.0.0.12"]) + &service(8, ["fd00:10::11", "fd00:10::12"]);
        let ipvsd = Ipvsd::start(&net.director, &conf);
        ipvsd.wait_table("both services", |table| table.matches("-> ").count() == 5);
        let ask = |mark: Option<u32>, at: usize| {
            let client = WebClient::new(&net.director);
            let client = mark.map_or(client.clone(), |mark| client.marked(mark));
            let tally = client.tally(elsewhere[at].parse().unwrap(), 4);
            tally.into_iter().map(|(who, times)| format!("{who} {times}")).collect::<Vec<_>>().join(", ")
        };
        for (at, mark) in [(0, 7), (1, 8)] {
            assert_eq!(ask(Some(mark), at), "s1 2, s2 2", "{}", net.director.ipvs_table());
            for other in [None, Some(9), Some(15 - mark)] {
                assert_eq!(ask(other, at), "client 4", "{other:?} and not {mark}");
            }
        }
        net.servers[0].close();
        ipvsd.wait_table("one less", |table| table.matches("-> ").count() == 4);
        assert_eq!((ask(Some(7), 0), ask(Some(8), 1)), ("s2 4".to_owned(), "s1 2, s2 2".to_owned()));
        ipvsd.stop();
        assert_eq!(ask(Some(7), 0), "client 4", "the service is gone");
    }

    /// The table of another namespace is programmed, ours stays empty; the checks are made from here. A namespace that is not
    /// there is said to be missing, and taken when it comes.
    fn the_table_of_another_namespace_is_programmed() {
        let mut net = NatLab::new("netns", 1);
        let check = "TCP_CHECK { connect_timeout 1\n retry 0\n delay_loop 0.2 }";
        let conf = format!("global_defs {{\n lvs_flush_on_stop\n}}\nnet_namespace_ipvs lb\n{}", net.conf("rr", "delay_loop 1", check));
        let ipvsd = Ipvsd::spawn(&net.director, "/etc/keepalived/keepalived.conf", &conf);
        ipvsd.wait_show("what is missing", |snapshot| {
            snapshot["balancer"]["kernel"]["problem"].as_str().is_some_and(|problem| problem.contains("ip netns add lb"))
        });
        net.director.sh("ip netns add lb && nsenter --net=/run/netns/lb ip link set lo up");
        let theirs = || net.director.command("nsenter").args(["--net=/run/netns/lb", "ipvsadm", "-Sn"]).ok();
        let wait = |wished: &str| {
            wait_for(PATIENCE, &format!("the table {wished:?}"), || {
                let found = theirs();
                if found.lines().collect::<Vec<_>>() == wished.lines().collect::<Vec<_>>() { Ok(()) } else { Err(found) }
            });
        };
        let (service, server) = ("-A -t 198.51.100.1:80 -s rr\n", "-a -t 198.51.100.1:80 -r 10.0.0.11:80 -m -w 1\n");
        wait(&format!("{service}{server}"));
        net.servers[0].close();
        wait(service);
        net.servers[0].open();
        wait(&format!("{service}{server}"));
        assert!(!net.director.ipvs_table().contains("198.51.100.1"), "nothing here: {}", net.director.ipvs_table());
        let steps = || ipvsd.show()["balancer"]["steps_applied"].clone();
        let before = steps();
        // It stays where it is over a reload that names another one, and says so.
        assert!(ipvsd.reload(&conf.replace("net_namespace_ipvs lb", "")).success());
        assert_eq!(steps(), before);
        assert!(ipvsd.daemon().log().contains("the network namespace lb is still the one"), "{}", ipvsd.daemon().log());
        // The stop empties it, of what others put there too.
        net.director.command("nsenter").args(["--net=/run/netns/lb", "ipvsadm", "-A", "-f", "77", "-s", "rr"]).ok();
        ipvsd.stop();
        wait("");
    }
}
