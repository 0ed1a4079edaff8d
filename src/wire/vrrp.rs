//! Adverts of VRRP, versions 2 (RFC 3768) and 3 (RFC 5798, RFC 9568), over IPv4 and, in version 3, IPv6.
//!
//! ```text
//!  0                   1                   2                   3
//!  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//! +-------+-------+---------------+---------------+---------------+
//! |version| type 1| virtual rtr id|   priority    |     count     |
//! +-------+-------+---------------+---------------+---------------+
//! | 2: auth type  | interval in s |           checksum            |
//! | 3: 0  |  interval in 1/100 s  |                               |
//! +---------------+---------------+-------------------------------+
//! |          count addresses of 4 bytes, or of 16                 |
//! +---------------------------------------------------------------+
//! |  version 2: eight bytes of authentication data, always there  |
//! +---------------------------------------------------------------+
//! ```
//!
//! The version 2 checksum covers just these bytes. Version 3 sums the pseudo header too (RFC 5798 section 5.2.8); that is
//! what keepalived sends and enforces, though RFC 9568 and some vendors leave it out over IPv4.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::checksum::Sum;
use super::ipv4::PROTOCOL_VRRP;
use super::{Malformed, address, be16, ipv6};
use crate::model::{Family, Password, Vrid, VrrpVersion};

/// The group that adverts go to over IPv4 (RFC 9568 section 5.1.1.2).
pub const GROUP: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 18);
/// The group that adverts go to over IPv6 (RFC 9568 section 5.1.2.2).
pub const GROUP_V6: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 0x12);
/// Bytes before the addresses.
pub const HEADER_LEN: usize = 8;
/// Bytes of authentication data at the end of version 2.
pub const AUTH_LEN: usize = 8;
/// The only packet type there is (RFC 9568 section 5.2.2).
pub const TYPE_ADVERT: u8 = 1;
/// No authentication, and the value of the field in every advert of RFC 3768.
pub const AUTH_NONE: u8 = 0;
/// A password in the clear (RFC 2338 section 5.3.6).
pub const AUTH_PASS: u8 = 1;
/// An authentication header in front (RFC 2338 section 5.3.6).
pub const AUTH_HEADER: u8 = 2;

/// Addresses that an advert can number: its count has eight bits.
pub const MOST_ADDRESSES: usize = u8::MAX as usize;

/// The MTU of Ethernet, for a link whose own is not known.
pub const USUAL_MTU: u32 = 1500;

/// Addresses that an advert can carry over a link of this MTU, behind an authentication header or not: as many as keepalived
/// 2.2 puts there, which counts the Ethernet header among the bytes (89 of IPv6 for 1,500; one more would fit). It ignores
/// adverts whose count is not its own, and both routers would be active. What does not fit is not advertised; it moves all
/// the same. One address travels whatever the MTU is.
#[must_use]
pub fn most_addresses(family: Family, version: VrrpVersion, header: bool, mtu: u32) -> usize {
    const ETHERNET_HEADER: usize = 14;
    const AUTHENTICATION_HEADER: usize = 24;
    let ip = match family {
        Family::V4 => 20,
        Family::V6 => 40,
    };
    let authentication = match version {
        VrrpVersion::V2 => AUTH_LEN + if header { AUTHENTICATION_HEADER } else { 0 },
        VrrpVersion::V3 => 0,
    };
    let room = usize::try_from(mtu).unwrap_or(usize::MAX);
    let room = room.saturating_sub(ETHERNET_HEADER + ip + HEADER_LEN + authentication);
    (room / width(family)).clamp(1, MOST_ADDRESSES)
}

/// Bytes of an address.
const fn width(family: Family) -> usize {
    match family {
        Family::V4 => 4,
        Family::V6 => 16,
    }
}

/// Received bytes of which the eight fixed ones are there. Nothing else is known about them yet: a receiver checks the rest
/// in an order of its own, to say precisely what is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Packet<'a> {
    bytes: &'a [u8],
    family: Family,
}

impl<'a> Packet<'a> {
    /// Looks at the payload of an IP packet of this family, which decides how long its addresses are.
    ///
    /// # Errors
    /// [`Malformed::Truncated`] below eight bytes.
    pub const fn new_checked(bytes: &'a [u8], family: Family) -> Result<Self, Malformed> {
        if bytes.len() < HEADER_LEN { Err(Malformed::Truncated) } else { Ok(Self { bytes, family }) }
    }

