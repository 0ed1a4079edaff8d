//! Checks of mail servers, name servers, UDP services and hosts: against real ones, against every kind of bad one, and beside
//! keepalived's verdict of the same servers. The README's table of reasons is made by the bad ones ([`reasons`]).

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod reasons;
mod servers;

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use integration::probing::{track_check, wait_judged};
use integration::{Ipvsd, Node, Topology, lab_test, native_test, peers, wait_until};
use ipvsd::model::{
    BytePattern, CheckKind, Config, Connect, DnsProbe, DnsType, SmtpProbe, TrackCheck, UdpProbe, UdpReply,
};
use ipvsd::shell::trackers::Trackers;
use ipvsd::vrrp::engine::Fact;
use servers::Act::{Close, Drip, Flood, Reset, Say, Stay};
use servers::{answer, changed, closed_tcp, closed_udp, datagrams, elsewhere, mail, pings, silent, stray};

/// Generous: what takes this long on the slowest machine is broken.
const LONG: Duration = Duration::from_secs(60);

// ---- checks ----

fn smtp(target: SocketAddr) -> CheckKind {
    CheckKind::Smtp(Box::new(SmtpProbe { connect: Connect::to(target), helo: Some("lb.example.org".to_owned()) }))
}

fn dns(target: SocketAddr, name: &str, kind: DnsType) -> CheckKind {
    CheckKind::Dns(Box::new(DnsProbe { connect: Connect::to(target), name: name.parse().unwrap(), kind }))
}

fn udp(target: SocketAddr, reply: Option<UdpReply>) -> CheckKind {
    CheckKind::Udp(Box::new(UdpProbe { connect: Connect::to(target), payload: None, reply }))
}

/// What is asked, and what must be answered: bytes, each with those of its bits that count.
fn asks(target: SocketAddr, question: &[u8], answer: &[(u8, u8)]) -> CheckKind {
    let pattern: Vec<_> = answer.iter().map(|(value, mask)| BytePattern { value: *value, mask: *mask }).collect();
    let reply = UdpReply { shortest: u16::try_from(pattern.len()).unwrap(), longest: u16::MAX, pattern };
    CheckKind::Udp(Box::new(UdpProbe {
        connect: Connect::to(target),
        payload: Some(question.to_vec()),
        reply: Some(reply),
    }))
}

fn replies(shortest: u16, longest: u16) -> Option<UdpReply> {
    Some(UdpReply { pattern: Vec::new(), shortest, longest })
}

fn tcp(target: &str) -> CheckKind {
    CheckKind::Tcp(Connect::to(target.parse().unwrap()))
}

fn ping(address: &str) -> CheckKind {
    CheckKind::Ping(Connect::to(SocketAddr::new(address.parse().unwrap(), 0)))
}

/// What checks said, run by run.
struct Eyes {
    _trackers: Trackers,
    facts: Receiver<Fact>,
    told: BTreeMap<String, Vec<(bool, String)>>,
}

impl Eyes {
    fn open(checks: Vec<TrackCheck>) -> Self {
        let (tell, facts) = channel();
        let tell = move |fact| {
            let _ = tell.send(fact);
        };
        let trackers = Trackers::spawn(tell, true).unwrap();
        trackers.configure(&Arc::new(Config { checks, ..Config::default() }));
        Self { _trackers: trackers, facts, told: BTreeMap::new() }
    }

    fn look(&mut self) {
        while let Ok(fact) = self.facts.try_recv() {
            let Fact::Check { name, ok, detail } = fact else { panic!("{fact:?}") };
            self.told.entry(name).or_default().push((ok, detail));
        }
    }

    /// So many runs of each of these.
    fn wait_runs(&mut self, names: &[&str], runs: usize) {
        wait_until(LONG, &format!("{runs} runs of each of {names:?}"), || {
            self.look();
            names.iter().all(|name| self.told.get(*name).is_some_and(|told| told.len() >= runs))
        });
    }
}

