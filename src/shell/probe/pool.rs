//! Sockets of TCP checks, kept for the next check.
//!
//! A check needs a connection, not a socket of its own: to make a socket, have it watched and close it is half of what a check
//! costs. A socket that is connected to no address (connect(2), `AF_UNSPEC`) gives its connection up with a reset, as one with
//! zero linger does when it is closed, gives its port back, and is as if it were new: so one socket serves check after check.
//! Only those that nothing was asked of can be taken for one another: a mark, an interface or a source stays with the socket.
//!
//! Those that are kept are watched already, each at its place. What calls servers on this host need not be ([`super::here`]).

use std::net::SocketAddr;

use socket2::{Domain, Protocol, Socket, Type};

use super::{Obstacle, obstacle};
use crate::model::{Connect, Family};

/// Sockets that are kept of one family at most. They take from the descriptors that are left to the rest of the process.
const MOST: usize = 32;

/// The sockets that wait for a check, each with its place.
#[derive(Debug, Default)]
pub(super) struct Pool {
    v4: Vec<(usize, Socket)>,
    v6: Vec<(usize, Socket)>,
}

impl Pool {
    fn kept(&mut self, family: Family) -> &mut Vec<(usize, Socket)> {
        match family {
            Family::V4 => &mut self.v4,
            Family::V6 => &mut self.v6,
        }
    }

    /// One of them.
    pub(super) fn take(&mut self, family: Family) -> Option<(usize, Socket)> {
        self.kept(family).pop()
    }

    /// Keeps one that is watched at this place and has a connection. If it cannot be kept it is closed, with a reset too, and
    /// this says so.
    pub(super) fn park(&mut self, family: Family, place: usize, socket: Socket) -> Result<(), Closed> {
        let kept = self.kept(family);
        if kept.len() < MOST && hang_up(&socket) {
            kept.push((place, socket));
            return Ok(());
        }
        reset_at_close(&socket);
        Err(Closed)
    }

    /// How many are watched: each is heard of once more when it has hung up.
    pub(super) fn watching(&self) -> usize {
        self.v4.len() + self.v6.len()
    }

    /// Closes all. Returns the places that were theirs.
    pub(super) fn clear(&mut self) -> Vec<usize> {
        let kept = std::mem::take(self);
        kept.v4.into_iter().chain(kept.v6).map(|(place, _)| place).collect()
    }
}

/// A socket was not kept: nobody has its place any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Closed;

/// Nothing is asked of its socket, and nothing stays with it: one of IPv6 that has called an IPv4 address calls no other than
/// those ever after, and never gets through to one of IPv6.
pub(super) fn is_plain(connect: &Connect) -> bool {
    let Connect { target, source_address, source_port, interface, mark } = connect;
    let stays = match target {
        SocketAddr::V4(_) => false,
        SocketAddr::V6(target) => target.ip().to_ipv4_mapped().is_some() || target.scope_id() != 0,
    };
    !stays && source_address.is_none() && source_port.is_none() && interface.is_none() && mark.is_none()
}

/// A new one.
pub(super) fn make(connect: &Connect) -> Result<Socket, Obstacle> {
    let domain = Domain::for_address(connect.target);
    Socket::new(domain, Type::STREAM.nonblocking(), Some(Protocol::TCP))
        .map_err(|error| obstacle(&error, Obstacle::Ports))
}

/// Has a connection end with a reset, which leaves no TIME_WAIT here and frees the server at once. If that cannot be had, it
/// is closed the slow way.
pub(super) fn reset_at_close(socket: &Socket) {
    let _ = socket.set_linger(Some(std::time::Duration::ZERO));
}

/// Gives the connection up, and with it all that the socket knows of it.
pub(super) fn hang_up(socket: &Socket) -> bool {
    rustix::net::connect_unspec(socket).is_ok()
}

#[cfg(test)]
mod tests {
    use std::io::{ErrorKind, Read as _};
    use std::net::TcpListener;

    use super::*;

    fn call(socket: &Socket, listener: &TcpListener) {
        socket.set_nonblocking(false).unwrap();
        socket.connect(&listener.local_addr().unwrap().into()).unwrap();
    }

    #[test]
    fn a_socket_that_hung_up_has_reset_its_connection_and_calls_the_next_from_another_port() {
        let listeners = [TcpListener::bind("127.0.0.1:0").unwrap(), TcpListener::bind("127.0.0.1:0").unwrap()];
        let mut pool = Pool::default();
        let mut socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        let mut ports = Vec::new();
        for listener in listeners.iter().chain(&listeners) {
            call(&socket, listener);
            assert!(socket.take_error().unwrap().is_none(), "what it met before is forgotten");
            ports.push(socket.local_addr().unwrap().as_socket().unwrap().port());
            let (mut accepted, _) = listener.accept().unwrap();
            assert_eq!(pool.park(Family::V4, 7, socket), Ok(()));
            assert_eq!(accepted.read(&mut [0; 1]).unwrap_err().kind(), ErrorKind::ConnectionReset);
            (_, socket) = pool.take(Family::V4).expect("it was kept");
            assert!(socket.peer_addr().is_err(), "it is connected to nobody");
        }
        ports.dedup();
        assert!(ports.len() > 1, "{ports:?}");
    }

    #[test]
    fn a_socket_that_something_was_asked_of_or_that_called_ipv4_by_ipv6_serves_nobody_else() {
        let plain = |target: &str| Connect {
            target: target.parse().unwrap(),
            source_address: None,
            source_port: None,
            interface: None,
            mark: None,
        };
        let usual = plain("192.0.2.1:80");
        for (connect, is) in [
            (usual.clone(), true),
            (plain("[2001:db8::1]:80"), true),
            (plain("[::ffff:192.0.2.1]:80"), false),
            (plain("[fe80::1%2]:80"), false),
            (Connect { mark: Some(7), ..usual.clone() }, false),
            (Connect { interface: Some("lo".parse().unwrap()), ..usual.clone() }, false),
            (Connect { source_port: Some(7), ..usual.clone() }, false),
            (Connect { source_address: Some([192, 0, 2, 2].into()), ..usual }, false),
        ] {
            assert_eq!(is_plain(&connect), is, "{connect:?}");
        }
    }

    #[test]
    fn no_more_are_kept_than_may_be_and_the_others_are_closed_with_a_reset() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut pool = Pool::default();
        for place in 0..=MOST {
            let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
            call(&socket, &listener);
            let (mut accepted, _) = listener.accept().unwrap();
            assert_eq!(pool.park(Family::V4, place, socket), if place < MOST { Ok(()) } else { Err(Closed) });
            assert_eq!(accepted.read(&mut [0; 1]).unwrap_err().kind(), ErrorKind::ConnectionReset);
        }
        assert!(pool.take(Family::V6).is_none());
        assert_eq!(pool.take(Family::V4).map(|(place, _)| place), Some(MOST - 1));
        assert_eq!(pool.clear().len(), MOST - 1);
        assert!(pool.take(Family::V4).is_none());
    }
}
