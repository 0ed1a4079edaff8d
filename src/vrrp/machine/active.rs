//! Owner of the addresses (RFC 9568 section 6.4.3).

use std::time::{Duration, Instant};

use super::settings::skew;
use super::{Active, Contest, Heard, Machine, Output, SecondBurst, Settings, State};
use crate::model::{Burst, Priority};
use crate::vrrp::reason::Reason;

/// An owner of the addresses that hears another one sends this many adverts before it counts the time.
const CONTEST_ADVERTS: u8 = 2;
/// Answers to adverts are no closer together, whatever somebody sends.
const SHORTEST_ANSWER_GAP: Duration = Duration::from_millis(1);

impl Machine {
    /// Says that we leave, and lets the addresses go.
    pub(super) fn resign(&mut self) {
        self.outputs.push_back(Output::Send { priority: 0 });
        self.outputs.push_back(Output::RemoveAddresses);
    }

    /// The advert leaves first, so that other backups fall silent before anything slower is done.
    pub(super) fn become_active(&mut self, reason: Reason, now: Instant) {
        let burst = self.settings.announcements.master;
        self.outputs.push_back(Output::Send { priority: self.priority().value() });
        self.outputs.push_back(Output::AddAddresses);
        self.outputs.push_back(Output::Announce { repeat: burst.repeat });
        let active = Active {
            advert_at: now + self.settings.interval.duration(),
            sent_at: now,
            second_burst: second(burst, now),
            refresh_at: self.settings.refresh().map(|refresh| now + refresh),
            extra_at: self.settings.extra().map(|extra| now + extra),
            asserted_at: None,
            contest: None,
        };
        self.enter(State::Active(active), reason, now);
    }

    /// An advert while we are active.
    pub(super) fn contend(&mut self, active: Active, heard: Heard, now: Instant) {
        // One of our own that came back decides nothing. The receiver drops and counts them.
        if self.settings.is_deaf() || heard.source == self.settings.source {
            return;
        }
        if let Some(late) = self.overslept(&active, now) {
            self.fall_back(late, now);
            if let State::Backup(backup) = self.state {
                self.listen(backup, heard, now);
            }
            return;
        }
        let ours = self.priority().value();
        if heard.priority == 0 {
            // (705): answer at once, so that other backups do not take over.
            self.answer(active, now);
        } else if heard.priority > ours || (heard.priority == ours && heard.source > self.settings.source) {
            // (725): no priority 0 from here; the other one is active already. It may not know that we were: each of two that
            // meet again may be the first to speak, and who falls silent at the first word was never heard. Not so between
            // owners: keepalived 2.2.7 gives its ownership up at the first advert of another one.
            if self.settings.election.higher_priority_send_advert && ours != Priority::OWNER.value() {
                self.outputs.push_back(Output::Send { priority: ours });
            }
            self.give_way(heard, Reason::Outbid { by: heard.source, theirs: heard.priority, ours }, now);
        } else if ours == Priority::OWNER.value() && heard.priority == ours {
            self.contest(active, heard, now);
        } else {
            // (760): assert ourselves at once. An advert that crossed ours on the way says nothing about who hears whom; nor
            // do those that a socket kept while we were held up: the first is answered, and the rest follow at once. Nor does
            // the last one of a rival that hears us again and yields. All of them say that there were two of us.
            let crossed = now < self.next_answer(&active);
            self.outputs.push_back(Output::LowerPriority { heard, crossed });
            if !self.settings.election.lower_priority_no_advert {
                self.answer(active, now);
            }
            self.assert(now);
        }
    }

    /// Another router is active from here on.
    fn give_way(&mut self, heard: Heard, reason: Reason, now: Instant) {
        self.outputs.push_back(Output::RemoveAddresses);
        let interval = self.settings.adopted_interval(heard.interval);
        self.become_backup(interval, Some(heard), reason, now);
    }

    /// Two routers say that the addresses are theirs, and the other's address is the lower one: it is to yield. Where it
    /// does not, because it does not hear us, two that answer for one address are worse than the wrong one.
    ///
    /// As newer versions of keepalived do. 2.2.7 was seen to fall to 254 at the first such advert, whoever has the higher
    /// address; beside it we stay.
    fn contest(&mut self, active: Active, heard: Heard, now: Instant) {
        let patience = self.settings.interval.duration().max(heard.interval) * 6 / 5;
        let over_at = now + patience * 2;
        match active.contest.filter(|contest| now < contest.over_at) {
            Some(Contest { judged_at: Some(at), .. }) if now >= at => {
                self.gave_up_ownership = true;
                let reason = Reason::OwnerConflict { by: heard.source };
                self.give_way(heard, reason, now);
            }
            Some(contest) => {
                self.state = State::Active(Active { contest: Some(Contest { over_at, ..contest }), ..active });
                self.assert(now);
            }
            None => {
                self.outputs.push_back(Output::OwnerConflict(heard));
                let contest = Contest { adverts_left: CONTEST_ADVERTS, patience, judged_at: None, over_at };
                self.answer(Active { contest: Some(contest), ..active }, now);
                self.assert(now);
            }
        }
    }

