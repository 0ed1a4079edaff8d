//! A datagram from the kernel, taken apart.
//!
//! Nothing is believed: lengths are checked, a sequence or port number that is not ours means that the message is not for us, and
//! the extended acknowledgement is read where the flags say that there is one.

use crate::abi::ext_ack;
use crate::attribute::attributes;
use crate::error::Malformed;
use netlink_packet_core::{
    NLM_F_ACK_TLVS, NLM_F_CAPPED, NLM_F_DUMP_INTR, NLMSG_DONE, NLMSG_ERROR, NLMSG_NOOP, NLMSG_OVERRUN, NetlinkBuffer,
};

const HEADER: usize = 16;

/// One message of a datagram.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reply<'a> {
    pub(crate) sequence: u32,
    pub(crate) port: u32,
    /// NLM_F_DUMP_INTR was set.
    pub(crate) interrupted: bool,
    pub(crate) body: Body<'a>,
}

/// What a message says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Body<'a> {
    /// NLMSG_ERROR: 0 is an acknowledgement.
    Verdict(Verdict),
    /// NLMSG_DONE: 0 is a clean end.
    Done(Verdict),
    /// NLMSG_OVERRUN: messages were lost.
    Overrun,
    /// NLMSG_NOOP.
    Noop,
    /// A message of a family: its number, the command, and the attributes.
    Family { kind: u16, command: u8, attributes: &'a [u8] },
}

/// A code, with the kernel's own words where it gave some.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Verdict {
    /// 0, or an errno (positive).
    pub(crate) errno: i32,
    pub(crate) message: Option<Box<str>>,
    pub(crate) offset: Option<u32>,
}

/// Walks the messages of a datagram. After the first that cannot be read it ends.
pub(crate) fn replies(mut datagram: &[u8]) -> impl Iterator<Item = Result<Reply<'_>, Malformed>> {
    std::iter::from_fn(move || {
        if datagram.is_empty() {
            return None;
        }
        match NetlinkBuffer::new_checked(datagram) {
            Ok(buffer) => {
                let length = usize::try_from(buffer.length()).unwrap_or(usize::MAX);
                datagram = datagram.get(length.next_multiple_of(4)..).unwrap_or_default();
                Some(read(&buffer))
            }
            Err(error) => {
                datagram = &[];
                Some(Err(Malformed::new(format!("message: {error}"))))
            }
        }
    })
}

fn read<'a>(buffer: &NetlinkBuffer<&'a [u8]>) -> Result<Reply<'a>, Malformed> {
    let flags = buffer.flags();
    let payload = buffer.payload();
    let body = match buffer.message_type() {
        NLMSG_NOOP => Body::Noop,
        NLMSG_ERROR => Body::Verdict(error(payload, flags)?),
        // The kernel may leave the code out of a DONE; it then means 0.
        NLMSG_DONE if payload.is_empty() => Body::Done(Verdict::default()),
        NLMSG_DONE => Body::Done(verdict(payload, payload.get(4..).unwrap_or_default(), flags)?),
        NLMSG_OVERRUN => Body::Overrun,
        kind => match payload {
            [command, _version, _, _, attributes @ ..] => Body::Family { kind, command: *command, attributes },
            _ => return Err(Malformed::new("a family message without its header")),
        },
    };
    Ok(Reply {
        sequence: buffer.sequence_number(),
        port: buffer.port_number(),
        interrupted: flags & NLM_F_DUMP_INTR != 0,
        body,
    })
}

/// NLMSG_ERROR: the code, then the request (its header alone if capped), then the extended acknowledgement.
fn error(payload: &[u8], flags: u16) -> Result<Verdict, Malformed> {
    let echoed = payload.get(4..).unwrap_or_default();
    let echo_length = if flags & NLM_F_CAPPED != 0 {
        HEADER
    } else {
        match echoed {
            [a, b, c, d, ..] => usize::try_from(u32::from_ne_bytes([*a, *b, *c, *d])).unwrap_or(usize::MAX),
            _ => 0,
        }
    };
    let after = echo_length.checked_next_multiple_of(4).and_then(|at| echoed.get(at..)).unwrap_or_default();
    verdict(payload, after, flags)
}

fn verdict(payload: &[u8], tlvs: &[u8], flags: u16) -> Result<Verdict, Malformed> {
    let code = match payload {
        [a, b, c, d, ..] => i32::from_ne_bytes([*a, *b, *c, *d]),
        _ => return Err(Malformed::new("a verdict without a code")),
    };
    let errno = match code.checked_neg() {
        Some(errno) if errno >= 0 => errno,
        // No kernel sends a positive code. Taking it for success would be a guess.
        _ => {
            return Err(Malformed::new(format!("a verdict with the impossible code {code}")));
        }
    };
    let mut verdict = Verdict { errno, message: None, offset: None };
    if flags & NLM_F_ACK_TLVS != 0 {
        // What cannot be read of an explanation is left out; the code stands.
        for item in attributes(tlvs).map_while(Result::ok) {
            match item.kind() {
                ext_ack::MSG => verdict.message = item.text().ok().map(Into::into),
                ext_ack::OFFS => verdict.offset = item.u32().ok(),
                _ => {}
            }
        }
    }
    Ok(verdict)
}

#[cfg(test)]
mod tests;
