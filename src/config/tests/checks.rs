//! Checks that ask more than for a connection, in both languages.

use std::time::Duration;

use super::{Code, brief, keepalived, only, toml};
use crate::config::diagnostic::Severity;
use crate::model::{
    BytePattern, Check, CheckKind, Connect, DnsName, DnsProbe, DnsType, SmtpProbe, TrackCheck, UdpProbe, UdpReply,
};

fn to(target: &str) -> Connect {
    Connect::to(target.parse().unwrap())
}

fn in_keepalived(words: &str) -> String {
    format!(
        "virtual_server 192.0.2.1 80 {{\nprotocol TCP\nlvs_method NAT\nreal_server 10.0.0.1 8080 {{\n{words}\n}}\n}}\n"
    )
}

fn in_toml(check: &str) -> String {
    format!("[[service]]\naddress = \"192.0.2.1:80\"\ncheck = {check}\nserver = [{{ address = \"10.0.0.1:8080\" }}]\n")
}

/// The checks of the only server, of a file that nothing is said about.
#[track_caller]
fn checks(loaded: super::Loaded) -> Vec<Check> {
    assert_eq!(brief(&loaded), Vec::<String>::new(), "{}", loaded.report.render(false));
    loaded.config.unwrap().services.remove(0).servers.remove(0).checks
}

/// Both languages say this check.
#[track_caller]
fn both(words: &str, check: &str, expected: &CheckKind) {
    let conf = checks(keepalived(&in_keepalived(words)));
    assert_eq!((conf.len(), &conf[0].kind), (1, expected), "{words}");
    assert_eq!(checks(toml(&in_toml(check))), conf, "{check}");
}

fn bytes(bytes: &[(u8, u8)]) -> Vec<BytePattern> {
    bytes.iter().map(|(value, mask)| BytePattern { value: *value, mask: *mask }).collect()
}

fn dns(connect: Connect, name: &str, kind: DnsType) -> CheckKind {
    CheckKind::Dns(Box::new(DnsProbe { connect, name: name.parse().unwrap(), kind }))
}

/// Bytes with their masks, and the least and the greatest length.
type Reply<'p> = (&'p [(u8, u8)], u16, u16);

fn udp(payload: Option<&[u8]>, reply: Option<Reply<'_>>) -> CheckKind {
    CheckKind::Udp(Box::new(UdpProbe {
        connect: to("10.0.0.1:8080"),
        payload: payload.map(<[u8]>::to_vec),
        reply: reply.map(|(pattern, shortest, longest)| UdpReply { pattern: bytes(pattern), shortest, longest }),
    }))
}

