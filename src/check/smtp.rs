//! A conversation with a mail server, no longer than it takes to see that it works (RFC 5321).
//!
//! ```text
//!   server: 220 mail.example.org          it greets,
//!   client: HELO balancer.example.org
//!   server: 250 mail.example.org          it knows us,
//!   client: QUIT
//!   server: 221 goodbye                   and it lets us go: its log has no line about a client that hung up.
//! ```
//!
//! The last reply may be any, as with keepalived, but one must come.
//!
//! [`Dialogue`] reads what the server says, however it is cut, and knows what is to be said next. It takes replies of several
//! lines (section 4.2.1), lines that end with a bare LF, and lines without a text.

use super::Outcome;

/// Bytes that a server may say before we have seen enough; RFC 5321, section 4.5.3.1.5, gives a line 512.
pub const LONGEST_TALK: usize = 16 * 1024;

/// What the server answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    /// The connection.
    Greeting,
    /// `HELO`.
    Hello,
    /// `QUIT`.
    Quit,
}

/// Where in a line the next byte belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum At {
    /// In the code, of which this many digits have come, and which may be that of a further line.
    Code { digits: u8, code: u16 },
    /// Behind the code.
    Mark { code: u16 },
    /// In the text; `more`: another line follows.
    Text { code: u16, more: bool },
    /// After a CR.
    Return { code: u16, more: bool },
}

const LINE: At = At::Code { digits: 0, code: 0 };

/// A conversation, as far as it has come.
#[derive(Debug, Clone)]
pub struct Dialogue {
    step: Step,
    at: At,
    /// Code of the lines before this one, where a reply has several.
    reply: Option<u16>,
    taken: usize,
    name: String,
    to_say: Vec<u8>,
}

impl Dialogue {
    /// Nobody has said anything yet. `name` is how we call ourselves.
    #[must_use]
    pub fn new(name: &str) -> Self {
        // Whatever the configuration says, this is one line.
        let name = name.chars().filter(|character| !character.is_control()).collect();
        Self { step: Step::Greeting, at: LINE, reply: None, taken: 0, name, to_say: Vec::new() }
    }

    /// The server has said nothing yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.taken == 0
    }

    /// What is to be sent now; empty: nothing. It is given once.
    pub fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.to_say)
    }

    /// Reads on. An outcome is final: what comes after it does not matter.
    pub fn read(&mut self, bytes: &[u8]) -> Option<Outcome> {
        for byte in bytes {
            if self.taken >= LONGEST_TALK {
                return Some(Outcome::EndlessReply);
            }
            self.taken += 1;
            if let Some(outcome) = self.byte(*byte) {
                return Some(outcome);
            }
        }
        None
    }

    fn byte(&mut self, byte: u8) -> Option<Outcome> {
        self.at = match (self.at, byte) {
            (At::Code { digits, code }, b'0'..=b'9') => {
                let code = code * 10 + u16::from(byte - b'0');
                match digits {
                    0 if !(2..=5).contains(&code) => return Some(Outcome::NotSmtp),
                    0 | 1 => At::Code { digits: digits + 1, code },
                    _ if self.reply.is_some_and(|reply| reply != code) => return Some(Outcome::NotSmtp),
                    _ => At::Mark { code },
                }
            }
            (At::Mark { code }, b' ') => At::Text { code, more: false },
            (At::Mark { code }, b'-') => At::Text { code, more: true },
            (At::Mark { code }, b'\r') => At::Return { code, more: false },
            (At::Text { code, more }, b'\r') => At::Return { code, more },
            (At::Mark { code }, b'\n') => return self.line_ended(code, false),
            (At::Text { code, more } | At::Return { code, more }, b'\n') => return self.line_ended(code, more),
            (At::Text { .. }, b'\t' | b' '..=b'~' | 0x80..) => self.at,
            (At::Code { .. } | At::Mark { .. } | At::Text { .. } | At::Return { .. }, _) => {
                return Some(Outcome::NotSmtp);
            }
        };
        None
    }

    fn line_ended(&mut self, code: u16, more: bool) -> Option<Outcome> {
        self.at = LINE;
        self.reply = more.then_some(code);
        if more {
            return None;
        }
        self.step = match (self.step, code) {
            (Step::Greeting, 220) => {
                self.to_say.extend(format!("HELO {}\r\n", self.name).into_bytes());
                Step::Hello
            }
            (Step::Hello, 250) => {
                self.to_say.extend(b"QUIT\r\n");
                Step::Quit
            }
            (Step::Greeting, _) => return Some(Outcome::SmtpGreeting(code)),
            (Step::Hello, _) => return Some(Outcome::SmtpHello(code)),
            // It has shown that it works, whatever it thinks of farewells.
            (Step::Quit, _) => return Some(Outcome::Ok),
        };
        None
    }
}

#[cfg(test)]
mod tests;
