//! The file that wishes are kept in, and the times of servers that leave: text, so that a person can read it.
//!
//! ```text
//! ipvsd wishes 1
//! here boot 6c0f2f1e-... netns 4026531840
//! service tcp 192.0.2.1:80
//! also tcp 192.0.2.2:80
//! dealt fwmark 1000
//! server 10.0.0.1:80 disabled
//! server 10.0.0.2:80 weight 5
//! server 10.0.0.3:80 draining
//! server 10.0.0.3:80 draining until 1763760000 within 300
//! server 10.0.0.4:80 drained
//! server 10.0.0.4:80 gone until 1763763600 within 3600
//! server 10.0.0.5:80 leaving until 1763760000 within 30
//! end 10
//! ```
//!
//! `gone` is a wish for a server that the configuration does not name, and until when it is kept. `also` and `dealt` are the other
//! names of a service with a wish: the next configuration may have it under one of those alone. What was `dealt` is one only where
//! it was written, as those that leave are.
//!
//! Unlike the ledger, wishes belong to no boot: a server that somebody has disabled is to stay so, if the file outlives the
//! boot. Those that leave do: `here` says of which boot and network namespace, and in another one an entry of the same name may
//! be anybody's. Ends are told by the wall clock, with how long that was from when the file was written: a clock that was set back
//! meanwhile makes no drain longer. The count at the end shows a file that was cut short.

use std::collections::BTreeMap;
use std::fmt::{self, Write};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{Drain, Hold, Names, Place, Wish, Wishes};
use crate::balance::leaving::Leaver;
use crate::balance::ledger::{Stamp, service_key};
use crate::model::{ServerKey, ServiceKey, Weight};

const HEAD: &str = "ipvsd wishes 1";

/// One moment, by the clock of this process and by the wall's.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    /// Now.
    pub now: Instant,
    /// The same in seconds since 1970.
    pub unix_secs: u64,
}

/// The text is no file of wishes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidWishes {
    /// Line, from 1.
    pub line: usize,
    /// What is wrong there.
    pub problem: &'static str,
}

impl fmt::Display for InvalidWishes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.problem)
    }
}

impl std::error::Error for InvalidWishes {}

/// What one process leaves to the next.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Kept {
    /// What the operator wishes.
    pub wishes: Wishes,
    /// Servers that leave, and how long they may take.
    pub leaving: Vec<(Leaver, Drain)>,
}

impl Kept {
    /// As text, of this boot and namespace.
    #[must_use]
    pub fn to_text(&self, clock: Clock, here: &Stamp) -> String {
        let mut lines: BTreeMap<ServiceKey, Vec<String>> = BTreeMap::new();
        for (service, names) in &self.wishes.names {
            let others = names.others.iter().map(|key| format!("also {key}"));
            let dealt = names.dealt.iter().map(|key| format!("dealt {key}"));
            lines.entry(*service).or_default().extend(others.chain(dealt));
        }
        for ((service, server), wish) in self.wishes.iter() {
            let lines = lines.entry(service).or_default();
            if let Some(weight) = wish.weight {
                lines.push(format!("server {server} weight {weight}"));
            }
            match wish.hold {
                None => {}
                Some(Hold::Disabled) => lines.push(format!("server {server} disabled")),
                Some(Hold::Drained) => lines.push(format!("server {server} drained")),
                Some(Hold::Draining(drain)) => {
                    lines.push(format!("server {server} draining{}", until(drain.until, clock)));
                }
            }
            if wish.forget_at.is_some() {
                lines.push(format!("server {server} gone{}", until(wish.forget_at, clock)));
            }
        }
        for ((service, server), drain) in &self.leaving {
            lines.entry(*service).or_default().push(format!("server {server} leaving{}", until(drain.until, clock)));
        }
        let mut text = format!("{HEAD}\nhere {}\n", here.0);
        let entries: usize = lines.values().map(|lines| lines.len() + 1).sum();
        // Writing to a string does not fail.
        for (service, lines) in lines {
            let _ = writeln!(text, "service {service}\n{}", lines.join("\n"));
        }
        let _ = writeln!(text, "end {entries}");
        text
    }

