//! The eyes of the routers: processes, files and checks that a router watches, each kind on a thread of its own.
//!
//! ```text
//!   proc connector, /proc --> processes --.
//!   inotify, files ---------> files -------+--> Fact --> the router loop's inbox
//!   sockets, TLS -----------> checks -----'
//! ```
//!
//! Nothing here can hold the router loop up. It hands over a configuration and goes on; facts come back one by one, and where
//! it cannot take one, the thread that has it waits. What happens meanwhile is not lost: each thread looks anew at how things
//! are before it tells more.
//!
//! A thread that panics says so and starts again with the same configuration.

mod checks;
mod files;
mod processes;

use std::collections::BTreeSet;
use std::io;
use std::sync::Arc;

use super::mailbox::{self, Entrance, keep_running};
use crate::model::{Config, FileContent, TrackFile};
use crate::vrrp::engine::Fact;

type Mail = mailbox::Mail<Config>;

/// The threads. Dropping this ends them.
#[derive(Debug)]
pub struct Trackers {
    entrances: Vec<Entrance<Config>>,
}

impl Trackers {
    /// Starts the threads, which have nothing to do until [`Trackers::configure`]. `tell` is called with each fact, from any
    /// of them, and may wait. `fresh`: files with an initial value are written (`init_file`), as at a daemon's start; a
    /// router loop that is started again leaves them as they are.
    ///
    /// # Errors
    /// Where a thread or an eventfd cannot be had.
    pub fn spawn(tell: impl Fn(Fact) + Send + Clone + 'static, fresh: bool) -> io::Result<Self> {
        let of_files = tell.clone();
        let of_checks = tell.clone();
        Ok(Self {
            entrances: vec![
                keep_running("track-procs", move |mail| processes::run(mail, &tell))?,
                keep_running("track-files", {
                    let mut start = files::Start::new(fresh);
                    let tell = move |name, content| of_files(Fact::File { name, content });
                    move |mail| files::run(mail, &tell, |config| config.files.clone(), Some(&mut start))
                })?,
                keep_running("track-checks", move |mail| checks::run(mail, &of_checks))?,
            ],
        })
    }

    /// What is to be watched from now on. All that is known of it is told again, so that nobody who hears it for the first
    /// time has to wait for a change; runs of checks are told as they come.
    pub fn configure(&self, config: &Arc<Config>) {
        for entrance in &self.entrances {
            entrance.send(config);
        }
    }

    /// Ends the threads, without waiting for them.
    pub fn stop(self) {
        drop(self);
    }
}

/// The files that checks of servers go by (`FILE_CHECK`), watched for the balancer loop by a thread of its own. Initial values
/// are the routers' thread's to write.
#[derive(Debug)]
pub struct ServerFiles {
    entrance: Entrance<Config>,
}

impl ServerFiles {
    /// Starts the thread. `tell` is called with what a file holds, whenever that changes, and may wait.
    ///
    /// # Errors
    /// Where a thread or an eventfd cannot be had.
    pub fn spawn(tell: impl Fn(String, FileContent) + Send + 'static) -> io::Result<Self> {
        let entrance = keep_running("server-files", move |mail| files::run(mail, &tell, files_of_servers, None))?;
        Ok(Self { entrance })
    }

    /// What is to be watched from now on: all that is known of it is told again.
    pub fn configure(&self, config: &Arc<Config>) {
        self.entrance.send(config);
    }
}

/// Whether a server of this configuration has a check by a file.
pub fn watches_files(config: &Config) -> bool {
    names_of_servers(config).next().is_some()
}

fn names_of_servers(config: &Config) -> impl Iterator<Item = &str> {
    let checks = config.services.iter().flat_map(|service| &service.servers).flat_map(|server| &server.checks);
    checks.filter_map(|check| check.kind.file()).map(|probe| probe.file.as_str())
}

fn files_of_servers(config: &Config) -> Vec<TrackFile> {
    let names: BTreeSet<&str> = names_of_servers(config).collect();
    config.files.iter().filter(|file| names.contains(file.name.as_str())).cloned().collect()
}
