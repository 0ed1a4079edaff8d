//! Routes that move with a router, or stay on the host.

use std::net::IpAddr;

use super::super::Family;
use super::encapsulation::Encapsulation;

/// `RT_TABLE_MAIN`.
const MAIN: u32 = 254;
/// Keepalived's own number in iproute2's `rt_protos`.
const PROTOCOL: u8 = 18;

/// A route (`virtual_routes`, `static_routes`), as `ip route` would take it. Numbers are the kernel's
/// (include/uapi/linux/rtnetlink.h).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// Family.
    pub family: Family,
    /// What it does with a packet.
    pub kind: RouteKind,
    /// Destination and prefix length; `default` is the unspecified address and 0.
    pub to: (IpAddr, u8),
    /// `from`, source prefix (IPv6).
    pub from: Option<(IpAddr, u8)>,
    /// `src`: preferred source.
    pub source: Option<IpAddr>,
    /// Where to: one hop, or several with weights. Empty: `dev` of none (blackhole and its like).
    pub hops: Vec<NextHop>,
    /// Table; 254 (main) unless written. With `vrf`, that one's in its place.
    pub table: u32,
    /// `vrf`: the interface of a routing domain (include/net/l3mdev.h), whose table it is.
    pub vrf: Option<String>,
    /// `tos`.
    pub tos: u8,
    /// `protocol`: who made it; 18 (keepalived's own in `rt_protos`) unless written.
    pub protocol: u8,
    /// `scope`; `None`: as `ip route` chooses.
    pub scope: Option<u8>,
    /// `metric`.
    pub metric: Option<u32>,
    /// `expires` (IPv6), seconds.
    pub expires_secs: Option<u32>,
    /// `mtu`, `hoplimit`, ...: number, and whether it is locked.
    pub metrics: Vec<(RouteMetric, u32, bool)>,
    /// `congctl`: congestion control's name, and whether it is locked.
    pub congestion_control: Option<(String, bool)>,
    /// `pref` (IPv6, RFC 4191).
    pub preference: Option<RouterPreference>,
    /// `ttl-propagate enabled|disabled`.
    pub ttl_propagate: Option<bool>,
    /// Where among its equals.
    pub placing: Placing,
    /// `no_track` is not written: where its interface fails, so does the router.
    pub track: bool,
    /// `track_group` (static routes): routers that fail with its interface.
    pub track_group: Option<String>,
}

impl Route {
    /// A route for what goes to a network, in the main table, without a hop yet.
    #[must_use]
    pub fn new(to: (IpAddr, u8)) -> Self {
        Self {
            family: Family::of(to.0),
            kind: RouteKind::Unicast,
            to,
            from: None,
            source: None,
            hops: Vec::new(),
            table: MAIN,
            vrf: None,
            tos: 0,
            protocol: PROTOCOL,
            scope: None,
            metric: None,
            expires_secs: None,
            metrics: Vec::new(),
            congestion_control: None,
            preference: None,
            ttl_propagate: None,
            placing: Placing::Prepend,
            track: true,
            track_group: None,
        }
    }
}

/// What a route does with a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RouteKind {
    /// Forwards it.
    Unicast,
    /// Delivers it here.
    Local,
    /// Delivers it here as a broadcast.
    Broadcast,
    /// Multicast.
    Multicast,
    /// Any of several.
    Anycast,
    /// Drops it.
    Blackhole,
    /// Answers "unreachable".
    Unreachable,
    /// Answers "prohibited".
    Prohibit,
    /// Goes on with the next rule.
    Throw,
}

/// One way of a route.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NextHop {
    /// `via`; it may be of another family than the route.
    pub via: Option<IpAddr>,
    /// `dev`; the router's own interface where neither `via` nor `dev` is written for a kind that needs one.
    pub interface: Option<String>,
    /// `weight`, 1 to 256; 0: not written.
    pub weight: u16,
    /// `onlink`.
    pub on_link: bool,
    /// `realms`: from and to.
    pub realms: Option<u32>,
    /// `encap`.
    pub encapsulation: Option<Encapsulation>,
}

/// A number of a route (`RTAX_*`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum RouteMetric {
    /// Bytes.
    Mtu,
    /// Hops.
    HopLimit,
    /// Bytes.
    AdvMss,
    /// Milliseconds; the kernel counts eighths.
    Rtt,
    /// Milliseconds; the kernel counts quarters.
    RttVar,
    /// Segments.
    Reordering,
    /// Bytes.
    Window,
    /// Segments.
    Cwnd,
    /// Segments.
    SsThresh,
    /// Milliseconds.
    RtoMin,
    /// Segments.
    InitCwnd,
    /// Segments.
    InitRwnd,
    /// `RTAX_FEATURE_*`.
    Features,
    /// 0 or 1.
    QuickAck,
    /// 0 or 1.
    FastOpenNoCookie,
}

/// Preference of a router (RFC 4191 section 2.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RouterPreference {
    /// `low`.
    Low,
    /// `medium`.
    Medium,
    /// `high`.
    High,
}

/// Where a route goes among those that differ from it in nothing that the kernel compares.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Placing {
    /// It must not be there.
    Add,
    /// Before them.
    #[default]
    Prepend,
    /// Behind them.
    Append,
}
