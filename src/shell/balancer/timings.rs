//! How long things take, counted by size: small numbers one by one, larger ones in eighths of the next power of two.

use std::time::Duration;

use crate::api::TimingsView;

/// Sizes to a power of two.
const PARTS: u64 = 8;
/// Up to this many microseconds each has a size of its own.
const SINGLE: u64 = 2 * PARTS;

/// Counts of durations.
#[derive(Debug, Default)]
pub(super) struct Timings {
    /// Grows up to the longest that there was: some 250 sizes reach to an hour.
    counts: Vec<u64>,
}

impl Timings {
    pub(super) fn record(&mut self, took: Duration) {
        let at = place(u64::try_from(took.as_micros()).unwrap_or(u64::MAX));
        if self.counts.len() <= at {
            self.counts.resize(at + 1, 0);
        }
        if let Some(count) = self.counts.get_mut(at) {
            *count += 1;
        }
    }

    pub(super) fn view(&self) -> TimingsView {
        let all = self.counts.iter().enumerate().filter(|(_, count)| **count > 0);
        TimingsView { sizes: all.map(|(at, count)| (largest(at), *count)).collect() }
    }
}

fn place(micros: u64) -> usize {
    let place = match micros {
        0..SINGLE => micros,
        _ => {
            let power = u64::from(micros.ilog2());
            // The bits below the highest one.
            let part = (micros >> (power - 3)) - PARTS;
            SINGLE + (power - 4) * PARTS + part
        }
    };
    usize::try_from(place).unwrap_or(usize::MAX)
}

/// The largest that has this place.
fn largest(place: usize) -> u64 {
    let place = place as u64;
    match place.checked_sub(SINGLE) {
        None => place,
        Some(beyond) => {
            let (power, part) = (beyond / PARTS + 4, beyond % PARTS + PARTS);
            // The last of all ends where the numbers do.
            ((u128::from(part) + 1) << (power - 3)).saturating_sub(1).try_into().unwrap_or(u64::MAX)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_duration_has_the_first_size_that_holds_it_and_none_is_an_eighth_too_large() {
        let around = |at: u64| [at.saturating_sub(1), at, at.saturating_add(1)];
        let powers = (0..64).flat_map(|power| around(1_u64 << power));
        for micros in (0..5000).chain(powers).chain([u64::MAX]) {
            let at = place(micros);
            assert!(at < 1000, "{micros}");
            assert!(micros <= largest(at), "{micros}: {}", largest(at));
            assert!(at == 0 || largest(at - 1) < micros, "{micros}");
            assert!(largest(at) - micros <= micros / 8, "{micros}: {}", largest(at));
        }
    }

    #[test]
    fn what_was_recorded_is_shown() {
        let mut timings = Timings::default();
        assert_eq!(timings.view(), TimingsView::default());
        for micros in [7, 7, 100, 1_000_000] {
            timings.record(Duration::from_micros(micros));
        }
        assert_eq!(timings.view().sizes, [(7, 2), (103, 1), (1_048_575, 1)]);
    }
}
