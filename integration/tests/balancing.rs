//! ipvsd on a real kernel with IPVS: traffic through the service, servers that die and return, a table that others edit,
//! reloads, and a daemon that is killed again and again while nobody notices.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::net::{IpAddr, UdpSocket};
use std::time::Duration;

use integration::nat::{NatLab, SERVICE};
use integration::programs::bin;
use integration::subject::servers;
use integration::traffic::{Conversations, DatagramEcho, EchoServer};
use integration::web::WebServer;
use integration::{Ipvsd, lab_test, wait_for, wait_until};

const PATIENCE: Duration = Duration::from_secs(30);
/// A check that decides quickly, so that tests do not wait for its default of a minute.
const QUICK_CHECK: &str = "TCP_CHECK { connect_timeout 1\n retry 0\n delay_loop 0.2 }";

/// What people have: a `listen`, a frontend with its backend, weights, checks, a server that only replaces another, and a page
/// of statistics.
const HAPROXY: &str = "global
    log /dev/log local0
    maxconn 4000
    daemon
defaults
    mode tcp
    log global
    option tcplog
    timeout connect 5s
    timeout client 1m
    timeout server 1m
    default-server inter 200ms fall 1
listen web
    bind 198.51.100.1:80
    balance roundrobin
    server s1 10.0.0.11:80 check weight 3
    server s2 10.0.0.12:80 check weight 1
frontend api
    bind 198.51.100.1:81
    default_backend api_servers
backend api_servers
    balance leastconn
    server s2 10.0.0.12:80 check weight 2
    server s3 10.0.0.13:80 check weight 7
listen one-with-a-spare
    bind 198.51.100.1:82
    server s1 10.0.0.11:80 check
    server s3 10.0.0.13:80 check backup
listen stats
    mode http
    bind *:8404
    stats enable
";

/// `ipvsadm -Ln` has this server, with this weight.
fn has(table: &str, server: &str, weight: u32) -> bool {
    table.lines().any(|line| {
        let words: Vec<_> = line.split_whitespace().collect();
        matches!(words.as_slice(), ["->", found, _, found_weight, ..] if *found == server && *found_weight == weight.to_string())
    })
}

fn lacks(table: &str, server: &str) -> bool {
    !table.contains(&format!("-> {server} "))
}

