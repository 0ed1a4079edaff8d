//! `ipvsctl plan`, `ipvsctl reload`, and what is asked for a server.

use std::path::Path;
use std::sync::mpsc;

use ipvsd::api::{
    Awaits, ErrorReply, Pending, PlanReply, PlannedStep, ReloadReply, ServerChange, ServerReply, ServerRequest,
    ServerVerb,
};
use ipvsd::shell::control::server::ControlRequest;

use crate::canned::Canned;
use crate::{Run, ipvsctl};

fn steps() -> Vec<PlannedStep> {
    let step = |step: &str, connections, cuts| PlannedStep { step: step.to_owned(), connections, cuts };
    vec![
        step("add server 192.168.10.82:8443 to tcp 192.168.10.100:443, Masq, weight 1", 0, false),
        step("set weight of 192.168.10.80:8443 in tcp 192.168.10.100:443 from 1 to 5", 12, false),
        step("del server 192.168.10.81:8443 from tcp 192.168.10.100:443", 1, true),
    ]
}

/// A daemon that plans and reloads with these answers.
fn daemon(plan: Result<PlanReply, ErrorReply>, reload: ReloadReply) -> (Canned, mpsc::Receiver<Option<String>>) {
    let (sender, files) = mpsc::channel();
    let canned = Canned::new(move |request| match request {
        ControlRequest::Snapshot(reply) | ControlRequest::Brief(reply) => drop(reply),
        ControlRequest::Plan(request, reply) => {
            sender.send(request.file).unwrap();
            reply.answer(plan.clone());
        }
        ControlRequest::Reload(reply) => reply.answer(reload.clone()),
        ControlRequest::Server(_, reply) => drop(reply),
    });
    (canned, files)
}

fn refused() -> ReloadReply {
    ReloadReply { diagnostics: "error: no such scheduler\n --> ipvsd.toml:3:7\n".to_owned(), ..ReloadReply::default() }
}

fn plan(daemon: &Canned, arguments: &[&str]) -> Run {
    let arguments = [&["plan"], arguments].concat();
    Run::of(ipvsctl(&arguments).env("IPVSD_SOCKET", daemon.socket()).current_dir(daemon.folder()))
}

