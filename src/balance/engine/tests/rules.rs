//! Quorum, sorry server, rest, and who is told, on timelines.

use super::*;
use crate::model::{Command, Family, Fifo, Group, Rules, ScriptProbe, Suspend, UpDown};

pub(super) const SORRY: u8 = 9;

fn call(word: &str) -> Option<Command> {
    Some(Command { words: vec![word.to_owned()], user: None })
}

fn scripts(name: &str) -> UpDown {
    UpDown { up: call(&format!("{name}-up")), down: call(&format!("{name}-down")) }
}

/// Three servers, two of which make the quorum; whoever is told has a script, and so has the service.
pub(super) fn guarded(rules: Rules) -> Config {
    let server = |n: u8| ServerConfig { notify: Some(Box::new(scripts(&n.to_string()))), ..server(n, true) };
    let mut config = config(1, &[server(1), server(2), server(3)]);
    config.services[0].quorum = 2;
    *config.services[0].rules = Rules { notify: scripts("quorum"), ..rules };
    config
}

pub(super) fn sorry(inhibit_on_failure: bool) -> Rules {
    let server = ServerConfig { inhibit_on_failure, ..server(SORRY, false) };
    Rules { sorry: Some(Box::new(server)), ..Rules::default() }
}

/// Servers of the first service with their weights.
pub(super) fn weights(world: &World) -> Vec<(u8, u32)> {
    let Some(service) = world.table.as_ref().unwrap().services.get(&key(1)) else { return Vec::new() };
    let short = |(server, settings): (&ServerKey, &Option<ServerSettings>)| {
        let last = server.to_string().trim_end_matches(":80").rsplit('.').next().unwrap().parse().unwrap();
        (last, settings.as_ref().unwrap().weight.value())
    };
    service.servers().iter().map(short).collect()
}

pub(super) fn dies(world: &mut World, servers: &[u8]) {
    world.dead = servers.iter().map(|n| SocketAddr::new([10, 0, 0, *n].into(), 80)).collect();
    // A whole round of checks, with the failure that is forgiven.
    world.pass(8 * S);
}

pub(super) fn running(config: Config) -> World {
    let mut world = World::new(empty());
    configure(&mut world, config);
    world.pass(2 * S);
    // As with keepalived, which trusts its servers at first.
    assert_eq!(called(&mut world), ["quorum-up"]);
    world.lines.clear();
    world
}

pub(super) fn called(world: &mut World) -> Vec<String> {
    let commands = |notice: Notice| notice.commands.into_iter().map(|command| command.words.join(" "));
    std::mem::take(&mut world.notices).into_iter().flat_map(commands).collect()
}

#[test]
fn the_sorry_server_takes_over_and_gives_back_and_no_live_server_is_cut_off() {
    for inhibit in [false, true] {
        let mut world = running(guarded(sorry(inhibit)));
        let waits: &[(u8, u32)] = if inhibit { &[(SORRY, 0)] } else { &[] };
        assert_eq!(weights(&world), [&[(1, 1), (2, 1), (3, 1)], waits].concat());
        dies(&mut world, &[1]);
        assert_eq!(weights(&world), [&[(2, 1), (3, 1)], waits].concat());
        world.take_steps();
        dies(&mut world, &[1, 2]);
        assert_eq!(weights(&world), [(3, 0), (SORRY, 1)], "the one that is left keeps what it has");
        let steps = world.take_steps();
        let place = |part: &str| steps.iter().position(|step| step.contains(part)).unwrap();
        assert!(place("10.0.0.9:80") < place("10.0.0.3:80"), "at no moment nobody is there: {steps:#?}");
        assert_eq!(called(&mut world), ["1-down", "2-down", "quorum-down"]);
        dies(&mut world, &[1]);
        assert_eq!(weights(&world), [&[(2, 1), (3, 1)], waits].concat());
        assert!(!world.take_steps().iter().any(|step| step.contains("delete server 10.0.0.3:80")));
        assert_eq!(called(&mut world), ["2-up", "quorum-up"]);
        let told: Vec<_> = world.events.iter().filter(|event| event.contains("quorum")).collect();
        assert_eq!(
            told,
            [
                "tcp 192.0.2.1:80 has lost its quorum: servers in service weigh 1, and 2 is needed; sorry server \
                 10.0.0.9:80 takes new connections",
                "tcp 192.0.2.1:80 has its quorum: servers in service weigh 2 and take new connections in place of \
                 sorry server 10.0.0.9:80",
            ]
        );
        world.tell(Input::Stop);
        assert!(world.table.as_ref().unwrap().services.is_empty(), "the sorry server is ours too");
    }
}

