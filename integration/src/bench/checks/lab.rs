//! On a kernel with IPVS, ipvsd and keepalived in turn with the same file.

use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::Duration;

use ipvs_sys::{DestinationEntry, Dump, Ipvs};
use nix::unistd::Pid;

use super::farm::{DEAD, DYING, Farm};
use super::puppet::{Puppet, monotonic};
use super::{PATIENCE, Servers, millis, show, socket};
use crate::bench::Report;
use crate::bench::program::{Places, Running, alone, children, keepalived_command, resident_megabytes};
use crate::contender::processor_time;

/// How much is measured.
#[derive(Debug, Clone, Copy)]
pub struct Extent {
    /// Servers of each of a hundred services.
    pub each: u32,
    /// Runs of everything.
    pub rounds: usize,
    /// How long the steady state is watched.
    pub steady: Duration,
}

impl Extent {
    /// The whole of it: 10,000 servers.
    pub const FULL: Self = Self { each: 100, rounds: 3, steady: Duration::from_secs(30) };
    /// A look.
    pub const QUICK: Self = Self { each: 20, rounds: 1, steady: Duration::from_secs(10) };
}

/// Of each service, servers that are dead from the beginning, and those that die later.
const OTHERS: &[(u16, u32)] = &[(DEAD, 1), (DYING, 1)];

/// What one of them took.
struct Cost {
    settled: f64,
    memory: f64,
    processor: f64,
    checks: f64,
    gone: f64,
}

/// Runs both in turn.
///
/// # Panics
/// When something does not happen that must.
#[must_use]
pub fn run(extent: Extent, places: &Places) -> Report {
    let servers = Servers { services: 100, each: extent.each, others: OTHERS };
    let mut report = Report::new(&format!("checks: {} servers, TCP_CHECK every 5 s, IPVS", servers.count()));
    let mut costs: [Vec<Cost>; 2] = Default::default();
    let mut acknowledged: [Vec<f64>; 3] = Default::default();
    let (mut late, mut bare) = (Vec::new(), Vec::new());
    for round in 1..=extent.rounds {
        eprintln!("checks: round {round} of {}", extent.rounds);
        let folder = places.folder.join(format!("ours-{round}"));
        let start = || {
            Running::spawn(
                Command::new(&places.ipvsd)
                    .arg("--config")
                    .arg(folder.join("checks.conf"))
                    .arg("--socket")
                    .arg(socket(&folder))
                    .arg("--state-dir")
                    .arg(folder.join("state")),
                &folder.join("log"),
            )
        };
        costs[0].push(alone(|| {
            let mut before = None;
            measure(servers, extent, &folder, start, || {
                let view = show(&folder).balancer;
                let Some((verdicts, lateness)) = &before else {
                    return before = Some((view.verdict_to_kernel, view.probe_lateness));
                };
                for (all, part) in acknowledged.iter_mut().zip([500, 990, 1000]) {
                    all.push(millis(&view.verdict_to_kernel.since(verdicts), part));
                }
                late.push(millis(&view.probe_lateness.since(lateness), 990));
            })
        }));
        let folder = places.folder.join(format!("theirs-{round}"));
        let start =
            || Running::spawn(&mut keepalived_command(&folder.join("checks.conf"), &folder), &folder.join("log"));
        costs[1].push(alone(|| measure(servers, extent, &folder, start, || {})));
        bare.push(alone(|| {
            let _farm = Farm::start();
            // A tenth of the rate: this is about the price of one, not about how many there can be.
            let words = ["checks-bare", &servers.count().to_string(), &(servers.count() / 50).to_string(), "10"];
            let [checks, _, processor, _] = Puppet::start(&words, None).ask_numbers("");
            processor / checks * 1e6
        }));
    }
    for (who, costs) in ["ipvsd", "keepalived"].into_iter().zip(&costs) {
        let mut add = |metric: &str, unit: &str, value: fn(&Cost) -> f64| {
            report.add(who, metric, unit, costs.iter().map(value).collect());
        };
        add("process start to a settled table", "s", |cost| cost.settled);
        add("processor time for each check", "us", |cost| cost.processor / cost.checks * 1e6);
        add("processor time", "s/s", |cost| cost.processor);
        add("checks", "/s", |cost| cost.checks);
        add("resident memory of all processes", "MB", |cost| cost.memory);
        add("from the death of a hundred to the removal of the last", "s", |cost| cost.gone);
    }
    report.add("bare loop", "processor time for each check", "us", bare);
    let [median, p99, worst] = acknowledged;
    report.add("ipvsd", "verdict to acknowledgement, median of a round", "ms", median);
    report.add("ipvsd", "verdict to acknowledgement, p99 of a round", "ms", p99);
    report.add("ipvsd", "verdict to acknowledgement, worst of a round", "ms", worst);
    report.add("ipvsd", "lateness of a start while they die, p99 of a round", "ms", late);
    report
}

