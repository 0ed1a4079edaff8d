//! The statements of `defaults`, `frontend`, `backend` and `listen`.

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::str::FromStr;
use std::time::Duration;

use super::health::HttpCheck;
use super::lexer::Word;
use super::remarks::{Remarks, shown};
use super::server::{Bind, Server, ServerOptions, binds};
use super::values;
use super::words::{Fate, Idle, Words};
use crate::config::diagnostic::{Code, Diagnostic};
use crate::config::source::{Span, Spanned};

/// The kernel's own patience with an established connection that is silent.
const KERNEL_PATIENCE: Duration = Duration::from_secs(900);
/// Persistence of a table whose entries never expire.
pub(super) const NO_EXPIRY: NonZeroU32 = NonZeroU32::MIN.saturating_add(3_599);
/// The longest persistence that is written.
const LONGEST: Duration = Duration::from_secs(31 * 86_400);

/// How a proxy chooses a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Balance {
    RoundRobin,
    LeastConnections,
    Source,
    Random,
    First,
    /// By something inside the connection.
    Content(String),
}

/// One `use_backend`.
#[derive(Debug, Clone)]
pub(super) struct Rule {
    pub(super) target: Word,
    /// Its `if` or `unless`.
    pub(super) condition: Option<Span>,
}

/// What a proxy is told, its `defaults` included.
#[derive(Debug, Clone, Default)]
pub(super) struct Settings {
    pub(super) mode: Option<Spanned<String>>,
    pub(super) disabled: Option<Span>,
    pub(super) balance: Option<Spanned<Balance>>,
    /// `hash-type consistent`.
    pub(super) consistent: bool,
    pub(super) server: ServerOptions,
    pub(super) connect: Option<Duration>,
    pub(super) check: Option<Duration>,
    /// `timeout client`, `server` and `tunnel`, where they are longer than the kernel's.
    pub(super) silent: [Option<Spanned<Duration>>; 3],
    pub(super) all_backups: bool,
    /// `option httpchk` and the lines `http-check`.
    pub(super) http: HttpCheck,
    /// `option smtpchk`, with what haproxy calls itself.
    pub(super) smtp: Option<String>,
    /// `option tcp-check`: without it the lines `tcp-check` do nothing.
    tcp_check: bool,
    /// `tcp-check connect port`.
    tcp_check_port: Option<u16>,
    pub(super) default_backend: Option<Word>,
    pub(super) rules: Vec<Rule>,
    pub(super) binds: Vec<Bind>,
    pub(super) servers: Vec<Server>,
    /// Their names, and where each stands.
    names: HashMap<String, Span>,
    /// How long a table of client addresses remembers.
    pub(super) table: Option<Spanned<NonZeroU32>>,
    /// `stick on src`.
    pub(super) stick: Option<Span>,
    /// The proxy whose table that is, if not the own.
    pub(super) stick_table: Option<String>,
}

/// Whether words are `port` and its number.
fn is_port(words: &[Word]) -> bool {
    matches!(words, [port, _] if port.text == "port")
}

impl Settings {
    /// The same, for a section that begins with them.
    pub(super) fn inherited(&self) -> Self {
        Self { http: self.http.clone().inherited(), ..self.clone() }
    }

    /// The port that servers are checked at, if it is not their own.
    pub(super) fn check_port(&self) -> Option<u16> {
        self.tcp_check_port.filter(|_| self.tcp_check)
    }

    /// One statement; `no` was written before it.
    pub(super) fn line(&mut self, words: &[Word], no: bool, defaults: bool, remarks: &mut Remarks) {
        let Some((keyword, rest)) = words.split_first() else { return };
        let Some(fate) = Words::Proxy.fate(&keyword.text) else {
            return remarks.unknown(keyword, "in a proxy", Words::Proxy.all());
        };
        match fate {
            Fate::Read if no && keyword.text != "option" && keyword.text != "disabled" => {
                let odd = format!("`no` cannot stand before `{}`", keyword.text);
                remarks.say(Diagnostic::error(Code::Misplaced, keyword.span, odd).help("the line is left out"));
            }
            Fate::Read => self.read(keyword, rest, no, defaults, remarks),
            Fate::Idle(_) | Fate::Cannot(_) | Fate::Decide(_) | Fate::NotYet(_) if no => {
                remarks.fate(Fate::Idle(Idle::Done), &format!("no {}", keyword.text), keyword.span);
            }
            Fate::Idle(_) | Fate::Cannot(_) | Fate::Decide(_) | Fate::NotYet(_) => {
                remarks.fate(fate, &keyword.text, keyword.span);
            }
        }
    }

