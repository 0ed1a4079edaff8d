//! Configuration files that are being read, each by a thread of its own.
//!
//! A file may lie on a file server that does not answer, and then whoever reads it waits, for hours if need be. So the
//! supervisor never reads while it runs: a thread does, and what it found arrives as an event. The daemon's own file is read
//! once at a time; whoever asks for it meanwhile may have changed it a moment ago, so it is read once more afterwards, for all
//! of them. Files to plan for are another matter, since anybody names them: they stand in nobody's way, and are bounded.
//!
//! Who waits is answered in [`PATIENCE`] in any case. The reading itself goes on, as the kernel does not let go of it, and
//! what it finds counts when it ends.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How long a reading may take before people are told: more than a disk in health needs for any configuration, and less than
/// the control socket gives an answer.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);
/// Readings for plans at a time.
const MOST_PLANS: usize = 4;

/// What is being read, for those who wait for a reload (`R`) and for a plan (`P`).
#[derive(Debug)]
pub(super) struct Readings<R, P> {
    next: u64,
    reload: Option<Reading<Vec<R>>>,
    /// The daemon's file is to be read again after this time, for these.
    again: Option<Vec<R>>,
    plans: Vec<Reading<Option<P>>>,
}

#[derive(Debug)]
struct Reading<W> {
    id: u64,
    file: PathBuf,
    began_at: Instant,
    waiting: W,
    /// It took too long, and those who waited were told.
    told: bool,
}

/// What comes of a wish to read the daemon's file.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Wish<R> {
    /// A thread is to read it, under this number.
    Read(u64),
    /// It is read after the reading that is under way.
    Later,
    /// The same, and that one hangs: whoever asks is answered now.
    Hangs(Option<R>),
}

/// What was read at last.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Ended<R, P> {
    /// The daemon's file, for these.
    Reload(Vec<R>),
    /// A file to plan for, and who waits for it still.
    Plan(PathBuf, Option<P>),
}

/// A reading that takes too long, and whom to tell.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Late<R, P> {
    /// The daemon's file.
    Reload(Vec<R>),
    /// A file to plan for.
    Plan(PathBuf, Option<P>),
}

impl<R, P> Default for Readings<R, P> {
    fn default() -> Self {
        Self { next: 0, reload: None, again: None, plans: Vec::new() }
    }
}

impl<R, P> Readings<R, P> {
    fn begin<W>(&mut self, file: &Path, waiting: W, now: Instant) -> Reading<W> {
        self.next += 1;
        Reading { id: self.next, file: file.to_owned(), began_at: now, waiting, told: false }
    }

    /// The daemon's file is to be read; who asked by a signal does not wait for an answer.
    pub(super) fn reload(&mut self, file: &Path, who: Option<R>, now: Instant) -> Wish<R> {
        match &self.reload {
            Some(reading) => {
                let again = self.again.get_or_insert_default();
                if reading.told {
                    return Wish::Hangs(who);
                }
                again.extend(who);
                Wish::Later
            }
            None => {
                let reading = self.begin(file, Vec::from_iter(who), now);
                let id = reading.id;
                self.reload = Some(reading);
                Wish::Read(id)
            }
        }
    }

    /// A file is to be read for a plan, under the number that is given; an error: too many are.
    pub(super) fn plan(&mut self, file: &Path, who: P, now: Instant) -> Result<u64, P> {
        if self.plans.len() >= MOST_PLANS {
            return Err(who);
        }
        let reading = self.begin(file, Some(who), now);
        let id = reading.id;
        self.plans.push(reading);
        Ok(id)
    }

    /// A thread has ended; nothing where nobody knows of it.
    pub(super) fn ended(&mut self, id: u64) -> Option<Ended<R, P>> {
        if let Some(reading) = self.reload.take_if(|reading| reading.id == id) {
            return Some(Ended::Reload(reading.waiting));
        }
        let at = self.plans.iter().position(|reading| reading.id == id)?;
        let reading = self.plans.swap_remove(at);
        Some(Ended::Plan(reading.file, reading.waiting))
    }

    /// The daemon's file is to be read once more, under this number.
    pub(super) fn once_more(&mut self, file: &Path, now: Instant) -> Option<u64> {
        if self.reload.is_some() {
            return None;
        }
        let waiting = self.again.take()?;
        let reading = self.begin(file, waiting, now);
        let id = reading.id;
        self.reload = Some(reading);
        Some(id)
    }

    /// The daemon's file is being read, and that hangs.
    pub(super) fn reload_hangs(&self) -> bool {
        self.reload.as_ref().is_some_and(|reading| reading.told)
    }

