//! A health check of one server: what to try, how often, and how much patience to have.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use super::{DnsProbe, FileProbe, HttpProbe, OnMissing, PathProbe, ScriptProbe, SmtpProbe, UdpProbe};

/// One check of one server.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Check {
    /// What is tried.
    pub kind: CheckKind,
    /// `delay_loop`: from one check to the next while nothing is amiss.
    pub interval: Duration,
    /// `connect_timeout`: how long one try may take, from its beginning to the answer that settles it; of several pages
    /// each.
    pub timeout: Duration,
    /// `retry`: failures in a row, after the first, that are forgiven while the server is up.
    pub retry: u32,
    /// `delay_before_retry`: from a failure to the next try.
    pub retry_interval: Duration,
    /// `warmup`: the first check starts at a random moment within this time. `None`: nobody asked for a slow start, so
    /// the first check comes within the first second. So it does wherever clients may be waiting for it.
    pub warmup: Option<Duration>,
    /// `log_all_failures`: each failure is told while the server is up, also one that is forgiven. `None`: as
    /// [`Global::tells_failures`](super::Global) says.
    pub tells_failures: Option<bool>,
    /// What keepalived has no words for. `None`: nothing of the kind; a box, since few checks have any and there are many.
    pub pace: Option<Box<Pace>>,
}

impl Check {
    /// `rise`: successes in a row that bring a server up that was down.
    #[must_use]
    pub fn rise(&self) -> u32 {
        self.pace.as_ref().map_or(1, |pace| pace.rise.get())
    }

    /// From one check to the next while the server is down.
    #[must_use]
    pub fn down_interval(&self) -> Duration {
        self.pace.as_ref().map_or(self.interval, |pace| pace.down_interval)
    }

    /// Each wait is shorter or longer at random, by at most so many parts in a hundred of itself.
    #[must_use]
    pub fn jitter_percent(&self) -> u8 {
        self.pace.as_ref().map_or(0, |pace| pace.jitter_percent)
    }
}

/// What of a check's pace keepalived has no words for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Pace {
    /// `rise`: successes in a row that bring a server up that was down. Between them a check waits for
    /// [`Check::retry_interval`]. The very first check decides alone.
    pub rise: NonZeroU32,
    /// `interval_down`: from one check to the next while the server is down.
    pub down_interval: Duration,
    /// `jitter`: each wait is shorter or longer at random, by at most so many parts in a hundred of itself; up to
    /// [`Pace::MOST_JITTER`].
    pub jitter_percent: u8,
}

impl Pace {
    /// The most that waits may be scattered, in parts of a hundred.
    pub const MOST_JITTER: u8 = 50;

    /// This, beside a check's `interval`; `None` if that is how it would be anyway.
    #[must_use]
    pub fn beside(self, interval: Duration) -> Option<Box<Self>> {
        let plain = self.rise == NonZeroU32::MIN && self.down_interval == interval && self.jitter_percent == 0;
        (!plain).then(|| Box::new(self))
    }
}

/// What a check tries. Two that are equal ask the same question: what one has found out holds for the other.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum CheckKind {
    /// `TCP_CHECK`: the connection is accepted.
    Tcp(Connect),
    /// `HTTP_GET`, `SSL_GET`: a web server gives the right pages. Shared, since probes hold on to it, and lest every other
    /// check be as large.
    Http(Arc<HttpProbe>),
    /// `MISC_CHECK`: a script succeeds.
    Script(Box<ScriptProbe>),
    /// `FILE_CHECK`: the number in a file.
    File(Box<FileProbe>),
    /// `SMTP_CHECK`: a mail server greets as it should.
    Smtp(Box<SmtpProbe>),
    /// `DNS_CHECK`: a name server answers a question.
    Dns(Box<DnsProbe>),
    /// `UDP_CHECK`: a datagram is not refused, or is answered.
    Udp(Box<UdpProbe>),
    /// `PING_CHECK`: an echo request is answered. The target's port does not matter and is 0.
    Ping(Connect),
    /// `path_check`: a call to the virtual address is forwarded to the server and answered.
    Path(Box<PathProbe>),
}

impl CheckKind {
    /// The script that it is, if it is one: a process and not a socket while it runs.
    #[must_use]
    pub fn script(&self) -> Option<&ScriptProbe> {
        match self {
            Self::Script(probe) => Some(probe),
            Self::Tcp(_)
            | Self::Http(_)
            | Self::Smtp(_)
            | Self::Dns(_)
            | Self::Udp(_)
            | Self::Ping(_)
            | Self::Path(_)
            | Self::File(_) => None,
        }
    }

