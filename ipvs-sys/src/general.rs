//! What belongs to the whole namespace: the sync daemons, the connection timeouts, the version.

use crate::name::InterfaceName;
use std::fmt;
use std::net::IpAddr;

/// Which half of connection synchronisation a daemon does. Both may run at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SyncRole {
    /// Sends connections to the others.
    Master,
    /// Takes connections from the others.
    Backup,
}

impl fmt::Display for SyncRole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Master => "master",
            Self::Backup => "backup",
        })
    }
}

/// A connection synchronisation daemon, as it is to be started or as it runs.
///
/// What is `None` when starting takes the kernel's default: group 224.0.0.81, port 8848, TTL 1, and a length that follows the
/// interface's MTU. The kernel reports all of them (Linux 4.3 and later).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SyncDaemon {
    /// Sending or receiving.
    pub role: SyncRole,
    /// The interface that carries the messages.
    pub interface: InterfaceName,
    /// Daemons with different identities do not hear each other. 0..=255; a backup with 0 hears all.
    pub sync_id: u32,
    /// The longest UDP payload, in bytes.
    pub max_length: Option<u16>,
    /// The multicast group.
    pub group: Option<IpAddr>,
    /// The first UDP port.
    pub port: Option<u16>,
    /// The TTL or hop limit of the messages.
    pub ttl: Option<u8>,
}

impl SyncDaemon {
    /// A daemon of this role on this interface, all else by default.
    #[must_use]
    pub fn new(role: SyncRole, interface: InterfaceName, sync_id: u32) -> Self {
        Self { role, interface, sync_id, max_length: None, group: None, port: None, ttl: None }
    }
}

/// How long a connection without packets is remembered, in seconds.
///
/// When setting them, 0 leaves the present value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Timeouts {
    /// Established TCP.
    pub tcp_secs: u32,
    /// TCP after a FIN.
    pub tcp_fin_secs: u32,
    /// UDP.
    pub udp_secs: u32,
}

/// What the kernel says of its IPVS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Info {
    /// The version of IPVS; 1.2.1 for more than a decade.
    pub version: Version,
    /// Buckets of the connection hash table.
    pub connection_table_size: u32,
}

/// A version, such as 1.2.1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version {
    /// The first number.
    pub major: u8,
    /// The second.
    pub minor: u8,
    /// The third.
    pub patch: u8,
}

impl Version {
    /// Reads `NVERSION(major, minor, patch)` of the kernel: 0x00MMmmpp.
    #[must_use]
    pub fn from_number(number: u32) -> Self {
        let [_, major, minor, patch] = number.to_be_bytes();
        Self { major, minor, patch }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}
