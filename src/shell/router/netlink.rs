//! rtnetlink: links and addresses, told and changed.
//!
//! Two sockets. [`Monitor`] hears what changes; it never asks. [`Requests`] asks, and waits for each answer, for a second
//! at most. A dump counts only if it ended cleanly: done code 0, no interruption, no overrun.
//!
//! Addresses go through `netlink-packet-route`'s types. Links do not: there one odd attribute (a short MTU, an alias
//! that is not UTF-8) hides the whole link, and a link that is not seen to go down is an outage. We read the four things
//! that we need and look at nothing else.

mod attributes;
mod encapsulation;
mod route;
mod rule;
mod steering;

use std::fmt;
use std::io;
use std::net::IpAddr;
use std::os::fd::{AsFd, BorrowedFd};

use netlink_packet_core::{
    NLM_F_ACK, NLM_F_ACK_TLVS, NLM_F_CAPPED, NLM_F_CREATE, NLM_F_DUMP, NLM_F_DUMP_INTR, NLM_F_EXCL, NLM_F_REPLACE,
    NLM_F_REQUEST, NLMSG_DONE, NLMSG_ERROR, NLMSG_OVERRUN, NetlinkBuffer, NetlinkHeader, NetlinkMessage,
    NetlinkPayload, NlasIterator, ParseableParametrized,
};
use netlink_packet_route::address::{
    AddressAttribute, AddressFlags, AddressMessage, AddressProtocol, AddressScope, CacheInfo,
};
use netlink_packet_route::link::LinkMessage;
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};
use netlink_sys::{Socket, SocketAddr, protocols::NETLINK_ROUTE};
use nix::errno::Errno;
use nix::sys::socket::{setsockopt, sockopt};
use nix::sys::time::{TimeVal, TimeValLike};

pub(super) use steering::SteeringMonitor;

use crate::model::{Preferred, VirtualAddress};
use crate::vrrp::engine::{HostAddress, Link};

// include/uapi/linux/rtnetlink.h
const RTM_NEWLINK: u16 = 16;
const RTM_DELLINK: u16 = 17;
const RTNLGRP_LINK: u32 = 1;
const RTNLGRP_IPV4_IFADDR: u32 = 5;
const RTNLGRP_IPV6_IFADDR: u32 = 9;
// include/uapi/linux/if_link.h
const IFLA_ADDRESS: u16 = 1;
const IFLA_IFNAME: u16 = 3;
const IFLA_MTU: u16 = 4;
/// Bytes of `struct ifinfomsg`.
const IFINFO_LEN: usize = 16;
// include/uapi/linux/netlink.h
const NLMSGERR_ATTR_MSG: u16 = 1;

/// Who put an address on, as the kernel keeps it (`IFA_PROTO` of include/uapi/linux/if_addr.h, from Linux 5.18; older ones
/// forget it): so that we know our own again. The number is VRRP's among IP's protocols; nobody else is known to use it.
const OWN_ADDRESS: AddressProtocol = AddressProtocol::Other(112);

/// Times that a dump is read again because something changed while it was read.
const DUMP_ATTEMPTS: usize = 8;
/// Seconds that an answer may take.
const PATIENCE_SECS: i64 = 1;
/// Room for news: the kernel gives what is asked for if we may have it.
const MONITOR_BUFFER: usize = 4 << 20;

/// Why the kernel did not do what it was asked.
#[derive(Debug)]
pub(in crate::shell) enum Refused {
    /// The address that was to be removed is not there, or its interface is not.
    Absent,
    /// Its error, and its words where it had any.
    Kernel(Errno, Option<String>),
    /// No whole answer came.
    NoAnswer(io::Error),
    /// Something changed each time that a dump was read.
    Restless,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Absent => f.write_str("it is not there"),
            Self::Kernel(Errno::EPERM, _) => {
                f.write_str("the kernel forbids it; the capability CAP_NET_ADMIN is missing")
            }
            Self::Kernel(errno, Some(text)) => write!(f, "the kernel says: {text} ({})", errno.desc()),
            Self::Kernel(errno, None) => write!(f, "the kernel says: {}", errno.desc()),
            Self::NoAnswer(error) => write!(f, "no answer from the kernel: {error}"),
            Self::Restless => f.write_str("links or addresses changed each time they were read"),
        }
    }
}

