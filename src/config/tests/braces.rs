//! Braces that do not pair: one remark tells where, few follow, and what stands elsewhere runs.

use super::{Code, Context, Loaded, Severity, Texts, brief, keepalived, load};
use std::path::Path;

const FILE: &str = "global_defs {
    router_id lb1
}

vrrp_script alive {
    script /bin/true
    interval 2
}

vrrp_instance A {
    interface eth0
    virtual_router_id 7
    authentication {
        auth_type PASS
        auth_pass abc
    }
    virtual_ipaddress {
        192.0.2.1/24
    }
    track_script {
        alive
    }
}

virtual_server 192.0.2.1 80 {
    delay_loop 5
    lb_algo rr
    lb_kind NAT
    protocol TCP
    real_server 10.0.0.1 80 {
        weight 1
        TCP_CHECK {
            connect_timeout 3
            retry 2
        }
        inhibit_on_failure
    }
    real_server 10.0.0.2 80 {
        weight 1
        TCP_CHECK {
            connect_timeout 3
        }
    }
}

virtual_server 192.0.2.1 443 {
    lb_kind NAT
    protocol TCP
    real_server 10.0.0.1 443 {
        weight 1
    }
}
";

/// What it is called, the line, what stands there instead, what is said of which line, and whether it comes to a whole.
type Slip = (&'static str, usize, &'static str, (Code, usize), bool);

/// What is changed in the file (the line, its new text), where the culprit is, and whether all runs that did.
const SLIPS: &[Slip] = &[
    ("an inner block in the middle of a router", 16, "", (Code::Unclosed, 17), true),
    ("the last inner block of a router", 22, "", (Code::Unclosed, 25), true),
    ("a router", 23, "", (Code::Unclosed, 25), true),
    ("a script", 8, "", (Code::Unclosed, 10), true),
    ("the globals", 3, "", (Code::Unclosed, 5), true),
    ("a check in the middle of a server", 35, "", (Code::Unclosed, 36), true),
    ("a server before another", 37, "", (Code::Unclosed, 38), true),
    ("the last check of a service", 42, "", (Code::Unclosed, 46), true),
    ("the last service", 52, "", (Code::Unclosed, 46), true),
    ("the first brace of an inner block", 13, "    authentication", (Code::Block, 13), true),
    ("the first brace of a list", 17, "    virtual_ipaddress", (Code::Block, 17), true),
    ("the first brace of a router", 10, "vrrp_instance A", (Code::Block, 10), true),
    ("the first brace of a check", 32, "        TCP_CHECK", (Code::Block, 32), true),
    ("one too many inside a router", 16, "    }\n    }", (Code::Unopened, 17), true),
    ("one too many inside a service", 37, "    }\n    }", (Code::Unopened, 38), true),
    ("one too many after a router", 23, "}\n}", (Code::Unopened, 24), true),
    ("one too many at the end", 52, "}\n}", (Code::Unopened, 53), true),
];

fn changed(line: usize, text: &str, end: &str) -> String {
    let lines = FILE.lines().enumerate().map(|(at, old)| if at + 1 == line { text } else { old });
    lines.map(|line| line.replace('\n', end) + end).collect()
}

fn holds(loaded: &Loaded, what: &str, culprit: (Code, usize), whole: bool) {
    let report = &loaded.report;
    let shown = || format!("{what}\n{}", report.render(false));
    assert!(report.diagnostics().len() <= 3, "{}", shown());
    let lines = report.diagnostics().iter().filter(|said| said.code == culprit.0).flat_map(|said| {
        let line = |span| report.files().position(span).line;
        said.primary.iter().map(move |label| line(label.span))
    });
    assert!(lines.clone().any(|line| line == culprit.1), "{:?} {}", lines.collect::<Vec<_>>(), shown());
    if whole {
        let config = loaded.config.as_ref().unwrap_or_else(|| panic!("{}", shown()));
        let servers: usize = config.services.iter().map(|service| service.servers.len()).sum();
        assert_eq!((config.instances.len(), config.services.len(), servers), (1, 2, 3), "{}", shown());
        assert_eq!(config.instances[0].tracks.len(), 1, "{}", shown());
    }
}

#[test]
fn one_slip_is_traced_and_draws_few_remarks() {
    assert_eq!(brief(&keepalived(FILE)), [""; 0]);
    for (what, line, text, culprit, whole) in SLIPS {
        holds(&keepalived(&changed(*line, text, "\n")), what, *culprit, *whole);
        holds(&keepalived(&changed(*line, text, "\r\n")), &format!("{what}, CRLF"), *culprit, *whole);
        let tabs = changed(*line, text, "\n").replace("    ", "\t");
        holds(&keepalived(&tabs), &format!("{what}, tabs"), *culprit, *whole);
    }
}

