//! How much each sender has to say whose adverts have an ear of their own.
//!
//! That ear is shared: one that floods it would displace the others. A router that sends every 10 ms, as often as there is,
//! sends a hundred adverts a second, and what waits for us after a stall is no more than a socket holds. Whoever sends more
//! is heard with everybody else for a while, which costs it nothing while nobody floods. (A master may answer a flood of
//! lower priorities advert by advert; then it says enough to be heard anywhere.)

use std::net::IpAddr;
use std::time::{Duration, Instant};

use std::collections::BTreeMap;

/// What is counted together.
const WINDOW: Duration = Duration::from_secs(1);
/// Adverts that may come in it. A socket holds some 1,300.
const MOST: u32 = 1000;
/// How long one that sent more is heard with everybody else.
const PENALTY: Duration = Duration::from_secs(60);

/// An interface, a sender and a virtual router.
type Key = (u32, IpAddr, u8);

#[derive(Debug)]
struct Tally {
    since: Instant,
    count: u32,
    out_until: Option<Instant>,
}

/// What has come in on such ears.
#[derive(Debug, Default)]
pub(super) struct Tallies(BTreeMap<Key, Tally>);

impl Tallies {
    /// Counts an advert. True once for a sender that has sent too many.
    pub(super) fn count(&mut self, key: Key, now: Instant) -> bool {
        let tally = self.0.entry(key).or_insert(Tally { since: now, count: 0, out_until: None });
        if now.saturating_duration_since(tally.since) > WINDOW {
            tally.since = now;
            tally.count = 0;
        }
        tally.count = tally.count.saturating_add(1);
        let is_new = tally.count > MOST && tally.out_until.is_none();
        if is_new {
            tally.out_until = Some(now + PENALTY);
        }
        is_new
    }

    /// Something of this sender has come in there.
    pub(super) fn knows(&self, key: Key) -> bool {
        self.0.contains_key(&key)
    }

    /// Whether this sender has to be heard with everybody else.
    pub(super) fn is_out(&self, key: Key) -> bool {
        self.0.get(&key).is_some_and(|tally| tally.out_until.is_some())
    }

    /// Forgets senders that are not wanted any more, and those whose time is over.
    pub(super) fn retain(&mut self, wanted: impl Fn(Key) -> bool, now: Instant) {
        self.0.retain(|key, tally| match tally.out_until {
            Some(until) => now < until,
            None => wanted(*key),
        });
    }

    /// When the time of the next one is over.
    pub(super) fn over_at(&self) -> Option<Instant> {
        self.0.values().filter_map(|tally| tally.out_until).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    #[test]
    fn the_fastest_master_stays_and_a_flood_is_out_for_a_while() {
        let start = Instant::now();
        let one = |vrid| (2, IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)), vrid);
        let mut tallies = Tallies::default();
        assert!(!tallies.knows(one(51)));
        for advert in 0..1000 {
            assert!(!tallies.count(one(51), start + Duration::from_millis(10) * advert));
        }
        // What a stall of ten seconds leaves.
        let mut now = start + Duration::from_secs(20);
        assert!((0..1000).all(|_| !tallies.count(one(51), now)));
        assert!(tallies.knows(one(51)) && !tallies.is_out(one(51)));
        let told = (0..5000).filter(|_| tallies.count(one(52), now)).count();
        assert_eq!(told, 1);
        assert!(tallies.is_out(one(52)) && !tallies.is_out(one(51)));
        tallies.retain(|key| key.2 == 51, now);
        assert!(tallies.is_out(one(52)), "it is not rid of it by not being wanted");
        now = tallies.over_at().unwrap();
        assert_eq!(now, start + Duration::from_secs(80));
        tallies.retain(|key| key.2 == 51, now);
        assert!(tallies.knows(one(51)) && !tallies.knows(one(52)));
        assert_eq!(tallies.over_at(), None);
    }
}
