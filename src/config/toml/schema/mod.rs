//! The language as a JSON Schema, for editors: <https://json-schema.org/draft/2020-12>.
//!
//! [`keys`] says which keys there are and what each takes; what they mean is told by the reference, whose comments become
//! descriptions. Tests hold both to what the reader takes.

mod keys;

pub(in crate::config) use keys::DOCUMENT;

use serde_json::{Map, Value, json};

use super::reference::{self, Stated};

/// What a key takes.
#[derive(Debug, Clone, Copy)]
pub(in crate::config) enum Kind {
    /// `true` or `false`.
    Flag,
    /// Text that is not empty.
    Text,
    /// Text that may be empty: a word of a command.
    Word,
    /// A time such as `"1m30s"`.
    Time,
    /// A whole number within these bounds.
    Number(i64, i64),
    /// One of these words.
    Choice(&'static [&'static str]),
    /// `false`, or `true` for what stands for more.
    Only(bool),
    /// A list.
    List(&'static Kind),
    /// A table.
    Table(&'static Keys),
    /// Kernel settings by their names.
    Settings,
    /// Any of these.
    Any(&'static [Kind]),
}

/// The keys of a table.
#[derive(Debug, Clone, Copy)]
pub(in crate::config) struct Keys {
    /// Its header in the reference, without brackets; empty for tables that have none.
    pub(in crate::config) place: &'static str,
    /// Each with what it takes.
    pub(in crate::config) keys: &'static [(&'static str, Kind)],
    /// More of them, which other tables have too.
    pub(in crate::config) shared: &'static [&'static [(&'static str, Kind)]],
    /// Those that cannot be left out.
    pub(in crate::config) required: &'static [&'static str],
    /// Those of which one must be there; none: nothing of the kind.
    pub(in crate::config) either: &'static [&'static str],
}

impl Keys {
    /// Every key with what it takes.
    pub(in crate::config) fn every(&self) -> impl Iterator<Item = &'static (&'static str, Kind)> + use<> {
        self.keys.iter().chain(self.shared.iter().copied().flatten())
    }
}

/// The whole schema.
pub(in crate::config) fn schema() -> Value {
    let stated = reference::stated();
    let mut schema = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Configuration of ipvsd",
    });
    if let (Some(schema), Value::Object(document)) = (schema.as_object_mut(), table(&DOCUMENT, &stated)) {
        schema.extend(document);
    }
    schema
}

fn table(keys: &Keys, stated: &[Stated]) -> Value {
    let mut properties = Map::new();
    for (key, kind) in keys.every() {
        let mut property = value(kind, stated);
        let said = stated.iter().find(|said| said.place == keys.place && said.key == *key);
        if let (Some(said), Some(property)) = (said, property.as_object_mut()) {
            if !said.comment.is_empty() {
                property.insert("description".to_owned(), said.comment.clone().into());
            }
            if let Some(default) = said.default() {
                property.insert("default".to_owned(), default);
            }
        }
        properties.insert((*key).to_owned(), property);
    }
    let mut table = json!({ "type": "object", "properties": properties, "additionalProperties": false });
    if let Some(table) = table.as_object_mut() {
        if !keys.required.is_empty() {
            table.insert("required".to_owned(), json!(keys.required));
        }
        if !keys.either.is_empty() {
            let ways: Vec<Value> = keys.either.iter().map(|key| json!({ "required": [key] })).collect();
            table.insert("anyOf".to_owned(), Value::Array(ways));
        }
    }
    table
}

fn value(kind: &Kind, stated: &[Stated]) -> Value {
    match kind {
        Kind::Flag => json!({ "type": "boolean" }),
        Kind::Text => json!({ "type": "string", "minLength": 1 }),
        Kind::Word => json!({ "type": "string" }),
        Kind::Time => json!({ "type": "string", "pattern": "^\\s*([0-9]*\\.?[0-9]+(us|ms|s|m|min|h|d)\\s*)+$" }),
        Kind::Number(least, most) => json!({ "type": "integer", "minimum": least, "maximum": most }),
        Kind::Choice(words) => json!({ "enum": words }),
        Kind::Only(flag) => json!({ "enum": [flag] }),
        Kind::List(element) => json!({ "type": "array", "items": value(element, stated) }),
        Kind::Table(keys) => table(keys, stated),
        Kind::Settings => json!({
            "type": "object",
            "propertyNames": { "pattern": "^net\\." },
            "additionalProperties": { "type": ["string", "integer", "boolean"] },
        }),
        Kind::Any(kinds) => json!({ "anyOf": kinds.iter().map(|kind| value(kind, stated)).collect::<Vec<_>>() }),
    }
}
