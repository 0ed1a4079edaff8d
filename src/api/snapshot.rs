//! Everything that the daemon knows, at one moment.

use serde::{Deserialize, Serialize};

use super::BalancerView;

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
