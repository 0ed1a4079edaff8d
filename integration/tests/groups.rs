//! Services of several addresses on a real kernel: what the table holds, when servers fail and return, over a reload, and
//! beside what keepalived makes of the same file.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::time::Duration;

use integration::nat::NatLab;
use integration::traffic::{Conversations, EchoServer};
use integration::{Ipvsd, Node, lab_test, native_test, peers, skip, wait_for, wait_until};
use netlink_sys::protocols::NETLINK_NETFILTER;
use netlink_sys::{Socket, SocketAddr};
use nix::sys::signal::Signal;
use nix::sys::socket::{getsockopt, sockopt};

const PATIENCE: Duration = Duration::from_secs(60);
const QUICK_CHECK: &str = "TCP_CHECK { connect_timeout 1\n retry 0\n delay_loop 0.2 }";

/// What the log says where packets cannot be marked.
const NO_NFTABLES: &str = "this kernel has no nftables for IP";

/// What `ipvsadm -Ln` shows: services with their servers, in no order, connections left out.
fn entries(table: &str) -> BTreeMap<String, BTreeSet<String>> {
    let mut services = BTreeMap::<_, BTreeSet<_>>::new();
    let mut current = None;
    for line in table.lines().skip(3) {
        let words: Vec<_> = line.split_whitespace().collect();
        match (words.as_slice(), &current) {
            (["->", server, how, weight, ..], Some(service)) => {
                let servers: &mut BTreeSet<_> = services.entry(String::clone(service)).or_default();
                servers.insert(format!("{server} {how} {weight}"));
            }
            (service, _) => {
                let service = service.join(" ");
                services.insert(service.clone(), BTreeSet::new());
                current = Some(service);
            }
        }
    }
    services
}

/// These services, each with these servers.
fn each(services: &[&str], servers: &[&str]) -> BTreeMap<String, BTreeSet<String>> {
    let servers: BTreeSet<_> = servers.iter().map(|server| (*server).to_owned()).collect();
    services.iter().map(|service| ((*service).to_owned(), servers.clone())).collect()
}

fn conf(lines: &str, port: u16, server: &str) -> String {
    format!(
        "virtual_server_group web {{\n{lines}\n}}\nvirtual_server group web {{\nlvs_sched rr\nlvs_method NAT\nprotocol TCP\n\
         real_server 10.0.0.11 {port} {{\n{server}\n}}\nreal_server 10.0.0.12 {port} {{\n{server}\n}}\n}}\n"
    )
}

const LINES: &str = "198.51.100.1 80\n198.51.100.20-22 80\n198.51.100.32/31 81\nfwmark 5";
const SERVICES: [&str; 7] = [
    "TCP 198.51.100.1:80 rr",
    "TCP 198.51.100.20:80 rr",
    "TCP 198.51.100.21:80 rr",
    "TCP 198.51.100.22:80 rr",
    "TCP 198.51.100.32:81 rr",
    "TCP 198.51.100.33:81 rr",
    "FWM 5 rr",
];

