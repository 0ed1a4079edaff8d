//! Routes and rules: asked for, and heard of.
//!
//! A host may carry a full table of the Internet, and every change in it is told to whoever listens for routes. A filter in
//! the kernel lets through what can concern us: removals of routes with our protocol numbers, replacements (which may hit
//! ours without a removal being told), both only with prefix lengths of ours, and removals of rules. Nothing is ever dumped.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::fd::{AsFd, BorrowedFd};

use netlink_packet_core::{NLM_F_ACK, NLM_F_APPEND, NLM_F_CREATE, NLM_F_EXCL, NLM_F_REPLACE, NlasIterator};
use netlink_sys::{Socket, protocols::NETLINK_ROUTE};
use nix::errno::Errno;
use nix::sys::socket::{setsockopt, sockopt};
use socket2::{SockFilter, SockRef};

use super::{Refused, Requests, for_each_message, route, rule};
use crate::model::{Family, Placing};
use crate::vrrp::engine::{Steered, Steering, SteeringNews, SteeringWatch};

// include/uapi/linux/rtnetlink.h
const RTM_NEWROUTE: u16 = 24;
const RTM_DELROUTE: u16 = 25;
const RTM_NEWRULE: u16 = 32;
const RTM_DELRULE: u16 = 33;
const RTNLGRP_IPV4_ROUTE: u32 = 7;
const RTNLGRP_IPV4_RULE: u32 = 8;
const RTNLGRP_IPV6_ROUTE: u32 = 11;
const RTNLGRP_IPV6_RULE: u32 = 19;
const RTA_DST: u16 = 1;
const RTA_PRIORITY: u16 = 6;
const RTA_TABLE: u16 = 15;
// include/uapi/linux/fib_rules.h
const FRA_PRIORITY: u16 = 6;
/// Bytes of `struct rtmsg` and `struct fib_rule_hdr`.
const HEADER_LEN: usize = 12;
/// Room for news: the kernel gives what is asked for if we may have it.
const BUFFER: usize = 1 << 20;

impl Requests {
    /// Adds a route or a rule.
    pub(in super::super) fn add_steering(&mut self, what: &Steering, links: &[u32]) -> Steered {
        let (kind, flags, body) = match what {
            Steering::Route(wanted) => {
                let flags = match wanted.placing {
                    Placing::Add => NLM_F_CREATE | NLM_F_EXCL,
                    Placing::Prepend => NLM_F_CREATE,
                    Placing::Append => NLM_F_CREATE | NLM_F_APPEND,
                };
                (RTM_NEWROUTE, flags, route::body(wanted, links))
            }
            Steering::Rule(wanted) => (RTM_NEWRULE, NLM_F_CREATE | NLM_F_EXCL, rule::body(wanted)),
        };
        match self.request_bytes(kind, NLM_F_ACK | flags, &body) {
            Ok(()) => Steered::Added,
            Err(Refused::Kernel(Errno::EEXIST, _)) => Steered::Exists,
            Err(refused) => Steered::Refused(refused.to_string()),
        }
    }

    /// Removes a route or a rule.
    ///
    /// # Errors
    /// [`Refused::Absent`] where it, or its link, is not there.
    pub(in super::super) fn remove_steering(&mut self, what: &Steering, links: &[u32]) -> Result<(), Refused> {
        let (kind, body) = match what {
            Steering::Route(wanted) => (RTM_DELROUTE, route::body(wanted, links)),
            Steering::Rule(wanted) => (RTM_DELRULE, rule::body(wanted)),
        };
        match self.request_bytes(kind, NLM_F_ACK, &body) {
            // A route through an address that is not there any more cannot be there either.
            Err(Refused::Kernel(Errno::ESRCH | Errno::ENOENT | Errno::ENODEV | Errno::ENETDOWN, _)) => {
                Err(Refused::Absent)
            }
            outcome => outcome,
        }
    }
}

/// Hears of routes and rules.
pub(in super::super) struct SteeringMonitor {
    socket: Socket,
}

impl SteeringMonitor {
    pub(in super::super) fn open(watch: &SteeringWatch) -> io::Result<Self> {
        let mut socket = Socket::new(NETLINK_ROUTE)?;
        // Before it hears anything: what comes without a filter could be much.
        SockRef::from(&socket.as_fd()).attach_filter(&filter(watch))?;
        socket.bind_auto()?;
        socket.set_non_blocking(true)?;
        let _ = setsockopt(&socket, sockopt::RcvBufForce, &BUFFER);
        if !watch.protocols.is_empty() {
            socket.add_membership(RTNLGRP_IPV4_ROUTE)?;
            socket.add_membership(RTNLGRP_IPV6_ROUTE)?;
        }
        if watch.rules {
            socket.add_membership(RTNLGRP_IPV4_RULE)?;
            socket.add_membership(RTNLGRP_IPV6_RULE)?;
        }
        Ok(Self { socket })
    }

