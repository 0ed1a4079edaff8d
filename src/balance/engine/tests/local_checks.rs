//! Checks by scripts and by files, and the weights that they give, on timelines.

use super::*;
use crate::model::{FileProbe, OnMissing, RunAs, ScriptFault, ScriptProbe, TrackFile};

fn local(kind: CheckKind) -> Check {
    Check {
        kind,
        interval: 6 * S,
        timeout: 4 * S,
        retry: 0,
        retry_interval: S,
        warmup: None,
        tells_failures: None,
        pace: None,
    }
}

fn script(name: &str, dynamic: bool, on_missing: OnMissing) -> Check {
    local(CheckKind::Script(Box::new(ScriptProbe { command: vec![name.to_owned()], user: None, dynamic, on_missing })))
}

fn file(name: &str, weight: i32) -> Check {
    local(CheckKind::File(Box::new(FileProbe { file: name.to_owned(), weight, reverse: false })))
}

/// One server of weight 10 with these checks, and two files.
fn checked(checks: Vec<Check>) -> Config {
    let server = ServerConfig { settings: weight(10), checks, ..server(1, false) };
    let file = |name: &str| TrackFile { name: name.to_owned(), path: format!("/{name}"), start: None };
    Config { files: vec![file("load"), file("out")], ..config(1, &[server]) }
}

impl World {
    fn ends(&mut self, script: &str, status: i32) {
        self.scripts.insert(script.to_owned(), ScriptOutcome::Exited(status));
    }

    fn holds(&mut self, name: &str, number: i64) {
        self.tell(Input::File { name: name.to_owned(), content: FileContent::Number(number) });
    }

    /// The weight in the kernel's table.
    fn weighs(&self) -> Option<u32> {
        let table = self.table.as_ref().unwrap();
        let server = table.services.get(&key(1))?.server(server_key(1))?;
        Some(server.unwrap().weight.value())
    }

    fn said(&self, what: &str) -> usize {
        self.events.iter().filter(|event| event.contains(what)).count()
    }
}

const ADD: &str = "add server 10.0.0.1:80 (NAT, weight 10) to tcp 192.0.2.1:80";

#[test]
fn a_dynamic_script_sets_the_weight_with_one_edit() {
    let mut world = World::new(empty());
    world.ends("/s", 0);
    configure(&mut world, checked(vec![script("/s", true, OnMissing::Fail)]));
    world.pass(2 * S);
    assert_eq!(world.take_steps()[1..], [ADD]);
    for (status, weighs) in
        [(7, Some(5)), (7, Some(5)), (2, Some(0)), (255, Some(253)), (1, None), (22, Some(20)), (0, Some(10))]
    {
        let before = world.weighs();
        world.ends("/s", status);
        world.pass(6 * S);
        assert_eq!(world.weighs(), weighs, "status {status}");
        assert_eq!(world.take_steps().len(), usize::from(before != weighs), "status {status}: one step, or none");
    }
    assert_eq!(world.said("has the weight 5 now: script /s gives it the weight 5"), 1, "{:#?}", world.events);
    assert_eq!(world.said("is down: script /s exits with status 1"), 1, "{:#?}", world.events);
    let status = &world.engine.servers(0)[0];
    assert_eq!(status.weight, Weight::new(10).ok());
}

#[test]
fn a_failure_that_is_forgiven_leaves_the_weight() {
    let mut world = World::new(empty());
    world.ends("/s", 12);
    let check = Check { retry: 1, ..script("/s", true, OnMissing::Fail) };
    configure(&mut world, checked(vec![check]));
    world.pass(2 * S);
    world.ends("/s", 7);
    world.pass(6 * S);
    assert_eq!(world.weighs(), Some(5));
    world.ends("/s", 1);
    while world.engine.servers(0)[0].checks[0].machine.last() != Some(Outcome::Exited(1)) {
        world.pass(100 * MS);
    }
    assert_eq!(world.weighs(), Some(5));
    world.pass(S);
    assert_eq!(world.weighs(), None);
}

