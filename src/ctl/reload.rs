//! `ipvsctl reload`.

use clap::Args;

use super::{Failure, Status, complain, print, steps};
use crate::shell::control::client::Client;

/// Have the daemon read its configuration again, and say what came of it
///
/// A configuration with errors changes nothing: the daemon runs on with the one that it has, and the exit status is 1.
#[derive(Debug, Args)]
pub(super) struct Reload {}

impl Reload {
    pub(super) fn run(self, client: &Client) -> Result<Status, Failure> {
        let reply = client.reload()?;
        if !reply.diagnostics.is_empty() {
            complain(&reply.diagnostics);
        }
        if !reply.applied {
            complain("ipvsctl: the configuration was refused; the daemon runs on with the one that it had");
            return Ok(Status::BadNews);
        }
        print(&if reply.steps.is_empty() {
            "Reloaded: the kernel's table stays as it is.\n".to_owned()
        } else {
            format!("Reloaded: {}:\n{}", steps::sum(&reply.steps), steps::lines(&reply.steps))
        })?;
        Ok(Status::Ok)
    }
}
