//! What the kernel counts for a service or a destination.
//!
//! Counters have stood in two widths: `STATS` (32-bit connections and packets, which wrap after minutes on a
//! busy director) and `STATS64` (Linux 4.1 and later). The wide one is read where it exists, and [`Statistics::width`] says
//! which it was, so that whoever computes a difference knows where it wraps.
//!
//! Two traps: the outgoing half stays zero with direct routing and tunnels, because replies do not come back through the
//! director; and `ZERO` moves the zero point for every reader of the table.

/// Totals since the entry was made, or since somebody zeroed it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counters {
    /// Connections scheduled.
    pub connections: u64,
    /// Packets from clients.
    pub incoming_packets: u64,
    /// Packets to clients, as far as they pass the director.
    pub outgoing_packets: u64,
    /// Bytes from clients.
    pub incoming_bytes: u64,
    /// Bytes to clients, as far as they pass the director.
    pub outgoing_bytes: u64,
}

/// The kernel's own estimate per second, smoothed over about two seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Rates {
    /// Connections a second.
    pub connections: u64,
    /// Packets a second from clients.
    pub incoming_packets: u64,
    /// Packets a second to clients.
    pub outgoing_packets: u64,
    /// Bytes a second from clients.
    pub incoming_bytes: u64,
    /// Bytes a second to clients.
    pub outgoing_bytes: u64,
}

/// How wide the kernel's packet and connection counters are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum CounterWidth {
    /// `STATS`: connections and packets wrap at 2^32; bytes do not.
    #[default]
    Bits32,
    /// `STATS64`: nothing wraps in practice.
    Bits64,
}

/// Counters and rates of one entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Statistics {
    /// Totals.
    pub counters: Counters,
    /// Estimates per second.
    pub rates: Rates,
    /// Where the counters wrap.
    pub width: CounterWidth,
}