/// How long a check with this end may take. Short where the end is the time; else longer than any machine needs.
fn patience(end: &str) -> Duration {
    match end {
        // Something has to be heard first.
        "begins to answer and does not come to an end in time" | "answers something else than what was asked" => {
            Duration::from_millis(1500)
        }
        "does not answer in time" | "accepts the connection and does not answer in time" | "does not refuse" => {
            Duration::from_secs(1)
        }
        _ => LONG,
    }
}

/// Every server again, and always the same words.
fn assert_always(cases: Vec<(&str, CheckKind, bool, &str)>) {
    let checks = cases.iter().map(|(name, kind, _, end)| track_check(name, kind.clone(), patience(end))).collect();
    let mut eyes = Eyes::open(checks);
    let names: Vec<_> = cases.iter().map(|(name, ..)| *name).collect();
    eyes.wait_runs(&names, 2);
    for (name, _, ok, expected) in cases {
        for (told, detail) in &eyes.told[name] {
            assert!(*told == ok && expected.split('|').any(|one| one == detail), "{name}: {told} {detail}");
        }
    }
}

#[test]
fn mail_servers_of_every_kind() {
    let cut = "closes the connection before it has answered|resets the connection";
    assert_always(vec![
        (
            "good",
            smtp(mail(&[Say("220-a\r\n220 b\r\n"), Say("250 c\r\n"), Say("221 d\r\n")])),
            true,
            "greets as a mail server does",
        ),
        ("busy", smtp(mail(&[Say("421 later\r\n")])), false, "greets with code 421 in place of 220"),
        (
            "choosy",
            smtp(mail(&[Say("220 a\r\n"), Say("550 b\r\n")])),
            false,
            "answers HELO with code 550 in place of 250",
        ),
        (
            "deaf at the end",
            smtp(mail(&[Say("220 a\r\n"), Say("250 b\r\n"), Say("500 c\r\n")])),
            true,
            "greets as a mail server does",
        ),
        ("not a mail server", smtp(mail(&[Say("SSH-2.0-OpenSSH_9.2\r\n")])), false, "does not speak SMTP"),
        ("two minds", smtp(mail(&[Say("220-a\r\n550 b\r\n")])), false, "does not speak SMTP"),
        ("silent", smtp(mail(&[Stay])), false, "accepts the connection and does not answer in time"),
        (
            "silent after its greeting",
            smtp(mail(&[Say("220 a\r\n"), Stay])),
            false,
            "begins to answer and does not come to an end in time",
        ),
        (
            "silent at the end",
            smtp(mail(&[Say("220 a\r\n"), Say("250 b\r\n"), Stay])),
            false,
            "begins to answer and does not come to an end in time",
        ),
        ("drips", smtp(mail(&[Drip("220-x")])), false, "begins to answer and does not come to an end in time"),
        (
            "drips at the end",
            smtp(mail(&[Say("220 a\r\n"), Say("250 b\r\n"), Drip("221 x")])),
            false,
            "begins to answer and does not come to an end in time",
        ),
        ("lines without end", smtp(mail(&[Flood("", "220-and on\r\n")])), false, "answers without end"),
        ("a line without end", smtp(mail(&[Flood("220 ", "x")])), false, "answers without end"),
        (
            "no end to its farewell",
            smtp(mail(&[Say("220 a\r\n"), Say("250 b\r\n"), Flood("221-", "x")])),
            false,
            "answers without end",
        ),
        ("what is no text", smtp(mail(&[Flood("", "\0")])), false, "does not speak SMTP"),
        ("closes at once", smtp(mail(&[Close])), false, cut),
        ("closes after its greeting", smtp(mail(&[Say("220 a\r\n"), Close])), false, cut),
        ("closes at the end", smtp(mail(&[Say("220 a\r\n"), Say("250 b\r\n"), Close])), false, cut),
        ("resets at once", smtp(mail(&[Reset("")])), false, cut),
        ("resets in its greeting", smtp(mail(&[Reset("220-a\r\n22")])), false, cut),
        ("resets in between", smtp(mail(&[Say("220 a\r\n"), Reset("")])), false, cut),
        ("resets at the end", smtp(mail(&[Say("220 a\r\n"), Say("250 b\r\n"), Reset("")])), false, cut),
        ("nobody", smtp(closed_tcp()), false, "refuses the connection: nobody listens there"),
    ]);
}