#[test]
fn what_they_ask_is_the_same_in_both_languages() {
    let smtp =
        |connect: Connect, helo: &str| CheckKind::Smtp(Box::new(SmtpProbe { connect, helo: Some(helo.to_owned()) }));
    let usual = "smtpchecker.keepalived.org";
    both("SMTP_CHECK {\n}", &format!("{{ smtp = {{ helo = \"{usual}\" }} }}"), &smtp(to("10.0.0.1:8080"), usual));
    both(
        "SMTP_CHECK {\nhelo_name \"lb.example.org\"\nconnect_port 25\nfwmark 3\n}",
        "{ smtp = { helo = \"lb.example.org\", port = 25, mark = 3 } }",
        &smtp(Connect { mark: Some(3), ..to("10.0.0.1:25") }, "lb.example.org"),
    );
    both("DNS_CHECK {\n}", "{ dns = {} }", &dns(to("10.0.0.1:8080"), ".", DnsType::Soa));
    both(
        "DNS_CHECK {\ntype AAAA\nname example.org.\nconnect_ip 10.0.0.9\nconnect_port 53\nbindto 10.0.0.3\n}",
        "{ dns = { type = \"AAAA\", name = \"example.org\", address = \"10.0.0.9\", port = 53, source = \"10.0.0.3\" } }",
        &dns(
            Connect { source_address: Some("10.0.0.3".parse().unwrap()), ..to("10.0.0.9:53") },
            "example.org",
            DnsType::Aaaa,
        ),
    );
    both("DNS_CHECK {\ntype mx\n}", "{ dns = { type = \"MX\" } }", &dns(to("10.0.0.1:8080"), ".", DnsType::Mx));
    both("UDP_CHECK {\n}", "{ udp = {} }", &udp(None, None));
    both(
        "UDP_CHECK {\npayload Ab1 2\nrequire_reply 4fX\n}",
        "{ udp = { payload = \"ab 01 02\", reply = \"4f 0x\", min-length = 0, max-length = 255 } }",
        &udp(Some(&[0xab, 0x01, 0x02]), Some((&[(0x4f, 0xff), (0, 0xf0)], 0, 255))),
    );
    both("UDP_CHECK {\nrequire_reply\n}", "{ udp = { reply = true } }", &udp(None, Some((&[], 0, u16::MAX))));
    both(
        "UDP_CHECK {\nrequire_reply\nmin_reply_length 3\nmax_reply_length 9\n}",
        "{ udp = { reply = true, min-length = 3, max-length = 9 } }",
        &udp(None, Some((&[], 3, 9))),
    );
    let ping = Connect { interface: Some("eth1".to_owned()), ..to("10.0.0.1:0") };
    both("PING_CHECK {\nbind_if eth1\n}", "{ ping = { interface = \"eth1\" } }", &CheckKind::Ping(ping));
}

#[test]
fn our_own_language_wants_whole_answers_and_says_no_false_name() {
    let of = |check: &str| checks(toml(&in_toml(check))).remove(0).kind;
    assert_eq!(
        of("{ udp = { reply = \"4f4b\" } }"),
        udp(None, Some((&[(0x4f, 0xff), (0x4b, 0xff)], 2, u16::MAX))),
        "as long as the pattern at least"
    );
    assert_eq!(of("{ udp = { reply = false } }"), udp(None, None));
    assert_eq!(of("{ smtp = {} }"), CheckKind::Smtp(Box::new(SmtpProbe { connect: to("10.0.0.1:8080"), helo: None })));
}

#[test]
fn patience_is_that_of_the_kind_unless_written() {
    let patience = |words: &str| {
        let check = checks(keepalived(&in_keepalived(words))).remove(0);
        (check.retry, check.retry_interval, check.timeout)
    };
    let seconds = Duration::from_secs;
    for kind in ["TCP_CHECK", "SMTP_CHECK", "UDP_CHECK", "PING_CHECK"] {
        assert_eq!(patience(&format!("{kind} {{\n}}")), (1, seconds(1), seconds(5)), "{kind}");
    }
    assert_eq!(patience("DNS_CHECK {\n}"), (3, seconds(60), seconds(5)));
    assert_eq!(patience("DNS_CHECK {\ndelay_loop 7\n}"), (3, seconds(7), seconds(5)));
    let own = "retry 2\ndelay_before_retry 4\nconnect_timeout 3\n";
    assert_eq!(patience(&format!("DNS_CHECK {{\n{own}}}")), (2, seconds(4), seconds(3)));
    assert_eq!(patience(&format!("{own}DNS_CHECK {{\n}}")), (2, seconds(4), seconds(3)));
}

/// Several of them were one check of old.
#[test]
fn hosts_of_a_mail_check_are_checks_of_their_own() {
    let loaded = keepalived(&in_keepalived(
        "SMTP_CHECK {\nhost {\nconnect_ip 10.0.0.7\nconnect_port 25\nconnect_timeout 2\n}\nhost {\nconnect_ip 10.0.0.8\n}\n\
         helo_name lb\nretry 4\n}",
    ));
    assert_eq!(brief(&loaded), Vec::<String>::new(), "{}", loaded.report.render(false));
    let server = loaded.config.unwrap().services.remove(0).servers.remove(0);
    let seen: Vec<_> =
        server.checks.iter().map(|check| (check.kind.to_string(), check.retry, check.timeout.as_secs())).collect();
    assert_eq!(seen, [("SMTP 10.0.0.7:25".to_owned(), 4, 2), ("SMTP 10.0.0.8:8080".to_owned(), 4, 5)]);
    for check in &server.checks {
        let CheckKind::Smtp(probe) = &check.kind else { panic!("{}", check.kind) };
        assert_eq!(probe.helo.as_deref(), Some("lb"));
    }
}

