//! Checks of servers by scripts and by files, as they are read.

use super::{brief, keepalived, toml};
use crate::model::{CheckKind, OnMissing};

fn kinds(loaded: &crate::config::Loaded) -> Vec<CheckKind> {
    let server = &loaded.config.as_ref().unwrap().services[0].servers[0];
    server.checks.iter().map(|check| check.kind.clone()).collect()
}

fn server(before: &str, checks: &str, behind: &str) -> String {
    format!(
        "{before}virtual_server 192.0.2.1 80 {{\nlvs_method NAT\nprotocol TCP\ndelay_loop 7\nreal_server 10.0.0.1 80 {{\n{checks}\n}}\n}}\n{behind}"
    )
}

/// As keepalived 2.2.7 was seen to take and leave them.
#[test]
fn what_lacks_its_main_word_is_left_out() {
    let load = "track_file load {\nfile /run/load\n}\n";
    for (before, checks, behind, made, said) in [
        ("", "MISC_CHECK {\nmisc_path /bin/true\n}", "", 1, &[][..]),
        ("", "MISC_CHECK {\nmisc_timeout 3\n}", "", 0, &["warning C404 5:1"]),
        ("", "MISC_CHECK {\nmisc_path \"\"\n}", "", 0, &["warning C401 7:12"]),
        (load, "FILE_CHECK {\ntrack_file load\n}", "", 1, &[]),
        (load, "FILE_CHECK {\nweight 3\n}", "", 0, &["warning C404 8:1"]),
        (load, "FILE_CHECK {\ntrack_file laod\n}", "", 0, &["warning C502 10:12"]),
        ("", "FILE_CHECK {\ntrack_file load\n}", load, 1, &["note C502 7:12"]),
        (load, "FILE_CHECK {\ntrack_file load\nweight 2147483648\n}", "", 1, &["warning C401 11:8"]),
    ] {
        let loaded = keepalived(&server(before, checks, behind));
        assert_eq!(brief(&loaded), said, "{}", loaded.report.render(false));
        assert_eq!(kinds(&loaded).len(), made, "{checks}");
    }
}

#[test]
fn what_is_not_said_is_keepalived_s_in_its_language_and_strict_in_ours() {
    let theirs = keepalived(&server("", "MISC_CHECK {\nmisc_path \"/bin/x -a\"\nconnect_timeout 1\n}", ""));
    let ours = toml(
        "[[service]]\naddress = \"192.0.2.1:80\"\nserver = [{ address = \"10.0.0.1\", check = { script = { command = \"/bin/x -a\" }, \
         interval = \"7s\" } }]\n",
    );
    for (loaded, expected) in [(&theirs, OnMissing::Disable), (&ours, OnMissing::Fail)] {
        let check = &loaded.config.as_ref().unwrap().services[0].servers[0].checks[0];
        assert_eq!((check.retry, check.timeout.as_secs(), check.interval.as_secs()), (0, 7, 7));
        let CheckKind::Script(probe) = &check.kind else { panic!("{check:?}") };
        assert_eq!((probe.command.join("|").as_str(), probe.on_missing, probe.dynamic), ("/bin/x|-a", expected, false));
    }
    let unknown = toml(
        "[[service]]\naddress = \"192.0.2.1:80\"\nserver = [{ address = \"10.0.0.1\", check = { file = { name = \"load\" } } }]\n",
    );
    assert!(!unknown.is_runnable() && brief(&unknown).len() == 1, "{}", unknown.report.render(false));
}
