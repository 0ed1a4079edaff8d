//! What routers and groups watch, and what their weights can and cannot do.

use std::collections::HashMap;

use super::Resolver;
use super::trackers::{Known, Trackers};
use crate::config::diagnostic::{Code, Diagnostic};
use crate::config::draft::{TrackDraft, TrackKind};
use crate::config::source::Span;
use crate::config::{Language, suggest};
use crate::model::{Priority, Tracked, Watched};

/// What may become of a weight in a router.
#[derive(Debug, Clone, Copy)]
pub(super) struct Weighing<'r> {
    pub(super) priority: Priority,
    /// Where `nopreempt` stands, if it holds.
    pub(super) no_preempt: Option<Span>,
    /// Where a group names the router, if one does whose members have no weights.
    pub(super) grouped: Option<Span>,
    /// Its own interface, if that is watched anyway.
    pub(super) own: Option<&'r str>,
}

impl Weighing<'_> {
    /// In a group: nothing stands against a weight.
    pub(super) const FREE: Self = Self { priority: Priority::DEFAULT, no_preempt: None, grouped: None, own: None };
}

/// A weight as it will be.
#[derive(Debug, Clone, Copy)]
struct Weight {
    weight: i16,
    reverse: bool,
    span: Span,
}

impl Resolver<'_> {
    /// What a router or a group watches.
    pub(super) fn tracks(
        &mut self,
        drafts: Vec<TrackDraft>,
        trackers: &Trackers,
        weighing: Weighing<'_>,
    ) -> Vec<Tracked> {
        let mut tracked: Vec<Tracked> = Vec::new();
        let mut seen: HashMap<Watched, Span> = HashMap::new();
        // Kind by kind, for one of the languages has a list for each: the same file has one order in both.
        let mut drafts = drafts;
        drafts.sort_by_key(|track| track.kind);
        for track in drafts {
            let used = track.name.span;
            let name = track.name.value;
            let own = track.weight;
            let mut weight = Weight {
                weight: own.weight.map_or(0, |weight| weight.value),
                reverse: own.reverse.unwrap_or(false),
                span: own.weight.map_or(used, |weight| weight.span),
            };
            if track.kind == TrackKind::Interface {
                if weighing.own == Some(name.as_str()) {
                    self.say(
                        Diagnostic::note(Code::OwnInterface, used, format!("`{name}` is the router's own interface"))
                            .help("it is watched anyway: while it is down the router is in FAULT"),
                    );
                    continue;
                }
            } else {
                let place = match trackers.find(track.kind, &name) {
                    Known::Well(place) => place,
                    Known::Broken => continue,
                    Known::Not => {
                        self.unknown(track.kind, &name, used, trackers);
                        continue;
                    }
                };
                // Our own words keepalived does not know wherever they stand.
                let ours = matches!(track.kind, TrackKind::Service | TrackKind::Check);
                if !place.inline && !ours {
                    self.early(used, place.name, &name);
                }
                if own.weight.is_none() {
                    // A file is there for its number: it counts unless told otherwise.
                    let usual = i16::from(track.kind == TrackKind::File);
                    weight.weight = place.weight.weight.map_or(usual, |weight| weight.value);
                    weight.span = place.weight.weight.map_or(used, |weight| weight.span);
                }
                weight.reverse = own.reverse.or(place.weight.reverse).unwrap_or(false);
            }
            let shown: String = name.chars().take(60).collect();
            let what = track.kind.named(name);
            if let Some(before) = seen.get(&what) {
                self.say(
                    Diagnostic::warning(Code::Repeated, used, format!("`{shown}` is watched twice"))
                        .mark(format!("ignored{}", self.words.there))
                        .and(*before, "this one counts"),
                );
                continue;
            }
            seen.insert(what.clone(), used);
            if self.weight_counts(weight, used, track.kind, weighing) {
                tracked.push(Tracked { what, weight: weight.weight, reverse: weight.reverse });
            }
        }
        tracked
    }

    fn unknown(&mut self, kind: TrackKind, name: &str, used: Span, trackers: &Trackers) {
        let near = suggest::did_you_mean(name, trackers.names(kind));
        let message = format!("there is no {} `{name}`", self.words.tracker(kind));
        let diagnostic = match self.language {
            // Files that keepalived runs with are in the wild.
            Language::Keepalived => Diagnostic::warning(Code::UnknownName, used, message)
                .help_if(near)
                .help("nobody watches it: its failure changes nothing"),
            // A slip would switch a check off.
            Language::Toml => Diagnostic::error(Code::UnknownName, used, message)
                .help_if(near)
                .help("what is watched by its name is defined under it, or described in place of the name"),
        };
        self.say(diagnostic);
    }

    /// keepalived looks names up as it reads: a script that is defined further down does not exist for it.
    pub(super) fn early(&mut self, used: Span, defined: Span, name: &str) {
        if self.language == Language::Keepalived && used.file == defined.file && used.start < defined.start {
            self.say(
                Diagnostic::note(Code::UnknownName, used, format!("`{name}` is defined further down"))
                    .and(defined, "defined here")
                    .help("it is watched here; keepalived would ignore it with an error, so put the script first"),
            );
        }
    }

    /// Whether something with a weight is watched at all, and a remark where the weight cannot do what it is there for.
    fn weight_counts(&mut self, weight: Weight, used: Span, kind: TrackKind, weighing: Weighing<'_>) -> bool {
        let Weight { weight, reverse, span } = weight;
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
            let event = if reverse { "a success" } else { "a failure" };
            let change = if kind == TrackKind::File {
                format!("its number times {weight} is added to the priority {}", weighing.priority)
            } else if weight < 0 {
                let lowered = weighing.priority.weighted(i32::from(weight));
                format!("{event} lowers the priority from {} to {lowered}", weighing.priority)
            } else {
                format!("{event} takes the extra {weight} away again")
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
