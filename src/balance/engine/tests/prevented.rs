//! Checks that this host does not let be made, on timelines: nobody waits for ever for what they would say.

use super::rules::{SORRY, called, dies, guarded, sorry, weights};
use super::*;
use crate::model::{OnMissing, ScriptProbe};

fn said(world: &World, what: &str) -> usize {
    world.events.iter().filter(|event| event.contains(what)).count()
}

pub(super) fn prevented(config: Config) -> World {
    let mut world = World::new(empty());
    world.obstacle = Some(Obstacle::SourceAddress);
    configure(&mut world, config);
    world
}

/// A check by a script that nobody can start.
fn stuck(server: &mut ServerConfig) {
    let script =
        ScriptProbe { command: vec!["/stuck".to_owned()], user: None, dynamic: true, on_missing: OnMissing::Fail };
    server.checks[0].kind = CheckKind::Script(Box::new(script));
}

fn never_starts(world: &mut World) {
    world.scripts.insert("/stuck".to_owned(), ScriptOutcome::NotTried("no process".to_owned()));
}

#[test]
fn servers_that_cannot_be_checked_are_trusted_in_the_end_and_carry_the_quorum() {
    let mut world = prevented(guarded(sorry(false)));
    world.pass(3 * S);
    assert_eq!(weights(&world), [], "whatever is in the way may go");
    world.pass(4 * S);
    assert_eq!(weights(&world), [(1, 1), (2, 1), (3, 1)]);
    assert_eq!(said(&world, "it is trusted and gets connections"), 3, "{:#?}", world.events);
    let status = &world.engine.servers(0)[0];
    assert_eq!((status.health, status.prevented), (crate::balance::Health::Unknown, true), "nobody calls it well");
    assert!(status.reason().ends_with("it is trusted, as long as nothing can be found out"), "{}", status.reason());
    // The same file again, and a restart, move nothing.
    world.take_steps();
    configure(&mut world, guarded(sorry(false)));
    world.pass(60 * S);
    assert_eq!(world.take_steps(), [""; 0]);
    assert_eq!(said(&world, "it is trusted and gets connections"), 3, "told once");
    // From the first that is found out it goes by that.
    world.obstacle = None;
    dies(&mut world, &[1, 2]);
    assert_eq!(weights(&world), [(3, 0), (SORRY, 1)]);
    let told = called(&mut world);
    assert_eq!((told[0].as_str(), told[3].as_str(), told.len()), ("quorum-up", "quorum-down", 4), "{told:?}");
}

#[test]
fn those_that_must_prove_themselves_and_cannot_hold_no_quorum() {
    let mut config = guarded(sorry(false));
    config.services[0].servers.iter_mut().for_each(|server| server.alpha = true);
    let mut world = prevented(config);
    world.pass(60 * S);
    assert_eq!(weights(&world), [(SORRY, 1)]);
    assert_eq!(said(&world, "it has to prove itself (alpha)"), 3, "{:#?}", world.events);
    assert!(world.engine.servers(0)[0].reason().contains("alpha"));
    world.obstacle = None;
    dies(&mut world, &[]);
    assert_eq!(weights(&world), [(1, 1), (2, 1), (3, 1)]);
}

/// Two servers make the quorum, and of one nothing can be found out: the other decides, again and again.
#[test]
fn a_trusted_server_loses_no_quorum_and_wins_it_back() {
    let mut config = guarded(sorry(false));
    config.services[0].servers.truncate(2);
    stuck(&mut config.services[0].servers[1]);
    let mut world = World::new(empty());
    never_starts(&mut world);
    configure(&mut world, config);
    dies(&mut world, &[]);
    assert_eq!(weights(&world), [(1, 1), (2, 1)]);
    for _ in 0..2 {
        dies(&mut world, &[1]);
        assert_eq!(weights(&world), [(2, 0), (SORRY, 1)]);
        dies(&mut world, &[]);
        assert_eq!(weights(&world), [(1, 1), (2, 1)], "its weight was 0, and not because it failed");
    }
}

