//! A virtual router as `show` shows it.

use std::time::Instant;

use crate::api::{AddressView, InstanceView, SteeringView, TrackView};
use crate::vrrp::Router;
use crate::vrrp::engine::InstanceStatus;
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
        advert_interval_secs: config.advert_interval.duration().as_secs_f64(),
        last_advert: status.last_heard.map(|(heard, ago)| {
            format!("{} priority {}, {:.2} s ago", heard.source, heard.priority, ago.as_secs_f64())
        }),
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
        tracks: status
            .tracks
            .into_iter()
            .map(|track| TrackView {
                what: track.what,
                ok: track.ok,
                weight: i32::from(track.weight),
                detail: track.detail,
            })
            .collect(),
        became_master: status.became_master,
        adverts_sent: status.sent,
        adverts_received: status.received,
        steering: status
            .steering
            .into_iter()
            .map(|steering| SteeringView { text: steering.text, present: steering.present, problem: steering.problem })
            .collect(),
        adverts_dropped: status.dropped.into_iter().map(|(drop, count)| (drop.to_string(), count)).collect(),
    }
}
