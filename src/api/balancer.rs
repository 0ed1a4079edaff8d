//! The balancer's part of a [`Snapshot`](super::Snapshot): services and servers, as the configuration wants them, as their checks
//! find them and as the kernel has them.

use serde::{Deserialize, Serialize};

use super::TimingsView;

/// Services and the kernel's table.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Default)]
pub struct BalancerView {
    /// The table was programmed once since the start, or needs no programming.
    pub ready: bool,
    /// The kernel.
    pub kernel: KernelView,
    /// Services, in the file's order, then foreign ones.
    pub services: Vec<ServiceView>,
    /// Entries of the kernel's table that are not ours.
    pub foreign_services: u32,
    /// Sync daemons that run or should: the master first.
    pub sync_daemons: Vec<SyncDaemonView>,
    /// Steps given to the kernel since the start.
    pub steps_applied: u64,
    /// ... of which failed.
    pub steps_failed: u64,
    /// Steps of the last batch.
    pub last_apply_steps: Option<u64>,
    /// Milliseconds that the last batch took.
    pub last_apply_millis: Option<f64>,
    /// Times that the kernel's table had to be put right after somebody else's edit.
    pub drift_repairs: u64,
    /// Checks whose verdict waits for a second look, since nearly all servers fell silent at once.
    #[serde(default)]
    pub held_checks: u64,
    /// By how much probes began later than they were due.
    #[serde(default)]
    pub probe_lateness: TimingsView,
    /// From a check's verdict to the kernel's acknowledgement of what follows from it.
    #[serde(default)]
    pub verdict_to_kernel: TimingsView,
}

/// The kernel's side.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct KernelView {
    /// IPVS answers.
    pub available: bool,
    /// Its version (`1.2.1`).
    pub version: Option<String>,
    /// Size of its connection table.
    pub connection_table_size: Option<u32>,
    /// What is wrong, and what to do, if something is.
    pub problem: Option<String>,
}

/// One of the kernel's sync daemons, which copy connections from director to director. Each setting is as the kernel has it,
/// or, where the daemon does not run, as the configuration wants it: `None` is the kernel's own choice then.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SyncDaemonView {
    /// `master`: sends connections; `backup`: takes them in.
    pub role: String,
    /// Interface.
    pub interface: String,
    /// Daemons of different numbers do not hear each other.
    pub id: u32,
    /// Bytes of a message at most.
    pub max_length: Option<u16>,
    /// UDP port.
    pub port: Option<u16>,
    /// Time to live of the messages.
    pub ttl: Option<u8>,
    /// Multicast group.
    pub group: Option<String>,
    /// Ours, or somebody else's.
    pub ours: bool,
    /// Runs.
    pub present: bool,
    /// What is wrong with it, if something is.
    pub problem: Option<String>,
}

/// One service.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ServiceView {
    /// The name of the group of addresses that it belongs to.
    #[serde(default)]
    pub group: Option<String>,
    /// `tcp`, `udp`, `sctp` or `fwmark`.
    pub protocol: String,
    /// Address; the mark's number for a fwmark service.
    pub address: String,
    /// Port; 0 with a fwmark service.
    pub port: u16,
    /// `true` for IPv6.
    pub ipv6: bool,
    /// Scheduler's kernel name.
    pub scheduler: String,
    /// Flags as ipvsadm writes them (`sh-port`, `ops`, ...).
    pub flags: Vec<String>,
    /// Persistence in seconds.
    pub persistence_secs: Option<u32>,
    /// Persistence mask as prefix length, where it is not the whole address.
    pub persistence_prefix: Option<u8>,
    /// Persistence mask where it is no prefix (`255.0.255.0`); only somebody else's entry can have one.
    pub persistence_mask: Option<String>,
    /// Persistence engine.
    pub persistence_engine: Option<String>,
    /// Ours, or somebody else's.
    pub ours: bool,
    /// It serves no client: it leads checks of a path to their one server.
    #[serde(default)]
    pub path_check: bool,
    /// In the kernel's table.
    pub present: bool,
    /// Its place in the kernel's own listing, from 0. The order of `ipvsadm -Ln` depends on it.
    pub kernel_position: Option<u32>,
    /// What the kernel refused, if it did.
    pub problem: Option<String>,
    /// Whether enough of its servers are up; `None`: that is not known yet, or the service is not ours.
    #[serde(default)]
    pub quorum: Option<QuorumView>,
    /// Its checks rest: none of its addresses is on this host.
    #[serde(default)]
    pub resting: bool,
    /// Counters; `None` where the kernel was not read.
    pub counters: Option<CountersView>,
    /// Its servers: configured ones in the file's order, then foreign ones.
    pub servers: Vec<ServerView>,
}

