//! A health check of one server: what to try, how often, and how much patience to have.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroU32;
use std::time::Duration;

/// One check of one server.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Check {
    /// What is tried.
    pub kind: CheckKind,
    /// `delay_loop`: from one check to the next while nothing is amiss.
    pub interval: Duration,
    /// `connect_timeout`: how long one try may take, from its beginning to the answer that settles it.
    pub timeout: Duration,
    /// `retry`: failures in a row, after the first, that are forgiven while the server is up.
    pub retry: u32,
    /// `delay_before_retry`: from a failure to the next try.
    pub retry_interval: Duration,
    /// `warmup`: the first check starts at a random moment within this time. `None`: nobody asked for a slow start, so
    /// the first check comes within the first second.
    pub warmup: Option<Duration>,
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
    /// `HTTP_GET`, `SSL_GET`: a web server answers a request with an expected status.
    Http(HttpProbe),
}

impl CheckKind {
    /// Whom it calls, and how; `None`: it calls nobody over the network.
    #[must_use]
    pub fn connect(&self) -> Option<&Connect> {
        match self {
            Self::Tcp(connect) => Some(connect),
            Self::Http(probe) => Some(&probe.connect),
        }
    }

    /// [`CheckKind::connect`], to be changed.
    pub fn connect_mut(&mut self) -> Option<&mut Connect> {
        match self {
            Self::Tcp(connect) => Some(connect),
            Self::Http(probe) => Some(&mut probe.connect),
        }
    }

    /// Of whom an outcome speaks: `10.0.0.1:80`, as in "10.0.0.1:80 refuses the connection".
    #[must_use]
    pub fn subject(&self) -> String {
        match self {
            Self::Tcp(connect) => connect.target.to_string(),
            Self::Http(probe) => probe.connect.target.to_string(),
        }
    }
}

impl fmt::Display for CheckKind {
    /// `TCP 10.0.0.1:80`, `HTTPS 10.0.0.1:443/health`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(connect) => write!(f, "TCP {}", connect.target),
            Self::Http(HttpProbe { connect, tls, path, .. }) => {
                write!(f, "{} {}{path}", if tls.is_some() { "HTTPS" } else { "HTTP" }, connect.target)
            }
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

/// One request to a web server, and the answers that count as well.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct HttpProbe {
    /// Whom to call.
    pub connect: Connect,
    /// Speak TLS first.
    pub tls: Option<Tls>,
    /// `virtualhost`: the `Host` field; the target's address and port unless said otherwise.
    pub host: Option<String>,
    /// `path`: the request's target, with its query.
    pub path: String,
    /// `http_protocol`.
    pub version: HttpVersion,
    /// `status_code`: statuses that count as well, inclusive ranges; never empty.
    pub statuses: Vec<(u16, u16)>,
}

impl HttpProbe {
    /// `GET /` over HTTP/1.1, well with any status from 200 to 299.
    #[must_use]
    pub fn new(connect: Connect) -> Self {
        Self {
            connect,
            tls: None,
            host: None,
            path: "/".to_owned(),
            version: HttpVersion::V1_1,
            statuses: vec![(200, 299)],
        }
    }

    /// A status counts as well.
    #[must_use]
    pub fn expects(&self, status: u16) -> bool {
        self.statuses.iter().any(|(least, most)| (*least..=*most).contains(&status))
    }
}

/// The version that a request speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum HttpVersion {
    /// `1.0`, `1.0C`.
    V1_0,
    /// `1.1`.
    V1_1,
}

/// TLS as a client: versions 1.2 and 1.3.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Tls {
    /// `enable_sni`, `sni_name`: the server's name, told to it and, with `verify`, looked for in its certificate. `None`:
    /// no name is told, and the certificate must be for the target's address.
    pub server_name: Option<String>,
    /// The certificate must be valid. Without it any server that speaks TLS will do, as with keepalived.
    pub verify: bool,
    /// A PEM file with the authorities that count, in place of the host's own.
    pub authorities: Option<String>,
}
