//! Which link a virtual router stands on, speaks through, hears on, and puts its addresses on.

use std::net::IpAddr;

use super::instance::Entry;
use super::{Link, Router};
use crate::model::{Transport, VirtualAddress, VirtualLink};

impl Router {
    /// A link by its name.
    pub(super) fn link(&self, name: &str) -> Option<&Link> {
        self.names.get(name).and_then(|index| self.links.get(index))
    }

    /// The link that it is configured with: what it stands on, and where its source address is. For one that names none
    /// that is the link that holds its source address.
    pub(super) fn base(&self, entry: &Entry) -> Option<&Link> {
        if let Some(interface) = &entry.config.id.interface {
            return self.link(interface);
        }
        let source = entry.configured_source()?;
        let holds = |addresses: &Vec<(IpAddr, u8)>| addresses.iter().any(|(address, _)| *address == source);
        let (index, _) = self.addresses.iter().find(|(_, addresses)| holds(addresses))?;
        self.links.get(index)
    }

    /// The link that its adverts leave through; `None` while its own link is not there.
    pub(super) fn voice(&self, entry: &Entry) -> Option<&Link> {
        match &entry.config.virtual_link {
            Some(VirtualLink::Vmac(vmac)) if vmac.send_from_base => self.base(entry),
            Some(VirtualLink::Vmac(_) | VirtualLink::Ipvlan(_)) | None => self.ear(entry),
        }
    }

    /// The same, while something can leave through it: a link of our own needs its base.
    pub(super) fn open_voice(&self, entry: &Entry) -> Option<&Link> {
        let base_is_up = || self.base(entry).is_some_and(|base| base.up);
        self.voice(entry).filter(|voice| voice.up && (entry.config.virtual_link.is_none() || base_is_up()))
    }

    /// The link that adverts of others come in on. A macvlan hears those that have its own address as their source, which the
    /// base does not, and all others too. Peers of a unicast router speak to its source address, which is the base's; an
    /// ipvlan has one of its own.
    pub(super) fn ear(&self, entry: &Entry) -> Option<&Link> {
        let unicast = matches!(entry.config.transport, Transport::Unicast { .. });
        match &entry.config.virtual_link {
            Some(VirtualLink::Vmac(_)) if unicast => self.base(entry),
            Some(VirtualLink::Ipvlan(ipvlan)) if unicast && ipvlan.address.is_none() => self.base(entry),
            Some(VirtualLink::Vmac(_) | VirtualLink::Ipvlan(_)) => self.virtual_link(&(entry.serial, None)),
            None => self.base(entry),
        }
    }

    /// The link that holds its addresses, where those name none.
    pub(super) fn home(&self, entry: &Entry) -> Option<&Link> {
        match &entry.config.virtual_link {
            Some(VirtualLink::Vmac(_)) => self.virtual_link(&(entry.serial, None)),
            Some(VirtualLink::Ipvlan(_)) | None => self.base(entry),
        }
    }

    /// The link that an address belongs on; `None` while it is not there.
    pub(super) fn seat(&self, entry: &Entry, address: &VirtualAddress) -> Option<&Link> {
        match (Self::address_key(entry, address), &address.interface) {
            (Some(key), _) => self.virtual_link(&key),
            (None, Some(name)) => self.link(name),
            (None, None) => self.home(entry),
        }
    }

    /// Links that its adverts leave through or come in on: each needs a socket.
    pub(super) fn spoken(&self, entry: &Entry) -> Vec<&Link> {
        let mut links: Vec<&Link> = self.ear(entry).into_iter().collect();
        links.extend(self.voice(entry).filter(|voice| links.iter().all(|link| link.index != voice.index)));
        links
    }
}