/// Whether enough of a service's servers are up.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct QuorumView {
    /// They are not.
    pub lost: bool,
    /// Seconds since it is so.
    pub since_secs: f64,
    /// What the weights of those that are up must add up to, and how far they may be off before it changes.
    pub needed: u32,
    /// `hysteresis`.
    pub hysteresis: u32,
    /// The sorry server that takes new connections now.
    pub sorry_server: Option<String>,
}

/// How a server is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ServerHealth {
    /// All checks agree that it is up.
    Up,
    /// A check says that it is down.
    Down,
    /// Not checked yet.
    Unknown,
    /// It has no checks and counts as up.
    Unchecked,
    /// The sorry server: in charge if its weight is not 0.
    Sorry,
    /// Not in the configuration.
    Foreign,
}

/// One server of a service.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ServerView {
    /// Address.
    pub address: String,
    /// Port.
    pub port: u16,
    /// Forwarding as ipvsadm writes it: `Masq`, `Route`, `Tunnel`, `Local`, `Bypass`.
    pub forwarding: String,
    /// Weight that it has, or would have, in the table now.
    pub weight: u32,
    /// The weight that the configuration gives it; its checks may have changed it. `None`: it is not configured.
    #[serde(default)]
    pub configured_weight: Option<u32>,
    /// In the kernel's table.
    pub present: bool,
    /// Its place in the kernel's own listing of the service, from 0. The order of `ipvsadm -Ln` depends on it.
    pub kernel_position: Option<u32>,
    /// How it is.
    pub health: ServerHealth,
    /// Why, as a sentence.
    pub reason: String,
    /// Seconds since it is so.
    pub since_secs: f64,
    /// Its checks.
    pub checks: Vec<CheckView>,
    /// What keeps new connections from it beside its health, if something does.
    #[serde(default)]
    pub hold: Option<HoldView>,
    /// The operator's weight for it, in place of the configured one.
    #[serde(default)]
    pub operator_weight: Option<u32>,
    /// It returns slowly: seconds until it has its whole weight.
    #[serde(default)]
    pub slow_start_secs: Option<f64>,
    /// What the kernel refused, or what is to be mended of the server though it works.
    pub problem: Option<String>,
    /// Connections that are established.
    pub active_connections: u32,
    /// Connections in other states.
    pub inactive_connections: u32,
    /// Counters; `None` where the kernel was not read.
    pub counters: Option<CountersView>,
}

/// What keeps new connections from a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HoldState {
    /// The operator has it drained: it has connections yet.
    Draining,
    /// The operator had it drained: it is out of the table.
    Drained,
    /// The operator has disabled it: it is out of the table.
    Disabled,
    /// The configuration names it no more: it has connections yet.
    Leaving,
    /// The configuration names it no more, and nothing is kept from it yet: nobody else could take connections.
    ServesOn,
}

/// What keeps new connections from a server, and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct HoldView {
    /// What.
    pub state: HoldState,
    /// Connections that are left, in whatever state; `None`: not counted.
    pub connections: Option<u64>,
    /// Clients that are bound to it and will come back to it.
    pub clients: Option<u64>,
    /// Seconds until it is taken out all the same.
    pub deadline_secs: Option<f64>,
    /// Seconds between two looks at what is left, while it is being emptied: more the longer nothing changes.
    #[serde(default)]
    pub counted_secs: Option<f64>,
}

/// One check.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CheckView {
    /// `TCP 10.0.0.7:80`.
    pub what: String,
    /// `None`: no verdict yet.
    pub ok: Option<bool>,
    /// Last outcome, as a sentence.
    pub reason: String,
    /// Checks done.
    pub runs: u64,
    /// ... that failed.
    pub failures: u64,
    /// Checks that could not be tried for reasons of our own.
    pub not_tried: u64,
    /// Milliseconds that the last one took.
    pub last_millis: Option<f64>,
}

/// Counters of a service or server, as the kernel keeps them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct CountersView {
    /// Connections scheduled.
    pub connections: u64,
    /// Packets in.
    pub packets_in: u64,
    /// Packets out; stays 0 with direct routing and tunnels.
    pub packets_out: u64,
    /// Bytes in.
    pub bytes_in: u64,
    /// Bytes out.
    pub bytes_out: u64,
}
