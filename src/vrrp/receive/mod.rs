//! Is this packet an advert for that virtual router?
//!
//! The checks are made in keepalived's order, so that the same bad packet is counted under the same heading on both sides
//! of a mixed pair: length, time to live, version, authentication, interval, type, count, checksum, way of travelling.
//! An advert whose address list differs from ours is accepted, and the difference told.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use super::machine::Heard;
use crate::model::{AdvertInterval, Password, VrrpVersion};
use crate::wire::vrrp::{AUTH_NONE, AUTH_PASS, HEADER_LEN, TYPE_ADVERT, number};
use crate::wire::{ipv4, vrrp};

/// What an advert must look like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expectation<'a> {
    /// Protocol version.
    pub version: VrrpVersion,
    /// Our interval, which version 2 must share.
    pub interval: AdvertInterval,
    /// `auth_type PASS`.
    pub password: Option<&'a Password>,
    /// Adverts travel to peers and not to the group.
    pub unicast: bool,
    /// Our own address.
    pub source: Ipv4Addr,
    /// Addresses that we advertise ourselves.
    pub addresses: &'a [Ipv4Addr],
}

/// An advert that passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Accepted {
    /// What the machine is told.
    pub heard: Heard,
    /// It carries the addresses that we carry, in any order.
    pub same_addresses: bool,
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
    /// The checksum is wrong.
    Checksum,
    /// Unicast where multicast is configured, or the other way round.
    Transport,
    /// From our own address: a loop in the network, or the address twice.
    OwnAddress,
}

impl Drop {
    /// All of them, in the order of the checks.
    pub const ALL: [Self; 11] = [
        Self::Length,
        Self::HopLimit,
        Self::Version,
        Self::AuthType,
        Self::Password,
        Self::Interval,
        Self::Type,
        Self::Count,
        Self::Checksum,
        Self::Transport,
        Self::OwnAddress,
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
            Self::Checksum => "its checksum is wrong",
            Self::Transport => "unicast where we use multicast, or the other way round",
            Self::OwnAddress => "from our own address: the network loops, or the address exists twice",
        })
    }
}

/// The virtual router id that a packet claims, to find whom it concerns.
#[must_use]
pub fn vrid(packet: &[u8]) -> Option<u8> {
    let packet = ipv4::Packet::new_checked(packet).ok()?;
    vrrp::Packet::new_checked(packet.payload()).ok().map(|advert| advert.vrid())
}

/// Checks a whole IPv4 packet, as a raw socket gives it.
///
/// # Errors
/// The first check that it fails.
pub fn check(packet: &[u8], expected: &Expectation<'_>) -> Result<Accepted, Drop> {
    let packet = ipv4::Packet::new_checked(packet).map_err(|_| Drop::Length)?;
    let advert = vrrp::Packet::new_checked(packet.payload()).map_err(|_| Drop::Length)?;
    let least = match expected.version {
        VrrpVersion::V2 => HEADER_LEN + vrrp::AUTH_LEN,
        VrrpVersion::V3 => HEADER_LEN,
    };
    let multicast = packet.destination().is_multicast();
    // The version decides how long is long enough; a packet of another version is told as such below.
    if advert.version() == number(expected.version) && advert.len() < least {
        return Err(Drop::Length);
    }
    if multicast && packet.ttl() != ipv4::TTL {
        return Err(Drop::HopLimit);
    }
    if advert.version() != number(expected.version) {
        return Err(Drop::Version);
    }
    let interval = match expected.version {
        VrrpVersion::V2 => {
            check_password(&advert, expected.password)?;
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
    if !advert.checksum_is_right(expected.version, packet.source(), packet.destination()) {
        return Err(Drop::Checksum);
    }
    if multicast == expected.unicast {
        return Err(Drop::Transport);
    }
    if packet.source() == expected.source {
        return Err(Drop::OwnAddress);
    }
    let same_addresses = advert.addresses().count() == expected.addresses.len()
        && advert.addresses().all(|address| expected.addresses.contains(&address));
    let heard = Heard { source: IpAddr::V4(packet.source()), priority: advert.priority(), interval };
    Ok(Accepted { heard, same_addresses })
}

/// Compares without telling by time how much was right.
fn check_password(advert: &vrrp::Packet<'_>, password: Option<&Password>) -> Result<(), Drop> {
    let Some(password) = password else {
        return if advert.auth_type() == AUTH_NONE { Ok(()) } else { Err(Drop::AuthType) };
    };
    if advert.auth_type() != AUTH_PASS {
        return Err(Drop::AuthType);
    }
    // A count that lies moves the data behind the end; that is a wrong length, and told as such by the check for it.
    let Some(data) = advert.auth_data() else { return Err(Drop::Count) };
    let difference = data.iter().zip(password.bytes()).fold(0, |sum, (theirs, ours)| sum | (theirs ^ ours));
    if difference == 0 { Ok(()) } else { Err(Drop::Password) }
}

#[cfg(test)]
mod tests;
