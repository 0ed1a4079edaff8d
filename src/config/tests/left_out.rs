//! Where keepalived goes on without a part of a file, the same part is left out here, and what is said of it is so.

use std::net::IpAddr;
use std::path::Path;

use super::{Context, Texts, brief, keepalived, only};
use crate::config::{Code, Language, Loaded, convert};

/// A router, with further lines in its block.
fn router(name: &str, vrid: u8, more: &str) -> String {
    format!("vrrp_instance {name} {{\ninterface eth0\nvirtual_router_id {vrid}\n{more}\n}}\n")
}

fn addresses(loaded: &Loaded) -> Vec<String> {
    let config = loaded.config.as_ref().unwrap();
    config.instances[0].addresses.iter().map(|address| format!("{}/{}", address.address, address.prefix_len)).collect()
}

/// keepalived drops the address with the word, so that both count the same addresses in an advert.
#[test]
fn addresses_that_go_with_a_bad_word() {
    for (line, code) in [
        ("192.0.2.78/24 label", "warning C306"),
        ("192.0.2.78/24 dev", "warning C306"),
        ("192.0.2.78/24 brd", "warning C306"),
        ("192.0.2.78/24 scope", "warning C306"),
        ("192.0.2.78/24 label toolonglabelnamehere dev eth0", "warning C401"),
        ("192.0.2.78/24 brd 192.0.2.299 dev eth0", "warning C401"),
        ("192.0.2.78/24 label eth0:1 brd 1.2.3.4.5", "warning C401"),
    ] {
        let loaded = keepalived(&router("A", 1, &format!("virtual_ipaddress {{\n192.0.2.77\n{line}\n}}")));
        assert_eq!(addresses(&loaded), ["192.0.2.77/32"], "{line}");
        assert!(brief(&loaded)[0].starts_with(code) && brief(&loaded).len() == 1, "{line}: {:?}", brief(&loaded));
        assert!(loaded.report.render(false).contains("this address is left out, as in keepalived"), "{line}");
    }
}

#[test]
fn short_networks_have_no_broadcast_address() {
    for (line, said, broadcast) in [
        ("192.0.2.78 brd +", true, None),
        ("192.0.2.78 brd -", true, None),
        ("192.0.2.78/31 brd +", true, None),
        ("192.0.2.78/30 brd +", false, Some("192.0.2.79")),
        ("192.0.2.78 brd 192.0.2.255", false, Some("192.0.2.255")),
    ] {
        let loaded = keepalived(&router("A", 1, &format!("virtual_ipaddress {{\n{line}\n}}")));
        let found = loaded.config.as_ref().unwrap().instances[0].addresses[0].broadcast;
        assert_eq!(found.map(|found| found.to_string()).as_deref(), broadcast, "{line}");
        assert_eq!(loaded.report.diagnostics().iter().any(|said| said.code == Code::Combination), said, "{line}");
    }
}

/// A prefix that is taken otherwise than there is not said to be taken alike.
#[test]
fn a_prefix_of_nothing_is_ours_alone() {
    for (prefix, alike) in [("0", false), ("", false), ("33", true), ("-1", true), ("255.255.255.0", true)] {
        let loaded = keepalived(&router("A", 1, &format!("virtual_ipaddress {{\n192.0.2.78/{prefix}\n}}")));
        assert_eq!(addresses(&loaded), ["192.0.2.78/32"], "{prefix}");
        assert_eq!(loaded.report.render(false).contains("as in keepalived"), alike, "{}", loaded.report.render(false));
    }
}

/// Of two of one name the first holds, and the file runs.
#[test]
fn a_second_of_one_name_is_left_out() {
    let routers = router("A", 1, "virtual_ipaddress {\n192.0.2.1\n}\ntrack_script {\ns\n}")
        + &router("B", 2, "virtual_ipaddress {\n192.0.2.2\n}");
    let script = "vrrp_script s {\nscript /bin/true\n}\n";
    let group = "vrrp_sync_group G {\ngroup {\nA\nB\n}\n}\n";
    let text = format!("{script}{routers}{group}");
    let expected = keepalived(&text).config.unwrap();
    for second in [
        router("A", 3, "virtual_ipaddress {\n192.0.2.3\n}"),
        "vrrp_script s {\nscript /bin/false\n}\n".to_owned(),
        "vrrp_sync_group G {\ngroup {\nB\n}\n}\n".to_owned(),
    ] {
        let loaded = keepalived(&format!("{text}{second}"));
        assert!(loaded.is_runnable(), "{second}");
        let said = only(&loaded, Code::Duplicate);
        assert_eq!(said.severity, crate::config::Severity::Warning);
        assert!(loaded.report.render(false).contains("left out, as in keepalived"));
        assert_eq!(loaded.config.as_ref(), Some(&expected), "{second}");
    }
}

