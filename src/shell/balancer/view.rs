//! The balancer's part of the snapshot: what is configured and known, beside what the kernel shows at this moment.

use std::collections::{BTreeMap, HashSet};
use std::time::Instant;

use ipvs_sys::{DestinationEntry, Info, ServiceEntry};

use super::kernel::{Rows, Unread};
use super::translate;
use crate::api::{BalancerView, CheckView, CountersView, KernelView, ServerHealth, ServerView, ServiceView};
use crate::balance::{Balancer, Health, KernelState, ServerStatus, Subject};
use crate::check::{Outcome, Verdict};
use crate::model::{CheckKind, Config, Forwarding, Scheduler, SchedulerFlags, ServerKey, ServiceConfig, ServiceKey};

type Found<'a> = BTreeMap<ServiceKey, (&'a ServiceEntry, &'a [DestinationEntry])>;

/// Everything at once. `rows` is `None` where the kernel is not needed.
pub(super) fn view(
    balancer: &Balancer,
    rows: Option<Result<&Rows, &Unread>>,
    info: Option<Info>,
    now: Instant,
) -> BalancerView {
    let mut found = Found::new();
    let mut odd = Vec::new();
    for (entry, servers) in rows.and_then(Result::ok).into_iter().flat_map(|rows| &rows.services) {
        match translate::service_key(&entry.id) {
            Some(key) => {
                found.insert(key, (entry, servers.as_slice()));
            }
            None => odd.push((entry, servers.as_slice())),
        }
    }
    let config: &Config = balancer.config();
    let mut services: Vec<_> = config
        .services
        .iter()
        .enumerate()
        .map(|(place, service)| configured(balancer, place, service, found.remove(&service.key), now))
        .collect();
    let foreign: Vec<_> = found
        .into_iter()
        .map(|(key, (entry, servers))| not_configured(entry, servers, balancer.ledger().has_service(key)))
        .chain(odd.into_iter().map(|(entry, servers)| not_configured(entry, servers, false)))
        .collect();
    let foreign_services = foreign.iter().filter(|service| !service.ours).count();
    services.extend(foreign);
    let counts = balancer.counts();
    BalancerView {
        kernel: kernel(balancer, rows, info),
        services,
        foreign_services: u32::try_from(foreign_services).unwrap_or(u32::MAX),
        steps_applied: counts.steps,
        steps_failed: counts.refused,
        drift_repairs: counts.repairs,
    }
}

fn kernel(balancer: &Balancer, rows: Option<Result<&Rows, &Unread>>, info: Option<Info>) -> KernelView {
    let away = match balancer.kernel_state() {
        KernelState::Away(reason) => Some(reason.to_owned()),
        KernelState::Unneeded | KernelState::Available => None,
    };
    let timeouts = || balancer.problem(Subject::Timeouts).map(|problem| format!("timeouts: {problem}"));
    let problem = match rows {
        Some(Err(unread)) => Some(unread.reason.clone()),
        Some(Ok(_)) => timeouts(),
        None => away,
    };
    KernelView {
        available: matches!(rows, Some(Ok(_))),
        version: info.map(|info| info.version.to_string()),
        connection_table_size: info.map(|info| info.connection_table_size),
        problem,
    }
}

fn configured(
    balancer: &Balancer,
    place: usize,
    service: &ServiceConfig,
    found: Option<(&ServiceEntry, &[DestinationEntry])>,
    now: Instant,
) -> ServiceView {
    let rows: BTreeMap<ServerKey, &DestinationEntry> = found
        .map(|(_, servers)| servers)
        .unwrap_or_default()
        .iter()
        .map(|row| (translate::server_key(row.id), row))
        .collect();
    let statuses = balancer.servers(place);
    let known: HashSet<_> = statuses.iter().map(|status| status.config.key).collect();
    let mut servers: Vec<_> = statuses
        .iter()
        .map(|status| {
            let problem = balancer.problem(Subject::Server(service.key, status.config.key));
            server(status, rows.get(&status.config.key).copied(), problem, now)
        })
        .collect();
    servers.extend(rows.iter().filter(|(key, _)| !known.contains(*key)).map(|(_, row)| foreign_server(row)));
    let persistence = service.settings.persistence.as_ref();
    ServiceView {
        scheduler: service.settings.scheduler.name().to_owned(),
        flags: flags(Some(service.settings.scheduler), service.settings.flags),
        persistence_secs: persistence.map(|persistence| persistence.timeout_secs.get()),
        persistence_prefix: persistence
            .map(|persistence| persistence.prefix_len)
            .filter(|length| *length != whole(service.key)),
        persistence_engine: persistence.and_then(|persistence| persistence.engine.clone()),
        present: found.is_some(),
        problem: balancer.problem(Subject::Service(service.key)).map(str::to_owned),
        counters: found.map(|(entry, _)| counters(&entry.statistics)),
        servers,
        ..blank(&translate::service_id(service.key))
    }
}

