//! The kernel's table as the control socket shows it: from the words of `ipvs-sys` to those of [`crate::api`].
//!
//! The daemon uses the functions for single rows and adds what it knows (whose entry, which health). `ipvsctl show --kernel`
//! uses [`read`], which asks the kernel itself and changes nothing; there nobody's ownership and nobody's health is known.

use ipvs_sys::{
    Counters, DestinationEntry, Dump, DumpError, Family, Forwarding, Info, Ipvs, Netmask, OpenError, RequestError,
    ServiceEntry, ServiceFlags, ServiceId, ServiceSettings, SyncDaemon,
};

use crate::api::{BalancerView, CountersView, KernelView, ServerHealth, ServerView, ServiceView, SyncDaemonView};

/// Times that a dump is tried before it is given up because the table changes all the time.
const TRIES: u32 = 5;

/// Why the kernel's table could not be read.
#[derive(Debug, thiserror::Error)]
pub enum KernelViewError {
    /// The kernel's IPVS is not to be had.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// A question failed.
    #[error(transparent)]
    Request(#[from] RequestError),
    /// The table could not be read whole.
    #[error(transparent)]
    Dump(#[from] DumpError),
}

impl KernelViewError {
    /// Another user could.
    #[must_use]
    pub fn is_permission(&self) -> bool {
        matches!(self, Self::Open(OpenError::NotPermitted))
    }
}

/// Reads the whole table of this network namespace.
///
/// # Errors
/// See [`KernelViewError`].
pub fn read() -> Result<BalancerView, KernelViewError> {
    let mut ipvs = Ipvs::open()?;
    let kernel = kernel(&ipvs.info()?);
    let entries = patiently(|| ipvs.services())?;
    let mut services = Vec::with_capacity(entries.len());
    for (position, entry) in (0..).zip(&entries) {
        let mut view = service(entry, position);
        let rows = patiently(|| ipvs.destinations(&entry.id))?;
        view.servers = (0..).zip(&rows).map(|(position, row)| server(row, position)).collect();
        services.push(view);
    }
    let daemons = patiently(|| ipvs.daemons())?;
    let mut sync_daemons: Vec<_> = daemons.iter().map(sync_daemon).collect();
    sync_daemons.sort_by_key(|daemon| daemon.role != "master");
    Ok(BalancerView { kernel, services, sync_daemons, ..BalancerView::default() })
}

/// Dumps again where the table changed under the dump.
fn patiently<T>(mut dump: impl FnMut() -> Result<Dump<T>, DumpError>) -> Result<Dump<T>, DumpError> {
    for _ in 1..TRIES {
        match dump() {
            Err(DumpError::Interrupted { .. } | DumpError::Lost { .. }) => {}
            done @ (Ok(_) | Err(DumpError::Refused(_) | DumpError::NotSent { .. } | DumpError::Endless { .. })) => {
                return done;
            }
        }
    }
    dump()
}

/// The kernel's side, where IPVS answers.
#[must_use]
pub fn kernel(info: &Info) -> KernelView {
    KernelView {
        available: true,
        version: Some(info.version.to_string()),
        connection_table_size: Some(info.connection_table_size),
        problem: None,
    }
}

/// A service's row, without servers, as somebody else's. `position`: its place in the dump.
#[must_use]
pub fn service(entry: &ServiceEntry, position: u32) -> ServiceView {
    let (protocol, address, port) = match entry.id {
        ServiceId::Address { protocol, address, port } => (protocol.to_string(), address.to_string(), port),
        ServiceId::Fwmark { mark, .. } => ("fwmark".to_owned(), mark.to_string(), 0),
    };
    let settings = &entry.settings;
    let persistent = settings.flags.contains(ServiceFlags::PERSISTENT);
    let (prefix, mask) = if persistent { persistence_mask(settings.netmask) } else { (None, None) };
    ServiceView {
        group: None,
        protocol,
        address,
        port,
        ipv6: entry.id.family() == Family::V6,
        scheduler: settings.scheduler.as_str().to_owned(),
        flags: flags(settings),
        persistence_secs: persistent.then_some(settings.timeout_secs),
        persistence_prefix: prefix,
        persistence_mask: mask,
        persistence_engine: settings.persistence_engine.as_ref().map(|name| name.as_str().to_owned()),
        ours: false,
        path_check: false,
        present: true,
        kernel_position: Some(position),
        problem: None,
        quorum: None,
        resting: false,
        counters: Some(counters(&entry.statistics.counters)),
        servers: Vec::new(),
    }
}

/// A mask as prefix length, or as it is where it is none; neither where it is the whole address.
fn persistence_mask(netmask: Netmask) -> (Option<u8>, Option<String>) {
    match netmask {
        Netmask::V4(mask) => {
            let bits = mask.to_bits();
            match (bits.leading_ones(), bits.count_ones()) {
                (32, _) => (None, None),
                (leading, all) if leading == all => (u8::try_from(leading).ok(), None),
                _ => (None, Some(mask.to_string())),
            }
        }
        Netmask::V6(128) => (None, None),
        Netmask::V6(length) => (Some(length), None),
    }
}

/// Flags by ipvsadm's names, in its order. The same bits have names of their own with the hashing schedulers.
fn flags(settings: &ServiceSettings) -> Vec<String> {
    let (first, second) = match settings.scheduler.as_str() {
        "sh" => ("sh-fallback", "sh-port"),
        "mh" => ("mh-fallback", "mh-port"),
        _ => ("flag-1", "flag-2"),
    };
    [
        (ServiceFlags::SCHED1, first),
        (ServiceFlags::SCHED2, second),
        (ServiceFlags::SCHED3, "flag-3"),
        (ServiceFlags::ONE_PACKET, "ops"),
    ]
    .into_iter()
    .filter(|(flag, _)| settings.flags.contains(*flag))
    .map(|(_, name)| name.to_owned())
    .collect()
}

/// A server's row, as somebody else's. `position`: its place in the service's dump.
#[must_use]
pub fn server(entry: &DestinationEntry, position: u32) -> ServerView {
    ServerView {
        address: entry.id.address.to_string(),
        port: entry.id.port,
        forwarding: forwarding(entry.settings.forwarding).to_owned(),
        weight: entry.settings.weight,
        configured_weight: None,
        present: true,
        kernel_position: Some(position),
        health: ServerHealth::Foreign,
        reason: "in the kernel's table, and not in the configuration".to_owned(),
        since_secs: 0.0,
        checks: Vec::new(),
        hold: None,
        operator_weight: None,
        slow_start_secs: None,
        problem: None,
        active_connections: entry.active_connections,
        inactive_connections: entry.inactive_connections,
        counters: Some(counters(&entry.statistics.counters)),
    }
}

/// Forwarding as ipvsadm writes it; all kinds of tunnel are one there.
#[must_use]
pub fn forwarding(forwarding: Forwarding) -> &'static str {
    match forwarding {
        Forwarding::Masquerade => "Masq",
        Forwarding::Local => "Local",
        Forwarding::Tunnel(_) => "Tunnel",
        Forwarding::DirectRoute => "Route",
        Forwarding::Bypass => "Bypass",
        Forwarding::Other(_) => "Unknown",
    }
}

/// A sync daemon that runs, as somebody else's.
#[must_use]
pub fn sync_daemon(found: &SyncDaemon) -> SyncDaemonView {
    let SyncDaemon { role, interface, sync_id, max_length, group, port, ttl } = found;
    SyncDaemonView {
        role: role.to_string(),
        interface: interface.as_str().to_owned(),
        id: *sync_id,
        max_length: *max_length,
        port: *port,
        ttl: *ttl,
        group: group.map(|group| group.to_string()),
        ours: false,
        present: true,
        problem: None,
    }
}

/// Counters.
#[must_use]
pub fn counters(counters: &Counters) -> CountersView {
    CountersView {
        connections: counters.connections,
        packets_in: counters.incoming_packets,
        packets_out: counters.outgoing_packets,
        bytes_in: counters.incoming_bytes,
        bytes_out: counters.outgoing_bytes,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mask_is_a_prefix_where_it_can_be_one() {
        let mask = |text: &str| persistence_mask(Netmask::V4(text.parse().unwrap()));
        assert_eq!(mask("255.255.255.255"), (None, None));
        assert_eq!(mask("255.255.255.0"), (Some(24), None));
        assert_eq!(mask("0.0.0.0"), (Some(0), None));
        assert_eq!(mask("255.0.255.0"), (None, Some("255.0.255.0".to_owned())));
        assert_eq!(persistence_mask(Netmask::V6(128)), (None, None));
        assert_eq!(persistence_mask(Netmask::V6(64)), (Some(64), None));
    }
}
