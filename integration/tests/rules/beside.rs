//! The same file, the same servers that die and come back: keepalived and ipvsd side by side, each with a network of its own.
//! After each step both have the same servers that take connections, have called the same scripts with the same arguments, and
//! have written the same lines into the pipe, in the same order for each service.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Read};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::time::Duration;

use integration::contender::Program;
use integration::daemon::Daemon;
use integration::nat::NatLab;
use integration::{Ipvsd, peers, wait_for};
use nix::sys::signal::Signal;

const PATIENCE: Duration = Duration::from_secs(60);
/// The services by their names in the scripts, what stands before their servers, and what stands in each server.
const SERVICES: &[(&str, &str, &str, &str)] = &[
    ("plain", "virtual_server 198.51.100.1 81", "protocol TCP", ""),
    ("sorry", "virtual_server 198.51.100.1 82", "protocol TCP\n quorum 2\n sorry_server 10.0.0.99 7", ""),
    (
        "margin",
        "virtual_server 198.51.100.1 83",
        "protocol TCP\n omega\n quorum 2\n hysteresis 1\n sorry_server 10.0.0.99 7\n sorry_server_inhibit",
        "",
    ),
    ("inhibit", "virtual_server 198.51.100.1 84", "protocol TCP\n omega\n quorum 2", "inhibit_on_failure"),
    (
        "both",
        "virtual_server 198.51.100.1 85",
        "protocol TCP\n quorum 3\n sorry_server 10.0.0.99 7",
        "inhibit_on_failure",
    ),
    ("alpha", "virtual_server 198.51.100.1 86", "protocol TCP\n alpha\n quorum 3\n sorry_server 10.0.0.99 7", ""),
    ("heavy", "virtual_server 198.51.100.1 87", "protocol UDP\n quorum 5", "weight 3"),
    ("mark", "virtual_server fwmark 7", "protocol TCP\n omega\n quorum 2", ""),
    ("group", "virtual_server group g", "protocol TCP\n omega\n quorum 2", ""),
    ("marks", "virtual_server group m", "protocol UDP\n omega\n quorum 2", ""),
];

const ALL: [u8; 3] = [11, 12, 13];

fn conf(global: &str, script: &str, pipe: &str, servers: &[u8]) -> String {
    let mut text = format!(
        "global_defs {{\n script_user root\n lvs_notify_fifo {pipe}\n {global}\n}}\nvirtual_server_group g {{\n 198.51.100.1 91\n \
         198.51.100.1 92\n fwmark 9\n}}\nvirtual_server_group m {{\n fwmark 10\n}}\n"
    );
    for (name, header, service, server) in SERVICES {
        // keepalived weighs what is left by the quorum that was: it tells that a quorum of three is lost, and never that the
        // new one is won.
        let servers = if service.contains("quorum 3") { &ALL } else { servers };
        let call = |what: &str| format!("\"{script} {name} {what}\"");
        let _ = write!(
            text,
            "{header} {{\n lb_algo rr\n lb_kind NAT\n delay_loop 1\n {service}\n quorum_up {}\n quorum_down {}\n",
            call("quorum up"),
            call("quorum down"),
        );
        for n in servers {
            let _ = write!(
                text,
                " real_server 10.0.0.{n} 7 {{\n {server}\n notify_up {}\n notify_down {}\n TCP_CHECK {{ connect_port 80\n \
                 connect_timeout 1\n retry 0\n delay_loop 0.5\n warmup 0 }}\n }}\n",
                call(&format!("{n} up")),
                call(&format!("{n} down")),
            );
        }
        text.push_str("}\n");
    }
    text
}

/// One program with its network, and what it has told.
struct Side {
    program: Program,
    net: NatLab,
    folder: tempfile::TempDir,
    pipe: RefCell<(fs::File, Vec<u8>)>,
    daemon: Option<Daemon>,
    /// Words of its own for `global_defs`.
    global: &'static str,
}

/// What is compared. Lines by the service that they end with; the order of scripts is not keepalived's to say, which starts
/// one beside the other.
#[derive(Debug, Default, PartialEq, Eq)]
struct Sight {
    table: Vec<String>,
    lines: BTreeMap<String, Vec<String>>,
    calls: Vec<String>,
}

