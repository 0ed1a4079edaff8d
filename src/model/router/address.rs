//! Addresses that move with a router, or stay on the host.

use std::net::{IpAddr, Ipv4Addr};

/// An address that moves with the router, or one of `static_ipaddress`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct VirtualAddress {
    /// The address.
    pub address: IpAddr,
    /// Prefix length; 32 or 128 unless written.
    pub prefix_len: u8,
    /// `dev`: interface it is put on; the router's own (or its virtual link) if none.
    pub interface: Option<String>,
    /// `label` (IPv4), at most 15 bytes.
    pub label: Option<String>,
    /// `brd`: broadcast address.
    pub broadcast: Option<Ipv4Addr>,
    /// `scope` as the kernel numbers it (0 global, 253 link, 254 host).
    pub scope: u8,
    /// `peer`: the other end of a point-to-point link; its prefix length is [`prefix_len`](Self::prefix_len).
    pub peer: Option<IpAddr>,
    /// `preferred_lft` (IPv6). `None`: the kernel's default, forever, but for an IPv6 /128, which is deprecated as a
    /// source at once, as in keepalived.
    pub preferred: Option<Preferred>,
    /// Flags.
    pub options: AddressOptions,
    /// `use_vmac`: on the router's virtual link although `dev` names its base interface.
    pub on_virtual_link: bool,
    /// `no_track` is not written: where its interface fails, so does the router.
    pub track: bool,
    /// `track_group` (static addresses): routers that fail with the address's interface.
    pub track_group: Option<String>,
}

impl VirtualAddress {
    /// An address with everything else as keepalived has it when nothing is written.
    #[must_use]
    pub const fn new(address: IpAddr, prefix_len: u8) -> Self {
        Self {
            address,
            prefix_len,
            interface: None,
            label: None,
            broadcast: None,
            scope: 0,
            peer: None,
            preferred: None,
            options: AddressOptions {
                home: false,
                no_dad: false,
                manage_temporary: false,
                no_prefix_route: false,
                auto_join: false,
            },
            on_virtual_link: false,
            track: true,
            track_group: None,
        }
    }
}

/// How long an IPv6 address is preferred as a source (RFC 4862 section 5.5.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Preferred {
    /// Always.
    Forever,
    /// Seconds; 0: never, the address is deprecated from the start.
    Secs(u32),
}

/// Flags of an address (`IFA_F_*` of include/uapi/linux/if_addr.h).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[allow(clippy::struct_excessive_bools, reason = "independent flags of the kernel's")]
pub struct AddressOptions {
    /// `home`: the home address of mobile IPv6.
    pub home: bool,
    /// `-nodad`: no detection of duplicates. Virtual IPv6 addresses never have it done.
    pub no_dad: bool,
    /// `mngtmpaddr`: template of temporary addresses.
    pub manage_temporary: bool,
    /// `noprefixroute`: no route for its prefix.
    pub no_prefix_route: bool,
    /// `autojoin`: join its multicast group.
    pub auto_join: bool,
}
