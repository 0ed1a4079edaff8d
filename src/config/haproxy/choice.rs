//! Which servers a service has, and how one of them is chosen.

use std::num::NonZeroU32;
use std::str::FromStr;
use std::time::Duration;

use super::proxy::Balance;
use super::remarks::shown;
use super::sections::Proxy;
use super::server::Server;
use super::service::Making;
use super::values::{self, Host};
use crate::config::diagnostic::{Code, Diagnostic};
use crate::config::draft::{CallDraft, CheckDraft, KindDraft, ServerDraft, Timing};
use crate::config::source::Spanned;
use crate::model::{Scheduler, SchedulerFlags};

/// `inter`, unless written.
const INTER: Duration = Duration::from_secs(2);
/// `rise`, unless written.
const RISE: u32 = 2;
/// `fall`, unless written.
const FALL: u32 = 3;

impl<'m> Making<'m> {
    /// The servers of a proxy with their weights, and the scheduler that does what `balance` asks for.
    pub(super) fn choice(
        &mut self,
        proxy: &'m Proxy,
        port: Option<u16>,
    ) -> (Vec<(String, ServerDraft)>, Scheduler, SchedulerFlags) {
        let settings = &proxy.settings;
        let active: Vec<&Server> = settings.servers.iter().filter(|server| !server.options.backup).collect();
        let backups: Vec<&Server> = settings.servers.iter().filter(|server| server.options.backup).collect();
        // The first that is up takes all: that is what a single server with its replacements is.
        let in_order = active.len() <= 1
            && (backups.len() == 1 || !backups.is_empty() && !settings.all_backups)
            && active.len() + backups.len() > 1;
        let chosen: Vec<&Server> = match (in_order, active.is_empty()) {
            (true, _) => active.iter().chain(&backups).copied().collect(),
            (false, true) => backups.clone(),
            (false, false) => {
                for server in &backups {
                    self.say(
                        Diagnostic::warning(
                            Code::NotYet,
                            server.name.span,
                            format!("`backup`: server `{}` is left out", shown(&server.name.text)),
                        )
                        .help("with all other servers down connections are refused: a server for that case is not done yet")
                        .help("one server with its replacements can be converted: the scheduler `fo` takes the first that is up"),
                    );
                }
                active
            }
        };
        let balance = settings.balance.as_ref().map_or(&Balance::RoundRobin, |balance| &balance.value);
        let span = settings.balance.as_ref().map_or(proxy.header, |balance| balance.span);
        let in_order = in_order || *balance == Balance::First;
        let count = u32::try_from(chosen.len()).unwrap_or(u32::MAX);
        let mut servers = Vec::with_capacity(chosen.len());
        for (server, place) in chosen.into_iter().zip(0..) {
            let Some(mut draft) = self.server(proxy, server, port) else { continue };
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

    fn server(&mut self, proxy: &'m Proxy, server: &Server, listens: Option<u16>) -> Option<ServerDraft> {
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
        if options.check {
            draft.checks.extend(self.check(proxy, server, port.or(listens)));
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

    fn check(&mut self, proxy: &'m Proxy, server: &Server, port: Option<u16>) -> Option<CheckDraft> {
        let options = &server.options;
        let check_port = proxy.settings.check_port().or(options.port);
        if check_port.or(port).is_none() {
            self.say(
                Diagnostic::error(
                    Code::Required,
                    server.address.span,
                    "the check of this server has no port to connect to",
                )
                .help("the server takes several ports, so say which: `port 80`; without it the server is not checked"),
            );
            return None;
        }
        let at = server.address.span;
        let inter = options.inter.unwrap_or(INTER);
        let settings = &proxy.settings;
        let day = Duration::from_secs(86_400);
        // With `timeout check` a connection has no longer than `timeout connect`; without it the whole check has `inter`.
        let timeout = match (settings.check, settings.connect) {
            (Some(_), Some(connect)) => connect.min(inter),
            (Some(_), None) | (None, _) => inter,
        };
        Some(CheckDraft {
            timing: Timing {
                interval: Some(Spanned::new(inter, at)),
                timeout: Some(Spanned::new(timeout.clamp(Duration::from_millis(1), day), at)),
                retry: Some(options.fall.unwrap_or(FALL) - 1),
                retry_interval: Some(options.fast_inter.unwrap_or(inter)),
                warmup: None,
                rise: NonZeroU32::new(options.rise.unwrap_or(RISE)),
                down_interval: options.down_inter,
                jitter_percent: None,
            },
            call: CallDraft { address: options.address, port: check_port, ..CallDraft::default() },
            ..CheckDraft::new(KindDraft::Tcp)
        })
    }
}
