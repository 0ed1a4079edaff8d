use proptest::prelude::*;

use super::*;
use crate::model::{Expression, Tls};

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
    String::from_utf8(request(probe, &probe.pages[0])).unwrap()
}

/// What an answer means whose connection ends after these bytes, if its head has ended.
fn read(bytes: impl AsRef<[u8]>) -> Option<Outcome> {
    let mut answer = Answer::new();
    answer.read(&Page::default(), None, bytes.as_ref()).or_else(|| settled(&answer))
}

fn settled(answer: &Answer) -> Option<Outcome> {
    Some(answer.ended(&Page::default(), None, true)).filter(|outcome| *outcome == Outcome::Ok)
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
        pages: vec![Page { path: "health?a=b c\r\n\u{e9}#d".to_owned(), ..Page::default() }],
        version: HttpVersion::V1_0,
        ..probe()
    };
    let text = text(&hostile);
    assert!(text.starts_with("GET /health?a=b%20c%0D%0A%C3%A9%23d HTTP/1.0\r\nHost: aX: y\r\nUser"), "{text}");
    assert_eq!(text.matches("\r\n\r\n").count(), 1);
    assert_eq!(text.lines().count(), 6);
}

/// As with keepalived: who has said 200 and hangs is not well, and what the page is does not matter.
#[test]
fn a_page_of_which_only_the_status_counts_is_read_to_its_end() {
    const HEAD: &str = "HTTP/1.1 200 OK\r\n";
    let page = Page::default();
    for (rest, when_read) in [
        ("\r\n", None),
        ("\r\nhello", None),
        ("Content-Length: 5\r\n\r\n", None),
        ("Content-Length: 5\r\n\r\nhell", None),
        ("Content-Length: 5\r\n\r\nhello", Some(Outcome::Ok)),
        ("Content-Length: 0\r\n\r\n", Some(Outcome::Ok)),
        ("Content-Length: five\r\n\r\nhello", None),
        ("Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", None),
        ("Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", Some(Outcome::Ok)),
        ("Transfer-Encoding: chunked\r\n\r\nhello", None),
    ] {
        let mut answer = Answer::new();
        assert_eq!(answer.read(&page, None, format!("{HEAD}{rest}").as_bytes()), when_read, "{rest:?}");
        // Whoever ends it has come to the end.
        assert_eq!(answer.ended(&page, None, false), Outcome::Ok, "{rest:?}");
    }
    let mut answer = Answer::new();
    assert_eq!(answer.read(&page, None, format!("{HEAD}\r\n").as_bytes()), None);
    let mut sent = 0;
    while answer.read(&page, None, &[b'x'; 100_000]).is_none() {
        sent += 100_000;
        assert!(sent <= LONGEST_BODY, "whoever sends so much is not hanging");
    }
    assert!(sent + 100_000 > LONGEST_BODY);
    assert_eq!(answer.read(&page, None, b"x"), Some(Outcome::Ok));
}

#[test]
fn an_answer_counts_when_it_has_ended() {
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
    let picky = Page { statuses: vec![(401, 401), (500, 502)], ..Page::default() };
    let status = |status: u16| whole(&picky, None, format!("HTTP/1.1 {status} x\r\n\r\n").as_bytes());
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
        "HTTP/1.1 100 Continue\r\n\r\n\r",
        "\x15\x03\x01\0\x02\x02\x46",
    ] {
        assert_eq!(read(bad), Some(Outcome::NotHttp), "{bad:?}");
        let before = &bad.as_bytes()[..bad.len() - 1];
        if bad.len() > 4 && bad.starts_with('H') {
            assert_eq!(read(before), None, "{bad:?} is wrong at its last byte");
        }
    }
}