#[test]
fn what_checks_of_all_kinds_add_comes_together_and_all_must_be_up() {
    let mut world = World::new(empty());
    let tcp = server(1, true).checks.remove(0);
    let checks = vec![
        script("/a", true, OnMissing::Fail),
        tcp,
        script("/b", true, OnMissing::Fail),
        file("load", 3),
        file("out", 0),
    ];
    world.ends("/a", 0);
    world.ends("/b", 0);
    configure(&mut world, checked(checks));
    world.pass(2 * S);
    assert_eq!(world.weighs(), None, "nothing is known of the files");
    world.holds("load", 0);
    assert_eq!(world.weighs(), None);
    world.holds("out", 0);
    assert_eq!(world.weighs(), Some(10));
    // As keepalived 2.2.7 was seen to do it: what each script adds is its weight less the configured one.
    world.ends("/a", 12);
    world.ends("/b", 22);
    world.pass(7 * S);
    assert_eq!(world.weighs(), Some(20));
    world.holds("load", 2);
    assert_eq!(world.weighs(), Some(26));
    world.holds("load", -20);
    assert_eq!(world.weighs(), Some(0), "no less than 0, and still there");
    world.holds("load", i64::from(i32::MAX));
    assert_eq!(world.weighs(), Some(Weight::MAX.value()));
    world.holds("load", i64::from(i32::MIN));
    assert_eq!(world.weighs(), None);
    world.holds("load", 0);
    assert_eq!(world.weighs(), Some(20));
    world.holds("out", 1);
    assert_eq!(world.weighs(), None);
    assert_eq!(world.said("is down: file out holds a number that takes it out"), 1, "{:#?}", world.events);
    world.holds("out", 0);
    world.dead.insert("10.0.0.1:80".parse().unwrap());
    world.pass(8 * S);
    assert_eq!(world.weighs(), None);
    world.dead.clear();
    world.pass(8 * S);
    assert_eq!(world.weighs(), Some(20));
    world.ends("/b", 1);
    world.pass(7 * S);
    assert_eq!(world.weighs(), None);
}

#[test]
fn a_reload_and_a_restart_move_no_weight_that_checks_have_set() {
    let checks = || vec![script("/s", true, OnMissing::Fail), file("load", 1)];
    let mut world = World::new(found(1, &[(1, 4)]));
    // A fresh daemon finds the weight that an earlier one had set.
    configure(&mut world, checked(checks()));
    world.pass(3 * S);
    assert_eq!(world.take_steps(), Vec::<String>::new(), "nothing was told yet");
    world.holds("load", 1);
    world.ends("/s", 5);
    world.pass(6 * S);
    assert_eq!((world.weighs(), world.take_steps()), (Some(4), Vec::new()));
    configure(&mut world, checked(checks()));
    world.pass(S);
    assert_eq!(world.take_steps(), Vec::<String>::new());
    // Another weight of the file's check, and another of the server's: at once, from what the file is known to hold.
    let mut config = checked(vec![script("/s", true, OnMissing::Fail), file("load", 4)]);
    config.services[0].servers[0].settings.weight = Weight::new(50).unwrap();
    configure(&mut world, config);
    assert_eq!(world.weighs(), Some(7), "3 by the script, 4 by the file");
    world.ends("/s", 0);
    world.pass(7 * S);
    assert_eq!(world.weighs(), Some(54));
    // A file of the same name elsewhere is another file.
    let mut config = checked(checks());
    config.files[0].path = "/elsewhere".to_owned();
    configure(&mut world, config);
    world.pass(S);
    assert_eq!(world.weighs(), Some(54), "as it was found, until the file was read");
    world.holds("load", 2);
    assert_eq!(world.weighs(), Some(12));
}

