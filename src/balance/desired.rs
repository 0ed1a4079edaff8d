//! What is wished for: the configuration in the light of the verdicts and of what is there already.

use super::quorum::Quorum;
use super::table::Service;
use crate::model::{ServerConfig, ServerKey, ServerSettings, ServiceConfig, ServiceKey, Weight};

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

/// How the service of a server stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ServiceStanding {
    /// Whether enough of its servers are up.
    pub quorum: Quorum,
    /// Its checks rest, since its address is elsewhere.
    pub resting: bool,
}

/// Who takes new connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Charge {
    Servers,
    Sorry,
}

/// What is known of a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// How it is.
    pub health: Health,
    /// Nothing will be known of it: this host does not let its checks be made.
    pub prevented: bool,
    /// ... and that is a mistake in what this host was told.
    pub mistaken: bool,
    /// Its weight while it is up, with all that its checks add; `None`: one that has a say has said nothing yet.
    pub weight: Option<Weight>,
    /// The operator keeps new connections from it.
    pub held: Option<Held>,
}

impl Standing {
    /// It is taken to be well, since it need not prove itself and cannot; not where a mistake of ours is all that keeps it from
    /// that.
    pub(super) fn is_trusted(&self, server: &ServerConfig) -> bool {
        self.health == Health::Unknown && self.prevented && !self.mistaken && !server.alpha
    }
}

/// How the operator keeps new connections from a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Held {
    /// It keeps those that it has.
    Draining,
    /// It is out of the table.
    Out,
}

/// How a server is to be in the kernel's table; `None`: not there.
///
/// `found` is how it is there now, as [`Service::server`] tells it. As long as nothing is known about a server it stays
/// where it was found: in the table (another process of ours, or keepalived, had put it there for a reason), taken off
/// new connections if its weight was found 0, or not there at all. So does its weight, as long as a check that has a say in it
/// has said nothing. Where its checks rest nothing will be known, and no connection comes: it is put in on trust, so that it
/// is there when the address comes; with `alpha` it is not trusted. So it is where this host does not let its checks be made at
/// all: keepalived has it in the table from the first moment, and takes it out for a failure alone; one without a check that
/// speaks stays. With `alpha` it stays out, and counts for nobody's quorum; and so it does where the checks need something of this
/// host that was configured wrongly, such as a key that cannot be read: keepalived does not begin then.
fn wish(
    server: &ServerConfig,
    standing: Standing,
    resting: bool,
    found: Option<Option<&ServerSettings>>,
) -> Option<ServerSettings> {
    let weighing = |weight| ServerSettings { weight, ..server.settings.clone() };
    let weight = standing.weight.unwrap_or(server.settings.weight);
    let trusted = standing.is_trusted(server);
    let wish = match (standing.health, found) {
        (Health::Up | Health::Unchecked, _) => Some(weighing(weight)),
        (Health::Down, _) => server.inhibit_on_failure.then(|| at_zero(server)),
        (Health::Unknown, Some(Some(found))) if trusted && found.weight != Weight::ZERO => {
            Some(weighing(standing.weight.unwrap_or(found.weight)))
        }
        (Health::Unknown, _) if trusted => Some(weighing(weight)),
        (Health::Unknown, None) => match (resting, server.alpha) {
            (false, _) => None,
            (true, false) => Some(weighing(weight)),
            (true, true) => server.inhibit_on_failure.then(|| at_zero(server)),
        },
        (Health::Unknown, Some(Some(found))) if found.weight == Weight::ZERO => Some(at_zero(server)),
        (Health::Unknown, Some(Some(found))) => Some(weighing(standing.weight.unwrap_or(found.weight))),
        (Health::Unknown, Some(None)) => Some(weighing(weight)),
    };
    match standing.held {
        None => wish,
        // One that is not there has nothing to finish, and one that failed could not.
        Some(Held::Draining) => wish.filter(|_| found.is_some()).map(|_| weighing(Weight::ZERO)),
        Some(Held::Out) => None,
    }
}

