//! Every line that is expected here was printed by ipvsadm 1.31 (Linux 6.1) for the table that is built here.

use super::*;
use crate::api::{KernelView, ServerHealth};

fn service(protocol: &str, address: &str, port: u16, scheduler: &str) -> ServiceView {
    ServiceView {
        group: None,
        protocol: protocol.to_owned(),
        address: address.to_owned(),
        port,
        ipv6: address.contains(':'),
        scheduler: scheduler.to_owned(),
        flags: Vec::new(),
        persistence_secs: None,
        persistence_prefix: None,
        persistence_mask: None,
        persistence_engine: None,
        ours: true,
        path_check: false,
        present: true,
        kernel_position: None,
        problem: None,
        quorum: None,
        resting: false,
        counters: None,
        servers: Vec::new(),
    }
}

fn server(address: &str, port: u16, forwarding: &str, weight: u32) -> ServerView {
    ServerView {
        address: address.to_owned(),
        port,
        forwarding: forwarding.to_owned(),
        weight,
        configured_weight: None,
        present: true,
        kernel_position: None,
        health: ServerHealth::Up,
        reason: String::new(),
        since_secs: 0.0,
        checks: Vec::new(),
        hold: None,
        operator_weight: None,
        slow_start_secs: None,
        problem: None,
        active_connections: 0,
        inactive_connections: 0,
        counters: None,
    }
}

/// The listing without its three lines of heading.
fn lines(services: Vec<ServiceView>) -> String {
    let kernel = KernelView {
        available: true,
        version: Some("1.2.1".to_owned()),
        connection_table_size: Some(4096),
        problem: None,
    };
    let text = listing(&BalancerView { kernel, services, ..BalancerView::default() });
    let heading = "IP Virtual Server version 1.2.1 (size=4096)\nProt LocalAddress:Port Scheduler Flags\n  \
                   -> RemoteAddress:Port           Forward Weight ActiveConn InActConn\n";
    text.strip_prefix(heading).unwrap().to_owned()
}

/// In the order of the kernel's listing, which is given by place.
fn numbered(mut services: Vec<ServiceView>) -> Vec<ServiceView> {
    for (position, service) in (0..).zip(&mut services) {
        service.kernel_position = Some(position);
        for (position, server) in (0..).zip(&mut service.servers) {
            server.kernel_position = Some(position);
        }
    }
    services
}

