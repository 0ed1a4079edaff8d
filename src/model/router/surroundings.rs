//! What concerns all virtual routers of a host.

use std::net::IpAddr;
use std::time::Duration;

use super::{Fifo, Route, Rule, VirtualAddress};

/// What concerns all virtual routers of a host.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[allow(clippy::struct_excessive_bools, reason = "independent words of the language")]
pub struct RouterSettings {
    /// `vrrp_startup_delay`: routers start this long after the daemon.
    pub startup_delay: Duration,
    /// `vrrp_delay_after_boot`: ... and this long after the host; the later of the two counts.
    pub delay_after_boot: Duration,
    /// `log_unknown_vrids`.
    pub log_unknown_vrids: bool,
    /// `disable_local_igmp`: the kernel does not report which groups of 224.0.0.0/24 are joined.
    pub no_igmp: bool,
    /// `interface_up_down_delays`.
    pub interface_delays: Vec<InterfaceDelay>,
    /// `garp_group`: interfaces that share a spacing of announcements.
    pub garp_groups: Vec<GarpGroup>,
    /// `notify_fifo`: told of everything.
    pub notify_fifo: Option<Fifo>,
    /// `vrrp_notify_fifo`: told of routers and groups.
    pub router_fifo: Option<Fifo>,
    /// `fifo_write_vrrp_states_on_reload`.
    pub fifo_states_on_reload: bool,
    /// How the router loop runs.
    pub scheduling: Scheduling,
    /// `nftables`: name of the table that `no_accept` and VMACs need; `keepalived` if none.
    pub firewall_table: Option<String>,
    /// `nftables_priority`: of its base chains; -1 if none.
    pub firewall_priority: Option<i32>,
    /// `vmac_prefix`: what names of routers' own links begin with, where they are chosen; `vrrp` if none.
    pub vmac_prefix: Option<String>,
    /// `vmac_addr_prefix`: the same for links on other interfaces, for addresses there; `vmac_prefix` if none.
    pub vmac_address_prefix: Option<String>,
    /// What stays on the host.
    pub statics: StaticState,
    /// `track_group`: routers that fail with static objects.
    pub track_groups: Vec<TrackGroup>,
}

/// How the router loop is scheduled and kept in memory. All of it is optional; the kernel may refuse each.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Scheduling {
    /// `vrrp_priority`: nice level, -20 to 19.
    pub nice: Option<i8>,
    /// `vrrp_rt_priority`: `SCHED_RR` priority, 1 to 99.
    pub realtime: Option<u8>,
    /// `vrrp_rlimit_rttime`: microseconds that it may run without sleeping, under `realtime`.
    pub realtime_limit_micros: Option<u64>,
    /// `vrrp_cpu_affinity`: processors, by number.
    pub processors: Vec<u16>,
    /// `vrrp_no_swap`: lock the process in memory.
    pub lock_memory: bool,
    /// Lateness of the loop past which it warns; `None`: ours.
    pub lateness_warning: Option<Duration>,
}

/// `interface_up_down_delays`: changes count only if they last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InterfaceDelay {
    /// Interface.
    pub interface: String,
    /// Until "down" counts.
    pub down: Duration,
    /// Until "up" counts.
    pub up: Duration,
}

/// `garp_group`: interfaces behind one narrow way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GarpGroup {
    /// `garp_interval`: least time between two gratuitous ARPs on all of them together.
    pub arp_interval: Duration,
    /// `gna_interval`: least time between two neighbour advertisements.
    pub na_interval: Duration,
    /// The interfaces.
    pub interfaces: Vec<String>,
}

/// `static_ipaddress`, `static_routes`, `static_rules`: put on at start, put back when lost, taken off at a stop.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct StaticState {
    /// Addresses; each names its interface.
    pub addresses: Vec<VirtualAddress>,
    /// Routes.
    pub routes: Vec<Route>,
    /// Rules.
    pub rules: Vec<Rule>,
}

/// `track_group`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrackGroup {
    /// Its name.
    pub name: String,
    /// Names of routers.
    pub members: Vec<String>,
}

/// `lvs_sync_daemon`: the kernel's copying of connections from the active director to the others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SyncDaemon {
    /// Interface that it speaks on.
    pub interface: String,
    /// Router whose state it follows: `master` while active, `backup` otherwise. `None`: both run all the time.
    pub instance: Option<String>,
    /// `id`; the router's VRID, else 0, if none.
    pub id: Option<u8>,
    /// `maxlen`: bytes of a message.
    pub max_len: Option<u16>,
    /// `port`.
    pub port: Option<u16>,
    /// `ttl`.
    pub ttl: Option<u8>,
    /// `group`.
    pub group: Option<IpAddr>,
}
