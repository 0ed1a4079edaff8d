//! The things that can be watched: scripts, processes, files, services and checks, each with its name and weight.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use super::Resolver;
use super::election::shown as long;
use crate::config::Language;
use crate::config::diagnostic::{Code, Diagnostic};
use crate::config::draft::{
    Definition, Field, FileDraft, Matching, ProbeDraft, ProbeTarget, ProcessDraft, ScriptDraft, ServiceTable, TlsDraft,
    TrackKind, TrackerDrafts, Url, WatchDraft, WeightDraft,
};
use crate::config::source::Span;
use crate::model::{
    Check, CheckKind, Connect, HttpProbe, OnMissing, Page, ProcessArguments, ServiceCondition, Tls, TrackCheck,
    TrackFile, TrackProcess, TrackScript, TrackService,
};

/// From one run of a script or a check to the next.
const INTERVAL: Duration = Duration::from_secs(1);

/// Where a definition stands, and what its weight is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    pub(super) name: Span,
    pub(super) weight: WeightDraft,
    /// It stands in a router: nobody could put it further up.
    pub(super) inline: bool,
}

/// All that is defined.
#[derive(Debug, Default)]
pub(super) struct Trackers {
    places: HashMap<(TrackKind, String), Option<Place>>,
    pub(super) scripts: Vec<TrackScript>,
    pub(super) processes: Vec<TrackProcess>,
    pub(super) files: Vec<TrackFile>,
    pub(super) services: Vec<TrackService>,
    pub(super) checks: Vec<TrackCheck>,
}

/// What is known of a name.
pub(super) enum Known {
    /// It is defined.
    Well(Place),
    /// It was left out for an error of its own, which has been spoken of.
    Broken,
    /// Nobody defined it.
    Not,
}

impl Trackers {
    pub(super) fn find(&self, kind: TrackKind, name: &str) -> Known {
        match self.places.get(&(kind, name.to_owned())) {
            Some(Some(place)) => Known::Well(*place),
            Some(None) => Known::Broken,
            None => Known::Not,
        }
    }

    pub(super) fn names(&self, kind: TrackKind) -> Vec<&str> {
        let mut names: Vec<_> =
            self.places.keys().filter(|(other, _)| *other == kind).map(|(_, name)| name.as_str()).collect();
        names.sort_unstable();
        names
    }
}

