//! Who asked for a reload, how the last one went, and the watch over the configuration's files.

use std::fmt;
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::time::Instant;

use super::Event;
use crate::api::{ReloadCause, ReloadView, WatchState};
use crate::shell::config_watch::{ConfigWatch, Footprint, News};

/// Who asked for the configuration to be read again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Cause {
    /// SIGHUP.
    Signal,
    /// `ipvsctl reload`.
    Command,
    /// The content of files changed: the first of them, as it is named, and how many there are beside it.
    Files(String, usize),
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Signal => f.write_str("SIGHUP"),
            Self::Command => f.write_str("ipvsctl"),
            Self::Files(path, 0) => write!(f, "{path} changed"),
            Self::Files(path, 1) => write!(f, "{path} and another file changed"),
            Self::Files(path, more) => write!(f, "{path} and {more} other files changed"),
        }
    }
}

/// Reloads that were, that are, and that files ask for.
#[derive(Debug, Default)]
pub(super) struct Reloads {
    /// Who asked for the reading under way.
    cause: Option<Cause>,
    /// Who asked last meanwhile, for the one after it.
    next: Option<Cause>,
    last: Option<(Instant, Cause, bool)>,
    watch: Option<ConfigWatch>,
    /// Whether the kernel tells of changes.
    prompt: bool,
}

impl Reloads {
    /// A reading begins for this one.
    pub(super) fn begins(&mut self, cause: Cause) {
        self.cause = Some(cause);
    }

    /// The file is to be read again after the reading that is under way.
    pub(super) fn comes_later(&mut self, cause: Cause) {
        self.next = Some(cause);
    }

    /// The one that was to come later begins.
    pub(super) fn begins_again(&mut self) {
        if let Some(cause) = self.next.take() {
            self.cause = Some(cause);
        }
    }

    /// It was applied, or refused.
    pub(super) fn ended(&mut self, applied: bool, now: Instant) {
        if let Some(cause) = &self.cause {
            self.last = Some((now, cause.clone(), applied));
        }
    }

    /// How the last one went.
    pub(super) fn view(&self, now: Instant) -> Option<ReloadView> {
        let (at, cause, applied) = self.last.as_ref()?;
        Some(ReloadView {
            ago_secs: now.saturating_duration_since(*at).as_secs_f64(),
            by: match cause {
                Cause::Signal => ReloadCause::Signal,
                Cause::Command => ReloadCause::Command,
                Cause::Files(..) => ReloadCause::FileChange,
            },
            cause: cause.to_string(),
            applied: *applied,
        })
    }

    /// Watches, or does not; and what was read last.
    pub(super) fn watch(&mut self, wanted: bool, footprint: Footprint, outbox: &Sender<Event>) {
        if !wanted {
            if self.watch.take().is_some() {
                tracing::info!("the configuration is not watched any more");
            }
            return;
        }
        if self.watch.is_none() {
            let outbox = outbox.clone();
            // Nobody listens any more where the daemon stops.
            let started = ConfigWatch::start(move |news| drop(outbox.send(Event::Watch(news))));
            match started {
                Ok(watch) => {
                    self.watch = Some(watch);
                    // It soon tells if not.
                    self.prompt = true;
                }
                Err(error) => {
                    tracing::error!("the configuration is not watched, and a change needs `ipvsctl reload`: {error}");
                }
            }
        }
        if let Some(watch) = &self.watch {
            watch.follow(&Arc::new(footprint));
        }
    }

    /// What the watch tells; a cause: the file is to be read again.
    pub(super) fn news(&mut self, news: News) -> Option<Cause> {
        // It may have been told before the watch was ended.
        self.watch.as_ref()?;
        match news {
            News::Prompt(prompt) => {
                self.prompt = prompt;
                None
            }
            News::Changed(paths) => {
                let first = paths.first()?.display().to_string();
                Some(Cause::Files(first, paths.len() - 1))
            }
        }
    }

    /// How the files are watched.
    pub(super) fn watch_state(&self) -> WatchState {
        match (&self.watch, self.prompt) {
            (None, _) => WatchState::Off,
            (Some(_), true) => WatchState::Prompt,
            (Some(_), false) => WatchState::Polling,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::json;

    use super::*;

    /// What stands in `ipvsctl show -o json` under `config.last_reload`: programs read it.
    #[test]
    fn the_last_reload_as_programs_see_it() {
        let mut reloads = Reloads::default();
        let start = Instant::now();
        let shown = |reloads: &Reloads, now| serde_json::to_value(reloads.view(now)).unwrap();
        assert_eq!(shown(&reloads, start), json!(null), "there was none");
        for (cause, applied, by, text) in [
            (Cause::Signal, true, "signal", "SIGHUP"),
            (Cause::Command, false, "command", "ipvsctl"),
            (Cause::Files("/etc/lb.conf".to_owned(), 0), true, "file-change", "/etc/lb.conf changed"),
            (Cause::Files("/a".to_owned(), 1), true, "file-change", "/a and another file changed"),
            (Cause::Files("/a".to_owned(), 2), false, "file-change", "/a and 2 other files changed"),
        ] {
            reloads.begins(cause);
            reloads.ended(applied, start);
            let now = start + Duration::from_millis(1500);
            let expected = json!({ "ago_secs": 1.5, "by": by, "cause": text, "applied": applied });
            assert_eq!(shown(&reloads, now), expected);
            let read: ReloadView = serde_json::from_value(expected).unwrap();
            assert_eq!(Some(read), reloads.view(now));
        }
        // Who asks while one is read is told of when that one has been read as well.
        reloads.begins(Cause::Signal);
        reloads.comes_later(Cause::Command);
        reloads.ended(true, start);
        assert_eq!(shown(&reloads, start)["by"], "signal");
        reloads.begins_again();
        reloads.ended(true, start);
        assert_eq!(shown(&reloads, start)["by"], "command");
    }
}
