//! `ipvsctl plan [FILE]`.

use std::path::PathBuf;

use clap::Args;

use super::{Failure, Status, complain, print, steps};
use crate::api::PlanRequest;
use crate::shell::control::client::Client;

/// Say what a configuration would change in the kernel's table, in order, and how many live connections each step touches
///
/// Nothing is changed. The daemon reads the file, and compares it with the table as it is now. What would come later is told too:
/// who gets connections after the first success of its checks, who serves on until then, and who has how long to finish what it
/// has.
#[derive(Debug, Args)]
pub(super) struct Plan {
    /// Configuration to plan for [default: the daemon's own, as it stands on disk]
    file: Option<PathBuf>,
}

impl Plan {
    pub(super) fn run(self, client: &Client) -> Result<Status, Failure> {
        let file = self.file.map(absolute).transpose()?;
        let reply = client.plan(&PlanRequest { file })?;
        if !reply.diagnostics.is_empty() {
            complain(&reply.diagnostics);
        }
        let (now, later) = (steps::lines(&reply.steps), steps::later(&reply.pending));
        print(&match (reply.steps.is_empty(), later.is_empty()) {
            (true, true) if reply.differs => {
                "Nothing would change in the kernel: what is decided from then on may.\n".to_owned()
            }
            (true, true) => "Nothing would change.\n".to_owned(),
            (true, false) => format!("Nothing would change at once.\n{later}"),
            (false, _) => format!("{}:\n{now}{later}", steps::sum(&reply.steps, &reply.pending)),
        })?;
        Ok(Status::Ok)
    }
}

/// The daemon has a working directory of its own.
fn absolute(file: PathBuf) -> Result<String, Failure> {
    let usage =
        |why: String| Failure { status: Status::Usage, message: format!("cannot name {}: {why}", file.display()) };
    let path = std::path::absolute(&file).map_err(|error| usage(error.to_string()))?;
    path.into_os_string().into_string().map_err(|_| usage("its path is not UTF-8".to_owned()))
}
