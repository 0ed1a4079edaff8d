//! What the checks of a server say of it, all taken together: whether it is well, what it weighs, and how it counts.

use std::net::IpAddr;
use std::time::Instant;

use super::{Roster, Slot, number};
use crate::balance::desired::{self, Health, Standing};
use crate::balance::table::Table;
use crate::check::{Outcome, Verdict};
use crate::model::{Family, ServiceConfig, ServiceKey, Weight};

/// A server is something else than before.
#[derive(Debug, Clone, Copy)]
pub(in crate::balance) struct News {
    pub(in crate::balance) server: u32,
    /// What people took it for until now; `None`: nothing was known.
    pub(in crate::balance) told: Option<Verdict>,
    pub(in crate::balance) health: Health,
}

/// What people take a server for that is so.
fn verdict_of(health: Health) -> Option<Verdict> {
    match health {
        Health::Up | Health::Unchecked => Some(Verdict::Up),
        Health::Down => Some(Verdict::Down),
        Health::Unknown => None,
    }
}

impl Roster {
    /// The weight that a server's checks give it while it is up: its own, and what they add, together no less than 0. `None`:
    /// one that has a say has said nothing yet.
    pub(super) fn weigh(&self, server: u32) -> Option<Weight> {
        let asked = self.servers.get(server as usize).and_then(|state| state.asked);
        asked.or_else(|| self.weigh_checks(server))
    }

    /// The same, whatever the operator wishes.
    fn weigh_checks(&self, server: u32) -> Option<Weight> {
        let config = self.server_config(server)?;
        let configured = config.settings.weight;
        let mut sum = i64::from(configured.value());
        let checks = self.checks_of(server).zip(&config.checks);
        for (slot, _) in checks.filter(|(_, check)| check.kind.weighs()) {
            match slot.success {
                Some(success) => sum = sum.saturating_add(success.adds(configured).unwrap_or(0)),
                // One that cannot be run, and is forgiven that, has no say.
                None if slot.machine.verdict() == Some(Verdict::Up) => {}
                None => return None,
            }
        }
        let most = Weight::MAX.value();
        Weight::new(u32::try_from(sum.max(0)).unwrap_or(most).min(most)).ok()
    }

    /// What a check adds has changed: the services of its servers are to be compared with the kernel's. Returns those servers
    /// with their weights, as configured and as they are now.
    pub(in crate::balance) fn weight_changed(&mut self, check: u32) -> Vec<(u32, Weight, Weight)> {
        let mut changed = Vec::new();
        for server in self.users_of(check).to_vec() {
            let Some(service) = self.servers.get(server as usize).map(|state| state.service) else { continue };
            self.changed(service, server);
            let configured = self.server_config(server).map(|config| config.settings.weight);
            changed.extend(configured.zip(self.weigh(server)).map(|(configured, weight)| (server, configured, weight)));
        }
        changed
    }

