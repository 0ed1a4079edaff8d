//! Routes, rules, static state and the options of addresses, as timelines.

use super::*;
use crate::model::{NextHop, Preferred, Route, RouterSettings, Rule, RuleAction, StaticState};

fn net(last: u8) -> (IpAddr, u8) {
    (Ipv4Addr::new(10, 9, last, 0).into(), 24)
}

fn route(third: u8) -> Route {
    Route {
        hops: vec![NextHop { via: Some(PEER.into()), ..NextHop::default() }],
        track: false,
        ..Route::new(net(third))
    }
}

fn dev(third: u8, name: &str) -> Route {
    Route { hops: vec![NextHop { interface: Some(name.to_owned()), ..NextHop::default() }], ..route(third) }
}

fn rule(priority: u32) -> Rule {
    Rule { from: Some(net(1)), ..Rule::new(Family::V4, priority, RuleAction::Lookup(100)) }
}

fn routed(routes: Vec<Route>, rules: Vec<Rule>) -> Instance {
    Instance { routes, rules, ..instance("a", 51) }
}

fn steering(words: Vec<String>) -> Vec<String> {
    words.into_iter().filter(|word| word.contains(" route ") || word.contains(" rule ") || word.contains('!')).collect()
}

fn gone(third: u8, metric: u32) -> Input<'static> {
    Input::SteeringNews(SteeringNews::Route { table: 254, to: net(third), metric })
}

#[test]
fn routes_and_rules_come_after_the_addresses_and_go_before_them() {
    let mut bench = Bench::bare();
    bench.input(Input::Links(vec![link(2, "eth0", true)]));
    bench.input(Input::Addresses(vec![host(2, OWN, 24)]));
    let words = without_events(bench.configure(vec![routed(vec![route(1)], vec![rule(100)])], vec![], vec![]));
    assert_eq!(words, ["listen 1", "watch {18} {24} true"]);
    let words = without_events(bench.pass(Duration::from_millis(3700)));
    assert_eq!(
        words,
        [
            "send 51 prio 100",
            "add 10.0.0.51",
            "arp 10.0.0.51",
            "arp 10.0.0.51",
            "add route 10.9.1.0/24 via 10.0.0.2 [0]",
            "add rule 100: from 10.9.1.0/24 lookup 100 []",
        ]
    );
    let words = without_events(bench.input(Input::Stop));
    assert_eq!(
        words,
        [
            "send 51 prio 0",
            "remove rule 100: from 10.9.1.0/24 lookup 100 []",
            "remove route 10.9.1.0/24 via 10.0.0.2 [0]",
            "remove 10.0.0.51",
            "stopped",
        ]
    );
}

#[test]
fn a_killed_predecessors_routes_go_when_another_master_is_heard_and_are_taken_over_otherwise() {
    let config = || vec![routed(vec![route(1), Route { protocol: 4, ..route(2) }], vec![])];
    let mut bench = Bench::after(vec![kept(route(1))], config());
    // The other carries any number, and may be somebody else's.
    assert_eq!(steering(bench.hear(51, 200)), ["remove route 10.9.1.0/24 via 10.0.0.2 [0]"]);
    assert_eq!(steering(bench.hear(51, 200)), Vec::<String>::new());
    let configured = Kept { what: Arc::new(Steering::Route(route(1))), links: vec![0] };
    assert_eq!(bench.record, [configured]);

    let mut bench = Bench::after(vec![kept(route(1))], config());
    bench.steering = [Steered::Exists, Steered::Exists].into();
    let words = bench.pass(LONG);
    assert!(!words.iter().any(|word| word.starts_with("remove")), "{words:?}");
    let words = steering(bench.input(Input::Stop));
    assert_eq!(words.iter().filter(|word| word.starts_with("remove")).count(), 1, "{words:?}");
    assert!(words.contains(&"remove route 10.9.1.0/24 via 10.0.0.2 [0]".to_owned()), "{words:?}");
}

fn kept(route: Route) -> Kept {
    Kept { what: Arc::new(Steering::Route(Route { track: true, ..route })), links: vec![0] }
}