#[test]
fn what_is_wrong_is_said_and_what_is_left_asks_no_less() {
    for (words, expected) in [
        ("DNS_CHECK {\nname a..b\n}", dns(to("10.0.0.1:8080"), ".", DnsType::Soa)),
        ("DNS_CHECK {\ntype PTR\nname .\n}", dns(to("10.0.0.1:8080"), ".", DnsType::Soa)),
        ("UDP_CHECK {\npayload 0x12\n}", udp(None, None)),
        ("UDP_CHECK {\npayload 1X\n}", udp(None, None)),
        ("UDP_CHECK {\nrequire_reply hello\n}", udp(None, Some((&[], 0, u16::MAX)))),
    ] {
        let loaded = keepalived(&in_keepalived(words));
        assert_eq!(only(&loaded, Code::BadValue).severity, Severity::Warning, "{words}");
        let server = loaded.config.unwrap().services.remove(0).servers.remove(0);
        assert_eq!(server.checks[0].kind, expected, "{words}");
    }
    let never = keepalived(&in_keepalived("UDP_CHECK {\nrequire_reply 00\nmin_reply_length 300\n}"));
    assert_eq!(only(&never, Code::Combination).severity, Severity::Warning);
    for check in [
        "{ dns = { name = \"a..b\" } }",
        "{ dns = { name = \"\" } }",
        "{ dns = { type = \"PTR\" } }",
        "{ udp = { payload = \"xx\" } }",
        "{ udp = { reply = \"hello\" } }",
        "{ udp = { reply = 7 } }",
        "{ udp = { min-length = 3 } }",
        "{ smtp = { helo = 3 } }",
        "{ tcp = {}, ping = {} }",
    ] {
        let loaded = toml(&in_toml(check));
        assert_eq!(only(&loaded, Code::BadValue).severity, Severity::Error, "{check}");
    }
    for check in ["{ ping = { port = 7 } }", "{ tcp = { name = \"x\" } }", "{ smtp = { type = \"A\" } }"] {
        assert_eq!(only(&toml(&in_toml(check)), Code::UnknownWord).severity, Severity::Error, "{check}");
    }
}

