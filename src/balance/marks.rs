//! Which mark the packets of each group get (`nftables_ipvs`).
//!
//! A group of a thousand addresses can be one service of the kernel: the firewall marks what comes to any of them, and the service
//! goes by the mark. The marks count up from the first that may be used, in the order of the file, so that a fresh start gives the
//! same as keepalived's. A group that has one keeps it, whatever comes before it in the next file ([`Deal`]): under another mark it
//! would be another service, and everybody who is connected would be cut off. It keeps it under another name too, by which it is
//! known no more: what it is to its clients are its packets.
//!
//! A group that comes never gets the mark of one that goes. The kernel has that one's servers under the mark until the last of them
//! has ended what it had, and so long they would be given the clients of the new one. So the marks of the deal before are not dealt
//! to anybody else, nor is any that a service of ours still goes by in the kernel.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::Arc;

use super::deal::{Deal, Holder, Packets, packets};
use super::ledger::Ledger;
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

/// Gives each group its mark, where the configuration asks for that: the one that it has in `before`, or the next that neither that nor
/// `ledger` has.
#[must_use]
pub fn with_marks(config: Arc<Config>, before: &Deal, ledger: &Ledger) -> Arc<Config> {
    let Some(place) = config.global.group_marks.clone() else { return config };
    let mut config = Arc::unwrap_or_clone(config);
    let written = config.services.iter().flat_map(ServiceConfig::listeners).filter_map(|key| key.mark());
    let mut taken: BTreeSet<NonZeroU32> =
        written.chain(paths::of(&config).keys().filter_map(|key| key.mark())).collect();
    // What is set aside for checks of paths stays free for those of the next file, too.
    let is_free =
        |mark: NonZeroU32, taken: &mut BTreeSet<NonZeroU32>| !config.global.is_path_mark(mark) && taken.insert(mark);
    let holders =
        (0..).zip(&config.services).filter_map(|(at, service)| Some((at, (Holder::of(service)?, packets(service)))));
    let holders: Holders = holders.collect();
    let kept = kept(&holders, before, &mut taken);
    taken.extend(before.marks().chain(ledger.marks()));
    let mut next = Some(place.first);
    for (at, service) in config.services.iter_mut().enumerate().filter(|(at, _)| holders.contains_key(at)) {
        let Some(group) = &mut service.group else { continue };
        group.mark = kept.get(&at).copied().or_else(|| {
            while let Some(mark) = next.filter(|mark| !is_free(*mark, &mut taken)) {
                next = mark.checked_add(1);
            }
            next
        });
    }
    Arc::new(config)
}

/// Groups whose packets may be marked, by their places in the file.
type Holders = BTreeMap<usize, (Holder, Packets)>;

/// Who keeps which of the marks that were dealt before: first a group that has still its name and some of its packets; then one under
/// another name, that with the most packets before others; then one that has its name and nothing else.
fn kept(holders: &Holders, before: &Deal, taken: &mut BTreeSet<NonZeroU32>) -> BTreeMap<usize, NonZeroU32> {
    let mut kept = BTreeMap::new();
    let mut keep = |at: usize, mark: Option<NonZeroU32>| {
        if let Some(mark) = mark.filter(|mark| !kept.contains_key(&at) && taken.insert(*mark)) {
            kept.insert(at, mark);
        }
    };
    for (at, (holder, packets)) in holders {
        keep(*at, before.of_name_with(holder, packets));
    }
    let by_packet = before.by_packet();
    let mut shared: BTreeMap<(usize, NonZeroU32), usize> = BTreeMap::new();
    for (at, (holder, packets)) in holders {
        for mark in packets.iter().filter_map(|(address, port)| by_packet.get(&(holder.protocol, *address, *port))) {
            *shared.entry((*at, *mark)).or_default() += 1;
        }
    }
    let mut shared: Vec<_> = shared.into_iter().collect();
    shared.sort_by_key(|(_, count)| Reverse(*count));
    for ((at, mark), _) in shared {
        keep(at, Some(mark));
    }
    for (at, (holder, _)) in holders {
        keep(*at, before.of_name(holder));
    }
    kept
}

