//! What a probe came to.

use std::fmt;

/// What a probe came to. `Display` is a sentence without its subject: "refuses the connection".
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// The connection was accepted.
    Ok,
    /// A reset answered the SYN (`ECONNREFUSED`): nobody listens.
    Refused,
    /// Nothing came back in time (`connect_timeout`, or the kernel's own `ETIMEDOUT`).
    Timeout,
    /// The connection was accepted and reset at once (`ECONNRESET`).
    Reset,
    /// A router says that the host is not there, or nobody answers ARP (`EHOSTUNREACH`, `EHOSTDOWN`).
    HostUnreachable,
    /// There is no route to it (`ENETUNREACH`, `ENETDOWN`).
    NetworkUnreachable,
    /// An ICMP error says that its protocol or port is closed off (`ENOPROTOOPT`, `EPROTO`).
    ProtocolUnreachable,
    /// Another error of the connection, by its number.
    Other(i32),
    /// This host could not try. No news about the server.
    NotTried(Obstacle),
}

/// Why this host could not try.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Obstacle {
    /// `EMFILE`.
    ProcessFiles,
    /// `ENFILE`.
    SystemFiles,
    /// `ENOBUFS`.
    Buffers,
    /// `ENOMEM`.
    Memory,
    /// `EADDRNOTAVAIL` at connect: no free source port.
    Ports,
    /// `EADDRNOTAVAIL` at bind: the source address (`bindto`) is not on this host now.
    SourceAddress,
    /// `EADDRINUSE` at bind: the source port (`bind_port`) is taken.
    SourcePort,
    /// `ENODEV`: the interface (`bind_if`) is not there.
    Interface,
    /// `EPERM`, `EACCES` while the socket was being made.
    Permission,
    /// `EPERM`, `EACCES` at connect: a local firewall rule, as a rule.
    Firewall,
    /// `EAFNOSUPPORT`: this kernel does not speak the address family.
    Family,
    /// Anything else, by its number.
    Other(i32),
}

impl Outcome {
    /// It is a success.
    #[must_use]
    pub fn is_ok(self) -> bool {
        self == Self::Ok
    }

    /// It is news about the server.
    #[must_use]
    pub fn was_tried(self) -> bool {
        !matches!(self, Self::NotTried(_))
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ok => f.write_str("accepts the connection"),
            Self::Refused => f.write_str("refuses the connection: nobody listens there"),
            Self::Timeout => f.write_str("does not answer in time"),
            Self::Reset => f.write_str("resets the connection"),
            Self::HostUnreachable => f.write_str("host unreachable"),
            Self::NetworkUnreachable => f.write_str("no route to it"),
            Self::ProtocolUnreachable => f.write_str("protocol or port unreachable"),
            Self::Other(errno) => write!(f, "connection failed with error {errno}"),
            Self::NotTried(obstacle) => write!(f, "not checked: {obstacle}"),
        }
    }
}

impl fmt::Display for Obstacle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ProcessFiles => "this process has no file descriptor left (raise LimitNOFILE)",
            Self::SystemFiles => "this host has no file descriptor left (raise fs.file-max)",
            Self::Buffers => "this host has no network buffer left",
            Self::Memory => "this host has no memory left",
            Self::Ports => "no source port is free (widen net.ipv4.ip_local_port_range)",
            Self::SourceAddress => "the source address is not on this host (bindto)",
            Self::SourcePort => "the source port is taken (bind_port)",
            Self::Interface => "the interface is not there (bind_if)",
            Self::Permission => "not permitted (CAP_NET_ADMIN for fwmark, CAP_NET_RAW for bind_if)",
            Self::Firewall => "a firewall rule of this host forbids the connection",
            Self::Family => "this kernel does not speak the address family",
            Self::Other(errno) => return write!(f, "the socket could not be made, error {errno}"),
        })
    }
}
