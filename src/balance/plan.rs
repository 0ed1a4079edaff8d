//! The difference between two tables as steps, in an order of which every prefix is safe.
//!
//! For each service that stays: first itself, then servers that come or get more, then servers that get less, then those
//! that go. So at any moment it has all the servers that it will have, or more. Services that go come last of all. What differs
//! in settings is an edit in place: no step takes away an entry that stays. Sync daemons come at the very end, since the stop
//! of one keeps the kernel from all else of IPVS for up to a second.

use std::fmt;

use super::daemons::{SyncDaemons, SyncRole, SyncSettings};
use super::ledger::Ledger;
use super::table::{Service, Table, TimeoutSeconds};
use crate::model::{ServerKey, ServerSettings, ServiceKey, ServiceSettings, Timeouts, Weight};

/// One change to the kernel's table. `Display` is the line of the dry run and of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Add a service without servers.
    AddService {
        /// Which.
        service: ServiceKey,
        /// How.
        settings: Box<ServiceSettings>,
    },
    /// Change a service in place.
    EditService {
        /// Which.
        service: ServiceKey,
        /// How it was found; `None`: in a way that has no name here.
        from: Option<Box<ServiceSettings>>,
        /// How it is to be.
        to: Box<ServiceSettings>,
    },
    /// Add a server.
    AddServer {
        /// Of which service.
        service: ServiceKey,
        /// Which.
        server: ServerKey,
        /// How.
        settings: ServerSettings,
    },
    /// Change a server in place.
    EditServer {
        /// Of which service.
        service: ServiceKey,
        /// Which.
        server: ServerKey,
        /// How it was found; `None`: in a way that has no name here.
        from: Option<ServerSettings>,
        /// How it is to be.
        to: ServerSettings,
    },
    /// Remove a server.
    DeleteServer {
        /// Of which service.
        service: ServiceKey,
        /// Which.
        server: ServerKey,
    },
    /// Remove a service with the servers that it has.
    DeleteService {
        /// Which.
        service: ServiceKey,
    },
    /// Set those connection timeouts that are given.
    SetTimeouts(Timeouts),
    /// Start a sync daemon.
    StartDaemon {
        /// Which half.
        role: SyncRole,
        /// How.
        settings: Box<SyncSettings>,
    },
    /// Stop a sync daemon.
    StopDaemon {
        /// Which half.
        role: SyncRole,
    },
}

impl Step {
    /// The service that it touches.
    #[must_use]
    pub fn service(&self) -> Option<ServiceKey> {
        match self {
            Self::AddService { service, .. }
            | Self::EditService { service, .. }
            | Self::AddServer { service, .. }
            | Self::EditServer { service, .. }
            | Self::DeleteServer { service, .. }
            | Self::DeleteService { service } => Some(*service),
            Self::SetTimeouts(_) | Self::StartDaemon { .. } | Self::StopDaemon { .. } => None,
        }
    }

    /// The server that it touches.
    #[must_use]
    pub fn server(&self) -> Option<ServerKey> {
        match self {
            Self::AddServer { server, .. } | Self::EditServer { server, .. } | Self::DeleteServer { server, .. } => {
                Some(*server)
            }
            Self::AddService { .. }
            | Self::EditService { .. }
            | Self::DeleteService { .. }
            | Self::SetTimeouts(_)
            | Self::StartDaemon { .. }
            | Self::StopDaemon { .. } => None,
        }
    }

    /// The sync daemon that it touches.
    #[must_use]
    pub fn daemon(&self) -> Option<SyncRole> {
        match self {
            Self::StartDaemon { role, .. } | Self::StopDaemon { role } => Some(*role),
            Self::AddService { .. }
            | Self::EditService { .. }
            | Self::AddServer { .. }
            | Self::EditServer { .. }
            | Self::DeleteServer { .. }
            | Self::DeleteService { .. }
            | Self::SetTimeouts(_) => None,
        }
    }