/// A check of a path calls what clients call, at each of its addresses, and never by somebody else's mark.
#[test]
fn a_path_leads_through_each_address_of_its_service() {
    let path = |checks: &[Check], at: usize| {
        let CheckKind::Path(probe) = &checks[at].kind else { panic!("{}", checks[at].kind) };
        probe.as_ref().clone()
    };
    let words = "TCP_CHECK {\n}\npath_check 10.0.0.9\nconnect_timeout 2";
    let conf = checks(keepalived(&in_keepalived(words)));
    let own = checks(toml(&in_toml(
        "[{ tcp = { timeout = \"2s\" } }, { path = { source = \"10.0.0.9\", timeout = \"2s\" } }]",
    )));
    assert_eq!(own, conf);
    let probe = path(&conf, 1);
    assert_eq!(probe.to_string(), "192.0.2.1:80 by NAT to 10.0.0.1:8080");
    assert_eq!((conf[1].timeout, conf[1].retry), (Duration::from_secs(2), 1));
    assert_eq!(probe.source_address, Some("10.0.0.9".parse().unwrap()));

    // A group: an address each, a mark for each that differs in what it leads to.
    let group = |marks: &str| {
        format!(
            "[global]\n{marks}\n[[service]]\naddresses = [\"192.0.2.1:80\", \"192.0.2.2:80\", \"192.0.2.2:81\", \
             \"[2001:db8::1]:80\"]\nforward = \"direct\"\ncheck = {{ path = {{}}, warmup = \"3s\" }}\n\
             server = [{{ address = \"10.0.0.1\" }}, {{ address = \"10.0.0.2\" }}, {{ address = \"fd00::1\" }}]\n\
             [[service]]\nfwmark = 1000\nserver = [{{ address = \"10.0.0.1\" }}]\n"
        )
    };
    let loaded = toml(&group("path-marks = 1000"));
    if brief(&loaded).is_empty() {
        let config = loaded.config.clone().unwrap();
        let servers = &config.services[0].servers;
        assert_eq!(servers.iter().map(|server| server.checks.len()).collect::<Vec<_>>(), [3, 3, 1]);
        let (a, b, c) = (path(&servers[0].checks, 0), path(&servers[0].checks, 1), path(&servers[0].checks, 2));
        assert_eq!((a.mark == b.mark, a.mark == c.mark), (true, false), "another port is another entry");
        assert_ne!(a.mark, path(&servers[1].checks, 0).mark);
        let marks = servers.iter().flat_map(|server| (0..server.checks.len()).map(|at| path(&server.checks, at).mark));
        assert!(marks.into_iter().all(|mark| (1001..1000 + 65_536).contains(&mark.get())));
    } else {
        panic!("{}", loaded.report.render(false));
    }

    for nothing in [
        "fwmark = 7",
        "address = \"192.0.2.1:53\"\nprotocol = \"udp\"",
        "address = \"192.0.2.1\"\npersistence = \"1m\"",
    ] {
        let text =
            format!("[[service]]\n{nothing}\ncheck = {{ path = {{}} }}\nserver = [{{ address = \"10.0.0.1:80\" }}]\n");
        assert_eq!(only(&toml(&text), Code::Combination).severity, Severity::Error, "{nothing}");
    }
    let strange = toml(&in_toml("{ path = { source = \"fd00::9\" } }"));
    assert_eq!(only(&strange, Code::Combination).severity, Severity::Warning);
    let server = strange.config.unwrap().services.remove(0).servers.remove(0);
    assert_eq!(path(&server.checks, 0).source_address, None);
    assert_eq!(only(&toml("[global]\npath-marks = 4294967295\n"), Code::BadValue).severity, Severity::Error);
}

/// A server that takes every port can be pinged all the same.
#[test]
fn pings_need_no_port() {
    let text = "virtual_server fwmark 5 {\nprotocol TCP\nlvs_method NAT\nreal_server 10.0.0.1 {\n";
    let ping = keepalived(&format!("{text}PING_CHECK {{\n}}\n}}\n}}\n"));
    assert_eq!(brief(&ping), Vec::<String>::new(), "{}", ping.report.render(false));
    let dns = keepalived(&format!("{text}DNS_CHECK {{\n}}\n}}\n}}\n"));
    assert_eq!(only(&dns, Code::Required).severity, Severity::Warning);
}

/// Nor has one anything to do with a port that is written.
#[test]
fn ports_of_pings_are_told_to_do_nothing() {
    for word in ["connect_port", "bind_port"] {
        let loaded = keepalived(&in_keepalived(&format!("PING_CHECK {{\n{word} 7\n}}")));
        assert_eq!(only(&loaded, Code::WithoutEffect).severity, Severity::Note, "{word}");
        let check = loaded.config.unwrap().services.remove(0).servers.remove(0).checks.remove(0);
        assert_eq!(check.kind, CheckKind::Ping(to("10.0.0.1:0")));
        // keepalived exits at it.
        let alone = keepalived(&in_keepalived(&format!("PING_CHECK {{\n{word}\n}}")));
        assert_eq!(only(&alone, Code::MissingValue).severity, Severity::Error, "{word}");
    }
}

#[test]
fn bfd_is_waited_for() {
    let loaded = keepalived(&in_keepalived("BFD_CHECK {\nname x\n}"));
    let said = only(&loaded, Code::NotYet);
    assert!(loaded.report.render(false).contains("waits for BFD"), "{said:?}");
}