/// A service that the kernel has and the configuration has not.
fn not_configured(entry: &ServiceEntry, servers: &[DestinationEntry], ours: bool) -> ServiceView {
    use ipvs_sys::ServiceFlags as F;
    let has = |flag| entry.settings.flags.contains(flag);
    let scheduler = entry.settings.scheduler.as_str();
    let bits = SchedulerFlags {
        one_packet: has(F::ONE_PACKET),
        flag_1: has(F::SCHED1),
        flag_2: has(F::SCHED2),
        flag_3: has(F::SCHED3),
    };
    let persistent = has(F::PERSISTENT);
    let prefix = translate::prefix_len(entry.settings.netmask).filter(|_| persistent);
    let host = match entry.id.family() {
        ipvs_sys::Family::V4 => 32,
        ipvs_sys::Family::V6 => 128,
    };
    ServiceView {
        scheduler: scheduler.to_owned(),
        flags: flags(scheduler.parse().ok(), bits),
        persistence_secs: persistent.then_some(entry.settings.timeout_secs),
        persistence_prefix: prefix.filter(|length| *length != host),
        persistence_engine: entry.settings.persistence_engine.as_ref().map(|engine| engine.as_str().to_owned()),
        ours,
        present: true,
        counters: Some(counters(&entry.statistics)),
        servers: servers.iter().map(foreign_server).collect(),
        ..blank(&entry.id)
    }
}

/// Names of a service, nothing else filled in.
fn blank(id: &ipvs_sys::ServiceId) -> ServiceView {
    let (protocol, address, port) = match id {
        ipvs_sys::ServiceId::Address { protocol, address, port } => {
            let protocol = match protocol {
                ipvs_sys::Protocol::Tcp => "tcp".to_owned(),
                ipvs_sys::Protocol::Udp => "udp".to_owned(),
                ipvs_sys::Protocol::Sctp => "sctp".to_owned(),
                ipvs_sys::Protocol::Other(number) => number.to_string(),
            };
            (protocol, address.to_string(), *port)
        }
        ipvs_sys::ServiceId::Fwmark { mark, .. } => ("fwmark".to_owned(), mark.to_string(), 0),
    };
    ServiceView {
        protocol,
        address,
        port,
        ipv6: id.family() == ipvs_sys::Family::V6,
        scheduler: String::new(),
        flags: Vec::new(),
        persistence_secs: None,
        persistence_prefix: None,
        persistence_engine: None,
        ours: true,
        present: false,
        problem: None,
        counters: None,
        servers: Vec::new(),
    }
}

fn whole(service: ServiceKey) -> u8 {
    match service.family() {
        crate::model::Family::V4 => 32,
        crate::model::Family::V6 => 128,
    }
}

/// As ipvsadm writes them: the scheduler's own bits have names with `sh` and `mh`, and numbers with others.
fn flags(scheduler: Option<Scheduler>, flags: SchedulerFlags) -> Vec<String> {
    let names = match scheduler {
        Some(Scheduler::SourceHash) => ["sh-fallback", "sh-port", "flag-3"],
        Some(Scheduler::MaglevHash) => ["mh-fallback", "mh-port", "flag-3"],
        Some(_) | None => ["flag-1", "flag-2", "flag-3"],
    };
    let [first, second, third] = names;
    let SchedulerFlags { one_packet, flag_1, flag_2, flag_3 } = flags;
    [(flag_1, first), (flag_2, second), (flag_3, third), (one_packet, "ops")]
        .into_iter()
        .filter(|(set, _)| *set)
        .map(|(_, name)| name.to_owned())
        .collect()
}