impl From<io::Error> for Refused {
    fn from(error: io::Error) -> Self {
        Self::NoAnswer(error)
    }
}

/// Something that changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::shell) enum Change {
    Link(Link),
    LinkGone { index: u32 },
    Address(HostAddress),
    AddressGone(HostAddress),
}

/// Hears what changes.
pub(in crate::shell) struct Monitor {
    socket: Socket,
}

impl Monitor {
    pub(in crate::shell) fn open() -> io::Result<Self> {
        let mut socket = Socket::new(NETLINK_ROUTE)?;
        socket.bind_auto()?;
        socket.set_non_blocking(true)?;
        // Without the capability the ordinary size has to do; an overrun is noticed.
        let _ = setsockopt(&socket, sockopt::RcvBufForce, &MONITOR_BUFFER);
        for group in [RTNLGRP_LINK, RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV6_IFADDR] {
            socket.add_membership(group)?;
        }
        Ok(Self { socket })
    }

    pub(in crate::shell) fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }

    /// Reads one datagram; `None` if there is none.
    ///
    /// # Errors
    /// `ENOBUFS` where news were lost.
    pub(in crate::shell) fn read(&self, buffer: &mut [u8]) -> io::Result<Option<Vec<Change>>> {
        let len = match self.socket.recv(&mut &mut *buffer, 0) {
            Ok(len) => len,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(None),
            Err(error) => return Err(error),
        };
        let mut changes = Vec::new();
        for_each_message(buffer.get(..len).unwrap_or_default(), |message| {
            changes.extend(change(message.message_type(), message.payload()));
        });
        Ok(Some(changes))
    }
}

/// Asks and is answered.
pub(in crate::shell) struct Requests {
    socket: Socket,
    sequence: u32,
    buffer: Vec<u8>,
}

impl Requests {
    pub(in crate::shell) fn open() -> io::Result<Self> {
        let mut socket = Socket::new(NETLINK_ROUTE)?;
        socket.bind_auto()?;
        socket.connect(&SocketAddr::new(0, 0))?;
        socket.set_ext_ack(true)?;
        socket.set_cap_ack(true)?;
        setsockopt(&socket, sockopt::ReceiveTimeout, &TimeVal::seconds(PATIENCE_SECS))?;
        Ok(Self { socket, sequence: 0, buffer: vec![0; 64 * 1024] })
    }

    /// Adds an address. One that is there already is as good.
    pub(super) fn add_address(&mut self, index: u32, address: &VirtualAddress) -> Result<(), Refused> {
        match self.request(RouteNetlinkMessage::NewAddress(new_address(index, address)), NLM_F_CREATE | NLM_F_EXCL) {
            Err(Refused::Kernel(Errno::EEXIST, _)) => Ok(()),
            outcome => outcome,
        }
    }

    /// Changes an IPv6 address in place: all but its prefix length.
    pub(super) fn update_address(&mut self, index: u32, address: &VirtualAddress) -> Result<(), Refused> {
        self.request(RouteNetlinkMessage::NewAddress(new_address(index, address)), NLM_F_CREATE | NLM_F_REPLACE)
    }

    /// Removes an address.
    ///
    /// # Errors
    /// [`Refused::Absent`] where it, or its interface, is not there.
    pub(super) fn remove_address(&mut self, address: &HostAddress) -> Result<(), Refused> {
        match self.remove_with_peer(address, address.address) {
            // An IPv4 address with another end is removed only by naming that end.
            Err(Refused::Absent) if address.address.is_ipv4() => match self.peer(address)? {
                Some(peer) => self.remove_with_peer(address, peer),
                None => Err(Refused::Absent),
            },
            outcome => outcome,
        }
    }

