//! Everything that is watched, one way for all kinds: how it stands, and what that does to a router.

use std::time::{Duration, Instant};

use super::instance::Entry;
use super::scripts::ScriptFile;
use super::{Link, Router};
use crate::model::{Priority, Tracked, Watched};
use crate::vrrp::track::{self, Effect, Standing};

/// Something that a router watches, itself or through its group.
#[derive(Debug, Clone, Copy)]
pub(super) struct Watch<'a> {
    pub(super) tracked: &'a Tracked,
    /// It is the group's, and every member's alike.
    pub(super) group: Option<&'a str>,
}

impl Router {
    /// All that a router watches, its own first.
    pub(super) fn watches<'a>(&'a self, entry: &'a Entry) -> impl Iterator<Item = Watch<'a>> {
        let group = entry.group.and_then(|group| self.config.sync_groups.get(group));
        let own = entry.config.tracks.iter().map(|tracked| Watch { tracked, group: None });
        let shared = group
            .into_iter()
            .flat_map(|group| group.tracks.iter().map(|tracked| Watch { tracked, group: Some(group.name.as_str()) }));
        own.chain(shared)
    }

    /// Whether somebody watches it.
    pub(super) fn is_watched(&self, what: &Watched) -> bool {
        self.instances.iter().any(|entry| self.watches(entry).any(|watch| watch.tracked.what == *what))
    }

    /// Whether the configuration defines it.
    pub(super) fn is_defined(&self, what: &Watched) -> bool {
        match what {
            Watched::Interface(_) | Watched::Bfd(_) => true,
            Watched::Script(name) => self.script(name).is_some(),
            Watched::Process(_) | Watched::File(_) | Watched::Service(_) | Watched::Check(_) => {
                self.reports.standing(what).is_some()
            }
        }
    }

    /// How it stands.
    pub(super) fn standing(&self, what: &Watched) -> Standing {
        let (ok, detail) = match what {
            Watched::Interface(name) => self.interface_standing(name),
            Watched::Script(name) => match self.script(name) {
                Some(script) => script.standing(),
                None => (None, "not defined".to_owned()),
            },
            Watched::Bfd(_) => (None, "BFD is not supported".to_owned()),
            Watched::Process(_) | Watched::File(_) | Watched::Service(_) | Watched::Check(_) => {
                return self.reports.standing(what).unwrap_or_else(|| Standing {
                    ok: None,
                    value: None,
                    detail: "not defined".to_owned(),
                });
            }
        };
        Standing { ok, value: None, detail }
    }

    /// Why it counts for nothing, if that is so: a script whose file cannot be run.
    pub(super) fn disabled(&self, what: &Watched) -> Option<&str> {
        match what {
            Watched::Script(name) => match &self.script(name)?.file {
                ScriptFile::Disabled(why) => Some(why),
                ScriptFile::Unseen | ScriptFile::Usable => None,
            },
            Watched::Interface(_)
            | Watched::Process(_)
            | Watched::File(_)
            | Watched::Service(_)
            | Watched::Check(_)
            | Watched::Bfd(_) => None,
        }
    }

    fn interface_standing(&self, name: &str) -> (Option<bool>, String) {
        let Some(link) = self.link(name) else { return (Some(false), "does not exist".to_owned()) };
        let up = self.is_up(link);
        let detail = match (link.up, up) {
            (true, true) => "up",
            (false, false) => "down or without carrier",
            (true, false) => "up, but not for long enough to count",
            (false, true) => "down, but not for long enough to count",
        };
        (Some(up), detail.to_owned())
    }

    /// When a verdict changes if nothing else does.
    pub(super) fn change_at(&self, what: &Watched) -> Option<Instant> {
        match what {
            Watched::Interface(name) => self.believed.get(name)?.change_at(),
            Watched::Process(_)
            | Watched::Script(_)
            | Watched::File(_)
            | Watched::Service(_)
            | Watched::Check(_)
            | Watched::Bfd(_) => self.reports.change_at(what),
        }
    }

    /// A link is up, or was until so short a time ago that it still counts (`interface_up_down_delays`).
    pub(super) fn is_up(&self, link: &Link) -> bool {
        self.believed.get(&link.name).and_then(track::Lasting::ok).unwrap_or(link.up)
    }

    /// Brings what is believed of links with delays up to date. One that is not there at all is down at once: nothing can
    /// be sent through it, and its addresses are gone.
    pub(super) fn look_at_links(&mut self, now: Instant) {
        let delays = &self.config.router.interface_delays;
        self.believed.retain(|name, _| delays.iter().any(|delay| delay.interface == *name));
        for delay in delays {
            let link = self.names.get(&delay.interface).and_then(|index| self.links.get(index));
            let believed = self.believed.entry(delay.interface.clone()).or_default();
            match link {
                None => believed.decide(false),
                Some(link) => {
                    let wait: Duration = if link.up { delay.up } else { delay.down };
                    believed.see(link.up, wait, now);
                }
            }
        }
    }

