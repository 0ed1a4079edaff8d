//! The document itself: `[global]`, `[sysctl]`, and the lists of everything else.

use std::num::NonZeroU32;
use std::time::Duration;

use ::toml::de::{DeTable, DeValue};

use super::super::diagnostic::{Code, Diagnostic};
use super::super::draft::{GroupDraft, TrackKind};
use super::super::is_namespace;
use super::super::source::{Span, Spanned};
use super::read::{Entry, Reader};
use super::{instance, service, surroundings, trackers};
use crate::model::{GroupMarks, IpvsMissing, OnStop, PathProbe, RunAs, Sysctl, VrrpVersion};

/// What may stand outside all tables, and the first part of the tables' names.
pub(super) const TOP: [&str; 13] = [
    "global",
    "router",
    "static",
    "track-group",
    "sysctl",
    "script",
    "track-process",
    "track-file",
    "track-service",
    "track-check",
    "instance",
    "sync-group",
    "service",
];
const GLOBAL: [&str; 17] = [
    "router-id",
    "exclusive",
    "on-stop",
    "group-marks",
    "ipvs-namespace",
    "ipvs-missing",
    "timeouts",
    "drain",
    "script-user",
    "script-security",
    "keep-sysctls",
    "sync-daemon",
    "watch",
    "service-fifo",
    "notify-at-start",
    "log-check-failures",
    "path-marks",
];
const GROUP: [&str; 4] = ["name", "members", "weighted", "notify"];
const DAY: Duration = Duration::from_secs(86_400);
const SECOND: Duration = Duration::from_secs(1);

/// The whole document.
pub(super) fn document(reader: &mut Reader<'_>, table: &DeTable<'_>) {
    // RFC 9568 is the protocol of today; files for older peers say `version = 2`.
    reader.draft.defaults.version = VrrpVersion::V3;
    for entry in reader.entries(table, &TOP, "outside all tables") {
        match entry.key {
            "global" => global(reader, entry),
            "router" => surroundings::router(reader, entry),
            "static" => surroundings::statics(reader, entry),
            "track-group" => {
                for (table, span) in reader.tables(entry) {
                    surroundings::track_group(reader, table, span);
                }
            }
            "sysctl" => sysctls(reader, entry),
            "script" => define(reader, entry, TrackKind::Script),
            "track-process" => define(reader, entry, TrackKind::Process),
            "track-file" => define(reader, entry, TrackKind::File),
            "track-service" => define(reader, entry, TrackKind::Service),
            "track-check" => define(reader, entry, TrackKind::Check),
            "instance" => {
                for (table, span) in reader.tables(entry) {
                    if reader.report.is_full() {
                        break;
                    }
                    instance::instance(reader, table, span);
                }
            }
            "sync-group" => {
                for (table, span) in reader.tables(entry) {
                    group(reader, table, span);
                }
            }
            _ => {
                for (table, span) in reader.tables(entry) {
                    if reader.report.is_full() {
                        break;
                    }
                    service::service(reader, table, span);
                }
            }
        }
    }
}

fn define(reader: &mut Reader<'_>, entry: Entry<'_>, kind: TrackKind) {
    for (table, span) in reader.tables(entry) {
        trackers::definition(reader, kind, table, span);
    }
}

fn global(reader: &mut Reader<'_>, entry: Entry<'_>) {
    let Some(table) = reader.table(entry) else { return };
    for entry in reader.entries(table, &GLOBAL, "in [global]") {
        match entry.key {
            "router-id" => reader.draft.global.router_id = reader.text(entry, "a name").map(str::to_owned),
            "exclusive" => reader.draft.global.exclusive = reader.flag(entry).unwrap_or(false),
            "on-stop" => {
                const CHOICES: [(&str, OnStop); 3] =
                    [("remove", OnStop::Remove), ("keep", OnStop::Keep), ("flush", OnStop::Flush)];
                reader.draft.global.on_stop = reader.choice(entry, &CHOICES).unwrap_or_default();
            }
            "group-marks" => reader.draft.global.group_marks = group_marks(reader, entry),
            "ipvs-namespace" => {
                let name = reader.text(entry, "the name of a network namespace");
                reader.draft.global.ipvs_namespace = name.and_then(|name| {
                    if is_namespace(name) {
                        return Some(name.to_owned());
                    }
                    reader.say(
                        Diagnostic::error(
                            Code::BadValue,
                            entry.span,
                            format!("`{name}` cannot be a network namespace"),
                        )
                        .help("write its name as `ip netns list` shows it, without a folder"),
                    );
                    None
                });
            }
            "ipvs-missing" => {
                const CHOICES: [(&str, IpvsMissing); 2] =
                    [("keep-routing", IpvsMissing::KeepRouting), ("fail", IpvsMissing::Fail)];
                reader.draft.global.ipvs_missing = reader.choice(entry, &CHOICES).unwrap_or_default();
            }
            "sync-daemon" => surroundings::sync_daemon(reader, entry),
            "timeouts" => timeouts(reader, entry),
            "drain" => reader.draft.global.drain = reader.duration(entry, Duration::ZERO..=DAY * 31, "a time"),
            "script-user" => reader.draft.global.script_user = run_as(reader, entry),
            "watch" => reader.draft.global.watch = reader.flag(entry).unwrap_or(false),
            "service-fifo" => reader.draft.surroundings.service_fifo = surroundings::fifo(reader, entry),
            "log-check-failures" => reader.draft.global.tells_failures = reader.flag(entry).unwrap_or(false),
            "notify-at-start" => reader.draft.global.tell_servers_at_start = reader.flag(entry).unwrap_or(false),
            "path-marks" => {
                let mark = reader.number(entry, 1..=PathProbe::LAST_FIRST_MARK, "a mark");
                reader.draft.global.path_marks = mark.and_then(NonZeroU32::new);
            }
            "script-security" => reader.draft.global.script_security = reader.flag(entry).unwrap_or(false),
            _ => reader.draft.global.keep_sysctls = reader.flag(entry).unwrap_or(false),
        }
    }
}

