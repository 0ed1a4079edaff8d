//! Another process of this program that does its part of a benchmark, and is asked line by line over its standard input and
//! output. It ends when its input does.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::time::{ClockId, clock_gettime};
use nix::unistd::Pid;

/// A running one. Dropping it kills it.
#[derive(Debug)]
pub struct Puppet {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Puppet {
    /// Starts `bench WORDS...`, whose errors go to this file.
    ///
    /// # Panics
    /// When it cannot be started.
    #[must_use]
    pub fn start(words: &[&str], log: Option<&std::path::Path>) -> Self {
        let mut command = Command::new(std::env::current_exe().expect("a running program has a path"));
        command.args(words).stdin(Stdio::piped()).stdout(Stdio::piped());
        if let Some(log) = log {
            command.stderr(std::fs::File::create(log).expect("a log"));
        }
        let mut child = command.spawn().expect("this program can be started again");
        let (input, output) = (child.stdin.take().expect("piped"), child.stdout.take().expect("piped"));
        Self { child, input, output: BufReader::new(output) }
    }

    /// Asks; gives the answer's line.
    ///
    /// # Panics
    /// When it has ended.
    pub fn ask(&mut self, question: &str) -> String {
        writeln!(self.input, "{question}").expect("the other process");
        let mut line = String::new();
        let length = self.output.read_line(&mut line).expect("the other process");
        assert!(length > 0, "the other process ended at `{question}`");
        line.trim_end().to_owned()
    }

    /// The same, where the answer is numbers.
    ///
    /// # Panics
    /// When it is not.
    pub fn ask_numbers<const N: usize>(&mut self, question: &str) -> [f64; N] {
        let line = self.ask(question);
        let numbers: Vec<f64> = line.split_whitespace().map(|word| word.parse().expect("a number")).collect();
        numbers.try_into().unwrap_or_else(|_| panic!("`{question}` is answered by `{line}`"))
    }

    /// Its number.
    ///
    /// # Panics
    /// Never on Linux.
    #[must_use]
    pub fn pid(&self) -> Pid {
        Pid::from_raw(i32::try_from(self.child.id()).expect("a process's number"))
    }

    /// Sends it a signal.
    ///
    /// # Panics
    /// When it is gone.
    pub fn signal(&self, signal: Signal) {
        kill(self.pid(), signal).expect("a running child can be signalled");
    }
}

impl Drop for Puppet {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Answers questions until there are no more.
pub fn answer(mut reply: impl FnMut(&str) -> String) {
    for question in std::io::stdin().lines().map_while(Result::ok) {
        let mut output = std::io::stdout().lock();
        if writeln!(output, "{}", reply(&question)).and_then(|()| output.flush()).is_err() {
            return;
        }
    }
}

/// Seconds of the clock that all processes of a machine share.
#[must_use]
pub fn monotonic() -> f64 {
    clock_gettime(ClockId::CLOCK_MONOTONIC).map_or(0.0, |time| Duration::from(time).as_secs_f64())
}
