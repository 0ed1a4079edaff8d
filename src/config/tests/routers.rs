//! Words of virtual routers, and what they mean; the same in both languages.

use std::time::Duration;

use super::{Code, Severity, brief, keepalived, only, toml};
use crate::model::{
    Announcements, Authentication, Checksum, Config, Election, Family, Instance, Peer, Secret, StartAs, Transport,
    VirtualAddress, Vrid, VrrpVersion,
};

/// A router in keepalived's words.
fn conf(words: &str) -> String {
    format!(
        "vrrp_instance A {{\ninterface eth0\nvirtual_router_id 7\nvirtual_ipaddress {{\n192.0.2.1\n}}\n{words}\n}}\n"
    )
}

fn quiet(text: &str) -> Config {
    let loaded = keepalived(text);
    assert_eq!(brief(&loaded), Vec::<String>::new(), "{text}\n{}", loaded.report.render(false));
    loaded.config.unwrap()
}

/// The only router of a file about which there is nothing to say.
fn router(words: &str) -> Instance {
    quiet(&conf(words)).instances.remove(0)
}

/// The same router in our own language, version 2 and without what differs by default.
fn ours(words: &str) -> Instance {
    let text = format!(
        "[[instance]]\nname = \"A\"\ninterface = \"eth0\"\nvrid = 7\nversion = 2\nwait-for-checks = false\n\
         announce.refresh = \"0s\"\n\
         addresses = [\"192.0.2.1\"]\n{words}\n"
    );
    let loaded = toml(&text);
    assert_eq!(brief(&loaded), Vec::<String>::new(), "{text}\n{}", loaded.report.render(false));
    loaded.config.unwrap().instances.remove(0)
}

fn plain() -> Instance {
    Instance {
        addresses: vec![VirtualAddress::new("192.0.2.1".parse().unwrap(), 32)],
        ..Instance::new("A", "eth0", Vrid::new(7).unwrap(), Family::V4)
    }
}

fn unicast(source: Option<&str>, peers: Vec<Peer>, ttl: u8, check_source: bool) -> Transport {
    Transport::Unicast { source: source.map(|source| source.parse().unwrap()), peers, ttl, check_source }
}

fn peer(address: &str) -> Peer {
    Peer::new(address.parse().unwrap())
}

#[test]
fn transport_in_both_languages() {
    let limited = Peer { min_ttl: Some(254), max_ttl: Some(255), ..peer("192.0.2.3") };
    for (words, toml_words, transport) in [
        (
            "unicast_src_ip 192.0.2.7\nunicast_peer {\n192.0.2.2\n}",
            "source = \"192.0.2.7\"\npeers = [\"192.0.2.2\"]",
            unicast(Some("192.0.2.7"), vec![peer("192.0.2.2")], 255, false),
        ),
        (
            "unicast_ttl 3\ncheck_unicast_src\nunicast_peer {\n192.0.2.2\n}",
            "ttl = 3\ncheck-source = true\npeers = [\"192.0.2.2\"]",
            unicast(None, vec![peer("192.0.2.2")], 3, true),
        ),
        (
            "unicast_peer {\n192.0.2.3 min_ttl 254 max_ttl 255\n}",
            "peers = [{ address = \"192.0.2.3\", min-ttl = 254, max-ttl = 255 }]",
            unicast(None, vec![limited], 255, true),
        ),
        (
            "mcast_src_ip 192.0.2.7\nmcast_dst_ip 224.0.0.99",
            "source = \"192.0.2.7\"\ngroup = \"224.0.0.99\"",
            Transport::Multicast { source: Some("192.0.2.7".parse().unwrap()), group: "224.0.0.99".parse().unwrap() },
        ),
    ] {
        let expected = Instance { transport, ..plain() };
        assert_eq!(router(words), expected, "{words}");
        assert_eq!(ours(toml_words), expected, "{toml_words}");
    }
}

