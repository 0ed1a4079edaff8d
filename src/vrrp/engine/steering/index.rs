//! Where in the list a route or a rule is, by what events name of it: that a host has ten thousand must not make each event
//! look at all of them.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::{Held, Owner, Steering, SteeringNews};
use crate::model::Family;
use crate::vrrp::engine::routes::default_metric;

/// What news tell of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Told {
    /// A route: table (none for a VRF's, whose number may change), destination, metric.
    Route(Option<u32>, (IpAddr, u8), u32),
    /// A rule: family, priority.
    Rule(Family, u32),
}

impl Told {
    fn of(what: &Steering) -> Self {
        match what {
            Steering::Route(route) => {
                let table = route.vrf.is_none().then_some(route.table);
                Self::Route(table, route.to, route.metric.unwrap_or_else(|| default_metric(route.family)))
            }
            Steering::Rule(rule) => Self::Rule(rule.family, rule.priority),
        }
    }
}

/// Places in the list of what is wished. It holds for a list as long as that is the same one: nothing of it changes
/// otherwise.
#[derive(Debug, Default)]
pub(in super::super) struct Index {
    /// Sorted, as the next but one.
    by_id: Vec<(u64, usize)>,
    /// By the router's place.
    by_router: BTreeMap<usize, Vec<usize>>,
    by_news: Vec<(Told, usize)>,
}

impl Index {
    pub(super) fn of(list: &[Held]) -> Self {
        let mut index = Self::default();
        for (at, held) in list.iter().enumerate() {
            index.by_id.push((held.id, at));
            for owner in &held.owners {
                match owner {
                    Owner::Host => {}
                    Owner::Router(router) => {
                        let places = index.by_router.entry(*router).or_default();
                        // Two of its words may wish the same one.
                        if places.last() != Some(&at) {
                            places.push(at);
                        }
                    }
                }
            }
            index.by_news.push((Told::of(&held.what), at));
        }
        index.by_id.sort_unstable();
        index.by_news.sort_unstable();
        index
    }

    pub(super) fn by_id(&self, id: u64) -> Option<usize> {
        let found = self.by_id.binary_search_by_key(&id, |(id, _)| *id).ok()?;
        self.by_id.get(found).map(|(_, at)| *at)
    }

    /// Those of a router, in the list's order.
    pub(super) fn of_router(&self, router: usize) -> &[usize] {
        self.by_router.get(&router).map(Vec::as_slice).unwrap_or_default()
    }

    /// Those that news may be about, in the list's order.
    pub(super) fn meant(&self, news: &SteeringNews) -> Vec<usize> {
        let keys = match *news {
            SteeringNews::Route { table, to, metric } => {
                [Some(Told::Route(Some(table), to, metric)), Some(Told::Route(None, to, metric))]
            }
            SteeringNews::Rule { family, priority } => [Some(Told::Rule(family, priority)), None],
        };
        let found = keys.iter().flatten().flat_map(|key| {
            let first = self.by_news.partition_point(|(told, _)| told < key);
            let rest = self.by_news.get(first..).unwrap_or_default();
            rest.iter().take_while(move |(told, _)| told == key).map(|(_, at)| *at)
        });
        let mut places: Vec<usize> = found.collect();
        places.sort_unstable();
        places
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::model::{Route, Rule, RuleAction};

    #[test]
    fn events_find_those_that_they_name_and_no_others() {
        let to = |n: u16| (IpAddr::from([10, n.to_be_bytes()[0], n.to_be_bytes()[1], 0]), 24);
        let list: Vec<Held> = (0..10_000_u16)
            .map(|n| {
                let what = match n {
                    0 => Steering::Route(Route { vrf: Some("red".to_owned()), ..Route::new(to(7)) }),
                    1 => Steering::Rule(Rule::new(Family::V4, 7, RuleAction::Lookup(100))),
                    n => Steering::Route(Route { table: 100, ..Route::new(to(n)) }),
                };
                let owners = vec![Owner::Router(usize::from(n % 100)), Owner::Host];
                Held { owners, ..Held::new(u64::from(n) + 5, Arc::new(what), None) }
            })
            .collect();
        let index = Index::of(&list);
        assert_eq!((index.by_id(4), index.by_id(5), index.by_id(10_004)), (None, Some(0), Some(9_999)));
        assert_eq!(index.of_router(3).len(), 100);
        assert_eq!(index.of_router(100), [0_usize; 0]);
        // A VRF's may be in any table.
        assert_eq!(index.meant(&SteeringNews::Route { table: 100, to: to(7), metric: 0 }), [0, 7]);
        assert_eq!(index.meant(&SteeringNews::Route { table: 254, to: to(7), metric: 0 }), [0]);
        assert_eq!(index.meant(&SteeringNews::Route { table: 100, to: to(7), metric: 1 }), [0_usize; 0]);
        assert_eq!(index.meant(&SteeringNews::Rule { family: Family::V4, priority: 7 }), [1]);
        assert_eq!(index.meant(&SteeringNews::Rule { family: Family::V6, priority: 7 }), [0_usize; 0]);
    }
}
