//! When not to believe a check, on timelines.

use std::num::NonZeroU32;

use super::prevented::prevented;
use super::rules::{SORRY, guarded, sorry, weights};
use super::*;
use crate::balance::Health;
use crate::check::Stage;
use crate::model::{Connect, OnMissing, Pace, ScriptProbe, Suspend};

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

/// A script that says at once that all is well.
fn well_script(word: &str) -> CheckKind {
    let command = vec!["/ok".to_owned(), word.to_owned()];
    CheckKind::Script(Box::new(ScriptProbe { command, user: None, dynamic: false, on_missing: OnMissing::Fail }))
}

/// Checks that cannot fall silent make no row longer.
#[test]
fn a_row_is_as_long_as_there_are_checks_that_can_fall_silent() {
    let loopback = |n: u8| CheckKind::Tcp(Connect::to(SocketAddr::from(([127, 0, 0, n], 80))));
    for (count, local) in [(10, 10), (5, 1), (2, 1), (3, 3)] {
        for beside in [&|n: u8| well_script(&n.to_string()), &loopback as &dyn Fn(u8) -> CheckKind] {
            let mut servers = many(count);
            for (server, n) in servers.iter_mut().zip(0..local) {
                let check = Check { kind: beside(n), ..server.checks[0].clone() };
                server.checks.push(check);
            }
            let mut world = World::new(empty());
            world.scripts.insert("/ok".to_owned(), ScriptOutcome::Exited(0));
            configure(&mut world, config(1, &servers));
            world.pass(8 * S);
            assert_eq!(world.take_steps().len(), usize::from(count) + 1);
            let gone = targets_of_first_checks(&world);
            world.silent.extend(gone);
            world.pass_until(20 * S, |world| told(world, "as if this host") == 1 || !world.steps.is_empty());
            assert_eq!(world.take_steps(), Vec::<String>::new(), "{count} and {local}: {:#?}", world.events);
        }
    }
}

/// Nor do those that rest, whether they began to before or after the others were well.
#[test]
fn checks_that_rest_make_no_row_longer() {
    let mut both = config(2, &many(3));
    both.services[1].servers = many(6).split_off(3);
    both.services[1].rules.suspend = Suspend::WithoutOwn;
    let mut world = World::new(empty());
    world.tell(Input::AddressesKnown);
    world.tell(Input::Address { address: [192, 0, 2, 2].into(), here: true });
    configure(&mut world, both);
    world.pass(8 * S);
    assert_eq!(world.take_steps().len(), 8);
    world.tell(Input::Address { address: [192, 0, 2, 2].into(), here: false });
    world.take_steps();
    let gone = targets(&world);
    world.silent.extend(gone);
    world.pass_until(20 * S, |world| told(world, "as if this host") == 1 || !world.steps.is_empty());
    assert_eq!(world.take_steps(), Vec::<String>::new(), "{:#?}", world.events);
}

/// What a script says is no answer to a second look.
#[test]
fn after_a_reload_in_a_hold_local_checks_do_not_end_it() {
    let mut servers = many(10);
    for (server, n) in servers.iter_mut().zip(0..) {
        let script = Check { kind: well_script("word"), interval: S / 5, ..server.checks[0].clone() };
        for check in &mut server.checks {
            (check.interval, check.timeout) = (2 * S, 7 * S);
        }
        if n == 0 {
            server.checks.push(script);
        }
    }
    let mut world = World::new(empty());
    world.scripts.insert("/ok".to_owned(), ScriptOutcome::Exited(0));
    configure(&mut world, config(1, &servers));
    world.pass(8 * S);
    assert_eq!(world.take_steps().len(), 11);
    let gone = targets_of_first_checks(&world);
    world.silent.extend(gone);
    world.pass_until(30 * S, |world| world.engine.held() == Some(10));
    // All are in doubt, and no second look has ended.
    let same = world.engine.config().as_ref().clone();
    configure(&mut world, same);
    world.pass(20 * S);
    assert_eq!(told(&world, "answer at the second look"), 0, "{:#?}", world.events);
    assert_eq!(world.take_steps().len(), 10);
}

