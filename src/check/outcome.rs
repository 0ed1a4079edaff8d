//! What a probe came to.

use std::fmt;

/// What a probe came to. `Display` is a sentence without its subject: "refuses the connection".
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// The connection was accepted, or the answer was as expected.
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
    /// The web server answers with a status that is not among the expected ones.
    Status(u16),
    /// What comes back is not HTTP, or breaks its rules (RFC 9112).
    NotHttp,
    /// The connection was closed before the answer's head had ended.
    ClosedEarly,
    /// The connection was accepted, and not a byte came back in time.
    Silent,
    /// An answer began, and its head did not end in time.
    Slow,
    /// The answer's head is longer than [`super::http::LONGEST_HEAD`].
    HeadTooLong,
    /// TLS did not come about.
    Tls(TlsProblem),
    /// This host could not try. No news about the server.
    NotTried(Obstacle),
}

/// Why TLS did not come about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TlsProblem {
    /// The certificate's time is over.
    Expired,
    /// The certificate's time has not begun, or this host's clock is wrong.
    NotYetValid,
    /// The certificate is from nobody whom we trust.
    UnknownIssuer,
    /// The certificate is for another name.
    WrongName,
    /// The certificate has another fault.
    Certificate,
    /// It does not speak TLS.
    NotTls,
    /// It refuses us with this alert (RFC 8446, section 6).
    Alert(u8),
    /// No version or cipher is known to both.
    NothingInCommon,
    /// The handshake did not end in time.
    Silent,
    /// It breaks the protocol's rules.
    Broken,
}

impl fmt::Display for TlsProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Expired => "its certificate has expired",
            Self::NotYetValid => "its certificate is not valid yet (or this host's clock is wrong)",
            Self::UnknownIssuer => {
                "its certificate is not signed by an authority that is trusted here; name the file of the one that signed it \
                 (`authorities = \"FILE\"`, in keepalived.conf `verify FILE`), or do not ask for it (`verify = false`, \
                 there no `verify`)"
            }
            Self::WrongName => "its certificate is for another name",
            Self::Certificate => "its certificate is not valid",
            Self::NotTls => "does not speak TLS",
            Self::Alert(alert) => return write!(f, "refuses TLS with alert {alert}"),
            Self::NothingInCommon => "knows no version or cipher of TLS that we know",
            Self::Silent => "accepts the connection and does not finish the TLS handshake in time",
            Self::Broken => "breaks the rules of TLS",
        })
    }
}

/// How far a probe that goes on has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Stage {
    /// Nobody has accepted yet.
    Connecting,
    /// TLS is being negotiated.
    Handshake,
    /// The server has the floor and has said nothing.
    Waiting,
    /// The server has begun to answer.
    Answering,
}

impl Stage {
    /// What it means when the time ends here.
    #[must_use]
    pub fn timeout(self) -> Outcome {
        match self {
            Self::Connecting => Outcome::Timeout,
            Self::Handshake => Outcome::Tls(TlsProblem::Silent),
            Self::Waiting => Outcome::Silent,
            Self::Answering => Outcome::Slow,
        }
    }
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
    /// The certificates of the trusted authorities cannot be read, or there are none.
    Authorities,
    /// The name that the server is to prove is none.
    ServerName,
    /// Anything else, by its number.
    Other(i32),
    /// The time was over long before anybody looked: this process, or this host, stood still.
    Late,
    /// `ENETUNREACH`, `ENETDOWN` at once: this host has no route, or its interface is down. News about the server after all
    /// when it lasts ([`super::Machine`]).
    NoRoute,
}

impl Outcome {
    /// It is a success.
    #[must_use]
    pub fn is_ok(self) -> bool {
        self == Self::Ok
    }

    /// Nobody answered: the server may be at fault, or the way to it, or this host. All other outcomes that were tried show
    /// that the way works.
    #[must_use]
    pub fn is_silence(self) -> bool {
        match self {
            Self::Timeout | Self::HostUnreachable | Self::NetworkUnreachable | Self::Other(_) => true,
            Self::Ok
            | Self::Refused
            | Self::Reset
            | Self::ProtocolUnreachable
            | Self::Status(_)
            | Self::NotHttp
            | Self::ClosedEarly
            | Self::Silent
            | Self::Slow
            | Self::HeadTooLong
            | Self::Tls(_)
            | Self::NotTried(_) => false,
        }
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
            Self::Status(status) => write!(f, "answers with status {status}"),
            Self::NotHttp => f.write_str("does not answer in HTTP"),
            Self::ClosedEarly => f.write_str("closes the connection before it has answered"),
            Self::Silent => f.write_str("accepts the connection and does not answer in time"),
            Self::Slow => f.write_str("begins to answer and does not come to an end in time"),
            Self::HeadTooLong => f.write_str("answers with endless headers"),
            Self::Tls(problem) => problem.fmt(f),
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
            Self::Authorities => "the certificates of trusted authorities cannot be read, or there are none",
            Self::ServerName => "the server name for TLS is not a name",
            Self::Other(errno) => return write!(f, "the socket could not be made, error {errno}"),
            Self::Late => "its time passed while this process stood still",
            Self::NoRoute => "this host has no route to it now, or the interface is down",
        })
    }
}
