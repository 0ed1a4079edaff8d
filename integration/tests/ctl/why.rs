//! `ipvsctl why`.

use ipvsd::api::{DeadlineView, GroupView, InstanceView, PeerView, Snapshot, TrackView, TransitionView};

use crate::canned::{Canned, idle, troubled};
use crate::{Run, ipvsctl};

fn why(snapshot: Snapshot, arguments: &[&str]) -> Run {
    let daemon = Canned::showing(snapshot);
    let arguments = [&["why"], arguments].concat();
    Run::of(ipvsctl(&arguments).env("IPVSD_SOCKET", daemon.socket()))
}

fn change(from: &str, to: &str, reason: &str, ago_secs: f64) -> TransitionView {
    TransitionView { from: from.to_owned(), to: to.to_owned(), reason: reason.to_owned(), ago_secs }
}

fn next(what: &str, in_secs: f64) -> DeadlineView {
    DeadlineView { what: what.to_owned(), in_secs }
}

/// The routers of a bad night, with everything that there is to say of them.
fn explained() -> Snapshot {
    let mut snapshot = troubled();
    let script = snapshot.instances[1].tracks[0].clone();
    let track = |kind: &str, name: &str, weight, ok, adds, detail: &str| TrackView {
        what: format!("{kind} {name}"),
        kind: kind.to_owned(),
        name: name.to_owned(),
        ok,
        weight,
        adds,
        fault: false,
        detail: detail.to_owned(),
        ..script.clone()
    };
    let [master, backup, fault] = snapshot.instances.as_mut_slice() else { panic!() };
    master.deadlines = vec![next("advert", 0.413), next("announce", 3.2)];
    master.history = vec![
        change("BACKUP", "MASTER", "no master was heard for 3.61 s", 273_600.0),
        change("INIT", "BACKUP", "just started, listening for a master", 273_603.6),
    ];

    let failed = script.clone();
    backup.tracks = vec![
        track("interface", "eth1", 0, Some(true), 0, "up"),
        failed,
        track("process", "haproxy", 20, Some(true), 20, "2 run, at least 1 wanted"),
        TrackView { reverse: true, ..track("file", "/run/load", 2, Some(true), -20, "holds 10") },
        TrackView {
            group: Some("outer".to_owned()),
            ..track("service", "web", -30, None, 0, "the balancer has not told of it")
        },
    ];
    backup.priority_sum = -5;
    backup.unproven = vec!["service web".to_owned()];
    backup.group = Some(GroupView {
        name: "outer".to_owned(),
        weighted: true,
        members: vec![("VI_LONG_NAME_2".to_owned(), "BACKUP".to_owned()), ("VI_4".to_owned(), "BACKUP".to_owned())],
    });
    backup.peer = Some(PeerView {
        address: "10.0.0.3".to_owned(),
        priority: 98,
        interval_secs: 1.0,
        ago_secs: 0.314,
        outranks: true,
    });
    backup.deadlines = vec![next("down", 3.31)];
    backup.history = vec![change("MASTER", "BACKUP", "10.0.0.3 advertises priority 98, ours is 96", 134.0)];

    fault.faults = vec![
        "interface eth2 is down".to_owned(),
        "interface eth7 does not exist; virtual address 2001:db8:1234:5678::100/64 needs it, and so do we all"
            .to_owned(),
    ];
    snapshot
}

#[test]
fn each_state_is_explained() {
    let run = why(explained(), &[]);
    assert_eq!((run.status, run.err.as_str()), (Some(0), ""));
    assert!(run.out.lines().all(|line| line.chars().count() <= 80), "{}", run.out);
    insta::assert_snapshot!(run.out);
}

#[test]
fn one_is_asked_for_by_name() {
    let run = why(explained(), &["VI_3"]);
    assert_eq!(run.status, Some(0));
    assert!(run.out.starts_with("VI_3 is FAULT, for 5s\n"), "{}", run.out);
    assert!(!run.out.contains("VI_1"));

    let run = why(explained(), &["VI_9"]);
    assert_eq!((run.status, run.out.as_str()), (Some(2), ""));
    assert_eq!(run.err, "ipvsctl: there is no virtual router VI_9; there are: VI_1, VI_LONG_NAME_2, VI_3\n");
}

#[test]
fn programs_get_what_a_snapshot_has() {
    let snapshot = explained();
    let run = why(snapshot.clone(), &["VI_LONG_NAME_2", "-o", "json"]);
    let parsed: serde_json::Value = serde_json::from_str(&run.out).unwrap();
    let instances: Vec<InstanceView> = serde_json::from_value(parsed["instances"].clone()).unwrap();
    assert_eq!(instances, snapshot.instances[1..2]);
}

#[test]
fn sums_that_leave_the_range_are_said_to_be_clamped() {
    let mut snapshot = explained();
    let router = &mut snapshot.instances[0];
    (router.priority_sum, router.effective_priority) = (200, 254);
    let run = why(snapshot.clone(), &["VI_1"]);
    let told = "priority 254: 101 configured, +200 by what it watches makes 301, kept within\n";
    assert!(run.out.contains(told), "{}", run.out);
    let router = &mut snapshot.instances[0];
    (router.priority, router.effective_priority) = (255, 255);
    let run = why(snapshot, &["VI_1"]);
    assert!(run.out.contains("priority 255: the owner of its addresses; weights do not change it\n"), "{}", run.out);
}

#[test]
fn what_is_waited_for_is_named() {
    let mut snapshot = explained();
    let router = &mut snapshot.instances[0];
    router.state = "INIT".to_owned();
    router.awaited = vec!["script check_haproxy".to_owned()];
    let run = why(snapshot, &["VI_1"]);
    assert!(run.out.contains("  ! it waits for script check_haproxy to answer for the first time\n"), "{}", run.out);
}

#[test]
fn nothing_to_explain() {
    let run = why(idle(), &[]);
    assert_eq!((run.status, run.out.as_str()), (Some(0), "No virtual routers are configured.\n"));
}

#[test]
fn a_master_of_lower_priority_is_left_in_place_for_a_reason() {
    let mut snapshot = explained();
    let router = &mut snapshot.instances[1];
    router.peer.as_mut().unwrap().outranks = false;
    router.deadlines = vec![next("down", 3.31), next("preempt", 54.0)];
    let run = why(snapshot.clone(), &["VI_LONG_NAME_2"]);
    let told = "  in 54.0 s it may take over from a master of lower priority (preempt_delay)\n";
    assert!(run.out.contains(told), "{}", run.out);
    assert!(!run.out.contains("nopreempt"), "{}", run.out);

    let router = &mut snapshot.instances[1];
    router.no_preempt = true;
    let run = why(snapshot.clone(), &["VI_LONG_NAME_2"]);
    assert!(run.out.contains("  it leaves that one in place all the same"), "{}", run.out);
    // One that has left, or is stronger anyhow, is another matter.
    let router = &mut snapshot.instances[1];
    router.peer.as_mut().unwrap().priority = 0;
    let run = why(snapshot, &["VI_LONG_NAME_2"]);
    assert!(!run.out.contains("nopreempt"), "{}", run.out);
}
