//! The private services of checks of paths.
//!
//! A check of a path wants its packets to go the way of clients' packets, and to one server that it names. IPVS chooses by
//! firewall mark before it chooses by address (`ip_vs_service_find`, net/netfilter/ipvs/ip_vs_ctl.c), and a socket may mark
//! its own packets: so for each such server, with its forwarding method, the table has one more service, for a mark that
//! nobody else uses, with that server alone. Clients' packets carry no such mark and never meet it.
//!
//! These services are wished for as long as the configuration has the check, whatever its verdict: a server that is out must
//! be tried too. They are ours like all others, in the ledger and in the plan.

use std::collections::BTreeMap;

use super::table::Service;
use crate::model::{
    CheckKind, Config, Forwarding, PathProbe, ServerKey, ServerSettings, ServiceKey, ServiceSettings, Weight,
};

/// Private services, each with its server.
pub(super) type Paths = BTreeMap<ServiceKey, (ServerKey, Forwarding)>;

/// Those that a configuration needs.
pub(super) fn of(config: &Config) -> Paths {
    let checks = config.services.iter().flat_map(|service| &service.servers).flat_map(|server| &server.checks);
    let probes = checks.filter_map(|check| match &check.kind {
        CheckKind::Path(probe) => Some(probe),
        CheckKind::Tcp(_)
        | CheckKind::Http(_)
        | CheckKind::Script(_)
        | CheckKind::File(_)
        | CheckKind::Smtp(_)
        | CheckKind::Dns(_)
        | CheckKind::Udp(_)
        | CheckKind::Ping(_) => None,
    });
    probes.map(|probe| (probe.service(), (probe.server, probe.forwarding))).collect()
}

/// The mark is one of those that are set aside for them, whether a check has it now or had it before. A call that is over is nobody's
/// connection: who was called leaves without being waited for.
pub(super) fn is_private(config: &Config, service: ServiceKey) -> bool {
    service.mark().is_some_and(|mark| config.global.is_path_mark(mark))
}

/// How the kernel is to have one.
pub(super) fn wish((server, forwarding): (ServerKey, Forwarding)) -> Service {
    let settings = ServiceSettings::default();
    let only = ServerSettings { forwarding, weight: Weight::ONE, upper_threshold: 0, lower_threshold: 0 };
    Service::new(Some(settings), vec![(server, Some(only))])
}

/// The kernel has it as the probe needs it: packets with its mark reach its server, and nobody else.
pub(super) fn is_paved(probe: &PathProbe, found: Option<&Service>) -> bool {
    found.is_some_and(|found| found.servers() == wish((probe.server, probe.forwarding)).servers())
}
