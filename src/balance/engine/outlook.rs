//! What is still to come of a configuration when its steps are done: who waits for a first success, who serves on until others are
//! up, and who finishes what it has.
//!
//! A reload changes the table at once only where nothing has to be awaited. Whoever is told of it, before (`ipvsctl plan`) or after
//! (`ipvsctl reload`), is told of the rest as well: "nothing would change" would not be so where a server enters a second
//! later, and "no connection is cut off" would not where the drain has an end.

use std::collections::BTreeMap;
use std::mem::discriminant;
use std::sync::Arc;
use std::time::Duration;

use super::kernel::Kernel;
use super::{Balancer, Input, Output};
use crate::balance::desired::{Health, Standing};
use crate::balance::drain::Load;
use crate::balance::leaving::{Departure, Leaver};
use crate::balance::naming;
use crate::balance::plan::Plan;
use crate::balance::table::Table;
use crate::model::{Config, ServerConfig, ServerKey, ServiceConfig, Weight};

/// What has to come about before a server's place in the table changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Awaits {
    /// Its checks succeed: then it gets new connections.
    Success,
    /// Those that take its place are up: then it has this time to finish what it has.
    Heirs(Duration),
    /// It has finished what it has, or its time is up.
    End {
        /// What it has; `None`: nobody has counted.
        left: Option<Load>,
        /// The time that it has; `None`: as long as it takes.
        within: Option<Duration>,
    },
}

/// A server that waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pending {
    /// Its service, as people call it.
    pub service: String,
    /// The server, as it is shown.
    pub server: ServerKey,
    /// For what.
    pub awaits: Awaits,
}

/// All that wait.
#[derive(Debug, Clone, Default)]
pub struct Outlook(BTreeMap<Leaver, Pending>);

impl Outlook {
    /// Those that did not wait for the same before.
    #[must_use]
    pub fn beyond(self, before: &Self) -> Vec<Pending> {
        let same = |place: &Leaver, pending: &Pending| {
            let before = before.0.get(place).map(|before| discriminant(&before.awaits));
            before == Some(discriminant(&pending.awaits))
        };
        self.0.into_iter().filter(|(place, pending)| !same(place, pending)).map(|(_, pending)| pending).collect()
    }
}

/// What a configuration would do.
#[derive(Debug, Clone, Default)]
pub struct Foresight {
    /// At once.
    pub plan: Plan,
    /// Later.
    pub pending: Vec<Pending>,
}

impl Balancer {
    /// Who waits now, and for what. What the operator asked for is not in it.
    #[must_use]
    pub fn outlook(&self) -> Outlook {
        let mut all = BTreeMap::new();
        for (place, service) in (0..).zip(&self.roster.config.services) {
            let Some((_, standing)) = self.roster.verdicts(place) else { continue };
            if self.roster.standing(place).resting {
                continue;
            }
            for (nth, server) in service.servers.iter().enumerate() {
                if self.is_to_enter(service, server, standing(nth)) {
                    let server = naming::shown(service, server);
                    let pending = Pending { service: service.title(), server, awaits: Awaits::Success };
                    all.insert((service.key, server), pending);
                }
            }
        }
        let leaving = &self.handovers.leaving;
        for leaver @ (service, server) in leaving.running() {
            let awaits = match leaving.get(service, server) {
                None => continue,
                Some(Departure::ServesOn) => Awaits::Heirs(self.patience(service)),
                Some(Departure::Drains(drain)) => {
                    let within = drain.until.map(|until| until.saturating_duration_since(self.now));
                    Awaits::End { left: drain.left, within }
                }
            };
            all.insert(leaver, Pending { service: service.to_string(), server, awaits });
        }
        Outlook(all)
    }

    /// What a configuration would change in this table, and nothing else happens: it comes into force in an engine that is
    /// this one's double, so that whatever has a say in a reload has it here too.
    #[must_use]
    pub fn foresee(&self, config: &Arc<Config>, table: &Table) -> Foresight {
        let mut double = self.clone();
        double.outputs.clear();
        double.starts.clear();
        double.starting = false;
        double.walk = None;
        double.kernel = match double.kernel {
            Kernel::Unneeded => Kernel::Unneeded,
            // Whatever is on its way is in this table.
            Kernel::Reading { .. } | Kernel::Away { .. } | Kernel::Known | Kernel::Applying { .. } => Kernel::Known,
        };
        double.foresee_routers(config);
        double.handle(Input::Configure(Arc::clone(config)), self.now);
        let mut plan = Plan::default();
        while let Some(output) = double.poll_output() {
            match output {
                Output::Read => double.handle(Input::Read(table.clone()), self.now),
                Output::Apply(first) => {
                    plan = Plan::clone(&first);
                    break;
                }
                Output::StartProbe { .. }
                | Output::CancelProbe(_)
                | Output::ReadPiece { .. }
                | Output::WriteLedger
                | Output::WriteWishes
                | Output::Event(_)
                | Output::Settled
                | Output::Ready
                | Output::Stopped
                | Output::ServiceHealth(..)
                | Output::Notify(_)
                | Output::Fifo(_) => {}
            }
        }
        Foresight { plan, pending: double.outlook().beyond(&self.outlook()) }
    }

    /// It gets nothing yet, and will as soon as its checks say that it is up.
    fn is_to_enter(&self, service: &ServiceConfig, server: &ServerConfig, standing: Standing) -> bool {
        let waits = standing.health == Health::Unknown && !standing.prevented && standing.held.is_none();
        let carries = standing.weight.unwrap_or(server.settings.weight) != Weight::ZERO;
        let serves = |key| {
            let found = self.observed.services.get(&key)?.server(service.entry(key, server)?)?;
            Some(found.is_none_or(|settings| settings.weight != Weight::ZERO))
        };
        waits && carries && !service.keys().any(|key| serves(key) == Some(true))
    }
}