/// As with keepalived, which looks for the status and the empty line.
#[test]
fn lines_that_are_no_fields_are_read_over() {
    let (summed, _) = page_of(Some(b"hello world"), None);
    for line in [
        "Server : x",
        "Server\t: x",
        "X Powered By: x",
        ": no name",
        "\u{e9}t\u{e9}: x",
        "no colon",
        "no-colon",
        "X: a\0\x01\x7f",
        "X: a\rb",
        "\ra",
        "\r\ra",
        "X: a\r",
        "X : a\n and more: of it",
        "X@: a\n 7",
    ] {
        // First, last, and in between.
        for head in [
            format!("{line}\r\nContent-Length: 11\r\n"),
            format!("Content-Length: 11\r\n{line}\r\n"),
            format!("Transfer-Encoding: chunked\r\n{line}\r\nServer: y\r\n"),
            format!("{line}\n{line}\nContent-Length : 11\n"),
        ] {
            let body = if head.contains("chunked") { "b\r\nhello world\r\n0\r\n\r\n" } else { "hello world and more" };
            let bytes = format!("HTTP/1.1 200 OK\r\n{head}\r\n{body}");
            for page in [&Page::default(), &summed] {
                assert_eq!(Answer::new().read(page, None, bytes.as_bytes()), Some(Outcome::Ok), "{bytes:?}");
            }
        }
    }
    for reason in ["O\0K", "OK\r\r", "\u{e9}", "\rOK"] {
        assert_eq!(read(format!("HTTP/1.1 200 {reason}\r\n\r\n")), Some(Outcome::Ok), "{reason:?}");
        assert_eq!(read(format!("HTTP/1.1 503 {reason}\r\n\r\n")), Some(Outcome::Status(503)), "{reason:?}");
    }
    assert_eq!(read("HTTP/1.1 200\rOK\r\n\r\n"), Some(Outcome::Ok));
    assert_eq!(read("HTTP/1.1 200 OK\r\n and on\r\n\r\n"), Some(Outcome::Ok), "nothing goes on there");
    // What is no field goes on in the next line, and not the field before it.
    let goes_on = "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nno colon\r\n 1\r\n\r\nhello world";
    assert_eq!(Answer::new().read(&Page::default(), None, goes_on.as_bytes()), Some(Outcome::Ok));
    let (of_one, _) = page_of(Some(b"h"), None);
    assert_eq!(whole(&of_one, None, goes_on.as_bytes()), Outcome::Ok);
}

/// Where its bytes count, it must be known which they are; where only the status does, the connection's end will do.
#[test]
fn a_length_that_is_written_as_none_may_is_no_length() {
    let (summed, _) = page_of(Some(b"hello world"), None);
    for line in [
        "Content-Length x: 11",
        "Content-Length",
        "Content-Length\n 11",
        "Content-Length\x01: 11",
        "Content-Length: 11\0",
        "Content-Length: 1\r1",
        "Content-Length: 11\n \x01",
        "Transfer-Encoding\r: chunked",
        "Transfer-Encoding: chunk\x01ed",
        "Transfer-Encoding/: chunked",
    ] {
        let bytes = format!("HTTP/1.1 200 OK\r\n{line}\r\n\r\nhello world");
        assert_eq!(whole(&summed, None, bytes.as_bytes()), Outcome::NotHttp, "{line:?}");
        let mut answer = Answer::new();
        assert_eq!(answer.read(&Page::default(), None, bytes.as_bytes()), None, "{line:?}");
        assert_eq!(answer.ended(&Page::default(), None, true), Outcome::Ok, "{line:?}");
        // That of an answer before says nothing of this one.
        let interim = format!("HTTP/1.1 103 Early\r\n{line}\r\n\r\nHTTP/1.1 200 OK\r\n\r\nhello world");
        assert_eq!(whole(&summed, None, interim.as_bytes()), Outcome::Ok, "{line:?}");
    }
}

#[test]
fn endless_headers_end() {
    let mut head = Answer::new();
    assert_eq!(head.read(&Page::default(), None, b"HTTP/1.1 200 OK\r\n"), None);
    let mut lines = 0;
    let outcome = loop {
        lines += 1;
        if let Some(outcome) = head.read(&Page::default(), None, b"X-Endless: and on it goes\r\n") {
            break outcome;
        }
    };
    assert_eq!(outcome, Outcome::HeadTooLong);
    assert_eq!(lines, (LONGEST_HEAD - 17) / 27 + 1);
    // What is read over counts too.
    assert_eq!(read(format!("HTTP/1.1 200 OK\r\n{}", "no field\r\n".repeat(1700))), Some(Outcome::HeadTooLong));
    assert_eq!(read(format!("HTTP/1.1 200 OK\r\n{}", "\r".repeat(LONGEST_HEAD))), Some(Outcome::HeadTooLong));
    // Interim answers do not start the count anew.
    assert_eq!(read("HTTP/1.1 100 Continue\r\n\r\n".repeat(1000)), Some(Outcome::HeadTooLong));
    assert_eq!(read(format!("HTTP/1.1 200 {}", "x".repeat(LONGEST_HEAD))), Some(Outcome::HeadTooLong));
}

fn sum(bytes: &[u8]) -> [u8; 16] {
    Md5::digest(bytes).into()
}

fn page_of(digest: Option<&[u8]>, pattern: Option<&str>) -> (Page, Option<Pattern>) {
    let expression = pattern.map(|pattern| Expression { pattern: pattern.to_owned(), ..Expression::default() });
    let ready = expression.as_ref().map(|expression| Pattern::new(expression).unwrap());
    (Page { digest: digest.map(sum), expression: expression.map(Box::new), ..Page::default() }, ready)
}

