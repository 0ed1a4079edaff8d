//! On this machine's own kernel, with a table that moves no packet.

use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use ipvsd::shell::control::client::Client;
use nix::sys::signal::Signal;

use super::farm::{DYING, Farm, WEB};
use super::puppet::{Puppet, monotonic};
use super::{PATIENCE, Servers, millis, show, socket};
use crate::bench::Report;
use crate::bench::program::alone;
use crate::contender::{memory_rollup, processor_time};
use crate::{wait_for, wait_until};

/// The interval of every check.
const INTERVAL: Duration = Duration::from_secs(5);

/// How much is measured.
#[derive(Debug, Clone, Copy)]
pub struct Extent {
    /// Servers of each of a hundred services.
    pub each: u32,
    /// Of them, those that die.
    pub dying: u32,
    /// Runs of everything.
    pub rounds: usize,
    /// How long the steady state is watched.
    pub steady: Duration,
}

impl Extent {
    /// The whole of it: 100,000 servers.
    pub const FULL: Self = Self { each: 1000, dying: 50, rounds: 3, steady: Duration::from_secs(30) };
    /// A look.
    pub const QUICK: Self = Self { each: 200, dying: 10, rounds: 1, steady: Duration::from_secs(10) };
}

/// Runs all of it, with files in this folder.
///
/// # Panics
/// When something does not happen that must.
#[must_use]
pub fn run(extent: Extent, folder: &Path) -> Report {
    let count = extent.each * 100;
    let mut report =
        Report::new(&format!("checks: {count} servers, TCP_CHECK every 5 s, a table that moves no packet"));
    let mut samples = Samples::default();
    for round in 1..=extent.rounds {
        eprintln!("checks: round {round} of {}", extent.rounds);
        alone(|| steady(extent, folder, &mut samples));
        alone(|| storms(extent, folder, &mut samples));
    }
    for (who, metric, unit, values) in samples.0 {
        report.add(&who, &metric, unit, values);
    }
    report
}

