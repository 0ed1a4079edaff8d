//! One request and its answer over a connection, with or without TLS.

use std::io::{self, Read, Write};

use nix::libc;
use rustls::ClientConnection;
use socket2::Socket;

use super::tls;
use crate::check::http::{Head, request};
use crate::check::{Obstacle, Outcome, Stage, TlsProblem};
use crate::model::HttpProbe;

/// Bytes that are read from a server that speaks TLS, at most: certificates, and an answer's head with room to spare.
const MOST_TLS_BYTES: usize = 256 * 1024;
/// Bytes read at once.
const PIECE: usize = 4096;

/// One request and its answer.
#[derive(Debug)]
pub(super) struct Exchange {
    probe: HttpProbe,
    head: Head,
    channel: Channel,
}

#[derive(Debug)]
enum Channel {
    /// The request, and how much of it is sent.
    Plain { request: Vec<u8>, sent: usize },
    /// The request is inside, and leaves when the handshake is over.
    Tls { connection: Box<ClientConnection>, received: usize },
}

impl Exchange {
    pub(super) fn new(probe: &HttpProbe, settings: &mut tls::Settings) -> Result<Self, Obstacle> {
        let request = request(probe);
        let channel = match &probe.tls {
            None => Channel::Plain { request, sent: 0 },
            Some(tls) => {
                let mut connection = settings.connection(tls, probe.connect.target.ip())?;
                // It goes into a buffer of its own, which takes more than this.
                let _ = connection.writer().write_all(&request);
                Channel::Tls { connection: Box::new(connection), received: 0 }
            }
        };
        Ok(Self { probe: probe.clone(), head: Head::new(), channel })
    }

    /// Moves what can be moved without waiting. Says how far it has come, or how it ended.
    pub(super) fn go_on(&mut self, socket: &Socket) -> Result<Stage, Outcome> {
        match &mut self.channel {
            Channel::Plain { request, sent } => plain(&self.probe, &mut self.head, request, sent, socket)?,
            Channel::Tls { connection, received } => {
                encrypted(&self.probe, &mut self.head, connection, received, socket)?;
                if connection.is_handshaking() {
                    return Ok(Stage::Handshake);
                }
            }
        }
        Ok(if self.head.is_empty() { Stage::Waiting } else { Stage::Answering })
    }
}

fn plain(
    probe: &HttpProbe,
    head: &mut Head,
    request: &[u8],
    sent: &mut usize,
    mut socket: &Socket,
) -> Result<(), Outcome> {
    let mut broken = None;
    while let Some(rest) = request.get(*sent..).filter(|rest| !rest.is_empty()) {
        match socket.write(rest) {
            Ok(count) => *sent += count,
            Err(error) => match trouble(&error) {
                Trouble::Again => continue,
                Trouble::Later => break,
                // It may have answered before it closed.
                Trouble::Broken(outcome) => {
                    broken = Some(outcome);
                    break;
                }
            },
        }
    }
    let mut buffer = [0; PIECE];
    loop {
        match socket.read(&mut buffer) {
            // An error is told once: where writing met it, reading finds an end.
            Ok(0) => return Err(broken.unwrap_or(Outcome::ClosedEarly)),
            Ok(count) => {
                if let Some(outcome) = head.read(probe, buffer.get(..count).unwrap_or_default()) {
                    return Err(outcome);
                }
            }
            Err(error) => match trouble(&error) {
                Trouble::Again => {}
                Trouble::Later => return broken.map_or(Ok(()), Err),
                Trouble::Broken(outcome) => return Err(outcome),
            },
        }
    }
}

fn encrypted(
    probe: &HttpProbe,
    head: &mut Head,
    connection: &mut ClientConnection,
    received: &mut usize,
    mut socket: &Socket,
) -> Result<(), Outcome> {
    let mut broken = None;
    let mut ended = false;
    loop {
        while connection.wants_write() && broken.is_none() {
            match connection.write_tls(&mut socket) {
                Ok(_) => {}
                Err(error) => match trouble(&error) {
                    Trouble::Again => {}
                    Trouble::Later => break,
                    // It may have said why before it closed.
                    Trouble::Broken(outcome) => broken = Some(outcome),
                },
            }
        }
        match connection.read_tls(&mut socket) {
            // Told below, after what came before it.
            Ok(0) => {
                ended = true;
                broken.get_or_insert(Outcome::ClosedEarly);
            }
            Ok(count) => *received += count,
            Err(error) => match trouble(&error) {
                Trouble::Again => continue,
                Trouble::Later => return broken.map_or(Ok(()), Err),
                Trouble::Broken(outcome) => return Err(outcome),
            },
        }
        if let Err(error) = connection.process_new_packets() {
            // The alert that says why, if it still gets through.
            let _ = connection.write_tls(&mut socket);
            return Err(Outcome::Tls(tls::problem(&error)));
        }
        if let Some(outcome) = decrypted(probe, head, connection) {
            return Err(outcome);
        }
        if let Some(outcome) = broken.filter(|_| ended) {
            return Err(outcome);
        }
        if *received > MOST_TLS_BYTES {
            return Err(if connection.is_handshaking() {
                Outcome::Tls(TlsProblem::Broken)
            } else {
                Outcome::HeadTooLong
            });
        }
    }
}

/// Reads what has been decrypted.
fn decrypted(probe: &HttpProbe, head: &mut Head, connection: &mut ClientConnection) -> Option<Outcome> {
    let mut buffer = [0; PIECE];
    loop {
        match connection.reader().read(&mut buffer) {
            Ok(0) => return Some(Outcome::ClosedEarly),
            Ok(count) => {
                let outcome = head.read(probe, buffer.get(..count).unwrap_or_default());
                if outcome.is_some() {
                    return outcome;
                }
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return None,
            // The connection ended without a farewell (RFC 8446, section 6.1).
            Err(_) => return Some(Outcome::ClosedEarly),
        }
    }
}

enum Trouble {
    /// A signal came in between.
    Again,
    /// Nothing can be moved now.
    Later,
    /// The connection is over.
    Broken(Outcome),
}

fn trouble(error: &io::Error) -> Trouble {
    match error.raw_os_error() {
        Some(libc::EINTR) => Trouble::Again,
        Some(libc::EAGAIN) => Trouble::Later,
        Some(_) | None => Trouble::Broken(super::connect_error(error)),
    }
}
