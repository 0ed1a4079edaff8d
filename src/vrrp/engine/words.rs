//! What the log is told of what is watched: every change, unless there are too many; and then, once there is room, how it
//! ended, so that the last word of the log is the true one.

use std::sync::Arc;
use std::time::Instant;

use super::{Event, Output, Router};
use crate::model::{ScriptOutcome, Watched};
use crate::vrrp::machine::Role;
use crate::vrrp::track::{Released, Standing};

/// How something that is watched stands, in the words of a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Word {
    /// A script.
    Script {
        /// It is well.
        ok: bool,
        /// The run that decided.
        outcome: ScriptOutcome,
    },
    /// All else.
    Other {
        /// It is well. `None`: not known.
        ok: Option<bool>,
        /// What was seen.
        detail: String,
    },
}

impl Word {
    fn event(self, what: Watched, untold: u64) -> Event {
        match self {
            Self::Script { ok, outcome } => {
                Event::ScriptChanged { script: what.name().to_owned(), ok, outcome, untold }
            }
            Self::Other { ok, detail } => Event::TrackerChanged { what, ok, detail, untold },
        }
    }
}

impl Router {
    /// Tells a change, unless there were too many, or nobody watches it.
    pub(super) fn tell_change(&mut self, what: Watched, standing: &Standing, now: Instant) {
        if self.is_watched(&what) {
            self.tell_word(what, Word::Other { ok: standing.ok, detail: standing.detail.clone() }, now);
        }
    }

    /// Tells a change, unless there were too many.
    pub(super) fn tell_word(&mut self, what: Watched, word: Word, now: Instant) {
        if let Some(untold) = self.paces.entry(what.clone()).or_default().tell(word.clone(), now) {
            self.outputs.push_back(Output::Event(word.event(what, untold)));
        }
    }

    /// When there is room for a word that was left out.
    pub(super) fn words_timeout(&self) -> Option<Instant> {
        let words = self.paces.values().filter_map(|pace| pace.held_until());
        let priorities = self.instances.iter().filter_map(|entry| entry.priority_pace.held_until());
        let states = self.instances.iter().filter_map(|entry| entry.state_pace.held_until());
        let groups = self.groups.iter().filter_map(|group| group.pace.held_until());
        words.chain(priorities).chain(states).chain(groups).min()
    }

    /// Tells how things stand of which more was left out than told.
    pub(super) fn tell_last_words(&mut self, now: Instant) {
        let late: Vec<_> = self
            .paces
            .iter_mut()
            .filter_map(|(what, pace)| pace.release(now).map(|released| (what.clone(), released)))
            .collect();
        for (what, Released { what: word, before: _, untold }) in late {
            if self.is_watched(&what) {
                self.outputs.push_back(Output::Event(word.event(what, untold)));
            }
        }
        for entry in &mut self.instances {
            if let Some(Released { what: role, before: _, untold }) = entry.state_pace.release(now) {
                let (instance, reason) = (Arc::clone(&entry.name), entry.machine.reason().clone());
                if role != Role::Fault {
                    entry.fault_news.tell(&[]);
                }
                self.outputs.push_back(Output::Event(Event::StateSettled { instance, role, reason, untold }));
            }
        }
        for group in &mut self.groups {
            if let Some(Released { what: to, before: _, untold }) = group.pace.release(now) {
                let group = group.name.clone();
                self.outputs.push_back(Output::Event(Event::GroupChanged { group, to, untold }));
            }
        }
        for at in 0..self.instances.len() {
            let Some(entry) = self.instances.get_mut(at) else { continue };
            let Some(Released { what: to, before: Some(from), untold }) = entry.priority_pace.release(now) else {
                continue;
            };
            let instance = Arc::clone(&entry.name);
            let because = self.instances.get(at).map_or_else(String::new, |entry| self.causes(&[], &entry.effects));
            self.outputs.push_back(Output::Event(Event::PriorityChanged { instance, from, to, because, untold }));
        }
    }
}