#[test]
fn within_the_hysteresis_nothing_changes() {
    let mut rules = sorry(false);
    rules.hysteresis = 1;
    let mut world = running(guarded(rules));
    dies(&mut world, &[1, 2]);
    assert_eq!(weights(&world), [(3, 1)], "1 is 2 less 1");
    dies(&mut world, &[1, 2, 3]);
    assert_eq!(weights(&world), [(SORRY, 1)]);
    dies(&mut world, &[1]);
    assert_eq!(weights(&world), [(SORRY, 1)], "2 is not 2 and 1 more");
    dies(&mut world, &[]);
    assert_eq!(weights(&world), [(1, 1), (2, 1), (3, 1)]);
}

#[test]
fn without_a_sorry_server_those_that_are_left_go_on() {
    let mut world = running(guarded(Rules::default()));
    dies(&mut world, &[1, 2]);
    assert_eq!(weights(&world), [(3, 1)]);
    let mut told = called(&mut world);
    assert_eq!(told.last().map(String::as_str), Some("quorum-down"), "{told:?}");
    // Which check comes first was drawn by lot.
    told.sort();
    assert_eq!(told, ["1-down", "2-down", "quorum-down"]);
    assert!(world.engine.service(0).is_some_and(|service| service.quorum == crate::balance::Quorum::Lost));
    dies(&mut world, &[2]);
    assert_eq!(called(&mut world), ["1-up", "quorum-up"]);
}

/// What a script takes from a server's weight the quorum lacks, though nobody is down.
#[test]
fn the_quorum_counts_weights_as_they_are_now() {
    let script = ScriptProbe {
        command: vec!["/s".to_owned()],
        user: None,
        dynamic: true,
        on_missing: crate::model::OnMissing::Fail,
    };
    let mut config = guarded(sorry(false));
    config.services[0].quorum = 20;
    for server in &mut config.services[0].servers {
        server.settings = weight(10);
    }
    let check = Check { kind: CheckKind::Script(Box::new(script)), ..server(1, true).checks.remove(0) };
    config.services[0].servers[0].checks.push(check);
    let mut world = World::new(empty());
    let exits = |world: &mut World, status| {
        world.scripts.insert("/s".to_owned(), ScriptOutcome::Exited(status));
        world.pass(8 * S);
    };
    world.scripts.insert("/s".to_owned(), ScriptOutcome::Exited(0));
    configure(&mut world, config);
    world.pass(2 * S);
    assert_eq!(called(&mut world), ["quorum-up"]);
    dies(&mut world, &[3]);
    assert_eq!(weights(&world), [(1, 10), (2, 10)]);
    exits(&mut world, 11);
    assert_eq!(weights(&world), [(1, 0), (2, 0), (SORRY, 1)], "9 and 10 are less than 20");
    assert_eq!(called(&mut world), ["3-down", "quorum-down"]);
    exits(&mut world, 42);
    assert_eq!(weights(&world), [(1, 40), (2, 10)]);
    dies(&mut world, &[2, 3]);
    assert_eq!(weights(&world), [(1, 40)]);
    assert_eq!(called(&mut world), ["quorum-up", "2-down"]);
}

