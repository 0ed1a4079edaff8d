//! Checks that call nobody: scripts of every bad habit, numbers in files, and the weights that both give, beside keepalived's.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use integration::hanging::Hanging;
use integration::nat::NatLab;
use integration::subject::servers;
use integration::{Ipvsd, Node, Topology, lab_test, native_test, peers, wait_until};
use nix::sys::signal::Signal;
use nix::unistd::Pid;

const PATIENCE: Duration = Duration::from_secs(60);

/// A folder that everybody may look into.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    folder
}

/// A script, or what is none if its mode says so. It is put in place whole: nobody can run what is still open for writing.
fn script(folder: &Path, name: &str, text: &str, mode: u32) -> String {
    let (path, draft) = (folder.join(name), folder.join(format!("{name}.new")));
    fs::write(&draft, text).unwrap();
    fs::set_permissions(&draft, fs::Permissions::from_mode(mode)).unwrap();
    fs::rename(draft, &path).unwrap();
    path.to_str().unwrap().to_owned()
}

/// Puts a number into a file that somebody watches or reads.
fn put(file: &Path, number: i64) {
    let draft = file.with_extension("new");
    fs::write(&draft, format!("{number}\n")).unwrap();
    fs::rename(draft, file).unwrap();
}

/// A service with a server for each of these checks, in our own language.
fn toml(checks: &[String]) -> String {
    let servers: String =
        (1..).zip(checks).map(|(n, check)| format!("  {{ address = \"10.0.0.{n}\", check = {check} }},\n")).collect();
    format!("[[service]]\naddress = \"192.0.2.1:80\"\nserver = [\n{servers}]\n")
}

/// A service with a server for each of these commands, with more words of its check, in keepalived's language.
fn conf(global: &str, checks: &[(String, &str)]) -> String {
    let server = |(n, (command, more)): (usize, &(String, &str))| {
        format!("real_server 10.0.0.{n} 80 {{\nMISC_CHECK {{\nmisc_path \"{command}\"\nwarmup 0\n{more}\n}}\n}}\n")
    };
    let servers: String = (1..).zip(checks).map(server).collect();
    format!("global_defs {{\n{global}\n}}\nvirtual_server 192.0.2.1 80 {{\nprotocol TCP\ndelay_loop 1\n{servers}}}\n")
}

/// A daemon that answers. Without IPVS it is not ready, and checks servers all the same.
fn start(node: &Node, text: &str) -> Ipvsd {
    start_file(node, "/etc/ipvsd.toml", text)
}

/// The same with a file at a path whose ending tells the language.
fn start_file(node: &Node, path: &str, text: &str) -> Ipvsd {
    let ipvsd = Ipvsd::spawn(node, path, text);
    wait_until(PATIENCE, "an answer", || ipvsd.try_show().is_ok());
    ipvsd
}

/// A script, words of its check, and who it is run as.
type Identity<'a> = (&'a str, &'a str, Option<&'a str>);

/// Processes that have this in their command line.
fn processes(what: &str) -> Vec<i32> {
    let runs = |pid: &i32| {
        let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        String::from_utf8_lossy(&line).contains(what)
    };
    let pids = fs::read_dir("/proc").unwrap().filter_map(|entry| entry.unwrap().file_name().to_str()?.parse().ok());
    pids.filter(runs).collect()
}

/// The processes among those that have this in their command line that lead a group, and so are scripts, and what these were a moment
/// ago as well: all of them were alive at one time.
fn scripts_at_once(what: &str) -> usize {
    let leads = |pid: &i32| nix::unistd::getpgid(Some(Pid::from_raw(*pid))) == Ok(Pid::from_raw(*pid));
    let before = processes(what);
    let now = processes(what);
    now.iter().filter(|pid| before.contains(pid)).filter(|pid| leads(pid)).count()
}

