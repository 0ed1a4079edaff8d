//! What a router watches.

use ::toml::de::DeValue;

use super::super::read::{Entry, Reader};
use super::super::top;
use crate::config::draft::TrackDraft;
use crate::config::source::Spanned;

/// Names, or tables with a name and a weight.
pub(in crate::config::toml) fn list(reader: &mut Reader<'_>, entry: Entry<'_>, what: &str) -> Vec<TrackDraft> {
    let mut found = Vec::new();
    for element in reader.elements(entry) {
        let DeValue::Table(table) = element.value else {
            let name = reader.text(element, what);
            let name = name.map(|name| Spanned::new(name.to_owned(), element.span));
            found.extend(name.map(|name| TrackDraft { name, weight: None }));
            continue;
        };
        let entries = reader.entries(table, &["name", "weight"], "of what is tracked");
        let Some(name) = top::name(reader, &entries, element.span, "this entry") else { continue };
        let weight = entries.iter().find(|entry| entry.key == "weight").and_then(|entry| {
            reader.number(*entry, -253..=253, "a weight").map(|weight| Spanned::new(weight, entry.span))
        });
        found.push(TrackDraft { name, weight });
    }
    found
}
