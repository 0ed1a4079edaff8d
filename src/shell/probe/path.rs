//! Calls through the forwarding itself: a SYN that this host's own IPVS forwards to one server, and what comes back of it.
//!
//! # What the kernel does
//!
//! Found in the lab (Linux 6.1) and in its source. A packet of this host's own that carries a mark for which IPVS has a
//! service is forwarded like a client's: `ip_vs_in_hook` also stands at LOCAL_OUT (`ip_vs_ops4`, `ip_vs_ops6`,
//! net/netfilter/ipvs/ip_vs_core.c), the mark is looked up before the address (`ip_vs_service_find`), and the senders of
//! ip_vs_xmit.c route the packet anew (`__ip_vs_get_out_rt`), whether its first route was local or not. So far NAT, direct
//! routing and tunnels work alike, over IPv4 and IPv6, with `net.ipv4.vs.conntrack` or without, on a host that holds the virtual address and
//! on one that does not. The answer is where an ordinary socket fails:
//!
//! - With direct routing and tunnels it comes straight from the server, from the virtual address. Where this host holds that
//!   address (the master, who serves), an IPv4 packet from it that comes in by a wire is a martian: `fib_validate_source`
//!   drops it (net/ipv4/fib_frontend.c) unless `accept_local` is set, and to set that would let anybody pretend to be us.
//!   IPv6 has no such check.
//! - A socket that does not say where it calls from calls a local virtual address from that very address. With NAT that works
//!   over IPv4; a server that has the address as well, on its loopback, takes the packet for a lie about its own address and
//!   drops it.
//!
//! # What is done instead
//!
//! The call is made by hand. A raw socket sends the SYN, marked, from an address of this host that is not the virtual one: the
//! one that it would call the server from. The answer is taken by a packet socket, which sees it before any route is
//! looked up (`__netif_receive_skb_core` delivers to it first). Then a reset goes the same way as the SYN, so that neither
//! the server nor IPVS keeps half a connection; the program at the server never hears of it. Nothing of the host is
//! changed: no sysctl, no address, no namespace, no rule.
//!
//! An answer is known by the number that it acknowledges: the upper half of it is drawn once for the process and sifted out by
//! the kernel's packet filter, the lower half tells the call. Who is to be heard, at which port, is compared besides.
//!
//! Where the table is that of another network namespace (`net_namespace_ipvs`), the packets have to be there as well: all sockets
//! of calls are opened in it, and who the source is, is asked there. It is checks of the servers' own addresses that go from here.
//!
//! A TCP socket is bound to the port and does nothing else, so that nobody of this host uses it meanwhile. IPVS remembers
//! where a connection goes for up to a minute after its SYN, so a port is not used again for the same address before that: the next
//! call could be another server's.
//!
//! With direct routing and tunnels the server must have the virtual address and must not say so: who answers ARP for it takes clients
//! past this host. So with each call it is asked who has the address ([`arp`]), and who answers the call is looked for among those.
//!
//! # What it costs, and what it cannot see
//!
//! While a check of a path exists, each packet that this host receives runs through a filter of five to twelve instructions.
//! Each call leaves a closed connection in IPVS for ten seconds, and costs a short-lived thread if it is in another namespace. On a host without any route to the virtual address IPv4 calls
//! are made all the same (the raw socket is bound to the loopback interface, and the kernel then takes the address to be
//! there); IPv6 calls are not, and wait. With NAT the server answers an address that may be in its own network, so a default
//! route of the server's that does not lead through this host is not seen.

mod arp;

use std::collections::{HashMap, HashSet, VecDeque};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::os::fd::AsRawFd;
use std::time::{Duration, Instant};

use mio::unix::SourceFd;
use mio::{Interest, Registry};
use nix::errno::Errno;
use nix::libc;
use nix::sys::socket::{LinkAddr, recvfrom};
use socket2::{Domain, Protocol, SockFilter, Socket, Type};

use super::obstacle;
use crate::check::{Directly, Obstacle, Outcome, Random};
use crate::model::{Family, PathProbe};
use crate::shell::namespace::open_in;
use crate::shell::router::program::{AND, Instruction, LOAD_BYTE, LOAD_HALF, RETURN, WHOLE, equal, plain};
use crate::shell::tokens::Source;
use crate::wire::tcp::{self, ACK, PROTOCOL_TCP, RST, SYN, Segment};
use crate::wire::{ipv4, ipv6};
use arp::Arp;

