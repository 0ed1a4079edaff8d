//! What is watched: each kind, weight and sense, alone and for a group; and that nothing but the last facts counts.

use std::num::NonZeroU32;

use proptest::prelude::*;

use super::*;
use crate::model::{
    Check, CheckKind, Connect, FileContent, InterfaceDelay, NextHop, ProcessArguments, Protocol, RouterSettings, Rule,
    RuleAction, ScriptFault, ServiceCondition, ServiceKey, StaticState, TrackCheck, TrackFile, TrackGroup,
    TrackProcess, TrackService, VirtualRouterId,
};

const SECOND: Duration = Duration::from_secs(1);

fn process(name: &str) -> TrackProcess {
    TrackProcess {
        name: name.to_owned(),
        program: name.to_owned(),
        arguments: None,
        full_command: false,
        quorum: 1,
        quorum_max: None,
        fork_delay: Duration::ZERO,
        terminate_delay: Duration::ZERO,
    }
}

fn file(name: &str) -> TrackFile {
    TrackFile { name: name.to_owned(), path: format!("/run/{name}"), start: None }
}

fn key(port: u16) -> ServiceKey {
    ServiceKey::Address { protocol: Protocol::Tcp, address: PEER.into(), port }
}

fn service(name: &str, port: u16, condition: ServiceCondition) -> TrackService {
    TrackService { name: name.to_owned(), service: key(port), condition }
}

fn check(name: &str, rise: u32, fall: u32) -> TrackCheck {
    let connect =
        Connect { target: (PEER, 80).into(), source_address: None, source_port: None, interface: None, mark: None };
    let check = Check {
        kind: CheckKind::Tcp(connect),
        interval: SECOND,
        timeout: SECOND,
        retry: 0,
        retry_interval: SECOND,
        warmup: None,
        tells_failures: None,
        pace: None,
    };
    TrackCheck { name: name.to_owned(), check, rise, fall }
}

/// Everything that can be watched, by the name of `x`.
fn definitions() -> Config {
    Config {
        scripts: vec![TrackScript { fall: 1, ..script("x") }],
        processes: vec![process("x")],
        files: vec![file("x")],
        watched_services: vec![service("x", 80, ServiceCondition::AnyUp)],
        checks: vec![check("x", 1, 1)],
        ..Config::default()
    }
}

fn kinds() -> [Watched; 6] {
    let x = || "x".to_owned();
    [
        Watched::Interface(x()),
        Watched::Script(x()),
        Watched::Process(x()),
        Watched::File(x()),
        Watched::Service(x()),
        Watched::Check(x()),
    ]
}

fn health(servers: u32, up: u32, weight_up: u64, quorum: u32) -> Option<ServiceHealth> {
    Some(ServiceHealth { servers, up, weight_up, quorum })
}

impl Bench {
    fn load(&mut self, config: Config) -> Vec<String> {
        self.input(Input::Configure(Arc::new(config)))
    }

    fn with(config: Config) -> Self {
        let mut bench = Self::new(Vec::new());
        bench.load(config);
        bench
    }

    fn fact(&mut self, fact: Fact) -> Vec<String> {
        self.input(Input::Fact(fact))
    }

    fn runs_of(&mut self, name: &str, running: u32) -> Vec<String> {
        self.fact(Fact::Processes { name: name.to_owned(), running })
    }

    fn holds(&mut self, name: &str, content: FileContent) -> Vec<String> {
        self.fact(Fact::File { name: name.to_owned(), content })
    }

    fn checked(&mut self, name: &str, ok: bool) -> Vec<String> {
        self.fact(Fact::Check { name: name.to_owned(), ok, detail: "it was looked at".to_owned() })
    }

    fn serves(&mut self, port: u16, health: Option<ServiceHealth>) -> Vec<String> {
        self.fact(Fact::Service { key: key(port), health })
    }

    /// Makes `x` of a kind well, or fail. A file that "fails" holds 1: its number is what counts.
    fn set(&mut self, what: &Watched, well: bool) -> Vec<String> {
        match what {
            Watched::Interface(name) => self.input(Input::Link(link(9, name, well))),
            Watched::Script(name) => {
                let mut words = self.pass(SECOND);
                words.extend(self.finish(name, i32::from(!well)));
                words
            }
            Watched::Process(name) => self.runs_of(name, u32::from(well)),
            Watched::File(name) => self.holds(name, FileContent::Number(i64::from(!well))),
            Watched::Service(_) => self.serves(80, health(3, u32::from(well), 1, 1)),
            Watched::Check(name) => self.checked(name, well),
            Watched::Bfd(_) => panic!(),
        }
    }

    fn priorities(&self) -> Vec<u8> {
        self.router.status(self.now).iter().map(|status| status.effective_priority).collect()
    }

    fn faults(&self, at: usize) -> Vec<String> {
        self.router.status(self.now)[at].faults.clone()
    }
}

fn tracked(what: &Watched, weight: i16, reverse: bool) -> Tracked {
    Tracked { what: what.clone(), weight, reverse }
}

/// Whether the router runs, and what is added, while `x` is well and while it fails.
fn expected(what: &Watched, weight: i16, reverse: bool) -> [(bool, i16); 2] {
    let sign = if reverse { -1 } else { 1 };
    match (what, weight) {
        // Well is 0, failed is 1.
        (Watched::File(_), 0) => [(!reverse, 0), (reverse, 0)],
        (Watched::File(_), weight) => [(true, 0), (true, weight * sign)],
        (_, 0) => [(!reverse, 0), (reverse, 0)],
        (_, 1..) => [(true, weight * sign), (true, 0)],
        (_, _) => [(true, 0), (true, weight * sign)],
    }
}

