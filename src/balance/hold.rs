//! Whether silence is to be believed: when nearly all servers fall silent at once, our own side is the suspect.
//!
//! ```text
//!             nearly all of the last ones fell silent            second looks say the same, or time is over
//!   Trusting ----------------------------------------> Holding -------------------------------------------> Believing
//!      ^  ^                                               |                                                    |
//!      |  '-----------------------------------------------' second looks are answered                          |
//!      '-------------------------------------------------------------------------------------------------------' a minute
//! ```
//!
//! Only silence is weighed. A server that refuses, resets, or answers with nonsense has proved that the way to it works, and
//! so does every success; such verdicts count at once, however many there are. A pulled cable, a switch that reboots or a
//! firewall rule of our own makes all servers silent together, and then to take them out would only cut connections that
//! come to life again with the cable.
//!
//! What counts is the order of news, not a span of time, so that a check each minute and a hundred in a second are weighed
//! alike: of the last `n` checks that either were answered or fell silent after they had been well, nearly all fell silent,
//! where `n` is the number of checks that are well, but 4 at least and 20 at most. One server cannot make a row by itself:
//! it falls silent once. At a start nothing shows yet that there is a way to anybody, and all silence is weighed so, until
//! somebody has answered: a daemon that starts before its network must not empty the table that it finds.
//!
//! Two or three that are well are too few for a row. There every one of them has to be silent before the first is condemned,
//! with no answer of anybody's in between, and they have to be on different hosts, lest the death of one with two ports make
//! clients wait. Of two servers one that dies is out as soon as ever.
//!
//! A verdict that is held costs a second look, half a second later at most. Four second looks are enough for all: where they
//! fail as well, all that is held counts at once, in one batch, and for a minute nothing is held again. Whatever happens, no
//! hold lasts longer than ten seconds: five thousand servers that truly died are out that much later, and not at all if they
//! refuse; where probes may take longer than that, they are out without a second look. Who would rather send clients to dead
//! servers than to none sets a floor ([`super::floor`]).
//!
//! A check that is held says what it said before, and so whatever comes next is weighed by itself: an answer counts at once,
//! good or bad, and a reload takes over nothing that nobody was told of. Only the end of the hold makes it say "down".

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::time::{Duration, Instant};

/// No hold lasts longer.
const LONGEST_HOLD: Duration = Duration::from_secs(10);
/// Silence that was confirmed is believed for this long.
const BELIEF: Duration = Duration::from_secs(60);
/// Fewer that fall silent make no row; and so many second looks are enough.
const ENOUGH: usize = 4;
/// All of so few have to be silent.
const FEW: usize = 2;
/// More need not be looked at.
const MOST: usize = 20;

/// What becomes of a verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ruling {
    /// It counts.
    Counts,
    /// It does not count yet: look again soon.
    LookAgain,
    /// The second look says the same; what it means is decided for all together.
    Waits,
}

/// What second looks have shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Finding {
    /// Nearly all are silent still: the silence is real, as far as can be told.
    Silent,
    /// Some are answered: who is silent at the second look is silent by itself.
    Answered,
    /// None has come to its end in time, and no longer is waited.
    None,
    /// There was none: nobody is left of those to be looked at.
    Moot,
}

/// How a hold ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct End {
    pub(super) finding: Finding,
    /// Checks whose verdicts count now.
    pub(super) checks: Vec<u32>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Look {
    Due,
    Silent,
}

#[derive(Debug, Clone)]
enum State {
    Trusting,
    /// Of those that are held so many were silent again; so many others were answered, and are not held any more.
    Holding {
        until: Instant,
        held: BTreeMap<u32, Look>,
        silent: usize,
        answered: usize,
    },
    Believing {
        until: Instant,
    },
}

/// The machine.
#[derive(Debug, Clone)]
pub(super) struct Hold {
    /// The last news, the youngest in the lowest bit; 1: a check that was well fell silent, 0: one was answered.
    news: u32,
    state: State,
}

impl Hold {
    pub(super) fn new() -> Self {
        Self { news: u32::MAX, state: State::Trusting }
    }

    /// Checks have other numbers from now on. What was held says again what it said before, and may be held again until the
    /// hold would have ended.
    pub(super) fn renumber(&mut self) {
        match &mut self.state {
            State::Holding { held, silent, answered, .. } => {
                held.clear();
                (*silent, *answered) = (0, 0);
            }
            State::Trusting | State::Believing { .. } => {}
        }
    }