/// Of include/uapi/linux/if_ether.h, in network order.
const ETH_P_IP: u16 = 0x0800_u16.to_be();
const ETH_P_IPV6: u16 = 0x86dd_u16.to_be();
/// `IPPROTO_RAW`: sends packets with their headers, receives nothing.
const RAW: i32 = 255;
/// IPVS forgets a SYN that nobody answered after 60 s (`tcp_timeouts`, ip_vs_proto_tcp.c).
const REST: Duration = Duration::from_secs(65);
/// Ports that are tried before there is said to be none.
const TRIES: usize = 16;
/// Packets that are read in one turn.
const MOST_AT_ONCE: usize = 4096;
/// Where the host calls a server from shows a socket that is pointed there; nothing is sent to this port.
const DISCARD: u16 = 9;

/// A call that waits for its answer.
#[derive(Debug)]
pub(super) struct Call {
    probe: PathProbe,
    source: SocketAddr,
    /// What an answer acknowledges.
    number: u32,
    /// The link on which it was asked who has the virtual address, by its number, where that matters.
    asked_on: Option<u32>,
}

/// The sockets that all calls share, each made when it is first needed, and what is known of calls that were made.
#[derive(Debug)]
pub(super) struct Calls {
    /// Whose IPVS the calls go through, if not that of our own network namespace.
    namespace: Option<String>,
    /// The upper half of all numbers.
    cookie: u16,
    taps: [Option<Socket>; 2],
    senders: [Option<Socket>; 2],
    arp: Arp,
    /// The place of each call that waits, by the lower half of its number.
    waiting: HashMap<u16, usize>,
    /// A new configuration may need none of it.
    is_stale: bool,
    /// Ports that IPVS may remember, until when.
    resting: VecDeque<(Instant, SocketAddr, SocketAddr)>,
    rests: HashSet<(SocketAddr, SocketAddr)>,
}

impl Calls {
    pub(super) fn new(namespace: Option<String>, random: &mut Random) -> Self {
        Self {
            namespace,
            cookie: upper(random.bits()),
            taps: [None, None],
            senders: [None, None],
            arp: Arp::default(),
            waiting: HashMap::new(),
            is_stale: false,
            resting: VecDeque::new(),
            rests: HashSet::new(),
        }
    }

    /// Closes what no check may need any more, once no call waits.
    pub(super) fn reload(&mut self) {
        self.is_stale = true;
        self.close();
    }

    fn close(&mut self) {
        if self.is_stale && self.waiting.is_empty() {
            self.taps = [None, None];
            self.senders = [None, None];
            self.arp = Arp::default();
            self.is_stale = false;
        }
    }

    /// Makes a call. The socket keeps its port.
    pub(super) fn call(
        &mut self,
        probe: &PathProbe,
        registry: &Registry,
        random: &mut Random,
    ) -> Result<(Socket, Call), Outcome> {
        self.is_stale = false;
        let family = Family::of(probe.through.ip());
        self.listen(family, registry).map_err(Outcome::NotTried)?;
        let (socket, source) = self.port(probe).map_err(Outcome::NotTried)?;
        let mut lower = upper(random.bits());
        while self.waiting.contains_key(&lower) {
            lower = lower.wrapping_add(1);
        }
        let number = u32::from(self.cookie) << 16 | u32::from(lower);
        let asked_on = self.arp.ask(probe, source.ip(), self.namespace.as_deref(), Instant::now());
        let call = Call { probe: probe.clone(), source, number, asked_on };
        self.send(&call, SYN, number.wrapping_sub(1)).map_err(|error| not_sent(&error))?;
        Ok((socket, call))
    }

    /// The call waits at this place.
    pub(super) fn wait(&mut self, call: &Call, place: usize) {
        self.waiting.insert(call.lower(), place);
    }

    /// Hangs up.
    pub(super) fn end(&mut self, call: &Call) {
        self.waiting.remove(&call.lower());
        // The half-open connection ends by itself if this gets lost.
        let _ = self.send(call, RST, call.number);
        let pair = (call.source, call.probe.through);
        if self.rests.insert(pair) {
            self.resting.push_back((Instant::now() + REST, pair.0, pair.1));
        }
        self.close();
    }

