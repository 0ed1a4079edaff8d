//! Hears who else says that it has an address of ours.
//!
//! For each interface that addresses go on there is a packet socket for ARP, and a raw socket for neighbour discovery. Neither
//! costs the traffic anything: the kernel shows them no other packets, and hands on only those that a filter lets through,
//! which is those that claim one of these addresses. Both hear what comes in, not what we send ourselves.
//!
//! Somebody may send very many of them. A socket that was read rests for a while: its buffer is small and overflows, the
//! loop is woken a few times in a second, and reads some dozens of frames each time. The first one is heard at once.

mod filter;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::io::{self, IoSliceMut};
use std::net::{IpAddr, Ipv6Addr};
use std::os::fd::AsRawFd;
use std::time::{Duration, Instant};

use nix::cmsg_space;
use nix::errno::Errno;
use nix::ifaddrs::getifaddrs;
use nix::sys::epoll::{Epoll, EpollEvent, EpollFlags};
use nix::sys::socket::{
    ControlMessageOwned, LinkAddr, MsgFlags, SockaddrIn6, bind, recvfrom, recvmsg, setsockopt, sockopt,
};
use socket2::{Domain, Protocol, SockFilter, Socket, Type};
use tracing::warn;

use super::sockets::Retired;
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

/// All of them.
#[derive(Debug, Default)]
pub(super) struct Posts {
    /// By a number of ours, never used twice: epoll may still tell of one that is closed.
    posts: BTreeMap<u32, Post>,
    last: u32,
    wake_at: Option<Instant>,
    wanted: Vec<Watch>,
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
    }

    /// Opens the sockets that are wanted, and closes those that are not. What fails is told once; `false`: something did.
    pub(super) fn open(&mut self, epoll: &Epoll) -> bool {
        let wanted = std::mem::take(&mut self.wanted);
        let problem = self.sync(&wanted, epoll).err();
        self.wanted = wanted;
        if let Some(problem) = problem.as_ref().filter(|problem| self.problem.as_ref() != Some(*problem)) {
            warn!("{problem}; trying again every second");
        }
        self.problem = problem;
        self.problem.is_none()
    }

    /// Tells the router what there is, if this token is one of ours.
    pub(super) fn hear(&mut self, token: u64, router: &mut Router, buffer: &mut [u8]) {
        let Some(number) = token.checked_sub(TOKENS).and_then(|number| u32::try_from(number).ok()) else { return };
        let now = Instant::now();
        for (index, claim) in self.read(number, buffer, now) {
            router.handle(Input::Claim { index, claim }, now);
        }
    }

    /// Makes the sockets be those that are wanted. One that stays gets a new filter where that is another.
    ///
    /// # Errors
    /// What failed, as a sentence; everything else is done.
    fn sync(&mut self, wanted: &[Watch], epoll: &Epoll) -> Result<(), String> {
        let find = |post: &Post| wanted.iter().find(|watch| post.serves(watch));
        let gone =
            self.posts.extract_if(.., |_, post| find(post).is_none_or(|watch| words(watch, post.kind).is_empty()));
        for (_, post) in gone {
            // Closing it would take it out too.
            let _ = epoll.delete(&post.socket);
            self.retired.push(Retired(post.socket));
        }
        let mut problems = String::new();
        for watch in wanted {
            for kind in [Kind::Arp, Kind::Ndp] {
                if let Err(error) = self.sync_one(watch, kind, epoll) {
                    let separator = if problems.is_empty() { "" } else { "; " };
                    let interface = &watch.interface;
                    let _ =
                        write!(problems, "{separator}cannot hear who else claims addresses on {interface}: {error}");
                }
            }
        }
        if problems.is_empty() { Ok(()) } else { Err(problems) }
    }

    fn sync_one(&mut self, watch: &Watch, kind: Kind, epoll: &Epoll) -> io::Result<()> {
        let words = words(watch, kind);
        if words.is_empty() {
            return Ok(());
        }
        if let Some(post) = self.posts.values_mut().find(|post| post.kind == kind && post.serves(watch)) {
            if post.watch != *watch {
                attach(&post.socket, kind, &words, watch.mac)?;
                post.watch = watch.clone();
            }
            return Ok(());
        }
        let socket = match kind {
            Kind::Arp => open_arp(watch, &words)?,
            Kind::Ndp => open_ndp(watch, &words)?,
        };
        self.last += 1;
        epoll.add(&socket, EpollEvent::new(armed(), TOKENS + u64::from(self.last)))?;
        self.posts.insert(self.last, Post { watch: watch.clone(), kind, socket, rests: false });
        Ok(())
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
fn open_arp(watch: &Watch, words: &BTreeSet<u32>) -> io::Result<Socket> {
    let number = usize::try_from(watch.index).unwrap_or(0);
    // As for announcements: only getifaddrs hands out a link-level address from safe code.
    let address: LinkAddr = getifaddrs()?
        .filter_map(|interface| interface.address.as_ref().and_then(|address| address.as_link_addr().copied()))
        .find(|address| address.ifindex() == number)
        .ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))?;
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
