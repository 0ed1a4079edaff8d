//! `ipvsctl digest URL`: the MD5 sum of a page, for `digest` of a check. The daemon is not asked.

use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::path::PathBuf;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use clap::{Args, ValueEnum};

use super::render::clean;
use super::{Failure, Status, complain, print};
use crate::model::{Connect, HttpProbe, HttpVersion, Page, Tls};
use crate::shell::probe::{Fetched, fetch};

/// Print the MD5 sum of a web page, for `digest` of a check
///
/// The page is fetched as a check fetches it, and its sum is the only thing on standard output. It is the one that keepalived's
/// `genhash` prints. Of a page that comes in chunks genhash takes the sum with the chunks' sizes, which change from one time to
/// another; here it is that of the page itself, and checks take either. What the page says is not judged: a status other than 200
/// to 299 is told on standard error. The exit status is 1 where the page cannot be had. `--timeout` is that of the whole.
#[derive(Debug, Args)]
pub(super) struct Digest {
    // An attribute, since rustdoc would take the brackets for a link.
    #[arg(value_name = "URL", help = "The page: http://HOST[:PORT][/PATH], or https://...")]
    url: String,

    /// Ask this address, whatever the host's name stands for
    #[arg(long, value_name = "IP[:PORT]")]
    address: Option<String>,

    /// The host to ask for (`virtualhost`) [default: as in the URL]
    #[arg(long, value_name = "HOST")]
    host: Option<String>,

    /// The name to tell when TLS begins (`sni_name`) [default: the URL's host, if it is a name]
    #[arg(long, value_name = "NAME")]
    server_name: Option<String>,

    /// Ask for a valid certificate
    #[arg(long)]
    verify: bool,

    /// Who may have signed it: a PEM file [default: whom this host trusts]
    #[arg(long, value_name = "FILE", requires = "verify")]
    authorities: Option<PathBuf>,

    /// The version of HTTP to speak
    #[arg(long, value_name = "VERSION", default_value = "1.1")]
    http: Version,

    /// The mark of the packets, for routing rules and the firewall
    #[arg(long, value_name = "MARK")]
    fwmark: Option<u32>,

    /// Tell on standard error what came back
    #[arg(short, long)]
    verbose: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Version {
    /// HTTP/1.0
    #[value(name = "1.0")]
    V1_0,
    /// HTTP/1.1
    #[value(name = "1.1")]
    V1_1,
}

/// A URL in its parts.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Parts<'u> {
    tls: bool,
    /// The host with its port, as written.
    authority: &'u str,
    /// The host alone, without brackets.
    host: &'u str,
    port: u16,
    path: String,
}

fn parts(url: &str) -> Option<Parts<'_>> {
    let (tls, rest) = match (url.strip_prefix("http://"), url.strip_prefix("https://")) {
        (Some(rest), _) => (false, rest),
        (None, Some(rest)) => (true, rest),
        (None, None) => return None,
    };
    let (authority, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    let path = path.split('#').next().unwrap_or("");
    let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
    let usual = if tls { 443 } else { 80 };
    let (host, port) = match authority.strip_prefix('[') {
        Some(inside) => {
            let (host, port) = inside.split_once(']')?;
            (host, if port.is_empty() { usual } else { port.strip_prefix(':')?.parse().ok()? })
        }
        None => match authority.split_once(':') {
            Some((host, port)) => (host, port.parse().ok()?),
            None => (authority, usual),
        },
    };
    let sound =
        !host.is_empty() && port != 0 && !authority.contains(|c: char| c == '@' || c.is_whitespace() || c.is_control());
    sound.then_some(Parts { tls, authority, host, port, path })
}

fn usage(message: String) -> Failure {
    Failure { status: Status::Usage, message }
}

impl Digest {
    pub(super) fn run(self, timeout: Duration) -> Result<Status, Failure> {
        let until = Instant::now() + timeout;
        let (mut probe, targets) = self.probe(until)?;
        let mut fetched = None;
        for (tried, target) in targets.iter().enumerate() {
            probe.connect.target = *target;
            let left = until.saturating_duration_since(Instant::now());
            let share = left / u32::try_from(targets.len() - tried).unwrap_or(1);
            let found =
                fetch(&probe, share).map_err(|error| Failure { status: Status::System, message: error.to_string() })?;
            let (outcome, nobody) = (found.outcome, found.found_nobody());
            fetched = Some(found);
            // Somebody is there; or else the next address may be the one that this host can reach.
            if !nobody {
                break;
            }
            if self.verbose && tried + 1 < targets.len() {
                complain(&format!("{target} {outcome}"));
            }
        }
        let Some(fetched) = fetched else { return Err(usage(format!("{} has no address", clean(&self.url)))) };
        let Fetched { outcome, digests, length, head, took } = fetched;
        let head = String::from_utf8_lossy(&head);
        if self.verbose {
            complain(&format!("{} in {} ms", probe.connect.target, took.as_millis()));
            for line in head.lines() {
                complain(&clean(line));
            }
        }
        let Some((digest, raw)) = digests.filter(|_| outcome.is_ok()) else {
            let message = format!("{} {outcome}", probe.connect.target);
            return Err(Failure { status: Status::BadNews, message });
        };
        let shown = |digest: [u8; 16]| format!("{:032x}", u128::from_be_bytes(digest));
        if self.verbose {
            complain(&format!("a page of {length} bytes"));
            if let Some(raw) = raw {
                complain(&format!("it came in chunks; with their sizes the sum is {}", shown(raw)));
            }
        }
        let status = head.split(' ').nth(1).unwrap_or("");
        if !status.starts_with('2') {
            let status = clean(status.trim());
            complain(&format!(
                "ipvsctl: the page came with status {status}: a check must name it (`status_code {status}`)"
            ));
        }
        print(&format!("{}\n", shown(digest)))?;
        Ok(Status::Ok)
    }