    /// A check was answered, well or ill.
    pub(super) fn answered(&mut self, check: u32) {
        self.news <<= 1;
        match &mut self.state {
            State::Holding { held, silent, answered, .. } => {
                let look = held.remove(&check);
                *silent -= usize::from(look == Some(Look::Silent));
                *answered += usize::from(look.is_some());
            }
            State::Trusting | State::Believing { .. } => {}
        }
    }

    /// A check is in doubt no longer, which says nothing of the others: what it found out did not come over the network, or it
    /// is not made any more. Returns whether that is the end of the hold.
    pub(super) fn relieve(&mut self, check: u32) -> bool {
        let State::Holding { held, silent, answered, .. } = &mut self.state else { return false };
        let Some(look) = held.remove(&check) else { return false };
        *silent -= usize::from(look == Look::Silent);
        // It was the last one, and nothing was found out. Who falls silent now may be held as any other time.
        let over = held.is_empty() && *silent + *answered == 0;
        if over {
            self.state = State::Trusting;
        }
        over
    }

    /// A check that was well got no answer, for the first time.
    pub(super) fn fell_silent(&mut self) {
        self.news = self.news << 1 | 1;
    }

    /// A check says "down" out of silence. `well`: how many checks are well, this one still among them; `all_silent`: they are
    /// on several hosts, and the last that was heard of each is silence.
    pub(super) fn rule(&mut self, check: u32, well: usize, all_silent: impl FnOnce() -> bool, now: Instant) -> Ruling {
        let suspicious = match self.state {
            State::Believing { until } if now < until => false,
            State::Trusting | State::Believing { .. } => self.is_row(well) || (self.is_short_row(well) && all_silent()),
            State::Holding { .. } => true,
        };
        match &mut self.state {
            State::Believing { until } if now < *until => Ruling::Counts,
            State::Trusting | State::Believing { .. } if suspicious => {
                let held = BTreeMap::from([(check, Look::Due)]);
                self.state = State::Holding { until: now + LONGEST_HOLD, held, silent: 0, answered: 0 };
                Ruling::LookAgain
            }
            State::Trusting | State::Believing { .. } => {
                self.state = State::Trusting;
                Ruling::Counts
            }
            State::Holding { held, silent, .. } => match held.entry(check) {
                Entry::Occupied(mut there) => {
                    *silent += usize::from(there.insert(Look::Silent) == Look::Due);
                    Ruling::Waits
                }
                Entry::Vacant(free) => {
                    free.insert(Look::Due);
                    Ruling::LookAgain
                }
            },
        }
    }

    fn is_row(&self, well: usize) -> bool {
        let count = well.clamp(ENOUGH, MOST);
        self.silent_of(count) * 10 >= count * 9
    }

    fn is_short_row(&self, well: usize) -> bool {
        (FEW..ENOUGH).contains(&well) && self.silent_of(well) == well
    }

    /// How many of the last news, of so many, are silence.
    fn silent_of(&self, count: usize) -> usize {
        (0..count).filter(|place| self.news >> place & 1 == 1).count()
    }

