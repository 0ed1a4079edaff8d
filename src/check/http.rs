//! A request to a web server, and as much of its answer as it takes to judge it (RFC 9110, RFC 9112).
//!
//! ```text
//!   bytes --> Head --> framing --> Body --> digest, what is kept --> Outcome
//!             status     |
//!                        `--> nothing more is expected of the page: Outcome
//! ```
//!
//! [`request`] is what is sent, in one piece. [`Answer`] reads what comes back, however it is cut, and says what it means as
//! soon as nothing that may follow could change it: a status that is not expected as soon as its line ends, an expected one
//! when the page has come, since a server whose disk is dead, or a proxy before one, may say 200 and hang. Of a page of which
//! nothing is expected it does not matter what it is, nor that it breaks off: it has to come to its end, or to
//! [`LONGEST_BODY`]. Of any other its MD5 sum is taken as it passes, and for an expression the first [`MOST_KEPT`] bytes are kept.
//!
//! It takes the liberties of RFC 9112: a line may end with a bare LF (section 2.2), and a field's value may go on in the next
//! line (section 5.2). Of the head it takes no more than the status and the framing: other lines may be as they like. Interim
//! answers (1xx) are read over, except 101, which nobody asked for.

mod body;
mod head;

use std::net::SocketAddr;

use md5::{Digest, Md5};

use super::{Outcome, TlsProblem};
use crate::model::{Connect, HttpProbe, HttpVersion, Page};
use crate::pattern::{Pattern, Unbounded};
use body::Body;
use head::Head;
pub use head::LONGEST_HEAD;

/// Bytes of a body that are held against an expression, at most.
pub const MOST_KEPT: usize = 256 * 1024;
/// Bytes that a body may have whose digest is wanted, and that are read of any other, framing included.
pub const LONGEST_BODY: u64 = 16 * 1024 * 1024;

/// A request for a page, ready to be sent.
///
/// Bytes that a request target must not have (RFC 3986, section 3.3) are percent-encoded, and control characters are left
/// out of the host: whatever the configuration says, this is one request.
#[must_use]
pub fn request(probe: &HttpProbe, page: &Page) -> Vec<u8> {
    let mut text = String::from("GET ");
    if !page.path.starts_with('/') {
        text.push('/');
    }
    for byte in page.path.bytes() {
        if byte.is_ascii_graphic() && byte != b'#' {
            text.push(char::from(byte));
        } else {
            text.push_str(&format!("%{byte:02X}"));
        }
    }
    text.push_str(match probe.version {
        HttpVersion::V1_0 => " HTTP/1.0\r\nHost: ",
        HttpVersion::V1_1 => " HTTP/1.1\r\nHost: ",
    });
    match probe.host_of(page) {
        Some(host) => text.extend(host.chars().filter(|character| !character.is_control())),
        None => text.push_str(&host_of(&probe.connect, probe.tls.is_some())),
    }
    text.push_str("\r\nUser-Agent: ipvsd\r\nAccept: */*\r\nConnection: close\r\n\r\n");
    text.into_bytes()
}

/// The port is left out where it is the usual one (RFC 9110, section 4.2.3).
fn host_of(connect: &Connect, tls: bool) -> String {
    let usual = if tls { 443 } else { 80 };
    match connect.target {
        SocketAddr::V4(target) if target.port() == usual => target.ip().to_string(),
        SocketAddr::V6(target) if target.port() == usual => format!("[{}]", target.ip()),
        SocketAddr::V4(target) => target.to_string(),
        SocketAddr::V6(target) => format!("[{}]:{}", target.ip(), target.port()),
    }
}

/// An answer, as far as it has come.
#[derive(Debug)]
pub struct Answer {
    head: Head,
    /// What has come of its body; none: the head has not ended.
    body: Option<Box<Reading>>,
}

/// A body.
#[derive(Debug)]
struct Reading {
    body: Body,
    /// Bytes read, framing included.
    taken: u64,
    /// The sum of what the framing holds.
    digest: Option<Md5>,
    /// The sum of everything, where the framing puts something between: that is what keepalived and its `genhash` take.
    raw: Option<Md5>,
    kept: Vec<u8>,
}

impl Default for Answer {
    fn default() -> Self {
        Self::new()
    }
}

impl Answer {
    /// Nothing has come yet.
    #[must_use]
    pub fn new() -> Self {
        Self { head: Head::new(), body: None }
    }

