//! What keepalived makes of a service, seen one rule at a time: who inherits from whom, what is forced, and what is clamped.

use std::time::Duration;

use super::{Code, brief, keepalived, only};
use crate::model::{Check, Forwarding, Protocol, ServerConfig, ServiceConfig, ServiceKey};

fn service(header: &str, words: &str, server: &str, check: &str) -> ServiceConfig {
    let text = format!(
        "virtual_server {header} {{\n{words}\nreal_server 10.0.0.1 8080 {{\n{server}\nTCP_CHECK {{\n{check}\n}}\n}}\n}}\n"
    );
    let loaded = keepalived(&text);
    assert_ne!(loaded.config, None, "{}", loaded.report.render(false));
    loaded.config.unwrap().services.remove(0)
}

fn server(words: &str, server: &str, check: &str) -> ServerConfig {
    service("192.0.2.1 80", &format!("protocol TCP\nlvs_method NAT\n{words}"), server, check).servers.remove(0)
}

/// A timer of a check, from which of the three it comes, as seconds or a count.
fn innermost(word: &str, of: impl Fn(&Check) -> f64) {
    let say = |number: u32| format!("{word} {number}");
    let timer = |vs: &str, rs: &str, check: &str| of(&server(vs, rs, check).checks[0]);
    assert!((timer(&say(7), "", "") - 7.0).abs() < 1e-9, "{word} of the virtual server");
    assert!((timer(&say(7), &say(8), "") - 8.0).abs() < 1e-9, "{word} of the real server");
    assert!((timer(&say(7), &say(8), &say(9)) - 9.0).abs() < 1e-9, "{word} of the checker");
    assert!((timer("", "", &say(9)) - 9.0).abs() < 1e-9, "{word} of the checker alone");
    // It holds for servers that stand before it, too.
    let text = format!(
        "virtual_server 192.0.2.1 80 {{\nprotocol TCP\nlvs_method NAT\nreal_server 10.0.0.1 80 {{\nTCP_CHECK {{\n}}\n}}\n{}\n}}\n",
        say(7)
    );
    let config = keepalived(&text).config.unwrap();
    assert!((of(&config.services[0].servers[0].checks[0]) - 7.0).abs() < 1e-9, "{word} after the server");
}

#[test]
fn a_group_of_addresses_that_no_service_is_for() {
    const SERVICE: &str = "protocol TCP\nlb_kind DR\nreal_server 10.0.0.1 80 {\n}\n}\n";
    let group = "virtual_server_group G {\n192.0.2.9 80\n}\n";
    let unused = |text: &str| {
        let loaded = keepalived(text);
        loaded.report.diagnostics().iter().filter(|said| said.message == "no service is for the group `G`").count()
    };
    assert_eq!(unused(&format!("{group}virtual_server 192.0.2.8 80 {{\n{SERVICE}")), 1);
    assert_eq!(unused(&format!("{group}virtual_server group G {{\n{SERVICE}")), 0);
    // One that is defined behind its service is used all the same.
    assert_eq!(unused(&format!("virtual_server group G {{\n{SERVICE}{group}")), 0);
}

#[test]
fn timers_go_from_service_to_server_to_checker() {
    innermost("delay_loop", |check| check.interval.as_secs_f64());
    innermost("retry", |check| f64::from(check.retry));
    innermost("delay_before_retry", |check| check.retry_interval.as_secs_f64());
    innermost("warmup", |check| check.warmup.unwrap_or_default().as_secs_f64());
    innermost("rise", |check| f64::from(check.rise()));
    innermost("fall", |check| f64::from(check.retry + 1));
    innermost("interval_down", |check| check.down_interval().as_secs_f64());
    innermost("jitter", |check| f64::from(check.jitter_percent()));
    innermost("connect_timeout", |check| check.timeout.as_secs_f64());
}

#[test]
fn whether_each_failure_is_told_of() {
    for (text, own) in [("", None), ("log_all_failures", Some(true)), ("log_all_failures off", Some(false))] {
        assert_eq!(server("", "", text).checks[0].tells_failures, own, "{text}");
    }
    for (text, all) in [("", false), ("checker_log_all_failures", true), ("checker_log_all_failures no", false)] {
        let text = format!("global_defs {{\n{text}\n}}\n");
        assert_eq!(keepalived(&text).config.unwrap().global.tells_failures, all, "{text}");
    }
    let text = "[global]\nlog-check-failures = true\n[[service]]\naddress = \"192.0.2.1:80\"\n\
                check = { tcp = {}, log-failures = false }\nserver = [{ address = \"10.0.0.1:80\" }]\n";
    let config = super::toml(text).config.unwrap();
    assert!(config.global.tells_failures);
    assert_eq!(config.services[0].servers[0].checks[0].tells_failures, Some(false));
}

