//! haproxy.cfg to our own language: what comes out, and what is said of the rest.

use std::net::IpAddr;
use std::path::Path;

use proptest::prelude::{Just, ProptestConfig, Strategy, any, prop_oneof, proptest};
use proptest::{collection, sample};

use super::{Texts, beside, schema, toml};
use crate::config::haproxy::words::{Fate, Parameters, Words};
use crate::config::{Code, Converted, Severity, convert_haproxy};

const TCP: &str = "defaults\n mode tcp\n timeout connect 5s\n timeout client 5s\n timeout server 5s\n";

fn converted(text: &[u8], addresses: &[&str]) -> Converted {
    let addresses: Vec<IpAddr> = addresses.iter().map(|address| address.parse().unwrap()).collect();
    let converted = convert_haproxy(Path::new("haproxy.cfg"), &addresses, &Texts::new([("haproxy.cfg", text)]));
    // Whatever goes in: what comes out loads, and means what was understood.
    assert_eq!(converted.lost, Vec::<String>::new(), "{:?}", converted.text);
    if let Some(document) = &converted.text {
        let again = toml(document);
        assert_eq!(again.config, converted.loaded.config, "{document}\n{}", again.report.render(false));
        assert_eq!(again.report.worst().filter(|worst| *worst == Severity::Error), None, "{document}");
        assert_eq!(schema::unsuitable(document), Vec::<String>::new(), "{document}");
    }
    converted
}

/// The document without its comments, and every remark on a line.
pub(super) fn of(text: &str, addresses: &[&str]) -> (String, Vec<String>) {
    let converted = converted(text.as_bytes(), addresses);
    let bare = |line: &&str| !line.is_empty() && !line.starts_with('#');
    let document = converted.text.as_deref().unwrap_or("").lines().filter(bare).collect::<Vec<_>>().join("\n");
    let report = &converted.loaded.report;
    (document, report.diagnostics().iter().map(|said| report.line(said)).collect())
}

/// A `listen` of these lines.
#[track_caller]
fn listen(lines: &str, expected: &str) -> Vec<String> {
    let (document, said) = of(&format!("{TCP}listen web\n{lines}"), &[]);
    let own = document.strip_prefix("[[service]]\n").unwrap_or(&document);
    assert_eq!(own, expected, "{said:#?}");
    said
}

fn sample(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("integration").join(name);
    std::fs::read_to_string(path).unwrap()
}

#[test]
fn the_files_that_people_have() {
    let (document, said) = of(&sample("tests/ctl/haproxy/kubernetes.cfg"), &[]);
    assert_eq!(
        document,
        r#"[[service]]
address = "192.0.2.10:6443"
scheduler = "rr"
check = { tcp = { timeout = "3s" }, interval = "3s", retry-interval = "3s" }
server = [
    { address = "10.0.0.11:6443" },
    { address = "10.0.0.12:6443" },
    { address = "10.0.0.13:6443" },
]"#
    );
    assert!(said.iter().all(|line| !line.contains("error[")), "{said:#?}");
    // Every address of the host: somebody has to say which.
    let demo = sample("src/demo/haproxy.cfg");
    let (document, said) = of(&demo, &[]);
    assert_eq!(document, "");
    assert!(said.iter().any(|line| line.starts_with("haproxy.cfg:32:10: error[C603]: `0.0.0.0:8443`")), "{said:#?}");
    let (document, said) = of(&demo, &["192.0.2.9", "2001:db8::9"]);
    assert!(document.starts_with("[[service]]\naddress = \"192.0.2.9:8443\"\nscheduler = \"rr\"\n"), "{document}");
    assert!(said.iter().any(|line| line.contains("`listen haproxy-stats` speaks HTTP")), "{said:#?}");
}

#[test]
fn what_haproxy_and_ipvs_both_can() {
    let converted = converted(sample("tests/ctl/haproxy/many.cfg").as_bytes(), &[]);
    assert_ne!(converted.loaded.report.worst(), Some(Severity::Error));
    insta::assert_snapshot!(converted.text.unwrap());
}