#[test]
fn every_kind_weight_and_sense_alone_and_for_a_group() {
    #[derive(Debug, Clone, Copy, PartialEq)]
    enum Of {
        Itself,
        ItsGroup { weighted: bool },
        ItselfInAGroup { weighted: bool },
    }
    let owners = [
        Of::Itself,
        Of::ItsGroup { weighted: true },
        Of::ItsGroup { weighted: false },
        Of::ItselfInAGroup { weighted: true },
        Of::ItselfInAGroup { weighted: false },
    ];
    for what in kinds() {
        for (weight, reverse) in [0, 20, -30].into_iter().flat_map(|weight| [(weight, false), (weight, true)]) {
            for of in owners {
                let case = format!("{what}, weight {weight}, reverse {reverse}, {of:?}");
                let watch = vec![tracked(&what, weight, reverse)];
                let mut config = definitions();
                config.instances = vec![instance("a", 51), instance("b", 52)];
                let mut sync = group(&["a", "b"]);
                let (mut counts, mut shared) = (true, true);
                match of {
                    Of::Itself => {
                        config.instances[0].tracks = watch;
                        sync.clear();
                        shared = false;
                    }
                    Of::ItsGroup { weighted } => {
                        sync[0].tracks = watch;
                        sync[0].weighted = weighted;
                        counts = weighted;
                    }
                    Of::ItselfInAGroup { weighted } => {
                        config.instances[0].tracks = watch;
                        sync[0].weighted = weighted;
                        counts = weighted;
                        shared = false;
                    }
                }
                let grouped = !sync.is_empty();
                config.sync_groups = sync;
                let mut bench = Bench::with(config);
                let waits = weight == 0 && !matches!(what, Watched::Interface(_));
                if waits {
                    assert_eq!(bench.roles()[0], Role::Initialize, "{case}");
                    assert_eq!(bench.router.status(bench.now)[0].awaited, [what.to_string()], "{case}");
                } else if !matches!(what, Watched::Interface(_)) {
                    assert_eq!(bench.priorities(), [100, 100], "{case}: nothing is known yet");
                }
                for round in 0..4 {
                    let well = round % 2 == 0;
                    bench.set(&what, well);
                    let [while_well, while_failed] = expected(&what, weight, reverse);
                    let (runs, adds) = if well { while_well } else { while_failed };
                    let adds = if counts { adds } else { 0 };
                    let priority = u8::try_from(100 + adds).unwrap();
                    let roles = bench.roles();
                    assert_eq!(roles[0] != Role::Fault, runs, "{case}, round {round}");
                    assert_eq!(bench.priorities()[0], priority, "{case}, round {round}");
                    if grouped {
                        assert_eq!(roles[1] != Role::Fault, runs, "{case}, round {round}");
                    }
                    let other = if shared { priority } else { 100 };
                    assert_eq!(bench.priorities()[1], other, "{case}, round {round}");
                }
            }
        }
    }
}

#[test]
fn an_owner_ignores_weights_and_has_faults() {
    let mut config = definitions();
    let check = Watched::Check("x".to_owned());
    let tracks = vec![tracked(&check, -50, false), tracked(&Watched::File("x".to_owned()), 1, false)];
    config.instances = vec![Instance { priority: Priority::OWNER, tracks, ..instance("a", 51) }];
    let mut bench = Bench::with(config);
    bench.checked("x", false);
    bench.holds("x", FileContent::Number(-100));
    assert_eq!((bench.priorities(), bench.roles()), (vec![255], vec![Role::Active]));
    bench.holds("x", FileContent::Number(-254));
    assert_eq!(bench.roles(), [Role::Fault]);
}

fn watching(config: Config, tracks: Vec<Tracked>) -> Config {
    Config { instances: vec![Instance { tracks, ..instance("a", 51) }], ..config }
}

#[test]
fn processes_have_a_quorum_and_patience() {
    let (fork_delay, terminate_delay) = (SECOND * 3, SECOND * 2);
    let patient = TrackProcess { quorum: 2, quorum_max: Some(3), fork_delay, terminate_delay, ..process("x") };
    let config = Config { processes: vec![patient], ..Config::default() };
    let mut bench = Bench::with(watching(config, vec![tracked(&Watched::Process("x".to_owned()), 0, false)]));
    assert_eq!(bench.roles(), [Role::Initialize]);
    // The first count decides.
    let words = bench.runs_of("x", 2);
    assert!(words.contains(&"! process x is well: 2 run, 2 to 3 wanted".to_owned()), "{words:?}");
    assert_eq!(bench.roles(), [Role::Backup]);
    // A restart within the delay is not noticed.
    assert_eq!(bench.runs_of("x", 1), Vec::<String>::new());
    let status = bench.router.status(bench.now).remove(0);
    assert_eq!(status.tracks[1].detail, "1 runs, 2 to 3 wanted; counts in 2.0 s");
    bench.pass(Duration::from_millis(1999));
    bench.runs_of("x", 2);
    bench.pass(SECOND * 5);
    assert_eq!(bench.roles(), [Role::Active]);
    // One that goes on is; more of the same does not begin the wait anew.
    bench.runs_of("x", 1);
    bench.pass(SECOND);
    bench.runs_of("x", 0);
    bench.pass(Duration::from_millis(999));
    assert_eq!(bench.roles(), [Role::Active]);
    let words = bench.pass(Duration::from_millis(1));
    assert!(words.contains(&"! process x fails: 0 run, 2 to 3 wanted".to_owned()), "{words:?}");
    assert_eq!((bench.roles(), bench.reason(0).as_str()), (vec![Role::Fault], "process x does not run as it should"));
    // Up again after the other delay; too many are as bad as too few.
    bench.runs_of("x", 3);
    bench.pass(Duration::from_millis(2999));
    assert_eq!(bench.roles(), [Role::Fault]);
    bench.pass(Duration::from_millis(1));
    assert_eq!(bench.roles(), [Role::Backup]);
    bench.runs_of("x", 4);
    bench.pass(SECOND * 3);
    assert_eq!(bench.roles(), [Role::Fault]);
    assert_eq!(bench.router.poll_timeout(), None);
    // One of too many ends: that waits for as long as any end does.
    bench.runs_of("x", 3);
    bench.pass(Duration::from_millis(1999));
    assert_eq!(bench.roles(), [Role::Fault]);
    bench.pass(Duration::from_millis(1));
    assert_eq!(bench.roles(), [Role::Backup]);
}

#[test]
fn a_files_number() {
    let what = Watched::File("x".to_owned());
    let mut bench = Bench::with(watching(definitions(), vec![tracked(&what, 2, false)]));
    for (content, priority, told) in [
        (FileContent::Number(10), 120, "! file x holds 10"),
        (FileContent::Missing, 100, "! file x is not there; counts as 0"),
        (FileContent::Number(-200), 100, "! file x holds -200"),
        (
            FileContent::NotANumber("ten\x1b\n".to_owned()),
            100,
            "! file x has no number (\"ten\\u{1b}\\n\"); counts as 0",
        ),
        (FileContent::Number(1_000_000), 254, "! file x holds 1000000"),
        (
            FileContent::Unreadable("it is not a file".to_owned()),
            100,
            "! file x cannot be read (it is not a file); counts as 0",
        ),
    ] {
        let fault = content == FileContent::Number(-200);
        let words = bench.holds("x", content);
        assert!(words.contains(&told.to_owned()), "{words:?}");
        assert_eq!(bench.priorities(), [priority]);
        assert_eq!(bench.roles()[0] == Role::Fault, fault, "{told}");
    }
}

