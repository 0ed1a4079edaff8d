//! How values look, and tables of them.

use std::borrow::Cow;
use std::fmt::Write;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use crate::config::keepalived;
use crate::model::RunAs;

/// Longer lists have a line for each element, and longer inline tables become tables of their own.
const WIDTH: usize = 100;
/// Where a note begins, if the line is short enough.
const MARGIN: usize = 36;

/// A string in quotes: literal where there is much to escape, basic otherwise.
pub(super) fn quoted(text: &str) -> String {
    let odd = |c: char| c.is_control();
    if text.contains(['"', '\\']) && !text.contains('\'') && !text.contains(odd) {
        return format!("'{text}'");
    }
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            // Writing to a string does not fail.
            c if odd(c) => {
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// `"5s"`, `"1500ms"`, `"1m30s"`; exact to the microsecond.
pub(super) fn time(duration: Duration) -> String {
    let micros = duration.subsec_micros();
    let seconds = duration.as_secs();
    if micros == 0 && seconds < 120 {
        return quoted(&format!("{seconds}s"));
    }
    if micros.is_multiple_of(1_000) && seconds < 10 {
        return quoted(&format!("{}ms", duration.as_millis()));
    }
    let mut out = String::new();
    let minutes = seconds / 60;
    let parts = [
        (minutes / 1_440, "d"),
        (minutes / 60 % 24, "h"),
        (minutes % 60, "m"),
        (seconds % 60, "s"),
        (u64::from(micros / 1_000), "ms"),
        (u64::from(micros % 1_000), "us"),
    ];
    for (number, unit) in parts.into_iter().filter(|(number, _)| *number > 0) {
        let _ = write!(out, "{number}{unit}");
    }
    quoted(&out)
}

/// `"192.0.2.1:80"`, `"[2001:db8::1]:80"`.
pub(super) fn endpoint(address: IpAddr, port: u16) -> String {
    quoted(&SocketAddr::new(address, port).to_string())
}

/// A command as a line, where that means the same, or else as its words.
pub(super) fn command(words: &[String]) -> String {
    let line = words.join(" ");
    if keepalived::command(&line) == words { quoted(&line) } else { list(words.iter().map(|word| quoted(word))) }
}

/// `"user"` or `"user:group"`.
pub(super) fn run_as(who: &RunAs) -> String {
    match &who.group {
        Some(group) => quoted(&format!("{}:{group}", who.user)),
        None => quoted(&who.user),
    }
}

/// `[a, b]`.
pub(super) fn list(elements: impl IntoIterator<Item = String>) -> String {
    format!("[{}]", elements.into_iter().collect::<Vec<_>>().join(", "))
}

/// What a table says, in the order in which it is to stand.
#[derive(Debug, Default)]
pub(super) struct Table {
    entries: Vec<Entry>,
}

#[derive(Debug)]
struct Entry {
    key: Cow<'static, str>,
    value: Value,
    note: Option<&'static str>,
}

#[derive(Debug)]
enum Value {
    /// As it is.
    Plain(String),
    /// Elements that may have lines of their own.
    List(Vec<String>),
    /// Elements that have lines of their own wherever there is more than one.
    Rows(Vec<String>),
    /// A table that may stand apart.
    Table(Table),
}

impl Table {
    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    fn push(&mut self, key: impl Into<Cow<'static, str>>, value: Value) {
        self.entries.push(Entry { key: key.into(), value, note: None });
    }

    /// A value as it is to stand there.
    pub(super) fn set(&mut self, key: impl Into<Cow<'static, str>>, value: impl Into<String>) {
        self.push(key, Value::Plain(value.into()));
    }

    /// Text, in quotes.
    pub(super) fn text(&mut self, key: &'static str, value: &str) {
        self.set(key, quoted(value));
    }

    /// A number.
    pub(super) fn number(&mut self, key: &'static str, value: impl std::fmt::Display) {
        self.set(key, value.to_string());
    }

    /// A number where there is one.
    pub(super) fn number_if(&mut self, key: &'static str, value: Option<impl std::fmt::Display>) {
        if let Some(value) = value {
            self.number(key, value);
        }
    }

    /// Text where there is some.
    pub(super) fn text_if(&mut self, key: &'static str, value: Option<impl AsRef<str>>) {
        if let Some(value) = value {
            self.text(key, value.as_ref());
        }
    }

    /// A flag that is not as it is unless written.
    pub(super) fn flag(&mut self, key: &'static str, value: bool, default: bool) {
        if value != default {
            self.number(key, value);
        }
    }

    /// A time that is not as it is unless written.
    pub(super) fn time(&mut self, key: &'static str, value: Duration, default: Duration) {
        if value != default {
            self.set(key, time(value));
        }
    }

    /// A list that is not empty.
    pub(super) fn list(&mut self, key: &'static str, elements: Vec<String>) {
        if !elements.is_empty() {
            self.push(key, Value::List(elements));
        }
    }

    /// A list of which each element has a line.
    pub(super) fn rows(&mut self, key: &'static str, elements: Vec<String>) {
        self.push(key, Value::Rows(elements));
    }

    /// A table that is not empty.
    pub(super) fn table(&mut self, key: &'static str, table: Self) {
        if !table.is_empty() {
            self.push(key, Value::Table(table));
        }
    }

    /// Says something of the last key.
    pub(super) fn note(&mut self, note: &'static str) {
        if let Some(last) = self.entries.last_mut() {
            last.note = Some(note);
        }
    }

    /// A note is about one of several keys, so that it must stand beside it.
    fn speaks_of_some(&self) -> bool {
        self.entries.len() > 1 && self.entries.iter().any(|entry| entry.note.is_some())
    }

    /// `{ key = value, ... }`.
    pub(super) fn inline(&self) -> String {
        if self.is_empty() {
            return "{}".to_owned();
        }
        let entries = self.entries.iter().map(|entry| format!("{} = {}", key(&entry.key), entry.value.inline()));
        format!("{{ {} }}", entries.collect::<Vec<_>>().join(", "))
    }

    /// A line for each key, and what is too long for one as tables of their own below. `path` names this table.
    pub(super) fn lines(&self, path: &str, out: &mut String) {
        let apart = |entry: &&Entry| match &entry.value {
            Value::Table(table) => entry.key.len() + table.inline().len() > WIDTH || table.speaks_of_some(),
            Value::Plain(_) | Value::List(_) | Value::Rows(_) => false,
        };
        for entry in self.entries.iter().filter(|entry| !apart(entry)) {
            let value = match &entry.value {
                Value::Rows(elements) if elements.len() > 1 => lines(elements),
                Value::List(elements) if entry.value.inline().len() + entry.key.len() > WIDTH => lines(elements),
                Value::Rows(_) | Value::List(_) | Value::Plain(_) | Value::Table(_) => entry.value.inline(),
            };
            let line = format!("{} = {value}", key(&entry.key));
            match entry.note.or(entry.value.note()) {
                Some(note) => {
                    let _ = writeln!(out, "{line:MARGIN$} # {note}");
                }
                None => {
                    let _ = writeln!(out, "{line}");
                }
            }
        }
        for entry in self.entries.iter().filter(apart) {
            let Value::Table(table) = &entry.value else { continue };
            let path = format!("{path}.{}", key(&entry.key));
            let _ = writeln!(out, "\n[{path}]");
            table.lines(&path, out);
        }
    }
}

/// A list with a line for each element.
fn lines(elements: &[String]) -> String {
    format!("[\n    {},\n]", elements.join(",\n    "))
}

impl Value {
    /// What is said of the only key of a table.
    fn note(&self) -> Option<&'static str> {
        match self {
            Self::Table(table) => table.entries.iter().find_map(|entry| entry.note),
            Self::Plain(_) | Self::List(_) | Self::Rows(_) => None,
        }
    }

    fn inline(&self) -> String {
        match self {
            Self::Plain(text) => text.clone(),
            Self::List(elements) | Self::Rows(elements) => list(elements.iter().cloned()),
            Self::Table(table) => table.inline(),
        }
    }
}

/// A key, in quotes where it needs them.
fn key(key: &str) -> Cow<'_, str> {
    let bare = !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte));
    if bare { Cow::Borrowed(key) } else { Cow::Owned(quoted(key)) }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Table, command, quoted, time};

    #[test]
    fn strings() {
        for (text, expected) in [
            ("a b", r#""a b""#),
            (r#"say "x""#, r#"'say "x"'"#),
            (r"a\b", r"'a\b'"),
            ("it's \"x\"", r#""it's \"x\"""#),
            ("a\n\u{7}", r#""a\n\u0007""#),
        ] {
            assert_eq!(quoted(text), expected);
        }
    }

    #[test]
    fn times() {
        for (micros, expected) in [
            (0, "\"0s\""),
            (5_000_000, "\"5s\""),
            (90_000_000, "\"90s\""),
            (1_500_000, "\"1500ms\""),
            (120_000_000, "\"2m\""),
            (3_600_000_000, "\"1h\""),
            (86_460_000_001, "\"1d1m1us\""),
            (12_250_000, "\"12s250ms\""),
        ] {
            assert_eq!(time(Duration::from_micros(micros)), expected);
        }
    }

    #[test]
    fn commands_are_lines_where_that_means_the_same() {
        let words = |words: &[&str]| words.iter().map(|&word| word.to_owned()).collect::<Vec<_>>();
        assert_eq!(command(&words(&["pidof", "haproxy"])), "\"pidof haproxy\"");
        assert_eq!(command(&words(&["sh", "-c", "exit 1"])), r#"["sh", "-c", "exit 1"]"#);
    }

    #[test]
    fn what_is_too_long_stands_apart() {
        let mut inner = Table::default();
        inner.text("one", &"x".repeat(120));
        let mut table = Table::default();
        table.table("inner", inner);
        table.list("many", vec!["1".to_owned(), "2".to_owned()]);
        let mut out = String::new();
        table.lines("a", &mut out);
        assert!(out.starts_with("many = [1, 2]\n\n[a.inner]\none = \""), "{out}");
    }
}
