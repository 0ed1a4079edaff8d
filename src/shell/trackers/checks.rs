//! Checks that routers watch: the machines and sockets of every other check, on a thread of their own.
//!
//! Each run is told. How many in a row make a change (`rise`, `fall`) is counted where scripts are counted. A run that this
//! host could not even try is no news and is not told; the log says so once.

use std::hash::{BuildHasher, RandomState};
use std::io;
use std::os::fd::AsRawFd;
use std::time::{Duration, Instant};

use mio::unix::SourceFd;
use mio::{Events, Interest, Poll};
use tracing::{info, warn};

use super::Mail;
use crate::check::{Input, Machine, Obstacle, Order, Outcome, Random, same_probe};
use crate::model::{Config, TrackCheck};
use crate::shell::probe::{Prober, Progress};
use crate::shell::rounds;
use crate::shell::tokens::Source;
use crate::vrrp::engine::Fact;

/// Socket events that are taken in one turn.
const EVENTS: usize = 256;

#[derive(Debug)]
struct Slot {
    config: TrackCheck,
    machine: Machine,
    /// Number of the probe that runs.
    probe: u64,
    /// The last run could not be tried, and the log says so.
    hindered: bool,
}

struct Checks<'a> {
    slots: Vec<Slot>,
    prober: Prober<u64>,
    probes: u64,
    random: Random,
    tell: &'a dyn Fn(Fact),
}

pub(super) fn run(mail: &mut Mail, tell: &dyn Fn(Fact)) {
    if let Err(error) = try_run(mail, tell) {
        tracing::error!("checks that routers watch cannot be run: {error}");
        // There is nothing else to do than to see the end.
        while !mail.ended {
            mail.wait(None, None);
            mail.read();
        }
    }
}

fn try_run(mail: &mut Mail, tell: &dyn Fn(Fact)) -> io::Result<()> {
    let mut poll = Poll::new()?;
    poll.registry().register(&mut SourceFd(&mail.knock.as_raw_fd()), Source::Inbox.token(), Interest::READABLE)?;
    let prober = Prober::new(poll.registry().try_clone()?, RandomState::new().hash_one(std::process::id()));
    let mut checks = Checks { slots: Vec::new(), prober, probes: 0, random: Random::new(0), tell };
    let mut events = Events::with_capacity(EVENTS);
    loop {
        let config = mail.read();
        if mail.ended {
            return Ok(());
        }
        if let Some(config) = config {
            checks.configure(&config, Instant::now());
        }
        let next = checks.slots.iter().filter_map(|slot| slot.machine.poll_timeout()).min();
        let timeout = next.map(|at| at.saturating_duration_since(Instant::now()));
        match poll.poll(&mut events, timeout) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        }
        // Answers before deadlines: after a stall of ours, both may lie there.
        let now = checks.answers(&mut poll, &mut events)?;
        checks.wake(now);
        checks.prober.close();
    }
}

impl Checks<'_> {
    fn configure(&mut self, config: &Config, now: Instant) {
        self.prober.reload();
        let mut before = std::mem::take(&mut self.slots);
        for check in &config.checks {
            let same = |slot: &Slot| slot.config.name == check.name && same_probe(&slot.config.check, &check.check);
            self.slots.push(match before.iter().position(same) {
                Some(at) => {
                    let mut slot = before.swap_remove(at);
                    if slot.config.check != check.check {
                        slot.machine.reconfigure(&check.check, now);
                    }
                    Slot { config: check.clone(), ..slot }
                }
                None => Slot {
                    config: check.clone(),
                    machine: Machine::new(Duration::ZERO, now),
                    probe: 0,
                    hindered: false,
                },
            });
        }
        for gone in before {
            self.prober.cancel(gone.probe);
        }
        self.wake(now);
    }

    /// Takes every answer that is there. Gives the moment up to which all were taken.
    fn answers(&mut self, poll: &mut Poll, events: &mut Events) -> io::Result<Instant> {
        rounds::take(poll, events, Instant::now(), self.prober.sockets(), |event, now| {
            // Nobody watches a path here: of one event there is one piece of news.
            if let Some((probe, progress)) = self.prober.ready(event.token())
                && let Some(at) = self.slots.iter().position(|slot| slot.probe == probe)
            {
                let input = match progress {
                    Progress::Reached(stage) => Input::Reached(stage),
                    Progress::Done(outcome) => Input::Probed(outcome),
                };
                self.turn(at, input, now);
            }
        })
    }

    fn wake(&mut self, now: Instant) {
        for at in 0..self.slots.len() {
            self.turn(at, Input::Wake, now);
        }
    }

    fn turn(&mut self, at: usize, input: Input, now: Instant) {
        let Some(slot) = self.slots.get_mut(at) else { return };
        let before = slot.machine.counts();
        let order = slot.machine.handle(&slot.config.check, input, &mut self.random, now).order;
        let concluded = slot.machine.counts() != before;
        match order {
            Some(Order::Start) => {
                self.probes += 1;
                slot.probe = self.probes;
                if let Some(outcome) = self.prober.start(self.probes, &slot.config.check.kind) {
                    // A router watches the way as well: that there is none is what it wants to know.
                    let routeless = outcome == Outcome::NotTried(Obstacle::NoRoute);
                    let outcome = if routeless { Outcome::NetworkUnreachable } else { outcome };
                    self.turn(at, Input::Probed(outcome), now);
                }
            }
            Some(Order::Cancel) => self.prober.cancel(slot.probe),
            None => {}
        }
        if concluded {
            self.concluded(at);
        }
    }

    fn concluded(&mut self, at: usize) {
        let Some(slot) = self.slots.get_mut(at) else { return };
        let Some(outcome) = slot.machine.last() else { return };
        let name = &slot.config.name;
        if let Outcome::NotTried(obstacle) = outcome {
            if !std::mem::replace(&mut slot.hindered, true) {
                warn!("check {name} ({}) cannot be made and counts as nothing: {obstacle}", slot.config.check.kind);
            }
            return;
        }
        if std::mem::take(&mut slot.hindered) {
            info!("check {name} ({}) can be made again", slot.config.check.kind);
        }
        (self.tell)(Fact::Check {
            name: name.clone(),
            ok: outcome.is_ok(),
            detail: outcome.of(&slot.config.check.kind),
        });
    }
}
