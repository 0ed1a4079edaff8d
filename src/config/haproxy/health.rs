//! `option httpchk`, `http-check`, and what a server line says of TLS in its check: to a check over HTTP.
//!
//! haproxy makes a check of steps: connect, send, expect, and all of it again as often as one likes. What is taken over is
//! one request and all that is expected of its answer, which is what files have; further requests are named and left out.
//! Whether any of it counts is known at the end of a section only: the lines `http-check` do nothing without the option.

use std::net::IpAddr;
use std::str::FromStr;

use super::lexer::Word;
use super::remarks::{Remarks, shown};
use super::server::ServerOptions;
use super::values::{self, Host};
use super::words::{Fate, Idle};
use crate::config::draft::{HttpDraft, HttpTlsDraft, PageDraft};
use crate::config::page;
use crate::config::source::{Span, Spanned};
use crate::model::{Expression, HttpVersion, Identity};

/// Every status that there is.
const ANY: (u16, u16) = (100, 599);
/// What counts as well unless something is expected.
const USUAL: (u16, u16) = (200, 399);

/// A request, in its parts; those that nobody named are none.
#[derive(Debug, Clone, Default)]
pub(super) struct Request {
    pub(super) method: Option<Spanned<String>>,
    path: Option<String>,
    host: Option<String>,
    version: Option<HttpVersion>,
}

/// `http-check connect`.
#[derive(Debug, Clone, Default)]
struct Connection {
    /// What the server line says counts too.
    usual: bool,
    tls: bool,
    name: Option<String>,
    address: Option<IpAddr>,
    port: Option<u16>,
}

/// The lines `http-check` of one section.
#[derive(Debug, Clone, Default)]
struct Lines {
    /// They stand in this section, and not in one that it begins with.
    own: bool,
    first: Option<Span>,
    connection: Option<Connection>,
    send: Option<Request>,
    /// Something is expected already.
    expects: bool,
    /// A second request has begun.
    again: bool,
    statuses: Vec<(u16, u16)>,
    expressions: Vec<Spanned<Expression>>,
}

/// What a section says of checks over HTTP.
#[derive(Debug, Clone, Default)]
pub(super) struct HttpCheck {
    /// `option httpchk`.
    pub(super) asked: Option<Span>,
    request: Request,
    lines: Lines,
}

impl HttpCheck {
    /// The same, for a section that begins with it.
    pub(super) fn inherited(mut self) -> Self {
        self.lines.own = false;
        self
    }

    /// `option httpchk [METHOD] [PATH [VERSION]]`.
    pub(super) fn option(&mut self, option: &Word, rest: &[Word], remarks: &mut Remarks) {
        let mut request = Request::default();
        let (method, path, version) = match rest {
            [] => (None, None, None),
            [path] => (None, Some(path), None),
            [method, path, version @ ..] => (Some(method), Some(path), version.first()),
        };
        request.method = method.map(|word| Spanned::new(word.text.clone(), word.span));
        if let Some(path) = path {
            request.path(path, remarks);
        }
        if let Some(version) = version {
            let mut lines = version.text.split("\r\n");
            request.version(lines.next().unwrap_or(""), version, remarks);
            for line in lines.filter(|line| !line.is_empty()) {
                let (name, value) = line.split_once(':').unwrap_or((line, ""));
                request.field(name, value, version, remarks);
            }
        }
        self.asked = Some(option.span);
        self.request = request;
    }

    /// `http-check ...`.
    pub(super) fn line(&mut self, keyword: &Word, first: &Word, more: &[Word], remarks: &mut Remarks) {
        if !self.lines.own {
            self.lines = Lines { own: true, ..Lines::default() };
        }
        let lines = &mut self.lines;
        lines.first.get_or_insert(keyword.span);
        let what = format!("http-check {}", first.text);
        lines.again |= match first.text.as_str() {
            "connect" => lines.connection.is_some() || lines.send.is_some() || lines.expects,
            "send" => lines.send.is_some() || lines.expects,
            _ => false,
        };
        let fate = match first.text.as_str() {
            "connect" | "send" | "expect" if lines.again => Fate::NotYet(
                "one request is made, and what is written of others is left out: give each a check of its own",
            ),
            "connect" => return lines.connect(first, more, remarks),
            "send" => return lines.send(more, remarks),
            "expect" => return lines.expect(first, more, remarks),
            "comment" | "set-var" | "set-var-fmt" | "unset-var" => Fate::Idle(Idle::Labels),
            "disable-on-404" => Fate::Cannot("a server that answers with 404 is down, unless that status is expected"),
            "send-state" => Fate::Cannot("a server is not told what is thought of it"),
            _ => {
                let known = ["connect", "send", "expect", "comment", "disable-on-404", "send-state", "set-var"];
                return remarks.unknown(first, "after `http-check`", known.into_iter());
            }
        };
        remarks.fate(fate, &what, keyword.span);
    }

