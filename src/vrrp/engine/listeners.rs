//! Where virtual routers speak and listen: which sockets are needed, whom a packet concerns, and the address that adverts
//! leave from.
//!
//! A router that names an interface has sockets that are bound to it. One that names none (unicast only) speaks as the
//! routing table has it, through sockets that are bound to nothing or to its VRF: *channel 0* in the first case, the VRF's
//! number in the other. A socket that is bound to nothing also hears what is sent to routers that name an interface, so
//! that whom a packet concerns is decided by the channel first.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use super::instance::Entry;
use super::{Listener, Output, Router};
use crate::model::{Authentication, Family, Ipvlan, Transport, VirtualLink, VrrpVersion};
use crate::vrrp::reason::Fault;
use crate::vrrp::receive::Received;

/// The channel of sockets that are not bound to a device.
pub(super) const UNBOUND: u32 = 0;

impl Router {
    /// Takes note of what instances a new configuration has.
    pub(super) fn index_instances(&mut self) {
        self.by_name.clear();
        self.virtual_ones.clear();
        for (at, entry) in self.instances.iter().enumerate() {
            self.by_name.entry(entry.name.clone()).or_insert(at);
            self.virtual_ones.extend(entry.virtual_addresses().map(|address| address.address));
        }
    }

    /// Works out which sockets are needed, and which router is behind which: one for each channel, family and protocol,
    /// with the groups of all that use it.
    pub(super) fn update_listeners(&mut self) {
        let mut wanted: BTreeMap<(u32, Family, bool), Listener> = BTreeMap::new();
        let mut ears: BTreeMap<_, Vec<usize>> = BTreeMap::new();
        for (at, entry) in self.instances.iter().enumerate() {
            let family = entry.config.id.family;
            if let Some(ear) = self.ear_channel(entry).filter(|_| entry.duplicate_of.is_none()) {
                ears.entry((ear, family, entry.config.id.vrid.value())).or_default().push(at);
            }
            let group = match &entry.config.transport {
                Transport::Multicast { group, .. } => Some(*group),
                Transport::Unicast { .. } => None,
            };
            // One that expects an authentication header hears adverts without one too, to say what is wrong with them.
            let headers: &[bool] = if entry.sends_header() { &[false, true] } else { &[false] };
            let channels = self.channels(entry);
            for ((index, interface), header) in
                channels.iter().flat_map(|at| headers.iter().map(move |header| (at, header)))
            {
                let (index, interface) = (*index, *interface);
                let listener = wanted.entry((index, family, *header)).or_insert_with(|| Listener {
                    index,
                    interface: interface.to_owned(),
                    family,
                    header: *header,
                    routers: BTreeSet::new(),
                    groups: BTreeSet::new(),
                    receive_buffer: None,
                });
                listener.groups.extend(group);
                listener.receive_buffer = listener.receive_buffer.max(entry.config.receive_buffer);
            }
        }
        for ((index, family, vrid), places) in &ears {
            for entry in places.iter().filter_map(|at| self.instances.get(*at)) {
                if let Some(listener) = wanted.get_mut(&(*index, *family, entry.sends_header())) {
                    listener.routers.insert((*vrid, entry.config.version));
                }
            }
        }
        self.ears = ears;
        let listeners: Vec<Listener> = wanted.into_values().collect();
        if listeners != self.listeners {
            self.listeners.clone_from(&listeners);
            self.outputs.push_back(Output::Listen(listeners));
        }
    }

    /// The devices that a router's sockets are bound to: that which adverts leave through and that which they come in on.
    fn channels(&self, entry: &Entry) -> Vec<(u32, &str)> {
        match &entry.config.id.interface {
            Some(_) => self.spoken(entry).into_iter().map(|link| (link.index, link.name.as_str())).collect(),
            None => self.channel(entry).into_iter().collect(),
        }
    }

    /// The channel that adverts of others come in on.
    pub(super) fn ear_channel(&self, entry: &Entry) -> Option<u32> {
        match &entry.config.id.interface {
            Some(_) => self.ear(entry).map(|link| link.index),
            None => self.channel(entry).map(|(index, _)| index),
        }
    }

