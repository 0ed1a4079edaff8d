//! Interfaces that the host does not have, and names that are hardly an interface's.

use std::collections::BTreeSet;

use super::{brief, keepalived, only, toml};
use crate::config::{Code, Loaded, Severity, warn_of_missing_interfaces};

/// What is said of missing interfaces: the name, where, and the help.
fn missing(mut loaded: Loaded, host: &[&str]) -> Vec<(String, String, Vec<String>)> {
    assert!(loaded.config.is_some(), "{}", loaded.report.render(false));
    let host: BTreeSet<String> = host.iter().map(|&name| name.to_owned()).collect();
    warn_of_missing_interfaces(&mut loaded, &host);
    let report = &loaded.report;
    let of_interfaces = report.diagnostics().iter().filter(|said| said.code == Code::NoInterface);
    of_interfaces
        .map(|said| {
            assert_eq!(said.severity, Severity::Warning);
            let name = said.message.split('`').nth(1).unwrap().to_owned();
            let place = said.primary.as_ref().map_or_else(String::new, |label| {
                let position = report.files().position(label.span);
                format!("{}:{}", position.line, position.column)
            });
            (name, place, said.help.clone())
        })
        .collect()
}

/// The names alone.
fn names(loaded: Loaded, host: &[&str]) -> Vec<String> {
    missing(loaded, host).into_iter().map(|(name, _, _)| name).collect()
}

/// A router with these lines, of which the first is the second of the text.
fn router(lines: &str) -> String {
    format!("vrrp_instance V {{\n{lines}\nvirtual_router_id 5\nvirtual_ipaddress {{\n192.0.2.9\n}}\n}}\n")
}

#[test]
fn each_use_says_what_will_wait() {
    for (lines, expected) in [
        ("interface eth9", ("2:11", "router `V` waits for it in FAULT")),
        (
            "interface eth0\ntrack_interface {\neth9\n}",
            ("4:1", "router `V` watches it, and is in FAULT until it is there"),
        ),
        (
            "interface eth0\ntrack_interface {\neth9 weight 20\n}",
            ("4:1", "router `V` watches it, and counts it as down until it is there"),
        ),
        (
            "interface eth0\nvirtual_ipaddress_excluded {\n192.0.2.7/24 dev eth9\n}",
            ("4:18", "router `V` is in FAULT until it is there, for address 192.0.2.7/24 needs it"),
        ),
        (
            "interface eth0\nvirtual_ipaddress_excluded {\n192.0.2.7/24 dev eth9 no_track\n}",
            ("4:18", "address 192.0.2.7/24 of router `V` is set once it is there"),
        ),
        (
            "interface eth0\nvirtual_routes {\n10.0.0.0/8 dev eth9\n}",
            ("4:1", "router `V` is in FAULT until it is there, for route to 10.0.0.0/8 needs it"),
        ),
        (
            "interface eth0\nvirtual_rules {\niif eth9 table 5 priority 100\n}",
            ("4:1", "router `V` is in FAULT until it is there, for rule of priority 100 needs it"),
        ),
    ] {
        let found = missing(keepalived(&router(lines)), &["eth0", "wlan7"]);
        let (place, help) = expected;
        let told = vec!["did you mean `eth0`?".to_owned(), help.to_owned()];
        assert_eq!(found, [("eth9".to_owned(), place.to_owned(), told)], "{lines}");
    }
    for (lines, place, help) in [
        ("static_ipaddress {\n10.9.9.9/24 dev eth9\n}", "2:17", "the static address 10.9.9.9/24 waits for it"),
        ("static_routes {\n10.9.0.0/24 dev eth9\n}", "2:1", "the static route to 10.9.0.0/24 waits for it"),
        (
            "static_rules {\niif eth9 table 5 priority 100\n}",
            "2:1",
            "the static rule of priority 100 is set, and at work once it is there",
        ),
        (
            "garp_group {\ngarp_interval 1\ninterfaces {\neth0\neth9\n}\n}",
            "5:1",
            "there are no announcements on it to be spaced out until it is there",
        ),
        ("interface_up_down_delays {\neth9 1 2\n}", "2:1", "its delays have nothing to act on until it is there"),
        (
            "global_defs {\nlvs_sync_daemon eth9 V\n}",
            "2:17",
            "connections are not copied to the other director until it is there",
        ),
        (
            "virtual_server 192.0.2.3 80 {\nprotocol TCP\nreal_server 10.0.0.1 80 {\nTCP_CHECK {\nbind_if eth9\n}\n}\n}",
            "5:9",
            "checks that are to leave through it fail until it is there",
        ),
    ] {
        let found = missing(keepalived(&format!("{lines}\n{}", router("interface eth0"))), &["eth0"]);
        let (name, at, told) = &found[0];
        assert_eq!((found.len(), name.as_str(), at.as_str()), (1, "eth9", place), "{lines}");
        assert_eq!(told.last().unwrap(), help);
    }
    let document = "[[instance]]\nname = \"V\"\ninterface = \"eth9\"\nvrid = 5\naddresses = [\"192.0.2.9\"]\n\
                    track-interfaces = [\"eth8\"]\n";
    let found: Vec<_> = missing(toml(document), &["lo"]).into_iter().map(|(name, at, _)| (name, at)).collect();
    assert_eq!(found, [("eth9".to_owned(), "3:13".to_owned()), ("eth8".to_owned(), "6:21".to_owned())]);
}

