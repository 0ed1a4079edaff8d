//! Which mark the packets of each group get (`nftables_ipvs`).
//!
//! A group of a thousand addresses can be one service of the kernel: the firewall marks what comes to any of them, and the service
//! goes by the mark. The marks count up from the first that may be used, in the order of the file, so that a fresh start gives the
//! same as keepalived's. A group that has one keeps it, whatever comes before it in the next file ([`Deal`]): under another mark it
//! would be another service, and everybody who is connected would be cut off.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::Arc;

use super::deal::{Deal, Holder};
use super::paths;
use crate::model::{Config, GroupMarks, Protocol, ServiceConfig, ServiceKey};

/// Which packets get which mark, and where that is done.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Marking {
    /// The table, and the chain's priority.
    pub place: GroupMarks,
    /// Address, protocol and port (0: any) of packets, and their mark.
    pub marks: BTreeMap<(Protocol, IpAddr, u16), NonZeroU32>,
}

impl Marking {
    /// What the groups of a configuration ask for, once they have marks.
    #[must_use]
    pub fn of(config: &Config) -> Self {
        let Some(place) = config.global.group_marks.clone() else { return Self::default() };
        let of = |service: &ServiceConfig| {
            let mark = service.group.as_ref().and_then(|group| group.mark);
            let listeners: Vec<_> = service.listeners().collect();
            mark.into_iter().flat_map(move |mark| {
                let packets = |key: &ServiceKey| match *key {
                    ServiceKey::Address { protocol, address, port } => Some((protocol, address, port)),
                    ServiceKey::Fwmark { .. } => None,
                };
                listeners.iter().filter_map(packets).map(move |packets| (packets, mark)).collect::<Vec<_>>()
            })
        };
        Self { place, marks: config.services.iter().flat_map(of).collect() }
    }

    /// These marks, and what `before` has beyond them.
    #[must_use]
    pub fn with(&self, before: &Self) -> Self {
        let marks = before.marks.iter().chain(&self.marks).map(|(packets, mark)| (*packets, *mark)).collect();
        Self { place: self.place.clone(), marks }
    }
}

/// Gives each group its mark, where the configuration asks for that: the one that it has in `before`, or the next that is free.
#[must_use]
pub fn with_marks(config: Arc<Config>, before: &Deal) -> Arc<Config> {
    let Some(place) = config.global.group_marks.clone() else { return config };
    let mut config = Arc::unwrap_or_clone(config);
    let written = config.services.iter().flat_map(ServiceConfig::listeners).filter_map(|key| key.mark());
    let mut taken: BTreeSet<NonZeroU32> =
        written.chain(paths::of(&config).keys().filter_map(|key| key.mark())).collect();
    // What is set aside for checks of paths stays free for those of the next file, too.
    let is_free =
        |mark: NonZeroU32, taken: &mut BTreeSet<NonZeroU32>| !config.global.is_path_mark(mark) && taken.insert(mark);
    let mut new = Vec::new();
    for (at, service) in config.services.iter_mut().enumerate() {
        let Some(holder) = Holder::of(service) else { continue };
        let kept = before.get(&holder).filter(|mark| taken.insert(*mark));
        match (kept, &mut service.group) {
            (Some(mark), Some(group)) => group.mark = Some(mark),
            (None | Some(_), _) => new.push(at),
        }
    }
    let mut next = Some(place.first);
    for at in new {
        while let Some(mark) = next.filter(|mark| !is_free(*mark, &mut taken)) {
            next = mark.checked_add(1);
        }
        if let Some(group) = config.services.get_mut(at).and_then(|service| service.group.as_mut()) {
            group.mark = next;
        }
    }
    Arc::new(config)
}

