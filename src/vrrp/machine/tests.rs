use super::*;
use proptest::prelude::*;
use std::net::{Ipv4Addr, Ipv6Addr};

use crate::model::{AdvertInterval, Announcements, Burst, Election, VrrpVersion};

mod election;
mod table;

const OURS: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 5));
const LOW: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1));
const HIGH: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 9));

fn settings(version: VrrpVersion, priority: u8) -> Settings {
    Settings {
        version,
        priority: Priority::new(priority).unwrap(),
        interval: AdvertInterval::DEFAULT,
        election: Election::default(),
        source: OURS,
        announcements: Announcements::default(),
        grouped: false,
        eager: false,
        ready_to_lead: true,
        not_before: None,
    }
}

fn nopreempt(settings: Settings) -> Settings {
    Settings { election: Election { preempt: false, ..settings.election }, ..settings }
}

fn heard(source: IpAddr, priority: u8) -> Heard {
    Heard { source, priority, interval: Duration::from_secs(1) }
}

fn millis(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn outputs(machine: &mut Machine) -> String {
    let mut words = Vec::new();
    while let Some(output) = machine.poll_output() {
        words.push(match output {
            Output::Send { priority } => format!("send {priority}"),
            Output::AddAddresses => "add".to_owned(),
            Output::RemoveAddresses => "remove".to_owned(),
            Output::Announce { repeat } => format!("announce {repeat}"),
            Output::Expired => "expired".to_owned(),
            Output::LowerPriority { crossed: false, .. } => "lower".to_owned(),
            Output::LowerPriority { crossed: true, .. } => "lower, crossed".to_owned(),
            Output::AnnounceExtra => "announce elsewhere".to_owned(),
            Output::OwnerConflict(_) => "two owners".to_owned(),
            Output::Overslept { late } => format!("overslept {}", late.as_millis()),
            Output::StateChanged { from, to, .. } => format!("{from}>{to}"),
        });
    }
    words.join(", ")
}

fn in_role(role: Role, settings: Settings, now: Instant) -> Machine {
    let mut machine = Machine::new(settings, now);
    match role {
        Role::Initialize => {}
        Role::Backup => machine.handle(Input::Ready, now),
        Role::Active => {
            machine.handle(Input::Ready, now);
            machine.handle(Input::Promote(Reason::GroupActive("g".into())), now);
        }
        Role::Fault => machine.handle(Input::Fail(Fault::InterfaceDown("eth0".into())), now),
    }
    while machine.poll_output().is_some() {}
    assert_eq!(machine.role(), role);
    machine
}

/// Rows of milliseconds, input, what comes out; between rows the deadlines are kept.
fn timeline(mut machine: Machine, start: Instant, rows: &[(u64, Option<Input>, &str)]) {
    for (at, input, expected) in rows {
        let now = start + millis(*at);
        if input.is_none() {
            let due = machine.poll_timeout().expect("a deadline");
            let due = due.duration_since(start);
            // Skews are in 256ths of a second: to the millisecond is exact enough to tell them all apart.
            assert_eq!(due.as_millis(), u128::from(*at), "deadline before row {at}");
            machine.handle(Input::Deadline, start + due);
        } else if let Some(input) = input.clone() {
            assert!(machine.poll_timeout().is_none_or(|due| due >= now), "row {at} comes after a deadline");
            machine.handle(input, now);
        }
        assert_eq!(outputs(&mut machine), *expected, "at {at} ms");
    }
}

#[test]
fn alone_it_takes_over_after_three_intervals_and_skew_and_announces_twice() {
    let start = Instant::now();
    timeline(
        Machine::new(settings(VrrpVersion::V2, 100), start),
        start,
        &[
            (0, Some(Input::Ready), "INIT>BACKUP"),
            // 3 s + 156/256 s: keepalived was seen to take 3.61 s.
            (3609, None, "send 100, add, announce 5, BACKUP>MASTER"),
            (4609, None, "send 100"),
            (5609, None, "send 100"),
            (6609, None, "send 100"),
            (7609, None, "send 100"),
            (8609, None, "send 100, announce 5"),
            (9609, None, "send 100"),
            (9700, Some(Input::Shutdown(Reason::Stopped)), "send 0, remove, MASTER>INIT"),
        ],
    );
}

#[test]
fn a_better_router_ignores_the_master_and_takes_over() {
    let start = Instant::now();
    let advert = || Some(Input::Advert(heard(LOW, 100)));
    timeline(
        Machine::new(settings(VrrpVersion::V2, 150), start),
        start,
        &[
            (0, Some(Input::Ready), "INIT>BACKUP"),
            (500, advert(), ""),
            (1500, advert(), ""),
            (2500, advert(), ""),
            // 3 s + 106/256 s, as keepalived does: 3.41 s.
            (3414, None, "send 150, add, announce 5, BACKUP>MASTER"),
        ],
    );
}

#[test]
fn nopreempt_accepts_anybody() {
    let start = Instant::now();
    let machine = Machine::new(nopreempt(settings(VrrpVersion::V2, 150)), start);
    let advert = || Some(Input::Advert(heard(LOW, 1)));
    timeline(
        machine,
        start,
        &[
            (0, Some(Input::Ready), "INIT>BACKUP"),
            (3000, advert(), ""),
            (6000, advert(), ""),
            (9000, Some(Input::Advert(heard(LOW, 0))), ""),
            (9414, None, "send 150, add, announce 5, BACKUP>MASTER"),
        ],
    );
}

#[test]
fn a_master_that_leaves_is_replaced_after_the_skew() {
    let start = Instant::now();
    timeline(
        Machine::new(settings(VrrpVersion::V2, 100), start),
        start,
        &[
            (0, Some(Input::Ready), "INIT>BACKUP"),
            (1000, Some(Input::Advert(heard(HIGH, 150))), ""),
            (2000, Some(Input::Advert(heard(HIGH, 0))), ""),
            (2609, None, "send 100, add, announce 5, BACKUP>MASTER"),
        ],
    );
}

#[test]
fn version_3_follows_the_masters_interval() {
    let start = Instant::now();
    let fast = Heard { interval: millis(100), ..heard(HIGH, 150) };
    timeline(
        Machine::new(settings(VrrpVersion::V3, 100), start),
        start,
        &[
            (0, Some(Input::Ready), "INIT>BACKUP"),
            (1000, Some(Input::Advert(fast)), ""),
            (1100, Some(Input::Advert(fast)), ""),
            // 300 ms + 156/256 of 100 ms.
            (1460, None, "send 100, add, announce 5, BACKUP>MASTER"),
            // Our own interval is one second again.
            (2460, None, "send 100"),
        ],
    );
}

#[test]
fn an_owner_is_active_at_once_and_a_changed_weight_counts_at_once() {
    let start = Instant::now();
    timeline(
        Machine::new(settings(VrrpVersion::V3, 255), start),
        start,
        &[(0, Some(Input::Ready), "send 255, add, announce 5, INIT>MASTER")],
    );
    timeline(
        Machine::new(settings(VrrpVersion::V2, 100), start),
        start,
        &[
            (0, Some(Input::Ready), "INIT>BACKUP"),
            (1000, Some(Input::Configure(settings(VrrpVersion::V2, 200))), ""),
            (3218, None, "send 200, add, announce 5, BACKUP>MASTER"),
        ],
    );
}

#[test]
fn a_group_member_asks_first_and_refreshes_when_told_to() {
    let start = Instant::now();
    let mut grouped = settings(VrrpVersion::V2, 100);
    grouped.grouped = true;
    grouped.announcements = Announcements {
        refresh: Some(millis(10_000)),
        master: Burst { delay: None, ..grouped.announcements.master },
        ..grouped.announcements
    };
    timeline(
        Machine::new(grouped, start),
        start,
        &[
            (0, Some(Input::Ready), "INIT>BACKUP"),
            (3609, None, "expired"),
            (5218, None, "expired"),
            (5300, Some(Input::Promote(Reason::GroupActive("g".into()))), "send 100, add, announce 5, BACKUP>MASTER"),
            (6300, None, "send 100"),
        ],
    );
}

#[test]
fn after_a_long_sleep_the_beat_starts_anew_without_a_burst_of_adverts() {
    let start = Instant::now();
    let mut machine = in_role(Role::Active, settings(VrrpVersion::V2, 100), start);
    let woken = start + Duration::from_secs(60);
    machine.handle(Input::Deadline, woken);
    assert_eq!(outputs(&mut machine), "send 100, announce 5");
    assert_eq!(machine.poll_timeout(), Some(woken + Duration::from_secs(1)));
}

#[test]
fn a_flood_of_lower_adverts_is_answered_but_not_announced_each_time() {
    let start = Instant::now();
    let mut machine = in_role(Role::Active, settings(VrrpVersion::V2, 100), start);
    let mut bursts = 0;
    for at in 0..1000 {
        machine.handle(Input::Advert(heard(HIGH, 99)), start + millis(at));
        bursts += outputs(&mut machine).matches("announce").count();
    }
    assert_eq!(bursts, 2);
}

// ---- a small network -------------------------------------------------------------------------------------------

/// Some machines on one wire, under a clock that only the test moves.
struct Network {
    start: Instant,
    now: Instant,
    /// Machine, its side of the wire, whether it is alive.
    nodes: Vec<(Machine, u8, bool)>,
    log: Vec<(Duration, usize, Role)>,
}

impl Network {
    fn new(all: Vec<Settings>) -> Self {
        let start = Instant::now();
        let nodes = all.into_iter().map(|settings| (Machine::new(settings, start), 0, true)).collect();
        let mut network = Self { start, now: start, nodes, log: Vec::new() };
        for node in 0..network.nodes.len() {
            network.tell(node, Input::Ready);
        }
        network
    }

    fn tell(&mut self, node: usize, input: Input) {
        self.nodes[node].0.handle(input, self.now);
        self.flush();
    }

    fn flush(&mut self) {
        loop {
            let mut sent = Vec::new();
            for (index, (machine, side, alive)) in self.nodes.iter_mut().enumerate() {
                while let Some(output) = machine.poll_output() {
                    match output {
                        Output::Send { priority } if *alive => {
                            let settings = machine.settings();
                            let interval = settings.interval.duration();
                            sent.push((index, *side, Heard { source: settings.source, priority, interval }));
                        }
                        Output::StateChanged { to, .. } => {
                            self.log.push((self.now.duration_since(self.start), index, to));
                        }
                        Output::Send { .. }
                        | Output::AddAddresses
                        | Output::RemoveAddresses
                        | Output::Announce { .. }
                        | Output::AnnounceExtra
                        | Output::Expired
                        | Output::OwnerConflict(_)
                        | Output::Overslept { .. }
                        | Output::LowerPriority { .. } => {}
                    }
                }
            }
            if sent.is_empty() {
                return;
            }
            for (from, side, heard) in sent {
                for (index, node) in self.nodes.iter_mut().enumerate() {
                    if index != from && node.1 == side && node.2 {
                        node.0.handle(Input::Advert(heard), self.now);
                    }
                }
            }
        }
    }

    fn run(&mut self, duration: Duration) {
        let end = self.now + duration;
        loop {
            let next = self.nodes.iter().filter(|node| node.2).filter_map(|node| node.0.poll_timeout()).min();
            let Some(next) = next.filter(|next| *next <= end) else { break };
            self.now = self.now.max(next);
            for index in 0..self.nodes.len() {
                if self.nodes[index].2 && self.nodes[index].0.poll_timeout().is_some_and(|at| at <= self.now) {
                    self.tell(index, Input::Deadline);
                }
            }
        }
        self.now = end;
    }

    fn masters(&self) -> Vec<usize> {
        (0..self.nodes.len())
            .filter(|index| self.nodes[*index].2 && self.nodes[*index].0.role() == Role::Active)
            .collect()
    }

    fn when(&self, node: usize, role: Role) -> Duration {
        self.log.iter().rev().find(|(_, index, to)| *index == node && *to == role).unwrap().0
    }
}

fn node(number: u8, priority: u8, version: VrrpVersion) -> Settings {
    Settings { source: Ipv4Addr::new(10, 0, 0, number).into(), ..settings(version, priority) }
}

#[test]
fn three_routers_elect_the_best_and_hand_over() {
    for version in [VrrpVersion::V2, VrrpVersion::V3] {
        let mut network = Network::new(vec![node(1, 100, version), node(2, 150, version), node(3, 120, version)]);
        network.run(Duration::from_secs(10));
        assert_eq!(network.masters(), [1]);

        // A clean stop: the next best within its skew.
        let stopped = network.now.duration_since(network.start);
        network.tell(1, Input::Shutdown(Reason::Stopped));
        network.run(Duration::from_secs(3));
        assert_eq!(network.masters(), [2]);
        assert_eq!((network.when(2, Role::Active) - stopped).as_millis(), 531); // 136/256 s

        // Back again: it preempts.
        network.tell(1, Input::Ready);
        network.run(Duration::from_secs(10));
        assert_eq!(network.masters(), [1]);

        // Killed: three intervals and the skew after its last advert.
        network.nodes[1].2 = false;
        let killed = network.now.duration_since(network.start);
        network.run(Duration::from_secs(5));
        assert_eq!(network.masters(), [2]);
        let took = network.when(2, Role::Active) - killed;
        assert!(took <= millis(3531) && took >= millis(2531), "{took:?}");
    }
}

#[test]
fn equal_priorities_are_decided_by_address_and_a_partition_heals() {
    let version = VrrpVersion::V3;
    let mut network = Network::new(vec![node(1, 100, version), node(2, 100, version), node(3, 100, version)]);
    network.run(Duration::from_secs(10));
    // A backup takes an equal advert, whoever sends it: the first one stays.
    assert_eq!(network.masters(), [0]);
    network.nodes[2].1 = 1;
    network.run(Duration::from_secs(10));
    assert_eq!(network.masters(), [0, 2]);
    // Two masters that meet compare addresses.
    network.nodes[2].1 = 0;
    network.run(Duration::from_secs(2));
    assert_eq!(network.masters(), [2]);
}

proptest! {
    /// Whatever happens on the way: when it has been quiet for long enough, those who are alive and see each other have
    /// exactly one master.
    #[test]
    fn quiet_leads_to_one_master(
        priorities in prop::collection::vec(1_u8..=254, 2..4),
        deeds in prop::collection::vec((0_usize..4, 0_usize..5, 0_u64..5000), 0..20),
        v3 in any::<bool>(),
        v6 in any::<bool>(),
        preempt in any::<bool>(),
    ) {
        let version = if v3 || v6 { VrrpVersion::V3 } else { VrrpVersion::V2 };
        let source = |number: u8| match v6 {
            true => IpAddr::from([0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, number]),
            false => IpAddr::from([10, 0, 0, number]),
        };
        let all = (1..).zip(&priorities).map(|(n, p)| Settings {
 source: source(n), election: Election { preempt, ..Election::default() }, ..node(n, *p, version) }).collect();
        let mut network = Network::new(all);
        for (who, deed, wait) in deeds {
            let who = who % priorities.len();
            match deed {
                0 => network.tell(who, Input::Fail(Fault::InterfaceDown("e".into()))),
                1 => network.tell(who, Input::Ready),
                2 => network.nodes[who].1 ^= 1,
                3 => network.nodes[who].2 = !network.nodes[who].2,
                _ => network.tell(who, Input::Shutdown(Reason::Stopped)),
            }
            network.run(millis(wait));
        }
        for index in 0..network.nodes.len() {
            network.nodes[index].1 = 0;
            network.nodes[index].2 = true;
            network.tell(index, Input::Ready);
        }
        network.run(Duration::from_secs(30));
        prop_assert_eq!(network.masters().len(), 1);
        if preempt {
            let master = network.masters().first().map(|index| priorities[*index]);
            prop_assert_eq!(master, priorities.iter().max().copied());
        }
    }
}
