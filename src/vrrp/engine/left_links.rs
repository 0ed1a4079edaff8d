//! Links that an earlier run of ours made, and that nothing in the configuration names any more.
//!
//! A run that is killed leaves its links, with the addresses on them. The next one uses those that it wishes itself; the
//! others would stay until the host is restarted: a macvlan with a router's MAC address that answers for its addresses,
//! whoever is master. Which are ours the kernel keeps with the link, so that nobody else's is taken for one, a live
//! keepalived's of the same name, number and MAC address included.

use std::collections::BTreeSet;

use super::{Event, Output, Router};

impl Router {
    /// Removes them: once, with the first configuration, and before links are made, which may have the same names.
    pub(super) fn remove_left_links(&mut self) {
        let mut used = BTreeSet::new();
        for wish in self.wishes() {
            let found = self.links.values().find(|link| !used.contains(&link.index) && wish.fits(link));
            used.extend(found.map(|link| link.index));
        }
        let left = |index: &u32| !used.contains(index);
        let gone: Vec<u32> =
            self.links.values().filter(|link| link.marked).map(|link| link.index).filter(left).collect();
        for index in gone {
            if let Some(link) = self.links.get(&index) {
                self.outputs.push_back(Output::Event(Event::LeftLinkRemoved { link: link.name.clone() }));
            }
            self.remove_link(index);
        }
    }
}
