//! The real `ipvsctl` against a control socket whose daemon is a list of canned answers.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod canned;
mod check;
mod config;
mod convert;
mod explain;
mod failures;
mod show;
mod verbs;
mod why;

use std::ffi::OsStr;
use std::process::{Command, Output, Stdio};

/// `ipvsctl` with these arguments, in an environment of its own.
fn ipvsctl(arguments: &[impl AsRef<OsStr>]) -> Command {
    let mut command = Command::new(integration::bin("ipvsctl"));
    command.args(arguments).env_clear().stdin(Stdio::null());
    command
}

/// What a run printed and how it ended.
#[derive(Debug)]
struct Run {
    status: Option<i32>,
    out: String,
    err: String,
}

impl Run {
    fn of(command: &mut Command) -> Self {
        command.output().unwrap().into()
    }
}

impl From<Output> for Run {
    fn from(output: Output) -> Self {
        Self {
            status: output.status.code(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }
}
