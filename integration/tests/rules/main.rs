//! The rules by which servers carry traffic, on a real kernel: a quorum that is lost and won, a sorry server that takes over
//! and gives back, checks that rest while the address is elsewhere, and who is told; beside keepalived where it can be.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod beside;

use std::fs;
use std::net::TcpStream;
use std::time::Duration;

use integration::nat::NatLab;
use integration::traffic::{Conversations, EchoServer};
use integration::{Ipvsd, lab_test, wait_until};

const PATIENCE: Duration = Duration::from_secs(30);

/// `ipvsadm -Ln` has exactly these servers of `10.0.0.0/24`, each with its weight.
fn is(table: &str, wished: &[(&str, &str)]) -> bool {
    let row = |line: &str| {
        let words: Vec<_> = line.split_whitespace().collect();
        match words.as_slice() {
            ["->", server, _, weight, ..] if server.starts_with("10.0.0.") => {
                Some((server.to_string(), weight.to_string()))
            }
            _ => None,
        }
    };
    let mut found: Vec<_> = table.lines().filter_map(row).collect();
    found.sort();
    found.iter().map(|(server, weight)| (server.as_str(), weight.as_str())).eq(wished.iter().copied())
}

/// A script that writes its word into a file, and how often `words` are in it by now.
struct Notes(tempfile::TempDir);

impl Notes {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// Writes slowly where `slow`: what comes after it waits for it.
    fn script(&self, word: &str, slow: bool) -> String {
        let pause = if slow { "sleep 0.3; " } else { "" };
        format!("\"/bin/sh -c '{pause}echo {word} $# >> {}'\"", self.0.path().join("notes").display())
    }

