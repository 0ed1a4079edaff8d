//! Keys of our own language, out of its reference (`examples/reference.toml`): each stands there once with its default and
//! a remark.

use serde::Serialize;

const REFERENCE: &str = include_str!("../../../examples/reference.toml");

/// A key of our own language.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Key {
    /// The key.
    pub name: String,
    /// The table that it stands in: `[[instance]]`; empty: none.
    pub table: String,
    /// Its line in the reference: its default, or an example.
    pub line: String,
    /// What the reference says of it.
    pub remark: String,
}

impl Key {
    /// Every key that has a line of its own in the reference, the first time that it stands in its table.
    pub fn all() -> impl Iterator<Item = Self> {
        let mut seen = Vec::new();
        let mut table = String::new();
        let mut above: Vec<&str> = Vec::new();
        let mut found = Vec::new();
        for line in REFERENCE.lines() {
            let trimmed = line.trim();
            // A key that is off by default is commented out.
            let code = trimmed.strip_prefix("# ").filter(|rest| name_of(rest).is_some()).unwrap_or(trimmed);
            if let Some(name) = name_of(code) {
                let (line, remark) = split_remark(code);
                let remark = if remark.is_empty() { above.join(" ") } else { remark.to_owned() };
                if !seen.contains(&(table.clone(), name.to_owned())) {
                    seen.push((table.clone(), name.to_owned()));
                    found.push(Self { name: name.to_owned(), table: table.clone(), line: line.to_owned(), remark });
                }
                above.clear();
            } else if trimmed.starts_with('[') && trimmed.ends_with(']') {
                trimmed.clone_into(&mut table);
                above.clear();
            } else if let Some(remark) = trimmed.strip_prefix('#') {
                above.push(remark.trim());
            } else {
                above.clear();
            }
        }
        found.into_iter()
    }

    /// Whether it goes by this name: `priority`, or `instance.priority`.
    #[must_use]
    pub fn is(&self, name: &str) -> bool {
        self.name == name || format!("{}.{}", self.table.trim_matches(['[', ']']), self.name) == name
    }
}

/// The name of a key, if the line begins with one.
fn name_of(line: &str) -> Option<&str> {
    let (name, _) = line.split_once(" = ")?;
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (!name.is_empty() && name.bytes().all(plain)).then_some(name)
}

/// A line without the remark at its end, and the remark.
fn split_remark(line: &str) -> (&str, &str) {
    let mut quoted = false;
    for (at, byte) in line.bytes().enumerate() {
        match byte {
            b'"' => quoted = !quoted,
            b'#' if !quoted => {
                let (code, remark) = line.split_at(at);
                return (code.trim_end(), remark.trim_start_matches('#').trim());
            }
            _ => {}
        }
    }
    (line.trim_end(), "")
}

/// Whether the reference has a key by its path: a table, then keys of tables in it.
#[cfg(test)]
pub(in crate::config) fn is_in_reference(path: &str) -> bool {
    let parts: Vec<_> = path.split('.').collect();
    (1..=parts.len()).rev().any(|tables| {
        let name = parts[..tables].join(".");
        let headers = [format!("[{name}]"), format!("[[{name}]]")];
        let sections = REFERENCE.split("\n[").skip(1).map(|rest| format!("[{rest}"));
        let mut text = String::new();
        for section in sections {
            if section.lines().next().is_some_and(|line| headers.iter().any(|header| line == header)) {
                text.push_str(&section);
            }
        }
        !text.is_empty()
            && parts[tables..].iter().all(|key| {
                // Some are only spoken of beside another.
                text.split(|c: char| !c.is_ascii_lowercase() && c != '-').any(|word| word == *key)
            })
    })
}
