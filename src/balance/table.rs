//! A table of services and their servers, wished for or found in the kernel.

use std::collections::BTreeMap;

use super::daemons::SyncDaemons;
use super::drain::Loads;
use crate::model::{ServerKey, ServerSettings, ServiceKey, ServiceSettings};

/// The kernel's connection timeouts in seconds (`IPVS_CMD_ATTR_TIMEOUT_*`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TimeoutSeconds {
    /// Established TCP.
    pub tcp: u32,
    /// TCP after FIN.
    pub tcp_fin: u32,
    /// UDP.
    pub udp: u32,
}

/// A table.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Table {
    /// Services by key.
    pub services: BTreeMap<ServiceKey, Service>,
    /// Timeouts, where they were read.
    pub timeouts: Option<TimeoutSeconds>,
    /// Sync daemons, where they were read.
    pub daemons: Option<SyncDaemons>,
    /// What servers had to do when they were read: those that are asked for, and had anything.
    pub loads: Loads,
    /// Clients that persistence binds to a server at weight 0 are given another (`net.ipv4.vs.expire_quiescent_template`).
    pub expires_quiescent: bool,
}

/// A service of a table.
///
/// Settings are `None` where the kernel holds some that have no name in [`crate::model`] (a scheduler of somebody's own, an
/// unknown flag). They equal nothing that can be wished for, so an entry of ours is edited back.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Service {
    /// How it is.
    pub settings: Option<ServiceSettings>,
    /// One that comes or goes must not move all others: a service may have a hundred thousand.
    servers: BTreeMap<ServerKey, Option<ServerSettings>>,
}

impl Service {
    /// A service with these servers, in any order. Of two with the same key the last counts.
    #[must_use]
    pub fn new(settings: Option<ServiceSettings>, servers: Vec<(ServerKey, Option<ServerSettings>)>) -> Self {
        // A dump taken while somebody adds servers can show one twice.
        Self { settings, servers: servers.into_iter().collect() }
    }

    /// Its servers in the order of their keys.
    #[must_use]
    pub fn servers(&self) -> &BTreeMap<ServerKey, Option<ServerSettings>> {
        &self.servers
    }

    /// A server: `None` if it is not there, `Some(None)` if its settings have no name here.
    #[must_use]
    pub fn server(&self, key: ServerKey) -> Option<Option<&ServerSettings>> {
        self.servers.get(&key).map(Option::as_ref)
    }

    /// Adds a server, or gives it new settings.
    pub fn put(&mut self, key: ServerKey, settings: ServerSettings) {
        self.servers.insert(key, Some(settings));
    }

    /// Adds a server as it was read; `None`: its settings have no name here.
    pub fn take_in(&mut self, key: ServerKey, settings: Option<ServerSettings>) {
        self.servers.insert(key, settings);
    }

    /// Removes a server if it is there.
    pub fn remove(&mut self, key: ServerKey) {
        self.servers.remove(&key);
    }
}
