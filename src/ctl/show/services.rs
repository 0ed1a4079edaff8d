//! The part of the tables that is about services and their servers.

use crate::api::{
    BalancerView, CheckView, CountersView, HoldState, HoldView, QuorumView, ServerHealth, ServerView, ServiceView,
};
use crate::ctl::render::{Cell, Page, Side, Tone, age, bytes, cell, count, plain};

/// Services with what the daemon knows of their servers.
pub(super) fn with_health(page: &mut Page, balancer: &BalancerView, wide: bool) {
    let mut columns = vec![
        ("SERVICE", Side::Left),
        ("FORWARD", Side::Left),
        ("WEIGHT", Side::Right),
        ("HEALTH", Side::Left),
        ("SINCE", Side::Right),
    ];
    columns.extend(traffic_columns(wide));
    columns.push(("WHY", Side::Left));
    page.columns(&columns);
    for service in balancer.services.iter().filter(|service| !service.path_check) {
        let mut line = format!("{}  {}", title(service), settings(service));
        if let Some(group) = &service.group {
            line.push_str(&format!(", group {group}"));
        }
        if service.ours {
            line.push_str(&format!(", {}", up_of(service)));
        } else {
            line.push_str(", not ours: left alone");
        }
        page.text(0, line, if service.ours { Tone::Strong } else { Tone::Dim });
        service_problems(page, service, balancer.kernel.available);
        if wide {
            service_counters(page, service);
        }
        for server in &service.servers {
            page.row(server_row(service, server, wide, balancer.kernel.available));
            if let Some(problem) = &server.problem {
                page.problem(4, problem, Tone::Bad);
            }
            if wide {
                server.checks.iter().for_each(|check| check_line(page, check));
            }
        }
        if service.servers.is_empty() {
            page.text(2, "no servers", Tone::Dim);
        }
    }
    let paths: Vec<_> = balancer.services.iter().filter(|service| service.path_check).collect();
    if !paths.is_empty() {
        let number = count(number(paths.len()), "private service");
        page.text(0, format!("{number} for checks of paths, each a firewall mark with one server"), Tone::Dim);
    }
    for service in paths {
        service_problems(page, service, balancer.kernel.available);
    }
}

/// Services as the kernel has them.
pub(super) fn kernel_only(page: &mut Page, balancer: &BalancerView, wide: bool) {
    let mut columns = vec![("SERVICE", Side::Left), ("FORWARD", Side::Left), ("WEIGHT", Side::Right)];
    columns.extend(traffic_columns(wide));
    page.columns(&columns);
    for service in &balancer.services {
        page.text(0, format!("{}  {}", title(service), settings(service)), Tone::Strong);
        if wide {
            service_counters(page, service);
        }
        for server in &service.servers {
            let mut cells = vec![name(server), plain(&server.forwarding), weight(server)];
            cells.extend(traffic(server, wide));
            page.row(cells);
        }
        if service.servers.is_empty() {
            page.text(2, "no servers", Tone::Dim);
        }
    }
}

/// `3 services, 5 of 6 servers up`, and what is somebody else's.
pub(super) fn summary(balancer: &BalancerView) -> String {
    let shown = || balancer.services.iter().filter(|service| !service.path_check);
    let ours: Vec<_> = shown().filter(|service| service.ours).collect();
    let (up, all) = ours.iter().map(|service| up_and_all(service)).fold((0, 0), |(a, b), (c, d)| (a + c, b + d));
    let mut text = format!("{}, {up} of {} up", count(number(ours.len()), "service"), count(all, "server"));
    let foreign = shown().count() - ours.len();
    if foreign > 0 {
        text.push_str(&format!("; {} of somebody else", count(number(foreign), "service")));
    }
    text
}

/// A length as a number.
pub(super) fn number(length: usize) -> u64 {
    length.try_into().unwrap_or(u64::MAX)
}

fn up_of(service: &ServiceView) -> String {
    let (up, all) = up_and_all(service);
    format!("{up} of {} up", count(all, "server"))
}

/// Configured servers that are up, and all that are configured.
fn up_and_all(service: &ServiceView) -> (u64, u64) {
    service.servers.iter().fold((0, 0), |(up, all), server| match server.health {
        // To the operator it is not there.
        ServerHealth::Up | ServerHealth::Unchecked if server.hold.is_some() => (up, all + 1),
        ServerHealth::Up | ServerHealth::Unchecked => (up + 1, all + 1),
        ServerHealth::Down | ServerHealth::Unknown => (up, all + 1),
        ServerHealth::Sorry | ServerHealth::Foreign => (up, all),
    })
}

fn title(service: &ServiceView) -> String {
    match (service.protocol.as_str(), service.ipv6) {
        ("fwmark", true) => format!("fwmark {} IPv6", service.address),
        ("fwmark", false) => format!("fwmark {}", service.address),
        (protocol, _) => format!("{protocol} {}", endpoint(&service.address, service.port)),
    }
}

