//! `lab-tool init`: the first process of a node; see `integration::node`.

use std::io::{self, Read, Write};
use std::process::{Command, ExitCode, Stdio};

use nix::mount::{MsFlags, mount};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let outcome = match words.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["init"] => init(),
        _ => Err(io::Error::other("usage: lab-tool init")),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("lab-tool: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Process 1 of a node: mounts its `/proc`, says so, buries orphans, and ends when its
/// standard input does. Process ids end with it.
fn init() -> io::Result<()> {
    // Blocked before there is a second thread, so that all threads inherit it.
    let mut children = SigSet::empty();
    children.add(Signal::SIGCHLD);
    children.thread_block()?;
    mount(Some("proc"), "/proc", Some("proc"), MsFlags::empty(), None::<&str>)?;
    let status = Command::new("/sbin/ip").args(["link", "set", "lo", "up"]).stdin(Stdio::null()).status()?;
    if !status.success() {
        return Err(io::Error::other("the loopback interface does not come up"));
    }
    std::thread::spawn(|| {
        let mut leash = io::stdin();
        let mut byte = [0];
        while let Ok(1..) = leash.read(&mut byte) {}
        std::process::exit(0);
    });
    let mut stdout = io::stdout();
    stdout.write_all(b"ready\n")?;
    stdout.flush()?;
    // The reader waits for the end of the stream, and nothing may follow.
    nix::unistd::close(1)?;
    loop {
        children.wait()?;
        // One signal may stand for many children.
        while let Ok(status) = waitpid(None, Some(WaitPidFlag::WNOHANG)) {
            if status == WaitStatus::StillAlive {
                break;
            }
        }
    }
}
