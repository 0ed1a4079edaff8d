//! Commands that run in a node and end.

use std::ffi::{OsStr, OsString};
use std::io::{Read, Write};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::daemon::Daemon;
use crate::node::Node;

/// How long a command may take, unless it is told otherwise.
const PATIENCE: Duration = Duration::from_secs(30);

/// What a command in a node said, and how it ended.
#[derive(Debug, Clone)]
pub struct Output {
    /// The command as one would type it, with the node's name in front.
    pub command: String,
    /// Exit status, as the operating system reports it.
    pub status: ExitStatus,
    /// Standard output; what is not UTF-8 is replaced.
    pub stdout: String,
    /// Standard error; what is not UTF-8 is replaced.
    pub stderr: String,
}

impl Output {
    /// Standard output of a command that must succeed.
    ///
    /// # Panics
    ///
    /// When it failed; the message has everything that it said.
    #[track_caller]
    #[must_use]
    pub fn ok(self) -> String {
        assert!(self.status.success(), "`{}` failed ({}):\n{}{}", self.command, self.status, self.stdout, self.stderr);
        self.stdout
    }

    /// Whether the exit status was zero.
    #[must_use]
    pub fn success(&self) -> bool {
        self.status.success()
    }
}

/// A command to run in a node, under construction.
#[derive(Debug)]
pub struct NodeCommand<'node> {
    node: &'node Node,
    program: OsString,
    args: Vec<OsString>,
    env: Vec<(OsString, OsString)>,
    input: Vec<u8>,
    timeout: Duration,
}

impl<'node> NodeCommand<'node> {
    pub(crate) fn new(node: &'node Node, program: impl AsRef<OsStr>) -> Self {
        NodeCommand {
            node,
            program: program.as_ref().to_owned(),
            args: Vec::new(),
            env: Vec::new(),
            input: Vec::new(),
            timeout: PATIENCE,
        }
    }

    /// Adds one argument.
    #[must_use]
    pub fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.args.push(arg.as_ref().to_owned());
        self
    }

    /// Adds arguments.
    #[must_use]
    pub fn args<A: AsRef<OsStr>>(mut self, args: impl IntoIterator<Item = A>) -> Self {
        self.args.extend(args.into_iter().map(|arg| arg.as_ref().to_owned()));
        self
    }

    /// Sets a variable of the environment.
    #[must_use]
    pub fn env(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.env.push((name.as_ref().to_owned(), value.as_ref().to_owned()));
        self
    }

    /// What the command reads from its standard input (nothing otherwise).
    #[must_use]
    pub fn input(mut self, input: impl Into<Vec<u8>>) -> Self {
        self.input = input.into();
        self
    }

    /// How long the command may take (30 seconds otherwise).
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Runs the command and waits for its end.
    ///
    /// # Panics
    ///
    /// When it cannot be started, or takes longer than its timeout (it is killed then).
    #[track_caller]
    #[must_use]
    pub fn output(self) -> Output {
        let shown = self.to_string();
        let mut command = self.command();
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = match self.node.start(command) {
            Ok(child) => child,
            Err(error) => panic!("`{shown}` cannot be started: {error}"),
        };
        let input = self.input;
        let mut stdin = child.stdin.take().expect("a pipe was asked for");
        // A command that does not read its input may close it early: no mistake.
        thread::spawn(move || stdin.write_all(&input));
        let stdout = drain(child.stdout.take().expect("a pipe was asked for"));
        let stderr = drain(child.stderr.take().expect("a pipe was asked for"));
        let Some(status) = wait_with_limit(child, self.timeout) else {
            panic!("`{shown}` took longer than {:?}; so far:\n{}{}", self.timeout, collect(&stdout), collect(&stderr));
        };
        Output { command: shown, status, stdout: collect(&stdout), stderr: collect(&stderr) }
    }

    /// Runs a command that must succeed, and returns its standard output.
    ///
    /// # Panics
    ///
    /// When it fails, cannot be started, or takes too long.
    #[track_caller]
    #[expect(clippy::must_use_candidate, reason = "run for its effect as often as for its output")]
    pub fn ok(self) -> String {
        self.output().ok()
    }

    /// Starts the command as a daemon: it runs until it ends, is killed, or the
    /// topology goes. Its output goes to a log under `name`, shown if the test fails.
    ///
    /// # Panics
    ///
    /// When it cannot be started.
    #[track_caller]
    #[must_use]
    pub fn spawn(self, name: &str) -> Daemon {
        let shown = self.to_string();
        match Daemon::start(self.node, name, self.command()) {
            Ok(daemon) => daemon,
            Err(error) => panic!("`{shown}` cannot be started: {error}"),
        }
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command
            .args(&self.args)
            .envs(self.env.iter().map(|(name, value)| (name, value)))
            .env("PATH", self.node.search_path());
        command
    }
}

impl std::fmt::Display for NodeCommand<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.node.name(), self.program.to_string_lossy())?;
        for arg in &self.args {
            write!(f, " {}", arg.to_string_lossy())?;
        }
        Ok(())
    }
}

/// Reads a pipe to its end on a thread of its own; what has been read so far can be
/// had at any time, since a grandchild may hold the pipe open for ever.
fn drain(mut pipe: impl Read + Send + 'static) -> mpsc::Receiver<Vec<u8>> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let mut buffer = [0; 16 * 1024];
        while let Ok(length @ 1..) = pipe.read(&mut buffer) {
            if sender.send(buffer[..length].to_vec()).is_err() {
                break;
            }
        }
    });
    receiver
}

/// What a pipe brought. The writer has ended; time is granted for the rest, on a machine that is busy with other things.
fn collect(chunks: &mpsc::Receiver<Vec<u8>>) -> String {
    let mut all = Vec::new();
    while let Ok(chunk) = chunks.recv_timeout(Duration::from_secs(5)) {
        all.extend(chunk);
    }
    String::from_utf8_lossy(&all).into_owned()
}

/// Waits for a child, kills it when its time is up, and returns its status if it ended
/// by itself.
fn wait_with_limit(mut child: Child, limit: Duration) -> Option<ExitStatus> {
    let pid = Pid::from_raw(i32::try_from(child.id()).expect("process ids are small"));
    let (sender, receiver) = mpsc::channel();
    let waiter = thread::spawn(move || sender.send(child.wait()));
    let status = receiver.recv_timeout(limit).ok();
    if status.is_none() {
        // Not yet waited for, so that the id is still this child's.
        let _ = kill(pid, Signal::SIGKILL);
    }
    let _ = waiter.join();
    status.map(|status| status.expect("a child can be waited for"))
}
