//! Pages that checks ask for: digests, expressions, several of them, over TLS with certificates of our own; servers that do
//! harm with bodies; and the same beside keepalived and its `genhash`.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::process::Command;
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

use integration::nat::NatLab;
use integration::probing::{serve, track_check, wait_judged};
use integration::programs::bin;
use integration::web::Behaviour;
use integration::{Ipvsd, Topology, lab_test, native_test, peers, wait_until};
use ipvsd::model::{CheckKind, Config, Connect, Expression, HttpProbe, Identity, Page, Tls};
use ipvsd::shell::trackers::Trackers;
use ipvsd::vrrp::engine::Fact;
use socket2::SockRef;

/// Generous: what takes this long on the slowest machine is broken.
const LONG: Duration = Duration::from_secs(60);
const GOOD: &str = "answers as expected";
/// The sum of `hello world`.
const HELLO: [u8; 16] = 0x5eb6_3bbb_e01e_eed0_93cb_22bb_8f5a_cdc3_u128.to_be_bytes();

fn connect(target: SocketAddr) -> Connect {
    Connect { target, source_address: None, source_port: None, interface: None, mark: None }
}

fn page(digest: Option<[u8; 16]>, pattern: Option<&str>) -> Page {
    let expression = pattern.map(|pattern| Expression { pattern: pattern.to_owned(), ..Expression::default() });
    Page { digest, expression: expression.map(Box::new), ..Page::default() }
}

/// What is told of each of these probes, again and again, once each was told of three times; always the same.
fn verdicts(probes: Vec<(&str, Duration, HttpProbe)>) -> BTreeMap<String, (bool, String)> {
    let checks: Vec<_> = probes
        .into_iter()
        .map(|(name, timeout, probe)| track_check(name, CheckKind::Http(Arc::new(probe)), timeout))
        .collect();
    let (tell, facts) = channel();
    let tell = move |fact| {
        let _ = tell.send(fact);
    };
    let trackers = Trackers::spawn(tell, true).unwrap();
    trackers.configure(&Arc::new(Config { checks: checks.clone(), ..Config::default() }));
    let mut told: BTreeMap<String, Vec<(bool, String)>> = BTreeMap::new();
    wait_until(LONG, "three runs of each check", || {
        while let Ok(fact) = facts.try_recv() {
            if let Fact::Check { name, ok, detail } = fact {
                told.entry(name).or_default().push((ok, detail));
            }
        }
        checks.iter().all(|check| told.get(&check.name).is_some_and(|told| told.len() >= 3))
    });
    told.into_iter()
        .map(|(name, told)| {
            assert!(told.iter().all(|one| *one == told[0]), "{name}: {told:?}");
            (name, told[0].clone())
        })
        .collect()
}

/// Reads a request; gives its first line.
fn hear(stream: &mut TcpStream) -> String {
    let mut heard = Vec::new();
    let mut buffer = [0; 1024];
    while !heard.windows(4).any(|four| four == b"\r\n\r\n") {
        match stream.read(&mut buffer) {
            Ok(count) if count > 0 => heard.extend_from_slice(&buffer[..count]),
            Ok(_) | Err(_) => break,
        }
    }
    String::from_utf8_lossy(&heard).lines().next().unwrap_or_default().to_owned()
}

fn say(stream: &mut TcpStream, text: &str) {
    let _ = stream.write_all(text.as_bytes());
}

/// Waits until the other side has had enough.
fn stay(mut stream: TcpStream) {
    while stream.read(&mut [0; 1024]).is_ok_and(|count| count > 0) {}
}