    pub(in super::super) fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }

    /// Reads one datagram; `None` if there is none.
    ///
    /// # Errors
    /// `ENOBUFS` where news were lost.
    pub(in super::super) fn read(&self, buffer: &mut [u8]) -> io::Result<Option<Vec<SteeringNews>>> {
        let len = match self.socket.recv(&mut &mut *buffer, 0) {
            Ok(len) => len,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(None),
            Err(error) => return Err(error),
        };
        let mut found = Vec::new();
        for_each_message(buffer.get(..len).unwrap_or_default(), |message| {
            found.extend(news(message.message_type(), message.flags(), message.payload()));
        });
        Ok(Some(found))
    }
}

/// What a message says; `None` if it is not news of the kind that we want, or cannot be read.
pub(super) fn news(kind: u16, flags: u16, payload: &[u8]) -> Option<SteeringNews> {
    let header = payload.first_chunk::<HEADER_LEN>()?;
    let attributes = || NlasIterator::new(payload.get(HEADER_LEN..).unwrap_or_default()).filter_map(Result::ok);
    let number = |wanted: u16| {
        let attribute = attributes().find(|attribute| attribute.kind() == wanted)?;
        attribute.value().try_into().ok().map(u32::from_ne_bytes)
    };
    let family = match i32::from(header[0]) {
        libc::AF_INET => Family::V4,
        libc::AF_INET6 => Family::V6,
        _ => return None,
    };
    match kind {
        RTM_DELROUTE => {}
        RTM_NEWROUTE if flags & NLM_F_REPLACE != 0 => {}
        RTM_DELRULE => return Some(SteeringNews::Rule { family, priority: number(FRA_PRIORITY).unwrap_or(0) }),
        _ => return None,
    }
    let destination = attributes().find(|attribute| attribute.kind() == RTA_DST);
    let to = match (family, destination.as_ref().map(|attribute| attribute.value())) {
        (Family::V4, None) => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        (Family::V6, None) => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
        (Family::V4, Some(bytes)) => <[u8; 4]>::try_from(bytes).ok()?.into(),
        (Family::V6, Some(bytes)) => <[u8; 16]>::try_from(bytes).ok()?.into(),
    };
    Some(SteeringNews::Route {
        table: number(RTA_TABLE).unwrap_or_else(|| header[4].into()),
        to: (to, header[1]),
        metric: number(RTA_PRIORITY).unwrap_or(0),
    })
}

/// A program for the kernel's packet filter (Documentation/networking/filter.rst). It loads big-endian, and netlink is in
/// the host's order, so numbers of two bytes are turned.
pub(super) fn filter(watch: &SteeringWatch) -> Vec<SockFilter> {
    const LOAD_HALF: u16 = 0x28;
    const LOAD_BYTE: u16 = 0x30;
    const JUMP: u16 = 0x05;
    const IF_EQUAL: u16 = 0x15;
    const IF_BITS: u16 = 0x45;
    const RETURN: u16 = 0x06;
    const TYPE_AT: u32 = 4;
    const FLAGS_AT: u32 = 6;
    const LENGTH_AT: u32 = 16 + 1;
    const PROTOCOL_AT: u32 = 16 + 5;
    const WHOLE: u32 = u32::MAX;
    let half = |number: u16| u32::from(u16::from_be_bytes(number.to_ne_bytes()));
    let op = SockFilter::new;
    let count = |set: &std::collections::BTreeSet<u8>| u32::try_from(set.len()).unwrap_or(0);
    let (protocols, lengths) = (count(&watch.protocols), count(&watch.prefix_lens));

    let mut program = vec![
        op(LOAD_HALF, 0, 0, TYPE_AT),
        op(IF_EQUAL, 0, 1, half(RTM_DELRULE)),
        op(RETURN, 0, 0, WHOLE),
        op(IF_EQUAL, 3, 0, half(RTM_DELROUTE)),
        op(IF_EQUAL, 0, 1, half(RTM_NEWROUTE)),
        op(JUMP, 0, 0, 1 + 1 + 2 * protocols + 1),
        op(RETURN, 0, 0, 0),
        // A removal: by whom?
        op(LOAD_BYTE, 0, 0, PROTOCOL_AT),
    ];
    // Each that is equal jumps over the rest and over what concerns replacements.
    for (at, protocol) in (0..).zip(&watch.protocols) {
        program.push(op(IF_EQUAL, 0, 1, u32::from(*protocol)));
        program.push(op(JUMP, 0, 0, 2 * (protocols - at - 1) + 1 + 3));
    }
    program.push(op(RETURN, 0, 0, 0));
    program.push(op(LOAD_HALF, 0, 0, FLAGS_AT));
    program.push(op(IF_BITS, 1, 0, half(NLM_F_REPLACE)));
    program.push(op(RETURN, 0, 0, 0));
    program.push(op(LOAD_BYTE, 0, 0, LENGTH_AT));
    for (at, length) in (0..).zip(&watch.prefix_lens) {
        program.push(op(IF_EQUAL, 0, 1, u32::from(*length)));
        program.push(op(JUMP, 0, 0, 2 * (lengths - at - 1) + 1));
    }
    program.push(op(RETURN, 0, 0, 0));
    program.push(op(RETURN, 0, 0, WHOLE));
    program
}
