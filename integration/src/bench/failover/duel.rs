//! The master dies, or leaves; the backup takes its address.
//!
//! A backup may not move before its time: from the last advert that it heard, three intervals and its skew (RFC 9568 section
//! 6.1); from an advert of priority 0, the skew alone. The last advert is seen on the wire, so that what a backup adds to
//! its time is known exactly, whenever within its interval the master was killed.
//!
//! Every single failover is kept beside the figures, with what tells whose fault its lateness was ([`Traces`]).

use std::net::IpAddr;
use std::thread;
use std::time::{Duration, Instant};

use serde::Serialize;

use super::cells::{Cells, Ending};
use super::witness::{BareTimers, Traces, Witness};
use super::{PATIENCE, Pair, VIP, conf, millis, skew};
use crate::bench::Report;
use crate::{AddressWatch, Contender, Program, Tap};

const MASTER: u8 = 150;
const BACKUP: u8 = 100;

/// The words of the file, and the same for us.
const INTERVALS: [(&str, Duration); 3] =
    [("1", Duration::from_secs(1)), ("0.1", Duration::from_millis(100)), ("0.01", Duration::from_millis(10))];

/// Master and backup.
const PAIRS: [(Program, Program); 4] = [
    (Program::Ipvsd, Program::Ipvsd),
    (Program::Keepalived, Program::Keepalived),
    (Program::Ipvsd, Program::Keepalived),
    (Program::Keepalived, Program::Ipvsd),
];

/// One death or departure. Times in milliseconds.
#[derive(Debug, Clone, Serialize)]
struct Failover {
    master: &'static str,
    backup: &'static str,
    advert_ms: f64,
    ending: Ending,
    /// From the signal to the address on the backup, and to its first gratuitous ARP.
    to_address_ms: f64,
    to_arp_ms: f64,
    /// What the protocol makes a backup wait from the last advert.
    bound_ms: f64,
    /// What the backup added to that.
    late_ms: f64,
    /// The same up to the gratuitous ARP, which the kernel stamps: the address was there before.
    arp_late_ms: f64,
    /// From the start of the benchmark.
    at_secs: f64,
    traces: Traces,
}

/// The pairs at every interval, as far as they are wanted.
#[must_use]
pub fn run(rounds: usize, cells: &Cells) -> Report {
    let mut report = Report::new("failover: kill -9 and clean stop of the master");
    let started = Instant::now();
    for (words, interval) in INTERVALS {
        let endings = |pair: (Program, Program)| {
            [Ending::Kill, Ending::Stop].into_iter().filter(|ending| cells.wants(*ending, interval, pair)).collect()
        };
        let wanted =
            PAIRS.iter().map(|pair| (*pair, endings(*pair))).filter(|(_, endings): &(_, Vec<_>)| !endings.is_empty());
        let mut duels: Vec<_> =
            wanted.map(|(pair, endings)| Duel::new(pair, words, interval, endings, started)).collect();
        for round in 1..=rounds {
            if duels.is_empty() {
                break;
            }
            eprintln!("failover: advert {words} s, round {round} of {rounds}");
            if interval >= Duration::from_secs(1) {
                // Seconds of waiting in which nothing runs: the pairs do not disturb one another.
                thread::scope(|scope| {
                    for duel in &mut duels {
                        scope.spawn(|| duel.round());
                    }
                });
            } else {
                for duel in &mut duels {
                    duel.round();
                }
            }
        }
        let metric = |what: &str| format!("advert {words} s: {what}");
        let mut add = |ending: Ending, what: &str, value: fn(&Failover) -> f64| {
            for duel in &duels {
                let samples = duel.samples.iter().filter(|sample| sample.ending == ending).map(value).collect();
                report.add(&duel.name, &metric(what), "ms", samples);
            }
        };
        add(Ending::Kill, "kill -9 to the address on the backup", |sample| sample.to_address_ms);
        add(Ending::Kill, "kill -9 to the first gratuitous ARP", |sample| sample.to_arp_ms);
        for (ending, after, since) in
            [(Ending::Kill, "kill", "the last advert"), (Ending::Stop, "clean stop", "priority 0")]
        {
            let bound = millis(wait(ending, interval));
            add(ending, &format!("lateness after a {after}, beyond {bound:.1} ms from {since}"), |sample| {
                sample.late_ms
            });
        }
        duels.iter().flat_map(|duel| &duel.samples).for_each(|sample| report.keep(sample));
    }
    report
}

/// What the protocol makes a backup wait from the last advert (RFC 9568 section 6.1).
fn wait(ending: Ending, interval: Duration) -> Duration {
    match ending {
        Ending::Kill => 3 * interval + skew(BACKUP, interval),
        Ending::Stop => skew(BACKUP, interval),
    }
}

