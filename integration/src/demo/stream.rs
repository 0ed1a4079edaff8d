//! Requests that go on all the time, so that what an event did to clients can be told afterwards.

use std::collections::BTreeMap;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::node::Node;
use crate::web::WebClient;

use super::stage::seconds;

/// A request counts as lost when there is no connection, or no next part of the answer, in this time. TCP's first
/// repetition comes after one second: one lost packet on a slow machine loses no request.
const PATIENCE: Duration = Duration::from_millis(2500);
/// An answer that took longer than this is worth a word.
const SLOW: Duration = Duration::from_millis(500);
/// Clients that ask independently of each other, so that one that waits does not hold up the rest.
const CLIENTS: usize = 4;

#[derive(Debug)]
struct Request {
    began: Instant,
    took: Duration,
    outcome: Result<String, String>,
}

/// A stream of requests to one address.
#[derive(Debug)]
pub struct Stream {
    requests: Arc<Mutex<Vec<Request>>>,
    stop: Arc<AtomicBool>,
    clients: Vec<JoinHandle<()>>,
}

impl Stream {
    /// Starts asking from each of the addresses in turn, with a pause after each answer.
    #[must_use]
    pub fn start(node: &Node, from: &[IpAddr], to: SocketAddr, pause: Duration) -> Self {
        let (requests, stop) = (Arc::<Mutex<Vec<Request>>>::default(), Arc::<AtomicBool>::default());
        let clients = (0..CLIENTS)
            .map(|number| {
                let mine: Vec<_> = from.iter().copied().skip(number).step_by(CLIENTS).collect();
                let browsers: Vec<_> = mine
                    .into_iter()
                    .map(|address| WebClient::new(node).from(address).timeouts(PATIENCE, PATIENCE))
                    .collect();
                let (requests, stop) = (Arc::clone(&requests), Arc::clone(&stop));
                thread::spawn(move || {
                    for browser in browsers.iter().cycle() {
                        if stop.load(Ordering::Relaxed) {
                            break;
                        }
                        let began = Instant::now();
                        let outcome =
                            browser.ask(to).map(|answer| answer.body).map_err(|error| error.kind().to_string());
                        let took = began.elapsed();
                        requests.lock().expect("no client panics with the list in hand").push(Request {
                            began,
                            took,
                            outcome,
                        });
                        thread::sleep(pause);
                    }
                })
            })
            .collect();
        Stream { requests, stop, clients }
    }

    /// How the requests went that began in a period.
    #[must_use]
    pub fn between(&self, from: Instant, to: Instant) -> Tally {
        let mut tally = Tally::default();
        for request in self.requests.lock().expect("no client panics with the list in hand").iter() {
            if request.began >= from && request.began < to {
                tally.add(&request.outcome);
                tally.slowest = tally.slowest.max(request.took);
            }
        }
        tally
    }

    /// How the requests went that began since a moment, once there are `count` of them (or `limit` has passed).
    #[must_use]
    pub fn next(&self, count: usize, limit: Duration) -> Tally {
        let since = Instant::now();
        loop {
            let tally = self.between(since, Instant::now());
            if tally.all() >= count || since.elapsed() >= limit {
                return tally;
            }
            thread::sleep(Duration::from_millis(10));
        }
    }

    /// Ends the stream.
    pub fn finish(self) {
        self.stop.store(true, Ordering::Relaxed);
        for client in self.clients {
            let _ = client.join();
        }
    }
}

/// How requests went.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally {
    /// Answers, by who gave them.
    pub answered: BTreeMap<String, usize>,
    /// Requests without an answer, by what went wrong.
    pub lost: BTreeMap<String, usize>,
    /// The longest that one took, where that was measured.
    pub slowest: Duration,
}

impl Tally {
    /// Counts one request.
    pub fn add(&mut self, outcome: &Result<String, String>) {
        match outcome {
            Ok(who) => *self.answered.entry(who.clone()).or_default() += 1,
            Err(why) => *self.lost.entry(why.clone()).or_default() += 1,
        }
    }

    /// All requests.
    #[must_use]
    pub fn all(&self) -> usize {
        self.answered.values().sum::<usize>() + self.lost()
    }

    /// Those that were lost.
    #[must_use]
    pub fn lost(&self) -> usize {
        self.lost.values().sum()
    }

    /// There were requests, and none was lost.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.all() > 0 && self.lost() == 0
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |counts: &BTreeMap<String, usize>| {
            let words: Vec<_> = counts.iter().map(|(what, count)| format!("{what} {count}")).collect();
            words.join(", ")
        };
        write!(f, "{} of {} answered", self.all() - self.lost(), self.all())?;
        if !self.answered.is_empty() {
            write!(f, " ({})", list(&self.answered))?;
        }
        match self.lost() {
            0 => write!(f, ", none lost")?,
            lost => write!(f, ", {lost} lost ({})", list(&self.lost))?,
        }
        if self.slowest > SLOW {
            write!(f, ", slowest {}", seconds(self.slowest))?;
        }
        Ok(())
    }
}
