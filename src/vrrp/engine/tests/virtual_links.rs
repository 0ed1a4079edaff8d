//! Macvlans and ipvlans of routers' own, what they need held, and what the filter drops.

use super::*;
use crate::model::{Ipvlan, IpvlanFlag, RouterSettings, VirtualLink, Vmac};
use crate::vrrp::engine::LinkKind;

impl Bench {
    /// As the kernel: a link that is made is there, switched off.
    pub(super) fn add_link(&mut self, new: NewLink) -> String {
        let index = self.router.links.keys().max().map_or(10, |last| (*last).max(9) + 1);
        let word = format!("add link {} on {}", new.name, new.base);
        if self.refuses {
            self.router.handle(Input::LinkFailed { name: new.name, at: new.base, error: "no".to_owned() }, self.now);
            return word;
        }
        let upon = Some(Upon { base: new.base, kind: new.kind });
        let link = Link {
            index,
            name: new.name,
            up: false,
            mac: new.mac,
            enabled: false,
            upon,
            marked: true,
            mtu: None,
            table: None,
        };
        self.router.handle(Input::Link(link), self.now);
        word
    }

    pub(super) fn raise_link(&mut self, index: u32, name: &str) -> String {
        if let Some(link) = self.router.links.get(&index) {
            let link = Link { up: true, enabled: true, ..link.clone() };
            self.router.handle(Input::Link(link), self.now);
        }
        format!("raise {name}")
    }

    fn vmac(&self, name: &str) -> Option<Link> {
        self.router.link(name).cloned()
    }
}

fn with_vmac(vrid: u8, vmac: Vmac) -> Instance {
    Instance { virtual_link: Some(VirtualLink::Vmac(vmac)), ..instance("a", vrid) }
}

fn started(instance: Instance) -> (Bench, Vec<String>) {
    let mut bench = Bench::bare();
    bench.input(Input::Links(vec![link(1, "lo", true), link(2, "eth0", true), link(3, "eth1", true)]));
    bench.input(Input::Addresses(vec![host(2, OWN, 24)]));
    let words = bench.configure(vec![instance], Vec::new(), Vec::new());
    (bench, words)
}

#[test]
fn it_is_made_before_the_router_runs_and_removed_at_the_end() {
    let (mut bench, words) = started(with_vmac(51, Vmac::default()));
    assert_eq!(
        words,
        [
            "rp_filter by link: true",
            "net.ipv4.conf.eth0.arp_announce=2",
            "net.ipv4.conf.eth0.arp_filter=1",
            "net.ipv4.conf.eth0.arp_ignore=1",
            "add link vrrp.51 on 2",
            "firewall {} {} {10: 2}",
            "raise vrrp.51",
            "! a: made interface vrrp.51 on eth0",
            "listen 1",
            "! a: INIT -> BACKUP: just started, listening for a master",
        ]
    );
    let made = bench.vmac("vrrp.51").unwrap();
    assert_eq!(made.mac, Some([0, 0, 0x5e, 0, 1, 51]));
    let words = without_events(bench.pass(Duration::from_millis(3700)));
    assert_eq!(words, ["send 51 prio 100", "add 10.0.0.51", "arp 10.0.0.51", "arp 10.0.0.51"]);
    assert!(bench.router.is_present(&host(10, Ipv4Addr::new(10, 0, 0, 51), 32)));
    assert_eq!(bench.router.status(bench.now)[0].addresses[0].interface, "vrrp.51");
    let words = without_events(bench.input(Input::Stop));
    assert_eq!(
        words,
        [
            "send 51 prio 0",
            "remove 10.0.0.51",
            "firewall {} {} {}",
            "remove link vrrp.51",
            "restore net.ipv4.conf.eth0.arp_announce",
            "restore net.ipv4.conf.eth0.arp_filter",
            "restore net.ipv4.conf.eth0.arp_ignore",
            "rp_filter by link: false",
            "stopped",
        ]
    );
}

