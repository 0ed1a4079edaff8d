//! `check = ...` of services and servers.

use std::num::NonZeroU32;
use std::time::Duration;

use super::super::diagnostic::{Code, Diagnostic};
use super::super::draft::{
    CallKind, CheckDraft, DnsDraft, Field, FileCheckDraft, KindDraft, ScriptCheckDraft, Timing, UdpDraft,
};
use super::super::hex;
use super::super::source::{Span, Spanned};
use super::read::{Entry, Reader};
use super::top;
use crate::model::{DnsName, DnsType, OnMissing, Pace};

const CHECK: [&str; 18] = [
    "tcp",
    "http",
    "smtp",
    "dns",
    "udp",
    "ping",
    "path",
    "script",
    "file",
    "interval",
    "retry",
    "retry-interval",
    "warmup",
    "rise",
    "fall",
    "interval-down",
    "jitter",
    "log-failures",
];
const SCRIPT: [&str; 5] = ["command", "timeout", "dynamic", "user", "on-missing"];
const FILE: [&str; 3] = ["name", "weight", "reverse"];
/// Whom a check calls, and how.
pub(super) const CALL: [&str; 7] = ["address", "port", "timeout", "source", "source-port", "interface", "mark"];
/// The same without ports.
const PING: [&str; 5] = ["address", "timeout", "source", "interface", "mark"];
/// Who is called, and through what, the service says.
const PATH: [&str; 2] = ["timeout", "source"];
const SMTP: [&str; 1] = ["helo"];
const DNS: [&str; 2] = ["name", "type"];
const UDP: [&str; 4] = ["payload", "reply", "min-length", "max-length"];
/// The longest from one check to another: for good, to people.
const LONGEST: Duration = Duration::from_secs(1_000_000_000);
const MILLISECOND: Duration = Duration::from_millis(1);

/// What `check = ...` says.
#[derive(Debug, Clone)]
pub(super) enum Checks {
    /// `check = false`.
    None,
    /// A table without a kind, and where it stands: only timing.
    Timing(Timing, Span),
    /// Whole checks, at least one.
    Whole(Vec<CheckDraft>),
}

impl Checks {
    /// What other checks take from these where they say nothing: of several nobody could tell which is meant.
    pub(super) fn timing(&self) -> Timing {
        match self {
            Self::Timing(timing, _) => *timing,
            Self::Whole(checks) => match checks.as_slice() {
                [only] => only.timing,
                [] | [_, ..] => Timing::default(),
            },
            Self::None => Timing::default(),
        }
    }
}

/// A server's own check, with what it leaves out taken from the service's.
pub(super) fn inherit(own: Checks, outer: &Checks) -> Checks {
    match (own, outer) {
        (Checks::Whole(mut checks), outer) => {
            for check in &mut checks {
                check.timing = check.timing.or(outer.timing());
            }
            Checks::Whole(checks)
        }
        (Checks::Timing(timing, _), Checks::Whole(outer)) => {
            let mut checks = outer.clone();
            for check in &mut checks {
                check.timing = timing.or(check.timing);
            }
            Checks::Whole(checks)
        }
        (own @ (Checks::None | Checks::Timing(..)), Checks::None | Checks::Timing(..))
        | (own @ Checks::None, Checks::Whole(_)) => own,
    }
}

pub(super) fn checks(reader: &mut Reader<'_>, entry: Entry<'_>) -> Checks {
    if entry.value.as_bool() == Some(false) {
        return Checks::None;
    }
    if entry.value.as_array().is_some() {
        return several(reader, entry);
    }
    let Some(table) = entry.value.as_table() else {
        reader.bad(entry, "a table such as { tcp = {}, interval = \"5s\" }, a list of them, or false");
        return Checks::None;
    };
    let mut timing = Timing::default();
    let (mut check, mut fall): (Option<CheckDraft>, _) = (None, None);
    for entry in reader.entries(table, &CHECK, "in `check`") {
        match entry.key {
            "interval" => timing.interval = time(reader, entry),
            "retry" => timing.retry = reader.number(entry, 0..=i64::from(u32::MAX), "a count"),
            "retry-interval" => timing.retry_interval = reader.duration(entry, Duration::ZERO..=LONGEST, "a time"),
            "warmup" => timing.warmup = reader.duration(entry, Duration::ZERO..=LONGEST, "a time"),
            "rise" => {
                let rise = reader.number(entry, 1..=i64::from(u32::MAX), "a count");
                timing.rise = rise.and_then(NonZeroU32::new);
            }
            "fall" => fall = reader.number::<u32>(entry, 1..=i64::from(u32::MAX), "a count").map(|fall| (fall, entry)),
            "interval-down" => timing.down_interval = time(reader, entry).map(|time| time.value),
            "jitter" => {
                timing.jitter_percent = reader.number(entry, 0..=i64::from(Pace::MOST_JITTER), "parts in a hundred");
            }
            "log-failures" => timing.tells_failures = reader.flag(entry),
            _ if check.is_some() => {
                reader
                    .bad(entry, "nothing: one check is of one kind; several checks are a list, `[{ tcp = {} }, ...]`");
            }
            _ => check = kind(reader, entry),
        }
    }
    if let Some((fall, entry)) = fall {
        if timing.retry.is_some() {
            reader.say(
                Diagnostic::error(Code::Combination, entry.key_span, "`fall` stands beside `retry`")
                    .help("both say how many failures take a server out: `fall` counts the first one too"),
            );
        }
        timing.retry = Some(fall.saturating_sub(1));
    }
    match check {
        Some(mut check) => {
            // The timeout stands in the kind's own table, all else outside it.
            check.timing = timing.or(check.timing);
            Checks::Whole(vec![check])
        }
        None => Checks::Timing(timing, entry.span),
    }
}

