//! Servers that go without a connection lost, and come back without being overrun.

use super::*;
use crate::balance::Stamp;
use crate::balance::wishes::{Clock, Hold};
use crate::model::Handover;

/// Two servers with checks, in one service, in the table with these connections each.
fn busy(connections: &[u64]) -> World {
    let servers: Vec<_> = (1..).zip(connections).map(|(n, _)| server(n, true)).collect();
    let mut world = World::new(empty());
    configure(&mut world, config(1, &servers));
    world.pass(S);
    for (n, connections) in (1..).zip(connections) {
        world.load((1, n), *connections);
    }
    world.take_steps();
    world.events.clear();
    world
}

/// Tells the engine and does nothing of what it wants.
pub(super) fn tell_only(world: &mut World, input: Input) {
    let now = world.now;
    world.engine.handle(input, now);
}

/// The next process, with what the last one wrote; half a second has passed.
pub(super) fn restart(world: &mut World, config: Config) {
    restart_after(world, S / 2, config);
}

fn restart_after(world: &mut World, span: Duration, config: Config) {
    let (start, here) = (world.now, Stamp::default());
    let clock = |now: Instant| Clock { now, unix_secs: 1000 + (now - start).as_secs() };
    let text = world.kept.to_text(clock(start), &here);
    world.now += span;
    let kept = Kept::from_text(&text, clock(world.now), &here).unwrap();
    let ledger = world.ledgers.last().unwrap_or(world.engine.ledger()).clone();
    let options = Options { seed: 2, ledger, kept, probes: 9, scripts: 2, drift_interval: 5 * S };
    world.engine = Balancer::new(options, world.now);
    world.probes.clear();
    configure(world, config);
}

const TO_ZERO: &str = "edit server 10.0.0.1:80 of tcp 192.0.2.1:80: weight 1 -> 0";
const BACK: &str = "edit server 10.0.0.1:80 of tcp 192.0.2.1:80: weight 0 -> 1";
const GONE: &str = "delete server 10.0.0.1:80 from tcp 192.0.2.1:80";
const ADDED: &str = "add server 10.0.0.1:80 (NAT, weight 1) to tcp 192.0.2.1:80";

fn hold(world: &World) -> Option<Hold> {
    world.engine.servers(0)[0].wish.and_then(|wish| wish.hold)
}

#[test]
fn a_drained_server_goes_when_its_last_connection_has_ended() {
    let mut world = busy(&[3, 0]);
    world.ask(1, Verb::Drain(None));
    assert_eq!(world.take_steps(), [TO_ZERO]);
    world.pass(600 * S);
    assert_eq!(world.take_steps(), Vec::<String>::new(), "it has all the time of the world");
    assert!(
        matches!(hold(&world), Some(Hold::Draining(drain)) if drain.left.is_some_and(|left| left.established == 3))
    );
    world.load((1, 1), 0);
    world.pass(5 * S);
    assert_eq!(world.take_steps(), [GONE], "it is looked at all the time, as others are");
    assert_eq!(hold(&world), Some(Hold::Drained));
    world.pass(60 * S);
    assert_eq!(world.take_steps(), Vec::<String>::new(), "its checks go on, and it stays out");
    world.ask(1, Verb::Undrain);
    assert_eq!(world.take_steps(), [ADDED]);
    assert_eq!(
        world.events,
        [
            "server 10.0.0.1:80 of tcp 192.0.2.1:80 is drained, for as long as it takes: the operator wishes it",
            "server 10.0.0.1:80 of tcp 192.0.2.1:80 has nothing left to do, and goes",
            "server 10.0.0.1:80 of tcp 192.0.2.1:80 is in use again: the operator wishes it",
        ]
    );
}

#[test]
fn a_deadline_cuts() {
    let mut world = busy(&[3, 0]);
    world.ask(1, Verb::Drain(Some(10 * S)));
    world.pass(10 * S - MS);
    assert_eq!(world.take_steps(), [TO_ZERO]);
    world.pass(MS);
    assert_eq!(world.take_steps(), [GONE]);
    assert!(world.events.last().unwrap().ends_with("has no more time, and goes: cut off are 3 connections"));
    assert_eq!(world.kept.wishes.draining().count(), 0, "it is written down that it is over");
}