impl Bench {
    /// On a host where a killed predecessor wrote down what is its own.
    fn after(left: Vec<Kept>, instances: Vec<Instance>) -> Self {
        let mut bench = Self::bare();
        bench.input(Input::Links(vec![link(1, "lo", true), link(2, "eth0", true)]));
        bench.input(Input::Addresses(vec![host(2, OWN, 24)]));
        bench.input(Input::SteeringLeft(left));
        bench.configure(instances, Vec::new(), Vec::new());
        bench
    }
}

#[test]
fn what_a_killed_predecessor_left_and_nobody_names_goes_and_nothing_else_does() {
    let mut bench = Bench::bare();
    bench.input(Input::Links(vec![link(2, "eth0", true)]));
    bench.input(Input::Addresses(vec![host(2, OWN, 24)]));
    bench.input(Input::SteeringLeft(vec![kept(route(1)), kept(route(2))]));
    let words = steering(bench.configure(vec![routed(vec![route(2)], vec![])], vec![], vec![]));
    let words: Vec<_> = words.iter().filter(|word| !word.starts_with('!')).collect();
    assert_eq!(words, ["remove left route 10.9.1.0/24 via 10.0.0.2 [0]"]);
    assert_eq!(bench.record, [Kept { what: Arc::new(Steering::Route(route(2))), links: vec![0] }]);
    // What nobody wrote down is somebody else's, whatever number it carries.
    let mut bench = Bench::new(vec![routed(vec![route(1)], vec![rule(7)])]);
    bench.steering = [Steered::Exists, Steered::Exists].into();
    bench.pass(LONG);
    assert_eq!(bench.record, []);
    let words = bench.input(Input::Stop);
    assert!(!words.iter().any(|word| word.contains("remove route") || word.contains("remove rule")), "{words:?}");
}

#[test]
fn all_that_may_become_ours_is_written_down_beforehand_and_a_promotion_waits_for_no_disk() {
    let other = Route { protocol: 4, ..route(2) };
    let mut bench = Bench::new(vec![routed(vec![route(1), dev(3, "eth1"), other], vec![rule(7)])]);
    let links = |bench: &Bench| bench.record.iter().map(|kept| kept.links.clone()).collect::<Vec<_>>();
    assert_eq!(links(&bench), [vec![0], vec![], vec![]], "what has another's number is not claimed");
    bench.disk_answers = false;
    // Each link's number is written down beforehand, too, once there is one.
    bench.input(Input::Link(link(5, "eth1", true)));
    assert_eq!(links(&bench), [vec![0], vec![5], vec![]]);
    let mut words = Vec::new();
    while bench.roles() != [Role::Active] {
        words.extend(without_events(bench.pass(Duration::from_millis(10))));
    }
    let on = [
        "add route 10.9.1.0/24 via 10.0.0.2 [0]",
        "add route 10.9.3.0/24 dev eth1 [5]",
        "add route 10.9.2.0/24 via 10.0.0.2 [0]",
        "add rule 7: from 10.9.1.0/24 lookup 100 []",
    ];
    assert!(words.ends_with(&on.map(str::to_owned)), "{words:?}");
    assert_eq!(links(&bench), [vec![0], vec![5], vec![0], vec![]], "by now it is ours");
    bench.hear(51, 200);
    assert_eq!(links(&bench), [vec![0], vec![5], vec![]]);
    bench.input(Input::Stop);
    assert_eq!(bench.record, []);
}

#[test]
fn what_was_found_to_be_somebody_else_s_is_ours_once_we_have_put_it_on() {
    let mut bench = Bench::new(vec![routed(vec![route(1)], vec![])]);
    bench.steering = [Steered::Exists].into();
    bench.pass(LONG);
    assert_eq!(bench.record, []);
    assert_eq!(steering(bench.input(gone(1, 0))).len(), 2);
    assert_eq!(bench.record.len(), 1);
}

