//! Packets that were never read: more came in on an interface than its sockets had room for.
//!
//! Whose they were nobody knows, so they are counted for the interface, and shown with every virtual router on it.

use super::instance::Entry;
use super::{Event, Router};
use crate::model::Family;
use crate::vrrp::engine::Output;

/// Packets that sockets had no room for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Unread {
    /// Adverts that might have been believed.
    pub adverts: u64,
    /// Everything else of our protocols.
    pub rest: u64,
}

impl Router {
    /// So many more were lost. Told each time that there are ten times as many.
    pub(super) fn unread(&mut self, index: u32, family: Family, more: Unread) {
        let before = self.unread.get(&(index, family)).copied().unwrap_or_default();
        let adverts = before.adverts.saturating_add(more.adverts);
        let rest = before.rest.saturating_add(more.rest);
        self.unread.insert((index, family), Unread { adverts, rest });
        let interface = || self.links.get(&index).map_or_else(String::new, |link| link.name.clone());
        if digits(adverts) > digits(before.adverts) {
            self.outputs.push_back(Output::Event(Event::AdvertsUnread { interface: interface(), count: adverts }));
        }
        if digits(rest) > digits(before.rest) {
            self.outputs.push_back(Output::Event(Event::RestUnread { interface: interface(), count: rest }));
        }
    }

    /// What was lost where this router listens.
    pub(super) fn unread_of(&self, entry: &Entry) -> Unread {
        let index = self.ear_channel(entry);
        index.and_then(|index| self.unread.get(&(index, entry.config.id.family))).copied().unwrap_or_default()
    }
}

/// Decimal digits; none for 0.
fn digits(count: u64) -> u32 {
    count.checked_ilog10().map_or(0, |log| log + 1)
}
