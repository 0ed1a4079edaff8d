//! Who takes the place of whom: no service is left without a server because a reload named others, and a sorry server that is
//! needed no more finishes what it has.
//!
//! A server that is new in the file gets connections after its first success. Where a reload names nobody but such, all that it
//! does not name any more would go before anybody had come. So they serve on, as they were found, as long as both is true:
//!
//! - servers of the file that work do not weigh enough to keep the quorum, which is mostly: there is none;
//! - one of the file at least has not had its first verdict, and will have it.
//!
//! What a floor puts in although it failed is no heir, and while somebody serves on it puts in nobody. A service for both families is
//! asked for each of them: clients of the one cannot be sent to the other's servers, however much these weigh. There the others
//! serve on too as long as no server at all works that their packets reach.
//!
//! Every check comes to a verdict, or is found to be prevented, in bounded time, and so this ends. While it lasts those that
//! serve on count for the quorum and for virtual routers that watch the service, for it is they whom clients get. Where the quorum
//! was lost before, the sorry server is in charge of each family that it has, and there nobody serves on. What ends it may lose the quorum: then the sorry server
//! comes in with the same batch.
//!
//! With the quorum won a sorry server gets nothing new. It is drained as any server that a reload removes, for the same time;
//! without `drain` it goes at once, and with `sorry_server_inhibit` it stays in any case. Where persistence binds clients to
//! servers it goes at once too: as long as it were there the kernel would send to it, at weight 0 as well, all new connections of
//! whoever had come while it was in charge, and they would see the page that says sorry though all is well. (Unless the kernel was
//! told to bind nobody to weight 0, which is known from the last look at the table.)

use std::collections::BTreeMap;

use super::wishes::FIRST_COUNT;
use super::{Balancer, Life, Output};
use crate::balance::desired;
use crate::balance::event::Event;
use crate::balance::leaving::{Leaver, News};
use crate::balance::quorum::Quorum;
use crate::balance::roster::thresholds;
use crate::balance::table::{Service, Table};
use crate::balance::{Health, Standing};
use crate::model::{Family, ServerKey, ServiceKey, Weight};

impl Balancer {
    /// The table for a configuration that is new, or that was found at a start: who is named no more and serves on.
    pub(super) fn serve_on(&mut self, table: &Table) -> Vec<News> {
        let services = (0..).zip(&self.roster.config.services);
        let keys = services.flat_map(|(place, service)| service.keys().map(move |key| (place, key)));
        let mut waits = BTreeMap::new();
        let mut left = |(place, key): &(u32, ServiceKey)| {
            let asked = (*place, key.family());
            table.services.get(key).is_some_and(|found| self.has_unnamed(*key, found))
                && *waits.entry(asked).or_insert_with(|| self.waits_for_heirs(asked, table))
        };
        let keys: Vec<_> = keys.filter(|key| left(key)).map(|(_, key)| key).collect();
        let handovers = &mut self.handovers;
        handovers.leaving.serve_on(table, (&self.ledger, &handovers.claims), keys.into_iter())
    }

    fn has_unnamed(&self, key: ServiceKey, found: &Service) -> bool {
        found.servers().iter().any(|(server, _)| !self.handovers.claims.has_server(key, *server))
    }

    /// The servers that a service has now for packets of a family cannot carry it, and one of them at least may yet.
    fn waits_for_heirs(&self, (place, family): (u32, Family), table: &Table) -> bool {
        let Some(service) = self.roster.config.services.get(place as usize) else { return false };
        let mut keys = service.keys().filter(|key| key.family() == family);
        let sorry = self.roster.quorum(place) == Some(Quorum::Lost)
            && keys.any(|key| desired::sorry_of(service, key).is_some());
        !sorry
            && self.awaits_verdicts(place, family)
            && (self.proven_weight(place, Some(family), table) == 0
                || self.proven_weight(place, None, table) < thresholds(service).to_keep())
    }

    fn awaits_verdicts(&self, place: u32, family: Family) -> bool {
        let Some((service, known)) = self.roster.verdicts(place) else { return false };
        let awaited = |(nth, server): (usize, &crate::model::ServerConfig)| {
            let standing: Standing = known(nth);
            let carries = standing.weight.unwrap_or(server.settings.weight) != Weight::ZERO;
            let silent = standing.health == Health::Unknown && !standing.prevented && standing.held.is_none();
            silent && carries && server.takes(family)
        };
        !self.roster.standing(place).resting && service.servers.iter().enumerate().any(awaited)
    }

