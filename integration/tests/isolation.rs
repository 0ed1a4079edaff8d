//! What must not hold a router up: a log that nobody reads, clients that ask and do not listen, a disk that does not answer,
//! and those who are told of changes.
//!
//! Each of these would stop a loop that waits for it for as long as it lasts, which is many down intervals: the backup would
//! take over. So nothing here is timed. The trouble lasts until the master has sent its adverts, and the backup says that it
//! has never been more than that.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::fs;
use std::io::Write;
use std::os::unix::net::UnixStream;
use std::process::Command;
use std::time::Duration;

use integration::hanging::Hanging;
use integration::subject::instances;
use integration::{Ipvsd, Node, Tap, Topology, bin, native_test, wait_until};
use nix::sys::signal::Signal;

const PATIENCE: Duration = Duration::from_secs(60);
/// Adverts that the master sends in the midst of trouble: ten down intervals, nearly.
const ADVERTS: usize = 30;
const CONF: &str = "/etc/keepalived/keepalived.conf";

fn router(priority: u8, more: &str) -> String {
    format!(
        "vrrp_instance VI_1 {{\n  state BACKUP\n  interface eth0\n  virtual_router_id 51\n  priority {priority}\n  version 3\n  \
         advert_int 0.2\n  virtual_ipaddress {{\n    192.0.2.100/24\n  }}\n{more}}}\n"
    )
}

/// A setting that `disable_local_igmp` holds.
const REPORTS: &str = "net.ipv4.igmp_link_local_mcast_reports";

/// Stands in for the service manager: prints what it is told.
const MANAGER: &str = "import socket,sys\ns=socket.socket(socket.AF_UNIX,socket.SOCK_DGRAM)\ns.bind('/run/notify')\nprint('bound',flush=True)\nwhile True: print(s.recv(65536).decode().replace('\\n',' '),flush=True)\n";

/// A router that makes an interface, which takes settings of the kernel that are to be put back one day.
const WITH_LINK: &str = "vrrp_instance VI_2 {\n  state BACKUP\n  interface eth0\n  virtual_router_id 52\n  use_vmac\n  \
     virtual_ipaddress {\n    192.0.2.101/24\n  }\n}\n";

/// Two nodes on a segment, the second one with a backup.
struct Pair {
    _lab: Topology,
    master: Node,
    backup: Node,
    tap: Tap,
}

impl Pair {
    fn new(name: &str) -> Self {
        let mut lab = Topology::new(name);
        let lan = lab.segment("lan");
        let [master, backup] = [lab.node("master"), lab.node("backup")];
        lan.attach(&master, "eth0", &["192.0.2.1/24"]);
        lan.attach(&backup, "eth0", &["192.0.2.2/24"]);
        let tap = Tap::start(&backup, "eth0");
        Self { _lab: lab, master, backup, tap }
    }

    /// Starts the backup next to a master that is one already.
    fn watched_by_a_backup(&self, master: &Ipvsd) -> Ipvsd {
        master.wait_state("VI_1", "MASTER");
        let backup = Ipvsd::start(&self.backup, &router(100, ""));
        backup.wait_show("an advert heard", |snapshot| instances(snapshot)[0]["adverts_received"].as_u64() > Some(0));
        backup
    }

    /// Waits until the master has sent so many adverts from now on, and asserts that the backup has missed none of its own
    /// accord.
    fn goes_on(&self, backup: &Ipvsd) {
        let mark = self.tap.mark();
        let sent = || {
            let adverts = self.tap.adverts_from(mark);
            adverts.iter().filter(|(_, advert)| (advert.vrid, advert.priority) == (51, 150)).count()
        };
        wait_until(PATIENCE, "adverts of the master", || sent() >= ADVERTS);
        let snapshot = backup.show();
        let instance = &instances(&snapshot)[0];
        assert_eq!((&instance["state"], &instance["became_master"]), (&"BACKUP".into(), &0.into()), "{instance}");
    }
}

