//! Servers that the configuration names no more and that still have connections: they stay at weight 0 until they are empty or
//! their service's `drain` is over. Their checks have ended with their place in the configuration.
//!
//! An entry leaves if it is in the kernel's table, ours by the ledger, and not claimed by the configuration in force. One
//! without any connection is not kept at all. A service that is gone itself stays in the table for as long as a server of it
//! does: without it the kernel would drop the packets of every connection that it had. All its servers are at weight 0 by
//! then, so that a new connection is refused, as it would be without the service. One that the configuration names again
//! leaves no more, and is what it would be otherwise.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::drain::{Drain, End, Load, Loads};
use super::ledger::Ledger;
use super::table::{Service, Table};
use crate::model::{Config, ServerKey, ServerSettings, ServiceKey, Weight};

/// A server that leaves, of one of the kernel's services.
pub type Leaver = (ServiceKey, ServerKey);

/// One of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Leave {
    drain: Drain,
    /// It may go: its entry is to be deleted, and is forgotten here when the table shows that it was.
    over: bool,
}

/// All that leave.
#[derive(Debug, Clone, Default)]
pub(super) struct Leaving {
    leaves: BTreeMap<Leaver, Leave>,
    /// What services that the configuration in force does not name had said of how long their servers have.
    patience: BTreeMap<ServiceKey, Duration>,
}

/// What a look showed that is worth telling.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum News {
    Begun(Leaver, Load, Duration),
    Over(Leaver, End),
}

impl Leaving {
    /// Those of the process before, with what is left of their time.
    pub(super) fn resumed(drains: impl IntoIterator<Item = (Leaver, Drain)>) -> Self {
        let leaves = drains.into_iter().map(|(leaver, drain)| (leaver, Leave { drain, over: false })).collect();
        Self { leaves, patience: BTreeMap::new() }
    }

    /// Another configuration: what it claims leaves no more. Returns whether anything changed.
    pub(super) fn configure(&mut self, before: &Config, claims: &Ledger) -> bool {
        let gone = before.services.iter().flat_map(|service| service.keys().map(move |key| (key, service)));
        let gone = gone.filter(|(key, _)| !claims.has_service(*key));
        let gone = gone.filter_map(|(key, service)| Some((key, service.handover.drain?)));
        // What it was asked for while it was configured holds for it until it is gone.
        let leaves = &self.leaves;
        self.patience.retain(|key, _| leaves.keys().any(|(service, _)| service == key));
        self.patience.extend(gone);
        self.patience.retain(|key, _| !claims.has_service(*key));
        let count = self.leaves.len();
        self.leaves.retain(|(service, server), _| !claims.has_server(*service, *server));
        self.leaves.len() != count
    }

    /// The table with its loads: who leaves now, who is empty, who is gone. `within` says how long servers have of a service
    /// that is configured, or was in another process.
    pub(super) fn look(
        &mut self,
        table: &Table,
        loads: &Loads,
        (ledger, claims): (&Ledger, &Ledger),
        within: impl Fn(ServiceKey) -> Duration,
        now: Instant,
    ) -> Vec<News> {
        let mut news = Vec::new();
        let found = |(service, server): &Leaver| table.services.get(service)?.server(*server);
        self.leaves.retain(|leaver, _| found(leaver).is_some());
        for (leaver, leave) in self.leaves.iter_mut().filter(|(_, leave)| !leave.over) {
            let quiet = found(leaver).flatten().is_some_and(|settings| settings.weight == Weight::ZERO);
            if let Some(end) = leave.drain.seen(loads.get(leaver).copied().unwrap_or_default(), quiet) {
                leave.over = true;
                news.push(News::Over(*leaver, end));
            }
        }
        for (leaver @ (service, server), load) in loads.iter().filter(|(_, load)| !load.is_empty()) {
            let ours = ledger.has_server(*service, *server) && !claims.has_server(*service, *server);
            // What has settings without a name here cannot be edited.
            let known = found(leaver).flatten().is_some();
            let within = self.patience.get(service).copied().unwrap_or_else(|| within(*service));
            if ours && known && !within.is_zero() && !self.leaves.contains_key(leaver) {
                let drain = Drain { left: Some(*load), ..Drain::new(Some(within), now) };
                self.leaves.insert(*leaver, Leave { drain, over: false });
                news.push(News::Begun(*leaver, *load, within));
            }
        }
        news
    }

    /// Those whose time is up.
    pub(super) fn expire(&mut self, now: Instant) -> Vec<News> {
        let mut news = Vec::new();
        for (leaver, leave) in self.leaves.iter_mut().filter(|(_, leave)| !leave.over) {
            if let Some(end) = leave.drain.late(now) {
                leave.over = true;
                news.push(News::Over(*leaver, end));
            }
        }
        news
    }

    /// When somebody's time is up.
    pub(super) fn next(&self) -> Option<Instant> {
        self.running().filter_map(|(_, drain)| drain.until).min()
    }

    /// Those that are not over.
    pub(super) fn running(&self) -> impl Iterator<Item = (Leaver, &Drain)> {
        self.leaves.iter().filter(|(_, leave)| !leave.over).map(|(leaver, leave)| (*leaver, &leave.drain))
    }

    pub(super) fn get(&self, service: ServiceKey, server: ServerKey) -> Option<&Drain> {
        self.leaves.get(&(service, server)).filter(|leave| !leave.over).map(|leave| &leave.drain)
    }

    /// Nobody leaves.
    pub(super) fn is_empty(&self) -> bool {
        self.leaves.is_empty()
    }

    /// Those that leave a service stay in it, at weight 0, unless clients would be refused for it.
    pub(super) fn stay(&self, key: ServiceKey, found: Option<&Service>, wish: &mut Service) {
        if wish.settings.as_ref().is_some_and(|settings| !settings.passes_over_zero()) {
            return;
        }
        for (server, settings) in self.staying(key, found) {
            if wish.server(server).is_none() {
                wish.put(server, settings);
            }
        }
    }

    /// How a service that is configured no more is to be while servers leave it; `None`: it may go.
    pub(super) fn rest_of(&self, key: ServiceKey, found: &Service) -> Option<Service> {
        let staying: Vec<_> =
            self.staying(key, Some(found)).map(|(server, settings)| (server, Some(settings))).collect();
        (!staying.is_empty()).then(|| Service::new(None, staying))
    }

    fn staying<'a>(
        &'a self,
        key: ServiceKey,
        found: Option<&'a Service>,
    ) -> impl Iterator<Item = (ServerKey, ServerSettings)> + 'a {
        let none = ServerKey { address: std::net::Ipv4Addr::UNSPECIFIED.into(), port: 0 };
        let of_this = self.leaves.range((key, none)..).take_while(move |((service, _), _)| *service == key);
        of_this.filter(|(_, leave)| !leave.over).filter_map(move |((_, server), _)| {
            let settings = found?.server(*server)??;
            Some((*server, ServerSettings { weight: Weight::ZERO, ..settings.clone() }))
        })
    }
}
