//! Servers that the operator holds back, and servers that return slowly.

use std::time::Instant;

use super::changes::Extent;
use super::{Roster, ServerState, number};
use crate::balance::desired::{self, Health, Held};
use crate::balance::wishes::{Hold, Place, Wish};

impl Roster {
    /// Where the server of a wish stands, and by which names: the service may be known by another of its keys now.
    pub(in crate::balance) fn find(&self, (service, server): Place) -> Option<(u32, Place)> {
        let place = self.place(service)?;
        let config = self.config.services.get(place as usize)?;
        let at = config.servers.iter().position(|other| other.key == server)?;
        let first = self.services.get(place as usize)?.first_server;
        Some((first.saturating_add(number(at)), (config.key, server)))
    }

    /// What the operator wishes of a server, from now on. Returns whether it held the server back before.
    pub(in crate::balance) fn wish(&mut self, server: u32, wish: Option<&Wish>) -> bool {
        let Some(state) = self.servers.get_mut(server as usize) else { return false };
        let held = wish.and_then(|wish| wish.hold).map(|hold| match hold {
            Hold::Draining(_) => Held::Draining,
            Hold::Drained | Hold::Disabled => Held::Out,
        });
        let asked = wish.and_then(|wish| wish.weight);
        let was = (state.held, state.asked);
        (state.held, state.asked) = (held, asked);
        if was != (held, asked) {
            let service = state.service;
            self.mark(service);
            self.stir(service);
            if self.minds_floor(service) {
                self.unsettled.insert(service);
            }
        }
        was.0.is_some()
    }

    /// A server returns: its weight goes up slowly, if its service wants that and it is up at all.
    pub(in crate::balance) fn rise(&mut self, server: u32, now: Instant) {
        let works =
            |state: &ServerState| matches!(state.health, Health::Up | Health::Unchecked) && state.held.is_none();
        let Some(state) = self.servers.get(server as usize).filter(|state| works(state)) else { return };
        let takes = self.config.services.get(state.service as usize).map(|service| service.handover.slow_start);
        self.ramps.begin(server, takes.unwrap_or_default(), now);
    }

    /// It is gone again.
    pub(in crate::balance) fn fall(&mut self, server: u32) {
        self.ramps.end(server);
    }

    /// A service's sorry server may be in charge now, or not any more, or these servers begin to rise: those wait that would rise,
    /// and get nothing meanwhile.
    pub(in crate::balance) fn pace_rises(&mut self, place: u32, extent: &Extent, now: Instant) {
        let Some(service) = self.config.services.get(place as usize) else { return };
        let (first, whole) = (self.first_server(place), self.standing(place));
        let aside = |server: u32| {
            let config = service.servers.get((server - first) as usize);
            config.is_some_and(|config| desired::is_aside(service, config, whole))
        };
        match extent {
            Extent::Whole => self.ramps.pace(self.servers_in(place), aside, now),
            Extent::Servers(servers) => {
                for server in servers.iter().copied() {
                    self.ramps.pace(server..server + 1, aside, now);
                }
            }
        }
    }

    /// Servers that return get more, where it is time.
    pub(in crate::balance) fn advance(&mut self, now: Instant) {
        for server in self.ramps.advance(now) {
            if let Some(service) = self.servers.get(server as usize).map(|state| state.service) {
                self.mark_server(service, server);
            }
        }
    }

    /// When the next of them gets more.
    pub(in crate::balance) fn rise_timeout(&self) -> Option<Instant> {
        self.ramps.next()
    }
}
