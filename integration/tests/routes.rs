//! Routes, rules, static state and the options of addresses on a real kernel, with Debian's keepalived as the oracle: the
//! same configuration gives the same `ip route`, `ip rule` and `ip address`.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::time::Duration;

use integration::waiting::holds_for;
use integration::{Daemon, Ipvsd, Node, Segment, Topology, guest_test, native_test, peers, wait_for, wait_until};

/// Generous: what takes this long on the slowest machine is broken.
const LONG: Duration = Duration::from_secs(60);

/// A node with two interfaces on two segments, and addresses of both families.
fn node(lab: &mut Topology, name: &str) -> (Node, Segment, Segment) {
    let (lan, wan) = (lab.segment(&format!("{name}l")), lab.segment(&format!("{name}w")));
    let node = lab.node(name);
    lan.attach(&node, "em1", &["192.168.10.81/24", "2001:db8:1::81/64"]);
    wan.attach(&node, "em2", &["192.168.20.81/24", "2001:db8:2::81/64"]);
    // Link-local addresses are made from MAC addresses, which differ from run to run.
    for device in ["em1", "em2"] {
        node.sh(&format!("ip link set {device} addrgenmode none; ip -6 address flush dev {device} scope link"));
    }
    node.sh("ip -6 address add fe80::81/64 dev em1 nodad; ip -6 address add fe80::81/64 dev em2 nodad");
    // The kernel adds their routes a moment later.
    let own = ["local fe80::81 dev em1", "local fe80::81 dev em2", "local 2001:db8:1::81 ", "local 2001:db8:2::81 "];
    wait_until(LONG, "the routes of the node's own addresses", || {
        let routes = node.sh("ip -6 route show table local");
        own.iter().all(|route| routes.contains(route))
    });
    (node, lan, wan)
}

fn instance(blocks: &str) -> String {
    format!(
        "vrrp_instance A {{\n interface em1\n virtual_router_id 51\n priority 100\n advert_int 1\n \
         virtual_ipaddress {{\n 192.168.10.99/24\n }}\n{blocks}\n}}\n"
    )
}

/// What the kernel has, without what differs from run to run: lines in order of tables, numbers of links and ages left out.
fn state(node: &Node) -> String {
    let routes = node.sh("ip -d route show table all; ip -d -6 route show table all");
    let rules = node.sh("ip -d rule; ip -d -6 rule");
    let addresses = node.sh("ip -d address show dev em1; ip -d address show dev em2");
    let addresses =
        addresses.lines().map(str::trim).filter(|line| line.starts_with("inet") || line.starts_with("valid"));
    let mut lines: Vec<String> = routes.lines().chain(rules.lines()).map(|line| line.trim().to_owned()).collect();
    // We write down whose they are, which this keepalived does not.
    lines.extend(addresses.map(|line| line.replace(" proto 0x70", "")));
    // A lifetime that runs is some seconds shorter in one of the two.
    let runs = |word: &str| word.ends_with("sec") && word.starts_with(|first: char| first.is_ascii_digit());
    let steady = |line: &String| {
        line.split_whitespace()
            .map(|word| if runs(word) && word != "0sec" { "Nsec" } else { word })
            .collect::<Vec<_>>()
            .join(" ")
    };
    lines.iter().map(steady).collect::<Vec<_>>().join("\n")
}

enum Subject {
    Theirs(Daemon),
    Ours(Ipvsd),
}

impl Subject {
    fn start(node: &Node, conf: &str, ours: bool) -> Self {
        if ours { Self::Ours(Ipvsd::start(node, conf)) } else { Self::Theirs(peers::keepalived(node, conf)) }
    }

    fn stop(self) {
        match self {
            Self::Theirs(daemon) => drop(daemon.stop(LONG)),
            Self::Ours(ipvsd) => ipvsd.stop(),
        }
    }
}

/// Where we are not like keepalived, and why.
#[derive(Default)]
struct Difference {
    /// What a line of keepalived's has in it, and what there is in its place in ours.
    instead: &'static [(&'static str, &'static str)],
    /// What lines have in them that keepalived leaves on the host when it hands over or stops.
    left: &'static str,
}

/// Fails with the lines that differ.
fn compare(what: &str, theirs: &str, ours: &str) -> Result<(), String> {
    let only = |these: &str, those: &str| {
        let those: Vec<&str> = those.lines().collect();
        these.lines().filter(|line| !those.contains(line)).collect::<Vec<_>>().join("\n")
    };
    let (missing, more) = (only(theirs, ours), only(ours, theirs));
    if missing.is_empty() && more.is_empty() {
        return Ok(());
    }
    Err(format!("{what}: missing:\n{missing}\ntoo much:\n{more}"))
}