#[test]
fn an_idle_server_is_drained_in_a_moment_and_never_before_it_is_at_weight_zero() {
    let mut world = busy(&[0, 0]);
    world.ask(1, Verb::Drain(None));
    assert_eq!(world.take_steps(), [TO_ZERO]);
    world.pass(S / 5);
    assert_eq!(world.take_steps(), [GONE]);

    // Somebody gives it another weight at once: then 0 connections say nothing.
    let mut world = busy(&[0, 0]);
    world.ask(1, Verb::Drain(None));
    world.edit(|table| {
        table.services.get_mut(&key(1)).unwrap().put(server_key(1), weight(7));
    });
    world.pass(2 * S);
    assert_eq!(world.steps.last().unwrap(), GONE);
    assert!(world.steps.contains(&"edit server 10.0.0.1:80 of tcp 192.0.2.1:80: weight 7 -> 0".to_owned()));
}

#[test]
fn undrained_before_the_end_it_is_what_it_was() {
    let mut world = busy(&[3, 0]);
    world.ask(1, Verb::Drain(Some(10 * S)));
    world.pass(5 * S);
    world.ask(1, Verb::Undrain);
    world.pass(60 * S);
    assert_eq!(world.take_steps(), [TO_ZERO, BACK]);
    assert_eq!(world.kept, Kept::default());
}

#[test]
fn a_draining_server_that_dies_goes_and_stays_out_though_it_revives() {
    let mut world = busy(&[3, 0]);
    world.ask(1, Verb::Drain(None));
    world.dead.insert(SocketAddr::new(server_key(1).address, 80));
    world.pass(20 * S);
    assert_eq!(world.take_steps(), [TO_ZERO, GONE]);
    assert_eq!(hold(&world), Some(Hold::Drained));
    world.dead.clear();
    world.pass(20 * S);
    assert_eq!(world.take_steps(), Vec::<String>::new());
}

#[test]
fn a_dead_server_that_is_drained_does_not_come_back_for_it() {
    let mut world = busy(&[3, 0]);
    world.dead.insert(SocketAddr::new(server_key(1).address, 80));
    world.pass(20 * S);
    assert_eq!(world.take_steps(), [GONE]);
    world.ask(1, Verb::Drain(None));
    world.dead.clear();
    world.pass(20 * S);
    assert_eq!(world.take_steps(), Vec::<String>::new());
    world.ask(1, Verb::Enable);
    assert_eq!(world.take_steps(), [ADDED]);
}

#[test]
fn disabled_it_is_out_at_once_and_enabled_it_is_back() {
    let mut world = busy(&[3, 0]);
    world.ask(1, Verb::Disable);
    assert_eq!(world.take_steps(), [GONE]);
    restart(&mut world, config(1, &[server(1, true), server(2, true)]));
    world.pass(20 * S);
    configure(&mut world, config(1, &[server(1, true), server(2, true)]));
    world.pass(20 * S);
    assert_eq!(world.take_steps(), Vec::<String>::new(), "over restarts and reloads");
    world.ask(1, Verb::Enable);
    assert_eq!(world.take_steps(), [ADDED]);
}

#[test]
fn the_operators_weight_counts_until_it_is_taken_back() {
    let mut world = busy(&[0, 0]);
    let five = Verb::Weight(Some(Weight::new(5).unwrap()));
    world.ask(1, five);
    assert_eq!(world.take_steps(), ["edit server 10.0.0.1:80 of tcp 192.0.2.1:80: weight 1 -> 5"]);
    let mut heavier = config(1, &[server(1, true), server(2, true)]);
    heavier.services[0].servers[0].settings.weight = Weight::new(8).unwrap();
    restart(&mut world, heavier.clone());
    world.pass(20 * S);
    assert_eq!(world.take_steps(), Vec::<String>::new());
    world.ask(1, Verb::Weight(None));
    assert_eq!(world.take_steps(), ["edit server 10.0.0.1:80 of tcp 192.0.2.1:80: weight 5 -> 8"]);
    // A server that is down has none.
    world.dead.insert(SocketAddr::new(server_key(1).address, 80));
    world.pass(20 * S);
    world.take_steps();
    world.ask(1, five);
    assert_eq!(world.take_steps(), Vec::<String>::new());
}

