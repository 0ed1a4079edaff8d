//! What the kernel refuses, or does not keep, stands in the way of nothing else.

use super::*;

const TO_ZERO: &str = "edit server 10.0.0.1:80 of tcp 192.0.2.1:80: weight 1 -> 0";
const BACK: &str = "edit server 10.0.0.1:80 of tcp 192.0.2.1:80: weight 0 -> 1";
const GONE: &str = "delete server 10.0.0.1:80 from tcp 192.0.2.1:80";

fn problem(world: &World) -> Option<&str> {
    world.engine.problem(Subject::Server(key(1), server_key(1)))
}

/// Two servers whose forwarding the kernel does not keep, right after it was given up to tell it so.
fn fought_over() -> World {
    let mut world = World::new(empty());
    world.keeps = Some(Forwarding::Local);
    configure(&mut world, config(1, &[server(1, true), server(2, true)]));
    world.pass_until(60 * S, |world| problem(world).is_some());
    world.pass(5 * S);
    world.take_steps();
    world
}

#[test]
fn a_server_that_dies_while_a_setting_of_it_is_left_alone_goes_at_once() {
    let mut world = fought_over();
    world.dead.insert(SocketAddr::new(server_key(1).address, 80));
    world.pass(10 * S);
    assert_eq!(world.take_steps(), [GONE]);
}

#[test]
fn what_the_operator_wishes_is_done_while_a_setting_is_left_alone() {
    let mut world = fought_over();
    world.load((1, 1), 3);
    world.ask(1, Verb::Drain(None));
    assert_eq!(world.take_steps(), [TO_ZERO], "its weight, and nothing else");
    assert!(problem(&world).is_some_and(|problem| problem.contains("does not last")), "{:?}", problem(&world));
    world.pass(10 * S);
    assert_eq!(world.take_steps(), Vec::<String>::new(), "the rest is left alone as before");
    world.ask(1, Verb::Undrain);
    assert_eq!(world.take_steps(), [BACK]);
    world.ask(1, Verb::Disable);
    assert_eq!(world.take_steps(), [GONE]);
}

/// A reload asks for a way to the servers that this kernel does not know.
#[test]
fn a_refused_setting_holds_back_neither_a_drain_nor_the_end_of_one() {
    let mut world = World::new(empty());
    world.refuses = Some(Forwarding::Direct);
    configure(&mut world, config(1, &[server(1, false)]));
    let mut other = server(1, false);
    other.settings.forwarding = Forwarding::Direct;
    configure(&mut world, config(1, &[other]));
    world.pass(60 * S);
    assert_eq!(problem(&world), Some("invalid"));
    world.take_steps();
    world.load((1, 1), 3);
    world.ask(1, Verb::Drain(None));
    assert_eq!(world.take_steps(), [TO_ZERO]);
    world.ask(1, Verb::Undrain);
    assert_eq!(world.take_steps(), [BACK]);
    world.pass(300 * S);
    let tries = world.take_steps();
    assert!((3..=6).contains(&tries.len()), "asked again once a minute: {tries:#?}");
    world.refuses = None;
    world.pass(61 * S);
    assert_eq!((world.take_steps().len(), problem(&world)), (1, None));
}

/// Somebody else puts our server's weight back, and we have given up: another weight is another matter.
#[test]
fn a_weight_that_is_fought_over_keeps_no_other_weight_away() {
    let mut world = World::new(empty());
    configure(&mut world, config(1, &[server(1, false)]));
    let reads = world.reads;
    while problem(&world).is_none() {
        assert!(world.reads < reads + 30, "{:#?}", world.events);
        world.edit(|table| table.services.get_mut(&key(1)).unwrap().put(server_key(1), weight(5)));
        world.pass(S);
    }
    world.take_steps();
    world.ask(1, Verb::Weight(Some(Weight::new(7).unwrap())));
    assert_eq!(world.take_steps(), ["edit server 10.0.0.1:80 of tcp 192.0.2.1:80: weight 5 -> 7"]);
}

/// Only another scheduler for it waits: where the service itself is gone it comes again with all that it has.
#[test]
fn a_service_whose_edit_is_left_alone_comes_back_with_its_servers() {
    let mut world = World::new(empty());
    configure(&mut world, config(1, &[server(1, false)]));
    let reads = world.reads;
    while world.engine.problem(Subject::Service(key(1))).is_none() {
        assert!(world.reads < reads + 30, "{:#?}", world.events);
        world.edit(|table| {
            let settings = table.services.get_mut(&key(1)).unwrap().settings.as_mut().unwrap();
            settings.scheduler = Scheduler::RoundRobin;
        });
        world.pass(S);
    }
    world.take_steps();
    world.edit(|table| _ = table.services.remove(&key(1)));
    world.pass_until(20 * S, |world| !world.steps.is_empty());
    assert_eq!(world.take_steps().len(), 2, "it and its server");
}