    /// Reads answers: places of calls with what was answered. True: more may lie there.
    pub(super) fn hear<'c>(
        &mut self,
        family: Family,
        call: impl Fn(usize) -> Option<&'c Call>,
    ) -> (Vec<(usize, Outcome)>, bool) {
        let mut heard = Vec::new();
        let Some(Some(socket)) = self.taps.get_mut(place(family)) else { return (heard, false) };
        let namespace = self.namespace.as_deref();
        let mut bytes = [0; 128];
        for _ in 0..MOST_AT_ONCE {
            match recvfrom::<LinkAddr>(socket.as_raw_fd(), &mut bytes) {
                Ok((length, sender)) => {
                    let Some(answer) = bytes.get(..length).and_then(|packet| Answer::read(family, packet)) else {
                        continue;
                    };
                    let Some(place) = self.waiting.get(&lower(answer.number)).copied() else { continue };
                    let Some(call) = call(place) else { continue };
                    let Some(outcome) = answer.judge(call) else { continue };
                    let server = sender.and_then(arp::mac).filter(|_| outcome == Outcome::Ok);
                    let flaw = server.and_then(|server| self.arp.answers(call, server, namespace, Instant::now()));
                    heard.push((place, flaw.unwrap_or(outcome)));
                }
                // An interface that goes down is told as an error, once.
                Err(Errno::EINTR | Errno::ENETDOWN) => {}
                Err(_) => return (heard, false),
            }
        }
        (heard, true)
    }

    /// Has the rest of what lies there told again.
    pub(super) fn ask_again(&self, family: Family, registry: &Registry) {
        if let Some(Some(socket)) = self.taps.get(place(family)) {
            let token = Source::paths(family).token();
            // If it is refused, calls that wait run into their timeouts.
            let _ = registry.reregister(&mut SourceFd(&socket.as_raw_fd()), token, Interest::READABLE);
        }
    }

    fn listen(&mut self, family: Family, registry: &Registry) -> Result<(), Obstacle> {
        let tap = self.taps.get_mut(place(family)).ok_or(Obstacle::Family)?;
        if tap.is_none() {
            let cookie = self.cookie;
            let opened = within(self.namespace.as_deref(), || open_tap(cookie, family))?;
            let opened = opened.and_then(|tap| {
                let token = Source::paths(family).token();
                registry.register(&mut SourceFd(&tap.as_raw_fd()), token, Interest::READABLE)?;
                Ok(tap)
            });
            *tap = Some(opened.map_err(|error| not_opened(&error))?);
        }
        Ok(())
    }

    /// A port, of the address that the call comes from, that neither this host nor IPVS has another use for.
    fn port(&mut self, probe: &PathProbe) -> Result<(Socket, SocketAddr), Obstacle> {
        let now = Instant::now();
        while let Some((_, source, through)) = self.resting.pop_front_if(|(until, ..)| *until <= now) {
            self.rests.remove(&(source, through));
        }
        let rests = &self.rests;
        let open = || open_port(source(probe)?, |source| !rests.contains(&(source, probe.through)));
        within(self.namespace.as_deref(), open)?
    }

    fn send(&mut self, call: &Call, flags: u8, sequence: u32) -> io::Result<()> {
        let (source, through) = (call.source, call.probe.through);
        let header = tcp::Header { source_port: source.port(), destination_port: through.port(), sequence, flags };
        let segment = header.emit(source.ip(), through.ip());
        let packet = packet(source.ip(), through.ip(), &segment)?;
        let family = Family::of(through.ip());
        let sender = self.senders.get_mut(place(family)).ok_or(io::ErrorKind::Unsupported)?;
        let socket = match sender {
            Some(socket) => socket,
            // The way there was open to the packet socket a moment ago.
            None => sender.insert(
                within(self.namespace.as_deref(), || open_sender(family)).map_err(|_| io::ErrorKind::NotFound)??,
            ),
        };
        socket.set_mark(call.probe.mark.get())?;
        socket.send_to(&packet, &SocketAddr::new(through.ip(), 0).into())?;
        Ok(())
    }
}

