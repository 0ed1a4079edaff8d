//! When addresses come and go: the kernel's own notifications, timed on the monotonic clock.

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::socket::{
    AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, bind, recv, setsockopt, socket, sockopt,
};
use nix::sys::time::TimeVal;

use crate::node::Node;
use crate::waiting::wait_for;

/// `RTMGRP_IPV4_IFADDR` and `RTMGRP_IPV6_IFADDR` of linux/rtnetlink.h.
const GROUPS: u32 = 0x10 | 0x100;
const RTM_NEWADDR: u16 = 20;
const RTM_DELADDR: u16 = 21;
const IFA_ADDRESS: u16 = 1;
const IFA_LOCAL: u16 = 2;
/// How often the reader looks whether it is to end, in microseconds.
const LOOK: i64 = 20_000;

/// An address came to a node, or went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Change {
    /// When we were told.
    pub at: Instant,
    /// It came; else it went.
    pub came: bool,
    /// The address.
    pub address: IpAddr,
}

/// The changes of a node's addresses, until this is dropped.
pub struct AddressWatch {
    changes: Arc<Mutex<Vec<Change>>>,
    over: Arc<AtomicBool>,
    reader: Option<thread::JoinHandle<()>>,
}

impl fmt::Debug for AddressWatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AddressWatch({:?})", self.changes())
    }
}

impl AddressWatch {
    /// Watches a node from now on.
    ///
    /// # Panics
    /// When the kernel refuses.
    #[must_use]
    pub fn start(node: &Node) -> Self {
        let socket = node.enter(open).expect("the kernel tells of addresses");
        let (changes, over) = (Arc::<Mutex<Vec<Change>>>::default(), Arc::<AtomicBool>::default());
        let reader = thread::spawn({
            let (changes, over) = (Arc::clone(&changes), Arc::clone(&over));
            move || {
                let mut buffer = vec![0; 64 * 1024];
                while !over.load(Ordering::Relaxed) {
                    let Ok(length) = recv(socket.as_raw_fd(), &mut buffer, MsgFlags::empty()) else { continue };
                    let at = Instant::now();
                    let found = parse(&buffer[..length]).map(|(came, address)| Change { at, came, address });
                    changes.lock().unwrap_or_else(PoisonError::into_inner).extend(found);
                }
            }
        });
        Self { changes, over, reader: Some(reader) }
    }

    /// All changes so far. An address whose life is only refreshed counts as one that came.
    #[must_use]
    pub fn changes(&self) -> Vec<Change> {
        self.changes.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How many changes there are so far.
    #[must_use]
    pub fn mark(&self) -> usize {
        self.changes().len()
    }

    /// How often an address came since a mark.
    #[must_use]
    pub fn came_from(&self, mark: usize, address: IpAddr) -> usize {
        self.changes().iter().skip(mark).filter(|change| change.came && change.address == address).count()
    }

    /// Waits until an address comes after a mark; when it did.
    ///
    /// # Panics
    /// When it does not in time.
    #[track_caller]
    pub fn wait_came(&self, limit: Duration, mark: usize, address: IpAddr) -> Instant {
        self.wait(limit, mark, address, true)
    }

    /// Waits until an address goes after a mark; when it did.
    ///
    /// # Panics
    /// When it does not in time.
    #[track_caller]
    pub fn wait_went(&self, limit: Duration, mark: usize, address: IpAddr) -> Instant {
        self.wait(limit, mark, address, false)
    }

    #[track_caller]
    fn wait(&self, limit: Duration, mark: usize, address: IpAddr, came: bool) -> Instant {
        wait_for(limit, &format!("{address} to {}", if came { "come" } else { "go" }), || {
            let changes = self.changes();
            let found = changes.iter().skip(mark).find(|change| change.address == address && change.came == came);
            found.map(|change| change.at).ok_or_else(|| format!("{} other changes", changes.len() - mark))
        })
    }
}

impl Drop for AddressWatch {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        if let Some(reader) = self.reader.take() {
            let _ = reader.join();
        }
    }
}

fn open() -> io::Result<OwnedFd> {
    let socket = socket(AddressFamily::Netlink, SockType::Raw, SockFlag::SOCK_CLOEXEC, SockProtocol::NetlinkRoute)?;
    bind(socket.as_raw_fd(), &NetlinkAddr::new(0, GROUPS))?;
    setsockopt(&socket, sockopt::ReceiveTimeout, &TimeVal::new(0, LOOK))?;
    setsockopt(&socket, sockopt::RcvBufForce, &(16 * 1024 * 1024))?;
    Ok(socket)
}

/// The addresses of a datagram of rtnetlink(7) messages, each with whether it came.
fn parse(datagram: &[u8]) -> impl Iterator<Item = (bool, IpAddr)> {
    let mut rest = datagram;
    std::iter::from_fn(move || {
        let length = usize::try_from(u32::from_ne_bytes(rest.get(..4)?.try_into().ok()?)).ok()?;
        let message = rest.get(..length)?;
        rest = rest.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some(message)
    })
    .filter_map(|message| {
        let came = match u16::from_ne_bytes(message.get(4..6)?.try_into().ok()?) {
            RTM_NEWADDR => true,
            RTM_DELADDR => false,
            _ => return None,
        };
        // Netlink's header has 16 bytes, ifaddrmsg 8. A peer has the far end in IFA_ADDRESS, and itself in IFA_LOCAL.
        let attributes = message.get(24..)?;
        let address = attribute(attributes, IFA_LOCAL).or_else(|| attribute(attributes, IFA_ADDRESS))?;
        Some((came, address))
    })
}

fn attribute(mut attributes: &[u8], wanted: u16) -> Option<IpAddr> {
    loop {
        let length = usize::from(u16::from_ne_bytes(attributes.get(..2)?.try_into().ok()?));
        if u16::from_ne_bytes(attributes.get(2..4)?.try_into().ok()?) == wanted {
            let value = attributes.get(4..length)?;
            return match value.len() {
                4 => Some(Ipv4Addr::from(<[u8; 4]>::try_from(value).ok()?).into()),
                16 => Some(Ipv6Addr::from(<[u8; 16]>::try_from(value).ok()?).into()),
                _ => None,
            };
        }
        attributes = attributes.get(length.max(4).next_multiple_of(4)..)?;
    }
}
