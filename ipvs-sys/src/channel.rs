//! The request engine: one socket, explicit sequence numbers, a deadline for every wait.
//!
//! Three kinds of exchange go over a channel.
//!
//! * A **batch** is many commands in one send. The kernel handles them in order, before `send` even returns, and always reports errors.
//!   Asking for an acknowledgement of each would double the cost, so only one is asked for: that of a barrier, a message behind the
//!   commands that does nothing. When it is in, and nothing was lost on the way, silence about a command means success. In every
//!   other case silence means nothing, and the command is [`Outcome::Unknown`].
//! * A **request** has one answer.
//! * A **dump** has any number of rows and an end. One at a time goes over a socket; the kernel answers EBUSY to a second.
//!
//! Answers are matched by sequence and port number. Those of an exchange that was given up carry an older number and are
//! ignored.

use crate::batch::{BatchOutcome, NotSent, Outcome};
use crate::command::{Command, CommandKind};
use crate::dump::Dump;
use crate::error::{CommandError, DumpError, Loss, Malformed, RequestError};
use crate::message::{Asking, Payload, append_barrier, append_family_lookup, append_ipvs, payload};
use crate::reply::{Body, Reply, Verdict, replies};
use crate::transport::{Limits, ReceiveError, Transport};
use nix::libc;
use std::io;
use std::time::{Duration, Instant};

/// Larger than the longest datagram of a dump, which the kernel caps at 32 KiB.
const RECEIVE_BUFFER: usize = 64 * 1024;

pub(crate) struct Channel {
    transport: Box<dyn Transport>,
    limits: Limits,
    /// The number of the IPVS family; 0 until it is known.
    family: u16,
    next_sequence: u32,
    /// How long one wait for an answer may take.
    patience: Duration,
    outgoing: Vec<u8>,
    incoming: Vec<u8>,
    /// A dump was given up: the kernel may still be at it.
    unfinished: bool,
}

/// The commands that went out in one send.
struct Chunk {
    first_sequence: u32,
    commands: usize,
}

impl Channel {
    pub(crate) fn new(transport: Box<dyn Transport>, patience: Duration) -> Self {
        let limits = transport.limits();
        Self {
            limits: Limits { bytes: limits.bytes.max(1), requests: limits.requests.max(1) },
            transport,
            family: 0,
            next_sequence: 1,
            patience,
            // Never moved while a batch is written.
            outgoing: Vec::with_capacity(limits.bytes.min(1 << 20) + 1024),
            incoming: vec![0; RECEIVE_BUFFER],
            unfinished: false,
        }
    }

    pub(crate) fn set_family(&mut self, family: u16) {
        self.family = family;
    }

    pub(crate) fn set_patience(&mut self, patience: Duration) {
        self.patience = patience;
    }

    fn take_sequence(&mut self) -> u32 {
        let sequence = self.next_sequence;
        self.next_sequence = self.next_sequence.wrapping_add(1);
        sequence
    }

    // ---- batches

    /// Sends every command, in as few sends as the buffers allow, and says what became of each.
    pub(crate) fn apply(&mut self, commands: &[Command]) -> BatchOutcome {
        let mut outcome = BatchOutcome { outcomes: Vec::with_capacity(commands.len()), sends: 0 };
        while let Some(rest @ [_, ..]) = commands.get(outcome.outcomes.len()..) {
            let chunk = self.encode(rest);
            match self.transport.send(&self.outgoing) {
                Ok(()) => outcome.sends += 1,
                Err(error) if chunk.commands > 1 && too_large(&error) => {
                    // Nothing of it was done. Smaller from now on.
                    self.limits.requests = (chunk.commands / 2).max(1);
                    continue;
                }
                Err(error) => {
                    outcome.outcomes.push(Outcome::NotSent(NotSent::Refused { errno: number(&error) }));
                    break;
                }
            }
            let asked = rest.get(..chunk.commands).unwrap_or_default();
            let answers = self.collect(&chunk, asked);
            let uncertain = answers.iter().any(|answer| matches!(answer, Outcome::Unknown(_)));
            outcome.outcomes.extend(answers);
            if uncertain {
                // The order of a batch is its safety, and a socket that loses answers would be waited for again and again.
                self.limits.requests = (chunk.commands / 2).max(1);
                break;
            }
        }
        outcome.outcomes.resize(commands.len(), Outcome::NotSent(NotSent::Stopped));
        outcome
    }

