//! Listening (RFC 9568 section 6.4.2).

use std::time::{Duration, Instant};

use super::{Backup, Heard, Machine, Output, Settings, State};
use crate::model::Priority;
use crate::vrrp::reason::Reason;

impl Machine {
    /// All that it needs is there: it listens, or starts later, or is active at once as the owner of the addresses.
    pub(super) fn start(&mut self, reason: Reason, now: Instant) {
        self.gave_up_ownership = false;
        if let Some(at) = self.settings.not_before.filter(|at| now < *at) {
            self.initialize(Some(at), Reason::StartupDelay, now);
            return;
        }
        let interval = self.settings.interval.duration();
        let owner = self.settings.priority == Priority::OWNER && self.settings.ready_to_lead;
        if owner && !self.settings.grouped {
            self.become_active(Reason::Owner, now);
        } else {
            let wait = if owner {
                // Only the other members are waited for.
                Duration::ZERO
            } else if self.settings.eager && reason == Reason::Started {
                self.settings.eager_wait()
            } else {
                self.settings.down_interval(self.priority(), interval)
            };
            self.become_backup(interval, None, reason, now);
            if let State::Backup(backup) = &mut self.state {
                backup.down_at = now + wait;
            }
        }
    }

    pub(super) fn become_backup(
        &mut self,
        master_interval: Duration,
        master: Option<Heard>,
        reason: Reason,
        now: Instant,
    ) {
        let backup = Backup {
            down_at: now + self.settings.down_interval(self.priority(), master_interval),
            master_interval,
            master,
            heard_at: master.map(|_| now),
            follows: master.is_some(),
            preempt_at: None,
            expired: false,
        };
        self.enter(State::Backup(backup), reason, now);
    }

    /// An advert in Backup. A router of lower priority does not reset the timer, so that we take over from it when the
    /// timer runs out; unless we must not (`nopreempt`, checks that have not succeeded yet), or not yet (`preempt_delay`),
    /// when anybody's advert will do.
    pub(super) fn listen(&mut self, mut backup: Backup, heard: Heard, now: Instant) {
        if self.settings.is_deaf() {
            return;
        }
        backup.master = Some(heard);
        backup.heard_at = Some(now);
        if heard.priority == 0 {
            // Never later than it would have been anyhow: whoever repeats this does not hold us off.
            let skew = self.settings.skew(self.priority(), backup.master_interval);
            backup.down_at = backup.down_at.min(now + skew);
            backup.follows = false;
            backup.expired = false;
        } else {
            let lower = heard.priority < self.priority().value();
            let delay = self.settings.election.preempt_delay;
            if !lower {
                backup.preempt_at = None;
            } else if !delay.is_zero() {
                backup.preempt_at = backup.preempt_at.or(Some(now + delay));
            }
            let not_yet = backup.preempt_at.is_some_and(|at| now < at);
            backup.follows = !lower || !self.settings.may_preempt() || not_yet;
            if backup.follows {
                backup.master_interval = self.settings.adopted_interval(heard.interval);
                backup.down_at = now + self.settings.down_interval(self.priority(), backup.master_interval);
                backup.expired = false;
            }
        }
        self.state = State::Backup(backup);
    }

    pub(super) fn down_timer(&mut self, backup: Backup, now: Instant) {
        if now < backup.down_at {
            return;
        }
        let wait = self.settings.down_interval(self.priority(), backup.master_interval);
        let late = now.saturating_duration_since(backup.down_at);
        if late > wait {
            // Whoever slept through a whole down interval has not heard silence: it has not listened.
            self.state = State::Backup(Backup { down_at: now + wait, expired: false, ..backup });
            self.outputs.push_back(Output::Overslept { late });
        } else if self.settings.grouped {
            // As keepalived does: the others get an interval more to come to the same view, then it is asked again.
            let again = self.settings.adopted_interval(backup.master_interval)
                + self.settings.skew(self.priority(), backup.master_interval);
            self.state = State::Backup(Backup { down_at: now + again, follows: false, expired: true, ..backup });
            self.outputs.push_back(Output::Expired);
        } else {
            // Where another owner was yielded to, it is gone.
            let reason = self.settings.silence(self.priority(), &backup);
            self.gave_up_ownership = false;
            self.become_active(reason, now);
        }
    }

    /// New settings move the down timer by the difference that they make, so that a changed weight counts at once and
    /// waiting is not begun anew.
    pub(super) fn configure_backup(&mut self, backup: Backup, settings: Settings) {
        let master_interval = match backup.master {
            Some(_) => settings.adopted_interval(backup.master_interval),
            None => settings.interval.duration(),
        };
        let before = self.settings.down_interval(self.priority(), backup.master_interval);
        let same_delay = self.settings.election.preempt_delay == settings.election.preempt_delay;
        self.take(settings);
        let after = self.settings.down_interval(self.priority(), master_interval);
        let down_at = if after >= before {
            backup.down_at + (after - before)
        } else {
            backup.down_at.checked_sub(before - after).unwrap_or(backup.down_at)
        };
        let preempt_at = backup.preempt_at.filter(|_| same_delay);
        self.state = State::Backup(Backup { down_at, master_interval, preempt_at, ..backup });
    }
}
