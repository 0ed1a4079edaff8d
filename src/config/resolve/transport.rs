//! How a router's adverts travel.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::Resolver;
use super::instance::Basics;
use crate::config::diagnostic::{Code, Diagnostic};
use crate::config::draft::{Field, InstanceDraft, RouterDefaults};
use crate::config::source::{Span, Spanned};
use crate::model::{Family, Peer, Transport, VirtualRouterId};

/// Where adverts go unless told otherwise (RFC 9568 sections 5.1.1.2 and 5.1.2.2).
const GROUP_V4: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 18);
const GROUP_V6: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 0x12);

impl Resolver<'_> {
    pub(super) fn transport(
        &mut self,
        draft: &mut InstanceDraft,
        defaults: &RouterDefaults,
        basics: Basics,
    ) -> Transport {
        let family = basics.family;
        let transport = std::mem::take(&mut draft.transport);
        draft.transport.vrf = transport.vrf;
        draft.transport.without_pseudo_header = transport.without_pseudo_header;
        draft.transport.never_old_unicast = transport.never_old_unicast;
        let unicast_at = transport.unicast.or(transport.unicast_source.get().map(|source| source.span));
        let unicast = self.of_family(transport.unicast_source, family, "source");
        let multicast = self.of_family(transport.multicast_source, family, "source");
        let peers = self.peers(transport.peers, family);
        if !peers.is_empty() || transport.fault_without_peers {
            if let (true, Some(span)) = (basics.strict, unicast_at) {
                self.say(Diagnostic::warning(Code::Strict, span, "strict mode has no unicast").help(
                    "it is used all the same, since its peers expect it; keepalived refuses such a router on a \
                             link that can multicast",
                ));
            }
            if let (true, Some(span)) = (peers.is_empty(), unicast_at) {
                self.say(
                    Diagnostic::warning(Code::Idle, span, format!("`{}` names no peer to speak to", self.words.peers))
                        .help("the router stays in FAULT until it has one, as the file asks for"),
                );
            }
            return Transport::Unicast {
                source: unicast.or(multicast),
                check_source: transport.check_source.unwrap_or(defaults.check_source)
                    || peers.iter().any(|peer| peer.min_ttl.is_some() || peer.max_ttl.is_some()),
                peers,
                ttl: transport.ttl.unwrap_or(u8::MAX),
            };
        }
        if let Some(span) = unicast_at {
            self.say(
                Diagnostic::warning(Code::Idle, span, format!("`{}` names no peer to speak to", self.words.peers))
                    .help(format!("adverts are multicast{}", self.words.there)),
            );
        }
        let default = match family {
            Family::V4 => IpAddr::V4(defaults.group_v4.unwrap_or(GROUP_V4)),
            Family::V6 => IpAddr::V6(defaults.group_v6.unwrap_or(GROUP_V6)),
        };
        let group = self.of_family(transport.group, family, "group").unwrap_or(default);
        Transport::Multicast { source: multicast.or(unicast), group }
    }

    /// An address, if it is of the router's family.
    fn of_family(&mut self, field: Field<IpAddr>, family: Family, what: &str) -> Option<IpAddr> {
        let Field::Set(Spanned { value, span }) = field else { return None };
        if Family::of(value) == family {
            return Some(value);
        }
        self.other_family(value, family, span, what, "ignored: the default holds");
        None
    }

    fn peers(&mut self, peers: Vec<Spanned<Peer>>, family: Family) -> Vec<Peer> {
        let mut kept: Vec<Peer> = Vec::new();
        for Spanned { value, span } in peers {
            if Family::of(value.address) != family {
                self.other_family(value.address, family, span, "peer", "this peer is left out");
            } else if kept.iter().any(|peer| peer.address == value.address) {
                self.say(
                    Diagnostic::warning(Code::Duplicate, span, format!("{} is listed twice", value.address))
                        .help("the second is ignored"),
                );
            } else {
                kept.push(value);
            }
        }
        kept
    }

    /// What is said of an address of the wrong family.
    pub(super) fn other_family(&mut self, address: IpAddr, family: Family, span: Span, what: &str, instead: &str) {
        let message = format!("{address} cannot be a {what} of an {family} router");
        let diagnostic = self
            .slip(Code::Combination, span, message)
            .mark(format!("its first address is {family}"))
            .help(format!("{instead}{}", self.words.there));
        self.say(diagnostic);
    }

    /// Whether the loss of the source address is a fault: only of one that is written.
    pub(super) fn track_source(&mut self, written: Option<Span>, transport: &Transport) -> bool {
        let (Transport::Multicast { source, .. } | Transport::Unicast { source, .. }) = transport;
        let Some(span) = written else { return false };
        if source.is_none() {
            self.say(
                Diagnostic::note(Code::Idle, span, "there is no source address to track")
                    .help("the loss of all addresses of its interface is a fault in any case; write a source address"),
            );
        }
        source.is_some()
    }

    /// The VRF of a router without an interface.
    pub(super) fn vrf(&mut self, draft: &mut InstanceDraft, id: Option<&VirtualRouterId>) -> Option<String> {
        let Field::Set(vrf) = std::mem::take(&mut draft.transport.vrf) else { return None };
        if id.is_some_and(|id| id.interface.is_some()) {
            self.say(
                Diagnostic::note(Code::Idle, vrf.span, "`vrf` is for unicast routers that name no interface")
                    .help("not used: the interface tells the VRF"),
            );
            return None;
        }
        Some(vrf.value)
    }
}
