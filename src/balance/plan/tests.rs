use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};
use std::num::NonZeroU32;
use std::time::Instant;

use proptest::collection::{btree_map, vec};
use proptest::prelude::*;

use super::*;
use crate::balance::Ledger;
use crate::model::{
    Config, Family, Forwarding, Persistence, Protocol, Scheduler, SchedulerFlags, ServerConfig, ServiceConfig, Tunnel,
    TunnelChecksum, Weight,
};

fn service_key(n: u8) -> ServiceKey {
    if n < 3 {
        return ServiceKey::Fwmark { family: Family::V4, mark: NonZeroU32::new(u32::from(n) + 1).unwrap() };
    }
    ServiceKey::Address { protocol: Protocol::Tcp, address: IpAddr::V4(Ipv4Addr::new(192, 0, 2, n)), port: 80 }
}

fn server_key(n: u8) -> ServerKey {
    ServerKey { address: IpAddr::V4(Ipv4Addr::new(10, 0, 0, n)), port: 8080 }
}

fn server_settings() -> impl Strategy<Value = ServerSettings> {
    (0..4_u32, prop_oneof![Just(Forwarding::Masquerade), Just(Forwarding::Direct)]).prop_map(|(weight, forwarding)| {
        ServerSettings { forwarding, weight: Weight::new(weight).unwrap(), upper_threshold: 0, lower_threshold: 0 }
    })
}

fn service_settings() -> impl Strategy<Value = ServiceSettings> {
    (0..Scheduler::ALL.len(), any::<bool>()).prop_map(|(scheduler, flag_1)| ServiceSettings {
        scheduler: Scheduler::ALL[scheduler],
        flags: SchedulerFlags { flag_1, ..SchedulerFlags::default() },
        persistence: None,
    })
}

/// If `observed`, now and then settings that have no name, as somebody else's may.
fn odd<T: fmt::Debug>(observed: bool, strategy: impl Strategy<Value = T>) -> impl Strategy<Value = Option<T>> {
    (strategy, 0..10).prop_map(move |(settings, dice)| (!observed || dice > 0).then_some(settings))
}

fn table(observed: bool) -> impl Strategy<Value = Table> {
    let servers = btree_map(0..12_u8, odd(observed, server_settings()), 0..8);
    let service = (odd(observed, service_settings()), servers).prop_map(|(settings, servers)| {
        Service::new(settings, servers.into_iter().map(|(key, server)| (server_key(key), server)).collect())
    });
    btree_map((0..10_u8).prop_map(service_key), service, 0..8).prop_map(|services| Table {
        services,
        timeouts: Some(TimeoutSeconds { tcp: 900, tcp_fin: 120, udp: 300 }),
        ..Table::default()
    })
}

/// A ledger as the engine makes it: all that is wished for, and some of what was found.
fn ledger_of(desired: &Table, observed: &Table, take: &[bool]) -> Ledger {
    let config = |table: &Table, wanted: &mut dyn FnMut() -> bool| {
        let services = table.services.iter().filter_map(|(key, service)| {
            let servers: Vec<_> = service.servers().iter().filter(|_| wanted()).map(|(key, _)| *key).collect();
            let server = |key| ServerConfig {
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
                checks: Vec::new(),
            };
            wanted().then(|| ServiceConfig {
                group: None,
                quorum: 1,
                floor: None,
                handover: crate::model::Handover::default(),
                rules: Box::default(),
                key: *key,
                settings: ServiceSettings::default(),
                servers: servers.into_iter().map(server).collect(),
            })
        });
        Config { services: services.collect(), ..Config::default() }
    };
    let mut ledger = Ledger::of(&config(desired, &mut || true));
    let mut dice = take.iter().copied().cycle();
    ledger.absorb(&Ledger::of(&config(observed, &mut || dice.next().unwrap_or(true))));
    ledger
}

