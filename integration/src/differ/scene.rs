//! The machine that a configuration was written for, as far as one can guess it from the text.
//!
//! This reads words, not meaning: it must serve files that either program refuses, and must not lean on the parser that
//! is under test. A name after `interface` or `dev` is an interface, an address after `real_server` is a server. What it
//! misses is missing for both programs alike.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::net::IpAddr;

use crate::node::Node;
use crate::segment::Segment;

/// What has to be there before a program is started.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Scene {
    /// Interfaces by name; the n-th in the order of their names has the address 10.254.n.1/24.
    pub interfaces: BTreeSet<String>,
    /// Addresses that the file takes for its own, with their interface.
    pub sources: BTreeSet<(String, IpAddr)>,
    /// Real servers, sorry servers among them.
    pub servers: BTreeSet<IpAddr>,
    /// TCP ports that servers listen on.
    pub ports: BTreeSet<u16>,
}

impl Scene {
    /// Reads a `keepalived.conf`.
    #[must_use]
    pub fn read(text: &str) -> Self {
        let words = expand(words(text));
        let mut scene = Scene::default();
        // Interfaces that the file itself makes.
        let mut made = BTreeSet::new();
        let (mut interface, mut own) = (None::<String>, Vec::new());
        let mut at = 0;
        while let Some(word) = words.get(at) {
            let next = words.get(at + 1).map(String::as_str).unwrap_or_default();
            let port = words.get(at + 2).and_then(|word| word.parse::<u16>().ok());
            match word.as_str() {
                "vrrp_instance" => {
                    scene.note_sources(interface.take(), &mut own);
                }
                "interface" | "dev" | "default_interface" | "lvs_sync_daemon" | "oif" | "iif" if is_name(next) => {
                    if word == "interface" {
                        interface = Some(next.to_owned());
                    }
                    scene.interfaces.insert(next.to_owned());
                }
                "track_interface" => {
                    let names = words[at + 1..].iter().take_while(|word| *word != "}");
                    scene.interfaces.extend(interface_names(names));
                }
                "use_vmac" | "use_ipvlan" if is_name(next) => {
                    made.insert(next.to_owned());
                }
                "mcast_src_ip" | "unicast_src_ip" => own.extend(next.parse::<IpAddr>()),
                "real_server" | "sorry_server" => {
                    scene.servers.extend(next.parse::<IpAddr>());
                    scene.ports.extend(port);
                }
                "connect_port" => scene.ports.extend(next.parse::<u16>()),
                "connect_ip" => scene.servers.extend(next.parse::<IpAddr>()),
                _ => {}
            }
            at += 1;
        }
        scene.note_sources(interface.take(), &mut own);
        scene.interfaces.retain(|name| !made.contains(name) && name != "lo");
        scene.ports.remove(&0);
        // Its own addresses are here already.
        for (_, source) in &scene.sources {
            scene.servers.remove(source);
        }
        scene
    }

    fn note_sources(&mut self, interface: Option<String>, own: &mut Vec<IpAddr>) {
        if let Some(interface) = interface {
            self.sources.extend(own.iter().map(|source| (interface.clone(), *source)));
        }
        own.clear();
    }

    /// Gives a node its interfaces, as ports of a switch: for kernels that have no dummies.
    ///
    /// # Panics
    /// When the kernel refuses.
    #[track_caller]
    pub fn attach(&self, node: &Node, segment: &Segment) {
        for (number, name) in (1..).zip(&self.interfaces) {
            segment.attach(node, name, &[&format!("10.254.{number}.1/24"), &format!("fd00:254:{number:x}::1/64")]);
        }
        for (name, source) in &self.sources {
            node.add_address(name, &source.to_string());
        }
    }

