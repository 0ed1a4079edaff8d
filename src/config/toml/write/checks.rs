//! `check = ...` of services and servers.

use std::collections::HashMap;
use std::time::Duration;

use super::text::{Table, command, endpoint, list, run_as, time};
use super::{Difference, Writer};
use crate::config::Language;
use crate::config::resolve::check::{INTERVAL, TIMEOUT, patience};
use crate::model::{
    BytePattern, Check, CheckKind, Connect, DnsName, DnsProbe, DnsType, FileProbe, OnMissing, PathProbe, ScriptProbe,
    ServerConfig, ServerKey, SmtpProbe, UdpProbe,
};

impl Writer<'_> {
    /// The checks of a server: a table, or a list of tables. What is left out is taken from `outer`.
    pub(super) fn checks(&mut self, server: &ServerConfig, outer: Option<&Check>) -> String {
        let mut checks = written(&server.checks).map(|check| self.check(check, server.key, outer)).collect::<Vec<_>>();
        if checks.len() == 1 { checks.pop().unwrap_or_default() } else { list(checks) }
    }

    fn check(&mut self, check: &Check, server: ServerKey, outer: Option<&Check>) -> String {
        // A script's own timeout is nobody else's.
        let usual = outer.filter(|outer| has_timeout(&outer.kind)).map_or(TIMEOUT, |outer| outer.timeout);
        let timeout = Some(check.timeout).filter(|own| *own != usual);
        let (key, kind) = match &check.kind {
            CheckKind::Tcp(connect) => ("tcp", call(connect, server, timeout)),
            CheckKind::Smtp(probe) => ("smtp", smtp(probe, call(&probe.connect, server, timeout))),
            CheckKind::Dns(probe) => ("dns", dns(probe, call(&probe.connect, server, timeout))),
            CheckKind::Udp(probe) => ("udp", udp(probe, call(&probe.connect, server, timeout))),
            CheckKind::Ping(connect) => ("ping", call(connect, ServerKey { port: 0, ..server }, timeout)),
            CheckKind::Path(probe) => ("path", path(probe, timeout)),
            CheckKind::Http(probe) => {
                let mut table = call(&probe.connect, server, timeout);
                super::http::http(&mut table, probe);
                ("http", table)
            }
            CheckKind::Script(probe) => ("script", self.script_check(probe, check)),
            CheckKind::File(probe) => {
                let mut table = Table::default();
                table.set("file", file_check(probe).inline());
                return table.inline();
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
        let said = outer.and_then(|outer| outer.tells_failures);
        table.number_if("log-failures", check.tells_failures.filter(|own| Some(*own) != said));
        table.inline()
    }

    fn script_check(&mut self, probe: &ScriptProbe, check: &Check) -> Table {
        let mut table = Table::default();
        table.set("command", command(&probe.command));
        table.time("timeout", check.timeout, check.interval);
        table.flag("dynamic", probe.dynamic, false);
        if let Some(user) = &probe.user {
            table.set("user", run_as(user));
        }
        match probe.on_missing {
            OnMissing::Fail => {}
            OnMissing::Disable => {
                table.text("on-missing", "disable");
                if self.language == Language::Keepalived {
                    self.differences.insert(Difference::OnMissing);
                }
            }
        }
        table
    }
}

/// Its weight is written in any case: that of the file's definition may become another here.
fn file_check(probe: &FileProbe) -> Table {
    let mut table = Table::default();
    table.text("name", &probe.file);
    table.number("weight", probe.weight);
    table.flag("reverse", probe.reverse, false);
    table
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

fn path(probe: &PathProbe, timeout: Option<Duration>) -> Table {
    let mut table = Table::default();
    if let Some(timeout) = timeout {
        table.set("timeout", time(timeout));
    }
    table.text_if("source", probe.source_address.map(|source| source.to_string()).as_ref());
    table
}

pub(super) fn smtp(probe: &SmtpProbe, mut table: Table) -> Table {
    table.text_if("helo", probe.helo.as_ref());
    table
}

pub(super) fn dns(probe: &DnsProbe, mut table: Table) -> Table {
    if probe.name != DnsName::default() {
        table.text("name", &probe.name.to_string());
    }
    if probe.kind != DnsType::default() {
        table.text("type", &probe.kind.to_string());
    }
    table
}

pub(super) fn udp(probe: &UdpProbe, mut table: Table) -> Table {
    if let Some(payload) = &probe.payload {
        table.text("payload", &payload.iter().map(|byte| format!("{byte:02x}")).collect::<String>());
    }
    if let Some(reply) = &probe.reply {
        match reply.pattern.as_slice() {
            [] => table.number("reply", true),
            pattern => table.text("reply", &pattern.iter().map(BytePattern::to_string).collect::<String>()),
        }
        let whole = u16::try_from(reply.pattern.len()).unwrap_or(u16::MAX);
        table.number_if("min-length", Some(reply.shortest).filter(|shortest| *shortest != whole));
        table.number_if("max-length", Some(reply.longest).filter(|longest| *longest != u16::MAX));
    }
    table
}

/// The checks as they are to be written: of those that one check of a path became, one for each address, the first.
fn written(checks: &[Check]) -> impl Iterator<Item = &Check> {
    let again = |at: usize, check| checks.iter().take(at).any(|before| one_path(before, check));
    checks.iter().enumerate().filter(move |(at, check)| !again(*at, check)).map(|(_, check)| check)
}

/// Two checks of paths are one in the file.
fn one_path(one: &Check, other: &Check) -> bool {
    let (CheckKind::Path(a), CheckKind::Path(b)) = (&one.kind, &other.kind) else { return false };
    a.source_address == b.source_address && Check { kind: one.kind.clone(), ..other.clone() } == *one
}

fn has_timeout(kind: &CheckKind) -> bool {
    kind.connect().is_some() || matches!(kind, CheckKind::Path(_))
}

/// A check that servers may take what they leave out from: the only one of its service.
pub(super) fn only(server: &ServerConfig) -> Option<&Check> {
    let mut checks = written(&server.checks);
    checks.next().filter(|_| checks.next().is_none())
}

/// A check as it looks from its server: what it calls, if not the server itself, and everything else.
fn seen(check: &Check, server: ServerKey) -> Check {
    let mut check = check.clone();
    if let CheckKind::Path(probe) = &mut check.kind {
        // Whom it calls, and how, the service and the server say.
        let of_all = ServerKey { address: std::net::Ipv4Addr::UNSPECIFIED.into(), port: 0 };
        **probe = PathProbe::unset(of_all, probe.source_address);
    }
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
    // Nor can one that leaves it to the whole file what is logged.
    let told = only(usual).is_some_and(|check| check.tells_failures.is_some());
    let silent = |server: &ServerConfig| server.checks.iter().any(|check| check.tells_failures.is_none());
    (!(warm && servers.iter().any(colder) || told && servers.iter().any(silent))).then_some(usual)
}
