//! Servers with all that is known of them, for those who show them.

use std::time::Instant;

use super::Roster;
use crate::balance::desired::Health;
use crate::balance::wishes::Wish;
use crate::check::{Machine, Outcome, Verdict};
use crate::model::{Check, ServerConfig, ServiceConfig, Weight};

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
    /// Nothing is known of it, and this host does not let its checks be made: unless it has `alpha`, it is taken to be well.
    pub prevented: bool,
    /// The weight that its checks give it while it is up; `None`: one that has a say has said nothing yet.
    pub weight: Option<Weight>,
    /// What the operator wishes of it.
    pub wish: Option<Wish>,
    /// It returns slowly: until then it has less than its weight.
    pub rises_until: Option<Instant>,
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
        let flawed = self.checks.iter().find(|check| is_flawed(check)).filter(|_| self.health == Health::Up);
        let decisive = flawed.or_else(|| self.checks.iter().find(|check| check.machine.verdict() == verdict));
        let last = decisive.and_then(|check| Some((check.machine.last()?, &check.config.kind)));
        match (last, self.health) {
            (Some((outcome, _)), Health::Up) if !outcome.is_ok() && outcome.was_tried() => {
                format!("{}; tried again", self.in_light(outcome))
            }
            (Some((outcome, _)), _) if self.kept => {
                format!("{}; it stays, for the floor of its service asks for it", self.in_light(outcome))
            }
            (Some((outcome @ Outcome::NotTried(obstacle), _)), Health::Unknown)
                if self.prevented && obstacle.is_mistake() =>
            {
                format!("{outcome}; it stays out until that is mended")
            }
            (Some((outcome, _)), Health::Unknown) if self.prevented && !self.config.alpha => {
                format!("{outcome}; it is trusted, as long as nothing can be found out")
            }
            (Some((outcome, _)), Health::Unknown) if self.prevented => {
                format!("{outcome}; it stays out, for it has to prove itself (alpha)")
            }
            (Some((outcome, kind)), _) => self.in_light(outcome).of(kind),
            (None, _) => "not checked yet".to_owned(),
        }
    }
}

fn is_flawed(check: &CheckStatus<'_>) -> bool {
    check.machine.last().is_some_and(Outcome::is_flawed)
}

impl ServerStatus<'_> {
    /// What is to be mended of it though it works.
    #[must_use]
    pub fn flaw(&self) -> Option<Outcome> {
        self.checks.iter().find(|check| is_flawed(check)).and_then(|check| check.machine.last())
    }

    fn in_light(&self, outcome: Outcome) -> Outcome {
        outcome.beside(self.checks.iter().map(|check| (&check.config.kind, check.machine.verdict())))
    }
}

impl Roster {
    /// The servers of a service, for those who show them.
    pub(in crate::balance) fn statuses<'a>(&'a self, place: u32) -> Vec<ServerStatus<'a>> {
        let first = self.services.get(place as usize).map_or(0, |service| service.first_server);
        let servers = self.config.services.get(place as usize).map(|service| service.servers.as_slice());
        let families: Vec<_> =
            self.config.services.get(place as usize).into_iter().flat_map(ServiceConfig::families).collect();
        let rises = |server: &ServerConfig| {
            families.iter().any(|family| server.takes(*family) && !self.is_open(place, *family))
        };
        let status = |(index, config): (u32, &'a ServerConfig)| {
            let state = self.servers.get(index as usize)?;
            let checks = self.checks_of(index).zip(&config.checks);
            let checks = checks.map(|(slot, config)| CheckStatus { config, machine: &slot.machine }).collect();
            let weight = self.weigh(index);
            let (health, since, kept) = (state.health, state.since, state.kept.any());
            let rises_until = self.ramps.until(index).filter(|_| rises(config));
            let prevented = self.is_prevented(index);
            Some(ServerStatus { config, health, since, kept, prevented, weight, wish: None, rises_until, checks })
        };
        (first..).zip(servers.unwrap_or_default()).filter_map(status).collect()
    }
}
