//! When checks are made and when they are believed, on a real kernel with IPVS: what its counters give away, a cable that is
//! pulled, a service that is never emptied.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::cell::RefCell;
use std::net::TcpStream;
use std::time::Duration;

use integration::nat::NatLab;
use integration::subject::servers;
use integration::{Ipvsd, lab_test, wait_until};

const PATIENCE: Duration = Duration::from_secs(60);
const QUICK_CHECK: &str = "TCP_CHECK { connect_timeout 1\n retry 0\n delay_loop 0.2 }";

fn present(table: &str) -> Vec<u8> {
    (11..=19).filter(|n| table.contains(&format!("-> 10.0.0.{n}:80 "))).collect()
}

/// What is said when silence is in doubt, when somebody answers after all, and when nobody does.
const HELD: &str = "none is taken out before a second look";
const ANSWERED: &str = "servers answer at the second look";
const BELIEVED: &str = "silent at the second look too";

/// Checks whose verdicts are held.
fn held(snapshot: &serde_json::Value) -> u64 {
    snapshot["balancer"]["held_checks"].as_u64().unwrap()
}

/// So many servers behind one switch, all of them in the table, by their last numbers.
fn behind_one_switch(name: &str, count: u8, service: &str, check: &str) -> (NatLab, Ipvsd, Vec<u8>) {
    let net = NatLab::new(name, count);
    // Neighbours are known for as long as the test takes: the kernel would say itself, after a while, that nobody is there.
    net.director.set_sysctl("net.ipv4.neigh.eth1.base_reachable_time_ms", "3600000");
    let ipvsd = Ipvsd::start(&net.director, &net.conf("rr", service, check));
    let all: Vec<_> = (11..11 + count).collect();
    ipvsd.wait_table("all servers", |table| present(table) == all);
    (net, ipvsd, all)
}

