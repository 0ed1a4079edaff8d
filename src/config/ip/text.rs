//! Routes and rules as text and back, with nothing left out that the kernel is told: for whoever keeps them in a file.
//!
//! All names are numbers, so that what is read does not depend on the host's own files. What only concerns us (`no_track`,
//! `track_group`, a priority that was given rather than written) is not kept.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use super::{Line, Word, route, rule};
use crate::config::source::{SourceError, Sources, Span};
use crate::model::{Family, NextHop, Placing, Route, RouteKind, RouteMetric, RouterPreference, Rule, RuleAction};

/// No files, and no names but those that are built in.
struct Nothing;

impl Sources for Nothing {
    fn read(&self, _: &Path) -> Result<Vec<u8>, SourceError> {
        Err(SourceError::Missing)
    }

    fn glob(&self, _: &str) -> Vec<PathBuf> {
        Vec::new()
    }

    fn variable(&self, _: &str) -> Option<String> {
        None
    }
}

fn line(text: &str) -> Option<Line<'_, 'static>> {
    let span = Span::new(crate::config::source::FileId::default(), 0..text.len());
    Line::new(text.split_whitespace().map(|text| Word { text, span }).collect(), &Nothing)
}

/// What [`write_route`] wrote; `None` if it is something else.
pub(crate) fn read_route(text: &str) -> Option<Route> {
    let (route, _) = route(line(text)?).ok()?;
    Some(Route { track: true, track_group: None, ..route })
}

/// What [`write_rule`] wrote; `None` if it is something else.
pub(crate) fn read_rule(text: &str) -> Option<Rule> {
    let (rule, _) = rule(line(text)?).ok()?;
    Some(Rule { track: true, track_group: None, ..rule })
}

/// A route, in the words of `ip route`.
pub(crate) fn write_route(route: &Route) -> String {
    let mut text = String::new();
    // Writing to a String cannot fail.
    let _ = put_route(route, &mut text);
    text
}

/// A rule, in the words of `ip rule`.
pub(crate) fn write_rule(rule: &Rule) -> String {
    let mut text = String::new();
    let _ = put_rule(rule, &mut text);
    text
}

fn put_route(route: &Route, text: &mut String) -> std::fmt::Result {
    text.push_str(match route.family {
        Family::V4 => "inet",
        Family::V6 => "inet6",
    });
    text.push_str(match route.kind {
        RouteKind::Unicast => " unicast",
        RouteKind::Local => " local",
        RouteKind::Broadcast => " broadcast",
        RouteKind::Multicast => " multicast",
        RouteKind::Anycast => " anycast",
        RouteKind::Blackhole => " blackhole",
        RouteKind::Unreachable => " unreachable",
        RouteKind::Prohibit => " prohibit",
        RouteKind::Throw => " throw",
    });
    let (to, length) = route.to;
    write!(text, " to {to}/{length} table {} tos {} protocol {}", route.table, route.tos, route.protocol)?;
    if let Some((from, length)) = route.from {
        write!(text, " from {from}/{length}")?;
    }
    if let Some(source) = route.source {
        write!(text, " src {source}")?;
    }
    if let Some(vrf) = &route.vrf {
        write!(text, " vrf {vrf}")?;
    }
    if let Some(scope) = route.scope {
        write!(text, " scope {scope}")?;
    }
    if let Some(metric) = route.metric {
        write!(text, " metric {metric}")?;
    }
    if let Some(seconds) = route.expires_secs {
        write!(text, " expires {seconds}")?;
    }
    for (metric, value, locked) in &route.metrics {
        let (word, unit) = metric_word(*metric);
        if *metric == RouteMetric::Features {
            // There is a word for this one alone.
            write!(text, " {word} ecn")?;
        } else {
            write!(text, " {word} {}{value}{unit}", if *locked { "lock " } else { "" })?;
        }
    }
    if let Some((name, locked)) = &route.congestion_control {
        write!(text, " congctl {}{name}", if *locked { "lock " } else { "" })?;
    }
    if let Some(preference) = route.preference {
        text.push_str(match preference {
            RouterPreference::Low => " pref low",
            RouterPreference::Medium => " pref medium",
            RouterPreference::High => " pref high",
        });
    }
    if let Some(propagate) = route.ttl_propagate {
        write!(text, " ttl-propagate {}", if propagate { "enabled" } else { "disabled" })?;
    }
    text.push_str(match route.placing {
        Placing::Add => " add",
        Placing::Prepend => " prepend",
        Placing::Append => " append",
    });
    let several = route.hops.len() > 1 || route.hops.iter().any(|hop| hop.weight > 0);
    for hop in &route.hops {
        if several {
            text.push_str(" nexthop");
        }
        put_hop(hop, text)?;
    }
    Ok(())
}

