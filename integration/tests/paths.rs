//! Checks of paths on a real kernel with IPVS: NAT, direct routing and a tunnel, each tried through the forwarding itself, each
//! broken where only clients would notice, and mended.
//!
//! ```text
//!   client .200 --.
//!                 |-- lan 10.0.0.0/24, fd00::/64 -- servers .11 (NAT) .12, .14 (DR) .13 (tunnel)
//!   director .1 --'
//! ```

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use integration::traffic::{Conversations, EchoServer};
use integration::web::WebServer;
use integration::{Ipvsd, Node, Topology, lab_test, wait_until};
use serde_json::Value;

const CONF: &str = r#"
[[service]]
address = "10.9.9.1:80"
scheduler = "rr"
check = [
    { tcp = { timeout = "1s" }, interval = "200ms" },
    { path = { timeout = "1s" }, interval = "200ms", retry-interval = "100ms" },
]
server = [
    { address = "10.0.0.11:80", forward = "nat" },
    { address = "10.0.0.12", forward = "direct" },
    { address = "10.0.0.13", forward = "tunnel" },
]

[[service]]
address = "[fd09::1]:80"
check = { path = { timeout = "1s" }, interval = "200ms", retry-interval = "100ms" }
server = [{ address = "[fd00::11]:80", forward = "nat" }, { address = "fd00::12", forward = "direct" }]

[[service]]
address = "10.9.9.1:7"
forward = "direct"
check = { path = { timeout = "1s" }, interval = "100ms", retry-interval = "100ms" }
server = [{ address = "10.0.0.14" }]

[[service]]
address = "10.9.9.1:81"
forward = "direct"
check = [{ tcp = { port = 80 } }, { path = {} }]
server = [{ address = "10.0.0.14" }]
"#;

/// A server of a snapshot, by its address.
fn server<'v>(snapshot: &'v Value, address: &str) -> &'v Value {
    let services = snapshot["balancer"]["services"].as_array().unwrap();
    let mut servers = services
        .iter()
        .filter(|service| service["path_check"] == false)
        .flat_map(|service| service["servers"].as_array().unwrap());
    servers.find(|server| server["address"] == address).unwrap_or_else(|| panic!("no {address}: {snapshot:#}"))
}

fn is(snapshot: &Value, address: &str, health: &str) -> bool {
    server(snapshot, address)["health"] == health
}

fn private(table: &str) -> usize {
    table.lines().filter(|line| line.starts_with("FWM")).count()
}

/// A server with the virtual addresses on its loopback, as `arp_ignore` and `arp_announce` want it.
fn farm(node: &Node, has_vip: bool) {
    for (name, value) in [("arp_ignore", "1"), ("arp_announce", "2"), ("rp_filter", "0")] {
        node.set_sysctl(&format!("net.ipv4.conf.all.{name}"), value);
    }
    if has_vip {
        node.sh("ip addr add 10.9.9.1/32 dev lo; ip addr add fd09::1/128 dev lo nodad");
    }
}

