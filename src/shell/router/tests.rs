use super::*;
use crate::model::{Family, Instance, Vrid, VrrpVersion};
use std::time::Duration;

const LONG: Duration = Duration::from_secs(60);

/// A router on an interface that no host has: it opens no socket and touches no network.
fn nowhere() -> Arc<Config> {
    let instance = Instance {
        version: VrrpVersion::V3,
        ..Instance::new("VI_1", "no-such-link", Vrid::new(51).unwrap(), Family::V4)
    };
    Arc::new(Config { instances: vec![instance], ..Config::default() })
}

#[test]
fn it_starts_answers_and_stops() {
    let (events, told) = mpsc::channel();
    let handle =
        spawn(Options { config: Arc::default(), events: events.into(), services: Arc::default(), fresh: true })
            .unwrap();
    assert_eq!(told.recv_timeout(LONG), Ok(RouterEvent::Ready));
    assert_eq!(handle.snapshot().recv_timeout(LONG), Ok(Vec::new()));
    assert_eq!(handle.configure(nowhere()).recv_timeout(LONG), Ok(Ok(())));
    let view = handle.snapshot().recv_timeout(LONG).unwrap().remove(0);
    assert_eq!((view.state.as_str(), view.version), ("FAULT", 3));
    assert_eq!(view.reason, "interface no-such-link does not exist; waiting for it to appear");
    assert!(matches!(told.recv_timeout(LONG), Ok(RouterEvent::StateChanged { to: Role::Fault, .. })));
    assert_eq!(handle.stop().recv_timeout(LONG), Ok(()));
    handle.join();
    assert_eq!(told.iter().last(), Some(RouterEvent::Stopped));
}

#[test]
fn a_question_to_a_loop_that_has_ended_is_not_answered() {
    let (events, told) = mpsc::channel();
    let handle =
        spawn(Options { config: Arc::default(), events: events.into(), services: Arc::default(), fresh: true })
            .unwrap();
    assert_eq!(handle.stop().recv_timeout(LONG), Ok(()));
    assert_eq!(told.iter().last(), Some(RouterEvent::Stopped));
    assert!(handle.snapshot().recv_timeout(LONG).is_err());
    assert!(handle.configure(nowhere()).recv_timeout(LONG).is_err());
    assert!(handle.stop().recv_timeout(LONG).is_err());
}

#[test]
fn without_the_capability_it_says_what_is_missing() {
    let (events, _told) = mpsc::channel();
    match spawn(Options { config: nowhere(), events: events.into(), services: Arc::default(), fresh: true }) {
        Ok(handle) => {
            assert_eq!(handle.stop().recv_timeout(LONG), Ok(()));
        }
        Err(error) => assert!(error.to_string().contains("CAP_NET_RAW"), "{error}"),
    }
}
