//! The `ipvsd` binary. All of it is in [`ipvsd::shell::supervisor`].
#![forbid(unsafe_code)]

use std::process::ExitCode;

use clap::Parser;
use ipvsd::shell::supervisor::{Arguments, run};

fn main() -> ExitCode {
    run(Arguments::parse()).into()
}