    /// Lines that do nothing, since nobody asks for such a check.
    pub(super) fn idle(&self) -> Option<Span> {
        self.lines.first.filter(|_| self.asked.is_none() && self.lines.own)
    }

    /// How the request is made: `GET`, or else.
    pub(super) fn method(&self) -> Option<&Spanned<String>> {
        self.lines.send.as_ref().and_then(|send| send.method.as_ref()).or(self.request.method.as_ref())
    }

    /// Whom it calls, where that is not the server as it is written.
    pub(super) fn address(&self) -> Option<IpAddr> {
        self.lines.connection.as_ref()?.address
    }

    /// Which port, likewise.
    pub(super) fn port(&self) -> Option<u16> {
        self.lines.connection.as_ref()?.port
    }

    /// The expressions that pages are held against.
    pub(super) fn expressions(&self) -> &[Spanned<Expression>] {
        &self.lines.expressions
    }

    /// Whether the check of a server speaks TLS.
    pub(super) fn over_tls(&self, options: &ServerOptions) -> bool {
        match &self.lines.connection {
            None => options.check_tls.is_some(),
            Some(connection) => connection.tls || connection.usual && options.check_tls.is_some(),
        }
    }

    /// The check of a server, with those of the expressions that can be done.
    pub(super) fn draft(&self, options: &ServerOptions, expressions: &[Expression]) -> HttpDraft {
        let send = self.lines.send.as_ref();
        let part = |of: fn(&Request) -> Option<&String>| send.and_then(of).or(of(&self.request)).cloned();
        let plain = PageDraft {
            path: part(|request| request.path.as_ref()),
            statuses: match (self.lines.statuses.as_slice(), self.lines.expects) {
                ([], false) => vec![USUAL],
                ([], true) => vec![ANY],
                (statuses, _) => statuses.to_vec(),
            },
            ..PageDraft::default()
        };
        let mut pages: Vec<_> = expressions
            .iter()
            .map(|expression| PageDraft { expression: Some(Box::new(expression.clone())), ..plain.clone() })
            .collect();
        if pages.is_empty() {
            pages.push(plain);
        }
        let version = send.and_then(|send| send.version).or(self.request.version);
        HttpDraft {
            version: Some(version.unwrap_or(HttpVersion::V1_0)),
            host: part(|request| request.host.as_ref()),
            tls: self.over_tls(options).then(|| self.tls(options)),
            orderly_close: false,
            pages,
        }
    }

    fn tls(&self, options: &ServerOptions) -> HttpTlsDraft {
        let tls = &options.tls;
        let named = self.lines.connection.as_ref().and_then(|connection| connection.name.clone());
        let file = |word: &Option<Spanned<String>>| {
            word.as_ref().map(|word| word.value.clone()).filter(|file| file.starts_with('/'))
        };
        HttpTlsDraft {
            server_name: named.or_else(|| tls.name.as_ref().or(tls.host.as_ref()).map(|name| name.value.clone())),
            named_by_host: true,
            verify: tls.verifies(),
            authorities: file(&tls.authorities).filter(|_| tls.verifies()),
            identity: file(&tls.certificate).map(|certificate| Identity { certificate, key: None, password: None }),
        }
    }
}

/// What a server line says of TLS that a check can speak.
#[derive(Debug, Clone, Default)]
pub(super) struct ServerTls {
    /// `verify`.
    pub(super) verify: Option<Spanned<String>>,
    /// `ca-file`.
    pub(super) authorities: Option<Spanned<String>>,
    /// `crt`.
    pub(super) certificate: Option<Spanned<String>>,
    /// `check-sni`.
    pub(super) name: Option<Spanned<String>>,
    /// `verifyhost`.
    pub(super) host: Option<Spanned<String>>,
}