#[test]
fn an_owner_waits_for_its_link_and_then_does_not_wait() {
    let owner = Instance {
        priority: Priority::OWNER,
        start_as: crate::model::StartAs::Master,
        ..with_vmac(51, Vmac::default())
    };
    let (bench, words) = started(owner);
    let at = |word: &str| words.iter().position(|found| found == word).unwrap_or_else(|| panic!("{word} in {words:?}"));
    assert!(at("raise vrrp.51") < at("send 51 prio 255"));
    assert!(at("send 51 prio 255") < at("add 10.0.0.51"));
    assert_eq!(bench.roles(), [Role::Active]);
}

#[test]
fn adverts_come_in_on_it_and_leave_as_told() {
    for send_from_base in [false, true] {
        let (mut bench, _) = started(with_vmac(51, Vmac { send_from_base, ..Vmac::default() }));
        let entry = &bench.router.instances[0];
        let (ear, voice) = (bench.router.ear(entry).unwrap().index, bench.router.voice(entry).unwrap().index);
        assert_eq!((ear, voice), (10, if send_from_base { 2 } else { 10 }));
        assert_eq!(bench.router.listeners.len(), if send_from_base { 2 } else { 1 });
        // `hear` is on the base: that is not where it listens.
        bench.hear(51, 200);
        assert_eq!(bench.router.status(bench.now)[0].received, 0);
    }
}

#[test]
fn what_a_killed_predecessor_left_is_used() {
    let mut bench = Bench::bare();
    let upon = Some(Upon { base: 2, kind: LinkKind::Macvlan });
    let mac = Some([0, 0, 0x5e, 0, 1, 51]);
    let left = Link {
        index: 7,
        name: "vrrp.51".to_owned(),
        up: true,
        mac,
        enabled: true,
        upon,
        marked: false,
        mtu: None,
        table: None,
    };
    bench.input(Input::Links(vec![link(2, "eth0", true), left]));
    bench.input(Input::Addresses(vec![host(2, OWN, 24), host(7, Ipv4Addr::new(10, 0, 0, 51), 32)]));
    let words = bench.configure(vec![with_vmac(51, Vmac::default())], Vec::new(), Vec::new());
    assert!(words.contains(&"! a: interface vrrp.51 is on eth0 already; using it".to_owned()), "{words:?}");
    assert!(
        words
            .iter()
            .any(|word| word.ends_with("10.0.0.51/32 is on this host already; it stays until another master is heard"))
    );
    assert!(words.contains(&"raise vrrp.51".to_owned()), "it has its settings again: {words:?}");
    assert!(!words.iter().any(|word| word.starts_with("add link") || word.starts_with("remove")), "{words:?}");
    let words = without_events(bench.input(Input::Stop));
    assert!(words.contains(&"remove link vrrp.51".to_owned()), "{words:?}");
}

