//! The sockets of the checks, for whichever thread runs checks: non-blocking, each with a place in that thread's epoll.
//!
//! A TCP check is one event. One over HTTP goes on from there: [`exchange`] moves bytes between the socket, TLS where it is
//! wanted ([`tls`]), and [`crate::check::http`], which judges them.
//!
//! A connection that was accepted is closed with zero linger: a reset leaves no TIME_WAIT here and frees the server at once.
//! How long a probe may take is the business of the check's machine; a probe whose time is up is simply dropped.

mod exchange;
mod tls;

use std::collections::HashMap;
use std::hash::Hash;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::AsRawFd;
use std::time::Duration;

use mio::unix::SourceFd;
use mio::{Interest, Registry, Token};
use nix::libc;
use nix::sys::socket::setsockopt;
use nix::sys::socket::sockopt::IpBindAddressNoPort;
use socket2::{Domain, Protocol, Socket, Type};

use crate::check::{Obstacle, Outcome, Stage};
use crate::model::{CheckKind, Connect};
use exchange::Exchange;

/// News of a probe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Progress {
    /// It has come so far, and goes on.
    Reached(Stage),
    /// It is over.
    Done(Outcome),
}

#[derive(Debug)]
struct Running<Id> {
    id: Id,
    socket: Socket,
    stage: Stage,
    talk: Talk,
}

/// What there is to say once somebody has accepted.
#[derive(Debug)]
enum Talk {
    /// Nothing: who has accepted is well.
    None,
    /// A request.
    Http(Box<Exchange>),
}

/// The probes that run. A probe's token is its place.
#[derive(Debug)]
pub(super) struct Prober<Id> {
    registry: Registry,
    places: Vec<Option<Running<Id>>>,
    free: Vec<usize>,
    by_id: HashMap<Id, usize>,
    tls: tls::Settings,
}

impl<Id: Copy + Eq + Hash> Prober<Id> {
    pub(super) fn new(registry: Registry) -> Self {
        Self { registry, places: Vec::new(), free: Vec::new(), by_id: HashMap::new(), tls: tls::Settings::default() }
    }

    /// A new configuration: files that belong to checks are read anew when they are next needed.
    pub(super) fn reload(&mut self) {
        self.tls = tls::Settings::default();
    }

    /// Begins a probe. An outcome that is known at once is given back.
    pub(super) fn start(&mut self, id: Id, kind: &CheckKind) -> Option<Outcome> {
        self.try_start(id, kind).err()
    }

    fn try_start(&mut self, id: Id, kind: &CheckKind) -> Result<(), Outcome> {
        let (connect, talk) = match kind {
            CheckKind::Tcp(connect) => (connect, Talk::None),
            CheckKind::Http(probe) => {
                let exchange = Exchange::new(probe, &mut self.tls).map_err(Outcome::NotTried)?;
                (&probe.connect, Talk::Http(Box::new(exchange)))
            }
        };
        let socket = open(connect).map_err(Outcome::NotTried)?;
        let talks = match talk {
            Talk::None => false,
            Talk::Http(_) => true,
        };
        match socket.connect(&connect.target.into()) {
            Ok(()) if !talks => return Err(accepted(&socket)),
            Ok(()) => {}
            Err(error) if error.raw_os_error() == Some(libc::EINPROGRESS) => {}
            Err(error) => return Err(refused_at_once(&error)),
        }
        let place = self.free.pop().unwrap_or_else(|| {
            self.places.push(None);
            self.places.len() - 1
        });
        let interest = if talks { Interest::READABLE | Interest::WRITABLE } else { Interest::WRITABLE };
        let fd = socket.as_raw_fd();
        if let Err(error) = self.registry.register(&mut SourceFd(&fd), Token(place), interest) {
            self.free.push(place);
            return Err(Outcome::NotTried(obstacle(&error, Obstacle::Ports)));
        }
        if let Some(entry) = self.places.get_mut(place) {
            *entry = Some(Running { id, socket, stage: Stage::Connecting, talk });
            self.by_id.insert(id, place);
        }
        Ok(())
    }

    /// Drops a probe if it runs.
    pub(super) fn cancel(&mut self, id: Id) {
        if let Some(place) = self.by_id.remove(&id) {
            self.clear(place);
        }
    }

    /// Something happened to the socket in this place.
    pub(super) fn ready(&mut self, token: Token) -> Option<(Id, Progress)> {
        let running = self.places.get_mut(token.0)?.as_mut()?;
        let id = running.id;
        let progress = running.go_on()?;
        if let Progress::Done(_) = progress {
            self.by_id.remove(&id);
            self.clear(token.0);
        }
        Some((id, progress))
    }

    /// Closing takes it out of the epoll too.
    fn clear(&mut self, place: usize) {
        if self.places.get_mut(place).and_then(Option::take).is_some() {
            self.free.push(place);
        }
    }
}