#[test]
fn datagram_servers_of_every_kind() {
    let ask = |answers: fn(&[u8]) -> Vec<Vec<u8>>| dns(datagrams(answers), "example.org", DnsType::A);
    let echo = |question: &[u8]| vec![question.to_vec()];
    assert_always(vec![
        ("dns good", ask(|question| vec![answer(question, 0)]), true, "answers the question"),
        (
            "dns noise first",
            ask(|question| vec![b"?".to_vec(), stray(question), answer(question, 0)]),
            true,
            "answers the question",
        ),
        (
            "dns fails",
            ask(|question| vec![answer(question, 2)]),
            false,
            "answers with the DNS error SERVFAIL: it fails",
        ),
        (
            "dns no such name",
            ask(|question| vec![answer(question, 3)]),
            false,
            "answers with the DNS error NXDOMAIN: there is no such name",
        ),
        ("dns breaks off", ask(|question| vec![changed(question, 7)]), false, "answers in broken DNS"),
        (
            "dns wrong number",
            ask(|question| vec![stray(question)]),
            false,
            "answers something else than what was asked",
        ),
        (
            "dns garbage",
            ask(|_| vec![vec![0xff; 512], Vec::new()]),
            false,
            "answers something else than what was asked",
        ),
        // The good answer lies behind more than is read at once.
        (
            "dns much noise first",
            ask(|question| std::iter::repeat_n(stray(question), 40).chain([answer(question, 0)]).collect()),
            true,
            "answers the question",
        ),
        (
            "dns other question",
            ask(|question| vec![changed(question, 14)]),
            false,
            "answers something else than what was asked",
        ),
        ("dns echo", ask(echo), false, "answers something else than what was asked"),
        // Megabytes, of which each datagram is as long as can be.
        (
            "dns floods",
            ask(|question| std::iter::repeat_n([stray(question), vec![0; 60_000]].concat(), 100).collect()),
            false,
            "answers something else than what was asked",
        ),
        (
            "dns from elsewhere",
            dns(elsewhere(|question| answer(question, 0)), "example.org", DnsType::A),
            false,
            "does not answer in time",
        ),
        ("dns silent", ask(silent), false, "does not answer in time"),
        ("dns nobody", dns(closed_udp(), ".", DnsType::Soa), false, "refuses the datagram: nobody listens there"),
        ("udp quiet", udp(datagrams(silent), None), true, "does not refuse"),
        ("udp echo", udp(datagrams(echo), replies(32, 32)), true, "answers as expected"),
        ("udp silent", udp(datagrams(silent), replies(0, 99)), false, "does not answer in time"),
        (
            "udp length",
            udp(datagrams(|_| vec![vec![0; 3]]), replies(4, 9)),
            false,
            "answers with 3 bytes, which is not a length that is expected",
        ),
        (
            "udp no bytes",
            udp(datagrams(|_| vec![Vec::new()]), replies(1, 9)),
            false,
            "answers with 0 bytes, which is not a length that is expected",
        ),
        (
            "udp very long",
            udp(datagrams(|_| vec![vec![0; 65_507]]), replies(1, 9)),
            false,
            "answers with 65507 bytes, which is not a length that is expected",
        ),
        ("udp from elsewhere", udp(elsewhere(<[u8]>::to_vec), replies(0, 99)), false, "does not answer in time"),
        ("udp nobody", udp(closed_udp(), None), false, "refuses the datagram: nobody listens there"),
    ]);
}

