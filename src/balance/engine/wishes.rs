//! What the operator wishes, servers that leave and servers that return: who is told, who is looked at, and when.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{Balancer, Life, Output};
use crate::balance::desired;
use crate::balance::drain::{End, Load, Loads};
use crate::balance::engine::kernel::{Kernel, Look};
use crate::balance::event::Event;
use crate::balance::leaving::{Departure, Leaver, Leaving, News, Sight};
use crate::balance::ledger::Ledger;
use crate::balance::naming;
use crate::balance::paths;
use crate::balance::roster::Roster;
use crate::balance::table::Table;
use crate::balance::wishes::{Effect, Heir, Hold, Kept, Names, Place, Verb, Wishes};
use crate::model::{Family, Scheduler, ServerKey, ServiceConfig, ServiceKey, Weight};

/// While a server is being emptied the table is looked at this often, as long as that is cheap and something happens.
const DRAIN_INTERVAL: Duration = Duration::from_secs(1);
/// ... and where nothing does, after one part of this many of the time that it has not: an idle connection may live for days.
const IDLE_SHARE: u32 = 10;
/// A server that was just told to be emptied is looked at after this time: often nothing is left.
pub(super) const FIRST_COUNT: Duration = Duration::from_millis(100);

/// Wishes, and what goes with them.
#[derive(Debug, Clone, Default)]
pub(super) struct Handovers {
    pub(super) wishes: Wishes,
    pub(super) leaving: Leaving,
    /// What the configuration in force names.
    pub(super) claims: Ledger,
    /// When somebody's load was last another than at the look before.
    stirred_at: Option<Instant>,
    /// Whether somebody serves on is to be decided anew.
    pub(super) heirs_stirred: bool,
}

/// What became of a wish, for one server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// Its service, as people call it.
    pub service: String,
    /// The server, as it is shown.
    pub server: ServerKey,
    /// What became of it.
    pub effect: Effect,
    /// What it has to do, as far as that is known; where it is being emptied.
    pub left: Option<Load>,
    /// Its service binds clients to servers.
    pub persistent: bool,
    /// Its service's scheduler, if that refuses the clients of a server at weight 0 that others could serve. Then a drain has
    /// no time.
    pub refuses: Option<Scheduler>,
    /// The configuration does not name it any more, and what was asked is how long it has yet.
    pub leaves: bool,
}

impl Handovers {
    pub(super) fn of(kept: Kept) -> Self {
        Self { wishes: kept.wishes, leaving: Leaving::resumed(kept.leaving), ..Self::default() }
    }

    fn kept(&self) -> Kept {
        let leaving = self.leaving.draining().map(|(leaver, drain)| (leaver, *drain)).collect();
        Kept { wishes: self.wishes.clone(), leaving }
    }

    /// Somebody is being emptied.
    fn is_draining(&self) -> bool {
        !self.leaving.is_empty() || self.wishes.is_draining()
    }

    /// What those that are being emptied have to do, as far as is known.
    fn loads(&self) -> Vec<(Place, Option<Load>)> {
        let leaving = self.leaving.draining().map(|(leaver, drain)| (leaver, drain.left));
        leaving.chain(self.wishes.draining().map(|(place, drain)| (place, drain.left))).collect()
    }
}