fn endpoint(address: &str, port: u16) -> String {
    if address.contains(':') { format!("[{address}]:{port}") } else { format!("{address}:{port}") }
}

/// `wlc sh-port, persistent 300 s by /24`
fn settings(service: &ServiceView) -> String {
    let mut text = service.scheduler.clone();
    for flag in &service.flags {
        text.push(' ');
        text.push_str(flag);
    }
    if let Some(secs) = service.persistence_secs {
        text.push_str(&format!(", persistent {secs} s"));
        match (&service.persistence_mask, service.persistence_prefix) {
            (Some(mask), _) => text.push_str(&format!(" by mask {mask}")),
            (None, Some(prefix)) => text.push_str(&format!(" by /{prefix}")),
            (None, None) => {}
        }
        if let Some(engine) = &service.persistence_engine {
            text.push_str(&format!(" by {engine}"));
        }
    }
    text
}

fn service_problems(page: &mut Page, service: &ServiceView, kernel_available: bool) {
    if let Some(problem) = &service.problem {
        page.problem(2, problem, Tone::Bad);
    } else if !service.present && kernel_available {
        page.problem(2, "not in the kernel's table", Tone::Bad);
    }
    let (up, all) = up_and_all(service);
    match &service.quorum {
        Some(quorum) if quorum.lost => page.problem(2, lost(quorum, up), Tone::Bad),
        Some(_) | None if service.ours && all > 0 && up == 0 && !service.resting => {
            page.problem(2, "no server is up", Tone::Bad);
        }
        Some(_) | None => {}
    }
    if service.resting {
        page.text(2, "checks rest: the service's address is elsewhere", Tone::Dim);
    }
}

/// `no server is up: sorry server 10.0.0.9:80 takes new connections`
fn lost(quorum: &QuorumView, up: u64) -> String {
    let mut text = match up {
        0 => "no server is up".to_owned(),
        _ => format!("the quorum of {} is lost", quorum.needed),
    };
    if let Some(sorry) = &quorum.sorry_server {
        text.push_str(&format!(": sorry server {sorry} takes new connections"));
    }
    text
}

fn service_counters(page: &mut Page, service: &ServiceView) {
    if let Some(CountersView { connections, packets_in, packets_out, bytes_in, bytes_out }) = service.counters {
        let text = format!(
            "{connections} connections; in: {packets_in} packets, {}; out: {packets_out} packets, {}",
            bytes(bytes_in),
            bytes(bytes_out)
        );
        page.text(2, text, Tone::Dim);
    }
}

fn server_row(service: &ServiceView, server: &ServerView, wide: bool, kernel_available: bool) -> Vec<Cell> {
    let (health, tone) = match server.health {
        ServerHealth::Up => ("up", Tone::Good),
        ServerHealth::Down => ("DOWN", Tone::Bad),
        ServerHealth::Unknown => ("not known yet", Tone::Warn),
        ServerHealth::Unchecked => ("no check", Tone::Plain),
        ServerHealth::Sorry => {
            ("sorry server", if server.weight == 0 || !server.present { Tone::Dim } else { Tone::Warn })
        }
        ServerHealth::Foreign => ("not ours", Tone::Dim),
    };
    let set_aside = service.quorum.as_ref().is_some_and(|quorum| quorum.sorry_server.is_some());
    let well = matches!(server.health, ServerHealth::Up | ServerHealth::Unchecked);
    // What is not ours is told by its health already.
    let quiet = well && !set_aside || server.health == ServerHealth::Foreign;
    let missing = well && !set_aside && server.hold.is_none() && !server.present && kernel_available;
    let (health, tone) = match server.hold.map(|hold| (hold.state, server.health)) {
        // That it does not work is worth more than that it is not to.
        None | Some((HoldState::Draining | HoldState::Drained, ServerHealth::Down)) => (health, tone),
        Some((HoldState::Draining, _)) => ("draining", Tone::Warn),
        Some((HoldState::Drained, _)) => ("drained", Tone::Warn),
        Some((HoldState::Disabled, _)) => ("disabled", Tone::Warn),
        Some((HoldState::Leaving, _)) => ("leaving", Tone::Warn),
        Some((HoldState::ServesOn, _)) => ("serves on", Tone::Warn),
    };
    let why = match (missing, wide || !quiet) {
        _ if let Some(hold) = &server.hold => cell(held(hold, server), Tone::Plain),
        (false, _) if let Some(note) = weighed(server) => cell(note, Tone::Plain),
        (true, _) => cell("not in the kernel's table", Tone::Warn),
        (false, true) => cell(&server.reason, if quiet { Tone::Dim } else { Tone::Plain }),
        (false, false) => plain(""),
    };
    let since = if server.health == ServerHealth::Foreign { plain("-") } else { plain(age(server.since_secs)) };
    let mut cells = vec![name(server), plain(&server.forwarding), weight(server), cell(health, tone), since];
    cells.extend(traffic(server, wide));
    cells.push(why);
    cells
}

