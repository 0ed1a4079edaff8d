//! Slips that keepalived goes on after, and so do we: what is left out, and what is said of it. And slips of which only the
//! right word helps.

use super::{Code, Severity, brief, bytes, keepalived, only, toml};

const ROUTER: &str =
    "vrrp_instance A {\ninterface eth0\nvirtual_router_id 1\npriority 5\nvirtual_ipaddress {\n192.0.2.9\n}\n";
const SERVICE: &str = "protocol TCP\nlb_kind DR\nreal_server 10.0.0.1 80 {\nTCP_CHECK {\n}\n}\n}\n";

/// What is said of a text that runs.
fn runs(text: &str) -> Vec<String> {
    let loaded = keepalived(text);
    assert!(loaded.is_runnable(), "{text}\n{}", loaded.report.render(false));
    brief(&loaded)
}

#[test]
fn a_group_without_a_name_is_left_out() {
    let text = format!("{ROUTER}}}\nvrrp_sync_group {{\ngroup {{\nA\n}}\nnotfy x\nnotify\n}}\n");
    assert_eq!(runs(&text), ["warning C306 9:1", "warning C301 13:1", "warning C306 14:1"]);
    assert_eq!(keepalived(&text).config.unwrap().sync_groups, []);
    // At other blocks without a name keepalived exits.
    assert!(!keepalived(&format!("{ROUTER}}}\nvrrp_script {{\n}}\n")).is_runnable());
}

#[test]
fn a_script_without_a_command_is_left_out() {
    let text = format!("vrrp_script d {{\n}}\n{ROUTER}track_script {{\nd\n}}\n}}\n");
    assert_eq!(runs(&text), ["warning C404 1:13"]);
    let config = keepalived(&text).config.unwrap();
    assert!(config.scripts.is_empty() && config.instances[0].tracks.is_empty());
    // In a language of our own it is a slip that would switch a check off.
    assert_eq!(toml("[[script]]\nname = \"d\"\n").report.worst(), Some(Severity::Error));
}

#[test]
fn a_service_without_an_address_is_left_out() {
    for (header, expected) in [
        ("192.0.2.1 http", &["warning C404 9:1", "warning C401 9:26"][..]),
        ("192.0.2.300 80", &["warning C404 9:1", "warning C401 9:16"]),
        ("fwmark 0x10", &["warning C404 9:1", "warning C401 9:23"]),
        ("group nogroup", &["warning C502 9:22"]),
    ] {
        let other = format!("virtual_server 192.0.2.2 80 {{\n{SERVICE}");
        let text = format!("{other}virtual_server {header} {{\n{SERVICE}");
        assert_eq!(runs(&text), expected, "{header}");
        assert_eq!(keepalived(&text).config.unwrap().services.len(), 1);
    }
    // keepalived does not come through these, and nobody filled in that one.
    for header in ["fwmark", "group", "${VIP2} 80"] {
        assert!(!keepalived(&format!("virtual_server {header} {{\n{SERVICE}")).is_runnable(), "{header}");
    }
}

#[test]
fn a_router_without_a_number_is_refused() {
    for number in ["0", "300", "abc"] {
        let loaded = keepalived(&ROUTER.replace("router_id 1", &format!("router_id {number}")));
        assert!(!loaded.is_runnable(), "{number}");
    }
}

#[test]
fn what_is_watched_twice() {
    let text = format!(
        "vrrp_script s {{\nscript \"/bin/a\"\nscript \"/bin/b\"\n}}\n{ROUTER}track_script {{\ns\ns weight 5\n}}\n\
         track_interface {{\neth1 weight 3\neth1\n}}\n}}\n"
    );
    let said: Vec<_> = runs(&text).into_iter().filter(|line| line.contains("C308")).collect();
    assert_eq!(said, ["warning C308 3:1", "warning C308 14:1", "warning C308 18:1"]);
    let config = keepalived(&text).config.unwrap();
    assert_eq!(config.scripts[0].command, ["/bin/b"], "the last command counts");
    let weights: Vec<_> = config.instances[0].tracks.iter().map(|tracked| tracked.weight).collect();
    assert_eq!(weights, [3, 0], "the first line of each counts");
}

#[test]
fn lines_longer_than_keepalived_reads() {
    let long = |length: usize| format!("{ROUTER}# {}\n}}\n", "x".repeat(length - 2));
    assert!(runs(&long(1_023)).iter().all(|line| !line.contains("C209")));
    assert!(runs(&long(1_024)).contains(&"warning C209 8:1024".to_owned()));
    let blanks = format!("{ROUTER}#{}\n}}\n", " ".repeat(2_000));
    assert!(runs(&blanks).iter().all(|line| !line.contains("C209")));
}