#[test]
fn a_server_that_a_reload_removes_is_emptied_first() {
    let mut world = busy(&[3, 0]);
    let less = config(1, &[server(2, true)]);
    let plan = world.engine.preview(&Arc::new(less.clone()), world.table.as_ref().unwrap());
    configure(&mut world, less);
    assert_eq!(world.take_steps(), [TO_ZERO]);
    assert_eq!(plan.to_string().trim(), TO_ZERO, "the plan says so before");
    world.pass(3 * S);
    world.load((1, 1), 0);
    world.pass(S);
    assert_eq!(world.take_steps(), [GONE]);
    assert!(!world.engine.ledger().has_server(key(1), server_key(1)), "and is no claim of ours any more");
    assert!(world.kept.leaving.is_empty());
}

#[test]
fn one_without_connections_goes_at_once_and_one_with_many_when_its_time_is_up() {
    let mut world = busy(&[0, 3, 0]);
    configure(&mut world, config(1, &[server(3, true)]));
    assert_eq!(
        world.take_steps(),
        [
            "edit server 10.0.0.2:80 of tcp 192.0.2.1:80: weight 1 -> 0",
            "delete server 10.0.0.1:80 from tcp 192.0.2.1:80"
        ]
    );
    world.pass(Handover::DRAIN - MS);
    assert_eq!(world.take_steps(), Vec::<String>::new());
    world.pass(MS);
    assert_eq!(world.take_steps(), ["delete server 10.0.0.2:80 from tcp 192.0.2.1:80"]);
}

#[test]
fn the_service_says_how_long_or_the_file() {
    for (service, global, waits) in
        [(Some(5), None, 5), (None, Some(7), 7), (Some(5), Some(7), 5), (Some(0), Some(7), 0)]
    {
        let mut world = busy(&[3, 0]);
        let mut less = config(1, &[server(2, true)]);
        less.services[0].handover.drain = service.map(|secs| secs * S);
        less.global.drain = global.map(|secs| secs * S);
        configure(&mut world, less);
        world.pass_until(60 * S, |world| world.steps.iter().any(|step| step == GONE));
        let began = world.now - waits * S;
        assert_eq!(world.events.iter().filter(|event| event.contains("no more time")).count(), usize::from(waits > 0));
        assert!(began <= world.now && world.engine.leaving(key(1), server_key(1)).is_none());
    }
}

/// The same service with a scheduler that refuses the clients of a server at weight 0, and with one that looks on.
fn hashed(fallback: bool, servers: &[ServerConfig]) -> Config {
    hashed_by(Scheduler::SourceHash, fallback, servers)
}

fn hashed_by(scheduler: Scheduler, fallback: bool, servers: &[ServerConfig]) -> Config {
    let mut config = config(1, servers);
    config.services[0].settings.scheduler = scheduler;
    config.services[0].settings.flags.flag_1 = fallback;
    config.services[0].handover.drain = Some(100 * S);
    config
}

#[test]
fn nobody_leaves_at_weight_zero_where_that_refuses_clients() {
    let both = [server(1, true), server(2, true)];
    let hashes = [Scheduler::SourceHash, Scheduler::MaglevHash];
    for (scheduler, fallback) in hashes.into_iter().flat_map(|scheduler| [(scheduler, false), (scheduler, true)]) {
        let mut world = busy(&[3, 3]);
        configure(&mut world, hashed_by(scheduler, fallback, &both));
        world.take_steps();
        let less = hashed_by(scheduler, fallback, &both[1..]);
        let plan = world.engine.preview(&Arc::new(less.clone()), world.table.as_ref().unwrap());
        configure(&mut world, less);
        let step = if fallback { TO_ZERO } else { GONE };
        assert_eq!(world.take_steps(), [step]);
        assert_eq!(plan.to_string().trim(), step);
        world.load((1, 1), 0);
        world.pass(200 * S);
        assert_eq!(world.take_steps().len(), usize::from(fallback), "it is gone, and nothing is left to do");
        assert!(world.kept.leaving.is_empty());
    }
    // A service that goes itself refuses everybody; those who are connected finish.
    let mut world = busy(&[3, 0]);
    configure(&mut world, hashed(false, &both));
    world.take_steps();
    configure(&mut world, Config::default());
    assert_eq!(world.take_steps().first().map(String::as_str), Some(TO_ZERO));
    world.pass(99 * S);
    assert_eq!(world.take_steps(), Vec::<String>::new());
}

