//! From process start to the last entry of the table, and what it costs to have it there.
//!
//! Every contender gets a network namespace of its own, with an empty table, and the same table to make of it. "The last
//! entry" is seen from outside: the servers of the file's last service are looked at every few milliseconds, and once they
//! are all there the whole table is counted.

use std::fmt::Write as _;
use std::fs;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use ipvs_sys::{Ipvs, ServiceId};
use nix::sched::{CloneFlags, unshare};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::{Report, floor};

/// How long any contender may take for a table.
const PATIENCE: Duration = Duration::from_secs(240);

/// A table of so many services with so many servers each.
#[derive(Debug, Clone, Copy)]
pub struct Size {
    /// Services.
    pub services: usize,
    /// Servers of each.
    pub servers: usize,
    /// Rounds.
    pub rounds: usize,
}

type Table = Vec<floor::Service>;

/// Where the programs are and where files may be written.
#[derive(Debug, Clone)]
pub struct Places {
    /// The daemon.
    pub ipvsd: PathBuf,
    /// Its command line.
    pub ipvsctl: PathBuf,
    /// A folder for files of this run.
    pub folder: PathBuf,
}

/// Runs every contender, in turn, for every size.
#[must_use]
pub fn run(sizes: &[Size], places: &Places) -> Vec<Report> {
    sizes.iter().map(|size| run_size(*size, places)).collect()
}

fn run_size(size: Size, places: &Places) -> Report {
    let name = format!("program {} x {}", size.services, size.servers);
    let mut report = Report::new(&name);
    let table = table(size);
    let configuration = places.folder.join("bench.conf");
    fs::write(&configuration, keepalived_conf(&table)).unwrap();
    let rules = places.folder.join("bench.rules");
    fs::write(&rules, ipvsadm_rules(&table)).unwrap();

    let mut seconds: [Vec<f64>; 4] = Default::default();
    let mut apply = Vec::new();
    let mut memory: [Vec<f64>; 2] = Default::default();
    let mut second_start = Vec::new();
    let mut second_writes = Vec::new();
    for round in 1..=size.rounds {
        eprintln!("{name}: round {round} of {}", size.rounds);
        let ours = alone(|| ipvsd(places, &configuration, &table));
        seconds[0].push(ours.seconds);
        apply.push(ours.apply_seconds);
        memory[0].push(ours.megabytes);
        second_start.push(ours.second_start_seconds);
        second_writes.push(ours.second_start_writes);
        let (elapsed, megabytes) = alone(|| keepalived(&configuration, &table, &places.folder));
        seconds[1].push(elapsed);
        memory[1].push(megabytes);
        seconds[2].push(alone(|| ipvsadm(&rules, &table)));
        seconds[3].push(alone(|| floor::program(&table).unwrap().as_secs_f64()));
    }
    let [ours, theirs, adm, bare] = seconds;
    report.add("ipvsd", "start to last entry", "s", ours);
    report.add("keepalived", "start to last entry", "s", theirs);
    report.add("ipvsadm -R", "start to last entry", "s", adm);
    report.add("bare batches (floor)", "start to last entry", "s", bare.clone());
    report.add("ipvsd", "apply phase", "s", apply);
    report.add("bare batches (floor)", "apply phase", "s", bare);
    let [ours, theirs] = memory;
    report.add("ipvsd", "resident memory", "MB", ours);
    report.add("keepalived, its processes", "resident memory", "MB", theirs);
    report.add("ipvsd", "second start to ready", "s", second_start);
    report.add("ipvsd", "writes of a second start", "", second_writes);
    report
}

/// Runs a contender on a thread with a network namespace of its own.
pub(super) fn alone<T: Send>(contender: impl FnOnce() -> T + Send) -> T {
    thread::scope(|scope| {
        scope
            .spawn(|| {
                unshare(CloneFlags::CLONE_NEWNET).expect("a network namespace");
                let up = Command::new("ip").args(["link", "set", "lo", "up"]).status().expect("ip");
                assert!(up.success());
                contender()
            })
            .join()
            .unwrap()
    })
}

struct Ours {
    seconds: f64,
    apply_seconds: f64,
    megabytes: f64,
    second_start_seconds: f64,
    second_start_writes: f64,
}

