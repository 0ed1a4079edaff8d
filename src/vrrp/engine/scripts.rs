//! Tracked scripts: when they run, and what their outcomes make of routers.
//!
//! keepalived looks at the file of each script when a configuration comes into force, and goes on without those that cannot be
//! run. Configurations in its language count on that: with weight 0 a script that is nowhere would keep every router that
//! names it in FAULT. So such a script ([`OnMissing::Disable`]) is looked at first, by the shell, and runs only if it can;
//! otherwise it is disabled, and counts for nothing until the next configuration.

use std::time::{Duration, Instant};

use super::words::Word;
use super::{Event, Output, Router};
use crate::model::{OnMissing, ScriptLook, ScriptOutcome, ScriptRun, TrackScript, Watched};
use crate::vrrp::track::{Standing, Verdict};

/// Scripts do not run more often than this, whatever the configuration says.
const SHORTEST_INTERVAL: Duration = Duration::from_millis(10);

/// What is known of a script's file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum ScriptFile {
    /// It is being looked at for the first time.
    Unseen,
    /// It may be run.
    Usable,
    /// It cannot be run, for this reason: the script counts for nothing.
    Disabled(String),
}

/// A script that somebody watches.
#[derive(Debug)]
pub(super) struct Script {
    pub(super) config: TrackScript,
    pub(super) verdict: Verdict,
    /// Number of the run in progress.
    pub(super) running: Option<u64>,
    pub(super) next_at: Instant,
    pub(super) last: Option<ScriptOutcome>,
    pub(super) file: ScriptFile,
}

impl Script {
    /// Its turn comes again and again.
    pub(super) fn runs(&self) -> bool {
        self.file == ScriptFile::Usable
    }

    /// How it stands, and what was seen.
    pub(super) fn standing(&self) -> (Option<bool>, String) {
        match &self.file {
            ScriptFile::Unseen => (None, "has not run yet".to_owned()),
            ScriptFile::Disabled(why) => {
                (None, format!("{why}; it counts for nothing until a reload finds that put right"))
            }
            ScriptFile::Usable => {
                let detail = self.last.as_ref().map_or_else(|| "has not run yet".to_owned(), ToString::to_string);
                (self.verdict.ok(), detail)
            }
        }
    }

    /// Begins anew: nothing is known of it, and it is due.
    fn reset(&mut self, file: ScriptFile, now: Instant) {
        self.verdict = Verdict::new(self.config.init_fail);
        self.running = None;
        self.last = None;
        self.next_at = now;
        self.file = file;
    }
}

impl Router {
    pub(super) fn script(&self, name: &str) -> Option<&Script> {
        self.scripts.iter().find(|script| script.config.name == name)
    }

    /// Takes the scripts that somebody watches. One whose command is the same keeps its verdict.
    pub(super) fn adopt_scripts(&mut self, now: Instant) {
        let mut before = std::mem::take(&mut self.scripts);
        let wanted: Vec<_> = self
            .config
            .scripts
            .iter()
            .filter(|script| self.is_watched(&Watched::Script(script.name.clone())))
            .cloned()
            .collect();
        self.scripts = wanted
            .into_iter()
            .map(|config| {
                let same = before
                    .iter()
                    .position(|old| old.config.name == config.name && old.config.command == config.command);
                match same {
                    Some(at) => {
                        let old = before.swap_remove(at);
                        let next_at = old.next_at.min(now + config.interval);
                        let file = match config.on_missing {
                            OnMissing::Disable => old.file,
                            OnMissing::Fail => ScriptFile::Usable,
                        };
                        Script { config, next_at, file, ..old }
                    }
                    None => {
                        self.seen.retain(|(what, _)| *what != Watched::Script(config.name.clone()));
                        Script {
                            verdict: Verdict::new(config.init_fail),
                            file: match config.on_missing {
                                OnMissing::Disable => ScriptFile::Unseen,
                                OnMissing::Fail => ScriptFile::Usable,
                            },
                            config,
                            running: None,
                            next_at: now,
                            last: None,
                        }
                    }
                }
            })
            .collect();
        let looks: Vec<_> = self
            .scripts
            .iter()
            .filter(|script| script.config.on_missing == OnMissing::Disable)
            .map(|script| self.look(&script.config))
            .collect();
        if !looks.is_empty() {
            self.outputs.push_back(Output::LookAtScripts(looks));
        }
    }

