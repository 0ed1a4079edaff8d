//! `virtual_ipaddress`: one address a line, with what `ip address add` would be told.

use std::net::{IpAddr, Ipv4Addr};
use std::str::FromStr;

use super::super::diagnostic::{Code, Diagnostic};
use super::super::source::Spanned;
use super::keywords::{self, Place};
use super::tree::{Children, Statement, Value};
use super::values::{Instead, placeholder};
use super::walk::Walk;
use crate::config::ip::SCOPES;
use crate::model::{Preferred, VirtualAddress};

/// A bad address costs itself alone.
const SKIPPED: Instead = Instead("this address is left out, as in keepalived");
const LEFT_OUT: Instead = Instead("the word is ignored; the address is set without it");
/// The most bits of a prefix that leave room for a broadcast address.
const LONGEST_WITH_BROADCAST: u8 = 30;

/// The addresses of a block.
pub(super) fn list(walk: &mut Walk<'_>, children: Children<'_>) -> Vec<Spanned<VirtualAddress>> {
    children.filter_map(|statement| one(walk, statement)).collect()
}

fn one(walk: &mut Walk<'_>, statement: Statement<'_>) -> Option<Spanned<VirtualAddress>> {
    if let Some(brace) = statement.block() {
        walk.say(
            Diagnostic::warning(Code::Block, brace, "a block among addresses")
                .help("ignored with all that it holds; put one address on each line"),
        );
    }
    let first = statement.word(0)?;
    let mut address = parse(walk, first, SKIPPED)?;
    let mut words = statement.arguments();
    while let Some(word) = words.next() {
        let option = word.text;
        match option {
            "home" => address.options.home = v6(walk, word, &address),
            "-nodad" | "nodad" => address.options.no_dad = v6(walk, word, &address),
            "mngtmpaddr" => address.options.manage_temporary = v6(walk, word, &address),
            "noprefixroute" => address.options.no_prefix_route = true,
            "autojoin" => address.options.auto_join = true,
            "no_track" => address.track = false,
            "use_vmac" => address.on_virtual_link = true,
            _ if keywords::find(Place::Address, option).is_none() => stray(walk, word),
            _ => valued(walk, &mut address, word, words.next())?,
        }
    }
    Some(Spanned::new(address, statement.line().unwrap_or(first.span)))
}

/// A word with a value. None: the address is left out.
fn valued(walk: &mut Walk<'_>, address: &mut VirtualAddress, word: Value<'_>, value: Option<Value<'_>>) -> Option<()> {
    let option = word.text;
    let Some(value) = value else {
        walk.say(
            Diagnostic::warning(Code::MissingValue, word.span, format!("`{option}` lacks its value")).help(SKIPPED.0),
        );
        return None;
    };
    match option {
        "dev" => address.interface = Some(walk.interface(value, SKIPPED)?),
        "label" => address.label = label(walk, value, address.address)?,
        "scope" if address.address.is_ipv6() => {
            let message = "an IPv6 address has the scope that is in it, and the kernel gives it no other";
            walk.say(Diagnostic::warning(Code::Combination, value.span, message).help(LEFT_OUT.0));
        }
        "scope" => address.scope = scope(walk, value),
        "peer" => peer(walk, value, address),
        "preferred_lft" => address.preferred = preferred(walk, word, value, address),
        "track_group" => address.track_group = Some(value.text.to_owned()),
        _ => address.broadcast = broadcast(walk, value, address)?,
    }
    Some(())
}

/// A flag that IPv6 alone has.
fn v6(walk: &mut Walk<'_>, word: Value<'_>, address: &VirtualAddress) -> bool {
    if address.address.is_ipv4() {
        let message = format!("`{}` is for IPv6 addresses", word.text);
        walk.say(Diagnostic::warning(Code::Combination, word.span, message).help(LEFT_OUT.0));
    }
    address.address.is_ipv6()
}

/// The other end of the link, whose prefix length is that of the address.
fn peer(walk: &mut Walk<'_>, value: Value<'_>, address: &mut VirtualAddress) {
    let Some(other) = parse(walk, value, LEFT_OUT) else { return };
    if other.address.is_ipv4() != address.address.is_ipv4() {
        walk.bad(value, "a peer of the address's family", LEFT_OUT);
        return;
    }
    address.peer = Some(other.address);
    address.prefix_len = other.prefix_len;
}

fn preferred(walk: &mut Walk<'_>, word: Value<'_>, value: Value<'_>, address: &VirtualAddress) -> Option<Preferred> {
    if !v6(walk, word, address) {
        return None;
    }
    if value.text == "forever" {
        return Some(Preferred::Forever);
    }
    walk.fits(value, 0..=i64::from(u32::MAX - 1), "a time in seconds, or `forever`", LEFT_OUT).map(Preferred::Secs)
}