    fn remove_with_peer(&mut self, address: &HostAddress, peer: IpAddr) -> Result<(), Refused> {
        let message = address_message(address.index, address.address, peer, address.prefix_len);
        match self.request(RouteNetlinkMessage::DelAddress(message), 0) {
            Err(Refused::Kernel(Errno::EADDRNOTAVAIL | Errno::ENODEV, _)) => Err(Refused::Absent),
            outcome => outcome,
        }
    }

    /// The other end of an address, where it is another than the address itself.
    fn peer(&mut self, address: &HostAddress) -> Result<Option<IpAddr>, Refused> {
        for _ in 0..DUMP_ATTEMPTS {
            let mut found = None;
            let message = RouteNetlinkMessage::GetAddress(AddressMessage::default());
            let whole = self.dump_each(message, |kind, payload| {
                if let Ok(RouteNetlinkMessage::NewAddress(message)) =
                    RouteNetlinkMessage::parse_with_param(payload, kind)
                    && host_address(&message) == Some(*address)
                {
                    for attribute in &message.attributes {
                        if let AddressAttribute::Address(peer) = attribute {
                            found = Some(*peer).filter(|peer| *peer != address.address);
                        }
                    }
                }
            })?;
            if whole {
                return Ok(found);
            }
        }
        Err(Refused::Restless)
    }

    /// All links.
    pub(super) fn links(&mut self) -> Result<Vec<Link>, Refused> {
        let found = self.dump(&RouteNetlinkMessage::GetLink(LinkMessage::default()))?;
        Ok(found
            .into_iter()
            .filter_map(|change| match change {
                Change::Link(link) => Some(link),
                Change::LinkGone { .. } | Change::Address(_) | Change::AddressGone(_) => None,
            })
            .collect())
    }

    /// All addresses of both families, in the kernel's order.
    pub(in crate::shell) fn addresses(&mut self) -> Result<Vec<HostAddress>, Refused> {
        let found = self.dump(&RouteNetlinkMessage::GetAddress(AddressMessage::default()))?;
        Ok(found
            .into_iter()
            .filter_map(|change| match change {
                Change::Address(address) => Some(address),
                Change::Link(_) | Change::LinkGone { .. } | Change::AddressGone(_) => None,
            })
            .collect())
    }

    /// Addresses that carry our number: a predecessor put them on.
    pub(super) fn own_addresses(&mut self) -> Result<Vec<HostAddress>, Refused> {
        for _ in 0..DUMP_ATTEMPTS {
            let mut found = Vec::new();
            let message = RouteNetlinkMessage::GetAddress(AddressMessage::default());
            let whole = self.dump_each(message, |kind, payload| {
                if let Ok(RouteNetlinkMessage::NewAddress(message)) =
                    RouteNetlinkMessage::parse_with_param(payload, kind)
                    && message.attributes.contains(&AddressAttribute::Protocol(OWN_ADDRESS))
                {
                    found.extend(host_address(&message));
                }
            })?;
            if whole {
                return Ok(found);
            }
        }
        Err(Refused::Restless)
    }

    /// Sends, and gives the message's sequence number.
    fn send(&mut self, message: RouteNetlinkMessage, flags: u16) -> io::Result<u32> {
        self.sequence = self.sequence.wrapping_add(1).max(1);
        let mut header = NetlinkHeader::default();
        header.flags = NLM_F_REQUEST | flags;
        header.sequence_number = self.sequence;
        let mut message = NetlinkMessage::new(header, NetlinkPayload::from(message));
        message.finalize();
        let mut bytes = vec![0; message.buffer_len()];
        message.serialize(&mut bytes);
        self.socket.send(&bytes, 0)?;
        Ok(self.sequence)
    }