    /// Nothing has come yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.head.is_empty()
    }

    /// Reads on. An outcome is final: what comes after it does not matter.
    pub fn read(&mut self, page: &Page, pattern: Option<&Pattern>, bytes: &[u8]) -> Option<Outcome> {
        let mut rest = bytes;
        if self.body.is_none() {
            let length = match self.head.read(page, rest) {
                Ok(Some(length)) => length,
                Ok(None) => return None,
                Err(outcome) => return Some(outcome),
            };
            rest = rest.get(length..).unwrap_or_default();
            match self.head.framing().or((!page.wants_body()).then_some(Body::UntilClose)) {
                Some(body) => self.body = Some(Box::new(Reading::new(body, page))),
                None => return Some(Outcome::NotHttp),
            }
        }
        let reading = self.body.as_mut()?;
        match reading.read(page, pattern, rest) {
            Err(outcome) => Some(outcome),
            Ok(()) if reading.body.is_over() && !page.orderly_close => Some(reading.judge(page, pattern)),
            Ok(()) => None,
        }
    }

    /// The connection has ended; `farewell`: as TLS ends connections, or without TLS. What it all comes to.
    #[must_use]
    pub fn ended(&self, page: &Page, pattern: Option<&Pattern>, farewell: bool) -> Outcome {
        match &self.body {
            None => Outcome::ClosedEarly,
            Some(_) if page.orderly_close && !farewell => Outcome::Tls(TlsProblem::Unclosed),
            Some(reading) if reading.body.may_end() || !page.wants_body() => reading.judge(page, pattern),
            Some(_) => Outcome::ClosedEarly,
        }
    }

    /// The MD5 sums of the body so far: of what it holds, and, where it came in chunks, of the bytes as they came. None: no
    /// page with a digest was asked for, or its head has not ended.
    #[must_use]
    pub fn digests(&self) -> Option<([u8; 16], Option<[u8; 16]>)> {
        let reading = self.body.as_ref()?;
        let sum = |md5: &Md5| <[u8; 16]>::from(md5.clone().finalize());
        Some((sum(reading.digest.as_ref()?), reading.raw.as_ref().map(sum)))
    }

    /// Bytes that are kept of the body.
    #[must_use]
    pub fn kept(&self) -> usize {
        self.body.as_ref().map_or(0, |reading| reading.kept.len())
    }

    /// Bytes of the body so far, framing included.
    #[must_use]
    pub fn taken(&self) -> u64 {
        self.body.as_ref().map_or(0, |reading| reading.taken)
    }
}

impl Reading {
    fn new(body: Body, page: &Page) -> Self {
        let digest = page.digest.map(|_| Md5::new());
        let raw = digest.clone().filter(|_| body.is_chunked());
        Self { body, taken: 0, digest, raw, kept: Vec::new() }
    }

    fn read(&mut self, page: &Page, pattern: Option<&Pattern>, bytes: &[u8]) -> Result<(), Outcome> {
        let mut rest = bytes;
        while !rest.is_empty() && !self.body.is_over() {
            let piece = match self.body.next(rest) {
                Some(piece) => piece,
                None if page.wants_body() => return Err(Outcome::NotHttp),
                None => {
                    self.body = Body::UntilClose;
                    continue;
                }
            };
            let (taken, after) = rest.split_at_checked(piece.length).unwrap_or((rest, &[]));
            rest = after;
            if !piece.content {
                continue;
            }
            if let Some(digest) = &mut self.digest {
                digest.update(taken);
            }
            if pattern.is_some() {
                let room = MOST_KEPT.saturating_sub(self.kept.len());
                self.kept.extend_from_slice(taken.get(..room).unwrap_or(taken));
            }
        }
        let taken = bytes.get(..bytes.len() - rest.len()).unwrap_or_default();
        self.taken += taken.len() as u64;
        if let Some(raw) = &mut self.raw {
            raw.update(taken);
        }
        if self.digest.is_none() && !page.orderly_close && pattern.is_some() && self.kept.len() >= MOST_KEPT {
            return Err(self.judge(page, pattern));
        }
        match (self.taken > LONGEST_BODY, page.wants_body()) {
            (false, _) => Ok(()),
            (true, true) => Err(Outcome::BodyTooLong),
            (true, false) => Err(Outcome::Ok),
        }
    }

    fn judge(&self, page: &Page, pattern: Option<&Pattern>) -> Outcome {
        if let (Some(expected), Some(digest)) = (page.digest, &self.digest) {
            let sum = |md5: &Md5| <[u8; 16]>::from(md5.clone().finalize());
            if sum(digest) != expected && self.raw.as_ref().is_none_or(|raw| sum(raw) != expected) {
                return Outcome::Digest;
            }
        }
        match (&page.expression, pattern) {
            (Some(expression), Some(pattern)) => match (pattern.is_in(&self.kept), expression.unwanted) {
                (Ok(true), false) | (Ok(false), true) => Outcome::Ok,
                (Ok(false), false) => Outcome::NoMatch,
                (Ok(true), true) => Outcome::Match,
                (Err(Unbounded), _) => Outcome::Undecided,
            },
            (None, _) | (_, None) => Outcome::Ok,
        }
    }
}

#[cfg(test)]
mod tests;
