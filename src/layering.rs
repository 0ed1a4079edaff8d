//! Keeps the table at the head of the library true: which room may use which, and which may touch the world.

use std::fs;
use std::path::{Path, PathBuf};

/// Room, and the rooms that it may name beside itself.
const ALLOWED: [(&str, &[&str]); 10] = [
    ("model", &[]),
    ("wire", &["model"]),
    ("pattern", &["model"]),
    ("config", &["model", "pattern"]),
    ("vrrp", &["model", "wire"]),
    ("check", &["model", "wire", "pattern"]),
    ("balance", &["model", "check"]),
    ("api", &[]),
    ("shell", &["model", "wire", "pattern", "config", "vrrp", "check", "balance", "api"]),
    ("ctl", &["model", "config", "api", "balance", "shell"]),
];

/// Rooms in which anything may happen.
const IMPURE: [&str; 2] = ["shell", "ctl"];

/// What a pure room must not name. `std::path` and `std::net` are fine: they are values.
const EFFECTS: [&str; 13] = [
    "std::fs",
    "std::env",
    "std::process",
    "std::thread",
    "std::os",
    "TcpStream",
    "UdpSocket",
    "Instant::now",
    "SystemTime::now",
    "socket2",
    "mio::",
    "nix::",
    "tokio",
];

#[test]
fn rooms_use_only_what_stands_below_them() {
    let mut wrong = Vec::new();
    for (room, allowed) in ALLOWED {
        for file in sources(room) {
            for (number, line) in code_lines(&file) {
                for (other, _) in ALLOWED {
                    if other != room && !allowed.contains(&other) && line.contains(&format!("crate::{other}")) {
                        wrong.push(format!(
                            "{}:{number}: {room} must not use {other}: {}",
                            file.display(),
                            line.trim()
                        ));
                    }
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn pure_rooms_touch_nothing() {
    let mut wrong = Vec::new();
    for (room, _) in ALLOWED.iter().filter(|(room, _)| !IMPURE.contains(room)) {
        for file in sources(room) {
            for (number, line) in code_lines(&file) {
                if let Some(effect) = EFFECTS.iter().find(|effect| line.contains(**effect)) {
                    wrong.push(format!("{}:{number}: {room} is pure, and this names {effect}", file.display()));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn rooms_are_small() {
    let wrong: Vec<_> = ALLOWED
        .iter()
        .flat_map(|(room, _)| sources(room))
        .filter(|file| file.file_name().is_some_and(|name| name != "tests.rs"))
        .map(|file| (code_lines(&file).count(), file))
        .filter(|(lines, _)| *lines > 600)
        .collect();
    assert!(wrong.is_empty(), "files over 600 lines before their tests: {wrong:?}");
}

/// The lines of a file up to its tests, numbered from 1, comments left out.
fn code_lines(file: &Path) -> impl Iterator<Item = (usize, String)> + use<> {
    let text = fs::read_to_string(file).unwrap();
    let lines: Vec<_> = text.lines().map(str::to_owned).collect();
    (1..)
        .zip(lines)
        .take_while(|(_, line)| line.trim() != "#[cfg(test)]")
        .filter(|(_, line)| !line.trim_start().starts_with("//"))
}

/// Every source file of a room but its tests.
fn sources(room: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("src").join(room)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                if path.file_name().is_some_and(|name| name != "tests" && name != "snapshots") {
                    folders.push(path);
                }
            } else if path.extension().is_some_and(|ending| ending == "rs")
                && path.file_name().is_some_and(|name| name != "tests.rs")
            {
                found.push(path);
            }
        }
    }
    assert!(!found.is_empty(), "no sources in {room}: the layout in this test is out of date");
    found
}
