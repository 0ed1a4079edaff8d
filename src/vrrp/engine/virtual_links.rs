//! Links of a router's own: a macvlan with the virtual router's MAC address (RFC 9568 section 7.3), or an ipvlan.
//!
//! They are a level like the addresses. Which are wished follows from the configuration and from the base links that exist;
//! which are there follows from the kernel's news. What is wished and not there is made, whether it has never been there,
//! was deleted by hand or went with its base; what is there from a killed predecessor is used; what is ours and not wished
//! any more is removed. A link is known by what it is (kind, base, MAC address) and by its name, so nobody else's is taken.
//!
//! A macvlan in private mode with the virtual MAC address hears everything: frames of a router of the same number, which
//! have the same source address, are handed by the kernel to this macvlan and to nobody else, the base included; frames of
//! a router that speaks with another address come to it as to everybody who joined the group. So adverts are listened to on
//! it, even where they leave through the base.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::instance::{Entry, Serial};
use super::{Event, HostAddress, Link, Output, Router};
use crate::model::{AddressOptions, Family, IpvlanFlag, Preferred, VirtualAddress, VirtualLink, VirtualRouterId};
use crate::vrrp::machine::Role;

/// After a link could not be made, or was taken away twice in a row, the time until it is tried again.
const LINK_RETRY: Duration = Duration::from_secs(1);
/// Numbers that a name is tried with where it is taken.
const NAMES: u32 = 1000;
/// What they begin with.
const USUAL_PREFIX: &str = "vrrp";
/// The kernel's limit on an interface's name (`IFNAMSIZ` of include/uapi/linux/if.h, less its end).
const LONGEST_NAME: usize = 15;

/// What a link of our own is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinkKind {
    /// A macvlan in private mode.
    Macvlan,
    /// An ipvlan in mode L2.
    Ipvlan(IpvlanFlag),
}

/// A link that lies on another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Upon {
    /// Number of the link below, in the same network namespace.
    pub base: u32,
    /// What it is. Kinds and modes that are never ours are not told.
    pub kind: LinkKind,
}

/// A link to make.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewLink {
    /// Its name.
    pub name: String,
    /// Number of the link that it lies on.
    pub base: u32,
    /// What it is.
    pub kind: LinkKind,
    /// Its address; an ipvlan has its base's.
    pub mac: Option<[u8; 6]>,
}

/// Whose link it is: the router, and the interface that its addresses name with `dev`, if it is not the router's own link.
pub(super) type Key = (Serial, Option<String>);

/// A link that a router wishes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Wish {
    pub(super) key: Key,
    id: VirtualRouterId,
    pub(super) instance: Arc<str>,
    /// Number and name of the link that it is to lie on.
    pub(super) base: (u32, String),
    kind: LinkKind,
    mac: Option<[u8; 6]>,
    /// The name that the configuration gives it.
    name: Option<String>,
    /// What names that are chosen begin with.
    prefix: String,
    group: Option<u32>,
    /// It carries IPv4, IPv6.
    families: (bool, bool),
    /// Addresses of its own, beside the virtual ones.
    pub(super) addresses: Vec<VirtualAddress>,
}

/// What became of a wish.
#[derive(Debug, Default)]
pub(super) struct Held {
    name: String,
    /// The link, once the kernel has told of it.
    index: Option<u32>,
    /// The kernel has been asked to make it, or to raise it.
    asked: bool,
    /// What it has been given: settings of these families, and this group.
    dressed: Option<Dress>,
    /// When somebody last took it away.
    lost_at: Option<Instant>,
    /// What there is to tell once it is ready.
    news: Option<News>,
    retry_at: Option<Instant>,
    problem: Option<String>,
}

/// What a link's settings follow from: whether it carries IPv4 and IPv6, and its group.
type Dress = ((bool, bool), Option<u32>);

/// What there is to tell of a link once it is ready.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum News {
    Made,
    PutBack(Loss),
}

/// How a link of ours was taken away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loss {
    /// It was deleted.
    Deleted,
    /// It was switched off.
    Down,
}

