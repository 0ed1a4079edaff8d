//! Private services of checks of paths: wished for with the check, ours, and a condition of every probe.

use std::num::NonZeroU32;

use super::*;
use crate::balance::Health;
use crate::check::Directly;
use crate::model::{PathProbe, Way};

/// A server that is reached by direct routing, with a check of its own address and one of the path to it.
fn with_path(n: u8) -> ServerConfig {
    let mut server = server(n, true);
    server.settings.forwarding = Forwarding::Direct;
    let mut check = server.checks[0].clone();
    check.kind = CheckKind::Path(Box::new(PathProbe {
        through: "192.0.2.1:80".parse().unwrap(),
        server: server.key,
        forwarding: Forwarding::Direct,
        mark: NonZeroU32::new(100 + u32::from(n)).unwrap(),
        source_address: None,
    }));
    server.checks.push(check);
    server
}

/// The probe of a path that runs now.
fn path(world: &World) -> (ProbeId, PathProbe) {
    let found = world.probes.iter().find_map(|id| match world.engine.probe(*id) {
        Some(CheckKind::Path(probe)) => Some((*id, probe.as_ref().clone())),
        Some(_) | None => None,
    });
    found.expect("a probe of a path")
}

/// Lets all checks but those of paths succeed, until one of a path runs.
fn until_path(world: &mut World) -> (ProbeId, PathProbe) {
    for _ in 0..100 {
        let at = world.engine.poll_timeout().unwrap();
        world.now = world.now.max(at);
        world.tell(Input::Wake);
        let others: Vec<_> =
            world.probes.iter().copied().filter(|id| world.engine.probe(*id).unwrap().connect().is_some()).collect();
        for other in others {
            world.probes.remove(&other);
            world.tell(Input::Probed(other, Outcome::Ok));
        }
        if !world.probes.is_empty() {
            return path(world);
        }
    }
    panic!("no path is tried");
}

#[test]
fn a_private_service_comes_and_goes_with_its_check() {
    let mut world = World::new(empty());
    configure(&mut world, config(1, &[with_path(1)]));
    assert_eq!(
        world.take_steps(),
        [
            "add service tcp 192.0.2.1:80 (scheduler wlc)",
            "add service fwmark 101 (scheduler wlc)",
            "add server 10.0.0.1:80 (DR, weight 1) to fwmark 101",
        ],
        "the server itself waits for its checks"
    );
    let private = ServiceKey::Fwmark { family: crate::model::Family::V4, mark: NonZeroU32::new(101).unwrap() };
    assert!(world.engine.ledger().has_service(private) && world.engine.is_path(private));
    configure(&mut world, config(1, &[with_path(1)]));
    assert_eq!(world.take_steps(), Vec::<String>::new(), "an unchanged file changes nothing");
    let mut without = with_path(1);
    without.checks.pop();
    configure(&mut world, config(1, &[without]));
    let steps = world.take_steps();
    assert!(steps.contains(&"delete service fwmark 101".to_owned()), "{steps:#?}");
    assert!(!world.engine.is_path(private));
}

/// IPVS remembers calls for a while after they are over: nobody is to wait for those, or to hear of a server that leaves.
#[test]
fn a_check_that_is_removed_is_no_server_that_leaves() {
    let marked = |config: Config| {
        let global = Global { path_marks: NonZeroU32::new(100), ..config.global };
        Config { global, ..config }
    };
    let private = ServiceKey::Fwmark { family: crate::model::Family::V4, mark: NonZeroU32::new(101).unwrap() };
    let mut without = with_path(1);
    without.checks.pop();
    let mut elsewhere = with_path(2);
    if let CheckKind::Path(probe) = &mut elsewhere.checks[1].kind {
        probe.mark = private.mark().unwrap();
    }
    for (what, after) in [("removed", without), ("for another server, with the same mark", elsewhere)] {
        let mut world = World::new(empty());
        configure(&mut world, marked(config(1, &[with_path(1)])));
        let calls = Load { others: 3, ..Load::default() };
        world.edit(|table| _ = table.loads.insert((private, server_key(1)), calls));
        world.events.clear();
        configure(&mut world, marked(config(1, &[after])));
        world.pass(Duration::from_secs(1));
        assert!(
            world
                .table
                .as_ref()
                .unwrap()
                .services
                .get(&private)
                .is_none_or(|left| left.server(server_key(1)).is_none())
        );
        let told = world.events.iter().find(|told| told.contains("leave") || told.contains("drain"));
        assert_eq!(told, None, "{what}");
        assert_eq!(world.kept, Kept::default(), "{what}");
    }
}

