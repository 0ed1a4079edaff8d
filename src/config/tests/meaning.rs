//! Notes on what runs as written and is hardly meant: where they are given, and where they must not be.

use super::{Code, Loaded, Severity, keepalived, toml};
use crate::config::note_far_servers;

/// Each remark of these codes: `note C516 line:column, line:column of the other places`.
fn notes(loaded: &Loaded, codes: &[Code]) -> Vec<String> {
    let files = loaded.report.files();
    let said = loaded.report.diagnostics().iter().filter(|said| codes.contains(&said.code));
    said.map(|said| {
        let places = said.primary.iter().chain(&said.secondary).map(|label| {
            let position = files.position(label.span);
            format!("{}:{}", position.line, position.column)
        });
        format!("{} {} {}", said.severity, said.code, places.collect::<Vec<_>>().join(", "))
    })
    .collect()
}

const ALL: [Code; 5] =
    [Code::UnownedAddress, Code::OwnServer, Code::OutOfReach, Code::Timers, Code::WeightMovesNothing];

/// The notes of a file in keepalived's language; it runs.
fn conf(text: &str) -> Vec<String> {
    let loaded = keepalived(text);
    assert!(loaded.is_runnable(), "{}", loaded.report.render(false));
    notes(&loaded, &ALL)
}

/// The same in ours.
fn ours(text: &str) -> Vec<String> {
    let loaded = toml(text);
    assert!(loaded.is_runnable(), "{}", loaded.report.render(false));
    notes(&loaded, &ALL)
}

const ROUTER: &str =
    "vrrp_instance A {\ninterface eth0\nvirtual_router_id 7\nvirtual_ipaddress {\n192.0.2.1/24\n}\n}\n";
const OURS: &str = "[[instance]]\nname = \"a\"\ninterface = \"eth0\"\nvrid = 7\naddresses = [\"192.0.2.1/24\"]\n";

fn service(address: &str, words: &str, server: &str) -> String {
    format!("virtual_server {address} {{\nprotocol TCP\n{words}\nreal_server {server} {{\n}}\n}}\n")
}

fn nat(address: &str) -> String {
    service(address, "lb_kind NAT", "10.0.0.1 80")
}

#[test]
fn a_service_whose_address_nobody_moves() {
    let two = ROUTER.to_owned() + &nat("192.0.2.1 80") + &nat("192.0.2.2 80");
    assert_eq!(conf(&two), ["note C516 14:1, 8:1, 5:1"]);
    // Said once for an address.
    assert_eq!(conf(&(two.clone() + &nat("192.0.2.2 81") + &nat("192.0.2.3 80"))).len(), 2);
    let table = "[[service]]\naddress = \"192.0.2.1:80\"\nserver = [{ address = \"10.0.0.1:80\" }]\n";
    let other = table.replace("192.0.2.1", "192.0.2.2");
    assert_eq!(ours(&format!("{OURS}{table}{other}")), ["note C516 10:1, 7:1, 5:14"]);
    for (fine, why) in [
        (ROUTER.to_owned() + &nat("192.0.2.2 80"), "the routers are there for something else"),
        (nat("192.0.2.1 80") + &nat("192.0.2.2 80"), "there are no routers"),
        (ROUTER.to_owned() + &nat("192.0.2.1 80") + &nat("fwmark 7"), "marks have no address"),
        (ROUTER.to_owned() + &nat("192.0.2.1 80") + &nat("127.0.0.1 80"), "a host's own"),
        (two.clone() + "static_ipaddress {\n192.0.2.2 dev eth0\n}\n", "it is put on the host"),
        (two.replace("192.0.2.1/24", "192.0.2.1/24\n192.0.2.2.5"), "an address was not understood"),
        (
            two.clone() + "vrrp_instance B {\ninterface eth0\nvirtual_router_id 8\n}\n",
            "a router's addresses are not known",
        ),
        (two.clone() + &ROUTER.replace(" A ", " B ").replace("0.2.1/24", "0.2.2/24"), "a router that is left out"),
    ] {
        assert_eq!(conf(&fine), [""; 0], "{why}");
    }
    let excluded = two.replace("192.0.2.1/24\n}", "192.0.2.1/24\n}\nvirtual_ipaddress_excluded {\n192.0.2.2\n}");
    assert_eq!(conf(&excluded), [""; 0]);
}