/// Documents that hold such a file, by their place: nothing of them is kept here.
#[test]
fn the_seeds() {
    let Some(folder) = beside("seeds") else { return };
    let mut services = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let text = std::fs::read_to_string(entry.unwrap().path()).unwrap();
        let from = text.lines().position(|line| line.trim() == "global");
        let lines = text.lines().skip(from.unwrap_or(usize::MAX));
        let own = lines.take_while(|line| !line.starts_with("```") && *line != "EOF").collect::<Vec<_>>().join("\n");
        let (document, _) = of(&own, &["192.0.2.10"]);
        services += document.matches("[[service]]").count();
    }
    assert!(services >= 2, "{services}");
}

#[test]
fn balance_becomes_a_scheduler() {
    let two = " bind 192.0.2.1:80\n server a 10.0.0.1:80\n server b 10.0.0.2:80";
    for (lines, scheduler) in [
        ("", "scheduler = \"rr\"\n"),
        (" weight 2", "scheduler = \"wrr\"\n"),
        ("\n balance static-rr", "scheduler = \"rr\"\n"),
        ("\n balance leastconn", "scheduler = \"lc\"\n"),
        (" weight 2\n balance leastconn", ""),
        ("\n balance source", "scheduler = \"sh\"\nflags = [\"sh-fallback\"]\n"),
        ("\n balance source\n hash-type consistent", "scheduler = \"mh\"\nflags = [\"mh-fallback\"]\n"),
        ("\n balance random(2)", ""),
        ("\n balance first", "scheduler = \"fo\"\n"),
    ] {
        let (document, said) = of(&format!("{TCP}listen web\n{two}{lines}\n"), &[]);
        let head = format!("[[service]]\naddress = \"192.0.2.1:80\"\n{scheduler}server = [\n");
        assert!(document.starts_with(&head), "{lines}: {document}\n{said:#?}");
    }
    let (document, said) = of(&format!("{TCP}listen web\n{two}\n balance rdp-cookie\n"), &[]);
    assert!(document.contains("\"rr\"") && said.iter().any(|line| line.contains("10:10: error[C603]")), "{said:#?}");
}

#[test]
fn binds() {
    let server = " server a 10.0.0.1:81\n";
    for (bind, listening) in [
        ("192.0.2.1:80", "address = \"192.0.2.1:80\""),
        ("ipv4@192.0.2.1:80 name x", "address = \"192.0.2.1:80\""),
        ("192.0.2.1:80-81", "name = \"web\"\naddresses = [\"192.0.2.1:80\", \"192.0.2.1:81\"]"),
        ("192.0.2.1:80,192.0.2.1:80", "address = \"192.0.2.1:80\""),
        ("*:80", "name = \"web\"\naddresses = [\"192.0.2.8-192.0.2.9:80\"]"),
        (":80\n bind :::80", "name = \"web\"\naddresses = [\"192.0.2.8-192.0.2.9:80\"]"),
    ] {
        let text = format!("{TCP}listen web\n bind {bind}\n{server}");
        let (document, said) = of(&text, &["192.0.2.8", "192.0.2.9", "2001:db8::9"]);
        assert!(document.starts_with(&format!("[[service]]\n{listening}\n")), "{bind}: {document}\n{said:#?}");
    }
    for (bind, remark) in [
        ("*:80", "error[C603]: `*:80` is every address"),
        (":::80 v6only", "error[C603]: `:::80` is every address"),
        ("192.0.2.1:443 ssl crt /x.pem", "warning[C601]: IPVS ends no TLS"),
        ("127.0.0.1:80", "warning[C601]: 127.0.0.1 is called by this host alone"),
        ("/run/x.sock", "warning[C601]: IPVS cannot listen to a UNIX socket"),
        ("fd@3", "warning[C601]: IPVS cannot listen to an inherited descriptor"),
        ("[2001:db8::1]:80", "warning[C601]: no server can take what comes to 2001:db8::1"),
        ("www.example.com:80", "error[C603]: `bind` has a name"),
        ("x.x.x.x:80", "error[C402]: `x.x.x.x` was never filled in"),
        ("192.0.2.1:0", "error[C401]: `bind` cannot be"),
        ("192.0.2.1", "error[C401]: `bind` cannot be"),
    ] {
        let (document, said) = of(&format!("{TCP}listen web\n bind {bind}\n{server}"), &[]);
        assert_eq!(document, "", "{bind}");
        assert!(
            said.iter().any(|line| line.starts_with("haproxy.cfg:7:") && line.contains(remark)),
            "{bind}: {said:#?}"
        );
    }
}