/// `IP[/len]`.
fn parse(walk: &mut Walk<'_>, value: Value<'_>, instead: Instead) -> Option<VirtualAddress> {
    let (text, prefix) = match value.text.split_once('/') {
        Some((text, prefix)) => (text, Some(prefix)),
        None => (value.text, None),
    };
    let Ok(address) = IpAddr::from_str(text) else {
        walk.bad(value, "an IP address", instead);
        return None;
    };
    let longest = if address.is_ipv4() { 32 } else { 128 };
    let prefix_len = match prefix.map(u8::from_str) {
        None => longest,
        Some(Ok(length)) if (1..=longest).contains(&length) => length,
        Some(_) => {
            // Ours has no such network, and nothing but `ip address` shows the difference.
            let none = prefix.is_some_and(|prefix| prefix.bytes().all(|digit| digit == b'0'));
            let instead = Instead(if none {
                "taken as a single address; keepalived sets it with a prefix of 0 bits"
            } else {
                "taken as a single address, as in keepalived"
            });
            walk.bad(value, &format!("an address with a prefix of 1 to {longest} bits"), instead);
            longest
        }
    };
    Some(VirtualAddress::new(address, prefix_len))
}

/// A second address on the line, or a word that means nothing.
fn stray(walk: &mut Walk<'_>, word: Value<'_>) {
    let address = IpAddr::from_str(word.text.split('/').next().unwrap_or("")).is_ok();
    let shown: String = word.text.chars().take(60).collect();
    if placeholder(word.text).is_some() {
        walk.bad(word, "`dev`, `label`, `brd` or `scope`", LEFT_OUT);
    } else if address {
        walk.say(
            Diagnostic::warning(Code::ExtraValue, word.span, format!("a second address `{shown}` on one line"))
                .help("it is left out; give it a line of its own"),
        );
    } else {
        let number = word.text.parse::<u8>().is_ok();
        let form = match word.text {
            "netmask" | "mask" => Some("the prefix length stands behind the address: `192.0.2.1/24`".to_owned()),
            _ if number => {
                Some("the prefix length stands behind the address, without blanks: `192.0.2.1/24`".to_owned())
            }
            text if is_like_an_interface(text) => Some(format!("if the interface is meant, write `dev {text}`")),
            _ => None,
        };
        walk.say(
            Diagnostic::warning(Code::UnknownWord, word.span, format!("unknown word `{shown}` after an address"))
                .help_if(form)
                .help_if(keywords::meant(Place::Address, word.text).map(|meant| format!("did you mean `{meant}`?")))
                .help(LEFT_OUT.0),
        );
    }
}

/// Whether a word has the form of an interface's name: letters, and a number at the end.
fn is_like_an_interface(text: &str) -> bool {
    let plain = text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_'));
    let begins = text.starts_with(|c: char| c.is_ascii_lowercase());
    plain && begins && text.len() < 16 && text.bytes().any(|b| b.is_ascii_digit())
}

/// None: the address is left out.
fn label(walk: &mut Walk<'_>, value: Value<'_>, address: IpAddr) -> Option<Option<String>> {
    if address.is_ipv6() {
        walk.say(Diagnostic::warning(Code::Combination, value.span, "IPv6 addresses have no labels").help(LEFT_OUT.0));
        return Some(None);
    }
    if value.text.is_empty() || value.text.len() > 15 {
        walk.bad(value, "a label of 1 to 15 bytes", SKIPPED);
        return None;
    }
    Some(Some(value.text.to_owned()))
}

fn scope(walk: &mut Walk<'_>, value: Value<'_>) -> u8 {
    match u8::from_str(value.text) {
        Ok(number) => number,
        Err(_) => walk.choice(value, &SCOPES, Instead("the scope is global")).unwrap_or(0),
    }
}

/// None: the address is left out.
fn broadcast(walk: &mut Walk<'_>, value: Value<'_>, address: &VirtualAddress) -> Option<Option<Ipv4Addr>> {
    let IpAddr::V4(own) = address.address else {
        walk.say(
            Diagnostic::warning(Code::Combination, value.span, "IPv6 addresses have no broadcast address")
                .help(LEFT_OUT.0),
        );
        return Some(None);
    };
    if matches!(value.text, "+" | "-") && address.prefix_len > LONGEST_WITH_BROADCAST {
        let message = format!("a network of {} bits has no broadcast address", address.prefix_len);
        walk.say(Diagnostic::warning(Code::Combination, value.span, message).help(
            "the word is ignored, as in keepalived; the address is set without it. Write its prefix: `192.0.2.1/24 brd +`",
        ));
        return Some(None);
    }
    let mask = u32::MAX.checked_shr(u32::from(address.prefix_len)).unwrap_or(0);
    match value.text {
        "+" => Some(Some(Ipv4Addr::from_bits(own.to_bits() | mask))),
        "-" => Some(Some(Ipv4Addr::from_bits(own.to_bits() & !mask))),
        _ => walk.address_v4(value, "a broadcast address, `+` or `-`", SKIPPED).map(Some),
    }
}
