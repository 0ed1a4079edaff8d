//! What a program made of a kernel, as a set of lines that can be compared.
//!
//! The lines are those of `ipvsadm -Sn`, and one for each link, address, route and rule with the parts that a configuration
//! decides. Left out is what says nothing about it: the order, lifetimes that run down, whether duplicate address detection
//! is under way, and the routes that the kernel adds for each address by itself.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use serde_json::{Deserializer, Map, Value};

use crate::node::Node;

/// What `ip -batch` is asked, for IPv4 with the links and for IPv6 without.
const QUESTIONS: [(&str, &str); 2] =
    [("-4", "route show table all\nrule show\n"), ("-6", "route show table all\nrule show\n")];

/// Keys of iproute2's JSON that do not come from a configuration.
const PASSING: [&str; 8] = ["flags", "expires", "cache", "used", "age", "error", "users", "ifindex"];

/// The state of a kernel, one line for each thing in it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Dump(BTreeSet<String>);

impl Dump {
    /// Reads the kernel's state in a node.
    ///
    /// # Panics
    /// When `ip` or `ipvsadm` fails.
    #[track_caller]
    #[must_use]
    pub fn of(node: &Node) -> Self {
        let mut dump = Dump::default();
        dump.add_table(&node.command("ipvsadm").arg("-Sn").ok());
        dump.add_links(&node.command("ip").args(["-j", "-d", "address", "show"]).ok());
        for (family, questions) in QUESTIONS {
            dump.add_routing(family, &node.command("ip").args([family, "-j", "-batch", "-"]).input(questions).ok());
        }
        dump
    }

    /// The lines that are here and not there.
    #[must_use]
    pub fn without(&self, other: &Dump) -> Self {
        Dump(self.0.difference(&other.0).cloned().collect())
    }

    /// What became of `before`: a line with `+` for what came, one with `-` for what went.
    #[must_use]
    pub fn since(&self, before: &Dump) -> Self {
        let came = self.0.difference(&before.0).map(|line| format!("+ {line}"));
        let went = before.0.difference(&self.0).map(|line| format!("- {line}"));
        Dump(came.chain(went).collect())
    }

    /// The lines, in order.
    pub fn lines(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }

    /// How many lines there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Takes the language of `ipvsadm -S`: each line says all of one entry.
    fn add_table(&mut self, text: &str) {
        self.0.extend(text.lines().filter(|line| !line.is_empty()).map(|line| format!("ipvs {}", line.trim())));
    }

    fn add_links(&mut self, json: &str) {
        let links = objects(json);
        assert!(!links.is_empty(), "there is no machine without links");
        for link in links {
            let name = word(&link, "ifname");
            let kind = link.get("linkinfo").map_or(String::new(), |info| {
                let mode = info.get("info_data").map_or(String::new(), |data| word_of(data, "mode"));
                format!(" {} {mode}", word_of(info, "info_kind")).trim_end().to_owned()
            });
            let up = has_flag(&link, "UP");
            self.0.insert(format!("link {name}{kind} {} {}", word(&link, "address"), if up { "up" } else { "down" }));
            let addresses = link.get("addr_info").and_then(Value::as_array).cloned().unwrap_or_default();
            self.0.extend(addresses.iter().filter_map(Value::as_object).map(|found| address(&name, found)));
        }
    }

    fn add_routing(&mut self, family: &str, json: &str) {
        for entry in objects(json) {
            // What the kernel adds for an address, a link or a multicast group is no news beside those.
            if entry.get("protocol").and_then(Value::as_str) == Some("kernel") && entry.contains_key("dst") {
                continue;
            }
            let what = if entry.contains_key("priority") { "rule" } else { "route" };
            let mut line = format!("{what} {family}");
            append(&mut line, &entry);
            self.0.insert(line);
        }
    }
}

impl<S: Into<String>> FromIterator<S> for Dump {
    fn from_iter<I: IntoIterator<Item = S>>(lines: I) -> Self {
        Dump(lines.into_iter().map(Into::into).collect())
    }
}

/// One address with what a configuration says about it.
fn address(link: &str, found: &Map<String, Value>) -> String {
    let mut line = format!("address {link} {}/{}", word(found, "local"), word(found, "prefixlen"));
    for key in ["address", "broadcast", "scope", "label", "metric"] {
        // A label that is the interface's name is none.
        if found.get(key).is_some_and(|value| key != "label" || value != link) {
            let _ = write!(line, " {key} {}", word(found, key));
        }
    }
    for flag in ["noprefixroute", "nodad", "home", "mngtmpaddr", "autojoin", "optimistic"] {
        if found.get(flag).and_then(Value::as_bool) == Some(true) {
            line = line + " " + flag;
        }
    }
    if found.get("preferred_life_time").and_then(Value::as_u64) == Some(0) {
        line += " deprecated";
    }
    line
}

