//! When a change is over: a moment in which it makes sense to read files that somebody was at.
//!
//! Who distributes files changes several, one after the other, and who writes in place empties a file first. So a change
//! counts once nothing more has come for [`CALM`]; where changes go on and on, after [`MOST`] all the same. A file that has
//! been written to and not closed is half of something, and half a configuration may well be one that can be run: it is waited
//! for until its writer closes it, or has stalled for [`STALLED`], though not for ever ([`LONGEST`]).

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// Without a change for so long: it is over.
const CALM: Duration = Duration::from_millis(500);
/// Changes that go on are waited for no longer than this, since the first.
const MOST: Duration = Duration::from_secs(5);
/// A writer that has not closed its file, and has written nothing for so long, is not waited for.
const STALLED: Duration = Duration::from_secs(5);
/// Nor is one that writes on and on, since the first change.
const LONGEST: Duration = Duration::from_secs(60);
/// Files that are being written at a time and are known one by one.
const MOST_WRITERS: usize = 1_000;

/// What happened to the files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Change {
    /// Something that is done as soon as it is seen.
    Done,
    /// This file was written to, and its writer has it open.
    Writing(PathBuf),
    /// This file was closed by its writer, replaced or removed.
    Closed(PathBuf),
}

/// Waits for the end of a change.
#[derive(Debug, Default)]
pub(super) struct Quiet {
    pending: Option<Pending>,
}

#[derive(Debug)]
struct Pending {
    first_at: Instant,
    last_at: Instant,
    /// Files with a writer, and when it wrote last.
    writing: BTreeMap<PathBuf, Instant>,
}

impl Quiet {
    /// Something changed.
    pub(super) fn handle(&mut self, change: Change, now: Instant) {
        let pending =
            self.pending.get_or_insert_with(|| Pending { first_at: now, last_at: now, writing: BTreeMap::new() });
        pending.last_at = now;
        match change {
            Change::Done => {}
            Change::Writing(path) => {
                if pending.writing.len() < MOST_WRITERS || pending.writing.contains_key(&path) {
                    pending.writing.insert(path, now);
                }
            }
            Change::Closed(path) => drop(pending.writing.remove(&path)),
        }
    }

    /// When the change is over, unless more comes.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        let Pending { first_at, last_at, writing } = self.pending.as_ref()?;
        let calm = (*last_at + CALM).min(*first_at + MOST);
        let stalled = writing.values().max().map(|at| (*at + STALLED).min(*first_at + LONGEST));
        Some(stalled.map_or(calm, |stalled| stalled.max(calm)))
    }

    /// `true` once, when the change is over.
    pub(super) fn is_over(&mut self, now: Instant) -> bool {
        let over = self.poll_timeout().is_some_and(|at| at <= now);
        if over {
            self.pending = None;
        }
        over
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs a timeline of changes at milliseconds; when the change was over each time.
    fn over_at(timeline: &[(u64, Change)]) -> Vec<u64> {
        let (mut quiet, start) = (Quiet::default(), Instant::now());
        let mut over = Vec::new();
        let mut run_to = |quiet: &mut Quiet, from: Instant, limit: Option<Instant>| {
            while let Some(at) = quiet.poll_timeout().filter(|at| limit.is_none_or(|limit| *at <= limit)) {
                assert!(!quiet.is_over(at - Duration::from_nanos(1)), "not before its time");
                assert!(quiet.is_over(at));
                over.push(u64::try_from((at.max(from) - start).as_millis()).unwrap());
            }
        };
        let mut last = start;
        for (at, change) in timeline {
            let now = start + Duration::from_millis(*at);
            run_to(&mut quiet, last, Some(now));
            quiet.handle(change.clone(), now);
            last = now;
        }
        run_to(&mut quiet, last, None);
        over
    }

    fn writing(name: &str) -> Change {
        Change::Writing(name.into())
    }

    fn closed(name: &str) -> Change {
        Change::Closed(name.into())
    }

    #[test]
    fn a_change_is_over_when_nothing_more_comes() {
        assert_eq!(over_at(&[]), [0; 0]);
        assert_eq!(over_at(&[(0, Change::Done)]), [500]);
        assert_eq!(over_at(&[(0, Change::Done), (400, closed("a")), (800, Change::Done)]), [1300]);
        assert_eq!(over_at(&[(0, Change::Done), (600, Change::Done)]), [500, 1100]);
    }

    #[test]
    fn changes_that_go_on_count_after_a_while() {
        let all: Vec<_> = (0..70).map(|step| (step * 100, closed(&step.to_string()))).collect();
        assert_eq!(over_at(&all), [5000, 7400]);
    }

    #[test]
    fn half_a_file_is_waited_for() {
        // Emptied, and written two seconds later.
        let two_steps = [(0, writing("a")), (2000, writing("a")), (2001, closed("a"))];
        assert_eq!(over_at(&two_steps), [2501]);
        // Another file's end is not this one's.
        assert_eq!(over_at(&[(0, writing("a")), (100, closed("b")), (3000, closed("a"))]), [3500]);
        assert_eq!(over_at(&[(0, writing("a")), (100, writing("b")), (200, closed("a"))]), [5100]);
    }

    #[test]
    fn a_slow_copy_is_waited_for_as_long_as_it_goes_on() {
        let mut copy: Vec<_> = (0..20).map(|second| (second * 1000, writing("a"))).collect();
        copy.push((20_000, closed("a")));
        assert_eq!(over_at(&copy), [20_000], "at once: it is whole, and took long enough");
        copy.pop();
        assert_eq!(over_at(&copy), [24_000], "it has stalled");
        let endless: Vec<_> = (0..62).map(|second| (second * 1000, writing("a"))).collect();
        assert_eq!(over_at(&endless), [60_000, 66_000]);
    }

    #[test]
    fn a_writer_whose_file_is_replaced_is_forgotten() {
        assert_eq!(over_at(&[(0, writing("a")), (100, closed("a"))]), [600]);
        let many: Vec<_> = (0..2_000).map(|number| (0, writing(&number.to_string()))).collect();
        assert_eq!(over_at(&many), [5000]);
    }
}
