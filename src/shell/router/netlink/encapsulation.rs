//! What a route wraps packets in: `RTA_ENCAP` and `RTA_ENCAP_TYPE`, of a route or of one of its hops.

use std::net::{Ipv4Addr, Ipv6Addr};

use netlink_packet_core::Emitable;
use netlink_packet_route::route::{
    MplsLabel, RouteIp6Tunnel, RouteIp6TunnelFlags, RouteIpTunnel, RouteIpTunnelFlags, RouteLwTunnelEncap,
    RouteMplsIpTunnel,
};

use super::attributes::Writer;
use crate::model::{Encapsulation, TunnelEnds};

// include/uapi/linux/rtnetlink.h
const RTA_ENCAP_TYPE: u16 = 21;
const RTA_ENCAP: u16 = 22;
// include/uapi/linux/netlink.h
const NLA_F_NESTED: u16 = 1 << 15;
// include/uapi/linux/lwtunnel.h
const LWTUNNEL_ENCAP_MPLS: u16 = 1;
const LWTUNNEL_ENCAP_IP: u16 = 2;
const LWTUNNEL_ENCAP_ILA: u16 = 3;
const LWTUNNEL_ENCAP_IP6: u16 = 4;
// include/uapi/linux/ila.h
const ILA_ATTR_LOCATOR: u16 = 1;

/// Writes both attributes.
pub(super) fn put(writer: &mut Writer, encapsulation: &Encapsulation) {
    let (kind, nest) = match encapsulation {
        Encapsulation::Mpls(labels) => (LWTUNNEL_ENCAP_MPLS, emitted(vec![mpls(labels)])),
        Encapsulation::Ip(ends) => (LWTUNNEL_ENCAP_IP, emitted(ip(ends))),
        Encapsulation::Ip6(ends) => (LWTUNNEL_ENCAP_IP6, emitted(ip6(ends))),
        Encapsulation::Ila(locator) => {
            // The library has no words for it.
            let mut nest = Writer::default();
            nest.put(ILA_ATTR_LOCATOR, &locator.to_be_bytes());
            (LWTUNNEL_ENCAP_ILA, nest.into_bytes())
        }
    };
    writer.put(RTA_ENCAP | NLA_F_NESTED, &nest);
    writer.put(RTA_ENCAP_TYPE, &kind.to_ne_bytes());
}

fn emitted(attributes: Vec<RouteLwTunnelEncap>) -> Vec<u8> {
    let mut bytes = vec![0; attributes.as_slice().buffer_len()];
    attributes.as_slice().emit(&mut bytes);
    bytes
}

fn mpls(labels: &[u32]) -> RouteLwTunnelEncap {
    let last = labels.len().saturating_sub(1);
    let label =
        |(at, label): (usize, &u32)| MplsLabel { label: *label, traffic_class: 0, bottom_of_stack: at == last, ttl: 0 };
    RouteLwTunnelEncap::Mpls(RouteMplsIpTunnel::Destination(labels.iter().enumerate().map(label).collect()))
}

fn ip(ends: &TunnelEnds<Ipv4Addr>) -> Vec<RouteLwTunnelEncap> {
    let all = [
        ends.id.map(RouteIpTunnel::Id),
        ends.destination.map(RouteIpTunnel::Destination),
        ends.source.map(RouteIpTunnel::Source),
        ends.tos.map(RouteIpTunnel::Tos),
        ends.ttl.map(RouteIpTunnel::Ttl),
        ends.flags.map(|flags| RouteIpTunnel::Flags(RouteIpTunnelFlags::from_bits_retain(flags))),
    ];
    all.into_iter().flatten().map(RouteLwTunnelEncap::Ip).collect()
}

fn ip6(ends: &TunnelEnds<Ipv6Addr>) -> Vec<RouteLwTunnelEncap> {
    let all = [
        ends.id.map(RouteIp6Tunnel::Id),
        ends.destination.map(RouteIp6Tunnel::Destination),
        ends.source.map(RouteIp6Tunnel::Source),
        ends.tos.map(RouteIp6Tunnel::Tc),
        ends.ttl.map(RouteIp6Tunnel::Hoplimit),
        ends.flags.map(|flags| RouteIp6Tunnel::Flags(RouteIp6TunnelFlags::from_bits_retain(flags))),
    ];
    all.into_iter().flatten().map(RouteLwTunnelEncap::Ip6).collect()
}