    fn read(&mut self, keyword: &Word, rest: &[Word], no: bool, defaults: bool, remarks: &mut Remarks) {
        let name = keyword.text.as_str();
        if defaults && matches!(name, "bind" | "server" | "use_backend" | "stick" | "stick-table") {
            let odd = Diagnostic::error(Code::Misplaced, keyword.span, format!("`{name}` has no place in `defaults`"));
            return remarks.say(odd.help("write it in each section that it is for; here it is left out"));
        }
        match name {
            "disabled" => self.disabled = (!no).then_some(keyword.span),
            "enabled" => self.disabled = None,
            "default-server" => self.server.read(rest, remarks),
            _ => match rest {
                [] => remarks.missing(keyword, "something behind it"),
                [first, more @ ..] => self.with_value(keyword, first, more, no, remarks),
            },
        }
    }

    fn with_value(&mut self, keyword: &Word, first: &Word, more: &[Word], no: bool, remarks: &mut Remarks) {
        match keyword.text.as_str() {
            "mode" => self.mode = Some(Spanned::new(first.text.clone(), first.span)),
            "bind" => {
                let words: Vec<Word> = std::iter::once(first).chain(more).cloned().collect();
                self.binds.extend(binds(&words, remarks));
            }
            "server" => self.server_line(first, more, remarks),
            "balance" => self.balance(first, remarks),
            "hash-type" => match first.text.as_str() {
                "consistent" => self.consistent = true,
                "map-based" => self.consistent = false,
                _ => remarks.bad("hash-type", first, "`map-based` or `consistent`"),
            },
            "default_backend" => self.default_backend = Some(first.clone()),
            "use_backend" => self.use_backend(first, more, remarks),
            "timeout" => self.timeout(first, more.first(), remarks),
            "clitimeout" | "srvtimeout" | "contimeout" => {
                let kind = match keyword.text.as_str() {
                    "clitimeout" => "client",
                    "srvtimeout" => "server",
                    _ => "connect",
                };
                let kind = Word { text: kind.to_owned(), span: keyword.span };
                self.timeout(&kind, Some(first), remarks);
            }
            "option" => self.option(first, more, no, remarks),
            "http-check" => self.http.line(keyword, first, more, remarks),
            "stick-table" => self.table(keyword, first, more, remarks),
            "stick" => self.stick(keyword, first, more, remarks),
            "tcp-request" => tcp_request(keyword, first, more, remarks),
            "tcp-check" if first.text == "connect" && more.is_empty() => {
                remarks.fate(Fate::Idle(Idle::Done), "tcp-check connect", keyword.span);
            }
            "tcp-check" if first.text == "connect" && self.tcp_check_port.is_none() && is_port(more) => {
                let [_, port] = more else { return };
                match u16::from_str(&port.text) {
                    Ok(number) if number > 0 => self.tcp_check_port = Some(number),
                    Ok(_) | Err(_) => remarks.bad("port", port, "a port from 1 to 65535"),
                }
            }
            check => remarks.fate(
                Fate::NotYet("a server is well when it accepts a connection; what it answers is not looked at"),
                &format!("{check} {}", first.text),
                keyword.span,
            ),
        }
    }

    fn server_line(&mut self, name: &Word, rest: &[Word], remarks: &mut Remarks) {
        let Some((address, parameters)) = rest.split_first() else {
            return remarks.missing(name, "the address of the server");
        };
        if let Some(before) = self.names.insert(name.text.clone(), name.span) {
            let twice = format!("a second server `{}`", shown(&name.text));
            remarks.say(
                Diagnostic::warning(Code::Duplicate, name.span, twice)
                    .and(before, "another stands here")
                    .help("haproxy refuses that; both are converted, for servers go by their addresses here"),
            );
        }
        let mut options = self.server.clone();
        options.read(parameters, remarks);
        self.servers.push(Server { name: name.clone(), address: address.clone(), options });
    }

