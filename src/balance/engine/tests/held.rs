//! When not to believe a check, on timelines.

use std::num::NonZeroU32;

use super::*;
use crate::balance::Health;
use crate::check::Stage;
use crate::model::{Connect, OnMissing, Pace, ScriptProbe};

pub(super) fn many(n: u16) -> Vec<ServerConfig> {
    let one = |n: u16| {
        let [high, low] = n.to_be_bytes();
        let mut server = server(1, true);
        server.key.address = [10, 1, high, low].into();
        for check in &mut server.checks {
            if let CheckKind::Tcp(connect) = &mut check.kind {
                connect.target.set_ip(server.key.address);
            }
        }
        server
    };
    (1..=n).map(one).collect()
}

fn targets(world: &World) -> Vec<SocketAddr> {
    let servers = world.engine.config().services.iter().flat_map(|service| &service.servers);
    servers.flat_map(|server| &server.checks).map(|check| check.kind.connect().unwrap().target).collect()
}

/// A world in which so many servers are up.
fn running(servers: u16) -> World {
    let mut world = World::new(empty());
    configure(&mut world, config(1, &many(servers)));
    world.pass(8 * S);
    assert_eq!(world.take_steps().len(), usize::from(servers) + 1);
    world.events.clear();
    world
}

fn told(world: &World, what: &str) -> usize {
    world.events.iter().filter(|event| event.contains(what)).count()
}

#[test]
fn a_cable_that_is_pulled_for_a_while_costs_no_server() {
    let mut world = running(100);
    world.silent.extend(targets(&world));
    // Up to 6 s to the next check, 3 s of silence, 1 s to the next try and 3 s of silence again.
    world.pass_until(20 * S, |world| told(world, "as if this host") == 1);
    assert_eq!(world.take_steps(), Vec::<String>::new());
    assert!(world.engine.held().is_some());
    world.silent.clear();
    world.pass(60 * S);
    assert_eq!(world.take_steps(), Vec::<String>::new(), "the cable is back, and nothing was touched");
    assert_eq!(told(&world, "as if this host"), 1, "said once: {:#?}", world.events);
    assert_eq!(told(&world, "answer at the second look"), 1);
    assert_eq!(world.engine.held(), None);
    assert!(world.engine.servers(0).iter().all(|server| server.health == Health::Up));
}

#[test]
fn five_hundred_servers_that_are_silent_for_good_go_together_within_seconds() {
    let mut world = running(500);
    world.silent.extend(targets(&world));
    world.pass_until(20 * S, |world| told(world, "as if this host") == 1);
    let held_at = world.now;
    world.pass_until(20 * S, |world| !world.steps.is_empty());
    assert!(world.now - held_at <= 10 * S, "{:?}", world.now - held_at);
    assert_eq!(told(&world, "silent at the second look"), 1);
    let first = world.take_steps().len();
    world.pass(20 * S);
    assert_eq!(first + world.take_steps().len(), 500);
    assert!(first > 250, "most go in one batch: {first}");
    // And they come back one by one, with nobody in doubt.
    world.silent.clear();
    world.pass(20 * S);
    assert_eq!(world.take_steps().len(), 500);
    assert_eq!(told(&world, "as if this host"), 1);
}

#[test]
fn five_hundred_servers_that_refuse_are_out_without_a_second_look() {
    let mut world = running(500);
    world.dead.extend(targets(&world));
    world.pass(8 * S);
    assert_eq!(world.take_steps().len(), 500);
    assert_eq!(told(&world, "fell silent"), 0);
}

#[test]
fn one_server_that_falls_silent_among_others_is_out_as_ever() {
    let mut world = running(50);
    let one = targets(&world)[0];
    world.silent.insert(one);
    world.pass(15 * S);
    assert_eq!(world.take_steps(), ["delete server 10.1.0.1:80 from tcp 192.0.2.1:80"]);
    assert_eq!(told(&world, "fell silent"), 0);
}

