//! How services stand as a whole: whether they have their quorum, and whether their checks rest.

use std::time::Instant;

use super::{Roster, number};
use crate::balance::desired::ServiceStanding;
use crate::balance::quorum::{Quorum, Thresholds};
use crate::model::ServiceConfig;

/// A service as a whole, for those who show it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ServiceStatus {
    /// Whether enough of its servers are up.
    pub quorum: Quorum,
    /// Since when.
    pub since: Instant,
    /// Its sorry server takes new connections.
    pub sorry: bool,
    /// Its checks rest, since its address is elsewhere.
    pub resting: bool,
}

/// What a service's quorum is measured by.
pub(in crate::balance) fn thresholds(service: &ServiceConfig) -> Thresholds {
    Thresholds { quorum: service.quorum, hysteresis: service.rules.hysteresis }
}

impl Roster {
    /// How a service's quorum stands; `None`: never weighed yet.
    pub(in crate::balance) fn quorum(&self, service: u32) -> Option<Quorum> {
        self.services.get(service as usize)?.quorum
    }

    pub(in crate::balance) fn set_quorum(&mut self, service: u32, quorum: Quorum, now: Instant) {
        if let Some(state) = self.services.get_mut(service as usize)
            && state.quorum.replace(quorum) != Some(quorum)
        {
            state.quorum_since = now;
            self.mark(service);
        }
    }

    /// The services whose checks may rest, as configured, and whether they do.
    pub(in crate::balance) fn suspended(&self) -> impl Iterator<Item = (u32, &ServiceConfig, bool)> {
        self.suspended.iter().filter_map(|place| {
            let state = self.services.get(*place as usize)?;
            Some((*place, self.config.services.get(*place as usize)?, state.resting))
        })
    }

    /// The checks of a service rest from now on, or go on.
    pub(in crate::balance) fn set_resting(&mut self, service: u32, resting: bool) {
        if let Some(state) = self.services.get_mut(service as usize) {
            state.resting = resting;
            self.mark(service);
            self.stir(service);
        }
    }

    /// The checks of a service, by number; one that several servers share comes several times.
    pub(in crate::balance) fn checks_of_service(&self, service: u32) -> Vec<u32> {
        let Some(state) = self.services.get(service as usize) else { return Vec::new() };
        let servers = self.config.services.get(service as usize).map_or(0, |service| service.servers.len());
        let first_check = |server: u32| {
            self.servers.get(server as usize).map_or(self.made_by.len(), |server| server.first_check as usize)
        };
        let checks = first_check(state.first_server)..first_check(state.first_server + number(servers));
        self.made_by.get(checks).map(<[u32]>::to_vec).unwrap_or_default()
    }

    /// A check may not start, since all services that have it rest.
    pub(in crate::balance) fn is_resting(&self, check: u32) -> bool {
        let rests = |server: &u32| {
            let server = self.servers.get(*server as usize);
            server.and_then(|server| self.services.get(server.service as usize)).is_some_and(|service| service.resting)
        };
        self.users_of(check).iter().all(rests)
    }

    /// How a service stands, for those who show it.
    pub(in crate::balance) fn service_status(&self, place: u32) -> Option<ServiceStatus> {
        let state = self.services.get(place as usize)?;
        let sorry = self.config.services.get(place as usize)?.rules.sorry.is_some();
        Some(ServiceStatus {
            quorum: state.quorum?,
            since: state.quorum_since,
            sorry: sorry && state.quorum == Some(Quorum::Lost),
            resting: state.resting,
        })
    }

    /// How a service stands as a whole. One that was never weighed stands well.
    pub(in crate::balance) fn standing(&self, place: u32) -> ServiceStanding {
        let state = self.services.get(place as usize);
        ServiceStanding {
            quorum: state.and_then(|state| state.quorum).unwrap_or(Quorum::Up),
            resting: state.is_some_and(|state| state.resting),
        }
    }
}
