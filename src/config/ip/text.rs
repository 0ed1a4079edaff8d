//! Routes and rules as text and back, with nothing left out that the kernel is told: for whoever keeps them in a file.
//!
//! All names are numbers, so that what is read does not depend on the host's own files. What only concerns us (`no_track`,
//! `track_group`, a priority that was given rather than written) is not kept.

use super::{Line, Word, route, route_text, rule, rule_text};
use crate::config::source::{FileId, Nowhere, Span};
use crate::model::{Route, Rule};

fn line(text: &str) -> Option<Line<'_, 'static>> {
    let span = Span::new(FileId::default(), 0..text.len());
    Line::new(text.split_whitespace().map(|text| Word { text, span }).collect(), &Nowhere)
}

/// What [`write_route`] wrote; `None` if it is something else.
pub(crate) fn read_route(text: &str) -> Option<Route> {
    let (route, _) = route(line(text)?).ok()?;
    Some(Route { track: true, track_group: None, ..route })
}

/// What [`write_rule`] wrote; `None` if it is something else.
pub(crate) fn read_rule(text: &str) -> Option<Rule> {
    let (rule, _) = rule(line(text)?).ok()?;
    Some(Rule { track: true, track_group: None, ..rule })
}

/// A route, in the words of `ip route`.
pub(crate) fn write_route(route: &Route) -> String {
    route_text(&Route { track: true, track_group: None, ..route.clone() })
}

/// A rule, in the words of `ip rule`.
pub(crate) fn write_rule(rule: &Rule) -> String {
    rule_text(&Rule { track: true, track_group: None, ..rule.clone() })
}

#[cfg(test)]
mod tests;
