//! Drafts to a [`Config`]: defaults, names, and the rules that hold between values.
//!
//! Both languages end here, so both have the same meaning. Where a remark names a key, it is named in the language of the
//! file: see [`Words`].

mod addresses;
mod announce;
mod authentication;
pub(in crate::config) mod check;
mod election;
mod http;
mod identity;
mod instance;
mod interfaces;
mod link;
mod listeners;
mod local_check;
mod meaning;
mod path;
mod rules;
mod service;
mod shared;
mod surroundings;
mod track;
mod trackers;
mod transport;

use std::collections::{HashMap, HashSet};

use super::Language;
use super::diagnostic::{Code, Diagnostic};
use super::draft::{Draft, FileUses, GroupDraft, InstanceDraft, ServiceTable, SlowCheck, TrackKind};
use super::report::Report;
use super::source::Span;
use crate::model::{Config, Instance, PathProbe, RouterSettings, ServiceKey, SyncGroup, VirtualRouterId};

pub(super) use http::{client, expression, idle_option};
pub(super) use listeners::{GroupLine, GroupReading};
pub(super) use service::{service, service_of_group, waiting_services};

/// What things are called in a language.
#[derive(Debug, Clone, Copy)]
pub(super) struct Words {
    pub(super) interface: &'static str,
    pub(super) vrid: &'static str,
    pub(super) nopreempt: &'static str,
    pub(super) master: &'static str,
    pub(super) addresses: &'static str,
    pub(super) excluded: &'static str,
    pub(super) unicast_source: &'static str,
    pub(super) password: &'static str,
    pub(super) forwarding: &'static str,
    pub(super) protocol: &'static str,
    pub(super) persistence: &'static str,
    pub(super) instance: &'static str,
    pub(super) script: &'static str,
    pub(super) process: &'static str,
    pub(super) file: &'static str,
    pub(super) watched_service: &'static str,
    pub(super) watched_check: &'static str,
    pub(super) peers: &'static str,
    pub(super) vmac: &'static str,
    pub(super) from_base: &'static str,
    /// Why a default is what it is, where it is keepalived's.
    pub(super) there: &'static str,
}

impl Words {
    /// What defines something to watch.
    pub(super) const fn tracker(self, kind: TrackKind) -> &'static str {
        match kind {
            TrackKind::Interface => self.interface,
            TrackKind::Script => self.script,
            TrackKind::Process => self.process,
            TrackKind::File => self.file,
            TrackKind::Service => self.watched_service,
            TrackKind::Check => self.watched_check,
        }
    }

    /// Those of a language.
    pub(super) const fn of(language: Language) -> Self {
        match language {
            Language::Keepalived => Self {
                interface: "interface",
                vrid: "virtual_router_id",
                nopreempt: "nopreempt",
                master: "state MASTER",
                addresses: "virtual_ipaddress",
                excluded: "virtual_ipaddress_excluded",
                unicast_source: "unicast_src_ip",
                password: "auth_pass",
                forwarding: "lvs_method",
                protocol: "protocol",
                persistence: "persistence_timeout",
                instance: "vrrp_instance",
                script: "vrrp_script",
                process: "vrrp_track_process",
                file: "track_file",
                watched_service: "vrrp_track_service",
                watched_check: "vrrp_track_check",
                peers: "unicast_peer",
                vmac: "use_vmac",
                from_base: "vmac_xmit_base",
                there: ", as in keepalived",
            },
            Language::Toml => Self {
                interface: "interface",
                vrid: "vrid",
                nopreempt: "preempt = false",
                master: "start = \"master\"",
                addresses: "addresses",
                excluded: "excluded-addresses",
                unicast_source: "source",
                password: "password",
                forwarding: "forward",
                protocol: "protocol",
                persistence: "persistence",
                instance: "instance",
                script: "script",
                process: "process",
                file: "file",
                watched_service: "watch",
                watched_check: "check",
                peers: "peers",
                vmac: "vmac",
                from_base: "send-from-base",
                there: "",
            },
        }
    }
}

/// What the resolver needs at hand.
struct Resolver<'r> {
    words: Words,
    language: Language,
    report: &'r mut Report,
    /// How many rules had no priority so far.
    rules_placed: u32,
    /// The file has one router, and nothing else to run.
    alone: bool,
    /// The first check that waits too long for its answer.
    slow_check: Option<SlowCheck>,
    /// Files that checks of servers name.
    file_uses: FileUses,
}

