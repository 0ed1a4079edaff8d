//! The configuration in force with what is known about each of its servers: flat arrays, so that a server with one check
//! costs little more than its check's machine.
//!
//! Services that name the same server share its checks: checks that are equal in every word are made once, and the verdict
//! goes to all. Checks that ask the same at another pace, or with other patience, are made apart: each was promised to its
//! service as it is written, and a verdict after one failure is no answer to who forgives three.

use std::collections::hash_map::Entry;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::desired::Health;
use super::floor::{self, Footing};
use crate::check::{Machine, Outcome, Random, Verdict, same_probe};
use crate::model::{Check, Config, ServerConfig, ServerKey, ServiceConfig, ServiceKey, Weight};

/// Without `warmup`, first checks start at this pace, and all of them within [`FIRST_CHECKS`].
const FIRST_CHECK_SPACING: Duration = Duration::from_micros(100);
const FIRST_CHECKS: Duration = Duration::from_secs(1);

#[derive(Debug)]
struct ServiceState {
    first_server: u32,
    dirty: bool,
}

#[derive(Debug)]
struct ServerState {
    service: u32,
    /// Where its checks begin in [`Roster::made_by`].
    first_check: u32,
    health: Health,
    /// It failed, and stays as its service's floor asks.
    kept: bool,
    since: Instant,
}

#[derive(Debug)]
pub(super) struct Slot {
    pub(super) machine: Machine,
    /// Number of the probe that runs; 0: none.
    pub(super) probe: u64,
    /// A server that has this check, and the check's place among that server's.
    server: u32,
    place: u32,
    /// Where the servers that have it begin in [`Roster::users`].
    first_user: u32,
}

impl Slot {
    fn is_fresh(&self) -> bool {
        self.machine.last().is_none() && !self.machine.is_probing()
    }
}

/// One server, for those who show it.
#[derive(Debug)]
pub struct ServerStatus<'a> {
    /// As configured.
    pub config: &'a ServerConfig,
    /// How it is.
    pub health: Health,
    /// Since when.
    pub since: Instant,
    /// It failed, and stays in the table as its service's floor asks.
    pub kept: bool,
    /// Its checks.
    pub checks: Vec<CheckStatus<'a>>,
}

/// One check, for those who show it.
#[derive(Debug)]
pub struct CheckStatus<'a> {
    /// As configured.
    pub config: &'a Check,
    /// What it has found out.
    pub machine: &'a Machine,
}

impl ServerStatus<'_> {
    /// Why it is as it is, as a sentence.
    #[must_use]
    pub fn reason(&self) -> String {
        let verdict = match self.health {
            Health::Unchecked => return "has no checks".to_owned(),
            Health::Up => Some(Verdict::Up),
            Health::Down => Some(Verdict::Down),
            Health::Unknown => None,
        };
        let decisive = self.checks.iter().find(|check| check.machine.verdict() == verdict);
        match (decisive.and_then(|check| check.machine.last()), self.health) {
            (Some(outcome), Health::Up) if !outcome.is_ok() && outcome.was_tried() => format!("{outcome}; tried again"),
            (Some(outcome), _) if self.kept => format!("{outcome}; it stays, for the floor of its service asks for it"),
            (Some(outcome), _) => outcome.to_string(),
            (None, _) => "not checked yet".to_owned(),
        }
    }
}

#[derive(Debug)]
pub(super) struct Roster {
    pub(super) config: Arc<Config>,
    services: Vec<ServiceState>,
    servers: Vec<ServerState>,
    /// Each check once.
    pub(super) checks: Vec<Slot>,
    /// For each check of each server, as the file has them, which of `checks` it is.
    made_by: Vec<u32>,
    /// For each of `checks` the servers that have it.
    users: Vec<u32>,
    index: HashMap<ServiceKey, u32>,
    dirty: Vec<u32>,
    /// Services with a floor among whose servers something changed.
    unsettled: BTreeSet<u32>,
}

impl Roster {
    pub(super) fn empty(now: Instant) -> Self {
        Self::new(Arc::default(), None, &mut Random::new(0), now)
    }