/// `[{ tcp = {} }, { tcp = { port = 81 } }]`: all must agree that the server is up.
fn several(reader: &mut Reader<'_>, entry: Entry<'_>) -> Checks {
    let mut whole = Vec::new();
    for element in reader.elements(entry) {
        if element.value.as_table().is_none() {
            reader.bad(element, "a table such as { tcp = {}, interval = \"5s\" }");
            continue;
        }
        match checks(reader, element) {
            Checks::Whole(checks) => whole.extend(checks),
            Checks::Timing(_, span) => reader.say(
                Diagnostic::error(Code::Required, span, "this check says when, and not what to try")
                    .help("write the kind too: `tcp = {}` or `http = {}`"),
            ),
            Checks::None => {}
        }
    }
    if whole.is_empty() { Checks::None } else { Checks::Whole(whole) }
}

fn time(reader: &mut Reader<'_>, entry: Entry<'_>) -> Option<Spanned<Duration>> {
    reader.duration(entry, MILLISECOND..=LONGEST, "a time").map(|time| Spanned::new(time, entry.span))
}

/// What is tried, and of whom: the key is the kind.
fn kind(reader: &mut Reader<'_>, entry: Entry<'_>) -> Option<CheckDraft> {
    match entry.key {
        "http" => return super::http::http(reader, entry),
        "script" => return script(reader, entry),
        "file" => return file(reader, entry),
        _ => {}
    }
    let table = reader.table(entry)?;
    let (call, place): (&[&str], _) = match entry.key {
        "smtp" => (&CALL, "in `smtp`"),
        "dns" => (&CALL, "in `dns`"),
        "udp" => (&CALL, "in `udp`"),
        "ping" => (&PING, "in `ping`"),
        "path" => (&PATH, "in `path`"),
        _ => (&CALL, "in `tcp`"),
    };
    let entries = reader.entries(table, &[call, own(entry.key)].concat(), place);
    let mut check = CheckDraft::new(KindDraft::Call(own_keys(reader, entry.key, &entries)));
    for entry in entries.into_iter().filter(|entry| call.contains(&entry.key)) {
        self::call(reader, &mut check, entry);
    }
    Some(check)
}

/// The keys that only a check of this kind has.
pub(super) fn own(kind: &str) -> &'static [&'static str] {
    match kind {
        "smtp" => &SMTP,
        "dns" => &DNS,
        "udp" => &UDP,
        _ => &[],
    }
}

/// What the keys say that only a check of this kind has.
pub(super) fn own_keys<'t>(reader: &mut Reader<'_>, kind: &str, entries: &[Entry<'t>]) -> CallKind {
    let entries = entries.iter().copied();
    match kind {
        "smtp" => {
            let helo = entries.filter(|entry| entry.key == "helo").find_map(|entry| reader.text(entry, "a name"));
            CallKind::Smtp(helo.map(str::to_owned))
        }
        "dns" => CallKind::Dns(dns(reader, entries)),
        "udp" => CallKind::Udp(udp(reader, entries)),
        "ping" => CallKind::Ping,
        "path" => CallKind::Path,
        _ => CallKind::Tcp,
    }
}

