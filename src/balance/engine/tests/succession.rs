//! Reloads that name nobody whom one knows, and sorry servers that are needed no more: no service is without a server for that.

use super::handovers::{restart, tell_only};
use super::rules::{SORRY, called, dies, guarded, sorry, weights};
use super::*;
use crate::balance::Health;
use crate::balance::leaving::Departure;
use crate::model::{Persistence, Rules};

fn of(servers: &[u8]) -> Config {
    config(1, &servers.iter().map(|n| server(*n, true)).collect::<Vec<_>>())
}

fn address(n: u8) -> SocketAddr {
    SocketAddr::new(server_key(n).address, 80)
}

/// Servers that are up and have connections.
fn serving(config: Config) -> World {
    let mut world = World::new(empty());
    configure(&mut world, config);
    world.pass(2 * S);
    world.load((1, 1), 3);
    world.take_steps();
    called(&mut world);
    world.events.clear();
    world
}

fn departure(world: &World, n: u8) -> Option<Departure> {
    world.engine.leaving(key(1), server_key(n))
}

fn edited(mut config: Config, edit: impl FnOnce(&mut ServiceConfig)) -> Config {
    edit(&mut config.services[0]);
    config
}

#[test]
fn those_that_are_named_no_more_serve_until_one_that_is_new_is_up() {
    let mut world = serving(of(&[1, 2]));
    world.silent.insert(address(4));
    configure(&mut world, of(&[3, 4]));
    assert_eq!(world.take_steps(), [""; 0]);
    assert_eq!(weights(&world), [(1, 1), (2, 1)]);
    assert_eq!(departure(&world, 1), Some(Departure::ServesOn));
    // The second has got a connection meanwhile, which nobody has counted.
    world.load((1, 2), 1);
    world.pass_until(2 * S, |world| !world.steps.is_empty());
    assert_eq!(
        world.take_steps(),
        [
            "add server 10.0.0.3:80 (NAT, weight 1) to tcp 192.0.2.1:80",
            "edit server 10.0.0.1:80 of tcp 192.0.2.1:80: weight 1 -> 0",
            "edit server 10.0.0.2:80 of tcp 192.0.2.1:80: weight 1 -> 0",
        ]
    );
    assert!(matches!(departure(&world, 1), Some(Departure::Drains(_))));
    assert_eq!(world.kept.leaving.len(), 2, "the next process knows");
    world.load((1, 2), 0);
    world.pass(2 * S);
    assert_eq!(weights(&world), [(1, 0), (3, 1)]);
    world.pass(30 * S);
    assert_eq!(weights(&world), [(3, 1)]);
    let told: Vec<_> = world.events.iter().filter(|event| event.contains("10.0.0.1:80")).collect();
    assert!(told[0].contains("serves on until those that are new have been checked"), "{told:#?}");
    assert!(told[1].contains("is relieved") && told[1].contains("after 30 s at the latest"), "{told:#?}");
    assert!(told[2].contains("has no more time") && told.len() == 3, "{told:#?}");
}

/// Whoever stays in the file and is up is enough; whoever stays and is down is not.
#[test]
fn one_that_stays_and_is_up_relieves_the_others_at_once() {
    let mut world = serving(of(&[1, 2]));
    configure(&mut world, of(&[2, 3]));
    assert_eq!(weights(&world), [(1, 0), (2, 1)]);
    let mut world = serving(of(&[1, 2]));
    dies(&mut world, &[2]);
    configure(&mut world, of(&[2, 3]));
    assert_eq!(weights(&world), [(1, 1)]);
    world.pass(2 * S);
    assert_eq!(weights(&world), [(1, 0), (3, 1)]);
    // One without checks needs no proof.
    let mut world = serving(of(&[1, 2]));
    configure(&mut world, config(1, &[server(3, false)]));
    assert_eq!(weights(&world), [(1, 0), (3, 1)]);
}