/// One check that speaks and one that cannot: the one that speaks decides.
#[test]
fn a_check_that_cannot_be_made_holds_up_none_that_can() {
    let mut config = guarded(sorry(false));
    let mut second = config.services[0].servers[0].clone();
    stuck(&mut second);
    config.services[0].servers.iter_mut().for_each(|server| server.checks.push(second.checks[0].clone()));
    let mut world = World::new(empty());
    never_starts(&mut world);
    configure(&mut world, config);
    dies(&mut world, &[]);
    assert_eq!(weights(&world), [(1, 1), (2, 1), (3, 1)]);
    dies(&mut world, &[1, 2]);
    assert_eq!(weights(&world), [(3, 0), (SORRY, 1)]);
    world.scripts.insert("/stuck".to_owned(), ScriptOutcome::Exited(1));
    dies(&mut world, &[]);
    assert_eq!(weights(&world), [(SORRY, 1)], "once it can be made it counts as any other");
}

/// A restart beside a sorry server that is in charge: those that cannot prove themselves take over in the end.
#[test]
fn a_sorry_server_that_was_found_in_charge_does_not_stay_for_ever() {
    let mut world = World::with(found(1, &[(3, 0), (SORRY, 1)]), Ledger::of(&guarded(sorry(false))));
    world.obstacle = Some(Obstacle::SourceAddress);
    configure(&mut world, guarded(sorry(false)));
    world.pass(2 * S);
    assert_eq!(weights(&world), [(3, 0), (SORRY, 1)]);
    world.pass(6 * S);
    assert_eq!(weights(&world), [(1, 1), (2, 1), (3, 1)]);
}

#[test]
fn those_who_watch_the_service_see_who_gets_connections() {
    let watched = TrackService { name: "web".to_owned(), service: key(1), condition: ServiceCondition::AnyUp };
    let mut world = prevented(Config { watched_services: vec![watched], ..guarded(sorry(false)) });
    world.pass(8 * S);
    let (_, health) = world.healths.last().unwrap();
    assert_eq!(health.map(|health| (health.servers, health.up)), Some((3, 3)));
}

/// Keys that cannot be read, names that are none: a mistake in what this host was told, and no reason to trust anybody.
#[test]
fn a_mistake_in_the_configuration_makes_nobody_trusted_and_takes_nobody_out() {
    use Obstacle::{Authorities, Expression, Identity, ServerName};
    for obstacle in [Authorities, Expression, Identity, ServerName] {
        let mut world = World::new(empty());
        world.obstacle = Some(obstacle);
        configure(&mut world, guarded(sorry(false)));
        world.pass(60 * S);
        assert_eq!(weights(&world), [(SORRY, 1)], "{obstacle}");
        assert_eq!(said(&world, "stays out until that is mended"), 3, "{:#?}", world.events);
        let status = &world.engine.servers(0)[0];
        assert!(status.reason().ends_with("it stays out until that is mended"), "{}", status.reason());
        world.obstacle = None;
        dies(&mut world, &[]);
        assert_eq!(weights(&world), [(1, 1), (2, 1), (3, 1)]);
        // What was found out before holds.
        world.obstacle = Some(obstacle);
        world.pass(60 * S);
        assert_eq!(weights(&world), [(1, 1), (2, 1), (3, 1)]);
        // And so does what another process, or keepalived, had found out.
        let mut world = World::with(found(1, &[(1, 1), (2, 1), (3, 1)]), Ledger::of(&guarded(sorry(false))));
        world.obstacle = Some(obstacle);
        configure(&mut world, guarded(sorry(false)));
        world.pass(60 * S);
        assert_eq!(weights(&world), [(1, 1), (2, 1), (3, 1)]);
    }
}

/// Whatever else keeps a check from being made after a mistake has: it is a mistake until something is found out.
#[test]
fn a_mistake_stays_one_until_something_is_found_out() {
    let mut world = World::new(empty());
    world.obstacle = Some(Obstacle::Expression);
    configure(&mut world, config(1, &[server(1, true), server(2, true)]));
    world.pass(10 * S);
    assert_eq!(weights(&world), []);
    world.obstacle = Some(Obstacle::ProcessFiles);
    world.pass(20 * S);
    assert_eq!(weights(&world), []);
    // And one that shows itself only after others were trusted.
    let mut world = prevented(guarded(sorry(false)));
    world.pass(10 * S);
    assert_eq!(weights(&world), [(1, 1), (2, 1), (3, 1)]);
    world.obstacle = Some(Obstacle::Expression);
    world.pass(20 * S);
    assert_eq!(weights(&world), [(1, 1), (2, 1), (3, 1)], "it stays as it is found");
    world.obstacle = None;
    world.pass(10 * S);
    assert_eq!(weights(&world), [(1, 1), (2, 1), (3, 1)]);
}