impl<'r> Resolver<'r> {
    /// One that goes on where the table's last one ended.
    fn new(language: Language, report: &'r mut Report, table: &mut ServiceTable) -> Self {
        Self {
            words: Words::of(language),
            language,
            report,
            rules_placed: 0,
            alone: false,
            slow_check: table.slow_check,
            file_uses: std::mem::take(&mut table.file_uses),
        }
    }
}

impl Resolver<'_> {
    fn say(&mut self, diagnostic: Diagnostic) {
        self.report.add(diagnostic);
    }

    /// A mistake that costs something: keepalived goes on without it, and so do we with its files; our own language is strict.
    fn slip(&self, code: Code, span: Span, message: impl Into<String>) -> Diagnostic {
        match self.language {
            Language::Keepalived => Diagnostic::warning(code, span, message),
            Language::Toml => Diagnostic::error(code, span, message),
        }
    }

    /// Where a thing of a name first stood, and a remark about the second; true: it is the first.
    fn first(&mut self, seen: &mut HashMap<String, Span>, name: &str, span: Span, what: &str) -> bool {
        match seen.get(name) {
            None => {
                seen.insert(name.to_owned(), span);
                true
            }
            Some(before) => {
                self.doubled(name, span, *before, what);
                false
            }
        }
    }
}

impl Resolver<'_> {
    /// Says that a name is taken.
    fn doubled(&mut self, name: &str, span: Span, before: Span, what: &str) {
        let second = self
            .slip(Code::Duplicate, span, format!("a second {what} `{name}`"))
            .mark(format!("left out{}", self.words.there))
            .and(before, "the first stands here")
            .help("give it a name of its own");
        self.say(second);
    }
}

/// The whole configuration, and where its services stand.
pub(super) fn config(draft: Draft, language: Language, report: &mut Report) -> (Config, HashMap<ServiceKey, Span>) {
    let Draft {
        mut global, defaults, mut surroundings, trackers, mut instances, groups, mut services, sysctls, ..
    } = draft;
    let mut resolver = Resolver::new(language, report, &mut services);
    resolver.alone = instances.len() == 1 && services.services.is_empty();
    let ground = meaning::Ground::of(&instances, &surroundings);
    resolver.note_interfaces(&instances, &groups, &surroundings);
    let trackers = resolver.trackers(trackers, &services);
    resolver.checks_by_file(&mut services.services, &trackers);
    global.path_marks = global.path_marks.filter(|first| *first != PathProbe::FIRST_MARK);
    resolver.paths(&mut services.services, global.path_marks, &services.places);
    resolver.shared_marks(&global, &services);
    let grouped: HashMap<String, Span> = groups
        .iter()
        .filter(|group| !group.weighted)
        .flat_map(|group| &group.members)
        .map(|member| (member.value.clone(), member.span))
        .collect();
    // A router that does not say whether its priority's changes are told does as its group does.
    let mut told: HashMap<&str, Option<bool>> = HashMap::new();
    for group in &groups {
        for member in &group.members {
            let told = told.entry(&member.value).or_default();
            *told = told.or(group.priority_changes);
        }
    }
    for instance in &mut instances {
        let told = told.get(instance.name.value.as_str()).copied().flatten();
        instance.priority_changes = instance.priority_changes.or(told);
    }
    let watched: HashSet<String> = (instances.iter().map(|instance| &instance.tracks))
        .chain(groups.iter().map(|group| &group.tracks))
        .flatten()
        .filter(|track| track.kind == TrackKind::Script)
        .map(|track| track.name.value.clone())
        .collect();
    let names: Vec<String> = instances.iter().map(|instance| instance.name.value.clone()).collect();
    let instances = resolver.instances(instances, &defaults, &trackers, &grouped, &groups);
    if !instances.is_empty() {
        resolver.unwatched(&trackers, &watched);
    }
    let sync_groups = resolver.groups(groups, &names, &instances, &trackers);
    global.service_fifo = resolver.fifo(std::mem::take(&mut surroundings.service_fifo));
    let (router, sync_daemon) = resolver.surroundings(surroundings, &instances, &names);
    let router = RouterSettings {
        vmac_prefix: defaults.vmac_prefix,
        vmac_address_prefix: defaults.vmac_address_prefix,
        ..router
    };
    global.sync_daemon = sync_daemon;
    resolver.meaning(&ground, &services, &instances, &sync_groups);
    let config = Config {
        global,
        router,
        scripts: trackers.scripts,
        processes: trackers.processes,
        files: trackers.files,
        watched_services: trackers.services,
        checks: trackers.checks,
        instances,
        sync_groups,
        services: services.services,
        sysctls,
    };
    (config, services.places)
}

