//! What the engine needs of a socket, at the level of whole datagrams.
//!
//! The real one is a netlink socket. The tests put a kernel of their own behind it, which loses, cuts, repeats and
//! reorders answers at will; so can anybody who tests a program on top of this crate.

use std::io;
use std::time::Instant;

/// How much one send may carry, such that the answers still fit the receive buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes in one datagram.
    pub bytes: usize,
    /// Requests in one datagram. Each may be answered with an error, and each answer takes its place in the receive buffer.
    pub requests: usize,
}

impl Default for Limits {
    /// What a socket with the kernel's default buffers can take with half of its room to spare: 128 requests, 32 KiB.
    fn default() -> Self {
        Self { bytes: 32 * 1024, requests: 128 }
    }
}

/// Why nothing was received.
#[derive(Debug)]
pub enum ReceiveError {
    /// Nothing is there, or nothing came in time.
    Nothing,
    /// The kernel has thrown messages away (ENOBUFS). What is still in the queue can be read.
    Overrun,
    /// A datagram was longer than the buffer; it is gone.
    Truncated,
    /// The socket failed.
    Failed(io::Error),
}

/// A way to the kernel's generic netlink, one datagram at a time.
pub trait Transport: Send {
    /// Sends one datagram of whole netlink messages. An error means that the kernel has acted on none of them.
    fn send(&mut self, datagram: &[u8]) -> io::Result<()>;

    /// Receives one datagram from the kernel into `buffer` and tells its length. Waits until `until` at the longest; `None` takes
    /// only what is there.
    fn receive(&mut self, buffer: &mut [u8], until: Option<Instant>) -> Result<usize, ReceiveError>;

    /// The port number of this end, which every answer carries.
    fn port(&self) -> u32;

    /// How much one send may carry.
    fn limits(&self) -> Limits;
}
