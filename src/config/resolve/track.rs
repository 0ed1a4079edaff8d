//! What routers watch: scripts by name, interfaces, and what their weights can and cannot do.

use std::collections::HashMap;
use std::time::Duration;

use super::Resolver;
use crate::config::diagnostic::{Code, Diagnostic};
use crate::config::draft::{Field, InstanceDraft, ScriptDraft, TrackDraft};
use crate::config::source::Span;
use crate::config::{Language, suggest};
use crate::model::{Priority, TrackScript, Tracked, Watched};

/// The scripts that there are.
#[derive(Debug, Default)]
pub(super) struct Scripts {
    found: Vec<(TrackScript, ScriptPlace)>,
    /// Those that were left out for an error of their own.
    broken: Vec<String>,
}

#[derive(Debug, Clone, Copy)]
struct ScriptPlace {
    name: Span,
    weight: i16,
    weight_span: Option<Span>,
}

impl Scripts {
    pub(super) fn into_values(self) -> Vec<TrackScript> {
        self.found.into_iter().map(|(script, _)| script).collect()
    }

    fn place(&self, name: &str) -> Option<ScriptPlace> {
        self.found.iter().find(|(script, _)| script.name == name).map(|(_, place)| *place)
    }
}

/// What may become of a weight in a router.
#[derive(Debug, Clone, Copy)]
pub(super) struct Weighing {
    pub(super) priority: Priority,
    /// Where `nopreempt` stands, if it holds.
    pub(super) no_preempt: Option<Span>,
    /// Where a group names the router, if one does.
    pub(super) grouped: Option<Span>,
}

impl Resolver<'_> {
    pub(super) fn scripts(&mut self, drafts: Vec<ScriptDraft>) -> Scripts {
        let mut seen = HashMap::new();
        let mut scripts = Scripts::default();
        for draft in drafts {
            let (name, span) = (draft.name.value, draft.name.span);
            if !self.first(&mut seen, &name, span, self.words.script) {
                continue;
            }
            let said = self.language == Language::Toml && matches!(draft.command, Field::Bad);
            let Some(command) = draft.command.value() else {
                if !said {
                    self.say(
                        Diagnostic::error(Code::Required, span, format!("the script `{name}` has no usable command"))
                            .help("routers that watch it go without it"),
                    );
                }
                scripts.broken.push(name);
                continue;
            };
            let interval = draft.interval.unwrap_or(Duration::from_secs(1));
            let place = ScriptPlace { name: span, weight: draft.weight, weight_span: draft.weight_span };
            let script = TrackScript {
                name,
                command,
                interval,
                timeout: draft.timeout.unwrap_or(interval),
                rise: draft.rise,
                fall: draft.fall,
                user: draft.user,
                init_fail: draft.init_fail,
            };
            scripts.found.push((script, place));
        }
        scripts
    }

    /// The scripts that a router watches.
    pub(super) fn tracked_scripts(
        &mut self,
        instance: &mut InstanceDraft,
        scripts: &Scripts,
        weighing: Weighing,
    ) -> Vec<Tracked> {
        let mut tracked: Vec<Tracked> = Vec::new();
        for track in std::mem::take(&mut instance.track_scripts) {
            let name = track.name.value;
            let Some(place) = scripts.place(&name) else {
                if !scripts.broken.contains(&name) {
                    let names = scripts.found.iter().map(|(script, _)| script.name.as_str());
                    let near = suggest::did_you_mean(&name, names);
                    self.say(
                        Diagnostic::warning(
                            Code::UnknownName,
                            track.name.span,
                            format!("there is no {} `{name}`", self.words.script),
                        )
                        .help_if(near)
                        .help("nobody watches it: its failure changes nothing"),
                    );
                }
                continue;
            };
            if self.early(track.name.span, place.name, &name) || tracked.iter().any(|other| other.what.name() == name) {
                continue;
            }
            let (weight, span) =
                track.weight.map_or((place.weight, place.weight_span), |own| (own.value, Some(own.span)));
            if self.weight_counts(weight, span.unwrap_or(track.name.span), track.name.span, weighing) {
                tracked.push(Tracked { what: Watched::Script(name), weight, reverse: false });
            }
        }
        tracked
    }

    /// keepalived looks names up as it reads: a script that is defined further down does not exist for it.
    fn early(&mut self, used: Span, defined: Span, name: &str) -> bool {
        if self.language == Language::Keepalived && used.file == defined.file && used.start < defined.start {
            self.say(
                Diagnostic::note(Code::UnknownName, used, format!("`{name}` is defined further down"))
                    .and(defined, "defined here")
                    .help("it is watched here; keepalived would ignore it with an error, so put the script first"),
            );
        }
        false
    }

    /// The interfaces that a router watches beside its own.
    pub(super) fn tracked_interfaces(
        &mut self,
        tracks: Vec<TrackDraft>,
        own: &str,
        weighing: Weighing,
    ) -> Vec<Tracked> {
        let mut tracked: Vec<Tracked> = Vec::new();
        for track in tracks {
            let name = track.name.value;
            if name == own {
                self.say(
                    Diagnostic::note(
                        Code::OwnInterface,
                        track.name.span,
                        format!("`{name}` is the router's own interface"),
                    )
                    .help("it is watched anyway: while it is down the router is in FAULT"),
                );
                continue;
            }
            if tracked.iter().any(|other| other.what.name() == name) {
                continue;
            }
            let (weight, span) = track.weight.map_or((0, track.name.span), |own| (own.value, own.span));
            if self.weight_counts(weight, span, track.name.span, weighing) {
                tracked.push(Tracked { what: Watched::Interface(name), weight, reverse: false });
            }
        }
        tracked
    }

    /// Whether something with a weight is watched at all, and a remark where the weight cannot do what it is there for.
    fn weight_counts(&mut self, weight: i16, span: Span, used: Span, weighing: Weighing) -> bool {
        if weight == 0 {
            return true;
        }
        if let Some(group) = weighing.grouped {
            self.say(
                Diagnostic::note(Code::WeightInGroup, used, "members of a sync group watch nothing that has a weight")
                    .mark("not watched")
                    .and(span, format!("for it has the weight {weight}"))
                    .and(group, "the router is in a group")
                    .help(format!("members move together, so their priorities must not move apart{}", self.words.there))
                    .help("without a weight a failure is a fault, and the whole group moves"),
            );
            return false;
        }
        if weighing.priority == Priority::OWNER {
            self.say(
                Diagnostic::note(Code::WeightMovesNothing, span, "an owner (priority 255) ignores weights")
                    .help("give the router a priority below 255, or the tracker no weight"),
            );
            return true;
        }
        if let Some(no_preempt) = weighing.no_preempt {
            let lowered = i32::from(weight).min(0);
            let change = if weight < 0 {
                format!(
                    "a failure lowers the priority from {} to {}",
                    weighing.priority,
                    weighing.priority.weighted(lowered)
                )
            } else {
                format!("a failure takes the extra {weight} away again")
            };
            self.say(
                Diagnostic::note(
                    Code::WeightMovesNothing,
                    span,
                    format!("under `{}` this weight can never move the addresses", self.words.nopreempt),
                )
                .mark(change)
                .and(no_preempt, "backups accept adverts of any priority, lower ones too")
                .help("so the master keeps the addresses as long as it can send adverts, however low its priority gets")
                .help(format!(
                    "to move them when this fails, leave the weight out (0): a failure is then a fault, and the master \
                     gives way. Or leave `{}` out",
                    self.words.nopreempt
                )),
            );
        }
        true
    }
}