native_test! {
    /// Whatever a script does, there is a reason for people, and no server is up that should not be.
    fn every_end_of_a_script_has_its_reason() {
        let mut lab = Topology::new("script-ends");
        let node = lab.node("director");
        let folder = folder();
        let at = folder.path();
        let gone = at.join("gone");
        let mut checks = Vec::new();
        let mut expected = Vec::new();
        let mut case = |command: String, more: &str, health: &'static str, reason: &'static str| {
            checks.push(format!("{{ script = {{ command = \"{command}\"{more} }}, interval = \"300ms\" }}"));
            expected.push((health, reason));
        };
        case(script(at, "well", "#!/bin/sh\nexit 0\n", 0o755), "", "up", "exits with status 0");
        case(script(at, "three", "#!/bin/sh\nexit 3\n", 0o755), "", "down", "exits with status 3");
        case(script(at, "one", "#!/bin/sh\nexit 1\n", 0o755), ", dynamic = true", "down", "exits with status 1");
        case(script(at, "weight", "#!/bin/sh\nexit 9\n", 0o755), ", dynamic = true", "up", "gives it the weight 7");
        case(script(at, "killed", "#!/bin/sh\nkill -9 $$\n", 0o755), "", "down", "is ended by signal 9");
        case(script(at, "flood", "#!/bin/sh\nhead -c 5000000 /dev/zero; head -c 5000000 /dev/zero >&2\n", 0o755), "", "up", "exits with status 0");
        case(script(at, "asks", "#!/bin/sh\nread line && exit 5\nexit 0\n", 0o755), "", "up", "exits with status 0");
        // keepalived takes a status of 0 after its SIGTERM for a success.
        case(
            script(at, "sly", "#!/bin/sh\ntrap 'exit 0' TERM\nwhile :; do sleep 0.05; done\n", 0o755),
            ", timeout = \"200ms\"",
            "down",
            "runs longer than its timeout",
        );
        case(
            script(at, "deaf", "#!/bin/sh\ntrap '' TERM\nwhile :; do sleep 0.05; done\n", 0o755),
            ", timeout = \"200ms\"",
            "down",
            "",
        );
        case(script(at, "endless", "#!/bin/sh\nexec yes\n", 0o755), ", timeout = \"200ms\"", "down", "runs longer than its timeout");
        // It is over when it ends itself, whatever it leaves behind with its pipes open.
        case(script(at, "leaves", "#!/bin/sh\nsleep 1000 &\nexit 0\n", 0o755), "", "up", "exits with status 0");
        case(script(at, "vanishes", "#!/bin/sh\nrm -f \"$0\"\nexit 0\n", 0o755), "", "down", "is not there");
        case(script(at, "plain", "#!/bin/sh\nexit 0\n", 0o644), "", "down", "may not be executed");
        case(script(at, "text", "no program\n", 0o755), "", "down", "is no program");
        case(script(at, "interpreter", "#!/no/such/interpreter\n", 0o755), "", "down", "interpreter");
        case(at.join("nowhere").to_str().unwrap().to_owned(), "", "down", "is not there");
        case("no-such-program-at-all".to_owned(), "", "down", "is not in PATH");
        case(at.to_str().unwrap().to_owned(), "", "down", "is not a file");
        case("/bin/true".to_owned(), ", user = \"nobody-of-this-name\"", "down", "user or a group that does not exist");
        case(at.join("absent").to_str().unwrap().to_owned(), ", on-missing = \"disable\"", "up", "");
        case(script(at, "gone", "#!/bin/sh\nexit 0\n", 0o755), ", on-missing = \"disable\"", "up", "exits with status 0");
        let ipvsd = start(&node, &toml(&checks));
        ipvsd.wait_show("every server as it should be", |snapshot| {
            let found = servers(snapshot);
            found.len() == expected.len()
                && found.iter().zip(&expected).all(|(server, (health, reason))| {
                    server["health"] == *health && server["reason"].as_str().unwrap().contains(reason)
                })
        });
        fs::remove_file(&gone).unwrap();
        ipvsd.wait_show("one that went missing", |snapshot| {
            let server = servers(snapshot).last().unwrap();
            server["health"] == "down" && server["reason"] == "is not there"
        });
        let log = ipvsd.daemon().log();
        assert!(log.contains("absent is not there: this check of server 10.0.0.20:80"), "{log}");
    }

    /// In keepalived.conf a script that is not there is forgiven. One that is there and cannot start is a failure, when the file is
    /// read and after each reload.
    fn a_script_that_cannot_start_is_no_success_however_often_the_file_is_read() {
        let mut lab = Topology::new("script-start");
        let node = lab.node("director");
        let folder = folder();
        let at = folder.path();
        // Who runs what is in there may not look into it.
        let closed = at.join("closed");
        fs::create_dir(&closed).unwrap();
        fs::set_permissions(&closed, fs::Permissions::from_mode(0o700)).unwrap();
        let interpreter = at.join("interpreter");
        std::os::unix::fs::symlink("/bin/sh", &interpreter).unwrap();
        let lasting = format!("#!{}\nexit 0\n", interpreter.display());
        let (checks, mut expected): (Vec<_>, Vec<_>) = [
            (script(at, "outdated", "#!/no/such/interpreter\n", 0o755), "", ("down", "interpreter")),
            (script(at, "text", "no program\n", 0o755), "", ("down", "is no program")),
            (script(&closed, "refused", "#!/bin/sh\nexit 0\n", 0o755), "user nobody", ("down", "cannot be run")),
            (script(at, "plain", "#!/bin/sh\nexit 0\n", 0o644), "", ("up", "may not be executed")),
            (at.join("nowhere").to_str().unwrap().to_owned(), "", ("up", "is not there")),
            (script(at, "upgraded", &lasting, 0o755), "", ("up", "exits with status 0")),
        ]
        .into_iter()
        .map(|(command, more, expected)| ((command, more), expected))
        .unzip();
        let runs = |snapshot: &serde_json::Value| -> Vec<_> {
            servers(snapshot).iter().map(|server| server["checks"][0]["runs"].as_u64().unwrap()).collect()
        };
        let is_so = |snapshot: &serde_json::Value, expected: &[(&str, &str)]| {
            let found = servers(snapshot);
            found.len() == expected.len()
                && found.iter().zip(expected).all(|(server, (health, reason))| {
                    server["health"] == *health && server["reason"].as_str().unwrap().contains(reason)
                })
        };
        let ipvsd = start_file(&node, "/etc/keepalived/keepalived.conf", &conf("script_user root", &checks));
        ipvsd.wait_show("who is there and cannot start to be down", |snapshot| is_so(snapshot, &expected));
        fs::remove_file(&interpreter).unwrap();
        *expected.last_mut().unwrap() = ("down", "interpreter");
        ipvsd.wait_show("one whose interpreter went to be down", |snapshot| is_so(snapshot, &expected));
        let before = runs(&ipvsd.show());
        drop(ipvsd.reload(&conf("script_user root\nrouter_id another", &checks)));
        ipvsd.wait_show("two more runs of each, all of them failures", |snapshot| {
            assert!(is_so(snapshot, &expected), "{snapshot}");
            let counted = runs(snapshot).into_iter().zip(&before).zip(&expected);
            counted.filter(|(_, (health, _))| *health == "down").all(|((runs, before), _)| runs >= before + 2)
        });
    }

    /// Each script is run by its check's user, else by `script_user`, with no group but that one's; and with `enable_script_security`
    /// root runs nothing that others could have written.
    fn scripts_run_as_the_users_that_they_are_given() {
        let mut lab = Topology::new("script-users");
        let node = lab.node("director");
        let folder = folder();
        let notes = folder.path().join("notes");
        fs::create_dir(&notes).unwrap();
        fs::set_permissions(&notes, fs::Permissions::from_mode(0o777)).unwrap();
        let tells = "#!/bin/sh\necho $(id -u) $(id -G) > \"$1.$$\" && mv \"$1.$$\" \"$1\"\n";
        let (safe, loose) = (script(folder.path(), "safe", tells, 0o755), script(folder.path(), "loose", tells, 0o777));
        let who = |commands: &str| node.sh(commands).split_whitespace().collect::<Vec<_>>().join(" ");
        let (root, nobody) = (&*who("id -u; id -G"), &*who("id -u nobody; id -g nobody"));
        let notes = |name: usize| notes.join(name.to_string());
        // Words for the whole daemon; and for each check its script, its words, and who it finds itself to be.
        let acts: [(&str, Vec<Identity>); 4] = [
            (
                "script_user nobody\nenable_script_security",
                vec![
                    (&safe, "", Some(nobody)),
                    (&safe, "user root", Some(root)),
                    (&loose, "", Some(nobody)),
                    (&loose, "user root", None),
                ],
            ),
            ("script_user root", vec![(&safe, "", Some(root)), (&safe, "user nobody", Some(nobody)), (&loose, "", Some(root))]),
            (
                "script_user root\nenable_script_security",
                vec![(&safe, "", Some(root)), (&loose, "user nobody", Some(nobody)), (&loose, "", None)],
            ),
            // As with keepalived, which drops the second: root does not stand in for a user that is not there.
            ("enable_script_security", vec![(&safe, "user root", Some(root)), (&safe, "", None)]),
        ];
        let mut ipvsd = None;
        for (act, (global, checks)) in acts.iter().enumerate() {
            // Nobody else's notes are taken for theirs.
            let note = |n: usize| notes(act * 10 + n);
            let commands: Vec<_> = (0..)
                .zip(checks)
                .map(|(n, (script, more, _))| (format!("{script} {}", note(n).display()), *more))
                .collect();
            let text = conf(global, &commands);
            match &ipvsd {
                None => ipvsd = Some(start_file(&node, "/etc/keepalived/keepalived.conf", &text)),
                Some(ipvsd) => drop(ipvsd.reload(&text)),
            }
            let ipvsd = ipvsd.as_ref().unwrap();
            ipvsd.wait_show(&format!("{global}: every check to have run or been refused"), |snapshot| {
                let found = servers(snapshot);
                found.len() == checks.len()
                    && found.iter().zip(checks).all(|(server, (_, _, who))| {
                        let reason = match who {
                            Some(_) => "exits with status 0",
                            None if global.contains("script_user") => "others than root can write it",
                            None => "a user or a group that does not exist",
                        };
                        server["reason"].as_str().unwrap().contains(reason)
                    })
            });
            for (n, (script, more, who)) in checks.iter().enumerate() {
                let found = fs::read_to_string(note(n)).ok();
                assert_eq!(found.as_deref().map(str::trim), *who, "{global}: {script} {more}");
            }
        }
    }

    /// What a script has started goes with it: when its time is up, when its server goes, and when the daemon does.
    fn a_script_is_ended_with_its_group() {
        let mut lab = Topology::new("script-group");
        let node = lab.node("director");
        let folder = folder();
        let mark = folder.path().join("long-lived").to_str().unwrap().to_owned();
        script(folder.path(), "long-lived", "#!/bin/sh\nsleep 1000\n", 0o755);
        let parent = script(folder.path(), "parent", &format!("#!/bin/sh\n{mark} &\n{mark}\n"), 0o755);
        let with = |timeout: &str| {
            toml(&[format!("{{ script = {{ command = \"{parent}\", timeout = \"{timeout}\" }}, interval = \"100ms\" }}")])
        };
        let ipvsd = start(&node, &with("1h"));
        wait_until(PATIENCE, "two of them", || processes(&mark).len() == 2);
        let first = processes(&mark);
        let none = toml(&["false".to_owned()]);
        drop(ipvsd.reload(&none));
        wait_until(PATIENCE, "none after a reload without the check", || processes(&mark).is_empty());
        drop(ipvsd.reload(&with("300ms")));
        wait_until(PATIENCE, "others", || !processes(&mark).is_empty());
        let second = processes(&mark);
        assert!(second.iter().all(|pid| !first.contains(pid)));
        wait_until(PATIENCE, "those gone when their time is up", || !processes(&mark).iter().any(|pid| second.contains(pid)));
        drop(ipvsd.reload(&with("1h")));
        wait_until(PATIENCE, "two of them again", || processes(&mark).len() == 2);
        ipvsd.stop();
        wait_until(PATIENCE, "none after a stop", || processes(&mark).is_empty());
    }

    /// A script that waits for a file server for ever, before its first word, is one that overran; and the others find out what there
    /// is to find out.
    fn a_script_on_a_disk_that_is_dead_holds_up_no_other() {
        let mut lab = Topology::new("script-dead-disk");
        let node = lab.node("director");
        let folder = folder();
        let well = folder.path().join("well");
        fs::write(&well, "").unwrap();
        let away = script(folder.path(), "away", "#!/bin/sh\nexit 0\n", 0o755);
        let other = script(folder.path(), "other", &format!("#!/bin/sh\ntest -e {}\n", well.display()), 0o755);
        // As another user: a process that is being made so holds open what is open for others that are being made.
        let check = |command: &str| {
            let script = format!("{{ command = \"{command}\", user = \"nobody\", timeout = \"300ms\" }}");
            format!("{{ script = {script}, interval = \"200ms\", retry = 0 }}")
        };
        let mut checks: Vec<_> = (0..8).map(|n| check(&format!("{away} {n}"))).collect();
        checks.push(check(&other));
        let ipvsd = start(&node, &toml(&checks));
        let wait = |what: &str, aways: &str, other: &str| {
            ipvsd.wait_show(what, |snapshot| {
                let found = servers(snapshot);
                let is = |server: &serde_json::Value, health: &str| server["health"] == health;
                found.split_last().is_some_and(|(last, rest)| is(last, other) && rest.iter().all(|one| is(one, aways)))
            });
        };
        wait("all up", "up", "up");
        let hanging = Hanging::new(&node, &away);
        wait("those that hang down", "down", "up");
        // In between its next run waits for it.
        let overran = |snapshot: &_| servers(snapshot)[0]["reason"].as_str().unwrap().contains("longer than its timeout");
        ipvsd.wait_show("that it has overrun", overran);
        fs::remove_file(&well).unwrap();
        wait("the other found out", "down", "down");
        fs::write(&well, "").unwrap();
        wait("and found well", "down", "up");
        hanging.answers();
        wait("all up again", "up", "up");
        ipvsd.stop();
        wait_until(PATIENCE, "nobody left", || processes(&away).is_empty());
    }

    /// One that starts others for as long as it has time, each of them for ever, leaves none.
    fn a_script_that_forks_without_end_leaves_nobody() {
        let mut lab = Topology::new("script-forks");
        let node = lab.node("director");
        let folder = folder();
        let mark = script(folder.path(), "child", "#!/bin/sh\nexec sleep 1357.9\n", 0o755);
        let parent = script(folder.path(), "forks", &format!("#!/bin/sh\nwhile :; do {mark} & sleep 0.01; done\n"), 0o755);
        let ipvsd = start(&node, &toml(&[format!(
            "{{ script = {{ command = \"{parent}\", timeout = \"300ms\" }}, interval = \"200ms\" }}"
        )]));
        ipvsd.wait_show("three runs that took too long", |snapshot| {
            let server = &servers(snapshot)[0];
            server["health"] == "down"
                && server["reason"].as_str().unwrap().contains("runs longer than its timeout")
                && server["checks"][0]["runs"].as_u64() >= Some(3)
        });
        ipvsd.stop();
        wait_until(PATIENCE, "none of them left", || processes("sleep\u{0}1357.9").is_empty());
    }

    /// A thousand scripts that hang are not a thousand processes, though none of them heeds SIGTERM, and each still gets its turn.
    fn scripts_queue() {
        let mut lab = Topology::new("script-queue");
        let node = lab.node("director");
        let folder = folder();
        let hang = script(folder.path(), "hang", "#!/bin/sh\ntrap '' TERM\nwhile :; do sleep 1; done\n", 0o755);
        let servers_of = |command: &str| {
            let server = |n: u32| {
                let check = format!("{{ script = {{ command = \"{command} {n}\", timeout = \"500ms\" }}, interval = \"1h\" }}");
                format!("  {{ address = \"10.0.{}.{}\", check = {check} }},\n", n / 250, n % 250 + 1)
            };
            let list: String = (0..1000).map(server).collect();
            format!("[[service]]\naddress = \"192.0.2.1:80\"\nserver = [\n{list}]\n")
        };
        let ipvsd = start(&node, &servers_of(&hang));
        let mut most = 0;
        wait_until(PATIENCE * 3, "every script to have had its time", || {
            most = most.max(scripts_at_once(&hang));
            let snapshot = ipvsd.show();
            servers(&snapshot).iter().all(|server| server["health"] == "down" && server["reason"].as_str().unwrap().contains("longer"))
        });
        assert!((1..=256).contains(&most), "{most} at one time");
    }

    /// A file that comes, changes and goes moves the weight at once; all checks of a server must agree.
    fn the_number_in_a_file_moves_the_weight() {
        let mut lab = Topology::new("file-weight");
        let node = lab.node("director");
        let folder = folder();
        let (load, status) = (folder.path().join("load"), folder.path().join("status"));
        put(&status, 0);
        let ends = script(folder.path(), "ends", &format!("#!/bin/sh\nexit $(cat {})\n", status.display()), 0o755);
        let text = format!(
            "[[track-file]]\nname = \"load\"\npath = \"{}\"\n[[service]]\naddress = \"192.0.2.1:80\"\nserver = [{{ address = \"10.0.0.1\", \
             weight = 10, check = [{{ file = {{ name = \"load\", weight = -2 }} }}, {{ script = {{ command = \"{ends}\", dynamic = true }}, \
             interval = \"100ms\" }}] }}]\n",
            load.display()
        );
        let ipvsd = start(&node, &text);
        let wait = |what: &str, health: &str, weight: Option<u64>| {
            ipvsd.wait_show(what, |snapshot| {
                let server = &servers(snapshot)[0];
                server["health"] == health && weight.is_none_or(|weight| server["weight"] == weight) && server["configured_weight"] == 10
            });
        };
        wait("a file that is not there counts as 0", "up", Some(10));
        put(&load, 3);
        wait("3 times -2", "up", Some(4));
        put(&load, 9);
        wait("no less than 0", "up", Some(0));
        put(&status, 32);
        wait("30 by the script, less 18", "up", Some(12));
        put(&load, i64::from(i32::MAX));
        wait("out by the file", "down", None);
        put(&load, 0);
        wait("back", "up", Some(30));
        put(&status, 1);
        wait("out by the script", "down", None);
        put(&status, 0);
        wait("back with its own weight", "up", Some(10));
        fs::remove_file(&load).unwrap();
        put(&load, -4);
        wait("a new file", "up", Some(18));
    }
}

