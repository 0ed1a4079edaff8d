//! Commands of keepalived.conf, who runs them, and what is said of it. What keepalived does was seen in the state that it
//! writes at SIGUSR1.

use super::{Texts, brief, keepalived, only};
use crate::config::{Code, Context, Language, Loaded, Severity, convert};
use crate::model::RunAs;

fn script(said: &str) -> Loaded {
    keepalived(&format!(
        "vrrp_script s {{\n{said}\n}}\nvrrp_instance V {{\ninterface eth0\nvirtual_router_id 3\npriority 100\n\
         virtual_ipaddress {{\n192.0.2.9\n}}\ntrack_script {{\ns\n}}\n}}\n"
    ))
}

fn notify(said: &str) -> Loaded {
    keepalived(&format!(
        "vrrp_instance V {{\ninterface eth0\nvirtual_router_id 3\npriority 100\nvirtual_ipaddress {{\n192.0.2.9\n}}\n\
         notify_master {said}\n}}\n"
    ))
}

/// `word|word user:group`.
fn shown(words: &[String], user: Option<&RunAs>) -> String {
    let who = user.map(|who| match &who.group {
        Some(group) => format!(" {}:{group}", who.user),
        None => format!(" {}", who.user),
    });
    format!("{}{}", words.join("|"), who.unwrap_or_default())
}

fn of_script(loaded: &Loaded) -> String {
    let script = loaded.config.as_ref().and_then(|config| config.scripts.first());
    script.map_or_else(|| "none".to_owned(), |script| shown(&script.command, script.user.as_ref()))
}

fn of_notify(loaded: &Loaded) -> String {
    let command = loaded.config.as_ref().and_then(|config| config.instances[0].notify.master.clone());
    command.map_or_else(|| "none".to_owned(), |command| shown(&command.words, command.user.as_ref()))
}

/// The codes of what is said of the command.
fn said(loaded: &Loaded, line: u32) -> Vec<String> {
    let here = |text: &String| text.split(' ').nth(2).is_some_and(|place| place.starts_with(&format!("{line}:")));
    brief(loaded).into_iter().filter(here).map(|text| text.rsplit_once(' ').unwrap().0.to_owned()).collect()
}

#[test]
fn quotes_of_both_kinds_hold_a_command_together() {
    for (line, expected) in [
        ("'/usr/bin/pgrep haproxy'", "/usr/bin/pgrep|haproxy"),
        ("\"/usr/bin/pgrep haproxy\"", "/usr/bin/pgrep|haproxy"),
        ("\"/bin/bash -c \\\"pidof haproxy && exit 0\\\"\"", "/bin/bash|-c|pidof haproxy && exit 0"),
        ("'/bin/sh -c \"true; x\"'", "/bin/sh|-c|true; x"),
        ("\"/bin/sh -c 'true; x'\" # why", "/bin/sh|-c|true; x"),
        ("/bin/\"echo x\"", "/bin/echo|x"),
        ("\"/bin/echo a\\x41\\101 'b c' \\\"d e\\\"\"", "/bin/echo|aAA|b c|d e"),
        ("\"/bin/echo a\\ b\"", "/bin/echo|a|b"),
        ("\"/bin/echo \\\\x41\"", "/bin/echo|A"),
        ("\"/bin/echo 'a\\\\x41b'\"", "/bin/echo|aAb"),
        ("'/bin/echo \"a\\\\x41b\"'", "/bin/echo|aAb"),
        ("\"/bin/echo a {b} }\"", "/bin/echo|a|{b}|}"),
        ("\"/bin/echo 'a # b'\"", "/bin/echo|a # b"),
    ] {
        let (one, other) = (script(&format!("script {line}")), notify(line));
        assert_eq!(of_script(&one), expected, "{line}");
        assert_eq!(of_notify(&other), expected, "{line}");
        assert_eq!((said(&one, 2), said(&other, 8)), (vec![], vec![]), "{line}");
    }
}