/// Who fails open does not fall back on the sorry server, unless the floor holds less than the quorum.
#[test]
fn what_a_floor_keeps_counts_for_the_quorum() {
    let floored = |floor: &str| {
        let mut config = guarded(sorry(false));
        config.services[0].floor = Some(floor.parse().unwrap());
        config
    };
    let mut world = running(floored("2"));
    dies(&mut world, &[1]);
    dies(&mut world, &[1, 2]);
    dies(&mut world, &[1, 2, 3]);
    assert_eq!(weights(&world), [(2, 1), (3, 1)], "all failed, two stay, and no sorry server comes");
    assert_eq!(called(&mut world), ["1-down", "2-down", "3-down"]);
    let mut world = running(floored("1"));
    dies(&mut world, &[1]);
    dies(&mut world, &[1, 2]);
    dies(&mut world, &[1, 2, 3]);
    assert_eq!(weights(&world), [(3, 0), (SORRY, 1)], "one is less than the quorum: it keeps what it has");
    assert_eq!(called(&mut world), ["1-down", "2-down", "quorum-down", "3-down"]);
    dies(&mut world, &[1]);
    assert_eq!(weights(&world), [(2, 1), (3, 1)]);
    // A floor that a reload brings wins the quorum, and one that it takes away loses it.
    let mut world = running(guarded(sorry(false)));
    dies(&mut world, &[1, 2, 3]);
    assert_eq!(weights(&world), [(SORRY, 1)]);
    configure(&mut world, floored("2"));
    world.pass(S);
    assert_eq!(weights(&world).len(), 2, "{:?}", weights(&world));
    assert_eq!(called(&mut world).last().map(String::as_str), Some("quorum-up"));
    configure(&mut world, guarded(sorry(false)));
    assert_eq!(weights(&world), [(SORRY, 1)]);
    assert_eq!(called(&mut world), ["quorum-down"]);
}

/// Each way that a failed server, its service's quorum and the sorry server may go together, all of them of weight 1, with
/// all three servers up, one down, two down (the quorum is lost) and all down.
#[test]
fn every_rule_for_the_failed_with_every_rule_for_the_quorum() {
    type Weights = &'static [(u8, u32)];
    // Failed ones stay at 0; a sorry server, and whether it stays at 0.
    let table: [(bool, Option<bool>, [Weights; 4]); 6] = [
        (false, None, [&[(1, 1), (2, 1), (3, 1)], &[(2, 1), (3, 1)], &[(3, 1)], &[]]),
        (false, Some(false), [&[(1, 1), (2, 1), (3, 1)], &[(2, 1), (3, 1)], &[(3, 0), (9, 1)], &[(9, 1)]]),
        (
            false,
            Some(true),
            [&[(1, 1), (2, 1), (3, 1), (9, 0)], &[(2, 1), (3, 1), (9, 0)], &[(3, 0), (9, 1)], &[(9, 1)]],
        ),
        (
            true,
            None,
            [
                &[(1, 1), (2, 1), (3, 1)],
                &[(1, 0), (2, 1), (3, 1)],
                &[(1, 0), (2, 0), (3, 1)],
                &[(1, 0), (2, 0), (3, 0)],
            ],
        ),
        (
            true,
            Some(false),
            [
                &[(1, 1), (2, 1), (3, 1)],
                &[(1, 0), (2, 1), (3, 1)],
                &[(1, 0), (2, 0), (3, 0), (9, 1)],
                &[(1, 0), (2, 0), (3, 0), (9, 1)],
            ],
        ),
        (
            true,
            Some(true),
            [
                &[(1, 1), (2, 1), (3, 1), (9, 0)],
                &[(1, 0), (2, 1), (3, 1), (9, 0)],
                &[(1, 0), (2, 0), (3, 0), (9, 1)],
                &[(1, 0), (2, 0), (3, 0), (9, 1)],
            ],
        ),
    ];
    for (inhibit, last_resort, wished) in table {
        let mut config = guarded(last_resort.map(sorry).unwrap_or_default());
        config.services[0].servers.iter_mut().for_each(|server| server.inhibit_on_failure = inhibit);
        let mut world = running(config);
        let dead: [&[u8]; 4] = [&[], &[1], &[1, 2], &[1, 2, 3]];
        // Down, and up again: the way back leads through the same tables, but for what had left and has no connections to keep.
        for (dead, wished) in dead.into_iter().zip(wished) {
            dies(&mut world, dead);
            assert_eq!(weights(&world), wished, "inhibit {inhibit}, sorry server {last_resort:?}, dead {dead:?}");
        }
        for (dead, wished) in dead.into_iter().zip(wished).rev() {
            dies(&mut world, dead);
            let set_aside = |row: &&(u8, u32)| inhibit || dead.len() != 2 || row.1 != 0 || row.0 == 9;
            let wished: Vec<_> = match last_resort {
                Some(_) => wished.iter().filter(set_aside).copied().collect(),
                None => wished.to_vec(),
            };
            assert_eq!(weights(&world), wished, "back: inhibit {inhibit}, {last_resort:?}, dead {dead:?}");
        }
    }
}