impl<Id> Running<Id> {
    fn go_on(&mut self) -> Option<Progress> {
        if self.stage == Stage::Connecting {
            match self.socket.take_error() {
                Ok(Some(error)) | Err(error) => return Some(Progress::Done(connect_error(&error))),
                // Woken for nothing: still on the way.
                Ok(None) if self.socket.peer_addr().is_err() => return None,
                Ok(None) => {}
            }
            let accepted = accepted(&self.socket);
            if accepted != Outcome::Ok {
                return Some(Progress::Done(accepted));
            }
        }
        let reached = match &mut self.talk {
            Talk::None => Err(Outcome::Ok),
            Talk::Http(exchange) => exchange.go_on(&self.socket),
        };
        match reached {
            Err(outcome) => Some(Progress::Done(outcome)),
            Ok(stage) if stage == self.stage => None,
            Ok(stage) => {
                self.stage = stage;
                Some(Progress::Reached(stage))
            }
        }
    }
}

fn accepted(socket: &Socket) -> Outcome {
    // Where nobody listens on a port of this host, a connect from that very port meets itself (RFC 9293, section 3.5, figure
    // 7: simultaneous open). The kernel may choose it, once in as many probes as there are ports.
    let itself = match (socket.local_addr(), socket.peer_addr()) {
        (Ok(local), Ok(peer)) => local == peer,
        (Err(_), _) | (_, Err(_)) => false,
    };
    // If it cannot be had, the connection is closed the slow way.
    let _ = socket.set_linger(Some(Duration::ZERO));
    if itself { Outcome::Refused } else { Outcome::Ok }
}

fn open(connect: &Connect) -> Result<Socket, Obstacle> {
    let domain = Domain::for_address(connect.target);
    let socket = Socket::new(domain, Type::STREAM.nonblocking(), Some(Protocol::TCP))
        .map_err(|error| obstacle(&error, Obstacle::Ports))?;
    if let Some(mark) = connect.mark {
        socket.set_mark(mark).map_err(|error| obstacle(&error, Obstacle::Ports))?;
    }
    if let Some(interface) = &connect.interface {
        socket.bind_device(Some(interface.as_bytes())).map_err(|error| obstacle(&error, Obstacle::Ports))?;
    }
    if connect.source_address.is_some() || connect.source_port.is_some() {
        let any = match connect.target {
            SocketAddr::V4(_) => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
            SocketAddr::V6(_) => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
        };
        let source = SocketAddr::new(connect.source_address.unwrap_or(any), connect.source_port.unwrap_or(0));
        if connect.source_port.is_some() {
            // The last probe from this port may not be quite gone.
            let _ = socket.set_reuse_address(true);
        } else {
            // The port is chosen at connect, where only the pair with the target has to be free, not at bind.
            let _ = setsockopt(&socket, IpBindAddressNoPort, &true);
        }
        socket.bind(&source.into()).map_err(|error| obstacle(&error, Obstacle::SourceAddress))?;
    }
    Ok(socket)
}

/// Why a socket could not be made. `unavailable` is what `EADDRNOTAVAIL` means at this point.
fn obstacle(error: &io::Error, unavailable: Obstacle) -> Obstacle {
    match error.raw_os_error() {
        Some(libc::EMFILE) => Obstacle::ProcessFiles,
        Some(libc::ENFILE) => Obstacle::SystemFiles,
        Some(libc::ENOBUFS | libc::ENOSPC) => Obstacle::Buffers,
        Some(libc::ENOMEM) => Obstacle::Memory,
        Some(libc::EADDRNOTAVAIL) => unavailable,
        Some(libc::EADDRINUSE) => Obstacle::SourcePort,
        Some(libc::ENODEV) => Obstacle::Interface,
        Some(libc::EPERM | libc::EACCES) => Obstacle::Permission,
        Some(libc::EAFNOSUPPORT) => Obstacle::Family,
        Some(errno) => Obstacle::Other(errno),
        None => Obstacle::Other(0),
    }
}

/// What a connect that failed before anything left this host says: without a route, something about this host.
fn refused_at_once(error: &io::Error) -> Outcome {
    match error.raw_os_error() {
        Some(libc::ENETUNREACH | libc::ENETDOWN) => Outcome::NotTried(Obstacle::NoRoute),
        Some(_) | None => connect_error(error),
    }
}

fn connect_error(error: &io::Error) -> Outcome {
    match error.raw_os_error() {
        Some(libc::ECONNREFUSED) => Outcome::Refused,
        Some(libc::ETIMEDOUT) => Outcome::Timeout,
        Some(libc::ECONNRESET | libc::ECONNABORTED | libc::EPIPE) => Outcome::Reset,
        Some(libc::EHOSTUNREACH | libc::EHOSTDOWN) => Outcome::HostUnreachable,
        Some(libc::ENETUNREACH | libc::ENETDOWN) => Outcome::NetworkUnreachable,
        Some(libc::ENOPROTOOPT | libc::EPROTO) => Outcome::ProtocolUnreachable,
        Some(libc::EPERM | libc::EACCES) => Outcome::NotTried(Obstacle::Firewall),
        Some(
            libc::EMFILE
            | libc::ENFILE
            | libc::ENOBUFS
            | libc::ENOMEM
            | libc::EADDRNOTAVAIL
            | libc::EADDRINUSE
            | libc::ENODEV
            | libc::EAFNOSUPPORT,
        ) => Outcome::NotTried(obstacle(error, Obstacle::Ports)),
        Some(errno) => Outcome::Other(errno),
        None => Outcome::Other(0),
    }
}

#[cfg(test)]
mod tests;