    /// What each thing that a router watches does to it now. Members of a group have no weights, unless the group has
    /// them: one member's priority must not fall alone. Faults they have.
    pub(super) fn effects(&self, entry: &Entry) -> Vec<(Tracked, Effect)> {
        let weighted =
            entry.group.and_then(|group| self.config.sync_groups.get(group)).is_none_or(|group| group.weighted);
        self.watches(entry)
            .map(|Watch { tracked, .. }| {
                if self.disabled(&tracked.what).is_some() {
                    return (tracked.clone(), Effect::Adds(0));
                }
                let effect = match track::effect(tracked, &self.standing(&tracked.what)) {
                    Effect::Adds(_) if !weighted => Effect::Adds(0),
                    effect @ (Effect::Adds(_) | Effect::Unknown | Effect::Fault) => effect,
                };
                (tracked.clone(), effect)
            })
            .collect()
    }

    /// Priority with weights.
    pub(super) fn effective_priority(entry: &Entry, effects: &[(Tracked, Effect)]) -> Priority {
        track::effective(entry.config.priority, effects.iter().map(|(_, effect)| effect.adds()))
    }

    /// What must answer once before the router may start: all that could be a fault.
    pub(super) fn awaited(effects: &[(Tracked, Effect)]) -> Vec<Watched> {
        let mut awaited: Vec<Watched> = Vec::new();
        for (tracked, effect) in effects {
            if tracked.weight == 0
                && *effect == Effect::Unknown
                && Self::answers(&tracked.what)
                && !awaited.contains(&tracked.what)
            {
                awaited.push(tracked.what.clone());
            }
        }
        awaited
    }

    /// Whether it is a check of some kind, which answers sooner or later.
    const fn answers(what: &Watched) -> bool {
        match what {
            Watched::Script(_) | Watched::Process(_) | Watched::File(_) | Watched::Service(_) | Watched::Check(_) => {
                true
            }
            Watched::Interface(_) | Watched::Bfd(_) => false,
        }
    }

    /// Takes note that something was seen well, or failed.
    pub(super) fn note(&mut self, what: &Watched, standing: &Standing) {
        if let Some(ok) = standing.ok {
            self.seen.insert((what.clone(), ok));
        }
    }

    /// Forgets what was seen of things that are not there any more.
    pub(super) fn forget_undefined(&mut self) {
        let mut seen = std::mem::take(&mut self.seen);
        seen.retain(|(what, _)| self.is_defined(what) && self.standing(what).ok.is_some());
        self.seen = seen;
        let mut paces = std::mem::take(&mut self.paces);
        paces.retain(|what, _| self.is_defined(what));
        self.paces = paces;
    }

    /// Checks of a router's own that have not been well once. One of a file has been when it was read.
    pub(super) fn unproven(&self, entry: &Entry) -> Vec<Watched> {
        let mut unproven: Vec<Watched> = Vec::new();
        for Watch { tracked, .. } in self.watches(entry).filter(|watch| Self::answers(&watch.tracked.what)) {
            let what = &tracked.what;
            let proven = match what {
                Watched::File(_) => self.standing(what).value.is_some(),
                Watched::Script(_) | Watched::Process(_) | Watched::Service(_) | Watched::Check(_) => {
                    self.seen.contains(&(what.clone(), !tracked.reverse))
                }
                Watched::Interface(_) | Watched::Bfd(_) => true,
            };
            if !proven && self.disabled(what).is_none() && !unproven.contains(what) {
                unproven.push(what.clone());
            }
        }
        unproven
    }

    /// Every check of its own has succeeded once, so a router that has come back may take over (`wait_for_checks`).
    pub(super) fn has_proven_itself(&self, entry: &Entry) -> bool {
        self.unproven(entry).is_empty()
    }

    /// Why a priority changed: each thing whose contribution did, with what it adds now.
    pub(super) fn causes(&self, before: &[(Tracked, Effect)], after: &[(Tracked, Effect)]) -> String {
        let mut causes = Vec::new();
        for (tracked, effect) in after {
            let old = before.iter().find(|(old, _)| old == tracked).map_or(0, |(_, effect)| effect.adds());
            if old != effect.adds() {
                let described = match self.disabled(&tracked.what) {
                    Some(_) => format!("{} is disabled", tracked.what),
                    None => describe(&tracked.what, &self.standing(&tracked.what)),
                };
                causes.push(format!("{described} ({:+})", effect.adds()));
            }
        }
        for (tracked, effect) in before {
            if effect.adds() != 0 && !after.iter().any(|(new, _)| new == tracked) {
                causes.push(format!("{} is no longer watched", tracked.what));
            }
        }
        causes.join(", ")
    }
}

/// `script check fails`, `file load holds 12`.
fn describe(what: &Watched, standing: &Standing) -> String {
    match (what, standing.ok) {
        (Watched::File(_), _) => format!("{what} {}", standing.detail),
        (_, Some(true)) => format!("{what} is well"),
        (_, Some(false)) => format!("{what} fails"),
        (_, None) => format!("{what} is not known"),
    }
}
