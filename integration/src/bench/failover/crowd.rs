//! Two hundred virtual routers on one interface: processor time and memory of the process that speaks VRRP.

use std::fmt::Write as _;
use std::thread;
use std::time::{Duration, Instant};

use nix::unistd::Pid;

use super::{PATIENCE, Pair};
use crate::bench::Report;
use crate::contender::{memory_rollup, processor_time};
use crate::{Contender, Program, Tap, wait_until};

const ROUTERS: u8 = 200;

/// Both programs, as master and as backup, at the same time.
#[must_use]
pub fn run(time: Duration) -> Report {
    let mut report = Report::new("failover: 200 virtual routers on one interface (advert 1 s)");
    let programs = [Program::Ipvsd, Program::Keepalived];
    let figures = thread::scope(|scope| {
        let runs: Vec<_> = programs.map(|program| scope.spawn(move || measure(program, time))).into_iter().collect();
        runs.into_iter().map(|run| run.join().expect("a measurement")).collect::<Vec<_>>()
    });
    for (role, which) in [("master", 0), ("backup", 1)] {
        for (program, figures) in programs.iter().zip(&figures) {
            let figure = &figures[which];
            report.add(program.name(), &format!("processor time as {role}"), "s/s", vec![figure.seconds]);
            for (what, megabytes) in &figure.memory {
                report.add(program.name(), &format!("{what}, as {role}"), "MB", vec![*megabytes]);
            }
        }
    }
    report
}

/// What a process costs: processor seconds a second, and megabytes.
#[derive(Debug)]
struct Figure {
    seconds: f64,
    memory: Vec<(String, f64)>,
}

/// As master and as backup.
fn measure(program: Program, time: Duration) -> [Figure; 2] {
    let pair = Pair::new(&format!("crowd-{}", program.name()));
    let tap = Tap::start(&pair.two, "eth0");
    let master = Contender::start(program, &pair.one, &conf(150));
    let all = |mark| {
        let mut vrids: Vec<u8> = tap.adverts_from(mark).iter().map(|(_, advert)| advert.vrid).collect();
        vrids.sort_unstable();
        vrids.dedup();
        vrids.len() == usize::from(ROUTERS)
    };
    wait_until(PATIENCE, "all routers to be masters", || all(0));
    let backup = Contender::start(program, &pair.two, &conf(100));
    // Both have come to rest: announcements are over, and the backup hears all.
    thread::sleep(Duration::from_secs(8));
    let mark = tap.mark();
    wait_until(PATIENCE, "all routers still masters", || all(mark));
    let processes = [master.router_process(), backup.router_process()];
    let (before, started) = (processes.map(processor_time), Instant::now());
    thread::sleep(time);
    let (after, elapsed) = (processes.map(processor_time), started.elapsed());
    assert!(
        tap.adverts_from(mark).iter().all(|(_, advert)| advert.priority == 150),
        "{}: a backup spoke up",
        program.name()
    );
    let figure = |which: usize, contender: &Contender| Figure {
        seconds: after[which].saturating_sub(before[which]).as_secs_f64() / elapsed.as_secs_f64(),
        memory: memory(processes[which], &contender.processes()),
    };
    [figure(0, &master), figure(1, &backup)]
}

/// Kinds of memory by their names in `/proc/PID/smaps_rollup` (proc(5)). What several processes share is in the resident memory
/// of each, and in the proportional memory of each by its share; a child's memory that its parent still shares is anonymous,
/// and not its own.
const KINDS: [(&str, &str); 4] = [
    ("resident memory", "Rss"),
    ("proportional memory", "Pss"),
    ("anonymous memory", "Anonymous"),
    ("memory of its own that was written to", "Private_Dirty"),
];

/// Of the process that speaks VRRP, and of all together.
fn memory(router: Pid, all: &[Pid]) -> Vec<(String, f64)> {
    let own = KINDS.map(|(what, line)| (what.to_owned(), megabytes(router, line)));
    let together = KINDS.map(|(what, line)| {
        (format!("{what} of all its processes"), all.iter().map(|pid| megabytes(*pid, line)).sum())
    });
    own.into_iter().chain(together).collect()
}

#[expect(clippy::cast_precision_loss, reason = "a process has less than 2^52 bytes")]
fn megabytes(pid: Pid, line: &str) -> f64 {
    memory_rollup(pid, line) as f64 / 1e6
}

fn conf(priority: u8) -> String {
    let mut text = String::new();
    for vrid in 1..=ROUTERS {
        let _ = write!(
            text,
            "vrrp_instance VI_{vrid} {{\n  interface eth0\n  virtual_router_id {vrid}\n  priority {priority}\n  \
             version 3\n  advert_int 1\n  virtual_ipaddress {{\n    192.0.2.{}/32\n  }}\n}}\n",
            u16::from(vrid) + 20
        );
    }
    text
}