#[test]
fn who_runs_a_command_stands_after_it() {
    for (line, expected, remarks) in [
        ("'/bin/echo x \"y z\"' nobody", "/bin/echo|x|y z nobody", &[][..]),
        ("\"/bin/echo\" nobody nogroup", "/bin/echo nobody:nogroup", &[]),
        ("\"/bin/echo\" \"nobody\" 'nogroup'", "/bin/echo nobody:nogroup", &[]),
        ("\"/bin/echo\" nobody :nogroup", "/bin/echo nobody:nogroup", &["note C401"]),
        ("\"/bin/echo\" nobody :", "none", &["warning C401"]),
        ("\"/bin/echo\" nobody:nogroup", "/bin/echo nobody:nogroup", &["warning C401"]),
        ("\"/bin/echo\" nobody: nogroup", "/bin/echo nobody:nogroup", &["warning C401"]),
        ("\"/bin/echo\" nobody nogroup extra", "/bin/echo nobody:nogroup", &["warning C307"]),
        ("/bin/echo nobody nogroup", "/bin/echo nobody:nogroup", &["note C204"]),
        ("/bin/logger hello there", "/bin/logger hello:there", &["note C204"]),
        ("/bin/echo nobody -v", "none", &["warning C401"]),
        ("/bin/echo <user>", "none", &["warning C402"]),
        ("/bin/echo -n nobody", "/bin/echo|-n|nobody", &["warning C204"]),
        ("/bin/sh -c \"a b\"", "/bin/sh|-c|a b", &["warning C204"]),
        ("\"/bin/sh -c\" \"a b\"", "/bin/sh|-c|a b", &["warning C204"]),
    ] {
        let loaded = notify(line);
        assert_eq!(
            (of_notify(&loaded).as_str(), said(&loaded, 8)),
            (expected, remarks.iter().map(|&s| s.to_owned()).collect()),
            "{line}"
        );
    }
}

#[test]
fn a_vrrp_script_has_a_word_of_its_own_for_its_user() {
    for (line, expected, remarks) in [
        ("script \"/x\"\nuser nobody nogroup", "/x nobody:nogroup", &[][..]),
        ("script /usr/bin/killall -0 haproxy", "/usr/bin/killall|-0|haproxy", &["warning C204"]),
        ("script /usr/bin/pgrep haproxy", "/usr/bin/pgrep", &["warning C204"]),
        ("script /x.sh nobody nogroup", "/x.sh", &["warning C204"]),
        ("script /x.sh /etc/x", "/x.sh|/etc/x", &["warning C204"]),
        ("script \"/x.sh a\" nobody nogroup", "/x.sh|a nobody:nogroup", &["note C204"]),
        // A redirection of the shell's: 2.2.7 says "exited with status 2" where `sh` is dash, and runs nothing behind it.
        ("script \"</dev/tcp/127.0.0.1/80\"", "/bin/sh|-c|</dev/tcp/127.0.0.1/80", &["note C204"]),
        ("script \"</dev/null && /bin/false\"", "/bin/sh|-c|</dev/null", &["note C204", "warning C307"]),
    ] {
        let loaded = script(line);
        assert_eq!(
            (of_script(&loaded).as_str(), said(&loaded, 2)),
            (expected, remarks.iter().map(|&s| s.to_owned()).collect()),
            "{line}"
        );
    }
    // Where the user is nobody's name, nothing is run with anybody else's rights.
    for (user, run_as, code) in [
        ("<user>", "<user>", "warning C402"),
        (":root", ":root", "warning C401"),
        ("root :", "root", "warning C306"),
        ("root :bin", "root:bin", "note C401"),
    ] {
        let loaded = script(&format!("script \"/x\"\nuser {user}"));
        assert_eq!((of_script(&loaded), said(&loaded, 3)), (format!("/x {run_as}"), vec![code.to_owned()]));
    }
    let loaded = script("script \"/x\"\nuser nobody:nogroup");
    assert_eq!(of_script(&loaded), "/x nobody:nogroup");
    assert_eq!(said(&loaded, 3), ["warning C401"]);
}

