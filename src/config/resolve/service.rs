//! One virtual service with its servers and checks.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::time::Duration;

use super::{Resolver, Words};
use crate::config::Language;
use crate::config::diagnostic::{Code, Diagnostic, Severity};
use crate::config::draft::{
    CheckDraft, Field, Listen, PersistenceDraft, ServerDraft, ServiceDraft, ServiceTable, Timing,
};
use crate::config::report::Report;
use crate::config::source::Span;
use crate::model::{
    Check, CheckKind, Connect, Family, Forwarding, Persistence, Protocol, ServerConfig, ServerKey, ServerSettings,
    ServiceConfig, ServiceKey, ServiceSettings, Weight,
};

/// `delay_loop`.
const INTERVAL: Duration = Duration::from_secs(60);
/// `connect_timeout`.
const TIMEOUT: Duration = Duration::from_secs(5);
/// `retry`.
const RETRY: u32 = 1;
/// `delay_before_retry`.
const RETRY_INTERVAL: Duration = Duration::from_secs(1);
/// Persistence of a service that takes every port and does not say how long.
const PERSISTENCE: NonZeroU32 = NonZeroU32::MIN.saturating_add(359);

/// What a server takes from its service.
struct Outer {
    listen: Listen,
    port: u16,
    family: Family,
    forwarding: Forwarding,
    timing: Timing,
    inhibit_on_failure: bool,
    weight: u32,
}

/// Adds a service to the table, or says why not.
pub(in crate::config) fn service(
    draft: ServiceDraft,
    language: Language,
    table: &mut ServiceTable,
    report: &mut Report,
) {
    let mut resolver = Resolver { words: Words::of(language), language, report, rules_placed: 0 };
    let Some((config, span)) = resolver.service(draft) else { return };
    match table.places.get(&config.key) {
        None => {
            table.places.insert(config.key, span);
            table.services.push(config);
        }
        Some(before) => {
            let before = *before;
            let severity = match language {
                Language::Keepalived => Severity::Warning,
                Language::Toml => Severity::Error,
            };
            resolver.say(
                Diagnostic::new(severity, Code::Duplicate, span, format!("a second service {}", config.key))
                    .and(before, "the first stands here")
                    .help("the kernel keeps one service for each protocol, address and port, or mark: put all servers into one")
                    .help(format!(
                        "its servers are added to the first, whose settings hold for both{}",
                        resolver.words.there
                    )),
            );
            let Some(first) = table.services.iter_mut().find(|first| first.key == config.key) else { return };
            for server in config.servers {
                if !first.servers.iter().any(|other| other.key == server.key) {
                    first.servers.push(server);
                }
            }
        }
    }
}

