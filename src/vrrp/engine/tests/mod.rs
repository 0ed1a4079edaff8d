mod notify;
mod routes;
mod tracking;
mod virtual_links;

use super::instance::Wanted;
use super::*;
use crate::model::{
    Announcements, Burst, Command, Family, Instance, Notify, OnMissing, Peer, Priority, SyncGroup, TrackScript,
    Tracked, Transport, VirtualAddress, Vrid, VrrpVersion, Watched,
};
use crate::vrrp::machine::Role;
use crate::wire::vrrp::{Advert, Auth, Form, GROUP};
use crate::wire::{ah, ipv4, ipv6, vrrp as wire};
use std::net::Ipv4Addr;

mod adverts;

mod announce;
mod election;
mod groups;
mod many_routes;
mod masters;
mod readiness;
mod rivals;
mod sharers;

const OWN: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
const PEER: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 2);

fn vip(last: u8) -> VirtualAddress {
    VirtualAddress::new(Ipv4Addr::new(10, 0, 0, last).into(), 32)
}

fn instance(name: &str, vrid: u8) -> Instance {
    let master = Burst { repeat: 2, ..Burst::default() };
    Instance {
        addresses: vec![vip(vrid)],
        announcements: Announcements { master, lower_priority: master, ..Announcements::default() },
        ..Instance::new(name, "eth0", Vrid::new(vrid).unwrap(), Family::V4)
    }
}

fn watched(what: Watched, weight: i16) -> Tracked {
    Tracked { what, weight, reverse: false }
}

fn command(words: &str) -> Command {
    Command { words: vec![words.to_owned()], user: None }
}

fn script(name: &str) -> TrackScript {
    TrackScript {
        name: name.to_owned(),
        command: vec!["check".to_owned()],
        interval: Duration::from_secs(1),
        timeout: Duration::from_secs(1),
        rise: 1,
        fall: 2,
        user: None,
        init_fail: false,
        on_missing: OnMissing::Fail,
    }
}

fn link(index: u32, name: &str, up: bool) -> Link {
    Link {
        index,
        name: name.to_owned(),
        up,
        mac: Some([2, 0, 0, 0, 0, 1]),
        enabled: true,
        upon: None,
        marked: false,
        mtu: None,
        table: None,
    }
}

fn host(index: u32, address: Ipv4Addr, prefix_len: u8) -> HostAddress {
    HostAddress { index, address: address.into(), prefix_len }
}

/// The advert in a packet that was sent, of either family, behind an authentication header or not.
fn sent_advert(packet: &[u8]) -> wire::Packet<'_> {
    let payload = match packet[0] >> 4 {
        4 => {
            let packet = ipv4::Packet::new_checked(packet).unwrap();
            match packet.protocol() {
                ipv4::PROTOCOL_AH => ah::Packet::new_checked(packet.payload()).unwrap().payload(),
                _ => packet.payload(),
            }
        }
        _ => ipv6::Packet::new_checked(packet).unwrap().payload(),
    };
    wire::Packet::new_checked(payload, if packet[0] >> 4 == 4 { Family::V4 } else { Family::V6 }).unwrap()
}

/// A router on a host with `eth0`, under a clock that only the test moves.
struct Bench {
    router: Router,
    start: Instant,
    now: Instant,
    runs: Vec<(String, u64)>,
    /// The kernel refuses every address.
    refuses: bool,
    /// What the kernel answers to the next routes and rules.
    steering: VecDeque<Steered>,
    /// Whose claims are to be told.
    watches: Vec<Watch>,
    /// Scripts whose files are to be looked at.
    looks: Vec<ScriptLook>,
    /// Which routes and rules are written down to be ours.
    record: Vec<Kept>,
    /// How often that was handed out.
    records: usize,
    /// What is to be written is written at once; else never.
    disk_answers: bool,
}

