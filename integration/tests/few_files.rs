//! Twenty thousand servers, and three hundred file descriptors; then none; then three hundred again.
//!
//! Of a process that has no descriptor left nothing can be checked, and that says nothing of anybody: what was known stays, it is
//! said, and the table is as it was. When there are descriptors again, everything is found out anew. Some servers are silent all
//! the while: each of their checks holds its descriptor for all of its time, and all that there are wait for them; the others take
//! their turn all the same. The servers are addresses of
//! 127.0.0.0/8 in a network namespace, the daemon is the whole one, and its table takes every change and moves no packet (that of
//! `bench checks`).

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use integration::contender::{memory_rollup, processor_time};
use integration::{Node, Topology, native_test, wait_for, wait_until};
use ipvsd::shell::control::client::Client;
use nix::unistd::Pid;
use socket2::{Domain, Protocol, Socket, Type};

const PATIENCE: Duration = Duration::from_secs(180);
const FILES: u32 = 300;
const SERVICES: u32 = 200;
const EACH: u32 = 100;
/// Servers on it accept.
const WELL: u16 = 8080;
/// Servers on it accept, and die.
const DYING: u16 = 8082;
/// Nobody listens there at first.
const DEAD: u16 = 8083;
/// Nobody answers there: one listens and takes nobody more. More of these are due at one time than may be tried at one time.
const SILENT: u16 = 8084;
/// The last of each service.
const OTHERS: [(u16, u32); 3] = [(DYING, 7), (DEAD, 3), (SILENT, 1)];
/// Connections wait here, and are established, while the thread that takes them does not get the processor: one that is dropped is
/// asked for again after a second, and then after two more, which is too late.
const BACKLOG: i32 = 65_535;
/// Nothing is held against anybody for so long.
const WITHOUT: Duration = Duration::from_secs(12);

fn conf() -> String {
    let mut text = String::new();
    for service in 0..SERVICES {
        writeln!(text, "virtual_server 10.0.{service}.1 80 {{\ndelay_loop 5\nlb_algo wlc\nlb_kind NAT\nprotocol TCP")
            .unwrap();
        for server in 0..EACH {
            let [.., high, low] = (service * EACH + server).to_be_bytes();
            let address = Ipv4Addr::new(127, 1, high, low);
            let port = port(server);
            writeln!(
                text,
                "real_server {address} {port} {{\nweight 1\nTCP_CHECK {{\nconnect_timeout 3\nretry 0\n}}\n}}"
            )
            .unwrap();
        }
        text.push_str("}\n");
    }
    text
}

fn port(server: u32) -> u16 {
    let mut last = EACH;
    for (port, count) in OTHERS {
        last -= count;
        if server >= last && server < last + count {
            return port;
        }
    }
    WELL
}

fn on(port: u16) -> usize {
    let others = OTHERS.iter().find(|(other, _)| *other == port).map(|(_, count)| *count);
    let each = others.unwrap_or_else(|| EACH - OTHERS.iter().map(|(_, count)| count).sum::<u32>());
    (SERVICES * each) as usize
}

/// Everybody who listens on a port.
struct Servers {
    socket: Socket,
    thread: Option<thread::JoinHandle<()>>,
}

impl Servers {
    fn start(node: &Node, port: u16) -> Self {
        let socket = node.enter(|| {
            let socket = Socket::new(Domain::IPV4, Type::STREAM, Some(Protocol::TCP)).unwrap();
            socket.set_reuse_address(true).unwrap();
            socket.bind(&SocketAddr::from(([0, 0, 0, 0], port)).into()).unwrap();
            socket.listen(BACKLOG).unwrap();
            socket
        });
        let listener = socket.try_clone().unwrap();
        let thread = thread::spawn(move || while listener.accept().is_ok() {});
        Self { socket, thread: Some(thread) }
    }
}

impl Drop for Servers {
    fn drop(&mut self) {
        // Whoever waits in `accept` is told, and nobody listens from now on.
        self.socket.shutdown(std::net::Shutdown::Both).unwrap();
        self.thread.take().unwrap().join().unwrap();
    }
}

/// One who listens and whose queue is full, with the call that fills it.
fn silent(node: &Node) -> (Socket, TcpStream) {
    node.enter(|| {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, Some(Protocol::TCP)).unwrap();
        socket.bind(&SocketAddr::from(([0, 0, 0, 0], SILENT)).into()).unwrap();
        socket.listen(0).unwrap();
        (socket, TcpStream::connect((Ipv4Addr::LOCALHOST, SILENT)).unwrap())
    })
}

/// The daemon.
struct Daemon {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    folder: PathBuf,
}

