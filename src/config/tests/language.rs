//! What the languages have beside words and values.

use std::time::Duration;

use super::{Code, Severity, brief, example, keepalived, only, toml};
use crate::model::{Config, Forwarding, ServiceKey, StartAs, Transport, Tunnel, TunnelChecksum, VrrpVersion};

fn router(words: &str) -> String {
    format!(
        "vrrp_instance A {{\ninterface eth0\nvirtual_router_id 7\nvirtual_ipaddress {{\n192.0.2.1\n}}\n{words}\n}}\n"
    )
}

fn service(words: &str) -> String {
    format!(
        "virtual_server 192.0.2.1 80 {{\nlvs_method NAT\nprotocol TCP\n{words}\nreal_server 192.0.2.2 80 {{\nTCP_CHECK {{\n}}\n}}\n}}\n"
    )
}

fn config(text: &str) -> Config {
    let loaded = keepalived(text);
    assert_eq!(brief(&loaded), Vec::<String>::new(), "{}", loaded.report.render(false));
    loaded.config.unwrap()
}

#[test]
fn braces_may_stand_anywhere() {
    let usual = config(&router("track_script {\nx\n}\nauthentication {\nauth_type PASS\nauth_pass abc\n}").replacen(
        "vrrp_instance",
        "vrrp_script x {\nscript y\n}\nvrrp_instance",
        1,
    ));
    for text in [
        "vrrp_script x{script y}\nvrrp_instance A{interface eth0\nvirtual_router_id 7\nvirtual_ipaddress{192.0.2.1}\ntrack_script{x}\nauthentication{auth_type PASS\nauth_pass abc}}",
        "vrrp_script x\n{\nscript y\n}\nvrrp_instance A\n\n{\n  interface eth0 virtual\n}",
        "vrrp_script x { # comment\nscript y ! comment\n} vrrp_instance A { interface eth0\nvirtual_router_id 7\nvirtual_ipaddress\n# why\n{\n192.0.2.1 }\ntrack_script\n{ x\n} authentication { auth_type PASS\nauth_pass abc } }",
    ] {
        let loaded = keepalived(text);
        if text.contains("virtual\n}") {
            assert_eq!(brief(&loaded)[0], "error C404 5:15");
            continue;
        }
        assert_eq!(loaded.config.as_ref(), Some(&usual), "{}", loaded.report.render(false));
    }
}

#[test]
fn variables_conditions_and_the_environment() {
    let text = "$IF=eth0\n$LAST=9\n$VIPS= \\\n192.0.2.1\\\n192.0.2.${LAST} dev $IF \\\n\n$PASS=secret\n\
                vrrp_instance A {\ninterface $IF\n@lb1 virtual_router_id 7\n@lb2 virtual_router_id 8\n@^lb1 priority 7\n\
                @^lb2 priority 77\nvirtual_ipaddress {\n$VIPS\n${_ENV VIP}/24\n}\n}\n";
    let loaded = keepalived(text);
    let config = loaded.config.as_ref().unwrap_or_else(|| panic!("{}", loaded.report.render(false)));
    let router = config.instances.first().unwrap();
    assert_eq!(router.id.interface.as_deref(), Some("eth0"));
    assert_eq!((router.id.vrid.value(), router.priority.value()), (7, 77));
    let addresses: Vec<_> = router.addresses.iter().map(|a| format!("{}/{}", a.address, a.prefix_len)).collect();
    assert_eq!(addresses, ["192.0.2.1/32", "192.0.2.9/32", "192.0.2.9/24"]);
    assert_eq!(brief(&loaded), Vec::<String>::new());
}

#[test]
fn a_bad_value_out_of_a_variable_is_shown_where_it_is_used() {
    let loaded = keepalived(&format!("$P=300\n{}", router("priority $P")));
    assert_eq!(brief(&loaded), ["warning C401 8:10"]);
    assert!(loaded.report.render(false).contains("`300` is not a priority"));
}

