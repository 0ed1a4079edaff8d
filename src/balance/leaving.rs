//! Servers that leave the table and still have connections: they stay at weight 0 until they are empty or their service's
//! `drain` is over. Those are servers that the configuration names no more, whose checks have ended with their place in it, and
//! sorry servers that are needed no more.
//!
//! ```text
//!   named no more, while nobody can take its place yet       a sorry server, and the quorum is won
//!            |                                                             |
//!         Serving ---- somebody can, or nobody will ----> Draining <-------'
//!                                                            |  ^---- named no more, and it has connections
//!                                                            |  empty, or late
//!                                                            v
//!                                                           Over ---- the table shows that it is gone ----> (none)
//! ```
//!
//! An entry leaves if it is in the kernel's table, ours by the ledger, and not claimed by the configuration in force. One
//! without any connection is not kept at all, unless it serves on: then nobody has counted yet what it was given meanwhile. A
//! service that is gone itself stays in the table for as long as a server of it
//! does: without it the kernel would drop the packets of every connection that it had. All its servers are at weight 0 by
//! then, so that a new connection is refused, as it would be without the service. One that the configuration names again
//! leaves no more, and is what it would be otherwise.
//!
//! A server that was being emptied already, because the operator wished it, leaves with the time that it was given then, be it
//! longer or shorter, or none: who says it of one server has thought of that one.
//!
//! Who may serve on, and how long, the engine says (`engine/succession.rs`).

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use super::drain::{Drain, End, Load, Loads};
use super::ledger::Ledger;
use super::table::{Service, Table};
use super::wishes::{Place, Wishes};
use crate::model::{Config, ServerKey, ServerSettings, ServiceKey, Weight};

/// No server of a service comes before it.
const FIRST: ServerKey = ServerKey { address: std::net::IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED), port: 0 };

/// A server that leaves, of one of the kernel's services.
pub type Leaver = (ServiceKey, ServerKey);

/// One of them that gets nothing new.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Leave {
    /// It finishes what it has.
    Draining(Drain),
    /// It may go: its entry is to be deleted, and is forgotten here when the table shows that it was.
    Over,
}

/// How a server leaves, for those who show it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Departure {
    /// Not yet: it serves on, until others can take its place.
    ServesOn,
    /// It finishes what it has.
    Drains(Drain),
}

/// All that leave.
#[derive(Debug, Clone, Default)]
pub(super) struct Leaving {
    /// Those that go on as they were found, connections and all.
    serving: BTreeSet<Leaver>,
    leaves: BTreeMap<Leaver, Leave>,
    /// What services that the configuration in force does not name had said of how long their servers have.
    patience: BTreeMap<ServiceKey, Duration>,
    /// What servers were given by the operator, who may come to leave.
    promised: BTreeMap<Leaver, Drain>,
}

/// A table that was read, and what is known besides.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sight<'a> {
    pub(super) table: &'a Table,
    pub(super) loads: &'a Loads,
    /// The table as it was known until now. One dump can miss what is there: what it lacks is gone only if it is not here either.
    /// `None`: it was not known.
    pub(super) before: Option<&'a Table>,
    /// Who began to leave while the table was being read: what they have to do is not known from it.
    pub(super) late: &'a BTreeSet<Leaver>,
}

impl Sight<'_> {
    /// The entry is neither in the table nor was it.
    pub(super) fn is_gone(&self, (service, server): Leaver) -> bool {
        let is_in = |table: &Table| table.services.get(&service).is_some_and(|found| found.server(server).is_some());
        !is_in(self.table) && self.before.is_some_and(|before| !is_in(before))
    }
}

/// What a look showed that is worth telling.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum News {
    ServesOn(Leaver),
    Begun(Leaver, Load, Option<Duration>),
    Over(Leaver, End),
}

impl Leaving {
    /// Those of the process before, with what is left of their time.
    pub(super) fn resumed(drains: impl IntoIterator<Item = (Leaver, Drain)>) -> Self {
        let leaves = drains.into_iter().map(|(leaver, drain)| (leaver, Leave::Draining(drain))).collect();
        Self { leaves, ..Self::default() }
    }

    /// Another configuration: what it claims leaves no more, but for sorry servers, of which it `is_spare` that tells. `wishes`
    /// are the operator's, of servers as they were configured before. Returns whether anything changed.
    pub(super) fn configure(
        &mut self,
        before: &Config,
        claims: &Ledger,
        wishes: &Wishes,
        is_spare: impl Fn(Leaver) -> bool,
    ) -> bool {
        for (place, drain) in wishes.draining() {
            self.promised.extend(entries(before, wishes, place).into_iter().map(|entry| (entry, drain)));
        }
        self.promised.retain(|(service, server), _| !claims.has_server(*service, *server));
        let gone = before.services.iter().flat_map(|service| service.keys().map(move |key| (key, service)));
        let gone = gone.filter(|(key, _)| !claims.has_service(*key));
        let gone = gone.filter_map(|(key, service)| Some((key, service.handover.drain?)));
        // What it was asked for while it was configured holds for it until it is gone.
        let leaves: BTreeSet<_> = self.leaves.keys().chain(&self.serving).map(|(service, _)| *service).collect();
        self.patience.retain(|key, _| leaves.contains(key));
        self.patience.extend(gone);
        self.patience.retain(|key, _| !claims.has_service(*key));
        let count = self.leaves.len();
        self.leaves.retain(|leaver, _| !claims.has_server(leaver.0, leaver.1) || is_spare(*leaver));
        self.serving.retain(|leaver| !claims.has_server(leaver.0, leaver.1));
        self.leaves.len() != count
    }

