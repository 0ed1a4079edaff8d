//! Dumps that miss what is there, as they do while somebody else edits the table.

use super::handovers::restart;
use super::walks::{large, one_piece};
use super::*;
use crate::balance::Departure;
use crate::balance::wishes::Hold;

const TO_ZERO: &str = "edit server 10.0.0.1:80 of tcp 192.0.2.1:80: weight 1 -> 0";
const GONE: &str = "delete server 10.0.0.1:80 from tcp 192.0.2.1:80";

/// What happens meanwhile does not see the first server.
fn without_the_first(world: &mut World, meanwhile: impl FnOnce(&mut World)) {
    let whole = world.table.clone();
    world.edit(|table| table.services.get_mut(&key(1)).unwrap().remove(server_key(1)));
    meanwhile(world);
    world.table = whole;
}

fn one_look(world: &mut World) {
    let reads = world.reads;
    while world.reads == reads {
        world.pass(10 * MS);
    }
}

fn hold(world: &World) -> Option<Hold> {
    world.engine.servers(0)[0].wish.and_then(|wish| wish.hold)
}

/// The first of two servers has three connections.
fn busy() -> World {
    let mut world = World::new(empty());
    configure(&mut world, config(1, &[server(1, true), server(2, true)]));
    world.pass(2 * S);
    world.load((1, 1), 3);
    world.take_steps();
    world
}

#[test]
fn a_dump_that_misses_a_server_does_not_end_its_drain() {
    let mut world = busy();
    world.ask(1, Verb::Drain(None));
    world.pass(S);
    assert_eq!(world.take_steps(), [TO_ZERO]);
    without_the_first(&mut world, one_look);
    world.pass(20 * S);
    assert_eq!(world.take_steps(), Vec::<String>::new());
    let left = |world: &World| match hold(world) {
        Some(Hold::Draining(drain)) => drain.left.map(|left| left.established),
        Some(Hold::Drained | Hold::Disabled) | None => None,
    };
    assert_eq!(left(&world), Some(3));
    // One that is gone indeed is missed twice.
    world.edit(|table| table.services.get_mut(&key(1)).unwrap().remove(server_key(1)));
    world.pass(20 * S);
    assert_eq!(hold(&world), Some(Hold::Drained));
}

#[test]
fn a_dump_that_misses_a_server_that_leaves_gives_it_no_more_time() {
    let mut world = busy();
    configure(&mut world, config(1, &[server(2, true)]));
    assert_eq!(world.take_steps(), [TO_ZERO]);
    let until = |world: &World| match world.engine.leaving(key(1), server_key(1)) {
        Some(Departure::Drains(drain)) => drain.until,
        Some(Departure::ServesOn) | None => None,
    };
    let before = until(&world);
    assert!(before.is_some());
    world.pass(5 * S);
    without_the_first(&mut world, one_look);
    world.pass(5 * S);
    assert_eq!((until(&world), world.take_steps()), (before, vec![]));
    world.pass(30 * S);
    assert_eq!(world.take_steps(), [GONE]);
}

/// Its service is named no more, and would go with it.
#[test]
fn a_dump_that_misses_a_server_that_leaves_does_not_take_its_service_away() {
    const SERVICE: &str = "delete service tcp 192.0.2.1:80";
    let leaving = || {
        let mut world = busy();
        configure(&mut world, Config::default());
        assert_eq!(world.take_steps(), [TO_ZERO, "delete server 10.0.0.2:80 from tcp 192.0.2.1:80"]);
        world
    };
    let mut world = leaving();
    without_the_first(&mut world, |world| configure(world, Config::default()));
    assert_eq!(world.take_steps(), Vec::<String>::new());
    world.pass(5 * S);
    without_the_first(&mut world, one_look);
    world.pass(20 * S);
    assert_eq!(world.take_steps(), Vec::<String>::new());
    world.pass(10 * S);
    assert_eq!(world.take_steps(), [SERVICE], "its time is over");
    // It goes with one that is gone indeed.
    let mut world = leaving();
    world.edit(|table| table.services.get_mut(&key(1)).unwrap().remove(server_key(1)));
    configure(&mut world, Config::default());
    assert_eq!(world.take_steps(), Vec::<String>::new());
    world.pass(5 * S);
    assert_eq!(world.take_steps(), [SERVICE]);
}

