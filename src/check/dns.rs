//! One question to a name server over UDP, and what its answer says of it (RFC 1035, section 4).
//!
//! A server works if it answers the question that was asked without an error, even if it has no record of that kind. What does
//! not answer our question (another number, another question, a question in place of an answer) may come from anybody and is
//! no news; it is skipped, and the true answer may still come.

use super::Outcome;
use crate::model::{DnsName, DnsType};

/// Bytes of the header: number, flags, and four counts.
const HEADER: usize = 12;
/// The first byte of the flags: this is an answer.
const ANSWER: u8 = 0x80;
/// Four bits there, what is asked for: 0, a plain question.
const OPERATION: u8 = 0x78;
/// The answer was cut to fit into a datagram.
const CUT: u8 = 0x02;
/// Recursion is desired.
const RECURSION: u8 = 0x01;
/// The class of the Internet.
const INTERNET: u16 = 1;

/// A question that was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query(Vec<u8>);

impl Query {
    /// Asks for records of a type under a name. `id` should not be guessable: it is what an answer is known by.
    #[must_use]
    pub fn new(id: u16, name: &DnsName, kind: DnsType) -> Self {
        let mut bytes = id.to_be_bytes().to_vec();
        bytes.extend([RECURSION, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
        for label in name.labels() {
            // A name is only made of labels that are short enough.
            bytes.push(u8::try_from(label.len()).unwrap_or(0));
            bytes.extend(label.bytes());
        }
        bytes.push(0);
        bytes.extend(kind.number().to_be_bytes());
        bytes.extend(INTERNET.to_be_bytes());
        Self(bytes)
    }

    /// What is sent.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// What a datagram says of the server; `None`: it is no answer to this question.
    #[must_use]
    pub fn judge(&self, datagram: &[u8]) -> Option<Outcome> {
        let (header, rest) = datagram.split_at_checked(HEADER)?;
        let (own_header, question) = self.0.split_at_checked(HEADER)?;
        let &[id_high, id_low, flags, more_flags, ref counts @ ..] = header else { return None };
        if own_header.get(..2) != Some(&[id_high, id_low]) || flags & ANSWER == 0 || flags & OPERATION != 0 {
            return None;
        }
        let mut counts = counts.chunks(2).map(|count| usize::from(number(count)));
        let questions = counts.next().unwrap_or(0);
        let records = counts.sum();
        let code = more_flags & 0x0f;
        // A server that could make nothing of the question may leave it out (RFC 1035, section 4.1.1: "format error").
        let echoed = rest.get(..question.len()).is_some_and(|echo| echo.eq_ignore_ascii_case(question));
        match (questions, code) {
            (0, 1..) => return Some(Outcome::DnsError(code)),
            (1, _) if echoed => {}
            _ => return None,
        }
        if code != 0 {
            return Some(Outcome::DnsError(code));
        }
        let whole = walk(datagram, HEADER + question.len(), records).is_some();
        Some(if whole || flags & CUT != 0 { Outcome::Ok } else { Outcome::BrokenDns })
    }
}

fn number(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0, |number, byte| number << 8 | u16::from(*byte))
}

/// Goes over so many records, as far as they are there.
fn walk(datagram: &[u8], mut at: usize, records: usize) -> Option<()> {
    for _ in 0..records {
        at = name_end(datagram, at)?;
        // Type, class, time to live, then the length of what follows.
        let length = datagram.get(at + 8..at + 10).map(number)?;
        at += 10 + usize::from(length);
        if at > datagram.len() {
            return None;
        }
    }
    Some(())
}

/// Where a name ends that begins here. A pointer (section 4.1.4) ends it, wherever it leads.
fn name_end(datagram: &[u8], mut at: usize) -> Option<usize> {
    loop {
        let length = *datagram.get(at)?;
        match length {
            0 => return Some(at + 1),
            1..=63 => at += 1 + usize::from(length),
            0xc0.. => return datagram.get(at + 1).map(|_| at + 2),
            64..=0xbf => return None,
        }
    }
}

#[cfg(test)]
mod tests;
