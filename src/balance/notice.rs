//! Whom it is told that servers and services come and go: scripts, and named pipes.
//!
//! Scripts about one service have one subject, so they run one after the other in the order of what happened.

use crate::model::{Config, Notice, Protocol, ServerConfig, ServiceConfig, ServiceKey, UpDown};

/// Whom a change is told.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Told {
    pub(super) line: Option<String>,
    pub(super) notice: Option<Notice>,
}

/// Whom it is told that a server has come or gone.
pub(super) fn of_server(config: &Config, service: &ServiceConfig, server: &ServerConfig, up: bool) -> Told {
    Told {
        line: has_pipe(config).then(|| server_line(service, server, up)),
        notice: server.notify.as_deref().and_then(|scripts| notice(config, service, scripts, up)),
    }
}

/// Whom it is told that a service has its quorum, or has lost it.
pub(super) fn of_service(config: &Config, service: &ServiceConfig, up: bool) -> Told {
    Told {
        line: has_pipe(config).then(|| service_line(service, up)),
        notice: notice(config, service, &service.rules.notify, up),
    }
}

fn has_pipe(config: &Config) -> bool {
    config.global.service_fifo.is_some() || config.router.notify_fifo.is_some()
}

fn notice(config: &Config, service: &ServiceConfig, scripts: &UpDown, up: bool) -> Option<Notice> {
    let command = if up { &scripts.up } else { &scripts.down }.clone()?;
    Some(Notice { subject: service.title(), commands: vec![command], user: config.global.script_user.clone() })
}

/// What a pipe is told of a server, as keepalived writes it.
fn server_line(service: &ServiceConfig, server: &ServerConfig, up: bool) -> String {
    let key = trio(server.key.address.to_string(), protocol(service), server.key.port);
    format!("RS {key} {} {}\n", name(service), word(up))
}

/// What a pipe is told of a service, as keepalived writes it.
fn service_line(service: &ServiceConfig, up: bool) -> String {
    format!("VS {} {}\n", name(service), word(up))
}

fn word(up: bool) -> &'static str {
    if up { "UP" } else { "DOWN" }
}

/// `[192.0.2.1]:tcp:80`, `[web]:0`, `FWM 7`.
fn name(service: &ServiceConfig) -> String {
    match (service.group_name(), service.key) {
        (Some(group), _) => format!("[{group}]:0"),
        (None, ServiceKey::Address { address, port, .. }) => trio(address.to_string(), protocol(service), port),
        (None, ServiceKey::Fwmark { mark, .. }) => format!("FWM {mark}"),
    }
}

fn trio(address: String, protocol: &str, port: u16) -> String {
    format!("[{address}]:{protocol}:{port}")
}

/// keepalived's words; a service of marks alone has no protocol of its own.
fn protocol(service: &ServiceConfig) -> &'static str {
    let known = service.listeners().find_map(|key| match key {
        ServiceKey::Address { protocol, .. } => Some(protocol),
        ServiceKey::Fwmark { .. } => None,
    });
    match known {
        Some(Protocol::Tcp) => "tcp",
        Some(Protocol::Udp) => "udp",
        Some(Protocol::Sctp) => "sctp",
        None => "none",
    }
}