    /// Writes as many of `commands` as one send may carry, and the barrier.
    fn encode(&mut self, commands: &[Command]) -> Chunk {
        self.outgoing.clear();
        let first_sequence = self.next_sequence;
        let mut count = 0;
        for command in commands.iter().take(self.limits.requests) {
            let start = self.outgoing.len();
            append_ipvs(&mut self.outgoing, self.family, &payload(command), self.next_sequence, Asking::Nothing);
            if count > 0 && self.outgoing.len() > self.limits.bytes {
                self.outgoing.truncate(start);
                break;
            }
            self.take_sequence();
            count += 1;
        }
        let barrier = self.take_sequence();
        append_barrier(&mut self.outgoing, barrier);
        Chunk { first_sequence, commands: count }
    }

    /// Reads the answers to a chunk.
    fn collect(&mut self, chunk: &Chunk, commands: &[Command]) -> Vec<Outcome> {
        let mut answers = Answers { to: vec![None; chunk.commands], barrier: false };
        let mut loss: Option<Loss> = None;
        let until = Instant::now() + self.patience;
        loop {
            // Behind the barrier, and after an overrun, whatever there is is in the queue already: the kernel answers within send.
            let settled = answers.barrier || loss == Some(Loss::Overrun);
            match self.receive(if settled { None } else { Some(until) }) {
                Ok(length) => {
                    let datagram = self.incoming.get(..length).unwrap_or_default();
                    if let Err(lost) = answers.note(datagram, self.transport.port(), chunk) {
                        loss.get_or_insert(lost);
                    }
                }
                Err(Loss::TimedOut(_)) if settled => break,
                Err(lost @ (Loss::TimedOut(_) | Loss::Receive { .. })) => {
                    loss.get_or_insert(lost);
                    break;
                }
                Err(Loss::Overrun) => loss = Some(Loss::Overrun),
                Err(lost @ (Loss::Truncated | Loss::Malformed(_))) => {
                    loss.get_or_insert(lost);
                }
            }
            if Instant::now() >= until {
                // Endless chatter that is not for us.
                if !answers.barrier {
                    loss.get_or_insert(Loss::TimedOut(self.patience));
                }
                break;
            }
        }
        let outcome = |(answer, command): (Option<Verdict>, &Command)| match (answer, &loss) {
            (Some(verdict), _) if verdict.errno == 0 => Outcome::Done,
            (Some(verdict), _) => Outcome::Failed(refusal(command.kind(), verdict).about(command)),
            (None, None) => Outcome::Done,
            (None, Some(loss)) => Outcome::Unknown(loss.clone()),
        };
        answers.to.into_iter().zip(commands).map(outcome).collect()
    }

    // ---- single requests

    /// Asks for the number of the IPVS family.
    pub(crate) fn family_lookup<T>(&mut self, read: impl Fn(&[u8]) -> Result<T, Malformed>) -> Result<T, RequestError> {
        self.outgoing.clear();
        let sequence = self.take_sequence();
        append_family_lookup(&mut self.outgoing, sequence);
        self.exchange(CommandKind::GetFamily, sequence, read)
    }

    /// Asks one question that has one answer.
    pub(crate) fn request<T>(
        &mut self,
        kind: CommandKind,
        payload: Payload,
        read: impl Fn(&[u8]) -> Result<T, Malformed>,
    ) -> Result<T, RequestError> {
        self.outgoing.clear();
        let sequence = self.take_sequence();
        append_ipvs(&mut self.outgoing, self.family, &payload, sequence, Asking::Nothing);
        self.exchange(kind, sequence, read)
    }

