//! Who has an ear of their own: told by the engine, and put into the filters of two sockets that must agree.
//!
//! The kernel cannot exchange both filters at once. So the ear for masters takes a sender before the other gives it up, and
//! the other takes it before the first gives it up: nothing is heard nowhere. An advert that comes in between, which is some
//! microseconds, waits in both; so does an older one behind what else waits in the other. What has been overtaken like that
//! is let go. In the opposite direction nobody can tell: an advert of a master that nobody follows any more may be heard
//! twice, which an election does not mind.
//!
//! Exchanges are gathered for a moment, so that two hundred routers that follow a new master cost one, and whoever can make
//! himself a master again and again does not keep us busy with it.

use std::collections::BTreeMap;
use std::io;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use super::filter::{Part, Sender};
use super::{Ear, Sockets, attach};
use crate::model::Family;
use crate::vrrp::engine::KnownMaster;

/// For how long news of masters are gathered.
const GATHERED: Duration = Duration::from_millis(50);
/// For how long after an exchange what was overtaken may still come.
const OVERTAKING: Duration = Duration::from_secs(1);

impl Sockets {
    /// Other masters may be known than those that were last told.
    pub(in crate::shell::router) fn expect_masters(&mut self, now: Instant) {
        self.masters_at = Some(self.masters_at.map_or(now + GATHERED, |at| at.min(now + GATHERED)));
    }

    /// Whether [`know_masters`](Self::know_masters) is due.
    pub(in crate::shell::router) fn wants_masters(&self, now: Instant) -> bool {
        self.masters_at.is_some_and(|at| at <= now)
    }

    /// Gives these an ear of their own. What the kernel refuses stays as it was: all is heard that was heard before.
    pub(in crate::shell::router) fn know_masters(&mut self, masters: &[KnownMaster], now: Instant) {
        let key = |master: &KnownMaster| (master.index, master.source, master.vrid);
        self.tallies.retain(|one| masters.iter().any(|master| key(master) == one), now);
        let mut wanted: BTreeMap<(u32, Family, bool), Vec<Sender>> = BTreeMap::new();
        for master in masters.iter().filter(|master| !self.tallies.is_out(key(master))) {
            let senders = wanted.entry((master.index, master.family, master.header)).or_default();
            Sender::add(senders, master);
        }
        let mut pairs: BTreeMap<(u32, Family, bool), [Option<&mut Ear>; 2]> = BTreeMap::new();
        for ear in self.ears.values_mut() {
            let at = match ear.part {
                Part::Masters => 0,
                Part::Adverts => 1,
                Part::Rest => continue,
            };
            let listener = (ear.listener.index, ear.listener.family, ear.listener.header);
            if let Some(slot) = pairs.entry(listener).or_default().get_mut(at) {
                *slot = Some(ear);
            }
        }
        for (listener, pair) in pairs {
            let senders = wanted.remove(&listener).unwrap_or_default();
            if let [Some(masters), Some(adverts)] = pair
                && (masters.senders != senders || adverts.senders != senders)
            {
                let _ = exchange(masters, adverts, senders, now);
            }
        }
        self.masters_at = self.tallies.over_at();
    }

    /// Counts what came in on an ear, and tells whether it is worth hearing.
    pub(super) fn is_news(&mut self, ear: u32, source: IpAddr, vrid: u8, now: Instant) -> bool {
        let Some(ear) = self.ears.get(&ear) else { return true };
        let key = (ear.listener.index, source, vrid);
        match ear.part {
            Part::Masters => {
                if self.tallies.count(key, now) {
                    self.masters_at = Some(now);
                }
                true
            }
            Part::Adverts => {
                let overtakes = ear.overtaken_until.is_some_and(|until| now < until);
                !(overtakes && Sender::any(&ear.senders, source, vrid) && self.tallies.knows(key))
            }
            Part::Rest => true,
        }
    }
}

fn exchange(masters: &mut Ear, adverts: &mut Ear, senders: Vec<Sender>, now: Instant) -> io::Result<()> {
    let both = Sender::either(&masters.senders, &senders);
    if both != masters.senders {
        attach(&masters.socket, Part::Masters, &masters.listener, &both)?;
    }
    if let Err(error) = attach(&adverts.socket, Part::Adverts, &adverts.listener, &senders) {
        attach(&masters.socket, Part::Masters, &masters.listener, &masters.senders)?;
        return Err(error);
    }
    adverts.senders.clone_from(&senders);
    adverts.overtaken_until = Some(now + OVERTAKING);
    if both != senders {
        attach(&masters.socket, Part::Masters, &masters.listener, &senders)?;
    }
    masters.senders = senders;
    Ok(())
}
