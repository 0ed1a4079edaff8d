//! `ipvsctl convert`.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crate::{Run, ipvsctl};

const GOOD: &str = "vrrp_instance VI_1 {
    interface eth0
    virtual_router_id 51
    virtual_ipaddress {
        192.168.10.100/24
    }
    smtp_alert
}
virtual_server 192.168.10.100 443 {
    lb_algo rr
    lb_kind NAT
    protocol TCP
    real_server 192.168.10.80 8443 {
        TCP_CHECK {
        }
    }
}
";

fn convert(folder: &Path, text: &str, arguments: &[&str]) -> Run {
    fs::write(folder.join("keepalived.conf"), text).unwrap();
    let arguments = [&["convert", "keepalived.conf"], arguments].concat();
    Run::of(ipvsctl(&arguments).current_dir(folder))
}

#[test]
fn what_comes_out_is_toml_that_a_daemon_would_start_with() {
    let folder = tempfile::tempdir().unwrap();
    let run = convert(folder.path(), GOOD, &[]);
    assert_eq!(run.status, Some(0), "{run:?}");
    assert!(run.err.contains("keepalived.conf:7:5"), "what is said of the source is said: {}", run.err);
    assert!(run.out.starts_with("# Converted from keepalived.conf by ipvsctl convert.\n"), "{}", run.out);
    assert!(run.out.contains("\n# keepalived.conf:7:5: warning[C303]: `smtp_alert` is not done yet"), "{}", run.out);
    for line in ["version = 2", "wait-for-checks = false", "address = \"192.168.10.100:443\"", "scheduler = \"rr\""] {
        assert!(run.out.lines().any(|found| found.starts_with(line)), "{line}: {}", run.out);
    }
    fs::write(folder.path().join("ipvsd.toml"), &run.out).unwrap();
    let check = Run::of(ipvsctl(&["check", "--strict", "ipvsd.toml"]).current_dir(folder.path()));
    assert_eq!(check.out, "ipvsd.toml: fine (1 virtual router, 1 service with 1 server)\n", "{check:?}");
}

#[test]
fn a_file_with_errors_is_converted_only_by_force() {
    let folder = tempfile::tempdir().unwrap();
    let text = format!("{GOOD}vrrp_instance VI_2 {{\n    interface eth0\n    virtual_router_id 300\n}}\n");
    let run = convert(folder.path(), &text, &[]);
    assert_eq!((run.status, run.out.as_str()), (Some(1), ""), "{run:?}");
    assert!(
        run.err.contains("keepalived.conf:20:") && run.err.contains("is not converted: it has errors"),
        "{}",
        run.err
    );
    let run = convert(folder.path(), &text, &["--force"]);
    assert_eq!(run.status, Some(0), "{run:?}");
    assert!(run.out.contains("\"VI_1\"") && !run.out.contains("name = \"VI_2\""), "{}", run.out);
    assert!(run.out.lines().any(|line| line.starts_with("# ") && line.contains("VI_2")), "{}", run.out);

    let run = convert(folder.path(), "nothing {\n}\n", &["--force"]);
    assert_eq!((run.status, run.out.as_str()), (Some(1), ""), "{run:?}");
    assert!(run.err.contains("nothing can be run of it"), "{}", run.err);
}

/// Both hosts of a pair have such a file: it is kept as it is, and nothing of it is passed over.
#[test]
fn what_toml_refuses_is_said_to_be_refused() {
    let folder = tempfile::tempdir().unwrap();
    let text = GOOD.replace("192.168.10.100/24", "192.168.10.100/24\n        127.0.0.1");
    let run = convert(folder.path(), &text, &[]);
    assert_eq!((run.status, run.out.as_str()), (Some(1), ""), "{run:?}");
    assert!(run.err.contains("means something that TOML refuses"), "{}", run.err);
}

#[test]
fn a_file_is_written_for_its_owner_and_not_over_another() {
    let folder = tempfile::tempdir().unwrap();
    let there = folder.path().join("ipvsd.toml");
    let run = convert(folder.path(), GOOD, &["--to", "ipvsd.toml"]);
    assert_eq!((run.status, run.out.as_str()), (Some(0), ""), "{run:?}");
    assert_eq!(fs::metadata(&there).unwrap().permissions().mode() & 0o777, 0o600);
    let written = fs::read_to_string(&there).unwrap();
    assert_eq!(written, convert(folder.path(), GOOD, &[]).out);

    fs::write(&there, "mine").unwrap();
    let run = convert(folder.path(), GOOD, &["--to", "ipvsd.toml"]);
    assert_eq!(run.status, Some(6), "{run:?}");
    assert!(run.err.contains("ipvsd.toml is there already: --force overwrites it"), "{}", run.err);
    assert_eq!(fs::read_to_string(&there).unwrap(), "mine");
    assert_eq!(convert(folder.path(), GOOD, &["--to", "ipvsd.toml", "--force"]).status, Some(0));
    assert_eq!(fs::read_to_string(&there).unwrap(), written);
    let run = convert(folder.path(), GOOD, &["--to", "no/such/folder"]);
    assert_eq!(run.status, Some(6), "{run:?}");
}

#[test]
fn a_file_of_ours_needs_no_conversion() {
    let run = Run::of(&mut ipvsctl(&["convert", "ipvsd.toml"]));
    assert_eq!((run.status, run.out.as_str()), (Some(2), ""), "{run:?}");
    assert_eq!(run.err, "ipvsctl: ipvsd.toml is TOML as it is\n");
}