/// The same, where nothing more can be marked: a group has its mark only if its packets, or some of them, get it by now. Who is
/// connected to it goes on; of an address that it has only now nothing is served until it can be marked.
#[must_use]
pub fn with_marks_in_force(config: Arc<Config>, before: &Deal, in_force: &Marking) -> Arc<Config> {
    let marked = with_marks(Arc::clone(&config), before);
    let wanted = Marking::of(&marked).marks;
    let given: BTreeSet<NonZeroU32> = (wanted.iter())
        .filter(|(packets, mark)| in_force.marks.get(*packets) == Some(*mark))
        .map(|(_, mark)| *mark)
        .collect();
    let mut marked = Arc::unwrap_or_clone(marked);
    for group in marked.services.iter_mut().filter_map(|service| service.group.as_mut()) {
        group.mark = group.mark.filter(|mark| given.contains(mark));
    }
    Arc::new(marked)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Family, Global, Group, ServiceSettings};

    fn config(groups: &[(&str, u8)], own: Option<u32>) -> Arc<Config> {
        let services = groups.iter().map(|(name, last)| {
            let key =
                |last| ServiceKey::Address { protocol: Protocol::Tcp, address: [192, 0, 2, last].into(), port: 80 };
            let mut others = vec![key(last + 1)];
            others.extend(own.and_then(NonZeroU32::new).map(|mark| ServiceKey::Fwmark { family: Family::V4, mark }));
            ServiceConfig {
                key: key(*last),
                group: Some(Box::new(Group {
                    name: (!name.is_empty()).then(|| (*name).to_owned()),
                    others,
                    mark: None,
                })),
                settings: ServiceSettings::default(),
                quorum: 1,
                floor: None,
                handover: crate::model::Handover::default(),
                rules: Box::default(),
                servers: Vec::new(),
            }
        });
        let global = Global { group_marks: Some(GroupMarks::default()), ..Global::default() };
        Arc::new(Config { global, services: services.collect(), ..Config::default() })
    }

    fn marks(config: &Config) -> Vec<u32> {
        config.services.iter().filter_map(|service| service.group.as_ref()?.mark).map(NonZeroU32::get).collect()
    }

    #[test]
    fn marks_count_up_and_pass_over_those_that_are_taken() {
        assert_eq!(marks(&with_marks(config(&[("a", 1), ("b", 3)], None), &Deal::default())), [1000, 1001]);
        assert_eq!(marks(&with_marks(config(&[("a", 1), ("b", 3)], Some(1000)), &Deal::default())), [1001, 1002]);
    }

    #[test]
    fn a_group_keeps_its_mark_over_a_reload() {
        let before = with_marks(config(&[("a", 1), ("b", 3)], None), &Deal::default());
        let after = with_marks(config(&[("new", 7), ("b", 3), ("a", 1)], None), &Deal::of(&before));
        assert_eq!(marks(&after), [1002, 1001, 1000]);
        let marking = Marking::of(&after);
        assert_eq!(marking.marks.len(), 6);
        let packets = (Protocol::Tcp, [192, 0, 2, 4].into(), 80);
        assert_eq!(marking.marks.get(&packets).map(|mark| mark.get()), Some(1001));
        // Until the last service of the old file is gone, its packets are marked as before.
        let both = Marking::of(&Config::default()).with(&marking);
        assert_eq!(both.marks, marking.marks);
    }

    #[test]
    fn where_nothing_more_can_be_marked_those_that_are_marked_stay_so() {
        let before = with_marks(config(&[("a", 1), ("b", 3)], None), &Deal::default());
        let in_force = Marking::of(&before);
        let after = config(&[("new", 7), ("b", 3), ("a", 1)], None);
        let stays = with_marks_in_force(Arc::clone(&after), &Deal::of(&before), &in_force);
        let named = |config: &Config| -> Vec<_> {
            let mark = |service: &ServiceConfig| Some((service.group_name()?.to_owned(), service.group.as_ref()?.mark));
            config.services.iter().filter_map(mark).collect()
        };
        let expected = [("new", None), ("b", NonZeroU32::new(1001)), ("a", NonZeroU32::new(1000))];
        assert_eq!(named(&stays), expected.map(|(name, mark)| (name.to_owned(), mark)));
        // One more address: the group is what it was, and so are those who are connected to it.
        let mut more = Arc::unwrap_or_clone(Arc::clone(&before));
        let key = ServiceKey::Address { protocol: Protocol::Tcp, address: [192, 0, 2, 9].into(), port: 80 };
        more.services[0].group.as_mut().unwrap().others.push(key);
        let stays = with_marks_in_force(Arc::new(more), &Deal::of(&before), &in_force);
        assert_eq!(marks(&stays), [1000, 1001]);
        let nothing = with_marks_in_force(after, &Deal::of(&before), &Marking::default());
        assert_eq!(marks(&nothing), Vec::<u32>::new());
    }

    #[test]
    fn groups_and_checks_of_paths_never_have_the_same_mark() {
        use crate::model::{Check, CheckKind, Forwarding, PathProbe, ServerConfig, ServerKey, ServerSettings, Weight};
        let number = |mark| NonZeroU32::new(mark).unwrap();
        let with_path = |groups: &[(&str, u8)], first: u32, used: u32| {
            let mut config = Arc::unwrap_or_clone(config(groups, None));
            config.global.path_marks = Some(number(first));
            let server = ServerKey { address: [10, 0, 0, 1].into(), port: 80 };
            let probe = PathProbe {
                through: "192.0.2.1:80".parse().unwrap(),
                server,
                forwarding: Forwarding::Masquerade,
                mark: number(used),
                source_address: None,
            };
            let second = std::time::Duration::from_secs(1);
            let check = Check {
                kind: CheckKind::Path(Box::new(probe)),
                interval: second,
                timeout: second,
                retry: 1,
                retry_interval: second,
                warmup: None,
                pace: None,
                tells_failures: None,
            };
            config.services[0].servers.push(ServerConfig {
                key: server,
                settings: ServerSettings {
                    forwarding: Forwarding::Masquerade,
                    weight: Weight::ONE,
                    upper_threshold: 0,
                    lower_threshold: 0,
                },
                inhibit_on_failure: false,
                alpha: false,
                notify: None,
                checks: vec![check],
            });
            Arc::new(config)
        };
        let groups = [("a", 1), ("b", 3), ("c", 5)];
        // The marks of groups begin within those of checks, and reach into them.
        assert_eq!(marks(&with_marks(with_path(&groups, 900, 1001), &Deal::default())), [66_436, 66_437, 66_438]);
        assert_eq!(marks(&with_marks(with_path(&groups, 1002, 1002), &Deal::default())), [1000, 1001, 66_538]);
        // Who has one keeps it, unless a check has it.
        let before = Deal::of(&with_marks(config(&groups, None), &Deal::default()));
        assert_eq!(marks(&with_marks(with_path(&groups, 900, 1001), &before)), [1000, 66_436, 1002]);
    }

    /// Groups in another language have addresses, and no names.
    #[test]
    fn a_group_without_a_name_is_known_by_its_first_address() {
        let before = with_marks(config(&[("", 1), ("", 3)], None), &Deal::default());
        let after = with_marks(config(&[("", 7), ("", 3), ("", 1)], None), &Deal::of(&before));
        assert_eq!(marks(&after), [1002, 1001, 1000]);
    }
}
