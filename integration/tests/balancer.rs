//! The balancer against a real kernel: its loop runs on a thread in the director's namespace.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use integration::traffic::{Conversations, EchoServer};
use integration::web::{WebClient, WebServer};
use integration::{Node, Topology, lab_test, wait_until};
use ipvsd::api::{BalancerView, ServerHealth};
use ipvsd::model::{
    Check, CheckKind, Config, Connect, Family, Forwarding, Global, OnStop, Persistence, Protocol, Scheduler,
    SchedulerFlags, ServerConfig, ServerKey, ServerSettings, ServiceConfig, ServiceKey, ServiceSettings, Timeouts,
    Tunnel, TunnelChecksum, Weight,
};
use ipvsd::shell::balancer::{BalancerEvent, BalancerHandle, Door, Options, spawn};

/// Generous: what takes this long on the slowest machine is broken.
const LONG: Duration = Duration::from_secs(60);

fn service(vip: &str, servers: Vec<ServerConfig>) -> ServiceConfig {
    let vip: SocketAddr = vip.parse().unwrap();
    let key = ServiceKey::Address { protocol: Protocol::Tcp, address: vip.ip(), port: vip.port() };
    let settings = ServiceSettings { scheduler: Scheduler::RoundRobin, ..ServiceSettings::default() };
    ServiceConfig {
        key,
        group: None,
        settings,
        quorum: 1,
        floor: None,
        handover: ipvsd::model::Handover::default(),
        rules: Box::default(),
        servers,
    }
}

fn server(address: &str) -> ServerConfig {
    let address: SocketAddr = address.parse().unwrap();
    ServerConfig {
        key: ServerKey { address: address.ip(), port: address.port() },
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
    }
}

fn checked(address: &str) -> ServerConfig {
    let check = Check {
        kind: CheckKind::Tcp(Connect {
            target: address.parse().unwrap(),
            source_address: None,
            source_port: None,
            interface: None,
            mark: None,
        }),
        interval: Duration::from_millis(200),
        timeout: Duration::from_secs(3),
        retry: 1,
        retry_interval: Duration::from_millis(50),
        warmup: None,
        tells_failures: None,
        pace: None,
    };
    ServerConfig { checks: vec![check], ..server(address) }
}

fn config(services: Vec<ServiceConfig>) -> Config {
    Config { services, ..Config::default() }
}

struct Running {
    handle: BalancerHandle,
    told: Receiver<BalancerEvent>,
}

impl Running {
    fn start(node: &Node, state_dir: &Path, config: Config) -> Self {
        let (events, told) = channel();
        let options = Options {
            config: Arc::new(config),
            state_dir: state_dir.to_owned(),
            events: events.into(),
            seed: 7,
            nonce_seed: 8,
            services: Arc::default(),
            roles: Arc::default(),
            door: Door::default(),
        };
        let handle = node.enter(|| spawn(options)).unwrap();
        assert_eq!(told.recv_timeout(LONG), Ok(BalancerEvent::Ready));
        Self { handle, told }
    }

    fn view(&self) -> BalancerView {
        self.handle.snapshot().recv_timeout(LONG).unwrap()
    }

    fn configure(&self, config: Config) -> Vec<(String, u64, bool)> {
        let reply = self.handle.configure(Arc::new(config)).unwrap().recv_timeout(LONG).unwrap();
        assert_eq!((reply.kernel_problem, reply.refused), (None, Vec::new()));
        reply.steps.into_iter().map(|step| (step.step, step.connections, step.cuts)).collect()
    }

    fn stop(self) {
        self.handle.stop().recv_timeout(LONG).unwrap();
        let told = self.told.iter().find(|event| !matches!(event, BalancerEvent::Leaving(_)));
        assert_eq!(told, Some(BalancerEvent::Stopped));
    }

    /// As a SIGKILL does: the table stays as it is.
    fn vanish(self) {
        self.handle.join().unwrap();
    }
}

/// A client, a director with `192.0.2.100`, and servers `10.0.0.11` and `10.0.0.12` behind it.
struct Network {
    lab: Topology,
    client: Node,
    director: Node,
    servers: [Node; 2],
}

fn network(name: &str) -> Network {
    let mut lab = Topology::new(name);
    let (outside, inside) = (lab.segment("outside"), lab.segment("inside"));
    let (client, director) = (lab.node("client"), lab.node("director"));
    outside.attach(&client, "eth0", &["192.0.2.1/24"]);
    outside.attach(&director, "eth0", &["192.0.2.10/24", "192.0.2.100/32"]);
    inside.attach(&director, "eth1", &["10.0.0.1/24"]);
    director.set_sysctl("net.ipv4.ip_forward", "1");
    let servers = ["10.0.0.11", "10.0.0.12"].map(|address| {
        let node = lab.node(&format!("web{}", &address[7..]));
        inside.attach(&node, "eth0", &[&format!("{address}/24")]);
        node.add_route("default via 10.0.0.1");
        node
    });
    Network { lab, client, director, servers }
}

