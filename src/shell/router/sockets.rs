//! Raw sockets for adverts and packet sockets for announcements.
//!
//! A channel (an interface; or nothing, for routers that name none) has *ears*, which are two raw sockets for each family and
//! protocol, and *voices*, one for each family. Ears are bound to their device and join its groups by its number; they hear
//! no group that another process joined (`IP_MULTICAST_ALL` off). Voices write whole packets, IP header and all, and hear
//! nothing: their protocol is 255, of which nothing ever comes. So a checksum of IPv6 is checked by us and counted when it is
//! wrong, where a socket that writes its headers would have the kernel drop such packets in silence; and no socket hears
//! itself (`IP_MULTICAST_LOOP` is off too).
//!
//! Of two ears one takes the packets that may be believed, and the other the rest, which is only counted and complained of:
//! the kernel tells them apart (`filter`). Garbage can fill the buffer of the second, which is small, and never that of the
//! first. Whatever comes, the second rests after it was read, so that the loop has little to do with it. What overflows in
//! either is counted by the kernel, and told to the routers (`overflow`).
//!
//! All of them are opened as soon as a configuration names the interface, so that nothing has to be opened at the moment of
//! a takeover.

mod filter;
mod overflow;

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::io::{self, IoSliceMut};
use std::net::{IpAddr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};
use std::os::fd::AsRawFd;
use std::time::{Duration, Instant};

use nix::cmsg_space;
use nix::errno::Errno;
use nix::ifaddrs::getifaddrs;
use nix::sys::epoll::{Epoll, EpollEvent, EpollFlags};
use nix::sys::socket::{
    ControlMessageOwned, LinkAddr, MsgFlags, SockaddrIn6, bind, getsockopt, recvmsg, setsockopt, sockopt,
};
use socket2::{Domain, InterfaceIndexOrAddress, Protocol, SockFilter, Socket, Type};

use filter::Part;
use overflow::Overflow;

use crate::model::Family;
use crate::vrrp::engine::{Listener, Unread};
use crate::vrrp::receive::Received;
use crate::wire::Malformed;
use crate::wire::ipv4::{PROTOCOL_AH, PROTOCOL_VRRP};

/// `IPPROTO_RAW`.
const PROTOCOL_RAW: u8 = 255;

/// Bytes of adverts that may wait, unless the configuration says how many; the kernel doubles it for its own costs. A flood
/// that can be believed shares this socket with the adverts that matter: they are lost only where nothing is read for as long
/// as it takes to fill it, which 100,000 packets a second do in some 13 ms, and in 3 ms what the system would give.
const BUFFER_OF_ADVERTS: usize = 512 * 1024;
/// Between two readings of a socket for packets that cannot be believed.
const REST: Duration = Duration::from_millis(50);
/// Packets that are read in one such reading.
const PACKETS_OF_THE_REST: usize = 64;
/// Bytes of such packets that may wait, the kernel's own costs included: some dozens.
const BUFFER_OF_THE_REST: usize = 32 * 1024;

/// A socket that listens.
#[derive(Debug)]
struct Ear {
    listener: Listener,
    part: Part,
    socket: Socket,
    groups: BTreeSet<IpAddr>,
    /// It has been read, and is not to be for a while.
    rests: bool,
    /// Packets that there was no room for.
    overflow: Overflow,
}

/// What speaks on a channel.
#[derive(Debug)]
struct Voice {
    interface: String,
    socket: Socket,
}

/// All sockets.
#[derive(Debug, Default)]
pub(super) struct Sockets {
    /// By a number of ours, never used twice: epoll may still tell of one that is closed.
    ears: BTreeMap<u32, Ear>,
    last_ear: u32,
    wake_at: Option<Instant>,
    voices: BTreeMap<(u32, Family), Voice>,
    /// By the interface's number.
    frames: BTreeMap<u32, Socket>,
    /// The same for interfaces that no router speaks on, but that hold virtual addresses (`dev`).
    other_frames: BTreeMap<u32, Socket>,
    /// Not needed any more.
    retired: Vec<Retired>,
}

