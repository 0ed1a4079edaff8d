//! `[[service]]` and `[[service.server]]`.

use std::num::NonZeroU32;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use ::toml::de::{DeTable, DeValue};

use super::super::diagnostic::{Code, Diagnostic};
use super::super::draft::{Field, Listen, ListenerGroup, PersistenceDraft, ServerDraft, ServiceDraft};
use super::super::range::AddressRange;
use super::super::resolve::{GroupLine, GroupReading};
use super::super::source::{Span, Spanned};
use super::super::{Language, resolve};
use super::checks::{Checks, checks, inherit};
use super::instance;
use super::read::{Entry, Reader};
use crate::model::{
    Family, Floor, Forwarding, Protocol, Scheduler, SchedulerFlags, Suspend, Tunnel, TunnelChecksum, UpDown,
};

const SERVICE: [&str; 22] = [
    "name",
    "address",
    "addresses",
    "fwmark",
    "family",
    "protocol",
    "scheduler",
    "flags",
    "persistence",
    "forward",
    "inhibit-on-failure",
    "quorum",
    "floor",
    "drain",
    "slow-start",
    "hysteresis",
    "sorry-server",
    "rest-while-away",
    "start-down",
    "notify",
    "check",
    "server",
];
const SERVER: [&str; 9] = [
    "address",
    "weight",
    "forward",
    "inhibit-on-failure",
    "max-connections",
    "resume-below",
    "start-down",
    "notify",
    "check",
];
const FAMILIES: [(&str, Family); 2] = [("ipv4", Family::V4), ("ipv6", Family::V6)];
const MONTH: Duration = Duration::from_secs(31 * 86_400);

/// One service.
pub(super) fn service(reader: &mut Reader<'_>, table: &DeTable<'_>, at: Span) {
    let entries = reader.entries(table, &SERVICE, "in [[service]]");
    let mut draft = ServiceDraft::new(at);
    let mut check = Checks::None;
    let mut servers = Vec::new();
    let (mut name, mut addresses, mut alpha) = (None, None, None);
    for entry in entries {
        let span = entry.span;
        match entry.key {
            "address" => {
                draft.header = entry.key_span.to(span);
                let listen = reader.endpoint(entry).map(|(address, port)| Listen::Address(address, port.unwrap_or(0)));
                draft.listen = Field::from(listen, span);
            }
            "fwmark" => {
                draft.header = entry.key_span.to(span);
                let mark: Option<u32> = reader.number(entry, 1..=i64::from(u32::MAX), "a firewall mark");
                draft.listen = Field::from(mark.and_then(NonZeroU32::new).map(|mark| Listen::Mark(mark, None)), span);
            }
            "name" => name = reader.text(entry, "a name").map(str::to_owned),
            "addresses" => {
                draft.header = entry.key_span.to(span);
                addresses = Some(entry);
            }
            "family" => draft.family = reader.choice(entry, &FAMILIES),
            "protocol" => {
                const CHOICES: [(&str, Protocol); 3] =
                    [("tcp", Protocol::Tcp), ("udp", Protocol::Udp), ("sctp", Protocol::Sctp)];
                draft.protocol = Field::from(reader.choice(entry, &CHOICES), span);
            }
            "scheduler" => {
                let choices = Scheduler::ALL.map(|scheduler| (scheduler.name(), scheduler));
                draft.scheduler = Field::from(reader.choice(entry, &choices), span);
            }
            "flags" => draft.flags = flags(reader, entry),
            "persistence" => draft.persistence = persistence(reader, entry),
            "forward" => draft.forwarding = Field::from(forward(reader, entry), span),
            "quorum" => {
                let quorum = reader.number(entry, 1..=i64::from(i32::MAX), "a sum of weights");
                draft.quorum = quorum.map(|quorum| Spanned::new(quorum, entry.span));
            }
            "floor" => draft.floor = floor(reader, entry).map(|floor| Spanned::new(floor, span)),
            "drain" => draft.drain = reader.duration(entry, Duration::ZERO..=MONTH, "a time"),
            "slow-start" => {
                let takes = reader.duration(entry, Duration::ZERO..=MONTH, "a time");
                draft.slow_start = takes.map(|takes| Spanned::new(takes, span));
            }
            "inhibit-on-failure" => draft.inhibit_on_failure = reader.flag(entry).unwrap_or(false),
            "hysteresis" => {
                let sum = reader.number(entry, 0..=i64::from(i32::MAX), "a sum of weights");
                draft.rules.hysteresis = sum.map(|sum| Spanned::new(sum, span));
            }
            "sorry-server" => draft.rules.sorry = sorry(reader, entry).map(Box::new),
            "rest-while-away" => draft.rules.suspend = suspend(reader, entry).map(|rest| Spanned::new(rest, span)),
            "start-down" => alpha = reader.flag(entry),
            "notify" => (draft.rules.notify, draft.rules.omega) = notify(reader, entry, &["up", "down", "at-stop"]),
            "check" => check = checks(reader, entry),
            _ => servers = reader.tables(entry),
        }
    }
    if let Some(entry) = addresses {
        if !matches!(draft.listen, Field::Absent) {
            let both =
                Diagnostic::error(Code::Combination, entry.key_span, "`addresses` stands beside another address");
            reader.say(both.help("put all of them into `addresses`; a mark is `{ fwmark = 5 }` there"));
            return;
        }
        draft.group = Some(group(reader, entry, name));
    } else if matches!(draft.listen, Field::Absent) {
        reader.missing(at, "this service", "address");
        return;
    }
    if let Checks::Timing(timing, _) = &check {
        draft.timing = *timing;
    }
    draft.timing.alpha = alpha;
    for (table, span) in servers {
        draft.servers.extend(server(reader, table, span, &check));
    }
    resolve::service(draft, Language::Toml, &mut reader.draft.services, reader.report);
}

