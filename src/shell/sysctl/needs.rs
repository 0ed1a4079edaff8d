//! Which settings a configuration needs: pure, and so short that it can be read as a table.

use crate::model::{Config, Family, Forwarding, Sysctl};

/// The settings that a configuration needs or names, each once. What the file names wins over what is derived.
///
/// - `net.ipv4.ip_forward` (for IPv6 `net.ipv6.conf.all.forwarding`): with NAT the servers' replies pass through this host,
///   and a host that does not forward drops them. Direct routing and tunnels do not need it, so they do not turn this
///   host into a router.
/// - `net.ipv4.ip_nonlocal_bind` (for IPv6 `net.ipv6.ip_nonlocal_bind`): a proxy that listens on a virtual address must be
///   able to start on the host that does not own the address yet.
#[must_use]
pub fn needed(config: &Config) -> Vec<Sysctl> {
    let mut wanted = config.sysctls.clone();
    if config.global.keep_sysctls {
        return wanted;
    }
    let masquerades = |family| {
        config.services.iter().flat_map(|service| &service.servers).any(|server| {
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
        (masquerades(Family::V4), "net.ipv4.ip_forward"),
        (masquerades(Family::V6), "net.ipv6.conf.all.forwarding"),
        (moves(Family::V4), "net.ipv4.ip_nonlocal_bind"),
        (moves(Family::V6), "net.ipv6.ip_nonlocal_bind"),
    ];
    for (_, name) in derived.into_iter().filter(|(needed, _)| *needed) {
        if !wanted.iter().any(|sysctl| sysctl.name == name) {
            wanted.push(Sysctl { name: name.to_owned(), value: "1".to_owned() });
        }
    }
    wanted
}
