//! Ports that the kernel gives to connections that ask for none.
//!
//! A connection meets itself where it was given the very port that it calls on this host. For all other ports, and most
//! servers have one of those, there is nothing to ask. Who asks for a port of his own may have asked for any.

use crate::model::Connect;

/// Their range (`net.ipv4.ip_local_port_range`, which holds for IPv6 too).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ports {
    first: u16,
    last: u16,
}

/// It is not known.
const ANY: Ports = Ports { first: 0, last: u16::MAX };

impl Ports {
    /// Those of this network namespace, as they are now.
    pub(super) fn read() -> Self {
        let text = std::fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range");
        text.ok().and_then(|text| parse(&text)).unwrap_or(ANY)
    }

    /// The port that is called may be the one that the call has.
    pub(super) fn may_meet(self, connect: &Connect) -> bool {
        let called = connect.target.port();
        connect.source_port.map_or((self.first..=self.last).contains(&called), |own| own == called)
    }
}

fn parse(text: &str) -> Option<Ports> {
    let mut words = text.split_whitespace().map(str::parse);
    let (first, last) = (words.next()?.ok()?, words.next()?.ok()?);
    (first <= last).then_some(Ports { first, last })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_calls_a_port_that_may_be_his_own_may_meet_himself() {
        let called = |port: u16, source_port| Connect {
            target: ([127, 0, 0, 1], port).into(),
            source_address: None,
            source_port,
            interface: None,
            mark: None,
        };
        let ports = parse("32768\t60999\n").unwrap();
        for (port, may) in [(80, false), (32767, false), (32768, true), (60999, true), (61000, false)] {
            assert_eq!(ports.may_meet(&called(port, None)), may, "{port}");
            assert!(ports.may_meet(&called(port, Some(port))), "{port}");
            assert!(!ports.may_meet(&called(port, Some(79))), "{port}");
        }
        assert!(ANY.may_meet(&called(80, None)));
    }

    #[test]
    fn a_range_that_is_none_is_any() {
        for text in ["", "x y", "32768", "5 4", "1 70000"] {
            assert_eq!(parse(text), None, "{text:?}");
        }
    }
}
