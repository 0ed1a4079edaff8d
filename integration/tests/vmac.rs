//! Virtual MAC addresses and addresses that are not accepted, on real links: ours beside ours and beside Debian's keepalived.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver};
use std::time::Duration;

use integration::subject::instances;
use integration::waiting::holds_for;
use integration::{Ipvsd, Node, Segment, Topology, lab_test, native_test, peers, wait_for, wait_until};
use ipvsd::api::InstanceView;
use ipvsd::model::{
    Config, Family, Instance, Ipvlan, IpvlanFlag, Priority, VirtualAddress, VirtualLink, Vmac, Vrid, VrrpVersion,
};
use ipvsd::shell::router::{self, Options, RouterEvent, RouterHandle};

/// Generous: what takes this long on the slowest machine is broken.
const LONG: Duration = Duration::from_secs(60);
const VIP: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 168, 10, 99));
/// The virtual router's MAC address: its number is 51.
const MAC: &str = "00:00:5e:00:01:33";

fn instance(priority: u8) -> Instance {
    Instance {
        priority: Priority::new(priority).unwrap(),
        addresses: vec![VirtualAddress::new(VIP, 32)],
        version: VrrpVersion::V2,
        ..Instance::new("VI_1", "em1", Vrid::new(51).unwrap(), Family::V4)
    }
}

fn with_vmac(priority: u8, vmac: Vmac) -> Instance {
    Instance { virtual_link: Some(VirtualLink::Vmac(vmac)), ..instance(priority) }
}

fn plain(priority: u8) -> Instance {
    with_vmac(priority, Vmac::default())
}

fn from_base(priority: u8) -> Instance {
    with_vmac(priority, Vmac { send_from_base: true, ..Vmac::default() })
}

/// Our router in a node.
struct Ours {
    handle: RouterHandle,
    events: Receiver<RouterEvent>,
}

impl Ours {
    fn start(node: &Node, instance: Instance) -> Self {
        let (tell, events) = mpsc::channel();
        let config = Arc::new(Config { instances: vec![instance], ..Config::default() });
        Self {
            handle: node.enter(|| {
                router::spawn(Options { config, events: tell.into(), services: Arc::default(), fresh: true }).unwrap()
            }),
            events,
        }
    }

    fn configure(&self, instances: Vec<Instance>) {
        let config = Arc::new(Config { instances, ..Config::default() });
        self.handle.configure(config).recv_timeout(LONG).expect("an answer").unwrap();
    }

    fn view(&self) -> InstanceView {
        self.handle.snapshot().recv_timeout(LONG).expect("an answer").remove(0)
    }

    fn wait(&self, state: &str) -> Duration {
        wait_for(LONG, state, || {
            let view = self.view();
            if view.state == state { Ok(()) } else { Err(format!("{}: {}", view.state, view.reason)) }
        });
        Duration::ZERO
    }

    fn stop(self) {
        self.handle.stop().recv_timeout(LONG).expect("an answer");
        self.handle.join();
        assert_eq!(self.events.iter().last(), Some(RouterEvent::Stopped));
    }
}

/// Two routers and a client on a segment.
fn lan(name: &str) -> (Topology, Segment, Node, Node, Node) {
    let mut lab = Topology::new(name);
    let lan = lab.segment("lan");
    let (one, two, client) = (lab.node("one"), lab.node("two"), lab.node("client"));
    lan.attach(&one, "em1", &["192.168.10.81/24"]);
    lan.attach(&two, "em1", &["192.168.10.82/24"]);
    lan.attach(&client, "eth0", &["192.168.10.1/24"]);
    (lab, lan, one, two, client)
}

fn has(node: &Node, link: &str) -> bool {
    node.has_address(link, VIP)
}

fn keepalived_conf(words: &str) -> String {
    format!(
        "global_defs {{\n vrrp_version 2\n}}\n\
         vrrp_instance A {{\n interface em1\n virtual_router_id 51\n priority 100\n advert_int 1\n {words}\n \
         virtual_ipaddress {{\n 192.168.10.99\n }}\n}}\n"
    )
}

/// A link as `ip -d` shows it, without its own number and the mark that is ours.
fn shown(node: &Node, link: &str) -> String {
    let line = node.sh(&format!("ip -d -o link show dev {link}"));
    line.split_once(": ").unwrap().1.replace(r"\    alias made by ipvsd", "").trim().to_owned()
}