#[test]
fn many_that_become_ours_at_once_are_one_record() {
    let many = |protocol: u8| -> Vec<Route> {
        let to = |n: u16| (IpAddr::from([10, 20 + n.to_be_bytes()[0], n.to_be_bytes()[1], 0]), 24);
        (0..2000).map(|n| Route { to: to(n), protocol, ..route(1) }).collect()
    };
    // Theirs become ours one by one as they come on, ours cease to be as each is found to be somebody else's.
    for (protocol, outcome, before, after) in [(99, Steered::Added, 0, 2000), (18, Steered::Exists, 2000, 0)] {
        let mut bench = Bench::new(vec![routed(many(protocol), vec![])]);
        assert_eq!(bench.record.len(), before);
        bench.steering = vec![outcome; 2000].into();
        bench.records = 0;
        let words = bench.pass(LONG);
        assert_eq!(words.iter().filter(|word| word.starts_with("add route")).count(), 2000);
        assert_eq!((bench.record.len(), bench.records), (after, 1));
    }
}

#[test]
fn an_answer_to_an_earlier_record_lets_nothing_on_that_came_later() {
    let statics = |routes: Vec<Route>| {
        let statics = StaticState { routes, ..StaticState::default() };
        Input::Configure(Arc::new(Config {
            router: RouterSettings { statics, ..RouterSettings::default() },
            ..Config::default()
        }))
    };
    let mut bench = Bench::new(Vec::new());
    bench.disk_answers = false;
    assert_eq!(steering(bench.input(statics(vec![route(1)]))), Vec::<String>::new());
    // The answer comes before what is new has been handed out.
    bench.router.handle(statics(vec![route(1), route(2)]), bench.now);
    bench.router.handle(Input::SteeringRecorded { number: 1 }, bench.now);
    assert_eq!(steering(bench.drain()), Vec::<String>::new());
    assert_eq!((bench.record.len(), bench.records), (2, 2));
    // The answer to the last one covers the first.
    let words = steering(bench.input(Input::SteeringRecorded { number: 2 }));
    assert_eq!(words, ["add route 10.9.1.0/24 via 10.0.0.2 [0]", "add route 10.9.2.0/24 via 10.0.0.2 [0]"]);
}

#[test]
fn what_goes_at_a_reload_goes_after_its_successor_is_on_however_long_the_disk_takes() {
    let statics = |routes: Vec<Route>| {
        let statics = StaticState { routes, ..StaticState::default() };
        Input::Configure(Arc::new(Config {
            router: RouterSettings { statics, ..RouterSettings::default() },
            ..Config::default()
        }))
    };
    let mut bench = Bench::bare();
    bench.input(Input::Links(vec![link(2, "eth0", true)]));
    bench.input(statics(vec![route(1)]));
    bench.disk_answers = false;
    assert_eq!(steering(bench.input(statics(vec![route(2)]))), Vec::<String>::new());
    assert_eq!(bench.record.len(), 2, "both are ours until one is off");
    // One in the place of another is no matter of the disk.
    let mtu = Route { metrics: vec![(crate::model::RouteMetric::Mtu, 1400, false)], ..route(1) };
    assert_eq!(
        steering(bench.input(statics(vec![mtu, route(2)]))),
        ["remove route 10.9.1.0/24 via 10.0.0.2 [0]", "add route 10.9.1.0/24 via 10.0.0.2 [0]"]
    );
    // Another one before the disk has answered.
    assert_eq!(steering(bench.input(statics(vec![route(3)]))), Vec::<String>::new());
    let words = steering(bench.pass(Duration::from_millis(100)));
    assert_eq!(words, ["add route 10.9.3.0/24 via 10.0.0.2 [0]", "remove route 10.9.1.0/24 via 10.0.0.2 [0]"]);
    assert_eq!(bench.record.len(), 1);
}

