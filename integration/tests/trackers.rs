//! The routers' eyes against real processes, files and servers, and the way of a service's health from loop to loop.
//!
//! How long a fact took is printed and not asserted.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use integration::probing::{serve, track_check};
use integration::web::WebServer;
use integration::{Topology, native_test, peers, wait_until};
use ipvsd::model::{
    Check, CheckKind, Config, Connect, FileContent, FileStart, Forwarding, HttpProbe, ProcessArguments, Protocol,
    ServerConfig, ServerKey, ServerSettings, ServiceCondition, ServiceConfig, ServiceKey, ServiceSettings, Tls,
    TrackCheck, TrackFile, TrackProcess, TrackService, Weight,
};
use ipvsd::shell::balancer;
use ipvsd::shell::service_board::ServiceBoard;
use ipvsd::shell::trackers::Trackers;
use ipvsd::vrrp::engine::Fact;
use socket2::SockRef;

/// Generous: what takes this long on the slowest machine is broken.
const LONG: Duration = Duration::from_secs(60);

/// Trackers, and the last that they told of each thing.
struct Eyes {
    trackers: Trackers,
    facts: Receiver<Fact>,
    latest: BTreeMap<String, Fact>,
    told: Vec<Fact>,
}

impl Eyes {
    fn open(config: Config) -> Self {
        let (tell, facts) = channel();
        let tell = move |fact| {
            let _ = tell.send(fact);
        };
        let trackers = Trackers::spawn(tell, true).unwrap();
        trackers.configure(&Arc::new(config));
        Self { trackers, facts, latest: BTreeMap::new(), told: Vec::new() }
    }

    /// Takes what was told so far.
    fn look(&mut self) {
        while let Ok(fact) = self.facts.try_recv() {
            let name = match &fact {
                Fact::Processes { name, .. } | Fact::File { name, .. } | Fact::Check { name, .. } => name.clone(),
                Fact::Service { key, .. } => key.to_string(),
            };
            self.latest.insert(name, fact.clone());
            self.told.push(fact);
        }
    }

    #[track_caller]
    fn wait(&mut self, what: &str, expected: &Fact) {
        let took = wait_until(LONG, &format!("{what}: {expected:?}"), || {
            self.look();
            self.latest.values().any(|fact| fact == expected)
        });
        println!("{what}: told after {took:?}");
    }

    #[track_caller]
    fn wait_running(&mut self, what: &str, name: &str, running: u32) {
        self.wait(what, &Fact::Processes { name: name.to_owned(), running });
    }

    #[track_caller]
    fn wait_file(&mut self, what: &str, name: &str, content: FileContent) {
        self.wait(what, &Fact::File { name: name.to_owned(), content });
    }

    fn detail(&self, name: &str) -> Option<(bool, String)> {
        match self.latest.get(name)? {
            Fact::Check { ok, detail, .. } => Some((*ok, detail.clone())),
            other @ (Fact::Processes { .. } | Fact::File { .. } | Fact::Service { .. }) => panic!("{other:?}"),
        }
    }
}

// ---- processes ----

/// A child that is ended with the test.
struct Process(Child);

impl Process {
    fn start(program: impl AsRef<Path>, arguments: &[&str]) -> Self {
        let program = program.as_ref();
        let child = Command::new(program).args(arguments).stdin(Stdio::piped()).stdout(Stdio::null()).spawn();
        Self(child.unwrap_or_else(|error| panic!("{}: {error}", program.display())))
    }

