//! What `keepalived -t` and `ipvsctl check` make of the same files, on a machine with the interfaces that each file names.
//!
//! `keepalived -t` fails at the first remark that it makes, so it is `check --strict` that is compared with it. What differs
//! is on a list with its reason, and so is every file that we would not start with at all.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::path::Path;

use integration::Topology;
use integration::contender::Program;
use integration::differ::run::Run;
use integration::differ::scene::Scene;
use integration::differ::{configurations, expected};
use integration::native_test;
use integration::peers::KEEPALIVED_CONF;
use integration::programs::{bin, repository};

/// Files that `ipvsd` does not start with, and why.
const REFUSED: &[(&str, &str)] = &[
    ("000", "its variables were never filled in; keepalived does not start with it either"),
    ("003", "its only address is a description; keepalived would own no address with it"),
    (
        "017-thanks173__system-admin-notes",
        "its addresses were never filled in; keepalived would balance and own nothing",
    ),
    ("020-chenerqi__rgw", "its variables were never filled in, and keepalived knows no defaults in them"),
];

native_test! {
    fn every_verdict_is_keepaliveds_or_has_its_reason() {
        let mut wrong = Vec::new();
        let (mut seen, mut used) = (BTreeSet::new(), BTreeSet::new());
        for place in ["integration/differ", "examples/seeds", "../shared/corpus"] {
            let folder = repository().join(place);
            let Ok(files) = configurations(&folder) else {
                println!("SKIP: {} is not there", folder.display());
                continue;
            };
            assert!(!files.is_empty(), "{} holds no configuration", folder.display());
            for path in files {
                let stem = path.file_stem().unwrap().to_str().unwrap().to_owned();
                let file = std::fs::read(&path).unwrap();
                let mut lab = Topology::new("verdict");
                let node = lab.node("director");
                let segment = lab.segment("lan");
                Scene::read(&String::from_utf8_lossy(&file)).attach(&node, &segment);
                let theirs = Run::verdict(Program::Keepalived, &node, &file);
                let ours = Run::verdict(Program::Ipvsd, &node, &file);
                let plain = node.command(bin("ipvsctl")).args(["check", KEEPALIVED_CONF]).output();
                let starts = plain.status.success();
                seen.insert(stem.clone());
                let reason = expected::verdict(&stem, theirs.accepts());
                println!(
                    "{stem}: keepalived -t {}, check --strict {}, check {}{}{}",
                    theirs.status,
                    ours.status,
                    if starts { "starts" } else { "refuses" },
                    if theirs.accepts() == ours.accepts() { "" } else { "; " },
                    if theirs.accepts() == ours.accepts() { "" } else { reason.unwrap_or("UNEXPLAINED") },
                );
                if theirs.accepts() != ours.accepts() {
                    match reason {
                        Some(_) => drop(used.insert(stem.clone())),
                        None => wrong.push(format!("{stem}:\n{}\n{}", theirs.said, ours.said)),
                    }
                }
                if starts == REFUSED.iter().any(|(name, _)| *name == stem) {
                    wrong.push(format!("{stem}: REFUSED does not tell that it {}", if starts { "starts" } else { "does not start" }));
                }
            }
        }
        for (file, accepts) in expected::verdicts() {
            if seen.contains(file) && !used.contains(file) {
                wrong.push(format!("{file}: nothing differs that its row explains (keepalived accepts it: {accepts})"));
            }
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }

    fn includes_are_as_strict_as_in_keepalived() {
        let mut lab = Topology::new("verdict-include");
        let node = lab.node("director");
        lab.segment("lan").attach(&node, "eth0", &["10.0.0.1/24"]);
        let folder = Path::new(KEEPALIVED_CONF).parent().unwrap().to_owned();
        for name in ["good.conf", "script.sh", "mixed/good.conf", "folders/one/note", "scripts/a.sh"] {
            node.write(folder.join(name), "global_defs {\n    router_id x\n}\n");
        }
        let shown = folder.display();
        node.sh(&format!("chmod 755 {shown}/script.sh {shown}/scripts/a.sh; mkdir {shown}/mixed/folder; mkfifo {shown}/pipe"));
        let finds = [
            "good.conf", "script.sh", "folders", "pipe", "/dev/null", "gone.conf", "gone*.conf", "mixed/*", "folders/*",
            "scripts/*", "{good,gone}.conf", "{gone,none}.conf", "{good,gone*}.conf", "{gone*,none*}.conf",
        ];
        let words = ["include", "includer", "includem", "includew", "includeb", "includea"];
        let checks = ["", "match", "wildcard_match", "brace_match", "+match", "-match", "match +wildcard_match"];
        let main = "vrrp_instance A {\n    interface eth0\n    virtual_router_id 1\n    virtual_ipaddress {\n        192.0.2.1\n    }\n}\n";
        let plain = words.iter().map(|word| ((*word).to_owned(), String::new()));
        let told = checks.iter().map(|check| {
            ("include".to_owned(), format!("global_defs {{\n    include_check {check}\n}}\n"))
        });
        let twice = "global_defs {\n    include_check match\n    include_check -match\n}\n".to_owned();
        let mut wrong = Vec::new();
        let (mut refused, mut all) = (0, 0);
        for (word, before) in plain.chain(told).chain([("include".to_owned(), twice)]) {
            for find in finds {
                let file = format!("{before}{word} {find}\n{main}");
                let theirs = Run::verdict(Program::Keepalived, &node, file.as_bytes());
                let ours = node.command(bin("ipvsctl")).args(["check", KEEPALIVED_CONF]).output();
                all += 1;
                refused += usize::from(theirs.status == 6);
                // 6: a file that an include insists on was not read. keepalived goes on after all else.
                if (theirs.status == 6) == ours.status.success() {
                    wrong.push(format!("{file}{}: {}\n{}", theirs.status, theirs.said, ours.stdout + &ours.stderr));
                }
            }
        }
        println!("keepalived refuses {refused} of {all}");
        assert!(refused > 0 && refused < all);
        assert!(wrong.is_empty(), "{} differ:\n{}", wrong.len(), wrong.join("\n"));
    }
}