native_test! {
    /// dnsmasq and aiosmtpd as Debian ships them; a neighbour that is there, and one that is not.
    fn real_servers_and_hosts() {
        let mut lab = Topology::new("probes");
        let (router, neighbour) = (lab.node("router"), lab.node("neighbour"));
        let segment = lab.segment("lan");
        segment.attach(&router, "eth0", &["10.0.0.1/24", "fd00::1/64"]);
        segment.attach(&neighbour, "eth0", &["10.0.0.2/24", "fd00::2/64"]);
        let _name_server = router
            .command("dnsmasq")
            .args(["--keep-in-foreground", "--conf-file=/dev/null", "--no-resolv", "--no-hosts", "--port=53", "--log-facility=-"])
            .args(["--listen-address=127.0.0.1", "--bind-interfaces", "--address=/example.org/192.0.2.1", "--user=root"])
            .args(["--local=/example.org/", "--pid-file="])
            .spawn("dnsmasq");
        let _mail_server = router.command("aiosmtpd").args(["-n", "-l", "127.0.0.1:25"]).spawn("aiosmtpd");
        // A neighbour that is not there is known not to be after a second, and not three.
        for family in ["ipv4", "ipv6"] {
            router.set_sysctl(&format!("net.{family}.neigh.eth0.mcast_solicit"), "1");
        }
        for route in ["unreachable 203.0.113.0/24", "blackhole 198.51.100.0/24", "unreachable fd01::/64"] {
            router.add_route(route);
        }
        // Answers that are not ours.
        let odd = lab.node("odd");
        segment.attach(&odd, "eth0", &["10.0.0.4/24", "10.0.0.5/24", "10.0.0.6/24"]);
        odd.set_sysctl("net.ipv4.icmp_echo_ignore_all", "1");
        odd.enter(|| {
            pings(Ipv4Addr::new(10, 0, 0, 4), Duration::ZERO, |echo| echo.id ^= 1);
            pings(Ipv4Addr::new(10, 0, 0, 5), Duration::ZERO, |echo| echo.sequence ^= 1);
            pings(Ipv4Addr::new(10, 0, 0, 6), Duration::ZERO, |echo| echo.data.truncate(8));
        });
        wait_until(LONG, "both listen", || {
            ["127.0.0.1:25", "127.0.0.1:53"].iter().all(|address| router.enter(|| TcpStream::connect(address)).is_ok())
        });

        let local = |port: u16| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        // Which addresses does example.org have? 192.0.2.1, for as long as may be.
        let question = b"\x4f\x4b\x01\0\0\x01\0\0\0\0\0\0\x07example\x03org\0\0\x01\0\x01";
        let record = b"\xc0\x0c\0\x01\0\x01\0\0\0\0\0\x04\xc0\0\x02\x01";
        let mut found: Vec<_> = question.iter().chain(record).map(|byte| (*byte, 0xff)).collect();
        // An answer of which the server is sure, without an error, and one record in it.
        (found[2], found[3], found[7]) = ((0x84, 0x84), (0, 0x0f), (1, 0xff));
        for seconds in &mut found[question.len() + 6..question.len() + 10] {
            seconds.1 = 0;
        }
        let mut another = found.clone();
        another.last_mut().unwrap().0 = 2;
        let mut longer = found.clone();
        longer.push((0, 0));
        let cases = [
            ("a record as bytes", asks(local(53), question, &found), true, "answers as expected"),
            (
                "another record",
                asks(local(53), question, &another),
                false,
                "answers other bytes than the expected ones, from byte 44 on",
            ),
            ("half a question", asks(local(53), &question[..20], &found), false, "does not answer in time"),
            (
                "a longer record",
                asks(local(53), question, &longer),
                false,
                "answers with 45 bytes, which is not a length that is expected",
            ),
            ("mail as datagrams", asks(local(25), question, &found), false, "refuses the datagram: nobody listens there"),
            ("a name", dns(local(53), "example.org", DnsType::A), true, "answers the question"),
            ("no such record", dns(local(53), "www.example.org", DnsType::Mx), true, "answers the question"),
            ("not its name", dns(local(53), "example.net", DnsType::A), false, "REFUSED"),
            ("mail", smtp(local(25)), true, "greets as a mail server does"),
            ("mail at dns", smtp(local(53)), false, "accepts the connection and does not answer in time"),
            ("neighbour", ping("10.0.0.2"), true, "answers"),
            ("neighbour over IPv6", ping("fd00::2"), true, "answers"),
            ("ourselves", ping("127.0.0.1"), true, "answers"),
            ("another's number", ping("10.0.0.4"), false, "does not answer in time"),
            ("another answer", ping("10.0.0.5"), false, "does not answer in time"),
            ("half an answer", ping("10.0.0.6"), false, "does not answer in time"),
            ("nobody there", ping("10.0.0.9"), false, "host unreachable"),
            // As quiet as a server that works, but for what the host's own neighbour table says.
            ("datagrams to nobody", udp(SocketAddr::from(([10, 0, 0, 9], 514)), None), false, "host unreachable"),
            ("datagrams to nobody over IPv6", udp("[fd00::9]:514".parse().unwrap(), None), false, "host unreachable"),
            ("no way there", ping("192.0.2.1"), false, "no route to it"),
            // As routing daemons put them there when they have lost their neighbour.
            ("a route to nowhere", tcp("203.0.113.1:80"), false, "no route to it"),
            ("a route to nowhere over IPv6", tcp("[fd01::1]:80"), false, "no route to it"),
            ("a route into a hole", tcp("198.51.100.1:80"), false, "no route to it"),
            ("datagrams to nowhere", udp("203.0.113.1:514".parse().unwrap(), None), false, "no route to it"),
            ("nobody there over TCP", tcp("10.0.0.9:80"), false, "host unreachable"),
            ("nobody there over TCP and IPv6", tcp("[fd00::9]:80"), false, "host unreachable"),
        ];
        let checks = cases.iter().map(|(name, kind, _, end)| track_check(name, kind.clone(), patience(end))).collect();
        let mut eyes = router.enter(|| Eyes::open(checks));
        eyes.wait_runs(&cases.each_ref().map(|(name, ..)| *name), 2);
        for (name, _, ok, expected) in cases {
            for (told, detail) in &eyes.told[name] {
                assert!(*told == ok && detail.contains(expected), "{name}: {told} {detail}");
            }
        }

        // Where the group may not ping, a raw socket does it; that the setting stays as it is, is the point.
        drop(eyes);
        for range in ["1\t0", "0\t2147483647"] {
            router.set_sysctl("net.ipv4.ping_group_range", range);
            let pings = ["10.0.0.2", "fd00::2", "127.0.0.1", "::1"];
            let checks = pings.iter().map(|address| track_check(address, ping(address), LONG)).collect();
            let mut eyes = router.enter(|| Eyes::open(checks));
            eyes.wait_runs(&pings, 3);
            assert!(eyes.told.values().flatten().all(|(ok, _)| *ok), "with {range}: {:?}", eyes.told);
            assert_eq!(router.sysctl("net.ipv4.ping_group_range").split_whitespace().collect::<Vec<_>>(), range.split('\t').collect::<Vec<_>>());
        }
    }
}