/// All of an answer, and then the connection's end.
fn whole(page: &Page, pattern: Option<&Pattern>, bytes: &[u8]) -> Outcome {
    let mut answer = Answer::new();
    answer.read(page, pattern, bytes).unwrap_or_else(|| answer.ended(page, pattern, true))
}

#[test]
fn a_page_is_held_against_its_sum_however_it_is_framed() {
    let (page, _) = page_of(Some(b"hello world"), None);
    let read = |bytes: &str| whole(&page, None, bytes.as_bytes());
    for good in [
        "HTTP/1.0 200 OK\r\n\r\nhello world",
        "HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\nhello world and what is not of it",
        "HTTP/1.1 200 OK\r\ncontent-LENGTH:11, 11\r\nContent-Length:  11 \r\n\r\nhello world",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n006 ; x=y\r\n world\r\n0\r\nA: b\r\n\r\nmore",
        "HTTP/1.1 200 OK\nTransfer-Encoding: identity,\n Chunked\nContent-Length: 3\n\n5\nhello\n6\n world\n0\n\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked, other\r\n\r\nhello world",
        "HTTP/1.1 103 Early\r\nContent-Length: 1\r\n\r\nHTTP/1.1 200 OK\r\n\r\nhello world",
    ] {
        assert_eq!(read(good), Outcome::Ok, "{good:?}");
    }
    for (bad, outcome) in [
        ("HTTP/1.0 200 OK\r\n\r\nhello world\n", Outcome::Digest),
        ("HTTP/1.0 200 OK\r\n\r\n", Outcome::Digest),
        ("HTTP/1.1 204 No\r\n\r\nhello world", Outcome::Digest),
        ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello world", Outcome::Digest),
        ("HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\nhello world", Outcome::ClosedEarly),
        ("HTTP/1.1 200 OK\r\nContent-Length: 11, 12\r\n\r\nhello world", Outcome::NotHttp),
        ("HTTP/1.1 200 OK\r\nContent-Length: +11\r\n\r\nhello world", Outcome::NotHttp),
        ("HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999999\r\n\r\nhello world", Outcome::NotHttp),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nhello world", Outcome::NotHttp),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nb\r\nhello world\r\n", Outcome::ClosedEarly),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nb\r\nhello world!", Outcome::NotHttp),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n", Outcome::NotHttp),
    ] {
        assert_eq!(read(bad), outcome, "{bad:?}");
    }
}

