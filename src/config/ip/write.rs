//! Routes and rules back to the words of `ip route` and `ip rule`.

use std::fmt::Write;
use std::net::IpAddr;

use crate::model::{Family, NextHop, Placing, Route, RouteKind, RouteMetric, RouterPreference, Rule, RuleAction};

/// `RT_TABLE_MAIN`.
const MAIN: u32 = 254;

/// The words of a line.
#[derive(Default)]
struct Words(String);

impl Words {
    fn add(&mut self, word: impl std::fmt::Display) {
        if !self.0.is_empty() {
            self.0.push(' ');
        }
        // Writing to a string does not fail.
        let _ = write!(self.0, "{word}");
    }

    fn pair(&mut self, word: &str, value: impl std::fmt::Display) {
        self.add(word);
        self.add(value);
    }

    fn maybe(&mut self, word: &str, value: Option<impl std::fmt::Display>) {
        if let Some(value) = value {
            self.pair(word, value);
        }
    }
}

/// A route as `ip route` takes it; [`super::route()`] reads the same out of it.
pub(in crate::config) fn route_text(route: &Route) -> String {
    let mut words = Words::default();
    if let Some(kind) = kind(route.kind) {
        words.add(kind);
    }
    words.add(match route.to {
        (IpAddr::V4(to), 0) if to.is_unspecified() => "default".to_owned(),
        to => prefix(to),
    });
    words.maybe("from", route.from.map(prefix));
    // Words after an encapsulation would be taken for its own.
    let wraps = route.hops.iter().any(|hop| hop.encapsulation.is_some());
    if !wraps {
        hops(&mut words, route);
    }
    words.maybe("src", route.source);
    words.maybe("vrf", route.vrf.as_ref());
    if route.table != MAIN {
        words.pair("table", table(route.table));
    }
    if route.tos != 0 {
        words.pair("tos", route.tos);
    }
    if route.protocol != Route::new(route.to).protocol {
        words.pair("protocol", route.protocol);
    }
    words.maybe("scope", route.scope);
    words.maybe("metric", route.metric);
    words.maybe("expires", route.expires_secs);
    for (metric, value, locked) in &route.metrics {
        number(&mut words, *metric, *value, *locked);
    }
    if let Some((name, locked)) = &route.congestion_control {
        words.add(if *locked { "congctl lock" } else { "congctl" });
        words.add(name);
    }
    words.maybe("pref", route.preference.map(preference));
    words.maybe("ttl-propagate", route.ttl_propagate.map(|on| if on { "enabled" } else { "disabled" }));
    match route.placing {
        Placing::Prepend => {}
        Placing::Add => words.add("add"),
        Placing::Append => words.add("append"),
    }
    tracking(&mut words, route.track, route.track_group.as_deref());
    if wraps {
        hops(&mut words, route);
    }
    words.0
}

/// A rule as `ip rule` takes it; [`super::rule()`] reads the same out of it.
pub(in crate::config) fn rule_text(rule: &Rule) -> String {
    let mut words = Words::default();
    let told = rule.from.or(rule.to).is_some();
    if rule.family == Family::V6 && !told {
        words.add("inet6");
    }
    if rule.invert {
        words.add("not");
    }
    words.maybe("from", rule.from.map(prefix));
    words.maybe("to", rule.to.map(prefix));
    if rule.tos != 0 {
        words.pair("tos", rule.tos);
    }
    words.maybe(
        "fwmark",
        rule.mark.map(|(mark, mask)| match mask {
            Some(mask) => format!("{mark:#x}/{mask:#x}"),
            None => mark.to_string(),
        }),
    );
    words.maybe("iif", rule.input.as_ref());
    words.maybe("oif", rule.output.as_ref());
    words.maybe("realms", rule.realms.map(realms));
    words.maybe("suppress_prefixlength", rule.suppress_prefix_len);
    words.maybe("suppress_ifgroup", rule.suppress_group);
    words.maybe("tunnel-id", rule.tunnel);
    words.maybe("uidrange", rule.users.map(|(first, last)| format!("{first}-{last}")));
    words.maybe("ipproto", rule.ip_protocol);
    words.maybe("sport", rule.source_ports.map(ports));
    words.maybe("dport", rule.destination_ports.map(ports));
    words.maybe("protocol", rule.protocol);
    if rule.l3mdev {
        words.add("l3mdev");
    }
    match rule.action {
        RuleAction::Lookup(_) if rule.l3mdev => {}
        RuleAction::Lookup(number) => words.pair("table", table(number)),
        RuleAction::Goto(priority) => words.pair("goto", priority),
        RuleAction::Nop => words.add("nop"),
        RuleAction::Blackhole => words.add("blackhole"),
        RuleAction::Unreachable => words.add("unreachable"),
        RuleAction::Prohibit => words.add("prohibit"),
    }
    words.pair("priority", rule.priority);
    tracking(&mut words, rule.track, rule.track_group.as_deref());
    words.0
}

