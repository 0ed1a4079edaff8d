//! The sockets of the checks, for whichever thread runs checks: non-blocking, each with a place in that thread's epoll.
//!
//! A TCP check is one event. One over HTTP goes on from there: [`exchange`] moves bytes between the socket, TLS where it is
//! wanted ([`tls`]), and [`crate::check::http`], which judges them. Of several pages each has a connection of its own, one
//! after another in the same place. So does one over SMTP ([`mail`]). Name servers, services over UDP and hosts that are pinged
//! are asked with one datagram ([`datagram`]). A path
//! through the forwarding itself is tried by hand ([`path`]). What TLS needs of this host is looked at beforehand ([`needs`]).
//!
//! A connection that was accepted ends with a reset, which leaves no TIME_WAIT here and frees the server at once. Of all that
//! a check costs, system calls are the most: a TCP check of a server connects, looks who is there, and hangs up; its socket
//! serves the next one ([`pool`]; those of this host have an even shorter way, [`here`]). Whether a socket met itself is asked
//! only where its port may be one that the kernel chooses.
//!
//! How long a probe may take is the business of the check's machine; a probe whose time is up is simply dropped.

mod datagram;
mod exchange;
mod fetch;
mod here;
mod mail;
mod needs;
mod path;
mod pool;
mod ports;
mod settings;
mod tls;

use std::collections::{HashMap, VecDeque};
use std::hash::Hash;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::AsRawFd;
use std::sync::Arc;

use mio::unix::SourceFd;
use mio::{Interest, Registry, Token};
use nix::libc;
use nix::sys::socket::setsockopt;
use nix::sys::socket::sockopt::IpBindAddressNoPort;
use socket2::{SockAddr, Socket};

use crate::check::{Obstacle, Outcome, Random, Stage};
use crate::model::{CheckKind, Connect, Family};
use crate::shell::tokens::Source;
use datagram::Datagram;
use exchange::{Exchange, Step};
pub(crate) use fetch::{Fetched, fetch};
use here::{Called, Here};
use mail::Mail;
pub(crate) use needs::warn_of_unusable_tls;
use path::{Call, Calls};
use pool::Pool;
use ports::Ports;
use settings::Settings;

/// Bytes of pages that are kept for expressions at one time, of all probes together.
const MOST_KEPT: usize = 64 * 1024 * 1024;

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
    /// It may be connected to itself.
    may_meet: bool,
    /// Whose socket the next check may have when this one has gone well.
    plain: Option<Family>,
    talk: Talk,
}

/// What there is to say once somebody has accepted.
#[derive(Debug)]
enum Talk {
    /// Nothing: who has accepted is well.
    None,
    /// A request.
    Http(Box<Exchange>),
    /// A greeting.
    Mail(Box<Mail>),
    /// Nobody accepts: a question is asked, and that is all.
    Datagram(Box<Datagram>),
    /// Its socket keeps a port; what comes back is heard by another, of all such probes.
    Path(Box<Call>),
}

impl Talk {
    /// What its socket is to be watched for, if at all.
    fn interest(&self) -> Option<Interest> {
        match self {
            Self::None => Some(Interest::WRITABLE),
            Self::Http(_) | Self::Mail(_) | Self::Datagram(_) => Some(Interest::READABLE | Interest::WRITABLE),
            Self::Path(_) => None,
        }
    }

    /// Bytes of a page that are kept.
    fn kept(&self) -> usize {
        match self {
            Self::Http(exchange) => exchange.answer().kept(),
            Self::None | Self::Mail(_) | Self::Datagram(_) | Self::Path(_) => 0,
        }
    }
}

/// The probes that run. A probe's token is its place.
#[derive(Debug)]
pub(super) struct Prober<Id> {
    registry: Registry,
    places: Vec<Option<Running<Id>>>,
    free: Vec<usize>,
    by_id: HashMap<Id, usize>,
    /// Those that are over, with their places, and whether they went well. Closing a socket takes as long as hearing from it:
    /// what was heard comes first.
    over: Vec<(usize, Running<Id>, bool)>,
    pool: Pool,
    here: Here,
    settings: Settings,
    ports: Ports,
    calls: Calls,
    /// What was heard of several probes at once, and not told yet.
    heard: VecDeque<(Id, Progress)>,
    /// Where datagrams are read into, whoever they are for.
    buffer: datagram::Buffer,
    /// For what an answer is known by, and nobody else should guess.
    random: Random,
    /// Bytes of pages that are kept, and the most that may be.
    kept: usize,
    most_kept: usize,
}

