//! `[[instance]]`: a virtual router.

use std::net::{IpAddr, Ipv4Addr};
use std::str::FromStr;
use std::time::Duration;

use ::toml::de::{DeTable, DeValue};

use super::super::draft::{AnnouncementsDraft, Authentication, Field, InstanceDraft, TrackDraft};
use super::super::source::{Span, Spanned};
use super::read::{Entry, Reader};
use super::top;
use crate::model::{Command, Notify, Priority, StartAs, VirtualAddress, Vrid, VrrpVersion};

const INSTANCE: [&str; 18] = [
    "name",
    "interface",
    "vrid",
    "version",
    "start",
    "priority",
    "advert-interval",
    "preempt",
    "addresses",
    "excluded-addresses",
    "source",
    "peers",
    "group",
    "password",
    "track-interfaces",
    "track-scripts",
    "announce",
    "notify",
];
const ADDRESS: [&str; 5] = ["address", "interface", "label", "broadcast", "scope"];
const ANNOUNCE: [&str; 4] = ["repeat", "delay", "refresh", "refresh-repeat"];
const NOTIFY: [&str; 5] = ["master", "backup", "fault", "stop", "any"];
const DAY: Duration = Duration::from_secs(86_400);

/// One virtual router.
pub(super) fn instance(reader: &mut Reader<'_>, table: &DeTable<'_>, at: Span) {
    let entries = reader.entries(table, &INSTANCE, "in [[instance]]");
    let Some(name) = top::name(reader, &entries, at, "this instance") else { return };
    let mut draft = InstanceDraft::new(name);
    for entry in entries {
        let span = entry.span;
        match entry.key {
            "name" => {}
            "interface" => draft.interface = Field::from(reader.interface(entry), span),
            "vrid" => {
                let number: Option<u8> = reader.number(entry, 1..=255, "a virtual router id");
                draft.vrid = Field::from(number.and_then(|number| Vrid::new(number).ok()), span);
            }
            "version" => {
                let number: Option<u8> = reader.number(entry, 2..=3, "a version of VRRP");
                let version = number.map(|number| if number == 2 { VrrpVersion::V2 } else { VrrpVersion::V3 });
                draft.version = Field::from(version, span);
            }
            "start" => {
                const CHOICES: [(&str, StartAs); 2] = [("backup", StartAs::Backup), ("master", StartAs::Master)];
                draft.start_as = Field::from(reader.choice(entry, &CHOICES), span);
            }
            "priority" => {
                let number: Option<u8> = reader.number(entry, 1..=255, "a priority");
                draft.priority = Field::from(number.and_then(|number| Priority::new(number).ok()), span);
            }
            "advert-interval" => {
                let allowed = Duration::from_millis(10)..=Duration::from_secs(255);
                draft.advert_interval = Field::from(reader.duration(entry, allowed, "a time"), span);
            }
            "preempt" => {
                if reader.flag(entry) == Some(false) {
                    draft.no_preempt = Some(entry.key_span.to(span));
                }
            }
            "addresses" => {
                draft.addresses = addresses(reader, entry);
                if entry.value.as_array().is_none_or(|array| !array.is_empty()) {
                    draft.addresses_at = Some(entry.key_span);
                }
            }
            "excluded-addresses" => draft.excluded = addresses(reader, entry),
            "source" => draft.multicast_source = Field::from(reader.address_v4(entry), span),
            "peers" => {
                draft.unicast = Some(entry.key_span);
                for element in reader.elements(entry) {
                    let peer = reader.address_v4(element);
                    draft.peers.extend(peer.map(|peer| Spanned::new(peer, element.span)));
                }
            }
            "group" => draft.group = Field::from(reader.address_v4(entry), span),
            "password" => {
                reader.report.files_mut().hide(span);
                if let Some(text) = reader.text(entry, "a password") {
                    draft.password = Field::Set(Spanned::new(text.to_owned(), span));
                    draft.authentication = Field::Set(Spanned::new(Authentication::Password, span));
                }
            }
            "track-interfaces" => draft.track_interfaces = tracks(reader, entry, "an interface"),
            "track-scripts" => draft.track_scripts = tracks(reader, entry, "the name of a script"),
            "announce" => draft.announcements = announce(reader, entry),
            _ => draft.notify = notify(reader, entry),
        }
    }
    reader.draft.instances.push(draft);
}

/// Addresses as text, or as tables where there is more to say of one.
fn addresses(reader: &mut Reader<'_>, entry: Entry<'_>) -> Vec<Spanned<VirtualAddress>> {
    let elements = reader.elements(entry);
    elements.into_iter().filter_map(|element| Some(Spanned::new(address(reader, element)?, element.span))).collect()
}