    /// Makes the interfaces and addresses in a node.
    ///
    /// # Panics
    /// When the kernel refuses.
    #[track_caller]
    pub fn prepare(&self, node: &Node) {
        // An address of IPv6 is of use at once.
        node.set_sysctl("net.ipv6.conf.default.accept_dad", "0");
        let mut batch = String::new();
        for (number, name) in (1..).zip(&self.interfaces) {
            // A dummy's carrier is always up; with ARP on it is an Ethernet on which nobody answers.
            let _ = writeln!(batch, "link add name {name} address 02:00:00:00:00:{number:02x} type dummy");
            let _ = writeln!(batch, "link set dev {name} arp on multicast on up");
            let _ = writeln!(batch, "address add 10.254.{number}.1/24 dev {name}");
            let _ = writeln!(batch, "address add fd00:254:{number:x}::1/64 dev {name} nodad");
        }
        for (name, source) in &self.sources {
            let _ = writeln!(batch, "address add {source} dev {name}");
        }
        node.command("ip").args(["-batch", "-"]).input(batch).ok();
    }
}

/// The names of a block that may also have `weight N` and the like.
fn interface_names<'words>(words: impl Iterator<Item = &'words String>) -> Vec<String> {
    let mut names = Vec::new();
    let mut skip = false;
    for word in words {
        let value = std::mem::replace(&mut skip, word == "weight");
        if !value && is_name(word) && !["weight", "reverse", "noreverse", "no_reverse"].contains(&word.as_str()) {
            names.push(word.clone());
        }
    }
    names
}

/// Whether the kernel would take this as the name of an interface, and people too.
fn is_name(word: &str) -> bool {
    (1..=15).contains(&word.len())
        && word.starts_with(|first: char| first.is_ascii_alphabetic())
        && word.chars().all(|c| c.is_ascii_alphanumeric() || "_.-".contains(c))
}

/// The words of a file without its comments; braces are words of their own.
fn words(text: &str) -> Vec<String> {
    let lines = text.lines().map(|line| line.split(['#', '!']).next().unwrap_or_default());
    let spaced =
        lines.map(|line| line.replace("${", "\u{1}").replace('{', " { ").replace('}', " } ").replace('\u{1}', "${"));
    spaced.flat_map(|line| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>()).collect()
}

/// Puts the values of simple definitions (`$NAME=value`) in their places.
fn expand(words: Vec<String>) -> Vec<String> {
    let mut known = BTreeMap::new();
    for word in &words {
        if let Some((name, value)) = word.strip_prefix('$').and_then(|word| word.split_once('=')) {
            known.insert(name.to_owned(), value.to_owned());
        }
    }
    let expanded = words.into_iter().map(|word| {
        let name = word.strip_prefix("${").or_else(|| word.strip_prefix('$')).map(|name| name.trim_end_matches('}'));
        name.and_then(|name| known.get(name)).cloned().unwrap_or(word)
    });
    expanded.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_is_guessed_from_the_words() {
        let scene = Scene::read(
            "$IF=bond0\n\
             vrrp_instance one{\n interface eth0 # not eth9\n unicast_src_ip 192.0.2.1\n track_interface { eth1 weight 5 }\n\
             use_vmac vrrp.51\n virtual_ipaddress { 192.0.2.100 dev eth0.53 }\n}\n\
             vrrp_instance two {\n interface $IF\n}\n\
             virtual_server 192.0.2.100 80 {\n real_server 192.0.2.1 80 { TCP_CHECK { connect_port 8080 } }\n\
             real_server 10.0.0.2 0 { }\n sorry_server fd00::9 81\n}\n",
        );
        assert_eq!(
            scene.interfaces.iter().map(String::as_str).collect::<Vec<_>>(),
            ["bond0", "eth0", "eth0.53", "eth1"]
        );
        assert_eq!(scene.sources.iter().next().unwrap(), &("eth0".to_owned(), "192.0.2.1".parse().unwrap()));
        assert_eq!(scene.servers, ["10.0.0.2".parse().unwrap(), "fd00::9".parse().unwrap()].into());
        assert_eq!(scene.ports, [80, 81, 8080].into());
    }

    #[test]
    fn placeholders_and_prose_are_no_interfaces() {
        let scene = Scene::read("interface ${INTERFACE}\ninterface <your-nic>\ndev lo\n! interface eth5\n");
        assert_eq!(scene, Scene::default());
    }
}