#[test]
fn users_with_a_colon_are_converted() {
    let text = "global_defs {\nscript_user nobody:nogroup\nnotify_fifo /run/f nobody:nogroup\n}\nvrrp_instance V {\ninterface eth0\nvirtual_router_id 3\npriority 100\n\
                virtual_ipaddress {\n192.0.2.9\n}\nnotify_fault \"/bin/echo\" nobody:nogroup\n}\n";
    let texts = Texts::new([("a.conf", text.as_bytes())]);
    let converted = convert("a.conf".as_ref(), Language::Keepalived, &texts, &Context::default());
    assert!(converted.is_faithful(), "{:?}", converted.lost);
    let document = converted.text.unwrap();
    assert_eq!(document.matches("\"nobody:nogroup\"").count(), 3, "{document}");
}

#[test]
fn a_script_that_cannot_be_run_is_shown_where_its_user_calls_it() {
    let text = "vrrp_script a {\nscript \"/x\"\nuser root\n}\nvrrp_script b {\nscript \"/x\"\nuser nobody\n}\n";
    let mut loaded = keepalived(text);
    let user = RunAs { user: "nobody".to_owned(), group: None };
    loaded.report.warn_of_script("/x", Some(&user), "the script".to_owned(), "it will not run".to_owned());
    let remark = only(&loaded, Code::UnusableScript);
    assert_eq!(remark.severity, Severity::Warning);
    assert_eq!(loaded.report.files().position(remark.primary.as_ref().unwrap().span).line, 6);
}

/// keepalived 2.2.7 says `vrrp_instance must have a name` and the like of the first ones; of the others it hears the first words.
#[test]
fn more_words_than_a_block_takes() {
    let router = |name: &str| {
        format!("{name} {{\ninterface eth0\nvirtual_router_id 3\nvirtual_ipaddress {{\n192.0.2.9\n}}\n}}\n")
    };
    let lost = keepalived(&format!("{}{}", router("vrrp_instance two words"), router("vrrp_instance \"three words\"")));
    let config = lost.config.as_ref().unwrap();
    assert_eq!(config.instances.iter().map(|one| one.name.as_str()).collect::<Vec<_>>(), ["three words"]);
    assert_eq!(said(&lost, 1), ["warning C307"]);
    let text = format!(
        "{}vrrp_sync_group g h {{\ngroup {{\nV\n}}\n}}\nvrrp_script a b {{\nscript \"/x\"\n}}\n\
         virtual_server 192.0.2.3 80 90 {{\nprotocol TCP\nreal_server 192.0.2.4 80 90 {{\nweight 2\n}}\n\
         real_server 192.0.2.5 80 weight 3 {{\nweight 4\n}}\n}}\nvirtual_server fwmark 3 4 {{\nreal_server 192.0.2.4 80 {{\n}}\n}}\n",
        router("vrrp_instance V")
    );
    let loaded = keepalived(&text);
    let config = loaded.config.as_ref().unwrap();
    assert!(config.sync_groups.is_empty());
    assert_eq!(config.scripts[0].name, "a");
    let servers: Vec<_> = config.services[0].servers.iter().map(|server| server.key.port).collect();
    assert_eq!((config.services.len(), servers), (2, vec![80, 80]));
    let extra = brief(&loaded).into_iter().filter(|text| text.starts_with("warning C307")).collect::<Vec<_>>();
    assert_eq!(
        extra,
        ["8:19", "13:15", "16:29", "18:26", "21:26", "25:25"].map(|place| format!("warning C307 {place}")),
        "{}",
        loaded.report.render(false)
    );
}

/// `\cX` is X with the control key held; in `keepalived.data` of 2.2.7 the same bytes stand.
#[test]
fn control_keys() {
    for (line, expected) in [
        ("\"/bin/echo a\\cAb\"", "/bin/echo|a\u{1}b"),
        ("\"/bin/echo a\\caX\"", "/bin/echo|a\u{1}X"),
        ("\"/bin/echo [\\c?] [\\c[]\"", "/bin/echo|[\u{1f}]|[\u{1b}]"),
        ("\"/bin/echo '\\\\cAb'\"", "/bin/echo|\u{1}b"),
        ("\"/bin/echo \\\\\\\\cIx\"", "/bin/echo|\\cIx"),
        ("\"/bin/echo a\\cM\\cJz\"", "/bin/echo|a|z"),
        ("\"/bin/echo \\c1z\"", "/bin/echo|\u{11}z"),
    ] {
        assert_eq!(of_notify(&notify(line)), expected, "{line}");
    }
}