#[test]
fn a_daemon_that_starts_without_network_keeps_what_it_finds_until_a_second_look() {
    let servers: Vec<_> = (1..=9).map(|n| server(n, true)).collect();
    let there: Vec<_> = (1..=9).map(|n| (n, 1)).collect();
    let mut world = World::new(found(1, &there));
    configure(&mut world, config(1, &servers));
    world.silent.extend(targets(&world));
    world.pass_until(10 * S, |world| told(world, "as if this host") == 1);
    world.pass(S / 2);
    assert_eq!(world.take_steps(), Vec::<String>::new());
    world.silent.clear();
    world.pass(20 * S);
    assert_eq!(world.take_steps(), Vec::<String>::new());
    assert!(world.engine.servers(0).iter().all(|server| server.health == Health::Up));
}

/// What calls nobody, or this host itself, goes on as ever beside the cable: it does not show that the cable is in.
#[test]
fn checks_that_leave_this_host_by_no_way_do_not_speak_for_the_way() {
    let script =
        ScriptProbe { command: vec!["/ok".to_owned()], user: None, dynamic: false, on_missing: OnMissing::Fail };
    let mut servers = many(20);
    for (server, n) in servers.iter_mut().zip(0_u8..) {
        let mut beside = server.checks[0].clone();
        beside.kind = match n % 3 {
            0 => CheckKind::Script(Box::new(ScriptProbe {
                command: vec!["/ok".to_owned(), n.to_string()],
                ..script.clone()
            })),
            1 => CheckKind::Tcp(Connect::to(SocketAddr::from(([127, 0, 0, n], 80)))),
            _ => CheckKind::Tcp(Connect::to(SocketAddr::from(([192, 0, 2, n], 80)))),
        };
        server.checks.push(beside);
    }
    let mut world = World::new(empty());
    (0..20).for_each(|n| world.tell(Input::Address { address: [192, 0, 2, n].into(), here: true }));
    world.scripts.insert("/ok".to_owned(), ScriptOutcome::Exited(0));
    configure(&mut world, config(1, &servers));
    world.pass(8 * S);
    assert_eq!(world.take_steps().len(), 21);
    world.events.clear();
    let gone: Vec<_> = targets_of_first_checks(&world);
    world.silent.extend(gone);
    world.pass_until(20 * S, |world| told(world, "as if this host") == 1 || !world.steps.is_empty());
    assert_eq!(world.take_steps(), Vec::<String>::new(), "{:#?}", world.events);
}

fn targets_of_first_checks(world: &World) -> Vec<SocketAddr> {
    let servers = world.engine.config().services.iter().flat_map(|service| &service.servers);
    servers.map(|server| server.checks[0].kind.connect().unwrap().target).collect()
}

#[test]
fn what_ends_while_nobody_looks_says_nothing() {
    let mut world = running(3);
    world.silent.extend(targets(&world));
    world.pass_until(10 * S, |world| world.probes.len() == 3);
    // The process is stopped for a minute in the middle of three probes.
    world.now += 60 * S;
    world.tell(Input::Wake);
    assert_eq!(told(&world, "nothing was done for"), 1, "{:#?}", world.events);
    assert_eq!(told(&world, "cannot be checked"), 0);
    world.silent.clear();
    world.pass(20 * S);
    assert_eq!(world.take_steps(), Vec::<String>::new());
    assert!(world.engine.servers(0).iter().all(|server| server.checks[0].machine.counts().2 == 1));
}

#[test]
fn a_host_that_is_always_late_still_finds_dead_servers() {
    let mut world = running(1);
    world.silent.extend(targets(&world));
    for _ in 0..20 {
        world.now += 60 * S;
        world.tell(Input::Wake);
    }
    assert_eq!(world.take_steps(), ["delete server 10.1.0.1:80 from tcp 192.0.2.1:80"]);
}

#[test]
fn without_a_route_a_server_stays_for_a_few_tries_and_no_longer() {
    let mut world = running(2);
    world.obstacle = Some(Obstacle::NoRoute);
    world.pass(8 * S);
    assert_eq!(world.take_steps(), Vec::<String>::new());
    assert_eq!(told(&world, "no route"), 2, "once for each: {:#?}", world.events);
    world.obstacle = None;
    world.pass(8 * S);
    assert_eq!(world.take_steps(), Vec::<String>::new());
    world.obstacle = Some(Obstacle::NoRoute);
    world.pass(16 * S);
    assert_eq!(world.take_steps().len(), 2, "clients could not reach them either");
    assert_eq!(told(&world, "no route to it"), 6, "{:#?}", world.events);
    world.obstacle = None;
    world.pass(8 * S);
    assert_eq!(world.take_steps().len(), 2, "the route is back");
}

