//! Timelines against a kernel made of a table: what the engine orders is done to it as the real one would do it.

use std::collections::BTreeSet;
use std::net::SocketAddr;

use super::*;
use crate::balance::drain::Load;
use crate::balance::event::Event;
use crate::balance::plan::Step;
use crate::balance::table::{Service, TimeoutSeconds};
use crate::balance::wishes::{Verb, Wishes};
use crate::check::Obstacle;
use crate::model::{
    Check, Connect, Forwarding, Global, Notice, Protocol, Scheduler, ServerConfig, ServerKey, ServerSettings,
    ServiceCondition, ServiceConfig, ServiceKey, ServiceSettings, TrackService, Weight,
};

mod crowd;
mod daemons;
mod families;
mod floor;
mod groups;
mod handovers;
mod held;
mod local_checks;
mod paths;
mod prevented;
mod preview;
mod refusals;
mod retold;
mod rules;
mod shared;
mod succession;
mod told;
mod torn;
mod walks;

const MS: Duration = Duration::from_millis(1);
const S: Duration = Duration::from_secs(1);

/// A host: the engine, a kernel, and servers that answer or do not.
struct World {
    engine: Balancer,
    now: Instant,
    /// `None`: a kernel without IPVS.
    table: Option<Table>,
    /// Who refuses connections.
    dead: BTreeSet<SocketAddr>,
    /// Who gives no answer.
    silent: BTreeSet<SocketAddr>,
    /// How the scripts of checks end, by their first words; others run on.
    scripts: BTreeMap<String, ScriptOutcome>,
    /// What the next probes come to, before anybody answers.
    obstacle: Option<Obstacle>,
    /// Schedulers that this kernel was not built with.
    unbuilt: BTreeSet<Scheduler>,
    /// Interfaces that are not there.
    unplugged: BTreeSet<String>,
    /// Answers to the next batch are lost, though it was done.
    lose_answers: bool,
    /// This kernel refuses servers with this forwarding method.
    refuses: Option<Forwarding>,
    /// Dumps fail.
    garbled: bool,
    /// We may not use IPVS.
    barred: bool,
    /// To read the whole table takes so long.
    takes: Duration,
    /// The kernel keeps this forwarding method whatever it is told.
    keeps: Option<Forwarding>,
    steps: Vec<String>,
    events: Vec<String>,
    reads: u32,
    pieces: u32,
    /// First pieces.
    walks: u32,
    /// Where the next piece begins.
    unread: Option<ServiceKey>,
    ledgers: Vec<Ledger>,
    /// What was kept last.
    kept: Kept,
    settled: u32,
    ready: u32,
    stopped: bool,
    probes: BTreeSet<ProbeId>,
    /// Who answers does so while its probe begins, and that takes so long.
    begins_in: Option<Duration>,
    /// When those began whose answer does not come, and how long each was waited for.
    unanswered: BTreeMap<ProbeId, Instant>,
    waits: Vec<Duration>,
    healths: Vec<(ServiceKey, Option<ServiceHealth>)>,
    most_probes: usize,
    notices: Vec<Notice>,
    lines: Vec<String>,
}

impl Balancer {
    /// What a configuration would change at once.
    fn preview(&self, config: &Arc<Config>, table: &Table) -> Plan {
        self.foresee(config, table).plan
    }
}

impl World {
    fn new(table: Option<Table>) -> Self {
        Self::with(table, Ledger::default())
    }

    fn with(table: Option<Table>, ledger: Ledger) -> Self {
        let now = Instant::now();
        let options =
            Options { seed: 1, ledger, kept: Kept::default(), probes: 1000, scripts: 2, drift_interval: 5 * S };
        Self {
            engine: Balancer::new(options, now),
            now,
            table,
            dead: BTreeSet::new(),
            silent: BTreeSet::new(),
            scripts: BTreeMap::new(),
            obstacle: None,
            unbuilt: BTreeSet::new(),
            unplugged: BTreeSet::new(),
            lose_answers: false,
            refuses: None,
            garbled: false,
            barred: false,
            takes: Duration::ZERO,
            keeps: None,
            steps: Vec::new(),
            events: Vec::new(),
            reads: 0,
            pieces: 0,
            walks: 0,
            unread: None,
            ledgers: Vec::new(),
            kept: Kept::default(),
            settled: 0,
            ready: 0,
            stopped: false,
            probes: BTreeSet::new(),
            begins_in: None,
            unanswered: BTreeMap::new(),
            waits: Vec::new(),
            healths: Vec::new(),
            most_probes: 0,
            notices: Vec::new(),
            lines: Vec::new(),
        }
    }

    fn tell(&mut self, input: Input) {
        self.engine.handle(input, self.now);
        self.drain();
    }

    fn drain(&mut self) {
        while let Some(output) = self.engine.poll_output() {
            match output {
                Output::StartProbe { probe, .. } => {
                    assert!(self.probes.insert(probe), "a probe number twice");
                    self.most_probes = self.most_probes.max(self.probes.len());
                    self.begin(probe);
                }
                Output::CancelProbe(probe) => {
                    assert!(self.probes.remove(&probe), "no such probe");
                    self.waits.extend(self.unanswered.remove(&probe).map(|began_at| self.now - began_at));
                }
                Output::Read => {
                    self.reads += 1;
                    self.now += self.takes;
                    let input = match &self.table {
                        _ if self.garbled => Input::Unread { why: Unreadable::Failed, reason: "garbled".to_owned() },
                        _ if self.barred => Input::Unread { why: Unreadable::Barred, reason: "EPERM".to_owned() },
                        Some(table) => {
                            let mut table = table.clone();
                            let there = |(service, server): &(ServiceKey, ServerKey)| {
                                table.services.get(service).is_some_and(|found| found.server(*server).is_some())
                            };
                            table.loads.retain(|entry, load| !load.is_empty() && there(entry));
                            Input::Read(table)
                        }
                        None => Input::Unread { why: Unreadable::NoIpvs, reason: "no ip_vs".to_owned() },
                    };
                    self.engine.handle(input, self.now);
                }
                Output::ReadPiece { begins } => {
                    self.pieces += 1;
                    self.walks += u32::from(begins);
                    let input = self.piece(begins);
                    self.engine.handle(input, self.now);
                }
                Output::Apply(plan) => {
                    let mut outcomes: Vec<_> = plan.steps.iter().map(|step| self.apply(step)).collect();
                    if std::mem::take(&mut self.lose_answers) {
                        outcomes.fill(StepOutcome::Unknown);
                    }
                    self.engine.handle(Input::Applied(outcomes), self.now);
                }
                Output::WriteWishes => self.kept = self.engine.kept(),
                Output::WriteLedger => self.ledgers.push(self.engine.ledger().clone()),
                Output::Event(event) => self.events.push(event.to_string()),
                Output::Settled => self.settled += 1,
                Output::Ready => self.ready += 1,
                Output::Stopped => self.stopped = true,
                Output::ServiceHealth(key, health) => self.healths.push((key, health)),
                Output::Notify(notice) => self.notices.push(notice),
                Output::Fifo(line) => self.lines.push(line),
            }
        }
    }