#[test]
fn checks_rise_and_fall_and_the_first_result_decides() {
    let config = Config { checks: vec![check("x", 3, 2)], ..Config::default() };
    let mut bench = Bench::with(watching(config, vec![tracked(&Watched::Check("x".to_owned()), -10, false)]));
    let mut seen = String::new();
    for result in "--+++-+--+++".chars() {
        bench.checked("x", result == '+');
        seen.push(if bench.priorities() == [100] { 'U' } else { 'D' });
    }
    assert_eq!(seen, "DDDDUUUUDDDU");
}

#[test]
fn conditions_of_services() {
    use ServiceCondition::{AnyUp, Quorum, Share};
    for (condition, servers, up, weight_up, quorum, well) in [
        (AnyUp, 3, 1, 1, 9, true),
        (AnyUp, 3, 0, 0, 0, false),
        (AnyUp, 0, 0, 0, 1, false),
        (Quorum, 3, 1, 5, 5, true),
        (Quorum, 3, 3, 4, 5, false),
        (Share(50), 4, 2, 2, 9, true),
        (Share(51), 4, 2, 2, 1, false),
        (Share(100), 3, 3, 3, 1, true),
        (Share(34), 3, 1, 1, 1, false),
        (Share(10), 0, 0, 0, 1, false),
    ] {
        let config = Config { watched_services: vec![service("web", 80, condition)], ..Config::default() };
        let mut bench = Bench::with(watching(config, vec![tracked(&Watched::Service("web".to_owned()), 0, false)]));
        // That the balancer does not know it, yet, is no verdict; another service is nobody's business here.
        bench.serves(80, None);
        bench.serves(81, health(1, 1, 1, 1));
        assert_eq!(bench.roles(), [Role::Initialize]);
        bench.serves(80, health(servers, up, weight_up, quorum));
        assert_eq!(bench.roles() == [Role::Backup], well, "{condition:?} {servers} {up} {weight_up} {quorum}");
        if !well {
            assert_eq!(bench.reason(0), "service web has too few servers");
        }
    }
}

#[test]
fn what_is_not_built_or_not_defined() {
    let bfd = Watched::Bfd("x".to_owned());
    let mut bench = Bench::with(watching(Config::default(), vec![tracked(&bfd, 0, false), tracked(&bfd, -5, true)]));
    assert_eq!((bench.roles(), bench.priorities()), (vec![Role::Backup], vec![100]));
    // Reports of what nobody knows leave no trace.
    assert_eq!(bench.runs_of("x", 1), Vec::<String>::new());
    assert_eq!(bench.checked("x", true), Vec::<String>::new());

    let bench = Bench::with(watching(Config::default(), vec![tracked(&Watched::Process("x".to_owned()), 5, false)]));
    assert_eq!(bench.reason(0), "the configuration defines no process x");
}

fn delayed(down: Duration, up: Duration) -> Config {
    let interface_delays = vec![InterfaceDelay { interface: "eth0".to_owned(), down, up }];
    let router = RouterSettings { interface_delays, ..RouterSettings::default() };
    Config { instances: vec![instance("a", 51)], router, ..Config::default() }
}

#[test]
fn changes_of_an_interface_count_if_they_last() {
    let mut bench = Bench::with(delayed(SECOND * 2, SECOND * 5));
    bench.pass(LONG);
    assert_eq!(bench.roles(), [Role::Active]);
    // Carrier flaps: nothing is sent meanwhile, and nothing else happens.
    bench.input(Input::Link(link(2, "eth0", false)));
    let words = bench.pass(Duration::from_millis(1900));
    assert_eq!(words, Vec::<String>::new());
    bench.input(Input::Link(link(2, "eth0", true)));
    assert!(bench.pass(SECOND).contains(&"send 51 prio 100".to_owned()));
    assert_eq!(bench.roles(), [Role::Active]);
    // It stays down.
    bench.input(Input::Link(link(2, "eth0", false)));
    bench.pass(Duration::from_millis(1999));
    assert_eq!(bench.roles(), [Role::Active]);
    bench.pass(Duration::from_millis(1));
    assert_eq!(
        (bench.roles(), bench.reason(0).as_str()),
        (vec![Role::Fault], "interface eth0 is down or has no carrier")
    );
    // Up, but a switch does not forward yet.
    bench.input(Input::Link(link(2, "eth0", true)));
    bench.pass(Duration::from_millis(4999));
    assert_eq!(bench.roles(), [Role::Fault]);
    bench.pass(Duration::from_millis(1));
    assert_eq!(bench.roles(), [Role::Backup]);
    // One that is gone is gone at once, and what comes again must last too.
    bench.input(Input::LinkGone { index: 2 });
    assert_eq!(bench.roles(), [Role::Fault]);
    bench.input(Input::Link(link(7, "eth0", true)));
    bench.input(Input::Address(host(7, OWN, 24)));
    assert_eq!(bench.roles(), [Role::Fault]);
    bench.pass(SECOND * 5);
    assert_eq!(bench.roles(), [Role::Backup]);
    // Without the delay all counts at once again.
    bench.input(Input::Link(link(7, "eth0", false)));
    bench.load(Config { router: RouterSettings::default(), ..delayed(SECOND, SECOND) });
    assert_eq!(bench.roles(), [Role::Fault]);
}

#[test]
fn an_interface_that_is_not_tracked_may_be_down_but_not_missing() {
    let mut bench = Bench::new(vec![Instance { track_primary: false, ..instance("a", 51) }]);
    bench.pass(LONG);
    assert_eq!(bench.router.status(bench.now)[0].tracks, []);
    bench.input(Input::Link(link(2, "eth0", false)));
    let words = bench.pass(SECOND * 3);
    assert_eq!((bench.roles(), words), (vec![Role::Active], Vec::new()));
    bench.input(Input::Link(link(2, "eth0", true)));
    assert!(bench.pass(SECOND).contains(&"send 51 prio 100".to_owned()));
    bench.input(Input::LinkGone { index: 2 });
    assert_eq!(bench.roles(), [Role::Fault]);
}

