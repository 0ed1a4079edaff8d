//! Text to [`Config`], or to everything that is wrong with it, in one run.
//!
//! ```text
//! TOML ------------.
//!                   > drafts -> resolve -> Config
//! keepalived.conf -'      \________\__________________> Report
//! ```
//!
//! Two front ends turn text into drafts: values checked one by one, each with its place. One resolver fills in defaults, looks
//! names up, and holds the rules between values. Whatever is found on the way goes to the [`Report`], with file, line and
//! column, what was expected and the nearest right word; nothing stops at the first mistake.
//!
//! Severities are promises. A [`Severity::Note`] takes effect as written. A [`Severity::Warning`] does not, and says what
//! happens instead: what keepalived does. A [`Severity::Error`] means that something asked for cannot run: a daemon refuses to
//! start with it, and at a reload keeps what it has.
//!
//! The way back is [`convert()`]: a configuration in keepalived's language, written in our own and read again. What IPVS can do
//! of an haproxy.cfg goes the same way ([`convert_haproxy()`]). What there is to know
//! of our own language ([`reference()`], [`schema()`]) is held to what its reader takes by tests.
//!
//! This room is pure: files, globs and the environment come through [`Sources`].

mod article;
mod convert;
mod decode;
mod diagnostic;
mod draft;
pub mod explain;
mod haproxy;
mod hex;
mod interfaces;
mod ip;
mod keepalived;
mod listing;
mod origin;
mod page;
mod range;
mod reach;
mod report;
mod resolve;
mod source;
mod suggest;
mod toml;
mod url;

use std::collections::HashMap;
use std::path::Path;

use crate::model::{Config, ServiceKey};

pub use article::{Article, Example};
pub use convert::{Converted, convert, convert_haproxy};
pub use diagnostic::{Code, Diagnostic, Label, Part, Severity};
pub use interfaces::warn_of_missing_interfaces;
pub(crate) use ip::{read_route, read_rule, write_route, write_rule};
pub use listing::{Listed, Listing, Place};
pub use reach::note_far_servers;
pub use report::Report;
pub use source::{FileId, Files, Position, SourceError, Sources, Span, Spanned};

/// What a configuration may depend on beside its text.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Context {
    /// What `@id` lines are compared with: the short host name, unless the command line says otherwise.
    pub config_id: String,
}

/// In which language a file is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Language {
    /// Our own.
    Toml,
    /// keepalived's.
    Keepalived,
}

impl Language {
    /// By the ending of its name: `.toml`, or keepalived's.
    #[must_use]
    pub fn of(path: &Path) -> Self {
        match path.extension() {
            Some(ending) if ending.eq_ignore_ascii_case("toml") => Self::Toml,
            Some(_) | None => Self::Keepalived,
        }
    }
}

/// What came of a file.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// What can be run. `None` when nothing can: the file cannot be read, or errors leave neither a router nor a service.
    ///
    /// With an error in the report, this is what is left without the things that the errors are about.
    pub config: Option<Config>,
    /// All that is to be said about it.
    pub report: Report,
}

impl Loaded {
    /// Whether a daemon may start with it: something can be run, and nothing that was asked for cannot.
    #[must_use]
    pub fn is_runnable(&self) -> bool {
        self.config.is_some() && self.report.worst() != Some(Severity::Error)
    }
}

/// Reads a configuration with all that it includes.
#[must_use]
pub fn load(path: &Path, language: Option<Language>, sources: &dyn Sources, context: &Context) -> Loaded {
    let mut report = Report::default();
    let resolved = resolved(path, language.unwrap_or_else(|| Language::of(path)), sources, context, &mut report);
    report.sort();
    let left = resolved.map(|resolved| resolved.config).filter(|config| {
        report.worst() != Some(Severity::Error) || !config.instances.is_empty() || !config.services.is_empty()
    });
    Loaded { config: left, report }
}

/// What was read, before anybody asks whether it can be run.
struct Resolved {
    config: Config,
    /// The first text, whose includes came in after it.
    file: FileId,
    /// Where each service begins.
    services: HashMap<ServiceKey, Span>,
}

fn resolved(
    path: &Path,
    language: Language,
    sources: &dyn Sources,
    context: &Context,
    report: &mut Report,
) -> Option<Resolved> {
    let id = text(path, sources, report)?;
    let draft = match language {
        Language::Keepalived => keepalived::draft(path, id, sources, context, report),
        Language::Toml => toml::draft(id, sources, report),
    };
    let asked_for = draft.services_asked_for;
    let (config, services) = resolve::config(draft, language, report);
    if config.instances.is_empty() && config.services.is_empty() && report.worst() != Some(Severity::Error) {
        let shown = path.display();
        let message = match asked_for {
            0 => format!("{shown} has neither a virtual router nor a service"),
            1 => format!("nothing is left to do: the one service of {shown} is left out, and it has no virtual router"),
            _ => {
                format!(
                    "nothing is left to do: all {asked_for} services of {shown} are left out, and it has no virtual router"
                )
            }
        };
        let empty = Diagnostic::placeless(Severity::Warning, Code::Idle, message);
        report
            .add(empty.help("a daemon that runs with it does nothing, and one that reloads it takes everything away"));
    }
    Some(Resolved { config, file: id, services })
}

/// Keeps the text of a file, or says why there is none.
fn text(path: &Path, sources: &dyn Sources, report: &mut Report) -> Option<FileId> {
    let bytes = match sources.read(path) {
        Ok(bytes) => bytes,
        Err(error) => {
            let message = format!("cannot read {}: {error}", path.display());
            report.add(Diagnostic::placeless(Severity::Error, Code::Unreadable, message).help(error.remedy()));
            return None;
        }
    };
    if bytes.iter().all(u8::is_ascii_whitespace) {
        let message = format!("{} is empty", path.display());
        report.add(Diagnostic::placeless(Severity::Error, Code::Empty, message).help(
            "an empty configuration would take every service and address away; check that the right file was named",
        ));
        return None;
    }
    match decode::text(bytes, path, report) {
        Ok(id) => Some(id),
        Err(diagnostic) => {
            report.add(diagnostic);
            None
        }
    }
}

/// The reference of our own language: every key, its default, what it is for.
#[must_use]
pub fn reference() -> &'static str {
    toml::reference::TEXT
}

/// Our own language as a JSON Schema (draft 2020-12).
#[must_use]
pub fn schema() -> serde_json::Value {
    toml::schema::schema()
}

/// It can be the name of a network namespace: a file's name, and no path.
fn is_namespace(name: &str) -> bool {
    !name.is_empty() && name.len() <= 255 && !name.contains(['/', '\0']) && name != "." && name != ".."
}

#[cfg(test)]
mod tests;
