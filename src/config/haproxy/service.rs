//! Proxies to services: a frontend with the backend that it leads to becomes one service.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use super::proxy::NO_EXPIRY;
use super::remarks::{MOST_NAMED, named, shown};
use super::sections::{Document, Kind, Proxy};
use super::server::Bind;
use super::values::{self, Host};
use super::{Part, Reading};
use crate::config::diagnostic::{Code, Diagnostic};
use crate::config::draft::{Draft, Field, Listen, ListenerGroup, PersistenceDraft, ServiceDraft};
use crate::config::keepalived::placeholder;
use crate::config::report::Report;
use crate::config::source::{Span, Spanned};
use crate::config::{Language, resolve, suggest};
use crate::model::{Family, Forwarding};

/// Addresses and ports that all services of a file may have: each is a service of its own in the kernel.
const MOST_LISTENERS: usize = 65_536;

/// What a bind listens to, after all.
type Listeners = Vec<Spanned<Listen>>;

pub(super) struct Making<'m> {
    document: &'m Document,
    /// What stands for every address.
    addresses: &'m [IpAddr],
    pub(super) report: &'m mut Report,
    pub(super) reading: Reading,
    listeners: usize,
    /// The first backend of each name, and the first frontend.
    backends: HashMap<&'m str, usize>,
    frontends: HashMap<&'m str, usize>,
    /// Proxies whose remarks are to be told, and `defaults` likewise.
    told: BTreeSet<usize>,
    /// Backends that something leads to.
    reached: HashSet<usize>,
    patience: Option<Spanned<Duration>>,
    /// Words about TLS in checks of which something was said.
    pub(super) tls_told: HashSet<Span>,
}

/// All services of a document.
pub(super) fn services(mut document: Document, addresses: &[IpAddr], report: &mut Report) -> Reading {
    let (mut backends, mut frontends) = (HashMap::new(), HashMap::new());
    for (index, proxy) in document.proxies.iter().enumerate() {
        if proxy.kind != Kind::Frontend {
            backends.entry(proxy.name.as_str()).or_insert(index);
        }
        if proxy.kind != Kind::Backend {
            frontends.entry(proxy.name.as_str()).or_insert(index);
        }
    }
    let mut making = Making {
        backends,
        frontends,
        document: &document,
        addresses,
        report: &mut *report,
        reading: Reading { draft: Draft::default(), parts: Vec::new() },
        listeners: 0,
        told: BTreeSet::new(),
        reached: HashSet::new(),
        patience: None,
        tls_told: HashSet::new(),
    };
    for index in 0..making.document.proxies.len() {
        making.proxy(index);
    }
    making.unreached();
    making.patience();
    let Making { reading, told, .. } = making;
    let mut defaults = BTreeSet::new();
    for index in &told {
        let mut from = document.proxies.get(*index).and_then(|proxy| proxy.defaults);
        while let Some(index) = from.filter(|index| defaults.insert(*index)) {
            from = document.defaults.get(index).and_then(|defaults| defaults.from);
        }
    }
    for index in defaults {
        if let Some(defaults) = document.defaults.get_mut(index) {
            std::mem::take(&mut defaults.remarks).tell(report);
        }
    }
    for index in told {
        if let Some(proxy) = document.proxies.get_mut(index) {
            std::mem::take(&mut proxy.remarks).tell(report);
        }
    }
    reading
}

impl<'m> Making<'m> {
    pub(super) fn say(&mut self, diagnostic: Diagnostic) {
        self.report.add(diagnostic);
    }

    /// Says that IPVS cannot do something, and what happens instead.
    pub(super) fn beyond(&mut self, span: Span, message: impl Into<String>, instead: impl Into<String>) {
        self.say(Diagnostic::warning(Code::BeyondIpvs, span, message).help(instead));
    }

    pub(super) fn decide(&mut self, span: Span, message: impl Into<String>, help: impl Into<String>) {
        self.say(Diagnostic::error(Code::Undecided, span, message).help(help));
    }