fn exists(node: &Node, link: &str) -> bool {
    node.command("ip").args(["link", "show", "dev", link]).output().success()
}

/// All network settings of an interface.
fn settings(node: &Node, link: &str) -> BTreeMap<String, String> {
    let link = link.to_owned();
    node.enter(move || {
        let mut found = BTreeMap::new();
        for family in ["ipv4", "ipv6"] {
            for entry in std::fs::read_dir(format!("/proc/sys/net/{family}/conf/{link}")).unwrap() {
                let path = entry.unwrap().path();
                let Ok(value) = std::fs::read_to_string(&path) else { continue };
                found.insert(format!("{family} {}", path.file_name().unwrap().display()), value.trim().to_owned());
            }
        }
        found
    })
}

/// The MAC address that a client finds for the virtual address by asking.
fn resolved(client: &Node) -> String {
    wait_for(LONG, "an answer from the virtual address", || {
        client.sh("ip neigh flush all");
        let _ = client.reaches(VIP, Duration::from_secs(1));
        let found = client.sh("ip -o neigh show to 192.168.10.99");
        match found.split_once("lladdr ") {
            Some((_, rest)) => Ok(rest.split_whitespace().next().unwrap_or_default().to_owned()),
            None => Err(found),
        }
    })
}

/// Whether the kernel has nftables for IP: our router says so.
fn has_nftables(node: &Node) -> bool {
    let router = Ours::start(node, Instance { accept: false, ..instance(1) });
    let reason = router.view().reason;
    router.stop();
    !reason.contains("accepted all the same")
}

/// Both directions of a takeover, by priority, by a clean stop and by a sudden death.
fn hand_over_with_keepalived(name: &str, words: &str, ours: fn(u8) -> Instance) {
    let (_lab, _lan, one, two, client) = lan(name);
    let seen = peers::tcpdump(&client, "eth0", "ip proto 112 or arp or igmp");
    let filtered = has_nftables(&one);
    let before = settings(&one, "em1");
    let theirs = peers::keepalived(&two, &keepalived_conf(words));
    let their_link = if words.contains("use_vmac") { "vrrp.51" } else { "em1" };
    wait_until(LONG, "keepalived alone is master", || has(&two, their_link));

    let router = Ours::start(&one, ours(150));
    router.wait("MASTER");
    wait_until(LONG, "keepalived gives way", || has(&one, "vrrp.51") && !has(&two, their_link));
    assert_eq!(resolved(&client), MAC);
    assert!(client.reaches(VIP, LONG));
    if their_link == "vrrp.51" {
        assert_eq!(shown(&one, "vrrp.51"), shown(&two, "vrrp.51").replace(&base_of(&two), &base_of(&one)));
        let mut different = settings(&one, "vrrp.51");
        let theirs = settings(&two, "vrrp.51");
        different.retain(|name, value| theirs.get(name) != Some(value));
        assert_eq!(different, BTreeMap::new());
        // Ours does not let a neighbour learn the base's MAC address for the virtual address.
        let mut ours = settings(&one, "em1");
        assert_eq!(ours.insert("ipv4 arp_announce".to_owned(), "0".to_owned()).as_deref(), Some("2"));
        assert_eq!(ours, settings(&two, "em1"));
    }
    router.stop();
    wait_until(LONG, "keepalived takes over after a clean stop", || has(&two, their_link));
    assert!(!exists(&one, "vrrp.51"));
    assert_eq!(settings(&one, "em1"), before, "the base is as it was");

    let router = Ours::start(&one, ours(50));
    router.wait("BACKUP");
    wait_until(LONG, "an advert of keepalived", || router.view().adverts_received > 0);
    assert_eq!(router.view().master.as_deref(), Some("192.168.10.82"));
    theirs.stop(LONG);
    router.wait("MASTER");
    assert_eq!(router.view().reason, "master 192.168.10.82 said that it leaves");

    let theirs = peers::keepalived(&two, &keepalived_conf(words));
    router.wait("BACKUP");
    wait_until(LONG, "ours gives way", || has(&two, their_link) && !has(&one, "vrrp.51"));
    two.sh("pkill -STOP keepalived; pkill -KILL keepalived");
    theirs.kill();
    router.wait("MASTER");
    // The dead keepalived's macvlan still answers for the address.
    two.sh("ip link del vrrp.51 2>/dev/null || ip address del 192.168.10.99/32 dev em1");
    assert_eq!(resolved(&client), MAC);
    router.stop();
    assert!(!exists(&one, "vrrp.51"));

    let log = seen.log();
    let ours: Vec<&str> = log.lines().filter(|line| line.contains("192.168.10.81 > 224.0.0.18")).collect();
    assert!(!ours.is_empty(), "{log}");
    let virtual_mac = ours[0].contains(&format!("{MAC} > 01:00:5e:00:00:12"));
    assert!(ours.iter().all(|line| line.contains(&format!("{MAC} > ")) == virtual_mac), "{log}");
    assert_eq!(virtual_mac, !words.contains("xmit_base"), "{log}");
    assert!(
        log.lines().any(|line| line.contains(&format!("{MAC} > ff:ff:ff:ff:ff:ff")) && line.contains("192.168.10.99"))
    );
    let reports: Vec<&str> = log.lines().filter(|line| line.contains("igmp")).collect();
    assert!(!reports.is_empty(), "{log}");
    // Without nftables nothing can be done about them.
    assert!(!filtered || reports.iter().all(|line| !line.contains(&format!("{MAC} >"))), "{reports:?}");
}

