//! Groups of addresses: what is in them, and what a service makes of them.

use std::collections::HashSet;

use super::Resolver;
use crate::config::diagnostic::{Code, Diagnostic};
use crate::config::draft::{GroupTable, Listen, ListenerGroup, ServerDraft, ServiceDraft};
use crate::config::range::AddressRange;
use crate::config::source::{Span, Spanned};
use crate::model::{Family, Forwarding, Group, Protocol, ServiceKey};

/// Addresses that one group may have: as many as the longest range that can be written `A-B` with IPv6. Each is a service of
/// its own in the kernel, which keeps them in lists that it walks for each new connection.
const MOST_OF_A_GROUP: u128 = 65_536;
/// ... and all groups together, so that a short file cannot take all memory.
const MOST_OF_ALL: usize = 262_144;

/// One line of a group.
#[derive(Debug, Clone, Copy)]
pub(in crate::config) enum GroupLine {
    /// Each of these addresses with this port.
    Addresses(AddressRange, u16),
    /// A mark.
    Mark(Listen),
}

/// A group that is being read.
pub(in crate::config) struct GroupReading<'r> {
    pub(in crate::config) group: ListenerGroup,
    table: &'r mut GroupTable,
    seen: HashSet<Listen>,
}

impl<'r> GroupReading<'r> {
    pub(in crate::config) fn new(name: Option<String>, table: &'r mut GroupTable) -> Self {
        let group = ListenerGroup { name, ..ListenerGroup::default() };
        Self { group, table, seen: HashSet::new() }
    }

    /// Adds a line; gives what is to be said about it.
    pub(in crate::config) fn add(&mut self, line: GroupLine, span: Span) -> Option<Diagnostic> {
        let range = match line {
            GroupLine::Mark(mark) => {
                let again = !self.put(mark, span);
                return again.then(|| twice(span, "this mark"));
            }
            GroupLine::Addresses(range, port) => (range, port),
        };
        let (range, port) = range;
        let room = MOST_OF_A_GROUP.saturating_sub(self.group.listens.len() as u128);
        if range.len() > room || self.table.defined >= MOST_OF_ALL {
            self.group.broken = true;
            let size = match range.len() {
                u128::MAX => "every address that there is".to_owned(),
                size => format!("{size} addresses"),
            };
            return Some(
                Diagnostic::error(Code::BadValue, span, format!("{size} are more than a group may have"))
                    .mark(format!("at most {MOST_OF_A_GROUP} in a group, and {MOST_OF_ALL} in all groups"))
                    .help(
                        "each address is a service of its own in the kernel, with all the servers, and every new \
                           connection is looked up among them; keepalived sets no bound, and fills the kernel's memory",
                    )
                    .help("for so many let the firewall mark the packets, and write `fwmark`: that is one service"),
            );
        }
        let mut again = None;
        for address in range.iter() {
            if !self.put(Listen::Address(address, port), span) {
                again.get_or_insert(address);
            }
        }
        again.map(|address| twice(span, &address.to_string()))
    }

    fn put(&mut self, listen: Listen, span: Span) -> bool {
        let new = self.seen.insert(listen);
        if new {
            self.table.defined += 1;
            self.group.listens.push(Spanned::new(listen, span));
        }
        new
    }
}

fn twice(span: Span, what: &str) -> Diagnostic {
    Diagnostic::warning(Code::Duplicate, span, format!("{what} is in this group twice")).mark("counts once")
}

/// What a service's addresses have in common.
#[derive(Debug, Clone, Copy)]
pub(super) struct Listeners {
    /// The family of all; none if there are both.
    pub(super) family: Option<Family>,
    /// The port of all addresses; 0 if they differ, or if there are only marks.
    pub(super) port: u16,
    /// The addresses have several ports.
    pub(super) many_ports: bool,
    /// One takes every port.
    pub(super) any_port: bool,
    /// A group, though it may have one address only.
    pub(super) group: bool,
    /// There are only marks.
    pub(super) marks: bool,
}

