//! Whose a named pipe is, from one thread that cares for it to the next.
//!
//! A reload with another script or owner, and a loop that is started again after a panic, begin a new thread for a pipe whose old
//! one is still about to end. What was begun last must find the pipe, and find it there as long as it lives; so the old one neither
//! removes it nor reads on beside the new one's script. Threads of one path form a line in this process: each claims the path when it is
//! wished for, enters when the one before has left, and the last to leave removes the pipe, if any of them made it.

use std::collections::BTreeMap;
use std::fs;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// One path.
#[derive(Debug, Default)]
struct Place {
    /// How many care for it or are going to.
    claims: usize,
    /// One of them does.
    held: bool,
    /// One of them has made it.
    made: bool,
}

static PLACES: Mutex<BTreeMap<String, Place>> = Mutex::new(BTreeMap::new());
static LEFT: Condvar = Condvar::new();

/// A part in that line; dropping it leaves.
#[derive(Debug)]
pub(super) struct Tenure {
    path: String,
    /// It is this one that the next waits for.
    entered: bool,
}

fn places() -> MutexGuard<'static, BTreeMap<String, Place>> {
    // Each change is whole before anything could panic.
    PLACES.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Tenure {
    /// The path is wished for.
    pub(super) fn claim(path: &str) -> Self {
        places().entry(path.to_owned()).or_default().claims += 1;
        Self { path: path.to_owned(), entered: false }
    }

    /// Waits for the one before to leave, but no longer than that: two pipes may have been given the same name, and then both
    /// are written to.
    pub(super) fn enter(&mut self, patience: Duration) {
        let held = |places: &mut BTreeMap<String, Place>| places.get(&self.path).is_some_and(|place| place.held);
        let (mut places, _) = LEFT.wait_timeout_while(places(), patience, held).unwrap_or_else(PoisonError::into_inner);
        if let Some(place) = places.get_mut(&self.path) {
            place.held = true;
            self.entered = true;
        }
    }

    /// The pipe was not there, and was made.
    pub(super) fn made(&self) {
        if let Some(place) = places().get_mut(&self.path) {
            place.made = true;
        }
    }

    /// It was made by one of us.
    pub(super) fn is_made(&self) -> bool {
        places().get(&self.path).is_some_and(|place| place.made)
    }
}

impl Drop for Tenure {
    fn drop(&mut self) {
        let mut places = places();
        let Some(place) = places.get_mut(&self.path) else { return };
        place.claims -= 1;
        place.held &= !self.entered;
        if place.claims == 0 {
            // Whoever claims it next waits for this.
            if place.made {
                let _ = fs::remove_file(&self.path);
            }
            places.remove(&self.path);
        }
        LEFT.notify_all();
    }
}
