//! Services that are not to be left with too few servers.
//!
//! What reaches a server hangs on the family of the packet, unless a tunnel leads there: an address all of whose servers have
//! failed has nothing of those of the other family that work. So the floor is asked for each family apart, and a server that
//! failed may stay for one and not for the other.

use std::ops::Range;
use std::sync::Arc;

use super::{Roster, ServerState};
use crate::balance::desired::{self, Health, Standing};
use crate::balance::floor::{self, Footing};
use crate::balance::table::Table;
use crate::model::{Family, ServerConfig, ServiceKey, Weight};

/// Families of packets for which something is so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Families {
    v4: bool,
    v6: bool,
}

impl Families {
    pub(super) fn has(self, family: Family) -> bool {
        match family {
            Family::V4 => self.v4,
            Family::V6 => self.v6,
        }
    }

    pub(super) fn any(self) -> bool {
        self.v4 || self.v6
    }

    pub(super) fn and(self, other: Self) -> Self {
        Self { v4: self.v4 || other.v4, v6: self.v6 || other.v6 }
    }

    fn of(family: Family) -> Self {
        match family {
            Family::V4 => Self { v4: true, v6: false },
            Family::V6 => Self { v4: false, v6: true },
        }
    }
}

impl Roster {
    /// It has a floor, or had one until now.
    pub(super) fn minds_floor(&self, place: u32) -> bool {
        let Some(config) = self.config.services.get(place as usize) else { return false };
        config.floor.is_some() || self.services.get(place as usize).is_some_and(|service| service.keeps.any())
    }

    /// Which servers stay in a service is to be decided anew.
    pub(in crate::balance) fn unsettle(&mut self, place: u32) {
        if self.minds_floor(place) {
            self.unsettled.insert(place);
            self.mark(place);
            self.stir(place);
        }
    }

    /// Decides anew which failed servers stay, where something changed, in the light of who is in the table. Under the keys that
    /// `serves_on` tells there are servers that the file does not name. Returns services of which some stay now and none did
    /// before, and the other way round: how many stay.
    pub(in crate::balance) fn settle_floors(
        &mut self,
        table: &Table,
        serves_on: impl Fn(ServiceKey) -> bool,
    ) -> Vec<(u32, usize)> {
        let mut news = Vec::new();
        let config = Arc::clone(&self.config);
        for place in std::mem::take(&mut self.unsettled) {
            let Some(service) = config.services.get(place as usize) else { continue };
            let mut stay = vec![Families::default(); service.servers.len()];
            for family in service.families() {
                let others = service.keys().any(|key| key.family() == family && serves_on(key));
                for kept in self.kept_by_floor(place, family, others, table) {
                    if let Some(families) = stay.get_mut(kept) {
                        *families = families.and(Families::of(family));
                    }
                }
            }
            let count = stay.iter().filter(|families| families.any()).count();
            let states = self.states_mut(place);
            let before = states.iter().filter(|state| state.kept.any()).count();
            for (state, stays) in states.iter_mut().zip(&stay) {
                state.kept = *stays;
            }
            if let Some(service) = self.services.get_mut(place as usize) {
                service.keeps = stay.into_iter().fold(Families::default(), Families::and);
            }
            if (count == 0) != (before == 0) {
                news.push((place, count));
            }
        }
        news
    }

    /// Which servers of a service stay for packets of a family although they failed, by their places in it. `others` serve
    /// those meanwhile, whom the file does not name.
    fn kept_by_floor(&self, place: u32, family: Family, others: bool, table: &Table) -> Vec<usize> {
        let Some((config, known)) = self.verdicts(place) else { return Vec::new() };
        let resting = self.standing(place).resting;
        let is_there = |server: &ServerConfig| {
            let entry = |key| table.services.get(&key)?.server(config.entry(key, server)?);
            config.keys().filter(|key| key.family() == family).filter_map(entry).any(desired::carries)
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
                there: state.kept.has(family) || is_there(server),
                since: state.since,
                carries: standing.held.is_none() && weight != Weight::ZERO && server.takes(family),
            }
        };
        let servers = self.states(place).iter().zip(&config.servers).enumerate().map(footing);
        config.floor.map(|floor| floor::kept(floor, others, servers)).unwrap_or_default()
    }

    /// Servers that failed stay in a service: clients whose packets are of that family are sent to them for want of better ones.
    pub(super) fn is_open(&self, place: u32, family: Family) -> bool {
        let has_floor = self.config.services.get(place as usize).is_some_and(|service| service.floor.is_some());
        has_floor && self.services.get(place as usize).is_some_and(|service| service.keeps.has(family))
    }

    /// A server failed and stays, for whichever family.
    pub(in crate::balance) fn is_kept(&self, place: u32, nth: usize) -> bool {
        self.states(place).get(nth).is_some_and(|state| state.kept.any())
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