#[test]
fn a_piece_that_misses_a_server_does_not_end_its_drain() {
    let mut world = large();
    let server = *world.table.as_ref().unwrap().services[&key(1)].servers().keys().next().unwrap();
    let talks = Load { established: 3, ..Load::default() };
    world.edit(|table| _ = table.loads.insert((key(1), server), talks));
    let now = world.now;
    world.engine.ask_for(&server.to_string(), None, Verb::Drain(None), now).unwrap();
    world.drain();
    let whole = world.table.clone();
    world.edit(|table| table.services.get_mut(&key(1)).unwrap().remove(server));
    one_piece(&mut world);
    world.table = whole;
    world.pass(20 * S);
    // A service that is missed goes the same way.
    let whole = world.table.clone();
    let reads = world.reads;
    world.edit(|table| _ = table.services.remove(&key(1)));
    while world.reads == reads {
        world.pass(MS);
    }
    world.table = whole;
    world.pass(60 * S);
    let deleted: Vec<_> = world.take_steps().into_iter().filter(|step| step.starts_with("delete")).collect();
    assert_eq!(deleted, Vec::<String>::new());
}

#[test]
fn a_server_that_the_dump_after_a_reload_misses_is_ours_until_it_is_missed_twice() {
    let mut world = World::new(empty());
    configure(&mut world, config(1, &[server(1, false), server(2, false)]));
    world.take_steps();
    without_the_first(&mut world, |world| configure(world, config(1, &[server(2, false)])));
    world.pass(S);
    assert_eq!(world.take_steps(), [GONE]);
    assert!(!world.engine.ledger().has_server(key(1), server_key(1)));
}

#[test]
fn a_service_that_the_dump_after_a_reload_misses_is_ours_until_it_is_missed_twice() {
    let mut world = World::new(empty());
    configure(&mut world, config(1, &[server(1, false)]));
    world.take_steps();
    let whole = world.table.clone();
    world.table = empty();
    configure(&mut world, Config::default());
    world.table = whole;
    world.pass(S);
    assert_eq!(world.take_steps(), ["delete service tcp 192.0.2.1:80"]);
    assert!(world.engine.ledger().is_empty());
    let reads = world.reads;
    world.pass(60 * S);
    assert_eq!(world.reads, reads, "nothing is left to look for");
}

#[test]
fn what_the_first_dump_of_a_start_misses_is_ours_until_it_is_missed_twice() {
    let mut world = World::new(empty());
    configure(&mut world, config(1, &[server(1, false), server(2, false)]));
    world.take_steps();
    without_the_first(&mut world, |world| restart(world, config(1, &[server(2, false)])));
    world.pass(S);
    assert_eq!(world.take_steps(), [GONE]);
    // What is gone indeed is forgotten.
    world.edit(|table| table.services.get_mut(&key(1)).unwrap().remove(server_key(2)));
    restart(&mut world, config(1, &[server(3, false)]));
    assert!(world.engine.ledger().has_server(key(1), server_key(2)));
    world.pass(S);
    assert!(!world.engine.ledger().has_server(key(1), server_key(2)));
    assert!(!world.ledgers.last().unwrap().has_server(key(1), server_key(2)), "and that is written down");
}

/// The sorry server that is found in charge is not seen by a dump that failed.
#[test]
fn while_no_dump_has_come_nothing_is_said_of_the_table() {
    let mut config = config(1, &[server(1, true)]);
    *config.services[0].rules = rules::sorry(false);
    let watched = TrackService { name: "web".to_owned(), service: key(1), condition: ServiceCondition::AnyUp };
    config.watched_services = vec![watched];
    let mut world = World::with(found(1, &[(9, 1)]), Ledger::of(&config));
    world.silent.insert(SocketAddr::new(server_key(1).address, 80));
    world.garbled = true;
    configure(&mut world, config);
    world.pass(2 * S);
    assert_eq!((world.healths.len(), world.notices.len()), (0, 0));
    world.garbled = false;
    world.pass(30 * S);
    assert_eq!(world.take_steps(), Vec::<String>::new());
    assert_eq!(world.healths.len(), 1);
    // What was read once is known, though it cannot be read now.
    world.garbled = true;
    world.silent.clear();
    world.pass(30 * S);
    assert_eq!(world.healths.len(), 2);
}

