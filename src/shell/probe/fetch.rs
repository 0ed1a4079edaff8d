//! One page, fetched for a person who wants to know what a check would see.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use mio::{Events, Poll, Token};

use super::datagram::Buffer;
use super::settings::Settings;
use super::{Exchange, Outcome, Prober, Progress, Talk, call};
use crate::check::{Input, Machine, Random};
use crate::model::{Check, CheckKind, HttpProbe, Page};

/// What came of it.
#[derive(Debug)]
pub(crate) struct Fetched {
    /// How it ended. What is expected of the page plays no part.
    pub(crate) outcome: Outcome,
    /// The MD5 sum of the page, and that of the bytes as they came where it came in chunks.
    pub(crate) digests: Option<([u8; 16], Option<[u8; 16]>)>,
    /// Bytes of the page as they came.
    pub(crate) length: u64,
    /// The head of the answer, or as much of the answer as fits.
    pub(crate) head: Vec<u8>,
    /// How long it took.
    pub(crate) took: Duration,
}

impl Fetched {
    /// Nobody is there, or this host has no way to that address.
    pub(crate) fn found_nobody(&self) -> bool {
        !self.outcome.was_tried() || self.outcome.is_silence() || self.outcome == Outcome::Refused
    }
}

/// Fetches the first page of a probe, whatever its status is, and takes its digest.
///
/// # Errors
///
/// This host has no file descriptor for it.
pub(crate) fn fetch(probe: &HttpProbe, timeout: Duration) -> io::Result<Fetched> {
    let path = probe.pages.first().map_or_else(|| Page::default().path, |page| page.path.clone());
    // A sum that no page has, so that it is taken.
    let page = Page { path, statuses: vec![(100, 999)], digest: Some([0; 16]), ..Page::default() };
    let probe = Arc::new(HttpProbe { pages: vec![page], ..probe.clone() });
    let check = Check {
        kind: CheckKind::Http(Arc::clone(&probe)),
        interval: Duration::ZERO,
        timeout,
        retry: 0,
        retry_interval: Duration::ZERO,
        warmup: None,
        tells_failures: None,
        pace: None,
    };
    let mut poll = Poll::new()?;
    let prober: Prober<()> = Prober::new(poll.registry().try_clone()?, 0);
    let started = Instant::now();
    let nothing = |outcome| Fetched { outcome, digests: None, length: 0, head: Vec::new(), took: started.elapsed() };
    let exchange = match Exchange::new(&probe, 0, &mut Settings::default()) {
        Ok(Some(exchange)) => exchange,
        Ok(None) => return Ok(nothing(Outcome::ClosedEarly)),
        Err(obstacle) => return Ok(nothing(Outcome::NotTried(obstacle))),
    };
    let mut exchange = Box::new(exchange);
    exchange.record();
    let mut running =
        match call(&probe.connect, prober.ports).and_then(|called| prober.watch(0, (), called, Talk::Http(exchange))) {
            Ok(running) => running,
            Err(outcome) => return Ok(nothing(outcome)),
        };
    // The machine of a check knows what it means when the time ends.
    let (mut machine, mut random) = (Machine::new(Duration::ZERO, started), Random::new(0));
    machine.handle(&check, Input::Wake, &mut random, started);
    let mut events = Events::with_capacity(8);
    let outcome = loop {
        let now = Instant::now();
        machine.handle(&check, Input::Wake, &mut random, now);
        if let Some(outcome) = machine.last() {
            break outcome;
        }
        let left = machine.poll_timeout().map(|at| at.saturating_duration_since(now));
        match poll.poll(&mut events, left) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        }
        if events.is_empty() {
            continue;
        }
        match running.go_on(poll.registry(), Token(0), &mut Buffer::default()) {
            Some(Progress::Done(outcome)) => break outcome,
            Some(Progress::Reached(stage)) => {
                machine.handle(&check, Input::Reached(stage), &mut random, Instant::now());
            }
            None => {}
        }
    };
    let took = started.elapsed();
    let exchange = match &running.talk {
        Talk::None | Talk::Mail(_) | Talk::Datagram(_) | Talk::Path(_) => return Ok(nothing(outcome)),
        Talk::Http(exchange) => exchange,
    };
    let came = last_head(exchange.recorded());
    let end = end_of_head(came);
    let outcome = if outcome == Outcome::Digest { Outcome::Ok } else { outcome };
    Ok(Fetched {
        outcome,
        digests: exchange.answer().digests(),
        length: exchange.answer().taken(),
        head: came.get(..end.unwrap_or(came.len())).unwrap_or_default().to_vec(),
        took,
    })
}

fn end_of_head(bytes: &[u8]) -> Option<usize> {
    bytes.windows(4).position(|four| four == b"\r\n\r\n").or(bytes.windows(2).position(|two| two == b"\n\n"))
}

/// From the head of the answer that counts on: interim answers (RFC 9110, section 15.2) come before it.
fn last_head(mut bytes: &[u8]) -> &[u8] {
    while bytes.get(9) == Some(&b'1')
        && let Some(rest) = end_of_head(bytes).and_then(|end| bytes.get(end..))
    {
        let blank = rest.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
        match rest.get(blank..) {
            Some(next) if !next.is_empty() => bytes = next,
            Some(_) | None => break,
        }
    }
    bytes
}
