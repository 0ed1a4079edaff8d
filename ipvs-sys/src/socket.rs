//! The real transport: a generic netlink socket.
//!
//! It belongs to the network namespace of the thread that opened it, and keeps it when it is moved to another thread.

use crate::transport::{Limits, ReceiveError, Transport};
use netlink_sys::{Socket, SocketAddr, protocols::NETLINK_GENERIC};
use nix::errno::Errno;
use nix::libc;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::sockopt::{RcvBuf, RcvBufForce, SndBuf};
use nix::sys::socket::{getsockopt, setsockopt};
use std::io;
use std::os::fd::AsFd;
use std::time::Instant;

/// What is asked of the kernel for answers. It is a limit, not a reservation: memory is taken only by answers that wait.
const WANTED_RECEIVE_BUFFER: usize = 4 << 20;
/// Room that one answer is charged in the receive buffer, with as much again to spare: at the default size of 212,992 bytes
/// exactly 256 fit, whatever is in them.
const ROOM_PER_ANSWER: usize = 2 * 832;
/// No larger datagram pays: the cost of a send is long since spread.
const MOST_BYTES: usize = 60 * 1024;
/// The least that holds one request of this family with room to spare.
const LEAST_BYTES: usize = 1024;

pub(crate) struct NetlinkSocket {
    socket: Socket,
    port: u32,
    limits: Limits,
}

impl NetlinkSocket {
    /// Opens a socket in the calling thread's network namespace.
    pub(crate) fn open() -> io::Result<Self> {
        let mut socket = Socket::new(NETLINK_GENERIC)?;
        let port = socket.bind_auto()?.port_number();
        // Both are for better words only; a kernel without them works as well.
        let _ = socket.set_cap_ack(true);
        let _ = socket.set_ext_ack(true);
        // Refused outside the initial user namespace: what counts is what is read back.
        let _ = setsockopt(&socket, RcvBufForce, &WANTED_RECEIVE_BUFFER);
        let receive = getsockopt(&socket, RcvBuf)?;
        let send = getsockopt(&socket, SndBuf)?;
        Ok(Self { socket, port, limits: limits(receive, send) })
    }

    fn receive_now(&mut self, mut buffer: &mut [u8]) -> Result<Option<usize>, ReceiveError> {
        let room = buffer.len();
        match self.socket.recv_from(&mut buffer, libc::MSG_DONTWAIT | libc::MSG_TRUNC) {
            // Another process may send to this port; only the kernel's port is 0.
            Ok((_, sender)) if sender.port_number() != 0 => Ok(None),
            Ok((length, _)) if length > room => Err(ReceiveError::Truncated),
            Ok((length, _)) => Ok(Some(length)),
            Err(error) => match error.raw_os_error() {
                Some(libc::EAGAIN) => Err(ReceiveError::Nothing),
                Some(libc::EINTR) => Ok(None),
                Some(libc::ENOBUFS) => Err(ReceiveError::Overrun),
                _ => Err(ReceiveError::Failed(error)),
            },
        }
    }

    /// Waits until something is there to read. False when the time is over.
    fn wait(&self, until: Instant) -> Result<bool, ReceiveError> {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok(false);
        }
        // Rounded up, so that the last fraction of a millisecond is not spent spinning.
        let milliseconds = left.as_millis().saturating_add(1);
        let timeout = PollTimeout::try_from(milliseconds).unwrap_or(PollTimeout::MAX);
        match poll(&mut [PollFd::new(self.socket.as_fd(), PollFlags::POLLIN)], timeout) {
            Ok(_) | Err(Errno::EINTR) => Ok(true),
            Err(errno) => Err(ReceiveError::Failed(errno.into())),
        }
    }
}

fn limits(receive_buffer: usize, send_buffer: usize) -> Limits {
    Limits {
        // The kernel refuses a datagram of the send buffer's size less a few bytes (EMSGSIZE).
        bytes: (send_buffer / 2).clamp(LEAST_BYTES, MOST_BYTES),
        requests: (receive_buffer / ROOM_PER_ANSWER).clamp(1, 1024),
    }
}

impl Transport for NetlinkSocket {
    fn send(&mut self, datagram: &[u8]) -> io::Result<()> {
        loop {
            match self.socket.send_to(datagram, &SocketAddr::new(0, 0), 0) {
                Ok(_) => return Ok(()),
                Err(error) if error.raw_os_error() == Some(libc::EINTR) => {}
                Err(error) => return Err(error),
            }
        }
    }

    fn receive(&mut self, buffer: &mut [u8], until: Option<Instant>) -> Result<usize, ReceiveError> {
        loop {
            match (self.receive_now(buffer), until) {
                (Ok(Some(length)), _) => return Ok(length),
                (Ok(None), _) => {}
                (Err(ReceiveError::Nothing), Some(until)) => {
                    if !self.wait(until)? {
                        return Err(ReceiveError::Nothing);
                    }
                }
                (Err(error), _) => return Err(error),
            }
        }
    }

    fn port(&self) -> u32 {
        self.port
    }

    fn limits(&self) -> Limits {
        self.limits
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn the_default_buffers_give_the_default_limits() {
        assert_eq!(limits(212_992, 65_536), Limits::default());
        assert_eq!(limits(8 << 20, 212_992), Limits { bytes: 61_440, requests: 1024 });
        assert_eq!(limits(2_304, 4_608), Limits { bytes: 2_304, requests: 1 });
    }

    #[test]
    fn a_wait_ends_at_its_deadline_and_an_empty_queue_is_nothing() {
        let mut socket = NetlinkSocket::open().unwrap();
        let mut buffer = [0; 64];
        assert!(matches!(socket.receive(&mut buffer, None), Err(ReceiveError::Nothing)));
        let until = Instant::now() + Duration::from_millis(20);
        assert!(matches!(socket.receive(&mut buffer, Some(until)), Err(ReceiveError::Nothing)));
        assert!(Instant::now() >= until);
    }

    #[test]
    fn more_than_the_buffer_is_truncated_and_too_much_to_send_is_refused() {
        let mut socket = NetlinkSocket::open().unwrap();
        let mut request = Vec::new();
        crate::message::append_family_lookup(&mut request, 1);
        socket.send(&request).unwrap();
        // An answer of any kind is longer than a header.
        assert!(matches!(socket.receive(&mut [0; 8], None), Err(ReceiveError::Truncated)));
        let error = socket.send(&vec![0; 64 << 20]).unwrap_err();
        assert_eq!(error.raw_os_error(), Some(libc::EMSGSIZE));
    }
}
