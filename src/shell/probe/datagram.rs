//! One datagram and its answer: a question to a name server, bytes over UDP, a ping.
//!
//! What a router or the host itself says against it is heard too (`IP_RECVERR`): without that the kernel keeps "host
//! unreachable" to itself, and a server that is gone would look like one that has nothing to say.

use std::io::{self, Read, Write};

use nix::libc;
use nix::sys::socket::setsockopt;
use nix::sys::socket::sockopt::{Ipv4RecvErr, Ipv6RecvErr};
use socket2::{Domain, Protocol, Socket, Type};

use super::exchange::Step;
use super::{connect_error, obstacle, prepare};
use crate::check::dns::Query;
use crate::check::ping::{Ping, behind_ip};
use crate::check::{Obstacle, Outcome, Random, Stage, udp};
use crate::model::{Connect, DnsProbe, Family, UdpProbe};

/// The longest datagram that there is, and one byte.
const LONGEST: usize = 65_536;
/// Bytes that are sent where nobody says which.
const PAYLOAD: usize = 32;
/// Datagrams that are read in one turn: whoever sends more has to wait for the others.
const MOST_AT_ONCE: usize = 16;

/// Where a datagram of any length is read into. It has its room from the first one on: most hosts check nobody in this way.
#[derive(Debug, Default)]
pub(super) struct Buffer(Vec<u8>);

impl Buffer {
    fn room(&mut self) -> &mut [u8] {
        self.0.resize(LONGEST, 0);
        &mut self.0
    }
}

/// A question, and whether it is asked.
#[derive(Debug)]
pub(super) struct Datagram {
    question: Question,
    is_sent: bool,
    /// Something came that answers nothing.
    strange: bool,
}

#[derive(Debug)]
enum Question {
    Dns(Query),
    Udp {
        probe: UdpProbe,
        payload: Vec<u8>,
    },
    Ping {
        ping: Ping,
        /// Packets come with their IP header.
        with_header: bool,
    },
}

impl Datagram {
    pub(super) fn dns(probe: &DnsProbe, random: &mut Random) -> Result<(Socket, Self), Obstacle> {
        let [high, low, ..] = random.bits().to_be_bytes();
        let query = Query::new(u16::from_be_bytes([high, low]), &probe.name, probe.kind);
        Ok((udp_socket(&probe.connect)?, Self::new(Question::Dns(query))))
    }

    pub(super) fn udp(probe: &UdpProbe, random: &mut Random) -> Result<(Socket, Self), Obstacle> {
        let payload = probe.payload.clone().unwrap_or_else(|| {
            let words = std::iter::repeat_with(|| random.bits().to_be_bytes());
            words.flatten().take(PAYLOAD).collect()
        });
        Ok((udp_socket(&probe.connect)?, Self::new(Question::Udp { probe: probe.clone(), payload })))
    }

    pub(super) fn ping(connect: &Connect, random: &mut Random) -> Result<(Socket, Self), Obstacle> {
        let family = Family::of(connect.target.ip());
        let (socket, raw) = ping_socket(connect)?;
        let nonce = u128::from(random.bits()) << 64 | u128::from(random.bits());
        let ping = Ping::new(family, nonce.to_be_bytes(), !raw);
        Ok((socket, Self::new(Question::Ping { ping, with_header: raw && family == Family::V4 })))
    }

    fn new(question: Question) -> Self {
        Self { question, is_sent: false, strange: false }
    }