    /// The table with its loads: who leaves now, who is empty, who is gone. `within` says how long servers have of a service
    /// that is configured, or was in another process.
    pub(super) fn look(
        &mut self,
        sight: Sight<'_>,
        (ledger, claims): (&Ledger, &Ledger),
        within: impl Fn(ServiceKey) -> Duration,
        now: Instant,
    ) -> Vec<News> {
        let mut news = Vec::new();
        let found = |(service, server): &Leaver| sight.table.services.get(service)?.server(*server);
        // What was left by another process may be somebody else's by now.
        let ours = |leaver: &Leaver| !sight.is_gone(*leaver) && ledger.has_server(leaver.0, leaver.1);
        self.leaves.retain(|leaver, _| ours(leaver));
        self.promised.retain(|leaver, _| ours(leaver));
        self.serving.retain(|leaver| ours(leaver));
        for (leaver, leave) in &mut self.leaves {
            let Leave::Draining(drain) = leave else { continue };
            let Some(settings) = found(leaver).filter(|_| !sight.late.contains(leaver)) else { continue };
            let quiet = settings.is_some_and(|settings| settings.weight == Weight::ZERO);
            if let Some(end) = drain.seen(sight.loads.get(leaver).copied().unwrap_or_default(), quiet) {
                *leave = Leave::Over;
                news.push(News::Over(*leaver, end));
            }
        }
        for (leaver @ (service, server), load) in sight.loads.iter().filter(|(_, load)| !load.is_empty()) {
            let ours = ledger.has_server(*service, *server) && !claims.has_server(*service, *server);
            // What has settings without a name here cannot be edited.
            let known = found(leaver).flatten().is_some();
            if !ours || !known || self.has(*leaver) {
                continue;
            }
            let within = || self.patience(*service).unwrap_or_else(|| within(*service));
            let drain = self.promised.get(leaver).copied().unwrap_or_else(|| Drain::new(Some(within()), now));
            if drain.late(now).is_none() {
                let left = drain.until.map(|until| until.saturating_duration_since(now));
                let drain = Drain { left: Some(*load), ..drain };
                self.leaves.insert(*leaver, Leave::Draining(drain));
                news.push(News::Begun(*leaver, *load, left));
            }
        }
        news
    }

    /// The table, right after another configuration: servers of these services that get connections, and are ours and not
    /// named any more, serve on.
    pub(super) fn serve_on(
        &mut self,
        table: &Table,
        (ledger, claims): (&Ledger, &Ledger),
        services: impl Iterator<Item = ServiceKey>,
    ) -> Vec<News> {
        let mut news = Vec::new();
        for (key, found) in services.filter_map(|key| Some((key, table.services.get(&key)?))) {
            for (server, settings) in found.servers() {
                let serves = settings.as_ref().is_some_and(|settings| settings.weight != Weight::ZERO);
                let ours = ledger.has_server(key, *server) && !claims.has_server(key, *server);
                if serves && ours && !self.has((key, *server)) {
                    self.serving.insert((key, *server));
                    news.push(News::ServesOn((key, *server)));
                }
            }
        }
        news
    }

    /// A server has to serve no more, is needed no more, or is given another time: it finishes what it has within this, or in as
    /// long as it takes. Returns what is known to be left.
    pub(super) fn drain(&mut self, leaver: Leaver, within: Option<Duration>, now: Instant) -> Option<Load> {
        let left = match self.leaves.get(&leaver) {
            Some(Leave::Draining(drain)) => drain.left,
            Some(Leave::Over) | None => None,
        };
        let leave = match within {
            Some(Duration::ZERO) => Leave::Over,
            within => Leave::Draining(Drain { left, ..Drain::new(within, now) }),
        };
        self.serving.remove(&leaver);
        self.leaves.insert(leaver, leave);
        left
    }

    /// A server does not leave any more. Returns whether it did.
    pub(super) fn stays(&mut self, leaver: Leaver) -> bool {
        self.leaves.remove(&leaver).is_some()
    }

    /// A server leaves, or is about to be gone.
    pub(super) fn has(&self, leaver: Leaver) -> bool {
        self.leaves.contains_key(&leaver) || self.serving.contains(&leaver)
    }

    /// Those that serve on.
    pub(super) fn serving(&self) -> impl Iterator<Item = Leaver> {
        self.serving.iter().copied()
    }