/// The same, where nothing more can be marked: a group has its mark only if its packets, or some of them, get it by now. Who is
/// connected to it goes on; of an address that it has only now nothing is served until it can be marked.
#[must_use]
pub fn with_marks_in_force(config: Arc<Config>, before: &Deal, ledger: &Ledger, in_force: &Marking) -> Arc<Config> {
    let marked = with_marks(config, before, ledger);
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

    /// With marks, where the kernel has nothing of ours.
    fn dealt(config: Arc<Config>, before: &Deal) -> Arc<Config> {
        with_marks(config, before, &Ledger::default())
    }

    /// A configuration whose first group has a server with a check of its path, of this mark.
    fn with_path(groups: &[(&str, u8)], first: u32, used: u32) -> Arc<Config> {
        use crate::model::{Check, CheckKind, Forwarding, PathProbe, ServerConfig, ServerKey, ServerSettings, Weight};
        let number = |mark| NonZeroU32::new(mark).unwrap();
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
    }

    #[test]
    fn marks_count_up_and_pass_over_those_that_are_taken() {
        assert_eq!(marks(&dealt(config(&[("a", 1), ("b", 3)], None), &Deal::default())), [1000, 1001]);
        assert_eq!(marks(&dealt(config(&[("a", 1), ("b", 3)], Some(1000)), &Deal::default())), [1001, 1002]);
    }

    #[test]
    fn a_group_keeps_its_mark_over_a_reload() {
        let before = dealt(config(&[("a", 1), ("b", 3)], None), &Deal::default());
        let after = dealt(config(&[("new", 7), ("b", 3), ("a", 1)], None), &Deal::of(&before));
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
    fn a_group_that_comes_does_not_take_the_mark_of_one_that_goes() {
        let before = dealt(config(&[("a", 1), ("b", 3)], None), &Deal::default());
        let after = dealt(config(&[("c", 5), ("b", 3)], None), &Deal::of(&before));
        assert_eq!(marks(&after), [1002, 1001]);
        // Nor after another reload, nor over a restart, for as long as the kernel has something under it.
        let next = dealt(config(&[("c", 5), ("b", 3)], None), &Deal::of(&after));
        assert_eq!(marks(&next), [1002, 1001]);
        let ledger = Ledger::of(&before);
        let more = || config(&[("d", 7), ("c", 5), ("b", 3)], None);
        assert_eq!(marks(&with_marks(more(), &Deal::of(&after), &ledger)), [1003, 1002, 1001]);
        assert_eq!(marks(&dealt(more(), &Deal::of(&after))), [1000, 1002, 1001], "nobody has it any more");
        // A private service of a check that was.
        let private = Ledger::of(&with_path(&[("a", 1)], 1000, 1001));
        let after = with_marks(config(&[("a", 1), ("b", 3)], None), &Deal::default(), &private);
        assert_eq!(marks(&after), [1000, 1002]);
    }

    #[test]
    fn a_group_under_another_name_keeps_its_mark() {
        let before = dealt(config(&[("a", 1), ("b", 3)], None), &Deal::default());
        for (groups, expected) in [
            // `a` has addresses 1 and 2, `b` 3 and 4: each new one has this and the next.
            (&[("c", 2)][..], &[1000][..]),
            (&[("c", 4)], &[1001]),
            (&[("b", 1), ("a", 3)], &[1000, 1001]),
            // One that has more of it comes before one that has less.
            (&[("c", 4), ("d", 3)], &[1002, 1001]),
            // The name counts where it has one packet of those that it had, and where nobody else has any.
            (&[("c", 3), ("b", 4)], &[1002, 1001]),
            (&[("a", 7), ("b", 9)], &[1000, 1001]),
            (&[("a", 7), ("c", 1)], &[1002, 1000]),
        ] {
            assert_eq!(marks(&dealt(config(groups, None), &Deal::of(&before))), expected, "{groups:?}");
        }
        // In a file that has only names a name is all there is.
        let stamp = super::super::Stamp::default();
        let old = "ipvsd marks 1\n\ngroup tcp 1000 a\ngroup tcp 1001 b\nend 2\n";
        let (read, old) = Deal::from_text(old).unwrap();
        assert_eq!(read, stamp);
        assert_eq!(marks(&dealt(config(&[("c", 1), ("b", 3)], None), &old)), [1002, 1001]);
    }

    #[test]
    fn where_nothing_more_can_be_marked_those_that_are_marked_stay_so() {
        let before = dealt(config(&[("a", 1), ("b", 3)], None), &Deal::default());
        let in_force = Marking::of(&before);
        let after = config(&[("new", 7), ("b", 3), ("a", 1)], None);
        let stays = with_marks_in_force(Arc::clone(&after), &Deal::of(&before), &Ledger::default(), &in_force);
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
        let stays = with_marks_in_force(Arc::new(more), &Deal::of(&before), &Ledger::default(), &in_force);
        assert_eq!(marks(&stays), [1000, 1001]);
        let nothing = with_marks_in_force(after, &Deal::of(&before), &Ledger::default(), &Marking::default());
        assert_eq!(marks(&nothing), Vec::<u32>::new());
    }

    #[test]
    fn groups_and_checks_of_paths_never_have_the_same_mark() {
        let groups = [("a", 1), ("b", 3), ("c", 5)];
        // The marks of groups begin within those of checks, and reach into them.
        assert_eq!(marks(&dealt(with_path(&groups, 900, 1001), &Deal::default())), [66_436, 66_437, 66_438]);
        assert_eq!(marks(&dealt(with_path(&groups, 1002, 1002), &Deal::default())), [1000, 1001, 66_538]);
        // Who has one keeps it, unless a check has it.
        let before = Deal::of(&dealt(config(&groups, None), &Deal::default()));
        assert_eq!(marks(&dealt(with_path(&groups, 900, 1001), &before)), [1000, 66_436, 1002]);
    }

    /// Groups in another language have addresses, and no names.
    #[test]
    fn a_group_without_a_name_is_known_by_its_first_address() {
        let before = dealt(config(&[("", 1), ("", 3)], None), &Deal::default());
        let after = dealt(config(&[("", 7), ("", 3), ("", 1)], None), &Deal::of(&before));
        assert_eq!(marks(&after), [1002, 1001, 1000]);
    }
}