    /// Moves what can be moved without waiting. Says how far it has come, or how it ended.
    pub(super) fn go_on(&mut self, mut socket: &Socket, buffer: &mut Buffer) -> Result<Step, Outcome> {
        if !self.is_sent {
            let sent = match &self.question {
                Question::Dns(query) => socket.write(query.bytes()),
                Question::Udp { payload, .. } => socket.write(payload),
                Question::Ping { ping, .. } => socket.write(&ping.bytes()),
            };
            match sent {
                Ok(_) => self.is_sent = true,
                Err(error) if is_later(&error) => return Ok(Step::Waits(Stage::Connecting)),
                Err(error) => return Err(refusal(&error)),
            }
            // Whatever comes back wakes us again.
            return Ok(Step::Waits(self.stage()));
        }
        let buffer = buffer.room();
        for _ in 0..MOST_AT_ONCE {
            match socket.read(buffer) {
                Ok(length) => match self.hear(buffer.get(..length).unwrap_or_default()) {
                    Some(outcome) => return Err(outcome),
                    None => continue,
                },
                Err(error) if is_later(&error) => return Ok(Step::Waits(self.stage())),
                // The way turned out to be narrower: what was sent fits, and what was too long to come is not ours.
                Err(error) if error.raw_os_error() == Some(libc::EMSGSIZE) => continue,
                Err(error) => return Err(refusal(&error)),
            }
        }
        Ok(Step::GoesOn(self.stage()))
    }

    fn hear(&mut self, datagram: &[u8]) -> Option<Outcome> {
        match &self.question {
            Question::Dns(query) => {
                let outcome = query.judge(datagram);
                self.strange |= outcome.is_none();
                outcome
            }
            Question::Udp { probe, .. } => Some(udp::judge(probe, datagram)),
            // A raw socket is given every ICMP message from there, our own to ourselves among them.
            Question::Ping { ping, with_header: true } => ping.judge(behind_ip(datagram)),
            Question::Ping { ping, with_header: false } => ping.judge(datagram),
        }
    }

    fn stage(&self) -> Stage {
        match &self.question {
            Question::Udp { probe: UdpProbe { reply: None, .. }, .. } => Stage::Unopposed,
            Question::Dns(_) if self.strange => Stage::Strange,
            Question::Dns(_) | Question::Udp { .. } | Question::Ping { .. } => Stage::Connecting,
        }
    }
}

fn is_later(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::EAGAIN | libc::EINTR))
}

/// What an error says where there is no connection to refuse.
fn refusal(error: &io::Error) -> Outcome {
    match error.raw_os_error() {
        Some(libc::ECONNREFUSED) => Outcome::PortUnreachable,
        Some(_) | None => connect_error(error),
    }
}

fn udp_socket(connect: &Connect) -> Result<Socket, Obstacle> {
    let domain = Domain::for_address(connect.target);
    let socket = Socket::new(domain, Type::DGRAM.nonblocking(), Some(Protocol::UDP));
    let socket = socket.map_err(|error| obstacle(&error, Obstacle::Ports))?;
    hear_errors(&socket, connect);
    prepare(&socket, connect, connect.source_port)?;
    Ok(socket)
}

/// A socket that may only ping, which needs no privilege where `net.ipv4.ping_group_range` has our group; else a raw one,
/// which needs CAP_NET_RAW (true), so that no setting of the host has to be changed.
fn ping_socket(connect: &Connect) -> Result<(Socket, bool), Obstacle> {
    let domain = Domain::for_address(connect.target);
    let protocol = match Family::of(connect.target.ip()) {
        Family::V4 => Protocol::ICMPV4,
        Family::V6 => Protocol::ICMPV6,
    };
    let refused = |error: &io::Error| matches!(error.raw_os_error(), Some(libc::EACCES | libc::EPERM));
    let (socket, raw) = match Socket::new(domain, Type::DGRAM.nonblocking(), Some(protocol)) {
        Err(error) if refused(&error) => (Socket::new(domain, Type::RAW.nonblocking(), Some(protocol)), true),
        made => (made, false),
    };
    let socket = socket.map_err(|error| match refused(&error) {
        true => Obstacle::Ping,
        false => obstacle(&error, Obstacle::Ports),
    })?;
    hear_errors(&socket, connect);
    // What is a port elsewhere is the identifier here, and the kernel's to choose.
    prepare(&socket, connect, None)?;
    Ok((socket, raw))
}

fn hear_errors(socket: &Socket, connect: &Connect) {
    // Without it less is known, and the check is as good as before.
    let _ = match Family::of(connect.target.ip()) {
        Family::V4 => setsockopt(socket, Ipv4RecvErr, &true),
        Family::V6 => setsockopt(socket, Ipv6RecvErr, &true),
    };
}
