//! Kernel settings that routers need held, as a level: what is wished is held, what is not wished any more is put back.
//!
//! Settings of a router's own links are not here: they go with the link ([`Output::RaiseLink`]).

use std::collections::BTreeMap;

use super::virtual_links::{Wish, sysctl_name};
use super::{Output, Router};

/// Settings that are held now.
#[derive(Debug, Default)]
pub(super) struct Settings {
    /// By name: the number of the interface that it belongs to, and the value. An interface that is made anew has its
    /// settings made anew.
    held: BTreeMap<String, (u32, String)>,
    reverse_path_by_link: bool,
}

impl Router {
    /// Holds what is wished.
    pub(super) fn update_sysctls(&mut self, wishes: &[Wish]) {
        let by_link = wishes.iter().any(Wish::parts_ipv4);
        if by_link && !self.settings.reverse_path_by_link {
            self.settings.reverse_path_by_link = true;
            self.outputs.push_back(Output::ReversePathByLink(true));
        }
        let mut wished = wished(wishes);
        wished.extend(self.promoting());
        self.hold(wished);
        if !by_link && self.settings.reverse_path_by_link {
            self.settings.reverse_path_by_link = false;
            self.outputs.push_back(Output::ReversePathByLink(false));
        }
    }

    fn hold(&mut self, wished: BTreeMap<String, (u32, String)>) {
        let before = std::mem::replace(&mut self.settings.held, wished);
        for (name, setting) in &self.settings.held {
            if before.get(name) != Some(setting) {
                self.outputs.push_back(Output::Sysctl { name: name.clone(), value: setting.1.clone() });
            }
        }
        for name in before.into_keys().filter(|name| !self.settings.held.contains_key(name)) {
            self.outputs.push_back(Output::RestoreSysctl { name });
        }
    }

    /// Without this setting the kernel takes all other addresses of a subnet along with the first that is removed.
    fn promoting(&self) -> BTreeMap<String, (u32, String)> {
        let mut wished = BTreeMap::new();
        if self.leaving {
            return wished;
        }
        for entry in self.instances.iter().filter(|entry| entry.config.promote_secondaries) {
            for address in entry.virtual_addresses().filter(|address| address.address.is_ipv4()) {
                if let Some(link) = self.seat(entry, address) {
                    let name = format!("net.ipv4.conf.{}.promote_secondaries", sysctl_name(&link.name));
                    wished.insert(name, (link.index, "1".to_owned()));
                }
            }
        }
        wished
    }

    /// Puts everything back, at the end.
    pub(super) fn restore_sysctls(&mut self) {
        self.update_sysctls(&[]);
    }
}

/// A base with a macvlan on it answers ARP only for addresses of its own: without this both links would answer for the
/// virtual addresses, the base with the wrong MAC address. When it asks for a neighbour itself, on behalf of a packet from a
/// virtual address, it names an address of its own too (`arp_announce`, which keepalived leaves alone): else the neighbour
/// learns the base's MAC address for the virtual one.
fn wished(wishes: &[Wish]) -> BTreeMap<String, (u32, String)> {
    let mut wished = BTreeMap::new();
    for wish in wishes.iter().filter(|wish| wish.parts_ipv4()) {
        let (index, name) = &wish.base;
        for (setting, value) in [("arp_announce", "2"), ("arp_filter", "1"), ("arp_ignore", "1")] {
            let name = format!("net.ipv4.conf.{}.{setting}", sysctl_name(name));
            wished.insert(name, (*index, value.to_owned()));
        }
    }
    wished
}