lab_test! {
    /// One server and one check, however many addresses: it leaves all of them, and returns to all.
    fn servers_fail_and_return_at_every_address() {
        let mut net = NatLab::new("group", 2);
        net.director.sh("ip address add 198.51.100.22/32 dev eth0 && ip address add 198.51.100.33/32 dev eth0");
        let ipvsd = Ipvsd::start(&net.director, &conf(LINES, 80, QUICK_CHECK));
        let (one, two) = ("10.0.0.11:80 Masq 1", "10.0.0.12:80 Masq 1");
        ipvsd.wait_table("both at each", |table| entries(table) == each(&SERVICES, &[one, two]));
        for address in ["198.51.100.1:80", "198.51.100.22:80", "198.51.100.33:81"] {
            let tally = net.asker().tally(address.parse().unwrap(), 4);
            assert_eq!(tally.values().copied().collect::<Vec<_>>(), [2, 2], "{address} {tally:?}");
        }
        let snapshot = ipvsd.show();
        let services = snapshot["balancer"]["services"].as_array().unwrap();
        assert_eq!(services.len(), 7);
        for service in services {
            assert_eq!(service["group"], "web");
            let runs = |server: usize| &service["servers"][server]["checks"][0]["runs"];
            assert_eq!((runs(0), runs(1)), (
                &services[0]["servers"][0]["checks"][0]["runs"], &services[0]["servers"][1]["checks"][0]["runs"]
            ), "the checks are shared");
        }
        let page = ipvsd.ctl(&["show"]).ok();
        assert!(page.contains("tcp 198.51.100.21:80") && page.contains("group web"), "{page}");

        net.servers[0].close();
        ipvsd.wait_table("one left at each", |table| entries(table) == each(&SERVICES, &[two]));
        assert_eq!(ipvsd.daemon().log().matches("10.0.0.11:80 of group web is down").count(), 1);
        let tally = net.asker().tally("198.51.100.33:81".parse().unwrap(), 4);
        assert_eq!(tally.get("s2"), Some(&4), "{tally:?}");
        net.servers[0].open();
        ipvsd.wait_table("both again", |table| entries(table) == each(&SERVICES, &[one, two]));
        ipvsd.stop();
        assert_eq!(entries(&net.director.ipvs_table()), BTreeMap::new());
    }

    /// An address that comes is three steps, one that goes is one; connections at the others notice nothing.
    fn a_reload_edits_only_the_address_that_changed() {
        let net = NatLab::new("group-reload", 2);
        let _echo: Vec<_> =
            (1..).zip(&net.nodes).map(|(n, node)| EchoServer::start(node, format!("10.0.0.{}:7", 10 + n))).collect();
        let lines = "198.51.100.1 7\n198.51.100.20-21 7\nfwmark 5";
        let before = ["TCP 198.51.100.1:7 rr", "TCP 198.51.100.20:7 rr", "TCP 198.51.100.21:7 rr", "FWM 5 rr"];
        let more = [before[0], before[1], before[2], before[3], "TCP 198.51.100.40:7 rr"];
        let both = ["10.0.0.11:7 Masq 1", "10.0.0.12:7 Masq 1"];
        let ipvsd = Ipvsd::start(&net.director, &conf(lines, 7, QUICK_CHECK));
        ipvsd.wait_table("both at each", |table| entries(table) == each(&before, &both));
        let talk = Conversations::open(&net.client, None, "198.51.100.1:7".parse().unwrap(), 8, Duration::from_millis(20));
        talk.wait_all_alive(PATIENCE, 2);
        let steps = || ipvsd.show()["balancer"]["steps_applied"].as_u64().unwrap();
        let at_first = steps();
        assert!(ipvsd.reload(&conf(lines, 7, QUICK_CHECK)).success());
        assert_eq!(steps(), at_first, "an unchanged group wrote something");
        let larger = format!("198.51.100.40 7\n{lines}");
        assert!(ipvsd.reload(&conf(&larger, 7, QUICK_CHECK)).success());
        ipvsd.wait_table("the new one too", |table| entries(table) == each(&more, &both));
        assert_eq!(steps(), at_first + 3);
        talk.wait_all_alive(PATIENCE, 2);
        assert!(ipvsd.reload(&conf(lines, 7, QUICK_CHECK)).success());
        ipvsd.wait_table("as before", |table| entries(table) == each(&before, &both));
        assert_eq!(steps(), at_first + 4);
        // More addresses than may be: the daemon keeps what it has.
        assert!(!ipvsd.reload(&conf("10.0.0.0/8 7", 7, QUICK_CHECK)).success());
        assert_eq!(entries(&net.director.ipvs_table()), each(&before, &both));
        talk.wait_all_alive(PATIENCE, 2);
        assert_eq!(talk.finish().broken, Vec::<String>::new());
    }

    /// Without a port, a server has that of the packet.
    fn a_server_without_a_port_answers_at_that_of_the_packet() {
        let net = NatLab::new("group-port", 1);
        net.director.sh("ip address add 198.51.100.20/32 dev eth0");
        let text = "virtual_server_group web {\n198.51.100.20 80\n}\nvirtual_server group web {\nlvs_sched rr\nlvs_method NAT\n\
                    protocol TCP\nreal_server 10.0.0.11 {\n}\n}\n";
        let ipvsd = Ipvsd::start(&net.director, text);
        ipvsd.wait_table("it", |table| entries(table) == each(&["TCP 198.51.100.20:80 rr"], &["10.0.0.11:0 Masq 1"]));
        let tally = net.asker().tally("198.51.100.20:80".parse().unwrap(), 2);
        assert_eq!(tally.get("s1"), Some(&2), "{tally:?}");
    }

    /// keepalived and ipvsd make the same of the same file.
    fn the_table_is_keepalived_s() {
        let net = NatLab::new("group-like", 1);
        for (what, lines, words, servers) in [
            ("NAT", LINES, "lvs_method NAT", &["10.0.0.11 8080", "10.0.0.12 80"][..]),
            ("NAT without a port", LINES, "lvs_method NAT", &["10.0.0.11", "10.0.0.12"]),
            ("DR", LINES, "lvs_method DR", &["10.0.0.11 80", "10.0.0.12"]),
            ("TUN", "198.51.100.1-3 80\nfwmark 5 inet", "lvs_method TUN", &["10.0.0.11 80"]),
            ("IPv6", "2001:db8::5-11 80\n2001:db8::20/126 81\nfwmark 5 inet6", "lvs_method NAT", &["2001:db8::99 80"]),
            ("every port", "198.51.100.1\n198.51.100.2 80", "lvs_method DR", &["10.0.0.11 80"]),
            ("persistence", LINES, "lvs_method DR\npersistence_timeout 50", &["10.0.0.11 80"]),
        ] {
            let servers: String = servers.iter().map(|server| format!("real_server {server} {{\nweight 3\n}}\n")).collect();
            let text = format!(
                "virtual_server_group web {{\n{lines}\n}}\nvirtual_server group web {{\nlvs_sched wlc\nprotocol TCP\n{words}\n{servers}}}\n"
            );
            let ipvsd = Ipvsd::start(&net.director, &text);
            let ours = entries(&net.director.ipvs_table());
            ipvsd.stop();
            assert_eq!(entries(&net.director.ipvs_table()), BTreeMap::new(), "{what}");
            assert!(ours.len() > 1 && ours.values().all(|servers| !servers.is_empty()), "{what}: {ours:#?}");
            let keepalived = peers::keepalived(&net.director, &text);
            let theirs = || entries(&net.director.ipvs_table());
            wait_until(PATIENCE, "keepalived's table to stand", || theirs().len() >= ours.len() && theirs().values().all(|servers| !servers.is_empty()));
            wait_until(PATIENCE, &format!("the same table ({what})\nours {ours:#?}\ntheirs {:#?}", theirs()), || theirs() == ours);
            keepalived.signal(Signal::SIGTERM);
            wait_until(PATIENCE, "an empty table", || theirs().is_empty());
            keepalived.wait(PATIENCE);
        }
    }

    /// `nftables_ipvs`: one service for all addresses of a group, as keepalived makes it. Its packets are marked while the daemon
    /// runs and after it was killed; a group keeps its mark when another comes before it. A kernel without nftables for IP (that of
    /// User Mode Linux) keeps a service for each address, and the log says why; so it is with keepalived there. That of `LAB=qemu`
    /// has nftables and IPVS.
    fn a_group_whose_packets_are_marked_is_one_service() {
        let net = NatLab::new("group-marks", 2);
        net.director.sh("ip address add 198.51.100.22/32 dev eth0 && ip address add 198.51.100.33/32 dev eth0");
        let marked = |text: &str| format!("global_defs {{\nnftables_ipvs\n}}\n{text}");
        let plain = conf(LINES, 80, "weight 2");
        let both = ["10.0.0.11:80 Masq 2", "10.0.0.12:80 Masq 2"];
        let mut ipvsd = Ipvsd::start(&net.director, &marked(&plain));
        let able = !ipvsd.daemon().log().contains(NO_NFTABLES);
        if !able {
            println!("SKIP: {NO_NFTABLES}: a group is seen as a service for each address; that packets are marked, in namespaces");
        }
        let services = |marked: &[&str]| if able { each(marked, &both) } else { each(&SERVICES, &both) };
        ipvsd.wait_table("the group", |table| entries(table) == services(&["FWM 1000 rr", "FWM 5 rr"]));
        let ask = |what: &str| {
            for address in ["198.51.100.1:80", "198.51.100.22:80", "198.51.100.33:81"] {
                let tally = net.asker().tally(address.parse().unwrap(), 4);
                assert_eq!(tally.values().copied().collect::<Vec<_>>(), [2, 2], "{what}: {address} {tally:?}");
            }
        };
        ask("running");
        ipvsd.kill();
        ipvsd.daemon().wait(PATIENCE);
        ask("killed");
        ipvsd.spawn_again();
        ipvsd.wait_answering();
        ask("started again");
        assert_eq!(ipvsd.show()["balancer"]["steps_applied"], 0);
        if able {
            // Another group comes before it, and gets another mark.
            let other = plain.replace("group web", "group other").replace(LINES, "198.51.100.1 82");
            assert!(ipvsd.reload(&marked(&format!("{other}{plain}"))).success());
            ipvsd.wait_table("both groups", |table| entries(table) == services(&["FWM 1000 rr", "FWM 5 rr", "FWM 1001 rr"]));
            ask("with another one");
        }
        assert!(ipvsd.reload(&plain).success());
        ipvsd.wait_table("a service for each address", |table| entries(table) == each(&SERVICES, &both));
        ask("not marked any more");
        ipvsd.stop();
        assert_eq!(entries(&net.director.ipvs_table()), BTreeMap::new());
    }

    /// What came before a group in the file when it was dealt its mark, and comes before it now, is nothing to those who are
    /// connected through it: not over a restart either.
    fn a_restart_with_another_group_before_it_cuts_nobody_off() {
        let net = NatLab::new("group-restart", 2);
        let _echo: Vec<_> =
            (1..).zip(&net.nodes).map(|(n, node)| EchoServer::start(node, format!("10.0.0.{}:7", 10 + n))).collect();
        let group = |name: &str, port: u16| {
            conf(&format!("198.51.100.1 {port}\n198.51.100.2 {port}"), 7, "weight 1").replace("group web", &format!("group {name}"))
        };
        let file = |ports: &[(&str, u16)]| {
            let groups: String = ports.iter().map(|(name, port)| group(name, *port)).collect();
            format!("global_defs {{\nnftables_ipvs\n}}\n{groups}")
        };
        let mut ipvsd = Ipvsd::start(&net.director, &file(&[("web", 7)]));
        let able = !ipvsd.daemon().log().contains(NO_NFTABLES);
        if !able {
            println!("SKIP: {NO_NFTABLES}: a restart is seen with a service for each address");
        }
        let both = ["10.0.0.11:7 Masq 1", "10.0.0.12:7 Masq 1"];
        let wait_services = |ipvsd: &Ipvsd, marks: &[&str], addresses: &[&str]| {
            let services = if able { each(marks, &both) } else { each(addresses, &both) };
            ipvsd.wait_table("the groups", |table| entries(table) == services);
        };
        let web = ["TCP 198.51.100.1:7 rr", "TCP 198.51.100.2:7 rr"];
        wait_services(&ipvsd, &["FWM 1000 rr"], &web);
        let talk = Conversations::open(&net.client, None, "198.51.100.1:7".parse().unwrap(), 8, Duration::from_millis(20));
        talk.wait_all_alive(PATIENCE, 2);
        let more = [web[0], web[1], "TCP 198.51.100.1:8 rr", "TCP 198.51.100.2:8 rr"];
        let most = [more[0], more[1], more[2], more[3], "TCP 198.51.100.1:9 rr", "TCP 198.51.100.2:9 rr"];

        ipvsd.kill();
        ipvsd.daemon().wait(PATIENCE);
        net.director.write(peers::KEEPALIVED_CONF, file(&[("other", 8), ("web", 7)]));
        ipvsd.spawn_again();
        ipvsd.wait_answering();
        wait_services(&ipvsd, &["FWM 1000 rr", "FWM 1001 rr"], &more);
        talk.wait_all_alive(PATIENCE, 2);

        ipvsd.kill();
        ipvsd.daemon().wait(PATIENCE);
        net.director.write(peers::KEEPALIVED_CONF, file(&[("third", 9), ("other", 8), ("web", 7)]));
        ipvsd.spawn_again();
        ipvsd.wait_answering();
        wait_services(&ipvsd, &["FWM 1000 rr", "FWM 1001 rr", "FWM 1002 rr"], &most);
        talk.wait_all_alive(PATIENCE, 2);
        assert_eq!(talk.finish().broken, Vec::<String>::new());
        ipvsd.stop();
    }
}

