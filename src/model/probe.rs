//! What checks ask that are more than a connection: of mail servers, of name servers, of anybody over UDP.

use std::fmt;
use std::str::FromStr;

use super::Connect;

/// A mail server greets, answers `HELO`, and lets us go (RFC 5321).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct SmtpProbe {
    /// Whom to call.
    pub connect: Connect,
    /// `helo_name`: what we call ourselves. `None`: the address that we call from, in brackets (RFC 5321, section 4.1.3).
    pub helo: Option<String>,
}

/// A name server answers a question over UDP without an error (RFC 1035).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct DnsProbe {
    /// Whom to ask.
    pub connect: Connect,
    /// `name`: what is asked about.
    pub name: DnsName,
    /// `type`: which records of it.
    pub kind: DnsType,
}

/// A domain name: labels of 1 to 63 bytes, 255 bytes in all as they are sent (RFC 1035, section 3.1). `Display` is without the
/// dot at its end, but for the root.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct DnsName(String);

/// Why a text is no domain name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotADnsName {
    /// Nothing stands between two dots, or before the first.
    EmptyLabel,
    /// A part is too long.
    LongLabel,
    /// All of it is too long.
    Long,
    /// It has characters that names do not have.
    Character,
}

impl fmt::Display for NotADnsName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::EmptyLabel => "a part of it is empty",
            Self::LongLabel => "a part of it is longer than 63 characters",
            Self::Long => "it is longer than 253 characters",
            Self::Character => "a name on the wire is plain ASCII without blanks: other alphabets have an `xn--` form",
        })
    }
}

impl std::error::Error for NotADnsName {}

impl DnsName {
    /// Its labels, the leftmost first; none: the root.
    pub fn labels(&self) -> impl Iterator<Item = &str> {
        self.0.split('.').filter(|label| !label.is_empty())
    }
}

impl FromStr for DnsName {
    type Err = NotADnsName;

    fn from_str(text: &str) -> Result<Self, NotADnsName> {
        if text == "." {
            return Ok(Self::default());
        }
        let name = text.strip_suffix('.').unwrap_or(text);
        for label in name.split('.') {
            match label.len() {
                0 => return Err(NotADnsName::EmptyLabel),
                1..=63 => {}
                _ => return Err(NotADnsName::LongLabel),
            }
        }
        if name.len() > 253 {
            return Err(NotADnsName::Long);
        }
        if !name.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(NotADnsName::Character);
        }
        Ok(Self(name.to_owned()))
    }
}

impl fmt::Display for DnsName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_empty() { "." } else { &self.0 })
    }
}

/// A type of record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum DnsType {
    /// An IPv4 address.
    A,
    /// A name server.
    Ns,
    /// Another name for the same.
    Cname,
    /// The beginning of a zone.
    #[default]
    Soa,
    /// A mail server.
    Mx,
    /// Text.
    Txt,
    /// An IPv6 address.
    Aaaa,
}

impl DnsType {
    /// All of them, with their names.
    pub const ALL: [(&'static str, Self); 7] = [
        ("A", Self::A),
        ("NS", Self::Ns),
        ("CNAME", Self::Cname),
        ("SOA", Self::Soa),
        ("MX", Self::Mx),
        ("TXT", Self::Txt),
        ("AAAA", Self::Aaaa),
    ];

    /// Its number (RFC 1035, section 3.2.2; RFC 3596 for AAAA).
    #[must_use]
    pub fn number(self) -> u16 {
        match self {
            Self::A => 1,
            Self::Ns => 2,
            Self::Cname => 5,
            Self::Soa => 6,
            Self::Mx => 15,
            Self::Txt => 16,
            Self::Aaaa => 28,
        }
    }
}

impl fmt::Display for DnsType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::A => "A",
            Self::Ns => "NS",
            Self::Cname => "CNAME",
            Self::Soa => "SOA",
            Self::Mx => "MX",
            Self::Txt => "TXT",
            Self::Aaaa => "AAAA",
        })
    }
}

/// A datagram is sent; what must come back, if anything.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct UdpProbe {
    /// Whom to call.
    pub connect: Connect,
    /// `payload`: what is sent; `None`: random bytes.
    pub payload: Option<Vec<u8>>,
    /// `require_reply`: an answer must come. `None`: it is enough that none comes that refuses.
    pub reply: Option<UdpReply>,
}

/// The answer that is expected.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct UdpReply {
    /// What it begins with, as far as it goes.
    pub pattern: Vec<BytePattern>,
    /// `min_reply_length`: the fewest bytes that it may have.
    pub shortest: u16,
    /// `max_reply_length`: the most.
    pub longest: u16,
}

/// A byte of which only some digits may count. `Display`: two hexadecimal digits, `X` for any.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct BytePattern {
    /// The byte; 0 where it does not count.
    pub value: u8,
    /// Which of its bits count.
    pub mask: u8,
}

impl BytePattern {
    /// A byte is as expected.
    #[must_use]
    pub fn matches(self, byte: u8) -> bool {
        byte & self.mask == self.value & self.mask
    }
}

impl fmt::Display for BytePattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (value, mask) in [(self.value >> 4, self.mask >> 4), (self.value & 0xf, self.mask & 0xf)] {
            match mask {
                0 => f.write_str("X")?,
                _ => write!(f, "{value:x}")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        let name = |text: &str| text.parse::<DnsName>();
        assert_eq!(name(".").unwrap().labels().count(), 0);
        assert_eq!(name(".").unwrap().to_string(), ".");
        for text in ["example.org", "example.org."] {
            let name = name(text).unwrap();
            assert_eq!(name.labels().collect::<Vec<_>>(), ["example", "org"]);
            assert_eq!(name.to_string(), "example.org");
        }
        for text in ["", "..", ".org", "a..b"] {
            assert_eq!(name(text), Err(NotADnsName::EmptyLabel), "{text:?}");
        }
        assert_eq!(name(&"a".repeat(64)), Err(NotADnsName::LongLabel));
        assert!(name(&"a".repeat(63)).is_ok());
        let long = |last: usize| {
            [&"a".repeat(63), &"b".repeat(63), &"c".repeat(63), &"d".repeat(last)].map(String::as_str).join(".")
        };
        assert!(name(&long(61)).is_ok());
        assert_eq!(name(&long(62)), Err(NotADnsName::Long));
        for text in ["a b", "b\u{fc}cher.example", "a\n"] {
            assert_eq!(name(text), Err(NotADnsName::Character), "{text:?}");
        }
    }

    #[test]
    fn every_type_has_its_name_and_number() {
        for (name, kind) in DnsType::ALL {
            assert_eq!(kind.to_string(), name);
        }
        assert_eq!(DnsType::ALL.map(|(_, kind)| kind.number()), [1, 2, 5, 6, 15, 16, 28]);
    }
}