    /// A probe that may come to its end while it begins.
    fn begin(&mut self, probe: ProbeId) {
        let Some(takes) = self.begins_in.filter(|_| self.engine.script(probe).is_none()) else { return };
        let connect = self.engine.probe(probe).and_then(CheckKind::connect);
        if connect.is_some_and(|connect| self.silent.contains(&connect.target)) {
            self.unanswered.insert(probe, self.now);
            return;
        }
        self.now += takes;
        self.probes.remove(&probe);
        self.engine.handle(Input::Probed(probe, Outcome::Ok), self.now);
    }

    /// Two services at a time.
    fn piece(&mut self, begins: bool) -> Input {
        let Some(table) = &self.table else {
            return Input::Unread { why: Unreadable::NoIpvs, reason: "no ip_vs".to_owned() };
        };
        let from = if begins { None } else { self.unread };
        let mut left = table.services.iter().filter(|(key, _)| from.is_none_or(|from| **key >= from));
        let services: Vec<_> = left.by_ref().take(2).map(|(key, service)| (*key, service.clone())).collect();
        self.unread = left.next().map(|(key, _)| *key);
        let of_these = |service: &ServiceKey| services.iter().any(|(key, _)| key == service);
        let counted = |(service, server): &(ServiceKey, ServerKey)| self.engine.counts_load(*service, *server);
        let loads = table.loads.iter().filter(|(at, load)| of_these(&at.0) && counted(at) && !load.is_empty());
        let loads = loads.map(|(entry, load)| (*entry, *load)).collect();
        let end = self.unread.is_none().then(|| WalkEnd {
            timeouts: table.timeouts,
            daemons: table.daemons.clone(),
            expires_quiescent: table.expires_quiescent,
        });
        Input::Piece(Piece { services, loads, end })
    }

    fn apply(&mut self, step: &Step) -> StepOutcome {
        self.steps.push(step.to_string());
        let written = self.ledgers.last().unwrap_or(self.engine.ledger()).clone();
        let Some(table) = &mut self.table else { return StepOutcome::Unknown };
        let stale = || StepOutcome::Stale("ESRCH".to_owned());
        let service = step.service().and_then(|key| table.services.get(&key));
        if let Step::AddServer { settings: to, .. } | Step::EditServer { to, .. } = step
            && self.refuses == Some(to.forwarding)
        {
            return StepOutcome::Refused("invalid".to_owned());
        }
        match (step, service) {
            (Step::AddService { settings, .. } | Step::EditService { to: settings, .. }, _)
                if self.unbuilt.contains(&settings.scheduler) =>
            {
                return StepOutcome::Refused(format!("no scheduler {}", settings.scheduler));
            }
            (Step::AddService { service, .. }, found) => {
                assert!(written.has_service(*service), "made before it was written down");
                if found.is_some() {
                    return stale();
                }
            }
            (Step::EditService { .. } | Step::DeleteService { .. }, Some(_)) | (Step::SetTimeouts(_), _) => {}
            (Step::StartDaemon { role, settings }, _) => {
                assert!(written.has_daemon(*role), "made before it was written down");
                if table.daemons.as_ref().is_some_and(|daemons| daemons.of(*role).is_some()) {
                    return stale();
                }
                if self.unplugged.contains(&settings.interface) {
                    return StepOutcome::Refused(format!("no interface {}", settings.interface));
                }
            }
            (Step::StopDaemon { role }, _) => {
                if table.daemons.as_ref().is_none_or(|daemons| daemons.of(*role).is_none()) {
                    return stale();
                }
            }
            (Step::AddServer { service, server, .. }, Some(found)) => {
                assert!(written.has_server(*service, *server), "made before it was written down");
                if found.server(*server).is_some() {
                    return stale();
                }
            }
            (Step::EditServer { server, .. } | Step::DeleteServer { server, .. }, Some(found)) => {
                if found.server(*server).is_none() {
                    return stale();
                }
            }
            (
                Step::EditService { .. }
                | Step::DeleteService { .. }
                | Step::AddServer { .. }
                | Step::EditServer { .. }
                | Step::DeleteServer { .. },
                None,
            ) => return stale(),
        }
        step.apply_to(table);
        if let (Some(forwarding), Some(service), Some(server)) = (self.keeps, step.service(), step.server())
            && let Some(service) = table.services.get_mut(&service)
            && let Some(Some(settings)) = service.server(server).map(|settings| settings.cloned())
        {
            service.put(server, ServerSettings { forwarding, ..settings });
        }
        StepOutcome::Done
    }

    /// Ends every probe that runs.
    fn answer(&mut self) {
        for probe in std::mem::take(&mut self.probes) {
            if let Some(run) = self.engine.script(probe) {
                match self.scripts.get(&run.command[0]) {
                    Some(ended) => self.tell(Input::Scripted(probe, ended.clone())),
                    None => drop(self.probes.insert(probe)),
                }
                continue;
            }
            let Some(target) = self.engine.probe(probe).and_then(CheckKind::connect).map(|connect| connect.target)
            else {
                continue;
            };
            if self.obstacle.is_none() && self.silent.contains(&target) {
                self.probes.insert(probe);
                continue;
            }
            let outcome = match self.obstacle {
                Some(obstacle) => Outcome::NotTried(obstacle),
                None if self.dead.contains(&target) => Outcome::Refused,
                None => Outcome::Ok,
            };
            self.tell(Input::Probed(probe, outcome));
        }
    }

    /// Lets time pass; servers answer at once.
    fn pass(&mut self, span: Duration) {
        let end = self.now + span;
        while let Some(at) = self.engine.poll_timeout().filter(|at| *at <= end) {
            self.now = self.now.max(at);
            self.tell(Input::Wake);
            self.answer();
        }
        self.now = self.now.max(end);
    }

    /// Lets time pass until something is so, but no longer than this.
    fn pass_until(&mut self, span: Duration, so: impl Fn(&Self) -> bool) {
        let end = self.now + span;
        while !so(self) {
            let at = self.engine.poll_timeout().filter(|at| *at <= end).expect("it does not come to that");
            self.pass(at.saturating_duration_since(self.now));
        }
    }

    /// A server that nobody has is nobody's mistake here.
    fn ask(&mut self, n: u8, verb: Verb) {
        let _ = self.engine.ask_for(&server_key(n).to_string(), None, verb, self.now);
        self.drain();
    }