#[test]
fn one_that_leaves_goes_when_the_scheduler_becomes_one_that_refuses() {
    let mut world = busy(&[3, 3, 3]);
    configure(&mut world, config(1, &[server(2, true), server(3, true)]));
    world.ask(2, Verb::Drain(None));
    world.take_steps();
    configure(&mut world, hashed(false, &[server(2, true), server(3, true)]));
    let steps = world.take_steps();
    for server in ["10.0.0.1", "10.0.0.2"] {
        assert!(steps.contains(&format!("delete server {server}:80 from tcp 192.0.2.1:80")), "{steps:?}");
    }
    world.pass(10 * S);
    assert_eq!(world.take_steps(), Vec::<String>::new());
    assert!(world.kept.leaving.is_empty());
    assert_eq!(world.kept.wishes.draining().count(), 0);
}

#[test]
fn a_drain_that_would_refuse_clients_takes_the_server_out() {
    let mut world = busy(&[3, 0]);
    configure(&mut world, hashed(false, &[server(1, true), server(2, true)]));
    world.take_steps();
    let asked = world.engine.ask_for("10.0.0.1:80", None, Verb::Drain(None), world.now).unwrap();
    assert_eq!(asked[0].refuses, Some(Scheduler::SourceHash));
    world.drain();
    world.pass(MS);
    assert_eq!(world.take_steps(), [GONE]);
    assert_eq!(hold(&world), Some(Hold::Drained));
    world.ask(1, Verb::Undrain);
    assert_eq!(world.take_steps(), [ADDED]);
}

#[test]
fn named_again_it_leaves_no_more() {
    let mut world = busy(&[3, 0]);
    configure(&mut world, config(1, &[server(2, true)]));
    assert_eq!(world.take_steps(), [TO_ZERO]);
    world.pass(10 * S);
    configure(&mut world, config(1, &[server(1, true), server(2, true)]));
    world.pass(60 * S);
    assert_eq!(world.take_steps(), [BACK], "once its check has said that it is up");
    assert!(world.kept.leaving.is_empty());
}

#[test]
fn a_service_that_is_removed_stays_as_long_as_a_connection_does() {
    let mut world = busy(&[3, 0]);
    configure(&mut world, Config::default());
    let gone_2 = "delete server 10.0.0.2:80 from tcp 192.0.2.1:80";
    assert_eq!(world.take_steps(), [TO_ZERO, gone_2]);
    world.pass(10 * S);
    world.load((1, 1), 0);
    world.pass(S);
    assert_eq!(world.take_steps(), ["delete service tcp 192.0.2.1:80"]);
    assert!(world.engine.ledger().is_empty());
    assert_eq!(world.engine.kernel_state(), KernelState::Unneeded, "and nothing is asked of the kernel any more");
}

#[test]
fn a_removed_service_takes_its_own_time_with_it() {
    let mut world = World::new(found(1, &[(1, 1)]));
    let mut patient = config(1, &[server(1, false)]);
    patient.services[0].handover.drain = Some(100 * S);
    configure(&mut world, patient);
    world.load((1, 1), 3);
    configure(&mut world, Config::default());
    world.pass(99 * S);
    assert_eq!(world.take_steps(), [TO_ZERO]);
    world.pass(S);
    assert_eq!(world.take_steps(), ["delete service tcp 192.0.2.1:80"]);
}

#[test]
fn the_next_process_goes_on_where_the_last_was() {
    let mut world = busy(&[3, 5]);
    let less = config(1, &[server(2, true)]);
    configure(&mut world, less.clone());
    world.ask(2, Verb::Drain(Some(20 * S)));
    world.pass(10 * S);
    world.take_steps();
    restart(&mut world, less);
    assert_eq!(world.take_steps(), Vec::<String>::new(), "no connection notices");
    world.pass(11 * S);
    assert_eq!(world.take_steps(), ["delete server 10.0.0.2:80 from tcp 192.0.2.1:80"]);
    world.pass(10 * S);
    assert_eq!(world.take_steps(), [GONE]);
}

/// What was removed from the file while no process ran.
#[test]
fn entries_of_the_process_before_are_emptied_too() {
    let mut world = busy(&[3, 0]);
    world.kept = Kept::default();
    restart(&mut world, config(1, &[server(2, true)]));
    assert_eq!(world.take_steps(), [TO_ZERO]);
    world.pass(31 * S);
    assert_eq!(world.take_steps(), [GONE]);
}