fn ipvsd(places: &Places, configuration: &Path, table: &Table) -> Ours {
    let state = places.folder.join("state");
    // What an earlier round left behind, if there was one.
    let _ = fs::remove_dir_all(&state);
    let socket = places.folder.join("ipvsd.sock");
    let ready = Ready::listen(&places.folder.join("notify.sock"));
    let start = || {
        Running::spawn(
            Command::new(&places.ipvsd)
                .arg("--config")
                .arg(configuration)
                .arg("--socket")
                .arg(&socket)
                .arg("--state-dir")
                .arg(&state)
                .env("NOTIFY_SOCKET", &ready.path),
            &places.folder.join("ipvsd.log"),
        )
    };
    let started = Instant::now();
    let daemon = start();
    let seconds = wait_for(table, started);
    ready.wait();
    let megabytes = resident_megabytes(&[daemon.id()]);
    let first = balancer(places, &socket);
    // Ended without a chance to tidy up: the second one finds the table as it was.
    drop(daemon);
    let started = Instant::now();
    let daemon = start();
    ready.wait();
    let second_start_seconds = started.elapsed().as_secs_f64();
    let second = balancer(places, &socket);
    drop(daemon);
    assert!(whole(&mut Ipvs::open().expect("IPVS in this kernel"), table), "the second start lost entries");
    Ours {
        seconds,
        apply_seconds: first["last_apply_millis"].as_f64().unwrap() / 1000.0,
        megabytes,
        second_start_seconds,
        second_start_writes: second["steps_applied"].as_f64().unwrap(),
    }
}

/// Stands in for the service manager, to be told when a daemon is ready (sd_notify(3)).
struct Ready {
    socket: UnixDatagram,
    path: PathBuf,
}

impl Ready {
    fn listen(path: &Path) -> Self {
        let _ = fs::remove_file(path);
        let socket = UnixDatagram::bind(path).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        Self { socket, path: path.to_owned() }
    }

    fn wait(&self) {
        let mut message = [0; 4096];
        loop {
            let length = self.socket.recv(&mut message).expect("the daemon to say that it is ready");
            if message[..length].split(|byte| *byte == b'\n').any(|line| line == b"READY=1") {
                return;
            }
        }
    }
}

