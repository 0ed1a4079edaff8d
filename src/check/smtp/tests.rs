use proptest::prelude::*;

use super::*;

/// What comes of all that a server says, in pieces of this length, and what was said to it.
fn talk(server: &[u8], piece: usize) -> (Option<Outcome>, Vec<u8>) {
    let mut dialogue = Dialogue::new("balancer.example.org");
    let mut said = Vec::new();
    for piece in server.chunks(piece.max(1)) {
        let outcome = dialogue.read(piece);
        said.extend(dialogue.take());
        if outcome.is_some() {
            return (outcome, said);
        }
    }
    (None, said)
}

fn outcome(server: &str) -> Option<Outcome> {
    talk(server.as_bytes(), 7).0
}

#[test]
fn a_whole_conversation() {
    let server = b"220 mail.example.org ESMTP\r\n250 mail.example.org\r\n221 bye\r\n";
    let (outcome, said) = talk(server, 1);
    assert_eq!(outcome, Some(Outcome::Ok));
    assert_eq!(said, b"HELO balancer.example.org\r\nQUIT\r\n");
    let short = server.len() - 1;
    assert_eq!(talk(&server[..short], 1).0, None, "its last line has not ended");
}

#[test]
fn nothing_is_said_before_the_greeting() {
    let mut dialogue = Dialogue::new("x");
    assert!(dialogue.is_empty() && dialogue.take().is_empty());
    assert_eq!(dialogue.read(b"220-wait"), None);
    assert!(!dialogue.is_empty() && dialogue.take().is_empty());
    assert_eq!(dialogue.read(b"\r\n"), None);
    assert!(dialogue.take().is_empty(), "the greeting goes on");
    assert_eq!(dialogue.read(b"220 now\r\n"), None);
    assert_eq!(dialogue.take(), b"HELO x\r\n");
    assert!(dialogue.take().is_empty());
}

#[test]
fn lines_as_servers_write_them() {
    for server in [
        "220-first\r\n220-\r\n220 last\r\n250 x\r\n221 x\r\n",
        "220\r\n250\r\n221\r\n",
        "220 x\n250 x\n221 x\n",
        "220 gr\u{fc}ezi\t!\r\n250-a\r\n250 b\r\n221 2.0.0\r\n",
    ] {
        assert_eq!(outcome(server), Some(Outcome::Ok), "{server:?}");
    }
}

#[test]
fn a_code_that_is_not_right_is_told_with_its_place() {
    for (server, expected) in [
        ("554 no service\r\n", Outcome::SmtpGreeting(554)),
        ("421 too busy\r\n", Outcome::SmtpGreeting(421)),
        ("250 hello\r\n", Outcome::SmtpGreeting(250)),
        ("220 x\r\n501-who\r\n501 are you\r\n", Outcome::SmtpHello(501)),
        ("220 x\r\n250 x\r\n500 what\r\n", Outcome::Ok),
    ] {
        assert_eq!(outcome(server), Some(expected), "{server:?}");
    }
}

#[test]
fn what_is_no_mail_server() {
    for server in [
        "SSH-2.0-OpenSSH_9.2\r\n",
        "HTTP/1.1 400 Bad Request\r\n",
        "120 early\r\n",
        "620 late\r\n",
        "22 \r\n",
        "2200 x\r\n",
        "220_x\r\n",
        "220 x\rx",
        "220 \0\r\n",
        "220-a\r\n250 b\r\n",
        "\r\n",
        "* OK IMAP4\r\n",
    ] {
        assert_eq!(outcome(server), Some(Outcome::NotSmtp), "{server:?}");
    }
}

#[test]
fn it_does_not_listen_for_ever() {
    let endless = "220-and on\r\n".repeat(LONGEST_TALK);
    assert_eq!(outcome(&endless), Some(Outcome::EndlessReply));
    let long = format!("220 {}", "x".repeat(LONGEST_TALK));
    assert_eq!(outcome(&long), Some(Outcome::EndlessReply));
}

#[test]
fn a_name_cannot_say_more_than_itself() {
    let mut dialogue = Dialogue::new("a\r\nRSET\r\nb");
    assert_eq!(dialogue.read(b"220 x\r\n"), None);
    assert_eq!(dialogue.take(), b"HELO aRSETb\r\n");
}

fn server() -> impl Strategy<Value = Vec<u8>> {
    let code = prop_oneof![Just("220"), Just("250"), Just("221"), Just("354"), Just("554"), Just("99"), Just("")];
    let line = (code, prop_oneof![Just(" "), Just("-"), Just("")], "[a-z]{0,8}", prop_oneof![Just("\r\n"), Just("\n")])
        .prop_map(|(code, mark, text, end)| format!("{code}{mark}{text}{end}").into_bytes());
    let noise = proptest::collection::vec(any::<u8>(), 0..4);
    let piece = prop_oneof![8 => line, 1 => noise];
    proptest::collection::vec(piece, 0..8).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn however_it_is_cut_it_means_the_same(server in server(), piece in 1..9_usize) {
        prop_assert_eq!(talk(&server, server.len().max(1)), talk(&server, piece));
    }

    /// Nobody is called well who has not said both, and something more.
    #[test]
    fn who_is_well_has_said_so(server in server()) {
        if talk(&server, 3).0 == Some(Outcome::Ok) {
            let text = String::from_utf8_lossy(&server).into_owned();
            let at = |code: &str, from: usize| text.get(from..).and_then(|rest| rest.find(code)).map(|at| from + at + 3);
            let hello = at("220", 0).and_then(|from| at("250", from));
            prop_assert!(hello.is_some_and(|from| text.len() > from), "{}", text);
        }
    }
}