impl Resolver<'_> {
    pub(super) fn trackers(&mut self, drafts: TrackerDrafts, services: &ServiceTable) -> Trackers {
        let mut trackers = Trackers::default();
        let TrackerDrafts { scripts, processes, files, services: watched, checks } = drafts;
        trackers.scripts = self.define(TrackKind::Script, scripts, &mut trackers.places, Self::script);
        trackers.processes = self.define(TrackKind::Process, processes, &mut trackers.places, Self::process);
        trackers.files = self.define(TrackKind::File, files, &mut trackers.places, Self::file);
        let watch = |resolver: &mut Self, name, at, draft| resolver.watched_service(name, at, draft, services);
        trackers.services = self.define(TrackKind::Service, watched, &mut trackers.places, watch);
        trackers.checks = self.define(TrackKind::Check, checks, &mut trackers.places, Self::watched_check);
        trackers
    }

    /// Speaks of the scripts that no router and no group watches; the engine never runs them.
    pub(super) fn unwatched(&mut self, trackers: &Trackers, watched: &HashSet<String>) {
        for script in trackers.scripts.iter().filter(|script| !watched.contains(&script.name)) {
            let Known::Well(place) = trackers.find(TrackKind::Script, &script.name) else { continue };
            if place.inline {
                continue;
            }
            let shown: String = script.name.chars().take(60).collect();
            self.say(
                Diagnostic::note(Code::Idle, place.name, format!("no router tracks the script `{shown}`"))
                    .mark(format!("it is not run{}", self.words.there))
                    .help(match self.language {
                        Language::Keepalived => "a router tracks it by its name in `track_script { ... }`",
                        Language::Toml => "a router tracks it by its name in `track`",
                    }),
            );
        }
    }

    fn define<D, T: PartialEq>(
        &mut self,
        kind: TrackKind,
        drafts: Vec<Definition<D>>,
        places: &mut HashMap<(TrackKind, String), Option<Place>>,
        mut make: impl FnMut(&mut Self, String, Span, D) -> Option<T>,
    ) -> Vec<T> {
        let mut seen: HashMap<String, (Span, Option<usize>)> = HashMap::new();
        let mut made: Vec<T> = Vec::new();
        for draft in drafts {
            let (name, span) = (draft.name.value, draft.name.span);
            let before = seen.get(&name).copied();
            // A second one inside a router may be the same as the first, and then it is.
            if !draft.inline
                && let Some((before, _)) = before
            {
                self.doubled(&name, span, before, self.words.tracker(kind));
                continue;
            }
            let what = make(self, name.clone(), span, draft.what);
            if let Some((first, index)) = before {
                if index.and_then(|index| made.get(index)) != what.as_ref() {
                    self.doubled(&name, span, first, self.words.tracker(kind));
                }
                continue;
            }
            let place = Place { name: span, weight: draft.weight, inline: draft.inline };
            seen.insert(name.clone(), (span, what.is_some().then_some(made.len())));
            places.insert((kind, name), what.is_some().then_some(place));
            made.extend(what);
        }
        made
    }

    /// Says that a value is needed, unless that has been said of the value itself.
    fn useless<T>(&mut self, field: &Field<T>, span: Span, message: String) {
        if self.language == Language::Toml && matches!(field, Field::Bad) {
            return;
        }
        self.say(Diagnostic::error(Code::Required, span, message).help("routers that watch it go without it"));
    }

    fn script(&mut self, name: String, span: Span, draft: ScriptDraft) -> Option<TrackScript> {
        let Field::Set(command) = draft.command else {
            let message = format!("the script `{name}` has no usable command");
            match self.language {
                Language::Keepalived => {
                    self.say(Diagnostic::warning(Code::Required, span, message).help(
                        "left out, as in keepalived: routers that watch it run as if they did not, whatever fails",
                    ))
                }
                Language::Toml => self.useless(&draft.command, span, message),
            }
            return None;
        };
        let interval = draft.interval.unwrap_or(INTERVAL);
        if let Some(timeout) = draft.timeout.filter(|timeout| *timeout > interval) {
            let shown: String = name.chars().take(60).collect();
            let message =
                format!("the script `{shown}` may take {}, and is due every {}", long(timeout), long(interval));
            self.say(
                Diagnostic::note(Code::Timers, span, message)
                    .mark("its timeout is longer than its interval")
                    .help("while it runs it is not begun again: one that hangs is found out only at the timeout"),
            );
        }
        Some(TrackScript {
            name,
            command: command.value,
            interval,
            timeout: draft.timeout.unwrap_or(interval),
            rise: draft.rise.unwrap_or(1),
            fall: draft.fall.unwrap_or(1),
            user: draft.user,
            init_fail: draft.init_fail,
            on_missing: draft.on_missing.unwrap_or(match self.language {
                Language::Keepalived => OnMissing::Disable,
                Language::Toml => OnMissing::Fail,
            }),
        })
    }

    fn process(&mut self, name: String, span: Span, draft: ProcessDraft) -> Option<TrackProcess> {
        let Field::Set(command) = draft.command else {
            self.useless(&draft.command, span, format!("`{name}` names no process to watch"));
            return None;
        };
        let mut words = command.value.into_iter();
        let program = words.next()?;
        let further: Vec<_> = words.collect();
        let matching = draft.matching.or((!further.is_empty()).then_some(Matching::Exact));
        let quorum = draft.quorum.unwrap_or(1);
        if let Some(most) = draft.quorum_max.filter(|most| most.value < quorum && most.value > 0) {
            self.say(
                Diagnostic::warning(
                    Code::Combination,
                    most.span,
                    format!("no number is at least {quorum} and at most {}", most.value),
                )
                .help("it always counts as failed; let the greatest number be above the least"),
            );
        }
        Some(TrackProcess {
            name,
            program,
            arguments: matching.map(|matching| match matching {
                Matching::Exact => ProcessArguments::Exact(further),
                Matching::Initial => ProcessArguments::Initial(further),
                Matching::Partial => ProcessArguments::Partial(further),
            }),
            // The kernel's short name says nothing of arguments.
            full_command: draft.full_command || matching.is_some(),
            // At most none: none has to be there.
            quorum: if draft.quorum_max.is_some_and(|most| most.value == 0) { 0 } else { quorum },
            quorum_max: draft.quorum_max.map(|most| most.value),
            fork_delay: draft.fork_delay.unwrap_or_default(),
            terminate_delay: draft.terminate_delay.unwrap_or_default(),
        })
    }

    fn file(&mut self, name: String, span: Span, draft: FileDraft) -> Option<TrackFile> {
        match draft.path {
            Field::Set(path) => Some(TrackFile { name, path: path.value, start: draft.start }),
            path @ (Field::Absent | Field::Bad) => {
                self.useless(&path, span, format!("`{name}` names no file to watch"));
                None
            }
        }
    }

    fn watched_service(
        &mut self,
        name: String,
        span: Span,
        draft: WatchDraft,
        services: &ServiceTable,
    ) -> Option<TrackService> {
        let Field::Set(service) = draft.service else {
            self.useless(&draft.service, span, format!("`{name}` names no service to watch"));
            return None;
        };
        if !services.places.contains_key(&service.value) {
            self.say(
                Diagnostic::warning(Code::UnknownName, service.span, format!("there is no service {}", service.value))
                    .help("it counts as failed as long as there is none"),
            );
        }
        let condition = draft.condition.unwrap_or(ServiceCondition::AnyUp);
        Some(TrackService { name, service: service.value, condition })
    }

    fn watched_check(&mut self, name: String, span: Span, draft: ProbeDraft) -> Option<TrackCheck> {
        let Field::Set(target) = draft.target else {
            self.useless(&draft.target, span, format!("`{name}` has nothing to check"));
            return None;
        };
        let interval = draft.interval.unwrap_or(INTERVAL);
        let kind = check_kind(target.value);
        let timeout = draft.timeout.unwrap_or(interval);
        // Patience is counted by the router, as with scripts.
        let check = Check {
            kind,
            interval,
            timeout,
            retry: 0,
            retry_interval: interval,
            warmup: None,
            tells_failures: None,
            pace: None,
        };
        Some(TrackCheck { name, check, rise: draft.rise.unwrap_or(1), fall: draft.fall.unwrap_or(1) })
    }
}

/// What is tried, as the checkers know it.
fn check_kind(target: ProbeTarget) -> CheckKind {
    match target {
        ProbeTarget::Tcp(address) => CheckKind::Tcp(Connect::to(address)),
        ProbeTarget::Other(address, kind) => super::check::check_kind(kind, Connect::to(address)),
        ProbeTarget::Http(url) => {
            let Url { address, host, name, path, tls } = url;
            let tls = tls.map(|TlsDraft { verify, authorities }| Tls {
                server_name: name,
                verify,
                authorities,
                ..Tls::default()
            });
            let pages = vec![Page { path, ..Page::default() }];
            CheckKind::Http(Arc::new(HttpProbe {
                tls,
                host: Some(host),
                pages,
                ..HttpProbe::new(Connect::to(address))
            }))
        }
    }
}
