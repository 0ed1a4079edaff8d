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

/// What a configuration would change, in order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct PlanReply {
    /// Steps in order; empty: nothing would change.
    pub steps: Vec<PlannedStep>,
    /// Diagnostics of the file, rendered as plain text; empty: none.
    pub diagnostics: String,
}

/// How a reload went.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReloadReply {
    /// Whether the new configuration is in force.
    pub applied: bool,
    /// Steps that the kernel's table was given.
    pub steps: Vec<PlannedStep>,
    /// What could not be carried out although the configuration is in force, as sentences.
    #[serde(default)]
    pub problems: Vec<String>,
    /// Diagnostics of the file, rendered as plain text; empty: none.
    pub diagnostics: String,
}

/// Something went wrong: what, and what to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorReply {
    /// A sentence.
    pub error: String,
}
