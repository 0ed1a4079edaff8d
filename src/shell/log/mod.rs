//! The log: to standard error as text or JSON lines, or to the journal with fields.
//!
//! `IPVSD_LOG` chooses what is shown, in the syntax of `RUST_LOG` (`debug`, `ipvsd::vrrp=trace`); `info` if it is not set.
//! Nobody who logs ever waits for whoever reads the log ([`lines`]); nor does a thread that panics, which is to be started again
//! and not to be stuck with its last words. A packet is TRACE, a change of state INFO, and what a person should look at WARN or ERROR.

mod journal;
mod lines;

use std::backtrace::{Backtrace, BacktraceStatus};
use std::io::{self, IsTerminal};
use std::panic::PanicHookInfo;
use std::path::Path;
use std::thread;

use tracing_subscriber::Registry;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use journal::{Datagrams, Journal};
use lines::{Lines, Text};

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
    let chosen = std::env::var_os("IPVSD_LOG").map(|value| value.to_string_lossy().into_owned());
    let (filter, misread) = filter(chosen.as_deref());
    let (format, missing, lines) = match format {
        LogFormat::Journal => match Datagrams::to(Path::new(journal::PATH)) {
            Ok(journal) => (format, None, Lines::to(journal)?),
            Err(error) => (LogFormat::Plain, Some(error), Lines::to(Text(io::stderr()))?),
        },
        LogFormat::Plain | LogFormat::Json => (format, None, Lines::to(Text(io::stderr()))?),
    };
    lines.keep();
    let started = match format {
        LogFormat::Plain => {
            let plain = tracing_subscriber::fmt::layer().with_ansi(io::stderr().is_terminal()).with_target(false);
            Registry::default().with(plain.with_writer(lines)).with(filter).try_init()
        }
        LogFormat::Json => {
            let json = tracing_subscriber::fmt::layer().json().flatten_event(true);
            Registry::default().with(json.with_target(false).with_writer(lines)).with(filter).try_init()
        }
        LogFormat::Journal => Registry::default().with(Journal::to(lines)).with(filter).try_init(),
    };
    if let Some(error) = missing {
        tracing::warn!("the systemd journal cannot be reached ({error}); logging to standard error");
    }
    if let Some(misread) = misread {
        tracing::warn!("{misread}");
    }
    // Tests in one process start it more than once; the first one holds.
    drop(started);
    std::panic::set_hook(Box::new(tell_panic));
    Ok(())
}

/// Levels by target, as in `RUST_LOG` (there are no spans whose fields could be asked for); and what is wrong with the value,
/// if it cannot be meant.
fn filter(chosen: Option<&str>) -> (Targets, Option<String>) {
    let usual = || Targets::new().with_default(LevelFilter::INFO);
    let Some(chosen) = chosen.filter(|chosen| !chosen.is_empty()) else { return (usual(), None) };
    // A word alone is a level or, to the library, a part of some program: a slip of the pen would silence everything.
    let unknown = chosen.split(',').map(str::trim).find(|word| {
        let bare = !word.contains('=') && word.split("::").next() != Some("ipvsd");
        word.starts_with('=') || bare && word.parse::<LevelFilter>().is_err()
    });
    let why = match (unknown, chosen.parse::<Targets>()) {
        (None, Ok(filter)) => return (filter, None),
        (Some(word), _) => format!("`{word}` is no level"),
        (None, Err(error)) => error.to_string(),
    };
    let help = "expected error, warn, info, debug, trace or off, or parts with levels, as in `info,ipvsd::vrrp=debug`";
    (usual(), Some(format!("IPVSD_LOG={chosen} is not understood ({why}), and `info` holds; {help}")))
}

/// Says where a thread panicked, with a backtrace if `RUST_BACKTRACE` asks for one. The standard library's own words would
/// go to standard error at once, and wait where nobody reads it.
fn tell_panic(panic: &PanicHookInfo<'_>) {
    let thread = thread::current();
    let name = thread.name().unwrap_or("without a name");
    let words = panic.to_string().replace('\n', " ");
    let trace = Backtrace::capture();
    match trace.status() {
        BacktraceStatus::Captured => tracing::error!("thread {name} {words}\n{trace}"),
        BacktraceStatus::Disabled | BacktraceStatus::Unsupported | _ => tracing::error!("thread {name} {words}"),
    }
    if name == "main" {
        flush();
    }
}

/// Waits, for a second at most, until everything that was logged is written: for the end of the process.
pub fn flush() {
    lines::flush();
}

#[cfg(test)]
mod tests {
    use super::filter;

    #[test]
    fn a_filter_that_cannot_be_meant_is_told_and_not_followed() {
        for fine in
            [None, Some(""), Some("debug"), Some("WARN"), Some("off"), Some("info,ipvsd::vrrp=trace"), Some("ipvsd")]
        {
            assert_eq!(filter(fine).1, None, "{fine:?}");
        }
        for (wrong, word) in
            [("verbose", "`verbose` is no level"), ("info,=,", ""), ("ipvsd=loud", ""), ("info,trce", "trce")]
        {
            let (used, misread) = filter(Some(wrong));
            assert_eq!(used.to_string(), "info", "{wrong}");
            let misread = misread.unwrap();
            assert!(misread.contains(wrong) && misread.contains(word) && misread.contains("debug"), "{misread}");
        }
    }
}