/// A socket that is not needed any more. Dropping it closes it, which takes long (see `hands`): the kernel waits until no
/// processor can be sending on it.
#[derive(Debug)]
pub(super) struct Retired(#[allow(dead_code, reason = "it is there to be closed")] pub(super) Socket);

/// Finds out whether this process may have raw sockets at all.
///
/// # Errors
/// If it may not, in words that say what is missing.
pub(super) fn probe() -> io::Result<()> {
    match open_raw(Family::V4, PROTOCOL_VRRP, "") {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Err(io::Error::new(
            error.kind(),
            "virtual routers need raw sockets, and this process may not open them: run it as root, or with the \
             capabilities CAP_NET_ADMIN and CAP_NET_RAW",
        )),
        Err(error) => Err(error),
    }
}

/// A raw socket, bound to a device where one is named.
fn open_raw(family: Family, protocol: u8, interface: &str) -> io::Result<Socket> {
    let domain = match family {
        Family::V4 => Domain::IPV4,
        Family::V6 => Domain::IPV6,
    };
    let socket = Socket::new(domain, Type::RAW, Some(Protocol::from(i32::from(protocol))))?;
    socket.set_nonblocking(true)?;
    if !interface.is_empty() {
        socket.bind_device(Some(interface.as_bytes()))?;
    }
    Ok(socket)
}

impl Sockets {
    /// Makes the sockets be those that are wanted. One that stays is not touched, but for its groups and its buffer.
    ///
    /// # Errors
    /// What failed, as a sentence; everything else is done.
    pub(super) fn sync(&mut self, wanted: &[Listener], epoll: &Epoll, token: u64) -> Result<(), String> {
        for (_, ear) in self.ears.extract_if(.., |_, ear| !wanted.iter().any(|listener| ear.serves(listener))) {
            // Closing it would take it out too.
            let _ = epoll.delete(&ear.socket);
            self.retired.push(Retired(ear.socket));
        }
        let gone = self.voices.extract_if(.., |(index, family), voice| {
            !wanted.iter().any(|one| (one.index, one.family, &one.interface) == (*index, *family, &voice.interface))
        });
        self.retired.extend(gone.map(|(_, voice)| Retired(voice.socket)));
        let gone = self.frames.extract_if(.., |index, _| !wanted.iter().any(|listener| listener.index == *index));
        let gone = gone.chain(std::mem::take(&mut self.other_frames));
        self.retired.extend(gone.map(|(_, socket)| Retired(socket)));
        let mut links = Links::default();
        let mut problems = String::new();
        for listener in wanted {
            if let Err(error) = self.sync_one(listener, &mut links, epoll, token) {
                let separator = if problems.is_empty() { "" } else { "; " };
                let place = if listener.interface.is_empty() { "any interface" } else { &listener.interface };
                let _ = write!(problems, "{separator}cannot listen for adverts on {place}: {error}");
            }
        }
        if problems.is_empty() { Ok(()) } else { Err(problems) }
    }

    fn sync_one(&mut self, listener: &Listener, links: &mut Links, epoll: &Epoll, token: u64) -> io::Result<()> {
        if let Entry::Vacant(slot) = self.voices.entry((listener.index, listener.family)) {
            let socket = open_voice(listener)?;
            slot.insert(Voice { interface: listener.interface.clone(), socket });
        }
        if listener.index != 0
            && let Entry::Vacant(slot) = self.frames.entry(listener.index)
        {
            slot.insert(open_frames(listener.index, links)?);
        }
        // Adverts first: no packet that may be believed is to be heard nowhere.
        for part in [Part::Adverts, Part::Rest] {
            if let Some(ear) = self.ears.values_mut().find(|ear| ear.part == part && ear.serves(listener)) {
                ear.adapt(listener)?;
                continue;
            }
            let mut ear = Ear::open(listener, part)?;
            ear.adapt(listener)?;
            self.last_ear += 1;
            epoll.add(&ear.socket, EpollEvent::new(ear.armed(), token + u64::from(self.last_ear)))?;
            self.ears.insert(self.last_ear, ear);
        }
        Ok(())
    }

    /// How many packets of a socket may be read now, of so many that are wanted at most. One for packets that cannot be
    /// believed rests afterwards.
    pub(super) fn share(&mut self, ear: u32, wanted: usize, now: Instant) -> usize {
        match self.ears.get_mut(&ear) {
            None => 0,
            Some(ear) => match ear.part {
                Part::Adverts => wanted,
                Part::Rest if ear.rests => 0,
                Part::Rest => {
                    ear.rests = true;
                    self.wake_at = self.wake_at.or(Some(now + REST));
                    wanted.min(PACKETS_OF_THE_REST)
                }
            },
        }
    }

    /// When [`wake`](Self::wake) has something to do.
    pub(super) const fn wakes_at(&self) -> Option<Instant> {
        self.wake_at
    }

    /// Listens again on those that have rested.
    pub(super) fn wake(&mut self, epoll: &Epoll, token: u64, now: Instant) {
        if self.wake_at.is_none_or(|at| now < at) {
            return;
        }
        self.wake_at = None;
        for (number, ear) in self.ears.iter_mut().filter(|(_, ear)| ear.rests) {
            ear.rests = false;
            let mut event = EpollEvent::new(ear.armed(), token + u64::from(*number));
            // It is in there: nothing else can be wrong with it.
            let _ = epoll.modify(&ear.socket, &mut event);
        }
    }

    /// Sends a packet whose IP header is ready.
    pub(super) fn send(&self, index: u32, destination: IpAddr, packet: &[u8]) -> io::Result<()> {
        let (family, to) = match destination {
            IpAddr::V4(to) => (Family::V4, SocketAddr::V4(SocketAddrV4::new(to, 0))),
            // Only a link-local address needs to be told the link; the socket is bound to the same one.
            IpAddr::V6(to) => (Family::V6, SocketAddr::V6(SocketAddrV6::new(to, 0, 0, index))),
        };
        let voice = self.voices.get(&(index, family)).ok_or_else(not_open)?;
        voice.socket.send_to(packet, &to.into()).map(drop)
    }

    /// Sends an Ethernet frame.
    pub(super) fn send_frame(&mut self, index: u32, frame: &[u8]) -> io::Result<()> {
        if let Some(socket) = self.frames.get(&index) {
            return socket.send(frame).map(drop);
        }
        let socket = match self.other_frames.entry(index) {
            Entry::Occupied(slot) => slot.into_mut(),
            Entry::Vacant(slot) => slot.insert(open_frames(index, &mut Links::default())?),
        };
        let outcome = socket.send(frame).map(drop);
        if outcome.is_err() {
            // The interface may have come back as another.
            self.retired.extend(self.other_frames.remove(&index).map(Retired));
        }
        outcome
    }

    /// What is to be closed, by somebody who has the time.
    pub(super) fn take_retired(&mut self) -> Vec<Retired> {
        std::mem::take(&mut self.retired)
    }

    /// Reads one packet, and tells it with the interface that its socket is bound to; `None` if there is none. One that
    /// is not whole, or holds something else than an advert, is told as such.
    pub(super) fn receive<'a>(
        &mut self,
        ear: u32,
        buffer: &'a mut [u8],
    ) -> io::Result<Option<(u32, Result<Received<'a>, Malformed>)>> {
        let ear = self.ears.get_mut(&ear).ok_or_else(not_open)?;
        match receive(&ear.socket, ear.listener.family, buffer) {
            Ok(received) => Ok(Some((ear.listener.index, received))),
            Err(Errno::EAGAIN) => Ok(None),
            Err(errno) => Err(errno.into()),
        }
    }

    /// What one socket had no room for since this was last asked, with its interface and family.
    pub(super) fn unread_of(&mut self, ear: u32) -> Option<(u32, Family, Unread)> {
        let ear = self.ears.get_mut(&ear)?;
        ear.unread().map(|unread| (ear.listener.index, ear.listener.family, unread))
    }

    /// The same of all of them.
    pub(super) fn unread(&mut self) -> Vec<(u32, Family, Unread)> {
        let ears = self.ears.values_mut();
        ears.filter_map(|ear| ear.unread().map(|unread| (ear.listener.index, ear.listener.family, unread))).collect()
    }
}

