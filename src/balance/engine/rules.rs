//! What holds for all servers of a service together: the quorum, the rest of checks while the address is elsewhere, and who is
//! told of what comes and goes.
//!
//! A service is weighed when a verdict, a configuration or its rest has changed something, and not before the kernel's table
//! is known: servers that carry traffic count, though nothing is known about them yet, and a sorry server that is found in
//! charge stays in charge until enough servers have proved themselves. So a restart takes no connection from anybody.
//!
//! What is weighed is who gets connections, and not who deserves them: a server that failed and stays because of the
//! service's floor counts. Whoever asks for a floor wants the service to fail open, and a sorry server that took over all the
//! same would undo that. It takes over where the floor keeps too little for the quorum. Routers that watch the service see
//! what its checks say (`watched.rs`), and may leave it to another host. Servers that the file names no more and that serve on
//! count as well (`succession.rs`), and so does one whose checks this host does not let be made, unless it has `alpha`.

use std::collections::{BTreeSet, HashSet};
use std::net::IpAddr;

use super::{Balancer, Life, Output};
use crate::balance::desired;
use crate::balance::event::Event;
use crate::balance::notice::{self, Told};
use crate::balance::quorum::{Quorum, Trust};
use crate::balance::roster::{Extent, Roster, thresholds};
use crate::balance::table::Table;
use crate::balance::{Health, Standing};
use crate::model::{Family, ServerConfig, ServerSettings, ServiceConfig, ServiceKey, Suspend};

/// The addresses of this host, as far as they were told.
#[derive(Debug, Clone, Default)]
pub(super) struct Addresses {
    here: BTreeSet<IpAddr>,
    known: bool,
    stirred: bool,
}

impl Addresses {
    /// Somebody may have to rest, or to get up.
    pub(super) fn stir(&mut self) {
        self.stirred = true;
    }

    /// It is one of this host's.
    pub(super) fn has(&self, address: IpAddr) -> bool {
        self.here.contains(&address)
    }

    /// There are some, and none is here.
    fn misses(&self, addresses: impl Iterator<Item = IpAddr>) -> bool {
        let mut addresses = addresses.peekable();
        addresses.peek().is_some() && !addresses.any(|address| self.here.contains(&address))
    }

    /// Whether the checks of a service are to rest.
    fn are_elsewhere(&self, service: &ServiceConfig) -> bool {
        let own = |key| match key {
            ServiceKey::Address { address, .. } => Some(address),
            ServiceKey::Fwmark { .. } => None,
        };
        self.known
            && match &service.rules.suspend {
                Suspend::Never => false,
                Suspend::WithoutOwn => self.misses(service.listeners().filter_map(own)),
                Suspend::Without(addresses) => self.misses(addresses.iter().copied()),
            }
    }
}

impl Balancer {
    pub(super) fn address(&mut self, address: IpAddr, here: bool) {
        let new = if here { self.addresses.here.insert(address) } else { self.addresses.here.remove(&address) };
        self.addresses.stirred |= new;
    }

    pub(super) fn addresses_known(&mut self) {
        self.addresses.known = true;
        self.addresses.stir();
    }

    /// Lays to rest the checks of services whose addresses have gone, and wakes those whose addresses have come.
    pub(super) fn rest(&mut self) {
        match self.life {
            Life::Running => {}
            Life::Stopping | Life::Stopped => return,
        }
        if !std::mem::take(&mut self.addresses.stirred) {
            return;
        }
        let changed = |(place, service, resting): (u32, &ServiceConfig, bool)| {
            // Whether the address comes back may hang on what the checks say: routers that watch it would wait for ever.
            let watched = &self.roster.config.watched_services;
            let watched = service.listeners().any(|key| watched.iter().any(|watched| watched.service == key));
            let rests = !watched && self.addresses.are_elsewhere(service);
            // Where the file has taken the rest away it has not been the address.
            let told = (service.rules.suspend != Suspend::Never).then(|| service.title());
            (rests != resting).then_some((place, told, rests))
        };
        let changed: Vec<_> = self.roster.suspended().filter_map(changed).collect();
        // Of whom silence would be news may have changed.
        self.well = None;
        for (place, service, rests) in changed {
            let checks = self.roster.checks_of_service(place);
            let rested: Vec<_> = checks.into_iter().filter(|check| self.roster.is_resting(*check)).collect();
            self.roster.set_resting(place, rests);
            if let Some(service) = service {
                let event = if rests { Event::Resting { service } } else { Event::Resumed { service } };
                self.outputs.push_back(Output::Event(event));
            }
            if rests {
                // Nobody looks at those again that verdicts are held of: they say what they said before.
                for check in self.roster.checks_of_service(place) {
                    if self.roster.is_resting(check) {
                        self.relieve(check);
                    }
                }
            } else {
                self.resume(&rested);
            }
        }
        self.end_hold();
    }

