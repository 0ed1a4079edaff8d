//! One address of ours that somebody else claims: when to answer, and when it is over.
//!
//! RFC 5227 section 2.4 has a host that cannot do without its address defend it by an announcement, and not more often than
//! once in ten seconds, lest two such hosts fill the segment with their quarrel. NetworkManager's n-acd does exactly that and
//! lets what comes meanwhile pass; networkd's gives the address up at the second claim. A virtual address is worth more: each
//! claim sends clients to the wrong host until the next announcement. So the first claim is answered within the blink of an eye,
//! the next ones after a second, two seconds, four and so on up to the RFC's ten; and what was claimed meanwhile is answered
//! when the time has come, so that the last word is always ours. It is said twice, since a frame may be lost.
//!
//! The blink is for those who are about to take over by right: their advert goes before their announcements, but may come
//! another way, and be heard after them. An answer to them would lead clients back to us when we are no longer there.

use std::time::{Duration, Instant};

use crate::wire::claim::Mac;

/// Before the first answer: an advert that was sent before the claim is heard in this time.
const GRACE: Duration = Duration::from_millis(50);
/// From the first answer to the second.
const SHORTEST_GAP: Duration = Duration::from_secs(1);
/// `DEFEND_INTERVAL` of RFC 5227.
const LONGEST_GAP: Duration = Duration::from_secs(10);
/// `ANNOUNCE_NUM` of RFC 5227: answers after the last claim.
const ANSWERS: u8 = 2;
/// Without a claim for so long, it is over. Longer than any gap: what is owed is said before.
const SILENCE: Duration = Duration::from_secs(20);

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::vrrp::engine) enum Step {
    /// Announce the address.
    Answer,
    /// Nobody claims it any more.
    Over,
}

/// An address that somebody else claims.
#[derive(Debug, Clone)]
pub(in crate::vrrp::engine) struct Defence {
    /// Who did last.
    pub(in crate::vrrp::engine) by: Mac,
    /// The first claim.
    pub(in crate::vrrp::engine) began_at: Instant,
    /// The last one.
    pub(in crate::vrrp::engine) heard_at: Instant,
    /// Claims that were seen; of a flood not all are.
    pub(in crate::vrrp::engine) claims: u64,
    /// People were told of it; or it was left out, because there were so many. `None`: neither yet.
    pub(in crate::vrrp::engine) told: Option<bool>,
    /// Answers still to be given.
    owed: u8,
    /// When one may be given.
    free_at: Instant,
    /// From the next answer to the one after it.
    gap: Duration,
}

impl Defence {
    /// The first claim.
    pub(in crate::vrrp::engine) fn new(by: Mac, now: Instant) -> Self {
        let (owed, gap) = (ANSWERS, SHORTEST_GAP);
        Self { by, began_at: now, heard_at: now, claims: 1, told: None, owed, free_at: now + GRACE, gap }
    }

    /// Another claim.
    pub(in crate::vrrp::engine) const fn claim(&mut self, by: Mac, now: Instant) {
        self.by = by;
        self.heard_at = now;
        self.claims = self.claims.saturating_add(1);
        self.owed = ANSWERS;
    }

    /// When [`turn`](Self::turn) has something to say.
    pub(in crate::vrrp::engine) fn poll_timeout(&self) -> Instant {
        if self.owed > 0 { self.free_at } else { self.heard_at + SILENCE }
    }

    /// What is due.
    pub(in crate::vrrp::engine) fn turn(&mut self, now: Instant) -> Option<Step> {
        if now < self.poll_timeout() {
            return None;
        }
        let Some(owed) = self.owed.checked_sub(1) else { return Some(Step::Over) };
        self.owed = owed;
        self.free_at = now + self.gap;
        self.gap = (self.gap * 2).min(LONGEST_GAP);
        Some(Step::Answer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RIVAL: Mac = Mac([2, 0, 0, 0, 0, 9]);

    /// Claims at these milliseconds after the first: when answers are given, and when it is over.
    fn timeline(claims: impl IntoIterator<Item = u64>) -> (Vec<u128>, u128) {
        let start = Instant::now();
        let mut defence = Defence::new(RIVAL, start);
        let mut claims: Vec<Instant> = claims.into_iter().map(|at| start + Duration::from_millis(at)).collect();
        claims.reverse();
        let mut answers = Vec::new();
        let mut now = start;
        loop {
            let due = defence.poll_timeout().max(now);
            if let Some(at) = claims.pop_if(|at| *at <= due) {
                defence.claim(RIVAL, at);
                now = now.max(at);
                continue;
            }
            now = due;
            match defence.turn(due) {
                Some(Step::Answer) => answers.push((due - start).as_millis()),
                Some(Step::Over) => return (answers, (due - start).as_millis()),
                None => panic!("nothing was due"),
            }
        }
    }

    #[test]
    fn a_single_claim_is_answered_in_a_blink_and_again() {
        assert_eq!(timeline([]), (vec![50, 1050], 20_000));
    }

    #[test]
    fn a_claim_after_the_answers_is_answered_when_the_gap_is_over() {
        assert_eq!(timeline([500]), (vec![50, 1050, 3050], 20_500));
        assert_eq!(timeline([2000]), (vec![50, 1050, 3050, 7050], 22_000));
        assert_eq!(timeline([15_000]), (vec![50, 1050, 15_000, 19_000], 35_000));
    }

    #[test]
    fn who_does_not_stop_is_answered_ever_more_slowly_but_never_forgotten() {
        let (answers, over) = timeline((1..=600).map(|at| at * 100));
        assert_eq!(answers, [50, 1050, 3050, 7050, 15_050, 25_050, 35_050, 45_050, 55_050, 65_050, 75_050]);
        // The last words are ours: after 60 s there were no more claims.
        assert_eq!(over, 80_000);
    }

    #[test]
    fn a_flood_costs_no_more() {
        let (answers, _) = timeline((0..100_000).map(|at| at / 100));
        assert_eq!(answers, [50, 1050, 3050]);
    }

    #[test]
    fn nothing_is_due_before_its_time() {
        let start = Instant::now();
        let mut defence = Defence::new(RIVAL, start);
        assert_eq!(defence.turn(start + Duration::from_millis(49)), None);
        assert_eq!(defence.turn(start + Duration::from_millis(50)), Some(Step::Answer));
        assert_eq!(defence.turn(start + Duration::from_millis(1049)), None);
        defence.claim(Mac([2, 0, 0, 0, 0, 10]), start + Duration::from_millis(1049));
        assert_eq!((defence.claims, defence.by), (2, Mac([2, 0, 0, 0, 0, 10])));
    }
}
