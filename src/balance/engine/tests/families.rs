//! Services for both families: what packets of one reach are its own servers, and those of the other are no comfort to it.

use super::rules::sorry;
use super::*;
use crate::model::{Group, Tunnel};

const SIX: u16 = 6;

fn v6(n: u8) -> IpAddr {
    std::net::Ipv6Addr::new(0x2001, 0xdb8, 0, SIX, 0, 0, 0, n.into()).into()
}

fn key6() -> ServiceKey {
    ServiceKey::Address { protocol: Protocol::Tcp, address: v6(0), port: 80 }
}

fn at(four: bool, n: u8) -> SocketAddr {
    SocketAddr::new(if four { server_key(n).address } else { v6(n) }, 80)
}

/// A service with an address of each family, and servers of each.
fn dual(four: &[u8], six: &[u8]) -> Config {
    let servers: Vec<_> = four.iter().map(|n| server(*n, true)).chain(six.iter().map(|n| server6(*n))).collect();
    let mut config = config(1, &servers);
    config.services[0].group = Some(Box::new(Group { name: None, others: vec![key6()], mark: None }));
    config
}

fn server6(n: u8) -> ServerConfig {
    let mut server = server(n, true);
    server.key.address = v6(n);
    if let CheckKind::Tcp(connect) = &mut server.checks[0].kind {
        connect.target.set_ip(v6(n));
    }
    server
}

fn floored(floor: &str, mut config: Config) -> Config {
    config.services[0].floor = Some(floor.parse().unwrap());
    config
}

fn running(config: Config) -> World {
    let mut world = World::new(empty());
    configure(&mut world, config);
    world.pass(2 * S);
    world.take_steps();
    world.events.clear();
    world
}

/// Servers under a key, by the last part of their addresses, with their weights.
fn weights(world: &World, key: ServiceKey) -> Vec<(u8, u32)> {
    let last = |address: IpAddr| match address {
        IpAddr::V4(address) => address.octets()[3],
        IpAddr::V6(address) => address.octets()[15],
    };
    let servers = world.table.as_ref().unwrap().services[&key].servers().iter();
    servers.map(|(server, found)| (last(server.address), found.as_ref().unwrap().weight.value())).collect()
}

fn both(world: &World) -> [Vec<(u8, u32)>; 2] {
    [weights(world, key(1)), weights(world, key6())]
}

#[test]
fn servers_of_one_family_that_a_reload_replaces_are_relieved_by_their_own() {
    let mut world = running(dual(&[1, 2], &[1, 2]));
    world.silent.insert(at(false, 3));
    configure(&mut world, dual(&[1, 2], &[3]));
    assert_eq!(world.take_steps(), [""; 0], "the others are well, and of no use to these clients");
    world.pass(S);
    assert_eq!(both(&world), [[(1, 1), (2, 1)], [(1, 1), (2, 1)]]);
    world.silent.clear();
    world.pass_until(30 * S, |world| !world.steps.is_empty());
    assert_eq!(both(&world), [vec![(1, 1), (2, 1)], vec![(1, 0), (2, 0), (3, 1)]]);
    world.pass(2 * S);
    assert_eq!(both(&world), [vec![(1, 1), (2, 1)], vec![(3, 1)]]);
    // Those of one family do not wait for the heirs of the other.
    world.silent.insert(at(false, 4));
    configure(&mut world, dual(&[3], &[4]));
    assert_eq!(both(&world), [vec![(1, 1), (2, 1)], vec![(3, 1)]]);
    world.pass(S);
    assert_eq!(both(&world), [vec![(3, 1)], vec![(3, 1)]]);
}

