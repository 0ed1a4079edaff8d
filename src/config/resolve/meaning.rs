//! What runs as it is written, and is hardly meant.
//!
//! Everything here is a note, and is said only where the file itself shows it: what a host has beside its file (addresses,
//! routes, other daemons) nobody knows here, so a guess would mostly be wrong. Of each kind little is said: one remark for an
//! address, one for all checks.

use std::collections::{HashMap, HashSet};
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use super::Resolver;
use super::election::shown;
use crate::config::diagnostic::{Code, Diagnostic};
use crate::config::draft::{InstanceDraft, ServiceTable, SlowCheck, SurroundingsDraft, Timing};
use crate::config::reach::{FarServers, holds};
use crate::config::source::{Span, Spanned};
use crate::model::{
    Family, Forwarding, Instance, Priority, Route, RouteKind, ServiceConfig, ServiceKey, SyncGroup, Tracked,
    VirtualAddress, Watched,
};

/// A route to fewer addresses than this is one to a network, inside which the host has hardly a network of its own.
const NETWORK_V4: u8 = 24;
/// The same for IPv6.
const NETWORK_V6: u8 = 64;

/// More addresses than this of one service are a network, which is mostly routed to the hosts and put on none of them.
const MOST_LISTED: usize = 8;

/// The address and port of a service.
pub(super) fn endpoint(key: ServiceKey) -> Option<(IpAddr, u16)> {
    match key {
        ServiceKey::Address { address, port, .. } => Some((address, port)),
        ServiceKey::Fwmark { .. } => None,
    }
}

/// Why an address can be no server's, whatever the host: the kernel takes those that its routes call local or unicast.
pub(super) fn unreachable(address: IpAddr) -> Option<&'static str> {
    match address {
        _ if address.is_unspecified() => Some("it is no host's address"),
        _ if address.is_multicast() => Some("it is a multicast address"),
        IpAddr::V4(Ipv4Addr::BROADCAST) => Some("it is the broadcast address"),
        IpAddr::V4(v4) if v4.octets()[0] == 0 => Some("0.0.0.0/8 holds no hosts"),
        IpAddr::V4(_) | IpAddr::V6(_) => None,
    }
}

/// What the file says of addresses and networks, before the routers are put together.
#[derive(Debug, Default)]
pub(super) struct Ground {
    /// Addresses that are put on this host, and where they are written.
    addresses: HashMap<IpAddr, Span>,
    /// Their networks.
    networks: Vec<(IpAddr, u8)>,
    routes: Vec<(Span, Route)>,
    /// A router's addresses are not all known.
    incomplete: bool,
    /// There are routers.
    routed: bool,
    /// Where each router's priority is written, or its name.
    priorities: HashMap<String, Span>,
}

impl Ground {
    /// Of drafts: a router that cannot run has addresses that are meant all the same.
    pub(super) fn of(instances: &[InstanceDraft], surroundings: &SurroundingsDraft) -> Self {
        let moved = instances.iter().flat_map(|instance| instance.addresses.iter().chain(&instance.excluded));
        let mut ground = Self {
            routed: !instances.is_empty(),
            incomplete: instances.iter().any(|it| it.addresses.is_empty() && it.excluded.is_empty()),
            priorities: instances
                .iter()
                .map(|it| (it.name.value.clone(), it.priority.get().map_or(it.name.span, |priority| priority.span)))
                .collect(),
            ..Self::default()
        };
        for written in moved.chain(&surroundings.addresses) {
            ground.address(written);
        }
        let routes = instances.iter().flat_map(|instance| &instance.routes).chain(&surroundings.routes);
        ground.routes = routes.map(|route| (route.span, route.value.clone())).collect();
        ground
    }

    fn address(&mut self, written: &Spanned<VirtualAddress>) {
        let VirtualAddress { address, prefix_len, peer, .. } = written.value;
        self.addresses.entry(address).or_insert(written.span);
        if prefix_len < Family::of(address).bits() {
            self.networks.push((peer.unwrap_or(address), prefix_len));
        }
    }