/// `2`, or `"30%"`.
fn floor(reader: &mut Reader<'_>, entry: Entry<'_>) -> Option<Floor> {
    let Some(text) = entry.value.as_str() else {
        let count = reader.number(entry, 1..=i64::from(u32::MAX), "a count of servers, or a percentage in quotes");
        return count.and_then(NonZeroU32::new).map(Floor::Servers);
    };
    let floor = Floor::from_str(text).ok();
    if floor.is_none() {
        reader.bad(entry, "a count of servers, or a percentage such as \"30%\"");
    }
    floor
}

/// `["192.0.2.1:80", "192.0.2.16/28:80", { fwmark = 5 }]`.
fn group(reader: &mut Reader<'_>, entry: Entry<'_>, name: Option<String>) -> Arc<ListenerGroup> {
    let mut groups = std::mem::take(&mut reader.draft.services.groups);
    let mut reading = GroupReading::new(name, &mut groups);
    for element in reader.elements(entry) {
        match group_line(reader, element) {
            Some(line) => {
                if let Some(remark) = reading.add(line, element.span) {
                    reader.say(remark);
                }
            }
            None => reading.group.broken = true,
        }
    }
    let group = Arc::new(reading.group);
    reader.draft.services.groups = groups;
    group
}

fn group_line(reader: &mut Reader<'_>, entry: Entry<'_>) -> Option<GroupLine> {
    if let DeValue::Table(table) = entry.value {
        let (mut mark, mut family) = (None, None);
        for inner in reader.entries(table, &["fwmark", "family"], "in `addresses`") {
            match inner.key {
                "fwmark" => mark = Some(reader.number::<u32>(inner, 1..=i64::from(u32::MAX), "a firewall mark")?),
                _ => family = Some(reader.choice(inner, &FAMILIES)?),
            }
        }
        let Some(mark) = mark else {
            reader.missing(entry.span, "this element of `addresses`", "fwmark");
            return None;
        };
        return NonZeroU32::new(mark).map(|mark| GroupLine::Mark(Listen::Mark(mark, family)));
    }
    let text = entry.value.as_str().unwrap_or("");
    // The port is behind the last colon: of an IPv6 address only where brackets close before it.
    let (range, port) = match (text.strip_prefix('['), text.split_once(':')) {
        (Some(rest), _) => rest.split_once(']').map_or((text, None), |(range, port)| match port {
            "" => (range, None),
            port => (range, Some(port.strip_prefix(':').unwrap_or(port))),
        }),
        (None, Some((range, port))) if !port.contains(':') => (range, Some(port)),
        (None, _) => (text, None),
    };
    let port = port.map_or(Some(0), |port| u16::from_str(port).ok());
    match (AddressRange::from_str(range), port) {
        (Ok(range), Some(port)) => Some(GroupLine::Addresses(range, port)),
        (Err(problem), _) if range.contains(['-', '/']) => {
            let diagnostic = Diagnostic::error(Code::BadValue, entry.span, "this is no range of addresses");
            reader.say(diagnostic.mark(problem.to_string()));
            None
        }
        (Ok(_), None) | (Err(_), _) => {
            reader.bad(
                entry,
                "addresses with a port: \"192.0.2.1:80\", \"192.0.2.1-9:80\", \"192.0.2.16/28:80\", \"[2001:db8::1]:80\"",
            );
            None
        }
    }
}

