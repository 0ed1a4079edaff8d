//! A server that returns gets little at first and all of its weight at the end of its service's `slow_start`, so that its
//! caches and pools can fill.
//!
//! The weight goes up in [`STEPS`] steps: each is one edit in the kernel, and none of them resets a connection. What the
//! weight is does not matter here: one that checks or the operator change meanwhile is scaled like any other. Where time is
//! counted from, and who begins, the engine says: a server that failed and is up again, and one that the operator brings
//! back; not one that is up when the daemon starts. And who pauses: a server that gets nothing warms nothing up.

use std::collections::BTreeMap;
use std::ops::Range;
use std::time::{Duration, Instant};

use crate::model::Weight;

/// Steps below the whole weight.
pub(super) const STEPS: u32 = 10;

/// The rise of one server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ramp {
    began_at: Instant,
    takes: Duration,
    /// From 0; the weight is `step + 1` parts of [`STEPS`] + 1.
    step: u32,
    /// It gets nothing since then, and has as much to rise afterwards.
    paused_at: Option<Instant>,
}

impl Ramp {
    fn new(takes: Duration, now: Instant) -> Self {
        Self { began_at: now, takes, step: 0, paused_at: None }
    }

    /// The part of a weight that counts now; 0 stays 0, and nothing else becomes 0.
    fn part(&self, weight: Weight) -> Weight {
        let part = (u64::from(weight.value()) * u64::from(self.step + 1)).div_ceil(u64::from(STEPS + 1));
        u32::try_from(part).ok().and_then(|part| Weight::new(part).ok()).unwrap_or(weight)
    }

    /// Takes the steps that are due; `None`: it is over.
    fn advance(self, now: Instant) -> Option<Self> {
        if self.paused_at.is_some() {
            return Some(self);
        }
        let gone = now.saturating_duration_since(self.began_at);
        if gone >= self.takes {
            return None;
        }
        let step = gone.as_nanos() * u128::from(STEPS) / self.takes.as_nanos().max(1);
        Some(Self { step: u32::try_from(step).unwrap_or(STEPS).min(STEPS - 1), ..self })
    }

    fn next(&self) -> Option<Instant> {
        // One nanosecond more than rounding can take away, lest the step be looked for before its time and not found.
        let at = self.began_at + self.takes * (self.step + 1) / STEPS + Duration::from_nanos(1);
        self.paused_at.is_none().then_some(at)
    }

    fn until(&self) -> Option<Instant> {
        self.paused_at.is_none().then(|| self.began_at + self.takes)
    }

    fn pause(&mut self, now: Instant) {
        self.paused_at.get_or_insert(now);
    }

    fn go_on(&mut self, now: Instant) {
        if let Some(paused_at) = self.paused_at.take() {
            self.began_at += now.saturating_duration_since(paused_at);
        }
    }
}

/// All that rise, by their places in the roster.
#[derive(Debug, Clone, Default)]
pub(super) struct Ramps {
    rising: BTreeMap<u32, Ramp>,
    /// Nothing is due before.
    next: Option<Instant>,
}

impl Ramps {
    /// A server returns.
    pub(super) fn begin(&mut self, server: u32, takes: Duration, now: Instant) {
        if !takes.is_zero() {
            self.put(server, Ramp::new(takes, now));
        }
    }

    /// It is gone again, or has what it had.
    pub(super) fn end(&mut self, server: u32) {
        self.rising.remove(&server);
    }

    /// One that was there before under another number, in a service that takes so long now.
    pub(super) fn carry(&mut self, server: u32, ramp: Ramp, takes: Duration) {
        if !takes.is_zero() {
            self.put(server, Ramp { takes, ..ramp });
        }
    }

    fn put(&mut self, server: u32, ramp: Ramp) {
        self.next = self.next.into_iter().chain(ramp.next()).min();
        self.rising.insert(server, ramp);
    }

    /// Of these servers those rise that are not set `aside` meanwhile.
    pub(super) fn pace(&mut self, servers: Range<u32>, aside: impl Fn(u32) -> bool, now: Instant) {
        for (server, ramp) in self.rising.range_mut(servers) {
            if aside(*server) {
                ramp.pause(now);
            } else {
                ramp.go_on(now);
                self.next = self.next.into_iter().chain(ramp.next()).min();
            }
        }
    }

    pub(super) fn of(&self, server: u32) -> Option<Ramp> {
        self.rising.get(&server).copied()
    }

    /// The part of a server's weight that counts now.
    pub(super) fn part(&self, server: u32, weight: Weight) -> Weight {
        self.rising.get(&server).map_or(weight, |ramp| ramp.part(weight))
    }

    /// When a server has its whole weight, if that can be said.
    pub(super) fn until(&self, server: u32) -> Option<Instant> {
        self.rising.get(&server).and_then(Ramp::until)
    }