#[test]
fn a_source_address_that_is_tracked_must_be_there() {
    let source = Some(Ipv4Addr::new(10, 0, 0, 9).into());
    let group = GROUP.into();
    let multicast = Transport::Multicast { source, group };
    let unicast = Transport::Unicast { source, peers: vec![Peer::new(PEER.into())], ttl: 255, check_source: false };
    let router = |transport, track_source| Instance { transport, track_source, ..instance("a", 51) };
    for transport in [multicast.clone(), unicast.clone()] {
        let bench = Bench::new(vec![router(transport.clone(), false)]);
        assert_eq!(bench.roles(), [Role::Backup]);
        let mut bench = Bench::new(vec![router(transport, true)]);
        assert_eq!(bench.reason(0), "source address 10.0.0.9 is not on interface eth0");
        bench.input(Input::Address(host(2, Ipv4Addr::new(10, 0, 0, 9), 24)));
        assert_eq!(bench.roles(), [Role::Backup]);
        bench.pass(LONG);
        let words = bench.input(Input::AddressGone(host(2, Ipv4Addr::new(10, 0, 0, 9), 24)));
        assert_eq!(bench.roles(), [Role::Fault]);
        assert!(words.contains(&"send 51 prio 0".to_owned()), "{words:?}");
    }
    // A unicast router may speak from an address of another interface.
    let on_lo = || Input::Address(host(1, Ipv4Addr::new(10, 0, 0, 9), 32));
    for (transport, runs) in [(multicast, false), (unicast.clone(), true)] {
        let mut bench = Bench::new(vec![router(transport, true)]);
        bench.input(on_lo());
        assert_eq!(bench.roles() == [Role::Backup], runs);
    }
    let nowhere =
        Instance { id: VirtualRouterId { interface: None, ..instance("a", 51).id }, ..router(unicast, false) };
    let bench = Bench::new(vec![nowhere]);
    assert_eq!(bench.reason(0), "no interface has its source address 10.0.0.9; waiting for it to appear");
    let nobody = Transport::Unicast { source: None, peers: Vec::new(), ttl: 255, check_source: false };
    let bench = Bench::new(vec![Instance { transport: nobody, ..instance("a", 51) }]);
    assert_eq!(bench.reason(0), "it speaks to unicast peers, and has none");
}

fn route(interface: &str) -> crate::model::Route {
    crate::model::Route {
        hops: vec![NextHop { interface: Some(interface.to_owned()), ..NextHop::default() }],
        ..crate::model::Route::new((Ipv4Addr::new(10, 9, 0, 0).into(), 16))
    }
}

fn rule(interface: &str) -> Rule {
    Rule { input: Some(interface.to_owned()), ..Rule::new(Family::V4, 100, RuleAction::Lookup(7)) }
}

fn on(interface: &str, last: u8) -> VirtualAddress {
    VirtualAddress { interface: Some(interface.to_owned()), ..vip(last) }
}

#[test]
fn links_that_something_stands_on() {
    let several = Instance {
        addresses: vec![vip(51), on("eth1", 60)],
        excluded_addresses: vec![on("eth2", 61), VirtualAddress { track: false, ..on("eth3", 62) }],
        routes: vec![route("eth4"), crate::model::Route { track: false, ..route("eth5") }],
        rules: vec![rule("eth6"), Rule { track: false, ..rule("eth7") }],
        ..instance("a", 51)
    };
    let follows = Some("statics".to_owned());
    let statics = StaticState {
        addresses: vec![VirtualAddress { track_group: follows.clone(), ..on("eth8", 70) }, on("eth9", 71)],
        routes: vec![crate::model::Route { track_group: follows.clone(), ..route("eth10") }],
        rules: vec![Rule { track_group: follows.clone(), ..rule("eth11") }],
    };
    let track_groups = vec![TrackGroup { name: "statics".to_owned(), members: vec!["b".to_owned()] }];
    let router = RouterSettings { statics, track_groups, ..RouterSettings::default() };
    let config = Config { instances: vec![several, instance("b", 52)], router, ..Config::default() };
    let mut bench = Bench::with(config);
    bench.input(Input::Link(link(10, "eth1", false)));
    let missing = |interface: &str, what: &str| format!("interface {interface} does not exist; {what} needs it");
    assert_eq!(
        bench.faults(0),
        [
            "interface eth1 is down or has no carrier; virtual address 10.0.0.60/32 needs it".to_owned(),
            missing("eth2", "virtual address 10.0.0.61/32"),
            missing("eth4", "virtual route to 10.9.0.0/16"),
            missing("eth6", "virtual rule of priority 100"),
        ]
    );
    assert_eq!(
        bench.faults(1),
        [
            missing("eth8", "static address 10.0.0.70/32"),
            missing("eth10", "static route to 10.9.0.0/16"),
            missing("eth11", "static rule of priority 100"),
        ]
    );
    for (index, name) in [(10, "eth1"), (11, "eth2"), (12, "eth4"), (13, "eth6")] {
        assert_eq!(bench.roles()[0], Role::Fault);
        bench.input(Input::Link(link(index, name, true)));
    }
    assert_eq!(bench.roles(), [Role::Backup, Role::Fault]);
}

#[test]
fn all_faults_are_known_and_those_that_last_are_one_line() {
    let mut config = definitions();
    config.instances = vec![Instance {
        tracks: vec![
            tracked(&Watched::Check("x".to_owned()), 0, false),
            tracked(&Watched::Process("x".to_owned()), 0, false),
            tracked(&Watched::Script("x".to_owned()), 0, true),
            tracked(&Watched::Interface("eth1".to_owned()), 0, false),
        ],
        ..instance("a", 51)
    }];
    let mut bench = Bench::with(config);
    bench.checked("x", false);
    bench.runs_of("x", 0);
    bench.finish("x", 0);
    bench.input(Input::Link(link(2, "eth0", false)));
    let mut faults = vec![
        "interface eth0 is down or has no carrier",
        "check x fails",
        "process x does not run as it should",
        "script x is well, and is not to be (reverse)",
        "tracked interface eth1 does not exist",
    ];
    assert_eq!(bench.faults(0), faults);
    let words = bench.checked("x", true);
    faults.remove(1);
    assert_eq!(words, ["! check x is well: it was looked at"]);
    assert_eq!(bench.faults(0), faults);
    assert_eq!(without_work(bench.pass(SECOND * 2)), Vec::<String>::new());
    assert_eq!(without_work(bench.pass(SECOND)), [format!("! a: still cannot run: {}", faults.join("; "))]);
    // One that comes and goes again at once is no news.
    bench.input(Input::Link(link(3, "eth1", true)));
    assert_eq!(bench.faults(0).len(), 3);
    bench.input(Input::LinkGone { index: 3 });
    assert_eq!(without_work(bench.pass(SECOND * 10)), Vec::<String>::new());
    // The last one to go is the end of it.
    bench.runs_of("x", 1);
    bench.pass(SECOND);
    bench.finish("x", 1);
    bench.input(Input::Link(link(3, "eth1", true)));
    assert_eq!(bench.faults(0), faults[..1]);
    let words = bench.input(Input::Link(link(2, "eth0", true)));
    assert_eq!(words, ["! a: FAULT -> BACKUP: what had failed is well again, listening for a master"]);
}

