//! `virtual_ipaddress`: one address a line, with what `ip address add` would be told.

use std::net::{IpAddr, Ipv4Addr};
use std::str::FromStr;

use super::super::diagnostic::{Code, Diagnostic};
use super::super::source::Spanned;
use super::tree::{Children, Statement, Value};
use super::values::{Instead, placeholder};
use super::walk::Walk;
use crate::model::VirtualAddress;

/// A bad address costs itself alone.
const SKIPPED: Instead = Instead("this address is left out, as in keepalived; the others are set");
const LEFT_OUT: Instead = Instead("the word is ignored; the address is set without it");

/// Words that are understood by keepalived and not yet here, and whether a value follows.
const NOT_YET: [(&str, bool); 10] = [
    ("peer", true),
    ("home", false),
    ("-nodad", false),
    ("mngtmpaddr", false),
    ("noprefixroute", false),
    ("autojoin", false),
    ("preferred_lft", true),
    ("no_track", false),
    ("track_group", true),
    ("use_vmac", false),
];

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
    let mut address = parse(walk, first)?;
    let mut words = statement.arguments().peekable();
    while let Some(word) = words.next() {
        let option = word.text;
        if let Some((_, valued)) = NOT_YET.iter().find(|(name, _)| *name == option) {
            let value = if *valued { words.next() } else { None };
            let span = value.map_or(word.span, |value| word.span.to(value.span));
            walk.say(
                Diagnostic::warning(Code::NotYet, span, format!("`{option}` is not done yet"))
                    .help("the address is set without it"),
            );
            continue;
        }
        if !["dev", "label", "brd", "broadcast", "scope"].contains(&option) {
            stray(walk, word);
            continue;
        }
        let Some(value) = words.next() else {
            walk.say(
                Diagnostic::warning(Code::MissingValue, word.span, format!("`{option}` lacks its value"))
                    .help(LEFT_OUT.0),
            );
            break;
        };
        match option {
            "dev" => {
                address.interface = match walk.interface(value, SKIPPED) {
                    Some(interface) => Some(interface),
                    None => return None,
                }
            }
            "label" => address.label = label(walk, value, address.address),
            "scope" => address.scope = scope(walk, value),
            _ => address.broadcast = broadcast(walk, value, &address),
        }
    }
    Some(Spanned::new(address, statement.line().unwrap_or(first.span)))
}

/// `IP[/len]`.
fn parse(walk: &mut Walk<'_>, value: Value<'_>) -> Option<VirtualAddress> {
    let (text, prefix) = match value.text.split_once('/') {
        Some((text, prefix)) => (text, Some(prefix)),
        None => (value.text, None),
    };
    let Ok(address) = IpAddr::from_str(text) else {
        walk.bad(value, "an IP address", SKIPPED);
        return None;
    };
    let longest = if address.is_ipv4() { 32 } else { 128 };
    let prefix_len = match prefix.map(u8::from_str) {
        None => longest,
        Some(Ok(length)) if (1..=longest).contains(&length) => length,
        Some(_) => {
            let instead = Instead("taken as a single address, as in keepalived");
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
        walk.say(
            Diagnostic::warning(Code::UnknownWord, word.span, format!("unknown word `{shown}` after an address"))
                .help_if(super::super::suggest::did_you_mean(
                    word.text,
                    ["dev", "label", "brd", "broadcast", "scope", "peer"],
                ))
                .help(LEFT_OUT.0),
        );
    }
}

fn label(walk: &mut Walk<'_>, value: Value<'_>, address: IpAddr) -> Option<String> {
    if address.is_ipv6() {
        walk.say(Diagnostic::warning(Code::Combination, value.span, "IPv6 addresses have no labels").help(LEFT_OUT.0));
        return None;
    }
    if value.text.is_empty() || value.text.len() > 15 {
        walk.bad(value, "a label of 1 to 15 bytes", LEFT_OUT);
        return None;
    }
    Some(value.text.to_owned())
}

fn scope(walk: &mut Walk<'_>, value: Value<'_>) -> u8 {
    const NAMES: [(&str, u8); 5] = [("global", 0), ("nowhere", 255), ("host", 254), ("link", 253), ("site", 200)];
    match u8::from_str(value.text) {
        Ok(number) => number,
        Err(_) => walk.choice(value, &NAMES, Instead("the scope is global")).unwrap_or(0),
    }
}

fn broadcast(walk: &mut Walk<'_>, value: Value<'_>, address: &VirtualAddress) -> Option<Ipv4Addr> {
    let IpAddr::V4(own) = address.address else {
        walk.say(
            Diagnostic::warning(Code::Combination, value.span, "IPv6 addresses have no broadcast address")
                .help(LEFT_OUT.0),
        );
        return None;
    };
    let mask = u32::MAX.checked_shr(u32::from(address.prefix_len)).unwrap_or(0);
    match value.text {
        "+" => Some(Ipv4Addr::from_bits(own.to_bits() | mask)),
        "-" => Some(Ipv4Addr::from_bits(own.to_bits() & !mask)),
        _ => walk.address_v4(value, "a broadcast address, `+` or `-`", LEFT_OUT),
    }
}
