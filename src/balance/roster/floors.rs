//! Services that are not to be left with too few servers.

use std::ops::Range;

use super::{Roster, ServerState};
use crate::balance::desired::{self, Health, Standing};
use crate::balance::floor::{self, Footing};
use crate::balance::table::Table;
use crate::model::{ServerConfig, Weight};

impl Roster {
    /// It has a floor, or had one until now.
    pub(super) fn minds_floor(&self, place: u32) -> bool {
        let Some(config) = self.config.services.get(place as usize) else { return false };
        config.floor.is_some() || self.services.get(place as usize).is_some_and(|service| service.keeps)
    }

    /// Decides anew which failed servers stay, where something changed, in the light of who is in the table. Returns services of which some stay now and none did
    /// before, and the other way round: how many stay.
    pub(in crate::balance) fn settle_floors(&mut self, table: &Table) -> Vec<(u32, usize)> {
        let mut news = Vec::new();
        for place in std::mem::take(&mut self.unsettled) {
            let Some(kept) = self.kept_by_floor(place, table) else { continue };
            let states = self.states_mut(place);
            let before = states.iter().filter(|state| state.kept).count();
            states.iter_mut().for_each(|state| state.kept = false);
            for stays in &kept {
                if let Some(state) = states.get_mut(*stays) {
                    state.kept = true;
                }
            }
            if let Some(service) = self.services.get_mut(place as usize) {
                service.keeps = !kept.is_empty();
            }
            if kept.is_empty() != (before == 0) {
                news.push((place, kept.len()));
            }
        }
        news
    }

    /// Which servers of a service stay although they failed, by their places in it.
    fn kept_by_floor(&self, place: u32, table: &Table) -> Option<Vec<usize>> {
        let (config, known) = self.verdicts(place)?;
        let resting = self.standing(place).resting;
        let is_there = |server: &ServerConfig| {
            let entry = |key| table.services.get(&key)?.server(config.entry(key, server)?);
            config.keys().filter_map(entry).any(desired::carries)
        };
        let footing = |(nth, (state, server)): (usize, (&ServerState, &ServerConfig))| {
            let standing: Standing = known(nth);
            // One that has to prove itself and cannot will not come in by itself.
            let never = standing.prevented && (server.alpha || standing.mistaken);
            let weight = standing.weight.unwrap_or(server.settings.weight);
            Footing {
                health: if never { Health::Down } else { standing.health },
                serves: standing.is_trusted(server) || resting && !server.alpha,
                // One that was put in a moment ago may be on its way.
                there: state.kept || is_there(server),
                since: state.since,
                carries: standing.held.is_none() && weight != Weight::ZERO,
            }
        };
        let servers = self.states(place).iter().zip(&config.servers).enumerate().map(footing);
        Some(config.floor.map(|floor| floor::kept(floor, servers)).unwrap_or_default())
    }

    /// Servers that failed stay in a service: clients are sent to them for want of better ones.
    pub(super) fn is_open(&self, place: u32) -> bool {
        let has_floor = self.config.services.get(place as usize).is_some_and(|service| service.floor.is_some());
        has_floor && self.services.get(place as usize).is_some_and(|service| service.keeps)
    }

    fn states(&self, place: u32) -> &[ServerState] {
        let Some(of_this) = self.range_of(place) else { return &[] };
        self.servers.get(of_this).unwrap_or_default()
    }

    fn states_mut(&mut self, place: u32) -> &mut [ServerState] {
        let Some(of_this) = self.range_of(place) else { return &mut [] };
        self.servers.get_mut(of_this).unwrap_or_default()
    }

    fn range_of(&self, place: u32) -> Option<Range<usize>> {
        let first = self.services.get(place as usize)?.first_server as usize;
        Some(first..first + self.config.services.get(place as usize)?.servers.len())
    }
}
