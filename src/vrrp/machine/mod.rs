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
//! An owner (priority 255) goes from Initialize and Fault to Active at once.
//!
//! Where the RFC leaves room, or keepalived differs, this does as keepalived 2.2.7 does, so that the two can share a
//! virtual router. The differences are noted at their arms.

mod timers;

use std::collections::VecDeque;
use std::fmt;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use super::reason::{Fault, Reason};
use crate::model::{AdvertInterval, Announcements, Priority, VrrpVersion};

/// What the machine needs to know of its configuration and surroundings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Protocol version.
    pub version: VrrpVersion,
    /// Priority with weights added.
    pub priority: Priority,
    /// Time between our own adverts.
    pub interval: AdvertInterval,
    /// Take over from a router of lower priority. `state MASTER` and priority 255 have it set whatever the file says.
    pub preempt: bool,
    /// Address that adverts leave from; decides between equal priorities.
    pub source: IpAddr,
    /// When to announce.
    pub announcements: Announcements,
    /// Member of a sync group: asks before it becomes active.
    pub grouped: bool,
}

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

/// The state of a virtual router, with the deadlines that exist only in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Not started, or waiting for scripts.
    Initialize,
    /// Listening.
    Backup(Backup),
    /// Owner of the addresses.
    Active(Active),
    /// Cannot run.
    Fault,
}

/// Listening.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backup {
    /// When the silence has lasted long enough.
    pub down_at: Instant,
    /// `Active_Adver_Interval` of the RFC: the master's interval, our own until one is heard.
    pub master_interval: Duration,
    /// The last master heard.
    pub master: Option<Heard>,
    /// When it was heard.
    pub heard_at: Option<Instant>,
    /// In a sync group: the silence lasted long enough, and the other members are waited for.
    pub expired: bool,
}

/// Owner of the addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Active {
    /// Next advert.
    pub advert_at: Instant,
    /// Second burst of announcements.
    pub announce_at: Option<Instant>,
    /// Next refreshing announcement.
    pub refresh_at: Option<Instant>,
    /// When we last announced because somebody of lower priority advertised.
    pub asserted_at: Option<Instant>,
}

/// A state without its deadlines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// `INIT`.
    Initialize,
    /// `BACKUP`.
    Backup,
    /// `MASTER`.
    Active,
    /// `FAULT`.
    Fault,
}

impl fmt::Display for Role {
    /// In the words that keepalived's users and their scripts know.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Initialize => "INIT",
            Self::Backup => "BACKUP",
            Self::Active => "MASTER",
            Self::Fault => "FAULT",
        })
    }
}

impl State {
    /// Without the deadlines.
    #[must_use]
    pub const fn role(&self) -> Role {
        match self {
            Self::Initialize => Role::Initialize,
            Self::Backup(_) => Role::Backup,
            Self::Active(_) => Role::Active,
            Self::Fault => Role::Fault,
        }
    }
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
    /// The end.
    Shutdown,
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
    /// In a sync group: the master is gone; become active if the others agree.
    Expired,
    /// Another router of lower priority advertises while we are active.
    LowerPriority(Heard),
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
    state: State,
    reason: Reason,
    since: Instant,
    outputs: VecDeque<Output>,
}

impl Machine {
    /// A router that has not started.
    #[must_use]
    pub const fn new(settings: Settings, now: Instant) -> Self {
        Self { settings, state: State::Initialize, reason: Reason::NotStarted, since: now, outputs: VecDeque::new() }
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
        match self.state {
            State::Initialize | State::Fault => None,
            State::Backup(backup) => Some(backup.down_at),
            State::Active(active) => {
                [Some(active.advert_at), active.announce_at, active.refresh_at].into_iter().flatten().min()
            }
        }
    }