    /// Those of one service.
    pub(super) fn serving_of(&self, service: ServiceKey) -> impl Iterator<Item = ServerKey> {
        let of_this = self.serving.range((service, FIRST)..).take_while(move |(key, _)| *key == service);
        of_this.map(|(_, server)| *server)
    }

    /// What the service had said of how long its servers have, if it is gone itself.
    pub(super) fn patience(&self, service: ServiceKey) -> Option<Duration> {
        self.patience.get(&service).copied()
    }

    /// Those whose time is up.
    pub(super) fn expire(&mut self, now: Instant) -> Vec<News> {
        let mut news = Vec::new();
        for (leaver, leave) in &mut self.leaves {
            let Leave::Draining(drain) = leave else { continue };
            if let Some(end) = drain.late(now) {
                *leave = Leave::Over;
                news.push(News::Over(*leaver, end));
            }
        }
        news
    }

    /// When somebody's time is up.
    pub(super) fn next(&self) -> Option<Instant> {
        self.draining().filter_map(|(_, drain)| drain.until).min()
    }

    /// Those that finish what they have.
    pub(super) fn draining(&self) -> impl Iterator<Item = (Leaver, &Drain)> {
        self.leaves.iter().filter_map(|(leaver, leave)| match leave {
            Leave::Draining(drain) => Some((*leaver, drain)),
            Leave::Over => None,
        })
    }

    /// Those that are there for somebody.
    pub(super) fn running(&self) -> impl Iterator<Item = Leaver> {
        self.draining().map(|(leaver, _)| leaver).chain(self.serving())
    }

    pub(super) fn get(&self, service: ServiceKey, server: ServerKey) -> Option<Departure> {
        if self.serving.contains(&(service, server)) {
            return Some(Departure::ServesOn);
        }
        match self.leaves.get(&(service, server))? {
            Leave::Draining(drain) => Some(Departure::Drains(*drain)),
            Leave::Over => None,
        }
    }

    /// Nobody leaves.
    pub(super) fn is_empty(&self) -> bool {
        self.leaves.is_empty() && self.serving.is_empty()
    }

    /// Those that leave a service stay in it: as they were found, or at weight 0 unless clients would be refused for it.
    pub(super) fn stay(&self, key: ServiceKey, found: Option<&Service>, wish: &mut Service) {
        let refuses = wish.settings.as_ref().is_some_and(|settings| !settings.passes_over_zero());
        for (server, settings) in self.staying(key, found) {
            let refused = refuses && settings.weight == Weight::ZERO;
            if wish.server(server).is_none() && !refused {
                wish.put(server, settings);
            }
        }
    }

    /// How a service that is configured no more is to be while servers leave it; `None`: it may go. One that this look at the
    /// table has missed leaves it still.
    pub(super) fn rest_of(&self, key: ServiceKey, found: &Service) -> Option<Service> {
        self.running_of(key).next()?;
        let staying = self.staying(key, Some(found)).map(|(server, settings)| (server, Some(settings)));
        Some(Service::new(None, staying.collect()))
    }

    fn staying<'a>(
        &'a self,
        key: ServiceKey,
        found: Option<&'a Service>,
    ) -> impl Iterator<Item = (ServerKey, ServerSettings)> + 'a {
        self.running_of(key).filter_map(move |(server, weight)| {
            let settings = found?.server(server)??;
            Some((server, ServerSettings { weight: weight.unwrap_or(settings.weight), ..settings.clone() }))
        })
    }

    /// Those of one service that are there for somebody, with the weight that they are to have; `None`: as they were found.
    fn running_of(&self, key: ServiceKey) -> impl Iterator<Item = (ServerKey, Option<Weight>)> {
        let leaves = self.leaves.range((key, FIRST)..).take_while(move |((service, _), _)| *service == key);
        let drains = leaves.filter_map(|((_, server), leave)| match leave {
            Leave::Draining(_) => Some((*server, Some(Weight::ZERO))),
            Leave::Over => None,
        });
        drains.chain(self.serving_of(key).map(|server| (server, None)))
    }
}

/// The kernel's entries of a server as it was configured; of one that was not, as far as we know, those that its own name says, under
/// every name of its service.
fn entries(before: &Config, wishes: &Wishes, (service, server): Place) -> Vec<Leaver> {
    let config = before.services.iter().find(|config| config.keys().any(|key| key == service));
    let found = config.and_then(|config| {
        let server = config.servers.iter().find(|other| other.key == server)?;
        Some(config.keys().filter_map(|key| Some((key, config.entry(key, server)?))).collect())
    });
    found.unwrap_or_else(|| {
        let names = wishes.names(service);
        // Where packets reach it as the client sent them, it has an entry with the port of each address.
        let as_sent = server.port == 0 || names.iter().any(|name| name.port() == server.port);
        let ports = |name: ServiceKey| [Some(server.port), as_sent.then_some(name.port())].into_iter().flatten();
        let entry = |name, port| (name, ServerKey { port, ..server });
        names.into_iter().flat_map(|name| ports(name).map(move |port| entry(name, port))).collect()
    })
}