/// One router's slip does not stop the others.
#[test]
fn a_router_without_a_readable_address_runs_without_any() {
    let good = router("A", 1, "virtual_ipaddress {\n192.0.2.77\n}");
    let loaded = keepalived(&format!("{good}{}", router("B", 2, "virtual_ipaddress {\n192.0.2.78z\n}")));
    assert!(loaded.is_runnable(), "{}", loaded.report.render(false));
    let config = loaded.config.as_ref().unwrap();
    assert_eq!(config.instances.len(), 2);
    assert!(config.instances[1].addresses.is_empty());
    assert_eq!(config.instances[0].addresses[0].address, "192.0.2.77".parse::<IpAddr>().unwrap());
    let mut said = brief(&loaded);
    said.sort();
    assert_eq!(said, ["warning C401 12:1", "warning C404 8:15"]);
    // Of one alone nothing would be left, and a template is no slip.
    assert!(!keepalived(&router("B", 2, "virtual_ipaddress {\n192.0.2.78z\n}")).is_runnable());
    let template = router("B", 2, "virtual_ipaddress {\n<address>\n}");
    assert!(!keepalived(&format!("{good}{template}")).is_runnable());
}

#[test]
fn an_include_of_nothing_is_ignored() {
    let loaded = keepalived(&format!("include\n{}", router("A", 1, "virtual_ipaddress {\n192.0.2.77\n}")));
    assert!(loaded.is_runnable(), "{}", loaded.report.render(false));
    assert_eq!(brief(&loaded), ["warning C306 1:1"]);
    let strict = keepalived(&format!("includea\n{}", router("A", 1, "virtual_ipaddress {\n192.0.2.77\n}")));
    assert!(!strict.is_runnable());
}

/// Flags of the schedulers that hash are heard below such a scheduler and nowhere else.
#[test]
fn flags_of_other_schedulers_are_ignored() {
    for (words, heard) in [
        ("lb_algo sh\nsh-port\nsh-fallback", true),
        ("lb_algo mh\nmh-port\nmh-fallback", true),
        ("lb_algo sh\nmh-port\nmh-fallback", true),
        ("lb_algo mh\nsh-port\nsh-fallback", true),
        ("lb_algo wlc\nsh-port\nsh-fallback", false),
        ("lb_algo rr\nmh-port\nmh-fallback", false),
        ("sh-port\nsh-fallback\nlb_algo wlc", false),
        ("sh-port\nsh-fallback\nlb_algo sh", false),
        ("mh-port\nmh-fallback", false),
        ("lb_algo nonsense\nmh-port\nmh-fallback", false),
        ("flag-1\nflag-2\nlb_algo wlc", true),
        ("lb_algo wlc\nflag-1\nflag-2", true),
    ] {
        let service = format!(
            "virtual_server 192.0.2.1 80 {{\nprotocol TCP\nlvs_method NAT\n{words}\nreal_server 192.0.2.2 80 {{\nTCP_CHECK {{\n}}\n}}\n}}\n"
        );
        let loaded = keepalived(&service);
        let flags = loaded.config.as_ref().unwrap().services[0].settings.flags;
        assert_eq!((flags.flag_1, flags.flag_2), (heard, heard), "{words}");
        let ignored = loaded.report.diagnostics().iter().filter(|said| said.code == Code::Idle).count();
        assert_eq!(ignored, if heard { 0 } else { 2 }, "{words}: {}", loaded.report.render(false));
    }
}

