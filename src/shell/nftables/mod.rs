//! The host's packet filter: what [`Firewall`] names is dropped, by tables of our own in nftables.
//!
//! The tables are replaced as a whole in one transaction: at each moment either the old rules hold or the new ones. They
//! belong to our socket (`NFT_TABLE_F_OWNER`, Linux 5.12): nobody edits them by mistake, and they vanish with us, so that a
//! killed daemon leaves no packets dropped. An older kernel keeps them until the next start.

mod batch;
mod marks;
mod rules;
mod watch;

use std::fmt;
use std::io;

use netlink_packet_core::{NLMSG_ERROR, NetlinkBuffer};
use netlink_sys::protocols::NETLINK_NETFILTER;
use netlink_sys::{Socket, SocketAddr};
use nix::errno::Errno;
use nix::sys::socket::{setsockopt, sockopt};
use nix::sys::time::{TimeVal, TimeValLike};

use crate::vrrp::engine::Firewall;
use batch::Batch;
pub(in crate::shell) use marks::Marker;
use rules::{FAMILIES, Means};
pub(in crate::shell) use watch::Touched;

/// Seconds that an answer may take.
const PATIENCE_SECS: i64 = 1;
/// Room for a batch: thousands of addresses.
const BUFFER: usize = 4 << 20;

/// Why the filter is not as it should be.
#[derive(Debug)]
pub(in crate::shell) enum Refused {
    /// The kernel has no nftables, or not for IP.
    Absent,
    /// Its error.
    Kernel(Errno),
    /// No answer came, or there is no socket.
    NoAnswer(io::Error),
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Absent => f.write_str("this kernel has no nftables for IP (CONFIG_NF_TABLES_INET; `modprobe nf_tables`)"),
            Self::Kernel(Errno::EPERM) => f.write_str(
                "the kernel forbids it: the capability CAP_NET_ADMIN is missing, or the table belongs to another program \
                 (the word `nftables` names another)",
            ),
            Self::Kernel(errno) => write!(f, "nftables says: {}", errno.desc()),
            Self::NoAnswer(error) => write!(f, "no answer from nftables: {error}"),
        }
    }
}

/// The tables of ours.
#[derive(Default)]
pub(in crate::shell) struct Filter {
    socket: Option<Socket>,
    sequence: u32,
    /// Tables that are there: family and name.
    tables: Vec<(u8, String)>,
    /// What this kernel was found not to have.
    means: Means,
}

impl Filter {
    /// Makes the tables be exactly this.
    pub(in crate::shell) fn apply(&mut self, firewall: &Firewall) -> Result<(), Refused> {
        if self.socket.is_none() {
            if firewall.is_empty() {
                return Ok(());
            }
            self.socket = Some(open().map_err(|error| match error.raw_os_error() {
                Some(libc::EPROTONOSUPPORT | libc::EAFNOSUPPORT) => Refused::Absent,
                Some(_) | None => Refused::NoAnswer(error),
            })?);
            self.remove_leftovers(&firewall.table)?;
        }
        loop {
            match self.replace(firewall) {
                // An unknown flag, or an expression that the kernel does not have.
                Err(Refused::Kernel(Errno::EOPNOTSUPP)) if self.means.owner => self.means.owner = false,
                Err(Refused::Kernel(Errno::ENOENT | Errno::EOPNOTSUPP)) if self.means.dup => self.means.dup = false,
                // Not even a table.
                Err(Refused::Kernel(Errno::EOPNOTSUPP | Errno::EAFNOSUPPORT)) => return Err(Refused::Absent),
                outcome => return outcome,
            }
        }
    }

    /// A table of this name that is there before us is one that an earlier run left, on a kernel without owners.
    fn remove_leftovers(&mut self, table: &str) -> Result<(), Refused> {
        for family in FAMILIES {
            let mut batch = Batch::new(self.sequence);
            rules::delete(&mut batch, family, table);
            match self.run(batch) {
                Ok(()) | Err(Refused::Kernel(Errno::ENOENT)) => {}
                Err(Refused::Kernel(Errno::EOPNOTSUPP | Errno::EINVAL | Errno::EAFNOSUPPORT)) => {
                    self.socket = None;
                    return Err(Refused::Absent);
                }
                Err(error) => {
                    self.socket = None;
                    return Err(error);
                }
            }
        }
        Ok(())
    }

    fn replace(&mut self, firewall: &Firewall) -> Result<(), Refused> {
        let mut batch = Batch::new(self.sequence);
        for (family, table) in &self.tables {
            rules::delete(&mut batch, *family, table);
        }
        let mut tables = Vec::new();
        for family in FAMILIES {
            if rules::add(&mut batch, family, firewall, self.means) {
                tables.push((family, firewall.table.clone()));
            }
        }
        if tables.is_empty() && self.tables.is_empty() {
            return Ok(());
        }
        self.run(batch)?;
        self.tables = tables;
        Ok(())
    }

    /// One transaction.
    fn run(&mut self, batch: Batch) -> Result<(), Refused> {
        let (bytes, first, last) = batch.finish();
        self.sequence = last;
        let Some(socket) = &self.socket else { return Err(Refused::Absent) };
        socket.send(&bytes, 0).map_err(Refused::NoAnswer)?;
        let mut buffer = vec![0; 64 * 1024];
        loop {
            let len = match socket.recv(&mut &mut buffer[..], 0) {
                Ok(len) => len,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    let error = io::Error::new(io::ErrorKind::TimedOut, "it took longer than a second");
                    return Err(Refused::NoAnswer(error));
                }
                Err(error) => return Err(Refused::NoAnswer(error)),
            };
            if let Some(outcome) = verdict(buffer.get(..len).unwrap_or_default(), first, last) {
                return outcome;
            }
        }
    }
}

/// What the answers say of the transaction with these sequence numbers: refused at the first error, done when its last
/// message is acknowledged, nothing yet otherwise.
fn verdict(mut bytes: &[u8], first: u32, last: u32) -> Option<Result<(), Refused>> {
    while let Ok(message) = NetlinkBuffer::new_checked(bytes) {
        let length = usize::try_from(message.length()).unwrap_or(usize::MAX);
        // What is left of a transaction that was given up on is of no interest.
        let ours = message.sequence_number().wrapping_sub(first) <= last.wrapping_sub(first);
        if ours && message.message_type() == NLMSG_ERROR {
            let code = message.payload().first_chunk::<4>().map_or(0, |code| i32::from_ne_bytes(*code));
            if code != 0 {
                return Some(Err(Refused::Kernel(Errno::from_raw(code.saturating_neg()))));
            }
            if message.sequence_number() == last {
                return Some(Ok(()));
            }
        }
        match bytes.get(length.next_multiple_of(4)..) {
            Some(rest) if length > 0 => bytes = rest,
            Some(_) | None => return None,
        }
    }
    None
}

fn open() -> io::Result<Socket> {
    let mut socket = Socket::new(NETLINK_NETFILTER)?;
    socket.bind_auto()?;
    socket.connect(&SocketAddr::new(0, 0))?;
    setsockopt(&socket, sockopt::ReceiveTimeout, &TimeVal::seconds(PATIENCE_SECS))?;
    // Without the capability the ordinary size has to do.
    let _ = setsockopt(&socket, sockopt::SndBufForce, &BUFFER);
    Ok(socket)
}

#[cfg(test)]
mod tests;