#[test]
fn what_a_server_takes_from_its_service() {
    assert!(server("inhibit_on_failure", "", "").inhibit_on_failure);
    assert!(!server("inhibit_on_failure", "inhibit_on_failure off", "").inhibit_on_failure);
    assert!(server("", "inhibit_on_failure", "").inhibit_on_failure);
    assert_eq!(server("weight 7", "", "").settings.weight.value(), 7);
    assert_eq!(server("weight 7", "weight 3", "").settings.weight.value(), 3);
    assert_eq!(server("", "", "").settings.weight.value(), 1);
    assert_eq!(server("", "lvs_method DR", "").settings.forwarding, Forwarding::Direct);
    assert_eq!(server("", "", "").settings.forwarding, Forwarding::Masquerade);
}

#[test]
fn two_words_for_one_thing() {
    for (one, other) in [
        ("lvs_sched sh", "lb_algo sh"),
        ("lvs_method DR", "lb_kind DR"),
        ("lb_algo sh\nsh-port", "lb_algo sh\nflag-2"),
        ("lb_algo mh\nmh-fallback", "lb_algo mh\nflag-1"),
    ] {
        let of = |word: &str| {
            let service = service("192.0.2.1 80", &format!("protocol TCP\n{word}"), "", "");
            (service.settings, service.servers[0].settings.forwarding)
        };
        assert_eq!(of(one), of(other));
    }
    let ServiceKey::Address { protocol, .. } = service("192.0.2.1 80", "protocol sctp", "", "").key else { panic!() };
    assert_eq!(protocol, Protocol::Sctp, "in any case of letters");
}

/// The packet reaches the server as the client sent it; a check calls the port that was written all the same.
#[test]
fn ports_that_are_forced() {
    for method in ["DR", "TUN"] {
        let of = |header: &str, port: &str| {
            let text = format!(
                "virtual_server {header} {{\nprotocol TCP\nlvs_method {method}\nreal_server 10.0.0.1 {port} {{\nTCP_CHECK {{\n}}\n}}\n}}\n"
            );
            let loaded = keepalived(&text);
            let config = loaded.config.unwrap();
            let service = &config.services[0];
            let server = &service.servers[0];
            let entry = service.entry(service.key, server).unwrap();
            assert_eq!(entry, server.key);
            (entry.port, server.checks[0].kind.connect().unwrap().target.port())
        };
        assert_eq!(of("192.0.2.1 80", "80"), (80, 80));
        assert_eq!(of("192.0.2.1 80", ""), (80, 80));
        assert_eq!(of("192.0.2.1 80", "8080"), (80, 8080));
        assert_eq!(of("192.0.2.1", "8080"), (0, 8080));
        assert_eq!(of("fwmark 3", "8080"), (0, 8080));
    }
    assert_eq!(server("", "", "").key.port, 8080);
    assert_eq!(service("fwmark 3", "lvs_method NAT", "", "").servers[0].key.port, 8080);
}

#[test]
fn every_port_is_persistent_for_six_minutes() {
    for (header, words, expected) in [
        ("192.0.2.1", "", Some((360, 32))),
        ("192.0.2.1 0", "", Some((360, 32))),
        ("192.0.2.1", "persistence_timeout 50", Some((50, 32))),
        ("192.0.2.1", "persistence_granularity 255.255.0.0", Some((360, 16))),
        ("192.0.2.1 80", "", None),
        ("fwmark 3", "", None),
    ] {
        let service = service(header, &format!("protocol TCP\nlvs_method NAT\n{words}"), "", "");
        let found = service.settings.persistence.map(|found| (found.timeout_secs.get(), found.prefix_len));
        assert_eq!(found, expected, "{header} {words}");
    }
}

#[test]
fn what_is_out_of_range_is_as_if_it_were_not_written() {
    for weight in ["-1", "2147483648", "70000000000"] {
        assert_eq!(server("", &format!("weight {weight}"), "").settings.weight.value(), 1, "{weight}");
        assert_eq!(server("weight 7", &format!("weight {weight}"), "").settings.weight.value(), 7, "{weight}");
    }
    assert_eq!(server("", "weight 2147483647", "").settings.weight.value(), 2_147_483_647);
    let check = server("delay_loop 0\nconnect_timeout 0\nretry 4294967296", "", "").checks.remove(0);
    assert_eq!((check.interval, check.retry), (Duration::from_secs(60), 1));
    assert_eq!(check.timeout, Duration::from_secs(5));
}