native_test! {
    /// What is no file, or has no end, holds nobody up and counts as 0; a number in it would have been seen.
    fn files_that_are_none_hold_nobody_up() {
        let mut lab = Topology::new("file-bad");
        let node = lab.node("director");
        let folder = folder();
        let at = |name: &str| folder.path().join(name);
        nix::unistd::mkfifo(&at("pipe"), nix::sys::stat::Mode::S_IRWXU).unwrap();
        // Somebody who has a pipe open and says nothing yet.
        nix::unistd::mkfifo(&at("held"), nix::sys::stat::Mode::S_IRWXU).unwrap();
        let _held = fs::OpenOptions::new().read(true).write(true).open(at("held")).unwrap();
        fs::create_dir(at("folder")).unwrap();
        std::os::unix::fs::symlink("loop", at("loop")).unwrap();
        std::os::unix::fs::symlink("/dev/zero", at("zeros")).unwrap();
        fs::write(at("digits"), "7".repeat(1 << 20)).unwrap();
        fs::write(at("bytes"), [0xff; 4096]).unwrap();
        fs::write(at("empty"), "").unwrap();
        let bad = ["pipe", "held", "folder", "loop", "zeros", "digits", "bytes", "empty"];
        put(&at("good"), 3);
        let names: Vec<_> = bad.into_iter().chain(["good"]).collect();
        let files: String = names
            .iter()
            .map(|name| format!("[[track-file]]\nname = \"{name}\"\npath = \"{}\"\n", at(name).display()))
            .collect();
        let checks: Vec<_> = names.iter().map(|name| format!("{{ file = {{ name = \"{name}\", weight = 1 }} }}")).collect();
        let ipvsd = start(&node, &(files + &toml(&checks)));
        let says = |snapshot: &serde_json::Value, good: &str| {
            let found: Vec<_> =
                servers(snapshot).iter().map(|server| (&server["health"], server["reason"].as_str().unwrap())).collect();
            let (last, bad) = found.split_last().unwrap();
            *last.0 == "up" && last.1 == good && bad.iter().all(|bad| *bad.0 == "up" && bad.1 == "leaves its weight as it is")
        };
        ipvsd.wait_show("weights by the good one alone", |snapshot| says(snapshot, "changes its weight by +3"));
        put(&at("good"), 4);
        ipvsd.wait_show("another number", |snapshot| says(snapshot, "changes its weight by +4"));
    }
}