#[test]
fn the_change_of_state_tells_all_the_faults() {
    let mut bench = Bench::bare();
    let tracks = vec![watched(Watched::Interface("eth1".to_owned()), 0)];
    let words = bench.configure(vec![Instance { tracks, ..instance("a", 51) }], vec![], vec![]);
    let missing = "interface eth0 does not exist; waiting for it to appear";
    assert_eq!(words, [format!("! a: INIT -> FAULT: {missing}; tracked interface eth1 does not exist")]);
    assert_eq!(bench.pass(SECOND * 60), Vec::<String>::new());
}

/// An interface that is deleted and made anew goes through several faults: what is told is that it went, that it is gone for
/// longer, and that all is well.
#[test]
fn faults_on_the_way_to_another_are_not_told() {
    let mut bench = Bench::new(vec![instance("a", 51)]);
    let words = without_work(bench.input(Input::Link(link(2, "eth0", false))));
    assert_eq!(words, ["! a: BACKUP -> FAULT: interface eth0 is down or has no carrier"]);
    assert_eq!(without_work(bench.input(Input::LinkGone { index: 2 })), Vec::<String>::new());
    let gone = "! a: still cannot run: interface eth0 does not exist; waiting for it to appear";
    assert_eq!(without_work(bench.pass(SECOND * 60)), [gone]);
    assert_eq!(without_work(bench.input(Input::Link(link(3, "eth0", false)))), Vec::<String>::new());
    bench.pass(SECOND);
    assert_eq!(without_work(bench.input(Input::Link(link(3, "eth0", true)))), Vec::<String>::new());
    bench.pass(SECOND);
    let words = without_work(bench.input(Input::Address(host(3, OWN, 24))));
    assert_eq!(words, ["! a: FAULT -> BACKUP: what had failed is well again, listening for a master"]);
}

/// Faults that change all the time are told all the same, now and then.
#[test]
fn faults_that_never_settle_are_told() {
    let mut bench = Bench::new(vec![instance("a", 51)]);
    bench.input(Input::Link(link(2, "eth0", false)));
    let mut told = Vec::new();
    for round in 0..20 {
        match round % 2 {
            0 => bench.input(Input::LinkGone { index: 2 }),
            _ => bench.input(Input::Link(link(2, "eth0", true))),
        };
        told.extend(without_work(bench.pass(SECOND * 2)));
    }
    assert!((1..=3).contains(&told.len()), "{told:#?}");
}

/// Where a change of state is one too many for the log, the faults that it came with are not known to anybody yet.
#[test]
fn faults_of_a_change_that_was_not_told_are_told_if_they_last() {
    let mut bench = Bench::new(vec![instance("a", 51)]);
    let changed = |bench: &mut Bench, up: bool| without_work(bench.input(Input::Link(link(2, "eth0", up)))).len();
    for _ in 0..4 {
        assert_eq!((changed(&mut bench, false), changed(&mut bench, true)), (1, 1));
    }
    // The last for which there is room.
    assert_eq!((changed(&mut bench, false), changed(&mut bench, true)), (1, 0));
    assert_eq!(without_work(bench.input(Input::LinkGone { index: 2 })), Vec::<String>::new());
    assert_eq!(bench.roles(), [Role::Fault]);
    let gone = "! a: still cannot run: interface eth0 does not exist; waiting for it to appear";
    assert_eq!(without_work(bench.pass(SECOND * 120)), [gone]);
}

fn without_work(words: Vec<String>) -> Vec<String> {
    words.into_iter().filter(|word| word.starts_with('!')).collect()
}

#[test]
fn a_members_own_faults_come_before_those_of_others() {
    let config = Config {
        instances: vec![
            Instance { tracks: vec![watched(Watched::Interface("eth1".to_owned()), 0)], ..instance("a", 51) },
            Instance { tracks: vec![watched(Watched::Interface("eth2".to_owned()), 0)], ..instance("b", 52) },
            instance("c", 53),
            // Its number is taken: this does not hold the others down.
            instance("d", 53),
        ],
        sync_groups: group(&["a", "b", "c", "d"]),
        ..Config::default()
    };
    let mut bench = Bench::with(config);
    let of = |member: &str| format!("{member} of sync group g has a fault");
    assert_eq!(bench.faults(0), ["tracked interface eth1 does not exist".to_owned(), of("b")]);
    assert_eq!(bench.faults(2), [of("a"), of("b")]);
    bench.input(Input::Link(link(3, "eth1", true)));
    assert_eq!(bench.faults(0), [of("b")]);
    bench.input(Input::Link(link(4, "eth2", true)));
    assert_eq!(bench.roles()[..3], [Role::Backup; 3]);
    let group = bench.router.status(bench.now)[0].group.clone().unwrap();
    assert_eq!(group.members[3], ("d".to_owned(), Role::Fault));
}

#[test]
fn a_reload_keeps_verdicts_of_what_stays_the_same() {
    let watch: Vec<Tracked> = kinds()[1..].iter().map(|what| tracked(what, 0, false)).collect();
    let config = watching(definitions(), watch);
    let mut bench = Bench::with(config.clone());
    for what in &kinds()[1..] {
        bench.set(what, true);
    }
    assert_eq!(bench.roles(), [Role::Backup]);
    // The same, with other numbers beside the thing itself.
    let mut other = config.clone();
    other.scripts[0].interval = SECOND * 2;
    other.checks[0].fall = 7;
    other.processes[0].terminate_delay = SECOND;
    other.files[0].start = Some(crate::model::FileStart { value: 3, overwrite: false });
    assert_eq!(bench.load(other.clone()), Vec::<String>::new());
    assert_eq!(bench.roles(), [Role::Backup]);
    // A quorum that is not met counts like any other change.
    other.processes[0].quorum = 2;
    bench.load(other);
    assert_eq!(bench.roles(), [Role::Backup]);
    bench.pass(SECOND);
    assert_eq!(bench.roles(), [Role::Fault]);

    // Another thing by the same name has not answered: a router that starts waits for it.
    let changes: [fn(&mut Config); 5] = [
        |config| config.scripts[0].command.push("more".to_owned()),
        |config| config.processes[0].arguments = Some(ProcessArguments::Exact(Vec::new())),
        |config| config.files[0].path.push('x'),
        |config| config.watched_services[0].service = ServiceKey::Fwmark { family: Family::V4, mark: NonZeroU32::MIN },
        |config| config.checks[0].check.interval = SECOND * 9,
    ];
    for (change, what) in changes.into_iter().zip(&kinds()[1..]) {
        let mut bench = Bench::with(config.clone());
        for what in &kinds()[1..] {
            bench.set(what, true);
        }
        let mut changed = config.clone();
        change(&mut changed);
        changed.instances.push(Instance { name: "new".to_owned(), ..changed.instances[0].clone() });
        changed.instances[1].id.vrid = Vrid::new(99).unwrap();
        bench.load(changed);
        assert_eq!(bench.roles(), [Role::Backup, Role::Initialize], "{what}");
        assert_eq!(bench.router.status(bench.now)[1].awaited, [what.to_string()]);
    }
}