/// `3 connections left, 25 s more at most`
fn held(hold: &HoldView, server: &ServerView) -> String {
    let down = |text: &str| match server.health {
        ServerHealth::Down => format!("{text}; {}", server.reason),
        ServerHealth::Up
        | ServerHealth::Unknown
        | ServerHealth::Unchecked
        | ServerHealth::Sorry
        | ServerHealth::Foreign => text.to_owned(),
    };
    match hold.state {
        HoldState::Disabled => down("by the operator"),
        HoldState::Drained => down("drained by the operator"),
        HoldState::ServesOn => "configured no more: serves until those that are new have been checked".to_owned(),
        HoldState::Draining | HoldState::Leaving => {
            let mut text = match hold.connections {
                Some(connections) => format!("{} left", count(connections, "connection")),
                None => "not counted yet".to_owned(),
            };
            if let Some(clients @ 1..) = hold.clients {
                text.push_str(&format!(", {} bound to it", count(clients, "client")));
            }
            match hold.deadline_secs {
                Some(secs) => text.push_str(&format!(", {} more at most", age(secs))),
                None => text.push_str(", no deadline"),
            }
            // Each second is what everybody expects; more is why it may stay in the table for a moment when it is empty.
            if let Some(secs) = hold.counted_secs.filter(|secs| *secs >= 2.0) {
                text.push_str(&format!(", looked at every {}", age(secs)));
            }
            match (hold.state, server.health) {
                (HoldState::Leaving, ServerHealth::Sorry) => format!("needed no more: {text}"),
                (HoldState::Leaving, _) => format!("configured no more: {text}"),
                (_, ServerHealth::Down) => down(&format!("draining, {text}")),
                (_, _) => text,
            }
        }
    }
}

/// Why it has another weight than the file gives it, where that is not by its checks.
fn weighed(server: &ServerView) -> Option<String> {
    let by_operator = server.operator_weight.map(|_| "weight by the operator".to_owned());
    let slowly = server.slow_start_secs.map(|secs| format!("slow start, {} more", age(secs)));
    match (by_operator, slowly) {
        (Some(first), Some(second)) => Some(format!("{first}; {second}")),
        (first, second) => first.or(second),
    }
    .filter(|_| matches!(server.health, ServerHealth::Up | ServerHealth::Unchecked))
}

fn name(server: &ServerView) -> Cell {
    plain(format!("  {}", endpoint(&server.address, server.port)))
}

/// The weight in the kernel's table, `5/10` where checks have made 5 of 10; none where the server is not in it.
fn weight(server: &ServerView) -> Cell {
    let configured = server.configured_weight.filter(|configured| {
        matches!(server.health, ServerHealth::Up | ServerHealth::Unchecked) && *configured != server.weight
    });
    match (server.present, server.weight, configured) {
        (false, _, _) => cell("-", Tone::Dim),
        (true, weight, Some(configured)) => {
            cell(format!("{weight}/{configured}"), if weight == 0 { Tone::Warn } else { Tone::Plain })
        }
        (true, 0, None) => cell("0", Tone::Warn),
        (true, weight, None) => plain(weight.to_string()),
    }
}

fn traffic_columns(wide: bool) -> Vec<(&'static str, Side)> {
    let mut columns = vec![("ACTIVE", Side::Right), ("INACTIVE", Side::Right)];
    if wide {
        columns.extend([
            ("CONNS", Side::Right),
            ("PKTS IN", Side::Right),
            ("PKTS OUT", Side::Right),
            ("BYTES IN", Side::Right),
            ("BYTES OUT", Side::Right),
        ]);
    }
    columns
}

fn traffic(server: &ServerView, wide: bool) -> Vec<Cell> {
    let figure = |text: String| if server.present { plain(text) } else { cell("-", Tone::Dim) };
    let mut cells =
        vec![figure(server.active_connections.to_string()), figure(server.inactive_connections.to_string())];
    if wide {
        cells.extend(match server.counters {
            Some(CountersView { connections, packets_in, packets_out, bytes_in, bytes_out }) => [
                plain(connections.to_string()),
                plain(packets_in.to_string()),
                plain(packets_out.to_string()),
                plain(bytes(bytes_in)),
                plain(bytes(bytes_out)),
            ],
            None => [const { "-" }; 5].map(|dash| cell(dash, Tone::Dim)),
        });
    }
    cells
}

fn check_line(page: &mut Page, check: &CheckView) {
    let (verdict, tone) = match check.ok {
        Some(true) => ("ok", Tone::Dim),
        Some(false) => ("FAILED", Tone::Warn),
        None => ("no verdict yet", Tone::Warn),
    };
    let mut text = format!("{} {verdict}; {} checks, {} failed", check.what, check.runs, check.failures);
    if check.not_tried > 0 {
        text.push_str(&format!(", {} not tried", check.not_tried));
    }
    if let Some(millis) = check.last_millis {
        text.push_str(&format!(", last took {millis:.1} ms"));
    }
    if !check.reason.is_empty() {
        text.push_str(&format!(": {}", check.reason));
    }
    page.text(4, text, tone);
}
