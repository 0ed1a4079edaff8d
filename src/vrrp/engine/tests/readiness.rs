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
            assert_eq!(bench.reason(0), "waiting for the startup delay to pass");
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
