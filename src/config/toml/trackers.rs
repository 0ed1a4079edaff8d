//! What can be watched: scripts, processes, files, services and checks; defined under a name, or where they are watched.

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::time::Duration;

use ::toml::de::{DeTable, DeValue};

use super::read::{Entry, Reader};
use super::{checks, top};
use crate::config::draft::{
    CallKind, Definition, Field, FileDraft, Matching, ProbeDraft, ProbeTarget, ProcessDraft, ScriptDraft, TlsDraft,
    TrackDraft, TrackKind, WatchDraft, WeightDraft,
};
use crate::config::source::{Span, Spanned};
use crate::config::url;
use crate::model::{Family, FileStart, OnMissing, Protocol, ServiceCondition, ServiceKey};

const DAY: Duration = Duration::from_secs(86_400);
/// The longest that a timer runs, and the most that is counted: what keepalived takes.
const LONGEST: Duration = Duration::from_secs(1_000_000);
const MOST: i64 = i32::MAX as i64;
const MILLISECOND: Duration = Duration::from_millis(1);
const COMMON: [&str; 3] = ["name", "weight", "reverse"];
const SCRIPT: [&str; 8] = ["command", "interval", "timeout", "rise", "fall", "user", "init-fail", "on-missing"];
const PROCESS: [&str; 7] =
    ["process", "arguments", "full-command", "quorum", "quorum-max", "fork-delay", "terminate-delay"];
const FILE: [&str; 3] = ["path", "initial", "overwrite"];
const SERVICE: [&str; 5] = ["service", "protocol", "fwmark", "family", "condition"];
const CHECK: [&str; 13] = [
    "tcp",
    "http",
    "https",
    "smtp",
    "dns",
    "udp",
    "ping",
    "verify",
    "authorities",
    "interval",
    "timeout",
    "rise",
    "fall",
];

/// The keys that describe a thing of a kind.
const fn keys(kind: TrackKind) -> &'static [&'static str] {
    match kind {
        TrackKind::Interface => &[],
        TrackKind::Script => &SCRIPT,
        TrackKind::Process => &PROCESS,
        TrackKind::File => &FILE,
        TrackKind::Service => &SERVICE,
        TrackKind::Check => &CHECK,
    }
}

/// `[[script]]` and its like.
pub(super) fn definition(reader: &mut Reader<'_>, kind: TrackKind, table: &DeTable<'_>, at: Span) {
    let place = match kind {
        TrackKind::Interface | TrackKind::Script => "in [[script]]",
        TrackKind::Process => "in [[track-process]]",
        TrackKind::File => "in [[track-file]]",
        TrackKind::Service => "in [[track-service]]",
        TrackKind::Check => "in [[track-check]]",
    };
    let entries = reader.entries(table, &[&COMMON[..], keys(kind)].concat(), place);
    let what = match kind {
        TrackKind::Interface | TrackKind::Script => "this script",
        TrackKind::Process => "this process",
        TrackKind::File => "this file",
        TrackKind::Service => "this service",
        TrackKind::Check => "this check",
    };
    let Some(name) = top::name(reader, &entries, at, what) else { return };
    let weight = weight(reader, &entries, kind);
    describe(reader, kind, name, &entries, weight, false);
}

/// `track-scripts = [...]` and its like: names, tables with a name and a weight, or tables that describe what is watched.
pub(super) fn tracks(reader: &mut Reader<'_>, entry: Entry<'_>, kind: TrackKind) -> Vec<TrackDraft> {
    let what = match kind {
        TrackKind::Interface => "an interface",
        TrackKind::Script => "the name of a script",
        TrackKind::Process => "the name of a process",
        TrackKind::File => "the name of a file",
        TrackKind::Service => "the name of a service to watch",
        TrackKind::Check => "the name of a check",
    };
    let mut found = Vec::new();
    for element in reader.elements(entry) {
        let DeValue::Table(table) = element.value else {
            let name = reader.text(element, what);
            let name = name.map(|name| Spanned::new(name.to_owned(), element.span));
            found.extend(name.map(|name| TrackDraft { kind, name, weight: WeightDraft::default() }));
            continue;
        };
        let entries = reader.entries(table, &[&COMMON[..], keys(kind)].concat(), "of what is tracked");
        let described = entries.iter().any(|entry| !COMMON.contains(&entry.key));
        let named = entries.iter().any(|entry| entry.key == "name");
        let name = if described && !named {
            Spanned::new(description(&entries, kind), element.span)
        } else {
            let Some(name) = top::name(reader, &entries, element.span, "this entry") else { continue };
            name
        };
        let weight = weight(reader, &entries, kind);
        if described {
            describe(reader, kind, name.clone(), &entries, WeightDraft::default(), true);
        }
        found.push(TrackDraft { kind, name, weight });
    }
    found
}