    fn balance(&mut self, how: &Word, remarks: &mut Remarks) {
        let bare = how.text.split('(').next().unwrap_or("");
        let found = match bare {
            "roundrobin" | "static-rr" => Balance::RoundRobin,
            "leastconn" => Balance::LeastConnections,
            "source" => Balance::Source,
            "random" => Balance::Random,
            "first" => Balance::First,
            "uri" | "url_param" | "hdr" | "rdp-cookie" | "hash" | "sticky" | "log-hash" => {
                Balance::Content(bare.to_owned())
            }
            _ => {
                return remarks.bad(
                    "balance",
                    how,
                    "`roundrobin`, `static-rr`, `leastconn`, `source`, `random`, `first`, or a hash of the content",
                );
            }
        };
        self.balance = Some(Spanned::new(found, how.span));
    }

    fn use_backend(&mut self, target: &Word, more: &[Word], remarks: &mut Remarks) {
        let condition = match more {
            [] => None,
            [first, rest @ ..] => match (first.text.as_str(), rest) {
                ("if", [only]) if only.text == "TRUE" => None,
                ("unless", [only]) if only.text == "FALSE" => None,
                ("if", [only]) if only.text == "FALSE" => {
                    return remarks.fate(Fate::Idle(Idle::Done), "use_backend if FALSE", target.span);
                }
                _ => Some(rest.last().map_or(first.span, |last| first.span.to(last.span))),
            },
        };
        self.rules.push(Rule { target: target.clone(), condition });
    }

    fn timeout(&mut self, kind: &Word, value: Option<&Word>, remarks: &mut Remarks) {
        let Some(fate) = Words::Timeout.fate(&kind.text) else {
            return remarks.unknown(kind, "after `timeout`", Words::Timeout.all());
        };
        let what = format!("timeout {}", kind.text);
        let Some(value) = value else { return remarks.missing(kind, "a time") };
        let Some(time) = values::time(&value.text) else {
            return remarks.bad(&what, value, "a time: \"10s\", or milliseconds without a unit");
        };
        let silent = Spanned::new(time, kind.span.to(value.span));
        let slot = match kind.text.as_str() {
            "connect" => return self.connect = Some(time),
            "check" => return self.check = Some(time),
            "client" => 0,
            "server" => 1,
            "tunnel" => 2,
            _ => return remarks.fate(fate, &what, kind.span),
        };
        let longer = time > KERNEL_PATIENCE;
        if let Some(slot) = self.silent.get_mut(slot) {
            *slot = longer.then_some(silent);
        }
        if !longer {
            remarks.fate(Fate::Idle(Idle::Times), &what, kind.span);
        }
    }

    fn option(&mut self, option: &Word, rest: &[Word], no: bool, remarks: &mut Remarks) {
        let Some(fate) = Words::Option.fate(&option.text) else {
            return remarks.unknown(option, "after `option`", Words::Option.all());
        };
        let what = format!("option {}", option.text);
        match (option.text.as_str(), fate) {
            ("allbackups", _) => self.all_backups = !no,
            ("tcp-check", _) if no => self.tcp_check = false,
            ("httpchk", _) if no => self.http.asked = None,
            ("smtpchk", _) if no => self.smtp = None,
            _ if no => remarks.fate(Fate::Idle(Idle::Done), &format!("no {what}"), option.span),
            ("tcp-check", _) => {
                self.no_check();
                self.tcp_check = true;
                remarks.fate(Fate::Idle(Idle::Done), &what, option.span);
            }
            ("httpchk", _) => {
                self.no_check();
                self.http.option(option, rest, remarks);
            }
            ("smtpchk", _) => {
                self.no_check();
                // `HELO` or `EHLO` before it: both greet.
                self.smtp = Some(rest.get(1).map_or_else(|| "localhost".to_owned(), |name| name.text.clone()));
            }
            // Another kind of check, in place of any that was asked for before.
            (_, fate @ Fate::NotYet(_)) => {
                self.no_check();
                remarks.fate(fate, &what, option.span);
            }
            (_, fate) => remarks.fate(fate, &what, option.span),
        }
    }

    /// Forgets which kind of check was asked for: the last one counts.
    fn no_check(&mut self) {
        (self.tcp_check, self.http.asked, self.smtp) = (false, None, None);
    }