impl Bench {
    fn new(instances: Vec<Instance>) -> Self {
        let mut bench = Self::bare();
        bench.input(Input::Links(vec![link(1, "lo", true), link(2, "eth0", true)]));
        bench.input(Input::Addresses(vec![host(2, OWN, 24)]));
        bench.configure(instances, Vec::new(), Vec::new());
        bench
    }

    fn bare() -> Self {
        let start = Instant::now();
        Self {
            router: Router::new(),
            start,
            now: start,
            runs: Vec::new(),
            refuses: false,
            steering: VecDeque::new(),
            watches: Vec::new(),
            looks: Vec::new(),
            record: Vec::new(),
            records: 0,
            disk_answers: true,
        }
    }

    fn configure(
        &mut self,
        instances: Vec<Instance>,
        scripts: Vec<TrackScript>,
        groups: Vec<SyncGroup>,
    ) -> Vec<String> {
        self.input(Input::Configure(Arc::new(Config { instances, scripts, sync_groups: groups, ..Config::default() })))
    }

    fn input(&mut self, input: Input<'_>) -> Vec<String> {
        self.router.handle(input, self.now);
        self.drain()
    }

    /// What came out, a word each; addresses come back from the kernel at once.
    fn drain(&mut self) -> Vec<String> {
        let mut words = Vec::new();
        while let Some(output) = self.router.poll_output() {
            words.push(match output {
                Output::Listen(listeners) => format!("listen {}", listeners.len()),
                Output::Send { packet, router, .. } => {
                    self.router.handle(Input::Sent { router }, self.now);
                    let advert = sent_advert(&packet);
                    format!("send {} prio {}", advert.vrid(), advert.priority())
                }
                Output::AddAddress { instance, index, address } => {
                    let place = HostAddress { index, address: address.address, prefix_len: address.prefix_len };
                    let answer = if self.refuses {
                        Input::AddFailed { instance, address: place, error: "no".to_owned() }
                    } else {
                        Input::Address(place)
                    };
                    self.router.handle(answer, self.now);
                    format!("add {}", address.address)
                }
                Output::RemoveAddress(place) => {
                    self.router.handle(Input::AddressGone(place), self.now);
                    format!("remove {}", place.address)
                }
                Output::Frame { frame, .. } => match crate::wire::arp::Gratuitous::parse(&frame) {
                    Ok(arp) => format!("arp {}", arp.address),
                    Err(_) => crate::wire::ndp::Unsolicited::parse(&frame)
                        .map(|na| format!("na {}{}", na.address, if na.router { " router" } else { "" }))
                        .unwrap(),
                },
                Output::RunScript(run) => {
                    self.runs.push((run.name.clone(), run.run));
                    format!("run {}", run.name)
                }
                Output::Notify(notice) => format!(
                    "notify {}",
                    notice.commands.iter().map(|command| command.words.join(" ")).collect::<Vec<_>>().join(" ")
                ),
                Output::Event(event) if !event.is_told() => continue,
                Output::Event(event) => format!("! {event}"),
                Output::Stopped => "stopped".to_owned(),
                Output::Fifo(line) => format!("fifo {}", line.trim_end()),
                Output::AddLink(link) => self.add_link(link),
                Output::RaiseLink { index, name, .. } => self.raise_link(index, &name),
                Output::RemoveLink { index, name } => {
                    self.router.handle(Input::LinkGone { index }, self.now);
                    format!("remove link {name}")
                }
                Output::WatchSteering(watch) => {
                    format!("watch {:?} {:?} {}", watch.protocols, watch.prefix_lens, watch.rules)
                }
                Output::AddSteering { id, what, links } => {
                    let outcome = self.steering.pop_front().unwrap_or(Steered::Added);
                    self.router.handle(Input::Steered { id, outcome }, self.now);
                    format!("add {what} {links:?}")
                }
                Output::RemoveSteering { what, links, left } => {
                    format!("remove {}{what} {links:?}", if left { "left " } else { "" })
                }
                Output::RecordSteering { number, entries } => {
                    self.record = entries;
                    self.records += 1;
                    if self.disk_answers {
                        self.router.handle(Input::SteeringRecorded { number }, self.now);
                    }
                    continue;
                }
                Output::UpdateAddress { address, .. } => format!("update {}", address.address),
                Output::LookAtScripts(looks) => {
                    let names: Vec<_> = looks.iter().map(|look| look.name.clone()).collect();
                    self.looks = looks;
                    format!("look {}", names.join(" "))
                }
                Output::WatchClaims(watches) => {
                    self.watches = watches;
                    continue;
                }
                Output::Sysctl { name, value } => format!("{name}={value}"),
                Output::RestoreSysctl { name } => format!("restore {name}"),
                Output::ReversePathByLink(on) => format!("rp_filter by link: {on}"),
                Output::Firewall(firewall) => {
                    self.router.handle(Input::Firewall(Ok(())), self.now);
                    format!("firewall {:?} {:?} {:?}", firewall.refused, firewall.refused_on, firewall.quiet)
                }
            });
        }
        words
    }