impl<Id: Copy + Eq + Hash> Prober<Id> {
    /// `seed` should not be guessable, nor be what anything starts from that others can watch.
    pub(super) fn new(registry: Registry, seed: u64) -> Self {
        Self::beside(None, registry, seed)
    }

    /// One beside a table of IPVS in another network namespace: paths lead through that one.
    pub(super) fn beside(ipvs: Option<String>, registry: Registry, seed: u64) -> Self {
        let mut random = Random::new(seed);
        Self {
            registry,
            places: Vec::new(),
            free: Vec::new(),
            by_id: HashMap::new(),
            over: Vec::new(),
            pool: Pool::default(),
            here: Here::default(),
            settings: Settings::default(),
            calls: Calls::new(ipvs, &mut random),
            ports: Ports::read(),
            heard: VecDeque::new(),
            buffer: datagram::Buffer::default(),
            random,
            kept: 0,
            most_kept: MOST_KEPT,
        }
    }

    /// A new configuration: files that belong to checks are read anew when they are next needed.
    pub(super) fn reload(&mut self) {
        self.settings = Settings::default();
        self.calls.reload();
    }

    /// Looks again at what may have changed on this host.
    pub(super) fn look(&mut self) {
        self.ports = Ports::read();
    }

    /// Begins a probe. An outcome that is known at once is given back.
    pub(super) fn start(&mut self, id: Id, kind: &CheckKind) -> Option<Outcome> {
        // No more descriptors are taken than probes may run.
        self.close();
        let outcome = self.try_start(id, kind).err();
        if let Some(Outcome::NotTried(Obstacle::ProcessFiles | Obstacle::SystemFiles)) = outcome {
            let any = self.here.clear();
            let places = self.pool.clear();
            if any || !places.is_empty() {
                self.free.extend(places);
                return self.try_start(id, kind).err();
            }
        }
        outcome
    }

    fn try_start(&mut self, id: Id, kind: &CheckKind) -> Result<(), Outcome> {
        let mut plain = None;
        let (socket, may_meet, talk) = match kind {
            // No socket has an answer to these.
            CheckKind::Script(_) => return Err(Outcome::NotTried(Obstacle::Script)),
            CheckKind::File(_) => return Err(Outcome::NotTried(Obstacle::File)),
            CheckKind::Tcp(connect) => {
                plain = pool::is_plain(connect).then(|| Family::of(connect.target.ip()));
                match self.call_plainly(id, connect, &mut plain)? {
                    None => return Ok(()),
                    Some((socket, may_meet)) => (socket, may_meet, Talk::None),
                }
            }
            CheckKind::Http(probe) => {
                let exchange = Exchange::new(probe, 0, &mut self.settings).map_err(Outcome::NotTried)?;
                let talk = exchange.map_or(Talk::None, |exchange| Talk::Http(Box::new(exchange)));
                let (socket, may_meet) = call(&probe.connect, self.ports)?;
                (socket, may_meet, talk)
            }
            CheckKind::Smtp(probe) => {
                let (socket, may_meet) = call(&probe.connect, self.ports)?;
                let mail = Mail::new(probe, &socket);
                (socket, may_meet, Talk::Mail(Box::new(mail)))
            }
            CheckKind::Dns(probe) => ask(&probe.connect, Datagram::dns(probe, &mut self.random))?,
            CheckKind::Udp(probe) => ask(&probe.connect, Datagram::udp(probe, &mut self.random))?,
            CheckKind::Ping(connect) => ask(connect, Datagram::ping(connect, &mut self.random))?,
            CheckKind::Path(probe) => {
                let (socket, call) = self.calls.call(probe, &self.registry, &mut self.random)?;
                (socket, false, Talk::Path(Box::new(call)))
            }
        };
        let place = self.free.pop().unwrap_or_else(|| {
            self.places.push(None);
            self.places.len() - 1
        });
        match self.watch(place, id, (socket, may_meet), talk) {
            Ok(running) => {
                let running = Running { plain, ..running };
                if let Some(entry) = self.places.get_mut(place) {
                    if let Talk::Path(call) = &running.talk {
                        self.calls.wait(call, place);
                    }
                    *entry = Some(running);
                    self.by_id.insert(id, place);
                }
                Ok(())
            }
            Err(outcome) => {
                self.free.push(place);
                Err(outcome)
            }
        }
    }

