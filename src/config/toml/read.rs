//! Values out of a TOML document, each with a remark where it is not what it should be.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::ops::RangeInclusive;
use std::str::FromStr;
use std::time::Duration;

use ::toml::de::{DeTable, DeValue};

use super::super::diagnostic::{Code, Diagnostic};
use super::super::draft::Draft;
use super::super::interfaces::remark_on_slip;
use super::super::report::Report;
use super::super::source::{FileId, Sources, Span};
use super::super::suggest;

/// Keys that people write for others which they do not resemble.
const MEANT: [(&str, &str); 5] = [
    ("track-script", "script"),
    ("vrrp_script", "script"),
    ("vrrp_instance", "instance"),
    ("vrrp_sync_group", "sync-group"),
    ("virtual_server", "service"),
];

/// What an unknown key may have been meant for.
fn meant(key: &str, allowed: &[&str]) -> Option<String> {
    let known = MEANT.iter().find(|(wrong, right)| *wrong == key && allowed.contains(right));
    match known {
        Some((_, right)) => Some(format!("did you mean `{right}`?")),
        None => suggest::did_you_mean(key, allowed.iter().copied()),
    }
}

/// Reads one document.
pub(super) struct Reader<'o> {
    pub(super) report: &'o mut Report,
    /// Where names of tables and protocols are looked up.
    pub(super) sources: &'o dyn Sources,
    pub(super) file: FileId,
    pub(super) draft: Draft,
}

/// A value, maybe with the key that it stands under.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entry<'t> {
    pub(super) key: &'t str,
    pub(super) key_span: Span,
    pub(super) value: &'t DeValue<'t>,
    pub(super) span: Span,
}

impl<'t> Reader<'_> {
    pub(super) fn say(&mut self, diagnostic: Diagnostic) {
        self.report.add(diagnostic);
    }

    fn span(&self, range: std::ops::Range<usize>) -> Span {
        Span::new(self.file, range)
    }

