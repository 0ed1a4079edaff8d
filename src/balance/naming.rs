//! Which server is meant: by its address as `ipvsctl show` has it, in every service that has it or in the one that is named; one
//! that the configuration names no more too, as long as it is there.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};

use super::leaving::Leaver;
use super::wishes::Place;
use crate::model::{Config, ServerConfig, ServerKey, ServiceConfig, ServiceKey};

/// Choices that a complaint lists.
const LISTED: usize = 10;

/// Who has a name.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Named {
    /// Servers that are configured.
    pub(super) places: Vec<Place>,
    /// Servers that leave, being configured no more.
    pub(super) leavers: Vec<Leaver>,
}

/// The servers of this name, of those that are configured and of those that leave; of services of this name where one is given.
///
/// # Errors
/// A sentence: nothing has the name, or several have and it is not clear which is meant; with what there is to choose from.
pub(super) fn find(
    config: &Config,
    leavers: impl Iterator<Item = Leaver>,
    server: &str,
    service: Option<&str>,
) -> Result<Named, String> {
    let wanted = Name::read(server).ok_or_else(|| {
        format!("`{}` names no server; write its address as `ipvsctl show` has it: 10.0.0.7:80", shortened(server))
    })?;
    let mut leavers: Vec<_> = leavers.filter(|(_, entry)| wanted.fits(*entry)).collect();
    let services: Vec<_> = match service {
        // A service that is gone itself is known to the kernel alone.
        Some(name) if called(config, name).is_empty() => {
            leavers.retain(|(key, _)| is_key_called(*key, name));
            if leavers.is_empty() { vec![one_service(config, name)?] } else { Vec::new() }
        }
        Some(name) => {
            let one = one_service(config, name)?;
            leavers.retain(|(key, _)| one.keys().any(|other| other == *key));
            vec![one]
        }
        None => config.services.iter().collect(),
    };
    let mut places = Vec::new();
    let mut shown: BTreeSet<_> = leavers.iter().map(|(_, entry)| *entry).collect();
    for service in &services {
        for server in &service.servers {
            let entries: Vec<_> = entries(service, server).filter(|entry| wanted.fits(*entry)).collect();
            if !entries.is_empty() {
                places.push((service.key, server.key));
            }
            shown.extend(entries);
        }
    }
    if shown.len() > 1 && matches!(wanted, Name::Address(_)) {
        let choices = list(shown.into_iter().map(|entry| entry.to_string()));
        return Err(format!("{} is more than one server; say which: {choices}", shortened(server)));
    }
    if places.is_empty() && leavers.is_empty() {
        if let Some((service, sorry)) = services.iter().find_map(|service| sorry_of(service, wanted)) {
            return Err(format!(
                "{} is the sorry server of {}: it is in use while the quorum is lost, and can be neither drained nor disabled nor \
                 given another weight; the configuration says whether there is one",
                self::shown(service, sorry),
                service.title()
            ));
        }
        let all: BTreeSet<_> = services
            .iter()
            .flat_map(|service| service.servers.iter().flat_map(|server| entries(service, server)))
            .collect();
        let place = service.map_or_else(|| "no service".to_owned(), |name| format!("{} does not", shortened(name)));
        let has = if service.is_some() { "have" } else { "has" };
        let choices = match all.is_empty() {
            true => "none is configured".to_owned(),
            false => format!("there are {}", list(all.into_iter().map(|entry| entry.to_string()))),
        };
        return Err(format!("{place} {has} a server {}; {choices}", shortened(server)));
    }
    Ok(Named { places, leavers })
}

/// The sorry server of a service, if that is its name.
fn sorry_of(service: &ServiceConfig, wanted: Name) -> Option<(&ServiceConfig, &ServerConfig)> {
    let sorry = service.rules.sorry.as_deref()?;
    entries(service, sorry).any(|entry| wanted.fits(entry)).then_some((service, sorry))
}

