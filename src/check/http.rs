//! A request to a web server, and as much of its answer as it takes to judge it (RFC 9110, RFC 9112).
//!
//! [`request`] is what is sent, in one piece. [`Head`] reads what comes back, however it is cut, and says what it means as
//! soon as nothing that may follow could change it: a status that is not expected as soon as its line ends, an expected one
//! when the header section has ended, which is the point at which a server has shown that it can answer. Bodies are not
//! looked at.
//!
//! It takes no liberties but those of RFC 9112: a line may end with a bare LF (section 2.2), and a field's value may go on
//! in the next line (section 5.2). Interim answers (1xx) are read over, except 101, which nobody asked for.

use std::net::SocketAddr;

use super::Outcome;
use crate::model::{Connect, HttpProbe, HttpVersion};

/// Bytes that the heads of an answer, interim ones included, may have together.
pub const LONGEST_HEAD: usize = 16 * 1024;

/// A request, ready to be sent.
///
/// Bytes that a request target must not have (RFC 3986, section 3.3) are percent-encoded, and control characters are left
/// out of the host: whatever the configuration says, this is one request.
#[must_use]
pub fn request(probe: &HttpProbe) -> Vec<u8> {
    let mut text = String::from("GET ");
    if !probe.path.starts_with('/') {
        text.push('/');
    }
    for byte in probe.path.bytes() {
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
    match &probe.host {
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

/// Where in the head the next byte belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum At {
    /// In the status line, of which this many bytes have come.
    Status(u8),
    /// In its reason phrase.
    Reason,
    /// After a CR: only an LF may follow, and then comes what `next` says.
    Return { next: Next },
    /// At the beginning of a line of the header section.
    Line,
    /// In a field's name.
    Name,
    /// In its value.
    Value,
}

/// What comes after a line's end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    StatusIsKnown,
    Line,
    HeadIsOver,
}

/// The head of an answer, as far as it has come.
#[derive(Debug, Clone)]
pub struct Head {
    at: At,
    status: u16,
    /// A field stands above, whose value may go on in the next line.
    has_field: bool,
    taken: usize,
}

impl Default for Head {
    fn default() -> Self {
        Self::new()
    }
}

impl Head {
    /// Nothing has come yet.
    #[must_use]
    pub fn new() -> Self {
        Self { at: At::Status(0), status: 0, has_field: false, taken: 0 }
    }

    /// Nothing has come yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.taken == 0
    }

    /// Reads on. An outcome is final: what comes after it does not matter.
    pub fn read(&mut self, probe: &HttpProbe, bytes: &[u8]) -> Option<Outcome> {
        for byte in bytes {
            if self.taken >= LONGEST_HEAD {
                return Some(Outcome::HeadTooLong);
            }
            self.taken += 1;
            if let Some(outcome) = self.byte(probe, *byte) {
                return Some(outcome);
            }
        }
        None
    }

    fn byte(&mut self, probe: &HttpProbe, byte: u8) -> Option<Outcome> {
        self.at = match (self.at, byte) {
            (At::Status(place), _) => return self.status_line(probe, place, byte),
            (At::Reason, b'\r') => At::Return { next: Next::StatusIsKnown },
            (At::Reason, b'\n') => return self.line_ended(probe, Next::StatusIsKnown),
            (At::Reason, _) if is_text(byte) => At::Reason,
            (At::Return { next }, b'\n') => return self.line_ended(probe, next),
            (At::Line, b'\r') => At::Return { next: Next::HeadIsOver },
            (At::Line, b'\n') => return self.line_ended(probe, Next::HeadIsOver),
            (At::Line, b' ' | b'\t') if self.has_field => At::Value,
            (At::Line, _) if is_token(byte) => At::Name,
            (At::Name, b':') => At::Value,
            (At::Name, _) if is_token(byte) => At::Name,
            (At::Value, b'\r') => At::Return { next: Next::Line },
            (At::Value, b'\n') => return self.line_ended(probe, Next::Line),
            (At::Value, _) if is_text(byte) => At::Value,
            (At::Reason | At::Return { .. } | At::Line | At::Name | At::Value, _) => return Some(Outcome::NotHttp),
        };
        None
    }

    /// `HTTP/1.` DIGIT SP 3DIGIT, then an end or a reason.
    fn status_line(&mut self, probe: &HttpProbe, place: u8, byte: u8) -> Option<Outcome> {
        let next = At::Status(place + 1);
        let fits = match place {
            0..7 => b"HTTP/1.".get(usize::from(place)) == Some(&byte),
            7 => byte.is_ascii_digit(),
            8 => byte == b' ',
            9..12 => {
                self.status = self.status * 10 + u16::from(byte.wrapping_sub(b'0'));
                byte.is_ascii_digit() && self.status > 0
            }
            _ => {
                match byte {
                    b' ' => self.at = At::Reason,
                    b'\r' => self.at = At::Return { next: Next::StatusIsKnown },
                    b'\n' => return self.line_ended(probe, Next::StatusIsKnown),
                    _ => return Some(Outcome::NotHttp),
                }
                return None;
            }
        };
        self.at = next;
        (!fits).then_some(Outcome::NotHttp)
    }

    fn line_ended(&mut self, probe: &HttpProbe, next: Next) -> Option<Outcome> {
        match next {
            Next::StatusIsKnown => {
                self.at = At::Line;
                self.has_field = false;
                (!self.is_interim() && !probe.expects(self.status)).then_some(Outcome::Status(self.status))
            }
            Next::Line => {
                self.at = At::Line;
                self.has_field = true;
                None
            }
            Next::HeadIsOver if self.is_interim() => {
                self.at = At::Status(0);
                self.status = 0;
                None
            }
            Next::HeadIsOver => Some(Outcome::Ok),
        }
    }

    /// RFC 9110, section 15.2: another answer follows.
    fn is_interim(&self) -> bool {
        self.status != 101 && (100..200).contains(&self.status)
    }
}

/// RFC 9110, section 5.6.2.
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// What a field's value and a reason phrase consist of (RFC 9110, section 5.5): no control character but the tab.
fn is_text(byte: u8) -> bool {
    byte == b'\t' || byte >= b' ' && byte != 0x7f
}

#[cfg(test)]
mod tests;