#[test]
fn a_route_of_a_vrf_is_in_its_table_and_follows_it() {
    let blue = |index, table| Link { table, ..link(index, "blue", true) };
    let vrf = Route { vrf: Some("blue".to_owned()), ..route(1) };
    let mut bench = Bench::new(vec![routed(vec![vrf], vec![])]);
    let words = steering(bench.pass(LONG));
    assert!(words.iter().any(|word| word.contains("interface blue does not exist")), "{words:?}");
    let words = steering(bench.input(Input::Link(blue(7, None))));
    assert!(words.iter().any(|word| word.contains("interface blue is no VRF")), "{words:?}");
    let table = |record: &[Kept]| match &*record[0].what {
        Steering::Route(route) => route.table,
        Steering::Rule(_) => 0,
    };
    bench.pass(LONG);
    let words = steering(bench.input(Input::Link(blue(7, Some(1001)))));
    assert!(words.contains(&"add route 10.9.1.0/24 via 10.0.0.2 vrf blue [0]".to_owned()), "{words:?}");
    assert_eq!(table(&bench.record), 1001);
    let news = SteeringNews::Route { table: 1001, to: net(1), metric: 0 };
    assert_eq!(steering(bench.input(Input::SteeringNews(news))).len(), 2, "it is put back");
    bench.pass(LONG);
    let words = steering(bench.input(Input::Link(blue(7, Some(1002)))));
    assert_eq!(
        words,
        ["remove route 10.9.1.0/24 via 10.0.0.2 vrf blue [0]", "add route 10.9.1.0/24 via 10.0.0.2 vrf blue [0]"]
    );
    assert_eq!(table(&bench.record), 1002);
}

/// A table by its number and by the VRF whose it is: the kernel has room for one of the two, so the old one goes first.
#[test]
fn a_table_has_two_names_and_one_place_for_a_route() {
    let blue = |table| Link { table: Some(table), ..link(7, "blue", true) };
    let named = || Route { vrf: Some("blue".to_owned()), ..route(1) };
    let numbered = |table| Route { table, ..route(1) };
    let metric = |route: Route| Route { metrics: vec![(crate::model::RouteMetric::Mtu, 1400, false)], ..route };
    let vrf = "route 10.9.1.0/24 via 10.0.0.2 vrf blue [0]";
    let number = "route 10.9.1.0/24 via 10.0.0.2 table 1001 [0]";
    let on = |first: Route| {
        let mut bench = Bench::new(vec![routed(vec![first], vec![])]);
        bench.input(Input::Link(blue(1001)));
        bench.pass(LONG);
        assert!(bench.router.status(bench.now)[0].steering[0].present);
        bench
    };
    let reload = |bench: &mut Bench, next: Route| {
        let words = bench.configure(vec![routed(vec![next], vec![])], vec![], vec![]);
        words.into_iter().filter(|word| word.contains(" route ")).collect::<Vec<_>>()
    };
    let words = reload(&mut on(named()), metric(numbered(1001)));
    assert_eq!(words, [format!("remove {vrf}"), format!("add {number}")]);
    let words = reload(&mut on(numbered(1001)), metric(named()));
    assert_eq!(words, [format!("remove {number}"), format!("add {vrf}")]);
    // Another table is another place, and so is the one that a VRF's route would have without its VRF.
    let words = reload(&mut on(named()), numbered(1002));
    assert_eq!(words, [format!("add {}", number.replace("1001", "1002")), format!("remove {vrf}")]);
    let words = reload(&mut on(named()), route(1));
    assert_eq!(words, ["add route 10.9.1.0/24 via 10.0.0.2 [0]".to_owned(), format!("remove {vrf}")]);
    // One that was put on before its VRF was given another table stands in that one's way no more.
    let mut bench = on(named());
    bench.input(Input::Link(blue(1002)));
    let words = reload(&mut bench, numbered(1001));
    assert_eq!(words, [format!("add {number}"), format!("remove {vrf}")]);
}