    /// The file that it reads, if it reads one.
    #[must_use]
    pub fn file(&self) -> Option<&FileProbe> {
        match self {
            Self::File(probe) => Some(probe),
            Self::Tcp(_)
            | Self::Http(_)
            | Self::Smtp(_)
            | Self::Dns(_)
            | Self::Udp(_)
            | Self::Ping(_)
            | Self::Path(_)
            | Self::Script(_) => None,
        }
    }

    /// It has a say in its server's weight.
    #[must_use]
    pub fn weighs(&self) -> bool {
        self.script().map_or(self.file().is_some(), |script| script.dynamic)
    }

    /// Not all of its successes are alike.
    #[must_use]
    pub fn says_more(&self) -> bool {
        self.weighs() || matches!(self, Self::Path(_))
    }

    /// Where it cannot be made from the beginning it counts for nothing, as with keepalived.
    #[must_use]
    pub fn is_forgiven_its_absence(&self) -> bool {
        self.script().is_some_and(|script| script.on_missing == OnMissing::Disable)
    }

    /// Whom it calls, and how; `None`: it calls nobody over the network, or nobody by an address of his own.
    #[must_use]
    pub fn connect(&self) -> Option<&Connect> {
        match self {
            Self::Tcp(connect) => Some(connect),
            Self::Http(probe) => Some(&probe.connect),
            Self::Script(_) | Self::File(_) | Self::Path(_) => None,
            Self::Smtp(probe) => Some(&probe.connect),
            Self::Dns(probe) => Some(&probe.connect),
            Self::Udp(probe) => Some(&probe.connect),
            Self::Ping(connect) => Some(connect),
        }
    }

    /// [`CheckKind::connect`], to be changed.
    pub fn connect_mut(&mut self) -> Option<&mut Connect> {
        match self {
            Self::Tcp(connect) => Some(connect),
            Self::Http(probe) => Some(&mut Arc::make_mut(probe).connect),
            Self::Script(_) | Self::File(_) | Self::Path(_) => None,
            Self::Smtp(probe) => Some(&mut probe.connect),
            Self::Dns(probe) => Some(&mut probe.connect),
            Self::Udp(probe) => Some(&mut probe.connect),
            Self::Ping(connect) => Some(connect),
        }
    }

    /// Of whom an outcome speaks: `10.0.0.1:80`, as in "10.0.0.1:80 refuses the connection", or `script /x`.
    #[must_use]
    pub fn subject(&self) -> String {
        match self {
            Self::Tcp(connect) => connect.target.to_string(),
            Self::Http(probe) => probe.connect.target.to_string(),
            Self::Script(_) | Self::File(_) => self.to_string(),
            Self::Smtp(probe) => probe.connect.target.to_string(),
            Self::Dns(probe) => probe.connect.target.to_string(),
            Self::Udp(probe) => probe.connect.target.to_string(),
            Self::Ping(connect) => connect.target.ip().to_string(),
            Self::Path(probe) => probe.to_string(),
        }
    }
}

impl fmt::Display for CheckKind {
    /// `TCP 10.0.0.1:80`, `HTTPS 10.0.0.1:443/health`, `DNS 10.0.0.1:53 example.org A`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(connect) => write!(f, "TCP {}", connect.target),
            Self::Http(probe) => {
                let scheme = if probe.tls.is_some() { "HTTPS" } else { "HTTP" };
                let path = probe.pages.first().map_or("/", |page| &page.path);
                write!(f, "{scheme} {}{path}", probe.connect.target)?;
                match probe.pages.len().saturating_sub(1) {
                    0 => Ok(()),
                    more => write!(f, " and {more} more"),
                }
            }
            Self::Script(probe) => write!(f, "script {}", probe.command.join(" ")),
            Self::File(probe) => write!(f, "file {}", probe.file),
            Self::Smtp(probe) => write!(f, "SMTP {}", probe.connect.target),
            Self::Dns(probe) => write!(f, "DNS {} {} {}", probe.connect.target, probe.name, probe.kind),
            Self::Udp(probe) => write!(f, "UDP {}", probe.connect.target),
            Self::Ping(connect) => write!(f, "ping {}", connect.target.ip()),
            Self::Path(probe) => write!(f, "path {probe}"),
        }
    }
}

/// Where and how a connection is tried.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Connect {
    /// `connect_ip`, `connect_port`: whom to call; the server itself unless said otherwise.
    pub target: SocketAddr,
    /// `bindto`: source address.
    pub source_address: Option<IpAddr>,
    /// `bind_port`: source port.
    pub source_port: Option<u16>,
    /// `bind_if`: only through this interface.
    pub interface: Option<String>,
    /// `fwmark` of the probe's own packets.
    pub mark: Option<u32>,
}

impl Connect {
    /// To this address, as the kernel likes it.
    #[must_use]
    pub fn to(target: SocketAddr) -> Self {
        Self { target, source_address: None, source_port: None, interface: None, mark: None }
    }
}