#[test]
fn a_definition_with_a_blank() {
    for line in ["$SP = 5", "$SP =5"] {
        let loaded = keepalived(&format!("{line}\n{ROUTER}}}\n"));
        let said = only(&loaded, Code::UnknownWord);
        assert!(said.help[0].contains("no blank before its `=`: `$SP=...`"), "{said:?}");
    }
}

#[test]
fn typographic_quotes_around_a_command() {
    let text = format!("{ROUTER}notify_master \u{201c}/bin/true now\u{201d}\n}}\n");
    let loaded = keepalived(&text);
    let said = only(&loaded, Code::BadValue);
    assert!(said.help.iter().any(|help| help.contains("typographic quotes")), "{said:?}");
    assert_eq!(loaded.report.diagnostics().len(), 1, "{}", loaded.report.render(false));
    assert!(loaded.config.unwrap().instances[0].notify.master.is_none());
}

#[test]
fn a_lone_word_is_spoken_of_once() {
    for word in ["umask", "startup_script", "config_save_dir", "checker_priority", "snmp_socket"] {
        let said = brief(&keepalived(&format!("global_defs {{\n{word}\n}}\n{ROUTER}}}\n")));
        assert_eq!(said.len(), 1, "{word}: {said:?}");
    }
}

#[test]
fn a_no_break_space_in_a_name() {
    let loaded = keepalived(&format!("{}}}\n", ROUTER.replace("eth0", "\"eth0\u{a0}\"")));
    let said = only(&loaded, Code::BadValue);
    assert!(said.help[0].contains("no-break space"), "{said:?}");
}

#[test]
fn each_odd_blank_is_shown() {
    let text = |lines: usize| format!("{}{ROUTER}}}\n", "global_defs {\nrouter_id\u{a0}a\n}\n".repeat(lines));
    let said = |lines: usize| -> Vec<String> {
        let loaded = keepalived(&text(lines));
        let odd = loaded.report.diagnostics().iter().filter(|said| said.code == Code::Lookalike);
        odd.map(|said| said.message.clone()).collect()
    };
    assert_eq!(said(2), ["this blank is not a space"; 2]);
    assert_eq!(said(10).len(), 10);
    assert_eq!(said(11)[10], "one more line has a blank that is not a space");
    assert_eq!(said(13)[10], "3 more lines have blanks that are not spaces");
    let inside = keepalived("vrrp_instance A {\n\u{a0}interface eth0\npriority\u{200b}5\nvirtual_router_id 1\n}\n");
    let lines: Vec<_> = brief(&inside).into_iter().filter(|line| line.contains("C206")).collect();
    assert_eq!(lines, ["warning C206 2:1", "warning C206 3:9"]);
}

#[test]
fn a_file_with_nothing_but_an_include() {
    let loaded = bytes("main.conf", b"include conf.d/*.conf\n");
    assert!(!loaded.is_runnable());
    assert!(only(&loaded, Code::Hopeless).message.contains("nothing but `include`"));
    assert!(only(&keepalived("# a\n"), Code::Hopeless).message.contains("nothing but comments"));
}

#[test]
fn a_persistence_that_cannot_be() {
    for seconds in ["0", "99999999"] {
        let text = format!("virtual_server 192.0.2.1 0 {{\npersistence_timeout {seconds}\n{SERVICE}");
        let loaded = keepalived(&text);
        assert!(!loaded.report.render(false).contains("is not persistent"), "{}", loaded.report.render(false));
        assert_eq!(loaded.config.unwrap().services[0].settings.persistence.as_ref().unwrap().timeout_secs.get(), 360);
    }
}

#[test]
fn everyday_slips() {
    let meant = |text: &str, right: &str| {
        let report = keepalived(text).report.render(false);
        assert!(report.contains(&format!("did you mean `{right}`?")), "{right}: {report}");
    };
    for (slip, right) in [
        ("advert_interval 1", "advert_int"),
        ("prio 100", "priority"),
        ("vrid 5", "virtual_router_id"),
        ("virtual_ip {\n}", "virtual_ipaddress"),
        ("unicast_ip 10.0.0.1", "unicast_src_ip"),
    ] {
        meant(&format!("{ROUTER}{slip}\n}}\n"), right);
    }
    for (slip, right) in [("scheduler rr", "lb_algo"), ("lb_algo RR", "rr"), ("interval 5", "delay_loop")] {
        meant(&format!("virtual_server 192.0.2.1 80 {{\n{slip}\n{SERVICE}"), right);
    }
    let server = "virtual_server 192.0.2.1 80 {\nreal_server 10.0.0.1 80 {\nHTTPS_GET {\n}\n}\n}\n";
    meant(server, "SSL_GET");
}