    /// It takes something away: connections there are cut off.
    #[must_use]
    pub fn cuts(&self) -> bool {
        match self {
            Self::DeleteServer { .. } | Self::DeleteService { .. } => true,
            Self::AddService { .. }
            | Self::EditService { .. }
            | Self::AddServer { .. }
            | Self::EditServer { .. }
            | Self::SetTimeouts(_)
            | Self::StartDaemon { .. }
            | Self::StopDaemon { .. } => false,
        }
    }

    /// Does to a table what the kernel does to its own.
    pub fn apply_to(&self, table: &mut Table) {
        match self {
            Self::AddService { service, settings } => {
                table.services.insert(*service, Service::new(Some(ServiceSettings::clone(settings)), Vec::new()));
            }
            Self::EditService { service, to, .. } => {
                if let Some(found) = table.services.get_mut(service) {
                    found.settings = Some(ServiceSettings::clone(to));
                }
            }
            Self::AddServer { service, server, settings: to } | Self::EditServer { service, server, to, .. } => {
                if let Some(found) = table.services.get_mut(service) {
                    found.put(*server, to.clone());
                }
            }
            Self::DeleteServer { service, server } => {
                if let Some(found) = table.services.get_mut(service) {
                    found.remove(*server);
                }
            }
            Self::DeleteService { service } => {
                table.services.remove(service);
            }
            Self::SetTimeouts(set) => {
                let timeouts = table.timeouts.get_or_insert_default();
                let put = |to: &mut u32, from: Option<std::num::NonZeroU32>| {
                    if let Some(from) = from {
                        *to = from.get();
                    }
                };
                put(&mut timeouts.tcp, set.tcp_secs);
                put(&mut timeouts.tcp_fin, set.tcp_fin_secs);
                put(&mut timeouts.udp, set.udp_secs);
            }
            Self::StartDaemon { role, settings } => {
                table.daemons.get_or_insert_default().put(*role, Some(SyncSettings::clone(settings)));
            }
            Self::StopDaemon { role } => table.daemons.get_or_insert_default().put(*role, None),
        }
    }
}

/// What became of a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StepOutcome {
    /// The kernel has done it.
    Done,
    /// The kernel's table is not as we thought: the entry is there already, or not there any more. The table has to be
    /// read again.
    Stale(String),
    /// The kernel refuses, and will go on to: a sentence that says why and what to do.
    Refused(String),
    /// No answer came: it may have been done or not. The table has to be read again.
    Unknown,
}

/// Steps in order.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Plan {
    /// The steps.
    pub steps: Vec<Step>,
}

impl Plan {
    /// There is nothing to do.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    /// Counts for one line of log: services and servers added, edited and deleted; sync daemons started and stopped.
    #[must_use]
    pub fn summary(&self) -> String {
        let mut counts = [("add", 0, 0), ("edit", 0, 0), ("delete", 0, 0)];
        let mut timeouts = false;
        let mut daemons = Vec::new();
        for step in &self.steps {
            let [add, edit, delete] = &mut counts;
            match step {
                Step::AddService { .. } => add.1 += 1,
                Step::AddServer { .. } => add.2 += 1,
                Step::EditService { .. } => edit.1 += 1,
                Step::EditServer { .. } => edit.2 += 1,
                Step::DeleteService { .. } => delete.1 += 1,
                Step::DeleteServer { .. } => delete.2 += 1,
                Step::SetTimeouts(_) => timeouts = true,
                Step::StartDaemon { .. } | Step::StopDaemon { .. } => daemons.push(step.to_string()),
            }
        }
        let mut parts: Vec<_> = counts
            .iter()
            .filter(|(_, services, servers)| services + servers > 0)
            .map(|(verb, services, servers)| match (services, servers) {
                (0, servers) => format!("{verb} {servers} servers"),
                (services, 0) => format!("{verb} {services} services"),
                (services, servers) => format!("{verb} {services} services and {servers} servers"),
            })
            .collect();
        if timeouts {
            parts.push("set timeouts".to_owned());
        }
        // Four at most.
        parts.append(&mut daemons);
        if parts.is_empty() { "nothing to do".to_owned() } else { parts.join(", ") }
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.steps.iter().try_for_each(|step| writeln!(f, "{step}"))
    }
}