#[test]
fn a_router_has_proven_itself_when_all_its_checks_were_well_once() {
    let weights = [0, -5, 10, 1, -7, 0];
    let watch = kinds().iter().zip(weights).map(|(what, weight)| tracked(what, weight, false)).collect();
    let mut config = watching(definitions(), watch);
    config.instances[0].election.wait_for_checks = true;
    let mut bench = Bench::with(config.clone());
    let unproven = |bench: &Bench| bench.router.status(bench.now)[0].unproven.clone();
    for (number, what) in kinds().iter().enumerate() {
        let left: Vec<_> = kinds()[number.max(1)..].iter().map(ToString::to_string).collect();
        assert_eq!(unproven(&bench), left);
        // A failure proves nothing but that a file can be read; a later one takes nothing back.
        bench.set(what, false);
        bench.set(what, true);
        bench.set(what, false);
    }
    assert_eq!(unproven(&bench), Vec::<String>::new());
    // Nor does a reload; another check by the same name does.
    bench.load(config.clone());
    assert_eq!(unproven(&bench), Vec::<String>::new());
    config.checks[0].check.interval = SECOND * 9;
    bench.load(config.clone());
    assert_eq!(unproven(&bench), ["check x"]);
    config.scripts[0] = TrackScript { command: vec!["other".to_owned()], init_fail: true, ..config.scripts[0].clone() };
    bench.load(config);
    assert_eq!(unproven(&bench), ["script x", "check x"]);
}

#[test]
fn the_log_of_what_flaps_is_bounded_and_names_the_cause() {
    let what = Watched::Process("x".to_owned());
    let mut bench = Bench::with(watching(definitions(), vec![tracked(&what, -20, false)]));
    bench.runs_of("x", 1);
    assert_eq!(
        bench.runs_of("x", 0),
        ["! process x fails: 0 run, at least 1 wanted", "! a: effective priority 100 -> 80: process x fails (-20)"]
    );
    let words: usize = (0..1000).map(|n| bench.runs_of("x", n % 2).len()).sum();
    assert!(words <= 20, "{words}");
    let words = bench.pass(SECOND * 61).join("\n");
    assert!(words.contains("changes before that were not logged"), "{words}");
}

#[test]
fn the_log_ends_with_how_things_are_after_they_flapped() {
    let what = Watched::Process("x".to_owned());
    let mut bench = Bench::with(watching(definitions(), vec![tracked(&what, -20, false)]));
    let told: Vec<_> = (0..31).flat_map(|n| bench.runs_of("x", n % 2)).collect();
    // It fails in the end, and there is no room to say so yet.
    assert_eq!(told.last().map(String::as_str), Some("! a: effective priority 80 -> 100: process x is well (+0)"));
    let mut late = bench.pass(SECOND * 61);
    late.retain(|word| word.contains("process x"));
    let left_out = "(and 20 changes before that were not logged)";
    assert_eq!(
        late,
        [
            format!("! process x fails: 0 run, at least 1 wanted {left_out}"),
            format!("! a: effective priority 100 -> 80: process x fails (-20) {left_out}"),
        ]
    );
    // Once.
    assert_eq!(bench.pass(SECOND * 61).join(" ").matches("process x").count(), 0);
}

#[test]
fn the_last_changes_of_state_are_remembered() {
    let mut bench = Bench::new(vec![instance("a", 51)]);
    for _ in 0..20 {
        bench.input(Input::Link(link(2, "eth0", false)));
        bench.pass(SECOND);
        bench.input(Input::Link(link(2, "eth0", true)));
    }
    let status = bench.router.status(bench.now).remove(0);
    assert_eq!(status.history.len(), 16);
    let change = &status.history[1];
    assert_eq!((change.from, change.to, change.ago), (Role::Backup, Role::Fault, SECOND));
    assert_eq!(change.reason, "interface eth0 is down or has no carrier");
}

#[test]
fn what_comes_next_and_who_outranks_whom() {
    let mut bench = Bench::new(vec![instance("a", 51)]);
    let status = |bench: &Bench| bench.router.status(bench.now).remove(0);
    let down = Duration::from_secs(3) + SECOND * (256 - 100) / 256;
    assert_eq!(status(&bench).deadlines, [(DeadlineKind::Down, down)]);
    assert!(!status(&bench).outranked);
    // The peer's address is the higher one.
    for (priority, outranked) in [(99, false), (100, true), (101, true)] {
        bench.hear(51, priority);
        assert_eq!(status(&bench).outranked, outranked);
    }
    bench.pass(LONG);
    let kinds: Vec<_> = status(&bench).deadlines.iter().map(|(kind, _)| *kind).collect();
    assert_eq!(kinds, [DeadlineKind::Advert, DeadlineKind::Announce]);
}

#[test]
fn why_a_master_of_lower_priority_is_left_in_place() {
    let mut delayed = instance("a", 51);
    delayed.election.preempt_delay = SECOND * 60;
    let mut bench = Bench::new(vec![delayed]);
    let status = |bench: &Bench| bench.router.status(bench.now).remove(0);
    bench.hear(51, 99);
    assert!(!status(&bench).no_preempt);
    let preempt = (DeadlineKind::Preempt, SECOND * 60);
    assert_eq!(status(&bench).deadlines.last(), Some(&preempt));
    // A master that outranks it ends the wait.
    bench.hear(51, 101);
    assert!(!status(&bench).deadlines.contains(&preempt));

    let mut content = instance("a", 51);
    content.election.preempt = false;
    assert!(status(&Bench::new(vec![content])).no_preempt);
}

/// A thing that happens to what is watched.
#[derive(Debug, Clone)]
enum Happening {
    Link { eth1: bool, up: bool },
    LinkGone { eth1: bool },
    Processes(u32),
    File(FileContent),
    Check(bool),
    Service(Option<(u32, u32)>),
    Script(bool),
    Pass(u64),
}

