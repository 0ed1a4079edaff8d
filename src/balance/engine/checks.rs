//! The engine's checks: who is due, who waits for a free probe, what a verdict means.

use std::time::Duration;

use super::doubt::Before;
use super::{Balancer, Life, Output, ProbeId};
use crate::balance::Health;
use crate::balance::desired;
use crate::balance::event::Event;
use crate::balance::notice;
use crate::balance::roster::{News, Roster};
use crate::balance::timers::Timers;
use crate::check::{self, Input as CheckInput, Obstacle, Order, Outcome, Stage, Turn, Verdict};
use crate::model::{Config, FileContent, ScriptOutcome, ServiceKey, TrackFile};

/// The second probe of each check comes sooner than its interval says, by a random part of this for each check that there is,
/// or of the whole interval.
const SCATTER: Duration = Duration::from_millis(1);

/// Where the loop does not catch up, that is told this often.
const STALL_PACE: Duration = Duration::from_secs(1);
/// Probes that begin in one turn, whether they were due or waited. After them come answers, verdicts and whatever else has come up;
/// those that are due too are woken in the turn after that, so that the time of each counts from when it begins. However many wait,
/// and however fast they come to their end: whose time is up is seen in the turn after that, too.
const AT_ONCE: usize = 16;
/// So many of those are left to scripts, where any wait.
const FOR_SCRIPTS: usize = 4;

impl Balancer {
    /// From now on so many probes may run at once.
    pub fn allow_probes(&mut self, probes: usize) {
        self.probes = probes.max(1);
    }

    pub(super) fn wake_checks(&mut self) {
        self.begun = 0;
        // Scripts that wait would wait for ever where there is always a server that is due to be called.
        let most = AT_ONCE - self.script_queue.len().min(FOR_SCRIPTS);
        while self.begun < most {
            let due_at = self.timers.next();
            let Some(check) = self.timers.pop(self.now) else { break };
            let before = self.cut_short;
            self.wake_check(check);
            if self.cut_short > before && self.stalled_since.is_none() {
                self.stalled_since = due_at.map(|due_at| (due_at, self.now));
            }
        }
        // Told once of all, or now and then where there is no end to it.
        if let Some((since, noticed_at)) = self.stalled_since
            && (self.timers.next().is_none_or(|at| at > self.now) || self.now - noticed_at >= STALL_PACE)
        {
            self.stalled_since = None;
            let checks = std::mem::take(&mut self.cut_short);
            self.outputs.push_back(Output::Event(Event::Stalled { late: noticed_at - since, checks }));
        }
        self.end_hold();
        self.fill();
    }

    /// With the table it is known who gets connections already. Of the others clients may be waiting for the first success: that comes
    /// as soon as without `warmup`.
    pub(super) fn hasten(&mut self) {
        match self.life {
            Life::Running if self.is_table_known() && std::mem::take(&mut self.unhurried) => {}
            Life::Running | Life::Stopping | Life::Stopped => return,
        }
        let spread = Roster::spread(self.roster.checks.len());
        for check in self.roster.awaited(&self.observed) {
            let first_in = self.random.within(spread);
            let Some((slot, _)) = self.roster.slot(check) else { continue };
            if slot.machine.poll_timeout().is_some_and(|at| at > self.now + first_in) {
                slot.machine.resume(first_in, self.now);
                self.timers.arm(check, slot.machine.poll_timeout());
            }
        }
    }

    pub(super) fn probed(&mut self, probe: ProbeId, outcome: Outcome) {
        let Some(check) = self.running.remove(&probe.0) else { return };
        self.running_scripts.remove(&probe.0);
        self.turn(check, CheckInput::Probed(outcome));
        self.fill();
    }

    pub(super) fn scripted(&mut self, probe: ProbeId, ended: &ScriptOutcome) {
        let check = self.running.get(&probe.0).and_then(|check| self.roster.check(*check));
        if let Some((_, _, check)) = check
            && let Some(script) = check.kind.script()
        {
            let outcome = check::script::outcome(script, ended);
            self.probed(probe, outcome);
        }
    }

    pub(super) fn file(&mut self, name: String, content: FileContent) {
        for check in self.roster.checks_by_file(&name) {
            if let Some(probe) = self.roster.check(check).and_then(|(_, _, check)| check.kind.file()) {
                let outcome = check::file::outcome(probe, &content);
                self.turn(check, CheckInput::Probed(outcome));
            }
        }
        self.files.insert(name, content);
    }

