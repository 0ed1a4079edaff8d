//! The `ipvsctl` binary. All of it is in [`ipvsd::ctl`].
#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    ipvsd::ctl::run(std::env::args_os())
}
