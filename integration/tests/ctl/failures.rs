//! All that can be wrong before there is an answer.

use std::fs::{self, File, Permissions};
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;

use tempfile::TempDir;

use crate::canned::{Canned, healthy};
use crate::{Run, ipvsctl};

fn show(socket: &Path) -> Run {
    Run::of(ipvsctl(&["show"]).env("IPVSD_SOCKET", socket))
}

/// Something listens that answers each connection with these bytes, after it has read the question.
fn stranger(answer: &'static [u8]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let listener = UnixListener::bind(folder.path().join("ipvsd.sock")).unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut question = [0; 4096];
            // One read has the whole question: it is short, and sent in one piece.
            let _ = stream.read(&mut question);
            let _ = stream.write_all(answer);
        }
    });
    folder
}

fn asked(folder: &TempDir) -> Run {
    show(&folder.path().join("ipvsd.sock"))
}

#[test]
fn no_daemon() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("ipvsd.sock");
    let run = show(&missing);
    assert_eq!((run.status, run.out.as_str()), (Some(3), ""));
    insta::assert_snapshot!(run.err.replace(&missing.display().to_string(), "SOCKET"), @r"
    ipvsctl: no daemon answers on SOCKET: there is no such socket
    Start it with `systemctl start ipvsd`, or `ipvsd --config FILE`; if it listens elsewhere, name the socket with --socket or IPVSD_SOCKET.
    `ipvsctl show --kernel` reads the kernel's table without it.
    ");

    let stale = folder.path().join("stale");
    drop(UnixListener::bind(&stale).unwrap());
    let run = show(&stale);
    assert_eq!(run.status, Some(3));
    assert!(run.err.contains("left over from a daemon that is gone"), "{}", run.err);

    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    let run = show(&file);
    assert_eq!(run.status, Some(3));
    assert!(run.err.contains("that is not a socket"), "{}", run.err);

    let run = show(&file.join("ipvsd.sock"));
    assert_eq!(run.status, Some(3));
    assert!(run.err.contains("a part of the path is not a folder"), "{}", run.err);

    let run = show(&folder.path().join("x".repeat(200)));
    assert_eq!(run.status, Some(6), "{}", run.err);
}

/// Runs as a user who may not, also where the tests run as root.
fn unprivileged(daemon: &Canned, mode: u32) -> Run {
    let program = daemon.folder().join("ipvsctl");
    // In a process of its own: a file that we had open for writing would be open in the children that other tests start at
    // the same moment, and the kernel would not run it.
    assert!(
        Command::new("cp")
            .args([integration::bin("ipvsctl").as_os_str(), program.as_os_str()])
            .status()
            .unwrap()
            .success()
    );
    fs::set_permissions(daemon.folder(), Permissions::from_mode(0o755)).unwrap();
    fs::set_permissions(daemon.socket(), Permissions::from_mode(mode)).unwrap();
    let mut command = Command::new(program);
    command.arg("show").env_clear().env("IPVSD_SOCKET", daemon.socket()).current_dir("/");
    if nix::unistd::geteuid().is_root() {
        command.uid(65_534).gid(65_534);
    }
    Run::of(&mut command)
}

#[test]
fn permission() {
    if !nix::unistd::geteuid().is_root() {
        // The owner of a socket without any permission is refused as well.
        let run = unprivileged(&Canned::showing(healthy()), 0);
        assert_eq!((run.status, run.out.as_str()), (Some(4), ""));
        return;
    }
    let run = unprivileged(&Canned::showing(healthy()), 0o660);
    assert_eq!((run.status, run.out.as_str()), (Some(4), ""));
    assert!(run.err.contains("may not be used by user nobody: it is for root and the group root"), "{}", run.err);
    assert!(run.err.contains("usermod -aG root USER"), "{}", run.err);

    let run = unprivileged(&Canned::showing(healthy()), 0o600);
    assert_eq!(run.status, Some(4));
    assert!(run.err.contains("for its owner alone"), "{}", run.err);
}

#[test]
fn somebody_who_is_no_daemon() {
    for answer in [
        b"220 mail.example ESMTP\r\n".as_slice(),
        b"\x00\xff\x00\xff",
        b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nserver: nginx\r\ncontent-length: 5\r\n\r\n<html",
        b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n",
    ] {
        let run = asked(&stranger(answer));
        assert_eq!((run.status, run.out.as_str()), (Some(5), ""), "{run:?}");
        assert!(run.err.contains("is no ipvsd"), "{}", run.err);
    }
}

