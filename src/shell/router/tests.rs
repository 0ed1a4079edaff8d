use super::*;
use crate::model::{
    AdvertInterval, Announcements, Instance, Notify, Priority, StartAs, Transport, VirtualRouterId, Vrid, VrrpVersion,
};
use std::time::Duration;

const LONG: Duration = Duration::from_secs(60);

/// A router on an interface that no host has: it opens no socket and touches no network.
fn nowhere() -> Arc<Config> {
    let instance = Instance {
        name: "VI_1".to_owned(),
        id: VirtualRouterId { interface: "no-such-link".to_owned(), vrid: Vrid::new(51).unwrap() },
        version: VrrpVersion::V3,
        start_as: StartAs::Backup,
        priority: Priority::DEFAULT,
        advert_interval: AdvertInterval::DEFAULT,
        preempt: true,
        transport: Transport::Multicast { source: None, group: crate::wire::vrrp::GROUP },
        password: None,
        addresses: Vec::new(),
        excluded_addresses: Vec::new(),
        track_interfaces: Vec::new(),
        track_scripts: Vec::new(),
        announcements: Announcements::default(),
        notify: Notify::default(),
    };
    Arc::new(Config { instances: vec![instance], ..Config::default() })
}

#[test]
fn it_starts_answers_and_stops() {
    let (events, told) = mpsc::channel();
    let handle = spawn(Options { config: Arc::default(), events }).unwrap();
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
    let handle = spawn(Options { config: Arc::default(), events }).unwrap();
    assert_eq!(handle.stop().recv_timeout(LONG), Ok(()));
    assert_eq!(told.iter().last(), Some(RouterEvent::Stopped));
    assert!(handle.snapshot().recv_timeout(LONG).is_err());
    assert!(handle.configure(nowhere()).recv_timeout(LONG).is_err());
    assert!(handle.stop().recv_timeout(LONG).is_err());
}

#[test]
fn without_the_capability_it_says_what_is_missing() {
    let (events, _told) = mpsc::channel();
    match spawn(Options { config: nowhere(), events }) {
        Ok(handle) => {
            assert_eq!(handle.stop().recv_timeout(LONG), Ok(()));
        }
        Err(error) => assert!(error.to_string().contains("CAP_NET_RAW"), "{error}"),
    }
}
