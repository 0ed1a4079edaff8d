//! What `show` shows of a virtual router.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use super::instance::{Entry, Kind};
use super::{Router, SteeringStatus};
use crate::model::Instance;
use crate::vrrp::machine::{Heard, Role, State};
use crate::vrrp::receive::Drop;

/// A virtual router at one moment.
#[derive(Debug, Clone, PartialEq)]
pub struct InstanceStatus {
    /// Its configuration.
    pub config: Instance,
    /// Its state.
    pub role: Role,
    /// Why, as a sentence; with what stands in the way of its work, if anything does.
    pub reason: String,
    /// How long it has been in it.
    pub since: Duration,
    /// Priority with weights.
    pub effective_priority: u8,
    /// The last advert of somebody else, and how long ago it came.
    pub last_heard: Option<(Heard, Duration)>,
    /// The active router, if it is another one.
    pub master: Option<IpAddr>,
    /// Virtual addresses.
    pub addresses: Vec<AddressStatus>,
    /// What it watches.
    pub tracks: Vec<TrackStatus>,
    /// Times that it became active.
    pub became_master: u64,
    /// Adverts sent.
    pub sent: u64,
    /// Adverts accepted.
    pub received: u64,
    /// Adverts dropped, by reason.
    pub dropped: Vec<(Drop, u64)>,
    /// Routes and rules that move with it.
    pub steering: Vec<SteeringStatus>,
}

/// A virtual address at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddressStatus {
    /// Address and prefix length.
    pub address: String,
    /// Interface.
    pub interface: String,
    /// It is on the host.
    pub present: bool,
}

/// Something watched, at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrackStatus {
    /// `interface eth0`, `script check`.
    pub what: String,
    /// `None`: not known yet.
    pub ok: Option<bool>,
    /// Its weight; 0: a failure is a fault.
    pub weight: i16,
    /// What was seen.
    pub detail: String,
}

impl Router {
    /// All virtual routers, in the configuration's order.
    #[must_use]
    pub fn status(&self, now: Instant) -> Vec<InstanceStatus> {
        self.instances.iter().map(|entry| self.instance_status(entry, now)).collect()
    }

    fn instance_status(&self, entry: &Entry, now: Instant) -> InstanceStatus {
        let mut reason = entry.machine.reason().to_string();
        let open_door = self.firewall_problem.as_ref().filter(|_| Self::refuses(&entry.config));
        for problem in entry.address_problem.iter().chain(&entry.send_problem).chain(open_door) {
            reason = format!("{reason}; {problem}");
        }
        let steering = self.steering_status(entry);
        for status in &steering {
            if let Some(problem) = &status.problem {
                reason = format!("{reason}; cannot add {}: {problem}", status.text);
            }
        }
        let master = match entry.machine.state() {
            State::Backup(backup) => backup.master.filter(|heard| heard.priority != 0).map(|heard| heard.source),
            State::Initialize | State::Active(_) | State::Fault => None,
        };
        InstanceStatus {
            role: entry.machine.role(),
            reason,
            since: now.saturating_duration_since(entry.machine.since()),
            effective_priority: entry.machine.settings().priority.value(),
            last_heard: entry.last_heard.map(|(heard, at)| (heard, now.saturating_duration_since(at))),
            master,
            addresses: self.address_status(entry),
            tracks: self.track_status(entry),
            became_master: entry.became_master,
            sent: entry.sent,
            received: entry.received,
            dropped: entry.dropped.iter().map(|(drop, count)| (*drop, *count)).collect(),
            steering,
            config: entry.config.clone(),
        }
    }

    fn address_status(&self, entry: &Entry) -> Vec<AddressStatus> {
        entry
            .virtual_addresses()
            .map(|address| AddressStatus {
                address: format!("{}/{}", address.address, address.prefix_len),
                interface: self
                    .seat(entry, address)
                    .map(|link| link.name.clone())
                    .or_else(|| address.interface.clone())
                    .unwrap_or_else(|| entry.interface().to_owned()),
                present: self.place(entry, address).is_some_and(|place| self.is_present(&place)),
            })
            .collect()
    }

    fn track_status(&self, entry: &Entry) -> Vec<TrackStatus> {
        let own = (entry.interface(), 0);
        let others = entry.tracks(Kind::Interface).filter(|(name, weight)| *name != own.0 || *weight != 0);
        let interfaces = std::iter::once(own).chain(others).map(|(name, weight)| {
            let (ok, detail) = match self.link(name) {
                Some(link) if link.up => (true, "up"),
                Some(_) => (false, "down or without carrier"),
                None => (false, "does not exist"),
            };
            TrackStatus { what: format!("interface {name}"), ok: Some(ok), weight, detail: detail.to_owned() }
        });
        let scripts = entry.tracks(Kind::Script).map(|(name, weight)| {
            let script = self.script(name);
            let detail = match script {
                Some(script) => script.last.as_ref().map_or_else(|| "has not run yet".to_owned(), ToString::to_string),
                None => "not defined".to_owned(),
            };
            TrackStatus {
                what: format!("script {name}"),
                ok: script.and_then(|script| script.verdict.ok()),
                weight,
                detail,
            }
        });
        interfaces.chain(scripts).collect()
    }
}
