//! The reference and the schema say what the reader does: the same keys, the same defaults, the same types.

use std::sync::OnceLock;

use serde_json::Value;

use super::{Code, Severity, example, only, toml};
use crate::config::toml::reference;
use crate::config::toml::schema::{DOCUMENT, Keys, Kind};

/// Every table of the language: keys that lead to a thing of it, with `KEY` where a key of its own is to stand.
fn tables() -> Vec<(String, &'static Keys)> {
    fn follow(path: &str, keys: &'static Keys, found: &mut Vec<(String, &'static Keys)>) {
        found.push((path.to_owned(), keys));
        for (key, kind) in keys.every() {
            inside(&path.replace("KEY", &format!("{key} = VALUE")), kind, found);
        }
    }
    fn inside(path: &str, kind: &'static Kind, found: &mut Vec<(String, &'static Keys)>) {
        match kind {
            Kind::Table(keys) => {
                // Addresses of a group stand in place of the address.
                let path = if path.contains("addresses = ") && path.starts_with("service") {
                    path.replace("address = \"192.0.2.9\", ", "")
                } else {
                    path.to_owned()
                };
                follow(&path.replace("VALUE", &format!("{{ {}KEY }}", needs(keys))), keys, found);
            }
            Kind::List(kind) => inside(&path.replace("VALUE", "[VALUE]"), kind, found),
            Kind::Any(kinds) => kinds.iter().for_each(|kind| inside(path, kind, found)),
            Kind::Flag
            | Kind::Text
            | Kind::Word
            | Kind::Time
            | Kind::Number(..)
            | Kind::Choice(_)
            | Kind::Only(_)
            | Kind::Settings => {}
        }
    }
    let mut found = Vec::new();
    follow("KEY", &DOCUMENT, &mut found);
    assert!(found.len() > 40, "{}", found.len());
    found
}

/// What a table must have before the reader looks at the rest of it.
fn needs(keys: &Keys) -> String {
    let needed = keys.required.iter().chain(keys.either.first());
    needed.map(|key| format!("{key} = {}, ", plain(key))).collect()
}

fn plain(key: &str) -> &'static str {
    match key {
        "address" => "\"192.0.2.9\"",
        "vrid" | "fwmark" => "9",
        "timeout" => "\"9s\"",
        "tunnel" => "\"gre\"",
        "path" => "\"/run/x\"",
        "service" => "\"192.0.2.9:80\"",
        "tcp" => "\"192.0.2.9:80\"",
        "interfaces" => "[\"eth9\"]",
        _ => "\"x\"",
    }
}

#[test]
fn the_schema_has_the_keys_of_the_reader() {
    for (path, keys) in tables() {
        let loaded = toml(&path.replace("KEY", "nonsense-key = 1"));
        let said = only(&loaded, Code::UnknownWord);
        let (_, listed) = said.help[0].split_once(": ").unwrap();
        let mut listed: Vec<_> = listed.split(", ").collect();
        let mut ours: Vec<_> = keys.every().map(|(key, _)| *key).collect();
        listed.sort_unstable();
        ours.sort_unstable();
        assert_eq!(ours, listed, "{path}");
    }
}

/// A key that the reader takes and the reference does not name would never be found by anybody.
#[test]
fn the_reference_names_every_key() {
    let words: Vec<&str> = reference::TEXT
        .split(|c: char| !c.is_ascii_alphanumeric() && c != '-')
        .filter(|word| !word.is_empty())
        .collect();
    let stated = reference::stated();
    for (path, keys) in tables() {
        for (key, _) in keys.every() {
            assert!(words.contains(key), "the reference does not name `{key}` of {path}");
            let told = stated.iter().any(|said| said.place == keys.place && said.key == *key);
            // The document's own tables stand there as headers, as do some below them.
            let header = format!("{}.{key}]", keys.place);
            let shared = keys.place == "sync-group" && key.starts_with("track-");
            assert!(
                told || keys.place.is_empty() || shared || reference::TEXT.contains(&header),
                "the reference does not explain `{key}` of [{}]",
                keys.place
            );
        }
    }
}

