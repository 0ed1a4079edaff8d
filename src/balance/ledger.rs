//! Which entries of the kernel's table are ours.
//!
//! IPVS keeps no owner with an entry, so we keep it ourselves: the names of everything that the configuration in force may
//! have put into the table, and of what earlier configurations put there and could not take away yet. It is written *before* an
//! entry is made. A daemon killed between the two has claimed something that does not exist, which does no harm; the
//! other way round its own entries would look like somebody else's and stay for ever.
//!
//! The file is text, so that a person can see what it claims:
//!
//! ```text
//! ipvsd ledger 1
//! boot 6c0f2f1e-... netns 4026531840
//! service tcp 192.0.2.1:80
//! server 10.0.0.1:80
//! daemon master
//! end 3
//! ```
//!
//! Sync daemons are claimed one by one, each before it is started or because it was found just as it is wished for: the
//! kernel has room for one of each role only, and a name in the configuration would claim somebody else's.
//!
//! The stamp names the boot and the network namespace whose table is meant. Another boot's ledger says nothing about this
//! one's table. The count at the end shows a file that was cut short.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::SocketAddr;
use std::num::NonZeroU32;

use super::daemons::SyncRole;
use super::paths;
use super::table::Table;
use crate::model::{Config, Family, Protocol, ServerKey, ServiceKey};

const HEAD: &str = "ipvsd ledger 1";

/// Whose table a ledger tells of: boot and network namespace, as one line of text.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Stamp(pub String);

/// The services, servers and sync daemons that are ours.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Ledger {
    services: BTreeMap<ServiceKey, Vec<ServerKey>>,
    daemons: BTreeSet<SyncRole>,
}

/// The text is not a ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidLedger {
    /// Line, from 1.
    pub line: usize,
    /// What is wrong there.
    pub problem: &'static str,
}

impl fmt::Display for InvalidLedger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.problem)
    }
}

impl std::error::Error for InvalidLedger {}

impl Ledger {
    /// Every service and server that a configuration names.
    #[must_use]
    pub fn of(config: &Config) -> Self {
        let mut services = BTreeMap::new();
        for service in &config.services {
            for key in service.keys() {
                let entry = |server| service.entry(key, server);
                let all = service.servers.iter().chain(service.rules.sorry.as_deref());
                let mut servers: Vec<_> = all.filter_map(entry).collect();
                servers.sort_unstable();
                servers.dedup();
                services.insert(key, servers);
            }
        }
        services.extend(paths::of(config).into_iter().map(|(service, (server, _))| (service, vec![server])));
        Self { services, daemons: BTreeSet::new() }
    }

