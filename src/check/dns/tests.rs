use proptest::prelude::*;

use super::*;

fn query() -> Query {
    Query::new(0x1234, &"Example.org".parse().unwrap(), DnsType::A)
}

/// An answer to it: flags, error code, and one record under a pointer.
fn answer() -> Vec<u8> {
    let mut bytes = query().0;
    bytes[2] = ANSWER | RECURSION;
    bytes[7] = 1;
    bytes.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, 1]);
    bytes
}

fn changed(change: impl FnOnce(&mut Vec<u8>)) -> Option<Outcome> {
    let mut bytes = answer();
    change(&mut bytes);
    query().judge(&bytes)
}

#[test]
fn a_question_as_the_rfc_writes_it() {
    let expected: [&[u8]; 4] =
        [&[0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0], b"\x07Example\x03org", &[0, 0, 1], &[0, 1]];
    assert_eq!(query().bytes(), expected.concat());
    let root = Query::new(1, &".".parse().unwrap(), DnsType::Soa);
    assert_eq!(root.bytes(), [0, 1, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 6, 0, 1]);
}

#[test]
fn what_answers_well() {
    assert_eq!(changed(|_| {}), Some(Outcome::Ok));
    let no_such_record = changed(|bytes| {
        bytes[7] = 0;
        bytes.truncate(query().0.len());
    });
    assert_eq!(no_such_record, Some(Outcome::Ok));
    let other_letters = changed(|bytes| bytes[13..20].copy_from_slice(b"eXAMPLE"));
    assert_eq!(other_letters, Some(Outcome::Ok));
    let cut = changed(|bytes| {
        bytes[2] |= CUT;
        bytes.truncate(query().0.len() + 5);
    });
    assert_eq!(cut, Some(Outcome::Ok), "a server that answers more than fits works");
}

#[test]
fn errors_have_their_names() {
    for code in 1..16 {
        assert_eq!(changed(|bytes| bytes[3] = code), Some(Outcome::DnsError(code)));
    }
    let told = |code: u8| Outcome::DnsError(code).to_string();
    assert!(told(2).contains("SERVFAIL") && told(3).contains("NXDOMAIN") && told(5).contains("REFUSED"));
    assert!(told(15).contains("15"), "one without a name has its number");
    let bare = changed(|bytes| {
        bytes[3] = 1;
        bytes[5] = 0;
        bytes[7] = 0;
        bytes.truncate(HEADER);
    });
    assert_eq!(bare, Some(Outcome::DnsError(1)), "the question may be left out");
}

#[test]
fn what_answers_nothing_of_ours_is_skipped() {
    assert_eq!(changed(|bytes| bytes[1] ^= 1), None, "another number");
    assert_eq!(changed(|bytes| bytes[2] &= !ANSWER), None, "a question");
    assert_eq!(query().judge(query().bytes()), None, "an echo");
    assert_eq!(changed(|bytes| bytes[2] |= 0x08), None, "another operation");
    assert_eq!(changed(|bytes| bytes[5] = 2), None, "two questions");
    assert_eq!(changed(|bytes| bytes[5] = 0), None, "no question, and no error");
    assert_eq!(changed(|bytes| bytes[14] = b'f'), None, "another name");
    assert_eq!(changed(|bytes| bytes[26] = 28), None, "another type");
    assert_eq!(query().judge(&[]), None);
    assert_eq!(query().judge(&answer()[..HEADER - 1]), None);
}

#[test]
fn an_answer_that_breaks_off_is_none() {
    for length in query().0.len()..answer().len() {
        assert_eq!(changed(|bytes| bytes.truncate(length)), Some(Outcome::BrokenDns), "{length} bytes");
    }
    assert_eq!(changed(|bytes| bytes[7] = 2), Some(Outcome::BrokenDns), "a record is missing");
    assert_eq!(changed(|bytes| bytes[6] = 0xff), Some(Outcome::BrokenDns), "so many records are not there");
    let wrong_label = changed(|bytes| {
        let at = query().0.len();
        bytes[at] = 0x80;
    });
    assert_eq!(wrong_label, Some(Outcome::BrokenDns));
}

proptest! {
    #[test]
    fn anything_may_come(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        let _ = query().judge(&bytes);
    }

    #[test]
    fn an_answer_with_any_byte_changed(at in 0..64_usize, byte in any::<u8>()) {
        let judged = changed(|bytes| if let Some(place) = bytes.get_mut(at) { *place = byte });
        // Number, kind and question must be right for anything to be said at all.
        if at < 2 && answer()[at] != byte {
            prop_assert_eq!(judged, None);
        }
    }

    #[test]
    fn an_answer_to_another_number_says_nothing(id in any::<u16>()) {
        let other = Query::new(id, &"Example.org".parse().unwrap(), DnsType::A);
        prop_assert_eq!(other.judge(&answer()).is_some(), id == 0x1234);
    }
}