#[test]
fn the_reference_loads_without_remarks() {
    let loaded = example("reference.toml");
    assert_eq!(loaded.report.diagnostics(), [], "{}", loaded.report.render(false));
}

/// A document with every table of the reference in it, and nothing that could be left out; a key can be added to each.
const LEAST: &str = r#"
[global]
+global
[global.group-marks]
+global.group-marks
[router]
+router
[static]
+static
[[track-group]]
name = "edge"
+track-group
[[script]]
name = "s"
command = "/bin/true"
+script
[[track-process]]
name = "p"
process = "x"
+track-process
[[track-file]]
name = "f"
path = "/run/x"
+track-file
[[track-service]]
name = "w"
service = "192.0.2.10:80"
+track-service
[[track-check]]
name = "c"
tcp = "127.0.0.1:80"
+track-check
[[instance]]
name = "a"
interface = "eth0"
vrid = 1
addresses = ["192.0.2.10"]
track-scripts = ["s"]
track-processes = ["p"]
track-files = ["f"]
track-services = ["w"]
track-checks = ["c"]
+instance
[instance.announce]
+instance.announce
[instance.notify]
+instance.notify
[[sync-group]]
name = "g"
members = []
+sync-group
[[service]]
address = "192.0.2.10:80"
+service
[service.check]
tcp = {}
+service.check
[[service.server]]
address = "10.0.0.1:80"
+service.server
[[service]]
address = "192.0.2.11:80"
server = [{ address = "10.0.0.1:80" }]
[service.check.http]
+service.check.http
[service.check.http.tls]
+service.check.http.tls
"#;

fn with(place: &str, line: &str) -> String {
    let filled = LEAST.lines().map(|found| match found.strip_prefix('+') {
        Some(other) if other == place => line,
        Some(_) => "",
        None => found,
    });
    filled.collect::<Vec<_>>().join("\n")
}

/// To write down what the reference gives as the default changes nothing.
#[test]
fn defaults_are_as_stated() {
    let without = toml(&with("", "")).config.unwrap();
    let mut looked_at = 0;
    for said in reference::stated() {
        if !said.is_default() {
            continue;
        }
        let line = format!("{} = {}", said.key, said.value);
        let text = with(&said.place, &line);
        assert!(text.contains(&line), "`{line}` of [{}] has no place in this test", said.place);
        let loaded = toml(&text);
        assert_eq!(
            loaded.config.as_ref(),
            Some(&without),
            "{line} in [{}]: {}",
            said.place,
            loaded.report.render(false)
        );
        looked_at += 1;
    }
    assert!(looked_at > 60, "{looked_at}");
}

/// The schema, made once.
fn schema() -> &'static Value {
    static SCHEMA: OnceLock<Value> = OnceLock::new();
    SCHEMA.get_or_init(crate::config::schema)
}

/// What the schema has against a document.
pub(super) fn unsuitable(document: &str) -> Vec<String> {
    let value: Value = ::toml::from_str(document).unwrap();
    let mut wrong = Vec::new();
    validate("", &value, schema(), &mut wrong);
    wrong
}