    pub(super) fn judge(&self, server: u32) -> Health {
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

    /// Nothing is known of a server, and all of its checks that are silent are prevented.
    pub(super) fn is_prevented(&self, server: u32) -> bool {
        let mut silent = self.checks_of(server).filter(|slot| slot.machine.verdict().is_none()).peekable();
        silent.peek().is_some()
            && silent.all(|slot| slot.machine.is_prevented())
            && self.judge(server) == Health::Unknown
    }

    /// A mistake in what this host was told is what keeps one of its checks from being made.
    pub(in crate::balance) fn is_mistaken(&self, server: u32) -> bool {
        self.checks_of(server).any(|slot| slot.machine.is_mistaken())
    }

    /// A check turns out to be prevented. Returns its servers of which nothing can be found out now.
    pub(in crate::balance) fn prevented(&mut self, check: u32) -> Vec<u32> {
        let mut servers = self.users_of(check).to_vec();
        servers.retain(|server| self.is_prevented(*server));
        for server in &servers {
            let Some(service) = self.servers.get(*server as usize).map(|state| state.service) else { continue };
            self.changed(service, *server);
        }
        servers
    }

    /// Checks that `warmup` puts off, though nobody has asked yet and clients could be sent to one of their servers otherwise: it
    /// gets none by the table, and need not prove itself.
    pub(in crate::balance) fn awaited(&self, table: &Table) -> Vec<u32> {
        let is_awaited = |server: &u32| {
            let Some((service, config)) = self.server(*server) else { return false };
            let found = |key: ServiceKey| table.services.get(&key)?.server(service.entry(key, config)?);
            !config.alpha && !service.keys().filter_map(found).any(desired::carries)
        };
        let is_put_off = |check: u32| self.check(check).is_some_and(|(_, _, config)| config.warmup.is_some());
        let fresh = (0_u32..).zip(&self.checks).filter(|(_, slot)| slot.is_fresh()).map(|(check, _)| check);
        fresh.filter(|check| is_put_off(*check) && self.users_of(*check).iter().any(is_awaited)).collect()
    }

    /// A check calls at another host. To itself a host needs no cable.
    pub(in crate::balance) fn calls_afar(&self, check: u32, is_own: impl Fn(IpAddr) -> bool) -> bool {
        let Some((_, _, config)) = self.check(check) else { return false };
        let target = config.kind.connect().map(|connect| connect.target.ip());
        !target.is_some_and(|ip| ip.is_loopback() || is_own(ip))
    }

    /// Silence of a check would be news: another host is asked for an answer, and now.
    pub(in crate::balance) fn would_be_missed(&self, check: u32, is_own: impl Fn(IpAddr) -> bool) -> bool {
        let answers = self.check(check).is_some_and(|(_, _, config)| Outcome::Ok.came_back(&config.kind));
        answers && self.calls_afar(check, is_own) && !self.is_resting(check)
    }

    /// Checks that are well and would be missed.
    pub(in crate::balance) fn count_well(&self, is_own: impl Fn(IpAddr) -> bool) -> usize {
        let checks = (0_u32..).zip(&self.checks);
        let well = checks.filter(|(_, slot)| slot.machine.verdict() == Some(Verdict::Up));
        well.filter(|(check, _)| self.would_be_missed(*check, &is_own)).count()
    }

    /// All checks that are well and would be missed, and this one, were given no answer last, and not all of them call at the same
    /// host.
    pub(in crate::balance) fn are_silent_beside(&self, check: u32, is_own: impl Fn(IpAddr) -> bool) -> bool {
        let mut hosts = Vec::new();
        for (slot, this) in self.checks.iter().zip(0_u32..) {
            let well = || slot.machine.verdict() == Some(Verdict::Up) && self.would_be_missed(this, &is_own);
            if this != check && !well() {
                continue;
            }
            if !slot.machine.last().is_some_and(Outcome::is_silence) {
                return false;
            }
            hosts.extend(self.host(slot));
        }
        hosts.iter().any(|host| Some(host) != hosts.first())
    }

    /// Whom a check calls at.
    fn host(&self, slot: &Slot) -> Option<IpAddr> {
        let server = self.server_config(slot.server)?;
        let check = server.checks.get(slot.place as usize)?;
        Some(check.kind.connect().map_or(server.key.address, |connect| connect.target.ip()))
    }

    /// A server counts otherwise, and with it all of a service that has a floor.
    fn changed(&mut self, service: u32, server: u32) {
        if self.minds_floor(service) {
            self.unsettled.insert(service);
            self.mark(service);
            self.stir(service);
        } else {
            self.mark_server(service, server);
            self.stir_server(service, server);
        }
    }

    /// A check has come to a new verdict. Returns the servers whose health is new too.
    pub(in crate::balance) fn verdict(&mut self, check: u32, now: Instant) -> Vec<News> {
        let mut news = Vec::new();
        for server in self.users_of(check).to_vec() {
            let health = self.judge(server);
            let Some(state) = self.servers.get_mut(server as usize) else { continue };
            if state.health == health {
                // Of one that stays unknown it may be known now that all of its other checks are prevented, or what it weighs.
                let service = state.service;
                if health == Health::Unknown {
                    self.changed(service, server);
                }
                continue;
            }
            state.health = health;
            state.since = now;
            let service = state.service;
            self.changed(service, server);
            news.extend(self.news(server));
        }
        news
    }

    /// Servers that a configuration has made something else than people take them for: checks that others have made already
    /// are theirs now, or those that spoke against them are theirs no more. Each with the check that says so, if one does.
    pub(in crate::balance) fn news_of_all(&mut self) -> Vec<(Option<u32>, News)> {
        let mut all = Vec::new();
        for server in 0..number(self.servers.len()) {
            let Some(state) = self.servers.get(server as usize) else { continue };
            let known = verdict_of(state.health);
            if known.is_none() || known == state.told {
                continue;
            }
            let first = state.first_check as usize;
            let count = self.server_config(server).map_or(0, |config| config.checks.len());
            let mut checks = self.made_by.get(first..first + count).unwrap_or_default().iter().copied();
            let says_so = |check: &u32| {
                let slot = self.checks.get(*check as usize);
                slot.is_some_and(|slot| slot.machine.verdict() == known)
            };
            let decisive = checks.find(says_so);
            all.extend(self.news(server).map(|news| (decisive, news)));
        }
        all
    }

    /// How a server is, and what people took it for until now.
    fn news(&mut self, server: u32) -> Option<News> {
        let state = self.servers.get_mut(server as usize)?;
        let told = state.told;
        state.told = verdict_of(state.health).or(told);
        Some(News { server, told, health: state.health })
    }

    /// Whether people take a server for one that is up, however little is known of it now.
    pub(in crate::balance) fn is_up_to_people(&self, service: u32, nth: usize) -> bool {
        let server = (self.first_server(service) as usize).saturating_add(nth);
        self.servers.get(server).is_some_and(|state| match state.health {
            Health::Up | Health::Unchecked => true,
            Health::Unknown => state.told == Some(Verdict::Up),
            Health::Down => false,
        })
    }

    /// A service as configured, and how the server in a given place counts for packets of a family: one that its floor keeps,
    /// as up; one that returns slowly, with a part of its weight, unless clients are sent to servers that failed meanwhile.
    pub(in crate::balance) fn service(
        &self,
        place: u32,
        family: Family,
    ) -> Option<(&ServiceConfig, impl Fn(usize) -> Standing + '_)> {
        let (config, verdict) = self.verdicts(place)?;
        let first = self.services.get(place as usize)?.first_server as usize;
        let is_open = self.is_open(place, family);
        let kept = move |server: usize| self.servers.get(first + server).is_some_and(|state| state.kept.has(family));
        let counts = move |server| {
            let mut standing: Standing = verdict(server);
            let place = number(first.saturating_add(server));
            if !is_open {
                standing.weight = standing.weight.map(|whole| self.ramps.part(place, whole));
            }
            if kept(server) { Standing { health: Health::Up, ..standing } } else { standing }
        };
        Some((config, counts))
    }

    /// A service as configured, and what checks say of the server in a given place.
    pub(in crate::balance) fn verdicts(&self, place: u32) -> Option<(&ServiceConfig, impl Fn(usize) -> Standing + '_)> {
        let first = self.services.get(place as usize)?.first_server;
        let standing = move |server: usize| {
            let server = first.saturating_add(number(server));
            let health = self.servers.get(server as usize).map_or(Health::Unknown, |state| state.health);
            let held = self.servers.get(server as usize).and_then(|state| state.held);
            let prevented = health == Health::Unknown && self.is_prevented(server);
            let mistaken = prevented && self.is_mistaken(server);
            Standing { health, prevented, mistaken, weight: self.weigh(server), held }
        };
        Some((self.config.services.get(place as usize)?, standing))
    }

    /// What a check came to, in the light of the server's others.
    pub(in crate::balance) fn in_light(&self, outcome: Outcome, server: u32) -> Outcome {
        let configs = self.server_config(server).map(|config| config.checks.as_slice()).unwrap_or_default();
        let verdicts = self.checks_of(server).map(|slot| slot.machine.verdict());
        outcome.beside(configs.iter().map(|check| &check.kind).zip(verdicts))
    }
}