    fn load(&mut self, (service, server): (u8, u8), connections: u64) {
        let Some(table) = &mut self.table else { return };
        table.loads.insert((key(service), server_key(server)), Load { established: connections, ..Load::default() });
    }

    fn take_steps(&mut self) -> Vec<String> {
        std::mem::take(&mut self.steps)
    }

    fn edit(&mut self, edit: impl FnOnce(&mut Table)) {
        edit(self.table.as_mut().unwrap());
    }
}

fn empty() -> Option<Table> {
    Some(Table { timeouts: Some(TimeoutSeconds { tcp: 900, tcp_fin: 120, udp: 300 }), ..Table::default() })
}

fn key(n: u8) -> ServiceKey {
    ServiceKey::Address { protocol: Protocol::Tcp, address: [192, 0, 2, n].into(), port: 80 }
}

fn server_key(n: u8) -> ServerKey {
    ServerKey { address: [10, 0, 0, n].into(), port: 80 }
}

fn weight(weight: u32) -> ServerSettings {
    ServerSettings {
        forwarding: Forwarding::Masquerade,
        weight: Weight::new(weight).unwrap(),
        upper_threshold: 0,
        lower_threshold: 0,
    }
}

fn server(n: u8, checked: bool) -> ServerConfig {
    let key = server_key(n);
    let check = Check {
        kind: CheckKind::Tcp(Connect {
            target: SocketAddr::new(key.address, key.port),
            source_address: None,
            source_port: None,
            interface: None,
            mark: None,
        }),
        interval: 6 * S,
        timeout: 3 * S,
        retry: 1,
        retry_interval: S,
        warmup: None,
        tells_failures: None,
        pace: None,
    };
    let checks = if checked { vec![check] } else { Vec::new() };
    ServerConfig { key, settings: weight(1), inhibit_on_failure: false, alpha: false, notify: None, checks }
}

fn config(services: u8, servers: &[ServerConfig]) -> Config {
    let service = |n| ServiceConfig {
        quorum: 1,
        floor: None,
        handover: crate::model::Handover::default(),
        rules: Box::default(),
        key: key(n),
        group: None,
        settings: ServiceSettings::default(),
        servers: servers.to_vec(),
    };
    Config { services: (1..=services).map(service).collect(), ..Config::default() }
}

fn found(services: u8, servers: &[(u8, u32)]) -> Option<Table> {
    let service = |n| {
        let servers = servers.iter().map(|(n, w)| (server_key(*n), Some(weight(*w))));
        (key(n), Service::new(Some(ServiceSettings::default()), servers.collect()))
    };
    Some(Table { services: (1..=services).map(service).collect(), ..empty().unwrap() })
}

fn configure(world: &mut World, config: Config) {
    world.tell(Input::Configure(Arc::new(config)));
}

#[test]
fn servers_without_checks_are_programmed_at_once_in_one_batch() {
    let mut world = World::new(empty());
    configure(&mut world, config(1, &[server(1, false), server(2, false)]));
    assert_eq!(
        world.take_steps(),
        [
            "add service tcp 192.0.2.1:80 (scheduler wlc)",
            "add server 10.0.0.1:80 (NAT, weight 1) to tcp 192.0.2.1:80",
            "add server 10.0.0.2:80 (NAT, weight 1) to tcp 192.0.2.1:80",
        ]
    );
    assert_eq!((world.settled, world.ready, world.reads), (1, 1, 1));
    world.pass(60 * S);
    assert!(world.steps.is_empty(), "a second look finds nothing to do");
    assert!((10..=13).contains(&world.reads), "a look each five seconds, not {}", world.reads);
}

#[test]
fn checked_servers_enter_after_their_first_success_and_leave_after_their_last_allowed_failure() {
    let mut world = World::new(empty());
    let one = "10.0.0.1:80".parse().unwrap();
    world.dead.insert(one);
    configure(&mut world, config(1, &[server(1, true), server(2, true)]));
    assert_eq!(world.take_steps(), ["add service tcp 192.0.2.1:80 (scheduler wlc)"]);
    assert_eq!(world.ready, 1);
    world.pass(S);
    assert_eq!(world.take_steps(), ["add server 10.0.0.2:80 (NAT, weight 1) to tcp 192.0.2.1:80"]);
    world.dead.clear();
    world.pass(7 * S);
    assert_eq!(world.take_steps(), ["add server 10.0.0.1:80 (NAT, weight 1) to tcp 192.0.2.1:80"]);
    world.dead.insert(one);
    // 6 s to the next check, and 1 s more for the failure that is forgiven.
    world.pass(8 * S);
    assert_eq!(world.take_steps(), ["delete server 10.0.0.1:80 from tcp 192.0.2.1:80"]);
    assert!(
        world.events.iter().any(|event| event
            == "server 10.0.0.1:80 of tcp 192.0.2.1:80 is down: 10.0.0.1:80 refuses the connection: nobody listens there"),
        "{:#?}",
        world.events
    );
}

#[test]
fn an_inhibited_server_goes_to_weight_zero_and_back_in_place() {
    let mut world = World::new(empty());
    configure(&mut world, config(1, &[ServerConfig { inhibit_on_failure: true, ..server(1, true) }]));
    world.pass(S);
    world.take_steps();
    world.dead.insert("10.0.0.1:80".parse().unwrap());
    world.pass(8 * S);
    assert_eq!(world.take_steps(), ["edit server 10.0.0.1:80 of tcp 192.0.2.1:80: weight 1 -> 0"]);
    world.dead.clear();
    world.pass(8 * S);
    assert_eq!(world.take_steps(), ["edit server 10.0.0.1:80 of tcp 192.0.2.1:80: weight 0 -> 1"]);
}

#[test]
fn a_server_is_up_only_if_all_its_checks_say_so() {
    let mut world = World::new(empty());
    let mut two = server(1, true);
    let mut other = two.checks[0].clone();
    let CheckKind::Tcp(connect) = &mut other.kind else { panic!() };
    connect.target.set_port(81);
    two.checks.push(other);
    world.dead.insert("10.0.0.1:81".parse().unwrap());
    configure(&mut world, config(1, &[two]));
    world.pass(20 * S);
    assert_eq!(world.take_steps(), ["add service tcp 192.0.2.1:80 (scheduler wlc)"]);
    world.dead.clear();
    world.pass(7 * S);
    assert_eq!(world.take_steps().len(), 1);
    let status = &world.engine.servers(0)[0];
    assert_eq!((status.health, status.checks.len()), (crate::balance::Health::Up, 2));
    assert_eq!(status.reason(), "accepts the connection");
}