#[test]
fn it_ends_when_all_that_are_new_are_found_down_and_then_the_sorry_server_steps_in() {
    for last_resort in [false, true] {
        for alpha in [false, true] {
            let file = |servers: &[u8]| {
                edited(of(servers), |service| {
                    *service.rules = if last_resort { sorry(false) } else { Rules::default() };
                    service.servers.iter_mut().for_each(|server| server.alpha = alpha);
                })
            };
            let mut world = serving(file(&[1, 2]));
            world.dead.insert(address(3));
            world.silent.insert(address(4));
            configure(&mut world, file(&[3, 4]));
            world.pass(2 * S);
            assert_eq!(weights(&world), [(1, 1), (2, 1)], "of one nothing is known yet");
            assert!(!world.events.iter().any(|event| event.contains("quorum")), "{:#?}", world.events);
            world.pass_until(30 * S, |world| !world.steps.is_empty());
            let steps = world.take_steps();
            let rest: &[(u8, u32)] = if last_resort { &[(1, 0), (2, 0), (SORRY, 1)] } else { &[(1, 0), (2, 0)] };
            assert_eq!(weights(&world), rest, "in one batch: {steps:#?}");
            world.pass(60 * S);
            assert_eq!(weights(&world), &rest[2..]);
            world.dead.clear();
            world.pass(8 * S);
            assert_eq!(weights(&world), [(3, 1)]);
        }
    }
}

/// One that is up is not enough where two make the quorum: the sorry server does not come for a moment.
#[test]
fn they_serve_until_the_quorum_is_whole() {
    let file = |servers: [u8; 3]| {
        edited(guarded(sorry(false)), |service| {
            for (server, n) in service.servers.iter_mut().zip(servers) {
                *server = ServerConfig { alpha: true, ..self::server(n, true) };
            }
        })
    };
    let mut world = serving(file([1, 2, 3]));
    world.silent.insert(address(5));
    world.dead.insert(address(6));
    configure(&mut world, file([4, 5, 6]));
    world.pass(2 * S);
    assert_eq!(weights(&world), [(1, 1), (2, 1), (3, 1), (4, 1)]);
    world.silent.clear();
    world.pass_until(30 * S, |world| weights(world).contains(&(5, 1)));
    assert_eq!(weights(&world), [(1, 0), (2, 0), (3, 0), (4, 1), (5, 1)]);
    assert!(!world.steps.iter().any(|step| step.contains("10.0.0.9:80")), "{:#?}", world.steps);
    assert_eq!(called(&mut world), [""; 0], "no quorum was lost");
}

/// A floor puts in servers that failed where nothing better is left, and those that serve on are better.
#[test]
fn a_floor_relieves_nobody_with_servers_that_failed() {
    for (turns_out_well, rest) in [(false, 2), (true, 1)] {
        let file = |servers: &[u8]| edited(of(servers), |service| service.floor = Some("2".parse().unwrap()));
        let mut world = serving(file(&[1, 2, 3]));
        world.dead.extend([4, 5].map(address));
        world.silent.insert(address(6));
        configure(&mut world, file(&[4, 5, 6]));
        world.pass(2 * S);
        assert_eq!(world.take_steps(), [""; 0]);
        assert_eq!(weights(&world), [(1, 1), (2, 1), (3, 1)]);
        if turns_out_well {
            world.silent.clear();
        }
        world.pass_until(30 * S, |world| !world.steps.is_empty());
        let now = weights(&world);
        assert_eq!(now[..3], [(1, 0), (2, 0), (3, 0)]);
        // And then it is as ever: in the same batch, as many as the floor asks for.
        assert_eq!(now.len(), 5, "{now:?}");
        assert_eq!(now[4], (6, 1));
        let down = world.engine.servers(0).iter().filter(|status| status.kept).count();
        assert_eq!(down, rest, "{now:?}");
    }
}

/// Where those are gone that serve on, whoever sent them away, the floor is asked again.
#[test]
fn a_floor_goes_without_those_that_were_sent_away() {
    let file = |servers: &[u8]| {
        edited(of(servers), |service| {
            service.floor = Some("2".parse().unwrap());
            service.servers.iter_mut().for_each(|server| server.checks[0].timeout = 60 * S);
        })
    };
    for by_hand in [false, true] {
        let mut world = serving(file(&[1, 2]));
        world.dead.extend([4, 5].map(address));
        world.silent.insert(address(6));
        configure(&mut world, file(&[4, 5, 6]));
        world.pass(2 * S);
        assert_eq!(weights(&world), [(1, 1), (2, 1)]);
        if by_hand {
            world.edit(|table| {
                let service = table.services.get_mut(&key(1)).unwrap();
                [1, 2].into_iter().for_each(|n| service.remove(server_key(n)));
            });
            world.pass_until(12 * S, |world| !weights(world).is_empty());
            assert!(world.engine.servers(0)[2].health == Health::Unknown, "it may yet turn out well");
        } else {
            world.ask(1, Verb::Disable);
            assert_eq!(weights(&world), [(2, 1)]);
            world.ask(2, Verb::Disable);
        }
        let now = weights(&world);
        assert!(now.len() == 1 && [(4, 1), (5, 1)].contains(&now[0]), "{now:?}");
    }
}

