//! What the reference (`examples/reference.toml`) says of each key.
//!
//! The reference is the one place where keys are explained: people read it, `ipvsctl config reference` prints it, the schema
//! takes descriptions and defaults out of it, and tests hold it to what the reader does. So it is written to a rule: a value is
//! the default, unless the key is commented out, or its comment says `required` or `default: ...`.

use std::collections::HashSet;

use serde_json::Value;

/// The reference itself.
pub(in crate::config) const TEXT: &str = include_str!("../../../examples/reference.toml");

/// What it says of one key, the first time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::config) struct Stated {
    /// The header that it stands under, without brackets.
    pub(in crate::config) place: String,
    /// The key.
    pub(in crate::config) key: String,
    /// Its value, as TOML.
    pub(in crate::config) value: String,
    /// What is said of it: behind it, or else above.
    pub(in crate::config) comment: String,
    /// It is not commented out.
    pub(in crate::config) written: bool,
}

impl Stated {
    /// Whether the value is the default.
    pub(in crate::config) fn is_default(&self) -> bool {
        let comment = self.comment.to_ascii_lowercase();
        self.written && !comment.contains("default:") && !comment.contains("required")
    }

    /// The value, where it is the default.
    pub(super) fn default(&self) -> Option<Value> {
        if !self.is_default() {
            return None;
        }
        let document: Value = ::toml::from_str(&format!("value = {}", self.value)).ok()?;
        document.get("value").cloned()
    }
}

/// Everything that it says.
pub(in crate::config) fn stated() -> Vec<Stated> {
    let mut all: Vec<Stated> = Vec::new();
    let mut seen = HashSet::new();
    let mut place = String::new();
    let mut above = String::new();
    // What stands behind the last key may go on in the next line; a list goes on until it is closed.
    let (mut behind, mut open) = (false, false);
    for line in TEXT.lines() {
        if open {
            open = line != "]";
            continue;
        }
        let deep = line.starts_with("        ");
        let text = line.trim();
        if let (true, Some(more), Some(last)) = (behind && deep, text.strip_prefix('#'), all.last_mut()) {
            last.comment.push(' ');
            last.comment.push_str(more.trim());
            continue;
        }
        behind = false;
        if text.starts_with('[') {
            place = text.trim_matches(['[', ']']).to_owned();
            above.clear();
            continue;
        }
        let written = !text.starts_with('#');
        let entry = text.strip_prefix("# ").unwrap_or(text).split_once(" = ").filter(|(key, _)| is_key(key));
        let Some((key, rest)) = entry else {
            match text.strip_prefix('#') {
                Some(comment) => above = format!("{above} {}", comment.trim()).trim().to_owned(),
                None => above.clear(),
            }
            continue;
        };
        let (value, comment) = apart(rest);
        open = value == "[";
        let comment = if comment.is_empty() { std::mem::take(&mut above) } else { comment.to_owned() };
        above.clear();
        if seen.insert((place.clone(), key.to_owned())) {
            let (key, value) = (key.to_owned(), value.to_owned());
            all.push(Stated { place: place.clone(), key, value, comment, written });
            behind = true;
        }
    }
    all
}

fn is_key(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-')
}

/// A value, and what stands behind it.
fn apart(text: &str) -> (&str, &str) {
    let mut quoted = false;
    for (at, c) in text.char_indices() {
        match c {
            '"' => quoted = !quoted,
            '#' if !quoted => {
                let (value, comment) = text.split_at(at);
                return (value.trim(), comment.trim_start_matches('#').trim());
            }
            _ => {}
        }
    }
    (text.trim(), "")
}
