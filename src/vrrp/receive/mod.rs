//! Is this packet an advert for that virtual router?
//!
//! The checks are made in keepalived's order, so that the same bad packet is counted under the same heading on both sides
//! of a mixed pair: presence of an authentication header, length, time to live, version, authentication, interval, type,
//! count (in version 3 also that there is one), checksum, way of travelling, sender. An advert whose address list differs from ours is accepted, and the
//! difference told.

mod received;

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use super::machine::Heard;
use crate::model::{AdvertInterval, Authentication, Checksum, Family, Password, Secret, Transport, VrrpVersion};
use crate::wire::vrrp::{AUTH_HEADER, AUTH_NONE, AUTH_PASS, HEADER_LEN, TYPE_ADVERT, number};
use crate::wire::{ipv4, vrrp};

pub use received::Received;

/// What an advert must look like.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(clippy::struct_excessive_bools, reason = "independent words of the language")]
pub struct Expectation<'a> {
    /// Protocol version.
    pub version: VrrpVersion,
    /// Our interval, which version 2 must share.
    pub interval: AdvertInterval,
    /// What version 2 must prove.
    pub authentication: &'a Authentication,
    /// The highest sequence number of an authentication header so far, ours included.
    pub sequence: u32,
    /// How adverts travel, and from whom they may come.
    pub transport: &'a Transport,
    /// Another router has the same address: the sender alone tells whom an advert is for.
    pub only_peers: bool,
    /// Conventions of the checksum.
    pub checksum: Checksum,
    /// Our own address.
    pub source: IpAddr,
    /// Addresses that we advertise ourselves.
    pub addresses: &'a [IpAddr],
    /// The last advert's sender, whose addresses need no second look (`skip_check_adv_addr`).
    pub trusted: Option<IpAddr>,
    /// We own the addresses and listen to nobody (`owner_ignore_adverts`).
    pub deaf: bool,
}

/// An advert that passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Accepted {
    /// What the machine is told.
    pub heard: Heard,
    /// It carries the addresses that we carry, in any order, or that was not to be looked at.
    pub same_addresses: bool,
    /// The sequence number of its authentication header, if it has one.
    pub sequence: Option<u32>,
    /// Its checksum is that of a unicast peer of version 1.3.6 or older, which sums the multicast address: it expects the
    /// same of us.
    pub old_checksum: bool,
}

/// Why a packet was dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Drop {
    /// Too short for its headers.
    Length,
    /// Multicast, and the time to live is not 255.
    HopLimit,
    /// Another protocol version.
    Version,
    /// Another authentication type.
    AuthType,
    /// Another password.
    Password,
    /// Version 2: another advert interval.
    Interval,
    /// Not an advert.
    Type,
    /// Not as long as its count of addresses says.
    Count,
    /// Version 3: it names no address.
    Addressless,
    /// The checksum is wrong.
    Checksum,
    /// Unicast where multicast is configured, or the other way round, or to another group.
    Transport,
    /// From our own address: a loop in the network, or the address twice.
    OwnAddress,
    /// The authentication header's hash or index is wrong.
    Header,
    /// The authentication header's sequence number has been seen, or a later one has.
    Replay,
    /// Unicast from an address that is no peer's, where `check_unicast_src` is set or two routers have one address.
    NotAPeer,
    /// Unicast from a peer, with a time to live outside its `min_ttl` and `max_ttl`.
    PeerHopLimit,
    /// We own the addresses, and `owner_ignore_adverts` is set.
    Owner,
}

impl Drop {
    /// All of them.
    pub const ALL: [Self; 17] = [
        Self::Length,
        Self::HopLimit,
        Self::Version,
        Self::AuthType,
        Self::Password,
        Self::Interval,
        Self::Type,
        Self::Count,
        Self::Addressless,
        Self::Checksum,
        Self::Transport,
        Self::OwnAddress,
        Self::Header,
        Self::Replay,
        Self::NotAPeer,
        Self::PeerHopLimit,
        Self::Owner,
    ];
}