#[test]
fn killed_and_started_again_it_writes_nothing_and_knows_its_own() {
    let servers = [server(1, true), server(2, true)];
    let mut first = World::new(empty());
    configure(&mut first, config(3, &servers));
    first.pass(2 * S);
    // SIGKILL: only the kernel's table and the written ledger remain.
    let (table, ledger) = (first.table.clone(), first.ledgers.last().unwrap().clone());
    let mut second = World::with(table.clone(), ledger.clone());
    configure(&mut second, config(3, &servers));
    assert_eq!((second.ready, second.ledgers.len()), (1, 0));
    second.pass(60 * S);
    assert!(second.steps.is_empty(), "{:#?}", second.steps);
    // With a smaller file, what the first process had made goes.
    let mut third = World::with(table, ledger);
    configure(&mut third, config(1, &servers[..1]));
    assert_eq!(
        third.take_steps(),
        [
            "delete server 10.0.0.2:80 from tcp 192.0.2.1:80",
            "delete service tcp 192.0.2.2:80",
            "delete service tcp 192.0.2.3:80"
        ]
    );
    assert_eq!(third.ledgers, [Ledger::of(&config(1, &servers[..1]))], "and is forgotten");
}

#[test]
fn a_server_found_stays_as_it_was_until_a_check_has_spoken() {
    // 1 in use, 2 inhibited, 3 not there; 4 in use and dead.
    let mut world = World::new(found(1, &[(1, 1), (2, 0), (4, 1)]));
    world.dead.insert("10.0.0.4:80".parse().unwrap());
    configure(&mut world, config(1, &[server(1, true), server(2, true), server(3, true), server(4, true)]));
    assert!(world.take_steps().is_empty());
    world.pass(S);
    let mut steps = world.take_steps();
    steps.sort();
    assert_eq!(
        steps,
        [
            "add server 10.0.0.3:80 (NAT, weight 1) to tcp 192.0.2.1:80",
            "delete server 10.0.0.4:80 from tcp 192.0.2.1:80",
            "edit server 10.0.0.2:80 of tcp 192.0.2.1:80: weight 0 -> 1",
        ]
    );
}

#[test]
fn entries_of_others_are_left_alone_even_within_a_service_that_we_adopt() {
    let mut world = World::new(found(2, &[(1, 7), (9, 1)]));
    configure(&mut world, config(1, &[server(1, false)]));
    assert_eq!(world.take_steps(), ["edit server 10.0.0.1:80 of tcp 192.0.2.1:80: weight 7 -> 1"]);
    // The service that we leave keeps the other's server.
    configure(&mut world, Config::default());
    assert_eq!(world.take_steps(), ["delete server 10.0.0.1:80 from tcp 192.0.2.1:80"]);
    assert!(world.engine.ledger().is_empty());
    assert_eq!(world.engine.kernel_state(), KernelState::Unneeded);
    let left = world.table.unwrap();
    assert_eq!(left.services[&key(1)].servers().len(), 1);
    assert_eq!(left.services[&key(2)].servers().len(), 2);
}

#[test]
fn an_exclusive_table_holds_nothing_else() {
    let mut world = World::new(found(2, &[(1, 1), (9, 1)]));
    let global = Global { exclusive: true, ..Global::default() };
    configure(&mut world, Config { global, ..config(1, &[server(1, false)]) });
    assert_eq!(
        world.take_steps(),
        ["delete server 10.0.0.9:80 from tcp 192.0.2.1:80", "delete service tcp 192.0.2.2:80"]
    );
}

#[test]
fn a_reload_of_the_same_file_writes_nothing_and_keeps_every_timer() {
    let servers = [server(1, true), server(2, true)];
    let mut world = World::new(empty());
    configure(&mut world, config(2, &servers));
    world.pass(10 * S);
    world.take_steps();
    let ledgers = world.ledgers.len();
    let timeout = world.engine.timers.next();
    let since = world.engine.servers(1)[1].since;
    configure(&mut world, config(2, &servers));
    assert!(world.steps.is_empty() && world.settled == 2 && world.ready == 1);
    assert_eq!(world.ledgers.len(), ledgers);
    assert_eq!(world.engine.timers.next(), timeout);
    assert_eq!(world.engine.servers(1)[1].since, since);
    assert_eq!(world.engine.preview(&Arc::new(config(2, &servers)), world.table.as_ref().unwrap()), Plan::default());
}

#[test]
fn a_reload_changes_what_is_different_and_resets_nothing() {
    let mut world = World::new(empty());
    configure(&mut world, config(1, &[server(1, true), server(2, true)]));
    world.pass(2 * S);
    world.take_steps();
    let mut new = config(2, &[server(2, true), server(3, true)]);
    new.services[0].settings.scheduler = Scheduler::RoundRobin;
    new.services[0].servers[0].settings = weight(5);
    let want = [
        "edit service tcp 192.0.2.1:80: scheduler wlc -> rr",
        "edit server 10.0.0.2:80 of tcp 192.0.2.1:80: weight 1 -> 5",
        "delete server 10.0.0.1:80 from tcp 192.0.2.1:80",
        "add service tcp 192.0.2.2:80 (scheduler wlc)",
        // Its state is known from the first service.
        "add server 10.0.0.2:80 (NAT, weight 1) to tcp 192.0.2.2:80",
    ];
    let preview = world.engine.preview(&Arc::new(new.clone()), world.table.as_ref().unwrap());
    assert_eq!(preview.steps.iter().map(ToString::to_string).collect::<Vec<_>>(), want);
    configure(&mut world, new);
    assert_eq!(world.take_steps(), want);
    assert_eq!(world.engine.servers(0)[0].health, crate::balance::Health::Up, "known from before");
    assert_eq!(world.engine.servers(0)[1].health, crate::balance::Health::Unknown);
    world.pass(S);
    assert_eq!(world.take_steps().len(), 2, "the new one enters both when it has answered");
}

#[test]
fn a_probe_that_runs_survives_a_reload_and_that_of_a_server_that_went_does_not() {
    let mut world = World::new(empty());
    configure(&mut world, config(1, &[server(1, true), server(2, true)]));
    world.now += S;
    world.tell(Input::Wake);
    assert_eq!(world.probes.len(), 2);
    configure(&mut world, config(1, &[server(2, true)]));
    assert_eq!(world.probes.len(), 1);
    let target = world.engine.probe(*world.probes.first().unwrap()).unwrap().connect().unwrap().target;
    assert_eq!(target, "10.0.0.2:80".parse().unwrap());
    world.take_steps();
    world.answer();
    assert_eq!(world.take_steps(), ["add server 10.0.0.2:80 (NAT, weight 1) to tcp 192.0.2.1:80"]);
}

