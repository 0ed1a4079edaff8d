//! When a router may start, and when it may take over from another one.

use std::time::Instant;

use super::instance::Entry;
use super::{Event, Output, Router, Waiting};

impl Router {
    /// Works out when virtual routers may start: `vrrp_startup_delay` counts from our start, `vrrp_delay_after_boot` from
    /// the host's, and the later time counts.
    pub(super) fn delay_start(&mut self, now: Instant) {
        let told = &self.config.router;
        let after_boot = told.delay_after_boot.saturating_sub(self.uptime);
        let delay = told.startup_delay.max(after_boot);
        self.not_before = (!delay.is_zero()).then(|| now + delay);
        if !delay.is_zero() && !self.config.instances.is_empty() {
            let waiting = Waiting::Delay { delay, after_boot: after_boot > told.startup_delay };
            self.outputs.push_back(Output::Event(Event::Waiting(waiting)));
        }
    }

    /// A router that waits for its checks (`wait_for_checks`) leaves another master in place until each has succeeded once.
    pub(super) fn is_ready_to_lead(&self, entry: &Entry) -> bool {
        !entry.config.election.wait_for_checks || self.has_proven_itself(entry)
    }
}
