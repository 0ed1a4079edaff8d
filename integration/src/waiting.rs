//! Waiting on conditions.
//!
//! A sleep in a test is a bet on the speed of the machine. Everything here polls a
//! condition instead, ends at once when it holds, and says what it last saw when time
//! is up.

use std::fmt::Display;
use std::thread;
use std::time::{Duration, Instant};

/// The shortest pause between two looks; it grows to [`LONGEST_PAUSE`].
const SHORTEST_PAUSE: Duration = Duration::from_millis(1);
/// The longest pause between two looks.
const LONGEST_PAUSE: Duration = Duration::from_millis(20);

/// Waits until `condition` holds, and returns how long that took.
///
/// # Panics
///
/// When it does not hold within `limit`; the message names `what`.
#[track_caller]
pub fn wait_until(limit: Duration, what: &str, mut condition: impl FnMut() -> bool) -> Duration {
    let started = Instant::now();
    wait_for(limit, what, || condition().then_some(()).ok_or("the condition does not hold"));
    started.elapsed()
}

/// Waits until `attempt` succeeds, and returns its value. An `Err` is the state that
/// was observed instead, in words.
///
/// # Panics
///
/// When there is no success within `limit`; the message names `what` and the last
/// observed state.
#[track_caller]
pub fn wait_for<T, E: Display>(limit: Duration, what: &str, mut attempt: impl FnMut() -> Result<T, E>) -> T {
    let started = Instant::now();
    let mut pause = SHORTEST_PAUSE;
    loop {
        match attempt() {
            Ok(value) => return value,
            Err(observed) if started.elapsed() >= limit => {
                panic!("waited {limit:?} for {what}; last seen: {observed}")
            }
            Err(_) => thread::sleep(pause),
        }
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

/// Checks that `condition` holds at every look for the whole of `period`: for what
/// must *not* happen.
///
/// # Panics
///
/// As soon as it does not hold; the message names `what`.
#[track_caller]
pub fn holds_for(period: Duration, what: &str, mut condition: impl FnMut() -> bool) {
    let started = Instant::now();
    while started.elapsed() < period {
        assert!(condition(), "{what}: no longer true after {:?}", started.elapsed());
        thread::sleep(LONGEST_PAUSE);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_attempt_is_repeated_until_it_succeeds() {
        let mut looks = 0;
        let value = wait_for(Duration::from_secs(10), "three looks", || {
            looks += 1;
            if looks == 3 { Ok(looks) } else { Err(looks) }
        });
        assert_eq!(value, 3);
    }

    #[test]
    #[should_panic(expected = "for the moon; last seen: clouds")]
    fn the_last_observed_state_is_reported() {
        wait_for(Duration::from_millis(5), "the moon", || Err::<(), _>("clouds"));
    }

    #[test]
    #[should_panic(expected = "quiet: no longer true")]
    fn what_must_hold_is_looked_at_all_the_time() {
        let mut looks = 0;
        holds_for(Duration::from_secs(10), "quiet", || {
            looks += 1;
            looks < 3
        });
    }
}