    fn exchange<T>(
        &mut self,
        command: CommandKind,
        sequence: u32,
        read: impl Fn(&[u8]) -> Result<T, Malformed>,
    ) -> Result<T, RequestError> {
        let lost = |loss| RequestError::Lost { command, loss };
        if let Err(error) = self.transport.send(&self.outgoing) {
            return Err(RequestError::NotSent { command, errno: number(&error) });
        }
        let until = Instant::now() + self.patience;
        loop {
            let length = self.receive(Some(until)).map_err(lost)?;
            for reply in replies(self.incoming.get(..length).unwrap_or_default()) {
                let reply = reply.map_err(|error| lost(Loss::Malformed(error)))?;
                if !is_for(&reply, sequence, self.transport.port()) {
                    continue;
                }
                match reply.body {
                    Body::Family { command: answer, attributes, .. } if command.answer() == Some(answer) => {
                        return read(attributes).map_err(|error| lost(Loss::Malformed(error)));
                    }
                    Body::Verdict(verdict) | Body::Done(verdict) if verdict.errno != 0 => {
                        return Err(refusal(command, verdict).into());
                    }
                    Body::Verdict(_) | Body::Done(_) => {
                        return Err(lost(Loss::Malformed(Malformed::new("an end without an answer"))));
                    }
                    Body::Overrun => return Err(lost(Loss::Overrun)),
                    Body::Family { .. } | Body::Noop => {}
                }
            }
            if Instant::now() >= until {
                return Err(lost(Loss::TimedOut(self.patience)));
            }
        }
    }

    // ---- dumps

    /// Asks for every row, and gives them only if the dump ended cleanly.
    pub(crate) fn dump<T>(
        &mut self,
        command: CommandKind,
        payload: Payload,
        read: impl Fn(&[u8]) -> Result<T, Malformed>,
    ) -> Result<Dump<T>, DumpError> {
        self.settle();
        self.outgoing.clear();
        let sequence = self.take_sequence();
        append_ipvs(&mut self.outgoing, self.family, &payload, sequence, Asking::Dump);
        if let Err(error) = self.transport.send(&self.outgoing) {
            return Err(DumpError::NotSent { command, errno: number(&error) });
        }
        self.unfinished = true;
        let mut gathering = Gathering { command, sequence, family: self.family, rows: Vec::new(), fault: None };
        // A whole dump may take longer than one wait, but not for ever: the table may grow as fast as it is read.
        let limit = self.patience.saturating_mul(12);
        let end = Instant::now() + limit;
        loop {
            let now = Instant::now();
            if now >= end {
                return Err(gathering.fault.unwrap_or(DumpError::Endless { command, limit }));
            }
            // After an overrun the end itself may be among what was thrown away; it is not waited for.
            let overrun = matches!(gathering.fault, Some(DumpError::Lost { loss: Loss::Overrun, .. }));
            let until = if overrun { None } else { Some(now + self.patience) };
            match self.receive(until) {
                Ok(length) => {
                    let datagram = self.incoming.get(..length).unwrap_or_default();
                    if gathering.take(datagram, self.transport.port(), &read) {
                        self.unfinished = false;
                        return match gathering.fault {
                            None => Ok(Dump::of_clean_rows(gathering.rows)),
                            Some(fault) => Err(fault),
                        };
                    }
                }
                Err(loss @ (Loss::TimedOut(_) | Loss::Receive { .. })) => {
                    return Err(gathering.fault.unwrap_or(DumpError::Lost { command, loss }));
                }
                Err(loss @ (Loss::Overrun | Loss::Truncated | Loss::Malformed(_))) => {
                    gathering.note(DumpError::Lost { command, loss });
                }
            }
        }
    }

    /// Reads away what a dump that was given up may still be sending. Reading is what makes the kernel go on with it.
    fn settle(&mut self) {
        if !self.unfinished {
            return;
        }
        let end = Instant::now() + self.patience;
        while Instant::now() < end {
            match self.receive(None) {
                Ok(_) | Err(Loss::Overrun | Loss::Truncated | Loss::Malformed(_)) => {}
                Err(Loss::TimedOut(_) | Loss::Receive { .. }) => break,
            }
        }
        self.unfinished = false;
    }

    fn receive(&mut self, until: Option<Instant>) -> Result<usize, Loss> {
        match self.transport.receive(&mut self.incoming, until) {
            Ok(length) => Ok(length),
            Err(ReceiveError::Nothing) => Err(Loss::TimedOut(self.patience)),
            Err(ReceiveError::Overrun) => Err(Loss::Overrun),
            Err(ReceiveError::Truncated) => Err(Loss::Truncated),
            Err(ReceiveError::Failed(error)) => Err(Loss::Receive { errno: number(&error) }),
        }
    }
}