/// keepalived 2.2.7: `quorum 5 ... exceeds total weight of real servers 2, reducing quorum to 2`.
#[test]
fn a_quorum_that_cannot_be_reached_is_lowered() {
    let text = |quorum: u32| {
        format!(
            "virtual_server 192.0.2.1 80 {{\nprotocol TCP\nlvs_method NAT\nquorum {quorum}\nreal_server 10.0.0.1 80 {{\nweight 2\n}}\nreal_server 10.0.0.2 80 {{\n}}\n}}\n"
        )
    };
    let loaded = keepalived(&text(5));
    assert!(only(&loaded, Code::Combination).message.contains("more than all servers"));
    assert_eq!(brief(&loaded), ["warning C512 4:8"]);
    assert_eq!(loaded.config.unwrap().services[0].quorum, 3);
    let loaded = keepalived(&text(3));
    assert_eq!(brief(&loaded), Vec::<String>::new());
    assert_eq!(loaded.config.unwrap().services[0].quorum, 3);
    // All weights may be 0, and a quorum of 0 would be none.
    let loaded = keepalived(&text(5).replace("weight 2", "weight 0").replace("10.0.0.2", "10.0.0.1"));
    assert_eq!(loaded.config.unwrap().services[0].quorum, 1);
}

/// keepalived 2.2.7: `one packet scheduling requires UDP - resetting`.
#[test]
fn one_packet_scheduling_is_for_udp() {
    let of = |header: &str, protocol: &str| {
        service(header, &format!("lvs_method NAT\n{protocol}\nops"), "", "").settings.flags.one_packet
    };
    assert!(of("192.0.2.1 80", "protocol UDP"));
    assert!(!of("192.0.2.1 80", "protocol TCP"));
    assert!(of("fwmark 3", ""));
    let text = "virtual_server 192.0.2.1 80 {\nprotocol TCP\nlvs_method NAT\nops\nreal_server 10.0.0.1 80 {\n}\n}\n";
    assert_eq!(brief(&keepalived(text)), ["warning C512 1:1"]);
}

/// keepalived takes the second of two equal servers away, and of two equal services makes one with the servers of both.
#[test]
fn where_weight_zero_refuses_clients_there_is_no_drain() {
    for (words, said) in [
        ("lb_algo sh\ndrain 60", true),
        ("lb_algo dh\ndrain 60", true),
        ("lb_algo sh\nsh-fallback\ndrain 60", false),
        ("lb_algo mh\ndrain 60", true),
        ("lb_algo mh\nmh-port\ndrain 60", true),
        ("lb_algo mh\nmh-fallback\ndrain 60", false),
        ("lb_algo sh\ndrain 0", false),
        ("lb_algo sh", false),
    ] {
        let text = format!(
            "virtual_server 192.0.2.1 80 {{\nprotocol TCP\nlb_kind NAT\n{words}\nreal_server 10.0.0.1 80 {{\n}}\n}}\n"
        );
        let loaded = keepalived(&text);
        let notes = loaded.report.diagnostics().iter().filter(|said| said.message.starts_with("there is no drain"));
        assert_eq!(notes.count(), usize::from(said), "{words}");
    }
}

#[test]
fn what_is_said_twice() {
    let text = "virtual_server 192.0.2.1 80 {\nprotocol TCP\nlvs_method NAT\nreal_server 10.0.0.1 80 {\nweight 2\n}\nreal_server 10.0.0.1 80 {\nweight 3\n}\n}\n";
    let loaded = keepalived(text);
    assert_eq!(brief(&loaded), ["warning C501 7:1"]);
    let config = loaded.config.unwrap();
    let weights: Vec<_> = config.services[0].servers.iter().map(|server| server.settings.weight.value()).collect();
    assert_eq!(weights, [2]);
    // With direct routing two ports are one server.
    let loaded = keepalived(&text.replace("NAT", "DR").replacen("10.0.0.1 80", "10.0.0.1 81", 1));
    assert_eq!(brief(&loaded), ["note C511 4:1", "warning C501 7:1"]);
}

