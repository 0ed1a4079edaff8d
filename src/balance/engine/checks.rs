//! The engine's checks: who is due, who waits for a free probe, what a verdict means.

use super::doubt::Before;
use super::{Balancer, Output, ProbeId};
use crate::balance::Health;
use crate::balance::event::Event;
use crate::balance::roster::Roster;
use crate::balance::timers::Timers;
use crate::check::{Input as CheckInput, Obstacle, Order, Outcome, Stage, Turn, Verdict};

impl Balancer {
    pub(super) fn wake_checks(&mut self) {
        let due_at = self.timers.next();
        while let Some(check) = self.timers.pop(self.now) {
            self.wake_check(check);
        }
        if let (checks @ 1.., Some(due_at)) = (std::mem::take(&mut self.cut_short), due_at) {
            self.outputs.push_back(Output::Event(Event::Stalled { late: self.now - due_at, checks }));
        }
        self.end_hold();
        self.fill();
    }

    pub(super) fn probed(&mut self, probe: ProbeId, outcome: Outcome) {
        let Some(check) = self.running.remove(&probe.0) else { return };
        self.turn(check, CheckInput::Probed(outcome));
        self.fill();
    }

    pub(super) fn reached(&mut self, probe: ProbeId, stage: Stage) {
        if let Some(check) = self.running.get(&probe.0).copied() {
            self.turn(check, CheckInput::Reached(stage));
        }
    }

    /// Free probes go to those that wait.
    fn fill(&mut self) {
        while self.running.len() < self.probes {
            let Some(check) = self.queue.pop_front() else { break };
            self.turn(check, CheckInput::Wake);
        }
    }

    fn wake_check(&mut self, check: u32) {
        let Some((slot, _)) = self.roster.slot(check) else { return };
        let starts = !slot.machine.is_probing() && slot.machine.poll_timeout() <= self.now;
        if starts && self.running.len() >= self.probes {
            self.queue.push_back(check);
        } else {
            self.turn(check, CheckInput::Wake);
        }
    }

    fn turn(&mut self, check: u32, input: CheckInput) {
        let Some((slot, config)) = self.roster.slot(check) else { return };
        let before = Before { verdict: slot.machine.verdict(), last: slot.machine.last() };
        let was_probing = slot.machine.is_probing();
        let Turn { order, verdict } = slot.machine.handle(config, input, &mut self.random, self.now);
        let last = slot.machine.last().filter(|_| was_probing && !slot.machine.is_probing());
        self.well += usize::from(verdict == Some(Verdict::Up));
        self.well -= usize::from(verdict == Some(Verdict::Down) && before.verdict == Some(Verdict::Up)).min(self.well);
        match order {
            Some(Order::Start) => {
                self.last_probe += 1;
                slot.probe = self.last_probe;
                self.running.insert(self.last_probe, check);
                self.outputs.push_back(Output::StartProbe(ProbeId(self.last_probe)));
            }
            Some(Order::Cancel) => {
                self.running.remove(&slot.probe);
                self.outputs.push_back(Output::CancelProbe(ProbeId(slot.probe)));
            }
            None => {}
        }
        self.timers.arm(check, slot.machine.poll_timeout());
        let Some(outcome) = last else { return };
        if outcome == Outcome::NotTried(Obstacle::Late) {
            // Told once of all.
            self.cut_short += 1;
        } else if let Outcome::NotTried(obstacle) = outcome
            && before.last.is_none_or(Outcome::was_tried)
        {
            self.not_tried(check, obstacle);
        }
        self.weigh(check, before, outcome, verdict);
    }

    /// What a check says counts, for all servers that have it.
    pub(super) fn believe(&mut self, check: u32) {
        for (server, health) in self.roster.verdict(check, self.now) {
            self.stir();
            self.health_changed(check, server, health);
        }
    }

    fn not_tried(&mut self, check: u32, obstacle: Obstacle) {
        if let Some((service, server, _)) = self.roster.check(check) {
            let service = service.title();
            self.outputs.push_back(Output::Event(Event::NotTried { service, server, obstacle }));
        }
    }

    fn health_changed(&mut self, check: u32, server: u32, health: Health) {
        let last = self.roster.last(check);
        let Some((_, _, config)) = self.roster.check(check) else { return };
        let Some((service, server)) = self.roster.server(server) else { return };
        let service = service.title();
        let event = match (health, last) {
            (Health::Up, _) => Event::ServerUp { service, server },
            (Health::Down, Some(outcome)) => {
                Event::ServerDown { service, server, subject: config.kind.subject(), outcome }
            }
            (Health::Down, None) | (Health::Unknown | Health::Unchecked, _) => return,
        };
        self.outputs.push_back(Output::Event(event));
    }

    /// A new roster: probes of checks that are gone are dropped, those of checks that stay run on.
    pub(super) fn replace_roster(&mut self, roster: Roster) {
        self.roster = roster;
        self.queue.clear();
        self.timers = Timers::new(self.roster.checks.len());
        self.hold.renumber();
        self.well = self.roster.checks.iter().filter(|slot| slot.machine.verdict() == Some(Verdict::Up)).count();
        let mut gone = std::mem::take(&mut self.running);
        for (check, slot) in (0..).zip(&mut self.roster.checks) {
            self.timers.arm(check, slot.machine.poll_timeout());
            if slot.machine.is_probing() {
                if gone.remove(&slot.probe).is_some() {
                    self.running.insert(slot.probe, check);
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