/// As in keepalived: a service begins without its quorum, and wins it with what quorum and hysteresis ask for together.
#[test]
fn a_service_that_begins_has_its_quorum_to_win() {
    let mut rules = sorry(false);
    rules.hysteresis = 1;
    let mut config = guarded(rules);
    // Two are trusted, and three are needed.
    config.services[0].servers[0].alpha = true;
    let mut world = World::new(empty());
    world.dead.insert("10.0.0.1:80".parse().unwrap());
    configure(&mut world, config.clone());
    assert_eq!(called(&mut world), ["quorum-down"]);
    world.pass(8 * S);
    assert_eq!(weights(&world), [(SORRY, 1)]);
    assert_eq!(called(&mut world), ["1-down"]);
    dies(&mut world, &[]);
    assert_eq!(weights(&world), [(1, 1), (2, 1), (3, 1)]);
    assert_eq!(called(&mut world), ["1-up", "quorum-up"]);
    // One that was at work already goes on with what there is.
    let mut world = World::with(found(1, &[(2, 1), (3, 1)]), Ledger::of(&config));
    world.dead.insert("10.0.0.1:80".parse().unwrap());
    configure(&mut world, config);
    assert_eq!(called(&mut world), ["quorum-up"]);
    world.pass(8 * S);
    assert_eq!(weights(&world), [(2, 1), (3, 1)]);
}

#[test]
fn a_restart_takes_no_connection_from_anybody() {
    // The sorry server is in charge, and so it stays until servers have proved themselves.
    let mut world = World::with(found(1, &[(3, 0), (SORRY, 1)]), Ledger::of(&guarded(sorry(false))));
    configure(&mut world, guarded(sorry(false)));
    assert_eq!(world.take_steps(), [""; 0]);
    assert_eq!(called(&mut world), ["quorum-down"]);
    world.pass(2 * S);
    assert_eq!(weights(&world), [(1, 1), (2, 1), (3, 1)]);
    // The servers are: one of them is enough for what is found, until the others have been asked.
    let mut rules = sorry(false);
    rules.hysteresis = 1;
    let mut world = World::with(found(1, &[(3, 1)]), Ledger::of(&guarded(rules.clone())));
    configure(&mut world, guarded(rules));
    assert_eq!(world.take_steps(), [""; 0]);
    dies(&mut world, &[1, 2]);
    assert_eq!(weights(&world), [(3, 1)]);
}

#[test]
fn with_alpha_the_sorry_server_serves_until_servers_have_proved_themselves() {
    let alpha = || {
        let mut config = guarded(sorry(false));
        config.services[0].servers.iter_mut().for_each(|server| server.alpha = true);
        config
    };
    let mut world = World::new(empty());
    configure(&mut world, alpha());
    assert_eq!(weights(&world), [(SORRY, 1)]);
    assert_eq!(called(&mut world), ["quorum-down"]);
    world.pass(2 * S);
    assert_eq!(weights(&world), [(1, 1), (2, 1), (3, 1)]);
    let mut told = called(&mut world);
    // The order of the first checks is drawn by lot.
    let won = told.iter().position(|word| word == "quorum-up").unwrap();
    assert_eq!(won, 2, "{told:?}");
    told.sort();
    assert_eq!(told, ["1-up", "2-up", "3-up", "quorum-up"]);
    let mut world = World::new(empty());
    configure(&mut world, guarded(sorry(false)));
    assert_eq!(weights(&world), [], "without it they are trusted until they were asked");
}

#[test]
fn a_reload_keeps_the_quorum_and_a_new_one_is_weighed_at_once() {
    let mut world = running(guarded(sorry(false)));
    dies(&mut world, &[1, 2]);
    called(&mut world);
    world.take_steps();
    configure(&mut world, guarded(sorry(false)));
    assert_eq!((world.take_steps().len(), called(&mut world).len()), (0, 0), "the same file changes nothing");
    let mut one = guarded(sorry(false));
    one.services[0].quorum = 1;
    configure(&mut world, one);
    world.pass(S);
    assert_eq!(weights(&world), [(3, 1)]);
    assert_eq!(called(&mut world), ["quorum-up"]);
    // Without its sorry server the service has those that are up, quorum or not.
    configure(&mut world, guarded(sorry(false)));
    assert_eq!(weights(&world), [(3, 0), (SORRY, 1)]);
    configure(&mut world, guarded(Rules::default()));
    assert_eq!(weights(&world), [(3, 1)]);
}

