//! `ip route`.

use std::net::IpAddr;
use std::str::FromStr;

use super::encapsulation::encapsulation;
use super::{Line, Mistake, SCOPES, Word, number};
use crate::model::{Family, NextHop, Placing, Route, RouteKind, RouteMetric, RouterPreference};

/// `RT_SCOPE_LINK`: from here on nearer than any gateway.
const LINK: u8 = 253;
pub(super) const TABLE: &str = "a table's number, or a name of the host's rt_tables file";
/// Words of a route, to find the one that was meant.
const WORDS: [&str; 36] = [
    "to",
    "src",
    "from",
    "via",
    "dev",
    "onlink",
    "realms",
    "nexthop",
    "table",
    "tos",
    "dsfield",
    "protocol",
    "scope",
    "metric",
    "expires",
    "features",
    "congctl",
    "pref",
    "ttl-propagate",
    "encap",
    "vrf",
    "no_track",
    "track_group",
    "append",
    "prepend",
    "mtu",
    "hoplimit",
    "advmss",
    "reordering",
    "window",
    "initcwnd",
    "initrwnd",
    "quickack",
    "blackhole",
    "unreachable",
    "prohibit",
];
/// `RTAX_FEATURE_ECN`.
const ECN: u32 = 1;
const KINDS: [(&str, RouteKind); 9] = [
    ("unicast", RouteKind::Unicast),
    ("local", RouteKind::Local),
    ("broadcast", RouteKind::Broadcast),
    ("multicast", RouteKind::Multicast),
    ("anycast", RouteKind::Anycast),
    ("blackhole", RouteKind::Blackhole),
    ("unreachable", RouteKind::Unreachable),
    ("prohibit", RouteKind::Prohibit),
    ("throw", RouteKind::Throw),
];
/// Numbers of a route, and how many units of the kernel's a unit of the model is, where a bare number means the kernel's.
const METRICS: [(&str, RouteMetric, u32); 14] = [
    ("mtu", RouteMetric::Mtu, 1),
    ("hoplimit", RouteMetric::HopLimit, 1),
    ("advmss", RouteMetric::AdvMss, 1),
    ("rtt", RouteMetric::Rtt, 8),
    ("rttvar", RouteMetric::RttVar, 4),
    ("reordering", RouteMetric::Reordering, 1),
    ("window", RouteMetric::Window, 1),
    ("cwnd", RouteMetric::Cwnd, 1),
    ("ssthresh", RouteMetric::SsThresh, 1),
    ("rto_min", RouteMetric::RtoMin, 1),
    ("initcwnd", RouteMetric::InitCwnd, 1),
    ("initrwnd", RouteMetric::InitRwnd, 1),
    ("quickack", RouteMetric::QuickAck, 1),
    ("fastopen_no_cookie", RouteMetric::FastOpenNoCookie, 1),
];