#[test]
fn a_reload_in_the_middle_of_a_hold_loses_no_verdict() {
    let mut world = running(30);
    world.silent.extend(targets(&world));
    world.pass_until(20 * S, |world| told(world, "as if this host") == 1);
    let same = world.engine.config().as_ref().clone();
    configure(&mut world, same);
    world.pass(60 * S);
    assert_eq!(world.take_steps().len(), 30, "they are gone in the end");
    // One that answers late is no matter: its probe was dropped.
    assert_eq!(world.engine.held(), None);
    world.tell(Input::Reached(ProbeId(1), Stage::Waiting));
}

fn traffic(connections: u64, outgoing_packets: u64) -> Input {
    let server = ServerKey { address: [10, 1, 0, 1].into(), port: 80 };
    Input::Traffic(vec![Traffic {
        service: key(1),
        server,
        connections,
        incoming_packets: connections * 3,
        outgoing_packets,
    }])
}

#[test]
fn a_server_that_takes_connections_and_answers_none_is_checked_at_once() {
    let mut world = running(2);
    let one = targets(&world)[0];
    world.tell(traffic(100, 300));
    world.answer();
    world.dead.insert(one);
    let probes = world.engine.last_probe;
    world.tell(traffic(130, 300));
    assert_eq!(told(&world, "10.1.0.1:80 of tcp 192.0.2.1:80 was given 30 connections"), 1, "{:#?}", world.events);
    world.tell(Input::Wake);
    assert_eq!(world.engine.last_probe, probes + 1, "it alone, and without waiting for its turn");
    world.answer();
    // One failure is forgiven, and a second later it is out.
    world.pass(S);
    assert_eq!(world.take_steps(), ["delete server 10.1.0.1:80 from tcp 192.0.2.1:80"]);
    world.tell(traffic(160, 300));
    assert_eq!(told(&world, "was given"), 1, "once");
}

#[test]
fn whoever_answers_its_check_is_no_worse_for_the_suspicion() {
    let mut world = running(2);
    for look in 1..10 {
        world.tell(traffic(look * 10, 0));
        world.pass(5 * S);
    }
    assert_eq!(world.take_steps(), Vec::<String>::new());
    assert_eq!(told(&world, "was given"), 1);
}

#[test]
fn a_start_is_settled_within_a_second_however_patient_and_slow_the_checks_are() {
    let mut world = World::new(empty());
    let mut servers = many(300);
    for check in servers.iter_mut().flat_map(|server| &mut server.checks) {
        check.interval = 600 * S;
        check.retry = 9;
        let pace = Pace { rise: NonZeroU32::new(9).unwrap(), down_interval: 60 * S, jitter_percent: 50 };
        check.pace = pace.beside(check.interval);
    }
    let one = SocketAddr::new(servers[0].key.address, 80);
    configure(&mut world, config(1, &servers));
    world.dead.insert(one);
    world.pass(S);
    let statuses = world.engine.servers(0);
    assert_eq!(statuses.iter().filter(|server| server.health == Health::Up).count(), 299);
    assert_eq!(statuses[0].health, Health::Down);
    assert_eq!(world.table.as_ref().unwrap().services[&key(1)].servers().len(), 299);
}

#[test]
fn descriptors_that_a_reload_finds_are_used() {
    let mut world = World::new(empty());
    world.engine.allow_probes(2);
    let servers: Vec<_> = (1..=9).map(|n| server(n, true)).collect();
    world.silent.extend((1..=9).map(|n| SocketAddr::new(server_key(n).address, 80)));
    configure(&mut world, config(1, &servers));
    world.pass(2 * S);
    assert_eq!((world.probes.len(), world.most_probes), (2, 2));
    world.engine.allow_probes(5);
    configure(&mut world, config(1, &servers));
    world.pass(2 * S);
    assert_eq!(world.most_probes, 5);
    // And fewer, where some were taken away: those that run are let run.
    world.engine.allow_probes(1);
    world.most_probes = 0;
    world.pass(60 * S);
    assert_eq!(world.probes.len(), 1);
}
