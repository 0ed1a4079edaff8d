//! What `keepalived -t` and `ipvsctl check` make of the same files, on a machine with the interfaces that each file names.
//!
//! `keepalived -t` fails at the first remark that it makes, so it is `check --strict` that is compared with it. What differs
//! is on a list with its reason, and so is every file that we would not start with at all.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::collections::BTreeSet;

use integration::Topology;
use integration::contender::Program;
use integration::differ::run::Run;
use integration::differ::scene::Scene;
use integration::differ::{configurations, expected};
use integration::native_test;
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
                let plain = node.command(bin("ipvsctl")).args(["check", integration::peers::KEEPALIVED_CONF]).output();
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
}