#[test]
fn a_path_that_fails_is_told_in_the_light_of_the_other_checks() {
    let mut world = World::new(empty());
    configure(&mut world, config(1, &[with_path(1)]));
    let (id, probe) = until_path(&mut world);
    assert!(world.engine.is_paved(&probe));
    world.probes.remove(&id);
    world.tell(Input::Probed(id, Outcome::PathRefused(Way::Direct, Directly::Untold)));
    let status = world.engine.servers(0);
    assert_eq!(status[0].health, Health::Down);
    let words = "answers at its own address, but refuses the connection to the virtual address";
    assert!(status[0].reason().starts_with(words), "{}", status[0].reason());
    let wanted = format!("192.0.2.1:80 by DR to 10.0.0.1:80 {words}");
    assert!(world.events.iter().any(|told| told.contains(&wanted)), "{:?}", world.events);
}

/// It is well to its clients, and stays; but somebody has to hear of it, once.
#[test]
fn a_server_that_answers_arp_is_up_and_named() {
    let mut world = World::new(empty());
    configure(&mut world, config(1, &[with_path(1)]));
    let tried = |world: &mut World, outcome: Outcome| {
        let (id, _) = until_path(world);
        world.probes.remove(&id);
        world.events.clear();
        world.tell(Input::Probed(id, outcome));
        let told = world.events.iter().filter(|told| told.contains("answer ARP") || told.contains("answers ARP"));
        told.cloned().collect::<Vec<_>>()
    };
    let answers = Outcome::AnswersArp("192.0.2.1".parse().unwrap());
    let begins = [format!("server 10.0.0.1:80 of tcp 192.0.2.1:80 works, but {answers}")];
    let ends = ["server 10.0.0.1:80 of tcp 192.0.2.1:80 does not answer ARP for 192.0.2.1 any more".to_owned()];
    let silent = Outcome::PathSilent(Way::Direct, Directly::Untold);
    assert_eq!(tried(&mut world, Outcome::Ok), Vec::<String>::new());
    let before = world.table.clone();
    for (outcome, told) in [
        (answers, &begins[..]),
        (answers, &[]),
        // Whether it still does, nobody knows while it is silent.
        (silent, &[]),
        (answers, &[]),
        (Outcome::NotTried(Obstacle::NoRoute), &[]),
        (answers, &[]),
        (Outcome::Ok, &ends),
        (Outcome::Ok, &[]),
        (answers, &begins),
    ] {
        assert_eq!(tried(&mut world, outcome), told, "{outcome}");
    }
    assert_eq!(world.table, before, "it has its connections");
    let status = world.engine.servers(0);
    assert_eq!(
        (status[0].health, status[0].reason(), status[0].flaw()),
        (Health::Up, answers.to_string(), Some(answers))
    );
    assert!(answers.to_string().starts_with("answers ARP for 192.0.2.1: "), "{answers}");
    // It is told of once more only if it ends: a reload is no end.
    let mut other = config(1, &[with_path(1)]);
    other.services[0].settings.scheduler = Scheduler::RoundRobin;
    configure(&mut world, other);
    assert_eq!(tried(&mut world, answers), Vec::<String>::new());
    assert_eq!(tried(&mut world, Outcome::Ok), ends);
    let status = world.engine.servers(0);
    assert_eq!((status[0].reason(), status[0].flaw()), ("accepts the connection".to_owned(), None));
}

/// Without it the packet would reach another server, and its answer would be taken for this one's.
#[test]
fn a_path_is_not_paved_by_anything_else_than_its_one_server() {
    let mut world = World::new(empty());
    configure(&mut world, config(1, &[with_path(1)]));
    let (_, probe) = until_path(&mut world);
    assert!(world.engine.is_paved(&probe));
    let other = PathProbe { server: server(2, true).key, ..probe.clone() };
    let elsewhere = PathProbe { mark: NonZeroU32::new(7).unwrap(), ..probe.clone() };
    let tunnelled = PathProbe { forwarding: Forwarding::Masquerade, ..probe };
    for unpaved in [other, elsewhere, tunnelled] {
        assert!(!world.engine.is_paved(&unpaved), "{unpaved}");
    }
}
