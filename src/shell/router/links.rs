//! Links that routers make for themselves: macvlans and ipvlans, over rtnetlink.

use netlink_packet_core::{NLM_F_CREATE, NLM_F_EXCL};
use netlink_packet_route::RouteNetlinkMessage;
use netlink_packet_route::link::{
    InfoData, InfoIpVlan, InfoKind, InfoMacVlan, IpVlanFlags, IpVlanMode, LinkAttribute, LinkFlags, LinkInfo,
    LinkMessage, MacVlanMode,
};
use nix::errno::Errno;

use super::netlink::{Refused, Requests};
use crate::model::IpvlanFlag;
use crate::vrrp::engine::{LinkKind, NewLink, Upon};

// include/uapi/linux/if_link.h
const IFLA_LINK: u16 = 5;
const IFLA_LINKINFO: u16 = 18;
const IFLA_IFALIAS: u16 = 20;
const IFLA_LINK_NETNSID: u16 = 37;
const IFLA_INFO_KIND: u16 = 1;
const IFLA_INFO_DATA: u16 = 2;
const IFLA_MACVLAN_MODE: u16 = 1;
const MACVLAN_MODE_PRIVATE: u32 = 1;
const IFLA_IPVLAN_MODE: u16 = 1;
const IFLA_IPVLAN_FLAGS: u16 = 2;
const IPVLAN_MODE_L2: u16 = 0;
const IFLA_VRF_TABLE: u16 = 1;
const IPVLAN_F_PRIVATE: u16 = 1;
const IPVLAN_F_VEPA: u16 = 2;
/// `NLA_TYPE_MASK` of include/uapi/linux/netlink.h: the rest of an attribute's type are flags.
const TYPE_MASK: u16 = 0x3fff;

/// The mark of links that we made: the name that the kernel keeps for people (`ip link` shows it as `alias`).
const MARK: &str = "made by ipvsd";

/// What a link lies on, out of the attributes of its message; `None` where it is not of a kind that we make.
pub(super) fn upon(attributes: &[u8]) -> Option<Upon> {
    // A number in another network namespace names another link here.
    if find(attributes, IFLA_LINK_NETNSID).is_some() {
        return None;
    }
    let base = u32::from_ne_bytes(find(attributes, IFLA_LINK)?.try_into().ok()?);
    let info = find(attributes, IFLA_LINKINFO)?;
    let data = find(info, IFLA_INFO_DATA).unwrap_or_default();
    let short = |kind| find(data, kind).and_then(|value| value.try_into().ok()).map(u16::from_ne_bytes);
    let kind = match find(info, IFLA_INFO_KIND)? {
        b"macvlan\0" | b"macvlan" => {
            let mode = u32::from_ne_bytes(find(data, IFLA_MACVLAN_MODE)?.try_into().ok()?);
            (mode == MACVLAN_MODE_PRIVATE).then_some(LinkKind::Macvlan)?
        }
        b"ipvlan\0" | b"ipvlan" if short(IFLA_IPVLAN_MODE) == Some(IPVLAN_MODE_L2) => {
            LinkKind::Ipvlan(match short(IFLA_IPVLAN_FLAGS).unwrap_or(0) {
                0 => IpvlanFlag::Bridge,
                IPVLAN_F_PRIVATE => IpvlanFlag::Private,
                IPVLAN_F_VEPA => IpvlanFlag::Vepa,
                _ => return None,
            })
        }
        _ => return None,
    };
    Some(Upon { base, kind })
}

/// Whether a link carries our mark.
pub(super) fn marked(attributes: &[u8]) -> bool {
    let alias = find(attributes, IFLA_IFALIAS).unwrap_or_default();
    alias.strip_suffix(b"\0").unwrap_or(alias) == MARK.as_bytes()
}

/// The table of a VRF; `None` where a link is none.
pub(super) fn table(attributes: &[u8]) -> Option<u32> {
    let info = find(attributes, IFLA_LINKINFO)?;
    let is_vrf = matches!(find(info, IFLA_INFO_KIND)?, b"vrf\0" | b"vrf");
    let table = find(find(info, IFLA_INFO_DATA).filter(|_| is_vrf)?, IFLA_VRF_TABLE)?;
    table.try_into().ok().map(u32::from_ne_bytes)
}

