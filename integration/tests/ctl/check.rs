//! `ipvsctl check`.

use std::fs;
use std::path::Path;

use crate::{Run, ipvsctl};

const GOOD: &str = "vrrp_instance VI_1 {
    interface eth0
    virtual_router_id 51
    virtual_ipaddress {
        192.168.10.100/24
    }
}
virtual_server 192.168.10.100 443 {
    lb_algo wlc
    lb_kind NAT
    protocol TCP
    real_server 192.168.10.80 8443 {
        TCP_CHECK {
        }
    }
}
";

fn check(folder: &Path, text: &str, arguments: &[&str]) -> Run {
    fs::write(folder.join("keepalived.conf"), text).unwrap();
    let arguments = [&["check", "keepalived.conf"], arguments].concat();
    Run::of(ipvsctl(&arguments).current_dir(folder))
}

#[test]
fn a_good_file_is_fine() {
    let folder = tempfile::tempdir().unwrap();
    let run = check(folder.path(), GOOD, &["--strict"]);
    assert_eq!(run.status, Some(0), "{run:?}");
    assert_eq!(run.out, "keepalived.conf: fine (1 virtual router, 1 service with 1 server)\n");
}

#[test]
fn a_warning_is_refused_only_where_that_is_wished() {
    let folder = tempfile::tempdir().unwrap();
    let text = format!("flurb on\n{GOOD}");
    let run = check(folder.path(), &text, &[]);
    assert_eq!(run.status, Some(0), "{run:?}");
    assert_eq!(run.out, "keepalived.conf: fine, 1 warning (1 virtual router, 1 service with 1 server)\n");
    assert!(run.err.contains("keepalived.conf:1:1") && run.err.contains("flurb"), "{}", run.err);

    let run = check(folder.path(), &text, &["--strict"]);
    assert_eq!((run.status, run.out.as_str()), (Some(1), ""));
    assert!(run.err.ends_with("keepalived.conf: refused, 1 warning\n"), "{}", run.err);
}

#[test]
fn all_errors_are_told_at_once_and_in_plain_text() {
    let folder = tempfile::tempdir().unwrap();
    let text = GOOD.replace("virtual_router_id 51", "virtual_router_id 300").replace("10.100/24", "10.300/24");
    let run = check(folder.path(), &text, &[]);
    assert_eq!((run.status, run.out.as_str()), (Some(1), ""));
    assert!(run.err.contains("keepalived.conf:3:") && run.err.contains("keepalived.conf:5:"), "{}", run.err);
    assert!(run.err.contains("keepalived.conf: refused, "), "{}", run.err);
    assert!(!run.err.contains('\x1b'), "{}", run.err);
}

#[test]
fn a_file_that_cannot_be_read_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    for (text, name) in [(None, "missing.conf"), (Some(""), "empty.conf"), (Some("\0\x01\x02"), "binary.conf")] {
        let file = folder.path().join(name);
        if let Some(text) = text {
            fs::write(&file, text).unwrap();
        }
        let run = Run::of(ipvsctl(&["check", name]).current_dir(folder.path()));
        assert_eq!((run.status, run.out.as_str()), (Some(1), ""), "{run:?}");
        assert!(run.err.contains(name) && run.err.contains("error"), "{}", run.err);
    }
    let run = Run::of(ipvsctl(&["check", "."]).current_dir(folder.path()));
    assert_eq!(run.status, Some(1), "{run:?}");
}

/// What the file says is right, and this host cannot do it: a warning for each script, with what a daemon makes of it.
#[test]
fn scripts_that_this_host_cannot_run_are_warned_of() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).display().to_string();
    fs::write(folder.path().join("flat"), "#!/bin/sh\n").unwrap();
    let text = format!(
        "vrrp_script gone {{\n  script \"{gone} -x\"\n  user root\n}}\nvrrp_script well {{\n  script \"/bin/true\"\n  user root\n}}\n\
         vrrp_script unused {{\n  script \"{gone}\"\n  user root\n}}\n{}",
        GOOD.replace(
            "virtual_router_id 51",
            &format!(
                "virtual_router_id 51\n    track_script {{\n      gone\n      well\n    }}\n    notify_master \"{flat} up\" root\n    \
                 notify_backup \"{flat} down\" root",
                flat = at("flat")
            )
        ),
        gone = at("gone"),
    );
    let run = check(folder.path(), &text, &[]);
    assert_eq!(run.status, Some(0), "{run:?}");
    assert!(run.out.starts_with("keepalived.conf: fine, 2 warnings "), "{run:?}");
    let flat = run.err.split_whitespace().collect::<Vec<_>>().join(" ");
    for expected in [
        format!("the script `gone`: there is no file {}", at("gone")),
        "it will be disabled: routers that track it run on as if it were not there".to_owned(),
        format!("the notify script `{0}`: {0} is not executable for the user that runs it (0)", at("flat")),
        "it will not be called".to_owned(),
    ] {
        assert_eq!(flat.matches(&expected).count(), 1, "{expected}: {}", run.err);
    }
    assert_eq!(check(folder.path(), &text, &["--strict"]).status, Some(1));

    let text = format!(
        "[[script]]\nname = \"gone\"\ncommand = [\"{}\"]\nuser = \"root\"\n[[instance]]\nname = \"a\"\ninterface = \"eth0\"\n\
         vrid = 1\naddresses = [\"192.0.2.1\"]\ntrack-scripts = [\"gone\"]\n",
        at("gone")
    );
    fs::write(folder.path().join("ipvsd.toml"), text).unwrap();
    let run = Run::of(ipvsctl(&["check", "ipvsd.toml"]).current_dir(folder.path()));
    assert_eq!(run.status, Some(0), "{run:?}");
    assert!(run.err.contains("every run of it will fail"), "{}", run.err);
}