    fn proxy(&mut self, index: usize) {
        let Some(proxy) = self.document.proxies.get(index) else { return };
        let title = format!("`{} {}`", proxy.kind.word(), shown(&proxy.name));
        let same = match proxy.kind {
            Kind::Backend | Kind::Listen => &self.backends,
            Kind::Frontend => &self.frontends,
        };
        let before = same.get(proxy.name.as_str()).filter(|first| **first < index);
        if let Some(before) = before.and_then(|before| self.document.proxies.get(*before)) {
            let again = Diagnostic::warning(Code::Duplicate, proxy.header, format!("a second section {title}"));
            let again = again.and(before.header, "the first stands here");
            self.say(again.help("a `use_backend` that names it means the first"));
        }
        let mode = proxy.settings.mode.as_ref();
        match mode.map_or("tcp", |mode| mode.value.as_str()) {
            "tcp" => {}
            "http" | "health" => return self.speaks_http(proxy, &title),
            other => {
                let other = shown(other);
                let span = mode.map_or(proxy.header, |mode| mode.span);
                let odd = Diagnostic::error(Code::BadValue, span, format!("`mode` cannot be `{other}`"));
                return self.say(odd.mark("expected `tcp`, or `http`, which is not converted"));
            }
        }
        if let Some(span) = proxy.settings.disabled {
            let note = Diagnostic::note(Code::WithoutEffect, span, format!("{title} is disabled"));
            return self.say(note.help("it is not converted, for haproxy does not run it either"));
        }
        if proxy.kind == Kind::Backend {
            return;
        }
        self.told.insert(index);
        let Some(backend) = self.backend(index, proxy, &title) else { return };
        let Some(serving) = self.document.proxies.get(backend) else { return };
        self.told.insert(backend);
        self.service(proxy, serving, &title);
    }

    /// A section that is left to haproxy. Its lines that ask for more than connections are named, so that one sees what would
    /// be lost with `mode tcp`.
    fn speaks_http(&mut self, proxy: &Proxy, title: &str) {
        let files = self.report.files();
        let mut lines = proxy.remarks.beyond(files);
        let conditions = proxy.settings.rules.iter().filter(|rule| rule.condition.is_some());
        lines.extend(conditions.map(|rule| (format!("use_backend {} if", shown(&rule.target.text)), rule.target.span)));
        lines.extend(proxy.settings.binds.iter().filter_map(|bind| bind.ssl).map(|span| ("ssl".to_owned(), span)));
        lines.sort_by_key(|(_, span)| *span);
        let lost = match lines.is_empty() {
            true => "none of its lines needs HTTP: if whole connections may go to any of its servers, write `mode tcp`"
                .to_owned(),
            false => format!(
                "what IPVS cannot do of it: {}; if whole connections may go to any of its servers without that, write `mode tcp`",
                named(&lines, files)
            ),
        };
        let message = format!("{title} speaks HTTP (`mode http`): it is not converted");
        let mut left = Diagnostic::warning(Code::BeyondIpvs, proxy.header, message)
            .help("IPVS forwards connections and reads nothing in them: leave it to haproxy")
            .help(lost);
        for (_, span) in lines.iter().take(MOST_NAMED) {
            left = left.and(*span, "");
        }
        self.say(left);
    }

    /// Where a frontend leads to.
    fn backend(&mut self, index: usize, proxy: &'m Proxy, title: &str) -> Option<usize> {
        let mut target = None;
        for rule in &proxy.settings.rules {
            match rule.condition {
                Some(condition) => {
                    self.find(&rule.target.text);
                    self.decide(
                        condition,
                        "IPVS cannot choose a backend by a condition",
                        "if all connections may go to one backend, remove this line; otherwise leave this frontend to haproxy",
                    );
                }
                None => {
                    target = Some(&rule.target);
                    break;
                }
            }
        }
        let own = proxy.kind == Kind::Listen && !proxy.settings.servers.is_empty();
        let Some(name) = target.or(proxy.settings.default_backend.as_ref()) else {
            if own {
                return Some(index);
            }
            self.say(
                Diagnostic::warning(Code::Idle, proxy.header, format!("{title} leads to no servers"))
                    .help("it is not converted"),
            );
            return None;
        };
        let Some(found) = self.find(&name.text) else {
            let kinds = |proxy: &&'m Proxy| proxy.kind != Kind::Frontend;
            let names = self.document.proxies.iter().filter(kinds).map(|proxy| proxy.name.as_str());
            let near = suggest::did_you_mean(&name.text, names);
            let message = format!("there is no backend `{}`", shown(&name.text));
            let chosen = name.text.contains("%[").then(|| {
                "haproxy chooses this one by each connection's data while it runs, which IPVS cannot: it looks into no \
                 connection. Give each backend an address of its own, or name one backend here"
                    .to_owned()
            });
            self.say(
                Diagnostic::error(Code::UnknownName, name.span, message)
                    .help_if(chosen)
                    .help_if(near)
                    .help(format!("{title} is not converted")),
            );
            return None;
        };
        let serving = self.document.proxies.get(found)?;
        if serving.settings.mode.as_ref().is_some_and(|mode| mode.value != "tcp") {
            self.say(
                Diagnostic::error(Code::Combination, name.span, "a frontend of TCP leads to a backend of another mode")
                    .and(serving.header, "this one; its `mode` may come from `defaults`")
                    .help(format!("haproxy refuses that; write `mode tcp` there. {title} is not converted")),
            );
            return None;
        }
        if serving.settings.disabled.is_some() {
            self.beyond(name.span, format!("{title} leads to a backend that is disabled"), "it is not converted");
            return None;
        }
        Some(found)
    }

