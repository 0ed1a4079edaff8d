//! Adverts, and how many of them are read before something else has its turn.
//!
//! An advert that waits in a socket is to be heard before the silence that a deadline stands for is believed; and a flood is
//! not to keep deadlines waiting. So before a deadline that has passed, every socket in which something waits has its share
//! read, however many they are: after a stall something waits in all of them. Those that hold more than their share are read
//! on for a moment, enough for some hundred packets. An advert behind more of a flood than that comes too late for this
//! deadline, as if there had been no room for it. A backup that is to take over wrongly has to miss as many in a row as its
//! down timer is long, three as a rule.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use nix::sys::epoll::{Epoll, EpollEvent, EpollTimeout};

use super::{Loop, SOCKETS};
use crate::vrrp::engine::Input;

/// Packets read from one socket at a time, so that a flood on one interface does not keep the others and deadlines waiting.
const PACKETS_AT_A_TIME: usize = 64;
/// For how long a deadline that has passed waits for sockets to be read that hold more than their share: a tenth of the
/// shortest advert interval.
const BEFORE_A_DEADLINE: Duration = Duration::from_millis(1);
/// What epoll tells in one call.
const TOKENS_AT_A_TIME: usize = 64;

/// The socket that a token of epoll stands for.
pub(super) fn ear(token: u64) -> Option<u32> {
    token.checked_sub(SOCKETS).and_then(|ear| u32::try_from(ear).ok())
}

/// Reads every socket that is ready once, and those that hold more again, while it is not later than `until`. Returns every
/// token that was told, those of other things included.
///
/// Epoll puts what it has told behind what it has not, so that asking again comes to everything that is ready, and to
/// something that it told before only once there is nothing else. It is asked as often as it tells of something new, which is
/// at most once for each thing that it watches: a socket that never becomes empty does not hold this up.
fn read_all<S>(
    reader: &mut S,
    epoll: impl Fn(&S) -> &Epoll,
    read: impl Fn(&mut S, u32) -> bool,
    until: Instant,
) -> BTreeSet<u64> {
    let mut told = BTreeSet::new();
    let mut more = Vec::new();
    let mut ready = [EpollEvent::empty(); TOKENS_AT_A_TIME];
    loop {
        let count = epoll(reader).wait(&mut ready, EpollTimeout::ZERO).unwrap_or(0);
        let before = told.len();
        for token in ready.iter().take(count).map(EpollEvent::data) {
            let is_new = told.insert(token);
            if let Some(ear) = ear(token).filter(|_| is_new)
                && read(reader, ear)
            {
                more.push(ear);
            }
        }
        if told.len() == before {
            break;
        }
    }
    while !more.is_empty() && Instant::now() < until {
        more.retain(|ear| read(reader, *ear));
    }
    told
}

impl Loop {
    /// Reads what came in before a deadline is believed. We may have been stopped between any two instructions, or the wait
    /// may have been interrupted by that (epoll_wait(2) fails with EINTR after SIGCONT): that nothing was heard is true only
    /// of what was listened to.
    pub(super) fn catch_up(&mut self, now: Instant) {
        let told = read_all(self, |this| &this.epoll, Self::read_packets, now + BEFORE_A_DEADLINE);
        // Those tell once only.
        for token in told {
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

#[cfg(test)]
mod tests {
    use std::net::UdpSocket;

    use nix::sys::epoll::{EpollCreateFlags, EpollFlags};

    use super::*;

    /// More than epoll tells in several calls.
    const EARS: usize = 200;
    /// A knock, say.
    const OTHER: u64 = 0;

    /// Sockets that are watched as ears are, and something else that is always ready.
    struct Listening {
        epoll: Epoll,
        sockets: Vec<UdpSocket>,
        /// How often each was read.
        rounds: Vec<usize>,
        /// Writes to this socket whenever it was read.
        flooded: Option<usize>,
        sender: UdpSocket,
    }

    impl Listening {
        /// So many packets wait in each.
        fn with(packets: usize) -> Self {
            let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC).unwrap();
            let sender = UdpSocket::bind("127.0.0.1:0").unwrap();
            // One that is ready to be written to is ready for ever.
            epoll.add(&sender, EpollEvent::new(EpollFlags::EPOLLOUT, OTHER)).unwrap();
            let mut sockets = Vec::new();
            for token in (SOCKETS..).take(EARS) {
                let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
                socket.set_nonblocking(true).unwrap();
                epoll.add(&socket, EpollEvent::new(EpollFlags::EPOLLIN, token)).unwrap();
                for _ in 0..packets {
                    sender.send_to(b"advert", socket.local_addr().unwrap()).unwrap();
                }
                sockets.push(socket);
            }
            Self { epoll, sockets, rounds: vec![0; EARS], flooded: None, sender }
        }

        /// Reads three packets.
        fn read(&mut self, ear: u32) -> bool {
            let ear = usize::try_from(ear).unwrap();
            self.rounds[ear] += 1;
            if self.flooded == Some(ear) {
                for _ in 0..3 {
                    self.sender.send_to(b"flood", self.sockets[ear].local_addr().unwrap()).unwrap();
                }
            }
            (0..3).all(|_| self.sockets[ear].recv(&mut [0; 16]).is_ok())
        }

        fn read_all(&mut self, until: Instant) -> BTreeSet<u64> {
            read_all(self, |this| &this.epoll, Self::read, until)
        }
    }

    #[test]
    fn every_socket_is_read_once_though_there_is_no_time() {
        let mut listening = Listening::with(7);
        let told = listening.read_all(Instant::now());
        assert_eq!(listening.rounds, vec![1; EARS]);
        assert!(told.contains(&OTHER));
        assert_eq!(told.len(), EARS + 1);
        // What is left is told again.
        listening.read_all(Instant::now());
        assert_eq!(listening.rounds, vec![2; EARS]);
    }

    #[test]
    fn a_flood_on_one_socket_ends_and_keeps_none_from_being_read() {
        let mut listening = Listening::with(1);
        listening.flooded = Some(0);
        listening.read_all(Instant::now());
        assert_eq!(listening.rounds, vec![1; EARS]);
    }

    #[test]
    fn where_there_is_time_they_are_read_until_they_are_empty() {
        let mut listening = Listening::with(7);
        listening.read_all(Instant::now() + Duration::from_secs(3600));
        assert_eq!(listening.rounds, vec![3; EARS]);
        assert!(listening.sockets.iter().all(|socket| socket.recv(&mut [0; 16]).is_err()));
    }
}
