//! The configuration in force with what is known about each of its servers: flat arrays, so that a server with one check
//! costs little more than its check's machine.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::desired::Health;
use crate::check::{Machine, Outcome, Random, Verdict, same_probe};
use crate::model::{Check, Config, ServerConfig, ServerKey, ServiceConfig, ServiceKey};

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
    first_check: u32,
    health: Health,
    since: Instant,
}

#[derive(Debug)]
pub(super) struct Slot {
    pub(super) machine: Machine,
    /// Number of the probe that runs; 0: none.
    pub(super) probe: u64,
    server: u32,
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
    pub(super) checks: Vec<Slot>,
    index: HashMap<ServiceKey, u32>,
    dirty: Vec<u32>,
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
            checks: Vec::with_capacity(all_checks),
            index,
            config: Arc::clone(&config),
            dirty: Vec::new(),
        };
        let spread = FIRST_CHECKS.min(FIRST_CHECK_SPACING * number(all_checks));
        for service in &config.services {
            let old = before.map(|before| before.servers_of(service)).unwrap_or_default();
            let (index, first_server) = (number(new.services.len()), number(new.servers.len()));
            new.services.push(ServiceState { first_server, dirty: false });
            for server in &service.servers {
                let old = before.zip(old.get(&server.key).copied());
                let this = number(new.servers.len());
                let first_check = number(new.checks.len());
                for (place, check) in server.checks.iter().enumerate() {
                    let known = old.and_then(|(before, old)| before.carry(old, check, place, now));
                    let slot = known.unwrap_or_else(|| {
                        let first_in = random.within(check.warmup.unwrap_or(spread));
                        Slot { machine: Machine::new(first_in, now), probe: 0, server: this }
                    });
                    new.checks.push(Slot { server: this, ..slot });
                }
                new.servers.push(ServerState { service: index, first_check, health: Health::Unknown, since: now });
                let health = new.judge(this);
                let old = old.and_then(|(before, old)| before.servers.get(old as usize));
                if let Some(state) = new.servers.get_mut(this as usize) {
                    state.health = health;
                    state.since = old.filter(|old| old.health == health).map_or(now, |old| old.since);
                }
            }
        }
        new
    }

    /// The servers of what was the same service before: one that had one of its keys.
    fn servers_of(&self, service: &ServiceConfig) -> HashMap<ServerKey, u32> {
        let Some(place) = service.keys().find_map(|key| self.index.get(&key).copied()) else { return HashMap::new() };
        let first = self.services.get(place as usize).map_or(0, |service| service.first_server);
        let servers = self.config.services.get(place as usize).map(|service| service.servers.as_slice());
        (first..).zip(servers.unwrap_or_default()).map(|(index, server)| (server.key, index)).collect()
    }

    /// What is known about a check of an old server: that in the same place if it asks the same, else any that does.
    fn carry(&self, server: u32, check: &Check, place: usize, now: Instant) -> Option<Slot> {
        let first = self.servers.get(server as usize)?.first_check as usize;
        let old = &self.server_config(server)?.checks;
        let here = old.get(place).filter(|old| same_probe(old, check)).map(|_| place);
        let place = here.or_else(|| old.iter().position(|old| same_probe(old, check)))?;
        let (slot, old) = (self.checks.get(first + place)?, old.get(place)?);
        let mut machine = slot.machine.clone();
        if old != check {
            machine.reconfigure(check, now);
        }
        Some(Slot { machine, probe: slot.probe, server })
    }

    fn server_config(&self, server: u32) -> Option<&ServerConfig> {
        let state = self.servers.get(server as usize)?;
        let first = self.services.get(state.service as usize)?.first_server;
        self.config.services.get(state.service as usize)?.servers.get((server - first) as usize)
    }

    /// A check as configured, with its service and server.
    pub(super) fn check(&self, check: u32) -> Option<(&ServiceConfig, ServerKey, &Check)> {
        let server = self.checks.get(check as usize)?.server;
        let state = self.servers.get(server as usize)?;
        let config = self.server_config(server)?;
        let service = self.config.services.get(state.service as usize)?;
        Some((service, config.key, config.checks.get((check - state.first_check) as usize)?))
    }

    /// Lends a machine together with its check.
    pub(super) fn slot(&mut self, check: u32) -> Option<(&mut Slot, &Check)> {
        let server = self.checks.get(check as usize)?.server;
        let state = self.servers.get(server as usize)?;
        let first = self.services.get(state.service as usize)?.first_server;
        let config = self.config.services.get(state.service as usize)?.servers.get((server - first) as usize)?;
        let check_config = config.checks.get((check - state.first_check) as usize)?;
        Some((self.checks.get_mut(check as usize)?, check_config))
    }

    fn judge(&self, server: u32) -> Health {
        let checks = self.checks_of(server);
        if checks.is_empty() {
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

    fn checks_of(&self, server: u32) -> &[Slot] {
        let Some(state) = self.servers.get(server as usize) else { return &[] };
        let count = self.server_config(server).map_or(0, |config| config.checks.len());
        let first = state.first_check as usize;
        self.checks.get(first..first + count).unwrap_or_default()
    }

    /// A check has come to a new verdict. Returns the server's health where that is new too.
    pub(super) fn verdict(&mut self, check: u32, now: Instant) -> Option<Health> {
        let server = self.checks.get(check as usize)?.server;
        let health = self.judge(server);
        let state = self.servers.get_mut(server as usize)?;
        if state.health == health {
            return None;
        }
        state.health = health;
        state.since = now;
        let service = state.service;
        self.mark(service);
        Some(health)
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

    /// A service as configured, and how the server in a given place is.
    pub(super) fn service(&self, place: u32) -> Option<(&ServiceConfig, impl Fn(usize) -> Health + '_)> {
        let first = self.services.get(place as usize)?.first_server as usize;
        let health =
            move |server: usize| self.servers.get(first + server).map_or(Health::Unknown, |state| state.health);
        Some((self.config.services.get(place as usize)?, health))
    }

    /// The servers of a service, for those who show them.
    pub(super) fn statuses<'a>(&'a self, place: u32) -> Vec<ServerStatus<'a>> {
        let first = self.services.get(place as usize).map_or(0, |service| service.first_server);
        let servers = self.config.services.get(place as usize).map(|service| service.servers.as_slice());
        let status = |(index, config): (u32, &'a ServerConfig)| {
            let state = self.servers.get(index as usize)?;
            let checks = self.checks_of(index).iter().zip(&config.checks);
            let checks = checks.map(|(slot, config)| CheckStatus { config, machine: &slot.machine }).collect();
            Some(ServerStatus { config, health: state.health, since: state.since, checks })
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
