//! The configurations that people have published, word for word.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::num::NonZeroU32;
use std::path::Path;
use std::time::Duration;

use super::{Code, Severity, beside, brief, example, only};
use crate::model::{
    Authentication, Check, CheckKind, Config, Connect, Election, Family, Forwarding, Instance, OnMissing, Password,
    Peer, Persistence, Protocol, Scheduler, SchedulerFlags, ServerConfig, ServerKey, ServerSettings, ServiceConfig,
    ServiceKey, ServiceSettings, TrackScript, Tracked, Transport, VirtualAddress, Vrid, VrrpVersion, Watched, Weight,
};

const SEEDS: [(&str, &str); 6] = [
    ("000", "000_"),
    ("001", "001_"),
    ("002-first", "002_"),
    ("002-second", "002_"),
    ("003", "003_"),
    ("004-master", "004_"),
];

#[test]
fn what_is_said_about_each() {
    for (name, _) in SEEDS {
        let loaded = example(&format!("seeds/{name}.conf"));
        let text = format!("{}\n\n{}", loaded.report.summary(), loaded.report.render(false));
        insta::assert_snapshot!(format!("seed-{name}"), text);
    }
}

#[test]
fn which_may_start() {
    for (name, runnable, routers, services) in [
        ("000", false, None, 0),
        ("001", true, Some(1), 0),
        ("002-first", true, Some(1), 1),
        ("002-second", true, Some(1), 0),
        ("003", false, None, 0),
        // Without its second router.
        ("004-master", true, Some(1), 1),
    ] {
        let loaded = example(&format!("seeds/{name}.conf"));
        assert_eq!(loaded.is_runnable(), runnable, "{name}");
        assert_eq!(loaded.config.as_ref().map(|config| config.instances.len()), routers, "{name}");
        assert_eq!(loaded.config.map_or(0, |config| config.services.len()), services, "{name}");
    }
}

#[test]
fn they_are_verbatim() {
    let Some(folder) = beside("seeds") else { return };
    let documents: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| (path.file_name().unwrap().to_str().unwrap().to_owned(), std::fs::read_to_string(path).unwrap()))
        .collect();
    for (name, document) in SEEDS {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("examples/seeds/{name}.conf"));
        let text = std::fs::read_to_string(path).unwrap();
        let (_, whole) = documents.iter().find(|(file, _)| file.starts_with(document)).unwrap();
        assert!(whole.contains(&text), "{name} is not part of {document}");
    }
}

fn v4(a: u8, b: u8, c: u8, d: u8) -> IpAddr {
    IpAddr::V4(Ipv4Addr::new(a, b, c, d))
}

fn script() -> TrackScript {
    TrackScript {
        name: "check_haproxy".to_owned(),
        command: vec!["pidof".to_owned(), "haproxy".to_owned()],
        interval: Duration::from_secs(1),
        timeout: Duration::from_secs(1),
        rise: 1,
        fall: 2,
        user: None,
        init_fail: false,
        on_missing: OnMissing::Disable,
    }
}

fn router() -> Instance {
    Instance {
        version: VrrpVersion::V3,
        election: Election { preempt: false, ..Election::default() },
        addresses: vec![VirtualAddress::new(v4(192, 168, 10, 99), 32)],
        tracks: vec![Tracked { what: Watched::Script("check_haproxy".to_owned()), weight: -5, reverse: false }],
        ..Instance::new("VI_KUBE_APISERVER", "em1", Vrid::new(51).unwrap(), Family::V4)
    }
}

fn server(address: IpAddr) -> ServerConfig {
    let key = ServerKey { address, port: 8443 };
    ServerConfig {
        key,
        settings: ServerSettings {
            forwarding: Forwarding::Masquerade,
            weight: Weight::ONE,
            upper_threshold: 0,
            lower_threshold: 0,
        },
        inhibit_on_failure: false,
        alpha: false,
        notify: None,
        checks: vec![Check {
            kind: CheckKind::Tcp(Connect {
                target: SocketAddr::new(address, 8443),
                source_address: None,
                source_port: None,
                interface: None,
                mark: None,
            }),
            interval: Duration::from_secs(5),
            timeout: Duration::from_secs(3),
            retry: 1,
            retry_interval: Duration::from_secs(1),
            warmup: None,
            tells_failures: None,
            pace: None,
        }],
    }
}

