//! No connection is lost that could be kept: every change that a file can make, made on a real kernel while clients talk.
//!
//! The kernel is told to end at once the connections of servers that are taken out (`expire_nodest_conn`), so that a server
//! which is deleted and added again in one batch costs what it is worth: without that its connections would come back to life,
//! and nobody would see.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::time::Duration;

use integration::keeping::{self, BASE, CHANGES, Ends};
use integration::nat::NatLab;
use integration::programs::repository;
use integration::traffic::{Conversations, EchoServer};
use integration::{Ipvsd, lab_test, wait_for};

const PATIENCE: Duration = Duration::from_secs(30);
/// As many as servers, twice.
const CONNECTIONS: usize = 6;

fn talk(net: &NatLab) -> Conversations {
    let to = "198.51.100.1:7".parse().unwrap();
    let talk = Conversations::open(&net.client, None, to, CONNECTIONS, Duration::from_millis(20));
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
fn wait_base(net: &NatLab) {
    wait_for(PATIENCE, "three servers", || {
        let rules = rules(net);
        let whole = rules.matches("-a -t 198.51.100.1:7 ").count() == 3 && rules.lines().count() == 4;
        if whole && rules.contains("-s rr") && rules.matches("-m -w 1").count() == 3 { Ok(()) } else { Err(rules) }
    });
}

lab_test! {
    fn a_change_of_the_file_ends_only_what_it_must() {
        let net = NatLab::new("keeping", 3);
        let _echoes: Vec<_> =
            (1..).zip(&net.nodes).map(|(n, node)| EchoServer::start(node, format!("10.0.0.{}:7", 10 + n))).collect();
        net.director.set_sysctl("net.ipv4.vs.expire_nodest_conn", "1");
        let ipvsd = Ipvsd::start(&net.director, BASE);
        wait_base(&net);
        let mut talking = talk(&net);
        for change in CHANGES {
            // What is lost at the end begins anew.
            if change.ends != Ends::Nobody && ipvsd.reload(BASE).success() {
                wait_base(&net);
                let _ = talking.finish();
                talking = talk(&net);
            }
            let reply = ipvsd.reload(&change.file());
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
            println!("{}: {}", change.what, change.ends.words());
        }
        let _ = talking.finish();
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
