//! `ipvsctl check FILE`.

use std::fmt::Write;
use std::io;
use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::render::{clean, count};
use super::{Failure, Status, colours, complain, print};
use crate::config::{self, Context, Language, Severity};
use crate::model::Config;
use crate::shell::files::{HostFiles, short_host_name};
use crate::shell::router::script_files::{self, UnusableScript};

/// Check a configuration: every mistake at once, with file, line and column
///
/// The daemon is not asked, and nothing is changed. Scripts that this host could not run are warned of. The exit status is 0 where a daemon would start with the file, also with
/// warnings (unless --strict), and 1 where it would not.
#[derive(Debug, Args)]
pub(super) struct Check {
    /// The file
    file: PathBuf,

    /// Its language [default: by its name: TOML for *.toml, else keepalived.conf]
    #[arg(long, value_name = "LANGUAGE")]
    language: Option<Tongue>,

    /// Take warnings for errors
    #[arg(long)]
    strict: bool,

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
        if let Some(config) = &loaded.config {
            for UnusableScript { problem, consequence } in script_files::unusable(config) {
                loaded.report.warn_of_script(problem, format!("on this host {consequence}"));
            }
        }
        let report = &loaded.report;
        let diagnostics = report.render(colours(&io::stderr()));
        if !diagnostics.is_empty() {
            complain(&diagnostics);
        }
        let (errors, warnings) = (report.count(Severity::Error), report.count(Severity::Warning));
        let accepted = loaded.is_runnable() && !(self.strict && warnings > 0);
        let mut verdict = clean(&self.file.display().to_string());
        verdict.push_str(if accepted { ": fine" } else { ": refused" });
        let count = |number: usize, what| count(number.try_into().unwrap_or(u64::MAX), what);
        // Writing to a string does not fail.
        match (errors, warnings) {
            (0, 0) => {}
            (0, _) => drop(write!(verdict, ", {}", count(warnings, "warning"))),
            (_, 0) => drop(write!(verdict, ", {}", count(errors, "error"))),
            (_, _) => drop(write!(verdict, ", {} and {}", count(errors, "error"), count(warnings, "warning"))),
        }
        if accepted && let Some(config) = &loaded.config {
            verdict.push_str(&contents(config));
        }
        verdict.push('\n');
        if accepted {
            print(&verdict)?;
            Ok(Status::Ok)
        } else {
            complain(&verdict);
            Ok(Status::BadNews)
        }
    }
}

/// `: 2 virtual routers, 3 services with 6 servers`: so that one sees whether all of the file was meant.
fn contents(config: &Config) -> String {
    let servers: usize = config.services.iter().map(|service| service.servers.len()).sum();
    let count = |number: usize, what| count(number.try_into().unwrap_or(u64::MAX), what);
    format!(
        " ({}, {} with {})",
        count(config.instances.len(), "virtual router"),
        count(config.services.len(), "service"),
        count(servers, "server")
    )
}