/// What the kernel does with a step; an error where it would answer with one.
fn kernel(table: &mut Table, step: &Step) -> Result<(), String> {
    let service = step.service().map(|key| table.services.get(&key));
    let ok = match (step, service.flatten()) {
        (Step::AddService { .. }, service) => service.is_none(),
        (Step::EditService { .. } | Step::DeleteService { .. }, service) => service.is_some(),
        (Step::AddServer { server, .. }, Some(service)) => service.server(*server).is_none(),
        (Step::EditServer { server, .. } | Step::DeleteServer { server, .. }, Some(service)) => {
            service.server(*server).is_some()
        }
        (Step::AddServer { .. } | Step::EditServer { .. } | Step::DeleteServer { .. }, None) => false,
        (Step::SetTimeouts(_), _) => true,
        (Step::StartDaemon { role, .. }, _) => table.daemons.as_ref().is_none_or(|found| found.of(*role).is_none()),
        (Step::StopDaemon { role }, _) => table.daemons.as_ref().is_some_and(|found| found.of(*role).is_some()),
    };
    if !ok {
        return Err(format!("the kernel would refuse: {step}"));
    }
    step.apply_to(table);
    Ok(())
}

fn takes_traffic(service: &Service) -> bool {
    service.servers().iter().any(|(_, server)| server.as_ref().is_none_or(|server| server.weight > Weight::ZERO))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, ..ProptestConfig::default() })]
    #[test]
    fn a_plan_leads_from_any_table_to_any_other_by_safe_steps(
        found in table(true), wish in table(false), take in vec(any::<bool>(), 1..20), exclusive in any::<bool>(),
        udp in proptest::option::of(1..5_u32),
    ) {
        let ledger = ledger_of(&wish, &found, &take);
        let timeouts = Timeouts { udp_secs: udp.and_then(NonZeroU32::new), ..Timeouts::default() };
        let plan = diff(&found, &wish, &timeouts, &ledger, exclusive);
        let mut table = found.clone();
        for step in &plan.steps {
            kernel(&mut table, step).map_err(TestCaseError::fail)?;
            // What is in the kernel and stays is there after every step, and so is traffic where there was and will be.
            for (key, wished) in &wish.services {
                let Some(before) = found.services.get(key) else { continue };
                let now = table.services.get(key).ok_or_else(|| TestCaseError::fail(format!("{key} was gone")))?;
                for (server, _) in wished.servers().iter().filter(|(server, _)| before.server(**server).is_some()) {
                    prop_assert!(now.server(*server).is_some(), "{server} of {key} was gone");
                }
                if takes_traffic(before) && takes_traffic(wished) {
                    prop_assert!(takes_traffic(now), "{key} had no server after {step}");
                }
            }
        }
        // All that is wished for is there, and nothing else but what is not ours.
        for (key, wished) in &wish.services {
            let now = &table.services[key];
            prop_assert_eq!(&now.settings, &wished.settings);
            for (server, settings) in wished.servers() {
                prop_assert_eq!(now.server(*server), Some(settings.as_ref()));
            }
        }
        for (key, now) in &table.services {
            let mine = |server| exclusive || ledger.has_server(*key, server);
            let wished = wish.services.get(key);
            prop_assert!(
                wished.is_some() || !exclusive && (!ledger.has_service(*key) || now.servers().iter().any(|(s, _)| !mine(*s))),
                "{} should be gone", key
            );
            for server in now.servers().keys() {
                let wanted = wished.is_some_and(|wished| wished.server(*server).is_some());
                prop_assert!(wanted || !mine(*server) || !ledger.has_service(*key), "{} of {}", server, key);
            }
        }
        // What is not ours is as it was.
        if !exclusive {
            for (key, before) in &found.services {
                let configured = wish.services.contains_key(key);
                if !configured && !ledger.has_service(*key) {
                    prop_assert_eq!(table.services.get(key), Some(before));
                }
                for (server, settings) in before.servers().iter().filter(|(s, _)| !ledger.has_server(*key, **s)) {
                    prop_assert_eq!(table.services[key].server(*server), Some(settings.as_ref()));
                }
            }
        }
        let again = diff(&table, &wish, &timeouts, &ledger, exclusive);
        prop_assert!(again.is_empty(), "the second plan is not empty:\n{}", again);
        // Each entry is touched once.
        let touched: Vec<_> = plan.steps.iter().map(|step| (step.service(), step.server())).collect();
        prop_assert_eq!(touched.iter().collect::<BTreeSet<_>>().len(), touched.len());
    }

    #[test]
    fn odd_settings_are_never_equal(settings in odd(true, service_settings())) {
        let found = Service::new(None, Vec::new());
        let wish = Service::new(settings.clone(), Vec::new());
        let ledger = Ledger::default();
        let mut planner = Planner::new(&ledger, false);
        planner.service(service_key(9), Some(&found), &wish);
        prop_assert_eq!(planner.finish().is_empty(), settings.is_none());
    }
}

