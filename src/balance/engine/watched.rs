//! Services that virtual routers watch: how many of their servers carry traffic, told whenever that changes.
//!
//! A server counts as up if its checks say so. One about which nothing is known yet counts as long as it was found in the
//! kernel's table with a weight: clients are sent to it. So a daemon that starts beside live traffic, or whose balancer loop
//! was started again, reports no outage that is none; and one that starts with an empty table reports no server until checks
//! have found one. One whose checks this host does not let be made is up where it gets connections for all that; and as long as
//! servers that the file names no more serve on, they are counted, up to the number of those that it names. One that the operator
//! drains or has disabled is not up; nor is one that failed and only stays because of the service's floor.

use std::collections::BTreeMap;

use super::{Balancer, Life, Output};
use crate::balance::engine::kernel::Kernel;
use crate::balance::{Health, Standing};
use crate::model::{ServerConfig, ServiceKey, Weight};

/// How a service stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ServiceHealth {
    /// Servers that are configured.
    pub servers: u32,
    /// Those among them that are up.
    pub up: u32,
    /// The weights of those that are up, with what their checks add, added together.
    pub weight_up: u64,
    /// What `weight_up` must come to.
    pub quorum: u32,
}

/// What was told of whom.
#[derive(Debug, Clone, Default)]
pub(super) struct Watched {
    told: BTreeMap<ServiceKey, Option<Option<ServiceHealth>>>,
    /// Something happened that may have changed a number.
    stirred: bool,
    /// The table was read for the configuration in force, or turned out not to be there.
    table_known: bool,
    /// It was read once at least, for whatever configuration.
    pub(super) was_read: bool,
    /// It is known as it was read last, and not merely taken to be empty.
    pub(super) is_observed: bool,
}

impl Balancer {
    /// A new configuration is in force. Services that go on being watched are told again only if they change.
    pub(super) fn watch_services(&mut self) {
        let mut before = std::mem::take(&mut self.watched.told);
        let watched = self.roster.config.watched_services.iter().map(|watched| watched.service);
        self.watched.told = watched.map(|key| (key, before.remove(&key).flatten())).collect();
        self.watched.table_known = false;
        self.stir();
    }

    /// A verdict or the table is new.
    pub(super) fn stir(&mut self) {
        self.watched.stirred = true;
    }

    /// The table was read for the configuration in force, or turned out not to be there.
    pub(super) fn is_table_known(&self) -> bool {
        match self.kernel {
            Kernel::Reading { .. } => self.watched.table_known,
            Kernel::Applying { .. } => !self.look_again,
            // Where there is no table that is known; one that cannot be read may hold anything.
            Kernel::Away { missing, .. } => missing || self.watched.was_read,
            Kernel::Unneeded | Kernel::Known => true,
        }
    }

    /// Tells what is different.
    pub(super) fn tell_services(&mut self) {
        match self.life {
            Life::Running if !self.is_table_known() => return,
            Life::Running => self.watched.table_known = true,
            Life::Stopping | Life::Stopped => return,
        }
        if !std::mem::take(&mut self.watched.stirred) || self.watched.told.is_empty() {
            return;
        }
        let mut told = std::mem::take(&mut self.watched.told);
        for (key, before) in &mut told {
            let health = self.service_health(*key);
            if *before != Some(health) {
                *before = Some(health);
                self.outputs.push_back(Output::ServiceHealth(*key, health));
            }
        }
        self.watched.told = told;
    }

    fn service_health(&self, key: ServiceKey) -> Option<ServiceHealth> {
        let (service, standing) = self.roster.verdicts(self.roster.place(key)?)?;
        let table = &self.observed.services;
        // A group whose packets are marked is another service to the kernel.
        let key = service.keys().find(|other| *other == key).or_else(|| service.keys().next()).unwrap_or(key);
        let found = table.get(&key);
        let carries = |server: &ServerConfig, known: Standing| match known.health {
            Health::Up | Health::Unchecked => true,
            Health::Down => false,
            Health::Unknown if known.is_trusted(server) => true,
            Health::Unknown => {
                let server = service.entry(key, server).and_then(|entry| found?.server(entry));
                server.is_some_and(|settings| settings.is_none_or(|settings| settings.weight != Weight::ZERO))
            }
        };
        let mut sum = ServiceHealth { servers: 0, up: 0, weight_up: 0, quorum: service.quorum };
        for (place, server) in service.servers.iter().enumerate() {
            sum.servers += 1;
            let known: Standing = standing(place);
            let Standing { weight, held, .. } = known;
            // To the operator it is not there.
            if held.is_none() && carries(server, known) {
                sum.up += 1;
                sum.weight_up += u64::from(weight.unwrap_or(server.settings.weight).value());
            }
        }
        // Servers that the file names no more and that serve on are there for clients, and are no more than those that are named.
        if let Some(found) = found {
            for (_, weight) in self.serving_on(key, found) {
                sum.up = sum.servers.min(sum.up + 1);
                sum.weight_up += u64::from(weight.value());
            }
        }
        Some(sum)
    }
}