    /// Forgets files that are defined no more, or are others now.
    pub(super) fn keep_files(&mut self, config: &Config) {
        let before = &self.roster.config.files;
        self.files.retain(|name, _| {
            let path = |files: &[TrackFile]| files.iter().find(|file| file.name == *name).map(|file| file.path.clone());
            path(&config.files).is_some_and(|now| path(before) == Some(now))
        });
    }

    pub(super) fn reached(&mut self, probe: ProbeId, stage: Stage) {
        if let Some(check) = self.running.get(&probe.0).copied() {
            self.turn(check, CheckInput::Reached(stage));
        }
    }

    /// Somebody waits for a probe, and there is one.
    pub(super) fn may_begin(&self) -> bool {
        (!self.queue.is_empty() && self.sockets() < self.probes)
            || (!self.script_queue.is_empty() && self.running_scripts.len() < self.scripts)
    }

    /// Free probes go to those that wait.
    fn fill(&mut self) {
        while self.begun < AT_ONCE && self.running_scripts.len() < self.scripts {
            let Some(check) = self.script_queue.pop_front() else { break };
            if !self.roster.is_resting(check) {
                self.turn(check, CheckInput::Wake);
            }
        }
        while self.begun < AT_ONCE && self.sockets() < self.probes {
            let Some(check) = self.queue.pop_front() else { break };
            if !self.roster.is_resting(check) {
                self.turn(check, CheckInput::Wake);
            }
        }
    }

    /// Probes that run and are no scripts.
    fn sockets(&self) -> usize {
        self.running.len() - self.running_scripts.len()
    }

    fn wake_check(&mut self, check: u32) {
        let Some((slot, _)) = self.roster.slot(check) else { return };
        let starts = !slot.machine.is_probing() && slot.machine.poll_timeout().is_some_and(|at| at <= self.now);
        let is_script = slot.is_script;
        // It is armed again when its service's rest is over.
        if starts && self.roster.is_resting(check) {
            return;
        }
        // Nobody goes before those that wait.
        if starts && is_script && (self.running_scripts.len() >= self.scripts || !self.script_queue.is_empty()) {
            self.script_queue.push_back(check);
        } else if starts && !is_script && (self.sockets() >= self.probes || !self.queue.is_empty()) {
            self.queue.push_back(check);
        } else {
            self.turn(check, CheckInput::Wake);
        }
    }

    fn turn(&mut self, check: u32, input: CheckInput) {
        let scatter = SCATTER.saturating_mul(u32::try_from(self.roster.checks.len()).unwrap_or(u32::MAX));
        let Some((slot, config)) = self.roster.slot(check) else { return };
        let before = Before { verdict: slot.machine.verdict(), last: slot.machine.last() };
        let due_at = slot.machine.poll_timeout();
        let counted = slot.machine.counts();
        // A mistake that comes to light later changes what it means.
        let hindered = |machine: &check::Machine| machine.is_prevented().then(|| machine.is_mistaken());
        let prevented = hindered(&slot.machine);
        let is_script = slot.is_script;
        let Turn { order, verdict } = slot.machine.handle(config, input, &mut self.random, self.now);
        let now_prevented = hindered(&slot.machine);
        let prevented = now_prevented.is_some() && now_prevented != prevented;
        let last = slot.machine.last().filter(|_| slot.machine.counts() != counted);
        let weighs = config.kind.weighs();
        let otherwise = last.and_then(|outcome| slot.succeeded(config, outcome));
        match order {
            Some(Order::Start) => {
                self.last_probe += 1;
                self.begun += 1;
                slot.probe = self.last_probe;
                self.running.insert(self.last_probe, check);
                if is_script {
                    self.running_scripts.insert(self.last_probe);
                }
                self.starts.push_back((ProbeId(self.last_probe), due_at.unwrap_or(self.now)));
            }
            Some(Order::Cancel) => {
                self.running.remove(&slot.probe);
                self.running_scripts.remove(&slot.probe);
                self.outputs.push_back(Output::CancelProbe(ProbeId(slot.probe)));
            }
            None => {}
        }
        if before.last.is_none() && before.verdict.is_none() && last.is_some_and(Outcome::was_tried) {
            // First checks that somebody waits for are made within a second, and from now on they would all come in one second of
            // each interval. Those that `warmup` has spread are none the worse for it.
            slot.machine.bring_forward(self.random.within(scatter.min(config.interval)), self.now);
        }
        self.timers.arm(check, slot.machine.poll_timeout());
        let Some(outcome) = last else { return };
        if outcome == Outcome::NotTried(Obstacle::Late) {
            self.cut_short += 1;
        } else if let Outcome::NotTried(obstacle) = outcome
            && before.last.is_none_or(Outcome::was_tried)
        {
            self.not_tried(check, obstacle);
        }
        if prevented {
            self.prevented(check);
        }
        if let (Outcome::Unusable(_), Some(Verdict::Up)) = (outcome, verdict) {
            self.unusable(check, outcome);
        }
        if let Some(before) = otherwise.filter(|_| weighs) {
            self.reweighed(check, before);
        }
        if let Some(verdict) = verdict {
            self.recount(check, before.verdict, verdict);
        }
        if before.verdict == Some(Verdict::Up) && verdict.is_none() {
            self.failed(check, counted.1);
        }
        self.weigh(check, before, outcome, verdict);
        if let Some(before) = otherwise.filter(|_| !weighs) {
            self.flaw_changed(check, before, outcome);
        }
    }

