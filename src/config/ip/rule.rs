//! `ip rule`.

use super::{Line, Mistake, Names, Word, number, route};
use crate::model::{Family, Rule, RuleAction};

/// Words of a rule, to find the one that was meant.
const WORDS: [&str; 24] = [
    "not",
    "from",
    "to",
    "table",
    "lookup",
    "goto",
    "nop",
    "type",
    "blackhole",
    "unreachable",
    "prohibit",
    "tos",
    "fwmark",
    "realms",
    "preference",
    "priority",
    "iif",
    "oif",
    "suppress_prefixlength",
    "suppress_ifgroup",
    "tunnel-id",
    "uidrange",
    "l3mdev",
    "protocol",
];
/// `RT_TABLE_MAIN`.
const MAIN: u32 = 254;

/// A rule, out of a line; and whether its priority is written.
///
/// # Errors
/// What makes no sense in it.
pub(in crate::config) fn rule(mut line: Line<'_, '_>) -> Result<(Rule, bool), Mistake> {
    let mut rule = Rule::new(Family::V4, 0, RuleAction::Lookup(MAIN));
    let mut action = None;
    let mut priority = None;
    const ANY: std::ops::RangeInclusive<i64> = 0..=0xffff_ffff;
    while let Some(word) = line.take() {
        match word.text {
            "not" => rule.invert = true,
            "from" => {
                let value = line.value(word)?;
                rule.from = Some(line.prefix(value)?);
            }
            "to" => {
                let value = line.value(word)?;
                rule.to = Some(line.prefix(value)?);
            }
            "table" | "lookup" => {
                let value = line.value(word)?;
                let table = line.names.table(value.text).filter(|table| *table != 0);
                action = Some(RuleAction::Lookup(table.ok_or_else(|| Mistake::bad(value, route::TABLE))?));
            }
            "goto" => action = Some(RuleAction::Goto(line.number(word, ANY)?)),
            "nop" => action = Some(RuleAction::Nop),
            "type" => {
                let value = line.value(word)?;
                let kind = kind(value.text);
                action = Some(kind.ok_or_else(|| Mistake::bad(value, "`blackhole`, `unreachable` or `prohibit`"))?);
            }
            "blackhole" | "unreachable" | "prohibit" => action = kind(word.text),
            "tos" | "dsfield" => rule.tos = route::tos(&mut line, word)?,
            "fwmark" => rule.mark = Some(mark(&mut line, word)?),
            "realms" => {
                let value = line.value(word)?;
                let realms = line.names.realms(value.text);
                rule.realms =
                    Some(realms.ok_or_else(|| Mistake::bad(value, "realms: a number or name, or two with a `/`"))?);
            }
            "preference" | "order" | "priority" | "pref" => priority = Some(line.number(word, ANY)?),
            "iif" | "dev" => rule.input = Some(line.interface(word)?),
            "oif" => rule.output = Some(line.interface(word)?),
            "suppress_prefixlength" => rule.suppress_prefix_len = Some(line.number(word, 0..=128)?),
            "suppress_ifgroup" => {
                let value = line.value(word)?;
                let group = line.names.group(value.text);
                rule.suppress_group =
                    Some(group.ok_or_else(|| Mistake::bad(value, "a group of interfaces: a number or name"))?);
            }
            "tunnel-id" => rule.tunnel = Some(line.number(word, 0..=i64::MAX)?),
            "uidrange" => rule.users = Some(range(&mut line, word, u32::MAX)?),
            "l3mdev" => rule.l3mdev = true,
            "protocol" => {
                let value = line.value(word)?;
                let protocol = line.names.protocol(value.text);
                rule.protocol = Some(protocol.ok_or_else(|| Mistake::bad(value, "a protocol's number or name"))?);
            }
            "ipproto" | "ip_proto" => {
                let value = line.value(word)?;
                let protocol = Names::ip_protocol(value.text);
                rule.ip_protocol = Some(
                    protocol
                        .ok_or_else(|| Mistake::bad(value, "a protocol over IP: a number, or a name such as `tcp`"))?,
                );
            }
            "sport" => rule.source_ports = Some(ports(&mut line, word)?),
            "dport" => rule.destination_ports = Some(ports(&mut line, word)?),
            "inet6" | "inet" => {}
            "no_track" => rule.track = false,
            "track_group" => rule.track_group = Some(line.value(word)?.text.to_owned()),
            _ => return Err(Mistake::unknown(word, "a word of `ip rule`", &WORDS)),
        }
    }
    if rule.l3mdev && action.is_some() {
        return Err(Mistake::wrong(
            line.whole,
            "with `l3mdev` the interface tells the table: a rule says nothing else",
        ));
    }
    // With `l3mdev` no table is named (RT_TABLE_UNSPEC).
    rule.action = action.unwrap_or(if rule.l3mdev { RuleAction::Lookup(0) } else { RuleAction::Lookup(MAIN) });
    if let (RuleAction::Goto(to), Some(priority)) = (rule.action, priority)
        && to <= priority
    {
        return Err(Mistake::wrong(line.whole, "`goto` leads to a rule further down: one of a greater priority"));
    }
    if let (RuleAction::Goto(to), None) = (rule.action, priority) {
        return Err(Mistake::wrong(
            line.whole,
            format!(
                "a rule that goes to {to} needs a place of its own: write its priority, as in `priority {}`",
                to.saturating_sub(1)
            ),
        ));
    }
    rule.family = line.family();
    rule.from = rule.from.map(|from| line.settled(from));
    rule.to = rule.to.map(|to| line.settled(to));
    rule.priority = priority.unwrap_or(0);
    Ok((rule, priority.is_some()))
}

fn kind(text: &str) -> Option<RuleAction> {
    match text {
        "blackhole" => Some(RuleAction::Blackhole),
        "unreachable" => Some(RuleAction::Unreachable),
        "prohibit" => Some(RuleAction::Prohibit),
        _ => None,
    }
}

/// `MARK[/MASK]`.
fn mark(line: &mut Line<'_, '_>, word: Word<'_>) -> Result<(u32, Option<u32>), Mistake> {
    let value = line.value(word)?;
    let parse = |text: &str| number(text).and_then(|number| u32::try_from(number).ok());
    let found = match value.text.split_once('/') {
        Some((mark, mask)) => parse(mark).zip(parse(mask)).map(|(mark, mask)| (mark, Some(mask))),
        None => parse(value.text).map(|mark| (mark, None)),
    };
    found.ok_or_else(|| Mistake::bad(value, "a firewall mark, maybe with a `/` and a mask"))
}

/// `FROM-TO`.
fn range(line: &mut Line<'_, '_>, word: Word<'_>, most: u32) -> Result<(u32, u32), Mistake> {
    let value = line.value(word)?;
    let (first, last) = value.text.split_once('-').unwrap_or((value.text, value.text));
    let parse =
        |text: &str| number(text).and_then(|number| u32::try_from(number).ok()).filter(|number| *number <= most);
    parse(first)
        .zip(parse(last))
        .filter(|(first, last)| first <= last)
        .ok_or_else(|| Mistake::bad(value, format!("a number up to {most}, or two with a `-`")))
}

fn ports(line: &mut Line<'_, '_>, word: Word<'_>) -> Result<(u16, u16), Mistake> {
    let (first, last) = range(line, word, u32::from(u16::MAX))?;
    Ok((u16::try_from(first).unwrap_or(u16::MAX), u16::try_from(last).unwrap_or(u16::MAX)))
}
