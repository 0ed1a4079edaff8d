use proptest::prelude::*;

use super::*;
use crate::balance::{Service, SyncDaemons};
use crate::model::{Forwarding, ServerConfig, ServerSettings, ServiceConfig, ServiceSettings, Weight};

fn config(services: &[(&str, &[&str])]) -> Config {
    let server = |text: &&str| {
        let address: SocketAddr = text.parse().unwrap();
        ServerConfig {
            key: ServerKey { address: address.ip(), port: address.port() },
            settings: ServerSettings {
                forwarding: Forwarding::Direct,
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
    let service = |(key, servers): &(&str, &[&str])| ServiceConfig {
        group: None,
        quorum: 1,
        floor: None,
        handover: crate::model::Handover::default(),
        rules: Box::default(),
        key: service_key(key).unwrap(),
        settings: ServiceSettings::default(),
        servers: servers.iter().map(server).collect(),
    };
    Config { services: services.iter().map(service).collect(), ..Config::default() }
}

fn table(services: &[(&str, &[&str])]) -> Table {
    let services = config(services).services.into_iter().map(|service| {
        let servers = service.servers.into_iter().map(|server| (server.key, Some(server.settings)));
        (service.key, Service::new(Some(service.settings), servers.collect()))
    });
    Table { services: services.collect(), ..Table::default() }
}

const ALL: &[(&str, &[&str])] = &[
    ("tcp 192.0.2.1:80", &["10.0.0.1:80", "10.0.0.2:80"]),
    ("udp [2001:db8::1]:53", &["[2001:db8::2]:53"]),
    ("sctp 192.0.2.1:0", &[]),
    ("fwmark 7", &["10.0.0.1:0"]),
    ("fwmark 7 IPv6", &[]),
];

#[test]
fn text_and_back() {
    let (mut ledger, stamp) = (Ledger::of(&config(ALL)), Stamp("boot 1 netns 2".to_owned()));
    assert!(ledger.claim_daemon(SyncRole::Backup) && !ledger.claim_daemon(SyncRole::Backup));
    let text = ledger.to_text(&stamp);
    assert!(
        text.starts_with("ipvsd ledger 1\nboot 1 netns 2\nservice tcp 192.0.2.1:80\nserver 10.0.0.1:80\n"),
        "{text}"
    );
    assert_eq!(Ledger::from_text(&text), Ok((stamp.clone(), ledger)));
    assert_eq!(Ledger::from_text(&Ledger::default().to_text(&stamp)), Ok((stamp, Ledger::default())));
}

#[test]
fn a_daemon_is_forgotten_when_it_is_seen_to_be_gone() {
    let mut ledger = Ledger::default();
    assert!(ledger.claim_daemon(SyncRole::Master));
    assert!(!ledger.is_empty() && !ledger.prune_daemons(&Table::default()), "nobody looked");
    let looked = Table { daemons: Some(SyncDaemons::default()), ..Table::default() };
    assert!(ledger.prune_daemons(&looked) && ledger.is_empty());
    let text = "ipvsd ledger 1\nboot 1\ndaemon both\nend 1\n";
    assert_eq!(Ledger::from_text(text), Err(InvalidLedger { line: 3, problem: "not a sync daemon" }));
}

#[test]
fn a_file_that_was_cut_short_is_never_taken_for_a_smaller_ledger() {
    let text = Ledger::of(&config(ALL)).to_text(&Stamp("boot".to_owned()));
    // Without the very last line feed nothing is lost.
    for length in 0..text.len() - 1 {
        let cut = &text[..length];
        assert!(Ledger::from_text(cut).is_err(), "{cut:?}");
    }
}

#[test]
fn what_is_wrong_is_named_with_its_line() {
    let error = |text: &str| Ledger::from_text(text).unwrap_err().to_string();
    assert_eq!(error(""), "line 1: the file is empty");
    assert_eq!(error("ipvsd ledger 2\n"), "line 1: not a ledger of this version");
    assert_eq!(error("ipvsd ledger 1\nx\nserver 1.2.3.4:5\n"), "line 3: a server before any service");
    assert_eq!(error("ipvsd ledger 1\nx\nservice tcp 1.2.3:80\n"), "line 3: not a service");
    assert_eq!(error("ipvsd ledger 1\nx\nend 3\n"), "line 3: the number of entries is another than the file says");
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(text in "(ipvsd ledger 1\nx\n)?([a-z ]{0,6}[0-9:.\\[\\]]{0,12}[\n ]){0,8}") {
        let _ = Ledger::from_text(&text);
    }
}

#[test]
fn claims_grow_before_and_shrink_after() {
    let mut ledger = Ledger::of(&config(&ALL[..2]));
    assert!(!ledger.absorb(&Ledger::of(&config(&ALL[..1]))), "nothing new");
    let new = config(&[("tcp 192.0.2.1:80", &["10.0.0.3:80"])]);
    assert!(ledger.absorb(&Ledger::of(&new)));
    let key = service_key("tcp 192.0.2.1:80").unwrap();
    for n in 1..=3 {
        let address = format!("10.0.0.{n}").parse().unwrap();
        assert!(ledger.has_server(key, ServerKey { address, port: 80 }), "10.0.0.{n}");
    }
    // Two is still in the kernel and stays claimed; one and the UDP service are gone.
    let seen = table(&[("tcp 192.0.2.1:80", &["10.0.0.2:80"])]);
    let before = table(&[("tcp 192.0.2.1:80", &["10.0.0.1:80"])]);
    let mut either = ledger.clone();
    either.prune(&Ledger::of(&new), &[&before, &seen]);
    assert!(either.has_server(key, ServerKey { address: [10, 0, 0, 1].into(), port: 80 }), "one of two looks saw it");
    assert!(ledger.prune(&Ledger::of(&new), &[&seen]));
    assert_eq!(ledger, Ledger::of(&config(&[("tcp 192.0.2.1:80", &["10.0.0.2:80", "10.0.0.3:80"])])));
    assert!(!ledger.prune(&Ledger::of(&new), &[&seen]));
}

#[test]
fn a_service_left_with_servers_of_others_is_theirs_and_an_empty_one_stays_ours() {
    let claims = Ledger::of(&config(&[("fwmark 7", &["10.0.0.1:0"])]));
    let mut ledger = claims.clone();
    ledger.prune(&Ledger::default(), &[&table(&[("fwmark 7", &["10.0.0.9:0"])])]);
    assert!(ledger.is_empty());
    let mut ledger = claims;
    ledger.prune(&Ledger::default(), &[&table(&[("fwmark 7", &[])])]);
    assert!(ledger.has_service(service_key("fwmark 7").unwrap()));
}
