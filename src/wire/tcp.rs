//! The TCP header (RFC 9293, section 3.1) as far as a call needs it that is hung up before it is answered: a SYN and a reset
//! out, and what comes back of them.

use std::fmt;
use std::net::IpAddr;

use super::checksum::Sum;
use super::{Malformed, be16};

/// TCP's protocol number.
pub const PROTOCOL_TCP: u8 = 6;
/// Bytes of a header without options.
pub const HEADER_LEN: usize = 20;
/// The control bits.
pub const SYN: u8 = 0x02;
/// See [`SYN`].
pub const RST: u8 = 0x04;
/// See [`SYN`].
pub const ACK: u8 = 0x10;

/// A received segment whose fixed part is whole. Options and data are not looked into.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Segment<'a> {
    bytes: &'a [u8],
}

impl<'a> Segment<'a> {
    /// Looks at bytes that begin with a TCP header.
    ///
    /// # Errors
    /// Fewer than 20 bytes.
    pub fn new_checked(bytes: &'a [u8]) -> Result<Self, Malformed> {
        if bytes.len() < HEADER_LEN { Err(Malformed::Truncated) } else { Ok(Self { bytes }) }
    }

    /// Sender's port.
    #[must_use]
    pub fn source_port(&self) -> u16 {
        be16(self.bytes, 0)
    }

    /// Receiver's port.
    #[must_use]
    pub fn destination_port(&self) -> u16 {
        be16(self.bytes, 2)
    }

    /// The next byte that the sender expects; means something with [`ACK`] only.
    #[must_use]
    pub fn acknowledges(&self) -> u32 {
        u32::from(be16(self.bytes, 8)) << 16 | u32::from(be16(self.bytes, 10))
    }

    /// The control bits.
    #[must_use]
    pub fn flags(&self) -> u8 {
        self.bytes.get(13).copied().unwrap_or(0)
    }
}

impl fmt::Display for Segment<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (from, to) = (self.source_port(), self.destination_port());
        write!(f, "TCP {from} > {to}: flags {:#04x}, ack {}", self.flags(), self.acknowledges())
    }
}

/// A segment without data as we send it: a SYN tells the greatest segment that we would take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// Our port.
    pub source_port: u16,
    /// Theirs.
    pub destination_port: u16,
    /// Number of the SYN, or of the first byte.
    pub sequence: u32,
    /// The control bits.
    pub flags: u8,
}

impl Header {
    /// The segment, with its checksum for these addresses.
    #[must_use]
    pub fn emit(&self, source: IpAddr, destination: IpAddr) -> Vec<u8> {
        let mss: u16 = if destination.is_ipv4() { 1460 } else { 1440 };
        let options: &[u8] = &[2, 4, mss.to_be_bytes()[0], mss.to_be_bytes()[1]];
        let options = if self.flags & SYN == 0 { &[] } else { options };
        let mut segment = Vec::with_capacity(HEADER_LEN + options.len());
        segment.extend(self.source_port.to_be_bytes());
        segment.extend(self.destination_port.to_be_bytes());
        segment.extend(self.sequence.to_be_bytes());
        segment.extend([0; 4]);
        segment.extend([if options.is_empty() { 0x50 } else { 0x60 }, self.flags]);
        segment.extend(64_240_u16.to_be_bytes());
        segment.extend([0; 4]);
        segment.extend(options);
        let length = u16::try_from(segment.len()).unwrap_or(u16::MAX);
        let sum = Sum::default().pseudo_header(source, destination, PROTOCOL_TCP, length).bytes(&segment).finish();
        for (slot, byte) in segment.iter_mut().skip(16).zip(sum.to_be_bytes()) {
            *slot = byte;
        }
        segment
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_sent_is_understood(
            addresses in any::<([u8; 4], [u8; 4])>(), longer in any::<([u8; 16], [u8; 16])>(), v6 in any::<bool>(),
            ports in any::<(u16, u16)>(), sequence in any::<u32>(), syn in any::<bool>(),
        ) {
            let flags = if syn { SYN } else { RST };
            let header = Header { source_port: ports.0, destination_port: ports.1, sequence, flags };
            let (source, destination): (IpAddr, IpAddr) = match v6 {
                true => (longer.0.into(), longer.1.into()),
                false => (addresses.0.into(), addresses.1.into()),
            };
            let bytes = header.emit(source, destination);
            let (other, rest) = etherparse::TcpHeader::from_slice(&bytes).unwrap();
            prop_assert!(rest.is_empty());
            prop_assert_eq!((other.source_port, other.destination_port), ports);
            prop_assert_eq!((other.sequence_number, other.syn, other.rst, other.ack), (sequence, syn, !syn, false));
            let right = match v6 {
                true => other.calc_checksum_ipv6_raw(longer.0, longer.1, &[]).unwrap(),
                false => other.calc_checksum_ipv4_raw(addresses.0, addresses.1, &[]).unwrap(),
            };
            prop_assert_eq!(other.checksum, right);
            let view = Segment::new_checked(&bytes).unwrap();
            prop_assert_eq!((view.source_port(), view.destination_port(), view.flags()), (ports.0, ports.1, flags));
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
            if let Ok(view) = Segment::new_checked(&bytes) {
                let _ = (view.acknowledges(), view.to_string());
            }
        }
    }
}