#[test]
fn a_server_that_is_its_service() {
    for kind in ["NAT", "DR", "TUN"] {
        let text = service("192.0.2.1 80", &format!("lb_kind {kind}"), "192.0.2.1 80");
        assert_eq!(conf(&text), ["note C517 4:1, 1:1"], "{kind}");
    }
    assert_eq!(conf(&service("192.0.2.1 80", "lb_kind DR", "192.0.2.1 8080")), ["note C517 4:1, 1:1"]);
    assert_eq!(
        conf(&service("192.0.2.1 80", "lb_kind NAT", "192.0.2.1 8080")),
        [""; 0],
        "another program of this host"
    );
    assert_eq!(conf(&service("192.0.2.1 80", "lb_kind NAT", "127.0.0.1 80")), [""; 0], "this host");
    let text = "[[service]]\naddress = \"192.0.2.1:80\"\nserver = [{ address = \"192.0.2.1:80\" }]\n";
    assert_eq!(ours(text), ["note C517 3:13, 2:1"]);
}

/// What no host has cannot be a server: the kernel would refuse it for ever.
#[test]
fn addresses_that_no_server_has() {
    for address in ["0.0.0.0", "0.1.2.3", "224.0.0.18", "255.255.255.255"] {
        let text = service("192.0.2.1 80", "lb_kind NAT\nreal_server 10.0.0.1 80 {\n}", &format!("{address} 80"));
        let loaded = keepalived(&text);
        let bad = notes(&loaded, &[Code::BadValue]);
        assert_eq!(bad, ["warning C401 6:1"], "{address}\n{}", loaded.report.render(false));
        assert_eq!(loaded.config.unwrap().services[0].servers.len(), 1, "{address}");
    }
    let v6 = keepalived(
        &service("2001:db8::1 80", "lb_kind NAT", "2001:db8::2 80")
            .replace("real_server", "real_server ff02::1 80 {\n}\nreal_server"),
    );
    assert_eq!(notes(&v6, &[Code::BadValue]), ["warning C401 4:1"]);
    let text = "[[service]]\naddress = \"192.0.2.1:80\"\nserver = [{ address = \"0.0.0.0:80\" }]\n";
    assert!(!toml(text).is_runnable());
}

#[test]
fn servers_that_this_files_routes_keep_away() {
    let text = |route: &str, kind: &str, server: &str| {
        format!("static_routes {{\n{route}\n}}\n")
            + &service("192.0.2.1 80", &format!("lb_kind {kind}"), &format!("{server} 80"))
    };
    let behind = "10.9.0.0/24 via 192.0.2.254";
    assert_eq!(conf(&text(behind, "DR", "10.9.0.5")), ["note C518 4:1, 2:1"]);
    assert_eq!(conf(&text("blackhole 10.9.0.0/24", "NAT", "10.9.0.5")), ["note C518 4:1, 2:1"]);
    for (route, kind, server, why) in [
        (behind, "NAT", "10.9.0.5", "NAT goes through gateways"),
        (behind, "TUN", "10.9.0.5", "tunnels do"),
        (behind, "DR", "10.8.0.5", "another network"),
        ("10.0.0.0/8 via 192.0.2.254", "DR", "10.9.0.5", "the host may have a link inside"),
        ("default via 192.0.2.254", "DR", "10.9.0.5", "the same"),
        ("10.9.0.0/24 dev eth1", "DR", "10.9.0.5", "on a link"),
        ("10.9.0.0/24 via 192.0.2.254 table 7", "DR", "10.9.0.5", "a rule decides"),
        ("10.9.0.0/24 via 192.0.2.254\n10.9.0.0/25 dev eth1", "DR", "10.9.0.5", "a nearer one"),
        ("10.9.0.0/24 via 192.0.2.254\n10.9.0.0/24 dev eth1 metric 9", "DR", "10.9.0.5", "two of the same network"),
    ] {
        assert_eq!(conf(&text(route, kind, server)), [""; 0], "{why}");
    }
    let near = text("10.9.0.0/24 via 192.0.2.254", "DR", "10.9.0.5") + "static_ipaddress {\n10.9.0.1/28 dev eth1\n}\n";
    assert_eq!(conf(&near), [""; 0], "an address of the host is nearer");
}