/// The same in a file that another includes, which goes on after it.
#[test]
fn a_slip_in_an_include() {
    for (what, line, text, culprit, _) in SLIPS {
        let inner = changed(*line, text, "\n");
        let main = "include inner.conf\nvrrp_instance Z {\n    interface eth1\n    virtual_router_id 9\n    virtual_ipaddress {\n        \
                    192.0.2.9\n    }\n}\n";
        let texts = Texts::new([("test.conf", main.as_bytes()), ("inner.conf", inner.as_bytes())]);
        let loaded = load(Path::new("test.conf"), None, &texts, &Context::default());
        let shown = loaded.report.render(false);
        assert!(loaded.report.diagnostics().len() <= 3, "{what}\n{shown}");
        assert!(loaded.report.diagnostics().iter().any(|said| said.code == culprit.0), "{what}\n{shown}");
        let names: Vec<_> =
            loaded.config.iter().flat_map(|config| &config.instances).map(|it| it.name.as_str()).collect();
        assert!(names.contains(&"Z"), "{what}: {names:?}\n{shown}");
    }
}

/// What a file reads that includes another, with what is said of it.
fn with_include(main: &str, inner: &str) -> (Loaded, String) {
    let texts = Texts::new([("test.conf", main.as_bytes()), ("inner.conf", inner.as_bytes())]);
    let loaded = load(Path::new("test.conf"), None, &texts, &Context::default());
    let files = loaded.report.files();
    let lines = loaded.report.diagnostics().iter().map(|said| {
        let at = said
            .primary
            .as_ref()
            .map(|label| format!(" {}:{}", files.path(label.span.file).display(), files.position(label.span).line));
        format!("{} {}{}", said.severity, said.code, at.unwrap_or_default())
    });
    let lines = lines.collect::<Vec<_>>().join(", ");
    (loaded, lines)
}

/// A block that an included file leaves open is told of there, and not where the including file goes on.
#[test]
fn a_block_that_an_include_leaves_open() {
    let router = |name: &str, id: usize, vips: &str| {
        format!("vrrp_instance {name} {{\n interface eth0\n virtual_router_id {id}\n{vips}}}\n")
    };
    let vips = |number: usize| format!(" virtual_ipaddress {{\n  192.0.2.{number}\n }}\n");
    let whole = |name: &str, id: usize| router(name, id, &vips(id));
    let open = |text: &str| text.strip_suffix("}\n").map(str::to_owned).unwrap().trim_end_matches(' ').to_owned();
    let routers = |loaded: &Loaded| {
        let config = loaded.config.as_ref();
        config.map_or(0, |config| config.instances.iter().filter(|router| !router.addresses.is_empty()).count())
    };
    let before = format!("include inner.conf\n{}", whole("Z", 9));
    let (loaded, said) = with_include(&before, &open(&whole("A", 7)));
    assert_eq!((said.as_str(), routers(&loaded)), ("error C202 inner.conf:1", 2));
    let indented = before.replace("vrrp_instance", "  vrrp_instance");
    assert_eq!(with_include(&indented, &open(&whole("A", 7))).1, "error C202 inner.conf:1");
    // In a block of the including file, which goes on with words of its own.
    for rest in [" priority 50\n", " track_interface {\n  eth1\n }\n"] {
        let main = router("A", 7, &format!(" include inner.conf\n{rest}")) + &whole("Z", 9);
        let (loaded, said) = with_include(&main, &open(&vips(7)));
        assert_eq!(
            (said.as_str(), routers(&loaded)),
            ("error C202 inner.conf:1", 2),
            "{}",
            loaded.report.render(false)
        );
    }
    // ... or ends.
    let main = router("A", 7, " include inner.conf\n");
    let (_, said) = with_include(&(main.clone() + &whole("Z", 9)), &open(&vips(7)));
    assert_eq!(said, "error C202 inner.conf:1");
    assert_eq!(with_include(&main, &open(&vips(7))).1, "error C202 inner.conf:1");
    // The last file that is read, as keepalived reads it.
    let (loaded, said) = with_include(&format!("{}include inner.conf\n", whole("Z", 9)), &open(&whole("A", 7)));
    assert_eq!((said.as_str(), routers(&loaded)), ("warning C202 inner.conf:1", 2));
}

/// keepalived pays no heed to where a file ends.
#[test]
fn a_block_may_begin_in_one_file_and_end_in_another() {
    let (head, tail) = FILE.split_at(FILE.find("    virtual_ipaddress").unwrap());
    let (addresses, rest) = tail.split_at(tail.find("    track_script").unwrap());
    for (main, inner) in [
        (format!("include inner.conf\n{tail}"), head.to_owned()),
        (format!("{head}include inner.conf\n"), tail.to_owned()),
        (format!("{head}include inner.conf\n{rest}"), addresses.to_owned()),
        (format!("{head}include inner.conf\n    }}\n{rest}"), addresses.trim_end().trim_end_matches('}').to_owned()),
    ] {
        let (loaded, said) = with_include(&main, &inner);
        assert_eq!(said, "", "{main}");
        assert_eq!(loaded.config, keepalived(FILE).config);
    }
    // A variable's braces stand where it is used.
    let definitions = "$BEGIN=vrrp_instance A {\n$END=}\n";
    let main =
        "include inner.conf\n$BEGIN\n interface eth0\n virtual_router_id 7\n virtual_ipaddress {\n  192.0.2.1\n }\n";
    let after = "global_defs {\n router_id x\n}\n";
    assert_eq!(with_include(&format!("{main}$END\n{after}"), definitions).1, "");
    assert_eq!(with_include(&format!("{main}{after}"), definitions).1, "error C202 test.conf:8");
}

