//! Adverts of VRRP, versions 2 (RFC 3768) and 3 (RFC 5798, RFC 9568), over IPv4.
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
//! |                  count IPv4 addresses                         |
//! +---------------------------------------------------------------+
//! |  version 2: eight bytes of authentication data, always there  |
//! +---------------------------------------------------------------+
//! ```
//!
//! The version 2 checksum covers just these bytes. Version 3 sums the pseudo header too (RFC 5798 section 5.2.8); that is
//! what keepalived sends and enforces, though RFC 9568 and some vendors leave it out over IPv4.

use std::fmt;
use std::net::Ipv4Addr;

use super::checksum::Sum;
use super::ipv4::PROTOCOL_VRRP;
use super::{Malformed, address, be16};
use crate::model::{Password, Vrid, VrrpVersion};

/// The group that adverts go to (RFC 9568 section 5.1.1.2).
pub const GROUP: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 18);
/// Bytes before the addresses.
pub const HEADER_LEN: usize = 8;
/// Bytes of authentication data at the end of version 2.
pub const AUTH_LEN: usize = 8;
/// Addresses that the count field can number. What does not fit is not advertised; it moves all the same.
pub const MAX_ADDRESSES: usize = 255;
/// The only packet type there is (RFC 9568 section 5.2.2).
pub const TYPE_ADVERT: u8 = 1;
/// No authentication, and the value of the field in every advert of RFC 3768.
pub const AUTH_NONE: u8 = 0;
/// A password in the clear (RFC 2338 section 5.3.6).
pub const AUTH_PASS: u8 = 1;

/// Received bytes of which the eight fixed ones are there. Nothing else is known about them yet: a receiver checks the rest
/// in an order of its own, to say precisely what is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Packet<'a> {
    bytes: &'a [u8],
}

impl<'a> Packet<'a> {
    /// Looks at the payload of an IP packet.
    ///
    /// # Errors
    /// [`Malformed::Truncated`] below eight bytes.
    pub fn new_checked(bytes: &'a [u8]) -> Result<Self, Malformed> {
        if bytes.len() < HEADER_LEN { Err(Malformed::Truncated) } else { Ok(Self { bytes }) }
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
        HEADER_LEN + usize::from(self.count()) * 4 + auth
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
    pub fn addresses(&self) -> impl Iterator<Item = Ipv4Addr> + use<'a> {
        self.bytes
            .get(HEADER_LEN..)
            .unwrap_or_default()
            .chunks_exact(4)
            .take(usize::from(self.count()))
            .map(|chunk| address(chunk, 0))
    }

    /// The authentication data behind the addresses (version 2).
    #[must_use]
    pub fn auth_data(&self) -> Option<[u8; AUTH_LEN]> {
        let at = HEADER_LEN + usize::from(self.count()) * 4;
        self.bytes.get(at..at + AUTH_LEN).and_then(|data| data.try_into().ok())
    }

    /// The checksum is right for this version, over the bytes that the count claims.
    #[must_use]
    pub fn checksum_is_right(&self, version: VrrpVersion, source: Ipv4Addr, destination: Ipv4Addr) -> bool {
        self.bytes
            .get(..self.claimed_len(version))
            .is_some_and(|bytes| checksum(bytes, version, source, destination) == 0)
    }
}

/// What tells the versions apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// RFC 3768, and the password of RFC 2338.
    V2 {
        /// Seconds between adverts.
        interval_secs: u8,
        /// `auth_type PASS`.
        password: Option<Password>,
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
    /// Addresses; the first [`MAX_ADDRESSES`] travel.
    pub addresses: Vec<Ipv4Addr>,
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
    pub fn emit(&self, source: Ipv4Addr, destination: Ipv4Addr) -> Vec<u8> {
        let count = u8::try_from(self.addresses.len()).unwrap_or(u8::MAX);
        let mut bytes = Vec::with_capacity(HEADER_LEN + usize::from(count) * 4 + AUTH_LEN);
        let version = self.version();
        bytes.push(number(version) << 4 | TYPE_ADVERT);
        bytes.extend([self.vrid.value(), self.priority, count]);
        match self.form {
            Form::V2 { interval_secs, password } => {
                bytes.push(if password.is_some() { AUTH_PASS } else { AUTH_NONE });
                bytes.push(interval_secs);
            }
            Form::V3 { interval_centiseconds } => bytes.extend((interval_centiseconds & 0x0fff).to_be_bytes()),
        }
        bytes.extend([0, 0]);
        for address in self.addresses.iter().take(usize::from(count)) {
            bytes.extend(address.octets());
        }
        match self.form {
            Form::V2 { password, .. } => bytes.extend(password.map_or([0; AUTH_LEN], |password| *password.bytes())),
            Form::V3 { .. } => {}
        }
        let sum = checksum(&bytes, version, source, destination);
        for (slot, byte) in bytes.iter_mut().skip(6).zip(sum.to_be_bytes()) {
            *slot = byte;
        }
        bytes
    }
}

/// The version's number on the wire.
#[must_use]
pub const fn number(version: VrrpVersion) -> u8 {
    match version {
        VrrpVersion::V2 => 2,
        VrrpVersion::V3 => 3,
    }
}

fn checksum(bytes: &[u8], version: VrrpVersion, source: Ipv4Addr, destination: Ipv4Addr) -> u16 {
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