    /// Lets time pass, keeping every deadline on the way.
    fn pass(&mut self, duration: Duration) -> Vec<String> {
        let end = self.now + duration;
        let mut words = Vec::new();
        while let Some(at) = self.router.poll_timeout().filter(|at| *at <= end) {
            self.now = self.now.max(at);
            words.extend(self.input(Input::Deadline));
        }
        self.now = end;
        words
    }

    fn roles(&self) -> Vec<Role> {
        self.router.status(self.now).into_iter().map(|status| status.role).collect()
    }

    fn reason(&self, at: usize) -> String {
        self.router.status(self.now)[at].reason.clone()
    }

    fn finish(&mut self, name: &str, status: i32) -> Vec<String> {
        let at = self.runs.iter().rposition(|(run, _)| run == name).unwrap();
        let (_, run) = self.runs.remove(at);
        self.input(Input::ScriptDone { run, outcome: ScriptOutcome::Exited(status) })
    }

    fn hear(&mut self, vrid: u8, priority: u8) -> Vec<String> {
        self.heard(vrid, priority);
        self.drain()
    }

    /// The same, and what comes of it is left where it is.
    fn heard(&mut self, vrid: u8, priority: u8) {
        let advert = Advert {
            vrid: Vrid::new(vrid).unwrap(),
            priority,
            form: Form::V2 { interval_secs: 1, auth: Auth::None },
            addresses: vec![Ipv4Addr::new(10, 0, 0, vrid).into()],
        };
        let header = ipv4::Header { source: PEER, destination: GROUP, id: 1, protocol: 112, ttl: 255 };
        let packet = header.emit(&advert.emit(PEER, GROUP)).unwrap();
        self.router.handle(Input::Packet { index: 2, received: Received::ipv4(&packet).unwrap() }, self.now);
    }
}

const LONG: Duration = Duration::from_secs(4);

fn without_events(words: Vec<String>) -> Vec<String> {
    words.into_iter().filter(|word| !word.starts_with('!')).collect()
}

#[test]
fn an_advert_leaves_before_the_address_is_on_and_that_before_it_is_announced() {
    let mut bench = Bench::new(vec![instance("a", 51)]);
    let words = without_events(bench.pass(Duration::from_millis(3700)));
    assert_eq!(words, ["send 51 prio 100", "add 10.0.0.51", "arp 10.0.0.51", "arp 10.0.0.51"]);
    let words = without_events(bench.input(Input::Stop));
    assert_eq!(words, ["send 51 prio 0", "remove 10.0.0.51", "stopped"]);
    assert_eq!(bench.router.poll_timeout(), None);
}

fn with_leftover() -> (Bench, Vec<String>) {
    let mut bench = Bench::bare();
    bench.input(Input::Links(vec![link(2, "eth0", true)]));
    bench.input(Input::Addresses(vec![host(2, OWN, 24), host(2, Ipv4Addr::new(10, 0, 0, 51), 32)]));
    let words = bench.configure(vec![instance("a", 51)], Vec::new(), Vec::new());
    (bench, words)
}

