//! How adverts travel, and when the router gives way.

use super::super::tree::Statement;
use super::super::values::{IGNORED, Instead};
use super::super::walk::Walk;
use crate::config::diagnostic::{Code, Diagnostic};
use crate::config::draft::{ElectionDraft, Field, TransportDraft};
use crate::config::source::Spanned;
use crate::model::Peer;

const FIRST_ADDRESS: Instead = Instead("the interface's first address is used");

/// Words that say how adverts travel.
pub(super) fn word(walk: &mut Walk<'_>, transport: &mut TransportDraft, statement: Statement<'_>) -> bool {
    let Some(span) = statement.span() else { return true };
    let value = statement.word(1);
    // As in keepalived, each of the words about unicast asks for it.
    match statement.name() {
        "unicast_peer" => {
            transport.unicast = Some(span);
            peers(walk, transport, statement);
        }
        "unicast_fault_no_peer" => {
            transport.unicast.get_or_insert(span);
            transport.fault_without_peers = true;
        }
        "check_unicast_src" => {
            transport.unicast.get_or_insert(span);
            transport.check_source = Some(true);
        }
        "old_unicast_checksum" => {
            transport.unicast.get_or_insert(span);
            transport.never_old_unicast =
                value.and_then(|value| walk.choice(value, &[("never", true)], IGNORED)).unwrap_or(false);
        }
        "unicast_ttl" => {
            transport.unicast.get_or_insert(span);
            transport.ttl = value.and_then(|value| walk.whole(value, Instead("taken as 255")));
        }
        "v3_checksum_as_v2" => transport.without_pseudo_header = walk.flag(statement),
        "unicast_src_ip" => {
            let Some(value) = value else { return true };
            transport.unicast_source = Field::from(walk.address(value, "an IP address", FIRST_ADDRESS), value.span);
        }
        "mcast_src_ip" => {
            let Some(value) = value else { return true };
            transport.multicast_source = Field::from(walk.address(value, "an IP address", FIRST_ADDRESS), value.span);
        }
        "mcast_dst_ip" => {
            let Some(value) = value else { return true };
            transport.group = Field::from(walk.multicast(value), value.span);
        }
        "vrf" => {
            let Some(value) = value else { return true };
            transport.vrf =
                Field::from(walk.interface(value, Instead("adverts are sent outside all VRFs")), value.span);
        }
        _ => return false,
    }
    true
}

/// Words that say when the router gives way and when it takes over; of one router, or of all with `vrrp_` before them.
pub(in crate::config::keepalived) fn election(
    walk: &mut Walk<'_>,
    election: &mut ElectionDraft,
    statement: Statement<'_>,
) -> bool {
    let Some(span) = statement.span() else { return true };
    let value = statement.word(1);
    let name = statement.name();
    match name.strip_prefix("vrrp_").unwrap_or(name) {
        "nopreempt" => election.no_preempt = Some(span),
        "preempt" => election.no_preempt = None,
        "preempt_delay" => {
            let delay = value.and_then(|value| {
                let delay = walk.time(value, Instead("it takes over at once"))?;
                Some(Spanned::new(delay, value.span))
            });
            election.preempt_delay = delay;
        }
        "down_timer_adverts" => {
            let adverts = value.and_then(|value| {
                let adverts = walk.whole(value, Instead("taken as 3"))?;
                Some(Spanned::new(adverts, value.span))
            });
            election.down_timer_adverts = adverts;
        }
        "lower_prio_no_advert" => {
            election.lower_priority_no_advert = walk.flag(statement).map(|flag| Spanned::new(flag, span));
        }
        "higher_prio_send_advert" => {
            election.higher_priority_send_advert = walk.flag(statement).map(|flag| Spanned::new(flag, span));
        }
        "owner_ignore_adverts" => election.owner_ignores_adverts = Some(true),
        "wait_for_checks" => election.wait_for_checks = walk.flag(statement),
        "timer_expired_backup" | "thread_timer_expired" => {
            // Without a number: as if the others had the highest priority that there can be.
            election.timer_expired_backup = match value {
                None => Some(254),
                Some(value) => walk.whole(value, IGNORED),
            };
        }
        _ => return false,
    }
    true
}

fn peers(walk: &mut Walk<'_>, transport: &mut TransportDraft, statement: Statement<'_>) {
    for line in statement.children() {
        let Some(value) = line.word(0) else { continue };
        let address = walk.address(value, "a peer's IP address", Instead("this peer is left out"));
        let mut peer = address.map(Peer::new);
        let mut words = line.arguments();
        while let Some(word) = words.next() {
            if !matches!(word.text, "min_ttl" | "max_ttl") {
                let shown: String = word.text.chars().take(60).collect();
                walk.say(
                    Diagnostic::warning(Code::UnknownWord, word.span, format!("`{shown}` is unknown after a peer"))
                        .help("the peer is used without it; put one peer on each line"),
                );
                break;
            }
            let Some(number) = words.next() else {
                walk.say(
                    Diagnostic::warning(Code::MissingValue, word.span, format!("`{}` lacks its number", word.text))
                        .help("the peer is used without it"),
                );
                break;
            };
            let ttl = walk.fits(number, 0..=255, "a time to live", Instead("the peer is used without it"));
            if let Some(peer) = &mut peer {
                if word.text == "min_ttl" { peer.min_ttl = ttl } else { peer.max_ttl = ttl }
            }
        }
        if let Some(Peer { min_ttl: Some(least), max_ttl: Some(most), .. }) =
            peer.filter(|peer| peer.min_ttl > peer.max_ttl)
        {
            walk.say(
                Diagnostic::warning(
                    Code::Combination,
                    line.line().unwrap_or(value.span),
                    format!("no advert has a time to live of at least {least} and at most {most}"),
                )
                .help("nothing of this peer's is heard; write the smaller number after `min_ttl`"),
            );
        }
        transport.peers.extend(peer.map(|peer| Spanned::new(peer, value.span)));
    }
}
