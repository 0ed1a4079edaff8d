//! What `show` and `why` show of a virtual router.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use super::health::Health;
use super::instance::Entry;
use super::tracking::Watch;
use super::{RivalStatus, Router, SteeringStatus, Unread};
use crate::model::{Instance, Tracked, Watched};
use crate::vrrp::machine::{Heard, Role, State};
use crate::vrrp::receive::Drop;
use crate::vrrp::track::{Effect, effect};

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
    /// What all that it watches adds to its priority, before the sum is clamped.
    pub sum: i32,
    /// Everything that keeps it from running, as sentences.
    pub faults: Vec<String>,
    /// What must answer once before it may start.
    pub awaited: Vec<String>,
    /// What must succeed once before it may take over; only where the configuration wants that.
    pub unproven: Vec<String>,
    /// Its sync group.
    pub group: Option<GroupStatus>,
    /// The last advert of somebody else, and how long ago it came.
    pub last_heard: Option<(Heard, Duration)>,
    /// That router would win an election against this one: it has the higher priority, or the same and a higher address.
    pub outranked: bool,
    /// It leaves a router of lower priority in place (`nopreempt`).
    pub no_preempt: bool,
    /// The active router, if it is another one.
    pub master: Option<IpAddr>,
    /// Address that its own adverts leave from, where there is one.
    pub source: Option<IpAddr>,
    /// What happens next, if nothing else does, and in how long.
    pub deadlines: Vec<(DeadlineKind, Duration)>,
    /// The last changes of its state, the newest first.
    pub history: Vec<TransitionStatus>,
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
    /// Packets that were lost before they were read, on the interface where it listens; they may have been anybody's.
    pub unread: Unread,
    /// Routes and rules that move with it.
    pub steering: Vec<SteeringStatus>,
    /// Adverts accepted although they carry other addresses than ours.
    pub differing: u64,
    /// Others who claim its addresses now.
    pub rivals: Vec<RivalStatus>,
    /// Claims by others while it was active.
    pub rival_claims: u64,
}

/// What a deadline is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeadlineKind {
    /// The master counts as gone.
    Down,
    /// A master of lower priority is left in place until then (`preempt_delay`).
    Preempt,
    /// The next advert leaves.
    Advert,
    /// The second burst of announcements.
    Announce,
    /// The next refreshing announcement.
    Refresh,
    /// It may start (`vrrp_startup_delay`, `vrrp_delay_after_boot`).
    Start,
}

/// A sync group at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupStatus {
    /// Its name.
    pub name: String,
    /// Weights change its members' priorities.
    pub weighted: bool,
    /// Its members and their states, the router itself too.
    pub members: Vec<(String, Role)>,
}

/// A change of state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TransitionStatus {
    /// From.
    pub from: Role,
    /// To.
    pub to: Role,
    /// Why, as a sentence.
    pub reason: String,
    /// How long ago.
    pub ago: Duration,
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
    /// What.
    pub what: Watched,
    /// `None`: not known yet.
    pub ok: Option<bool>,
    /// Its weight; 0: a failure is a fault.
    pub weight: i16,
    /// Its sense is reversed.
    pub reverse: bool,
    /// What it does now.
    pub effect: Effect,
    /// The sync group that it is watched for; `None`: the router's own.
    pub group: Option<String>,
    /// What was seen.
    pub detail: String,
    /// It is a script that cannot be run, and counts for nothing.
    pub disabled: bool,
}

impl Router {
    /// All virtual routers, in the configuration's order.
    #[must_use]
    pub fn status(&self, now: Instant) -> Vec<InstanceStatus> {
        self.instances.iter().map(|entry| self.instance_status(entry, now)).collect()
    }

