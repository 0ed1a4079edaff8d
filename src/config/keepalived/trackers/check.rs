//! `vrrp_track_check`, which keepalived does not have: a health check in place of a script.

use crate::config::draft::{Definition, Field, ProbeDraft, ProbeTarget, TlsDraft, TrackKind};
use crate::config::keepalived::tree::{Statement, Value};
use crate::config::keepalived::values::{IGNORED, Instead};
use crate::config::keepalived::walk::Walk;
use crate::config::url;

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
            // As a `real_server` is written: address and port parted by a blank.
            let text = match statement.word(2) {
                Some(port) if value.text.contains(':') => format!("[{}]:{}", value.text, port.text),
                Some(port) => format!("{}:{}", value.text, port.text),
                None => value.text.to_owned(),
            };
            let target = url::endpoint(&text);
            if target.is_none() {
                walk.bad(value, "an address and a port, such as `tcp 127.0.0.1 8080`", UNWATCHED);
            }
            draft.target = Field::from(target.map(ProbeTarget::Tcp), at);
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
