//! Addresses.

use std::net::{IpAddr, Ipv4Addr};
use std::str::FromStr;
use std::time::Duration;

use ::toml::de::DeValue;

use super::super::read::{Entry, Reader};
use crate::config::diagnostic::{Code, Diagnostic};
use crate::config::ip::SCOPES;
use crate::config::source::Spanned;
use crate::model::{Preferred, VirtualAddress};

const ADDRESS: [&str; 15] = [
    "address",
    "interface",
    "label",
    "broadcast",
    "scope",
    "peer",
    "preferred",
    "home",
    "no-dad",
    "manage-temporary",
    "no-prefix-route",
    "auto-join",
    "use-vmac",
    "track",
    "track-group",
];

/// Addresses as text, or as tables where there is more to say of one.
pub(in crate::config::toml) fn list(reader: &mut Reader<'_>, entry: Entry<'_>) -> Vec<Spanned<VirtualAddress>> {
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
            "scope" if address.address.is_ipv6() => reader.say(Diagnostic::error(
                Code::Combination,
                entry.span,
                "an IPv6 address has the scope that is in it, and the kernel gives it no other; leave `scope` out",
            )),
            "scope" => address.scope = scope(reader, entry),
            "peer" => peer(reader, entry, &mut address),
            "preferred" => address.preferred = preferred(reader, entry),
            "home" => address.options.home = v6(reader, entry, &address),
            "no-dad" => address.options.no_dad = v6(reader, entry, &address),
            "manage-temporary" => address.options.manage_temporary = v6(reader, entry, &address),
            "no-prefix-route" => address.options.no_prefix_route = reader.flag(entry).unwrap_or(false),
            "auto-join" => address.options.auto_join = reader.flag(entry).unwrap_or(false),
            "use-vmac" => address.on_virtual_link = reader.flag(entry).unwrap_or(false),
            "track" => address.track = reader.flag(entry).unwrap_or(true),
            _ => address.track_group = reader.text(entry, "the name of a track group").map(str::to_owned),
        }
    }
    Some(address)
}

/// A name, or a number as the kernel has it.
fn scope(reader: &mut Reader<'_>, entry: Entry<'_>) -> u8 {
    let scope = match entry.value {
        DeValue::Integer(_) => reader.number(entry, 0..=255, "a scope"),
        DeValue::String(_)
        | DeValue::Float(_)
        | DeValue::Boolean(_)
        | DeValue::Datetime(_)
        | DeValue::Array(_)
        | DeValue::Table(_) => reader.choice(entry, &SCOPES),
    };
    scope.unwrap_or(0)
}

/// A flag that IPv6 alone has.
fn v6(reader: &mut Reader<'_>, entry: Entry<'_>, address: &VirtualAddress) -> bool {
    let flag = reader.flag(entry).unwrap_or(false);
    if flag && address.address.is_ipv4() {
        reader.bad(entry, "nothing: this is for IPv6 addresses");
    }
    flag && address.address.is_ipv6()
}

/// The other end of the link, whose prefix length is that of the address.
fn peer(reader: &mut Reader<'_>, entry: Entry<'_>, address: &mut VirtualAddress) {
    let Some(other) = plain(reader, entry) else { return };
    if other.address.is_ipv4() != address.address.is_ipv4() {
        reader.bad(entry, "a peer of the address's family");
        return;
    }
    address.peer = Some(other.address);
    address.prefix_len = other.prefix_len;
}

/// `"forever"` or a time in whole seconds.
fn preferred(reader: &mut Reader<'_>, entry: Entry<'_>) -> Option<Preferred> {
    if entry.value.as_str() == Some("forever") {
        return Some(Preferred::Forever);
    }
    let longest = Duration::from_secs(u64::from(u32::MAX - 1));
    let time = reader.duration(entry, Duration::ZERO..=longest, "\"forever\", or a time")?;
    u32::try_from(time.as_secs()).ok().map(Preferred::Secs)
}

/// `"192.0.2.1"` or `"192.0.2.1/24"`.
pub(super) fn plain(reader: &mut Reader<'_>, entry: Entry<'_>) -> Option<VirtualAddress> {
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