    fn read(&self) -> Vec<String> {
        let text = fs::read_to_string(self.0.path().join("notes")).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    #[track_caller]
    fn wait(&self, what: &str, wished: &[&str]) {
        wait_until(PATIENCE, &format!("{what}: {wished:?}, not {:?}", self.read()), || self.read() == wished);
    }
}

/// The quorum is lost: the sorry server takes new connections, and no open one is cut off, neither then nor when the
/// servers are back: those that the sorry server has it finishes. Scripts are run in order, one after the other.
fn the_sorry_server_takes_over_and_gives_back() {
    let mut net = NatLab::new("sorry", 3);
    let echoes: Vec<_> =
        (1..).zip(&net.nodes).map(|(n, node)| EchoServer::start(node, format!("10.0.0.{}:7", 10 + n))).collect();
    let notes = Notes::new();
    // The web port is what is checked, the echo port is what is served: the check can fail while connections live.
    let server = |n: u8| {
        format!(
            "real_server 10.0.0.{n} 7 {{\n inhibit_on_failure\n notify_up {}\n notify_down {}\n TCP_CHECK {{ connect_port 80\n \
         connect_timeout 1\n retry 0\n delay_loop 0.2 }}\n }}\n",
            notes.script(&format!("up-{n}"), true),
            notes.script(&format!("down-{n}"), true),
        )
    };
    let conf = format!(
        "virtual_server 198.51.100.1 7 {{\n lb_algo rr\n lb_kind NAT\n protocol TCP\n delay_loop 1\n quorum 2\n \
         sorry_server 10.0.0.13 7\n quorum_up {}\n quorum_down {}\n {}{}}}\n",
        notes.script("quorum-up", false),
        notes.script("quorum-down", false),
        server(11),
        server(12),
    );
    let ipvsd = Ipvsd::start(&net.director, &conf);
    ipvsd.wait_table("both", |table| is(table, &[("10.0.0.11:7", "1"), ("10.0.0.12:7", "1")]));
    notes.wait("a start", &["quorum-up 0"]);
    let service = "198.51.100.1:7".parse().unwrap();
    let talk = Conversations::open(&net.client, None, service, 8, Duration::from_millis(20));
    talk.wait_all_alive(PATIENCE, 2);
    assert_eq!([echoes[0].open_connections(), echoes[1].open_connections()], [4, 4]);

    net.servers[1].close();
    ipvsd.wait_table("the sorry server", |table| {
        is(table, &[("10.0.0.11:7", "0"), ("10.0.0.12:7", "0"), ("10.0.0.13:7", "1")])
    });
    notes.wait("a loss", &["quorum-up 0", "down-12 0", "quorum-down 0"]);
    talk.wait_all_alive(PATIENCE, 3);
    let later = Conversations::open(&net.client, None, service, 4, Duration::from_millis(20));
    later.wait_all_alive(PATIENCE, 2);
    assert_eq!(echoes[2].open_connections(), 4, "new connections go to the sorry server alone");
    ipvsd.wait_show("the loss", |snapshot| {
        let service = &snapshot["balancer"]["services"][0];
        service["quorum"]["lost"] == true && service["quorum"]["sorry_server"] == "10.0.0.13:7"
    });
    let shown = ipvsd.ctl(&["show"]).stdout;
    assert!(shown.contains("the quorum of 2 is lost: sorry server 10.0.0.13:7 takes new connections"), "{shown}");

    net.servers[1].open();
    ipvsd.wait_table("both again, and the sorry server with what it has", |table| {
        is(table, &[("10.0.0.11:7", "1"), ("10.0.0.12:7", "1"), ("10.0.0.13:7", "0")])
    });
    notes.wait("a gain", &["quorum-up 0", "down-12 0", "quorum-down 0", "up-12 0", "quorum-up 0"]);
    talk.wait_all_alive(PATIENCE, 3);
    assert_eq!(later.broken(), Vec::<String>::new());
    ipvsd.wait_show("the sorry server that leaves", |snapshot| {
        let servers = snapshot["balancer"]["services"][0]["servers"].as_array().unwrap();
        servers.iter().any(|server| server["health"] == "sorry" && server["hold"]["state"] == "leaving")
    });
    // Needed again in between: it takes connections again, and those that it has go on.
    net.servers[1].close();
    ipvsd.wait_table("the sorry server again", |table| {
        is(table, &[("10.0.0.11:7", "0"), ("10.0.0.12:7", "0"), ("10.0.0.13:7", "1")])
    });
    talk.wait_all_alive(PATIENCE, 3);
    later.wait_all_alive(PATIENCE, 3);
    net.servers[1].open();
    assert_eq!(later.finish().broken, Vec::<String>::new());
    // The kernel remembers for two minutes those that were closed, and its time is 30 s.
    wait_until(2 * PATIENCE, "the sorry server gone", || {
        is(&net.director.ipvs_table(), &[("10.0.0.11:7", "1"), ("10.0.0.12:7", "1")])
    });
    talk.wait_all_alive(PATIENCE, 3);
    assert_eq!(talk.finish().broken, Vec::<String>::new());
    ipvsd.stop();
    assert!(!net.director.ipvs_table().contains("10.0.0."), "the sorry server is ours too");
}

/// A daemon that is killed while the sorry server is in charge, and started again: nobody notices.
fn a_restart_leaves_the_sorry_server_in_charge() {
    let mut net = NatLab::new("sorryagain", 2);
    let check = "TCP_CHECK { connect_timeout 1\n retry 0\n delay_loop 0.2 }";
    let conf = net.conf("rr", "delay_loop 1\n sorry_server 10.0.0.12 80", check);
    let conf = conf.replacen(
        "  real_server 10.0.0.12 80 {\n    TCP_CHECK { connect_timeout 1\n retry 0\n delay_loop 0.2 }\n  }\n",
        "",
        1,
    );
    assert_eq!(conf.matches("real_server").count(), 1, "{conf}");
    net.servers[0].close();
    let mut ipvsd = Ipvsd::start(&net.director, &conf);
    ipvsd.wait_table("the sorry server", |table| is(table, &[("10.0.0.12:80", "1")]));
    ipvsd.kill();
    let before = net.director.ipvs_table();
    ipvsd.spawn_again();
    ipvsd.wait_answering();
    ipvsd.wait_show("a check that has failed", |snapshot| {
        snapshot["balancer"]["services"][0]["servers"][0]["health"] == "down"
    });
    assert_eq!(ipvsd.show()["balancer"]["steps_applied"], 0, "{}", ipvsd.daemon().log());
    assert_eq!(net.director.ipvs_table(), before);
}

/// `ha_suspend`: no check while none of a group's addresses is here, and at once when one comes.
fn checks_rest_while_the_address_is_elsewhere() {
    let net = NatLab::new("rest", 1);
    let conf = "virtual_server_group g {\n 198.51.100.77 80\n 198.51.100.78 80\n}\nvirtual_server group g {\n delay_loop 1\n \
                lb_algo rr\n lb_kind NAT\n protocol TCP\n ha_suspend\n alpha\n real_server 10.0.0.11 80 {\n TCP_CHECK { \
                connect_timeout 1\n retry 0\n delay_loop 0.1 }\n }\n}\n";
    // Its like on an address that is here is checked all the time, by a check of its own: one that both had would go on.
    let conf = format!("{conf}{}", net.conf("rr", "", "TCP_CHECK { connect_timeout 1\n retry 0\n delay_loop 0.11 }"));
    let ipvsd = Ipvsd::start(&net.director, &conf);
    let resting =
        |wished: bool| move |snapshot: &serde_json::Value| snapshot["balancer"]["services"][0]["resting"] == wished;
    ipvsd.wait_show("rest", resting(true));
    let runs = |service: usize| {
        ipvsd.show()["balancer"]["services"][service]["servers"][0]["checks"][0]["runs"].as_u64().unwrap()
    };
    // Both addresses of the group come before the other service.
    let wait_checks = |what: &str| {
        let before = runs(2);
        wait_until(PATIENCE, what, || runs(2) >= before + 10);
    };
    wait_checks("ten checks of the other service");
    assert_eq!(runs(0), 0);
    net.director.command("ip").args(["addr", "add", "198.51.100.78/32", "dev", "eth0"]).ok();
    let all = [("10.0.0.11:80", "1"); 3];
    ipvsd.wait_table("the server everywhere", |table| is(table, &all));
    ipvsd.wait_show("no rest", resting(false));
    net.director.command("ip").args(["addr", "del", "198.51.100.78/32", "dev", "eth0"]).ok();
    ipvsd.wait_show("rest again", resting(true));
    let done = runs(0);
    wait_checks("ten more");
    // One that had begun may have ended.
    assert!(runs(0) <= done + 1, "{} after {done}", runs(0));
    let shown = ipvsd.ctl(&["show"]).stdout;
    assert!(shown.contains("checks rest: the service's address is elsewhere"), "{shown}");
    assert!(is(&net.director.ipvs_table(), &all), "what was found out holds");
}

/// Thresholds that a reload brings count at once, and no connection notices.
fn thresholds_change_in_place() {
    let net = NatLab::new("thresholds", 1);
    let _echo = EchoServer::start(&net.nodes[0], "10.0.0.11:7");
    let conf = |most: u8, least: u8| {
        format!(
            "virtual_server 198.51.100.1 7 {{\n lb_algo rr\n lb_kind NAT\n protocol TCP\n delay_loop 1\n real_server 10.0.0.11 7 {{\n \
             uthreshold {most}\n lthreshold {least}\n TCP_CHECK {{ connect_port 80\n connect_timeout 1 }}\n }}\n}}\n"
        )
    };
    let ipvsd = Ipvsd::start(&net.director, &conf(2, 1));
    let are = |most: &str, least: &str| {
        let table = net.director.command("ipvsadm").args(["-Ln", "--thresholds"]).ok();
        let mut rows = table.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
        rows.any(|row| row.starts_with(&["->", "10.0.0.11:7", most, least]))
    };
    wait_until(PATIENCE, "the server", || are("2", "1"));
    let service = "198.51.100.1:7".parse().unwrap();
    let talk = Conversations::open(&net.client, None, service, 2, Duration::from_millis(20));
    talk.wait_all_alive(PATIENCE, 2);
    let connect = |patience| net.client.enter(|| TcpStream::connect_timeout(&service, patience).map(drop));
    connect(Duration::from_millis(300)).expect_err("two is the most");
    let before = ipvsd.show()["balancer"]["steps_applied"].as_u64().unwrap();
    assert!(ipvsd.reload(&conf(5, 3)).success());
    assert!(are("5", "3"));
    assert_eq!(ipvsd.show()["balancer"]["steps_applied"].as_u64().unwrap(), before + 1, "one edit");
    connect(PATIENCE).expect("five is the most");
    talk.wait_all_alive(PATIENCE, 2);
    assert_eq!(talk.finish().broken, Vec::<String>::new());
}

lab_test! {
    /// One boot for them all.
    fn servers_together() {
        the_sorry_server_takes_over_and_gives_back();
        a_restart_leaves_the_sorry_server_in_charge();
        checks_rest_while_the_address_is_elsewhere();
        thresholds_change_in_place();
    }

    /// keepalived and ipvsd, side by side.
    fn both_programs_do_and_tell_the_same() {
        beside::scene();
    }

    /// The same of a start.
    fn both_programs_tell_the_same_of_a_start() {
        beside::start_is_told();
    }
}