    /// Checks that rested are due, spread as at a start. Others of the service went on for other services.
    fn resume(&mut self, checks: &[u32]) {
        let spread = Roster::spread(checks.len());
        for check in checks.iter().copied() {
            let first_in = self.random.within(spread);
            let now = self.now;
            if let Some((slot, _)) = self.roster.slot(check) {
                slot.machine.awake();
                slot.machine.resume(first_in, now);
                let at = slot.machine.poll_timeout();
                self.timers.arm(check, at);
            }
        }
        self.stir();
    }

    /// Looks whether services have their quorum that may have won or lost it.
    pub(super) fn settle_quorums(&mut self) {
        match self.life {
            Life::Running if !self.is_table_known() => return,
            Life::Running => {}
            Life::Stopping | Life::Stopped => return,
        }
        let stirred = self.roster.take_stirred();
        self.handovers.heirs_stirred |= !stirred.is_empty();
        for (place, extent) in stirred {
            self.settle_quorum(place, &extent);
        }
    }

    /// How a service's quorum was, and how its servers count that nothing is known about.
    fn quorum_before(&self, place: u32) -> Option<(Quorum, Trust)> {
        let service = self.roster.config.services.get(place as usize)?;
        let table = &self.observed.services;
        let sorry_found = || service.keys().any(|key| desired::is_sorry(service, key, table.get(&key)));
        let found = || service.keys().any(|key| table.contains_key(&key));
        Some(match self.roster.quorum(place) {
            Some(Quorum::Up) => (Quorum::Up, Trust::UntilChecked),
            Some(Quorum::Lost) => (Quorum::Lost, Trust::OnProof),
            None if sorry_found() => (Quorum::Lost, Trust::OnProof),
            None if found() => (Quorum::Up, Trust::UntilChecked),
            // It begins, and has its quorum to win.
            None => (Quorum::Lost, Trust::UntilChecked),
        })
    }

    fn settle_quorum(&mut self, place: u32, extent: &Extent) {
        let Some((before, trust)) = self.quorum_before(place) else { return };
        let sum = self.weigh_service(place, trust, extent) + self.weight_serving_on(place);
        let Some(service) = self.roster.config.services.get(place as usize) else { return };
        let known = self.roster.quorum(place);
        let thresholds = thresholds(service);
        let next = before.next(sum, thresholds);
        let sorry = service.rules.sorry.as_deref().map(|sorry| sorry.key);
        let title = service.title();
        let event = match (known, next) {
            (None | Some(Quorum::Up), Quorum::Up) | (Some(Quorum::Lost), Quorum::Lost) => None,
            (Some(Quorum::Lost), Quorum::Up) => Some(Event::QuorumWon { service: title, sum, sorry }),
            (None | Some(Quorum::Up), Quorum::Lost) => {
                Some(Event::QuorumLost { service: title, sum, needed: thresholds.to_keep(), sorry })
            }
        };
        // As in keepalived: a service that begins with its quorum is told of, and one without if that changes anything.
        let tells = match (known, next) {
            (None, Quorum::Up) => true,
            (None, Quorum::Lost) => sorry.is_some(),
            (Some(before), after) => before != after,
        };
        let told = tells.then(|| notice::of_service(&self.roster.config, service, next == Quorum::Up));
        self.roster.set_quorum(place, next, self.now);
        let paced = if known == Some(next) { extent } else { &Extent::Whole };
        self.roster.pace_rises(place, paced, self.now);
        self.hand_over_sorry(place, next);
        self.outputs.extend(event.filter(|_| tells).map(Output::Event));
        self.tell(told);
    }

    /// What the servers of a service weigh together that carry traffic, or are to.
    fn weigh_service(&mut self, place: u32, trust: Trust, extent: &Extent) -> u64 {
        let known = match extent {
            Extent::Whole => None,
            Extent::Servers(servers) => self.roster.sum(place, trust).map(|sum| (sum, servers)),
        };
        let first = self.roster.first_server(place);
        let sum = match known {
            Some((mut sum, servers)) => {
                for server in servers.iter().copied() {
                    let counts = self.weight_in_service(place, server - first, trust, &self.observed);
                    let before = self.roster.count(server, counts);
                    sum = (sum + u64::from(counts)).saturating_sub(before.into());
                }
                debug_assert_eq!(
                    sum,
                    self.whole_weight(place, trust, &self.observed),
                    "servers that have not changed count otherwise"
                );
                sum
            }
            None => {
                let mut sum = 0;
                for server in self.roster.servers_in(place) {
                    let counts = self.weight_in_service(place, server - first, trust, &self.observed);
                    self.roster.count(server, counts);
                    sum += u64::from(counts);
                }
                sum
            }
        };
        self.roster.set_sum(place, trust, sum);
        sum
    }

    /// The same without a look at what is known already.
    fn whole_weight(&self, place: u32, trust: Trust, table: &Table) -> u64 {
        let first = self.roster.first_server(place);
        let all = self.roster.servers_in(place);
        all.map(|server| u64::from(self.weight_in_service(place, server - first, trust, table))).sum()
    }

