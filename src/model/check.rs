//! A health check of one server: what to try, how often, and how much patience to have.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

/// One check of one server.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Check {
    /// What is tried.
    pub kind: CheckKind,
    /// `delay_loop`: from one check to the next while nothing is amiss.
    pub interval: Duration,
    /// `retry`: failures in a row, after the first, that are forgiven while the server is up.
    pub retry: u32,
    /// `delay_before_retry`: from a failure to the next try.
    pub retry_interval: Duration,
    /// `warmup`: the first check starts at a random moment within this time. `None`: nobody asked for a slow start, so
    /// the first check comes within the first second.
    pub warmup: Option<Duration>,
}

/// What a check tries.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum CheckKind {
    /// `TCP_CHECK`: the connection is accepted.
    Tcp(Connect),
}

/// Where and how a connection is tried.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Connect {
    /// `connect_ip`, `connect_port`: whom to call; the server itself unless said otherwise.
    pub target: SocketAddr,
    /// `bindto`: source address.
    pub source_address: Option<IpAddr>,
    /// `bind_port`: source port.
    pub source_port: Option<u16>,
    /// `bind_if`: only through this interface.
    pub interface: Option<String>,
    /// `fwmark` of the probe's own packets.
    pub mark: Option<u32>,
    /// `connect_timeout`: how long the connection may take.
    pub timeout: Duration,
}
