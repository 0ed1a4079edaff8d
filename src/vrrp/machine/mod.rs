//! One virtual router.
//!
//! The states are those of RFC 9568 section 6.3, and Fault, which keepalived adds for a router whose interface, script or
//! address is gone. Every deadline is a field of the state that it belongs to; leaving the state forgets it.
//!
//! ```text
//!                 Ready                      down_at passes, Promote
//!  Initialize -----------------> Backup --------------------------------> Active
//!      ^                          ^  ^      higher advert, Demote           |
//!      | Wait              Ready  |  `--------------------------------------'
//!      `----------- Fault --------'
//!                     ^  Fail, from anywhere          Shutdown, from anywhere: Initialize
//! ```
//!
//! An owner (priority 255) goes from Initialize and Fault to Active at once. A router that was told to start later stays in
//! Initialize until then.
//!
//! One file for each state that does something: `backup` listens and takes over, `active` advertises and contends;
//! [`state`](State) has their deadlines, [`settings`](Settings) the times that follow from the configuration.
//!
//! Where the RFC leaves room, or keepalived differs, this does as keepalived 2.2.7 does, so that the two can share a
//! virtual router. The differences are noted at their arms.

mod active;
mod backup;
mod settings;
mod state;

use std::collections::VecDeque;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use super::reason::{Fault, Reason};
use crate::model::Priority;

pub use settings::{Settings, first_silence};
pub use state::{Active, Backup, Contest, Role, SecondBurst, State};

/// An advert that passed every check of [`receive`](super::receive).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Heard {
    /// Its sender.
    pub source: IpAddr,
    /// Its priority; 0: the sender leaves.
    pub priority: u8,
    /// The sender's advert interval.
    pub interval: Duration,
}

/// What a virtual router can be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// All that it needs is there.
    Ready,
    /// Nothing is wrong, but a script has not answered yet.
    Wait,
    /// Something that it needs is not there.
    Fail(Fault),
    /// An advert of its virtual router.
    Advert(Heard),
    /// Time has passed; whether a deadline has is found out here.
    Deadline,
    /// Its sync group becomes active.
    Promote(Reason),
    /// Its sync group is no longer active.
    Demote(Reason),
    /// Settings have changed.
    Configure(Settings),
    /// The end, and why.
    Shutdown(Reason),
}

/// What is to be done, in this order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// Send an advert with this priority; 0: we leave.
    Send {
        /// Priority to put in.
        priority: u8,
    },
    /// Put the virtual addresses on.
    AddAddresses,
    /// Take the virtual addresses off.
    RemoveAddresses,
    /// Announce each virtual address.
    Announce {
        /// Times each.
        repeat: u32,
    },
    /// Announce on the other interfaces that hold virtual addresses (`garp_extra_if`).
    AnnounceExtra,
    /// In a sync group: the master is gone; become active if the others agree.
    Expired,
    /// Another router of lower priority advertises while we are active.
    LowerPriority {
        /// Its advert.
        heard: Heard,
        /// One of ours left so shortly before that the sender may not have heard it yet.
        crossed: bool,
    },
    /// Another router says that it owns the addresses, as we do.
    OwnerConflict(Heard),
    /// The down timer was looked at so late that the silence means nothing; it was begun anew.
    Overslept {
        /// How late.
        late: Duration,
    },
    /// The state has changed.
    StateChanged {
        /// From.
        from: Role,
        /// To.
        to: Role,
        /// Why.
        reason: Reason,
    },
}

/// One virtual router.
#[derive(Debug, Clone)]
pub struct Machine {
    settings: Settings,
    /// We are the owner of the addresses, and so is somebody else who does not yield: we advertise 254.
    gave_up_ownership: bool,
    state: State,
    reason: Reason,
    since: Instant,
    outputs: VecDeque<Output>,
}

impl Machine {
    /// A router that has not started.
    #[must_use]
    pub const fn new(settings: Settings, now: Instant) -> Self {
        Self {
            settings,
            gave_up_ownership: false,
            state: State::Initialize { starts_at: None },
            reason: Reason::NotStarted,
            since: now,
            outputs: VecDeque::new(),
        }
    }

    /// Its state.
    #[must_use]
    pub const fn state(&self) -> &State {
        &self.state
    }

    /// Its state without deadlines.
    #[must_use]
    pub const fn role(&self) -> Role {
        self.state.role()
    }

    /// Why it is in that state.
    #[must_use]
    pub const fn reason(&self) -> &Reason {
        &self.reason
    }

    /// When it came into that state.
    #[must_use]
    pub const fn since(&self) -> Instant {
        self.since
    }