/// A dump in progress.
struct Gathering<T> {
    command: CommandKind,
    sequence: u32,
    family: u16,
    rows: Vec<T>,
    /// The first thing that makes the dump worthless. Reading goes on, so that the socket is clean for the next.
    fault: Option<DumpError>,
}

impl<T> Gathering<T> {
    fn note(&mut self, fault: DumpError) {
        // An overrun is remembered even behind another fault, since it changes what is waited for.
        let overrun = matches!(fault, DumpError::Lost { loss: Loss::Overrun, .. });
        if self.fault.is_none() || overrun {
            self.fault = Some(fault);
        }
    }

    fn malformed(&mut self, error: Malformed) {
        self.note(DumpError::Lost { command: self.command, loss: Loss::Malformed(error) });
    }

    /// Takes a datagram. True when the dump is at its end.
    fn take(&mut self, datagram: &[u8], port: u32, read: impl Fn(&[u8]) -> Result<T, Malformed>) -> bool {
        for reply in replies(datagram) {
            let reply = match reply {
                Ok(reply) => reply,
                Err(error) => {
                    self.malformed(error);
                    continue;
                }
            };
            if !is_for(&reply, self.sequence, port) {
                continue;
            }
            if reply.interrupted {
                self.note(DumpError::Interrupted { command: self.command });
            }
            match reply.body {
                Body::Family { kind, command, attributes }
                    if kind == self.family && self.command.answer() == Some(command) =>
                {
                    match read(attributes) {
                        Ok(row) if self.fault.is_none() => self.rows.push(row),
                        Ok(_) => {}
                        Err(error) => self.malformed(error),
                    }
                }
                Body::Done(verdict) if verdict.errno == 0 => return true,
                Body::Done(verdict) | Body::Verdict(verdict) if verdict.errno != 0 => {
                    // The refusal says more than whatever went wrong before it.
                    self.fault = Some(refusal(self.command, verdict).into());
                    return true;
                }
                Body::Overrun => self.note(DumpError::Lost { command: self.command, loss: Loss::Overrun }),
                Body::Family { .. } | Body::Done(_) | Body::Verdict(_) | Body::Noop => {}
            }
        }
        false
    }
}

fn is_for(reply: &Reply<'_>, sequence: u32, port: u32) -> bool {
    // An overrun is about the socket, not about a request.
    reply.body == Body::Overrun || (reply.sequence == sequence && reply.port == port)
}

/// What has come back of a chunk.
struct Answers {
    /// By the command's index in the chunk.
    to: Vec<Option<Verdict>>,
    /// The barrier's acknowledgement is in.
    barrier: bool,
}

impl Answers {
    /// Enters the answers of one datagram.
    fn note(&mut self, datagram: &[u8], port: u32, chunk: &Chunk) -> Result<(), Loss> {
        for reply in replies(datagram) {
            let reply = reply.map_err(Loss::Malformed)?;
            match reply.body {
                Body::Overrun => return Err(Loss::Overrun),
                Body::Verdict(verdict) if reply.port == port => {
                    let index = usize::try_from(reply.sequence.wrapping_sub(chunk.first_sequence));
                    let index = index.unwrap_or(usize::MAX);
                    match self.to.get_mut(index) {
                        // An error stands, whatever else is said of the same command.
                        Some(Some(earlier)) if earlier.errno != 0 => {}
                        Some(place) => *place = Some(verdict),
                        None => self.barrier |= index == chunk.commands,
                    }
                }
                Body::Verdict(_) | Body::Done(_) | Body::Noop | Body::Family { .. } => {}
            }
        }
        Ok(())
    }
}

fn refusal(command: CommandKind, verdict: Verdict) -> CommandError {
    CommandError::new(command, verdict.errno).with_kernel(verdict.message, verdict.offset)
}

/// The kernel had no room for a datagram of this size.
fn too_large(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::EMSGSIZE | libc::ENOBUFS | libc::ENOMEM))
}

fn number(error: &io::Error) -> i32 {
    error.raw_os_error().unwrap_or(libc::EIO)
}

#[cfg(test)]
mod tests;
