//! The check of a path: whether the forwarding itself brings a client's packet to a server and the answer back.
//!
//! Every other check calls the server's own address. Clients call the virtual one, and with direct routing and tunnels it is
//! the server that must have it: a loopback address that was forgotten, a tunnel that is down or a filter in between leaves
//! the server well to all other checks, and dead to every client.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroU32;

use super::{Family, Forwarding, Global, ServerKey, ServiceKey};

/// One virtual address, and the one server that a call to it is forwarded to.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct PathProbe {
    /// Whom clients call: a virtual address over TCP.
    pub through: SocketAddr,
    /// The server as the kernel has it there; port 0: the packet's own.
    pub server: ServerKey,
    /// How packets reach it.
    pub forwarding: Forwarding,
    /// What the probe's packets are marked with: the kernel has a service for this mark with this one server.
    pub mark: NonZeroU32,
    /// `bindto`: source address. `None`: the one that this host calls the server from.
    pub source_address: Option<IpAddr>,
}

impl Global {
    /// The mark is one of those that are set aside for checks of paths.
    #[must_use]
    pub fn is_path_mark(&self, mark: NonZeroU32) -> bool {
        let first = self.path_marks.unwrap_or(PathProbe::FIRST_MARK).get();
        mark.get().wrapping_sub(first) < PathProbe::MARKS
    }
}

impl PathProbe {
    /// The first mark of [`PathProbe::MARKS`] unless the configuration names another: "VI" in ASCII, and two bytes of zero.
    /// Marks are looked up whole, so what counts is that nobody else sets one of these; rules that test single bits of a mark
    /// see these packets as they leave, and another beginning can be chosen.
    pub const FIRST_MARK: NonZeroU32 = match NonZeroU32::new(0x5649_0000) {
        Some(mark) => mark,
        None => NonZeroU32::MIN,
    };
    /// So many marks are set aside.
    pub const MARKS: u32 = 0x1_0000;

    /// The highest mark that the others fit behind.
    pub const LAST_FIRST_MARK: i64 = u32::MAX as i64 - Self::MARKS as i64 + 1;

    /// What a check is before its service is whole: no path yet.
    #[must_use]
    pub fn unset(server: ServerKey, source_address: Option<IpAddr>) -> Self {
        let through = SocketAddr::new(server.address, 0);
        let mark = NonZeroU32::MIN;
        Self { through, server, forwarding: Forwarding::Masquerade, mark, source_address }
    }

    /// The kernel's service that leads to the one server.
    #[must_use]
    pub fn service(&self) -> ServiceKey {
        ServiceKey::Fwmark { family: Family::of(self.through.ip()), mark: self.mark }
    }

    /// The way that it tries.
    #[must_use]
    pub fn way(&self) -> Way {
        match self.forwarding {
            Forwarding::Masquerade | Forwarding::Local | Forwarding::Bypass => Way::Nat,
            Forwarding::Direct => Way::Direct,
            Forwarding::Tunnel(_) => Way::Tunnel,
        }
    }

    /// Who answers, as seen on the wire: with NAT the server as itself, else the virtual address.
    #[must_use]
    pub fn answers(&self) -> SocketAddr {
        match self.way() {
            Way::Nat if self.server.port == 0 => SocketAddr::new(self.server.address, self.through.port()),
            Way::Nat => SocketAddr::new(self.server.address, self.server.port),
            Way::Direct | Way::Tunnel => self.through,
        }
    }
}

impl fmt::Display for PathProbe {
    /// `192.0.2.1:80 by DR to 10.0.0.1:80`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} by {} to {}", self.through, self.forwarding, self.server)
    }
}

/// The kinds of ways to a server: what can be wrong differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Way {
    /// The server answers as itself, and this host rewrites the answer.
    Nat,
    /// The server answers as the virtual address.
    Direct,
    /// It does, and has to unpack the packet first.
    Tunnel,
}
