//! `ipvsctl convert`.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

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
    let check = Run::of(ipvsctl(&["check", "--strict", "--other-host", "ipvsd.toml"]).current_dir(folder.path()));
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

/// What haproxy takes as valid becomes a document that a daemon would start with, by the file's name alone.
#[test]
fn an_haproxy_cfg_is_known_by_its_name() {
    for (name, services) in [("kubernetes.cfg", 1), ("many.cfg", 6)] {
        let folder = tempfile::tempdir().unwrap();
        let source = integration::programs::repository().join("integration/tests/ctl/haproxy").join(name);
        fs::copy(&source, folder.path().join("haproxy.cfg")).unwrap();
        let valid = Command::new("haproxy").arg("-c").arg("-f").arg(&source).output().unwrap();
        assert!(valid.status.success(), "{name}: {}", String::from_utf8_lossy(&valid.stderr));
        let run = Run::of(ipvsctl(&["convert", "haproxy.cfg", "--to", "ipvsd.toml"]).current_dir(folder.path()));
        assert_eq!(run.status, Some(0), "{run:?}");
        let text = fs::read_to_string(folder.path().join("ipvsd.toml")).unwrap();
        assert_eq!(text.matches("\n[[service]]\n").count(), services, "{text}");
        let check = Run::of(ipvsctl(&["check", "--strict", "ipvsd.toml"]).current_dir(folder.path()));
        assert_eq!(check.status, Some(0), "{check:?}");
    }
}

/// `*` is no address: it has to be named.
#[test]
fn every_address_needs_a_name() {
    let folder = tempfile::tempdir().unwrap();
    let text = "listen web\n mode tcp\n bind *:80\n server a 10.0.0.1:80\n";
    fs::write(folder.path().join("haproxy.cfg"), text).unwrap();
    let convert = |arguments: &[&str]| {
        let arguments = [&["convert", "haproxy.cfg"], arguments].concat();
        Run::of(ipvsctl(&arguments).current_dir(folder.path()))
    };
    let run = convert(&[]);
    assert_eq!((run.status, run.out.as_str()), (Some(1), ""), "{run:?}");
    assert!(run.err.contains("error[C603]") && run.err.contains("--address 192.0.2.10"), "{}", run.err);
    let run = convert(&["--address", "192.0.2.10"]);
    assert_eq!(run.status, Some(0), "{run:?}");
    assert!(run.out.contains("\naddress = \"192.0.2.10:80\"\n"), "{}", run.out);
}

/// A configuration that has every word which a list of haproxy's own (`-dKcfg`) names, one on each line.
fn every_word(list: &str) -> (String, usize) {
    let mut sections = [String::from("global\n"), String::from("listen web\n mode tcp\n bind 192.0.2.1:80\n")];
    let mut section = None;
    let mut words = 0;
    for line in list.lines().filter(|line| !line.starts_with('#')) {
        let Some(entry) = line.strip_prefix('\t') else {
            section = ["global", "listen"].iter().position(|name| *name == line.trim());
            continue;
        };
        let Some(text) = section.and_then(|at| sections.get_mut(at)) else { continue };
        let mut parts: Vec<&str> = entry.split_whitespace().collect();
        // What an option is for, and how many values follow.
        parts.truncate(parts.iter().position(|part| *part == "[").unwrap_or(parts.len()));
        let value = parts.pop_if(|part| part.starts_with('+')).map_or("", |_| " 1");
        let line =
            parts.join(" ").replace("<addr>", "192.0.2.1:81").replace("<name>", "a").trim_end_matches('*').to_owned();
        // Words that stand alone here mean nothing alone.
        text.push_str(&format!(" {line}{value}\n"));
        words += 1;
    }
    (sections.concat(), words)
}

/// Our tables of words against the list that the program has of its own.
#[test]
fn every_word_of_the_haproxy_that_is_installed_is_known() {
    let Ok(version) = Command::new("haproxy").arg("-v").output() else {
        return integration::kernel::skip("haproxy is not installed");
    };
    let version = String::from_utf8_lossy(&version.stdout).into_owned();
    if !version.starts_with("HAProxy version 2.6.") {
        println!(
            "SKIP: the words are those of haproxy 2.6, and this is {}",
            version.lines().next().unwrap_or("another")
        );
        return;
    }
    let list = Command::new("haproxy").args(["-dKcfg", "-q", "-c", "-f", "/dev/null"]).output().unwrap();
    let (text, words) = every_word(&String::from_utf8(list.stdout).unwrap());
    assert!(words > 300, "{words}: {text}");
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("haproxy.cfg"), &text).unwrap();
    let run = Run::of(ipvsctl(&["convert", "haproxy.cfg"]).current_dir(folder.path()));
    // The list holds every word that the program registers; one that we had not heard of would be an error.
    assert!(run.err.contains("haproxy.cfg:"), "{run:?}");
    let unknown: Vec<_> = run.err.lines().filter(|line| line.contains("[C301]")).collect();
    assert_eq!(unknown, Vec::<&str>::new());
    // And what is no word of it is told.
    fs::write(folder.path().join("haproxy.cfg"), format!("{text} flurb\n")).unwrap();
    let run = Run::of(ipvsctl(&["convert", "haproxy.cfg"]).current_dir(folder.path()));
    assert_eq!(run.err.lines().filter(|line| line.contains("[C301]")).count(), 1, "{}", run.err);
}