/// The same words for both: what the host is like while they are master, when a better router has taken over, and when
/// they are gone.
fn same_as_keepalived(name: &str, conf: &str, proof: &[&str], difference: &Difference) {
    let mut states = Vec::new();
    for ours in [false, true] {
        let who = if ours { "ipvsd" } else { "keepalived" };
        let mut lab = Topology::new(&format!("{name}{}", u8::from(ours)));
        let (node, lan, _wan) = node(&mut lab, "n");
        let rival = lab.node("rival");
        lan.attach(&rival, "em1", &["192.168.10.82/24"]);
        let before = state(&node);
        let own = |state: String| {
            let left = |line: &&str| ours || difference.left.is_empty() || !line.contains(difference.left);
            state.lines().filter(left).collect::<Vec<_>>().join("\n")
        };
        let mut seen = Vec::new();
        let subject = Subject::start(&node, conf, ours);
        for word in proof {
            wait_until(LONG, &format!("{word} ({who})"), || state(&node).contains(word));
        }
        seen.push(state(&node));
        // What is not the router's own stays through a handover.
        let better = conf_of_rival();
        let rival = peers::keepalived(&rival, &better);
        wait_until(LONG, &format!("handover ({who})"), || !state(&node).contains("192.168.10.99"));
        let settled = if conf.contains("static_") { None } else { Some(&before) };
        if let Some(before) = settled {
            wait_for(LONG, &format!("only its own, as a backup ({who})"), || compare(who, before, &own(state(&node))));
        } else {
            seen.push(state(&node));
        }
        rival.stop(LONG);
        wait_until(LONG, &format!("master again ({who})"), || proof.iter().all(|word| state(&node).contains(word)));
        subject.stop();
        wait_for(LONG, &format!("the host as it was ({who})"), || compare(who, &before, &own(state(&node))));
        states.push(seen);
    }
    let (theirs, ours) = (states.remove(0), states.remove(0));
    for (theirs, ours) in theirs.iter().zip(&ours) {
        let mut theirs = theirs.clone();
        for (old, new) in difference.instead {
            assert!(theirs.contains(old), "keepalived has no {old:?}:\n{theirs}");
            theirs = theirs.replace(old, new);
        }
        if let Err(difference) = compare(name, &theirs, ours) {
            panic!("{difference}");
        }
    }
}

/// A router that is better than the one under test.
fn conf_of_rival() -> String {
    "vrrp_instance A {\n interface em1\n virtual_router_id 51\n priority 200\n advert_int 1\n \
     virtual_ipaddress {\n 192.168.10.99/24\n }\n}\n"
        .to_owned()
}

