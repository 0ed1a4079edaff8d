//! The thread and its requests. What needs a kernel with IPVS is tested in the lab; here nothing touches this host's table.

use std::time::Duration;

use super::*;

const PATIENCE: Duration = Duration::from_secs(60);

fn start() -> (BalancerHandle, Receiver<BalancerEvent>, tempfile::TempDir) {
    let state = tempfile::tempdir().unwrap();
    let (events, told) = channel();
    let options = Options {
        config: Arc::default(),
        state_dir: state.path().to_owned(),
        events: events.into(),
        seed: 1,
        nonce_seed: 2,
        services: Arc::default(),
        roles: Arc::default(),
        door: Door::default(),
    };
    (spawn(options).unwrap(), told, state)
}

/// The next thing that it tells, beside that nobody leaves.
fn next(told: &Receiver<BalancerEvent>) -> BalancerEvent {
    loop {
        let event = told.recv_timeout(PATIENCE).unwrap();
        if event != BalancerEvent::Leaving(Vec::new()) {
            return event;
        }
    }
}

#[test]
fn without_services_it_is_ready_at_once_answers_and_stops() {
    let (handle, told, state) = start();
    assert_eq!(next(&told), BalancerEvent::Ready);
    let view = handle.snapshot().recv_timeout(PATIENCE).unwrap();
    assert!(view.services.is_empty() && !view.kernel.available && view.kernel.problem.is_none());
    assert_eq!(handle.plan(Arc::default()).recv_timeout(PATIENCE), Ok(Ok(PlanReply::default())));
    assert_eq!(handle.configure(Arc::default()).unwrap().recv_timeout(PATIENCE), Ok(ConfigureReply::default()));
    handle.stop().recv_timeout(PATIENCE).unwrap();
    assert_eq!(next(&told), BalancerEvent::Stopped);
    // After the end, channels close in place of keeping anybody waiting.
    assert!(handle.snapshot().recv_timeout(PATIENCE).is_err());
    handle.join().unwrap();
    assert!(!state.path().join("ledger").exists(), "nothing was claimed");
}

#[test]
fn who_drops_the_handle_ends_the_loop() {
    let (handle, told, _state) = start();
    assert_eq!(next(&told), BalancerEvent::Ready);
    drop(handle);
    assert_eq!(next(&told), BalancerEvent::Stopped);
}
