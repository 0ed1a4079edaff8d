//! What the engine knows, for those who show it or act for it.

use std::sync::Arc;

use super::kernel::Kernel;
use super::{Balancer, Counts, KernelState};
use crate::balance::ledger::Ledger;
use crate::balance::paths;
use crate::balance::roster::{ServerStatus, ServiceStatus};
use crate::balance::table::Table;
use crate::balance::trouble::Subject;
use crate::model::{Config, PathProbe, ServiceKey};

impl Balancer {
    /// The kernel leads a path's packets to its server, as far as we know.
    #[must_use]
    pub fn is_paved(&self, probe: &PathProbe) -> bool {
        paths::is_paved(probe, self.observed.services.get(&probe.service()))
    }

    /// The service is there for checks of paths alone.
    #[must_use]
    pub fn is_path(&self, service: ServiceKey) -> bool {
        self.roster.paths.contains_key(&service)
    }

    /// The configuration in force.
    #[must_use]
    pub fn config(&self) -> &Arc<Config> {
        &self.roster.config
    }

    /// Which entries are ours.
    #[must_use]
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// The kernel's table as far as we know.
    #[must_use]
    pub fn observed(&self) -> &Table {
        &self.observed
    }

    /// Counters since the start.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// What the kernel refused about a service, a server, the timeouts or a sync daemon.
    #[must_use]
    pub fn problem(&self, subject: Subject) -> Option<&str> {
        self.troubles.problem(subject)
    }

    /// The servers of the service at this place of [`Config::services`].
    #[must_use]
    pub fn servers(&self, place: usize) -> Vec<ServerStatus<'_>> {
        let Ok(number) = u32::try_from(place) else { return Vec::new() };
        let mut servers = self.roster.statuses(number);
        if let Some(service) = self.roster.config.services.get(place) {
            for server in &mut servers {
                server.wish = self.handovers.wishes.get((service.key, server.config.key)).copied();
            }
        }
        servers
    }

    /// How the service at this place of [`Config::services`] stands as a whole; `None`: that is not known yet.
    #[must_use]
    pub fn service(&self, place: usize) -> Option<ServiceStatus> {
        self.roster.service_status(u32::try_from(place).ok()?)
    }

    /// How we stand with the kernel.
    #[must_use]
    pub fn kernel_state(&self) -> KernelState<'_> {
        match &self.kernel {
            Kernel::Unneeded => KernelState::Unneeded,
            Kernel::Reading { .. } | Kernel::Known | Kernel::Applying { .. } => KernelState::Available,
            Kernel::Away { reason, .. } => KernelState::Away(reason),
        }
    }
}