/// What a thing is called that has no name of its own.
fn description(entries: &[Entry<'_>], kind: TrackKind) -> String {
    let text = |key: &str| entries.iter().find(|entry| entry.key == key).and_then(|entry| entry.value.as_str());
    let words = |key: &str| {
        let array = entries.iter().find(|entry| entry.key == key).and_then(|entry| entry.value.as_array())?;
        Some(array.iter().filter_map(|word| word.get_ref().as_str()).collect::<Vec<_>>().join(" "))
    };
    let found = match kind {
        TrackKind::Interface => None,
        TrackKind::Script => text("command").map(str::to_owned).or_else(|| words("command")),
        TrackKind::Process => text("process").map(str::to_owned).or_else(|| words("process")),
        TrackKind::File => text("path").map(str::to_owned),
        TrackKind::Service => text("service").map(str::to_owned).or_else(|| {
            let mark = entries.iter().find(|entry| entry.key == "fwmark")?.value.as_integer()?;
            Some(format!("fwmark {}", mark.as_str()))
        }),
        TrackKind::Check => checked(entries),
    };
    found.unwrap_or_else(|| "unnamed".to_owned())
}

/// `127.0.0.1:80`, `https://localhost/`, `dns 127.0.0.1:53`: the same address may be checked in several ways.
fn checked(entries: &[Entry<'_>]) -> Option<String> {
    let found = |key: &str| entries.iter().find(|entry| entry.key == key);
    let plain = ["https", "http", "tcp"].into_iter().find_map(|key| found(key)?.value.as_str());
    if let Some(plain) = plain {
        return Some(plain.to_owned());
    }
    let (kind, value) = ["smtp", "dns", "udp", "ping"].into_iter().find_map(|key| Some((key, found(key)?.value)))?;
    let text = |table: &DeTable<'_>, key: &str| Some(table.get(key)?.get_ref().as_str()?.to_owned());
    let address = match value.as_table() {
        None => value.as_str()?.to_owned(),
        Some(table) => {
            let words = ["address", "name", "type"].into_iter().filter_map(|key| text(table, key));
            words.collect::<Vec<_>>().join(" ")
        }
    };
    Some(format!("{kind} {address}"))
}

fn weight(reader: &mut Reader<'_>, entries: &[Entry<'_>], kind: TrackKind) -> WeightDraft {
    let mut weight = WeightDraft::default();
    for entry in entries {
        match entry.key {
            "weight" => {
                let most = kind.heaviest();
                let number = reader.number(*entry, -most..=most, "a weight");
                weight.weight = number.map(|number| Spanned::new(number, entry.span));
            }
            "reverse" => weight.reverse = reader.flag(*entry),
            _ => {}
        }
    }
    weight
}

fn describe(
    reader: &mut Reader<'_>,
    kind: TrackKind,
    name: Spanned<String>,
    entries: &[Entry<'_>],
    weight: WeightDraft,
    inline: bool,
) {
    match kind {
        TrackKind::Interface => {}
        TrackKind::Script => {
            let what = script(reader, entries);
            reader.draft.trackers.scripts.push(Definition { name, weight, inline, what });
        }
        TrackKind::Process => {
            let what = process(reader, entries);
            reader.draft.trackers.processes.push(Definition { name, weight, inline, what });
        }
        TrackKind::File => {
            let what = file(reader, entries);
            reader.draft.trackers.files.push(Definition { name, weight, inline, what });
        }
        TrackKind::Service => {
            let what = service(reader, entries);
            reader.draft.trackers.services.push(Definition { name, weight, inline, what });
        }
        TrackKind::Check => {
            let what = check(reader, entries);
            reader.draft.trackers.checks.push(Definition { name, weight, inline, what });
        }
    }
}

fn script(reader: &mut Reader<'_>, entries: &[Entry<'_>]) -> ScriptDraft {
    let mut draft = ScriptDraft::default();
    for entry in entries.iter().copied() {
        match entry.key {
            "command" => draft.command = Field::from(reader.command(entry), entry.span),
            "interval" => draft.interval = reader.duration(entry, MILLISECOND..=LONGEST, "a time"),
            "timeout" => draft.timeout = reader.duration(entry, MILLISECOND..=LONGEST, "a time"),
            "rise" => draft.rise = reader.number(entry, 1..=MOST, "a count"),
            "fall" => draft.fall = reader.number(entry, 1..=MOST, "a count"),
            "user" => draft.user = top::run_as(reader, entry),
            "init-fail" => draft.init_fail = reader.flag(entry).unwrap_or(false),
            "on-missing" => {
                const CHOICES: [(&str, OnMissing); 2] = [("fail", OnMissing::Fail), ("disable", OnMissing::Disable)];
                draft.on_missing = reader.choice(entry, &CHOICES);
            }
            _ => {}
        }
    }
    if let Field::Set(command) = &draft.command
        && let Some(program) = command.value.first()
    {
        reader.report.note_program(program, draft.user.as_ref(), command.span);
    }
    draft
}

fn process(reader: &mut Reader<'_>, entries: &[Entry<'_>]) -> ProcessDraft {
    let mut draft = ProcessDraft::default();
    for entry in entries.iter().copied() {
        match entry.key {
            // A name with blanks in it is one word: only an array has arguments.
            "process" => {
                let command = match entry.value.as_str() {
                    Some(_) => reader.text(entry, "a process's name").map(|name| vec![name.to_owned()]),
                    None => reader.command(entry),
                };
                draft.command = Field::from(command, entry.span);
            }
            "arguments" => {
                const CHOICES: [(&str, Matching); 3] =
                    [("exact", Matching::Exact), ("initial", Matching::Initial), ("partial", Matching::Partial)];
                draft.matching = reader.choice(entry, &CHOICES);
            }
            "full-command" => draft.full_command = reader.flag(entry).unwrap_or(false),
            "quorum" => draft.quorum = reader.number(entry, 1..=65_535, "a number of processes"),
            "quorum-max" => {
                let most = reader.number(entry, 0..=65_535, "a number of processes");
                draft.quorum_max = most.map(|most| Spanned::new(most, entry.span));
            }
            "fork-delay" => draft.fork_delay = reader.duration(entry, Duration::ZERO..=DAY, "a time"),
            "terminate-delay" => draft.terminate_delay = reader.duration(entry, Duration::ZERO..=DAY, "a time"),
            _ => {}
        }
    }
    draft
}