#[test]
fn a_page_in_chunks_may_have_the_sum_that_genhash_takes() {
    // What Debian's genhash prints for this page.
    let raw = b"5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n";
    let (page, _) = page_of(Some(raw), None);
    assert_eq!(page.digest, Some(0xfc39_46cc_6744_92e3_e09d_9e45_c4c0_9023_u128.to_be_bytes()));
    let answer = [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", raw.as_slice()].concat();
    assert_eq!(whole(&page, None, &answer), Outcome::Ok);
    assert_eq!(whole(&page, None, b"HTTP/1.1 200 OK\r\n\r\nhello world"), Outcome::Digest);
    let mut answer = Answer::new();
    assert_eq!(answer.digests(), None);
    answer.read(&page, None, b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n");
    assert_eq!(answer.digests(), Some((sum(b"hello"), Some(sum(b"5\r\nhello\r\n")))));
    assert_eq!(answer.taken(), 10);
}

#[test]
fn a_page_is_held_against_its_expression() {
    let (page, pattern) = page_of(None, Some("^ready: \\d+$"));
    let unwanted = Page {
        expression: page.expression.clone().map(|expression| Box::new(Expression { unwanted: true, ..*expression })),
        ..page.clone()
    };
    for (body, there) in [("ready: 17\n", true), ("ready: no", false), ("", false)] {
        let answer = format!("HTTP/1.1 200 OK\r\n\r\n{body}");
        let read = |page: &Page| whole(page, pattern.as_ref(), answer.as_bytes());
        assert_eq!(read(&page), if there { Outcome::Ok } else { Outcome::NoMatch }, "{body}");
        assert_eq!(read(&unwanted), if there { Outcome::Match } else { Outcome::Ok }, "{body}");
    }
    // What cannot be decided is a failure, whether a match is wanted or not.
    let (page, pattern) = page_of(None, Some("^(?:(a|a)*)\\1[cd]"));
    let unwanted = Page {
        expression: page.expression.clone().map(|expression| Box::new(Expression { unwanted: true, ..*expression })),
        ..page.clone()
    };
    let answer = format!("HTTP/1.1 200 OK\r\n\r\n{}", "a".repeat(4000));
    for page in [&page, &unwanted] {
        assert_eq!(whole(page, pattern.as_ref(), answer.as_bytes()), Outcome::Undecided);
    }
    // What comes too late does not count, and nobody waits for it.
    let (page, pattern) = page_of(None, Some("late"));
    let mut answer = Answer::new();
    assert_eq!(answer.read(&page, pattern.as_ref(), b"HTTP/1.1 200 OK\r\n\r\n"), None);
    let mut sent = 0;
    let outcome = loop {
        sent += 1000;
        if let Some(outcome) = answer.read(&page, pattern.as_ref(), &[b'x'; 1000]) {
            break outcome;
        }
    };
    assert_eq!(outcome, Outcome::NoMatch);
    assert!((MOST_KEPT..MOST_KEPT + 1000).contains(&sent));
    // Both, of which the sum is asked first.
    let (page, pattern) = page_of(Some(b"ab"), Some("b"));
    assert_eq!(whole(&page, pattern.as_ref(), b"HTTP/1.1 200 OK\r\n\r\nab"), Outcome::Ok);
    assert_eq!(whole(&page, pattern.as_ref(), b"HTTP/1.1 200 OK\r\n\r\nbb"), Outcome::Digest);
}

#[test]
fn endless_pages_end() {
    let (page, _) = page_of(Some(b""), None);
    for head in ["", "Transfer-Encoding: chunked\r\n"] {
        let mut answer = Answer::new();
        assert_eq!(answer.read(&page, None, format!("HTTP/1.1 200 OK\r\n{head}\r\n").as_bytes()), None);
        let piece = if head.is_empty() { "x".repeat(10_000) } else { "1\r\nx\r\n".repeat(1_000) };
        let outcome = loop {
            if let Some(outcome) = answer.read(&page, None, piece.as_bytes()) {
                break outcome;
            }
        };
        assert_eq!(outcome, Outcome::BodyTooLong);
        assert!(answer.taken() < LONGEST_BODY + 20_000);
    }
}

#[test]
fn where_tls_must_end_in_order_it_is_waited_for() {
    let page = Page { orderly_close: true, ..Page::default() };
    let mut answer = Answer::new();
    assert_eq!(answer.read(&page, None, b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"), None);
    assert_eq!(answer.ended(&page, None, true), Outcome::Ok);
    assert_eq!(answer.ended(&page, None, false), Outcome::Tls(TlsProblem::Unclosed));
    assert_eq!(Answer::new().ended(&page, None, true), Outcome::ClosedEarly);
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
        let mut head = Answer::new();
        let mut pieces = None;
        let mut rest = bytes.as_slice();
        for cut in cuts.iter().cycle() {
            let (piece, after) = rest.split_at((*cut).min(rest.len()));
            pieces = head.read(&Page::default(), None, piece);
            rest = after;
            if pieces.is_some() || rest.is_empty() {
                break;
            }
        }
        prop_assert_eq!(pieces.or_else(|| settled(&head)), whole);
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
    fn a_page_means_the_same_however_it_is_cut(
        framing in 0_u8..3,
        chunks in proptest::collection::vec("[a-d\r\n]{1,12}", 0..6),
        right in any::<bool>(),
        cuts in proptest::collection::vec(1_usize..9, 1..64),
        spoil in proptest::option::of((any::<prop::sample::Index>(), any::<u8>())),
    ) {
        let body = chunks.concat();
        let mut bytes = match framing {
            0 => format!("HTTP/1.1 200 OK\r\n\r\n{body}"),
            1 => format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len()),
            _ => {
                let chunks: String = chunks.iter().map(|chunk| format!("{:x}\r\n{chunk}\r\n", chunk.len())).collect();
                format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{chunks}0\r\n\r\n")
            }
        }
        .into_bytes();
        if let Some((place, byte)) = spoil {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        let expected = if right { body.clone() } else { format!("{body}!") };
        let (page, pattern) = page_of(Some(expected.as_bytes()), Some("a"));
        let whole = whole(&page, pattern.as_ref(), &bytes);
        let mut answer = Answer::new();
        let mut rest = bytes.as_slice();
        let mut pieces = None;
        for cut in cuts.iter().cycle() {
            let (piece, after) = rest.split_at((*cut).min(rest.len()));
            pieces = answer.read(&page, pattern.as_ref(), piece);
            rest = after;
            if pieces.is_some() || rest.is_empty() {
                break;
            }
        }
        prop_assert_eq!(pieces.unwrap_or_else(|| answer.ended(&page, pattern.as_ref(), true)), whole);
        if spoil.is_none() {
            prop_assert_eq!(whole, match (right, body.contains('a')) {
                (false, _) => Outcome::Digest,
                (true, false) => Outcome::NoMatch,
                (true, true) => Outcome::Ok,
            });
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
