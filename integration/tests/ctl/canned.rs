//! A daemon that knows what it will say, and a snapshot in which much is going on.

use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::thread;

use ipvsd::api::{
    AddressView, BalancerView, CheckView, ConfigView, CountersView, DaemonView, InstanceView, KernelView, LoopView,
    ReloadCause, ReloadView, RivalView, ServerHealth, ServerView, ServiceView, Snapshot, SyncDaemonView, SysctlState,
    SysctlView, TrackView, UnreadView, WatchState,
};
use ipvsd::shell::control::server::{ControlHandle, ControlRequest, Options, serve};
use tempfile::TempDir;

/// A control socket with somebody behind it.
pub(crate) struct Canned {
    folder: TempDir,
    _handle: ControlHandle,
}

impl Canned {
    /// Answers each question with `desk`, until dropped.
    pub(crate) fn new(mut desk: impl FnMut(ControlRequest) + Send + 'static) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (sender, requests) = mpsc::channel();
        let handle = serve(Options::new(folder.path().join("ipvsd.sock"), sender)).unwrap();
        // Ends with the server, which holds the other end.
        thread::spawn(move || requests.iter().for_each(&mut desk));
        Self { folder, _handle: handle }
    }

    pub(crate) fn showing(snapshot: Snapshot) -> Self {
        Self::new(move |request| match request {
            ControlRequest::Snapshot(reply) | ControlRequest::Brief(reply) => reply.answer(snapshot.clone()),
            ControlRequest::Plan(_, reply) => drop(reply),
            ControlRequest::Reload(reply) => drop(reply),
            ControlRequest::Server(_, reply) => drop(reply),
        })
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.folder.path().join("ipvsd.sock")
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }
}

fn instance(name: &str, state: &str) -> InstanceView {
    InstanceView {
        name: name.to_owned(),
        state: state.to_owned(),
        reason: "no advert came for 3.6 s".to_owned(),
        since_secs: 273_600.0,
        interface: "eth0".to_owned(),
        vrid: 51,
        version: 2,
        priority: 101,
        effective_priority: 101,
        priority_sum: 0,
        faults: Vec::new(),
        awaited: Vec::new(),
        unproven: Vec::new(),
        group: None,
        advert_interval_secs: 1.0,
        last_advert: None,
        peer: None,
        no_preempt: false,
        source: Some("10.0.0.2".to_owned()),
        master: None,
        addresses: vec![address("192.168.10.100/24", state == "MASTER")],
        tracks: Vec::new(),
        became_master: 1,
        adverts_sent: 273_601,
        adverts_received: 0,
        adverts_dropped: vec![("wrong TTL".to_owned(), 0)],
        unread: UnreadView::default(),
        steering: Vec::new(),
        rivals: Vec::new(),
        rival_claims: 0,
        deadlines: Vec::new(),
        history: Vec::new(),
    }
}

fn address(address: &str, present: bool) -> AddressView {
    AddressView { address: address.to_owned(), interface: "eth0".to_owned(), present }
}

fn track(what: &str, ok: Option<bool>, weight: i32, detail: &str) -> TrackView {
    let (kind, name) = what.rsplit_once(' ').unwrap();
    TrackView {
        what: what.to_owned(),
        kind: kind.to_owned(),
        name: name.to_owned(),
        ok,
        weight,
        reverse: false,
        adds: if ok == Some(weight > 0) { weight } else { 0 },
        fault: weight == 0 && ok == Some(false),
        group: None,
        detail: detail.to_owned(),
        disabled: false,
    }
}

fn counters(connections: u64) -> Option<CountersView> {
    Some(CountersView {
        connections,
        packets_in: connections * 8,
        packets_out: connections * 6,
        bytes_in: connections * 700,
        bytes_out: connections * 15_000,
    })
}

pub(crate) fn service(protocol: &str, address: &str, port: u16, position: u32) -> ServiceView {
    ServiceView {
        group: None,
        protocol: protocol.to_owned(),
        address: address.to_owned(),
        port,
        ipv6: address.contains(':'),
        scheduler: "wlc".to_owned(),
        flags: Vec::new(),
        persistence_secs: None,
        persistence_prefix: None,
        persistence_mask: None,
        persistence_engine: None,
        ours: true,
        path_check: false,
        present: true,
        kernel_position: Some(position),
        problem: None,
        quorum: None,
        resting: false,
        counters: counters(52_000),
        servers: Vec::new(),
    }
}