fn not_open() -> io::Error {
    io::Error::new(io::ErrorKind::NotConnected, "the interface's socket is not open")
}

/// A socket that writes whole packets.
fn open_voice(listener: &Listener) -> io::Result<Socket> {
    let socket = open_raw(listener.family, PROTOCOL_RAW, &listener.interface)?;
    match listener.family {
        Family::V4 => {
            socket.set_header_included_v4(true)?;
            socket.set_multicast_loop_v4(false)?;
        }
        Family::V6 => {
            socket.set_header_included_v6(true)?;
            socket.set_multicast_loop_v6(false)?;
        }
    }
    Ok(socket)
}

/// A packet. Behind an IPv6 header, and what the header said (RFC 3542 sections 6.1 and 6.3).
fn receive<'a>(
    socket: &Socket,
    family: Family,
    buffer: &'a mut [u8],
) -> Result<Result<Received<'a>, Malformed>, Errno> {
    let mut beside = cmsg_space!(libc::in6_pktinfo, libc::c_int);
    let mut destination = None;
    let mut hop_limit = None;
    let (source, len) = {
        let mut pieces = [IoSliceMut::new(buffer)];
        // The sender of an IPv4 packet is not one of these, and is in the packet.
        let message = recvmsg::<SockaddrIn6>(socket.as_raw_fd(), &mut pieces, Some(&mut beside), MsgFlags::empty())?;
        for told in message.cmsgs()? {
            if let ControlMessageOwned::Ipv6PacketInfo(info) = told {
                destination = Some(Ipv6Addr::from(info.ipi6_addr.s6_addr));
            } else if let ControlMessageOwned::Ipv6HopLimit(limit) = told {
                hop_limit = u8::try_from(limit).ok();
            }
        }
        (message.address.map(|address| address.ip()), message.bytes)
    };
    let bytes = buffer.get(..len).unwrap_or_default();
    let received = match (family, source, destination, hop_limit) {
        (Family::V4, ..) => Received::ipv4(bytes),
        (Family::V6, Some(source), Some(destination), Some(hop_limit)) => {
            Ok(Received::ipv6(source, destination, hop_limit, bytes))
        }
        (Family::V6, ..) => Err(Malformed::Truncated),
    };
    Ok(received)
}

