//! How adverts travel, and when the router gives way.

use std::time::Duration;

use ::toml::de::DeValue;

use super::super::read::{Entry, Reader};
use crate::config::draft::{ElectionDraft, Field, TransportDraft};
use crate::config::source::Spanned;
use crate::model::Peer;

pub(super) const TRANSPORT: [&str; 9] = [
    "source",
    "group",
    "peers",
    "ttl",
    "check-source",
    "fault-without-peers",
    "old-unicast-checksum",
    "checksum-without-pseudo-header",
    "vrf",
];
pub(super) const ELECTION: [&str; 8] = [
    "preempt",
    "preempt-delay",
    "down-timer-adverts",
    "lower-priority-no-advert",
    "higher-priority-send-advert",
    "owner-ignores-adverts",
    "timer-expired-backup",
    "wait-for-checks",
];

/// One of [`TRANSPORT`].
pub(super) fn transport(reader: &mut Reader<'_>, draft: &mut TransportDraft, entry: Entry<'_>) {
    match entry.key {
        "source" => draft.multicast_source = Field::from(reader.address(entry), entry.span),
        "group" => {
            let group = reader.address(entry);
            if group.is_some_and(|group| !group.is_multicast()) {
                reader.bad(entry, "a multicast address");
            }
            draft.group = Field::from(group.filter(|group| group.is_multicast()), entry.span);
        }
        "peers" => {
            draft.unicast = Some(entry.key_span);
            for element in reader.elements(entry) {
                let peer = peer(reader, element);
                draft.peers.extend(peer.map(|peer| Spanned::new(peer, element.span)));
            }
        }
        "ttl" => draft.ttl = reader.number(entry, 0..=255, "a time to live"),
        "check-source" => draft.check_source = reader.flag(entry),
        "fault-without-peers" => {
            draft.fault_without_peers = reader.flag(entry).unwrap_or(false);
            if draft.fault_without_peers {
                draft.unicast.get_or_insert(entry.key_span);
            }
        }
        "old-unicast-checksum" => draft.never_old_unicast = !reader.flag(entry).unwrap_or(true),
        "checksum-without-pseudo-header" => draft.without_pseudo_header = reader.flag(entry),
        _ => draft.vrf = Field::from(reader.interface(entry), entry.span),
    }
}

/// An address, or a table with one and its limits.
fn peer(reader: &mut Reader<'_>, element: Entry<'_>) -> Option<Peer> {
    let DeValue::Table(table) = element.value else { return reader.address(element).map(Peer::new) };
    let entries = reader.entries(table, &["address", "min-ttl", "max-ttl"], "of a peer");
    let Some(address) = entries.iter().find(|entry| entry.key == "address") else {
        reader.missing(element.span, "this peer", "address");
        return None;
    };
    let mut peer = Peer::new(reader.address(*address)?);
    for entry in entries {
        match entry.key {
            "address" => {}
            "min-ttl" => peer.min_ttl = reader.number(entry, 0..=255, "a time to live"),
            _ => peer.max_ttl = reader.number(entry, 0..=255, "a time to live"),
        }
    }
    if let (Some(least), Some(most)) = (peer.min_ttl, peer.max_ttl)
        && least > most
    {
        reader.bad(element, "a `min-ttl` that is not above `max-ttl`");
    }
    Some(peer)
}

/// One of [`ELECTION`].
pub(super) fn election(reader: &mut Reader<'_>, draft: &mut ElectionDraft, entry: Entry<'_>) {
    let span = entry.key_span.to(entry.span);
    match entry.key {
        "preempt" => draft.no_preempt = (reader.flag(entry) == Some(false)).then_some(span),
        "preempt-delay" => {
            let delay = reader.duration(entry, Duration::ZERO..=Duration::from_secs(1_000), "a time");
            draft.preempt_delay = delay.map(|delay| Spanned::new(delay, span));
        }
        "down-timer-adverts" => {
            let adverts = reader.number(entry, 1..=100, "a number of adverts");
            draft.down_timer_adverts = adverts.map(|adverts| Spanned::new(adverts, span));
        }
        "lower-priority-no-advert" => {
            draft.lower_priority_no_advert = reader.flag(entry).map(|flag| Spanned::new(flag, span));
        }
        "higher-priority-send-advert" => {
            draft.higher_priority_send_advert = reader.flag(entry).map(|flag| Spanned::new(flag, span));
        }
        "owner-ignores-adverts" => draft.owner_ignores_adverts = reader.flag(entry),
        "timer-expired-backup" => draft.timer_expired_backup = reader.number(entry, 1..=254, "a priority"),
        _ => draft.wait_for_checks = reader.flag(entry),
    }
}