#[test]
fn a_route_removed_by_hand_is_put_back_and_a_contested_one_waits() {
    let mut bench = Bench::new(vec![routed(vec![route(1)], vec![rule(100)])]);
    bench.pass(LONG);
    let words = bench.input(gone(1, 0));
    assert_eq!(
        words,
        [
            "add route 10.9.1.0/24 via 10.0.0.2 [0]",
            "! a: somebody removed route 10.9.1.0/24 via 10.0.0.2; it was put back",
        ]
    );
    // Others are none of ours.
    assert_eq!(bench.input(gone(1, 7)), Vec::<String>::new());
    assert_eq!(bench.input(gone(2, 0)), Vec::<String>::new());
    // Again within a second: two programs that undo each other.
    assert_eq!(bench.input(gone(1, 0)), Vec::<String>::new());
    assert_eq!(steering(bench.pass(Duration::from_secs(1))).len(), 2);
    // One that only looked like ours was removed: ours is there still, and nobody is told.
    bench.steering.push_back(Steered::Exists);
    bench.pass(Duration::from_secs(2));
    let words = bench.input(gone(1, 0));
    assert_eq!(words, ["add route 10.9.1.0/24 via 10.0.0.2 [0]"]);
    let rule_gone = SteeringNews::Rule { family: Family::V4, priority: 100 };
    let words = steering(bench.input(Input::SteeringNews(rule_gone)));
    assert_eq!(words.len(), 2, "{words:?}");
    assert_eq!(bench.roles(), [Role::Active]);
}

#[test]
fn a_refused_route_is_told_once_and_tried_ever_more_rarely() {
    let mut bench = Bench::new(vec![routed(vec![route(1)], vec![])]);
    bench.steering = vec![Steered::Refused("no way".to_owned()); 40].into();
    let mut words = steering(bench.pass(LONG));
    assert!(bench.reason(0).contains("cannot add route 10.9.1.0/24 via 10.0.0.2: no way"), "{}", bench.reason(0));
    words.extend(steering(bench.pass(Duration::from_secs(600))));
    assert_eq!(words.iter().filter(|word| word.contains("no way")).count(), 1);
    let tries = words.iter().filter(|word| word.starts_with("add")).count();
    assert!((15..30).contains(&tries), "{tries}");
    bench.steering.clear();
    let words = steering(bench.pass(Duration::from_secs(40)));
    assert_eq!(words[1..], ["! a: route 10.9.1.0/24 via 10.0.0.2 is on now"]);
    assert!(bench.router.status(bench.now)[0].steering[0].present);
}

#[test]
fn a_storm_of_news_does_not_become_a_storm_of_tries() {
    let mut bench = Bench::new(vec![routed(vec![route(1)], vec![])]);
    bench.steering = vec![Steered::Refused("no way".to_owned()); 1000].into();
    bench.pass(LONG);
    let before = bench.steering.len();
    for turn in 0..1000_u32 {
        bench.pass(Duration::from_millis(1));
        bench.input(Input::Link(link(3, "eth1", turn % 2 == 0)));
    }
    let tries = before - bench.steering.len();
    assert!((5..=12).contains(&tries), "{tries} tries in a second");
}

#[test]
fn a_link_that_flaps_loses_no_route() {
    let mut bench = Bench::new(vec![routed(vec![dev(1, "eth1")], vec![])]);
    let words = steering(bench.pass(LONG));
    assert!(
        words.contains(
            &"! a: cannot add route 10.9.1.0/24 dev eth1: interface eth1 does not exist or is switched off; waiting for it; \
              trying again until it works"
                .to_owned()
        ),
        "{words:?}"
    );
    assert_eq!(steering(bench.input(Input::Link(link(3, "eth1", true)))).len(), 2);
    // The kernel says nothing of what a link takes along.
    bench.steering.push_back(Steered::Refused("down".to_owned()));
    assert_eq!(steering(bench.input(Input::Link(link(3, "eth1", false)))).len(), 2);
    bench.pass(Duration::from_millis(500));
    let words = steering(bench.input(Input::Link(link(3, "eth1", true))));
    assert_eq!(words, ["add route 10.9.1.0/24 dev eth1 [3]", "! a: route 10.9.1.0/24 dev eth1 is on now"]);
    // Gone and made anew: another number.
    assert_eq!(steering(bench.input(Input::LinkGone { index: 3 })).len(), 1);
    let words = steering(bench.input(Input::Link(link(8, "eth1", true))));
    assert_eq!(words[0], "add route 10.9.1.0/24 dev eth1 [8]");
    assert_eq!(bench.roles(), [Role::Active]);
}