#[test]
fn variables_without_end() {
    for text in ["$A=${B}\n$B=${A}\n", "$A=${A}\n", "$B=\n$A=${B}${B}\n$B=${C}${C}\n$C=${B}${B}\n"] {
        let loaded = keepalived(&format!("{text}{}", router("priority ${A}")));
        assert_eq!(only(&loaded, Code::Expansion).severity, Severity::Error, "{text}");
        assert_eq!(loaded.config.unwrap().instances.len(), 1, "only the line is lost");
    }
    let doubling: String = (0..40).map(|n| format!("$A{n}=${{A{}}}${{A{}}}\n", n + 1, n + 1)).collect();
    let loaded = keepalived(&format!("{doubling}$A40=\n{}", router("priority ${A0}")));
    assert_eq!(only(&loaded, Code::Expansion).severity, Severity::Error);
}

#[test]
fn unknown_words_swallow_nothing() {
    let loaded = keepalived(&router("foo {\nbar {\n}\npriority 5\n}\npriorty 9\npriority 50"));
    assert_eq!(brief(&loaded), ["warning C301 7:1", "warning C301 12:1"]);
    assert_eq!(loaded.config.unwrap().instances[0].priority.value(), 50);
}

#[test]
fn blocks_within_an_unknown_block_count() {
    let loaded = keepalived(&format!("cluster {{\nsize 3\n{}}}\n", router("priority 50")));
    assert_eq!(brief(&loaded), ["warning C301 1:1", "warning C301 2:1"], "{}", loaded.report.render(false));
    assert_eq!(loaded.config.unwrap().instances[0].priority.value(), 50);
    // However deep it goes.
    let deep = format!("{}{}{}", "a {\n".repeat(100_000), router(""), "}\n".repeat(100_000));
    let _ = keepalived(&deep);
}

#[test]
fn a_missing_brace_is_traced() {
    let text = "vrrp_instance A {\n    interface eth0\n    authentication {\n        auth_type PASS\n    virtual_router_id 7\n    \
                virtual_ipaddress {\n        192.0.2.1\n    }\n}\n\nvrrp_instance B {\n    interface eth0\n    virtual_router_id 8\n    \
                virtual_ipaddress {\n        192.0.2.2\n    }\n}\n";
    let loaded = keepalived(text);
    insta::assert_snapshot!("missing-brace", loaded.report.render(false));
    let names: Vec<_> = loaded.config.unwrap().instances.into_iter().map(|router| router.name).collect();
    assert_eq!(names, ["A", "B"]);
    let (first, _) = text.split_once("vrrp_instance B").unwrap();
    assert_eq!(only(&keepalived(first), Code::Unclosed).severity, Severity::Error);
    let whole = router("");
    let loaded = keepalived(whole.trim_end().strip_suffix('}').unwrap());
    assert_eq!(brief(&loaded), ["warning C202 1:1"]);
    assert_eq!(loaded.config, keepalived(&whole).config, "as keepalived reads it");
    assert_eq!(brief(&keepalived(&format!("{whole}}}\n"))), ["warning C203 9:1"]);
}

/// A file with more remarks than are shown is read to its end all the same, and an error behind them is one.
#[test]
fn nothing_is_lost_behind_many_remarks() {
    let service = |at: usize| {
        format!(
            "virtual_server 10.0.{}.{} 80 {{\nprotocol TCP\nlb_kind NAT\nflurb\nreal_server 10.1.0.1 80 {{\n}}\n}}\n",
            at / 250,
            at % 250 + 1
        )
    };
    let text: String = (0..1_500).map(service).collect();
    let loaded = keepalived(&text);
    assert!(loaded.is_runnable());
    assert_eq!((loaded.report.count(Severity::Warning), loaded.report.dropped()), (1_000, 500));
    assert_eq!(loaded.config.unwrap().services.len(), 1_500);
    let loaded = keepalived(&format!("{text}vrrp_instance A {{\npriority\n}}\n"));
    assert!(!loaded.is_runnable());
    assert!(loaded.report.count(Severity::Error) > 0, "{}", loaded.report.summary());
    let garbage = keepalived(&format!("vrrp_instance A {{\n{}}}\n", "}\nglobal_defs {\n".repeat(110_000)));
    assert!(!garbage.is_runnable(), "{}", garbage.report.summary());
}

