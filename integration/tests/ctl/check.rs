//! `ipvsctl check`.

use std::fs;
use std::path::Path;

use serde_json::Value;

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

/// The file alone: whoever runs this may have an `eth0` or not.
fn check(folder: &Path, text: &str, arguments: &[&str]) -> Run {
    check_here(folder, text, &[&["--other-host"], arguments].concat())
}

fn check_here(folder: &Path, text: &str, arguments: &[&str]) -> Run {
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

/// Everything in a file may be left out with warnings: what comes of that is told by the verdict, and not only between them.
#[test]
fn a_file_of_which_nothing_is_left_is_told_so() {
    let folder = tempfile::tempdir().unwrap();
    let (_, service) = GOOD.split_once("virtual_server").unwrap();
    let text = format!("virtual_server{}", service.replacen("192.168.10.100", "192.168.10.300", 1));
    let run = check(folder.path(), &text, &[]);
    assert_eq!(run.status, Some(0), "{run:?}");
    assert!(run.err.contains("nothing is left to do: the one service of keepalived.conf is left out"), "{}", run.err);
    assert_eq!(
        run.out,
        "keepalived.conf: a daemon would start, and do nothing, 3 warnings (0 virtual routers, 0 services with 0 servers)\n"
    );
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
    // Scripts of another host are not looked for.
    assert!(check(folder.path(), &text, &["--strict"]).out.starts_with("keepalived.conf: fine ("));
    let run = check_here(folder.path(), &text, &[]);
    assert_eq!(run.status, Some(0), "{run:?}");
    let warnings = if Path::new("/sys/class/net/eth0").exists() { 2 } else { 3 };
    assert!(run.out.starts_with(&format!("keepalived.conf: fine, {warnings} warnings ")), "{run:?}");
    let flat = run.err.split_whitespace().collect::<Vec<_>>().join(" ");
    for expected in [
        format!("the script `gone`: there is no file {}", at("gone")),
        "it will be disabled: routers that track it run on as if it were not there".to_owned(),
        format!("the notify script `{0}`: {0} is not executable for the user that runs it (0)", at("flat")),
        "it will not be called".to_owned(),
        "--> keepalived.conf:2:11".to_owned(),
    ] {
        assert_eq!(flat.matches(&expected).count(), 1, "{expected}: {}", run.err);
    }
    assert_eq!(check_here(folder.path(), &text, &["--strict"]).status, Some(1));
    // A user that there is not, where no script is run by them yet.
    let nobody = format!("global_defs {{\n  script_user no-such-user\n}}\n{GOOD}");
    let run = check_here(folder.path(), &nobody, &[]);
    for expected in
        ["nobody can run scripts as `no-such-user`: there is no user no-such-user", "--> keepalived.conf:2:15"]
    {
        assert!(run.err.contains(expected), "{expected}: {}", run.err);
    }

    let text = format!(
        "[[script]]\nname = \"gone\"\ncommand = [\"{}\"]\nuser = \"root\"\n[[instance]]\nname = \"a\"\ninterface = \"eth0\"\n\
         vrid = 1\naddresses = [\"192.0.2.1\"]\ntrack-scripts = [\"gone\"]\n",
        at("gone")
    );
    fs::write(folder.path().join("ipvsd.toml"), text).unwrap();
    let run = Run::of(ipvsctl(&["check", "ipvsd.toml"]).current_dir(folder.path()));
    assert_eq!(run.status, Some(0), "{run:?}");
    assert!(run.err.contains("every run of it will fail"), "{}", run.err);
    assert!(run.err.contains("--> ipvsd.toml:3:11"), "{}", run.err);
}

/// Certificates, keys and names that checks over TLS need and cannot use here: a warning for each, at the place that names it.
#[test]
fn what_tls_needs_and_this_host_has_not_is_warned_of() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).display().to_string();
    fs::write(folder.path().join("flat.pem"), "no certificate\n").unwrap();
    let service = |words: &str| {
        format!(
            "virtual_server 192.0.2.1 443 {{\n  lb_kind NAT\n  real_server 10.0.0.1 443 {{\n    SSL_GET {{\n      {words}\n      \
             url {{\n        path /\n      }}\n    }}\n  }}\n}}\n"
        )
    };
    let count = |run: &Run| run.err.matches("C521").count();
    for (text, place, expected) in [
        (service(&format!("verify {}", at("gone.pem"))), "5:14", at("gone.pem")),
        (service(&format!("verify {}", at("flat.pem"))), "5:14", at("flat.pem")),
        (service("sni_name a..b"), "5:16", "a..b".to_owned()),
        (format!("SSL {{\n  certificate {}\n}}\n{}", at("gone.pem"), service("")), "2:15", at("gone.pem")),
        (format!("SSL {{\n  certificate {0}\n}}\n{1}{1}", at("flat.pem"), service("")), "2:15", at("flat.pem")),
    ] {
        let run = check_here(folder.path(), &text, &[]);
        assert_eq!((run.status, count(&run)), (Some(0), 1), "{run:?}");
        assert!(
            run.err.contains(&format!("--> keepalived.conf:{place}")) && run.err.contains(&expected),
            "{}",
            run.err
        );
        assert!(run.err.contains("stays out"), "{}", run.err);
        // Files of another host are not looked for.
        assert_eq!(count(&check(folder.path(), &text, &[])), 0, "{text}");
    }
    assert_eq!(count(&check_here(folder.path(), &service(""), &[])), 0, "who does not look needs nothing");
    assert_eq!(count(&check_here(folder.path(), &service("sni_name www.example.net"), &[])), 0);
    let text = format!(
        "[[service]]\naddress = \"192.0.2.1:443\"\ncheck = {{ http = {{ tls = {{ authorities = \"{}\" }} }} }}\n\
         server = [{{ address = \"10.0.0.1:443\" }}]\n",
        at("gone.pem")
    );
    fs::write(folder.path().join("ipvsd.toml"), text).unwrap();
    let run = Run::of(ipvsctl(&["check", "ipvsd.toml"]).current_dir(folder.path()));
    assert_eq!((run.status, count(&run)), (Some(0), 1), "{run:?}");
    assert!(run.err.contains("--> ipvsd.toml:3:"), "{}", run.err);
}

