//! What the kernel compares of routes, and how they read.

use std::fmt;
use std::net::IpAddr;

use crate::model::{Family, NextHop, Placing, Route, RouteKind};

/// The metric of a route that names none: IPv6 has one all the same (`IP6_RT_PRIO_USER` of
/// include/net/ip6_route.h).
#[must_use]
pub(super) const fn default_metric(family: Family) -> u32 {
    match family {
        Family::V4 => 0,
        Family::V6 => 1024,
    }
}

/// Whether a route has a hop that goes through the router's own link for want of another.
pub(super) fn needs_home(route: &Route) -> bool {
    route.hops.iter().any(|hop| hop_needs_home(route, hop)) || (route.hops.is_empty() && forwards(route.kind))
}

/// Whether this hop names neither a way nor a link; a link-local way is none without its link.
pub(super) fn hop_needs_home(route: &Route, hop: &NextHop) -> bool {
    let local = matches!(hop.via, Some(IpAddr::V6(via)) if via.is_unicast_link_local());
    forwards(route.kind) && hop.interface.is_none() && (hop.via.is_none() || local)
}

/// Whether packets leave through a link.
const fn forwards(kind: RouteKind) -> bool {
    match kind {
        RouteKind::Unicast | RouteKind::Local | RouteKind::Broadcast | RouteKind::Multicast | RouteKind::Anycast => {
            true
        }
        RouteKind::Blackhole | RouteKind::Unreachable | RouteKind::Prohibit | RouteKind::Throw => false,
    }
}

/// The kernel would refuse one beside the other, join them to one, or take one for the other when it removes: same table,
/// destination, type of service and metric, and the same in what a removal compares. IPv6 keeps several routes of one
/// metric as ways of one route, and takes no second one without a way (`ip6_route_del` and `fib6_add_rt2node` of
/// net/ipv6); IPv4 compares scope, kind, source, protocol and ways (`fib_table_delete` of net/ipv4/fib_trie.c).
pub(super) fn collide(one: &Route, two: &Route) -> bool {
    let metric = |route: &Route| route.metric.unwrap_or_else(|| default_metric(route.family));
    let slot = |route: &Route| (route.table, route.vrf.clone(), route.to, route.from, route.tos, metric(route));
    if slot(one) != slot(two) || one.family != two.family {
        return false;
    }
    if one.placing == Placing::Add || two.placing == Placing::Add {
        return true;
    }
    match one.family {
        Family::V6 => true,
        Family::V4 => {
            let ways = |route: &Route| {
                let hops = route.hops.iter();
                hops.map(|hop| NextHop { on_link: false, realms: None, ..hop.clone() }).collect::<Vec<_>>()
            };
            let compared = |route: &Route| (route.kind, route.scope, route.source, route.protocol);
            compared(one) == compared(two) && ways(one) == ways(two)
        }
    }
}

/// In the words of `ip route`.
pub(super) fn write(route: &Route, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    f.write_str("route ")?;
    f.write_str(match route.kind {
        RouteKind::Unicast => "",
        RouteKind::Local => "local ",
        RouteKind::Broadcast => "broadcast ",
        RouteKind::Multicast => "multicast ",
        RouteKind::Anycast => "anycast ",
        RouteKind::Blackhole => "blackhole ",
        RouteKind::Unreachable => "unreachable ",
        RouteKind::Prohibit => "prohibit ",
        RouteKind::Throw => "throw ",
    })?;
    let (to, prefix_len) = route.to;
    if prefix_len == 0 {
        f.write_str("default")?;
    } else {
        write!(f, "{to}/{prefix_len}")?;
    }
    if let Some((from, prefix_len)) = route.from {
        write!(f, " from {from}/{prefix_len}")?;
    }
    if let Some(source) = route.source {
        write!(f, " src {source}")?;
    }
    let several = route.hops.len() > 1;
    for hop in &route.hops {
        if several {
            f.write_str(" nexthop")?;
        }
        if let Some(via) = hop.via {
            let other = via.is_ipv6() != matches!(route.family, Family::V6);
            write!(f, " via {}{via}", if other && via.is_ipv6() { "inet6 " } else { "" })?;
        }
        if let Some(interface) = &hop.interface {
            write!(f, " dev {interface}")?;
        }
        if hop.weight > 0 {
            write!(f, " weight {}", hop.weight)?;
        }
        if hop.on_link {
            f.write_str(" onlink")?;
        }
        if let Some(encapsulation) = &hop.encapsulation {
            write!(f, " encap {encapsulation}")?;
        }
    }
    if let Some(vrf) = &route.vrf {
        write!(f, " vrf {vrf}")?;
    } else if route.table != 254 {
        write!(f, " table {}", route.table)?;
    }
    if route.tos != 0 {
        write!(f, " tos {:#x}", route.tos)?;
    }
    if let Some(metric) = route.metric {
        write!(f, " metric {metric}")?;
    }
    Ok(())
}
