//! A mode of the protocol, as a file for either program.

use std::fmt::{self, Write as _};
use std::net::IpAddr;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Version {
    V2,
    V3,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Family {
    V4,
    V6,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Transport {
    Multicast,
    Unicast,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Auth {
    None,
    Pass,
    Ah,
}

/// Where adverts and addresses are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Link {
    /// On the interface.
    Own,
    /// On a macvlan with the virtual MAC address.
    Vmac,
    /// Addresses there, adverts on the interface.
    VmacFromBase,
}

/// One row of the matrix.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Mode {
    pub(crate) version: Version,
    pub(crate) family: Family,
    pub(crate) transport: Transport,
    pub(crate) auth: Auth,
    pub(crate) link: Link,
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}-{:?}-{:?}-{:?}-{:?}", self.version, self.family, self.transport, self.auth, self.link)
    }
}

impl Mode {
    /// The addresses of a node's interface, with their prefix.
    pub(crate) fn interface_addresses(self, number: u8) -> [String; 2] {
        [format!("192.0.2.{number}/24"), format!("2001:db8::{number}/64")]
    }

    /// The virtual addresses that adverts carry.
    pub(crate) fn vips(self) -> [IpAddr; 2] {
        match self.family {
            Family::V4 => ["192.0.2.100", "192.0.2.101"],
            Family::V6 => ["2001:db8::100", "2001:db8::101"],
        }
        .map(|text| text.parse().unwrap())
    }

    /// The file of a node. `more` is lines for the instance.
    pub(crate) fn conf(self, number: u8, peer: u8, priority: u8, more: &str) -> String {
        let mut text = String::from("vrrp_instance VI_1 {\n  state BACKUP\n  interface eth0\n  virtual_router_id 51\n");
        let version = match self.version {
            Version::V2 => 2,
            Version::V3 => 3,
        };
        let interval = match self.version {
            Version::V2 => "1",
            Version::V3 => "0.3",
        };
        let _ = writeln!(text, "  version {version}\n  priority {priority}\n  advert_int {interval}");
        if self.transport == Transport::Unicast {
            let base = match self.family {
                Family::V4 => "192.0.2.",
                Family::V6 => "2001:db8::",
            };
            let _ = writeln!(text, "  unicast_src_ip {base}{number}\n  unicast_peer {{\n    {base}{peer}\n  }}");
        }
        let kind = match self.auth {
            Auth::None => None,
            Auth::Pass => Some("PASS"),
            Auth::Ah => Some("AH"),
        };
        if let Some(kind) = kind {
            let _ = writeln!(text, "  authentication {{\n    auth_type {kind}\n    auth_pass secret12\n  }}");
        }
        text.push_str(match self.link {
            Link::Own => "",
            Link::Vmac => "  use_vmac\n",
            Link::VmacFromBase => "  use_vmac\n  vmac_xmit_base\n",
        });
        let prefix = match self.family {
            Family::V4 => 24,
            Family::V6 => 64,
        };
        let _ = writeln!(text, "  virtual_ipaddress {{");
        for vip in self.vips() {
            let _ = writeln!(text, "    {vip}/{prefix}");
        }
        let _ = writeln!(text, "  }}\n{more}}}");
        text
    }
}
