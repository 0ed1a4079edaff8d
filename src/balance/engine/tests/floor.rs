//! Services that are never emptied.

use super::handovers::restart;
use super::*;
use crate::balance::Health;

fn floored(floor: &str, servers: u8) -> Config {
    let servers: Vec<_> = (1..=servers).map(|n| server(n, true)).collect();
    let mut config = config(1, &servers);
    config.services[0].floor = Some(floor.parse().unwrap());
    config
}

fn target(n: u8) -> SocketAddr {
    SocketAddr::new(server_key(n).address, 80)
}

fn in_table(world: &World) -> Vec<String> {
    let table = world.table.as_ref().unwrap();
    table.services[&key(1)].servers().keys().map(ToString::to_string).collect()
}

fn told(world: &World, what: &str) -> usize {
    world.events.iter().filter(|event| event.contains(what)).count()
}

#[test]
fn the_last_to_fail_stay_and_go_when_others_are_back() {
    let mut world = World::new(empty());
    configure(&mut world, floored("2", 4));
    world.pass(8 * S);
    for n in 1..=4 {
        world.dead.insert(target(n));
        world.pass(8 * S);
    }
    assert_eq!(in_table(&world), ["10.0.0.3:80", "10.0.0.4:80"]);
    assert_eq!(told(&world, "fewer servers than its floor of 2"), 1, "{:#?}", world.events);
    let statuses = world.engine.servers(0);
    assert_eq!(statuses.iter().map(|status| status.kept).collect::<Vec<_>>(), [false, false, true, true]);
    assert!(statuses.iter().all(|status| status.health == Health::Down), "nobody is called well who is not");
    assert!(statuses[3].reason().contains("floor"), "{}", statuses[3].reason());
    drop(statuses);
    world.take_steps();
    world.pass(60 * S);
    assert_eq!(world.take_steps(), Vec::<String>::new(), "their connections are left alone");
    world.dead.remove(&target(1));
    world.pass(8 * S);
    assert_eq!(in_table(&world), ["10.0.0.1:80", "10.0.0.4:80"]);
    assert_eq!(told(&world, "has enough servers again"), 0);
    world.dead.remove(&target(2));
    world.pass(8 * S);
    assert_eq!(in_table(&world), ["10.0.0.1:80", "10.0.0.2:80"]);
    assert_eq!(told(&world, "has enough servers again"), 1);
}

#[test]
fn those_who_watch_the_service_learn_the_truth() {
    let mut world = World::new(empty());
    let config = floored("100%", 2);
    let watched = TrackService { name: "web".to_owned(), service: key(1), condition: ServiceCondition::AnyUp };
    configure(&mut world, Config { watched_services: vec![watched], ..config });
    world.pass(8 * S);
    world.dead.extend([target(1), target(2)]);
    world.pass(10 * S);
    assert_eq!(in_table(&world), ["10.0.0.1:80", "10.0.0.2:80"]);
    let (_, health) = world.healths.last().unwrap();
    assert_eq!(health.unwrap().up, 0, "a router may still give way to another");
}

#[test]
fn a_reload_raises_and_drops_the_floor_in_place() {
    let mut world = World::new(empty());
    configure(&mut world, floored("1", 3));
    world.pass(8 * S);
    world.dead.extend((1..=3).map(target));
    world.pass(10 * S);
    assert_eq!(in_table(&world).len(), 1);
    world.take_steps();
    configure(&mut world, floored("1", 3));
    assert_eq!(world.take_steps(), Vec::<String>::new(), "the same file changes nothing");
    configure(&mut world, floored("60%", 3));
    assert_eq!(in_table(&world).len(), 2);
    assert_eq!(told(&world, "fewer servers than its floor"), 1);
    let mut without = floored("1", 3);
    without.services[0].floor = None;
    configure(&mut world, without);
    assert_eq!(in_table(&world), Vec::<String>::new());
    assert_eq!(told(&world, "has enough servers again"), 0, "{:#?}", world.events);
}

#[test]
fn at_a_start_nothing_that_failed_is_put_in_before_all_were_asked() {
    let mut world = World::new(empty());
    world.dead.insert(target(1));
    world.silent.insert(target(2));
    configure(&mut world, floored("1", 2));
    world.pass(S);
    assert_eq!(in_table(&world), Vec::<String>::new());
    world.pass(8 * S);
    assert_eq!(in_table(&world).len(), 1, "clients are sent somewhere rather than nowhere");
}