/// It was there before, and its connections are: nothing is put in, and nothing taken out.
#[test]
fn what_a_floor_kept_before_stays_beside_those_that_serve_on() {
    let file = |servers: &[u8]| edited(of(servers), |service| service.floor = Some("1".parse().unwrap()));
    let mut world = serving(file(&[1, 2]));
    world.dead.insert(address(1));
    world.pass(8 * S);
    world.dead.insert(address(2));
    world.pass(8 * S);
    assert_eq!(weights(&world), [(2, 1)]);
    // The one that a floor keeps is no heir.
    world.silent.insert(address(3));
    configure(&mut world, file(&[2, 3]));
    assert_eq!(weights(&world), [(2, 1)]);
    configure(&mut world, file(&[3]));
    assert_eq!(weights(&world), [(2, 1)]);
    assert_eq!(departure(&world, 2), Some(Departure::ServesOn));
    world.dead.insert(address(4));
    configure(&mut world, file(&[3, 4]));
    world.pass(2 * S);
    assert_eq!(weights(&world), [(2, 1)]);
    // The operator sends away who serves on: then there is nobody but those that failed.
    world.silent.clear();
    world.dead.insert(address(3));
    world.ask(2, Verb::Disable);
    world.pass(10 * S);
    assert_eq!(weights(&world).len(), 1, "{:?}", weights(&world));
    assert!(weights(&world)[0].0 > 2);
}

/// While the sorry server is in charge nobody has to serve on.
#[test]
fn a_sorry_server_that_is_in_charge_stays_in_charge() {
    let file = |servers: &[u8]| edited(of(servers), |service| *service.rules = sorry(false));
    let mut world = serving(file(&[1, 2]));
    dies(&mut world, &[1, 2]);
    assert_eq!(weights(&world), [(SORRY, 1)]);
    world.silent.insert(address(3));
    configure(&mut world, file(&[3]));
    assert_eq!(weights(&world), [(SORRY, 1)]);
    world.silent.clear();
    world.pass(30 * S);
    assert_eq!(weights(&world), [(3, 1)]);
}

#[test]
fn without_a_drain_they_serve_and_are_gone_at_once() {
    let file = |servers: &[u8]| edited(of(servers), |service| service.handover.drain = Some(Duration::ZERO));
    let mut world = serving(file(&[1, 2]));
    configure(&mut world, file(&[3]));
    assert_eq!(weights(&world), [(1, 1), (2, 1)]);
    world.pass_until(2 * S, |world| !world.steps.is_empty());
    assert_eq!(weights(&world), [(3, 1)]);
}

#[test]
fn another_reload_and_a_restart_in_between_lose_nobody() {
    let mut world = serving(of(&[1, 2]));
    world.silent.insert(address(3));
    configure(&mut world, of(&[3]));
    configure(&mut world, of(&[3]));
    restart(&mut world, of(&[3]));
    assert_eq!(weights(&world), [(1, 1), (2, 1)]);
    assert_eq!(departure(&world, 2), Some(Departure::ServesOn));
    // Others are wanted again, and then it was a mistake after all.
    world.silent.insert(address(4));
    configure(&mut world, of(&[4]));
    assert_eq!(weights(&world), [(1, 1), (2, 1)]);
    configure(&mut world, of(&[1, 2]));
    world.pass(60 * S);
    assert_eq!(world.take_steps(), [""; 0]);
    assert_eq!(departure(&world, 1), None);
    // A service that is gone itself needs nobody.
    configure(&mut world, of(&[3]));
    assert_eq!(departure(&world, 1), Some(Departure::ServesOn));
    configure(&mut world, Config::default());
    assert_eq!(weights(&world), [(1, 0), (2, 0)]);
    world.pass(60 * S);
    assert!(world.table.as_ref().unwrap().services.is_empty());
}

