//! Bad input and bad surroundings: each gets a sentence that names cause and remedy, a documented exit status, and nothing is
//! lost.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::time::Duration;

use integration::{Ipvsd, Node, Topology, bin, lab_test, native_test, wait_until};

const PATIENCE: Duration = Duration::from_secs(30);
const ROUTER: &str =
    "vrrp_instance VI_1 {\n  interface eth0\n  virtual_router_id 51\n  virtual_ipaddress {\n    192.0.2.100\n  }\n}\n";

/// A node alone on a segment.
fn alone(name: &str) -> (Topology, Node) {
    let mut lab = Topology::new(name);
    let segment = lab.segment("lan");
    let node = lab.node("n1");
    segment.attach(&node, "eth0", &["192.0.2.1/24"]);
    (lab, node)
}

/// Starts the daemon on a file that it must refuse; what it said, after checking that it was one of these statuses and no panic.
#[track_caller]
fn refused(node: &Node, path: &str, status: i32) -> String {
    let output = node.command(bin("ipvsd")).args(["--config", path]).timeout(PATIENCE).output();
    let said = format!("{}{}", output.stdout, output.stderr);
    assert_eq!(output.status.code(), Some(status), "{path}: {said}");
    assert!(!said.contains("panicked"), "{said}");
    said
}