/// The balancer's part of `ipvsctl show -o json`.
fn balancer(places: &Places, socket: &Path) -> serde_json::Value {
    let output =
        Command::new(&places.ipvsctl).arg("--socket").arg(socket).args(["show", "-o", "json"]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice::<serde_json::Value>(&output.stdout).unwrap()["balancer"].take()
}

/// keepalived with this file, in the foreground, with files of its own in a folder.
pub(super) fn keepalived_command(configuration: &Path, folder: &Path) -> Command {
    // A file that a killed one left behind may name a process that lives by now, and then keepalived does not start.
    let pid = |name: &str| {
        let file = folder.join(name);
        let _ = fs::remove_file(&file);
        file
    };
    let mut command = Command::new("keepalived");
    command
        .args(["--dont-fork", "--log-console", "--use-file"])
        .arg(configuration)
        .arg("--pid")
        .arg(pid("parent.pid"))
        .arg("--vrrp_pid")
        .arg(pid("vrrp.pid"))
        .arg("--checkers_pid")
        .arg(pid("checkers.pid"));
    command
}

fn keepalived(configuration: &Path, table: &Table, folder: &Path) -> (f64, f64) {
    let started = Instant::now();
    let daemon = Running::spawn(&mut keepalived_command(configuration, folder), &folder.join("keepalived.log"));
    let seconds = wait_for(table, started);
    let mut processes = children(daemon.id());
    processes.push(daemon.id());
    let megabytes = resident_megabytes(&processes);
    // Its own stop deletes entry by entry; the namespace goes anyway.
    for child in processes {
        // It may have gone with its parent already.
        let _ = kill(Pid::from_raw(i32::try_from(child).unwrap()), Signal::SIGKILL);
    }
    (seconds, megabytes)
}

fn ipvsadm(rules: &Path, table: &Table) -> f64 {
    let started = Instant::now();
    let status = Command::new("ipvsadm").arg("-R").stdin(fs::File::open(rules).unwrap()).status().expect("ipvsadm");
    assert!(status.success());
    let seconds = started.elapsed().as_secs_f64();
    wait_for(table, started);
    seconds
}

/// Waits for the whole table; returns the seconds since `started`.
fn wait_for(table: &Table, started: Instant) -> f64 {
    let mut ipvs = Ipvs::open().expect("IPVS in this kernel");
    let (address, port, servers) = table.last().expect("a table of at least one service");
    let last = ServiceId::tcp(SocketAddr::from((*address, *port)));
    loop {
        let there = ipvs.destinations(&last).map_or(0, |dump| dump.len());
        if there == servers.len() {
            let seconds = started.elapsed().as_secs_f64();
            if whole(&mut ipvs, table) {
                return seconds;
            }
        }
        assert!(started.elapsed() < PATIENCE, "the table was not there after {} s", PATIENCE.as_secs());
        thread::sleep(Duration::from_millis(2));
    }
}

fn whole(ipvs: &mut Ipvs, table: &Table) -> bool {
    let Ok(services) = ipvs.services() else { return false };
    let ids: Vec<_> = services.rows().iter().map(|entry| entry.id).collect();
    let Ok(servers) = ipvs.destinations_of(&ids) else { return false };
    let found: usize = servers.iter().map(ipvs_sys::Dump::len).sum();
    let wanted: usize = table.iter().map(|(_, _, servers)| servers.len()).sum();
    services.len() == table.len() && found == wanted
}

/// A process that ends with this value.
pub(super) struct Running(Child);

impl Running {
    pub(super) fn spawn(command: &mut Command, log: &Path) -> Self {
        let log = fs::File::create(log).unwrap();
        let errors = log.try_clone().unwrap();
        Self(command.stdin(Stdio::null()).stdout(log).stderr(errors).spawn().expect("the program"))
    }

    pub(super) fn id(&self) -> u32 {
        self.0.id()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

pub(super) fn children(parent: u32) -> Vec<u32> {
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").unwrap().filter_map(Result::ok) {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else { continue };
        let Ok(stat) = fs::read_to_string(entry.path().join("stat")) else { continue };
        // After the name in parentheses: state, parent (proc(5)).
        let of = stat.rsplit(')').next().and_then(|rest| rest.split_whitespace().nth(1)?.parse::<u32>().ok());
        if of == Some(parent) {
            found.push(pid);
        }
    }
    found
}

pub(super) fn resident_megabytes(processes: &[u32]) -> f64 {
    let kilobytes: f64 = processes
        .iter()
        .filter_map(|pid| fs::read_to_string(format!("/proc/{pid}/status")).ok())
        .filter_map(|status| {
            let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
            line.split_whitespace().next()?.parse::<f64>().ok()
        })
        .sum();
    kilobytes / 1024.0
}

/// 10.x.y.z for the services, 172.16.0.0/12 for the servers, no two alike.
fn table(size: Size) -> Table {
    let address = |base: [u8; 4], n: usize| Ipv4Addr::from(u32::from(Ipv4Addr::from(base)) + u32::try_from(n).unwrap());
    (0..size.services)
        .map(|service| {
            let servers = (0..size.servers)
                .map(|server| (address([172, 16, 0, 1], service * size.servers + server), 8080))
                .collect();
            (address([10, 0, 0, 1], service), 80, servers)
        })
        .collect()
}

fn keepalived_conf(table: &Table) -> String {
    let mut text = String::new();
    for (address, port, servers) in table {
        writeln!(text, "virtual_server {address} {port} {{\n  lb_algo wlc\n  lb_kind NAT\n  protocol TCP").unwrap();
        for (server, server_port) in servers {
            writeln!(text, "  real_server {server} {server_port} {{\n    weight 1\n  }}").unwrap();
        }
        text.push_str("}\n");
    }
    text
}

fn ipvsadm_rules(table: &Table) -> String {
    let mut text = String::new();
    for (address, port, servers) in table {
        writeln!(text, "-A -t {address}:{port} -s wlc").unwrap();
        for (server, server_port) in servers {
            writeln!(text, "-a -t {address}:{port} -r {server}:{server_port} -m -w 1").unwrap();
        }
    }
    text
}

/// Writes reports as JSON: one object for one report, a list for more.
///
/// # Errors
/// Whatever writing the file says.
pub fn write_json(reports: &[Report], file: &Path) -> io::Result<()> {
    let text = match reports {
        [report] => serde_json::to_string_pretty(report)?,
        reports => serde_json::to_string_pretty(reports)?,
    };
    fs::write(file, text)
}
