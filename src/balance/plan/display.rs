//! Steps in words.

use std::fmt;

use super::Step;
use crate::model::Forwarding;
use crate::model::{Persistence, SchedulerFlags, ServerSettings, ServiceSettings, Timeouts, Tunnel, TunnelChecksum};

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AddService { service, settings } => {
                write!(f, "add service {service} ({})", Listed(service_words(settings)))
            }
            Self::EditService { service, from, to } => {
                write!(f, "edit service {service}: ")?;
                changes(f, from.as_deref().map(service_words).unwrap_or_default(), service_words(to))
            }
            Self::AddServer { service, server, settings } => {
                write!(f, "add server {server} ({}) to {service}", Listed(server_words(settings)))
            }
            Self::EditServer { service, server, from, to } => {
                write!(f, "edit server {server} of {service}: ")?;
                changes(f, from.as_ref().map(server_words).unwrap_or_default(), server_words(to))
            }
            Self::DeleteServer { service, server } => write!(f, "delete server {server} from {service}"),
            Self::DeleteService { service } => write!(f, "delete service {service}"),
            Self::SetTimeouts(Timeouts { tcp_secs, tcp_fin_secs, udp_secs }) => {
                let named = [("tcp", tcp_secs), ("tcpfin", tcp_fin_secs), ("udp", udp_secs)];
                let words = named.into_iter().filter_map(|(name, secs)| secs.map(|secs| format!("{name} {secs} s")));
                write!(f, "set timeouts: {}", Listed(words.collect()))
            }
            Self::StartDaemon { role, settings } => write!(f, "start sync daemon {role} ({settings})"),
            Self::StopDaemon { role } => write!(f, "stop sync daemon {role}"),
        }
    }
}

struct Listed(Vec<String>);

impl fmt::Display for Listed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join(", "))
    }
}

/// `weight 1 -> 5`: words that went and words that came, those with the same first word as pairs.
fn changes(f: &mut fmt::Formatter<'_>, from: Vec<String>, to: Vec<String>) -> fmt::Result {
    if from.is_empty() {
        return write!(f, "now {}", Listed(to));
    }
    let gone: Vec<_> = from.iter().filter(|word| !to.contains(word)).collect();
    let name = |word: &str| word.split(' ').next().unwrap_or_default().to_owned();
    let mut parts = Vec::new();
    for word in to.iter().filter(|word| !from.contains(word)) {
        let before = gone.iter().find(|gone| name(gone) == name(word));
        parts.push(match (before, word.split_once(' ')) {
            (Some(before), Some((_, value))) => format!("{before} -> {value}"),
            (Some(_) | None, _) => word.clone(),
        });
    }
    for word in gone.into_iter().filter(|gone| !to.iter().any(|word| name(word) == name(gone))) {
        parts.push(format!("no {word}"));
    }
    write!(f, "{}", Listed(parts))
}

fn service_words(settings: &ServiceSettings) -> Vec<String> {
    let ServiceSettings { scheduler, flags, persistence } = settings;
    let mut words = vec![format!("scheduler {scheduler}")];
    let SchedulerFlags { one_packet, flag_1, flag_2, flag_3 } = *flags;
    for (set, name) in [(one_packet, "ops"), (flag_1, "flag-1"), (flag_2, "flag-2"), (flag_3, "flag-3")] {
        if set {
            words.push(name.to_owned());
        }
    }
    if let Some(Persistence { timeout_secs, prefix_len, engine }) = persistence {
        words.push(format!("persistent {timeout_secs} s"));
        words.push(format!("grouped /{prefix_len}"));
        if let Some(engine) = engine {
            words.push(format!("engine {engine}"));
        }
    }
    words
}

fn server_words(settings: &ServerSettings) -> Vec<String> {
    let ServerSettings { forwarding, weight, upper_threshold, lower_threshold } = settings;
    let mut words = vec![forwarding_words(*forwarding), format!("weight {weight}")];
    for (threshold, name) in [(upper_threshold, "upper-threshold"), (lower_threshold, "lower-threshold")] {
        if *threshold > 0 {
            words.push(format!("{name} {threshold}"));
        }
    }
    words
}

fn forwarding_words(forwarding: Forwarding) -> String {
    match forwarding {
        Forwarding::Tunnel(Tunnel::Gue { checksum, .. } | Tunnel::Gre { checksum }) => match checksum {
            TunnelChecksum::None => forwarding.to_string(),
            TunnelChecksum::Checksum => format!("{forwarding} csum"),
            TunnelChecksum::Remote => format!("{forwarding} remcsum"),
        },
        Forwarding::Tunnel(Tunnel::Ipip)
        | Forwarding::Masquerade
        | Forwarding::Direct
        | Forwarding::Local
        | Forwarding::Bypass => forwarding.to_string(),
    }
}
