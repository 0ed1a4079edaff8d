//! `ipvsctl config`.

use std::fs;
use std::path::Path;

use crate::{Run, ipvsctl};

fn check(text: &str) -> Run {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("ipvsd.toml"), text).unwrap();
    Run::of(ipvsctl(&["check", "--other-host", "ipvsd.toml"]).current_dir(folder.path()))
}

#[test]
fn the_reference_is_the_one_of_the_examples() {
    let run = Run::of(&mut ipvsctl(&["config", "reference"]));
    assert_eq!(run.status, Some(0), "{run:?}");
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/reference.toml");
    assert_eq!(run.out, fs::read_to_string(example).unwrap());
}

#[test]
fn the_schema_is_json() {
    let run = Run::of(&mut ipvsctl(&["config", "schema"]));
    assert_eq!(run.status, Some(0), "{run:?}");
    let schema: serde_json::Value = serde_json::from_str(&run.out).unwrap();
    assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
    assert_eq!(schema["properties"]["instance"]["items"]["required"][0], "name");
}

#[test]
fn a_first_file_loads_without_a_remark() {
    let given = ["--vip", "198.51.100.7/24", "--interface", "bond0", "--vrid", "7", "--port", "443"];
    let servers = ["--server", "10.1.0.1:8443", "--server", "10.1.0.2:8443", "--server", "10.1.0.3:8443"];
    for (arguments, verdict) in [
        (&[][..], "2 servers"),
        (&["--vip", "2001:db8::10/64"][..], "2 servers"),
        (&["--vip", "2001:db8::10", "--server", "[2001:db8:1::1]:53"][..], "1 server"),
        (&[&given[..], &servers[..]].concat()[..], "3 servers"),
    ] {
        let run = Run::of(&mut ipvsctl(&[&["config", "init"], arguments].concat()));
        assert_eq!((run.status, run.err.as_str()), (Some(0), ""), "{run:?}");
        let check = check(&run.out);
        assert_eq!(check.out, format!("ipvsd.toml: fine (1 virtual router, 1 service with {verdict})\n"), "{check:?}");
        assert_eq!(check.err, "", "{}", run.out);
    }
    let run = Run::of(&mut ipvsctl(&[&["config", "init"], &given[..], &servers[..]].concat()));
    for line in [
        "interface = \"bond0\"",
        "vrid = 7 ",
        "addresses = [\"198.51.100.7/24\"]",
        "address = \"198.51.100.7:443\"",
        "    { address = \"10.1.0.3:8443\", weight = 1 },",
    ] {
        assert!(run.out.lines().any(|found| found.starts_with(line)), "{line}: {}", run.out);
    }
}

#[test]
fn what_makes_no_first_file_is_refused_with_its_reason() {
    for (arguments, reason) in [
        (&["--vip", "nowhere"][..], "--vip: `nowhere` is not an address"),
        (&["--vip", "192.0.2.0/24"], "192.0.2.0 cannot move between hosts"),
        (&["--vip", "192.0.2.1/99"], "192.0.2.1/99"),
        (&["--interface", "a\"b\\ c"], "interface"),
        (&["--interface", "much-too-long-a-name"], "much-too-long-a-name"),
        (&["--server", "[2001:db8::1]:80"], "needs a tunnel"),
        (&["--server", "10.0.0.1"], "10.0.0.1"),
        (&["--vrid", "0"], "vrid"),
        (&["--vrid", "256"], "vrid"),
    ] {
        let run = Run::of(&mut ipvsctl(&[&["config", "init"], arguments].concat()));
        assert_eq!((run.status, run.out.as_str()), (Some(2), ""), "{run:?}");
        assert!(run.err.contains(reason), "{arguments:?}: {}", run.err);
    }
}
