//! `[router]`, `[static]` and `[[track-group]]`: what concerns all virtual routers of a host.

use std::time::Duration;

use ::toml::de::DeTable;

use super::instance::{self, LONGEST_SPACING};
use super::read::{Entry, Reader};
use super::{routes, top};
use crate::config::draft::{FifoDraft, GroupDraft};
use crate::config::source::{Span, Spanned};
use crate::model::{GarpGroup, InterfaceDelay, Scheduling, SyncDaemon};

const ROUTER: [&str; 14] = [
    "startup-delay",
    "delay-after-boot",
    "log-unknown-vrids",
    "igmp",
    "interface-delays",
    "announce-groups",
    "notify-fifo",
    "router-fifo",
    "fifo-states-on-reload",
    "firewall-table",
    "firewall-priority",
    "vmac-prefix",
    "vmac-address-prefix",
    "scheduling",
];
const FIFO: [&str; 3] = ["path", "owner", "script"];
const SCHEDULING: [&str; 6] = ["nice", "realtime", "realtime-limit", "processors", "lock-memory", "lateness-warning"];
const SYNC: [&str; 7] = ["interface", "instance", "id", "max-length", "port", "ttl", "group"];
const DAY: Duration = Duration::from_secs(86_400);
const MINUTES: Duration = Duration::from_secs(255);
const MICROSECOND: Duration = Duration::from_micros(1);
/// As many microseconds as a number of the file can have.
const LONGEST: Duration = Duration::from_micros(i64::MAX as u64);

/// `[router]`.
pub(super) fn router(reader: &mut Reader<'_>, entry: Entry<'_>) {
    let Some(table) = reader.table(entry) else { return };
    for entry in reader.entries(table, &ROUTER, "in [router]") {
        let mut settings = std::mem::take(&mut reader.draft.surroundings.settings);
        let day = Duration::ZERO..=DAY;
        match entry.key {
            "startup-delay" => settings.startup_delay = reader.duration(entry, day, "a time").unwrap_or_default(),
            "delay-after-boot" => {
                settings.delay_after_boot = reader.duration(entry, day, "a time").unwrap_or_default();
            }
            "log-unknown-vrids" => settings.log_unknown_vrids = reader.flag(entry).unwrap_or(false),
            "igmp" => settings.no_igmp = reader.flag(entry) == Some(false),
            "interface-delays" => settings.interface_delays = delays(reader, entry),
            "announce-groups" => settings.garp_groups = garp_groups(reader, entry),
            "notify-fifo" => reader.draft.surroundings.fifo = fifo(reader, entry),
            "router-fifo" => reader.draft.surroundings.router_fifo = fifo(reader, entry),
            "fifo-states-on-reload" => settings.fifo_states_on_reload = reader.flag(entry).unwrap_or(false),
            "firewall-table" => settings.firewall_table = firewall_table(reader, entry),
            "firewall-priority" => {
                let range = i64::from(i32::MIN)..=i64::from(i32::MAX);
                settings.firewall_priority = reader.number(entry, range, "a priority");
            }
            "vmac-prefix" => reader.draft.defaults.vmac_prefix = reader.interface(entry),
            "vmac-address-prefix" => reader.draft.defaults.vmac_address_prefix = reader.interface(entry),
            _ => settings.scheduling = scheduling(reader, entry),
        }
        reader.draft.surroundings.settings = settings;
    }
}

pub(super) fn firewall_table(reader: &mut Reader<'_>, entry: Entry<'_>) -> Option<String> {
    let plain = |text: &&str| {
        text.bytes().next().is_some_and(|byte| byte.is_ascii_alphabetic() || byte == b'_')
            && text.len() < 128
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-./\\".contains(&byte))
    };
    let found = entry.value.as_str().filter(plain);
    if found.is_none() {
        reader.bad(entry, "a table's name: letters, digits and _, in quotes");
    }
    found.map(str::to_owned)
}

fn delays(reader: &mut Reader<'_>, entry: Entry<'_>) -> Vec<InterfaceDelay> {
    let mut delays = Vec::new();
    for element in reader.elements(entry) {
        let Some(table) = reader.table(element) else { continue };
        let (mut interface, mut down, mut up) = (None, Duration::ZERO, None);
        for entry in reader.entries(table, &["interface", "down", "up"], "in `interface-delays`") {
            match entry.key {
                "interface" => interface = Some(reader.interface(entry)),
                "down" => down = reader.duration(entry, Duration::ZERO..=MINUTES, "a time").unwrap_or_default(),
                _ => up = reader.duration(entry, Duration::ZERO..=MINUTES, "a time"),
            }
        }
        match interface {
            Some(interface) => {
                delays.extend(interface.map(|interface| InterfaceDelay { interface, down, up: up.unwrap_or(down) }));
            }
            None => reader.missing(element.span, "this entry", "interface"),
        }
    }
    delays
}

fn garp_groups(reader: &mut Reader<'_>, entry: Entry<'_>) -> Vec<GarpGroup> {
    let mut groups = Vec::new();
    for element in reader.elements(entry) {
        let Some(table) = reader.table(element) else { continue };
        let mut group = GarpGroup { arp_interval: Duration::ZERO, na_interval: Duration::ZERO, interfaces: Vec::new() };
        let spacing = || Duration::ZERO..=LONGEST_SPACING;
        for entry in reader.entries(table, &["interfaces", "arp-interval", "na-interval"], "in `announce-groups`") {
            match entry.key {
                "interfaces" => {
                    for name in reader.elements(entry) {
                        group.interfaces.extend(reader.interface(name));
                    }
                }
                "arp-interval" => group.arp_interval = reader.duration(entry, spacing(), "a time").unwrap_or_default(),
                _ => group.na_interval = reader.duration(entry, spacing(), "a time").unwrap_or_default(),
            }
        }
        if group.interfaces.is_empty() {
            reader.missing(element.span, "this entry", "interfaces");
        }
        groups.push(group);
    }
    groups
}

