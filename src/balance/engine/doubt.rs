//! When not to believe a check: verdicts that are held, a process that stood still, and who is looked at sooner.

use std::time::{Duration, Instant};

use super::{Balancer, Life};
use crate::balance::event::Event;
use crate::balance::hold::{End, Finding, Ruling};
use crate::balance::suspicion::{Suspect, Traffic};
use crate::check::{Outcome, Verdict};

use super::Output;

/// A second look begins within this time, each at a moment of its own.
const SECOND_LOOKS: Duration = Duration::from_millis(500);

/// A check as it was before its probe was concluded.
#[derive(Debug, Clone, Copy)]
pub(super) struct Before {
    pub(super) verdict: Option<Verdict>,
    pub(super) last: Option<Outcome>,
}

impl Balancer {
    /// A probe was concluded, and maybe the verdict is new: what is known of all others says whether it counts.
    pub(super) fn weigh(&mut self, check: u32, before: Before, outcome: Outcome, verdict: Option<Verdict>) {
        if outcome.was_tried() {
            if !outcome.is_silence() {
                if self.shows_the_way(check, outcome) {
                    self.hold.answered(check);
                } else {
                    // Whoever is not silent any more is held no longer, and of the others that says nothing.
                    self.relieve(check);
                }
            } else if before.verdict != Some(Verdict::Down)
                && !before.last.is_some_and(Outcome::is_silence)
                && self.would_be_missed(check)
            {
                self.hold.fell_silent();
            }
        }
        match verdict {
            // It was being asked when its service came to rest, and nobody will look again: it says what it said before.
            Some(Verdict::Down) if outcome.is_silence() && self.roster.is_resting(check) => {
                self.reprieve(check, before.verdict);
            }
            Some(Verdict::Down) if outcome.is_silence() => {
                let well =
                    self.count_well() + usize::from(before.verdict == Some(Verdict::Up) && self.would_be_missed(check));
                let held_before = self.hold.holds().is_some();
                let (roster, addresses) = (&self.roster, &self.addresses);
                let is_own = |ip| addresses.has(ip);
                let all_silent = || before.verdict == Some(Verdict::Up) && roster.are_silent_beside(check, is_own);
                match self.hold.rule(check, well, all_silent, self.now) {
                    Ruling::Counts => self.believe(check),
                    Ruling::LookAgain => {
                        if !held_before {
                            self.outputs.push_back(Output::Event(Event::Held));
                        }
                        self.reprieve(check, before.verdict);
                        let look_in = self.random.within(SECOND_LOOKS);
                        if let Some((slot, _)) = self.roster.slot(check) {
                            slot.machine.resume(look_in, self.now);
                            self.timers.arm(check, slot.machine.poll_timeout());
                        }
                    }
                    Ruling::Waits => self.reprieve(check, before.verdict),
                }
            }
            Some(Verdict::Up | Verdict::Down) => self.believe(check),
            None => {}
        }
        self.end_hold();
    }

    /// An outcome that came from another host.
    fn shows_the_way(&self, check: u32, outcome: Outcome) -> bool {
        let came_back = self.roster.check(check).is_some_and(|(_, _, config)| outcome.came_back(&config.kind));
        came_back && self.roster.calls_afar(check, |ip| self.addresses.has(ip))
    }

    /// Silence of it would be news.
    fn would_be_missed(&self, check: u32) -> bool {
        self.roster.would_be_missed(check, |ip| self.addresses.has(ip))
    }

    /// Checks that are well and would be missed. Whom those are hangs on addresses and rests as well, and where they have changed
    /// all are counted.
    fn count_well(&mut self) -> usize {
        let (roster, addresses) = (&self.roster, &self.addresses);
        *self.well.get_or_insert_with(|| roster.count_well(|ip| addresses.has(ip)))
    }

    /// A check says something else than before.
    pub(super) fn recount(&mut self, check: u32, before: Option<Verdict>, after: Verdict) {
        let (was, is) = (before == Some(Verdict::Up), after == Verdict::Up);
        if was != is && self.well.is_some() && self.would_be_missed(check) {
            self.well = self.well.map(|well| if is { well + 1 } else { well.saturating_sub(1) });
        }
    }

    /// What a check said last is in doubt: it says what it said before, until it is looked at again or the hold ends.
    fn reprieve(&mut self, check: u32, before: Option<Verdict>) {
        let Some((slot, config)) = self.roster.slot(check) else { return };
        slot.machine.reprieve(config, before);
        if let Some(before) = before {
            self.recount(check, Some(Verdict::Down), before);
        }
        if before.is_none() {
            // It could be tried, and so its server is trusted no more for lack of that.
            self.stir();
            self.believe(check);
        }
    }

    /// A check is in doubt no longer, which may be the end of the hold.
    pub(super) fn relieve(&mut self, check: u32) {
        if self.hold.relieve(check) {
            self.outputs.push_back(Output::Event(Event::HoldOver { finding: Finding::Moot, checks: 0 }));
        }
    }

    /// Ends the hold if it is time, and lets what was held count.
    pub(super) fn end_hold(&mut self) {
        let Some(End { finding, checks }) = self.hold.end(self.now) else { return };
        self.outputs.push_back(Output::Event(Event::HoldOver { finding, checks: checks.len() }));
        for check in checks {
            if let Some((slot, _)) = self.roster.slot(check) {
                let before = slot.machine.verdict();
                slot.machine.condemn();
                self.recount(check, before, Verdict::Down);
            }
            self.believe(check);
        }
    }

    /// Servers that failed stay, or need not stay any more.
    pub(super) fn settle_floors(&mut self) {
        match self.life {
            // Whom a floor keeps hangs on who is there.
            Life::Running if !self.is_table_known() => return,
            Life::Running | Life::Stopping | Life::Stopped => {}
        }
        let leaving = &self.handovers.leaving;
        let serves_on = |key| leaving.serving_of(key).next().is_some();
        for (place, kept) in self.roster.settle_floors(&self.observed, serves_on) {
            let Some(service) = self.roster.config.services.get(place as usize) else { continue };
            let title = service.title();
            self.outputs.push_back(Output::Event(match (service.floor, kept) {
                (Some(_), 0) => Event::FloorLeft { service: title },
                (Some(floor), kept) => Event::FloorReached { service: title, floor, kept },
                // The file asks for none any more.
                (None, _) => continue,
            }));
        }
    }

    /// Servers that take connections and answer none are checked at once.
    pub(super) fn suspect(&mut self, rows: &[Traffic]) {
        for Suspect { service, server, connections, is_new } in self.suspicion.look(rows) {
            let Some((title, checks)) = self.roster.checks_at(service, server) else { continue };
            for check in checks {
                if let Some((slot, _)) = self.roster.slot(check) {
                    slot.machine.hurry(self.now);
                    self.timers.arm(check, slot.machine.poll_timeout());
                }
            }
            if is_new {
                self.outputs.push_back(Output::Event(Event::Mute { service: title, server, connections }));
            }
        }
    }

    pub(super) fn hold_timeout(&self) -> Option<Instant> {
        self.hold.poll_timeout()
    }

    /// Verdicts are held until a second look, of so many checks.
    #[must_use]
    pub fn held(&self) -> Option<usize> {
        self.hold.holds().filter(|checks| *checks > 0)
    }
}
