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

/// Who waits for what after a configuration, beside who waited before it: as it is foreseen, and as it has come.
fn waiting(world: &mut World, next: Config) -> Vec<String> {
    let foresight = world.engine.foresee(&Arc::new(next.clone()), world.table.as_ref().unwrap());
    let before = world.engine.outlook();
    configure(world, next);
    assert_eq!(foresight.pending, world.engine.outlook().beyond(&before), "what is foreseen comes");
    foresight
        .pending
        .iter()
        .map(|Pending { service, server, awaits }| format!("{server} of {service}: {awaits:?}"))
        .collect()
}

#[test]
fn what_comes_later_is_foreseen() {
    let of = |servers: &[u8]| config(1, &servers.iter().map(|n| server(*n, true)).collect::<Vec<_>>());
    // The same file; one more with a check, and the same again.
    let mut world = running(of(&[1, 2]));
    assert_eq!(waiting(&mut world, of(&[1, 2])), [""; 0]);
    assert_eq!(waiting(&mut world, of(&[1, 2, 3])), ["10.0.0.3:80 of tcp 192.0.2.1:80: Success"]);
    assert_eq!(waiting(&mut world, of(&[1, 2, 3])), [""; 0], "that is not this file's doing");
    world.pass(2 * S);
    assert_eq!(world.engine.outlook().beyond(&Outlook::default()), [], "all are up");

    // One less that has connections.
    world.load((1, 3), 2);
    let left = "left: Some(Load { established: 2, others: 0, clients: 0 }), within: Some(30s)";
    assert_eq!(waiting(&mut world, of(&[1, 2])), [format!("10.0.0.3:80 of tcp 192.0.2.1:80: End {{ {left} }}")]);
    assert_eq!(waiting(&mut world, of(&[1, 2])), [""; 0]);

    // All others.
    let mut world = running(of(&[1]));
    world.load((1, 1), 2);
    let all = ["10.0.0.1:80 of tcp 192.0.2.1:80: Heirs(30s)", "10.0.0.4:80 of tcp 192.0.2.1:80: Success"];
    assert_eq!(waiting(&mut world, of(&[4])), all);

    // One without a check is in the steps, one at weight 0 gets nothing, and one that the operator holds waits for the operator.
    let mut world = asked(running(of(&[1, 2])), 2, Verb::Disable);
    let mut servers = [server(1, true), server(2, true), server(3, false), server(4, true)];
    servers[3].settings = weight(0);
    assert_eq!(waiting(&mut world, config(1, &servers)), [""; 0]);
}
