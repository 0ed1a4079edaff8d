//! The addresses and marks of a `[[service]]` that stands for several.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::text::{Table, endpoint, quoted};
use crate::model::{Family, ServiceKey};

/// Addresses that follow one upon the other, with one port.
struct Run {
    first: IpAddr,
    last: IpAddr,
    port: u16,
}

impl Run {
    /// Takes an address as the next one, if it is that.
    fn takes(&mut self, address: IpAddr, port: u16) -> bool {
        let next = port == self.port && next(self.last) == Some(address);
        if next {
            self.last = address;
        }
        next
    }

    fn text(&self) -> String {
        let Self { first, last, port } = *self;
        if first == last {
            return if port == 0 { quoted(&first.to_string()) } else { endpoint(first, port) };
        }
        quoted(&match (first, port) {
            (_, 0) => format!("{first}-{last}"),
            (IpAddr::V4(_), port) => format!("{first}-{last}:{port}"),
            (IpAddr::V6(_), port) => format!("[{first}-{last}]:{port}"),
        })
    }
}

fn next(address: IpAddr) -> Option<IpAddr> {
    match address {
        IpAddr::V4(address) => address.to_bits().checked_add(1).map(|bits| Ipv4Addr::from_bits(bits).into()),
        IpAddr::V6(address) => address.to_bits().checked_add(1).map(|bits| Ipv6Addr::from_bits(bits).into()),
    }
}

/// The elements of `addresses`, in the order of the keys.
pub(super) fn addresses(keys: impl Iterator<Item = ServiceKey>) -> Vec<String> {
    let mut texts = Vec::new();
    let mut run: Option<Run> = None;
    for key in keys {
        match key {
            ServiceKey::Address { address, port, .. } => {
                if run.as_mut().is_some_and(|run| run.takes(address, port)) {
                    continue;
                }
                texts.extend(run.replace(Run { first: address, last: address, port }).map(|run| run.text()));
            }
            ServiceKey::Fwmark { family, mark } => {
                texts.extend(run.take().map(|run| run.text()));
                let mut table = Table::default();
                table.number("fwmark", mark);
                table.text(
                    "family",
                    match family {
                        Family::V4 => "ipv4",
                        Family::V6 => "ipv6",
                    },
                );
                texts.push(table.inline());
            }
        }
    }
    texts.extend(run.map(|run| run.text()));
    texts
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use super::*;
    use crate::model::Protocol;

    #[test]
    fn what_follows_one_upon_the_other_is_a_range() {
        let at = |address: &str, port| ServiceKey::Address {
            protocol: Protocol::Tcp,
            address: address.parse().unwrap(),
            port,
        };
        let mark = ServiceKey::Fwmark { family: Family::V4, mark: NonZeroU32::new(7).unwrap() };
        let keys = [
            at("192.0.2.9", 80),
            at("192.0.2.10", 80),
            at("192.0.2.11", 81),
            at("192.0.2.12", 0),
            mark,
            at("192.0.2.13", 0),
            at("2001:db8::9", 80),
            at("2001:db8::a", 80),
            at("255.255.255.255", 0),
        ];
        let expected = [
            "\"192.0.2.9-192.0.2.10:80\"",
            "\"192.0.2.11:81\"",
            "\"192.0.2.12\"",
            "{ fwmark = 7, family = \"ipv4\" }",
            "\"192.0.2.13\"",
            "\"[2001:db8::9-2001:db8::a]:80\"",
            "\"255.255.255.255\"",
        ];
        assert_eq!(addresses(keys.into_iter()), expected);
    }
}