fn address(reader: &mut Reader<'_>, element: Entry<'_>) -> Option<VirtualAddress> {
    let DeValue::Table(table) = element.value else { return plain(reader, element) };
    let entries = reader.entries(table, &ADDRESS, "of an address");
    let Some(entry) = entries.iter().find(|entry| entry.key == "address") else {
        reader.missing(element.span, "this entry", "address");
        return None;
    };
    let mut address = plain(reader, *entry)?;
    for entry in entries {
        match entry.key {
            "address" => {}
            "interface" => address.interface = Some(reader.interface(entry)?),
            "label" => match reader.text(entry, "a label").filter(|label| label.len() <= 15) {
                Some(label) if address.address.is_ipv4() => address.label = Some(label.to_owned()),
                Some(_) | None => reader.bad(entry, "a label of 1 to 15 bytes, for an IPv4 address"),
            },
            "broadcast" => address.broadcast = broadcast(reader, entry, &address),
            _ => {
                const CHOICES: [(&str, u8); 4] = [("global", 0), ("site", 200), ("link", 253), ("host", 254)];
                address.scope = reader.choice(entry, &CHOICES).unwrap_or(0);
            }
        }
    }
    Some(address)
}

/// `"192.0.2.1"` or `"192.0.2.1/24"`.
fn plain(reader: &mut Reader<'_>, entry: Entry<'_>) -> Option<VirtualAddress> {
    let text = entry.value.as_str().unwrap_or("");
    let (address, prefix) = match text.split_once('/') {
        Some((address, prefix)) => (address, Some(prefix)),
        None => (text, None),
    };
    let parsed = IpAddr::from_str(address).ok().and_then(|address| {
        let longest = if address.is_ipv4() { 32 } else { 128 };
        let prefix_len = match prefix {
            None => longest,
            Some(prefix) => u8::from_str(prefix).ok().filter(|length| (1..=longest).contains(length))?,
        };
        Some(VirtualAddress::new(address, prefix_len))
    });
    if parsed.is_none() {
        reader.bad(entry, "an address such as \"192.0.2.1\" or \"192.0.2.1/24\"");
    }
    parsed
}

/// An address, or `"auto"`: the last of the prefix.
fn broadcast(reader: &mut Reader<'_>, entry: Entry<'_>, address: &VirtualAddress) -> Option<Ipv4Addr> {
    match (address.address, entry.value.as_str()) {
        (IpAddr::V4(own), Some("auto")) => {
            let host = u32::MAX.checked_shr(u32::from(address.prefix_len)).unwrap_or(0);
            Some(Ipv4Addr::from_bits(own.to_bits() | host))
        }
        (IpAddr::V4(_), _) => reader.address_v4(entry),
        (IpAddr::V6(_), _) => {
            reader.bad(entry, "nothing: IPv6 has no broadcast");
            None
        }
    }
}

/// Names, or tables with a name and a weight.
fn tracks(reader: &mut Reader<'_>, entry: Entry<'_>, what: &str) -> Vec<TrackDraft> {
    let mut found = Vec::new();
    for element in reader.elements(entry) {
        let DeValue::Table(table) = element.value else {
            let name = reader.text(element, what);
            let name = name.map(|name| Spanned::new(name.to_owned(), element.span));
            found.extend(name.map(|name| TrackDraft { name, weight: None }));
            continue;
        };
        let entries = reader.entries(table, &["name", "weight"], "of what is tracked");
        let Some(name) = top::name(reader, &entries, element.span, "this entry") else { continue };
        let weight = entries.iter().find(|entry| entry.key == "weight").and_then(|entry| {
            reader.number(*entry, -253..=253, "a weight").map(|weight| Spanned::new(weight, entry.span))
        });
        found.push(TrackDraft { name, weight });
    }
    found
}

fn announce(reader: &mut Reader<'_>, entry: Entry<'_>) -> AnnouncementsDraft {
    let mut draft = AnnouncementsDraft::default();
    let Some(table) = reader.table(entry) else { return draft };
    for entry in reader.entries(table, &ANNOUNCE, "in `announce`") {
        match entry.key {
            "repeat" => draft.repeat = reader.number(entry, 1..=1_000, "a count"),
            "delay" => draft.delay = reader.duration(entry, Duration::ZERO..=DAY, "a time"),
            "refresh" => draft.refresh = reader.duration(entry, Duration::ZERO..=DAY, "a time"),
            _ => draft.refresh_repeat = reader.number(entry, 1..=1_000, "a count"),
        }
    }
    draft
}

/// `notify = { master = "...", ... }`.
pub(super) fn notify(reader: &mut Reader<'_>, entry: Entry<'_>) -> Notify {
    let mut notify = Notify::default();
    let Some(table) = reader.table(entry) else { return notify };
    for entry in reader.entries(table, &NOTIFY, "in `notify`") {
        let command = reader.command(entry).filter(|words| !words.is_empty());
        let command = command.map(|words| Command { words, user: None });
        match entry.key {
            "master" => notify.master = command,
            "backup" => notify.backup = command,
            "fault" => notify.fault = command,
            "stop" => notify.stop = command,
            _ => notify.any = command,
        }
    }
    notify
}
