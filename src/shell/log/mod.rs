//! The log: to standard error as text or JSON lines, or to the journal with fields.
//!
//! `IPVSD_LOG` chooses what is shown, in the syntax of `RUST_LOG` (`debug`, `ipvsd::vrrp=trace`); `info` if it is not set.
//! Nobody who logs ever waits for whoever reads the log ([`lines`]). A packet is TRACE, a change of state INFO, and what a person should look at WARN or ERROR.

mod lines;

use std::io::{self, IsTerminal};

use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Registry};

use lines::Lines;

/// Where the log goes and how it looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum LogFormat {
    /// Lines for people on standard error.
    #[default]
    Plain,
    /// One JSON object a line on standard error.
    Json,
    /// The systemd journal, with fields; lines on standard error where there is none.
    Journal,
}

/// Starts the log for this process. A second call changes nothing.
///
/// # Errors
/// No thread could be had.
pub fn start(format: LogFormat) -> io::Result<()> {
    let filter = || EnvFilter::try_from_env("IPVSD_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    let lines = Lines::to(io::stderr())?;
    lines.keep();
    let colour = io::stderr().is_terminal();
    let plain = tracing_subscriber::fmt::layer().with_ansi(colour).with_target(false).with_writer(lines.clone());
    let started = match format {
        LogFormat::Plain => Registry::default().with(plain).with(filter()).try_init(),
        LogFormat::Json => {
            let json = tracing_subscriber::fmt::layer().json().flatten_event(true);
            Registry::default().with(json.with_target(false).with_writer(lines)).with(filter()).try_init()
        }
        LogFormat::Journal => match tracing_journald::layer() {
            Ok(journal) => Registry::default().with(journal).with(filter()).try_init(),
            Err(error) => {
                let started = Registry::default().with(plain).with(filter()).try_init();
                tracing::warn!("the systemd journal cannot be reached ({error}); logging to standard error");
                started
            }
        },
    };
    // Tests in one process start it more than once; the first one holds.
    drop(started);
    Ok(())
}

/// Waits, for a second at most, until everything that was logged is written: for the end of the process.
pub fn flush() {
    lines::flush();
}
