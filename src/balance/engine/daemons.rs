//! Sync daemons: which are to run as the routers are now, which are ours, and whose run that are not.

use std::collections::BTreeMap;

use super::{Balancer, Life, Output};
use crate::balance::daemons::{self, SyncDaemons, SyncRole, SyncSettings};
use crate::balance::engine::kernel::Kernel;
use crate::balance::event::Event;
use crate::balance::plan::{Plan, Step};
use crate::balance::table::Table;
use crate::model::{Config, Instance};

/// What is known of routers, and what was told of others' daemons.
#[derive(Debug, Clone, Default)]
pub(super) struct Daemons {
    /// Routers that are known to be active, or known not to be.
    active: BTreeMap<String, bool>,
    /// The followed router's role is new.
    pub(super) dirty: bool,
    told: BTreeMap<SyncRole, (SyncSettings, bool)>,
    /// Numbers of the interfaces that daemons of ours were first seen on.
    links: BTreeMap<SyncRole, u32>,
    /// The next look is one at all at once: a walk would come to the daemons only at its end.
    pub(super) look_whole: bool,
}

impl Balancer {
    pub(super) fn role(&mut self, router: String, active: bool) {
        let followed = self.roster.config.global.sync_daemon.as_ref().and_then(|daemon| daemon.instance.as_ref());
        let is_followed = followed == Some(&router);
        let before = self.daemons.active.insert(router, active);
        self.daemons.dirty |= is_followed && before != Some(active);
    }

    /// Roles of routers that are configured no more mean nothing.
    pub(super) fn forget_routers(&mut self) {
        let routers = &self.roster.config.instances;
        self.daemons.active.retain(|name, _| routers.iter().any(|router| router.name == *name));
    }

    /// Which sync daemons are to run. `None`: the followed router's state is not known yet, and what runs goes on.
    #[must_use]
    pub fn wished_daemons(&self) -> Option<SyncDaemons> {
        daemons::wish(&self.roster.config, |router| self.daemons.active.get(router).copied())
    }

    /// What routers will be once this configuration is in force: one goes on as it is under another name, and one that is new
    /// begins as a backup.
    pub(super) fn foresee_routers(&mut self, config: &Config) {
        let role = |router: &Instance| match self.roster.config.instances.iter().find(|old| old.id == router.id) {
            Some(before) => self.daemons.active.get(&before.name).copied(),
            None => Some(false),
        };
        let roles = config.instances.iter().filter_map(|router| Some((router.name.clone(), role(router)?)));
        self.daemons.active = roles.collect();
    }

    /// Sync daemons are configured, or some of ours may be left: they have to be read.
    #[must_use]
    pub fn needs_daemons(&self) -> bool {
        self.roster.config.global.sync_daemon.is_some() || self.ledger.has_daemons()
    }

    /// Notes which interface each daemon of ours is on, and which of them is one that was made again since. One that runs when
    /// we are started is taken to be well.
    pub(super) fn watch_links(&mut self, table: &mut Table) {
        let Some(found) = &mut table.daemons else { return };
        let mut news = false;
        for role in SyncRole::ALL {
            let Some(daemon) = found.of(role) else {
                self.daemons.links.remove(&role);
                continue;
            };
            // While there is none a start would fail.
            let Some(now) = found.links.get(&role).copied() else { continue };
            let first = *self.daemons.links.entry(role).or_insert(now);
            if first != now && self.ledger.has_daemon(role) {
                let interface = daemon.interface.clone();
                found.lost.insert(role);
                if !self.observed.daemons.as_ref().is_some_and(|known| known.lost.contains(&role)) {
                    self.outputs.push_back(Output::Event(Event::DaemonLost { role, interface }));
                    news = true;
                }
            }
        }
        if news {
            self.daemons.dirty = true;
            self.observed.daemons = Some(found.clone());
        }
    }

    /// It was started or stopped. A look at once shows which interface it is on, before that can be made again.
    pub(super) fn daemon_changed(&mut self, role: SyncRole) {
        self.daemons.links.remove(&role);
        self.daemons.look_whole = true;
        self.look_at = self.now;
    }

    /// What is about to be started is ours, and so is what runs just as it would have been started.
    pub(super) fn claim_daemons(&mut self, plan: &Plan) {
        let mut grew = false;
        for step in &plan.steps {
            if let Step::StartDaemon { role, .. } = step {
                grew |= self.ledger.claim_daemon(*role);
            }
        }
        if let (Some(found), Some(wish)) = (&self.observed.daemons, self.wished_daemons()) {
            for role in SyncRole::ALL {
                if let (Some(found), Some(wish)) = (found.of(role), wish.of(role))
                    && wish.is_met_by(role, found)
                {
                    grew |= self.ledger.claim_daemon(role);
                }
            }
        }
        if grew {
            self.outputs.push_back(Output::WriteLedger);
        }
    }

    /// Tells once of each daemon that is not ours, as long as daemons are configured.
    pub(super) fn tell_daemons(&mut self) {
        match (self.life, &self.kernel) {
            (Life::Running, Kernel::Known) => {}
            (
                Life::Running,
                Kernel::Unneeded | Kernel::Reading { .. } | Kernel::Away { .. } | Kernel::Applying { .. },
            )
            | (Life::Stopping | Life::Stopped, _) => return,
        }
        let global = &self.roster.config.global;
        if global.sync_daemon.is_none() || global.exclusive {
            self.daemons.told.clear();
            return;
        }
        let (Some(found), Some(wish)) = (&self.observed.daemons, self.wished_daemons()) else { return };
        for role in SyncRole::ALL {
            let foreign = found.of(role).filter(|found| {
                !self.ledger.has_daemon(role) && wish.of(role).is_none_or(|wish| !wish.is_met_by(role, found))
            });
            let Some(foreign) = foreign else {
                self.daemons.told.remove(&role);
                continue;
            };
            let news = (foreign.clone(), wish.of(role).is_some());
            if self.daemons.told.get(&role) != Some(&news) {
                let (found, in_the_way) = news.clone();
                self.outputs.push_back(Output::Event(Event::ForeignDaemon { role, found, in_the_way }));
                self.daemons.told.insert(role, news);
            }
        }
    }
}
