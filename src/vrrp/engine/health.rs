//! Whether a virtual router may run, worked out from scratch each time a fact changes.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::instance::settings;
use super::{Event, Output, Router};
use crate::model::Watched;
use crate::vrrp::machine::{Input, Role, Settings};
use crate::vrrp::reason::Fault;
use crate::vrrp::track::Pace;

/// How long the faults of a router that cannot run stay the same before they are told anew. An interface that is deleted and
/// made again, or a network that is restarted, goes through several faults on its way, and takes a second or two for it.
const SETTLED: Duration = Duration::from_secs(3);
/// Faults that go on changing are told after this time all the same.
const CHANGING: Duration = Duration::from_secs(15);

/// Whether a virtual router may run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Health {
    /// It may.
    Ready,
    /// Something that decides has not answered yet.
    Wait(Vec<Watched>),
    /// It cannot, for all of these reasons.
    Fail(Vec<Fault>),
}

impl Health {
    /// What the machine makes of it: it needs one reason.
    fn input(&self) -> Input {
        match self {
            Self::Ready => Input::Ready,
            Self::Wait(_) => Input::Wait,
            Self::Fail(faults) => faults.first().map_or(Input::Ready, |fault| Input::Fail(fault.clone())),
        }
    }

    /// What must answer first, if anything must.
    pub(super) fn awaited(&self) -> Option<&[Watched]> {
        match self {
            Self::Wait(awaited) => Some(awaited),
            Self::Ready | Self::Fail(_) => None,
        }
    }

    /// Why it cannot run, if it cannot.
    pub(super) fn faults(&self) -> &[Fault] {
        match self {
            Self::Ready | Self::Wait(_) => &[],
            Self::Fail(faults) => faults,
        }
    }
}

/// What people know of the faults of a router that cannot run. The change of state tells those that it began with.
#[derive(Debug, Default)]
pub(super) struct FaultNews {
    /// The faults that were told last.
    told: Vec<Fault>,
    /// Since when there are others than those, and when they are told.
    pending: Option<(Instant, Instant)>,
    pace: Pace,
}

impl FaultNews {
    /// These were told; what was to be told before them is of no interest any more.
    pub(super) fn tell(&mut self, faults: &[Fault]) {
        self.told = faults.to_vec();
        self.pending = None;
    }

    /// These came with a change of state that was not told. They are told if they last; where there are none, nothing is.
    pub(super) fn withhold(&mut self, faults: &[Fault], now: Instant) {
        self.pending = None;
        if !faults.is_empty() {
            self.change(faults, now);
        }
    }

    /// These are the faults from now on.
    fn change(&mut self, faults: &[Fault], now: Instant) {
        let since = self.pending.map_or(now, |(since, _)| since);
        self.pending = (self.told != faults).then(|| (since, (now + SETTLED).min(since + CHANGING)));
    }

    /// When faults are to be told.
    pub(super) fn due(&self) -> Option<Instant> {
        self.pending.map(|(_, due)| due)
    }
}

impl Router {
    /// Tells the machines what has changed for them.
    pub(super) fn update_health(&mut self, now: Instant) {
        let effects: Vec<_> = self.instances.iter().map(|entry| self.effects(entry)).collect();
        let own: Vec<_> =
            self.instances.iter().zip(&effects).map(|(entry, effects)| self.own_faults(entry, effects)).collect();
        for (at, effects) in effects.into_iter().enumerate() {
            let Some(entry) = self.instances.get(at) else { continue };
            let mut faults = own.get(at).cloned().unwrap_or_default();
            faults.extend(self.group_faults(at, &own));
            let awaited = Self::awaited(&effects);
            let health = if !faults.is_empty() {
                Health::Fail(faults)
            } else if !awaited.is_empty() {
                Health::Wait(awaited)
            } else if self.holds_for_link(entry) {
                match entry.machine.role() {
                    Role::Fault => Health::Fail(vec![Fault::VirtualLinkMissing(entry.interface().to_owned())]),
                    Role::Initialize | Role::Backup | Role::Active => Health::Wait(Vec::new()),
                }
            } else {
                Health::Ready
            };
            let priority = Self::effective_priority(entry, &effects);
            let source = self.source(entry).unwrap_or_else(|| entry.machine.settings().source);
            let settings = Settings {
                ready_to_lead: self.is_ready_to_lead(entry),
                not_before: self.not_before,
                ..settings(&entry.config, priority, source, entry.group.is_some())
            };
            let before = entry.machine.settings().priority;
            let mut changed = false;
            let because = if before == priority { String::new() } else { self.causes(&entry.effects, &effects) };
            let Some(entry) = self.instances.get_mut(at) else { continue };
            entry.effects = effects;
            if settings != *entry.machine.settings() {
                entry.machine.handle(Input::Configure(settings), now);
                changed = before != priority && entry.machine.role() != Role::Initialize;
                if changed && let Some(untold) = entry.priority_pace.tell(priority.value(), now) {
                    let instance = Arc::clone(&entry.name);
                    let (from, to) = (before.value(), priority.value());
                    let event = Event::PriorityChanged { instance, from, to, because, untold };
                    self.outputs.push_back(Output::Event(event));
                }
            }
            self.take_health(at, health, now);
            self.note_wait(at, now);
            if changed {
                self.notify_priority(at);
            }
        }
    }

    /// Hands the machine what is new to it.
    fn take_health(&mut self, at: usize, health: Health, now: Instant) {
        let Some(entry) = self.instances.get_mut(at) else { return };
        if entry.health.as_ref() == Some(&health) {
            return;
        }
        let input = health.input();
        if entry.machine.role() == Role::Fault {
            entry.fault_news.change(health.faults(), now);
        }
        entry.health = Some(health);
        entry.machine.handle(input, now);
    }

    /// Tells the faults that have lasted.
    pub(super) fn tell_faults(&mut self, now: Instant) {
        for entry in self.instances.iter_mut().filter(|entry| entry.fault_news.due().is_some_and(|due| due <= now)) {
            let faults = entry.faults().to_vec();
            entry.fault_news.tell(&faults);
            if !faults.is_empty()
                && let Some(untold) = entry.fault_news.pace.tell((), now)
            {
                let instance = Arc::clone(&entry.name);
                self.outputs.push_back(Output::Event(Event::Faults { instance, faults, untold }));
            }
        }
    }
}
