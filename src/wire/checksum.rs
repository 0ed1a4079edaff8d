//! The Internet checksum (RFC 1071): the one's complement of the one's complement sum of 16-bit words.

use std::net::IpAddr;

/// A sum in progress. Every piece but the last must have an even number of bytes, which all headers here have.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sum(u64);

impl Sum {
    /// Adds bytes; an odd last one counts as the high half of a word (RFC 1071 section 4.1).
    #[must_use]
    pub fn bytes(self, bytes: &[u8]) -> Self {
        let total = bytes.chunks(2).fold(self.0, |sum, pair| {
            let high = pair.first().copied().unwrap_or(0);
            let low = pair.get(1).copied().unwrap_or(0);
            sum.wrapping_add(u64::from(u16::from_be_bytes([high, low])))
        });
        Self(total)
    }

    /// Adds the pseudo header that version 3 of VRRP sums before its own bytes (RFC 5798 section 5.2.8): that of RFC 8200
    /// section 8.1 for IPv6, and for IPv4 the like of RFC 768. The two have their fields in another order and width, which
    /// makes no difference to a sum.
    #[must_use]
    pub fn pseudo_header(self, source: IpAddr, destination: IpAddr, protocol: u8, length: u16) -> Self {
        self.address(source).address(destination).bytes(&[0, protocol]).bytes(&length.to_be_bytes())
    }

    fn address(self, address: IpAddr) -> Self {
        match address {
            IpAddr::V4(address) => self.bytes(&address.octets()),
            IpAddr::V6(address) => self.bytes(&address.octets()),
        }
    }

    /// The checksum: what belongs into the field when it was summed as zero, and 0 when a correct field was summed too.
    #[must_use]
    pub fn finish(self) -> u16 {
        let mut sum = self.0;
        while sum > 0xffff {
            sum = (sum & 0xffff) + (sum >> 16);
        }
        !u16::try_from(sum).unwrap_or(u16::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_example_of_rfc_1071() {
        let sum = Sum::default().bytes(&[0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7]);
        assert_eq!(!sum.finish(), 0xddf2);
    }

    #[test]
    fn an_odd_byte_is_a_high_half() {
        assert_eq!(Sum::default().bytes(&[1, 2, 3]).finish(), Sum::default().bytes(&[1, 2, 3, 0]).finish());
    }

    proptest! {
        #[test]
        fn a_filled_field_sums_to_zero(mut bytes in prop::collection::vec(any::<u8>(), 2..200)) {
            if bytes.len() % 2 == 1 {
                bytes.pop();
            }
            bytes[0] = 0;
            bytes[1] = 0;
            let field = Sum::default().bytes(&bytes).finish();
            bytes[..2].copy_from_slice(&field.to_be_bytes());
            prop_assert_eq!(Sum::default().bytes(&bytes).finish(), 0);
        }
    }
}
