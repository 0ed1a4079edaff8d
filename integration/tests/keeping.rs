//! No connection is lost that could be kept: every change that a file can make, made on a real kernel while clients talk, and
//! nobody turned away while all servers of a service are replaced.
//!
//! The kernel is told to end at once the connections of servers that are taken out (`expire_nodest_conn`), so that a server
//! which is deleted and added again in one batch costs what it is worth: without that its connections would come back to life,
//! and nobody would see.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use integration::keeping::{self, Ends, SCENES, Scene};
use integration::nat::NatLab;
use integration::programs::repository;
use integration::traffic::{Conversations, DatagramEcho, EchoServer};
use integration::{Ipvsd, lab_test, wait_for, wait_until};

const PATIENCE: Duration = Duration::from_secs(30);
/// As many as servers, twice.
const CONNECTIONS: usize = 6;

fn talk(net: &NatLab, scene: &Scene) -> Conversations {
    let (to, pause) = (scene.to.parse().unwrap(), Duration::from_millis(20));
    let talk = if scene.datagrams {
        Conversations::by_datagrams(&net.client, to, CONNECTIONS, pause)
    } else {
        Conversations::open(&net.client, None, to, CONNECTIONS, pause)
    };
    talk.wait_all_alive(PATIENCE, 2);
    for server in ["s1", "s2", "s3"] {
        let served = talk.servers().iter().filter(|name| *name == server).count();
        assert_eq!(served, CONNECTIONS / 3, "{:?}", talk.servers());
    }
    talk
}

fn rules(net: &NatLab) -> String {
    net.director.command("ipvsadm").arg("-Sn").ok()
}

/// The same, and behind it the table with its thresholds, one blank between any two words, and the sync daemons.
fn all(net: &NatLab) -> String {
    let list = |words: &[&str]| net.director.command("ipvsadm").args(words).ok();
    let table = list(&["-Ln", "--thresholds"]);
    let lines = table.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "));
    rules(net) + &lines.collect::<Vec<_>>().join("\n") + "\n" + &list(&["-L", "--daemon"])
}

/// The kernel has all three servers, and nothing else.
fn wait_base(net: &NatLab, scene: &Scene) {
    wait_for(PATIENCE, "three servers", || {
        let rules = rules(net);
        let whole = rules.matches(scene.server).count() == 3 && rules.lines().count() == 4;
        if whole && rules.contains("-s rr") && rules.matches("-m -w 1").count() == 3 { Ok(()) } else { Err(rules) }
    });
}

fn play(name: &str, scene: &Scene) {
    let net = NatLab::new(name, 3);
    net.director
        .sh("ip -6 address add 2001:db8::1/64 dev eth0 nodad && ip -6 address add fd00:10::1/64 dev eth1 nodad");
    net.client.sh("ip -6 address add 2001:db8::10/64 dev eth0 nodad");
    let (mut echoes, mut datagrams) = (Vec::new(), Vec::new());
    for (n, node) in (11..).zip(&net.nodes) {
        node.sh(&format!("ip -6 address add fd00:10::{n}/64 dev eth0 nodad && ip -6 route add default via fd00:10::1"));
        for address in [format!("10.0.0.{n}:7"), format!("[fd00:10::{n}]:7")] {
            echoes.push(EchoServer::start(node, &address));
            datagrams.push(DatagramEcho::start(node, &address));
        }
    }
    net.director.set_sysctl("net.ipv4.vs.expire_nodest_conn", "1");
    let ipvsd = Ipvsd::start(&net.director, scene.base);
    wait_base(&net, scene);
    let mut talking = talk(&net, scene);
    for change in scene.changes {
        // What is lost at the end begins anew.
        if change.ends != Ends::Nobody && ipvsd.reload(scene.base).success() {
            wait_base(&net, scene);
            let _ = talking.finish();
            talking = talk(&net, scene);
        }
        let reply = ipvsd.reload(&change.file(scene.base));
        assert!(reply.success(), "{}: {reply:?}", change.what);
        let cannot = || change.cannot.filter(|cannot| ipvsd.daemon().log().contains(cannot));
        let skipped = wait_for(PATIENCE, &format!("the kernel to have {}", change.what), || {
            let rules = all(&net);
            let there = rules.contains(change.seen) && (change.gone.is_empty() || !rules.contains(change.gone));
            match cannot() {
                Some(cannot) => Ok(Some(cannot)),
                None if there => Ok(None),
                None => Err(rules),
            }
        });
        if let Some(cannot) = skipped {
            println!("SKIP: {}: {cannot}", change.what);
            continue;
        }
        match change.ends {
            Ends::Nobody => talking.wait_all_alive(PATIENCE, 2),
            Ends::ThirdServer => talking.wait_lost(PATIENCE, 2, |server| server == "s3"),
            Ends::Service => talking.wait_lost(PATIENCE, 2, |_| true),
        }
        println!("{}{}: {}", scene.over, change.what, change.ends.words());
    }
    let _ = talking.finish();
}