impl fmt::Display for Drop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Length => "shorter than its headers",
            Self::HopLimit => "its time to live is not 255, so it came through a router",
            Self::Version => "another protocol version; set the same version on all routers",
            Self::AuthType => "another authentication type; set the same auth_type on all routers",
            Self::Password => "another password; set the same auth_pass on all routers",
            Self::Interval => "another advert interval; set the same advert_int on all routers",
            Self::Type => "not an advert",
            Self::Count => "not as long as its count of addresses says",
            Self::Addressless => "it names no address, which version 3 does not allow",
            Self::Checksum => "its checksum is wrong",
            Self::Transport => "to a group that is not ours, or unicast where we use multicast, or the other way round",
            Self::OwnAddress => "from our own address: the network loops, or the address exists twice",
            Self::Header => "its authentication header is wrong; set the same auth_pass on all routers",
            Self::Replay => "its authentication header's sequence number is an old one: somebody replays it",
            Self::NotAPeer => "its sender is not a unicast_peer",
            Self::PeerHopLimit => "its time to live is not between min_ttl and max_ttl of its peer",
            Self::Owner => "we own the addresses, and owner_ignore_adverts is set",
        })
    }
}

/// Checks what came in.
///
/// # Errors
/// The first check that it fails.
pub fn check(received: &Received<'_>, expected: &Expectation<'_>) -> Result<Accepted, Drop> {
    if received.has_header() != matches!(expected.authentication, Authentication::Header(_)) {
        return Err(Drop::AuthType);
    }
    let advert = received.advert().map_err(|_| Drop::Length)?;
    let least = match expected.version {
        VrrpVersion::V2 => HEADER_LEN + vrrp::AUTH_LEN,
        VrrpVersion::V3 => HEADER_LEN,
    };
    let multicast = received.destination().is_multicast();
    // The version decides how long is long enough; a packet of another version is told as such below.
    if advert.version() == number(expected.version) && advert.len() < least {
        return Err(Drop::Length);
    }
    if multicast && received.hop_limit() != ipv4::TTL {
        return Err(Drop::HopLimit);
    }
    if advert.version() != number(expected.version) {
        return Err(Drop::Version);
    }
    let mut sequence = None;
    let interval = match expected.version {
        VrrpVersion::V2 => {
            sequence = check_authentication(&advert, received, expected)?;
            if advert.interval_secs() != expected.interval.seconds() {
                return Err(Drop::Interval);
            }
            Duration::from_secs(u64::from(advert.interval_secs()))
        }
        // An interval of 0 would make every backup active at once; it is not legal (RFC 9568 section 5.2.7).
        VrrpVersion::V3 if advert.interval_centiseconds() == 0 => return Err(Drop::Interval),
        VrrpVersion::V3 => Duration::from_millis(u64::from(advert.interval_centiseconds()) * 10),
    };
    if advert.kind() != TYPE_ADVERT {
        return Err(Drop::Type);
    }
    if advert.len() != advert.claimed_len(expected.version) {
        return Err(Drop::Count);
    }
    // RFC 9568 section 5.2.5. Where we have none to name either, the two of us go without.
    if expected.version == VrrpVersion::V3 && advert.count() == 0 && !expected.addresses.is_empty() {
        return Err(Drop::Addressless);
    }
    let old_checksum = check_checksum(&advert, received, expected)?;
    check_sender(received, expected)?;
    let same_addresses = expected.trusted == Some(received.source())
        || (advert.addresses().count() == expected.addresses.len()
            && advert.addresses().all(|address| expected.addresses.contains(&address)));
    let heard = Heard { source: received.source(), priority: advert.priority(), interval };
    Ok(Accepted { heard, same_addresses, sequence, old_checksum })
}

