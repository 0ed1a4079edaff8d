use proptest::prelude::*;

use super::*;
use crate::model::Tls;

fn probe() -> HttpProbe {
    HttpProbe::new(Connect {
        target: "10.0.0.1:8080".parse().unwrap(),
        source_address: None,
        source_port: None,
        interface: None,
        mark: None,
    })
}

fn text(probe: &HttpProbe) -> String {
    String::from_utf8(request(probe)).unwrap()
}

/// What an answer means when it comes in one piece.
fn read(bytes: impl AsRef<[u8]>) -> Option<Outcome> {
    Head::new().read(&probe(), bytes.as_ref())
}

#[test]
fn a_request_names_its_host() {
    let plain = probe();
    assert_eq!(
        text(&plain),
        "GET / HTTP/1.1\r\nHost: 10.0.0.1:8080\r\nUser-Agent: ipvsd\r\nAccept: */*\r\nConnection: close\r\n\r\n"
    );
    let host = |target: &str, tls: bool| {
        let mut probe = probe();
        probe.connect.target = target.parse().unwrap();
        probe.tls = tls.then(Tls::default);
        text(&probe).lines().nth(1).unwrap().to_owned()
    };
    assert_eq!(host("10.0.0.1:80", false), "Host: 10.0.0.1");
    assert_eq!(host("10.0.0.1:80", true), "Host: 10.0.0.1:80");
    assert_eq!(host("[2001:db8::1]:443", true), "Host: [2001:db8::1]");
    assert_eq!(host("[2001:db8::1]:443", false), "Host: [2001:db8::1]:443");
}

#[test]
fn whatever_is_configured_it_is_one_request() {
    let hostile = HttpProbe {
        host: Some("a\r\nX: y".to_owned()),
        path: "health?a=b c\r\n\u{e9}#d".to_owned(),
        version: HttpVersion::V1_0,
        ..probe()
    };
    let text = text(&hostile);
    assert!(text.starts_with("GET /health?a=b%20c%0D%0A%C3%A9%23d HTTP/1.0\r\nHost: aX: y\r\nUser"), "{text}");
    assert_eq!(text.matches("\r\n\r\n").count(), 1);
    assert_eq!(text.lines().count(), 6);
}

#[test]
fn an_answer_counts_when_its_head_has_ended() {
    for good in [
        "HTTP/1.1 200 OK\r\n\r\n",
        "HTTP/1.0 204 \r\n\r\n",
        "HTTP/1.1 299\r\n\r\n",
        "HTTP/1.1 200 OK\nServer: x\n\n",
        "HTTP/1.1 200 OK\r\nA:b\r\n folded\r\n\tmore\r\nC: \u{e9}\r\nEmpty:\r\n\r\nbody that is \0 not looked at",
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\n\r\n",
    ] {
        assert_eq!(read(good), Some(Outcome::Ok), "{good:?}");
    }
    assert_eq!(read("HTTP/1.1 200 OK\r\nServer: x\r\n"), None);
    assert_eq!(read("HTTP/1.1 100 Continue\r\n\r\n"), None);
    assert_eq!(read(""), None);
}

#[test]
fn a_status_that_is_not_expected_is_known_at_the_end_of_its_line() {
    assert_eq!(read("HTTP/1.1 503 Service Unavailable\r\n"), Some(Outcome::Status(503)));
    assert_eq!(read("HTTP/1.1 503 Service Unavailable\r"), None);
    assert_eq!(read("HTTP/1.1 101 Switching Protocols\r\n"), Some(Outcome::Status(101)));
    assert_eq!(read("HTTP/1.1 999\n"), Some(Outcome::Status(999)));
    let picky = HttpProbe { statuses: vec![(401, 401), (500, 502)], ..probe() };
    let status = |status: u16| Head::new().read(&picky, format!("HTTP/1.1 {status} x\r\n\r\n").as_bytes()).unwrap();
    for (code, expected) in [(401, true), (500, true), (502, true), (200, false), (503, false), (402, false)] {
        assert_eq!(status(code), if expected { Outcome::Ok } else { Outcome::Status(code) });
    }
}