    /// Takes an input.
    pub fn handle(&mut self, input: Input, now: Instant) {
        match (self.state, input) {
            // RFC 9568 section 6.4.1, (110) and (140): a startup event.
            (State::Initialize, Input::Ready) => self.start(Reason::Started, now),
            (State::Initialize, Input::Wait) => self.reason = Reason::AwaitingScripts,
            // keepalived's FAULT; the RFC has no such state.
            (State::Initialize, Input::Fail(fault)) => self.fail(fault, now),
            // Not running: adverts and time mean nothing (section 6.4.1 knows only the startup event).
            (State::Initialize, Input::Advert(_) | Input::Deadline | Input::Promote(_) | Input::Demote(_)) => {}
            (State::Initialize, Input::Configure(settings)) => self.settings = settings,
            (State::Initialize, Input::Shutdown) => self.reason = Reason::Stopped,

            (State::Backup(_), Input::Ready | Input::Wait | Input::Demote(_)) => {}
            (State::Backup(_), Input::Fail(fault)) => self.fail(fault, now),
            // Section 6.4.2, (420) to (490).
            (State::Backup(backup), Input::Advert(heard)) => self.listen(backup, heard, now),
            // Section 6.4.2, (390): the down timer fires.
            (State::Backup(backup), Input::Deadline) => self.down_timer(backup, now),
            (State::Backup(_), Input::Promote(reason)) => self.become_active(reason, now),
            (State::Backup(backup), Input::Configure(settings)) => self.configure_backup(backup, settings),
            // Section 6.4.2, (350).
            (State::Backup(_), Input::Shutdown) => self.enter(State::Initialize, Reason::Stopped, now),

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
            (State::Active(_), Input::Shutdown) => {
                self.resign();
                self.enter(State::Initialize, Reason::Stopped, now);
            }

            (State::Fault, Input::Ready) => self.start(Reason::Recovered, now),
            (State::Fault, Input::Wait) => self.enter(State::Initialize, Reason::AwaitingScripts, now),
            (State::Fault, Input::Fail(fault)) => self.reason = Reason::Fault(fault),
            (State::Fault, Input::Advert(_) | Input::Deadline | Input::Promote(_) | Input::Demote(_)) => {}
            (State::Fault, Input::Configure(settings)) => self.settings = settings,
            (State::Fault, Input::Shutdown) => self.enter(State::Initialize, Reason::Stopped, now),
        }
    }

    fn start(&mut self, reason: Reason, now: Instant) {
        if self.settings.priority == Priority::OWNER && !self.settings.grouped {
            self.become_active(Reason::Owner, now);
        } else {
            self.become_backup(self.settings.interval.duration(), None, reason, now);
        }
    }

    fn fail(&mut self, fault: Fault, now: Instant) {
        self.enter(State::Fault, Reason::Fault(fault), now);
    }

    /// Says that we leave, and lets the addresses go.
    fn resign(&mut self) {
        self.outputs.push_back(Output::Send { priority: 0 });
        self.outputs.push_back(Output::RemoveAddresses);
    }

    /// The advert leaves first, so that other backups fall silent before anything slower is done.
    fn become_active(&mut self, reason: Reason, now: Instant) {
        let announcements = self.settings.announcements.clone();
        self.outputs.push_back(Output::Send { priority: self.settings.priority.value() });
        self.outputs.push_back(Output::AddAddresses);
        self.outputs.push_back(Output::Announce { repeat: announcements.master.repeat });
        let active = Active {
            advert_at: now + self.settings.interval.duration(),
            announce_at: announcements.master.delay.map(|delay| now + delay),
            refresh_at: self.settings.refresh().map(|refresh| now + refresh),
            asserted_at: None,
        };
        self.enter(State::Active(active), reason, now);
    }

    fn become_backup(&mut self, master_interval: Duration, master: Option<Heard>, reason: Reason, now: Instant) {
        let backup = Backup {
            down_at: now + self.settings.down_interval(master_interval),
            master_interval,
            master,
            heard_at: master.map(|_| now),
            expired: false,
        };
        self.enter(State::Backup(backup), reason, now);
    }

    fn enter(&mut self, state: State, reason: Reason, now: Instant) {
        let from = self.state.role();
        self.state = state;
        self.reason = reason.clone();
        self.since = now;
        self.outputs.push_back(Output::StateChanged { from, to: state.role(), reason });
    }

    /// An advert in Backup. A router of lower priority does not reset the timer, so that we take over from it when the
    /// timer runs out; unless we must not (`nopreempt`), when anybody's advert will do.
    fn listen(&mut self, backup: Backup, heard: Heard, now: Instant) {
        if heard.priority == 0 {
            let down_at = now + self.settings.skew(backup.master_interval);
            self.state =
                State::Backup(Backup { down_at, master: Some(heard), heard_at: Some(now), expired: false, ..backup });
        } else if !self.settings.preempt || heard.priority >= self.settings.priority.value() {
            let master_interval = self.settings.adopted_interval(heard.interval);
            self.state = State::Backup(Backup {
                down_at: now + self.settings.down_interval(master_interval),
                master_interval,
                master: Some(heard),
                heard_at: Some(now),
                expired: false,
            });
        } else {
            self.state = State::Backup(Backup { master: Some(heard), heard_at: Some(now), ..backup });
        }
    }

