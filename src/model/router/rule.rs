//! Rules that move with a router, or stay on the host.

use std::net::IpAddr;

use super::super::Family;

/// A rule (`virtual_rules`, `static_rules`), as `ip rule` would take it (include/uapi/linux/fib_rules.h).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// Family.
    pub family: Family,
    /// `priority`. Where none is written one is given, downwards from 16384.
    pub priority: u32,
    /// What it does.
    pub action: RuleAction,
    /// `not`: holds for packets that do not match.
    pub invert: bool,
    /// `from`.
    pub from: Option<(IpAddr, u8)>,
    /// `to`.
    pub to: Option<(IpAddr, u8)>,
    /// `tos`.
    pub tos: u8,
    /// `fwmark` and mask.
    pub mark: Option<(u32, Option<u32>)>,
    /// `iif`.
    pub input: Option<String>,
    /// `oif`.
    pub output: Option<String>,
    /// `realms`: from and to.
    pub realms: Option<u32>,
    /// `suppress_prefixlength`.
    pub suppress_prefix_len: Option<u32>,
    /// `suppress_ifgroup`.
    pub suppress_group: Option<u32>,
    /// `tunnel-id`.
    pub tunnel: Option<u64>,
    /// `uidrange`.
    pub users: Option<(u32, u32)>,
    /// `l3mdev`.
    pub l3mdev: bool,
    /// `protocol`: who made it; `None`: 18 (keepalived's own in `rt_protos`).
    pub protocol: Option<u8>,
    /// `ipproto`.
    pub ip_protocol: Option<u8>,
    /// `sport`.
    pub source_ports: Option<(u16, u16)>,
    /// `dport`.
    pub destination_ports: Option<(u16, u16)>,
    /// `no_track` is not written: where its interface fails, so does the router.
    pub track: bool,
    /// `track_group` (static rules): routers that fail with its interface.
    pub track_group: Option<String>,
}

impl Rule {
    /// One that holds for every packet.
    #[must_use]
    pub const fn new(family: Family, priority: u32, action: RuleAction) -> Self {
        Self {
            family,
            priority,
            action,
            invert: false,
            from: None,
            to: None,
            tos: 0,
            mark: None,
            input: None,
            output: None,
            realms: None,
            suppress_prefix_len: None,
            suppress_group: None,
            tunnel: None,
            users: None,
            l3mdev: false,
            protocol: None,
            ip_protocol: None,
            source_ports: None,
            destination_ports: None,
            track: true,
            track_group: None,
        }
    }
}

/// What a rule does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RuleAction {
    /// `lookup` in a table.
    Lookup(u32),
    /// `goto` another rule, by its priority.
    Goto(u32),
    /// `nop`.
    Nop,
    /// Drops.
    Blackhole,
    /// Answers "unreachable".
    Unreachable,
    /// Answers "prohibited".
    Prohibit,
}