    pub(super) fn next(&self) -> Option<Instant> {
        self.next
    }

    /// Takes the steps that are due. Returns the servers that have another part now.
    pub(super) fn advance(&mut self, now: Instant) -> Vec<u32> {
        if self.next.is_none_or(|next| next > now) {
            return Vec::new();
        }
        let mut changed = Vec::new();
        self.rising.retain(|server, ramp| match ramp.advance(now) {
            Some(later) => {
                if later.step != ramp.step {
                    changed.push(*server);
                }
                *ramp = later;
                true
            }
            None => {
                changed.push(*server);
                false
            }
        });
        self.next = self.rising.values().filter_map(Ramp::next).min();
        changed
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn weight(value: u32) -> Weight {
        Weight::new(value).unwrap()
    }

    #[test]
    fn the_weight_goes_up_in_steps() {
        let start = Instant::now();
        let mut ramps = Ramps::default();
        ramps.begin(7, Duration::from_secs(30), start);
        let mut seen = vec![ramps.part(7, weight(110)).value()];
        while let Some(at) = ramps.next() {
            assert_eq!(ramps.advance(at), [7], "each wake has its step");
            seen.push(ramps.part(7, weight(110)).value());
        }
        assert_eq!(seen, [10, 20, 30, 40, 50, 60, 70, 80, 90, 100, 110]);
        assert_eq!(ramps.part(8, weight(110)), weight(110), "another has all of its own");
    }

    #[test]
    fn one_that_is_set_aside_goes_on_where_it_was() {
        let (start, secs) = (Instant::now(), |secs| Duration::from_secs(secs));
        let mut ramps = Ramps::default();
        let parts = |ramps: &Ramps| [3, 4].map(|server| ramps.part(server, weight(110)).value());
        ramps.begin(3, secs(30), start);
        ramps.begin(4, secs(30), start);
        assert_eq!(ramps.advance(start + secs(10)), [3, 4]);
        // Said twice it is no other pause; and whoever is meant by nobody rises on.
        ramps.pace(0..4, |_| true, start + secs(10));
        ramps.pace(0..4, |_| true, start + secs(20));
        assert_eq!((ramps.until(3), ramps.until(4)), (None, Some(start + secs(30))));
        assert_eq!(ramps.advance(start + secs(100)), [4]);
        assert_eq!((parts(&ramps), ramps.next()), ([40, 110], None));
        let again = start + secs(110);
        ramps.pace(0..4, |_| false, again);
        assert_eq!(ramps.until(3), Some(again + secs(20)));
        assert_eq!(ramps.next(), Some(again + secs(2) + Duration::from_nanos(1)));
        assert_eq!(ramps.advance(again + secs(2)), [0; 0]);
        assert_eq!((ramps.advance(again + secs(3)), parts(&ramps)), (vec![3], [50, 110]));
        assert_eq!((ramps.advance(again + secs(20)), ramps.until(3)), (vec![3], None));
    }

    #[test]
    fn a_small_weight_is_not_lost() {
        let ramp = Ramp::new(Duration::from_secs(1), Instant::now());
        for (whole, part) in [(0, 0), (1, 1), (5, 1), (11, 1), (12, 2), (Weight::MAX.value(), 195_225_787)] {
            assert_eq!(ramp.part(weight(whole)), weight(part), "of {whole}");
        }
    }

    proptest! {
        /// Never more than the weight, never less than before, never 0 that is none; it ends in time, after few steps, and
        /// whoever sleeps until the next step finds one.
        #[test]
        fn it_rises_and_ends(
            value in 0..=Weight::MAX.value(),
            takes_nanos in 1..100_000_000_000_u64,
            naps in prop::collection::vec(0..20_000_000_000_u64, 0..40),
        ) {
            let start = Instant::now();
            let takes = Duration::from_nanos(takes_nanos);
            let mut ramps = Ramps::default();
            ramps.begin(0, takes, start);
            let (mut now, mut last, mut changes) = (start, ramps.part(0, weight(value)), 0);
            for nap in naps {
                now += Duration::from_nanos(nap);
                changes += ramps.advance(now).len();
                let part = ramps.part(0, weight(value));
                prop_assert!(part >= last && part <= weight(value) && (part.value() == 0) == (value == 0));
                if now >= start + takes + Duration::from_nanos(1) {
                    prop_assert_eq!(part, weight(value));
                }
                last = part;
            }
            while let Some(at) = ramps.next() {
                prop_assert!(at <= start + takes + Duration::from_nanos(1));
                let found = ramps.advance(at.max(now));
                prop_assert_eq!(found.len(), 1);
                changes += 1;
            }
            prop_assert!(changes <= STEPS as usize, "{} edits", changes);
            prop_assert_eq!(ramps.part(0, weight(value)), weight(value));
        }
    }
}