impl Router {
    /// A router's own link, while it is there and switched on.
    pub(super) fn virtual_link(&self, key: &Key) -> Option<&Link> {
        let index = self.virtual_links.get(key)?.index?;
        self.links.get(&index).filter(|link| link.enabled)
    }

    /// Numbers of all links of routers' own.
    pub(super) fn virtual_link_numbers(&self) -> impl Iterator<Item = u32> {
        self.virtual_links.values().filter_map(|held| held.index)
    }

    /// Whether the link that an address belongs on is one of our own, that can be made.
    pub(super) fn link_is_coming(&self, entry: &Entry, address: &VirtualAddress) -> bool {
        match Self::address_key(entry, address) {
            Some((_, Some(dev))) => self.link(&dev).is_some(),
            Some((_, None)) => self.base(entry).is_some(),
            None => false,
        }
    }

    /// The own link that an address of a router belongs on; `None` where it belongs on none.
    pub(super) fn address_key(entry: &Entry, address: &VirtualAddress) -> Option<Key> {
        let id = entry.serial;
        let everywhere = matches!(&entry.config.virtual_link, Some(VirtualLink::Vmac(vmac)) if vmac.for_addresses);
        match &address.interface {
            None => match &entry.config.virtual_link {
                // An ipvlan has its base's MAC address: there is nothing to be had from addresses on it.
                Some(VirtualLink::Ipvlan(_)) | None => None,
                Some(VirtualLink::Vmac(_)) => Some((id, None)),
            },
            Some(dev) if dev == entry.interface() => {
                (address.on_virtual_link && entry.config.virtual_link.is_some()).then_some((id, None))
            }
            Some(dev) => (everywhere || address.on_virtual_link).then(|| (id, Some(dev.clone()))),
        }
    }

    /// Whether the router's own link is asked for and not there yet.
    pub(super) fn awaits_link(&self, entry: &Entry) -> bool {
        entry.config.virtual_link.is_some() && !self.virtual_link(&(entry.serial, None)).is_some_and(|link| link.up)
    }

    /// Name of a router's own link, and what stands in its way.
    pub(super) fn link_problem(&self, entry: &Entry) -> Option<(String, String)> {
        let held = self.virtual_links.get(&(entry.serial, None))?;
        held.problem.as_ref().map(|problem| (held.name.clone(), problem.clone()))
    }

    /// All links that are wished now: those whose base exists, in the configuration's order.
    pub(super) fn wishes(&self) -> Vec<Wish> {
        let mut wishes = Vec::new();
        for entry in self.instances.iter().filter(|entry| entry.duplicate_of.is_none()) {
            let mut keys: Vec<Key> = Vec::new();
            if entry.config.virtual_link.is_some() {
                keys.push((entry.serial, None));
            }
            for key in entry.virtual_addresses().filter_map(|address| Self::address_key(entry, address)) {
                if !keys.contains(&key) {
                    keys.push(key);
                }
            }
            wishes.extend(keys.into_iter().filter_map(|key| self.wish(entry, key)));
        }
        wishes
    }