/// What will never be known is not waited for.
#[test]
fn those_of_whom_nothing_will_be_known_relieve_them() {
    for alpha in [false, true] {
        let file = |n: u8| edited(of(&[n]), |service| service.servers[0].alpha = alpha);
        let mut world = serving(file(1));
        world.obstacle = Some(Obstacle::SourceAddress);
        configure(&mut world, file(3));
        world.pass(3 * S);
        assert_eq!(weights(&world), [(1, 1)]);
        world.pass(5 * S);
        let trusted: &[(u8, u32)] = if alpha { &[(1, 0)] } else { &[(1, 0), (3, 1)] };
        assert_eq!(weights(&world), trusted);
    }
    // Nor for one that the operator keeps out.
    let mut world = serving(of(&[1, 3]));
    dies(&mut world, &[3]);
    world.ask(3, Verb::Disable);
    configure(&mut world, of(&[3]));
    assert_eq!(weights(&world), [(1, 0)]);
}

#[test]
fn a_router_that_watches_the_service_hears_of_no_outage() {
    let watched = || TrackService { name: "web".to_owned(), service: key(1), condition: ServiceCondition::AnyUp };
    let file = |servers: &[u8]| Config { watched_services: vec![watched()], ..of(servers) };
    let mut world = serving(file(&[1, 2]));
    configure(&mut world, file(&[3]));
    world.pass(30 * S);
    let ups: Vec<_> = world.healths.iter().filter_map(|(_, health)| Some(health.as_ref()?.up)).collect();
    assert_eq!(ups[..3], [0, 1, 2], "{ups:?}");
    assert!(ups.len() > 3 && ups[3..].iter().all(|up| *up == 1), "never more than are configured: {ups:?}");
}

/// A reload that comes while steps are on their way counts connections as any other.
#[test]
fn a_reload_in_the_middle_of_another_cuts_off_nobody() {
    let mut world = serving(of(&[1, 2]));
    let heavier = edited(of(&[1, 2]), |service| service.servers[1].settings = weight(5));
    tell_only(&mut world, Input::Configure(Arc::new(heavier)));
    let mut plan = None;
    while let Some(output) = world.engine.poll_output() {
        if output == Output::Read {
            let table = world.table.clone().unwrap();
            tell_only(&mut world, Input::Read(table));
        } else if let Output::Apply(steps) = output {
            plan = Some(steps);
        }
    }
    let plan = plan.expect("a step that is on its way");
    tell_only(&mut world, Input::Configure(Arc::new(of(&[2]))));
    world.drain();
    assert_eq!(world.take_steps(), [""; 0], "one batch at a time");
    world.edit(|table| plan.steps.iter().for_each(|step| step.apply_to(table)));
    world.tell(Input::Applied(vec![StepOutcome::Done]));
    assert_eq!(weights(&world), [(1, 0), (2, 1)]);
}

/// A sorry server that was in charge, with so many connections.
fn sorry_in_charge(edit: impl Fn(&mut ServiceConfig), connections: u64) -> World {
    let mut world = serving(edited(edited(of(&[1]), |service| *service.rules = sorry(false)), edit));
    dies(&mut world, &[1]);
    assert_eq!(weights(&world), [(SORRY, 1)]);
    world.load((1, SORRY), connections);
    world.dead.clear();
    world.take_steps();
    world.events.clear();
    world.pass_until(8 * S, |world| weights(world).contains(&(1, 1)));
    world
}

#[test]
fn a_sorry_server_finishes_what_it_has() {
    let mut world = sorry_in_charge(|_| {}, 2);
    assert_eq!(weights(&world), [(1, 1), (SORRY, 0)]);
    assert!(matches!(departure(&world, SORRY), Some(Departure::Drains(_))));
    world.pass(10 * S);
    assert_eq!(weights(&world), [(1, 1), (SORRY, 0)]);
    // A reload, and the next process, know of it.
    let file = edited(of(&[1]), |service| *service.rules = sorry(false));
    configure(&mut world, file.clone());
    restart(&mut world, file.clone());
    assert_eq!(weights(&world), [(1, 1), (SORRY, 0)]);
    world.load((1, SORRY), 0);
    world.pass(3 * S);
    assert_eq!(weights(&world), [(1, 1)]);
    assert_eq!(departure(&world, SORRY), None);
    assert!(!world.steps.iter().any(|step| step.contains("0 -> 1")), "{:#?}", world.steps);

    // Its time is that of a removal.
    let mut world = sorry_in_charge(|_| {}, 2);
    world.pass(30 * S);
    assert_eq!(weights(&world), [(1, 1)]);
    assert!(world.events.iter().any(|event| event.ends_with("cut off are 2 connections")), "{:#?}", world.events);

    // One that has nothing is gone in a moment.
    let mut world = sorry_in_charge(|_| {}, 0);
    world.pass(S / 2);
    assert_eq!(weights(&world), [(1, 1)]);
}

