//! ICMP echo for IPv4 and IPv6 (RFC 792, RFC 4443 section 4): "are you there?", and "I am".
//!
//! The two differ in the numbers of their types, and in the checksum: that of ICMPv6 covers the addresses too, and the kernel
//! fills it in and looks after it on every socket, as it does for IPv4 on sockets that may only ping. What is made here has
//! the checksum of IPv4 where it is for IPv4, which those sockets write over.

use super::checksum::Sum;
use crate::model::Family;

/// Bytes before the data: type, code, checksum, identifier, sequence number.
const HEADER: usize = 8;

/// An echo request or its answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Echo {
    /// Tells processes apart. Sockets that may only ping have the kernel choose it.
    pub id: u16,
    /// Tells one process's requests apart.
    pub sequence: u16,
    /// Comes back as it was sent.
    pub data: Vec<u8>,
}

/// What an echo request or answer is, apart from what is in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// Asks.
    Request,
    /// Answers.
    Reply,
}

fn number(family: Family, direction: Direction) -> u8 {
    match (family, direction) {
        (Family::V4, Direction::Request) => 8,
        (Family::V4, Direction::Reply) => 0,
        (Family::V6, Direction::Request) => 128,
        (Family::V6, Direction::Reply) => 129,
    }
}

impl Echo {
    /// As it is sent.
    #[must_use]
    pub fn bytes(&self, family: Family, direction: Direction) -> Vec<u8> {
        let mut bytes = vec![number(family, direction), 0, 0, 0];
        bytes.extend(self.id.to_be_bytes());
        bytes.extend(self.sequence.to_be_bytes());
        bytes.extend(&self.data);
        let checksum = match family {
            Family::V4 => Sum::default().bytes(&bytes).finish(),
            Family::V6 => 0,
        };
        if let Some(place) = bytes.get_mut(2..4) {
            place.copy_from_slice(&checksum.to_be_bytes());
        }
        bytes
    }

    /// Out of an ICMP message; `None`: it is another one, or broken.
    #[must_use]
    pub fn parse(family: Family, direction: Direction, message: &[u8]) -> Option<Self> {
        let (header, data) = message.split_at_checked(HEADER)?;
        let &[kind, code, _, _, id_high, id_low, sequence_high, sequence_low] = header else { return None };
        let sound = match family {
            Family::V4 => Sum::default().bytes(message).finish() == 0,
            Family::V6 => true,
        };
        (kind == number(family, direction) && code == 0 && sound).then(|| Self {
            id: u16::from_be_bytes([id_high, id_low]),
            sequence: u16::from_be_bytes([sequence_high, sequence_low]),
            data: data.to_vec(),
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn golden_bytes() {
        let echo = Echo { id: 0x1234, sequence: 1, data: b"abc".to_vec() };
        // As `ping` of iputils sends it; the sum: 0800 + 1234 + 0001 + 6162 + 6300 = de97, and its complement.
        let v4 = echo.bytes(Family::V4, Direction::Request);
        assert_eq!(v4, [8, 0, 0x21, 0x68, 0x12, 0x34, 0, 1, b'a', b'b', b'c']);
        assert_eq!(Echo::parse(Family::V4, Direction::Request, &v4), Some(echo.clone()));
        assert_eq!(Echo::parse(Family::V4, Direction::Reply, &v4), None);
        let v6 = echo.bytes(Family::V6, Direction::Reply);
        assert_eq!(v6[..4], [129, 0, 0, 0]);
        assert_eq!(Echo::parse(Family::V6, Direction::Reply, &v6), Some(echo));
    }

    #[test]
    fn broken_ones_are_none() {
        let echo = Echo { id: 7, sequence: 9, data: vec![1, 2] };
        let whole = echo.bytes(Family::V4, Direction::Reply);
        for length in 0..whole.len() {
            assert_eq!(Echo::parse(Family::V4, Direction::Reply, &whole[..length]), None, "{length} bytes");
        }
        for at in 0..whole.len() {
            let mut bytes = whole.clone();
            bytes[at] ^= 0x40;
            assert_eq!(Echo::parse(Family::V4, Direction::Reply, &bytes), None, "byte {at}");
        }
    }

    proptest! {
        #[test]
        fn there_and_back(id in any::<u16>(), sequence in any::<u16>(), data in proptest::collection::vec(any::<u8>(), 0..100)) {
            let echo = Echo { id, sequence, data };
            for family in [Family::V4, Family::V6] {
                for direction in [Direction::Request, Direction::Reply] {
                    let bytes = echo.bytes(family, direction);
                    let back = Echo::parse(family, direction, &bytes);
                    prop_assert_eq!(back.as_ref(), Some(&echo));
                }
            }
        }

        #[test]
        fn anything_may_come(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            let _ = Echo::parse(Family::V4, Direction::Reply, &bytes);
            let _ = Echo::parse(Family::V6, Direction::Reply, &bytes);
        }
    }
}