/// Where calls arrived, and from whom: by the port that was called.
type Calls = Arc<Mutex<BTreeMap<u16, BTreeSet<(&'static str, SocketAddr)>>>>;

/// Notes who calls these ports of an address, over TCP or, where it is an even one, over UDP with an answer.
fn note_calls(node: &Node, name: &'static str, address: IpAddr, ports: impl Iterator<Item = u16>, calls: &Calls) {
    for port in ports {
        let calls = Arc::clone(calls);
        let note = move |from: SocketAddr| {
            calls.lock().unwrap().entry(port).or_default().insert((name, from));
        };
        if port % 2 == 0 {
            let socket = node.enter(|| UdpSocket::bind((address, port))).unwrap();
            thread::spawn(move || {
                while let Ok((_, from)) = socket.recv_from(&mut [0; 99]) {
                    note(from);
                    let _ = socket.send_to(b"well", from);
                }
            });
        } else {
            let listener = node.enter(|| TcpListener::bind((address, port))).unwrap();
            thread::spawn(move || {
                listener.incoming().flatten().filter_map(|call| call.peer_addr().ok()).for_each(note)
            });
        }
    }
}

native_test! {
    /// Two hosts have one address, and two ways lead there: which one a check takes is seen where it arrives.
    fn checks_take_the_way_that_they_are_told() {
        let mut lab = Topology::new("ways");
        let (router, near, far) = (lab.node("router"), lab.node("near"), lab.node("far"));
        let (one, other) = (lab.segment("one"), lab.segment("other"));
        one.attach(&router, "eth0", &["10.0.0.1/24", "10.0.0.7/24"]);
        one.attach(&near, "eth0", &["10.0.0.2/24"]);
        other.attach(&router, "eth1", &["10.0.1.1/24"]);
        other.attach(&far, "eth0", &["10.0.1.2/24"]);
        for interface in ["all", "eth0", "eth1"] {
            router.set_sysctl(&format!("net.ipv4.conf.{interface}.rp_filter"), "0");
        }
        for route in ["192.0.2.9 via 10.0.0.2", "192.0.2.9 via 10.0.1.2 metric 100", "192.0.2.9 via 10.0.1.2 table 7"] {
            router.add_route(route);
        }
        router.command("ip").args(["rule", "add", "fwmark", "7", "table", "7"]).ok();
        let address = IpAddr::from([192, 0, 2, 9]);
        let calls = Calls::default();
        for (node, name) in [(&near, "near"), (&far, "far")] {
            node.add_address("lo", "192.0.2.9/32");
            note_calls(node, name, address, 1001..1010, &calls);
        }
        let to = |port: u16| Connect::to(SocketAddr::new(address, port));
        let cases = [
            ("as routes say", to(1001), "near", "10.0.0.1", None),
            ("a mark", Connect { mark: Some(7), ..to(1003) }, "far", "10.0.1.1", None),
            ("an interface", Connect { interface: Some("eth1".to_owned()), ..to(1005) }, "far", "10.0.1.1", None),
            ("a source", Connect { source_address: Some([10, 0, 0, 7].into()), ..to(1007) }, "near", "10.0.0.7", None),
            ("a port", Connect { source_port: Some(2009), ..to(1009) }, "near", "10.0.0.1", Some(2009)),
            ("UDP as routes say", to(1002), "near", "10.0.0.1", None),
            ("UDP with a mark", Connect { mark: Some(7), ..to(1004) }, "far", "10.0.1.1", None),
            ("UDP by an interface", Connect { interface: Some("eth1".to_owned()), ..to(1006) }, "far", "10.0.1.1", None),
            (
                "UDP from a source and a port",
                Connect { source_address: Some([10, 0, 0, 7].into()), source_port: Some(2008), ..to(1008) },
                "near",
                "10.0.0.7",
                Some(2008),
            ),
        ];
        let kind = |connect: &Connect| match connect.target.port() % 2 {
            0 => CheckKind::Udp(Box::new(UdpProbe { connect: connect.clone(), payload: None, reply: replies(4, 4) })),
            _ => CheckKind::Tcp(connect.clone()),
        };
        let checks = cases.iter().map(|(name, connect, ..)| track_check(name, kind(connect), LONG)).collect();
        let mut eyes = router.enter(|| Eyes::open(checks));
        eyes.wait_runs(&cases.each_ref().map(|(name, ..)| *name), 2);
        assert!(eyes.told.values().flatten().all(|(ok, _)| *ok), "{:?}", eyes.told);
        let calls = calls.lock().unwrap();
        for (name, connect, host, source, port) in cases {
            for (arrived, from) in &calls[&connect.target.port()] {
                assert_eq!((*arrived, from.ip().to_string().as_str()), (host, source), "{name}");
                assert!(port.is_none_or(|port| from.port() == port), "{name}: from {from}");
            }
        }
    }
}

// ---- beside keepalived ----

/// A server on the director's loopback interface, the check of it, and whether it is well.
struct Case {
    name: &'static str,
    server: SocketAddr,
    check: &'static str,
    well: bool,
}

fn cases() -> Vec<Case> {
    let mail = |name, acts, well| Case { name, server: mail(acts), check: "SMTP_CHECK {\nTIMES\n}", well };
    let dns = |name, answers, well| Case {
        name,
        server: datagrams(answers),
        check: "DNS_CHECK {\ntype A\nname example.org\nTIMES\n}",
        well,
    };
    let udp = |name, answers, check, well| Case { name, server: datagrams(answers), check, well };
    let echo: fn(&[u8]) -> Vec<Vec<u8>> = |question| vec![question.to_vec()];
    vec![
        mail("mail good", &[Say("220 a\r\n"), Say("250 b\r\n"), Say("221 c\r\n")], true),
        mail("mail in lines", &[Say("220-a\r\n220 a\r\n"), Say("250-b\r\n250 b\r\n"), Say("221 c\r\n")], true),
        mail("mail silent at the end", &[Say("220 a\r\n"), Say("250 b\r\n"), Stay], false),
        mail("mail closes at the end", &[Say("220 a\r\n"), Say("250 b\r\n"), Close], false),
        mail("mail deaf at the end", &[Say("220 a\r\n"), Say("250 b\r\n"), Say("500 c\r\n")], true),
        dns("dns wrong number", |question| vec![stray(question)], false),
        dns("dns echo", |question| vec![question.to_vec()], false),
        dns("dns other question", |question| vec![changed(question, 14)], false),
        dns("dns broken", |question| vec![changed(question, 7)], false),
        udp(
            "udp pattern too short",
            echo,
            "UDP_CHECK {\npayload 4f\nrequire_reply 4f\nmin_reply_length 2\nTIMES\n}",
            false,
        ),
        mail("mail busy", &[Say("421 a\r\n")], false),
        mail("mail choosy", &[Say("220 a\r\n"), Say("550 b\r\n")], false),
        mail("mail silent", &[Stay], false),
        mail("mail closes", &[Close], false),
        dns("dns good", |question| vec![answer(question, 0)], true),
        dns("dns no such name", |question| vec![answer(question, 3)], false),
        dns("dns refused", |question| vec![answer(question, 5)], false),
        dns("dns silent", silent, false),
        udp("udp quiet", silent, "UDP_CHECK {\nTIMES\n}", true),
        udp("udp answered", echo, "UDP_CHECK {\npayload 4f 4b\nrequire_reply 4X 4b\nTIMES\n}", true),
        udp("udp answered wrong", echo, "UDP_CHECK {\npayload 4f 4b\nrequire_reply 5X 4b\nTIMES\n}", false),
        udp("udp short", echo, "UDP_CHECK {\npayload 4f\nrequire_reply 4f 4b\nTIMES\n}", true),
        udp("udp too short", echo, "UDP_CHECK {\npayload 4f\nrequire_reply\nmin_reply_length 2\nTIMES\n}", false),
        udp("udp silent", silent, "UDP_CHECK {\nrequire_reply\nTIMES\n}", false),
        Case { name: "udp nobody", server: closed_udp(), check: "UDP_CHECK {\nTIMES\n}", well: false },
        Case { name: "dns nobody", server: closed_udp(), check: "DNS_CHECK {\nTIMES\n}", well: false },
        Case { name: "ping", server: closed_tcp(), check: "PING_CHECK {\nTIMES\n}", well: true },
    ]
}

/// What keepalived 2.2.7 takes for the opposite of what it is to us, and why.
const OTHERWISE: [(&str, &str); 4] = [
    ("mail in lines", "it knows no greeting of several lines, and takes the server out"),
    ("dns other question", "it goes by the number alone"),
    ("dns broken", "it goes by the number and the error code alone"),
    ("udp too short", "it forgets the length where no bytes are expected, other than its manual says"),
];

/// The servers that the kernel's table has.
fn in_table(node: &Node) -> BTreeSet<String> {
    let table = node.ipvs_table();
    table
        .lines()
        .filter_map(|line| line.trim().strip_prefix("-> 127.")?.split(' ').next().map(|rest| format!("127.{rest}")))
        .collect()
}

lab_test! {
    /// The same servers, the same file, the same table but for what is known.
    fn keepalived_comes_to_the_same_verdicts() {
        let mut lab = Topology::new("probes-both");
        let director = lab.node("director");
        let segment = lab.segment("lan");
        segment.attach(&director, "eth0", &["198.51.100.1/24"]);
        let cases = director.enter(cases);
        let times = "retry 0\nwarmup 0\ndelay_loop 1\ndelay_before_retry 1\nconnect_timeout 2";
        let servers: String = cases
            .iter()
            .map(|case| {
                let check = case.check.replace("TIMES", times);
                format!("real_server {} {} {{\n{check}\n}}\n", case.server.ip(), case.server.port())
            })
            .collect();
        let conf = format!("virtual_server 198.51.100.1 80 {{\nprotocol TCP\nlvs_method NAT\nlvs_sched rr\n{servers}}}\n");
        let settled = |whose: &str, otherwise: &[(&str, &str)]| {
            let mut last = Vec::new();
            let took = wait_until(LONG, &format!("{whose}: those that are well in the table, and nobody else"), || {
                let found = in_table(&director);
                let wrong = cases.iter().filter(|case| {
                    let well = case.well != otherwise.iter().any(|(name, _)| *name == case.name);
                    found.contains(&case.server.to_string()) != well
                });
                let wrong: Vec<_> = wrong.map(|case| case.name).collect();
                if wrong != last {
                    println!("{whose}: not yet as it should be: {wrong:?}");
                    last.clone_from(&wrong);
                }
                wrong.is_empty()
            });
            println!("{whose}: settled after {took:?}");
        };
        let ipvsd = Ipvsd::start(&director, &conf);
        wait_judged(&ipvsd);
        settled("ipvsd", &[]);
        ipvsd.stop();
        assert_eq!(in_table(&director), BTreeSet::new());
        let _keepalived = peers::keepalived(&director, &conf);
        settled("keepalived", &OTHERWISE);
    }

    /// Where no answer is asked for, only the whole time without a refusal says "up", to both: a host that is gone is told of by the
    /// kernel after three seconds, and a check that believed a shorter silence would say "up" of it.
    fn a_silence_is_heard_to_its_end() {
        let mut lab = Topology::new("probes-silence");
        let director = lab.node("director");
        let segment = lab.segment("lan");
        segment.attach(&director, "eth0", &["198.51.100.1/24"]);
        let server = director.enter(|| datagrams(silent));
        let conf = format!(
            "virtual_server 198.51.100.1 80 {{\nalpha\nprotocol UDP\nlvs_method NAT\nlvs_sched rr\nreal_server {} {} {{\nUDP_CHECK {{\n\
             retry 0\nwarmup 0\ndelay_loop 1\nconnect_timeout 4\n}}\n}}\n}}\n",
            server.ip(),
            server.port()
        );
        for is_ours in [true, false] {
            let started = Instant::now();
            let ipvsd = is_ours.then(|| Ipvsd::start(&director, &conf));
            let keepalived = (!is_ours).then(|| peers::keepalived(&director, &conf));
            wait_until(LONG, "the server in the table", || in_table(&director).contains(&server.to_string()));
            let took = started.elapsed();
            println!("{}: {took:?}", if is_ours { "ipvsd" } else { "keepalived" });
            assert!(took >= Duration::from_secs(4), "{took:?}");
            if let Some(ipvsd) = ipvsd {
                ipvsd.stop();
                assert_eq!(in_table(&director), BTreeSet::new());
            }
            drop(keepalived);
        }
    }
}
