//! Adverts in and out.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::instance::{Entry, Serial};
use super::listeners::UNBOUND;
use super::{Event, Output, Router};
use crate::model::{Authentication, Transport, VrrpVersion};
use crate::vrrp::machine::{Heard, Input, Role};
use crate::vrrp::reason::Reason;
use crate::vrrp::receive::{self, Expectation, Received};
use crate::vrrp::track::Pace;
use crate::wire::{Malformed, ah, ipv4, ipv6, vrrp};

/// Senders of which it is told, and remembered, that they are odd.
const MOST_SENDERS: usize = 16;
/// A rival that has been silent for so many advert intervals has yielded: what it says later is another incident.
const SILENT_INTERVALS: u32 = 3;

impl Router {
    /// Sends an advert, to the group or to each peer.
    pub(super) fn advertise(&mut self, at: usize, priority: u8) {
        let Some(entry) = self.instances.get(at) else { return };
        // The last advert of a router whose link has just gone cannot leave any more.
        if self.open_voice(entry).is_none() {
            return;
        }
        let Some((index, _)) = self.channel(entry) else { return };
        let Some(entry) = self.instances.get_mut(at) else { return };
        let advert = advert(entry, priority);
        let (destinations, ttl) = match &entry.config.transport {
            Transport::Multicast { group, .. } => (vec![*group], ipv4::TTL),
            Transport::Unicast { peers, ttl, .. } => (peers.iter().map(|peer| peer.address).collect(), *ttl),
        };
        if entry.sends_header() {
            entry.sequence = entry.sequence.saturating_add(1);
        }
        for destination in destinations {
            // 255 addresses of IPv6 are 4,088 bytes: an advert is never too long for a packet. One of the other family than
            // the router's has nowhere to go; the languages refuse it.
            let Ok(packet) = packet(entry, &advert, destination, ttl) else { continue };
            let (instance, router) = (Arc::clone(&entry.name), entry.serial);
            self.outputs.push_back(Output::Send { instance, router, index, destination, packet });
        }
    }

    /// The router of a serial number; `None`: the configuration has it no longer.
    fn numbered(&mut self, router: Serial) -> Option<&mut Entry> {
        self.instances.iter_mut().find(|entry| entry.serial == router)
    }

    pub(super) fn sent(&mut self, router: Serial) {
        if let Some(entry) = self.numbered(router) {
            entry.sent += 1;
            entry.send_problem = None;
        }
    }

    pub(super) fn send_failed(&mut self, router: Serial, error: String) {
        let Some(entry) = self.numbered(router) else { return };
        if entry.send_problem.as_ref() != Some(&error) {
            entry.send_problem = Some(error.clone());
            let instance = Arc::clone(&entry.name);
            self.outputs.push_back(Output::Event(Event::SendFailed { instance, error }));
        }
    }

    /// A packet came in, through the sockets of this channel.
    pub(super) fn packet(&mut self, index: u32, received: &Received<'_>, now: Instant) {
        let Some(vrid) = received.vrid() else { return };
        let Some((at, only_peers)) = self.concerns(index, received, vrid) else {
            self.unknown(index, received, vrid);
            return;
        };
        let Some(entry) = self.instances.get_mut(at) else { return };
        let settings = entry.machine.settings();
        let last = entry.last_heard.map(|(heard, _)| heard.source);
        let expectation = Expectation {
            version: settings.version,
            interval: settings.interval,
            authentication: entry.authentication(),
            sequence: entry.sequence,
            transport: &entry.config.transport,
            only_peers,
            checksum: entry.config.checksum,
            source: settings.source,
            addresses: &entry.advertised,
            trusted: last.filter(|_| entry.config.skip_address_check),
            deaf: entry.config.election.owner_ignores_adverts && entry.is_owner(),
        };
        match receive::check(received, &expectation) {
            Ok(accepted) => {
                entry.received += 1;
                entry.last_heard = Some((accepted.heard, now));
                entry.sequence = accepted.sequence.unwrap_or(entry.sequence);
                let source: IpAddr = accepted.heard.source;
                if accepted.old_checksum && entry.is_peer(source) {
                    entry.old_checksums.insert(source);
                } else {
                    entry.old_checksums.remove(&source);
                }
                entry.differing += u64::from(!accepted.same_addresses);
                // Whoever makes senders up does not fill the log with them.
                if !accepted.same_addresses && entry.differs.len() < MOST_SENDERS && entry.differs.insert(source) {
                    let instance = Arc::clone(&entry.name);
                    let heard = accepted.heard;
                    self.outputs.push_back(Output::Event(Event::AddressesDiffer { instance, heard }));
                }
                entry.machine.handle(Input::Advert(accepted.heard), now);
                self.note_master(at);
                self.drain_one(at, now);
                if accepted.heard.priority != 0 {
                    self.disinherit(at, now);
                }
                if self.instances.get(at).is_some_and(|entry| entry.group.is_some()) {
                    self.coordinate(now);
                }
            }
            Err(drop) => {
                let count = entry.dropped.entry(drop).or_default();
                *count += 1;
                let count = *count;
                if is_power_of_ten(count) {
                    let instance = Arc::clone(&entry.name);
                    let packet = received.to_string();
                    self.outputs.push_back(Output::Event(Event::Dropped { instance, drop, packet, count }));
                }
            }
        }
    }

