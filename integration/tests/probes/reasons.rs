//! The README's table of reasons: what people are told of servers that are well, and of those that are bad in each way.
//!
//! One daemon, one file, a server for each cell, checked by the kind of the row; and what `ipvsctl show` says of it is the
//! cell. The README is held to it row by row, or written anew with `BLESS=1`. Paths lead through IPVS, which is not everywhere: what
//! is told of them stands here ([`PATHS`]), and a scenario in the lab holds a daemon to it.

use std::fmt::Write as _;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use integration::subject::servers;
use integration::web::WebServer;
use integration::{Ipvsd, Topology, lab_test, native_test, peers, wait_until};

use super::LONG;
use super::servers::Act::{Drip, Say, Stay};
use super::servers::{answer, changed, closed_tcp, closed_udp, datagrams, full, late, mail, pings, silent};

const HEAD: &str = "| | well | refused | silent | slow | malformed |";

/// What must come back for whatever is sent.
const ASKED: &str = "payload = \"01 02\", reply = \"01 02\"";

/// Servers that are up though they are not well: nothing is asked of those that may be silent, and what is no number in a file,
/// or no file, counts as 0, as with keepalived.
const UP_ANYWAY: [(&str, usize); 3] = [("`UDP_CHECK`, nothing asked", 2), ("`FILE_CHECK`", 2), ("`FILE_CHECK`", 4)];

/// Ways of a path with what is told of each kind of server. What the program there would say, nobody asks.
const PATHS: [(&str, [&str; 4]); 3] = [
    ("nat", ["answers", "refuses the connection through NAT: nobody listens there", NAT_SILENT, NAT_SILENT]),
    ("direct", ["answers", NO_LISTENER, DR_SILENT, DR_SILENT]),
    ("tunnel", ["answers", NO_LISTENER, TUNNEL_SILENT, TUNNEL_SILENT]),
];
const NO_LISTENER: &str = "refuses the connection to the virtual address: nobody listens there, as where a program listens at the \
     server's own address alone, or a firewall rejects it";
const NAT_SILENT: &str = "no answer comes through NAT: the packet or its answer is filtered, or the answer takes another way than \
     through this host";
const DR_SILENT: &str = "no answer comes through DR: the server lacks the virtual address on its loopback, it is in another network \
     segment, or the packet or its answer is filtered";
const TUNNEL_SILENT: &str = "no answer comes through the tunnel: its end at the server is missing or down, the server lacks the \
     virtual address or drops what comes out (rp_filter), or the packet or its answer is filtered";