    /// The entries of a table in the order of the text, whatever their keys.
    pub(super) fn every(&self, table: &'t DeTable<'t>) -> Vec<Entry<'t>> {
        let mut entries: Vec<_> = table
            .iter()
            .map(|(key, value)| Entry {
                key: key.get_ref(),
                key_span: self.span(key.span()),
                value: value.get_ref(),
                span: self.span(value.span()),
            })
            .collect();
        entries.sort_by_key(|entry| entry.key_span);
        entries
    }

    /// The entries of a table whose keys are allowed; others are remarked on.
    pub(super) fn entries(&mut self, table: &'t DeTable<'t>, allowed: &[&str], place: &str) -> Vec<Entry<'t>> {
        let mut entries = self.every(table);
        entries.retain(|entry| {
            let known = allowed.contains(&entry.key);
            if !known {
                let shown: String = entry.key.chars().take(60).collect();
                let keys = format!("keys {place}: {}", allowed.join(", "));
                self.report.add(
                    Diagnostic::error(Code::UnknownWord, entry.key_span, format!("unknown key `{shown}` {place}"))
                        .help(meant(entry.key, allowed).unwrap_or(keys)),
                );
            }
            known
        });
        entries
    }

    /// The elements of an array.
    pub(super) fn elements(&mut self, entry: Entry<'t>) -> Vec<Entry<'t>> {
        let Some(array) = entry.value.as_array() else {
            self.bad(entry, "an array: [...]");
            return Vec::new();
        };
        array.iter().map(|value| Entry { value: value.get_ref(), span: self.span(value.span()), ..entry }).collect()
    }

    /// The tables of `[[key]]`.
    pub(super) fn tables(&mut self, entry: Entry<'t>) -> Vec<(&'t DeTable<'t>, Span)> {
        if entry.value.as_table().is_some() {
            let key = entry.key;
            self.say(
                Diagnostic::error(Code::BadValue, entry.key_span, format!("`{key}` is a list of tables"))
                    .help(format!("write `[[{key}]]`, with two brackets, before each")),
            );
            return Vec::new();
        }
        let elements = self.elements(entry);
        elements.into_iter().filter_map(|element| Some((self.table(element)?, element.span))).collect()
    }

    /// Says that a value is not what it should be.
    pub(super) fn bad(&mut self, entry: Entry<'_>, expected: &str) {
        let found = match entry.value {
            DeValue::String(text) => format!("\"{}\"", text.chars().take(60).collect::<String>()),
            DeValue::Integer(number) => number.to_string(),
            DeValue::Float(number) => number.to_string(),
            DeValue::Boolean(value) => value.to_string(),
            DeValue::Datetime(_) => "a date".to_owned(),
            DeValue::Array(_) => "an array".to_owned(),
            DeValue::Table(_) => "a table".to_owned(),
        };
        let key = entry.key;
        self.say(
            Diagnostic::error(Code::BadValue, entry.span, format!("`{key}` cannot be {found}"))
                .mark(format!("expected {expected}")),
        );
    }

    pub(super) fn table(&mut self, entry: Entry<'t>) -> Option<&'t DeTable<'t>> {
        let table = entry.value.as_table();
        if table.is_none() {
            self.bad(entry, "a table: { key = value, ... }");
        }
        table
    }

    pub(super) fn text(&mut self, entry: Entry<'t>, what: &str) -> Option<&'t str> {
        match entry.value.as_str() {
            Some(text) if !text.is_empty() => Some(text),
            Some(_) | None => {
                self.bad(entry, &format!("{what}, in quotes"));
                None
            }
        }
    }

    /// A file's whole path.
    pub(super) fn path(&mut self, entry: Entry<'t>) -> Option<String> {
        let path = entry.value.as_str().filter(|path| path.starts_with('/'));
        if path.is_none() {
            self.bad(entry, "a file's whole path, from / on, in quotes");
        }
        path.map(str::to_owned)
    }

    pub(super) fn flag(&mut self, entry: Entry<'_>) -> Option<bool> {
        let flag = entry.value.as_bool();
        if flag.is_none() {
            self.bad(entry, "true or false");
        }
        flag
    }

    pub(super) fn number<T: TryFrom<i64>>(
        &mut self,
        entry: Entry<'_>,
        allowed: RangeInclusive<i64>,
        what: &str,
    ) -> Option<T> {
        let number = entry.value.as_integer().and_then(|n| i64::from_str_radix(n.as_str(), n.radix()).ok());
        match number.filter(|number| allowed.contains(number)).map(T::try_from) {
            Some(Ok(number)) => Some(number),
            Some(Err(_)) | None => {
                self.bad(entry, &format!("{what}: a whole number from {} to {}", allowed.start(), allowed.end()));
                None
            }
        }
    }

    /// `"5s"`, `"100ms"`, `"1m30s"`.
    pub(super) fn duration(
        &mut self,
        entry: Entry<'_>,
        allowed: RangeInclusive<Duration>,
        what: &str,
    ) -> Option<Duration> {
        let expected = format!(
            "{what} from {} to {}, such as \"5s\" or \"100ms\"",
            shown(*allowed.start()),
            shown(*allowed.end())
        );
        match entry.value {
            DeValue::String(text) => match parse_duration(text) {
                Some(duration) if allowed.contains(&duration) => Some(duration),
                Some(_) | None => {
                    self.bad(entry, &expected);
                    None
                }
            },
            DeValue::Integer(_) | DeValue::Float(_) => {
                let (key, number) = (entry.key, self.report.files().slice(entry.span).to_owned());
                self.say(
                    Diagnostic::error(Code::BadValue, entry.span, format!("`{key}` needs a unit"))
                        .mark("seconds or milliseconds?")
                        .help(format!("write \"{number}s\", or \"{number}ms\"")),
                );
                None
            }
            DeValue::Boolean(_) | DeValue::Datetime(_) | DeValue::Array(_) | DeValue::Table(_) => {
                self.bad(entry, &expected);
                None
            }
        }
    }

    pub(super) fn address(&mut self, entry: Entry<'t>) -> Option<IpAddr> {
        let found = entry.value.as_str().and_then(|text| IpAddr::from_str(text).ok());
        if found.is_none() {
            self.bad(entry, "an IP address in quotes");
        }
        found
    }

    pub(super) fn address_v4(&mut self, entry: Entry<'t>) -> Option<Ipv4Addr> {
        let found = entry.value.as_str().and_then(|text| Ipv4Addr::from_str(text).ok());
        if found.is_none() {
            self.bad(entry, "an IPv4 address in quotes");
        }
        found
    }

    /// `"192.0.2.1:80"`, `"[2001:db8::1]:80"`, or without a port.
    pub(super) fn endpoint(&mut self, entry: Entry<'t>) -> Option<(IpAddr, Option<u16>)> {
        let text = entry.value.as_str().unwrap_or("");
        if let Ok(both) = SocketAddr::from_str(text) {
            return Some((both.ip(), Some(both.port())));
        }
        let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
        match IpAddr::from_str(bare) {
            Ok(address) => Some((address, None)),
            Err(_) => {
                self.bad(entry, "an address with a port: \"192.0.2.1:80\" or \"[2001:db8::1]:80\"");
                None
            }
        }
    }

    pub(super) fn port(&mut self, entry: Entry<'_>) -> Option<u16> {
        self.number(entry, 1..=65_535, "a port")
    }

    pub(super) fn interface(&mut self, entry: Entry<'t>) -> Option<String> {
        let name = entry.value.as_str().filter(|name| {
            !name.is_empty() && name.len() <= 15 && !name.contains(['/', ' ']) && !matches!(*name, "." | "..")
        });
        match name {
            Some(name) => {
                self.report.note_interface(name, entry.span);
                self.report.add_if(remark_on_slip(name, entry.span));
            }
            None => self.bad(entry, "an interface's name of 1 to 15 bytes, in quotes"),
        }
        name.map(str::to_owned)
    }

    /// One of a few words.
    pub(super) fn choice<T: Copy>(&mut self, entry: Entry<'t>, choices: &[(&str, T)]) -> Option<T> {
        let text = entry.value.as_str().unwrap_or("");
        let found = choices.iter().find(|(name, _)| *name == text).map(|(_, value)| *value);
        if found.is_none() {
            let names: Vec<_> = choices.iter().map(|(name, _)| format!("\"{name}\"")).collect();
            let near = suggest::did_you_mean(text, choices.iter().map(|(name, _)| *name));
            let (key, shown) = (entry.key, self.report.files().slice(entry.span).to_owned());
            self.say(
                Diagnostic::error(Code::BadValue, entry.span, format!("`{key}` cannot be {shown}"))
                    .mark(format!("expected {}", names.join(", ")))
                    .help_if(near),
            );
        }
        found
    }

    /// A command: `"words of a line"`, or `["words", "one by one"]`.
    pub(super) fn command(&mut self, entry: Entry<'t>) -> Option<Vec<String>> {
        const EXPECTED: &str = "a command: \"words of a line\" or [\"word\", \"word\"]";
        let words = match entry.value {
            DeValue::String(line) => super::super::keepalived::command(line),
            DeValue::Array(words) => {
                let words: Option<Vec<_>> =
                    words.iter().map(|word| word.get_ref().as_str().map(str::to_owned)).collect();
                words.unwrap_or_default()
            }
            DeValue::Integer(_)
            | DeValue::Float(_)
            | DeValue::Boolean(_)
            | DeValue::Datetime(_)
            | DeValue::Table(_) => Vec::new(),
        };
        if words.first().is_none_or(String::is_empty) {
            self.bad(entry, EXPECTED);
            return None;
        }
        if let Some(program) = words.first() {
            self.report.note_program(program, None, entry.span);
        }
        Some(words)
    }

    /// Says that a key is missing.
    pub(super) fn missing(&mut self, at: Span, what: &str, key: &str) {
        self.say(
            Diagnostic::error(Code::Required, at, format!("{what} has no `{key}`")).mark(format!("add `{key}` to it")),
        );
    }
}

/// Numbers with units, one after another; none: it is none.
fn parse_duration(text: &str) -> Option<Duration> {
    let mut total = Duration::ZERO;
    let mut rest = text.trim();
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(|b| b.is_ascii_digit() || *b == b'.').count();
        let (number, after) = rest.split_at_checked(digits)?;
        let letters = after.bytes().take_while(u8::is_ascii_alphabetic).count();
        let (unit, after) = after.split_at_checked(letters)?;
        let seconds = match unit {
            "us" => 1e-6,
            "ms" => 1e-3,
            "s" => 1.0,
            "m" | "min" => 60.0,
            "h" => 3_600.0,
            "d" => 86_400.0,
            _ => return None,
        };
        let part = Duration::try_from_secs_f64(f64::from_str(number).ok()? * seconds).ok()?;
        let micros = part.as_nanos().div_ceil(500) / 2;
        total = total.checked_add(Duration::from_micros(u64::try_from(micros).ok()?))?;
        rest = after.trim_start();
    }
    Some(total)
}

fn shown(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match duration.subsec_millis() {
        0 if seconds >= 86_400 && seconds.is_multiple_of(86_400) => format!("{}d", seconds / 86_400),
        0 => format!("{seconds}s"),
        millis => format!("{}ms", seconds * 1_000 + u64::from(millis)),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::parse_duration;

    #[test]
    fn durations() {
        for (text, millis) in [
            ("5s", 5_000),
            ("100ms", 100),
            ("1m30s", 90_000),
            ("0.25s", 250),
            ("1h 5m", 3_900_000),
            ("2d", 172_800_000),
        ] {
            assert_eq!(parse_duration(text), Some(Duration::from_millis(millis)), "{text}");
        }
        for text in ["", "5", "s", "5 s s", "-1s", "1e9s", "99999999999999999999d", "5x", "."] {
            assert_eq!(parse_duration(text), None, "{text}");
        }
    }
}