fn at_zero(server: &ServerConfig) -> ServerSettings {
    ServerSettings { weight: Weight::ZERO, ..server.settings.clone() }
}

/// While the sorry server is in charge a server that works gets no new connections and keeps those that it has: it stays at
/// weight 0 where it is in the table (`stays`), and enters only when it takes connections again.
fn set_aside(server: &ServerConfig, wish: Option<ServerSettings>, stays: bool) -> Option<ServerSettings> {
    wish.filter(|wish| stays || wish.weight == Weight::ZERO).map(|_| at_zero(server))
}

/// How one of a service's keys and its servers are to be. `standing` is asked for each server by its place in the file.
pub(super) fn service(
    config: &ServiceConfig,
    key: ServiceKey,
    standing: impl Fn(usize) -> Standing,
    whole: ServiceStanding,
    found: Option<&Service>,
) -> Service {
    let sorry = sorry_of(config, key);
    let charge = in_charge(whole, sorry.is_some());
    let waits = config.settings.passes_over_zero();
    let mut servers: Vec<_> = Vec::with_capacity(config.servers.len() + 1);
    for (place, server) in config.servers.iter().enumerate() {
        let Some(entry) = config.entry(key, server) else { continue };
        let found = found.and_then(|service| service.server(entry));
        let wish = in_turn(server, standing(place), whole, (charge, waits), found);
        servers.extend(wish.map(|settings| (entry, Some(settings))));
    }
    if let Some((entry, sorry)) = sorry {
        // A sorry server that is one of the servers too is that server while the quorum holds.
        let twice = || servers.iter().any(|(other, _)| *other == entry);
        let wish = match charge {
            Charge::Sorry => Some(sorry.settings.clone()),
            Charge::Servers => (sorry.inhibit_on_failure && !twice()).then(|| at_zero(sorry)),
        };
        // Of two entries with the same key the last counts.
        servers.extend(wish.map(|settings| (entry, Some(settings))));
    }
    Service::new(Some(config.settings_of(key)), servers)
}

/// How one server of a service is to be under one of the service's keys, which is the same whatever the others are, as long as
/// no two of them are one entry. `None`: it has no entry there.
pub(super) fn server(
    config: &ServiceConfig,
    key: ServiceKey,
    server: &ServerConfig,
    standing: Standing,
    whole: ServiceStanding,
    found: &Service,
) -> Option<(ServerKey, Option<ServerSettings>)> {
    let entry = config.entry(key, server)?;
    let charge = in_charge(whole, sorry_of(config, key).is_some());
    let waits = config.settings.passes_over_zero();
    Some((entry, in_turn(server, standing, whole, (charge, waits), found.server(entry))))
}

/// The sorry server of one of a service's keys, if it has one that its packets reach.
pub(super) fn sorry_of(config: &ServiceConfig, key: ServiceKey) -> Option<(ServerKey, &ServerConfig)> {
    let sorry = config.rules.sorry.as_deref()?;
    Some((config.entry(key, sorry)?, sorry))
}

/// A server gets nothing new wherever it has an entry, since the sorry server is in charge.
pub(super) fn is_aside(config: &ServiceConfig, server: &ServerConfig, whole: ServiceStanding) -> bool {
    let mut own = config.keys().filter(|key| config.entry(*key, server).is_some());
    own.all(|key| in_charge(whole, sorry_of(config, key).is_some()) == Charge::Sorry)
}

fn in_charge(whole: ServiceStanding, has_sorry: bool) -> Charge {
    match (whole.quorum, has_sorry) {
        (Quorum::Lost, true) => Charge::Sorry,
        (Quorum::Lost, false) | (Quorum::Up, _) => Charge::Servers,
    }
}