fn server(reader: &mut Reader<'_>, table: &DeTable<'_>, at: Span, outer: &Checks) -> Option<ServerDraft> {
    let entries = reader.entries(table, &SERVER, "in [[service.server]]");
    let Some(entry) = entries.iter().find(|entry| entry.key == "address") else {
        reader.missing(at, "this server", "address");
        return None;
    };
    let (address, port) = reader.endpoint(*entry)?;
    let mut draft = ServerDraft::new(entry.key_span.to(entry.span), address, port);
    let mut check = outer.clone();
    for entry in entries {
        match entry.key {
            "address" => {}
            "weight" => draft.weight = reader.number(entry, 0..=i64::from(i32::MAX), "a weight"),
            "forward" => draft.forwarding = Field::from(forward(reader, entry), entry.span),
            "inhibit-on-failure" => draft.inhibit_on_failure = reader.flag(entry),
            "max-connections" => {
                draft.upper_threshold = reader.number(entry, 0..=i64::from(u32::MAX), "a count").unwrap_or(0);
            }
            "resume-below" => {
                draft.lower_threshold = reader.number(entry, 0..=i64::from(u32::MAX), "a count").unwrap_or(0);
            }
            "start-down" => draft.timing.alpha = reader.flag(entry),
            "notify" => (draft.notify, _) = notify(reader, entry, &["up", "down"]),
            _ => check = inherit(checks(reader, entry), outer),
        }
    }
    draft.checks = match check {
        Checks::Whole(checks) => checks,
        Checks::Timing(_, span) => {
            reader.say(
                Diagnostic::error(Code::Required, span, "this check says when, and not what to try")
                    .help("write the kind too: `tcp = {}` or `http = {}`"),
            );
            Vec::new()
        }
        Checks::None => Vec::new(),
    };
    Some(draft)
}

/// `"10.0.0.9:80"`, or `{ address = "10.0.0.9:80", forward = "nat", inhibit = true }`.
fn sorry(reader: &mut Reader<'_>, entry: Entry<'_>) -> Option<ServerDraft> {
    let new = |entry: Entry<'_>, (address, port)| {
        let draft = ServerDraft::new(entry.key_span.to(entry.span), address, port);
        ServerDraft { weight: Some(1), inhibit_on_failure: Some(false), ..draft }
    };
    let DeValue::Table(table) = entry.value else { return reader.endpoint(entry).map(|at| new(entry, at)) };
    let entries = reader.entries(table, &["address", "forward", "inhibit"], "in `sorry-server`");
    let Some(address) = entries.iter().find(|entry| entry.key == "address") else {
        reader.missing(entry.span, "`sorry-server`", "address");
        return None;
    };
    let mut draft = new(*address, reader.endpoint(*address)?);
    for inner in entries {
        match inner.key {
            "address" => {}
            "forward" => draft.forwarding = Field::from(forward(reader, inner), inner.span),
            _ => draft.inhibit_on_failure = reader.flag(inner),
        }
    }
    Some(draft)
}

/// `true`, or the addresses to go by.
fn suspend(reader: &mut Reader<'_>, entry: Entry<'_>) -> Option<Suspend> {
    if entry.value.as_array().is_none() {
        return reader.flag(entry).map(|rests| if rests { Suspend::WithoutOwn } else { Suspend::Never });
    }
    let addresses: Vec<_> = reader.elements(entry).into_iter().filter_map(|element| reader.address(element)).collect();
    Some(if addresses.is_empty() { Suspend::Never } else { Suspend::Without(addresses) })
}

