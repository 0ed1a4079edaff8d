//! Whose adverts keep a backup from taking over.
//!
//! Sockets give these senders room of their own, so that what others send cannot displace them: the master that each backup
//! follows, and each peer that adverts are sent to one by one, of whom any may become master. A master is remembered until
//! another one is followed: while it is silent, and while others speak that a backup need not follow.

use std::net::IpAddr;

use super::Router;
use super::packets::form;
use crate::model::{Family, Transport};
use crate::vrrp::machine::{Backup, State};
use crate::wire::vrrp::Form;

/// A sender of adverts that matter, and what they look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KnownMaster {
    /// Interface of the [`Listener`](super::Listener) that hears them.
    pub index: u32,
    /// Its family.
    pub family: Family,
    /// Whether it hears authentication headers.
    pub header: bool,
    /// Virtual router.
    pub vrid: u8,
    /// The sender's address.
    pub source: IpAddr,
    /// How its adverts prove themselves; version 3 does not, and its interval says nothing here.
    pub form: Form,
}

impl Router {
    /// What [`take_masters`](Self::take_masters) would tell may have changed since it was last asked.
    #[must_use]
    pub const fn masters_changed(&self) -> bool {
        self.masters_changed
    }

    /// Whose adverts matter now.
    pub fn take_masters(&mut self) -> Vec<KnownMaster> {
        self.masters_changed = false;
        let mut masters = Vec::new();
        for entry in self.instances.iter().filter(|entry| entry.duplicate_of.is_none()) {
            let Some(index) = self.ear_channel(entry) else { continue };
            let peers = match &entry.config.transport {
                Transport::Multicast { .. } => &[],
                Transport::Unicast { peers, .. } => peers.as_slice(),
            };
            let mut senders: Vec<IpAddr> = peers.iter().map(|peer| peer.address).collect();
            senders.extend(entry.follows.filter(|master| !entry.is_peer(*master)));
            let (family, header) = (entry.config.id.family, entry.sends_header());
            let (vrid, form) = (entry.config.id.vrid.value(), form(entry));
            masters.extend(senders.into_iter().map(|source| KnownMaster { index, family, header, vrid, source, form }));
        }
        masters
    }

    /// An advert was taken: its sender may be a master that was not known.
    pub(super) fn note_master(&mut self, at: usize) {
        let Some(entry) = self.instances.get_mut(at) else { return };
        if let State::Backup(Backup { master: Some(master), follows: true, .. }) = entry.machine.state()
            && entry.follows != Some(master.source)
        {
            entry.follows = Some(master.source);
            self.masters_changed = true;
        }
    }
}
