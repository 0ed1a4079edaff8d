//! What the balancer loop is told of the routers' states.
//!
//! The other direction of [`super::service_board`], and a board for the same reasons: it holds which routers are active *now*,
//! one row for each however often they change, and it outlives both loops. The router loop never touches it: it tells its
//! supervisor, and the supervisor writes. A balancer that is started again reads everything.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Which virtual routers are active.
#[derive(Debug, Default)]
pub struct RoleBoard(Mutex<Rows>);

#[derive(Debug, Default)]
struct Rows {
    active: BTreeMap<String, bool>,
    changed: BTreeSet<String>,
    /// Wakes the reader.
    waker: Option<Arc<mio::Waker>>,
}

impl RoleBoard {
    /// Writes how a router is, and wakes the reader if that is new.
    pub fn post(&self, router: &str, active: bool) {
        let mut rows = self.rows();
        if rows.active.insert(router.to_owned(), active) == Some(active) {
            return;
        }
        rows.changed.insert(router.to_owned());
        if let Some(waker) = &rows.waker {
            // A reader that cannot be woken has ended; the next one reads everything.
            let _ = waker.wake();
        }
    }

    /// Wipes off routers that are none of these.
    pub(super) fn keep<'a>(&self, routers: impl Iterator<Item = &'a str>) {
        let names: BTreeSet<_> = routers.collect();
        let mut rows = self.rows();
        rows.active.retain(|name, _| names.contains(name.as_str()));
        rows.changed.retain(|name| names.contains(name.as_str()));
    }

    /// From now on this reader is woken. To be called before it runs.
    pub(super) fn attach(&self, waker: Arc<mio::Waker>) {
        self.rows().waker = Some(waker);
    }

    /// What is new, or everything: names, and whether they are active.
    pub(super) fn read(&self, everything: bool) -> Vec<(String, bool)> {
        let mut rows = self.rows();
        let changed = std::mem::take(&mut rows.changed);
        let news = rows.active.iter().filter(|(name, _)| everything || changed.contains(*name));
        news.map(|(name, active)| (name.clone(), *active)).collect()
    }

    fn rows(&self) -> MutexGuard<'_, Rows> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reader_finds_how_things_are_and_one_that_comes_later_finds_everything() {
        let board = RoleBoard::default();
        let mut poll = mio::Poll::new().unwrap();
        board.attach(Arc::new(mio::Waker::new(poll.registry(), mio::Token(7)).unwrap()));
        for active in [true, false, true] {
            board.post("a", active);
        }
        board.post("b", false);
        let mut events = mio::Events::with_capacity(4);
        poll.poll(&mut events, None).unwrap();
        let pair = |name: &str, active| (name.to_owned(), active);
        assert_eq!(board.read(false), [pair("a", true), pair("b", false)]);
        board.post("a", true);
        assert_eq!(board.read(false), []);
        board.post("b", true);
        assert_eq!(board.read(false), [pair("b", true)]);
        assert_eq!(board.read(true), [pair("a", true), pair("b", true)]);
        board.keep(["b"].into_iter());
        assert_eq!(board.read(true), [pair("b", true)]);
    }
}
