//! What steers packets: routes and rules, those of routers and those that stay on the host.
//!
//! They are a level like the addresses: what an active router (or the host itself) wishes is put on, what nobody wishes is
//! taken off. But the kernel's tables are not read. A host may have a million routes that are not ours, and each of ours
//! can be asked for by itself: to add what is there already is refused with "exists", and to remove names exactly what it
//! means, the protocol included. So for each of ours we keep what we know ([`Presence`]), and where we lose sight of it (a
//! link that went down takes routes along without a word), we ask for it again.
//!
//! What was there before us is not ours to take off: a protocol number tells whose kind made it, and keepalived's is ours too.
//! So what is ours is written down before it is put on ([`record`]), and what a predecessor that was killed has written down is ours from
//! the start: taken over where it is still wished, and taken off where it is not.

mod alike;
mod held;
mod index;
mod news;
mod queue;
mod record;

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::instance::Entry;
use super::{Event, Output, Router};
use crate::model::{Family, Route, Rule};

pub use record::Kept;

pub(super) use held::{Held, Owner};
pub(super) use index::Index;
pub(super) use queue::Queue;
pub(super) use record::Record;

use alike::Alike;
use held::{Claim, Presence};

/// The kernel's number for routes and rules that keepalived, and we in its place, have made (`RTPROT_KEEPALIVED` of
/// include/uapi/linux/rtnetlink.h).
pub const OWN_PROTOCOL: u8 = 18;

/// After a refusal, the time until the next try; doubled at each, up to [`LONGEST_RETRY`].
const FIRST_RETRY: Duration = Duration::from_secs(1);
/// The longest time between two tries.
const LONGEST_RETRY: Duration = Duration::from_secs(32);
/// The shortest time between two tries, however much happens to links and addresses meanwhile.
const SHORTEST_RETRY: Duration = Duration::from_millis(100);

/// A route or a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Steering {
    /// A route.
    Route(Route),
    /// A rule.
    Rule(Rule),
}

/// What came of adding one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Steered {
    /// It is on.
    Added,
    /// It, or its equal in all that the kernel compares, was on before.
    Exists,
    /// The kernel refused it, with this text.
    Refused(String),
}

/// What news of the kernel say of a route or a rule: enough to find those of ours that may be meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SteeringNews {
    /// A route is gone, or another one has taken its place.
    Route {
        /// Table.
        table: u32,
        /// Destination and prefix length.
        to: (IpAddr, u8),
        /// Metric, 0 if none.
        metric: u32,
    },
    /// A rule is gone.
    Rule {
        /// Family.
        family: Family,
        /// Priority.
        priority: u32,
    },
}

/// Routes and rules whose news matter. An empty one: none.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SteeringWatch {
    /// Protocol numbers of our routes.
    pub protocols: std::collections::BTreeSet<u8>,
    /// Prefix lengths of our routes' destinations.
    pub prefix_lens: std::collections::BTreeSet<u8>,
    /// There are rules.
    pub rules: bool,
}

/// A route or a rule at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SteeringStatus {
    /// In the words of `ip route` or `ip rule`.
    pub text: String,
    /// It is on the host.
    pub present: bool,
    /// What stands in its way.
    pub problem: Option<String>,
}

impl Steering {
    /// Who made it, as the kernel keeps it.
    #[must_use]
    pub fn protocol(&self) -> u8 {
        match self {
            Self::Route(route) => route.protocol,
            Self::Rule(rule) => rule.protocol.unwrap_or(OWN_PROTOCOL),
        }
    }

    /// News are about this one, or one that is much like it.
    fn is_meant(&self, news: &SteeringNews) -> bool {
        match (self, news) {
            (Self::Route(route), SteeringNews::Route { table, to, metric }) => {
                let own = route.metric.unwrap_or_else(|| super::routes::default_metric(route.family));
                route.table == *table && route.to == *to && own == *metric
            }
            (Self::Rule(rule), SteeringNews::Rule { family, priority }) => {
                rule.family == *family && rule.priority == *priority
            }
            (Self::Route(_), SteeringNews::Rule { .. }) | (Self::Rule(_), SteeringNews::Route { .. }) => false,
        }
    }