    /// One change, acknowledged.
    pub(super) fn request(&mut self, message: RouteNetlinkMessage, flags: u16) -> Result<(), Refused> {
        let sequence = self.send(message, NLM_F_ACK | flags)?;
        self.answer(sequence)
    }

    /// The same of a message whose body is laid out already; `struct nlmsghdr` goes before it.
    fn request_bytes(&mut self, kind: u16, flags: u16, body: &[u8]) -> Result<(), Refused> {
        self.sequence = self.sequence.wrapping_add(1).max(1);
        let length = u32::try_from(body.len().saturating_add(16)).unwrap_or(u32::MAX);
        let mut bytes = length.to_ne_bytes().to_vec();
        bytes.extend(kind.to_ne_bytes());
        bytes.extend((NLM_F_REQUEST | NLM_F_ACK | flags).to_ne_bytes());
        bytes.extend(self.sequence.to_ne_bytes());
        bytes.extend([0; 4]);
        bytes.extend(body);
        self.socket.send(&bytes, 0)?;
        self.answer(self.sequence)
    }

    fn answer(&mut self, sequence: u32) -> Result<(), Refused> {
        loop {
            let len = self.receive()?;
            let mut outcome = None;
            for_each_message(self.buffer.get(..len).unwrap_or_default(), |message| {
                // Answers to a request that we gave up on may still come.
                if message.sequence_number() == sequence && message.message_type() == NLMSG_ERROR {
                    outcome = Some(acknowledgement(message));
                }
            });
            if let Some(outcome) = outcome {
                return outcome;
            }
        }
    }

    fn dump(&mut self, message: &RouteNetlinkMessage) -> Result<Vec<Change>, Refused> {
        for _ in 0..DUMP_ATTEMPTS {
            if let Some(found) = self.dump_once(message.clone())? {
                return Ok(found);
            }
        }
        Err(Refused::Restless)
    }

    /// A whole dump; `None` if something changed meanwhile.
    fn dump_once(&mut self, message: RouteNetlinkMessage) -> Result<Option<Vec<Change>>, Refused> {
        let mut found = Vec::new();
        let whole = self.dump_each(message, |kind, payload| found.extend(change(kind, payload)))?;
        Ok(whole.then_some(found))
    }

    /// Visits the messages of a dump; `false` if something changed meanwhile.
    fn dump_each(&mut self, message: RouteNetlinkMessage, mut visit: impl FnMut(u16, &[u8])) -> Result<bool, Refused> {
        let sequence = self.send(message, NLM_F_DUMP)?;
        let mut interrupted = false;
        loop {
            let len = self.receive()?;
            let mut end = None;
            for_each_message(self.buffer.get(..len).unwrap_or_default(), |message| {
                if message.sequence_number() != sequence || end.is_some() {
                    return;
                }
                interrupted |= message.flags() & NLM_F_DUMP_INTR != 0;
                match message.message_type() {
                    NLMSG_DONE | NLMSG_ERROR => end = Some(acknowledgement(message)),
                    NLMSG_OVERRUN => interrupted = true,
                    kind => visit(kind, message.payload()),
                }
            });
            match end {
                Some(Ok(())) => return Ok(!interrupted),
                Some(Err(refused)) => return Err(refused),
                None => {}
            }
        }
    }

    fn receive(&mut self) -> io::Result<usize> {
        loop {
            match self.socket.recv(&mut &mut self.buffer[..], 0) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    return Err(io::Error::new(io::ErrorKind::TimedOut, "it took longer than a second"));
                }
                outcome => return outcome,
            }
        }
    }
}

