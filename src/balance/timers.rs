//! Which check is next. The deadlines live in the checks; this is an index over them that may be out of date on one side
//! only: it wakes a check too early, never too late.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Instant;

#[derive(Debug, Clone, Default)]
pub(super) struct Timers {
    heap: BinaryHeap<Reverse<(Instant, u32)>>,
    /// The earliest entry of each check that is in the heap; others of it are stale.
    armed: Vec<Option<Instant>>,
}

impl Timers {
    /// For this many checks, none armed.
    pub(super) fn new(checks: usize) -> Self {
        Self { heap: BinaryHeap::with_capacity(checks), armed: vec![None; checks] }
    }

    /// Wakes a check at this moment, or before; one that waits for nothing, never.
    pub(super) fn arm(&mut self, check: u32, at: impl Into<Option<Instant>>) {
        let (Some(at), Some(armed)) = (at.into(), self.armed.get_mut(check as usize)) else { return };
        if armed.is_none_or(|armed| at < armed) {
            *armed = Some(at);
            self.heap.push(Reverse((at, check)));
        }
        // Short intervals under long timeouts leave stale entries behind; they must not pile up.
        if self.heap.len() > 4 * self.armed.len() + 64 {
            let armed = (0..).zip(&self.armed);
            self.heap = armed.filter_map(|(check, at)| at.map(|at| Reverse((at, check)))).collect();
        }
    }

    /// Takes out a check that is due.
    pub(super) fn pop(&mut self, now: Instant) -> Option<u32> {
        while let Some(Reverse((at, check))) = self.heap.peek().copied() {
            if at > now {
                return None;
            }
            self.heap.pop();
            match self.armed.get_mut(check as usize) {
                Some(armed) if *armed == Some(at) => {
                    *armed = None;
                    return Some(check);
                }
                Some(_) | None => {}
            }
        }
        None
    }

    pub(super) fn next(&self) -> Option<Instant> {
        self.heap.peek().map(|Reverse((at, _))| *at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn each_check_wakes_at_its_earliest_moment_once() {
        let start = Instant::now();
        let at = |millis| start + Duration::from_millis(millis);
        let mut timers = Timers::new(3);
        timers.arm(0, at(30));
        timers.arm(1, at(10));
        timers.arm(2, at(20));
        timers.arm(0, at(5));
        timers.arm(0, at(40));
        assert_eq!(timers.next(), Some(at(5)));
        assert_eq!(timers.pop(at(4)), None);
        assert_eq!(timers.pop(at(100)), Some(0));
        assert_eq!(timers.pop(at(100)), Some(1));
        assert_eq!(timers.pop(at(100)), Some(2));
        assert_eq!(timers.pop(at(100)), None, "the later entry of check 0 is stale");
    }

    #[test]
    fn stale_entries_do_not_pile_up() {
        let start = Instant::now();
        let mut timers = Timers::new(1);
        for back in (0..100_000).rev() {
            timers.arm(0, start + Duration::from_millis(back));
        }
        assert!(timers.heap.len() <= 68, "{}", timers.heap.len());
        assert_eq!(timers.next(), Some(start));
    }
}
