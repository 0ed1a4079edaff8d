//! `check = ...` of services and servers.

use std::collections::HashMap;
use std::time::Duration;

use super::Writer;
use super::text::{Table, endpoint, list, time};
use crate::config::resolve::check::{INTERVAL, TIMEOUT, patience};
use crate::model::{Check, CheckKind, Connect, ServerConfig, ServerKey};

impl Writer<'_> {
    /// The checks of a server: a table, or a list of tables. What is left out is taken from `outer`.
    pub(super) fn checks(&mut self, server: &ServerConfig, outer: Option<&Check>) -> String {
        let mut checks = server.checks.iter().map(|check| self.check(check, server.key, outer)).collect::<Vec<_>>();
        if checks.len() == 1 { checks.pop().unwrap_or_default() } else { list(checks) }
    }

    fn check(&mut self, check: &Check, server: ServerKey, outer: Option<&Check>) -> String {
        let timeout = Some(check.timeout).filter(|own| *own != outer.map_or(TIMEOUT, |outer| outer.timeout));
        let (key, kind) = match &check.kind {
            CheckKind::Tcp(connect) => ("tcp", call(connect, server, timeout)),
            CheckKind::Http(probe) => {
                self.unsaid.push(format!("a server is checked by {}", check.kind));
                ("tcp", call(&probe.connect, server, timeout))
            }
        };
        let mut table = Table::default();
        table.set(key, kind.inline());
        table.time("interval", check.interval, outer.map_or(INTERVAL, |outer| outer.interval));
        let (retry, between) = usual_patience(check, outer);
        table.number_if("retry", Some(check.retry).filter(|own| *own != retry));
        table.time("retry-interval", check.retry_interval, between);
        if check.warmup != outer.and_then(|outer| outer.warmup)
            && let Some(warmup) = check.warmup
        {
            table.set("warmup", time(warmup));
        }
        table.number_if("rise", Some(check.rise()).filter(|rise| *rise != outer.map_or(1, Check::rise)));
        // Where its service says nothing of it, a server that is down is checked as often as one that is up.
        let said = outer.filter(|outer| outer.down_interval() != outer.interval);
        table.time("interval-down", check.down_interval(), said.map_or(check.interval, Check::down_interval));
        let jitter = outer.map_or(0, Check::jitter_percent);
        table.number_if("jitter", Some(check.jitter_percent()).filter(|own| *own != jitter));
        table.inline()
    }
}

/// What holds where a check says nothing of retries: what the outer one says, else what is usual for its kind.
fn usual_patience(check: &Check, outer: Option<&Check>) -> (u32, Duration) {
    let usual = patience(&check.kind, check.interval);
    let Some(outer) = outer else { return usual };
    let unsaid = patience(&outer.kind, outer.interval);
    let retry = if outer.retry == unsaid.0 { usual.0 } else { outer.retry };
    let retry_interval = if outer.retry_interval == unsaid.1 { usual.1 } else { outer.retry_interval };
    (retry, retry_interval)
}

/// Whom a check calls, as far as it is not its server, and for how long.
fn call(connect: &Connect, server: ServerKey, timeout: Option<Duration>) -> Table {
    let mut table = Table::default();
    if connect.target.ip() != server.address {
        table.text("address", &connect.target.ip().to_string());
    }
    table.number_if("port", Some(connect.target.port()).filter(|port| *port != server.port));
    if let Some(timeout) = timeout {
        table.set("timeout", time(timeout));
    }
    match (connect.source_address, connect.source_port) {
        (Some(source), Some(port)) => table.set("source", endpoint(source, port)),
        (Some(source), None) => table.text("source", &source.to_string()),
        (None, port) => table.number_if("source-port", port),
    }
    table.text_if("interface", connect.interface.as_ref());
    table.number_if("mark", connect.mark);
    table
}

/// A check that servers may take what they leave out from: the only one of its service.
pub(super) fn only(server: &ServerConfig) -> Option<&Check> {
    match server.checks.as_slice() {
        [only] => Some(only),
        [] | [_, ..] => None,
    }
}

/// A check as it looks from its server: what it calls, if not the server itself, and everything else.
fn seen(check: &Check, server: ServerKey) -> Check {
    let mut check = check.clone();
    if let Some(Connect { target, .. }) = check.kind.connect_mut() {
        if target.ip() == server.address {
            target.set_ip(std::net::Ipv4Addr::UNSPECIFIED.into());
        }
        if target.port() == server.port {
            target.set_port(0);
        }
    }
    check
}

pub(super) fn alike(one: &ServerConfig, other: &ServerConfig) -> bool {
    one.checks.len() == other.checks.len()
        && one.checks.iter().zip(&other.checks).all(|(a, b)| seen(a, one.key) == seen(b, other.key))
}

/// The checks that most servers have, as those of the first that has them; none if most have none, or if others could not be
/// told from them.
pub(super) fn usual_checks(servers: &[ServerConfig]) -> Option<&ServerConfig> {
    let mut counts: HashMap<Vec<Check>, (usize, &ServerConfig)> = HashMap::new();
    let mut most: Option<(usize, &ServerConfig)> = None;
    for server in servers {
        let looks = server.checks.iter().map(|check| seen(check, server.key)).collect();
        let (count, first) = counts.entry(looks).or_insert((0, server));
        *count += 1;
        if most.is_none_or(|(best, _)| *count > best) {
            most = Some((*count, *first));
        }
    }
    let (_, usual) = most.filter(|(_, usual)| !usual.checks.is_empty())?;
    // A server that does not warm up cannot say so where its service does.
    let warm = only(usual).is_some_and(|check| check.warmup.is_some());
    let colder = |server: &ServerConfig| server.checks.iter().any(|check| check.warmup.is_none());
    (!warm || !servers.iter().any(colder)).then_some(usual)
}
