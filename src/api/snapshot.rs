//! Everything that the daemon knows, at one moment.

use serde::{Deserialize, Serialize};

use super::TimingsView;

/// Everything that the daemon knows, at one moment. Times are seconds before that moment, so that they mean the same on
/// both sides of the socket whatever the clocks do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Snapshot {
    /// The process.
    pub daemon: DaemonView,
    /// The configuration in force.
    pub config: ConfigView,
    /// Virtual routers, in the file's order.
    pub instances: Vec<InstanceView>,
    /// Services and the kernel's table.
    pub balancer: BalancerView,
    /// Kernel settings that we hold.
    pub sysctls: Vec<SysctlView>,
}

/// The process.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DaemonView {
    /// Version of the program.
    pub version: String,
    /// Process id.
    pub pid: u32,
    /// Seconds since its start.
    pub uptime_secs: f64,
    /// Resident memory in bytes.
    pub resident_bytes: u64,
    /// The router loop.
    pub router: LoopView,
    /// The balancer loop.
    pub balancer: LoopView,
}

/// One loop.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Default)]
pub struct LoopView {
    /// Runs now.
    pub running: bool,
    /// Times that it was restarted after a panic.
    pub restarts: u32,
    /// The last panic's message.
    pub last_panic: Option<String>,
    /// How late its deadlines are looked at, where that is measured.
    pub lateness: Option<LatenessView>,
}

/// How late a loop looks at its deadlines, since its start.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, Default)]
pub struct LatenessView {
    /// Deadlines that there were.
    pub deadlines: u64,
    /// Of a hundred, 99 were at most this late; the upper end of a bucket, buckets doubling from 2 µs.
    pub p99_secs: f64,
    /// The worst of all.
    pub worst_secs: f64,
    /// Those over the bound.
    pub late: u64,
    /// The bound, past which it warns.
    pub bound_secs: f64,
}

/// The configuration in force.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ConfigView {
    /// Its file.
    pub file: String,
    /// Seconds since it took force.
    pub loaded_secs: f64,
    /// Warnings that it gave; notes are not counted.
    pub warnings: u32,
    /// Why the last reload was refused, if it was: the daemon runs on with what it had.
    pub refused: Option<String>,
    /// How the last reload went, if there was one.
    #[serde(default)]
    pub last_reload: Option<ReloadView>,
    /// Whether a change of its files reloads it.
    #[serde(default)]
    pub watch: WatchState,
}

/// A reload that was.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ReloadView {
    /// Seconds since its end.
    pub ago_secs: f64,
    /// Who asked for it.
    pub by: ReloadCause,
    /// The same as people read it: `SIGHUP`, `ipvsctl`, `/etc/ipvsd.toml changed`.
    pub cause: String,
    /// It took force; else it was refused, and [`ConfigView::refused`] says why.
    pub applied: bool,
}

/// Who asks for a reload.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ReloadCause {
    /// SIGHUP.
    Signal,
    /// `ipvsctl reload`, or who else speaks to the control socket.
    Command,
    /// The files, whose content changed.
    FileChange,
}

/// Whether the configuration's files are watched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "kebab-case")]
pub enum WatchState {
    /// No.
    #[default]
    Off,
    /// The kernel tells of each change.
    Prompt,
    /// They are looked at every few seconds: inotify is not to be had.
    Polling,
}

/// One virtual router.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct InstanceView {
    /// Its name.
    pub name: String,
    /// `MASTER`, `BACKUP`, `FAULT` or `INIT`, as keepalived's users know them.
    pub state: String,
    /// Why it is in that state, as a sentence.
    pub reason: String,
    /// Seconds since it came into it.
    pub since_secs: f64,
    /// Interface.
    pub interface: String,
    /// Virtual router id.
    pub vrid: u8,
    /// Protocol version, 2 or 3.
    pub version: u8,
    /// Configured priority.
    pub priority: u8,
    /// With weights.
    pub effective_priority: u8,
    /// What all that it watches adds to its priority; the sum is clamped to 1..254, and an owner (255) ignores it.
    pub priority_sum: i32,
    /// Everything that keeps it from running, as sentences.
    pub faults: Vec<String>,
    /// What must answer once before it may start: `script check_haproxy`.
    pub awaited: Vec<String>,
    /// What must succeed once before it may take over, where the configuration wants that.
    pub unproven: Vec<String>,
    /// Its sync group.
    pub group: Option<GroupView>,
    /// Seconds between adverts.
    pub advert_interval_secs: f64,
    /// Source address and priority of the last advert from somebody else, and seconds since.
    pub last_advert: Option<String>,
    /// The last advert from somebody else, in parts.
    pub peer: Option<PeerView>,
    /// It leaves a master of lower priority in place (`nopreempt`).
    #[serde(default)]
    pub no_preempt: bool,
    /// Address that its own adverts leave from, where there is one.
    pub source: Option<String>,
    /// Address of the router that is active, where it is somebody else.
    pub master: Option<String>,
    /// Addresses.
    pub addresses: Vec<AddressView>,
    /// What it watches.
    pub tracks: Vec<TrackView>,
    /// Times that it became active.
    pub became_master: u64,
    /// Adverts sent.
    pub adverts_sent: u64,
    /// Adverts received and accepted.
    pub adverts_received: u64,
    /// Adverts dropped, by reason.
    pub adverts_dropped: Vec<(String, u64)>,
    /// Packets that were lost before they were read.
    #[serde(default)]
    pub unread: UnreadView,
    /// Routes and rules that move with it.
    #[serde(default)]
    pub steering: Vec<SteeringView>,
    /// Others who tell the neighbours now that they have an address of this router, while it is active.
    pub rivals: Vec<RivalView>,
    /// Frames in which others said so, while it was active.
    pub rival_claims: u64,
    /// What happens next if nothing else does, soonest first.
    pub deadlines: Vec<DeadlineView>,
    /// The last changes of its state, the newest first.
    pub history: Vec<TransitionView>,
}

