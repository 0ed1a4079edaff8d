//! What the checks of a server say of it, all taken together: whether it is well, what it weighs, and how it counts.

use std::time::Instant;

use super::{Roster, number};
use crate::balance::desired::{Health, Standing};
use crate::check::{Outcome, Verdict};
use crate::model::{ServiceConfig, Weight};

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
        let mistaken = |last| matches!(last, Outcome::NotTried(obstacle) if obstacle.is_mistake());
        self.checks_of(server).any(|slot| slot.machine.verdict().is_none() && slot.machine.last().is_some_and(mistaken))
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

    /// A check has come to a new verdict. Returns the servers whose health is new too, before and now.
    pub(in crate::balance) fn verdict(&mut self, check: u32, now: Instant) -> Vec<(u32, Health, Health)> {
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
            let before = std::mem::replace(&mut state.health, health);
            state.since = now;
            let service = state.service;
            self.changed(service, server);
            news.push((server, before, health));
        }
        news
    }

    /// A service as configured, and how the server in a given place counts: one that its floor keeps, as up; one that returns
    /// slowly, with a part of its weight, unless clients are sent to servers that failed meanwhile.
    pub(in crate::balance) fn service(&self, place: u32) -> Option<(&ServiceConfig, impl Fn(usize) -> Standing + '_)> {
        let (config, verdict) = self.verdicts(place)?;
        let first = self.services.get(place as usize)?.first_server as usize;
        let is_open = self.is_open(place);
        let kept = move |server: usize| self.servers.get(first + server).is_some_and(|state| state.kept);
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
