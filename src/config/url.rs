//! What a built-in check calls, out of text.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::str::FromStr;

use super::draft::Url;
use super::source::Span;

/// What is expected where an address with a port is.
pub(super) const ENDPOINT: &str = "an address with a port, such as 127.0.0.1:8080 or [::1]:8080";
/// What is expected where a URL is.
pub(super) const URL: &str = "a URL such as http://127.0.0.1:8080/health, its host an address or `localhost`";

/// An address, or `localhost`: names are not looked up, since a check must not wait for a name server.
fn host(text: &str) -> Option<IpAddr> {
    if text == "localhost" {
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

/// `http://HOST[:PORT][/PATH]`; with `https`, `verify` says whether the certificate must be valid.
pub(super) fn url(text: &str, verify: bool, at: Span) -> Option<Url> {
    let (tls, rest) = match text.split_once("://")? {
        ("http", rest) => (None, rest),
        ("https", rest) => (Some(verify), rest),
        (_, _) => return None,
    };
    let (authority, path) = match rest.find(['/', '?']) {
        Some(end) => rest.split_at_checked(end)?,
        None => (rest, ""),
    };
    let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
    // A request is lines of text: what would end one cannot be part of it.
    if path.bytes().any(|byte| byte.is_ascii_control() || byte == b' ' || byte == b'#' || !byte.is_ascii()) {
        return None;
    }
    let usual = if tls.is_some() { 443 } else { 80 };
    let address = match host(authority) {
        Some(address) => SocketAddr::new(address, usual),
        None => endpoint(authority)?,
    };
    Some(Url { address, host: authority.to_owned(), path, tls, at })
}

#[cfg(test)]
mod tests {
    use super::super::source::{Files, Span};
    use super::{endpoint, url};

    #[test]
    fn urls() {
        let file = Files::default().add(std::path::Path::new("x"), std::sync::Arc::new(String::new()));
        let at = Span::new(file, 0..0);
        for (text, expected) in [
            ("http://127.0.0.1:8080/health?a=b", Some(("127.0.0.1:8080", "127.0.0.1:8080", "/health?a=b", None))),
            ("https://localhost:6443/healthz", Some(("127.0.0.1:6443", "localhost:6443", "/healthz", Some(true)))),
            ("https://[::1]", Some(("[::1]:443", "[::1]", "/", Some(true)))),
            ("http://192.0.2.1?x", Some(("192.0.2.1:80", "192.0.2.1", "/?x", None))),
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
        ] {
            let found = url(text, true, at);
            let shown =
                found.as_ref().map(|url| (url.address.to_string(), url.host.as_str(), url.path.as_str(), url.tls));
            let shown = shown.as_ref().map(|(address, host, path, tls)| (address.as_str(), *host, *path, *tls));
            assert_eq!(shown, expected, "{text}");
        }
        assert_eq!(endpoint("[2001:db8::1]:80").map(|it| it.to_string()).as_deref(), Some("[2001:db8::1]:80"));
        assert_eq!(endpoint("192.0.2.1"), None);
    }
}