#[test]
fn new_thresholds_are_one_edit_in_place() {
    let mut world = World::new(empty());
    configure(&mut world, config(1, &[server(1, true)]));
    world.pass(2 * S);
    world.take_steps();
    let settings = ServerSettings { upper_threshold: 100, lower_threshold: 50, ..weight(1) };
    configure(&mut world, config(1, &[ServerConfig { settings: settings.clone(), ..server(1, true) }]));
    let steps = world.take_steps();
    assert_eq!(steps.len(), 1, "{steps:#?}");
    assert!(steps[0].starts_with("edit server 10.0.0.1:80"), "{steps:#?}");
    assert_eq!(
        world.table.as_ref().unwrap().services[&key(1)].server(server_key(1)),
        Some(Some(&settings)),
        "keepalived 2.2.7 does not push a change of these alone"
    );
}

fn suspended(suspend: Suspend) -> Rules {
    Rules { suspend, ..Rules::default() }
}

fn address(world: &mut World, n: u8, here: bool) {
    world.tell(Input::Address { address: [192, 0, 2, n].into(), here });
}

fn runs(world: &World) -> u64 {
    world.engine.servers(0).iter().flat_map(|server| &server.checks).map(|check| check.machine.counts().0).sum()
}

#[test]
fn checks_rest_while_the_address_is_elsewhere() {
    let mut world = World::new(empty());
    world.tell(Input::AddressesKnown);
    configure(&mut world, guarded(suspended(Suspend::WithoutOwn)));
    world.pass(60 * S);
    assert_eq!(runs(&world), 0);
    assert_eq!(weights(&world), [(1, 1), (2, 1), (3, 1)], "they are there when the address comes");
    world.dead.insert("10.0.0.1:80".parse().unwrap());
    address(&mut world, 1, true);
    world.pass(2 * S);
    assert_eq!(weights(&world), [(2, 1), (3, 1)], "checked at once");
    address(&mut world, 1, false);
    let before = runs(&world);
    world.dead.clear();
    world.pass(60 * S);
    assert_eq!((runs(&world), weights(&world)), (before, vec![(2, 1), (3, 1)]), "what was found out holds");
    address(&mut world, 1, true);
    world.pass(2 * S);
    assert_eq!(weights(&world), [(1, 1), (2, 1), (3, 1)]);
    let rests: Vec<_> = world.events.iter().filter(|event| event.starts_with("checks of")).collect();
    assert_eq!(
        rests,
        [
            "checks of tcp 192.0.2.1:80 rest: its address is not on this host",
            "checks of tcp 192.0.2.1:80 go on: its address is on this host",
            "checks of tcp 192.0.2.1:80 rest: its address is not on this host",
            "checks of tcp 192.0.2.1:80 go on: its address is on this host",
        ]
    );
}

#[test]
fn checks_that_the_file_lets_rest_no_more_go_on_one_after_the_other() {
    const COUNT: u16 = 250;
    let many = |suspend| {
        let servers = (0..COUNT).map(|n| {
            let [high, low] = n.to_be_bytes();
            let key = ServerKey { address: [10, 1, high, low].into(), port: 80 };
            let mut server = ServerConfig { key, ..server(1, true) };
            if let CheckKind::Tcp(connect) = &mut server.checks[0].kind {
                connect.target = SocketAddr::new(key.address, 80);
            }
            server
        });
        let mut config = config(1, &servers.collect::<Vec<_>>());
        *config.services[0].rules = suspended(suspend);
        config
    };
    let mut world = World::new(empty());
    world.tell(Input::AddressesKnown);
    configure(&mut world, many(Suspend::WithoutOwn));
    world.pass(60 * S);
    assert_eq!(runs(&world), 0);
    world.events.clear();
    configure(&mut world, many(Suspend::Never));
    assert!(!world.engine.service(0).unwrap().resting);
    // Each has its own moment within 250 times 100 microseconds, as at a start.
    let mut most = 0;
    let mut before = 0;
    for _ in 0..25 {
        world.pass(MS);
        most = most.max(runs(&world) - before);
        before = runs(&world);
    }
    assert!((1..=50).contains(&most), "{most} of {COUNT} at once");
    assert_eq!(runs(&world), u64::from(COUNT), "and then all have been checked");
    assert!(!world.events.iter().any(|event| event.contains("its address is on this host")), "{:?}", world.events);
}