#[test]
fn what_a_killed_predecessor_left_stays_until_another_master_is_heard() {
    let (mut bench, words) = with_leftover();
    assert!(
        words.contains(&"! a: 10.0.0.51/32 is on this host already; it stays until another master is heard".to_owned())
    );
    assert_eq!(without_events(words), ["listen 1"]);
    // Somebody says that it leaves: nobody is master.
    assert_eq!(without_events(bench.hear(51, 0)), Vec::<String>::new());
    // A master of lower priority is one all the same.
    assert_eq!(without_events(bench.hear(51, 1)), ["remove 10.0.0.51"]);

    // Nobody is heard: it is ours, and was never away.
    let (mut bench, _) = with_leftover();
    let words = without_events(bench.pass(LONG));
    assert_eq!(words, ["send 51 prio 100", "arp 10.0.0.51", "arp 10.0.0.51"]);
    assert_eq!(without_events(bench.input(Input::Stop)), ["send 51 prio 0", "remove 10.0.0.51", "stopped"]);

    // It goes with a fault, with a stop, and with its router.
    let (mut bench, _) = with_leftover();
    assert_eq!(without_events(bench.input(Input::Link(link(2, "eth0", false)))), ["remove 10.0.0.51"]);
    let (mut bench, _) = with_leftover();
    assert_eq!(without_events(bench.input(Input::Stop)), ["remove 10.0.0.51", "stopped"]);
    let (mut bench, _) = with_leftover();
    assert_eq!(without_events(bench.configure(vec![], vec![], vec![])), ["remove 10.0.0.51", "listen 0"]);
}

#[test]
fn what_was_inherited_is_let_go_of_by_a_reload_that_no_longer_names_it() {
    let other = || vec![Instance { addresses: vec![vip(60)], ..instance("a", 51) }];
    let (mut bench, _) = with_leftover();
    assert_eq!(without_events(bench.configure(vec![instance("a", 51)], vec![], vec![])), Vec::<String>::new());
    assert_eq!(without_events(bench.configure(other(), vec![], vec![])), ["remove 10.0.0.51"]);

    let (mut bench, _) = with_leftover();
    bench.pass(LONG);
    assert_eq!(bench.roles(), [Role::Active]);
    let words = without_events(bench.configure(other(), vec![], vec![]));
    assert_eq!(words, ["add 10.0.0.60", "arp 10.0.0.60", "arp 10.0.0.60", "remove 10.0.0.51"]);
}

#[test]
fn what_was_the_hosts_own_is_left_to_it() {
    // The owner of an address keeps it, before and after.
    let mut bench = Bench::bare();
    bench.input(Input::Links(vec![link(2, "eth0", true)]));
    bench.input(Input::Addresses(vec![host(2, Ipv4Addr::new(10, 0, 0, 51), 32)]));
    let owner = Instance { priority: Priority::OWNER, ..instance("a", 51) };
    let words = without_events(bench.configure(vec![owner], Vec::new(), Vec::new()));
    assert_eq!(words, ["listen 1", "send 51 prio 255", "arp 10.0.0.51", "arp 10.0.0.51"]);
    assert_eq!(without_events(bench.input(Input::Stop)), ["send 51 prio 0", "stopped"]);
}

/// All links are read while news of an interface that was deleted and made anew have not been: they are told after it.
#[test]
fn a_link_keeps_its_name_when_old_news_speak_of_its_predecessor() {
    let mut bench = Bench::bare();
    bench.input(Input::Links(vec![link(7, "eth0", true)]));
    bench.input(Input::Addresses(vec![host(7, OWN, 24)]));
    bench.configure(vec![instance("a", 51)], Vec::new(), Vec::new());
    for news in [Input::Link(link(2, "eth0", false)), Input::LinkGone { index: 2 }, Input::Link(link(7, "eth0", true))]
    {
        bench.input(news);
    }
    assert_eq!(bench.roles(), [Role::Backup]);
}

