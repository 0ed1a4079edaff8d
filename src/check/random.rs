//! Jitter: splitmix64 (Steele, Lea, Flood 2014). The seed is handed in, so that a test sees the same dice every time.

use std::time::Duration;

/// Dice that fall as their seed wills.
#[derive(Debug, Clone)]
pub struct Random(u64);

impl Random {
    /// Dice that start from here.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next 64 bits.
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A moment within `span`.
    pub fn within(&mut self, span: Duration) -> Duration {
        let micros = u64::try_from(span.as_micros()).unwrap_or(u64::MAX);
        Duration::from_micros(self.bits().checked_rem(micros).unwrap_or(0))
    }

    /// A time that differs from `span` by at most so many parts in a hundred of it, to either side.
    pub fn about(&mut self, span: Duration, percent: u8) -> Duration {
        if percent == 0 {
            return span;
        }
        let most = (span / 100).saturating_mul(u32::from(percent.min(100)));
        span.saturating_sub(most).saturating_add(self.within(most.saturating_mul(2)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_lie_within_and_are_spread() {
        let mut random = Random::new(7);
        let span = Duration::from_secs(1);
        let moments: Vec<_> = (0..1000).map(|_| random.within(span)).collect();
        assert!(moments.iter().all(|moment| *moment < span));
        let early = moments.iter().filter(|moment| **moment < span / 2).count();
        assert!((400..600).contains(&early), "{early} of 1000 in the first half");
        assert_eq!(random.within(Duration::ZERO), Duration::ZERO);
    }

    #[test]
    fn scattered_times_lie_on_both_sides_and_no_farther_than_asked() {
        let mut random = Random::new(7);
        let span = Duration::from_secs(10);
        let times: Vec<_> = (0..1000).map(|_| random.about(span, 20)).collect();
        assert!(times.iter().all(|time| (8.0..12.0).contains(&time.as_secs_f64())));
        let short = times.iter().filter(|time| **time < span).count();
        assert!((400..600).contains(&short), "{short} of 1000 are shorter");
        assert_eq!(random.about(span, 0), span);
        assert_eq!(random.about(Duration::ZERO, 50), Duration::ZERO);
        assert!(random.about(Duration::MAX, 100) <= Duration::MAX);
    }
}