#[test]
fn what_a_killed_predecessor_left_and_nobody_names_is_removed() {
    let left = |index, name: &str, vrid, marked| Link {
        index,
        name: name.to_owned(),
        up: true,
        mac: Some([0, 0, 0x5e, 0, 1, vrid]),
        enabled: true,
        upon: Some(Upon { base: 2, kind: LinkKind::Macvlan }),
        marked,
        mtu: None,
        table: None,
    };
    let address = host(9, Ipv4Addr::new(10, 0, 0, 53), 32);
    let restart = |instances| {
        let mut bench = Bench::bare();
        let links = [left(7, "vrrp.51", 51, true), left(8, "vrrp.52", 52, false), left(9, "vrrp.53", 53, true)];
        bench.input(Input::Links([vec![link(2, "eth0", true)], links.to_vec()].concat()));
        bench.input(Input::Addresses(vec![host(2, OWN, 24), address]));
        bench.input(Input::Left(vec![address]));
        assert!(bench.vmac("vrrp.51").is_some(), "nothing is removed before there is a configuration");
        let words = bench.configure(instances, Vec::new(), Vec::new());
        (bench, words)
    };
    // Another number, no virtual MAC address, nothing at all: keepalived's own is never touched.
    let moved = |word: &&String| word.contains("left by") || word.starts_with("remove");
    let told = |name: &str| {
        format!("! interface {name} was left by an earlier run, and the configuration does not name it: it is removed")
    };
    for (instances, kept) in [
        (vec![with_vmac(51, Vmac::default())], true),
        (vec![instance("a", 51)], false),
        (vec![instance("a", 53)], false),
        (Vec::new(), false),
    ] {
        let (mut bench, words) = restart(instances);
        let mut expected = vec!["remove link vrrp.53".to_owned(), told("vrrp.53")];
        if !kept {
            expected.extend(["remove link vrrp.51".to_owned(), told("vrrp.51")]);
        }
        let mut found: Vec<String> = words.iter().filter(moved).cloned().collect();
        expected.sort();
        found.sort();
        assert_eq!(found, expected);
        assert_eq!(bench.vmac("vrrp.51").is_some(), kept);
        assert!(bench.vmac("vrrp.52").is_some() && !bench.router.is_present(&address));
        // Later ones are somebody's doing that no configuration asks to undo.
        let words = bench.input(Input::Link(left(11, "vrrp.54", 54, true)));
        assert!(!words.iter().any(|word| word.starts_with("remove link")), "{words:?}");
        let words = bench.configure(vec![instance("a", 51)], Vec::new(), Vec::new());
        assert!(!words.contains(&"remove link vrrp.54".to_owned()), "{words:?}");
    }
    // What is wished in another form is made under the name that has become free.
    let other = with_vmac(51, Vmac { mac: Some([2, 0, 0, 0, 0, 9]), ..Vmac::default() });
    let (bench, words) = restart(vec![other]);
    let at = |word: &str| words.iter().position(|found| found == word).unwrap_or_else(|| panic!("{word} in {words:?}"));
    assert!(at("remove link vrrp.51") < at("add link vrrp.51 on 2"));
    assert_eq!(bench.vmac("vrrp.51").unwrap().mac, Some([2, 0, 0, 0, 0, 9]));
}

#[test]
fn a_name_that_is_taken_is_not_taken_again() {
    let id = |vrid| Vrid::new(vrid).unwrap();
    let mut bench = Bench::bare();
    bench.input(Input::Links(vec![link(2, "eth0", true), link(3, "vrrp.51", true)]));
    bench.input(Input::Addresses(vec![host(2, OWN, 24)]));
    let sixth = Instance {
        virtual_link: Some(VirtualLink::Vmac(Vmac::default())),
        ..Instance::new("b", "eth0", id(51), Family::V6)
    };
    let words = bench.configure(vec![with_vmac(51, Vmac::default()), sixth], Vec::new(), Vec::new());
    let added: Vec<_> = words.iter().filter(|word| word.starts_with("add link")).collect();
    assert_eq!(added, ["add link vrrp1.51 on 2", "add link vrrp6.51 on 2"]);
    assert_eq!(bench.vmac("vrrp6.51").unwrap().mac, Some([0, 0, 0x5e, 0, 2, 51]));
    // A name of the configuration's is that or none.
    let named = with_vmac(51, Vmac { name: Some("vrrp.51".to_owned()), ..Vmac::default() });
    let words = bench.configure(vec![named], Vec::new(), Vec::new());
    assert!(words.contains(&"remove link vrrp1.51".to_owned()), "{words:?}");
    assert!(!words.iter().any(|word| word.starts_with("add link")), "{words:?}");
    assert_eq!(bench.roles(), [Role::Fault]);
    assert_eq!(bench.reason(0), "its interface vrrp.51 cannot be made: the name vrrp.51 belongs to another interface");
    bench.input(Input::LinkGone { index: 3 });
    let words = bench.pass(Duration::from_secs(1));
    assert!(words.contains(&"add link vrrp.51 on 2".to_owned()), "{words:?}");
    assert_eq!(bench.roles(), [Role::Backup]);
}

