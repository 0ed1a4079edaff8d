//! Hears who else says that it has an address of ours.
//!
//! For each interface that addresses go on there is a packet socket for ARP, and a raw socket for neighbour discovery. Neither
//! costs the traffic anything: the kernel shows them no other packets, and hands on only those that a filter lets through,
//! which is those that claim one of these addresses. Both hear what comes in, not what we send ourselves.
//!
//! Somebody may send very many of them. A socket that was read rests for a while: its buffer is small and overflows, the
//! loop is woken a few times in a second, and reads some dozens of frames each time. The first one is heard at once.
//!
//! They are opened by the thread that does what the kernel takes its time over (`hands`): a packet socket that hears already
//! is bound only when no processor can be using it any more. One batch is under way at a time. What comes back and is no
//! longer wanted is closed by the same thread.

mod filter;

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, IoSliceMut};
use std::net::{IpAddr, Ipv6Addr};
use std::os::fd::AsRawFd;
use std::time::{Duration, Instant};

use nix::cmsg_space;
use nix::errno::Errno;
use nix::sys::epoll::{Epoll, EpollEvent, EpollFlags};
use nix::sys::socket::{
    ControlMessageOwned, LinkAddr, MsgFlags, SockaddrIn6, bind, recvfrom, recvmsg, setsockopt, sockopt,
};
use socket2::{Domain, Protocol, SockFilter, Socket, Type};
use tracing::warn;

use super::sockets::{Links, Retired};
use crate::vrrp::Router;
use crate::vrrp::engine::{Input, Watch};
use crate::wire::claim::Claim;
use crate::wire::{arp, ndp};

/// Tokens from here on are these sockets: this and the socket's number.
const TOKENS: u64 = 1 << 33;
/// Between two readings of a socket.
const REST: Duration = Duration::from_millis(50);
/// Frames that are read in one reading.
const FRAMES: usize = 64;
/// Bytes of frames that may wait, the kernel's own costs included: a few dozen.
const BUFFER: usize = 32 * 1024;
/// `ETH_P_ARP` of include/uapi/linux/if_ether.h, in network order.
const ETH_P_ARP: u16 = 0x0806_u16.to_be();

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Arp,
    Ndp,
}

/// A socket that hears claims on one interface.
#[derive(Debug)]
struct Post {
    watch: Watch,
    kind: Kind,
    socket: Socket,
    rests: bool,
}

/// A socket that is to be opened.
#[derive(Debug)]
pub(super) struct Opening {
    watch: Watch,
    kind: Kind,
}

/// What came of it.
#[derive(Debug)]
pub(super) struct Opened {
    watch: Watch,
    kind: Kind,
    outcome: io::Result<Socket>,
}

/// What is to be done now that sockets are looked after.
#[derive(Debug)]
pub(super) enum Next {
    /// Nothing: all are there, or are being opened.
    Rest,
    /// Open these, on a thread that has the time, and hand them to [`Posts::take`].
    Open(Vec<Opening>),
    /// Look after them again in a while: something failed.
    Retry,
}

/// Opens them, whatever the kernel does meanwhile. The host's interfaces are read once.
pub(super) fn open(batch: Vec<Opening>) -> Vec<Opened> {
    let mut links = Links::default();
    let open_one = |Opening { watch, kind }| {
        let words = words(&watch, kind);
        let outcome = match kind {
            Kind::Arp => open_arp(&watch, &words, &mut links),
            Kind::Ndp => open_ndp(&watch, &words),
        };
        Opened { watch, kind, outcome }
    };
    batch.into_iter().map(open_one).collect()
}

/// All of them.
#[derive(Debug, Default)]
pub(super) struct Posts {
    /// By a number of ours, never used twice: epoll may still tell of one that is closed.
    posts: BTreeMap<u32, Post>,
    last: u32,
    wake_at: Option<Instant>,
    wanted: Vec<Watch>,
    /// Sockets are being opened.
    asked: bool,
    /// Others are wanted since.
    changed: bool,
    problem: Option<String>,
    /// Not needed any more.
    retired: Vec<Retired>,
}

impl Posts {
    /// What is to be closed, by somebody who has the time.
    pub(super) fn take_retired(&mut self) -> Vec<Retired> {
        std::mem::take(&mut self.retired)
    }

    /// What is to be heard from now on.
    pub(super) fn want(&mut self, watches: Vec<Watch>) {
        self.wanted = watches;
        self.changed = true;
    }

    /// Closes the sockets that are not wanted, and asks for those that are missing. What fails is told once.
    pub(super) fn look_after(&mut self, epoll: &Epoll) -> Next {
        let problems = self.sync(epoll);
        let missing = self.missing();
        if self.asked {
            // What is being opened comes back, and is looked at then.
            return Next::Rest;
        }
        self.changed = false;
        if missing.is_empty() {
            return self.report(&problems);
        }
        self.asked = true;
        Next::Open(missing)
    }

