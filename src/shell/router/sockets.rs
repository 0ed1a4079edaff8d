//! Raw sockets for adverts and packet sockets for gratuitous ARP, a pair for each interface.
//!
//! A raw socket is bound to its device and joins its groups by the device's number; it does not hear what it sends
//! (`IP_MULTICAST_LOOP` off) and hears no group that another process joined (`IP_MULTICAST_ALL` off). Both kinds are
//! opened as soon as a configuration names the interface, so that nothing has to be opened at the moment of a takeover.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::io::{self, Read};
use std::net::{Ipv4Addr, SocketAddrV4};
use std::os::fd::AsRawFd;

use nix::ifaddrs::getifaddrs;
use nix::sys::epoll::{Epoll, EpollEvent, EpollFlags};
use nix::sys::socket::{LinkAddr, bind};
use socket2::{Domain, InterfaceIndexOrAddress, Protocol, Socket, Type};

use crate::vrrp::engine::Listener;
use crate::wire::ipv4::PROTOCOL_VRRP;

/// The sockets of one interface.
#[derive(Debug)]
struct Pair {
    interface: String,
    adverts: Socket,
    groups: BTreeSet<Ipv4Addr>,
    frames: Socket,
}

/// All sockets, by the interface's number.
#[derive(Debug, Default)]
pub(super) struct Sockets {
    pairs: BTreeMap<u32, Pair>,
}

/// Finds out whether this process may have raw sockets at all.
///
/// # Errors
/// If it may not, in words that say what is missing.
pub(super) fn probe() -> io::Result<()> {
    match open_raw() {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Err(io::Error::new(
            error.kind(),
            "virtual routers need raw sockets, and this process may not open them: run it as root, or with the \
             capabilities CAP_NET_ADMIN and CAP_NET_RAW",
        )),
        Err(error) => Err(error),
    }
}

fn open_raw() -> io::Result<Socket> {
    Socket::new(Domain::IPV4, Type::RAW, Some(Protocol::from(i32::from(PROTOCOL_VRRP))))
}

impl Sockets {
    /// Makes the sockets be those that are wanted. One that stays is not touched, but for its groups.
    ///
    /// # Errors
    /// What failed, as a sentence; everything else is done.
    pub(super) fn sync(&mut self, wanted: &[Listener], epoll: &Epoll, token: u64) -> Result<(), String> {
        self.pairs.retain(|index, pair| {
            let stays = wanted.iter().any(|listener| listener.index == *index && listener.interface == pair.interface);
            if !stays {
                // Closing it would take it out too.
                let _ = epoll.delete(&pair.adverts);
            }
            stays
        });
        let mut problems = String::new();
        for listener in wanted {
            if let Err(error) = self.sync_one(listener, epoll, token) {
                let separator = if problems.is_empty() { "" } else { "; " };
                let _ = write!(problems, "{separator}cannot listen for adverts on {}: {error}", listener.interface);
            }
        }
        if problems.is_empty() { Ok(()) } else { Err(problems) }
    }

    fn sync_one(&mut self, listener: &Listener, epoll: &Epoll, token: u64) -> io::Result<()> {
        let pair = match self.pairs.entry(listener.index) {
            Entry::Occupied(pair) => pair.into_mut(),
            Entry::Vacant(slot) => {
                let pair = Pair::open(listener)?;
                let event = EpollEvent::new(EpollFlags::EPOLLIN, token + u64::from(listener.index));
                epoll.add(&pair.adverts, event)?;
                slot.insert(pair)
            }
        };
        pair.join(listener)
    }

    /// Sends a packet whose IP header is ready.
    pub(super) fn send(&self, index: u32, destination: Ipv4Addr, packet: &[u8]) -> io::Result<()> {
        let pair = self.pair(index)?;
        pair.adverts.send_to(packet, &SocketAddrV4::new(destination, 0).into()).map(drop)
    }

    /// Sends an Ethernet frame.
    pub(super) fn send_frame(&mut self, index: u32, frame: &[u8]) -> io::Result<()> {
        if let Some(pair) = self.pairs.get(&index) {
            return pair.frames.send(frame).map(drop);
        }
        // A virtual address on an interface (`dev`) that no router speaks on.
        open_frames(|found| found == usize::try_from(index).unwrap_or(0))?.send(frame).map(drop)
    }

    /// Reads one packet; `None` if there is none.
    pub(super) fn receive(&self, index: u32, buffer: &mut [u8]) -> io::Result<Option<usize>> {
        match (&self.pair(index)?.adverts).read(buffer) {
            Ok(len) => Ok(Some(len)),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn pair(&self, index: u32) -> io::Result<&Pair> {
        self.pairs
            .get(&index)
            .ok_or_else(|| io::Error::new(io::ErrorKind::NotConnected, "the interface's socket is not open"))
    }
}

impl Pair {
    fn open(listener: &Listener) -> io::Result<Self> {
        let adverts = open_raw()?;
        adverts.set_nonblocking(true)?;
        adverts.bind_device(Some(listener.interface.as_bytes()))?;
        adverts.set_header_included_v4(true)?;
        adverts.set_multicast_loop_v4(false)?;
        adverts.set_multicast_all_v4(false)?;
        let number = usize::try_from(listener.index).unwrap_or(0);
        let frames = open_frames(|index| index == number)?;
        Ok(Self { interface: listener.interface.clone(), adverts, groups: BTreeSet::new(), frames })
    }

    fn join(&mut self, listener: &Listener) -> io::Result<()> {
        let device = InterfaceIndexOrAddress::Index(listener.index);
        for group in self.groups.difference(&listener.groups).copied().collect::<Vec<_>>() {
            self.adverts.leave_multicast_v4_n(&group, &device)?;
            self.groups.remove(&group);
        }
        for group in listener.groups.difference(&self.groups).copied().collect::<Vec<_>>() {
            self.adverts.join_multicast_v4_n(&group, &device)?;
            self.groups.insert(group);
        }
        Ok(())
    }
}

/// A packet socket bound to an interface, that sends and never receives (protocol 0).
///
/// Neither `socket2` nor `nix` builds a link-level socket address from safe code. `getifaddrs` hands them out ready made,
/// one for each interface, with its number inside; the one that is looked for is taken from there.
fn open_frames(wanted: impl Fn(usize) -> bool) -> io::Result<Socket> {
    let address: LinkAddr = getifaddrs()?
        .filter_map(|interface| interface.address.as_ref().and_then(|address| address.as_link_addr().copied()))
        .find(|address| wanted(address.ifindex()))
        .ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))?;
    let socket = Socket::new(Domain::PACKET, Type::RAW, None)?;
    socket.set_nonblocking(true)?;
    bind(socket.as_raw_fd(), &address)?;
    Ok(socket)
}