/// What `-o json` prints, with the exit status; nothing goes to standard error.
fn json(folder: &Path, name: &str, arguments: &[&str]) -> (Option<i32>, Value) {
    let arguments = [&["check", "--other-host", "-o", "json", name], arguments].concat();
    let run = Run::of(ipvsctl(&arguments).current_dir(folder));
    assert_eq!(run.err, "", "{run:?}");
    (run.status, serde_json::from_str(&run.out).unwrap())
}

#[test]
fn json_has_every_field_of_every_remark() {
    let folder = tempfile::tempdir().unwrap();
    let text = format!(
        "$WHERE=eth\u{fc}/0\ninclude inner.conf\nvrrp_sync_group G {{\n  group {{\n    VI_1\n    VI_1\n  }}\n}}\n{}",
        GOOD.replace("interface eth0", "interface $WHERE")
    );
    fs::write(folder.path().join("inner.conf"), "\u{a0}global_defs {\n  ruoter_id lb1\n}\n").unwrap();
    fs::write(folder.path().join("keepalived.conf"), text).unwrap();
    let (status, object) = json(folder.path(), "keepalived.conf", &[]);
    let keys = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>().join(" ");
    assert_eq!(keys(&object), "accepted contents errors file not_shown notes remarks strict warnings");
    assert_eq!((&object["file"], &object["strict"]), (&"keepalived.conf".into(), &false.into()));
    assert_eq!((status, &object["accepted"]), (Some(1), &false.into()), "{object:#}");
    for remark in object["remarks"].as_array().unwrap() {
        assert_eq!(keys(remark), "code effect help message path place related severity", "{remark}");
        let effect = match remark["severity"].as_str().unwrap() {
            "error" => "refused",
            "warning" => "otherwise",
            "note" => "as-written",
            severity => panic!("{severity}"),
        };
        assert_eq!(remark["effect"], effect, "{remark}");
        assert!(remark["message"].as_str().is_some_and(|text| !text.is_empty()), "{remark}");
        for place in remark["related"].as_array().unwrap().iter().chain([&remark["place"]]) {
            assert_eq!(keys(place), "column end_column end_line file line text", "{remark}");
        }
        for step in remark["path"].as_array().unwrap() {
            assert_eq!(keys(step), "by column end_column end_line file line text", "{remark}");
        }
    }
    let of = |code: &str| {
        let mut found = object["remarks"].as_array().unwrap().iter().filter(|remark| remark["code"] == code);
        found.next().unwrap_or_else(|| panic!("{code}: {object:#}"))
    };
    let at = |place: &Value| {
        let number = |key: &str| place[key].as_u64().unwrap();
        let file = place["file"].as_str().unwrap().to_owned();
        (file, number("line"), number("column"), number("end_line"), number("end_column"))
    };
    // In an include, and after a character of two bytes.
    assert_eq!(at(&of("C301")["place"]), ("inner.conf".to_owned(), 2, 3, 2, 12));
    assert_eq!(of("C301")["path"][0]["by"], "include");
    assert_eq!(at(&of("C301")["path"][0]), ("keepalived.conf".to_owned(), 2, 9, 2, 19));
    assert_eq!(of("C301")["help"][0], "did you mean `router_id`?");
    // Through a variable: where it is used, and its definition as the way.
    assert_eq!(of("C401")["path"][0]["by"], "variable");
    assert_eq!(at(&of("C401")["path"][0]), ("keepalived.conf".to_owned(), 1, 8, 1, 14));
    // Another place.
    assert_eq!(at(&of("C501")["place"]), ("keepalived.conf".to_owned(), 6, 5, 6, 9));
    assert_eq!(at(&of("C501")["related"][0]), ("keepalived.conf".to_owned(), 5, 5, 5, 9));
}