    /// Takes what was opened, as far as it is still wanted.
    pub(super) fn take(&mut self, opened: Vec<Opened>, epoll: &Epoll) -> Next {
        self.asked = false;
        let mut problems = Vec::new();
        for Opened { watch, kind, outcome } in opened {
            let name = watch.interface.clone();
            if let Err(error) = outcome.and_then(|socket| self.admit(watch, kind, socket, epoll)) {
                problems.push(problem(&name, &error));
            }
        }
        if self.changed {
            return self.look_after(epoll);
        }
        // The filters of those that came, too: the addresses may have changed meanwhile.
        problems.extend(self.sync(epoll));
        self.report(&problems)
    }

    fn report(&mut self, problems: &[String]) -> Next {
        let problem = Some(problems.join("; ")).filter(|problem| !problem.is_empty());
        if let Some(problem) = problem.as_ref().filter(|problem| self.problem.as_ref() != Some(*problem)) {
            warn!("{problem}; trying again every second");
        }
        self.problem = problem;
        if self.problem.is_none() { Next::Rest } else { Next::Retry }
    }

    /// Tells the router what there is, if this token is one of ours.
    pub(super) fn hear(&mut self, token: u64, router: &mut Router, buffer: &mut [u8]) {
        let Some(number) = token.checked_sub(TOKENS).and_then(|number| u32::try_from(number).ok()) else { return };
        let now = Instant::now();
        for (index, claim) in self.read(number, buffer, now) {
            router.handle(Input::Claim { index, claim }, now);
        }
    }

    /// Parts with the sockets that are not wanted. One that stays gets a new filter where that is another. Returns what failed;
    /// everything else is done.
    fn sync(&mut self, epoll: &Epoll) -> Vec<String> {
        let wanted = &self.wanted;
        let find = |post: &Post| wanted.iter().find(|watch| post.serves(watch));
        let gone =
            self.posts.extract_if(.., |_, post| find(post).is_none_or(|watch| words(watch, post.kind).is_empty()));
        for (_, post) in gone {
            // Closing it would take it out too, but that is done later, by another.
            let _ = epoll.delete(&post.socket);
            self.retired.push(Retired(post.socket));
        }
        let mut problems = Vec::new();
        for post in self.posts.values_mut() {
            let watch = wanted.iter().find(|watch| post.serves(watch));
            let Some(watch) = watch.filter(|watch| post.watch != **watch) else { continue };
            match attach(&post.socket, post.kind, &words(watch, post.kind), watch.mac) {
                Ok(()) => post.watch = watch.clone(),
                Err(error) => problems.push(problem(&watch.interface, &error)),
            }
        }
        problems
    }

    /// The sockets that are wanted and not there.
    fn missing(&self) -> Vec<Opening> {
        let all = self.wanted.iter().flat_map(|watch| [(watch, Kind::Arp), (watch, Kind::Ndp)]);
        let missing = all.filter(|(watch, kind)| !words(watch, *kind).is_empty() && !self.has(watch, *kind));
        missing.map(|(watch, kind)| Opening { watch: watch.clone(), kind }).collect()
    }

    fn has(&self, watch: &Watch, kind: Kind) -> bool {
        self.posts.values().any(|post| post.kind == kind && post.serves(watch))
    }

    /// Listens on a socket, if it is still wanted, and not there yet.
    fn admit(&mut self, watch: Watch, kind: Kind, socket: Socket, epoll: &Epoll) -> io::Result<()> {
        let post = Post { watch, kind, socket, rests: false };
        let wanted = self.wanted.iter().any(|watch| post.serves(watch) && !words(watch, kind).is_empty());
        if !wanted || self.has(&post.watch, kind) {
            self.retired.push(Retired(post.socket));
            return Ok(());
        }
        self.last += 1;
        let added = epoll.add(&post.socket, EpollEvent::new(armed(), TOKENS + u64::from(self.last)));
        match added {
            Ok(()) => drop(self.posts.insert(self.last, post)),
            Err(_) => self.retired.push(Retired(post.socket)),
        }
        Ok(added?)
    }

    /// Reads what waits on a socket, and has it rest afterwards.
    fn read(&mut self, number: u32, buffer: &mut [u8], now: Instant) -> Vec<(u32, Claim)> {
        let Some(post) = self.posts.get_mut(&number) else { return Vec::new() };
        post.rests = true;
        self.wake_at = self.wake_at.or(Some(now + REST));
        let mut claims = Vec::new();
        for _ in 0..FRAMES {
            match post.receive(buffer) {
                Ok(claim) => claims.extend(claim.filter(|claim| post.watch.addresses.contains(&claim.address))),
                // Empty; or an error of the link (it went down), which rtnetlink tells too.
                Err(_) => break,
            }
        }
        claims.into_iter().map(|claim| (post.watch.index, claim)).collect()
    }

    /// When [`wake`](Self::wake) has something to do.
    pub(super) const fn wakes_at(&self) -> Option<Instant> {
        self.wake_at
    }