pub(super) fn fifo(reader: &mut Reader<'_>, entry: Entry<'_>) -> FifoDraft {
    let mut draft = FifoDraft::default();
    let Some(table) = reader.table(entry) else { return draft };
    let entries = reader.entries(table, &FIFO, "of a FIFO");
    if !entries.iter().any(|entry| entry.key == "path") {
        reader.missing(entry.span, "this FIFO", "path");
    }
    for entry in entries {
        match entry.key {
            "path" => draft.path = reader.path(entry).map(|path| Spanned::new(path, entry.span)),
            "owner" => draft.owner = top::run_as(reader, entry),
            _ => draft.script = instance::command(reader, entry).map(|script| Spanned::new(script, entry.span)),
        }
    }
    draft
}

fn scheduling(reader: &mut Reader<'_>, entry: Entry<'_>) -> Scheduling {
    let mut scheduling = Scheduling::default();
    let Some(table) = reader.table(entry) else { return scheduling };
    for entry in reader.entries(table, &SCHEDULING, "in `scheduling`") {
        match entry.key {
            "nice" => scheduling.nice = reader.number(entry, -20..=19, "a nice level"),
            "realtime" => scheduling.realtime = reader.number(entry, 1..=99, "a real-time priority"),
            "realtime-limit" => {
                let limit = reader.duration(entry, MICROSECOND * 2..=LONGEST, "a time");
                scheduling.realtime_limit_micros = limit.and_then(|limit| u64::try_from(limit.as_micros()).ok());
            }
            "processors" => {
                for element in reader.elements(entry) {
                    scheduling.processors.extend(reader.number::<u16>(element, 0..=65_535, "a processor's number"));
                }
            }
            "lock-memory" => scheduling.lock_memory = reader.flag(entry).unwrap_or(false),
            _ => {
                let bound = Duration::from_millis(1)..=MINUTES;
                scheduling.lateness_warning = reader.duration(entry, bound, "a time");
            }
        }
    }
    scheduling
}

/// `[static]`.
pub(super) fn statics(reader: &mut Reader<'_>, entry: Entry<'_>) {
    let Some(table) = reader.table(entry) else { return };
    for entry in reader.entries(table, &["interface", "addresses", "routes", "rules"], "in [static]") {
        match entry.key {
            "interface" => reader.draft.surroundings.default_interface = reader.interface(entry),
            "addresses" => reader.draft.surroundings.addresses = instance::addresses(reader, entry),
            "routes" => reader.draft.surroundings.routes = routes::routes(reader, entry),
            _ => reader.draft.surroundings.rules = routes::rules(reader, entry),
        }
    }
}

/// `[[track-group]]`.
pub(super) fn track_group(reader: &mut Reader<'_>, table: &DeTable<'_>, at: Span) {
    let entries = reader.entries(table, &["name", "members"], "in [[track-group]]");
    let Some(name) = top::name(reader, &entries, at, "this group") else { return };
    let mut group = GroupDraft::new(name);
    for entry in entries.into_iter().filter(|entry| entry.key == "members") {
        for element in reader.elements(entry) {
            let member = reader.text(element, "the name of an instance");
            group.members.extend(member.map(|member| Spanned::new(member.to_owned(), element.span)));
        }
    }
    reader.draft.surroundings.track_groups.push(group);
}

/// `sync-daemon = { ... }` of `[global]`.
pub(super) fn sync_daemon(reader: &mut Reader<'_>, entry: Entry<'_>) {
    let Some(table) = reader.table(entry) else { return };
    let at = entry.key_span;
    let mut interface = None;
    let mut daemon = SyncDaemon {
        interface: String::new(),
        instance: None,
        id: None,
        max_len: None,
        port: None,
        ttl: None,
        group: None,
    };
    for entry in reader.entries(table, &SYNC, "in `sync-daemon`") {
        match entry.key {
            "interface" => interface = Some(reader.interface(entry)),
            "instance" => {
                daemon.instance = reader.text(entry, "the name of an instance").map(str::to_owned);
                reader.draft.surroundings.sync_instance = Some(entry.span);
            }
            "id" => daemon.id = reader.number(entry, 0..=255, "a number"),
            "max-length" => daemon.max_len = reader.number(entry, 1..=65_507, "a length"),
            "port" => daemon.port = reader.port(entry),
            "ttl" => daemon.ttl = reader.number(entry, 1..=255, "a time to live"),
            _ => {
                let group = reader.address(entry);
                if group.is_some_and(|group| !group.is_multicast()) {
                    reader.bad(entry, "a multicast address");
                }
                daemon.group = group.filter(|group| group.is_multicast());
            }
        }
    }
    match interface {
        Some(Some(interface)) => {
            let daemon = SyncDaemon { interface, ..daemon };
            reader.draft.surroundings.sync_daemon = Some(Spanned::new(daemon, at));
        }
        Some(None) => {}
        None => reader.missing(at, "`sync-daemon`", "interface"),
    }
}