    /// What a check says counts, for all servers that have it.
    pub(super) fn believe(&mut self, check: u32) {
        let news = self.roster.verdict(check, self.now);
        let machine = self.roster.checks.get(check as usize).map(|slot| &slot.machine);
        if news.is_empty() && machine.and_then(check::Machine::verdict) == Some(Verdict::Down) {
            // Another check has said so already, and nobody hears of this one.
            self.failed(check, 0);
        }
        for news in news {
            self.verdict_at.get_or_insert(self.now);
            self.health_changed(Some(check), news);
        }
    }

    /// What a configuration brings with it is told as any verdict.
    pub(super) fn tell_configured(&mut self) {
        for (check, news) in self.roster.news_of_all() {
            self.health_changed(check, news);
        }
    }

    fn not_tried(&mut self, check: u32, obstacle: Obstacle) {
        if let Some((service, server, _)) = self.roster.check(check) {
            let (service, server) = (service.title(), server.key);
            self.outputs.push_back(Output::Event(Event::NotTried { service, server, obstacle }));
        }
    }

    /// The last probe may have failed, since that many had; who wants it is told of each.
    fn failed(&mut self, check: u32, failures: u64) {
        let Some((service, server, config)) = self.roster.check(check) else { return };
        let Some(machine) = self.roster.checks.get(check as usize).map(|slot| &slot.machine) else { return };
        if !config.tells_failures.unwrap_or(self.roster.config.global.tells_failures) || machine.counts().1 == failures
        {
            return;
        }
        let Some(outcome) = machine.last() else { return };
        let (forgiven, subject) = (machine.forgives(config), config.kind.subject());
        let (service, server) = (service.title(), server.key);
        self.outputs.push_back(Output::Event(Event::CheckFailed { service, server, subject, outcome, forgiven }));
    }

    /// Nothing can be found out of servers: they are trusted from now on, or stay out.
    fn prevented(&mut self, check: u32) {
        let last = self.roster.last(check);
        for server in self.roster.prevented(check) {
            self.stir();
            let (Some((service, config)), Some(Outcome::NotTried(obstacle))) = (self.roster.server(server), last)
            else {
                continue;
            };
            let table = &self.observed.services;
            let found = |key: ServiceKey| table.get(&key)?.server(service.entry(key, config)?);
            if service.keys().filter_map(found).any(desired::carries) {
                // It stays as it is, and that was told.
                continue;
            }
            let (title, key) = (service.title(), config.key);
            let trusted = !config.alpha && !self.roster.is_mistaken(server);
            let event = Event::Prevented { service: title, server: key, obstacle, trusted };
            self.outputs.push_back(Output::Event(event));
        }
    }

    fn unusable(&mut self, check: u32, outcome: Outcome) {
        if let Some((service, server, config)) = self.roster.check(check) {
            let (service, server, subject) = (service.title(), server.key, config.kind.subject());
            self.outputs.push_back(Output::Event(Event::Unusable { service, server, subject, outcome }));
        }
    }

