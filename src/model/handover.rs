//! How a server of a service comes back and how it goes, beside what its checks say.

use std::time::Duration;

use super::{Config, ServiceConfig};

/// How a server of a service comes back and how it goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Handover {
    /// `drain`: how long a server that a reload removes may go on serving the connections that it has. 0: it is removed at
    /// once, and they are cut off. `None`: as [`Config::drain_of`] says.
    pub drain: Option<Duration>,
    /// `slow_start`: over how long the weight of a server that returns goes up. 0: it has all of it at once.
    pub slow_start: Duration,
}

impl Handover {
    /// `drain` where a file says nothing of it. Long enough for requests, and over before people wonder.
    pub const DRAIN: Duration = Duration::from_secs(30);
}

impl Config {
    /// How long servers of a service have when a reload removes them; of `None`, of one that this configuration does not
    /// name. None at all where a server at weight 0 would have clients refused that others could serve.
    #[must_use]
    pub fn drain_of(&self, service: Option<&ServiceConfig>) -> Duration {
        if service.is_some_and(|service| !service.settings.passes_over_zero()) {
            return Duration::ZERO;
        }
        service.and_then(|service| service.handover.drain).or(self.global.drain).unwrap_or(Handover::DRAIN)
    }
}