#[test]
fn bodies_of_every_kind_are_judged_and_none_does_harm() {
    let plain = serve(|mut stream| {
        hear(&mut stream);
        say(&mut stream, "HTTP/1.0 200 OK\r\n\r\nhello world");
    });
    let kept_open = serve(|mut stream| {
        hear(&mut stream);
        say(&mut stream, "HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\nhello world");
        stay(stream);
    });
    let chunks = serve(|mut stream| {
        hear(&mut stream);
        for piece in
            ["HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel", "lo\r\n6\r\n world\r\n0\r", "\n\r\n"]
        {
            say(&mut stream, piece);
            thread::sleep(Duration::from_millis(10));
        }
        stay(stream);
    });
    let cut_off = serve(|mut stream| {
        hear(&mut stream);
        say(&mut stream, "HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\nhello world");
    });
    let resets = serve(|mut stream| {
        hear(&mut stream);
        say(&mut stream, "HTTP/1.1 200 OK\r\n\r\nhello");
        thread::sleep(Duration::from_millis(100));
        let _ = SockRef::from(&stream).set_linger(Some(Duration::ZERO));
    });
    let no_chunks = serve(|mut stream| {
        hear(&mut stream);
        say(&mut stream, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nhello world");
        stay(stream);
    });
    let no_chunks_and_over = serve(|mut stream| {
        hear(&mut stream);
        say(&mut stream, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nhello world");
    });
    let silent = serve(|mut stream| {
        hear(&mut stream);
        say(&mut stream, "HTTP/1.1 200 OK\r\n\r\n");
        stay(stream);
    });
    let drips = serve(|mut stream| {
        hear(&mut stream);
        say(&mut stream, "HTTP/1.1 200 OK\r\n\r\n");
        while stream.write_all(b"x").is_ok() {
            thread::sleep(Duration::from_millis(50));
        }
    });
    // A gigabyte and more, as fast as it goes.
    let floods = serve(|mut stream| {
        hear(&mut stream);
        say(&mut stream, "HTTP/1.1 200 OK\r\n\r\n");
        let piece = vec![b'x'; 1 << 20];
        while stream.write_all(&piece).is_ok() {}
    });
    let endless_head = serve(|mut stream| {
        hear(&mut stream);
        say(&mut stream, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;");
        let piece = vec![b'x'; 1 << 16];
        while stream.write_all(&piece).is_ok() {}
    });
    // Heads without end, and connections that end at each stage of one.
    let endless_fields = serve(|mut stream| {
        hear(&mut stream);
        say(&mut stream, "HTTP/1.1 200 OK\r\n");
        let fields = b"X-More: of this\r\n".repeat(1 << 12);
        while stream.write_all(&fields).is_ok() {}
    });
    let endless_line = serve(|mut stream| {
        hear(&mut stream);
        say(&mut stream, "HTTP/1.1 200 ");
        let piece = vec![b'x'; 1 << 16];
        while stream.write_all(&piece).is_ok() {}
    });
    let drips_fields = serve(|mut stream| {
        hear(&mut stream);
        say(&mut stream, "HTTP/1.1 200 OK\r\nX: ");
        while stream.write_all(b"x").is_ok() {
            thread::sleep(Duration::from_millis(50));
        }
    });
    let resets_at_once = serve(|stream| {
        let _ = SockRef::from(&stream).set_linger(Some(Duration::ZERO));
    });
    let resets_when_asked = serve(|mut stream| {
        hear(&mut stream);
        let _ = SockRef::from(&stream).set_linger(Some(Duration::ZERO));
    });
    let resets_in_its_line = serve(|mut stream| {
        hear(&mut stream);
        say(&mut stream, "HTTP/1.1 20");
        let _ = SockRef::from(&stream).set_linger(Some(Duration::ZERO));
    });
    let resets_in_its_head = serve(|mut stream| {
        hear(&mut stream);
        say(&mut stream, "HTTP/1.1 200 OK\r\nContent-Le");
        let _ = SockRef::from(&stream).set_linger(Some(Duration::ZERO));
    });
    let tls_resets_within = serve(|mut stream| {
        let _ = stream.read(&mut [0; 1024]);
        let _ = stream.write_all(b"\x16\x03\x03\x40\x00\x02\0\0");
        let _ = SockRef::from(&stream).set_linger(Some(Duration::ZERO));
    });
    let tls_closes = serve(|mut stream| {
        // All of it: who leaves something unread does not close, but resets.
        let _ = stream.read(&mut [0; 1 << 14]);
    });
    let by_path = serve(|mut stream| {
        let status = if hear(&mut stream).starts_with("GET /sick ") { "503 Sick" } else { "200 OK" };
        say(&mut stream, &format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n"));
    });
    // What does not come from anybody who speaks TLS, at each stage of the handshake.
    let tls_resets = serve(|mut stream| {
        let _ = stream.read(&mut [0; 1024]);
        let _ = SockRef::from(&stream).set_linger(Some(Duration::ZERO));
    });
    let tls_drips = serve(|mut stream| {
        // A record of 16 KiB that begins as a server's greeting does.
        let _ = stream.write_all(b"\x16\x03\x03\x40\x00\x02");
        while stream.write_all(b"\0").is_ok() {
            thread::sleep(Duration::from_millis(50));
        }
    });
    let tls_refuses = serve(|mut stream| {
        let _ = stream.read(&mut [0; 1024]);
        let _ = stream.write_all(b"\x15\x03\x03\x00\x02\x02\x28");
        stay(stream);
    });
    let tls_floods = serve(|mut stream| {
        // One greeting of 16 MiB, in as many records as it takes.
        let mut record = vec![0x16, 0x03, 0x03, 0x40, 0x00, 0x02, 0xff, 0xff, 0xff];
        record.resize(5 + 0x4000, 0);
        while stream.write_all(&record).is_ok() {}
    });
    let tls_chatters = serve(|mut stream| {
        // Warnings without end: `no_renegotiation`.
        let warnings = b"\x15\x03\x03\x00\x02\x01\x64".repeat(1000);
        while stream.write_all(&warnings).is_ok() {}
    });
    let tls = |target: SocketAddr| HttpProbe { tls: Some(Tls::default()), ..HttpProbe::new(connect(target)) };
    let named = |path: &str| Page { path: path.to_owned(), ..Page::default() };
    let of = |target: SocketAddr, pages: Vec<Page>| HttpProbe { pages, ..HttpProbe::new(connect(target)) };
    let sum = || page(Some(HELLO), None);
    let word = || page(None, Some("^hello w"));
    let unwanted = || {
        let mut page = word();
        page.expression.as_mut().unwrap().unwanted = true;
        page
    };
    let other = "answers with a page whose MD5 sum is another one";
    let cases = [
        ("plain, its sum", of(plain, vec![sum()]), GOOD),
        ("plain, its word", of(plain, vec![word()]), GOOD),
        ("plain, both", of(plain, vec![page(Some(HELLO), Some("world$"))]), GOOD),
        ("plain, another sum", of(plain, vec![page(Some([0; 16]), None)]), other),
        (
            "plain, another word",
            of(plain, vec![page(None, Some("xyz"))]),
            "answers with a page that does not match the expression",
        ),
        (
            "plain, an unwanted word",
            of(plain, vec![unwanted()]),
            "answers with a page that matches the expression, and must not",
        ),
        ("by length, kept open", of(kept_open, vec![sum()]), GOOD),
        ("in chunks, kept open", of(chunks, vec![page(Some(HELLO), Some("^hello world$"))]), GOOD),
        ("cut off", of(cut_off, vec![sum()]), "closes the connection before it has answered"),
        ("cut off, for its status", of(cut_off, vec![Page::default()]), GOOD),
        ("resets", of(resets, vec![sum()]), "resets the connection"),
        ("no chunks", of(no_chunks, vec![word()]), "does not answer in HTTP"),
        ("silent", of(silent, vec![word()]), "begins to answer and does not come to an end in time"),
        (
            "silent, for its status",
            of(silent, vec![Page::default()]),
            "begins to answer and does not come to an end in time",
        ),
        (
            "drips, for its status",
            of(drips, vec![Page::default()]),
            "begins to answer and does not come to an end in time",
        ),
        ("resets, for its status", of(resets, vec![Page::default()]), "resets the connection"),
        ("no chunks, for its status", of(no_chunks_and_over, vec![Page::default()]), GOOD),
        ("kept open, for its status", of(kept_open, vec![Page::default()]), GOOD),
        ("floods, for its status", of(floods, vec![Page::default()]), GOOD),
        ("drips", of(drips, vec![sum()]), "begins to answer and does not come to an end in time"),
        ("floods, its sum", of(floods, vec![sum()]), "answers with a page of more than 16 MiB"),
        ("floods, a word", of(floods, vec![word()]), "answers with a page that does not match the expression"),
        ("floods, no unwanted word", of(floods, vec![unwanted()]), GOOD),
        ("endless chunk head", of(endless_head, vec![word()]), "answers with a page of more than 16 MiB"),
        ("TLS: resets", tls(tls_resets), "resets the connection"),
        ("TLS: drips", tls(tls_drips), "accepts the connection and does not finish the TLS handshake in time"),
        ("TLS: refuses", tls(tls_refuses), "refuses TLS with alert 40"),
        ("TLS: floods", tls(tls_floods), "does not speak TLS"),
        ("TLS: chatters", tls(tls_chatters), "breaks the rules of TLS"),
        ("TLS: resets within a record", tls(tls_resets_within), "resets the connection"),
        ("TLS: closes", tls(tls_closes), "closes the connection before it has answered"),
        ("fields without end", of(endless_fields, vec![Page::default()]), "answers with endless headers"),
        ("a line without end", of(endless_line, vec![Page::default()]), "answers with endless headers"),
        (
            "drips fields",
            of(drips_fields, vec![Page::default()]),
            "begins to answer and does not come to an end in time",
        ),
        ("resets at once", of(resets_at_once, vec![Page::default()]), "resets the connection"),
        ("resets when asked", of(resets_when_asked, vec![Page::default()]), "resets the connection"),
        ("resets in its line", of(resets_in_its_line, vec![Page::default()]), "resets the connection"),
        ("resets in its head", of(resets_in_its_head, vec![Page::default()]), "resets the connection"),
        ("two pages", of(by_path, vec![named("/"), named("/well")]), GOOD),
        ("the first is sick", of(by_path, vec![named("/sick"), named("/well")]), "answers with status 503"),
        ("the last is sick", of(by_path, vec![named("/"), named("/well"), named("/sick")]), "answers with status 503"),
    ];
    let expected: BTreeMap<_, _> =
        cases.iter().map(|(name, _, detail)| ((*name).to_owned(), (*detail == GOOD, (*detail).to_owned()))).collect();
    // Where the end is the time, it is short; where so much is sent that it is a limit, long.
    let patience = |detail: &str| if detail.ends_with("in time") { Duration::from_millis(1500) } else { LONG };
    let found = verdicts(cases.into_iter().map(|(name, probe, detail)| (name, patience(detail), probe)).collect());
    assert_eq!(found, expected);
    let most = most_memory();
    assert!(most < 256 << 10, "{most} KiB");
}

/// Answers with these lines in the head, and a page.
fn answer_oddly(mut stream: TcpStream, lines: &str) {
    hear(&mut stream);
    say(&mut stream, &format!("HTTP/1.1 200 OK\r\n{lines}\r\nok, and so on\n"));
}

/// What this process has had in memory at most, in KiB.
fn most_memory() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.split_whitespace().next().unwrap().parse().unwrap()
}

/// The time of each page counts by itself: three that take most of it are well together.
#[test]
fn each_page_has_its_own_time() {
    let slow = serve(|mut stream| {
        hear(&mut stream);
        thread::sleep(Duration::from_millis(700));
        say(&mut stream, "HTTP/1.1 200 OK\r\n\r\n");
    });
    let pages = vec![Page::default(); 4];
    let probe = HttpProbe { pages, ..HttpProbe::new(connect(slow)) };
    let found = verdicts(vec![("slow", Duration::from_secs(2), probe)]);
    assert_eq!(found["slow"], (true, GOOD.to_owned()));
}

/// Certificates of an authority of the test's own, for a server and for us.
struct Certificates(tempfile::TempDir);

impl Certificates {
    fn new() -> Self {
        let this = Self(tempfile::tempdir().unwrap());
        this.openssl("req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.pem -days 10 -subj /CN=ipvsd-test");
        for (name, alternatives) in [("server", "DNS:a.example.net,DNS:b.example.net"), ("client", "DNS:client")] {
            this.openssl(&format!("req -newkey rsa:2048 -nodes -keyout {name}.key -out {name}.csr -subj /CN={name}"));
            fs::write(this.path(&format!("{name}.ext")), format!("subjectAltName={alternatives}\n")).unwrap();
            this.openssl(&format!(
                "x509 -req -in {name}.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 5 -extfile {name}.ext -out {name}.crt"
            ));
            let read = |ending: &str| fs::read_to_string(this.path(&format!("{name}.{ending}"))).unwrap();
            fs::write(this.path(&format!("{name}.pem")), read("crt") + &read("key")).unwrap();
        }
        for (name, kind) in [("p521", "ec -pkeyopt ec_paramgen_curve:P-521"), ("ed448", "ed448")] {
            this.openssl(&format!(
                "req -x509 -newkey {kind} -nodes -keyout {name}.key -out {name}.crt -days 5 -subj /CN={name}"
            ));
            let read = |ending: &str| fs::read_to_string(this.path(&format!("{name}.{ending}"))).unwrap();
            fs::write(this.path(&format!("{name}.pem")), read("crt") + &read("key")).unwrap();
        }
        this.openssl("pkcs8 -topk8 -in client.key -out locked.key -passout pass:secret");
        this.openssl("pkcs8 -topk8 -scrypt -in client.key -out scrypt.key -passout pass:secret");
        this
    }

    fn path(&self, name: &str) -> String {
        self.0.path().join(name).to_str().unwrap().to_owned()
    }

    fn openssl(&self, arguments: &str) {
        let output = Command::new("openssl").args(arguments.split(' ')).current_dir(self.0.path()).output().unwrap();
        assert!(output.status.success(), "openssl {arguments}: {}", String::from_utf8_lossy(&output.stderr));
    }
}

native_test! {
    fn pages_over_tls_with_our_own_certificate_and_the_hosts_name() {
        let files = Certificates::new();
        let (server, ca) = (files.path("server.pem"), files.path("ca.pem"));
        let (p521, ed448) = (files.path("p521.pem"), files.path("ed448.pem"));
        let mut lab = Topology::new("pages-tls");
        let node = lab.node("checker");
        let _haproxy = peers::haproxy(&node, &format!("
defaults
    mode http
    timeout client 10s
    timeout connect 10s
    timeout server 10s
frontend for_friends
    bind 127.0.0.1:8443 ssl crt {server} verify required ca-file {ca}
    http-request return status 200 content-type text/plain string \"hello world\"
frontend of_rare_kinds
    bind 127.0.0.1:8446 ssl crt {p521}
    bind 127.0.0.1:8447 ssl crt {ed448}
    http-request return status 200
frontend rejects
    bind 127.0.0.1:8445 ssl crt {server}
    http-request reject
frontend by_name
    bind 127.0.0.1:8444 ssl crt {server} strict-sni
    http-request return status 200 content-type text/plain string \"a\" if {{ ssl_fc_sni a.example.net }}
    http-request return status 200 content-type text/plain string \"b\" if {{ ssl_fc_sni b.example.net }}
"));
        wait_until(LONG, "HAProxy listens", || node.enter(|| TcpStream::connect("127.0.0.1:8444")).is_ok());
        let local = |port: u16| connect(SocketAddr::from(([127, 0, 0, 1], port)));
        let as_client = |key: Option<&str>, password: Option<&str>| {
            let certificate = files.path(if key.is_some() { "client.crt" } else { "client.pem" });
            let key = key.map(|key| files.path(key));
            let identity = Identity { certificate, key, password: password.map(str::to_owned) };
            HttpProbe {
                tls: Some(Tls { identity: Some(Box::new(identity)), ..Tls::default() }),
                pages: vec![page(Some(HELLO), None)],
                ..HttpProbe::new(local(8443))
            }
        };
        let by_host = |verify: bool, hosts: &[(&str, &str)]| HttpProbe {
            tls: Some(Tls {
                named_by_host: true,
                verify,
                authorities: Some(ca.clone()),
                ..Tls::default()
            }),
            pages: hosts
                .iter()
                .map(|(host, word)| Page { host: Some((*host).to_owned()), ..page(None, Some(word)) })
                .collect(),
            ..HttpProbe::new(local(8444))
        };
        let rejected = HttpProbe { tls: Some(Tls::default()), ..HttpProbe::new(local(8445)) };
        let stranger = HttpProbe { tls: Some(Tls::default()), ..as_client(None, None) };
        let orderly = HttpProbe {
            pages: vec![Page { orderly_close: true, ..page(Some(HELLO), None) }],
            ..as_client(None, None)
        };
        let friend = Tls { identity: None, authorities: Some(ca.clone()), named_by_host: true, verify: true, ..Tls::default() };
        let of_all_pages = HttpProbe { tls: Some(friend), host: Some("a.example.net".to_owned()), ..HttpProbe::new(local(8444)) };
        let cases = vec![
            ("the name of the host of all pages", of_all_pages, GOOD),
            ("certificate and key in one file", as_client(None, None), GOOD),
            ("in two", as_client(Some("client.key"), None), GOOD),
            ("a password that is not needed", as_client(Some("client.key"), Some("x")), GOOD),
            ("a locked key", as_client(Some("locked.key"), Some("secret")), GOOD),
            ("a key locked with scrypt", as_client(Some("scrypt.key"), Some("secret")), GOOD),
            ("an orderly end", orderly, GOOD),
            ("a certificate with P-521", HttpProbe { tls: Some(Tls::default()), ..HttpProbe::new(local(8446)) }, GOOD),
            ("a certificate with Ed448", HttpProbe { tls: Some(Tls::default()), ..HttpProbe::new(local(8447)) }, GOOD),
            ("without", stranger, "refuses TLS with alert"),
            ("who ends it after the request", rejected, "closes the connection before it has answered"),
            ("names of two hosts", by_host(true, &[("a.example.net", "^a$"), ("b.example.net:8444", "^b$")]), GOOD),
            ("a name that is not known", by_host(false, &[("a.example.net", "^a$"), ("c.example.net", "")]), "refuses TLS with alert"),
        ];
        let expected: Vec<_> = cases.iter().map(|(name, _, detail)| ((*name).to_owned(), *detail)).collect();
        // To unlock a key takes a while, in a build for tests.
        let probes: Vec<_> = cases.into_iter().map(|(name, probe, _)| (name, LONG, probe)).collect();
        let found = node.enter(|| verdicts(probes));
        for (name, detail) in expected {
            let (ok, said) = &found[&name];
            assert!(said.starts_with(detail) && *ok == (detail == GOOD), "{name}: {ok} {said}");
        }
    }

    /// The sum that `ipvsctl digest` prints is the one that keepalived's genhash prints.
    fn digests_are_those_of_genhash() {
        let files = Certificates::new();
        let server = files.path("server.pem");
        let mut lab = Topology::new("pages-digest");
        let node = lab.node("checker");
        let _haproxy = peers::haproxy(&node, &format!("
defaults
    mode http
    timeout client 10s
    timeout connect 10s
    timeout server 10s
frontend plain
    bind 127.0.0.1:8080
    bind 127.0.0.1:8443 ssl crt {server}
    http-request return status 200 content-type text/plain string \"of a host\" if {{ hdr(host) a.example.net }}
    http-request return status 404 content-type text/plain string \"not there\" if {{ path /gone }}
    http-request return status 200 content-type text/plain string \"hello world\"
"));
        wait_until(LONG, "HAProxy listens", || node.enter(|| TcpStream::connect("127.0.0.1:8443")).is_ok());
        let digest = |arguments: &str| node.command(bin("ipvsctl")).arg("digest").args(arguments.split(' ')).output();
        let genhash = |arguments: &str| node.command("genhash").args(arguments.split(' ')).ok().trim().to_owned();
        for (ours, theirs) in [
            ("http://127.0.0.1:8080/", "-s 127.0.0.1 -p 8080 -u /"),
            ("http://127.0.0.1:8080/x?y --http 1.0", "-s 127.0.0.1 -p 8080 -u /x?y -P 1.1"),
            ("http://a.example.net:81/ --host a.example.net --address 127.0.0.1:8080", "-s 127.0.0.1 -p 8080 -u / -V a.example.net"),
            ("http://a.example.net/ --address 127.0.0.1:8080", "-s 127.0.0.1 -p 8080 -u / -V a.example.net"),
            ("https://localhost:8443/", "-S -s 127.0.0.1 -p 8443 -u /"),
            ("http://127.0.0.1:8080/gone", "-s 127.0.0.1 -p 8080 -u /gone"),
        ] {
            let (ours, theirs) = (digest(ours).ok(), genhash(theirs));
            assert_eq!(ours, format!("{theirs}\n"));
            assert_eq!(theirs.len(), 32, "{theirs}");
        }
        let verbose = digest("-v http://127.0.0.1:8080/");
        assert!(verbose.stderr.contains("HTTP/1.1 200 OK") && verbose.stderr.contains("11 bytes"), "{verbose:?}");
        // The second address of a name is asked where the first refuses.
        node.write("/etc/hosts", "::1 both.example.net\n127.0.0.1 both.example.net\n");
        assert_eq!(digest("http://both.example.net:8080/").ok(), digest("http://127.0.0.1:8080/").ok());
        // Hints come before the answer that counts.
        let hinted = node.enter(|| TcpListener::bind("127.0.0.1:8081")).unwrap();
        thread::spawn(move || {
            for mut stream in hinted.incoming().flatten() {
                hear(&mut stream);
                say(&mut stream, "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 404 Gone\r\nContent-Length: 0\r\n\r\n");
            }
        });
        let hinted = digest("http://127.0.0.1:8081/");
        assert!(hinted.stderr.contains("status_code 404"), "{hinted:?}");
        // A name server that says nothing takes no longer than the whole may.
        let mute = node.enter(|| UdpSocket::bind("127.0.0.1:53")).unwrap();
        node.write("/etc/resolv.conf", "nameserver 127.0.0.1\noptions timeout:30 attempts:5\n");
        let unknown = node.command(bin("ipvsctl")).args(["--timeout", "1", "digest", "http://nowhere.example.net/"]).output();
        assert!(unknown.status.code() == Some(1) && unknown.stderr.contains("not looked up in time"), "{unknown:?}");
        drop(mute);
        let gone = digest("http://127.0.0.1:8080/gone");
        assert!(gone.stderr.contains("status_code 404"), "{gone:?}");
        for (arguments, status, said) in [
            ("http://127.0.0.1:1/", 1, "refuses the connection"),
            ("https://127.0.0.1:8080/", 1, "does not speak TLS"),
            ("https://127.0.0.1:8443/ --verify", 1, "its certificate"),
            ("ftp://127.0.0.1/", 2, "no URL"),
            ("http://127.0.0.1/ --address x", 2, "no address"),
        ] {
            let output = digest(arguments);
            assert!(output.status.code() == Some(status) && output.stderr.contains(said), "{arguments}: {output:?}");
            assert_eq!(output.stdout, "");
        }
    }
}

lab_test! {
    /// The same file, the same servers, the same table under both programs, and again when the servers change.
    fn the_same_servers_are_up_with_keepalived() {
        let net = NatLab::new("pages", 5);
        // What each server says is the name of its node, and a newline.
        let sum_of_s1 = net.director.sh("printf 's1\\n' | md5sum").split_whitespace().next().unwrap().to_owned();
        let conf = net.conf_with("rr", "delay_loop 1\n virtualhost www.example.net", |number| {
            let expected = match number {
                1 | 2 => format!("digest {sum_of_s1}"),
                // Without `$`, which keepalived 2.2.7 does not find at the end of a page.
                3 => "regex \"^s\\\\d\"".to_owned(),
                4 => "regex \"^s\\\\d\"\n regex_no_match".to_owned(),
                _ => "status_code 404 500-503".to_owned(),
            };
            format!(
                "HTTP_GET {{\n url {{\n path /\n {} \n}}\n url {{\n path /two\n {expected}\n }}\n connect_timeout 1\n retry 0\n delay_before_retry 1\n fast_recovery\n }}",
                if number == 5 { "status_code 404" } else { "" }
            )
        });
        let up = |table: &str| -> Vec<u8> { (11..=15).filter(|n| table.contains(&format!("-> 10.0.0.{n}:80 "))).collect() };
        let settles = |what: &str, expected: &[u8]| {
            let mut last = String::new();
            wait_until(LONG, what, || {
                let table = net.director.ipvs_table();
                if table != last {
                    println!("{what}:\n{table}");
                    last = table;
                }
                up(&last) == expected
            });
        };
        let run = |who: &str| {
            for server in &net.servers {
                server.behave(Behaviour::Answer);
            }
            settles(&format!("{who}: what is right"), &[11, 13]);
            net.servers[0].behave(Behaviour::Status(503));
            net.servers[4].behave(Behaviour::Status(404));
            settles(&format!("{who}: other statuses"), &[13, 15]);
            net.servers[2].behave(Behaviour::Hang);
            net.servers[0].behave(Behaviour::Answer);
            net.servers[4].behave(Behaviour::Reset);
            settles(&format!("{who}: one that hangs and one that resets"), &[11]);
        };
        let keepalived = peers::keepalived(&net.director, &conf);
        run("keepalived");
        let _ = keepalived.stop(LONG);
        wait_until(LONG, "keepalived's table is gone", || !net.director.ipvs_table().contains("10.0.0."));
        let _ipvsd = Ipvsd::start(&net.director, &conf);
        run("ipvsd");
    }

    /// From the words of a file to the handshake, and from an odd head to the verdict, beside keepalived.
    fn the_same_answers_and_handshakes_are_good_to_keepalived() {
        let files = Certificates::new();
        let (server, ca, other) = (files.path("server.pem"), files.path("ca.pem"), files.path("p521.crt"));
        let mut lab = Topology::new("pages-both");
        let director = lab.node("director");
        lab.segment("lan").attach(&director, "eth0", &["198.51.100.1/24"]);
        let _haproxy = peers::haproxy(&director, &format!("
defaults
    mode http
    timeout client 10s
    timeout connect 10s
    timeout server 10s
frontend for_all
    bind 127.0.0.1:8441 ssl crt {server}
    http-request return status 503 if {{ path /sick }}
    http-request return status 200
frontend for_friends
    bind 127.0.0.1:8442 ssl crt {server} verify required ca-file {ca}
    http-request return status 200
frontend for_others
    bind 127.0.0.1:8443 ssl crt {server} verify required ca-file {other}
    http-request return status 200
frontend by_name
    bind 127.0.0.1:8444 ssl crt {server} strict-sni
    http-request return status 200 content-type text/plain string \"a, and so on\" if {{ ssl_fc_sni a.example.net }}
    http-request return status 200 content-type text/plain string \"b, and so on\" if {{ ssl_fc_sni b.example.net }}
frontend plain
    bind 127.0.0.1:8445
    http-request return status 200
"));
        wait_until(LONG, "HAProxy listens", || director.enter(|| TcpStream::connect("127.0.0.1:8445")).is_ok());
        let odd = |head: fn(TcpStream)| director.enter(|| serve(head)).port();
        let blank = odd(|stream| answer_oddly(stream, "Server : x\r\nX Y: z\r\n: nobody\r\nno colon\r\n"));
        let control = odd(|stream| answer_oddly(stream, "Server: a\x01\x7f\r\n\x02: x\r\n"));
        let length = odd(|stream| answer_oddly(stream, "Content-Length : 2\r\nContent-Length: x\r\n"));
        let long = odd(|stream| answer_oddly(stream, &"X-More: of this\r\n".repeat(2000)));
        let a = "virtualhost a.example.net";
        // What it is, port, words of its check, of its page, and whether it is well: to us, and to keepalived.
        let cases = [
            ("TLS", 8441, "", "", true, true),
            ("TLS, sick", 8441, "", "path /sick", false, false),
            ("who must know us, and does", 8442, "", "", true, true),
            ("who must know us, and does not", 8443, "", "", false, false),
            ("no TLS", 8445, "", "", false, false),
            ("no TLS is wanted", 8445, "HTTP", "", true, true),
            ("TLS where none is wanted", 8441, "HTTP", "", false, false),
            ("no name", 8444, a, "", false, false),
            ("a name", 8444, "virtualhost a.example.net\nenable_sni", "digest db1bb9ebc4c454b26d7cdb8a254365c9", true, true),
            ("the page's name", 8444, "virtualhost a.example.net\nenable_sni", "virtualhost b.example.net\ndigest 392733d0ee5f3b381189842d659c9ed1", true, true),
            ("a name that is not known", 8444, "virtualhost c.example.net\nenable_sni", "", false, false),
            // A word of later versions: 2.2.7 tells no name.
            ("a name of its own", 8444, "virtualhost a.example.net\nsni_name b.example.net", "digest 392733d0ee5f3b381189842d659c9ed1", true, false),
            // Nobody looks at a certificate there.
            ("a certificate as it must be", 8444, "virtualhost a.example.net\nenable_sni\nverify", "", true, true),
            ("of an authority of the check's own", 8444, "virtualhost a.example.net\nenable_sni\nverify CA", "", true, true),
            ("of another authority", 8444, "virtualhost a.example.net\nenable_sni\nverify OTHER", "", false, true),
            ("for another name", 8441, "virtualhost c.example.net\nenable_sni\nverify", "", false, true),
            ("for no address", 8441, "verify", "", false, true),
            ("lines that are no fields", blank, "HTTP", "", true, true),
            ("lines that are no fields, and a page", blank, "HTTP", "digest 555a5fbc9914b4a242bd4ac53e22eafc", true, true),
            ("control characters", control, "HTTP", "digest 555a5fbc9914b4a242bd4ac53e22eafc", true, true),
            ("no length", length, "HTTP", "", true, true),
            ("a head of 34 kB", long, "HTTP", "", false, false),
        ];
        let times = "retry 0\nwarmup 0\ndelay_loop 1\ndelay_before_retry 1\nconnect_timeout 5\nconnect_ip 127.0.0.1";
        let address = |at: usize| Ipv4Addr::from([127, 0, 1, u8::try_from(at).unwrap() + 1]);
        let mut conf = format!(
            "SSL {{\nca {ca}\ncertificate {}\nkey {}\n}}\nvirtual_server 198.51.100.1 443 {{\nprotocol TCP\nlvs_method NAT\nlvs_sched rr\n",
            files.path("client.crt"), files.path("client.pem")
        );
        for (at, (_, port, check, page, ..)) in cases.iter().enumerate() {
            let (kind, check) = if *check == "HTTP" { ("HTTP_GET", "") } else { ("SSL_GET", *check) };
            let check = check.replace("CA", &ca).replace("OTHER", &other);
            let path = if page.starts_with("path") { "" } else { "path /" };
            let url = format!("url {{\n{path}\n{page}\n}}");
            conf += &format!("real_server {} {port} {{\n{kind} {{\n{times}\n{check}\n{url}\n}}\n}}\n", address(at));
        }
        conf += "}\n";
        let settles = |who: &str, is_well: fn(bool, bool) -> bool| {
            let mut last = Vec::new();
            wait_until(LONG, &format!("{who}: those that are well in the table, and nobody else"), || {
                let table = director.ipvs_table();
                let wrong = cases.iter().enumerate().filter(|(at, (_, port, .., ours, theirs))| {
                    table.contains(&format!("-> {}:{port} ", address(*at))) != is_well(*ours, *theirs)
                });
                let wrong: Vec<_> = wrong.map(|(_, (name, ..))| *name).collect();
                if wrong != last {
                    println!("{who}: not yet as it should be: {wrong:?}");
                    last.clone_from(&wrong);
                }
                wrong.is_empty()
            });
        };
        let ipvsd = Ipvsd::start(&director, &conf);
        wait_judged(&ipvsd);
        settles("ipvsd", |ours, _| ours);
        ipvsd.stop();
        wait_until(LONG, "ipvsd's table is gone", || !director.ipvs_table().contains("-> 127."));
        let _keepalived = peers::keepalived(&director, &conf);
        settles("keepalived", |_, theirs| theirs);
    }
}