#[test]
fn what_is_not_http_is_known_at_the_first_wrong_byte() {
    for bad in [
        "S",
        "http",
        "HTTP/2",
        "HTTP/1.x",
        "HTTP/1.10",
        "HTTP/1.1  ",
        "HTTP/1.1 2x",
        "HTTP/1.1 0",
        "HTTP/1.1 2000",
        "HTTP/1.1 200 O\0",
        "HTTP/1.1 200 OK\r\r",
        "HTTP/1.1 200 OK\r\n folded before any field",
        "HTTP/1.1 200 OK\r\n: no name",
        "HTTP/1.1 200 OK\r\nname ",
        "HTTP/1.1 200 OK\r\nname\r",
        "HTTP/1.1 200 OK\r\nna\u{e9}me",
        "HTTP/1.1 200 OK\r\nname: a\x01",
        "HTTP/1.1 200 OK\r\nname: a\rb",
        "HTTP/1.1 100 Continue\r\n\r\n\r",
        "\x15\x03\x01\0\x02\x02\x46",
    ] {
        assert_eq!(read(bad), Some(Outcome::NotHttp), "{bad:?}");
        let before = &bad.as_bytes()[..bad.len() - 1];
        if bad.is_ascii()
            && !bad.contains("folded")
            && !bad.contains("no name")
            && bad.len() > 4
            && bad.starts_with('H')
        {
            assert_eq!(read(before), None, "{bad:?} is wrong at its last byte");
        }
    }
}

#[test]
fn endless_headers_end() {
    let mut head = Head::new();
    assert_eq!(head.read(&probe(), b"HTTP/1.1 200 OK\r\n"), None);
    let mut lines = 0;
    let outcome = loop {
        lines += 1;
        if let Some(outcome) = head.read(&probe(), b"X-Endless: and on it goes\r\n") {
            break outcome;
        }
    };
    assert_eq!(outcome, Outcome::HeadTooLong);
    assert_eq!(lines, (LONGEST_HEAD - 17) / 27 + 1);
    // Interim answers do not start the count anew.
    assert_eq!(read("HTTP/1.1 100 Continue\r\n\r\n".repeat(1000)), Some(Outcome::HeadTooLong));
    assert_eq!(read(format!("HTTP/1.1 200 {}", "x".repeat(LONGEST_HEAD))), Some(Outcome::HeadTooLong));
}

proptest! {
    #[test]
    fn it_means_the_same_however_it_is_cut(
        fields in proptest::collection::vec("[A-Za-z-]{1,12}: ?[ -~]{0,30}", 0..8),
        status in 100_u16..1000,
        cuts in proptest::collection::vec(1_usize..9, 1..64),
        spoil in proptest::option::of((any::<prop::sample::Index>(), any::<u8>())),
    ) {
        let mut bytes = format!("HTTP/1.1 {status} Reason\r\n").into_bytes();
        for field in &fields {
            bytes.extend_from_slice(field.as_bytes());
            bytes.extend_from_slice(b"\r\n");
        }
        bytes.extend_from_slice(b"\r\nHTTP/1.1 200 OK\r\n\r\n");
        if let Some((place, byte)) = spoil {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        let whole = read(&bytes);
        let mut head = Head::new();
        let mut pieces = None;
        let mut rest = bytes.as_slice();
        for cut in cuts.iter().cycle() {
            let (piece, after) = rest.split_at((*cut).min(rest.len()));
            pieces = head.read(&probe(), piece);
            rest = after;
            if pieces.is_some() || rest.is_empty() {
                break;
            }
        }
        prop_assert_eq!(pieces, whole);
        if spoil.is_none() {
            let expected = if (200..300).contains(&status) || (status < 200 && status != 101) {
                Outcome::Ok
            } else {
                Outcome::Status(status)
            };
            prop_assert_eq!(whole, Some(expected));
        }
    }

    #[test]
    fn no_bytes_do_harm(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let outcome = read(&bytes);
        if !b"HTTP/1.".starts_with(&bytes[..bytes.len().min(7)]) {
            prop_assert_eq!(outcome, Some(Outcome::NotHttp));
        }
    }
}
