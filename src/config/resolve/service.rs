//! One virtual service with its servers and checks.

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use super::Resolver;
use super::listeners::Listeners;
use super::meaning::{endpoint, unreachable};
use super::rules;
use crate::config::Language;
use crate::config::diagnostic::{Code, Diagnostic, Severity};
use crate::config::draft::{
    Field, GroupTable, KindDraft, PersistenceDraft, ServerDraft, ServiceDraft, ServiceTable, Timing,
};
use crate::config::report::Report;
use crate::config::source::{Span, Spanned};
use crate::config::suggest;
use crate::model::{
    Family, Floor, Forwarding, Handover, Persistence, Protocol, Scheduler, SchedulerFlags, ServerConfig, ServerKey,
    ServerSettings, ServiceConfig, ServiceKey, ServiceSettings, Weight,
};

/// Persistence of a service that takes every port and does not say how long.
const PERSISTENCE: NonZeroU32 = NonZeroU32::MIN.saturating_add(359);

/// What a server takes from its service.
pub(super) struct Outer {
    /// The service's own addresses with their ports.
    own: HashSet<(IpAddr, u16)>,
    listeners: Listeners,
    forwarding: Forwarding,
    timing: Timing,
    inhibit_on_failure: bool,
    weight: u32,
    pub(super) header: Span,
    virtual_host: Option<String>,
}

/// Adds a service to the table, or says why not.
pub(in crate::config) fn service(
    draft: ServiceDraft,
    language: Language,
    table: &mut ServiceTable,
    report: &mut Report,
) {
    let mut resolver = Resolver::new(language, report, table);
    if let Some((config, span)) = resolver.service(draft, &mut table.groups) {
        resolver.enter(config, span, table);
    }
    table.slow_check = resolver.slow_check;
    table.file_uses = resolver.file_uses;
}

/// Adds a service of a `virtual_server_group`, at once if the group is known by now.
pub(in crate::config) fn service_of_group(
    name: Spanned<String>,
    mut draft: ServiceDraft,
    table: &mut ServiceTable,
    report: &mut Report,
) {
    table.groups.named.insert(name.value.clone());
    match table.groups.groups.get(&name.value) {
        Some((_, group)) => {
            draft.group = Some(Arc::clone(group));
            service(draft, Language::Keepalived, table, report);
        }
        None => table.waiting.push((name, draft)),
    }
}

/// Adds the services whose groups stood behind them, and speaks of those whose groups stand nowhere.
pub(in crate::config) fn waiting_services(table: &mut ServiceTable, report: &mut Report) {
    for (name, draft) in std::mem::take(&mut table.waiting) {
        if table.groups.groups.contains_key(&name.value) {
            service_of_group(name, draft, table, report);
            continue;
        }
        let shown: String = name.value.chars().take(60).collect();
        let names = table.groups.groups.keys().map(String::as_str);
        report.add(
            Diagnostic::warning(Code::UnknownName, name.span, format!("there is no `virtual_server_group {shown}`"))
                .help_if(suggest::did_you_mean(&name.value, names))
                .help(
                    "this service is left out, for it has no address; keepalived leaves it out too, and says nothing",
                ),
        );
    }
    // Where nothing is served at all, that is said once.
    if !table.services.is_empty() {
        unused_groups(&table.groups, report);
    }
}

/// Speaks of the groups of addresses that no service is for, in the order that they stand in.
fn unused_groups(table: &GroupTable, report: &mut Report) {
    let unused = table.groups.iter().filter(|(name, (_, group))| !group.broken && !table.named.contains(*name));
    let mut unused: Vec<_> = unused.filter(|(_, (_, group))| !group.listens.is_empty()).collect();
    unused.sort_by_key(|(_, (span, _))| (span.file, span.start));
    for (name, (span, _)) in unused {
        let shown: String = name.chars().take(60).collect();
        report.add(
            Diagnostic::note(Code::Idle, *span, format!("no service is for the group `{shown}`"))
                .mark("its addresses are served by nothing")
                .help(format!("a service names it so: `virtual_server group {shown} {{ ... }}`")),
        );
    }
}