/// Where weight 0 refuses clients that others could serve (`waits` is false), those others come first: nobody waits there at weight
/// 0 for connections to end. (With `inhibit_on_failure` it is the file that wants it so.)
fn in_turn(
    server: &ServerConfig,
    standing: Standing,
    whole: ServiceStanding,
    (charge, waits): (Charge, bool),
    found: Option<Option<&ServerSettings>>,
) -> Option<ServerSettings> {
    let wish = wish(server, standing, whole.resting, found).filter(|_| waits || standing.held.is_none());
    match charge {
        Charge::Servers => wish,
        Charge::Sorry => set_aside(server, wish, waits && found.is_some()),
    }
}

/// The table shows that the sorry server of a service takes its connections: whoever was here before us had found the
/// quorum lost.
pub(super) fn is_sorry(config: &ServiceConfig, key: ServiceKey, found: Option<&Service>) -> bool {
    let entry = config.rules.sorry.as_deref().and_then(|sorry| config.entry(key, sorry));
    let Some((entry, found)) = entry.zip(found) else { return false };
    let twice = config.servers.iter().any(|server| config.entry(key, server) == Some(entry));
    !twice && found.server(entry).is_some_and(carries)
}

/// The sorry server of a service, where it has a place in the table only while it is in charge.
pub(super) fn spare(config: &ServiceConfig, key: ServiceKey) -> Option<ServerKey> {
    let sorry = config.rules.sorry.as_deref().filter(|sorry| !sorry.inhibit_on_failure)?;
    let entry = config.entry(key, sorry)?;
    let twice = config.servers.iter().any(|server| config.entry(key, server) == Some(entry));
    (!twice).then_some(entry)
}

