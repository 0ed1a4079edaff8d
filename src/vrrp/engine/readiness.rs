//! When a router may start, and when it may take over from another one.

use std::time::Instant;

use super::Router;
use super::instance::Entry;
use crate::model::Watched;

impl Router {
    /// Works out when virtual routers may start: `vrrp_startup_delay` counts from our start, `vrrp_delay_after_boot` from
    /// the host's, and the later time counts.
    pub(super) fn delay_start(&mut self, now: Instant) {
        let told = &self.config.router;
        let delay = told.startup_delay.max(told.delay_after_boot.saturating_sub(self.uptime));
        self.not_before = (!delay.is_zero()).then(|| now + delay);
    }

    /// Remembers which checks have succeeded once.
    pub(super) fn note_what_is_well(&mut self) {
        for at in 0..self.instances.len() {
            let Some(entry) = self.instances.get(at).filter(|entry| entry.config.election.wait_for_checks) else {
                continue;
            };
            let well: Vec<Watched> = entry
                .config
                .tracks
                .iter()
                .map(|tracked| &tracked.what)
                .filter(|what| self.check_is_well(what) == Some(true))
                .cloned()
                .collect();
            if let Some(entry) = self.instances.get_mut(at) {
                entry.proven.extend(well);
            }
        }
    }

    /// A router that waits for its checks (`wait_for_checks`) leaves another master in place until each has succeeded once.
    pub(super) fn is_ready_to_lead(&self, entry: &Entry) -> bool {
        !entry.config.election.wait_for_checks
            || entry
                .config
                .tracks
                .iter()
                .map(|tracked| &tracked.what)
                .all(|what| entry.proven.contains(what) || self.check_is_well(what).is_none())
    }

    /// Whether a check is well now; `None` for what is no check, but known from the start.
    fn check_is_well(&self, what: &Watched) -> Option<bool> {
        match what {
            Watched::Script(name) => Some(self.script(name).is_some_and(|script| script.verdict.ok() == Some(true))),
            Watched::Interface(_)
            | Watched::Process(_)
            | Watched::File(_)
            | Watched::Service(_)
            | Watched::Check(_)
            | Watched::Bfd(_) => None,
        }
    }
}
