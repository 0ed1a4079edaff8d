//! `ipvsctl reload`.

use clap::Args;

use super::{Failure, Status, complain, print, steps};
use crate::shell::control::client::Client;

/// Have the daemon read its configuration again, and say what came of it
///
/// A configuration with errors changes nothing: the daemon runs on with the one that it has, and the exit status is 1.
/// It is 1 as well where the kernel refused some of the steps, or has no IPVS for the services: the rest is in force.
#[derive(Debug, Args)]
pub(super) struct Reload {}

impl Reload {
    pub(super) fn run(self, client: &Client) -> Result<Status, Failure> {
        let reply = client.reload()?;
        if !reply.diagnostics.is_empty() {
            complain(&reply.diagnostics);
        }
        if !reply.applied && !reply.problems.is_empty() {
            // Nothing is wrong with the configuration, as far as anybody knows.
            for problem in &reply.problems {
                complain(&format!("ipvsctl: {problem}"));
            }
            return Ok(Status::BadNews);
        }
        if !reply.applied {
            complain("ipvsctl: the configuration was refused; the daemon runs on with the one that it had");
            return Ok(Status::BadNews);
        }
        let (now, later) = (steps::lines(&reply.steps), steps::later(&reply.pending));
        print(&match (reply.steps.is_empty(), later.is_empty()) {
            (true, true) => "Reloaded: the kernel's table stays as it is.\n".to_owned(),
            (true, false) => format!("Reloaded: the kernel's table stays as it is for now.\n{later}"),
            (false, _) => format!("Reloaded: {}:\n{now}{later}", steps::sum(&reply.steps, &reply.pending)),
        })?;
        for problem in &reply.problems {
            complain(&format!("ipvsctl: {problem}"));
        }
        Ok(if reply.problems.is_empty() { Status::Ok } else { Status::BadNews })
    }
}