/// A listener on the director, and what it is called through.
struct Door {
    port: u16,
    listener: TcpListener,
}

impl Door {
    fn new(director: &Node, port: u16) -> Self {
        Self { port, listener: director.enter(|| TcpListener::bind((Ipv4Addr::UNSPECIFIED, port))).unwrap() }
    }

    /// The mark of a client's packet as it comes up to whoever listens, behind all that the kernel does with it: a connection
    /// has that of the packet that asked for it (`tcp_fwmark_accept`).
    fn mark(&self, client: &Node) -> u32 {
        let to = (Ipv4Addr::new(198, 51, 100, 1), self.port);
        let _open = client.enter(|| TcpStream::connect(to)).unwrap();
        let (stream, _) = self.listener.accept().unwrap();
        getsockopt(&stream, sockopt::Mark).unwrap()
    }
}

/// `nft flush ruleset`: a begin (NFNL_MSG_BATCH_BEGIN), the end of every table (NFT_MSG_DELTABLE of none), an end.
fn flush_ruleset(node: &Node) {
    let (subsystem, request) = (10_u16, 1_u16);
    let message = |kind: u16, resource: u16| {
        let head = [20_u32.to_ne_bytes(), [0; 4], 1_u32.to_ne_bytes(), [0; 4]].concat();
        let mut bytes = [head, vec![0, 0], resource.to_be_bytes().to_vec()].concat();
        bytes[4..6].copy_from_slice(&kind.to_ne_bytes());
        bytes[6..8].copy_from_slice(&request.to_ne_bytes());
        bytes
    };
    let bytes = [message(0x10, subsystem), message(subsystem << 8 | 2, 0), message(0x11, subsystem)].concat();
    node.enter(|| {
        let mut socket = Socket::new(NETLINK_NETFILTER).unwrap();
        socket.bind_auto().unwrap();
        assert_eq!(socket.send_to(&bytes, &SocketAddr::new(0, 0), 0).unwrap(), bytes.len());
    });
}

