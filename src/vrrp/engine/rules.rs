//! What the kernel compares of rules, and how they read.

use std::fmt;

use crate::model::{Family, Rule, RuleAction};

/// The kernel would refuse one beside the other, or take one for the other when it removes: it compares all but who made
/// them (`rule_exists` of net/core/fib_rules.c).
pub(super) fn collide(one: &Rule, two: &Rule) -> bool {
    let compared = |rule: &Rule| Rule { protocol: None, track: true, track_group: None, ..rule.clone() };
    compared(one) == compared(two)
}

/// In the words of `ip rule`.
pub(super) fn write(rule: &Rule, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    write!(f, "rule {}:", rule.priority)?;
    if rule.invert {
        f.write_str(" not")?;
    }
    match rule.from {
        Some((from, prefix_len)) => write!(f, " from {from}/{prefix_len}")?,
        None => f.write_str(" from all")?,
    }
    if let Some((to, prefix_len)) = rule.to {
        write!(f, " to {to}/{prefix_len}")?;
    }
    if rule.tos != 0 {
        write!(f, " tos {:#x}", rule.tos)?;
    }
    match rule.mark {
        Some((mark, Some(mask))) => write!(f, " fwmark {mark:#x}/{mask:#x}")?,
        Some((mark, None)) => write!(f, " fwmark {mark:#x}")?,
        None => {}
    }
    if let Some(input) = &rule.input {
        write!(f, " iif {input}")?;
    }
    if let Some(output) = &rule.output {
        write!(f, " oif {output}")?;
    }
    match rule.action {
        RuleAction::Lookup(_) if rule.l3mdev => f.write_str(" lookup [l3mdev-table]")?,
        RuleAction::Lookup(table) => write!(f, " lookup {table}")?,
        RuleAction::Goto(priority) => write!(f, " goto {priority}")?,
        RuleAction::Nop => f.write_str(" nop")?,
        RuleAction::Blackhole => f.write_str(" blackhole")?,
        RuleAction::Unreachable => f.write_str(" unreachable")?,
        RuleAction::Prohibit => f.write_str(" prohibit")?,
    }
    match rule.family {
        Family::V4 => Ok(()),
        Family::V6 => f.write_str(" (IPv6)"),
    }
}
