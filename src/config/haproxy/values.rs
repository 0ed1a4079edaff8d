//! Values: times with haproxy's units, addresses in its many spellings.

use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr;
use std::time::Duration;

/// A time; without a unit it counts milliseconds.
pub(super) fn time(text: &str) -> Option<Duration> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at_checked(digits)?;
    let number = u64::from_str(number).ok()?;
    let micros = match unit {
        "us" => 1,
        "" | "ms" => 1_000,
        "s" => 1_000_000,
        "m" => 60_000_000,
        "h" => 3_600_000_000,
        "d" => 86_400_000_000,
        _ => return None,
    };
    number.checked_mul(micros).map(Duration::from_micros)
}

/// An address as `bind` and `server` take it, before anybody asks what can be done with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Host {
    /// Nothing, `*` or `0.0.0.0`.
    AnyV4,
    /// `::`: of both families unless said otherwise.
    AnyV6,
    /// One address.
    Address(IpAddr),
    /// A name, or no address at all.
    Name(String),
    /// A path, a descriptor, or another thing that is no address of the network, with what it is.
    Local(&'static str),
}

/// Host and what stands behind the last colon.
pub(super) fn endpoint(text: &str) -> (Host, Option<&str>) {
    let (prefix, rest) = match text.split_once('@') {
        Some((prefix, rest)) => (prefix, rest),
        None => ("", text),
    };
    match prefix {
        "unix" => return (Host::Local("a UNIX socket"), None),
        "abns" | "abnsz" => return (Host::Local("an abstract socket"), None),
        "fd" => return (Host::Local("an inherited descriptor"), None),
        "sockpair" => return (Host::Local("a pair of sockets"), None),
        "quic4" | "quic6" => return (Host::Local("QUIC"), None),
        "udp" | "udp4" | "udp6" => return (Host::Local("UDP"), None),
        "rhttp" => return (Host::Local("reverse HTTP"), None),
        _ => {}
    }
    if rest.starts_with('/') {
        return (Host::Local("a UNIX socket"), None);
    }
    // Without brackets an IPv6 address ends at the last colon too.
    let (host, port) = match rest.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, Some(port)),
        Some(_) | None => (rest, None),
    };
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    let found = match (bare, IpAddr::from_str(bare)) {
        ("" | "*", _) if prefix == "ipv6" => Host::AnyV6,
        ("" | "*", _) => Host::AnyV4,
        (_, Ok(IpAddr::V4(address))) if address.is_unspecified() => Host::AnyV4,
        (_, Ok(IpAddr::V6(Ipv6Addr::UNSPECIFIED))) => Host::AnyV6,
        (_, Ok(address)) => Host::Address(address),
        (name, Err(_)) => Host::Name(name.to_owned()),
    };
    (found, port)
}

/// `80`, `80-90`; ports from 1 on, the first not above the last.
pub(super) fn ports(text: &str) -> Option<(u16, u16)> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let both = (u16::from_str(first).ok()?, u16::from_str(last).ok()?);
    (both.0 > 0 && both.0 <= both.1).then_some(both)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times() {
        for (text, micros) in [("5000", 5_000_000), ("10s", 10_000_000), ("1500us", 1_500), ("2d", 172_800_000_000)] {
            assert_eq!(time(text), Some(Duration::from_micros(micros)), "{text}");
        }
        for text in ["", "s", "5x", "1m30s", "-1", "99999999999999999999", "9999999999999999999d"] {
            assert_eq!(time(text), None, "{text}");
        }
    }

    #[test]
    fn endpoints() {
        let address = |text: &str| Host::Address(text.parse().unwrap());
        for (text, host, port) in [
            ("*:6443", Host::AnyV4, Some("6443")),
            (":80", Host::AnyV4, Some("80")),
            ("0.0.0.0:80-90", Host::AnyV4, Some("80-90")),
            (":::6443", Host::AnyV6, Some("6443")),
            ("[::]:6443", Host::AnyV6, Some("6443")),
            ("ipv6@:80", Host::AnyV6, Some("80")),
            ("192.0.2.1", address("192.0.2.1"), None),
            ("[2001:db8::1]", address("2001:db8::1"), None),
            ("2001:db8::1:80", address("2001:db8::1"), Some("80")),
            ("ipv4@192.0.2.1:+10", address("192.0.2.1"), Some("+10")),
            ("db1.example.com:5432", Host::Name("db1.example.com".to_owned()), Some("5432")),
            ("/run/x.sock", Host::Local("a UNIX socket"), None),
        ] {
            assert_eq!(endpoint(text), (host, port), "{text}");
        }
        assert_eq!(
            (ports("80"), ports("80-82"), ports("0"), ports("9-8")),
            (Some((80, 80)), Some((80, 82)), None, None)
        );
    }
}
