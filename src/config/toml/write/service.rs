//! `[[service]]`.

use std::collections::HashMap;
use std::time::Duration;

use super::Writer;
use super::text::{Table, endpoint, list, quoted, time};
use crate::model::{
    Check, CheckKind, Family, Forwarding, Persistence, Protocol, Scheduler, SchedulerFlags, ServerConfig, ServerKey,
    ServiceConfig, ServiceKey, Tunnel, TunnelChecksum, Weight,
};

/// What holds of a check unless written.
const INTERVAL: Duration = Duration::from_secs(60);
const TIMEOUT: Duration = Duration::from_secs(5);
const RETRY: u32 = 1;
const RETRY_INTERVAL: Duration = Duration::from_secs(1);

/// What holds for the servers of a service unless they say otherwise.
struct Outer<'s> {
    port: u16,
    forwarding: Forwarding,
    inhibit_on_failure: bool,
    /// The server whose checks stand with the service, if one's do.
    checked: Option<&'s ServerConfig>,
}

fn protocol(table: &mut Table, protocol: Protocol) {
    if protocol != Protocol::Tcp {
        table.text("protocol", &protocol.to_string());
    }
}

impl Writer<'_> {
    pub(super) fn service(&mut self, service: &ServiceConfig) -> Table {
        let mut table = Table::default();
        let port = match (&service.group, service.key) {
            (Some(group), _) => {
                table.text_if("name", group.name.as_ref());
                table.list("addresses", super::group::addresses(service.keys()));
                // A mark knows none, and all addresses have the same.
                let known = |key| match key {
                    ServiceKey::Address { protocol, .. } => Some(protocol),
                    ServiceKey::Fwmark { .. } => None,
                };
                protocol(&mut table, service.keys().find_map(known).unwrap_or(Protocol::Tcp));
                0
            }
            (None, ServiceKey::Address { protocol, address, port }) => {
                match port {
                    0 => table.text("address", &address.to_string()),
                    port => table.set("address", endpoint(address, port)),
                }
                self::protocol(&mut table, protocol);
                port
            }
            (None, ServiceKey::Fwmark { family, mark }) => {
                table.number("fwmark", mark);
                let first = service.servers.first().map(|server| Family::of(server.key.address));
                match family {
                    _ if first == Some(family) => {}
                    Family::V4 => table.text("family", "ipv4"),
                    Family::V6 => table.text("family", "ipv6"),
                }
                0
            }
        };
        let settings = &service.settings;
        if settings.scheduler != Scheduler::default() {
            table.text("scheduler", settings.scheduler.name());
        }
        table.list("flags", flags(settings.scheduler, settings.flags));
        if let Some(persistence) = &settings.persistence {
            table.set("persistence", self::persistence(persistence, service.key.family()));
        }
        let outer = Outer {
            port,
            forwarding: service.servers.first().map_or(Forwarding::Masquerade, |server| server.settings.forwarding),
            inhibit_on_failure: service.servers.iter().all(|server| server.inhibit_on_failure),
            checked: usual_checks(&service.servers),
        };
        if outer.forwarding != Forwarding::Masquerade {
            let forward = self.forward(outer.forwarding);
            table.set("forward", forward);
        }
        table.number_if("quorum", Some(service.quorum).filter(|quorum| *quorum != 1));
        table.flag("inhibit-on-failure", outer.inhibit_on_failure, false);
        if let Some(server) = outer.checked {
            let checks = self.checks(server, None);
            table.set("check", checks);
        }
        let servers = service.servers.iter().map(|server| self.server(server, &outer)).collect();
        // One to a line: they come and go.
        table.rows("server", servers);
        table
    }

    fn server(&mut self, server: &ServerConfig, outer: &Outer<'_>) -> String {
        let mut table = Table::default();
        let ServerKey { address, port } = server.key;
        // Every port: of a service that takes every port.
        if port == 0 && outer.port == 0 {
            table.text("address", &address.to_string());
        } else {
            table.set("address", endpoint(address, port));
        }
        if server.settings.weight != Weight::ONE {
            table.number("weight", server.settings.weight);
        }
        if server.settings.forwarding != outer.forwarding {
            let forward = self.forward(server.settings.forwarding);
            table.set("forward", forward);
        }
        table.flag("inhibit-on-failure", server.inhibit_on_failure, outer.inhibit_on_failure);
        table.number_if("max-connections", Some(server.settings.upper_threshold).filter(|most| *most != 0));
        table.number_if("resume-below", Some(server.settings.lower_threshold).filter(|least| *least != 0));
        let same = match outer.checked {
            Some(usual) => alike(usual, server),
            None => server.checks.is_empty(),
        };
        if !same && server.checks.is_empty() {
            table.number("check", false);
        } else if !same {
            let checks = self.checks(server, outer.checked.and_then(only));
            table.set("check", checks);
        }
        table.inline()
    }

    fn forward(&mut self, forwarding: Forwarding) -> String {
        match forwarding {
            Forwarding::Masquerade => quoted("nat"),
            Forwarding::Direct => quoted("direct"),
            Forwarding::Tunnel(Tunnel::Ipip) => quoted("tunnel"),
            Forwarding::Tunnel(Tunnel::Gue { port, checksum }) => {
                let mut table = Table::default();
                table.text("tunnel", "gue");
                table.number_if("port", Some(port).filter(|port| *port != 6080));
                checksums(&mut table, checksum);
                table.inline()
            }
            Forwarding::Tunnel(Tunnel::Gre { checksum }) => {
                let mut table = Table::default();
                table.text("tunnel", "gre");
                checksums(&mut table, checksum);
                table.inline()
            }
            Forwarding::Local | Forwarding::Bypass => {
                self.unsaid.push(format!("a server is reached by {forwarding}"));
                quoted("nat")
            }
        }
    }

    /// The checks of a server: a table, or a list of tables. What is left out is taken from `outer`.
    fn checks(&mut self, server: &ServerConfig, outer: Option<&Check>) -> String {
        let mut checks = server.checks.iter().map(|check| self.check(check, server.key, outer)).collect::<Vec<_>>();
        if checks.len() == 1 { checks.pop().unwrap_or_default() } else { list(checks) }
    }

    fn check(&mut self, check: &Check, server: ServerKey, outer: Option<&Check>) -> String {
        let connect = match &check.kind {
            CheckKind::Tcp(connect) => connect,
            CheckKind::Http(probe) => {
                self.unsaid.push(format!("a server is checked by {}", check.kind));
                &probe.connect
            }
        };
        let mut tcp = Table::default();
        if connect.target.ip() != server.address {
            tcp.text("address", &connect.target.ip().to_string());
        }
        tcp.number_if("port", Some(connect.target.port()).filter(|port| *port != server.port));
        tcp.time("timeout", connect.timeout, outer.map_or(TIMEOUT, |outer| outer.kind.connect().timeout));
        match (connect.source_address, connect.source_port) {
            (Some(source), Some(port)) => tcp.set("source", endpoint(source, port)),
            (Some(source), None) => tcp.text("source", &source.to_string()),
            (None, port) => tcp.number_if("source-port", port),
        }
        tcp.text_if("interface", connect.interface.as_ref());
        tcp.number_if("mark", connect.mark);
        let mut table = Table::default();
        table.set("tcp", tcp.inline());
        table.time("interval", check.interval, outer.map_or(INTERVAL, |outer| outer.interval));
        let retry = outer.map_or(RETRY, |outer| outer.retry);
        table.number_if("retry", Some(check.retry).filter(|own| *own != retry));
        let between = outer.map_or(RETRY_INTERVAL, |outer| outer.retry_interval);
        table.time("retry-interval", check.retry_interval, between);
        if check.warmup != outer.and_then(|outer| outer.warmup)
            && let Some(warmup) = check.warmup
        {
            table.set("warmup", time(warmup));
        }
        table.inline()
    }
}

