//! What trackers outside the engine report: processes, files, checks and services.
//!
//! Scripts are asked for by the engine ([`Output::RunScript`](super::Output::RunScript)) and links are told by the kernel;
//! all else that a router can watch is watched by threads of the shell, which report what they see and judge nothing. What
//! a report means for a router (delays, rise and fall, quorum, weights) is worked out here.

use std::collections::BTreeMap;
use std::time::Instant;

use super::Router;
use crate::model::ServiceKey;

/// A report of a tracker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fact {
    /// Processes that match a [`TrackProcess`](crate::model::TrackProcess): whenever the number changes, and once at start.
    Processes {
        /// Name of the definition.
        name: String,
        /// How many run.
        running: u32,
    },
    /// What a [`TrackFile`](crate::model::TrackFile) holds: whenever it changes, and once at start.
    File {
        /// Name of the definition.
        name: String,
        /// What it holds.
        content: FileContent,
    },
    /// A run of a [`TrackCheck`](crate::model::TrackCheck) is over. Rises and falls are counted here.
    Check {
        /// Name of the definition.
        name: String,
        /// The check succeeded.
        ok: bool,
        /// What happened, as a sentence.
        detail: String,
    },
    /// Servers of a service: whenever they change, and once at start.
    Service {
        /// Which service.
        key: ServiceKey,
        /// How its servers are. `None`: the balancer does not know the service.
        health: Option<ServiceHealth>,
    },
}

/// What a tracked file holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FileContent {
    /// A number.
    Number(i64),
    /// There is no such file, or it cannot be read.
    Missing,
    /// Its first line, which is no number.
    NotANumber(String),
}

/// How the servers of a service are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ServiceHealth {
    /// Servers that are configured.
    pub servers: u32,
    /// Servers that are up.
    pub up: u32,
    /// Sum of the weights of those that are up.
    pub weight_up: u64,
    /// What that sum must reach.
    pub quorum: u32,
}

/// The last report of each kind and name.
#[derive(Debug, Default)]
pub(super) struct Facts {
    pub(super) processes: BTreeMap<String, u32>,
    pub(super) files: BTreeMap<String, FileContent>,
    pub(super) checks: BTreeMap<String, (bool, String)>,
    pub(super) services: BTreeMap<ServiceKey, Option<ServiceHealth>>,
}

impl Router {
    /// Takes a report.
    pub(super) fn fact(&mut self, fact: Fact, _now: Instant) {
        match fact {
            Fact::Processes { name, running } => {
                self.facts.processes.insert(name, running);
            }
            Fact::File { name, content } => {
                self.facts.files.insert(name, content);
            }
            Fact::Check { name, ok, detail } => {
                self.facts.checks.insert(name, (ok, detail));
            }
            Fact::Service { key, health } => {
                self.facts.services.insert(key, health);
            }
        }
    }
}
