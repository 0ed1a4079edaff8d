//! Who else writes to a table of ours.
//!
//! `nft flush ruleset`, which is how firewalls are commonly loaded anew, takes every table with it. The kernel tells of each change
//! (`NFNLGRP_NFTABLES`), message by message as the transaction had them, and at the end which program it was (`NFT_MSG_NEWGEN`). Our
//! own transactions are told of as well, and are known by the port of the socket that sent them: what one of them found or left
//! behind is as it should be, so that only what comes after it counts.

use std::fmt;
use std::io;

use netlink_packet_core::NetlinkBuffer;
use netlink_sys::Socket;
use netlink_sys::protocols::NETLINK_NETFILTER;
use nix::errno::Errno;
use nix::sys::socket::{setsockopt, sockopt};

use super::batch::SUBSYSTEM;
use super::rules::FAMILIES;

/// `NFNLGRP_NFTABLES` of include/uapi/linux/netfilter/nfnetlink.h.
const GROUP: u32 = 7;
const NFT_MSG_NEWGEN: u16 = 15;
const NFTA_GEN_PROC_PID: u16 = 2;
const NFTA_GEN_PROC_NAME: u16 = 3;
/// The table's name is the first attribute of whatever is in it, and of itself.
const NFTA_ANY_TABLE: u16 = 1;
/// A firewall of tens of thousands of addresses is loaded in one transaction.
const BUFFER: usize = 1 << 20;

/// Somebody has changed the table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::shell) enum Touched {
    /// This program: the name and number of the thread that did it.
    By(String, u32),
    /// The kernel told of more than we could read, and this may have been among it.
    Perhaps,
}

impl fmt::Display for Touched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::By(name, process) => write!(f, "{name} (process {process}) changed it"),
            Self::Perhaps => f.write_str("somebody may have changed it: the kernel told of more than could be read"),
        }
    }
}

/// The socket that changes are told to.
#[derive(Debug)]
pub(super) struct Watch {
    pub(super) socket: Socket,
    buffer: Vec<u8>,
    news: News,
}

impl Watch {
    pub(super) fn open() -> io::Result<Self> {
        let mut socket = Socket::new(NETLINK_NETFILTER)?;
        socket.bind_auto()?;
        socket.set_non_blocking(true)?;
        // Without the capability the ordinary size has to do; an overrun is noticed.
        let _ = setsockopt(&socket, sockopt::RcvBufForce, &BUFFER);
        socket.add_membership(GROUP)?;
        Ok(Self { socket, buffer: vec![0; 64 * 1024], news: News::default() })
    }

    /// Reads what there is: who has changed this table since a transaction from `own` was last told of.
    pub(super) fn read(&mut self, table: &str, own: u32) -> io::Result<Option<Touched>> {
        loop {
            match self.socket.recv(&mut &mut self.buffer[..], 0) {
                Ok(len) => self.news.take(self.buffer.get(..len).unwrap_or_default(), table, own),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(self.news.touched.take()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.raw_os_error() == Some(Errno::ENOBUFS as i32) => {
                    self.news = News { begun: false, touched: Some(Touched::Perhaps) };
                }
                Err(error) => return Err(error),
            }
        }
    }
}

/// What was read so far.
#[derive(Debug, Default)]
struct News {
    /// A transaction of somebody else's that touches the table is being told of.
    begun: bool,
    touched: Option<Touched>,
}

impl News {
    fn take(&mut self, mut bytes: &[u8], table: &str, own: u32) {
        while let Ok(message) = NetlinkBuffer::new_checked(bytes) {
            let length = usize::try_from(message.length()).unwrap_or(usize::MAX);
            self.message(message.message_type(), message.port_number() == own, message.payload(), table);
            match bytes.get(length.next_multiple_of(4)..) {
                Some(rest) if length > 0 => bytes = rest,
                Some(_) | None => return,
            }
        }
    }