fn file(reader: &mut Reader<'_>, entries: &[Entry<'_>]) -> FileDraft {
    let mut draft = FileDraft::default();
    let (mut value, mut overwrite) = (None, false);
    for entry in entries.iter().copied() {
        match entry.key {
            "path" => {
                let path = reader.path(entry);
                draft.path = Field::from(path, entry.span);
            }
            "initial" => value = reader.number(entry, i64::from(i32::MIN)..=i64::from(i32::MAX), "a number"),
            "overwrite" => {
                overwrite = reader.flag(entry).unwrap_or(false);
                if overwrite && !entries.iter().any(|other| other.key == "initial") {
                    reader.missing(entry.key_span, "what is to be written", "initial");
                }
            }
            _ => {}
        }
    }
    draft.start = value.map(|value| FileStart { value, overwrite });
    draft
}

fn service(reader: &mut Reader<'_>, entries: &[Entry<'_>]) -> WatchDraft {
    const PROTOCOLS: [(&str, Protocol); 3] = [("tcp", Protocol::Tcp), ("udp", Protocol::Udp), ("sctp", Protocol::Sctp)];
    const FAMILIES: [(&str, Family); 2] = [("ipv4", Family::V4), ("ipv6", Family::V6)];
    let mut draft = WatchDraft::default();
    let (mut protocol, mut family) = (Protocol::Tcp, Family::V4);
    for entry in entries.iter().copied() {
        match entry.key {
            "protocol" => protocol = reader.choice(entry, &PROTOCOLS).unwrap_or(protocol),
            "family" => family = reader.choice(entry, &FAMILIES).unwrap_or(family),
            "condition" => draft.condition = condition(reader, entry),
            _ => {}
        }
    }
    for entry in entries.iter().copied() {
        match entry.key {
            "service" => {
                let key = reader.endpoint(entry).map(|(address, port)| ServiceKey::Address {
                    protocol,
                    address,
                    port: port.unwrap_or(0),
                });
                draft.service = Field::from(key, entry.span);
            }
            "fwmark" => {
                let mark: Option<u32> = reader.number(entry, 1..=i64::from(u32::MAX), "a firewall mark");
                let key = mark.and_then(NonZeroU32::new).map(|mark| ServiceKey::Fwmark { family, mark });
                draft.service = Field::from(key, entry.span);
            }
            _ => {}
        }
    }
    draft
}