    /// Has the events of a socket told to this place.
    fn watch(
        &self,
        place: usize,
        id: Id,
        (socket, may_meet): (Socket, bool),
        talk: Talk,
    ) -> Result<Running<Id>, Outcome> {
        let (fd, interest) = (socket.as_raw_fd(), talk.interest());
        if let Some(interest) = interest {
            self.registry
                .register(&mut SourceFd(&fd), Token(place), interest)
                .map_err(|error| Outcome::NotTried(obstacle(&error, Obstacle::Ports)))?;
        }
        Ok(Running { id, socket, stage: Stage::Connecting, may_meet, plain: None, talk })
    }

    /// Begins a check that says nothing, by a socket that served another if it is `plain`, which it is then no more unless this
    /// one may serve others too. One that is not watched yet is given back.
    fn call_plainly(
        &mut self,
        id: Id,
        connect: &Connect,
        plain: &mut Option<Family>,
    ) -> Result<Option<(Socket, bool)>, Outcome> {
        let may_meet = self.ports.may_meet(connect);
        let Some(family) = *plain else { return call(connect, self.ports).map(Some) };
        if connect.target.ip().is_loopback() {
            *plain = None;
            return match self.here.call(family, connect, may_meet) {
                Ok(Called::Over(outcome)) => Err(outcome),
                Ok(Called::Waits(socket)) => Ok(Some((socket, may_meet))),
                Err(obstacle) => Err(Outcome::NotTried(obstacle)),
            };
        }
        let Some((place, socket)) = self.pool.take(family) else { return call(connect, self.ports).map(Some) };
        if let Err(outcome) = reach(&socket, connect) {
            drop(socket);
            self.free.push(place);
            return Err(outcome);
        }
        if let Some(entry) = self.places.get_mut(place) {
            *entry = Some(Running { id, socket, stage: Stage::Connecting, may_meet, plain: *plain, talk: Talk::None });
            self.by_id.insert(id, place);
        }
        Ok(None)
    }

    /// Drops a probe if it runs.
    pub(super) fn cancel(&mut self, id: Id) {
        if let Some(place) = self.by_id.remove(&id) {
            self.clear(place, false);
        }
    }

    /// Something happened to the socket of this token. After news there may be [`more`](Self::more).
    pub(super) fn ready(&mut self, token: Token) -> Option<(Id, Progress)> {
        let paths = [Family::V4, Family::V6].into_iter().find(|family| Source::paths(*family).token() == token);
        if let Some(family) = paths {
            self.hear(family);
            return self.more();
        }
        let running = self.places.get_mut(token.0)?.as_mut()?;
        let id = running.id;
        let before = running.talk.kept();
        let progress = running.go_on(&self.registry, token, &mut self.buffer);
        let more = running.talk.kept().saturating_sub(before);
        self.kept += more;
        // Many servers may stall behind large pages at one moment, as those that wait for one disk do.
        let progress = match progress {
            None | Some(Progress::Reached(_)) if more > 0 && self.kept > self.most_kept => {
                Progress::Done(Outcome::NotTried(Obstacle::Room))
            }
            progress => progress?,
        };
        let progress = match progress {
            Progress::Done(Outcome::Ok) => self.next_page(token.0),
            progress @ (Progress::Done(_) | Progress::Reached(_)) => progress,
        };
        if let Progress::Done(outcome) = progress {
            self.by_id.remove(&id);
            self.clear(token.0, outcome == Outcome::Ok);
        }
        Some((id, progress))
    }

