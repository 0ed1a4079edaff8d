//! What has changed since it was last looked at: services as a whole, or single servers of them.
//!
//! Five thousand verdicts in one turn must not cost five thousand looks at services of a thousand servers each. Where nothing
//! but single servers has changed, and each of them is an entry of its own in the kernel, those alone are compared with the
//! table and weighed anew. All else is a change of the whole service: its quorum, its rest, its floor, a wish, a retry.

use super::{Roster, number};
use crate::balance::desired::Health;
use crate::balance::quorum::Trust;
use crate::model::{ServiceConfig, ServiceKey};

/// How much of a service is to be looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::balance) enum Extent {
    /// All of it.
    Whole,
    /// These of its servers, in the order of their numbers.
    Servers(Vec<u32>),
}

/// How much of a service has changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    None,
    Servers,
    Whole,
}

/// Services that have changed, each once, and servers, maybe twice.
#[derive(Debug, Clone, Default)]
pub(super) struct Changes {
    services: Vec<u32>,
    servers: Vec<u32>,
}

impl Changes {
    pub(super) fn whole(&mut self, service: u32, change: &mut Change) {
        match std::mem::replace(change, Change::Whole) {
            Change::None => self.services.push(service),
            Change::Servers | Change::Whole => {}
        }
    }

    fn server(&mut self, service: u32, server: u32, change: &mut Change) {
        match change {
            Change::None => {
                *change = Change::Servers;
                self.services.push(service);
                self.servers.push(server);
            }
            Change::Servers => self.servers.push(server),
            Change::Whole => {}
        }
    }

    fn is_empty(&self) -> bool {
        self.services.is_empty()
    }

    /// All of them in the file's order. `take` gives a service's change and forgets it, `service_of` a server's service.
    fn take(
        &mut self,
        mut take: impl FnMut(u32) -> Change,
        service_of: impl Fn(u32) -> Option<u32>,
    ) -> Vec<(u32, Extent)> {
        let mut services = std::mem::take(&mut self.services);
        let mut servers = std::mem::take(&mut self.servers);
        services.sort_unstable();
        servers.sort_unstable();
        servers.dedup();
        // Servers are numbered service by service.
        let mut servers = servers.into_iter().filter_map(|server| Some((service_of(server)?, server))).peekable();
        let extent = |service| {
            while servers.next_if(|(of, _)| *of < service).is_some() {}
            match take(service) {
                Change::None | Change::Whole => (service, Extent::Whole),
                Change::Servers => {
                    let own = std::iter::from_fn(|| servers.next_if(|(of, _)| *of == service));
                    (service, Extent::Servers(own.map(|(_, server)| server).collect()))
                }
            }
        };
        services.into_iter().map(extent).collect()
    }
}

/// Each server of a service is an entry of its own, and how it is to be hangs on no other.
pub(super) fn is_plain(service: &ServiceConfig) -> bool {
    let all = service.servers.iter().chain(service.rules.sorry.as_deref());
    let mut entries: Vec<_> = all.filter_map(|server| service.entry(service.key, server)).collect();
    let count = entries.len();
    entries.sort_unstable();
    entries.dedup();
    service.group.is_none() && service.floor.is_none() && entries.len() == count
}

impl Roster {
    /// A service is to be compared with the kernel's.
    pub(super) fn mark(&mut self, service: u32) {
        if let Some(state) = self.services.get_mut(service as usize) {
            self.dirty.whole(service, &mut state.dirty);
        }
    }

    /// A server of it is.
    pub(super) fn mark_server(&mut self, service: u32, server: u32) {
        match self.services.get_mut(service as usize) {
            Some(state) if state.plain && !state.keeps.any() => self.dirty.server(service, server, &mut state.dirty),
            Some(state) => self.dirty.whole(service, &mut state.dirty),
            None => {}
        }
    }

    /// A service is to be compared with the kernel's. Returns whether it is one of ours.
    pub(in crate::balance) fn mark_key(&mut self, service: ServiceKey) -> bool {
        let place = self.index.get(&service).copied();
        if let Some(place) = place {
            self.mark(place);
        }
        place.is_some()
    }

    pub(in crate::balance) fn has_dirty(&self) -> bool {
        !self.dirty.is_empty()
    }

