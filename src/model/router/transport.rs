//! How adverts travel, and how they prove whom they are from.

use std::fmt;
use std::net::IpAddr;

/// How adverts travel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Transport {
    /// To the group on the interface (224.0.0.18 or ff02::12 unless said otherwise).
    Multicast {
        /// `mcast_src_ip`: source address; the interface's own if none.
        source: Option<IpAddr>,
        /// `vrrp_mcast_group4`, `vrrp_mcast_group6`, `mcast_dst_ip`.
        group: IpAddr,
    },
    /// To each peer.
    Unicast {
        /// `unicast_src_ip`: source address; the interface's own if none.
        source: Option<IpAddr>,
        /// `unicast_peer`. Empty only with `unicast_fault_no_peer`: the router is then in FAULT.
        peers: Vec<Peer>,
        /// `unicast_ttl`: time to live of what is sent.
        ttl: u8,
        /// `check_unicast_src`: adverts of others than the peers are dropped.
        check_source: bool,
    },
}

impl Transport {
    /// Whether adverts for two routers of one number on one interface can be told apart: by the group that they are sent to,
    /// by the address that they are sent to, or, where that is one address, by the peer that they come from. An address
    /// that is not written is taken for another one than any that is; who knows both sees whether that holds.
    #[must_use]
    pub fn is_told_from(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Multicast { group: one, .. }, Self::Multicast { group: two, .. }) => one != two,
            (Self::Unicast { source: one, .. }, Self::Unicast { source: two, .. }) => {
                one != two || !self.shares_a_peer_with(other)
            }
            (Self::Multicast { .. }, Self::Unicast { .. }) | (Self::Unicast { .. }, Self::Multicast { .. }) => true,
        }
    }

    /// Whether somebody is a peer of both.
    #[must_use]
    pub fn shares_a_peer_with(&self, other: &Self) -> bool {
        other.peers().iter().any(|peer| self.has_peer(peer.address))
    }

    /// Whether adverts are sent to this address, one by one.
    #[must_use]
    pub fn has_peer(&self, address: IpAddr) -> bool {
        self.peers().iter().any(|peer| peer.address == address)
    }

    fn peers(&self) -> &[Peer] {
        match self {
            Self::Multicast { .. } => &[],
            Self::Unicast { peers, .. } => peers,
        }
    }
}

/// A router that adverts are sent to one by one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Peer {
    /// Its address.
    pub address: IpAddr,
    /// `min_ttl`: adverts of it with a lower time to live are dropped.
    pub min_ttl: Option<u8>,
    /// `max_ttl`: adverts of it with a higher one are dropped.
    pub max_ttl: Option<u8>,
}

impl Peer {
    /// A peer whose time to live does not matter.
    #[must_use]
    pub const fn new(address: IpAddr) -> Self {
        Self { address, min_ttl: None, max_ttl: None }
    }
}

/// How adverts prove whom they are from. Version 3 knows none of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Authentication {
    /// Not at all.
    #[default]
    None,
    /// `auth_type PASS`: eight bytes in clear (RFC 2338 section 5.3.6).
    Password(Password),
    /// `auth_type AH`: an IPsec authentication header with HMAC-MD5-96 (RFC 2338 section 5.3.6.3), IPv4 only.
    Header(Secret),
}

/// The checksum conventions of version 3.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Checksum {
    /// `v3_checksum_as_v2`: over IPv4 without the pseudo header, as RFC 9568 and some vendors have it; what comes in may
    /// be either.
    pub without_pseudo_header: bool,
    /// `old_unicast_checksum never`: do not try whether a unicast peer computes its checksum with the multicast address, as
    /// keepalived 1.3.6 and older do.
    pub never_old_unicast: bool,
}

/// The eight bytes of `auth_type PASS` (RFC 2338 section 5.3.6): zero padded, longer passwords cut off.
///
/// `Debug` does not show it, so that no log does.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Password([u8; 8]);

impl Password {
    /// From text; bytes past the eighth are not used, as in keepalived.
    #[must_use]
    pub fn new(text: &str) -> Self {
        let mut bytes = [0; 8];
        for (slot, byte) in bytes.iter_mut().zip(text.bytes()) {
            *slot = byte;
        }
        Self(bytes)
    }

    /// As on the wire.
    #[must_use]
    pub const fn bytes(&self) -> &[u8; 8] {
        &self.0
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(…)")
    }
}

/// A key that never travels. `Debug` does not show it, so that no log does.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Vec<u8>);

impl Secret {
    /// A key; zeros at its end are no part of it, since HMAC pads keys with them (RFC 2104 section 2).
    #[must_use]
    pub fn new(mut bytes: Vec<u8>) -> Self {
        let used = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
        bytes.truncate(used);
        Self(bytes)
    }

    /// Its bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}