/// Collects the steps of a plan, service by service.
#[derive(Debug)]
pub struct Planner<'a> {
    ledger: &'a Ledger,
    exclusive: bool,
    edits: Vec<Step>,
    cuts: Vec<Step>,
    steps: Vec<Step>,
    last: Vec<Step>,
    daemons: Vec<Step>,
}

impl<'a> Planner<'a> {
    /// Nothing may be deleted but what the ledger names, or, where the table is `exclusive`ly ours, anything.
    #[must_use]
    pub fn new(ledger: &'a Ledger, exclusive: bool) -> Self {
        let (edits, cuts, steps, last, daemons) = Default::default();
        Self { ledger, exclusive, edits, cuts, steps, last, daemons }
    }

    /// Steps for a service that is wished for.
    pub fn service(&mut self, key: ServiceKey, observed: Option<&Service>, desired: &Service) {
        if let Some(to) = &desired.settings {
            match observed {
                None => self.steps.push(Step::AddService { service: key, settings: Box::new(to.clone()) }),
                Some(found) if found.settings.as_ref() == Some(to) => {}
                Some(found) => self.steps.push(Step::EditService {
                    service: key,
                    from: found.settings.clone().map(Box::new),
                    to: Box::new(to.clone()),
                }),
            }
        }
        let mut found = observed.into_iter().flat_map(Service::servers).peekable();
        let mut wanted = desired.servers().iter().peekable();
        loop {
            match (found.peek().copied(), wanted.peek().copied()) {
                (None, None) => break,
                (Some((server, _)), wish) if wish.is_none_or(|(wanted, _)| server < wanted) => {
                    if self.exclusive || self.ledger.has_server(key, *server) {
                        self.cuts.push(Step::DeleteServer { service: key, server: *server });
                    }
                    found.next();
                }
                (there, Some((server, settings))) if there.is_none_or(|(found, _)| server < found) => {
                    if let Some(settings) = settings {
                        let settings = settings.clone();
                        self.steps.push(Step::AddServer { service: key, server: *server, settings });
                    }
                    wanted.next();
                }
                (_, _) => {
                    if let (Some((server, from)), Some((_, Some(to)))) = (found.next(), wanted.next()) {
                        self.edit(key, *server, from.as_ref(), to);
                    }
                }
            }
        }
        self.steps.append(&mut self.edits);
        self.steps.append(&mut self.cuts);
    }

    /// The same where nothing of a service that is there can differ but these servers, which come in the order of their keys,
    /// each with its wish; `None`: it is to go.
    pub fn servers(
        &mut self,
        key: ServiceKey,
        observed: &Service,
        wishes: impl IntoIterator<Item = (ServerKey, Option<ServerSettings>)>,
    ) {
        for (server, wish) in wishes {
            match (observed.server(server), wish) {
                (None, None) => {}
                (None, Some(settings)) => self.steps.push(Step::AddServer { service: key, server, settings }),
                (Some(from), Some(to)) => self.edit(key, server, from, &to),
                (Some(_), None) => {
                    if self.exclusive || self.ledger.has_server(key, server) {
                        self.cuts.push(Step::DeleteServer { service: key, server });
                    }
                }
            }
        }
        self.steps.append(&mut self.edits);
        self.steps.append(&mut self.cuts);
    }

    fn edit(&mut self, service: ServiceKey, server: ServerKey, from: Option<&ServerSettings>, to: &ServerSettings) {
        if from == Some(to) {
            return;
        }
        let step = Step::EditServer { service, server, from: from.cloned(), to: to.clone() };
        // Of a weight that is not known the worst is assumed: that it carries the traffic, or that it carries none.
        let lowers = from.map_or(to.weight == Weight::ZERO, |from| from.weight > to.weight);
        if lowers {
            self.edits.push(step);
        } else {
            self.steps.push(step);
        }
    }

