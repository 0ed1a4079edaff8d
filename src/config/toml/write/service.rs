//! `[[service]]`.

use std::time::Duration;

use super::Writer;
use super::checks::{alike, only, usual_checks};
use super::instance::command;
use super::text::{Table, endpoint, list, quoted, time};
use crate::model::{
    Family, Floor, Forwarding, Persistence, Protocol, Rules, Scheduler, SchedulerFlags, ServerConfig, ServerKey,
    ServiceConfig, ServiceKey, Suspend, Tunnel, TunnelChecksum, UpDown, Weight,
};

/// What holds for the servers of a service unless they say otherwise.
struct Outer<'s> {
    port: u16,
    forwarding: Forwarding,
    inhibit_on_failure: bool,
    alpha: bool,
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
            // A server without checks is not one of these whatever its service says.
            alpha: service.servers.iter().any(|server| server.alpha)
                && service.servers.iter().all(|server| server.alpha || server.checks.is_empty()),
            checked: usual_checks(&service.servers),
        };
        if outer.forwarding != Forwarding::Masquerade {
            let forward = self.forward(outer.forwarding);
            table.set("forward", forward);
        }
        match service.floor {
            Some(Floor::Servers(count)) => table.number("floor", count),
            Some(percent @ Floor::Percent(_)) => table.text("floor", &percent.to_string()),
            None => {}
        }
        if let Some(drain) = service.handover.drain {
            table.set("drain", time(drain));
        }
        if !service.handover.slow_start.is_zero() {
            table.set("slow-start", time(service.handover.slow_start));
        }
        table.number_if("quorum", Some(service.quorum).filter(|quorum| *quorum != 1));
        table.flag("inhibit-on-failure", outer.inhibit_on_failure, false);
        self.rules(&mut table, service, &outer);
        if let Some(server) = outer.checked {
            let checks = self.checks(server, None);
            table.set("check", checks);
        }
        let servers = service.servers.iter().map(|server| self.server(server, &outer)).collect();
        // One to a line: they come and go.
        table.rows("server", servers);
        table
    }

    /// What holds for the servers together.
    fn rules(&mut self, table: &mut Table, service: &ServiceConfig, outer: &Outer<'_>) {
        let Rules { hysteresis, sorry, suspend, omega, notify: scripts } = &*service.rules;
        table.number_if("hysteresis", Some(*hysteresis).filter(|margin| *margin != 0));
        if let Some(sorry) = sorry {
            let at = match sorry.key {
                ServerKey { address, port: 0 } if outer.port == 0 => quoted(&address.to_string()),
                ServerKey { address, port } => endpoint(address, port),
            };
            let mut own = Table::default();
            own.set("address", at.clone());
            let plain = sorry.settings.forwarding == outer.forwarding && !sorry.inhibit_on_failure;
            if sorry.settings.forwarding != outer.forwarding {
                let forward = self.forward(sorry.settings.forwarding);
                own.set("forward", forward);
            }
            own.flag("inhibit", sorry.inhibit_on_failure, false);
            table.set("sorry-server", if plain { at } else { own.inline() });
        }
        match suspend {
            Suspend::Never => {}
            Suspend::WithoutOwn => table.number("rest-while-away", true),
            Suspend::Without(addresses) => {
                table.set("rest-while-away", list(addresses.iter().map(|address| quoted(&address.to_string()))));
            }
        }
        table.flag("start-down", outer.alpha, false);
        let mut told = notify(scripts);
        told.flag("at-stop", *omega, false);
        if !told.is_empty() {
            table.set("notify", told.inline());
        }
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
        if server.alpha != outer.alpha && !server.checks.is_empty() {
            table.number("start-down", server.alpha);
        }
        if let Some(scripts) = &server.notify {
            table.set("notify", notify(scripts).inline());
        }
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
}

fn notify(scripts: &UpDown) -> Table {
    let mut table = Table::default();
    for (key, script) in [("up", &scripts.up), ("down", &scripts.down)] {
        if let Some(script) = script {
            table.set(key, command(script));
        }
    }
    table
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
