//! What we build on: no dependency without a use, no crate in two versions without a reason, no licence that binds our users.
//! All from `cargo metadata --offline`, so that it holds on any machine.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// Licences that may be linked into ours; the same list as in `deny.toml`.
const LICENCES: [&str; 7] =
    ["Apache-2.0", "Apache-2.0 WITH LLVM-exception", "BSD-3-Clause", "ISC", "MIT", "Unicode-3.0", "Zlib"];

/// Crates that are there in two versions, and why.
const DUPLICATES: [(&str, &str); 0] = [];

#[test]
fn every_licence_is_allowed() {
    let metadata = metadata();
    let wrong: Vec<_> = packages(&metadata)
        .filter(|package| package["source"].is_string())
        .map(|package| (text(&package["name"]), package["license"].as_str().unwrap_or("none stated").to_owned()))
        .filter(|(_, licence)| !allowed(licence))
        .collect();
    assert!(wrong.is_empty(), "licences that are not on the list: {wrong:?}");
}

/// Whether one alternative of an SPDX expression has only licences of the list. Old packages write `/` for `OR`.
fn allowed(expression: &str) -> bool {
    let plain = expression.replace(['(', ')'], " ").replace('/', " OR ");
    let words = plain.split_whitespace().collect::<Vec<_>>().join(" ");
    words.split(" AND ").all(|part| part.split(" OR ").any(|licence| LICENCES.contains(&licence.trim())))
}

#[test]
fn no_crate_is_linked_in_two_versions_without_a_reason() {
    let metadata = metadata();
    let linked = linked_into_the_program(&metadata);
    let mut versions: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for package in packages(&metadata).filter(|package| linked.contains(&text(&package["id"]))) {
        versions.entry(text(&package["name"])).or_default().insert(text(&package["version"]));
    }
    let wrong: Vec<_> = versions
        .into_iter()
        .filter(|(name, versions)| versions.len() > 1 && !DUPLICATES.iter().any(|(allowed, _)| allowed == name))
        .collect();
    assert!(wrong.is_empty(), "crates in more than one version: {wrong:?}");
}

/// Packages that end up in the daemon: normal dependencies from the root package on. What macros are made with does not.
fn linked_into_the_program(metadata: &Value) -> BTreeSet<String> {
    let proc_macros: BTreeSet<String> = packages(metadata)
        .filter(|package| {
            package["targets"].as_array().unwrap().iter().any(|target| target["kind"][0].as_str() == Some("proc-macro"))
        })
        .map(|package| text(&package["id"]))
        .collect();
    let nodes: BTreeMap<String, &Value> =
        metadata["resolve"]["nodes"].as_array().unwrap().iter().map(|node| (text(&node["id"]), node)).collect();
    let mut linked = BTreeSet::new();
    let mut open = vec![text(&metadata["resolve"]["root"])];
    while let Some(id) = open.pop() {
        if proc_macros.contains(&id) || !linked.insert(id.clone()) {
            continue;
        }
        for dependency in nodes[&id]["deps"].as_array().unwrap() {
            let normal = dependency["dep_kinds"].as_array().unwrap().iter().any(|kind| kind["kind"].is_null());
            if normal {
                open.push(text(&dependency["pkg"]));
            }
        }
    }
    linked
}

#[test]
fn every_dependency_is_used() {
    let metadata = metadata();
    let members: Vec<String> = metadata["workspace_members"].as_array().unwrap().iter().map(text).collect();
    let mut unused = Vec::new();
    for package in packages(&metadata).filter(|package| members.contains(&text(&package["id"]))) {
        let folder = PathBuf::from(text(&package["manifest_path"])).parent().unwrap().to_owned();
        let sources = sources(&folder);
        for dependency in package["dependencies"].as_array().unwrap() {
            let name = dependency["rename"].as_str().unwrap_or(dependency["name"].as_str().unwrap()).replace('-', "_");
            let used = sources.iter().any(|source| {
                source.contains(&format!("{name}::"))
                    || source.contains(&format!("use {name}"))
                    || source.contains(&format!("{name}!"))
            });
            if !used {
                unused.push(format!("{} of {}", name, text(&package["name"])));
            }
        }
    }
    assert!(unused.is_empty(), "dependencies that nothing uses: {unused:?}");
}

/// The texts of a package's Rust files, other members of the workspace left out.
fn sources(package: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders: Vec<_> = ["src", "tests", "examples", "benches"].iter().map(|name| package.join(name)).collect();
    while let Some(folder) = folders.pop() {
        let Ok(entries) = fs::read_dir(&folder) else { continue };
        for path in entries.map(|entry| entry.unwrap().path()) {
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|ending| ending == "rs") {
                found.push(fs::read_to_string(&path).unwrap());
            }
        }
    }
    found
}

fn metadata() -> Value {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let output = Command::new(env!("CARGO"))
        .args([
            "metadata",
            "--format-version",
            "1",
            "--offline",
            "--locked",
            "--filter-platform",
            "x86_64-unknown-linux-gnu",
        ])
        .current_dir(root)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn packages(metadata: &Value) -> impl Iterator<Item = &Value> {
    metadata["packages"].as_array().unwrap().iter()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}