#[test]
fn one_address_of_a_group_is_enough_and_a_mark_goes_by_those_that_are_named() {
    let rests = |world: &World| world.engine.service(0).unwrap().resting;
    let mut group = guarded(suspended(Suspend::WithoutOwn));
    let mark = |mark: u32| ServiceKey::Fwmark { family: Family::V4, mark: std::num::NonZeroU32::new(mark).unwrap() };
    group.services[0].group = Some(Box::new(Group { name: None, others: vec![key(2), mark(5)], mark: None }));
    let mut world = World::new(empty());
    configure(&mut world, group);
    assert!(!rests(&world), "addresses are not known yet");
    world.tell(Input::AddressesKnown);
    assert!(rests(&world));
    address(&mut world, 2, true);
    assert!(!rests(&world));
    address(&mut world, 1, true);
    address(&mut world, 2, false);
    assert!(!rests(&world));
    address(&mut world, 1, false);
    assert!(rests(&world));

    let mut marked = guarded(suspended(Suspend::Without(vec![[192, 0, 2, 7].into(), [192, 0, 2, 8].into()])));
    marked.services[0].key = mark(5);
    configure(&mut world, marked);
    assert!(rests(&world));
    address(&mut world, 8, true);
    assert!(!rests(&world));
    // A mark without an address is everywhere.
    let mut everywhere = guarded(suspended(Suspend::WithoutOwn));
    everywhere.services[0].key = mark(5);
    address(&mut world, 8, false);
    configure(&mut world, everywhere);
    assert!(!rests(&world));
}

#[test]
fn one_that_must_prove_itself_is_not_trusted_while_checks_rest() {
    let mut config = guarded(Rules { suspend: Suspend::WithoutOwn, ..sorry(false) });
    config.services[0].servers.iter_mut().for_each(|server| server.alpha = true);
    let mut world = World::new(empty());
    world.tell(Input::AddressesKnown);
    configure(&mut world, config);
    world.pass(60 * S);
    assert_eq!((runs(&world), weights(&world)), (0, vec![(SORRY, 1)]));
}

#[test]
fn pipes_are_told_in_keepalived_s_words() {
    let pipe = Fifo { path: "/run/x".to_owned(), owner: None, script: None };
    let mut config = guarded(Rules::default());
    config.global.service_fifo = Some(pipe);
    let mut world = running(config.clone());
    dies(&mut world, &[1]);
    dies(&mut world, &[1, 2]);
    assert_eq!(
        std::mem::take(&mut world.lines),
        [
            "RS [10.0.0.1]:tcp:80 [192.0.2.1]:tcp:80 DOWN\n",
            "RS [10.0.0.2]:tcp:80 [192.0.2.1]:tcp:80 DOWN\n",
            "VS [192.0.2.1]:tcp:80 DOWN\n",
        ]
    );
    config.services[0].group = Some(Box::new(Group { name: Some("web".to_owned()), others: vec![key(2)], mark: None }));
    configure(&mut world, config.clone());
    dies(&mut world, &[2]);
    assert_eq!(std::mem::take(&mut world.lines), ["RS [10.0.0.1]:tcp:80 [web]:0 UP\n", "VS [web]:0 UP\n"]);
    // To the kernel it is a mark, which has no protocol; to people it is what it was.
    config.services[0].group.as_mut().unwrap().mark = std::num::NonZeroU32::new(1000);
    configure(&mut world, config);
    dies(&mut world, &[1, 2]);
    assert_eq!(world.lines, ["RS [10.0.0.1]:tcp:80 [web]:0 DOWN\n", "VS [web]:0 DOWN\n"]);
}