#[test]
fn a_reload_adds_before_it_removes_unless_the_kernel_has_only_one() {
    let mut bench = Bench::new(vec![routed(vec![route(1), route(2)], vec![])]);
    bench.pass(LONG);
    let same = bench.configure(vec![routed(vec![route(1), route(2)], vec![])], vec![], vec![]);
    assert_eq!(same, Vec::<String>::new());
    let other = Route { hops: vec![NextHop { via: Some(OWN.into()), ..NextHop::default() }], ..route(1) };
    let mtu = Route { metrics: vec![(crate::model::RouteMetric::Mtu, 1400, false)], ..route(2) };
    let words = without_events(bench.configure(vec![routed(vec![other, mtu], vec![])], vec![], vec![]));
    assert_eq!(
        words,
        [
            "remove route 10.9.2.0/24 via 10.0.0.2 [0]",
            "add route 10.9.2.0/24 via 10.0.0.2 [0]",
            "add route 10.9.1.0/24 via 10.0.0.1 [0]",
            "remove route 10.9.1.0/24 via 10.0.0.2 [0]",
        ]
    );
    // The router goes, and its routes with it.
    let words = steering(bench.configure(vec![], vec![], vec![]));
    assert_eq!(words.iter().filter(|word| word.starts_with("remove route")).count(), 2, "{words:?}");
}

#[test]
fn a_route_that_two_wish_stays_until_neither_does() {
    let both = || {
        let other = Instance { routes: vec![route(1)], ..instance("b", 52) };
        vec![routed(vec![route(1)], vec![]), other]
    };
    let mut bench = Bench::new(both());
    let words = steering(bench.pass(LONG));
    assert_eq!(words.iter().filter(|word| word.starts_with("add route")).count(), 1);
    assert_eq!(steering(bench.hear(51, 200)).iter().filter(|word| word.starts_with("remove")).count(), 0);
    assert_eq!(steering(bench.hear(52, 200)).iter().filter(|word| word.starts_with("remove")).count(), 1);
}

fn statics(bench: &mut Bench, statics: StaticState) -> Vec<String> {
    let router = RouterSettings { statics, ..RouterSettings::default() };
    bench.input(Input::Configure(Arc::new(Config { router, ..Config::default() })))
}

fn static_address(last: u8, interface: &str) -> VirtualAddress {
    VirtualAddress { interface: Some(interface.to_owned()), ..vip(last) }
}

#[test]
fn static_state_comes_at_start_is_put_back_and_goes_at_the_end() {
    let mut bench = Bench::bare();
    bench.input(Input::Links(vec![link(2, "eth0", true)]));
    bench.input(Input::Addresses(vec![host(2, OWN, 24), host(2, Ipv4Addr::new(10, 0, 0, 71), 32)]));
    let wished = || StaticState {
        addresses: vec![static_address(70, "eth0"), static_address(71, "eth0"), static_address(72, "eth5")],
        routes: vec![dev(1, "eth0")],
        rules: vec![rule(100)],
    };
    let words = statics(&mut bench, wished());
    assert_eq!(
        words,
        [
            "watch {18} {24} true",
            "add 10.0.0.70",
            "! static_ipaddress: cannot add 10.0.0.72/32: interface eth5 does not exist; waiting for it to appear; \
             trying again until it works",
            "add route 10.9.1.0/24 dev eth0 [2]",
            "add rule 100: from 10.9.1.0/24 lookup 100 []",
        ]
    );
    assert_eq!(statics(&mut bench, wished()), Vec::<String>::new());
    let words = bench.input(Input::AddressGone(host(2, Ipv4Addr::new(10, 0, 0, 70), 32)));
    assert_eq!(words, ["! static_ipaddress: somebody removed 10.0.0.70/32; it was put back", "add 10.0.0.70"]);
    assert_eq!(without_events(bench.input(Input::Link(link(5, "eth5", true)))), ["add 10.0.0.72"]);
    // A reload takes off what it does not name, and the end takes off the rest; what was there before us stays.
    let less = StaticState { routes: vec![], ..wished() };
    let words = without_events(statics(&mut bench, less));
    assert_eq!(words, ["watch {} {} true", "remove route 10.9.1.0/24 dev eth0 [2]"]);
    let words = without_events(bench.input(Input::Stop));
    assert_eq!(
        words,
        ["remove rule 100: from 10.9.1.0/24 lookup 100 []", "remove 10.0.0.72", "remove 10.0.0.70", "stopped"]
    );
}

