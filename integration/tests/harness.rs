//! The lab, tested with things that are known to work: if one of these fails, it is
//! the lab that is broken, and not what is tested in it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use integration::inject::{Forged, Injector};
use integration::traffic::{Conversations, EchoServer};
use integration::waiting::holds_for;
use integration::web::{Behaviour, WebClient, WebServer};
use integration::{AddressWatch, Tap, Topology, lab_test, native_test, peers, wait_for, wait_until};

/// Generous: what takes this long on the slowest machine is broken.
const LONG: Duration = Duration::from_secs(30);

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

native_test! {
    fn three_nodes_on_a_segment_reach_each_other() {
        let started = Instant::now();
        let mut lab = Topology::new("ping");
        let lan = lab.segment("lan");
        for number in 1..=3 {
            let node = lab.node(&format!("n{number}"));
            let addresses = [format!("192.168.10.{number}/24"), format!("fd00::{number}/64")];
            lan.attach(&node, "em1", &addresses.each_ref().map(String::as_str));
        }
        println!("three nodes up in {:?}", started.elapsed());
        for node in lab.nodes() {
            for number in 1..=3 {
                assert!(node.reaches(ip(&format!("192.168.10.{number}")), LONG));
                assert!(node.reaches(ip(&format!("fd00::{number}")), LONG));
            }
        }
        assert!(!lab.nodes()[0].reaches(ip("10.1.2.3"), LONG), "there is no route to it");
    }

    fn a_tap_sees_what_was_sent_and_when() {
        let mut lab = Topology::new("tap");
        let lan = lab.segment("lan");
        let (one, two) = (lab.node("one"), lab.node("two"));
        lan.attach(&one, "em1", &["192.168.10.1/24"]);
        lan.attach(&two, "em1", &["192.168.10.2/24"]);
        let (sending, receiving) = (Tap::start(&one, "em1"), Tap::start(&two, "em1"));
        let (deaf, hearing) = (Tap::start_from(&two, "em1", [2, 0, 0, 0, 0xff, 2]), [2, 0, 0, 0, 0xff, 1]);
        for (source, vip) in [("192.168.10.1", "192.168.10.99"), ("fe80::1", "fd00::99")] {
            let forged = Forged::v3(ip(source), 7, 42, 250, &[ip(vip)]);
            let marks = [sending.mark(), receiving.mark()];
            let before = Instant::now();
            Injector::open(&one, "em1").send(&forged.frame());
            let after = Instant::now();
            for (tap, mark) in [&sending, &receiving].into_iter().zip(marks) {
                let (at, advert) = tap.wait_advert(LONG, "the advert", mark, |_| true);
                // The kernel's stamp is moved from one clock to the other, which has an error of its own.
                let error = Duration::from_millis(5);
                assert!(before < at + error && at < after + error, "{before:?} {at:?} {after:?}");
                assert_eq!((advert.mac, advert.source, advert.ttl), (hearing, ip(source), 255));
                assert_eq!((advert.version, advert.vrid, advert.priority, advert.count), (3, 7, 42, 1));
                assert_eq!((advert.interval, advert.header_authenticated), (Duration::from_millis(2500), false));
            }
        }
        assert!(sending.frames().iter().all(|frame| frame.outgoing || frame.advert().is_none()));
        assert!(receiving.frames().iter().all(|frame| !frame.outgoing || frame.advert().is_none()));
        assert_eq!(deaf.adverts_from(0), []);
        // tcpdump, which had no part in it, reads the capture and finds nothing wrong.
        let adverts: Vec<_> = receiving.frames().into_iter().filter(|frame| frame.advert().is_some()).collect();
        let file = two.folder().join("seen.pcap");
        std::fs::write(&file, Tap::pcap(&adverts)).unwrap();
        let text = two.command("tcpdump").args(["-n", "-vv", "-r"]).arg(&file).ok();
        assert_eq!(text.matches("VRRPv3, Advertisement, vrid 7, prio 42").count(), 2, "{text}");
        assert!(!text.contains("bad"), "{text}");
    }

    fn a_watch_times_addresses() {
        let mut lab = Topology::new("watch");
        let lan = lab.segment("lan");
        let node = lab.node("one");
        lan.attach(&node, "em1", &[]);
        let watch = AddressWatch::start(&node);
        for (text, address) in [("192.168.10.99/32", ip("192.168.10.99")), ("fd00::99/128", ip("fd00::99"))] {
            let (mark, before) = (watch.mark(), Instant::now());
            node.add_address("em1", text);
            let came = watch.wait_came(LONG, mark, address);
            assert!(before <= came && came <= Instant::now());
            node.remove_address("em1", text);
            assert!(watch.wait_went(LONG, mark, address) >= came);
            // The kernel tells of an IPv6 address again when it has become usable.
            assert!((1..=2).contains(&watch.came_from(mark, address)));
        }
    }

    fn nodes_have_their_own_names_files_and_processes() {
        let mut lab = Topology::new("private");
        let (one, two) = (lab.node("one"), lab.node("two"));
        assert_eq!(one.sh("hostname").trim(), "one");
        one.write("/etc/ipvsd/lab.toml", "one");
        two.write("/etc/ipvsd/lab.toml", "two");
        assert_eq!(one.sh("cat /etc/ipvsd/lab.toml"), "one");
        assert_eq!(two.read("/etc/ipvsd/lab.toml").unwrap(), "two");
        assert!(!std::path::Path::new("/etc/ipvsd/lab.toml").exists());

        let sleeper = one.command("sleep").arg("1000").spawn("sleep");
        assert!(one.command("pidof").arg("sleep").output().success());
        assert!(!two.command("pidof").arg("sleep").output().success());
        sleeper.kill();
        wait_until(LONG, "the sleeper gone", || !one.command("pidof").arg("sleep").output().success());

        one.set_sysctl("net.ipv4.ip_forward", "1");
        assert_eq!(one.sysctl("net.ipv4.ip_forward"), "1");
        assert_eq!(two.sysctl("net.ipv4.ip_forward"), "0");
    }

    fn a_node_ends_with_its_topology() {
        let mut lab = Topology::new("end");
        let node = lab.node("one");
        // A daemon that leaves its parent, as a forking one does.
        node.sh("setsid sleep 1000 >/dev/null 2>&1 </dev/null &");
        let daemon = node.command("sleep").arg("1000").spawn("sleep");
        let pids = [node.init_pid(), u32::try_from(daemon.pid().as_raw()).unwrap()];
        drop(node);
        drop(lab);
        for pid in pids {
            assert!(!std::path::Path::new(&format!("/proc/{pid}")).exists(), "{pid} is still there");
        }
    }

    fn logs_are_collected_and_ends_are_reported() {
        let mut lab = Topology::new("logs");
        let node = lab.node("one");
        let daemon = node
            .command("sh")
            .args(["-c", "echo first; echo second >&2; kill -TERM $$"])
            .spawn("talker");
        daemon.wait(LONG);
        assert_eq!(daemon.log(), "first\nsecond\n");
        let logs = lab.logs();
        assert!(logs.contains("--- talker on one (signal: 15 (SIGTERM))\nfirst\nsecond\n"), "{logs}");
        // The same name again does not write over the first one's log.
        let again = node.command("sleep").arg("1000").spawn("talker");
        assert_ne!(again.log_file(), daemon.log_file());
        assert!(again.is_running() && again.resident_bytes() > 0);
        again.stop(LONG);
        assert_eq!(again.resident_bytes(), 0);
    }

    fn a_command_that_hangs_is_ended() {
        let mut lab = Topology::new("hang");
        let node = lab.node("one");
        let started = Instant::now();
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            node.command("sleep").arg("1000").timeout(Duration::from_millis(200)).ok()
        }));
        assert!(outcome.is_err());
        assert!(started.elapsed() < LONG);
        assert!(!node.command("pidof").arg("sleep").output().success());
    }

    fn addresses_come_and_go() {
        let mut lab = Topology::new("addresses");
        let lan = lab.segment("lan");
        let node = lab.node("one");
        lan.attach(&node, "eth1", &["172.72.4.11/24"]);
        assert!(node.has_address("eth1", ip("172.72.4.11")));
        node.command("ip")
            .args(["address", "add", "172.72.4.20/32", "dev", "eth1", "label", "eth1:vip"])
            .ok();
        assert!(node.has_address("eth1", ip("172.72.4.20")));
        assert!(!node.has_address("eth2", ip("172.72.4.20")));
        node.remove_address("eth1", "172.72.4.20/32");
        assert!(!node.has_address("eth1", ip("172.72.4.20")));
    }

    fn plugs_are_noticed_and_isolation_is_not() {
        let mut lab = Topology::new("trouble");
        let lan = lab.segment("lan");
        let (one, two) = (lab.node("one"), lab.node("two"));
        lan.attach(&one, "eth0", &["10.9.0.1/24"]);
        lan.attach(&two, "eth0", &["10.9.0.2/24"]);
        let reaches = || one.reaches(ip("10.9.0.2"), Duration::from_millis(500));
        let carrier = || one.sh("cat /sys/class/net/eth0/carrier").trim() == "1";
        wait_until(LONG, "one to reach two", reaches);

        lan.isolate(&one);
        assert!(!reaches());
        assert!(carrier());
        lan.rejoin(&one);
        wait_until(LONG, "one to reach two again", reaches);

        lan.unplug(&one);
        wait_until(LONG, "the carrier gone", || !carrier());
        assert!(!reaches());
        lan.plug(&one);
        wait_until(LONG, "the carrier back", carrier);
        wait_until(LONG, "one to reach two at last", reaches);
    }

    fn web_servers_behave_as_told() {
        let mut lab = Topology::new("web");
        let lan = lab.segment("lan");
        let (client, server) = (lab.node("client"), lab.node("server"));
        lan.attach(&client, "eth0", &["10.9.0.1/24", "10.9.0.3/24"]);
        lan.attach(&server, "eth0", &["10.9.0.2/24"]);
        let mut web = WebServer::start(&server, "10.9.0.2:80");
        let quick = Duration::from_millis(300);
        let browser = WebClient::new(&client).from(ip("10.9.0.3"));
        let hasty = browser.clone().timeouts(LONG, quick);

        let answer = browser.ask(web.address()).unwrap();
        assert_eq!((answer.status, answer.body.as_str()), (200, "server"));
        web.behave(Behaviour::Status(503));
        assert_eq!(browser.ask(web.address()).unwrap().status, 503);
        web.behave(Behaviour::Delay(quick));
        let started = Instant::now();
        assert_eq!(browser.ask(web.address()).unwrap().status, 200);
        assert!(started.elapsed() >= quick);
        web.behave(Behaviour::Hang);
        assert_eq!(hasty.ask(web.address()).unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
        web.behave(Behaviour::Reset);
        assert_eq!(browser.ask(web.address()).unwrap_err().kind(), std::io::ErrorKind::ConnectionReset);
        assert_eq!(web.connections(), 5);
        web.behave(Behaviour::Answer);
        web.close();
        assert_eq!(browser.ask(web.address()).unwrap_err().kind(), std::io::ErrorKind::ConnectionRefused);
        web.open();
        assert_eq!(browser.tally(web.address(), 3), [("server".to_owned(), 3)].into());
    }

    fn conversations_notice_what_happens_to_them() {
        let mut lab = Topology::new("talk");
        let lan = lab.segment("lan");
        let (client, server) = (lab.node("client"), lab.node("server"));
        lan.attach(&client, "eth0", &["10.9.0.1/24"]);
        lan.attach(&server, "eth0", &["10.9.0.2/24"]);
        let echo = EchoServer::start(&server, "10.9.0.2:7");
        let interval = Duration::from_millis(5);
        let talk = Conversations::open(&client, None, echo.address(), 10, interval);
        talk.wait_all_alive(LONG, 3);
        assert_eq!(echo.open_connections(), 10);
        // Lost frames are sent again: a short cut breaks nothing.
        lan.isolate(&server);
        lan.rejoin(&server);
        talk.wait_all_alive(LONG, 3);
        let report = talk.finish();
        assert_eq!((report.connections, report.broken.as_slice()), (10, [].as_slice()));
        assert!(report.exchanges >= 60);

        // A reset is noticed: the server's kernel is told to kill what it has.
        let talk = Conversations::open(&client, None, echo.address(), 2, interval);
        talk.wait_all_alive(LONG, 1);
        server.command("ip").args(["address", "del", "10.9.0.2/24", "dev", "eth0"]).ok();
        client.command("ip").args(["route", "add", "unreachable", "10.9.0.2/32"]).ok();
        wait_until(LONG, "both connections broken", || talk.broken().len() == 2);
        assert_eq!(talk.finish().broken.len(), 2);
    }

    fn keepalived_routers_fail_over() {
        let mut lab = Topology::new("keepalived");
        let lan = lab.segment("lan");
        let vip = ip("192.168.10.100");
        let routers = [("one", "192.168.10.1/24", 150), ("two", "192.168.10.2/24", 100)].map(
            |(name, address, priority)| {
                let node = lab.node(name);
                lan.attach(&node, "em1", &[address]);
                let daemon = peers::keepalived(&node, &format!(
                    "vrrp_instance VI_1 {{
                         state BACKUP
                         interface em1
                         virtual_router_id 51
                         priority {priority}
                         advert_int 0.2
                         virtual_ipaddress {{ 192.168.10.100/24 }}
                     }}
                     "
                ));
                (node, daemon)
            },
        );
        let [(one, first), (two, _)] = &routers;
        wait_until(LONG, "the VIP on one alone", || {
            one.has_address("em1", vip) && !two.has_address("em1", vip)
        });
        let frames = peers::tcpdump(two, "em1", "vrrp");
        frames.wait_log(LONG, "prio 150");
        // keepalived is two processes: the one that watches, and the one that routes.
        one.sh("kill -9 $(pidof keepalived)");
        first.wait(LONG);
        let took = wait_until(LONG, "the VIP on two", || two.has_address("em1", vip));
        println!("failover took {took:?}");
        // Killed, it could not take its address away.
        assert!(one.has_address("em1", vip));
        holds_for(Duration::from_millis(300), "two keeps the VIP", || two.has_address("em1", vip));
    }
}

