//! When checks are made and when they are believed: what a server sees of their pace, and on a real kernel with IPVS what its
//! counters give away, a cable that is pulled, a service that is never emptied.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{Read, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use integration::nat::NatLab;
use integration::subject::servers;
use integration::{Ipvsd, Node, Topology, lab_test, native_test, peers, wait_until};

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

/// When a call came, and whether it was answered well.
type Call = (Instant, bool);

/// A listener at every address of a node, that notes when who was called, and whether it answered well.
struct Called {
    well: Arc<AtomicBool>,
    calls: Arc<Mutex<BTreeMap<u8, Vec<Call>>>>,
}

impl Called {
    /// Answers calls of port 80.
    fn start(node: &Node) -> Self {
        let listener = node.enter(|| TcpListener::bind((Ipv4Addr::UNSPECIFIED, 80))).unwrap();
        let called = Self { well: Arc::new(AtomicBool::new(true)), calls: Arc::default() };
        let (well, calls) = (Arc::clone(&called.well), Arc::clone(&called.calls));
        thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                let now = Instant::now();
                let Ok(SocketAddr::V4(at)) = stream.local_addr() else { continue };
                let well = well.load(Ordering::Relaxed);
                calls.lock().unwrap().entry(at.ip().octets()[3]).or_default().push((now, well));
                thread::spawn(move || {
                    // Who only connects says nothing, and hangs up.
                    if stream.read(&mut [0; 1024]).is_ok_and(|length| length > 0) {
                        let status = if well { "200 Well" } else { "503 Not well" };
                        let _ = write!(stream, "HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
                    }
                });
            }
        });
        called
    }

    /// Waits until each of these was called so often since all are answered like this.
    fn wait(&self, who: &[u8], well: bool, times: usize) {
        let lasting = |calls: &[Call]| calls.iter().rev().take_while(|call| call.1 == well).count();
        self.well.store(well, Ordering::Relaxed);
        wait_until(PATIENCE, &format!("{times} calls of each, answered {well}"), || {
            let calls = self.calls.lock().unwrap();
            who.iter().all(|who| calls.get(who).is_some_and(|calls| lasting(calls) >= times))
        });
    }

    /// From each call of these that was answered like this to the next, in seconds, the shortest first.
    fn gaps(&self, who: &[u8], well: bool) -> Vec<f64> {
        let calls = self.calls.lock().unwrap();
        let pairs = who.iter().flat_map(|who| calls[who].windows(2));
        let mut gaps: Vec<_> =
            pairs.filter(|pair| pair[0].1 == well).map(|pair| (pair[1].0 - pair[0].0).as_secs_f64()).collect();
        gaps.sort_by(f64::total_cmp);
        gaps
    }
}

/// What so many percent of them are at most.
fn percentile(sorted: &[f64], percent: usize) -> f64 {
    sorted[(sorted.len() - 1) * percent / 100]
}

/// A daemon with a service of these servers of `127.0.0.0/8`, each with a check of its own; it need not have IPVS to check them.
fn checking(node: &Node, checks: &[(u8, String)]) -> Ipvsd {
    let mut text = "virtual_server 192.0.2.1 80 {\n lb_algo rr\n lb_kind NAT\n protocol TCP\n".to_owned();
    for (n, check) in checks {
        writeln!(text, " real_server 127.0.0.{n} 80 {{\n {check}\n }}").unwrap();
    }
    text.push_str("}\n");
    Ipvsd::spawn(node, peers::KEEPALIVED_CONF, &text)
}