#[test]
fn passwords_are_never_shown() {
    for loaded in [
        keepalived(&router("authentication {\nauth_type PASS\nauth_pass hunter2hunter2 hunter2\n}")),
        keepalived(&router("authentication {\nauth_pass hunter2\nauth_type AH }")),
        toml(
            "[[instance]]\nname = \"a\"\ninterface = \"e\"\nvrid = 1\nversion = 2\npassword = \"hunter2hunter2\"\naddresses = [\"1.2.3.4\"]\n",
        ),
    ] {
        let debug = format!("{:?}", loaded.config);
        let lines: String = loaded.report.diagnostics().iter().map(|d| loaded.report.line(d)).collect();
        let shown = loaded.report.render(false) + &lines + &debug;
        assert!(shown.contains("C403") || shown.contains("Secret(…)"), "{shown}");
        assert!(!shown.contains("hunter"), "{shown}");
    }
}

#[test]
fn routers() {
    let text = "global_defs {\nvrrp_version 3\nvrrp_garp_master_repeat 2\nvrrp_garp_master_refresh 60\nvrrp_mcast_group4 224.0.0.99\nscript_user nobody nogroup\n}\n";
    let parsed = config(&format!(
        "{text}{}",
        router(
            "state MASTER\npriority 200\nadvert_int 0.25\ngarp_master_repeat 3\ngarp_master_delay 0\nmcast_src_ip 192.0.2.7\nnotify_master \"/a 'b c' d\"\nnotify \"/x y\"\nvirtual_ipaddress_excluded {\n2001:db8::1/64\n}\ntrack_interface {\neth1 weight -10\neth2\n}"
        )
    ));
    let router = &parsed.instances[0];
    assert_eq!((router.start_as, router.version), (StartAs::Master, VrrpVersion::V3));
    assert_eq!(router.advert_interval.centiseconds(), 25);
    assert_eq!((router.announcements.master.repeat, router.announcements.master.delay), (3, None));
    assert_eq!(router.announcements.refresh, Some(Duration::from_secs(60)));
    assert_eq!(router.notify.master.as_ref().unwrap().words, ["/a", "b c", "d"]);
    assert_eq!(router.notify.any.as_ref().unwrap().words, ["/x", "y"]);
    assert_eq!(router.excluded_addresses.len(), 1);
    assert_eq!(router.tracks.iter().map(|i| i.weight).collect::<Vec<_>>(), [-10, 0]);
    let Transport::Multicast { source: Some(source), group } = router.transport else { panic!("{router:?}") };
    assert_eq!((source.to_string(), group.to_string()), ("192.0.2.7".to_owned(), "224.0.0.99".to_owned()));
    assert_eq!(parsed.global.script_user.unwrap().group.as_deref(), Some("nogroup"));
}

#[test]
fn services() {
    let parsed = config(&service(
        "delay_loop 6\nlb_algo sh\nsh-port\nsh-fallback\nops\npersistence_timeout\npersistence_granularity 255.255.255.0\nconnect_timeout 2\nretry 3\ndelay_before_retry 0.5\nwarmup 1\ninhibit_on_failure",
    ).replace("protocol TCP", "protocol UDP"));
    let service = &parsed.services[0];
    assert!(service.settings.flags.flag_1 && service.settings.flags.flag_2 && service.settings.flags.one_packet);
    let persistence = service.settings.persistence.as_ref().unwrap();
    assert_eq!((persistence.timeout_secs.get(), persistence.prefix_len), (360, 24));
    let server = &service.servers[0];
    assert!(server.inhibit_on_failure);
    let check = &server.checks[0];
    assert_eq!((check.interval, check.timeout), (Duration::from_secs(6), Duration::from_secs(2)));
    assert_eq!((check.retry, check.retry_interval), (3, Duration::from_millis(500)));
    assert_eq!(check.warmup, Some(Duration::from_secs(1)));

    let text = "virtual_server fwmark 5 {\nlvs_method TUN type gue port 6080 csum\nreal_server 2001:db8::1 {\nuthreshold 9\nlthreshold 5\n}\n}\n";
    let parsed = config(text);
    assert!(matches!(parsed.services[0].key, ServiceKey::Fwmark { .. }));
    assert_eq!(
        parsed.services[0].servers[0].settings.forwarding,
        Forwarding::Tunnel(Tunnel::Gue { port: 6080, checksum: TunnelChecksum::Checksum })
    );
}