/// A row's name and the check of each cell, in TOML.
type Row = (&'static str, [Option<String>; 5]);

/// Checks that call somebody, in the order of the columns. Where the end is the time it is short; else it is longer than any
/// machine needs.
fn calls(row: &'static str, kind: &str, more: &str, targets: [Option<SocketAddr>; 5]) -> Row {
    // What does not answer a ping is no answer: as with silence, the end is the time.
    let malformed = if kind == "ping" { Duration::from_secs(1) } else { LONG };
    let timeouts = [LONG, LONG, Duration::from_secs(1), Duration::from_millis(1500), malformed];
    let mut targets = targets.into_iter();
    let cells = timeouts.map(|timeout| {
        let timeout = timeout.as_millis();
        let target = targets.next().unwrap()?;
        let port = if target.port() == 0 { String::new() } else { format!("port = {}, ", target.port()) };
        let more = if more.is_empty() { String::new() } else { format!("{more}, ") };
        Some(format!("{kind} = {{ address = \"{}\", {port}{more}timeout = \"{timeout}ms\" }}", target.ip()))
    });
    (row, cells)
}

fn script(words: &[&str], timeout: &str) -> Option<String> {
    Some(format!("script = {{ command = {words:?}, timeout = \"{timeout}\" }}"))
}

/// Rows of those who are called over TCP, in this network. `secure`: one that is well, and speaks TLS.
fn over_tcp(full: SocketAddr, secure: SocketAddr) -> Vec<Row> {
    let web = mail(&[Say(""), Say("HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n")]);
    let mute = mail(&[Stay]);
    let not_ours = mail(&[Say("SSH-2.0-OpenSSH_9.2\r\n")]);
    let drips = mail(&[Say(""), Drip("HTTP/1.1 200 OK\r\nX")]);
    // A record of 16 KiB that begins as a server's greeting does.
    let drips_tls = mail(&[Drip("\x16\x03\x03\x40\x00\x02\0")]);
    let drips_mail = mail(&[Drip("220-x")]);
    let mail_server = mail(&[Say("220-a\r\n220 b\r\n"), Say("250 c\r\n"), Say("221 d\r\n")]);
    let nobody = Some(closed_tcp());
    vec![
        calls("`TCP_CHECK`", "tcp", "", [Some(web), nobody, Some(full), None, None]),
        calls("`HTTP_GET`", "http", "", [Some(web), nobody, Some(mute), Some(drips), Some(not_ours)]),
        calls(
            "`SSL_GET`",
            "http",
            "tls = { verify = false }",
            [Some(secure), nobody, Some(mute), Some(drips_tls), Some(not_ours)],
        ),
        calls("`SMTP_CHECK`", "smtp", "", [Some(mail_server), nobody, Some(mute), Some(drips_mail), Some(not_ours)]),
    ]
}

/// Rows of those who are asked with a datagram, in this network. What is slow comes after the time, as if it had not come.
fn over_udp() -> Vec<Row> {
    let slow = Duration::from_secs(3);
    let mute = Some(datagrams(silent));
    let nobody = Some(closed_udp());
    let echo = datagrams(|question| vec![question.to_vec()]);
    let other = datagrams(|question| vec![vec![question[0], !question[1]]]);
    let host = |last: u8| Some(SocketAddr::from(([10, 0, 0, last], 0)));
    let behind = |last: u8| Some(SocketAddr::from(([203, 0, 113, last], 0)));
    vec![
        calls(
            "`DNS_CHECK`",
            "dns",
            "",
            [
                Some(datagrams(|question| vec![answer(question, 0)])),
                nobody,
                mute,
                Some(late(slow, |question| answer(question, 0))),
                // It says that a record follows, and none does.
                Some(datagrams(|question| vec![changed(question, 7)])),
            ],
        ),
        calls("`UDP_CHECK`", "udp", ASKED, [Some(echo), nobody, mute, Some(late(slow, <[u8]>::to_vec)), Some(other)]),
        calls("`UDP_CHECK`, nothing asked", "udp", "", [Some(echo), nobody, mute, None, None]),
        calls("`PING_CHECK`", "ping", "", [host(2), behind(1), behind(2), host(4), host(5)]),
    ]
}

/// Rows of those who call nobody. `text` is a file that is no program.
fn local(text: &str) -> Vec<Row> {
    let file = |name: &str| Some(format!("file = {{ name = \"{name}\" }}"));
    let drips = "while echo x; do sleep 0.05; done";
    vec![
        (
            "`MISC_CHECK`",
            [
                script(&["/bin/true"], "1m"),
                script(&["/bin/false"], "1m"),
                script(&["/bin/sleep", "1000"], "500ms"),
                script(&["/bin/sh", "-c", drips], "500ms"),
                script(&[text], "1m"),
            ],
        ),
        ("`FILE_CHECK`", [file("good"), file("out"), file("missing"), None, file("malformed")]),
    ]
}

/// A file with a server for each cell, whose address has the numbers of row and column.
fn toml(rows: &[Row], folder: &Path) -> String {
    let mut text = String::new();
    for name in ["good", "out", "missing", "malformed"] {
        let path = folder.join(name);
        writeln!(text, "[[track-file]]\nname = \"{name}\"\npath = \"{}\"", path.display()).unwrap();
    }
    text.push_str("[[service]]\naddress = \"192.0.2.1:80\"\nserver = [\n");
    for (y, (_, cells)) in rows.iter().enumerate() {
        for (x, cell) in cells.iter().enumerate() {
            let Some(cell) = cell else { continue };
            let times = if cell.starts_with("file") { "" } else { ", interval = \"200ms\", retry = 0" };
            writeln!(text, "  {{ address = \"10.9.{y}.{x}\", check = {{ {cell}{times} }} }},").unwrap();
        }
    }
    text.push_str("]\n");
    text
}

/// The row as it stands in the README.
fn line(name: &str, cells: &[String]) -> String {
    let cells: String =
        cells.iter().map(|cell| if cell.is_empty() { " |".to_owned() } else { format!(" {cell} |") }).collect();
    format!("| {name} |{cells}")
}

/// Holds the README to these lines, or has it say them.
fn hold_the_readme_to(lines: &[String]) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../README.md");
    let readme = fs::read_to_string(&path).unwrap();
    let (before, rest) = readme.split_once(&format!("{HEAD}\n")).expect("the README has the table");
    let (ruler, rest) = rest.split_once('\n').unwrap();
    let after = rest.lines().position(|line| !line.starts_with('|')).unwrap();
    let kept: Vec<&str> = rest.lines().take(after).collect();
    if std::env::var_os("BLESS").is_some() {
        let after: String = rest.split_inclusive('\n').skip(after).collect();
        fs::write(&path, format!("{before}{HEAD}\n{ruler}\n{}\n{after}", lines.join("\n"))).unwrap();
        return;
    }
    for (kept, found) in kept.iter().zip(lines) {
        assert_eq!(kept, found, "a row of the README is not what a daemon says; BLESS=1 writes it anew");
    }
    assert_eq!(kept.len(), lines.len(), "rows of the README; BLESS=1 writes them anew");
}

