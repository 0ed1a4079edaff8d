//! Which servers a service has, and how one of them is chosen.

use std::str::FromStr;

use super::checks::Probes;
use super::proxy::Balance;
use super::remarks::shown;
use super::sections::Proxy;
use super::server::Server;
use super::service::Making;
use super::values::{self, Host};
use crate::config::diagnostic::{Code, Diagnostic};
use crate::config::draft::ServerDraft;
use crate::model::{Scheduler, SchedulerFlags};

impl<'m> Making<'m> {
    /// The server that takes over when no other is up: the first backup, which takes all of it unless others share.
    pub(super) fn last_resort(&mut self, proxy: &'m Proxy, port: Option<u16>) -> Option<(String, ServerDraft)> {
        let settings = &proxy.settings;
        let takes = |server: &&Server| server.options.backup && !server.options.disabled;
        let backups: Vec<&Server> = settings.servers.iter().filter(takes).collect();
        if self.is_in_order(proxy) || settings.servers.iter().all(|server| server.options.backup) {
            return None;
        }
        let (first, others) = backups.split_first()?;
        for server in others {
            let alone = format!("`backup`: server `{}` is left out", shown(&server.name.text));
            let help = if settings.all_backups {
                "a service has one server for the case that all others are down, and the first backup is it; they do not share"
            } else {
                "a service has one server for the case that all others are down, and the first backup is it, up or not"
            };
            self.say(Diagnostic::warning(Code::Approximate, server.name.span, alone).help(help));
        }
        // A sorry server is not checked, so there is nothing to say of what its check would ask.
        let draft = self.server(proxy, first, port, &Probes::Tcp)?;
        let draft = ServerDraft {
            weight: Some(1),
            inhibit_on_failure: Some(false),
            upper_threshold: 0,
            lower_threshold: 0,
            checks: Vec::new(),
            ..draft
        };
        Some((shown(&first.name.text), draft))
    }

    /// The first that is up takes all: that is what a single server with its replacements is.
    fn is_in_order(&self, proxy: &Proxy) -> bool {
        let settings = &proxy.settings;
        let backups = settings.servers.iter().filter(|server| server.options.backup).count();
        let active = settings.servers.len() - backups;
        active <= 1 && (backups == 1 || backups > 0 && !settings.all_backups) && active + backups > 1
    }

    /// The servers of a proxy with their weights, and the scheduler that does what `balance` asks for.
    pub(super) fn choice(
        &mut self,
        proxy: &'m Proxy,
        port: Option<u16>,
    ) -> (Vec<(String, ServerDraft)>, Scheduler, SchedulerFlags) {
        let settings = &proxy.settings;
        let active: Vec<&Server> = settings.servers.iter().filter(|server| !server.options.backup).collect();
        let backups: Vec<&Server> = settings.servers.iter().filter(|server| server.options.backup).collect();
        let in_order = self.is_in_order(proxy);
        let chosen: Vec<&Server> = match (in_order, active.is_empty()) {
            (true, _) => active.iter().chain(&backups).copied().collect(),
            (false, true) => backups.clone(),
            (false, false) => active,
        };
        let balance = settings.balance.as_ref().map_or(&Balance::RoundRobin, |balance| &balance.value);
        let span = settings.balance.as_ref().map_or(proxy.header, |balance| balance.span);
        let in_order = in_order || *balance == Balance::First;
        let count = u32::try_from(chosen.len()).unwrap_or(u32::MAX);
        let mut servers = Vec::with_capacity(chosen.len());
        let probes = self.probes(&proxy.settings);
        for (server, place) in chosen.into_iter().zip(0..) {
            let Some(mut draft) = self.server(proxy, server, port, &probes) else { continue };
            let weight = match (server.options.disabled, in_order) {
                (true, _) => 0,
                // `fo` takes the greatest weight that is there; one that takes nothing stays so.
                (false, true) if server.options.weight == Some(0) => 0,
                (false, true) => count - place,
                (false, false) => server.options.weight.unwrap_or(1),
            };
            draft.weight = Some(weight);
            servers.push((shown(&server.name.text), draft));
        }
        let even = servers.iter().all(|(_, server)| server.weight == Some(1));
        let mut flags = SchedulerFlags::default();
        let scheduler = match balance {
            _ if in_order => Scheduler::Failover,
            Balance::RoundRobin if even => Scheduler::RoundRobin,
            Balance::RoundRobin => Scheduler::WeightedRoundRobin,
            Balance::LeastConnections if even => Scheduler::LeastConnection,
            Balance::LeastConnections => Scheduler::WeightedLeastConnection,
            Balance::Source => {
                // A server that takes nothing more has its clients spread over the others.
                flags.flag_1 = true;
                match settings.consistent {
                    true => Scheduler::MaglevHash,
                    false => Scheduler::SourceHash,
                }
            }
            Balance::Random => {
                let nearly = "`balance random` becomes `wlc`: the least loaded server, of all and not of two at random";
                self.say(
                    Diagnostic::warning(Code::Approximate, span, nearly).help(
                        "`twos` draws two at random as haproxy does, where the kernel has it (5.12; many do not)",
                    ),
                );
                Scheduler::WeightedLeastConnection
            }
            Balance::First => Scheduler::Failover,
            Balance::Content(what) => {
                self.decide(
                    span,
                    format!("IPVS cannot choose a server by what a connection carries (`balance {}`)", shown(what)),
                    "write `balance source`, `leastconn` or `roundrobin`; round robin is what is left",
                );
                if even { Scheduler::RoundRobin } else { Scheduler::WeightedRoundRobin }
            }
        };
        (servers, scheduler, flags)
    }