    /// Its settings.
    #[must_use]
    pub const fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The next thing to do.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// When [`Input::Deadline`] is due.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.state.deadline()
    }

    /// Takes an input.
    pub fn handle(&mut self, input: Input, now: Instant) {
        match (self.state, input) {
            // RFC 9568 section 6.4.1, (110) and (140): a startup event.
            (State::Initialize { .. }, Input::Ready) => self.start(Reason::Started, now),
            (State::Initialize { .. }, Input::Wait) => self.initialize(None, Reason::AwaitingScripts, now),
            // keepalived's FAULT; the RFC has no such state.
            (State::Initialize { .. }, Input::Fail(fault)) => self.fail(fault, now),
            // keepalived's startup delay: the startup event comes when it is over.
            (State::Initialize { starts_at: Some(at) }, Input::Deadline) => {
                if now >= at {
                    self.start(Reason::Started, now);
                }
            }
            // Not running: adverts and time mean nothing (section 6.4.1 knows only the startup event).
            (State::Initialize { .. }, Input::Advert(_) | Input::Deadline | Input::Promote(_) | Input::Demote(_)) => {}
            (State::Initialize { .. }, Input::Configure(settings)) => self.take(settings),
            (State::Initialize { .. }, Input::Shutdown(reason)) => self.initialize(None, reason, now),

            (State::Backup(_), Input::Ready | Input::Wait | Input::Demote(_)) => {}
            (State::Backup(_), Input::Fail(fault)) => self.fail(fault, now),
            // Section 6.4.2, (420) to (490).
            (State::Backup(backup), Input::Advert(heard)) => self.listen(backup, heard, now),
            // Section 6.4.2, (390): the down timer fires.
            (State::Backup(backup), Input::Deadline) => self.down_timer(backup, now),
            (State::Backup(_), Input::Promote(reason)) => self.become_active(reason, now),
            (State::Backup(backup), Input::Configure(settings)) => self.configure_backup(backup, settings),
            // Section 6.4.2, (350).
            (State::Backup(_), Input::Shutdown(reason)) => self.initialize(None, reason, now),

            (State::Active(_), Input::Ready | Input::Wait | Input::Promote(_)) => {}
            (State::Active(_), Input::Fail(fault)) => {
                self.resign();
                self.fail(fault, now);
            }
            // Section 6.4.3, (700) to (765).
            (State::Active(active), Input::Advert(heard)) => self.contend(active, heard, now),
            // Section 6.4.3, (665).
            (State::Active(active), Input::Deadline) => self.advert_timer(active, now),
            (State::Active(_), Input::Demote(reason)) => {
                self.resign();
                self.become_backup(self.settings.interval.duration(), None, reason, now);
            }
            (State::Active(active), Input::Configure(settings)) => self.configure_active(active, settings, now),
            // Section 6.4.3, (655).
            (State::Active(_), Input::Shutdown(reason)) => {
                self.resign();
                self.initialize(None, reason, now);
            }

            (State::Fault, Input::Ready) => self.start(Reason::Recovered, now),
            (State::Fault, Input::Wait) => self.initialize(None, Reason::AwaitingScripts, now),
            (State::Fault, Input::Fail(fault)) => self.reason = Reason::Fault(fault),
            (State::Fault, Input::Advert(_) | Input::Deadline | Input::Promote(_) | Input::Demote(_)) => {}
            (State::Fault, Input::Configure(settings)) => self.take(settings),
            (State::Fault, Input::Shutdown(reason)) => self.initialize(None, reason, now),
        }
    }

    fn fail(&mut self, fault: Fault, now: Instant) {
        self.enter(State::Fault, Reason::Fault(fault), now);
    }

    /// Waits, for news or for a time. News only where it comes from another state.
    fn initialize(&mut self, starts_at: Option<Instant>, reason: Reason, now: Instant) {
        match self.state {
            State::Initialize { .. } => {
                self.state = State::Initialize { starts_at };
                self.reason = reason;
            }
            State::Backup(_) | State::Active(_) | State::Fault => {
                self.enter(State::Initialize { starts_at }, reason, now);
            }
        }
    }

    fn enter(&mut self, state: State, reason: Reason, now: Instant) {
        let from = self.state.role();
        self.state = state;
        self.reason = reason.clone();
        self.since = now;
        self.outputs.push_back(Output::StateChanged { from, to: state.role(), reason });
    }

    /// Takes new settings. An owner that gave up stays what it is, until it is given another priority.
    fn take(&mut self, settings: Settings) {
        self.gave_up_ownership &= settings.priority == self.settings.priority;
        self.settings = settings;
    }

    /// The priority that adverts carry: as told, but for an owner that gave up.
    #[must_use]
    pub const fn priority(&self) -> Priority {
        if self.gave_up_ownership { Priority::HIGHEST_BUT_OWNER } else { self.settings.priority }
    }
}

#[cfg(test)]
mod tests;