    fn wish(&self, entry: &Entry, key: Key) -> Option<Wish> {
        let base = match &key.1 {
            None => self.base(entry)?,
            Some(dev) => self.link(dev)?,
        };
        let id = &entry.config.id;
        let own = key.1.is_none();
        let (kind, mac, name, group, mut addresses) = match &entry.config.virtual_link {
            Some(VirtualLink::Ipvlan(ipvlan)) if own => {
                let address = ipvlan.address.map(|(address, prefix_len)| VirtualAddress::new(address, prefix_len));
                let name = ipvlan.name.clone();
                (LinkKind::Ipvlan(ipvlan.flag), None, name, ipvlan.group, address.into_iter().collect())
            }
            Some(VirtualLink::Vmac(vmac)) => {
                let mac = vmac.mac.unwrap_or_else(|| id.mac());
                let name = vmac.name.clone().filter(|_| own);
                (LinkKind::Macvlan, Some(mac), name, vmac.group, Vec::new())
            }
            Some(VirtualLink::Ipvlan(_)) | None => (LinkKind::Macvlan, Some(id.mac()), None, None, Vec::new()),
        };
        let settings = &self.config.router;
        let elsewhere = settings.vmac_address_prefix.as_deref().filter(|_| !own);
        let prefix = elsewhere.or(settings.vmac_prefix.as_deref()).unwrap_or(USUAL_PREFIX);
        let carries = |family| {
            own && id.family == family
                || entry.virtual_addresses().any(|address| {
                    Family::of(address.address) == family && Self::address_key(entry, address).as_ref() == Some(&key)
                })
        };
        let families = (carries(Family::V4), carries(Family::V6));
        // IPv6 adverts leave from the base's link-local address. The kernel lets them do so where the link has it too;
        // deprecated, it is used for nothing else.
        if own && id.family == Family::V6 && kind == LinkKind::Macvlan {
            addresses.extend(self.link_local(base.index).map(|address| VirtualAddress {
                preferred: Some(Preferred::Secs(0)),
                options: AddressOptions { no_dad: true, ..AddressOptions::default() },
                scope: 253,
                ..VirtualAddress::new(address, 64)
            }));
        }
        Some(Wish {
            instance: Arc::clone(&entry.name),
            base: (base.index, base.name.clone()),
            kind,
            mac,
            name,
            prefix: prefix.to_owned(),
            group,
            families,
            addresses,
            key,
            id: id.clone(),
        })
    }

    /// A link's own link-local address, that is nobody's virtual one.
    fn link_local(&self, index: u32) -> Option<IpAddr> {
        let is_virtual = |address: IpAddr| {
            self.instances.iter().any(|entry| entry.virtual_addresses().any(|other| other.address == address))
        };
        self.addresses.get(&index)?.iter().map(|(address, _)| *address).find(|address| match address {
            IpAddr::V6(v6) => v6.is_unicast_link_local() && !is_virtual(*address),
            IpAddr::V4(_) => false,
        })
    }

    /// Makes the links follow from the wishes, and the rules from the links. Comes before health is worked out.
    pub(super) fn update_virtual_links(&mut self, wishes: &[Wish], now: Instant) {
        self.drop_unwished(wishes);
        for wish in wishes {
            self.find_or_make(wish, now);
        }
        // A link that is switched on tells of the groups that it is in: what must not be told is dropped by then.
        self.update_firewall();
        for wish in wishes {
            self.dress(wish, now);
            self.address_link(wish);
        }
    }

    /// Removes links of ours that nobody wishes any more, or not in this form.
    fn drop_unwished(&mut self, wishes: &[Wish]) {
        let fits = |key: &Key, held: &Held| {
            let Some(wish) = wishes.iter().find(|wish| wish.key == *key) else { return false };
            held.index.and_then(|index| self.links.get(&index)).is_none_or(|link| wish.fits(link))
        };
        let gone: Vec<Key> =
            self.virtual_links.iter().filter(|(key, held)| !fits(key, held)).map(|(key, _)| key.clone()).collect();
        for key in gone {
            self.remove_virtual_link(&key);
        }
    }

    fn remove_virtual_link(&mut self, key: &Key) {
        let Some(held) = self.virtual_links.remove(key) else { return };
        if let Some(index) = held.index {
            self.remove_link(index);
        }
    }

    /// Removes a link from the host. It is gone from now on: another one may take its name, which leaves the host before
    /// that one is made.
    pub(super) fn remove_link(&mut self, index: u32) {
        if let Some(link) = self.links.remove(&index) {
            if self.names.get(&link.name) == Some(&link.index) {
                self.names.remove(&link.name);
            }
            self.addresses.remove(&link.index);
            self.outputs.push_back(Output::RemoveLink { index: link.index, name: link.name });
        }
    }

    /// Removes all of them, at the end.
    pub(super) fn remove_virtual_links(&mut self) {
        let keys: Vec<Key> = self.virtual_links.keys().cloned().collect();
        for key in keys {
            self.remove_virtual_link(&key);
        }
    }