#[test]
fn drift_is_put_right_after_two_looks_that_agree() {
    let mut world = World::new(empty());
    configure(&mut world, config(2, &[server(1, true), server(2, true)]));
    world.pass(2 * S);
    world.take_steps();
    world.edit(|table| {
        table.services.get_mut(&key(1)).unwrap().remove(server_key(1));
        table.services.get_mut(&key(2)).unwrap().put(server_key(2), weight(9));
        table.services.get_mut(&key(2)).unwrap().put(server_key(77), weight(1));
        table.services.insert(key(50), Service::default());
    });
    let reads = world.reads;
    while world.reads == reads {
        world.pass(10 * MS);
    }
    assert!(world.steps.is_empty(), "one look is not enough");
    world.pass(S);
    assert_eq!(
        world.take_steps(),
        [
            "add server 10.0.0.1:80 (NAT, weight 1) to tcp 192.0.2.1:80",
            "edit server 10.0.0.2:80 of tcp 192.0.2.2:80: weight 9 -> 1"
        ]
    );
    assert_eq!(world.engine.counts().repairs, 1);
    assert!(world.events.iter().any(|event| event.contains("changed by somebody else")), "{:#?}", world.events);
    world.pass(20 * S);
    assert!(world.steps.is_empty(), "others' entries stay");
}

#[test]
fn a_torn_dump_is_not_acted_upon() {
    let mut world = World::new(empty());
    configure(&mut world, config(1, &[server(1, true)]));
    world.pass(2 * S);
    world.take_steps();
    let whole = world.table.clone();
    let reads = world.reads;
    world.edit(|table| table.services.clear());
    while world.reads == reads {
        world.pass(10 * MS);
    }
    world.table = whole;
    world.pass(20 * S);
    assert!(world.steps.is_empty());
    assert_eq!(world.engine.counts().repairs, 0);
}

#[test]
fn a_setting_that_the_kernel_does_not_keep_is_not_fought_over_for_ever() {
    let mut world = World::new(empty());
    world.keeps = Some(Forwarding::Local);
    configure(&mut world, config(1, &[server(1, false), server(2, false)]));
    world.pass(60 * S);
    let edits = world.take_steps().iter().filter(|step| step.starts_with("edit server 10.0.0.1")).count();
    assert!((2..=4).contains(&edits), "{edits}");
    assert!(world.events.iter().any(|event| event.contains("does not last")), "{:#?}", world.events);
    let problem = world.engine.problem(Subject::Server(key(1), server_key(1)));
    assert!(problem.is_some_and(|problem| problem.contains("does not last")), "{problem:?}");
}

#[test]
fn answers_that_were_lost_lead_to_a_fresh_look_before_anything_else() {
    let mut world = World::new(empty());
    world.lose_answers = true;
    configure(&mut world, config(1, &[server(1, false)]));
    assert_eq!((world.reads, world.ready, world.steps.len()), (2, 1, 2), "done once, seen, not done again");
}

#[test]
fn a_table_that_is_not_as_thought_is_read_again_and_put_right() {
    let mut world = World::new(empty());
    // The table is not looked at for its own sake.
    world.engine.drift_interval = 600 * S;
    configure(&mut world, config(1, &[server(1, true), server(2, true)]));
    world.pass(2 * S);
    world.take_steps();
    world.edit(|table| table.services.clear());
    world.dead.insert("10.0.0.2:80".parse().unwrap());
    // The failing server is to be deleted, and that shows that the whole service is gone.
    while !world.steps.iter().any(|step| step.starts_with("delete server")) {
        world.pass(MS);
    }
    assert_eq!(
        world.take_steps(),
        [
            "delete server 10.0.0.2:80 from tcp 192.0.2.1:80",
            "add service tcp 192.0.2.1:80 (scheduler wlc)",
            "add server 10.0.0.1:80 (NAT, weight 1) to tcp 192.0.2.1:80"
        ]
    );
}

#[test]
fn a_refused_service_does_not_hold_up_the_others_and_is_tried_again_at_a_growing_distance() {
    let mut world = World::new(empty());
    world.unbuilt.insert(Scheduler::PowerOfTwo);
    let mut config = config(2, &[server(1, false)]);
    config.services[0].settings.scheduler = Scheduler::PowerOfTwo;
    configure(&mut world, config);
    assert_eq!(world.ready, 1);
    assert_eq!(world.table.as_ref().unwrap().services[&key(2)].servers().len(), 1);
    assert_eq!(world.engine.problem(Subject::Service(key(1))), Some("no scheduler twos"));
    assert_eq!(world.events.len(), 1, "{:#?}", world.events);
    world.take_steps();
    world.pass(120 * S);
    let tries = world.take_steps().iter().filter(|step| step.starts_with("add service")).count();
    assert!((5..=8).contains(&tries), "{tries}");
    assert_eq!(world.events.len(), 1, "told once");
    world.unbuilt.clear();
    world.pass(61 * S);
    assert_eq!(world.table.as_ref().unwrap().services[&key(1)].servers().len(), 1);
    assert_eq!(world.engine.problem(Subject::Service(key(1))), None);
}

#[test]
fn without_ipvs_the_checks_go_on_and_the_table_is_programmed_when_it_comes() {
    let mut world = World::new(None);
    configure(&mut world, config(1, &[server(1, true)]));
    assert_eq!((world.settled, world.ready), (1, 0));
    assert_eq!(world.engine.kernel_state(), KernelState::Away("no ip_vs"));
    world.pass(30 * S);
    assert_eq!(world.events.iter().filter(|event| event.contains("not available")).count(), 1, "told once");
    assert_eq!(world.engine.servers(0)[0].health, crate::balance::Health::Up);
    world.table = empty();
    world.pass(4 * S);
    assert_eq!((world.take_steps().len(), world.ready, world.settled), (2, 1, 1));
    assert!(world.events.contains(&"IPVS is available".to_owned()));
    // The module is taken away, and brought back empty.
    world.table = None;
    world.pass(10 * S);
    world.table = empty();
    world.pass(4 * S);
    assert_eq!(world.take_steps().len(), 2);
}

#[test]
fn without_services_the_kernel_is_not_asked() {
    let mut world = World::new(None);
    configure(&mut world, Config::default());
    world.pass(600 * S);
    assert_eq!((world.reads, world.ready, world.settled), (0, 1, 1));
    assert_eq!(world.engine.poll_timeout(), None);
    world.tell(Input::Stop);
    assert!(world.stopped);
}

#[test]
fn what_cannot_be_tried_is_told_once_and_takes_nobody_out() {
    let mut world = World::new(found(1, &[(1, 1)]));
    world.obstacle = Some(Obstacle::ProcessFiles);
    configure(&mut world, config(1, &[server(1, true)]));
    world.pass(60 * S);
    assert!(world.steps.is_empty());
    assert_eq!(world.events.len(), 1, "{:#?}", world.events);
    assert!(world.events[0].contains("cannot be checked"), "{:?}", world.events);
    assert_eq!(world.engine.servers(0)[0].health, crate::balance::Health::Unknown);
}