/// The objects of several JSON documents, each an array of them.
fn objects(json: &str) -> Vec<Map<String, Value>> {
    let documents = Deserializer::from_str(json).into_iter::<Vec<Value>>();
    documents
        .flat_map(|document| document.unwrap_or_else(|error| panic!("iproute2 printed no array ({error}): {json}")))
        .filter_map(|value| match value {
            // iproute2 prints an empty object for what it was told to leave out.
            Value::Object(object) if !object.is_empty() => Some(object),
            Value::Object(_) | Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
                None
            }
        })
        .collect()
}

/// Appends all keys that a configuration decides, in their order.
fn append(line: &mut String, entry: &Map<String, Value>) {
    let keys: BTreeSet<&String> = entry.keys().collect();
    for key in keys.into_iter().filter(|key| !PASSING.contains(&key.as_str())) {
        match &entry[key] {
            Value::Array(parts) => {
                let _ = write!(line, " {key} [");
                for part in parts {
                    match part.as_object() {
                        Some(part) => append(line, part),
                        None => {
                            let _ = write!(line, " {part}");
                        }
                    }
                }
                line.push_str(" ]");
            }
            Value::Object(part) => {
                let _ = write!(line, " {key} (");
                append(line, part);
                line.push_str(" )");
            }
            // The presence of the key is the news.
            Value::Null => {
                let _ = write!(line, " {key}");
            }
            Value::Bool(_) | Value::Number(_) | Value::String(_) => {
                let _ = write!(line, " {key} {}", word(entry, key));
            }
        }
    }
}

fn word_of(value: &Value, key: &str) -> String {
    value.as_object().map_or(String::new(), |object| word(object, key))
}

fn word(object: &Map<String, Value>, key: &str) -> String {
    match object.get(key) {
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
        None => String::new(),
    }
}

fn has_flag(link: &Map<String, Value>, flag: &str) -> bool {
    link.get("flags").and_then(Value::as_array).is_some_and(|flags| flags.iter().any(|found| found == flag))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_compared_without_its_order() {
        let (mut one, mut two) = (Dump::default(), Dump::default());
        one.add_table("-A -t 192.0.2.1:80 -s rr\n-a -t 192.0.2.1:80 -r 10.0.0.1:80 -m -w 1\n");
        two.add_table("-a -t 192.0.2.1:80 -r 10.0.0.1:80 -m -w 2\n-A -t 192.0.2.1:80 -s rr \n");
        let difference: Vec<_> = one.without(&two).lines().map(str::to_owned).collect();
        assert_eq!(difference, ["ipvs -a -t 192.0.2.1:80 -r 10.0.0.1:80 -m -w 1"]);
    }

    #[test]
    fn an_address_keeps_what_a_configuration_decides() {
        let mut dump = Dump::default();
        dump.add_links(
            r#"[{},{"ifindex":2,"ifname":"eth0","flags":["BROADCAST","UP"],"address":"02:00:00:00:00:01",
            "linkinfo":{"info_kind":"macvlan","info_data":{"mode":"private"}},"addr_info":[
            {"family":"inet","local":"192.0.2.1","prefixlen":24,"scope":"global","label":"eth0","valid_life_time":77},
            {"family":"inet6","local":"fe80::1","prefixlen":64,"scope":"link","tentative":true,"preferred_life_time":0}]}]"#,
        );
        let lines: Vec<_> = dump.lines().collect();
        assert_eq!(
            lines,
            [
                "address eth0 192.0.2.1/24 scope global",
                "address eth0 fe80::1/64 scope link deprecated",
                "link eth0 macvlan private 02:00:00:00:00:01 up",
            ]
        );
    }

    #[test]
    fn routes_of_the_kernel_are_left_out_and_rules_are_not() {
        let mut dump = Dump::default();
        dump.add_routing(
            "-4",
            r#"[{"type":"local","dst":"192.0.2.1","dev":"eth0","table":"local","protocol":"kernel","flags":[]},
            {"dst":"default","gateway":"192.0.2.254","dev":"eth0","protocol":"keepalived","flags":[],
             "metrics":[{"mtu":1400}]}]
            [{"priority":0,"src":"all","table":"local","protocol":"kernel"}]"#,
        );
        let lines: Vec<_> = dump.lines().collect();
        assert_eq!(
            lines,
            [
                "route -4 dev eth0 dst default gateway 192.0.2.254 metrics [ mtu 1400 ] protocol keepalived",
                "rule -4 priority 0 protocol kernel src all table local",
            ]
        );
    }

    #[test]
    fn a_change_has_both_directions() {
        let before: Dump = ["a", "b"].into_iter().collect();
        let after: Dump = ["b", "c"].into_iter().collect();
        assert_eq!(after.since(&before).lines().collect::<Vec<_>>(), ["+ c", "- a"]);
    }
}