#[test]
fn at_a_stop_nobody_is_waited_for() {
    let mut world = busy(&[3, 0]);
    configure(&mut world, config(1, &[server(2, true)]));
    world.take_steps();
    world.tell(Input::Stop);
    assert_eq!(world.take_steps(), ["delete service tcp 192.0.2.1:80"]);
    assert!(world.stopped);
}

#[test]
fn drained_servers_count_as_not_there() {
    let mut world = World::new(empty());
    let mut config = config(1, &[server(1, true), server(2, true), server(3, true)]);
    config.services[0].floor = Some("100%".parse().unwrap());
    let watched = TrackService { name: "web".to_owned(), service: key(1), condition: ServiceCondition::AnyUp };
    configure(&mut world, Config { watched_services: vec![watched], ..config });
    world.pass(S);
    world.ask(1, Verb::Disable);
    let (_, health) = world.healths.last().unwrap();
    assert_eq!(health.map(|health| (health.servers, health.up, health.weight_up)), Some((3, 2, 2)));
    // A floor of all keeps the others, and not the one that the operator took out.
    for n in 1..=3 {
        world.dead.insert(SocketAddr::new(server_key(n).address, 80));
    }
    world.pass(20 * S);
    let table = world.table.as_ref().unwrap();
    let there: Vec<_> = table.services[&key(1)].servers().keys().copied().collect();
    assert_eq!(there, [server_key(2), server_key(3)]);
}

fn slow(weights: &[u32]) -> Config {
    let mut config = config(1, &(1..).zip(weights).map(|(n, _)| server(n, true)).collect::<Vec<_>>());
    for (server, weight) in config.services[0].servers.iter_mut().zip(weights) {
        server.settings.weight = Weight::new(*weight).unwrap();
    }
    config.services[0].handover.slow_start = 30 * S;
    config
}

#[test]
fn a_server_that_returns_gets_its_weight_in_steps() {
    let mut world = World::new(empty());
    configure(&mut world, slow(&[110, 110]));
    world.pass(S);
    assert!(world.take_steps().iter().skip(1).all(|step| step.contains("weight 110")), "not at the start");
    world.dead.insert(SocketAddr::new(server_key(1).address, 80));
    world.pass(20 * S);
    world.dead.clear();
    world.take_steps();
    world.pass_until(20 * S, |world| !world.steps.is_empty());
    world.pass(40 * S);
    let steps = world.take_steps();
    assert_eq!(steps.len(), 11, "{steps:#?}");
    assert_eq!(steps[0], "add server 10.0.0.1:80 (NAT, weight 10) to tcp 192.0.2.1:80");
    assert_eq!(steps[1], "edit server 10.0.0.1:80 of tcp 192.0.2.1:80: weight 10 -> 20");
    assert_eq!(steps[10], "edit server 10.0.0.1:80 of tcp 192.0.2.1:80: weight 100 -> 110");
}

#[test]
fn one_that_is_enabled_returns_slowly_too_and_a_reload_changes_nothing_of_that() {
    let mut world = World::new(empty());
    configure(&mut world, slow(&[110, 110]));
    world.pass(S);
    world.ask(1, Verb::Disable);
    world.take_steps();
    world.ask(1, Verb::Enable);
    assert_eq!(world.take_steps(), ["add server 10.0.0.1:80 (NAT, weight 10) to tcp 192.0.2.1:80"]);
    world.pass(16 * S);
    assert_eq!(world.take_steps().len(), 5);
    configure(&mut world, slow(&[110, 110]));
    assert_eq!(world.take_steps(), Vec::<String>::new());
    // Another weight, from the file or the operator, is scaled as the first was.
    world.ask(1, Verb::Weight(Some(Weight::new(22).unwrap())));
    assert_eq!(world.take_steps(), ["edit server 10.0.0.1:80 of tcp 192.0.2.1:80: weight 60 -> 12"]);
    world.pass(14 * S + MS);
    assert_eq!(world.take_steps().last().unwrap(), "edit server 10.0.0.1:80 of tcp 192.0.2.1:80: weight 20 -> 22");
}