#[test]
fn a_daemon_of_another_version() {
    for answer in [
        b"HTTP/1.1 200 OK\r\nserver: ipvsd/9.9.9\r\ncontent-length: 2\r\n\r\n{}".as_slice(),
        b"HTTP/1.1 404 Not Found\r\nserver: ipvsd/9.9.9\r\ncontent-length: 25\r\n\r\n{\"error\":\"no such route\"}",
    ] {
        let run = asked(&stranger(answer));
        assert_eq!((run.status, run.out.as_str()), (Some(5), ""), "{run:?}");
        assert!(run.err.contains("the daemon is ipvsd/9.9.9 and this is ipvsd/"), "{}", run.err);
    }
}

#[test]
fn a_daemon_that_breaks_off() {
    for answer in [
        b"".as_slice(),
        b"HTTP/1.1 200",
        b"HTTP/1.1 200 OK\r\nserver: ipvsd/0.1.0\r\ncontent-length: 1000\r\n\r\n{\"daemon\":",
    ] {
        let run = asked(&stranger(answer));
        assert_eq!((run.status, run.out.as_str()), (Some(5), ""), "{run:?}");
        assert!(run.err.contains("hung up"), "{}", run.err);
    }
    let damaged = concat!(
        "HTTP/1.1 200 OK\r\nserver: ipvsd/",
        env!("CARGO_PKG_VERSION"),
        "\r\ncontent-length: 9\r\n\r\n{\"daemon\""
    );
    let run = asked(&stranger(damaged.as_bytes()));
    assert_eq!(run.status, Some(5));
    assert!(run.err.contains("its answer is damaged"), "{}", run.err);
}

#[test]
fn a_daemon_that_refuses() {
    let answer = b"HTTP/1.1 503 x\r\nserver: ipvsd/0.1.0\r\ncontent-length: 24\r\n\r\n{\"error\":\"try at dawn.\"}";
    let run = asked(&stranger(answer));
    assert_eq!((run.status, run.err.as_str()), (Some(5), "ipvsctl: try at dawn.\n"));
}

#[test]
fn a_daemon_that_is_silent() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("ipvsd.sock");
    // The kernel takes the connection; nobody ever reads from it.
    let _listener = UnixListener::bind(&socket).unwrap();
    let run = Run::of(ipvsctl(&["--timeout", "0.2", "reload"]).env("IPVSD_SOCKET", &socket));
    assert_eq!((run.status, run.out.as_str()), (Some(5), ""));
    assert!(run.err.contains("did not answer within 0.2 s"), "{}", run.err);
}

#[test]
fn a_wrong_command_line() {
    for arguments in [
        &["shwo"][..],
        &[],
        &["show", "-o", "xml"],
        &["show", "--timeout", "0"],
        &["show", "--timeout", "-1"],
        &["show", "--timeout", "soon"],
        &["check"],
    ] {
        let run = Run::of(&mut ipvsctl(arguments));
        assert_eq!((run.status, run.out.as_str()), (Some(2), ""), "{arguments:?}: {run:?}");
    }
    let run = Run::of(&mut ipvsctl(&["shwo"]));
    assert!(run.err.contains("'show'"), "{}", run.err);
}

#[test]
fn help_names_the_exit_statuses() {
    let run = Run::of(&mut ipvsctl(&["--help"]));
    assert_eq!((run.status, run.err.as_str()), (Some(0), ""));
    for number in 0..=6 {
        assert!(run.out.contains(&format!("\n  {number}  ")), "{}", run.out);
    }
}

#[test]
fn an_answer_that_cannot_be_written() {
    let daemon = Canned::showing(healthy());
    let full = File::options().write(true).open("/dev/full").unwrap();
    let run = Run::of(ipvsctl(&["show"]).env("IPVSD_SOCKET", daemon.socket()).stdout(full));
    assert_eq!(run.status, Some(6));
    assert!(run.err.contains("cannot write the answer"), "{}", run.err);

    // A reader who has seen enough is no failure.
    let mut command = ipvsctl(&["show"]);
    let mut child =
        command.env("IPVSD_SOCKET", daemon.socket()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let run = Run::from(child.wait_with_output().unwrap());
    assert_eq!((run.status, run.err.as_str()), (Some(0), ""));
}
