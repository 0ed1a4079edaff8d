//! The head of an answer: its status, and how its body is framed (RFC 9112, sections 4, 5 and 6.3).
//!
//! Only that is asked of it. A line that is no field is read over, and so is whatever a value or a reason phrase must not hold,
//! as keepalived reads over it: a server is not down for a sloppy `Server : x`. But for a line that would say how the body is
//! framed, and does not say it as one may: how long the body is, nobody knows then.

use super::Outcome;
use super::body::{Body, Chunk};
use crate::model::Page;

/// Bytes that the heads of an answer, interim ones included, may have together.
pub const LONGEST_HEAD: usize = 16 * 1024;

/// Where in the head the next byte belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum At {
    /// In the status line, of which this many bytes have come.
    Status(u8),
    /// In its reason phrase.
    Reason,
    /// After a CR: with an LF comes what `next` says.
    Return { next: Next },
    /// At the beginning of a line of the header section.
    Line,
    /// In a field's name.
    Name,
    /// In the blanks behind it, which should not be there.
    NameEnded,
    /// In its value, or in a line that is no field.
    Value,
}

/// What comes after a line's end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    StatusIsKnown,
    Line,
    HeadIsOver,
}

/// The head of an answer, as far as it has come.
#[derive(Debug)]
pub(super) struct Head {
    at: At,
    status: u16,
    /// A field stands above, whose value may go on in the next line.
    has_field: bool,
    taken: usize,
    /// The name of the field that is being read, as far as it may be one of [`Field`]'s; in small letters.
    name: [u8; LONGEST_NAME],
    name_length: u8,
    /// The one whose value is being read; none: it is of no interest.
    field: Option<Field>,
    /// One of interest is not written as it must be.
    is_spoilt: bool,
    /// What the fields of interest say, each apart from the next by a comma.
    length: Vec<u8>,
    encoding: Vec<u8>,
}

/// A field that says where the body ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Field {
    Length,
    Encoding,
}

/// Bytes of the longest name of a field that is of interest.
const LONGEST_NAME: usize = 17;

impl Head {
    /// Nothing has come yet.
    pub(super) fn new() -> Self {
        Self {
            at: At::Status(0),
            status: 0,
            has_field: false,
            taken: 0,
            name: [0; LONGEST_NAME],
            name_length: 0,
            field: None,
            is_spoilt: false,
            length: Vec::new(),
            encoding: Vec::new(),
        }
    }

    /// Nothing has come yet.
    pub(super) fn is_empty(&self) -> bool {
        self.taken == 0
    }

    /// Reads on. Once the head has ended: how many of these bytes belonged to it.
    pub(super) fn read(&mut self, page: &Page, bytes: &[u8]) -> Result<Option<usize>, Outcome> {
        for (before, byte) in bytes.iter().enumerate() {
            if self.taken >= LONGEST_HEAD {
                return Err(Outcome::HeadTooLong);
            }
            self.taken += 1;
            match self.byte(page, *byte) {
                None => {}
                Some(Outcome::Ok) => return Ok(Some(before + 1)),
                Some(outcome) => return Err(outcome),
            }
        }
        Ok(None)
    }

    fn byte(&mut self, page: &Page, byte: u8) -> Option<Outcome> {
        self.at = match (self.at, byte) {
            (At::Status(place), _) => return self.status_line(page, place, byte),
            (At::Reason, b'\r') => At::Return { next: Next::StatusIsKnown },
            (At::Reason, b'\n') => return self.line_ended(page, Next::StatusIsKnown),
            (At::Reason, _) => At::Reason,
            (At::Return { next }, b'\n') => return self.line_ended(page, next),
            (At::Return { next }, _) => {
                self.at = self.return_ended_nothing(next);
                return self.byte(page, byte);
            }
            (At::Line, b'\r') => At::Return { next: Next::HeadIsOver },
            (At::Line, b'\n') => return self.line_ended(page, Next::HeadIsOver),
            (At::Line, b' ' | b'\t') if self.has_field => At::Value,
            (At::Line, _) => {
                self.name_length = 0;
                if is_token(byte) {
                    self.name_goes_on(byte);
                    At::Name
                } else {
                    self.line_is_no_field()
                }
            }
            (At::Name | At::NameEnded, b':') => {
                self.name_ended();
                At::Value
            }
            (At::Name | At::NameEnded, b' ' | b'\t') => At::NameEnded,
            (At::Name, _) if is_token(byte) => {
                self.name_goes_on(byte);
                At::Name
            }
            (At::Name | At::NameEnded, _) => {
                self.at = self.line_is_no_field();
                return self.byte(page, byte);
            }
            (At::Value, b'\r') => At::Return { next: Next::Line },
            (At::Value, b'\n') => return self.line_ended(page, Next::Line),
            (At::Value, _) => {
                self.is_spoilt |= self.field.is_some() && !is_text(byte);
                if let Some(values) = self.values() {
                    values.push(byte);
                }
                At::Value
            }
        };
        None
    }