#[test]
fn checksums_and_the_check_of_addresses() {
    let expected = Instance {
        checksum: Checksum { without_pseudo_header: true, never_old_unicast: true },
        skip_address_check: true,
        transport: unicast(None, vec![peer("192.0.2.2")], 255, false),
        ..plain()
    };
    let words = "unicast_peer {\n192.0.2.2\n}\nv3_checksum_as_v2\nold_unicast_checksum never\nskip_check_adv_addr";
    assert_eq!(router(words), expected);
    let words = "peers = [\"192.0.2.2\"]\nchecksum-without-pseudo-header = true\nold-unicast-checksum = false\n\
                 skip-address-check = true";
    assert_eq!(ours(words), expected);
    let off = router("skip_check_adv_addr off\nv3_checksum_as_v2 no");
    assert_eq!(off, plain());
}

#[test]
fn elections_in_both_languages() {
    let base = Election::default();
    for (words, toml_words, election) in [
        ("nopreempt", "preempt = false", Election { preempt: false, ..base }),
        ("nopreempt\npreempt", "preempt = true", base),
        (
            "preempt_delay 2.5",
            "preempt-delay = \"2.5s\"",
            Election { preempt_delay: Duration::from_millis(2_500), ..base },
        ),
        ("down_timer_adverts 5", "down-timer-adverts = 5", Election { down_timer_adverts: 5, ..base }),
        (
            "lower_prio_no_advert",
            "lower-priority-no-advert = true",
            Election { lower_priority_no_advert: true, ..base },
        ),
        (
            "higher_prio_send_advert no",
            "higher-priority-send-advert = false",
            Election { higher_priority_send_advert: false, ..base },
        ),
        ("higher_prio_send_advert", "higher-priority-send-advert = true", base),
        ("owner_ignore_adverts", "owner-ignores-adverts = true", Election { owner_ignores_adverts: true, ..base }),
        ("timer_expired_backup 9", "timer-expired-backup = 9", Election { timer_expired_backup: Some(9), ..base }),
        ("timer_expired_backup", "timer-expired-backup = 254", Election { timer_expired_backup: Some(254), ..base }),
    ] {
        let expected = Instance { election, ..plain() };
        assert_eq!(router(words), expected, "{words}");
        assert_eq!(ours(toml_words), expected, "{toml_words}");
    }
    assert!(router("wait_for_checks").election.wait_for_checks);
    assert!(!router("").election.wait_for_checks);
}

/// What a new file gets, and one of keepalived's does not.
#[test]
fn our_own_language_is_calmer() {
    let text = "[[instance]]\nname = \"A\"\ninterface = \"eth0\"\nvrid = 7\naddresses = [\"192.0.2.1\"]\n";
    let election = |words: &str| toml(&format!("{text}{words}")).config.unwrap().instances[0].election;
    let calm = Election { wait_for_checks: true, ..Election::default() };
    assert_eq!(election(""), calm);
    assert_eq!(router("").election, Election::default());
    let announcements =
        |words: &str| toml(&format!("{text}{words}")).config.unwrap().instances[0].announcements.clone();
    let minute = Some(Duration::from_secs(60));
    assert_eq!(announcements(""), Announcements { refresh: minute, refresh_repeat: 1, ..Announcements::default() });
    assert_eq!(router("").announcements, Announcements::default());
    assert_eq!(announcements("announce.repeat = 2").refresh, minute);
    assert_eq!(announcements("announce.refresh = \"0s\"").refresh, None);
    assert_eq!(announcements("announce.refresh = \"5s\"").refresh, Some(Duration::from_secs(5)));
}

/// Whoever gives way says so, in both languages; strict mode forbids it, and complains only to those who asked for it.
#[test]
fn a_last_advert_is_sent_unless_it_is_switched_off() {
    let says = |text: &str| quiet(text).instances[0].election.higher_priority_send_advert;
    assert!(says(&conf("")));
    assert!(!says(&conf("higher_prio_send_advert false")));
    let off = "global_defs {\nvrrp_higher_prio_send_advert false\n}\n";
    assert!(!says(&format!("{off}{}", conf(""))));
    assert!(says(&format!("{off}{}", conf("higher_prio_send_advert"))));
    assert!(!says(&conf("strict_mode")));
    let text = "[[instance]]\nname = \"A\"\ninterface = \"eth0\"\nvrid = 7\naddresses = [\"192.0.2.1\"]\n";
    let loaded = toml(&format!("{text}strict = true\naccept = false\n"));
    assert_eq!(brief(&loaded), Vec::<String>::new());
    assert!(!loaded.config.unwrap().instances[0].election.higher_priority_send_advert);
}