    fn byte(&self, at: usize) -> u8 {
        self.bytes.get(at).copied().unwrap_or(0)
    }

    /// The version field as it stands.
    #[must_use]
    pub fn version(&self) -> u8 {
        self.byte(0) >> 4
    }

    /// The type field as it stands.
    #[must_use]
    pub fn kind(&self) -> u8 {
        self.byte(0) & 0x0f
    }

    /// Virtual router id; 0 is possible here.
    #[must_use]
    pub fn vrid(&self) -> u8 {
        self.byte(1)
    }

    /// Priority; 0 says that the sender leaves.
    #[must_use]
    pub fn priority(&self) -> u8 {
        self.byte(2)
    }

    /// Number of addresses that it claims to carry.
    #[must_use]
    pub fn count(&self) -> u8 {
        self.byte(3)
    }

    /// Authentication type (version 2).
    #[must_use]
    pub fn auth_type(&self) -> u8 {
        self.byte(4)
    }

    /// Interval in seconds (version 2).
    #[must_use]
    pub fn interval_secs(&self) -> u8 {
        self.byte(5)
    }

    /// Interval in centiseconds (version 3): twelve bits.
    #[must_use]
    pub fn interval_centiseconds(&self) -> u16 {
        be16(self.bytes, 4) & 0x0fff
    }

    /// Bytes that a packet of this version with this count has.
    #[must_use]
    pub fn claimed_len(&self, version: VrrpVersion) -> usize {
        let auth = match version {
            VrrpVersion::V2 => AUTH_LEN,
            VrrpVersion::V3 => 0,
        };
        HEADER_LEN + usize::from(self.count()) * width(self.family) + auth
    }

    /// Bytes there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Never: eight bytes are always there.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// The addresses that it claims and has.
    pub fn addresses(&self) -> impl Iterator<Item = IpAddr> + use<'a> {
        let family = self.family;
        self.bytes
            .get(HEADER_LEN..)
            .unwrap_or_default()
            .chunks_exact(width(family))
            .take(usize::from(self.count()))
            .map(move |chunk| match family {
                Family::V4 => IpAddr::V4(address(chunk, 0)),
                Family::V6 => IpAddr::V6(ipv6::address(chunk, 0)),
            })
    }

    /// The authentication data behind the addresses (version 2).
    #[must_use]
    pub fn auth_data(&self) -> Option<[u8; AUTH_LEN]> {
        let at = HEADER_LEN + usize::from(self.count()) * width(self.family);
        self.bytes.get(at..at + AUTH_LEN).and_then(|data| data.try_into().ok())
    }

    /// The checksum is right for this version, over the bytes that the count claims; in version 3 with the pseudo header.
    #[must_use]
    pub fn checksum_is_right(&self, version: VrrpVersion, source: IpAddr, destination: IpAddr) -> bool {
        self.bytes
            .get(..self.claimed_len(version))
            .is_some_and(|bytes| checksum(bytes, version, source, destination) == 0)
    }

    /// The checksum is right over nothing but the bytes that the count claims (`v3_checksum_as_v2`).
    #[must_use]
    pub fn bare_checksum_is_right(&self, version: VrrpVersion) -> bool {
        self.bytes.get(..self.claimed_len(version)).is_some_and(|bytes| Sum::default().bytes(bytes).finish() == 0)
    }
}

/// What version 2 says of how it is authenticated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Auth {
    /// Not at all.
    None,
    /// `auth_type PASS`: the password is in the advert.
    Password(Password),
    /// `auth_type AH`: a header of [`ah`](super::ah) is in front of the advert.
    Header,
}

/// What tells the versions apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// RFC 3768, and the password of RFC 2338.
    V2 {
        /// Seconds between adverts.
        interval_secs: u8,
        /// `auth_type`.
        auth: Auth,
    },
    /// RFC 5798 and RFC 9568.
    V3 {
        /// Hundredths of a second between adverts, at most 4095.
        interval_centiseconds: u16,
    },
}

/// An advert.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Advert {
    /// Virtual router id.
    pub vrid: Vrid,
    /// Priority; 0: the sender leaves.
    pub priority: u8,
    /// Version, and what goes with it.
    pub form: Form,
    /// Addresses, all of one family; the first [`MOST_ADDRESSES`] travel.
    pub addresses: Vec<IpAddr>,
}

impl Advert {
    /// Its protocol version.
    #[must_use]
    pub const fn version(&self) -> VrrpVersion {
        match self.form {
            Form::V2 { .. } => VrrpVersion::V2,
            Form::V3 { .. } => VrrpVersion::V3,
        }
    }

