//! Hosts, the network between them, and time.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::net::IpAddr;
use std::time::{Duration, Instant};

use super::dice::Dice;
use super::history::{Deed, History, Network};
use super::host::{Host, Left};
use super::law;

/// Time that a script takes.
const SCRIPT: Duration = Duration::from_millis(20);
/// Turns in one run after which something goes round in circles.
const MOST_TURNS: u64 = 200_000;

/// Hosts, the network between them, and time.
pub(super) struct World {
    pub(super) hosts: Vec<Host>,
    pub(super) now: Instant,
    pub(super) start: Instant,
    /// Who announced an address last, on each switch.
    pub(super) neighbours: BTreeMap<(u8, IpAddr), usize>,
    /// States as they changed, for whoever reads a failure.
    pub(super) log: Vec<String>,
    network: Network,
    dice: Dice,
    coming: BinaryHeap<Reverse<(Instant, u64, usize, Coming)>>,
    order: u64,
}

/// Something on its way to a host.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Coming {
    Packet { side: u8, bytes: Vec<u8> },
    Script(u64),
}

impl World {
    pub(super) fn new(history: &History, start: Instant) -> Self {
        let host = |(number, setup): (usize, &super::history::Setup)| {
            Host::new(number, history.config(number, setup.priority))
        };
        Self {
            hosts: history.hosts.iter().enumerate().map(host).collect(),
            now: start,
            start,
            neighbours: BTreeMap::new(),
            log: Vec::new(),
            network: history.network,
            dice: Dice::new(history.seed ^ 0x5eed),
            coming: BinaryHeap::new(),
            order: 0,
        }
    }

    /// Carries a history out, and looks whether the laws hold.
    pub(super) fn run(&mut self, history: &History) -> Result<(), String> {
        for host in 0..self.hosts.len() {
            self.act(host, |host, now| host.start(now))?;
        }
        for deed in &history.deeds {
            self.log(|| format!("{deed:?}"));
            self.commit(history, *deed)?;
        }
        self.calm();
        let pauses = self.hosts.iter().filter_map(|host| host.paused_until).max();
        let held_up = pauses.map_or(Duration::ZERO, |until| until.saturating_duration_since(self.now));
        self.pass(held_up + history.time_to_rest())?;
        law::at_rest(self, history)?;
        let before: u64 = self.hosts.iter().map(|host| host.changes).sum();
        self.pass(history.longest_down() * 2)?;
        if self.hosts.iter().map(|host| host.changes).sum::<u64>() != before {
            return Err("states change in a network that is at rest".to_owned());
        }
        law::at_rest(self, history)?;
        law::succession(self, history)
    }

    fn log(&mut self, line: impl FnOnce() -> String) {
        let at = self.now.duration_since(self.start).as_secs_f64();
        self.log.push(format!("{at:9.4} {}", line()));
    }

    /// From here on the network does nothing to packets, and kernels do as they are told.
    fn calm(&mut self) {
        self.network = Network { loss_percent: 0, repeat_percent: 0, delay_micros: 1 };
        for host in &mut self.hosts {
            host.refuses = false;
        }
        self.log(|| "quiet".to_owned());
    }

    fn commit(&mut self, history: &History, deed: Deed) -> Result<(), String> {
        match deed {
            Deed::Wait(millis) => self.pass(Duration::from_millis(millis)),
            Deed::LinkDown(host) => self.act(host, |host, now| host.set_link(false, now)),
            Deed::LinkUp(host) => self.act(host, |host, now| host.set_link(true, now)),
            Deed::Script(host, ok) => self.change(host, |host| host.script_ok = ok),
            Deed::Kill(host) => self.change(host, Host::kill),
            // A process that is held up takes note of SIGTERM later; here it is killed instead.
            Deed::Stop(host) if self.hosts.get(host).is_some_and(|host| host.paused_until.is_some()) => {
                self.change(host, Host::kill)
            }
            Deed::Stop(host) => self.act(host, |host, now| host.stop(now)),
            Deed::Start(host) => self.act(host, |host, now| host.start(now)),
            Deed::Pause(host, millis) => {
                let until = self.now + Duration::from_millis(millis);
                self.change(host, |host| host.paused_until = host.runs().then_some(until))
            }
            Deed::Move(host, side) => self.change(host, |host| host.side = side),
            Deed::TakeAddress(host) => self.act(host, |host, now| host.lose_address(now)),
            Deed::Refuse(host, refuses) => self.change(host, |host| host.refuses = refuses),
            Deed::Reload(host, priority) => {
                let config = history.config(host, priority);
                self.act(host, |host, now| host.reload(config, now))
            }
        }
    }

