//! ipvsd as a service: the systemd unit and the Ansible role of `examples/`, each on a booted Debian.
//!
//! What is tried stands in `service/systemd.sh` and `service/ansible.sh`, in the language in which an administrator would
//! try it. A boot under User Mode Linux is dear, so there is one for each.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::process::{Command, Stdio};

use integration::programs::{self, repository};

/// Runs one of the scripts in a system of its own; what it said must end with its last line.
fn on_a_booted_system(script: &str) {
    programs::build();
    let output = Command::new(repository().join("scripts/lab-debian"))
        .arg("bash")
        .arg(format!("integration/tests/service/{script}"))
        .env_remove("LAB_OUT")
        .env("LAB_TIMEOUT", "900")
        .env("IPVSD_PROGRAMS", programs::output_folder())
        .current_dir(repository())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    let complained = String::from_utf8_lossy(&output.stderr);
    if output.status.code() == Some(125) {
        return integration::skip(complained.trim());
    }
    assert!(output.status.success(), "{}\n{said}{complained}", output.status);
    assert_eq!(said, "all of it\n", "{complained}");
    // The steps with their times, for `--nocapture`.
    eprint!("{complained}");
}

#[test]
fn the_unit_keeps_what_it_promises() {
    on_a_booted_system("systemd.sh");
}

#[test]
fn the_role_installs_validates_and_reloads() {
    on_a_booted_system("ansible.sh");
}