impl Balancer {
    /// Does what the operator asks of a server, which is named as [`naming`] has it. What comes of it is done by the
    /// outputs, as with any input.
    ///
    /// # Errors
    /// A sentence: no server, or more than one, has that name; or we are about to stop.
    pub fn ask_for(
        &mut self,
        server: &str,
        service: Option<&str>,
        verb: Verb,
        now: Instant,
    ) -> Result<Vec<Asked>, String> {
        self.now = now;
        match self.life {
            Life::Running => {}
            Life::Stopping | Life::Stopped => return Err("the daemon is stopping".to_owned()),
        }
        let Handovers { leaving, claims, .. } = &self.handovers;
        // A sorry server that goes is configured all the same.
        let unnamed = leaving.running().filter(|(service, server)| !claims.has_server(*service, *server));
        let named = naming::find(&self.roster.config, unnamed, server, service)?;
        if named.places.is_empty() && !is_for_leavers(verb) {
            return Err(only_the_file(&named.leavers));
        }
        let before = self.handovers.kept();
        let mut asked = Vec::with_capacity(named.places.len() + named.leavers.len());
        let mut begun = Vec::new();
        for place in named.places {
            let refuses = self.refuses(place);
            let verb = match verb {
                Verb::Drain(_) if refuses.is_some() => Verb::Drain(Some(Duration::ZERO)),
                Verb::Drain(_) | Verb::Undrain | Verb::Disable | Verb::Enable | Verb::Weight(_) => verb,
            };
            let effect = self.handovers.wishes.ask(place, verb, now);
            match (verb, effect) {
                (Verb::Drain(_), Effect::Done) => begun.push(place),
                (Verb::Drain(_) | Verb::Undrain | Verb::Disable | Verb::Enable | Verb::Weight(_), _) => {}
            }
            let Some((index, _)) = self.roster.find(place) else { continue };
            if let Some((service, _)) = self.roster.server(index) {
                self.handovers.wishes.know(service);
            }
            let wish = self.handovers.wishes.get(place);
            let held = self.roster.wish(index, wish);
            if held && wish.is_none_or(|wish| wish.hold.is_none()) {
                self.roster.rise(index, now);
            }
            let left = wish.and_then(|wish| match wish.hold {
                Some(Hold::Draining(drain)) => Some(drain.left.unwrap_or_default()),
                Some(Hold::Drained | Hold::Disabled) | None => None,
            });
            let Some((service, shown)) = self.shown(place) else { continue };
            let persistent = self.is_persistent(place);
            let leaves = false;
            asked.push(Asked { service: service.clone(), server: shown, effect, left, persistent, refuses, leaves });
            if effect == Effect::Done {
                self.outputs.push_back(Output::Event(Event::Asked { service, server: shown, verb }));
            }
        }
        if is_for_leavers(verb) {
            asked.extend(named.leavers.into_iter().map(|leaver| self.ask_leaver(leaver, verb)));
        }
        if self.handovers.kept() != before {
            self.outputs.push_back(Output::WriteWishes);
        }
        if !begun.is_empty() {
            self.handovers.stirred_at = Some(now);
            self.look_at = self.look_at.min(now + FIRST_COUNT);
            self.leave_out(begun);
        }
        self.stir();
        Ok(asked)
    }

    /// A server that the file names no more is given another time to end what it has, or none.
    fn ask_leaver(&mut self, leaver: Leaver, verb: Verb) -> Asked {
        let (service, server) = leaver;
        let refuses = self.refuses(leaver);
        let within = match verb {
            Verb::Drain(within) if refuses.is_none() => within,
            Verb::Drain(_) | Verb::Disable | Verb::Undrain | Verb::Enable | Verb::Weight(_) => Some(Duration::ZERO),
        };
        let left = self.handovers.leaving.drain(leaver, within, self.now);
        let title = service.to_string();
        self.outputs.push_back(Output::Event(Event::Asked { service: title.clone(), server, verb }));
        if within == Some(Duration::ZERO) {
            let over = vec![News::Over(leaver, End::Late(left.unwrap_or_default()))];
            self.look_before_the_end(&over);
            self.tell_leaving(over);
        } else {
            self.handovers.stirred_at = Some(self.now);
            self.look_at = self.look_at.min(self.now + FIRST_COUNT);
            self.leave_out([leaver]);
        }
        self.compare_all = true;
        // It may have counted for the quorum until now, and for the floor.
        if let Some(place) = self.roster.place(service) {
            self.roster.stir(place);
            self.roster.unsettle(place);
        }
        let persistent = self.is_persistent(leaver);
        Asked { service: title, server, effect: Effect::Done, left, persistent, refuses, leaves: true }
    }

