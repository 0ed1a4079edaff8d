//! How many addresses an advert has room for, which follows from the MTU of the link that it leaves through.
//!
//! It is looked at when a configuration comes into force. keepalived does so too, and ignores adverts that name more or fewer
//! addresses than its own: so a link that can carry more than it did then changes nothing until the next reload. On one that
//! can carry less, adverts that name as many as before could not leave at all, and name fewer for as long as that lasts.

use std::net::IpAddr;

use super::instance::Entry;
use super::{Event, Output, Router};
use crate::model::Family;
use crate::wire::vrrp::{USUAL_MTU, most_addresses};

/// What there is room for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Room {
    /// Addresses.
    most: usize,
    mtu: u32,
    /// The MTU when the configuration came into force: what lies above it is not used.
    ceiling: u32,
    /// A new configuration is in force, and nobody has looked at the link since.
    stale: bool,
}

impl Router {
    /// Works out what adverts name.
    pub(super) fn measure_adverts(&mut self) {
        for at in 0..self.instances.len() {
            let Some(entry) = self.instances.get(at) else { continue };
            let Some(link) = self.open_voice(entry) else { continue };
            let (before, mtu) = (entry.room, link.mtu.unwrap_or(USUAL_MTU));
            let ceiling = if before.stale { mtu } else { before.ceiling };
            let room = entry.room_on(mtu.min(ceiling), ceiling);
            if !before.stale && room.most == before.most {
                continue;
            }
            let interface = link.name.clone();
            let Some(entry) = self.instances.get_mut(at) else { continue };
            let named = entry.advertised.len();
            entry.room = room;
            entry.name_addresses();
            let (most, all) = (entry.advertised.len(), entry.own_family().count());
            if most < all && (most, entry.told_room) != (named, Some(room.mtu)) {
                entry.told_room = Some(room.mtu);
                let instance = entry.name.clone();
                let event = Event::AddressesCut { instance, interface, mtu: room.mtu, most, all };
                self.outputs.push_back(Output::Event(event));
            }
        }
    }
}

impl Room {
    /// Nothing is known of the link.
    pub(super) const UNKNOWN: Self = Self { most: 0, mtu: USUAL_MTU, ceiling: USUAL_MTU, stale: true };
}

impl Entry {
    fn room_on(&self, mtu: u32, ceiling: u32) -> Room {
        let most = most_addresses(self.config.id.family, self.config.version, self.sends_header(), mtu);
        Room { most, mtu, ceiling, stale: false }
    }

    /// A new configuration is in force: until the link is looked at, the room is what it was, or what links usually have.
    pub(super) fn measure_anew(&mut self) {
        let Room { mtu, ceiling, .. } = self.room;
        self.room = Room { stale: true, ..self.room_on(mtu, ceiling) };
        self.name_addresses();
    }

    /// Takes into adverts what there is room for.
    fn name_addresses(&mut self) {
        self.advertised = self.own_family().take(self.room.most).collect();
    }

    fn own_family(&self) -> impl Iterator<Item = IpAddr> + use<'_> {
        let ipv6 = self.config.id.family == Family::V6;
        self.config.addresses.iter().map(|address| address.address).filter(move |address| address.is_ipv6() == ipv6)
    }
}