fn measure(
    servers: Servers,
    extent: Extent,
    folder: &Path,
    start: impl FnOnce() -> Running,
    mut look: impl FnMut(),
) -> Cost {
    std::fs::create_dir_all(folder.join("state")).expect("a folder");
    std::fs::write(folder.join("checks.conf"), servers.conf()).expect("a file");
    let mut farm = Farm::start();
    let started = monotonic();
    let daemon = start();
    wait_without(servers, &[DEAD]);
    let settled = monotonic() - started;
    // Whatever a start leaves to be done afterwards, and the rhythm of the checks.
    thread::sleep(Duration::from_secs(10));
    let mut processes = children(daemon.id());
    processes.push(daemon.id());
    let memory = resident_megabytes(&processes);
    let processor = || -> f64 {
        let ids = processes.iter().map(|id| Pid::from_raw(i32::try_from(*id).expect("a process's number")));
        ids.map(|pid| processor_time(pid).as_secs_f64()).sum()
    };
    let (time, spent, accepted) = (monotonic(), processor(), farm.accepted());
    thread::sleep(extent.steady);
    let (checks, spent, time) = (farm.accepted() - accepted, processor() - spent, monotonic() - time);
    look();
    let closed = farm.close();
    wait_without(servers, &[DEAD, DYING]);
    let gone = monotonic() - closed;
    look();
    eprintln!(
        "  settled {settled:.2} s, {:.1} us a check, {:.0} checks/s that arrive, {memory:.1} MB, gone {gone:.2} s",
        spent / checks * 1e6,
        checks / time
    );
    // Checks of dead servers cost something too, and arrive nowhere.
    let share = f64::from(servers.count()) / f64::from(servers.count() - servers.on(DEAD));
    Cost { settled, memory, processor: spent / time, checks: checks * share / time, gone }
}

/// Waits until each service in the kernel's table has all its servers but those on these ports.
///
/// Whoever is measured has the same processor, so that only one service is read at a time: the next when the one before has what
/// it shall have.
fn wait_without(servers: Servers, ports: &[u16]) {
    let mut ipvs = Ipvs::open().expect("IPVS in this kernel");
    let started = monotonic();
    let wait = || {
        assert!(monotonic() - started < PATIENCE.as_secs_f64(), "the servers were not there in time");
        thread::sleep(Duration::from_millis(20));
    };
    let services: Vec<_> = loop {
        match ipvs.services() {
            Ok(services) if services.len() == servers.services as usize => {
                break services.rows().iter().map(|entry| entry.id).collect();
            }
            Ok(_) | Err(_) => wait(),
        }
    };
    let gone: u32 = ports.iter().map(|port| servers.on(*port) / servers.services).sum();
    let expected = (servers.each - gone) as usize;
    for service in services {
        let is_settled = |there: &Dump<DestinationEntry>| {
            there.len() == expected && there.rows().iter().all(|entry| !ports.contains(&entry.id.port))
        };
        while !ipvs.destinations(&service).is_ok_and(|there| is_settled(&there)) {
            wait();
        }
    }
}