#[test]
fn probes_beyond_the_bound_wait_for_their_turn() {
    let mut world = World::new(empty());
    let servers: Vec<_> = (1..=100).map(|n| server(n, true)).collect();
    let options = Options {
        seed: 1,
        ledger: Ledger::default(),
        kept: Kept::default(),
        probes: 7,
        scripts: 2,
        drift_interval: 5 * S,
    };
    world.engine = Balancer::new(options, world.now);
    configure(&mut world, config(1, &servers));
    world.now += S;
    world.tell(Input::Wake);
    assert_eq!(world.probes.len(), 7);
    while !world.probes.is_empty() {
        world.answer();
        world.tell(Input::Wake);
    }
    assert_eq!(world.most_probes, 7);
    assert_eq!(world.table.as_ref().unwrap().services[&key(1)].servers().len(), 100);
}

/// However many wait, and however fast they come to their end: whose time is up is seen then, and leaves its place.
#[test]
fn nobody_is_waited_for_beyond_its_time_while_others_wait_for_their_turn() {
    let mut world = World::new(empty());
    let options = Options {
        seed: 1,
        ledger: Ledger::default(),
        kept: Kept::default(),
        probes: 7,
        scripts: 2,
        drift_interval: 600 * S,
    };
    world.engine = Balancer::new(options, world.now);
    world.begins_in = Some(40 * MS);
    let quiet: Vec<SocketAddr> =
        [1, 80, 160].map(|n| SocketAddr::new(server_key(n).address, server_key(n).port)).into();
    world.silent.extend(&quiet);
    let servers: Vec<_> = (1..=250).map(|n| server(n, true)).collect();
    configure(&mut world, config(1, &servers));
    let end = world.now + 60 * S;
    world.now += S;
    while world.now < end {
        let before = world.now;
        world.tell(Input::Wake);
        assert!(world.now - before <= S, "so much in one turn: {:?}", world.now - before);
        world.now = world.now.max(world.engine.poll_timeout().unwrap());
    }
    assert!(world.waits.len() >= 6, "{:?}", world.waits);
    assert!(world.waits.iter().all(|wait| *wait < 4 * S), "{:?}", world.waits);
    assert!(!world.events.iter().any(|event| event.contains("nothing was done")), "{:#?}", world.events);
    let state = |n: u8| world.engine.servers(0)[usize::from(n) - 1].health;
    assert_eq!([1, 2, 79, 80, 160].map(|n| state(n) == crate::balance::Health::Up), [false, true, true, false, false]);
}

#[test]
fn a_clean_stop_removes_what_is_ours_or_keeps_it() {
    for keep in [false, true] {
        let mut world = World::new(found(0, &[]));
        let on_stop = if keep { OnStop::Keep } else { OnStop::Remove };
        let global = Global { on_stop, ..Global::default() };
        configure(&mut world, Config { global, ..config(2, &[server(1, true)]) });
        world.pass(2 * S);
        world.edit(|table| {
            table.services.get_mut(&key(2)).unwrap().put(server_key(9), weight(1));
            table.services.insert(key(9), Service::default());
        });
        world.take_steps();
        world.tell(Input::Stop);
        assert!(world.stopped);
        assert!(world.probes.is_empty());
        if keep {
            assert!(world.steps.is_empty() && !world.engine.ledger().is_empty());
        } else {
            assert_eq!(
                world.take_steps(),
                ["delete server 10.0.0.1:80 from tcp 192.0.2.2:80", "delete service tcp 192.0.2.1:80"]
                    .into_iter()
                    .rev()
                    .collect::<Vec<_>>()
            );
            assert!(world.ledgers.last().unwrap().is_empty());
            assert_eq!(world.table.as_ref().unwrap().services.len(), 2, "what others use stays");
        }
        assert_eq!(world.engine.poll_timeout(), None);
    }
}

fn watching(config: Config, keys: &[u8]) -> Config {
    let watch = |n: &u8| TrackService { name: n.to_string(), service: key(*n), condition: ServiceCondition::AnyUp };
    Config { watched_services: keys.iter().map(watch).collect(), ..config }
}

impl World {
    /// What was told since the last time: up, of how many, and their weight.
    fn take_healths(&mut self) -> Vec<Option<(u32, u32, u64)>> {
        let told = std::mem::take(&mut self.healths).into_iter();
        told.map(|(_, health)| health.map(|health| (health.up, health.servers, health.weight_up))).collect()
    }
}

#[test]
fn who_watches_a_service_hears_of_its_servers_and_of_nothing_else() {
    let mut world = World::new(empty());
    let heavy = ServerConfig { settings: weight(5), ..server(2, true) };
    let servers = [server(1, true), heavy, server(3, false)];
    configure(&mut world, watching(config(2, &servers), &[1]));
    assert_eq!(world.take_healths(), [Some((1, 3, 1))], "the one without checks");
    world.pass(S);
    assert_eq!(world.take_healths().last(), Some(&Some((3, 3, 7))));
    world.pass(60 * S);
    assert!(world.take_healths().is_empty(), "no change, no word");
    world.dead.insert("10.0.0.2:80".parse().unwrap());
    world.pass(8 * S);
    assert_eq!(world.take_healths(), [Some((2, 3, 2))]);
    // The other service comes, which is as the first is; a third is not there.
    configure(&mut world, watching(config(2, &servers), &[1, 2, 3]));
    assert_eq!(world.take_healths(), [Some((2, 3, 2)), None]);
    // Nobody watches any more, and then somebody does again.
    configure(&mut world, config(2, &servers));
    assert!(world.take_healths().is_empty());
    configure(&mut world, watching(Config { services: Vec::new(), ..config(0, &[]) }, &[1]));
    assert_eq!(world.take_healths(), [None]);
    configure(&mut world, watching(config(1, &servers[..1]), &[1]));
    world.pass(S);
    assert_eq!(world.take_healths(), [Some((0, 1, 0)), Some((1, 1, 1))]);
    world.tell(Input::Stop);
    assert!(world.take_healths().is_empty(), "a stop is no outage");
}

#[test]
fn beside_live_traffic_nobody_hears_of_an_outage_that_is_none() {
    // In the table, in the table at weight 0, and not there.
    let mut world = World::new(found(1, &[(1, 1), (2, 0)]));
    world.dead.insert("10.0.0.3:80".parse().unwrap());
    configure(&mut world, watching(config(1, &[server(1, true), server(2, true), server(3, true)]), &[1]));
    assert_eq!(world.take_healths(), [Some((1, 3, 1))]);
    world.pass(S);
    assert_eq!(world.take_healths(), [Some((2, 3, 2))]);
}