#[test]
fn names_begin_as_the_configuration_says() {
    let elsewhere = || VirtualAddress { interface: Some("eth1".to_owned()), ..vip(52) };
    let vmac = || with_vmac(51, Vmac { for_addresses: true, ..Vmac::default() });
    let fourth = Instance { excluded_addresses: vec![elsewhere()], ..vmac() };
    let sixth = Instance {
        virtual_link: Some(VirtualLink::Vmac(Vmac::default())),
        ..Instance::new("b", "eth0", Vrid::new(51).unwrap(), Family::V6)
    };
    for (own, addresses, expected) in [
        (None, None, ["vrrp.51 on 2", "vrrp1.51 on 3", "vrrp6.51 on 2"]),
        (Some("virt"), None, ["virt.51 on 2", "virt1.51 on 3", "virt6.51 on 2"]),
        (None, Some("far"), ["vrrp.51 on 2", "far.51 on 3", "vrrp6.51 on 2"]),
        (Some("virt"), Some("vrrp"), ["virt.51 on 2", "vrrp.51 on 3", "virt6.51 on 2"]),
        // With the number behind it: as long as a name may be, and longer.
        (None, Some("faraway-from"), ["vrrp.51 on 2", "faraway-from.51 on 3", "vrrp6.51 on 2"]),
        (Some("faraway-from-"), None, ["vrrp.51 on 2", "vrrp1.51 on 3", "vrrp6.51 on 2"]),
    ] {
        let mut bench = Bench::bare();
        bench.input(Input::Links(vec![link(2, "eth0", true), link(3, "eth1", true)]));
        bench.input(Input::Addresses(vec![host(2, OWN, 24)]));
        let router = RouterSettings {
            vmac_prefix: own.map(str::to_owned),
            vmac_address_prefix: addresses.map(str::to_owned),
            ..RouterSettings::default()
        };
        let instances = vec![fourth.clone(), sixth.clone()];
        let words = bench.input(Input::Configure(Arc::new(Config { instances, router, ..Config::default() })));
        let added: Vec<_> = words.iter().filter_map(|word| word.strip_prefix("add link ")).collect();
        assert_eq!(added, expected, "{own:?} {addresses:?}");
    }
}

#[test]
fn deleted_by_hand_it_is_made_again_at_once_and_the_router_stays_master() {
    let (mut bench, _) = started(with_vmac(51, Vmac::default()));
    bench.pass(LONG);
    // In the kernel's order: it goes down, loses its addresses, and is gone.
    let down = Link { up: false, enabled: false, ..bench.vmac("vrrp.51").unwrap() };
    let address = host(10, Ipv4Addr::new(10, 0, 0, 51), 32);
    bench.router.handle(Input::Link(down), bench.now);
    bench.router.handle(Input::AddressGone(address), bench.now);
    bench.router.handle(Input::LinkGone { index: 10 }, bench.now);
    let words = bench.drain();
    let told: Vec<_> = words.iter().filter(|word| word.starts_with('!')).collect();
    assert_eq!(told, ["! a: somebody deleted interface vrrp.51; it was made again"]);
    for word in ["add link vrrp.51 on 2", "add 10.0.0.51", "arp 10.0.0.51"] {
        assert!(words.contains(&word.to_owned()), "{word} in {words:?}");
    }
    assert_eq!(bench.roles(), [Role::Active]);
    // Whoever does it again and again does so once a second.
    let index = bench.vmac("vrrp.51").unwrap().index;
    let words = bench.input(Input::LinkGone { index });
    assert!(!words.contains(&"add link vrrp.51 on 2".to_owned()), "{words:?}");
    let words = bench.pass(Duration::from_secs(1));
    assert!(words.contains(&"add link vrrp.51 on 2".to_owned()), "{words:?}");
    assert!(words.contains(&"add 10.0.0.51".to_owned()), "{words:?}");
}

#[test]
fn switched_off_by_hand_it_is_switched_on_again() {
    let (mut bench, _) = started(with_vmac(51, Vmac::default()));
    bench.pass(LONG);
    let down = Link { up: false, enabled: false, ..bench.vmac("vrrp.51").unwrap() };
    let words = bench.input(Input::Link(down));
    assert!(words.contains(&"raise vrrp.51".to_owned()), "{words:?}");
    let told = "! a: somebody switched interface vrrp.51 off; it was switched on again";
    assert!(words.contains(&told.to_owned()), "{words:?}");
    assert_eq!(bench.roles(), [Role::Active]);
}