    /// The kernel would not have both, or take one for the other when it removes.
    fn collides(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Route(one), Self::Route(two)) => super::routes::collide(one, two),
            (Self::Rule(one), Self::Rule(two)) => super::rules::collide(one, two),
            (Self::Route(_), Self::Rule(_)) | (Self::Rule(_), Self::Route(_)) => false,
        }
    }
}

impl fmt::Display for Steering {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Route(route) => super::routes::write(route, f),
            Self::Rule(rule) => super::rules::write(rule, f),
        }
    }
}

impl Router {
    /// Takes the routes and rules of a new configuration; those that stay keep what is known of them.
    pub(super) fn configure_steering(&mut self) {
        let mut before = std::mem::take(&mut self.steering);
        before.append(&mut self.steering_gone);
        before.append(&mut self.adopt_kept());
        let before_alike = Alike::of(before.iter().map(|held| &*held.what));
        let mut before: Vec<Option<Held>> = before.into_iter().map(Some).collect();
        let mut wished: Vec<Held> = Vec::new();
        let mut wished_alike = Alike::default();
        let config = Arc::clone(&self.config);
        let statics = &config.router.statics;
        let mut claims: Vec<(Owner, Steering)> = Vec::new();
        claims.extend(statics.routes.iter().cloned().map(|route| (Owner::Host, Steering::Route(route))));
        claims.extend(statics.rules.iter().cloned().map(|rule| (Owner::Host, Steering::Rule(rule))));
        for (at, entry) in self.instances.iter().enumerate() {
            let owner = Owner::Router(at);
            claims.extend(entry.config.routes.iter().cloned().map(|route| (owner, Steering::Route(route))));
            claims.extend(entry.config.rules.iter().cloned().map(|rule| (owner, Steering::Rule(rule))));
        }
        for (owner, what) in claims {
            let homed = match (&what, owner) {
                (Steering::Route(route), Owner::Router(at)) if super::routes::needs_home(route) => {
                    self.instances.get(at).map(|entry| entry.serial)
                }
                (Steering::Route(_) | Steering::Rule(_), Owner::Host | Owner::Router(_)) => None,
            };
            let same = |held: &Held| match held.left {
                false => *held.what == what && held.homed == homed,
                true => what.is_kept_as(&held.what),
            };
            let twin = wished_alike.places(&what).find(|at| wished.get(*at).is_some_and(same));
            if let Some(held) = twin.and_then(|at| wished.get_mut(at)) {
                held.owners.push(owner);
                continue;
            }
            wished_alike.add(&what, wished.len());
            let known = |at: &usize| before.get(*at).is_some_and(|held| held.as_ref().is_some_and(same));
            let known = before_alike.places(&what).find(known);
            let mut held = match known.and_then(|at| before.get_mut(at)).and_then(Option::take) {
                Some(held) if held.left => held.taken_over(what, homed),
                Some(held) => held,
                None => {
                    self.steering_ids += 1;
                    Held::new(self.steering_ids, Arc::new(what), homed)
                }
            };
            held.owners = vec![owner];
            wished.push(held);
        }
        self.steering = wished;
        self.steering_index = Index::of(&self.steering);
        let mut before: Vec<Held> = before.into_iter().flatten().collect();
        // What is gone goes after its successor is on, unless the two cannot be on at the same time.
        for held in &mut before {
            held.owners.clear();
            held.queued = false;
        }
        let (first, last) = self.without_gap(before);
        self.discard(first);
        self.steering_gone = last;
        self.record.changed();
        let mut watch = SteeringWatch::default();
        for held in &self.steering {
            match &*held.what {
                Steering::Route(route) => {
                    watch.protocols.insert(route.protocol);
                    watch.prefix_lens.insert(route.to.1);
                }
                Steering::Rule(_) => watch.rules = true,
            }
        }
        if watch != self.steering_watch {
            self.steering_watch = watch.clone();
            self.outputs.push_back(Output::WatchSteering(watch));
        }
    }

