//! One virtual router, put together.

use std::collections::HashMap;
use std::net::IpAddr;

use super::Resolver;
use super::track::Weighing;
use super::trackers::Trackers;
use crate::config::Language;
use crate::config::diagnostic::{Code, Diagnostic};
use crate::config::draft::{Field, InstanceDraft, RouterDefaults};
use crate::config::source::{Span, Spanned};
use crate::model::{Family, Instance, Priority, Route, Rule, StartAs, Transport, VirtualRouterId, Vrid, VrrpVersion};

/// Nobody hears adverts on it.
const LOOPBACK: &str = "lo";

/// What is known of a router before the rest of it is looked at.
#[derive(Debug, Clone, Copy)]
pub(super) struct Basics {
    pub(super) family: Family,
    pub(super) version: VrrpVersion,
    pub(super) priority: Priority,
    pub(super) start_as: StartAs,
    /// Where the router, or the whole file, asks to be held to the letter.
    pub(super) strict: bool,
}

/// The router cannot run; why has been said.
pub(super) struct Unable;

impl Resolver<'_> {
    pub(super) fn instance(
        &mut self,
        mut draft: InstanceDraft,
        defaults: &RouterDefaults,
        trackers: &Trackers,
        grouped: &HashMap<String, Span>,
    ) -> Option<Instance> {
        let name = draft.name.value.clone();
        let mut unusable = Vec::new();
        let mut basics = self.basics(&mut draft, defaults);
        let transport = self.transport(&mut draft, defaults, basics);
        let id = self.identity(&mut draft, &transport, basics.family, &mut unusable);
        let authentication = self.authentication(&mut draft, &mut basics);
        let start_as = basics.start_as;
        let election = self.election(draft.election, &defaults.election, basics);
        let no_preempt = draft.election.no_preempt.filter(|_| !election.preempt);
        let track_primary = !draft.dont_track_primary;
        let own = id.as_ref().and_then(|id| id.interface.as_deref()).filter(|_| track_primary);
        let weighing = Weighing { priority: basics.priority, no_preempt, grouped: grouped.get(&name).copied(), own };
        let tracks = self.tracks(std::mem::take(&mut draft.tracks), trackers, weighing);
        let track_source = self.track_source(draft.track_source, &transport);
        let advert_interval = self.advert_interval(&mut draft, basics.version);
        let accept = self.accept(draft.accept, basics);
        let checksum = crate::model::Checksum {
            without_pseudo_header: draft.transport.without_pseudo_header.unwrap_or(defaults.without_pseudo_header),
            never_old_unicast: draft.transport.never_old_unicast,
        };
        let vrf = self.vrf(&mut draft, id.as_ref());
        let interface = id.as_ref().and_then(|id| id.interface.as_deref());
        let addresses = self.addresses(&mut draft, interface, basics, unusable.is_empty());
        if matches!(addresses, Err(Unable)) {
            unusable.push(self.words.addresses);
        }
        self.unusable(&draft.name, &unusable);
        let (id, Ok((addresses, excluded_addresses)), Ok(authentication)) = (id?, addresses, authentication) else {
            return None;
        };
        let link_vrid = Some(id.vrid);
        let virtual_link = self.virtual_link(&mut draft, link_vrid, &transport, basics);
        let announcements = self.announcements(draft.announcements, &defaults.announcements, basics.strict);
        let (routes, rules) = self.routes_and_rules(&mut draft);
        let mut notify = std::mem::take(&mut draft.notify);
        notify.priority_changes = draft.priority_changes.unwrap_or(defaults.priority_changes);
        if basics.strict && !self.strict_addresses(&draft.name, &addresses, &transport, basics.family) {
            return None;
        }
        let (vrid, family) = (id.vrid, id.family);
        Some(Instance {
            id,
            version: basics.version,
            start_as,
            priority: basics.priority,
            advert_interval,
            election,
            transport,
            authentication,
            checksum,
            skip_address_check: draft.skip_address_check.unwrap_or(defaults.skip_address_check),
            strict: basics.strict,
            accept,
            addresses,
            excluded_addresses,
            vrf,
            track_primary,
            track_source,
            tracks,
            announcements,
            receive_buffer: draft.receive_buffer.or(defaults.receive_buffer),
            routes,
            rules,
            promote_secondaries: draft.promote_secondaries,
            virtual_link,
            notify,
            ..Instance::new(&name, "", vrid, family)
        })
    }

    /// Family, version, priority and start: what the rest hangs on.
    fn basics(&mut self, draft: &mut InstanceDraft, defaults: &RouterDefaults) -> Basics {
        let at = draft.name.span;
        let name = &draft.name.value;
        let family = family(draft);
        let strict = draft.strict.map_or(defaults.strict, |strict| strict.value);
        let written = std::mem::take(&mut draft.version);
        let version = match (family, written) {
            (Family::V4, written) => written.value().unwrap_or(defaults.version),
            (Family::V6, Field::Set(Spanned { value: VrrpVersion::V2, span })) => {
                self.say(
                    Diagnostic::warning(Code::Combination, span, "IPv6 needs version 3 of VRRP")
                        .help("taken as 3: version 2 has no IPv6 (RFC 3768)"),
                );
                VrrpVersion::V3
            }
            (Family::V6, Field::Set(_) | Field::Absent | Field::Bad) => VrrpVersion::V3,
        };
        let written_start = std::mem::take(&mut draft.start_as).value();
        let priority = match std::mem::take(&mut draft.priority) {
            Field::Set(priority) => priority.value,
            Field::Absent if written_start == Some(StartAs::Master) && self.language == Language::Keepalived => {
                self.report.add(
                    Diagnostic::note(Code::Defaulted, at, format!("`{name}` has `state MASTER` and no priority"))
                        .help("taken as 255, the owner of the addresses, as in keepalived; write the priority"),
                );
                Priority::OWNER
            }
            Field::Absent | Field::Bad => Priority::DEFAULT,
        };
        // An owner that does not say how it starts is active at once, as in keepalived.
        let natural = if priority == Priority::OWNER { StartAs::Master } else { StartAs::Backup };
        let start_as = match written_start {
            Some(start_as) if strict && start_as != natural => {
                let message = format!("in strict mode only an owner (priority 255) starts as master, and `{name}` ");
                let (is, taken) = match natural {
                    StartAs::Backup => ("is none", "starts as backup"),
                    StartAs::Master => ("is one", "starts as master"),
                };
                self.report.add(
                    Diagnostic::warning(Code::Strict, at, message + is).help(format!("{taken}{}", self.words.there)),
                );
                natural
            }
            Some(start_as) => start_as,
            None => natural,
        };
        Basics { family, version, priority, start_as, strict }
    }

    /// Interface and number: without both there is no router, but for one that speaks to peers from an address of its own.
    fn identity(
        &mut self,
        draft: &mut InstanceDraft,
        transport: &Transport,
        family: Family,
        unusable: &mut Vec<&'static str>,
    ) -> Option<VirtualRouterId> {
        let (key, vrid) = (self.words.interface, self.words.vrid);
        let name = draft.name.clone();
        let written = std::mem::take(&mut draft.interface);
        let interface = match (written, transport) {
            (Field::Absent, Transport::Unicast { source: Some(source), .. }) => self.on_no_interface(*source, &name),
            (Field::Absent, Transport::Unicast { source: None, .. }) => {
                let message =
                    format!("router `{}` has neither `{key}` nor `{}`", name.value, self.words.unicast_source);
                self.say(
                    Diagnostic::error(Code::Required, name.span, message)
                        .mark("add one of them to it")
                        .help("without it nobody knows where its adverts come from, and it cannot run"),
                );
                None
            }
            (written, _) => self.required(written, &name, key, unusable).map(Some),
        };
        let vrid: Option<Vrid> = self.required(std::mem::take(&mut draft.vrid), &name, vrid, unusable);
        if interface.as_ref().is_some_and(|interface| interface.as_deref() == Some(LOOPBACK)) {
            self.say(
                Diagnostic::error(
                    Code::Combination,
                    name.span,
                    format!("router `{}` cannot run on the loopback interface", name.value),
                )
                .help("adverts need an interface that other hosts hear; addresses may be put on it with `dev lo`"),
            );
            return None;
        }
        Some(VirtualRouterId { interface: interface?, vrid: vrid?, family })
    }

    /// A router without an interface of its own.
    fn on_no_interface(&mut self, source: IpAddr, name: &Spanned<String>) -> Option<Option<String>> {
        let link_local = matches!(source, IpAddr::V6(source) if source.is_unicast_link_local());
        if !link_local {
            return Some(None);
        }
        let key = self.words.interface;
        let message = format!("router `{}` speaks from a link-local address and names no `{key}`", name.value);
        self.say(
            Diagnostic::error(Code::Required, name.span, message)
                .mark(format!("add `{key}` to it"))
                .help("every link has such addresses: this one does not tell which link is meant"),
        );
        None
    }

    fn required<T>(
        &mut self,
        field: Field<T>,
        name: &Spanned<String>,
        key: &'static str,
        unusable: &mut Vec<&'static str>,
    ) -> Option<T> {
        match field {
            Field::Set(spanned) => return Some(spanned.value),
            Field::Bad => unusable.push(key),
            Field::Absent => self.say(
                Diagnostic::error(Code::Required, name.span, format!("router `{}` has no `{key}`", name.value))
                    .mark(format!("add `{key}` to it"))
                    .help("without it the router cannot run"),
            ),
        }
        None
    }

    /// What a router was given and cannot use: one remark for all of it. In TOML each was an error already.
    fn unusable(&mut self, name: &Spanned<String>, keys: &[&'static str]) {
        if keys.is_empty() || self.language == Language::Toml {
            return;
        }
        let keys: Vec<_> = keys.iter().map(|key| format!("`{key}`")).collect();
        let message = format!("router `{}` cannot run without a usable {}", name.value, keys.join(", "));
        let likely =
            if self.is_unfilled() { "; most likely this file is a template that was not filled in" } else { "" };
        self.say(
            Diagnostic::error(Code::Required, name.span, message)
                .help(format!("what is wrong stands with each below{likely}")),
        );
    }

    /// Whether something in the file was never filled in.
    pub(super) fn is_unfilled(&self) -> bool {
        self.report.diagnostics().iter().any(|said| said.code == Code::Placeholder)
    }

    /// What moves beside addresses.
    fn routes_and_rules(&mut self, draft: &mut InstanceDraft) -> (Vec<Route>, Vec<Rule>) {
        let mut routes = Vec::new();
        for Spanned { value: mut route, span } in std::mem::take(&mut draft.routes) {
            self.only_static(route.track_group.take().as_ref(), span);
            routes.push(route);
        }
        let mut drafts = std::mem::take(&mut draft.rules);
        for rule in &mut drafts {
            let group = rule.rule.track_group.take();
            self.only_static(group.as_ref(), rule.span);
        }
        (routes, self.rules(drafts))
    }

    /// Whether the host takes packets for the addresses.
    fn accept(&mut self, written: Option<Spanned<bool>>, basics: Basics) -> bool {
        let owner = basics.priority == Priority::OWNER;
        match written {
            None => owner || !basics.strict,
            Some(accept) if accept.value && basics.strict && !owner && basics.version == VrrpVersion::V2 => {
                self.say(
                    Diagnostic::warning(
                        Code::Strict,
                        accept.span,
                        "version 2 has no accept mode, and strict mode holds it to that",
                    )
                    .help(format!("taken as `no_accept`{}: use version 3, or leave strict mode", self.words.there)),
                );
                false
            }
            Some(accept) if !accept.value && owner => {
                self.say(
                    Diagnostic::note(Code::Idle, accept.span, "an owner (priority 255) always accepts traffic")
                        .help("the addresses are its own; give the router a priority below 255"),
                );
                true
            }
            Some(accept) => accept.value,
        }
    }
}

/// The family of a router: that of its addresses, or else of whatever else names one.
fn family(draft: &InstanceDraft) -> Family {
    let transport = &draft.transport;
    let first = draft.addresses.first().map(|address| address.value.address);
    let source = transport.unicast_source.get().or(transport.multicast_source.get()).map(|source| source.value);
    let peer = transport.peers.first().map(|peer| peer.value.address);
    let group = transport.group.get().map(|group| group.value);
    first.or(source).or(peer).or(group).map_or(Family::V4, Family::of)
}