    /// A backend by its name; it is reached, then.
    fn find(&mut self, name: &str) -> Option<usize> {
        let found = self.backends.get(name).copied();
        self.reached.extend(found);
        found
    }

    fn unreached(&mut self) {
        let document = self.document;
        for proxy in &document.proxies {
            // Those that are not converted may lead to backends too.
            for name in proxy.settings.rules.iter().map(|rule| &rule.target).chain(&proxy.settings.default_backend) {
                self.find(&name.text);
            }
        }
        for (index, proxy) in document.proxies.iter().enumerate() {
            let tcp = proxy.settings.mode.as_ref().is_none_or(|mode| mode.value == "tcp");
            let name = shown(&proxy.name);
            if proxy.kind != Kind::Backend || !tcp || proxy.settings.disabled.is_some() || self.told.contains(&index) {
                continue;
            }
            let message = match self.reached.contains(&index) {
                true => format!("no service leads to `backend {name}` by itself"),
                false => format!("nothing leads to `backend {name}`"),
            };
            let idle = Diagnostic::warning(Code::Idle, proxy.header, message);
            self.say(idle.help("it is not converted: a service needs an address that clients call"));
        }
    }

    /// A connection that may be silent for longer than the kernel waits must not be forgotten.
    fn patience(&mut self) {
        let Some(patience) = self.patience else { return };
        let seconds = u32::try_from(patience.value.as_secs()).unwrap_or(u32::MAX).min(31 * 86_400);
        self.reading.draft.global.timeouts.tcp_secs = NonZeroU32::new(seconds);
        self.say(
            Diagnostic::warning(
                Code::Approximate,
                patience.span,
                "a connection may be silent for longer than the kernel waits",
            )
            .help(format!(
                "the kernel's 15 minutes become {seconds} seconds, for all services; nobody closes a silent \
                     connection, it is forgotten"
            )),
        );
    }

    fn service(&mut self, proxy: &'m Proxy, serving: &'m Proxy, title: &str) {
        let silent = proxy.settings.silent.iter().chain(&serving.settings.silent).flatten();
        for one in silent {
            if self.patience.is_none_or(|longest| longest.value < one.value) {
                self.patience = Some(*one);
            }
        }
        if serving.settings.servers.is_empty() {
            let idle = Diagnostic::warning(Code::Idle, proxy.header, format!("{title} leads to no servers"));
            return self.say(idle.help("it is not converted"));
        }
        if proxy.settings.binds.is_empty() {
            let idle = Diagnostic::warning(Code::Idle, proxy.header, format!("{title} has no `bind`"));
            return self.say(idle.help("it is not converted: a service needs an address that clients call"));
        }
        let mut listeners = Listeners::new();
        for bind in &proxy.settings.binds {
            self.bind(bind, &mut listeners);
        }
        let mut seen = HashSet::new();
        listeners.retain(|listen| seen.insert(listen.value));
        let families: HashSet<Family> = serving
            .settings
            .servers
            .iter()
            .filter_map(|server| match values::endpoint(&server.address.text).0 {
                Host::Address(address) => Some(Family::of(address)),
                Host::AnyV4 | Host::AnyV6 | Host::Name(_) | Host::Local(_) => None,
            })
            .collect();
        listeners.retain(|listen| {
            let Listen::Address(address, _) = listen.value else { return true };
            let family = Family::of(address);
            let served = families.is_empty() || families.contains(&family);
            if !served {
                self.beyond(
                    listen.span,
                    format!("no server can take what comes to {address}"),
                    format!("IPVS does not translate between IPv4 and IPv6: the address is left out; give it {family} servers"),
                );
            }
            served
        });
        let Some(first) = listeners.first().copied() else { return };
        let mut draft = ServiceDraft::new(proxy.header);
        let port = match first.value {
            Listen::Address(_, port) if listeners.len() == 1 => Some(port),
            Listen::Address(..) | Listen::Mark(..) => None,
        };
        if listeners.len() == 1 {
            draft.listen = Field::Set(first);
        } else {
            let name = Some(proxy.name.clone()).filter(|name| !name.trim().is_empty());
            draft.group = Some(Arc::new(ListenerGroup { name, listens: listeners, broken: false }));
        }
        draft.forwarding = Field::Set(Spanned::new(Forwarding::Masquerade, proxy.header));
        if let (Some(stick), own) = (serving.settings.stick, serving.settings.table) {
            let named = serving.settings.stick_table.as_deref();
            let other = named.and_then(|name| self.document.proxies.get(*self.backends.get(name)?));
            let table = own.filter(|_| named.is_none()).or_else(|| other.and_then(|proxy| proxy.settings.table));
            let timeout = table.map_or(NO_EXPIRY, |table| table.value);
            draft.persistence =
                PersistenceDraft { timeout_secs: Some(Spanned::new(timeout, stick)), ..PersistenceDraft::default() };
        }
        let (servers, scheduler, flags) = self.choice(serving, port);
        let names: Vec<String> = servers.iter().map(|(name, draft)| format!("{name} = {}", draft.address)).collect();
        draft.scheduler = Field::Set(Spanned::new(scheduler, serving.header));
        draft.flags = flags;
        draft.servers = servers.into_iter().map(|(_, server)| server).collect();
        let mut head = format!("its servers: {}", names.join(", "));
        if let Some((name, sorry)) = self.last_resort(serving, port) {
            head.push_str(&format!("; with all of them down: {name} = {}", sorry.address));
            draft.rules.sorry = Some(Box::new(sorry));
        }
        let before = self.reading.draft.services.services.len();
        resolve::service(draft, Language::Toml, &mut self.reading.draft.services, self.report);
        if let Some(service) = self.reading.draft.services.services.get(before) {
            let from = match std::ptr::eq(proxy, serving) {
                true => title.to_owned(),
                false => format!("{title} and `{} {}`", serving.kind.word(), shown(&serving.name)),
            };
            let head = format!("From {from}; {head}.");
            self.reading.parts.push(Part { key: service.key, head, places: vec![proxy.place, serving.place] });
        }
    }

