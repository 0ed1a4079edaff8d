//! A configuration back to a document: what [`super::draft`] makes of the text is the configuration that it was written from.
//!
//! Only what differs from the language's own defaults is written, in a fixed order, as a person would write it. What was said
//! of the source of a configuration comes along as comments, each at the object that it is about.

mod checks;
mod group;
mod http;
mod instance;
mod service;
mod surroundings;
mod text;
mod trackers;

use std::collections::{BTreeSet, HashMap};
use std::fmt::Write;

use crate::config::Language;
use crate::model::{Config, ServiceKey, Watched};
use text::Table;

/// A comment's longest line.
const WIDTH: usize = 118;
/// Where the reasons of differences begin.
const REASONS: usize = 30;

/// A part of a document that something can be said about.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(in crate::config) enum Object {
    /// `[global]`, `[router]`.
    Global,
    /// `[static]`.
    Static,
    /// `[[track-group]]`.
    TrackGroup(String),
    /// `[[script]]`, `[[track-process]]` and their like.
    Tracker(Watched),
    /// `[[instance]]`.
    Instance(String),
    /// `[[sync-group]]`.
    SyncGroup(String),
    /// `[[service]]`.
    Service(ServiceKey),
}

/// What is said of a document, and where.
#[derive(Debug, Clone, Default)]
pub(in crate::config) struct Comments {
    /// At its head.
    pub(in crate::config) head: Vec<String>,
    /// Of the whole of it, and of what is not in it.
    pub(in crate::config) general: Vec<String>,
    /// Of its parts.
    pub(in crate::config) parts: HashMap<Object, Vec<String>>,
}

/// A default that keepalived has and a new file has not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Difference {
    Version,
    WaitForChecks,
    HigherPriority,
    Refresh,
    OnMissing,
    Verify,
}

impl Difference {
    /// Its key, what a new file has, and why.
    const fn reason(self) -> (&'static str, &'static str) {
        match self {
            Self::Version => ("version", "3 (RFC 9568). All hosts of a router need the same: change them together."),
            Self::WaitForChecks => {
                ("wait-for-checks", "true: it takes over only after every check of its own has succeeded once.")
            }
            Self::HigherPriority => (
                "higher-priority-send-advert",
                "true: who gives way advertises once more, so that the winner announces again.",
            ),
            Self::Refresh => {
                ("announce.refresh", "\"60s\": neighbours that missed an announcement learn the address after all.")
            }
            Self::OnMissing => {
                ("on-missing", "\"fail\": a script whose file is missing fails, and is not passed over.")
            }
            Self::Verify => ("verify", "true: a certificate that nobody trusts is a failure."),
        }
    }
}

/// What is marked where [`Difference`]s are written.
const AS_THERE: &str = "as in keepalived";

/// Writes one document.
struct Writer<'c> {
    config: &'c Config,
    comments: &'c Comments,
    language: Language,
    differences: BTreeSet<Difference>,
    agreed: trackers::Agreed<'c>,
    out: String,
    /// What the language has no words for.
    unsaid: Vec<String>,
}

/// A document, and what of the configuration it could not say.
pub(in crate::config) struct Written {
    /// The document.
    pub(in crate::config) text: String,
    /// What it does not say. Front ends make nothing of this kind.
    pub(in crate::config) unsaid: Vec<String>,
}

/// The document that means a configuration, which was read in a language.
pub(in crate::config) fn write(config: &Config, language: Language, comments: &Comments) -> Written {
    let mut writer = Writer {
        config,
        comments,
        language,
        differences: BTreeSet::new(),
        agreed: trackers::agreed(config),
        out: String::new(),
        unsaid: Vec::new(),
    };
    writer.surroundings();
    writer.trackers();
    writer.instances();
    for service in &config.services {
        let table = writer.service(service);
        writer.part("[[service]]", &table, &Object::Service(service.key));
    }
    let mut text = String::new();
    for line in &comments.head {
        comment(&mut text, line);
    }
    if !writer.differences.is_empty() {
        text.push_str("#\n");
        comment(
            &mut text,
            &format!("What is marked \"{AS_THERE}\" is its default, and a new file of ours has another:"),
        );
        for difference in &writer.differences {
            let (key, reason) = difference.reason();
            let _ = writeln!(text, "#   {key:REASONS$} {reason}");
        }
    }
    if !comments.general.is_empty() {
        text.push_str("#\n");
    }
    for line in &comments.general {
        comment(&mut text, line);
    }
    text.push_str(&writer.out);
    Written { text, unsaid: writer.unsaid }
}

impl Writer<'_> {
    /// A default that was keepalived's is marked, and explained at the head.
    fn differs(&mut self, table: &mut Table, difference: Difference) {
        if self.language == Language::Keepalived {
            self.differences.insert(difference);
            table.note(AS_THERE);
        }
    }

    /// A table under its header, with what is said of it.
    fn part(&mut self, header: &str, table: &Table, object: &Object) {
        let said = self.comments.parts.get(object).map_or(&[][..], Vec::as_slice);
        if table.is_empty() && said.is_empty() {
            return;
        }
        self.out.push('\n');
        for line in said {
            comment(&mut self.out, line);
        }
        if table.is_empty() {
            return;
        }
        let _ = writeln!(self.out, "{header}");
        table.lines(header.trim_matches(['[', ']']), &mut self.out);
    }
}

/// A comment, broken into lines; nothing of it can end it early.
fn comment(out: &mut String, text: &str) {
    let text: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let mut line = String::from("#");
    for word in text.split(' ').filter(|word| !word.is_empty()) {
        if line.chars().count() + 1 + word.chars().count() > WIDTH && line.len() > 5 {
            let _ = writeln!(out, "{line}");
            line = String::from("#    ");
        }
        line.push(' ');
        line.push_str(word);
    }
    let _ = writeln!(out, "{line}");
}