fn put_hop(hop: &NextHop, text: &mut String) -> std::fmt::Result {
    if let Some(via) = hop.via {
        write!(text, " via {} {via}", if via.is_ipv4() { "inet" } else { "inet6" })?;
    }
    if let Some(interface) = &hop.interface {
        write!(text, " dev {interface}")?;
    }
    if hop.weight > 0 {
        write!(text, " weight {}", hop.weight)?;
    }
    if hop.on_link {
        text.push_str(" onlink");
    }
    if let Some(realms) = hop.realms {
        write!(text, " realms {}/{}", realms >> 16, realms & 0xffff)?;
    }
    if let Some(encapsulation) = &hop.encapsulation {
        write!(text, " encap {encapsulation}")?;
    }
    Ok(())
}

/// The word of a number, and the unit to write after it.
const fn metric_word(metric: RouteMetric) -> (&'static str, &'static str) {
    match metric {
        RouteMetric::Mtu => ("mtu", ""),
        RouteMetric::HopLimit => ("hoplimit", ""),
        RouteMetric::AdvMss => ("advmss", ""),
        RouteMetric::Rtt => ("rtt", "ms"),
        RouteMetric::RttVar => ("rttvar", "ms"),
        RouteMetric::Reordering => ("reordering", ""),
        RouteMetric::Window => ("window", ""),
        RouteMetric::Cwnd => ("cwnd", ""),
        RouteMetric::SsThresh => ("ssthresh", ""),
        RouteMetric::RtoMin => ("rto_min", "ms"),
        RouteMetric::InitCwnd => ("initcwnd", ""),
        RouteMetric::InitRwnd => ("initrwnd", ""),
        RouteMetric::Features => ("features", ""),
        RouteMetric::QuickAck => ("quickack", ""),
        RouteMetric::FastOpenNoCookie => ("fastopen_no_cookie", ""),
    }
}

fn put_rule(rule: &Rule, text: &mut String) -> std::fmt::Result {
    text.push_str(match rule.family {
        Family::V4 => "inet",
        Family::V6 => "inet6",
    });
    write!(text, " priority {} tos {}", rule.priority, rule.tos)?;
    if rule.invert {
        text.push_str(" not");
    }
    match rule.action {
        RuleAction::Lookup(_) if rule.l3mdev => text.push_str(" l3mdev"),
        RuleAction::Lookup(table) => write!(text, " table {table}")?,
        RuleAction::Goto(priority) => write!(text, " goto {priority}")?,
        RuleAction::Nop => text.push_str(" nop"),
        RuleAction::Blackhole => text.push_str(" blackhole"),
        RuleAction::Unreachable => text.push_str(" unreachable"),
        RuleAction::Prohibit => text.push_str(" prohibit"),
    }
    for (word, prefix) in [("from", rule.from), ("to", rule.to)] {
        if let Some((address, length)) = prefix {
            write!(text, " {word} {address}/{length}")?;
        }
    }
    match rule.mark {
        Some((mark, Some(mask))) => write!(text, " fwmark {mark}/{mask}")?,
        Some((mark, None)) => write!(text, " fwmark {mark}")?,
        None => {}
    }
    for (word, name) in [("iif", &rule.input), ("oif", &rule.output)] {
        if let Some(name) = name {
            write!(text, " {word} {name}")?;
        }
    }
    if let Some(realms) = rule.realms {
        write!(text, " realms {}/{}", realms >> 16, realms & 0xffff)?;
    }
    let numbers = [("suppress_prefixlength", rule.suppress_prefix_len), ("suppress_ifgroup", rule.suppress_group)];
    for (word, number) in numbers {
        if let Some(number) = number {
            write!(text, " {word} {number}")?;
        }
    }
    if let Some(tunnel) = rule.tunnel {
        write!(text, " tunnel-id {tunnel}")?;
    }
    if let Some((first, last)) = rule.users {
        write!(text, " uidrange {first}-{last}")?;
    }
    for (word, number) in [("protocol", rule.protocol), ("ipproto", rule.ip_protocol)] {
        if let Some(number) = number {
            write!(text, " {word} {number}")?;
        }
    }
    for (word, ports) in [("sport", rule.source_ports), ("dport", rule.destination_ports)] {
        if let Some((first, last)) = ports {
            write!(text, " {word} {first}-{last}")?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
