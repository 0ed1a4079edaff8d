//! Requests and replies beside the snapshot.

use serde::{Deserialize, Serialize};

/// Ask what a configuration would change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub struct PlanRequest {
    /// File to plan for, as an absolute path that the daemon reads; the daemon's own file if none.
    pub file: Option<String>,
}

/// One step of a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedStep {
    /// The step in words.
    pub step: String,
    /// Live connections of the entry that it touches.
    pub connections: u64,
    /// Whether those connections are cut off (only where a server or service goes away).
    pub cuts: bool,
}

/// A server whose place in the table changes later, when what it waits for has come about.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Pending {
    /// Its service, as people call it.
    pub service: String,
    /// Its address and port.
    pub server: String,
    /// For what.
    pub awaits: Awaits,
}

/// What is waited for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Awaits {
    /// Its checks succeed: then it gets new connections.
    Success,
    /// Those that take its place are up. Until then it serves on; then it finishes what it has.
    Heirs {
        /// The time that it has for that.
        drain_secs: f64,
    },
    /// It has finished what it has, or has no more time; what is left then is cut off.
    End {
        /// Its connections, and clients that are bound to it, as far as they were counted.
        left: u64,
        /// The time that it has; `None`: as long as it takes.
        within_secs: Option<f64>,
    },
}

/// What a configuration would change, in order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Default)]
pub struct PlanReply {
    /// Steps in order; empty: nothing would change at once.
    pub steps: Vec<PlannedStep>,
    /// What would change later.
    #[serde(default)]
    pub pending: Vec<Pending>,
    /// The configuration says something else than the one in force, be it that the kernel has nothing of it.
    #[serde(default)]
    pub differs: bool,
    /// Diagnostics of the file, rendered as plain text; empty: none.
    pub diagnostics: String,
}

/// How a reload went.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Default)]
pub struct ReloadReply {
    /// Whether the new configuration is in force.
    pub applied: bool,
    /// Steps that the kernel's table was given.
    pub steps: Vec<PlannedStep>,
    /// What changes later.
    #[serde(default)]
    pub pending: Vec<Pending>,
    /// What could not be carried out although the configuration is in force, as sentences.
    #[serde(default)]
    pub problems: Vec<String>,
    /// Diagnostics of the file, rendered as plain text; empty: none.
    pub diagnostics: String,
}

/// What the operator wishes of a server.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServerRequest {
    /// Its address and port as the snapshot has them, `10.0.0.7:80`; the port may be left out where that is clear.
    pub server: String,
    /// The service, `tcp 192.0.2.1:80`, or the name of its group; every service that has the server if none.
    #[serde(default)]
    pub service: Option<String>,
    /// What.
    pub verb: ServerVerb,
}

/// What the operator may wish of a server.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ServerVerb {
    /// No new connections; out of the table once those that it has have ended.
    Drain {
        /// ... or once so many seconds have passed; `None`: it may take for ever.
        #[serde(default)]
        deadline_secs: Option<f64>,
    },
    /// Take that back.
    Undrain,
    /// Out of the table at once.
    Disable,
    /// In use again, whether it was drained or disabled.
    Enable,
    /// Another weight than the file's.
    Weight {
        /// Which; `None`: the file's again.
        #[serde(default)]
        weight: Option<u32>,
    },
}

/// What became of a wish.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServerReply {
    /// One of each service that has the server.
    pub changes: Vec<ServerChange>,
    /// What one should know beside, as sentences.
    #[serde(default)]
    pub remarks: Vec<String>,
}

/// What became of a wish in one service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServerChange {
    /// The service, as people call it.
    pub service: String,
    /// The server.
    pub server: String,
    /// Something is another way now than before.
    pub changed: bool,
    /// How it is now, in words.
    pub text: String,
}

/// Something went wrong: what, and what to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorReply {
    /// A sentence.
    pub error: String,
}
