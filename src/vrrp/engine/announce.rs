//! Announcements: how neighbours and switches learn where an address is now.
//!
//! The machine says when ([`Output::Announce`](crate::vrrp::machine::Output)): at promotion, a second time some seconds
//! later, while somebody of lower priority is heard, and to refresh. Here it is said how: a gratuitous ARP or an
//! unsolicited neighbour advertisement for each address, in turn, so that a receiver that loses packets in a row still hears
//! of each.
//!
//! Where frames must keep a distance (`garp_interval`, `gna_interval`, `garp_group`), they wait in lanes, one for each
//! interface, or group of interfaces, and protocol. An address waits once however often it is to be announced, so a lane is
//! no longer than the configuration. Very many at once wait there too, and leave a few in each turn of the loop: adverts
//! come first. Whether an address is still ours is looked at when its turn has come: nothing needs
//! to be taken out of a lane, and no address is announced that is not on the host.

use std::collections::{BTreeMap, VecDeque};
use std::net::IpAddr;
use std::time::{Duration, Instant};

use super::instance::{Entry, Serial};
use super::{HostAddress, Link, Output, Router};
use crate::model::{Announcements, Transport};
use crate::wire::{arp, ndp};

/// Announcements of one address in one burst, whatever the configuration says.
const MOST_REPEATS: u32 = 100;

/// Frames that leave in one turn. Each costs some microseconds; an advert that is due meanwhile waits no longer than for
/// these.
const FRAMES_A_TURN: usize = 64;

/// Lanes with something in them, or that somebody has just left.
pub(super) type Lanes = BTreeMap<LaneKey, Lane>;

/// What keeps a distance to each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct LaneKey {
    road: Road,
    /// Neighbour advertisements; gratuitous ARP otherwise.
    ipv6: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Road {
    /// An interface, by its number.
    Interface(u32),
    /// A `garp_group`, by its place in the list.
    Group(usize),
}

/// Announcements that wait for their turn.
#[derive(Debug)]
pub(super) struct Lane {
    /// The next may leave then.
    next_at: Instant,
    waiting: VecDeque<Waiting>,
}

#[derive(Debug)]
struct Waiting {
    /// Whose: names change at a reload, and places in lists.
    router: Serial,
    place: HostAddress,
    /// Times that it is still to be announced.
    left: u32,
    /// Time to the next one.
    distance: Duration,
}

impl Router {
    /// Announces a router's addresses, or only some.
    pub(super) fn announce(&mut self, at: usize, repeat: u32, only: Option<&[HostAddress]>, now: Instant) {
        let Some(entry) = self.instances.get(at) else { return };
        let repeat = repeat.min(MOST_REPEATS);
        let mut at_once = Vec::new();
        let mut later = Vec::new();
        for place in self.places(entry).into_iter().filter(|place| only.is_none_or(|only| only.contains(place))) {
            let (key, distance) = self.lane(&place, &entry.machine.settings().announcements);
            let waiting = Waiting { router: entry.serial, place, left: repeat, distance };
            if distance.is_zero() { at_once.push((key, waiting)) } else { later.push((key, waiting)) }
        }
        let repeats = usize::try_from(repeat).unwrap_or(usize::MAX);
        if self.frames_this_turn.saturating_add(at_once.len().saturating_mul(repeats)) <= FRAMES_A_TURN {
            let frames: Vec<Output> =
                at_once.iter().filter_map(|(_, waiting)| self.frame(entry, &waiting.place)).collect();
            self.frames_this_turn += frames.len() * repeats;
            for _ in 0..repeat {
                self.outputs.extend(frames.iter().cloned());
            }
        } else {
            later.append(&mut at_once);
        }
        let router = entry.serial;
        later.retain(|(_, waiting)| waiting.left > 0);
        // At once, where nobody has left the lane a moment ago.
        self.enqueue(router, later, now);
    }

    /// One announcement on each interface that holds addresses of the router and that it does not advertise on: switches
    /// there forget where they are. Only on its own virtual link, unless told otherwise (`garp_extra_if all`).
    pub(super) fn announce_extra(&mut self, at: usize, now: Instant) {
        let Some(entry) = self.instances.get(at) else { return };
        let all = entry.machine.settings().announcements.extra_all;
        let number = |link: Option<&Link>| link.map(|link| link.index);
        let voice = number(self.voice(entry));
        let home = number(self.home(entry));
        let mut chosen: Vec<HostAddress> = Vec::new();
        for place in self.places(entry) {
            let known = chosen.iter().any(|other| other.index == place.index);
            if !known && Some(place.index) != voice && (all || Some(place.index) == home) {
                chosen.push(place);
            }
        }
        self.announce(at, 1, Some(&chosen), now);
    }

    /// A router that is known to its peers by its own address, and was cut off, tells where that address is.
    pub(super) fn announce_source(&mut self, at: usize) {
        let Some(entry) = self.instances.get(at) else { return };
        if !matches!(entry.config.transport, Transport::Unicast { .. }) {
            return;
        }
        let source = entry.machine.settings().source;
        let Some(link) = self.base(entry) else { return };
        let held = self.addresses.get(&link.index).is_some_and(|all| all.iter().any(|(address, _)| *address == source));
        if held {
            let frame = self.frame_on(link, source);
            self.outputs.extend(frame);
        }
    }