    /// Whether the host is connected to an address, by one of its own or a route without a gateway, or it is the address.
    fn is_near(&self, to: IpAddr) -> bool {
        let on_link = |route: &Route| {
            matches!(route.kind, RouteKind::Unicast)
                && route.hops.iter().any(|hop| hop.via.is_none())
                && holds(route.to.0, route.to.1, to)
        };
        self.addresses.contains_key(&to)
            || self.networks.iter().any(|(address, length)| holds(*address, *length, to))
            || self.routes.iter().any(|(_, route)| on_link(route))
    }

    /// The file's own word on how packets get to an address: a route that is surely taken.
    fn way(&self, to: IpAddr) -> Option<&(Span, Route)> {
        let near =
            self.networks.iter().filter(|(address, length)| holds(*address, *length, to)).map(|(_, length)| *length);
        let near = near.max().unwrap_or(0);
        let least = match to {
            IpAddr::V4(_) => NETWORK_V4,
            IpAddr::V6(_) => NETWORK_V6,
        };
        // What else decides, this room does not know.
        let plain =
            |route: &Route| route.from.is_none() && route.vrf.is_none() && route.tos == 0 && route.table == MAIN;
        let covers = |route: &Route| plain(route) && route.to.1 > near && holds(route.to.0, route.to.1, to);
        let best = self.routes.iter().filter(|(_, route)| covers(route)).max_by_key(|(_, route)| route.to.1)?;
        let alone = self.routes.iter().filter(|(_, route)| covers(route) && route.to.1 == best.1.to.1).count() == 1;
        Some(best).filter(|(_, route)| alone && route.to.1 >= least)
    }
}

/// Whether an address is one of any link.
fn link_local(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => v4.is_link_local(),
        IpAddr::V6(v6) => v6.is_unicast_link_local(),
    }
}

/// The table that routes are in unless another is written.
const MAIN: u32 = 254;