/// Who flushes an interface takes the interface's own address too: that is the trouble to tell, and nothing was put back.
#[test]
fn an_address_that_goes_with_the_interfaces_own_is_not_told() {
    let mut bench = Bench::new(vec![instance("a", 51)]);
    bench.pass(LONG);
    // The second is in the same message from the kernel: nothing is done in between.
    bench.router.handle(Input::AddressGone(host(2, Ipv4Addr::new(10, 0, 0, 51), 32)), bench.now);
    let words = bench.input(Input::AddressGone(host(2, OWN, 24)));
    let told: Vec<_> = words.iter().filter(|word| word.starts_with('!')).collect();
    let why = "interface eth0 has no IPv4 address of its own to send adverts from (virtual addresses do not count)";
    assert_eq!(told, [&format!("! a: MASTER -> FAULT: {why}")]);
}

#[test]
fn an_address_removed_by_hand_is_put_back_without_giving_up() {
    let mut bench = Bench::new(vec![instance("a", 51)]);
    bench.pass(LONG);
    let gone = || Input::AddressGone(host(2, Ipv4Addr::new(10, 0, 0, 51), 32));
    let words = bench.input(gone());
    // Told when the kernel has told it back.
    assert_eq!(
        words,
        [
            "add 10.0.0.51",
            "arp 10.0.0.51",
            "arp 10.0.0.51",
            "! a: somebody removed 10.0.0.51/32 while we are master; it was put back",
        ]
    );
    assert_eq!(bench.roles(), [Role::Active]);
    // Somebody who insists is answered once a second.
    assert_eq!(bench.input(gone()), Vec::<String>::new());
    assert!(bench.pass(Duration::from_millis(1001)).contains(&"add 10.0.0.51".to_owned()));
}

#[test]
fn addresses_that_go_together_come_back_together() {
    let mut many = instance("a", 51);
    many.addresses = (51..56).map(vip).collect();
    let mut bench = Bench::new(vec![many]);
    bench.pass(LONG);
    for last in 51..56 {
        let words = bench.input(Input::AddressGone(host(2, Ipv4Addr::new(10, 0, 0, last), 32)));
        assert!(words.contains(&format!("add 10.0.0.{last}")), "{words:?}");
    }
}

#[test]
fn a_refused_address_is_told_once_and_tried_again() {
    let mut bench = Bench::new(vec![instance("a", 51)]);
    bench.refuses = true;
    let told = "! a: cannot add 10.0.0.51/32: no; trying again every second".to_owned();
    assert!(bench.pass(LONG).contains(&told));
    assert!(bench.reason(0).ends_with("cannot add 10.0.0.51/32: no"));
    let words = bench.pass(LONG);
    assert_eq!(words.iter().filter(|word| *word == "add 10.0.0.51").count(), 4, "{words:?}");
    assert!(!words.contains(&told));
    bench.refuses = false;
    bench.pass(Duration::from_secs(1));
    assert!(!bench.reason(0).contains("cannot add"));
    assert!(bench.router.status(bench.now)[0].addresses[0].present);
}

#[test]
fn an_interface_is_waited_for_and_may_come_back_with_another_number() {
    let mut bench = Bench::bare();
    bench.configure(vec![instance("a", 51)], Vec::new(), Vec::new());
    assert_eq!(bench.roles(), [Role::Fault]);
    assert_eq!(bench.reason(0), "interface eth0 does not exist; waiting for it to appear");
    bench.input(Input::Link(link(7, "eth0", false)));
    assert_eq!(bench.reason(0), "interface eth0 is down or has no carrier");
    bench.input(Input::Link(link(7, "eth0", true)));
    assert!(bench.reason(0).contains("has no IPv4 address"));
    bench.input(Input::Address(host(7, OWN, 24)));
    assert_eq!(bench.roles(), [Role::Backup]);
    bench.pass(LONG);
    assert_eq!(bench.roles(), [Role::Active]);

    let words = without_events(bench.input(Input::Link(link(7, "eth0", false))));
    assert_eq!(words, ["remove 10.0.0.51"]);
    assert_eq!(without_events(bench.input(Input::LinkGone { index: 7 })), ["listen 0"]);
    assert_eq!(bench.roles(), [Role::Fault]);
    assert_eq!(without_events(bench.input(Input::Link(link(8, "eth0", true)))), ["listen 1"]);
    bench.input(Input::Address(host(8, OWN, 24)));
    let words = without_events(bench.pass(LONG));
    assert_eq!(words, ["send 51 prio 100", "add 10.0.0.51", "arp 10.0.0.51", "arp 10.0.0.51"]);
}