    /// A page was as expected: asks for the next one, if there is one, in the same place.
    fn next_page(&mut self, place: usize) -> Progress {
        match self.places.get(place) {
            Some(Some(Running { talk: Talk::Http(_), .. })) => {}
            Some(_) | None => return Progress::Done(Outcome::Ok),
        }
        let Some(running) = self.places.get_mut(place).and_then(Option::take) else {
            return Progress::Done(Outcome::Ok);
        };
        let Running { id, socket, talk, .. } = running;
        self.kept = self.kept.saturating_sub(talk.kept());
        // Its port must be free for the next.
        drop(socket);
        let next = match &talk {
            Talk::None | Talk::Mail(_) | Talk::Datagram(_) | Talk::Path(_) => Ok(None),
            Talk::Http(exchange) => exchange.next(&mut self.settings),
        };
        let next = match next {
            Ok(Some(next)) => {
                let probe = Arc::clone(next.probe());
                call(&probe.connect, self.ports)
                    .and_then(|called| self.watch(place, id, called, Talk::Http(Box::new(next))))
            }
            Ok(None) => Err(Outcome::Ok),
            Err(obstacle) => Err(Outcome::NotTried(obstacle)),
        };
        match next {
            Ok(running) => {
                if let Some(entry) = self.places.get_mut(place) {
                    *entry = Some(running);
                }
                Progress::Reached(Stage::Connecting)
            }
            Err(outcome) => {
                self.free.push(place);
                Progress::Done(outcome)
            }
        }
    }

    /// How many sockets there are that something may happen to.
    pub(super) fn sockets(&self) -> usize {
        self.by_id.len() + self.over.len() + self.pool.watching()
    }

    /// News that came with other news.
    pub(super) fn more(&mut self) -> Option<(Id, Progress)> {
        self.heard.pop_front()
    }

    /// Answers to calls of paths.
    fn hear(&mut self, family: Family) {
        let places = &self.places;
        let call = |place: usize| match &places.get(place)?.as_ref()?.talk {
            Talk::Path(call) => Some(call.as_ref()),
            Talk::None | Talk::Http(_) | Talk::Mail(_) | Talk::Datagram(_) => None,
        };
        let (heard, is_full) = self.calls.hear(family, call);
        for (place, outcome) in heard {
            // Who answers twice is heard once.
            let Some(id) = self.places.get(place).and_then(Option::as_ref).map(|running| running.id) else { continue };
            self.by_id.remove(&id);
            self.clear(place, false);
            self.heard.push_back((id, Progress::Done(outcome)));
        }
        if is_full {
            self.calls.ask_again(family, &self.registry);
        }
    }

    fn clear(&mut self, place: usize, well: bool) {
        if let Some(gone) = self.places.get_mut(place).and_then(Option::take) {
            self.kept = self.kept.saturating_sub(gone.talk.kept());
            if let Talk::Path(call) = &gone.talk {
                self.calls.end(call);
            }
            self.over.push((place, gone, well));
        }
    }

    /// Closes the sockets of probes that are over, which takes them out of the epoll too, or keeps them for others: only then
    /// is a place free. To be done at the end of every turn.
    pub(super) fn close(&mut self) {
        for (place, gone, well) in self.over.drain(..) {
            match gone.plain {
                Some(family) if well && self.pool.park(family, place, gone.socket).is_ok() => {}
                Some(_) | None => self.free.push(place),
            }
        }
    }
}

impl<Id> Running<Id> {
    fn go_on(&mut self, registry: &Registry, token: Token, buffer: &mut datagram::Buffer) -> Option<Progress> {
        let connects = match &self.talk {
            Talk::None | Talk::Http(_) | Talk::Mail(_) => true,
            Talk::Datagram(_) | Talk::Path(_) => false,
        };
        if connects && self.stage == Stage::Connecting {
            // Who has a peer is connected. Only where there is none is it asked why.
            let peer = match self.socket.peer_addr() {
                Ok(peer) => peer,
                Err(_) => match self.socket.take_error() {
                    Ok(Some(error)) | Err(error) => return Some(Progress::Done(connect_error(&error))),
                    // Woken for nothing: still on the way.
                    Ok(None) => return None,
                },
            };
            let met = met(&self.socket, &peer, self.may_meet);
            if self.plain.is_none() || met != Outcome::Ok {
                pool::reset_at_close(&self.socket);
            }
            if met != Outcome::Ok {
                return Some(Progress::Done(met));
            }
        }
        let step = match &mut self.talk {
            Talk::None => return Some(Progress::Done(Outcome::Ok)),
            Talk::Http(exchange) => exchange.go_on(&self.socket),
            Talk::Mail(mail) => mail.go_on(&self.socket).map(Step::Waits),
            Talk::Datagram(datagram) => datagram.go_on(&self.socket, buffer),
            Talk::Path(_) => return None,
        };
        let stage = match step {
            Err(outcome) => return Some(Progress::Done(outcome)),
            Ok(Step::Waits(stage)) => stage,
            Ok(Step::GoesOn(stage)) => {
                // Events are told once: this has what is there already told again.
                let (fd, interest) = (self.socket.as_raw_fd(), self.talk.interest());
                if let Some(interest) = interest
                    && let Err(error) = registry.reregister(&mut SourceFd(&fd), token, interest)
                {
                    return Some(Progress::Done(Outcome::NotTried(obstacle(&error, Obstacle::Ports))));
                }
                stage
            }
        };
        if stage == self.stage {
            return None;
        }
        self.stage = stage;
        Some(Progress::Reached(stage))
    }
}