    fn find_or_make(&mut self, wish: &Wish, now: Instant) {
        let taken: BTreeSet<u32> = self.virtual_links.values().filter_map(|held| held.index).collect();
        let known = self.virtual_links.get(&wish.key).and_then(|held| held.index);
        if known.is_some_and(|index| self.links.contains_key(&index)) {
            return;
        }
        let found = self.links.values().find(|link| !taken.contains(&link.index) && wish.fits(link));
        let found = found.map(|link| (link.index, link.name.clone()));
        let name = found.as_ref().map_or_else(|| self.free_name(wish), |(_, name)| Some(name.clone()));
        let held = self.virtual_links.entry(wish.key.clone()).or_default();
        if held.index.take().is_some() {
            // A link that is deleted is switched off first: that is one loss, not two.
            let first = !matches!(held.news, Some(News::PutBack(_)));
            if first && held.lost_at.is_some_and(|last| now < last + LINK_RETRY) {
                held.retry_at = Some(now + LINK_RETRY);
            }
            held.lost_at = Some(now);
            held.news = Some(News::PutBack(Loss::Deleted));
            held.asked = false;
            held.dressed = None;
        }
        if let Some((index, name)) = found {
            if !held.asked && held.news.is_none() {
                self.outputs.push_back(Output::Event(Event::LinkFound {
                    instance: Arc::clone(&wish.instance),
                    link: name.clone(),
                    base: wish.base.1.clone(),
                }));
            }
            held.index = Some(index);
            held.name = name;
            held.asked = false;
            held.dressed = None;
            return;
        }
        if held.asked || held.retry_at.is_some() {
            return;
        }
        let Some(name) = name else {
            let name = wish.name.clone().unwrap_or_else(|| wish.id.vrid.to_string());
            let problem = format!("the name {name} belongs to another interface");
            held.name = name;
            self.link_trouble(&wish.key, &wish.instance, problem, now);
            return;
        };
        held.name.clone_from(&name);
        held.asked = true;
        held.news = held.news.or(Some(News::Made));
        self.outputs.push_back(Output::AddLink(NewLink { name, base: wish.base.0, kind: wish.kind, mac: wish.mac }));
    }

    /// The first name for a link that no interface has.
    fn free_name(&self, wish: &Wish) -> Option<String> {
        let asked: BTreeSet<&str> = self
            .virtual_links
            .iter()
            .filter(|(key, _)| **key != wish.key)
            .map(|(_, held)| held.name.as_str())
            .collect();
        wish.names()
            .take_while(|name| name.len() <= LONGEST_NAME)
            .find(|name| !self.names.contains_key(name) && !asked.contains(name.as_str()))
    }

    /// Gives a link its settings, and switches it on.
    fn dress(&mut self, wish: &Wish, now: Instant) {
        let Some(held) = self.virtual_links.get_mut(&wish.key) else { return };
        let Some(link) = held.index.and_then(|index| self.links.get(&index)) else { return };
        let dress = (wish.families, wish.group);
        if link.enabled && held.dressed == Some(dress) {
            if !held.asked && held.news.is_none() && held.problem.is_none() {
                return;
            }
            held.asked = false;
            held.problem = None;
            let (instance, name, base) = (Arc::clone(&wish.instance), link.name.clone(), wish.base.1.clone());
            let event = match held.news.take() {
                Some(News::Made) => Some(Event::LinkMade { instance, link: name, base }),
                Some(News::PutBack(loss)) => Some(Event::LinkPutBack { instance, link: name, loss }),
                None => None,
            };
            self.outputs.extend(event.map(Output::Event));
            // What could not be put on it for want of it can be now.
            for entry in self.instances.iter_mut().filter(|entry| entry.serial == wish.key.0) {
                entry.retry_at = None;
            }
            return;
        }
        if held.asked || held.retry_at.is_some() {
            return;
        }
        if held.dressed.is_some() && !link.enabled {
            // It was on, and somebody switched it off.
            let again = held.lost_at.is_some_and(|last| now < last + LINK_RETRY);
            held.lost_at = Some(now);
            held.news = Some(News::PutBack(Loss::Down));
            if again {
                held.retry_at = Some(now + LINK_RETRY);
                return;
            }
        }
        held.dressed = Some(dress);
        // The kernel tells when it is on. Of one that is on already it tells nothing, so nobody would look again.
        held.asked = !link.enabled;
        if link.enabled {
            held.problem = None;
        }
        self.outputs.push_back(Output::RaiseLink {
            index: link.index,
            name: link.name.clone(),
            settings: settings(&link.name, wish.kind, wish.families),
            group: wish.group,
        });
    }