/// Direct routing needs a link to the server: in a network of the file, or one of the host's if it is known.
#[test]
fn servers_that_no_network_holds() {
    let far = |text: &str, host: &[(&str, u8)]| {
        let mut loaded = keepalived(text);
        assert!(loaded.is_runnable(), "{}", loaded.report.render(false));
        let host: Vec<_> = host.iter().map(|(address, length)| (address.parse().unwrap(), *length)).collect();
        note_far_servers(&mut loaded, &host);
        notes(&loaded, &[Code::OutOfReach])
    };
    let text =
        |kind: &str, server: &str| ROUTER.to_owned() + &service("192.0.2.1 80", &format!("lb_kind {kind}"), server);
    let lone = |server: &str| service("192.0.2.1 80", "lb_kind DR", server);
    let mine = [("127.0.0.1", 8), ("198.51.100.7", 24)];
    let said = ["note C518 8:1"];
    assert_eq!(far(&text("DR", "10.9.0.5 80"), &[]), said);
    assert_eq!(far(&text("DR", "10.9.0.5 80"), &mine), said);
    assert_eq!(far(&lone("10.9.0.5 80"), &mine), ["note C518 1:1"]);
    let default = "static_routes {\ndefault via 192.0.2.254 dev eth0\n}\n";
    assert_eq!(far(&(text("DR", "10.9.0.5 80") + default), &mine), said, "a gateway does not help");
    for (text, host, why) in [
        (text("NAT", "10.9.0.5 80"), &mine[..], "NAT goes through gateways"),
        (text("TUN", "10.9.0.5 80"), &mine, "tunnels do"),
        (text("DR", "192.0.2.77 80"), &[], "in the network of an address that moves"),
        (text("DR", "192.0.2.77 80"), &mine, "the same"),
        (text("DR", "198.51.100.9 80"), &mine, "in a network of the host"),
        (text("DR", "127.0.0.1 80"), &mine, "this host"),
        (lone("10.9.0.5 80"), &[], "the file names no network, and the host is not known"),
        (lone("10.9.0.5 80"), &[("127.0.0.1", 8), ("10.1.1.1", 32)], "the host has no link"),
        (lone("10.9.0.5 80") + "static_ipaddress {\n10.9.0.1/24 dev eth1\n}\n", &mine, "an address that is set"),
        (lone("10.9.0.5 80") + "static_routes {\n10.9.0.0/16 dev eth1\n}\n", &mine, "a route without a gateway"),
        (
            "global_defs {\ndynamic_interfaces\n}\n".to_owned() + &lone("10.9.0.5 80"),
            &mine,
            "interfaces that come later have networks of their own",
        ),
        (
            service("2001:db8::1 80", "lb_kind DR", "2001:db8:9::5 80"),
            &[("198.51.100.7", 24), ("fe80::1", 64)],
            "the host has no link of the family",
        ),
    ] {
        assert_eq!(far(&text, host), [""; 0], "{why}\n{text}");
    }
    let v6 = service("2001:db8::1 80", "lb_kind DR", "2001:db8:9::5 80");
    assert_eq!(far(&v6, &[("2001:db8:8::1", 64)]), ["note C518 1:1"]);
    assert_eq!(far(&v6, &[("2001:db8:9::1", 64)]), [""; 0]);
    // An address is spoken of once.
    let twice = text("DR", "10.9.0.5 80") + &service("192.0.2.1 81", "lb_kind DR", "10.9.0.5 81");
    assert_eq!(far(&twice, &mine), said);
    // A gateway in the file says more.
    let behind = text("DR", "10.9.0.5 80") + "static_routes {\n10.9.0.0/24 via 192.0.2.254\n}\n";
    assert_eq!(far(&behind, &mine), ["note C518 8:1, 15:1"]);
}