impl Call {
    fn lower(&self) -> u16 {
        lower(self.number)
    }
}

/// What came back of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Answer {
    from: SocketAddr,
    to: SocketAddr,
    number: u32,
    flags: u8,
}

impl Answer {
    fn read(family: Family, packet: &[u8]) -> Option<Self> {
        let (from, to, payload): (IpAddr, IpAddr, _) = match family {
            Family::V4 => {
                // A packet may be cut off here; its headers are not.
                let packet = ipv4::Packet::new_checked(packet).ok()?;
                (packet.source().into(), packet.destination().into(), packet.payload())
            }
            Family::V6 => {
                let packet = ipv6::Packet::new_checked(packet).ok()?;
                (packet.source().into(), packet.destination().into(), packet.payload())
            }
        };
        let segment = Segment::new_checked(payload).ok()?;
        Some(Self {
            from: SocketAddr::new(from, segment.source_port()),
            to: SocketAddr::new(to, segment.destination_port()),
            number: segment.acknowledges(),
            flags: segment.flags(),
        })
    }

    /// `None`: it is no answer to this call.
    fn judge(&self, call: &Call) -> Option<Outcome> {
        if self.from != call.probe.answers() || self.to != call.source || self.number != call.number {
            return None;
        }
        match self.flags & (SYN | RST | ACK) {
            flags if flags == SYN | ACK => Some(Outcome::Ok),
            flags if flags & RST == RST => Some(Outcome::PathRefused(call.probe.way(), Directly::Untold)),
            _ => None,
        }
    }
}

/// Which of two sockets is for a family.
fn place(family: Family) -> usize {
    match family {
        Family::V4 => 0,
        Family::V6 => 1,
    }
}

fn upper(bits: u64) -> u16 {
    let [high, low, ..] = bits.to_be_bytes();
    u16::from_be_bytes([high, low])
}

fn lower(number: u32) -> u16 {
    let [_, _, high, low] = number.to_be_bytes();
    u16::from_be_bytes([high, low])
}

/// The address that a call comes from.
fn source(probe: &PathProbe) -> Result<IpAddr, Obstacle> {
    if let Some(address) = probe.source_address {
        return Ok(address);
    }
    let through = probe.through.ip();
    // From another family than the server's, as through a tunnel, nothing can be learned from the way to the server.
    let same = Family::of(through) == Family::of(probe.server.address);
    let aim = if same { probe.server.address } else { through };
    let any: IpAddr = match Family::of(aim) {
        Family::V4 => Ipv4Addr::UNSPECIFIED.into(),
        Family::V6 => Ipv6Addr::UNSPECIFIED.into(),
    };
    let local = || {
        let socket = UdpSocket::bind((any, 0))?;
        socket.connect((aim, DISCARD))?;
        socket.local_addr()
    };
    match local() {
        Ok(local) if local.ip() == through => Err(Obstacle::PathSource),
        Ok(local) => Ok(local.ip()),
        Err(error) => match error.raw_os_error() {
            Some(libc::ENETUNREACH | libc::ENETDOWN | libc::EHOSTUNREACH) => Err(Obstacle::NoRoute),
            Some(_) | None => Err(obstacle(&error, Obstacle::SourceAddress)),
        },
    }
}