/// Somebody edits our entries all the time, so that no two looks agree.
#[test]
fn a_large_table_that_never_looks_the_same_is_not_read_all_the_time() {
    let mut world = large();
    let first = *world.table.as_ref().unwrap().services[&key(1)].servers().keys().next().unwrap();
    world.takes = 100 * MS;
    let (reads, end) = (world.reads, world.now + 60 * S);
    for n in 2.. {
        if world.now >= end {
            break;
        }
        world.edit(|table| table.services.get_mut(&key(1)).unwrap().put(first, weight(n)));
        world.pass(10 * MS);
    }
    let reads = world.reads - reads;
    assert!((2..=10).contains(&reads), "{reads} times in a minute");
    world.pass(60 * S);
    assert_eq!(world.engine.counts().repairs, 1, "it is put right once that is over");
}

/// Who may not look does not know that nothing is left.
#[test]
fn what_cannot_be_looked_at_is_ours_still() {
    let mut world = World::new(empty());
    configure(&mut world, config(1, &[server(1, false)]));
    world.take_steps();
    world.barred = true;
    restart(&mut world, Config::default());
    assert_eq!((world.settled, world.ready), (2, 2), "nobody waits for it");
    world.pass(60 * S);
    assert_eq!(world.events.iter().filter(|event| event.contains("EPERM")).count(), 1, "{:#?}", world.events);
    world.barred = false;
    world.pass(5 * S);
    assert_eq!(world.take_steps(), ["delete service tcp 192.0.2.1:80"]);
    assert!(world.engine.ledger().is_empty());
    // Without IPVS there is nothing.
    configure(&mut world, config(1, &[server(1, false)]));
    world.table = None;
    restart(&mut world, Config::default());
    assert!(world.engine.ledger().is_empty());
    assert_eq!((world.settled, world.ready), (4, 3));
}

/// At its first look a process has nothing to compare with.
#[test]
fn a_first_look_that_misses_a_server_does_not_end_its_drain() {
    let mut world = busy();
    world.ask(1, Verb::Drain(None));
    world.pass(S);
    assert_eq!(world.take_steps(), [TO_ZERO]);
    let same = || config(1, &[server(1, true), server(2, true)]);
    without_the_first(&mut world, |world| restart(world, same()));
    world.take_steps();
    world.pass(20 * S);
    assert_eq!(world.take_steps(), Vec::<String>::new());
    assert!(matches!(hold(&world), Some(Hold::Draining(_))), "{:?}", hold(&world));
}

/// The same of one that leaves: its time goes on.
#[test]
fn a_first_look_that_misses_a_server_that_leaves_gives_it_no_more_time() {
    let mut world = busy();
    let next = || config(1, &[server(2, true)]);
    configure(&mut world, next());
    assert_eq!(world.take_steps(), [TO_ZERO]);
    world.pass(20 * S);
    without_the_first(&mut world, |world| restart(world, next()));
    world.pass(8 * S);
    assert_eq!(world.take_steps(), Vec::<String>::new());
    world.pass(4 * S);
    assert_eq!(world.take_steps(), [GONE]);
}

/// Whether the look that ends a drain shows what else has come into the service, or nobody has looked since.
#[test]
fn a_service_that_leaves_is_not_deleted_with_what_others_have_put_into_it() {
    for ends_by_itself in [true, false] {
        let mut world = busy();
        configure(&mut world, Config::default());
        world.pass(20 * S);
        let table = world.table.as_mut().unwrap();
        if ends_by_itself {
            table.loads.clear();
        } else {
            // It is looked at no more before the time is up.
            world.engine.look_at = world.now + 3600 * S;
        }
        let (key, service) = table.services.iter_mut().next().unwrap();
        let (key, other) = (*key, server(9, false).key);
        service.put(other, weight(3));
        world.pass(60 * S);
        let table = world.table.as_ref().unwrap();
        let left = table.services.get(&key).map(|service| service.servers().keys().copied().collect::<Vec<_>>());
        assert_eq!(left, Some(vec![other]), "{ends_by_itself}: {:#?}", world.take_steps());
    }
}