    /// A roster for this configuration. Servers and checks that were there `before` keep what is known about them.
    pub(super) fn new(config: Arc<Config>, before: Option<&Self>, random: &mut Random, now: Instant) -> Self {
        let all_servers = || config.services.iter().flat_map(|service| &service.servers);
        let all_checks = all_servers().map(|server| server.checks.len()).sum();
        let mut index = HashMap::with_capacity(config.services.len());
        for (place, service) in (0..).zip(&config.services) {
            index.extend(service.keys().map(|key| (key, place)));
        }
        let mut new = Self {
            services: Vec::with_capacity(config.services.len()),
            servers: Vec::with_capacity(all_servers().count()),
            checks: Vec::new(),
            made_by: Vec::with_capacity(all_checks),
            users: Vec::new(),
            index,
            config: Arc::clone(&config),
            dirty: Vec::new(),
            unsettled: BTreeSet::new(),
        };
        let spread = FIRST_CHECKS.min(FIRST_CHECK_SPACING * number(all_checks));
        let mut shared: HashMap<&Check, u32> = HashMap::with_capacity(all_checks);
        let mut from: Vec<Option<u32>> = Vec::with_capacity(all_servers().count());
        for service in &config.services {
            let old = before.map(|before| before.servers_of(service)).unwrap_or_default();
            let (index, first_server) = (number(new.services.len()), number(new.servers.len()));
            new.services.push(ServiceState { first_server, dirty: false });
            for server in &service.servers {
                let old = before.zip(old.get(&server.key).copied());
                let this = number(new.servers.len());
                let first_check = number(new.made_by.len());
                for (place, check) in server.checks.iter().enumerate() {
                    let known = || old.and_then(|(before, old)| before.carry(old, check, place, now));
                    let at = match shared.entry(check) {
                        Entry::Occupied(there) => *there.get(),
                        Entry::Vacant(free) => {
                            let (machine, probe) = known().unwrap_or_else(|| {
                                (Machine::new(random.within(check.warmup.unwrap_or(spread)), now), 0)
                            });
                            new.checks.push(Slot { machine, probe, server: this, place: number(place), first_user: 0 });
                            *free.insert(number(new.checks.len() - 1))
                        }
                    };
                    // The one who named it first may be new, and another not.
                    if let Some(slot) = new.checks.get_mut(at as usize)
                        && slot.is_fresh()
                        && let Some((machine, probe)) = known()
                    {
                        slot.machine = machine;
                        slot.probe = probe;
                    }
                    new.made_by.push(at);
                }
                new.servers.push(ServerState {
                    service: index,
                    first_check,
                    health: Health::Unknown,
                    kept: false,
                    since: now,
                });
                from.push(old.map(|(_, old)| old));
            }
        }
        new.checks.shrink_to_fit();
        new.list_users();
        for (this, old) in (0..).zip(from) {
            let health = new.judge(this);
            let old = before.zip(old).and_then(|(before, old)| before.servers.get(old as usize));
            if let Some(state) = new.servers.get_mut(this as usize) {
                state.health = health;
                state.since = old.filter(|old| old.health == health).map_or(now, |old| old.since);
                // Told of before, and not again, if it is still so; decided anew below.
                state.kept = old.is_some_and(|old| old.kept);
            }
        }
        new.unsettled = (0..number(new.services.len())).filter(|place| new.minds_floor(*place)).collect();
        new
    }

    /// Who has which check: counted, then laid out one after the other.
    fn list_users(&mut self) {
        let mut next = vec![0_u32; self.checks.len() + 1];
        for at in &self.made_by {
            if let Some(count) = next.get_mut(*at as usize + 1) {
                *count += 1;
            }
        }
        let mut begin = 0;
        for (count, slot) in next.iter_mut().zip(self.checks.iter_mut().map(Some).chain([None])) {
            begin += *count;
            *count = begin;
            if let Some(slot) = slot {
                slot.first_user = begin;
            }
        }
        self.users = vec![0; self.made_by.len()];
        for (this, state) in (0..).zip(&self.servers) {
            let end = self.servers.get(this as usize + 1).map_or(self.made_by.len(), |next| next.first_check as usize);
            for at in self.made_by.get(state.first_check as usize..end).unwrap_or_default() {
                let Some(place) = next.get_mut(*at as usize) else { continue };
                if let Some(user) = self.users.get_mut(*place as usize) {
                    *user = this;
                }
                *place += 1;
            }
        }
    }

    /// The servers that have a check.
    fn users_of(&self, check: u32) -> &[u32] {
        let first = |slot: &Slot| slot.first_user as usize;
        let Some(begin) = self.checks.get(check as usize).map(first) else { return &[] };
        let end = self.checks.get(check as usize + 1).map_or(self.users.len(), first);
        self.users.get(begin..end).unwrap_or_default()
    }

    /// The servers of what was the same service before: one that had one of its keys.
    fn servers_of(&self, service: &ServiceConfig) -> HashMap<ServerKey, u32> {
        let Some(place) = service.keys().find_map(|key| self.index.get(&key).copied()) else { return HashMap::new() };
        let first = self.services.get(place as usize).map_or(0, |service| service.first_server);
        let servers = self.config.services.get(place as usize).map(|service| service.servers.as_slice());
        (first..).zip(servers.unwrap_or_default()).map(|(index, server)| (server.key, index)).collect()
    }