    fn stdin(&mut self) -> &mut ChildStdin {
        self.0.stdin.as_mut().unwrap()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn process(name: &str, program: &str) -> TrackProcess {
    TrackProcess {
        name: name.to_owned(),
        program: program.to_owned(),
        arguments: None,
        full_command: false,
        quorum: 1,
        quorum_max: None,
        fork_delay: Duration::ZERO,
        terminate_delay: Duration::ZERO,
    }
}

/// A program under a name that nobody else has: `sleep` by another name.
fn sleeper(folder: &Path, name: &str) -> PathBuf {
    let path = folder.join(name);
    copy(Path::new("/bin/sleep"), &path);
    path
}

/// By another process: a child that another test starts meanwhile would hold the copy open, and nobody could run it.
fn copy(from: &Path, to: &Path) {
    assert!(Command::new("cp").arg(from).arg(to).status().unwrap().success());
}

/// A name that no other test, and no other run of this one, uses; short enough for the kernel.
fn unique(letter: char) -> String {
    format!("{letter}{}", std::process::id())
}

fn processes_come_and_go() {
    let folder = tempfile::tempdir().unwrap();
    let (name, renamed) = (unique('s'), unique('r'));
    let long_name = format!("{name}-with-a-long-name");
    let (program, long_program) = (sleeper(folder.path(), &name), sleeper(folder.path(), &long_name));
    let path = program.to_str().unwrap().to_owned();
    let exact = |words: &[&str]| Some(ProcessArguments::Exact(words.iter().map(|word| (*word).to_owned()).collect()));
    let mut eyes = Eyes::open(Config {
        processes: vec![
            process("by-name", &name),
            process("by-path", &path),
            TrackProcess { arguments: exact(&["1000"]), ..process("by-arguments", &name) },
            TrackProcess { full_command: true, ..process("by-command", &long_name) },
            process("renamed", &renamed),
            process("thread", &unique('t')),
            process("nobody", "no-such-program-at-all"),
        ],
        ..Config::default()
    });
    for tracked in ["by-name", "by-path", "by-arguments", "by-command", "renamed", "thread", "nobody"] {
        eyes.wait_running("at start", tracked, 0);
    }

    let mut one = Process::start(&program, &["1000"]);
    eyes.wait_running("one started", "by-name", 1);
    let two = Process::start(&program, &["2000"]);
    eyes.wait_running("another started", "by-name", 2);
    eyes.wait_running("another started", "by-path", 2);
    eyes.wait_running("another started", "by-arguments", 1);
    let long = Process::start(&long_program, &["1000"]);
    eyes.wait_running("a long name", "by-command", 1);

    one.0.kill().unwrap();
    // It waits to be reaped, and runs no more.
    eyes.wait_running("one killed", "by-name", 1);
    eyes.wait_running("one killed", "by-arguments", 0);
    drop(one);

    // A shell becomes the program.
    let mut shell = Process::start("/bin/sh", &["-c", &format!("read x; exec {path} 1000")]);
    shell.stdin().write_all(b"\n").unwrap();
    eyes.wait_running("a shell became it", "by-arguments", 1);
    eyes.wait_running("a shell became it", "by-name", 2);

    // A shell gives itself another name, and back.
    let mut shell = Process::start(
        "/bin/sh",
        &["-c", &format!("read x; echo {renamed} > /proc/$$/comm; read x; echo sh > /proc/$$/comm; read x")],
    );
    shell.stdin().write_all(b"\n").unwrap();
    eyes.wait_running("renamed", "renamed", 1);
    shell.stdin().write_all(b"\n").unwrap();
    eyes.wait_running("renamed back", "renamed", 0);

    // Hundreds in a moment, and what is left is right.
    let storm = Instant::now();
    let script = format!("i=0; while [ $i -lt 300 ]; do {path} 0 & i=$((i+1)); done; wait");
    assert!(Command::new("/bin/sh").args(["-c", &script]).status().unwrap().success());
    println!("300 processes in {:?}", storm.elapsed());
    drop(two);
    eyes.wait_running("after a storm", "by-name", 1);

    // A thread is no process, whatever it is called.
    let (stop, stopped) = channel::<()>();
    let thread = thread::Builder::new().name(unique('t')).spawn(move || stopped.recv().is_err()).unwrap();
    let marker = Process::start(&program, &["2000"]);
    eyes.wait_running("after a thread", "by-name", 2);
    assert_eq!(eyes.latest["thread"], Fact::Processes { name: "thread".to_owned(), running: 0 });
    drop(stop);
    assert!(thread.join().unwrap());

    // A new configuration tells all that is known again.
    eyes.latest.clear();
    eyes.trackers.configure(&Arc::new(Config { processes: vec![process("other", &name)], ..Config::default() }));
    eyes.wait_running("configured anew", "other", 2);
    drop((marker, shell, long));
    assert!(
        !eyes
            .told
            .iter()
            .any(|fact| matches!(fact, Fact::Processes { name, running } if name == "nobody" && *running > 0))
    );
}

#[test]
fn processes_are_counted_wherever_the_kernel_tells_of_them() {
    processes_come_and_go();
}

native_test! {
    /// In a network namespace of its own the kernel tells nothing, and `/proc` is read.
    fn processes_are_counted_where_the_kernel_tells_nothing() {
        let mut lab = Topology::new("track-procs");
        let node = lab.node("router");
        node.enter(processes_come_and_go);
    }
}

#[test]
fn a_process_with_many_threads_is_one_and_ends_once() {
    // This very test binary, run anew with many threads and ended in the midst of its work.
    let folder = tempfile::tempdir().unwrap();
    let name = unique('m');
    let program = folder.path().join(&name);
    copy(&std::env::current_exe().unwrap(), &program);
    let mut eyes = Eyes::open(Config { processes: vec![process("threads", &name)], ..Config::default() });
    eyes.wait_running("at start", "threads", 0);
    for _ in 0..5 {
        let mut many = Process(
            Command::new(&program)
                .args(["--exact", "many_threads", "--ignored"])
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .spawn()
                .unwrap(),
        );
        eyes.wait_running("many threads", "threads", 1);
        let mut line = [0; 16];
        // It says so when its threads run.
        assert!(many.0.stdout.as_mut().unwrap().read(&mut line).unwrap() > 0);
        many.0.kill().unwrap();
        eyes.wait_running("many threads killed", "threads", 0);
    }
}

#[test]
#[ignore = "run by the test above, in a process of its own"]
fn many_threads() {
    let threads: Vec<_> = (0..50).map(|_| thread::spawn(|| thread::sleep(LONG))).collect();
    println!("running");
    threads.into_iter().for_each(|thread| thread.join().unwrap());
}

// ---- files ----

fn file(name: &str, path: &Path, start: Option<FileStart>) -> TrackFile {
    TrackFile { name: name.to_owned(), path: path.to_str().unwrap().to_owned(), start }
}

#[test]
fn files_are_followed_whatever_happens_to_them() {
    use FileContent::{Missing, NotANumber, Number, Unreadable};
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    let (plain, deep, linked) = (root.join("plain"), root.join("a/b/deep"), root.join("linked"));
    let files = vec![file("plain", &plain, None), file("deep", &deep, None), file("linked", &linked, None)];
    let mut eyes = Eyes::open(Config { files, ..Config::default() });
    for name in ["plain", "deep", "linked"] {
        eyes.wait_file("at start", name, Missing);
    }

    fs::write(&plain, "5\n").unwrap();
    eyes.wait_file("written", "plain", Number(5));
    fs::write(&plain, "-7").unwrap();
    eyes.wait_file("written without an end of line", "plain", Number(-7));
    fs::write(root.join("new"), "8\nmore\n").unwrap();
    fs::rename(root.join("new"), &plain).unwrap();
    eyes.wait_file("replaced", "plain", Number(8));
    fs::write(&plain, "eight\n").unwrap();
    eyes.wait_file("words", "plain", NotANumber("eight".to_owned()));
    fs::write(&plain, "").unwrap();
    eyes.wait_file("emptied", "plain", NotANumber(String::new()));
    // A writer that keeps the file open, like one that appends to a log.
    let mut open = fs::OpenOptions::new().write(true).open(&plain).unwrap();
    open.write_all(b"9\n").unwrap();
    eyes.wait_file("written by one who stays", "plain", Number(9));
    drop(open);
    fs::remove_file(&plain).unwrap();
    eyes.wait_file("removed", "plain", Missing);
    fs::create_dir(&plain).unwrap();
    eyes.wait_file("a folder in its place", "plain", Unreadable("it is not a file".to_owned()));
    fs::remove_dir(&plain).unwrap();
    eyes.wait_file("removed", "plain", Missing);

    fs::create_dir_all(root.join("a/b")).unwrap();
    fs::write(&deep, "1\n").unwrap();
    eyes.wait_file("with its folders", "deep", Number(1));
    fs::rename(root.join("a"), root.join("away")).unwrap();
    eyes.wait_file("its folder moved away", "deep", Missing);
    fs::write(root.join("away/b/deep"), "2\n").unwrap();
    fs::rename(root.join("away"), root.join("a")).unwrap();
    eyes.wait_file("its folder moved back", "deep", Number(2));
    fs::remove_dir_all(root.join("a")).unwrap();
    eyes.wait_file("its folder removed", "deep", Missing);

    for (version, number) in [("one", "1\n"), ("two", "2\n")] {
        fs::create_dir(root.join(version)).unwrap();
        fs::write(root.join(version).join("number"), number).unwrap();
    }
    symlink("one", root.join("current")).unwrap();
    symlink("current/number", &linked).unwrap();
    eyes.wait_file("behind two links", "linked", Number(1));
    symlink("two", root.join("next")).unwrap();
    fs::rename(root.join("next"), root.join("current")).unwrap();
    eyes.wait_file("a link turned round", "linked", Number(2));
    fs::write(root.join("two/number"), "3\n").unwrap();
    eyes.wait_file("written behind the links", "linked", Number(3));
    fs::remove_file(root.join("current")).unwrap();
    eyes.wait_file("a link removed", "linked", Missing);
}

#[test]
fn a_file_that_is_written_anew_is_never_seen_empty() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("n");
    fs::write(&path, "0\n").unwrap();
    let mut eyes = Eyes::open(Config { files: vec![file("n", &path, None)], ..Config::default() });
    eyes.wait_file("at start", "n", FileContent::Number(0));
    for number in 1..=200 {
        // Emptied first, then written: a reader in between finds nothing.
        fs::write(&path, format!("{number}\n")).unwrap();
    }
    eyes.wait_file("after 200 writes", "n", FileContent::Number(200));
    let odd: Vec<_> =
        eyes.told.iter().filter(|fact| !matches!(fact, Fact::File { content: FileContent::Number(_), .. })).collect();
    assert!(odd.is_empty(), "{odd:?}");
}

#[test]
fn initial_values_are_written_at_the_start_and_not_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    fs::write(path("kept"), "7\n").unwrap();
    fs::write(path("overwritten"), "7\n").unwrap();
    let start = |overwrite| Some(FileStart { value: 3, overwrite });
    let files = vec![
        file("new", &path("new"), start(false)),
        file("kept", &path("kept"), start(false)),
        file("overwritten", &path("overwritten"), start(true)),
        file("nowhere", &path("no/folder"), start(true)),
    ];
    let config = Config { files, ..Config::default() };
    let mut eyes = Eyes::open(config.clone());
    eyes.wait_file("at start", "new", FileContent::Number(3));
    eyes.wait_file("at start", "kept", FileContent::Number(7));
    eyes.wait_file("at start", "overwritten", FileContent::Number(3));
    eyes.wait_file("at start", "nowhere", FileContent::Missing);
    fs::write(path("overwritten"), "9\n").unwrap();
    eyes.wait_file("written", "overwritten", FileContent::Number(9));
    // Neither a reload nor a loop that is started again is a start of the daemon.
    eyes.latest.clear();
    eyes.trackers.configure(&Arc::new(config.clone()));
    eyes.wait_file("after a reload", "overwritten", FileContent::Number(9));
    let (tell, facts) = channel();
    let again = Trackers::spawn(move |fact| drop(tell.send(fact)), false).unwrap();
    again.configure(&Arc::new(config));
    for _ in 0..4 {
        facts.recv_timeout(LONG).unwrap();
    }
    assert_eq!(fs::read_to_string(path("overwritten")).unwrap(), "9\n");
    again.stop();
    let end = facts.iter().next();
    assert_eq!(end, None, "the threads end, and nobody tells any more");
}

