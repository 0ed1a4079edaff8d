//! `ipvsctl convert FILE`.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::net::IpAddr;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};

use super::render::clean;
use super::{Failure, Status, colours, complain, print};
use crate::config::{self, Context, Converted, Language, Severity};
use crate::shell::files::{HostFiles, short_host_name};

/// Write the TOML that means the same as a keepalived.conf, or what IPVS can do of an haproxy.cfg
///
/// What a default of the other language has decided is written out, and what was said of the file stands as comments where it belongs. The document is read back before it is printed: it means what was understood of the file, or it is not printed.
///
/// Of an haproxy.cfg, `mode tcp` is converted: listeners, frontends and backends with their servers and checks. Every line that IPVS cannot do is named, with what happens instead; what a person has to decide is an error.
#[derive(Debug, Args)]
pub(super) struct Convert {
    /// The file
    file: PathBuf,

    /// Its language [default: haproxy if the name ends in .cfg, else keepalived]
    #[arg(long, value_name = "LANGUAGE")]
    from: Option<Tongue>,

    /// The address that clients call where an haproxy.cfg says `*`; once for each address
    #[arg(long, value_name = "IP")]
    address: Vec<IpAddr>,

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
    /// haproxy.cfg
    Haproxy,
}

impl Tongue {
    fn of(file: &Path) -> Self {
        match file.extension() {
            Some(ending) if ending.eq_ignore_ascii_case("cfg") => Self::Haproxy,
            Some(_) | None => Self::Keepalived,
        }
    }
}

impl Convert {
    pub(super) fn run(self) -> Result<Status, Failure> {
        if Language::of(&self.file) == Language::Toml {
            let message = format!("{} is TOML as it is", clean(&self.file.display().to_string()));
            return Err(Failure { status: Status::Usage, message });
        }
        let converted = match self.from.unwrap_or_else(|| Tongue::of(&self.file)) {
            Tongue::Keepalived if !self.address.is_empty() => {
                let message = "a keepalived.conf names its addresses: --address is for haproxy.cfg".to_owned();
                return Err(Failure { status: Status::Usage, message });
            }
            Tongue::Keepalived => {
                let context = Context { config_id: self.config_id.clone().unwrap_or_else(short_host_name) };
                config::convert(&self.file, Language::Keepalived, &HostFiles, &context)
            }
            Tongue::Haproxy => {
                if let Some(address) = self.address.iter().find(|one| one.is_unspecified() || one.is_loopback()) {
                    let message = format!("--address {address} is none that clients call");
                    return Err(Failure { status: Status::Usage, message });
                }
                config::convert_haproxy(&self.file, &self.address, &HostFiles)
            }
        };
        self.deliver(&converted)
    }

    /// Prints a document, or says why not.
    fn deliver(&self, converted: &Converted) -> Result<Status, Failure> {
        let shown = clean(&self.file.display().to_string());
        let Converted { loaded, text, remarks, lost } = converted;
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