/// How `ip` names the base of a macvlan: with the numbers of a peer in another namespace.
fn base_of(node: &Node) -> String {
    shown(node, "vrrp.51").split_once('@').unwrap().1.split_once(':').unwrap().0.to_owned()
}

native_test! {
    fn beside_keepalived_with_a_virtual_mac() {
        hand_over_with_keepalived("vmac", "use_vmac", plain);
    }

    fn beside_keepalived_with_adverts_from_the_base() {
        hand_over_with_keepalived("vmac-base", "use_vmac\n vmac_xmit_base", from_base);
    }

    fn beside_keepalived_that_has_none() {
        hand_over_with_keepalived("vmac-alone", "", plain);
    }

    fn two_of_ours_hear_each_other_though_they_have_one_mac() {
        let (_lab, lan, one, two, client) = lan("vmac-ours");
        let best = Ours::start(&one, plain(200));
        let other = Ours::start(&two, plain(100));
        best.wait("MASTER");
        other.wait("BACKUP");
        wait_until(LONG, "adverts", || other.view().adverts_received > 2);
        wait_until(LONG, "the address on one alone", || has(&one, "vrrp.51") && !has(&two, "vrrp.51"));
        assert_eq!(resolved(&client), MAC);
        assert_eq!(best.view().addresses[0].interface, "vrrp.51");
        lan.unplug(&one);
        best.wait("FAULT");
        other.wait("MASTER");
        assert_eq!(resolved(&client), MAC);
        lan.plug(&one);
        best.wait("MASTER");
        other.wait("BACKUP");
        wait_until(LONG, "the address back on one alone", || has(&one, "vrrp.51") && !has(&two, "vrrp.51"));
        // Without the macvlan the other has no virtual MAC and hears the base's neighbours as before.
        other.configure(vec![instance(100)]);
        let before = other.view().adverts_received;
        wait_until(LONG, "an advert on the base", || other.view().adverts_received > before);
        assert!(!exists(&two, "vrrp.51"));
        best.stop();
        other.wait("MASTER");
        assert!(has(&two, "em1"));
        other.stop();
        assert!(!exists(&one, "vrrp.51"));
    }

    fn what_a_killed_keepalived_left_is_used_and_removed_at_the_end() {
        let (_lab, _lan, one, _two, client) = lan("vmac-left");
        let theirs = peers::keepalived(&one, &keepalived_conf("use_vmac"));
        wait_until(LONG, "keepalived alone is master", || has(&one, "vrrp.51"));
        one.sh("pkill -STOP keepalived; pkill -KILL keepalived");
        theirs.kill();
        let number = || one.sh("ip -o link show dev vrrp.51").split(':').next().unwrap().to_owned();
        let before = number();
        let router = Ours::start(&one, plain(100));
        // Traffic goes on: the address is never away on the way to master.
        holds_for(Duration::from_secs(4), "the address stays", || has(&one, "vrrp.51"));
        router.wait("MASTER");
        assert_eq!(number(), before);
        assert_eq!(resolved(&client), MAC);
        router.stop();
        assert!(!exists(&one, "vrrp.51"));
    }

    fn killed_and_started_again_it_takes_its_link_over_and_lets_go_of_the_address() {
        let (_lab, _lan, one, two, client) = lan("vmac-killed");
        let conf = |priority: u8| {
            let quick = keepalived_conf("use_vmac").replace("version 2", "version 3").replace("int 1", "int 0.3");
            quick.replace("priority 100", &format!("priority {priority}"))
        };
        let alone = |node: &Node, other: &Node| has(node, "vrrp.51") && !has(other, "vrrp.51");
        let number = || one.sh("ip -o link show dev vrrp.51").split(':').next().unwrap().to_owned();
        let links = |node: &Node| node.sh("ip -o link show type macvlan").lines().count();
        let mut first = Ipvsd::start(&one, &conf(150));
        first.wait_state("A", "MASTER");
        let second = Ipvsd::start(&two, &conf(100));
        second.wait_show("an advert heard", |snapshot| instances(snapshot)[0]["adverts_received"].as_u64() > Some(0));
        wait_until(LONG, "the address on one alone", || alone(&one, &two));
        let before = number();
        // Killed as master, it comes back as the better one ...
        first.kill();
        second.wait_state("A", "MASTER");
        assert!(has(&one, "vrrp.51"), "nobody was left to take the address away");
        first.spawn_again();
        first.wait_state("A", "MASTER");
        wait_until(LONG, "the address back on one alone", || alone(&one, &two));
        assert_eq!((number(), links(&one)), (before.clone(), 1));
        assert_eq!(resolved(&client), MAC);
        assert!(client.reaches(VIP, LONG));
        // ... and as the lesser one, which is not to keep the address.
        first.kill();
        second.wait_state("A", "MASTER");
        let first = Ipvsd::start(&one, &conf(50));
        first.wait_state("A", "BACKUP");
        wait_until(LONG, "the address on two alone", || alone(&two, &one));
        assert_eq!((number(), links(&one)), (before.clone(), 1));
        assert_eq!(resolved(&client), MAC);
        assert!(client.reaches(VIP, LONG));
        assert_eq!(instances(&second.show())[0]["became_master"], 2);
        // A backup that is killed leaves its link too, and takes it over.
        first.kill();
        let first = Ipvsd::start(&one, &conf(50));
        first.wait_show("an advert heard", |snapshot| instances(snapshot)[0]["adverts_received"].as_u64() > Some(0));
        assert_eq!((number(), links(&one)), (before, 1));
        first.stop();
        assert_eq!(links(&one), 0);
        second.stop();
        assert_eq!(links(&two), 0);
    }

    fn killed_and_started_again_without_it_it_removes_what_it_left_and_nothing_of_anybody_elses() {
        let (_lab, _lan, one, two, client) = lan("vmac-orphan");
        // What another daemon would have made for a router of its own: the same kind, the same form of name and address.
        one.sh("ip link add link em1 name vrrp.77 address 00:00:5e:00:01:4d type macvlan mode private \
                && ip link set vrrp.77 up alias keepalived && ip address add 192.168.10.77/32 dev vrrp.77");
        let theirs = || one.has_address("vrrp.77", Ipv4Addr::new(192, 168, 10, 77).into());
        // Another number; no virtual MAC address; no router at all.
        for (next, link) in [
            (keepalived_conf("use_vmac").replace("id 51", "id 52"), Some("vrrp.52")),
            (keepalived_conf(""), None),
            ("global_defs {\n vrrp_version 2\n}\n".to_owned(), None),
        ] {
            let first = Ipvsd::start(&one, &keepalived_conf("use_vmac"));
            first.wait_state("A", "MASTER");
            wait_until(LONG, "the address", || has(&one, "vrrp.51"));
            assert!(one.sh("ip link show dev vrrp.51").contains("alias made by ipvsd"));
            first.kill();
            assert!(has(&one, "vrrp.51"), "nobody was left to take it away");
            let second = Ipvsd::start(&one, &next);
            wait_until(LONG, "what was left is gone", || !exists(&one, "vrrp.51"));
            assert!(theirs());
            if next.contains("vrrp_instance") {
                second.wait_state("A", "MASTER");
                wait_until(LONG, "the address where it belongs", || has(&one, link.unwrap_or("em1")));
                assert_ne!(resolved(&client), MAC);
                assert!(client.reaches(VIP, LONG));
            }
            let line = "interface vrrp.51 was left by an earlier run, and the configuration does not name it: it is removed";
            assert_eq!(second.daemon().log().matches(line).count(), 1, "{}", second.daemon().log());
            second.stop();
            assert!(theirs() && !has(&one, "em1"));
        }
        // A killed keepalived's is not ours either, as long as we have not used it.
        let daemon = peers::keepalived(&two, &keepalived_conf("use_vmac"));
        wait_until(LONG, "keepalived alone is master", || has(&two, "vrrp.51"));
        two.sh("pkill -STOP keepalived; pkill -KILL keepalived");
        daemon.kill();
        let other = Ipvsd::start(&two, &keepalived_conf("use_vmac").replace("id 51", "id 52"));
        other.wait_state("A", "MASTER");
        assert!(exists(&two, "vrrp.52") && has(&two, "vrrp.51"));
        other.stop();
        assert!(!exists(&two, "vrrp.52") && has(&two, "vrrp.51"));
    }

    fn deleted_or_switched_off_by_hand_it_is_back_at_once_and_the_router_stays_master() {
        let (_lab, _lan, one, two, client) = lan("vmac-hand");
        let master = Ours::start(&one, plain(150));
        let backup = Ours::start(&two, plain(100));
        master.wait("MASTER");
        wait_until(LONG, "the address", || has(&one, "vrrp.51"));
        one.command("ip").args(["link", "del", "vrrp.51"]).ok();
        println!("deleted: back after {:?}", wait_until(LONG, "the address back", || has(&one, "vrrp.51")));
        assert_eq!(resolved(&client), MAC);
        assert_eq!(shown(&one, "vrrp.51").replace(&base_of(&one), ""), shown(&two, "vrrp.51").replace(&base_of(&two), ""));
        // Longer than the second within which a second loss would be called a fight.
        holds_for(Duration::from_millis(1100), "the address stays", || has(&one, "vrrp.51"));
        one.set_link("vrrp.51", false);
        wait_until(LONG, "it is on again", || shown(&one, "vrrp.51").contains(",UP,LOWER_UP>"));
        assert_eq!(resolved(&client), MAC);
        let view = master.view();
        assert_eq!((view.state.as_str(), view.became_master), ("MASTER", 1));
        assert_eq!(backup.view().became_master, 0);
        master.stop();
        backup.stop();
    }

    fn it_goes_and_comes_with_its_base() {
        let mut lab = Topology::new("vmac-anew");
        let node = lab.node("one");
        let router = Ours::start(&node, plain(100));
        router.wait("FAULT");
        for _ in 0..2 {
            node.sh("ip link add em1 type veth peer name far && ip link set far up && ip link set em1 up \
                     && ip address add 192.168.10.81/24 dev em1");
            router.wait("MASTER");
            wait_until(LONG, "the address", || has(&node, "vrrp.51"));
            assert_eq!(node.sysctl("net.ipv4.conf.em1.arp_ignore"), "1");
            node.sh("ip link del em1");
            router.wait("FAULT");
            assert_eq!(router.view().reason, "interface em1 does not exist; waiting for it to appear");
        }
        assert_eq!(router.view().became_master, 2);
        router.stop();
    }

    fn the_common_reverse_path_filter_is_moved_and_put_back() {
        let (_lab, _lan, one, _two, client) = lan("vmac-filter");
        one.set_sysctl("net.ipv4.conf.all.rp_filter", "1");
        let router = Ours::start(&one, plain(100));
        router.wait("MASTER");
        let values = || ["all", "default", "em1"].map(|name| one.sysctl(&format!("net.ipv4.conf.{name}.rp_filter")));
        assert_eq!(values(), ["0", "1", "1"]);
        assert_eq!(settings(&one, "vrrp.51")["ipv4 rp_filter"], "0");
        assert!(client.reaches(VIP, LONG));
        assert_eq!(resolved(&client), MAC);
        router.stop();
        assert_eq!(values(), ["1", "0", "0"]);
    }

    fn addresses_elsewhere_have_links_there() {
        let (lab, _lan, one, _two, _client) = lan("vmac-addr");
        let far = lab.segment("far");
        far.attach(&one, "em2", &["192.168.11.81/24"]);
        let elsewhere = VirtualAddress {
            interface: Some("em2".to_owned()),
            ..VirtualAddress::new(Ipv4Addr::new(192, 168, 11, 99).into(), 32)
        };
        let vmac = Vmac { for_addresses: true, ..Vmac::default() };
        let router = Ours::start(&one, Instance { excluded_addresses: vec![elsewhere], ..with_vmac(100, vmac) });
        router.wait("MASTER");
        wait_until(LONG, "the address there", || one.has_address("vrrp1.51", Ipv4Addr::new(192, 168, 11, 99).into()));
        assert!(shown(&one, "vrrp1.51").contains(MAC));
        router.configure(vec![plain(100)]);
        assert!(!exists(&one, "vrrp1.51") && exists(&one, "vrrp.51"));
        router.stop();
    }

    /// Whoever knows keepalived's names by heart, in a firewall's rules say, finds ours under the same.
    fn its_names_are_keepalived_s() {
        let fourth = "vrrp_instance A {\n interface em1\n virtual_router_id 51\n use_vmac\n use_vmac_addr\n \
                      virtual_ipaddress {\n 192.168.10.99\n }\n \
                      virtual_ipaddress_excluded {\n 192.168.11.99 dev em2\n }\n}\n";
        let sixth = "vrrp_instance B {\n interface em1\n virtual_router_id 51\n use_vmac\n version 3\n \
                     virtual_ipaddress {\n fe80::99\n 2001:db8::99\n }\n}\n";
        for (number, (global, instances, expected)) in [
            ("", [fourth, sixth], ["vrrp.51@em1", "vrrp1.51@em2", "vrrp6.51@em1"]),
            ("", [sixth, fourth], ["vrrp.51@em1", "vrrp1.51@em1", "vrrp2.51@em2"]),
            (" vmac_prefix virt\n", [fourth, sixth], ["virt.51@em1", "virt1.51@em2", "virt6.51@em1"]),
            (" vmac_addr_prefix far\n", [fourth, sixth], ["far.51@em2", "vrrp.51@em1", "vrrp6.51@em1"]),
        ]
        .into_iter()
        .enumerate()
        {
            let (lab, _lan, one, two, _client) = lan(&format!("vmac-names-{number}"));
            let far = lab.segment("far");
            far.attach(&one, "em2", &["192.168.11.81/24"]);
            far.attach(&two, "em2", &["192.168.11.82/24"]);
            let conf = format!("global_defs {{\n{global}}}\n{}", instances.concat());
            let names = |node: &Node| {
                let shown = node.sh("ip -o link show type macvlan");
                let mut names: Vec<String> = shown
                    .lines()
                    .map(|line| {
                        let mac = line.split_once("link/ether ").unwrap().1.split(' ').next().unwrap();
                        format!("{} {mac}", line.split(": ").nth(1).unwrap())
                    })
                    .collect();
                names.sort();
                names
            };
            let theirs = peers::keepalived(&one, &conf);
            wait_until(LONG, "keepalived's links", || names(&one).len() == 3);
            let ours = Ipvsd::start(&two, &conf);
            wait_until(LONG, "our links", || names(&two).len() == 3);
            assert_eq!(names(&two), names(&one), "{conf}");
            let found: Vec<_> = names(&two).iter().map(|name| name.split(' ').next().unwrap().to_owned()).collect();
            assert_eq!(found, expected, "{conf}");
            ours.stop();
            assert_eq!(names(&two), Vec::<String>::new());
            theirs.stop(LONG);
        }
    }

    fn addresses_that_are_not_accepted_are_found_and_not_reached() {
        for vmac in [false, true] {
            let (_lab, _lan, one, _two, client) = lan(if vmac { "refuse-vmac" } else { "refuse" });
            if !has_nftables(&one) {
                return integration::skip("this kernel has no nftables for IP");
            }
            let closed = |accept, priority| {
                let link = vmac.then(|| VirtualLink::Vmac(Vmac::default()));
                Instance { accept, virtual_link: link, ..instance(priority) }
            };
            let home = if vmac { "vrrp.51" } else { "em1" };
            let router = Ours::start(&one, closed(false, 100));
            router.wait("MASTER");
            wait_until(LONG, "the address", || has(&one, home));
            let mac = resolved(&client);
            assert_eq!(mac == MAC, vmac, "{mac}");
            assert!(!router.view().reason.contains("accepted all the same"), "{}", router.view().reason);
            assert!(!client.reaches(VIP, Duration::from_secs(1)));
            assert!(client.reaches(Ipv4Addr::new(192, 168, 10, 81).into(), LONG), "its own address is accepted");
            // Reloads change the rules in place.
            router.configure(vec![closed(true, 100)]);
            assert!(client.reaches(VIP, LONG));
            router.configure(vec![closed(false, 100)]);
            assert!(!client.reaches(VIP, Duration::from_secs(1)));
            // The owner accepts.
            router.configure(vec![closed(false, 255)]);
            assert!(client.reaches(VIP, LONG));
            router.stop();
            one.add_address("em1", "192.168.10.99/32");
            client.sh("ip neigh flush all");
            wait_until(LONG, "nothing is left of the rules", || client.reaches(VIP, Duration::from_secs(1)));
        }
    }
}

