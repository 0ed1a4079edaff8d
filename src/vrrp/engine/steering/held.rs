//! A route or a rule of the configuration, and what is known of it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{FIRST_RETRY, OWN_PROTOCOL, SHORTEST_RETRY, Steering};
use crate::model::Route;
use crate::vrrp::engine::instance::Serial;

/// What is known of one of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Presence {
    /// Nothing (any more).
    #[default]
    Unknown,
    /// It is on.
    Yes,
    /// It is not.
    No,
}

/// Whether what is ours is written down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Claim {
    /// It is not: as long as it is not on, others may well have one that is equal, or they have.
    #[default]
    None,
    /// It is to be, and is put on once it is.
    Asked,
    /// It is, or it was waited for long enough.
    Made,
}

/// Who wishes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Owner {
    /// The host: `static_routes`, `static_rules`.
    Host,
    /// A router, by its place in the list.
    Router(usize),
}

/// A route or a rule of the configuration.
#[derive(Debug)]
pub(in super::super) struct Held {
    pub(super) id: u64,
    pub(super) what: Arc<Steering>,
    /// The router whose own link it goes through, where the route names none but needs one.
    pub(super) homed: Option<Serial>,
    pub(super) owners: Vec<Owner>,
    /// What was put on: the same, with the table of its VRF as that was then.
    pub(super) placed: Arc<Steering>,
    /// Links of its hops, as it was put on; 0 for the kernel's choice.
    pub(super) links: Vec<u32>,
    /// Whether it is written down that it is ours.
    pub(super) claim: Claim,
    /// A predecessor left it.
    pub(super) left: bool,
    pub(super) presence: Presence,
    /// It waits for its turn to be put on.
    pub(super) queued: bool,
    /// We put it on, or a predecessor did.
    pub(super) ours: bool,
    /// Somebody took it off.
    pub(super) lost: bool,
    pub(super) problem: Option<String>,
    pub(super) tried_at: Option<Instant>,
    pub(super) retry_at: Option<Instant>,
    pub(super) backoff: Duration,
    pub(super) put_back_at: Option<Instant>,
}

impl Held {
    pub(super) fn new(id: u64, what: Arc<Steering>, homed: Option<Serial>) -> Self {
        // Whoever has given one a number that is not ours has said that others may have one that is equal.
        let claim = if what.protocol() == OWN_PROTOCOL { Claim::Asked } else { Claim::None };
        Self {
            id,
            placed: Arc::clone(&what),
            what,
            homed,
            owners: Vec::new(),
            links: Vec::new(),
            claim,
            left: false,
            presence: Presence::Unknown,
            queued: false,
            ours: false,
            lost: false,
            problem: None,
            tried_at: None,
            retry_at: None,
            backoff: FIRST_RETRY,
            put_back_at: None,
        }
    }

    /// Where it is, by its table's number, or by its VRF's name if it was never put on: a table has both names, and the
    /// kernel knows one.
    pub(super) fn place(&self) -> Arc<Steering> {
        let on = self.ours && self.presence != Presence::No;
        if on || self.placed != self.what { by_number(&self.placed) } else { Arc::clone(&self.placed) }
    }

    /// Not known to be on or off any more: it is asked for again.
    pub(super) fn doubt(&mut self) {
        if self.presence == Presence::Yes {
            self.presence = Presence::Unknown;
        }
    }

    /// Something happened that may have put an end to what stood in its way.
    pub(super) fn kick(&mut self, now: Instant) {
        if self.problem.is_some() && self.presence != Presence::Yes {
            let soon = self.tried_at.map_or(now, |at| at + SHORTEST_RETRY);
            self.retry_at = (soon > now).then_some(soon);
        }
    }
}

/// The same, its table named by its number alone.
pub(super) fn by_number(placed: &Arc<Steering>) -> Arc<Steering> {
    match &**placed {
        Steering::Route(route) if route.vrf.is_some() => {
            Arc::new(Steering::Route(Route { vrf: None, ..route.clone() }))
        }
        Steering::Route(_) | Steering::Rule(_) => Arc::clone(placed),
    }
}