/// Packets that came in on the interface where a virtual router listens, in its family, and were lost because there were
/// more than were read. They may have been for any router there.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnreadView {
    /// Adverts that might have been believed.
    pub adverts: u64,
    /// Packets that no virtual router here can believe: of another number, version or length, or with a wrong checksum.
    pub rest: u64,
}

/// A sync group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupView {
    /// Its name.
    pub name: String,
    /// Weights change its members' priorities.
    pub weighted: bool,
    /// Its members and their states, the router itself too.
    pub members: Vec<(String, String)>,
}

/// Another router of the same number, as its last advert shows it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PeerView {
    /// Its address.
    pub address: String,
    /// Its priority; 0: it said that it leaves.
    pub priority: u8,
    /// Seconds between its adverts.
    pub interval_secs: f64,
    /// Seconds since.
    pub ago_secs: f64,
    /// It would win an election: its priority is higher than ours, or the same and its address is higher.
    pub outranks: bool,
}

/// Somebody else who claims an address of an active router, by ARP or as a neighbour.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RivalView {
    /// The address.
    pub address: String,
    /// Hardware address of the one who claimed it last.
    pub mac: String,
    /// Interface on which that was heard.
    pub interface: String,
    /// Claims that were seen; of a flood not all are.
    pub claims: u64,
    /// Seconds since the first.
    pub since_secs: f64,
    /// Seconds since the last.
    pub ago_secs: f64,
}

/// Something that happens next.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DeadlineView {
    /// `down`: the master counts as gone; `preempt`: one of lower priority is left in place no longer; `advert`: ours
    /// leaves; `announce`, `refresh`: the addresses are announced; `start`: it may start.
    pub what: String,
    /// Seconds until then.
    pub in_secs: f64,
}

/// A change of state.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TransitionView {
    /// From.
    pub from: String,
    /// To.
    pub to: String,
    /// Why, as a sentence.
    pub reason: String,
    /// Seconds since.
    pub ago_secs: f64,
}

/// A route or a rule that moves with a virtual router.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SteeringView {
    /// In the words of `ip route` or `ip rule`.
    pub text: String,
    /// It is on this host now.
    pub present: bool,
    /// What stands in its way.
    pub problem: Option<String>,
}

/// A virtual address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AddressView {
    /// Address and prefix length.
    pub address: String,
    /// Interface.
    pub interface: String,
    /// It is on this host now.
    pub present: bool,
}

/// Something that a virtual router watches.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrackView {
    /// `interface eth0`, `script check_haproxy`.
    pub what: String,
    /// `interface`, `script`, `process`, `file`, `service`, `check` or `BFD session`.
    pub kind: String,
    /// Its name.
    pub name: String,
    /// `None`: not known yet.
    pub ok: Option<bool>,
    /// Its weight; 0: a failure is a fault.
    pub weight: i32,
    /// Its sense is reversed.
    pub reverse: bool,
    /// What it adds to the priority now.
    pub adds: i32,
    /// It keeps the router from running.
    pub fault: bool,
    /// The sync group that it is watched for; `None`: the router's own.
    pub group: Option<String>,
    /// What was seen, as a sentence.
    pub detail: String,
    /// A script that could not be run when the configuration came into force, and counts for nothing.
    #[serde(default)]
    pub disabled: bool,
}

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
    /// What the kernel refused, if it did.
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

/// How a kernel setting stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SysctlState {
    /// It had the value already.
    AlreadyRight,
    /// We wrote it.
    Set,
    /// Somebody changed it since.
    Drifted,
    /// It could not be written.
    Failed,
}

/// A kernel setting that we hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SysctlView {
    /// Dotted name.
    pub name: String,
    /// What it is to be.
    pub wanted: String,
    /// What it is.
    pub actual: Option<String>,
    /// What it was before us.
    pub original: Option<String>,
    /// How it stands.
    pub state: SysctlState,
    /// A sentence where something is amiss.
    pub problem: Option<String>,
}