// ---- checks ----

fn connect(target: SocketAddr) -> Connect {
    Connect { target, source_address: None, source_port: None, interface: None, mark: None }
}

fn check(name: &str, kind: CheckKind) -> TrackCheck {
    track_check(name, kind, Duration::from_millis(1500))
}

/// Reads a request up to its end.
fn hear(stream: &mut TcpStream) {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).is_ok_and(|read| read == 1) {
        head.extend(byte);
    }
}

fn say(stream: &mut TcpStream, text: &str) {
    // A prober that has heard enough closes.
    let _ = stream.write_all(text.as_bytes());
}

/// Until the other side closes. All is read: what is left unread would make the end a reset.
fn stay(mut stream: TcpStream) {
    while stream.read(&mut [0; 1024]).is_ok_and(|read| read > 0) {}
}

fn reset(stream: &TcpStream) {
    SockRef::from(stream).set_linger(Some(Duration::ZERO)).unwrap();
}

#[test]
fn web_servers_of_all_kinds() {
    let closed = serve(drop);
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let cases: Vec<(&str, SocketAddr, bool, &str)> = vec![
        (
            "good",
            serve(|mut stream| {
                hear(&mut stream);
                say(&mut stream, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
            }),
            true,
            "answers as expected",
        ),
        (
            "at a snail's pace, in time",
            serve(|mut stream| {
                hear(&mut stream);
                for piece in "HTTP/1.1 204 No Content\r\nServer: x\r\n\r\n".as_bytes().chunks(4) {
                    let _ = stream.write_all(piece);
                    thread::sleep(Duration::from_millis(20));
                }
                stay(stream);
            }),
            true,
            "answers as expected",
        ),
        (
            "before it was asked",
            serve(|mut stream| {
                say(&mut stream, "HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n");
                stay(stream);
            }),
            true,
            "answers as expected",
        ),
        (
            "unavailable",
            serve(|mut stream| {
                hear(&mut stream);
                say(&mut stream, "HTTP/1.1 503 Service Unavailable\r\n");
                stay(stream);
            }),
            false,
            "answers with status 503",
        ),
        (
            "no http",
            serve(|mut stream| {
                say(&mut stream, "SSH-2.0-OpenSSH_9.2\r\n");
                stay(stream);
            }),
            false,
            "does not answer in HTTP",
        ),
        ("closes at once", closed, false, "closes the connection before it has answered|resets the connection"),
        (
            "closes in its answer",
            serve(|mut stream| {
                hear(&mut stream);
                say(&mut stream, "HTTP/1.1 200 OK\r\nServer: x\r\n");
            }),
            false,
            "closes the connection before it has answered",
        ),
        ("resets at once", serve(|stream| reset(&stream)), false, "resets the connection"),
        (
            "resets after the request",
            serve(|mut stream| {
                hear(&mut stream);
                reset(&stream);
            }),
            false,
            "resets the connection",
        ),
        (
            "resets in its answer",
            serve(|mut stream| {
                hear(&mut stream);
                say(&mut stream, "HTTP/1.1 200 OK\r\n");
                thread::sleep(Duration::from_millis(100));
                reset(&stream);
            }),
            false,
            "resets the connection",
        ),
        (
            "hangs",
            serve(|mut stream| {
                hear(&mut stream);
                stay(stream);
            }),
            false,
            "accepts the connection and does not answer in time",
        ),
        (
            "drips",
            serve(|mut stream| {
                hear(&mut stream);
                say(&mut stream, "HTTP/1.1 200 OK\r\n");
                while stream.write_all(b"X: y\r\n").is_ok() {
                    thread::sleep(Duration::from_millis(50));
                }
            }),
            false,
            "begins to answer and does not come to an end in time",
        ),
        (
            "floods",
            serve(|mut stream| {
                hear(&mut stream);
                say(&mut stream, "HTTP/1.1 200 OK\r\n");
                while stream.write_all(&b"X: y\r\n".repeat(1000)).is_ok() {}
            }),
            false,
            "answers with endless headers",
        ),
        ("nobody", nobody, false, "refuses the connection: nobody listens there"),
    ];
    let mut checks: Vec<_> = cases
        .iter()
        .map(|(name, target, ..)| check(name, CheckKind::Http(Arc::new(HttpProbe::new(connect(*target))))))
        .collect();
    checks.push(check("tcp", CheckKind::Tcp(connect(cases[0].1))));
    let tls = |target: SocketAddr| {
        CheckKind::Http(Arc::new(HttpProbe { tls: Some(Tls::default()), ..HttpProbe::new(connect(target)) }))
    };
    checks.push(check("tls with one who hangs", tls(cases[10].1)));
    checks.push(check("tls with one who does not speak it", tls(cases[4].1)));
    let mut eyes = Eyes::open(Config { checks: checks.clone(), ..Config::default() });
    // Every one of them again and again, and always the same.
    wait_until(LONG, "three runs of each check", || {
        eyes.look();
        checks.iter().all(|check| {
            eyes.told.iter().filter(|fact| matches!(fact, Fact::Check { name, .. } if *name == check.name)).count() >= 3
        })
    });
    for fact in &eyes.told {
        let Fact::Check { name, ok, detail } = fact else { panic!("{fact:?}") };
        let expected = match name.as_str() {
            "tcp" => (true, "accepts the connection"),
            "tls with one who hangs" => (false, "accepts the connection and does not finish the TLS handshake in time"),
            "tls with one who does not speak it" => (false, "does not speak TLS"),
            name => {
                let (_, _, ok, detail) = cases.iter().find(|case| case.0 == name).unwrap();
                (*ok, *detail)
            }
        };
        assert!(*ok == expected.0 && expected.1.split('|').any(|one| one == detail), "{name}: {ok} {detail}");
    }
}

/// Certificates of an authority of the test's own.
struct Authority {
    folder: tempfile::TempDir,
}

impl Authority {
    fn new() -> Self {
        let authority = Self { folder: tempfile::tempdir().unwrap() };
        authority.openssl("req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.pem -days 10 -subj /CN=ipvsd-test");
        authority
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).to_str().unwrap().to_owned()
    }

    fn openssl(&self, arguments: &str) {
        let output =
            Command::new("openssl").args(arguments.split(' ')).current_dir(self.folder.path()).output().unwrap();
        assert!(output.status.success(), "openssl {arguments}: {}", String::from_utf8_lossy(&output.stderr));
    }

    /// A certificate with its key in one file, as HAProxy takes it.
    fn issue(&self, name: &str, alternatives: &str, days: i32) -> String {
        let file = |ending: &str| self.path(&format!("{name}.{ending}"));
        self.openssl(&format!("req -newkey rsa:2048 -nodes -keyout {name}.key -out {name}.csr -subj /CN={name}"));
        fs::write(file("ext"), format!("subjectAltName={alternatives}\nbasicConstraints=CA:FALSE\n")).unwrap();
        self.openssl(&format!(
            "x509 -req -in {name}.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days {days} -extfile {name}.ext -out {name}.crt"
        ));
        let whole = fs::read_to_string(file("crt")).unwrap() + &fs::read_to_string(file("key")).unwrap();
        fs::write(file("pem"), whole).unwrap();
        file("pem")
    }
}