pub(crate) fn server(address: &str, port: u16, position: u32) -> ServerView {
    ServerView {
        address: address.to_owned(),
        port,
        forwarding: "Masq".to_owned(),
        weight: 1,
        configured_weight: None,
        present: true,
        kernel_position: Some(position),
        health: ServerHealth::Up,
        reason: "connected".to_owned(),
        since_secs: 273_590.0,
        checks: vec![CheckView {
            what: format!("TCP {address}:{port}"),
            ok: Some(true),
            reason: "connected".to_owned(),
            runs: 54_718,
            failures: 2,
            not_tried: 0,
            last_millis: Some(0.42),
        }],
        hold: None,
        operator_weight: None,
        slow_start_secs: None,
        problem: None,
        active_connections: 12,
        inactive_connections: 40,
        counters: counters(26_000),
    }
}

pub(crate) fn sync_daemon(role: &str) -> SyncDaemonView {
    SyncDaemonView {
        role: role.to_owned(),
        interface: "eth1".to_owned(),
        id: 51,
        max_length: Some(1472),
        port: Some(8848),
        ttl: Some(1),
        group: Some("224.0.0.81".to_owned()),
        ours: true,
        present: true,
        problem: None,
    }
}

/// A daemon with nothing to do.
pub(crate) fn idle() -> Snapshot {
    let running = LoopView { running: true, ..LoopView::default() };
    Snapshot {
        daemon: DaemonView {
            version: "0.1.0".to_owned(),
            pid: 4121,
            uptime_secs: 273_612.0,
            resident_bytes: 9_646_899,
            router: running.clone(),
            balancer: running,
        },
        config: ConfigView {
            file: "/etc/ipvsd/ipvsd.toml".to_owned(),
            loaded_secs: 8_100.0,
            warnings: 0,
            refused: None,
            last_reload: None,
            watch: WatchState::Off,
        },
        instances: Vec::new(),
        balancer: BalancerView {
            kernel: KernelView {
                available: true,
                version: Some("1.2.1".to_owned()),
                connection_table_size: Some(4096),
                problem: None,
            },
            ..BalancerView::default()
        },
        sysctls: Vec::new(),
    }
}

/// Two services that do well, behind one address.
pub(crate) fn healthy() -> Snapshot {
    let mut snapshot = idle();
    snapshot.instances = vec![InstanceView {
        tracks: vec![
            track("interface eth0", Some(true), 0, "up"),
            track("script check_haproxy", Some(true), -5, "exit status 0, 12 ms"),
        ],
        ..instance("VI_1", "MASTER")
    }];
    snapshot.balancer.services = vec![
        ServiceView {
            servers: vec![server("192.168.10.80", 8443, 0), server("192.168.10.81", 8443, 1)],
            ..service("tcp", "192.168.10.100", 443, 0)
        },
        ServiceView {
            scheduler: "rr".to_owned(),
            servers: vec![server("192.168.10.80", 8080, 0), server("192.168.10.81", 8080, 1)],
            ..service("tcp", "192.168.10.100", 80, 1)
        },
    ];
    snapshot.balancer.sync_daemons = vec![sync_daemon("master")];
    snapshot.sysctls = vec![SysctlView {
        name: "net.ipv4.ip_forward".to_owned(),
        wanted: "1".to_owned(),
        actual: Some("1".to_owned()),
        original: Some("0".to_owned()),
        state: SysctlState::Set,
        problem: None,
    }];
    snapshot
}

