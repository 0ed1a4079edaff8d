//! Which link a virtual router stands on, speaks through, and puts its addresses on.

use std::net::IpAddr;

use super::instance::Entry;
use super::{Link, Router};

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

    /// The link that its adverts leave through and come in on.
    pub(super) fn voice(&self, entry: &Entry) -> Option<&Link> {
        self.base(entry)
    }

    /// The link that holds its addresses, where those name none.
    pub(super) fn home(&self, entry: &Entry) -> Option<&Link> {
        self.base(entry)
    }
}
