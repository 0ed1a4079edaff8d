//! A whole configuration, as both languages mean it: complete, checked, every default filled in.

use std::num::NonZeroU32;

use super::{
    Check, Floor, Group, Instance, RouterSettings, ServerKey, ServerSettings, ServiceKey, ServiceSettings, SyncDaemon,
    SyncGroup, TrackCheck, TrackFile, TrackProcess, TrackScript, TrackService,
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
    /// What to do where services are configured and the kernel has no IPVS.
    pub ipvs_missing: IpvsMissing,
    /// `lvs_timeouts`.
    pub timeouts: Timeouts,
    /// `lvs_sync_daemon`.
    pub sync_daemon: Option<SyncDaemon>,
    /// `script_user`: who runs scripts that name no user of their own.
    pub script_user: Option<RunAs>,
    /// `enable_script_security`: refuse scripts run as root that others could have written.
    pub script_security: bool,
    /// Leave `ip_forward` and `ip_nonlocal_bind` alone even where services need them.
    pub keep_sysctls: bool,
    /// Reload when the content of a file that the configuration was read from changes.
    pub watch: bool,
}

/// What a clean stop does with the kernel's entries that we made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnStop {
    /// Remove them, as keepalived does.
    #[default]
    Remove,
    /// Leave them: connections go on, unchecked.
    Keep,
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
#[derive(Debug, Clone, PartialEq, Eq)]
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
