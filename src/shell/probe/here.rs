//! TCP checks of servers on the loopback addresses of this host.
//!
//! Such a server has accepted or refused by the time the call returns: the kernel does the whole handshake meanwhile. A socket
//! that may wait for it is told the end by the call itself; one that may not has to be asked afterwards, which costs as much as
//! hanging up. But the loop stands still while a socket waits. So it waits as briefly as the kernel knows, one tick of its
//! clock, and only as long as nobody has used that up: a server whose queue is full, or whose packets a firewall swallows,
//! would do so each time. After the first of those no call waits for a long while.
//!
//! One socket of each family serves all of these checks, as those of [`super::pool`] serve the others.

use std::time::{Duration, Instant};

use nix::libc;
use socket2::Socket;

use super::pool::{hang_up, make, reset_at_close};
use super::{met, refused_at_once};
use crate::check::{Obstacle, Outcome};
use crate::model::{Connect, Family};

/// The kernel makes a tick of it.
const WAIT: Duration = Duration::from_micros(1);
/// Calls that do not wait, after one that waited in vain.
const WARY: u32 = 10_000;
/// One call of so many is timed.
const TIMED: u32 = 64;
/// A call that waits for longer may wait for somebody else than this host; or this process was kept from its processor, which does not
/// happen so many times in a row.
const LONG: Duration = Duration::from_millis(1);
const MOST_LONG: u32 = 4;

/// What a call came to.
#[derive(Debug)]
pub(super) enum Called {
    /// It is over.
    Over(Outcome),
    /// Nobody has accepted or refused yet. The socket serves no other check.
    Waits(Socket),
}

/// The sockets that serve these checks.
#[derive(Debug, Default)]
pub(super) struct Here {
    v4: Option<Kept>,
    v6: Option<Kept>,
    /// So many calls do not wait.
    wary: u32,
    calls: u32,
    /// So many of the last calls that were timed took long.
    long: u32,
}

#[derive(Debug)]
struct Kept {
    socket: Socket,
    waits: bool,
}

impl Here {
    fn kept(&mut self, family: Family) -> &mut Option<Kept> {
        match family {
            Family::V4 => &mut self.v4,
            Family::V6 => &mut self.v6,
        }
    }

    /// Calls a server of which nothing is asked but that it accept ([`super::pool::is_plain`]).
    pub(super) fn call(&mut self, family: Family, connect: &Connect, may_meet: bool) -> Result<Called, Obstacle> {
        let waits = self.wary == 0;
        self.wary = self.wary.saturating_sub(1);
        let Kept { socket, waits } = self.take(family, connect, waits)?;
        let target = connect.target.into();
        self.calls = self.calls.wrapping_add(1);
        let began_at = (waits && (self.long > 0 || self.calls.is_multiple_of(TIMED))).then(Instant::now);
        let connected = socket.connect(&target);
        if let Some(began_at) = began_at {
            self.long = if began_at.elapsed() > LONG { self.long + 1 } else { 0 };
        }
        if self.long >= MOST_LONG {
            (self.wary, self.long) = (WARY, 0);
        }
        let outcome = match connected {
            Ok(()) => met(&socket, &target, may_meet),
            Err(error) if matches!(error.raw_os_error(), Some(libc::EINPROGRESS | libc::EINTR)) => {
                if socket.peer_addr().is_err() {
                    if waits {
                        self.wary = WARY;
                    }
                    return Ok(Called::Waits(socket));
                }
                met(&socket, &target, may_meet)
            }
            Err(error) => {
                // The kernel has ended this call, as hanging up does.
                if error.raw_os_error() == Some(libc::ECONNREFUSED) {
                    *self.kept(family) = Some(Kept { socket, waits });
                }
                return Ok(Called::Over(refused_at_once(&error)));
            }
        };
        if outcome == Outcome::Ok && hang_up(&socket) {
            *self.kept(family) = Some(Kept { socket, waits });
        } else {
            reset_at_close(&socket);
        }
        Ok(Called::Over(outcome))
    }

    /// The socket for the next call, which waits as wanted, if that can be had.
    fn take(&mut self, family: Family, connect: &Connect, waits: bool) -> Result<Kept, Obstacle> {
        let mut kept = match self.kept(family).take() {
            Some(kept) => kept,
            None => Kept { socket: make(connect)?, waits: false },
        };
        if kept.waits != waits {
            // For good: what does not wait does not ask for how long it may.
            let bounded = !waits || kept.socket.set_write_timeout(Some(WAIT)).is_ok();
            kept.waits = waits && bounded;
            if bounded && kept.socket.set_nonblocking(!waits).is_err() {
                kept.waits = !waits;
            }
        }
        Ok(kept)
    }