const fn kind(kind: RouteKind) -> Option<&'static str> {
    match kind {
        RouteKind::Unicast => None,
        RouteKind::Local => Some("local"),
        RouteKind::Broadcast => Some("broadcast"),
        RouteKind::Multicast => Some("multicast"),
        RouteKind::Anycast => Some("anycast"),
        RouteKind::Blackhole => Some("blackhole"),
        RouteKind::Unreachable => Some("unreachable"),
        RouteKind::Prohibit => Some("prohibit"),
        RouteKind::Throw => Some("throw"),
    }
}

fn prefix((address, length): (IpAddr, u8)) -> String {
    format!("{address}/{length}")
}

/// The main table by its name, which everybody knows.
fn table(number: u32) -> String {
    if number == MAIN { "main".to_owned() } else { number.to_string() }
}

fn hops(words: &mut Words, route: &Route) {
    match route.hops.as_slice() {
        [only] if only.weight == 0 => hop(words, only, route.family),
        several => {
            for one in several {
                words.add("nexthop");
                hop(words, one, route.family);
            }
        }
    }
}

fn hop(words: &mut Words, hop: &NextHop, family: Family) {
    if let Some(via) = hop.via {
        words.add("via");
        // A gateway of another family says so.
        match (Family::of(via), family) {
            (Family::V4, Family::V6) => words.add("inet"),
            (Family::V6, Family::V4) => words.add("inet6"),
            (Family::V4, Family::V4) | (Family::V6, Family::V6) => {}
        }
        words.add(via);
    }
    words.maybe("dev", hop.interface.as_ref());
    if hop.weight != 0 {
        words.pair("weight", hop.weight);
    }
    words.maybe("realms", hop.realms.map(realms));
    if hop.on_link {
        words.add("onlink");
    }
    words.maybe("encap", hop.encapsulation.as_ref());
}

/// `[FROM/]TO`.
fn realms(realms: u32) -> String {
    match (realms >> 16, realms & 0xffff) {
        (0, to) => to.to_string(),
        (from, to) => format!("{from}/{to}"),
    }
}

fn number(words: &mut Words, metric: RouteMetric, value: u32, locked: bool) {
    let (name, unit) = match metric {
        RouteMetric::Mtu => ("mtu", ""),
        RouteMetric::HopLimit => ("hoplimit", ""),
        RouteMetric::AdvMss => ("advmss", ""),
        // A bare number would count in the kernel's units.
        RouteMetric::Rtt => ("rtt", "ms"),
        RouteMetric::RttVar => ("rttvar", "ms"),
        RouteMetric::Reordering => ("reordering", ""),
        RouteMetric::Window => ("window", ""),
        RouteMetric::Cwnd => ("cwnd", ""),
        RouteMetric::SsThresh => ("ssthresh", ""),
        RouteMetric::RtoMin => ("rto_min", "ms"),
        RouteMetric::InitCwnd => ("initcwnd", ""),
        RouteMetric::InitRwnd => ("initrwnd", ""),
        RouteMetric::QuickAck => ("quickack", ""),
        RouteMetric::FastOpenNoCookie => ("fastopen_no_cookie", ""),
        RouteMetric::Features => {
            words.add("features ecn");
            return;
        }
    };
    words.add(name);
    if locked {
        words.add("lock");
    }
    words.add(format_args!("{value}{unit}"));
}

const fn preference(preference: RouterPreference) -> &'static str {
    match preference {
        RouterPreference::Low => "low",
        RouterPreference::Medium => "medium",
        RouterPreference::High => "high",
    }
}

fn ports((first, last): (u16, u16)) -> String {
    if first == last { first.to_string() } else { format!("{first}-{last}") }
}

fn tracking(words: &mut Words, track: bool, group: Option<&str>) {
    if !track {
        words.add("no_track");
    }
    words.maybe("track_group", group);
}