/// The weights of the servers in the kernel's table, in order; `None`: not there.
fn weights(table: &str) -> [Option<u32>; 3] {
    [11, 12, 13].map(|n| {
        let mark = format!("10.0.0.{n}:80");
        let line = table
            .lines()
            .map(|line| line.split_whitespace().collect::<Vec<_>>())
            .find(|words| words.get(1) == Some(&mark.as_str()));
        line.map(|words| words[3].parse().unwrap())
    })
}

lab_test! {
    /// The same file, scripts and numbers: the same weights in the kernel's table under keepalived 2.2.7 and under ipvsd.
    fn weights_are_keepalived_s() {
        let net = NatLab::new("weights", 3);
        let folder = folder();
        let file = |name: &str| folder.path().join(name);
        let ends = |name: &str| {
            script(folder.path(), &format!("{name}.sh"), &format!("#!/bin/sh\nread status < {}\nexit $status\n", file(name).display()), 0o755)
        };
        let check = |name: &str| format!("MISC_CHECK {{\nmisc_path {}\nmisc_dynamic\ndelay_loop 1\nwarmup 0\nmisc_timeout 20\n}}\n", ends(name));
        let conf = format!(
            "global_defs {{\nscript_user root\n}}\ntrack_file load {{\nfile {}\nweight 3\n}}\n{}",
            file("load").display(),
            net.conf_with("rr", "delay_loop 1", |number| {
                let checks = match number {
                    1 => check("a"),
                    2 => format!("{}{}", check("a"), check("b")),
                    _ => "FILE_CHECK {\ntrack_file load\n}\n".to_owned(),
                };
                format!("weight 10\n{checks}")
            })
        );
        // Statuses of the two scripts, the number in the file, and the weights.
        let acts = [
            (0, 0, 0, [Some(10), Some(10), Some(10)]),
            (7, 0, 5, [Some(5), Some(5), Some(25)]),
            (7, 22, -3, [Some(5), Some(15), Some(1)]),
            (12, 22, -4, [Some(10), Some(20), Some(0)]),
            (0, 22, 0, [Some(10), Some(20), Some(10)]),
            (255, 2, 0, [Some(253), Some(243), Some(10)]),
            (255, 2, i64::from(i32::MIN), [Some(253), Some(243), None]),
            (1, 2, 1, [None, None, Some(13)]),
        ];
        let play = |who: &str, is_ours: bool| {
            let set = |(a, b, load, _): (i64, i64, i64, _)| {
                put(&file("a"), a);
                put(&file("b"), b);
                put(&file("load"), load);
            };
            set(acts[0]);
            let ipvsd = is_ours.then(|| Ipvsd::start(&net.director, &conf));
            let keepalived = (!is_ours).then(|| peers::keepalived(&net.director, &conf));
            for act in acts {
                set(act);
                let table = || weights(&net.director.ipvs_table());
                wait_until(PATIENCE, &format!("{who}: {act:?}"), || table() == act.3);
            }
            if let Some(ipvsd) = ipvsd {
                ipvsd.stop();
            }
            if let Some(keepalived) = keepalived {
                keepalived.signal(Signal::SIGTERM);
                keepalived.wait(PATIENCE);
            }
            wait_until(PATIENCE, "an empty table", || weights(&net.director.ipvs_table()) == [None, None, None]);
        };
        play("keepalived", false);
        play("ipvsd", true);
    }
}