#[test]
fn a_reload_keeps_what_is_unchanged_and_moves_only_what_changed() {
    let mut bench = Bench::new(vec![instance("a", 51), instance("b", 52)]);
    bench.pass(LONG);
    let since = bench.router.status(bench.now)[0].since;
    assert_eq!(bench.configure(vec![instance("a", 51), instance("b", 52)], vec![], vec![]), Vec::<String>::new());

    // Another name, another priority, one address less and one more: still active, since as long as before.
    let mut changed = instance("renamed", 51);
    changed.priority = Priority::new(120).unwrap();
    changed.addresses = vec![vip(60)];
    let words = without_events(bench.configure(vec![changed.clone(), instance("b", 52)], vec![], vec![]));
    assert_eq!(words, ["add 10.0.0.60", "arp 10.0.0.60", "arp 10.0.0.60", "remove 10.0.0.51"]);
    assert_eq!(bench.router.status(bench.now)[0].since, since);
    let words = bench.pass(Duration::from_secs(1));
    assert!(words.contains(&"send 51 prio 120".to_owned()), "{words:?}");

    // One is gone: it leaves as at a stop.
    let words = without_events(bench.configure(vec![changed], vec![], vec![]));
    // Its adverts are nobody's from now on, which the sockets are told.
    assert_eq!(words, ["send 52 prio 0", "remove 10.0.0.52", "listen 1"]);
    assert_eq!(bench.roles(), [Role::Active]);
}

#[test]
fn an_address_that_moves_from_one_router_to_another_stays_on() {
    let mut both = instance("a", 51);
    both.addresses.push(vip(99));
    let mut bench = Bench::new(vec![both, instance("b", 52)]);
    bench.pass(LONG);
    let mut other = instance("b", 52);
    other.addresses.push(vip(99));
    let words = without_events(bench.configure(vec![instance("a", 51), other], vec![], vec![]));
    assert_eq!(words, Vec::<String>::new());
    assert!(bench.router.status(bench.now)[1].addresses.iter().all(|address| address.present));
}

#[test]
fn a_weighted_script_moves_the_priority_after_fall_failures() {
    let mut tracked = instance("a", 51);
    tracked.tracks = vec![watched(Watched::Script("s".to_owned()), -5)];
    let mut bench = Bench::new(Vec::new());
    let words = without_events(bench.configure(vec![tracked], vec![script("s"), script("unused")], vec![]));
    assert_eq!(words, ["listen 1", "run s"]);
    assert_eq!(bench.roles(), [Role::Backup]);
    bench.finish("s", 0);
    for expected in [100, 95] {
        bench.pass(Duration::from_secs(1));
        bench.finish("s", 1);
        assert_eq!(bench.router.status(bench.now)[0].effective_priority, expected);
    }
    bench.pass(Duration::from_secs(1));
    let words = bench.finish("s", 0);
    assert_eq!(
        words,
        ["! script s is well: it exited with status 0", "! a: effective priority 95 -> 100: script s is well (+0)"]
    );
}

