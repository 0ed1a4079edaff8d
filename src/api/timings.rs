//! How long something took, many times over: counts by size, so that a million times cost no more room than ten, and what
//! happened between two looks is the difference of two views.

use serde::{Deserialize, Serialize};

/// Counts of durations. Two neighbouring sizes differ by an eighth at most.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct TimingsView {
    /// Microseconds that were not exceeded, and how many took so long but longer than the size before; sizes that nothing had
    /// are left out.
    pub sizes: Vec<(u64, u64)>,
}

impl TimingsView {
    /// How many there are.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.sizes.iter().map(|(_, count)| count).sum()
    }

    /// Microseconds that so many parts in a thousand did not exceed (990: p99), up to an eighth too many. `None`: there are none.
    #[must_use]
    pub fn per_mille(&self, part: u64) -> Option<u64> {
        let rank = (self.count() * part).div_ceil(1000).max(1);
        let mut seen = 0;
        self.sizes.iter().find_map(|(micros, count)| {
            seen += count;
            (seen >= rank).then_some(*micros)
        })
    }

    /// What came after `before`, an earlier view of the same counts.
    #[must_use]
    pub fn since(&self, before: &Self) -> Self {
        let counted = |micros| before.sizes.iter().find(|(size, _)| *size == micros).map_or(0, |(_, count)| *count);
        let sizes = self.sizes.iter().map(|(micros, count)| (*micros, count.saturating_sub(counted(*micros))));
        Self { sizes: sizes.filter(|(_, count)| *count > 0).collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_are_those_of_the_sorted_durations() {
        let view = TimingsView { sizes: vec![(10, 980), (20, 10), (3000, 9), (90_000, 1)] };
        assert_eq!(view.count(), 1000);
        let ranks = [0, 500, 980, 981, 990, 991, 999, 1000].map(|part| view.per_mille(part));
        assert_eq!(ranks, [10, 10, 10, 20, 20, 3000, 3000, 90_000].map(Some));
        assert_eq!(TimingsView::default().per_mille(990), None);
    }

    #[test]
    fn what_happened_in_between_is_the_difference() {
        let before = TimingsView { sizes: vec![(10, 5), (20, 1)] };
        let after = TimingsView { sizes: vec![(10, 7), (20, 1), (30, 2)] };
        assert_eq!(after.since(&before).sizes, [(10, 2), (30, 2)]);
        assert_eq!(after.since(&TimingsView::default()), after);
    }
}
