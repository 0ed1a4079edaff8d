//! Large tables are looked at piece by piece.

use super::held::many;
use super::*;

/// Twelve services of a hundred servers, in a table that was programmed a while ago.
pub(super) fn large() -> World {
    let servers = many(1200);
    let service =
        |(n, servers): (u8, &[ServerConfig])| ServiceConfig { key: key(n), ..config(1, servers).services.remove(0) };
    let services = (1..).zip(servers.chunks(100)).map(service).collect();
    let mut world = World::new(empty());
    let (ledger, kept) = Default::default();
    let options = Options { seed: 1, ledger, kept, probes: 10_000, scripts: 2, drift_interval: 5 * S };
    world.engine = Balancer::new(options, world.now);
    configure(&mut world, Config { services, ..Config::default() });
    world.pass(3 * S);
    assert_eq!(world.take_steps().len(), 1212);
    world
}

/// Up to the next piece.
pub(super) fn one_piece(world: &mut World) {
    let pieces = world.pieces;
    while world.pieces == pieces {
        world.pass(MS);
    }
}

#[test]
fn a_walk_that_finds_nothing_reads_nothing_else_and_pauses_between_its_pieces() {
    let mut world = large();
    world.edit(|table| {
        table.services.insert(key(50), Service::default());
    });
    let (reads, pieces) = (world.reads, world.pieces);
    one_piece(&mut world);
    let began = world.now;
    for _ in 1..7 {
        let before = world.now;
        one_piece(&mut world);
        assert!(world.now - before >= 5 * MS, "the loop has time for others");
    }
    assert_eq!((world.reads, world.pieces), (reads, pieces + 7), "two services in each");
    assert!(world.engine.observed().services.contains_key(&key(50)), "what is others' is known");
    world.edit(|table| {
        table.services.remove(&key(50));
    });
    one_piece(&mut world);
    assert!(world.now - began >= 5 * S, "one walk after the other, at the pace of looks");
    world.pass(30 * S);
    assert_eq!((world.reads, world.take_steps()), (reads, vec![]));
    assert!(!world.engine.observed().services.contains_key(&key(50)), "and forgotten when it has gone");
}

#[test]
fn what_a_walk_finds_is_put_right_after_two_looks_at_the_whole() {
    let mut world = large();
    let reads = world.reads;
    world.edit(|table| {
        table.services.remove(&key(12));
    });
    world.edit(|table| {
        let first = *table.services[&key(9)].servers().keys().next().unwrap();
        table.services.get_mut(&key(9)).unwrap().remove(first);
    });
    world.pass(10 * S);
    let steps = world.take_steps();
    assert_eq!(steps.len(), 102, "one server, and a service with its hundred: {steps:#?}");
    assert_eq!(world.reads, reads + 2);
    assert_eq!(world.engine.counts().repairs, 1);
    world.pass(20 * S);
    assert_eq!(world.reads, reads + 2, "then it is walked again");
}

#[test]
fn a_service_that_is_gone_is_missed_at_the_end() {
    let mut world = large();
    world.edit(|table| {
        table.services.remove(&key(3));
    });
    world.pass(10 * S);
    assert_eq!(world.take_steps().len(), 101);
}

#[test]
fn a_verdict_in_the_middle_of_a_walk_gets_to_the_kernel_at_once_and_is_no_difference() {
    let mut world = large();
    let reads = world.reads;
    one_piece(&mut world);
    // Of a service that was seen, and of one that was not.
    let targets: Vec<_> = [0, 11].map(|place| world.engine.config().services[place].servers[0].clone()).into();
    for server in &targets {
        for check in &server.checks {
            world.dead.insert(check.kind.connect().unwrap().target);
        }
    }
    let mut steps = Vec::new();
    while steps.len() < 2 {
        world.pass(10 * MS);
        steps.extend(world.take_steps());
    }
    assert!(steps.iter().all(|step| step.starts_with("delete server")), "{steps:#?}");
    world.pass(30 * S);
    assert_eq!((world.reads, world.take_steps()), (reads, vec![]));
}

#[test]
fn a_kernel_that_is_lost_in_the_middle_of_a_walk_is_told_of() {
    let mut world = large();
    one_piece(&mut world);
    let table = world.table.take();
    world.pass(S);
    assert!(world.events.iter().any(|event| event.contains("no ip_vs")), "{:#?}", world.events);
    world.table = table;
    world.pass(10 * S);
    assert_eq!(world.take_steps(), Vec::<String>::new());
}

#[test]
fn a_drain_that_begins_in_the_middle_of_a_walk_waits_for_connections_that_were_not_counted() {
    let mut world = large();
    let server = *world.table.as_ref().unwrap().services[&key(1)].servers().keys().next().unwrap();
    let talks = Load { established: 3, ..Load::default() };
    world.edit(|table| _ = table.loads.insert((key(1), server), talks));
    one_piece(&mut world);
    let now = world.now;
    world.engine.ask_for(&server.to_string(), None, Verb::Drain(None), now).unwrap();
    world.drain();
    world.pass(30 * S);
    let steps = world.take_steps();
    assert!(matches!(steps.as_slice(), [step] if step.ends_with("weight 1 -> 0")), "{steps:#?}");
    world.edit(|table| _ = table.loads.remove(&(key(1), server)));
    world.pass(30 * S);
    let steps = world.take_steps();
    assert!(matches!(steps.as_slice(), [step] if step.starts_with("delete server")), "{steps:#?}");
}

