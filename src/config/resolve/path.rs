//! Checks of paths: one for each address that clients call, each with the mark that leads its packets to the one server.
//!
//! A mark follows from what it leads to, so that it stays the same when other servers come and go, and after a restart: the
//! kernel's entries are found as they were left. Where two would get the same the later takes the next that is free.

use std::collections::{BTreeSet, HashMap};
use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroU32;

use super::Resolver;
use crate::config::diagnostic::{Code, Diagnostic};
use crate::config::draft::ServiceTable;
use crate::config::source::Span;
use crate::model::{
    Check, CheckKind, Family, Forwarding, Global, PathProbe, Protocol, ServerConfig, ServerKey, ServiceConfig,
    ServiceKey, Tunnel, TunnelChecksum,
};

/// What a mark leads to.
type Leads = (Family, ServerKey, Forwarding);

/// The marks that are given away.
struct Marks {
    first: NonZeroU32,
    given: HashMap<Leads, NonZeroU32>,
    taken: BTreeSet<NonZeroU32>,
}

impl Marks {
    /// The mark that leads there; `None`: there are no more.
    fn mark(&mut self, leads: Leads) -> Option<NonZeroU32> {
        if let Some(mark) = self.given.get(&leads) {
            return Some(*mark);
        }
        let start = digest(leads);
        let nth = |step: u32| self.first.checked_add(start.wrapping_add(step) % PathProbe::MARKS);
        let mark = (0..PathProbe::MARKS).filter_map(nth).find(|mark| !self.taken.contains(mark))?;
        self.taken.insert(mark);
        self.given.insert(leads, mark);
        Some(mark)
    }
}

/// A number that is the same in every process (FNV-1a).
fn digest((family, server, forwarding): Leads) -> u32 {
    let (kind, port, checksum) = match forwarding {
        Forwarding::Masquerade => (0, 0, TunnelChecksum::None),
        Forwarding::Direct => (1, 0, TunnelChecksum::None),
        Forwarding::Local => (2, 0, TunnelChecksum::None),
        Forwarding::Bypass => (3, 0, TunnelChecksum::None),
        Forwarding::Tunnel(Tunnel::Ipip) => (4, 0, TunnelChecksum::None),
        Forwarding::Tunnel(Tunnel::Gue { port, checksum }) => (5, port, checksum),
        Forwarding::Tunnel(Tunnel::Gre { checksum }) => (6, 0, checksum),
    };
    let checksum = match checksum {
        TunnelChecksum::None => 0,
        TunnelChecksum::Checksum => 1,
        TunnelChecksum::Remote => 2,
    };
    let address = match server.address {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets().to_vec(),
    };
    let ports = [server.port.to_be_bytes(), port.to_be_bytes()].concat();
    let rest = [family.bits(), kind, checksum];
    let hash = |hash: u32, byte: &u8| (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193);
    let sum = address.iter().chain(&ports).chain(&rest).fold(0x811c_9dc5, hash);
    sum ^ sum >> 16
}