/// A check that servers may take what they leave out from: the only one of its service.
fn only(server: &ServerConfig) -> Option<&Check> {
    match server.checks.as_slice() {
        [only] => Some(only),
        [] | [_, ..] => None,
    }
}

/// A check as it looks from its server: what it calls, if not the server itself, and everything else.
fn seen(check: &Check, server: ServerKey) -> Check {
    let mut check = check.clone();
    let target = match &mut check.kind {
        CheckKind::Tcp(connect) => &mut connect.target,
        CheckKind::Http(probe) => &mut probe.connect.target,
    };
    if target.ip() == server.address {
        target.set_ip(std::net::Ipv4Addr::UNSPECIFIED.into());
    }
    if target.port() == server.port {
        target.set_port(0);
    }
    check
}

fn alike(one: &ServerConfig, other: &ServerConfig) -> bool {
    one.checks.len() == other.checks.len()
        && one.checks.iter().zip(&other.checks).all(|(a, b)| seen(a, one.key) == seen(b, other.key))
}

/// The checks that most servers have, as those of the first that has them; none if most have none, or if others could not be
/// told from them.
fn usual_checks(servers: &[ServerConfig]) -> Option<&ServerConfig> {
    let mut counts: HashMap<Vec<Check>, (usize, &ServerConfig)> = HashMap::new();
    let mut most: Option<(usize, &ServerConfig)> = None;
    for server in servers {
        let looks = server.checks.iter().map(|check| seen(check, server.key)).collect();
        let (count, first) = counts.entry(looks).or_insert((0, server));
        *count += 1;
        if most.is_none_or(|(best, _)| *count > best) {
            most = Some((*count, *first));
        }
    }
    let (_, usual) = most.filter(|(_, usual)| !usual.checks.is_empty())?;
    // A server that does not warm up cannot say so where its service does.
    let warm = only(usual).is_some_and(|check| check.warmup.is_some());
    let colder = |server: &ServerConfig| server.checks.iter().any(|check| check.warmup.is_none());
    (!warm || !servers.iter().any(colder)).then_some(usual)
}

fn flags(scheduler: Scheduler, flags: SchedulerFlags) -> Vec<String> {
    let [first, second, third] = scheduler.flag_names();
    let all = [(flags.one_packet, "one-packet"), (flags.flag_1, first), (flags.flag_2, second), (flags.flag_3, third)];
    all.into_iter().filter(|(set, _)| *set).map(|(_, name)| quoted(name)).collect()
}

/// A time, or a table where there is more to say.
fn persistence(persistence: &Persistence, family: Family) -> String {
    let timeout = time(Duration::from_secs(persistence.timeout_secs.get().into()));
    let longest = family.bits();
    if persistence.prefix_len == longest && persistence.engine.is_none() {
        return timeout;
    }
    let mut table = Table::default();
    table.set("timeout", timeout);
    table.number_if("prefix", Some(persistence.prefix_len).filter(|length| *length != longest));
    table.text_if("engine", persistence.engine.as_ref());
    table.inline()
}

fn checksums(table: &mut Table, checksum: TunnelChecksum) {
    match checksum {
        TunnelChecksum::None => {}
        TunnelChecksum::Checksum => table.text("checksum", "csum"),
        TunnelChecksum::Remote => table.text("checksum", "remcsum"),
    }
}