fn happening() -> impl Strategy<Value = Happening> {
    prop_oneof![
        (any::<bool>(), any::<bool>()).prop_map(|(eth1, up)| Happening::Link { eth1, up }),
        any::<bool>().prop_map(|eth1| Happening::LinkGone { eth1 }),
        (0..4_u32).prop_map(Happening::Processes),
        (-300..300_i64).prop_map(|value| Happening::File(FileContent::Number(value))),
        Just(Happening::File(FileContent::Missing)),
        Just(Happening::File(FileContent::NotANumber("x".to_owned()))),
        any::<bool>().prop_map(Happening::Check),
        proptest::option::of((0..4_u32, 0..4_u32)).prop_map(Happening::Service),
        any::<bool>().prop_map(Happening::Script),
        (0..3000_u64).prop_map(Happening::Pass),
    ]
}

fn watch_list() -> impl Strategy<Value = Vec<Tracked>> {
    let one = (0..7_usize, prop_oneof![Just(0), -253..254_i16], any::<bool>()).prop_map(|(kind, weight, reverse)| {
        let what = kinds().get(kind).cloned().unwrap_or(Watched::Interface("eth1".to_owned()));
        // The host of these tests has eth1 in place of x.
        let what = if matches!(what, Watched::Interface(_)) { Watched::Interface("eth1".to_owned()) } else { what };
        Tracked { what, weight, reverse }
    });
    proptest::collection::vec(one, 0..5)
}

/// The last of everything, as a test remembers it.
#[derive(Debug, Default)]
struct Last {
    links: BTreeMap<bool, bool>,
    processes: Option<u32>,
    file: Option<FileContent>,
    check: Option<bool>,
    service: Option<Option<(u32, u32)>>,
    script: Option<bool>,
}

