//! Thousands of servers at once.

use super::held::many;
use super::*;
use crate::balance::Health;

/// So many servers in services of 300, each of which may owe its answer for long.
fn crowd(servers: u16) -> Config {
    let mut servers = many(servers);
    for check in servers.iter_mut().flat_map(|server| &mut server.checks) {
        check.timeout = 30 * S;
        check.retry = 0;
    }
    let service =
        |(n, servers): (u8, &[ServerConfig])| ServiceConfig { key: key(n), ..config(1, servers).services.remove(0) };
    Config { services: (1..).zip(servers.chunks(300)).map(service).collect(), ..Config::default() }
}

#[test]
fn thousands_that_die_in_one_turn_leave_in_one_batch_before_any_new_probe_begins() {
    let mut world = World::new(empty());
    let (ledger, kept) = Default::default();
    let options = Options { seed: 1, ledger, kept, probes: 10_000, scripts: 2, drift_interval: 5 * S };
    world.engine = Balancer::new(options, world.now);
    configure(&mut world, crowd(6000));
    world.pass(8 * S);
    assert_eq!(world.take_steps().len(), 6020, "20 services with 300 servers each");
    while world.probes.len() < 6000 {
        world.now = world.engine.poll_timeout().unwrap();
        world.tell(Input::Wake);
    }
    assert_eq!(world.take_steps(), Vec::<String>::new());

    let now = world.now;
    for (n, probe) in std::mem::take(&mut world.probes).into_iter().enumerate() {
        let outcome = if n % 6 == 0 { Outcome::Ok } else { Outcome::Reset };
        world.engine.handle(Input::Probed(probe, outcome), now);
    }
    // All that are well are due again by now.
    world.engine.handle(Input::Wake, now + 6 * S);
    let (mut batches, mut started) = (Vec::new(), 0_usize);
    while let Some(output) = world.engine.poll_output() {
        match output {
            Output::Apply(plan) => {
                assert_eq!(world.engine.verdict_at(), Some(now));
                assert_eq!(started, 0, "a verdict waits for a probe");
                assert!(plan.steps.iter().all(|step| matches!(step, Step::DeleteServer { .. })));
                batches.push(plan.steps.len());
                world.engine.handle(Input::Applied(vec![StepOutcome::Done; plan.steps.len()]), now + 6 * S);
            }
            Output::StartProbe { due_at, .. } => {
                assert_eq!(due_at, now + 6 * S);
                started += 1;
            }
            Output::Event(Event::ServerDown { .. }) => {}
            other @ (Output::CancelProbe(_)
            | Output::Read
            | Output::ReadPiece { .. }
            | Output::WriteLedger
            | Output::WriteWishes
            | Output::Event(_)
            | Output::Settled
            | Output::Ready
            | Output::Stopped
            | Output::ServiceHealth(..)
            | Output::Notify(_)
            | Output::Fifo(_)) => panic!("{other:?}"),
        }
    }
    assert_eq!(batches, [5000]);
    // The others begin in turns of their own, so that the time of each counts from when it begins.
    while started < 6000 {
        let before = started;
        world.engine.handle(Input::Wake, now + 6 * S);
        while let Some(output) = world.engine.poll_output() {
            started += usize::from(matches!(output, Output::StartProbe { .. }));
        }
        assert!((1..=16).contains(&(started - before)), "{}", started - before);
    }
    assert_eq!((world.engine.verdict_at(), world.engine.held()), (None, None));
}

#[test]
fn first_checks_come_within_a_second_and_later_ones_are_spread_over_the_interval() {
    let mut world = World::new(empty());
    configure(&mut world, crowd(6000));
    world.pass(S);
    let known = |health| health != Health::Unknown;
    assert!((0..20).flat_map(|place| world.engine.servers(place)).all(|server| known(server.health)));
    for second in 2..=13 {
        let before = world.engine.last_probe;
        world.pass(S);
        let count = world.engine.last_probe - before;
        assert!((700..1300).contains(&count), "{count} in second {second}");
    }
}

/// However long a look takes, two in a row follow each other closely: else a table that others edit now and then would never be put
/// right.
#[test]
fn after_the_pause_that_follows_looks_that_do_not_agree_two_do() {
    let mut world = World::new(empty());
    configure(&mut world, config(1, &[server(1, false)]));
    world.pass(S);
    world.take_steps();
    world.takes = S / 2;
    for other in [5, 6, 7] {
        world.edit(|table| table.services.get_mut(&key(1)).unwrap().put(server_key(1), weight(other)));
        let reads = world.reads;
        world.pass_until(300 * S, |world| world.reads > reads);
    }
    assert_eq!(world.take_steps(), Vec::<String>::new());
    world.pass(2 * S);
    assert_eq!(world.take_steps(), ["edit server 10.0.0.1:80 of tcp 192.0.2.1:80: weight 7 -> 1"]);
}