impl ServerTls {
    /// haproxy looks at certificates unless told otherwise, and refuses to run where it does not know whose count.
    pub(super) fn verifies(&self) -> bool {
        match &self.verify {
            Some(verify) => verify.value != "none",
            None => self.authorities.is_some(),
        }
    }

    /// Everything that is said, with its word.
    pub(super) fn said(&self) -> impl Iterator<Item = (&'static str, Span)> {
        [
            ("verify", &self.verify),
            ("ca-file", &self.authorities),
            ("crt", &self.certificate),
            ("check-sni", &self.name),
            ("verifyhost", &self.host),
        ]
        .into_iter()
        .filter_map(|(word, value)| Some((word, value.as_ref()?.span)))
    }

    /// Files that are named in part, and so are not found.
    pub(super) fn in_part(&self) -> impl Iterator<Item = (&'static str, Span)> {
        [("ca-file", &self.authorities), ("crt", &self.certificate)].into_iter().filter_map(|(word, value)| {
            let value = value.as_ref().filter(|file| !file.value.starts_with(['/', '@']))?;
            Some((word, value.span))
        })
    }
}

impl Request {
    fn path(&mut self, path: &Word, remarks: &mut Remarks) {
        if path.text.starts_with('/') {
            self.path = Some(path.text.clone());
        } else {
            remarks.nearly(path.span, format!("`{}` is no path", shown(&path.text)), "the check asks for `/`");
        }
    }

    fn version(&mut self, version: &str, place: &Word, remarks: &mut Remarks) {
        match version {
            "HTTP/1.0" => self.version = Some(HttpVersion::V1_0),
            "HTTP/1.1" => self.version = Some(HttpVersion::V1_1),
            other => remarks.nearly(
                place.span,
                format!("checks speak HTTP/1.0 and HTTP/1.1, and not `{}`", shown(other)),
                "the check speaks HTTP/1.0",
            ),
        }
    }

    fn field(&mut self, name: &str, value: &str, place: &Word, remarks: &mut Remarks) {
        match name.to_ascii_lowercase().as_str() {
            "host" => self.host = Some(value.trim().to_owned()).filter(|host| !host.is_empty()),
            "connection" | "user-agent" | "accept" => {
                remarks.fate(Fate::Idle(Idle::Done), &format!("the field `{name}`"), place.span);
            }
            _ => remarks.nearly(
                place.span,
                format!("checks do not send the field `{}`", shown(name)),
                "if the server asks for it, choose a page for which it does not",
            ),
        }
    }
}

impl Lines {
    fn connect(&mut self, keyword: &Word, words: &[Word], remarks: &mut Remarks) {
        let mut connection = Connection::default();
        let mut rest = words.iter();
        while let Some(word) = rest.next() {
            let value = match word.text.as_str() {
                "port" | "addr" | "sni" | "alpn" | "proto" | "comment" => match rest.next() {
                    Some(value) => value,
                    None => return remarks.missing(word, "a value behind it"),
                },
                _ => word,
            };
            match word.text.as_str() {
                "default" => connection.usual = true,
                "ssl" => connection.tls = true,
                "sni" => connection.name = Some(value.text.clone()),
                "port" => match u16::from_str(&value.text) {
                    Ok(port) if port > 0 => connection.port = Some(port),
                    Ok(_) | Err(_) => remarks.bad("port", value, "a port from 1 to 65535"),
                },
                "addr" => match values::endpoint(&format!("{}:", value.text)).0 {
                    Host::Address(address) => connection.address = Some(address),
                    Host::AnyV4 | Host::AnyV6 | Host::Name(_) | Host::Local(_) => {
                        remarks.bad("addr", value, "an IP address");
                    }
                },
                "linger" | "comment" => remarks.fate(Fate::Idle(Idle::Labels), &word.text, word.span),
                "send-proxy" | "via-socks4" | "alpn" | "proto" => {
                    remarks.fate(Fate::Cannot("the check connects without it"), &word.text, word.span);
                }
                _ => {
                    let known = ["default", "port", "addr", "ssl", "sni", "send-proxy", "alpn", "linger"];
                    remarks.unknown(word, "after `http-check connect`", known.into_iter());
                }
            }
        }
        if let (Some(name), false) = (&connection.name, connection.tls) {
            remarks.fate(Fate::Idle(Idle::Tls), &format!("sni {}", shown(name)), keyword.span);
        }
        self.connection = Some(connection);
    }