    /// `stick-table type ip size 1m expire 30m`.
    fn table(&mut self, keyword: &Word, first: &Word, more: &[Word], remarks: &mut Remarks) {
        let words: Vec<&Word> = std::iter::once(first).chain(more).collect();
        let value = |name: &str| {
            let at = words.iter().position(|word| word.text == name)?;
            words.get(at + 1).copied()
        };
        let of_addresses = value("type").is_some_and(|kind| matches!(kind.text.as_str(), "ip" | "ipv6"));
        if !of_addresses {
            self.table = None;
            return remarks.fate(
                Fate::Cannot("only a client's address can be remembered (`persistence`)"),
                "stick-table of other things than addresses",
                keyword.span,
            );
        }
        let time = match value("expire") {
            None => NO_EXPIRY,
            Some(text) => match values::time(&text.text).map(|time| time.min(LONGEST)) {
                // Whole seconds, and rather one more.
                Some(time) => u32::try_from(time.as_millis().div_ceil(1_000))
                    .ok()
                    .and_then(NonZeroU32::new)
                    .unwrap_or(NonZeroU32::MIN),
                None => return remarks.bad("expire", text, "a time: \"30m\", or milliseconds without a unit"),
            },
        };
        self.table = Some(Spanned::new(time, keyword.span));
        if value("expire").is_none() {
            remarks.nearly(
                keyword.span,
                "this table forgets nobody, and IPVS forgets a client some time after its last connection",
                "an hour is taken, if clients stick by it; write `persistence` as it suits you",
            );
        }
        if let Some(peers) = value("peers") {
            remarks.fate(
                Fate::Cannot("IPVS synchronises its connections and templates itself: `[global]` `sync-daemon`"),
                "peers",
                peers.span,
            );
        }
        if value("store").is_some() {
            remarks.fate(Fate::Idle(Idle::Labels), "stick-table store", keyword.span);
        }
    }

    /// `stick on src`, or in two lines: `stick match src` and `stick store-request src`.
    fn stick(&mut self, keyword: &Word, how: &Word, more: &[Word], remarks: &mut Remarks) {
        let of_source = more.first().is_some_and(|what| what.text == "src");
        let known = matches!(how.text.as_str(), "on" | "match" | "store-request" | "store-response");
        if !known {
            return remarks.unknown(
                how,
                "after `stick`",
                ["on", "match", "store-request", "store-response"].into_iter(),
            );
        }
        if !of_source || how.text == "store-response" {
            return remarks.fate(
                Fate::Cannot("only a client's address can be remembered (`stick on src`)"),
                &format!("stick {}", how.text),
                keyword.span,
            );
        }
        if let Some(word) = more.get(1) {
            let what = match word.text.as_str() {
                "table" => "a table of another proxy, which both stick by",
                _ => "a condition, by which only some clients stick",
            };
            if let ("table", Some(name)) = (word.text.as_str(), more.get(2)) {
                self.stick_table = Some(name.text.clone());
            }
            let message = format!("IPVS has no {what}");
            remarks.nearly(word.span, message, "all clients of this service stick, each service by itself");
        }
        self.stick = Some(keyword.span);
    }
}

/// `tcp-request`: who is let in.
fn tcp_request(keyword: &Word, level: &Word, more: &[Word], remarks: &mut Remarks) {
    let what = |action: &str| format!("tcp-request {} {action}", level.text).trim_end().to_owned();
    let action = match level.text.as_str() {
        "inspect-delay" => return remarks.fate(Fate::Idle(Idle::Content), &what(""), keyword.span),
        "connection" | "session" | "content" => more.first(),
        _ => {
            let known = ["connection", "session", "content", "inspect-delay"];
            return remarks.unknown(level, "after `tcp-request`", known.into_iter());
        }
    };
    let Some(action) = action else { return remarks.missing(level, "an action") };
    let fate = match action.text.as_str() {
        "accept" | "set-log-level" | "capture" => Fate::Idle(Idle::Content),
        "reject" | "silent-drop" | "switch-mode" | "use-service" | "expect-proxy" | "expect-netscaler-cip" => {
            Fate::Decide(
                "without it everybody is let in, as they come: let the firewall refuse whom this line refuses (nft), and remove it",
            )
        }
        other => {
            let known = [
                "set-",
                "unset-",
                "track-sc",
                "sc-",
                "sc",
                "do-resolve",
                "lua.",
                "set",
                "send-spoe",
                "normalize",
                "ot-",
            ];
            if !known.iter().any(|start| other.starts_with(start)) {
                let actions = ["accept", "reject", "silent-drop", "capture", "expect-proxy", "set-var", "track-sc0"];
                return remarks.unknown(action, "after `tcp-request`", actions.into_iter());
            }
            Fate::Cannot("nothing is counted, set or looked up for a connection")
        }
    };
    remarks.fate(fate, &what(&action.text), keyword.span);
}
