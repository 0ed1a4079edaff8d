//! Services of several addresses, on timelines.

use super::handovers::restart;
use super::*;
use crate::balance::wishes::Hold;
use crate::model::{Forwarding, Group};

/// Services 1 to `keys` as one group, with two servers that are checked.
fn group(keys: impl IntoIterator<Item = u8>) -> Config {
    let mut keys = keys.into_iter().map(key);
    let mut config = config(1, &[server(1, true), server(2, true)]);
    config.services[0].key = keys.next().unwrap();
    config.services[0].group =
        Some(Box::new(Group { name: Some("web".to_owned()), others: keys.collect(), mark: None }));
    config
}

/// A world in which this is in force and its servers are up.
fn running(config: Config) -> World {
    let mut world = World::new(empty());
    configure(&mut world, config);
    world.pass(2 * S);
    world.take_steps();
    world.events.clear();
    world
}

fn table_of(world: &World, n: u8) -> Vec<String> {
    let services = &world.table.as_ref().unwrap().services;
    services.get(&key(n)).map_or_else(Vec::new, |service| service.servers().keys().map(ToString::to_string).collect())
}

#[test]
fn one_check_speaks_for_every_address() {
    let mut world = running(group(1..=3));
    for n in 1..=3 {
        assert_eq!(table_of(&world, n), ["10.0.0.1:80", "10.0.0.2:80"], "{n}");
    }
    assert_eq!(world.engine.servers(0).len(), 2);
    world.dead.insert("10.0.0.1:80".parse().unwrap());
    world.pass(8 * S);
    assert_eq!(
        world.take_steps(),
        [1, 2, 3].map(|n| format!("delete server 10.0.0.1:80 from tcp 192.0.2.{n}:80")),
        "in one batch, for all of them"
    );
    assert_eq!(
        world.events,
        ["server 10.0.0.1:80 of group web is down: 10.0.0.1:80 refuses the connection: nobody listens there"],
        "told once"
    );
    world.dead.clear();
    world.pass(8 * S);
    assert_eq!(world.take_steps().len(), 3);
}

#[test]
fn an_address_comes_and_goes_without_the_others() {
    let mut world = running(group(1..=2));
    let since = world.engine.servers(0)[0].since;
    configure(&mut world, group(1..=3));
    assert_eq!(
        world.take_steps(),
        [
            "add service tcp 192.0.2.3:80 (scheduler wlc)",
            "add server 10.0.0.1:80 (NAT, weight 1) to tcp 192.0.2.3:80",
            "add server 10.0.0.2:80 (NAT, weight 1) to tcp 192.0.2.3:80",
        ],
        "at once, since its servers are known"
    );
    // The first address goes: what is known stays with those that are left.
    configure(&mut world, group(2..=3));
    assert_eq!(world.take_steps(), ["delete service tcp 192.0.2.1:80"]);
    assert_eq!(world.engine.servers(0)[0].since, since);
    configure(&mut world, group([3, 2]));
    assert_eq!(world.take_steps(), Vec::<String>::new(), "their order means nothing");
}

#[test]
fn a_group_may_become_services_and_services_a_group() {
    let mut world = running(group(1..=2));
    let since = world.engine.servers(0)[0].since;
    configure(&mut world, config(2, &[server(1, true), server(2, true)]));
    assert_eq!(world.take_steps(), Vec::<String>::new());
    assert_eq!((world.engine.servers(0)[0].since, world.engine.servers(1)[0].since), (since, since));
    configure(&mut world, group(1..=2));
    assert_eq!(world.take_steps(), Vec::<String>::new());
    assert_eq!(world.engine.servers(0)[0].since, since);
}

#[test]
fn what_others_take_from_one_address_is_put_right_there() {
    let mut world = running(group(1..=3));
    world.table.as_mut().unwrap().services.get_mut(&key(2)).unwrap().remove(server_key(1));
    world.pass(20 * S);
    assert_eq!(world.take_steps(), ["add server 10.0.0.1:80 (NAT, weight 1) to tcp 192.0.2.2:80"]);
    world.table.as_mut().unwrap().services.remove(&key(3));
    world.pass(20 * S);
    assert_eq!(world.take_steps().len(), 3);
}

#[test]
fn each_address_gives_its_port_to_a_server_that_is_reached_directly() {
    let mut config = group(1..=2);
    let other = ServiceKey::Address { protocol: Protocol::Tcp, address: [192, 0, 2, 9].into(), port: 443 };
    config.services[0].group.as_mut().unwrap().others.push(other);
    for server in &mut config.services[0].servers {
        server.settings.forwarding = Forwarding::Direct;
        server.key.port = 0;
    }
    let mut world = running(config);
    assert_eq!(table_of(&world, 2), ["10.0.0.1:80", "10.0.0.2:80"]);
    let table = &world.table.as_ref().unwrap().services;
    assert!(table[&other].servers().iter().all(|(server, _)| server.port == 443));
    // At a clean stop nothing of it is left.
    world.tell(Input::Stop);
    assert!(world.table.as_ref().unwrap().services.is_empty(), "{:?}", world.table);
}

/// What is wished of the first server of each service in force.
fn holds(world: &World) -> Vec<Option<Hold>> {
    let services = 0..world.engine.config().services.len();
    services.map(|service| world.engine.servers(service)[0].wish.and_then(|wish| wish.hold)).collect()
}

