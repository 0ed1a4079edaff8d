//! When a router may start, and when it may take over from another one.

use std::time::Instant;

use super::Router;
use super::instance::Entry;

impl Router {
    /// Works out when virtual routers may start: `vrrp_startup_delay` counts from our start, `vrrp_delay_after_boot` from
    /// the host's, and the later time counts.
    pub(super) fn delay_start(&mut self, now: Instant) {
        let told = &self.config.router;
        let delay = told.startup_delay.max(told.delay_after_boot.saturating_sub(self.uptime));
        self.not_before = (!delay.is_zero()).then(|| now + delay);
    }

    /// A router that waits for its checks (`wait_for_checks`) leaves another master in place until each has succeeded once.
    pub(super) fn is_ready_to_lead(&self, entry: &Entry) -> bool {
        !entry.config.election.wait_for_checks || self.has_proven_itself(entry)
    }
}