fn expected() -> Config {
    Config {
        scripts: vec![script()],
        instances: vec![router()],
        services: vec![ServiceConfig {
            group: None,
            quorum: 1,
            floor: None,
            handover: crate::model::Handover::default(),
            rules: Box::default(),
            key: ServiceKey::Address { protocol: Protocol::Tcp, address: v4(192, 168, 10, 99), port: 8443 },
            settings: ServiceSettings {
                scheduler: Scheduler::WeightedLeastConnection,
                flags: SchedulerFlags::default(),
                persistence: Some(Persistence {
                    timeout_secs: NonZeroU32::new(1800).unwrap(),
                    prefix_len: 32,
                    engine: None,
                }),
            },
            servers: (80..=82).map(|last| server(v4(192, 168, 10, last))).collect(),
        }],
        ..Config::default()
    }
}

#[test]
fn the_first_of_002_means_the_same_in_both_languages() {
    let conf = example("seeds/002-first.conf");
    assert_eq!(conf.config.as_ref(), Some(&expected()));
    let toml = example("seeds/002-first.toml");
    let mut config = toml.config.clone().unwrap();
    let router = &mut config.instances[0];
    let waits = std::mem::replace(&mut router.election.wait_for_checks, false);
    assert!(waits, "the first of the defaults that differ");
    assert_eq!(router.announcements.refresh.take(), Some(Duration::from_secs(60)), "the second");
    for script in &mut config.scripts {
        assert_eq!(
            std::mem::replace(&mut script.on_missing, OnMissing::Disable),
            OnMissing::Fail,
            "a third difference"
        );
    }
    assert_eq!(Some(config), conf.config, "{}", toml.report.render(false));
    assert_eq!(
        only(&toml, Code::WeightMovesNothing).help,
        only(&conf, Code::WeightMovesNothing)
            .help
            .iter()
            .map(|text| text.replace("`nopreempt`", "`preempt = false`"))
            .collect::<Vec<_>>()
    );
}

#[test]
fn the_second_of_002_moves_by_weight() {
    let loaded = example("seeds/002-second.conf");
    let config = loaded.config.unwrap();
    let router = config.instances.first().unwrap();
    assert!(router.election.preempt);
    assert_eq!(router.version, VrrpVersion::V2);
    assert_eq!(router.authentication, Authentication::Password(Password::new("1111")));
    assert_eq!(router.tracks.first().unwrap().weight, -5);
    assert_eq!(config.global.router_id.as_deref(), Some("LVS_DEVEL"));
    assert_eq!(loaded.report.diagnostics().iter().filter(|d| d.code == Code::WeightMovesNothing).count(), 0);
}

#[test]
fn what_004_makes_of_its_slips() {
    let loaded = example("seeds/004-master.conf");
    let config = loaded.config.as_ref().unwrap();
    let service = config.services.first().unwrap();
    assert_eq!(service.settings.scheduler, Scheduler::WeightedLeastConnection);
    assert_eq!(service.settings.persistence, None);
    assert!(service.servers.iter().all(|server| server.settings.forwarding == Forwarding::Direct));
    let router = config.instances.first().unwrap();
    assert_eq!(router.authentication, Authentication::Password(Password::new("kubeclou")));
    assert_eq!(router.addresses.first().unwrap().label.as_deref(), Some("eth1:vip"));
    assert_eq!(router.tracks, [], "members of a group lose trackers with weights");
    assert_eq!(config.sync_groups.first().unwrap().members, ["VI_KEBE_APISERVER"]);
    assert_eq!(only(&loaded, Code::Duplicate).severity, Severity::Warning);
    assert_eq!(loaded.report.count(Severity::Error), 0, "{:?}", brief(&loaded));
}

#[test]
fn a_unicast_pair() {
    let loaded = example("seeds/001.conf");
    let config = loaded.config.unwrap();
    let router = config.instances.first().unwrap();
    let (source, peers) = (Some(v4(10, 0, 0, 11)), vec![Peer::new(v4(10, 0, 0, 12))]);
    assert_eq!(router.transport, Transport::Unicast { source, peers, ttl: 255, check_source: false });
    assert_eq!(config.global.script_user.unwrap().user, "root");
    assert!(config.global.script_security);
    assert_eq!(brief(&example("seeds/001.conf")), ["warning C403 24:19"]);
}