    /// What is known about a check of an old server: that in the same place if it asks the same, else any that does.
    fn carry(&self, server: u32, check: &Check, place: usize, now: Instant) -> Option<(Machine, u64)> {
        let first = self.servers.get(server as usize)?.first_check as usize;
        let old = &self.server_config(server)?.checks;
        let here = old.get(place).filter(|old| same_probe(old, check)).map(|_| place);
        let place = here.or_else(|| old.iter().position(|old| same_probe(old, check)))?;
        let (at, old) = (*self.made_by.get(first + place)?, old.get(place)?);
        let slot = self.checks.get(at as usize)?;
        let mut machine = slot.machine.clone();
        if old != check {
            machine.reconfigure(check, now);
        }
        Some((machine, slot.probe))
    }

    fn server_config(&self, server: u32) -> Option<&ServerConfig> {
        let state = self.servers.get(server as usize)?;
        let first = self.services.get(state.service as usize)?.first_server;
        self.config.services.get(state.service as usize)?.servers.get((server - first) as usize)
    }

    /// A check as configured, with a service and server that have it.
    pub(super) fn check(&self, check: u32) -> Option<(&ServiceConfig, ServerKey, &Check)> {
        let slot = self.checks.get(check as usize)?;
        let (service, key) = self.server(slot.server)?;
        Some((service, key, self.server_config(slot.server)?.checks.get(slot.place as usize)?))
    }

    /// A server with its service.
    pub(super) fn server(&self, server: u32) -> Option<(&ServiceConfig, ServerKey)> {
        let state = self.servers.get(server as usize)?;
        let config = self.server_config(server)?;
        Some((self.config.services.get(state.service as usize)?, config.key))
    }

    /// Lends a machine together with its check.
    pub(super) fn slot(&mut self, check: u32) -> Option<(&mut Slot, &Check)> {
        let slot = self.checks.get_mut(check as usize)?;
        let state = self.servers.get(slot.server as usize)?;
        let first = self.services.get(state.service as usize)?.first_server;
        let config = self.config.services.get(state.service as usize)?.servers.get((slot.server - first) as usize)?;
        let check_config = config.checks.get(slot.place as usize)?;
        Some((slot, check_config))
    }

    fn judge(&self, server: u32) -> Health {
        let mut checks = self.checks_of(server).peekable();
        if checks.peek().is_none() {
            return Health::Unchecked;
        }
        let mut health = Health::Up;
        for slot in checks {
            match slot.machine.verdict() {
                Some(Verdict::Down) => return Health::Down,
                None => health = Health::Unknown,
                Some(Verdict::Up) => {}
            }
        }
        health
    }

    fn checks_of(&self, server: u32) -> impl Iterator<Item = &Slot> {
        let first = self.servers.get(server as usize).map_or(0, |state| state.first_check as usize);
        let end = self.servers.get(server as usize + 1).map_or(self.made_by.len(), |next| next.first_check as usize);
        let made_by = self.made_by.get(first..end).unwrap_or_default();
        made_by.iter().filter_map(|at| self.checks.get(*at as usize))
    }

    /// The checks of the server that a service of the kernel's table has so, and what people call the service. `None`: it is
    /// not configured, or not checked.
    pub(super) fn checks_at(&self, key: ServiceKey, entry: ServerKey) -> Option<(String, Vec<u32>)> {
        let place = self.place(key)? as usize;
        let config = self.config.services.get(place)?;
        let at = config.servers.iter().position(|server| config.entry(key, server) == Some(entry))?;
        let server = self.services.get(place)?.first_server as usize + at;
        let first = self.servers.get(server)?.first_check as usize;
        let checks = self.made_by.get(first..first + config.servers.get(at)?.checks.len())?;
        (!checks.is_empty()).then(|| (config.title(), checks.to_vec()))
    }

    /// A check has come to a new verdict. Returns the servers whose health is new too.
    pub(super) fn verdict(&mut self, check: u32, now: Instant) -> Vec<(u32, Health)> {
        let mut news = Vec::new();
        for server in self.users_of(check).to_vec() {
            let health = self.judge(server);
            let Some(state) = self.servers.get_mut(server as usize) else { continue };
            if state.health == health {
                continue;
            }
            state.health = health;
            state.since = now;
            let service = state.service;
            self.mark(service);
            if self.minds_floor(service) {
                self.unsettled.insert(service);
            }
            news.push((server, health));
        }
        news
    }

    fn mark(&mut self, service: u32) {
        if let Some(state) = self.services.get_mut(service as usize).filter(|state| !state.dirty) {
            state.dirty = true;
            self.dirty.push(service);
        }
    }