impl Resolver<'_> {
    fn instances(
        &mut self,
        drafts: Vec<InstanceDraft>,
        defaults: &super::draft::RouterDefaults,
        trackers: &trackers::Trackers,
        grouped: &HashMap<String, Span>,
        groups: &[GroupDraft],
    ) -> Vec<Instance> {
        let mut names = HashMap::new();
        let mut placed: HashMap<VirtualRouterId, Vec<identity::Placed>> = HashMap::new();
        let mut instances: Vec<Instance> = Vec::with_capacity(drafts.len());
        let mut addresses = shared::Addresses::default();
        for draft in drafts {
            let (name, span) = (draft.name.value.clone(), draft.name.span);
            if !self.first(&mut names, &name, span, self.words.instance) {
                continue;
            }
            let vrid_span = draft.vrid.get().map_or(span, |vrid| vrid.span);
            let written = shared::Addresses::written(&draft);
            let Some(instance) = self.instance(draft, defaults, trackers, grouped) else { continue };
            let others = placed.entry(instance.id.clone()).or_default();
            if !self.is_another_router(&instance, vrid_span, others, &instances) {
                continue;
            }
            others.push(identity::Placed { place: instances.len(), at: vrid_span });
            addresses.add(name, written);
            instances.push(instance);
        }
        self.shared_addresses(&addresses, groups);
        instances
    }

    fn groups(
        &mut self,
        drafts: Vec<GroupDraft>,
        names: &[String],
        instances: &[Instance],
        trackers: &trackers::Trackers,
    ) -> Vec<SyncGroup> {
        let mut seen = HashMap::new();
        let mut taken: HashMap<String, Span> = HashMap::new();
        let mut groups = Vec::new();
        let known: HashSet<&str> = names.iter().map(String::as_str).collect();
        let running: HashSet<&str> = instances.iter().map(|instance| instance.name.as_str()).collect();
        for draft in drafts {
            if !self.first(&mut seen, &draft.name.value, draft.name.span, "group") {
                continue;
            }
            let mut members = Vec::new();
            let alone = draft.members.len() == 1;
            for member in draft.members {
                if !known.contains(member.value.as_str()) {
                    // Of more than are shown, nobody reads what was meant.
                    let near = match self.report.is_crowded() {
                        true => None,
                        false => super::suggest::did_you_mean(&member.value, names.iter().map(String::as_str)),
                    };
                    self.say(
                        Diagnostic::warning(
                            Code::UnknownName,
                            member.span,
                            format!("there is no {} `{}`", self.words.instance, member.value),
                        )
                        .help_if(near)
                        .help("the group goes without it"),
                    );
                    continue;
                }
                if let Some(before) = taken.insert(member.value.clone(), member.span) {
                    self.say(
                        Diagnostic::warning(
                            Code::Duplicate,
                            member.span,
                            format!("`{}` is in a group already", member.value),
                        )
                        .and(before, "here")
                        .help("a router moves with one group; this entry is ignored"),
                    );
                    continue;
                }
                // One that was left out for an error of its own has been spoken of.
                if running.contains(member.value.as_str()) {
                    members.push(member.value);
                }
            }
            if members.is_empty() {
                self.say(
                    Diagnostic::warning(
                        Code::Idle,
                        draft.name.span,
                        format!("group `{}` has no members", draft.name.value),
                    )
                    .help(format!("left out{}", self.words.there)),
                );
                continue;
            }
            if alone {
                self.say(
                    Diagnostic::note(
                        Code::Idle,
                        draft.name.span,
                        format!("group `{}` has one member", draft.name.value),
                    )
                    .help("it moves by itself with or without a group"),
                );
            }
            let mut notify = draft.notify;
            notify.priority_changes = draft.priority_changes.unwrap_or(false);
            let tracks = self.tracks(draft.tracks, trackers, track::Weighing::FREE);
            groups.push(SyncGroup { name: draft.name.value, members, tracks, weighted: draft.weighted, notify });
        }
        groups
    }
}