fn counters(statistics: &ipvs_sys::Statistics) -> CountersView {
    let counters = &statistics.counters;
    CountersView {
        connections: counters.connections,
        packets_in: counters.incoming_packets,
        packets_out: counters.outgoing_packets,
        bytes_in: counters.incoming_bytes,
        bytes_out: counters.outgoing_bytes,
    }
}

fn server(
    status: &ServerStatus<'_>,
    row: Option<&DestinationEntry>,
    problem: Option<&str>,
    now: Instant,
) -> ServerView {
    let config = status.config;
    let health = match status.health {
        Health::Up => ServerHealth::Up,
        Health::Down => ServerHealth::Down,
        Health::Unknown => ServerHealth::Unknown,
        Health::Unchecked => ServerHealth::Unchecked,
    };
    let out = status.health == Health::Down && config.inhibit_on_failure;
    let wished = if out { 0 } else { config.settings.weight.value() };
    ServerView {
        address: config.key.address.to_string(),
        port: config.key.port,
        forwarding: row.map_or_else(|| forwarding(config.settings.forwarding), |row| found_forwarding(row).to_owned()),
        weight: row.map_or(wished, |row| row.settings.weight),
        present: row.is_some(),
        health,
        reason: status.reason(),
        since_secs: now.saturating_duration_since(status.since).as_secs_f64(),
        checks: status.checks.iter().map(check).collect(),
        problem: problem.map(str::to_owned),
        active_connections: row.map_or(0, |row| row.active_connections),
        inactive_connections: row.map_or(0, |row| row.inactive_connections),
        counters: row.map(|row| counters(&row.statistics)),
    }
}

fn foreign_server(row: &DestinationEntry) -> ServerView {
    ServerView {
        address: row.id.address.to_string(),
        port: row.id.port,
        forwarding: found_forwarding(row).to_owned(),
        weight: row.settings.weight,
        present: true,
        health: ServerHealth::Foreign,
        reason: "not in the configuration".to_owned(),
        since_secs: 0.0,
        checks: Vec::new(),
        problem: None,
        active_connections: row.active_connections,
        inactive_connections: row.inactive_connections,
        counters: Some(counters(&row.statistics)),
    }
}

fn check(status: &crate::balance::CheckStatus<'_>) -> CheckView {
    let CheckKind::Tcp(connect) = &status.config.kind;
    let machine = status.machine;
    let (runs, failures, not_tried) = machine.counts();
    CheckView {
        what: format!("TCP {}", connect.target),
        ok: machine.verdict().map(|verdict| verdict == Verdict::Up),
        reason: machine.last().map_or_else(|| "not checked yet".to_owned(), |outcome: Outcome| outcome.to_string()),
        runs,
        failures,
        not_tried,
        last_millis: machine.last_took().map(|took| took.as_secs_f64() * 1000.0),
    }
}

/// As ipvsadm writes it.
fn forwarding(forwarding: Forwarding) -> String {
    match forwarding {
        Forwarding::Masquerade => "Masq",
        Forwarding::Direct => "Route",
        Forwarding::Tunnel(_) => "Tunnel",
        Forwarding::Local => "Local",
        Forwarding::Bypass => "Bypass",
    }
    .to_owned()
}

fn found_forwarding(row: &DestinationEntry) -> &'static str {
    match row.settings.forwarding {
        ipvs_sys::Forwarding::Masquerade => "Masq",
        ipvs_sys::Forwarding::DirectRoute => "Route",
        ipvs_sys::Forwarding::Tunnel(_) => "Tunnel",
        ipvs_sys::Forwarding::Local => "Local",
        ipvs_sys::Forwarding::Bypass => "Bypass",
        ipvs_sys::Forwarding::Other(_) => "Unknown",
    }
}
