//! `virtual_server_group`: one address, range or mark a line.

use std::num::NonZeroU32;
use std::str::FromStr;
use std::sync::Arc;

use super::super::diagnostic::{Code, Diagnostic};
use super::super::draft::Listen;
use super::super::range::AddressRange;
use super::super::resolve::{GroupLine, GroupReading};
use super::super::source::Spanned;
use super::tree::{Children, Statement};
use super::values::{Instead, placeholder};
use super::walk::Walk;
use crate::model::Family;

/// A bad line costs itself alone.
const SKIPPED: Instead = Instead("this line is left out, as in keepalived; the others of the group hold");

/// A group's block.
pub(super) fn block(walk: &mut Walk<'_>, name: Spanned<String>, children: Children<'_>) {
    let mut groups = std::mem::take(&mut walk.draft.services.groups);
    let mut reading = GroupReading::new(Some(name.value.clone()), &mut groups);
    for statement in children {
        if walk.report.is_full() {
            break;
        }
        let Some(span) = statement.line() else { continue };
        if let Some(brace) = statement.block() {
            walk.say(
                Diagnostic::warning(Code::Block, brace, "a block among addresses")
                    .help("ignored with all that it holds; put one address on each line"),
            );
        }
        match line(walk, statement) {
            Some(line) => {
                if let Some(remark) = reading.add(line, span) {
                    walk.say(remark);
                }
            }
            None => reading.group.broken = true,
        }
    }
    let group = Arc::new(reading.group);
    if group.listens.is_empty() && !group.broken {
        walk.say(
            Diagnostic::warning(Code::Idle, name.span, format!("group `{}` has no address", name.value))
                .help("left out, as in keepalived, with the service that is for it"),
        );
    }
    match groups.groups.get(&name.value) {
        None => {
            groups.groups.insert(name.value, (name.span, group));
        }
        Some((before, _)) => walk.say(
            Diagnostic::warning(Code::Duplicate, name.span, format!("a second group `{}`", name.value))
                .mark("left out, as in keepalived")
                .and(*before, "the first stands here")
                .help("put all addresses into one block, or give it a name of its own"),
        ),
    }
    walk.draft.services.groups = groups;
}

fn line(walk: &mut Walk<'_>, statement: Statement<'_>) -> Option<GroupLine> {
    let first = statement.word(0)?;
    if first.text == "fwmark" {
        return mark(walk, statement);
    }
    let range = match AddressRange::from_str(first.text) {
        Ok(range) => range,
        Err(problem) if placeholder(first.text).is_none() && first.text.contains(['/', '-']) => {
            let shown: String = first.text.chars().take(90).collect();
            walk.say(
                Diagnostic::warning(Code::BadValue, first.span, format!("`{shown}` is no range of addresses"))
                    .mark(problem.to_string())
                    .help(SKIPPED.0),
            );
            return None;
        }
        Err(_) => {
            // With a port behind a colon, which people write too.
            let (address, port) = super::service::endpoint(walk, statement, 0, "an IP address or a range", SKIPPED)?;
            extra(walk, statement, 2);
            return Some(GroupLine::Addresses(AddressRange::one(address), port.unwrap_or(0)));
        }
    };
    let port = match statement.word(1) {
        None => 0,
        Some(port) if port.text == "0" => 0,
        Some(port) => walk.port(port, SKIPPED)?,
    };
    extra(walk, statement, 2);
    Some(GroupLine::Addresses(range, port))
}

fn mark(walk: &mut Walk<'_>, statement: Statement<'_>) -> Option<GroupLine> {
    const FAMILIES: [(&str, Family); 2] = [("inet", Family::V4), ("inet6", Family::V6)];
    let Some(number) = statement.word(1) else {
        let span = statement.span()?;
        walk.say(
            Diagnostic::error(Code::MissingValue, span, "`fwmark` lacks its number")
                .help("keepalived exits when it meets this, at start and at reload"),
        );
        return None;
    };
    let mark = walk.fits::<u32>(number, 1..=i64::from(u32::MAX), "a firewall mark", SKIPPED)?;
    let family = match statement.word(2) {
        None => None,
        Some(family) => Some(walk.choice(family, &FAMILIES, SKIPPED)?),
    };
    extra(walk, statement, 3);
    NonZeroU32::new(mark).map(|mark| GroupLine::Mark(Listen::Mark(mark, family)))
}

fn extra(walk: &mut Walk<'_>, statement: Statement<'_>, from: usize) {
    if let Some(extra) = statement.word(from) {
        let last = statement.words().last().map_or(extra.span, |last| extra.span.to(last.span));
        walk.say(
            Diagnostic::warning(Code::ExtraValue, last, "an address takes a port, and nothing else")
                .mark("ignored")
                .help("one address stands on one line; a comment begins with `#` or `!`"),
        );
    }
}
