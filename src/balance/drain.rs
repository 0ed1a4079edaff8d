//! A server that is being emptied: no new connection comes to it, those that it has go on, and it is taken out once they have
//! ended or its time is up.
//!
//! ```text
//!   weight 0 ---> counted, some are left ---> ... ---> counted, none is left ---> out of the table
//!                          \                                                   /
//!                           '------------- its time is up --------------------'
//! ```
//!
//! What is counted is what the kernel says of the entry: connections that are established, those that are in any other
//! state (those that were closed are remembered for two minutes more), and clients that persistence binds to it. A client that is bound goes on coming, with new connections too, however
//! low the weight is: that is what persistence promises it, and the kernel breaks the promise only where
//! `net.ipv4.vs.expire_quiescent_template` is 1. So such a server empties as its clients stay away for as long as the
//! service's persistence lasts, or has its time; where that setting is 1 nobody waits for bound clients.
//!
//! A count of 0 is believed only if the entry was seen at weight 0 by the same look: one before that could have missed a
//! connection that came in between.

use std::collections::BTreeMap;
use std::fmt;
use std::time::{Duration, Instant};

use crate::model::{ServerKey, ServiceKey};

/// What a server of the kernel's table has to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Load {
    /// Connections that are established.
    pub established: u64,
    /// Connections in other states: most have been closed, and of UDP all are so.
    pub others: u64,
    /// Clients that persistence binds to it and that will come back to it.
    pub clients: u64,
}

/// Loads that are not nothing, by service and server.
pub type Loads = BTreeMap<(ServiceKey, ServerKey), Load>;

impl Load {
    /// Nothing is left.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self == Self::default()
    }

    /// Both together.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            established: self.established.saturating_add(other.established),
            others: self.others.saturating_add(other.others),
            clients: self.clients.saturating_add(other.clients),
        }
    }
}

impl Load {
    /// Connections, in whatever state.
    #[must_use]
    pub fn connections(self) -> u64 {
        self.established.saturating_add(self.others)
    }
}

impl fmt::Display for Load {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = |f: &mut fmt::Formatter<'_>, number: u64, what: &str| match number {
            1 => write!(f, "1 {what}"),
            number => write!(f, "{number} {what}s"),
        };
        count(f, self.connections(), "connection")?;
        if self.others > 0 {
            write!(f, ", {} of them established", self.established)?;
        }
        if self.clients > 0 {
            f.write_str(" and ")?;
            count(f, self.clients, "bound client")?;
        }
        Ok(())
    }
}

/// Why a drain is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// Nothing was left.
    Empty,
    /// Its time was up, and as far as is known this was left.
    Late(Load),
}

/// The emptying of one server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Drain {
    /// When its time is up; `None`: it has as long as it takes.
    pub until: Option<Instant>,
    /// What was left at the last look; `None`: not counted yet.
    pub left: Option<Load>,
}

impl Drain {
    /// One that begins now.
    #[must_use]
    pub fn new(within: Option<Duration>, now: Instant) -> Self {
        // A time beyond the clock's range is no limit.
        Self { until: within.and_then(|within| now.checked_add(within)), left: None }
    }

    /// A look at its entries: how much they have to do, and whether all of them are at weight 0 or gone.
    pub fn seen(&mut self, load: Load, quiet: bool) -> Option<End> {
        self.left = Some(load);
        (quiet && load.is_empty()).then_some(End::Empty)
    }

    /// Whether its time is up.
    #[must_use]
    pub fn late(&self, now: Instant) -> Option<End> {
        self.until.filter(|until| *until <= now).map(|_| End::Late(self.left.unwrap_or_default()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Looks at a server at these seconds, with its connections and whether it was at weight 0 then: what became of it, when.
    fn timeline(within: Option<u64>, looks: &[(u64, u64, bool)]) -> Option<(u64, End)> {
        let start = Instant::now();
        let mut drain = Drain::new(within.map(Duration::from_secs), start);
        looks.iter().find_map(|(at, connections, quiet)| {
            let late = drain.late(start + Duration::from_secs(*at));
            let end = late.or_else(|| drain.seen(Load { established: *connections, ..Load::default() }, *quiet));
            end.map(|end| (*at, end))
        })
    }

    #[test]
    fn it_ends_when_nothing_is_left_or_its_time_is_up() {
        let left = |connections| End::Late(Load { established: connections, ..Load::default() });
        for (within, looks, end) in [
            (Some(30), &[(0, 3, true), (1, 1, true), (2, 0, true)][..], Some((2, End::Empty))),
            (Some(30), &[(0, 0, false), (1, 0, true)], Some((1, End::Empty))),
            (Some(2), &[(0, 3, true), (1, 2, true), (2, 0, true)], Some((2, left(2)))),
            (Some(0), &[(0, 3, true)], Some((0, left(0)))),
            (None, &[(0, 3, true), (1_000_000, 1, true)], None),
            (None, &[(0, 3, true), (1_000_000, 0, true)], Some((1_000_000, End::Empty))),
            (Some(u64::MAX), &[(0, 3, true), (1_000_000, 0, true)], Some((1_000_000, End::Empty))),
        ] {
            assert_eq!(timeline(within, looks), end, "{within:?} {looks:?}");
        }
    }

    #[test]
    fn what_is_left_is_said_in_words() {
        for (established, others, clients, words) in [
            (0, 0, 0, "0 connections"),
            (1, 0, 0, "1 connection"),
            (2, 3, 0, "5 connections, 2 of them established"),
            (2, 0, 1, "2 connections and 1 bound client"),
            (0, 0, 12, "0 connections and 12 bound clients"),
        ] {
            assert_eq!(Load { established, others, clients }.to_string(), words);
        }
    }
}