impl Resolver<'_> {
    /// Puts a service into the table; what is there already keeps its place.
    fn enter(&mut self, mut config: ServiceConfig, span: Span, table: &mut ServiceTable) {
        let taken = |key: &ServiceKey| table.places.contains_key(key);
        let twice: Vec<_> = config.keys().filter(taken).collect();
        let Some(first) = twice.first().copied() else {
            table.places.extend(config.keys().map(|key| (key, span)));
            table.services.push(config);
            return;
        };
        let before = table.places.get(&first).copied().unwrap_or(span);
        let is_first = |service: &&mut ServiceConfig| service.keys().any(|key| key == first);
        let Some(same) = table.services.iter_mut().find(is_first) else { return };
        let severity = match self.language {
            Language::Keepalived => Severity::Warning,
            Language::Toml => Severity::Error,
        };
        let there = self.words.there;
        if same.keys().eq(config.keys()) {
            let what = match config.group_name() {
                Some(name) => format!("group `{name}`"),
                None => first.to_string(),
            };
            self.say(
                Diagnostic::new(severity, Code::Duplicate, span, format!("a second service {what}"))
                    .and(before, "the first stands here")
                    .help("the kernel keeps one service for each protocol, address and port, or mark: put all servers into one")
                    .help(format!("its servers are added to the first, whose settings hold for both{there}")),
            );
            for server in config.servers {
                if !same.servers.iter().any(|other| other.key == server.key) {
                    same.servers.push(server);
                }
            }
            return;
        }
        let (what, rest) = match twice.len() {
            1 => (first.to_string(), "only the first has it"),
            more => (format!("{first} and {} more in common", more - 1), "only the first has them"),
        };
        self.say(
            Diagnostic::new(severity, Code::Duplicate, span, format!("two services have {what}"))
                .and(before, "the first stands here")
                .help("the kernel keeps one service for each protocol, address and port, or mark")
                .help(format!("{rest}; keepalived mixes the servers of both there, until one of them fails")),
        );
        let mut left = config.keys().filter(|key| !taken(key)).collect::<Vec<_>>().into_iter();
        let Some(key) = left.next() else { return };
        config.key = key;
        if let Some(group) = &mut config.group {
            group.others = left.collect();
        }
        // What is left may be of one family, and what only served the other has nothing to do any more.
        let family = config.key.family();
        if config.keys().all(|key| key.family() == family) {
            config.servers.retain(|server| server.takes(family));
        }
        if config.servers.is_empty() {
            return;
        }
        table.places.extend(config.keys().map(|key| (key, span)));
        table.services.push(config);
    }

    fn service(&mut self, mut draft: ServiceDraft, groups: &mut GroupTable) -> Option<(ServiceConfig, Span)> {
        let header = draft.header;
        if matches!(draft.listen, Field::Bad) && self.language == Language::Keepalived {
            // What is wrong with the address has been said, and how bad that is.
            self.say(
                Diagnostic::warning(Code::Required, header, "this service is left out: its address is unusable")
                    .help("with all its servers, as in keepalived; see what is said about its address"),
            );
            return None;
        }
        let (key, group, listeners) = self.listeners(&mut draft, groups)?;
        let forwarding = self.forwarding(&mut draft);
        let persistence = self.persistence(std::mem::take(&mut draft.persistence), key.family(), listeners, header);
        let keys = std::iter::once(key).chain(group.iter().flat_map(|group| group.others.iter().copied()));
        let outer = Outer {
            own: keys.filter_map(endpoint).collect(),
            listeners,
            forwarding,
            timing: draft.timing,
            inhibit_on_failure: draft.inhibit_on_failure,
            weight: draft.default_weight.unwrap_or(1),
            header,
            virtual_host: draft.virtual_host.take(),
        };
        let servers = self.servers(std::mem::take(&mut draft.servers), &outer);
        if servers.is_empty() {
            self.say(
                Diagnostic::warning(Code::Idle, header, "this service has no servers")
                    .help(format!("left out{}", self.words.there)),
            );
            return None;
        }
        if servers.iter().all(|server| server.settings.weight.value() == 0) {
            self.say(
                Diagnostic::note(Code::Idle, header, "all servers of this service have the weight 0")
                    .help("new connections are refused until one gets a higher weight; those that are there go on"),
            );
        }
        let flags = self.flags(draft.flags, key, header);
        let settings = ServiceSettings { scheduler: draft.scheduler.value().unwrap_or_default(), flags, persistence };
        let quorum = self.quorum(draft.quorum, &servers);
        let weights = rules::weights(&servers, listeners.family);
        let floor = self.floor(draft.floor, &servers, &weights);
        let slow_start = self.slow_start(draft.slow_start, settings.scheduler, &servers);
        let handover = Handover { drain: draft.drain, slow_start };
        if handover.drain.is_some_and(|drain| !drain.is_zero()) && !settings.passes_over_zero() {
            self.no_drain(settings.scheduler, header);
        }
        let named =
            matches!(key, ServiceKey::Address { .. }) || group.as_ref().is_some_and(|group| group.has_address());
        let kept = floor.map(|floor| (floor, rules::least_kept(floor, &weights)));
        let rules = self.service_rules(std::mem::take(&mut draft.rules), quorum, kept, &servers, &outer, named);
        Some((ServiceConfig { key, group, settings, quorum, floor, handover, rules: Box::new(rules), servers }, header))
    }

    /// keepalived goes by the protocol alone, and asks no mark for one.
    fn flags(&mut self, flags: SchedulerFlags, key: ServiceKey, header: Span) -> SchedulerFlags {
        match key {
            ServiceKey::Address { protocol: Protocol::Tcp | Protocol::Sctp, .. } if flags.one_packet => {
                self.say(
                    Diagnostic::warning(Code::Combination, header, "only UDP can be scheduled packet by packet")
                        .help(format!("done connection by connection{}", self.words.there)),
                );
                SchedulerFlags { one_packet: false, ..flags }
            }
            ServiceKey::Address { .. } | ServiceKey::Fwmark { .. } => flags,
        }
    }

    /// A removed server cannot wait at weight 0 for its connections to end.
    fn no_drain(&mut self, scheduler: Scheduler, header: Span) {
        let help = "so a server that a reload removes goes at once; `sh` with sh-fallback and `mh` with mh-fallback pass over it";
        self.say(
            Diagnostic::note(Code::Combination, header, format!("there is no drain with the scheduler `{scheduler}`"))
                .mark("it refuses the clients of a server at weight 0")
                .help(help),
        );
    }

    fn quorum(&mut self, quorum: Option<Spanned<u32>>, servers: &[ServerConfig]) -> u32 {
        let Some(Spanned { value: quorum, span }) = quorum else { return 1 };
        let weights = servers.iter().map(|server| u64::from(server.settings.weight.value())).sum::<u64>();
        let most = u32::try_from(weights).unwrap_or(u32::MAX).max(1);
        if quorum > most {
            self.say(
                Diagnostic::warning(
                    Code::Combination,
                    span,
                    format!("a quorum of {quorum} is more than all servers together weigh"),
                )
                .mark(format!("they weigh {weights}"))
                .help(format!("lowered to {most}{}; it could never be reached", self.words.there)),
            );
        }
        quorum.min(most)
    }

    /// Weights must be shares, and large enough to be parted.
    fn slow_start(
        &mut self,
        slow_start: Option<Spanned<Duration>>,
        scheduler: Scheduler,
        servers: &[ServerConfig],
    ) -> Duration {
        let Some(Spanned { value: takes, span }) = slow_start else { return Duration::ZERO };
        if takes.is_zero() {
            return takes;
        }
        if !scheduler.shares_by_weight() {
            self.say(
                Diagnostic::warning(
                    Code::Combination,
                    span,
                    format!("a slow start does nothing with the scheduler `{scheduler}`"),
                )
                .mark("ignored")
                .help("its weights are no shares; `wlc`, `wrr`, `sed`, `nq`, `lblc`, `lblcr` and `twos` go by shares"),
            );
            return Duration::ZERO;
        }
        if servers.iter().all(|server| server.settings.weight <= Weight::ONE) {
            self.say(
                Diagnostic::warning(Code::Combination, span, "a slow start has no steps with weights of 1")
                    .mark("a server that returns has all of its weight at once")
                    .help("give the servers greater weights: with 100 in place of each 1 nothing else changes"),
            );
        }
        takes
    }

    fn floor(
        &mut self,
        floor: Option<Spanned<Floor>>,
        servers: &[ServerConfig],
        weights: &[Vec<u32>],
    ) -> Option<Floor> {
        let Spanned { value: floor, span } = floor?;
        let keeps_all = weights.iter().all(|carrying| floor.of(carrying.len()) == carrying.len());
        let keeps_any = weights.iter().any(|carrying| !carrying.is_empty());
        if keeps_any && keeps_all && servers.iter().any(|server| !server.checks.is_empty()) {
            self.say(
                Diagnostic::note(Code::Combination, span, format!("a floor of {floor} keeps every server"))
                    .help("their checks tell how they are, and take none out, ever"),
            );
        }
        Some(floor)
    }

    pub(super) fn protocol(&mut self, draft: &mut ServiceDraft) -> Protocol {
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
        family: Family,
        listeners: Listeners,
        header: Span,
    ) -> Option<Persistence> {
        let longest = family.bits();
        let timeout_secs = match (draft.timeout_secs, listeners.any_port) {
            (Some(timeout), _) => timeout.value,
            (None, true) => {
                self.say(Diagnostic::note(Code::Defaulted, header, "a service for every port is persistent").help(
                    format!("for 360 seconds{}; say how long with `{}`", self.words.there, self.words.persistence),
                ));
                PERSISTENCE
            }
            (None, false) => match (draft.prefix_len, self.language) {
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

    pub(super) fn server(&mut self, mut draft: ServerDraft, outer: &Outer) -> Option<ServerConfig> {
        if let Some(what) = unreachable(draft.address) {
            let message = format!("{} cannot be a server: {what}", draft.address);
            let left_out = "left out: the kernel refuses it";
            self.say(self.slip(Code::BadValue, draft.span, message).mark(left_out));
            return None;
        }
        let forwarding = std::mem::take(&mut draft.forwarding).value().unwrap_or(outer.forwarding);
        let tunnelled = matches!(forwarding, Forwarding::Tunnel(_));
        let listeners = outer.listeners;
        if let Some(family) = listeners.family.filter(|family| *family != Family::of(draft.address) && !tunnelled) {
            self.say(
                Diagnostic::warning(
                    Code::Combination,
                    draft.span,
                    format!("an {} server of an {} service needs a tunnel", Family::of(draft.address), family),
                )
                .mark(format!("left out{}", self.words.there)),
            );
            return None;
        }
        let keeps_port = match forwarding {
            Forwarding::Masquerade => false,
            Forwarding::Direct | Forwarding::Tunnel(_) | Forwarding::Local | Forwarding::Bypass => true,
        };
        let port = match draft.port {
            _ if keeps_port => {
                let same = |port: u16| listeners.marks || port == listeners.port && !listeners.many_ports;
                if draft.port.is_some_and(|port| !same(port)) {
                    self.server_port(draft.span, forwarding, listeners);
                }
                listeners.port
            }
            Some(port) => port,
            // As in keepalived, and the same to clients: the kernel takes the packet's own port.
            None if listeners.group => 0,
            None => listeners.port,
        };
        if outer.own.contains(&(draft.address, if port == 0 { listeners.port } else { port })) {
            self.own_server(draft.span, outer.header, draft.address);
        }
        let called = draft.port.filter(|port| *port != 0).unwrap_or(listeners.port);
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
        let timing = draft.timing.or(outer.timing);
        // One that must prove itself makes the server wait; one without checks has nothing to prove.
        let alpha = draft.checks.iter().any(|check| check.timing.or(timing).alpha.unwrap_or(false));
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
            alpha,
            notify: (!draft.notify.is_empty()).then(|| Box::new(draft.notify)),
            checks: draft
                .checks
                .into_iter()
                .filter_map(|mut check| {
                    if let KindDraft::Http(http) = &mut check.kind {
                        let inherited = || draft.virtual_host.clone().or_else(|| outer.virtual_host.clone());
                        http.host = http.host.take().or_else(inherited);
                    }
                    self.check(check, ServerKey { port: called, ..key }, timing, draft.span)
                })
                .collect(),
        })
    }

    fn server_port(&mut self, span: Span, forwarding: Forwarding, listeners: Listeners) {
        let (whose, taken) = match listeners.many_ports {
            true => ("that of the address that clients call", "taken so".to_owned()),
            false => ("the service's", format!("taken as {}", listeners.port)),
        };
        self.say(
            Diagnostic::note(Code::ServerPort, span, format!("with {forwarding} a server's port is {whose}"))
                .help(format!("{taken}{}: the packet reaches the server as the client sent it", self.words.there))
                .help("its checks call the port that is written, unless they say otherwise"),
        );
    }
}
