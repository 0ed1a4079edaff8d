//! Which link a virtual router stands on, speaks through, and puts its addresses on.

use super::instance::Entry;
use super::{Link, Router};

impl Router {
    /// A link by its name.
    pub(super) fn link(&self, name: &str) -> Option<&Link> {
        self.names.get(name).and_then(|index| self.links.get(index))
    }

    /// The link that it is configured with: what it stands on, and where its source address is.
    pub(super) fn base(&self, entry: &Entry) -> Option<&Link> {
        self.link(entry.interface())
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