/// What people call a server: its name in the first of its service's keys that can have it.
pub(super) fn shown(service: &ServiceConfig, server: &ServerConfig) -> ServerKey {
    entries(service, server).next().unwrap_or(server.key)
}

/// The kernel's names for a server.
fn entries<'a>(service: &'a ServiceConfig, server: &'a ServerConfig) -> impl Iterator<Item = ServerKey> + 'a {
    service.keys().filter_map(|key| service.entry(key, server))
}

/// How a server is named.
#[derive(Debug, Clone, Copy)]
enum Name {
    Endpoint(ServerKey),
    Address(IpAddr),
}

impl Name {
    fn read(text: &str) -> Option<Self> {
        if let Ok(endpoint) = text.parse::<SocketAddr>() {
            return Some(Self::Endpoint(ServerKey { address: endpoint.ip(), port: endpoint.port() }));
        }
        let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
        bare.parse().ok().map(Self::Address)
    }

    fn fits(self, entry: ServerKey) -> bool {
        match self {
            Self::Endpoint(wanted) => wanted == entry,
            Self::Address(address) => address == entry.address,
        }
    }
}

fn called<'a>(config: &'a Config, name: &str) -> Vec<&'a ServiceConfig> {
    config.services.iter().filter(|service| is_called(service, name)).collect()
}

fn one_service<'a>(config: &'a Config, name: &str) -> Result<&'a ServiceConfig, String> {
    match called(config, name).as_slice() {
        [one] => Ok(one),
        [] => {
            let choices = match config.services.is_empty() {
                true => "none is configured".to_owned(),
                false => format!("there are {}", list(config.services.iter().map(ServiceConfig::title))),
            };
            Err(format!("there is no service {}; {choices}", shortened(name)))
        }
        several => {
            let choices = list(several.iter().map(|service| service.title()));
            Err(format!("{} is more than one service; say which: {choices}", shortened(name)))
        }
    }
}

/// `tcp 192.0.2.1:80`, `192.0.2.1:80`, `192.0.2.1`, `fwmark 5`; `group web`, `web`.
fn is_called(service: &ServiceConfig, name: &str) -> bool {
    service.group_name() == Some(name) || service.title() == name || service.keys().any(|key| is_key_called(key, name))
}

fn is_key_called(key: ServiceKey, name: &str) -> bool {
    let whole = key.to_string();
    let address = match key {
        ServiceKey::Address { address, .. } => name.parse() == Ok(address),
        ServiceKey::Fwmark { .. } => false,
    };
    whole == name || address || whole.split_once(' ').is_some_and(|(_, endpoint)| endpoint == name)
}

fn list(names: impl Iterator<Item = String>) -> String {
    let mut names: Vec<_> = names.collect();
    let more = names.len().saturating_sub(LISTED);
    names.truncate(LISTED);
    if more > 0 {
        names.push(format!("and {more} more"));
    }
    names.join(", ")
}