#[test]
fn only_so_many_scripts_run_at_once_and_sockets_do_not_wait_for_them() {
    let mut world = World::new(empty());
    let many = |n: u8| ServerConfig {
        checks: vec![script(&format!("/s{n}"), false, OnMissing::Fail), server(n, true).checks.remove(0)],
        ..server(n, false)
    };
    let servers: Vec<_> = (1..=9).map(many).collect();
    configure(&mut world, config(1, &servers));
    world.pass(3 * S);
    let scripts =
        |world: &World| world.probes.iter().filter_map(|probe| world.engine.script(*probe)).collect::<Vec<_>>();
    assert_eq!(scripts(&world).len(), 2, "of nine that hang, as many as may run");
    let tcp = |world: &World| {
        world.engine.servers(0).iter().filter(|server| server.checks[1].machine.last() == Some(Outcome::Ok)).count()
    };
    assert_eq!(tcp(&world), 9);
    assert_eq!(scripts(&world)[0].timeout, 4 * S);
    for n in 1..=9 {
        world.ends(&format!("/s{n}"), 0);
    }
    world.answer();
    world.pass(S);
    assert_eq!(world.table.as_ref().unwrap().services[&key(1)].servers().len(), 9);
    assert!(world.probes.is_empty());
}

#[test]
fn who_runs_scripts_ends_them_and_one_of_whom_nothing_is_heard_says_nothing_of_the_server() {
    let mut world = World::new(empty());
    world.ends("/s", 0);
    configure(&mut world, checked(vec![script("/s", false, OnMissing::Fail)]));
    world.pass(2 * S);
    assert_eq!(world.weighs(), Some(10));
    world.scripts.clear();
    world.pass(12 * S);
    assert_eq!((world.weighs(), world.probes.len()), (Some(10), 1), "its time is watched elsewhere");
    world.pass(40 * S);
    assert_eq!(world.weighs(), Some(10));
    assert_eq!(world.engine.servers(0)[0].checks[0].machine.last(), Some(Outcome::NotTried(Obstacle::Script)));
    world.scripts.insert("/s".to_owned(), ScriptOutcome::TimedOut);
    world.pass(60 * S);
    assert_eq!(world.weighs(), None);
    assert_eq!(world.said("is down: script /s runs longer than its timeout"), 1, "{:#?}", world.events);
    // One that runs is ended with its server, and at a stop.
    world.scripts.clear();
    world.pass(7 * S);
    assert_eq!(world.probes.len(), 1);
    configure(&mut world, config(1, &[server(2, false)]));
    assert!(world.probes.is_empty());
    configure(&mut world, checked(vec![script("/s", false, OnMissing::Fail)]));
    world.pass(2 * S);
    assert_eq!(world.probes.len(), 1);
    world.tell(Input::Stop);
    assert!(world.probes.is_empty() && world.stopped);
}

#[test]
fn a_script_that_is_nowhere_counts_for_nothing_or_fails_as_it_is_told() {
    let gone = || ScriptOutcome::NotRunnable(ScriptFault::NoFile, "there is no file /s".to_owned());
    for (on_missing, weighs) in [(OnMissing::Disable, Some(10)), (OnMissing::Fail, None)] {
        let mut world = World::new(empty());
        world.scripts.insert("/s".to_owned(), gone());
        configure(&mut world, checked(vec![script("/s", true, on_missing)]));
        world.pass(60 * S);
        assert_eq!(world.weighs(), weighs, "{on_missing:?}");
        let told =
            if weighs.is_some() { "script /s is not there: this check" } else { "is down: script /s is not there" };
        assert_eq!(world.said(told), 1, "{:#?}", world.events);
        // Once it was there, that it is gone is a failure in any case.
        world.ends("/s", 4);
        world.pass(7 * S);
        assert_eq!(world.weighs(), Some(2));
        world.scripts.insert("/s".to_owned(), gone());
        world.pass(7 * S);
        assert_eq!(world.weighs(), None, "{on_missing:?}");
    }
}

