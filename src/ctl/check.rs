//! `ipvsctl check FILE`.

use std::fmt::{self, Write};
use std::io;
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use serde::Serialize;

use super::render::{clean, count};
use super::{Failure, Status, colours, complain, print, show};
use crate::config::{self, Context, Language, Listing, Loaded, Severity};
use crate::model::Config;
use crate::shell::files::{HostFiles, short_host_name};
use crate::shell::interfaces;
use crate::shell::probe::warn_of_unusable_tls;
use crate::shell::router::script_files::{self, UnusableScript};

/// Check a configuration: every mistake at once, with file, line and column
///
/// The daemon is not asked, and nothing is changed. Scripts that this host could not run, interfaces that it does not have and servers under direct routing that it is not connected to are told of (unless --other-host). The exit status is 0 where
/// a daemon would start with the file, also with warnings (unless --strict), and 1 where it would not.
///
/// With `-o json` all goes to standard output as one object with `file`, `accepted`, `strict`, the counts `errors`, `warnings`,
/// `notes` and `not_shown`, `contents` (`virtual_routers`, `services`, `servers`; null where nothing can run), and the list
/// `remarks`. Each remark has `code` (which `ipvsctl explain` tells about), `severity`, `effect` (what a daemon does: "refused",
/// "otherwise" or "as-written"), `message`, `place` (`file`, `line`, `column`, `end_line`, `end_column`, `text`; null where there
/// is none; lines and columns count from 1, columns in characters), `related` (other places), `path` (the way through variables and
/// includes: places with `by`) and `help`. All fields are always there, and the exit status is the same.
#[derive(Debug, Args)]
pub(super) struct Check {
    /// The file
    file: PathBuf,

    /// Its language [default: by its name: TOML for *.toml, else keepalived.conf]
    #[arg(long, value_name = "LANGUAGE")]
    language: Option<Tongue>,

    /// The file is for another host: what scripts and interfaces there are here is not looked at
    #[arg(long)]
    other_host: bool,

    /// Take warnings for errors
    #[arg(long)]
    strict: bool,

    /// How to show it
    #[arg(short, long, value_name = "FORMAT", default_value = "text")]
    output: Format,

    /// What `@id` lines of keepalived.conf are compared with [default: this host's name up to the first dot]
    #[arg(long, value_name = "ID")]
    config_id: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Tongue {
    /// The language of ipvsd
    Toml,
    /// keepalived.conf
    Keepalived,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// Each remark with its lines of text, marked
    Text,
    /// Everything, for programs
    Json,
}

/// What `-o json` prints.
#[derive(Debug, Serialize)]
struct Json<'f> {
    file: &'f str,
    accepted: bool,
    strict: bool,
    contents: Option<Contents>,
    #[serde(flatten)]
    listing: Listing,
}

/// What is in a file, so that one sees whether all of it was meant.
#[derive(Debug, Clone, Copy, Serialize)]
struct Contents {
    virtual_routers: usize,
    services: usize,
    servers: usize,
}

impl Contents {
    fn of(config: &Config) -> Self {
        Self {
            virtual_routers: config.instances.len(),
            services: config.services.len(),
            servers: config.services.iter().map(|service| service.servers.len()).sum(),
        }
    }
}

impl Contents {
    const fn is_empty(self) -> bool {
        self.virtual_routers == 0 && self.services == 0
    }
}

impl fmt::Display for Contents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (routers, services) = (several(self.virtual_routers, "virtual router"), several(self.services, "service"));
        write!(f, " ({routers}, {services} with {})", several(self.servers, "server"))
    }
}

fn several(number: usize, what: &str) -> String {
    count(number.try_into().unwrap_or(u64::MAX), what)
}

impl From<Tongue> for Language {
    fn from(tongue: Tongue) -> Self {
        match tongue {
            Tongue::Toml => Self::Toml,
            Tongue::Keepalived => Self::Keepalived,
        }
    }
}

impl Check {
    pub(super) fn run(self) -> Result<Status, Failure> {
        let context = Context { config_id: self.config_id.unwrap_or_else(short_host_name) };
        let mut loaded = config::load(&self.file, self.language.map(Language::from), &HostFiles, &context);
        let networks = if self.other_host {
            Vec::new()
        } else {
            look_at_host(&mut loaded);
            // Where the kernel does not tell them, the file's own are all that is known.
            interfaces::networks().unwrap_or_default()
        };
        config::note_far_servers(&mut loaded, &networks);
        let report = &loaded.report;
        let (errors, warnings) = (report.count(Severity::Error), report.count(Severity::Warning));
        let accepted = loaded.is_runnable() && !(self.strict && warnings > 0);
        let status = if accepted { Status::Ok } else { Status::BadNews };
        let contents = loaded.config.as_ref().map(Contents::of);
        let file = self.file.display().to_string();
        if self.output == Format::Json {
            let listing = Listing::of(report);
            print(&show::json(&Json { file: &file, accepted, strict: self.strict, contents, listing })?)?;
            return Ok(status);
        }
        let diagnostics = report.render(colours(&io::stderr()));
        if !diagnostics.is_empty() {
            complain(&diagnostics);
        }
        let mut verdict = clean(&file);
        let idle = contents.is_some_and(|contents| contents.is_empty());
        verdict.push_str(match (accepted, idle) {
            (true, false) => ": fine",
            (true, true) => ": a daemon would start, and do nothing",
            (false, _) => ": refused",
        });
        // Writing to a string does not fail.
        match (errors, warnings) {
            (0, 0) => {}
            (0, _) => drop(write!(verdict, ", {}", several(warnings, "warning"))),
            (_, 0) => drop(write!(verdict, ", {}", several(errors, "error"))),
            (_, _) => drop(write!(verdict, ", {} and {}", several(errors, "error"), several(warnings, "warning"))),
        }
        if let (true, Some(contents)) = (accepted, contents) {
            verdict.push_str(&contents.to_string());
        }
        verdict.push('\n');
        if accepted {
            print(&verdict)?;
        } else {
            complain(&verdict);
        }
        Ok(status)
    }
}

/// What the file says is right, and this host has not what it takes.
fn look_at_host(loaded: &mut Loaded) {
    if let Some(config) = &loaded.config {
        for UnusableScript { program, user, problem, consequence } in script_files::unusable(config) {
            loaded.report.warn_of_script(&program, user.as_ref(), problem, format!("on this host {consequence}"));
        }
    }
    warn_of_unusable_tls(loaded);
    // Where the kernel does not tell them, nobody knows which are missing.
    if let Ok(interfaces) = interfaces::names() {
        config::warn_of_missing_interfaces(loaded, &interfaces);
    }
}
