//! A service with more than one address: `virtual_server_group`.
//!
//! The kernel knows no groups. It keeps one service for each address, port and protocol, or firewall mark, and each of them
//! has servers of its own. To people a group is one thing: it has one set of servers, each is checked once, and what the
//! checks find holds for every address. So a [`ServiceConfig`] is what people mean, and this is how it becomes what the
//! kernel keeps: its [`keys`](ServiceConfig::keys), each with [`settings_of`](ServiceConfig::settings_of) it, and with an
//! [`entry`](ServiceConfig::entry) of each server that can serve it.

use std::iter::once;
use std::num::NonZeroU32;

use super::{Family, Forwarding, Persistence, ServerConfig, ServerKey, ServiceConfig, ServiceKey, ServiceSettings};

/// What a service has that stands for several addresses.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Group {
    /// Its name, for people.
    pub name: Option<String>,
    /// Its addresses and marks beside the first, in the file's order; unique in the whole configuration.
    pub others: Vec<ServiceKey>,
    /// Packets to its addresses get this mark, and the kernel keeps one service for them all (`nftables_ipvs`). Files say that it is
    /// to be so, and not which mark: that is chosen when the configuration comes into force.
    pub mark: Option<NonZeroU32>,
}

impl Group {
    /// One of its others is an address.
    #[must_use]
    pub fn has_address(&self) -> bool {
        self.others.iter().any(|key| match key {
            ServiceKey::Address { .. } => true,
            ServiceKey::Fwmark { .. } => false,
        })
    }
}

impl ServiceConfig {
    /// What is written in the file: one address or mark, but for a group.
    pub fn listeners(&self) -> impl Iterator<Item = ServiceKey> + '_ {
        let others = self.group.as_deref().map(|group| group.others.as_slice()).unwrap_or_default();
        once(self.key).chain(others.iter().copied())
    }

    /// The kernel's services that it becomes: what is written, but for a group whose packets are marked: it becomes one for each
    /// family of its addresses, beside its own marks.
    pub fn keys(&self) -> impl Iterator<Item = ServiceKey> + '_ {
        let mark = self.group.as_deref().and_then(|group| group.mark);
        let of = move |family: Family| {
            let mark = mark?;
            let mut addresses = self.listeners().filter(|key| key.mark().is_none());
            addresses.any(|key| key.family() == family).then_some(ServiceKey::Fwmark { family, mark })
        };
        let marked = [Family::V4, Family::V6].into_iter().filter_map(of);
        marked.chain(self.listeners().filter(move |key| mark.is_none() || key.mark().is_some()))
    }

    /// The name of its group.
    #[must_use]
    pub fn group_name(&self) -> Option<&str> {
        self.group.as_deref()?.name.as_deref()
    }

    /// What people call it: `group web`, or what the kernel does.
    #[must_use]
    pub fn title(&self) -> String {
        match self.group.as_deref() {
            None => self.key.to_string(),
            Some(Group { name: Some(name), .. }) => format!("group {name}"),
            Some(Group { name: None, others, .. }) if others.is_empty() => self.key.to_string(),
            Some(Group { name: None, others, .. }) => format!("{} and {} more", self.key, others.len()),
        }
    }

    /// Under which key the kernel keeps a server of this service, for one of its [`keys`](Self::keys). `None`: packets of
    /// that family cannot reach it, since only a tunnel leads from one family to the other.
    #[must_use]
    pub fn entry(&self, key: ServiceKey, server: &ServerConfig) -> Option<ServerKey> {
        let address = server.key.address;
        let port = match server.settings.forwarding {
            Forwarding::Masquerade => server.key.port,
            // The packet reaches the server as the client sent it.
            Forwarding::Tunnel(_) | Forwarding::Direct | Forwarding::Local | Forwarding::Bypass => key.port(),
        };
        server.takes(key.family()).then_some(ServerKey { address, port })
    }

    /// The families of the packets that it takes. Which servers a packet can reach hangs on its family alone.
    pub fn families(&self) -> impl Iterator<Item = Family> + '_ {
        [Family::V4, Family::V6].into_iter().filter(|family| self.keys().any(|key| key.family() == *family))
    }

    /// How the service is to be under one of its [`keys`](Self::keys): clients are told apart by as many bits as an address
    /// of that family has.
    #[must_use]
    pub fn settings_of(&self, key: ServiceKey) -> ServiceSettings {
        let fit = |persistence: &Persistence| {
            let (first, here) = (self.key.family().bits(), key.family().bits());
            let prefix_len = if persistence.prefix_len == first { here } else { persistence.prefix_len.min(here) };
            Persistence { prefix_len, ..persistence.clone() }
        };
        ServiceSettings {
            scheduler: self.settings.scheduler,
            flags: self.settings.flags,
            persistence: self.settings.persistence.as_ref().map(fit),
        }
    }
}