    /// A check may add something else to the weights of its servers than it did with the success before.
    fn reweighed(&mut self, check: u32, before: Option<Outcome>) {
        self.stir();
        let Some(outcome) = self.roster.last(check) else { return };
        for (server, configured, weight) in self.roster.weight_changed(check) {
            self.verdict_at.get_or_insert(self.now);
            let added = before.and_then(|before| before.adds(configured)).unwrap_or(0);
            if outcome.adds(configured) == Some(added) {
                continue;
            }
            if let (Some((_, _, config)), Some((service, server))) =
                (self.roster.check(check), self.roster.server(server))
            {
                let (service, server, subject) = (service.title(), server.key, config.kind.subject());
                self.outputs.push_back(Output::Event(Event::Weight { service, server, subject, outcome, weight }));
            }
        }
    }

    /// What is to be mended of a server that works begins or ends.
    fn flaw_changed(&mut self, check: u32, before: Option<Outcome>, outcome: Outcome) {
        let Some((service, server, _)) = self.roster.check(check) else { return };
        let (service, server) = (service.title(), server.key);
        let event = if let Outcome::AnswersArp(address) = outcome {
            Event::AnswersArp { service, server, address }
        } else if let Some(Outcome::AnswersArp(address)) = before {
            Event::ArpMended { service, server, address }
        } else {
            return;
        };
        self.outputs.push_back(Output::Event(event));
    }

    /// A server is something else than it was: `check` says so, unless it has none.
    fn health_changed(&mut self, check: Option<u32>, News { server: index, told, health }: News) {
        self.stir();
        match (told, health) {
            (Some(Verdict::Down), Health::Up | Health::Unchecked) => self.roster.rise(index, self.now),
            (_, Health::Down) => self.roster.fall(index),
            (Some(Verdict::Up) | None, Health::Up | Health::Unchecked) | (_, Health::Unknown) => {}
        }
        let decisive = check.and_then(|check| {
            let (_, _, config) = self.roster.check(check)?;
            Some((config.kind.subject(), self.roster.in_light(self.roster.last(check)?, index)))
        });
        let Some((service, config)) = self.roster.server(index) else { return };
        let (title, server) = (service.title(), config.key);
        let (up, event) = match (health, decisive) {
            (Health::Up | Health::Unchecked, _) => (true, Event::ServerUp { service: title, server }),
            (Health::Down, Some((subject, outcome))) => {
                (false, Event::ServerDown { service: title, server, subject, outcome })
            }
            (Health::Down, None) | (Health::Unknown, _) => return,
        };
        let tells = match (told, health) {
            // Nobody asks it anything.
            (None | Some(Verdict::Up), Health::Unchecked) => return,
            // It was taken to be up all along.
            (None, Health::Up) => config.alpha || self.roster.config.global.tell_servers_at_start,
            // A reload came in between, and what it has changed comes to the same.
            (Some(Verdict::Up), Health::Up) | (Some(Verdict::Down), Health::Down) => false,
            (Some(Verdict::Down), Health::Up | Health::Unchecked)
            | (None | Some(Verdict::Up), Health::Down)
            | (_, Health::Unknown) => true,
        };
        let told = tells.then(|| notice::of_server(&self.roster.config, service, config, up));
        self.outputs.push_back(Output::Event(event));
        self.tell(told);
    }

    /// A new roster: probes of checks that are gone are dropped, those of checks that stay run on.
    pub(super) fn replace_roster(&mut self, roster: Roster) {
        self.roster = roster;
        self.queue.clear();
        self.script_queue.clear();
        self.running_scripts.clear();
        self.timers = Timers::new(self.roster.checks.len());
        self.hold.renumber();
        self.well = None;
        let mut gone = std::mem::take(&mut self.running);
        for (check, slot) in (0..).zip(&mut self.roster.checks) {
            self.timers.arm(check, slot.machine.poll_timeout());
            if slot.machine.is_probing() {
                if gone.remove(&slot.probe).is_some() {
                    self.running.insert(slot.probe, check);
                    if slot.is_script {
                        self.running_scripts.insert(slot.probe);
                    }
                } else {
                    // Its probe goes on for another that was the same check before.
                    slot.machine.recall(self.now);
                    self.timers.arm(check, slot.machine.poll_timeout());
                }
            }
        }
        let mut gone: Vec<_> = gone.into_keys().collect();
        gone.sort_unstable();
        self.outputs.extend(gone.into_iter().map(|probe| Output::CancelProbe(ProbeId(probe))));
    }
}