/// A sorry server stands in for those of its own family.
#[test]
fn where_no_sorry_server_stands_in_they_serve_on_without_a_quorum_too() {
    let file = |four: &[u8], six: &[u8]| {
        let mut config = dual(four, six);
        config.services[0].quorum = 2;
        *config.services[0].rules = sorry(false);
        config
    };
    let mut world = running(file(&[1, 2], &[1]));
    world.dead.extend([at(true, 1), at(true, 2)]);
    world.pass_until(20 * S, |world| world.events.iter().any(|event| event.contains("quorum")));
    world.silent.insert(at(false, 2));
    configure(&mut world, file(&[1, 2], &[2]));
    world.pass(S);
    assert_eq!(weights(&world, key6()), [(1, 1)], "{:#?}", world.steps);
    world.silent.clear();
    world.pass(20 * S);
    assert_eq!(weights(&world, key6()), [(2, 1)]);
}

/// The quorum is that of all servers together, and so is what those weigh that serve on.
#[test]
fn a_reload_that_replaces_both_families_loses_no_quorum() {
    let file = |four: &[u8], six: &[u8]| {
        let mut config = dual(four, six);
        config.services[0].quorum = 4;
        *config.services[0].rules = sorry(false);
        config.services[0].servers.iter_mut().for_each(|server| server.alpha = true);
        config
    };
    let mut world = running(file(&[1, 2], &[1, 2]));
    world.silent.extend([3, 4].map(|n| at(false, n)));
    configure(&mut world, file(&[3, 4], &[3, 4]));
    assert_eq!(world.take_steps(), [""; 0]);
    world.pass(2 * S);
    assert_eq!(weights(&world, key6()), [(1, 1), (2, 1)]);
    world.silent.clear();
    world.pass(40 * S);
    assert_eq!(both(&world), [[(3, 1), (4, 1)], [(3, 1), (4, 1)]]);
    assert!(!world.events.iter().any(|event| event.contains("quorum")), "{:#?}", world.events);
}

#[test]
fn a_floor_holds_for_the_servers_of_each_family() {
    for (floor, stay) in [("1", 1), ("2", 2), ("50%", 1)] {
        let mut world = running(floored(floor, dual(&[1, 2], &[1, 2])));
        world.dead.insert(at(false, 1));
        world.pass(8 * S);
        world.dead.insert(at(false, 2));
        world.pass(8 * S);
        let six = weights(&world, key6());
        assert_eq!((six.len(), six.last()), (stay, Some(&(2, 1))), "floor {floor}");
        assert_eq!(weights(&world, key(1)), [(1, 1), (2, 1)]);
        assert!(world.events.iter().any(|event| event.contains("fewer servers than its floor")), "{:#?}", world.events);
        world.dead.clear();
        world.pass(8 * S);
        assert_eq!(both(&world), [[(1, 1), (2, 1)], [(1, 1), (2, 1)]]);
        assert!(world.events.iter().any(|event| event.contains("has enough servers again")), "{:#?}", world.events);
    }
}

/// A tunnel leads from either family to its server: what failed stays only for those who have no better.
#[test]
fn a_failed_server_stays_for_one_family_and_not_for_the_other() {
    let mut file = floored("1", dual(&[1, 2], &[]));
    file.services[0].handover.slow_start = 60 * S;
    for server in &mut file.services[0].servers {
        server.settings = weight(11);
    }
    file.services[0].servers[1].settings.forwarding = Forwarding::Tunnel(Tunnel::Ipip);
    let mut world = running(file);
    assert_eq!(both(&world), [vec![(1, 11), (2, 11)], vec![(2, 11)]]);
    world.dead.extend([1, 2].map(|n| at(true, n)));
    world.pass(8 * S);
    assert_eq!((weights(&world, key(1)).len(), weights(&world, key6())), (1, vec![(2, 11)]));
    world.dead.remove(&at(true, 1));
    world.pass(8 * S);
    // Where none that failed is left, who is back starts slowly.
    let four = weights(&world, key(1));
    assert!(four.len() == 1 && four[0].0 == 1 && four[0].1 < 4, "{four:?}");
    assert_eq!(weights(&world, key6()), [(2, 11)]);
    let statuses = world.engine.servers(0);
    assert_eq!((statuses[0].rises_until.is_some(), statuses[1].kept), (true, true));
}
