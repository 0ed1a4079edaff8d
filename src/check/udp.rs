//! A datagram, and what comes back.
//!
//! UDP has no word for "I am here". Where no answer is asked for, all that can be seen is a refusal: an ICMP error says that
//! nobody listens, or that the host is not there. The silence of a server that works and that of one whose packets are lost
//! look the same; who wants to know asks for an answer.

use super::Outcome;
use crate::model::UdpProbe;

/// What an answer says of the server.
#[must_use]
pub fn judge(probe: &UdpProbe, datagram: &[u8]) -> Outcome {
    let Some(reply) = &probe.reply else { return Outcome::Ok };
    let length = u16::try_from(datagram.len()).unwrap_or(u16::MAX);
    if !(reply.shortest..=reply.longest).contains(&length) {
        return Outcome::ReplyLength(length);
    }
    let differs = |(byte, pattern): (&u8, &crate::model::BytePattern)| !pattern.matches(*byte);
    match datagram.iter().zip(&reply.pattern).position(differs) {
        Some(at) => Outcome::ReplyDiffers(u16::try_from(at).unwrap_or(u16::MAX)),
        None => Outcome::Ok,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::{BytePattern, Connect, UdpReply};

    /// Bytes with their masks, and the least and the greatest length.
    type Reply<'p> = (&'p [(u8, u8)], u16, u16);

    fn probe(reply: Option<Reply<'_>>) -> UdpProbe {
        let reply = reply.map(|(pattern, shortest, longest)| UdpReply {
            pattern: pattern.iter().map(|(value, mask)| BytePattern { value: *value, mask: *mask }).collect(),
            shortest,
            longest,
        });
        UdpProbe { connect: Connect::to("10.0.0.1:53".parse().unwrap()), payload: None, reply }
    }

    #[test]
    fn answers() {
        assert_eq!(judge(&probe(None), b""), Outcome::Ok);
        assert_eq!(judge(&probe(None), b"anything"), Outcome::Ok);
        let any = probe(Some((&[], 0, 255)));
        assert_eq!(judge(&any, b""), Outcome::Ok);
        assert_eq!(judge(&any, &[7; 255]), Outcome::Ok);
        assert_eq!(judge(&any, &[7; 256]), Outcome::ReplyLength(256));
        let two = probe(Some((&[(0x12, 0xff), (0x30, 0xf0)], 2, 4)));
        assert_eq!(judge(&two, &[0x12, 0x34, 9]), Outcome::Ok, "any last digit, and more behind it");
        assert_eq!(judge(&two, &[0x12, 0x44]), Outcome::ReplyDiffers(1));
        assert_eq!(judge(&two, &[0x13, 0x34]), Outcome::ReplyDiffers(0));
        assert_eq!(judge(&two, &[0x12]), Outcome::ReplyLength(1));
        assert_eq!(judge(&two, &[0x12, 0x34, 0, 0, 0]), Outcome::ReplyLength(5));
        let short = probe(Some((&[(0x12, 0xff), (0x34, 0xff)], 0, 255)));
        assert_eq!(judge(&short, &[0x12]), Outcome::Ok, "as far as it goes, if nobody asks for more");
        assert_eq!(judge(&any, &[0; 65_535]), Outcome::ReplyLength(65_535));
    }

    proptest! {
        #[test]
        fn a_pattern_without_gaps_takes_what_begins_so(
            answer in proptest::collection::vec(any::<u8>(), 1..64),
            wanted in proptest::collection::vec(any::<u8>(), 1..64),
        ) {
            let length = u16::try_from(wanted.len()).unwrap();
            let pattern: Vec<_> = wanted.iter().map(|byte| (*byte, 0xff)).collect();
            let probe = probe(Some((&pattern, length, u16::MAX)));
            prop_assert_eq!(judge(&probe, &answer) == Outcome::Ok, answer.starts_with(&wanted));
            prop_assert_eq!(judge(&probe, &wanted), Outcome::Ok);
        }
    }
}