#[test]
fn with_its_base_it_goes_and_comes() {
    let (mut bench, _) = started(with_vmac(51, Vmac::default()));
    bench.pass(LONG);
    bench.router.handle(Input::LinkGone { index: 10 }, bench.now);
    bench.router.handle(Input::LinkGone { index: 2 }, bench.now);
    let mut words = Vec::new();
    while let Some(output) = bench.router.poll_output() {
        // The base is gone by the time that the kernel is asked.
        if let Output::AddLink(link) = output {
            bench
                .router
                .handle(Input::LinkFailed { name: link.name, at: link.base, error: "no".to_owned() }, bench.now);
        } else if let Output::Event(event) = output {
            words.push(event.to_string());
        }
    }
    assert_eq!(words, ["a: MASTER -> FAULT: interface eth0 does not exist; waiting for it to appear"]);
    bench.router.handle(Input::Addresses(vec![host(4, OWN, 24)]), bench.now);
    let words = bench.input(Input::Link(link(4, "eth0", true)));
    assert!(words.contains(&"net.ipv4.conf.eth0.arp_ignore=1".to_owned()), "a new link has new settings: {words:?}");
    assert!(words.contains(&"add link vrrp.51 on 4".to_owned()), "{words:?}");
    let told: Vec<_> = words.iter().filter(|word| word.contains("->")).collect();
    assert_eq!(told, ["! a: FAULT -> BACKUP: what had failed is well again, listening for a master"]);
}

/// An attempt on a base that is gone fails after the link has been asked for on the base's successor.
#[test]
fn an_answer_that_comes_late_is_nobodys() {
    let (mut bench, _) = started(with_vmac(51, Vmac::default()));
    let late = Input::LinkFailed { name: "vrrp.51".to_owned(), at: 99, error: "no such device".to_owned() };
    assert_eq!(bench.input(late), Vec::<String>::new());
    assert_eq!(bench.roles(), [Role::Backup]);
}

/// It is on, whoever switched it on: the second attempt changes nothing that the kernel would tell, and the router runs.
#[test]
fn a_failure_with_a_link_that_is_on_is_over_with_the_next_attempt() {
    let (mut bench, _) = started(with_vmac(51, Vmac::default()));
    bench.input(Input::LinkFailed { name: "vrrp.51".to_owned(), at: 10, error: "busy".to_owned() });
    assert_eq!(bench.roles(), [Role::Fault]);
    let words = bench.pass(Duration::from_secs(1));
    assert_eq!(words, ["raise vrrp.51", "! a: FAULT -> BACKUP: what had failed is well again, listening for a master"]);
}

#[test]
fn a_kernel_that_refuses_is_asked_every_second_and_told_of_once() {
    let mut bench = Bench::bare();
    bench.refuses = true;
    bench.input(Input::Links(vec![link(2, "eth0", true)]));
    bench.input(Input::Addresses(vec![host(2, OWN, 24)]));
    let words = bench.configure(vec![with_vmac(51, Vmac::default())], Vec::new(), Vec::new());
    let failed = "! a: cannot make interface vrrp.51: no; trying again every second";
    assert!(words.contains(&failed.to_owned()), "{words:?}");
    assert_eq!(bench.roles(), [Role::Fault]);
    assert_eq!(bench.pass(Duration::from_millis(2500)), ["add link vrrp.51 on 2", "add link vrrp.51 on 2"]);
    bench.refuses = false;
    bench.pass(Duration::from_secs(1));
    assert_eq!(bench.roles(), [Role::Backup]);
}

#[test]
fn a_reload_makes_and_removes_it_and_moves_the_address() {
    let (mut bench, _) = started(instance("a", 51));
    bench.pass(LONG);
    let words = bench.configure(vec![with_vmac(51, Vmac::default())], Vec::new(), Vec::new());
    let words = without_events(words);
    for word in ["add link vrrp.51 on 2", "add 10.0.0.51", "remove 10.0.0.51"] {
        assert!(words.contains(&word.to_owned()), "{word} in {words:?}");
    }
    assert!(bench.router.is_present(&host(10, Ipv4Addr::new(10, 0, 0, 51), 32)));
    assert!(!bench.router.is_present(&host(2, Ipv4Addr::new(10, 0, 0, 51), 32)));
    assert_eq!(bench.configure(vec![with_vmac(51, Vmac::default())], Vec::new(), Vec::new()), Vec::<String>::new());
    let words = bench.configure(Vec::new(), Vec::new(), Vec::new());
    for word in ["remove 10.0.0.51", "remove link vrrp.51", "restore net.ipv4.conf.eth0.arp_ignore"] {
        assert!(words.contains(&word.to_owned()), "{word} in {words:?}");
    }
}