    fn send(&mut self, words: &[Word], remarks: &mut Remarks) {
        let mut request = Request::default();
        let mut rest = words.iter();
        while let Some(word) = rest.next() {
            let Some(value) = rest.next() else { return remarks.missing(word, "a value behind it") };
            match word.text.as_str() {
                "meth" => request.method = Some(Spanned::new(value.text.clone(), value.span)),
                "uri" => request.path(value, remarks),
                "ver" => request.version(&value.text, value, remarks),
                "hdr" => match rest.next() {
                    Some(text) => request.field(&value.text, &text.text, value, remarks),
                    None => return remarks.missing(value, "what it says"),
                },
                "comment" => remarks.fate(Fate::Idle(Idle::Labels), "comment", word.span),
                "uri-lf" => {
                    remarks.nearly(word.span, "a path that is made anew for each check", "the check asks for `/`")
                }
                "body" | "body-lf" => remarks.nearly(word.span, "checks send no body", "the page is asked for without"),
                _ => {
                    remarks.unknown(word, "after `http-check send`", ["meth", "uri", "ver", "hdr", "body"].into_iter())
                }
            }
        }
        self.send = Some(request);
    }

    fn expect(&mut self, keyword: &Word, words: &[Word], remarks: &mut Remarks) {
        self.expects = true;
        let mut unwanted = false;
        let mut rest = words.iter();
        while let Some(word) = rest.next() {
            match word.text.as_str() {
                "!" => unwanted = !unwanted,
                "min-recv" | "comment" | "ok-status" | "error-status" | "tout-status" | "on-success" | "on-error"
                | "status-code" => {
                    let Some(_) = rest.next() else { return remarks.missing(word, "a value behind it") };
                    remarks.fate(Fate::Idle(Idle::Labels), &word.text, word.span);
                }
                "status" | "string" | "rstring" => {
                    let Some(value) = rest.next() else { return remarks.missing(word, "what is expected") };
                    let pattern = match word.text.as_str() {
                        "status" => return self.status(value, unwanted, remarks),
                        "string" => regex_syntax::escape(&value.text),
                        _ => value.text.clone(),
                    };
                    let expression = Expression { pattern, unwanted, ..Expression::default() };
                    return self.expressions.push(Spanned::new(expression, value.span));
                }
                "rstatus" | "hdr" | "fhdr" | "string-lf" | "hdr-lf" => {
                    let unseen =
                        Fate::NotYet("this is not looked at: any answer will do that is as the other lines want it");
                    return remarks.fate(unseen, &format!("http-check expect {}", word.text), word.span);
                }
                _ => {
                    let known = ["status", "string", "rstring", "rstatus", "hdr", "fhdr", "!"];
                    return remarks.unknown(word, "after `http-check expect`", known.into_iter());
                }
            }
        }
        remarks.missing(keyword, "what is expected");
    }

    /// `200,300-310`; on top of what other lines expect.
    fn status(&mut self, value: &Word, unwanted: bool, remarks: &mut Remarks) {
        let named: Option<Vec<_>> = value.text.split(',').map(page::statuses).collect();
        let Some(named) = named else {
            return remarks.bad("status", value, "statuses from 100 to 599: `200`, `200,300-310`");
        };
        let named = if unwanted { others(named) } else { named };
        let before = if self.statuses.is_empty() { vec![ANY] } else { std::mem::take(&mut self.statuses) };
        let both = before.iter().flat_map(|(a, b)| named.iter().map(move |(c, d)| (*a.max(c), *b.min(d))));
        self.statuses = both.filter(|(least, most)| least <= most).collect();
        if self.statuses.is_empty() {
            remarks.bad("status", value, "a status that the lines above expect too");
            self.statuses = before;
        }
    }
}

/// All statuses but these.
fn others(mut ranges: Vec<(u16, u16)>) -> Vec<(u16, u16)> {
    ranges.sort_unstable();
    let mut rest = Vec::new();
    let mut from = ANY.0;
    for (least, most) in ranges {
        if from < least {
            rest.push((from, least - 1));
        }
        from = from.max(most + 1);
    }
    if from <= ANY.1 {
        rest.push((from, ANY.1));
    }
    rest
}