/// The same of one that the file names no more, and that serves on.
#[test]
fn a_drain_of_one_that_serves_on_waits_for_connections_that_were_not_counted() {
    let mut world = large();
    let mut next = world.engine.config().as_ref().clone();
    next.services[0].servers = many(1201).split_off(1200);
    let heir = SocketAddr::new(next.services[0].servers[0].key.address, 80);
    world.silent.insert(heir);
    let server = *world.table.as_ref().unwrap().services[&key(1)].servers().keys().next().unwrap();
    configure(&mut world, next);
    assert_eq!(world.take_steps(), Vec::<String>::new(), "they serve on");
    one_piece(&mut world);
    let talks = Load { established: 3, ..Load::default() };
    world.edit(|table| _ = table.loads.insert((key(1), server), talks));
    let now = world.now;
    world.engine.ask_for(&server.to_string(), None, Verb::Drain(None), now).unwrap();
    world.drain();
    world.pass(S);
    let steps = world.take_steps();
    assert!(matches!(steps.as_slice(), [step] if step.ends_with("weight 1 -> 0")), "{steps:#?}");
    world.edit(|table| _ = table.loads.remove(&(key(1), server)));
    world.pass(S);
    let steps = world.take_steps();
    assert!(matches!(steps.as_slice(), [step] if step.starts_with("delete server")), "{steps:#?}");
}

/// Ours in between, which make a look at the whole useless, do not keep drift from being repaired for ever.
#[test]
fn what_a_walk_finds_is_looked_at_again_at_once() {
    let mut world = large();
    world.edit(|table| {
        table.services.remove(&key(12));
    });
    let (reads, pieces) = (world.reads, world.pieces);
    while world.reads == reads {
        world.pass(MS);
    }
    let walked = world.pieces;
    assert!(walked > pieces);
    while world.reads == reads + 1 {
        world.pass(MS);
    }
    assert_eq!(world.pieces, walked, "no walk in between");
    assert_eq!(world.take_steps().len(), 101);
}

/// Whoever sets weights or drains one server after the other does not keep a large table from being looked at.
#[test]
fn what_is_wished_in_the_middle_of_a_walk_does_not_begin_it_anew() {
    let weight = Verb::Weight(Some(Weight::new(3).unwrap()));
    for (verb, walks) in [(weight, 1), (Verb::Disable, 1), (Verb::Drain(None), 2)] {
        let mut world = large();
        let server = *world.table.as_ref().unwrap().services[&key(1)].servers().keys().next().unwrap();
        one_piece(&mut world);
        let (pieces, begun) = (world.pieces, world.walks);
        let now = world.now;
        world.engine.ask_for(&server.to_string(), None, verb, now).unwrap();
        world.drain();
        while world.pieces < pieces + 5 {
            one_piece(&mut world);
            assert_eq!(world.walks, begun, "{verb:?}");
        }
        world.pass(S / 2);
        assert_eq!(world.walks - begun + 1, walks, "{verb:?}: what was drained is counted soon");
        let steps = world.take_steps();
        assert_eq!(steps.len(), walks as usize, "{steps:#?}");
    }
}

/// Its piece was read first, and others have come into it since: the end of the walk is not the end of it.
#[test]
fn a_service_that_leaves_is_looked_at_once_more_after_the_walk_that_finds_it_empty() {
    let mut world = large();
    let leavers: Vec<_> = world.table.as_ref().unwrap().services[&key(1)].servers().keys().copied().collect();
    let talks = Load { established: 3, ..Load::default() };
    world.edit(|table| table.loads.extend(leavers.iter().map(|server| ((key(1), *server), talks))));
    let mut next = world.engine.config().as_ref().clone();
    next.services.remove(0);
    configure(&mut world, next);
    world.pass(S);
    let emptied = world.take_steps().iter().filter(|step| step.ends_with("weight 1 -> 0")).count();
    assert_eq!(emptied, leavers.len());
    let other = server(201, false).key;
    assert!(!leavers.contains(&other));
    let begin_walk = |world: &mut World| {
        let (walks, pieces) = (world.walks, world.pieces);
        while world.walks == walks {
            one_piece(world);
        }
        world.pieces - pieces
    };
    begin_walk(&mut world);
    let pieces = begin_walk(&mut world);
    (1..pieces).for_each(|_| one_piece(&mut world));
    world.edit(|table| table.loads.clear());
    assert_eq!(begin_walk(&mut world), 1, "up to its first piece");
    world.edit(|table| table.services.get_mut(&key(1)).unwrap().put(other, weight(3)));
    world.pass(60 * S);
    let table = world.table.as_ref().unwrap();
    let left = table.services.get(&key(1)).map(|service| service.servers().keys().copied().collect::<Vec<_>>());
    assert_eq!(left, Some(vec![other]), "{:#?}", world.take_steps().last());
}
