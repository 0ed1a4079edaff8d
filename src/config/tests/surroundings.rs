//! What moves with routers beside addresses, and what concerns all of them; the same in both languages.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use super::{Texts, brief, bytes, keepalived, toml};
use crate::config::{Context, load};
use crate::model::{
    AddressOptions, Announcements, Burst, Command, Config, Encapsulation, Family, Fifo, GarpGroup, InterfaceDelay,
    Ipvlan, IpvlanFlag, NextHop, Notify, Placing, Preferred, Route, RouteKind, RouteMetric, RouterPreference, Rule,
    RuleAction, RunAs, Scheduling, SyncDaemon, TrackGroup, TunnelEnds, VirtualAddress, VirtualLink, Vmac,
};

fn conf(words: &str) -> String {
    format!(
        "vrrp_instance A {{\ninterface eth0\nvirtual_router_id 7\nvirtual_ipaddress {{\n192.0.2.1\n}}\n{words}\n}}\n"
    )
}

fn ours(words: &str) -> String {
    format!("[[instance]]\nname = \"A\"\ninterface = \"eth0\"\nvrid = 7\naddresses = [\"192.0.2.1\"]\n{words}\n")
}

fn quiet(text: &str) -> Config {
    let loaded = if text.contains("[[") { toml(text) } else { keepalived(text) };
    assert_eq!(brief(&loaded), Vec::<String>::new(), "{text}\n{}", loaded.report.render(false));
    loaded.config.unwrap()
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn plain(to: (&str, u8)) -> Route {
    Route { hops: vec![NextHop::default()], ..Route::new((ip(to.0), to.1)) }
}

fn hop(via: Option<&str>, interface: Option<&str>) -> NextHop {
    NextHop { via: via.map(ip), interface: interface.map(str::to_owned), ..NextHop::default() }
}

fn through(via: &str, encapsulation: Encapsulation) -> Route {
    let hop = NextHop { encapsulation: Some(encapsulation), ..hop(Some(via), None) };
    Route { hops: vec![hop], ..plain(("198.51.100.0", 24)) }
}

#[test]
fn routes_in_both_languages() {
    let net = || plain(("198.51.100.0", 24));
    for (line, expected) in [
        ("198.51.100.0/24", net()),
        ("198.51.100.7", plain(("198.51.100.7", 32))),
        ("default via 192.0.2.254", Route { hops: vec![hop(Some("192.0.2.254"), None)], ..plain(("0.0.0.0", 0)) }),
        ("default dev eth1 inet6", Route { hops: vec![hop(None, Some("eth1"))], ..plain(("::", 0)) }),
        ("default via fe80::1 dev eth1", Route { hops: vec![hop(Some("fe80::1"), Some("eth1"))], ..plain(("::", 0)) }),
        (
            "src 192.0.2.1 to 198.51.100.0/24 gw 192.0.2.254 or 192.0.2.253 dev eth1",
            Route {
                source: Some(ip("192.0.2.1")),
                hops: vec![hop(Some("192.0.2.254"), Some("eth1")), hop(Some("192.0.2.253"), Some("eth1"))],
                ..net()
            },
        ),
        (
            "198.51.100.0/24 via inet6 fe80::1 dev eth1",
            Route { hops: vec![hop(Some("fe80::1"), Some("eth1"))], ..net() },
        ),
        ("blackhole 198.51.100.0/24", Route { kind: RouteKind::Blackhole, hops: vec![], ..net() }),
        (
            "198.51.100.0/24 table 6909 nexthop via 192.0.2.9 dev a onlink weight 1 nexthop via 192.0.2.8 weight 256 realms 5/6",
            Route {
                table: 6_909,
                hops: vec![
                    NextHop { on_link: true, weight: 1, ..hop(Some("192.0.2.9"), Some("a")) },
                    NextHop { weight: 256, realms: Some(0x5_0006), ..hop(Some("192.0.2.8"), None) },
                ],
                ..net()
            },
        ),
        (
            "198.51.100.0/24 dev p33p1.2 table local tos 0x04 protocol bird scope link priority 12 append no_track ttl-propagate disabled",
            Route {
                hops: vec![hop(None, Some("p33p1.2"))],
                table: 255,
                tos: 4,
                protocol: 12,
                scope: Some(253),
                metric: Some(12),
                placing: Placing::Append,
                track: false,
                ttl_propagate: Some(false),
                ..net()
            },
        ),
        (
            "198.51.100.0/24 mtu lock 1000 hoplimit 100 rtt 102 rttvar 5ms ssthresh lock 107 rto_min 2s features ecn congctl lock cubic quickack 1 add",
            Route {
                metrics: vec![
                    (RouteMetric::Mtu, 1_000, true),
                    (RouteMetric::HopLimit, 100, false),
                    (RouteMetric::Rtt, 13, false),
                    (RouteMetric::RttVar, 5, false),
                    (RouteMetric::SsThresh, 107, true),
                    (RouteMetric::RtoMin, 2_000, false),
                    (RouteMetric::Features, 1, false),
                    (RouteMetric::QuickAck, 1, false),
                ],
                congestion_control: Some(("cubic".to_owned(), true)),
                placing: Placing::Add,
                ..net()
            },
        ),
        (
            "2001:db8:1::/64 from 2001:db8:2::/64 expires 60 pref high metric 5",
            Route {
                from: Some((ip("2001:db8:2::"), 64)),
                expires_secs: Some(60),
                preference: Some(RouterPreference::High),
                metric: Some(5),
                ..plain(("2001:db8:1::", 64))
            },
        ),
        ("198.51.100.0/24 via 192.0.2.254 encap mpls 16/17", through("192.0.2.254", Encapsulation::Mpls(vec![16, 17]))),
        (
            "198.51.100.0/24 via 192.0.2.254 encap ip id 5 dst 10.0.0.9 src 10.0.0.1 tos 0x10 ttl 64 key csum",
            through(
                "192.0.2.254",
                Encapsulation::Ip(TunnelEnds {
                    id: Some(5),
                    destination: Some(Ipv4Addr::new(10, 0, 0, 9)),
                    source: Some(Ipv4Addr::new(10, 0, 0, 1)),
                    tos: Some(16),
                    ttl: Some(64),
                    flags: Some(5),
                }),
            ),
        ),
        (
            "198.51.100.0/24 via 192.0.2.254 encap ip6 id 0xffffffffffffffff hoplimit 9 tc 8 flags 8",
            through(
                "192.0.2.254",
                Encapsulation::Ip6(TunnelEnds {
                    id: Some(u64::MAX),
                    tos: Some(8),
                    ttl: Some(9),
                    flags: Some(8),
                    ..TunnelEnds::default()
                }),
            ),
        ),
        (
            "198.51.100.0/24 encap ila 2001:db8:0:1 via 192.0.2.254",
            through("192.0.2.254", Encapsulation::Ila(0x2001_0db8_0000_0001)),
        ),
        (
            "198.51.100.0/24 nexthop via 192.0.2.254 encap mpls 16 weight 2 nexthop dev eth1 encap ip dst 10.0.0.9",
            Route {
                hops: vec![
                    NextHop {
                        weight: 2,
                        encapsulation: Some(Encapsulation::Mpls(vec![16])),
                        ..hop(Some("192.0.2.254"), None)
                    },
                    NextHop {
                        encapsulation: Some(Encapsulation::Ip(TunnelEnds {
                            destination: Some(Ipv4Addr::new(10, 0, 0, 9)),
                            ..TunnelEnds::default()
                        })),
                        ..hop(None, Some("eth1"))
                    },
                ],
                ..net()
            },
        ),
        (
            "198.51.100.0/24 dev eth1 vrf blue",
            Route { vrf: Some("blue".to_owned()), hops: vec![hop(None, Some("eth1"))], ..net() },
        ),
        ("2001:db8:1::/64 pref 3", Route { preference: Some(RouterPreference::Low), ..plain(("2001:db8:1::", 64)) }),
    ] {
        // Two words are called old in keepalived's language.
        let written = conf(&format!("virtual_routes {{\n{line}\n}}"));
        let loaded = keepalived(&written);
        let old = [" gw ", " or "].iter().filter(|word| line.contains(**word)).count();
        let said = brief(&loaded);
        assert!(said.len() == old && said.iter().all(|one| one.starts_with("note C309")), "{line}: {said:?}");
        assert_eq!(loaded.config.unwrap().instances[0].routes, std::slice::from_ref(&expected), "{line}");
        assert_eq!(quiet(&ours(&format!("routes = [\"{line}\"]"))).instances[0].routes, [expected], "{line}");
    }
}

fn rule(action: RuleAction) -> Rule {
    Rule::new(Family::V4, 7, action)
}

#[test]
fn rules_in_both_languages() {
    let lookup = |table| rule(RuleAction::Lookup(table));
    for (line, expected) in [
        ("from 192.0.2.0/24 table 1 priority 7", Rule { from: Some((ip("192.0.2.0"), 24)), ..lookup(1) }),
        ("not to 192.0.2.1 lookup main pref 7", Rule { invert: true, to: Some((ip("192.0.2.1"), 32)), ..lookup(254) }),
        (
            "from all iif p33p1 oif wlan0 tos 22 fwmark 24/12 preference 7 realms 30/20 goto 40",
            Rule {
                from: Some((ip("0.0.0.0"), 0)),
                input: Some("p33p1".to_owned()),
                output: Some("wlan0".to_owned()),
                tos: 22,
                mark: Some((24, Some(12))),
                realms: Some(0x1e_0014),
                ..rule(RuleAction::Goto(40))
            },
        ),
        (
            "to 2001:db8::/112 table 6908 uidrange 10000-19999 order 7 fwmark 0x10",
            Rule {
                family: Family::V6,
                to: Some((ip("2001:db8::"), 112)),
                users: Some((10_000, 19_999)),
                mark: Some((16, None)),
                ..lookup(6_908)
            },
        ),
        (
            "l3mdev protocol 12 ip_proto UDP sport 10-20 dport 20 priority 7 inet6",
            Rule {
                family: Family::V6,
                l3mdev: true,
                protocol: Some(12),
                ip_protocol: Some(17),
                source_ports: Some((10, 20)),
                destination_ports: Some((20, 20)),
                ..lookup(0)
            },
        ),
        (
            "type blackhole priority 7 no_track tunnel-id 99",
            Rule { track: false, tunnel: Some(99), ..rule(RuleAction::Blackhole) },
        ),
        (
            "table 5 suppress_prefixlength 0 suppress_ifgroup default priority 7",
            Rule { suppress_prefix_len: Some(0), suppress_group: Some(0), ..lookup(5) },
        ),
        ("nop priority 7", rule(RuleAction::Nop)),
    ] {
        assert_eq!(
            quiet(&conf(&format!("virtual_rules {{\n{line}\n}}"))).instances[0].rules,
            std::slice::from_ref(&expected),
            "{line}"
        );
        assert_eq!(quiet(&ours(&format!("rules = [\"{line}\"]"))).instances[0].rules, [expected], "{line}");
    }
    let loaded = keepalived(&conf("virtual_rules {\ntable 5\ntable 6 priority 3\ntable 7\n}"));
    let priorities: Vec<_> = loaded.config.unwrap().instances[0].rules.iter().map(|rule| rule.priority).collect();
    assert_eq!(priorities, [16_384, 3, 16_383]);
}

/// Names of the host's own files count; a word of TOML is shown where it stands.
#[test]
fn names_of_tables_come_from_the_host() {
    let text = conf("virtual_routes {\n192.0.2.0/24 dev eth0 table blue\n}");
    let files = Texts::new([
        ("test.conf", text.as_bytes()),
        ("/etc/iproute2/rt_tables", b"# reserved\n255 local\n0x64\tblue # ours\nx y\n"),
    ]);
    let loaded = load(std::path::Path::new("test.conf"), None, &files, &Context::default());
    assert_eq!(loaded.config.unwrap().instances[0].routes[0].table, 100);
    assert_eq!(brief(&keepalived(&text)), ["warning C401 8:29"]);
    let loaded = toml(&ours("routes = [\"192.0.2.0/24 table blue\"]"));
    assert_eq!(brief(&loaded), ["error C401 6:31"]);
    let loaded = bytes("test.toml", ours("rules = [5, \"\"]").as_bytes());
    assert_eq!(brief(&loaded), ["error C401 6:10", "error C401 6:13"]);
}

#[test]
fn address_options_in_both_languages() {
    let four = || VirtualAddress::new(ip("192.0.2.9"), 24);
    let six = || VirtualAddress::new(ip("2001:db8::9"), 64);
    let options = AddressOptions::default();
    for (line, table, expected) in [
        ("192.0.2.9/24 no_track", "\"192.0.2.9/24\", track = false", VirtualAddress { track: false, ..four() }),
        (
            "192.0.2.9 peer 192.0.2.8/31",
            "\"192.0.2.9\", peer = \"192.0.2.8/31\"",
            VirtualAddress { peer: Some(ip("192.0.2.8")), prefix_len: 31, ..four() },
        ),
        (
            "192.0.2.9/24 dev eth1 use_vmac noprefixroute autojoin scope link",
            "\"192.0.2.9/24\", interface = \"eth1\", use-vmac = true, no-prefix-route = true, auto-join = true, scope = \"link\"",
            VirtualAddress {
                interface: Some("eth1".to_owned()),
                on_virtual_link: true,
                scope: 253,
                options: AddressOptions { no_prefix_route: true, auto_join: true, ..options },
                ..four()
            },
        ),
        (
            "2001:db8::9/64 home -nodad mngtmpaddr preferred_lft 5",
            "\"2001:db8::9/64\", home = true, no-dad = true, manage-temporary = true, preferred = \"5s\"",
            VirtualAddress {
                options: AddressOptions { home: true, no_dad: true, manage_temporary: true, ..options },
                preferred: Some(Preferred::Secs(5)),
                ..six()
            },
        ),
        (
            "2001:db8::9/64 preferred_lft forever",
            "\"2001:db8::9/64\", preferred = \"forever\"",
            VirtualAddress { preferred: Some(Preferred::Forever), ..six() },
        ),
    ] {
        let text = conf(&format!("virtual_ipaddress_excluded {{\n{line}\n}}"));
        assert_eq!(quiet(&text).instances[0].excluded_addresses, std::slice::from_ref(&expected), "{line}");
        let text = ours(&format!("excluded-addresses = [{{ address = {table} }}]"));
        assert_eq!(quiet(&text).instances[0].excluded_addresses, [expected], "{table}");
    }
}

#[test]
fn links_in_both_languages() {
    let vmac = |vmac| Some(VirtualLink::Vmac(vmac));
    for (words, table, expected) in [
        ("use_vmac", "vmac = true", vmac(Vmac::default())),
        (
            "use_vmac vmac7",
            "vmac = { name = \"vmac7\" }",
            vmac(Vmac { name: Some("vmac7".to_owned()), ..Vmac::default() }),
        ),
        (
            "use_vmac name x 02:00:00:00:01\nvmac_xmit_base\nuse_vmac_addr",
            "vmac = { name = \"x\", mac = \"02:00:00:00:01:07\", send-from-base = true, for-addresses = true }",
            vmac(Vmac {
                name: Some("x".to_owned()),
                mac: Some([2, 0, 0, 0, 1, 7]),
                send_from_base: true,
                for_addresses: true,
                group: None,
            }),
        ),
        (
            "use_vmac group 5 netlink_notify_msg",
            "vmac = { group = 5 }",
            vmac(Vmac { group: Some(5), ..Vmac::default() }),
        ),
        (
            "use_ipvlan x 192.0.2.9/24 private",
            "ipvlan = { name = \"x\", address = \"192.0.2.9/24\", mode = \"private\" }",
            Some(VirtualLink::Ipvlan(Ipvlan {
                name: Some("x".to_owned()),
                address: Some((ip("192.0.2.9"), 24)),
                flag: IpvlanFlag::Private,
                group: None,
            })),
        ),
    ] {
        assert_eq!(quiet(&conf(words)).instances[0].virtual_link, expected, "{words}");
        assert_eq!(quiet(&ours(table)).instances[0].virtual_link, expected, "{table}");
    }
    let text = format!("global_defs {{\nvmac_prefix virt\n}}\n{}", conf("use_vmac"));
    let config = quiet(&text);
    assert_eq!(config.instances[0].virtual_link, vmac(Vmac::default()));
    assert_eq!((config.router.vmac_prefix.as_deref(), config.router.vmac_address_prefix), (Some("virt"), None));
    let text = format!("global_defs {{\nvmac_addr_prefix far\n}}\n{}", conf("use_vmac\nuse_vmac_addr"));
    let router = quiet(&text).router;
    assert_eq!((router.vmac_prefix, router.vmac_address_prefix.as_deref()), (None, Some("far")));
}

#[test]
fn announcements_in_both_languages() {
    let seconds = Duration::from_secs;
    let base = Announcements::default();
    for (global, words, table, expected) in [
        (
            "",
            "garp_lower_prio_repeat 0",
            "lower-priority-repeat = 0",
            Announcements { lower_priority: Burst { repeat: 0, delay: Some(seconds(5)) }, ..base.clone() },
        ),
        (
            "",
            "garp_lower_prio_delay 2\ngarp_master_repeat 3",
            "lower-priority-delay = \"2s\"\nrepeat = 3",
            Announcements {
                master: Burst { repeat: 3, ..base.master },
                lower_priority: Burst { repeat: 5, delay: Some(seconds(2)) },
                ..base.clone()
            },
        ),
        (
            "",
            "garp_extra_if all 100",
            "elsewhere = \"100s\"\nelsewhere-all = true",
            Announcements { extra: Some(seconds(100)), extra_all: true, ..base.clone() },
        ),
        (
            "vrrp_garp_interval 0.001\nvrrp_gna_interval 0.000001",
            "",
            "arp-interval = \"1ms\"\nna-interval = \"1us\"",
            Announcements {
                arp_interval: Duration::from_millis(1),
                na_interval: Duration::from_micros(1),
                ..base.clone()
            },
        ),
        ("", "watch_rivals off", "watch-rivals = false", Announcements { watch_rivals: false, ..base.clone() }),
        ("vrrp_watch_rivals no", "", "watch-rivals = false", Announcements { watch_rivals: false, ..base.clone() }),
        ("vrrp_watch_rivals off", "watch_rivals", "watch-rivals = true", base.clone()),
        (
            "vrrp_min_garp",
            "",
            "repeat = 1\ndelay = \"0s\"\nlower-priority-repeat = 1\nlower-priority-delay = \"0s\"",
            Announcements {
                master: Burst { repeat: 1, delay: None },
                lower_priority: Burst { repeat: 1, delay: None },
                ..base.clone()
            },
        ),
        (
            "vrrp_garp_master_repeat 2\nvrrp_garp_lower_prio_delay 9\nvrrp_garp_extra_if 7",
            "",
            "repeat = 2\nlower-priority-repeat = 2\nlower-priority-delay = \"9s\"\nelsewhere = \"7s\"",
            Announcements {
                master: Burst { repeat: 2, ..base.master },
                lower_priority: Burst { repeat: 2, delay: Some(seconds(9)) },
                extra: Some(seconds(7)),
                ..base.clone()
            },
        ),
    ] {
        let text = format!("global_defs {{\n{global}\n}}\n{}", conf(words));
        assert_eq!(quiet(&text).instances[0].announcements, expected, "{global} {words}");
        let text = ours(&format!("[instance.announce]\nrefresh = \"0s\"\n{table}"));
        assert_eq!(quiet(&text).instances[0].announcements, expected, "{table}");
    }
}

#[test]
fn notifications_have_users() {
    let command = |word: &str, user: Option<&str>| {
        let user = user.map(|user| RunAs { user: user.to_owned(), group: None });
        Some(Command { words: vec![word.to_owned()], user })
    };
    let expected = Notify {
        master: command("/m", Some("nobody")),
        deleted: command("/d", None),
        tell_deleted: true,
        lower_priority: command("/l", None),
        priority_changes: true,
        ..Notify::default()
    };
    let words =
        "notify_master \"/m\" nobody\nnotify_deleted /d\nnotify_master_rx_lower_pri /l\nnotify_priority_changes on";
    assert_eq!(quiet(&conf(words)).instances[0].notify, expected);
    let table = "[instance.notify]\nmaster = { command = \"/m\", user = \"nobody\" }\ndeleted = \"/d\"\n\
                 lower-priority = \"/l\"\npriority-changes = true";
    assert_eq!(quiet(&ours(table)).instances[0].notify, expected);
    // Told, with nobody called for it alone.
    let expected = Notify { tell_deleted: true, ..Notify::default() };
    assert_eq!(quiet(&conf("notify_deleted")).instances[0].notify, expected);
    assert_eq!(quiet(&ours("[instance.notify]\ndeleted = true")).instances[0].notify, expected);
    assert_eq!(quiet(&ours("[instance.notify]\ndeleted = false")).instances[0].notify, Notify::default());
    let group = "vrrp_sync_group G {\ngroup {\nA\nB\n}\nnotify_priority_changes\n}\n";
    let other = conf("notify_priority_changes off").replace("instance A", "instance B").replace("id 7", "id 8");
    let config = quiet(&format!("{group}{}{other}", conf("")));
    assert!(config.instances[0].notify.priority_changes && !config.instances[1].notify.priority_changes);
    assert!(config.sync_groups[0].notify.priority_changes);
}

#[test]
fn what_concerns_all_routers_in_both_languages() {
    let block = "global_defs {\nvrrp_startup_delay 5.5\nvrrp_delay_after_boot 60\nlog_unknown_vrids\ndisable_local_igmp\n\
                 notify_fifo /run/all nobody\nnotify_fifo_script \"/bin/reader x\"\nvrrp_notify_fifo /run/routers\n\
                 fifo_write_vrrp_states_on_reload\nnftables mine\nnftables_priority -5\nvrrp_priority -10\nvrrp_rt_priority 50\n\
                 vrrp_rlimit_rttime 10000\nvrrp_cpu_affinity 0 2\nvrrp_no_swap\nvrrp_lateness_warning 0.1\n\
                 lvs_sync_daemon eth1 A id 5 maxlen 1400 port 8849 ttl 2 group 224.0.0.82\ndefault_interface eth3\n\
                 vrrp_rx_bufs_policy 4096\nvrrp_wait_for_checks\n}\n\
                 interface_up_down_delays {\neth1 0.5 1\neth2 0.2\n}\n\
                 garp_group {\ngarp_interval 0.001\ngna_interval 0.002\ninterfaces {\neth1\neth2\n}\n}\n\
                 track_group T {\ngroup {\nA\n}\n}\n\
                 static_ipaddress {\n192.0.2.100/24 track_group T\n}\nstatic_routes {\n198.51.100.0/24\n}\n\
                 static_rules {\ntable 5 priority 9\n}\n";
    let table = "[global.sync-daemon]\ninterface = \"eth1\"\ninstance = \"A\"\nid = 5\nmax-length = 1400\nport = 8849\nttl = 2\n\
                 group = \"224.0.0.82\"\n[router]\nstartup-delay = \"5.5s\"\ndelay-after-boot = \"1m\"\nlog-unknown-vrids = true\n\
                 igmp = false\nnotify-fifo = { path = \"/run/all\", owner = \"nobody\", script = \"/bin/reader x\" }\n\
                 router-fifo = { path = \"/run/routers\" }\nfifo-states-on-reload = true\nfirewall-table = \"mine\"\n\
                 firewall-priority = -5\ninterface-delays = [{ interface = \"eth1\", down = \"500ms\", up = \"1s\" }, { interface = \"eth2\", down = \"200ms\" }]\n\
                 announce-groups = [{ interfaces = [\"eth1\", \"eth2\"], arp-interval = \"1ms\", na-interval = \"2ms\" }]\n\
                 scheduling = { nice = -10, realtime = 50, realtime-limit = \"10ms\", processors = [0, 2], lock-memory = true, lateness-warning = \"100ms\" }\n\
                 [static]\ninterface = \"eth3\"\naddresses = [{ address = \"192.0.2.100/24\", track-group = \"T\" }]\n\
                 routes = [\"198.51.100.0/24\"]\nrules = [\"table 5 priority 9\"]\n[[track-group]]\nname = \"T\"\nmembers = [\"A\"]\n";
    for config in [quiet(&(block.to_owned() + &conf(""))), quiet(&(table.to_owned() + &ours("receive-buffer = 4096")))]
    {
        assert!(config.instances[0].election.wait_for_checks);
        assert_eq!(config.instances[0].receive_buffer, Some(4_096));
        assert_eq!(
            config.global.sync_daemon,
            Some(SyncDaemon {
                interface: "eth1".to_owned(),
                instance: Some("A".to_owned()),
                id: Some(5),
                max_len: Some(1_400),
                port: Some(8_849),
                ttl: Some(2),
                group: Some(ip("224.0.0.82")),
            })
        );
        let router = config.router;
        assert_eq!(
            (router.startup_delay, router.delay_after_boot),
            (Duration::from_millis(5_500), Duration::from_mins(1))
        );
        assert!(router.log_unknown_vrids && router.no_igmp && router.fifo_states_on_reload);
        let script = Command { words: vec!["/bin/reader".to_owned(), "x".to_owned()], user: None };
        let owner = RunAs { user: "nobody".to_owned(), group: None };
        assert_eq!(
            router.notify_fifo,
            Some(Fifo { path: "/run/all".to_owned(), owner: Some(owner), script: Some(script) })
        );
        assert_eq!(router.router_fifo, Some(Fifo { path: "/run/routers".to_owned(), owner: None, script: None }));
        assert_eq!((router.firewall_table.as_deref(), router.firewall_priority), (Some("mine"), Some(-5)));
        assert_eq!(
            router.scheduling,
            Scheduling {
                nice: Some(-10),
                realtime: Some(50),
                realtime_limit_micros: Some(10_000),
                processors: vec![0, 2],
                lock_memory: true,
                lateness_warning: Some(Duration::from_millis(100)),
            }
        );
        let delay = |interface: &str, down, up| InterfaceDelay {
            interface: interface.to_owned(),
            down: Duration::from_millis(down),
            up: Duration::from_millis(up),
        };
        assert_eq!(router.interface_delays, [delay("eth1", 500, 1_000), delay("eth2", 200, 200)]);
        assert_eq!(
            router.garp_groups,
            [GarpGroup {
                arp_interval: Duration::from_millis(1),
                na_interval: Duration::from_millis(2),
                interfaces: vec!["eth1".to_owned(), "eth2".to_owned()],
            }]
        );
        assert_eq!(router.track_groups, [TrackGroup { name: "T".to_owned(), members: vec!["A".to_owned()] }]);
        let address = &router.statics.addresses[0];
        assert_eq!((address.interface.as_deref(), address.track_group.as_deref()), (Some("eth3"), Some("T")));
        assert_eq!(router.statics.routes[0].hops, [hop(None, Some("eth3"))]);
        assert_eq!(router.statics.rules, [Rule { priority: 9, ..rule(RuleAction::Lookup(5)) }]);
    }
}

#[test]
fn slips_around_routers() {
    for (text, expected) in [
        ("global_defs {\nvrrp_rt_priority 100\n}\n", &["warning C401 2:18"][..]),
        ("global_defs {\nvrrp_priority -21\n}\n", &["warning C401 2:15"]),
        ("global_defs {\nnftables \"a b\"\n}\n", &["warning C401 2:11"]),
        ("global_defs {\nnotify_fifo x\n}\n", &["warning C401 2:13"]),
        ("global_defs {\nnotify_fifo_script /x\n}\n", &["warning C510 2:20"]),
        ("global_defs {\nlvs_sync_daemon eth1 B\n}\n", &["warning C502 2:22"]),
        ("global_defs {\nlvs_sync_daemon eth1 id\n}\n", &["warning C306 2:22"]),
        ("global_defs {\nlvs_sync_daemon eth1 A x\n}\n", &["warning C401 2:24"]),
        ("global_defs {\nvrrp_rx_bufs_policy MTU\n}\n", &["note C304 2:21"]),
        ("global_defs {\nvrrp_iptables\n}\n", &["note C304 2:1"]),
        ("interface_up_down_delays {\neth1\n}\n", &["warning C306 2:1"]),
        ("interface_up_down_delays {\neth0 2\n}\n", &["warning C512"]),
        ("garp_group {\ngarp_interval 1\n}\n", &["warning C510 1:1"]),
        ("track_group T {\ngroup {\nB\n}\n}\n", &["warning C502 3:1"]),
        ("static_ipaddress {\n192.0.2.9 track_group T\n}\n", &["warning C502"]),
        ("static_ipaddress {\n192.0.2.9\n192.0.2.9\n}\n", &["warning C501 3:1"]),
        ("static_routes {\nnowhere\n}\n", &["warning C401 2:1"]),
        ("static_rules {\ntable 5\n}\n", &["warning C508 2:1"]),
    ] {
        let loaded = keepalived(&format!("{text}{}", conf("")));
        assert_eq!(brief(&loaded), expected, "{text}\n{}", loaded.report.render(false));
        assert_eq!(loaded.config.unwrap().instances.len(), 1, "{text}");
    }
    for (text, expected) in [
        ("[router]\nfirewall-table = \"a b\"\n", &["error C401 2:18"][..]),
        ("[router]\nnotify-fifo = { owner = \"x\" }\n", &["error C404 2:15"]),
        ("[router]\ninterface-delays = [{ down = \"1s\" }]\n", &["error C404 2:21"]),
        ("[router]\nannounce-groups = [{ }]\n", &["error C404 2:20"]),
        ("[router]\nscheduling = { realtime = 0 }\n", &["error C401 2:27"]),
        ("[global.sync-daemon]\nid = 1\n", &["error C404 1:9"]),
        ("[static]\naddresses = [\"x\"]\n", &["error C401 2:14"]),
    ] {
        let loaded = toml(&format!("{text}{}", ours("")));
        assert_eq!(brief(&loaded), expected, "{text}\n{}", loaded.report.render(false));
    }
}