    /// Relieves those that need not serve on any more.
    pub(super) fn settle_successions(&mut self) {
        match self.life {
            Life::Running if self.is_table_known() && std::mem::take(&mut self.handovers.heirs_stirred) => {}
            Life::Running | Life::Stopping | Life::Stopped => return,
        }
        // All who serve on for one family in a service are relieved together.
        let mut waits = BTreeMap::new();
        let mut over = |(service, _): &Leaver| {
            self.roster.place(*service).is_none_or(|place| {
                let asked = (place, service.family());
                !*waits.entry(asked).or_insert_with(|| self.waits_for_heirs(asked, &self.observed))
            })
        };
        let relieved: Vec<_> = self.handovers.leaving.serving().filter(|leaver| over(leaver)).collect();
        if relieved.is_empty() {
            return;
        }
        let leavers = relieved.clone();
        for leaver @ (service, server) in relieved {
            let within = self.patience(service);
            self.handovers.leaving.drain(leaver, Some(within), self.now);
            let title = service.to_string();
            self.outputs.push_back(Output::Event(Event::Relieved { service: title, server, within }));
            match self.roster.place(service) {
                Some(place) => {
                    self.roster.stir(place);
                    self.roster.unsettle(place);
                }
                None => self.compare_all = true,
            }
            self.roster.mark_key(service);
        }
        self.departed(&leavers);
        // Whose weight counted until now counts no more, and where nobody works the floor has to do with those that failed.
        self.settle_floors();
        self.settle_quorums();
    }

    /// The quorum of a service was looked at: its sorry server is in charge, or goes, if it has a place in the table only then.
    pub(super) fn hand_over_sorry(&mut self, place: u32, quorum: Quorum) {
        let Some(service) = self.roster.config.services.get(place as usize) else { return };
        let binds = service.settings.persistence.is_some() && !self.observed.expires_quiescent;
        let Some(sorry) = service.rules.sorry.as_deref() else { return };
        // Whether a server has the same entry is asked of all of them, and so only where there is something to do.
        let there = |leaver: &Leaver| {
            let found = self.observed.services.get(&leaver.0).and_then(|found| found.server(leaver.1));
            found.is_some() || self.handovers.leaving.has(*leaver)
        };
        let entries = service.keys().filter_map(|key| Some((key, service.entry(key, sorry)?))).filter(there);
        let spares: Vec<Leaver> =
            entries.filter(|(key, entry)| desired::spare(service, *key) == Some(*entry)).collect();
        for leaver @ (key, sorry) in spares {
            let changed = match quorum {
                Quorum::Lost => self.handovers.leaving.stays(leaver),
                Quorum::Up => {
                    let found = self.observed.services.get(&key).and_then(|found| found.server(sorry));
                    let within = self.patience(key);
                    let goes =
                        !binds && found.flatten().is_some() && !within.is_zero() && !self.handovers.leaving.has(leaver);
                    if goes {
                        self.handovers.leaving.drain(leaver, Some(within), self.now);
                    }
                    goes
                }
            };
            if changed {
                self.departed(&[leaver]);
            }
        }
    }

    /// Somebody has begun to leave: it is written down, and soon looked at, since often nothing is left.
    fn departed(&mut self, leavers: &[Leaver]) {
        self.stir();
        self.leave_out(leavers.iter().copied());
        self.outputs.push_back(Output::WriteWishes);
        self.look_at = self.look_at.min(self.now + FIRST_COUNT);
    }

    /// How long servers that leave a service have.
    pub(super) fn patience(&self, service: ServiceKey) -> std::time::Duration {
        let config = || self.roster.place(service).and_then(|place| self.roster.config.services.get(place as usize));
        self.handovers.leaving.patience(service).unwrap_or_else(|| self.roster.config.drain_of(config()))
    }

    /// Who serves on in one of the kernel's services, and with which weight.
    pub(super) fn serving_on<'a>(
        &'a self,
        key: ServiceKey,
        found: &'a Service,
    ) -> impl Iterator<Item = (ServerKey, Weight)> + 'a {
        let settings = move |server| found.server(server)?;
        self.handovers.leaving.serving_of(key).filter_map(move |server| Some((server, settings(server)?.weight)))
    }

    /// What those weigh that serve on in a service. Of one with several addresses each has the same servers, or the same of
    /// one family.
    pub(super) fn weight_serving_on(&self, place: u32) -> u64 {
        let Some(service) = self.roster.config.services.get(place as usize) else { return 0 };
        let weight = |family: Family| {
            let sum = |key| -> Option<u64> {
                let serving = self.serving_on(key, self.observed.services.get(&key)?);
                let own = serving.filter(|(server, _)| Family::of(server.address) == family);
                Some(own.map(|(_, weight)| u64::from(weight.value())).sum())
            };
            service.keys().filter_map(sum).max().unwrap_or(0)
        };
        [Family::V4, Family::V6].into_iter().map(weight).sum()
    }
}