#[test]
fn servers() {
    let bind = " bind 192.0.2.1:80\n";
    let head = "address = \"192.0.2.1:80\"\nscheduler = ";
    let lines = " option tcp-check\n tcp-check connect port 9200\n server a 10.0.0.1:80 check\n";
    let checked = |port: &str, lines: &str| {
        let (document, said) = of(&format!("{TCP}listen web\n acl x src 10.0.0.0/8\n{bind}{lines}"), &[]);
        assert_eq!(document.contains(port), port != "none" && lines.contains("option"), "{document}");
        assert!(!document.contains("9200") || lines.contains("option"), "without the option haproxy ignores it");
        assert!(said.iter().any(|line| line.contains("names a condition")), "{said:#?}");
    };
    checked("9200", lines);
    checked("9200", &lines.replace(" option tcp-check\n", ""));
    listen(
        &format!("{bind} server a 10.0.0.1\n"),
        &format!("{head}\"rr\"\nserver = [{{ address = \"10.0.0.1:80\" }}]"),
    );
    listen(
        &format!("{bind} server a 10.0.0.1:+8000 check\n"),
        &format!(
            "{head}\"rr\"\ncheck = {{ tcp = {{ timeout = \"2s\" }}, interval = \"2s\", retry = 2, retry-interval = \"2s\", \
             rise = 2 }}\n\
             server = [{{ address = \"10.0.0.1:8080\" }}]"
        ),
    );
    listen(
        &format!(
            "{bind} server a 10.0.0.1:80 check inter 10s fastinter 500 downinter 1m fall 1 rise 1 addr 10.1.0.1 port 81\n"
        ),
        &format!(
            "{head}\"rr\"\ncheck = {{ tcp = {{ address = \"10.1.0.1\", port = 81, timeout = \"10s\" }}, interval = \"10s\", \
             retry = 0, retry-interval = \"500ms\", interval-down = \"60s\" }}\nserver = [{{ address = \"10.0.0.1:80\" }}]"
        ),
    );
    // One server with its replacements, in their order.
    listen(
        &format!("{bind} server b 10.0.0.2:80 backup\n server a 10.0.0.1:80 weight 9\n"),
        &format!(
            "{head}\"fo\"\nserver = [\n    {{ address = \"10.0.0.1:80\", weight = 2 }},\n    {{ address = \"10.0.0.2:80\" }},\n]"
        ),
    );
    // Several servers, and one for when they are down.
    listen(
        &format!("{bind} server a 10.0.0.1:80\n server b 10.0.0.2:80\n server c 10.0.0.3:80 backup check\n"),
        &format!(
            "{head}\"rr\"\nsorry-server = \"10.0.0.3:80\"\nserver = [\n    {{ address = \"10.0.0.1:80\" }},\n    {{ address = \"10.0.0.2:80\" }},\n]"
        ),
    );
    for (server, remark) in [
        ("db.example.com:80", "error[C603]: `server` has a name"),
        ("<IP>:80", "error[C402]: `<IP>` was never filled in"),
        ("127.0.0.1:80", "error[C603]: IPVS cannot forward to 127.0.0.1"),
        ("0.0.0.0:80", "error[C603]: IPVS cannot forward to the address that the client called"),
        ("/run/x.sock", "error[C603]: IPVS cannot forward to a UNIX socket"),
        ("10.0.0.1:443 ssl verify none", "error[C603]: IPVS cannot speak TLS"),
        ("10.0.0.1:x", "error[C401]: `x` is no port"),
        ("10.0.0.1:80 weight 257", "error[C401]: `weight` cannot be `257`"),
        ("10.0.0.1:80 check inter", "error[C306]: `inter` has no value"),
        ("10.0.0.1:80 wieght 3", "error[C301]: unknown word `wieght` of a server; did you mean `weight`?"),
    ] {
        let (_, said) = of(&format!("{TCP}listen web\n{bind} server a {server}\n"), &[]);
        assert!(
            said.iter().any(|line| line.starts_with("haproxy.cfg:8:") && line.contains(remark)),
            "{server}: {said:#?}"
        );
    }
}