    /// The payload of an IP packet from `source` to `destination` (version 3 sums both).
    #[must_use]
    pub fn emit(&self, source: impl Into<IpAddr>, destination: impl Into<IpAddr>) -> Vec<u8> {
        let bytes = self.unsummed();
        let sum = checksum(&bytes, self.version(), source.into(), destination.into());
        summed(bytes, sum)
    }

    /// The payload with a checksum over nothing but itself, which version 3 has with `v3_checksum_as_v2` over IPv4.
    #[must_use]
    pub fn emit_bare(&self) -> Vec<u8> {
        let bytes = self.unsummed();
        let sum = Sum::default().bytes(&bytes).finish();
        summed(bytes, sum)
    }

    fn unsummed(&self) -> Vec<u8> {
        let family = match self.addresses.first() {
            Some(IpAddr::V6(_)) => Family::V6,
            Some(IpAddr::V4(_)) | None => Family::V4,
        };
        let count = u8::try_from(self.addresses.len().min(MOST_ADDRESSES)).unwrap_or(u8::MAX);
        let mut bytes = Vec::with_capacity(HEADER_LEN + usize::from(count) * width(family) + AUTH_LEN);
        let version = self.version();
        bytes.push(number(version) << 4 | TYPE_ADVERT);
        bytes.extend([self.vrid.value(), self.priority, count]);
        match self.form {
            Form::V2 { interval_secs, auth } => {
                bytes.push(match auth {
                    Auth::None => AUTH_NONE,
                    Auth::Password(_) => AUTH_PASS,
                    Auth::Header => AUTH_HEADER,
                });
                bytes.push(interval_secs);
            }
            Form::V3 { interval_centiseconds } => bytes.extend((interval_centiseconds & 0x0fff).to_be_bytes()),
        }
        bytes.extend([0, 0]);
        for address in self.addresses.iter().take(usize::from(count)) {
            match address {
                IpAddr::V4(address) => bytes.extend(address.octets()),
                IpAddr::V6(address) => bytes.extend(address.octets()),
            }
        }
        match self.form {
            Form::V2 { auth: Auth::Password(password), .. } => bytes.extend(password.bytes()),
            Form::V2 { auth: Auth::None | Auth::Header, .. } => bytes.extend([0; AUTH_LEN]),
            Form::V3 { .. } => {}
        }
        bytes
    }
}

fn summed(mut bytes: Vec<u8>, sum: u16) -> Vec<u8> {
    for (slot, byte) in bytes.iter_mut().skip(6).zip(sum.to_be_bytes()) {
        *slot = byte;
    }
    bytes
}

/// The version's number on the wire.
#[must_use]
pub const fn number(version: VrrpVersion) -> u8 {
    match version {
        VrrpVersion::V2 => 2,
        VrrpVersion::V3 => 3,
    }
}

fn checksum(bytes: &[u8], version: VrrpVersion, source: IpAddr, destination: IpAddr) -> u16 {
    let sum = match version {
        VrrpVersion::V2 => Sum::default(),
        VrrpVersion::V3 => {
            let length = u16::try_from(bytes.len()).unwrap_or(u16::MAX);
            Sum::default().pseudo_header(source, destination, PROTOCOL_VRRP, length)
        }
    };
    sum.bytes(bytes).finish()
}

impl fmt::Display for Packet<'_> {
    /// As tcpdump prints it; the password is not shown.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "VRRPv{}, ", self.version())?;
        match self.kind() {
            TYPE_ADVERT => f.write_str("Advertisement")?,
            other => write!(f, "type {other}")?,
        }
        write!(f, ", vrid {}, prio {}", self.vrid(), self.priority())?;
        match self.version() {
            2 => {
                match self.auth_type() {
                    AUTH_NONE => f.write_str(", authtype none")?,
                    AUTH_PASS => f.write_str(", authtype simple")?,
                    AUTH_HEADER => f.write_str(", authtype ah")?,
                    other => write!(f, ", authtype {other}")?,
                }
                write!(f, ", intvl {}s", self.interval_secs())?;
            }
            _ => write!(f, ", intvl {}cs", self.interval_centiseconds())?,
        }
        write!(f, ", length {}, addrs:", self.len())?;
        for (index, address) in self.addresses().enumerate() {
            write!(f, "{} {address}", if index == 0 { "" } else { "," })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
