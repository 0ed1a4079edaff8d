//! What is watched.

use std::time::Duration;

use super::Field;
use crate::config::source::{Span, Spanned};
use crate::model::RunAs;

/// See [`crate::model::TrackScript`].
#[derive(Debug)]
pub(in crate::config) struct ScriptDraft {
    pub(in crate::config) name: Spanned<String>,
    pub(in crate::config) command: Field<Vec<String>>,
    pub(in crate::config) interval: Option<Duration>,
    pub(in crate::config) timeout: Option<Duration>,
    pub(in crate::config) weight: i16,
    pub(in crate::config) rise: u32,
    pub(in crate::config) fall: u32,
    pub(in crate::config) user: Option<RunAs>,
    pub(in crate::config) init_fail: bool,
    pub(in crate::config) weight_span: Option<Span>,
}

impl ScriptDraft {
    pub(in crate::config) fn new(name: Spanned<String>) -> Self {
        Self {
            name,
            command: Field::Absent,
            interval: None,
            timeout: None,
            weight: 0,
            rise: 1,
            fall: 1,
            user: None,
            init_fail: false,
            weight_span: None,
        }
    }
}

/// Something watched: its name, and the weight if the router gives one.
#[derive(Debug)]
pub(in crate::config) struct TrackDraft {
    pub(in crate::config) name: Spanned<String>,
    pub(in crate::config) weight: Option<Spanned<i16>>,
}