    fn instance_status(&self, entry: &Entry, now: Instant) -> InstanceStatus {
        let mut reason = entry.machine.reason().to_string();
        if let State::Initialize { starts_at: Some(at) } = entry.machine.state() {
            reason = format!("{reason}, in {:.1} s", at.saturating_duration_since(now).as_secs_f64());
        }
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
            State::Initialize { .. } | State::Active(_) | State::Fault => None,
        };
        let (faults, awaited) = match &entry.health {
            Some(Health::Fail(faults)) => (faults.iter().map(ToString::to_string).collect(), Vec::new()),
            Some(Health::Wait(awaited)) => (Vec::new(), awaited.iter().map(ToString::to_string).collect()),
            Some(Health::Ready) | None => (Vec::new(), Vec::new()),
        };
        let unproven = if entry.config.election.wait_for_checks && !self.has_proven_itself(entry) {
            self.unproven(entry).iter().map(ToString::to_string).collect()
        } else {
            Vec::new()
        };
        let settings = entry.machine.settings();
        let ours = (settings.priority.value(), settings.source);
        InstanceStatus {
            role: entry.machine.role(),
            reason,
            since: now.saturating_duration_since(entry.machine.since()),
            effective_priority: entry.machine.priority().value(),
            sum: entry.effects.iter().fold(0, |sum, (_, effect)| sum.saturating_add(effect.adds())),
            faults,
            awaited,
            unproven,
            group: self.group_status(entry),
            last_heard: entry.last_heard.map(|(heard, at)| (heard, now.saturating_duration_since(at))),
            outranked: entry.last_heard.is_some_and(|(heard, _)| (heard.priority, heard.source) > ours),
            no_preempt: !settings.election.preempt,
            master,
            source: self.source(entry),
            deadlines: deadlines(entry.machine.state(), now),
            history: entry
                .history
                .iter()
                .rev()
                .map(|change| TransitionStatus {
                    from: change.from,
                    to: change.to,
                    reason: change.reason.to_string(),
                    ago: now.saturating_duration_since(change.at),
                })
                .collect(),
            addresses: self.address_status(entry),
            tracks: self.track_status(entry, now),
            became_master: entry.became_master,
            sent: entry.sent,
            received: entry.received,
            dropped: entry.dropped.iter().map(|(drop, count)| (*drop, *count)).collect(),
            unread: self.unread_of(entry),
            steering,
            differing: entry.differing,
            rivals: self.rival_status(entry, now),
            rival_claims: entry.rival_claims,
            config: Instance::clone(&entry.config),
        }
    }

    fn group_status(&self, entry: &Entry) -> Option<GroupStatus> {
        let number = entry.group?;
        let group = self.groups.get(number)?;
        let members = group.members.iter().filter_map(|member| self.instances.get(*member));
        Some(GroupStatus {
            name: group.name.clone(),
            weighted: self.config.sync_groups.get(number)?.weighted,
            members: members.map(|member| (member.name.to_string(), member.machine.role())).collect(),
        })
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

    /// Its own interface first, then what it watches itself, then what its group does.
    fn track_status(&self, entry: &Entry, now: Instant) -> Vec<TrackStatus> {
        let own = Tracked { what: Watched::Interface(entry.interface().to_owned()), weight: 0, reverse: false };
        let own = entry.config.track_primary.then_some(&own).filter(|_| !entry.interface().is_empty());
        let watches: Vec<Watch<'_>> = own
            .into_iter()
            .map(|tracked| Watch { tracked, group: None })
            .chain(self.watches(entry).filter(|watch| Some(watch.tracked) != own))
            .collect();
        watches
            .into_iter()
            .map(|Watch { tracked, group }| {
                let standing = self.standing(&tracked.what);
                let known = entry.effects.iter().find(|(other, _)| other == tracked).map(|(_, effect)| *effect);
                let mut detail = standing.detail.clone();
                if let Some(at) = self.change_at(&tracked.what) {
                    let secs = at.saturating_duration_since(now).as_secs_f64();
                    detail = format!("{detail}; counts in {secs:.1} s");
                }
                TrackStatus {
                    what: tracked.what.clone(),
                    ok: standing.ok,
                    weight: tracked.weight,
                    reverse: tracked.reverse,
                    effect: known.unwrap_or_else(|| effect(tracked, &standing)),
                    group: group.map(ToOwned::to_owned),
                    detail,
                    disabled: self.disabled(&tracked.what).is_some(),
                }
            })
            .collect()
    }
}

/// What happens next in a state, soonest first.
fn deadlines(state: &State, now: Instant) -> Vec<(DeadlineKind, Duration)> {
    let mut all = match state {
        State::Initialize { starts_at } => starts_at.iter().map(|at| (DeadlineKind::Start, *at)).collect(),
        State::Fault => Vec::new(),
        State::Backup(backup) => {
            let preempt = backup.preempt_at.filter(|at| *at > now).map(|at| (DeadlineKind::Preempt, at));
            [(DeadlineKind::Down, backup.down_at)].into_iter().chain(preempt).collect()
        }
        State::Active(active) => [
            (DeadlineKind::Advert, Some(active.advert_at)),
            (DeadlineKind::Announce, active.second_burst.map(|burst| burst.at)),
            (DeadlineKind::Refresh, active.refresh_at),
        ]
        .into_iter()
        .filter_map(|(kind, at)| at.map(|at| (kind, at)))
        .collect(),
    };
    all.sort_by_key(|(_, at)| *at);
    all.into_iter().map(|(kind, at)| (kind, at.saturating_duration_since(now))).collect()
}
