//! The plan of a reload is what the reload does: quorum, floor, rest, wishes and leave-taking have their say in both.

use super::rules::{SORRY, dies, guarded, sorry};
use super::*;
use crate::model::{Rules, Suspend};

/// A world in some state, what is configured next, and steps that come of it; none: nothing does.
type Case = (&'static str, World, Config, &'static [&'static str]);

fn running(config: Config) -> World {
    let mut world = World::new(empty());
    world.tell(Input::AddressesKnown);
    configure(&mut world, config);
    world.pass(2 * S);
    world
}

fn with(dead: &[u8], config: Config) -> World {
    let mut world = running(config);
    dies(&mut world, dead);
    world
}

fn edited(mut config: Config, edit: impl FnOnce(&mut ServiceConfig)) -> Config {
    edit(&mut config.services[0]);
    config
}

fn loaded(mut world: World, loads: &[(u8, u64)]) -> World {
    loads.iter().for_each(|(server, connections)| world.load((1, *server), *connections));
    world
}

fn asked(mut world: World, n: u8, verb: Verb) -> World {
    world.ask(n, verb);
    world
}

fn cases() -> Vec<Case> {
    let base = || guarded(sorry(false));
    let floor = |floor: &str| edited(base(), |service| service.floor = Some(floor.parse().unwrap()));
    let quorum = |quorum| edited(base(), |service| service.quorum = quorum);
    let slow = || {
        edited(guarded(Rules::default()), |service| {
            service.quorum = 1;
            service.handover.slow_start = 30 * S;
            service.servers.iter_mut().for_each(|server| server.settings = weight(11));
        })
    };
    let rising = || {
        let mut world = with(&[1], slow());
        world.dead.clear();
        world.pass(12 * S);
        world
    };
    let elsewhere =
        || edited(base(), |service| *service.rules = Rules { suspend: Suspend::WithoutOwn, ..sorry(false) });
    let restful = || {
        let servers: Vec<_> = (1..=2).map(|n| server(n, true)).collect();
        edited(config(1, &servers), |service| service.rules.suspend = Suspend::WithoutOwn)
    };
    vec![
        ("the same file", with(&[1], base()), base(), &[]),
        (
            "a quorum that is lost by that",
            with(&[1], base()),
            quorum(3),
            &["add server 10.0.0.9:80", "edit server 10.0.0.2:80", "edit server 10.0.0.3:80"],
        ),
        ("a quorum that is won by that", with(&[1, 2], base()), quorum(1), &["edit server 10.0.0.3:80", "10.0.0.9:80"]),
        (
            "a sorry server where the quorum is lost",
            with(&[1, 2], guarded(Rules::default())),
            base(),
            &["10.0.0.9:80", "10.0.0.3:80"],
        ),
        ("no sorry server any more", with(&[1, 2], base()), guarded(Rules::default()), &["10.0.0.3:80", "10.0.0.9:80"]),
        ("a floor", with(&[1, 2, 3], base()), floor("2"), &["add server", "add server", "10.0.0.9:80"]),
        ("another floor", with(&[1, 2, 3], floor("2")), floor("3"), &["add server"]),
        (
            "no floor",
            with(&[1, 2, 3], floor("2")),
            base(),
            &["add server 10.0.0.9:80", "delete server", "delete server"],
        ),
        ("an address that is elsewhere", with(&[1], base()), elsewhere(), &[]),
        ("servers that are not checked there", running(Config::default()), restful(), &["add service", "add", "add"]),
        (
            "a drained server with connections",
            asked(loaded(running(base()), &[(1, 5)]), 1, Verb::Drain(None)),
            quorum(3),
            &["add server 10.0.0.9:80", "edit server 10.0.0.2:80", "edit server 10.0.0.3:80"],
        ),
        (
            "a drained server without connections",
            asked(running(base()), 1, Verb::Drain(None)),
            base(),
            &["delete server 10.0.0.1:80"],
        ),
        (
            "a server less, with connections and without",
            loaded(running(base()), &[(1, 5)]),
            edited(base(), |service| service.servers.truncate(0)),
            &["add server 10.0.0.9:80", "edit server 10.0.0.1:80", "delete", "delete"],
        ),
        (
            "another weight for one that rises, and none for one that is disabled",
            asked(rising(), 3, Verb::Disable),
            edited(slow(), |service| service.servers.iter_mut().for_each(|server| server.settings = weight(22))),
            &["edit server 10.0.0.1:80", "edit server 10.0.0.2:80"],
        ),
    ]
}

#[test]
fn the_plan_is_what_a_reload_does() {
    for (what, mut world, next, expected) in cases() {
        let plan = world.engine.preview(&Arc::new(next.clone()), world.table.as_ref().unwrap());
        let plan: Vec<_> = plan.steps.iter().map(ToString::to_string).collect();
        let (events, notices) = (world.events.len(), world.notices.len());
        world.take_steps();
        assert_eq!((world.events.len(), world.notices.len()), (events, notices), "{what}: a plan says nothing");
        configure(&mut world, next);
        assert_eq!(plan, world.take_steps(), "{what}");
        assert_eq!(plan.len(), expected.len(), "{what}: {plan:#?}");
        for part in expected {
            assert!(plan.iter().any(|step| step.contains(part)), "{what}: {part}: {plan:#?}");
        }
    }
    assert_eq!(SORRY, 9, "the number that the cases name");
}

/// It can be had at any time, be the table on its way or away.
#[test]
fn a_plan_can_be_had_before_anything_is_known() {
    let mut world = World::new(None);
    configure(&mut world, config(1, &[server(1, false)]));
    let plan = world.engine.preview(&Arc::new(config(1, &[server(2, false)])), &empty().unwrap());
    assert_eq!(plan.steps.len(), 2, "{plan}");
    let mut balancer = World::new(empty()).engine;
    let now = world.now;
    balancer.handle(Input::Configure(Arc::new(config(1, &[server(1, false)]))), now);
    let plan = balancer.preview(&Arc::new(config(1, &[server(2, false)])), &empty().unwrap());
    assert_eq!(plan.steps.len(), 2, "{plan}");
    assert!(matches!(balancer.poll_output(), Some(Output::WriteLedger)), "what was to be done is still to be done");
}