    fn message(&mut self, kind: u16, is_own: bool, payload: &[u8], table: &str) {
        let Some(([family, ..], attributes)) = payload.split_first_chunk::<4>() else { return };
        if kind == SUBSYSTEM << 8 | NFT_MSG_NEWGEN {
            if std::mem::take(&mut self.begun) {
                let name = attribute(attributes, NFTA_GEN_PROC_NAME).map_or_else(|| "somebody".to_owned(), text);
                let process = attribute(attributes, NFTA_GEN_PROC_PID).and_then(|bytes| bytes.first_chunk::<4>());
                self.touched = Some(Touched::By(name, process.map_or(0, |bytes| u32::from_be_bytes(*bytes))));
            }
        } else if kind >> 8 == SUBSYSTEM
            && FAMILIES.contains(family)
            && attribute(attributes, NFTA_ANY_TABLE)
                .is_some_and(|name| name.strip_suffix(&[0]) == Some(table.as_bytes()))
        {
            self.begun = !is_own;
            if is_own {
                self.touched = None;
            }
        }
    }
}

/// A program may call itself anything.
fn text(bytes: &[u8]) -> String {
    let bytes = bytes.strip_suffix(&[0]).unwrap_or(bytes);
    String::from_utf8_lossy(bytes).chars().map(|letter| if letter.is_control() { '?' } else { letter }).collect()
}

fn attribute(mut bytes: &[u8], wanted: u16) -> Option<&[u8]> {
    loop {
        let ([low, high, kind_low, kind_high], _) = bytes.split_first_chunk::<4>()?;
        let length = usize::from(u16::from_ne_bytes([*low, *high]));
        let value = bytes.get(4..length)?;
        // The two highest bits say how it is written.
        if u16::from_ne_bytes([*kind_low, *kind_high]) & 0x3fff == wanted {
            return Some(value);
        }
        bytes = bytes.get(length.next_multiple_of(4)..)?;
    }
}

#[cfg(test)]
mod tests {
    use super::super::batch::Attributes;
    use super::super::rules::{NFPROTO_IPV4, NFPROTO_IPV6};
    use super::*;

    const US: u32 = 77;
    const NFPROTO_INET: u8 = 1;
    const NEW: u16 = 0;
    const GONE: u16 = 2;

    fn message(kind: u16, from: u32, family: u8, attributes: &Attributes) -> Vec<u8> {
        let payload = [&[family, 0, 0, 0], attributes.as_bytes()].concat();
        let head = [u32::try_from(16 + payload.len()).unwrap(), u32::from(SUBSYSTEM << 8 | kind), 9, from];
        head.into_iter().flat_map(u32::to_ne_bytes).chain(payload).collect()
    }

    fn of(kind: u16, from: u32, family: u8, table: &str) -> Vec<u8> {
        message(kind, from, family, &Attributes::new().text(1, table).number(2, 0))
    }

    fn end(from: u32, name: &str) -> Vec<u8> {
        message(NFT_MSG_NEWGEN, from, 0, &Attributes::new().number(1, 5).number(2, 123).text(3, name))
    }

    fn told(messages: &[Vec<u8>]) -> Option<Touched> {
        let mut news = News::default();
        // However they are packed.
        let mut single = News::default();
        news.take(&messages.concat(), "marks", US);
        messages.iter().for_each(|message| single.take(message, "marks", US));
        assert_eq!(news.touched, single.touched);
        news.touched
    }

    #[test]
    fn who_touches_the_table_is_named_and_nobody_else() {
        let nft = || Some(Touched::By("nft".to_owned(), 123));
        let (gone, theirs) = (|| of(GONE, 5, NFPROTO_IPV4, "marks"), || end(5, "nft"));
        let (ours, done) = (|| of(NEW, US, NFPROTO_IPV4, "marks"), || end(US, "ipvsd"));
        assert_eq!(told(&[gone(), theirs()]), nft());
        assert_eq!(told(&[of(GONE, 5, NFPROTO_IPV6, "marks"), theirs()]), nft());
        assert_eq!(told(&[of(GONE, 5, NFPROTO_IPV4, "marks2"), of(GONE, 5, NFPROTO_IPV4, "mark"), theirs()]), None);
        assert_eq!(told(&[of(GONE, 5, NFPROTO_INET, "marks"), theirs()]), None, "another table of the same name");
        assert_eq!(told(&[of(GONE, US, NFPROTO_IPV4, "marks"), ours(), done()]), None);
        // Replaced since.
        assert_eq!(told(&[gone(), theirs(), ours(), done()]), None);
        assert_eq!(told(&[ours(), done(), gone(), theirs()]), nft());
        assert_eq!(told(&[gone()]), None, "told when it is whole");
        assert_eq!(told(&[gone(), end(5, "a\nb")]), Some(Touched::By("a?b".to_owned(), 123)));
    }

    #[test]
    fn what_is_cut_short_is_nothing() {
        let whole = of(GONE, 5, NFPROTO_IPV4, "marks");
        for len in 0..whole.len() {
            let mut news = News::default();
            news.take(&whole[..len], "marks", US);
            news.message(SUBSYSTEM << 8 | GONE, false, &whole[16..len.max(16)], "marks");
            // The name is whole, whatever is missing behind it.
            assert!(!news.begun || len >= 16 + 4 + 4 + "marks\0".len(), "{len}");
        }
    }
}