    /// Places of the services that are to be compared, in the file's order, and how much of each; none is dirty afterwards.
    pub(in crate::balance) fn take_dirty(&mut self) -> Vec<(u32, Extent)> {
        let (services, servers) = (&mut self.services, &self.servers);
        let take = |service: u32| {
            let state = services.get_mut(service as usize);
            state.map_or(Change::None, |state| std::mem::replace(&mut state.dirty, Change::None))
        };
        let dirty = self.dirty.take(take, |server| Some(servers.get(server as usize)?.service));
        for (service, extent) in &dirty {
            let unknown =
                |server: &u32| self.servers.get(*server as usize).is_none_or(|server| server.health == Health::Unknown);
            // How one counts that nothing is known about hangs on the table, which is about to change for it.
            let counts = match extent {
                Extent::Whole => false,
                Extent::Servers(servers) => !servers.iter().any(unknown),
            };
            if let Some(state) = self.services.get_mut(*service as usize).filter(|_| !counts) {
                state.sum = None;
            }
        }
        dirty
    }

    /// A service is to be weighed.
    pub(in crate::balance) fn stir(&mut self, service: u32) {
        if let Some(state) = self.services.get_mut(service as usize) {
            self.stirred.whole(service, &mut state.stirred);
        }
    }

    /// A service is to be weighed, of which only this server may count otherwise.
    pub(super) fn stir_server(&mut self, service: u32, server: u32) {
        match self.services.get_mut(service as usize) {
            Some(state) if !state.keeps.any() => self.stirred.server(service, server, &mut state.stirred),
            Some(state) => self.stirred.whole(service, &mut state.stirred),
            None => {}
        }
    }

    /// Places of the services that are to be weighed, and how much of each; none is afterwards.
    pub(in crate::balance) fn take_stirred(&mut self) -> Vec<(u32, Extent)> {
        let (services, servers) = (&mut self.services, &self.servers);
        let take = |service: u32| {
            let state = services.get_mut(service as usize);
            state.map_or(Change::None, |state| std::mem::replace(&mut state.stirred, Change::None))
        };
        self.stirred.take(take, |server| Some(servers.get(server as usize)?.service))
    }

    /// What the servers of a service weighed together when it was last weighed with that trust, if nothing but single servers
    /// has changed since.
    pub(in crate::balance) fn sum(&self, service: u32, trust: Trust) -> Option<u64> {
        let (with, sum) = self.services.get(service as usize)?.sum?;
        (with == trust).then_some(sum)
    }

    pub(in crate::balance) fn set_sum(&mut self, service: u32, trust: Trust, sum: u64) {
        if let Some(state) = self.services.get_mut(service as usize) {
            state.sum = Some((trust, sum));
        }
    }

    /// Another table is known: servers that nothing is known about may count otherwise.
    pub(in crate::balance) fn forget_sums(&mut self) {
        self.services.iter_mut().for_each(|state| state.sum = None);
    }

    /// The same for one service.
    pub(in crate::balance) fn forget_sum(&mut self, service: ServiceKey) {
        let place = self.place(service);
        if let Some(state) = place.and_then(|place| self.services.get_mut(place as usize)) {
            state.sum = None;
        }
    }

    /// A server counts so much from now on. Returns what it counted before.
    pub(in crate::balance) fn count(&mut self, server: u32, weight: u32) -> u32 {
        self.servers.get_mut(server as usize).map_or(0, |state| std::mem::replace(&mut state.counts, weight))
    }

    /// The number of a service's first server.
    pub(in crate::balance) fn first_server(&self, service: u32) -> u32 {
        self.services.get(service as usize).map_or(0, |state| state.first_server)
    }

    /// The numbers of all servers of a service.
    pub(in crate::balance) fn servers_in(&self, service: u32) -> std::ops::Range<u32> {
        let first = self.first_server(service);
        let count = self.config.services.get(service as usize).map_or(0, |service| service.servers.len());
        first..first.saturating_add(number(count))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Three services of ten servers each.
    fn taken(changes: &mut Changes, states: &mut [Change; 3]) -> Vec<(u32, Extent)> {
        let take = |service: u32| std::mem::replace(&mut states[service as usize], Change::None);
        changes.take(take, |server| Some(server / 10))
    }

    #[test]
    fn a_change_of_the_whole_takes_in_those_of_its_servers() {
        let (mut changes, mut states) = (Changes::default(), [Change::None; 3]);
        assert_eq!(taken(&mut changes, &mut states), []);
        for server in [25, 3, 12, 3, 1, 29] {
            changes.server(server / 10, server, &mut states[server as usize / 10]);
        }
        changes.whole(1, &mut states[1]);
        changes.server(1, 11, &mut states[1]);
        let expected = [(0, Extent::Servers(vec![1, 3])), (1, Extent::Whole), (2, Extent::Servers(vec![25, 29]))];
        assert_eq!(taken(&mut changes, &mut states), expected);
        assert!(changes.is_empty());
        changes.whole(2, &mut states[2]);
        assert_eq!(taken(&mut changes, &mut states), [(2, Extent::Whole)]);
    }
}