lab_test! {
    fn what_only_clients_would_notice_is_found_and_named() {
        let mut lab = Topology::new("paths");
        let lan = lab.segment("lan");
        let (director, client) = (lab.node("director"), lab.node("client"));
        lan.attach(&director, "eth0", &["10.0.0.1/24", "10.9.9.1/32"]);
        director.sh("ip addr add fd00::1/64 dev eth0 nodad; ip addr add fd09::1/128 dev eth0 nodad");
        lan.attach(&client, "eth0", &["10.0.0.200/24"]);
        client.add_route("10.9.9.1/32 via 10.0.0.1");
        let nodes = [11_u8, 12, 13, 14].map(|number| {
            let node = lab.node(&format!("s{number}"));
            lan.attach(&node, "eth0", &[&format!("10.0.0.{number}/24")]);
            node.sh(&format!("ip addr add fd00::{number}/64 dev eth0 nodad"));
            farm(&node, number != 11);
            node
        });
        let [_, direct, tunnelled, echoing] = &nodes;
        tunnelled.sh("modprobe ipip; ip link set tunl0 up");
        tunnelled.set_sysctl("net.ipv4.conf.tunl0.rp_filter", "0");
        let _web: Vec<_> = nodes.iter().map(|node| WebServer::start(node, "[::]:80")).collect();
        let _echo = EchoServer::start(echoing, "0.0.0.0:7");

        let ipvsd = Ipvsd::start_file(&director, "/etc/ipvsd/ipvsd.toml", CONF);
        let all = ["10.0.0.11", "10.0.0.12", "10.0.0.13", "10.0.0.14", "fd00::11", "fd00::12"];
        ipvsd.wait_show("all up", |snapshot| all.iter().all(|address| is(snapshot, address, "up")));
        // On port 81 nobody listens, at no address; the check of the server's own address asks port 80.
        ipvsd.wait_show("a refusal through DR", |snapshot| {
            let reason = snapshot["balancer"]["services"][3]["servers"][0]["reason"].as_str().unwrap();
            reason.starts_with("answers at its own address, but refuses the connection to the virtual address")
        });
        let shown = ipvsd.ctl(&["show", "-o", "wide"]);
        let page = shown.ok();
        assert!(page.contains("7 private services for checks of paths"), "{page}");
        assert!(page.contains("4 services, 6 of 7 servers up"), "{page}");
        assert!(page.contains("path 10.9.9.1:80 by TUN to 10.0.0.13:80"), "{page}");
        assert_eq!(private(&director.ipvs_table()), 7, "{}", director.ipvs_table());
        // The same file again is nothing to do.
        let steps = ipvsd.show()["balancer"]["steps_applied"].clone();
        let _ = ipvsd.reload(CONF).ok();
        assert_eq!(ipvsd.show()["balancer"]["steps_applied"], steps, "{}", director.ipvs_table());
        let users = Conversations::open(&client, None, "10.9.9.1:7".parse().unwrap(), 3, Duration::from_millis(20));

        // The server is well to everybody who calls its own address, and dead to clients.
        let breaks = |node: &Node, line: &str, address: &str, words: &[&str]| {
            node.sh(line);
            ipvsd.wait_show(line, |snapshot| {
                let found = server(snapshot, address);
                let (reason, checks) = (found["reason"].as_str().unwrap(), found["checks"].as_array().unwrap());
                let others_are_well = checks.iter().rev().skip(1).all(|check| check["ok"] == true);
                let told = words.iter().all(|word| reason.contains(word));
                found["health"] == "down" && told && others_are_well && checks.last().unwrap()["ok"] == false
            });
            let entry = format!("-> {} ", SocketAddr::new(address.parse().unwrap(), 80));
            let table = director.ipvs_table();
            assert_eq!((table.matches(&entry).count(), private(&table)), (1, 7), "the private one stays:\n{table}");
        };
        let mends = |node: &Node, line: &str, address: &str| {
            node.sh(line);
            ipvsd.wait_show(line, |snapshot| is(snapshot, address, "up"));
        };
        let directly = "answers at its own address, but ";
        breaks(direct, "ip addr del 10.9.9.1/32 dev lo", "10.0.0.12", &[directly, "no answer comes through DR", "loopback"]);
        mends(direct, "ip addr add 10.9.9.1/32 dev lo", "10.0.0.12");
        breaks(direct, "ip addr del fd09::1/128 dev lo", "fd00::12", &["no answer comes through DR"]);
        mends(direct, "ip addr add fd09::1/128 dev lo nodad", "fd00::12");
        breaks(tunnelled, "ip link set tunl0 down", "10.0.0.13", &[directly, "no answer comes through the tunnel", "its end"]);
        mends(tunnelled, "ip link set tunl0 up", "10.0.0.13");
        let log = ipvsd.daemon().log();
        assert!(log.contains("10.9.9.1:80 by DR to 10.0.0.12:80 answers at its own address, but no answer"), "{log}");

        // A director that does not have the address, as every backup, checks all the same.
        let runs = || server(&ipvsd.show(), "10.0.0.12")["checks"][1]["runs"].as_u64().unwrap();
        users.wait_all_alive(Duration::from_secs(30), 3);
        let report = users.finish();
        assert_eq!(report.broken, Vec::<String>::new(), "users' connections");
        director.remove_address("eth0", "10.9.9.1/32");
        let before = runs();
        ipvsd.wait_show("checks without the address", |_| runs() > before + 2);
        ipvsd.wait_show("all up still", |snapshot| all.iter().all(|address| is(snapshot, address, "up")));
        assert!(!director.has_address("eth0", IpAddr::from([10, 9, 9, 1])));

        ipvsd.stop();
        assert_eq!(director.ipvs_table().matches("->").count(), 1, "only the heading: {}", director.ipvs_table());
    }

    /// The table is that of another namespace (`net_namespace_ipvs`): there the calls are made, through what forwards clients'
    /// packets, while the servers' own addresses are called from here.
    fn paths_lead_through_the_namespace_of_the_table() {
        let mut lab = Topology::new("paths-netns");
        let lan = lab.segment("lan");
        let director = lab.node("director");
        lan.attach(&director, "eth0", &["10.0.0.1/24"]);
        lan.attach(&director, "eth1", &[]);
        director.sh(
            "ip netns add lb && ip link set eth1 netns lb && nsenter --net=/run/netns/lb /bin/sh -e -c 'ip link set lo up; \
             ip link set eth1 up; ip addr add 10.0.0.2/24 dev eth1; ip addr add 10.9.9.1/32 dev eth1; \
             ip addr add fd00::2/64 dev eth1 nodad; ip addr add fd09::1/128 dev eth1 nodad'",
        );
        director.sh("ip addr add fd00::1/64 dev eth0 nodad");
        let nodes = [11_u8, 12].map(|number| {
            let node = lab.node(&format!("s{number}"));
            lan.attach(&node, "eth0", &[&format!("10.0.0.{number}/24")]);
            node.sh(&format!("ip addr add fd00::{number}/64 dev eth0 nodad"));
            farm(&node, number != 11);
            node
        });
        let _web: Vec<_> = nodes.iter().map(|node| WebServer::start(node, "[::]:80")).collect();
        let checks = "check = [{ tcp = { timeout = \"1s\" }, interval = \"200ms\" }, { path = { timeout = \"1s\" }, interval = \
                      \"200ms\", retry-interval = \"100ms\" }]";
        let conf = format!(
            "[global]\nipvs-namespace = \"lb\"\n\n[[service]]\naddress = \"10.9.9.1:80\"\n{checks}\nserver = [{{ address = \
             \"10.0.0.11:80\", forward = \"nat\" }}, {{ address = \"10.0.0.12\", forward = \"direct\" }}]\n\n[[service]]\naddress = \
             \"[fd09::1]:80\"\n{checks}\nserver = [{{ address = \"fd00::12\", forward = \"direct\" }}]\n"
        );
        let ipvsd = Ipvsd::start_file(&director, "/etc/ipvsd/ipvsd.toml", &conf);
        let all = ["10.0.0.11", "10.0.0.12", "fd00::12"];
        ipvsd.wait_show("all up, each by a path that was tried", |snapshot| {
            all.iter().all(|address| {
                let checks = server(snapshot, address)["checks"].as_array().unwrap();
                is(snapshot, address, "up") && checks.len() == 2 && checks.iter().all(|check| check["ok"] == true)
            })
        });
        let theirs = director.command("nsenter").args(["--net=/run/netns/lb", "ipvsadm", "-Ln"]).ok();
        assert_eq!((private(&theirs), private(&director.ipvs_table())), (3, 0), "{theirs}");
        for (address, prefix, addresses) in [("10.0.0.12", "10.9.9.1/32", ""), ("fd00::12", "fd09::1/128", "nodad")] {
            nodes[1].sh(&format!("ip addr del {prefix} dev lo"));
            ipvsd.wait_show("what only the path shows", |snapshot| {
                let reason = server(snapshot, address)["reason"].as_str().unwrap();
                is(snapshot, address, "down")
                    && reason.starts_with("answers at its own address, but no answer comes through DR")
            });
            nodes[1].sh(&format!("ip addr add {prefix} dev lo {addresses}"));
            ipvsd.wait_show("the path again", |snapshot| is(snapshot, address, "up"));
        }
        ipvsd.stop();
    }

    /// With direct routing and tunnels only the director is to answer for the virtual address. A server that does too is well to
    /// every check, and draws clients past the director.
    fn a_server_that_answers_arp_for_the_virtual_address_is_named() {
        let mut lab = Topology::new("paths-arp");
        let lan = lab.segment("lan");
        let (director, rival) = (lab.node("director"), lab.node("rival"));
        lan.attach(&director, "eth0", &["10.0.0.1/24", "10.0.0.100/32"]);
        lan.attach(&rival, "eth0", &["10.0.0.2/24"]);
        let nodes = [12_u8, 13, 14].map(|number| {
            let node = lab.node(&format!("s{number}"));
            lan.attach(&node, "eth0", &[&format!("10.0.0.{number}/24")]);
            farm(&node, false);
            node.sh("ip addr add 10.0.0.100/32 dev lo");
            node
        });
        let [_, direct, tunnelled] = &nodes;
        tunnelled.sh("modprobe ipip; ip link set tunl0 up");
        tunnelled.set_sysctl("net.ipv4.conf.tunl0.rp_filter", "0");
        for node in [direct, tunnelled] {
            node.set_sysctl("net.ipv4.conf.all.arp_ignore", "0");
        }
        let _web: Vec<_> = nodes.iter().map(|node| WebServer::start(node, "[::]:80")).collect();
        let conf = r#"
[[service]]
address = "10.0.0.100:80"
scheduler = "rr"
check = [
    { tcp = { timeout = "1s" }, interval = "200ms" },
    { path = { timeout = "1s" }, interval = "200ms", retry-interval = "100ms" },
]
server = [
    { address = "10.0.0.12", forward = "direct" },
    { address = "10.0.0.13", forward = "direct" },
    { address = "10.0.0.14", forward = "tunnel" },
]
"#;
        let ipvsd = Ipvsd::start_file(&director, "/etc/ipvsd/ipvsd.toml", conf);
        let reason = "answers ARP for 10.0.0.100: clients and routers on that link may reach it past this balancer; the address \
                      belongs on its loopback, with arp_ignore = 1 and arp_announce = 2";
        let readme: Vec<_> = include_str!("../../README.md").split_whitespace().collect();
        assert!(readme.join(" ").contains(&format!("*{reason}*")), "the README says it in other words");
        let all = ["10.0.0.12", "10.0.0.13", "10.0.0.14"];
        // The server's reason, its problem, and that of the check, which is well.
        let named = |snapshot: &Value, address: &str| {
            let found = server(snapshot, address);
            let check = &found["checks"][1];
            [&found["reason"], &found["problem"], &check["reason"]].map(|told| told == reason && check["ok"] == true)
        };
        let are = |snapshot: &Value, expected: [bool; 3]| {
            all.iter().all(|address| is(snapshot, address, "up"))
                && all.map(|address| named(snapshot, address)) == expected.map(|named| [named; 3])
        };
        ipvsd.wait_show("two answer ARP, and all are up", |snapshot| are(snapshot, [false, true, true]));
        let shown = ipvsd.ctl(&["show"]);
        let page = shown.ok();
        assert_eq!(page.matches("answers ARP for 10.0.0.100: ").count(), 2, "{page}");
        assert!(page.contains("3 of 3 servers up"), "{page}");
        let table = director.ipvs_table();
        let in_service = |address: &str| table.matches(&format!("-> {address}:80 ")).count();
        let twice = [2; 3];
        assert_eq!(all.map(in_service), twice, "for clients and for checks:\n{table}");

        for node in [direct, tunnelled] {
            node.set_sysctl("net.ipv4.conf.all.arp_ignore", "1");
        }
        ipvsd.wait_show("nobody answers any more", |snapshot| are(snapshot, [false; 3]));
        for address in ["10.0.0.13:80", "10.0.0.14:80"] {
            let begun = format!("server {address} of tcp 10.0.0.100:80 works, but {reason}");
            let ended = format!("server {address} of tcp 10.0.0.100:80 does not answer ARP for 10.0.0.100 any more");
            ipvsd.daemon().wait_log(Duration::from_secs(30), &ended);
            let log = ipvsd.daemon().log();
            assert_eq!((log.matches(&begun).count(), log.matches(&ended).count()), (1, 1), "{address}:\n{log}");
        }

        // Somebody else who answers, as the master of a pair does, is no server's fault.
        director.remove_address("eth0", "10.0.0.100/32");
        rival.sh("ip addr add 10.0.0.100/32 dev eth0");
        let runs = |snapshot: &Value| server(snapshot, "10.0.0.13")["checks"][1]["runs"].as_u64().unwrap();
        let nobody_is_named_in = |checks: u64| {
            let before = runs(&ipvsd.show());
            ipvsd.wait_show("some more checks, and nobody is named", |snapshot| {
                assert!(all.iter().all(|address| named(snapshot, address) == [false; 3]), "{snapshot:#}");
                runs(snapshot) > before + checks
            });
        };
        nobody_is_named_in(2);
        // The master may be a server beside that, from one moment to the next.
        rival.remove_address("eth0", "10.0.0.100/32");
        direct.set_sysctl("net.ipv4.conf.all.arp_ignore", "0");
        nobody_is_named_in(15);
        // Where this host has the address again, it may not answer any more.
        director.sh("ip addr add 10.0.0.100/32 dev eth0");
        ipvsd.wait_show("one answers ARP, beside the director", |snapshot| are(snapshot, [false, true, false]));
        let begun = format!("server 10.0.0.13:80 of tcp 10.0.0.100:80 works, but {reason}");
        let named_times = || ipvsd.daemon().log().matches(&begun).count();
        wait_until(Duration::from_secs(30), "it is said once more", || named_times() > 1);
        assert_eq!(named_times(), 2, "{}", ipvsd.daemon().log());
        ipvsd.stop();
    }
}