    /// Listens again on those that have rested.
    pub(super) fn wake(&mut self, epoll: &Epoll, now: Instant) {
        if self.wake_at.is_none_or(|at| now < at) {
            return;
        }
        self.wake_at = None;
        for (number, post) in self.posts.iter_mut().filter(|(_, post)| post.rests) {
            post.rests = false;
            let mut event = EpollEvent::new(armed(), TOKENS + u64::from(*number));
            // It is in there: nothing else can be wrong with it.
            let _ = epoll.modify(&post.socket, &mut event);
        }
    }
}

/// Told once, until it is armed again.
fn armed() -> EpollFlags {
    EpollFlags::EPOLLIN | EpollFlags::EPOLLONESHOT
}

fn problem(interface: &str, error: &io::Error) -> String {
    format!("cannot hear who else claims addresses on {interface}: {error}")
}

/// What the filter looks for.
fn words(watch: &Watch, kind: Kind) -> BTreeSet<u32> {
    let word = |address: &IpAddr| match (address, kind) {
        (IpAddr::V4(address), Kind::Arp) => Some(address.to_bits()),
        (IpAddr::V6(address), Kind::Ndp) => {
            let [.., a, b, c, d] = address.octets();
            Some(u32::from_be_bytes([a, b, c, d]))
        }
        (IpAddr::V4(_), Kind::Ndp) | (IpAddr::V6(_), Kind::Arp) => None,
    };
    watch.addresses.iter().filter_map(word).collect()
}

fn attach(socket: &Socket, kind: Kind, words: &BTreeSet<u32>, own: [u8; 6]) -> io::Result<()> {
    let program = match kind {
        Kind::Arp => filter::arp(words, own),
        Kind::Ndp => filter::ndp(words),
    };
    let program: Vec<SockFilter> = program.into_iter().map(SockFilter::from).collect();
    socket.attach_filter(&program)
}

/// A packet socket for ARP. It hears all interfaces until it is bound; what comes so early is seen by its sender address.
fn open_arp(watch: &Watch, words: &BTreeSet<u32>, links: &mut Links) -> io::Result<Socket> {
    let address = links.find(watch.index)?;
    let socket = Socket::new(Domain::PACKET, Type::RAW, Some(Protocol::from(i32::from(ETH_P_ARP))))?;
    attach(&socket, Kind::Arp, words, watch.mac)?;
    socket.set_nonblocking(true)?;
    socket.set_recv_buffer_size(BUFFER)?;
    bind(socket.as_raw_fd(), &address)?;
    Ok(socket)
}

/// A raw socket for neighbour discovery. The kernel looks at checksums before anything comes here.
fn open_ndp(watch: &Watch, words: &BTreeSet<u32>) -> io::Result<Socket> {
    let socket = Socket::new(Domain::IPV6, Type::RAW, Some(Protocol::ICMPV6))?;
    attach(&socket, Kind::Ndp, words, watch.mac)?;
    socket.set_nonblocking(true)?;
    socket.set_recv_buffer_size(BUFFER)?;
    socket.bind_device(Some(watch.interface.as_bytes()))?;
    setsockopt(&socket, sockopt::Ipv6RecvPacketInfo, &true)?;
    socket.set_recv_hoplimit_v6(true)?;
    Ok(socket)
}

impl Post {
    /// It is a socket for this, whatever its addresses are now.
    fn serves(&self, watch: &Watch) -> bool {
        (self.watch.index, &self.watch.interface) == (watch.index, &watch.interface)
    }

    /// The next frame; `None` where it claims nothing.
    fn receive(&self, buffer: &mut [u8]) -> Result<Option<Claim>, Errno> {
        match self.kind {
            Kind::Arp => {
                let (len, sender) = recvfrom::<LinkAddr>(self.socket.as_raw_fd(), buffer)?;
                let here = sender.is_some_and(|sender| u32::try_from(sender.ifindex()) == Ok(self.watch.index));
                Ok(arp::claim(buffer.get(..len).unwrap_or_default()).ok().filter(|_| here))
            }
            Kind::Ndp => self.receive_ndp(buffer),
        }
    }

    fn receive_ndp(&self, buffer: &mut [u8]) -> Result<Option<Claim>, Errno> {
        let mut beside = cmsg_space!(libc::in6_pktinfo, libc::c_int);
        let mut hop_limit = None;
        let mut here = false;
        let (source, len) = {
            let mut pieces = [IoSliceMut::new(buffer)];
            let (socket, flags) = (self.socket.as_raw_fd(), MsgFlags::empty());
            let message = recvmsg::<SockaddrIn6>(socket, &mut pieces, Some(&mut beside), flags)?;
            for told in message.cmsgs()? {
                if let ControlMessageOwned::Ipv6PacketInfo(info) = told {
                    here = info.ipi6_ifindex == self.watch.index;
                } else if let ControlMessageOwned::Ipv6HopLimit(limit) = told {
                    hop_limit = u8::try_from(limit).ok();
                }
            }
            (message.address.map(|address| address.ip()), message.bytes)
        };
        let source = source.unwrap_or(Ipv6Addr::UNSPECIFIED);
        let claim = ndp::claim(source, hop_limit.unwrap_or(0), buffer.get(..len).unwrap_or_default());
        Ok(claim.ok().filter(|_| here))
    }
}