/// Authentication of version 2; gives the sequence number of a header.
fn check_authentication(
    advert: &vrrp::Packet<'_>,
    received: &Received<'_>,
    expected: &Expectation<'_>,
) -> Result<Option<u32>, Drop> {
    let wanted = match expected.authentication {
        Authentication::None => AUTH_NONE,
        Authentication::Password(_) => AUTH_PASS,
        Authentication::Header(_) => AUTH_HEADER,
    };
    if advert.auth_type() != wanted {
        return Err(Drop::AuthType);
    }
    match expected.authentication {
        Authentication::None => Ok(None),
        Authentication::Password(password) => check_password(advert, password).map(|()| None),
        Authentication::Header(secret) => check_header(received, expected, secret).map(Some),
    }
}

/// Compares without telling by time how much was right.
fn check_password(advert: &vrrp::Packet<'_>, password: &Password) -> Result<(), Drop> {
    // A count that lies moves the data behind the end; that is a wrong length, and told as such by the check for it.
    let Some(data) = advert.auth_data() else { return Err(Drop::Count) };
    let difference = data.iter().zip(password.bytes()).fold(0, |sum, (theirs, ours)| sum | (theirs ^ ours));
    if difference == 0 { Ok(()) } else { Err(Drop::Password) }
}

/// The hash comes first: before it is right, nothing that the packet says is worth a look.
fn check_header(received: &Received<'_>, expected: &Expectation<'_>, secret: &Secret) -> Result<u32, Drop> {
    let unicast = matches!(expected.transport, Transport::Unicast { .. });
    let header = received.header().ok_or(Drop::AuthType)?;
    if !header.verify(received.ip_header(), secret, unicast) || IpAddr::V4(header.spi()) != received.source() {
        return Err(Drop::Header);
    }
    // The counter is shared by sender and receiver, as in keepalived: whoever takes over goes on where the other was.
    if header.sequence() > expected.sequence { Ok(header.sequence()) } else { Err(Drop::Replay) }
}

/// The checksum, in the conventions there are; `true` for that of an old peer.
fn check_checksum(
    advert: &vrrp::Packet<'_>,
    received: &Received<'_>,
    expected: &Expectation<'_>,
) -> Result<bool, Drop> {
    let (source, destination) = (received.source(), received.destination());
    if advert.checksum_is_right(expected.version, source, destination) {
        return Ok(false);
    }
    if received.family() == Family::V6 || expected.version == VrrpVersion::V2 {
        return Err(Drop::Checksum);
    }
    if expected.checksum.without_pseudo_header && advert.bare_checksum_is_right(expected.version) {
        return Ok(false);
    }
    let old = matches!(expected.transport, Transport::Unicast { .. }) && !expected.checksum.never_old_unicast;
    if old && advert.checksum_is_right(expected.version, source, IpAddr::V4(vrrp::GROUP)) {
        return Ok(true);
    }
    Err(Drop::Checksum)
}

/// Way of travelling and sender.
fn check_sender(received: &Received<'_>, expected: &Expectation<'_>) -> Result<(), Drop> {
    let multicast = received.destination().is_multicast();
    match expected.transport {
        Transport::Multicast { group, .. } if *group != received.destination() => return Err(Drop::Transport),
        Transport::Unicast { .. } if multicast => return Err(Drop::Transport),
        Transport::Multicast { .. } => {}
        Transport::Unicast { peers, check_source, .. } => {
            // A limit for one peer is worth nothing where anybody else may send: it turns the check on for all.
            let limited = peers.iter().any(|peer| peer.min_ttl.is_some() || peer.max_ttl.is_some());
            match peers.iter().find(|peer| peer.address == received.source()) {
                None if *check_source || limited || expected.only_peers => return Err(Drop::NotAPeer),
                None => {}
                Some(peer) => {
                    let range = peer.min_ttl.unwrap_or(u8::MIN)..=peer.max_ttl.unwrap_or(u8::MAX);
                    if !range.contains(&received.hop_limit()) {
                        return Err(Drop::PeerHopLimit);
                    }
                }
            }
        }
    }
    if received.source() == expected.source {
        return Err(Drop::OwnAddress);
    }
    if expected.deaf {
        return Err(Drop::Owner);
    }
    Ok(())
}

#[cfg(test)]
mod tests;
