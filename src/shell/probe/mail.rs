//! A conversation with a mail server over its connection.

use std::io::{Read, Write};
use std::net::IpAddr;

use socket2::Socket;

use super::exchange::{Trouble, trouble};
use crate::check::smtp::Dialogue;
use crate::check::{Outcome, Stage};
use crate::model::SmtpProbe;

/// Bytes read at once.
const PIECE: usize = 4096;

/// A conversation, and what of our words has not left yet.
#[derive(Debug)]
pub(super) struct Mail {
    dialogue: Dialogue,
    to_send: Vec<u8>,
}

impl Mail {
    /// `socket` has begun to connect, so it is known whom we call from.
    pub(super) fn new(probe: &SmtpProbe, socket: &Socket) -> Self {
        let name = probe.helo.clone().unwrap_or_else(|| literal(socket));
        Self { dialogue: Dialogue::new(&name), to_send: Vec::new() }
    }

    /// Moves what can be moved without waiting. Says how far it has come, or how it ended.
    pub(super) fn go_on(&mut self, mut socket: &Socket) -> Result<Stage, Outcome> {
        let mut buffer = [0; PIECE];
        let mut broken = None;
        loop {
            while !self.to_send.is_empty() && broken.is_none() {
                match socket.write(&self.to_send) {
                    Ok(count) => drop(self.to_send.drain(..count)),
                    Err(error) => match trouble(&error) {
                        Trouble::Again => {}
                        Trouble::Later => break,
                        // It may have said why before it closed.
                        Trouble::Broken(outcome) => broken = Some(outcome),
                    },
                }
            }
            match socket.read(&mut buffer) {
                Ok(0) => return Err(broken.unwrap_or(Outcome::ClosedEarly)),
                Ok(count) => {
                    if let Some(outcome) = self.dialogue.read(buffer.get(..count).unwrap_or_default()) {
                        return Err(outcome);
                    }
                    self.to_send.extend(self.dialogue.take());
                }
                Err(error) => match trouble(&error) {
                    Trouble::Again => {}
                    Trouble::Later => match broken {
                        Some(outcome) => return Err(outcome),
                        None => break,
                    },
                    Trouble::Broken(outcome) => return Err(outcome),
                },
            }
        }
        Ok(if self.dialogue.is_empty() { Stage::Waiting } else { Stage::Answering })
    }
}

/// What a client without a name of its own calls itself (RFC 5321, section 4.1.3).
fn literal(socket: &Socket) -> String {
    match socket.local_addr().ok().and_then(|address| address.as_socket()).map(|address| address.ip()) {
        Some(IpAddr::V4(address)) => format!("[{address}]"),
        Some(IpAddr::V6(address)) => format!("[IPv6:{address}]"),
        None => "localhost".to_owned(),
    }
}