#[test]
fn a_static_address_that_changes_is_made_anew() {
    let mut bench = Bench::new(Vec::new());
    let one = |address| StaticState { addresses: vec![address], ..StaticState::default() };
    statics(&mut bench, one(static_address(70, "eth0")));
    let label = VirtualAddress { label: Some("eth0:1".to_owned()), ..static_address(70, "eth0") };
    assert_eq!(statics(&mut bench, one(label)), ["remove 10.0.0.70", "add 10.0.0.70"]);
    assert_eq!(without_events(bench.input(Input::Stop)), ["remove 10.0.0.70", "stopped"]);
}

#[test]
fn a_static_address_that_was_a_routers_goes_at_the_end() {
    let mut bench = Bench::new(vec![instance("a", 51)]);
    bench.pass(LONG);
    assert_eq!(bench.roles(), [Role::Active]);
    let router = RouterSettings {
        statics: StaticState { addresses: vec![static_address(51, "eth0")], ..StaticState::default() },
        ..RouterSettings::default()
    };
    let other = Instance { addresses: vec![vip(60)], ..instance("a", 51) };
    let config = Config { router, instances: vec![other], ..Config::default() };
    let words = without_events(bench.input(Input::Configure(Arc::new(config))));
    assert!(!words.iter().any(|word| word.ends_with(" 10.0.0.51") && !word.starts_with("arp")), "{words:?}");
    let words = without_events(bench.input(Input::Stop));
    assert_eq!(words, ["send 51 prio 0", "remove 10.0.0.60", "remove 10.0.0.51", "stopped"]);
}

#[test]
fn a_static_address_on_a_link_made_anew_does_not_wait() {
    let mut bench = Bench::new(Vec::new());
    bench.input(Input::Link(link(5, "eth5", true)));
    let only = StaticState { addresses: vec![static_address(70, "eth5")], ..StaticState::default() };
    assert_eq!(statics(&mut bench, only), ["add 10.0.0.70"]);
    for index in 6..9 {
        // The kernel takes the address off before it tells of the link; to put it back is refused then.
        let place = host(index - 1, Ipv4Addr::new(10, 0, 0, 70), 32);
        bench.input(Input::AddressGone(place));
        let words = bench.input(Input::LinkGone { index: index - 1 });
        assert_eq!(
            words,
            ["! static_ipaddress: cannot add 10.0.0.70/32: interface eth5 does not exist; waiting for it to appear; \
                 trying again until it works"]
        );
        let instance = Arc::from("");
        let late = Input::AddFailed { instance, address: place, error: "No such device".to_owned() };
        assert_eq!(bench.input(late), Vec::<String>::new());
        assert_eq!(without_events(bench.input(Input::Link(link(index, "eth5", true)))), ["add 10.0.0.70"]);
        assert_eq!(bench.input(Input::Address(HostAddress { index, ..place })), Vec::<String>::new());
    }
}

#[test]
fn what_a_killed_predecessor_put_on_is_ours() {
    let mut bench = Bench::bare();
    bench.input(Input::Links(vec![link(2, "eth0", true)]));
    let at = |last| host(2, Ipv4Addr::new(10, 0, 0, last), 32);
    bench.input(Input::Addresses(vec![host(2, OWN, 24), at(51), at(70), at(71), at(80), at(81)]));
    bench.input(Input::Left(vec![at(51), at(70), at(80)]));
    let router = RouterSettings {
        statics: StaticState {
            addresses: vec![static_address(70, "eth0"), static_address(71, "eth0")],
            ..StaticState::default()
        },
        ..RouterSettings::default()
    };
    let config = Config { router, instances: vec![instance("a", 51)], ..Config::default() };
    // What nobody names goes at once, if it was ours; the virtual one stays until it is known who is master.
    let words = without_events(bench.input(Input::Configure(Arc::new(config))));
    assert_eq!(words, ["listen 1", "remove 10.0.0.80"]);
    let words = without_events(bench.input(Input::Stop));
    assert_eq!(words, ["remove 10.0.0.51", "remove 10.0.0.70", "stopped"]);
}

