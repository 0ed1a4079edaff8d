//! No connection is lost that could be kept: every change that a file can make, made on a real kernel while clients talk.
//!
//! The kernel is told to end at once the connections of servers that are taken out (`expire_nodest_conn`), so that a server
//! which is deleted and added again in one batch costs what it is worth: without that its connections would come back to life,
//! and nobody would see.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::time::Duration;

use integration::keeping::{self, Ends, SCENES, Scene};
use integration::nat::NatLab;
use integration::programs::repository;
use integration::traffic::{Conversations, DatagramEcho, EchoServer};
use integration::{Ipvsd, lab_test, wait_for};

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

/// The same, and behind it the table with its thresholds, one blank between any two words.
fn rules_and_thresholds(net: &NatLab) -> String {
    let table = net.director.command("ipvsadm").args(["-Ln", "--thresholds"]).ok();
    let lines = table.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "));
    rules(net) + &lines.collect::<Vec<_>>().join("\n")
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
        wait_for(PATIENCE, &format!("the kernel to have {}", change.what), || {
            let rules = rules_and_thresholds(&net);
            let there = rules.contains(change.seen) && (change.gone.is_empty() || !rules.contains(change.gone));
            if there { Ok(()) } else { Err(rules) }
        });
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
