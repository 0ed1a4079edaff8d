//! Ten thousand routes: nothing waits for them, and no event looks at all of them.

use super::*;
use crate::model::{NextHop, Route, Rule, RuleAction};

const MANY: u16 = 1000;
/// The greatest number that keeps its place among other outputs.
const FEW: usize = 64;

fn to(n: u16) -> (IpAddr, u8) {
    (IpAddr::from([10, 20 + n.to_be_bytes()[0], n.to_be_bytes()[1], 0]), 24)
}

/// With another's number, so that no disk is waited for.
fn route(n: u16) -> Route {
    let hop = NextHop { via: Some(PEER.into()), ..NextHop::default() };
    Route { hops: vec![hop], protocol: 99, track: false, ..Route::new(to(n)) }
}

fn routed(routes: impl Iterator<Item = u16>) -> Vec<Instance> {
    vec![Instance { routes: routes.map(route).collect(), ..instance("a", 51) }]
}

/// Routes and rules that were put on and taken off, and how many other outputs there were.
#[derive(Default)]
struct Seen {
    added: Vec<String>,
    removed: Vec<String>,
    adverts: usize,
    last: String,
}

impl Bench {
    fn take(&mut self, seen: &mut Seen, output: Output) {
        seen.last = format!("{output:?}");
        match output {
            Output::AddSteering { id, what, .. } => {
                let outcome = self.steering.pop_front().unwrap_or(Steered::Added);
                self.now += Duration::from_micros(10);
                self.router.handle(Input::Steered { id, outcome }, self.now);
                seen.added.push(what.to_string());
            }
            Output::RemoveSteering { what, .. } => seen.removed.push(what.to_string()),
            Output::AddAddress { index, address, .. } => {
                let place = HostAddress { index, address: address.address, prefix_len: address.prefix_len };
                self.router.handle(Input::Address(place), self.now);
            }
            Output::RemoveAddress(place) => self.router.handle(Input::AddressGone(place), self.now),
            Output::RecordSteering { number, .. } => {
                self.records += 1;
                self.router.handle(Input::SteeringRecorded { number }, self.now);
            }
            Output::Send { router, .. } => {
                seen.adverts += 1;
                self.router.handle(Input::Sent { router }, self.now);
            }
            // None of these has an answer here.
            Output::Listen(_)
            | Output::Frame { .. }
            | Output::RunScript(_)
            | Output::Notify(_)
            | Output::Event(_)
            | Output::Stopped
            | Output::Fifo(_)
            | Output::AddLink(_)
            | Output::RaiseLink { .. }
            | Output::RemoveLink { .. }
            | Output::Sysctl { .. }
            | Output::RestoreSysctl { .. }
            | Output::ReversePathByLink(_)
            | Output::Firewall(_)
            | Output::WatchSteering(_)
            | Output::UpdateAddress { .. }
            | Output::WatchClaims(_)
            | Output::LookAtScripts(_) => {}
        }
    }

    /// What does not wait.
    fn urgent(&mut self) -> Seen {
        let mut seen = Seen::default();
        while let Some(output) = self.router.poll_urgent() {
            self.take(&mut seen, output);
        }
        seen
    }

    fn all(&mut self) -> Seen {
        let mut seen = Seen::default();
        while let Some(output) = self.router.poll_output() {
            self.take(&mut seen, output);
        }
        seen
    }

    /// Until it is master; nothing that waits has been done by then.
    fn promote(&mut self) -> Seen {
        let mut seen = Seen::default();
        while self.roles() != [Role::Active] {
            self.now = self.router.poll_timeout().unwrap().max(self.now);
            self.router.handle(Input::Deadline, self.now);
            seen = self.urgent();
        }
        seen
    }
}

fn texts(routes: impl Iterator<Item = u16>) -> Vec<String> {
    routes.map(|n| Steering::Route(route(n)).to_string()).collect()
}

