//! Interfaces that a router makes for itself.

use std::net::IpAddr;

/// An interface of the router's own, on top of the one that it is configured with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum VirtualLink {
    /// `use_vmac`: a macvlan with the virtual router's MAC address (RFC 9568 section 7.3).
    Vmac(Vmac),
    /// `use_ipvlan`.
    Ipvlan(Ipvlan),
}

/// A macvlan in private mode.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Vmac {
    /// Its name; `vrrp.VRID` (or `vrrp6.VRID`, or numbered) if none.
    pub name: Option<String>,
    /// Its address; 00:00:5e:00:01:VRID, or 00:00:5e:00:02:VRID for IPv6, if none.
    pub mac: Option<[u8; 6]>,
    /// `vmac_xmit_base`: adverts leave through the base interface.
    pub send_from_base: bool,
    /// `use_vmac_addr`: addresses whose `dev` is another interface get a macvlan there.
    pub for_addresses: bool,
    /// `group`: interface group.
    pub group: Option<u32>,
}

/// An ipvlan.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Ipvlan {
    /// Its name; `vrrp.VRID` if none.
    pub name: Option<String>,
    /// Source address put on it, with its prefix length.
    pub address: Option<(IpAddr, u8)>,
    /// How ports of one base interface see each other.
    pub flag: IpvlanFlag,
    /// `group`: interface group.
    pub group: Option<u32>,
}

/// How ipvlan ports of one base interface see each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum IpvlanFlag {
    /// They do.
    #[default]
    Bridge,
    /// They do not.
    Private,
    /// Through the switch.
    Vepa,
}