impl Daemon {
    fn start(node: &Node, folder: &Path) -> Self {
        fs::create_dir_all(folder.join("state")).unwrap();
        fs::write(folder.join("checks.conf"), conf()).unwrap();
        let log = fs::File::create(folder.join("log")).unwrap();
        let mut command = Command::new("prlimit");
        command
            .arg(format!("--nofile={FILES}:{FILES}"))
            .arg(env!("CARGO_BIN_EXE_bench"))
            .arg("checks-daemon")
            .arg(folder);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(log);
        let mut child = node.enter(|| command.spawn().unwrap());
        let (input, output) = (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()));
        Self { child, input, output, folder: folder.to_owned() }
    }

    fn pid(&self) -> Pid {
        Pid::from_raw(self.child.id().try_into().unwrap())
    }

    /// Servers in the table.
    fn in_table(&mut self) -> usize {
        writeln!(self.input, "counts").unwrap();
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        let first = line.split_whitespace().next().unwrap_or_else(|| panic!("the daemon has ended: {}", self.log()));
        first.parse().unwrap()
    }

    fn log(&self) -> String {
        fs::read_to_string(self.folder.join("log")).unwrap()
    }

    /// Descriptors that are open.
    fn files(&self) -> usize {
        fs::read_dir(format!("/proc/{}/fd", self.pid())).unwrap().count()
    }

    /// Connections to servers that have begun and not ended; the one that keeps the silent silent does not count.
    fn calls(&self) -> usize {
        let table = fs::read_to_string(format!("/proc/{}/net/tcp", self.pid())).unwrap();
        let ports = [WELL, DYING, DEAD, SILENT].map(|port| format!(":{port:04X}"));
        let is_call = |line: &&str| {
            let words: Vec<_> = line.split_whitespace().collect();
            // Established, or asked for.
            let states: &[_] = if words[2].ends_with(&ports[3]) { &["02"] } else { &["01", "02"] };
            ports.iter().any(|port| words[2].ends_with(port)) && states.contains(&words[3])
        };
        table.lines().skip(1).filter(is_call).count()
    }

    fn resident(&self) -> u64 {
        memory_rollup(self.pid(), "Rss")
    }

    fn limit(&self, files: u32) {
        let files = format!("--nofile={files}:{FILES}");
        let done = Command::new("prlimit").args(["--pid", &self.pid().to_string(), &files]).status().unwrap();
        assert!(done.success());
    }

    /// How many servers of each port have which health, or why the daemon does not say.
    fn health(&self) -> Result<BTreeMap<(u16, String), usize>, String> {
        let client = Client::new(self.folder.join("ipvsd.sock")).patience(PATIENCE);
        let snapshot = client.snapshot().map_err(|error| format!("{error:?}"))?;
        let mut found = BTreeMap::new();
        for server in snapshot.balancer.services.iter().flat_map(|service| &service.servers) {
            *found.entry((server.port, format!("{:?}", server.health))).or_default() += 1;
        }
        Ok(found)
    }

    /// Waits until so many servers are in the table, never more than `most`, and each has the health that its port says.
    fn wait_settled(&mut self, what: &str, most: usize, up: &[u16]) {
        let started = Instant::now();
        let wanted: usize = up.iter().map(|port| on(*port)).sum();
        wait_for(PATIENCE, &format!("{wanted} servers in the table, {what}"), || {
            let found = self.in_table();
            assert!(found <= most, "{what}: {found} servers are in the table, and no more than {most} can be up");
            if found == wanted { Ok(()) } else { Err(format!("{found}, and {:?}", self.health())) }
        });
        let expected = [WELL, DYING, DEAD, SILENT].map(|port| {
            let health = if up.contains(&port) { "Up" } else { "Down" };
            ((port, health.to_owned()), on(port))
        });
        wait_for(PATIENCE, &format!("each server's own health, {what}"), || {
            let found = self.health();
            if found == Ok(BTreeMap::from(expected.clone())) { Ok(()) } else { Err(format!("{found:?}")) }
        });
        let megabytes = self.resident() / 1_000_000;
        println!(
            "{what}: {wanted} servers in {:.1} s, {megabytes} MB, {} files",
            started.elapsed().as_secs_f64(),
            self.files()
        );
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

native_test! {
    fn descriptors_that_run_out_change_no_verdict() {
        let mut lab = Topology::new("few-files");
        let node = lab.node("director");
        let folder = tempfile::tempdir().unwrap();
        node.set_sysctl("net.core.somaxconn", &BACKLOG.to_string());
        let _well = Servers::start(&node, WELL);
        let dying = Servers::start(&node, DYING);
        let _silent = silent(&node);
        let mut daemon = Daemon::start(&node, folder.path());
        daemon.wait_settled("at the start", on(WELL) + on(DYING), &[WELL, DYING]);
        let resident = daemon.resident();
        assert!(resident < 150_000_000, "{resident} bytes");

        // Not one is to be had any more.
        daemon.limit(10);
        println!("waiting for the daemon to say so");
        wait_until(PATIENCE, "a word on it", || daemon.log().contains("no file descriptor left (raise LimitNOFILE)"));
        println!("waiting for the last checks to end");
        wait_until(PATIENCE, "the last checks to end", || daemon.calls() == 0);
        let held = daemon.in_table();
        assert_eq!(held, on(WELL) + on(DYING));
        drop(dying);
        let _revived = Servers::start(&node, DEAD);
        let (started, busy) = (Instant::now(), processor_time(daemon.pid()));
        while started.elapsed() < WITHOUT {
            assert_eq!(daemon.in_table(), held, "without a descriptor nothing is known anew");
            thread::sleep(Duration::from_millis(50));
        }
        let busy = (processor_time(daemon.pid()) - busy).as_secs_f64() / started.elapsed().as_secs_f64();
        println!("without descriptors: {:.0}% of a processor, {} lines of log", busy * 100.0, daemon.log().lines().count());
        assert!(daemon.log().contains("lines within a second were left out"), "a log that a person can read");

        daemon.limit(FILES);
        daemon.wait_settled("with descriptors again", on(WELL) + on(DYING) + on(DEAD), &[WELL, DEAD]);
        let after = daemon.resident();
        assert!(after < resident + 30_000_000, "{resident} bytes before, {after} bytes after");
    }
}
