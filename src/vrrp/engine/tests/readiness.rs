//! Starts that are put off, and checks that are waited for.

use super::*;
use crate::model::RouterSettings;

fn delayed(startup: u64, after_boot: u64) -> Arc<Config> {
    let router = RouterSettings {
        startup_delay: Duration::from_secs(startup),
        delay_after_boot: Duration::from_secs(after_boot),
        ..RouterSettings::default()
    };
    Arc::new(Config { instances: vec![instance("a", 51)], router, ..Config::default() })
}

#[test]
fn the_later_of_both_delays_counts_and_only_at_the_start() {
    for (startup, after_boot, uptime, seconds) in
        [(10, 0, 1000, 10), (0, 60, 1000, 0), (0, 60, 45, 15), (20, 60, 45, 20), (0, 60, 0, 60)]
    {
        let mut bench = Bench::bare();
        bench.input(Input::Links(vec![link(2, "eth0", true)]));
        bench.input(Input::Addresses(vec![host(2, OWN, 24)]));
        bench.input(Input::Uptime(Duration::from_secs(uptime)));
        bench.input(Input::Configure(delayed(startup, after_boot)));
        if seconds > 0 {
            assert_eq!(bench.roles(), [Role::Initialize]);
            assert_eq!(bench.reason(0), format!("waiting for the startup delay to pass, in {seconds}.0 s"));
            bench.pass(Duration::from_secs(seconds) - Duration::from_millis(1));
            assert_eq!(bench.roles(), [Role::Initialize]);
            bench.pass(Duration::from_millis(1));
        }
        assert_eq!(bench.roles(), [Role::Backup], "{startup} {after_boot} {uptime}");
        // A reload does not start anything anew.
        bench.input(Input::Configure(delayed(startup + 100, after_boot)));
        bench.pass(LONG);
        assert_eq!(bench.roles(), [Role::Active]);
    }
}

#[test]
fn another_master_is_left_in_place_until_every_check_has_succeeded_once() {
    let mut careful = instance("a", 51);
    careful.election.wait_for_checks = true;
    careful.tracks = vec![watched(Watched::Script("s".to_owned()), -5), watched(Watched::Script("t".to_owned()), -5)];
    let scripts = || vec![script("s"), script("t")];
    let listen = |bench: &mut Bench| {
        for _ in 0..5 {
            bench.hear(51, 50);
            bench.pass(Duration::from_secs(1));
        }
        bench.roles()
    };
    let mut bench = Bench::new(Vec::new());
    bench.configure(vec![careful.clone()], scripts(), vec![]);
    assert_eq!(listen(&mut bench), [Role::Backup]);
    bench.finish("s", 0);
    assert_eq!(listen(&mut bench), [Role::Backup]);
    // That one fails again does not matter, nor does a reload.
    bench.finish("s", 1);
    bench.finish("t", 0);
    bench.configure(vec![careful.clone()], scripts(), vec![]);
    assert_eq!(listen(&mut bench), [Role::Active]);

    // Where there is no master, one is better than none.
    let mut bench = Bench::new(Vec::new());
    bench.configure(vec![careful], scripts(), vec![]);
    bench.pass(LONG);
    assert_eq!(bench.roles(), [Role::Active]);
}

fn told(words: Vec<String>) -> Vec<String> {
    words.into_iter().filter(|word| word.starts_with('!')).collect()
}

#[test]
fn a_delay_is_told_once_for_all_routers() {
    for (startup, after_boot, uptime, line) in [
        (10, 0, 0, "10.0 s (vrrp_startup_delay)"),
        (10, 60, 45, "15.0 s (vrrp_delay_after_boot)"),
        (20, 60, 45, "20.0 s (vrrp_startup_delay)"),
    ] {
        let mut bench = Bench::new(Vec::new());
        bench.router.configured = false;
        bench.input(Input::Uptime(Duration::from_secs(uptime)));
        let mut config = Config::clone(&delayed(startup, after_boot));
        config.instances.push(instance("b", 52));
        let words = told(bench.input(Input::Configure(Arc::new(config))));
        assert_eq!(words, [format!("! no virtual router starts within the next {line}; until then all stay in INIT")]);
        bench.pass(Duration::from_secs(2));
        assert_eq!(told(bench.pass(Duration::from_secs(3))), [""; 0]);
    }
}