#[test]
fn steps_read_as_the_dry_run_prints_them() {
    let service = service_key(1 + 4);
    let settings = ServerSettings {
        forwarding: Forwarding::Masquerade,
        weight: Weight::ONE,
        upper_threshold: 0,
        lower_threshold: 0,
    };
    let more = ServerSettings { weight: Weight::new(5).unwrap(), upper_threshold: 100, ..settings.clone() };
    let gue = Forwarding::Tunnel(Tunnel::Gue { port: 6080, checksum: TunnelChecksum::Remote });
    let persistent = ServiceSettings {
        persistence: Some(Persistence { timeout_secs: NonZeroU32::new(360).unwrap(), prefix_len: 32, engine: None }),
        ..ServiceSettings::default()
    };
    let server = ServerKey { address: "192.168.10.81".parse().unwrap(), port: 8443 };
    let steps = [
        Step::SetTimeouts(Timeouts { tcp_secs: NonZeroU32::new(900), ..Timeouts::default() }),
        Step::AddService { service, settings: Box::default() },
        Step::EditService { service, from: Some(Box::default()), to: Box::new(persistent.clone()) },
        Step::EditService {
            service,
            from: Some(Box::new(persistent)),
            to: Box::new(ServiceSettings { scheduler: Scheduler::RoundRobin, ..ServiceSettings::default() }),
        },
        Step::EditService { service, from: None, to: Box::default() },
        Step::AddServer { service, server, settings: settings.clone() },
        Step::EditServer { service, server, from: Some(settings.clone()), to: more.clone() },
        Step::EditServer { service, server, from: Some(more), to: ServerSettings { forwarding: gue, ..settings } },
        Step::DeleteServer { service, server },
        Step::DeleteService { service: ServiceKey::Fwmark { family: Family::V6, mark: NonZeroU32::MIN } },
        Step::StartDaemon { role: SyncRole::Backup, settings: Box::new(sync("eth0", 51)) },
        Step::StopDaemon { role: SyncRole::Master },
    ];
    assert_eq!(
        Plan { steps: steps.to_vec() }.to_string(),
        "set timeouts: tcp 900 s\n\
         add service tcp 192.0.2.5:80 (scheduler wlc)\n\
         edit service tcp 192.0.2.5:80: persistent 360 s, grouped /32\n\
         edit service tcp 192.0.2.5:80: scheduler wlc -> rr, no persistent 360 s, no grouped /32\n\
         edit service tcp 192.0.2.5:80: now scheduler wlc\n\
         add server 192.168.10.81:8443 (NAT, weight 1) to tcp 192.0.2.5:80\n\
         edit server 192.168.10.81:8443 of tcp 192.0.2.5:80: weight 1 -> 5, upper-threshold 100\n\
         edit server 192.168.10.81:8443 of tcp 192.0.2.5:80: TUN gue:6080 remcsum, weight 5 -> 1, no NAT, no upper-threshold 100\n\
         delete server 192.168.10.81:8443 from tcp 192.0.2.5:80\n\
         delete service fwmark 1 IPv6\n\
         start sync daemon backup (eth0, id 51)\n\
         stop sync daemon master\n"
    );
    assert_eq!(
        Plan { steps: steps.to_vec() }.summary(),
        "add 1 services and 1 servers, edit 3 services and 2 servers, delete 1 services and 1 servers, set timeouts, \
         start sync daemon backup (eth0, id 51), stop sync daemon master"
    );
}

fn sync(interface: &str, id: u32) -> SyncSettings {
    SyncSettings { interface: interface.to_owned(), id, max_len: None, port: None, ttl: None, group: None }
}

fn daemons() -> impl Strategy<Value = SyncDaemons> {
    let daemon = || proptest::option::of((0..2_u32).prop_map(|id| sync("eth0", id)));
    (daemon(), daemon()).prop_map(|(master, backup)| SyncDaemons { master, backup, ..SyncDaemons::default() })
}