    fn look(&self, config: &TrackScript) -> ScriptLook {
        ScriptLook {
            name: config.name.clone(),
            command: config.command.clone(),
            user: config.user.clone().or_else(|| self.config.global.script_user.clone()),
        }
    }

    /// The files of scripts were looked at, those of a configuration before this one perhaps.
    pub(super) fn scripts_seen(&mut self, seen: Vec<(ScriptLook, Result<(), String>)>, now: Instant) {
        for (look, usable) in seen {
            let at = self
                .scripts
                .iter()
                .position(|script| script.config.on_missing == OnMissing::Disable && self.look(&script.config) == look);
            let Some(script) = at.and_then(|at| self.scripts.get_mut(at)) else { continue };
            match (usable, &script.file) {
                (Ok(()), ScriptFile::Usable) => {}
                (Ok(()), ScriptFile::Unseen) => script.reset(ScriptFile::Usable, now),
                (Ok(()), ScriptFile::Disabled(_)) => {
                    script.reset(ScriptFile::Usable, now);
                    self.outputs.push_back(Output::Event(Event::ScriptEnabled { script: look.name }));
                }
                (Err(why), ScriptFile::Unseen | ScriptFile::Usable | ScriptFile::Disabled(_)) => {
                    script.reset(ScriptFile::Disabled(why.clone()), now);
                    self.seen.retain(|(what, _)| *what != Watched::Script(look.name.clone()));
                    self.outputs.push_back(Output::Event(Event::ScriptDisabled { script: look.name, why }));
                }
            }
        }
        self.start_scripts(now);
        self.settle(now);
    }

    /// Starts what is due. A script that still runs is left out this time.
    pub(super) fn start_scripts(&mut self, now: Instant) {
        for script in self.scripts.iter_mut().filter(|script| script.runs() && script.next_at <= now) {
            let interval = script.config.interval.max(SHORTEST_INTERVAL);
            let next = script.next_at + interval;
            script.next_at = if next > now { next } else { now + interval };
            if script.running.is_some() {
                continue;
            }
            self.runs += 1;
            script.running = Some(self.runs);
            self.outputs.push_back(Output::RunScript(ScriptRun {
                run: self.runs,
                name: script.config.name.clone(),
                command: script.config.command.clone(),
                user: script.config.user.clone().or_else(|| self.config.global.script_user.clone()),
                timeout: script.config.timeout,
            }));
        }
    }

    pub(super) fn script_done(&mut self, run: u64, outcome: &ScriptOutcome, now: Instant) {
        let Some(script) = self.scripts.iter_mut().find(|script| script.running == Some(run)) else { return };
        script.running = None;
        script.last = Some(outcome.clone());
        let success = match outcome {
            ScriptOutcome::Exited(status) => *status == 0,
            ScriptOutcome::Killed(_) | ScriptOutcome::TimedOut | ScriptOutcome::NotRunnable(..) => false,
            ScriptOutcome::NotTried(_) => return,
        };
        let changed = script.verdict.run(success, script.config.rise, script.config.fall);
        let (name, ok) = (script.config.name.clone(), script.verdict.ok());
        let what = Watched::Script(name.clone());
        self.note(&what, &Standing { ok, value: None, detail: String::new() });
        if changed {
            self.tell_word(what, Word::Script { ok: success, outcome: outcome.clone() }, now);
            self.settle(now);
        }
    }
}
