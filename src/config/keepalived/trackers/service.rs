//! `vrrp_track_service`, which keepalived does not have: the servers of a service, watched without a script.

use std::num::NonZeroU32;

use crate::config::draft::{Definition, Field, TrackKind, WatchDraft};
use crate::config::keepalived::tree::{Statement, Value};
use crate::config::keepalived::values::Instead;
use crate::config::keepalived::walk::Walk;
use crate::model::{Family, Protocol, ServiceCondition, ServiceKey};

const UNWATCHED: Instead = Instead("nobody watches it");

/// One word of a `vrrp_track_service`.
pub(in crate::config::keepalived) fn word(
    walk: &mut Walk<'_>,
    service: &mut Definition<WatchDraft>,
    statement: Statement<'_>,
) -> bool {
    let Some(value) = statement.word(1) else { return true };
    match statement.name() {
        "service" => {
            let key = address(walk, statement, value);
            service.what.service = Field::from(key, statement.line().unwrap_or(value.span));
        }
        "fwmark" => {
            let mark: Option<u32> = walk.whole(value, UNWATCHED);
            let family = statement.word(2).map_or(Some(Family::V4), |word| {
                walk.choice(word, &[("inet", Family::V4), ("inet6", Family::V6)], UNWATCHED)
            });
            let mark = mark.and_then(NonZeroU32::new);
            let key = mark.zip(family).map(|(mark, family)| ServiceKey::Fwmark { family, mark });
            service.what.service = Field::from(key, statement.line().unwrap_or(value.span));
        }
        "condition" => service.what.condition = condition(walk, statement, value),
        "weight" => service.weight = super::weight(walk, statement, 1, TrackKind::Service).unwrap_or_default(),
        _ => return false,
    }
    true
}

/// `ADDRESS PORT [TCP|UDP|SCTP]`.
fn address(walk: &mut Walk<'_>, statement: Statement<'_>, value: Value<'_>) -> Option<ServiceKey> {
    const PROTOCOLS: [(&str, Protocol); 3] = [("TCP", Protocol::Tcp), ("UDP", Protocol::Udp), ("SCTP", Protocol::Sctp)];
    let address = walk.address(value, "an IP address", UNWATCHED)?;
    let port = match statement.word(2) {
        Some(port) => walk.fits(port, 0..=65_535, "a port", UNWATCHED)?,
        None => 0,
    };
    let protocol = match statement.word(3) {
        Some(word) => walk.choice(word, &PROTOCOLS, UNWATCHED)?,
        None => Protocol::Tcp,
    };
    Some(ServiceKey::Address { protocol, address, port })
}

/// `any`, `quorum` or `share PERCENT`.
fn condition(walk: &mut Walk<'_>, statement: Statement<'_>, value: Value<'_>) -> Option<ServiceCondition> {
    const INSTEAD: Instead = Instead("one server that is up is enough");
    match (value.text, statement.word(2)) {
        ("any", None) => Some(ServiceCondition::AnyUp),
        ("quorum", None) => Some(ServiceCondition::Quorum),
        ("share", Some(share)) => walk.fits(share, 1..=100, "a share in percent", INSTEAD).map(ServiceCondition::Share),
        (_, _) => {
            walk.bad(value, "`any`, `quorum`, or `share` and a number of percent", INSTEAD);
            None
        }
    }
}
