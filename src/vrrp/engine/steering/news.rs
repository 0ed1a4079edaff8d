//! What happens to routes and rules: what the kernel tells of them, of links and of addresses, and the time of the next try.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::held::{Held, Presence};
use super::{FIRST_RETRY, Router, Steering, SteeringNews};
use crate::model::Family;

/// What is due within this is tried together.
const AT_ONCE: Duration = Duration::from_millis(10);

impl Router {
    /// Something of ours may be gone.
    pub(in super::super) fn steering_news(&mut self, news: &SteeringNews, now: Instant) {
        let mut doubted = Vec::new();
        for at in self.steering_index.meant(news) {
            let Some(held) = self.steering.get_mut(at) else { continue };
            if held.presence != Presence::Yes || !held.placed.is_meant(news) {
                continue;
            }
            held.doubt();
            held.lost = true;
            doubted.push(at);
            // Two programs that undo each other must not do so at full speed.
            if held.put_back_at.is_some_and(|last| now < last + FIRST_RETRY) {
                held.retry_at = Some(now + FIRST_RETRY);
                self.retry_by(now + FIRST_RETRY);
            }
        }
        self.steer_each(doubted.into_iter(), now);
    }

    /// News were lost: all of it is asked for again.
    pub(in super::super) fn steering_unknown(&mut self, now: Instant) {
        self.steering.iter_mut().for_each(Held::doubt);
        self.steer(None, now);
    }

    /// A link went up or down: the kernel drops routes with it, and says so only of IPv6's.
    pub(in super::super) fn steering_link(&mut self, index: u32, now: Instant) {
        for held in &mut self.steering {
            if held.links.contains(&index) || held.links.contains(&0) {
                held.doubt();
            }
            held.kick(now);
        }
        self.retry_soon();
    }

    /// A link is gone, and with it every route that went through it alone.
    pub(in super::super) fn steering_link_gone(&mut self, index: u32) {
        for held in self.steering.iter_mut().filter(|held| held.links.contains(&index)) {
            held.retry_at = None;
            if held.links.iter().all(|link| *link == index) {
                held.presence = Presence::No;
                held.ours = false;
            } else {
                held.doubt();
            }
        }
    }

    /// An address is there: a gateway may be reachable now, or a source usable.
    pub(in super::super) fn steering_address(&mut self, now: Instant) {
        for held in &mut self.steering {
            held.kick(now);
        }
        self.retry_soon();
    }

    /// An address is gone, and with it (IPv4) or without the source that it was (IPv6) each route that named it.
    pub(in super::super) fn steering_address_gone(&mut self, address: IpAddr) {
        let mut stripped = Vec::new();
        for held in self.steering.iter_mut().filter(|held| held.presence == Presence::Yes) {
            let Steering::Route(route) = &*held.what else { continue };
            if route.source != Some(address) {
                continue;
            }
            match route.family {
                Family::V4 => held.doubt(),
                Family::V6 if held.ours => {
                    held.presence = Presence::No;
                    let (what, links) = (Arc::clone(&held.placed), held.links.clone());
                    stripped.push((what, links));
                }
                Family::V6 => {}
            }
        }
        for (what, links) in stripped {
            self.remove_steering(what, links, false);
        }
    }

    /// One is to be tried again then.
    pub(super) fn retry_by(&mut self, at: Instant) {
        self.steering_retry = Some(self.steering_retry.map_or(at, |known| known.min(at)));
    }

    /// Finds out anew when the next one is to be tried again.
    fn retry_soon(&mut self) {
        self.steering_retry = self.steering.iter().filter_map(|held| held.retry_at).min();
    }

    /// When the next one is to be tried again, or may be: what is not to be any more is only noticed then.
    pub(in super::super) fn steering_timeout(&self) -> Option<Instant> {
        self.steering_retry.into_iter().chain(self.record.overdue_at()).min()
    }

    /// Tries what is due, and what will be in a moment: ten thousand that were refused one after the other are not looked at
    /// ten thousand times.
    pub(in super::super) fn steering_deadline(&mut self, now: Instant) {
        if self.steering_retry.is_some_and(|at| at <= now) {
            let mut due = Vec::new();
            for (at, held) in self.steering.iter_mut().enumerate() {
                if held.retry_at.is_some_and(|at| at <= now + AT_ONCE) {
                    held.retry_at = None;
                    due.push(at);
                }
            }
            self.retry_soon();
            self.steer_each(due.into_iter(), now);
        }
        if self.record.overdue_at().is_some_and(|at| at <= now) {
            self.steer(None, now);
        }
    }
}