impl Resolver<'_> {
    /// The keys of a service, and what they have in common.
    pub(super) fn listeners(
        &mut self,
        draft: &mut ServiceDraft,
        groups: &mut GroupTable,
    ) -> Option<(ServiceKey, Option<Box<Group>>, Listeners)> {
        let header = draft.header;
        let Some(group) = draft.group.take() else {
            let listen = draft.listen.get()?.value;
            let protocol = self.protocol_of(draft, &[Spanned::new(listen, header)]);
            let family = draft.family.or_else(|| first_server(draft)).unwrap_or(Family::V4);
            let key = key(listen, protocol, family);
            return Some((key, None, common(std::iter::once(key), false)));
        };
        if group.listens.is_empty() {
            let what = group.name.as_ref().map_or_else(String::new, |name| format!(": group `{name}` has none"));
            self.say(if group.broken {
                Diagnostic::error(Code::Required, header, format!("this service has no usable address{what}"))
                    .help("see what is said about its addresses")
            } else {
                self.slip(Code::Idle, header, format!("this service has no address{what}"))
                    .help(format!("left out{}", self.words.there))
            });
            return None;
        }
        groups.used += group.listens.len();
        if groups.used > MOST_OF_ALL {
            self.say(
                Diagnostic::error(Code::BadValue, header, "the services of this file have too many addresses")
                    .mark(format!("at most {MOST_OF_ALL} in all groups, each counted for every service that uses it"))
                    .help("this service is left out; each address is a service of its own in the kernel"),
            );
            return None;
        }
        let protocol = self.protocol_of(draft, &group.listens);
        let addresses = group.listens.iter().filter_map(|listen| match listen.value {
            Listen::Address(address, _) => Some(Family::of(address)),
            Listen::Mark(..) => None,
        });
        let of_addresses = one_family(addresses);
        let mut keys = Vec::with_capacity(group.listens.len());
        for listen in &group.listens {
            let family = match (of_addresses, draft.family) {
                (_, Some(family)) | (Some(Some(family)), None) => family,
                (None, None) => first_server(draft).unwrap_or(Family::V4),
                (Some(None), None) => {
                    if let Listen::Mark(_, None) = listen.value {
                        self.say(
                            self.slip(Code::Required, listen.span, "a mark among addresses of both families needs its own")
                                .help("write `inet` or `inet6` after it; it is left out, where keepalived leaves out the group"),
                        );
                        continue;
                    }
                    Family::V4
                }
            };
            keys.push(key(listen.value, protocol, family));
        }
        let mut keys = keys.into_iter();
        let key = keys.next()?;
        let group = Group { name: group.name.clone(), others: keys.collect(), mark: None };
        let common = common(std::iter::once(key).chain(group.others.iter().copied()), true);
        if common.family.is_none() {
            self.unserved(draft);
        }
        Some((key, Some(Box::new(group)), common))
    }

    /// With addresses of both families, servers of one and no tunnel, those of the other lead nowhere.
    fn unserved(&mut self, draft: &ServiceDraft) {
        let tunnelled = |server: &ServerDraft| {
            let forwarding = server.forwarding.get().or(draft.forwarding.get());
            forwarding.is_some_and(|forwarding| matches!(forwarding.value, Forwarding::Tunnel(_)))
        };
        for family in [Family::V4, Family::V6] {
            let serves = |server: &ServerDraft| Family::of(server.address) == family || tunnelled(server);
            if !draft.servers.is_empty() && !draft.servers.iter().any(serves) {
                self.say(
                    Diagnostic::warning(
                        Code::Combination,
                        draft.header,
                        format!("no server can take what comes to the group's {family} addresses"),
                    )
                    .help(format!("connections there are refused; add {family} servers, or reach these by `TUN`")),
                );
            }
        }
    }

    /// Marks have no protocol, so a service of nothing else needs none.
    fn protocol_of(&mut self, draft: &mut ServiceDraft, listens: &[Spanned<Listen>]) -> Protocol {
        let addressed = listens.iter().any(|listen| matches!(listen.value, Listen::Address(..)));
        if addressed { self.protocol(draft) } else { Protocol::Tcp }
    }
}

fn first_server(draft: &ServiceDraft) -> Option<Family> {
    draft.servers.first().map(|server| Family::of(server.address))
}

fn key(listen: Listen, protocol: Protocol, family: Family) -> ServiceKey {
    match listen {
        Listen::Address(address, port) => ServiceKey::Address { protocol, address, port },
        Listen::Mark(mark, own) => ServiceKey::Fwmark { family: own.unwrap_or(family), mark },
    }
}

/// `None`: there are none; `Some(None)`: there are both.
fn one_family(families: impl Iterator<Item = Family>) -> Option<Option<Family>> {
    families.map(Some).reduce(|one, other| if one == other { one } else { None })
}

fn common(keys: impl Iterator<Item = ServiceKey> + Clone, group: bool) -> Listeners {
    let ports = keys.clone().filter_map(|key| match key {
        ServiceKey::Address { port, .. } => Some(port),
        ServiceKey::Fwmark { .. } => None,
    });
    let port = ports.clone().next();
    let many_ports = ports.clone().any(|other| Some(other) != port);
    Listeners {
        family: one_family(keys.map(|key| key.family())).flatten(),
        port: if many_ports { 0 } else { port.unwrap_or(0) },
        many_ports,
        any_port: ports.clone().any(|port| port == 0),
        group,
        marks: port.is_none(),
    }
}