native_test! {
    fn virtual_routes_are_keepalived_s() {
        same_as_keepalived(
            "vroutes",
            &instance(
                "virtual_routes {\n\
                 10.1.0.0/24 via 192.168.20.1 dev em2\n\
                 10.2.0.0/24 dev em2\n\
                 10.3.0.0/24 via 192.168.10.1 src 192.168.10.99 metric 7 table 100\n\
                 10.4.0.0/24 via 192.168.20.1 dev em2 mtu lock 1400 advmss 1300 initcwnd 12 hoplimit 33 rto_min 250 quickack 1\n\
                 10.5.0.0/24 via 10.99.0.1 dev em2 onlink\n\
                 10.6.0.0/24 nexthop via 192.168.10.1 dev em1 weight 2 nexthop via 192.168.20.1 dev em2 weight 5\n\
                 blackhole 10.7.0.0/24\n\
                 unreachable 10.8.0.0/24 metric 5\n\
                 prohibit 10.9.0.0/24\n\
                 throw 10.10.0.0/24 table 200\n\
                 10.11.0.0/24 via 192.168.20.1 dev em2 tos 0x10 congctl reno\n\
                 10.12.0.0/24 via 192.168.20.1 dev em2 scope site protocol 99 no_track\n\
                 2001:db8:a::/48 via 2001:db8:2::1 dev em2\n\
                 2001:db8:b::/48 via fe80::1 dev em2 metric 50 pref high\n\
                 2001:db8:c::/48 dev em2 mtu 1300\n\
                 unreachable 2001:db8:d::/48\n\
                 }\n",
            ),
            &["10.1.0.0/24", "10.12.0.0/24", "2001:db8:d::/48"],
            // As `ip route` does it. With keepalived's scope the kernel takes no route through a gateway in that network.
            &Difference {
                instead: &[(
                    "10.2.0.0/24 dev em2 table main proto keepalived scope global",
                    "10.2.0.0/24 dev em2 table main proto keepalived scope link",
                )],
                left: "",
            },
        );
    }

    fn virtual_rules_are_keepalived_s() {
        same_as_keepalived(
            "vrules",
            &instance(
                "virtual_rules {\n\
                 from 10.1.0.0/24 table 100 preference 100\n\
                 to 10.2.0.0/24 lookup 5000 priority 101\n\
                 from 10.3.0.0/24 to 10.4.0.0/24 fwmark 0x10/0xff table 7 preference 102 tos 0x10\n\
                 not from 10.5.0.0/24 iif em1 oif em2 table 8 preference 103\n\
                 from 10.6.0.0/24 blackhole preference 104\n\
                 from 10.7.0.0/24 prohibit preference 105\n\
                 from 10.8.0.0/24 goto 200 preference 106\n\
                 from 10.9.0.0/24 table 9 preference 200 suppress_prefixlength 16 uidrange 100-200\n\
                 from 10.10.0.0/24 table 9 preference 201 ipproto tcp sport 1000-2000 dport 80-81\n\
                 from 2001:db8::/32 table 10 preference 300\n\
                 }\n",
            ),
            &["200:", "from 2001:db8::/32"],
            &Difference::default(),
        );
    }

    fn static_state_is_keepalived_s() {
        same_as_keepalived(
            "statics",
            &format!(
                "static_ipaddress {{\n 10.50.0.1/24 dev em2\n 10.50.0.2/32 dev em1 scope link\n 2001:db8:50::1/64 dev em2\n }}\n\
                 static_routes {{\n 10.51.0.0/24 via 10.50.0.9 dev em2\n 2001:db8:51::/48 via 2001:db8:50::9 dev em2\n }}\n\
                 static_rules {{\n from 10.52.0.0/24 table 52 preference 52\n }}\n{}",
                instance("")
            ),
            &["10.51.0.0/24", "2001:db8:51::/48", "10.52.0.0/24", "192.168.10.99"],
            &Difference::default(),
        );
    }

    fn options_of_addresses_are_keepalived_s() {
        same_as_keepalived(
            "vaddrs",
            &instance(
                "virtual_ipaddress_excluded {\n\
                 192.168.10.100/24 brd 192.168.10.255 label em1:one\n\
                 10.60.0.1/30 dev em2 scope link\n\
                 10.61.0.1/32 peer 10.61.0.2 dev em2\n\
                 10.62.0.1/24 dev em2 noprefixroute\n\
                 10.63.0.1/24 brd + dev em2\n\
                 2001:db8:60::1/128\n\
                 2001:db8:61::1/64 dev em2\n\
                 2001:db8:62::1/128 dev em2 preferred_lft forever\n\
                 2001:db8:63::1/64 dev em2 preferred_lft 3600\n\
                 2001:db8:64::1/64 dev em2 noprefixroute home mngtmpaddr\n\
                 }\n",
            ),
            &["10.63.0.1", "2001:db8:64::1"],
            // keepalived names no other end when it removes, which the kernel wants.
            &Difference { instead: &[], left: "10.61.0." },
        );
    }

    fn encapsulations_are_keepalived_s() {
        same_as_keepalived(
            "encap",
            &instance(
                "virtual_routes {\n\
                 10.1.0.0/24 via 192.168.20.1 dev em2 encap ip id 5 dst 10.0.0.9 src 10.0.0.1 tos 16 ttl 64\n\
                 10.2.0.0/24 via 192.168.20.1 dev em2 encap ip6 id 7 dst 2001:db8:9::9 hoplimit 9 tc 8\n\
                 2001:db8:a::/48 dev em2 encap ip6 id 8 dst 2001:db8:9::9\n\
                 10.3.0.0/24 dev em2 scope link as to 100 no_track\n\
                 }\n",
            ),
            &["10.1.0.0/24", "10.2.0.0/24", "2001:db8:a::/48", "10.3.0.0/24"],
            &Difference::default(),
        );
    }

    fn what_this_kernel_cannot_wrap_is_said_and_the_router_goes_on() {
        let mut lab = Topology::new("noencap");
        let (node, _lan, _wan) = node(&mut lab, "n");
        let conf = instance(
            "virtual_routes {\n 10.1.0.0/24 via 192.168.20.1 dev em2 encap ila 2001:db8:0:1\n \
             10.2.0.0/24 nexthop via 192.168.20.1 dev em2 encap ip id 5 dst 10.0.0.9 nexthop via 192.168.10.1 dev em1\n }\n",
        );
        let ours = Ipvsd::start(&node, &conf);
        let routes = || node.sh("ip -d route show 10.2.0.0/24");
        wait_until(LONG, "the other route", || routes().contains("encap ip id 5"));
        assert_eq!(routes().matches("nexthop").count(), 2, "{}", routes());
        assert!(node.has_address("em1", "192.168.10.99".parse().unwrap()));
        let log = ours.daemon().log();
        let line = "cannot add route 10.1.0.0/24 via 192.168.20.1 dev em2 encap ila 2001:db8:0:1: ";
        assert_eq!(log.matches(line).count(), 1, "{log}");
        ours.stop();
        assert!(routes().is_empty());
    }

    fn what_a_killed_predecessor_left_and_nobody_names_goes() {
        let mut lab = Topology::new("leftoff");
        let (node, _lan, _wan) = node(&mut lab, "n");
        let all = || node.sh("ip route show table all; ip -6 route show table all; ip rule; ip -6 rule");
        let has = |what: &str| all().contains(what);
        // Somebody else's, with our protocol number: keepalived's own, say.
        node.sh("ip route add 10.80.0.0/24 via 192.168.20.1 proto 18; ip route add 10.81.0.0/24 via 192.168.20.1 proto 18");
        node.sh("ip rule add from 10.82.0.0/24 table 82 priority 82 protocol 18");
        let named = "static_routes {\n 10.81.0.0/24 via 192.168.20.1 no_track\n 10.71.0.0/24 via 192.168.20.1 dev em2 protocol 99 no_track\n \
                     2001:db8:71::/48 via 2001:db8:2::1 dev em2\n }\n\
                     static_rules {\n from 10.82.0.0/24 table 82 preference 82\n from 10.71.0.0/24 table 71 preference 71 protocol 99\n }\n";
        let conf = format!(
            "{named}{}",
            instance("virtual_routes {\n 10.1.0.0/24 via 192.168.20.1 dev em2 mtu 1400 encap ip id 5 dst 10.0.0.9\n 10.2.0.0/24 dev em2\n }\n")
        );
        let ours_are = ["10.71.0.0/24 via", "2001:db8:71::/48", "from 10.71.0.0/24", "10.1.0.0/24", "10.2.0.0/24"];
        let mut ours = Ipvsd::start(&node, &conf);
        wait_until(LONG, "all of them", || ours_are.iter().all(|what| has(what)));
        ours.daemon().kill();
        assert!(ours_are.iter().all(|what| has(what)));
        node.write("/etc/keepalived/keepalived.conf", instance("virtual_routes {\n 10.2.0.0/24 dev em2\n }\n").as_str());
        ours.spawn_again();
        ours.wait_answering();
        wait_until(LONG, "what nobody names gone", || {
            ours_are.iter().filter(|what| has(what)).eq(["10.2.0.0/24"].iter())
        });
        let log = ours.daemon().log();
        assert!(log.contains("rule 71: from 10.71.0.0/24 lookup 71 was left by an earlier run"), "{log}");
        ours.stop();
        assert!(!has("10.2.0.0/24"));
        for theirs in ["10.80.0.0/24", "10.81.0.0/24", "from 10.82.0.0/24"] {
            assert!(has(theirs), "{theirs}\n{}", all());
        }
    }

    fn what_a_link_takes_along_comes_back_with_it() {
        let mut lab = Topology::new("flap");
        let (node, _lan, _wan) = node(&mut lab, "n");
        let conf = "static_ipaddress {\n 10.50.0.1/24 dev dm0 no_track\n }\n\
                    static_routes {\n 10.51.0.0/24 via 10.50.0.9 dev dm0 no_track\n 2001:db8:51::/48 dev em2 no_track\n \
                    10.54.0.0/24 via 192.168.20.9 no_track\n }\n\
                    static_rules {\n from 10.52.0.0/24 table 52 preference 52\n }\n";
        let conf = format!("{conf}{}", instance("virtual_routes {\n 10.53.0.0/24 via 192.168.20.1 dev em2 no_track\n }\n"));
        let ours = Ipvsd::start(&node, &conf);
        let all = |node: &Node| node.sh("ip route show table all; ip -6 route show table all; ip rule");
        let has = |what: &str| all(&node).contains(what);
        wait_until(LONG, "the routes that can be", || has("10.53.0.0/24") && has("2001:db8:51::/48") && has("10.54.0.0/24"));
        assert!(!has("10.51.0.0/24"));
        for _ in 0..2 {
            node.sh("ip link add dm0 type veth peer name far && ip link set far up && ip link set dm0 up");
            wait_until(LONG, "the route of the new link", || has("10.51.0.0/24"));
            node.sh("ip link set em2 down");
            assert!(!has("10.53.0.0/24"));
            node.sh("ip link set em2 up");
            wait_until(LONG, "all routes back", || {
                has("10.53.0.0/24") && has("2001:db8:51::/48") && has("10.54.0.0/24")
            });
            node.sh("ip link del dm0");
        }
        // Somebody removes, and somebody replaces.
        for (words, what) in [
            ("ip route del 10.53.0.0/24", "10.53.0.0/24 via 192.168.20.1"),
            ("ip -6 route del 2001:db8:51::/48", "2001:db8:51::/48"),
            ("ip rule del preference 52", "from 10.52.0.0/24"),
            ("ip route replace 10.53.0.0/24 via 192.168.20.7", "10.53.0.0/24 via 192.168.20.1"),
        ] {
            node.sh(words);
            wait_until(LONG, what, || has(what));
        }
        assert_eq!(ours.daemon().log().matches("cannot add route 10.51.0.0/24").count(), 3, "{}", ours.daemon().log());
        ours.stop();
        assert!(!has("proto keepalived"), "{}", all(&node));
        // What somebody else put there is somebody else's.
        assert!(has("10.53.0.0/24 via 192.168.20.7"));
    }

    fn what_was_there_stays_and_what_a_killed_predecessor_left_does_not() {
        let mut lab = Topology::new("leftrt");
        let (node, _lan, _wan) = node(&mut lab, "n");
        let has = |what: &str| node.sh("ip route show table all").contains(what);
        node.sh("ip route add 10.1.0.0/24 via 192.168.20.1 dev em2 proto static");
        let conf = instance(
            "virtual_routes {\n 10.1.0.0/24 via 192.168.20.1 dev em2 protocol static\n 10.2.0.0/24 via 192.168.20.1 dev em2\n }\n",
        );
        node.add_address("em2", "10.70.0.1/24");
        let statics = |addresses: &str| {
            format!(
                "static_ipaddress {{\n {addresses} }}\n\
                 static_routes {{\n 10.71.0.0/24 via 192.168.20.1 dev em2\n }}\n\
                 static_rules {{\n from 10.71.0.0/24 table 71 preference 71\n }}\n{conf}"
            )
        };
        let on = |text: &str| node.has_address("em2", text.parse().unwrap());
        let first = "10.70.0.1/24 dev em2\n 10.72.0.1/24 dev em2\n 2001:db8:72::1/64 dev em2\n";
        let mut ours = Ipvsd::start(&node, &statics(&format!("{first} 10.73.0.1/24 dev em2\n")));
        wait_until(LONG, "the route", || has("10.2.0.0/24"));
        wait_until(LONG, "the address", || on("10.73.0.1"));
        ours.daemon().kill();
        let rules = || node.sh("ip rule");
        assert!(has("10.2.0.0/24") && has("10.71.0.0/24") && rules().contains("10.71.0.0/24") && on("10.72.0.1"));
        // The next one has another configuration.
        node.write("/etc/keepalived/keepalived.conf", statics(first).as_str());
        ours.spawn_again();
        ours.wait_answering();
        wait_until(LONG, "what it does not name gone", || !on("10.73.0.1"));
        holds_for(Duration::from_secs(5), "all else stays", || {
            has("10.2.0.0/24") && has("10.71.0.0/24") && on("10.72.0.1") && on("2001:db8:72::1")
        });
        ours.stop();
        assert!(!has("10.2.0.0/24") && !has("10.71.0.0/24") && !rules().contains("10.71.0.0/24"));
        assert!(!on("10.72.0.1") && !on("2001:db8:72::1"));
        assert!(has("10.1.0.0/24") && on("10.70.0.1"));
    }

    fn secondaries_survive_their_primary() {
        let mut lab = Topology::new("second");
        let (node, _lan, _wan) = node(&mut lab, "n");
        node.set_sysctl("net.ipv4.conf.em2.promote_secondaries", "0");
        let conf = |more: &str, first: &str| {
            instance(&format!(
                "{more}virtual_ipaddress_excluded {{\n {first}10.70.0.2/24 dev em2\n 10.70.0.3/24 dev em2\n }}\n"
            ))
        };
        let second = |last: u8| node.has_address("em2", format!("10.70.0.{last}").parse().unwrap());
        let ours = Ipvsd::start(&node, &conf("", "10.70.0.1/24 dev em2\n "));
        wait_until(LONG, "all three", || second(1) && second(2) && second(3));
        // The kernel takes the others along.
        node.sh("ip address del 10.70.0.1/24 dev em2");
        wait_until(LONG, "all three again", || second(1) && second(2) && second(3));
        assert!(ours.reload(&conf("", "")).success());
        wait_until(LONG, "two", || !second(1) && second(2) && second(3));
        assert!(ours.reload(&conf("promote_secondaries\n ", "")).success());
        wait_until(LONG, "the setting", || node.sysctl("net.ipv4.conf.em2.promote_secondaries") == "1");
        ours.stop();
        assert_eq!(node.sysctl("net.ipv4.conf.em2.promote_secondaries"), "0");
        assert!(!second(2) && !second(3));
    }

    fn a_table_full_of_others_routes_costs_nothing() {
        let mut lab = Topology::new("bgp");
        let (node, _lan, _wan) = node(&mut lab, "n");
        let conf = instance("virtual_routes {\n 10.1.0.0/24 via 192.168.20.1 dev em2\n }\n");
        let ours = Ipvsd::start(&node, &conf);
        let has = |what: &str| node.sh("ip route show 10.1.0.0/24").contains(what);
        wait_until(LONG, "the route", || has("10.1.0.0/24"));
        let mut batch = String::new();
        for number in 0..50_000_u32 {
            let (high, low) = (number / 256, number % 256);
            batch.push_str(&format!("route add 11.{high}.{low}.0/24 via 192.168.20.1 proto bgp\n"));
        }
        let ticks = |pid: nix::unistd::Pid| {
            let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
            let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
            fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
        };
        let before = ticks(ours.daemon().pid());
        node.command("ip").args(["-batch", "-"]).input(batch).ok();
        node.sh("ip route flush proto bgp");
        let spent = ticks(ours.daemon().pid()) - before;
        assert!(spent < 50, "{spent} ticks of 10 ms for 100,000 changes that are not ours");
        assert!(!ours.daemon().log().contains("news of routes and rules were lost"), "{}", ours.daemon().log());
        node.sh("ip route del 10.1.0.0/24");
        wait_until(LONG, "ours back", || has("10.1.0.0/24"));
        ours.stop();
    }
}

