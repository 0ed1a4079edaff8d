//! What others do for the loop: scripts of checks are run, and files that checks go by are watched, by threads of their own.
//!
//! They are started when a configuration first needs them. The loop hands over and goes on; what comes of it lies here until
//! the loop's next turn, and wakes it. A script tells one thing for each run, and the loop lets only so many run; a file's
//! thread waits where the loop has not taken what it told before.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, Sender, SyncSender};
use std::time::Duration;

use mio::Waker;

use crate::balance::ProbeId;
use crate::model::{Config, FileContent, ScriptOutcome, ScriptRun};
use crate::shell::scripts::{self, Runner, Told};
use crate::shell::trackers::{self, ServerFiles};

/// Scripts of checks that run at once at most: each is a process, and those that hang must not be as many as there are checks.
pub(super) const MOST_SCRIPTS: usize = 256;
/// What files hold that may wait for the loop.
const MOST_FILES: usize = 64;
/// How long the loop's end waits for scripts that are being ended.
const STOP_PATIENCE: Duration = Duration::from_secs(3);

/// The threads, and what they have told.
pub(super) struct Errands {
    waker: Arc<Waker>,
    runner: Option<Runner>,
    /// Runs that nobody has told the end of.
    running: HashSet<u64>,
    ended: Receiver<(u64, ScriptOutcome)>,
    tell_ended: Sender<(u64, ScriptOutcome)>,
    files: Option<ServerFiles>,
    contents: Receiver<(String, FileContent)>,
    tell_content: SyncSender<(String, FileContent)>,
}

impl Errands {
    pub(super) fn new(waker: Arc<Waker>) -> Self {
        let (tell_ended, ended) = mpsc::channel();
        let (tell_content, contents) = mpsc::sync_channel(MOST_FILES);
        Self { waker, runner: None, running: HashSet::new(), ended, tell_ended, files: None, contents, tell_content }
    }

    /// A configuration is in force. Returns what cannot be had for it, as sentences.
    pub(super) fn configure(&mut self, config: &Arc<Config>) -> Vec<String> {
        let mut problems = Vec::new();
        if self.runner.is_none() && runs_scripts(config) {
            let (tell, waker) = (self.tell_ended.clone(), Arc::clone(&self.waker));
            let told = move |told| match told {
                Told::Done(run, outcome) => {
                    if tell.send((run, outcome)).is_ok() {
                        // A loop that cannot be woken has ended.
                        let _ = waker.wake();
                    }
                }
                Told::Seen(_) => {}
            };
            match scripts::spawn_few(MOST_SCRIPTS, told) {
                Ok(runner) => self.runner = Some(runner),
                Err(error) => problems.push(format!("scripts of checks cannot be run: {error}")),
            }
        }
        if let Some(runner) = &self.runner {
            runner.secure(config.global.script_security);
        }
        if self.files.is_none() && trackers::watches_files(config) {
            let (tell, waker) = (self.tell_content.clone(), Arc::clone(&self.waker));
            let told = move |name, content| {
                if tell.send((name, content)).is_ok() {
                    let _ = waker.wake();
                }
            };
            match ServerFiles::spawn(told) {
                Ok(files) => self.files = Some(files),
                Err(error) => problems.push(format!("files that checks go by cannot be watched: {error}")),
            }
        }
        if let Some(files) = &self.files {
            files.configure(config);
        }
        problems
    }

    /// Has a script run. An outcome that is known at once is given back.
    pub(super) fn run(&mut self, run: ScriptRun) -> Option<ScriptOutcome> {
        let Some(runner) = &self.runner else {
            return Some(ScriptOutcome::NotTried("there is no thread to run scripts".to_owned()));
        };
        self.running.insert(run.run);
        runner.run(run);
        None
    }

    /// Ends a script if it runs.
    pub(super) fn cancel(&mut self, probe: ProbeId) {
        if self.running.remove(&probe.number())
            && let Some(runner) = &self.runner
        {
            runner.cancel(probe.number());
        }
    }

    /// A run that is over.
    pub(super) fn next_ended(&mut self) -> Option<(u64, ScriptOutcome)> {
        let (run, outcome) = self.ended.try_recv().ok()?;
        self.running.remove(&run);
        Some((run, outcome))
    }

    /// What files hold now, as much as may be taken in one turn: a file that changes all the time must not keep the loop from
    /// its other work.
    pub(super) fn contents(&mut self) -> Vec<(String, FileContent)> {
        let contents: Vec<_> = self.contents.try_iter().take(MOST_FILES).collect();
        if contents.len() == MOST_FILES {
            let _ = self.waker.wake();
        }
        contents
    }

    /// Ends all that run, and waits for that a moment.
    pub(super) fn stop(self) {
        if let Some(runner) = self.runner {
            let (reply, answer) = mpsc::channel();
            runner.stop(vec![reply]);
            // What does not even die of SIGKILL is the kernel's to end.
            let _ = answer.recv_timeout(STOP_PATIENCE);
        }
    }
}

fn runs_scripts(config: &Config) -> bool {
    let mut checks = config.services.iter().flat_map(|service| &service.servers).flat_map(|server| &server.checks);
    checks.any(|check| check.kind.script().is_some())
}
