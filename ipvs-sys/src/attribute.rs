//! Netlink attributes, written and read: the one place that knows about lengths, padding and byte order.
//!
//! Writing goes through [`Attribute`], a small tree, and [`write()`]. Reading goes through
//! [`attributes`], which walks bytes that may be anything: an attribute of an unknown kind is the caller's to skip, one of a
//! known kind with an impossible length is [`Malformed`], and nothing panics.

use crate::abi::{AF_INET, AF_INET6};
use crate::error::Malformed;
use crate::service::Family;
use netlink_packet_core::{NLA_ALIGNTO, NLA_F_NESTED, NLA_HEADER_SIZE, NlaBuffer, NlasIterator};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// One attribute to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Attribute {
    kind: u16,
    value: Value,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Value {
    U8(u8),
    U16([u8; 2]),
    U32([u8; 4]),
    U64([u8; 8]),
    Address([u8; 16]),
    Text(Box<str>),
    /// With its length.
    Nest(Vec<Attribute>, usize),
}

impl Attribute {
    pub(crate) fn u8(kind: u16, value: u8) -> Self {
        Self { kind, value: Value::U8(value) }
    }
    pub(crate) fn u16(kind: u16, value: u16) -> Self {
        Self { kind, value: Value::U16(value.to_ne_bytes()) }
    }
    pub(crate) fn be16(kind: u16, value: u16) -> Self {
        Self { kind, value: Value::U16(value.to_be_bytes()) }
    }
    pub(crate) fn u32(kind: u16, value: u32) -> Self {
        Self { kind, value: Value::U32(value.to_ne_bytes()) }
    }
    pub(crate) fn ipv4(kind: u16, value: Ipv4Addr) -> Self {
        Self { kind, value: Value::U32(value.octets()) }
    }
    /// `struct ip_vs_flags`.
    pub(crate) fn flags(kind: u16, flags: u32, mask: u32) -> Self {
        let ([a, b, c, d], [e, f, g, h]) = (flags.to_ne_bytes(), mask.to_ne_bytes());
        Self { kind, value: Value::U64([a, b, c, d, e, f, g, h]) }
    }
    #[cfg(test)]
    pub(crate) fn u64(kind: u16, value: u64) -> Self {
        Self { kind, value: Value::U64(value.to_ne_bytes()) }
    }
    /// `union nf_inet_addr`: always sixteen bytes.
    pub(crate) fn address(kind: u16, address: IpAddr) -> Self {
        let bytes = match address {
            IpAddr::V4(v4) => {
                let [a, b, c, d] = v4.octets();
                [a, b, c, d, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]
            }
            IpAddr::V6(v6) => v6.octets(),
        };
        Self { kind, value: Value::Address(bytes) }
    }
    pub(crate) fn text(kind: u16, text: &str) -> Self {
        Self { kind, value: Value::Text(text.into()) }
    }
    pub(crate) fn nest(kind: u16, inner: Vec<Self>) -> Self {
        let length = length(&inner);
        Self { kind, value: Value::Nest(inner, length) }
    }
}

impl Attribute {
    /// Bytes of the value, without header and padding.
    fn value_length(&self) -> usize {
        match &self.value {
            Value::U8(_) => 1,
            Value::U16(_) => 2,
            Value::U32(_) => 4,
            Value::U64(_) => 8,
            Value::Address(_) => 16,
            Value::Text(text) => text.len() + 1,
            Value::Nest(_, length) => *length,
        }
    }
}

/// Bytes that these attributes take, with headers and padding.
pub(crate) fn length(attributes: &[Attribute]) -> usize {
    attributes.iter().map(|one| NLA_HEADER_SIZE + one.value_length().next_multiple_of(NLA_ALIGNTO)).sum()
}

/// Writes attributes behind what is in `out`.
///
/// It is the hot spot of a large batch, and several times faster than going through `Emitable`, which asks each attribute for its length
/// and kind again at every level.
pub(crate) fn write(attributes: &[Attribute], out: &mut Vec<u8>) {
    for one in attributes {
        // Names are bounded and nests are small: no request comes near 64 KiB.
        let length = u16::try_from(NLA_HEADER_SIZE + one.value_length()).unwrap_or(u16::MAX);
        let nested = if matches!(one.value, Value::Nest(..)) { NLA_F_NESTED } else { 0 };
        out.extend_from_slice(&length.to_ne_bytes());
        out.extend_from_slice(&(one.kind | nested).to_ne_bytes());
        match &one.value {
            Value::U8(value) => out.extend_from_slice(&[*value, 0, 0, 0]),
            Value::U16([a, b]) => out.extend_from_slice(&[*a, *b, 0, 0]),
            Value::U32(bytes) => out.extend_from_slice(bytes),
            Value::U64(bytes) => out.extend_from_slice(bytes),
            Value::Address(bytes) => out.extend_from_slice(bytes),
            Value::Text(text) => {
                out.extend_from_slice(text.as_bytes());
                // The NUL, and the padding.
                let padded = (text.len() + 1).next_multiple_of(NLA_ALIGNTO);
                out.resize(out.len() + padded - text.len(), 0);
            }
            Value::Nest(inner, _) => write(inner, out),
        }
    }
}

