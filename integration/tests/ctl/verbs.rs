//! `ipvsctl plan` and `ipvsctl reload`.

use std::path::Path;
use std::sync::mpsc;

use ipvsd::api::{ErrorReply, PlanReply, PlannedStep, ReloadReply};
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
        ControlRequest::Snapshot(reply) => drop(reply),
        ControlRequest::Plan(request, reply) => {
            sender.send(request.file).unwrap();
            reply.answer(plan.clone());
        }
        ControlRequest::Reload(reply) => reply.answer(reload.clone()),
    });
    (canned, files)
}

fn refused() -> ReloadReply {
    ReloadReply {
        applied: false,
        steps: Vec::new(),
        problems: Vec::new(),
        diagnostics: "error: no such scheduler\n --> ipvsd.toml:3:7\n".to_owned(),
    }
}

fn plan(daemon: &Canned, arguments: &[&str]) -> Run {
    let arguments = [&["plan"], arguments].concat();
    Run::of(ipvsctl(&arguments).env("IPVSD_SOCKET", daemon.socket()).current_dir(daemon.folder()))
}

#[test]
fn a_plan_names_each_step_and_whom_it_touches() {
    let reply = PlanReply { steps: steps(), diagnostics: "warning: unused thing\n --> a.toml:1:1\n".to_owned() };
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
    let reply = ReloadReply { applied: true, steps: steps(), problems: Vec::new(), diagnostics: String::new() };
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
    let reply = ReloadReply { applied: true, steps: steps(), problems, diagnostics: String::new() };
    let (daemon, _files) = daemon(Ok(PlanReply::default()), reply);
    let run = Run::of(ipvsctl(&["reload"]).env("IPVSD_SOCKET", daemon.socket()));
    assert_eq!(run.status, Some(1));
    assert!(run.out.starts_with("Reloaded: 3 steps"), "{run:?}");
    assert_eq!(run.err, "ipvsctl: the kernel refused to add service tcp 192.0.2.1:80: no such scheduler\n");
}

#[test]
fn a_reload_that_changes_nothing_says_so() {
    let reply = ReloadReply { applied: true, steps: Vec::new(), problems: Vec::new(), diagnostics: String::new() };
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
