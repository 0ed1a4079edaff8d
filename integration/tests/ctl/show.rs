//! `ipvsctl show`.

use std::process::Command;

use ipvsd::api::{HoldState, HoldView, KernelView, ServerHealth, ServerView, Snapshot};

use crate::canned::{Canned, healthy, idle, server, service, troubled};
use crate::{Run, ipvsctl};

fn show(snapshot: Snapshot, format: &str) -> String {
    let daemon = Canned::showing(snapshot);
    let run = Run::of(ipvsctl(&["show", "-o", format]).env("IPVSD_SOCKET", daemon.socket()));
    assert_eq!((run.status, run.err.as_str()), (Some(0), ""));
    run.out
}

#[test]
fn a_healthy_director_at_a_glance() {
    insta::assert_snapshot!(show(healthy(), "table"));
}

#[test]
fn a_bad_night_at_a_glance() {
    insta::assert_snapshot!(show(troubled(), "table"));
}

#[test]
fn a_bad_night_in_full() {
    insta::assert_snapshot!(show(troubled(), "wide"));
}

#[test]
fn servers_that_go_and_come() {
    let mut snapshot = healthy();
    let hold = |state, connections, clients, deadline_secs: Option<f64>| {
        // Where nothing happens it is looked at less and less often.
        let counted_secs = Some(if deadline_secs.is_some() { 1.0 } else { 5.0 });
        Some(HoldView { state, connections, clients, deadline_secs, counted_secs })
    };
    let servers = &mut snapshot.balancer.services[0].servers;
    let like = |n: u8| server(&format!("192.168.10.{n}"), 8443, u32::from(n));
    *servers = vec![
        ServerView { weight: 0, hold: hold(HoldState::Draining, Some(3), Some(2), Some(25.0)), ..like(1) },
        ServerView {
            weight: 0,
            health: ServerHealth::Down,
            reason: "connection refused".to_owned(),
            hold: hold(HoldState::Draining, Some(1), Some(0), None),
            ..like(2)
        },
        ServerView { present: false, hold: hold(HoldState::Drained, None, None, None), ..like(3) },
        ServerView { present: false, hold: hold(HoldState::Disabled, None, None, None), ..like(4) },
        ServerView {
            weight: 0,
            health: ServerHealth::Foreign,
            hold: hold(HoldState::Leaving, Some(1), Some(0), Some(3.0)),
            ..like(5)
        },
        ServerView { weight: 5, configured_weight: Some(1), operator_weight: Some(5), ..like(6) },
        ServerView { weight: 20, configured_weight: Some(100), slow_start_secs: Some(24.0), ..like(7) },
    ];
    insta::assert_snapshot!(show(snapshot, "table"));
}

#[test]
fn nothing_to_do() {
    insta::assert_snapshot!(show(idle(), "table"));
}

#[test]
fn a_kernel_without_ipvs() {
    let mut snapshot = healthy();
    snapshot.balancer.kernel = KernelView {
        problem: Some("this kernel has no IPVS: `modprobe ip_vs`; virtual routers run without it".to_owned()),
        ..KernelView::default()
    };
    snapshot.balancer.sync_daemons[0].present = false;
    for service in &mut snapshot.balancer.services {
        service.present = false;
        service.counters = None;
        for server in &mut service.servers {
            server.present = false;
            server.counters = None;
        }
    }
    insta::assert_snapshot!(show(snapshot.clone(), "table"));

    let daemon = Canned::showing(snapshot);
    let run = Run::of(ipvsctl(&["show", "-o", "ipvsadm"]).env("IPVSD_SOCKET", daemon.socket()));
    assert_eq!((run.status, run.out.as_str()), (Some(6), ""));
    assert!(run.err.contains("no IPVS"), "{}", run.err);
}

#[test]
fn json_is_the_whole_snapshot() {
    let snapshot = troubled();
    assert_eq!(serde_json::from_str::<Snapshot>(&show(snapshot.clone(), "json")).unwrap(), snapshot);
}

#[test]
fn ipvsadm_is_what_is_in_the_kernel() {
    insta::assert_snapshot!(show(troubled(), "ipvsadm"));
}

#[test]
fn table_is_what_one_gets() {
    let daemon = Canned::showing(troubled());
    let run = Run::of(&mut ipvsctl(&["--socket".as_ref(), daemon.socket().as_os_str(), "show".as_ref()]));
    assert_eq!(run.out, show(troubled(), "table"));
}

#[test]
fn a_large_table_comes_through() {
    let mut snapshot = idle();
    snapshot.balancer.services = (0..1000)
        .map(|number| {
            let address = format!("10.0.{}.{}", number / 250, number % 250 + 1);
            let servers = (0..10).map(|n| server(&format!("10.1.0.{}", n + 1), 80, n)).collect();
            ipvsd::api::ServiceView { servers, ..service("tcp", &address, 80, number) }
        })
        .collect();
    assert_eq!(show(snapshot, "ipvsadm").lines().count(), 3 + 11_000);
}

#[test]
fn text_of_others_cannot_steer_the_terminal() {
    let mut snapshot = healthy();
    snapshot.instances[0].name = "VI\x1b]0;owned\x07".to_owned();
    snapshot.balancer.kernel.problem = Some("a\x1b[2Jb".to_owned());
    for format in ["table", "wide"] {
        let text = show(snapshot.clone(), format);
        assert!(!text.contains('\x1b') && !text.contains('\x07'), "{text:?}");
        assert!(text.contains("VI\\u{1b}]0;owned\\u{7}"), "{text}");
    }
}

/// `script` gives the program a terminal.
fn on_a_terminal(daemon: &Canned, no_color: Option<&str>) -> String {
    let program = format!("{} --socket {} show", integration::bin("ipvsctl").display(), daemon.socket().display());
    let mut command = Command::new("script");
    command.args(["-qec", &program, "/dev/null"]).env("TERM", "xterm").env_remove("NO_COLOR");
    if let Some(value) = no_color {
        command.env("NO_COLOR", value);
    }
    let run = Run::of(&mut command);
    assert_eq!(run.status, Some(0), "{run:?}");
    run.out
}

#[test]
fn colours_are_for_terminals() {
    let daemon = Canned::showing(troubled());
    assert!(on_a_terminal(&daemon, None).contains("\x1b[1;31mDOWN\x1b[0m"));
    assert!(on_a_terminal(&daemon, Some("")).contains('\x1b'));
    assert!(!on_a_terminal(&daemon, Some("1")).contains('\x1b'));
    assert!(!show(troubled(), "table").contains('\x1b'));
}