/// `RTM_NEWADDR` for an address with all its options.
fn new_address(index: u32, address: &VirtualAddress) -> AddressMessage {
    let peer = address.peer.unwrap_or(address.address);
    let mut message = address_message(index, address.address, peer, address.prefix_len);
    message.header.scope = AddressScope::from(address.scope);
    message.attributes.push(AddressAttribute::Protocol(OWN_ADDRESS));
    message.attributes.extend(address.label.clone().map(AddressAttribute::Label));
    message.attributes.extend(address.broadcast.map(AddressAttribute::Broadcast));
    let options = address.options;
    let flags = [
        (options.home, AddressFlags::Homeaddress),
        (options.no_dad, AddressFlags::Nodad),
        (options.manage_temporary, AddressFlags::Managetempaddr),
        (options.no_prefix_route, AddressFlags::Noprefixroute),
        (options.auto_join, AddressFlags::Mcautojoin),
    ];
    let flags = flags.into_iter().filter(|(on, _)| *on).fold(AddressFlags::empty(), |all, (_, flag)| all | flag);
    if !flags.is_empty() {
        message.attributes.push(AddressAttribute::Flags(flags));
    }
    let preferred = match (address.preferred, address.address) {
        (Some(Preferred::Forever), _) => Some(u32::MAX),
        (Some(Preferred::Secs(secs)), _) => Some(secs),
        // It is somebody else's tomorrow, so nothing of the host's own should leave with it.
        (None, IpAddr::V6(_)) if address.prefix_len == 128 => Some(0),
        (None, _) => None,
    };
    if let Some(preferred) = preferred {
        let mut lifetimes = CacheInfo::default();
        lifetimes.ifa_preferred = preferred;
        lifetimes.ifa_valid = u32::MAX;
        message.attributes.push(AddressAttribute::CacheInfo(lifetimes));
    }
    message
}

fn address_message(index: u32, address: IpAddr, peer: IpAddr, prefix_len: u8) -> AddressMessage {
    let mut message = AddressMessage::default();
    message.header.family = if address.is_ipv6() { AddressFamily::Inet6 } else { AddressFamily::Inet };
    message.header.prefix_len = prefix_len;
    message.header.index = index;
    message.attributes = vec![AddressAttribute::Local(address), AddressAttribute::Address(peer)];
    message
}

/// Walks the messages of a datagram; stops at one that is not whole.
fn for_each_message(mut bytes: &[u8], mut visit: impl FnMut(&NetlinkBuffer<&[u8]>)) {
    while let Ok(message) = NetlinkBuffer::new_checked(bytes) {
        let length = usize::try_from(message.length()).unwrap_or(usize::MAX);
        visit(&message);
        match bytes.get(length.next_multiple_of(4)..) {
            Some(rest) if length > 0 => bytes = rest,
            Some(_) | None => return,
        }
    }
}

/// An acknowledgement, or the end of a dump: both begin with a code, 0 or a negative error number, and the kernel's words
/// may follow.
fn acknowledgement(message: &NetlinkBuffer<&[u8]>) -> Result<(), Refused> {
    let payload = message.payload();
    let code = payload.first_chunk::<4>().map_or(0, |code| i32::from_ne_bytes(*code));
    if code == 0 {
        return Ok(());
    }
    let words = if message.flags() & NLM_F_ACK_TLVS == 0 {
        None
    } else {
        // After the code: in an error the request's header, with the rest of it unless the kernel cut it off.
        let echoed = payload.get(4..8).and_then(<[u8]>::first_chunk::<4>).map(|length| u32::from_ne_bytes(*length));
        let skipped = match (message.message_type(), message.flags() & NLM_F_CAPPED) {
            (NLMSG_DONE, _) => 0,
            (_, 0) => usize::try_from(echoed.unwrap_or(0)).unwrap_or(usize::MAX),
            (_, _) => 16,
        };
        payload.get(skipped.saturating_add(4)..).and_then(|attributes| {
            NlasIterator::new(attributes)
                .filter_map(Result::ok)
                .find(|attribute| attribute.kind() == NLMSGERR_ATTR_MSG)
                .map(|attribute| String::from_utf8_lossy(attribute.value()).trim_end_matches('\0').to_owned())
        })
    };
    Err(Refused::Kernel(Errno::from_raw(code.saturating_neg()), words))
}

