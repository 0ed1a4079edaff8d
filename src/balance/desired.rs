//! What is wished for: the configuration in the light of the verdicts and of what is there already.

use super::table::Service;
use crate::model::{ServerConfig, ServerSettings, ServiceConfig, ServiceKey, Weight};

/// How a server is, all its checks taken together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Health {
    /// All checks say that it is up.
    Up,
    /// One check at least says that it is down.
    Down,
    /// None says that it is down, and one at least has said nothing yet.
    Unknown,
    /// It has no checks, and counts as up.
    Unchecked,
}

/// How a server is to be in the kernel's table; `None`: not there.
///
/// `found` is how it is there now, as [`Service::server`] tells it. As long as nothing is known about a server it stays
/// where it was found: in the table (another process of ours, or keepalived, had put it there for a reason), taken off
/// new connections if its weight was found 0, or not there at all.
#[must_use]
pub fn wish(server: &ServerConfig, health: Health, found: Option<Option<&ServerSettings>>) -> Option<ServerSettings> {
    let at_zero = || ServerSettings { weight: Weight::ZERO, ..server.settings.clone() };
    match (health, found) {
        (Health::Up | Health::Unchecked, _) => Some(server.settings.clone()),
        (Health::Down, _) => server.inhibit_on_failure.then(at_zero),
        (Health::Unknown, None) => None,
        (Health::Unknown, Some(Some(found))) if found.weight == Weight::ZERO => Some(at_zero()),
        (Health::Unknown, Some(_)) => Some(server.settings.clone()),
    }
}

/// How one of a service's keys and its servers are to be. `health` is asked for each server by its place in the file.
pub(super) fn service(
    config: &ServiceConfig,
    key: ServiceKey,
    health: impl Fn(usize) -> Health,
    found: Option<&Service>,
) -> Service {
    let servers = config.servers.iter().enumerate().filter_map(|(place, server)| {
        let entry = config.entry(key, server)?;
        let found = found.and_then(|service| service.server(entry));
        wish(server, health(place), found).map(|settings| (entry, Some(settings)))
    });
    Service::new(Some(config.settings_of(key)), servers.collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Forwarding, ServerKey};

    fn server(weight: u32, inhibit_on_failure: bool) -> ServerConfig {
        ServerConfig {
            key: ServerKey { address: "10.0.0.1".parse().unwrap(), port: 80 },
            settings: settings(weight),
            inhibit_on_failure,
            checks: Vec::new(),
        }
    }

    fn settings(weight: u32) -> ServerSettings {
        ServerSettings {
            forwarding: Forwarding::Masquerade,
            weight: Weight::new(weight).unwrap(),
            upper_threshold: 0,
            lower_threshold: 0,
        }
    }

    #[test]
    fn a_failed_server_leaves_or_keeps_its_connections_at_weight_zero() {
        assert_eq!(wish(&server(3, false), Health::Down, Some(Some(&settings(3)))), None);
        assert_eq!(wish(&server(3, true), Health::Down, Some(Some(&settings(3)))), Some(settings(0)));
        assert_eq!(wish(&server(3, false), Health::Up, None), Some(settings(3)));
        assert_eq!(wish(&server(3, false), Health::Unchecked, None), Some(settings(3)));
    }

    #[test]
    fn while_nothing_is_known_a_server_stays_as_it_was_found() {
        for inhibit in [false, true] {
            assert_eq!(wish(&server(3, inhibit), Health::Unknown, None), None);
            assert_eq!(wish(&server(3, inhibit), Health::Unknown, Some(Some(&settings(3)))), Some(settings(3)));
            assert_eq!(wish(&server(3, inhibit), Health::Unknown, Some(Some(&settings(0)))), Some(settings(0)));
            assert_eq!(
                wish(&server(3, inhibit), Health::Unknown, Some(Some(&settings(9)))),
                Some(settings(3)),
                "a new weight of a server that is in use counts at once"
            );
            assert_eq!(wish(&server(3, inhibit), Health::Unknown, Some(None)), Some(settings(3)));
        }
    }
}