fn flags(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

#[test]
fn an_empty_table_has_a_heading() {
    assert_eq!(lines(Vec::new()), "");
}

#[test]
fn blanks_at_the_end_are_kept() {
    let mut view = service("tcp", "192.168.10.100", 443, "wlc");
    view.servers = vec![server("192.168.10.80", 8443, "Masq", 1), server("127.0.0.1", 80, "Local", 0)];
    view.servers[0].active_connections = 12;
    view.servers[0].inactive_connections = 4_000_000_000;
    let expected = "TCP  192.168.10.100:443 wlc\n  \
                    -> 127.0.0.1:80                 Local   0      0          0         \n  \
                    -> 192.168.10.80:8443           Masq    1      12         4000000000\n";
    // 127.0.0.1 is less than 2^31 away from 192.168.10.80: a plain order.
    assert_eq!(lines(vec![view]), expected);
}

#[test]
fn what_is_not_in_the_kernel_is_not_listed() {
    let mut gone = service("tcp", "192.0.2.1", 80, "rr");
    gone.present = false;
    let mut view = service("tcp", "192.0.2.2", 80, "rr");
    view.servers = vec![ServerView { present: false, ..server("10.0.0.1", 80, "Masq", 1) }];
    assert_eq!(lines(vec![gone, view]), "TCP  192.0.2.2:80 rr\n");
}

#[test]
fn each_kind_of_service_has_its_line() {
    let cases = [
        (service("udp", "192.168.0.2", 80, "wlc"), "UDP  192.168.0.2:80 wlc"),
        (service("sctp", "200.0.0.2", 9, "nq"), "SCTP 200.0.0.2:9 nq"),
        (service("protocol-47", "10.0.0.2", 9, "rr"), "?    10.0.0.2:9 rr"),
        (service("fwmark", "3", 0, "lc"), "FWM  3 lc"),
        (service("fwmark", "4294967295", 0, "lc"), "FWM  -1 lc"),
        (ServiceView { ipv6: true, ..service("fwmark", "3", 0, "lc") }, "FWM  3 IPv6 lc"),
        (service("tcp", "fe80::1", 443, "wrr"), "TCP  [fe80::1]:443 wrr"),
        (service("tcp", "::1.2.3.4", 80, "rr"), "TCP  [::1.2.3.4]:80 rr"),
        (service("tcp", "::ffff:1.2.3.4", 80, "rr"), "TCP  [::ffff:1.2.3.4]:80 rr"),
        (service("tcp", "::1", 80, "rr"), "TCP  [::1]:80 rr"),
        (service("tcp", "0:0:0:0:1:0:0:2", 80, "rr"), "TCP  [::1:0:0:2]:80 rr"),
    ];
    for (view, line) in cases {
        assert_eq!(lines(vec![view]), format!("{line}\n"));
    }
}

#[test]
fn flags_and_persistence() {
    let view = |scheduler: &str, names: &[&str], persistence: Option<(u32, Option<u8>)>| ServiceView {
        flags: flags(names),
        persistence_secs: persistence.map(|(secs, _)| secs),
        persistence_prefix: persistence.and_then(|(_, prefix)| prefix),
        ..service("udp", "192.168.0.1", 80, scheduler)
    };
    let sip = ServiceView {
        persistence_mask: Some("255.0.255.0".to_owned()),
        persistence_engine: Some("sip".to_owned()),
        ..view("wlc", &["ops"], Some((7, None)))
    };
    let unused = ServiceView { persistence_engine: Some("sip".to_owned()), ..view("wlc", &["ops"], None) };
    let ipv6 = ServiceView { address: "2001:db8::1".to_owned(), ipv6: true, ..view("wrr", &[], Some((10, Some(64)))) };
    let cases = [
        (
            view("sh", &["sh-fallback", "sh-port"], Some((300, Some(24)))),
            "sh (sh-fallback,sh-port) persistent 300 mask 255.255.255.0",
        ),
        (view("mh", &["mh-port", "flag-3"], Some((44, None))), "mh (mh-port) persistent 44"),
        (view("mh", &["flag-3"], None), "mh ()"),
        (view("wlc", &["flag-1", "flag-2", "flag-3", "ops"], None), "wlc (flag-1,flag-2,flag-3) ops"),
        (view("wlc", &["ops"], Some((360, None))), "wlc persistent 360 ops"),
        (view("rr", &[], Some((5, Some(0)))), "rr persistent 5 mask 0.0.0.0"),
        (sip, "wlc persistent 7 mask 255.0.255.0 pe sip ops"),
        (unused, "wlc ops"),
    ];
    for (view, tail) in cases {
        assert_eq!(lines(vec![view]), format!("UDP  192.168.0.1:80 {tail}\n"));
    }
    assert_eq!(lines(vec![ipv6]), "UDP  [2001:db8::1]:80 wrr persistent 10 mask 64\n");
}

#[test]
fn services_come_in_its_order() {
    let kernel = [
        ("udp", "192.168.0.2", 81),
        ("udp", "192.168.0.2", 80),
        ("tcp", "2001:db8:1234:5678:9abc:def0:1234:5678", 65535),
        ("tcp", "192.168.0.2", 80),
        ("tcp", "192.168.0.2", 81),
        ("tcp", "192.168.0.1", 80),
        ("tcp", "10.0.0.1", 80),
        ("tcp", "2001:db8::1", 443),
        ("udp", "192.168.0.2", 5060),
        ("tcp", "fe80::1", 443),
        ("sctp", "200.0.0.2", 9),
        ("fwmark", "3", 0),
        ("fwmark", "4294967295", 0),
    ];
    let views = kernel.iter().map(|(protocol, address, port)| service(protocol, address, *port, "rr")).collect();
    let mut views = numbered(views);
    // The daemon lists in an order of its own; only the places count.
    views.reverse();
    let expected = "FWM  -1 rr\n\
                    TCP  192.168.0.1:80 rr\n\
                    TCP  192.168.0.2:80 rr\n\
                    TCP  192.168.0.2:81 rr\n\
                    TCP  10.0.0.1:80 rr\n\
                    UDP  192.168.0.2:80 rr\n\
                    UDP  192.168.0.2:81 rr\n\
                    UDP  192.168.0.2:5060 rr\n\
                    SCTP 200.0.0.2:9 rr\n\
                    TCP  [fe80::1]:443 rr\n\
                    TCP  [2001:db8::1]:443 rr\n\
                    TCP  [2001:db8:1234:5678:9abc:def0:1234:5678]:65535 rr\n\
                    FWM  3 rr\n";
    assert_eq!(lines(views), expected);
}

#[test]
fn servers_come_in_its_order_which_is_none() {
    let mut view = service("tcp", "10.0.0.1", 80, "rr");
    view.servers = vec![
        server("255.0.0.1", 80, "Route", 2_147_483_647),
        server("100.2.3.4", 80, "Route", 2_147_483_647),
        server("70.0.0.1", 80, "Route", 2_147_483_647),
        server("200.0.0.1", 80, "Route", 2_147_483_647),
        server("130.0.0.1", 80, "Route", 2_147_483_647),
        server("10.1.0.1", 80, "Bypass", 2_147_483_647),
        server("2001:db8:1234:5678:9abc:def0:1234:1", 80, "Tunnel", 1),
    ];
    let expected = "TCP  10.0.0.1:80 rr\n  \
         -> 255.0.0.1:80                 Route   2147483647 0          0         \n  \
         -> 10.1.0.1:80                  (null)  2147483647 0          0         \n  \
         -> [2001:db8:1234:5678:9abc:def0:1234:1]:80 Tunnel  1      0          0         \n  \
         -> 70.0.0.1:80                  Route   2147483647 0          0         \n  \
         -> 100.2.3.4:80                 Route   2147483647 0          0         \n  \
         -> 130.0.0.1:80                 Route   2147483647 0          0         \n  \
         -> 200.0.0.1:80                 Route   2147483647 0          0         \n";
    assert_eq!(lines(numbered(vec![view])), expected);
}

#[test]
fn nonsense_from_a_daemon_is_printed_and_no_more() {
    let mut view = service("tcp", "not an address", 80, "rr");
    view.persistence_secs = Some(1);
    view.persistence_prefix = Some(200);
    view.servers = vec![server("", 0, "", 0)];
    let text = lines(vec![view, service("fwmark", "-7", 0, "rr")]);
    assert!(text.contains("TCP  not an address:80 rr persistent 1 mask 255.255.255.255\n"), "{text}");
}