    /// An advert of a virtual router that is not ours is nobody's business here, unless somebody wants to know of it. What
    /// a socket that is bound to nothing hears may well be known to one that is bound.
    fn unknown(&mut self, index: u32, received: &Received<'_>, vrid: u8) {
        if !self.config.router.log_unknown_vrids || index == UNBOUND {
            return;
        }
        let Some(interface) = self.links.get(&index).map(|link| link.name.clone()) else { return };
        let count = self.unknown_vrids.entry((index, received.family(), vrid)).or_default();
        *count += 1;
        let count = *count;
        if is_power_of_ten(count) {
            let packet = received.to_string();
            self.outputs.push_back(Output::Event(Event::UnknownVrid { interface, vrid, packet, count }));
        }
    }

    /// Somebody of lower priority advertises while we are active.
    pub(super) fn lower_priority(&mut self, at: usize, heard: Heard, crossed: bool, now: Instant) {
        let Some(entry) = self.instances.get_mut(at) else { return };
        let interval = entry.machine.settings().interval.duration();
        // The master that we have just outbid may not have heard of it before its last advert, or says so by one more; and two
        // that are elected at once may hear each other once. Both end with our first interval.
        let new = now < entry.machine.since() + interval;
        let farewell = entry.history.back().is_some_and(|last| {
            matches!(last.reason, Reason::Outranks { master, .. } if last.to == Role::Active && master == heard.source)
        });
        let expected = new && (crossed || farewell);
        let told = if expected { None } else { entry.lower.heard(crossed, heard.interval.max(interval), now) };
        if !crossed || told.is_some() {
            self.notify_lower_priority(at);
        }
        if let Some((count, untold)) = told {
            self.tell(at, |instance| Event::LowerPriority { instance, heard, count, untold });
        }
    }
}

/// Adverts of lower priority while we are active, by incident: one begins with an advert after a silence.
#[derive(Debug, Default)]
pub(super) struct Lower {
    /// Of this incident.
    count: u64,
    /// When it is over, if no other advert comes.
    over_at: Option<Instant>,
    /// Of lines: whoever makes rivals up does not fill the log with them.
    pace: Pace,
}

impl Lower {
    /// Counts an advert. If it is to be told: how many there were in this incident, and how often that was not told before.
    fn heard(&mut self, crossed: bool, interval: Duration, now: Instant) -> Option<(u64, u64)> {
        if self.over_at.is_none_or(|at| at <= now) {
            self.count = 0;
        }
        self.over_at = Some(now + interval * SILENT_INTERVALS);
        // One that crossed ours says that there is another master, and nothing of whether it hears us.
        if crossed && self.count > 0 {
            return None;
        }
        self.count += 1;
        let untold = is_power_of_ten(self.count).then(|| self.pace.tell((), now))??;
        Some((self.count, untold))
    }

    /// We become active: what was before is no part of it.
    pub(super) const fn forget(&mut self) {
        self.count = 0;
        self.over_at = None;
    }
}

/// How adverts look and prove whom they are from: those of others as ours.
pub(super) fn form(entry: &Entry) -> vrrp::Form {
    let settings = entry.machine.settings();
    match settings.version {
        VrrpVersion::V2 => vrrp::Form::V2 {
            interval_secs: settings.interval.seconds(),
            auth: match entry.authentication() {
                Authentication::None => vrrp::Auth::None,
                Authentication::Password(password) => vrrp::Auth::Password(*password),
                Authentication::Header(_) => vrrp::Auth::Header,
            },
        },
        VrrpVersion::V3 => vrrp::Form::V3 { interval_centiseconds: settings.interval.centiseconds() },
    }
}

fn advert(entry: &Entry, priority: u8) -> vrrp::Advert {
    vrrp::Advert { vrid: entry.config.id.vrid, priority, form: form(entry), addresses: entry.advertised.clone() }
}

/// The whole packet, IP header and all.
fn packet(entry: &mut Entry, advert: &vrrp::Advert, destination: IpAddr, ttl: u8) -> Result<Vec<u8>, Malformed> {
    let unicast = matches!(entry.config.transport, Transport::Unicast { .. });
    match (entry.machine.settings().source, destination) {
        (IpAddr::V4(source), IpAddr::V4(to)) => {
            let payload = if entry.config.checksum.without_pseudo_header && advert.version() == VrrpVersion::V3 {
                advert.emit_bare()
            } else if entry.old_checksums.contains(&destination) {
                advert.emit(source, vrrp::GROUP)
            } else {
                advert.emit(source, to)
            };
            let id = entry.next_packet_id();
            let header = ipv4::Header { source, destination: to, id, protocol: ipv4::PROTOCOL_VRRP, ttl };
            match entry.authentication() {
                Authentication::Header(secret) => ah::emit(&header, entry.sequence, secret, unicast, &payload),
                Authentication::None | Authentication::Password(_) => header.emit(&payload),
            }
        }
        (IpAddr::V6(source), IpAddr::V6(to)) => {
            let payload = advert.emit(source, to);
            let (next_header, hop_limit) = (ipv4::PROTOCOL_VRRP, ttl);
            ipv6::Header { source, destination: to, next_header, hop_limit }.emit(&payload)
        }
        (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => Err(Malformed::Field("family")),
    }
}

/// 1, 10, 100, ...: a flood is told in few lines.
fn is_power_of_ten(mut count: u64) -> bool {
    while count >= 10 && count.is_multiple_of(10) {
        count /= 10;
    }
    count == 1
}