#[test]
fn without_ipvs_checks_alone_say_how_a_service_stands() {
    let mut world = World::new(None);
    configure(&mut world, watching(config(1, &[server(1, true)]), &[1]));
    assert_eq!(world.take_healths(), [Some((0, 1, 0))]);
    world.pass(S);
    assert_eq!(world.take_healths(), [Some((1, 1, 1))]);
}

#[test]
fn timeouts_are_set_where_they_differ() {
    let mut world = World::new(empty());
    let secs = std::num::NonZeroU32::new;
    let timeouts = Timeouts { tcp_secs: secs(900), tcp_fin_secs: secs(60), udp_secs: None };
    configure(&mut world, Config { global: Global { timeouts, ..Global::default() }, ..Config::default() });
    assert_eq!(world.take_steps(), ["set timeouts: tcpfin 60 s"]);
    world.pass(20 * S);
    assert!(world.steps.is_empty());

    // What the configuration no longer names is as it was before, and so is all after a clean stop.
    let timeouts = Timeouts { udp_secs: secs(33), ..Timeouts::default() };
    configure(&mut world, Config { global: Global { timeouts, ..Global::default() }, ..Config::default() });
    assert_eq!(world.take_steps(), ["set timeouts: tcpfin 120 s, udp 33 s"]);
    world.tell(Input::Stop);
    assert_eq!(world.take_steps(), ["set timeouts: udp 300 s"]);
}

#[test]
fn timeouts_stay_where_all_stays_at_a_stop() {
    let mut world = World::new(empty());
    let timeouts = Timeouts { udp_secs: std::num::NonZeroU32::new(33), ..Timeouts::default() };
    let global = Global { timeouts, on_stop: OnStop::Keep, ..Global::default() };
    configure(&mut world, Config { global, ..Config::default() });
    assert_eq!(world.take_steps(), ["set timeouts: udp 33 s"]);
    world.tell(Input::Stop);
    assert!(world.steps.is_empty());
}

/// Servers that get connections already, or have to prove themselves, can wait for as long as `warmup` says; a service that is
/// empty until one has succeeded cannot.
#[test]
fn first_checks_are_spread_and_warmup_stretches_those_that_nobody_waits_for() {
    let mut servers = held::many(10_300);
    for slow in &mut servers[10_000..] {
        slow.checks[0].warmup = Some(60 * S);
    }
    servers[10_200..].iter_mut().for_each(|server| server.alpha = true);
    let config = config(1, &servers);
    let there: Vec<_> = servers[10_100..10_200].iter().map(|server| (server.key, Some(weight(1)))).collect();
    let mut table = empty().unwrap();
    table.services.insert(key(1), Service::new(Some(ServiceSettings::default()), there.into_iter().collect()));
    let due = |table: Option<Table>| -> Vec<_> {
        let mut world = World::new(table);
        configure(&mut world, config.clone());
        let start = world.now;
        world.engine.roster.checks.iter().map(|slot| slot.machine.poll_timeout().unwrap() - start).collect()
    };
    let spread = |due: &[Duration], over: Duration| {
        let half = due.iter().filter(|at| **at < over / 2).count() * 2;
        let fair = due.len() / 10 * 6..=due.len() / 10 * 14;
        assert!(due.iter().all(|at| *at <= over) && fair.contains(&half), "{half} / 2 of {}: {over:?}", due.len());
    };
    for (table, is_there) in [(Some(table), true), (empty(), false), (None, false)] {
        let due = due(table);
        spread(&due[..10_000], S);
        spread(&due[10_000..10_100], S);
        spread(&due[10_100..10_200], if is_there { 60 * S } else { S });
        spread(&due[10_200..], 60 * S);
        let early = due[..10_000].iter().filter(|at| **at < S / 2).count();
        assert!((4500..=5500).contains(&early), "{early} of 10,000 in the first half second");
    }
}

/// Weight 0 is no place where clients get to; and what a reload brings is waited for as what a start brings.
#[test]
fn warmup_leaves_no_service_empty() {
    let file = |servers: &[u8]| {
        let mut config = config(1, &servers.iter().map(|n| server(*n, true)).collect::<Vec<_>>());
        config.services[0].servers.iter_mut().for_each(|server| server.checks[0].warmup = Some(3600 * S));
        config
    };
    let weights = |world: &World| rules::weights(world);
    for table in [empty(), found(1, &[(1, 0), (2, 0)])] {
        let mut world = World::new(table);
        configure(&mut world, file(&[1, 2]));
        world.pass(S);
        assert_eq!(weights(&world), [(1, 1), (2, 1)]);
        world.dead.insert("10.0.0.1:80".parse().unwrap());
        world.pass(8 * S);
        assert_eq!(weights(&world), [(2, 1)], "afterwards it is the interval that counts");
        configure(&mut world, file(&[2, 3]));
        world.pass(S);
        assert_eq!(weights(&world), [(2, 1), (3, 1)]);
    }
}

mod storms {
    //! Anything may happen in any order; when it is over, the table is as wished, and what others own is as they left it.

    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;
    use crate::model::Group;

    #[derive(Debug, Clone)]
    enum Blow {
        Configure(Vec<(u8, Vec<u8>)>),
        Die(u8),
        Revive(u8),
        Delete(u8, u8),
        Reweigh(u8, u8),
        DeleteService(u8),
        Foreign(u8, u8),
        Load(u8, u8, u64),
        Ask(u8, Verb),
        LoseAnswers,
        TakeIpvs,
        GiveIpvs,
        Restart,
        Pass(u16),
    }

    fn blow() -> impl Strategy<Value = Blow> {
        let services = || vec((1..4_u8, vec(1..6_u8, 0..5)), 0..4);
        prop_oneof![
            3 => services().prop_map(Blow::Configure),
            2 => (1..6_u8).prop_map(Blow::Die),
            2 => (1..6_u8).prop_map(Blow::Revive),
            2 => (1..4_u8, 1..6_u8).prop_map(|(service, server)| Blow::Delete(service, server)),
            2 => (1..4_u8, 1..6_u8).prop_map(|(service, server)| Blow::Reweigh(service, server)),
            1 => (1..4_u8).prop_map(Blow::DeleteService),
            1 => (1..4_u8, 100..103_u8).prop_map(|(service, server)| Blow::Foreign(service, server)),
            3 => (1..4_u8, 1..6_u8, 0..3_u64).prop_map(|(service, server, load)| Blow::Load(service, server, load)),
            3 => (1..6_u8, verb()).prop_map(|(server, verb)| Blow::Ask(server, verb)),
            1 => Just(Blow::LoseAnswers),
            1 => Just(Blow::TakeIpvs),
            1 => Just(Blow::GiveIpvs),
            2 => Just(Blow::Restart),
            5 => (0..12_000_u16).prop_map(Blow::Pass),
        ]
    }

