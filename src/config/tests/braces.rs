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