fn group_marks(reader: &mut Reader<'_>, entry: Entry<'_>) -> Option<GroupMarks> {
    let table = reader.table(entry)?;
    let mut marks = GroupMarks::default();
    for entry in reader.entries(table, &["table", "priority", "first"], "in `group-marks`") {
        match entry.key {
            "table" => {
                if let Some(table) = surroundings::firewall_table(reader, entry) {
                    marks.table = table;
                }
            }
            "priority" => {
                let range = i64::from(i32::MIN)..=i64::from(i32::MAX);
                marks.priority = reader.number(entry, range, "a priority").unwrap_or(marks.priority);
            }
            _ => {
                let first: Option<u32> = reader.number(entry, 1..=i64::from(u32::MAX), "a firewall mark");
                marks.first = first.and_then(NonZeroU32::new).unwrap_or(marks.first);
            }
        }
    }
    Some(marks)
}

fn timeouts(reader: &mut Reader<'_>, entry: Entry<'_>) {
    let Some(table) = reader.table(entry) else { return };
    for entry in reader.entries(table, &["tcp", "tcp-fin", "udp"], "in `timeouts`") {
        let duration = reader.duration(entry, SECOND..=DAY * 31, "whole seconds");
        let secs = duration.and_then(|duration| u32::try_from(duration.as_secs()).ok()).and_then(NonZeroU32::new);
        let timeouts = &mut reader.draft.global.timeouts;
        match entry.key {
            "tcp" => timeouts.tcp_secs = secs,
            "tcp-fin" => timeouts.tcp_fin_secs = secs,
            _ => timeouts.udp_secs = secs,
        }
    }
}

/// `"user"` or `"user:group"`.
pub(super) fn run_as(reader: &mut Reader<'_>, entry: Entry<'_>) -> Option<RunAs> {
    let text = reader.text(entry, "a user, or user:group")?;
    let (user, group) = match text.split_once(':') {
        Some((user, group)) => (user, Some(group.to_owned())),
        None => (text, None),
    };
    Some(RunAs { user: user.to_owned(), group })
}

/// `"net.ipv4.vs.conntrack" = 1`.
fn sysctls(reader: &mut Reader<'_>, entry: Entry<'_>) {
    let Some(table) = reader.table(entry) else { return };
    for entry in reader.every(table) {
        let name = entry.key;
        let plain = name.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-/:@".contains(&b));
        // A slash stands for a dot inside a folder's name (sysctl(8)); a name of dots alone would lead out of `net`.
        let nameless = name.split('.').any(|part| part.bytes().all(|b| b == b'/'));
        if !name.starts_with("net.") || !plain || nameless {
            let message =
                format!("`{}` is not a setting that can be set here", name.chars().take(60).collect::<String>());
            let nested = entry.value.as_table().is_some();
            reader.say(Diagnostic::error(Code::BadValue, entry.key_span, message).help(if nested {
                "put the whole name in quotes: \"net.ipv4.vs.conntrack\" = 1"
            } else {
                "a name begins with `net.`: only those may be set"
            }));
            continue;
        }
        let value = match entry.value {
            DeValue::String(text) if !text.is_empty() && !text.contains('\n') => text.to_string(),
            DeValue::Integer(number) => number.to_string(),
            DeValue::Boolean(value) => u8::from(*value).to_string(),
            DeValue::String(_) | DeValue::Float(_) | DeValue::Datetime(_) | DeValue::Array(_) | DeValue::Table(_) => {
                reader.bad(entry, "a number, true, false, or text as `sysctl` takes it");
                continue;
            }
        };
        reader.draft.sysctls.push(Sysctl { name: name.to_owned(), value });
    }
}

fn group(reader: &mut Reader<'_>, table: &DeTable<'_>, at: Span) {
    let entries = reader.entries(table, &[&GROUP[..], &instance::TRACKS].concat(), "in [[sync-group]]");
    let Some(name) = name(reader, &entries, at, "this group") else { return };
    let mut group = GroupDraft::new(name);
    for entry in entries {
        match entry.key {
            "name" => {}
            "members" => {
                for element in reader.elements(entry) {
                    let member = reader.text(element, "the name of an instance");
                    group.members.extend(member.map(|member| Spanned::new(member.to_owned(), element.span)));
                }
            }
            "weighted" => group.weighted = reader.flag(entry).unwrap_or(false),
            "notify" => (group.notify, group.priority_changes) = instance::notify(reader, entry),
            _ => group.tracks.extend(instance::tracks(reader, entry)),
        }
    }
    reader.draft.groups.push(group);
}

/// The `name` among the entries of a table.
pub(super) fn name(reader: &mut Reader<'_>, entries: &[Entry<'_>], at: Span, what: &str) -> Option<Spanned<String>> {
    match entries.iter().find(|entry| entry.key == "name") {
        Some(entry) => reader.text(*entry, "a name").map(|name| Spanned::new(name.to_owned(), entry.span)),
        None => {
            reader.missing(at, what, "name");
            None
        }
    }
}
