//! The master dies, or leaves; the backup takes its address.
//!
//! A backup may not move before its time: from the last advert that it heard, three intervals and its skew (RFC 9568 section
//! 6.1); from an advert of priority 0, the skew alone. The last advert is seen on the wire, so that what a backup adds to
//! its time is known exactly, whenever within its interval the master was killed.

use std::net::IpAddr;
use std::thread;
use std::time::{Duration, Instant};

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

/// What one death and one departure took, in milliseconds.
#[derive(Debug, Default)]
struct Samples {
    kill_to_address: Vec<f64>,
    kill_to_arp: Vec<f64>,
    kill_late: Vec<f64>,
    stop_late: Vec<f64>,
}

/// Every pair at every interval.
#[must_use]
pub fn run(rounds: usize) -> Report {
    let mut report = Report::new("failover: kill -9 and clean stop of the master");
    for (words, interval) in INTERVALS {
        let mut duels: Vec<_> = PAIRS.iter().map(|pair| Duel::new(*pair, words, interval)).collect();
        for round in 1..=rounds {
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
        let bound = 3 * interval + skew(BACKUP, interval);
        let metric = |what: &str| format!("advert {words} s: {what}");
        let of = |choose: fn(&Samples) -> &Vec<f64>, report: &mut Report, what: &str| {
            for duel in &duels {
                report.add(&duel.name, &metric(what), "ms", choose(&duel.samples).clone());
            }
        };
        of(|samples| &samples.kill_to_address, &mut report, "kill -9 to the address on the backup");
        of(|samples| &samples.kill_to_arp, &mut report, "kill -9 to the first gratuitous ARP");
        let what = format!("lateness after a kill, beyond {:.1} ms from the last advert", millis(bound));
        of(|samples| &samples.kill_late, &mut report, &what);
        let what =
            format!("lateness after a clean stop, beyond {:.1} ms from priority 0", millis(skew(BACKUP, interval)));
        of(|samples| &samples.stop_late, &mut report, &what);
    }
    report
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
    _backup: Contender,
    /// A master that was told to stop, and may take its time: it is not waited for before the next is to be started.
    leaving: Option<Contender>,
    samples: Samples,
    /// State of a generator of pauses (xorshift32).
    seed: u32,
}

impl Duel {
    fn new(programs: (Program, Program), words: &'static str, interval: Duration) -> Self {
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
            _backup: backup,
            leaving: None,
            samples: Samples::default(),
            seed: 2_463_534_242,
        }
    }

    /// One death and one departure.
    fn round(&mut self) {
        let master = self.new_master();
        let (tap_mark, watch_mark) = (self.tap.mark().saturating_sub(1), self.watch.mark());
        let killed_at = master.kill();
        let address_at = self.watch.wait_came(PATIENCE, watch_mark, VIP);
        let arp_at = self.first_arp(killed_at);
        let last_advert = self.last_advert(tap_mark, address_at, false);
        let due = last_advert + 3 * self.interval + skew(BACKUP, self.interval);
        self.samples.kill_to_address.push(millis(address_at - killed_at));
        self.samples.kill_to_arp.push(millis(arp_at - killed_at));
        self.samples.kill_late.push(signed_millis(address_at, due));

        let master = self.new_master();
        let (tap_mark, watch_mark) = (self.tap.mark(), self.watch.mark());
        master.ask_to_stop();
        let address_at = self.watch.wait_came(PATIENCE, watch_mark, VIP);
        let farewell = self.last_advert(tap_mark, address_at, true);
        self.samples.stop_late.push(signed_millis(address_at, farewell + skew(BACKUP, self.interval)));
        self.leaving = Some(master);
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
    fn last_advert(&self, mark: usize, before: Instant, farewell: bool) -> Instant {
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
