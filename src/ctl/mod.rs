//! `ipvsctl`: one file per verb, one renderer, one list of exit statuses.
//!
//! A verb turns its arguments into text and a [`Status`]; it decides nothing about the daemon, and touches nothing beside
//! the control socket, the files it is given, and (for `show --kernel`) the kernel's table, which it only reads. Answers
//! go to standard output, all else to standard error.

mod check;
mod completions;
mod config;
mod convert;
mod digest;
mod explain;
mod plan;
mod reload;
mod render;
mod server;
mod show;
mod status;
mod steps;
mod why;

use std::ffi::OsString;
use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{CommandFactory, Parser, Subcommand};

use crate::shell::control::DEFAULT_SOCKET;
use crate::shell::control::client::{Client, ClientError};
pub use status::Status;

/// Look at and steer ipvsd, the load balancer daemon.
#[derive(Debug, Parser)]
#[command(name = "ipvsctl", version, max_term_width = 110, after_help = status::help())]
struct Cli {
    /// Socket of the daemon [default: $IPVSD_SOCKET, else /run/ipvsd/ipvsd.sock]
    #[arg(long, global = true, value_name = "PATH")]
    socket: Option<PathBuf>,

    /// Seconds that the daemon, or with `digest` the web server, has for its answer
    #[arg(long, global = true, value_name = "SECONDS", default_value = "20", value_parser = seconds)]
    timeout: Duration,

    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    Show(show::Show),
    Why(why::Why),
    Check(check::Check),
    Explain(explain::Explain),
    Convert(convert::Convert),
    Config(config::Config),
    Digest(digest::Digest),
    Plan(plan::Plan),
    Reload(reload::Reload),
    Drain(server::Drain),
    Undrain(server::Undrain),
    Disable(server::Disable),
    Enable(server::Enable),
    Weight(server::Weight),
    Completions(completions::Completions),
}

fn seconds(text: &str) -> Result<Duration, String> {
    let wrong = || "a number of seconds above 0, such as 20 or 0.5".to_owned();
    let secs: f64 = text.parse().map_err(|_| wrong())?;
    let span = Duration::try_from_secs_f64(secs).map_err(|_| wrong())?;
    // A year, lest the deadline leave the clock's range.
    if span.is_zero() { Err(wrong()) } else { Ok(span.min(Duration::from_secs(31_536_000))) }
}

/// Runs `ipvsctl` with these arguments, the program's name first.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are answers. Nothing can be done where even this cannot be printed.
            drop(error.print());
            return if error.use_stderr() { Status::Usage } else { Status::Ok }.into();
        }
    };
    let socket = cli
        .socket
        .or_else(|| std::env::var_os("IPVSD_SOCKET").filter(|path| !path.is_empty()).map(PathBuf::from))
        .unwrap_or_else(|| PathBuf::from(DEFAULT_SOCKET));
    let client = Client::new(socket).patience(cli.timeout);
    let outcome = match cli.verb {
        Verb::Show(show) => show.run(&client),
        Verb::Why(why) => why.run(&client),
        Verb::Check(check) => check.run(),
        Verb::Convert(convert) => convert.run(),
        Verb::Config(config) => config.run(),
        Verb::Digest(digest) => digest.run(cli.timeout),
        Verb::Plan(plan) => plan.run(&client),
        Verb::Reload(reload) => reload.run(&client),
        Verb::Drain(drain) => drain.run(&client),
        Verb::Undrain(undrain) => undrain.run(&client),
        Verb::Disable(disable) => disable.run(&client),
        Verb::Enable(enable) => enable.run(&client),
        Verb::Weight(weight) => weight.run(&client),
        Verb::Explain(explain) => explain.run(),
        Verb::Completions(completions) => completions.run(&Cli::command()),
    };
    match outcome {
        Ok(status) => status.into(),
        Err(failure) => {
            complain(&format!("ipvsctl: {}", failure.message));
            failure.status.into()
        }
    }
}

/// Why there is no answer, and the exit status that says so.
#[derive(Debug)]
struct Failure {
    status: Status,
    message: String,
}

impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Self {
        let status = match &error {
            ClientError::NoDaemon { .. } => Status::NoDaemon,
            ClientError::Permission { .. } => Status::Permission,
            ClientError::Refused { .. } if error.is_answer() => Status::BadNews,
            ClientError::Refused { .. }
            | ClientError::TimedOut { .. }
            | ClientError::HungUp { .. }
            | ClientError::OtherVersion { .. }
            | ClientError::Stranger { .. } => Status::Daemon,
            ClientError::Io { .. } => Status::System,
        };
        Self { status, message: error.to_string() }
    }
}

/// Prints an answer. A reader that has seen enough (`ipvsctl show | head`) is no failure.
fn print(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Failure { status: Status::System, message: format!("cannot write the answer: {error}") })
        }
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Prints to standard error, line by line as it is; where that is closed, nobody can be told.
fn complain(text: &str) {
    drop(writeln!(io::stderr().lock(), "{}", text.trim_end()));
}

/// Whether a stream takes colours: a terminal, and nobody said no (<https://no-color.org>).
fn colours(stream: &impl IsTerminal) -> bool {
    let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty())
        || std::env::var_os("TERM").is_some_and(|value| value == "dumb");
    stream.is_terminal() && !refused
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }
}
