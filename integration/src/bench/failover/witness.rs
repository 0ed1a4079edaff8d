//! Whose fault a late failover is: the machine's, the daemon's, or the measuring's.
//!
//! A backup that is late was not woken in time, or waited for a processor that others had, or worked too long, or its address
//! was there in time and seen too late. Each leaves a trace that is not the sample itself, and all of them are kept beside it:
//!
//! - *bare timers*: threads that do nothing but sleep to the very deadline of the backup, one of the ordinary scheduler and
//!   one of the real-time scheduler on each processor. Where both of one processor are late, that processor stood still (a
//!   hypervisor had taken it, or interrupts were off); where only the ordinary one is, others had it.
//! - *the scheduler's books* of the thread that speaks VRRP: how long it ran and how long it was ready to run and did not.
//! - *its page faults*, and the processor that it ran on last.
//! - *stolen time*, as the hypervisor tells it, of all processors together, in steps of 10 ms.
//! - *its own record*, where it is ours: how late it looked at its deadline, and how long it took from there until the kernel had
//!   acknowledged the address. What remains was lost before (the last advert was heard late, so that the deadline was late)
//!   or afterwards (the address was seen late; the gratuitous ARP, which the kernel stamps, bounds that).

use std::fs;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use ipvsd::model::Scheduling;
use ipvsd::shell::scheduling;
use nix::unistd::Pid;
use serde::Serialize;

use super::millis;
use crate::waiting::wait_for;
use crate::{Contender, Program};

/// How long a line of the log may take to be written.
const PATIENCE: Duration = Duration::from_secs(10);
/// Of the real-time threads: above what a daemon is likely to have.
const PRIORITY: u8 = 50;
/// What the log line of a daemon of ours begins with, behind its time and level.
const RECORD: &str = "addresses were added after a deadline: looked at ";

/// What is known beside how late a backup was. Times in milliseconds.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Traces {
    /// How late each processor's bare timer of the ordinary scheduler woke; none where the deadline was over too soon.
    pub ordinary_timers_ms: Vec<f64>,
    /// The same of the real-time scheduler.
    pub realtime_timers_ms: Vec<f64>,
    /// How late the daemon says that it looked at its deadline.
    pub own_lateness_ms: Option<f64>,
    /// How long the daemon says that it took from there until its addresses were acknowledged.
    pub own_work_ms: Option<f64>,
    /// Time that its thread ran.
    pub ran_ms: f64,
    /// Time that its thread was ready to run and had no processor.
    pub waited_ms: f64,
    /// Times that its thread was put on a processor.
    pub turns: u64,
    /// Page faults served from memory.
    pub minor_faults: u64,
    /// Page faults served from a disk.
    pub major_faults: u64,
    /// The processor on which its thread ran last.
    pub processor: u64,
    /// Time that the hypervisor kept from all processors.
    pub stolen_ms: f64,
}

/// A backup that is watched from before its master goes until it has the address.
#[derive(Debug)]
pub struct Witness<'a> {
    backup: &'a Contender,
    thread: String,
    before: Books,
    records: usize,
}

impl<'a> Witness<'a> {
    /// Begins to watch.
    #[must_use]
    pub fn begin(backup: &'a Contender) -> Self {
        let thread = router_thread(backup);
        Self { backup, before: Books::read(&thread), thread, records: records(backup).len() }
    }

    /// The backup has the address.
    #[must_use]
    pub fn end(self, timers: Option<BareTimers>) -> Traces {
        let after = Books::read(&self.thread);
        let (ordinary, realtime) = timers.map(BareTimers::late).unwrap_or_default();
        let own = match self.backup.program() {
            Program::Ipvsd => wait_for(PATIENCE, "the daemon's own record of a takeover", || {
                records(self.backup).get(self.records).copied().ok_or("no new line in its log")
            })
            .into(),
            Program::Keepalived => None,
        };
        let before = self.before;
        Traces {
            ordinary_timers_ms: ordinary,
            realtime_timers_ms: realtime,
            own_lateness_ms: own.map(|(lateness, _)| lateness),
            own_work_ms: own.map(|(_, work)| work),
            ran_ms: millis(after.ran.saturating_sub(before.ran)),
            waited_ms: millis(after.waited.saturating_sub(before.waited)),
            turns: after.turns.saturating_sub(before.turns),
            minor_faults: after.minor_faults.saturating_sub(before.minor_faults),
            major_faults: after.major_faults.saturating_sub(before.major_faults),
            processor: after.processor,
            stolen_ms: millis(after.stolen.saturating_sub(before.stolen)),
        }
    }
}