    /// Sends an advert out of turn. A backup that is told of a leaving master waits for a skew at least, which is no shorter
    /// than a 256th part of an interval; one answer in that time serves all.
    fn answer(&mut self, active: Active, now: Instant) {
        let next = self.next_answer(&active);
        if now < next {
            self.state = State::Active(Active { advert_at: active.advert_at.min(next), ..active });
        } else {
            self.advertise(active, now + self.settings.interval.duration(), now);
        }
    }

    /// When an answer may leave.
    fn next_answer(&self, active: &Active) -> Instant {
        let unit = self.settings.interval.duration().min(Duration::from_secs(1));
        active.sent_at + (unit / 256).max(SHORTEST_ANSWER_GAP)
    }

    /// Sends an advert, and counts it where that matters.
    fn advertise(&mut self, mut active: Active, next: Instant, now: Instant) {
        self.outputs.push_back(Output::Send { priority: self.priority().value() });
        active.advert_at = next;
        active.sent_at = now;
        if let Some(contest) = &mut active.contest
            && contest.adverts_left > 0
        {
            contest.adverts_left -= 1;
            if contest.adverts_left == 0 {
                contest.judged_at = Some(now + contest.patience);
            }
        }
        self.state = State::Active(active);
    }

    /// Announces because somebody else is active too: switches may have learnt the other's port, and neighbours its
    /// hardware address. So keepalived, and we, announce again, twice; and as long as the other is heard. One burst an
    /// interval is enough, however many adverts somebody sends.
    fn assert(&mut self, now: Instant) {
        let State::Active(active) = self.state else { return };
        let burst = self.settings.announcements.lower_priority;
        let recently = active.asserted_at.is_some_and(|at| now < at + self.settings.interval.duration() / 2);
        if recently || burst.repeat == 0 {
            return;
        }
        self.outputs.push_back(Output::Announce { repeat: burst.repeat });
        let second_burst = second(burst, now).or(active.second_burst);
        self.state = State::Active(Active { second_burst, asserted_at: Some(now), ..active });
    }

    /// How late our advert is, if it is so late that `timer_expired_backup` counts: a router of the priority that it names
    /// has waited for us long enough, and has taken over.
    fn overslept(&self, active: &Active, now: Instant) -> Option<Duration> {
        let highest_other = self.settings.election.timer_expired_backup?;
        let interval = self.settings.interval.duration();
        let patience = interval * u32::from(self.settings.election.down_timer_adverts.max(1))
            + skew(self.settings.version, highest_other, interval);
        (now > active.sent_at + patience).then(|| now.saturating_duration_since(active.advert_at))
    }

    fn fall_back(&mut self, late: Duration, now: Instant) {
        self.outputs.push_back(Output::RemoveAddresses);
        self.become_backup(self.settings.interval.duration(), None, Reason::Overslept { late }, now);
    }

    pub(super) fn advert_timer(&mut self, active: Active, now: Instant) {
        if let Some(late) = self.overslept(&active, now) {
            self.fall_back(late, now);
            return;
        }
        if now >= active.advert_at {
            // Keep the beat, unless we slept through it.
            let interval = self.settings.interval.duration();
            let next = active.advert_at + interval;
            self.advertise(active, if next > now { next } else { now + interval }, now);
        }
        let State::Active(mut active) = self.state else { return };
        if let Some(burst) = active.second_burst.filter(|burst| now >= burst.at) {
            active.second_burst = None;
            self.outputs.push_back(Output::Announce { repeat: burst.repeat });
        }
        if active.refresh_at.is_some_and(|at| now >= at) {
            active.refresh_at = self.settings.refresh().map(|refresh| now + refresh);
            self.outputs.push_back(Output::Announce { repeat: self.settings.announcements.refresh_repeat });
        }
        if active.extra_at.is_some_and(|at| now >= at) {
            active.extra_at = self.settings.extra().map(|extra| now + extra);
            self.outputs.push_back(Output::AnnounceExtra);
        }
        self.state = State::Active(active);
    }

    pub(super) fn configure_active(&mut self, active: Active, settings: Settings, now: Instant) {
        let again = |before: Option<Duration>, after: Option<Duration>, at| match after {
            Some(_) if before == after => at,
            Some(interval) => Some(now + interval),
            None => None,
        };
        let refresh_at = again(self.settings.refresh(), settings.refresh(), active.refresh_at);
        let extra_at = again(self.settings.extra(), settings.extra(), active.extra_at);
        let advert_at = active.advert_at.min(now + settings.interval.duration());
        let contest = active.contest.filter(|_| self.settings.priority == settings.priority);
        self.take(settings);
        self.state = State::Active(Active { advert_at, refresh_at, extra_at, contest, ..active });
    }
}

/// The second burst, where there is to be one.
fn second(burst: Burst, now: Instant) -> Option<SecondBurst> {
    burst.delay.filter(|delay| !delay.is_zero()).map(|delay| SecondBurst { at: now + delay, repeat: burst.repeat })
}