    /// Puts a link's own addresses on it, and takes off link-local ones that the base has no more. Not before it is on: its
    /// settings are written then, without which it may not take IPv6 addresses.
    fn address_link(&mut self, wish: &Wish) {
        let Some(link) = self.virtual_link(&wish.key).filter(|link| link.enabled) else { return };
        let index = link.index;
        let place =
            |address: &VirtualAddress| HostAddress { index, address: address.address, prefix_len: address.prefix_len };
        let missing: Vec<VirtualAddress> =
            wish.addresses.iter().filter(|address| !self.is_present(&place(address))).cloned().collect();
        let stale: Vec<HostAddress> = match wish.kind {
            LinkKind::Macvlan => self.stale_link_locals(index, wish),
            LinkKind::Ipvlan(_) => Vec::new(),
        };
        for address in missing {
            self.insert_address(place(&address));
            let instance = Arc::clone(&wish.instance);
            self.outputs.push_back(Output::AddAddress { instance, index, address });
        }
        for place in stale {
            self.remove(place);
        }
    }

    fn stale_link_locals(&self, index: u32, wish: &Wish) -> Vec<HostAddress> {
        let is_virtual = |address: IpAddr| {
            self.instances.iter().any(|entry| entry.virtual_addresses().any(|other| other.address == address))
        };
        let on_link = self.addresses.get(&index).into_iter().flatten();
        on_link
            .filter(|(address, _)| match address {
                IpAddr::V6(v6) => v6.is_unicast_link_local() && !is_virtual(*address),
                IpAddr::V4(_) => false,
            })
            .filter(|(address, _)| !wish.addresses.iter().any(|own| own.address == *address))
            .map(|(address, prefix_len)| HostAddress { index, address: *address, prefix_len: *prefix_len })
            .collect()
    }

    /// The kernel refused to make or to raise a link. The answer may come late: the base is gone and another of its name is
    /// there by then, and the link has been asked for anew.
    pub(super) fn link_failed(&mut self, name: &str, at: u32, error: String, now: Instant) {
        let Some((key, _)) = self.virtual_links.iter().find(|(_, held)| held.name == *name) else { return };
        let key = key.clone();
        // Its base has gone meanwhile: that is a fault of its own, told and handled as such.
        let Some(wish) = self.wishes().into_iter().find(|wish| wish.key == key) else { return };
        let Some(held) = self.virtual_links.get_mut(&key) else { return };
        if at != wish.base.0 && held.index != Some(at) {
            return;
        }
        held.asked = false;
        held.dressed = None;
        self.link_trouble(&key, &wish.instance, error, now);
        self.settle(now);
    }

    fn link_trouble(&mut self, key: &Key, instance: &Arc<str>, problem: String, now: Instant) {
        let Some(held) = self.virtual_links.get_mut(key) else { return };
        held.retry_at = Some(now + LINK_RETRY);
        if held.problem.as_ref() != Some(&problem) {
            held.problem = Some(problem.clone());
            let (instance, link) = (Arc::clone(instance), held.name.clone());
            self.outputs.push_back(Output::Event(Event::LinkFailed { instance, link, error: problem }));
        }
    }

    /// All links have been read anew: what was asked for is among them, or has come to nothing.
    pub(super) fn forget_asked_links(&mut self) {
        for held in self.virtual_links.values_mut() {
            held.asked = false;
        }
    }