    /// When [`Self::end`] is to be asked.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        match &self.state {
            State::Holding { until, .. } => Some(*until),
            State::Trusting | State::Believing { .. } => None,
        }
    }

    /// Verdicts are held, of so many checks.
    pub(super) fn holds(&self) -> Option<usize> {
        match &self.state {
            State::Holding { held, .. } => Some(held.len()),
            State::Trusting | State::Believing { .. } => None,
        }
    }

    /// Ends the hold if it is time.
    pub(super) fn end(&mut self, now: Instant) -> Option<End> {
        let silent_of_late = self.silent_of(FEW);
        let State::Holding { until, held, silent, answered } = &mut self.state else { return None };
        let (silent, looked) = (*silent, *silent + *answered);
        let enough = match looked {
            // A reload came in between: who is in doubt is held again, unless answers come instead.
            0 => held.is_empty() && silent_of_late == 0,
            _ => looked >= ENOUGH || silent == held.len(),
        };
        if !enough && now < *until {
            return None;
        }
        let finding = match looked {
            0 if held.is_empty() && silent_of_late < FEW => Finding::Answered,
            0 => Finding::None,
            _ if silent * 10 >= looked * 9 => Finding::Silent,
            _ => Finding::Answered,
        };
        let believed = finding != Finding::Answered;
        let all = std::mem::take(held).into_iter();
        let checks = all.filter(|(_, look)| believed || *look == Look::Silent).map(|(check, _)| check).collect();
        self.state = if believed { State::Believing { until: now + BELIEF } } else { State::Trusting };
        if !believed {
            self.news = 0;
        }
        Some(End { finding, checks })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: Duration = Duration::from_secs(1);

    /// Everybody has answered of late.
    fn proven() -> Hold {
        let mut hold = Hold::new();
        (0..32).for_each(|check| hold.answered(check));
        hold
    }

    /// It is not asked: the row says it, or there are too few.
    fn nobody() -> bool {
        panic!("that would cost a look at all checks")
    }

    /// `well` checks of which these fall silent one after the other, each with a verdict of its own.
    fn all_silent(hold: &mut Hold, well: u32, now: Instant) -> Vec<Ruling> {
        (0..well).for_each(|_| hold.fell_silent());
        (0..well).map(|check| hold.rule(check, (well - check) as usize, || true, now)).collect()
    }

    #[test]
    fn when_all_fall_silent_nothing_counts_before_a_second_look() {
        for well in [4, 5, 19, 20, 5000] {
            let (mut hold, now) = (Hold::new(), Instant::now());
            let rulings = all_silent(&mut hold, well, now);
            assert!(rulings.iter().all(|ruling| *ruling == Ruling::LookAgain), "{well}: {rulings:?}");
            assert_eq!(hold.holds(), Some(well as usize));
            assert_eq!(hold.end(now), None);
            assert_eq!(hold.poll_timeout(), Some(now + LONGEST_HOLD));
            for check in 0..3 {
                assert_eq!(hold.rule(check, 1, nobody, now + S), Ruling::Waits);
                assert_eq!(hold.end(now + S), None, "{check}: not enough to tell");
            }
            assert_eq!(hold.rule(3, 1, nobody, now + S), Ruling::Waits);
            let end = hold.end(now + S).unwrap();
            assert_eq!((end.finding, end.checks.len()), (Finding::Silent, well as usize), "all at once");
            assert_eq!(all_silent(&mut hold, 30, now + 2 * S), [Ruling::Counts; 30], "and no second time");
            assert_eq!(hold.end(now + 2 * S), None);
        }
    }

    #[test]
    fn before_anybody_has_answered_silence_is_weighed_from_the_first_on() {
        let (mut hold, now) = (Hold::new(), Instant::now());
        hold.fell_silent();
        assert_eq!(hold.rule(0, 0, nobody, now), Ruling::LookAgain);
        let mut hold = Hold::new();
        (0..3).for_each(|check| hold.answered(check));
        hold.fell_silent();
        assert_eq!(hold.rule(0, 3, nobody, now), Ruling::Counts);
    }

    #[test]
    fn one_makes_no_row() {
        assert_eq!(all_silent(&mut proven(), 1, Instant::now()), [Ruling::Counts]);
        for well in [2, 3, 100] {
            let mut hold = proven();
            hold.fell_silent();
            assert_eq!(hold.rule(0, well, nobody, Instant::now()), Ruling::Counts);
        }
    }

    #[test]
    fn all_of_two_or_three_make_one() {
        let now = Instant::now();
        for well in [2, 3] {
            assert_eq!(all_silent(&mut proven(), well, now)[0], Ruling::LookAgain, "{well}");
            let mut hold = proven();
            (0..well).for_each(|_| hold.fell_silent());
            assert_eq!(
                hold.rule(0, well as usize, || false, now),
                Ruling::Counts,
                "all on one host, or not all of them"
            );
            // Somebody else has answered in between.
            let mut hold = proven();
            hold.fell_silent();
            hold.answered(1000);
            (1..well).for_each(|_| hold.fell_silent());
            assert_eq!(hold.rule(0, well as usize, nobody, now), Ruling::Counts);
        }
    }

    #[test]
    fn what_is_held_may_be_held_again_after_a_reload_and_no_longer() {
        let (mut hold, now) = (Hold::new(), Instant::now());
        all_silent(&mut hold, 10, now);
        assert_eq!(hold.rule(7, 1, nobody, now + S), Ruling::Waits);
        hold.renumber();
        assert_eq!((hold.holds(), hold.end(now + S)), (Some(0), None));
        assert_eq!(hold.rule(3, 1, nobody, now + 2 * S), Ruling::LookAgain);
        assert_eq!(hold.end(now + LONGEST_HOLD), Some(End { finding: Finding::None, checks: vec![3] }));
        let mut hold = Hold::new();
        all_silent(&mut hold, 10, now);
        hold.renumber();
        hold.answered(0);
        assert_eq!(hold.end(now + S), None);
        hold.answered(1);
        assert_eq!(hold.end(now + S), Some(End { finding: Finding::Answered, checks: vec![] }));
    }

    #[test]
    fn a_hold_of_nobody_is_over() {
        let (mut hold, now) = (Hold::new(), Instant::now());
        all_silent(&mut hold, 5, now);
        assert_eq!(hold.rule(2, 1, nobody, now + S), Ruling::Waits);
        assert_eq!([0, 1, 2, 3, 3, 7].map(|check| hold.relieve(check)), [false; 6]);
        assert!(hold.relieve(4) && !hold.relieve(4));
        assert_eq!((hold.holds(), hold.end(now + LONGEST_HOLD)), (None, None));
        assert_eq!(all_silent(&mut hold, 5, now + S)[0], Ruling::LookAgain, "nothing is believed for it");
        // Where somebody was answered, that is what it has shown.
        hold.answered(0);
        assert_eq!([1, 2, 3, 4].map(|check| hold.relieve(check)), [false; 4]);
        assert_eq!(hold.end(now + S), Some(End { finding: Finding::Answered, checks: vec![] }));
    }

    #[test]
    fn who_answers_in_between_proves_the_way() {
        let (mut hold, now) = (Hold::new(), Instant::now());
        for check in 0..100 {
            hold.fell_silent();
            if check % 3 == 0 {
                hold.answered(1000);
            }
        }
        assert_eq!(hold.rule(0, 100, nobody, now), Ruling::Counts, "a third still answers");
        // One of twenty is still "nearly all".
        let mut hold = proven();
        (0..10).for_each(|_| hold.fell_silent());
        hold.answered(1000);
        (0..9).for_each(|_| hold.fell_silent());
        assert_eq!(hold.rule(0, 100, nobody, now), Ruling::LookAgain);
    }

    #[test]
    fn answers_at_the_second_look_end_it_and_only_the_silent_ones_count() {
        let (mut hold, now) = (Hold::new(), Instant::now());
        all_silent(&mut hold, 10, now);
        hold.rule(7, 1, nobody, now + S);
        for check in 0..3 {
            assert_eq!(hold.end(now + S), None);
            hold.answered(check);
        }
        assert_eq!(hold.end(now + S), Some(End { finding: Finding::Answered, checks: vec![7] }));
        // Those that were not looked at again speak for themselves from now on.
        assert_eq!(hold.rule(8, 5, nobody, now + 2 * S), Ruling::Counts);
    }

    #[test]
    fn no_hold_lasts_for_ever() {
        let (mut hold, now) = (Hold::new(), Instant::now());
        all_silent(&mut hold, 10, now);
        assert_eq!(hold.end(now + LONGEST_HOLD - Duration::from_millis(1)), None);
        let end = hold.end(now + LONGEST_HOLD).unwrap();
        assert_eq!((end.finding, end.checks.len()), (Finding::None, 10), "whose second looks take long");
        assert_eq!(hold.poll_timeout(), None);
        // After a minute of belief it may begin again.
        let later = now + LONGEST_HOLD + BELIEF;
        assert_eq!(all_silent(&mut hold, 10, later)[0], Ruling::LookAgain);
    }

    #[test]
    fn all_that_is_held_is_settled_by_its_own_second_looks_if_it_is_little() {
        let (mut hold, now) = (Hold::new(), Instant::now());
        (0..4).for_each(|_| hold.fell_silent());
        assert_eq!(hold.rule(0, 4, nobody, now), Ruling::LookAgain);
        assert_eq!(hold.rule(0, 4, nobody, now + S), Ruling::Waits);
        assert_eq!(hold.end(now + S), Some(End { finding: Finding::Silent, checks: vec![0] }));
    }
}
