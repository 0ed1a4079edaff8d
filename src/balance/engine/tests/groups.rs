//! Services of several addresses, on timelines.

use super::*;
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