#[test]
fn services_share_a_script_and_each_server_has_its_own_weight() {
    let mut world = World::new(empty());
    let with = |configured, checks| ServerConfig { settings: weight(configured), checks, ..server(1, false) };
    let by_script = || vec![script("/s", true, OnMissing::Fail)];
    let mut config = config(3, &[]);
    config.services[0].servers = vec![with(10, by_script())];
    config.services[1].servers = vec![with(50, [by_script(), vec![file("load", 2)]].concat())];
    config.services[2].servers = vec![with(7, vec![file("load", 2)])];
    world.ends("/s", 0);
    configure(&mut world, config);
    world.holds("load", 3);
    world.pass(2 * S);
    let weights = |world: &World| {
        let table = world.table.as_ref().unwrap();
        [1, 2, 3].map(|n| table.services[&key(n)].server(server_key(1)).map(|found| found.unwrap().weight.value()))
    };
    assert_eq!(weights(&world), [Some(10), Some(56), Some(13)]);
    assert_eq!(world.engine.roster.checks.len(), 2, "each is made once");
    world.take_steps();
    world.ends("/s", 22);
    world.pass(6 * S);
    assert_eq!((weights(&world), world.take_steps().len()), ([Some(20), Some(26), Some(13)], 2));
    world.holds("load", -3);
    assert_eq!((weights(&world), world.take_steps().len()), ([Some(20), Some(14), Some(1)], 2));
    world.ends("/s", 1);
    world.pass(6 * S);
    assert_eq!(weights(&world), [None, None, Some(1)]);
}

/// What keepalived does with a script that is not there depends on whether it was when the file was read.
#[test]
fn a_script_that_went_missing_is_forgiven_by_a_reload_until_it_has_run_again() {
    for (on_missing, forgiven) in [(OnMissing::Disable, Some(10)), (OnMissing::Fail, None)] {
        let mut world = World::new(empty());
        let config = || checked(vec![script("/s", false, on_missing)]);
        world.ends("/s", 0);
        configure(&mut world, config());
        world.pass(2 * S);
        assert_eq!(world.weighs(), Some(10));
        world
            .scripts
            .insert("/s".to_owned(), ScriptOutcome::NotRunnable(ScriptFault::NoFile, "there is no file /s".to_owned()));
        world.pass(7 * S);
        assert_eq!(world.weighs(), None, "it was there when the file was read");
        configure(&mut world, config());
        world.pass(MS);
        assert_eq!(world.weighs(), forgiven, "it is looked for at once");
        assert_eq!(world.said("counts for nothing"), usize::from(forgiven.is_some()), "{:#?}", world.events);
        world.pass(20 * S);
        assert_eq!(world.weighs(), forgiven);
        world.ends("/s", 1);
        world.pass(7 * S);
        assert_eq!(world.weighs(), None, "it counts as soon as it is there");
        world.ends("/s", 0);
        world.pass(7 * S);
        world
            .scripts
            .insert("/s".to_owned(), ScriptOutcome::NotRunnable(ScriptFault::NoFile, "there is no file /s".to_owned()));
        world.pass(7 * S);
        assert_eq!(world.weighs(), None, "and from then on");
    }
}

/// Its file is there, so that keepalived would run it; what it runs into then is no reason to take its server for well.
#[test]
fn a_script_that_cannot_start_keeps_its_server_out_over_reloads() {
    for fault in [ScriptFault::NoInterpreter, ScriptFault::NotAProgram, ScriptFault::Refused] {
        let mut world = World::new(empty());
        let config = || checked(vec![script("/s", false, OnMissing::Disable)]);
        let broken = || ScriptOutcome::NotRunnable(fault, "it does not start".to_owned());
        world.scripts.insert("/s".to_owned(), broken());
        configure(&mut world, config());
        world.pass(20 * S);
        assert_eq!(world.weighs(), None, "{fault:?}");
        world.ends("/s", 0);
        world.pass(7 * S);
        assert_eq!(world.weighs(), Some(10), "{fault:?}: mended");
        world.scripts.insert("/s".to_owned(), broken());
        world.pass(7 * S);
        assert_eq!(world.weighs(), None, "{fault:?}");
        for _ in 0..3 {
            configure(&mut world, config());
            world.pass(20 * S);
            assert_eq!(world.weighs(), None, "{fault:?}: after a reload");
        }
        assert_eq!(world.said("counts for nothing"), 0, "{:#?}", world.events);
    }
}