/// Whatever it is, a line can hold it.
fn shortened(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(60).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Forwarding, Group, Handover, Protocol, ServerSettings, ServiceSettings, Weight};

    fn key(protocol: Protocol, port: u16) -> ServiceKey {
        ServiceKey::Address { protocol, address: [192, 0, 2, 1].into(), port }
    }

    fn service(key: ServiceKey, group: Option<Group>, servers: &[(&str, Forwarding)]) -> ServiceConfig {
        let server = |(address, forwarding): &(&str, Forwarding)| {
            let endpoint: SocketAddr = address.parse().unwrap();
            ServerConfig {
                key: ServerKey { address: endpoint.ip(), port: endpoint.port() },
                settings: ServerSettings {
                    forwarding: *forwarding,
                    weight: Weight::ONE,
                    upper_threshold: 0,
                    lower_threshold: 0,
                },
                inhibit_on_failure: false,
                alpha: false,
                notify: None,
                checks: Vec::new(),
            }
        };
        ServiceConfig {
            key,
            group: group.map(Box::new),
            settings: ServiceSettings::default(),
            quorum: 1,
            floor: None,
            handover: Handover::default(),
            rules: Box::default(),
            servers: servers.iter().map(server).collect(),
        }
    }

    fn config() -> Config {
        use Forwarding::{Direct, Masquerade};
        let group = Group { name: Some("web".to_owned()), others: vec![key(Protocol::Tcp, 444)], mark: None };
        Config {
            services: vec![
                service(key(Protocol::Tcp, 80), None, &[("10.0.0.1:8080", Masquerade), ("10.0.0.2:80", Masquerade)]),
                service(key(Protocol::Udp, 80), None, &[("10.0.0.2:80", Masquerade)]),
                service(key(Protocol::Tcp, 443), Some(group), &[("10.0.0.3:443", Direct), ("10.0.0.1:443", Direct)]),
                service(
                    ServiceKey::Fwmark { family: crate::model::Family::V6, mark: std::num::NonZeroU32::MIN },
                    None,
                    &[("[2001:db8::1]:80", Masquerade)],
                ),
            ],
            ..Config::default()
        }
    }

    /// Servers found, or what is said.
    fn found(server: &str, service: Option<&str>) -> String {
        match find(&config(), std::iter::empty(), server, service) {
            Ok(Named { places, .. }) => {
                places.iter().map(|(service, server)| format!("{server} of {service}")).collect::<Vec<_>>().join("; ")
            }
            Err(sentence) => format!("error: {sentence}"),
        }
    }

    #[test]
    fn a_server_is_named_as_it_is_shown() {
        for (server, service, expected) in [
            ("10.0.0.1:8080", None, "10.0.0.1:8080 of tcp 192.0.2.1:80"),
            ("10.0.0.2:80", None, "10.0.0.2:80 of tcp 192.0.2.1:80; 10.0.0.2:80 of udp 192.0.2.1:80"),
            ("10.0.0.2", None, "10.0.0.2:80 of tcp 192.0.2.1:80; 10.0.0.2:80 of udp 192.0.2.1:80"),
            ("10.0.0.2:80", Some("udp 192.0.2.1:80"), "10.0.0.2:80 of udp 192.0.2.1:80"),
            ("10.0.0.3:444", None, "10.0.0.3:443 of tcp 192.0.2.1:443"),
            ("10.0.0.1:443", Some("web"), "10.0.0.1:443 of tcp 192.0.2.1:443"),
            ("10.0.0.1:443", Some("group web"), "10.0.0.1:443 of tcp 192.0.2.1:443"),
            ("10.0.0.1:443", Some("192.0.2.1:444"), "10.0.0.1:443 of tcp 192.0.2.1:443"),
            ("[2001:db8::1]:80", Some("fwmark 1 IPv6"), "[2001:db8::1]:80 of fwmark 1 IPv6"),
            ("2001:db8::1", None, "[2001:db8::1]:80 of fwmark 1 IPv6"),
        ] {
            assert_eq!(found(server, service), expected, "{server} {service:?}");
        }
    }

    #[test]
    fn what_is_not_clear_is_asked_back() {
        for (server, service, expected) in [
            (
                "10.0.0.1",
                None,
                "10.0.0.1 is more than one server; say which: 10.0.0.1:443, 10.0.0.1:444, 10.0.0.1:8080",
            ),
            (
                "10.0.0.9:80",
                Some("udp 192.0.2.1:80"),
                "udp 192.0.2.1:80 does not have a server 10.0.0.9:80; there are 10.0.0.2:80",
            ),
            (
                "10.0.0.9:80",
                None,
                "no service has a server 10.0.0.9:80; there are 10.0.0.1:443, 10.0.0.1:444, 10.0.0.1:8080, 10.0.0.2:80, \
                 10.0.0.3:443, 10.0.0.3:444, [2001:db8::1]:80",
            ),
            (
                "10.0.0.2:80",
                Some("192.0.2.1:80"),
                "192.0.2.1:80 is more than one service; say which: tcp 192.0.2.1:80, udp 192.0.2.1:80",
            ),
            (
                "10.0.0.2:80",
                Some("mail"),
                "there is no service mail; there are tcp 192.0.2.1:80, udp 192.0.2.1:80, group web, fwmark 1 IPv6",
            ),
            ("web7", None, "`web7` names no server; write its address as `ipvsctl show` has it: 10.0.0.7:80"),
        ] {
            assert_eq!(found(server, service), format!("error: {expected}"), "{server} {service:?}");
        }
        let none = find(&Config::default(), std::iter::empty(), "10.0.0.1:80", None);
        assert_eq!(none, Err("no service has a server 10.0.0.1:80; none is configured".to_owned()));
    }

    #[test]
    fn a_sorry_server_is_said_to_be_one() {
        let mut config = config();
        let sorry = config.services[0].servers.remove(1);
        config.services[0].rules.sorry = Some(Box::new(sorry));
        let said = |server, service| find(&config, std::iter::empty(), server, service).map(|named| named.places.len());
        let sentence = "10.0.0.2:80 is the sorry server of tcp 192.0.2.1:80: it is in use while the quorum is lost, and can \
                        be neither drained nor disabled nor given another weight; the configuration says whether there is one";
        for server in ["10.0.0.2:80", "10.0.0.2"] {
            assert_eq!(said(server, Some("tcp 192.0.2.1:80")), Err(sentence.to_owned()));
            assert_eq!(said(server, None), Ok(1), "of the other service it is a server");
        }
    }

    /// Who has which name, of those that leave: one of a service that goes on, and two of one that is gone.
    #[test]
    fn a_server_that_leaves_has_its_name_still() {
        let gone = key(Protocol::Tcp, 8080);
        let at = |last: u8, port| ServerKey { address: [10, 0, 0, last].into(), port };
        let leavers =
            [(key(Protocol::Tcp, 444), at(3, 444)), (gone, at(7, 80)), (gone, at(7, 81)), (gone, at(1, 8080))];
        let found = |server, service| {
            let Named { places, leavers } = find(&config(), leavers.into_iter(), server, service)?;
            let configured = places.iter().map(|(service, server)| format!("{server} of {service}"));
            let leave = leavers.iter().map(|(service, server)| format!("{server} leaves {service}"));
            Ok::<_, String>(configured.chain(leave).collect::<Vec<_>>().join("; "))
        };
        for (server, service, expected) in [
            ("10.0.0.7:80", None, "10.0.0.7:80 leaves tcp 192.0.2.1:8080"),
            ("10.0.0.7:80", Some("192.0.2.1:8080"), "10.0.0.7:80 leaves tcp 192.0.2.1:8080"),
            ("10.0.0.3:444", Some("web"), "10.0.0.3:443 of tcp 192.0.2.1:443; 10.0.0.3:444 leaves tcp 192.0.2.1:444"),
            ("10.0.0.1:8080", Some("tcp 192.0.2.1:80"), "10.0.0.1:8080 of tcp 192.0.2.1:80"),
            ("10.0.0.1:8080", None, "10.0.0.1:8080 of tcp 192.0.2.1:80; 10.0.0.1:8080 leaves tcp 192.0.2.1:8080"),
        ] {
            assert_eq!(found(server, service), Ok(expected.to_owned()), "{server} {service:?}");
        }
        for (server, service, said) in [
            ("10.0.0.7", None, "10.0.0.7 is more than one server; say which: 10.0.0.7:80, 10.0.0.7:81"),
            ("10.0.0.2:80", Some("192.0.2.1:8080"), "there is no service 192.0.2.1:8080; there are "),
            ("10.0.0.7:80", Some("web"), "web does not have a server 10.0.0.7:80; there are "),
        ] {
            let sentence = found(server, service).unwrap_err();
            assert!(sentence.starts_with(said), "{sentence}");
        }
    }
}