#[test]
fn a_floor_is_a_count_or_a_percentage() {
    let floor = |word: &str| {
        let text = format!("192.0.2.1 80 {{\nprotocol TCP\nlvs_method NAT\n{word}\n");
        let servers =
            (1..=4).map(|n| format!("real_server 10.0.0.{n} 80 {{\nTCP_CHECK {{\n}}\n}}\n")).collect::<String>();
        keepalived(&format!("virtual_server {text}{servers}}}\n"))
    };
    for (word, wanted) in [("", None), ("floor 2", Some("2")), ("floor 30%", Some("30%"))] {
        let loaded = floor(word);
        assert_eq!(brief(&loaded), Vec::<String>::new(), "{}", loaded.report.render(false));
        let found = loaded.config.unwrap().services[0].floor;
        assert_eq!(found.map(|floor| floor.to_string()).as_deref(), wanted);
    }
    assert_eq!(brief(&floor("floor 100%")), ["note C512 4:7"], "which keeps them all");
    // Of each family so many: which are all that there are, and as much as the quorum asks for.
    let both = |floor: &str| {
        let servers = ["10.0.0.1 80", "10.0.0.2 80", "2001:db8::1 80", "2001:db8::2 80"];
        let servers = servers.map(|server| format!("real_server {server} {{\nTCP_CHECK {{\n}}\n}}\n")).concat();
        let group = "virtual_server_group G {\n192.0.2.1 80\n2001:db8::9 80\n}\n";
        let rules = format!("floor {floor}\nquorum 2\nsorry_server 10.0.0.9 80");
        keepalived(&format!("{group}virtual_server group G {{\nprotocol TCP\nlvs_method NAT\n{rules}\n{servers}}}\n"))
    };
    assert_eq!(brief(&both("1")), Vec::<String>::new());
    assert_eq!(brief(&both("2")), ["note C512 8:7", "warning C512 10:1"]);
    for bad in ["0", "0%", "101%", "-1", "half"] {
        let loaded = floor(&format!("floor {bad}"));
        assert_eq!(brief(&loaded), ["warning C401 4:7"], "{bad}: {}", loaded.report.render(false));
        assert_eq!(loaded.config.unwrap().services[0].floor, None, "{bad}");
    }
}

#[test]
fn retry_and_fall_are_two_names_for_one_thing() {
    assert_eq!(server("", "", "fall 3").checks[0].retry, 2);
    assert_eq!(server("fall 3", "retry 7", "").checks[0].retry, 7, "the innermost counts, by whichever name");
    let text = |check: &str| {
        format!(
            "[[service]]\naddress = \"192.0.2.1:80\"\ncheck = {{ tcp = {{}}, {check} }}\n[[service.server]]\naddress = \"10.0.0.1\"\n"
        )
    };
    let loaded = super::toml(&text("fall = 3, rise = 2, interval-down = \"9s\", jitter = 10"));
    let check = loaded.config.unwrap().services[0].servers[0].checks[0].clone();
    assert_eq!((check.retry, check.rise(), check.jitter_percent()), (2, 2, 10));
    assert_eq!((check.interval, check.down_interval()), (Duration::from_secs(60), Duration::from_secs(9)));
    let both = super::toml(&text("fall = 3, retry = 2"));
    assert!(!both.is_runnable(), "{}", both.report.render(false));
    assert!(both.report.render(false).contains("`fall` stands beside `retry`"), "{}", both.report.render(false));
    for bad in ["rise = 0", "fall = 0", "jitter = 51", "interval-down = \"0s\""] {
        assert!(!super::toml(&text(bad)).is_runnable(), "{bad}");
    }
}

#[test]
fn marks_of_groups_and_of_checks_of_paths_are_apart() {
    for (words, said) in [
        ("nftables_ipvs", false),
        ("nftables_ipvs\npath_marks 900", true),
        ("nftables_ipvs\npath_marks 1001", true),
        ("nftables_ipvs\npath_marks 1002", false),
        ("nftables_ipvs\nnftables_ipvs_start_fwmark 1447624704", true),
        ("path_marks 900", false),
    ] {
        let group = |n: u8| {
            format!(
                "virtual_server_group g{n} {{\n192.0.2.{n} 80\n}}\n\
                 virtual_server group g{n} {{\nprotocol TCP\nlb_kind NAT\nreal_server 10.0.0.1 80 {{\n}}\n}}\n"
            )
        };
        let loaded = keepalived(&format!("global_defs {{\n{words}\n}}\n{}{}", group(1), group(2)));
        let warned = loaded.report.diagnostics().iter().filter(|said| said.message.contains("reach into those"));
        assert_eq!(warned.count(), usize::from(said), "{words}: {}", loaded.report.render(false));
    }
}