/// Which two routers of one number and family can run on one interface. The verdicts are those of keepalived 2.2.7, which
/// exits at start with the first kind, and never lets the second of the other kind run.
#[test]
fn routers_of_one_number_run_side_by_side_where_they_can_be_told_apart() {
    let unicast = |source: &str, peers: &str| {
        let source = if source.is_empty() { String::new() } else { format!("unicast_src_ip {source}\n") };
        format!("{source}unicast_peer {{\n{peers}\n}}")
    };
    let (one, two) = ("192.0.2.5", "192.0.2.6");
    let same = Some("are the same virtual router");
    let same_mac = Some("have the same virtual MAC address");
    let base = |words: String| format!("use_vmac\nvmac_xmit_base\n{words}");
    for (first, second, verdict) in [
        (String::new(), String::new(), same),
        ("version 2".to_owned(), "version 3".to_owned(), same),
        ("mcast_src_ip 192.0.2.5".to_owned(), "mcast_src_ip 192.0.2.6".to_owned(), same),
        ("mcast_dst_ip 224.0.0.18".to_owned(), String::new(), same),
        ("mcast_dst_ip 224.0.0.19".to_owned(), String::new(), None),
        (unicast(one, "10.0.0.2"), String::new(), None),
        (unicast(one, "10.0.0.2"), unicast(two, "10.0.0.2"), None),
        (unicast(one, "10.0.0.2"), unicast(one, "10.0.0.3"), None),
        (unicast(one, "10.0.0.2\n10.0.0.4"), unicast(one, "10.0.0.3\n10.0.0.4"), same),
        (unicast(one, "10.0.0.2"), unicast(one, "10.0.0.2"), same),
        (unicast("", "10.0.0.2"), unicast("", "10.0.0.3"), None),
        (unicast("", "10.0.0.2"), unicast("", "10.0.0.2"), same),
        (unicast("", "10.0.0.2"), unicast(two, "10.0.0.2"), None),
        ("use_vmac".to_owned(), String::new(), same),
        ("use_vmac".to_owned(), "mcast_dst_ip 224.0.0.19".to_owned(), None),
        ("use_vmac".to_owned(), "use_vmac\nmcast_dst_ip 224.0.0.19".to_owned(), same_mac),
        ("use_vmac".to_owned(), base(unicast(one, "10.0.0.2")), same_mac),
        (base(unicast(one, "10.0.0.2")), base(unicast(two, "10.0.0.2")), same_mac),
    ] {
        let other = conf(&second).replace("vrrp_instance A", "vrrp_instance B").replace("192.0.2.1\n", "192.0.2.9\n");
        let loaded = keepalived(&(conf(&first) + &other));
        let said: Vec<_> = loaded.report.diagnostics().iter().filter(|said| said.code == Code::Duplicate).collect();
        assert_eq!(said.len(), usize::from(verdict.is_some()), "{first}\n{other}\n{said:?}");
        for said in said {
            assert_eq!(said.severity, Severity::Warning);
            assert!(verdict.is_some_and(|verdict| said.message.contains(verdict)), "{said:?}");
            assert!(said.help[0].contains("`B` is left out"), "{said:?}");
        }
        let config = loaded.config.unwrap();
        let names: Vec<_> = config.instances.iter().map(|router| router.name.as_str()).collect();
        assert_eq!(names, if verdict.is_some() { vec!["A"] } else { vec!["A", "B"] }, "{first}\n{other}");
    }
}

