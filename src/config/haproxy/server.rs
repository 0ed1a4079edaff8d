//! `server`, `default-server` and `bind`: what follows the address.

use std::net::IpAddr;
use std::str::FromStr;
use std::time::Duration;

use super::health::ServerTls;
use super::lexer::Word;
use super::remarks::Remarks;
use super::values;
use super::words::{Fate, Idle, Parameters};
use crate::config::source::{Span, Spanned};

/// What is said of servers; of `default-server` too.
#[derive(Debug, Clone, Default)]
pub(super) struct ServerOptions {
    pub(super) check: bool,
    pub(super) backup: bool,
    pub(super) disabled: bool,
    /// TLS towards the server.
    pub(super) ssl: Option<Span>,
    /// `check-ssl`: TLS in the check, whatever the clients speak.
    pub(super) check_tls: Option<Span>,
    pub(super) tls: ServerTls,
    /// Whom a check calls.
    pub(super) address: Option<IpAddr>,
    pub(super) port: Option<u16>,
    pub(super) inter: Option<Duration>,
    pub(super) fast_inter: Option<Duration>,
    pub(super) fall: Option<u32>,
    pub(super) rise: Option<u32>,
    pub(super) down_inter: Option<Duration>,
    pub(super) weight: Option<u32>,
    /// Connections at a time; 0: any number.
    pub(super) maxconn: u32,
}

/// A `server` line.
#[derive(Debug, Clone)]
pub(super) struct Server {
    pub(super) name: Word,
    pub(super) address: Word,
    pub(super) options: ServerOptions,
}

/// A `bind` line: one address of it.
#[derive(Debug, Clone)]
pub(super) struct Bind {
    pub(super) address: Spanned<String>,
    pub(super) ssl: Option<Span>,
    /// `v6only`.
    pub(super) only_v6: bool,
}

/// Walks over parameters; what no code reads is told, the others are handed out with their values.
fn parameters(
    kind: Parameters,
    words: &[Word],
    place: &str,
    remarks: &mut Remarks,
    mut read: impl FnMut(&Word, Option<&Word>, &mut Remarks),
) {
    let mut rest = words.iter();
    while let Some(word) = rest.next() {
        let Some((fate, values)) = kind.fate(&word.text) else {
            remarks.unknown(word, place, kind.all());
            continue;
        };
        let value = if values > 0 { rest.next() } else { None };
        if values > 0 && value.is_none() {
            remarks.missing(word, "a value behind it");
            return;
        }
        match fate {
            Fate::Read => read(word, value, remarks),
            Fate::Idle(_) | Fate::Cannot(_) | Fate::Decide(_) | Fate::NotYet(_) => {
                remarks.fate(fate, &word.text, word.span);
            }
        }
    }
}

impl ServerOptions {
    /// Takes what a line says on top of what was said before.
    pub(super) fn read(&mut self, words: &[Word], remarks: &mut Remarks) {
        parameters(Parameters::Server, words, "of a server", remarks, |word, value, remarks| {
            self.one(word, value, remarks);
        });
    }

    fn one(&mut self, word: &Word, value: Option<&Word>, remarks: &mut Remarks) {
        let Some(value) = value else {
            match word.text.as_str() {
                "check" => self.check = true,
                "no-check" => self.check = false,
                "backup" => self.backup = true,
                "no-backup" => self.backup = false,
                "disabled" => self.disabled = true,
                "enabled" => self.disabled = false,
                "ssl" => self.ssl = Some(word.span),
                "check-ssl" => self.check_tls = Some(word.span),
                "no-check-ssl" => self.check_tls = None,
                _ => self.ssl = None,
            }
            return;
        };
        match word.text.as_str() {
            "addr" => match values::endpoint(&format!("{}:", value.text)).0 {
                values::Host::Address(address) => self.address = Some(address),
                values::Host::AnyV4 | values::Host::AnyV6 | values::Host::Name(_) | values::Host::Local(_) => {
                    remarks.bad("addr", value, "an IP address");
                }
            },
            "port" => match u16::from_str(&value.text) {
                Ok(port) if port > 0 => self.port = Some(port),
                Ok(_) | Err(_) => remarks.bad("port", value, "a port from 1 to 65535"),
            },
            "inter" => self.inter = interval("inter", value, remarks).or(self.inter),
            "fastinter" => self.fast_inter = interval("fastinter", value, remarks).or(self.fast_inter),
            "downinter" => self.down_inter = interval("downinter", value, remarks).or(self.down_inter),
            "fall" => self.fall = count("fall", value, remarks).or(self.fall),
            "rise" => self.rise = count("rise", value, remarks).or(self.rise),
            "weight" => match u32::from_str(&value.text) {
                Ok(weight) if weight <= 256 => self.weight = Some(weight),
                Ok(_) | Err(_) => remarks.bad("weight", value, "a number from 0 to 256"),
            },
            "verify" | "ca-file" | "crt" | "check-sni" | "verifyhost" => {
                let slot = match word.text.as_str() {
                    "verify" => &mut self.tls.verify,
                    "ca-file" => &mut self.tls.authorities,
                    "crt" => &mut self.tls.certificate,
                    "check-sni" => &mut self.tls.name,
                    _ => &mut self.tls.host,
                };
                *slot = Some(Spanned::new(value.text.clone(), word.span.to(value.span)));
            }
            _ => match u32::from_str(&value.text) {
                Ok(0) => self.maxconn = 0,
                Ok(most) => {
                    self.maxconn = most;
                    remarks.nearly(
                        word.span,
                        "connections past `maxconn` do not wait: they go to other servers, and are refused where all are full",
                        "it becomes `max-connections`, which counts connections that have ended lately too",
                    );
                }
                Err(_) => remarks.bad("maxconn", value, "a count"),
            },
        }
    }
}

fn interval(what: &str, value: &Word, remarks: &mut Remarks) -> Option<Duration> {
    let found = values::time(&value.text).filter(|time| !time.is_zero() && *time <= Duration::from_secs(86_400));
    if found.is_none() {
        remarks.bad(what, value, "a time of at most a day: \"2s\", or milliseconds without a unit");
    }
    // A thousandth of a second is the least that is waited for.
    found.map(|time| time.max(Duration::from_millis(1)))
}

fn count(what: &str, value: &Word, remarks: &mut Remarks) -> Option<u32> {
    let found = u32::from_str(&value.text).ok().filter(|count| *count > 0);
    if found.is_none() {
        remarks.bad(what, value, "a count from 1 on");
    }
    found
}

/// The addresses of a `bind` line, with what is said of them.
pub(super) fn binds(words: &[Word], remarks: &mut Remarks) -> Vec<Bind> {
    let Some((addresses, rest)) = words.split_first() else { return Vec::new() };
    let (mut ssl, mut only_v6, mut both) = (None, false, false);
    parameters(Parameters::Bind, rest, "of `bind`", remarks, |word, _, remarks| match word.text.as_str() {
        "ssl" => ssl = Some(word.span),
        "v6only" => only_v6 = true,
        "v4v6" => both = true,
        _ => remarks.nearly(
            word.span,
            "the PROXY header of whoever calls reaches the servers as it is",
            "let the servers read it, or let the caller send none",
        ),
    });
    if both && only_v6 {
        remarks.fate(Fate::Idle(Idle::Done), "v4v6", addresses.span);
    }
    let bind = |text: &str| Bind { address: Spanned::new(text.to_owned(), addresses.span), ssl, only_v6 };
    addresses.text.split(',').map(bind).collect()
}