    /// Sends what has waited long enough: once a turn, after the adverts that are due.
    pub(super) fn send_announcements(&mut self, now: Instant) {
        let mut lanes = std::mem::take(&mut self.lanes);
        for lane in lanes.values_mut() {
            while lane.next_at <= now && self.frames_this_turn < FRAMES_A_TURN {
                let Some(mut waiting) = lane.waiting.pop_front() else { break };
                let entry = self.instances.iter().find(|entry| entry.serial == waiting.router);
                let frame = entry.and_then(|entry| self.frame(entry, &waiting.place));
                let Some(frame) = frame else { continue };
                self.outputs.push_back(frame);
                self.frames_this_turn += 1;
                lane.next_at = now + waiting.distance;
                waiting.left = waiting.left.saturating_sub(1);
                if waiting.left > 0 {
                    lane.waiting.push_back(waiting);
                }
            }
        }
        self.frames_this_turn = 0;
        // An empty one keeps the distance to what may come next.
        lanes.retain(|_, lane| !lane.waiting.is_empty() || lane.next_at > now);
        self.lanes = lanes;
    }

    /// When [`send_announcements`](Self::send_announcements) has something to do.
    pub(super) fn next_announcement(&self) -> Option<Instant> {
        self.lanes.values().filter(|lane| !lane.waiting.is_empty()).map(|lane| lane.next_at).min()
    }

    /// An address could not be put on: what was to be said of it is not.
    pub(super) fn silence(&mut self, place: &HostAddress) {
        self.outputs.retain(|output| match output {
            Output::Frame { index, address, .. } => (*index, *address) != (place.index, place.address),
            Output::Listen(_)
            | Output::Send { .. }
            | Output::AddAddress { .. }
            | Output::RemoveAddress(_)
            | Output::RunScript(_)
            | Output::Notify(_)
            | Output::Event(_)
            | Output::Stopped
            | Output::Fifo(_)
            | Output::AddLink(_)
            | Output::RaiseLink { .. }
            | Output::RemoveLink { .. }
            | Output::Sysctl { .. }
            | Output::RestoreSysctl { .. }
            | Output::ReversePathByLink(_)
            | Output::Firewall(_)
            | Output::WatchClaims(_)
            | Output::LookAtScripts(_)
            | Output::WatchSteering(_)
            | Output::AddSteering { .. }
            | Output::RemoveSteering { .. }
            | Output::RecordSteering { .. }
            | Output::UpdateAddress { .. } => true,
        });
    }

    /// Lets announcements of a router wait. One look at who waits already does for all: there may be thousands of both.
    fn enqueue(&mut self, router: Serial, later: Vec<(LaneKey, Waiting)>, due: Instant) {
        let mut known: BTreeMap<(LaneKey, HostAddress), usize> = BTreeMap::new();
        for (key, lane) in &self.lanes {
            let own = lane.waiting.iter().enumerate().filter(|(_, waiting)| waiting.router == router);
            known.extend(own.map(|(at, waiting)| ((*key, waiting.place), at)));
        }
        for (key, waiting) in later {
            let lane = self.lanes.entry(key).or_insert_with(|| Lane { next_at: due, waiting: VecDeque::new() });
            match known.get(&(key, waiting.place)).and_then(|at| lane.waiting.get_mut(*at)) {
                Some(old) => old.left = old.left.max(waiting.left),
                None => {
                    known.insert((key, waiting.place), lane.waiting.len());
                    lane.waiting.push_back(waiting);
                }
            }
        }
    }

    /// Where an announcement belongs, and the distance that it keeps there.
    fn lane(&self, place: &HostAddress, announcements: &Announcements) -> (LaneKey, Duration) {
        let ipv6 = place.address.is_ipv6();
        let name = self.links.get(&place.index).map(|link| link.name.as_str());
        let group = self
            .config
            .router
            .garp_groups
            .iter()
            .enumerate()
            .find(|(_, group)| group.interfaces.iter().any(|interface| Some(interface.as_str()) == name));
        let (road, arp, na) = match group {
            Some((number, group)) => (Road::Group(number), group.arp_interval, group.na_interval),
            None => (Road::Interface(place.index), announcements.arp_interval, announcements.na_interval),
        };
        (LaneKey { road, ipv6 }, if ipv6 { na } else { arp })
    }

    /// The announcement of an address; none where it is not ours, not on the host, or its link does not carry such frames.
    fn frame(&self, entry: &Entry, place: &HostAddress) -> Option<Output> {
        // Only the address in question is placed: a router may have thousands.
        let belongs = || {
            let mut same = entry.virtual_addresses().filter(|address| address.address == place.address);
            same.any(|address| self.place(entry, address).as_ref() == Some(place))
        };
        if !entry.is_active() || !self.is_present(place) || !belongs() {
            return None;
        }
        self.frame_on(self.links.get(&place.index)?, place.address)
    }

    fn frame_on(&self, link: &Link, address: IpAddr) -> Option<Output> {
        let mac = link.mac.filter(|_| link.up)?;
        let frame = match address {
            IpAddr::V4(address) => arp::Gratuitous { mac, address }.emit(),
            IpAddr::V6(address) => {
                ndp::Unsolicited { mac, address, router: self.forwarding.contains(&link.index) }.emit()
            }
        };
        Some(Output::Frame { index: link.index, address, frame })
    }
}