impl Resolver<'_> {
    /// What can only be said when all is known.
    pub(super) fn meaning(
        &mut self,
        ground: &Ground,
        services: &ServiceTable,
        instances: &[Instance],
        groups: &[SyncGroup],
    ) {
        self.at_an_end(ground, instances, groups);
        self.unowned(ground, services);
        if !ground.routes.is_empty() {
            self.out_of_reach(ground, services);
        }
        self.far_away(ground, services);
        self.slow_checks();
    }

    /// Routers whose weights all pull beyond the end of what a priority can be.
    fn at_an_end(&mut self, ground: &Ground, instances: &[Instance], groups: &[SyncGroup]) {
        let members: HashSet<&str> = groups.iter().flat_map(|group| &group.members).map(String::as_str).collect();
        for instance in instances {
            // Under `nopreempt` each weight has been spoken of.
            let grouped = members.contains(instance.name.as_str());
            // The number in a file may have either sign.
            let any_sign = |tracked: &Tracked| matches!(tracked.what, Watched::File(_));
            let mut weights = instance.tracks.iter().filter(|tracked| tracked.weight != 0).peekable();
            if grouped || !instance.election.preempt || weights.peek().is_none() || weights.clone().any(any_sign) {
                continue;
            }
            let priority = instance.priority;
            let (pull, end) = if weights.clone().all(|tracked| priority.weighted(i32::from(tracked.weight)) == priority)
            {
                match priority.weighted(1) == priority {
                    true => ("raise", "highest"),
                    false => ("lower", "lowest"),
                }
            } else {
                continue;
            };
            let Some(at) = ground.priorities.get(&instance.name).copied().filter(|_| priority != Priority::OWNER)
            else {
                continue;
            };
            self.say(
                Diagnostic::note(
                    Code::WeightMovesNothing,
                    at,
                    format!("the weights of what `{}` watches change nothing", instance.name),
                )
                .mark(format!("all of them {pull} it, and {priority} is the {end} there is"))
                .help(
                    "whatever is watched, the priority stays; leave room for the weights, or give them the other sign",
                ),
            );
        }
    }

    /// Services whose address nobody here moves, in a file where others' addresses are moved.
    fn unowned(&mut self, ground: &Ground, services: &ServiceTable) {
        // A word that was not understood may be the address.
        let unsure = |code: Code| {
            matches!(
                code,
                Code::Unclosed
                    | Code::Unopened
                    | Code::Block
                    | Code::Nesting
                    | Code::IncludeMissing
                    | Code::IncludeLoop
                    | Code::NotRead
                    | Code::Expansion
                    | Code::Placeholder
                    | Code::BadValue
                    | Code::Hopeless
            )
        };
        if !ground.routed || ground.incomplete || self.report.diagnostics().iter().any(|said| unsure(said.code)) {
            return;
        }
        let place = |service: &ServiceConfig| services.places.get(&service.key).copied();
        let owned = services.services.iter().find_map(|service| {
            let moved =
                service.keys().filter_map(endpoint).find_map(|(address, _)| ground.addresses.get_key_value(&address));
            moved.zip(place(service))
        });
        let Some(((moved, moved_at), owned_at)) = owned else { return };
        let mut told: HashSet<IpAddr> = HashSet::new();
        for service in services.services.iter().filter(|service| service.keys().count() <= MOST_LISTED) {
            let mut new = service
                .keys()
                .filter_map(endpoint)
                .map(|(address, _)| address)
                .filter(|address| !address.is_loopback() && !ground.addresses.contains_key(address))
                .filter(|address| told.insert(*address));
            let Some(address) = new.next() else { continue };
            let more = match new.count() {
                0 => String::new(),
                more => format!(" and {more} more of its addresses"),
            };
            let Some(at) = place(service) else { continue };
            let (instance, addresses) = (self.words.instance, self.words.addresses);
            self.say(
                Diagnostic::note(Code::UnownedAddress, at, format!("no {instance} here moves {address}{more}"))
                    .mark("this service's address")
                    .and(owned_at, format!("the address of this one, {moved}, moves"))
                    .and(*moved_at, "here")
                    .help(format!(
                        "if clients find {address} by itself, as an address of this host or by a route, all is well; if it should \
                         move with the others, list it in `{addresses}`"
                    )),
            );
        }
    }

    /// Servers that the file's own routes send elsewhere.
    fn out_of_reach(&mut self, ground: &Ground, services: &ServiceTable) {
        let mut told = HashSet::new();
        for service in &services.services {
            let Some(at) = services.places.get(&service.key).copied() else { continue };
            for server in &service.servers {
                let address = server.key.address;
                let forwarding = server.settings.forwarding;
                let Some((route_at, route)) = ground.way(address) else { continue };
                let Some((message, help)) = refused(address, forwarding, route) else { continue };
                if told.insert((address, at)) {
                    let note = Diagnostic::note(Code::OutOfReach, at, message).mark("a server of this service");
                    self.say(note.and(*route_at, "this route goes there").help(help));
                }
            }
        }
    }

    /// Servers under direct routing that are in no network of the file: whoever knows the host's says whether that matters.
    fn far_away(&mut self, ground: &Ground, services: &ServiceTable) {
        // What was not read may hold the network.
        let unread = |code: Code| {
            matches!(
                code,
                Code::Unclosed
                    | Code::Unopened
                    | Code::Nesting
                    | Code::IncludeMissing
                    | Code::IncludeLoop
                    | Code::NotRead
                    | Code::Expansion
                    | Code::Hopeless
            )
        };
        let unsure = ground.incomplete || self.report.diagnostics().iter().any(|said| unread(said.code));
        let mut told = HashSet::new();
        for service in &services.services {
            let Some(at) = services.places.get(&service.key).copied() else { continue };
            let mut far = |family: Family| {
                let direct = |forwarding| matches!(forwarding, Forwarding::Direct);
                let own = |address: IpAddr| service.keys().filter_map(endpoint).any(|(own, _)| own == address);
                let candidates = service.servers.iter().filter(|server| direct(server.settings.forwarding));
                candidates
                    .map(|server| server.key.address)
                    .filter(|address| Family::of(*address) == family && !address.is_loopback())
                    .filter(|address| !link_local(*address) && !own(*address) && !ground.is_near(*address))
                    .filter(|address| ground.way(*address).is_none() && told.insert(*address))
                    .collect::<Vec<_>>()
            };
            for servers in [far(Family::V4), far(Family::V6)].into_iter().filter(|servers| !servers.is_empty()) {
                let of_family = |address: &IpAddr| servers.first().is_some_and(|it| it.is_ipv4() == address.is_ipv4());
                let networks_written = !unsure && ground.networks.iter().any(|(address, _)| of_family(address));
                self.report.note_far_servers(FarServers { at, servers, networks_written });
            }
        }
    }

    /// A server that is the service itself.
    pub(super) fn own_server(&mut self, span: Span, header: Span, address: IpAddr) {
        self.say(
            Diagnostic::note(Code::OwnServer, span, format!("this server is the service itself: {address}"))
                .and(header, "the service")
                .help(
                    "what comes for it goes to whatever listens there on the host that has the address, and a check asks the \
                     service itself, which answers as long as any of its servers does; write the server's own address, or \
                     127.0.0.1 (::1) if this host is meant",
                ),
        );
    }

    /// Takes note of a check whose timeout and interval are both written and do not go together.
    pub(super) fn slow_check(&mut self, timing: Timing, retry: u32, retry_interval: Duration) {
        let (Some(timeout), Some(interval)) = (timing.timeout, timing.interval) else { return };
        if timeout.value <= interval.value {
            return;
        }
        let again = retry_interval.saturating_add(timeout.value).saturating_mul(retry);
        let noticed = interval.value.saturating_add(timeout.value).saturating_add(again);
        let first = self.slow_check.get_or_insert(SlowCheck { timeout, interval, noticed, checks: 0 });
        first.checks += 1;
    }

    fn slow_checks(&mut self) {
        let Some(SlowCheck { timeout, interval, noticed, checks }) = self.slow_check else { return };
        let more = match checks {
            0 | 1 => None,
            checks => Some(format!("{checks} checks of this file wait longer than that; this is the first")),
        };
        self.say(
            Diagnostic::note(
                Code::Timers,
                timeout.span,
                format!("a check waits {} for an answer, and is made every {}", shown(timeout.value), shown(interval.value)),
            )
            .mark("longer than from one check to the next")
            .and(interval.span, "the next check waits for the end of this one")
            .help(format!(
                "a server that falls silent is taken out after up to {}, its tries and pauses together; a shorter timeout \
                 finds it out sooner",
                shown(noticed)
            ))
            .help_if(more),
        );
    }
}

