use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::Duration;

use tempfile::TempDir;

use super::client::{Client, ClientError};
use super::server::{ControlError, ControlHandle, ControlRequest, Limits, Options, serve};
use crate::api::{
    ErrorReply, PlanReply, PlanRequest, PlannedStep, ReloadReply, ServerChange, ServerReply, ServerRequest, ServerVerb,
};

/// More than any machine needs; a test that gets here has failed.
const LONG: Duration = Duration::from_secs(60);
/// Short enough to wait for where running out is the point.
const SHORT: Duration = Duration::from_millis(200);

struct Desk {
    folder: TempDir,
    path: PathBuf,
    handle: ControlHandle,
    requests: Receiver<ControlRequest>,
}

fn patient() -> Limits {
    Limits { answer: LONG, connection: LONG, ..Limits::default() }
}

fn desk(limits: Limits) -> Desk {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run/ipvsd/ipvsd.sock");
    let (sender, requests) = mpsc::channel();
    let handle = serve(Options { limits, ..Options::new(&path, sender) }).unwrap();
    Desk { folder, path, handle, requests }
}

fn options(path: &Path) -> Options {
    Options::new(path, mpsc::channel().0)
}

/// Sends bytes, and returns all that comes back until the other side hangs up.
fn raw(path: &Path, bytes: &[u8]) -> String {
    let mut stream = UnixStream::connect(path).unwrap();
    stream.set_read_timeout(Some(LONG)).unwrap();
    // The server may hang up before it has read all.
    drop(stream.write_all(bytes));
    let mut answer = Vec::new();
    drop(stream.read_to_end(&mut answer));
    String::from_utf8(answer).unwrap()
}

fn reload() -> ReloadReply {
    let step = PlannedStep { step: "add service tcp 192.0.2.1:80".to_owned(), connections: 0, cuts: false };
    ReloadReply { applied: true, steps: vec![step], ..ReloadReply::default() }
}

fn drained(server: &str, secs: f64) -> ServerReply {
    let text = format!("draining, for {secs} s at most");
    let change =
        ServerChange { service: "tcp 192.0.2.1:80".to_owned(), server: server.to_owned(), changed: true, text };
    ServerReply { changes: vec![change], remarks: Vec::new() }
}

/// Answers one question, whatever it is, from a thread of its own.
fn answer_one(requests: Receiver<ControlRequest>) -> thread::JoinHandle<Receiver<ControlRequest>> {
    thread::spawn(move || {
        match requests.recv_timeout(LONG).unwrap() {
            ControlRequest::Snapshot(reply) | ControlRequest::Brief(reply) => drop(reply),
            ControlRequest::Plan(request, reply) => reply.answer(match request.file {
                Some(file) => Err(ErrorReply { error: format!("{file}:3:7: no such scheduler") }),
                None => Ok(PlanReply::default()),
            }),
            ControlRequest::Reload(reply) => reply.answer(reload()),
            ControlRequest::Server(request, reply) => reply.answer(match request.service {
                None => Ok(drained(&request.server, 1.5)),
                Some(service) => Err(ErrorReply { error: format!("{service} does not have it") }),
            }),
        }
        requests
    })
}

#[test]
fn a_question_gets_its_answer() {
    let Desk { path, requests, folder: _folder, handle: _handle } = desk(patient());
    let client = Client::new(&path).patience(LONG);

    let desk = answer_one(requests);
    assert_eq!(client.reload().unwrap(), reload());

    let desk = answer_one(desk.join().unwrap());
    assert_eq!(client.plan(&PlanRequest::default()).unwrap(), PlanReply::default());

    let desk = answer_one(desk.join().unwrap());
    let error = client.plan(&PlanRequest { file: Some("/etc/a.toml".to_owned()) }).unwrap_err();
    assert!(error.is_answer());
    assert_eq!(error.to_string(), "/etc/a.toml:3:7: no such scheduler");

    let ask = |service: Option<&str>| ServerRequest {
        server: "10.0.0.1:80".to_owned(),
        service: service.map(str::to_owned),
        verb: ServerVerb::Drain { deadline_secs: Some(1.5) },
    };
    let desk = answer_one(desk.join().unwrap());
    assert_eq!(client.server(&ask(None)).unwrap(), drained("10.0.0.1:80", 1.5));
    let desk = answer_one(desk.join().unwrap());
    let error = client.server(&ask(Some("web"))).unwrap_err();
    assert!(error.is_answer());
    assert_eq!(error.to_string(), "web does not have it");

    // This kind is dropped unanswered.
    let desk = answer_one(desk.join().unwrap());
    let error = client.snapshot().unwrap_err();
    assert!(!error.is_answer());
    assert!(error.to_string().contains("no answer"), "{error}");
    desk.join().unwrap();
}