/// What decides who goes where is never left out in silence.
#[test]
fn rules_have_to_be_decided() {
    let two = "backend a\n server a 10.0.0.1:80\nbackend b\n server b 10.0.0.2:80\n";
    let front = |lines: &str| format!("{TCP}frontend web\n bind 192.0.2.1:80\n{lines}{two}");
    let (document, said) = of(&front(" use_backend b if { src 10.0.0.0/8 }\n default_backend a\n"), &[]);
    assert!(document.contains("10.0.0.1:80"), "{document}");
    assert!(said.iter().any(|line| line.starts_with("haproxy.cfg:8:16: error[C603]: IPVS cannot choose")), "{said:#?}");
    let (document, said) = of(&front(" use_backend b\n default_backend a\n"), &[]);
    assert!(document.contains("10.0.0.2:80") && !document.contains("10.0.0.1"), "{document}");
    assert!(
        said.iter()
            .any(|line| line.contains("warning[C510]: nothing leads to `backend a`") || line.contains("`backend a`")),
        "{said:#?}"
    );
    let (_, said) = of(&front(" tcp-request connection reject if { src 10.0.0.0/8 }\n default_backend a\n"), &[]);
    assert!(said.iter().any(|line| line.starts_with("haproxy.cfg:8:2: error[C603]")), "{said:#?}");
    let (document, said) = of(&front(" default_backend c\n"), &[]);
    assert!(document.is_empty() && said.iter().any(|line| line.contains("error[C502]")), "{said:#?}");
}

/// A section that is left to haproxy: the lines that `mode tcp` would lose are named one by one, and no others.
#[test]
fn what_a_section_of_http_asks_for_is_named() {
    let text = "defaults\n mode http\n option httplog\nfrontend web\n bind 192.0.2.1:80\n bind 192.0.2.1:443 ssl crt /x.pem\n \
                acl api path_beg /api\n http-request deny if { src 10.0.0.0/8 }\n option forwardfor\n \
                tcp-request connection reject if { src 10.9.0.0/16 }\n log global\n use_backend api if api\n \
                default_backend plain\nbackend plain\n balance roundrobin\n server a 10.0.0.1:80 check\nbackend api\n \
                cookie S insert\n server a 10.0.0.1:81 check cookie a\n";
    let (document, said) = of(text, &[]);
    assert_eq!(document, "");
    let of_section = |name: &str| {
        let mut found = said.iter().filter(|line| line.contains(&format!("`{name}` speaks HTTP")));
        let line = found.next().unwrap_or_else(|| panic!("{name}: {said:#?}"));
        line.split("; ").nth(2).unwrap().to_owned()
    };
    assert_eq!(
        of_section("frontend web"),
        "what IPVS cannot do of it: `ssl` (6), `http-request` (8), `option forwardfor` (9), `tcp-request` (10), \
         `use_backend api if` (12)"
    );
    assert_eq!(
        of_section("backend plain"),
        "none of its lines needs HTTP: if whole connections may go to any of its servers, write `mode tcp`"
    );
    assert!(of_section("backend api").starts_with("what IPVS cannot do of it: `cookie` (18)"), "{said:#?}");
}

#[test]
fn sections_inherit_and_variables_are_read() {
    let text = "global\n setenv IP 10.0.0.1\ndefaults a\n mode tcp\n balance source\ndefaults b\n mode http\n\
                listen x from a\n bind \"${VIP}:80\"\n server s \"$IP\":81 # comment\n server t '10.0.0.2:81'\n\
                listen y\n bind 192.0.2.2:80\n server s 10.0.0.1:80\n";
    let (document, said) = of(text, &[]);
    assert!(document.contains("address = \"192.0.2.9:80\"\nscheduler = \"sh\""), "{document}\n{said:#?}");
    assert!(document.contains("10.0.0.1:81") && document.contains("10.0.0.2:81"), "{document}");
    assert_eq!(document.matches("[[service]]").count(), 1, "{document}");
    for (line, code) in [
        (" server s \"${NOT_SET}:80\"\n", "error[C502]: `NOT_SET` is not set"),
        (" server s \"10.0.0.1\n", "error[C204]"),
        (" server s 10.0.0.1 \\\n", "error[C204]"),
        (" flurb\n", "error[C301]: unknown word `flurb`"),
        (" option flurb\n", "error[C301]"),
        (" timeout flurb 1s\n", "error[C301]"),
        (".if defined(A)\n server s 10.0.0.1\n.endif\n", "error[C603]: whether these lines hold"),
        ("flurb web\n", "error[C301]"),
    ] {
        let (_, said) = of(&format!("{TCP}listen web\n bind 192.0.2.1:80\n{line}"), &[]);
        assert!(said.iter().any(|remark| remark.contains(code)), "{line}: {said:#?}");
    }
}

