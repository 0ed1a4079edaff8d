//! `lab-diff [--jobs N] PLACE...`: compares keepalived and ipvsd on every `*.conf` of a folder. `scripts/lab-diff` builds it
//! and gives it a kernel.

#![allow(clippy::expect_used, clippy::panic, reason = "a comparison that cannot run says so by panicking")]

use std::fs::OpenOptions;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};

use integration::differ::{Patience, compare_all, configurations};

const USAGE: &str =
    "usage: lab-diff [--jobs N] PLACE...      (scripts/lab-diff starts it where there is a kernel with IPVS)";

fn main() -> ExitCode {
    let mut words = std::env::args().skip(1);
    let (mut jobs, mut files) = (4, Vec::new());
    while let Some(word) = words.next() {
        if word == "--jobs" {
            match words.next().and_then(|number| number.parse().ok()) {
                Some(number @ 1..) => jobs = number,
                _ => return wrong(),
            }
            continue;
        }
        match configurations(Path::new(&word)) {
            Ok(found) if found.is_empty() => println!("SKIP: {word}: no file of it ends in .conf"),
            Ok(found) => files.extend(found),
            // A folder that is not there is no reason to fail: not everybody has it.
            Err(error) => println!("SKIP: {word}: {error}"),
        }
    }
    if files.is_empty() {
        return if std::env::args().len() > 1 { ExitCode::SUCCESS } else { wrong() };
    }
    if std::env::var_os("IPVSD_LAB").is_none() {
        eprintln!("lab-diff: this wants a kernel of its own: run scripts/lab-diff");
        return ExitCode::from(2);
    }
    let details = std::env::var_os("LAB_OUT").map(|folder| PathBuf::from(folder).join("details.txt"));
    let all_explained = AtomicBool::new(true);
    compare_all(&files, jobs, Patience::default(), |comparison| {
        println!("{comparison}");
        if !comparison.is_as_meant() {
            all_explained.store(false, Ordering::Relaxed);
        }
        if let Some(path) = &details {
            let mut file = OpenOptions::new().append(true).create(true).open(path).expect("LAB_OUT can be written");
            file.write_all(comparison.details().as_bytes()).expect("LAB_OUT can be written");
        }
    });
    if all_explained.load(Ordering::Relaxed) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn wrong() -> ExitCode {
    eprintln!("{USAGE}");
    ExitCode::from(2)
}
