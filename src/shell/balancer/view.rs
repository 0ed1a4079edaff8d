//! The balancer's part of the snapshot: what is configured and known, beside what the kernel shows at this moment.

use std::collections::{BTreeMap, HashSet};
use std::time::{Duration, Instant};

use ipvs_sys::{DestinationEntry, Info, ServiceEntry, SyncDaemon};

use super::kernel::Unread;
use super::timings::Timings;
use super::translate;
use crate::api::{
    BalancerView, CheckView, HoldState, HoldView, KernelView, QuorumView, ServerHealth, ServerView, ServiceView,
    SyncDaemonView,
};
use crate::balance::{
    Balancer, Departure, Drain, Health, Hold, KernelState, Load, Quorum, ServerStatus, ServiceStatus, Subject,
    SyncDaemons, SyncRole, SyncSettings,
};
use crate::check::{Outcome, Verdict};
use crate::model::{Forwarding, Scheduler, SchedulerFlags, ServerConfig, ServerKey, ServiceConfig, ServiceKey, Weight};
use crate::shell::kernel_view;

/// A service of the kernel's listing with its servers, all numbered by their place in it.
#[derive(Clone, Copy)]
pub(super) struct Found<'a> {
    pub(super) position: u32,
    pub(super) entry: &'a ServiceEntry,
    pub(super) servers: &'a [DestinationEntry],
}

/// What the loop itself knows.
#[derive(Debug, Default)]
pub(super) struct LoopState {
    /// The table was programmed once.
    pub(super) ready: bool,
    /// Steps of the last batch, and the milliseconds that it took.
    pub(super) last_apply: Option<(u64, f64)>,
    /// By how much probes began later than they were due.
    pub(super) lateness: Timings,
    /// From a verdict to the kernel's acknowledgement.
    pub(super) verdict_to_kernel: Timings,
}

/// When the view is taken, and what holds then.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moment {
    pub(super) now: Instant,
    /// Clients that persistence binds to a server come back to it though its weight is 0.
    pub(super) clients_return: bool,
    /// How often connections are counted while a server is being emptied.
    pub(super) counted: Duration,
}

/// All but the services and what the kernel shows at this moment.
pub(super) fn brief(balancer: &Balancer, state: &LoopState, info: Option<Info>) -> BalancerView {
    let counts = balancer.counts();
    BalancerView {
        ready: state.ready,
        kernel: KernelView {
            available: info.is_some() && matches!(balancer.kernel_state(), KernelState::Available),
            ..kernel(balancer, None, info)
        },
        steps_applied: counts.steps,
        steps_failed: counts.refused,
        last_apply_steps: state.last_apply.map(|(steps, _)| steps),
        last_apply_millis: state.last_apply.map(|(_, millis)| millis),
        drift_repairs: counts.repairs,
        held_checks: balancer.held().map_or(0, |held| u64::try_from(held).unwrap_or(u64::MAX)),
        probe_lateness: state.lateness.view(),
        verdict_to_kernel: state.verdict_to_kernel.view(),
        ..BalancerView::default()
    }
}

/// How we stand with the kernel. `read`: whether its table was; `None`: nobody has tried.
pub(super) fn kernel(balancer: &Balancer, read: Option<Result<(), &Unread>>, info: Option<Info>) -> KernelView {
    let away = match balancer.kernel_state() {
        KernelState::Away(reason) => Some(reason.to_owned()),
        KernelState::Unneeded | KernelState::Available => None,
    };
    let timeouts = || balancer.problem(Subject::Timeouts).map(|problem| format!("timeouts: {problem}"));
    let problem = match read {
        Some(Err(unread)) => Some(unread.reason.clone()),
        Some(Ok(())) => timeouts(),
        None => away,
    };
    KernelView {
        available: matches!(read, Some(Ok(()))),
        version: info.map(|info| info.version.to_string()),
        connection_table_size: info.map(|info| info.connection_table_size),
        problem,
    }
}

/// Daemons that run, and those that should.
pub(super) fn sync_daemons(balancer: &Balancer, rows: &[SyncDaemon]) -> Vec<SyncDaemonView> {
    let found = translate::found_daemons(rows);
    let wish = balancer.wished_daemons();
    let view = |role| sync_daemon(balancer, role, rows, &found, wish.as_ref());
    SyncRole::ALL.into_iter().filter_map(view).collect()
}

