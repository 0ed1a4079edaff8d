//! Facts about the host beyond links and addresses, as those who watch them tell.

use crate::model::ServiceKey;

/// What was found out about something that routers watch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fact {
    /// Processes that match a [`TrackProcess`](crate::model::TrackProcess), whenever the number changes and once at start.
    Processes {
        /// Its name.
        name: String,
        /// How many run.
        running: u32,
    },
    /// What a [`TrackFile`](crate::model::TrackFile) holds, whenever it changes and once at start.
    File {
        /// Its name.
        name: String,
        /// What is in it.
        content: FileContent,
    },
    /// A run of a [`TrackCheck`](crate::model::TrackCheck) is over.
    Check {
        /// Its name.
        name: String,
        /// It was a success.
        ok: bool,
        /// What came of it, as a sentence without its subject.
        detail: String,
    },
    /// Servers of a service, whenever that changes and once at start.
    Service {
        /// Which service.
        key: ServiceKey,
        /// How it stands; `None`: the balancer does not know it.
        health: Option<ServiceHealth>,
    },
}

/// The first line of a tracked file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FileContent {
    /// A number.
    Number(i64),
    /// The file is not there.
    Missing,
    /// Something else: its beginning, or why it could not be read.
    NotANumber(String),
}

/// How a service stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ServiceHealth {
    /// Servers that are configured.
    pub servers: u32,
    /// Those among them that are up.
    pub up: u32,
    /// The weights of those that are up, added together.
    pub weight_up: u64,
    /// What `weight_up` must come to.
    pub quorum: u32,
}