/// The cable is pulled, and so the address goes to another host: here nobody looks a second time.
#[test]
fn verdicts_that_are_held_fall_on_no_check_that_rests() {
    let mut guarded = config(1, &many(10));
    guarded.services[0].rules.suspend = Suspend::WithoutOwn;
    let address = |here| Input::Address { address: [192, 0, 2, 1].into(), here };
    let mut world = World::new(empty());
    world.tell(Input::AddressesKnown);
    world.tell(address(true));
    configure(&mut world, guarded);
    world.pass(8 * S);
    assert_eq!(world.take_steps().len(), 11);
    let all = targets(&world);
    world.silent.extend(all);
    world.pass_until(20 * S, |world| told(world, "as if this host") == 1);
    world.tell(address(false));
    assert_eq!((world.engine.held(), told(&world, "no check is left in doubt")), (None, 1), "{:#?}", world.events);
    // Those that were being asked are silent, too.
    assert!(!world.probes.is_empty());
    world.pass(20 * S);
    assert_eq!((world.probes.len(), world.engine.held(), world.take_steps()), (0, None, vec![]), "{:#?}", world.events);
    assert_eq!(told(&world, "as if this host"), 1, "{:#?}", world.events);
    // The address is back before the way to the servers is.
    world.events.clear();
    world.tell(address(true));
    world.pass_until(20 * S, |world| told(world, "as if this host") == 1);
    assert_eq!(world.take_steps(), Vec::<String>::new());
    world.silent.clear();
    world.pass(60 * S);
    assert_eq!(world.take_steps(), Vec::<String>::new());
    assert_eq!(told(&world, "is down"), 0, "{:#?}", world.events);
}

/// The address goes while servers are being asked that stay silent, beside others that answer.
#[test]
fn what_a_check_that_rests_is_not_answered_takes_nobody_out() {
    let mut both = config(2, &many(3));
    both.services[1].servers = many(6).split_off(3);
    both.services[1].rules.suspend = Suspend::WithoutOwn;
    both.services[1].servers.iter_mut().flat_map(|server| &mut server.checks).for_each(|check| check.retry = 0);
    let address = |here| Input::Address { address: [192, 0, 2, 2].into(), here };
    let mut world = World::new(empty());
    world.tell(Input::AddressesKnown);
    world.tell(address(true));
    configure(&mut world, both);
    world.pass(8 * S);
    assert_eq!(world.take_steps().len(), 8);
    let theirs = targets(&world).split_off(3);
    world.silent.extend(theirs);
    world.pass_until(10 * S, |world| !world.probes.is_empty());
    world.tell(address(false));
    world.pass(10 * S);
    assert_eq!((world.probes.len(), world.take_steps()), (0, vec![]), "{:#?}", world.events);
    assert_eq!(told(&world, "is down") + told(&world, "as if this host"), 0, "{:#?}", world.events);
    world.silent.clear();
    world.tell(address(true));
    world.pass(20 * S);
    assert_eq!((world.take_steps(), told(&world, "is down")), (vec![], 0), "{:#?}", world.events);
}