fn sync_daemon(
    balancer: &Balancer,
    role: SyncRole,
    rows: &[SyncDaemon],
    found: &SyncDaemons,
    wish: Option<&SyncDaemons>,
) -> Option<SyncDaemonView> {
    let row = rows.iter().find(|row| translate::found_role(row.role) == role);
    let wished = wish.and_then(|wish| wish.of(role));
    let met = wished.zip(found.of(role)).is_some_and(|(wish, found)| wish.is_met_by(role, found));
    let shown = match (row, wished) {
        (Some(row), _) => kernel_view::sync_daemon(row),
        (None, Some(wish)) => wished_daemon(role, wish),
        (None, None) => return None,
    };
    let ours = !shown.present || balancer.ledger().has_daemon(role);
    let in_the_way = "runs for somebody else, with other settings, and ours waits for its end";
    let problem = balancer.problem(Subject::Daemon(role)).map(str::to_owned);
    let problem = problem.or_else(|| (!ours && wished.is_some() && !met).then(|| in_the_way.to_owned()));
    Some(SyncDaemonView { ours, problem, ..shown })
}

/// A daemon that does not run, as it would.
fn wished_daemon(role: SyncRole, wish: &SyncSettings) -> SyncDaemonView {
    let SyncSettings { interface, id, max_len, port, ttl, group } = wish;
    SyncDaemonView {
        role: role.to_string(),
        interface: interface.clone(),
        id: *id,
        max_length: *max_len,
        port: *port,
        ttl: *ttl,
        group: group.map(|group| group.to_string()),
        ours: true,
        present: false,
        problem: None,
    }
}

/// A service of the configuration: as the kernel has it where it has it, else as it would be.
pub(super) fn configured(
    balancer: &Balancer,
    (place, service, key): (usize, &ServiceConfig, ServiceKey),
    found: Option<Found<'_>>,
    moment: Moment,
) -> ServiceView {
    let rows: BTreeMap<ServerKey, (u32, &DestinationEntry)> = found
        .map(|found| found.servers)
        .unwrap_or_default()
        .iter()
        .zip(0..)
        .map(|(row, position)| (translate::server_key(row.id), (position, row)))
        .collect();
    let statuses = balancer.servers(place);
    let entries = || statuses.iter().filter_map(|status| Some((service.entry(key, status.config)?, status)));
    let mut known: HashSet<_> = entries().map(|(entry, _)| entry).collect();
    let standing = balancer.service(place);
    let mut servers: Vec<_> = entries()
        .map(|(entry, status)| {
            let problem = balancer.problem(Subject::Server(key, entry));
            server(status, entry, rows.get(&entry).copied(), problem, standing, moment)
        })
        .collect();
    let sorry = service.rules.sorry.as_deref().and_then(|sorry| Some((service.entry(key, sorry)?, sorry)));
    if let Some((entry, config)) = sorry
        && known.insert(entry)
    {
        let problem = balancer.problem(Subject::Server(key, entry));
        servers.push(sorry_server(config, entry, rows.get(&entry).copied(), problem, standing, moment.now));
    }
    let others = rows.iter().filter(|(key, _)| !known.contains(*key));
    servers.extend(others.map(|(_, (position, row))| kernel_view::server(row, *position)));
    let shown = found.map_or_else(|| wished(service, key), |found| kernel_view::service(found.entry, found.position));
    ServiceView {
        ours: true,
        group: service.group_name().map(str::to_owned),
        problem: balancer.problem(Subject::Service(key)).map(str::to_owned),
        quorum: standing.map(|standing| quorum(service, standing, moment.now)),
        resting: standing.is_some_and(|standing| standing.resting),
        servers,
        ..shown
    }
}

fn quorum(service: &ServiceConfig, standing: ServiceStatus, now: Instant) -> QuorumView {
    let sorry = service.rules.sorry.as_ref().filter(|_| standing.sorry);
    QuorumView {
        lost: standing.quorum == Quorum::Lost,
        since_secs: now.saturating_duration_since(standing.since).as_secs_f64(),
        needed: service.quorum,
        hysteresis: service.rules.hysteresis,
        sorry_server: sorry.map(|sorry| sorry.key.to_string()),
    }
}

/// A service that the kernel has and the configuration has not, but with a name in our words.
pub(super) fn of_others(balancer: &Balancer, key: ServiceKey, found: Found<'_>, moment: Moment) -> ServiceView {
    ServiceView {
        path_check: balancer.is_path(key),
        problem: balancer.problem(Subject::Service(key)).map(str::to_owned),
        ..leaving(balancer, key, not_configured(found, balancer.ledger().has_service(key)), moment)
    }
}

/// A service that the kernel has and the configuration has not.
pub(super) fn not_configured(found: Found<'_>, ours: bool) -> ServiceView {
    let servers = found.servers.iter().zip(0..).map(|(row, position)| kernel_view::server(row, position)).collect();
    ServiceView { ours, servers, ..kernel_view::service(found.entry, found.position) }
}