/// Ten of them in ten seconds, as long as something happens; then fewer and fewer, until they are as many as without.
#[test]
fn a_server_that_stays_as_busy_as_it_was_is_looked_at_less_and_less_often() {
    let mut world = busy(&[3, 0]);
    let looks = |world: &mut World, span| {
        let before = world.reads;
        world.pass(span);
        world.reads - before
    };
    let usual = looks(&mut world, 100 * S);
    world.ask(1, Verb::Drain(None));
    assert!((9..=11).contains(&looks(&mut world, 10 * S)));
    assert!((6..=8).contains(&looks(&mut world, 10 * S)), "a tenth of the time that nothing has happened");
    world.pass(60 * S);
    assert_eq!(looks(&mut world, 100 * S), usual);
    assert_eq!(world.engine.look_interval(), 5 * S, "which is shown");
    // Looks that take long are few, whatever happens; that is shown, too.
    world.takes = 60 * MS;
    world.pass(6 * S);
    world.load((1, 1), 4);
    assert_eq!(looks(&mut world, 120 * S), 10);
    assert_eq!(world.engine.look_interval(), 12 * S);
    world.takes = Duration::ZERO;
    world.pass(13 * S);
    assert_eq!(world.engine.look_interval(), 5 * S);
    world.load((1, 1), 2);
    world.pass(5 * S);
    assert!((9..=11).contains(&looks(&mut world, 10 * S)), "something has happened");
    // One that is not configured any more keeps nobody awake either, nor does its wish.
    configure(&mut world, config(1, &[server(2, true)]));
    world.pass(100 * S);
    assert_eq!(looks(&mut world, 100 * S), usual);
    world.load((1, 1), 0);
    world.pass(5 * S);
    assert_eq!(world.take_steps().last().unwrap(), GONE);
    assert_eq!(looks(&mut world, 100 * S), usual);
}

#[test]
fn what_the_operator_gave_a_server_holds_when_a_reload_removes_it() {
    for (given, left) in [(Some(3600), Some(3590)), (Some(15), Some(5)), (None, None)] {
        for restarted in [false, true] {
            let mut world = busy(&[3, 0]);
            world.ask(1, Verb::Drain(given.map(|secs| secs * S)));
            world.pass(10 * S);
            let less = config(1, &[server(2, true)]);
            let plan = world.engine.preview(&Arc::new(less.clone()), world.table.as_ref().unwrap());
            assert!(plan.is_empty(), "it is at weight 0 already: {plan}");
            if restarted {
                restart_after(&mut world, Duration::ZERO, less);
            } else {
                configure(&mut world, less);
            }
            let said = match left {
                Some(secs) => format!("goes once its connections have ended, after {secs} s at the latest"),
                None => {
                    "goes once its connections have ended, however long that takes, as the operator wished".to_owned()
                }
            };
            assert!(
                world.events.iter().any(|event| event.contains(&said)),
                "{given:?} {restarted}: {:?}",
                world.events
            );
            world.pass(left.unwrap_or(100_000) * S - MS);
            assert_eq!(world.take_steps(), [TO_ZERO], "{given:?} {restarted}");
            if left.is_none() {
                world.load((1, 1), 0);
            }
            world.pass(5 * S);
            assert_eq!(world.take_steps(), [GONE], "{given:?} {restarted}");
        }
    }
}

#[test]
fn a_wish_for_a_server_that_is_gone_is_forgotten_after_an_hour_of_whatever_processes() {
    let both = || config(1, &[server(1, true), server(2, true)]);
    let less = || config(1, &[server(2, true)]);
    let hour = 3600 * S;
    for (first, restarted, rest, forgotten) in [
        (hour - S, false, Duration::ZERO, false),
        (hour, false, Duration::ZERO, true),
        (hour / 2, true, hour / 2 - 2 * S, false),
        (hour / 2, true, hour / 2, true),
        (hour / 2, true, hour * 2, true),
    ] {
        let mut world = busy(&[0, 0]);
        world.ask(1, Verb::Disable);
        configure(&mut world, less());
        world.pass(first);
        if restarted {
            restart_after(&mut world, rest, less());
        }
        assert_eq!(world.kept == Kept::default(), forgotten, "{first:?} {rest:?}");
        configure(&mut world, both());
        assert_eq!(hold(&world), (!forgotten).then_some(Hold::Disabled), "{first:?} {rest:?}");
    }
}