    /// What a bind listens to.
    fn bind(&mut self, bind: &Bind, listeners: &mut Listeners) {
        let span = bind.address.span;
        let text = bind.address.value.as_str();
        if let Some(ssl) = bind.ssl {
            return self.beyond(
                ssl,
                "IPVS ends no TLS",
                "this address is left out: let the servers speak TLS themselves, or leave it to haproxy",
            );
        }
        let (host, ports) = values::endpoint(text);
        let Some((first, last)) = ports.and_then(values::ports) else {
            if let Host::Local(what) = host {
                return self.beyond(span, format!("IPVS cannot listen to {what}"), "this address is left out");
            }
            let bad = Diagnostic::error(Code::BadValue, span, format!("`bind` cannot be `{}`", shown(text)));
            return self.say(bad.mark("expected an address with a port: `192.0.2.1:80`, `*:80-90`"));
        };
        let family = |wanted: Family| self.addresses.iter().copied().filter(move |one| Family::of(*one) == wanted);
        let addresses: Vec<IpAddr> = match host {
            Host::Address(address) if address.is_loopback() => {
                return self.beyond(
                    span,
                    format!("{address} is called by this host alone"),
                    "this address is left out: IPVS would send packets from it to other hosts, which drop them",
                );
            }
            Host::Address(address) => vec![address],
            Host::AnyV4 => family(Family::V4).collect(),
            Host::AnyV6 if bind.only_v6 => family(Family::V6).collect(),
            Host::AnyV6 => self.addresses.to_vec(),
            Host::Local(what) => {
                return self.beyond(span, format!("IPVS cannot listen to {what}"), "this address is left out");
            }
            Host::Name(name) => return self.named(span, "bind", &name),
        };
        if addresses.is_empty() {
            let example = match host_is_v6(text) {
                true => "--address 2001:db8::10",
                false => "--address 192.0.2.10",
            };
            return self.decide(
                span,
                format!("`{}` is every address of this host, and IPVS needs the one that clients call", shown(text)),
                format!("name it: `{example}`; or write it in place of `{}`", shown(text)),
            );
        }
        let count = (usize::from(last) - usize::from(first) + 1) * addresses.len();
        if self.listeners + count > MOST_LISTENERS {
            let many = Diagnostic::error(Code::BadValue, span, "the services of this file have too many ports");
            return self.say(many.mark("left out").help(format!(
                "each address and port is a service of its own in the kernel; {MOST_LISTENERS} are the most; for so many \
                 let the firewall mark the packets, and write `fwmark`"
            )));
        }
        self.listeners += count;
        for address in addresses {
            listeners.extend((first..=last).map(|port| Spanned::new(Listen::Address(address, port), span)));
        }
    }

    /// A name where an address should be.
    pub(super) fn named(&mut self, span: Span, what: &str, name: &str) {
        if placeholder(name).is_some() || name.contains(['<', '>', '{', '}', '%']) {
            let unfilled = format!("`{}` was never filled in", shown(name));
            return self.say(
                Diagnostic::error(Code::Placeholder, span, unfilled)
                    .help("write the address; without it this is left out"),
            );
        }
        self.decide(
            span,
            format!("`{what}` has a name, and IPVS needs an address"),
            format!("write the address of `{}`; names are not looked up, and without it this is left out", shown(name)),
        );
    }
}

fn host_is_v6(text: &str) -> bool {
    matches!(values::endpoint(text).0, Host::AnyV6)
}
