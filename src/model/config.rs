//! A whole configuration, as both languages mean it: complete, checked, every default filled in.

use std::num::NonZeroU32;
use std::time::Duration;

use super::{
    Check, Fifo, Floor, Group, Handover, Instance, RouterSettings, Rules, ServerKey, ServerSettings, ServiceKey,
    ServiceSettings, SyncDaemon, SyncGroup, TrackCheck, TrackFile, TrackProcess, TrackScript, TrackService, UpDown,
};

/// A whole configuration.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Config {
    /// What concerns the daemon as a whole.
    pub global: Global,
    /// What concerns all virtual routers.
    pub router: RouterSettings,
    /// Scripts that virtual routers watch, by name.
    pub scripts: Vec<TrackScript>,
    /// Processes that they watch, by name.
    pub processes: Vec<TrackProcess>,
    /// Files that they watch, by name.
    pub files: Vec<TrackFile>,
    /// Services that they watch, by name.
    pub watched_services: Vec<TrackService>,
    /// Checks that they watch, by name.
    pub checks: Vec<TrackCheck>,
    /// Virtual routers; names are unique.
    pub instances: Vec<Instance>,
    /// Virtual routers that move together.
    pub sync_groups: Vec<SyncGroup>,
    /// Virtual services; keys are unique, those of groups too.
    pub services: Vec<ServiceConfig>,
    /// `net.*` settings that the configuration names, in order. Those that services need (`ip_forward`, ...) are not
    /// here: they are derived.
    pub sysctls: Vec<Sysctl>,
}

/// What concerns the daemon as a whole.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Global {
    /// `router_id`: this host's name in messages.
    pub router_id: Option<String>,
    /// Every entry of the kernel's table is ours: entries that the configuration does not name are removed
    /// (`lvs_flush`; `exclusive = true`).
    pub exclusive: bool,
    /// What a clean stop does with the entries that we made.
    pub on_stop: OnStop,
    /// `nftables_ipvs`: packets to the addresses of a group are marked, and the group is one service.
    pub group_marks: Option<GroupMarks>,
    /// `net_namespace_ipvs`: the network namespace, by its name in `/run/netns`, whose IPVS table is programmed. `None`: the daemon's
    /// own. Everything else (checks, virtual routers, settings) stays in the daemon's own.
    pub ipvs_namespace: Option<String>,
    /// What to do where services are configured and the kernel has no IPVS.
    pub ipvs_missing: IpvsMissing,
    /// `lvs_timeouts`.
    pub timeouts: Timeouts,
    /// `lvs_sync_daemon`.
    pub sync_daemon: Option<SyncDaemon>,
    /// `lvs_drain`: [`Handover::drain`] of services that say nothing of it.
    pub drain: Option<Duration>,
    /// `lvs_notify_fifo`: told of servers and services that come and go.
    pub service_fifo: Option<Fifo>,
    /// `rs_init_notifies`: servers that are up at the start are told of too.
    pub tell_servers_at_start: bool,
    /// `checker_log_all_failures`: [`Check::tells_failures`](super::Check) of checks that say nothing of it.
    pub tells_failures: bool,
    /// `script_user`: who runs scripts that name no user of their own.
    pub script_user: Option<RunAs>,
    /// `enable_script_security`: refuse scripts run as root that others could have written.
    pub script_security: bool,
    /// Leave `ip_forward` and `ip_nonlocal_bind` alone even where services need them.
    pub keep_sysctls: bool,
    /// The first of the [`PathProbe::MARKS`](super::PathProbe::MARKS) marks that checks of paths may use; `None`:
    /// [`PathProbe::FIRST_MARK`](super::PathProbe::FIRST_MARK).
    pub path_marks: Option<NonZeroU32>,
    /// Reload when the content of a file that the configuration was read from changes.
    pub watch: bool,
}

/// How packets to the addresses of a group are marked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupMarks {
    /// The table of nftables that does it.
    pub table: String,
    /// The priority of its chain.
    pub priority: i32,
    /// The first of the marks.
    pub first: NonZeroU32,
}

impl GroupMarks {
    /// The table's name unless another is written.
    pub const TABLE: &'static str = "keepalived_ipvs";
    /// The priority unless another is written.
    pub const PRIORITY: i32 = -1;
    /// The first mark unless another is written.
    pub const FIRST: NonZeroU32 = NonZeroU32::MIN.saturating_add(999);
}

impl Default for GroupMarks {
    fn default() -> Self {
        Self { table: Self::TABLE.to_owned(), priority: Self::PRIORITY, first: Self::FIRST }
    }
}

/// What a clean stop does with the kernel's entries that we made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnStop {
    /// Remove them, as keepalived does.
    #[default]
    Remove,
    /// Leave them: connections go on, unchecked.
    Keep,
    /// Remove them and everybody else's too (`lvs_flush_on_stop`).
    Flush,
}

/// What to do where services are configured and the kernel has no IPVS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum IpvsMissing {
    /// Run the virtual routers, say so in `show`, and try again now and then.
    #[default]
    KeepRouting,
    /// Refuse to start.
    Fail,
}

/// Connection timeouts of the kernel in seconds; `None` leaves the kernel's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Timeouts {
    /// Established TCP.
    pub tcp_secs: Option<NonZeroU32>,
    /// TCP after FIN.
    pub tcp_fin_secs: Option<NonZeroU32>,
    /// UDP.
    pub udp_secs: Option<NonZeroU32>,
}

/// Who runs a script: names as written, looked up when it runs.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct RunAs {
    /// User name or number.
    pub user: String,
    /// Group name or number; the user's own if none.
    pub group: Option<String>,
}

/// A service with its servers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceConfig {
    /// Which service; of a group, the first.
    pub key: ServiceKey,
    /// It stands for several addresses.
    pub group: Option<Box<Group>>,
    /// How it is to be.
    pub settings: ServiceSettings,
    /// `quorum`: what the weights of the servers that are up must add up to; 1 unless written.
    pub quorum: u32,
    /// `floor`: how many servers stay in the table whatever checks say. `None`: those that are up, be it none.
    pub floor: Option<Floor>,
    /// How its servers come back and how they go.
    pub handover: Handover,
    /// What else holds for its servers together.
    pub rules: Box<Rules>,
    /// Its servers, in the file's order; keys are unique.
    pub servers: Vec<ServerConfig>,
}

/// A server of a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerConfig {
    /// Which server. Its port may be 0: that of the packet then. [`ServiceConfig::entry`] says what the kernel is told.
    pub key: ServerKey,
    /// How it is to be while it is up.
    pub settings: ServerSettings,
    /// `inhibit_on_failure`: a failed server stays in the table at weight 0 and keeps its connections.
    pub inhibit_on_failure: bool,
    /// `alpha`: counts as down until a check has succeeded.
    pub alpha: bool,
    /// `notify_up`, `notify_down`.
    pub notify: Option<Box<UpDown>>,
    /// All must agree that it is up. None: it is always up.
    pub checks: Vec<Check>,
}

/// One kernel setting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sysctl {
    /// Dotted name as `sysctl` takes it (`net.ipv4.vs.conntrack`); `/` in place of a dot inside an interface's name.
    pub name: String,
    /// Value to write.
    pub value: String,
}