/// The file of a process that owned the entry; it is somebody else's by now.
#[test]
fn an_entry_that_is_not_ours_never_leaves() {
    let mut world = World::new(found(1, &[(1, 1), (2, 1)]));
    let drain = crate::balance::Drain::new(Some(100 * S), world.now);
    world.kept.leaving.push(((key(1), server_key(1)), drain));
    restart(&mut world, Config::default());
    world.load((1, 1), 3);
    let mut other = config(2, &[server(1, false)]);
    other.services[0].key = key(2);
    configure(&mut world, other);
    world.pass(200 * S);
    assert!(world.take_steps().iter().all(|step| step.contains("192.0.2.2")), "{:?}", world.steps);
}

/// What is answered, or the sentence.
fn asked(world: &mut World, verb: Verb) -> Result<usize, String> {
    let asked = world.engine.ask_for("10.0.0.1:80", None, verb, world.now);
    world.drain();
    asked.map(|asked| asked.len())
}

/// A server that the file names no more, with all the time of the world.
fn left_behind() -> World {
    let mut world = busy(&[3, 0]);
    world.ask(1, Verb::Drain(None));
    configure(&mut world, config(1, &[server(2, true)]));
    world.pass(60 * S);
    assert_eq!(world.take_steps(), [TO_ZERO]);
    world.events.clear();
    world
}

#[test]
fn a_server_that_leaves_can_be_given_another_time() {
    let mut world = left_behind();
    assert_eq!(asked(&mut world, Verb::Drain(Some(5 * S))), Ok(1));
    assert!(world.kept.leaving.iter().any(|(_, drain)| drain.until == Some(world.now + 5 * S)), "it is written down");
    world.pass(5 * S - MS);
    assert_eq!(world.take_steps(), Vec::<String>::new());
    world.pass(MS);
    assert_eq!(world.take_steps(), [GONE]);
    assert!(world.kept.leaving.is_empty() && !world.engine.ledger().has_server(key(1), server_key(1)));
    assert_eq!(
        world.events,
        [
            "server 10.0.0.1:80 of tcp 192.0.2.1:80 is drained, for 5 s at most: the operator wishes it",
            "server 10.0.0.1:80 of tcp 192.0.2.1:80 has no more time, and goes: cut off are 3 connections",
        ]
    );
    // Longer than it had, and without a service in the file.
    let mut world = busy(&[3, 0]);
    configure(&mut world, Config::default());
    world.take_steps();
    assert_eq!(asked(&mut world, Verb::Drain(None)), Ok(1));
    world.pass(600 * S);
    assert_eq!(world.take_steps(), Vec::<String>::new());
    assert_eq!(asked(&mut world, Verb::Drain(Some(Duration::ZERO))), Ok(1));
    assert_eq!(world.take_steps(), ["delete service tcp 192.0.2.1:80"]);
}

#[test]
fn a_server_that_leaves_goes_at_once_when_it_is_disabled() {
    let mut world = left_behind();
    assert_eq!(asked(&mut world, Verb::Disable), Ok(1));
    assert_eq!(world.take_steps(), [GONE]);
    assert!(world.kept.leaving.is_empty());
    assert!(world.events.last().unwrap().ends_with("goes: cut off are 3 connections"), "{:?}", world.events);
    assert!(asked(&mut world, Verb::Disable).unwrap_err().starts_with("no service has a server 10.0.0.1:80"));
}

#[test]
fn a_server_that_leaves_is_brought_back_by_the_file_alone() {
    let mut world = left_behind();
    for verb in [Verb::Undrain, Verb::Enable, Verb::Weight(Some(Weight::ONE)), Verb::Weight(None)] {
        let sentence = asked(&mut world, verb).unwrap_err();
        assert_eq!(
            sentence,
            "10.0.0.1:80 of tcp 192.0.2.1:80 leaves, since the configuration does not name it any more: only that can \
             bring it back; `ipvsctl drain` gives it another time, and `ipvsctl disable` none"
        );
    }
    world.pass(60 * S);
    assert_eq!(world.take_steps(), Vec::<String>::new());
}

/// Nobody can take its place yet, and still it is the operator's.
#[test]
fn a_server_that_serves_on_can_be_drained() {
    let mut world = busy(&[3]);
    world.silent.insert(SocketAddr::new(server_key(2).address, 80));
    configure(&mut world, config(1, &[server(2, true)]));
    assert_eq!(world.take_steps(), Vec::<String>::new());
    assert_eq!(asked(&mut world, Verb::Drain(Some(S))), Ok(1));
    assert_eq!(world.take_steps(), [TO_ZERO]);
    world.pass(S);
    assert_eq!(world.take_steps(), [GONE]);
}
