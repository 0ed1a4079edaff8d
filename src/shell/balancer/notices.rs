//! Who is told that servers and services come and go: scripts, and named pipes.
//!
//! Both have threads of their own, which begin with the first that there is to tell: most configurations tell nobody.

use std::sync::mpsc::Sender;

use tracing::error;

use crate::model::{Config, Notice};
use crate::shell::fifos::{Fifos, Share};
use crate::shell::scripts::{self, Runner};

/// The scripts' runner and the pipes.
#[derive(Default)]
pub(super) struct Notices {
    runner: Option<Runner>,
    fifos: Fifos,
    secure: bool,
    /// Notices that one service may have at once.
    room: usize,
}

/// All servers of a service may fail at one moment, with its quorum, and be back before the last script has run; and so once more.
fn room(config: &Config) -> usize {
    let largest = config.services.iter().map(|service| service.servers.len()).max().unwrap_or(0);
    largest.saturating_add(1).saturating_mul(4)
}

impl Notices {
    /// A configuration is in force.
    pub(super) fn configure(&mut self, config: &Config) {
        let global = &config.global;
        self.secure = global.script_security;
        self.room = room(config);
        if let Some(runner) = &self.runner {
            runner.secure(self.secure);
            runner.room(self.room);
        }
        // The pipe of everything is made, read and removed by the router loop.
        let services = !config.services.is_empty();
        let shared = config.router.notify_fifo.iter().filter(|_| services).map(|fifo| (fifo, Share::Guest));
        let own = global.service_fifo.iter().map(|fifo| (fifo, Share::Owner));
        self.fifos.configure(&shared.chain(own).collect::<Vec<_>>(), global.script_user.as_ref(), self.secure);
    }

    /// Runs a script, after those of the same subject.
    pub(super) fn notify(&mut self, notice: Notice) {
        if self.runner.is_none() {
            // Nobody tracks a script here.
            match scripts::spawn(|_| {}) {
                Ok(runner) => {
                    runner.secure(self.secure);
                    runner.room(self.room);
                    self.runner = Some(runner);
                }
                Err(error) => error!("{}: no script is run: cannot start a thread: {error}", notice.subject),
            }
        }
        if let Some(runner) = &self.runner {
            runner.notify(notice);
        }
    }

    /// Tells the pipes.
    pub(super) fn line(&self, line: &str) {
        self.fifos.tell(line);
    }

    /// The end: scripts may run for a moment, and pipes take what they can; then everybody is answered.
    pub(super) fn stop(mut self, replies: Vec<Sender<()>>) {
        self.fifos.stop();
        match &self.runner {
            Some(runner) => runner.stop(replies),
            None => replies.into_iter().for_each(|reply| {
                // Whoever is gone did not want to wait any longer.
                let _ = reply.send(());
            }),
        }
    }
}