lab_test! {
    fn a_change_of_the_file_ends_only_what_it_must() {
        play("keeping", &SCENES[0]);
    }

    fn over_ipv6_too() {
        play("keeping6", &SCENES[1]);
    }

    /// Datagrams of one port go to one server: another one's answer would tell that the way was lost.
    fn and_of_datagrams() {
        play("keepingu", &SCENES[2]);
    }

    /// A file that names nobody whom one knows: those that served serve on until one that is new is up, and where none is, until
    /// the sorry server takes their place. Whoever comes meanwhile is served.
    fn a_reload_that_replaces_all_servers_turns_nobody_away() {
        let net = NatLab::new("heirs", 3);
        // Up to two seconds pass before a server that is new, and has to prove itself, is checked.
        let server = |n: u8| {
            let check = "TCP_CHECK { connect_timeout 1\n retry 0\n warmup 2\n delay_loop 1 }";
            format!("real_server 10.0.0.{n} 80 {{\n weight 1\n {check}\n }}\n")
        };
        let conf = |servers: &[u8], rules: &str| {
            let servers: String = servers.iter().map(|n| server(*n)).collect();
            format!("virtual_server 198.51.100.1 80 {{\n lb_algo rr\n lb_kind NAT\n protocol TCP\n alpha\n {rules}\n {servers}}}\n")
        };
        let serves = |table: &str, n: u8, weight: u8| {
            let server = format!("10.0.0.{n}:80");
            let mut rows = table.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
            rows.any(|row| matches!(row.as_slice(), ["->", found, _, its, ..] if *found == server && *its == weight.to_string()))
        };
        let ipvsd = Ipvsd::start(&net.director, &conf(&[11], ""));
        ipvsd.wait_table("the first server", |table| serves(table, 11, 1));
        let (over, asked, failed) = (AtomicBool::new(false), AtomicU64::new(0), Mutex::new(Vec::new()));
        thread::scope(|scope| {
            // Whatever panics below, the client ends.
            let ends = Over(&over);
            scope.spawn(|| {
                while !over.load(Ordering::Relaxed) {
                    if let Err(error) = net.asker().ask(net.service()) {
                        failed.lock().unwrap().push(format!("{error} after {asked:?} answers"));
                    }
                    asked.fetch_add(1, Ordering::Relaxed);
                }
            });
            let more = |what: &str| {
                let before = asked.load(Ordering::Relaxed);
                wait_until(PATIENCE, what, || asked.load(Ordering::Relaxed) >= before + 5);
            };
            for (goes, heir) in [(11, 12), (12, 13), (13, 11), (11, 13)] {
                more("clients that are served");
                assert!(ipvsd.reload(&conf(&[heir], "")).success());
                ipvsd.wait_table("the heir", |table| serves(table, heir, 1) && !serves(table, goes, 1));
            }
            more("clients that the last one serves");
            // Nobody is at .99, and then there is the sorry server.
            assert!(ipvsd.reload(&conf(&[99], "sorry_server 10.0.0.11 80")).success());
            ipvsd.wait_table("the sorry server", |table| serves(table, 11, 1) && !serves(table, 13, 1));
            more("clients that the sorry server serves");
            assert!(ipvsd.reload(&conf(&[12], "sorry_server 10.0.0.11 80")).success());
            ipvsd.wait_table("a server", |table| serves(table, 12, 1) && !serves(table, 11, 1));
            more("clients that it serves");
            drop(ends);
        });
        let failed = failed.into_inner().unwrap();
        println!("{} clients came in between, and {} were turned away", asked.into_inner(), failed.len());
        assert_eq!(failed, Vec::<String>::new());
    }

    /// A server that failed and stays because of the floor keeps its connections, and one that is back cuts off nobody.
    fn what_a_floor_keeps_keeps_its_connections() {
        let mut net = NatLab::new("floored", 2);
        let _echoes: Vec<_> =
            (1..).zip(&net.nodes).map(|(n, node)| EchoServer::start(node, format!("10.0.0.{}:7", 10 + n))).collect();
        net.director.set_sysctl("net.ipv4.vs.expire_nodest_conn", "1");
        // The web port is what is checked, the echo port is what is served.
        let conf = net.conf(
            "rr",
            "floor 1\n delay_loop 1",
            "TCP_CHECK { connect_port 80\n connect_timeout 1\n retry 0\n delay_loop 0.2 }",
        );
        let conf = conf.replace("198.51.100.1 80 ", "198.51.100.1 7 ").replace(" 80 {", " 7 {");
        let ipvsd = Ipvsd::start(&net.director, &conf);
        let are = |wished: &[u8]| {
            let wished = wished.to_vec();
            move |table: &str| (11..=12).all(|n| table.contains(&format!("-> 10.0.0.{n}:7 ")) == wished.contains(&n))
        };
        ipvsd.wait_table("two servers", are(&[11, 12]));
        let talk = Conversations::open(&net.client, None, "198.51.100.1:7".parse().unwrap(), 4, Duration::from_millis(20));
        talk.wait_all_alive(PATIENCE, 2);
        net.servers[0].close();
        ipvsd.wait_table("the second server", are(&[12]));
        talk.wait_lost(PATIENCE, 2, |server| server == "s1");
        net.servers[1].close();
        ipvsd.wait_show("both down", |snapshot| {
            integration::subject::servers(snapshot).iter().all(|server| server["health"] == "down")
        });
        talk.wait_lost(PATIENCE, 3, |server| server == "s1");
        assert!(are(&[12])(&net.director.ipvs_table()));
        net.servers[1].open();
        ipvsd.wait_show("the second up", |snapshot| {
            integration::subject::servers(snapshot).iter().any(|server| server["health"] == "up")
        });
        talk.wait_lost(PATIENCE, 3, |server| server == "s1");
    }
}

/// Says that it is over, whatever ends.
struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// The README's table is the one that the scenario goes through: `BLESS=1` writes it anew.
#[test]
fn the_readme_has_the_table() {
    let path = repository().join("README.md");
    let text = std::fs::read_to_string(&path).unwrap();
    let page = keeping::in_readme(&text);
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(&path, page).unwrap();
        return;
    }
    assert!(page == text, "README.md does not have the table of `keeping.rs`: run this test with BLESS=1");
}
