//! What a probe came to.

use std::fmt;
use std::net::Ipv4Addr;

use super::Verdict;
use crate::model::{CheckKind, ScriptFault, Way, Weight};

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
    /// The page is longer than [`super::http::LONGEST_BODY`], and all of it counts.
    BodyTooLong,
    /// The page is another than the one whose MD5 sum is expected.
    Digest,
    /// The page does not match the expression that it must match.
    NoMatch,
    /// The page matches the expression that it must not match.
    Match,
    /// The page takes more than the expression may ([`crate::pattern::Unbounded`]): nobody knows whether it matches.
    Undecided,
    /// TLS did not come about.
    Tls(TlsProblem),
    /// This host could not try. No news about the server.
    NotTried(Obstacle),
    /// A script exited with this status, which is a success if it is 0.
    Exited(u8),
    /// A script was ended by this signal.
    Killed(u8),
    /// A script ran longer than it may, and was ended.
    Overran,
    /// There is no such script, or it may not be run.
    Unusable(ScriptFault),
    /// A dynamic script succeeded, and this is the server's weight now.
    Weighs(u8),
    /// A file was read, and this is added to the server's weight.
    Adds(i32),
    /// A file was read, and its number takes the server out.
    TakenOut,
    /// Nobody listens on its UDP port, says an ICMP error.
    PortUnreachable,
    /// The mail server greets with another code than 220.
    SmtpGreeting(u16),
    /// The mail server answers `HELO` with another code than 250.
    SmtpHello(u16),
    /// What comes back is not SMTP (RFC 5321).
    NotSmtp,
    /// The mail server's reply is longer than [`super::smtp::LONGEST_TALK`].
    EndlessReply,
    /// The name server answers with an error, by its number (RFC 1035, section 4.1.1).
    DnsError(u8),
    /// The name server's answer breaks off or breaks the rules.
    BrokenDns,
    /// Something came back, and nothing that answers what was asked.
    OtherAnswer,
    /// The answer over UDP has so many bytes, which is not allowed for.
    ReplyLength(u16),
    /// The answer over UDP is not the expected one, from this byte on.
    ReplyDiffers(u16),
    /// Nothing came back of a packet that was forwarded this way.
    PathSilent(Way, Directly),
    /// A packet that was forwarded this way was answered with a refusal.
    PathRefused(Way, Directly),
    /// It was answered as it should be, and the server answers ARP for the virtual address as well. It works, and to take it out
    /// would not silence it: a success that somebody has to hear of.
    AnswersArp(Ipv4Addr),
}

/// How a server is to the checks that call it by its own address, where a path to it fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Directly {
    /// It answers them: what is wrong lies on the path.
    Answers,
    /// No other check tells.
    #[default]
    Untold,
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
    /// It ended the connection without TLS's farewell (RFC 8446, section 6.1).
    Unclosed,
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
            Self::Unclosed => "ends the connection without TLS's farewell (`close_notify`)",
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
    /// A script is to be run, and how long it runs is watched by whoever runs it.
    Running,
    /// A datagram was sent that need not be answered, and nothing came that speaks against the server.
    Unopposed,
    /// Something came that answers nothing that was asked.
    Strange,
    /// A packet was given to the kernel, to be forwarded this way.
    Forwarded(Way),
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
            // Its own time would have ended long ago.
            Self::Running => Outcome::NotTried(Obstacle::Script),
            Self::Unopposed => Outcome::Ok,
            Self::Strange => Outcome::OtherAnswer,
            Self::Forwarded(way) => Outcome::PathSilent(way, Directly::Untold),
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
    /// `ENOMEM`; or what may be kept of pages is kept already.
    Memory,
    /// The pages that are being read take all the room that there is for them together.
    Room,
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
    /// The client's certificate or its key cannot be read, or they do not belong together.
    Identity,
    /// The expression cannot be made ready.
    Expression,
    /// Anything else, by its number.
    Other(i32),
    /// The time was over long before anybody looked: this process, or this host, stood still.
    Late,
    /// `ENETUNREACH`, `ENETDOWN` at once, `EHOSTUNREACH` and `EINVAL` too: this host has no route, or one that leads nowhere, or
    /// its interface is down. News about the server after all when it lasts ([`super::Machine`]).
    NoRoute,
    /// A script could not be started, or its last run has not ended yet.
    Script,
    /// Nothing has been told of the file yet.
    File,
    /// Neither a socket that may only ping nor a raw one is allowed to us.
    Ping,
    /// The kernel has no service yet that leads a path's packets to its server and nowhere else.
    PathUnpaved,
    /// This host would call the server from the virtual address, which is the server's own.
    PathSource,
    /// This host has no route to the virtual address, and the kernel wants one even to forward a packet elsewhere.
    PathRoute,
    /// The network namespace of the table cannot be entered (`net_namespace_ipvs`).
    PathNamespace,
}