lab_test! {
    /// A script that is not there when a file is read counts for nothing under both; what it says counts after the next time.
    fn a_script_that_went_missing_is_forgiven_by_a_reload_as_with_keepalived() {
        let net = NatLab::new("missing", 3);
        let folder = folder();
        let path = folder.path().join("check.sh");
        let write = |status: u8| script(folder.path(), "check.sh", &format!("#!/bin/sh\nexit {status}\n"), 0o755);
        let conf = format!(
            "global_defs {{\nscript_user root\n}}\n{}",
            net.conf_with("rr", "delay_loop 1", |number| match number {
                1 => format!("weight 10\nMISC_CHECK {{\nmisc_path {}\ndelay_loop 1\nwarmup 0\n}}\n", path.display()),
                _ => "weight 10\n".to_owned(),
            })
        );
        for is_ours in [false, true] {
            let who = if is_ours { "ipvsd" } else { "keepalived" };
            let wait = |what: &str, weight: Option<u32>| {
                wait_until(PATIENCE, &format!("{who}: {what}"), || weights(&net.director.ipvs_table())[0] == weight);
            };
            write(0);
            let ipvsd = is_ours.then(|| Ipvsd::start(&net.director, &conf));
            let keepalived = (!is_ours).then(|| peers::keepalived(&net.director, &conf));
            let reload = || match (&ipvsd, &keepalived) {
                (Some(ipvsd), _) => assert!(ipvsd.reload(&conf).success()),
                (None, keepalived) => keepalived.as_ref().unwrap().signal(Signal::SIGHUP),
            };
            wait("in the table", Some(10));
            write(1);
            wait("out by its script", None);
            fs::remove_file(&path).unwrap();
            if is_ours {
                ipvsd.as_ref().unwrap().wait_show("what is not there is no success", |snapshot| {
                    servers(snapshot)[0]["reason"] == "is not there" && servers(snapshot)[0]["health"] == "down"
                });
            }
            reload();
            wait("back after a reload without the script", Some(10));
            write(1);
            reload();
            wait("out after a reload with it", None);
            if let Some(ipvsd) = &ipvsd {
                ipvsd.stop();
            }
            if let Some(keepalived) = &keepalived {
                keepalived.signal(Signal::SIGTERM);
                keepalived.wait(PATIENCE);
            }
            wait_until(PATIENCE, "an empty table", || weights(&net.director.ipvs_table()) == [None, None, None]);
        }
    }
}
