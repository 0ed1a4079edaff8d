//! Garbage is refused for what it is, before much is built of it.

use super::{Code, Loaded, keepalived, toml};

/// The one error that says why reading stopped.
fn stopped(loaded: &Loaded) -> Option<(Code, &str)> {
    let last = |code: &Code| matches!(code, Code::Hopeless | Code::Nesting);
    let said = loaded.report.diagnostics().iter().find(|said| last(&said.code))?;
    assert!(!loaded.is_runnable());
    Some((said.code, said.message.as_str()))
}

#[test]
fn a_document_that_is_no_configuration() {
    let cases = [
        ("prose", "lorem ipsum\n".repeat(10_001), "more than 10000 lines are not of this language"),
        ("prose below a table", format!("[global]\n{}", "lorem ipsum\n".repeat(10_001)), "more than 10000 lines"),
        ("unknown keys", (0..10_001).map(|n| format!("k{n} = 1\n")).collect(), "more than 10000 lines"),
        ("unknown tables", (0..10_001).map(|n| format!("[t{n}]\n")).collect(), "more than 10000 lines"),
        ("tables", "[[service]]\n".repeat(250_001), "more than 250000 tables"),
        ("values", format!("service = [{}]", "1,".repeat(2_000_001)), "more values than any configuration has"),
        ("brackets", "[".repeat(1_000), "64 deep"),
        ("inline tables", "a={".repeat(1_000), "64 deep"),
        ("parts of a key", "a.".repeat(1_000), "64 deep"),
        ("parts of a table's name", format!("[{}a]", "a.".repeat(1_000)), "64 deep"),
    ];
    for (what, text, wanted) in cases {
        let loaded = toml(&text);
        let said = stopped(&loaded).unwrap_or_else(|| panic!("{what} is read to its end"));
        assert!(said.1.contains(wanted), "{what}: {said:?}");
        assert_eq!(loaded.report.diagnostics().len(), 1, "{what}");
    }
}

#[test]
fn a_document_that_is_merely_wrong_is_read() {
    let cases = [
        ("as many unknown keys as are borne", (0..10_000).map(|n| format!("k{n} = 1\n")).collect()),
        ("unknown keys in tables", "[[service]]\nlisten = 1\n".repeat(11_000)),
        ("values over many lines", format!("[global]\nrouter-id = [\n{}]\n", "1.5,\n".repeat(11_000))),
        ("text over many lines", format!("[global]\nrouter-id = \"\"\"\n{}\"\"\"\n", "lorem ipsum\n".repeat(11_000))),
        ("quoted names", "[[\"service\"]]\n".repeat(11_000)),
        ("a wrong line", "[[service]]\nlorem ipsum\n".to_owned()),
    ];
    for (what, text) in cases {
        assert_eq!(stopped(&toml(&text)), None, "{what}");
    }
}

#[test]
fn more_virtual_routers_than_any_host_runs() {
    let routers: String = (0..20_000).map(|n| format!("vrrp_instance A{n} {{\n}}\n")).collect();
    let loaded = keepalived(&routers);
    assert_eq!(stopped(&loaded), Some((Code::Hopeless, "there are more than 16384 virtual routers: reading stops")));
    let loaded = toml(&"[[instance]]\nname = \"A\"\n".repeat(20_000));
    assert_eq!(stopped(&loaded), Some((Code::Hopeless, "there are more than 16384 virtual routers: reading stops")));
}

#[test]
fn blocks_that_belong_to_nothing_without_end() {
    assert_eq!(stopped(&keepalived(&"{}".repeat(501))), Some((Code::Hopeless, "this is not a keepalived.conf")));
    assert_eq!(stopped(&keepalived("vrrp_instance A {\n}\n{\n}\n")), None);
}

#[test]
fn definitions_without_end() {
    let definitions: String = (0..100_002).map(|n| format!("$A{n}=x\n")).collect();
    let loaded = keepalived(&definitions);
    let (code, said) = stopped(&loaded).unwrap();
    assert_eq!(code, Code::Hopeless);
    assert!(said.starts_with("variables and repetitions make more of this file"), "{said}");
}

#[test]
fn places_far_from_each_other_are_shown_apart() {
    let between = "# and so on\n".repeat(2_000);
    let service =
        "virtual_server 192.0.2.1 80 {\nprotocol TCP\nlb_kind NAT\nlb_algo wlc\nreal_server 198.51.100.1 80 {\n}\n}\n";
    let near = keepalived(&format!("{service}{service}")).report.render(false);
    let far = keepalived(&format!("{service}{between}{service}")).report.render(false);
    assert_eq!(near.matches("-->").count(), far.matches("-->").count());
    assert!(near.contains("...") && !near.contains(":::"), "{near}");
    assert!(far.contains(":::") && far.contains("virtual_server 192.0.2.1 80"), "{far}");
    assert!(far.lines().count() < 100, "{far}");
}

#[test]
fn remarks_without_end() {
    let loaded = keepalived(&"}".repeat(101_002));
    assert_eq!(stopped(&loaded), Some((Code::Hopeless, "there are more than 100000 remarks: reading stops")));
    let borne = keepalived(&format!("{}vrrp_script x {{\nscript /x\n}}\n", "}".repeat(90_000)));
    assert_eq!(stopped(&borne), None, "{}", borne.report.summary());
}