#[test]
fn a_wish_follows_the_group_whichever_address_it_loses() {
    for restarted in [false, true] {
        for (gone, left) in [([2, 3], 2), ([1, 2], 1), ([3, 4], 3)] {
            let mut world = running(group(1..=3));
            world.ask(1, Verb::Disable);
            if restarted {
                restart(&mut world, group(gone));
            } else {
                configure(&mut world, group(gone));
            }
            world.pass(20 * S);
            assert_eq!(table_of(&world, left), ["10.0.0.2:80"], "{restarted} {gone:?}");
            assert_eq!(holds(&world), [Some(Hold::Disabled)], "{restarted} {gone:?}");
            // And on, from there; and over a file that lacks the group by mistake.
            configure(&mut world, Config::default());
            restart(&mut world, Config::default());
            configure(&mut world, group([9, gone[1]]));
            world.pass(20 * S);
            assert_eq!(table_of(&world, 9), ["10.0.0.2:80"], "{restarted} {gone:?}");
            world.ask(1, Verb::Enable);
            assert_eq!(table_of(&world, 9), ["10.0.0.1:80", "10.0.0.2:80"]);
            assert_eq!(world.kept, Kept::default(), "nothing is left of it");
        }
    }
}

#[test]
fn a_wish_goes_to_every_part_of_a_group_and_to_no_other_service() {
    for restarted in [false, true] {
        let mut both = group(2..=3);
        both.services.push(config(1, &[server(1, true), server(2, true)]).services.remove(0));
        let mut world = running(group(1..=3));
        world.ask(1, Verb::Disable);
        if restarted {
            restart(&mut world, both);
        } else {
            configure(&mut world, both);
        }
        world.pass(20 * S);
        for n in 1..=3 {
            assert_eq!(table_of(&world, n), ["10.0.0.2:80"], "{restarted} {n}");
        }
        // Together again they are one.
        configure(&mut world, group(1..=3));
        assert_eq!(holds(&world), [Some(Hold::Disabled)]);
        world.ask(1, Verb::Enable);
        assert_eq!(world.kept, Kept::default());
    }
    // An address moves to a service that has its own history.
    let lone = |keys: &[u8]| {
        let mut config = group([5, 6]);
        config.services[0].key = key(keys[0]);
        config.services[0].group.as_mut().unwrap().others = keys[1..].iter().map(|n| key(*n)).collect();
        config.services.remove(0)
    };
    let two = |first: &[u8], second: &[u8]| Config { services: vec![lone(first), lone(second)], ..Config::default() };
    for (stays, moved_to) in [([1], [5, 6, 2]), ([1], [2, 5, 6]), ([2], [5, 1, 6]), ([2], [1, 5, 6])] {
        let mut world = running(two(&[1, 2], &[5, 6]));
        let asked = world.engine.ask_for("10.0.0.1:80", Some("192.0.2.1:80"), Verb::Disable, world.now);
        assert_eq!(asked.map(|asked| asked.len()), Ok(1));
        world.drain();
        configure(&mut world, two(&stays, &moved_to));
        assert_eq!(holds(&world), [Some(Hold::Disabled), None], "{stays:?} {moved_to:?}");
    }
}

/// Part of a group takes in all of another service, which never had the server that something is wished of.
#[test]
fn a_wish_goes_with_its_server_into_a_service_that_had_it_not() {
    let lone = |keys: &[u8], servers: &[u8]| {
        let mut config = group(keys.iter().copied());
        config.services[0].servers = servers.iter().map(|n| server(*n, true)).collect();
        config.services.remove(0)
    };
    let two = |one, other| Config { services: vec![one, other], ..Config::default() };
    for (joined, left) in [([1, 3], 2), ([3, 1], 2), ([2, 3], 1), ([3, 2], 1)] {
        for restarted in [false, true] {
            let mut world = running(two(lone(&[1, 2], &[1, 2]), lone(&[3], &[2, 4])));
            let asked = world.engine.ask_for("10.0.0.1:80", None, Verb::Disable, world.now);
            assert_eq!(asked.map(|asked| asked.len()), Ok(1));
            world.drain();
            let next = two(lone(&joined, &[1, 2, 4]), lone(&[left], &[1, 2]));
            if restarted {
                restart(&mut world, next);
            } else {
                configure(&mut world, next);
            }
            world.pass(20 * S);
            assert_eq!(holds(&world), [Some(Hold::Disabled); 2], "{joined:?} {left} {restarted}");
            for n in joined {
                assert_eq!(table_of(&world, n), ["10.0.0.2:80", "10.0.0.4:80"], "{joined:?} {left} {restarted}");
            }
            assert_eq!(table_of(&world, left), ["10.0.0.2:80"], "{joined:?} {left} {restarted}");
        }
    }
}

/// A server was being emptied, and the file that came while no process ran does not name it.
#[test]
fn the_time_that_was_given_holds_at_every_address_after_a_restart() {
    let mut world = running(group(1..=2));
    for n in 1..=2 {
        world.load((n, 1), 3);
    }
    world.ask(1, Verb::Drain(Some(300 * S)));
    world.pass(10 * S);
    world.take_steps();
    let mut less = group(1..=2);
    less.services[0].servers.remove(0);
    restart(&mut world, less);
    world.pass(280 * S);
    assert_eq!(world.take_steps(), Vec::<String>::new(), "{:#?}", world.events);
    world.pass(20 * S);
    assert_eq!(world.take_steps(), [1, 2].map(|n| format!("delete server 10.0.0.1:80 from tcp 192.0.2.{n}:80")));
}