/// A service that the kernel has not, as the configuration has it.
fn wished(service: &ServiceConfig, key: ServiceKey) -> ServiceView {
    let (protocol, address, port) = match key {
        ServiceKey::Address { protocol, address, port } => (protocol.to_string(), address.to_string(), port),
        ServiceKey::Fwmark { mark, .. } => ("fwmark".to_owned(), mark.to_string(), 0),
    };
    let settings = service.settings_of(key);
    let persistence = settings.persistence.as_ref();
    ServiceView {
        group: None,
        protocol,
        address,
        port,
        ipv6: key.family() == crate::model::Family::V6,
        scheduler: service.settings.scheduler.name().to_owned(),
        flags: flags(service.settings.scheduler, service.settings.flags),
        persistence_secs: persistence.map(|persistence| persistence.timeout_secs.get()),
        persistence_prefix: persistence
            .map(|persistence| persistence.prefix_len)
            .filter(|length| *length != key.family().bits()),
        persistence_mask: None,
        persistence_engine: persistence.and_then(|persistence| persistence.engine.clone()),
        ours: true,
        path_check: false,
        present: false,
        kernel_position: None,
        problem: None,
        quorum: None,
        resting: false,
        counters: None,
        servers: Vec::new(),
    }
}

/// As ipvsadm writes them.
fn flags(scheduler: Scheduler, flags: SchedulerFlags) -> Vec<String> {
    let [first, second, third] = scheduler.flag_names();
    let SchedulerFlags { one_packet, flag_1, flag_2, flag_3 } = flags;
    [(flag_1, first), (flag_2, second), (flag_3, third), (one_packet, "ops")]
        .into_iter()
        .filter(|(set, _)| *set)
        .map(|(_, name)| name.to_owned())
        .collect()
}

fn server(
    status: &ServerStatus<'_>,
    entry: ServerKey,
    row: Option<(u32, &DestinationEntry)>,
    problem: Option<&str>,
    standing: Option<ServiceStatus>,
    moment: Moment,
) -> ServerView {
    let shown = row.map_or_else(|| absent(status, entry), |(position, row)| kernel_view::server(row, position));
    let reason = match (status.health, standing) {
        (Health::Up | Health::Unchecked, Some(ServiceStatus { sorry: true, .. })) => {
            format!("{}; no new connections, since the quorum is lost", status.reason())
        }
        (Health::Unknown, Some(ServiceStatus { resting: true, .. })) => {
            "not checked while the service's address is elsewhere".to_owned()
        }
        (Health::Up | Health::Down | Health::Unknown | Health::Unchecked, _) => status.reason(),
    };
    ServerView {
        health: match status.health {
            Health::Up => ServerHealth::Up,
            Health::Down => ServerHealth::Down,
            Health::Unknown => ServerHealth::Unknown,
            Health::Unchecked => ServerHealth::Unchecked,
        },
        configured_weight: Some(status.config.settings.weight.value()),
        reason,
        since_secs: moment.now.saturating_duration_since(status.since).as_secs_f64(),
        hold: status.wish.and_then(|wish| wish.hold).map(|hold| held(hold, row.map(|(_, row)| row), moment)),
        operator_weight: status.wish.and_then(|wish| wish.weight).map(Weight::value),
        slow_start_secs: status.rises_until.map(|until| until.saturating_duration_since(moment.now).as_secs_f64()),
        checks: status.checks.iter().map(check).collect(),
        problem: problem.map(str::to_owned).or_else(|| status.flaw().map(|flaw| flaw.to_string())),
        ..shown
    }
}

/// What the operator's wish comes to, with what the kernel shows at this moment.
fn held(hold: Hold, row: Option<&DestinationEntry>, moment: Moment) -> HoldView {
    let out = |state| HoldView { state, connections: None, clients: None, deadline_secs: None, counted_secs: None };
    match hold {
        Hold::Drained => out(HoldState::Drained),
        Hold::Disabled => out(HoldState::Disabled),
        Hold::Draining(drain) => {
            let connections = row.map(|row| u64::from(row.active_connections) + u64::from(row.inactive_connections));
            let clients = row.filter(|_| moment.clients_return).map(|row| u64::from(row.persistent_connections));
            HoldView { connections, clients, ..draining(HoldState::Draining, &drain, moment) }
        }
    }
}