lab_test! {
    fn a_request_through_ipvs_is_answered() {
        let mut lab = Topology::new("ipvs");
        let (outside, inside) = (lab.segment("outside"), lab.segment("inside"));
        let (client, director) = (lab.node("client"), lab.node("director"));
        outside.attach(&client, "eth0", &["192.0.2.1/24"]);
        outside.attach(&director, "eth0", &["192.0.2.10/24", "192.0.2.100/32"]);
        inside.attach(&director, "eth1", &["10.0.0.1/24"]);
        director.set_sysctl("net.ipv4.ip_forward", "1");
        let servers = ["10.0.0.11", "10.0.0.12"].map(|address| {
            let node = lab.node(&format!("web{}", &address[7..]));
            inside.attach(&node, "eth0", &[&format!("{address}/24")]);
            // Answers to masqueraded requests go back the way they came.
            node.add_route("default via 10.0.0.1");
            WebServer::start(&node, format!("{address}:80"))
        });
        director.restore_ipvs_table(
            "-A -t 192.0.2.100:80 -s wlc\n\
             -a -t 192.0.2.100:80 -r 10.0.0.11:80 -m -w 1\n\
             -a -t 192.0.2.100:80 -r 10.0.0.12:80 -m -w 1\n",
        );
        let table = director.ipvs_table();
        assert!(table.contains("TCP  192.0.2.100:80 wlc"), "{table}");
        assert!(table.contains("-> 10.0.0.12:80                 Masq    1"), "{table}");
        assert!(!client.ipvs_table().contains("192.0.2.100"), "a node has a table of its own");

        let vip = SocketAddr::new(ip("192.0.2.100"), 80);
        let tally = WebClient::new(&client).tally(vip, 10);
        assert_eq!(tally.values().sum::<usize>(), 10, "{tally:?}");
        assert!(tally.contains_key("web11") && tally.contains_key("web12"), "{tally:?}");
        assert_eq!(servers.iter().map(WebServer::connections).sum::<u64>(), 10);
    }

    fn open_connections_survive_an_edit_of_the_table() {
        let mut lab = Topology::new("edit");
        let lan = lab.segment("lan");
        let (client, director, server) = (lab.node("client"), lab.node("director"), lab.node("server"));
        lan.attach(&client, "eth0", &["192.0.2.1/24"]);
        lan.attach(&director, "eth0", &["192.0.2.10/24", "10.0.0.1/24"]);
        lan.attach(&server, "eth0", &["10.0.0.11/24"]);
        server.add_route("default via 10.0.0.1");
        director.set_sysctl("net.ipv4.ip_forward", "1");
        director.set_sysctl("net.ipv4.conf.all.send_redirects", "0");
        director.set_sysctl("net.ipv4.conf.eth0.send_redirects", "0");
        let _echo = EchoServer::start(&server, "10.0.0.11:7");
        director.restore_ipvs_table(
            "-A -t 192.0.2.10:7 -s rr\n-a -t 192.0.2.10:7 -r 10.0.0.11:7 -m -w 1\n",
        );
        let vip = SocketAddr::new(ip("192.0.2.10"), 7);
        let talk = Conversations::open(&client, None, vip, 20, Duration::from_millis(20));
        for weight in ["0", "5"] {
            director
                .command("ipvsadm")
                .args(["-e", "-t", "192.0.2.10:7", "-r", "10.0.0.11:7", "-m", "-w", weight])
                .ok();
            talk.wait_all_alive(LONG, 2);
        }
        let active = wait_for(LONG, "20 active connections", || {
            let table = director.ipvs_table();
            let row = table.lines().find(|line| line.contains("10.0.0.11:7")).unwrap_or_default();
            let active = row.split_whitespace().nth(4).unwrap_or_default().to_owned();
            if active == "20" { Ok(active) } else { Err(table.clone()) }
        });
        assert_eq!(active, "20");
        assert_eq!(talk.finish().broken, Vec::<String>::new());
    }
}