    /// Those that must go before their successors are on, and the others.
    fn without_gap(&mut self, gone: Vec<Held>) -> (Vec<Held>, Vec<Held>) {
        if gone.is_empty() {
            return (gone, Vec::new());
        }
        let places: Vec<_> = self.steering.iter().map(|new| self.future_place(new)).collect();
        let alike = Alike::of(places.iter().map(|place| &**place));
        let (first, last): (Vec<Held>, Vec<Held>) = gone.into_iter().partition(|old| {
            let old = old.place();
            alike.places(&old).filter_map(|at| places.get(at)).any(|new| new.collides(&old))
        });
        // Whoever removes what is written down of the old one removes the new one: there is no gap while a disk is waited for.
        for old in first.iter().filter(|old| old.claim == Claim::Made).map(Held::place) {
            for at in alike.places(&old).filter(|at| places.get(*at).is_some_and(|new| new.collides(&old))) {
                if let Some(new) = self.steering.get_mut(at).filter(|new| new.claim == Claim::Asked) {
                    new.claim = Claim::Made;
                }
            }
        }
        (first, last)
    }

    /// Takes off what the new configuration does not name, once what it names is on.
    pub(super) fn discard_steering(&mut self) {
        if !self.leaving && self.steering.iter().any(|held| held.claim == Claim::Asked) {
            return;
        }
        let gone = std::mem::take(&mut self.steering_gone);
        self.discard(gone);
        self.record.changed();
    }

    fn discard(&mut self, gone: Vec<Held>) {
        for held in gone.into_iter().rev() {
            if held.ours && held.presence != Presence::No {
                let Held { placed: what, links, left, .. } = held;
                self.remove_steering(what, links, left);
            }
        }
    }

    /// Makes routes and rules follow from the machines' states: those of one router, or all.
    pub(super) fn steer(&mut self, only: Option<usize>, now: Instant) {
        // What has waited for the disk for too long goes on, whosever it is.
        let overdue = self.overdue_record(now);
        match only.filter(|_| !overdue) {
            Some(router) => {
                let places = self.steering_index.of_router(router).to_vec();
                self.steer_each(places.into_iter(), now);
            }
            None => self.steer_each(0..self.steering.len(), now),
        }
        if overdue {
            self.discard_steering();
        }
    }

    /// The same of those at these places, which are in the list's order.
    fn steer_each(&mut self, places: impl DoubleEndedIterator<Item = usize> + Clone, now: Instant) {
        // Off in the reverse of the order in which they came on: what leads to a route goes before it.
        for at in places.clone().rev() {
            if self.steering.get(at).is_some_and(|held| !self.is_steering_kept(held)) {
                self.take_off(at);
            }
        }
        let mut waits = false;
        for at in places {
            let Some(held) = self.steering.get(at) else { continue };
            if self.is_steering_wished(held) {
                self.put_on(at, now);
            } else if !held.ours {
                self.foresee(at);
            }
            waits |= self.steering.get(at).is_some_and(|held| held.claim == Claim::Asked);
        }
        if waits {
            self.record.wait_until(now);
        }
    }

    fn is_steering_wished(&self, held: &Held) -> bool {
        held.owners.iter().any(|owner| match owner {
            Owner::Host => !self.leaving,
            Owner::Router(at) => self.instances.get(*at).is_some_and(Entry::is_active),
        })
    }

    /// Wished, or left by a predecessor while nobody knows who is master.
    fn is_steering_kept(&self, held: &Held) -> bool {
        self.is_steering_wished(held)
            || held.owners.iter().any(|owner| match owner {
                Owner::Host => false,
                Owner::Router(at) => self.instances.get(*at).is_some_and(|entry| entry.inherits),
            })
    }