/// Old files have the synchronization daemon in a router.
#[test]
fn the_synchronization_daemon_of_a_router() {
    let vip = |host: u8| format!("virtual_ipaddress {{\n192.0.2.{host}\n}}\n");
    let with = |interface: &str, host: u8| format!("lvs_sync_daemon_interface {interface}\n{}", vip(host));
    let plain = router("A", 1, &vip(1)) + &router("B", 2, &vip(2));
    let global = |words: &str| format!("global_defs {{\nlvs_sync_daemon {words}\n}}\n");
    for (text, means, ignored) in [
        (router("A", 1, &with("eth1", 1)) + &router("B", 2, &vip(2)), "eth1 A", 0),
        (router("A", 1, &vip(1)) + &router("B", 2, &with("eth1", 2)), "eth1 B", 0),
        (router("A", 1, &with("eth1", 1)) + &router("B", 2, &with("eth2", 2)), "eth1 A", 1),
        // Wherever it stands.
        (global("eth3 B id 4") + &router("A", 1, &with("eth1", 1)) + &router("B", 2, &vip(2)), "eth3 B id 4", 1),
        (router("A", 1, &with("eth1", 1)) + &router("B", 2, &vip(2)) + &global("eth3 B id 4"), "eth3 B id 4", 1),
    ] {
        let loaded = keepalived(&text);
        let expected = keepalived(&format!("{}{plain}", global(means))).config.unwrap();
        assert!(expected.global.sync_daemon.is_some());
        assert_eq!(loaded.config.as_ref(), Some(&expected), "{text}");
        let old: Vec<_> = loaded.report.diagnostics().iter().filter(|said| said.code == Code::Deprecated).collect();
        let lost = old.iter().filter(|said| said.primary.as_ref().unwrap().text == "ignored, as in keepalived");
        assert_eq!((old.len(), lost.count()), (text.matches("daemon_interface").count(), ignored), "{text}");
    }
    // What is left out has no say in it.
    let second = keepalived(&format!("{plain}{}", router("A", 3, &with("eth1", 3))));
    assert_eq!(second.config, keepalived(&plain).config);
}

/// Seconds between announcements, as many as keepalived takes.
#[test]
fn announcements_may_be_far_apart() {
    let vip = router("A", 1, "virtual_ipaddress {\n192.0.2.1\n}");
    let text = format!(
        "global_defs {{\nvrrp_garp_interval 1.5\nvrrp_gna_interval 2147.483647\n}}\n\
         garp_group {{\ngarp_interval 1.5\ngna_interval 2147.483647\ninterface eth0\n}}\n{vip}"
    );
    let loaded = keepalived(&text);
    assert_eq!(brief(&loaded), Vec::<String>::new(), "{}", loaded.report.render(false));
    let config = loaded.config.unwrap();
    let announcements = &config.instances[0].announcements;
    let group = &config.router.garp_groups[0];
    let micros = [announcements.arp_interval, announcements.na_interval, group.arp_interval, group.na_interval];
    assert_eq!(micros.map(|time| time.as_micros()), [1_500_000, 2_147_483_647, 1_500_000, 2_147_483_647]);
    let texts = Texts::new([("a.conf", text.as_bytes())]);
    let document = convert(Path::new("a.conf"), Language::Keepalived, &texts, &Context::default()).text.unwrap();
    let again = super::toml(&document);
    assert_eq!(again.config, Some(config), "{}", again.report.render(false));
}

/// A rule that goes to another is left out where it has no place of its own, and takes none of the places that are given.
#[test]
fn a_rule_that_goes_somewhere_needs_its_place() {
    let rules =
        "virtual_rules {\nfrom all goto 40000\nfrom 10.0.0.0/8 goto 40000 preference 5\nfrom 10.0.0.0/8 table 5\n}";
    let loaded = keepalived(&router("A", 1, &format!("virtual_ipaddress {{\n192.0.2.1\n}}\n{rules}")));
    let found: Vec<_> = loaded.config.as_ref().unwrap().instances[0].rules.iter().map(|rule| rule.priority).collect();
    assert_eq!(found, [5, 16_384], "{}", loaded.report.render(false));
    assert!(loaded.report.render(false).contains("this rule is left out, as in keepalived"));
}

/// 0 bytes are as good as no line.
#[test]
fn buffers_of_nothing_ask_for_nothing() {
    let vip = "virtual_ipaddress {\n192.0.2.1\n}";
    let plain = keepalived(&router("A", 1, vip)).config;
    for text in [
        format!("global_defs {{\nvrrp_rx_bufs_policy 0\n}}\n{}", router("A", 1, vip)),
        router("A", 1, &format!("kernel_rx_buf_size 0\n{vip}")),
    ] {
        let loaded = keepalived(&text);
        assert_eq!(loaded.config, plain);
        assert_eq!(only(&loaded, Code::WithoutEffect).severity, crate::config::Severity::Note);
        assert_eq!(loaded.report.diagnostics().len(), 1);
    }
}