    /// What to ask for, of the first of these addresses that answers.
    fn probe(&self, until: Instant) -> Result<(HttpProbe, Vec<SocketAddr>), Failure> {
        let wrong = || usage(format!("{} is no URL such as http://192.0.2.1:8080/page", clean(&self.url)));
        let parts = parts(&self.url).ok_or_else(wrong)?;
        let targets = match &self.address {
            Some(text) => vec![
                address(text, parts.port)
                    .ok_or_else(|| usage(format!("{} is no address such as 192.0.2.1:8080", clean(text))))?,
            ],
            None => looked_up(parts.host, parts.port, until)?,
        };
        let Some(target) = targets.first().copied() else { return Err(wrong()) };
        // An address is no name to tell.
        let name = self.server_name.clone().or_else(|| {
            let is_address = parts.host.parse::<IpAddr>().is_ok();
            (!is_address).then(|| parts.host.to_owned())
        });
        let tls = parts.tls.then(|| Tls {
            server_name: name,
            verify: self.verify,
            authorities: self.authorities.as_ref().map(|file| file.display().to_string()),
            ..Tls::default()
        });
        let connect = Connect { target, source_address: None, source_port: None, interface: None, mark: self.fwmark };
        let probe = HttpProbe {
            tls,
            host: Some(self.host.clone().unwrap_or_else(|| parts.authority.to_owned())),
            version: match self.http {
                Version::V1_0 => HttpVersion::V1_0,
                Version::V1_1 => HttpVersion::V1_1,
            },
            pages: vec![Page { path: parts.path, ..Page::default() }],
            ..HttpProbe::new(connect)
        };
        Ok((probe, targets))
    }
}

fn address(text: &str, port: u16) -> Option<SocketAddr> {
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    text.parse().ok().or_else(|| bare.parse::<IpAddr>().ok().map(|ip| SocketAddr::new(ip, port)))
}

/// The addresses of a host, one at least. Whoever looks names up cannot be told how long that may take, and is left to it.
fn looked_up(host: &str, port: u16, until: Instant) -> Result<Vec<SocketAddr>, Failure> {
    if let Ok(ip) = host.parse::<IpAddr>() {
        return Ok(vec![SocketAddr::new(ip, port)]);
    }
    let failure = |why: String| Failure { status: Status::BadNews, message: format!("{}: {why}", clean(host)) };
    let (tell, told) = mpsc::channel();
    let name = host.to_owned();
    thread::spawn(move || tell.send((name.as_str(), port).to_socket_addrs().map(Iterator::collect::<Vec<_>>)));
    let found = told.recv_timeout(until.saturating_duration_since(Instant::now()));
    let found = found.map_err(|_| failure("not looked up in time".to_owned()))?;
    let mut found = found.map_err(|error| failure(error.to_string()))?;
    found.dedup();
    if found.is_empty() { Err(failure("no address".to_owned())) } else { Ok(found) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls() {
        for (url, expected) in [
            ("http://a.example", Some((false, "a.example", "a.example", 80, "/"))),
            ("https://a.example:8443/x?y#z", Some((true, "a.example:8443", "a.example", 8443, "/x?y"))),
            ("https://[2001:db8::1]?q", Some((true, "[2001:db8::1]", "2001:db8::1", 443, "/?q"))),
            ("http://[::1]:81/", Some((false, "[::1]:81", "::1", 81, "/"))),
            ("http://", None),
            ("http://a:b/", None),
            ("http://a:0/", None),
            ("http://user@a/", None),
            ("http://[::1]81/", None),
            ("http://[::1", None),
            ("ftp://a/", None),
            ("a.example", None),
        ] {
            let expected = expected.map(|(tls, authority, host, port, path)| Parts {
                tls,
                authority,
                host,
                port,
                path: path.to_owned(),
            });
            assert_eq!(parts(url), expected, "{url}");
        }
    }
}