#[test]
fn sticking_becomes_persistence() {
    let lines = |table: &str| format!(" bind 192.0.2.1:80\n server a 10.0.0.1:80\n{table}");
    let rest = "server = [{ address = \"10.0.0.1:80\" }]";
    for (table, expected) in [
        (" stick-table type ip size 1m expire 30m\n stick on src\n", "persistence = \"30m\"\n"),
        (" stick on src\n stick-table type ip size 1m expire 1500ms\n", "persistence = \"2s\"\n"),
        (" stick-table type ip size 1m\n stick on src\n", "persistence = \"1h\"\n"),
        (" stick-table type ip size 1m expire 30m\n", ""),
        (" stick-table type string size 1m\n stick on dst\n", ""),
    ] {
        listen(&lines(table), &format!("address = \"192.0.2.1:80\"\nscheduler = \"rr\"\n{expected}{rest}"));
    }
}

/// Whatever a server may be told: it changes the document, or it is named, or it says what holds anyway.
#[test]
fn every_word_of_a_server_is_converted_or_named() {
    let text = |option: &str| {
        format!("{TCP}listen web\n bind 192.0.2.1:80\n server a 10.0.0.1:80 check {option}\n server b 10.0.0.2:80\n")
    };
    let (usual, _) = of(&text(""), &[]);
    let mut words = 0;
    for word in Parameters::Server.all() {
        words += 1;
        let (_, values) = Parameters::Server.fate(word).unwrap();
        let value = if word == "addr" { "10.9.9.9" } else { "5" };
        let option = if values == 0 { word.to_owned() } else { format!("{word} {value}") };
        let (document, said) = of(&text(&option), &[]);
        let named = said.iter().any(|line| {
            line.starts_with("haproxy.cfg:8:") && line.contains(word) || line.contains("TLS") && word == "ssl"
        });
        let holds_anyway = ["check", "no-backup", "enabled", "no-ssl", "no-check-ssl"].contains(&word);
        assert!(document != usual || named || holds_anyway, "{word}: {said:#?}");
    }
    assert!(words > 100, "{words}");
}

/// Words that no code reads are named, all of them.
#[test]
fn every_other_word_is_named() {
    let listen = format!("{TCP}listen web\n bind 192.0.2.1:80 ");
    let after = "\n server a 10.0.0.1:80\n ";
    for (table, before) in [
        (Words::Global, format!("{listen}{after}\nglobal\n ")),
        (Words::Proxy, format!("{listen}{after}")),
        (Words::Option, format!("{listen}{after}option ")),
        (Words::Timeout, format!("{listen}{after}timeout ")),
    ] {
        for word in table.all().filter(|word| table.fate(word) != Some(Fate::Read)) {
            let word = word.replace('*', "x");
            let (_, said) = of(&format!("{before}{word} 5\n"), &[]);
            assert!(said.iter().any(|line| line.contains(&format!("{word}`"))), "{word}: {said:#?}");
        }
    }
    for word in Parameters::Bind.all().filter(|word| Parameters::Bind.fate(word).unwrap().0 != Fate::Read) {
        let (_, said) = of(&format!("{listen}{word} 5{after}"), &[]);
        assert!(said.iter().any(|line| line.contains(&format!("`{word}`"))), "{word}: {said:#?}");
    }
}

