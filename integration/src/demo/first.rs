//! Act one: `002-first.conf`. VRRP version 3 with `nopreempt`; NAT with persistence; servers and directors are the same
//! three machines.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use crate::web::WebClient;

use super::kube::{Kube, VIP};
use super::stage::seconds;
use super::stream::{Stream, Tally};
use super::{Director, LONG, PAUSE, Stage, lines_with, seed, show_logs, table};

const FILE: &str = "002-first.conf";
/// Entries of the table that the file describes: a service and three servers.
const ENTRIES: usize = 4;
/// `delay_loop 5`, a retry, and time for slow machines.
const CHECKED: Duration = Duration::from_secs(20);
/// `fall 2` at `interval 1`, three adverts and the skew: by then a VIP that can move has moved.
const WOULD_HAVE_MOVED: Duration = Duration::from_secs(8);
/// Of the client addresses, those that ask from the start; the rest are kept for later, since persistence of 1800 s
/// ties an address to its server for longer than the play.
const EARLY: usize = 12;
/// Requests that must be answered before a state counts as good.
const ENOUGH: usize = 60;
/// What `ipvsctl check` says of a weight that moves nothing.
const NEVER: &str = "can never move the addresses";
/// Settings that the document sets by hand, and ipvsd by itself.
const SYSCTLS: [&str; 2] = ["net.ipv4.ip_forward", "net.ipv4.ip_nonlocal_bind"];

/// Plays the act.
pub fn play(stage: &mut Stage, director: Director) {
    stage.act(
        1,
        "examples/seeds/002-first.conf on three machines: VRRP 3, nopreempt, NAT, persistence",
        &[
            "kube-1, kube-2, kube-3: em1 with 192.168.10.80, .81, .82. Each runs HAProxy on :8443 before the API servers on",
            ":6443, and directs 192.168.10.99:8443 to all three. Clients ask from 198.51.100.10 to .33; replies go back",
            "through the director (on each machine: ip rule from ITSELF sport 8443 lookup 100, default via 192.168.10.99).",
            "HAProxy's own configuration is the document's too, with three servers of one name told apart for HAProxy 2.6.",
        ],
    );
    let since = Instant::now();
    let mut kube = Kube::build("first");
    stage.note(&format!(
        "three machines with HAProxy and API servers, and one for clients: up after {}",
        seconds(since.elapsed())
    ));
    let failures = stage.failures();
    scenes(stage, director, &mut kube);
    if stage.failures() > failures {
        for machine in &kube.machines {
            show_logs(stage, director, &machine.node);
        }
    }
}

fn scenes(stage: &mut Stage, director: Director, kube: &mut Kube) -> Option<()> {
    let advice = read_the_file(stage, director, kube);
    start(stage, director, kube)?;
    balance(stage, director, kube)?;
    let stream = Stream::start(&kube.client, &kube.clients[..EARLY], SocketAddr::V4(Kube::service()), PAUSE);
    lose_a_server(stage, kube, &stream)?;
    lose_haproxy_on_the_master(stage, director, kube, &stream, &advice)?;
    let dead = lose_the_master(stage, director, kube, &stream)?;
    come_back(stage, director, kube, &stream, dead)?;
    stream.finish();
    stop(stage, director, kube);
    Some(())
}

fn read_the_file(stage: &mut Stage, director: Director, kube: &Kube) -> String {
    stage.step("What is there to say about the file?");
    let (command, said) = director.check(&kube.machines[0].node, &format!("examples/seeds/{FILE}"));
    stage.show(&command, &said);
    if director == Director::Ipvsd {
        let plain = said.contains(NEVER);
        stage.check(plain, "it says that under nopreempt the weight of -5 can never move the address", None);
    }
    said
}