/// Whoever runs scripts tells by their names which check's last run has not ended yet, and runs go on over reloads.
#[test]
fn a_reload_gives_no_run_the_name_of_another_s() {
    let mut world = World::new(empty());
    let with = |n: u8, checks: Vec<Check>| ServerConfig { checks, ..server(n, false) };
    let named = |name: &str| script(name, false, OnMissing::Fail);
    let tcp = server(1, true).checks;
    let runs = |world: &World| -> BTreeMap<String, String> {
        let runs = world.probes.iter().filter_map(|probe| world.engine.script(*probe));
        runs.map(|run| (run.command[0].clone(), run.name)).collect()
    };
    configure(&mut world, config(1, &[with(1, tcp.clone()), with(2, [tcp, vec![named("/a"), named("/b")]].concat())]));
    world.pass(3 * S);
    let before = runs(&world);
    assert_eq!(before.len(), 2);
    assert_ne!(before["/a"], before["/b"]);
    // Checks before them go, of another server and of their own.
    configure(&mut world, config(1, &[with(2, vec![named("/a"), named("/b")])]));
    assert_eq!(runs(&world), before);
    configure(&mut world, config(1, &[with(2, vec![named("/b")])]));
    assert_eq!(runs(&world)["/b"], before["/b"]);
}

#[test]
fn checks_that_run_the_same_command_run_side_by_side() {
    let as_user = |user: &str| {
        let user = Some(RunAs { user: user.to_owned(), group: None });
        let probe = ScriptProbe { command: vec!["/s".to_owned()], user, dynamic: false, on_missing: OnMissing::Fail };
        local(CheckKind::Script(Box::new(probe)))
    };
    let slower = |check: Check| Check { timeout: 5 * S, ..check };
    let same = || script("/s", false, OnMissing::Fail);
    let named = |world: &World| {
        let runs = world.probes.iter().filter_map(|probe| world.engine.script(*probe));
        runs.map(|run| run.name).collect::<BTreeSet<_>>().len()
    };
    for checks in [vec![same(), slower(same())], vec![as_user("a"), as_user("b")], vec![as_user("a"), same()]] {
        let mut world = World::new(empty());
        configure(&mut world, checked(checks));
        world.pass(3 * S);
        assert_eq!((world.probes.len(), named(&world)), (2, 2));
    }
    // Servers and services have names of their own.
    for (services, servers) in [(1, 2), (2, 1)] {
        let mut world = World::new(empty());
        let servers: Vec<_> =
            (1..=servers).map(|n| ServerConfig { checks: vec![same()], ..server(n, false) }).collect();
        let mut config = config(services, &servers);
        for (n, service) in (1..).zip(&mut config.services) {
            service.servers[0].checks[0].timeout = n * S;
        }
        configure(&mut world, config);
        world.pass(900 * MS);
        assert_eq!((world.probes.len(), named(&world)), (2, 2), "{services} services");
    }
}

/// However many servers are due to be called.
#[test]
fn scripts_that_wait_have_their_turn_though_the_loop_does_not_catch_up() {
    const SCRIPTS: usize = 20;
    let mut world = World::new(empty());
    world.begins_in = Some(40 * MS);
    let mut servers: Vec<_> = (1..=250).map(|n| server(n, true)).collect();
    // Two may run at one time.
    for (n, server) in servers[..SCRIPTS].iter_mut().enumerate() {
        let name = format!("/{n}");
        server.checks = vec![script(&name, false, OnMissing::Fail)];
        world.ends(&name, 0);
    }
    configure(&mut world, config(1, &servers));
    let end = world.now + 60 * S;
    world.now += S;
    let mut answers_at = world.now + S;
    while world.now < end {
        world.tell(Input::Wake);
        if answers_at <= world.now {
            world.answer();
            answers_at = world.now + S;
        }
        world.now = world.now.max(world.engine.poll_timeout().unwrap());
    }
    let runs: Vec<_> = world.engine.servers(0).iter().map(|server| server.checks[0].machine.counts().0).collect();
    assert!(runs[SCRIPTS] < 10, "the loop catches up: {runs:?}");
    assert!(runs[..SCRIPTS].iter().all(|runs| *runs >= 2), "{runs:?}");
}