/// An address in two routers is told once, unless they move together.
#[test]
fn an_address_of_two_routers() {
    let other = |words: &str, number: u8| {
        conf(words)
            .replace("vrrp_instance A", &format!("vrrp_instance B{number}"))
            .replace("virtual_router_id 7", &format!("virtual_router_id {number}"))
    };
    let said = |text: &str| {
        let loaded = keepalived(text);
        assert!(loaded.config.is_some_and(|config| !config.instances.is_empty()));
        let shared = loaded.report.diagnostics().iter().filter(|said| said.code == Code::SharedAddress);
        shared.map(|said| (said.severity, said.message.clone())).collect::<Vec<_>>()
    };
    let told = |name: &str| (Severity::Note, format!("192.0.2.1 is an address of `A` and of `{name}`"));
    assert_eq!(said(&(conf("") + &other("", 8))), [told("B8")]);
    assert_eq!(said(&(conf("") + &other("", 8) + &other("", 9))), [told("B8"), told("B9")]);
    let group = "vrrp_sync_group G {\ngroup {\nA\nB8\n}\n}\n";
    assert_eq!(said(&(group.to_owned() + &conf("") + &other("", 8))), []);
    assert_eq!(said(&(conf("") + &other("", 8).replace("192.0.2.1\n", "192.0.2.1 dev eth9\n"))), []);
    let excluded = other("virtual_ipaddress_excluded {\n192.0.2.1\n}", 8).replacen("192.0.2.1\n", "192.0.2.8\n", 1);
    assert_eq!(said(&(conf("") + &excluded)), [told("B8")]);
}

/// In our own language what cannot run is an error.
#[test]
fn routers_of_one_number_in_toml() {
    let ours = |name: &str, address: u8, words: &str| {
        format!(
            "[[instance]]\nname = \"{name}\"\nvrid = 7\ninterface = \"eth0\"\naddresses = [\"192.0.2.{address}\"]\n{words}\n"
        )
    };
    let two = |first: &str, second: &str| toml(&(ours("A", 1, first) + &ours("B", 9, second)));
    for words in ["peers = [\"192.0.2.6\"]", "group = \"224.0.0.19\""] {
        let loaded = two("", words);
        assert_eq!(brief(&loaded), Vec::<String>::new(), "{words}");
        assert_eq!(loaded.config.unwrap().instances.len(), 2);
        let loaded = two(words, words);
        let said = only(&loaded, Code::Duplicate);
        assert_eq!(said.severity, Severity::Error);
        assert!(said.help[0].contains("to be told apart"), "{said:?}");
    }
    let said = two("vmac = true", "vmac = true\ngroup = \"224.0.0.19\"");
    assert!(only(&said, Code::Duplicate).message.contains("same virtual MAC address"));
}

/// The defaults of `global_defs` hold where a router says nothing.
#[test]
fn defaults_of_all_routers() {
    let global = "global_defs {\nvrrp_down_timer_adverts 4\nvrrp_lower_prio_no_advert\nvrrp_higher_prio_send_advert off\n\
                  vrrp_owner_ignore_adverts\nvrrp_skip_check_adv_addr\nvrrp_check_unicast_src\nv3_checksum_as_v2\n\
                  vrrp_mcast_group4 224.0.0.77\nvrrp_mcast_group6 ff02::77\n}\n";
    let router = &quiet(&format!("{global}{}", conf("lower_prio_no_advert off"))).instances[0];
    assert_eq!(
        router.election,
        Election {
            down_timer_adverts: 4,
            higher_priority_send_advert: false,
            owner_ignores_adverts: true,
            ..Election::default()
        }
    );
    assert!(router.skip_address_check && router.checksum.without_pseudo_header);
    let Transport::Multicast { group, .. } = router.transport else { panic!("{router:?}") };
    assert_eq!(group.to_string(), "224.0.0.77");
    let text = conf("unicast_peer {\n2001:db8::2\n}").replace("192.0.2.1", "2001:db8::1");
    let router = &quiet(&format!("{global}{text}")).instances[0];
    assert_eq!(router.transport, unicast(None, vec![peer("2001:db8::2")], 255, true));
    let router = &quiet(&format!("{global}{}", conf("").replace("192.0.2.1", "fe80::1"))).instances[0];
    let Transport::Multicast { group, .. } = router.transport else { panic!("{router:?}") };
    assert_eq!((group.to_string(), router.version), ("ff02::77".to_owned(), VrrpVersion::V3));
}