/// A template that was never filled in, where any text will do: it works as written, and is hardly meant.
#[test]
fn placeholders_in_free_text_are_told() {
    let notify = |value: &str| format!("{ROUTER}notify_master {value}\n}}\n");
    let placed = |value: &str| {
        let said: Vec<_> = runs(&notify(value)).into_iter().filter(|it| it.contains("C402")).collect();
        said.join(", ")
    };
    assert_eq!(placed("\"/usr/bin/{{ script }} x\""), "note C402 8:16");
    assert_eq!(placed("\"{{ scripts[\"master\"] }} x\""), "note C402 8:16");
    assert_eq!(placed("{{ script }}"), "note C402 8:15");
    // Templates of the program that is run.
    for own in ["'docker inspect -f \"{{.State.Running}}\" x'", "\"docker ps --format {{json .}}\"", "\"/x '{{'\""] {
        assert_eq!(placed(own), "", "{own}");
    }
    let text = format!("global_defs {{\nrouter_id \"{{{{ name }}}}\"\n}}\n{ROUTER}}}\n");
    assert_eq!(runs(&text), ["note C402 2:12"]);
    // Where it cannot be, once is enough.
    let loaded = keepalived(&format!("{ROUTER}}}\n").replace("eth0", "\"{{ interfaces[\"lan\"] }}\""));
    let said = brief(&loaded).into_iter().filter(|it| it.contains("C402")).collect::<Vec<_>>();
    assert_eq!(said, ["error C402 2:12"], "{}", loaded.report.render(false));
}

/// What is written in the form of another language, or looks like what it is not: the remark names what to write.
#[test]
fn forms_that_other_languages_have() {
    let router = |words: &str, addresses: &str| {
        format!(
            "vrrp_instance A {{\n{words}\ninterface eth0\nvirtual_router_id 1\npriority 5\nvirtual_ipaddress {{\n192.0.2.9\n{addresses}\n}}\n}}\n"
        )
    };
    let words = |words: &str| router(words, "");
    let address = |address: &str| router("", address);
    let service = |header: &str, words: &str| {
        format!("virtual_server {header} {{\nprotocol TCP\nlb_kind NAT\n{words}\nreal_server 10.0.0.1 80 {{\n}}\n}}\n")
    };
    for (text, told) in [
        (words("preempt no"), "write `nopreempt`"),
        (words("accept off"), "write `no_accept`"),
        (words("advert_int = 2"), "without `=`"),
        (words("priority=100;"), "did you mean `priority 100`?"),
        (words("state \u{41c}ASTER"), "did you mean `MASTER`?"),
        (words("track_interface {\neth1 wieght 10\n}"), "did you mean `weight`?"),
        (words("track_interface {\neth1 10\n}"), "put one name on each line"),
        (words("use_vmac on"), "`use_vmac` is no switch"),
        (words("dont_track_primary\nmcast_src_ip 192.0.2.4;"), "did you mean `192.0.2.4`?"),
        (address("192.0.2.10,"), "did you mean `192.0.2.10`?"),
        (address("192.0.2.10/255.255.255.0"), "`192.0.2.10/24`"),
        (address("192.0.2.10/ 24"), "without a blank"),
        (address("192.0.2.10 netmask 24"), "stands behind the address"),
        (address("192.0.2.10/24 eth1"), "write `dev eth1`"),
        (words("").replace("eth0", "\u{201c}eth0\u{201d}"), "typographic quotes"),
        (service("[2001:db8::1] 80", ""), "without brackets here: `2001:db8::1`"),
        (service("192.0.2.1 80", "persistence_engine foo"), "no module of this name"),
        (service("192.0.2.1 80", "").replace("NAT", "TUN type gue"), "write `port 6080`"),
        (service("192.0.2.1 80", "").replace("NAT", "TUN type ipip port 5"), "only a `gue` tunnel has a port"),
        (
            words("") + "vrrp_script s {\nscript /bin/true\nuser root root extra\n}\n",
            "after a user stands a group, no more",
        ),
    ] {
        let loaded = keepalived(&text);
        assert!(loaded.report.render(false).contains(told), "{told}\n{text}\n{}", loaded.report.render(false));
    }
    // A word that is set by the kernel anyway fails no strict check.
    assert_eq!(keepalived(&service("192.0.2.1 80", "lb_algo rr\nhashed")).report.count(Severity::Warning), 0);
    let tunnel = service("192.0.2.1 80", "lb_algo rr").replace("NAT", "TUN type gue port 6080");
    assert_eq!(runs(&tunnel), [""; 0]);
    for fine in [words("preempt"), words("use_vmac"), words("use_vmac vrrp.on"), address("192.0.2.10/24 dev eth1")] {
        assert_eq!(runs(&fine), [""; 0], "{fine}");
    }
}
