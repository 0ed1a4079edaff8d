//! Adverts in and out.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use super::instance::Entry;
use super::{Event, Output, Router};
use crate::model::{Transport, VrrpVersion};
use crate::vrrp::machine::{Heard, Input};
use crate::vrrp::receive::{self, Expectation};
use crate::wire::{ipv4, vrrp};

impl Router {
    /// Sends an advert, to the group or to each peer.
    pub(super) fn advertise(&mut self, at: usize, priority: u8) {
        // The last advert of a router whose link has just gone cannot leave any more.
        let Some(link) = self.instances.get(at).and_then(|entry| self.open_voice(entry)) else { return };
        let index = link.index;
        let Some(entry) = self.instances.get_mut(at) else { return };
        let advert = advert(entry, priority);
        let source = entry.machine.settings().source;
        let destinations = match &entry.config.transport {
            Transport::Multicast { group, .. } => vec![*group],
            Transport::Unicast { peers, .. } => peers.iter().map(|peer| peer.address).collect(),
        };
        let IpAddr::V4(source) = source else { return };
        for destination in destinations {
            let IpAddr::V4(destination) = destination else { continue };
            let id = entry.next_packet_id();
            let header = ipv4::Header { source, destination, id, protocol: ipv4::PROTOCOL_VRRP };
            // 255 addresses are 1,048 bytes: an advert is never too long for a packet.
            let Ok(packet) = header.emit(&advert.emit(source, destination)) else { continue };
            let instance = Arc::clone(&entry.name);
            self.outputs.push_back(Output::Send { instance, index, destination, packet });
        }
    }

    pub(super) fn sent(&mut self, instance: &str) {
        if let Some(entry) = self.instances.iter_mut().find(|entry| *entry.name == *instance) {
            entry.sent += 1;
            entry.send_problem = None;
        }
    }

    pub(super) fn send_failed(&mut self, instance: &str, error: String) {
        let Some(entry) = self.instances.iter_mut().find(|entry| *entry.name == *instance) else { return };
        if entry.send_problem.as_ref() != Some(&error) {
            entry.send_problem = Some(error.clone());
            let instance = Arc::clone(&entry.name);
            self.outputs.push_back(Output::Event(Event::SendFailed { instance, error }));
        }
    }

    /// A packet came in. One that names a virtual router that is not ours is nobody's business here.
    pub(super) fn packet(&mut self, index: u32, bytes: &[u8], now: Instant) {
        let Some(vrid) = receive::vrid(bytes) else { return };
        let Some(at) = self.instances.iter().position(|entry| {
            entry.duplicate_of.is_none()
                && entry.config.id.vrid.value() == vrid
                && self.ear(entry).is_some_and(|link| link.index == index)
        }) else {
            return;
        };
        let Some(entry) = self.instances.get_mut(at) else { return };
        let settings = entry.machine.settings();
        let IpAddr::V4(source) = settings.source else { return };
        let expectation = Expectation {
            version: settings.version,
            interval: settings.interval,
            password: entry.password().filter(|_| settings.version == VrrpVersion::V2),
            unicast: matches!(entry.config.transport, Transport::Unicast { .. }),
            source,
            addresses: &entry.advertised,
        };
        match receive::check(bytes, &expectation) {
            Ok(accepted) => {
                entry.received += 1;
                entry.last_heard = Some((accepted.heard, now));
                let source: IpAddr = accepted.heard.source;
                if !accepted.same_addresses && entry.differs != Some(source) {
                    entry.differs = Some(source);
                    let instance = Arc::clone(&entry.name);
                    let heard = accepted.heard;
                    self.outputs.push_back(Output::Event(Event::AddressesDiffer { instance, heard }));
                }
                entry.machine.handle(Input::Advert(accepted.heard), now);
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
                    let packet = describe(bytes);
                    self.outputs.push_back(Output::Event(Event::Dropped { instance, drop, packet, count }));
                }
            }
        }
    }

    /// Somebody of lower priority advertises while we are active.
    pub(super) fn lower_priority(&mut self, at: usize, heard: Heard) {
        let Some(entry) = self.instances.get_mut(at) else { return };
        entry.lower += 1;
        let count = entry.lower;
        if is_power_of_ten(count) {
            let instance = Arc::clone(&entry.name);
            self.outputs.push_back(Output::Event(Event::LowerPriority { instance, heard, count }));
        }
    }
}

fn advert(entry: &Entry, priority: u8) -> vrrp::Advert {
    let settings = entry.machine.settings();
    let form = match settings.version {
        VrrpVersion::V2 => {
            vrrp::Form::V2 { interval_secs: settings.interval.seconds(), password: entry.password().copied() }
        }
        VrrpVersion::V3 => vrrp::Form::V3 { interval_centiseconds: settings.interval.centiseconds() },
    };
    vrrp::Advert { vrid: entry.config.id.vrid, priority, form, addresses: entry.advertised.clone() }
}

/// A packet in one line.
fn describe(bytes: &[u8]) -> String {
    let Ok(packet) = ipv4::Packet::new_checked(bytes) else { return format!("{} bytes", bytes.len()) };
    match vrrp::Packet::new_checked(packet.payload()) {
        Ok(advert) => format!("{} > {}: {advert}", packet.source(), packet.destination()),
        Err(_) => packet.to_string(),
    }
}

/// 1, 10, 100, ...: a flood is told in few lines.
fn is_power_of_ten(mut count: u64) -> bool {
    while count >= 10 && count.is_multiple_of(10) {
        count /= 10;
    }
    count == 1
}
