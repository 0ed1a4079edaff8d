//! Sync daemons that follow a router, on timelines.

use super::*;
use crate::balance::daemons::{SyncDaemons, SyncRole, SyncSettings};
use crate::model::{Family, Instance, OnStop, SyncDaemon, Vrid};

/// A configuration with nothing but a daemon on eth0 and the router that it may follow.
fn following(instance: Option<&str>) -> Config {
    let daemon = SyncDaemon {
        interface: "eth0".to_owned(),
        instance: instance.map(str::to_owned),
        id: None,
        max_len: None,
        port: None,
        ttl: None,
        group: None,
    };
    let router = |name, vrid| Instance::new(name, "eth0", Vrid::new(vrid).unwrap(), Family::V4);
    Config {
        global: Global { sync_daemon: Some(daemon), ..Global::default() },
        instances: vec![router("web", 51), router("mail", 52)],
        ..Config::default()
    }
}

/// As the kernel shows a daemon.
fn found_daemon(interface: &str, id: u32) -> SyncSettings {
    SyncSettings {
        interface: interface.to_owned(),
        id,
        max_len: Some(1472),
        port: Some(8848),
        ttl: Some(1),
        group: Some([224, 0, 0, 81].into()),
    }
}

/// A table with these daemons and nothing else.
fn with_daemons(master: Option<SyncSettings>, backup: Option<SyncSettings>) -> Option<Table> {
    Some(Table { daemons: Some(SyncDaemons { master, backup, ..SyncDaemons::default() }), ..empty().unwrap() })
}

fn none() -> Option<Table> {
    with_daemons(None, None)
}

fn role(world: &mut World, router: &str, active: bool) {
    world.tell(Input::Role { router: router.to_owned(), active });
}

fn roles(world: &World) -> [bool; 2] {
    let daemons = world.table.as_ref().unwrap().daemons.as_ref().unwrap();
    SyncRole::ALL.map(|role| daemons.of(role).is_some())
}

#[test]
fn it_swaps_with_the_state_of_the_router_that_it_follows() {
    let mut world = World::new(none());
    configure(&mut world, following(Some("web")));
    assert_eq!((world.ready, world.settled), (1, 1));
    assert!(world.take_steps().is_empty(), "nothing was heard of the router yet");
    role(&mut world, "mail", true);
    assert!(world.take_steps().is_empty(), "another router");
    role(&mut world, "web", false);
    assert_eq!(world.take_steps(), ["start sync daemon backup (eth0, id 51)"]);
    role(&mut world, "web", true);
    assert_eq!(world.take_steps(), ["start sync daemon master (eth0, id 51)", "stop sync daemon backup"]);
    assert_eq!(roles(&world), [true, false]);
    role(&mut world, "web", true);
    role(&mut world, "web", false);
    assert_eq!(world.take_steps(), ["start sync daemon backup (eth0, id 51)", "stop sync daemon master"]);
    world.pass(60 * S);
    assert!(world.steps.is_empty(), "{:#?}", world.steps);
    world.tell(Input::Stop);
    assert_eq!(world.take_steps(), ["stop sync daemon backup"]);
    assert!(world.stopped && world.ledgers.last().unwrap().is_empty());
}

#[test]
fn a_role_that_is_told_while_the_kernel_is_read_or_away_is_not_lost() {
    let mut world = World::new(None);
    configure(&mut world, following(Some("web")));
    assert_eq!(world.engine.kernel_state(), KernelState::Away("no ip_vs"), "daemons need IPVS");
    role(&mut world, "web", false);
    role(&mut world, "web", true);
    world.table = none();
    world.pass(4 * S);
    assert_eq!(world.take_steps(), ["start sync daemon master (eth0, id 51)"]);
}

#[test]
fn without_a_router_both_run_all_the_time() {
    let mut world = World::new(none());
    configure(&mut world, following(None));
    assert_eq!(world.take_steps(), ["start sync daemon master (eth0, id 0)", "start sync daemon backup (eth0, id 0)"]);
    role(&mut world, "web", true);
    world.pass(30 * S);
    assert!(world.steps.is_empty());
    world.tell(Input::Stop);
    assert_eq!(world.take_steps(), ["stop sync daemon master", "stop sync daemon backup"]);
}