    /// Lets what is due be tried again; `true` if anything is.
    pub(super) fn retry_links(&mut self, now: Instant) -> bool {
        let mut due = false;
        for held in self.virtual_links.values_mut() {
            if held.retry_at.is_some_and(|at| at <= now) {
                held.retry_at = None;
                due = true;
            }
        }
        due
    }

    /// When a link is tried again.
    pub(super) fn link_retries(&self) -> impl Iterator<Item = Instant> {
        self.virtual_links.values().filter_map(|held| held.retry_at)
    }

    /// Whether a router that is not running yet waits for its own link.
    pub(super) fn holds_for_link(&self, entry: &Entry) -> bool {
        match entry.machine.role() {
            Role::Initialize | Role::Fault => self.awaits_link(entry),
            Role::Backup | Role::Active => false,
        }
    }
}

impl Wish {
    /// Whether two links of the host answer for addresses on one segment because of it, each of which must keep to its own.
    pub(super) fn parts_ipv4(&self) -> bool {
        self.families.0 && self.kind == LinkKind::Macvlan
    }

    /// Whether a link is what is wished.
    pub(super) fn fits(&self, link: &Link) -> bool {
        link.upon == Some(Upon { base: self.base.0, kind: self.kind })
            && (self.mac.is_none() || link.mac == self.mac)
            && self.names().take_while(|name| name.len() <= LONGEST_NAME).any(|name| name == link.name)
    }

    /// Names for it, the best first: the configured one alone, or keepalived's.
    fn names(&self) -> impl Iterator<Item = String> {
        let vrid = self.id.vrid;
        let configured = self.name.clone();
        let counted = if configured.is_some() { 0 } else { NAMES };
        let usual = format!("{}.{vrid}", self.prefix);
        let prefix = if usual.len() <= LONGEST_NAME { self.prefix.as_str() } else { USUAL_PREFIX };
        let first = configured.unwrap_or_else(|| format!("{prefix}.{vrid}"));
        let sixth = (self.id.family == Family::V6 && counted > 0).then(|| format!("{prefix}6.{vrid}"));
        std::iter::once(first).chain(sixth).chain((1..counted).map(move |number| format!("{prefix}{number}.{vrid}")))
    }
}

/// What a link's folder under `net.ipv4.conf` is called: sysctl(8) has a slash for a dot in a name.
pub(super) fn sysctl_name(link: &str) -> String {
    link.replace('.', "/")
}

/// Settings of a link of our own. They go with it.
///
/// IPv4: answer ARP for this link's addresses and no others; take packets whose source is an address of this host's (two
/// links with one address each are on one segment); the route back is through the base, which is not to count as a
/// forgery; and removing the first address of a subnet leaves the others. IPv6: no address that nobody configured, neither
/// made up by the kernel nor from a router's advertisement, which would be the same on every router of the group.
///
/// An ipvlan has no address of the router's, and its base's MAC address: it needs none of the settings for IPv4.
fn settings(link: &str, kind: LinkKind, families: (bool, bool)) -> Vec<(String, String)> {
    let name = sysctl_name(link);
    let mut settings = Vec::new();
    if families.0 && kind == LinkKind::Macvlan {
        for (setting, value) in
            [("arp_ignore", "1"), ("accept_local", "1"), ("rp_filter", "0"), ("promote_secondaries", "1")]
        {
            settings.push((format!("net.ipv4.conf.{name}.{setting}"), value.to_owned()));
        }
    }
    let quiet = [
        ("disable_ipv6", "0"),
        ("addr_gen_mode", "1"),
        ("accept_ra", "0"),
        ("autoconf", "0"),
        ("router_solicitations", "0"),
    ];
    let off = [("addr_gen_mode", "1"), ("disable_ipv6", "1")];
    let rest: &[(&str, &str)] = if families.1 { &quiet } else { &off };
    for (setting, value) in rest {
        settings.push((format!("net.ipv6.conf.{name}.{setting}"), (*value).to_owned()));
    }
    settings
}

/// Links of routers' own, by whose they are.
pub(super) type VirtualLinks = BTreeMap<Key, Held>;