lab_test! {
    fn a_server_that_dies_leaves_and_one_that_lives_comes_back() {
        let net = network("checks");
        let mut web = [0, 1].map(|n| WebServer::start(&net.servers[n], format!("10.0.0.1{}:80", n + 1)));
        let both = || vec![checked("10.0.0.11:80"), checked("10.0.0.12:80")];
        let state = net.lab.folder().join("state");
        let running = Running::start(&net.director, &state, config(vec![service("192.0.2.100:80", both())]));
        let table = || net.director.ipvs_table();
        wait_until(LONG, "both servers", || table().contains("10.0.0.11:80") && table().contains("10.0.0.12:80"));
        let tally = WebClient::new(&net.client).tally("192.0.2.100:80".parse().unwrap(), 10);
        assert_eq!(tally.values().copied().collect::<Vec<_>>(), [5, 5], "{tally:?}");

        web[0].close();
        let took = wait_until(LONG, "the dead server gone", || !table().contains("10.0.0.11:80"));
        println!("a dead server left {took:?} after its death (checked each 200 ms, one retry after 50 ms)");
        let view = running.view();
        let dead = &view.services[0].servers[0];
        assert_eq!((dead.health, dead.present), (ServerHealth::Down, false));
        assert_eq!(dead.reason, "refuses the connection: nobody listens there");
        let tally = WebClient::new(&net.client).tally("192.0.2.100:80".parse().unwrap(), 6);
        assert_eq!(tally.get("web12"), Some(&6), "{tally:?}");

        web[0].open();
        wait_until(LONG, "the server back", || table().contains("10.0.0.11:80"));
        // What is silent is dead as well: all frames of the first server are lost.
        net.servers[0].sh("ip link set eth0 down");
        wait_until(LONG, "the silent server gone", || !table().contains("10.0.0.11:80"));
        let reason = running.view().services[0].servers[0].reason.clone();
        assert!(["does not answer in time", "host unreachable"].contains(&reason.as_str()), "{reason}");
        running.stop();
        assert!(!table().contains("192.0.2.100"), "a clean stop takes away what is ours:\n{}", table());
    }

    fn edits_and_restarts_do_not_touch_open_connections() {
        let net = network("adoption");
        let _echo = [0, 1].map(|n| EchoServer::start(&net.servers[n], format!("10.0.0.1{}:7", n + 1)));
        let both = || vec![checked("10.0.0.11:7"), checked("10.0.0.12:7")];
        let file = || config(vec![service("192.0.2.100:7", both())]);
        let state = net.lab.folder().join("state");
        let table = || net.director.ipvs_table();
        let mut running = Running::start(&net.director, &state, file());
        wait_until(LONG, "both servers", || table().contains("10.0.0.11:7") && table().contains("10.0.0.12:7"));
        let vip = "192.0.2.100:7".parse().unwrap();
        let talk = Conversations::open(&net.client, None, vip, 10, Duration::from_millis(20));
        assert_eq!(running.configure(file()), [], "an unchanged file writes nothing");

        let mut changed = file();
        changed.services[0].settings.scheduler = Scheduler::WeightedLeastConnection;
        changed.services[0].servers[0].settings.weight = Weight::new(5).unwrap();
        let steps = running.configure(changed.clone());
        assert_eq!(
            steps,
            [
                ("edit service tcp 192.0.2.100:7: scheduler rr -> wlc".to_owned(), 10, false),
                ("edit server 10.0.0.11:7 of tcp 192.0.2.100:7: weight 1 -> 5".to_owned(), 5, false),
            ]
        );
        talk.wait_all_alive(LONG, 10);
        for _ in 0..5 {
            running.vanish();
            running = Running::start(&net.director, &state, changed.clone());
            talk.wait_all_alive(LONG, 2);
            wait_until(LONG, "both checked", || {
                running.view().services[0].servers.iter().all(|server| server.health == ServerHealth::Up)
            });
            let view = running.view();
            assert_eq!((view.steps_applied, view.drift_repairs), (0, 0), "a restart writes nothing");
            assert_eq!(view.services[0].servers.iter().map(|server| server.active_connections).sum::<u32>(), 10);
        }
        // A preview tells what it would cut: nothing, unless that is asked for.
        let plan = running.handle.plan(Arc::default()).recv_timeout(LONG).unwrap().unwrap().steps;
        assert!(plan.len() == 2 && plan.iter().all(|step| !step.cuts && step.step.ends_with("-> 0")), "{plan:?}");
        let mut at_once = Config::default();
        at_once.global.drain = Some(Duration::ZERO);
        let plan = running.handle.plan(Arc::new(at_once)).recv_timeout(LONG).unwrap().unwrap().steps;
        assert_eq!(plan.len(), 1);
        assert_eq!((plan[0].step.as_str(), plan[0].cuts), ("delete service tcp 192.0.2.100:7", true));
        assert!(plan[0].connections >= 10);
        assert!(talk.finish().broken.is_empty());
        running.stop();
    }

    fn what_others_change_is_put_right_and_what_is_theirs_is_left_alone() {
        let net = network("drift");
        let table = || net.director.ipvs_table();
        let ipvsadm = |args: &str| { net.director.command("ipvsadm").args(args.split(' ')).ok(); };
        ipvsadm("-A -t 192.0.2.100:443 -s wrr");
        ipvsadm("-a -t 192.0.2.100:443 -r 10.0.0.77:443 -m");
        // A service of the same name as ours, with a server of ours and one of somebody else's.
        ipvsadm("-A -t 192.0.2.100:80 -s sh -b sh-port");
        ipvsadm("-a -t 192.0.2.100:80 -r 10.0.0.11:80 -g -w 9");
        ipvsadm("-a -t 192.0.2.100:80 -r 10.0.0.99:80 -m");
        let servers = vec![server("10.0.0.11:80"), server("10.0.0.12:80")];
        let state = net.lab.folder().join("state");
        let running = Running::start(&net.director, &state, config(vec![service("192.0.2.100:80", servers)]));
        let view = running.view();
        assert_eq!(view.steps_applied, 3, "two edits and an addition");
        assert_eq!((view.services.len(), view.foreign_services), (2, 1));
        let health: Vec<_> = view.services[0].servers.iter().map(|server| server.health).collect();
        assert_eq!(health, [ServerHealth::Unchecked, ServerHealth::Unchecked, ServerHealth::Foreign]);
        let right = table();

        ipvsadm("-d -t 192.0.2.100:80 -r 10.0.0.11:80");
        ipvsadm("-e -t 192.0.2.100:80 -r 10.0.0.12:80 -m -w 0");
        ipvsadm("-E -t 192.0.2.100:80 -s lc");
        let sorted = |table: String| { let mut lines: Vec<_> = table.lines().map(str::to_owned).collect(); lines.sort(); lines };
        let took = wait_until(LONG, "the table put right", || sorted(table()) == sorted(right.clone()));
        println!("drift was put right within {took:?}");
        assert_eq!(running.view().drift_repairs, 1);
        ipvsadm("-D -t 192.0.2.100:80");
        wait_until(LONG, "the service back", || table().contains("10.0.0.12:80"));
        ipvsadm("-a -t 192.0.2.100:80 -r 10.0.0.99:80 -m");

        running.stop();
        let left = table();
        assert!(left.contains("192.0.2.100:443") && left.contains("10.0.0.77:443"), "{left}");
        assert!(left.contains("192.0.2.100:80") && left.contains("10.0.0.99:80"), "{left}");
        assert!(!left.contains("10.0.0.11:80") && !left.contains("10.0.0.12:80"), "{left}");
    }

    fn every_setting_that_the_kernel_took_is_read_back_as_it_was_wished() {
        let net = network("settings");
        let mut services: Vec<_> = (0..).zip(Scheduler::ALL).map(|(n, scheduler)| {
            let mut service = service("192.0.2.100:80", vec![server("10.0.0.11:80"), server("10.0.0.12:80")]);
            service.key = ServiceKey::Fwmark { family: Family::V4, mark: NonZeroU32::new(n + 1).unwrap() };
            service.settings.scheduler = scheduler;
            service
        }).collect();
        let forwardings = [
            Forwarding::Direct,
            Forwarding::Tunnel(Tunnel::Ipip),
            Forwarding::Tunnel(Tunnel::Gue { port: 6080, checksum: TunnelChecksum::Checksum }),
            Forwarding::Tunnel(Tunnel::Gre { checksum: TunnelChecksum::None }),
        ];
        for (n, forwarding) in (1..).zip(forwardings) {
            let mut server = server("10.0.0.11:80");
            server.settings = ServerSettings { forwarding, weight: Weight::MAX, upper_threshold: 100, lower_threshold: 9 };
            services.push(service(&format!("192.0.2.100:{n}"), vec![server]));
        }
        // A server that is the director itself.
        services.push(service("192.0.2.100:80", vec![server("10.0.0.1:8080")]));
        let mut persistent = service("[2001:db8::1]:80", vec![server("[2001:db8::2]:80")]);
        persistent.settings.flags = SchedulerFlags { flag_1: true, flag_2: true, ..SchedulerFlags::default() };
        persistent.settings.persistence =
            Some(Persistence { timeout_secs: NonZeroU32::new(361).unwrap(), prefix_len: 64, engine: None });
        services.push(persistent);
        let secs = NonZeroU32::new;
        let timeouts = Timeouts { tcp_secs: secs(901), tcp_fin_secs: None, udp_secs: secs(33) };
        let global = Global { timeouts, on_stop: OnStop::Keep, ..Global::default() };
        let file = Config { global, ..config(services) };
        let state = net.lab.folder().join("state");
        let running = Running::start(&net.director, &state, file.clone());
        let view = running.view();
        let refused: Vec<_> = view.services.iter().filter_map(|service| service.problem.clone()).collect();
        println!("refused here: {refused:#?}");
        assert!(refused.len() <= 1, "at most `twos` is not built: {refused:#?}");
        assert!(refused.iter().all(|problem| problem.contains("no scheduler")), "{refused:#?}");
        assert_eq!(view.services.iter().filter(|service| service.present).count(), view.services.len() - refused.len());
        for service in view.services.iter().filter(|service| service.present) {
            assert!(service.servers.iter().all(|server| server.present && server.problem.is_none()), "{service:#?}");
        }
        running.stop();
        let again = Running::start(&net.director, &state, file);
        let applied = again.view().steps_applied;
        assert_eq!(applied, refused.len() as u64 * 3, "nothing but what was refused is tried again");
        again.vanish();
    }

    fn ten_thousand_servers_are_programmed_in_little_more_than_the_kernels_own_time() {
        let net = network("size");
        let file = |servers: u8| {
            let services = (0..1000_u32).map(|n| {
                let servers = (1..=servers).map(|n| server(&format!("10.0.1.{n}:80"))).collect();
                let mut service = service("192.0.2.100:80", servers);
                service.key = ServiceKey::Fwmark { family: Family::V4, mark: NonZeroU32::new(n + 1).unwrap() };
                service
            });
            config(services.collect())
        };
        let state = net.lab.folder().join("state");
        let before = resident_kilobytes();
        let start = Instant::now();
        let running = Running::start(&net.director, &state, file(10));
        let ready = start.elapsed();
        let resident = resident_kilobytes();
        println!("resident: {before} kB before, {resident} kB with 10,000 servers");
        assert_eq!(running.view().steps_applied, 11_000);
        println!("resident: {} kB after a snapshot", resident_kilobytes());
        running.vanish();
        let start = Instant::now();
        let running = Running::start(&net.director, &state, file(10));
        let again = start.elapsed();
        assert_eq!(running.view().steps_applied, 0, "a second start writes nothing");
        let start = Instant::now();
        running.stop();
        println!("11,000 entries: start to ready {ready:?}, second start {again:?}, clean stop {:?}", start.elapsed());
        assert!(!net.director.ipvs_table().contains("FWM"));

        // What the kernel itself takes: the same entries in a bare loop. A table that once was full is slower to fill
        // than a new one, so each is measured on such a one.
        let floor = net.director.enter(|| (0..3).map(|_| bare_loop()).min().unwrap());
        let mut best = Duration::MAX;
        for _ in 0..3 {
            let start = Instant::now();
            let running = Running::start(&net.director, &state, file(10));
            best = best.min(start.elapsed());
            running.stop();
        }
        println!("on a table that was full before: bare loop {floor:?}, start to ready {best:?}");
        assert!(best < floor * 6, "start to ready took {best:?}, the kernel itself {floor:?}");
    }
}

/// Adds 1,000 services with 10 servers each in batches, and takes them away again. How long the adding took.
fn bare_loop() -> Duration {
    let mut ipvs = ipvs_sys::Ipvs::open().unwrap();
    let mut commands = Vec::new();
    for n in 0..1000_u32 {
        let mark = NonZeroU32::new(n + 1).unwrap();
        let service = ipvs_sys::ServiceId::Fwmark { family: ipvs_sys::Family::V4, mark };
        let settings = ipvs_sys::ServiceSettings::new(ipvs_sys::Family::V4, "rr".parse().unwrap());
        commands.push(ipvs_sys::Command::NewService { service, settings });
        for n in 1..=10_u8 {
            let destination = ipvs_sys::DestinationId::new([10, 0, 1, n].into(), 80);
            let settings = ipvs_sys::DestinationSettings::new(ipvs_sys::Forwarding::Masquerade, 1);
            commands.push(ipvs_sys::Command::NewDestination { service, destination, settings });
        }
    }
    let start = Instant::now();
    assert!(ipvs.apply(&commands).all_done());
    let took = start.elapsed();
    assert!(ipvs.run(&ipvs_sys::Command::Flush).is_done());
    took
}

/// Resident memory of this process, the test's own included.
fn resident_kilobytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}