#[test]
fn killed_and_started_again_nothing_is_restarted() {
    let mut first = World::new(none());
    configure(&mut first, following(Some("web")));
    role(&mut first, "web", true);
    let ledger = first.ledgers.last().unwrap().clone();
    // What runs now shows all its settings.
    let table = with_daemons(Some(found_daemon("eth0", 51)), None);
    let mut second = World::with(table.clone(), ledger.clone());
    configure(&mut second, following(Some("web")));
    second.pass(10 * S);
    role(&mut second, "web", true);
    second.pass(60 * S);
    assert!(second.steps.is_empty() && second.events.is_empty(), "{:#?} {:#?}", second.steps, second.events);
    assert_eq!(second.ledgers.len(), 0);
    // In another role it is ours still, and so it is without one.
    let mut third = World::with(table.clone(), ledger.clone());
    configure(&mut third, following(Some("web")));
    role(&mut third, "web", false);
    assert_eq!(third.take_steps(), ["start sync daemon backup (eth0, id 51)", "stop sync daemon master"]);
    let mut fourth = World::with(table, ledger);
    configure(&mut fourth, Config::default());
    assert_eq!(fourth.take_steps(), ["stop sync daemon master"]);
    assert!(fourth.ledgers.last().unwrap().is_empty());
    assert_eq!(fourth.engine.kernel_state(), KernelState::Unneeded);
}

#[test]
fn one_that_runs_as_wished_is_adopted() {
    let mut world = World::new(with_daemons(None, Some(found_daemon("eth0", 51))));
    configure(&mut world, following(Some("web")));
    role(&mut world, "web", false);
    assert!(world.steps.is_empty() && world.events.is_empty());
    assert!(world.ledgers.last().unwrap().has_daemon(SyncRole::Backup));
    world.tell(Input::Stop);
    assert_eq!(world.take_steps(), ["stop sync daemon backup"]);
}

#[test]
fn somebody_elses_is_left_alone_and_told_of_once() {
    let mut world = World::new(with_daemons(Some(found_daemon("eth1", 3)), Some(found_daemon("eth0", 4))));
    configure(&mut world, following(Some("web")));
    role(&mut world, "web", true);
    world.pass(60 * S);
    assert!(world.steps.is_empty(), "{:#?}", world.steps);
    world.events.sort();
    assert_eq!(
        world.events,
        [
            "another program runs a sync daemon backup (eth0, id 4, maxlen 1472, port 8848, ttl 1, group 224.0.0.81): \
             it is left alone",
            "another program runs a sync daemon master (eth1, id 3, maxlen 1472, port 8848, ttl 1, group 224.0.0.81): \
             it is left alone, and ours waits; `ipvsadm --stop-daemon master` ends it",
        ]
    );
    // It goes, and ours comes by itself.
    world.edit(|table| table.daemons.as_mut().unwrap().master = None);
    world.pass(10 * S);
    assert_eq!(world.take_steps(), ["start sync daemon master (eth0, id 51)"]);
    world.tell(Input::Stop);
    assert_eq!(world.take_steps(), ["stop sync daemon master"]);
    assert_eq!(roles(&world), [false, true]);
}

#[test]
fn without_any_in_the_configuration_others_are_nobodys_business() {
    let mut world = World::new(with_daemons(Some(found_daemon("eth1", 3)), None));
    let mut config = config(1, &[server(1, false)]);
    config.global.exclusive = true;
    configure(&mut world, config);
    assert_eq!(world.take_steps().len(), 2);
    world.pass(20 * S);
    assert!(world.steps.is_empty() && world.events.is_empty());
    assert!(!world.engine.needs_daemons());
}

#[test]
fn an_edit_is_a_stop_and_a_start_and_the_same_file_again_is_neither() {
    let mut world = World::new(none());
    configure(&mut world, following(Some("web")));
    role(&mut world, "web", true);
    world.take_steps();
    configure(&mut world, following(Some("web")));
    assert!(world.steps.is_empty());
    let mut other = following(Some("web"));
    other.global.sync_daemon.as_mut().unwrap().id = Some(9);
    let preview = world.engine.preview(&Arc::new(other.clone()), world.table.as_ref().unwrap());
    configure(&mut world, other.clone());
    let steps = ["stop sync daemon master", "start sync daemon master (eth0, id 9)"];
    assert_eq!(world.take_steps(), steps);
    assert_eq!(preview.steps.iter().map(ToString::to_string).collect::<Vec<_>>(), steps);
    // A reload that follows another router takes up that one's state.
    role(&mut world, "mail", false);
    other.global.sync_daemon.as_mut().unwrap().instance = Some("mail".to_owned());
    configure(&mut world, other);
    assert_eq!(world.take_steps(), ["start sync daemon backup (eth0, id 9)", "stop sync daemon master"]);
}