impl Last {
    /// The arithmetic once more, in other words: the sum, and whether there is a fault.
    fn sum(&self, tracks: &[&Tracked]) -> (i64, bool) {
        let mut sum = 0;
        let mut fault = false;
        for Tracked { what, weight, reverse } in tracks {
            let ok = match what {
                Watched::Interface(_) => Some(self.links.get(&true) == Some(&true)),
                Watched::Script(_) => self.script,
                Watched::Process(_) => self.processes.map(|running| running >= 1),
                Watched::Check(_) => self.check,
                Watched::Service(_) => self.service.flatten().map(|(_, up)| up >= 1),
                Watched::Bfd(_) => None,
                Watched::File(_) => {
                    let Some(content) = &self.file else { continue };
                    let value = if let FileContent::Number(value) = content { *value } else { 0 };
                    let product = value * i64::from(*weight) * if *reverse { -1 } else { 1 };
                    if (*weight == 0 && (value != 0) != *reverse) || product <= -254 {
                        fault = true;
                    } else {
                        sum += product.min(253);
                    }
                    continue;
                }
            };
            match ok {
                Some(ok) if *weight == 0 => fault |= ok == *reverse,
                Some(ok) if ok == (*weight > 0) => sum += if *reverse { -1 } else { 1 } * i64::from(*weight),
                Some(_) | None => {}
            }
        }
        (sum, fault)
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    /// However it came about: priorities are the clamped sums, and the faults those that a router finds that is told the
    /// last facts alone.
    #[test]
    fn only_the_last_facts_count(
        own in watch_list(),
        other in watch_list(),
        shared in watch_list(),
        grouped in proptest::option::of(any::<bool>()),
        base in 1..=255_u8,
        happenings in proptest::collection::vec(happening(), 0..40),
    ) {
        let mut config = definitions();
        let address = on("eth1", 60);
        config.instances = vec![
            Instance { tracks: own, priority: Priority::new(base).unwrap(), ..instance("a", 51) },
            Instance { tracks: other, excluded_addresses: vec![address], ..instance("b", 52) },
        ];
        if let Some(weighted) = grouped {
            config.sync_groups = vec![SyncGroup { tracks: shared, weighted, ..group(&["a", "b"]).remove(0) }];
        }
        let mut bench = Bench::with(config.clone());
        let mut last = Last::default();
        last.links.insert(false, true);
        let script_is_watched = |bench: &Bench| bench.router.script("x").is_some();
        let name = |eth1: bool| if eth1 { (3, "eth1") } else { (2, "eth0") };
        for happening in happenings {
            match happening {
                Happening::Link { eth1, up } => {
                    let (index, name) = name(eth1);
                    bench.input(Input::Link(link(index, name, up)));
                    if !eth1 {
                        bench.input(Input::Address(host(2, OWN, 24)));
                    }
                    last.links.insert(eth1, up);
                }
                Happening::LinkGone { eth1 } => {
                    bench.input(Input::LinkGone { index: name(eth1).0 });
                    last.links.remove(&eth1);
                }
                Happening::Processes(running) => {
                    bench.runs_of("x", running);
                    last.processes = Some(running);
                }
                Happening::File(content) => {
                    bench.holds("x", content.clone());
                    last.file = Some(content);
                }
                Happening::Check(ok) => {
                    bench.checked("x", ok);
                    last.check = Some(ok);
                }
                Happening::Service(servers) => {
                    bench.serves(80, servers.and_then(|(servers, up)| health(servers, up, 1, 1)));
                    last.service = Some(servers);
                }
                Happening::Script(ok) if script_is_watched(&bench) => {
                    bench.pass(SECOND);
                    bench.finish("x", i32::from(!ok));
                    last.script = Some(ok);
                }
                Happening::Script(_) => {}
                Happening::Pass(millis) => drop(bench.pass(Duration::from_millis(millis))),
            }

            let statuses = bench.router.status(bench.now);
            for status in &statuses {
                let groups = config.sync_groups.iter().flat_map(|group| &group.tracks);
                let tracks: Vec<&Tracked> = status.config.tracks.iter().chain(groups).collect();
                let (sum, fault) = last.sum(&tracks);
                let base = i64::from(status.config.priority.value());
                let counted = if grouped == Some(false) { 0 } else { sum };
                let priority = if base == 255 { 255 } else { (base + counted).clamp(1, 254) };
                prop_assert_eq!(i64::from(status.effective_priority), priority);
                prop_assert_eq!(i64::from(status.sum), counted);
                if fault {
                    prop_assert_eq!(status.role, Role::Fault);
                }
                prop_assert_eq!(status.role == Role::Fault, !status.faults.is_empty());
            }
        }

        let mut fresh = Bench::bare();
        let links = last.links.iter().map(|(eth1, up)| link(name(*eth1).0, name(*eth1).1, *up));
        fresh.input(Input::Links(links.chain([link(1, "lo", true)]).collect()));
        if last.links.contains_key(&false) {
            fresh.input(Input::Address(host(2, OWN, 24)));
        }
        fresh.load(config);
        if let Some(running) = last.processes {
            fresh.runs_of("x", running);
        }
        if let Some(content) = last.file {
            fresh.holds("x", content);
        }
        if let Some(ok) = last.check {
            fresh.checked("x", ok);
        }
        if let Some(servers) = last.service {
            fresh.serves(80, servers.and_then(|(servers, up)| health(servers, up, 1, 1)));
        }
        if let Some(ok) = last.script {
            fresh.finish("x", i32::from(!ok));
        }
        let facts = |bench: &Bench| -> Vec<_> {
            let statuses = bench.router.status(bench.now);
            statuses.into_iter().map(|status| (status.faults, status.effective_priority, status.awaited)).collect()
        };
        prop_assert_eq!(facts(&bench), facts(&fresh));
    }
}

/// keepalived goes on without a script that it cannot run when it reads its configuration; with weight 0, with a weight, with
/// `init_fail`, in a group: none of them counts, until a reload finds the file.
#[test]
fn a_script_that_cannot_be_run_counts_for_nothing_until_a_reload_finds_it() {
    let unlucky = |name: &str, init_fail| TrackScript { on_missing: OnMissing::Disable, init_fail, ..script(name) };
    let tracks = |weights: &[(&str, i16)]| -> Vec<Tracked> {
        weights.iter().map(|(name, weight)| watched(Watched::Script((*name).to_owned()), *weight)).collect()
    };
    let mut tracked = instance("a", 51);
    tracked.election.wait_for_checks = true;
    tracked.tracks = tracks(&[("none", 0), ("more", 20), ("less", -20)]);
    let scripts = vec![unlucky("none", true), unlucky("more", false), unlucky("less", true)];
    let mut bench = Bench::new(Vec::new());
    let words = bench.configure(vec![tracked.clone()], scripts.clone(), vec![]);
    // Nothing runs before the files were looked at, and nothing counts.
    assert!(words.contains(&"look none more less".to_owned()), "{words:?}");
    assert!(bench.runs.is_empty(), "{words:?}");
    assert_eq!((bench.roles(), bench.router.status(bench.now)[0].effective_priority), (vec![Role::Initialize], 100));

    let see = |bench: &mut Bench, missing: &[&str]| {
        let seen = bench.looks.clone().into_iter().map(|look| {
            let usable =
                if missing.contains(&look.name.as_str()) { Err("there is no file /x".to_owned()) } else { Ok(()) };
            (look, usable)
        });
        let seen = seen.collect();
        bench.input(Input::ScriptsSeen(seen))
    };
    let words = see(&mut bench, &["none", "more", "less"]);
    assert_eq!(
        words.iter().filter(|word| word.starts_with("! script none is disabled: there is no file /x. ")).count(),
        1,
        "{words:?}"
    );
    assert_eq!(bench.roles(), [Role::Backup]);
    bench.pass(LONG);
    assert_eq!((bench.roles(), bench.runs.len()), (vec![Role::Active], 0));
    let status = &bench.router.status(bench.now)[0];
    assert_eq!((status.effective_priority, status.sum), (100, 0));
    let shown = status.tracks.iter().find(|track| track.what == Watched::Script("none".to_owned())).unwrap();
    assert!(shown.disabled && shown.ok.is_none() && shown.detail.starts_with("there is no file /x; "), "{shown:?}");

    // A reload that finds one of them: it counts from its first run on. An answer to an older question says nothing.
    bench.configure(vec![tracked.clone()], scripts.clone(), vec![]);
    let stale = vec![(ScriptLook { command: vec!["other".to_owned()], ..bench.looks[1].clone() }, Ok(()))];
    assert_eq!(bench.input(Input::ScriptsSeen(stale)), Vec::<String>::new());
    let words = see(&mut bench, &["none", "less"]);
    assert!(words.contains(&"! script more can be run now: it counts from its first run on".to_owned()), "{words:?}");
    assert!(words.contains(&"run more".to_owned()) && bench.runs.len() == 1, "{words:?}");
    bench.finish("more", 0);
    assert_eq!((bench.roles(), bench.router.status(bench.now)[0].effective_priority), (vec![Role::Active], 120));

    // Gone later it fails, as any other; gone at a reload it is disabled.
    bench.pass(Duration::from_secs(1));
    let (_, run) = bench.runs.pop().unwrap();
    bench.input(Input::ScriptDone {
        run,
        outcome: ScriptOutcome::NotRunnable(ScriptFault::NoFile, "there is no file /x".to_owned()),
    });
    bench.pass(Duration::from_secs(1));
    let (_, run) = bench.runs.pop().unwrap();
    bench.input(Input::ScriptDone {
        run,
        outcome: ScriptOutcome::NotRunnable(ScriptFault::NoFile, "there is no file /x".to_owned()),
    });
    assert_eq!(bench.router.status(bench.now)[0].effective_priority, 100);
    bench.configure(vec![tracked.clone()], scripts.clone(), vec![]);
    see(&mut bench, &[]);
    bench.finish("none", 1);
    assert_eq!((bench.roles(), bench.reason(0).as_str()), (vec![Role::Fault], "script none fails"));
    bench.configure(vec![tracked], scripts, vec![]);
    see(&mut bench, &["none"]);
    assert_eq!(bench.roles(), [Role::Backup]);
}

#[test]
fn a_fault_that_flaps_is_told_now_and_then_and_what_becomes_of_the_addresses_always() {
    let what = Watched::Process("x".to_owned());
    let mut bench = Bench::with(watching(definitions(), vec![tracked(&what, 0, false)]));
    let states = |words: Vec<String>| words.into_iter().filter(|word| word.contains("a: ")).collect::<Vec<_>>();
    bench.runs_of("x", 0);
    let told: Vec<_> = (1..=1000).flat_map(|n| states(bench.runs_of("x", n % 2))).collect();
    assert!(told.len() <= 11, "{told:?}");
    assert_eq!(told.last().map(|word| word.contains("a: FAULT -> BACKUP")), Some(true), "{told:?}");
    // It fails in the end.
    let late = states(bench.pass(SECOND * 61)).join("\n");
    assert!(late.contains("a: FAULT: "), "{late}");
    assert!(late.contains("changes before that were not logged"), "{late}");
    for _ in 0..20 {
        bench.runs_of("x", 1);
        let words = states(bench.pass(SECOND * 4)).join("\n");
        assert!(words.contains("a: BACKUP -> MASTER"), "{words}");
        let words = states(bench.runs_of("x", 0)).join("\n");
        assert!(words.contains("a: MASTER -> FAULT"), "{words}");
    }
}