fn dns<'t>(reader: &mut Reader<'_>, entries: impl Iterator<Item = Entry<'t>>) -> DnsDraft {
    let mut draft = DnsDraft::default();
    for entry in entries {
        match entry.key {
            "name" => match reader.text(entry, "a domain name").map(str::parse::<DnsName>) {
                Some(Ok(name)) => draft.name = Some(name),
                Some(Err(problem)) => reader.say(
                    Diagnostic::error(Code::BadValue, entry.span, "this is no domain name").mark(problem.to_string()),
                ),
                None => {}
            },
            "type" => draft.kind = reader.choice(entry, &DnsType::ALL),
            _ => {}
        }
    }
    draft
}

fn udp<'t>(reader: &mut Reader<'_>, entries: impl Iterator<Item = Entry<'t>> + Clone) -> UdpDraft {
    let mut draft = UdpDraft::default();
    let answered = entries.clone().any(|entry| entry.key == "reply");
    for entry in entries {
        match entry.key {
            "payload" => {
                draft.payload = entry.value.as_str().and_then(|text| hex::bytes(text.split_ascii_whitespace()));
                if draft.payload.is_none() {
                    reader.bad(entry, hex::BYTES);
                }
            }
            "reply" => {
                draft.reply = match (entry.value.as_bool(), entry.value.as_str()) {
                    (Some(true), _) => Some(Vec::new()),
                    (Some(false), _) => None,
                    (None, text) => {
                        let pattern = text.and_then(|text| hex::pattern(text.split_ascii_whitespace()));
                        if pattern.is_none() {
                            reader.bad(entry, &format!("true, false, or {}", hex::PATTERN));
                        }
                        Some(pattern.unwrap_or_default())
                    }
                };
            }
            "min-length" | "max-length" if !answered => reader.bad(entry, "nothing: no `reply` is asked for"),
            "min-length" => draft.shortest = reader.number(entry, 0..=65_535, "a number of bytes"),
            "max-length" => draft.longest = reader.number(entry, 0..=65_535, "a number of bytes"),
            _ => {}
        }
    }
    draft
}

/// A key of [`CALL`].
pub(super) fn call(reader: &mut Reader<'_>, check: &mut CheckDraft, entry: Entry<'_>) {
    let call = &mut check.call;
    match entry.key {
        "address" => call.address = reader.address(entry),
        "port" => call.port = reader.port(entry),
        "timeout" => check.timing.timeout = time(reader, entry),
        "source" => {
            let source = reader.endpoint(entry);
            call.source_address = source.map(|(address, _)| address);
            call.source_port = source.and_then(|(_, port)| port).or(call.source_port);
        }
        "source-port" => call.source_port = reader.port(entry),
        "interface" => call.interface = reader.interface(entry),
        _ => call.mark = reader.number(entry, 0..=i64::from(u32::MAX), "a mark"),
    }
}

fn script(reader: &mut Reader<'_>, entry: Entry<'_>) -> Option<CheckDraft> {
    let table = reader.table(entry)?;
    let mut script = ScriptCheckDraft::default();
    for inner in reader.entries(table, &SCRIPT, "in `script`") {
        match inner.key {
            "command" => script.command = Field::from(reader.command(inner), inner.span),
            "timeout" => script.timeout = reader.duration(inner, MILLISECOND..=LONGEST, "a time"),
            "dynamic" => script.dynamic = reader.flag(inner).unwrap_or(false),
            "user" => script.user = top::run_as(reader, inner),
            _ => {
                let choices = [("disable", OnMissing::Disable), ("fail", OnMissing::Fail)];
                script.on_missing = reader.choice(inner, &choices);
            }
        }
    }
    if let Field::Set(command) = &script.command
        && let Some(program) = command.value.first()
    {
        reader.report.note_program(program, script.user.as_ref(), command.span);
    }
    if matches!(script.command, Field::Absent) {
        reader.missing(entry.span, "`script`", "command");
        script.command = Field::Bad;
    }
    Some(CheckDraft::new(KindDraft::Script(script)))
}

fn file(reader: &mut Reader<'_>, entry: Entry<'_>) -> Option<CheckDraft> {
    let table = reader.table(entry)?;
    let mut file = FileCheckDraft::default();
    for inner in reader.entries(table, &FILE, "in `file`") {
        match inner.key {
            "name" => {
                let name = reader.text(inner, "the name of a `[[track-file]]`");
                file.name = Field::from(name.map(str::to_owned), inner.span);
            }
            "weight" => {
                let most = i64::from(i32::MAX);
                file.weight = reader.number(inner, -most..=most, "a weight");
            }
            _ => file.reverse = reader.flag(inner).unwrap_or(false),
        }
    }
    if matches!(file.name, Field::Absent) {
        reader.missing(entry.span, "`file`", "name");
        file.name = Field::Bad;
    }
    Some(CheckDraft::new(KindDraft::File(file)))
}