/// The value of the first attribute of a type.
fn find(mut attributes: &[u8], wanted: u16) -> Option<&[u8]> {
    loop {
        let [l0, l1, t0, t1] = *attributes.first_chunk::<4>()?;
        let length = usize::from(u16::from_ne_bytes([l0, l1]));
        let value = attributes.get(4..length)?;
        if u16::from_ne_bytes([t0, t1]) & TYPE_MASK == wanted {
            return Some(value);
        }
        attributes = attributes.get(length.next_multiple_of(4)..)?;
    }
}

impl Requests {
    /// Makes a link, switched off, and marks it as ours: the kernel takes no mark while it makes one.
    pub(super) fn add_link(&mut self, link: &NewLink) -> Result<(), Refused> {
        let outcome = self.request(RouteNetlinkMessage::NewLink(new_link(link)), NLM_F_CREATE | NLM_F_EXCL);
        match (outcome, link.kind) {
            (Ok(()), _) => {
                let mut message = LinkMessage::default();
                message.attributes = vec![LinkAttribute::IfName(link.name.clone()), mark()];
                absent(self.request(RouteNetlinkMessage::SetLink(message), 0))
            }
            (Err(Refused::Kernel(Errno::EOPNOTSUPP, None)), kind) => {
                let words = format!("this kernel has no {}", kind_name(kind));
                Err(Refused::Kernel(Errno::EOPNOTSUPP, Some(words)))
            }
            (outcome, _) => outcome,
        }
    }

    /// Puts a link into a group, and switches it on. It is ours from then on, whoever made it.
    ///
    /// # Errors
    /// [`Refused::Absent`] where it is not there.
    pub(super) fn raise_link(&mut self, index: u32, group: Option<u32>) -> Result<(), Refused> {
        let mut message = LinkMessage::default();
        message.header.index = index;
        message.header.flags = LinkFlags::Up;
        message.header.change_mask = LinkFlags::Up;
        message.attributes.push(mark());
        message.attributes.extend(group.map(LinkAttribute::Group));
        absent(self.request(RouteNetlinkMessage::SetLink(message), 0))
    }

    /// Removes a link.
    ///
    /// # Errors
    /// [`Refused::Absent`] where it is not there.
    pub(super) fn remove_link(&mut self, index: u32) -> Result<(), Refused> {
        let mut message = LinkMessage::default();
        message.header.index = index;
        absent(self.request(RouteNetlinkMessage::DelLink(message), 0))
    }
}

fn mark() -> LinkAttribute {
    LinkAttribute::IfAlias(MARK.to_owned())
}

fn absent(outcome: Result<(), Refused>) -> Result<(), Refused> {
    match outcome {
        Err(Refused::Kernel(Errno::ENODEV, _)) => Err(Refused::Absent),
        outcome => outcome,
    }
}

fn new_link(link: &NewLink) -> LinkMessage {
    let (kind, data) = match link.kind {
        LinkKind::Macvlan => (InfoKind::MacVlan, InfoData::MacVlan(vec![InfoMacVlan::Mode(MacVlanMode::Private)])),
        LinkKind::Ipvlan(flag) => {
            let flags = match flag {
                IpvlanFlag::Bridge => IpVlanFlags::empty(),
                IpvlanFlag::Private => IpVlanFlags::Private,
                IpvlanFlag::Vepa => IpVlanFlags::Vepa,
            };
            let data = vec![InfoIpVlan::Mode(IpVlanMode::L2), InfoIpVlan::Flags(flags)];
            (InfoKind::IpVlan, InfoData::IpVlan(data))
        }
    };
    let mut message = LinkMessage::default();
    message.attributes = vec![
        LinkAttribute::IfName(link.name.clone()),
        LinkAttribute::Link(link.base),
        LinkAttribute::LinkInfo(vec![LinkInfo::Kind(kind), LinkInfo::Data(data)]),
    ];
    message.attributes.extend(link.mac.map(|mac| LinkAttribute::Address(mac.to_vec())));
    message
}

const fn kind_name(kind: LinkKind) -> &'static str {
    match kind {
        LinkKind::Macvlan => "macvlan",
        LinkKind::Ipvlan(_) => "ipvlan",
    }
}

#[cfg(test)]
mod tests;