/// As much of draft 2020-12 as the schema uses; a word that is not known here fails the test.
fn validate(path: &str, value: &Value, schema: &Value, wrong: &mut Vec<String>) {
    let rules = schema.as_object().unwrap();
    let empty = serde_json::Map::new();
    let properties = rules.get("properties").map_or(&empty, |it| it.as_object().unwrap());
    for (rule, operand) in rules {
        let fine = match rule.as_str() {
            "$schema" | "title" | "description" | "default" | "properties" | "pattern" => true,
            "type" => match operand.as_array() {
                Some(types) => types.iter().any(|one| is(value, one.as_str().unwrap())),
                None => is(value, operand.as_str().unwrap()),
            },
            "enum" => operand.as_array().unwrap().contains(value),
            "minLength" => value.as_str().is_none_or(|text| !text.is_empty()),
            "minimum" => value.as_i64().is_none_or(|number| number >= operand.as_i64().unwrap()),
            "maximum" => value.as_i64().is_none_or(|number| number <= operand.as_i64().unwrap()),
            "required" => value.as_object().is_none_or(|table| {
                operand.as_array().unwrap().iter().all(|key| table.contains_key(key.as_str().unwrap()))
            }),
            "anyOf" => operand.as_array().unwrap().iter().any(|way| {
                let mut own = Vec::new();
                validate(path, value, way, &mut own);
                own.is_empty()
            }),
            "items" => {
                for element in value.as_array().into_iter().flatten() {
                    validate(path, element, operand, wrong);
                }
                true
            }
            "additionalProperties" => {
                for (key, inner) in value.as_object().into_iter().flatten() {
                    match (properties.get(key), operand.as_bool()) {
                        (Some(schema), _) => validate(&format!("{path}.{key}"), inner, schema, wrong),
                        (None, Some(false)) => wrong.push(format!("{path}: unknown key {key}")),
                        (None, _) => validate(&format!("{path}.{key}"), inner, operand, wrong),
                    }
                }
                true
            }
            "propertyNames" => value.as_object().into_iter().flatten().all(|(key, _)| key.starts_with("net.")),
            other => panic!("`{other}` is not looked at"),
        };
        if !fine {
            wrong.push(format!("{path}: {value} against {rule} {operand}"));
        }
    }
}

fn is(value: &Value, name: &str) -> bool {
    match name {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "integer" => value.is_i64(),
        "boolean" => value.is_boolean(),
        other => panic!("`{other}` is no type that is looked at"),
    }
}

#[test]
fn the_schema_takes_the_examples() {
    for name in ["ipvsd.toml", "kubernetes.toml", "reference.toml", "seeds/002-first.toml"] {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("examples").join(name);
        assert_eq!(unsuitable(&std::fs::read_to_string(path).unwrap()), Vec::<String>::new(), "{name}");
    }
}

/// A value that no key takes is refused by both, wherever it stands; so is a table that lacks what it needs.
#[test]
fn the_schema_refuses_what_the_reader_refuses() {
    let mut tried = 0;
    for (path, keys) in tables() {
        for (key, kind) in keys.every() {
            if keys.required.contains(key) || keys.either.contains(key) || matches!(kind, Kind::Settings) {
                continue;
            }
            let text = path.replace("KEY", &format!("{key} = 1.5"));
            assert_eq!(toml(&text).report.worst(), Some(Severity::Error), "{text}");
            assert_ne!(unsuitable(&text), Vec::<String>::new(), "{text}");
            tried += 1;
        }
    }
    assert!(tried > 150, "{tried}");
    for text in ["[[instance]]\nvrid = 1", "[[service]]\nserver = []", "[[script]]\nname = \"x\"", "[nonsense]"] {
        assert_eq!(toml(text).report.worst(), Some(Severity::Error), "{text}");
        assert_ne!(unsuitable(text), Vec::<String>::new(), "{text}");
    }
}

/// Descriptions come from the reference.
#[test]
fn keys_are_described() {
    let priority = &schema()["properties"]["instance"]["items"]["properties"]["priority"];
    assert_eq!(priority["description"], "1 to 255; the highest holds the addresses; 255 owns them");
    assert_eq!(priority["default"], 100);
    let timer = &schema()["properties"]["instance"]["items"]["properties"]["timer-expired-backup"];
    assert_eq!(timer.get("default"), None);
    let addresses = &schema()["properties"]["instance"]["items"]["properties"]["addresses"];
    assert!(addresses["description"].as_str().unwrap().contains("At least one is sensible"), "{addresses}");
}