impl Obstacle {
    /// What this host was told cannot be, or is not there: a mistake of whoever configures it, and no reason to trust a server.
    #[must_use]
    pub fn is_mistake(self) -> bool {
        matches!(self, Self::Authorities | Self::ServerName | Self::Identity | Self::Expression)
    }
}

impl Outcome {
    /// It is a success.
    #[must_use]
    pub fn is_ok(self) -> bool {
        matches!(self, Self::Ok | Self::Exited(0) | Self::Weighs(_) | Self::Adds(_) | Self::AnswersArp(_))
    }

    /// It is a success, and something about the server is to be mended all the same.
    #[must_use]
    pub fn is_flawed(self) -> bool {
        matches!(self, Self::AnswersArp(_))
    }

    /// What a success adds to a server's configured weight; `None`: it was none, and says nothing of weights.
    #[must_use]
    pub fn adds(self, configured: Weight) -> Option<i64> {
        if let Self::Weighs(weight) = self {
            Some(i64::from(weight) - i64::from(configured.value()))
        } else if let Self::Adds(added) = self {
            Some(i64::from(added))
        } else {
            self.is_ok().then_some(0)
        }
    }

    /// Nobody answered: the server may be at fault, or the way to it, or this host.
    #[must_use]
    pub fn is_silence(self) -> bool {
        match self {
            Self::Timeout
            | Self::HostUnreachable
            | Self::NetworkUnreachable
            | Self::Other(_)
            | Self::PathSilent(..) => true,
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
            | Self::BodyTooLong
            | Self::Digest
            | Self::NoMatch
            | Self::Match
            | Self::Undecided
            | Self::Tls(_)
            | Self::NotTried(_)
            | Self::Exited(_)
            | Self::Killed(_)
            | Self::Overran
            | Self::Unusable(_)
            | Self::Weighs(_)
            | Self::Adds(_)
            | Self::TakenOut
            | Self::PortUnreachable
            | Self::SmtpGreeting(_)
            | Self::SmtpHello(_)
            | Self::NotSmtp
            | Self::EndlessReply
            | Self::DnsError(_)
            | Self::BrokenDns
            | Self::OtherAnswer
            | Self::ReplyLength(_)
            | Self::ReplyDiffers(_)
            | Self::PathRefused(..)
            | Self::AnswersArp(_) => false,
        }
    }

    /// Something came back over the network, whatever it was, and so the way there works. What a script or a file says is
    /// no word of the way, nor is the silence that a datagram meets which asks for no answer.
    #[must_use]
    pub fn came_back(self, kind: &CheckKind) -> bool {
        let heard = match kind {
            CheckKind::Script(_) | CheckKind::File(_) => false,
            CheckKind::Udp(probe) => probe.reply.is_some() || self != Self::Ok,
            CheckKind::Tcp(_)
            | CheckKind::Http(_)
            | CheckKind::Smtp(_)
            | CheckKind::Dns(_)
            | CheckKind::Ping(_)
            | CheckKind::Path(_) => true,
        };
        heard && self.was_tried() && !self.is_silence()
    }