    /// Nothing is ours.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.services.is_empty() && self.daemons.is_empty()
    }

    /// The service is ours.
    #[must_use]
    pub fn has_service(&self, service: ServiceKey) -> bool {
        self.services.contains_key(&service)
    }

    /// The server of that service is ours.
    #[must_use]
    pub fn has_server(&self, service: ServiceKey, server: ServerKey) -> bool {
        self.services.get(&service).is_some_and(|servers| servers.binary_search(&server).is_ok())
    }

    /// The firewall marks that services of ours go by.
    pub fn marks(&self) -> impl Iterator<Item = NonZeroU32> + '_ {
        self.services.keys().filter_map(|key| key.mark())
    }

    /// The sync daemon of that role is ours.
    #[must_use]
    pub fn has_daemon(&self, role: SyncRole) -> bool {
        self.daemons.contains(&role)
    }

    /// Some sync daemon is ours.
    #[must_use]
    pub fn has_daemons(&self) -> bool {
        !self.daemons.is_empty()
    }

    /// From now on the sync daemon of that role is ours. Returns whether that is new.
    pub fn claim_daemon(&mut self, role: SyncRole) -> bool {
        self.daemons.insert(role)
    }

    /// Takes in what another ledger names. Returns whether that was anything new.
    pub fn absorb(&mut self, other: &Self) -> bool {
        let mut grew = false;
        for (service, servers) in &other.services {
            let mine = self.services.entry(*service).or_insert_with(|| {
                grew = true;
                Vec::new()
            });
            if mine.is_empty() {
                grew |= !servers.is_empty();
                mine.clone_from(servers);
                continue;
            }
            let before = mine.len();
            let new: Vec<_> = servers.iter().filter(|server| mine.binary_search(server).is_err()).copied().collect();
            mine.extend(new);
            mine.sort_unstable();
            grew |= mine.len() != before;
        }
        let before = self.daemons.len();
        self.daemons.extend(&other.daemons);
        grew || self.daemons.len() != before
    }

    /// Servers of a service were deleted. Returns whether one was ours.
    pub fn forget_servers(&mut self, service: ServiceKey, gone: &BTreeSet<ServerKey>) -> bool {
        let Some(servers) = self.services.get_mut(&service) else { return false };
        let before = servers.len();
        servers.retain(|server| !gone.contains(server));
        servers.len() != before
    }

    /// A service was deleted with its servers. Returns whether it was ours.
    pub fn forget_service(&mut self, service: ServiceKey) -> bool {
        self.services.remove(&service).is_some()
    }

    /// Forgets a service of which no server is ours.
    pub fn leave_service(&mut self, service: ServiceKey) {
        if self.services.get(&service).is_some_and(Vec::is_empty) {
            self.services.remove(&service);
        }
    }

    /// Forgets services and servers that are neither in `keep` nor in any of the tables. Returns whether anything was forgotten.
    ///
    /// One table alone says little: a dump that was taken while somebody else edits can miss what is there, and what is forgotten
    /// then looks like somebody else's for ever.
    pub fn prune(&mut self, keep: &Self, tables: &[&Table]) -> bool {
        let mut shrank = false;
        self.services.retain(|service, servers| {
            let found = || tables.iter().filter_map(|table| table.services.get(service));
            let before = servers.len();
            servers.retain(|server| {
                keep.has_server(*service, *server) || found().any(|found| found.server(*server).is_some())
            });
            shrank |= servers.len() != before;
            // A service that only others still use is theirs from now on.
            let in_use = |found: &super::table::Service| !servers.is_empty() || found.servers().is_empty();
            let stays = keep.has_service(*service) || found().any(in_use);
            shrank |= !stays;
            stays
        });
        shrank
    }

    /// Forgets sync daemons that do not run. Returns whether there was one.
    pub fn prune_daemons(&mut self, table: &Table) -> bool {
        let before = self.daemons.len();
        let found = table.daemons.as_ref();
        self.daemons.retain(|role| found.is_none_or(|found| found.of(*role).is_some()));
        self.daemons.len() != before
    }

    /// As text, with a stamp.
    #[must_use]
    pub fn to_text(&self, stamp: &Stamp) -> String {
        use fmt::Write;
        let services: usize = self.services.values().map(|servers| servers.len() + 1).sum();
        let entries = services + self.daemons.len();
        let mut text = String::with_capacity(64 + entries * 32);
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{HEAD}\n{}", stamp.0);
        for (service, servers) in &self.services {
            let _ = writeln!(text, "service {service}");
            for server in servers {
                let _ = writeln!(text, "server {server}");
            }
        }
        for daemon in &self.daemons {
            let _ = writeln!(text, "daemon {daemon}");
        }
        let _ = writeln!(text, "end {entries}");
        text
    }

    /// Reads what [`Ledger::to_text`] wrote.
    ///
    /// # Errors
    /// [`InvalidLedger`] with the first line that is not as it should be.
    pub fn from_text(text: &str) -> Result<(Stamp, Self), InvalidLedger> {
        let mut lines = (1..).zip(text.lines());
        let invalid = |line, problem| InvalidLedger { line, problem };
        match lines.next() {
            Some((_, HEAD)) => {}
            Some((line, _)) => return Err(invalid(line, "not a ledger of this version")),
            None => return Err(invalid(1, "the file is empty")),
        }
        let Some((_, stamp)) = lines.next() else { return Err(invalid(2, "the stamp is missing")) };
        let (mut services, mut daemons) = (BTreeMap::new(), BTreeSet::new());
        let mut current: Option<(ServiceKey, Vec<ServerKey>)> = None;
        let mut entries = 0_usize;
        let mut last = 2;
        for (line, text) in lines {
            last = line;
            let (word, rest) = text.split_once(' ').ok_or(invalid(line, "one word alone"))?;
            match word {
                "service" => {
                    services.extend(current.take());
                    current = Some((service_key(rest).ok_or(invalid(line, "not a service"))?, Vec::new()));
                    entries += 1;
                }
                "server" => {
                    let server = rest.parse::<SocketAddr>().map_err(|_| invalid(line, "not a server"))?;
                    let (_, servers) = current.as_mut().ok_or(invalid(line, "a server before any service"))?;
                    servers.push(ServerKey { address: server.ip(), port: server.port() });
                    entries += 1;
                }
                "daemon" => {
                    let role = SyncRole::ALL.into_iter().find(|role| role.to_string() == rest);
                    daemons.insert(role.ok_or(invalid(line, "not a sync daemon"))?);
                    entries += 1;
                }
                "end" if rest.parse() == Ok(entries) => {
                    services.extend(current.take());
                    for servers in services.values_mut() {
                        servers.sort_unstable();
                        servers.dedup();
                    }
                    return Ok((Stamp(stamp.to_owned()), Self { services, daemons }));
                }
                "end" => return Err(invalid(line, "the number of entries is another than the file says")),
                _ => return Err(invalid(line, "an unknown word")),
            }
        }
        Err(invalid(last, "the file is cut short"))
    }
}

/// What `Display` of [`ServiceKey`] writes.
pub(super) fn service_key(text: &str) -> Option<ServiceKey> {
    let (word, rest) = text.split_once(' ')?;
    if word == "fwmark" {
        let (mark, family) = match rest.strip_suffix(" IPv6") {
            Some(mark) => (mark, Family::V6),
            None => (rest, Family::V4),
        };
        return Some(ServiceKey::Fwmark { family, mark: mark.parse::<NonZeroU32>().ok()? });
    }
    let protocol = protocol(word)?;
    let address: SocketAddr = rest.parse().ok()?;
    Some(ServiceKey::Address { protocol, address: address.ip(), port: address.port() })
}

/// What `Display` of [`Protocol`] writes.
pub(super) fn protocol(word: &str) -> Option<Protocol> {
    [Protocol::Tcp, Protocol::Udp, Protocol::Sctp].into_iter().find(|protocol| protocol.to_string() == word)
}

#[cfg(test)]
mod tests;
