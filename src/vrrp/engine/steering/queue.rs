//! What is to be put on and taken off, where that is much at once.
//!
//! The kernel takes its time over each route, and ten thousand of them are a good part of a second, in which no advert is
//! sent and none is heard. So a few keep their place among the other outputs, a router's before its addresses go; what is
//! more than that waits in a queue of its own, which whoever executes outputs empties in slices
//! ([`Router::poll_urgent`]). Nothing of it overtakes anything else of it.
//!
//! What waits to be put on is named by its number alone: it may have ceased to be wished, or go through another link, when
//! its turn comes.

use std::collections::VecDeque;
use std::sync::Arc;

use super::held::Presence;
use super::{Output, Router, Steering};

/// So many keep their place among other outputs.
const IN_PLACE: usize = 64;
/// Room for outputs that is kept between two turns.
const KEPT: usize = 256;

#[derive(Debug)]
enum Waiting {
    /// To be put on, if it is still to be.
    Add(u64),
    Remove {
        what: Arc<Steering>,
        links: Vec<u32>,
        left: bool,
    },
}

/// What waits for its turn.
#[derive(Debug, Default)]
pub(in super::super) struct Queue {
    waiting: VecDeque<Waiting>,
    /// How many are among the other outputs.
    in_place: usize,
}

impl Queue {
    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// An output was handed out.
    const fn handed_out(&mut self, output: &Output) {
        if matches!(output, Output::AddSteering { .. } | Output::RemoveSteering { .. }) {
            self.in_place = self.in_place.saturating_sub(1);
        }
    }

    fn has_room(&mut self) -> bool {
        let room = self.waiting.is_empty() && self.in_place < IN_PLACE;
        self.in_place += usize::from(room);
        room
    }
}

impl Router {
    /// The next thing to do.
    pub fn poll_output(&mut self) -> Option<Output> {
        let output = self.poll_urgent().or_else(|| self.next_steering()).or_else(|| self.due_record());
        if output.is_none() && self.outputs.capacity() > KEPT {
            // Two hundred routers that come up at once need room that they do not need again.
            self.outputs = VecDeque::new();
        }
        output
    }

    /// The next thing to do that must not wait: all but the greater part of many routes and rules. Whoever has asked for no
    /// more than this is to ask for the rest ([`poll_output`](Self::poll_output)) after inputs that have come meanwhile.
    pub fn poll_urgent(&mut self) -> Option<Output> {
        let output = self.outputs.pop_front().or_else(|| if self.record_waits() { self.due_record() } else { None });
        if let Some(output) = &output {
            self.queue.handed_out(output);
        }
        output
    }

    /// Asks for one to be put on, by its place. Until the answer is here there is no second question.
    pub(super) fn ask_for(&mut self, at: usize) {
        let Some(held) = self.steering.get_mut(at).filter(|held| !held.queued) else { return };
        if self.queue.has_room() {
            held.presence = Presence::Yes;
            let (id, what, links) = (held.id, Arc::clone(&held.placed), held.links.clone());
            self.outputs.push_back(Output::AddSteering { id, what, links });
        } else {
            held.queued = true;
            self.queue.waiting.push_back(Waiting::Add(held.id));
        }
    }

    pub(super) fn remove_steering(&mut self, what: Arc<Steering>, links: Vec<u32>, left: bool) {
        if self.queue.has_room() {
            self.outputs.push_back(Output::RemoveSteering { what, links, left });
        } else {
            self.queue.waiting.push_back(Waiting::Remove { what, links, left });
        }
    }

    /// The next one whose turn it is.
    fn next_steering(&mut self) -> Option<Output> {
        while let Some(waiting) = self.queue.waiting.pop_front() {
            match waiting {
                Waiting::Remove { what, links, left } => return Some(Output::RemoveSteering { what, links, left }),
                Waiting::Add(id) => {
                    let held = self.steering_index.by_id(id).and_then(|at| self.steering.get_mut(at));
                    if let Some(held) = held.filter(|held| held.queued) {
                        held.queued = false;
                        held.presence = Presence::Yes;
                        let (what, links) = (Arc::clone(&held.placed), held.links.clone());
                        return Some(Output::AddSteering { id, what, links });
                    }
                }
            }
        }
        if self.queue.waiting.capacity() > KEPT {
            self.queue.waiting = VecDeque::new();
        }
        None
    }

    /// At the end nothing waits any more.
    pub(in super::super) fn empty_queue(&mut self) {
        while let Some(output) = self.next_steering() {
            self.outputs.push_back(output);
        }
    }
}