/// A master and a backup that live through many rounds; the backup is never started again.
struct Duel {
    name: String,
    pair: Pair,
    interval: Duration,
    programs: (Program, Program),
    words: &'static str,
    tap: Tap,
    watch: AddressWatch,
    backup: Contender,
    endings: Vec<Ending>,
    /// A master that was told to stop, and may take its time: it is not waited for before the next is to be started.
    leaving: Option<Contender>,
    samples: Vec<Failover>,
    started: Instant,
    /// State of a generator of pauses (xorshift32).
    seed: u32,
}

impl Duel {
    fn new(
        programs: (Program, Program),
        words: &'static str,
        interval: Duration,
        endings: Vec<Ending>,
        started: Instant,
    ) -> Self {
        let name = format!("{} -> {}", programs.0.name(), programs.1.name());
        let pair = Pair::new(&format!("duel-{}-{}-{words}", programs.0.name(), programs.1.name()));
        let tap = Tap::start(&pair.two, "eth0");
        let watch = AddressWatch::start(&pair.two);
        let backup = Contender::start(programs.1, &pair.two, &conf(BACKUP, words));
        watch.wait_came(PATIENCE, 0, VIP);
        Self {
            name,
            pair,
            interval,
            programs,
            words,
            tap,
            watch,
            backup,
            endings,
            leaving: None,
            samples: Vec::new(),
            started,
            seed: 2_463_534_242,
        }
    }

    /// One death and one departure.
    fn round(&mut self) {
        for ending in self.endings.clone() {
            let master = self.new_master();
            let sample = self.fail_over(&master, ending);
            self.samples.push(sample);
            match ending {
                Ending::Kill => drop(master),
                Ending::Stop => self.leaving = Some(master),
            }
        }
    }

    fn fail_over(&self, master: &Contender, ending: Ending) -> Failover {
        let (tap_mark, watch_mark) = (self.tap.mark().saturating_sub(1), self.watch.mark());
        let witness = Witness::begin(&self.backup);
        let signal_at = match ending {
            Ending::Kill => master.kill(),
            Ending::Stop => master.ask_to_stop(),
        };
        // The backup's own deadline, from what was on the wire: a bare timer is to sleep to the same one.
        if ending == Ending::Stop {
            self.tap.wait_advert(PATIENCE, "a farewell", tap_mark, |advert| advert.priority == 0);
        }
        let expected = self.last_advert(tap_mark, Instant::now(), ending) + wait(ending, self.interval);
        let timers = BareTimers::set(expected);
        let address_at = self.watch.wait_came(PATIENCE, watch_mark, VIP);
        let arp_at = self.first_arp(signal_at);
        let traces = witness.end(timers);
        let due = self.last_advert(tap_mark, address_at, ending) + wait(ending, self.interval);
        Failover {
            master: self.programs.0.name(),
            backup: self.programs.1.name(),
            advert_ms: millis(self.interval),
            ending,
            to_address_ms: millis(address_at - signal_at),
            to_arp_ms: millis(arp_at - signal_at),
            bound_ms: millis(wait(ending, self.interval)),
            late_ms: signed_millis(address_at, due),
            arp_late_ms: signed_millis(arp_at, due),
            at_secs: (address_at - self.started).as_secs_f64(),
            traces,
        }
    }

    /// Starts a master, waits until the backup has given way, and then for a part of an interval, each time another.
    fn new_master(&mut self) -> Contender {
        if let Some(leaving) = self.leaving.take() {
            let _ = leaving.daemon().wait(PATIENCE);
        }
        let watch_mark = self.watch.mark();
        let master = Contender::start(self.programs.0, &self.pair.one, &conf(MASTER, self.words));
        self.watch.wait_went(PATIENCE, watch_mark, VIP);
        let mark = self.tap.mark();
        self.tap.wait_advert(PATIENCE, "an advert of the master", mark, |advert| advert.priority == MASTER);
        self.seed ^= self.seed << 13;
        self.seed ^= self.seed >> 17;
        self.seed ^= self.seed << 5;
        thread::sleep(self.interval.mul_f64(f64::from(self.seed) / f64::from(u32::MAX)));
        master
    }

    /// When the last advert of the master was on the wire before the backup had the address.
    fn last_advert(&self, mark: usize, before: Instant, ending: Ending) -> Instant {
        let farewell = ending == Ending::Stop;
        let master: IpAddr = "192.0.2.1".parse().expect("an address");
        let adverts = self.tap.adverts_from(mark.saturating_sub(200));
        adverts
            .iter()
            .rev()
            .find(|(at, advert)| *at <= before && advert.source == master && (advert.priority == 0) == farewell)
            .map_or_else(|| panic!("{}: no advert of the master was seen", self.name), |(at, _)| *at)
    }

    fn first_arp(&self, after: Instant) -> Instant {
        self.tap.wait(PATIENCE, "a gratuitous ARP of the backup", 0, |frame| {
            let announcement = frame.announcement()?;
            (frame.outgoing && frame.at >= after && announcement.address == VIP).then_some(frame.at)
        })
    }
}

fn signed_millis(at: Instant, due: Instant) -> f64 {
    if at >= due { millis(at - due) } else { -millis(due - at) }
}
