//! Benchmarks, run by `scripts/bench` where each finds the kernel that it needs.

#![allow(clippy::expect_used, reason = "a benchmark that cannot run says so by panicking")]

use std::path::PathBuf;
use std::process::ExitCode;

use integration::bench::checks::{self, lab, native};
use integration::bench::failover::cells::Cells;
use integration::bench::failover::{self, Extent};
use integration::bench::program::{self, Places, Size, write_json};
use integration::bench::{Report, check};
use integration::bin;

const FULL: [Size; 2] =
    [Size { services: 1_000, servers: 10, rounds: 5 }, Size { services: 10_000, servers: 10, rounds: 1 }];
const QUICK: [Size; 1] = [Size { services: 1_000, servers: 10, rounds: 1 }];
/// 10,000 servers as a large installation has them, then ten times as many: what one reads costs ten times as much.
const FILES: [Size; 2] =
    [Size { services: 1_000, servers: 10, rounds: 11 }, Size { services: 10_000, servers: 10, rounds: 3 }];
const PARTS: [&str; 4] = ["duel", "calm", "crowd", "handover"];

const USAGE: &str =
    "usage: bench program [--quick]            (scripts/bench starts it where there is a kernel with IPVS)
       bench check [--quick]              (reads files; needs neither root nor IPVS)
       bench checks native|lab [--quick]  (native needs root, lab a kernel with IPVS)
       bench failover [--quick] [--rounds N] [--only CELL]... [PART...]
                                            (a PART is duel, calm, crowd or handover; a CELL of duel is words such
                                            as stop,100,ipvsd-ipvsd)";

fn main() -> ExitCode {
    let mut words: Vec<String> = std::env::args().skip(1).collect();
    let quick = words.iter().any(|word| word == "--quick");
    words.retain(|word| word != "--quick");
    let mut extent = if quick { Extent::QUICK } else { Extent::FULL };
    let mut cells = Cells::default();
    while let Some(at) = words.iter().position(|word| word == "--only" || word == "--rounds") {
        let (option, value) = (words.remove(at), if at < words.len() { words.remove(at) } else { String::new() });
        let taken = match option.as_str() {
            "--only" => cells.add(&value),
            _ => value.parse().map(|rounds| extent.rounds = rounds).map_err(|error| format!("`{value}`: {error}")),
        };
        if let Err(error) = taken {
            eprintln!("bench: {option}: {error}");
            return wrong();
        }
    }
    let Some((name, parts)) = words.split_first() else { return wrong() };
    let mut reports = Vec::new();
    let mut done = |report: Report| {
        println!("{}", report.table());
        reports.push(report);
    };
    match name.as_str() {
        "program" if parts.is_empty() => {
            let temporary = tempfile::tempdir().expect("a folder for files");
            let places = Places { ipvsd: bin("ipvsd"), ipvsctl: bin("ipvsctl"), folder: temporary.path().to_owned() };
            program::run(if quick { &QUICK } else { &FULL }, &places).into_iter().for_each(done);
        }
        "check" if parts.is_empty() => {
            let temporary = tempfile::tempdir().expect("a folder for files");
            let places = Places { ipvsd: bin("ipvsd"), ipvsctl: bin("ipvsctl"), folder: temporary.path().to_owned() };
            check::run(if quick { &QUICK } else { &FILES }, &places).into_iter().for_each(done);
        }
        // What `check` starts for each run.
        "measure" => {
            return match check::measure(parts) {
                Ok(()) => ExitCode::SUCCESS,
                Err(error) => {
                    eprintln!("bench: {}: {error}", parts.join(" "));
                    ExitCode::FAILURE
                }
            };
        }
        "checks" if matches!(parts, [part] if part == "native" || part == "lab") => {
            let temporary = tempfile::tempdir().expect("a folder for files");
            let folder = temporary.path().to_owned();
            done(if parts[0] == "native" {
                native::run(if quick { native::Extent::QUICK } else { native::Extent::FULL }, &folder)
            } else {
                let places = Places { ipvsd: bin("ipvsd"), ipvsctl: bin("ipvsctl"), folder };
                lab::run(if quick { lab::Extent::QUICK } else { lab::Extent::FULL }, &places)
            });
        }
        // Processes of `checks`.
        "checks-daemon" if parts.len() == 1 => return checks::daemon(parts),
        "checks-farm" => {
            checks::farm::run();
            return ExitCode::SUCCESS;
        }
        "checks-bare" if parts.len() == 3 => {
            checks::bare::run(parts);
            return ExitCode::SUCCESS;
        }
        "failover" if parts.iter().all(|part| PARTS.contains(&part.as_str())) => {
            failover::run(extent, parts, &cells, &mut done);
        }
        _ => return wrong(),
    }
    if let Some(results) = std::env::var_os("LAB_OUT").map(PathBuf::from) {
        write_json(&reports, &results.join(format!("{name}.json"))).expect("LAB_OUT can be written");
    }
    ExitCode::SUCCESS
}

fn wrong() -> ExitCode {
    eprintln!("{USAGE}");
    ExitCode::from(2)
}