    /// It in words, of a check of this kind: what is well differs, what is not speaks for itself.
    #[must_use]
    pub fn of(self, kind: &CheckKind) -> String {
        if !self.is_ok() || self.is_flawed() {
            return self.to_string();
        }
        let well = match kind {
            CheckKind::Tcp(_) | CheckKind::Script(_) | CheckKind::File(_) => return self.to_string(),
            CheckKind::Http(_) => "answers as expected",
            CheckKind::Smtp(_) => "greets as a mail server does",
            CheckKind::Dns(_) => "answers the question",
            CheckKind::Udp(probe) if probe.reply.is_some() => "answers as expected",
            CheckKind::Udp(_) => "does not refuse",
            CheckKind::Ping(_) => "answers",
            CheckKind::Path(_) => "answers",
        };
        well.to_owned()
    }

    /// The same in the light of all checks of its server, with their verdicts: where those are well that call it by its own
    /// address, what fails is the path.
    #[must_use]
    pub fn beside<'a>(self, checks: impl Iterator<Item = (&'a CheckKind, Option<Verdict>)>) -> Self {
        let directly = || {
            let mut called = checks.filter(|(kind, _)| kind.connect().is_some()).map(|(_, verdict)| verdict).peekable();
            let some = called.peek().is_some();
            if some && called.all(|verdict| verdict == Some(Verdict::Up)) {
                Directly::Answers
            } else {
                Directly::Untold
            }
        };
        if let Self::PathSilent(way, _) = self {
            Self::PathSilent(way, directly())
        } else if let Self::PathRefused(way, _) = self {
            Self::PathRefused(way, directly())
        } else {
            self
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
            Self::BodyTooLong => write!(f, "answers with a page of more than {} MiB", super::http::LONGEST_BODY >> 20),
            Self::Digest => f.write_str("answers with a page whose MD5 sum is another one"),
            Self::NoMatch => f.write_str("answers with a page that does not match the expression"),
            Self::Match => f.write_str("answers with a page that matches the expression, and must not"),
            Self::Undecided => f.write_str("answers with a page that is too long, or too hard, for the expression"),
            Self::Tls(problem) => problem.fmt(f),
            Self::NotTried(obstacle) => write!(f, "not checked: {obstacle}"),
            Self::Exited(status) => write!(f, "exits with status {status}"),
            Self::Killed(signal) => write!(f, "is ended by signal {signal}"),
            Self::Overran => f.write_str("runs longer than its timeout, and was ended"),
            Self::Unusable(fault) => fault.fmt(f),
            Self::Weighs(weight) => write!(f, "gives it the weight {weight}"),
            Self::Adds(0) => f.write_str("leaves its weight as it is"),
            Self::Adds(added) => write!(f, "changes its weight by {added:+}"),
            Self::TakenOut => f.write_str("holds a number that takes it out"),
            Self::PortUnreachable => f.write_str("refuses the datagram: nobody listens there"),
            Self::SmtpGreeting(code) => write!(f, "greets with code {code} in place of 220"),
            Self::SmtpHello(code) => write!(f, "answers HELO with code {code} in place of 250"),
            Self::NotSmtp => f.write_str("does not speak SMTP"),
            Self::EndlessReply => f.write_str("answers without end"),
            Self::DnsError(code) => match dns_error(*code) {
                Some(name) => write!(f, "answers with the DNS error {name}"),
                None => write!(f, "answers with the DNS error {code}"),
            },
            Self::BrokenDns => f.write_str("answers in broken DNS"),
            Self::OtherAnswer => f.write_str("answers something else than what was asked"),
            Self::ReplyLength(1) => f.write_str("answers with 1 byte, which is not a length that is expected"),
            Self::ReplyLength(length) => {
                write!(f, "answers with {length} bytes, which is not a length that is expected")
            }
            Self::PathSilent(way, directly) => write!(f, "{}{}", directly.but(), silence(*way)),
            Self::PathRefused(way, directly) => write!(f, "{}{}", directly.but(), refusal(*way)),
            Self::AnswersArp(address) => write!(
                f,
                "answers ARP for {address}: clients and routers on that link may reach it past this balancer; the address belongs \
                 on its loopback, with arp_ignore = 1 and arp_announce = 2"
            ),
            Self::ReplyDiffers(at) => write!(f, "answers other bytes than the expected ones, from byte {at} on"),
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
            Self::Room => "the pages that are being read take all the room there is for them",
            Self::Ports => "no source port is free (widen net.ipv4.ip_local_port_range)",
            Self::SourceAddress => "the source address is not on this host (bindto)",
            Self::SourcePort => "the source port is taken (bind_port)",
            Self::Interface => "the interface is not there (bind_if)",
            Self::Permission => "not permitted (CAP_NET_ADMIN for fwmark, CAP_NET_RAW for bind_if)",
            Self::Firewall => "a firewall rule of this host forbids the connection",
            Self::Family => "this kernel does not speak the address family",
            Self::Authorities => "the certificates of trusted authorities cannot be read, or there are none",
            Self::ServerName => "the server name for TLS is not a name",
            Self::Identity => {
                "the client certificate or its key cannot be read, or they do not belong together (PEM files; a key with a \
                 password in the form of `openssl pkcs8 -topk8`)"
            }
            Self::Expression => "the expression is not understood",
            Self::Other(errno) => return write!(f, "the socket could not be made, error {errno}"),
            Self::Late => "its time passed while this process stood still",
            Self::NoRoute => "this host has no route to it now, or the interface is down",
            Self::Script => "its script could not be started, or its last run has not come to an end yet",
            Self::File => "its file has not been read yet",
            Self::Ping => {
                "not permitted to ping (CAP_NET_RAW, or a group of this process within net.ipv4.ping_group_range)"
            }
            Self::PathUnpaved => "the kernel has no private service to it yet",
            Self::PathSource => {
                "this host would call the server from the virtual address, which the server takes for its own (say from \
                 which: `source`, in keepalived.conf `bindto`)"
            }
            Self::PathRoute => "this host has no route to the virtual address",
            Self::PathNamespace => "the network namespace that IPVS works in cannot be entered (net_namespace_ipvs)",
        })
    }
}