/// `"any"`, `"quorum"`, `"50%"`.
fn condition(reader: &mut Reader<'_>, entry: Entry<'_>) -> Option<ServiceCondition> {
    let share = |text: &str| text.strip_suffix('%')?.parse::<u8>().ok().filter(|share| (1..=100).contains(share));
    let found = match entry.value.as_str() {
        Some("any") => Some(ServiceCondition::AnyUp),
        Some("quorum") => Some(ServiceCondition::Quorum),
        Some(text) => share(text).map(ServiceCondition::Share),
        None => None,
    };
    if found.is_none() {
        reader.bad(entry, "\"any\", \"quorum\", or a share such as \"50%\"");
    }
    found
}

fn check(reader: &mut Reader<'_>, entries: &[Entry<'_>]) -> ProbeDraft {
    let mut draft = ProbeDraft::default();
    let mut tls = TlsDraft { verify: true, authorities: None };
    let secure = entries.iter().any(|entry| entry.key == "https");
    for entry in entries.iter().copied() {
        match entry.key {
            "verify" | "authorities" if !secure => reader.bad(entry, "nothing: it is for `https`"),
            "verify" => tls.verify = reader.flag(entry).unwrap_or(true),
            "authorities" => {
                tls.authorities = reader.path(entry);
                if let Some(file) = &tls.authorities {
                    reader.report.note_tls(file, entry.span);
                }
            }
            "interval" => draft.interval = reader.duration(entry, MILLISECOND..=LONGEST, "a time"),
            "timeout" => draft.timeout = reader.duration(entry, MILLISECOND..=LONGEST, "a time"),
            "rise" => draft.rise = reader.number(entry, 1..=MOST, "a count"),
            "fall" => draft.fall = reader.number(entry, 1..=MOST, "a count"),
            _ => {}
        }
    }
    for entry in entries.iter().copied() {
        let text = entry.value.as_str().unwrap_or("");
        let (target, expected) = match entry.key {
            "tcp" => (url::endpoint(text).map(ProbeTarget::Tcp), url::ENDPOINT.to_owned()),
            "http" => (url::url(text, None).map(ProbeTarget::Http), url::URL.to_owned()),
            "https" => {
                (url::url(text, Some(tls.clone())).map(ProbeTarget::Http), url::URL.replace("http://", "https://"))
            }
            "smtp" | "dns" | "udp" => match other(reader, entry) {
                Some(target) => (Some(target), String::new()),
                None => {
                    draft.target = Field::Bad;
                    continue;
                }
            },
            "ping" => {
                let address = reader.address(entry);
                if address.is_none() {
                    draft.target = Field::Bad;
                    continue;
                }
                (address.map(|address| ProbeTarget::Other(SocketAddr::new(address, 0), CallKind::Ping)), String::new())
            }
            "authorities" => {
                if secure && !tls.verify {
                    reader.bad(entry, "nothing: with `verify = false` any certificate will do");
                }
                continue;
            }
            _ => continue,
        };
        let alone = matches!(draft.target, Field::Absent);
        match (&target, alone) {
            (None, _) => reader.bad(entry, &expected),
            (Some(_), false) => reader.bad(entry, "nothing: one thing is tried, and another stands here already"),
            (Some(_), true) => {}
        }
        draft.target = Field::from(target.filter(|_| alone), entry.span);
    }
    draft
}

/// `"127.0.0.1:53"`, or `{ address = "127.0.0.1:53", ... }` with what checks of this kind have of their own.
fn other(reader: &mut Reader<'_>, entry: Entry<'_>) -> Option<ProbeTarget> {
    let called = |reader: &mut Reader<'_>, entry: Entry<'_>| {
        let address = entry.value.as_str().and_then(url::endpoint);
        if address.is_none() {
            reader.bad(entry, url::ENDPOINT);
        }
        address
    };
    let Some(table) = entry.value.as_table() else {
        let kind = checks::own_keys(reader, entry.key, &[]);
        return called(reader, entry).map(|address| ProbeTarget::Other(address, kind));
    };
    let allowed = [&["address"][..], checks::own(entry.key)].concat();
    let entries = reader.entries(table, &allowed, "of what is checked");
    let kind = checks::own_keys(reader, entry.key, &entries);
    let Some(address) = entries.iter().find(|entry| entry.key == "address") else {
        reader.missing(entry.span, "this check", "address");
        return None;
    };
    called(reader, *address).map(|address| ProbeTarget::Other(address, kind))
}