guest_test! {
    fn a_router_in_a_vrf_has_its_routes_there_as_keepalived_does() {
        let mut states = Vec::new();
        for ours in [false, true] {
            let mut lab = Topology::new(&format!("vrf{}", u8::from(ours)));
            let (node, lan, _wan) = node(&mut lab, "n");
            let rival = lab.node("rival");
            lan.attach(&rival, "em1", &["192.168.10.82/24"]);
            node.sh("modprobe vrf && ip link add blue type vrf table 77 && ip link set blue up");
            node.sh("ip link set em1 master blue && ip link set em2 master blue");
            let conf = instance("virtual_routes {\n 10.1.0.0/24 via 192.168.20.1 dev em2 vrf blue\n }\n");
            let subject = Subject::start(&node, &conf, ours);
            let on = || node.sh("ip route show table 77").contains("10.1.0.0/24");
            wait_until(LONG, "the route in the table of the VRF", on);
            assert!(node.has_address("em1", "192.168.10.99".parse().unwrap()));
            assert!(!node.sh("ip route show").contains("10.1.0.0/24"));
            states.push(node.sh("ip -d route show table 77"));
            // Others are heard there, too.
            let rival = peers::keepalived(&rival, &conf_of_rival());
            wait_until(LONG, "handover", || !on());
            rival.stop(LONG);
            wait_until(LONG, "master again", on);
            match subject {
                Subject::Theirs(daemon) => drop(daemon.stop(LONG)),
                Subject::Ours(mut daemon) => {
                    daemon.daemon().kill();
                    assert!(on());
                    node.write("/etc/keepalived/keepalived.conf", instance("").as_str());
                    daemon.spawn_again();
                    daemon.wait_answering();
                    wait_until(LONG, "what nobody names gone", || !on());
                    daemon.stop();
                }
            }
        }
        assert_eq!(states[0], states[1]);
    }
}
