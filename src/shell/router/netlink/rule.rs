//! A rule as `RTM_NEWRULE` and `RTM_DELRULE` carry it: `struct fib_rule_hdr` and attributes.

use super::attributes::{Writer, family};
use crate::model::{Family, Rule, RuleAction};
use crate::vrrp::engine::OWN_PROTOCOL;

// include/uapi/linux/fib_rules.h
const FRA_DST: u16 = 1;
const FRA_SRC: u16 = 2;
const FRA_IIFNAME: u16 = 3;
const FRA_GOTO: u16 = 4;
const FRA_PRIORITY: u16 = 6;
const FRA_FWMARK: u16 = 10;
const FRA_FLOW: u16 = 11;
const FRA_TUN_ID: u16 = 12;
const FRA_SUPPRESS_IFGROUP: u16 = 13;
const FRA_SUPPRESS_PREFIXLEN: u16 = 14;
const FRA_TABLE: u16 = 15;
const FRA_FWMASK: u16 = 16;
const FRA_OIFNAME: u16 = 17;
const FRA_L3MDEV: u16 = 19;
const FRA_UID_RANGE: u16 = 20;
const FRA_PROTOCOL: u16 = 21;
const FRA_IP_PROTO: u16 = 22;
const FRA_SPORT_RANGE: u16 = 23;
const FRA_DPORT_RANGE: u16 = 24;
const FIB_RULE_INVERT: u32 = 2;
const RT_TABLE_COMPAT: u8 = 252;

/// The body of a message about a rule.
pub(super) fn body(rule: &Rule) -> Vec<u8> {
    let length = |prefix: Option<(std::net::IpAddr, u8)>| prefix.map_or(0, |(_, length)| length);
    // `FR_ACT_*`.
    let (action, table, target) = match rule.action {
        RuleAction::Lookup(_) if rule.l3mdev => (1, None, None),
        RuleAction::Lookup(table) => (1, Some(table), None),
        RuleAction::Goto(priority) => (2, None, Some(priority)),
        RuleAction::Nop => (3, None, None),
        RuleAction::Blackhole => (6, None, None),
        RuleAction::Unreachable => (7, None, None),
        RuleAction::Prohibit => (8, None, None),
    };
    let short = table.map_or(0, |table| u8::try_from(table).unwrap_or(RT_TABLE_COMPAT));
    let is_ipv6 = rule.family == Family::V6;
    let mut writer = Writer::new(&[family(is_ipv6), length(rule.to), length(rule.from), rule.tos, short, 0, 0, action]);
    writer.raw(&(if rule.invert { FIB_RULE_INVERT } else { 0 }).to_ne_bytes());
    writer.put_u32(FRA_PRIORITY, rule.priority);
    writer.put(FRA_PROTOCOL, &[rule.protocol.unwrap_or(OWN_PROTOCOL)]);
    if let Some((to, _)) = rule.to.filter(|(_, length)| *length > 0) {
        writer.put_address(FRA_DST, to);
    }
    if let Some((from, _)) = rule.from.filter(|(_, length)| *length > 0) {
        writer.put_address(FRA_SRC, from);
    }
    if let Some(table) = table {
        writer.put_u32(FRA_TABLE, table);
    }
    if let Some(target) = target {
        writer.put_u32(FRA_GOTO, target);
    }
    if let Some((mark, mask)) = rule.mark {
        writer.put_u32(FRA_FWMARK, mark);
        if let Some(mask) = mask {
            writer.put_u32(FRA_FWMASK, mask);
        }
    }
    for (kind, name) in [(FRA_IIFNAME, &rule.input), (FRA_OIFNAME, &rule.output)] {
        if let Some(name) = name {
            writer.put_name(kind, name);
        }
    }
    for (kind, number) in [
        (FRA_FLOW, rule.realms),
        (FRA_SUPPRESS_PREFIXLEN, rule.suppress_prefix_len),
        (FRA_SUPPRESS_IFGROUP, rule.suppress_group),
    ] {
        if let Some(number) = number {
            writer.put_u32(kind, number);
        }
    }
    if let Some(tunnel) = rule.tunnel {
        writer.put(FRA_TUN_ID, &tunnel.to_be_bytes());
    }
    if let Some((first, last)) = rule.users {
        let mut range = first.to_ne_bytes().to_vec();
        range.extend(last.to_ne_bytes());
        writer.put(FRA_UID_RANGE, &range);
    }
    if rule.l3mdev {
        writer.put(FRA_L3MDEV, &[1]);
    }
    if let Some(protocol) = rule.ip_protocol {
        writer.put(FRA_IP_PROTO, &[protocol]);
    }
    for (kind, ports) in [(FRA_SPORT_RANGE, rule.source_ports), (FRA_DPORT_RANGE, rule.destination_ports)] {
        if let Some((first, last)) = ports {
            let mut range = first.to_ne_bytes().to_vec();
            range.extend(last.to_ne_bytes());
            writer.put(kind, &range);
        }
    }
    writer.into_bytes()
}