/// Nor is its silence of then held against it afterwards, though the way to it may be there later than the address.
#[test]
fn what_a_check_was_not_answered_before_a_rest_does_not_count_after_it() {
    let mut both = config(2, &many(3));
    both.services[1].servers = many(6).split_off(3);
    both.services[1].rules.suspend = Suspend::WithoutOwn;
    both.services[1].servers.iter_mut().flat_map(|server| &mut server.checks).for_each(|check| check.retry = 2);
    let address = |here| Input::Address { address: [192, 0, 2, 2].into(), here };
    let mut world = World::new(empty());
    world.tell(Input::AddressesKnown);
    world.tell(address(true));
    configure(&mut world, both);
    world.pass(8 * S);
    assert_eq!(world.take_steps().len(), 8);
    let theirs = targets(&world).split_off(3);
    // Of each, the last probe that it forgives is on its way.
    world.silent.extend(theirs);
    let forgives = |world: &World| {
        let servers = world.engine.servers(1);
        servers.iter().map(|server| server.checks[0].machine.counts().1).min()
    };
    world.pass_until(60 * S, |world| forgives(world) == Some(2) && world.probes.len() >= 3);
    world.tell(address(false));
    world.pass(10 * S);
    assert_eq!((world.probes.len(), world.take_steps()), (0, vec![]), "{:#?}", world.events);
    let before = forgives(&world);
    world.tell(address(true));
    world.pass_until(20 * S, |world| forgives(world) > before);
    world.silent.clear();
    world.pass(20 * S);
    assert_eq!((world.take_steps(), told(&world, "is down")), (vec![], 0), "{:#?}", world.events);
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

/// Lets time pass, with one server that answers nobody whose probes come to this.
fn pass_but(world: &mut World, span: Duration, one: SocketAddr, outcome: Outcome) {
    let end = world.now + span;
    while let Some(at) = world.engine.poll_timeout().filter(|at| *at <= end) {
        world.now = world.now.max(at);
        world.tell(Input::Wake);
        let own = |probe: &ProbeId| {
            world.engine.probe(*probe).and_then(CheckKind::connect).is_some_and(|connect| connect.target == one)
        };
        let own: Vec<_> = world.probes.iter().copied().filter(own).collect();
        for probe in own {
            world.probes.remove(&probe);
            world.tell(Input::Probed(probe, outcome));
        }
        world.answer();
    }
    world.now = end;
}

/// Servers that are asked often and may owe their answers for long, of which the first hears soon that nobody is there; all of
/// them fall silent, and that first one has had its second look before anybody else.
fn one_looked_at(rise: u32) -> (World, SocketAddr) {
    let mut servers = many(10);
    for check in servers.iter_mut().flat_map(|server| &mut server.checks) {
        (check.interval, check.timeout) = (2 * S, 7 * S);
        let pace = Pace { rise: NonZeroU32::new(rise).unwrap(), down_interval: 2 * S, jitter_percent: 0 };
        check.pace = pace.beside(check.interval);
    }
    let mut world = World::new(empty());
    configure(&mut world, config(1, &servers));
    world.pass(8 * S);
    world.take_steps();
    world.events.clear();
    let targets = targets(&world);
    world.silent.extend(targets.iter().copied());
    world.pass_until(30 * S, |world| world.engine.held() == Some(10));
    pass_but(&mut world, S, targets[0], Outcome::HostUnreachable);
    assert_eq!((world.engine.held(), world.take_steps().len()), (Some(10), 0), "one look says nothing");
    (world, targets[0])
}

#[test]
fn a_bad_answer_after_a_silent_second_look_takes_the_server_out() {
    let (mut world, one) = one_looked_at(1);
    pass_but(&mut world, 3 * S, one, Outcome::Refused);
    assert_eq!(world.take_steps(), ["delete server 10.1.0.1:80 from tcp 192.0.2.1:80"], "{:#?}", world.events);
    assert_eq!(told(&world, "server 10.1.0.1:80 of tcp 192.0.2.1:80 is down: 10.1.0.1:80 refuses"), 1);
    assert!(world.engine.held().is_some(), "the others are in doubt");
}

/// It was never down, so it has not to rise.
#[test]
fn a_good_answer_after_a_silent_second_look_is_no_return() {
    let (mut world, one) = one_looked_at(2);
    pass_but(&mut world, 2 * S, one, Outcome::Ok);
    let health = |world: &World| world.engine.servers(0)[0].health;
    assert_eq!((health(&world), world.take_steps().len()), (Health::Up, 0));
    pass_but(&mut world, 20 * S, one, Outcome::Refused);
    assert_eq!(health(&world), Health::Down, "nothing is forgotten");
    assert!(world.take_steps().contains(&"delete server 10.1.0.1:80 from tcp 192.0.2.1:80".to_owned()));
}

#[test]
fn a_reload_in_the_middle_of_a_hold_takes_over_no_verdict_that_is_held() {
    let (mut world, _) = one_looked_at(1);
    let same = world.engine.config().as_ref().clone();
    configure(&mut world, same);
    assert_eq!(world.take_steps(), Vec::<String>::new());
    assert!(world.engine.servers(0).iter().all(|server| server.health == Health::Up));
    assert_eq!(told(&world, "is down"), 0);
    world.silent.clear();
    world.pass(60 * S);
    assert_eq!(world.take_steps(), Vec::<String>::new());
    assert_eq!(told(&world, "is up") + told(&world, "is down"), 0, "{:#?}", world.events);
    assert_eq!(told(&world, "as if this host"), 1, "said once: {:#?}", world.events);
}

/// However often the file is read, those that are dead are out ten seconds after the first doubt.
#[test]
fn reloads_do_not_hold_for_ever() {
    let mut world = running(30);
    world.silent.extend(targets(&world));
    world.pass_until(20 * S, |world| told(world, "as if this host") == 1);
    let same = world.engine.config().as_ref().clone();
    for _ in 0..6 {
        world.pass(2 * S);
        configure(&mut world, same.clone());
    }
    world.pass(8 * S);
    assert_eq!(world.take_steps().len(), 30, "{:#?}", world.events);
}

#[test]
fn a_hold_that_nobody_could_be_looked_at_in_says_so() {
    let mut servers = many(10);
    servers.iter_mut().flat_map(|server| &mut server.checks).for_each(|check| check.timeout = 30 * S);
    let mut world = World::new(empty());
    configure(&mut world, config(1, &servers));
    world.pass(8 * S);
    world.take_steps();
    world.silent.extend(targets(&world));
    world.pass_until(80 * S, |world| told(world, "as if this host") == 1);
    world.pass(10 * S);
    assert!(!world.take_steps().is_empty());
    assert_eq!(told(&world, "silent at the second look"), 0, "{:#?}", world.events);
    assert_eq!(told(&world, "no second look has come to its end within 10 s"), 1, "{:#?}", world.events);
}

#[test]
fn two_or_three_that_are_all_silent_at_once_get_a_second_look() {
    for servers in [2, 3] {
        let mut world = running(servers);
        world.silent.extend(targets(&world));
        world.pass_until(20 * S, |world| told(world, "as if this host") == 1);
        assert_eq!(world.take_steps(), Vec::<String>::new());
        world.silent.clear();
        world.pass(60 * S);
        assert_eq!(world.take_steps(), Vec::<String>::new());
        // For good: they are out after their second looks.
        world.silent.extend(targets(&world));
        world.pass_until(20 * S, |world| told(world, "as if this host") == 2);
        world.pass(10 * S);
        assert_eq!(world.take_steps().len(), usize::from(servers), "{:#?}", world.events);
    }
}

#[test]
fn of_two_servers_one_that_falls_silent_waits_for_nobody() {
    let mut world = running(2);
    let all = targets(&world);
    world.silent.insert(all[0]);
    world.pass(13 * S + MS);
    assert_eq!(world.take_steps(), ["delete server 10.1.0.1:80 from tcp 192.0.2.1:80"]);
    // Nor does the last one.
    world.silent.insert(all[1]);
    world.pass(13 * S + MS);
    assert_eq!(world.take_steps(), ["delete server 10.1.0.2:80 from tcp 192.0.2.1:80"]);
    assert_eq!(told(&world, "as if this host"), 0, "{:#?}", world.events);
}

/// Two checks that fall silent together show nothing where they call at one and the same host: it has died.
#[test]
fn two_ports_of_one_host_are_no_row() {
    let mut servers = many(2);
    let key = ServerKey { port: 81, ..servers[0].key };
    servers[1].key = key;
    if let CheckKind::Tcp(connect) = &mut servers[1].checks[0].kind {
        connect.target = SocketAddr::new(key.address, 81);
    }
    let mut world = World::new(empty());
    configure(&mut world, config(1, &servers));
    world.pass(8 * S);
    world.take_steps();
    world.silent.extend(targets(&world));
    world.pass(13 * S + MS);
    assert_eq!(world.take_steps().len(), 2);
    assert_eq!(told(&world, "as if this host"), 0, "{:#?}", world.events);
}

/// One that is trusted since it could not be checked is silent at last: from then on it counts no more, held or not, and
/// another that comes up wins no quorum with it.
#[test]
fn who_is_held_is_trusted_no_more() {
    let mut world = prevented(guarded(sorry(false)));
    let all = targets(&world);
    let not_tried = Outcome::NotTried(Obstacle::SourceAddress);
    world.pass(S / 2);
    world.obstacle = None;
    world.silent.extend(all.iter().copied());
    // The others are silent, believed for a minute, and after that the first is silent too.
    pass_but(&mut world, 90 * S, all[0], not_tried);
    assert_eq!(weights(&world), [(1, 0), (SORRY, 1)], "{:#?}", world.events);
    assert!(world.engine.servers(0)[0].prevented);
    pass_but(&mut world, 2 * S, all[0], Outcome::HostUnreachable);
    world.silent.remove(&all[1]);
    world.take_steps();
    pass_but(&mut world, 8 * S, all[0], Outcome::HostUnreachable);
    assert_eq!(world.take_steps(), Vec::<String>::new(), "one is less than the quorum of two");
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