impl Ear {
    fn open(listener: &Listener, part: Part) -> io::Result<Self> {
        let protocol = if listener.header { PROTOCOL_AH } else { PROTOCOL_VRRP };
        let socket = open_raw(listener.family, protocol, &listener.interface)?;
        match listener.family {
            Family::V4 => socket.set_multicast_all_v4(false)?,
            Family::V6 => {
                setsockopt(&socket, sockopt::Ipv6RecvPacketInfo, &true)?;
                socket.set_recv_hoplimit_v6(true)?;
                // Linux 4.20. Before it, groups that others joined are heard; the checks say what is wrong with those.
                let _ = socket.set_multicast_all_v6(false);
            }
        }
        attach(&socket, part, listener)?;
        if part == Part::Rest {
            socket.set_recv_buffer_size(BUFFER_OF_THE_REST)?;
        }
        let listener = listener.clone();
        Ok(Self { listener, part, socket, groups: BTreeSet::new(), rests: false, overflow: Overflow::default() })
    }

    /// One that may have to rest is told of once, until it is armed again.
    fn armed(&self) -> EpollFlags {
        match self.part {
            Part::Adverts => EpollFlags::EPOLLIN,
            Part::Rest => EpollFlags::EPOLLIN | EpollFlags::EPOLLONESHOT,
        }
    }