/// After a word that begins a block keepalived takes what follows for the block, whatever it is.
#[test]
fn a_missing_opening_brace_changes_nothing() {
    let router = "    interface eth0\n    virtual_router_id 7\n    virtual_ipaddress {\n        192.0.2.1\n    }\n}\n";
    let service = "virtual_server 192.0.2.1 80 {\n    protocol TCP\n    lb_kind NAT\n    lb_algo rr\n    real_server 10.0.0.1 80 {\n    }\n}\n";
    for (text, unknown) in [
        (format!("vrrp_instance A\n{router}{service}"), None),
        (format!("vrrp_instance A\n    flurb 1\n{router}{service}"), Some(2)),
        (format!("vrrp_instance A\n\n    # so\n    flurb {{\n        x\n    }}\n{router}{service}"), Some(4)),
        (
            format!(
                "static_rules\n    from 192.0.2.0/24 table 1 priority 7\n}}\nvrrp_instance A {{\n{router}{service}"
            ),
            None,
        ),
    ] {
        let loaded = keepalived(&text);
        let shown = loaded.report.render(false);
        let mut expected = vec!["warning C205 1:1".to_owned()];
        expected.extend(unknown.map(|line| format!("warning C301 {line}:5")));
        assert_eq!(brief(&loaded), expected, "{shown}");
        let config = loaded.config.unwrap();
        assert_eq!((config.instances.len(), config.services.len()), (1, 1), "{shown}");
        assert_eq!(config.instances[0].addresses.len(), 1);
    }
    // Prose that begins with such a word is prose.
    let prose = "vrrp_instance blocks follow\n    and so does this\n".to_owned() + FILE;
    assert_eq!(keepalived(&prose).config.map(|config| config.services), keepalived(FILE).config.map(|it| it.services));
}

/// keepalived steps over a block that stands where it has no meaning, and takes what it holds as if it stood outside; also if
/// its word is one of the language.
#[test]
fn what_an_unknown_block_holds_counts() {
    let router = FILE.split_at(FILE.find("vrrp_script").unwrap()).1;
    for (head, tail) in [
        ("group {\n", "}\n"),
        ("cluster {\n", "}\n"),
        ("authentication {\n  track_script {\n", "  }\n}\n"),
        ("virtual_ipaddress {\n", "}\n"),
    ] {
        let loaded = keepalived(&format!("{head}{router}{tail}"));
        let shown = loaded.report.render(false);
        assert!(loaded.is_runnable(), "{shown}");
        let config = loaded.config.unwrap();
        assert_eq!((config.instances.len(), config.services.len()), (1, 2), "{shown}");
        let said = loaded.report.diagnostics();
        assert!(said.iter().all(|it| matches!(it.code, Code::UnknownWord | Code::Misplaced)), "{shown}");
    }
}

/// Without any indentation nothing tells which brace it is, only that one is.
#[test]
fn a_slip_without_indentation() {
    for (what, line, text, _, _) in SLIPS {
        let flat: String = changed(*line, text, "\n").lines().map(|line| line.trim_start().to_owned() + "\n").collect();
        let loaded = keepalived(&flat);
        let said = loaded.report.diagnostics();
        let marked = said.iter().any(|it| matches!(it.code, Code::Unclosed | Code::Unopened | Code::Block));
        assert!(marked, "{what}\n{}", loaded.report.render(false));
    }
}

/// Braces that pair are never guessed at, however the lines are indented.
#[test]
fn a_file_that_pairs_is_taken_as_it_stands() {
    for step in 1..9 {
        let ragged: String = FILE
            .lines()
            .enumerate()
            .map(|(at, line)| " ".repeat(at * step * 7 % 11) + line.trim_start() + "\n")
            .collect();
        assert_eq!(brief(&keepalived(&ragged)), [""; 0], "{ragged}");
        // A word in the wrong block is that, and no missing brace.
        let misplaced = ragged.replace("connect_timeout", "lb_algo rr\nconnect_timeout");
        let loaded = keepalived(&misplaced);
        assert_eq!(loaded.report.count(Severity::Error), 0, "{}", loaded.report.render(false));
    }
    let flat = FILE.replace("        auth_pass", "    priority 5\n        auth_pass");
    assert_eq!(brief(&keepalived(&flat)), ["warning C302 15:5"]);
}

/// An unknown block is skipped whole, and what stands after it counts.
#[test]
fn unknown_blocks_swallow_nothing() {
    for unknown in
        ["flurb {\n    a {\n        b\n    }\n}\n", "flurb x y\n{\n    virtual_router_id 9\n}\n", "flurb { a { b } }\n"]
    {
        for at in [5, 10, 25] {
            let lines: Vec<_> = FILE.lines().collect();
            let (before, after) = lines.split_at(at - 1);
            let text = before.join("\n") + "\n" + unknown + &after.join("\n") + "\n";
            holds(&keepalived(&text), unknown, (Code::UnknownWord, at), true);
        }
    }
}