    /// No LF came behind a CR: it stands within what came before.
    fn return_ended_nothing(&mut self, next: Next) -> At {
        match next {
            Next::StatusIsKnown => At::Reason,
            Next::Line => {
                self.is_spoilt |= self.field.is_some();
                At::Value
            }
            Next::HeadIsOver => {
                self.name_length = 0;
                self.line_is_no_field()
            }
        }
    }

    /// The rest of the line counts for nothing.
    fn line_is_no_field(&mut self) -> At {
        self.is_spoilt |= self.named().is_some();
        self.field = None;
        At::Value
    }

    /// `HTTP/1.` DIGIT SP 3DIGIT, then an end or a reason.
    fn status_line(&mut self, page: &Page, place: u8, byte: u8) -> Option<Outcome> {
        let next = At::Status(place + 1);
        let fits = match place {
            0..7 => b"HTTP/1.".get(usize::from(place)) == Some(&byte),
            7 => byte.is_ascii_digit(),
            8 => byte == b' ',
            9..12 => {
                self.status = self.status * 10 + u16::from(byte.wrapping_sub(b'0'));
                byte.is_ascii_digit() && self.status > 0
            }
            _ => {
                match byte {
                    b' ' => self.at = At::Reason,
                    b'\r' => self.at = At::Return { next: Next::StatusIsKnown },
                    b'\n' => return self.line_ended(page, Next::StatusIsKnown),
                    _ => return Some(Outcome::NotHttp),
                }
                return None;
            }
        };
        self.at = next;
        (!fits).then_some(Outcome::NotHttp)
    }

    fn line_ended(&mut self, page: &Page, next: Next) -> Option<Outcome> {
        match next {
            Next::StatusIsKnown => {
                self.at = At::Line;
                self.has_field = false;
                (!self.is_interim() && !page.expects(self.status)).then_some(Outcome::Status(self.status))
            }
            Next::Line => {
                self.at = At::Line;
                self.has_field = true;
                None
            }
            Next::HeadIsOver if self.is_interim() => {
                self.at = At::Status(0);
                self.status = 0;
                self.is_spoilt = false;
                self.length.clear();
                self.encoding.clear();
                None
            }
            Next::HeadIsOver => Some(Outcome::Ok),
        }
    }

    fn name_goes_on(&mut self, byte: u8) {
        // One byte more than there is room for is enough to know that it is another field.
        if let Some(slot) = self.name.get_mut(usize::from(self.name_length)) {
            *slot = byte.to_ascii_lowercase();
        }
        self.name_length = self.name_length.saturating_add(1);
    }

    /// The field of interest that has this name.
    fn named(&self) -> Option<Field> {
        match self.name.get(..usize::from(self.name_length)) {
            Some(b"content-length") => Some(Field::Length),
            Some(b"transfer-encoding") => Some(Field::Encoding),
            Some(_) | None => None,
        }
    }

    fn name_ended(&mut self) {
        self.field = self.named();
        // The same field again goes on with the list (RFC 9110, section 5.3).
        if let Some(values) = self.values().filter(|values| !values.is_empty()) {
            values.push(b',');
        }
    }

    fn values(&mut self) -> Option<&mut Vec<u8>> {
        match self.field? {
            Field::Length => Some(&mut self.length),
            Field::Encoding => Some(&mut self.encoding),
        }
    }

    /// How the body is framed, now that the head has ended; none: in a way that cannot be.
    pub(super) fn framing(&self) -> Option<Body> {
        if matches!(self.status, 204 | 304) {
            return Some(Body::Length(0));
        }
        if self.is_spoilt {
            return None;
        }
        if !self.encoding.is_empty() {
            let last = self.encoding.rsplit(|byte| *byte == b',').next().unwrap_or_default();
            let chunked = last.trim_ascii().eq_ignore_ascii_case(b"chunked");
            return Some(if chunked { Body::Chunked(Chunk::FIRST) } else { Body::UntilClose });
        }
        if self.length.is_empty() {
            return Some(Body::UntilClose);
        }
        // Said more than once, it must be the same each time.
        let mut lengths = self.length.split(|byte| *byte == b',').map(|text| {
            let digits = text.trim_ascii();
            let plain = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
            std::str::from_utf8(digits).ok().filter(|_| plain)?.parse::<u64>().ok()
        });
        let first = lengths.next()??;
        lengths.all(|length| length == Some(first)).then_some(Body::Length(first))
    }

    /// RFC 9110, section 15.2: another answer follows.
    fn is_interim(&self) -> bool {
        self.status != 101 && (100..200).contains(&self.status)
    }
}

/// RFC 9110, section 5.6.2.
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// What a field's value consists of (RFC 9110, section 5.5): no control character but the tab.
fn is_text(byte: u8) -> bool {
    byte == b'\t' || byte >= b' ' && byte != 0x7f
}