    /// What one of them adds to that.
    fn weight_in_service(&self, place: u32, nth: u32, trust: Trust, table: &Table) -> u32 {
        let nth = nth as usize;
        let Some((service, verdict)) = self.roster.verdicts(place) else { return 0 };
        let Some(server) = service.servers.get(nth) else { return 0 };
        let known: Standing = verdict(nth);
        let known = if self.roster.is_kept(place, nth) { Standing { health: Health::Up, ..known } } else { known };
        let found = |key: ServiceKey| table.services.get(&key)?.server(service.entry(key, server)?);
        counts(server, known, trust, || service.keys().find_map(found))
    }

    /// What those of a service weigh that its checks speak for, or that carry traffic and were not asked yet: of all, or of those
    /// that packets of one family reach.
    pub(super) fn proven_weight(&self, place: u32, family: Option<Family>, table: &Table) -> u64 {
        let Some((service, verdict)) = self.roster.verdicts(place) else { return 0 };
        let is_meant = |of: Family| family.is_none_or(|family| of == family);
        let proven = |(nth, server): (usize, &ServerConfig)| {
            let keys = || service.keys().filter(|key| is_meant(key.family()));
            let found = |key: ServiceKey| table.services.get(&key)?.server(service.entry(key, server)?);
            let reached = keys().any(|key| service.entry(key, server).is_some());
            let weight = || counts(server, verdict(nth), Trust::OnProof, || keys().find_map(found));
            if reached { u64::from(weight()) } else { 0 }
        };
        service.servers.iter().enumerate().map(proven).sum()
    }

    /// Hands on whom something is told.
    pub(super) fn tell(&mut self, told: impl IntoIterator<Item = Told>) {
        for Told { line, notice } in told {
            self.outputs.extend(notice.map(Output::Notify));
            self.outputs.extend(line.map(Output::Fifo));
        }
    }

    /// A configuration comes: servers that carried traffic and are not in it go down, and their services with them; servers
    /// that need no check come up.
    pub(super) fn tell_gone(&mut self, next: &Roster) {
        let mut told = Vec::new();
        let config = &self.roster.config;
        for (place, service) in (0..).zip(&config.services) {
            let stays = next.same_service(service);
            let there: HashSet<_> = stays.iter().flat_map(|stays| &stays.servers).map(|server| server.key).collect();
            for (nth, server) in service.servers.iter().enumerate().filter(|(_, server)| !there.contains(&server.key)) {
                if self.roster.is_up_to_people(place, nth) {
                    told.push(notice::of_server(config, service, server, false));
                }
            }
            if stays.is_none() && self.roster.quorum(place) == Some(Quorum::Up) {
                told.push(notice::of_service(config, service, false));
            }
        }
        if next.config.global.tell_servers_at_start {
            for service in &next.config.services {
                let old = self.roster.same_service(service);
                let there: HashSet<_> = old.iter().flat_map(|old| &old.servers).map(|server| server.key).collect();
                let new = |server: &&ServerConfig| server.checks.is_empty() && !there.contains(&server.key);
                let up = service.servers.iter().filter(new);
                told.extend(up.map(|server| notice::of_server(&next.config, service, server, true)));
            }
        }
        self.tell(told);
    }

    /// The end: services with `omega` are told of as if they went down.
    pub(super) fn tell_stop(&mut self) {
        let mut told = Vec::new();
        let config = &self.roster.config;
        for (place, service) in (0..).zip(&config.services).filter(|(_, service)| service.rules.omega) {
            for (nth, server) in service.servers.iter().enumerate() {
                if self.roster.is_up_to_people(place, nth) {
                    told.push(notice::of_server(config, service, server, false));
                }
            }
            if self.roster.quorum(place) != Some(Quorum::Lost) {
                told.push(notice::of_service(config, service, false));
            }
        }
        self.tell(told);
    }
}

/// What a server adds to its service's weight that is known so. `found` tells how it is in the table, if it is there.
fn counts<'a>(
    server: &ServerConfig,
    known: Standing,
    trust: Trust,
    found: impl FnOnce() -> Option<Option<&'a ServerSettings>>,
) -> u32 {
    let counts = match known.health {
        _ if known.held.is_some() => false,
        Health::Up | Health::Unchecked => true,
        Health::Down => false,
        Health::Unknown if known.is_trusted(server) => true,
        Health::Unknown => match (found(), trust) {
            (Some(found), Trust::UntilChecked | Trust::OnProof) => desired::carries(found),
            (None, Trust::UntilChecked) => !server.alpha && !known.mistaken,
            (None, Trust::OnProof) => false,
        },
    };
    // Its whole weight, also while it goes up slowly: it is there.
    if counts { known.weight.unwrap_or(server.settings.weight).value() } else { 0 }
}
