//! `ipvsctl convert FILE`.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};

use super::render::clean;
use super::{Failure, Status, colours, complain, print};
use crate::config::{self, Context, Converted, Language, Severity};
use crate::shell::files::{HostFiles, short_host_name};

/// Write the TOML that means the same as a keepalived.conf
///
/// What a default of keepalived's has decided is written out, and what was said of the file stands as comments where it belongs. The document is read back before it is printed: it means what the file means, or it is not printed.
#[derive(Debug, Args)]
pub(super) struct Convert {
    /// The file
    file: PathBuf,

    /// Its language
    #[arg(long, value_name = "LANGUAGE", default_value = "keepalived")]
    from: Tongue,

    /// Write it there rather than to standard output; a file that is there stays as it is
    #[arg(long, value_name = "FILE")]
    to: Option<PathBuf>,

    /// Convert what can be run of a file with errors, and overwrite the file of --to
    #[arg(long)]
    force: bool,

    /// What `@id` lines of keepalived.conf are compared with [default: this host's name up to the first dot]
    #[arg(long, value_name = "ID")]
    config_id: Option<String>,
}

/// Languages that can be converted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Tongue {
    /// keepalived.conf
    Keepalived,
}

impl Convert {
    pub(super) fn run(self) -> Result<Status, Failure> {
        if Language::of(&self.file) == Language::Toml {
            let message = format!("{} is TOML as it is", clean(&self.file.display().to_string()));
            return Err(Failure { status: Status::Usage, message });
        }
        match self.from {
            Tongue::Keepalived => self.keepalived(),
        }
    }

    fn keepalived(self) -> Result<Status, Failure> {
        let shown = clean(&self.file.display().to_string());
        let context = Context { config_id: self.config_id.unwrap_or_else(short_host_name) };
        let converted = config::convert(&self.file, Language::Keepalived, &HostFiles, &context);
        let Converted { loaded, text, remarks, lost } = &converted;
        let refused = |message: String| Err(Failure { status: Status::BadNews, message });
        let diagnostics = loaded.report.render(colours(&io::stderr()));
        if !diagnostics.is_empty() {
            complain(&diagnostics);
        }
        let Some(text) = text else {
            return refused(format!("{shown} is not converted: nothing can be run of it"));
        };
        if loaded.report.worst() == Some(Severity::Error) && !self.force {
            return refused(format!(
                "{shown} is not converted: it has errors. Mend them, or let --force leave out what they are about"
            ));
        }
        if !converted.is_faithful() {
            complain(&remarks.render(colours(&io::stderr())));
            let why = if lost.is_empty() {
                format!("{shown} means something that TOML refuses; mend what is said of it above")
            } else {
                format!("{shown} cannot be said in TOML as it is meant ({}): please report this", lost.join("; "))
            };
            if !self.force {
                return refused(why);
            }
            complain(&format!("ipvsctl: {why}"));
        }
        match &self.to {
            None => print(text)?,
            Some(path) => write(path, text, self.force)?,
        }
        Ok(Status::Ok)
    }
}

/// Passwords may be in it: the file is its owner's alone.
fn write(path: &Path, text: &str, overwrite: bool) -> Result<(), Failure> {
    let mut options = OpenOptions::new();
    options.write(true).mode(0o600);
    if overwrite {
        options.create(true).truncate(true);
    } else {
        options.create_new(true);
    }
    let outcome = options.open(path).and_then(|mut file| file.write_all(text.as_bytes()));
    outcome.map_err(|error| {
        let shown = clean(&path.display().to_string());
        let message = if error.kind() == io::ErrorKind::AlreadyExists {
            format!("{shown} is there already: --force overwrites it")
        } else {
            format!("cannot write {shown}: {error}")
        };
        Failure { status: Status::System, message }
    })
}