fn start(stage: &mut Stage, director: Director, kube: &mut Kube) -> Option<()> {
    stage.step(&format!("Start {} on all three", director.name()));
    let configuration = seed(FILE);
    let since = Instant::now();
    for machine in &mut kube.machines {
        machine.director = Some(director.start(&machine.node, &configuration));
    }
    let all = |kube: &Kube| {
        let counts: Vec<_> = kube.machines.iter().map(|machine| table::entries(&machine.node)).collect();
        if counts.iter().all(|&count| count == ENTRIES) { Ok(()) } else { Err(format!("entries: {counts:?}")) }
    };
    stage.wait(
        "the tables",
        since,
        LONG,
        || all(kube),
        |()| format!("IPVS tables programmed on all three: {ENTRIES} entries each (1 service, 3 servers that answer)"),
    )?;
    if director == Director::Ipvsd {
        let (all, words) = sysctls(kube, "1");
        stage.check(all, &format!("{words} on all three (were 0)"), None);
    }
    stage.wait(
        "a master",
        since,
        LONG,
        || kube.holder(),
        |&at| format!("{} is MASTER and has {VIP}", kube.machines[at].node.name()),
    )?;
    Some(())
}

fn balance(stage: &mut Stage, director: Director, kube: &Kube) -> Option<()> {
    stage.step("Requests through the virtual address");
    let master = &kube.machines[kube.holder().ok()?];
    stage.did(&format!("{EARLY} client addresses ask twice each"));
    let since = Instant::now();
    let tally = ask(kube, &kube.clients[..EARLY], 2);
    stage.check(tally.is_clean(), &format!("{tally} (by API server)"), Some(since.elapsed()));
    let choices = table::choices(&master.node, Kube::service());
    let mut shares: BTreeMap<String, usize> =
        kube.machines.iter().map(|machine| (machine.node.name().to_owned(), 0)).collect();
    for server in choices.values().flatten() {
        *shares.entry(kube.name_of(*server)).or_default() += 1;
    }
    let words: Vec<_> = shares.iter().map(|(name, count)| format!("{name} {count}")).collect();
    let spread = shares.values().all(|&count| count > 0);
    stage.check(
        spread,
        &format!("all three HAProxies have their share of client addresses: {}", words.join(", ")),
        None,
    );
    let faithful = choices.len() == EARLY && choices.values().all(|servers| servers.len() == 1);
    stage.check(faithful, "each client address stays with one server (persistence_timeout 1800)", None);
    let (command, said) = director.show(&master.node);
    stage.show(&command, &said);
    Some(())
}

fn lose_a_server(stage: &mut Stage, kube: &mut Kube, stream: &Stream) -> Option<()> {
    stage.step("A real server dies, and comes back");
    let holder = kube.holder().ok()?;
    let victim = (holder + 1) % 3;
    let (address, name) = (kube.machines[victim].address, kube.machines[victim].node.name().to_owned());
    stage.did(&format!("kill -9 HAProxy on {name} (a backup), while {EARLY} addresses go on asking"));
    let since = Instant::now();
    kube.machines[victim].haproxy.kill();
    let swapped_out =
        format!("TCP_CHECK noticed: {address} is out of the table of {}", kube.machines[holder].node.name());
    stage.wait(
        "the dead server out of the table",
        since,
        CHECKED,
        || absent(kube, holder, victim),
        |()| swapped_out,
    )?;
    stage.note(&format!("until then: {}", stream.between(since, Instant::now())));
    let tally = stream.next(ENOUGH, LONG);
    stage.check(tally.is_clean(), &format!("from then on: {tally}"), None);

    stage.did(&format!("start HAProxy on {name} again"));
    let since = Instant::now();
    kube.machines[victim].start_haproxy();
    let swapped_in = format!("{address} is back in the table");
    stage.wait("the server back in the table", since, CHECKED, || present(kube, holder, victim), |()| swapped_in)?;
    let fresh = &kube.clients[EARLY..];
    let tally = ask(kube, fresh, 1);
    let served = table::choices(&kube.machines[holder].node, Kube::service());
    let count = fresh
        .iter()
        .filter(|client| matches!(client, IpAddr::V4(ip) if served.get(ip).is_some_and(|to| to.contains(&address))))
        .count();
    stage.check(
        tally.is_clean() && count > 0,
        &format!("{} new client addresses, {count} of them sent to {name}: {tally}", fresh.len()),
        None,
    );
    Some(())
}

