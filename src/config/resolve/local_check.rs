//! Checks of servers by scripts and by files.

use std::time::Duration;

use super::Resolver;
use super::check::{INTERVAL, TIMEOUT};
use super::trackers::{Known, Trackers};
use crate::config::Language;
use crate::config::diagnostic::{Code, Diagnostic};
use crate::config::draft::{Field, FileCheckDraft, ScriptCheckDraft, TrackKind, WEIGHT_OF_DEFINITION};
use crate::config::source::Span;
use crate::model::{Check, CheckKind, FileProbe, OnMissing, ScriptProbe, ServiceConfig};

/// What becomes of a server whose check is left out.
const LEFT_OUT: &str = "the check is left out, and the server counts as up unless another check says otherwise";

impl Resolver<'_> {
    pub(super) fn script_check(&mut self, draft: ScriptCheckDraft, span: Span) -> Option<CheckKind> {
        let Field::Set(command) = draft.command else {
            if matches!(draft.command, Field::Absent) {
                let message = "a script of this server's checks has no command";
                self.say(self.slip(Code::Required, span, message).help(format!("{LEFT_OUT}{}", self.words.there)));
            }
            return None;
        };
        let on_missing = draft.on_missing.unwrap_or(match self.language {
            Language::Keepalived => OnMissing::Disable,
            Language::Toml => OnMissing::Fail,
        });
        let ScriptCheckDraft { user, dynamic, .. } = draft;
        Some(CheckKind::Script(Box::new(ScriptProbe { command: command.value, user, dynamic, on_missing })))
    }

    /// A check by a file; what it takes from the file's definition comes later.
    pub(super) fn file_check(&mut self, draft: FileCheckDraft, span: Span) -> Option<Check> {
        let Field::Set(name) = draft.name else {
            if matches!(draft.name, Field::Absent) {
                let message = "a check of this server names no file";
                self.say(self.slip(Code::Required, span, message).help(format!("{LEFT_OUT}{}", self.words.there)));
            }
            return None;
        };
        self.file_uses.push(name.clone());
        let weight = draft.weight.unwrap_or(WEIGHT_OF_DEFINITION);
        let probe = FileProbe { file: name.value, weight, reverse: draft.reverse };
        // It is told, and asks nobody: its timing is without meaning.
        Some(Check {
            kind: CheckKind::File(Box::new(probe)),
            interval: INTERVAL,
            timeout: TIMEOUT,
            retry: 0,
            retry_interval: Duration::from_secs(1),
            warmup: None,
            tells_failures: None,
            pace: None,
        })
    }

    /// Finds the files that checks name, now that all are known.
    pub(super) fn checks_by_file(&mut self, services: &mut [ServiceConfig], trackers: &Trackers) {
        let uses = std::mem::take(&mut self.file_uses);
        if uses.is_empty() {
            return;
        }
        for used in &uses {
            match trackers.find(TrackKind::File, &used.value) {
                Known::Well(place) => self.early(used.span, place.name, &used.value),
                Known::Broken => {}
                Known::Not => self.no_file(&used.value, used.span, trackers),
            }
        }
        let servers = services.iter_mut().flat_map(|service| &mut service.servers);
        for server in servers {
            server.checks.retain_mut(|check| match &mut check.kind {
                CheckKind::File(probe) => match trackers.find(TrackKind::File, &probe.file) {
                    Known::Well(place) => {
                        if probe.weight == WEIGHT_OF_DEFINITION {
                            probe.weight = place.weight.weight.map_or(1, |weight| i32::from(weight.value));
                            probe.reverse = place.weight.reverse.unwrap_or(false);
                        }
                        true
                    }
                    Known::Broken | Known::Not => false,
                },
                CheckKind::Tcp(_)
                | CheckKind::Http(_)
                | CheckKind::Smtp(_)
                | CheckKind::Dns(_)
                | CheckKind::Udp(_)
                | CheckKind::Ping(_)
                | CheckKind::Path(_)
                | CheckKind::Script(_) => true,
            });
        }
    }

    fn no_file(&mut self, name: &str, used: Span, trackers: &Trackers) {
        let near = crate::config::suggest::did_you_mean(name, trackers.names(TrackKind::File));
        let message = format!("there is no {} `{name}`", self.words.tracker(TrackKind::File));
        let diagnostic: Diagnostic = self.slip(Code::UnknownName, used, message);
        self.say(diagnostic.help_if(near).help(format!("{LEFT_OUT}{}", self.words.there)));
    }
}
