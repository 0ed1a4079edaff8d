//! What the operator wishes of single servers, beside the configuration: to be emptied, to be out, to have another weight.
//!
//! A wish is for a server as people have configured it: of a group's service it holds for every address. It outlives reloads
//! and the process (`wishes/text.rs`), and follows its service by any of its addresses and marks, whichever of them a file takes away;
//! where those come to belong to several services, it is for each of them. A server that the configuration names no more keeps its wish for an hour, so that a file
//! that lacked a service by mistake brings no server back into use that somebody works on; after that it is forgotten. The
//! hour is written down with the wish: a restart neither ends it nor begins it anew.
//!
//! ```text
//!             drain                    empty, late, or not in the table
//!   (none) -----------> Draining ------------------------------------------> Drained
//!      |  ^--- undrain, enable ---'  ^------------- undrain, enable -----------'
//!      |  disable, from any
//!      '-----------> Disabled ---- enable ----> (none)
//! ```

mod names;
mod text;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::drain::{Drain, Load};
use crate::model::{ServerKey, ServiceConfig, ServiceKey, Weight};

pub(super) use names::Names;
pub use text::{Clock, InvalidWishes, Kept};

/// How long a wish is kept for a server that is not configured.
pub(super) const KEPT: Duration = Duration::from_secs(3600);

/// A server as configured: by the first key of its service, and its own.
pub type Place = (ServiceKey, ServerKey);

/// What keeps new connections from a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hold {
    /// It is being emptied.
    Draining(Drain),
    /// It was emptied, or had no time any more, and is out of the table.
    Drained,
    /// It is out of the table.
    Disabled,
}

/// What is wished of a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Wish {
    /// In place of the configured weight, and of what its checks make of that.
    pub weight: Option<Weight>,
    /// What keeps new connections from it.
    pub hold: Option<Hold>,
    /// The configuration does not name it, and the wish is forgotten at this time.
    pub(super) forget_at: Option<Instant>,
}

impl Wish {
    fn is_empty(&self) -> bool {
        self.weight.is_none() && self.hold.is_none()
    }

    /// Two services have become one, with a wish each for the same server: nothing comes to it that either keeps from it.
    fn join(&mut self, other: Self) {
        let rank = |wish: &Self| match wish.hold {
            None => 0,
            Some(Hold::Draining(_)) => 1,
            Some(Hold::Drained) => 2,
            Some(Hold::Disabled) => 3,
        };
        if rank(&other) > rank(self) {
            self.hold = other.hold;
        }
        self.weight = self.weight.or(other.weight);
    }
}

/// What `ipvsctl` asks for a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verb {
    /// Empty it, within this time or however long it takes.
    Drain(Option<Duration>),
    /// Bring it back.
    Undrain,
    /// Out of the table, now.
    Disable,
    /// Bring it back, whatever kept it out.
    Enable,
    /// Another weight; `None`: the file's again.
    Weight(Option<Weight>),
}

/// What became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// It is as asked from now on.
    Done,
    /// It was so already.
    Already,
    /// It is out of the table anyway.
    OutAlready,
    /// Nothing was there to be taken back.
    Nothing,
    /// It is disabled, and `enable` is the way back.
    Disabled,
}

/// A service that has a name now which was that of a service of wishes.
#[derive(Debug, Clone)]
pub(super) struct Heir {
    /// Its first key.
    pub(super) key: ServiceKey,
    /// What else it is known by.
    pub(super) names: Arc<Names>,
    /// Servers that it had as another service before, of which nothing was wished there.
    pub(super) own: BTreeSet<ServerKey>,
}

/// Everything that is wished.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Wishes {
    map: BTreeMap<Place, Wish>,
    /// What else the services of wishes are known by, of those that have more than one name.
    names: BTreeMap<ServiceKey, Arc<Names>>,
}

impl Wishes {
    /// What is wished of a server.
    #[must_use]
    pub fn get(&self, place: Place) -> Option<&Wish> {
        self.map.get(&place)
    }

    /// Everything.
    pub(super) fn iter(&self) -> impl Iterator<Item = (Place, &Wish)> {
        self.map.iter().map(|(place, wish)| (*place, wish))
    }

    pub(super) fn put(&mut self, place: Place, wish: Wish) {
        if wish.is_empty() {
            if self.map.remove(&place).is_some() {
                self.prune();
            }
        } else {
            self.map.insert(place, wish);
        }
    }

    /// Does what is asked.
    pub(super) fn ask(&mut self, place: Place, verb: Verb, now: Instant) -> Effect {
        let mut wish = self.map.get(&place).copied().unwrap_or_default();
        let effect = match (verb, wish.hold) {
            (Verb::Drain(within), None | Some(Hold::Draining(_))) => {
                wish.hold = Some(Hold::Draining(Drain::new(within, now)));
                Effect::Done
            }
            (Verb::Drain(_), Some(Hold::Drained | Hold::Disabled)) => Effect::OutAlready,
            (Verb::Undrain | Verb::Enable, Some(Hold::Draining(_) | Hold::Drained))
            | (Verb::Enable, Some(Hold::Disabled)) => {
                wish.hold = None;
                Effect::Done
            }
            (Verb::Undrain, Some(Hold::Disabled)) => Effect::Disabled,
            (Verb::Undrain | Verb::Enable, None) => Effect::Nothing,
            (Verb::Disable, Some(Hold::Disabled)) => Effect::Already,
            (Verb::Disable, None | Some(Hold::Draining(_) | Hold::Drained)) => {
                wish.hold = Some(Hold::Disabled);
                Effect::Done
            }
            (Verb::Weight(None), _) if wish.weight.is_none() => Effect::Nothing,
            (Verb::Weight(weight), _) if wish.weight == weight => Effect::Already,
            (Verb::Weight(weight), _) => {
                wish.weight = weight;
                Effect::Done
            }
        };
        self.put(place, wish);
        effect
    }

