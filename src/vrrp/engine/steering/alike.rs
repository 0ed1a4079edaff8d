//! Where to look for those that are equal to a route or a rule, or that cannot be on beside it: a host may have ten thousand
//! of them, too many to compare each with each.

use std::collections::HashMap;
use std::collections::hash_map::DefaultHasher;
use std::hash::BuildHasherDefault;
use std::net::IpAddr;

use super::Steering;
use crate::model::{Family, RuleAction};
use crate::vrrp::engine::routes::default_metric;

/// What a route or a rule has in common with all that equal it or collide with it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Trait {
    /// Destination, table (0 for a VRF's, whose number may change), VRF, source, type of service, metric.
    Route((IpAddr, u8), u32, Option<String>, Option<(IpAddr, u8)>, u8, u32),
    /// Family, priority, from, to, mark, table.
    Rule(Family, u32, Option<(IpAddr, u8)>, Option<(IpAddr, u8)>, Option<u32>, u32),
}

impl Trait {
    fn of(what: &Steering) -> Self {
        match what {
            Steering::Route(route) => {
                let metric = route.metric.unwrap_or_else(|| default_metric(route.family));
                let table = if route.vrf.is_some() { 0 } else { route.table };
                Self::Route(route.to, table, route.vrf.clone(), route.from, route.tos, metric)
            }
            Steering::Rule(rule) => {
                let table = match rule.action {
                    RuleAction::Lookup(table) => table,
                    RuleAction::Goto(_)
                    | RuleAction::Nop
                    | RuleAction::Blackhole
                    | RuleAction::Unreachable
                    | RuleAction::Prohibit => 0,
                };
                let mark = rule.mark.map(|(mark, _)| mark);
                Self::Rule(rule.family, rule.priority, rule.from, rule.to, mark, table)
            }
        }
    }
}

/// Places in a list by what is there. The table's order is of no interest.
#[derive(Debug, Default)]
pub(super) struct Alike(HashMap<Trait, Vec<usize>, BuildHasherDefault<DefaultHasher>>);

impl Alike {
    /// Of a whole list.
    pub(super) fn of<'a>(all: impl IntoIterator<Item = &'a Steering>) -> Self {
        let mut alike = Self::default();
        for (at, what) in all.into_iter().enumerate() {
            alike.add(what, at);
        }
        alike
    }

    pub(super) fn add(&mut self, what: &Steering, at: usize) {
        self.0.entry(Trait::of(what)).or_default().push(at);
    }

    /// Places of those that may equal this one or collide with it, in the list's order.
    pub(super) fn places(&self, what: &Steering) -> impl Iterator<Item = usize> + '_ {
        self.0.get(&Trait::of(what)).into_iter().flatten().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Placing, Route, Rule};

    fn route(n: u16) -> Route {
        Route::new((IpAddr::from([10, n.to_be_bytes()[0], n.to_be_bytes()[1], 0]), 24))
    }

    #[test]
    fn few_are_compared_however_many_there_are() {
        let routes = (0..10_000).map(route);
        let tables = (0..10_000_u16).map(|n| Route { table: 1000 + u32::from(n), ..route(1) });
        let vrfs = (0..1000).map(|n: u16| Route { vrf: Some(format!("vrf{n}")), ..route(1) });
        let rules =
            (0..10_000).map(|n| Rule { mark: Some((n, None)), ..Rule::new(Family::V4, 100, RuleAction::Lookup(100)) });
        let all = routes.chain(tables).chain(vrfs).map(Steering::Route);
        let all: Vec<Steering> = all.chain(rules.map(Steering::Rule)).collect();
        let alike = Alike::of(&all);
        for (at, what) in all.iter().enumerate() {
            assert_eq!(alike.places(what).collect::<Vec<_>>(), [at]);
        }
    }

    #[test]
    fn what_is_equal_or_collides_is_found() {
        let plain = route(1);
        let metric = Route { metric: Some(0), ..route(1) };
        let other = Route { protocol: 4, placing: Placing::Add, ..route(1) };
        let all = [plain, metric, other].map(Steering::Route);
        let alike = Alike::of(&all);
        for what in &all {
            assert!(all.iter().all(|two| what.collides(two)));
            assert_eq!(alike.places(what).collect::<Vec<_>>(), [0, 1, 2]);
        }
        // A VRF's table may be another by now.
        let vrf = |table: u32| Steering::Route(Route { vrf: Some("red".to_owned()), table, ..route(1) });
        assert!(vrf(254).is_kept_as(&vrf(7)));
        assert_eq!(Alike::of([&vrf(7)]).places(&vrf(254)).collect::<Vec<_>>(), [0]);
    }
}