/// Threads of a process with this name, as the kernel tells their states.
fn states(of: &Ipvsd, thread: &str) -> Vec<char> {
    let tasks = fs::read_dir(format!("/proc/{}/task", of.daemon().pid())).unwrap();
    let stats = tasks.filter_map(|task| fs::read_to_string(task.ok()?.path().join("stat")).ok());
    let stats = stats.filter(|stat| stat.contains(&format!("({thread})")));
    stats.filter_map(|stat| stat.rsplit_once(") ")?.1.chars().next()).collect()
}

/// A file system that takes no writes until this is dropped.
struct Frozen<'a>(&'a Node, &'static str);

impl<'a> Frozen<'a> {
    fn new(node: &'a Node, path: &'static str) -> Self {
        node.sh(&format!("fsfreeze --freeze {path}"));
        Self(node, path)
    }
}

impl Drop for Frozen<'_> {
    fn drop(&mut self) {
        // Whoever waits for it cannot even be killed.
        let _ = self.0.command("fsfreeze").args(["--unfreeze", self.1]).output();
    }
}

native_test! {
    /// Standard error is a full pipe, from before the first line to after the last.
    fn a_log_that_nobody_reads() {
        let pair = Pair::new("full-log");
        pair.master.write(CONF, router(150, ""));
        // 64 KiB fill a pipe (pipe(7)). The daemon has both of its ends, so that nothing breaks either.
        let line = format!(
            "mkfifo /run/log; exec 3<>/run/log; head -c 65536 /dev/zero >&3; exec {} --config {CONF} 2>&3",
            bin("ipvsd").display()
        );
        let daemon = pair.master.command("/bin/sh").args(["-e", "-c", &line]).spawn("ipvsd");
        let master = Ipvsd::adopt(&pair.master, CONF, daemon);
        let backup = pair.watched_by_a_backup(&master);
        for _ in 0..20 {
            pair.master.write(CONF, router(150, "  garp_master_refresh 60\n"));
            master.daemon().signal(Signal::SIGHUP);
            pair.master.write(CONF, "nonsense {");
            assert!(!master.ctl(&["reload"]).success());
        }
        pair.goes_on(&backup);
        // Somebody reads, and finds it all.
        let reader = pair.master.command("cat").arg("/run/log").spawn("reader");
        reader.wait_log(PATIENCE, "VI_1: BACKUP -> MASTER");
        reader.wait_log(PATIENCE, "nothing was changed");
        // And stops reading: the end is a clean one all the same.
        reader.kill();
        let fill = pair.master.command("/bin/sh").args(["-c", "exec 3<>/run/log; timeout 1 head -c 65536 /dev/zero >&3"]);
        let _ = fill.output();
        master.daemon().signal(Signal::SIGTERM);
        assert!(master.daemon().wait(PATIENCE).success());
        assert!(!pair.master.has_address("eth0", "192.0.2.100".parse().unwrap()));
    }

    /// More clients than there are slots: they ask and never read, ask by halves, or say nothing.
    fn clients_that_do_not_listen() {
        let pair = Pair::new("deaf-clients");
        let master = Ipvsd::start(&pair.master, &router(150, ""));
        let backup = pair.watched_by_a_backup(&master);
        let clients: Vec<UnixStream> = (0..200)
            .filter_map(|number| {
                let mut client = pair.master.inside(|| UnixStream::connect("/run/ipvsd/ipvsd.sock")).ok()?;
                client.set_nonblocking(true).unwrap();
                let words: &[u8] = match number % 3 {
                    0 => b"GET /v1/snapshot HTTP/1.1\r\nHost: x\r\n\r\n",
                    1 => b"POST /v1/reload HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{",
                    _ => b"",
                };
                let _ = client.write(words);
                Some(client)
            })
            .collect();
        assert!(clients.len() > 100, "{} clients came in", clients.len());
        pair.goes_on(&backup);
        drop(clients);
        master.wait_state("VI_1", "MASTER");
    }

    /// The disk of the state directory takes no writes, while there is something to write. The router goes on; so do answers
    /// and the signs of life for the service manager, and what cannot be written down is not done before it can.
    fn a_disk_that_does_not_answer() {
        let pair = Pair::new("frozen-disk");
        let made = "truncate -s 16M /run/disk; mkfs.ext4 -q -F /run/disk; mkdir -p /run/state; mount -o loop /run/disk /run/state";
        let made = pair.master.command("/bin/sh").args(["-e", "-c", made]).output();
        if !made.success() {
            println!("SKIP: no file system of our own can be mounted here: {}", made.stderr);
            return;
        }
        pair.master.write(CONF, router(150, ""));
        let manager = pair.master.command("python3").args(["-c", MANAGER]).spawn("manager");
        manager.wait_log(PATIENCE, "bound");
        let daemon = pair.master.command(bin("ipvsd")).args(["--config", CONF, "--state-dir", "/run/state"]);
        let daemon = daemon.env("NOTIFY_SOCKET", "/run/notify").env("WATCHDOG_USEC", "1500000").spawn("ipvsd");
        let master = Ipvsd::adopt(&pair.master, CONF, daemon);
        let backup = pair.watched_by_a_backup(&master);
        let frozen = Frozen::new(&pair.master, "/run/state");
        pair.master.write(CONF, format!("global_defs {{\n  disable_local_igmp\n}}\n{}{WITH_LINK}", router(150, "")));
        let reply = master.ctl(&["reload"]);
        assert!(format!("{}{}", reply.stdout, reply.stderr).contains("does not answer"), "{reply:?}");
        for thread in ["originals", "settings"] {
            wait_until(PATIENCE, "the thread that writes to wait for the disk", || states(&master, thread) == ['D']);
        }
        let alive = || manager.log().matches("WATCHDOG=1").count();
        let before = alive();
        pair.goes_on(&backup);
        wait_until(PATIENCE, "signs of life", || alive() > before + 5);
        let snapshot = master.show();
        let setting = snapshot["sysctls"].as_array().unwrap().iter().find(|setting| setting["name"] == REPORTS).unwrap();
        assert!(setting["problem"].as_str().is_some_and(|problem| problem.contains("it waits")), "{setting}");
        // A signal is heard, too.
        master.daemon().signal(Signal::SIGUSR1);
        master.daemon().wait_log(PATIENCE, "snapshot {");
        assert_eq!(pair.master.sysctl(REPORTS), "1", "changed, and what it was is not written down");
        for thread in ["originals", "settings"] {
            assert_eq!(states(&master, thread), ['D'], "the disk answered");
        }
        drop(frozen);
        wait_until(PATIENCE, "the setting", || pair.master.sysctl(REPORTS) == "0");
        master.wait_state("VI_2", "MASTER");
        assert_eq!(pair.master.sysctl("net.ipv4.conf.eth0.arp_ignore"), "1");
        master.stop();
        assert_eq!(pair.master.sysctl("net.ipv4.conf.eth0.arp_ignore"), "0");
        assert_eq!(pair.master.sysctl(REPORTS), "1");
        pair.master.sh("umount /run/state");
    }

    /// The configuration lies where nothing answers, while it is to be read again, by a signal and by command. The router goes
    /// on; so do answers and the signs of life, and what was written meanwhile is taken once it can be read.
    fn a_configuration_that_cannot_be_read() {
        let pair = Pair::new("hanging-file");
        pair.master.write(CONF, router(150, ""));
        let manager = pair.master.command("python3").args(["-c", MANAGER]).spawn("manager");
        manager.wait_log(PATIENCE, "bound");
        let daemon = pair.master.command(bin("ipvsd")).args(["--config", CONF]);
        let daemon = daemon.env("NOTIFY_SOCKET", "/run/notify").env("WATCHDOG_USEC", "1500000").spawn("ipvsd");
        let master = Ipvsd::adopt(&pair.master, CONF, daemon);
        let backup = pair.watched_by_a_backup(&master);
        pair.master.write(CONF, router(150, "  garp_master_refresh 60\n"));
        let hanging = Hanging::new(&pair.master, CONF);
        master.daemon().signal(Signal::SIGHUP);
        wait_until(PATIENCE, "a thread that reads", || states(&master, "reading").len() == 1);
        let alive = || manager.log().matches("WATCHDOG=1").count();
        let before = alive();
        // A second wish is answered, and starts no second reading; so is a plan.
        for verb in ["reload", "plan"] {
            let output = master.ctl(&[verb]);
            assert_eq!(output.status.code(), Some(1), "{output:?}");
            assert!(output.stderr.contains("does not answer") && output.stderr.contains(CONF), "{output:?}");
        }
        assert_eq!(states(&master, "reading").len(), 2, "the one for the daemon, and the one for the plan");
        let late = "could not be read within 5 s";
        master.daemon().wait_log(PATIENCE, late);
        pair.goes_on(&backup);
        wait_until(PATIENCE, "signs of life", || alive() > before + 10);
        assert!(master.show()["config"]["refused"].as_str().is_some_and(|why| why.contains(late)));
        assert_eq!(master.daemon().log().matches(late).count(), 1, "{}", master.daemon().log());
        hanging.answers();
        master.daemon().wait_log(PATIENCE, "can be read again");
        // Twice: the second time for the one who came later.
        let reloaded = || master.daemon().log().matches("reloaded /etc").count();
        wait_until(PATIENCE, "both reloads", || reloaded() == 2);
        let snapshot = master.show();
        assert!(snapshot["config"]["refused"].is_null(), "{snapshot}");
        assert_eq!(snapshot["instances"][0]["state"], "MASTER");
        assert!(states(&master, "reading").is_empty());
        assert!(master.ctl(&["reload"]).success());
        // It can be stopped while it hangs.
        let hanging = Hanging::new(&pair.master, CONF);
        master.daemon().signal(Signal::SIGHUP);
        wait_until(PATIENCE, "a thread that reads", || states(&master, "reading").len() == 1);
        master.daemon().signal(Signal::SIGTERM);
        assert!(master.daemon().wait(PATIENCE).success());
        hanging.answers();
    }

    /// The processor of the master's threads goes to somebody else for longer than the backup waits. When the master is back,
    /// the adverts of the new one are there already; that it was late is measured and told all the same.
    fn a_processor_that_somebody_else_takes() {
        let pair = Pair::new("deaf-processor");
        let master = Ipvsd::start(&pair.master, &router(150, ""));
        let backup = pair.watched_by_a_backup(&master);
        let pid = master.daemon().pid().to_string();
        // Nodes have processes of their own; scheduling is everybody's.
        let host = |words: &[&str]| Command::new(words[0]).args(&words[1..]).output().unwrap();
        let allowed = String::from_utf8(host(&["taskset", "-cp", &pid]).stdout).unwrap();
        let processor = allowed.trim().rsplit([' ', ',', '-']).next().unwrap().to_owned();
        assert!(host(&["taskset", "-acp", &processor, &pid]).status.success(), "{allowed}");
        // Real time has 95 % of each second (sched(7)); whoever has it ends by itself.
        let spin = "end=$((${EPOCHREALTIME/./}+900000)); while ((${EPOCHREALTIME/./} < end)); do :; done";
        let became_master = || instances(&backup.show())[0]["became_master"].as_u64().unwrap();
        for _ in 0..20 {
            let taken = host(&["taskset", "-c", &processor, "chrt", "-f", "50", "bash", "-c", spin]);
            if !taken.status.success() {
                return integration::skip(&String::from_utf8_lossy(&taken.stderr));
            }
            if became_master() > 0 {
                break;
            }
        }
        assert!(became_master() > 0, "the master was never away for long enough");
        master.wait_state("VI_1", "MASTER");
        let lateness = master.show()["daemon"]["router"]["lateness"].clone();
        assert!(lateness["worst_secs"].as_f64().unwrap() > 0.4, "{lateness}");
        assert!(lateness["late"].as_u64().unwrap() > 0, "{lateness}");
        assert!(master.daemon().log().contains("the router loop was "), "{}", master.daemon().log());
        backup.stop();
        master.stop();
    }

    /// A script that is told of the change and never ends, and a named pipe that nobody reads.
    fn those_who_are_told_and_do_not_listen() {
        let pair = Pair::new("deaf-told");
        let told = format!(
            "global_defs {{\n  script_user root\n  vrrp_notify_fifo /run/fifo\n}}\n{}",
            router(150, "  notify_master \"/bin/sleep 1000\"\n  notify \"/bin/sleep 1000\"\n")
        );
        let master = Ipvsd::start(&pair.master, &told);
        let backup = pair.watched_by_a_backup(&master);
        pair.goes_on(&backup);
        master.stop();
    }
}
