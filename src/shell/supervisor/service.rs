//! What the service manager is told (sd_notify(3)); nothing where there is none.

use std::time::{Duration, Instant};

use sd_notify::NotifyState;

/// The connection to the service manager.
#[derive(Debug)]
pub(super) struct ServiceManager {
    watchdog_interval: Option<Duration>,
    ping_at: Option<Instant>,
    ready: bool,
}

impl ServiceManager {
    /// Learns from the environment whether there is one and whether it wants signs of life.
    pub(super) fn new(now: Instant) -> Self {
        // A third of what systemd allows, so that one ping that was withheld is not the end.
        let watchdog_interval = sd_notify::watchdog_enabled().map(|allowed| allowed / 3);
        Self { watchdog_interval, ping_at: watchdog_interval.map(|interval| now + interval), ready: false }
    }

    /// The table is programmed and the routers run. Said once.
    pub(super) fn ready(&mut self, status: &str) {
        if !self.ready {
            self.ready = true;
            tell(&[NotifyState::Ready, NotifyState::Status(status)]);
        }
    }

    /// A reload begins; [`Self::reloaded`] must follow. While the start lasts, nothing is said: "ready again" would be taken for
    /// "ready".
    pub(super) fn reloading(&self) {
        if !self.ready {
            return;
        }
        if let Ok(monotonic) = NotifyState::monotonic_usec_now() {
            tell(&[NotifyState::Reloading, monotonic]);
        }
    }

    /// The reload is over, whether it was applied or refused.
    pub(super) fn reloaded(&self, status: &str) {
        if self.ready {
            tell(&[NotifyState::Ready, NotifyState::Status(status)]);
        }
    }

    /// A clean stop begins.
    pub(super) fn stopping(&self) {
        tell(&[NotifyState::Stopping]);
    }

    /// When the next sign of life is due.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.ping_at
    }

    /// Whether a sign of life is due now; it is to be given only if both loops answer.
    pub(super) fn ping_due(&mut self, now: Instant) -> bool {
        let (Some(interval), Some(ping_at)) = (self.watchdog_interval, self.ping_at) else { return false };
        let due = now >= ping_at;
        if due {
            self.ping_at = Some(now + interval);
        }
        due
    }

    /// Gives a sign of life.
    pub(super) fn ping(&self) {
        tell(&[NotifyState::Watchdog]);
    }
}

fn tell(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::debug!("the service manager could not be told: {error}");
    }
}