#[test]
fn the_addresses_tell_the_family() {
    let text = conf("").replace("192.0.2.1", "fe80::1\n2001:db8::1/64");
    let router = &quiet(&text).instances[0];
    assert_eq!((router.id.family, router.version), (Family::V6, VrrpVersion::V3));
    assert_eq!(router.id.to_string(), "eth0, VRID 7, IPv6");
    assert_eq!(router.addresses.len(), 2);

    let loaded = keepalived(&text.replace("virtual_router_id 7", "virtual_router_id 7\nversion 2"));
    assert_eq!(brief(&loaded), ["warning C512 4:9"]);
    assert_eq!(loaded.config.unwrap().instances[0].version, VrrpVersion::V3);

    let mixed = text.replace("fe80::1", "fe80::1\n192.0.2.1");
    let loaded = keepalived(&mixed);
    assert_eq!(brief(&loaded), ["warning C512 6:1"]);
    assert_eq!(loaded.config.unwrap().instances[0].addresses.len(), 2);
    let loaded = toml(
        "[[instance]]\nname = \"A\"\ninterface = \"eth0\"\nvrid = 7\naddresses = [\"192.0.2.1\", \"2001:db8::1\"]\n",
    );
    assert_eq!(brief(&loaded), ["error C512 5:27"]);
    assert_eq!(only(&loaded, Code::Combination).severity, Severity::Error);
    // The same number may be used once in each family.
    let both = conf("") + &text.replace("vrrp_instance A", "vrrp_instance B");
    assert_eq!(quiet(&both).instances.len(), 2);
}

#[test]
fn an_interface_may_be_left_out() {
    let text = conf("unicast_src_ip 192.0.2.7\nvrf blue\nunicast_peer {\n192.0.2.2\n}").replace("interface eth0\n", "");
    let router = &quiet(&text).instances[0];
    assert_eq!((router.id.interface.as_deref(), router.vrf.as_deref()), (None, Some("blue")));
    for (from, to) in
        [("unicast_src_ip 192.0.2.7\n", ""), ("192.0.2.7", "fe80::7"), ("unicast_peer {\n192.0.2.2\n}", "")]
    {
        let text = text.replace(from, to);
        let text =
            if to.is_empty() { text } else { text.replace("192.0.2.1", "fe80::1").replace("192.0.2.2", "fe80::2") };
        let loaded = keepalived(&text);
        assert!(brief(&loaded).contains(&"error C404 1:15".to_owned()), "{text}\n{}", loaded.report.render(false));
        assert_eq!(loaded.config, None, "{text}");
    }
}

#[test]
fn headers_prove_whom_adverts_are_from() {
    let expected = Instance { authentication: Authentication::Header(Secret::new(b"secret".to_vec())), ..plain() };
    assert_eq!(router("authentication {\nauth_type AH\nauth_pass secret\n}"), expected);
    assert_eq!(ours("password = \"secret\"\nauthentication = \"header\""), expected);
    let loaded = keepalived(&conf("authentication {\nauth_type AH\nauth_pass secret\n}\nstate MASTER\npriority 9"));
    assert_eq!(loaded.config.unwrap().instances[0].start_as, StartAs::Backup);
}

/// Its peers would drop what it sends, and become active beside it.
#[test]
fn a_router_that_should_sign_its_adverts_is_refused() {
    let loaded = keepalived(&conf("auth_hmac {\nkey 1 hunter2\nactive_key 1\n}"));
    assert_eq!(brief(&loaded), ["error C512 7:1"]);
    assert_eq!(loaded.config, None);
    assert!(!loaded.report.render(false).contains("hunter"));
}

/// What holds in strict mode, said or not.
#[test]
fn strict_mode_forces() {
    let strict = router("strict_mode");
    assert!(strict.strict && !strict.accept);
    assert!(strict.election.lower_priority_no_advert && strict.election.owner_ignores_adverts);
    assert_eq!(strict.announcements.lower_priority.repeat, 0);
    assert_eq!(strict.announcements.master.repeat, 5);
    assert!(ours("strict = true\naccept = false").strict);
    let owner = router("strict_mode\npriority 255");
    assert!(owner.accept);
    assert_eq!(owner.start_as, StartAs::Master);
    let global = quiet(&format!("global_defs {{\nvrrp_strict\n}}\n{}", conf("strict_mode off")));
    assert!(!global.instances[0].strict);
    let none = conf("strict_mode").replace("192.0.2.1\n", "");
    let loaded = keepalived(&none);
    assert!(brief(&loaded).contains(&"error C513 1:15".to_owned()), "{:?}", brief(&loaded));
    assert_eq!(loaded.config, None);
    let loaded = keepalived(&conf("strict_mode").replace("192.0.2.1", "2001:db8::1"));
    assert_eq!(brief(&loaded), ["warning C513 1:15"]);
    let loaded = keepalived(&conf("strict_mode\nunicast_peer {\n192.0.2.2\n}"));
    assert!(matches!(loaded.config.unwrap().instances[0].transport, Transport::Unicast { .. }));
}