    /// What the next process of ours has to know of wishes and of servers that leave.
    #[must_use]
    pub fn kept(&self) -> Kept {
        self.handovers.kept()
    }

    /// What a server of the table has to do is asked for.
    #[must_use]
    pub fn counts_load(&self, service: ServiceKey, server: ServerKey) -> bool {
        self.handovers.is_draining() || !self.handovers.claims.has_server(service, server)
    }

    /// A server of this family leaves that is configured no more.
    #[must_use]
    pub fn has_leaving(&self, family: Family) -> bool {
        self.handovers.leaving.running().any(|(_, server)| Family::of(server.address) == family)
    }

    /// A server that leaves, if it does.
    #[must_use]
    pub fn leaving(&self, service: ServiceKey, server: ServerKey) -> Option<Departure> {
        self.handovers.leaving.get(service, server)
    }

    /// Another configuration is about to be in force, with this roster.
    pub(super) fn configure_handovers(&mut self, roster: &mut Roster, claims: Ledger) {
        let before = &self.roster;
        let is_spare = |(service, server): Leaver| {
            let config = roster.place(service).and_then(|place| roster.config.services.get(place as usize));
            config.and_then(|config| desired::spare(config, service)) == Some(server)
        };
        let Handovers { wishes, leaving, .. } = &mut self.handovers;
        let returned = leaving.configure(&before.config, &claims, wishes, is_spare);
        let heirs = |names: &[ServiceKey]| heirs(before, roster, names);
        let moved = wishes.configure(self.now, heirs, |place| roster.find(place).is_some());
        self.handovers.claims = claims;
        for (place, wish) in self.handovers.wishes.iter() {
            if let Some((index, _)) = roster.find(place) {
                roster.wish(index, Some(wish));
            }
        }
        if returned || moved {
            self.outputs.push_back(Output::WriteWishes);
        }
    }

    /// The table with its loads, before anything is compared with it.
    /// Those who are `late` began to be emptied while it was being read. Says whether somebody has left with whom a service may go.
    pub(super) fn count_loads(&mut self, table: &Table, loads: &Loads, look: Look, late: &BTreeSet<Leaver>) -> bool {
        let before = self.handovers.loads();
        self.handovers.heirs_stirred = true;
        let mut begun = match look {
            Look::Fresh => self.serve_on(table),
            Look::Drift => Vec::new(),
        };
        let (roster, ledger) = (&self.roster, &self.ledger);
        let sight = Sight { table, loads, before: self.watched.is_observed.then_some(&self.observed), late };
        let Handovers { wishes, leaving, claims, .. } = &mut self.handovers;
        let within = |key| match roster.place(key).and_then(|place| roster.config.services.get(place as usize)) {
            None if paths::is_private(&roster.config, key) => Duration::ZERO,
            service => roster.config.drain_of(service),
        };
        let serving = leaving.serving().count();
        let news = leaving.look(sight, (ledger, claims), within, self.now);
        let fewer_serve = leaving.serving().count() < serving;
        let mut empty = Vec::new();
        for (place, _) in wishes.draining().collect::<Vec<_>>() {
            let Some((load, quiet)) = seen(roster, sight, place).filter(|_| !late.contains(&place)) else { continue };
            if wishes.seen(place, load, quiet) {
                empty.push((place, Load::default()));
            }
        }
        begun.extend(news);
        if fewer_serve {
            (0..).zip(&Arc::clone(&self.roster.config).services).for_each(|(place, _)| self.roster.unsettle(place));
        }
        let ends_service = self.ends_service(&begun);
        self.tell_leaving(begun);
        self.drained(empty, End::Empty);
        if self.handovers.loads() != before {
            self.handovers.stirred_at = Some(self.now);
        }
        ends_service
    }

