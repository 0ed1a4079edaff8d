//! A route as `RTM_NEWROUTE` and `RTM_DELROUTE` carry it: `struct rtmsg` and attributes. By hand: the kernel compares
//! nearly every byte when it removes, so we say what each is.

use super::attributes::{Writer, family, octets};
use super::encapsulation;
use crate::model::{Family, NextHop, Route, RouteKind, RouteMetric, RouterPreference};

// include/uapi/linux/rtnetlink.h
const RTA_DST: u16 = 1;
const RTA_SRC: u16 = 2;
const RTA_OIF: u16 = 4;
const RTA_GATEWAY: u16 = 5;
const RTA_PRIORITY: u16 = 6;
const RTA_PREFSRC: u16 = 7;
const RTA_METRICS: u16 = 8;
const RTA_MULTIPATH: u16 = 9;
const RTA_FLOW: u16 = 11;
const RTA_TABLE: u16 = 15;
const RTA_VIA: u16 = 18;
const RTA_PREF: u16 = 20;
const RTA_EXPIRES: u16 = 23;
const RTA_TTL_PROPAGATE: u16 = 26;
const RTAX_LOCK: u16 = 1;
const RTAX_CC_ALGO: u16 = 16;
const RTNH_F_ONLINK: u8 = 4;
const RT_SCOPE_UNIVERSE: u8 = 0;
const RT_SCOPE_LINK: u8 = 253;
const RT_SCOPE_HOST: u8 = 254;
const RT_TABLE_COMPAT: u8 = 252;
/// `IP6_RT_PRIO_USER` of include/net/ip6_route.h: what the kernel gives a route without a metric.
const IPV6_METRIC: u32 = 1024;

/// The body of a message about a route; `links` are the numbers of its hops' links, 0 for the kernel's choice.
pub(super) fn body(route: &Route, links: &[u32]) -> Vec<u8> {
    let (to, to_len) = route.to;
    let from_len = route.from.map_or(0, |(_, length)| length);
    let single = if let [hop] = route.hops.as_slice() { Some(hop) } else { None };
    let on_link = single.is_some_and(|hop| hop.on_link);
    let table = u8::try_from(route.table).unwrap_or(RT_TABLE_COMPAT);
    let is_ipv6 = route.family == Family::V6;
    let header = [family(is_ipv6), to_len, from_len, route.tos, table, route.protocol, scope(route), kind(route.kind)];
    let mut writer = Writer::new(&header);
    writer.raw(&u32::from(if on_link { RTNH_F_ONLINK } else { 0 }).to_ne_bytes());
    writer.put_u32(RTA_TABLE, route.table);
    if to_len > 0 {
        writer.put_address(RTA_DST, to);
    }
    if let Some((from, _)) = route.from {
        writer.put_address(RTA_SRC, from);
    }
    if let Some(source) = route.source {
        writer.put_address(RTA_PREFSRC, source);
    }
    // Named even where it is the usual one: a removal without it means any.
    if let Some(metric) = route.metric.or(is_ipv6.then_some(IPV6_METRIC)) {
        writer.put_u32(RTA_PRIORITY, metric);
    }
    let metrics = metrics(route);
    if !metrics.is_empty() {
        writer.put(RTA_METRICS, &metrics);
    }
    if let Some(seconds) = route.expires_secs {
        writer.put_u32(RTA_EXPIRES, seconds);
    }
    if let Some(preference) = route.preference {
        // RFC 4191 section 2.1: two bits, and "reserved" between medium and low.
        let bits = match preference {
            RouterPreference::Medium => 0,
            RouterPreference::High => 1,
            RouterPreference::Low => 3,
        };
        writer.put(RTA_PREF, &[bits]);
    }
    if let Some(propagate) = route.ttl_propagate {
        writer.put(RTA_TTL_PROPAGATE, &[u8::from(propagate)]);
    }
    match single {
        Some(hop) => way(&mut writer, route.family, hop),
        None if route.hops.is_empty() => {}
        None => writer.put(RTA_MULTIPATH, &ways(route, links)),
    }
    if route.hops.len() <= 1
        && let Some(link) = links.first().filter(|link| **link != 0)
    {
        writer.put_u32(RTA_OIF, *link);
    }
    writer.into_bytes()
}