native_test! {
    fn the_readme_has_the_reasons_that_people_see() {
        let mut lab = Topology::new("reasons");
        let (director, neighbour, odd) = (lab.node("director"), lab.node("neighbour"), lab.node("odd"));
        let segment = lab.segment("lan");
        segment.attach(&director, "eth0", &["10.0.0.1/24"]);
        // The way to one that is not there, and to one from where nothing comes back.
        segment.attach(&neighbour, "eth0", &["10.0.0.2/24"]);
        director.add_route("203.0.113.0/24 via 10.0.0.2");
        neighbour.set_sysctl("net.ipv4.ip_forward", "1");
        neighbour.add_route("unreachable 203.0.113.1");
        neighbour.add_route("blackhole 203.0.113.2");
        segment.attach(&odd, "eth0", &["10.0.0.4/24", "10.0.0.5/24"]);
        odd.set_sysctl("net.ipv4.icmp_echo_ignore_all", "1");
        odd.enter(|| {
            pings(Ipv4Addr::new(10, 0, 0, 4), Duration::from_secs(3), |_| {});
            pings(Ipv4Addr::new(10, 0, 0, 5), Duration::ZERO, |echo| echo.data.reverse());
        });

        let folder = tempfile::tempdir().unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
        for (name, content) in [("good", "3\n"), ("out", "-2147483648\n"), ("malformed", "three\n"), ("text", "no program\n")] {
            fs::write(at(name), content).unwrap();
        }
        fs::set_permissions(at("text"), fs::Permissions::from_mode(0o755)).unwrap();
        let pem = at("server.pem");
        let made = Command::new("openssl")
            .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "10"])
            .args(["-subj", "/CN=a.example.net", "-keyout", &pem, "-out", &at("certificate")])
            .output()
            .unwrap();
        assert!(made.status.success(), "{made:?}");
        fs::write(&pem, fs::read_to_string(&pem).unwrap() + &fs::read_to_string(at("certificate")).unwrap()).unwrap();
        let _haproxy = peers::haproxy(&director, &format!(
            "defaults\nmode http\ntimeout client 10s\ntimeout connect 10s\ntimeout server 10s\nfrontend secure\n\
             bind 127.0.0.1:8443 ssl crt {pem}\nhttp-request return status 200\n"
        ));
        let secure = SocketAddr::from((Ipv4Addr::LOCALHOST, 8443));
        wait_until(LONG, "HAProxy listens", || director.enter(|| TcpStream::connect(secure)).is_ok());

        let (_full, _first, full) = director.enter(full);
        let rows: Vec<Row> = director.enter(|| [over_tcp(full, secure), over_udp(), local(&at("text"))].concat());
        let ipvsd = Ipvsd::spawn(&director, "/etc/ipvsd.toml", &toml(&rows, folder.path()));
        ipvsd.wait_show("a verdict of every server", |snapshot| {
            let servers = servers(snapshot);
            !servers.is_empty() && servers.iter().all(|server| server["checks"][0]["ok"].is_boolean())
        });
        let snapshot = ipvsd.show();
        let mut lines = Vec::new();
        for (y, (name, cells)) in rows.iter().enumerate() {
            let cells: Vec<String> = cells.iter().enumerate().map(|(x, cell)| {
                if cell.is_none() {
                    return String::new();
                }
                let address = format!("10.9.{y}.{x}");
                let server = servers(&snapshot).iter().find(|server| server["address"] == *address).unwrap();
                let reason = server["reason"].as_str().unwrap();
                let anyway = UP_ANYWAY.contains(&(*name, x));
                let health = if x == 0 || anyway { "up" } else { "down" };
                assert_eq!(server["health"], health, "{name}, column {x}: {reason}");
                if anyway { format!("{reason} (up)") } else { reason.to_owned() }
            }).collect();
            lines.push(line(name, &cells));
        }
        for (way, cells) in PATHS {
            let way = match way {
                "nat" => "NAT",
                "direct" => "DR",
                other => other,
            };
            let cells: Vec<_> = cells.iter().map(|cell| (*cell).to_owned()).chain([String::new()]).collect();
            lines.push(line(&format!("`path_check`, {way}"), &cells));
        }
        hold_the_readme_to(&lines);
    }
}