/// Whether somebody has accepted.
fn met(socket: &Socket, peer: &SockAddr, may_meet: bool) -> Outcome {
    // Where nobody listens on a port of this host, a connect from that very port meets itself (RFC 9293, section 3.5, figure
    // 7: simultaneous open). The kernel may choose it, once in as many probes as there are ports.
    let itself = may_meet && socket.local_addr().is_ok_and(|local| local == *peer);
    if itself { Outcome::Refused } else { Outcome::Ok }
}

/// Begins a connection, and says whether it may come to be one with itself.
fn call(connect: &Connect, ports: Ports) -> Result<(Socket, bool), Outcome> {
    let socket = pool::make(connect).map_err(Outcome::NotTried)?;
    prepare(&socket, connect, connect.source_port).map_err(Outcome::NotTried)?;
    reach(&socket, connect)?;
    Ok((socket, ports.may_meet(connect)))
}

/// Has a socket connect.
fn reach(socket: &Socket, connect: &Connect) -> Result<(), Outcome> {
    match socket.connect(&connect.target.into()) {
        Err(error) if error.raw_os_error() != Some(libc::EINPROGRESS) => Err(refused_at_once(&error)),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Points a datagram's socket at whom it is for: nobody else is heard then.
fn ask(connect: &Connect, made: Result<(Socket, Datagram), Obstacle>) -> Result<(Socket, bool, Talk), Outcome> {
    let (socket, datagram) = made.map_err(Outcome::NotTried)?;
    socket.connect(&connect.target.into()).map_err(|error| refused_at_once(&error))?;
    Ok((socket, false, Talk::Datagram(Box::new(datagram))))
}

/// Gives a socket its mark, interface and source.
fn prepare(socket: &Socket, connect: &Connect, source_port: Option<u16>) -> Result<(), Obstacle> {
    if let Some(mark) = connect.mark {
        socket.set_mark(mark).map_err(|error| obstacle(&error, Obstacle::Ports))?;
    }
    if let Some(interface) = &connect.interface {
        socket.bind_device(Some(interface.as_bytes())).map_err(|error| obstacle(&error, Obstacle::Ports))?;
    }
    if connect.source_address.is_some() || source_port.is_some() {
        let any = match connect.target {
            SocketAddr::V4(_) => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
            SocketAddr::V6(_) => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
        };
        let source = SocketAddr::new(connect.source_address.unwrap_or(any), source_port.unwrap_or(0));
        if source_port.is_some() {
            // The last probe from this port may not be quite gone.
            let _ = socket.set_reuse_address(true);
        } else {
            // The port is chosen at connect, where only the pair with the target has to be free, not at bind.
            let _ = setsockopt(socket, IpBindAddressNoPort, &true);
        }
        socket.bind(&source.into()).map_err(|error| obstacle(&error, Obstacle::SourceAddress))?;
    }
    Ok(())
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

/// What a connect that failed before anything left this host says: without a route, something about this host. Routes may say
/// themselves that they lead nowhere (`unreachable`: `EHOSTUNREACH`, `blackhole`: `EINVAL`), as routing daemons set them. A
/// neighbour that does not answer is known later, though the neighbour table may know it already.
fn refused_at_once(error: &io::Error) -> Outcome {
    match error.raw_os_error() {
        Some(libc::ENETUNREACH | libc::ENETDOWN | libc::EHOSTUNREACH | libc::EINVAL) => {
            Outcome::NotTried(Obstacle::NoRoute)
        }
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