    fn verb() -> impl Strategy<Value = Verb> {
        prop_oneof![
            Just(Verb::Drain(None)),
            (0..20_u32).prop_map(|secs| Verb::Drain(Some(secs * S))),
            Just(Verb::Undrain),
            Just(Verb::Disable),
            Just(Verb::Enable),
            (0..9_u32).prop_map(|value| Verb::Weight(Some(Weight::new(value).unwrap()))),
            Just(Verb::Weight(None)),
        ]
    }

    /// Services with their servers, keys unique. Now and then the second has the third's address too.
    fn build(services: Vec<(u8, Vec<u8>)>) -> Config {
        let mut unique: BTreeMap<_, BTreeSet<_>> =
            services.into_iter().map(|(service, servers)| (service, servers.into_iter().collect())).collect();
        let both = unique.get(&2).is_some_and(|servers| servers.len() % 2 == 0) && unique.remove(&3).is_some();
        let service = |(n, servers): (u8, BTreeSet<u8>)| ServiceConfig {
            group: (both && n == 2).then(|| Box::new(Group { name: None, others: vec![key(3)], mark: None })),
            quorum: 1,
            floor: None,
            handover: crate::model::Handover::default(),
            rules: Box::default(),
            key: key(n),
            settings: ServiceSettings::default(),
            servers: servers.into_iter().map(|n| server(n, n != 1)).collect(),
        };
        Config { services: unique.into_iter().map(service).collect(), ..Config::default() }
    }

    fn strike(world: &mut World, config: &mut Config, blow: Blow) {
        let address = |n| SocketAddr::new(server_key(n).address, 80);
        match blow {
            Blow::Configure(services) => {
                *config = build(services);
                configure(world, config.clone());
            }
            Blow::Die(n) => {
                world.dead.insert(address(n));
            }
            Blow::Revive(n) => {
                world.dead.remove(&address(n));
            }
            Blow::Ask(n, verb) => world.ask(n, verb),
            Blow::Load(service, server, connections) => world.load((service, server), connections),
            Blow::LoseAnswers => world.lose_answers = true,
            Blow::TakeIpvs => world.table = None,
            Blow::GiveIpvs => world.table = world.table.take().or(empty()),
            Blow::Pass(millis) => world.pass(u32::from(millis) * MS),
            Blow::Restart => {
                let ledger = world.ledgers.last().unwrap_or(world.engine.ledger()).clone();
                let kept = world.kept.clone();
                let options = Options { seed: 2, ledger, kept, probes: 3, scripts: 2, drift_interval: 5 * S };
                world.engine = Balancer::new(options, world.now);
                world.probes.clear();
                configure(world, config.clone());
            }
            Blow::Delete(..) | Blow::Reweigh(..) | Blow::DeleteService(_) | Blow::Foreign(..) => {
                let Some(table) = &mut world.table else { return };
                match (blow, table) {
                    (Blow::DeleteService(service), table) => {
                        table.services.remove(&key(service));
                    }
                    (Blow::Foreign(service, server), table) => {
                        table.services.entry(key(service)).or_default().put(server_key(server), weight(3));
                    }
                    (Blow::Delete(service, server), table) => {
                        if let Some(service) = table.services.get_mut(&key(service)) {
                            service.remove(server_key(server));
                        }
                    }
                    (Blow::Reweigh(service, server), table) => {
                        let service = table.services.get_mut(&key(service));
                        if let Some(service) = service.filter(|found| found.server(server_key(server)).is_some()) {
                            service.put(server_key(server), weight(9));
                        }
                    }
                    (_, _) => {}
                }
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

        #[test]
        fn after_a_storm_all_is_as_wished(blows in vec(blow(), 1..40)) {
            let mut world = World::new(empty());
            let mut config = Config::default();
            for blow in blows {
                let foreign = foreigners(&world);
                let by_hand = matches!(blow, Blow::DeleteService(_) | Blow::Foreign(..) | Blow::TakeIpvs | Blow::GiveIpvs);
                strike(&mut world, &mut config, blow);
                if !by_hand {
                    prop_assert_eq!(foreigners(&world), foreign, "somebody else's entries were touched");
                }
            }
            world.dead.clear();
            world.lose_answers = false;
            world.table = world.table.take().or(empty());
            // What was asked for is taken back, also of those that are not configured now.
            let whole = build((1..4).map(|service| (service, (1..6).collect())).collect());
            for config in [whole, config.clone()] {
                configure(&mut world, config);
                for n in 1..6 {
                    world.ask(n, Verb::Enable);
                    world.ask(n, Verb::Weight(None));
                }
            }
            prop_assert_eq!(&world.kept.wishes, &Wishes::default());
            // Whoever goes has 30 seconds.
            world.edit(|table| table.loads.retain(|_, load| load.established > 1));
            let foreign = foreigners(&world);
            world.pass(200 * S);
            prop_assert_eq!(&foreigners(&world), &foreign);
            let table = world.table.as_ref().unwrap();
            for (service, key) in config.services.iter().flat_map(|service| service.keys().map(move |key| (service, key))) {
                let found = table.services.get(&key);
                prop_assert!(found.is_some(), "{} is missing", key);
                for server in &service.servers {
                    prop_assert_eq!(
                        found.and_then(|found| found.server(server.key)), Some(Some(&server.settings)), "{} of {}",
                        server.key, key
                    );
                }
            }
            for (key, found) in &table.services {
                let wished = config.services.iter().find(|service| service.keys().any(|other| other == *key));
                for server in found.servers().keys() {
                    let wanted = wished.is_some_and(|wished| wished.servers.iter().any(|other| other.key == *server));
                    let theirs = !world.engine.ledger().has_server(*key, *server);
                    prop_assert!(wanted || theirs, "{server} of {key} is left over");
                }
                prop_assert!(wished.is_some() || found.servers().iter().any(|(server, _)| server.port == 80), "{key}");
            }
            let (steps, ledgers) = (world.steps.len(), world.ledgers.len());
            configure(&mut world, config);
            world.pass(60 * S);
            prop_assert_eq!((world.steps.len(), world.ledgers.len()), (steps, ledgers), "{:#?}", &world.steps[steps..]);
            world.tell(Input::Stop);
            prop_assert!(world.stopped);
            prop_assert_eq!(&foreigners(&world), &foreign);
        }
    }

    /// Servers that nobody ever configures.
    fn foreigners(world: &World) -> Vec<(ServiceKey, ServerKey, Option<ServerSettings>)> {
        let services = world.table.iter().flat_map(|table| &table.services);
        services
            .flat_map(|(key, service)| {
                let servers = service.servers().iter().filter(|(server, _)| **server >= server_key(100));
                servers.map(|(server, settings)| (*key, *server, settings.clone()))
            })
            .collect()
    }
}