/// `keepalived -t` says nothing of them either.
#[test]
fn a_file_that_expects_them_later_gets_a_note() {
    let mut loaded = keepalived(&format!("global_defs {{\ndynamic_interfaces\n}}\n{}", router("interface eth9")));
    warn_of_missing_interfaces(&mut loaded, &BTreeSet::new());
    assert_eq!(only(&loaded, Code::NoInterface).severity, Severity::Note);
}

#[test]
fn one_name_is_one_remark() {
    let many: String = (1..=9)
        .map(|n| router("interface eth9").replace(" V ", &format!(" V{n} ")).replace("_id 5", &format!("_id {n}")))
        .collect();
    let mut loaded = keepalived(&many);
    warn_of_missing_interfaces(&mut loaded, &BTreeSet::new());
    let remark = only(&loaded, Code::NoInterface);
    assert_eq!(remark.secondary.len(), 2, "places enough to see it");
    let told = remark.help.last().unwrap();
    assert!(
        told.starts_with("router `V1` waits for it in FAULT; ") && told.ends_with("and 5 more that need it"),
        "{told}"
    );
}

/// What the file makes itself is not asked for; nor is what nothing is to be on.
#[test]
fn interfaces_of_the_files_own_making() {
    for lines in [
        "interface eth0\nuse_vmac own\ntrack_interface {\nown\n}",
        "interface eth0\nuse_vmac\ntrack_interface {\nvrrp.5\n}",
        "interface eth0\nuse_ipvlan own\nvirtual_ipaddress_excluded {\n192.0.2.7 dev own\n}",
    ] {
        assert_eq!(names(keepalived(&router(lines)), &["eth0"]), Vec::<String>::new(), "{lines}");
    }
    let prefixed = format!(
        "global_defs {{\nvmac_prefix own\n}}\n{}",
        router("interface eth0\nuse_vmac\ntrack_interface {\nown.5\n}")
    );
    assert_eq!(names(keepalived(&prefixed), &["eth0"]), Vec::<String>::new());
    assert_eq!(names(keepalived(&prefixed.replace("use_vmac", "")), &["eth0"]), ["own.5"]);
}

#[test]
fn a_vlan_that_is_not_made_yet() {
    let found = missing(keepalived(&router("interface bond0.100")), &["bond0", "bond0.10"]);
    let help = "`bond0` is there: VLAN 100 on it has to be made, by whatever sets up the network";
    assert_eq!(found[0].2[0], help);
    assert_eq!(missing(keepalived(&router("interface bond0.9999")), &["bond0"])[0].2.len(), 1);
}

/// A name that a person wrote in another way than the kernel has it: said with or without a host.
#[test]
fn names_that_are_hardly_meant() {
    for (written, meant) in [
        ("eth0;", "eth0"),
        ("eth0,", "eth0"),
        ("bond0.100@bond0", "bond0.100"),
        ("eth0@if7", "eth0"),
        ("eth0:1", "eth0"),
    ] {
        for (lines, place) in [
            (format!("interface {written}"), "2:11"),
            (format!("interface eth0\ntrack_interface {{\n{written}\n}}"), "4:1"),
            (format!("interface eth0\nvirtual_ipaddress_excluded {{\n192.0.2.7 dev {written}\n}}"), "4:15"),
        ] {
            let loaded = keepalived(&router(&lines));
            assert_eq!(brief(&loaded), [format!("warning C401 {place}")], "{lines}");
            let remark = only(&loaded, Code::BadValue);
            assert_eq!(remark.primary.as_ref().unwrap().text, format!("did you mean `{meant}`?"));
            assert_eq!(names(loaded, &["eth0"]), Vec::<String>::new(), "said once");
        }
    }
    let document = "[[instance]]\nname = \"V\"\ninterface = \"eth0;\"\nvrid = 5\naddresses = [\"192.0.2.9\"]\n";
    assert_eq!(brief(&toml(document)), ["warning C401 3:13"]);
    // Odd, and yet what some hosts have.
    for name in ["br-lan", "enp0s31f6", "eth0.100", "wg_home", "veth1a2b", "if;0", ";"] {
        assert_eq!(brief(&keepalived(&router(&format!("interface {name}")))), Vec::<String>::new(), "{name}");
    }
}