native_test! {
    /// Files that are no configuration: refused with exit status 3, in bounded time, by the daemon and by `ipvsctl check`.
    fn files_that_are_no_configuration() {
        let (_lab, node) = alone("files");
        node.write("/etc/empty.toml", "this is = not [ toml");
        node.write("/etc/binary.conf", (0..100_000_u32).map(|n| u8::try_from(n * 7 % 251).unwrap()).collect::<Vec<u8>>());
        node.write("/etc/large.conf", "x".repeat(10 << 20));
        node.write("/etc/deep.conf", "vrrp_instance a {\n".repeat(100_000));
        node.write("/etc/deep.toml", format!("a = {}", "[".repeat(100_000)));
        node.write("/etc/notutf8.toml", [0xff, 0xfe, 0x00, 0x41].to_vec());
        for (path, word) in [
            ("/etc/absent.conf", "absent.conf"),
            ("/etc", "folder"),
            ("/etc/empty.toml", "empty.toml"),
            ("/etc/binary.conf", "binary"),
            ("/etc/large.conf", "large.conf"),
            ("/etc/deep.toml", "deep.toml"),
            ("/etc/notutf8.toml", "UTF-8"),
        ] {
            let started = std::time::Instant::now();
            let said = refused(&node, path, 3);
            assert!(said.contains(word), "{path}: {said}");
            assert!(started.elapsed() < Duration::from_secs(20), "{path} took {:?}", started.elapsed());
            let check = node.command(bin("ipvsctl")).args(["check", path]).output();
            assert!(!check.success() && !check.stderr.contains("panicked") && !check.stdout.contains("panicked"), "{check:?}");
        }
        // Deep nesting in keepalived.conf may be a warning or an error; it must not be the end of the stack.
        let deep = node.command(bin("ipvsctl")).args(["check", "/etc/deep.conf"]).output();
        assert!(deep.status.code().is_some(), "{deep:?}");
        // keepalived takes an empty file and does nothing; that is never what was meant.
        node.write("/etc/nothing.conf", "# nothing\n");
        let said = refused(&node, "/etc/nothing.conf", 3);
        assert!(said.contains("nothing.conf"), "{said}");
    }

    /// All mistakes of a file in one run, with file, line, and the nearest right word.
    fn all_mistakes_in_one_run() {
        let (_lab, node) = alone("mistakes");
        node.write("/etc/a.conf", "vrrp_instance VI_1 {\n  interfase eth0\n  virtual_router_id 900\n  priority many\n  virtual_ipaddress {\n    192.0.2.900\n  }\n}\n");
        let check = node.command(bin("ipvsctl")).args(["check", "/etc/a.conf"]).output();
        assert_eq!(check.status.code(), Some(1), "{check:?}");
        let said = format!("{}{}", check.stdout, check.stderr);
        for word in ["interfase", "interface", "900", "many", "192.0.2.900", "a.conf:2", "a.conf:3"] {
            assert!(said.contains(word), "no {word} in\n{said}");
        }
    }

    /// An interface that the host does not have: a warning where the file is checked there, and what will wait for it; those that
    /// the file makes itself are not asked for. The daemon waits, as it was said.
    fn interfaces_that_are_not_there_are_warned_of() {
        let (_lab, node) = alone("interfaces");
        let own = ROUTER.replace("51\n", "51\n  use_vmac own51\n").replace("192.0.2.100", "192.0.2.100 dev own51");
        let other = ROUTER.replace("VI_1", "VI_2").replace("51", "52").replace("eth0", "eht0").replace(".100", ".101");
        let text = format!("{own}{other}");
        node.write("/etc/a.conf", &*text);
        let check = |words: &[&str]| node.command(bin("ipvsctl")).args(["check", "/etc/a.conf"]).args(words).output();
        let said = check(&[]);
        assert!(said.success(), "{said:?}");
        let warnings: Vec<_> = said.stderr.lines().filter(|line| line.starts_with("warning[C520]")).collect();
        assert_eq!(warnings, ["warning[C520]: this host has no interface `eht0`"], "{}", said.stderr);
        for words in ["a.conf:10:13", "did you mean `eth0`?", "router `VI_2` waits for it in FAULT"] {
            assert!(said.stderr.contains(words), "{words}: {}", said.stderr);
        }
        assert_eq!(check(&["--strict"]).status.code(), Some(1));
        assert!(check(&["--strict", "--other-host"]).success());

        let ipvsd = Ipvsd::start(&node, &text);
        ipvsd.wait_state("VI_2", "FAULT");
        ipvsd.wait_state("VI_1", "MASTER");
        node.sh("ip link add eht0 type veth peer name other");
        assert!(check(&["--strict"]).success());
        node.sh("ip address add 198.51.100.9/24 dev eht0; ip link set other up; ip link set eht0 up");
        ipvsd.wait_state("VI_2", "MASTER");
    }

    /// A second daemon, by state directory and by socket.
    fn a_second_daemon_is_told_of_the_first() {
        let (_lab, node) = alone("second-daemon");
        let first = Ipvsd::start(&node, ROUTER);
        first.wait_state("VI_1", "MASTER");
        let said = refused(&node, "/etc/keepalived/keepalived.conf", 4);
        assert!(said.contains("another ipvsd"), "{said}");
        let output = node
            .command(bin("ipvsd"))
            .args(["--config", "/etc/keepalived/keepalived.conf", "--state-dir", "/run/other"])
            .output();
        assert_eq!(output.status.code(), Some(4), "{output:?}");
        assert!(output.stderr.contains("/run/ipvsd/ipvsd.sock"), "{output:?}");
        assert_eq!(first.show()["instances"][0]["state"], "MASTER");
        // Killed, it leaves its socket's file behind; the next one takes it over.
        let mut first = first;
        first.kill();
        first.daemon().wait(PATIENCE);
        first.spawn_again();
        first.wait_answering();
    }

    /// Something else lies where the socket should be: it is not deleted.
    fn a_file_in_the_sockets_place_is_left_alone() {
        let (_lab, node) = alone("socket-file");
        node.write("/run/ipvsd/ipvsd.sock", "precious");
        node.write("/etc/a.conf", ROUTER);
        let said = refused(&node, "/etc/a.conf", 1);
        assert!(said.contains("/run/ipvsd/ipvsd.sock"), "{said}");
        assert_eq!(node.read("/run/ipvsd/ipvsd.sock").unwrap(), "precious");
    }

    /// Without CAP_NET_ADMIN nothing can be done, and it says what would help.
    fn without_privileges_it_says_what_is_missing() {
        let (_lab, node) = alone("privileges");
        node.write("/etc/a.conf", ROUTER);
        let output = node
            .command("setpriv")
            .args(["--bounding-set", "-net_admin", "--inh-caps", "-net_admin"])
            .arg(bin("ipvsd"))
            .args(["--config", "/etc/a.conf"])
            .output();
        assert_eq!(output.status.code(), Some(5), "{output:?}");
        assert!(output.stderr.contains("CAP_NET_ADMIN"), "{output:?}");
    }

    /// A kernel without IPVS: virtual routers run, `show` says what is wrong; with `ipvs-missing = "fail"` it refuses.
    fn without_ipvs_routers_run_on() {
        if std::path::Path::new("/proc/net/ip_vs").exists() || std::process::Command::new("modprobe").args(["-n", "ip_vs"]).status().is_ok_and(|status| status.success()) {
            // This is what the other machines are for: the kernel must lack it.
            println!("SKIP: this machine's kernel has IPVS: the lack of it cannot be shown here");
            return;
        }
        let (_lab, node) = alone("no-ipvs");
        let service = "virtual_server 192.0.2.100 80 {\n  lb_kind NAT\n  protocol TCP\n  real_server 192.0.2.1 80 {\n    weight 1\n  }\n}\n";
        let ipvsd = Ipvsd::spawn(&node, "/etc/keepalived/keepalived.conf", &format!("{ROUTER}{service}"));
        ipvsd.wait_state("VI_1", "MASTER");
        ipvsd.wait_show("the problem", |snapshot| {
            let kernel = &snapshot["balancer"]["kernel"];
            kernel["available"] == false && kernel["problem"].as_str().is_some_and(|problem| problem.contains("modprobe ip_vs"))
        });
        let table = ipvsd.ctl(&["show"]).ok();
        let reload = ipvsd.ctl(&["reload"]);
        assert!(!reload.success() && reload.stderr.contains("services wait"), "{reload:?}");
        assert!(table.contains("MASTER") && table.contains("IPVS"), "{table}");
        let log = ipvsd.daemon().log();
        assert_eq!(log.matches("ERROR IPVS is not available, and services wait for it").count(), 1, "{log}");
        assert_eq!(log.lines().filter(|line| line.contains("ERROR") && line.contains("has no IPVS")).count(), 1, "{log}");
        ipvsd.stop();
        let fail = "[global]\nipvs-missing = \"fail\"\n\n[[service]]\naddress = \"192.0.2.100:80\"\nserver = [{ address = \"192.0.2.1:80\" }]\n";
        node.write("/etc/fail.toml", fail);
        let said = refused(&node, "/etc/fail.toml", 6);
        assert!(said.contains("IPVS"), "{said}");
        // The same when a reload brings the word, or the first service.
        for calm in [fail.replace("fail", "keep-routing"), "[global]\nipvs-missing = \"fail\"\n\n[[instance]]\nname = \"VI_1\"\ninterface = \"eth0\"\nvrid = 51\naddresses = [\"192.0.2.100\"]\n".to_owned()] {
            let ipvsd = Ipvsd::spawn(&node, "/etc/a.toml", &calm);
            ipvsd.wait_show("what it needs of the kernel", |snapshot| {
                calm.contains("vrid") || snapshot["balancer"]["kernel"]["problem"].is_string()
            });
            let reload = ipvsd.reload(fail);
            assert_eq!(ipvsd.daemon().wait(PATIENCE).code(), Some(6), "{reload:?}");
            ipvsd.daemon().wait_log(PATIENCE, "the configuration says to stop where the kernel has no IPVS");
        }
    }

    /// `ipvsctl` without a daemon.
    fn ipvsctl_without_a_daemon_says_so() {
        let (_lab, node) = alone("no-daemon");
        for verb in ["show", "reload"] {
            let output = node.command(bin("ipvsctl")).arg(verb).output();
            assert!(!output.success() && output.stdout.is_empty(), "{output:?}");
            assert!(output.stderr.contains("/run/ipvsd/ipvsd.sock"), "{output:?}");
        }
    }
}