#[test]
fn a_reload_that_changes_its_group_or_what_it_carries_gives_it_new_settings() {
    let (mut bench, _) = started(with_vmac(51, Vmac::default()));
    let grouped = with_vmac(51, Vmac { group: Some(7), ..Vmac::default() });
    bench.router.handle(
        Input::Configure(Arc::new(Config { instances: vec![grouped.clone()], ..Config::default() })),
        bench.now,
    );
    let mut raised = None;
    while let Some(output) = bench.router.poll_output() {
        if let Output::RaiseLink { group, settings, .. } = output {
            raised = Some((group, settings));
        }
    }
    let (group, settings) = raised.unwrap();
    assert_eq!(group, Some(7));
    assert!(settings.contains(&("net.ipv6.conf.vrrp/51.disable_ipv6".to_owned(), "1".to_owned())), "{settings:?}");
    let sixth = VirtualAddress::new("2001:db8::1".parse().unwrap(), 64);
    let both = Instance { excluded_addresses: vec![sixth], ..grouped };
    assert_eq!(
        bench.configure(vec![both.clone()], Vec::new(), Vec::new()),
        ["raise vrrp.51"],
        "IPv6 is switched on for it"
    );
    assert_eq!(bench.configure(vec![both], Vec::new(), Vec::new()), Vec::<String>::new());
}

#[test]
fn a_reload_that_changes_what_it_is_makes_another_of_the_same_name() {
    let (mut bench, _) = started(with_vmac(51, Vmac::default()));
    bench.pass(LONG);
    let other = with_vmac(51, Vmac { mac: Some([2, 0, 0, 0, 0, 9]), ..Vmac::default() });
    let words = without_events(bench.configure(vec![other], Vec::new(), Vec::new()));
    let at = |word: &str| words.iter().position(|found| found == word).unwrap_or_else(|| panic!("{word} in {words:?}"));
    assert!(at("remove link vrrp.51") < at("add link vrrp.51 on 2"));
    assert!(at("raise vrrp.51") < at("add 10.0.0.51"));
    assert_eq!(bench.vmac("vrrp.51").unwrap().mac, Some([2, 0, 0, 0, 0, 9]));
    assert_eq!(bench.roles(), [Role::Active]);
}

#[test]
fn addresses_elsewhere_have_links_there_if_asked_for() {
    let elsewhere = VirtualAddress { interface: Some("eth1".to_owned()), ..vip(52) };
    for for_addresses in [false, true] {
        let with = Instance {
            excluded_addresses: vec![elsewhere.clone()],
            ..with_vmac(51, Vmac { for_addresses, ..Vmac::default() })
        };
        let (mut bench, words) = started(with);
        assert_eq!(words.contains(&"add link vrrp1.51 on 3".to_owned()), for_addresses, "{words:?}");
        bench.pass(LONG);
        let index = if for_addresses { bench.vmac("vrrp1.51").unwrap().index } else { 3 };
        assert!(bench.router.is_present(&host(index, Ipv4Addr::new(10, 0, 0, 52), 32)));
    }
}

#[test]
fn ipv6_has_the_bases_link_local_address_on_it() {
    let sixth = |id| Instance {
        virtual_link: Some(VirtualLink::Vmac(Vmac::default())),
        ..Instance::new("a", "eth0", Vrid::new(id).unwrap(), Family::V6)
    };
    let link_local =
        |index, last| HostAddress { index, address: format!("fe80::{last}").parse().unwrap(), prefix_len: 64 };
    let mut bench = Bench::bare();
    bench.input(Input::Links(vec![link(2, "eth0", true)]));
    bench.input(Input::Addresses(vec![link_local(2, 1)]));
    let words = bench.configure(vec![sixth(51)], Vec::new(), Vec::new());
    assert!(words.contains(&"add fe80::1".to_owned()), "{words:?}");
    assert!(!words.iter().any(|word| word.contains("ipv4") || word.contains("rp_filter")), "{words:?}");
    // The base gets another one.
    bench.router.handle(Input::AddressGone(link_local(2, 1)), bench.now);
    let words = bench.input(Input::Address(link_local(2, 9)));
    assert!(bench.router.is_present(&link_local(10, 9)), "{words:?}");
    assert!(!bench.router.is_present(&link_local(10, 1)), "{words:?}");
}