lab_test! {
    /// A server whose answers get lost is checked long before its turn: the kernel has counted that nothing comes back.
    fn a_server_that_answers_nobody_is_checked_before_its_turn() {
        let net = NatLab::new("mute", 1);
        let ipvsd = Ipvsd::start(&net.director, &net.conf("rr", "delay_loop 1000", "TCP_CHECK { connect_timeout 1 }"));
        ipvsd.wait_table("one server", |table| present(table) == [11]);
        let runs = || servers(&ipvsd.show())[0]["checks"][0]["runs"].as_u64();
        assert_eq!(runs(), Some(1));
        assert_eq!(net.asker().tally(net.service(), 3).len(), 1, "it answers");
        net.nodes[0].add_route("blackhole 198.51.100.0/24");
        wait_until(PATIENCE, "a second check", || {
            net.client.enter(|| TcpStream::connect_timeout(&net.service(), Duration::from_millis(100)).unwrap_err());
            runs() >= Some(2)
        });
        assert_eq!(servers(&ipvsd.show())[0]["health"], "up", "only the check decides, and to us it answers");
    }

    /// All servers behind one cable: while it is out for a moment nothing is taken out, and connections would live on.
    fn a_cable_that_is_pulled_for_a_moment_costs_no_server() {
        let net = NatLab::new("cable", 6);
        let slower = "TCP_CHECK { connect_timeout 2\n retry 1\n delay_before_retry 1\n delay_loop 0.5 }";
        let ipvsd = Ipvsd::start(&net.director, &net.conf("rr", "delay_loop 1", slower));
        ipvsd.wait_table("six servers", |table| present(table).len() == 6);
        let link = |state: &str| net.director.command("ip").args(["link", "set", "eth1", state]).ok();
        link("down");
        ipvsd.wait_show("failures at all servers", |snapshot| {
            servers(snapshot).iter().all(|server| server["checks"][0]["not_tried"].as_u64() > Some(0))
        });
        link("up");
        let runs = |snapshot: &serde_json::Value| -> Vec<_> {
            servers(snapshot).iter().map(|server| server["checks"][0]["runs"].as_u64()).collect()
        };
        let before = runs(&ipvsd.show());
        ipvsd.wait_show("checks that go on", |snapshot| {
            runs(snapshot).iter().zip(&before).all(|(now, before)| now > before)
        });
        // Without a route a server stays for five tries, a second apart; a machine may be slower than that.
        let end = ipvsd.show();
        if servers(&end).iter().all(|server| server["checks"][0]["not_tried"].as_u64() <= Some(5)) {
            assert_eq!(end["balancer"]["steps_applied"], 7, "the service and six servers, once");
        }
        ipvsd.wait_table("all six", |table| present(table).len() == 6);
    }

    /// Nothing comes back from anybody, and no interface notices: nobody is taken out before a second look, and where the path is
    /// back by then nobody ever was. Two servers are enough to tell.
    fn a_silence_of_all_that_passes_costs_no_server() {
        for count in [2, 6] {
            let check = "TCP_CHECK { connect_timeout 6\n retry 1\n delay_before_retry 1\n delay_loop 1 }";
            let (net, ipvsd, all) = behind_one_switch(&format!("silence{count}"), count, "delay_loop 1", check);
            net.back.isolate(&net.director);
            ipvsd.wait_show("a hold", |snapshot| held(snapshot) > 0);
            net.back.rejoin(&net.director);
            ipvsd.daemon().wait_log(PATIENCE, ANSWERED);
            ipvsd.wait_show("checks that say well", |snapshot| {
                let checks = servers(snapshot).iter().map(|server| &server["checks"][0]["reason"]);
                held(snapshot) == 0 && checks.clone().all(|reason| reason == "accepts the connection")
            });
            assert_eq!(present(&net.director.ipvs_table()), all);
            let end = ipvsd.show();
            assert_eq!(end["balancer"]["steps_applied"], u64::from(count) + 1, "the service and its servers, once");
            let log = ipvsd.daemon().log();
            assert_eq!((log.matches(HELD).count(), log.contains(" is down: ")), (1, false), "{log}");
        }
    }

    /// It stays so: second looks say the same, all count as down together, and what the floor asks for stays.
    fn a_silence_of_all_that_lasts_is_believed_and_the_floor_holds() {
        let check = "TCP_CHECK { connect_timeout 2\n retry 1\n delay_before_retry 1\n delay_loop 1 }";
        let (net, ipvsd, all) = behind_one_switch("lasting", 6, "floor 2\n delay_loop 1", check);
        net.back.isolate(&net.director);
        ipvsd.wait_show("all of them down", |snapshot| servers(snapshot).iter().all(|server| server["health"] == "down"));
        ipvsd.wait_table("what the floor asks for", |table| present(table).len() == 2);
        let log = ipvsd.daemon().log();
        let place = |text: &str| log.find(text).unwrap_or_else(|| panic!("no `{text}` in\n{log}"));
        assert!(place(HELD) < place(BELIEVED) && place(BELIEVED) < place(" is down: "), "{log}");
        net.back.rejoin(&net.director);
        ipvsd.wait_table("all of them again", |table| present(table) == all);
    }

    /// A server that is back gets its weight in steps, and is not overrun.
    fn a_server_that_returns_starts_slowly() {
        let mut net = NatLab::new("slow", 2);
        let ipvsd = Ipvsd::start(
            &net.director,
            &net.conf("wlc", "slow_start 20\n delay_loop 1", &format!("weight 110\n {QUICK_CHECK}")),
        );
        let weight = |table: &str| -> Option<u32> {
            let row = table.lines().find(|line| line.contains("-> 10.0.0.11:80 "))?;
            row.split_whitespace().nth(3)?.parse().ok()
        };
        let both = |table: &str| weight(table) == Some(110) && present(table) == [11, 12];
        ipvsd.wait_table("two servers with all of their weight, at a start", both);
        net.servers[0].close();
        ipvsd.wait_table("one server", |table| present(table) == [12]);
        net.servers[0].open();
        let seen = RefCell::new(Vec::new());
        ipvsd.wait_table("both again, after a while", |table| {
            seen.borrow_mut().extend(weight(table));
            both(table)
        });
        let mut seen = seen.into_inner();
        seen.dedup();
        println!("weights seen: {seen:?}");
        assert!(seen.is_sorted() && seen[0] <= 50 && seen.len() >= 4, "{seen:?}");
        assert!(seen.iter().all(|weight| weight % 10 == 0), "ten steps and the last: {seen:?}");
    }

    /// So many in a row, up and down, and not one less: whatever is seen of a server fits what its check has counted.
    fn rise_and_fall_are_counted() {
        let mut net = NatLab::new("risefall", 2);
        let check = "TCP_CHECK { connect_timeout 1\n rise 3\n fall 4\n jitter 30\n delay_before_retry 0.3\n delay_loop 0.3 }";
        let ipvsd = Ipvsd::start(&net.director, &net.conf("rr", "delay_loop 1", check));
        ipvsd.wait_table("two servers", |table| present(table) == [11, 12]);
        let state = |snapshot: &serde_json::Value| {
            let server = &servers(snapshot)[0];
            let count = |name: &str| server["checks"][0][name].as_u64().unwrap();
            (server["health"] == "up", count("runs") - count("failures"), count("failures"))
        };
        let (_, _, failures) = state(&ipvsd.show());
        net.servers[0].close();
        ipvsd.wait_show("four failures", |snapshot| {
            let (up, _, now) = state(snapshot);
            assert_eq!(up, now - failures < 4, "after {} failures", now - failures);
            !up
        });
        ipvsd.wait_table("one server", |table| present(table) == [12]);
        let (_, successes, _) = state(&ipvsd.show());
        net.servers[0].open();
        ipvsd.wait_show("three successes", |snapshot| {
            let (up, now, _) = state(snapshot);
            assert_eq!(up, now - successes >= 3, "after {} successes", now - successes);
            up
        });
        ipvsd.wait_table("both", |table| present(table) == [11, 12]);
    }

    /// With a floor the last server to fail stays, and is shown as what it is.
    fn a_floor_keeps_a_server_that_failed() {
        let mut net = NatLab::new("floor", 2);
        let ipvsd = Ipvsd::start(&net.director, &net.conf("rr", "floor 1\n delay_loop 1", QUICK_CHECK));
        ipvsd.wait_table("two servers", |table| present(table) == [11, 12]);
        net.servers[0].close();
        ipvsd.wait_table("one server", |table| present(table) == [12]);
        net.servers[1].close();
        ipvsd.wait_show("both down", |snapshot| servers(snapshot).iter().all(|server| server["health"] == "down"));
        ipvsd.wait_table("the last one still", |table| present(table) == [12]);
        let reason = servers(&ipvsd.show())[1]["reason"].as_str().unwrap().to_owned();
        assert!(reason.contains("floor"), "{reason}");
    }
}
