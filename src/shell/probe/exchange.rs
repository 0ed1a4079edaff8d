//! One request and its answer over a connection, with or without TLS.

use std::io::{self, Read, Write};
use std::sync::Arc;

use nix::libc;
use rustls::ClientConnection;
use socket2::Socket;

use super::settings::Settings;
use super::tls;
use crate::check::http::{Answer, LONGEST_HEAD, request};
use crate::check::{Obstacle, Outcome, Stage, TlsProblem};
use crate::model::{HttpProbe, Page};
use crate::pattern::Pattern;

/// Bytes that a server that speaks TLS may send beside what it says: certificates, above all.
const MOST_TLS_BYTES: usize = 256 * 1024;
/// ... and for each byte that it says: the head of a record, its sum and its padding.
const MOST_TLS_FRAMING: usize = 32;
/// Bytes read at once.
const PIECE: usize = 16 * 1024;
/// Bytes read in one turn: whoever sends without end does not keep all others waiting.
const MOST_AT_ONCE: usize = 256 * 1024;

/// One request and its answer.
#[derive(Debug)]
pub(super) struct Exchange {
    talk: Talk,
    channel: Channel,
}

/// What is asked for, and what has come of it.
#[derive(Debug)]
struct Talk {
    probe: Arc<HttpProbe>,
    /// The page's place among those of the probe.
    page: usize,
    pattern: Option<Arc<Pattern>>,
    answer: Answer,
    /// The first bytes that came, if somebody wants to see them.
    record: Option<Vec<u8>>,
}

#[derive(Debug)]
enum Channel {
    /// The request, and how much of it is sent.
    Plain { request: Vec<u8>, sent: usize },
    /// The request is inside, and leaves when the handshake is over.
    Tls { connection: Box<ClientConnection>, received: usize, delivered: usize },
}

/// How far an exchange has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// So far; it waits for the other side.
    Waits(Stage),
    /// So far; there is more to read, when others have had their turn.
    GoesOn(Stage),
}

impl Exchange {
    /// Makes ready to ask for a page of a probe; none: it has no such page.
    pub(super) fn new(probe: &Arc<HttpProbe>, page: usize, settings: &mut Settings) -> Result<Option<Self>, Obstacle> {
        let Some(asked) = probe.pages.get(page) else { return Ok(None) };
        let pattern = asked.expression.as_deref().map(|expression| settings.pattern(expression)).transpose()?;
        let request = request(probe, asked);
        let channel = match &probe.tls {
            None => Channel::Plain { request, sent: 0 },
            Some(tls) => {
                let mut connection = settings.tls.connection(tls, probe.host_of(asked), probe.connect.target.ip())?;
                // It goes into a buffer of its own, which takes more than this.
                let _ = connection.writer().write_all(&request);
                Channel::Tls { connection: Box::new(connection), received: 0, delivered: 0 }
            }
        };
        let talk = Talk { probe: Arc::clone(probe), page, pattern, answer: Answer::new(), record: None };
        Ok(Some(Self { talk, channel }))
    }

    /// The same for the page after this one.
    pub(super) fn next(&self, settings: &mut Settings) -> Result<Option<Self>, Obstacle> {
        Self::new(&self.talk.probe, self.talk.page + 1, settings)
    }

    /// What is asked.
    pub(super) fn probe(&self) -> &Arc<HttpProbe> {
        &self.talk.probe
    }

    /// What has come of it.
    pub(super) fn answer(&self) -> &Answer {
        &self.talk.answer
    }

    /// From now on, keeps the first bytes that come.
    pub(super) fn record(&mut self) {
        self.talk.record = Some(Vec::new());
    }

    /// The first bytes that came.
    pub(super) fn recorded(&self) -> &[u8] {
        self.talk.record.as_deref().unwrap_or_default()
    }

