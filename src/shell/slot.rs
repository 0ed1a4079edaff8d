//! A place for one thing that is to be done: what comes later takes the place of what was not fetched yet.
//!
//! Where the last one says it all, a queue would only grow while whoever works through it is stuck.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// The place, as both sides have it.
#[derive(Debug)]
pub(super) struct Slot<T>(Arc<Shared<T>>);

#[derive(Debug)]
struct Shared<T> {
    inside: Mutex<Inside<T>>,
    news: Condvar,
}

#[derive(Debug)]
struct Inside<T> {
    thing: Option<T>,
    closed: bool,
}

/// What was found in the place.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found<T> {
    /// This, which was put there last.
    Thing(T),
    /// Nothing, for as long as was to be waited.
    Nothing,
    /// Nothing, and nothing will come.
    Closed,
}

impl<T> Clone for Slot<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T> Slot<T> {
    /// An empty one.
    pub(super) fn new() -> Self {
        let inside = Mutex::new(Inside { thing: None, closed: false });
        Self(Arc::new(Shared { inside, news: Condvar::new() }))
    }

    /// Puts this there, in the place of what was not fetched.
    pub(super) fn put(&self, thing: T) {
        let replaced = self.lock().thing.replace(thing);
        self.0.news.notify_one();
        drop(replaced);
    }

    /// Nothing more will come. What is there is still to be fetched.
    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.0.news.notify_one();
    }

    /// Fetches what is there, or waits for it: for ever, or for this long.
    pub(super) fn fetch(&self, patience: Option<Duration>) -> Found<T> {
        let end = patience.map(|patience| Instant::now() + patience);
        let mut inside = self.lock();
        loop {
            if let Some(thing) = inside.thing.take() {
                return Found::Thing(thing);
            }
            if inside.closed {
                return Found::Closed;
            }
            inside = match end.map(|end| end.saturating_duration_since(Instant::now())) {
                None => self.0.news.wait(inside).unwrap_or_else(PoisonError::into_inner),
                Some(Duration::ZERO) => return Found::Nothing,
                Some(left) => self.0.news.wait_timeout(inside, left).unwrap_or_else(PoisonError::into_inner).0,
            };
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inside<T>> {
        // Nothing that is done under the lock can panic halfway.
        self.0.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    #[test]
    fn only_the_last_one_is_kept_while_nobody_fetches() {
        let slot = Slot::new();
        let things: Vec<Arc<u32>> = (0..1000).map(Arc::new).collect();
        for thing in &things {
            slot.put(Arc::clone(thing));
        }
        let kept: Vec<u32> = things.iter().filter(|thing| Arc::strong_count(thing) > 1).map(|thing| **thing).collect();
        assert_eq!(kept, [999]);
        assert_eq!(slot.fetch(None), Found::Thing(Arc::new(999)));
        assert_eq!(slot.fetch(Some(Duration::ZERO)), Found::Nothing);
        assert_eq!(slot.fetch(Some(Duration::from_millis(1))), Found::Nothing);
    }

    #[test]
    fn what_is_there_at_the_end_is_fetched_before_the_end() {
        let slot = Slot::new();
        slot.put(1);
        slot.close();
        assert_eq!(slot.fetch(None), Found::Thing(1));
        assert_eq!(slot.fetch(None), Found::Closed);
        assert_eq!(slot.fetch(Some(Duration::from_secs(3600))), Found::Closed);
    }

    #[test]
    fn whoever_waits_is_woken() {
        let slot = Slot::new();
        let other = slot.clone();
        let waiting = thread::spawn(move || (other.fetch(None), other.fetch(Some(Duration::from_secs(3600)))));
        slot.put(1);
        // Whether the first was fetched by now or not, the thread ends.
        slot.close();
        assert_eq!(waiting.join().unwrap(), (Found::Thing(1), Found::Closed));
    }
}