    /// The kernel's entries of all who are being emptied, or serve on.
    pub(super) fn departing(&self) -> Vec<Leaver> {
        let Handovers { wishes, leaving, .. } = &self.handovers;
        let wished = wishes.draining().filter_map(|(place, _)| entries(&self.roster, place)).flatten();
        leaving.running().chain(wished).collect()
    }

    /// Whose time is up, and who gets more weight.
    pub(super) fn wake_handovers(&mut self) {
        let news = self.handovers.leaving.expire(self.now);
        self.look_before_the_end(&news);
        self.tell_leaving(news);
        for (place, left) in self.handovers.wishes.expire(self.now) {
            self.drained(vec![(place, left)], End::Late(left));
        }
        if self.handovers.wishes.forget(self.now) {
            self.outputs.push_back(Output::WriteWishes);
        }
        self.roster.advance(self.now);
    }

    /// The time of some is up: with the last of them their service may go, and with it what others have put into it since the last
    /// look.
    fn look_before_the_end(&mut self, news: &[News]) {
        if matches!(self.kernel, Kernel::Known) && self.life == Life::Running && self.ends_service(news) {
            self.compare_all = true;
            self.ask(Look::Drift);
        }
    }

    fn ends_service(&self, news: &[News]) -> bool {
        news.iter().any(|news| match news {
            News::Over((service, _), _) => !self.roster.is_configured(*service),
            News::ServesOn(_) | News::Begun(..) => false,
        })
    }

    pub(super) fn handover_timeout(&self) -> Option<Instant> {
        let Handovers { wishes, leaving, .. } = &self.handovers;
        [wishes.next(), leaving.next(), self.roster.rise_timeout()].into_iter().flatten().min()
    }

    /// How often the table is looked at: less and less often while those that are being emptied keep what they have, and never so often
    /// that looking takes much of the time.
    #[must_use]
    pub fn look_interval(&self) -> Duration {
        let wished = if self.handovers.is_draining() {
            let idle = self.handovers.stirred_at.map_or(Duration::ZERO, |at| self.now.saturating_duration_since(at));
            (idle / IDLE_SHARE).max(DRAIN_INTERVAL).min(self.drift_interval)
        } else {
            self.drift_interval
        };
        wished.max(self.look_pause)
    }

    fn drained(&mut self, places: Vec<(Place, Load)>, end: End) {
        for (place, _) in &places {
            if let Some((index, _)) = self.roster.find(*place) {
                self.roster.wish(index, self.handovers.wishes.get(*place));
            }
            if let Some((service, server)) = self.shown(*place) {
                self.outputs.push_back(Output::Event(Event::Drained { service, server, end }));
            }
        }
        if !places.is_empty() {
            self.outputs.push_back(Output::WriteWishes);
        }
    }

    pub(super) fn tell_leaving(&mut self, news: Vec<News>) {
        if news.is_empty() {
            return;
        }
        for news in news {
            self.outputs.push_back(Output::Event(match news {
                News::ServesOn((service, server)) => Event::ServesOn { service: service.to_string(), server },
                News::Begun((service, server), left, within) => {
                    Event::Leaves { service: service.to_string(), server, left, within }
                }
                News::Over((service, server), end) => Event::Drained { service: service.to_string(), server, end },
            }));
        }
        self.outputs.push_back(Output::WriteWishes);
        self.compare_all = true;
        self.loose_claims = true;
    }

    /// A server and its service as people know them.
    fn shown(&self, (service, server): Place) -> Option<(String, ServerKey)> {
        let config = self.roster.config.services.get(self.roster.place(service)? as usize)?;
        let server = config.servers.iter().find(|other| other.key == server)?;
        Some((config.title(), naming::shown(config, server)))
    }

    fn refuses(&self, (service, _): Place) -> Option<Scheduler> {
        let settings = &self.roster.config.services.get(self.roster.place(service)? as usize)?.settings;
        (!settings.passes_over_zero()).then_some(settings.scheduler)
    }

