use std::sync::mpsc::channel;

use super::*;

/// Loops without threads: each is down, as after a failure.
fn down() -> Loops {
    let (router_events, _) = channel();
    let (balancer_events, _) = channel();
    let options = Options {
        state_dir: PathBuf::new(),
        router_events: router_events.into(),
        balancer_events: balancer_events.into(),
    };
    Loops { options, router: Keep::new(), balancer: Keep::new(), services: Arc::default(), roles: Arc::default() }
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