#[test]
fn a_service_said_twice_is_one() {
    let twice = service("") + &service("lb_algo rr\nreal_server 192.0.2.3 80 {\n}");
    let loaded = keepalived(&twice);
    assert_eq!(brief(&loaded), ["warning C501 10:1"]);
    let config = loaded.config.unwrap();
    let servers: Vec<_> = config.services[0].servers.iter().map(|server| server.key.to_string()).collect();
    assert_eq!((config.services.len(), servers), (1, vec!["192.0.2.2:80".to_owned(), "192.0.2.3:80".to_owned()]));
    assert_eq!(config.services[0].settings.scheduler.name(), "wlc");
}

/// What keepalived 2.2.7 sends was looked at on the wire: no password goes out but with `PASS` in capitals and a password.
#[test]
fn passwords_need_their_type() {
    let sent = |words: &str| {
        let loaded = keepalived(&router(&format!("authentication {{\n{words}\n}}")));
        loaded.config.map(|config| match &config.instances[0].authentication {
            crate::model::Authentication::Password(password) => Some(*password),
            crate::model::Authentication::None | crate::model::Authentication::Header(_) => None,
        })
    };
    assert_eq!(sent("auth_type PASS\nauth_pass abc def"), Some(Some(crate::model::Password::new("abc"))));
    for words in ["auth_pass abc", "auth_type FOO\nauth_pass abc", "auth_type pass\nauth_pass abc", "auth_type PASS"] {
        assert_eq!(sent(words), Some(None), "{words}");
    }
    assert_eq!(sent("auth_type AH\nauth_pass abc"), Some(None), "a header carries none");
}

#[test]
fn nobody_hears_a_router_on_lo() {
    let loaded = keepalived(&router("").replace("eth0", "lo"));
    assert_eq!(brief(&loaded), ["error C512 1:15"]);
    assert_eq!(loaded.config, None);
}

#[test]
fn defaults_are_keepalived_s() {
    let loaded = keepalived("virtual_server 192.0.2.1 80 {\nreal_server 192.0.2.2 8080 {\nTCP_CHECK {\n}\n}\n}\n");
    assert_eq!(brief(&loaded), ["warning C508 1:1", "warning C508 1:1"]);
    let config = loaded.config.unwrap();
    assert_eq!(config.services[0].key.to_string(), "udp 192.0.2.1:80");
    let server = &config.services[0].servers[0];
    assert_eq!((server.settings.forwarding, server.key.port), (Forwarding::Masquerade, 8080));
    let check = &server.checks[0];
    assert_eq!((check.interval, check.retry, check.timeout), (Duration::from_secs(60), 1, Duration::from_secs(5)));
    assert_eq!((check.retry_interval, check.warmup), (Duration::from_secs(1), None));
}

#[test]
fn the_examples_are_clean() {
    for name in ["ipvsd.toml", "kubernetes.conf", "kubernetes.toml", "reference.toml"] {
        let loaded = example(name);
        assert!(loaded.is_runnable(), "{}", loaded.report.render(false));
        assert_eq!(brief(&loaded), Vec::<String>::new(), "{}", loaded.report.render(false));
    }
}