    fn is_persistent(&self, (service, _): Place) -> bool {
        let config = self.roster.place(service).and_then(|place| self.roster.config.services.get(place as usize));
        config.is_some_and(|service| service.settings.persistence.is_some())
    }
}

/// What can be asked for a server that the file names no more: how long it has yet.
const fn is_for_leavers(verb: Verb) -> bool {
    match verb {
        Verb::Drain(_) | Verb::Disable => true,
        Verb::Undrain | Verb::Enable | Verb::Weight(_) => false,
    }
}

fn only_the_file(leavers: &[Leaver]) -> String {
    let names: Vec<_> = leavers.iter().map(|(service, server)| format!("{server} of {service}")).collect();
    let (leave, them) = if names.len() == 1 { ("leaves", "it") } else { ("leave", "them") };
    let given = if names.len() == 1 { "gives it" } else { "gives them" };
    format!(
        "{} {leave}, since the configuration does not name {them} any more: only that can bring {them} back; `ipvsctl drain` {given} \
         another time, and `ipvsctl disable` none",
        names.join(", ")
    )
}

/// The services that have one of these names of a service now. While the service itself goes on, whole or in parts, one that was
/// another before has got an address of it, and nothing was wished of the servers that it had: only what it had not comes to it with
/// what was wished of it.
fn heirs(before: &Roster, roster: &Roster, names: &[ServiceKey]) -> Vec<Heir> {
    let mut seen = BTreeSet::new();
    let places = names.iter().filter_map(|name| roster.place(*name)).filter(|place| seen.insert(*place));
    let services = places.filter_map(|place| roster.config.services.get(place as usize));
    let was = names.first().and_then(|name| before.place(*name));
    // Whichever of its addresses the file names first.
    let was_others = |service: &ServiceConfig| {
        let known = service.keys().chain(service.listeners()).filter_map(|key| before.place(key));
        known.filter(|place| Some(*place) != was).collect::<BTreeSet<_>>()
    };
    let heirs = services.map(|service| (service, was_others(service)));
    let (same, others): (Vec<_>, Vec<_>) = heirs.partition(|(_, was_others)| was_others.is_empty());
    let goes_on = !same.is_empty();
    let heir = |(service, was_others): (&ServiceConfig, BTreeSet<u32>)| {
        let theirs =
            was_others.iter().filter(|_| goes_on).filter_map(|place| before.config.services.get(*place as usize));
        let own = theirs.flat_map(|service| &service.servers).map(|server| server.key).collect();
        Heir { key: service.key, names: Arc::new(Names::of(service)), own }
    };
    same.into_iter().chain(others).map(heir).collect()
}

/// The kernel's entries of a server; `None`: it is not configured.
fn entries(roster: &Roster, (service, server): Place) -> Option<impl Iterator<Item = Leaver> + '_> {
    let service = roster.config.services.get(roster.place(service)? as usize)?;
    let server = service.servers.iter().find(|other| other.key == server)?;
    Some(service.keys().filter_map(move |key| Some((key, service.entry(key, server)?))))
}

/// What all entries of a server have to do together, and whether each of them is at weight 0 or not there. `None`: it is not
/// configured, or this look has missed one of them.
fn seen(roster: &Roster, sight: Sight<'_>, place: Place) -> Option<(Load, bool)> {
    let mut sum = (Load::default(), true);
    for leaver @ (key, entry) in entries(roster, place)? {
        let Some(found) = sight.table.services.get(&key).and_then(|found| found.server(entry)) else {
            if sight.is_gone(leaver) {
                continue;
            }
            return None;
        };
        let quiet = found.is_some_and(|settings| settings.weight == Weight::ZERO);
        sum = (sum.0.and(sight.loads.get(&leaver).copied().unwrap_or_default()), sum.1 && quiet);
    }
    Some(sum)
}