    /// The service of a wish, as it is configured.
    pub(super) fn know(&mut self, service: &ServiceConfig) {
        let names = Names::of(service);
        if names != Names::default() && self.map.keys().any(|(key, _)| *key == service.key) {
            self.names.insert(service.key, Arc::new(names));
        }
    }

    /// What the service of a wish is known by, its first key first.
    pub(super) fn names(&self, service: ServiceKey) -> Vec<ServiceKey> {
        std::iter::once(service).chain(self.names.get(&service).iter().flat_map(|names| names.all())).collect()
    }

    /// Another configuration: wishes follow their servers. `heirs` says which services have the names of one now,
    /// the likeliest first; `has`, whether such a server is configured. Returns whether any was moved or forgotten, has
    /// lost its server or found it again, or is of a service with other names.
    pub(super) fn configure(
        &mut self,
        now: Instant,
        heirs: impl Fn(&[ServiceKey]) -> Vec<Heir>,
        has: impl Fn(Place) -> bool,
    ) -> bool {
        let before = std::mem::take(self);
        let mut known = BTreeMap::new();
        for ((service, server), wish) in &before.map {
            let mut wish = *wish;
            let heirs = known.entry(*service).or_insert_with(|| match heirs(&before.names(*service)) {
                none if none.is_empty() => {
                    let names = before.names.get(service).cloned().unwrap_or_default();
                    vec![Heir { key: *service, names, own: BTreeSet::new() }]
                }
                heirs => heirs,
            });
            let inherits = |heir: &&Heir| has((heir.key, *server)) && !heir.own.contains(server);
            let mut parts: Vec<_> = heirs.iter().filter(inherits).collect();
            if parts.is_empty() {
                wish.forget_at = wish.forget_at.or(Some(now + KEPT));
                parts.extend(heirs.first());
            } else {
                wish.forget_at = None;
            }
            for Heir { key, names, .. } in parts {
                self.map.entry((*key, *server)).and_modify(|other| other.join(wish)).or_insert(wish);
                if **names != Names::default() {
                    self.names.insert(*key, Arc::clone(names));
                }
            }
        }
        self.forget(now);
        *self != before
    }

    /// Wishes for servers that were not named for an hour are no more. Returns whether there was one.
    pub(super) fn forget(&mut self, now: Instant) -> bool {
        let count = self.map.len();
        self.map.retain(|_, wish| wish.forget_at.is_none_or(|at| at > now));
        let forgotten = self.map.len() != count;
        if forgotten {
            self.prune();
        }
        forgotten
    }

    /// Of a service that nothing is wished of no name is kept.
    fn prune(&mut self) {
        let services: BTreeSet<_> = self.map.keys().map(|(service, _)| *service).collect();
        self.names.retain(|service, _| services.contains(service));
    }

    /// A server that is configured is being emptied.
    pub(super) fn is_draining(&self) -> bool {
        let here = |wish: &Wish| wish.forget_at.is_none();
        self.map.values().filter(|wish| here(wish)).any(|wish| matches!(wish.hold, Some(Hold::Draining(_))))
    }

    /// Servers that are being emptied.
    pub(super) fn draining(&self) -> impl Iterator<Item = (Place, Drain)> {
        self.map.iter().filter_map(|(place, wish)| match wish.hold {
            Some(Hold::Draining(drain)) => Some((*place, drain)),
            Some(Hold::Drained | Hold::Disabled) | None => None,
        })
    }

    /// A look at a server that is being emptied: what it has to do, and whether its entries are at weight 0, or gone.
    /// Returns whether it is empty.
    pub(super) fn seen(&mut self, place: Place, load: Load, quiet: bool) -> bool {
        let Some(wish) = self.map.get_mut(&place) else { return false };
        let Some(Hold::Draining(drain)) = &mut wish.hold else { return false };
        let empty = drain.seen(load, quiet).is_some();
        if empty {
            wish.hold = Some(Hold::Drained);
        }
        empty
    }

    /// Those whose time is up are drained now; with what was left.
    pub(super) fn expire(&mut self, now: Instant) -> Vec<(Place, Load)> {
        let late: Vec<_> = self.draining().filter(|(_, drain)| drain.late(now).is_some()).collect();
        for (place, _) in &late {
            if let Some(wish) = self.map.get_mut(place) {
                wish.hold = Some(Hold::Drained);
            }
        }
        late.into_iter().map(|(place, drain)| (place, drain.left.unwrap_or_default())).collect()
    }

    /// When somebody's time is up, or that of a wish.
    pub(super) fn next(&self) -> Option<Instant> {
        let forgotten = self.map.values().filter_map(|wish| wish.forget_at);
        self.draining().filter_map(|(_, drain)| drain.until).chain(forgotten).min()
    }
}

#[cfg(test)]
mod tests;