#[test]
fn checks_that_wait_longer_than_their_interval() {
    let text = |outer: &str, inner: &str| {
        service("192.0.2.1 80", &format!("lb_kind NAT\n{outer}"), "10.0.0.1 80")
            .replace("80 {\n}", &format!("80 {{\nTCP_CHECK {{\n{inner}\n}}\n}}"))
    };
    let slow = text("delay_loop 6", "connect_timeout 10");
    assert_eq!(conf(&slow), ["note C519 7:17, 4:12"]);
    let loaded = keepalived(&slow);
    let said = loaded.report.diagnostics().iter().find(|said| said.code == Code::Timers).unwrap();
    // 6 until it is tried, 10, a pause of 1, and 10 again.
    assert!(said.help[0].contains("up to 27 s"), "{said:?}");
    assert_eq!(conf(&text("delay_loop 6", "connect_timeout 6")), [""; 0]);
    assert_eq!(conf(&text("delay_loop 3", "")), [""; 0], "a default is nobody's slip");
    // One for the whole file.
    let many = (0..50).map(|port| slow.replace("1 80 {", &format!("1 {} {{", 80 + port))).collect::<String>();
    assert_eq!(conf(&many).len(), 1);
    let text = "[[service]]\naddress = \"192.0.2.1:80\"\ncheck = { tcp = { timeout = \"10s\" }, interval = \"6s\" }\n\
                server = [{ address = \"10.0.0.1:80\" }]\n";
    assert_eq!(ours(text), ["note C519 3:29, 3:49"]);
}

#[test]
fn weights_at_the_end_of_the_scale() {
    let text = |words: &str, weights: &str| {
        ROUTER.replace("192.0.2.1/24\n}", &format!("192.0.2.1/24\n}}\n{words}\ntrack_interface {{\n{weights}\n}}"))
    };
    assert_eq!(conf(&text("priority 254", "eth1 weight 5")), ["note C504 7:10"]);
    assert_eq!(conf(&text("priority 1", "eth1 weight -5\neth2 weight -9")), ["note C504 7:10"]);
    for (words, weights) in [
        ("priority 254", "eth1 weight -5"),
        ("priority 254", "eth1 weight 5\neth2 weight -5"),
        ("priority 1", "eth1 weight 5"),
        ("priority 253", "eth1 weight 5"),
        ("priority 254", "eth1"),
    ] {
        assert_eq!(conf(&text(words, weights)), [""; 0], "{words} {weights}");
    }
}

#[test]
fn a_service_that_sends_nobody_anywhere() {
    let idle = |weights: [u8; 2]| {
        let server = |(index, weight)| format!("real_server 10.0.0.{index} 80 {{\nweight {weight}\n}}\n");
        let servers: String =
            weights.into_iter().enumerate().map(|(index, weight)| server((index + 1, weight))).collect();
        let loaded = keepalived(&format!("virtual_server 192.0.2.1 80 {{\nprotocol TCP\nlb_kind NAT\n{servers}}}\n"));
        assert_eq!(loaded.report.count(Severity::Warning), 0);
        notes(&loaded, &[Code::Idle])
    };
    assert_eq!(idle([0, 0]), ["note C510 1:1"]);
    assert_eq!(idle([0, 1]), [""; 0], "one that waits for its turn");
}