lab_test! {
    /// The table is edited without pause while the daemon reads it: it never acts on a torn reading, and ends in the right state.
    fn a_table_edited_while_it_is_read() {
        let (_lab, node) = alone("torn");
        let servers: String = (1..=200).map(|n| format!("  real_server 10.0.0.{n} 80 {{\n    weight 1\n  }}\n")).collect();
        let ipvsd = Ipvsd::start(&node, &format!("virtual_server 192.0.2.1 80 {{\n  lb_algo rr\n  lb_kind NAT\n  protocol TCP\n{servers}}}\n"));
        // Somebody else's service comes and goes in the same table, between and during our dumps.
        let others: String = (1..=250).map(|n| format!("-A -t 203.0.113.{n}:80 -s rr\n")).collect();
        let away: String = (1..=250).map(|n| format!("-D -t 203.0.113.{n}:80\n")).collect();
        for _ in 0..20 {
            node.restore_ipvs_table(&others);
            node.restore_ipvs_table(&away);
        }
        let ours = |table: &str| table.lines().filter(|line| line.contains("-> 10.0.0.")).count();
        assert_eq!(ours(&node.ipvs_table()), 200);
        node.command("ipvsadm").args(["-d", "-t", "192.0.2.1:80", "-r", "10.0.0.77:80"]).ok();
        wait_until(PATIENCE, "the repair", || ours(&node.ipvs_table()) == 200);
        let repairs = ipvsd.show()["balancer"]["drift_repairs"].as_u64();
        assert_eq!(repairs, Some(1), "it acted on something that was not there");
        assert!(ipvsd.daemon().is_running());
    }

    /// What the kernel refuses at a reload is said by the reload.
    fn a_reload_says_what_the_kernel_refused() {
        let (_lab, node) = alone("reload-refused");
        let service = |engine: &str| format!("virtual_server 192.0.2.1 80 {{\n  lb_algo rr\n  lb_kind NAT\n  protocol UDP\n  persistence_timeout 60\n{engine}  real_server 10.0.0.1 80 {{\n    weight 1\n  }}\n}}\n");
        let ipvsd = Ipvsd::start(&node, &service(""));
        wait_until(PATIENCE, "the service", || node.ipvs_table().contains("10.0.0.1:80"));
        let reload = ipvsd.reload(&service("  persistence_engine nonesuch\n"));
        assert_eq!(reload.status.code(), Some(1), "{reload:?}");
        assert!(reload.stderr.contains("refused") && reload.stderr.contains("nonesuch"), "{reload:?}");
        assert!(node.ipvs_table().contains("10.0.0.1:80"), "what was there stays");
        assert!(ipvsd.reload(&service("")).success());
    }

    /// A scheduler that the kernel has not: that service waits and says why; the others work.
    fn one_service_in_trouble_does_not_stop_the_others() {
        let (_lab, node) = alone("one-in-trouble");
        let service = |port: u16, scheduler: &str| format!("virtual_server 192.0.2.1 {port} {{\n  lb_algo {scheduler}\n  lb_kind NAT\n  protocol TCP\n  real_server 10.0.0.1 80 {{\n    weight 1\n  }}\n}}\n");
        if node.command("modprobe").arg("ip_vs_twos").output().success() {
            println!("SKIP: this kernel has every scheduler: the lack of one cannot be shown here");
            return;
        }
        let ipvsd = Ipvsd::spawn(&node, "/etc/keepalived/keepalived.conf", &format!("{}{}", service(80, "twos"), service(81, "rr")));
        ipvsd.wait_show("a problem that names the scheduler", |snapshot| {
            snapshot["balancer"]["services"].as_array().is_some_and(|services| services.iter().any(|service| service["problem"].as_str().is_some_and(|problem| problem.contains("twos"))))
        });
        wait_until(PATIENCE, "the other service", || node.ipvs_table().contains("192.0.2.1:81 rr"));
        assert!(ipvsd.reload(&format!("{}{}", service(80, "wrr"), service(81, "rr"))).success());
        wait_until(PATIENCE, "both", || node.ipvs_table().contains("192.0.2.1:80 wrr"));
    }
}