#[test]
fn a_plan_names_each_step_and_whom_it_touches() {
    let reply = PlanReply {
        steps: steps(),
        diagnostics: "warning: unused thing\n --> a.toml:1:1\n".to_owned(),
        ..PlanReply::default()
    };
    let (daemon, files) = daemon(Ok(reply), refused());
    let run = plan(&daemon, &["new.toml"]);
    assert_eq!(run.status, Some(0), "{run:?}");
    insta::assert_snapshot!(run.out, @r"
    3 steps; 1 live connection is cut off:
      1. add server 192.168.10.82:8443 to tcp 192.168.10.100:443, Masq, weight 1
      2. set weight of 192.168.10.80:8443 in tcp 192.168.10.100:443 from 1 to 5  (12 live connections go on)
      3. del server 192.168.10.81:8443 from tcp 192.168.10.100:443  (cuts off 1 live connection)
    ");
    assert_eq!(run.err, "warning: unused thing\n --> a.toml:1:1\n");
    let folder = daemon.folder().canonicalize().unwrap();
    assert_eq!(files.recv().unwrap().as_deref().map(Path::new), Some(folder.join("new.toml").as_path()));
}

#[test]
fn a_plan_without_a_file_is_about_the_daemons_own() {
    let (daemon, files) = daemon(Ok(PlanReply::default()), refused());
    let run = plan(&daemon, &[]);
    assert_eq!((run.status, run.out.as_str(), run.err.as_str()), (Some(0), "Nothing would change.\n", ""));
    assert_eq!(files.recv().unwrap(), None);
}

/// "Nothing would change" is said only where it is so.
#[test]
fn a_plan_tells_what_comes_later() {
    let waiting = |server: &str, awaits| Pending {
        service: "tcp 192.168.10.100:443".to_owned(),
        server: server.to_owned(),
        awaits,
    };
    let pending = vec![
        waiting("192.168.10.83:8443", Awaits::Success),
        waiting("192.168.10.80:8443", Awaits::End { left: 12, within_secs: Some(300.0) }),
    ];
    let out = |steps, pending, differs| {
        let reply = PlanReply { steps, pending, differs, ..PlanReply::default() };
        let (daemon, _files) = daemon(Ok(reply), refused());
        plan(&daemon, &[]).out
    };
    insta::assert_snapshot!(out(Vec::new(), pending.clone(), true), @r"
    Nothing would change at once.
    Later:
      server 192.168.10.83:8443 of tcp 192.168.10.100:443: gets new connections once its checks have succeeded
      server 192.168.10.80:8443 of tcp 192.168.10.100:443: finishes what it has (12 live); what is left after 300 s is cut off
    ");
    let told = out(steps()[1..2].to_vec(), pending, true);
    assert!(
        told.starts_with("1 step; no live connection is cut off at once:\n") && told.contains("\nLater:\n"),
        "{told}"
    );
    let other = out(Vec::new(), Vec::new(), true);
    assert_eq!(other, "Nothing would change in the kernel: what is decided from then on may.\n");
}

#[test]
fn a_plan_for_a_broken_file_is_bad_news() {
    let error = ErrorReply { error: "new.toml has 1 error\nerror: no such scheduler".to_owned() };
    let (daemon, _files) = daemon(Err(error), refused());
    let run = plan(&daemon, &["new.toml"]);
    assert_eq!((run.status, run.out.as_str()), (Some(1), ""));
    assert_eq!(run.err, "ipvsctl: new.toml has 1 error\nerror: no such scheduler\n");
}

#[test]
fn a_reload_says_what_came_of_it() {
    let reply = ReloadReply { applied: true, steps: steps(), ..ReloadReply::default() };
    let (daemon, _files) = daemon(Ok(PlanReply::default()), reply);
    let run = Run::of(ipvsctl(&["reload"]).env("IPVSD_SOCKET", daemon.socket()));
    assert_eq!((run.status, run.err.as_str()), (Some(0), ""));
    insta::assert_snapshot!(run.out, @r"
    Reloaded: 3 steps; 1 live connection is cut off:
      1. add server 192.168.10.82:8443 to tcp 192.168.10.100:443, Masq, weight 1
      2. set weight of 192.168.10.80:8443 in tcp 192.168.10.100:443 from 1 to 5  (12 live connections go on)
      3. del server 192.168.10.81:8443 from tcp 192.168.10.100:443  (cuts off 1 live connection)
    ");
}

#[test]
fn a_reload_that_the_kernel_did_not_take_whole_is_bad_news() {
    let problems = vec!["the kernel refused to add service tcp 192.0.2.1:80: no such scheduler".to_owned()];
    let reply = ReloadReply { applied: true, steps: steps(), problems, ..ReloadReply::default() };
    let (daemon, _files) = daemon(Ok(PlanReply::default()), reply);
    let run = Run::of(ipvsctl(&["reload"]).env("IPVSD_SOCKET", daemon.socket()));
    assert_eq!(run.status, Some(1));
    assert!(run.out.starts_with("Reloaded: 3 steps"), "{run:?}");
    assert_eq!(run.err, "ipvsctl: the kernel refused to add service tcp 192.0.2.1:80: no such scheduler\n");
}

#[test]
fn a_reload_that_changes_nothing_says_so() {
    let reply = ReloadReply { applied: true, ..ReloadReply::default() };
    let (daemon, _files) = daemon(Ok(PlanReply::default()), reply);
    let run = Run::of(ipvsctl(&["reload"]).env("IPVSD_SOCKET", daemon.socket()));
    assert_eq!((run.status, run.out.as_str()), (Some(0), "Reloaded: the kernel's table stays as it is.\n"));
}

#[test]
fn a_reload_that_was_refused_is_bad_news() {
    let (daemon, _files) = daemon(Ok(PlanReply::default()), refused());
    let run = Run::of(ipvsctl(&["reload"]).env("IPVSD_SOCKET", daemon.socket()));
    assert_eq!((run.status, run.out.as_str()), (Some(1), ""));
    insta::assert_snapshot!(run.err, @r"
    error: no such scheduler
     --> ipvsd.toml:3:7
    ipvsctl: the configuration was refused; the daemon runs on with the one that it had
    ");
}

/// What a daemon hears of a command line, and what it makes people read.
fn ask(line: &str, reply: Result<ServerReply, ErrorReply>) -> (Option<ServerRequest>, Run) {
    let (sender, heard) = mpsc::channel();
    let canned = Canned::new(move |request| match request {
        ControlRequest::Server(request, answer) => {
            sender.send(request).unwrap();
            answer.answer(reply.clone());
        }
        ControlRequest::Snapshot(reply) | ControlRequest::Brief(reply) => drop(reply),
        ControlRequest::Plan(_, reply) => drop(reply),
        ControlRequest::Reload(reply) => drop(reply),
    });
    let words: Vec<_> = line.split(' ').collect();
    let run = Run::of(ipvsctl(&words).env("IPVSD_SOCKET", canned.socket()));
    (heard.try_recv().ok(), run)
}

#[test]
fn what_is_asked_for_a_server() {
    let nothing = || Ok(ServerReply { changes: Vec::new(), remarks: Vec::new() });
    let drain = |deadline_secs| ServerVerb::Drain { deadline_secs };
    for (line, service, verb) in [
        ("drain 10.0.0.1:80", None, drain(None)),
        ("drain 10.0.0.1:80 --deadline 5m --service web", Some("web"), drain(Some(300.0))),
        ("drain 10.0.0.1:80 -d 1h30m -s 192.0.2.1:80", Some("192.0.2.1:80"), drain(Some(5400.0))),
        ("undrain 10.0.0.1:80", None, ServerVerb::Undrain),
        ("disable 10.0.0.1:80", None, ServerVerb::Disable),
        ("enable 10.0.0.1:80 -s web", Some("web"), ServerVerb::Enable),
        ("weight 10.0.0.1:80 5", None, ServerVerb::Weight { weight: Some(5) }),
        ("weight 10.0.0.1:80 file", None, ServerVerb::Weight { weight: None }),
    ] {
        let (heard, run) = ask(line, nothing());
        assert_eq!(run.status, Some(0), "{line}: {run:?}");
        let service = service.map(str::to_owned);
        assert_eq!(heard, Some(ServerRequest { server: "10.0.0.1:80".to_owned(), service, verb }), "{line}");
    }
    for line in ["drain", "drain 10.0.0.1:80 -d soon", "weight 10.0.0.1:80", "weight 10.0.0.1:80 -- -1"] {
        let (heard, run) = ask(line, nothing());
        assert_eq!((heard, run.status), (None, Some(2)), "{line}: {run:?}");
    }
}

#[test]
fn what_came_of_it_is_said_of_each_service() {
    let change = |service: &str, changed, text: &str| ServerChange {
        service: service.to_owned(),
        server: "10.0.0.1:80".to_owned(),
        changed,
        text: text.to_owned(),
    };
    let changes = vec![
        change("tcp 192.0.2.1:80", true, "draining, for 30 s at most"),
        change("group web", false, "out of the table already; `ipvsctl enable` brings it back"),
    ];
    let remarks = vec!["tcp 192.0.2.1:80 is persistent".to_owned()];
    let (_, run) = ask("drain 10.0.0.1:80 -d 30", Ok(ServerReply { changes, remarks }));
    assert_eq!(run.status, Some(0));
    insta::assert_snapshot!(run.out, @r"
    10.0.0.1:80 of tcp 192.0.2.1:80: draining, for 30 s at most
    10.0.0.1:80 of group web: out of the table already; `ipvsctl enable` brings it back
    ");
    assert_eq!(run.err, "note: tcp 192.0.2.1:80 is persistent\n");

    let error = "10.0.0.1 is more than one server; say which: 10.0.0.1:80, 10.0.0.1:81".to_owned();
    let (_, run) = ask("drain 10.0.0.1", Err(ErrorReply { error: error.clone() }));
    assert_eq!((run.status, run.err), (Some(1), format!("ipvsctl: {error}\n")));
}