    /// Steps for a service that is in the kernel and not wished for. A service of ours that holds a server of somebody
    /// else's stays for that server's sake; ours leave it.
    pub fn leftover(&mut self, key: ServiceKey, observed: &Service) {
        let ours = |server: &ServerKey| self.exclusive || self.ledger.has_server(key, *server);
        if !self.exclusive && !self.ledger.has_service(key) {
            return;
        }
        if observed.servers().iter().all(|(server, _)| ours(server)) {
            self.last.push(Step::DeleteService { service: key });
        } else {
            let mine = observed.servers().iter().filter(|(server, _)| ours(server));
            let steps: Vec<_> = mine.map(|(server, _)| Step::DeleteServer { service: key, server: *server }).collect();
            self.last.extend(steps);
        }
    }

    /// A step for timeouts that differ.
    pub fn timeouts(&mut self, observed: Option<TimeoutSeconds>, desired: &Timeouts) {
        let Some(found) = observed else { return };
        let differs = |wish: Option<std::num::NonZeroU32>, found: u32| wish.filter(|wish| wish.get() != found);
        let set = Timeouts {
            tcp_secs: differs(desired.tcp_secs, found.tcp),
            tcp_fin_secs: differs(desired.tcp_fin_secs, found.tcp_fin),
            udp_secs: differs(desired.udp_secs, found.udp),
        };
        if set != Timeouts::default() {
            self.steps.push(Step::SetTimeouts(set));
        }
    }

    /// Steps for sync daemons: first those that come, so that no connection is missed between two roles, then those that go,
    /// then those that run in another way than is wished for. Where either side is not known nothing is done. An exclusive
    /// table has no daemons of others where the configuration names any.
    pub fn daemons(&mut self, observed: Option<&SyncDaemons>, desired: Option<&SyncDaemons>) {
        let (Some(found), Some(wish)) = (observed, desired) else { return };
        let ours = |role| self.ledger.has_daemon(role) || self.exclusive && !wish.is_empty();
        let (mut stops, mut changes) = (Vec::new(), Vec::new());
        for role in SyncRole::ALL {
            let start = |to: &SyncSettings| Step::StartDaemon { role, settings: Box::new(to.clone()) };
            match (found.of(role), wish.of(role)) {
                (None, Some(to)) => self.daemons.push(start(to)),
                (Some(from), Some(to)) if ours(role) && (found.lost.contains(&role) || !to.is_met_by(role, from)) => {
                    changes.extend([Step::StopDaemon { role }, start(to)]);
                }
                (Some(_), None) if ours(role) => stops.push(Step::StopDaemon { role }),
                (None | Some(_), None) | (Some(_), Some(_)) => {}
            }
        }
        self.daemons.append(&mut stops);
        self.daemons.append(&mut changes);
    }

    /// What was collected of services that are wished for.
    pub(super) fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// The plan.
    #[must_use]
    pub fn finish(mut self) -> Plan {
        self.steps.append(&mut self.last);
        self.steps.append(&mut self.daemons);
        Plan { steps: self.steps }
    }
}

/// What turns one whole table into another.
#[must_use]
pub fn diff(observed: &Table, desired: &Table, timeouts: &Timeouts, ledger: &Ledger, exclusive: bool) -> Plan {
    let mut planner = Planner::new(ledger, exclusive);
    planner.timeouts(observed.timeouts, timeouts);
    for (key, service) in &desired.services {
        planner.service(*key, observed.services.get(key), service);
    }
    for (key, service) in observed.services.iter().filter(|(key, _)| !desired.services.contains_key(key)) {
        planner.leftover(*key, service);
    }
    planner.finish()
}

mod display;

#[cfg(test)]
mod tests;
