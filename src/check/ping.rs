//! One echo request, and its answer.
//!
//! An answer is known by its sequence number and by data that nobody else can know; by its identifier too, where we have
//! chosen it: on sockets that may only ping the kernel does.

use super::Outcome;
use crate::model::Family;
use crate::wire::icmp::{Direction, Echo};

/// A request that was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ping {
    family: Family,
    echo: Echo,
    /// The kernel chooses the identifier, and hands us only what has it.
    any_id: bool,
}

impl Ping {
    /// `nonce` should not be guessable. `any_id`: the kernel chooses the identifier.
    #[must_use]
    pub fn new(family: Family, nonce: [u8; 16], any_id: bool) -> Self {
        let [a, b, c, d, ..] = nonce;
        let echo = Echo { id: u16::from_be_bytes([a, b]), sequence: u16::from_be_bytes([c, d]), data: nonce.to_vec() };
        Self { family, echo, any_id }
    }

    /// What is sent.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        self.echo.bytes(self.family, Direction::Request)
    }

    /// What an ICMP message says of the server; `None`: nothing.
    #[must_use]
    pub fn judge(&self, message: &[u8]) -> Option<Outcome> {
        let Echo { id, sequence, data } = Echo::parse(self.family, Direction::Reply, message)?;
        let known = (self.any_id || id == self.echo.id) && sequence == self.echo.sequence && data == self.echo.data;
        known.then_some(Outcome::Ok)
    }
}

/// The ICMP message in a packet as a raw socket for IPv4 gives it: behind the IP header.
#[must_use]
pub fn behind_ip(packet: &[u8]) -> &[u8] {
    let words = packet.first().map_or(0, |first| usize::from(first & 0x0f));
    packet.get(words * 4..).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(change: impl FnOnce(&mut Echo)) -> Vec<u8> {
        let mut echo = Ping::new(Family::V4, [7; 16], false).echo;
        change(&mut echo);
        echo.bytes(Family::V4, Direction::Reply)
    }

    #[test]
    fn only_its_own_answer_counts() {
        let ping = Ping::new(Family::V4, [7; 16], false);
        assert_eq!(ping.judge(&reply(|_| {})), Some(Outcome::Ok));
        assert_eq!(ping.judge(&ping.bytes()), None, "a request is no answer");
        assert_eq!(ping.judge(&reply(|echo| echo.sequence += 1)), None);
        assert_eq!(ping.judge(&reply(|echo| echo.data[3] ^= 1)), None);
        assert_eq!(ping.judge(&reply(|echo| echo.id += 1)), None);
        let any = Ping::new(Family::V4, [7; 16], true);
        assert_eq!(any.judge(&reply(|echo| echo.id += 1)), Some(Outcome::Ok));
        assert_eq!(any.judge(&reply(|echo| echo.sequence += 1)), None);
        assert_eq!(Ping::new(Family::V6, [7; 16], true).judge(&reply(|_| {})), None, "of another family");
    }

    #[test]
    fn the_ip_header_is_passed_over() {
        let mut packet = vec![0x46; 24];
        packet.extend(reply(|_| {}));
        assert_eq!(behind_ip(&packet), reply(|_| {}));
        assert!(behind_ip(&[]).is_empty() && behind_ip(&[0x4f, 1]).is_empty());
    }
}
