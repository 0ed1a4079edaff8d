//! The daemon's kernel settings, held by a thread of their own.
//!
//! What a setting was before us is on disk before it is changed, and a disk may take its time, or never answer. The thread
//! waits for it. The supervisor waits for the thread, but not long: then the settings are late, which the log, the answer
//! to a reload and `show` say, and everything else goes on: signals, questions, and the service manager's signs of life.
//! The thread does everything in order, so that what is late is done once the disk answers.

use std::path::Path;
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use super::exit::Exit;
use super::host::Refusal;
use crate::api::{SysctlState, SysctlView};
use crate::model::{Config, Family, Sysctl};
use crate::shell::sysctl::{self, Change, Sysctls, needed};

/// How long the supervisor waits for the thread: more than a disk in health takes, and no harm to a watchdog.
const PATIENCE: Duration = Duration::from_secs(1);

const WAITS: &str =
    "it waits: what it was before is to be written down first, and the disk of the state directory does not answer";

enum Job {
    /// Make the settings what this configuration needs.
    Apply(Arc<Config>, Vec<&'static str>),
    /// The same again, since there may be settings that were not there; what was said the last time is not said again.
    ApplyAgain(Arc<Config>, Vec<&'static str>),
    /// Look for drift.
    Inspect,
    /// Put every original back.
    Restore,
}

/// What the thread has done.
#[derive(Debug, Default)]
struct Board {
    done: Mutex<Done>,
    told: Condvar,
}

#[derive(Debug, Default)]
struct Done {
    jobs: u64,
    views: Vec<SysctlView>,
}

impl Board {
    fn read(&self) -> MutexGuard<'_, Done> {
        self.done.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until so many jobs are done; `false`: they are not.
    fn wait(&self, jobs: u64, patience: Duration) -> bool {
        let done = self.told.wait_timeout_while(self.read(), patience, |done| done.jobs < jobs);
        done.unwrap_or_else(PoisonError::into_inner).0.jobs >= jobs
    }

    fn post(&self, views: Vec<SysctlView>) {
        let mut done = self.read();
        done.jobs += 1;
        done.views = views;
        drop(done);
        self.told.notify_all();
    }
}

/// The thread's entrance.
pub(super) struct Settings {
    jobs: Sender<Job>,
    given: u64,
    board: Arc<Board>,
    /// What was applied last, or is to be once the thread gets to it.
    wanted: Vec<Sysctl>,
    /// The thread was waited for in vain.
    late: bool,
    /// Of which families servers leave that the configuration does not name any more, and that packets are forwarded for.
    /// `None`: that is not known yet.
    leaving: Option<Vec<Family>>,
}

impl Settings {
    /// Reads what an earlier run left in the state directory, and starts the thread. Nothing is held yet.
    pub(super) fn start(state_dir: &Path) -> Result<Self, Refusal> {
        let (sysctls, changes) = Sysctls::new(state_dir);
        changes.iter().for_each(Change::log);
        Self::holding(sysctls)
    }

    fn holding(sysctls: Sysctls) -> Result<Self, Refusal> {
        let (jobs, inbox) = mpsc::channel();
        let board = Arc::<Board>::default();
        let told = Arc::clone(&board);
        thread::Builder::new()
            .name("settings".to_owned())
            .spawn(move || work(sysctls, &inbox, &told))
            .map_err(|error| Refusal { exit: Exit::Failed, sentence: format!("cannot start a thread: {error}") })?;
        Ok(Self { jobs, given: 0, board, wanted: Vec::new(), late: false, leaving: None })
    }

    /// Makes the settings what the configuration needs, and puts back those that it no longer does; the text says that they are
    /// late. What forwards packets is not put back before [`Settings::leaving`] has told that nobody needs it.
    pub(super) fn apply(&mut self, config: &Arc<Config>) -> Option<String> {
        self.wanted = needed(config);
        self.leaving = None;
        self.give(Job::Apply(Arc::clone(config), self.kept()));
        (!self.wait()).then(|| {
            "the disk of the state directory does not answer: kernel settings wait until what they were before is written \
             down there, and are set then"
                .to_owned()
        })
    }

    /// The kernel may have settings by now that it had not.
    pub(super) fn apply_again(&mut self, config: &Arc<Config>) {
        self.give(Job::ApplyAgain(Arc::clone(config), self.kept()));
        self.wait();
    }

    /// Servers of these families leave, whom the configuration does not name any more; those of others, none.
    pub(super) fn leaving(&mut self, config: &Arc<Config>, families: Vec<Family>) {
        if self.leaving.as_ref() != Some(&families) {
            self.leaving = Some(families);
            self.apply_again(config);
        }
    }

    fn kept(&self) -> Vec<&'static str> {
        let may = |family: &Family| self.leaving.as_ref().is_none_or(|leaving| leaving.contains(family));
        [Family::V4, Family::V6].into_iter().filter(may).map(sysctl::forwards).collect()
    }

    /// Has the settings looked at. Does not wait.
    pub(super) fn inspect(&mut self) {
        if self.in_time(Duration::ZERO) {
            self.give(Job::Inspect);
        }
    }

    /// Puts every original back.
    pub(super) fn restore(&mut self) {
        self.wanted.clear();
        self.give(Job::Restore);
        if !self.wait() {
            tracing::error!("kernel settings are not put back; what they were is written down, for the next stop");
        }
    }

    /// How each setting stands.
    pub(super) fn views(&self) -> Vec<SysctlView> {
        let (mut views, late) = {
            let done = self.board.read();
            (done.views.clone(), done.jobs < self.given)
        };
        for view in &mut views {
            view.actual = sysctl::actual(&view.name);
        }
        if late {
            for Sysctl { name, value } in &self.wanted {
                if views.iter().any(|view| (&view.name, &view.wanted) == (name, value)) {
                    continue;
                }
                views.retain(|view| view.name != *name);
                views.push(SysctlView {
                    name: name.clone(),
                    wanted: value.clone(),
                    actual: sysctl::actual(name),
                    original: None,
                    state: SysctlState::Failed,
                    problem: Some(WAITS.to_owned()),
                });
            }
        }
        views
    }

    fn give(&mut self, job: Job) {
        if self.late {
            // The disk may have answered since.
            self.in_time(Duration::ZERO);
        }
        self.given += 1;
        // The thread ends with us. Should it have panicked, which has been told, all is late from now on.
        let _ = self.jobs.send(job);
    }

    /// Waits for what was given; not at all where that was in vain before.
    fn wait(&mut self) -> bool {
        let patience = if self.late { Duration::ZERO } else { PATIENCE };
        self.in_time(patience)
    }

    fn in_time(&mut self, patience: Duration) -> bool {
        let late = !self.board.wait(self.given, patience);
        match (self.late, late) {
            (false, true) => {
                tracing::warn!("the disk of the state directory does not answer; kernel settings wait for it")
            }
            (true, false) => {
                tracing::info!("the disk of the state directory answers again; kernel settings are seen to")
            }
            (true, true) | (false, false) => {}
        }
        self.late = late;
        !late
    }
}

fn work(mut sysctls: Sysctls, inbox: &Receiver<Job>, board: &Board) {
    let mut said = Vec::new();
    for job in inbox {
        match job {
            Job::Apply(config, keep) => {
                said = sysctls.apply(&config, &keep);
                said.iter().for_each(Change::log);
            }
            Job::ApplyAgain(config, keep) => {
                let changes = sysctls.apply(&config, &keep);
                unsaid(&mut said, changes).iter().for_each(Change::log);
            }
            Job::Inspect => sysctls.inspect().iter().for_each(Change::log),
            Job::Restore => sysctls.restore_all().iter().for_each(Change::log),
        }
        board.post(sysctls.views());
    }
}

/// What of these changes was not said the last time. What was said and still is so stays said, however often it is looked at.
fn unsaid(said: &mut Vec<Change>, changes: Vec<Change>) -> Vec<Change> {
    let before = std::mem::replace(said, changes.clone());
    changes.into_iter().filter(|change| !before.contains(change)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_still_so_is_said_once_and_what_comes_back_again() {
        let failed = |name: &str| Change::Failed { name: name.to_owned(), problem: "read-only".to_owned() };
        let (one, two) = (failed("one"), failed("two"));
        let mut said = vec![one.clone()];
        for _ in 0..3 {
            assert_eq!(unsaid(&mut said, vec![one.clone()]), []);
        }
        assert_eq!(unsaid(&mut said, vec![one.clone(), two.clone()]), std::slice::from_ref(&two));
        assert_eq!(unsaid(&mut said, vec![two.clone()]), []);
        assert_eq!(unsaid(&mut said, vec![one.clone(), two]), [one]);
    }
}