#[test]
fn adverts_and_addresses_do_not_wait_for_many_routes() {
    let mut bench = Bench::new(routed(0..MANY));
    bench.records = 0;
    assert_eq!(bench.promote().added, texts(0..64));
    let mut added = FEW;
    // A second passes, and little of what waits is done.
    for _ in 0..5 {
        bench.now = bench.router.poll_timeout().unwrap();
        bench.router.handle(Input::Deadline, bench.now);
        let seen = bench.urgent();
        assert_eq!((seen.adverts, seen.added.len()), (1, 0));
        let output = bench.router.poll_output().unwrap();
        let mut seen = Seen::default();
        bench.take(&mut seen, output);
        assert_eq!(seen.added, texts((0..MANY).skip(added).take(1)));
        added += 1;
    }
    assert_eq!(bench.router.status(bench.now)[0].steering.iter().filter(|status| status.present).count(), added);
    assert_eq!(bench.all().added, texts((0..MANY).skip(added)), "each once, and in order");
    assert!(bench.router.status(bench.now)[0].steering.iter().all(|status| status.present));
    assert_eq!(bench.records, 1);
}

#[test]
fn what_waits_and_is_not_wished_any_more_never_comes_on() {
    let mut bench = Bench::new(routed(0..MANY));
    bench.promote();
    let advert_of_another = |bench: &mut Bench| {
        let seen = bench.hear(51, 200);
        let removed: Vec<_> = seen.iter().filter_map(|word| word.strip_prefix("remove route ")).collect();
        assert!(!seen.iter().any(|word| word.starts_with("add")), "{seen:?}");
        removed.len()
    };
    assert_eq!(advert_of_another(&mut bench), FEW, "what was put on and no more");
    assert!(!bench.router.status(bench.now)[0].steering.iter().any(|status| status.present));
    // Once more, with all of them on: the address does not wait for their removal.
    bench.pass(LONG);
    bench.all();
    assert_eq!(bench.roles(), [Role::Active]);
    bench.heard(51, 200);
    let seen = bench.urgent();
    assert_eq!(seen.removed.len(), FEW);
    assert!(!bench.router.status(bench.now)[0].addresses.iter().any(|status| status.present));
    assert_eq!(bench.all().removed.len(), usize::from(MANY) - FEW);
}

#[test]
fn a_reload_amid_many_leaves_exactly_what_it_names() {
    let mut bench = Bench::new(routed(0..MANY));
    bench.promote();
    let reload = |bench: &mut Bench, routes: std::ops::Range<u16>| {
        let config = Config { instances: routed(routes), ..Config::default() };
        bench.router.handle(Input::Configure(Arc::new(config)), bench.now);
        bench.urgent()
    };
    // What waited goes, comes again, and some of what was on goes.
    reload(&mut bench, 0..32);
    let before = reload(&mut bench, 16..MANY);
    let seen = bench.all();
    let removed: Vec<_> = before.removed.into_iter().chain(seen.removed).collect();
    assert!(removed.len() >= 16, "{removed:?}");
    let status = bench.router.status(bench.now);
    assert_eq!(status[0].steering.iter().filter(|status| status.present).count(), usize::from(MANY) - 16);
    bench.router.handle(Input::Stop, bench.now);
    let seen = bench.urgent();
    assert_eq!(seen.removed.len(), usize::from(MANY) - 16, "at the end nothing waits");
    assert_eq!(seen.last, "Stopped");
}

#[test]
fn news_of_many_become_one_question_each() {
    let rules = (0..300).map(|mark| Rule {
        mark: Some((mark, None)),
        protocol: Some(99),
        ..Rule::new(Family::V4, 100, RuleAction::Lookup(100))
    });
    let mut bench = Bench::new(vec![Instance { rules: rules.collect(), ..instance("a", 51) }]);
    bench.pass(LONG);
    bench.all();
    // News of one name no other than its priority, which is everybody's.
    for _ in 0..300 {
        let news = SteeringNews::Rule { family: Family::V4, priority: 100 };
        bench.router.handle(Input::SteeringNews(news), bench.now);
    }
    let added = bench.all().added.len();
    assert!((300..=300 + 2 * FEW).contains(&added), "{added}");
}

#[test]
fn many_that_were_refused_are_tried_again_together() {
    let mut bench = Bench::new(routed(0..MANY));
    bench.steering = vec![Steered::Refused("no".to_owned()); usize::from(MANY)].into();
    bench.promote();
    bench.all();
    let (mut deadlines, mut added, end) = (0, 0, bench.now + Duration::from_millis(1500));
    while let Some(at) = bench.router.poll_timeout().filter(|at| *at <= end) {
        bench.now = bench.now.max(at);
        bench.router.handle(Input::Deadline, bench.now);
        added += bench.all().added.len();
        deadlines += 1;
    }
    assert_eq!(added, usize::from(MANY));
    assert!(deadlines < 20, "{deadlines} deadlines");
}