fn lose_haproxy_on_the_master(
    stage: &mut Stage,
    director: Director,
    kube: &Kube,
    stream: &Stream,
    advice: &str,
) -> Option<()> {
    stage.step("HAProxy stops on the master: under nopreempt the address stays");
    let holder = kube.holder().ok()?;
    let machine = &kube.machines[holder];
    let name = machine.node.name();
    stage.did(&format!("stop HAProxy on {name}"));
    let since = Instant::now();
    machine.haproxy.stop(LONG);
    if director == Director::Ipvsd {
        stage.wait(
            "the priority",
            since,
            LONG,
            || priority(director, kube, holder, 95),
            |()| format!("check_haproxy failed twice: {name} now advertises priority 95 instead of 100"),
        );
    }
    stage.wait(
        "its own server out of the table",
        since,
        CHECKED,
        || absent(kube, holder, holder),
        |()| format!("its own server {} is out of the table", machine.address),
    );
    stage.note(&format!("until then: {}", stream.between(since, Instant::now())));
    stage.holds(
        &format!("the address is still on {name}, long after it could have moved"),
        since,
        WOULD_HAVE_MOVED,
        || match kube.holder() {
            Ok(at) if at == holder => Ok(()),
            Ok(at) => Err(format!("it moved to {}", kube.machines[at].node.name())),
            Err(seen) => Err(seen),
        },
    );
    let quote = lines_with(advice, NEVER);
    if !quote.is_empty() {
        stage.show("as `ipvsctl check` had said:", &quote);
    }
    let tally = stream.next(ENOUGH, LONG);
    stage.check(tally.is_clean(), &format!("requests go on through it: {tally}"), None);
    Some(())
}

fn lose_the_master(stage: &mut Stage, director: Director, kube: &mut Kube, stream: &Stream) -> Option<usize> {
    stage.step(&format!("{} on the master is killed", director.name()));
    let dead = kube.holder().ok()?;
    let name = kube.machines[dead].node.name().to_owned();
    stage.did(&format!("kill -9 {} on {name}", director.name()));
    let since = Instant::now();
    if let Some(daemon) = &kube.machines[dead].director {
        director.kill(&kube.machines[dead].node, daemon);
    }
    let (now, _) = stage.wait(
        "a new master",
        since,
        LONG,
        || kube.holder(),
        |&at| format!("three adverts missed: {} is MASTER and has {VIP}", kube.machines[at].node.name()),
    )?;
    let new = &kube.machines[now].node;
    stage.wait(
        "requests through the new master",
        since,
        LONG,
        || reached(kube, now),
        |()| format!("clients follow: first request through {}", new.name()),
    );
    stage.note(&format!(
        "since the kill (the kernel of {name} went on alone): {}",
        stream.between(since, Instant::now())
    ));
    let tally = stream.next(ENOUGH, LONG);
    stage.check(tally.is_clean(), &format!("from then on: {tally}"), None);
    let (command, said) = director.show(new);
    stage.show(&command, &said);
    Some(dead)
}

fn come_back(stage: &mut Stage, director: Director, kube: &mut Kube, stream: &Stream, dead: usize) -> Option<()> {
    let name = kube.machines[dead].node.name().to_owned();
    stage.step(&format!("{name} returns, and lets the address be"));
    let left = if kube.machines[dead].holds_vip() { "still has" } else { "no longer has" };
    stage.note(&format!("{name} {left} the address that the killed process could not take off"));
    let holder = kube.holder().ok()?;
    stage.did(&format!("start HAProxy and {} on {name} again", director.name()));
    let since = Instant::now();
    kube.machines[dead].start_haproxy();
    kube.machines[dead].director = Some(director.start(&kube.machines[dead].node, &seed(FILE)));
    stage.wait(
        "the leftover address gone",
        since,
        LONG,
        || if kube.machines[dead].holds_vip() { Err(format!("{name} has {VIP}")) } else { Ok(()) },
        |()| format!("{name} has taken off the leftover {VIP}"),
    );
    stage.wait(
        "its server back in the tables",
        since,
        CHECKED,
        || present(kube, holder, dead),
        |()| format!("its server is back in the table of {}", kube.machines[holder].node.name()),
    );
    let master = kube.machines[holder].node.name();
    stage.holds(&format!("{master} stays MASTER after {name} returned"), since, WOULD_HAVE_MOVED, || {
        match kube.holder() {
            Ok(at) if at == holder => Ok(()),
            Ok(at) => Err(format!("the address moved to {}", kube.machines[at].node.name())),
            Err(seen) => Err(seen),
        }
    });
    let tally = stream.between(since, Instant::now());
    stage.check(tally.is_clean(), &format!("meanwhile: {tally}"), None);
    Some(())
}