/// A route, out of a line.
///
/// Words that change nothing come beside it.
///
/// # Errors
/// What makes no sense in it.
pub(in crate::config) fn route(mut line: Line<'_, '_>) -> Result<(Route, Vec<Mistake>), Mistake> {
    let mut route = Route::new((IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED), 0));
    let mut hop = NextHop::default();
    let mut second = None;
    let mut to = None;
    let mut idle = Vec::new();
    while let Some(word) = line.take() {
        if let Some((_, kind)) = KINDS.iter().find(|(name, _)| *name == word.text) {
            route.kind = *kind;
            continue;
        }
        if let Some((_, metric, unit)) = METRICS.iter().find(|(name, _, _)| *name == word.text) {
            let locked = locked(&mut line);
            let value = line.value(word)?;
            let number = amount(value.text, *unit).ok_or_else(|| Mistake::bad(value, "a number"))?;
            route.metrics.push((*metric, number, locked));
            continue;
        }
        match word.text {
            "to" => {
                let value = line.value(word)?;
                to = Some(line.prefix(value)?);
            }
            "src" => {
                let value = line.value(word)?;
                route.source = Some(line.address(value)?);
            }
            "from" => {
                let value = line.value(word)?;
                route.from = Some(line.prefix(value)?);
            }
            "via" | "gw" => hop.via = Some(gateway(&mut line, word)?),
            "or" => second = Some(gateway(&mut line, word)?),
            "dev" | "oif" => hop.interface = Some(line.interface(word)?),
            "onlink" => hop.on_link = true,
            "realms" => hop.realms = Some(realms(&mut line, word)?),
            "nexthop" => route.hops.push(next_hop(&mut line, &mut idle)?),
            "table" | "lookup" => {
                let value = line.value(word)?;
                route.table = line.names.table(value.text).ok_or_else(|| Mistake::bad(value, TABLE))?;
            }
            "tos" | "dsfield" => route.tos = tos(&mut line, word)?,
            "protocol" | "proto" => {
                let value = line.value(word)?;
                route.protocol = line
                    .names
                    .protocol(value.text)
                    .ok_or_else(|| Mistake::bad(value, "a protocol's number or name"))?;
            }
            "scope" => {
                let value = line.value(word)?;
                let scope = line.names.scope(value.text);
                route.scope = Some(scope.ok_or_else(|| {
                    Mistake::unknown(value, "a scope's number or name", &SCOPES.map(|(name, _)| name))
                })?);
            }
            "metric" | "priority" | "preference" => {
                route.metric = Some(line.number(word, 0..=i64::from(u32::MAX))?);
            }
            "expires" => route.expires_secs = Some(line.number(word, 0..=i64::from(u32::MAX))?),
            "features" => {
                let value = line.value(word)?;
                if value.text != "ecn" {
                    return Err(Mistake::bad(value, "`ecn`"));
                }
                route.metrics.push((RouteMetric::Features, ECN, false));
            }
            "congctl" => {
                let locked = locked(&mut line);
                let value = line.value(word)?;
                route.congestion_control = Some((value.text.to_owned(), locked));
            }
            "pref" => {
                let value = line.value(word)?;
                route.preference = Some(match value.text {
                    "low" | "3" => RouterPreference::Low,
                    "medium" | "0" => RouterPreference::Medium,
                    "high" | "1" => RouterPreference::High,
                    _ => return Err(Mistake::bad(value, "`low`, `medium` or `high`")),
                });
            }
            "ttl-propagate" => {
                let value = line.value(word)?;
                route.ttl_propagate = Some(match value.text {
                    "enabled" => true,
                    "disabled" => false,
                    _ => return Err(Mistake::bad(value, "`enabled` or `disabled`")),
                });
            }
            "add" => route.placing = Placing::Add,
            "prepend" => route.placing = Placing::Prepend,
            "append" => route.placing = Placing::Append,
            "inet6" | "inet" => {}
            "no_track" => route.track = false,
            "track_group" => route.track_group = Some(line.value(word)?.text.to_owned()),
            "encap" => hop.encapsulation = Some(encapsulation(&mut line, word)?),
            "as" => idle.push(new_label(&mut line, word)?),
            "vrf" => route.vrf = Some(line.interface(word)?),
            _ if to.is_none() => to = Some(line.prefix(word)?),
            "weight" => {
                return Err(Mistake::wrong(
                    word.span,
                    "`weight` is for a route of several ways: it stands after `nexthop`",
                ));
            }
            _ => return Err(Mistake::unknown(word, "a word of `ip route`", &WORDS)),
        }
    }
    let Some(to) = to else {
        return Err(Mistake::wrong(line.whole, "this route leads nowhere: it has no destination"));
    };
    route.family = line.family();
    route.to = line.settled(to);
    route.from = route.from.map(|from| line.settled(from));
    finish(&mut route, hop, second, &line)?;
    Ok((route, idle))
}

/// The hops of a route, and what they may not be.
fn finish(route: &mut Route, hop: NextHop, second: Option<IpAddr>, line: &Line<'_, '_>) -> Result<(), Mistake> {
    let written = hop != NextHop::default();
    let leads = match route.kind {
        RouteKind::Blackhole | RouteKind::Unreachable | RouteKind::Prohibit | RouteKind::Throw => false,
        RouteKind::Unicast | RouteKind::Local | RouteKind::Broadcast | RouteKind::Multicast | RouteKind::Anycast => {
            true
        }
    };
    if !leads && (written || second.is_some() || !route.hops.is_empty()) {
        return Err(Mistake::wrong(line.whole, "a route of this type has neither `via` nor `dev`"));
    }
    if !route.hops.is_empty() && (hop.via.is_some() || hop.interface.is_some() || second.is_some()) {
        return Err(Mistake::wrong(line.whole, "a route has `nexthop`s, or a `via` and `dev` of its own"));
    }
    if second.is_some() && hop.via.is_none() {
        return Err(Mistake::wrong(line.whole, "`or` stands after `via`"));
    }
    let has_gateway = hop.via.is_some() || route.hops.iter().any(|hop| hop.via.is_some());
    if let Some(scope) = route.scope.filter(|scope| *scope >= LINK && has_gateway && route.family == Family::V4) {
        let name = SCOPES.iter().find(|(_, number)| *number == scope).map_or("", |(name, _)| name);
        return Err(Mistake::wrong(
            line.whole,
            format!(
                "a route through a gateway cannot have the scope `{name}`, which means that its destinations are on the link \
                 itself or nearer; leave `scope` out"
            ),
        ));
    }
    if leads && route.hops.is_empty() {
        let other = second.map(|via| NextHop { via: Some(via), ..hop.clone() });
        route.hops.push(hop);
        route.hops.extend(other);
    }
    Ok(())
}