    fn down_timer(&mut self, backup: Backup, now: Instant) {
        if now < backup.down_at {
            return;
        }
        if self.settings.grouped {
            // As keepalived does: the others get an interval more to come to the same view, then it is asked again.
            let again =
                self.settings.adopted_interval(backup.master_interval) + self.settings.skew(backup.master_interval);
            self.state = State::Backup(Backup { down_at: now + again, expired: true, ..backup });
            self.outputs.push_back(Output::Expired);
        } else {
            self.become_active(self.settings.silence(&backup), now);
        }
    }

    /// An advert while we are active.
    fn contend(&mut self, active: Active, heard: Heard, now: Instant) {
        let ours = self.settings.priority.value();
        let readvertised = Active { advert_at: now + self.settings.interval.duration(), ..active };
        if heard.priority == 0 {
            // (705): answer at once, so that other backups do not take over.
            self.state = State::Active(readvertised);
            self.outputs.push_back(Output::Send { priority: ours });
        } else if heard.priority > ours || (heard.priority == ours && heard.source > self.settings.source) {
            // (725): no priority 0 from here; the other one is active already.
            self.outputs.push_back(Output::RemoveAddresses);
            let interval = self.settings.adopted_interval(heard.interval);
            let reason = Reason::Outbid { by: heard.source, theirs: heard.priority, ours };
            self.become_backup(interval, Some(heard), reason, now);
        } else {
            // (760): assert ourselves at once. Switches may have learnt the other's port, so keepalived, and we, announce
            // again too, twice. One burst an interval is enough, however many adverts somebody sends.
            let announcements = self.settings.announcements.clone();
            self.outputs.push_back(Output::LowerPriority(heard));
            self.outputs.push_back(Output::Send { priority: ours });
            if active.asserted_at.is_some_and(|at| now < at + self.settings.interval.duration() / 2) {
                self.state = State::Active(readvertised);
            } else {
                self.outputs.push_back(Output::Announce { repeat: announcements.master.repeat });
                self.state = State::Active(Active {
                    announce_at: announcements.master.delay.map(|delay| now + delay),
                    asserted_at: Some(now),
                    ..readvertised
                });
            }
        }
    }

    fn advert_timer(&mut self, mut active: Active, now: Instant) {
        let interval = self.settings.interval.duration();
        if now >= active.advert_at {
            // Keep the beat, unless we slept through it.
            let next = active.advert_at + interval;
            active.advert_at = if next > now { next } else { now + interval };
            self.outputs.push_back(Output::Send { priority: self.settings.priority.value() });
        }
        if active.announce_at.is_some_and(|at| now >= at) {
            active.announce_at = None;
            self.outputs.push_back(Output::Announce { repeat: self.settings.announcements.master.repeat });
        }
        if active.refresh_at.is_some_and(|at| now >= at) {
            active.refresh_at = self.settings.refresh().map(|refresh| now + refresh);
            self.outputs.push_back(Output::Announce { repeat: self.settings.announcements.refresh_repeat });
        }
        self.state = State::Active(active);
    }

    /// New settings move the down timer by the difference that they make, so that a changed weight counts at once and
    /// waiting is not begun anew.
    fn configure_backup(&mut self, backup: Backup, settings: Settings) {
        let master_interval = match backup.master {
            Some(_) => settings.adopted_interval(backup.master_interval),
            None => settings.interval.duration(),
        };
        let before = self.settings.down_interval(backup.master_interval);
        let after = settings.down_interval(master_interval);
        let down_at = if after >= before {
            backup.down_at + (after - before)
        } else {
            backup.down_at.checked_sub(before - after).unwrap_or(backup.down_at)
        };
        self.settings = settings;
        self.state = State::Backup(Backup { down_at, master_interval, ..backup });
    }

    fn configure_active(&mut self, active: Active, settings: Settings, now: Instant) {
        let refresh_at = match settings.refresh() {
            Some(refresh) if self.settings.refresh() == Some(refresh) => active.refresh_at,
            Some(refresh) => Some(now + refresh),
            None => None,
        };
        let advert_at = active.advert_at.min(now + settings.interval.duration());
        self.settings = settings;
        self.state = State::Active(Active { advert_at, refresh_at, ..active });
    }
}

#[cfg(test)]
mod tests;