/// As `ip route` chooses it, where it is not said.
fn scope(route: &Route) -> u8 {
    if let Some(scope) = route.scope {
        return scope;
    }
    match (route.family, route.kind) {
        (Family::V4, RouteKind::Local) => RT_SCOPE_HOST,
        (Family::V4, RouteKind::Broadcast | RouteKind::Multicast | RouteKind::Anycast) => RT_SCOPE_LINK,
        (Family::V4, RouteKind::Unicast) => match route.hops.as_slice() {
            [hop] if hop.via.is_none() => RT_SCOPE_LINK,
            [] => RT_SCOPE_LINK,
            _ => RT_SCOPE_UNIVERSE,
        },
        (Family::V4, RouteKind::Blackhole | RouteKind::Unreachable | RouteKind::Prohibit | RouteKind::Throw)
        | (Family::V6, _) => RT_SCOPE_UNIVERSE,
    }
}

/// `RTN_*`.
const fn kind(kind: RouteKind) -> u8 {
    match kind {
        RouteKind::Unicast => 1,
        RouteKind::Local => 2,
        RouteKind::Broadcast => 3,
        RouteKind::Anycast => 4,
        RouteKind::Multicast => 5,
        RouteKind::Blackhole => 6,
        RouteKind::Unreachable => 7,
        RouteKind::Prohibit => 8,
        RouteKind::Throw => 9,
    }
}

/// Gateway and realms of a hop. A gateway of the other family has an attribute of its own.
fn way(writer: &mut Writer, route: Family, hop: &NextHop) {
    if let Some(via) = hop.via {
        if via.is_ipv6() == (route == Family::V6) {
            writer.put_address(RTA_GATEWAY, via);
        } else {
            let mut value = u16::from(family(via.is_ipv6())).to_ne_bytes().to_vec();
            value.extend(octets(via));
            writer.put(RTA_VIA, &value);
        }
    }
    if let Some(realms) = hop.realms {
        writer.put_u32(RTA_FLOW, realms);
    }
    if let Some(encapsulation) = &hop.encapsulation {
        encapsulation::put(writer, encapsulation);
    }
}

/// `struct rtnexthop` for each hop, with its attributes.
fn ways(route: &Route, links: &[u32]) -> Vec<u8> {
    let mut all = Writer::default();
    for (at, hop) in route.hops.iter().enumerate() {
        let mut own = Writer::default();
        way(&mut own, route.family, hop);
        let own = own.into_bytes();
        let length = u16::try_from(own.len().saturating_add(8)).unwrap_or(u16::MAX);
        // The kernel counts from 0.
        let weight = u8::try_from(hop.weight.saturating_sub(1)).unwrap_or(u8::MAX);
        let mut bytes = length.to_ne_bytes().to_vec();
        bytes.extend([if hop.on_link { RTNH_F_ONLINK } else { 0 }, weight]);
        bytes.extend(links.get(at).copied().unwrap_or(0).to_ne_bytes());
        bytes.extend(own);
        all.raw(&bytes);
    }
    all.into_bytes()
}

/// The nest of `RTAX_*`, numbers in the kernel's units; the locked ones as bits.
fn metrics(route: &Route) -> Vec<u8> {
    let mut writer = Writer::default();
    let mut locks = 0_u32;
    for (metric, value, locked) in &route.metrics {
        let (number, scale) = metric_number(*metric);
        if *locked {
            locks |= 1 << number;
        }
        writer.put_u32(number, value.saturating_mul(scale));
    }
    if let Some((name, locked)) = &route.congestion_control {
        if *locked {
            locks |= 1 << RTAX_CC_ALGO;
        }
        writer.put_name(RTAX_CC_ALGO, name);
    }
    if locks != 0 {
        writer.put_u32(RTAX_LOCK, locks);
    }
    if writer.is_empty() { Vec::new() } else { writer.into_bytes() }
}

/// `RTAX_*`, and how many of the kernel's units one of ours is.
const fn metric_number(metric: RouteMetric) -> (u16, u32) {
    match metric {
        RouteMetric::Mtu => (2, 1),
        RouteMetric::Window => (3, 1),
        RouteMetric::Rtt => (4, 8),
        RouteMetric::RttVar => (5, 4),
        RouteMetric::SsThresh => (6, 1),
        RouteMetric::Cwnd => (7, 1),
        RouteMetric::AdvMss => (8, 1),
        RouteMetric::Reordering => (9, 1),
        RouteMetric::HopLimit => (10, 1),
        RouteMetric::InitCwnd => (11, 1),
        RouteMetric::Features => (12, 1),
        RouteMetric::RtoMin => (13, 1),
        RouteMetric::InitRwnd => (14, 1),
        RouteMetric::QuickAck => (15, 1),
        RouteMetric::FastOpenNoCookie => (17, 1),
    }
}