#[test]
fn an_ipvlan_has_its_bases_mac_and_an_address_of_its_own() {
    let address = Ipv4Addr::new(10, 0, 0, 7);
    let ipvlan = Ipvlan { address: Some((address.into(), 24)), flag: IpvlanFlag::Vepa, ..Ipvlan::default() };
    let (mut bench, words) = started(Instance { virtual_link: Some(VirtualLink::Ipvlan(ipvlan)), ..instance("a", 51) });
    assert!(words.contains(&"add link vrrp.51 on 2".to_owned()), "{words:?}");
    assert!(words.contains(&"add 10.0.0.7".to_owned()), "{words:?}");
    let made = bench.vmac("vrrp.51").unwrap();
    assert_eq!(made.upon, Some(Upon { base: 2, kind: LinkKind::Ipvlan(IpvlanFlag::Vepa) }));
    assert!(words.iter().all(|word| !word.contains("net.ipv4") && !word.starts_with("rp_filter")), "{words:?}");
    assert!(words.iter().all(|word| !word.starts_with("firewall")), "its reports carry no virtual MAC: {words:?}");
    assert_eq!(bench.router.source(&bench.router.instances[0]), Some(address.into()));
    bench.pass(LONG);
    assert!(bench.router.is_present(&host(2, Ipv4Addr::new(10, 0, 0, 51), 32)), "on the base, as in keepalived");
}

#[test]
fn what_is_not_accepted_is_dropped_before_it_is_there() {
    let closed = |priority, strict, accept| Instance { priority, strict, accept, ..instance("a", 51) };
    let refused = |instance| {
        let (_, words) = started(instance);
        words.iter().any(|word| word == "firewall {10.0.0.51} {} {}")
    };
    assert!(refused(closed(Priority::DEFAULT, false, false)));
    assert!(refused(closed(Priority::DEFAULT, true, true)), "strict version 2 never accepts");
    assert!(!refused(closed(Priority::OWNER, true, false)), "an owner always does");
    assert!(!refused(closed(Priority::DEFAULT, false, true)));

    let (mut bench, _) = started(closed(Priority::DEFAULT, false, false));
    let words = bench.pass(LONG);
    assert!(!words.iter().any(|word| word.starts_with("firewall")), "nothing to add at a takeover: {words:?}");
    let words = without_events(bench.input(Input::Stop));
    assert_eq!(words, ["send 51 prio 0", "remove 10.0.0.51", "firewall {} {} {}", "stopped"]);
}

#[test]
fn without_a_filter_routers_run_and_say_so() {
    let (mut bench, _) = started(Instance { accept: false, ..instance("a", 51) });
    let error = || Input::Firewall(Err("this kernel has no nftables".to_owned()));
    assert_eq!(bench.input(error()).len(), 1);
    assert_eq!(bench.input(error()), Vec::<String>::new(), "told once");
    let words = bench.reason(0);
    assert!(words.ends_with("its addresses are accepted all the same: this kernel has no nftables"), "{words}");
    bench.pass(LONG);
    assert_eq!(bench.roles(), [Role::Active]);
}

#[test]
fn the_filters_table_is_named_by_the_configuration() {
    let mut bench = Bench::bare();
    let router = RouterSettings {
        firewall_table: Some("vrrp".to_owned()),
        firewall_priority: Some(5),
        ..RouterSettings::default()
    };
    let instances = vec![Instance { accept: false, ..instance("a", 51) }];
    bench.input(Input::Configure(Arc::new(Config { instances, router, ..Config::default() })));
    assert_eq!((bench.router.firewall.table.as_str(), bench.router.firewall.priority), ("vrrp", 5));
}
