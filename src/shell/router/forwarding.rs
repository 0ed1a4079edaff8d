//! Which interfaces forward IPv6 packets: a neighbour advertisement says so.
//!
//! Asked of and told by rtnetlink as `netconf` (include/uapi/linux/netconf.h), on a socket of its own: an answer and a piece
//! of news are the same message, and both are read without waiting.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};

use netlink_packet_core::{NLM_F_DUMP, NLM_F_REQUEST, NetlinkBuffer, NlasIterator};
use netlink_sys::{Socket, SocketAddr, protocols::NETLINK_ROUTE};
use tracing::warn;

// include/uapi/linux/rtnetlink.h
const RTM_NEWNETCONF: u16 = 80;
const RTM_GETNETCONF: u16 = 82;
const RTNLGRP_IPV6_NETCONF: u32 = 25;
// include/uapi/linux/netconf.h
const NETCONFA_IFINDEX: u16 = 1;
const NETCONFA_FORWARDING: u16 = 2;
/// Bytes of `struct netconfmsg`, padded.
const NETCONF_LEN: usize = 4;
/// Bytes of `struct nlmsghdr`.
const HEADER_LEN: usize = 16;

/// Asks and hears.
pub(super) struct Forwarding {
    socket: Socket,
}

impl Forwarding {
    pub(super) fn open() -> io::Result<Self> {
        let mut socket = Socket::new(NETLINK_ROUTE)?;
        socket.bind_auto()?;
        socket.set_non_blocking(true)?;
        socket.add_membership(RTNLGRP_IPV6_NETCONF)?;
        let forwarding = Self { socket };
        forwarding.ask();
        Ok(forwarding)
    }

    pub(super) fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }

    /// Asks for all interfaces. A kernel that does not know the question leaves us with none that forwards.
    fn ask(&self) {
        let request = request();
        if let Err(error) = self.socket.send_to(&request, &SocketAddr::new(0, 0), 0) {
            warn!("cannot ask which interfaces forward IPv6 packets: {error}");
        }
    }

    /// Reads what there is: interfaces, and whether they forward.
    pub(super) fn read(&self, buffer: &mut [u8]) -> Vec<(u32, bool)> {
        let mut found = Vec::new();
        loop {
            match self.socket.recv(&mut &mut *buffer, 0) {
                Ok(len) => found.extend(messages(buffer.get(..len).unwrap_or_default())),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return found,
                Err(error) => {
                    // News were lost; there is nothing to wait for in any other case.
                    if error.raw_os_error() == Some(libc::ENOBUFS) {
                        self.ask();
                    }
                    return found;
                }
            }
        }
    }
}

/// A dump of the IPv6 settings of all interfaces.
fn request() -> Vec<u8> {
    let mut bytes = Vec::with_capacity(HEADER_LEN + NETCONF_LEN);
    bytes.extend(20_u32.to_ne_bytes());
    bytes.extend(RTM_GETNETCONF.to_ne_bytes());
    bytes.extend((NLM_F_REQUEST | NLM_F_DUMP).to_ne_bytes());
    bytes.extend(1_u32.to_ne_bytes());
    bytes.extend(0_u32.to_ne_bytes());
    bytes.extend([u8::try_from(libc::AF_INET6).unwrap_or(10), 0, 0, 0]);
    bytes
}

fn messages(mut bytes: &[u8]) -> Vec<(u32, bool)> {
    let mut found = Vec::new();
    while let Ok(message) = NetlinkBuffer::new_checked(bytes) {
        if message.message_type() == RTM_NEWNETCONF {
            found.extend(setting(message.payload()));
        }
        let len = usize::try_from(message.length()).unwrap_or(usize::MAX).max(HEADER_LEN);
        bytes = bytes.get(len.next_multiple_of(4)..).unwrap_or_default();
    }
    found
}

/// One interface's setting; `None` for what is told of all of them, or of new ones, which have negative numbers.
fn setting(payload: &[u8]) -> Option<(u32, bool)> {
    if payload.first().copied().map(i32::from) != Some(libc::AF_INET6) {
        return None;
    }
    let mut index = None;
    let mut on = None;
    for attribute in NlasIterator::new(payload.get(NETCONF_LEN..)?).filter_map(Result::ok) {
        let value = attribute.value().first_chunk().map(|bytes| i32::from_ne_bytes(*bytes));
        match attribute.kind() {
            NETCONFA_IFINDEX => index = value.and_then(|value| u32::try_from(value).ok()),
            NETCONFA_FORWARDING => on = value.map(|value| value > 0),
            _ => {}
        }
    }
    Some((index?, on?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn news(index: i32, forwarding: i32) -> Vec<u8> {
        let mut bytes = Vec::new();
        bytes.extend(36_u32.to_ne_bytes());
        bytes.extend(RTM_NEWNETCONF.to_ne_bytes());
        bytes.extend([0; 10]);
        bytes.extend([10, 0, 0, 0]);
        for (kind, value) in [(NETCONFA_IFINDEX, index), (NETCONFA_FORWARDING, forwarding)] {
            bytes.extend(8_u16.to_ne_bytes());
            bytes.extend(kind.to_ne_bytes());
            bytes.extend(value.to_ne_bytes());
        }
        bytes
    }

    #[test]
    fn settings_are_read_and_those_of_no_interface_are_not() {
        let all = [news(7, 1), news(-1, 1), news(8, 0), news(-2, 0)].concat();
        assert_eq!(messages(&all), [(7, true), (8, false)]);
        for len in 0..all.len() {
            let _ = messages(&all[..len]);
        }
        let mut ipv4 = news(7, 1);
        ipv4[16] = 2;
        assert_eq!(messages(&ipv4), []);
    }

    /// The kernel's own answer: the loopback interface is one of those that it tells, where there is IPv6 at all.
    #[test]
    fn the_kernel_answers() {
        let Ok(expected) = std::fs::read_to_string("/proc/sys/net/ipv6/conf/lo/forwarding") else { return };
        let forwarding = Forwarding::open().unwrap();
        let found = forwarding.read(&mut vec![0; 64 * 1024]);
        assert!(found.contains(&(1, expected.trim() == "1")), "{found:?}");
    }
}