/// The thread that speaks VRRP, as a folder of proc(5).
fn router_thread(contender: &Contender) -> String {
    let process: Pid = contender.router_process();
    let named = fs::read_dir(format!("/proc/{process}/task"))
        .into_iter()
        .flatten()
        .filter_map(Result::ok)
        .find(|task| fs::read_to_string(task.path().join("comm")).is_ok_and(|name| name.trim() == "router"));
    named.map_or_else(|| format!("/proc/{process}/task/{process}"), |task| task.path().to_string_lossy().into_owned())
}

/// Lateness and work of each takeover that a daemon of ours has told.
fn records(contender: &Contender) -> Vec<(f64, f64)> {
    let log = contender.daemon().log();
    let record = |line: &str| {
        let (_, rest) = line.split_once(RECORD)?;
        let (lateness, rest) = rest.split_once(" ms late, acknowledged ")?;
        Some((lateness.parse().ok()?, rest.split_once(" ms later")?.0.parse().ok()?))
    };
    log.lines().filter_map(record).collect()
}

/// What the kernel's books say at one moment.
#[derive(Debug, Default)]
struct Books {
    ran: Duration,
    waited: Duration,
    turns: u64,
    minor_faults: u64,
    major_faults: u64,
    processor: u64,
    stolen: Duration,
}

impl Books {
    fn read(thread: &str) -> Self {
        let number = |word: Option<&str>| word.and_then(|word| word.parse::<u64>().ok()).unwrap_or_default();
        let schedule = fs::read_to_string(format!("{thread}/schedstat")).unwrap_or_default();
        let mut schedule = schedule.split_whitespace();
        let (ran, waited) = (number(schedule.next()), number(schedule.next()));
        let turns = number(schedule.next());
        // Behind the name, which may hold anything: the first word is the third of proc(5).
        let stat = fs::read_to_string(format!("{thread}/stat")).unwrap_or_default();
        let stat: Vec<&str> = stat.rsplit_once(')').map_or("", |(_, rest)| rest).split_whitespace().collect();
        let field = |at: usize| number(stat.get(at - 3).copied());
        let machine = fs::read_to_string("/proc/stat").unwrap_or_default();
        let stolen = number(machine.lines().next().and_then(|line| line.split_whitespace().nth(8)));
        Self {
            ran: Duration::from_nanos(ran),
            waited: Duration::from_nanos(waited),
            turns,
            minor_faults: field(10),
            major_faults: field(12),
            processor: field(39),
            stolen: Duration::from_millis(stolen * 10),
        }
    }
}

/// Threads that sleep to a deadline.
#[derive(Debug)]
pub struct BareTimers(Vec<(bool, JoinHandle<f64>)>);

impl BareTimers {
    /// Sets them; none if there is no time left to.
    #[must_use]
    pub fn set(due: Instant) -> Option<Self> {
        if due < Instant::now() + Duration::from_millis(1) {
            return None;
        }
        let processors = thread::available_parallelism().map_or(1, usize::from);
        let each = (0..processors).filter_map(|at| u16::try_from(at).ok());
        let timers = each.flat_map(|processor| [(processor, false), (processor, true)]).map(|(processor, realtime)| {
            let timer = thread::spawn(move || {
                let wanted = Scheduling {
                    processors: vec![processor],
                    realtime: realtime.then_some(PRIORITY),
                    // The limit is of the whole process.
                    realtime_limit_micros: Some(u64::MAX),
                    ..Scheduling::default()
                };
                for problem in scheduling::apply(&wanted, &Scheduling::default()) {
                    eprintln!("a bare timer: {problem}");
                }
                thread::sleep(due.saturating_duration_since(Instant::now()));
                millis(Instant::now().saturating_duration_since(due))
            });
            (realtime, timer)
        });
        Some(Self(timers.collect()))
    }

    /// How late each was: the ordinary ones, and the real-time ones.
    fn late(self) -> (Vec<f64>, Vec<f64>) {
        let late = self.0.into_iter().map(|(realtime, timer)| (realtime, timer.join().expect("a bare timer")));
        let (realtime, ordinary): (Vec<_>, Vec<_>) = late.partition(|(realtime, _)| *realtime);
        let times = |all: Vec<(bool, f64)>| all.into_iter().map(|(_, late)| late).collect();
        (times(ordinary), times(realtime))
    }
}