/// Figures in the order in which they were first met.
#[derive(Default)]
struct Samples(Vec<(String, String, &'static str, Vec<f64>)>);

impl Samples {
    fn add(&mut self, who: &str, metric: &str, unit: &'static str, value: f64) {
        eprintln!("  {who}: {metric}: {value:.3} {unit}");
        match self.0.iter_mut().find(|known| known.0 == who && known.1 == metric) {
            Some(known) => known.3.push(value),
            None => self.0.push((who.to_owned(), metric.to_owned(), unit, vec![value])),
        }
    }
}

/// The daemon in a folder of its own.
struct Daemon {
    puppet: Puppet,
    folder: PathBuf,
}

impl Daemon {
    fn start(servers: Servers, folder: &Path) -> Self {
        // What the one before left.
        let _ = std::fs::remove_dir_all(folder);
        std::fs::create_dir_all(folder.join("state")).expect("a folder");
        std::fs::write(folder.join("checks.conf"), servers.conf()).expect("a file");
        let words = ["checks-daemon", folder.to_str().expect("a path in ASCII")];
        let puppet = Puppet::start(&words, Some(&folder.join("log")));
        Self { puppet, folder: folder.to_owned() }
    }

    /// Servers in the table, those deleted, sends that deleted any, and when the last one was.
    fn counts(&mut self) -> [f64; 4] {
        self.puppet.ask_numbers("counts")
    }

    fn wait_for(&mut self, servers: u32) {
        wait_until(PATIENCE, &format!("{servers} servers in the table"), || self.counts()[0] == f64::from(servers));
    }

    fn resident(&self) -> f64 {
        bytes(memory_rollup(self.puppet.pid(), "Rss"))
    }
}

#[expect(clippy::cast_precision_loss, reason = "memory is far below 2^52 bytes")]
fn bytes(count: u64) -> f64 {
    count as f64
}

fn steady(extent: Extent, folder: &Path, samples: &mut Samples) {
    let others: &'static [(u16, u32)] = Box::leak(Box::new([(DYING, extent.dying)]));
    let servers = Servers { services: 100, each: extent.each, others };
    let count = f64::from(servers.count());
    let mut farm = Farm::start();

    let mut few = Daemon::start(Servers { services: 1, each: 1, others: &[] }, &folder.join("few"));
    few.wait_for(1);
    // It has looked at its table and made its checks.
    thread::sleep(INTERVAL + Duration::from_secs(1));
    let base = few.resident();
    drop(few);

    let started = monotonic();
    let mut daemon = Daemon::start(servers, &folder.join("many"));
    daemon.wait_for(servers.count());
    samples.add("ipvsd", "process start to all servers in the table", "s", monotonic() - started);
    thread::sleep(2 * INTERVAL);
    let resident = daemon.resident();
    samples.add("ipvsd", "resident memory, one server", "MB", base / 1e6);
    samples.add("ipvsd", "resident memory, all", "MB", resident / 1e6);
    samples.add("ipvsd", "resident memory for each server beyond the base", "bytes", (resident - base) / count);

    let before = show(&daemon.folder).balancer;
    thread::sleep(Duration::from_secs(1));
    let pid = daemon.puppet.pid();
    let (time, accepted, processor) = (monotonic(), farm.accepted(), processor_time(pid));
    thread::sleep(extent.steady);
    let checks = farm.accepted() - accepted;
    let (time, processor) = (monotonic() - time, (processor_time(pid) - processor).as_secs_f64());
    let after = show(&daemon.folder).balancer;
    let lateness = after.probe_lateness.since(&before.probe_lateness);
    samples.add("ipvsd", "checks", "/s", checks / time);
    samples.add("ipvsd", "processor time for each check", "us", processor / checks * 1e6);
    samples.add("ipvsd", "lateness of a start, p99 of a round", "ms", millis(&lateness, 990));
    samples.add("ipvsd", "lateness of a start, worst of a round", "ms", millis(&lateness, 1000));
    assert_eq!(after.verdict_to_kernel, before.verdict_to_kernel, "a verdict has changed that nothing should change");

    // One after the other, as their turn comes.
    let closed = farm.close();
    let dying = servers.on(DYING);
    daemon.wait_for(servers.count() - dying);
    let [_, _, sends, deleted_at] = daemon.counts();
    let end = show(&daemon.folder).balancer.verdict_to_kernel.since(&after.verdict_to_kernel);
    samples.add("a port closed", "servers that died", "", f64::from(dying));
    samples.add("a port closed", "batches", "", bytes(end.count()));
    samples.add("a port closed", "sends to the table", "", sends);
    samples.add("a port closed", "from the first death to the last removal", "s", deleted_at - closed);
    samples.add("a port closed", "verdict to acknowledgement, median of a round", "ms", millis(&end, 500));
    samples.add("a port closed", "verdict to acknowledgement, p99 of a round", "ms", millis(&end, 990));
    samples.add("a port closed", "verdict to acknowledgement, worst of a round", "ms", millis(&end, 1000));
    let before_all = show(&daemon.folder).balancer.probe_lateness;
    let all = Client::new(socket(&daemon.folder)).patience(PATIENCE).snapshot().expect("the daemon answers");
    assert_eq!(
        all.balancer.services.iter().map(|service| service.servers.len()).sum::<usize>(),
        servers.count() as usize
    );
    let stall = millis(&show(&daemon.folder).balancer.probe_lateness.since(&before_all), 1000);
    samples.add("ipvsd", "`show` of all servers: lateness of the checks meanwhile, worst", "ms", stall);
    samples.add("ipvsd", "resident memory after a `show` of all servers", "MB", daemon.resident() / 1e6);
    drop(daemon);

    let rate = servers.count() / 5;
    let seconds = u32::try_from(extent.steady.as_secs()).expect("a short time").min(15);
    let words = ["checks-bare", &servers.count().to_string(), &rate.to_string(), &seconds.to_string()];
    let [checks, failed, processor, late] = Puppet::start(&words, None).ask_numbers("");
    assert!(failed < checks / 1000.0, "{failed} of {checks} connects failed");
    samples.add("bare loop", "checks", "/s", f64::from(rate));
    samples.add("bare loop", "processor time for each check", "us", processor / checks * 1e6);
    samples.add("bare loop", "lateness of a start, p99 of a round", "ms", late);
}

/// Servers that die in one instant, while all of them have been asked and owe an answer.
fn storms(extent: Extent, folder: &Path, samples: &mut Samples) {
    let others: &'static [(u16, u32)] = Box::leak(Box::new([(WEB, extent.dying)]));
    let servers = Servers { services: 100, each: extent.each, others };
    let dying = servers.on(WEB);
    let mut farm = Farm::start();
    let mut daemon = Daemon::start(servers, &folder.join("storm"));
    for stopped in [false, true] {
        daemon.wait_for(servers.count());
        farm.hold();
        wait_for(PATIENCE, "an open question to each", || match farm.held() {
            held if held == f64::from(dying) => Ok(()),
            held => Err(format!("{held} of {dying}")),
        });
        let before = show(&daemon.folder).balancer.verdict_to_kernel;
        let [_, _, sends, _] = daemon.counts();
        thread::sleep(Duration::from_secs(1));
        if stopped {
            daemon.puppet.signal(Signal::SIGSTOP);
        }
        let [first, last] = farm.reset();
        let from = if stopped { monotonic() } else { first };
        if stopped {
            daemon.puppet.signal(Signal::SIGCONT);
        }
        daemon.wait_for(servers.count() - dying);
        let [_, _, sends_after, deleted_at] = daemon.counts();
        let view = show(&daemon.folder).balancer;
        let timings = view.verdict_to_kernel.since(&before);
        let who = if stopped { "resets that lie there together" } else { "resets as they come" };
        samples.add(who, "servers that died", "", f64::from(dying));
        samples.add(who, "from the first reset to the last", "s", last - first);
        samples.add(who, "batches", "", bytes(timings.count()));
        samples.add(who, "sends to the table", "", sends_after - sends);
        samples.add(who, "from the first death to the last removal", "s", deleted_at - from);
        samples.add(who, "verdict to acknowledgement, worst of a round", "ms", millis(&timings, 1000));
        farm.serve();
    }
}
