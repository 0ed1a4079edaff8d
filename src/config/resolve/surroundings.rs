//! What concerns all virtual routers of a host.

use std::collections::HashMap;

use super::Resolver;
use crate::config::Language;
use crate::config::diagnostic::{Code, Diagnostic};
use crate::config::draft::{FifoDraft, GroupDraft, RuleDraft, SurroundingsDraft};
use crate::config::source::{Span, Spanned};
use crate::config::suggest;
use crate::model::{
    Fifo, Instance, Route, RouteKind, RouterSettings, Rule, StaticState, SyncDaemon, TrackGroup, VirtualAddress,
};

/// Rules without a priority get one from here downwards.
const FIRST_PRIORITY: u32 = 16_384;
/// Where static addresses go that name no interface.
const INTERFACE: &str = "eth0";

impl Resolver<'_> {
    /// Settings for all routers, and the synchronization daemon.
    pub(super) fn surroundings(
        &mut self,
        draft: SurroundingsDraft,
        instances: &[Instance],
        names: &[String],
    ) -> (RouterSettings, Option<SyncDaemon>) {
        let mut settings = draft.settings;
        let interface = draft.default_interface.unwrap_or_else(|| INTERFACE.to_owned());
        settings.track_groups = self.track_groups(draft.track_groups, names, instances);
        let rules = self.rules(draft.rules);
        settings.statics = StaticState {
            addresses: self.static_addresses(draft.addresses, &interface),
            routes: draft.routes.into_iter().map(|route| on(route.value, &interface)).collect(),
            rules,
        };
        self.group_of_statics(&settings);
        settings.notify_fifo = self.fifo(draft.fifo);
        settings.router_fifo = self.fifo(draft.router_fifo);
        self.delays(&settings, instances);
        let daemon = draft.sync_daemon.and_then(|daemon| {
            let Spanned { value: daemon, span } = daemon;
            let unknown = daemon.instance.as_ref().filter(|name| !names.contains(name));
            if let Some(name) = unknown {
                self.no_router(name, draft.sync_instance.unwrap_or(span), names, "connections are not copied");
                return None;
            }
            let left_out = |name: &&String| !instances.iter().any(|instance| instance.name == **name);
            if let Some(name) = daemon.instance.as_ref().filter(left_out) {
                let at = draft.sync_instance.unwrap_or(span);
                self.say(
                    Diagnostic::warning(Code::Idle, at, format!("`{name}` does not run"))
                        .mark("connections are copied as this router is")
                        .help("they are not copied until it does; see what is said of the router"),
                );
                return None;
            }
            Some(daemon)
        });
        (settings, daemon)
    }

    /// Rules, each with a priority.
    pub(super) fn rules(&mut self, drafts: Vec<RuleDraft>) -> Vec<Rule> {
        let mut rules = Vec::new();
        for draft in drafts {
            let mut rule = draft.rule;
            if !draft.placed {
                rule.priority = FIRST_PRIORITY.saturating_sub(self.rules_placed);
                self.rules_placed += 1;
                self.say(Diagnostic::warning(Code::Defaulted, draft.span, "this rule has no priority").help(format!(
                    "given {}{}; write one, since the next change of the file may move it",
                    rule.priority, self.words.there
                )));
            }
            rules.push(rule);
        }
        rules
    }

    fn static_addresses(&mut self, drafts: Vec<Spanned<VirtualAddress>>, interface: &str) -> Vec<VirtualAddress> {
        let mut seen: HashMap<_, Span> = HashMap::new();
        let mut addresses = Vec::new();
        for Spanned { value: mut address, span } in drafts {
            address.interface.get_or_insert_with(|| interface.to_owned());
            if let Some(before) = seen.insert((address.address, address.interface.clone()), span) {
                self.say(
                    Diagnostic::warning(Code::Duplicate, span, format!("{} is listed twice", address.address))
                        .and(before, "here")
                        .help("the second is ignored"),
                );
                continue;
            }
            addresses.push(address);
        }
        addresses
    }

    fn track_groups(&mut self, drafts: Vec<GroupDraft>, names: &[String], instances: &[Instance]) -> Vec<TrackGroup> {
        let mut seen = HashMap::new();
        let mut groups = Vec::new();
        for draft in drafts {
            if !self.first(&mut seen, &draft.name.value, draft.name.span, "track group") {
                continue;
            }
            let mut members = Vec::new();
            for member in draft.members {
                if names.contains(&member.value) {
                    // One that was left out for an error of its own has been spoken of.
                    if instances.iter().any(|instance| instance.name == member.value) {
                        members.push(member.value);
                    }
                } else {
                    self.no_router(&member.value, member.span, names, "the group goes without it");
                }
            }
            groups.push(TrackGroup { name: draft.name.value, members });
        }
        groups
    }

    fn no_router(&mut self, name: &str, span: Span, names: &[String], instead: &str) {
        let near = suggest::did_you_mean(name, names.iter().map(String::as_str));
        self.say(
            Diagnostic::warning(Code::UnknownName, span, format!("there is no {} `{name}`", self.words.instance))
                .help_if(near)
                .help(instead),
        );
    }

    /// Static things may name a group that there is not.
    fn group_of_statics(&mut self, settings: &RouterSettings) {
        let statics = &settings.statics;
        let named = statics.addresses.iter().filter_map(|address| address.track_group.as_ref());
        let named = named.chain(statics.routes.iter().filter_map(|route| route.track_group.as_ref()));
        let named = named.chain(statics.rules.iter().filter_map(|rule| rule.track_group.as_ref()));
        for name in named {
            if !settings.track_groups.iter().any(|group| group.name == *name) {
                let message = format!("there is no track group `{name}`");
                self.say(
                    Diagnostic::placeless(crate::config::Severity::Warning, Code::UnknownName, message)
                        .help("a static address, route or rule names it; no router fails with that"),
                );
            }
        }
    }

    pub(super) fn fifo(&mut self, draft: FifoDraft) -> Option<Fifo> {
        match (draft.path, draft.script) {
            (Some(path), script) => {
                Some(Fifo { path: path.value, owner: draft.owner, script: script.map(|script| script.value) })
            }
            (None, Some(script)) => {
                self.say(
                    Diagnostic::warning(Code::Idle, script.span, "there is no FIFO for this script to read")
                        .help("it is not started; name the FIFO too"),
                );
                None
            }
            (None, None) => None,
        }
    }

    /// A router that learns of its dead interface later than its backups do leaves two masters for a while.
    fn delays(&mut self, settings: &RouterSettings, instances: &[Instance]) {
        for delay in &settings.interface_delays {
            for instance in instances.iter().filter(|it| it.id.interface.as_ref() == Some(&delay.interface)) {
                let adverts = u32::from(instance.election.down_timer_adverts.saturating_sub(1));
                let patience = instance.advert_interval.duration() * adverts;
                if delay.down >= patience {
                    let message = format!(
                        "the delay of {} before {} counts as down is longer than the backups of `{}` wait",
                        super::election::shown(delay.down),
                        delay.interface,
                        instance.name
                    );
                    self.say(Diagnostic::placeless(crate::config::Severity::Warning, Code::Combination, message).help(
                        format!(
                            "for that long both may hold the addresses; let it be below {}",
                            super::election::shown(patience)
                        ),
                    ));
                }
            }
        }
    }

    /// The two languages write a group of statics apart, but what it is for is the same.
    pub(super) fn only_static(&mut self, group: Option<&String>, span: Span) {
        if let Some(group) = group {
            let key = match self.language {
                Language::Keepalived => "track_group",
                Language::Toml => "track-group",
            };
            self.say(
                Diagnostic::warning(Code::Idle, span, format!("`{key} {group}` is for what is static"))
                    .help(format!("ignored{}: this router fails with it anyway", self.words.there)),
            );
        }
    }
}

/// A static route that names no way goes through the default interface.
fn on(mut route: Route, interface: &str) -> Route {
    let leads = match route.kind {
        RouteKind::Blackhole | RouteKind::Unreachable | RouteKind::Prohibit | RouteKind::Throw => false,
        RouteKind::Unicast | RouteKind::Local | RouteKind::Broadcast | RouteKind::Multicast | RouteKind::Anycast => {
            true
        }
    };
    for hop in route.hops.iter_mut().filter(|hop| leads && hop.via.is_none() && hop.interface.is_none()) {
        hop.interface = Some(interface.to_owned());
    }
    route
}