/// Why a route does not lead to a server; none: it may.
fn refused(address: IpAddr, forwarding: Forwarding, route: &Route) -> Option<(String, &'static str)> {
    let direct = match forwarding {
        Forwarding::Direct => true,
        Forwarding::Masquerade | Forwarding::Tunnel(_) | Forwarding::Bypass => false,
        // It is this host.
        Forwarding::Local => return None,
    };
    match route.kind {
        RouteKind::Blackhole | RouteKind::Unreachable | RouteKind::Prohibit => {
            let message = format!("packets to the server {address} go nowhere: a route of this file discards them");
            Some((
                message,
                "the service sends it connections, if its check says that it is up, and they fail; change the route",
            ))
        }
        RouteKind::Unicast if direct && !route.hops.is_empty() && route.hops.iter().all(|hop| hop.via.is_some()) => {
            let message = format!("{address} lies behind a gateway, and direct routing does not go through gateways");
            Some((
                message,
                "the packet keeps the service's address, so the gateway sends it back to where that is; use a tunnel (`TUN`), \
                 or NAT, or reach the server on a link of this host",
            ))
        }
        RouteKind::Unicast
        | RouteKind::Local
        | RouteKind::Broadcast
        | RouteKind::Multicast
        | RouteKind::Anycast
        | RouteKind::Throw => None,
    }
}