impl Side {
    fn new(program: Program, name: &str, global: &'static str) -> Self {
        let side = if program == Program::Keepalived { 'k' } else { 'i' };
        let net = NatLab::new(&format!("{name}{side}"), 3);
        let folder = tempfile::tempdir().unwrap();
        let script = folder.path().join("note.sh");
        fs::write(&script, format!("#!/bin/sh\necho \"$*\" >> {}\n", folder.path().join("calls").display())).unwrap();
        fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
        let pipe = folder.path().join("pipe");
        nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::S_IRWXU).unwrap();
        // Open for both, so that nothing is lost and nobody waits.
        let pipe = OpenOptions::new().read(true).write(true).custom_flags(nix::libc::O_NONBLOCK).open(pipe).unwrap();
        Self { program, net, folder, pipe: RefCell::new((pipe, Vec::new())), daemon: None, global }
    }

    fn conf(&self, servers: &[u8]) -> String {
        let path = |name| self.folder.path().join(name).display().to_string();
        conf(self.global, &path("note.sh"), &path("pipe"), servers)
    }

    fn start(&mut self, servers: &[u8]) {
        let conf = self.conf(servers);
        self.daemon = Some(match self.program {
            Program::Keepalived => peers::keepalived(&self.net.director, &conf),
            Program::Ipvsd => Ipvsd::spawn(&self.net.director, peers::KEEPALIVED_CONF, &conf).daemon().clone(),
        });
    }

    fn reload(&self, servers: &[u8]) {
        self.net.director.write(peers::KEEPALIVED_CONF, self.conf(servers));
        self.daemon().signal(Signal::SIGHUP);
    }

    fn daemon(&self) -> &Daemon {
        self.daemon.as_ref().unwrap()
    }

    fn sight(&self) -> Sight {
        let mut pipe = self.pipe.borrow_mut();
        let (file, read) = &mut *pipe;
        let mut buffer = [0; 4096];
        loop {
            match file.read(&mut buffer) {
                Ok(count) => read.extend_from_slice(&buffer[..count]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => panic!("{error}"),
            }
        }
        let mut lines: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for line in String::from_utf8(read.clone()).unwrap().lines() {
            let service = line.trim_end_matches(" UP").trim_end_matches(" DOWN").trim_start_matches("VS ");
            let service = if service.starts_with("RS ") { service.splitn(3, ' ').last().unwrap() } else { service };
            lines.entry(service.to_owned()).or_default().push(line.to_owned());
        }
        // Which of several servers is asked first nobody has promised.
        for lines in lines.values_mut() {
            for alike in lines.chunk_by_mut(|one, other| one.starts_with("RS ") && other.starts_with("RS ")) {
                alike.sort();
            }
            // keepalived tells of a start before it has asked anybody, servers first. We tell of a server when it has answered, and
            // by then the service has taken its quorum for granted.
            if !self.global.is_empty() {
                lines.sort();
            }
        }
        let mut calls: Vec<_> = fs::read_to_string(self.folder.path().join("calls"))
            .unwrap_or_default()
            .lines()
            .map(str::to_owned)
            .collect();
        calls.sort();
        Sight { table: takers(&self.net.director.ipvs_table()), lines, calls }
    }
}

/// Who takes connections, and who is kept though he does not where the file asks for that. Of what the file does not ask for
/// nothing is said: where keepalived deletes a server that works, we leave it its connections.
fn takers(table: &str) -> Vec<String> {
    let mut service = String::new();
    let mut rows = Vec::new();
    for line in table.lines() {
        let words: Vec<_> = line.split_whitespace().collect();
        match words.as_slice() {
            ["TCP" | "UDP" | "FWM", ..] => {
                service = words[..2].join(" ");
                rows.push(service.clone());
            }
            ["->", server, _, weight, ..] if server.starts_with("10.0.0.") => {
                let asked = service.ends_with(":84") || service.ends_with(":85") || server.starts_with("10.0.0.99");
                if *weight != "0" || asked {
                    rows.push(format!("{service} -> {server} {weight}"));
                }
            }
            _ => {}
        }
    }
    // Two kernels list the services in two orders.
    rows.sort();
    rows
}

/// What one has and the other has not, and all lines of the services about which they differ.
fn difference(theirs: &Sight, ours: &Sight) -> String {
    let mut text = String::new();
    let mut only = |who: &str, these: &[String], those: &[String]| {
        for row in these.iter().filter(|row| !those.contains(row)) {
            let _ = writeln!(text, "only {who}: {row}");
        }
    };
    only("keepalived", &theirs.table, &ours.table);
    only("ipvsd", &ours.table, &theirs.table);
    for service in theirs.lines.keys().chain(ours.lines.keys()) {
        let (theirs, ours) = (theirs.lines.get(service), ours.lines.get(service));
        if theirs != ours {
            let _ = writeln!(text, "{service}: keepalived {theirs:#?}, ipvsd {ours:#?}");
        }
    }
    let _ = write!(text, "keepalived has called {:?}\nipvsd has called {:?}", theirs.calls, ours.calls);
    text
}

