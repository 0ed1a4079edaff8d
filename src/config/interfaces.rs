//! Interfaces that a configuration names, and what comes of it where one is not there.
//!
//! Which interfaces a host has is no part of a text: whoever looks at a file on the host that it is for hands their names in,
//! and is told what will wait. Nothing is refused for it. The daemon waits for each, so one that is made by another program, or
//! plugged in later, is as good; a slip in a name looks the same, and that is mostly what it is.
//!
//! Interfaces that the configuration makes itself (VMACs, ipvlans) are not asked for.

use std::collections::{BTreeSet, HashMap, HashSet};

use super::diagnostic::{Code, Diagnostic};
use super::source::Span;
use super::{Loaded, suggest};
use crate::model::{
    Config, Instance, Route, RouterSettings, Rule, StaticState, SyncGroup, Tracked, VirtualAddress, VirtualLink,
    Watched,
};

/// No more consequences of one missing interface are told.
const MOST_TOLD: usize = 4;
/// What names of routers' own links begin with, where neither they nor `vmac_prefix` are written.
const USUAL_PREFIX: &str = "vrrp";

/// Warns of each interface that the configuration names and that is none of a host's.
pub fn warn_of_missing_interfaces(loaded: &mut Loaded, host: &BTreeSet<String>) {
    let Some(config) = &loaded.config else { return };
    let mut missing = Missing { host, made: made(config), found: Vec::new(), index: HashMap::new() };
    missing.of_routers(config);
    missing.of_statics(&config.router.statics);
    missing.of_settings(&config.router);
    missing.of_services(config);
    let Missing { found, .. } = missing;
    for (name, consequences) in found {
        // Of a name with a slip in it more was said already.
        if slip(&name).is_none() {
            loaded.report.tell_of_interface(&name, meant(&name, host), &told(consequences));
        }
    }
    loaded.report.sort();
}

/// What is meant by a name that is hardly an interface's, and why it is not.
pub(super) fn slip(name: &str) -> Option<(&str, &'static str)> {
    let (bare, why) = if let Some((bare, _)) = name.split_once('@') {
        (bare, "`ip link` shows `@` and the link below behind a name; the name ends before it")
    } else if let Some((bare, _)) = name.split_once(':') {
        (
            bare,
            "`:` is in labels of addresses and in no interface's name: write the interface, and `label` for the label",
        )
    } else if name.contains(['\u{201c}', '\u{201d}', '\u{2018}', '\u{2019}']) {
        (
            name.trim_matches(['\u{201c}', '\u{201d}', '\u{2018}', '\u{2019}']),
            "it holds typographic quotes; plain ones are `\"`, and a name needs none",
        )
    } else if name.contains(|c: char| !c.is_ascii() && is_blank(c)) {
        (
            name.trim_matches(is_blank),
            "it has a no-break space or the like at its edge, which nobody sees; a name needs no quotes",
        )
    } else {
        (name.trim_end_matches([';', ',']), "lines do not end in `;` or `,` in this language")
    };
    (bare != name && !bare.is_empty()).then_some((bare, why))
}

/// What shows as a blank or as nothing.
fn is_blank(c: char) -> bool {
    c.is_whitespace() || matches!(c, '\u{200b}' | '\u{feff}')
}

/// Says so where it is read.
pub(super) fn remark_on_slip(name: &str, span: Span) -> Option<Diagnostic> {
    let (meant, why) = slip(name)?;
    let message = format!("`{name}` is hardly the name of an interface");
    Some(
        Diagnostic::warning(Code::BadValue, span, message)
            .mark(format!("did you mean `{meant}`?"))
            .help(why)
            .help("taken as it is written: what needs the interface waits until there is one of this name"),
    )
}

/// What may have been meant by a name that is not there.
fn meant(name: &str, host: &BTreeSet<String>) -> Vec<String> {
    let near = suggest::did_you_mean(name, host.iter().map(String::as_str));
    let vlan = name.rsplit_once('.').filter(|(base, number)| {
        host.contains(*base) && number.parse::<u16>().is_ok_and(|number| (1..=4_094).contains(&number))
    });
    match vlan {
        Some((base, number)) => {
            vec![format!("`{base}` is there: VLAN {number} on it has to be made, by whatever sets up the network")]
        }
        None => near.into_iter().collect(),
    }
}

/// The first of them, and how many more there are.
fn told(mut consequences: Vec<String>) -> Vec<String> {
    let more = consequences.len().saturating_sub(MOST_TOLD);
    consequences.truncate(MOST_TOLD);
    if more > 0 {
        consequences.push(format!("and {more} more that need it"));
    }
    consequences
}

/// Names that routers' own links have or may be given.
fn made(config: &Config) -> HashSet<String> {
    let prefixes = [&config.router.vmac_prefix, &config.router.vmac_address_prefix];
    let prefixes: Vec<&str> = prefixes.into_iter().flatten().map(String::as_str).chain([USUAL_PREFIX]).collect();
    let mut made = HashSet::new();
    for instance in &config.instances {
        let own = instance.virtual_link.as_ref().and_then(|link| match link {
            VirtualLink::Vmac(vmac) => vmac.name.as_ref(),
            VirtualLink::Ipvlan(ipvlan) => ipvlan.name.as_ref(),
        });
        made.extend(own.cloned());
        if instance.virtual_link.is_some() {
            let number = instance.id.vrid.value();
            // The second for IPv6, where the first is taken.
            made.extend(
                prefixes.iter().flat_map(|prefix| [format!("{prefix}.{number}"), format!("{prefix}6.{number}")]),
            );
        }
    }
    made
}

/// What is named and not there.
struct Missing<'h> {
    host: &'h BTreeSet<String>,
    made: HashSet<String>,
    /// Each name once, with what comes of it.
    found: Vec<(String, Vec<String>)>,
    index: HashMap<String, usize>,
}