/// A server that was found so gets connections.
pub(super) fn carries(found: Option<&ServerSettings>) -> bool {
    found.is_none_or(|settings| settings.weight != Weight::ZERO)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Forwarding, Protocol, Rules, Scheduler, SchedulerFlags, ServerKey, ServiceSettings};

    fn server(weight: u32, inhibit_on_failure: bool) -> ServerConfig {
        ServerConfig {
            key: ServerKey { address: "10.0.0.1".parse().unwrap(), port: 80 },
            settings: settings(weight),
            inhibit_on_failure,
            alpha: false,
            notify: None,
            checks: Vec::new(),
        }
    }

    fn knows(health: Health) -> Standing {
        Standing { health, prevented: false, mistaken: false, weight: Some(Weight::new(3).unwrap()), held: None }
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
        assert_eq!(wish(&server(3, false), knows(Health::Down), false, Some(Some(&settings(3)))), None);
        assert_eq!(wish(&server(3, true), knows(Health::Down), false, Some(Some(&settings(3)))), Some(settings(0)));
        assert_eq!(wish(&server(3, false), knows(Health::Up), false, None), Some(settings(3)));
        assert_eq!(wish(&server(3, false), knows(Health::Unchecked), false, None), Some(settings(3)));
    }

    #[test]
    fn one_that_is_held_takes_nothing_new() {
        use Health::{Down, Unchecked, Unknown, Up};
        let held = |held, health, found: Option<u32>| {
            let (standing, found) = (Standing { held: Some(held), ..knows(health) }, found.map(settings));
            wish(&server(3, false), standing, false, found.as_ref().map(Some)).map(|settings| settings.weight.value())
        };
        for health in [Up, Unchecked, Unknown] {
            assert_eq!(held(Held::Draining, health, Some(3)), Some(0));
            assert_eq!(held(Held::Draining, health, None), None, "it does not come back for that");
        }
        assert_eq!(held(Held::Draining, Down, Some(3)), None, "it died");
        for health in [Up, Unchecked, Unknown, Down] {
            assert_eq!(held(Held::Out, health, Some(3)), None);
        }
    }

    #[test]
    fn while_nothing_is_known_a_server_stays_as_it_was_found() {
        for inhibit in [false, true] {
            assert_eq!(wish(&server(3, inhibit), knows(Health::Unknown), false, None), None);
            assert_eq!(
                wish(&server(3, inhibit), knows(Health::Unknown), false, Some(Some(&settings(3)))),
                Some(settings(3))
            );
            assert_eq!(
                wish(&server(3, inhibit), knows(Health::Unknown), false, Some(Some(&settings(0)))),
                Some(settings(0))
            );
            assert_eq!(
                wish(&server(3, inhibit), knows(Health::Unknown), false, Some(Some(&settings(9)))),
                Some(settings(3)),
                "a new weight of a server that is in use counts at once"
            );
            assert_eq!(wish(&server(3, inhibit), knows(Health::Unknown), false, Some(None)), Some(settings(3)));
        }
    }

    #[test]
    fn where_checks_rest_servers_are_trusted_but_those_that_must_prove_themselves() {
        let rests = |alpha, inhibit, health, found| {
            wish(&ServerConfig { alpha, ..server(3, inhibit) }, knows(health), true, found)
        };
        assert_eq!(rests(false, false, Health::Unknown, None), Some(settings(3)));
        assert_eq!(rests(true, false, Health::Unknown, None), None);
        assert_eq!(rests(true, true, Health::Unknown, None), Some(settings(0)));
        assert_eq!(rests(false, false, Health::Down, None), None, "what was found out before the rest holds");
        assert_eq!(rests(true, false, Health::Unknown, Some(Some(&settings(3)))), Some(settings(3)));
    }

    #[test]
    fn where_checks_cannot_be_made_it_is_the_same() {
        let known = Standing { prevented: true, ..knows(Health::Unknown) };
        let prevented = |alpha, found: Option<u32>| {
            let (server, found) = (ServerConfig { alpha, ..server(3, false) }, found.map(settings));
            wish(&server, known, false, found.as_ref().map(Some)).map(|wish| wish.weight.value())
        };
        assert_eq!(prevented(false, None), Some(3));
        assert_eq!(prevented(false, Some(0)), Some(3), "whoever took it out could tell why, and nobody can now");
        assert_eq!(prevented(true, None), None);
        assert_eq!(prevented(true, Some(0)), Some(0));
        assert_eq!(prevented(true, Some(7)), Some(3), "as it was found");
        let mistaken = Standing { mistaken: true, ..known };
        assert_eq!(wish(&server(3, false), mistaken, false, None), None, "a mistake is no reason to trust it");
        assert_eq!(
            wish(&server(3, false), mistaken, false, Some(Some(&settings(3)))),
            Some(settings(3)),
            "as it was found"
        );
        let down = Standing { health: Health::Down, ..known };
        assert_eq!(wish(&server(3, false), down, false, None), None, "one check that speaks against it is enough");
        // A check that has a say in the weight has said nothing, and whoever was here before had heard it.
        let unweighed = Standing { weight: None, ..known };
        let weighed = wish(&server(3, false), unweighed, false, Some(Some(&settings(7))));
        assert_eq!(weighed, Some(settings(7)));
    }

    /// A service on port 80 with two servers and a sorry server, and how it is to be.
    fn wished(sorry: &ServerConfig, quorum: Quorum, healths: [Health; 2], found: &[(u8, u32)]) -> Vec<(u8, u32)> {
        wished_by(&ServiceSettings::default(), sorry, quorum, healths, found)
    }

    fn wished_by(
        settings_of: &ServiceSettings,
        sorry: &ServerConfig,
        quorum: Quorum,
        healths: [Health; 2],
        found: &[(u8, u32)],
    ) -> Vec<(u8, u32)> {
        let key = |address: &str| ServiceKey::Address {
            protocol: Protocol::Tcp,
            address: address.parse().unwrap(),
            port: 80,
        };
        let at = |n: u8| ServerKey { address: [10, 0, 0, n].into(), port: 80 };
        let config = ServiceConfig {
            key: key("192.0.2.1"),
            group: None,
            settings: settings_of.clone(),
            quorum: 2,
            floor: None,
            handover: crate::model::Handover::default(),
            rules: Box::new(Rules { sorry: Some(Box::new(sorry.clone())), ..Rules::default() }),
            servers: vec![server(3, false), ServerConfig { key: at(2), ..server(3, false) }],
        };
        let there = found.iter().map(|(n, weight)| (at(*n), Some(settings(*weight)))).collect();
        let there = Service::new(None, there);
        let whole = ServiceStanding { quorum, resting: false };
        let wished = service(&config, config.key, |place| knows(healths[place]), whole, Some(&there));
        let short = |(key, settings): (&ServerKey, &Option<ServerSettings>)| match key.address {
            std::net::IpAddr::V4(address) => (address.octets()[3], settings.as_ref().unwrap().weight.value()),
            std::net::IpAddr::V6(_) => panic!("{key}"),
        };
        let own = config.servers.iter().any(|server| server.key == sorry.key);
        assert_eq!(is_sorry(&config, config.key, Some(&wished)), !own && quorum == Quorum::Lost);
        wished.servers().iter().map(short).collect()
    }

    #[test]
    fn the_sorry_server_takes_over_and_those_that_work_keep_their_connections() {
        use Health::{Down, Up};
        let nine = ServerConfig { key: ServerKey { address: [10, 0, 0, 9].into(), port: 80 }, ..server(1, false) };
        let stays = ServerConfig { inhibit_on_failure: true, ..nine.clone() };
        let both = [(1, 3), (2, 3)];
        assert_eq!(wished(&nine, Quorum::Up, [Up, Up], &both), both);
        assert_eq!(wished(&stays, Quorum::Up, [Up, Up], &both), [(1, 3), (2, 3), (9, 0)]);
        assert_eq!(wished(&nine, Quorum::Lost, [Up, Down], &both), [(1, 0), (9, 1)]);
        assert_eq!(wished(&nine, Quorum::Lost, [Up, Down], &[(9, 1)]), [(9, 1)], "it has no connections to keep");
        assert_eq!(wished(&stays, Quorum::Lost, [Down, Down], &both), [(9, 1)]);
        assert_eq!(wished(&nine, Quorum::Up, [Up, Up], &[(1, 0), (9, 1)]), both);
    }

    #[test]
    fn nobody_waits_beside_the_sorry_server_where_weight_zero_refuses_clients() {
        use Health::{Down, Up};
        let sorry = ServerConfig { key: ServerKey { address: [10, 0, 0, 9].into(), port: 80 }, ..server(1, false) };
        let lost = |scheduler, flag_1| {
            let flags = SchedulerFlags { flag_1, ..SchedulerFlags::default() };
            let settings = ServiceSettings { scheduler, flags, persistence: None };
            wished_by(&settings, &sorry, Quorum::Lost, [Up, Down], &[(1, 3), (2, 3)])
        };
        for (scheduler, fallback, waits) in [
            (Scheduler::SourceHash, false, false),
            (Scheduler::SourceHash, true, true),
            (Scheduler::DestinationHash, false, false),
            (Scheduler::DestinationHash, true, false),
            (Scheduler::MaglevHash, false, false),
            (Scheduler::MaglevHash, true, true),
            (Scheduler::WeightedRoundRobin, false, true),
        ] {
            let expected = if waits { vec![(1, 0), (9, 1)] } else { vec![(9, 1)] };
            assert_eq!(lost(scheduler, fallback), expected, "{scheduler} {fallback}");
        }
    }

    #[test]
    fn a_sorry_server_may_be_one_of_the_servers() {
        use Health::{Down, Up};
        for inhibit in [false, true] {
            let first = ServerConfig { inhibit_on_failure: inhibit, ..server(1, false) };
            assert_eq!(wished(&first, Quorum::Up, [Up, Up], &[(1, 3), (2, 3)]), [(1, 3), (2, 3)]);
            assert_eq!(wished(&first, Quorum::Lost, [Down, Up], &[(1, 3), (2, 3)]), [(1, 1), (2, 0)]);
        }
    }
}