    fn change(&mut self, host: usize, change: impl FnOnce(&mut Host)) -> Result<(), String> {
        if let Some(host) = self.hosts.get_mut(host) {
            change(host);
        }
        Ok(())
    }

    /// Lets a host do something, sends what leaves it, and looks whether the laws hold there.
    pub(super) fn act(
        &mut self,
        number: usize,
        deed: impl FnOnce(&mut Host, Instant) -> Result<Vec<Left>, String>,
    ) -> Result<(), String> {
        let now = self.now;
        let Some(host) = self.hosts.get_mut(number) else { return Ok(()) };
        let left = deed(host, now)?;
        let side = host.side;
        law::always(host)?;
        for line in std::mem::take(&mut host.news) {
            self.log(|| line);
        }
        for left in left {
            match left {
                Left::Packet(destination, bytes) => self.carry(number, side, destination, &bytes),
                Left::Announcement(address) => {
                    if self.hosts.get(number).is_some_and(|host| host.link_up) && !self.lost() {
                        self.neighbours.insert((side, address), number);
                    }
                }
                Left::Script(run) => self.put(now + SCRIPT, number, Coming::Script(run)),
            }
        }
        Ok(())
    }

    const fn lost(&mut self) -> bool {
        self.dice.percent(self.network.loss_percent)
    }

    fn carry(&mut self, from: usize, side: u8, destination: IpAddr, bytes: &[u8]) {
        for to in 0..self.hosts.len() {
            if to == from || self.hosts.get(to).is_none_or(|host| host.side != side || !host.takes(destination)) {
                continue;
            }
            let copies = if self.dice.percent(self.network.repeat_percent) { 2 } else { 1 };
            for _ in 0..copies {
                if !self.lost() {
                    let delay = Duration::from_micros(1 + self.dice.below(self.network.delay_micros));
                    self.put(self.now + delay, to, Coming::Packet { side, bytes: bytes.to_vec() });
                }
            }
        }
    }

    fn put(&mut self, at: Instant, to: usize, what: Coming) {
        self.order += 1;
        self.coming.push(Reverse((at, self.order, to, what)));
    }

    /// Lets time pass.
    pub(super) fn pass(&mut self, duration: Duration) -> Result<(), String> {
        let end = self.now + duration;
        for _ in 0..MOST_TURNS {
            let due = (0..self.hosts.len()).filter_map(|number| Some((self.hosts.get(number)?.due()?, number))).min();
            let coming = self.coming.peek().map(|Reverse((at, ..))| *at);
            let next = due.map(|(at, _)| at).into_iter().chain(coming).min().filter(|at| *at <= end);
            let Some(next) = next else {
                self.now = end;
                return Ok(());
            };
            self.now = self.now.max(next);
            if coming.is_some_and(|at| at <= self.now) {
                if let Some(Reverse((_, _, to, what))) = self.coming.pop() {
                    self.arrive(to, what)?;
                }
            } else if let Some((_, number)) = due {
                self.act(number, |host, now| host.turn(now))?;
            }
        }
        Err("time does not pass".to_owned())
    }

    fn arrive(&mut self, to: usize, what: Coming) -> Result<(), String> {
        match what {
            Coming::Packet { side, bytes } => {
                if self.hosts.get(to).is_some_and(|host| host.side == side) {
                    self.act(to, |host, now| host.hear(bytes, now))?;
                }
                Ok(())
            }
            Coming::Script(run) => self.act(to, |host, now| host.script_done(run, now)),
        }
    }
}
