//! `ipvsctl check` and `keepalived -t` on the same file: time from start to exit, and peak memory.
//!
//! Every run is measured by a process of its own (`bench measure`), whose only child it is: the system tells the peak memory
//! of all children of a process together, so one that had two would mix them up. Larger files show whether time and memory
//! grow with the file and no faster.

use std::fmt::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;
use std::{fs, io};

use nix::sys::resource::{UsageWho, getrusage};
use serde::{Deserialize, Serialize};

use super::Report;
use super::program::{Places, Size};

/// Kilobytes to megabytes.
const KILO: f64 = 1_000.0;

/// What one run cost.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct Cost {
    seconds: f64,
    /// Peak of resident memory, in kilobytes.
    peak_kb: i64,
    status: Option<i32>,
}

/// Services with servers, each with a check.
fn configuration(size: Size) -> String {
    let mut text = "global_defs {\n    router_id bench\n}\n".to_owned();
    for service in 0..size.services {
        let (high, low) = (service / 250, service % 250);
        // Writing to a string does not fail.
        let _ = write!(
            text,
            "virtual_server 10.{high}.{low}.1 80 {{\n    delay_loop 6\n    lb_algo wlc\n    lb_kind NAT\n    protocol TCP\n"
        );
        for server in 1..=size.servers {
            let _ = write!(
                text,
                "    real_server 192.0.2.{server} 80 {{\n        weight 1\n        TCP_CHECK {{\n            connect_timeout 3\n        }}\n    }}\n"
            );
        }
        text.push_str("}\n");
    }
    text
}

/// Runs a command and prints what it cost, for [`run`] to read.
///
/// # Errors
/// Those of starting it.
pub fn measure(words: &[String]) -> io::Result<()> {
    let (program, arguments) = words.split_first().ok_or(io::ErrorKind::InvalidInput)?;
    let start = Instant::now();
    let status = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()?;
    let seconds = start.elapsed().as_secs_f64();
    let peak_kb = getrusage(UsageWho::RUSAGE_CHILDREN)?.max_rss();
    println!("{}", serde_json::to_string(&Cost { seconds, peak_kb, status: status.code() })?);
    Ok(())
}

fn cost(words: &[&str]) -> Cost {
    let this = std::env::current_exe().expect("a running program has a path");
    let output = Command::new(this).arg("measure").args(words).output().expect("this program can be started again");
    serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{words:?}: {error}: {}", String::from_utf8_lossy(&output.stderr)))
}

/// Both programs in turn, for every size.
///
/// # Panics
/// When a program cannot be started, or does not accept the file.
#[must_use]
pub fn run(sizes: &[Size], places: &Places) -> Vec<Report> {
    sizes.iter().map(|size| run_size(*size, places)).collect()
}

fn run_size(size: Size, places: &Places) -> Report {
    let mut report = Report::new(&format!("check {} x {}", size.services, size.servers));
    let path = places.folder.join(format!("check-{}.conf", size.services));
    fs::write(&path, configuration(size)).expect("the folder can be written");
    let path = path.display().to_string();
    let ipvsctl = places.ipvsctl.display().to_string();
    let peer = Path::new("/usr/sbin/keepalived").exists();
    if !peer {
        println!("SKIP: keepalived is not installed, so there is nothing to compare with");
    }
    let mut costs: [Vec<Cost>; 2] = Default::default();
    for _ in 0..size.rounds {
        let ours = cost(&[&ipvsctl, "check", &path]);
        assert_eq!(ours.status, Some(0), "ipvsctl refuses {path}");
        costs[0].push(ours);
        if peer {
            let theirs = cost(&["/usr/sbin/keepalived", "-t", "-f", &path]);
            // One that stumbles over the file does another job, and its time tells nothing.
            assert_eq!(theirs.status, Some(0), "keepalived refuses {path}");
            costs[1].push(theirs);
        }
    }
    for (who, costs) in ["ipvsctl check", "keepalived -t"].into_iter().zip(costs) {
        report.add(who, "start to exit", "s", costs.iter().map(|cost| cost.seconds).collect());
        #[expect(clippy::cast_precision_loss, reason = "kilobytes of memory are far below 2^52")]
        let peaks = costs.iter().map(|cost| cost.peak_kb as f64 / KILO).collect();
        report.add(who, "peak memory", "MB", peaks);
    }
    report
}
