//! A configuration, the first or a new one.
//!
//! Virtual routers are known by identity (interface and number), so one that stays keeps its state, timers and counters,
//! whatever else about it changes, its name included. One that is gone leaves as at a stop.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Instant;

use super::instance::{Entry, Wanted};
use super::{HostAddress, Router};
use crate::model::Config;
use crate::vrrp::machine::Input;

impl Router {
    pub(super) fn configure(&mut self, config: Arc<Config>, now: Instant) {
        let mut held: BTreeSet<HostAddress> =
            self.instances.iter().filter(|entry| entry.is_active()).flat_map(|entry| entry.added.clone()).collect();
        held.extend(self.instances.iter().filter(|entry| entry.inherits).flat_map(|entry| self.places(entry)));
        let others = self.forms();
        self.leave_those_gone(&config, now);
        self.config = Arc::clone(&config);
        if !self.configured {
            self.delay_start(now);
        }

        let mut before = std::mem::take(&mut self.instances);
        self.instances.reserve_exact(config.instances.len());
        for wanted in Wanted::each(&config) {
            let first = self.instances.iter().find(|entry| entry.config.id == wanted.id).map(|entry| &entry.name);
            let duplicate_of = first.map(ToString::to_string);
            let same = before.iter().position(|entry| {
                entry.config.id == wanted.id && entry.duplicate_of.is_some() == duplicate_of.is_some()
            });
            let mut entry = match same {
                Some(at) => before.remove(at),
                None => Entry { inherits: !self.configured, ..Entry::new(&wanted, now) },
            };
            entry.reconfigure(&wanted);
            entry.duplicate_of = duplicate_of;
            self.instances.push(entry);
        }
        self.join_groups();
        self.adopt_scripts(now);
        self.adopt_reports(now);
        self.forget_undefined();
        self.index_instances();
        self.update_listeners();
        // Scripts leave first: an instance that waits for one waits no longer than it must.
        self.start_scripts(now);
        self.configure_statics();
        self.configure_steering();
        self.reform(&others);
        if !self.configured {
            self.remove_left_links();
        }
        self.settle(now);
        self.discard_steering();
        self.remove_orphans(held);
        if self.configured {
            self.repeat_states();
        }
        if !self.configured {
            self.configured = true;
            self.tell_inheritance();
            self.remove_left();
        }
    }

    /// Leaves the virtual routers that the new configuration does not have.
    fn leave_those_gone(&mut self, config: &Config, now: Instant) {
        for at in 0..self.instances.len() {
            let Some(entry) = self.instances.get_mut(at) else { continue };
            if config.instances.iter().any(|wanted| wanted.id == entry.config.id) {
                continue;
            }
            entry.machine.handle(Input::Shutdown, now);
            self.drain_one(at, now);
            self.disinherit(at, now);
            self.notify_deleted(at);
        }
    }

    /// Removes addresses that were ours, and that no router wants on any more.
    fn remove_orphans(&mut self, held: BTreeSet<HostAddress>) {
        let none = self.instances.len();
        for place in held {
            if self.is_present(&place) && !self.is_wished(&place, none) {
                self.remove(place);
            }
            for at in 0..self.instances.len() {
                let Some(entry) = self.instances.get(at) else { continue };
                if !self.places(entry).contains(&place)
                    && let Some(entry) = self.instances.get_mut(at)
                {
                    entry.added.remove(&place);
                }
            }
        }
    }
}
