//! Adverts, and how many of them are read before something else has its turn.
//!
//! An advert that waits in a socket is to be heard before the silence that a deadline stands for is believed; and a flood is
//! not to keep deadlines waiting. So what waits is read for a moment before a deadline that has passed: enough for some
//! hundred packets, of which every socket gets its share. An advert behind more of a flood than that comes too late for this
//! deadline, as if there had been no room for it. A backup that is to take over wrongly has to miss as many in a row as its
//! down timer is long, three as a rule.

use std::time::{Duration, Instant};

use nix::sys::epoll::{EpollEvent, EpollTimeout};

use super::{Loop, SOCKETS};
use crate::vrrp::engine::Input;

/// Packets read from one socket at a time, so that a flood on one interface does not keep the others and deadlines waiting.
const PACKETS_AT_A_TIME: usize = 64;
/// For how long a deadline that has passed waits for packets to be read: a tenth of the shortest advert interval.
const BEFORE_A_DEADLINE: Duration = Duration::from_millis(1);

/// The socket that a token of epoll stands for.
pub(super) fn ear(token: u64) -> Option<u32> {
    token.checked_sub(SOCKETS).and_then(|ear| u32::try_from(ear).ok())
}

impl Loop {
    /// Reads what came in before a deadline is believed. We may have been stopped between any two instructions, or the wait
    /// may have been interrupted by that (epoll_wait(2) fails with EINTR after SIGCONT): that nothing was heard is true only
    /// of what was listened to.
    pub(super) fn catch_up(&mut self, now: Instant) {
        let mut ready = [EpollEvent::empty(); 64];
        let count = self.epoll.wait(&mut ready, EpollTimeout::ZERO).unwrap_or(0);
        let tokens = || ready.iter().take(count).map(EpollEvent::data);
        let mut ears: Vec<u32> = tokens().filter_map(ear).collect();
        // Each once, however long it takes.
        loop {
            ears.retain(|ear| self.read_packets(*ear));
            if ears.is_empty() || Instant::now() >= now + BEFORE_A_DEADLINE {
                break;
            }
        }
        // Those tell once only.
        for token in tokens() {
            self.posts.hear(token, &mut self.router, &mut self.buffer);
        }
    }

    /// Reads some of what waits in a socket, and tells whether there may be more.
    pub(super) fn read_packets(&mut self, ear: u32) -> bool {
        let more = self.read_some(ear);
        if let Some((index, family, unread)) = self.sockets.unread_of(ear) {
            self.router.handle(Input::Unread { index, family, unread }, Instant::now());
        }
        more
    }

    /// What there was no room for since the sockets were last read.
    pub(super) fn count_unread(&mut self) {
        for (index, family, unread) in self.sockets.unread() {
            self.router.handle(Input::Unread { index, family, unread }, Instant::now());
        }
    }

    fn read_some(&mut self, ear: u32) -> bool {
        let share = self.sockets.share(ear, PACKETS_AT_A_TIME, Instant::now());
        for _ in 0..share {
            match self.sockets.receive(ear, &mut self.buffer) {
                Ok(Some((index, Ok(received)))) => {
                    self.router.handle(Input::Packet { index, received }, Instant::now());
                }
                // No advert: of another protocol behind an authentication header, say.
                Ok(Some((_, Err(_)))) => {}
                // Empty; or an error of the link (it went down), which rtnetlink tells too.
                Ok(None) | Err(_) => return false,
            }
        }
        share > 0
    }
}
