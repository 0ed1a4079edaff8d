//! `check = ...` of services and servers.

use std::num::NonZeroU32;
use std::time::Duration;

use super::super::diagnostic::{Code, Diagnostic};
use super::super::draft::{CheckDraft, KindDraft, Timing};
use super::super::source::{Span, Spanned};
use super::read::{Entry, Reader};
use crate::model::Pace;

const CHECK: [&str; 9] =
    ["tcp", "interval", "retry", "retry-interval", "warmup", "rise", "fall", "interval-down", "jitter"];
/// Whom a check calls, and how.
const CALL: [&str; 7] = ["address", "port", "timeout", "source", "source-port", "interface", "mark"];
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
                    .help("write the kind too: `tcp = {}`"),
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
    let table = reader.table(entry)?;
    let mut check = CheckDraft::new(KindDraft::Tcp);
    for entry in reader.entries(table, &CALL, "in `tcp`") {
        call(reader, &mut check, entry);
    }
    Some(check)
}

/// A key of [`CALL`].
fn call(reader: &mut Reader<'_>, check: &mut CheckDraft, entry: Entry<'_>) {
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