#[test]
fn an_unweighted_script_is_waited_for_and_its_failure_is_a_fault() {
    let mut tracked = instance("a", 51);
    tracked.tracks = vec![watched(Watched::Script("s".to_owned()), 0)];
    let mut bench = Bench::new(Vec::new());
    bench.configure(vec![tracked.clone()], vec![script("s")], vec![]);
    assert_eq!(bench.roles(), [Role::Initialize]);
    // A run that never ends does not start another, and no time makes it active.
    assert_eq!(bench.pass(LONG), ["! a: still INIT: waiting for script s to answer for the first time"]);
    bench.finish("s", 1);
    assert_eq!((bench.roles(), bench.reason(0).as_str()), (vec![Role::Fault], "script s fails"));
    bench.pass(Duration::from_secs(1));
    bench.finish("s", 0);
    assert_eq!(bench.roles(), [Role::Backup]);
    // What could not be tried says nothing.
    for _ in 0..5 {
        bench.pass(Duration::from_secs(1));
        let (_, run) = bench.runs.pop().unwrap();
        let outcome = ScriptOutcome::NotTried("too many processes".to_owned());
        bench.input(Input::ScriptDone { run, outcome });
    }
    assert_eq!(bench.roles(), [Role::Active]);

    let failed = TrackScript { init_fail: true, ..script("s") };
    let mut bench = Bench::new(Vec::new());
    bench.configure(vec![tracked], vec![failed], vec![]);
    assert_eq!(bench.roles(), [Role::Fault]);
}

#[test]
fn tracked_interfaces() {
    let mut tracked = instance("a", 51);
    tracked.tracks =
        vec![watched(Watched::Interface("eth1".to_owned()), 0), watched(Watched::Interface("lo".to_owned()), 20)];
    let mut bench = Bench::new(vec![tracked]);
    assert_eq!(bench.reason(0), "tracked interface eth1 does not exist");
    bench.input(Input::Link(link(3, "eth1", true)));
    assert_eq!(bench.roles(), [Role::Backup]);
    assert_eq!(bench.router.status(bench.now)[0].effective_priority, 120);
    bench.input(Input::Link(link(1, "lo", false)));
    assert_eq!(bench.router.status(bench.now)[0].effective_priority, 100);
    bench.input(Input::Link(link(3, "eth1", false)));
    assert_eq!(bench.roles(), [Role::Fault]);
}

fn group(members: &[&str]) -> Vec<SyncGroup> {
    let members = members.iter().map(ToString::to_string).collect();
    let notify = Notify { any: Some(command("tell")), ..Notify::default() };
    vec![SyncGroup { name: "g".to_owned(), members, tracks: Vec::new(), weighted: false, notify }]
}

fn pair() -> (Vec<Instance>, Vec<SyncGroup>) {
    let mut other = instance("b", 52);
    other.tracks = vec![watched(Watched::Interface("lo".to_owned()), 0)];
    (vec![instance("a", 51), other], group(&["a", "b"]))
}

#[test]
fn a_group_is_active_together_or_not_at_all() {
    let mut bench = Bench::new(Vec::new());
    let (instances, groups) = pair();
    bench.configure(instances, vec![], groups);
    // Somebody else is master of one of them: the other waits.
    for _ in 0..10 {
        bench.pass(Duration::from_secs(1));
        bench.hear(52, 200);
    }
    assert_eq!(bench.roles(), [Role::Backup, Role::Backup]);
    let words = bench.pass(Duration::from_secs(6));
    assert_eq!(bench.roles(), [Role::Active, Role::Active]);
    assert!(words.contains(&"notify tell GROUP g MASTER 0".to_owned()), "{words:?}");
    // A better router appears for one: both go, and the other says so.
    let words = bench.hear(51, 200);
    assert_eq!(bench.roles(), [Role::Backup, Role::Backup]);
    assert!(words.contains(&"send 52 prio 0".to_owned()), "{words:?}");
    assert!(words.contains(&"notify tell GROUP g BACKUP 0".to_owned()), "{words:?}");
}