/// A server that is back gets all of its weight, as long as clients are sent to such that failed; then it rises as ever.
#[test]
fn nobody_starts_slowly_beside_servers_that_failed() {
    let mut config = floored("2", 3);
    config.services[0].handover.slow_start = 300 * S;
    config.services[0].servers.iter_mut().for_each(|server| server.settings = weight(110));
    let mut world = World::new(empty());
    configure(&mut world, config);
    world.pass(8 * S);
    for n in 1..=3 {
        world.dead.insert(target(n));
        world.pass(8 * S);
    }
    let weights = |world: &World| -> Vec<_> {
        let servers = world.table.as_ref().unwrap().services[&key(1)].servers();
        servers
            .iter()
            .map(|(server, settings)| (server.to_string(), settings.as_ref().unwrap().weight.value()))
            .collect()
    };
    let row = |n: u8, weight: u32| (server_key(n).to_string(), weight);
    assert_eq!(weights(&world), [row(2, 110), row(3, 110)]);
    world.dead.remove(&target(1));
    world.pass(8 * S);
    assert_eq!(weights(&world), [row(1, 110), row(3, 110)]);
    assert_eq!(world.engine.servers(0)[0].rises_until, None, "it has all of its weight");
    // As many as the floor asks for: they share the load by how long they have been back.
    world.pass(62 * S);
    world.dead.remove(&target(2));
    world.pass_until(8 * S, |world| weights(world)[1].0 == row(2, 0).0);
    assert_eq!(weights(&world), [row(1, 30), row(2, 10)]);
    assert!(world.engine.servers(0)[0].rises_until.is_some());
    world.pass(310 * S);
    assert_eq!(weights(&world), [row(1, 110), row(2, 110)]);
}

/// What scripts and files take from the weights the floor does not count either.
#[test]
fn a_server_whose_checks_took_its_weight_holds_no_floor() {
    let script = crate::model::ScriptProbe {
        command: vec!["/s".to_owned()],
        user: None,
        dynamic: true,
        on_missing: crate::model::OnMissing::Fail,
    };
    let mut config = floored("1", 2);
    config.services[0].servers[0].checks[0].kind = CheckKind::Script(Box::new(script));
    let mut world = World::new(empty());
    let exits = |world: &mut World, status| {
        world.scripts.insert("/s".to_owned(), ScriptOutcome::Exited(status));
        world.pass(8 * S);
    };
    configure(&mut world, config);
    exits(&mut world, 0);
    world.dead.insert(target(2));
    world.pass(8 * S);
    assert_eq!(in_table(&world), ["10.0.0.1:80"]);
    exits(&mut world, 2);
    assert_eq!(in_table(&world), ["10.0.0.1:80", "10.0.0.2:80"], "the first is well and takes nobody");
    assert_eq!(world.engine.servers(0)[1].health, Health::Down);
    exits(&mut world, 12);
    assert_eq!(in_table(&world), ["10.0.0.1:80"]);
}

/// Nothing can be found out of one that has to: the floor does not wait for it.
#[test]
fn one_that_must_prove_itself_and_cannot_holds_no_floor() {
    let mut config = floored("1", 2);
    let script = crate::model::ScriptProbe {
        command: vec!["/stuck".to_owned()],
        user: None,
        dynamic: false,
        on_missing: crate::model::OnMissing::Fail,
    };
    config.services[0].servers[0].alpha = true;
    config.services[0].servers[0].checks[0].kind = CheckKind::Script(Box::new(script));
    let mut world = World::new(empty());
    world.scripts.insert("/stuck".to_owned(), ScriptOutcome::NotTried("no process".to_owned()));
    world.dead.insert(target(2));
    configure(&mut world, config);
    world.pass(20 * S);
    assert_eq!(in_table(&world).len(), 1);
}

/// Nobody knows whether the new one is better.
#[test]
fn a_server_that_a_reload_brings_takes_nobodys_place_before_it_is_well() {
    let mut world = World::new(empty());
    configure(&mut world, floored("1", 3));
    world.pass(8 * S);
    for n in 1..=3 {
        world.dead.insert(target(n));
        world.pass(8 * S);
    }
    assert_eq!(in_table(&world), ["10.0.0.3:80"]);
    world.take_steps();
    world.silent.insert(target(4));
    configure(&mut world, floored("1", 4));
    world.pass(30 * S);
    assert_eq!(world.take_steps(), Vec::<String>::new());
    assert_eq!(told(&world, "has enough servers again"), 0);
    world.silent.clear();
    world.pass(10 * S);
    assert_eq!(in_table(&world), ["10.0.0.4:80"]);
    // Another check of one that is out: nothing is known of it now.
    world.dead.insert(target(4));
    world.pass(10 * S);
    world.take_steps();
    let mut other = floored("1", 4);
    let CheckKind::Tcp(connect) = &mut other.services[0].servers[0].checks[0].kind else { panic!("a TCP check") };
    connect.target.set_port(81);
    world.silent.insert(connect.target);
    configure(&mut world, other);
    world.pass(30 * S);
    assert_eq!(world.take_steps(), Vec::<String>::new());
}

#[test]
fn a_restart_leaves_those_that_a_floor_keeps_where_they_are() {
    for order in [[1, 2, 3], [3, 1, 2], [1, 3, 2]] {
        let mut world = World::new(empty());
        configure(&mut world, floored("1", 3));
        world.pass(8 * S);
        for n in 1..=3 {
            world.dead.insert(target(n));
            world.pass(8 * S);
        }
        assert_eq!(in_table(&world), ["10.0.0.3:80"]);
        world.take_steps();
        world.dead.clear();
        world.silent.extend([1, 2, 3].map(target));
        restart(&mut world, floored("1", 3));
        for n in order {
            world.pass(S);
            world.dead.insert(target(n));
            world.silent.remove(&target(n));
            world.answer();
        }
        world.pass(30 * S);
        assert_eq!(world.take_steps(), Vec::<String>::new(), "{order:?}");
    }
}