#[test]
fn a_wait_for_first_answers_is_told_once_if_it_lasts() {
    let mut waits = instance("a", 51);
    waits.tracks = vec![watched(Watched::Script("s".to_owned()), 0), watched(Watched::Script("t".to_owned()), 0)];
    let mut bench = Bench::new(Vec::new());
    let words = bench.configure(vec![waits.clone()], vec![script("s"), script("t")], vec![]);
    assert_eq!(told(words), [""; 0]);
    let words = told(bench.pass(Duration::from_secs(5)));
    assert_eq!(words, ["! a: still INIT: waiting for script s, script t to answer for the first time"]);
    bench.finish("s", 0);
    assert_eq!(told(bench.pass(Duration::from_secs(5))), [""; 0]);

    // Quick answers are no news.
    let mut bench = Bench::new(Vec::new());
    bench.configure(vec![waits], vec![script("s"), script("t")], vec![]);
    bench.finish("s", 0);
    bench.finish("t", 0);
    assert!(!bench.pass(Duration::from_secs(3)).iter().any(|word| word.contains("waiting")));
}

#[test]
fn a_master_that_is_left_in_place_for_want_of_proof_is_told_once() {
    let mut careful = instance("a", 51);
    careful.election.wait_for_checks = true;
    careful.tracks = vec![watched(Watched::Script("s".to_owned()), -5)];
    let mut bench = Bench::new(Vec::new());
    bench.configure(vec![careful], vec![script("s")], vec![]);
    // Nobody is there to be left in place.
    assert_eq!(told(bench.pass(Duration::from_secs(2))), [""; 0]);
    let mut words = Vec::new();
    for _ in 0..5 {
        words.extend(told(bench.hear(51, 50)));
        words.extend(told(bench.pass(Duration::from_secs(1))));
    }
    assert_eq!(
        words,
        ["! a: leaving a master of lower priority in place until script s has succeeded once (wait_for_checks)"]
    );
}

#[test]
fn a_router_that_becomes_another_one_leaves_the_old_one_and_says_so() {
    let mut bench = Bench::new(vec![instance("a", 51), instance("b", 61)]);
    bench.pass(LONG);
    let mut other = instance("a", 51);
    other.id.vrid = Vrid::new(52).unwrap();
    let words = bench.configure(vec![other], vec![], vec![]);
    let lines: Vec<_> = words.iter().filter(|word| word.starts_with('!') || word.starts_with("send")).collect();
    assert_eq!(
        lines,
        [
            "send 51 prio 0",
            "! a: MASTER -> INIT: the configuration changed VRID 51 -> 52: leaving the old virtual router and joining the \
             new one",
            "send 61 prio 0",
            "! b: MASTER -> INIT: the configuration has it no longer",
            "! a: INIT -> BACKUP: just started, listening for a master",
        ]
    );
}

#[test]
fn an_interface_whose_only_address_is_virtual_is_told_of() {
    let mut bench = Bench::bare();
    bench.input(Input::Links(vec![link(2, "eth0", true)]));
    bench.input(Input::Addresses(vec![host(2, Ipv4Addr::new(10, 0, 0, 51), 32)]));
    let words = bench.configure(vec![instance("a", 51)], vec![], vec![]);
    assert!(words.contains(&"remove 10.0.0.51".to_owned()), "{words:?}");
    assert_eq!(
        told(words),
        [
            "! a: INIT -> FAULT: interface eth0 has no IPv4 address of its own to send adverts from (virtual addresses do \
             not count)",
            "! a: 10.0.0.51/32, the only address that eth0 has to send adverts from, is a virtual address, which a master \
             alone has: it is taken off; give eth0 an address of its own, or, if 10.0.0.51 is this host's own, the \
             virtual router priority 255",
        ]
    );
    assert_eq!(told(bench.pass(LONG)), [""; 0]);
}