native_test! {
    /// `jitter` as the servers see it: the waits of a check differ, and by no more than was asked for. Without it they do not. Some
    /// are longer or shorter where the machine is busy, so that it is the bulk of them that counts.
    fn jitter_scatters_the_calls_that_servers_get() {
        let mut lab = Topology::new("jitter");
        let node = lab.node("director");
        let called = Called::start(&node);
        let (scattered, steady) = ([11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22], [31, 32, 33, 34, 35, 36]);
        let check = |more: &str| format!("TCP_CHECK {{ connect_timeout 5\n delay_loop 1\n {more} }}");
        let with = |who: &[u8], more: &str| who.iter().map(|n| (*n, check(more))).collect::<Vec<_>>();
        let _ipvsd = checking(&node, &[with(&scattered, "jitter 40"), with(&steady, "")].concat());
        called.wait(&[&scattered[..], &steady[..]].concat(), true, 8);

        let (scattered, steady) = (called.gaps(&scattered, true), called.gaps(&steady, true));
        println!("with jitter: {scattered:.3?}\nwithout: {steady:.3?}");
        let off = |gaps: &[f64]| {
            let mut off: Vec<_> = gaps.iter().map(|gap| (gap - 1.0).abs()).collect();
            off.sort_by(f64::total_cmp);
            percentile(&off, 50)
        };
        assert!(off(&steady) < 0.1 && off(&scattered) > 0.1, "{} without, {} with", off(&steady), off(&scattered));
        let (short, long) = (percentile(&scattered, 10), percentile(&scattered, 90));
        assert!(short > 0.6 - 0.1 && long < 1.4 + 0.1, "from {short} to {long}: {scattered:.3?}");
    }

    /// Long as the interval may be, at a start each server is called at once, all of them within about a second; with `warmup` those
    /// that clients do not wait for are spread over as long as that says.
    fn first_calls_do_not_wait_for_the_interval() {
        let mut lab = Topology::new("first");
        let node = lab.node("director");
        let called = Called::start(&node);
        let (hasty, patient) = ((1..=150).collect::<Vec<_>>(), (151..=250).collect::<Vec<_>>());
        let (plain, warm) = hasty.split_at(75);
        let check = |more: &str| format!("TCP_CHECK {{ connect_timeout 5\n delay_loop 600\n {more} }}");
        let with = |who: &[u8], more: &str| who.iter().map(|n| (*n, check(more))).collect::<Vec<_>>();
        let _ipvsd = checking(&node, &[with(plain, ""), with(warm, "warmup 6"), with(&patient, "alpha\n warmup 6")].concat());
        called.wait(&[&hasty[..], &patient[..]].concat(), true, 1);
        let spread = |who: &[u8]| {
            let calls = called.calls.lock().unwrap();
            let first = who.iter().map(|who| calls[who][0].0);
            (first.clone().max().unwrap() - first.min().unwrap()).as_secs_f64()
        };
        let (hasty, patient) = (spread(&hasty), spread(&patient));
        println!("from the first to the last: {hasty:.3} s, with warmup {patient:.3} s");
        assert!(hasty < 2.0 && (4.0..8.0).contains(&patient), "{hasty} s, with warmup {patient} s");
    }

    /// `interval_down` as the servers see it: after an answer that is not well the next call comes when that says, be it later or
    /// sooner than a server that is up would be called.
    fn servers_that_are_down_are_called_at_their_own_pace() {
        let mut lab = Topology::new("downpace");
        let node = lab.node("director");
        let called = Called::start(&node);
        let check = |up: &str, down: &str| {
            format!("HTTP_GET {{ url {{ path /\n status_code 200 }}\n connect_timeout 5\n retry 0\n delay_loop {up}\n interval_down {down} }}")
        };
        let (spared, courted) = (11, 12);
        let _ipvsd = checking(&node, &[(spared, check("0.2", "1.2")), (courted, check("1.2", "0.2"))]);
        for well in [true, false, true] {
            called.wait(&[spared, courted], well, 4);
        }
        for (who, well, wait) in
            [(spared, true, 0.2), (spared, false, 1.2), (courted, true, 1.2), (courted, false, 0.2)]
        {
            let gaps = called.gaps(&[who], well);
            let usual = percentile(&gaps, 50);
            println!("{who}, answered {well}: {gaps:.3?}");
            // What a busy machine adds and takes is far less than what lies between the two.
            assert!((wait - 0.5..wait + 0.5).contains(&usual), "{who}, answered {well}: {usual} and not {wait}: {gaps:.3?}");
        }
    }
}

lab_test! {
    /// However many services name a server, it is called as often as one that a single service names; with another pace it is a
    /// check of its own. Its fall is seen by all of them.
    fn a_server_of_many_services_is_called_once_for_all() {
        let mut net = NatLab::new("shared", 2);
        let service = |port: u16, server: u8, check: &str| {
            format!(
                "virtual_server 198.51.100.1 {port} {{\n lb_algo rr\n lb_kind NAT\n protocol TCP\n real_server 10.0.0.{server} 80 \
                 {{\n TCP_CHECK {{ connect_timeout 5\n retry 0\n {check} }}\n }}\n}}\n"
            )
        };
        let conf = |ports: std::ops::RangeInclusive<u16>| {
            ports.map(|port| service(port, 11, "delay_loop 0.5")).collect::<String>() + &service(80, 12, "delay_loop 0.5")
        };
        let of_both = |table: &str| [11, 12].map(|n| table.matches(&format!("-> 10.0.0.{n}:80 ")).count());
        let ipvsd = Ipvsd::start(&net.director, &conf(81..=85));
        ipvsd.wait_table("six services", |table| of_both(table) == [5, 1]);
        // How often the first is called while the other is called ten times.
        let calls = || {
            let before = [0, 1].map(|at: usize| net.servers[at].connections());
            wait_until(PATIENCE, "ten calls", || net.servers[1].connections() >= before[1] + 10);
            let after = [0, 1].map(|at: usize| net.servers[at].connections());
            let calls = [0, 1].map(|at| after[at] - before[at]);
            println!("{calls:?}");
            calls[0] * 10 / calls[1]
        };
        let once = calls();
        assert!((7..=13).contains(&once), "{once} calls for five services, 10 for one");
        assert!(ipvsd.reload(&conf(81..=88)).success());
        ipvsd.wait_table("nine services", |table| of_both(table) == [8, 1]);
        let once = calls();
        assert!((7..=13).contains(&once), "{once} calls for eight services, 10 for one");
        assert!(ipvsd.reload(&(conf(81..=88) + &service(89, 11, "delay_loop 0.51"))).success());
        ipvsd.wait_table("ten services", |table| of_both(table) == [9, 1]);
        let twice = calls();
        assert!((17..=23).contains(&twice), "{twice} calls at two paces, 10 at one");

        net.servers[0].close();
        ipvsd.wait_table("none of it", |table| of_both(table) == [0, 1]);
        net.servers[0].open();
        ipvsd.wait_table("all of it", |table| of_both(table) == [9, 1]);
    }

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