    fn server(
        &mut self,
        proxy: &'m Proxy,
        server: &Server,
        listens: Option<u16>,
        probes: &Probes,
    ) -> Option<ServerDraft> {
        let options = &server.options;
        let span = server.address.span;
        if let Some(ssl) = options.ssl {
            self.say(
                Diagnostic::error(Code::Undecided, span, "IPVS cannot speak TLS to a server for a client that does not")
                    .and(ssl, "asked for here")
                    .help("remove `ssl` if the clients speak TLS themselves, and the servers end it; otherwise leave this to haproxy"),
            );
            return None;
        }
        let (host, port) = values::endpoint(&server.address.text);
        let address = match host {
            Host::Address(address) if address.is_loopback() => {
                self.decide(
                    span,
                    format!("IPVS cannot forward to {address}"),
                    "the kernel sends no packet of others to a loopback address: write another address of that server; it is left out",
                );
                return None;
            }
            Host::Address(address) => address,
            Host::AnyV4 | Host::AnyV6 => {
                self.decide(
                    span,
                    "IPVS cannot forward to the address that the client called",
                    "write the address of the server; it is left out",
                );
                return None;
            }
            Host::Local(what) => {
                self.decide(span, format!("IPVS cannot forward to {what}"), "write an address; the server is left out");
                return None;
            }
            Host::Name(name) => {
                self.named(span, "server", &name);
                return None;
            }
        };
        let port = match self.port(port, listens) {
            Ok(port) => port,
            Err(message) => {
                self.say(Diagnostic::error(Code::BadValue, span, message).help("the server is left out"));
                return None;
            }
        };
        let mut draft = ServerDraft::new(span, address, port);
        if options.maxconn > 0 {
            draft.upper_threshold = options.maxconn;
            // As soon as there is room again.
            draft.lower_threshold = options.maxconn;
        }
        self.idle_tls(proxy, server, probes);
        if options.check {
            draft.checks.extend(self.check(proxy, server, port.or(listens), probes));
        }
        Some(draft)
    }

    /// The port of a server: its own, that of the client, or one so many above that.
    fn port(&mut self, text: Option<&str>, listens: Option<u16>) -> Result<Option<u16>, String> {
        let Some(text) = text.filter(|text| !text.is_empty() && *text != "0") else { return Ok(None) };
        let shifted = text.strip_prefix('+').map(|up| (1, up)).or(text.strip_prefix('-').map(|down| (-1, down)));
        let bad = || format!("`{}` is no port", shown(text));
        let Some((sign, by)) = shifted else { return u16::from_str(text).map(Some).map_err(|_| bad()) };
        let by = i64::from(u16::from_str(by).map_err(|_| bad())?) * sign;
        match listens {
            Some(port) => match u16::try_from(i64::from(port) + by) {
                Ok(port) if port > 0 => Ok(Some(port)),
                Ok(_) | Err(_) => Err(format!("{port}{text} is no port")),
            },
            None if by == 0 => Ok(None),
            None => Err("IPVS cannot shift a range of ports".to_owned()),
        }
    }
}