fn of_servers(sight: &Sight) -> usize {
    sight.lines.values().flatten().filter(|line| line.starts_with("RS ")).count()
}

/// Waits until both have told so many lines about servers, and the same of everything.
#[track_caller]
fn wait_same(sides: &[Side; 2], what: &str, told: usize) {
    wait_for(PATIENCE, what, || {
        let [theirs, ours] = [sides[0].sight(), sides[1].sight()];
        if of_servers(&theirs) == told
            && theirs == ours
            && theirs.calls.len() == theirs.lines.values().flatten().count()
        {
            return Ok(());
        }
        Err(format!("{told} lines of servers are wished\n{}", difference(&theirs, &ours)))
    });
}

/// Services whose servers may leave the file.
fn shrinking() -> usize {
    SERVICES.iter().filter(|(_, _, service, _)| !service.contains("quorum 3")).count()
}

/// With `rs_init_notifies` servers that are up at the start are told of, and those that come with a reload; once each, and nobody
/// whom a reload leaves as he is.
pub(crate) fn start_is_told() {
    let mut sides = [Program::Keepalived, Program::Ipvsd].map(|program| Side::new(program, "init", "rs_init_notifies"));
    for side in &mut sides {
        side.start(&ALL);
    }
    let mut told = 3 * SERVICES.len();
    wait_same(&sides, "the start", told);
    for (servers, what) in [(&ALL[..2], "server 13 has left"), (&ALL[..], "server 13 has come")] {
        for side in &sides {
            side.reload(servers);
        }
        told += shrinking();
        wait_same(&sides, what, told);
    }
    for up in [false, true] {
        for side in &mut sides {
            let server = &mut side.net.servers[0];
            if up { server.open() } else { server.close() }
        }
        told += SERVICES.len();
        wait_same(&sides, if up { "server 11 is up" } else { "server 11 is down" }, told);
    }
    let ours = sides[1].sight();
    let ups = |n: u8| ours.calls.iter().filter(|call| call.contains(&format!(" {n} up"))).count();
    let all = SERVICES.len();
    assert_eq!([11, 12, 13].map(ups), [2 * all, all, all + shrinking()], "{:#?}", ours.calls);
}

pub(crate) fn scene() {
    let mut sides = [Program::Keepalived, Program::Ipvsd].map(|program| Side::new(program, "rules", ""));
    for side in &mut sides {
        side.start(&ALL);
    }
    let mut told = 0;
    // So many lines about servers are new with each service that has so many; the rest is up to the programs.
    let mut same = |sides: &[Side; 2], what: &str, new: usize| {
        told += new;
        wait_same(sides, what, told);
    };
    let services = SERVICES.len();
    // Those of `alpha` have to prove themselves, and are told of.
    same(&sides, "the start", 3);
    assert!(sides[1].sight().table.contains(&"TCP 198.51.100.1:82 -> 10.0.0.13:7 1".to_owned()));
    for (number, up) in [(0, false), (1, false), (2, false), (2, true), (1, true), (0, true)] {
        for side in &mut sides {
            let server = &mut side.net.servers[number];
            if up { server.open() } else { server.close() }
        }
        let what = format!("server {} is {}", 11 + number, if up { "up" } else { "down" });
        same(&sides, &what, services);
    }
    let sight = sides[1].sight();
    assert!(sight.lines["[198.51.100.1]:tcp:82"].contains(&"VS [198.51.100.1]:tcp:82 DOWN".to_owned()), "{sight:#?}");
    // One that works leaves the file, and nobody's quorum but that of three.
    for side in &sides {
        side.reload(&[11, 12]);
    }
    let without = shrinking();
    same(&sides, "server 13 has left", without);
    for side in &sides {
        side.daemon().signal(Signal::SIGTERM);
    }
    for side in &sides {
        let _ = side.daemon().wait(PATIENCE);
    }
    let omegas = SERVICES.iter().filter(|(_, _, service, _)| service.contains("omega")).count();
    let [theirs, ours] = [sides[0].sight(), sides[1].sight()];
    assert_eq!((&theirs.table, &theirs.lines), (&ours.table, &ours.lines), "{}", difference(&theirs, &ours));
    assert_eq!(ours.table, [""; 0]);
    assert_eq!(of_servers(&ours), without + 3 + 6 * services + 2 * omegas);
    // keepalived takes scripts that still run along when it ends, so on a busy machine some of its calls get lost.
    assert_eq!(ours.calls.len(), ours.lines.values().flatten().count(), "{:?}", ours.calls);
    assert!(theirs.calls.iter().all(|call| ours.calls.contains(call)), "{}", difference(&theirs, &ours));
}