fn draining(state: HoldState, drain: &Drain, moment: Moment) -> HoldView {
    HoldView {
        state,
        connections: drain.left.map(Load::connections),
        clients: drain.left.map(|left| left.clients),
        deadline_secs: drain.until.map(|until| until.saturating_duration_since(moment.now).as_secs_f64()),
        counted_secs: Some(moment.counted.as_secs_f64()),
    }
}

/// A service with those of its servers marked that are configured no more, and leave.
pub(super) fn leaving(balancer: &Balancer, key: ServiceKey, mut service: ServiceView, moment: Moment) -> ServiceView {
    let may_leave = |server: &&mut ServerView| matches!(server.health, ServerHealth::Foreign | ServerHealth::Sorry);
    for server in service.servers.iter_mut().filter(may_leave) {
        let Ok(address) = server.address.parse() else { continue };
        let connections = Some(u64::from(server.active_connections) + u64::from(server.inactive_connections));
        let (hold, reason) = match balancer.leaving(key, ServerKey { address, port: server.port }) {
            None => continue,
            Some(Departure::ServesOn) => {
                let hold = HoldView {
                    state: HoldState::ServesOn,
                    connections,
                    clients: None,
                    deadline_secs: None,
                    counted_secs: None,
                };
                (hold, "configured no more; it serves on until those that are new have been checked")
            }
            Some(Departure::Drains(drain)) => {
                let reason = match server.health {
                    ServerHealth::Sorry => "the quorum holds; it goes once its connections have ended",
                    ServerHealth::Up
                    | ServerHealth::Down
                    | ServerHealth::Unknown
                    | ServerHealth::Unchecked
                    | ServerHealth::Foreign => "configured no more; it goes once its connections have ended",
                };
                (HoldView { connections, ..draining(HoldState::Leaving, &drain, moment) }, reason)
            }
        };
        server.hold = Some(hold);
        reason.clone_into(&mut server.reason);
    }
    service
}

fn sorry_server(
    config: &ServerConfig,
    entry: ServerKey,
    row: Option<(u32, &DestinationEntry)>,
    problem: Option<&str>,
    standing: Option<ServiceStatus>,
    now: Instant,
) -> ServerView {
    let in_charge = standing.is_some_and(|standing| standing.sorry);
    let (weight, reason) = if in_charge {
        (config.settings.weight, "takes new connections, since the quorum is lost")
    } else {
        (Weight::ZERO, "waits: the quorum holds")
    };
    ServerView {
        health: ServerHealth::Sorry,
        reason: reason.to_owned(),
        since_secs: standing.map_or(0.0, |standing| now.saturating_duration_since(standing.since).as_secs_f64()),
        problem: problem.map(str::to_owned),
        ..row.map_or_else(|| missing(config, entry, weight), |(position, row)| kernel_view::server(row, position))
    }
}

/// A server that the kernel has not, as it would be.
fn absent(status: &ServerStatus<'_>, entry: ServerKey) -> ServerView {
    let inhibited = status.health == Health::Down && status.config.inhibit_on_failure;
    let weight = status.weight.unwrap_or(status.config.settings.weight);
    missing(status.config, entry, if inhibited { Weight::ZERO } else { weight })
}

fn missing(config: &ServerConfig, entry: ServerKey, weight: Weight) -> ServerView {
    ServerView {
        address: entry.address.to_string(),
        port: entry.port,
        forwarding: forwarding(config.settings.forwarding).to_owned(),
        weight: weight.value(),
        configured_weight: None,
        present: false,
        kernel_position: None,
        health: ServerHealth::Unknown,
        reason: String::new(),
        since_secs: 0.0,
        checks: Vec::new(),
        hold: None,
        operator_weight: None,
        slow_start_secs: None,
        problem: None,
        active_connections: 0,
        inactive_connections: 0,
        counters: None,
    }
}

fn check(status: &crate::balance::CheckStatus<'_>) -> CheckView {
    let machine = status.machine;
    let (runs, failures, not_tried) = machine.counts();
    CheckView {
        what: status.config.kind.to_string(),
        ok: machine.verdict().map(|verdict| verdict == Verdict::Up),
        reason: machine
            .last()
            .map_or_else(|| "not checked yet".to_owned(), |outcome: Outcome| outcome.of(&status.config.kind)),
        runs,
        failures,
        not_tried,
        last_millis: machine.last_took().map(|took| took.as_secs_f64() * 1000.0),
    }
}

/// As ipvsadm writes it.
fn forwarding(forwarding: Forwarding) -> &'static str {
    match forwarding {
        Forwarding::Masquerade => "Masq",
        Forwarding::Direct => "Route",
        Forwarding::Tunnel(_) => "Tunnel",
        Forwarding::Local => "Local",
        Forwarding::Bypass => "Bypass",
    }
}