#[test]
fn what_a_reload_takes_away_goes_down_and_a_stop_is_told_where_that_is_wanted() {
    let mut world = running(guarded(Rules::default()));
    let mut less = guarded(Rules::default());
    less.services[0].servers.remove(0);
    configure(&mut world, less);
    assert_eq!(called(&mut world), ["1-down"]);
    configure(&mut world, Config::default());
    assert_eq!(called(&mut world), ["2-down", "3-down", "quorum-down"]);
    for omega in [false, true] {
        let mut world = running(guarded(Rules { omega, ..Rules::default() }));
        dies(&mut world, &[1]);
        called(&mut world);
        world.tell(Input::Stop);
        let told = called(&mut world);
        if omega {
            assert_eq!(told, ["2-down", "3-down", "quorum-down"])
        } else {
            assert_eq!(told, [""; 0])
        }
        assert!(world.stopped);
    }
}

#[test]
fn a_start_is_told_where_that_is_wanted() {
    let mut config = guarded(Rules::default());
    config.global.tell_servers_at_start = true;
    config.services[0].servers[2].checks.clear();
    let mut world = World::new(empty());
    configure(&mut world, config.clone());
    assert_eq!(called(&mut world), ["3-up", "quorum-up"], "the third needs no check");
    world.pass(2 * S);
    let mut told = called(&mut world);
    told.sort();
    assert_eq!(told, ["1-up", "2-up"]);
    configure(&mut world, config);
    assert_eq!(called(&mut world), [""; 0]);
}

/// Whom the operator holds back does not count, whatever checks say; nor has a weight of his counted for nothing.
#[test]
fn what_the_operator_wishes_counts_for_the_quorum() {
    let mut world = running(guarded(sorry(false)));
    for n in 1..=3 {
        world.load((1, n), 5);
    }
    world.ask(1, Verb::Drain(None));
    assert_eq!(weights(&world), [(1, 0), (2, 1), (3, 1)], "two are enough");
    world.ask(2, Verb::Drain(None));
    assert_eq!(weights(&world), [(1, 0), (2, 0), (3, 0), (SORRY, 1)], "one is not, and all keep what they have");
    assert_eq!(called(&mut world), ["quorum-down"]);
    world.pass(60 * S);
    assert_eq!(weights(&world), [(1, 0), (2, 0), (3, 0), (SORRY, 1)]);
    world.load((1, 1), 0);
    world.pass(2 * S);
    assert_eq!(weights(&world), [(2, 0), (3, 0), (SORRY, 1)]);
    // A weight of the operator's is a weight: 2 is the quorum.
    world.ask(3, Verb::Weight(Some(Weight::new(2).unwrap())));
    world.pass(2 * S);
    assert_eq!(weights(&world), [(2, 0), (3, 2)]);
    assert_eq!(called(&mut world), ["quorum-up"]);
    world.ask(3, Verb::Disable);
    assert_eq!(weights(&world), [(2, 0), (SORRY, 1)]);
    // Whoever comes back while the quorum is lost and wins it not stays aside.
    world.ask(1, Verb::Undrain);
    assert_eq!(weights(&world), [(2, 0), (SORRY, 1)]);
    world.ask(2, Verb::Undrain);
    world.pass(2 * S);
    assert_eq!(weights(&world), [(1, 1), (2, 1)]);
    assert_eq!(called(&mut world), ["quorum-down", "quorum-up"]);
    // One that is disabled does not hold it, though it is well; one that died while it was does not win it.
    world.ask(1, Verb::Disable);
    assert_eq!(weights(&world), [(2, 0), (SORRY, 1)]);
    dies(&mut world, &[1]);
    world.ask(1, Verb::Enable);
    assert_eq!(weights(&world), [(2, 0), (SORRY, 1)]);
    dies(&mut world, &[]);
    assert_eq!(weights(&world), [(1, 1), (2, 1)]);
}