lab_test! {
    /// The rows of paths. Of two servers one answers three seconds late, and whom nobody has is silent; on port 81 nobody listens.
    fn the_readme_has_the_reasons_of_paths() {
        let mut lab = Topology::new("reasons-paths");
        let lan = lab.segment("lan");
        let director = lab.node("director");
        lan.attach(&director, "eth0", &["10.0.0.1/24", "10.9.9.1/32", "10.9.9.2/32", "10.9.9.3/32"]);
        let nodes = [11_u8, 12].map(|number| {
            let node = lab.node(&format!("s{number}"));
            lan.attach(&node, "eth0", &[&format!("10.0.0.{number}/24")]);
            for (name, value) in [("arp_ignore", "1"), ("arp_announce", "2"), ("rp_filter", "0")] {
                node.set_sysctl(&format!("net.ipv4.conf.all.{name}"), value);
            }
            node.sh("modprobe ipip; ip link set tunl0 up; ip addr add 10.9.9.2/32 dev lo; ip addr add 10.9.9.3/32 dev lo");
            node.set_sysctl("net.ipv4.conf.tunl0.rp_filter", "0");
            // Nothing but its answers is late.
            let link = node.sh("cat /sys/class/net/eth0/address");
            director.sh(&format!("ip neigh replace 10.0.0.{number} lladdr {} dev eth0 nud permanent", link.trim()));
            node
        });
        let _web: Vec<_> = nodes.iter().map(|node| WebServer::start(node, "0.0.0.0:80")).collect();
        nodes[1].sh("tc qdisc add dev eth0 root netem delay 3s");
        let mut conf = String::new();
        for (number, (way, _)) in (1..).zip(PATHS) {
            for (port, servers) in [(80, &[11, 12, 99][..]), (81, &[11])] {
                let servers: Vec<_> = servers.iter().map(|last| format!("{{ address = \"10.0.0.{last}\" }}")).collect();
                writeln!(
                    conf,
                    "[[service]]\naddress = \"10.9.9.{number}:{port}\"\nforward = \"{way}\"\ncheck = {{ path = {{ timeout = \"1s\" }}, \
                     interval = \"200ms\", retry = 0 }}\nserver = [{}]",
                    servers.join(", ")
                )
                .unwrap();
            }
        }
        let ipvsd = Ipvsd::start_file(&director, "/etc/ipvsd/ipvsd.toml", &conf);
        for (number, (way, reasons)) in (1..).zip(PATHS) {
            for (what, reason, last, port) in
                [("well", reasons[0], 11, 80), ("refused", reasons[1], 11, 81), ("silent", reasons[2], 99, 80), ("slow", reasons[3], 12, 80)]
            {
                ipvsd.wait_show(&format!("{way}, {what}: {reason}"), |snapshot| {
                    let services = snapshot["balancer"]["services"].as_array().unwrap();
                    let service = services.iter().find(|service| {
                        service["address"] == format!("10.9.9.{number}") && service["port"] == port
                    });
                    let servers = service.unwrap()["servers"].as_array().unwrap();
                    let server = servers.iter().find(|server| server["address"] == format!("10.0.0.{last}")).unwrap();
                    server["reason"] == reason && server["health"] == if what == "well" { "up" } else { "down" }
                });
            }
        }
        ipvsd.stop();
    }
}