#[test]
fn an_owner_starts_as_master() {
    assert_eq!(router("priority 255").start_as, StartAs::Master);
    assert_eq!(router("priority 255\nstate BACKUP").start_as, StartAs::Backup);
    assert!(!router("no_accept").accept);
}

/// Adverts name as many addresses as keepalived's do; the others move without.
#[test]
fn addresses_beyond_what_an_advert_names() {
    for (version, address, usual) in [(2, "10.0.", 255), (3, "fd00::", 89)] {
        // What an advert of IPv6 names follows from the interface's MTU; how many it can number does not.
        for (more, excluded) in [(0, 0), (1, usize::from(version == 2)), (256 - usual, 1)] {
            let list: String = (1..=usual + more).map(|host| format!("{address}{}\n", number(host, version))).collect();
            let text = format!(
                "vrrp_instance A {{\ninterface eth0\nvirtual_router_id 7\nversion {version}\nvirtual_ipaddress {{\n{list}}}\n}}\n"
            );
            let loaded = keepalived(&text);
            let said: Vec<&str> = if more == 0 { vec![] } else { vec!["note C512 5:1"] };
            assert_eq!(brief(&loaded), said);
            let router = loaded.config.unwrap().instances.remove(0);
            assert_eq!((router.addresses.len(), router.excluded_addresses.len()), (usual + more - excluded, excluded));
        }
    }
}

/// The part of an address behind `10.0.`, or behind `fd00::`.
fn number(host: usize, version: u8) -> String {
    if version == 2 { format!("{}.{}", host / 200, host % 200) } else { format!("{host:x}") }
}

/// In version 3 an advert without an address is none. keepalived's version 2 allows it where addresses are excluded.
#[test]
fn adverts_that_name_no_address() {
    for (version, excluded, said) in [
        (2, "", Some("moves nothing, as")),
        (3, "", Some("others ignore")),
        (2, "10.0.0.9", None),
        (3, "10.0.0.9", Some("let adverts")),
    ] {
        let text = format!(
            "vrrp_instance A {{\ninterface eth0\nvirtual_router_id 7\nversion {version}\nvirtual_ipaddress_excluded {{\n{excluded}\n}}\n}}\n"
        );
        let loaded = keepalived(&text);
        assert_eq!(brief(&loaded), if said.is_some() { vec!["warning C404 1:15"] } else { vec![] }, "{text}");
        let shown = loaded.report.render(false).split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(shown.contains(said.unwrap_or_default()), "{shown}");
        assert_eq!(loaded.config.unwrap().instances.len(), 1);
    }
}

/// keepalived takes the name of the interface for whatever the router has on it.
#[test]
fn an_address_on_the_interface_below_a_macvlan_is_on_the_macvlan() {
    let on = |more: &str| {
        let text = format!(
            "vrrp_instance A {{\n interface eth0\n virtual_router_id 7\n{more}\n virtual_ipaddress {{\n 192.0.2.1 dev eth0\n \
             192.0.2.2 dev eth1\n }}\n}}\n"
        );
        let loaded = keepalived(&text);
        let said = brief(&loaded);
        let addresses = loaded.config.unwrap().instances.remove(0).addresses;
        (addresses.into_iter().map(|address| address.interface).collect::<Vec<_>>(), said)
    };
    let name = |name: &str| Some(name.to_owned());
    assert_eq!(on("use_vmac"), (vec![None, name("eth1")], vec!["note C512 6:2".to_owned()]));
    assert_eq!(on(""), (vec![name("eth0"), name("eth1")], Vec::new()));
}