    /// Moves what can be moved without waiting. Says how far it has come, or how it ended.
    pub(super) fn go_on(&mut self, socket: &Socket) -> Result<Step, Outcome> {
        let more = match &mut self.channel {
            Channel::Plain { request, sent } => plain(&mut self.talk, request, sent, socket)?,
            Channel::Tls { connection, received, delivered } => {
                let more = encrypted(&mut self.talk, connection, received, delivered, socket)?;
                if connection.is_handshaking() {
                    return Ok(Step::Waits(Stage::Handshake));
                }
                more
            }
        };
        let stage = if self.talk.answer.is_empty() { Stage::Waiting } else { Stage::Answering };
        Ok(if more { Step::GoesOn(stage) } else { Step::Waits(stage) })
    }
}

impl Talk {
    fn read(&mut self, bytes: &[u8]) -> Result<(), Outcome> {
        let Self { probe, page, pattern, answer, record } = self;
        if let Some(record) = record {
            let room = LONGEST_HEAD.saturating_sub(record.len());
            record.extend_from_slice(bytes.get(..room).unwrap_or(bytes));
        }
        let Some(page) = probe.pages.get(*page) else { return Ok(()) };
        answer.read(page, pattern.as_deref(), bytes).map_or(Ok(()), Err)
    }

    fn ended(&self, farewell: bool) -> Outcome {
        let page: Option<&Page> = self.probe.pages.get(self.page);
        page.map_or(Outcome::ClosedEarly, |page| self.answer.ended(page, self.pattern.as_deref(), farewell))
    }
}

/// Whether there is more to read.
fn plain(talk: &mut Talk, request: &[u8], sent: &mut usize, mut socket: &Socket) -> Result<bool, Outcome> {
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
    let mut taken = 0;
    while taken < MOST_AT_ONCE {
        match socket.read(&mut buffer) {
            // An error is told once: where writing met it, reading finds an end.
            Ok(0) => return Err(broken.unwrap_or_else(|| talk.ended(true))),
            Ok(count) => {
                taken += count;
                talk.read(buffer.get(..count).unwrap_or_default())?;
            }
            Err(error) => match trouble(&error) {
                Trouble::Again => {}
                Trouble::Later => return broken.map_or(Ok(false), Err),
                Trouble::Broken(outcome) => return Err(outcome),
            },
        }
    }
    Ok(true)
}

/// Whether there is more to read.
fn encrypted(
    talk: &mut Talk,
    connection: &mut ClientConnection,
    received: &mut usize,
    delivered: &mut usize,
    mut socket: &Socket,
) -> Result<bool, Outcome> {
    let mut broken = None;
    let mut ended = false;
    let before = *received;
    while *received - before < MOST_AT_ONCE {
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
                Trouble::Later => return broken.map_or(Ok(false), Err),
                Trouble::Broken(outcome) => return Err(outcome),
            },
        }
        if let Err(error) = connection.process_new_packets() {
            // The alert that says why, if it still gets through.
            let _ = connection.write_tls(&mut socket);
            return Err(Outcome::Tls(tls::problem(&error)));
        }
        *delivered += decrypted(talk, connection)?;
        if let Some(outcome) = broken.filter(|_| ended) {
            return Err(outcome);
        }
        if *received > MOST_TLS_BYTES + delivered.saturating_mul(MOST_TLS_FRAMING) {
            return Err(Outcome::Tls(TlsProblem::Broken));
        }
    }
    Ok(true)
}

/// Reads what has been decrypted; gives how much that was.
fn decrypted(talk: &mut Talk, connection: &mut ClientConnection) -> Result<usize, Outcome> {
    let mut buffer = [0; PIECE];
    let mut taken = 0;
    loop {
        match connection.reader().read(&mut buffer) {
            Ok(0) => return Err(talk.ended(true)),
            Ok(count) => {
                taken += count;
                talk.read(buffer.get(..count).unwrap_or_default())?;
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(taken),
            // The connection ended without a farewell (RFC 8446, section 6.1).
            Err(_) => return Err(talk.ended(false)),
        }
    }
}

pub(super) enum Trouble {
    /// A signal came in between.
    Again,
    /// Nothing can be moved now.
    Later,
    /// The connection is over.
    Broken(Outcome),
}

pub(super) fn trouble(error: &io::Error) -> Trouble {
    match error.raw_os_error() {
        Some(libc::EINTR) => Trouble::Again,
        Some(libc::EAGAIN) => Trouble::Later,
        Some(_) | None => Trouble::Broken(super::connect_error(error)),
    }
}
