//! `vrrp_track_check`, which keepalived does not have: a health check in place of a script.

use std::net::SocketAddr;

use crate::config::draft::{
    CallKind, Definition, DnsDraft, Field, ProbeDraft, ProbeTarget, TlsDraft, TrackKind, UdpDraft,
};
use crate::config::hex;
use crate::config::keepalived::tree::{Statement, Value};
use crate::config::keepalived::values::{IGNORED, Instead};
use crate::config::keepalived::walk::Walk;
use crate::config::url;
use crate::model::{DnsName, DnsType};

const UNWATCHED: Instead = Instead("nobody watches it");

/// One word of a `vrrp_track_check`.
pub(in crate::config::keepalived) fn word(
    walk: &mut Walk<'_>,
    check: &mut Definition<ProbeDraft>,
    statement: Statement<'_>,
) -> bool {
    let Some(value) = statement.word(1) else { return true };
    let draft = &mut check.what;
    let at = statement.line().unwrap_or(value.span);
    match statement.name() {
        "tcp" => {
            let target = endpoint(walk, statement, value);
            draft.target = Field::from(target.map(|(address, _)| ProbeTarget::Tcp(address)), at);
        }
        "smtp" | "dns" | "udp" => {
            let target = other(walk, statement, value);
            draft.target = Field::from(target, at);
        }
        "ping" => {
            let address = walk.address(value, "an IP address", UNWATCHED);
            let target = address.map(|address| ProbeTarget::Other(SocketAddr::new(address, 0), CallKind::Ping));
            draft.target = Field::from(target, at);
        }
        "http_get" => draft.target = Field::from(http(walk, value, None), at),
        // As `SSL_GET` does, any certificate will do unless `verify` is written.
        "https_get" => {
            let verify = match statement.word(2) {
                Some(word) => walk.choice(word, &[("verify", true), ("noverify", false)], IGNORED).unwrap_or(false),
                None => false,
            };
            let file = statement.word(3).filter(|_| verify);
            let authorities = file.map(|file| file.text.to_owned());
            draft.target = Field::from(http(walk, value, Some(TlsDraft { verify, authorities })), at);
            // With other authorities than those that were meant, the check would say something else.
            if let Some(file) = file.filter(|file| !file.text.starts_with('/')) {
                walk.bad(file, "a file's whole path, from `/` on", UNWATCHED);
                draft.target = Field::Bad;
            }
        }
        "interval" => draft.interval = walk.time(value, IGNORED),
        "timeout" => draft.timeout = walk.time(value, IGNORED),
        "rise" => draft.rise = walk.whole(value, IGNORED),
        "fall" => draft.fall = walk.whole(value, IGNORED),
        "weight" => check.weight = super::weight(walk, statement, 1, TrackKind::Check).unwrap_or_default(),
        _ => return false,
    }
    true
}

fn http(walk: &mut Walk<'_>, value: Value<'_>, tls: Option<TlsDraft>) -> Option<ProbeTarget> {
    let scheme = if tls.is_some() { "https://" } else { "http://" };
    let found = url::url(value.text, tls);
    if found.is_none() {
        walk.bad(value, &url::URL.replace("http://", scheme), UNWATCHED);
    }
    found.map(ProbeTarget::Http)
}

/// Address and port parted by a blank, as a `real_server` is written, or by a colon; and the word that stands behind them.
fn endpoint(walk: &mut Walk<'_>, statement: Statement<'_>, value: Value<'_>) -> Option<(SocketAddr, usize)> {
    let joined = url::endpoint(value.text).map(|address| (address, 2));
    let parted = || {
        let port = statement.word(2)?.text;
        let text = if value.text.contains(':') {
            format!("[{}]:{port}", value.text)
        } else {
            format!("{}:{port}", value.text)
        };
        url::endpoint(&text).map(|address| (address, 3))
    };
    let found = joined.or_else(parted);
    if found.is_none() {
        let name = statement.name();
        walk.bad(value, &format!("an address and a port, such as `{name} 127.0.0.1 8080`"), UNWATCHED);
    }
    found
}

/// `smtp IP PORT [NAME]`, `dns IP PORT [NAME [TYPE]]`, `udp IP PORT [PAYLOAD [REPLY]]`.
fn other(walk: &mut Walk<'_>, statement: Statement<'_>, value: Value<'_>) -> Option<ProbeTarget> {
    let (address, behind) = endpoint(walk, statement, value)?;
    let (first, second) = (statement.word(behind), statement.word(behind + 1));
    let kind = match statement.name() {
        "smtp" => CallKind::Smtp(first.map(|name| name.text.to_owned())),
        "dns" => {
            let mut draft = DnsDraft::default();
            if let Some(word) = first {
                let name = word.text.parse::<DnsName>();
                if let Err(problem) = &name {
                    walk.bad(word, &format!("a domain name ({problem})"), UNWATCHED);
                }
                draft.name = Some(name.ok()?);
            }
            if let Some(word) = second {
                draft.kind = Some(walk.choice(word, &DnsType::ALL, UNWATCHED)?);
            }
            CallKind::Dns(draft)
        }
        _ => {
            let mut draft = UdpDraft::default();
            if let Some(word) = first {
                draft.payload = hex::bytes(std::iter::once(word.text));
                if draft.payload.is_none() {
                    walk.bad(word, hex::BYTES, UNWATCHED);
                    return None;
                }
            }
            if let Some(word) = second {
                draft.reply = hex::pattern(std::iter::once(word.text));
                if draft.reply.is_none() {
                    walk.bad(word, hex::PATTERN, UNWATCHED);
                    return None;
                }
            }
            CallKind::Udp(draft)
        }
    };
    Some(ProbeTarget::Other(address, kind))
}
