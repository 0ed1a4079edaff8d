//! Servers that several services name are checked once for all of them.

use super::*;
use crate::balance::Health;

fn eager(n: u8) -> ServerConfig {
    let mut server = server(n, true);
    for check in &mut server.checks {
        check.interval = 2 * S;
    }
    server
}

fn service(n: u8, servers: Vec<ServerConfig>) -> ServiceConfig {
    let mut services = config(1, &servers).services;
    ServiceConfig { key: key(n), ..services.remove(0) }
}

fn with(services: Vec<ServiceConfig>) -> Config {
    Config { services, ..Config::default() }
}

#[test]
fn one_probe_speaks_for_all_services() {
    let mut world = World::new(empty());
    configure(&mut world, config(100, &[server(1, true), server(2, true)]));
    world.take_steps();
    world.pass(S);
    assert_eq!(world.engine.last_probe, 2, "two targets, however many services name them");
    assert_eq!(world.take_steps().len(), 200, "each service has its servers");
    world.dead.insert("10.0.0.1:80".parse().unwrap());
    world.events.clear();
    world.pass(8 * S);
    let steps = world.take_steps();
    assert_eq!(steps.len(), 100);
    assert!(steps.iter().all(|step| step.starts_with("delete server 10.0.0.1:80 from")), "{steps:#?}");
    assert_eq!(world.events.len(), 100, "people look for a service by its name");
    for place in 0..100 {
        let statuses = world.engine.servers(place);
        assert_eq!(statuses[0].health, Health::Down);
        assert_eq!(statuses[0].checks.len(), 1);
    }
}

#[test]
fn another_pace_is_another_check() {
    let mut world = World::new(empty());
    configure(&mut world, with(vec![service(1, vec![server(1, true)]), service(2, vec![eager(1)])]));
    world.pass(S);
    assert_eq!(world.engine.last_probe, 2);
    world.take_steps();
    world.dead.insert("10.0.0.1:80".parse().unwrap());
    world.pass(4 * S);
    assert_eq!(world.take_steps(), ["delete server 10.0.0.1:80 from tcp 192.0.2.2:80"]);
    world.pass(5 * S);
    assert_eq!(world.take_steps(), ["delete server 10.0.0.1:80 from tcp 192.0.2.1:80"]);
}

#[test]
fn a_service_that_comes_later_takes_what_is_known_wherever_it_stands() {
    let mut world = World::new(empty());
    configure(&mut world, with(vec![service(2, vec![server(1, true)])]));
    world.pass(S);
    let probes = world.engine.last_probe;
    world.take_steps();
    configure(
        &mut world,
        with(vec![
            service(1, vec![server(1, true)]),
            service(2, vec![server(1, true)]),
            service(3, vec![server(1, true)]),
        ]),
    );
    assert_eq!(
        world.take_steps(),
        [
            "add service tcp 192.0.2.1:80 (scheduler wlc)",
            "add server 10.0.0.1:80 (NAT, weight 1) to tcp 192.0.2.1:80",
            "add service tcp 192.0.2.3:80 (scheduler wlc)",
            "add server 10.0.0.1:80 (NAT, weight 1) to tcp 192.0.2.3:80",
        ],
        "its state is known at once"
    );
    assert_eq!(world.engine.last_probe, probes);
}

#[test]
fn checks_part_in_the_middle_of_a_probe_and_neither_waits_for_an_answer_that_does_not_come() {
    let mut world = World::new(empty());
    let both = |second: ServerConfig| with(vec![service(1, vec![server(1, true)]), service(2, vec![second])]);
    configure(&mut world, both(server(1, true)));
    world.pass(S);
    world.take_steps();
    // The next probe begins, and is not answered yet.
    world.now = world.engine.poll_timeout().unwrap().max(world.now);
    while world.probes.is_empty() {
        world.now = world.now.max(world.engine.poll_timeout().unwrap());
        world.tell(Input::Wake);
    }
    configure(&mut world, both(eager(1)));
    world.tell(Input::Wake);
    assert_eq!(world.probes.len(), 2, "each has one of its own");
    world.answer();
    world.pass(60 * S);
    assert_eq!(world.take_steps(), Vec::<String>::new());
    assert!(world.events.iter().all(|event| !event.contains("down")), "{:#?}", world.events);
    assert_eq!(world.engine.servers(0)[0].health, Health::Up);
    // And they come together again.
    configure(&mut world, both(server(1, true)));
    world.pass(60 * S);
    assert_eq!(world.take_steps(), Vec::<String>::new());
    assert!(world.probes.is_empty());
}