/// What a message says; `None` if it is about something else, or cannot be read.
fn change(kind: u16, payload: &[u8]) -> Option<Change> {
    match kind {
        RTM_NEWLINK => link(payload).map(Change::Link),
        RTM_DELLINK => link(payload).map(|link| Change::LinkGone { index: link.index }),
        kind => match RouteNetlinkMessage::parse_with_param(payload, kind) {
            Ok(RouteNetlinkMessage::NewAddress(message)) => host_address(&message).map(Change::Address),
            Ok(RouteNetlinkMessage::DelAddress(message)) => host_address(&message).map(Change::AddressGone),
            Ok(_) | Err(_) => None,
        },
    }
}

/// `struct ifinfomsg` and three attributes.
fn link(payload: &[u8]) -> Option<Link> {
    let [family, _, kind_low, kind_high, i0, i1, i2, i3, f0, f1, f2, f3, ..] = *payload.first_chunk::<IFINFO_LEN>()?;
    // A bridge tells of its ports in messages of the same type: a port that leaves it is not gone.
    if i32::from(family) != libc::AF_UNSPEC {
        return None;
    }
    let kind = u16::from_ne_bytes([kind_low, kind_high]);
    let index = u32::from_ne_bytes([i0, i1, i2, i3]);
    let flags = i32::from_ne_bytes([f0, f1, f2, f3]);
    let mut name = None;
    let mut mac = None;
    let mut mtu = None;
    for attribute in NlasIterator::new(payload.get(IFINFO_LEN..)?).filter_map(Result::ok) {
        match attribute.kind() {
            IFLA_IFNAME => {
                name = Some(String::from_utf8_lossy(attribute.value()).trim_end_matches('\0').to_owned());
            }
            IFLA_ADDRESS => mac = <[u8; 6]>::try_from(attribute.value()).ok(),
            IFLA_MTU => mtu = <[u8; 4]>::try_from(attribute.value()).ok().map(u32::from_ne_bytes),
            _ => {}
        }
    }
    let has = |flag: i32| flags & flag != 0;
    let speaks_arp = kind == libc::ARPHRD_ETHER && !has(libc::IFF_NOARP);
    Some(Link {
        index,
        name: name?,
        up: has(libc::IFF_UP) && has(libc::IFF_RUNNING),
        mac: mac.filter(|_| speaks_arp),
        enabled: has(libc::IFF_UP),
        upon: super::links::upon(payload.get(IFINFO_LEN..)?),
        marked: super::links::marked(payload.get(IFINFO_LEN..)?),
        mtu,
        table: super::links::table(payload.get(IFINFO_LEN..)?),
    })
}

/// The address itself: `IFA_LOCAL`, which differs from `IFA_ADDRESS` on point-to-point links.
fn host_address(message: &AddressMessage) -> Option<HostAddress> {
    let mut plain = None;
    let mut local = None;
    let mut flags = AddressFlags::empty();
    for attribute in &message.attributes {
        if let AddressAttribute::Local(address) = attribute {
            local = Some(*address);
        } else if let AddressAttribute::Address(address) = attribute {
            plain = Some(*address);
        } else if let AddressAttribute::Flags(all) = attribute {
            flags = *all;
        }
    }
    // Not to be sent from yet (RFC 4862 section 5.4), or ever if somebody else has it. When it may be, it is told again.
    if flags.contains(AddressFlags::Tentative) && !flags.contains(AddressFlags::Optimistic) {
        return None;
    }
    let address = local.or(plain)?;
    Some(HostAddress { index: message.header.index, address, prefix_len: message.header.prefix_len })
}

#[cfg(test)]
mod tests;