impl Resolver<'_> {
    fn service(&mut self, mut draft: ServiceDraft) -> Option<(ServiceConfig, Span)> {
        let header = draft.header;
        let (listen, port) = match std::mem::take(&mut draft.listen) {
            Field::Set(listen) => match listen.value {
                Listen::Address(_, port) => (listen.value, port),
                Listen::Mark(_) => (listen.value, 0),
            },
            Field::Bad if self.language == Language::Toml => return None,
            Field::Bad => {
                self.say(
                    Diagnostic::error(Code::Required, header, "this service cannot be: its address is unusable")
                        .help("see what is said about its address; a template may not have been filled in"),
                );
                return None;
            }
            Field::Absent => return None,
        };
        let family = match listen {
            Listen::Address(address, _) => Family::of(address),
            Listen::Mark(_) => draft
                .family
                .unwrap_or_else(|| draft.servers.first().map_or(Family::V4, |server| Family::of(server.address))),
        };
        let key = match listen {
            Listen::Address(address, port) => {
                ServiceKey::Address { protocol: self.protocol(&mut draft), address, port }
            }
            Listen::Mark(mark) => ServiceKey::Fwmark { family, mark },
        };
        let forwarding = self.forwarding(&mut draft);
        let persistence = self.persistence(std::mem::take(&mut draft.persistence), listen, family, header);
        let outer = Outer {
            listen,
            port,
            family,
            forwarding,
            timing: draft.timing,
            inhibit_on_failure: draft.inhibit_on_failure,
            weight: draft.default_weight.unwrap_or(1),
        };
        let servers = self.servers(std::mem::take(&mut draft.servers), &outer);
        if servers.is_empty() {
            self.say(
                Diagnostic::warning(Code::Idle, header, "this service has no servers")
                    .help(format!("left out{}", self.words.there)),
            );
            return None;
        }
        let settings =
            ServiceSettings { scheduler: draft.scheduler.value().unwrap_or_default(), flags: draft.flags, persistence };
        Some((ServiceConfig { key, settings, quorum: draft.quorum.unwrap_or(1), servers }, header))
    }

    fn protocol(&mut self, draft: &mut ServiceDraft) -> Protocol {
        match (std::mem::take(&mut draft.protocol), self.language) {
            (Field::Set(protocol), _) => protocol.value,
            (Field::Absent, Language::Toml) => Protocol::Tcp,
            (Field::Absent, Language::Keepalived) => {
                self.say(
                    Diagnostic::warning(
                        Code::Defaulted,
                        draft.header,
                        format!("this service has no `{}`", self.words.protocol),
                    )
                    .help("taken as UDP, as in keepalived; write `protocol TCP` if that is meant"),
                );
                Protocol::Udp
            }
            (Field::Bad, _) => Protocol::Udp,
        }
    }

    fn forwarding(&mut self, draft: &mut ServiceDraft) -> Forwarding {
        let own = |server: &ServerDraft| server.forwarding.get().is_some();
        match std::mem::take(&mut draft.forwarding) {
            Field::Set(forwarding) => forwarding.value,
            Field::Bad => Forwarding::Masquerade,
            Field::Absent => {
                if self.language == Language::Keepalived && !draft.servers.iter().all(own) {
                    self.say(
                        Diagnostic::warning(
                            Code::Defaulted,
                            draft.header,
                            format!("this service has no `{}`", self.words.forwarding),
                        )
                        .help("taken as NAT, as in keepalived; write `lvs_method NAT`, `DR` or `TUN`"),
                    );
                }
                Forwarding::Masquerade
            }
        }
    }

    fn persistence(
        &mut self,
        draft: PersistenceDraft,
        listen: Listen,
        family: Family,
        header: Span,
    ) -> Option<Persistence> {
        let longest = match family {
            Family::V4 => 32,
            Family::V6 => 128,
        };
        let timeout_secs = match (draft.timeout_secs, listen) {
            (Some(timeout), _) => timeout.value,
            (None, Listen::Address(_, 0)) => {
                self.say(Diagnostic::note(Code::Defaulted, header, "a service for every port is persistent").help(
                    format!("for 360 seconds{}; say how long with `{}`", self.words.there, self.words.persistence),
                ));
                PERSISTENCE
            }
            (None, Listen::Address(..) | Listen::Mark(_)) => match (draft.prefix_len, self.language) {
                // keepalived takes whoever names a granularity at his word.
                (Some(prefix), Language::Keepalived) => {
                    self.say(
                        Diagnostic::note(Code::Defaulted, prefix.span, "a granularity makes this service persistent")
                            .help(format!(
                                "for 360 seconds{}; say how long with `{}`",
                                self.words.there, self.words.persistence
                            )),
                    );
                    PERSISTENCE
                }
                (prefix, Language::Keepalived | Language::Toml) => {
                    let idle = prefix.map(|prefix| prefix.span).or(draft.engine.map(|engine| engine.span));
                    if let Some(span) = idle {
                        self.say(
                            Diagnostic::warning(Code::Idle, span, "this does nothing without persistence")
                                .help(format!("ignored; write `{}` too", self.words.persistence)),
                        );
                    }
                    return None;
                }
            },
        };
        let prefix_len = match draft.prefix_len {
            Some(prefix) if prefix.value > longest => {
                self.say(
                    Diagnostic::warning(Code::BadValue, prefix.span, format!("an {family} address has {longest} bits"))
                        .help("each client counts by itself"),
                );
                longest
            }
            Some(prefix) => prefix.value,
            None => longest,
        };
        Some(Persistence { timeout_secs, prefix_len, engine: draft.engine.map(|engine| engine.value) })
    }

    fn servers(&mut self, drafts: Vec<ServerDraft>, outer: &Outer) -> Vec<ServerConfig> {
        let mut servers: Vec<ServerConfig> = Vec::with_capacity(drafts.len());
        let mut places: HashMap<ServerKey, Span> = HashMap::with_capacity(drafts.len());
        for draft in drafts {
            let span = draft.span;
            let Some(server) = self.server(draft, outer) else { continue };
            match places.get(&server.key) {
                None => {
                    places.insert(server.key, span);
                    servers.push(server);
                }
                Some(before) => {
                    let before = *before;
                    self.say(
                        Diagnostic::warning(Code::Duplicate, span, format!("a second server {}", server.key))
                            .mark(format!("left out{}", self.words.there))
                            .and(before, "the first stands here"),
                    );
                }
            }
        }
        servers
    }

    fn server(&mut self, mut draft: ServerDraft, outer: &Outer) -> Option<ServerConfig> {
        let forwarding = std::mem::take(&mut draft.forwarding).value().unwrap_or(outer.forwarding);
        let tunnelled = matches!(forwarding, Forwarding::Tunnel(_));
        if Family::of(draft.address) != outer.family && !tunnelled {
            self.say(
                Diagnostic::warning(
                    Code::Combination,
                    draft.span,
                    format!("an {} server of an {} service needs a tunnel", Family::of(draft.address), outer.family),
                )
                .mark(format!("left out{}", self.words.there)),
            );
            return None;
        }
        let keeps_port = match forwarding {
            Forwarding::Masquerade => false,
            Forwarding::Direct | Forwarding::Tunnel(_) | Forwarding::Local | Forwarding::Bypass => true,
        };
        let marked = matches!(outer.listen, Listen::Mark(_));
        let port = match draft.port {
            Some(port) if keeps_port && port != outer.port => {
                self.say(
                    Diagnostic::note(
                        Code::ServerPort,
                        draft.span,
                        format!("with {forwarding} a server's port is the service's"),
                    )
                    .help(format!(
                        "taken as {}{}: the packet reaches the server as the client sent it",
                        outer.port, self.words.there
                    )),
                );
                outer.port
            }
            Some(port) => port,
            None => outer.port,
        };
        if draft.lower_threshold > draft.upper_threshold {
            let message = match draft.upper_threshold {
                0 => "it has a lower threshold and no upper one",
                _ => "its lower threshold is above its upper one",
            };
            self.say(
                Diagnostic::warning(Code::Combination, draft.span, message)
                    .help("the kernel refuses that; the lower one is ignored"),
            );
            draft.lower_threshold = 0;
        }
        let key = ServerKey { address: draft.address, port };
        // Behind a mark, what is written is still the port that a check calls.
        let called = if marked { ServerKey { port: draft.port.unwrap_or(port), ..key } } else { key };
        let timing = draft.timing.or(outer.timing);
        let weight = draft.weight.unwrap_or(outer.weight);
        Some(ServerConfig {
            key,
            settings: ServerSettings {
                forwarding,
                weight: Weight::new(weight).unwrap_or(Weight::MAX),
                upper_threshold: draft.upper_threshold,
                lower_threshold: draft.lower_threshold,
            },
            inhibit_on_failure: draft.inhibit_on_failure.unwrap_or(outer.inhibit_on_failure),
            checks: draft.checks.into_iter().map(|check| self.check(check, called, timing, draft.span)).collect(),
        })
    }

    fn check(&mut self, mut draft: CheckDraft, server: ServerKey, outer: Timing, span: Span) -> Check {
        let timing = draft.timing.or(outer);
        let target = SocketAddr::new(draft.address.unwrap_or(server.address), draft.port.unwrap_or(server.port));
        if target.port() == 0 {
            self.say(
                Diagnostic::warning(Code::Required, span, "the check of this server has no port to connect to")
                    .help("the server takes every port, so the check must say which: it will fail as it is"),
            );
        }
        let called = Family::of(target.ip());
        if let Some(source) = draft.source_address.filter(|source| Family::of(*source) != called) {
            self.say(
                Diagnostic::warning(
                    Code::Combination,
                    span,
                    format!("its check calls an {called} address, which cannot be done from {source}"),
                )
                .help("ignored: the kernel chooses the source address"),
            );
            draft.source_address = None;
        }
        Check {
            kind: CheckKind::Tcp(Connect {
                target,
                source_address: draft.source_address,
                source_port: draft.source_port,
                interface: draft.interface,
                mark: draft.mark,
                timeout: timing.timeout.unwrap_or(TIMEOUT),
            }),
            interval: timing.interval.unwrap_or(INTERVAL),
            retry: timing.retry.unwrap_or(RETRY),
            retry_interval: timing.retry_interval.unwrap_or(RETRY_INTERVAL),
            warmup: timing.warmup,
        }
    }
}