#[test]
fn a_members_fault_is_everybodys() {
    let mut bench = Bench::new(Vec::new());
    let (instances, groups) = pair();
    bench.configure(instances, vec![], groups);
    bench.pass(Duration::from_secs(6));
    assert_eq!(bench.roles(), [Role::Active, Role::Active]);
    let words = bench.input(Input::Link(link(1, "lo", false)));
    assert_eq!(bench.roles(), [Role::Fault, Role::Fault]);
    assert_eq!(bench.reason(0), "b of sync group g has a fault");
    assert!(words.contains(&"send 51 prio 0".to_owned()), "{words:?}");
    bench.input(Input::Link(link(1, "lo", true)));
    assert_eq!(bench.roles(), [Role::Backup, Role::Backup]);
}

#[test]
fn members_have_no_weights() {
    let mut bench = Bench::new(Vec::new());
    let (mut instances, groups) = pair();
    instances[0].tracks = vec![watched(Watched::Interface("lo".to_owned()), 20)];
    bench.configure(instances, vec![], groups);
    assert_eq!(bench.router.status(bench.now)[0].effective_priority, 100);
}

#[test]
fn the_second_router_with_a_number_stands_aside() {
    let mut bench = Bench::new(Vec::new());
    bench.configure(vec![instance("a", 51), instance("b", 51)], vec![], group(&["a", "b"]));
    bench.pass(Duration::from_secs(6));
    assert_eq!(bench.roles(), [Role::Active, Role::Fault]);
    assert!(bench.reason(1).contains("a has the same virtual_router_id"));
}

#[test]
fn scripts_are_told_in_order() {
    let words = |script: &str| Some(command(script));
    let mut told = instance("a", 51);
    told.notify = Notify {
        master: words("m"),
        backup: words("b"),
        fault: words("f"),
        stop: words("s"),
        any: words("any"),
        ..Notify::default()
    };
    let mut bench = Bench::new(Vec::new());
    let mut all = bench.configure(vec![told], vec![], vec![]);
    all.extend(bench.pass(LONG));
    all.extend(bench.input(Input::Link(link(2, "eth0", false))));
    all.extend(bench.input(Input::Stop));
    let notices: Vec<_> = all.iter().filter(|word| word.starts_with("notify")).map(String::as_str).collect();
    assert_eq!(
        notices,
        [
            "notify b any INSTANCE a BACKUP 100",
            "notify m any INSTANCE a MASTER 100",
            "notify f any INSTANCE a FAULT 100",
            "notify s any INSTANCE a STOP 100",
        ]
    );
}

#[test]
fn drops_are_counted_and_told_at_powers_of_ten() {
    let mut bench = Bench::new(vec![Instance { version: VrrpVersion::V3, ..instance("a", 51) }]);
    let told: usize = (0..100).map(|_| bench.hear(51, 100).len()).sum();
    assert_eq!(told, 3);
    let status = bench.router.status(bench.now).remove(0);
    assert_eq!(status.dropped, [(crate::vrrp::receive::Drop::Version, 100)]);
    assert_eq!(status.received, 0);
    // A number that is not ours is not ours to count.
    assert!(bench.hear(77, 100).is_empty());
}

#[test]
fn packets_count_up_from_one_and_skip_zero() {
    let config = Arc::new(Config { instances: vec![instance("a", 51)], ..Config::default() });
    let mut entry = Entry::new(Serial(1), &Wanted::each(&config).next().unwrap(), Instant::now());
    assert_eq!(entry.next_packet_id(), 1);
    entry.packet_id = u16::MAX;
    assert_eq!(entry.next_packet_id(), 1);
}

#[test]
fn unicast_goes_to_each_peer() {
    let peers = [PEER, Ipv4Addr::new(10, 0, 0, 3)].map(|peer| Peer::new(peer.into())).to_vec();
    let transport = Transport::Unicast { source: None, peers, ttl: 255, check_source: false };
    let mut bench = Bench::new(vec![Instance { transport, ..instance("a", 51) }]);
    let words = without_events(bench.pass(Duration::from_millis(3700)));
    assert_eq!(words[..3], ["send 51 prio 100", "send 51 prio 100", "add 10.0.0.51"]);
    assert!(bench.start < bench.now);
}