#[test]
fn a_preview_knows_routers_by_their_number_and_new_ones_as_backups() {
    let mut world = World::new(none());
    configure(&mut world, following(Some("web")));
    role(&mut world, "web", true);
    world.take_steps();
    let preview = |world: &World, config: Config| {
        let plan = world.engine.preview(&Arc::new(config), world.table.as_ref().unwrap());
        plan.steps.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    let mut renamed = following(Some("site"));
    renamed.instances[0].name = "site".to_owned();
    assert!(preview(&world, renamed).is_empty(), "it stays active");
    let mut new = following(Some("web"));
    new.instances[0] = Instance::new("web", "eth0", Vrid::new(60).unwrap(), Family::V4);
    assert_eq!(preview(&world, new), ["start sync daemon backup (eth0, id 60)", "stop sync daemon master"]);
    assert!(preview(&world, following(Some("mail"))).is_empty(), "its state is not known");
    assert_eq!(preview(&world, Config::default()), ["stop sync daemon master"]);
}

#[test]
fn one_that_was_stopped_by_hand_is_started_again() {
    let mut world = World::new(none());
    configure(&mut world, following(Some("web")));
    role(&mut world, "web", true);
    world.take_steps();
    world.edit(|table| table.daemons.as_mut().unwrap().master = None);
    world.pass(10 * S);
    assert_eq!(world.take_steps(), ["start sync daemon master (eth0, id 51)"]);
    assert_eq!(world.engine.counts().repairs, 1);
}

#[test]
fn one_whose_interface_was_made_again_is_started_again() {
    let mut world = World::new(none());
    configure(&mut world, following(Some("web")));
    role(&mut world, "web", true);
    world.take_steps();
    let plug = |world: &mut World, number: Option<u32>| {
        world.edit(|table| {
            let daemons = table.daemons.as_mut().unwrap();
            daemons.links = number.map(|number| (SyncRole::Master, number)).into_iter().collect();
        });
    };
    plug(&mut world, Some(3));
    world.pass(10 * S);
    plug(&mut world, None);
    world.pass(10 * S);
    assert!(world.steps.is_empty(), "nothing can be done without one");
    plug(&mut world, Some(7));
    world.pass(6 * S);
    assert_eq!(world.take_steps(), ["stop sync daemon master", "start sync daemon master (eth0, id 51)"]);
    let why = "eth0 is another interface than the one that sync daemon master began on: it is started again";
    assert_eq!(world.events, [why]);
    assert_eq!(world.engine.counts().repairs, 0, "nobody edited anything");
    plug(&mut world, Some(7));
    world.pass(60 * S);
    assert!(world.steps.is_empty(), "{:#?}", world.steps);
}

#[test]
fn a_missing_interface_is_waited_for() {
    let mut world = World::new(none());
    world.unplugged.insert("eth0".to_owned());
    configure(&mut world, following(Some("web")));
    role(&mut world, "web", false);
    world.pass(30 * S);
    assert_eq!(world.events.len(), 1, "{:#?}", world.events);
    assert_eq!(world.engine.problem(Subject::Daemon(SyncRole::Backup)), Some("no interface eth0"));
    world.unplugged.clear();
    world.pass(61 * S);
    assert_eq!(roles(&world), [false, true]);
    assert_eq!(world.engine.problem(Subject::Daemon(SyncRole::Backup)), None);
}

#[test]
fn a_stop_that_keeps_the_table_keeps_the_daemon() {
    let mut world = World::new(none());
    let mut config = following(Some("web"));
    config.global.on_stop = OnStop::Keep;
    configure(&mut world, config);
    role(&mut world, "web", true);
    world.take_steps();
    world.tell(Input::Stop);
    assert!(world.stopped && world.steps.is_empty());
}
