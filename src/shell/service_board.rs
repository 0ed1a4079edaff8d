//! What the balancer loop tells the router loop of the services that routers watch.
//!
//! A board and not a queue: it holds how each service stands *now*, so it is as long as the configuration's list of watched
//! services however fast they change, and however long nobody reads. Neither loop waits for the other. The balancer's lock is
//! held for the writing of one row; the router tries the lock, and comes again at its next turn where it is taken. The board
//! outlives both loops: a router that is started again finds everything that was told before.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError, TryLockError};

use nix::sys::eventfd::EventFd;

use crate::balance;
use crate::model::{ServiceKey, TrackService};
use crate::vrrp::engine::{Fact, ServiceHealth};

/// How watched services stand.
#[derive(Debug, Default)]
pub struct ServiceBoard(Mutex<Rows>);

#[derive(Debug, Default)]
struct Rows {
    latest: BTreeMap<ServiceKey, Option<ServiceHealth>>,
    changed: BTreeSet<ServiceKey>,
    /// Wakes the reader.
    knock: Option<Arc<EventFd>>,
}

impl ServiceBoard {
    /// Writes how a service stands, and wakes the reader.
    pub(super) fn post(&self, key: ServiceKey, health: Option<balance::ServiceHealth>) {
        let health = health.map(|health| ServiceHealth {
            servers: health.servers,
            up: health.up,
            weight_up: health.weight_up,
            quorum: health.quorum,
        });
        let mut rows = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        rows.latest.insert(key, health);
        rows.changed.insert(key);
        if let Some(knock) = &rows.knock {
            // It fails only where 2^64 knocks are unheard.
            let _ = knock.write(1);
        }
    }

    /// Wipes off whatever nobody watches any more.
    pub(super) fn keep(&self, watched: &[TrackService]) {
        let watched: BTreeSet<_> = watched.iter().map(|watched| watched.service).collect();
        let mut rows = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        rows.latest.retain(|key, _| watched.contains(key));
        rows.changed.retain(|key| watched.contains(key));
    }

    /// From now on this reader is woken. To be called before it runs.
    pub fn attach(&self, knock: Arc<EventFd>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).knock = Some(knock);
    }

    /// What is new, or everything. `None`: somebody writes at this moment; ask again.
    pub fn read(&self, everything: bool) -> Option<Vec<Fact>> {
        let mut rows = match self.0.try_lock() {
            Ok(rows) => rows,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return None,
        };
        let changed = std::mem::take(&mut rows.changed);
        let news = rows.latest.iter().filter(|(key, _)| everything || changed.contains(key));
        Some(news.map(|(key, health)| Fact::Service { key: *key, health: *health }).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Protocol, ServiceCondition};

    fn key(n: u8) -> ServiceKey {
        ServiceKey::Address { protocol: Protocol::Tcp, address: [192, 0, 2, n].into(), port: 80 }
    }

    fn health(up: u32) -> Option<balance::ServiceHealth> {
        Some(balance::ServiceHealth { servers: 3, up, weight_up: u64::from(up), quorum: 1 })
    }

    fn told(board: &ServiceBoard, everything: bool) -> Vec<(ServiceKey, Option<u32>)> {
        let facts = board.read(everything).unwrap().into_iter();
        facts
            .map(|fact| match fact {
                Fact::Service { key, health } => (key, health.map(|health| health.up)),
                Fact::Processes { .. } | Fact::File { .. } | Fact::Check { .. } => panic!("{fact:?}"),
            })
            .collect()
    }

    #[test]
    fn the_reader_finds_how_things_are_and_not_how_they_were() {
        let board = ServiceBoard::default();
        let knock = Arc::new(EventFd::from_value_and_flags(0, nix::sys::eventfd::EfdFlags::EFD_NONBLOCK).unwrap());
        board.attach(Arc::clone(&knock));
        for up in [3, 2, 1] {
            board.post(key(1), health(up));
        }
        board.post(key(2), None);
        assert_eq!(knock.read(), Ok(4));
        assert_eq!(told(&board, false), [(key(1), Some(1)), (key(2), None)]);
        assert_eq!(told(&board, false), []);
        board.post(key(1), health(0));
        assert_eq!(told(&board, true), [(key(1), Some(0)), (key(2), None)]);
        assert_eq!(told(&board, false), []);
        let condition = ServiceCondition::AnyUp;
        board.keep(&[TrackService { name: "x".to_owned(), service: key(2), condition }]);
        assert_eq!(told(&board, true), [(key(2), None)]);
    }

    #[test]
    fn who_writes_is_not_waited_for() {
        let board = ServiceBoard::default();
        let writing = board.0.lock().unwrap();
        assert_eq!(board.read(true), None);
        drop(writing);
        assert_eq!(board.read(true), Some(Vec::new()));
    }
}