/// Signals and the service manager's protocol.
mod signals {
    use integration::subject::instances;
    use integration::waiting::wait_for;
    use nix::sys::signal::Signal;

    use super::*;

    /// What the service manager was told so far, by a program that stands in for it.
    const MANAGER: &str = "import socket,sys\ns=socket.socket(socket.AF_UNIX,socket.SOCK_DGRAM)\ns.bind('/run/notify')\nprint('bound',flush=True)\nwhile True: print(s.recv(65536).decode().replace('\\n',' '),flush=True)\n";

    native_test! {
        /// SIGHUP takes a new file, and refuses a broken one without losing anything; any number of them is harmless.
        fn hangup_reloads() {
            let (_lab, node) = alone("hangup");
            let ipvsd = Ipvsd::start(&node, ROUTER);
            ipvsd.wait_state("VI_1", "MASTER");
            node.write("/etc/keepalived/keepalived.conf", ROUTER.replace("192.0.2.100", "192.0.2.101"));
            ipvsd.daemon().signal(Signal::SIGHUP);
            wait_until(PATIENCE, "the other address", || {
                node.has_address("eth0", "192.0.2.101".parse().unwrap()) && !node.has_address("eth0", "192.0.2.100".parse().unwrap())
            });
            node.write("/etc/keepalived/keepalived.conf", "vrrp_instance VI_1 {\n  virtual_router_id 900\n");
            ipvsd.daemon().signal(Signal::SIGHUP);
            ipvsd.daemon().wait_log(PATIENCE, "reload refused, and nothing was changed");
            ipvsd.wait_show("the refusal", |snapshot| snapshot["config"]["refused"].is_string());
            assert!(node.has_address("eth0", "192.0.2.101".parse().unwrap()));
            node.write("/etc/keepalived/keepalived.conf", ROUTER);
            for _ in 0..2000 {
                ipvsd.daemon().signal(Signal::SIGHUP);
            }
            ipvsd.wait_show("the last file", |snapshot| snapshot["config"]["refused"].is_null());
            let snapshot = ipvsd.show();
            assert_eq!(instances(&snapshot)[0]["state"], "MASTER", "{snapshot}");
            assert_eq!(instances(&snapshot)[0]["became_master"], 1, "{snapshot}");
            ipvsd.stop();
            assert!(!node.has_address("eth0", "192.0.2.100".parse().unwrap()));
        }

        /// SIGUSR1 logs the snapshot, the same as `show -o json` gives; SIGINT is a clean stop as SIGTERM is.
        fn usr1_logs_the_snapshot_and_int_stops() {
            let (_lab, node) = alone("usr1");
            let ipvsd = Ipvsd::start(&node, ROUTER);
            ipvsd.wait_state("VI_1", "MASTER");
            ipvsd.daemon().signal(Signal::SIGUSR1);
            let line = wait_for(PATIENCE, "the snapshot", || {
                let log = ipvsd.daemon().log();
                log.lines().find_map(|line| line.split_once("snapshot {").map(|(_, rest)| format!("{{{rest}"))).ok_or(log)
            });
            let snapshot: serde_json::Value = serde_json::from_str(&line).unwrap();
            assert_eq!(instances(&snapshot)[0]["state"], "MASTER", "{snapshot}");
            ipvsd.daemon().signal(Signal::SIGINT);
            assert!(ipvsd.daemon().wait(PATIENCE).success());
            assert!(!node.has_address("eth0", "192.0.2.100".parse().unwrap()));
        }

        /// Asked to stop while a tracked script hangs that ignores SIGTERM, and again while it stops: it ends in a few seconds, with
        /// its addresses taken off and no script left.
        fn a_stop_does_not_wait_for_a_script_that_hangs() {
            let (_lab, node) = alone("stop-hanging");
            node.write("/etc/stubborn", "#!/bin/sh\ntrap '' TERM\ntouch /run/runs\nwhile :; do sleep 1000; done\n");
            node.sh("chmod 755 /etc/stubborn");
            let script = "vrrp_script stubborn {\n  script /etc/stubborn\n  interval 100\n  timeout 90\n  weight -10\n}\n";
            let conf = format!("{script}{}", ROUTER.replace("  interface eth0\n", "  interface eth0\n  track_script {\n    stubborn\n  }\n"));
            let ipvsd = Ipvsd::start(&node, &conf);
            ipvsd.wait_state("VI_1", "MASTER");
            wait_until(PATIENCE, "the script", || node.read("/run/runs").is_ok());
            let started = std::time::Instant::now();
            ipvsd.daemon().signal(Signal::SIGTERM);
            ipvsd.daemon().signal(Signal::SIGTERM);
            ipvsd.daemon().signal(Signal::SIGINT);
            assert!(ipvsd.daemon().wait(PATIENCE).success(), "{}", ipvsd.daemon().log());
            assert!(started.elapsed() < Duration::from_secs(15), "{:?}", started.elapsed());
            assert!(!node.has_address("eth0", "192.0.2.100".parse().unwrap()));
            wait_until(PATIENCE, "no script left", || !node.command("pgrep").args(["-f", "^/bin/sh /etc/stubborn|^sleep 1000"]).output().success());
        }

        /// The socket is for root and a group that is named, and for nobody else.
        fn the_control_socket_has_the_mode_and_group_that_were_asked_for() {
            let (_lab, node) = alone("socket-mode");
            node.write("/etc/a.conf", ROUTER);
            let daemon = node.command(bin("ipvsd")).args(["--config", "/etc/a.conf", "--socket", "/run/own/a.sock", "--socket-group", "daemon"]).spawn("ipvsd");
            let ctl = |user: &[&str]| {
                let mut words = vec!["--clear-groups"];
                words.extend(user);
                node.command("setpriv").args(words).arg(bin("ipvsctl")).args(["--socket", "/run/own/a.sock", "show"]).output()
            };
            wait_until(PATIENCE, "an answer", || ctl(&[]).success());
            assert_eq!(node.sh("stat -c '%a %g' /run/own/a.sock").trim(), "660 1", "daemon is group 1");
            let refused = ctl(&["--reuid", "65534", "--regid", "65534"]);
            assert!(!refused.success() && refused.stderr.contains("/run/own/a.sock"), "{refused:?}");
            assert!(ctl(&["--reuid", "65534", "--regid", "1"]).success());
            assert!(daemon.stop(PATIENCE).success());
            let unknown = node.command(bin("ipvsd")).args(["--config", "/etc/a.conf", "--socket-group", "no-such-group"]).output();
            assert_eq!(unknown.status.code(), Some(1), "{unknown:?}");
            assert!(unknown.stderr.contains("no-such-group"), "{unknown:?}");
        }

        /// The service manager hears READY once all is programmed, RELOADING and READY around a reload, signs of life, and STOPPING.
        fn the_service_manager_is_told() {
            let (_lab, node) = alone("notify");
            node.write("/etc/a.conf", ROUTER);
            let manager = node.command("python3").args(["-c", MANAGER]).spawn("manager");
            manager.wait_log(PATIENCE, "bound");
            let daemon = node.command(bin("ipvsd")).args(["--config", "/etc/a.conf"]).env("NOTIFY_SOCKET", "/run/notify").env("WATCHDOG_USEC", "1500000").spawn("ipvsd");
            manager.wait_log(PATIENCE, "READY=1");
            manager.wait_log(PATIENCE, "WATCHDOG=1");
            assert!(!manager.log().contains("RELOADING=1"));
            daemon.signal(Signal::SIGHUP);
            wait_until(PATIENCE, "the reload", || {
                let log = manager.log();
                log.split_once("RELOADING=1").is_some_and(|(_, rest)| rest.contains("READY=1"))
            });
            assert!(daemon.stop(PATIENCE).success());
            manager.wait_log(PATIENCE, "STOPPING=1");
        }

        /// Settings that cannot be written: right already, a warning and all goes on; wrong, an error, and all goes on.
        fn read_only_settings() {
            let (_lab, node) = alone("read-only");
            let conf = "[sysctl]\n\"net.ipv4.ip_forward\" = \"1\"\n\n[[instance]]\nname = \"VI_1\"\ninterface = \"eth0\"\nvrid = 51\naddresses = [\"192.0.2.100/32\"]\n";
            node.set_sysctl("net.ipv4.ip_forward", "1");
            node.sh("mount -o bind /proc/sys /proc/sys && mount -o remount,ro,bind /proc/sys");
            let ipvsd = Ipvsd::start_file(&node, "/etc/a.toml", conf);
            ipvsd.wait_state("VI_1", "MASTER");
            let line = |log: String| log.lines().find(|line| line.contains("net.ipv4.ip_forward")).unwrap_or_default().to_owned();
            let said = line(ipvsd.daemon().log());
            assert!(said.contains("WARN") && said.contains("read-only"), "{said}");
            ipvsd.stop();
            node.sh("umount /proc/sys");
            node.set_sysctl("net.ipv4.ip_forward", "0");
            node.sh("mount -o bind /proc/sys /proc/sys && mount -o remount,ro,bind /proc/sys");
            let ipvsd = Ipvsd::start_file(&node, "/etc/a.toml", conf);
            ipvsd.wait_state("VI_1", "MASTER");
            let said = line(ipvsd.daemon().log());
            let times = ipvsd.daemon().log().matches("cannot set net.ipv4.ip_forward").count();
            assert_eq!(times, 1, "said once is enough");
            assert!(said.contains("ERROR") && said.contains("must be 1, and cannot be written"), "{said}");
            ipvsd.stop();
        }
    }
}
