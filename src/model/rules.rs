//! Which servers carry traffic, where that is for all servers of a service together to say: the quorum's margin, the server
//! of last resort, rest while the address is elsewhere, and who is told.

use std::net::IpAddr;

use super::{Command, ServerConfig};

/// Scripts of something that comes and goes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct UpDown {
    /// `notify_up`, `quorum_up`: it has come.
    pub up: Option<Command>,
    /// `notify_down`, `quorum_down`: it has gone.
    pub down: Option<Command>,
}

impl UpDown {
    /// Nobody is told.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.up.is_none() && self.down.is_none()
    }
}

/// When the checks of a service rest.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Suspend {
    /// Never.
    #[default]
    Never,
    /// `ha_suspend`: while none of its own addresses is on this host.
    WithoutOwn,
    /// While none of these is on this host: for services of marks, which have no address.
    Without(Vec<IpAddr>),
}

/// What holds for the servers of a service together, beside the quorum itself.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Rules {
    /// `hysteresis`: the quorum is lost only this much below it, and won only this much above; less than the quorum.
    pub hysteresis: u32,
    /// `sorry_server`: takes all new connections while the quorum is lost. With `inhibit_on_failure`
    /// (`sorry_server_inhibit`) it stays in the table at weight 0 otherwise. It has no checks.
    pub sorry: Option<Box<ServerConfig>>,
    /// `ha_suspend`.
    pub suspend: Suspend,
    /// `omega`: a stop tells of servers and quorum as if they went down.
    pub omega: bool,
    /// `quorum_up`, `quorum_down`.
    pub notify: UpDown,
}
