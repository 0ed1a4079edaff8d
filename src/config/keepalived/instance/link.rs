//! `use_vmac` and `use_ipvlan`.

use std::net::IpAddr;
use std::str::FromStr;

use crate::config::diagnostic::{Code, Diagnostic};
use crate::config::draft::{InstanceDraft, LinkDraft, LinkKind};
use crate::config::keepalived::tree::{Statement, Value};
use crate::config::keepalived::values::{IGNORED, Instead};
use crate::config::keepalived::walk::Walk;
use crate::model::IpvlanFlag;

const NAMED: Instead = Instead("a name is chosen, as if none were written");

/// Words about interfaces of the router's own.
pub(super) fn word(walk: &mut Walk<'_>, instance: &mut InstanceDraft, statement: Statement<'_>) -> bool {
    let Some(span) = statement.span() else { return true };
    match statement.name() {
        "vmac_xmit_base" => instance.send_from_base = Some(span),
        "use_vmac_addr" => instance.link_for_addresses = Some(span),
        name @ ("use_vmac" | "use_ipvlan") => {
            if instance.link.is_some() {
                walk.say(
                    Diagnostic::warning(Code::Repeated, span, "a router has one interface of its own")
                        .help("this one counts; the one above does not"),
                );
            }
            instance.link = if name == "use_vmac" { vmac(walk, statement) } else { ipvlan(walk, statement) };
        }
        _ => return false,
    }
    true
}

fn empty(statement: Statement<'_>, kind: LinkKind) -> Option<LinkDraft> {
    Some(LinkDraft { span: statement.line()?, name: None, group: None, kind })
}

/// `use_vmac [[name] NAME] [MAC] [netlink_notify_msg] [group N]`.
fn vmac(walk: &mut Walk<'_>, statement: Statement<'_>) -> Option<LinkDraft> {
    let mut link = empty(statement, LinkKind::Vmac(None))?;
    let mut words = statement.arguments();
    while let Some(word) = words.next() {
        if common(walk, &mut link, word, &mut words) {
            continue;
        }
        match (word.text, mac(word.text)) {
            ("netlink_notify_msg", _) => {}
            (_, Some(mac)) => link.kind = LinkKind::Vmac(Some(mac)),
            (text, None) if text.contains(':') => {
                walk.bad(word, "a MAC address of 5 or 6 bytes, not a multicast one", Instead("the usual one is used"));
            }
            (text, None) => {
                if matches!(text, "on" | "yes" | "true" | "1") {
                    walk.say(
                        Diagnostic::note(Code::BadValue, word.span, format!("the VMAC's interface is called `{text}`"))
                            .help(
                                "`use_vmac` is no switch: what follows it is a name; alone it makes an interface too",
                            ),
                    );
                }
                link.name = walk.interface(word, NAMED);
            }
        }
    }
    Some(link)
}

/// `use_ipvlan [[name] NAME] [ADDRESS] [bridge|private|vepa] [group N]`.
fn ipvlan(walk: &mut Walk<'_>, statement: Statement<'_>) -> Option<LinkDraft> {
    let mut link = empty(statement, LinkKind::Ipvlan(None, IpvlanFlag::Bridge))?;
    let (mut address, mut flag) = (None, IpvlanFlag::Bridge);
    let mut words = statement.arguments();
    while let Some(word) = words.next() {
        if common(walk, &mut link, word, &mut words) {
            continue;
        }
        match word.text {
            "bridge" => flag = IpvlanFlag::Bridge,
            "private" => flag = IpvlanFlag::Private,
            "vepa" => flag = IpvlanFlag::Vepa,
            text if text.contains([':', '/']) || IpAddr::from_str(text).is_ok() => {
                address = prefix(text);
                if address.is_none() {
                    walk.bad(word, "an IP address, maybe with a prefix length", IGNORED);
                }
            }
            _ => link.name = walk.interface(word, NAMED),
        }
    }
    link.kind = LinkKind::Ipvlan(address, flag);
    Some(link)
}

/// `name NAME` and `group N`.
fn common<'t>(
    walk: &mut Walk<'_>,
    link: &mut LinkDraft,
    word: Value<'t>,
    words: &mut impl Iterator<Item = Value<'t>>,
) -> bool {
    if !matches!(word.text, "name" | "group") {
        return false;
    }
    match (word.text, words.next()) {
        ("name", Some(name)) => link.name = walk.interface(name, NAMED),
        (_, Some(group)) => link.group = walk.fits(group, 0..=i64::from(u32::MAX), "a group of interfaces", IGNORED),
        (_, None) => walk.say(
            Diagnostic::warning(Code::MissingValue, word.span, format!("`{}` lacks its value", word.text))
                .help("taken as if it were not there"),
        ),
    }
    true
}

/// Five or six bytes; none of a group of hosts.
fn mac(text: &str) -> Option<Vec<u8>> {
    let bytes: Option<Vec<u8>> = text
        .split(':')
        .map(|byte| u8::from_str_radix(byte, 16).ok().filter(|_| byte.len() <= 2 && !byte.starts_with('+')))
        .collect();
    bytes.filter(|bytes| (5..=6).contains(&bytes.len()) && bytes.first().is_some_and(|first| first & 1 == 0))
}

fn prefix(text: &str) -> Option<(IpAddr, u8)> {
    let (text, length) = match text.split_once('/') {
        Some((text, length)) => (text, Some(length)),
        None => (text, None),
    };
    let address = IpAddr::from_str(text).ok()?;
    let longest = if address.is_ipv4() { 32 } else { 128 };
    let length = match length {
        Some(length) => u8::from_str(length).ok().filter(|length| *length <= longest)?,
        None => longest,
    };
    Some((address, length))
}
