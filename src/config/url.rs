//! What a built-in check calls, out of text.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::str::FromStr;

use super::draft::{TlsDraft, Url};

/// What is expected where an address with a port is.
pub(super) const ENDPOINT: &str = "an address with a port, such as 127.0.0.1:8080 or [::1]:8080";
/// What is expected where a URL is.
pub(super) const URL: &str = "a URL such as http://127.0.0.1:8080/health, its host an address or `localhost`";

/// The one name whose address is known without asking.
const LOCALHOST: &str = "localhost";

/// An address, or `localhost`: names are not looked up, since a check must not wait for a name server.
fn host(text: &str) -> Option<IpAddr> {
    if text == LOCALHOST {
        return Some(IpAddr::V4(Ipv4Addr::LOCALHOST));
    }
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']'));
    match bare {
        Some(bare) => bare.parse().ok().map(IpAddr::V6),
        None => Ipv4Addr::from_str(text).ok().map(IpAddr::V4),
    }
}

/// `HOST:PORT`.
pub(super) fn endpoint(text: &str) -> Option<SocketAddr> {
    let (name, port) = text.rsplit_once(':')?;
    let port = port.parse().ok().filter(|port| *port != 0)?;
    Some(SocketAddr::new(host(name)?, port))
}

/// `http://HOST[:PORT][/PATH]`, or `https://...` where `tls` says how its certificate is looked at.
pub(super) fn url(text: &str, tls: Option<TlsDraft>) -> Option<Url> {
    let (scheme, usual) = if tls.is_some() { ("https://", 443) } else { ("http://", 80) };
    let rest = text.strip_prefix(scheme)?;
    let (authority, path) = match rest.find(['/', '?']) {
        Some(end) => rest.split_at_checked(end)?,
        None => (rest, ""),
    };
    let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
    // A request is lines of text: what would end one cannot be part of it.
    if path.bytes().any(|byte| byte.is_ascii_control() || byte == b' ' || byte == b'#' || !byte.is_ascii()) {
        return None;
    }
    let (address, bare) = match host(authority) {
        Some(address) => (SocketAddr::new(address, usual), authority),
        None => (endpoint(authority)?, authority.rsplit_once(':')?.0),
    };
    let name = (bare == LOCALHOST).then(|| bare.to_owned());
    Some(Url { address, host: authority.to_owned(), name, path, tls })
}

#[cfg(test)]
mod tests {
    use super::super::draft::TlsDraft;
    use super::{endpoint, url};

    #[test]
    fn urls() {
        let tls = TlsDraft { verify: true, authorities: None };
        for (text, expected) in [
            ("http://127.0.0.1:8080/health?a=b", Some(("127.0.0.1:8080", "127.0.0.1:8080", None, "/health?a=b"))),
            ("http://localhost/", Some(("127.0.0.1:80", "localhost", Some("localhost"), "/"))),
            ("http://192.0.2.1?x", Some(("192.0.2.1:80", "192.0.2.1", None, "/?x"))),
            ("ftp://192.0.2.1/", None),
            ("http://example.org/", None),
            ("http://user@192.0.2.1/", None),
            ("http://192.0.2.1:0/", None),
            ("http://192.0.2.1:99999/", None),
            ("http://::1/", None),
            ("http://192.0.2.1/a b", None),
            ("http://192.0.2.1/\r\nX: y", None),
            ("http://", None),
            ("", None),
            (
                "https://localhost:6443/healthz",
                Some(("127.0.0.1:6443", "localhost:6443", Some("localhost"), "/healthz")),
            ),
            ("https://[::1]", Some(("[::1]:443", "[::1]", None, "/"))),
        ] {
            let tls = text.starts_with("https").then(|| tls.clone());
            let found = url(text, tls.clone());
            assert_eq!(found.as_ref().and_then(|url| url.tls.clone()), tls, "{text}");
            let shown = found.map(|url| (url.address.to_string(), url.host, url.name, url.path));
            let expected = expected.map(|(address, host, name, path)| {
                (address.to_owned(), host.to_owned(), name.map(str::to_owned), path.to_owned())
            });
            assert_eq!(shown, expected, "{text}");
        }
        assert_eq!(url("http://127.0.0.1/", Some(tls)), None);
        assert_eq!(url("https://127.0.0.1/", None), None);
        assert_eq!(endpoint("[2001:db8::1]:80").map(|it| it.to_string()).as_deref(), Some("[2001:db8::1]:80"));
        assert_eq!(endpoint("192.0.2.1"), None);
    }
}