impl Directly {
    fn but(self) -> &'static str {
        match self {
            Self::Answers => "answers at its own address, but ",
            Self::Untold => "",
        }
    }
}

/// What it means that nothing comes back.
fn silence(way: Way) -> &'static str {
    match way {
        Way::Nat => {
            "no answer comes through NAT: the packet or its answer is filtered, or the answer takes another way than through \
             this host"
        }
        Way::Direct => {
            "no answer comes through DR: the server lacks the virtual address on its loopback, it is in another network \
             segment, or the packet or its answer is filtered"
        }
        Way::Tunnel => {
            "no answer comes through the tunnel: its end at the server is missing or down, the server lacks the virtual \
             address or drops what comes out (rp_filter), or the packet or its answer is filtered"
        }
    }
}

/// What it means that a refusal comes back.
fn refusal(way: Way) -> &'static str {
    match way {
        Way::Nat => "refuses the connection through NAT: nobody listens there",
        Way::Direct | Way::Tunnel => {
            "refuses the connection to the virtual address: nobody listens there, as where a program listens at the server's \
             own address alone, or a firewall rejects it"
        }
    }
}

/// The names that people know (RFC 1035, section 4.1.1; RFC 2136, section 2.2).
fn dns_error(code: u8) -> Option<&'static str> {
    Some(match code {
        1 => "FORMERR: it cannot read the question",
        2 => "SERVFAIL: it fails",
        3 => "NXDOMAIN: there is no such name",
        4 => "NOTIMP: it does not know such questions",
        5 => "REFUSED: it does not answer us",
        9 => "NOTAUTH: it has no authority over the name",
        _ => return None,
    })
}
