use std::sync::mpsc::channel;

use super::*;

/// Loops without threads: each is down, as after a failure.
fn down() -> Loops {
    let (router_events, _) = channel();
    let (balancer_events, _) = channel();
    let options = Options {
        state_dir: PathBuf::new(),
        router_events: router_events.into(),
        door: Door::default(),
        balancer_events: balancer_events.into(),
    };
    Loops::down(options, Arc::default(), Arc::default())
}

#[test]
fn a_loop_that_keeps_failing_waits_longer_each_time_and_one_that_ran_well_does_not() {
    let mut keep = Keep::<()>::new();
    let mut now = Instant::now();
    let mut pauses = Vec::new();
    for _ in 0..8 {
        keep.started(Ok(()), "test", now);
        keep.lost("panicked".to_owned(), "test", now);
        let at = keep.revive_at.unwrap();
        pauses.push((at - now).as_secs());
        assert!(keep.due(at) && (at == now || !keep.due(now)));
        now = at;
    }
    assert_eq!(pauses, [0, 1, 2, 4, 8, 16, 30, 30]);
    keep.started(Ok(()), "test", now);
    now += WELL_AFTER;
    keep.lost("panicked".to_owned(), "test", now);
    assert_eq!(keep.revive_at, Some(now), "a minute of running well begins the count anew");
    assert_eq!(keep.view.restarts, 9, "and all are told");
}

#[test]
fn a_loop_that_is_known_to_be_down_costs_no_sign_of_life() {
    assert!(down().answer());
}

#[test]
fn silence_is_told_from_an_end() {
    let by = || Instant::now() + Duration::from_millis(10);
    let (sender, receiver) = channel();
    assert!(!answers(&receiver, by()));
    sender.send(()).unwrap();
    assert!(answers(&receiver, by()));
    drop(sender);
    assert!(answers(&receiver, by()));
}

/// A balancer that reads its ledger from a pipe, and waits until somebody has written it, takes nothing from its inbox.
#[test]
fn a_configuration_that_the_balancer_had_no_room_for_is_given_to_it_again() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = folder.path().join("ledger");
    nix::unistd::mkfifo(&ledger, nix::sys::stat::Mode::S_IRWXU).unwrap();
    let mut loops = down();
    loops.options.state_dir = folder.path().to_owned();
    let config = Arc::<Config>::default();
    loops.start_balancer(&config, Instant::now());
    assert_eq!(loops.configure(&config).problems.len(), 1, "it does not answer in time");
    assert_eq!(loops.hand_again_at, None, "and takes it when it can");
    let handle = loops.balancer.handle.as_ref().unwrap();
    while handle.configure(Arc::clone(&config)).is_ok() {}
    let configured = loops.configure(&config);
    assert!(configured.problems[0].contains("too much to do"), "{:?}", configured.problems);
    let at = loops.poll_timeout().unwrap();
    loops.catch_up(&config, at - Duration::from_millis(1));
    assert_eq!(loops.poll_timeout(), Some(at), "not yet");
    loops.catch_up(&config, at);
    assert_eq!(loops.poll_timeout(), Some(at + HAND_AGAIN), "there is still no room");
    std::fs::write(&ledger, "").unwrap();
    let handle = loops.balancer.handle.as_ref().unwrap();
    while handle.ping().recv_timeout(Duration::from_secs(60)).is_err() {}
    loops.catch_up(&config, at + HAND_AGAIN);
    assert_eq!(loops.poll_timeout(), None, "taken");
    assert!(loops.configure(&config).problems.is_empty());
}

/// A router that reads what an earlier one has left from a pipe, and waits until somebody has written it.
#[test]
fn a_disk_that_hangs_holds_up_the_router_that_reads_it_and_nobody_else() {
    const LONG: Duration = Duration::from_secs(30);
    for name in ["steering", "sysctl-links.json"] {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join(name);
        nix::unistd::mkfifo(&file, nix::sys::stat::Mode::S_IRWXU).unwrap();
        let mut loops = down();
        loops.options.state_dir = folder.path().to_owned();
        let (started, told) = channel();
        std::thread::spawn(move || {
            loops.start_router(&Arc::default(), Instant::now());
            let _ = started.send(loops);
        });
        let mut loops = told.recv_timeout(LONG).unwrap_or_else(|_| panic!("{name}: the supervisor waits for the disk"));
        let asked_at = Instant::now();
        assert!(loops.answer(), "{name}: no reason to end a balancer that is well");
        if name == "steering" {
            let _ = loops.snapshots(BalancerHandle::snapshot);
            let configured = loops.configure(&Arc::default());
            assert!(configured.problems[0].contains("waits for its files"), "{:?}", configured.problems);
            assert!(asked_at.elapsed() < PATIENCE, "nobody waits long for an answer that cannot come");
            loops.tell_reading(asked_at + PATIENCE);
            assert!(loops.told_reading);
        }
        std::fs::write(&file, "").unwrap();
        let handle = loops.router.handle.as_ref().unwrap();
        assert_eq!(handle.ping().recv_timeout(LONG), Ok(()), "{name}");
        assert!(loops.configure(&Arc::default()).problems.iter().all(|problem| !problem.contains("router loop")));
        loops.tell_reading(asked_at + PATIENCE);
        assert!(!loops.told_reading);
        loops.router.handle.take().map(|handle| stops(&handle.stop(), || false)).unwrap().unwrap();
    }
}

#[test]
fn a_second_signal_shortens_the_stop() {
    let (sender, receiver) = channel();
    let waited = stops(&receiver, || true).unwrap_err();
    assert!(waited >= HURRIED_PATIENCE && waited < STOP_PATIENCE, "{waited:?}");
    sender.send(()).unwrap();
    assert_eq!(stops(&receiver, || true), Ok(()));
}