    /// A service is to be compared with the kernel's. Returns whether it is one of ours.
    pub(super) fn mark_key(&mut self, service: ServiceKey) -> bool {
        let place = self.index.get(&service).copied();
        if let Some(place) = place {
            self.mark(place);
        }
        place.is_some()
    }

    /// Where a service stands in the file.
    pub(super) fn place(&self, service: ServiceKey) -> Option<u32> {
        self.index.get(&service).copied()
    }

    pub(super) fn has_dirty(&self) -> bool {
        !self.dirty.is_empty()
    }

    /// Places of the services that are to be compared, in the file's order; none is dirty afterwards.
    pub(super) fn take_dirty(&mut self) -> Vec<u32> {
        let mut dirty = std::mem::take(&mut self.dirty);
        for place in &dirty {
            if let Some(state) = self.services.get_mut(*place as usize) {
                state.dirty = false;
            }
        }
        dirty.sort_unstable();
        dirty
    }

    pub(super) fn is_configured(&self, service: ServiceKey) -> bool {
        self.index.contains_key(&service)
    }

    /// A service as configured, and how the server in a given place counts: one that its floor keeps, as up.
    pub(super) fn service(&self, place: u32) -> Option<(&ServiceConfig, impl Fn(usize) -> Health + '_)> {
        let (config, verdict) = self.verdicts(place)?;
        let first = self.services.get(place as usize)?.first_server as usize;
        let kept = move |server: usize| self.servers.get(first + server).is_some_and(|state| state.kept);
        Some((config, move |server| if kept(server) { Health::Up } else { verdict(server) }))
    }

    /// A service as configured, and what checks say of the server in a given place.
    pub(super) fn verdicts(&self, place: u32) -> Option<(&ServiceConfig, impl Fn(usize) -> Health + '_)> {
        let first = self.services.get(place as usize)?.first_server as usize;
        let health =
            move |server: usize| self.servers.get(first + server).map_or(Health::Unknown, |state| state.health);
        Some((self.config.services.get(place as usize)?, health))
    }

    /// It has a floor, or had one until now.
    fn minds_floor(&self, place: u32) -> bool {
        let Some(config) = self.config.services.get(place as usize) else { return false };
        let first = self.services.get(place as usize).map_or(0, |service| service.first_server as usize);
        let states = self.servers.get(first..first + config.servers.len()).unwrap_or_default();
        config.floor.is_some() || states.iter().any(|state| state.kept)
    }

    /// Decides anew which failed servers stay, where something changed. Returns services of which some stay now and none did
    /// before, and the other way round: how many stay.
    pub(super) fn settle_floors(&mut self) -> Vec<(u32, usize)> {
        let mut news = Vec::new();
        for place in std::mem::take(&mut self.unsettled) {
            let Some(config) = self.config.services.get(place as usize) else { continue };
            let Some(first) = self.services.get(place as usize).map(|service| service.first_server as usize) else {
                continue;
            };
            let states = self.servers.get_mut(first..first + config.servers.len()).unwrap_or_default();
            let footing = |(state, config): (&ServerState, &ServerConfig)| Footing {
                health: state.health,
                since: state.since,
                carries: config.settings.weight != Weight::ZERO,
            };
            let kept = match config.floor {
                Some(floor) => floor::kept(floor, states.iter().zip(&config.servers).map(footing)),
                None => Vec::new(),
            };
            let before = states.iter().filter(|state| state.kept).count();
            states.iter_mut().for_each(|state| state.kept = false);
            for stays in &kept {
                if let Some(state) = states.get_mut(*stays) {
                    state.kept = true;
                }
            }
            if kept.is_empty() != (before == 0) {
                news.push((place, kept.len()));
            }
        }
        news
    }

    /// The servers of a service, for those who show them.
    pub(super) fn statuses<'a>(&'a self, place: u32) -> Vec<ServerStatus<'a>> {
        let first = self.services.get(place as usize).map_or(0, |service| service.first_server);
        let servers = self.config.services.get(place as usize).map(|service| service.servers.as_slice());
        let status = |(index, config): (u32, &'a ServerConfig)| {
            let state = self.servers.get(index as usize)?;
            let checks = self.checks_of(index).zip(&config.checks);
            let checks = checks.map(|(slot, config)| CheckStatus { config, machine: &slot.machine }).collect();
            Some(ServerStatus { config, health: state.health, since: state.since, kept: state.kept, checks })
        };
        (first..).zip(servers.unwrap_or_default()).filter_map(status).collect()
    }

    /// The last outcome of the check that speaks against a server, with whom it called.
    pub(super) fn last(&self, check: u32) -> Option<Outcome> {
        self.checks.get(check as usize)?.machine.last()
    }
}

fn number(size: usize) -> u32 {
    u32::try_from(size).unwrap_or(u32::MAX)
}
