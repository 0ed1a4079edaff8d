//! What the host's packet filter must drop for routers.
//!
//! - *Virtual addresses that are not accepted* (RFC 9568 section 6.1, `Accept_Mode`): a router that does not own its
//!   addresses forwards packets for the virtual MAC address, but does not take packets for the addresses themselves, as a
//!   backup (section 6.4.2, 345) or as active router (6.4.3, 650). The rules are there in every state, so that there is nothing
//!   to add at the moment of a takeover. Neighbour discovery always passes: it is how the address is found.
//! - *Reports of group membership through a macvlan*. They carry the virtual MAC address, on backups too, and a switch that
//!   sees it on a backup's port sends the active router's traffic there until its next advert. They leave through the base.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv6Addr};

use super::instance::Entry;
use super::{Event, LinkKind, Output, Router, Upon};
use crate::model::{Instance, Priority, VrrpVersion};

/// Table of rules, unless the configuration names another.
const TABLE: &str = "keepalived";
/// Priority of its chains, unless the configuration names another: just before the host's own filter.
const PRIORITY: i32 = -1;

/// What is dropped. The default drops nothing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Firewall {
    /// Name of the table; empty where nothing is dropped.
    pub table: String,
    /// Priority of its chains.
    pub priority: i32,
    /// Packets to and from these are dropped.
    pub refused: BTreeSet<IpAddr>,
    /// Packets to and from these link-local addresses on these interfaces are dropped.
    pub refused_on: BTreeSet<(Ipv6Addr, u32)>,
    /// Macvlans, by number, with the link that they lie on: IGMP and MLD reports leave through that one.
    pub quiet: BTreeMap<u32, u32>,
}

impl Firewall {
    /// Nothing is dropped.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.refused.is_empty() && self.refused_on.is_empty() && self.quiet.is_empty()
    }
}

impl Router {
    /// Whether a router's addresses are not to be accepted. Version 2 has no `Accept_Mode`: who keeps to the RFC strictly
    /// never accepts.
    pub(super) fn refuses(config: &Instance) -> bool {
        config.priority != Priority::OWNER && (!config.accept || (config.strict && config.version == VrrpVersion::V2))
    }

    /// Makes the rules follow from the configuration and the links. Comes before links are switched on and addresses are put
    /// on; at a reload the filter may be some milliseconds behind a new address.
    pub(super) fn update_firewall(&mut self) {
        let mut wanted = Firewall::default();
        for entry in self.instances.iter().filter(|entry| Self::refuses(&entry.config)) {
            self.refuse(entry, &mut wanted);
        }
        for held in self.virtual_link_numbers() {
            if let Some(Upon { base, kind: LinkKind::Macvlan }) = self.links.get(&held).and_then(|link| link.upon) {
                wanted.quiet.insert(held, base);
            }
        }
        if !wanted.is_empty() {
            wanted.table = self.config.router.firewall_table.clone().unwrap_or_else(|| TABLE.to_owned());
            wanted.priority = self.config.router.firewall_priority.unwrap_or(PRIORITY);
        }
        if wanted != self.firewall {
            self.firewall.clone_from(&wanted);
            self.outputs.push_back(Output::Firewall(wanted));
        }
    }

    fn refuse(&self, entry: &Entry, wanted: &mut Firewall) {
        for address in entry.virtual_addresses() {
            match address.address {
                // The same link-local address may be on another interface, and accepted there.
                IpAddr::V6(link_local) if link_local.is_unicast_link_local() => {
                    if let Some(link) = self.seat(entry, address) {
                        wanted.refused_on.insert((link_local, link.index));
                    }
                }
                IpAddr::V4(_) | IpAddr::V6(_) => {
                    wanted.refused.insert(address.address);
                }
            }
        }
    }

    pub(super) fn drop_firewall(&mut self) {
        if !std::mem::take(&mut self.firewall).is_empty() {
            self.outputs.push_back(Output::Firewall(Firewall::default()));
        }
    }

    /// Remembers what is wrong, and tells it once.
    pub(super) fn firewall_done(&mut self, outcome: Result<(), String>) {
        match outcome {
            Ok(()) => self.firewall_problem = None,
            Err(error) => {
                if self.firewall_problem.is_none() {
                    self.outputs.push_back(Output::Event(Event::FirewallFailed { error: error.clone() }));
                }
                self.firewall_problem = Some(format!("its addresses are accepted all the same: {error}"));
            }
        }
    }
}