fn with_ipvlan(priority: u8, flag: IpvlanFlag) -> Instance {
    let address = Some((IpAddr::V4(Ipv4Addr::new(192, 168, 10, 91)), 24));
    Instance {
        virtual_link: Some(VirtualLink::Ipvlan(Ipvlan { flag, address, ..Ipvlan::default() })),
        ..instance(priority)
    }
}

// Kernels with IPVS have ipvlan too; where IPVS is missing, ipvlan may be.
lab_test! {
    fn without_nftables_routers_run_and_say_so() {
        let (_lab, _lan, one, _two, client) = lan("no-nftables");
        let router = Ours::start(&one, Instance { accept: false, ..plain(100) });
        router.wait("MASTER");
        wait_until(LONG, "the address", || has(&one, "vrrp.51"));
        let told = router.view().reason.contains("accepted all the same: this kernel has no nftables for IP");
        assert_eq!(client.reaches(VIP, Duration::from_secs(5)), told, "{}", router.view().reason);
        router.stop();
    }

    fn an_ipvlan_beside_keepalived() {
        let (_lab, _lan, one, two, client) = lan("ipvlan");
        let theirs = peers::keepalived(&two, &keepalived_conf("use_ipvlan 192.168.10.92/24"));
        wait_until(LONG, "keepalived alone is master", || has(&two, "em1"));
        let router = Ours::start(&one, with_ipvlan(150, IpvlanFlag::Bridge));
        router.wait("MASTER");
        wait_until(LONG, "keepalived gives way", || has(&one, "em1") && !has(&two, "em1"));
        assert!(client.reaches(VIP, LONG));
        let like = |node: &Node| {
            let shown = shown(node, "vrrp.51");
            let (_, kind) = shown.split_once("ipvlan ").unwrap();
            kind.split_once("addrgenmode").unwrap().0.to_owned()
        };
        // Without IPv6 it is of no matter that ours would not make up addresses of it.
        assert_eq!(like(&one), like(&two));
        for link in ["vrrp.51", "em1"] {
            let mut different = settings(&one, link);
            let wanted = settings(&two, link);
            different.retain(|name, value| wanted.get(name) != Some(value));
            different.remove("ipv6 addr_gen_mode");
            assert_eq!(different, BTreeMap::new(), "{link}");
        }
        router.stop();
        assert!(!exists(&one, "vrrp.51"));
        wait_until(LONG, "keepalived takes over", || has(&two, "em1"));

        let router = Ours::start(&one, with_ipvlan(50, IpvlanFlag::Bridge));
        wait_until(LONG, "an advert of keepalived", || router.view().adverts_received > 0);
        assert_eq!(router.view().master.as_deref(), Some("192.168.10.92"));
        theirs.stop(LONG);
        router.wait("MASTER");
        wait_until(LONG, "the address", || has(&one, "em1"));
        for (flag, word) in [(IpvlanFlag::Private, "private"), (IpvlanFlag::Vepa, "vepa")] {
            router.configure(vec![with_ipvlan(50, flag)]);
            wait_until(LONG, word, || exists(&one, "vrrp.51") && like(&one).contains(word));
            wait_until(LONG, "its address", || one.has_address("vrrp.51", Ipv4Addr::new(192, 168, 10, 91).into()));
            assert!(has(&one, "em1"));
            router.wait("MASTER");
        }
        router.stop();
    }
}