/// One that returns slowly is there, however little it has: the quorum goes by its whole weight.
#[test]
fn a_slow_start_delays_no_quorum() {
    let mut config = guarded(sorry(false));
    config.services[0].quorum = 22;
    config.services[0].handover.slow_start = 30 * S;
    for server in &mut config.services[0].servers {
        server.settings = weight(11);
    }
    let mut world = World::new(empty());
    configure(&mut world, config);
    world.pass(2 * S);
    dies(&mut world, &[1, 2]);
    assert_eq!(weights(&world), [(3, 0), (SORRY, 1)]);
    world.dead.remove(&"10.0.0.2:80".parse().unwrap());
    world.pass_until(8 * S, |world| weights(world).len() == 2 && weights(world)[0].0 == 2);
    assert_eq!(weights(&world), [(2, 1), (3, 11)]);
    // It is drained and brought back in the middle: from the start again.
    world.pass(16 * S);
    assert_eq!(weights(&world), [(2, 6), (3, 11)]);
    world.load((1, 2), 5);
    world.ask(2, Verb::Drain(None));
    assert_eq!(weights(&world), [(2, 0), (3, 0), (SORRY, 1)]);
    world.ask(2, Verb::Undrain);
    world.pass(2 * S);
    assert_eq!(weights(&world), [(2, 1), (3, 11)]);
    world.pass(31 * S);
    assert_eq!(weights(&world), [(2, 11), (3, 11)]);
}

/// The part of the weight that a server has is the part that it has shown it can carry: while the sorry server stands in for it, it
/// shows nothing.
#[test]
fn a_slow_start_waits_while_the_sorry_server_is_in_charge() {
    let mut config = guarded(sorry(false));
    config.services[0].quorum = 22;
    config.services[0].handover.slow_start = 30 * S;
    config.services[0].servers.iter_mut().for_each(|server| server.settings = weight(11));
    let mut world = World::new(empty());
    configure(&mut world, config.clone());
    world.pass(2 * S);
    dies(&mut world, &[1, 2, 3]);
    dies(&mut world, &[2, 3]);
    assert_eq!(weights(&world), [(SORRY, 1)]);
    assert_eq!(world.engine.servers(0)[0].rises_until, None, "nobody knows when");
    // A reload in between is nothing to it.
    world.pass(20 * S);
    configure(&mut world, config);
    world.pass(20 * S);
    world.dead.remove(&"10.0.0.2:80".parse().unwrap());
    world.pass_until(8 * S, |world| weights(world).len() == 2);
    assert_eq!(weights(&world), [(1, 1), (2, 1)], "neither has carried anything yet");
    assert!(world.engine.servers(0)[0].rises_until.is_some_and(|until| until > world.now + 29 * S));
    world.pass(16 * S);
    assert_eq!(weights(&world), [(1, 6), (2, 6)]);
    // It is lost again for a while: the one that is well all along goes on where it was, the other begins anew.
    world.load((1, 1), 1);
    dies(&mut world, &[2, 3]);
    assert_eq!(weights(&world), [(1, 0), (SORRY, 1)]);
    world.pass(100 * S);
    world.dead.remove(&"10.0.0.2:80".parse().unwrap());
    world.pass_until(8 * S, |world| weights(world)[1].0 == 2);
    let now = weights(&world);
    assert!((6..=9).contains(&now[0].1) && now[1] == (2, 1), "{now:?}");
    world.pass(31 * S);
    assert_eq!(weights(&world), [(1, 11), (2, 11)]);
}

/// Where no sorry server stands in, servers are in charge whether or not they make a quorum.
#[test]
fn without_a_sorry_server_a_slow_start_waits_for_nobody() {
    let mut config = guarded(Rules::default());
    config.services[0].quorum = 22;
    config.services[0].handover.slow_start = 30 * S;
    config.services[0].servers.iter_mut().for_each(|server| server.settings = weight(11));
    let mut world = World::new(empty());
    configure(&mut world, config.clone());
    world.pass(2 * S);
    dies(&mut world, &[1, 2, 3]);
    world.dead.remove(&"10.0.0.1:80".parse().unwrap());
    world.pass_until(8 * S, |world| !weights(world).is_empty());
    assert_eq!(weights(&world), [(1, 1)]);
    world.pass(16 * S);
    assert_eq!(weights(&world), [(1, 6)]);
    // A reload that brings one sets it aside, and one that takes it away has it go on.
    let mut with = config.clone();
    *with.services[0].rules = Rules { notify: config.services[0].rules.notify.clone(), ..sorry(false) };
    world.load((1, 1), 1);
    configure(&mut world, with);
    assert_eq!(weights(&world), [(1, 0), (SORRY, 1)]);
    world.pass(100 * S);
    configure(&mut world, config);
    assert_eq!(weights(&world)[0], (1, 6));
    world.pass(16 * S);
    assert_eq!(weights(&world)[0], (1, 11));
}