impl ServerConfig {
    /// Packets of this family can reach it.
    #[must_use]
    pub fn takes(&self, family: Family) -> bool {
        match self.settings.forwarding {
            Forwarding::Tunnel(_) => true,
            Forwarding::Masquerade | Forwarding::Direct | Forwarding::Local | Forwarding::Bypass => {
                Family::of(self.key.address) == family
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Protocol, ServerSettings, Tunnel, Weight};

    fn tcp(address: &str, port: u16) -> ServiceKey {
        ServiceKey::Address { protocol: Protocol::Tcp, address: address.parse().unwrap(), port }
    }

    fn server(address: &str, port: u16, forwarding: Forwarding) -> ServerConfig {
        ServerConfig {
            key: ServerKey { address: address.parse().unwrap(), port },
            settings: ServerSettings { forwarding, weight: Weight::ONE, upper_threshold: 0, lower_threshold: 0 },
            inhibit_on_failure: false,
            alpha: false,
            notify: None,
            checks: Vec::new(),
        }
    }

    fn group(prefix_len: u8) -> ServiceConfig {
        let mark = ServiceKey::Fwmark { family: Family::V4, mark: NonZeroU32::MIN };
        let persistence = Persistence { timeout_secs: NonZeroU32::MIN, prefix_len, engine: None };
        ServiceConfig {
            key: tcp("192.0.2.1", 80),
            group: Some(Box::new(Group { name: None, others: vec![tcp("2001:db8::1", 81), mark], mark: None })),
            settings: ServiceSettings { persistence: Some(persistence), ..ServiceSettings::default() },
            quorum: 1,
            floor: None,
            handover: crate::model::Handover::default(),
            rules: Box::default(),
            servers: Vec::new(),
        }
    }

    #[test]
    fn a_server_has_an_entry_for_each_key_that_it_can_serve() {
        let entries = |server: &ServerConfig| {
            let group = group(32);
            group.keys().map(|key| group.entry(key, server).map(|entry| entry.port)).collect::<Vec<_>>()
        };
        assert_eq!(entries(&server("10.0.0.1", 8080, Forwarding::Masquerade)), [Some(8080), None, Some(8080)]);
        assert_eq!(entries(&server("10.0.0.1", 8080, Forwarding::Direct)), [Some(80), None, Some(0)]);
        assert_eq!(entries(&server("2001:db8::9", 0, Forwarding::Direct)), [None, Some(81), None]);
        assert_eq!(entries(&server("10.0.0.1", 80, Forwarding::Tunnel(Tunnel::Ipip))), [Some(80), Some(81), Some(0)]);
    }

    #[test]
    fn the_mask_of_persistence_fits_each_family() {
        let prefixes = |prefix_len| {
            let group = group(prefix_len);
            let of = |key| group.settings_of(key).persistence.unwrap().prefix_len;
            group.keys().map(of).collect::<Vec<_>>()
        };
        assert_eq!(prefixes(32), [32, 128, 32]);
        assert_eq!(prefixes(24), [24, 24, 24]);
    }

    #[test]
    fn marked_addresses_are_one_service_of_each_family() {
        let mut group = group(32);
        let mark = NonZeroU32::new(1000).unwrap();
        group.group.as_mut().unwrap().mark = Some(mark);
        let own = ServiceKey::Fwmark { family: Family::V4, mark: NonZeroU32::MIN };
        let of = |family| ServiceKey::Fwmark { family, mark };
        assert_eq!(group.keys().collect::<Vec<_>>(), [of(Family::V4), of(Family::V6), own]);
        assert_eq!(group.listeners().count(), 3);
    }
}
