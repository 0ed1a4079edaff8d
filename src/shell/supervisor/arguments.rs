//! The daemon's command line.

use std::path::PathBuf;

use clap::Parser;

use crate::config::Language;
use crate::shell::log::LogFormat;

/// Balances connections with IPVS, owns virtual addresses with VRRP, and checks real servers, as a configuration says.
///
/// Runs in the foreground. SIGHUP reloads the configuration (a bad one changes nothing), SIGTERM and SIGINT stop cleanly,
/// SIGUSR1 writes the whole state to the log.
///
/// Exit status: 0 stopped as asked; 1 failed; 2 command line; 3 configuration; 4 already running; 5 privilege missing;
/// 6 no IPVS in the kernel where the configuration insists on it.
#[derive(Debug, Clone, Parser)]
#[command(name = "ipvsd", version)]
pub struct Arguments {
    /// Configuration: TOML if its name ends in .toml, else keepalived.conf.
    #[arg(long, short, value_name = "FILE")]
    pub config: PathBuf,
    /// Language of the configuration, whatever its name.
    #[arg(long, value_name = "LANGUAGE", value_parser = language)]
    pub language: Option<Language>,
    /// Reload when the content of the configuration or of a file that it includes changes, as SIGHUP does: half a second
    /// after the last change. In TOML also `watch = true` under `[global]`.
    #[arg(long)]
    pub watch: bool,
    /// Control socket that ipvsctl talks to.
    #[arg(long, value_name = "PATH", default_value = "/run/ipvsd/ipvsd.sock")]
    pub socket: PathBuf,
    /// Group that may use the control socket beside root.
    #[arg(long, value_name = "GROUP")]
    pub socket_group: Option<String>,
    /// Directory that outlives the process: which entries are ours, and what settings were before us.
    #[arg(long, value_name = "DIR", default_value = "/var/lib/ipvsd")]
    pub state_dir: PathBuf,
    /// Where the log goes and how it looks.
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t)]
    pub log: LogFormat,
}

fn language(name: &str) -> Result<Language, String> {
    match name {
        "toml" => Ok(Language::Toml),
        "keepalived" => Ok(Language::Keepalived),
        _ => Err("expected toml or keepalived".to_owned()),
    }
}
