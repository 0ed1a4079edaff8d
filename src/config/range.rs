//! Ranges of addresses, as both languages write them: `192.0.2.1`, `192.0.2.1-9`, `192.0.2.1-192.0.2.9`, `192.0.2.0/28`.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use crate::model::Family;

/// Addresses from the first to the last, both included; both of one family, and in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct AddressRange {
    first: IpAddr,
    last: IpAddr,
}

/// Why a text is no range.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum InvalidRange {
    /// There is no address in it.
    NotAnAddress,
    /// What follows the `-` is neither an address nor the last part of one.
    BadEnd,
    /// It begins in one family and ends in the other.
    Mixed,
    /// Its end does not come after its beginning.
    Backwards,
    /// What follows the `/` is no prefix length.
    BadLength,
    /// The address has bits behind its prefix: this is the network's own.
    HostBits(IpAddr),
}

impl fmt::Display for InvalidRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotAnAddress => f.write_str("not an IP address"),
            Self::BadEnd => {
                f.write_str("a range ends with an address, or with the last part of one (at most 255, or ffff)")
            }
            Self::Mixed => f.write_str("a range begins and ends with addresses of one family"),
            Self::Backwards => f.write_str("a range ends with a higher address than it begins with"),
            Self::BadLength => f.write_str("a prefix length is from 0 to 32, with IPv6 to 128"),
            Self::HostBits(network) => write!(f, "the network of that length begins at {network}"),
        }
    }
}

impl std::error::Error for InvalidRange {}

impl AddressRange {
    /// One address.
    pub(super) const fn one(address: IpAddr) -> Self {
        Self { first: address, last: address }
    }

    /// How many addresses it has; those of a whole family of IPv6 count as one less.
    pub(super) fn len(self) -> u128 {
        (bits(self.last) - bits(self.first)).saturating_add(1)
    }

    /// Its addresses.
    pub(super) fn iter(self) -> impl Iterator<Item = IpAddr> {
        let family = Family::of(self.first);
        (bits(self.first)..=bits(self.last)).map(move |bits| address(family, bits))
    }

    fn to(first: IpAddr, last: IpAddr) -> Result<Self, InvalidRange> {
        if Family::of(first) != Family::of(last) {
            return Err(InvalidRange::Mixed);
        }
        if last <= first { Err(InvalidRange::Backwards) } else { Ok(Self { first, last }) }
    }

    fn network(first: IpAddr, length: &str) -> Result<Self, InvalidRange> {
        let family = Family::of(first);
        let length = u8::from_str(length).ok().filter(|length| *length <= family.bits());
        let host_bits = u32::from(family.bits() - length.ok_or(InvalidRange::BadLength)?);
        let hosts = 1_u128.checked_shl(host_bits).map_or(u128::MAX, |size| size - 1);
        if bits(first) & hosts != 0 {
            return Err(InvalidRange::HostBits(address(family, bits(first) & !hosts)));
        }
        Ok(Self { first, last: address(family, bits(first) | hosts) })
    }
}

impl FromStr for AddressRange {
    type Err = InvalidRange;

    fn from_str(text: &str) -> Result<Self, InvalidRange> {
        let address = |text| IpAddr::from_str(text).map_err(|_| InvalidRange::NotAnAddress);
        if let Some((first, length)) = text.split_once('/') {
            return Self::network(address(first)?, length);
        }
        let Some((first, end)) = text.split_once('-') else { return address(text).map(Self::one) };
        let first = address(first)?;
        if let Ok(last) = IpAddr::from_str(end) {
            return Self::to(first, last);
        }
        let last = match first {
            IpAddr::V4(first) => {
                let [a, b, c, _] = first.octets();
                u8::from_str(end).ok().map(|end| IpAddr::from([a, b, c, end]))
            }
            IpAddr::V6(first) => {
                let [a, b, c, d, e, f, g, _] = first.segments();
                let digits = end.bytes().all(|byte| byte.is_ascii_hexdigit());
                let end = digits.then(|| u16::from_str_radix(end, 16).ok()).flatten();
                end.map(|end| IpAddr::from([a, b, c, d, e, f, g, end]))
            }
        };
        Self::to(first, last.ok_or(InvalidRange::BadEnd)?)
    }
}

fn bits(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => u128::from(address.to_bits()),
        IpAddr::V6(address) => address.to_bits(),
    }
}

fn address(family: Family, bits: u128) -> IpAddr {
    match family {
        // What goes in came from addresses of the same family.
        Family::V4 => Ipv4Addr::from_bits(u32::try_from(bits).unwrap_or(u32::MAX)).into(),
        Family::V6 => Ipv6Addr::from_bits(bits).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ends(text: &str) -> Result<(String, String, u128), InvalidRange> {
        let range = AddressRange::from_str(text)?;
        Ok((range.first.to_string(), range.last.to_string(), range.len()))
    }

    fn of(first: &str, last: &str, len: u128) -> Result<(String, String, u128), InvalidRange> {
        Ok((first.to_owned(), last.to_owned(), len))
    }

    #[test]
    fn every_way_to_write_a_range() {
        assert_eq!(ends("192.0.2.1"), of("192.0.2.1", "192.0.2.1", 1));
        assert_eq!(ends("192.0.2.1-9"), of("192.0.2.1", "192.0.2.9", 9));
        assert_eq!(ends("192.0.2.250-192.0.3.5"), of("192.0.2.250", "192.0.3.5", 12));
        assert_eq!(ends("192.0.2.16/28"), of("192.0.2.16", "192.0.2.31", 16));
        assert_eq!(ends("10.0.0.0/8"), of("10.0.0.0", "10.255.255.255", 1 << 24));
        assert_eq!(ends("0.0.0.0/0"), of("0.0.0.0", "255.255.255.255", 1 << 32));
        assert_eq!(ends("2001:db8::5-1f"), of("2001:db8::5", "2001:db8::1f", 27));
        assert_eq!(ends("2001:db8::/126"), of("2001:db8::", "2001:db8::3", 4));
        assert_eq!(ends("::/0"), of("::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", u128::MAX));
        let addresses = AddressRange::from_str("192.0.2.254-192.0.3.1").unwrap().iter();
        let addresses: Vec<_> = addresses.map(|address| address.to_string()).collect();
        assert_eq!(addresses, ["192.0.2.254", "192.0.2.255", "192.0.3.0", "192.0.3.1"]);
    }

    #[test]
    fn what_is_no_range_says_why() {
        assert_eq!(ends("junk"), Err(InvalidRange::NotAnAddress));
        assert_eq!(ends("192.0.2.1:80"), Err(InvalidRange::NotAnAddress));
        assert_eq!(ends("192.0.2.7-3"), Err(InvalidRange::Backwards));
        assert_eq!(ends("192.0.2.7-7"), Err(InvalidRange::Backwards));
        assert_eq!(ends("192.0.2.7-300"), Err(InvalidRange::BadEnd));
        assert_eq!(ends("2001:db8::1-10000"), Err(InvalidRange::BadEnd));
        assert_eq!(ends("2001:db8::1-+9"), Err(InvalidRange::BadEnd));
        assert_eq!(ends("192.0.2.7-2001:db8::1"), Err(InvalidRange::Mixed));
        assert_eq!(ends("192.0.2.0/33"), Err(InvalidRange::BadLength));
        assert_eq!(ends("192.0.2.7/24"), Err(InvalidRange::HostBits("192.0.2.0".parse().unwrap())));
    }
}