#[test]
fn routers_watch_them_in_both_languages() {
    let watched = |loaded: super::Loaded| -> TrackCheck {
        let wrong = loaded.report.render(false);
        assert_eq!(brief(&loaded), Vec::<String>::new(), "{wrong}");
        loaded.config.unwrap().checks.remove(0)
    };
    let smtp = |helo: Option<&str>| {
        CheckKind::Smtp(Box::new(SmtpProbe { connect: to("127.0.0.1:25"), helo: helo.map(str::to_owned) }))
    };
    let udp = |payload: Option<&[u8]>, pattern: Option<&[(u8, u8)]>| {
        let length = |pattern: &[(u8, u8)]| u16::try_from(pattern.len()).unwrap();
        let reply =
            pattern.map(|pattern| UdpReply { pattern: bytes(pattern), shortest: length(pattern), longest: u16::MAX });
        CheckKind::Udp(Box::new(UdpProbe { connect: to("[::1]:514"), payload: payload.map(<[u8]>::to_vec), reply }))
    };
    for (words, keys, expected) in [
        ("smtp 127.0.0.1 25", "smtp = \"127.0.0.1:25\"", smtp(None)),
        ("smtp 127.0.0.1:25 lb", "smtp = { address = \"127.0.0.1:25\", helo = \"lb\" }", smtp(Some("lb"))),
        ("dns 127.0.0.1 53", "dns = \"127.0.0.1:53\"", dns(to("127.0.0.1:53"), ".", DnsType::Soa)),
        (
            "dns 127.0.0.1 53 example.org A",
            "dns = { address = \"127.0.0.1:53\", name = \"example.org\", type = \"A\" }",
            dns(to("127.0.0.1:53"), "example.org", DnsType::A),
        ),
        ("udp ::1 514", "udp = \"[::1]:514\"", udp(None, None)),
        (
            "udp [::1]:514 00 0X",
            "udp = { address = \"[::1]:514\", payload = \"00\", reply = \"0X\" }",
            udp(Some(&[0]), Some(&[(0, 0xf0)])),
        ),
        ("ping 192.0.2.9", "ping = \"192.0.2.9\"", CheckKind::Ping(to("192.0.2.9:0"))),
    ] {
        let conf = watched(keepalived(&format!(
            "vrrp_track_check c {{\n{words}\n}}\nvrrp_instance A {{\ninterface eth0\nvirtual_router_id 7\n\
             virtual_ipaddress {{\n192.0.2.1/24\n}}\ntrack_check {{\nc\n}}\n}}\n"
        )));
        assert_eq!(conf.check.kind, expected, "{words}");
        let router = "[[instance]]\nname = \"A\"\ninterface = \"eth0\"\nvrid = 7\naddresses = [\"192.0.2.1/24\"]\n";
        let own = watched(toml(&format!("[[track-check]]\nname = \"c\"\n{keys}\n{router}track-checks = [\"c\"]\n")));
        assert_eq!(own, conf, "{keys}");
        let inline = watched(toml(&format!("{router}track-checks = [{{ {keys} }}]\n")));
        assert_eq!(inline.check, conf.check, "{keys}");
        assert_ne!(inline.name, "unnamed");
    }
    for keys in [
        "dns = \"example.org:53\"",
        "dns = { name = \"x\" }",
        "ping = \"nobody\"",
        "smtp = 25",
        "udp = { address = \"127.0.0.1:1\", payload = \"zz\" }",
        "tcp = \"127.0.0.1:1\"\nping = \"127.0.0.1\"",
    ] {
        let loaded = toml(&format!("[[track-check]]\nname = \"c\"\n{keys}\n"));
        let errors = loaded.report.diagnostics().iter().filter(|said| said.severity == Severity::Error).count();
        assert!(errors >= 1, "{keys}: {}", loaded.report.render(false));
    }
}

#[test]
fn the_root_is_a_name() {
    assert_eq!(DnsName::default().to_string(), ".");
}
