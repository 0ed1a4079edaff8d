//! Names of tables, protocols, scopes and realms: those built into iproute2, and those of the host's own files.

use std::path::Path;

use super::number;
use crate::config::source::Sources;

/// Where iproute2 looks for names; the host's own come first.
const FOLDERS: [&str; 3] = ["/etc/iproute2", "/usr/share/iproute2", "/usr/lib/iproute2"];
/// `RT_TABLE_*`.
const TABLES: [(&str, u32); 4] = [("unspec", 0), ("default", 253), ("main", 254), ("local", 255)];
/// `RTPROT_*`, and what iproute2 adds to it.
const PROTOCOLS: [(&str, u32); 20] = [
    ("unspec", 0),
    ("redirect", 1),
    ("kernel", 2),
    ("boot", 3),
    ("static", 4),
    ("gated", 8),
    ("ra", 9),
    ("mrt", 10),
    ("zebra", 11),
    ("bird", 12),
    ("dnrouted", 13),
    ("xorp", 14),
    ("ntk", 15),
    ("dhcp", 16),
    ("keepalived", 18),
    ("babel", 42),
    ("bgp", 186),
    ("isis", 187),
    ("ospf", 188),
    ("rip", 189),
];
/// `RT_SCOPE_*`.
pub(in crate::config) const SCOPES: [(&str, u8); 5] =
    [("global", 0), ("nowhere", 255), ("host", 254), ("link", 253), ("site", 200)];
/// Protocols over IP that rules are written with.
const IP_PROTOCOLS: [(&str, u32); 8] = [
    ("icmp", 1),
    ("tcp", 6),
    ("udp", 17),
    ("dccp", 33),
    ("gre", 47),
    ("ipv6-icmp", 58),
    ("sctp", 132),
    ("udplite", 136),
];

/// Looks names up.
#[derive(Clone, Copy)]
pub(in crate::config) struct Names<'s> {
    sources: &'s dyn Sources,
}

impl<'s> Names<'s> {
    pub(in crate::config) fn new(sources: &'s dyn Sources) -> Self {
        Self { sources }
    }

    pub(super) fn table(self, text: &str) -> Option<u32> {
        self.named(text, &TABLES, "rt_tables")
    }

    pub(super) fn protocol(self, text: &str) -> Option<u8> {
        self.named(text, &PROTOCOLS, "rt_protos").and_then(|number| u8::try_from(number).ok())
    }

    pub(super) fn scope(self, text: &str) -> Option<u8> {
        let known = SCOPES.map(|(name, number)| (name, u32::from(number)));
        self.named(text, &known, "rt_scopes").and_then(|number| u8::try_from(number).ok())
    }

    pub(super) fn tos(self, text: &str) -> Option<u8> {
        self.named(text, &[], "rt_dsfield").and_then(|number| u8::try_from(number).ok())
    }

    pub(super) fn group(self, text: &str) -> Option<u32> {
        self.named(text, &[("default", 0)], "group")
    }

    pub(super) fn ip_protocol(text: &str) -> Option<u8> {
        let name = text.to_ascii_lowercase();
        let known = IP_PROTOCOLS.iter().find(|(known, _)| *known == name).map(|(_, number)| i64::from(*number));
        known.or_else(|| number(text)).and_then(|number| u8::try_from(number).ok())
    }

    /// `[FROM/]TO`, as the kernel packs both into one number (`RTA_FLOW`).
    pub(super) fn realms(self, text: &str) -> Option<u32> {
        let realm = |text: &str| self.named(text, &[("cosmos", 0)], "rt_realms").filter(|realm| *realm <= 0xffff);
        match text.split_once('/') {
            Some((from, to)) => Some(realm(from)? << 16 | realm(to)?),
            None => realm(text),
        }
    }

    fn named(self, text: &str, known: &[(&str, u32)], file: &str) -> Option<u32> {
        if let Some(number) = number(text) {
            return u32::try_from(number).ok();
        }
        known.iter().find(|(name, _)| *name == text).map(|(_, number)| *number).or_else(|| self.of_host(text, file))
    }

    /// `NUMBER NAME`, one a line.
    fn of_host(self, text: &str, file: &str) -> Option<u32> {
        FOLDERS.iter().find_map(|folder| {
            let bytes = self.sources.read(&Path::new(folder).join(file)).ok()?;
            let content = String::from_utf8_lossy(&bytes).into_owned();
            content.lines().find_map(|line| {
                let mut words = line.split_whitespace();
                let value = number(words.next()?)?;
                (words.next()? == text).then(|| u32::try_from(value).ok())?
            })
        })
    }
}
