//! Services that are not to be left with too few servers.

use super::{Roster, ServerState};
use crate::balance::floor::{self, Footing};
use crate::model::{ServerConfig, Weight};

impl Roster {
    /// It has a floor, or had one until now.
    pub(super) fn minds_floor(&self, place: u32) -> bool {
        let Some(config) = self.config.services.get(place as usize) else { return false };
        config.floor.is_some() || self.services.get(place as usize).is_some_and(|service| service.keeps)
    }

    /// Decides anew which failed servers stay, where something changed. Returns services of which some stay now and none did
    /// before, and the other way round: how many stay.
    pub(in crate::balance) fn settle_floors(&mut self) -> Vec<(u32, usize)> {
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
                carries: state.held.is_none() && state.asked.unwrap_or(config.settings.weight) != Weight::ZERO,
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
            if let Some(service) = self.services.get_mut(place as usize) {
                service.keeps = !kept.is_empty();
            }
            if kept.is_empty() != (before == 0) {
                news.push((place, kept.len()));
            }
        }
        news
    }
}