#[test]
fn a_sorry_server_that_is_needed_again_takes_connections_again() {
    let mut world = sorry_in_charge(|_| {}, 2);
    world.take_steps();
    dies(&mut world, &[1]);
    assert_eq!(weights(&world), [(SORRY, 1)]);
    assert_eq!(
        world.take_steps(),
        [
            "edit server 10.0.0.9:80 of tcp 192.0.2.1:80: weight 0 -> 1",
            "delete server 10.0.0.1:80 from tcp 192.0.2.1:80"
        ]
    );
    world.pass(60 * S);
    assert_eq!(weights(&world), [(SORRY, 1)], "its time is not up, for it does not leave");
    dies(&mut world, &[]);
    assert_eq!(weights(&world), [(1, 1), (SORRY, 0)], "and it has its whole time again");
    assert!(world.kept.leaving.len() == 1);
}

#[test]
fn without_a_drain_a_sorry_server_goes_at_once_and_with_inhibit_it_stays() {
    let world = sorry_in_charge(|service| service.handover.drain = Some(Duration::ZERO), 2);
    assert_eq!(weights(&world), [(1, 1)]);
    // Clients that are bound to it would come to it again and again.
    let world = sorry_in_charge(binding, 2);
    assert_eq!(weights(&world), [(1, 1)]);
    let mut world = sorry_in_charge(|service| *service.rules = sorry(true), 2);
    assert_eq!(weights(&world), [(1, 1), (SORRY, 0)]);
    assert_eq!(departure(&world, SORRY), None);
    world.load((1, SORRY), 0);
    world.pass(60 * S);
    assert_eq!(weights(&world), [(1, 1), (SORRY, 0)]);
}

fn binding(service: &mut ServiceConfig) {
    let timeout_secs = std::num::NonZeroU32::new(300).unwrap();
    service.settings.persistence = Some(Persistence { timeout_secs, prefix_len: 32, engine: None });
}

/// Where the kernel binds nobody to a server at weight 0, a sorry server of a persistent service finishes what it has, too. That
/// is asked of the table as it was read last, whole or piece by piece.
#[test]
fn a_sorry_server_that_binds_nobody_finishes_what_it_has() {
    for large in [false, true] {
        let file = || {
            let mut file = edited(edited(of(&[1]), |service| *service.rules = sorry(false)), binding);
            let crowd: Vec<_> = (20..=119).map(|n| server(n, false)).collect();
            let other = |n| ServiceConfig { key: key(n), ..config(1, &crowd).services.remove(0) };
            let others = (2..=11).filter(|_| large).map(other);
            file.services.extend(others);
            file
        };
        let mut world = serving(file());
        assert_eq!(world.engine.is_table_large(), large);
        let turn = |world: &mut World, expires: bool| {
            world.dead.clear();
            dies(world, &[1]);
            assert_eq!(weights(world), [(SORRY, 1)]);
            world.load((1, SORRY), 2);
            world.edit(|table| table.expires_quiescent = expires);
            let walks = world.walks;
            world.pass(60 * S);
            assert_eq!(world.walks > walks, large);
            world.dead.clear();
            world.pass_until(8 * S, |world| weights(world).contains(&(1, 1)));
        };
        turn(&mut world, true);
        assert_eq!(weights(&world), [(1, 1), (SORRY, 0)]);
        assert!(matches!(departure(&world, SORRY), Some(Departure::Drains(_))));
        world.load((1, SORRY), 0);
        world.pass(10 * S);
        assert_eq!(weights(&world), [(1, 1)]);
        turn(&mut world, false);
        assert_eq!(weights(&world), [(1, 1)], "they would come to it again and again");
    }
}

/// What a reload removes is drained as any server that it removes, also if it was in charge.
#[test]
fn a_sorry_server_that_a_reload_removes_finishes_what_it_has() {
    let mut world = serving(edited(of(&[1]), |service| *service.rules = sorry(false)));
    dies(&mut world, &[1]);
    world.load((1, SORRY), 2);
    configure(&mut world, of(&[1]));
    assert_eq!(weights(&world), [(SORRY, 0)]);
    world.pass(30 * S);
    assert_eq!(weights(&world), []);
}