fn stop(stage: &mut Stage, director: Director, kube: &Kube) {
    stage.step("A clean stop leaves nothing behind");
    stage.did(&format!("SIGTERM to {} on all three, the master last", director.name()));
    let since = Instant::now();
    let holder = kube.holder().unwrap_or(0);
    for at in [(holder + 1) % 3, (holder + 2) % 3, holder] {
        if let Some(daemon) = &kube.machines[at].director {
            daemon.stop(LONG);
        }
    }
    let time = since.elapsed();
    let addresses = kube.machines.iter().filter(|machine| machine.holds_vip()).count();
    let entries: usize = kube.machines.iter().map(|machine| table::entries(&machine.node)).sum();
    let text = format!("stopped: {addresses} virtual addresses and {entries} table entries left on the three");
    stage.check(addresses == 0 && entries == 0, &text, Some(time));
    if director == Director::Ipvsd {
        let (all, words) = sysctls(kube, "0");
        stage.check(all, &format!("{words} on all three, as before"), None);
    }
}

/// Whether the settings have a value on all machines, and in words.
fn sysctls(kube: &Kube, value: &str) -> (bool, String) {
    let on_all = |name: &str| kube.machines.iter().all(|machine| machine.node.sysctl(name) == value);
    let words = SYSCTLS.map(|name| format!("{name} = {}", kube.machines[0].node.sysctl(name)));
    (SYSCTLS.into_iter().all(on_all), words.join(" and "))
}

/// Requests from each of the addresses.
fn ask(kube: &Kube, from: &[IpAddr], times: usize) -> Tally {
    let mut tally = Tally::default();
    for _ in 0..times {
        for &address in from {
            let answer = WebClient::new(&kube.client).from(address).ask(SocketAddr::V4(Kube::service()));
            tally.add(&answer.map(|answer| answer.body).map_err(|error| error.kind().to_string()));
        }
    }
    tally
}

/// The server on machine `server` is in the table of machine `at`.
fn present(kube: &Kube, at: usize, server: usize) -> Result<(), String> {
    let servers = table::servers(&kube.machines[at].node);
    if servers.contains(&kube.machines[server].address) { Ok(()) } else { Err(format!("the table has {servers:?}")) }
}

/// The server on machine `server` is not in the table of machine `at`, which has others.
fn absent(kube: &Kube, at: usize, server: usize) -> Result<(), String> {
    let servers = table::servers(&kube.machines[at].node);
    let gone = !servers.is_empty() && !servers.contains(&kube.machines[server].address);
    if gone { Ok(()) } else { Err(format!("the table has {servers:?}")) }
}

/// Clients' connections have come to machine `at`.
fn reached(kube: &Kube, at: usize) -> Result<(), String> {
    let choices = table::choices(&kube.machines[at].node, Kube::service());
    if choices.is_empty() { Err("no connection has come to it".to_owned()) } else { Ok(()) }
}

/// The daemon on machine `at` says that its first instance's priority is `wanted` now.
pub(super) fn priority(director: Director, kube: &Kube, at: usize, wanted: u8) -> Result<(), String> {
    let snapshot = director.snapshot(&kube.machines[at].node).ok_or("no snapshot")?;
    let instance = snapshot.instances.first().ok_or("no instance")?;
    if instance.effective_priority == wanted {
        Ok(())
    } else {
        Err(format!("priority {}", instance.effective_priority))
    }
}