#[test]
fn any_http_client_will_do() {
    let Desk { path, requests, folder: _folder, handle: _handle } = desk(patient());
    let desk = answer_one(requests);
    let answer = raw(&path, b"POST /v1/reload HTTP/1.1\r\nhost: x\r\n\r\n");
    desk.join().unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    assert!(answer.contains(&format!("server: ipvsd/{}\r\n", env!("CARGO_PKG_VERSION"))), "{answer}");
    assert!(answer.contains("content-type: application/json\r\n"), "{answer}");
    let (_, body) = answer.split_once("\r\n\r\n").unwrap();
    assert_eq!(serde_json::from_str::<ReloadReply>(body).unwrap(), reload());
}

/// What programs send.
#[test]
fn a_wish_as_programs_write_it() {
    let drain = ServerVerb::Drain { deadline_secs: None };
    for (text, service, verb) in [
        (r#"{"server":"10.0.0.1:80","verb":"undrain"}"#, None, ServerVerb::Undrain),
        (r#"{"server":"10.0.0.1:80","service":"web","verb":{"drain":{}}}"#, Some("web"), drain),
        (r#"{"server":"10.0.0.1:80","verb":{"weight":{"weight":5}}}"#, None, ServerVerb::Weight { weight: Some(5) }),
        (r#"{"server":"10.0.0.1:80","verb":{"weight":{}}}"#, None, ServerVerb::Weight { weight: None }),
    ] {
        let read: ServerRequest = serde_json::from_str(text).unwrap();
        assert_eq!(
            (read.server.as_str(), read.service.as_deref(), read.verb),
            ("10.0.0.1:80", service, verb),
            "{text}"
        );
    }
    for text in
        ["{}", r#"{"server":"x"}"#, r#"{"server":"x","verb":"drian"}"#, r#"{"server":"x","verb":"undrain","a":1}"#]
    {
        assert!(serde_json::from_str::<ServerRequest>(text).is_err(), "{text}");
    }
}

#[test]
fn nonsense_is_refused_in_words() {
    let Desk { path, requests, folder: _folder, handle: _handle } = desk(Limits { body: 64, ..patient() });
    let post = |body: &str| {
        let length = body.len();
        raw(&path, format!("POST /v1/plan HTTP/1.1\r\nhost: x\r\ncontent-length: {length}\r\n\r\n{body}").as_bytes())
    };
    let cases = [
        (raw(&path, b"GET /v2/snapshot HTTP/1.1\r\nhost: x\r\n\r\n"), "404", "no such route"),
        (raw(&path, b"GET /v1/reload HTTP/1.1\r\nhost: x\r\n\r\n"), "405", "the other of GET and POST"),
        (post("{"), "400", "not understood"),
        (post("{\"fiel\":\"/x\"}"), "400", "unknown field `fiel`"),
        (post("\u{0}\u{1}"), "400", "not understood"),
        (post(&" ".repeat(65)), "413", "at most 64 bytes"),
        (raw(&path, b"\x16\x03\x01\x02\x00\r\n\r\n"), "400", ""),
        (raw(&path, &[b'a'; 1 << 20]), "", ""),
    ];
    for (answer, status, words) in cases {
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")) || status.is_empty(), "{answer}");
        assert!(answer.contains(words), "{answer}");
    }
    assert!(requests.try_recv().is_err(), "none of these was a question");
}

#[test]
fn one_connection_carries_one_request() {
    let Desk { path, requests, folder: _folder, handle: _handle } = desk(patient());
    let desk = answer_one(requests);
    let twice = b"POST /v1/reload HTTP/1.1\r\nhost: x\r\n\r\n".repeat(2);
    let answer = raw(&path, &twice);
    assert_eq!(answer.matches("HTTP/1.1").count(), 1, "{answer}");
    assert!(desk.join().unwrap().try_recv().is_err());
}

#[test]
fn an_answer_that_is_late_is_not_waited_for() {
    let Desk { path, requests, folder: _folder, handle: _handle } = desk(Limits { answer: SHORT, ..patient() });
    let error = Client::new(&path).patience(LONG).reload().unwrap_err();
    assert!(matches!(error, ClientError::Refused { status: 504, .. }), "{error:?}");
    // Whoever answers at last finds nobody, and is not held up.
    let ControlRequest::Reload(reply) = requests.recv_timeout(LONG).unwrap() else { panic!("not what was asked") };
    reply.answer(reload());
}

#[test]
fn clients_are_counted() {
    let Desk { path, requests, folder: _folder, handle: _handle } = desk(Limits { clients: 2, ..patient() });
    let ask = |path: PathBuf| thread::spawn(move || Client::new(path).patience(LONG).reload());
    let waiting = [ask(path.clone()), ask(path.clone())];
    let questions = [requests.recv_timeout(LONG).unwrap(), requests.recv_timeout(LONG).unwrap()];

    let error = Client::new(&path).patience(LONG).reload().unwrap_err();
    assert!(matches!(error, ClientError::Refused { status: 503, .. }), "{error:?}");
    assert!(error.to_string().contains("2 requests are under way"), "{error}");

    for question in questions {
        let ControlRequest::Reload(reply) = question else { panic!("not what was asked") };
        reply.answer(reload());
    }
    for client in waiting {
        assert_eq!(client.join().unwrap().unwrap(), reload());
    }
    let desk = answer_one(requests);
    assert_eq!(Client::new(&path).patience(LONG).reload().unwrap(), reload());
    desk.join().unwrap();
}

#[test]
fn a_question_counts_until_it_is_answered_though_its_client_is_gone() {
    let Desk { path, requests, folder: _folder, handle: _handle } =
        desk(Limits { clients: 1, answer: SHORT, ..patient() });
    let client = Client::new(&path).patience(LONG);
    assert!(matches!(client.reload(), Err(ClientError::Refused { status: 504, .. })));
    assert!(matches!(client.reload(), Err(ClientError::Refused { status: 503, .. })));
    drop(requests.recv_timeout(LONG).unwrap());
    assert!(matches!(client.reload(), Err(ClientError::Refused { status: 504, .. })));
}

#[test]
fn silent_clients_are_cut_off() {
    let Desk { path, requests, folder: _folder, handle: _handle } =
        desk(Limits { clients: 2, connection: SHORT, ..patient() });
    let mut silent = UnixStream::connect(&path).unwrap();
    let mut slow = UnixStream::connect(&path).unwrap();
    slow.write_all(b"POST /v1/plan HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\n{").unwrap();
    for stream in [&mut silent, &mut slow] {
        stream.set_read_timeout(Some(LONG)).unwrap();
        // Whatever the server says, it hangs up.
        assert!(
            stream
                .read_to_end(&mut Vec::new())
                .map_or_else(|e| e.kind() == std::io::ErrorKind::ConnectionReset, |_| true)
        );
    }
    let desk = answer_one(requests);
    assert_eq!(Client::new(&path).patience(LONG).reload().unwrap(), reload());
    desk.join().unwrap();
}

#[test]
fn nobody_to_ask_is_said() {
    let Desk { path, requests, folder: _folder, handle: _handle } = desk(patient());
    drop(requests);
    let error = Client::new(&path).patience(LONG).reload().unwrap_err();
    assert!(error.to_string().contains("stopping"), "{error}");
}

#[test]
fn the_socket_is_as_it_was_asked_for() {
    let Desk { folder, path, handle, requests: _requests } = desk(patient());
    let socket = fs::symlink_metadata(&path).unwrap();
    assert!(socket.file_type().is_socket());
    assert_eq!(socket.permissions().mode() & 0o7777, 0o660);
    assert_eq!(fs::metadata(folder.path().join("run/ipvsd")).unwrap().permissions().mode() & 0o022, 0);
    handle.stop();
    assert!(!path.exists(), "a clean stop leaves no socket");

    let group = socket.gid().to_string();
    let handle = serve(Options { mode: 0o600, group: Some(group), ..options(&path) }).unwrap();
    let socket = fs::symlink_metadata(&path).unwrap();
    assert_eq!(socket.permissions().mode() & 0o7777, 0o600);
    handle.stop();

    let error = serve(Options { group: Some("no-such-group".to_owned()), ..options(&path) }).unwrap_err();
    assert!(matches!(error, ControlError::UnknownGroup(_)), "{error:?}");
    assert!(!path.exists());
}

#[test]
fn a_live_daemon_keeps_its_socket() {
    let Desk { path, requests, folder: _folder, handle: _handle } = desk(patient());
    let error = serve(options(&path)).unwrap_err();
    let pid = std::process::id();
    assert_eq!(
        error.to_string(),
        format!(
            "another ipvsd (pid {pid}) answers on {}: stop it first, or give this one a --socket of its own",
            path.display()
        )
    );
    let desk = answer_one(requests);
    assert_eq!(Client::new(&path).patience(LONG).reload().unwrap(), reload(), "the first one is none the worse");
    desk.join().unwrap();
}

#[test]
fn somebody_elses_live_socket_is_respected() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ipvsd.sock");
    let _other = UnixListener::bind(&path).unwrap();
    let error = serve(options(&path)).unwrap_err();
    assert!(matches!(error, ControlError::InUse { pid: Some(_), .. }), "{error:?}");
    assert!(path.exists());
}

#[test]
fn a_stale_socket_is_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ipvsd.sock");
    drop(UnixListener::bind(&path).unwrap());
    assert!(path.exists());
    let (sender, requests) = mpsc::channel();
    let _handle = serve(Options::new(&path, sender)).unwrap();
    let desk = answer_one(requests);
    assert_eq!(Client::new(&path).patience(LONG).reload().unwrap(), reload());
    desk.join().unwrap();
}

#[test]
fn what_is_no_socket_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "precious").unwrap();
    let link = folder.path().join("link");
    std::os::unix::fs::symlink(&file, &link).unwrap();
    // Not the temporary folder itself: its lock file would lie beside it, and stay.
    let below = folder.path().join("folder");
    fs::create_dir(&below).unwrap();
    for path in [folder.path().join("file"), link, below] {
        let error = serve(options(&path)).unwrap_err();
        assert!(matches!(error, ControlError::NotASocket(_)), "{path:?}: {error:?}");
    }
    assert_eq!(fs::read_to_string(&file).unwrap(), "precious");
}

#[test]
fn a_successors_socket_is_not_removed() {
    let Desk { path, handle, folder: _folder, requests: _requests } = desk(patient());
    fs::remove_file(&path).unwrap();
    let _successor = UnixListener::bind(&path).unwrap();
    handle.stop();
    assert!(path.exists());
}

#[test]
fn impossible_paths_get_a_reason() {
    let folder = tempfile::tempdir().unwrap();
    let long = folder.path().join("x".repeat(120));
    let error = serve(options(&long)).unwrap_err();
    assert!(error.to_string().contains("107 bytes are the most"), "{error}");

    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    let error = serve(options(&file.join("ipvsd.sock"))).unwrap_err();
    assert!(error.to_string().contains("create the folder of"), "{error}");
}