/// A whole packet, of the ordinary kind: it must not be treated better than a client's.
fn packet(source: IpAddr, destination: IpAddr, segment: &[u8]) -> io::Result<Vec<u8>> {
    let mut packet = match (source, destination) {
        (IpAddr::V4(source), IpAddr::V4(destination)) => {
            // The kernel sums the header.
            ipv4::Header { source, destination, id: 0, protocol: PROTOCOL_TCP, ttl: 64 }.emit(segment)
        }
        (IpAddr::V6(source), IpAddr::V6(destination)) => {
            ipv6::Header { source, destination, next_header: PROTOCOL_TCP, hop_limit: 64 }.emit(segment)
        }
        (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => {
            return Err(io::ErrorKind::InvalidInput.into());
        }
    }
    .map_err(io::Error::other)?;
    let ordinary: [u8; 2] = if destination.is_ipv4() { [0x45, 0] } else { [0x60, 0] };
    for (slot, byte) in packet.iter_mut().zip(ordinary) {
        *slot = byte;
    }
    Ok(packet)
}

/// Opens something where IPVS forwards.
fn within<T: Send>(namespace: Option<&str>, open: impl FnOnce() -> T + Send) -> Result<T, Obstacle> {
    match namespace {
        None => Ok(open()),
        // Why not is told with the table, which is there, too.
        Some(name) => open_in(name, open).map_err(|_| Obstacle::PathNamespace),
    }
}

/// The first free port of an address that is `fresh`.
fn open_port(address: IpAddr, fresh: impl Fn(SocketAddr) -> bool) -> Result<(Socket, SocketAddr), Obstacle> {
    // Kept until one is found, so that none is offered twice.
    let mut refused = Vec::new();
    for _ in 0..TRIES {
        let socket = Socket::new(Domain::for_address(SocketAddr::new(address, 0)), Type::STREAM, Some(Protocol::TCP))
            .map_err(|error| obstacle(&error, Obstacle::Ports))?;
        socket.bind(&SocketAddr::new(address, 0).into()).map_err(|error| obstacle(&error, Obstacle::SourceAddress))?;
        let local = socket.local_addr().map_err(|error| obstacle(&error, Obstacle::Ports))?;
        let source = local.as_socket().ok_or(Obstacle::Family)?;
        if fresh(source) {
            return Ok((socket, source));
        }
        refused.push(socket);
    }
    Err(Obstacle::Ports)
}

fn open_tap(cookie: u16, family: Family) -> io::Result<Socket> {
    let protocol = match family {
        Family::V4 => ETH_P_IP,
        Family::V6 => ETH_P_IPV6,
    };
    let socket = Socket::new(Domain::PACKET, Type::DGRAM.nonblocking(), Some(Protocol::from(i32::from(protocol))))?;
    let program: Vec<SockFilter> = program(cookie, family).into_iter().map(SockFilter::from).collect();
    socket.attach_filter(&program)?;
    Ok(socket)
}

fn open_sender(family: Family) -> io::Result<Socket> {
    let domain = match family {
        Family::V4 => Domain::IPV4,
        Family::V6 => Domain::IPV6,
    };
    let socket = Socket::new(domain, Type::RAW.nonblocking(), Some(Protocol::from(RAW)))?;
    if family == Family::V4 {
        socket.bind_device(Some(b"lo"))?;
    }
    Ok(socket)
}

fn not_opened(error: &io::Error) -> Obstacle {
    obstacle(error, Obstacle::Ports)
}

/// The kernel took no packet.
fn not_sent(error: &io::Error) -> Outcome {
    Outcome::NotTried(match error.raw_os_error() {
        Some(libc::ENETUNREACH | libc::ENETDOWN | libc::EHOSTUNREACH) => Obstacle::PathRoute,
        // A firewall's word, or a private service that was just taken away.
        Some(libc::EPERM) => Obstacle::Firewall,
        Some(_) | None => obstacle(error, Obstacle::Ports),
    })
}

/// Lets answers to calls of this process through, from the IP header on. An IPv4 header with options is not looked into.
fn program(cookie: u16, family: Family) -> Vec<Instruction> {
    let (head, protocol_at, tcp): (Vec<Instruction>, u32, u32) = match family {
        Family::V4 => {
            let head =
                vec![plain(LOAD_BYTE, 0), equal(0x45, 0, 11), plain(LOAD_HALF, 6), plain(AND, 0x1fff), equal(0, 0, 8)];
            (head, 9, 20)
        }
        Family::V6 => (Vec::new(), 6, 40),
    };
    let tail = [
        plain(LOAD_BYTE, protocol_at),
        equal(u32::from(PROTOCOL_TCP), 0, 6),
        plain(LOAD_HALF, tcp + 8),
        equal(u32::from(cookie), 0, 4),
        plain(LOAD_BYTE, tcp + 13),
        plain(AND, u32::from(SYN | RST | ACK)),
        equal(u32::from(SYN | ACK), 2, 0),
        equal(u32::from(RST | ACK), 1, 0),
        plain(RETURN, 0),
        plain(RETURN, WHOLE),
    ];
    head.into_iter().chain(tail).collect()
}

#[cfg(test)]
mod tests;