lab_test! {
    /// rr deals in turn; wlc by weight and load. Both with traffic.
    fn requests_are_spread_as_the_scheduler_says() {
        let net = NatLab::new("spread", 3);
        let ipvsd = Ipvsd::start(&net.director, &net.conf("rr", "delay_loop 1", QUICK_CHECK));
        ipvsd.wait_table("three servers", |table| (11..=13).all(|n| has(table, &format!("10.0.0.{n}:80"), 1)));
        let tally = net.asker().tally(net.service(), 30);
        assert_eq!(tally.values().copied().collect::<Vec<_>>(), [10, 10, 10], "{tally:?}");

        let wlc = net.conf_with("wlc", "delay_loop 1", |number| format!("weight {}\n {QUICK_CHECK}", if number == 1 { 10 } else { 1 }));
        assert!(ipvsd.reload(&wlc).success());
        ipvsd.wait_table("wlc with a weight of 10", |table| table.contains(" wlc") && has(table, "10.0.0.11:80", 10));
        // Open connections are what wlc goes by: ten of twelve to the one of weight ten.
        let echoes: Vec<_> = (1..).zip(&net.nodes).map(|(n, node)| EchoServer::start(node, format!("10.0.0.{}:7", 10 + n))).collect();
        let seven = wlc.replace("198.51.100.1 80 ", "198.51.100.1 7 ").replace(" 80 {", " 7 {");
        assert!(ipvsd.reload(&seven).success());
        ipvsd.wait_table("port 7", |table| (11..=13).all(|n| table.contains(&format!("10.0.0.{n}:7 "))));
        let talk = Conversations::open(&net.client, None, "198.51.100.1:7".parse().unwrap(), 24, Duration::from_millis(20));
        talk.wait_all_alive(PATIENCE, 2);
        let open: Vec<_> = echoes.iter().map(EchoServer::open_connections).collect();
        assert!(open[0] >= 18 && open[1] >= 1 && open[2] >= 1, "wlc with weights 10, 1, 1 spread 24 as {open:?}");
        assert_eq!(talk.finish().broken, Vec::<String>::new());
    }

    /// `lvs_timeouts` are the whole host's: at a clean stop they are as they were found, but for one that somebody else has
    /// set meanwhile.
    fn timeouts_are_put_back_at_a_stop() {
        let net = NatLab::new("timeouts", 1);
        let ipvsadm = |words: &str| net.director.command("ipvsadm").args(words.split_whitespace()).ok();
        let timeouts = || ipvsadm("-l --timeout").trim().rsplit_once(": ").map(|(_, numbers)| numbers.to_owned()).unwrap();
        ipvsadm("--set 800 110 290");
        let conf = format!(
            "global_defs {{\n lvs_timeouts tcp 1234 tcpfin 55 udp 66\n}}\n{}",
            net.conf("rr", "delay_loop 1", QUICK_CHECK)
        );
        let ipvsd = Ipvsd::start(&net.director, &conf);
        wait_until(PATIENCE, "timeouts as configured", || timeouts() == "1234 55 66");
        ipvsd.stop();
        assert_eq!(timeouts(), "800 110 290");

        let ipvsd = Ipvsd::start(&net.director, &conf);
        wait_until(PATIENCE, "timeouts as configured", || timeouts() == "1234 55 66");
        // A stop does not wait for the next look at the table, which would take this back.
        ipvsadm("--set 0 0 77");
        ipvsd.stop();
        assert_eq!(timeouts(), "800 110 77");
    }

    /// `persistence_engine sip`: what belongs to one call goes to one server, from whichever port it comes, and from whichever
    /// address of the network that the kernel tells clients apart by; the calls of one client are spread.
    fn a_call_has_one_server() {
        let net = NatLab::new("calls", 2);
        let _echo: Vec<_> = (11..)
            .zip(&net.nodes)
            .map(|(number, node)| DatagramEcho::start(node, format!("10.0.0.{number}:5060")))
            .collect();
        let ipvsd = Ipvsd::start(
            &net.director,
            "virtual_server 198.51.100.1 5060 {\n lb_algo rr\n lb_kind NAT\n protocol UDP\n persistence_engine sip\n \
             persistence_timeout 300\n persistence_granularity 255.255.255.0\n real_server 10.0.0.11 5060 { }\n real_server 10.0.0.12 5060 { }\n}\n",
        );
        ipvsd.wait_table("two servers", |table| has(table, "10.0.0.11:5060", 1) && has(table, "10.0.0.12:5060", 1));
        // Who answers a message of this call, by a socket of its own.
        let server_of = |from: &str, call: &str| {
            let socket = net.client.enter(|| UdpSocket::bind((from, 0))).unwrap();
            socket.set_read_timeout(Some(Duration::from_secs(1))).unwrap();
            let message = format!("BYE sip:b@b.example SIP/2.0\r\nCall-ID: {call}@a.example\r\n\r\n");
            let mut buffer = [0; 128];
            let length = wait_for(PATIENCE, "an answer", || {
                socket.send_to(message.as_bytes(), "198.51.100.1:5060").map_err(|error| error.to_string())?;
                socket.recv(&mut buffer).map_err(|error| error.to_string())
            });
            String::from_utf8_lossy(&buffer[..length]).split_whitespace().next().unwrap().to_owned()
        };
        let clients = ["198.51.100.10", "198.51.100.11", "198.51.100.12"];
        let mut by_call = Vec::new();
        for call in ["one", "two", "three", "four"] {
            let servers = clients.map(|from| server_of(from, call));
            println!("{call}: {servers:?}");
            assert_eq!(servers[1..], [servers[0].clone(), servers[0].clone()], "{call}");
            by_call.push(servers[0].clone());
        }
        // Round robin over calls, not over packets and not over clients.
        assert!(by_call[0] == by_call[2] && by_call[1] == by_call[3] && by_call[0] != by_call[1], "{by_call:?}");
        for (call, server) in ["one", "two", "three", "four"].iter().zip(&by_call) {
            assert_eq!(server_of(clients[0], call), *server, "{call} again");
        }
    }

    /// `persistence_granularity`: clients of one network have one server, whoever of them came first; those of another network have
    /// another. Without it each client counts for itself.
    fn clients_of_one_network_have_one_server() {
        let net = NatLab::new("granularity", 2);
        net.director.sh(
            "ip address add 203.0.113.1/24 dev eth0 && ip -6 address add 2001:db8::1/64 dev eth0 nodad && \
             ip -6 address add 2001:db8:0:1::1/64 dev eth0 nodad && ip -6 address add fd00:10::1/64 dev eth1 nodad",
        );
        let _also: Vec<_> = (11..)
            .zip(&net.nodes)
            .map(|(number, node)| {
                node.sh(&format!(
                    "ip -6 address add fd00:10::{number}/64 dev eth0 nodad && ip -6 route add default via fd00:10::1"
                ));
                WebServer::start(node, format!("[fd00:10::{number}]:80"))
            })
            .collect();
        let networks = [
            [["198.51.100.10", "198.51.100.11", "198.51.100.12"], ["203.0.113.10", "203.0.113.11", "203.0.113.200"]],
            [["2001:db8::10", "2001:db8::11", "2001:db8::ff:12"], ["2001:db8:0:1::10", "2001:db8:0:1::11", "2001:db8:0:1::ff:12"]],
        ];
        for address in networks.as_flattened().as_flattened() {
            // Three are there already.
            match address.parse().unwrap() {
                IpAddr::V4(_) if address.starts_with("203.") => net.client.add_address("eth0", &format!("{address}/24")),
                IpAddr::V4(_) => {}
                IpAddr::V6(_) => _ = net.client.sh(&format!("ip -6 address add {address}/64 dev eth0 nodad")),
            }
        }
        let service = |address: &str, words: &str, servers: &str| {
            let servers: String = [11, 12].iter().map(|n| format!(" real_server {servers}{n} 80 {{ }}\n")).collect();
            format!(
                "virtual_server {address} {{\n lb_algo rr\n lb_kind NAT\n protocol TCP\n persistence_timeout 300\n {words}\n{servers}}}\n"
            )
        };
        let (v4, v6) = ("10.0.0.", "fd00:10::");
        let conf = [
            service("198.51.100.1 80", "persistence_granularity 255.255.255.0", v4),
            service("2001:db8::1 80", "persistence_granularity 64", v6),
            service("198.51.100.1 81", "", v4),
            service("2001:db8::1 81", "", v6),
        ];
        let ipvsd = Ipvsd::start(&net.director, &conf.concat());
        ipvsd.wait_table("four services", |table| table.matches("-> ").count() == 9);
        for (at, networks) in ["198.51.100.1", "[2001:db8::1]"].iter().zip(networks) {
            let server_of = |port: u16, from: &str| {
                let to = format!("{at}:{port}").parse().unwrap();
                let tally = net.asker().from(from.parse().unwrap()).tally(to, 2);
                assert_eq!(tally.len(), 1, "{from} has one server: {tally:?}");
                tally.into_keys().next().unwrap()
            };
            let servers = networks.map(|clients| clients.map(|client| server_of(80, client)));
            println!("{at}: {servers:?}");
            for (clients, servers) in networks.iter().zip(&servers) {
                assert_eq!(servers[1..], [servers[0].clone(), servers[0].clone()], "{clients:?}");
            }
            // Round robin: who is new gets the next one.
            assert_ne!(servers[0][0], servers[1][0], "{at}");
            assert_ne!(server_of(81, networks[0][0]), server_of(81, networks[0][1]), "{at}: each client for itself");
        }
    }

    /// TCP_CHECK: a server that refuses leaves the table, one that listens again returns; requests go on all the while.
    fn a_server_that_dies_leaves_and_returns() {
        let mut net = NatLab::new("dies", 2);
        let ipvsd = Ipvsd::start(&net.director, &net.conf("rr", "delay_loop 1", QUICK_CHECK));
        ipvsd.wait_table("both", |table| has(table, "10.0.0.11:80", 1) && has(table, "10.0.0.12:80", 1));
        net.servers[0].close();
        ipvsd.wait_table("the dead one gone", |table| lacks(table, "10.0.0.11:80"));
        let tally = net.asker().tally(net.service(), 10);
        assert_eq!(tally.get("s2"), Some(&10), "{tally:?}");
        ipvsd.wait_show("a reason for people", |snapshot| {
            let server = &servers(snapshot)[0];
            server["health"] == "down" && server["reason"].as_str().is_some_and(|reason| reason.contains("refuses"))
        });
        net.servers[0].open();
        ipvsd.wait_table("the living one back", |table| has(table, "10.0.0.11:80", 1));
        let tally = net.asker().tally(net.service(), 10);
        assert_eq!(tally.get("s1"), Some(&5), "{tally:?}");
    }

    /// `inhibit_on_failure`: weight 0 keeps what is open and takes nothing new.
    fn an_inhibited_server_keeps_its_connections() {
        let mut net = NatLab::new("inhibit", 2);
        let echoes: Vec<_> = (1..).zip(&net.nodes).map(|(n, node)| EchoServer::start(node, format!("10.0.0.{}:7", 10 + n))).collect();
        // The web port is what is checked, the echo port is what is served: the check can fail while connections live.
        let check = "inhibit_on_failure\n TCP_CHECK { connect_port 80\n connect_timeout 1\n retry 0\n delay_loop 0.2 }";
        let conf = net.conf("rr", "delay_loop 1", check).replace("198.51.100.1 80 ", "198.51.100.1 7 ").replace(" 80 {", " 7 {");
        let ipvsd = Ipvsd::start(&net.director, &conf);
        ipvsd.wait_table("both", |table| has(table, "10.0.0.11:7", 1) && has(table, "10.0.0.12:7", 1));
        let talk = Conversations::open(&net.client, None, "198.51.100.1:7".parse().unwrap(), 6, Duration::from_millis(20));
        talk.wait_all_alive(PATIENCE, 2);
        assert_eq!(echoes[0].open_connections(), 3);
        net.servers[0].close();
        ipvsd.wait_table("weight 0", |table| has(table, "10.0.0.11:7", 0));
        talk.wait_all_alive(PATIENCE, 3);
        let later = Conversations::open(&net.client, None, "198.51.100.1:7".parse().unwrap(), 4, Duration::from_millis(20));
        later.wait_all_alive(PATIENCE, 2);
        assert_eq!(echoes[0].open_connections(), 3, "new connections went to a server of weight 0");
        assert_eq!((talk.finish().broken, later.finish().broken), (Vec::new(), Vec::new()));
    }

    /// An haproxy.cfg, converted and run: the kernel's table is what it asks for, and connections get through.
    fn a_converted_haproxy_cfg_runs() {
        let mut net = NatLab::new("haproxy", 3);
        net.director.write("/etc/haproxy.cfg", HAPROXY);
        let converted = net.director.command(bin("ipvsctl")).args(["convert", "/etc/haproxy.cfg"]).output();
        assert!(converted.success(), "{converted:?}");
        let ipvsd = Ipvsd::start_file(&net.director, "/etc/ipvsd.toml", &converted.stdout);
        let weighted = |table: &str, servers: &[(&str, u32)]| servers.iter().all(|(server, weight)| has(table, server, *weight));
        ipvsd.wait_table("all three services with their servers", |table| {
            let listed = ["198.51.100.1:80 wrr", "198.51.100.1:81 wlc", "198.51.100.1:82 fo"].map(|line| table.contains(line));
            listed == [true; 3]
                && weighted(table, &[("10.0.0.11:80", 3), ("10.0.0.12:80", 1)])
                && weighted(table, &[("10.0.0.12:80", 2), ("10.0.0.13:80", 7)])
                && weighted(table, &[("10.0.0.11:80", 2), ("10.0.0.13:80", 1)])
        });
        assert_eq!(net.director.ipvs_table().matches(" Masq ").count(), 6, "{}", net.director.ipvs_table());
        let tally = net.asker().tally(net.service(), 8);
        assert_eq!((tally.get("s1"), tally.get("s2"), tally.get("s3")), (Some(&6), Some(&2), None), "{tally:?}");
        // The replacement takes over, and gives back.
        let spare = "198.51.100.1:82".parse().unwrap();
        assert_eq!(net.asker().tally(spare, 3).get("s1"), Some(&3));
        net.servers[0].close();
        ipvsd.wait_table("the first server gone from both its services", |table| lacks(table, "10.0.0.11:80"));
        assert_eq!(net.asker().tally(spare, 3).get("s3"), Some(&3));
        assert_eq!(net.asker().tally(net.service(), 4).get("s2"), Some(&4));
        net.servers[0].open();
        ipvsd.wait_table("the first server back", |table| weighted(table, &[("10.0.0.11:80", 3), ("10.0.0.11:80", 2)]));
        assert_eq!(net.asker().tally(spare, 3).get("s1"), Some(&3));
    }

    /// Somebody edits our entries: they are put right. Entries that are not ours stay as they are.
    fn drift_is_repaired_and_foreign_entries_stay() {
        let net = NatLab::new("drift", 2);
        net.director.restore_ipvs_table("-A -t 203.0.113.5:443 -s sh\n-a -t 203.0.113.5:443 -r 10.0.0.99:443 -m -w 7\n");
        let ipvsd = Ipvsd::start(&net.director, &net.conf("rr", "", "weight 3"));
        let ours = |table: &str| has(table, "10.0.0.11:80", 3) && has(table, "10.0.0.12:80", 3) && table.contains("198.51.100.1:80 rr");
        ipvsd.wait_table("ours", ours);
        for edit in [
            format!("-d -t {SERVICE} -r 10.0.0.11:80"),
            format!("-e -t {SERVICE} -r 10.0.0.12:80 -m -w 9"),
            format!("-E -t {SERVICE} -s wlc"),
            format!("-D -t {SERVICE}"),
        ] {
            net.director.command("ipvsadm").args(edit.split_whitespace()).ok();
            ipvsd.wait_table(&format!("a repair after `ipvsadm {edit}`"), ours);
        }
        let table = net.director.ipvs_table();
        assert!(has(&table, "10.0.0.99:443", 7) && table.contains("203.0.113.5:443 sh"), "{table}");
        ipvsd.wait_show("the repairs counted", |snapshot| snapshot["balancer"]["drift_repairs"].as_u64() >= Some(4));
        ipvsd.stop();
        let table = net.director.ipvs_table();
        assert!(!table.contains(SERVICE) && has(&table, "10.0.0.99:443", 7), "after a clean stop: {table}");
    }

    /// An unchanged file writes nothing; a changed weight, scheduler or persistence is an edit in place.
    fn a_reload_touches_only_what_changed() {
        let net = NatLab::new("reload", 2);
        let echoes: Vec<_> = (1..).zip(&net.nodes).map(|(n, node)| EchoServer::start(node, format!("10.0.0.{}:7", 10 + n))).collect();
        let conf = net.conf("rr", "delay_loop 1", QUICK_CHECK).replace("198.51.100.1 80 ", "198.51.100.1 7 ").replace(" 80 {", " 7 {");
        let ipvsd = Ipvsd::start(&net.director, &conf);
        ipvsd.wait_table("both", |table| has(table, "10.0.0.11:7", 1) && has(table, "10.0.0.12:7", 1));
        let before = ipvsd.show()["balancer"]["steps_applied"].clone();
        let reply = ipvsd.reload(&conf);
        assert!(reply.success(), "{reply:?}");
        assert_eq!(ipvsd.show()["balancer"]["steps_applied"], before, "an unchanged file wrote something");

        let talk = Conversations::open(&net.client, None, "198.51.100.1:7".parse().unwrap(), 8, Duration::from_millis(20));
        talk.wait_all_alive(PATIENCE, 2);
        for (from, to) in [("lb_algo rr", "lb_algo wlc"), ("protocol TCP", "protocol TCP\n persistence_timeout 60"), ("delay_loop 1", "delay_loop 2")] {
            let plan = ipvsd.ctl(&["plan"]);
            assert!(plan.success(), "{plan:?}");
            assert!(ipvsd.reload(&conf.replace(from, to)).success());
            talk.wait_all_alive(PATIENCE, 2);
        }
        assert_eq!(echoes.iter().map(EchoServer::open_connections).sum::<usize>(), 8);
        assert_eq!(talk.finish().broken, Vec::<String>::new());
    }

    /// A file that cannot be run changes nothing, and `show` says so.
    fn a_bad_reload_changes_nothing() {
        let net = NatLab::new("bad-reload", 1);
        let conf = net.conf("rr", "", "weight 1");
        let ipvsd = Ipvsd::start(&net.director, &conf);
        ipvsd.wait_table("ours", |table| has(table, "10.0.0.11:80", 1));
        let reply = ipvsd.reload("vrrp_instance broken {\n  interface eth0\n  virtual_router_id 900\n}\n");
        assert!(!reply.success(), "{reply:?}");
        assert!(reply.stderr.contains("900") || reply.stdout.contains("900"), "{reply:?}");
        assert!(has(&net.director.ipvs_table(), "10.0.0.11:80", 1));
        assert!(ipvsd.show()["config"]["refused"].is_string());
        assert!(ipvsd.reload(&conf).success());
        assert!(ipvsd.show()["config"]["refused"].is_null());
    }

    /// Every scheduler that this kernel has modules for, by its name.
    fn every_scheduler_is_known_by_its_name() {
        let net = NatLab::new("schedulers", 1);
        let ipvsd = Ipvsd::start(&net.director, &net.conf("rr", "", "weight 1"));
        for scheduler in ["rr", "wrr", "lc", "wlc", "lblc", "lblcr", "dh", "sh", "mh", "sed", "nq", "fo", "ovf"] {
            assert!(ipvsd.reload(&net.conf(scheduler, "", "weight 1")).success());
            ipvsd.wait_table(scheduler, |table| table.lines().any(|line| line.starts_with("TCP") && line.contains(&format!(" {scheduler}"))));
        }
        let reply = ipvsd.reload(&net.conf("twos", "", "weight 1"));
        if net.director.command("modprobe").arg("ip_vs_twos").output().success() {
            ipvsd.wait_table("twos", |table| table.contains(" twos"));
        } else {
            // A kernel without it: said to whoever reloads and to whoever looks, and the service stays as it was.
            assert!(!reply.success() && reply.stderr.contains("twos"), "{reply:?}");
            ipvsd.wait_show("the problem", |snapshot| {
                snapshot["balancer"]["services"][0]["problem"].as_str().is_some_and(|problem| problem.contains("twos"))
            });
            assert!(has(&net.director.ipvs_table(), "10.0.0.11:80", 1));
        }
    }

    /// What the kernel needs to be told beside the table, and what it gets back.
    fn sysctls_are_set_and_put_back() {
        let net = NatLab::new("sysctls", 1);
        net.director.set_sysctl("net.ipv4.ip_forward", "0");
        let ipvsd = Ipvsd::start(&net.director, &net.conf("rr", "", "weight 1"));
        assert_eq!(net.director.sysctl("net.ipv4.ip_forward"), "1");
        assert_eq!(net.asker().ask(net.service()).unwrap().status, 200);
        ipvsd.kill();
        let mut ipvsd = ipvsd;
        ipvsd.daemon().wait(PATIENCE);
        ipvsd.spawn_again();
        ipvsd.wait_answering();
        ipvsd.stop();
        assert_eq!(net.director.sysctl("net.ipv4.ip_forward"), "0", "the original outlives a killed daemon");
    }

    /// `ipvsctl show -o ipvsadm` is what ipvsadm prints, with and without the daemon.
    fn the_listing_is_that_of_ipvsadm() {
        let net = NatLab::new("listing", 2);
        let ipvsd = Ipvsd::start(&net.director, &net.conf("wlc", "persistence_timeout 300", "weight 2"));
        ipvsd.wait_table("ours", |table| has(table, "10.0.0.12:80", 2));
        let tally = net.asker().tally(net.service(), 5);
        assert_eq!(tally.values().sum::<usize>(), 5, "{tally:?}");
        wait_until(PATIENCE, "equal listings", || {
            let theirs = net.director.ipvs_table();
            ipvsd.ctl(&["show", "-o", "ipvsadm"]).ok() == theirs && ipvsd.ctl(&["show", "--kernel", "-o", "ipvsadm"]).ok() == theirs
        });
    }

    /// Killed a hundred times, at moments spread over its life, under open connections through an address that VRRP owns: none
    /// is reset. Each life is given another configuration, so that there is always something to write: kills land between
    /// the ledger and the kernel, and between the steps of a plan. The two servers that stay never leave the table.
    fn killed_a_hundred_times_and_no_connection_notices() {
        let net = NatLab::new("killed", 2);
        let _echoes: Vec<_> = (1..)
            .zip(&net.nodes)
            .map(|(n, node)| EchoServer::start(node, format!("10.0.0.{}:7", 10 + n)))
            .collect();
        let life_conf = |life: u64| {
            let mut text = String::from(
                "vrrp_instance VI_1 {\n  interface eth0\n  virtual_router_id 51\n  version 3\n  advert_int 0.1\n  virtual_ipaddress {\n    198.51.100.100\n  }\n}\n",
            );
            let scheduler = if life.is_multiple_of(2) { "rr" } else { "wlc" };
            text += &format!("virtual_server 198.51.100.100 7 {{\n  lb_algo {scheduler}\n  lb_kind NAT\n  protocol TCP\n");
            for server in [11, 12] {
                text += &format!("  real_server 10.0.0.{server} 7 {{\n    weight {}\n    {QUICK_CHECK}\n  }}\n", 1 + life % 3);
            }
            text += "}\n";
            // Others come and go around it, before it and after it in the order of a plan.
            for service in 0..20 {
                let address = if service % 2 == 0 { "10.255.0" } else { "203.0.113" };
                text += &format!("virtual_server {address}.{} 80 {{\n  lb_kind NAT\n  protocol TCP\n", service + 20 * (life % 4));
                for server in 1..=5 {
                    text += &format!("  real_server 10.9.{service}.{server} 80 {{\n    weight {}\n  }}\n", 1 + life % 5);
                }
                text += "}\n";
            }
            text
        };
        let here = |table: &str| {
            [11, 12].iter().all(|server| (1..=3).any(|weight| has(table, &format!("10.0.0.{server}:7"), weight)))
        };
        let mut ipvsd = Ipvsd::start(&net.director, &life_conf(0));
        ipvsd.wait_state("VI_1", "MASTER");
        ipvsd.wait_table("both", here);
        let talk = Conversations::open(
            &net.client,
            None,
            "198.51.100.100:7".parse().unwrap(),
            10,
            Duration::from_millis(10),
        );
        talk.wait_all_alive(PATIENCE, 2);
        let mut written = 0;
        for life in 1_u64..=100 {
            let before = net.director.ipvs_table();
            net.director.write("/etc/keepalived/keepalived.conf", life_conf(life));
            ipvsd.kill();
            ipvsd.daemon().wait(PATIENCE);
            ipvsd.spawn_again();
            // 0 to 300 ms after the start, in an order that jumps about: in the middle of reading, writing, checking.
            std::thread::sleep(Duration::from_millis((life * 37) % 301));
            ipvsd.kill();
            ipvsd.daemon().wait(PATIENCE);
            let table = net.director.ipvs_table();
            assert!(here(&table), "after life {life}: {table}");
            written += usize::from(table != before);
            ipvsd.spawn_again();
        }
        ipvsd.wait_answering();
        talk.wait_all_alive(PATIENCE, 2);
        let report = talk.finish();
        println!(
            "{written} of 100 lives wrote something; {} connections, {} exchanges, broken: {:?}",
            report.connections, report.exchanges, report.broken
        );
        assert_eq!(report.broken, Vec::<String>::new());
        // In the end all is as the last configuration says, and nothing is left of the others.
        ipvsd.wait_table("what the last life was told, and nothing else", |table| {
            here(table) && table.lines().filter(|line| line.starts_with("TCP")).count() == 21
        });
    }

    /// The daemon reads the kernel before it writes: a second start on the same table writes nothing.
    fn a_second_start_writes_nothing() {
        let net = NatLab::new("second", 2);
        let mut ipvsd = Ipvsd::start(&net.director, &net.conf("wlc", "delay_loop 1", QUICK_CHECK));
        ipvsd.wait_table("both", |table| has(table, "10.0.0.11:80", 1) && has(table, "10.0.0.12:80", 1));
        ipvsd.kill();
        ipvsd.daemon().wait(PATIENCE);
        ipvsd.spawn_again();
        ipvsd.wait_answering();
        ipvsd.wait_show("both servers checked again", |snapshot| servers(snapshot).iter().all(|server| server["health"] == "up"));
        assert_eq!(ipvsd.show()["balancer"]["steps_applied"], 0);
    }
}