/// A bad night.
pub(crate) fn troubled() -> Snapshot {
    let mut snapshot = healthy();
    snapshot.instances[0].rivals = vec![RivalView {
        address: "192.168.10.100".to_owned(),
        mac: "02:00:00:00:00:99".to_owned(),
        interface: "eth0".to_owned(),
        claims: 12,
        since_secs: 61.0,
        ago_secs: 2.4,
    }];
    snapshot.instances[0].rival_claims = 17;
    snapshot.daemon.router.restarts = 1;
    snapshot.daemon.router.last_panic = Some("index out of bounds: the len is 3\nbut the index is 3".to_owned());
    snapshot.config.warnings = 2;
    snapshot.config.watch = WatchState::Prompt;
    snapshot.config.last_reload = Some(ReloadView {
        ago_secs: 95.0,
        by: ReloadCause::FileChange,
        cause: "/etc/ipvsd/ipvsd.toml changed".to_owned(),
        applied: false,
    });
    snapshot.config.refused = Some(
        "error: `loadbalance` is no scheduler\n  --> /etc/ipvsd/ipvsd.toml:12:9\n   = help: did you mean `lblc`?"
            .to_owned(),
    );
    snapshot.instances.extend([
        InstanceView {
            since_secs: 134.0,
            effective_priority: 96,
            vrid: 52,
            interface: "eth1".to_owned(),
            master: Some("10.0.0.3".to_owned()),
            last_advert: Some("10.0.0.3, priority 98, 0.3 s ago".to_owned()),
            reason: "10.0.0.3 has priority 98, and we 96".to_owned(),
            addresses: (1..=6).map(|n| address(&format!("10.0.0.{}/24", 100 + n), n == 2)).collect(),
            tracks: vec![track("script check_haproxy", Some(false), -5, "exit status 1 three times in a row")],
            adverts_received: 134,
            adverts_dropped: vec![("wrong TTL".to_owned(), 3), ("wrong password".to_owned(), 1)],
            unread: UnreadView { adverts: 2, rest: 40_000 },
            steering: Vec::new(),
            ..instance("VI_LONG_NAME_2", "BACKUP")
        },
        InstanceView {
            since_secs: 5.2,
            interface: "eth2".to_owned(),
            vrid: 200,
            reason: "interface eth2 is down".to_owned(),
            addresses: vec![address("172.16.0.1/12", false)],
            tracks: vec![track("interface eth2", Some(false), 0, "no carrier")],
            ..instance("VI_3", "FAULT")
        },
    ]);
    let down = ServerView {
        health: ServerHealth::Down,
        present: false,
        weight: 0,
        reason: "192.168.10.81:8443 refused the connection (4 times in a row)".to_owned(),
        since_secs: 134.0,
        active_connections: 0,
        inactive_connections: 0,
        counters: None,
        checks: vec![CheckView {
            what: "TCP 192.168.10.81:8443".to_owned(),
            ok: Some(false),
            reason: "connection refused".to_owned(),
            runs: 54_718,
            failures: 31,
            not_tried: 1,
            last_millis: Some(0.09),
        }],
        ..server("192.168.10.81", 8443, 1)
    };
    snapshot.balancer.sync_daemons = vec![
        SyncDaemonView {
            interface: "eth9".to_owned(),
            max_length: None,
            port: None,
            ttl: None,
            group: None,
            present: false,
            problem: Some("there is no such interface".to_owned()),
            ..sync_daemon("master")
        },
        SyncDaemonView { id: 7, ours: false, ..sync_daemon("backup") },
    ];
    let services = &mut snapshot.balancer.services;
    services[0].persistence_secs = Some(300);
    services[0].persistence_prefix = Some(24);
    services[0].servers[1] = down.clone();
    services.extend([
        ServiceView {
            scheduler: "sh".to_owned(),
            flags: vec!["sh-port".to_owned()],
            servers: vec![
                ServerView {
                    forwarding: "Route".to_owned(),
                    weight: 0,
                    health: ServerHealth::Down,
                    reason: "no answer within 3 s".to_owned(),
                    since_secs: 19_980.0,
                    active_connections: 3,
                    inactive_connections: 0,
                    ..server("2001:db8::80", 443, 0)
                },
                ServerView {
                    forwarding: "Tunnel".to_owned(),
                    weight: 0,
                    present: false,
                    health: ServerHealth::Unknown,
                    reason: "first check is due in 2.1 s".to_owned(),
                    since_secs: 1.1,
                    ..server("2001:db8::81", 443, 0)
                },
            ],
            ..service("tcp", "2001:db8::100", 443, 2)
        },
        ServiceView {
            present: false,
            problem: Some("the kernel has no scheduler twos: its module was not built".to_owned()),
            scheduler: "twos".to_owned(),
            kernel_position: None,
            counters: None,
            servers: vec![ServerView {
                present: false,
                health: ServerHealth::Unchecked,
                checks: Vec::new(),
                ..server("10.9.0.1", 53, 0)
            }],
            ..service("udp", "192.0.2.53", 53, 0)
        },
        ServiceView {
            ours: false,
            address: "7".to_owned(),
            servers: vec![ServerView {
                forwarding: "Local".to_owned(),
                health: ServerHealth::Foreign,
                checks: Vec::new(),
                reason: "not in the configuration".to_owned(),
                ..server("127.0.0.1", 0, 0)
            }],
            ..service("fwmark", "7", 0, 3)
        },
    ]);
    snapshot.balancer.foreign_services = 1;
    snapshot.balancer.steps_applied = 120;
    snapshot.balancer.steps_failed = 1;
    snapshot.balancer.drift_repairs = 2;
    snapshot.sysctls.push(SysctlView {
        name: "net.ipv4.ip_nonlocal_bind".to_owned(),
        wanted: "1".to_owned(),
        actual: Some("0".to_owned()),
        original: Some("0".to_owned()),
        state: SysctlState::Failed,
        problem: Some("/proc/sys is read-only; set it outside the container".to_owned()),
    });
    snapshot
}