    /// Closes all. Says whether there were any.
    pub(super) fn clear(&mut self) -> bool {
        [self.v4.take(), self.v6.take()].iter().any(Option::is_some)
    }
}

#[cfg(test)]
mod tests {
    use std::io::{ErrorKind, Read as _};
    use std::net::{SocketAddr, TcpListener};
    use std::time::Instant;

    use socket2::{Domain, Type};

    use super::*;

    fn connect(target: SocketAddr) -> Connect {
        Connect { target, source_address: None, source_port: None, interface: None, mark: None }
    }

    fn over(here: &mut Here, target: SocketAddr) -> Option<Outcome> {
        match here.call(Family::of(target.ip()), &connect(target), false).unwrap() {
            Called::Over(outcome) => Some(outcome),
            Called::Waits(_) => None,
        }
    }

    /// One that nobody can be let in by any more, with those that have its places.
    fn full(address: &str) -> (Socket, SocketAddr, Vec<Socket>) {
        let any: SocketAddr = format!("{address}:0").parse().unwrap();
        let socket = Socket::new(Domain::for_address(any), Type::STREAM, None).unwrap();
        socket.bind(&any.into()).unwrap();
        socket.listen(0).unwrap();
        let target = socket.local_addr().unwrap().as_socket().unwrap();
        let guests = (0..4).map(|_| {
            let guest = Socket::new(Domain::for_address(target), Type::STREAM.nonblocking(), None).unwrap();
            let _ = guest.connect(&target.into());
            guest
        });
        let guests = guests.collect();
        (socket, target, guests)
    }

    #[test]
    fn the_call_itself_says_who_accepts_and_who_refuses_and_one_socket_does_for_all() {
        for address in ["127.0.0.1:0", "[::1]:0"] {
            let listener = TcpListener::bind(address).unwrap();
            let target = listener.local_addr().unwrap();
            let closed = TcpListener::bind(address).unwrap().local_addr().unwrap();
            let family = Family::of(target.ip());
            let mut here = Here::default();
            let mut ports = Vec::new();
            for _ in 0..3 {
                assert_eq!(over(&mut here, target), Some(Outcome::Ok));
                let (mut accepted, peer) = listener.accept().unwrap();
                assert_eq!(accepted.read(&mut [0; 1]).unwrap_err().kind(), ErrorKind::ConnectionReset);
                ports.push(peer.port());
                assert_eq!(over(&mut here, closed), Some(Outcome::Refused));
                let kept = here.kept(family).as_ref().expect("it is kept");
                assert!(kept.waits && kept.socket.peer_addr().is_err() && kept.socket.take_error().unwrap().is_none());
            }
            ports.dedup();
            assert!(ports.len() > 1, "{ports:?}");
        }
    }

    #[test]
    fn who_keeps_a_call_waiting_does_so_once_and_the_others_are_heard_all_the_same() {
        for address in ["127.0.0.1", "[::1]"] {
            let (_full, target, _guests) = full(address);
            let listener = TcpListener::bind(format!("{address}:0")).unwrap();
            let well = listener.local_addr().unwrap();
            let family = Family::of(well.ip());
            let mut here = Here::default();
            assert_eq!(over(&mut here, target), None);
            assert_eq!(here.wary, WARY);
            for left in (WARY - 20..WARY).rev().step_by(2) {
                assert_eq!(over(&mut here, well), Some(Outcome::Ok), "it does not wait, and asks");
                assert_eq!(here.wary, left);
                assert!(here.kept(family).as_ref().is_some_and(|kept| !kept.waits));
                assert_eq!(over(&mut here, target), None);
            }
            here.wary = 0;
            assert_eq!(over(&mut here, well), Some(Outcome::Ok));
            assert!(here.kept(family).as_ref().is_some_and(|kept| kept.waits), "by now it may wait again");
        }
    }

    /// Not how long a tick is, which this machine decides, but that a call in vain does not wait for the kernel's own time, which
    /// is minutes.
    #[test]
    fn a_call_waits_no_longer_than_it_may() {
        let (_full, target, _guests) = full("127.0.0.1");
        let before = Instant::now();
        assert_eq!(over(&mut Here::default(), target), None);
        assert!(before.elapsed() < Duration::from_secs(20));
    }
}