    fn take_off(&mut self, at: usize) {
        let Some(held) = self.steering.get(at) else { return };
        let remove = held.ours && held.presence != Presence::No;
        let Some(held) = self.steering.get_mut(at) else { return };
        held.presence = Presence::No;
        held.queued = false;
        held.ours = false;
        held.lost = false;
        held.problem = None;
        held.retry_at = None;
        held.backoff = FIRST_RETRY;
        if held.placed.protocol() != OWN_PROTOCOL {
            held.claim = Claim::None;
            self.record.changed();
        }
        if remove {
            let (what, links) = (Arc::clone(&held.placed), held.links.clone());
            self.remove_steering(what, links, false);
        }
    }

    fn put_on(&mut self, at: usize, now: Instant) {
        let Some(held) = self.steering.get(at) else { return };
        if held.retry_at.is_some() {
            return;
        }
        let placed = self.placed(held);
        let resolved = placed.and_then(|placed| Ok((placed, self.resolve(held).and_then(|links| self.all_on(links))?)));
        let other = |(placed, links): &(Arc<Steering>, Vec<u32>)| *links != held.links || *placed != held.placed;
        let moved = held.ours && held.presence != Presence::No && resolved.as_ref().is_ok_and(other);
        if held.presence == Presence::Yes && !moved {
            return;
        }
        let owner = self.steering_owner(held);
        let Some(held) = self.steering.get_mut(at) else { return };
        let (what, links) = match resolved {
            Ok(resolved) => resolved,
            Err(problem) => {
                // Tried again when links change; a link that is not there, or is switched off, has no routes.
                held.presence = Presence::No;
                held.queued = false;
                held.tried_at = None;
                self.steering_problem(at, &owner, problem);
                return;
            }
        };
        if moved {
            let (what, links) = (Arc::clone(&held.placed), std::mem::take(&mut held.links));
            held.presence = Presence::No;
            self.remove_steering(what, links, false);
        }
        let Some(held) = self.steering.get_mut(at) else { return };
        if (&held.placed, &held.links) != (&what, &links) {
            held.placed = what;
            held.links = links;
            self.record.changed();
        }
        if held.claim == Claim::Asked {
            return;
        }
        held.tried_at = Some(now);
        self.ask_for(at);
    }

    /// What it would be if it were put on now, so that a promotion finds it written down.
    fn foresee(&mut self, at: usize) {
        let Some(held) = self.steering.get(at) else { return };
        let (Ok(what), Ok(links)) = (self.placed(held), self.resolve(held)) else { return };
        let Some(held) = self.steering.get_mut(at) else { return };
        if (&held.placed, &held.links) != (&what, &links) {
            held.placed = what;
            held.links = links;
            self.record.changed();
        }
    }

    /// Numbers of the links that it names; else what stands in its way.
    fn resolve(&self, held: &Held) -> Result<Vec<u32>, String> {
        match &*held.what {
            Steering::Rule(_) => Ok(Vec::new()),
            Steering::Route(route) => {
                let home = held.homed.and_then(|serial| {
                    let mut owners = held.owners.iter().filter_map(|owner| match owner {
                        Owner::Host => None,
                        Owner::Router(at) => self.instances.get(*at),
                    });
                    let entry = owners.find(|entry| entry.serial == serial)?;
                    Some((entry, self.home(entry)))
                });
                if let Some((entry, None)) = home {
                    return Err(absent(entry.interface()));
                }
                let home = home.and_then(|(_, link)| link).map_or(0, |link| link.index);
                if route.hops.is_empty() {
                    return Ok(if home == 0 { Vec::new() } else { vec![home] });
                }
                let hop = |hop: &crate::model::NextHop| match &hop.interface {
                    Some(name) => self.link(name).map(|link| link.index).ok_or_else(|| absent(name)),
                    None if super::routes::hop_needs_home(route, hop) => Ok(home),
                    None => Ok(0),
                };
                route.hops.iter().map(hop).collect()
            }
        }
    }

    /// What is put on: a route of a VRF in that one's table.
    fn placed(&self, held: &Held) -> Result<Arc<Steering>, String> {
        let Steering::Route(route) = &*held.what else { return Ok(Arc::clone(&held.what)) };
        let Some(name) = &route.vrf else { return Ok(Arc::clone(&held.what)) };
        let link = self.link(name).ok_or_else(|| absent(name))?;
        let table = link.table.ok_or_else(|| format!("interface {name} is no VRF, and so has no table for it"))?;
        match &*held.placed {
            Steering::Route(placed) if placed.table == table => Ok(Arc::clone(&held.placed)),
            Steering::Route(_) | Steering::Rule(_) => Ok(Arc::new(Steering::Route(Route { table, ..route.clone() }))),
        }
    }