#[test]
fn a_refused_static_address_is_tried_again() {
    let mut bench = Bench::new(Vec::new());
    bench.refuses = true;
    let only = StaticState { addresses: vec![static_address(70, "eth0")], ..StaticState::default() };
    assert_eq!(statics(&mut bench, only).len(), 2);
    assert_eq!(bench.pass(Duration::from_secs(5)), vec!["add 10.0.0.70"; 5]);
    bench.refuses = false;
    assert_eq!(bench.pass(Duration::from_secs(5)), ["add 10.0.0.70"]);
}

#[test]
fn one_bad_address_does_not_keep_the_others_waiting() {
    let mut two = instance("a", 51);
    two.addresses.push(vip(60));
    let mut bench = Bench::new(vec![two]);
    bench.pass(LONG);
    let bad = host(2, Ipv4Addr::new(10, 0, 0, 51), 32);
    bench.input(Input::AddFailed { instance: Arc::from("a"), address: bad, error: "no".to_owned() });
    let words = bench.input(Input::AddressGone(host(2, Ipv4Addr::new(10, 0, 0, 60), 32)));
    assert!(words.contains(&"add 10.0.0.60".to_owned()), "{words:?}");
    assert!(!words.contains(&"add 10.0.0.51".to_owned()), "{words:?}");
    assert!(bench.pass(Duration::from_secs(1)).contains(&"add 10.0.0.51".to_owned()));
}

#[test]
fn a_changed_address_is_replaced_in_place_where_the_kernel_can() {
    let with = |addresses: Vec<VirtualAddress>| Instance {
        addresses: vec![vip(51)],
        excluded_addresses: addresses,
        ..instance("a", 51)
    };
    let v6 = VirtualAddress::new("2001:db8::60".parse().unwrap(), 128);
    let label = VirtualAddress { label: Some("eth0:1".to_owned()), ..vip(60) };
    let mut bench = Bench::new(vec![with(vec![vip(60), v6.clone()])]);
    bench.pass(LONG);
    assert_eq!(bench.roles(), [Role::Active]);
    let preferred = VirtualAddress { preferred: Some(Preferred::Forever), ..v6.clone() };
    let words = without_events(bench.configure(vec![with(vec![label.clone(), preferred])], vec![], vec![]));
    assert_eq!(words[..3], ["update 2001:db8::60", "remove 10.0.0.60", "add 10.0.0.60"]);
    // Another length: IPv4 has both for a moment, IPv6 never.
    let longer = VirtualAddress { prefix_len: 24, ..label };
    let wider = VirtualAddress { prefix_len: 64, ..v6 };
    let words = without_events(bench.configure(vec![with(vec![longer, wider])], vec![], vec![]));
    let words: Vec<_> = words.into_iter().filter(|word| !word.starts_with("arp") && !word.starts_with("na ")).collect();
    assert_eq!(words, ["remove 2001:db8::60", "add 10.0.0.60", "add 2001:db8::60", "remove 10.0.0.60"]);
}

#[test]
fn promote_secondaries_is_a_setting_of_every_link_with_addresses() {
    let wanted = Instance { promote_secondaries: true, ..instance("a", 51) };
    let mut bench = Bench::new(Vec::new());
    let words = bench.configure(vec![wanted], vec![], vec![]);
    assert!(words.contains(&"net.ipv4.conf.eth0.promote_secondaries=1".to_owned()), "{words:?}");
    let words = bench.configure(vec![instance("a", 51)], vec![], vec![]);
    assert!(words.contains(&"restore net.ipv4.conf.eth0.promote_secondaries".to_owned()), "{words:?}");
}
