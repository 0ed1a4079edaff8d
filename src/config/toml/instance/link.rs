//! `vmac = { ... }` and `ipvlan = { ... }`.

use ::toml::de::DeValue;

use super::super::read::{Entry, Reader};
use super::addresses;
use crate::config::draft::{InstanceDraft, LinkDraft, LinkKind};
use crate::model::IpvlanFlag;

const VMAC: [&str; 5] = ["name", "mac", "group", "send-from-base", "for-addresses"];
const IPVLAN: [&str; 4] = ["name", "address", "mode", "group"];

/// `true`, or a table with more to say.
pub(super) fn vmac(reader: &mut Reader<'_>, draft: &mut InstanceDraft, entry: Entry<'_>) {
    let mut link = LinkDraft { span: entry.key_span, name: None, group: None, kind: LinkKind::Vmac(None) };
    if let DeValue::Boolean(wanted) = entry.value {
        if *wanted {
            set(reader, draft, link, entry);
        }
        return;
    }
    let Some(table) = reader.table(entry) else { return };
    for entry in reader.entries(table, &VMAC, "in `vmac`") {
        match entry.key {
            "name" => link.name = reader.interface(entry),
            "mac" => link.kind = LinkKind::Vmac(mac(reader, entry)),
            "group" => link.group = reader.number(entry, 0..=i64::from(u32::MAX), "a group of interfaces"),
            "send-from-base" => {
                draft.send_from_base = (reader.flag(entry) == Some(true)).then_some(entry.key_span);
            }
            _ => draft.link_for_addresses = (reader.flag(entry) == Some(true)).then_some(entry.key_span),
        }
    }
    set(reader, draft, link, entry);
}

/// A table, maybe an empty one.
pub(super) fn ipvlan(reader: &mut Reader<'_>, draft: &mut InstanceDraft, entry: Entry<'_>) {
    const MODES: [(&str, IpvlanFlag); 3] =
        [("bridge", IpvlanFlag::Bridge), ("private", IpvlanFlag::Private), ("vepa", IpvlanFlag::Vepa)];
    let (mut name, mut group, mut address, mut flag) = (None, None, None, IpvlanFlag::Bridge);
    let Some(table) = reader.table(entry) else { return };
    for entry in reader.entries(table, &IPVLAN, "in `ipvlan`") {
        match entry.key {
            "name" => name = reader.interface(entry),
            "address" => address = addresses::plain(reader, entry).map(|it| (it.address, it.prefix_len)),
            "mode" => flag = reader.choice(entry, &MODES).unwrap_or(flag),
            _ => group = reader.number(entry, 0..=i64::from(u32::MAX), "a group of interfaces"),
        }
    }
    let link = LinkDraft { span: entry.key_span, name, group, kind: LinkKind::Ipvlan(address, flag) };
    set(reader, draft, link, entry);
}

fn set(reader: &mut Reader<'_>, draft: &mut InstanceDraft, link: LinkDraft, entry: Entry<'_>) {
    if draft.link.is_some() {
        reader.bad(entry, "nothing: a router has a `vmac` or an `ipvlan`");
    }
    draft.link = Some(link);
}

fn mac(reader: &mut Reader<'_>, entry: Entry<'_>) -> Option<Vec<u8>> {
    let text = entry.value.as_str().unwrap_or("");
    let bytes: Option<Vec<u8>> = text
        .split(':')
        .map(|byte| u8::from_str_radix(byte, 16).ok().filter(|_| byte.len() == 2 && !byte.starts_with('+')))
        .collect();
    let found = bytes.filter(|bytes| bytes.len() == 6 && bytes.first().is_some_and(|first| first & 1 == 0));
    if found.is_none() {
        reader.bad(entry, "a MAC address such as \"02:00:00:00:00:01\", not a multicast one");
    }
    found
}