    /// Packets that there was no room for since this was last asked; `None` where there were none.
    fn unread(&mut self) -> Option<Unread> {
        let dropped = getsockopt(&self.socket, overflow::MemoryInfo).ok()?[overflow::DROPS];
        let count = self.overflow.since(dropped)?;
        Some(match self.part {
            Part::Adverts => Unread { adverts: count, rest: 0 },
            Part::Rest => Unread { adverts: 0, rest: count },
        })
    }

    /// It is the socket for this, whatever its groups and buffer are now.
    fn serves(&self, listener: &Listener) -> bool {
        let key = |one: &Listener| (one.index, one.family, one.header);
        key(&self.listener) == key(listener) && self.listener.interface == listener.interface
    }

    fn adapt(&mut self, listener: &Listener) -> io::Result<()> {
        if listener.routers != self.listener.routers {
            attach(&self.socket, self.part, listener)?;
        }
        if self.part == Part::Adverts {
            let wanted = listener.receive_buffer.map(|bytes| usize::try_from(bytes).unwrap_or(usize::MAX));
            ask_for_room(&self.socket, wanted.unwrap_or(BUFFER_OF_ADVERTS))?;
        }
        let device = InterfaceIndexOrAddress::Index(listener.index);
        for group in self.groups.difference(&listener.groups).copied().collect::<Vec<_>>() {
            match group {
                IpAddr::V4(group) => self.socket.leave_multicast_v4_n(&group, &device)?,
                IpAddr::V6(group) => self.socket.leave_multicast_v6(&group, listener.index)?,
            }
            self.groups.remove(&group);
        }
        for group in listener.groups.difference(&self.groups).copied().collect::<Vec<_>>() {
            match group {
                IpAddr::V4(group) => self.socket.join_multicast_v4_n(&group, &device)?,
                IpAddr::V6(group) => self.socket.join_multicast_v6(&group, listener.index)?,
            }
            self.groups.insert(group);
        }
        self.listener = listener.clone();
        Ok(())
    }
}

/// Makes a receive buffer this large. Without the capability the limit of the system holds.
fn ask_for_room(socket: &Socket, bytes: usize) -> io::Result<()> {
    setsockopt(socket, sockopt::RcvBufForce, &bytes).or_else(|_| setsockopt(socket, sockopt::RcvBuf, &bytes))?;
    Ok(())
}

/// Has the kernel sort for this socket.
fn attach(socket: &Socket, part: Part, listener: &Listener) -> io::Result<()> {
    let attach = |most_words| {
        let program = filter::program(part, listener.family, listener.header, &listener.routers, most_words);
        socket.attach_filter(&program.into_iter().map(SockFilter::from).collect::<Vec<_>>())
    };
    // The kernel has a limit for what belongs to a socket.
    attach(filter::MOST_WORDS).or_else(|_| attach(filter::FEWEST_WORDS))
}

/// The host's interfaces as packet sockets are bound to them, read once they are needed.
///
/// Neither `socket2` nor `nix` builds a link-level socket address from safe code. `getifaddrs` hands them out ready made,
/// one for each interface, with its number inside.
#[derive(Default)]
pub(super) struct Links(Option<BTreeMap<usize, LinkAddr>>);

impl Links {
    /// The one with this number.
    pub(super) fn find(&mut self, index: u32) -> io::Result<LinkAddr> {
        let links = match &mut self.0 {
            Some(links) => links,
            None => {
                let links = getifaddrs()?.filter_map(|interface| {
                    interface.address.as_ref().and_then(|address| address.as_link_addr().copied())
                });
                self.0.insert(links.map(|address| (address.ifindex(), address)).collect())
            }
        };
        let index = usize::try_from(index).unwrap_or(0);
        links.get(&index).copied().ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))
    }
}

/// A packet socket bound to an interface, that sends and never receives (protocol 0).
fn open_frames(index: u32, links: &mut Links) -> io::Result<Socket> {
    let address = links.find(index)?;
    let socket = Socket::new(Domain::PACKET, Type::RAW, None)?;
    socket.set_nonblocking(true)?;
    bind(socket.as_raw_fd(), &address)?;
    Ok(socket)
}