    /// What has taken too long by now; each is told once.
    pub(super) fn late(&mut self, now: Instant) -> Vec<Late<R, P>> {
        let mut late = Vec::new();
        if let Some(reading) = self.reload.as_mut().filter(|reading| reading.is_late(now)) {
            reading.told = true;
            let mut waiting = std::mem::take(&mut reading.waiting);
            waiting.extend(self.again.iter_mut().flat_map(|again| again.drain(..)));
            late.push(Late::Reload(waiting));
        }
        for reading in self.plans.iter_mut().filter(|reading| reading.is_late(now)) {
            reading.told = true;
            late.push(Late::Plan(reading.file.clone(), reading.waiting.take()));
        }
        late
    }

    /// When [`late`](Self::late) has something to say.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        let reload = self.reload.iter().filter(|reading| !reading.told).map(|reading| reading.began_at);
        let plans = self.plans.iter().filter(|reading| !reading.told).map(|reading| reading.began_at);
        reload.chain(plans).min().map(|began_at| began_at + PATIENCE)
    }
}

impl<W> Reading<W> {
    fn is_late(&self, now: Instant) -> bool {
        !self.told && now >= self.began_at + PATIENCE
    }
}

/// What people are told of a file that cannot be read in time.
pub(super) fn hangs(file: &Path) -> String {
    format!(
        "{} could not be read within {} s: the disk or the file server that it lies on, or one that it includes, does not answer",
        file.display(),
        PATIENCE.as_secs()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "/etc/ipvsd.toml";

    fn reload(readings: &mut Readings<char, char>, who: Option<char>, now: Instant) -> Wish<char> {
        readings.reload(Path::new(FILE), who, now)
    }

    #[test]
    fn whoever_asks_while_it_is_read_has_it_read_once_more() {
        let (mut readings, now) = (Readings::default(), Instant::now());
        assert_eq!(reload(&mut readings, Some('a'), now), Wish::Read(1));
        for who in [Some('b'), None, Some('c')] {
            assert_eq!(reload(&mut readings, who, now), Wish::Later);
        }
        assert_eq!(readings.once_more(Path::new(FILE), now), None, "one at a time");
        assert_eq!(readings.ended(1), Some(Ended::Reload(vec!['a'])));
        assert_eq!(readings.once_more(Path::new(FILE), now), Some(2));
        assert_eq!(readings.ended(1), None);
        assert_eq!(readings.ended(2), Some(Ended::Reload(vec!['b', 'c'])));
        assert_eq!(readings.once_more(Path::new(FILE), now), None);
        assert_eq!(readings.poll_timeout(), None);
    }

    #[test]
    fn a_reading_that_hangs_is_told_once_and_counts_when_it_ends() {
        let (mut readings, now) = (Readings::default(), Instant::now());
        assert_eq!(reload(&mut readings, Some('a'), now), Wish::Read(1));
        assert_eq!(reload(&mut readings, Some('b'), now), Wish::Later);
        let due = now + PATIENCE;
        assert_eq!(readings.poll_timeout(), Some(due));
        assert_eq!(readings.late(now), []);
        assert_eq!(readings.late(due), [Late::Reload(vec!['a', 'b'])]);
        assert!(readings.reload_hangs());
        assert_eq!((readings.late(due), readings.poll_timeout()), (Vec::new(), None));
        assert_eq!(reload(&mut readings, Some('c'), due), Wish::Hangs(Some('c')));
        assert_eq!(readings.ended(1), Some(Ended::Reload(Vec::new())));
        assert_eq!(readings.once_more(Path::new(FILE), due), Some(2), "for b and c, who changed it perhaps");
        assert!(!readings.reload_hangs());
    }

    #[test]
    fn plans_are_bounded_and_stand_in_nobodys_way() {
        let (mut readings, now) = (Readings::<char, char>::default(), Instant::now());
        for id in 1..=4 {
            assert_eq!(readings.plan(Path::new("/mnt/file"), 'p', now), Ok(id));
        }
        assert_eq!(readings.plan(Path::new("/mnt/file"), 'p', now), Err('p'));
        assert_eq!(reload(&mut readings, None, now), Wish::Read(5));
        assert_eq!(readings.ended(2), Some(Ended::Plan("/mnt/file".into(), Some('p'))));
        assert_eq!(readings.plan(Path::new("/mnt/file"), 'q', now), Ok(6));
        assert_eq!(readings.late(now + PATIENCE).len(), 5);
        assert_eq!(readings.ended(6), Some(Ended::Plan("/mnt/file".into(), None)));
    }
}
