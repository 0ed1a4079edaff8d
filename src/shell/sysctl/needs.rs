//! Which settings a configuration needs: pure, and so short that it can be read as a table.

use crate::model::{Config, Family, Forwarding, Sysctl};

/// What lets the packets of servers that are reached by NAT pass through this host: 1.
#[must_use]
pub const fn forwards(family: Family) -> &'static str {
    match family {
        Family::V4 => "net.ipv4.ip_forward",
        Family::V6 => "net.ipv6.conf.all.forwarding",
    }
}
/// Those that let replies of servers behind NAT pass through this host, IPv4 and IPv6.
pub(super) const FORWARDING: [&str; 2] = [forwards(Family::V4), forwards(Family::V6)];

/// The settings that a configuration needs or names, each once. What the file names wins over what is derived.
///
/// - `net.ipv4.ip_forward` (for IPv6 `net.ipv6.conf.all.forwarding`): with NAT the servers' replies pass through this host,
///   and a host that does not forward drops them. Direct routing and tunnels do not need it, so they do not turn this
///   host into a router.
/// - `net.ipv4.ip_nonlocal_bind` (for IPv6 `net.ipv6.ip_nonlocal_bind`): a proxy that listens on a virtual address must be
///   able to start on the host that does not own the address yet.
/// - `net.ipv4.igmp_link_local_mcast_reports` off, where `disable_local_igmp` asks for it: the group is joined all the same,
///   but nobody is told (Linux 4.3; RFC 4541 section 2.1.2 has switches forward it everywhere anyway).
#[must_use]
pub fn needed(config: &Config) -> Vec<Sysctl> {
    let mut wanted = config.sysctls.clone();
    if config.global.keep_sysctls {
        return wanted;
    }
    let masquerades = |family| {
        // Replies pass through the namespace whose table it is; what is set here is set in ours.
        config.global.ipvs_namespace.is_none()
            && config
                .services
                .iter()
                .flat_map(|service| service.servers.iter().chain(service.rules.sorry.as_deref()))
                .any(|server| {
                    server.settings.forwarding == Forwarding::Masquerade && Family::of(server.key.address) == family
                })
    };
    let moves = |family| {
        config
            .instances
            .iter()
            .flat_map(|instance| instance.addresses.iter().chain(&instance.excluded_addresses))
            .any(|address| Family::of(address.address) == family)
    };
    let derived = [
        (masquerades(Family::V4), forwards(Family::V4), "1"),
        (masquerades(Family::V6), forwards(Family::V6), "1"),
        (moves(Family::V4), "net.ipv4.ip_nonlocal_bind", "1"),
        (moves(Family::V6), "net.ipv6.ip_nonlocal_bind", "1"),
        (config.router.no_igmp, "net.ipv4.igmp_link_local_mcast_reports", "0"),
    ];
    for (_, name, value) in derived.into_iter().filter(|(needed, _, _)| *needed) {
        if !wanted.iter().any(|sysctl| sysctl.name == name) {
            wanted.push(Sysctl { name: name.to_owned(), value: value.to_owned() });
        }
    }
    wanted
}