native_test! {
    fn web_servers_over_tls() {
        let authority = Authority::new();
        let good = authority.issue("good", "DNS:api.example.net,IP:127.0.0.1", 5);
        let old = authority.issue("old", "DNS:api.example.net,IP:127.0.0.1", -1);
        let mut lab = Topology::new("track-tls");
        let node = lab.node("router");
        let haproxy = peers::haproxy(&node, &format!("
defaults
    mode http
    timeout client 10s
    timeout connect 10s
    timeout server 10s
frontend good
    bind 127.0.0.1:8443 ssl crt {good} alpn http/1.1
    http-request return status 200
frontend tls12
    bind 127.0.0.1:8444 ssl crt {good} ssl-max-ver TLSv1.2
    http-request return status 200
frontend old
    bind 127.0.0.1:8445 ssl crt {old}
    http-request return status 200
frontend sick
    bind 127.0.0.1:8446 ssl crt {good}
    http-request return status 503
frontend by_name
    bind 127.0.0.1:8447 ssl crt {good} strict-sni
    http-request return status 200 if {{ hdr(host) api.example.net }}
    http-request return status 404
frontend plain
    bind 127.0.0.1:8080
    http-request return status 200
"));
        wait_until(LONG, "HAProxy listens", || node.enter(|| TcpStream::connect("127.0.0.1:8080")).is_ok());

        // Nobody is slow here on purpose: on a busy machine fifteen handshakes at once may take their time.
        let patient = |name: &str, probe: HttpProbe| {
            let TrackCheck { check, .. } = check(name, CheckKind::Http(Arc::new(probe)));
            TrackCheck { name: name.to_owned(), check: Check { timeout: LONG, ..check }, rise: 1, fall: 1 }
        };
        let local = |port: u16| connect(SocketAddr::from(([127, 0, 0, 1], port)));
        let probe = |port: u16, tls: Option<Tls>| HttpProbe { tls, ..HttpProbe::new(local(port)) };
        let ours = || Tls { verify: true, authorities: Some(authority.path("ca.pem")), ..Tls::default() };
        let named = |name: &str| Some(Tls { server_name: Some(name.to_owned()), ..ours() });
        let anybody = || Some(Tls::default());
        let good = "answers as expected";
        let host = Some("api.example.net".to_owned());
        let cases = vec![
            ("by address", probe(8443, Some(ours())), good),
            ("by name", probe(8443, named("api.example.net")), good),
            ("TLS 1.2", probe(8444, Some(ours())), good),
            ("TLS 1.2 with anybody", probe(8444, anybody()), good),
            ("expired, with anybody", probe(8445, anybody()), good),
            ("plain", probe(8080, None), good),
            ("name indicated", HttpProbe { host: host.clone(), ..probe(8447, named("api.example.net")) }, good),
            ("name not indicated", HttpProbe { host, ..probe(8447, anybody()) }, "refuses TLS with alert"),
            ("another host", probe(8447, named("api.example.net")), "answers with status 404"),
            ("another name", probe(8443, named("other.example.net")), "its certificate is for another name"),
            ("expired", probe(8445, Some(ours())), "its certificate has expired"),
            ("unknown", probe(8443, Some(Tls { verify: true, ..Tls::default() })), "its certificate is not signed by an authority that is trusted here"),
            ("sick", probe(8446, Some(ours())), "answers with status 503"),
            ("not TLS", probe(8080, anybody()), "does not speak TLS"),
            ("not plain", probe(8443, None), "closes the connection before it has answered|does not answer in HTTP|resets"),
        ];
        let mut checks: Vec<_> = cases.iter().map(|(name, probe, _)| patient(name, probe.clone())).collect();
        // What this host cannot try is no news about the server.
        let lost = Some(Tls { authorities: Some(authority.path("no-such-file")), ..ours() });
        checks.push(patient("no authorities", probe(8443, lost)));
        let config = Config { checks, ..Config::default() };
        let mut eyes = node.enter(|| Eyes::open(config));
        wait_until(LONG, "three runs of each check", || {
            eyes.look();
            cases.iter().all(|(case, ..)| {
                eyes.told.iter().filter(|fact| matches!(fact, Fact::Check { name, .. } if name == case)).count() >= 3
            })
        });
        for (name, _, expected) in &cases {
            let (ok, detail) = eyes.detail(name).unwrap();
            let fits = expected.split('|').any(|one| detail.starts_with(one));
            assert!(fits && ok == (*expected == good), "{name}: {ok} {detail}");
        }
        assert_eq!(eyes.detail("no authorities"), None);

        // An outage, there and back.
        haproxy.kill();
        wait_until(LONG, "nobody listens", || {
            eyes.look();
            eyes.detail("by name").is_some_and(|(ok, detail)| !ok && detail.starts_with("refuses the connection"))
        });
    }

    /// Checks of a service and of a router share their sockets' code, and what the balancer finds out reaches the router's
    /// side of the board.
    fn the_health_of_a_service_is_told_without_a_script() {
        let mut lab = Topology::new("track-service");
        let node = lab.node("director");
        let (mut one, two) = (WebServer::start(&node, "127.0.0.1:8081"), WebServer::start(&node, "127.0.0.1:8082"));
        let key = ServiceKey::Address { protocol: Protocol::Tcp, address: [127, 0, 0, 9].into(), port: 80 };
        let server = |server: &WebServer, weight: u32| ServerConfig {
            key: ServerKey { address: server.address().ip(), port: server.address().port() },
            settings: ServerSettings {
                forwarding: Forwarding::Masquerade,
                weight: Weight::new(weight).unwrap(),
                upper_threshold: 0,
                lower_threshold: 0,
            },
            inhibit_on_failure: false,
            alpha: false,
            notify: None,
            checks: vec![check("", CheckKind::Http(Arc::new(HttpProbe::new(connect(server.address()))))).check],
        };
        let service = ServiceConfig {
            group: None,
            key,
            settings: ServiceSettings::default(),
            quorum: 4,
            floor: None,
            handover: ipvsd::model::Handover::default(),
            rules: Box::default(),
            servers: vec![server(&one, 3), server(&two, 2)],
        };
        let watch = TrackService { name: "web".to_owned(), service: key, condition: ServiceCondition::Quorum };
        let config = Arc::new(Config { services: vec![service], watched_services: vec![watch], ..Config::default() });
        let state = tempfile::tempdir().unwrap();
        let board = Arc::new(ServiceBoard::default());
        let start = || {
            let (events, told) = channel();
            let options = balancer::Options {
                config: Arc::clone(&config),
                state_dir: state.path().to_owned(),
                events: events.into(),
                seed: 1,
                nonce_seed: 2,
                services: Arc::clone(&board),
                roles: Arc::default(),
                door: balancer::Door::default(),
            };
            (node.enter(|| balancer::spawn(options)).unwrap(), told)
        };
        let wait = |what: &str, expected: Option<(u32, u64)>| {
            let took = wait_until(LONG, what, || {
                board.read(true).is_some_and(|facts| {
                    facts.iter().any(|fact| match fact {
                        Fact::Service { key: told, health } => {
                            assert_eq!(*told, key);
                            let health = health.map(|health| {
                                assert_eq!((health.servers, health.quorum), (2, 4));
                                (health.up, health.weight_up)
                            });
                            health == expected
                        }
                        other @ (Fact::Processes { .. } | Fact::File { .. } | Fact::Check { .. }) => panic!("{other:?}"),
                    })
                })
            });
            println!("{what}: {took:?}");
        };
        let (first, _told) = start();
        wait("both servers up", Some((2, 5)));
        one.close();
        wait("one server down", Some((1, 2)));
        // The balancer fails and is started again: what was told stays until it knows better.
        drop(first);
        assert_eq!(board.read(true).map(|facts| facts.len()), Some(1));
        one.open();
        let (second, _told) = start();
        wait("both servers up again", Some((2, 5)));
        second.configure(Arc::new(Config { services: Vec::new(), ..(*config).clone() })).unwrap().recv_timeout(LONG).unwrap();
        wait("no such service", None);
    }
}
