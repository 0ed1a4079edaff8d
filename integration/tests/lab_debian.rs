//! `scripts/lab-debian`: a booted system, in which services can be tried.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::process::{Command, Stdio};

use integration::programs::repository;

/// A service that says when it is ready, is asked to reload, and is stopped: what the
/// unit of ipvsd will want of systemd.
const SCRIPT: &str = r#"
cat >/etc/systemd/system/probe.service <<'END'
[Service]
Type=notify
NotifyAccess=all
ExecStart=/bin/bash -c 'trap "echo reloaded" HUP; systemd-notify --ready; echo ready; while :; do sleep 0.1; done'
ExecReload=/bin/kill -HUP $MAINPID
AmbientCapabilities=CAP_NET_ADMIN
END
systemctl daemon-reload
systemctl start probe
systemctl is-active probe
systemctl reload probe
until journalctl --unit probe --output cat | grep -x reloaded; do sleep 0.1; done
systemctl stop probe
systemctl show --property Result probe
modprobe ip_vs_wlc
ipvsadm -A -t 192.0.2.1:80 -s wlc
ipvsadm -Sn
systemctl list-units --failed --no-legend
exit 3
"#;

#[test]
fn services_start_reload_and_stop_on_a_booted_system() {
    let output = Command::new(repository().join("scripts/lab-debian"))
        .args(["bash", "-e", "-c", SCRIPT])
        .env_remove("LAB_OUT")
        .env("LAB_TIMEOUT", "300")
        .current_dir(repository())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    let complained = String::from_utf8_lossy(&output.stderr);
    if output.status.code() == Some(125) {
        return integration::skip(complained.trim());
    }
    assert_eq!(output.status.code(), Some(3), "{said}{complained}");
    assert_eq!(said, "active\nreloaded\nResult=success\n-A -t 192.0.2.1:80 -s wlc\n", "{complained}");
}