native_test! {
    /// `nftables_ipvs`: what the packets of clients are marked with when they have come up to whom they are for. The marks count up
    /// in the order of the file, as keepalived's; they stay while the daemon is dead, and what each group has it keeps, though another
    /// comes before it meanwhile, or it gets another name. Who flushes the ruleset takes nothing away for long. A stop leaves nothing behind.
    fn packets_of_groups_are_marked_whatever_becomes_of_the_daemon_or_of_the_ruleset() {
        let net = NatLab::new("marking", 0);
        net.director.set_sysctl("net.ipv4.tcp_fwmark_accept", "1");
        let group = |name: &str, ports: [u16; 2]| {
            let [one, two] = ports;
            // The server is this host itself: where there is IPVS, it lets the packets up.
            format!(
                "virtual_server_group {name} {{\n198.51.100.1 {one}\n198.51.100.1 {two}\n}}\nvirtual_server group {name} {{\nlvs_sched \
                 rr\nlvs_method DR\nprotocol TCP\nreal_server 198.51.100.1 {{\n}}\n}}\n"
            )
        };
        let (first, second, third) = (group("a", [81, 82]), group("b", [91, 92]), group("c", [71, 72]));
        let conf = |groups: &str| format!("global_defs {{\nnftables_ipvs\n}}\n{groups}");
        let doors = [71, 81, 82, 91, 99].map(|port| Door::new(&net.director, port));
        let marks = || doors.each_ref().map(|door| door.mark(&net.client));
        let wait_marks = |what: &str, wished: [u32; 5]| {
            wait_for(PATIENCE, what, || match marks() {
                marks if marks == wished => Ok(()),
                marks => Err(format!("{marks:?}")),
            });
        };
        let answers = |ipvsd: &Ipvsd| wait_until(PATIENCE, "ipvsd to answer", || ipvsd.try_show().is_ok());

        // It need not have IPVS.
        let mut ipvsd = Ipvsd::spawn(&net.director, peers::KEEPALIVED_CONF, &conf(&format!("{first}{second}")));
        answers(&ipvsd);
        if ipvsd.daemon().log().contains(NO_NFTABLES) {
            return skip(NO_NFTABLES);
        }
        wait_marks("marks in the order of the file", [0, 1000, 1000, 1001, 0]);

        ipvsd.kill();
        ipvsd.daemon().wait(PATIENCE);
        assert_eq!(marks(), [0, 1000, 1000, 1001, 0], "killed");
        net.director.write(peers::KEEPALIVED_CONF, conf(&format!("{third}{second}{first}")));
        ipvsd.spawn_again();
        answers(&ipvsd);
        wait_marks("the same marks for the same groups", [1002, 1000, 1000, 1001, 0]);

        // Once, and once more before it is expected.
        for times in 1..=2 {
            flush_ruleset(&net.director);
            wait_for(PATIENCE, "the flush to be noticed", || {
                let log = ipvsd.daemon().log();
                let told = log.matches("changed it; it is as it was").count();
                if told >= times { Ok(()) } else { Err(log) }
            });
            assert_eq!(marks(), [1002, 1000, 1000, 1001, 0], "flushed");
        }

        // Without IPVS it says that the table could not be programmed.
        let _ = ipvsd.reload(&conf(&format!("{third}{first}")));
        wait_marks("the second group gone", [1002, 1000, 1000, 0, 0]);

        // Another name, and one address of two: it is the same group. One that comes does not get what another leaves behind.
        let renamed = group("f", [71, 99]);
        let _ = ipvsd.reload(&conf(&format!("{renamed}{first}")));
        wait_marks("the mark of the third group under its new name", [1002, 1000, 1000, 0, 1002]);
        let _ = ipvsd.reload(&conf(&format!("{}{renamed}", group("d", [91, 92]))));
        wait_for(PATIENCE, "a mark of its own for the group that comes", || match marks() {
            [1002, 0, 0, mark, 1002] if mark > 1000 => Ok(()),
            marks => Err(format!("{marks:?}")),
        });
        assert_ne!(marks()[3], 1002);
        ipvsd.stop();
        assert_eq!(marks(), [0; 5], "stopped");
    }
}