#[test]
fn what_is_no_configuration_is_refused() {
    for text in ["", "\n \n", "\0", "# only a comment\n", "global\n", "listen\n", "listen a\n server\n", "server a"] {
        assert_eq!(converted(text.as_bytes(), &[]).text, None, "{text:?}");
    }
    for garbage in ["x y z\n", "listen a\n", "listen a\nserver b c d\n", "defaults\n", "\"", "\\", "#", "a "] {
        let text = format!("{TCP}{}", garbage.repeat(60_000 / garbage.len()));
        let converted = converted(text.as_bytes(), &["192.0.2.1"]);
        assert_eq!(converted.text, None, "{garbage:?}");
    }
    let hostile = "listen \"a\\n]]\\\"'\u{2028}\"\n bind 192.0.2.1:80-81\n server \"x\\n[y]\" 10.0.0.1\n";
    let (document, _) = of(hostile, &[]);
    assert!(document.contains("10.0.0.1"), "{document}");
    let twice = "listen a\n bind 192.0.2.1:80\n server a 10.0.0.1:80\n server a 10.0.0.1:80\n".repeat(2);
    let codes: Vec<Code> =
        converted(twice.as_bytes(), &[]).loaded.report.diagnostics().iter().map(|said| said.code).collect();
    assert!(codes.iter().filter(|code| **code == Code::Duplicate).count() >= 3, "{codes:?}");
}

const PIECES: [&str; 65] = [
    "\n",
    "\n",
    "\n ",
    " ",
    " ",
    "\"",
    "'",
    "\\",
    "#",
    "${VIP}",
    "\"${VIP}\"",
    "\"$",
    "global\n",
    "defaults\n",
    "defaults a\n",
    "listen a\n",
    "listen b from a\n",
    "frontend f\n",
    "backend b\n",
    "mode tcp\n",
    "mode http\n",
    "bind 192.0.2.1:80\n",
    "bind *:90-95 v4v6\n",
    "bind :::80\n",
    "bind 2001:db8::1:443\n",
    "bind 192.0.2.2:443 ssl\n",
    "server a 10.0.0.1:80\n",
    "server b 10.0.0.2 check\n",
    "server c [2001:db8::2]:80 backup\n",
    "server d 10.0.0.3:+5 weight 3 maxconn 9\n",
    "default-server inter 3s fall 2\n",
    "check",
    "backup",
    "disabled",
    "weight 0",
    "inter 0",
    "port 99",
    "ssl",
    "balance source\n",
    "balance first\n",
    "balance leastconn\n",
    "hash-type consistent\n",
    "use_backend b\n",
    "use_backend b if x\n",
    "default_backend b\n",
    "stick-table type ip size 1 expire 1d\n",
    "stick on src\n",
    "timeout client 5h\n",
    "timeout connect 1\n",
    "option httpchk\n",
    "option httpchk GET /x HTTP/1.1\\r\\nHost:\\ y\n",
    "http-check connect ssl\n",
    "http-check send meth GET uri /y hdr Host z\n",
    "http-check expect ! rstring a+ü\n",
    "http-check expect string \"{x\"\n",
    "http-check expect status 200,300-310\n",
    "check-ssl verify none ca-file /x",
    "option allbackups\n",
    "no ",
    ".if x\n",
    ".endif\n",
    "tcp-request content reject\n",
    "disabled\n",
    "\u{a0}ü",
    "\0",
];

fn soup() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        20 => sample::select(&PIECES[..]).prop_map(|piece| piece.as_bytes().to_vec()),
        1 => collection::vec(any::<u8>(), 0..8),
        1 => Just(b"bind 192.0.2.9:1-300\n".to_vec()),
    ];
    collection::vec(piece, 0..60).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn any_pieces(text in soup(), named in any::<bool>()) {
        let addresses: &[&str] = if named { &["192.0.2.7", "2001:db8::7"] } else { &[] };
        converted(&text, addresses);
    }
}

/// A backend that haproxy finds out anew for each connection.
#[test]
fn backends_that_are_chosen_at_run_time() {
    let text = "frontend f\n mode tcp\n bind 192.0.2.1:443\n use_backend %[req.ssl_sni]\nbackend b\n mode tcp\n server a 10.0.0.1:443\n";
    let converted = converted(text.as_bytes(), &[]);
    let said = converted.loaded.report.diagnostics().iter().find(|said| said.code == Code::UnknownName).unwrap();
    assert!(said.help.iter().any(|help| help.contains("IPVS cannot")), "{said:?}");
    let plain = text.replace("%[req.ssl_sni]", "nowhere");
    let report = self::converted(plain.as_bytes(), &[]).loaded.report;
    let said = report.diagnostics().iter().find(|said| said.code == Code::UnknownName).unwrap();
    assert!(said.help.iter().all(|help| !help.contains("IPVS cannot")), "{said:?}");
}