impl Missing<'_> {
    /// A use of an interface. The consequence is only put into words where it is missing.
    fn needs(&mut self, name: &str, consequence: impl FnOnce() -> String) {
        if self.host.contains(name) || self.made.contains(name) {
            return;
        }
        let at = *self.index.entry(name.to_owned()).or_insert_with(|| {
            self.found.push((name.to_owned(), Vec::new()));
            self.found.len() - 1
        });
        if let Some((_, consequences)) = self.found.get_mut(at) {
            let consequence = consequence();
            if consequences.last() != Some(&consequence) {
                consequences.push(consequence);
            }
        }
    }

    fn of_routers(&mut self, config: &Config) {
        for instance in &config.instances {
            let router = format!("router `{}`", instance.name);
            let own = instance.id.interface.as_deref();
            if let Some(name) = own {
                self.needs(name, || format!("{router} waits for it in FAULT"));
            }
            if let Some(name) = instance.vrf.as_deref() {
                self.needs(name, || format!("{router} hears and sends nothing until it is there"));
            }
            self.of_tracks(&instance.tracks, &router);
            self.of_things(instance, own, &router);
        }
        for SyncGroup { name, tracks, .. } in &config.sync_groups {
            self.of_tracks(tracks, &format!("the group `{name}`"));
        }
        if let Some(daemon) = &config.global.sync_daemon {
            self.needs(&daemon.interface, || {
                "connections are not copied to the other director until it is there".to_owned()
            });
        }
    }

    fn of_tracks(&mut self, tracks: &[Tracked], who: &str) {
        for Tracked { what, weight, reverse } in tracks {
            match what {
                Watched::Interface(name) => self.needs(name, || match (weight, reverse) {
                    (0, false) => format!("{who} watches it, and is in FAULT until it is there"),
                    (_, true) | (_, false) => format!("{who} watches it, and counts it as down until it is there"),
                }),
                Watched::Script(_)
                | Watched::Process(_)
                | Watched::File(_)
                | Watched::Service(_)
                | Watched::Check(_)
                | Watched::Bfd(_) => {}
            }
        }
    }

    /// What a router puts on the host. Where that is on its own interface, enough was said.
    fn of_things(&mut self, instance: &Instance, own: Option<&str>, router: &str) {
        let consequence = |track: bool, what: String| match track {
            true => format!("{router} is in FAULT until it is there, for {what} needs it"),
            false => format!("{what} of {router} is set once it is there"),
        };
        for address in instance.addresses.iter().chain(&instance.excluded_addresses) {
            if let Some(name) = address.interface.as_deref().filter(|name| Some(*name) != own) {
                self.needs(name, || consequence(address.track, shown(address)));
            }
        }
        for route in &instance.routes {
            for name in interfaces(route).filter(|name| Some(*name) != own) {
                self.needs(name, || consequence(route.track, way(route)));
            }
        }
        for rule in &instance.rules {
            for name in rule.input.iter().chain(&rule.output).filter(|name| Some(name.as_str()) != own && rule.track) {
                self.needs(name, || consequence(true, priority(rule)));
            }
        }
    }

    fn of_statics(&mut self, statics: &StaticState) {
        let consequence = |group: &Option<String>, track: bool, what: String| match group {
            Some(group) if track => {
                format!("the static {what} waits for it, and routers of track group `{group}` are in FAULT until then")
            }
            Some(_) | None => format!("the static {what} waits for it"),
        };
        for address in &statics.addresses {
            if let Some(name) = address.interface.as_deref() {
                self.needs(name, || consequence(&address.track_group, address.track, shown(address)));
            }
        }
        for route in &statics.routes {
            for name in interfaces(route) {
                self.needs(name, || consequence(&route.track_group, route.track, way(route)));
            }
        }
        for rule in &statics.rules {
            for name in rule.input.iter().chain(&rule.output) {
                self.needs(name, || match rule.track_group.as_ref().filter(|_| rule.track) {
                    Some(group) => consequence(&Some(group.clone()), true, priority(rule)),
                    // The kernel takes a rule for an interface that is not there.
                    None => format!("the static {} is set, and at work once it is there", priority(rule)),
                });
            }
        }
    }

    fn of_settings(&mut self, settings: &RouterSettings) {
        for name in settings.garp_groups.iter().flat_map(|group| &group.interfaces) {
            self.needs(name, || "there are no announcements on it to be spaced out until it is there".to_owned());
        }
        for delay in &settings.interface_delays {
            self.needs(&delay.interface, || "its delays have nothing to act on until it is there".to_owned());
        }
    }

    fn of_services(&mut self, config: &Config) {
        for service in &config.services {
            for check in service.servers.iter().flat_map(|server| &server.checks) {
                if let Some(name) = check.kind.connect().and_then(|connect| connect.interface.as_deref()) {
                    self.needs(name, || "checks that are to leave through it fail until it is there".to_owned());
                }
            }
        }
        for tracked in &config.checks {
            if let Some(name) = tracked.check.kind.connect().and_then(|connect| connect.interface.as_deref()) {
                self.needs(name, || format!("the check `{}` fails until it is there", tracked.name));
            }
        }
    }
}

fn shown(address: &VirtualAddress) -> String {
    format!("address {}/{}", address.address, address.prefix_len)
}

fn way(route: &Route) -> String {
    format!("route to {}/{}", route.to.0, route.to.1)
}

fn priority(rule: &Rule) -> String {
    format!("rule of priority {}", rule.priority)
}

fn interfaces(route: &Route) -> impl Iterator<Item = &str> {
    route.hops.iter().filter_map(|hop| hop.interface.as_deref()).chain(route.vrf.as_deref())
}
