//! Benchmarks, run inside a lab guest by `scripts/bench`.

#![allow(clippy::expect_used, reason = "a benchmark that cannot run says so by panicking")]

use std::path::PathBuf;
use std::process::ExitCode;

use integration::bench::program::{Places, Size, run, write_json};
use integration::bin;

const FULL: [Size; 2] =
    [Size { services: 1_000, servers: 10, rounds: 5 }, Size { services: 10_000, servers: 10, rounds: 1 }];
const QUICK: [Size; 1] = [Size { services: 1_000, servers: 10, rounds: 1 }];

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let sizes: &[Size] = match words.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["program"] => &FULL,
        ["program", "--quick"] => &QUICK,
        _ => {
            eprintln!("usage: bench program [--quick]    (scripts/bench starts it where there is a kernel with IPVS)");
            return ExitCode::from(2);
        }
    };
    let temporary = tempfile::tempdir().expect("a folder for files");
    let places = Places { ipvsd: bin("ipvsd"), ipvsctl: bin("ipvsctl"), folder: temporary.path().to_owned() };
    let reports = run(sizes, &places);
    for report in &reports {
        println!("{}", report.table());
    }
    if let Some(results) = std::env::var_os("LAB_OUT").map(PathBuf::from) {
        write_json(&reports, &results.join("program.json")).expect("LAB_OUT can be written");
    }
    ExitCode::SUCCESS
}