/// `nexthop via ADDRESS dev INTERFACE weight N onlink`.
fn next_hop(line: &mut Line<'_, '_>, idle: &mut Vec<Mistake>) -> Result<NextHop, Mistake> {
    let mut hop = NextHop::default();
    while let Some(word) = line.peek() {
        if !matches!(word.text, "via" | "dev" | "weight" | "onlink" | "realms" | "encap" | "as") {
            break;
        }
        line.take();
        match word.text {
            "via" => hop.via = Some(gateway(line, word)?),
            "dev" => hop.interface = Some(line.interface(word)?),
            "weight" => hop.weight = line.number(word, 1..=256)?,
            "realms" => hop.realms = Some(realms(line, word)?),
            "encap" => hop.encapsulation = Some(encapsulation(line, word)?),
            "as" => idle.push(new_label(line, word)?),
            _ => hop.on_link = true,
        }
    }
    if hop.via.is_none() && hop.interface.is_none() {
        return Err(Mistake::wrong(line.whole, "a `nexthop` has a `via` or a `dev`"));
    }
    Ok(hop)
}

/// `as [to] LABEL`: what an MPLS router puts in a label's place. Its routes lead from a label, and not from an address.
fn new_label(line: &mut Line<'_, '_>, word: Word<'_>) -> Result<Mistake, Mistake> {
    let mut value = line.value(word)?;
    if value.text == "to" {
        value = line.value(value)?;
    }
    let at = word.span.to(value.span);
    Ok(Mistake::wrong(at, "`as` is for routes from an MPLS label: a route from an address has no label to change"))
}

/// `[inet|inet6] ADDRESS`: a gateway may be of another family than the route, if it says so.
fn gateway(line: &mut Line<'_, '_>, word: Word<'_>) -> Result<IpAddr, Mistake> {
    let value = line.value(word)?;
    if !matches!(value.text, "inet" | "inet6") {
        let of = IpAddr::from_str(value.text).map(Family::of).ok();
        if let (Some(own), Some(of)) = (line.family, of)
            && own != of
        {
            let word = if of == Family::V6 { "inet6" } else { "inet" };
            let text = value.text;
            let what =
                format!("{text} is not {own}, as the rest of the line is; if it is meant, write `via {word} {text}`");
            return Err(Mistake::wrong(value.span, what));
        }
        return line.address(value);
    }
    let address = line.value(value)?;
    let family = if value.text == "inet" { Family::V4 } else { Family::V6 };
    IpAddr::from_str(address.text)
        .ok()
        .filter(|address| Family::of(*address) == family)
        .ok_or_else(|| Mistake::bad(address, format!("an {family} address")))
}

fn realms(line: &mut Line<'_, '_>, word: Word<'_>) -> Result<u32, Mistake> {
    let value = line.value(word)?;
    line.names.realms(value.text).ok_or_else(|| Mistake::bad(value, "realms: a number or name, or two with a `/`"))
}

pub(super) fn tos(line: &mut Line<'_, '_>, word: Word<'_>) -> Result<u8, Mistake> {
    let value = line.value(word)?;
    line.names.tos(value.text).ok_or_else(|| Mistake::bad(value, "a type of service: a number up to 255, or a name"))
}

fn locked(line: &mut Line<'_, '_>) -> bool {
    let locked = line.peek().is_some_and(|word| word.text == "lock");
    if locked {
        line.take();
    }
    locked
}

/// A number, or a time in `ms` or `s`; a bare number of a timer is in the kernel's units.
fn amount(text: &str, unit: u32) -> Option<u32> {
    let (digits, factor) = match (text.strip_suffix("ms"), text.strip_suffix('s')) {
        (Some(digits), _) => (digits, 1),
        (None, Some(digits)) => (digits, 1_000),
        (None, None) => return u32::try_from(number(text)?).ok().map(|number| number.div_ceil(unit)),
    };
    u32::try_from(number(digits)?).ok()?.checked_mul(factor)
}
