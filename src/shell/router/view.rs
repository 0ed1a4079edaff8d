//! A virtual router as `show` shows it.

use std::time::Instant;

use crate::api::{
    AddressView, DeadlineView, GroupView, InstanceView, PeerView, RivalView, SteeringView, TrackView, TransitionView,
    UnreadView,
};
use crate::vrrp::Router;
use crate::vrrp::engine::{DeadlineKind, InstanceStatus, TrackStatus};
use crate::vrrp::track::Effect;
use crate::wire::vrrp;

/// All virtual routers.
pub(super) fn instances(router: &Router, now: Instant) -> Vec<InstanceView> {
    router.status(now).into_iter().map(view).collect()
}

fn view(status: InstanceStatus) -> InstanceView {
    let config = status.config;
    InstanceView {
        name: config.name,
        state: status.role.to_string(),
        reason: status.reason,
        since_secs: status.since.as_secs_f64(),
        interface: config.id.interface.unwrap_or_default(),
        vrid: config.id.vrid.value(),
        version: vrrp::number(config.version),
        priority: config.priority.value(),
        effective_priority: status.effective_priority,
        priority_sum: status.sum,
        faults: status.faults,
        awaited: status.awaited,
        unproven: status.unproven,
        group: status.group.map(|group| GroupView {
            name: group.name,
            weighted: group.weighted,
            members: group.members.into_iter().map(|(name, role)| (name, role.to_string())).collect(),
        }),
        advert_interval_secs: config.advert_interval.duration().as_secs_f64(),
        last_advert: status.last_heard.map(|(heard, ago)| {
            format!("{} priority {}, {:.2} s ago", heard.source, heard.priority, ago.as_secs_f64())
        }),
        peer: status.last_heard.map(|(heard, ago)| PeerView {
            address: heard.source.to_string(),
            priority: heard.priority,
            interval_secs: heard.interval.as_secs_f64(),
            ago_secs: ago.as_secs_f64(),
            outranks: status.outranked,
        }),
        no_preempt: status.no_preempt,
        source: status.source.map(|source| source.to_string()),
        master: status.master.map(|master| master.to_string()),
        addresses: status
            .addresses
            .into_iter()
            .map(|address| AddressView {
                address: address.address,
                interface: address.interface,
                present: address.present,
            })
            .collect(),
        tracks: status.tracks.into_iter().map(track).collect(),
        became_master: status.became_master,
        adverts_sent: status.sent,
        adverts_received: status.received,
        steering: status
            .steering
            .into_iter()
            .map(|steering| SteeringView { text: steering.text, present: steering.present, problem: steering.problem })
            .collect(),
        adverts_dropped: status.dropped.into_iter().map(|(drop, count)| (drop.to_string(), count)).collect(),
        unread: UnreadView { adverts: status.unread.adverts, rest: status.unread.rest },
        rivals: status
            .rivals
            .into_iter()
            .map(|rival| RivalView {
                address: rival.address.to_string(),
                mac: rival.mac.to_string(),
                interface: rival.interface,
                claims: rival.claims,
                since_secs: rival.since.as_secs_f64(),
                ago_secs: rival.ago.as_secs_f64(),
            })
            .collect(),
        rival_claims: status.rival_claims,
        deadlines: status
            .deadlines
            .into_iter()
            .map(|(kind, left)| DeadlineView { what: word(kind).to_owned(), in_secs: left.as_secs_f64() })
            .collect(),
        history: status
            .history
            .into_iter()
            .map(|change| TransitionView {
                from: change.from.to_string(),
                to: change.to.to_string(),
                reason: change.reason,
                ago_secs: change.ago.as_secs_f64(),
            })
            .collect(),
    }
}

fn track(track: TrackStatus) -> TrackView {
    TrackView {
        what: track.what.to_string(),
        kind: track.what.kind().to_owned(),
        name: track.what.name().to_owned(),
        ok: track.ok,
        weight: i32::from(track.weight),
        reverse: track.reverse,
        adds: track.effect.adds(),
        fault: track.effect == Effect::Fault,
        group: track.group,
        detail: track.detail,
        disabled: track.disabled,
    }
}

const fn word(kind: DeadlineKind) -> &'static str {
    match kind {
        DeadlineKind::Down => "down",
        DeadlineKind::Preempt => "preempt",
        DeadlineKind::Advert => "advert",
        DeadlineKind::Announce => "announce",
        DeadlineKind::Refresh => "refresh",
        DeadlineKind::Start => "start",
    }
}