/// `{ up = "...", down = "..." }`, and for a service whether a stop is told.
fn notify(reader: &mut Reader<'_>, entry: Entry<'_>, keys: &[&'static str]) -> (UpDown, bool) {
    let (mut notify, mut at_stop) = (UpDown::default(), false);
    let Some(table) = reader.table(entry) else { return (notify, at_stop) };
    for entry in reader.entries(table, keys, "in `notify`") {
        match entry.key {
            "up" => notify.up = instance::command(reader, entry),
            "down" => notify.down = instance::command(reader, entry),
            _ => at_stop = reader.flag(entry).unwrap_or(false),
        }
    }
    (notify, at_stop)
}

fn flags(reader: &mut Reader<'_>, entry: Entry<'_>) -> SchedulerFlags {
    const CHOICES: [(&str, u8); 8] = [
        ("one-packet", 0),
        ("flag-1", 1),
        ("flag-2", 2),
        ("flag-3", 3),
        ("sh-fallback", 1),
        ("sh-port", 2),
        ("mh-fallback", 1),
        ("mh-port", 2),
    ];
    let mut flags = SchedulerFlags::default();
    for element in reader.elements(entry) {
        match reader.choice(element, &CHOICES) {
            Some(0) => flags.one_packet = true,
            Some(1) => flags.flag_1 = true,
            Some(2) => flags.flag_2 = true,
            Some(_) => flags.flag_3 = true,
            None => {}
        }
    }
    flags
}

/// `"30m"`, or `{ timeout = "30m", prefix = 24, engine = "sip" }`.
fn persistence(reader: &mut Reader<'_>, entry: Entry<'_>) -> PersistenceDraft {
    let mut draft = PersistenceDraft::default();
    let seconds = |reader: &mut Reader<'_>, entry: Entry<'_>| {
        let timeout = reader.duration(entry, Duration::from_secs(1)..=MONTH, "whole seconds")?;
        if timeout.subsec_nanos() != 0 {
            reader.bad(entry, "whole seconds");
        }
        let seconds = u32::try_from(timeout.as_secs()).ok().and_then(NonZeroU32::new)?;
        Some(Spanned::new(seconds, entry.span))
    };
    let DeValue::Table(table) = entry.value else {
        draft.timeout_secs = seconds(reader, entry);
        return draft;
    };
    for inner in reader.entries(table, &["timeout", "prefix", "engine"], "in `persistence`") {
        match inner.key {
            "timeout" => draft.timeout_secs = seconds(reader, inner),
            "prefix" => {
                let prefix = reader.number(inner, 1..=128, "leading bits of an address");
                draft.prefix_len = prefix.map(|prefix| Spanned::new(prefix, inner.span));
            }
            _ => {
                let engine = reader.text(inner, "an engine, such as \"sip\"");
                draft.engine = engine.map(|engine| Spanned::new(engine.to_owned(), inner.span));
            }
        }
    }
    if draft.timeout_secs.is_none() && !table.iter().any(|(key, _)| key.get_ref() == "timeout") {
        reader.missing(entry.span, "`persistence`", "timeout");
    }
    draft
}

/// `"nat"`, `"direct"`, `"tunnel"`, or `{ tunnel = "gue", port = 6080, checksum = "csum" }`.
fn forward(reader: &mut Reader<'_>, entry: Entry<'_>) -> Option<Forwarding> {
    const PLAIN: [(&str, Forwarding); 3] =
        [("nat", Forwarding::Masquerade), ("direct", Forwarding::Direct), ("tunnel", Forwarding::Tunnel(Tunnel::Ipip))];
    let DeValue::Table(table) = entry.value else { return reader.choice(entry, &PLAIN) };
    const CHECKSUMS: [(&str, TunnelChecksum); 3] =
        [("none", TunnelChecksum::None), ("csum", TunnelChecksum::Checksum), ("remcsum", TunnelChecksum::Remote)];
    let (mut kind, mut port, mut checksum) = (None, None, TunnelChecksum::None);
    for inner in reader.entries(table, &["tunnel", "port", "checksum"], "in `forward`") {
        match inner.key {
            "tunnel" => kind = Some(reader.choice(inner, &[("ipip", 0_u8), ("gue", 1), ("gre", 2)])?),
            "port" => port = Some((reader.port(inner)?, inner)),
            _ => checksum = reader.choice(inner, &CHECKSUMS)?,
        }
    }
    if let (Some((_, inner)), Some(0 | 2)) = (port, kind) {
        reader.say(
            Diagnostic::error(Code::Combination, inner.key_span, "only a GUE tunnel has a port")
                .help("remove `port`, or write `tunnel = \"gue\"`"),
        );
    }
    match (kind, port) {
        (Some(0), _) => Some(Forwarding::Tunnel(Tunnel::Ipip)),
        (Some(1), port) => {
            Some(Forwarding::Tunnel(Tunnel::Gue { port: port.map_or(6080, |(port, _)| port), checksum }))
        }
        (Some(_), _) => Some(Forwarding::Tunnel(Tunnel::Gre { checksum })),
        (None, _) => {
            reader.missing(entry.span, "`forward`", "tunnel");
            None
        }
    }
}