#[test]
fn json_and_text_agree() {
    let folder = tempfile::tempdir().unwrap();
    let (_, service) = GOOD.split_once("virtual_server").unwrap();
    let noted = format!("{GOOD}virtual_server{}", service.replace("10.100", "10.101"));
    for (name, text) in [
        ("good.conf", GOOD.to_owned()),
        ("warning.conf", format!("flurb on\n{GOOD}")),
        ("error.conf", GOOD.replace("virtual_router_id 51", "virtual_router_id 300")),
        ("note.conf", noted),
        ("empty.conf", String::new()),
        ("many.conf", "vrrp_instance A {\n  flurb\n}\n".repeat(3_000)),
        ("bad.toml", "[[instance]]\nname = 5\n[[service]]\n".to_owned()),
    ] {
        fs::write(folder.path().join(name), text).unwrap();
        for arguments in [&[][..], &["--strict"]] {
            let run =
                Run::of(ipvsctl(&[&["check", "--other-host", name], arguments].concat()).current_dir(folder.path()));
            let (status, object) = json(folder.path(), name, arguments);
            assert_eq!(status, run.status, "{name} {arguments:?}");
            assert_eq!(object["accepted"], status == Some(0), "{name} {arguments:?}");
            assert_eq!(object["strict"], !arguments.is_empty());
            let remarks = object["remarks"].as_array().unwrap();
            for (severity, count) in [("error", "errors"), ("warning", "warnings"), ("note", "notes")] {
                let listed = remarks.iter().filter(|remark| remark["severity"] == severity).count();
                let told = run.err.lines().filter(|line| line.starts_with(&format!("{severity}[C"))).count();
                assert_eq!((Some(listed as u64), listed), (object[count].as_u64(), told), "{name} {severity}");
            }
            assert_eq!(object["not_shown"] != 0, run.err.contains(" more that are not shown"), "{name}");
        }
    }
    let missing = json(folder.path(), "missing.conf", &[]);
    assert_eq!((missing.0, &missing.1["remarks"][0]["place"]), (Some(1), &Value::Null), "a remark about no place");
    assert_eq!(json(folder.path(), "good.conf", &[]).1["contents"]["servers"], 1);
}