proptest! {
    #[test]
    fn daemons_lead_from_any_to_any_and_others_stay(
        found in daemons(), wish in daemons(), ours in vec(any::<bool>(), 2), exclusive in any::<bool>(),
    ) {
        let mut ledger = Ledger::default();
        for (role, ours) in SyncRole::ALL.into_iter().zip(ours) {
            if ours {
                ledger.claim_daemon(role);
            }
        }
        let plan = |found: &SyncDaemons| {
            let mut planner = Planner::new(&ledger, exclusive);
            planner.daemons(Some(found), Some(&wish));
            planner.finish()
        };
        let first = plan(&found);
        let mut table = Table { daemons: Some(found.clone()), ..Table::default() };
        for step in &first.steps {
            kernel(&mut table, step).map_err(TestCaseError::fail)?;
        }
        let now = table.daemons.unwrap_or_default();
        prop_assert!(plan(&now).is_empty(), "the second plan is not empty: {}", plan(&now));
        for role in SyncRole::ALL {
            let mine = ledger.has_daemon(role) || exclusive && !wish.is_empty() || found.of(role).is_none();
            prop_assert_eq!(now.of(role), if mine { wish.of(role) } else { found.of(role) });
            // What fits is not touched.
            prop_assert!(found.of(role) != wish.of(role) || first.steps.iter().all(|step| step.daemon() != Some(role)));
        }
    }
}

#[test]
fn daemons_come_last_the_new_role_before_the_old() {
    let mut ledger = Ledger::default();
    ledger.claim_daemon(SyncRole::Master);
    ledger.claim_daemon(SyncRole::Backup);
    let plan = |found: Option<&SyncDaemons>, wish: Option<&SyncDaemons>| {
        let mut planner = Planner::new(&ledger, false);
        planner.daemons(found, wish);
        planner.service(service_key(9), None, &Service::new(Some(ServiceSettings::default()), Vec::new()));
        planner.leftover(service_key(8), &Service::default());
        planner.finish().steps.iter().map(Step::to_string).skip(1).collect::<Vec<_>>()
    };
    let master = |id| SyncDaemons { master: Some(sync("eth0", id)), ..SyncDaemons::default() };
    let backup = SyncDaemons { backup: Some(sync("eth0", 1)), ..SyncDaemons::default() };
    assert_eq!(
        plan(Some(&master(1)), Some(&backup)),
        ["start sync daemon backup (eth0, id 1)", "stop sync daemon master"]
    );
    assert_eq!(
        plan(Some(&master(1)), Some(&master(2))),
        ["stop sync daemon master", "start sync daemon master (eth0, id 2)"]
    );
    assert!(plan(Some(&master(1)), Some(&master(1))).is_empty());
    assert!(plan(None, Some(&backup)).is_empty(), "they were not read");
    assert!(plan(Some(&master(1)), None).is_empty(), "the router's state is not known");
}

#[test]
fn cost_grows_with_the_table_and_not_with_its_square() {
    let build = |services: u32| {
        let service = |n: u32| {
            let key = ServiceKey::Fwmark { family: Family::V4, mark: NonZeroU32::new(n + 1).unwrap() };
            let servers = (0..10).map(|n| {
                let settings = ServerSettings {
                    forwarding: Forwarding::Direct,
                    weight: Weight::ONE,
                    upper_threshold: 0,
                    lower_threshold: 0,
                };
                (server_key(n), Some(settings))
            });
            (key, Service::new(Some(ServiceSettings::default()), servers.collect()))
        };
        Table { services: (0..services).map(service).collect(), ..Table::default() }
    };
    let time = |services| {
        let wish = build(services);
        // The best of several: a busy machine only ever adds.
        let once = || {
            let start = Instant::now();
            let plan = diff(&Table::default(), &wish, &Timeouts::default(), &Ledger::default(), false);
            assert_eq!(plan.steps.len(), services as usize * 11);
            start.elapsed()
        };
        (0..5).map(|_| once()).min().unwrap()
    };
    let (small, large) = (time(500), time(10_000));
    assert!(large < small * 200, "20 times the table took {large:?} against {small:?}");
}

#[test]
fn an_odd_server_is_assumed_to_carry_the_traffic() {
    let settings = |weight| {
        let weight = Weight::new(weight).unwrap();
        Some(ServerSettings { forwarding: Forwarding::Direct, weight, upper_threshold: 0, lower_threshold: 0 })
    };
    let found =
        Service::new(Some(ServiceSettings::default()), vec![(server_key(1), None), (server_key(2), settings(0))]);
    let wish = Service::new(
        Some(ServiceSettings::default()),
        vec![(server_key(1), settings(0)), (server_key(2), settings(1))],
    );
    let ledger = Ledger::default();
    let mut planner = Planner::new(&ledger, false);
    planner.service(service_key(9), Some(&found), &wish);
    let order: Vec<_> = planner.finish().steps.iter().filter_map(Step::server).collect();
    assert_eq!(order, [server_key(2), server_key(1)]);
}