impl Resolver<'_> {
    /// Gives every check of a path its address and its mark. All services are known, so no mark of theirs is taken.
    pub(super) fn paths(
        &mut self,
        services: &mut [ServiceConfig],
        first: Option<NonZeroU32>,
        places: &HashMap<ServiceKey, Span>,
    ) {
        if !services.iter().flat_map(|service| &service.servers).any(has_path) {
            return;
        }
        let own = services.iter().flat_map(ServiceConfig::keys).filter_map(|key| match key {
            ServiceKey::Fwmark { mark, .. } => Some(mark),
            ServiceKey::Address { .. } => None,
        });
        let mut marks =
            Marks { first: first.unwrap_or(PathProbe::FIRST_MARK), given: HashMap::new(), taken: own.collect() };
        for service in services.iter_mut().filter(|service| service.servers.iter().any(has_path)) {
            let span = places.get(&service.key).copied();
            let called: Vec<(ServiceKey, SocketAddr)> = service.keys().filter_map(called).collect();
            let mut servers = std::mem::take(&mut service.servers);
            for server in servers.iter_mut().filter(|server| has_path(server)) {
                let forwarding = server.settings.forwarding;
                let entries: Vec<_> = called
                    .iter()
                    .filter_map(|(key, through)| Some((*through, service.entry(*key, server)?)))
                    .filter_map(|(through, entry)| {
                        Some((through, entry, marks.mark((Family::of(through.ip()), entry, forwarding))?))
                    })
                    .collect();
                if let (true, Some(span)) = (entries.is_empty(), span) {
                    self.pathless(span, server.key);
                }
                let before = std::mem::take(&mut server.checks);
                server.checks = before.into_iter().flat_map(|check| expand(check, &entries, forwarding)).collect();
                if let Some(span) = span {
                    self.foreign_sources(server, span);
                }
            }
            service.servers = servers;
        }
    }

    /// Marks of groups that reach into those of checks of paths.
    pub(super) fn shared_marks(&mut self, global: &Global, table: &ServiceTable) {
        let Some(marks) = &global.group_marks else { return };
        let grouped =
            |service: &&ServiceConfig| service.group.is_some() && service.listeners().any(|key| key.mark().is_none());
        let mut groups = table.services.iter().filter(grouped).zip(0..);
        let into = groups.find(|(_, nth)| marks.first.checked_add(*nth).is_some_and(|mark| global.is_path_mark(mark)));
        let Some((service, _)) = into else { return };
        let Some(span) = table.places.get(&service.key).copied() else { return };
        let first = global.path_marks.unwrap_or(PathProbe::FIRST_MARK);
        let last = first.get() + (PathProbe::MARKS - 1);
        let message = format!(
            "the marks of groups, from {} on, reach into those of checks of paths, {first} to {last}",
            marks.first
        );
        self.say(
            Diagnostic::warning(Code::Combination, span, message)
                .mark("this group's mark comes after them")
                .help("let one of the two begin elsewhere: `nftables_ipvs_start_fwmark`, `path_marks`"),
        );
    }

    fn pathless(&mut self, span: Span, server: ServerKey) {
        let remark = self
            .slip(Code::Combination, span, format!("the path to {server} cannot be checked"))
            .mark("no TCP address with a port leads to it")
            .help(
                "a check of a path calls a service's own address over TCP; a firewall mark or UDP has nothing to call",
            );
        self.say(remark);
    }

    /// A source of another family than the address that is called.
    fn foreign_sources(&mut self, server: &mut ServerConfig, span: Span) {
        let mut strange = None;
        for check in &mut server.checks {
            let CheckKind::Path(probe) = &mut check.kind else { continue };
            let called = Family::of(probe.through.ip());
            if let Some(source) = probe.source_address.filter(|source| Family::of(*source) != called) {
                strange = Some((source, called));
                probe.source_address = None;
            }
        }
        if let Some((source, called)) = strange {
            let message = format!("a check of a path calls an {called} address, which cannot be done from {source}");
            self.say(
                Diagnostic::warning(Code::Combination, span, message)
                    .help("ignored: this host chooses the source address"),
            );
        }
    }
}

fn has_path(server: &ServerConfig) -> bool {
    server.checks.iter().any(|check| matches!(check.kind, CheckKind::Path(_)))
}

/// What there is to call.
fn called(key: ServiceKey) -> Option<(ServiceKey, SocketAddr)> {
    match key {
        ServiceKey::Address { protocol: Protocol::Tcp, address, port: port @ 1.. } => {
            Some((key, SocketAddr::new(address, port)))
        }
        ServiceKey::Address { .. } | ServiceKey::Fwmark { .. } => None,
    }
}

/// One check of a path as many; every other check as it is.
fn expand(check: Check, entries: &[(SocketAddr, ServerKey, NonZeroU32)], forwarding: Forwarding) -> Vec<Check> {
    let CheckKind::Path(written) = &check.kind else { return vec![check] };
    let source_address = written.source_address;
    let path = |(through, server, mark): &(SocketAddr, ServerKey, NonZeroU32)| Check {
        kind: CheckKind::Path(Box::new(PathProbe {
            through: *through,
            server: *server,
            forwarding,
            mark: *mark,
            source_address,
        })),
        ..check.clone()
    };
    entries.iter().map(path).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_follows_from_what_it_leads_to() {
        let leads = |last: u8| {
            let server = ServerKey { address: [10, 0, 0, last].into(), port: 80 };
            (Family::V4, server, Forwarding::Direct)
        };
        let marks = |taken: &[u32]| Marks {
            first: PathProbe::FIRST_MARK,
            given: HashMap::new(),
            taken: taken.iter().filter_map(|mark| NonZeroU32::new(*mark)).collect(),
        };
        let (mut one, mut other) = (marks(&[]), marks(&[]));
        let first = one.mark(leads(1)).unwrap();
        other.mark(leads(2)).unwrap();
        assert_eq!(other.mark(leads(1)), Some(first), "whoever comes before");
        assert_eq!(one.mark(leads(1)), Some(first));
        let next = marks(&[first.get()]).mark(leads(1)).unwrap();
        assert_ne!(next, first, "not one that is somebody's");
        let all: BTreeSet<_> = (0..=255).filter_map(|last| one.mark(leads(last))).collect();
        assert_eq!(all.len(), 256);
        assert!(all.iter().all(|mark| mark.get() >> 16 == PathProbe::FIRST_MARK.get() >> 16));
    }

    #[test]
    fn marks_come_to_an_end() {
        let server = |n: u32| ServerKey { address: std::net::Ipv4Addr::from(n).into(), port: 80 };
        let mut marks = Marks { first: NonZeroU32::MIN, given: HashMap::new(), taken: BTreeSet::new() };
        marks.taken = (1..PathProbe::MARKS).filter_map(NonZeroU32::new).collect();
        assert!(marks.mark((Family::V4, server(1), Forwarding::Direct)).is_some());
        assert_eq!(marks.mark((Family::V4, server(2), Forwarding::Direct)), None);
    }
}
