//! What an include finds and does not read, and how strict it is. keepalived 2.2.7 was run with each of these files: an error
//! here is its exit status 6, a warning that it goes on.

use std::path::Path;

use super::{Code, Context, FOLDER, Loaded, SOCKET, Severity, Texts, brief, load, only};

const ROUTER: &str =
    "vrrp_instance A {\n interface eth0\n virtual_router_id 7\n virtual_ipaddress {\n 192.0.2.1\n }\n}\n";

fn loaded(main: &str) -> Loaded {
    let other = ROUTER.replace("_instance A", "_instance B").replace("_id 7", "_id 8").replace(".1", ".2");
    let checks = "global_defs {\n include_check match\n}\n";
    let files = Texts::new([
        ("etc/main.conf", format!("{main}\n{ROUTER}").as_bytes()),
        ("etc/b.conf", other.as_bytes()),
        ("etc/c.conf", b"global_defs {\n router_id x\n}\n"),
        ("etc/x.sh", other.as_bytes()),
        ("etc/folder.d", FOLDER),
        ("etc/socket.d", SOCKET),
        ("etc/mixed/folder", FOLDER),
        ("etc/mixed/a.sh", other.as_bytes()),
        ("etc/checks.conf", checks.as_bytes()),
        ("etc/lacks.conf", b"include gone.conf\n"),
    ]);
    load(Path::new("etc/main.conf"), None, &files, &Context::default())
}

/// The remarks of a main file's first lines, without their places.
fn said(main: &str) -> String {
    let loaded = loaded(main);
    let of = |text: String| text.rsplit_once(' ').map(|(what, _)| what.to_owned()).unwrap_or(text);
    brief(&loaded).into_iter().map(of).collect::<Vec<_>>().join(", ")
}

#[test]
fn what_keepalived_does_not_read_is_stepped_over() {
    for name in ["x.sh", "folder.d", "socket.d"] {
        assert_eq!(said(&format!("include {name}")), "warning C108");
        for strict in ["includer", "includem", "includew", "includeb", "includea"] {
            assert_eq!(said(&format!("{strict} {name}")), "error C108", "{strict} {name}");
        }
    }
    let plain = loaded("include x.sh");
    assert!(plain.is_runnable());
    let names: Vec<_> = plain.config.iter().flat_map(|config| &config.instances).map(|it| it.name.as_str()).collect();
    assert_eq!(names, ["A"], "nothing of it is read");
    // Nobody means the folders that a pattern matches.
    assert_eq!(said("include mixed/*"), "warning C108, note C108");
    assert_eq!(said("includer mixed/*"), "error C108, error C108");
}

#[test]
fn braces_are_insisted_on_without_wildcards_only() {
    for (line, expected) in [
        ("include {b,gone}.conf", "note C106"),
        ("includem {b,gone}.conf", "note C106"),
        ("includew {b,gone}.conf", "note C106"),
        ("includeb {b,gone}.conf", "error C106"),
        ("includea {b,gone}.conf", "error C106"),
        ("includew {gone,none}.conf", "note C106"),
        ("includeb {b,gone*}.conf", ""),
        ("includea {b,gone*}.conf", ""),
        ("includeb {gone*,none*}.conf", "note C106"),
        ("includew {gone*,none*}.conf", "error C106"),
    ] {
        assert_eq!(said(line), expected, "{line}");
    }
}

#[test]
fn include_check_says_how_strict_include_is() {
    let after = |checks: &[&str], include: &str| {
        let checks: String = checks.iter().map(|words| format!(" include_check {words}\n")).collect();
        said(&format!("global_defs {{\n{checks}}}\n{include}"))
    };
    for (checks, include, expected) in [
        (&[""][..], "include x.sh", "error C108"),
        (&["match"], "include x.sh", "error C108"),
        (&["match"], "include folder.d", "error C108"),
        (&["wildcard_match"], "include x.sh", "error C108"),
        (&["brace_match"], "include x.sh", "error C108"),
        (&["+match"], "include x.sh", "warning C108"),
        (&["-match"], "include x.sh", "warning C108"),
        (&["match", "-match"], "include x.sh", "error C108"),
        (&["match"], "include gone.conf", "error C101"),
        (&["+match"], "include gone.conf", "error C101"),
        (&["match", "-match"], "include gone.conf", "warning C106"),
        (&["wildcard_match"], "include gone.conf", "warning C106"),
        (&["wildcard_match"], "include gone*.conf", "error C106"),
        (&["match +wildcard_match"], "include gone*.conf", "error C106"),
        (&["match", "wildcard_match"], "include gone.conf", "warning C106"),
        // The other forms ask for more, never for less.
        (&["match"], "includer gone.conf", "error C101"),
        (&["match"], "includeb gone.conf", "error C101"),
        // What is not heard.
        (&["match wildcard_match"], "include gone*.conf", "warning C307, note C106"),
        (&["flurb"], "include gone.conf", "warning C401, warning C106"),
        (&["flurb +match"], "include gone.conf", "warning C401, error C101"),
        (&["match", "flurb"], "include gone.conf", "warning C401, error C101"),
        // Of the documentation, and not of the program.
        (&["readable"], "include x.sh", "note C310, error C108"),
    ] {
        assert_eq!(after(checks, include), expected, "{checks:?} {include}");
    }
    assert_eq!(said("include x.sh\nglobal_defs {\ninclude_check match\n}"), "warning C108", "from there on");
    assert_eq!(said("include checks.conf\ninclude gone.conf"), "warning C106", "it ends with its file");
    assert_eq!(said("global_defs {\ninclude_check match\n}\ninclude lacks.conf"), "error C101", "and holds in others");
}

#[test]
fn a_path_is_taken_from_the_including_file_on() {
    for main in ["include gone.conf", "includea gone.conf"] {
        let loaded = loaded(main);
        let said = loaded.report.diagnostics().first().unwrap();
        assert!(said.message.contains("etc/gone.conf") && said.message.contains("no such file"), "{said:?}");
        assert!(said.help.iter().any(|help| help.contains("the including file's folder") && help.contains("`etc`")));
        assert!(!said.help.iter().any(|help| help.contains("started in")), "{said:?}");
    }
}

/// keepalived runs with nothing, and takes all away at a reload.
#[test]
fn a_main_file_that_may_be_executed_is_read() {
    let files = Texts::new([("main.sh", ROUTER.as_bytes())]);
    let loaded = load(Path::new("main.sh"), None, &files, &Context::default());
    assert_eq!(only(&loaded, Code::NotRead).severity, Severity::Warning);
    assert_eq!((loaded.is_runnable(), loaded.config.unwrap().instances.len()), (true, 1));
}