/// A check of its own and a watched process are what the scripts of a control node's usual file do.
#[test]
fn a_control_node_in_both_languages() {
    let toml = example("kubernetes.toml").config.unwrap();
    let mut conf = example("kubernetes.conf").config.unwrap();
    assert_eq!((toml.checks.len(), toml.processes.len(), toml.scripts.len()), (1, 1, 0));
    // Described on the spot, a check goes by what it asks.
    conf.checks[0].name.clone_from(&toml.checks[0].name);
    conf.processes[0].name.clone_from(&toml.processes[0].name);
    conf.instances[0].tracks.clone_from(&toml.instances[0].tracks);
    assert_eq!(conf, toml);
}

/// keepalived reads on as if the `{` were there; the `}` of a block that it does not know is then that of the one it does.
#[test]
fn a_missing_opening_brace_is_read_as_if_it_were_there() {
    let service = "lb_algo rr\nlb_kind NAT\nprotocol TCP\nreal_server 10.0.0.1 80 {\nweight 7\n}\n";
    for text in [
        format!("virtual_server 192.0.2.1 80\n\n# so\n{service}}}\n{}", router("priority 50")),
        format!("group web {{\n\n  virtual_server 192.0.2.1 80\n{service}}}\n{}", router("priority 50")),
    ] {
        let loaded = keepalived(&text);
        only(&loaded, Code::Block);
        let unbalanced =
            loaded.report.diagnostics().iter().any(|said| matches!(said.code, Code::Unopened | Code::Unclosed));
        assert!(!unbalanced, "{}", loaded.report.render(false));
        let config = loaded.config.unwrap();
        assert_eq!(config.instances[0].priority.value(), 50);
        assert_eq!(config.services[0].servers[0].settings.weight.value(), 7);
    }
    let loaded = keepalived(&router("virtual_ipaddress_excluded\n192.0.2.9\n}\npriority 50"));
    assert_eq!(only(&loaded, Code::Block).severity, Severity::Warning);
    assert_eq!(brief(&loaded).len(), 1, "{}", loaded.report.render(false));
    let config = loaded.config.unwrap();
    assert_eq!(config.instances[0].excluded_addresses.len(), 1);
    assert_eq!(config.instances[0].priority.value(), 50);
    // What can stand where it is stays there.
    for text in ["virtual_ipaddress_excluded\npriority 50", "track_script\npriority 50"] {
        let loaded = keepalived(&router(text));
        assert_eq!(loaded.config.unwrap().instances[0].priority.value(), 50);
    }
}

/// keepalived 2.2.7: `notify_master script already specified - ignoring ...`, `state previously set as MASTER - ignoring BACKUP`.
#[test]
fn of_some_words_the_first_counts() {
    let loaded = keepalived(&router(
        "state MASTER\nstate BACKUP\nnotify_master \"/bin/echo one\"\nnotify_master \"/bin/echo two\"\nnotify /bin/a\nnotify /bin/b",
    ));
    assert_eq!(brief(&loaded)[1..], ["warning C308 8:1", "warning C308 10:1", "warning C308 12:1"]);
    let router = loaded.config.unwrap().instances.remove(0);
    assert_eq!(router.start_as, StartAs::Master);
    assert_eq!(router.notify.master.unwrap().words, ["/bin/echo", "one"]);
    assert_eq!(router.notify.any.unwrap().words, ["/bin/a"]);
}

#[test]
fn a_word_of_a_block_in_global_defs() {
    let loaded = keepalived("global_defs {\ngarp_master_delay 3\n}\n");
    let help = &only(&loaded, Code::Misplaced).help;
    assert!(help.iter().any(|text| text.contains("did you mean `vrrp_garp_master_delay`?")), "{help:?}");
}

/// It was filled in, so nobody is told to fill it in.
#[test]
fn a_remark_that_hangs_on_a_value() {
    let loaded = keepalived(&router("priority 100，主从要不一致"));
    assert_eq!(brief(&loaded), ["warning C401 7:10"]);
    let help = &only(&loaded, Code::BadValue).help;
    assert!(help.iter().any(|text| text.contains("`#` before it")), "{help:?}");
}