    /// Reads what [`Kept::to_text`] wrote. Those that left elsewhere, or in another boot, are none of ours.
    ///
    /// # Errors
    /// [`InvalidWishes`] with the first line that is not as it should be.
    pub fn from_text(text: &str, clock: Clock, here: &Stamp) -> Result<Self, InvalidWishes> {
        let mut lines = (1..).zip(text.lines());
        let invalid = |line, problem| InvalidWishes { line, problem };
        match lines.next() {
            Some((_, HEAD)) => {}
            Some((line, _)) => return Err(invalid(line, "not a file of wishes of this version")),
            None => return Err(invalid(1, "the file is empty")),
        }
        let mut kept = Self::default();
        let mut service = None;
        let mut names: BTreeMap<ServiceKey, Names> = BTreeMap::new();
        // A file of an older version does not say where it was written.
        let mut ours = true;
        let (mut entries, mut last) = (0_usize, 1);
        for (line, text) in lines {
            last = line;
            let (word, rest) = text.split_once(' ').ok_or(invalid(line, "one word alone"))?;
            match word {
                "here" => {
                    ours = rest == here.0;
                    continue;
                }
                "service" => service = Some(service_key(rest).ok_or(invalid(line, "not a service"))?),
                "also" | "dealt" => {
                    let service = service.ok_or(invalid(line, "a name before any service"))?;
                    let (key, names) = (service_key(rest).ok_or(invalid(line, "not a service"))?, names.entry(service));
                    let names = names.or_default();
                    if word == "also" { &mut names.others } else { &mut names.dealt }.push(key);
                }
                "server" => {
                    let service = service.ok_or(invalid(line, "a server before any service"))?;
                    let (server, words) = rest.split_once(' ').ok_or(invalid(line, "a server without a wish"))?;
                    let server = server.parse::<SocketAddr>().map_err(|_| invalid(line, "not a server"))?;
                    let server = ServerKey { address: server.ip(), port: server.port() };
                    let words: Vec<_> = words.split(' ').collect();
                    kept.read((service, server), &words, clock).ok_or(invalid(line, "not a wish"))?;
                }
                "end" if rest.parse() == Ok(entries) => {
                    kept.leaving.retain(|_| ours);
                    names.values_mut().for_each(|names| names.dealt.retain(|_| ours));
                    names.retain(|_, names| *names != Names::default());
                    kept.wishes.names = names.into_iter().map(|(key, names)| (key, Arc::new(names))).collect();
                    kept.wishes.prune();
                    return Ok(kept);
                }
                "end" => return Err(invalid(line, "the number of entries is another than the file says")),
                _ => return Err(invalid(line, "an unknown word")),
            }
            entries += 1;
        }
        Err(invalid(last, "the file is cut short"))
    }

    fn read(&mut self, place: Place, words: &[&str], clock: Clock) -> Option<()> {
        let mut wish: Wish = self.wishes.get(place).copied().unwrap_or_default();
        match words {
            ["weight", weight] => wish.weight = Some(Weight::new(weight.parse().ok()?).ok()?),
            ["disabled"] => wish.hold = Some(Hold::Disabled),
            ["drained"] => wish.hold = Some(Hold::Drained),
            ["draining", rest @ ..] => wish.hold = Some(Hold::Draining(Drain::new(within(rest, clock)?, clock.now))),
            ["gone", rest @ ..] => wish.forget_at = Some(clock.now.checked_add(within(rest, clock)??)?),
            ["leaving", rest @ ..] => {
                self.leaving.push((place, Drain::new(within(rest, clock)?, clock.now)));
                return Some(());
            }
            _ => return None,
        }
        self.wishes.put(place, wish);
        Some(())
    }
}

/// ` until 1763760000 within 300`; nothing where there is no end.
fn until(until: Option<Instant>, clock: Clock) -> String {
    let left = |until: Instant| {
        let left = until.saturating_duration_since(clock.now);
        // Not a part of a second less than it was promised.
        left.as_secs().saturating_add(u64::from(left.subsec_nanos() > 0))
    };
    until
        .map(left)
        .map_or_else(String::new, |left| format!(" until {} within {left}", clock.unix_secs.saturating_add(left)))
}

/// How much of it is left; `Some(None)`: as long as it takes.
fn within(words: &[&str], clock: Clock) -> Option<Option<Duration>> {
    match words {
        [] => Some(None),
        ["until", until, "within", most] => {
            let (until, most): (u64, u64) = (until.parse().ok()?, most.parse().ok()?);
            Some(Some(Duration::from_secs(until.saturating_sub(clock.unix_secs).min(most))))
        }
        _ => None,
    }
}