    /// The device that a router's adverts leave through, as number and name; [`UNBOUND`] and nothing where sockets are not
    /// bound. `None` while the device does not exist.
    pub(super) fn channel(&self, entry: &Entry) -> Option<(u32, &str)> {
        let link = match (&entry.config.id.interface, &entry.config.vrf) {
            (Some(_), _) => self.voice(entry)?,
            (None, Some(vrf)) => self.link(vrf)?,
            (None, None) => return Some((UNBOUND, "")),
        };
        Some((link.index, &link.name))
    }

    /// The router that a packet concerns, and whether only its peers may speak to it, since it shares its address with
    /// another one. A packet that is none's of several is told to the first of those that its address is for, which finds
    /// out what is wrong with it.
    pub(super) fn concerns(&self, index: u32, received: &Received<'_>, vrid: u8) -> Option<(usize, bool)> {
        let places = self.ears.get(&(index, received.family(), vrid))?;
        if let [only] = places.as_slice() {
            return Some((*only, false));
        }
        let (source, destination) = (received.source(), received.destination());
        let of = |at: &usize| self.instances.get(*at);
        let meant: Vec<usize> = places
            .iter()
            .filter(|at| {
                of(at).is_some_and(|entry| match &entry.config.transport {
                    Transport::Multicast { group, .. } => *group == destination,
                    Transport::Unicast { .. } => entry.machine.settings().source == destination,
                })
            })
            .copied()
            .collect();
        let from_peer = meant.iter().find(|at| of(at).is_some_and(|entry| entry.is_peer(source)));
        from_peer.or(meant.first()).or(places.first()).map(|at| (*at, meant.len() > 1))
    }

    /// The address that adverts leave from: as configured, or the interface's first that is nobody's virtual address; over
    /// IPv6 the first link-local one (RFC 9568 section 5.1.2.1). An owner's virtual address is its own, and good enough.
    pub(super) fn source(&self, entry: &Entry) -> Option<IpAddr> {
        if let Some(source) = entry.configured_source() {
            return Some(source);
        }
        if let Some(VirtualLink::Ipvlan(Ipvlan { address: Some((address, _)), .. })) = &entry.config.virtual_link {
            return Some(*address);
        }
        let index = self.base(entry)?.index;
        let family = entry.config.id.family;
        let mut own = self.addresses.get(&index)?.iter().map(|(address, _)| *address).filter(|address| match address {
            IpAddr::V4(_) => family == Family::V4,
            IpAddr::V6(address) => family == Family::V6 && address.is_unicast_link_local(),
        });
        let first = own.clone().find(|address| !self.virtual_ones.contains(address));
        if entry.is_owner() { first.or_else(|| own.next()) } else { first }
    }

    /// What keeps a router from speaking, other than its link's state.
    pub(super) fn transport_fault(&self, entry: &Entry) -> Option<Fault> {
        match &entry.config.transport {
            Transport::Unicast { peers, .. } if peers.is_empty() => return Some(Fault::NoPeers),
            Transport::Unicast { .. } => {}
            Transport::Multicast { source: Some(IpAddr::V6(source)), .. } if !source.is_unicast_link_local() => {
                return Some(Fault::SourceNotLinkLocal(*source));
            }
            Transport::Multicast { .. } => {}
        }
        if self.source(entry).is_none() {
            let interface = entry.interface().to_owned();
            return Some(Fault::NoSourceAddress { interface, family: entry.config.id.family });
        }
        None
    }
}

impl Entry {
    /// Adverts have an authentication header in front, which exists in version 2 over IPv4 only.
    pub(super) fn sends_header(&self) -> bool {
        matches!(self.authentication(), Authentication::Header(_))
    }

    /// Adverts are sent to this address.
    pub(super) fn is_peer(&self, address: IpAddr) -> bool {
        self.config.transport.has_peer(address)
    }

    /// How adverts prove whom they are from; version 3 knows nothing of it.
    pub(super) fn authentication(&self) -> &Authentication {
        match (self.config.version, self.config.id.family) {
            (VrrpVersion::V2, Family::V4) => &self.config.authentication,
            (VrrpVersion::V2, Family::V6) | (VrrpVersion::V3, Family::V4 | Family::V6) => &Authentication::None,
        }
    }
}