    /// Where it will be, by its table's number, or by its VRF's name while nobody knows that one's table.
    fn future_place(&self, held: &Held) -> Arc<Steering> {
        self.placed(held).map_or_else(|_| held.place(), |placed| held::by_number(&placed))
    }

    /// The same numbers, if all those links are switched on; else what stands in its way.
    fn all_on(&self, links: Vec<u32>) -> Result<Vec<u32>, String> {
        let off = links.iter().filter_map(|index| self.links.get(index)).find(|link| !link.enabled);
        off.map_or(Ok(links.clone()), |link| Err(absent(&link.name)))
    }

    fn steering_owner(&self, held: &Held) -> Arc<str> {
        match held.owners.first() {
            Some(Owner::Router(at)) => {
                self.instances.get(*at).map_or_else(|| Arc::from(""), |entry| Arc::clone(&entry.name))
            }
            Some(Owner::Host) | None => Arc::from(match &*held.what {
                Steering::Route(_) => "static_routes",
                Steering::Rule(_) => "static_rules",
            }),
        }
    }

    fn steering_problem(&mut self, at: usize, owner: &Arc<str>, error: String) {
        let Some(held) = self.steering.get_mut(at) else { return };
        if held.problem.as_ref() != Some(&error) {
            held.problem = Some(error.clone());
            let event = Event::SteeringFailed { owner: Arc::clone(owner), what: held.what.to_string(), error };
            self.outputs.push_back(Output::Event(event));
        }
    }

    /// The kernel's answer.
    pub(super) fn steered(&mut self, id: u64, outcome: Steered, now: Instant) {
        let Some(at) = self.steering_index.by_id(id) else { return };
        let Some(owner) = self.steering.get(at).map(|held| self.steering_owner(held)) else { return };
        let Some(held) = self.steering.get_mut(at) else { return };
        match outcome {
            Steered::Refused(error) => {
                held.presence = Presence::No;
                let retry_at = now + held.backoff;
                held.retry_at = Some(retry_at);
                held.backoff = (held.backoff * 2).min(LONGEST_RETRY);
                self.retry_by(retry_at);
                self.steering_problem(at, &owner, error);
                return;
            }
            Steered::Added => {
                if held.lost {
                    held.put_back_at = Some(now);
                    let what = held.what.to_string();
                    self.outputs.push_back(Output::Event(Event::SteeringPutBack { owner, what }));
                } else if held.problem.is_some() {
                    let what = held.what.to_string();
                    self.outputs.push_back(Output::Event(Event::SteeringOn { owner, what }));
                }
                held.ours = true;
                if held.claim == Claim::None {
                    held.claim = Claim::Made;
                    self.record.changed();
                }
            }
            // Somebody else's, unless it was ours before.
            Steered::Exists if !held.ours && held.claim != Claim::None => {
                held.claim = Claim::None;
                self.record.changed();
            }
            Steered::Exists => {}
        }
        held.presence = Presence::Yes;
        held.lost = false;
        held.problem = None;
        held.backoff = FIRST_RETRY;
    }

    /// How a router's own stand, in the configuration's order.
    pub(super) fn steering_status(&self, entry: &Entry) -> Vec<SteeringStatus> {
        let status = |held: &Held| SteeringStatus {
            text: held.what.to_string(),
            present: held.presence == Presence::Yes,
            problem: held.problem.clone(),
        };
        let router = self.by_name.get(&entry.name);
        let places = router.map(|at| self.steering_index.of_router(*at)).unwrap_or_default();
        places.iter().filter_map(|at| self.steering.get(*at)).map(status).collect()
    }
}

fn absent(name: &str) -> String {
    format!("interface {name} does not exist or is switched off; waiting for it")
}