/// One attribute that was read.
#[derive(Clone, Copy)]
pub(crate) struct Read<'a> {
    kind: u16,
    value: &'a [u8],
}

/// Walks the attributes in `bytes`. After the first that cannot be read it ends.
pub(crate) fn attributes(bytes: &[u8]) -> impl Iterator<Item = Result<Read<'_>, Malformed>> {
    NlasIterator::new(bytes).map(|item| match item {
        Ok(nla) => {
            let length = NlaBuffer::length(&nla);
            Ok(Read { kind: nla.kind(), value: nla.into_inner().get(4..usize::from(length)).unwrap_or_default() })
        }
        Err(error) => Err(Malformed::new(format!("attribute: {error}"))),
    })
}

impl<'a> Read<'a> {
    /// Its number, without the flags for nesting and byte order.
    pub(crate) fn kind(&self) -> u16 {
        self.kind
    }

    pub(crate) fn bytes(&self) -> &'a [u8] {
        self.value
    }

    fn fixed<const N: usize>(&self) -> Result<[u8; N], Malformed> {
        self.value.try_into().map_err(|_| {
            Malformed::new(format!("attribute {} has {} bytes instead of {N}", self.kind, self.value.len()))
        })
    }

    pub(crate) fn u8(&self) -> Result<u8, Malformed> {
        self.fixed().map(u8::from_ne_bytes)
    }
    pub(crate) fn u16(&self) -> Result<u16, Malformed> {
        self.fixed().map(u16::from_ne_bytes)
    }
    pub(crate) fn be16(&self) -> Result<u16, Malformed> {
        self.fixed().map(u16::from_be_bytes)
    }
    pub(crate) fn u32(&self) -> Result<u32, Malformed> {
        self.fixed().map(u32::from_ne_bytes)
    }

    /// A counter, of either width.
    pub(crate) fn counter(&self) -> Result<u64, Malformed> {
        if self.value.len() == 4 { self.u32().map(u64::from) } else { self.fixed().map(u64::from_ne_bytes) }
    }

    pub(crate) fn ipv4(&self) -> Result<Ipv4Addr, Malformed> {
        self.fixed::<4>().map(Ipv4Addr::from)
    }

    pub(crate) fn ipv6(&self) -> Result<Ipv6Addr, Malformed> {
        self.fixed::<16>().map(Ipv6Addr::from)
    }

    /// The first word of `struct ip_vs_flags`.
    pub(crate) fn flags(&self) -> Result<u32, Malformed> {
        let [a, b, c, d, ..] = self.fixed::<8>()?;
        Ok(u32::from_ne_bytes([a, b, c, d]))
    }

    pub(crate) fn address_bytes(&self) -> Result<[u8; 16], Malformed> {
        self.fixed()
    }

    /// Text up to the first NUL, or to the end where there is none.
    pub(crate) fn text(&self) -> Result<&'a str, Malformed> {
        let end = self.value.iter().position(|b| *b == 0).unwrap_or(self.value.len());
        let text = self.value.get(..end).unwrap_or_default();
        std::str::from_utf8(text).map_err(|_| Malformed::new(format!("attribute {} is not text", self.kind)))
    }
}

/// The address in a `union nf_inet_addr`.
pub(crate) fn address(family: Family, bytes: [u8; 16]) -> IpAddr {
    match family {
        Family::V4 => {
            let [a, b, c, d, ..] = bytes;
            IpAddr::V4(Ipv4Addr::new(a, b, c, d))
        }
        Family::V6 => IpAddr::V6(Ipv6Addr::from(bytes)),
    }
}

pub(crate) fn family_number(family: Family) -> u16 {
    match family {
        Family::V4 => AF_INET,
        Family::V6 => AF_INET6,
    }
}

pub(crate) fn family_of_number(number: u16) -> Result<Family, Malformed> {
    match number {
        AF_INET => Ok(Family::V4),
        AF_INET6 => Ok(Family::V6),
        other => Err(Malformed::new(format!("address family {other} is neither IPv4 nor IPv6"))),
    }
}
